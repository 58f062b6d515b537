//! What machines read: one document on stdout, whatever happens, with the process's exit code in it.

use serde_json::{Value as Json, json};

use super::place::Place;

#[test]
fn one_document_always_with_the_exit_code() {
    let place = Place::new();
    for (line, code, status) in [
        ("plan managed-identity --sandbox", 0, "ok"),
        ("plan managed-identity --sandbox --exit-code", 5, "changes-found"),
        ("check managed-identity --sandbox --sandbox-caller reader", 3, "prerequisites-missing"),
        ("check managed-identity", 3, "prerequisites-missing"),
        ("verify managed-identity --sandbox", 4, "verification-failed"),
        ("apply managed-identity", 2, "usage"),
        ("apply nothing --sandbox", 2, "usage"),
        (
            "apply managed-identity --sandbox --sandbox-fault match=PATCH:/containerApps/+status=400",
            1,
            "failed",
        ),
        ("apply --no-such-flag", 2, "usage"),
        ("aply", 2, "usage"),
        ("lint no-such-file", 2, "usage"),
        ("apply managed-identity --sandbox", 0, "ok"),
        ("sandbox reset", 0, "ok"),
    ] {
        let words: Vec<String> = line.split(' ').map(|word| word.replace('+', " ")).collect();
        let outcome = place.run(words.iter().map(String::as_str).chain(["-o", "json"])).code(code);
        let report = outcome.json();
        assert_eq!(report["exitCode"], json!(code), "{line}");
        assert_eq!(report["status"], json!(status), "{line}");
        assert_eq!(report["formatVersion"], json!(1), "{line}");
        if code == 1 || code == 2 {
            assert!(report["diagnostics"][0]["message"].is_string(), "{line}: {report:#}");
        }
    }
}

#[test]
fn a_query_picks_from_the_document() {
    let place = Place::new();
    let picked = |arguments: &[&str]| place.run(arguments).code(0).json();
    assert_eq!(
        picked(&["list", "--query", "[].name"]),
        json!([
            "azure-sql",
            "bring-your-own-storage",
            "container-registry",
            "cosmos-db",
            "custom-container",
            "custom-domains",
            "dapr-integration",
            "easy-auth",
            "jobs",
            "key-vault-reference",
            "managed-identity",
            "mtls-client-certificates",
            "native-dependencies",
            "redis",
            "revision-validation",
            "storage"
        ])
    );
    assert_eq!(
        picked(&["apply", "managed-identity", "--sandbox", "--query", "[status, counts.writes]"]),
        json!(["ok", 1])
    );
    assert_eq!(
        picked(&["verify", "--sandbox", "--query", "app"]),
        json!({"name": "ca-demo", "provisioningState": "Succeeded", "runningStatus": "Running"})
    );
    assert_eq!(
        picked(&["show", "managed-identity", "--page", "--query", "starts_with(page, '# ')"]),
        json!(true)
    );
    assert_eq!(picked(&["sandbox", "rules", "--query", "[0].id"]).as_str().map(str::is_empty), Some(false));
    assert_eq!(picked(&["schema", "--query", "type"]), json!("object"));
    assert_eq!(picked(&["graph", "--query", "length(nodes) > `1`"]), json!(true));
    // An expression that fails is no reason to lose the run's own exit code.
    let outcome = place.run(["list", "--query", "sum(@)"]).code(0);
    assert_eq!(outcome.json(), Json::Null);
    assert!(outcome.stderr.contains("--query"), "{}", outcome.stderr);
}

/// Every key of a document with the kind of its value; lists by the union of their elements.
fn shape(json: &Json, path: &str, into: &mut std::collections::BTreeSet<String>) {
    let kind = match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    };
    into.insert(format!("{path}: {kind}"));
    match json {
        Json::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), into)),
        Json::Object(members) => members.iter().for_each(|(key, member)| {
            // Keys that are names, not part of the shape.
            let key = if path.ends_with("outputs") || path.ends_with("notes") { "*" } else { key };
            shape(member, &format!("{path}.{key}"), into);
        }),
        _ => {}
    }
}

