//! Recipes of strangers: what they may not do with a secret, and with roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use acarecipe::diagnostic::{Source, json};
use acarecipe::plan::Selection;
use acarecipe::recipe::{Asked, Catalogue, Origin, Outside, bind, load};
use acarecipe::report::PlanReport;
use acarecipe::sandbox::seed;

use super::super::support::world::World;

struct Env(BTreeMap<&'static str, &'static str>);

impl Outside for Env {
    fn input_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("no files".to_owned())
    }

    fn standard_input(&self) -> Result<String, String> {
        Err("no input".to_owned())
    }
}

const HEAD: &str = "
name: stranger
title: A recipe of a stranger
category: test
complexity: low
inputs:
  key: { secret: true, required: true, env: [KEY] }
";

/// A run of the recipe with further `inputs` and these `steps`; the codes of the mistakes when it does not load.
fn loaded(inputs: &str, steps: &str) -> Result<Selection, Vec<&'static str>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("stranger")).unwrap();
    std::fs::write(folder.path().join("stranger/recipe.yaml"), format!("{HEAD}{inputs}{steps}")).unwrap();
    let catalogue = Catalogue::load(&[folder.path().to_owned()], false)
        .map_err(|found| found.iter().map(|one| one.code.0).collect::<Vec<_>>())?;
    Ok(selected(&catalogue))
}

