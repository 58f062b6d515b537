//! The validation of exchanges is no rubber stamp: it accepts what is right and names what is wrong.

use serde_json::{Value as Json, json};

use crate::support::schema::{app_versions, check_records, exceptions, specs};

const APP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.App/containerApps/web";

/// A GET of an app in `version`, all of it right.
fn get(version: &str) -> Json {
    json!({
        "method": "GET",
        "path": APP,
        "query": { "api-version": version },
        "request_body": null,
        "status": 200,
        "response_headers": {},
        "response_body": {
            "id": APP,
            "name": "web",
            "type": "Microsoft.App/containerApps",
            "location": "westeurope",
            "identity": { "type": "None" },
            "properties": {
                "provisioningState": "Succeeded",
                "managedEnvironmentId": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/managedEnvironments/env",
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "secrets": [{ "name": "key" }],
                },
                "template": { "containers": [{ "name": "web", "image": "nginx", "env": [{ "name": "A", "value": "" }] }] },
            },
        },
    })
}

/// A PATCH of an app, all of it right.
fn patch(version: &str) -> Json {
    json!({
        "method": "PATCH",
        "path": APP,
        "query": { "api-version": version },
        "request_body": { "properties": { "configuration": { "secrets": [{ "name": "key", "value": "v" }] } } },
        "status": 202,
        "response_headers": { "location": "https://management.azure.com/x" },
        "response_body": null,
    })
}

/// The problems of one record after `change`.
fn problems(mut record: Json, change: impl FnOnce(&mut Json)) -> Vec<String> {
    change(&mut record);
    check_records(&[record]).err().unwrap_or_default()
}

/// Both judges name it: ours and, where it runs, the second.
#[track_caller]
fn caught(problems: &[String], what: &str) {
    assert!(
        problems.iter().any(|problem| problem.contains(what) && !problem.starts_with("second opinion")),
        "ours does not say {what:?}: {problems:#?}"
    );
}

#[test]
fn what_is_right_passes_in_both_versions() {
    if specs().is_none() {
        return;
    }
    for version in app_versions() {
        assert_eq!(check_records(&[get(version), patch(version)]), Ok(2), "{version}");
    }
}

#[test]
fn a_misspelt_property_a_missing_id_and_a_read_only_property_sent_are_caught() {
    if specs().is_none() {
        return;
    }
    for version in app_versions() {
        let misspelt = problems(patch(version), |record| {
            record["request_body"]["properties"]["configuration"]["activeRevisionMode"] = json!("Single");
        });
        caught(&misspelt, "activeRevisionMode");
        let answered = problems(get(version), |record| {
            record["response_body"]["properties"]["template"]["containers"][0]["enviroment"] = json!([]);
        });
        caught(&answered, "enviroment");
        let nameless = problems(get(version), |record| {
            record["response_body"].as_object_mut().unwrap().remove("id");
        });
        caught(&nameless, "the resource has no 'id'");
        let sent = problems(patch(version), |record| {
            record["request_body"]["properties"]["provisioningState"] = json!("Succeeded");
        });
        caught(&sent, "body.properties.provisioningState: is read-only");
    }
}

#[test]
fn secrets_in_answers_wrong_types_versions_and_statuses_are_caught() {
    if specs().is_none() {
        return;
    }
    let new = "2026-01-01";
    let leaked = problems(get(new), |record| {
        record["response_body"]["properties"]["configuration"]["secrets"][0]["value"] = json!("hunter2");
    });
    caught(&leaked, "secrets[0].value: is write-only and was returned");
    assert!(!leaked.join("").contains("hunter2"), "{leaked:?}");
    let typed = problems(patch(new), |record| {
        record["request_body"]["properties"]["template"] = json!({ "scale": { "maxReplicas": "3" } });
    });
    caught(&typed, "maxReplicas");
    caught(
        &problems(get(new), |record| {
            record["query"] = json!({ "api-version": "2022-03-01" });
        }),
        "api-version '2022-03-01'",
    );
    caught(&problems(get(new), |record| record["query"] = json!({})), "(no api-version)");
    caught(&problems(patch(new), |record| record["status"] = json!(207)), "status 207 is not documented");
    caught(
        &problems(get(new), |record| {
            record["status"] = json!(404);
            record["response_body"] = json!({ "code": "ResourceNotFound", "message": "no" });
        }),
        "the error has no error.code",
    );
    caught(
        &problems(get(new), |record| {
            record["path"] = json!(format!("{APP}/revision"));
        }),
        "no schema describes this operation",
    );
}

#[test]
fn every_exception_has_a_reason_and_is_needed() {
    let file = exceptions();
    let reasons = file
        .versions
        .iter()
        .map(|entry| &entry.reason)
        .chain(file.operations.iter().map(|entry| &entry.reason))
        .chain(file.findings.iter().map(|entry| &entry.reason));
    for reason in reasons {
        assert!(reason.len() > 20, "{reason:?} is no reason");
    }
    let Some(specs) = specs() else { return };
    for entry in &file.operations {
        let (method, path) = entry.operation.split_once(' ').unwrap();
        let example = path.replace("{scope}", "subscriptions/s/resourceGroups/rg").replace(['{', '}'], "");
        assert!(!specs.knows(method, &example), "{} has a schema by now", entry.operation);
    }
}