#[test]
fn the_shape_of_the_report_is_frozen() {
    let place = Place::new();
    let mut all = std::collections::BTreeSet::new();
    for line in [
        "apply key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password -o json",
        "plan managed-identity --sandbox --sandbox-caller reader -p identity=create -o json",
        "lint no-such-file -o json",
    ] {
        shape(&place.line(line).json(), "", &mut all);
    }
    let told = all.into_iter().collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told, @r"
    .app.name: string
    .app.provisioningState: string
    .app.runningStatus: string
    .app: object
    .applied.revisions: list
    .applied.revisions[]: string
    .applied.writes: list
    .applied.writes[]: string
    .applied: object
    .command: string
    .correlationId: string
    .counts.reads: number
    .counts.requests: number
    .counts.revisions: number
    .counts.rounds: number
    .counts.writes: number
    .counts: object
    .diagnostics: list
    .diagnostics[].code: string
    .diagnostics[].message: string
    .diagnostics[].severity: string
    .diagnostics[]: object
    .exitCode: number
    .formatVersion: number
    .instances: list
    .instances[].asked: boolean
    .instances[].name: string
    .instances[].recipe: string
    .instances[].requiredBy: list
    .instances[].requiredBy[]: string
    .instances[].typed: string
    .instances[]: object
    .notes.*: string
    .notes: object
    .outputs.*.client_id: string
    .outputs.*.identity: string
    .outputs.*.name: string
    .outputs.*.principal_id: string
    .outputs.*.vault_id: string
    .outputs.*.vault_uri: string
    .outputs.*: object
    .outputs: object
    .permissions: list
    .permissions[].actions: list
    .permissions[].actions[].action: string
    .permissions[].actions[].detail: string
    .permissions[].actions[].optional: boolean
    .permissions[].actions[].status: string
    .permissions[].actions[].why: string
    .permissions[].actions[]: object
    .permissions[].fix: list
    .permissions[].fix[]: string
    .permissions[].roles: list
    .permissions[].roles[]: string
    .permissions[].scope: string
    .permissions[]: object
    .plan.empty: boolean
    .plan.newRevisions: number
    .plan.writes: list
    .plan.writes[].action: string
    .plan.writes[].changes: list
    .plan.writes[].changes[].action: string
    .plan.writes[].changes[].after: object
    .plan.writes[].changes[].after: string
    .plan.writes[].changes[].before: null
    .plan.writes[].changes[].before: string
    .plan.writes[].changes[].path: string
    .plan.writes[].changes[].why: list
    .plan.writes[].changes[].why[]: string
    .plan.writes[].changes[]: object
    .plan.writes[].consequences: list
    .plan.writes[].consequences[]: string
    .plan.writes[].name: string
    .plan.writes[].noun: string
    .plan.writes[].resource: string
    .plan.writes[].steps: list
    .plan.writes[].steps[]: string
    .plan.writes[]: object
    .plan: object
    .prerequisites: list
    .prerequisites[].code: string
    .prerequisites[].detail: string
    .prerequisites[].docs: string
    .prerequisites[].fix: string
    .prerequisites[].name: string
    .prerequisites[].recipe: string
    .prerequisites[].status: string
    .prerequisites[]: object
    .recipes: list
    .recipes[]: string
    .run: string
    .sandbox: boolean
    .status: string
    .target.app: string
    .target.caller: string
    .target.cloud: string
    .target.resourceGroup: string
    .target.subscription: string
    .target.subscriptionFrom: string
    .target.tenant: string
    .target: object
    .verification: list
    .verification[].code: string
    .verification[].detail: string
    .verification[].name: string
    .verification[].recipe: string
    .verification[].simulated: boolean
    .verification[].status: string
    .verification[]: object
    : object
    ");
}