fn selected(catalogue: &Catalogue) -> Selection {
    let asked = Asked { recipe: "stranger".to_owned(), ..Asked::default() };
    let instances = catalogue.instances(&[asked]).unwrap();
    let env = Env(BTreeMap::from([("KEY", "hunter2-hunter2"), ("MORE", r#"{"DB": "hunter3"}"#)]));
    let inputs = bind(&instances, &[], &env).expect("the inputs bind");
    Selection { instances, inputs }
}

/// The codes of the problems that a plan of it has, and everything that is told. The recipe is planned as if
/// nobody had looked at it: what lint finds in the file must not be all that stands in the way.
fn plan_in(world: &World, inputs: &str, steps: &str) -> (Vec<&'static str>, String) {
    let text = format!("{HEAD}{inputs}{steps}");
    let source = Arc::new(Source { name: "recipe.yaml".to_owned(), text });
    let recipe = load(&source, Origin::Folder("stranger".into())).unwrap_or_else(|found| panic!("{found:?}"));
    let mut catalogue = Catalogue::built_in().unwrap();
    catalogue.insert(recipe);
    let plan = world.plan_of(&selected(&catalogue)).unwrap().plan;
    let codes = plan.problems.iter().map(|problem| problem.code.0).collect();
    let report = serde_json::to_string(&PlanReport::new(&plan, Vec::new())).unwrap();
    let told = format!(
        "{:?} {:?} {:?} {:?} {report}",
        plan.problems.iter().map(json::to_json).collect::<Vec<_>>(),
        plan.prerequisites,
        plan.outputs,
        plan.notes
    );
    for exchange in world.sandbox.exchanges() {
        let asked = format!("{} {:?}", exchange.path, exchange.query);
        assert!(!asked.to_lowercase().contains("hunter2"), "{asked}");
    }
    (codes, told)
}

fn planned(steps: &str) -> (Vec<&'static str>, String) {
    plan_in(&with_identity(), "", steps)
}

/// An app that has a system identity.
fn with_identity() -> World {
    World::new().edited(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["identity"] = serde_json::json!({
            "type": "SystemAssigned",
            "principalId": "5e1f0000-0000-4000-8000-000000000001",
            "tenantId": seed::TENANT,
        });
    })
}

fn problems_of(inputs: &str, steps: &str) -> (Vec<&'static str>, String) {
    plan_in(&World::new(), inputs, steps)
}

fn problems(steps: &str) -> (Vec<&'static str>, String) {
    problems_of("", steps)
}

#[test]
fn a_secret_may_be_an_app_secret() {
    let (codes, _) = problems(
        "steps:\n  - id: keep\n    container_app:\n      configuration:\n        secrets: [{ name: mine, value: \"${inputs.key}\" }]\n",
    );
    assert_eq!(codes, [""; 0]);
}

#[test]
fn a_secret_may_not_be_a_tag_or_a_variable() {
    for steps in [
        "steps:\n  - id: leak\n    container_app:\n      tags: { stolen: \"${inputs.key}\" }\n",
        "steps:\n  - id: leak\n    container_app:\n      tags: { stolen: \"prefix-${upper(inputs.key)}\" }\n",
        "steps:\n  - id: leak\n    container_app:\n      template: { containers: [{ name: \"${container.name}\", env: [{ name: K, value: \"${inputs.key}\" }] }] }\n",
    ] {
        let (codes, told) = planned(steps);
        assert_eq!(codes, ["secret-misplaced"], "{steps}");
        assert!(!told.to_lowercase().contains("hunter2"), "{told}");
    }
}

/// Where a secret, or what others keep in a variable, would be seen: each is refused, and told without it.
#[test]
fn a_secret_may_not_be_a_name_a_key_or_a_part_of_an_address() {
    let tag = |key: &str, value: &str| {
        format!("steps:\n  - id: leak\n    container_app: {{ tags: {{ \"{key}\": \"{value}\" }} }}\n")
    };
    let looked_up = |keys: &str| {
        format!(
            "existing:\n  vault: {{ type: Microsoft.KeyVault/vaults, {keys} }}\n{}",
            tag("x", "${vault.name}")
        )
    };
    let granted = |role: &str, scope: &str| {
        format!(
            "steps:\n  - id: grant\n    role_assignment: {{ role: \"{role}\", principal: \"${{app.identity.principalId}}\", scope: \"{scope}\" }}\n"
        )
    };
    let made = |keys: &str| {
        format!(
            "steps:\n  - id: make\n    resource: {{ type: Microsoft.ManagedIdentity/userAssignedIdentities, {keys} }}\n"
        )
    };
    for steps in [
        tag("${inputs.key}", "x"),
        tag("x", "${join('-', ['a', inputs.key])}"),
        tag("x", "${replace(inputs.key, 'h', 'H')}"),
        tag("x", "${split(inputs.key, '-')[0]}"),
        tag("x", "${length(inputs.key)}"),
        tag("x", "${reverse(inputs.key)}"),
        tag("x", "${keys(from_items([{key: inputs.key, value: 'v'}]))[0]}"),
        tag("x", "${items(from_items([{key: inputs.key, value: 'v'}]))[0].key}"),
        tag("x", "${to_string({a: [inputs.key]})}"),
        tag("x", "${guid(inputs.key)}"),
        tag("x", "${max([inputs.key, 'a'])}"),
        format!("variables: {{ v: {{ deep: [\"${{inputs.key}}\"] }} }}\n{}", tag("x", "${variables.v.deep[0]}")),
        format!("variables: {{ v: \"${{inputs.key}}\" }}\noutputs: {{ o: \"${{variables.v}}\" }}\n{}", tag("x", "${outputs.o}")),
        // What is not ours is no better off.
        tag("x", "${container.env[0].value}"),
        looked_up("name: \"${inputs.key}\""),
        looked_up("name: kv-demo, resource_group: \"${inputs.key}\""),
        looked_up("name: x, parent: \"${join('', [app.id, '/', inputs.key, '/x'])}\""),
        looked_up("name: x, scope: \"${app.id}/providers/A.B/c/${inputs.key}\""),
        granted("${inputs.key}", "${app.id}"),
        granted("Reader", "${app.id}/revisions/${inputs.key}"),
        made("name: \"id-${inputs.key}\", body: {}"),
        made("name: x, parent: \"/subscriptions/${inputs.key}\", body: {}"),
        made("name: x, body: { tags: { x: \"${inputs.key}\" } }"),
        "steps:\n  - id: leak\n    for_each: \"${from_items([{key: inputs.key, value: 'v'}])}\"\n    container_app: { tags: { \"${each.key}\": x } }\n".to_owned(),
        "steps:\n  - id: leak\n    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: \"${inputs.key}\", value: x }] }] } }\n".to_owned(),
        "steps:\n  - id: leak\n    container_app: { configuration: { secrets: [{ name: \"${inputs.key}\", value: x }] } }\n".to_owned(),
    ] {
        let (codes, told) = planned(&steps);
        assert!(codes.contains(&"secret-misplaced"), "{codes:?} {steps}\n{told}");
        assert!(!told.to_lowercase().contains("hunter2"), "{steps}\n{told}");
    }
}

#[test]
fn words_show_no_secret() {
    let (codes, told) = problems(
        "\
prerequisites:
  - { name: \"${inputs.key}\", that: \"${inputs.key == 'x'}\", otherwise: \"it is ${inputs.key}\", fix: \"echo ${inputs.key}\", severity: warning }
steps:
  - id: a
    why: \"${upper(inputs.key)}\"
    container_app: { tags: { a: b } }
outputs: { o: \"${inputs.key}\" }
notes: \"${inputs.key}\"
",
    );
    assert_eq!(codes, [""; 0]);
    assert!(!told.to_lowercase().contains("hunter2"), "{told}");
}

#[test]
fn a_map_of_secrets_goes_round_by_its_open_names() {
    let (codes, told) = problems_of(
        "  more: { type: map, values: string, secret: true, env: [MORE] }\n",
        "steps:\n  - id: keep\n    for_each: \"${inputs.more}\"\n    container_app:\n      configuration:\n        secrets: [{ name: \"${lower(each.key)}\", value: \"${each.value}\" }]\n",
    );
    assert_eq!(codes, [""; 0]);
    assert!(told.contains("db") && !told.contains("hunter3"), "{told}");
}

#[test]
fn no_recipe_grants_a_role_that_gives_roles() {
    // By name, GUID or id, written out or made up at plan, in any case, and by what the role may do.
    for role in [
        "${join('', ['Own', 'er'])}",
        "${upper('owner')}",
        "${join('-', ['8e3af657', 'a8ff-443c-a75c-2fe8c4bcb635'])}",
        "${replace('8e3af657Xa8ff-443c-a75c-2fe8c4bcb635', 'X', '-')}",
        "${upper('{18d7d88d-d35e-4fb5-a5c3-7773c20a72d9}')}",
        "${join('/', ['', 'providers/Microsoft.Authorization/roleDefinitions', 'f58310d9-a9f6-439a-9e8d-f62e7b41a168'])}",
        "${lower('USER ACCESS ADMINISTRATOR')}",
    ] {
        let steps = format!(
            "variables:\n  role: \"{role}\"\nsteps:\n  - id: grant\n    role_assignment: {{ role: \"${{variables.role}}\", principal: \"${{app.identity.principalId}}\", scope: \"${{app.id}}\" }}\n"
        );
        let (codes, _) = planned(&steps);
        assert_eq!(codes, ["role-refused"], "{role}");
    }
}

#[test]
fn a_role_for_nobody_is_told() {
    let (codes, _) = planned(
        "steps:\n  - id: grant\n    role_assignment: { role: Reader, principal: \"${app.identity.principalId}\", scope: \"${app.id}\" }\n",
    );
    assert_eq!(codes, ["no-principal"]);
}

#[test]
fn a_type_or_path_that_gives_rights_is_not_written() {
    let (codes, _) = planned(
        "steps:\n  - id: open\n    resource: { type: Microsoft.KeyVault/vaults, name: kv-demo, body: { properties: { \"${join('', ['access', 'Policies'])}\": [] } } }\n",
    );
    assert_eq!(codes, ["forbidden-type"]);
    let password = |name: &str| {
        format!(
            "steps:\n  - id: mine\n    resource: {{ type: Microsoft.Sql/servers, name: sql-demo, body: {{ properties: {{ {name}: Known-By-Me-1 }} }} }}\n"
        )
    };
    let (codes, told) = planned(&password("\"${join('', ['administratorLogin', 'Password'])}\""));
    assert_eq!(codes, ["forbidden-type"]);
    assert!(!told.contains("Known-By-Me-1"), "{told}");
    assert_eq!(loaded("", &password("administratorLoginPassword")).unwrap_err(), ["forbidden-type"]);
    for (kind, code) in [
        ("Microsoft.Authorization/roleAssignments", "forbidden-type"),
        ("microsoft.authorization/LOCKS", "forbidden-type"),
        ("Microsoft.Resources/deployments", "forbidden-type"),
        ("Microsoft.Resources/deploymentScripts@2023-08-01", "forbidden-type"),
        ("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", "forbidden-type"),
        ("Microsoft.App/containerApps", "forbidden-type"),
        ("Microsoft.Compute/virtualMachines@2024-07-01", "unknown-type"),
        ("Microsoft.App/containerApps/revisions", "unknown-type"),
    ] {
        let steps = format!("steps:\n  - {{ id: x, resource: {{ type: {kind}, name: x, body: {{}} }} }}\n");
        let refused = loaded("", &steps).unwrap_err();
        assert_eq!(refused, [code], "{kind}");
    }
}

/// What a GET never returns is never seen to be in place by itself: a recipe that wrote it would write it again
/// and again.
#[test]
fn what_is_never_returned_is_told_apart_in_some_way() {
    use acarecipe::azure::types::{self, Update};
    let elsewhere = [
        // No recipe writes an environment; the first that does has to say how these are compared.
        (
            "Microsoft.App/managedEnvironments",
            "properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey",
        ),
        ("Microsoft.App/managedEnvironments", "properties.customDomainConfiguration.certificateValue"),
        ("Microsoft.App/managedEnvironments", "properties.customDomainConfiguration.certificatePassword"),
        ("Microsoft.App/managedEnvironments", "properties.daprAIConnectionString"),
        ("Microsoft.App/managedEnvironments", "properties.daprAIInstrumentationKey"),
    ];
    let mut open = Vec::new();
    for kind in types::ALL.iter().filter(|kind| kind.update != Update::Never) {
        for path in kind.write_only {
            // A POST tells it.
            let told = kind.told_by.is_some_and(|(list, _)| format!("{list}[].value") == *path);
            if !told && !kind.presence.contains(path) && !kind.gives_rights.contains(path) {
                open.push((kind.name, *path));
            }
        }
    }
    assert_eq!(open, elsewhere);
}

/// What gives rights to others stays as it is, whether it is found by what is in it or by its name.
#[test]
fn what_gives_rights_to_somebody_else_is_never_changed() {
    let theirs = "80000000-0000-4000-8000-000000000008";
    let own = "objectId: 5e1f0000-0000-4000-8000-000000000001";
    let named = "${join('', ['object', 'Id'])}";
    for (head, principal, refused) in [
        ("name: mine, match: [properties.accessPolicyName]", own.to_owned(), true),
        ("name: theirs", own.to_owned(), true),
        ("name: theirs", "objectIdAlias: x".to_owned(), true),
        ("name: theirs", format!("\"{named}\": 5e1f0000-0000-4000-8000-000000000001"), true),
        (
            "name: theirs",
            "objectId: { $patch: default, value: 5e1f0000-0000-4000-8000-000000000001 }".to_owned(),
            true,
        ),
        ("name: mine, match: [properties.objectId]", own.to_owned(), false),
        ("name: ours", own.to_owned(), false),
    ] {
        let world = with_identity().edited(|state| {
            seed::redis::assignment(state, seed::CACHE, "theirs", theirs, "Data Owner");
            let ours = "5E1F0000-0000-4000-8000-000000000001";
            seed::redis::assignment(state, seed::CACHE, "ours", ours, "Data Reader");
        });
        let steps = format!(
            "existing:\n  cache: {{ type: Microsoft.Cache/redis, name: cache-demo }}\nsteps:\n  - id: grant\n    resource: {{ type: Microsoft.Cache/redis/accessPolicyAssignments, parent: \"${{cache}}\", {head}, body: {{ properties: {{ accessPolicyName: Data Owner, {principal} }} }} }}\n"
        );
        let (codes, told) = plan_in(&world, "", &steps);
        let expected: &[&str] = if refused { &["forbidden-type"] } else { &[] };
        assert_eq!(codes, expected, "{head} {principal} {told}");
        assert_eq!(told.contains("another principal"), refused, "{told}");
    }
}

#[test]
fn an_enormous_loop_is_refused() {
    let list = "x,".repeat(2_000);
    let (codes, _) = planned(&format!(
        "steps:\n  - id: many\n    for_each: \"${{split('{list}', ',')}}\"\n    container_app: {{ tags: {{ a: b }} }}\n"
    ));
    assert_eq!(codes, ["too-many-rounds"]);
}

#[test]
fn a_name_does_not_walk_in_the_path_of_a_request() {
    for name in
        ["../../../providers/Microsoft.Authorization/x/y", "a/b", "a?api-version=1", "a%2f..%2fb", ".."]
    {
        let steps = format!(
            "existing:\n  vault: {{ type: Microsoft.KeyVault/vaults, name: \"{name}\" }}\nsteps:\n  - {{ id: tag, container_app: {{ tags: {{ vault: \"${{vault.name}}\" }} }} }}\n"
        );
        let world = World::new();
        plan_in(&world, "", &steps);
        for exchange in world.sandbox.exchanges() {
            assert!(!exchange.path.contains("..") && !exchange.path.contains('%'), "{}", exchange.path);
            assert!(
                !exchange.path.contains("Authorization/x") && !exchange.path.contains("vaults/a"),
                "{}",
                exchange.path
            );
        }
    }
}

#[test]
fn the_callers_credentials_are_no_inputs() {
    for name in [
        "AZURE_CLIENT_SECRET",
        "ACARECIPE_ACCESS_TOKEN",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "IDENTITY_HEADER",
        "SYSTEM_ACCESSTOKEN",
        "GITHUB_TOKEN",
    ] {
        let refused = loaded(&format!("  stolen: {{ env: [{name}] }}\n"), "").unwrap_err();
        assert_eq!(refused, ["credential-variable"], "{name}");
    }
    // A recipe's own text is never read as the caller's is.
    let (codes, told) = problems_of(
        "  read: { type: map, default: { $env: KEY } }\n  file: { default: \"@/etc/passwd\" }\n",
        "steps:\n  - id: tag\n    container_app: { tags: { read: \"${to_string(inputs.read)}\", file: \"${inputs.file}\" } }\n",
    );
    assert_eq!(codes, [""; 0]);
    assert!(told.contains("$env") && told.contains("@/etc/passwd") && !told.contains("hunter2"), "{told}");
}

#[test]
fn of_a_type_without_a_row_what_looks_like_a_secret_is_nobodys_business() {
    use acarecipe::facts::{Fact, Shape};
    use acarecipe::value::Redacted;
    let json = serde_json::json!({ "properties": {
        "hostName": "open.example", "primaryKey": "hunter2", "connectionString": "hunter2",
        "env": [{ "name": "X", "value": "hunter2" }], "adminPassword": "hunter2" } });
    let fact = Fact::found("Microsoft.Other/things", Shape::One, json);
    let shown = Redacted(fact.value().unwrap()).to_json().to_string();
    assert!(!shown.contains("hunter2") && shown.contains("open.example"), "{shown}");
}
