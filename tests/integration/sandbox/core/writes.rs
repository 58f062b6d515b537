use std::sync::Arc;

use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::{Delays, Options, Sandbox, seed};
use serde_json::json;

use super::{START, World, env, path_of, read};

#[test]
fn patch_merges_objects_replaces_arrays_and_removes_nulls() {
    let world = World::new();
    world.edit(seed::variant::sidecar_first);
    world.patched(&json!({
        "tags": { "team": "web" },
        "properties": { "configuration": { "maxInactiveRevisions": 5 }, "template": { "scale": { "maxReplicas": 7 } } },
    }));
    let app = world.app();
    assert_eq!(app["properties"]["template"]["scale"], json!({"minReplicas": 1, "maxReplicas": 7}));
    assert_eq!(app["properties"]["template"]["containers"].as_array().unwrap().len(), 2);
    assert_eq!(app["properties"]["configuration"]["ingress"]["targetPort"], 8000);

    // The sidecar was not sent: it is gone.
    world.patched(&env(&json!([{ "name": "A", "value": "1" }])));
    world.patched(&json!({ "properties": { "configuration": { "maxInactiveRevisions": null } } }));
    let app = world.app();
    let containers = &app["properties"]["template"]["containers"];
    assert_eq!(containers.as_array().unwrap().len(), 1);
    assert_eq!(containers[0]["env"], json!([{ "name": "A", "value": "1" }]));
    assert!(app["properties"]["configuration"].get("maxInactiveRevisions").is_none());
    assert_eq!(app["tags"], json!({ "team": "web" }));
}

/// What a patch takes away: members and whole objects by null, elements by a list without them.
#[test]
fn null_takes_an_object_away_and_a_list_of_nothing_its_elements() {
    let world = World::new();
    world.edit(|state| {
        seed::variant::plain_secret(state, "token", "s3cret");
        seed::variant::dapr::dapr_on(state, "demo");
        seed::variant::tag(state, "team", "web");
    });
    let configuration = |members: serde_json::Value| json!({ "properties": { "configuration": members } });
    world.patched(&configuration(json!({
        "registries": [{ "server": "quay.example", "username": "bot", "passwordSecretRef": "token" }],
    })));
    world.patched(&configuration(json!({ "dapr": null, "registries": [] })));
    let app = world.app();
    assert!(app["properties"]["configuration"]["dapr"].is_null(), "{app:#}");
    assert!(app["properties"]["configuration"]["registries"].as_array().is_none_or(Vec::is_empty), "{app:#}");
    world.patched(&configuration(json!({ "secrets": [] })));
    assert!(world.app()["properties"]["configuration"]["secrets"].as_array().is_none_or(Vec::is_empty));
    let template = |members: serde_json::Value| json!({ "properties": { "template": members } });
    world.patched(&template(json!({ "volumes": [{ "name": "scratch", "storageType": "EmptyDir" }] })));
    world.patched(&template(json!({ "volumes": [], "scale": null })));
    let app = world.app();
    assert!(app["properties"]["template"]["volumes"].as_array().is_none_or(Vec::is_empty), "{app:#}");
    world.patched(&json!({ "tags": { "team": null } }));
    assert!(world.app()["tags"]["team"].is_null());
    world.patched(&configuration(json!({ "ingress": null })));
    assert!(world.app()["properties"]["configuration"]["ingress"].is_null());
}

#[test]
fn a_secret_that_is_referred_to_cannot_be_taken_away() {
    let world = World::new();
    world.edit(|state| {
        seed::variant::plain_secret(state, "token", "s3cret");
        seed::variant::variable(state, json!({ "name": "TOKEN", "secretRef": "token" }));
    });
    let without = json!({ "properties": { "configuration": { "secrets": [] } } });
    let got = world.patch(&without);
    assert!(got.status >= 400, "{}", got.status);
    // Together with what refers to it the template lets go, but a revision that still runs does not.
    let mut both = env(&json!([]));
    both["properties"]["configuration"] = json!({ "secrets": [] });
    let got = world.patch(&both);
    assert!(got.status >= 400, "{}", got.status);
}

#[test]
fn put_describes_the_whole_app() {
    let world = World::new();
    world.edit(|state| seed::variant::plain_secret(state, "token", "s3cret"));
    let mut body = world.app();
    body["properties"]["configuration"].as_object_mut().unwrap().remove("secrets");
    body["properties"]["configuration"]["ingress"].as_object_mut().unwrap().remove("targetPort");
    let got = world.send("PUT", &seed::app_id(), Some(&body));
    let operation = got.header("azure-asyncoperation").unwrap().to_owned();
    assert_eq!(got.clone().ok(201)["properties"]["provisioningState"], "InProgress");
    world.settle();
    assert_eq!(world.get(path_of(&operation)).ok(200)["status"], "Succeeded");
    let configuration = world.app()["properties"]["configuration"].clone();
    assert!(configuration.get("secrets").is_none());
    assert!(configuration["ingress"].get("targetPort").is_none());
    // The same again changes nothing.
    world.send("PUT", &seed::app_id(), Some(&body)).ok(200);
}

#[test]
fn a_new_app_is_made_and_deleted() {
    let world = World::new();
    let id = seed::app_id().replace("ca-demo", "ca-new");
    world.get(&id).refused(404, "ResourceNotFound");
    let body = json!({
        "location": "westeurope",
        "properties": {
            "environmentId": seed::environment_id(),
            "configuration": { "ingress": { "external": false, "targetPort": 80 } },
            "template": { "containers": [{ "name": "web", "image": "mcr.microsoft.com/k8se/quickstart:latest" }] },
        },
    });
    world.send("PATCH", &id, Some(&body)).refused(404, "ResourceNotFound");
    world.send("PUT", &id, Some(&body)).ok(201);
    world.settle();
    let app = world.get(&id).ok(200);
    assert_eq!(app["identity"], json!({ "type": "None" }));
    assert_eq!(
        app["properties"]["configuration"]["ingress"]["fqdn"],
        "ca-new.internal.happyfield-12345678.westeurope.azurecontainerapps.io"
    );
    assert_eq!(app["properties"]["latestReadyRevisionName"], app["properties"]["latestRevisionName"]);
    world.send("DELETE", &id, None).ok(202);
    assert_eq!(world.get(&id).ok(200)["properties"]["provisioningState"], "Deleting");
    world.settle();
    world.get(&id).refused(404, "ResourceNotFound");
    world.send("DELETE", &id, None).ok(204);
}

#[test]
fn one_operation_at_a_time_and_its_urls_tell_how_it_goes() {
    let world = World::new();
    let got = world.patch(&env(&json!([])));
    assert_eq!(got.header("retry-after"), Some("5"));
    let location = path_of(got.header("location").unwrap()).to_owned();
    assert!(got.header("azure-asyncoperation").is_none());
    world.patch(&env(&json!([]))).refused(409, "ContainerAppOperationInProgress");
    assert_eq!(world.get(&location).status, 202);
    world.pass(19);
    let status = location.replace("OperationResults", "OperationStatuses");
    assert_eq!(world.get(&status).ok(200)["status"], "InProgress");
    assert_eq!(world.app()["properties"]["runningStatus"], "Progressing");
    world.pass(1);
    assert_eq!(world.get(&status).ok(200)["status"], "Succeeded");
    assert_eq!(world.get(&location).ok(200)["properties"]["provisioningState"], "Succeeded");
    world.patched(&env(&json!([{ "name": "B", "value": "2" }])));
}

#[test]
fn an_app_that_failed_can_be_written_again() {
    let world = World::new();
    world.edit(seed::variant::failed);
    assert_eq!(world.app()["properties"]["provisioningState"], "Failed");
    world.patched(&env(&json!([{ "name": "B", "value": "2" }])));
}

#[test]
fn what_does_not_fit_the_schema_is_refused() {
    let world = World::new();
    let misspelt = json!({ "properties": { "template": { "container": [] } } });
    let got = world.patch(&misspelt).refused(400, "ContainerAppInvalidSchema");
    assert!(got.message().contains("properties.template.container"), "{}", got.message());
    super::domains::pointed(&world, "www.contoso.example");
    let auto = super::domains::domains(&json!([{ "name": "www.contoso.example", "bindingType": "Auto" }]));
    let older = format!("{}?api-version=2025-01-01", seed::app_id());
    world.send("PATCH", &older, Some(&auto)).refused(400, "ContainerAppInvalidSchema");
    world.patch(&auto).ok(202);
}

#[test]
fn an_empty_value_is_left_out_of_answers_and_breaks_when_not_put_back() {
    let world = World::new();
    world.edit(|state| seed::variant::variable(state, json!({ "name": "EMPTY", "value": "" })));
    let app = world.app();
    let variables = &app["properties"]["template"]["containers"][0]["env"];
    assert_eq!(variables[1], json!({ "name": "EMPTY" }));
    // A client that sends back what it read changes the variable, and makes a revision.
    let before = world.revisions().len();
    world.patched(&json!({ "properties": { "template": { "containers": app["properties"]["template"]["containers"] } } }));
    assert_eq!(world.revisions().len(), before + 1);
    let stored = world.sandbox.state();
    let stored = &stored.app(seed::APP).unwrap().template()["containers"][0]["env"][1];
    assert!(stored.get("value").is_none());
}

#[test]
fn both_names_of_the_environment_mean_the_same() {
    let world = World::new();
    let mut body = world.app();
    let properties = body["properties"].as_object_mut().unwrap();
    properties.remove("environmentId");
    properties.insert(
        "managedEnvironmentId".to_owned(),
        json!(seed::environment_id().to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions")),
    );
    world.send("PUT", &seed::app_id(), Some(&body)).ok(201);
}

#[test]
fn stop_and_start_are_operations() {
    let world = World::new();
    let got = world.send("POST", &format!("{}/stop", seed::app_id()), None);
    assert!(got.header("location").is_some());
    got.ok(202);
    world.settle();
    assert_eq!(world.app()["properties"]["runningStatus"], "Stopped");
    assert_eq!(world.newest()["runningState"], "Stopped");
    assert_eq!(world.newest()["replicas"], 0);
    world.send("POST", &format!("{}/start", seed::app_id()), None).ok(202);
    world.settle();
    assert_eq!(world.app()["properties"]["runningStatus"], "Running");
    assert_eq!(world.newest()["replicas"], 1);
}

#[test]
fn state_survives_being_written_down() {
    let world = World::new();
    world.patch(&env(&json!([{ "name": "B", "value": "2" }]))).ok(202);
    let state = world.sandbox.state();
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<acarecipe::sandbox::State>(&text).unwrap(), state);
    // A file of another version: unknown members are ignored, missing ones are empty.
    let sparse: acarecipe::sandbox::State =
        serde_json::from_value(json!({ "tenant": seed::TENANT, "news": true })).unwrap();
    assert!(sparse.apps.is_empty());
}

#[test]
fn without_delays_everything_has_happened_by_the_next_request() {
    let mut options = Options::new(Arc::new(|| START));
    options.delays = Delays::none();
    let sandbox = Sandbox::new(options);
    let send = |method: &str, body: Vec<u8>| {
        let reply = sandbox.handle(&Request {
            method: method.to_owned(),
            host: "127.0.0.1:4100".to_owned(),
            path: seed::app_id(),
            query: vec![("api-version".to_owned(), "2026-01-01".to_owned())],
            headers: vec![
                ("authorization".to_owned(), "Bearer sandbox-owner".to_owned()),
                ("x-forwarded-proto".to_owned(), "http".to_owned()),
            ],
            body,
        });
        match reply {
            Reply::Answer(response) => read(response),
            other => panic!("{other:?}"),
        }
    };
    let change = env(&json!([{ "name": "NEW", "value": "1" }]));
    let got = send("PATCH", change.to_string().into_bytes());
    assert_eq!(got.header("x-ms-retry-after-ms"), Some("0"));
    assert_eq!(got.header("retry-after"), None);
    assert!(got.header("location").unwrap().starts_with("http://127.0.0.1:4100/subscriptions/"));
    got.ok(202);
    let app = send("GET", Vec::new()).ok(200);
    assert_eq!(app["properties"]["provisioningState"], "Succeeded");
    assert_eq!(app["properties"]["latestRevisionName"], app["properties"]["latestReadyRevisionName"]);
}

#[test]
fn naming_an_environment_needs_the_right_to_join_it() {
    let world = World::new();
    let other = seed::environment_id().replace("cae-demo", "cae-other");
    let go = |id: &str| json!({ "properties": { "environmentId": id } });
    let scoped = world.by("app-scoped");
    let got = scoped.patch(&go(&other)).refused(403, "LinkedAuthorizationFailed");
    assert!(got.message().contains("Microsoft.App/managedEnvironments/join/action"), "{}", got.message());
    world.patch(&go(&other)).refused(400, "ManagedEnvironmentNotFound");
    // The one that it is in, too; but not when the write leaves it out.
    scoped.patch(&go(&seed::environment_id().to_lowercase())).refused(403, "LinkedAuthorizationFailed");
    scoped.patch(&json!({ "tags": { "a": "b" } })).ok(202);
    world.settle();
    world.patch(&go(&seed::environment_id().to_lowercase())).ok(202);
}
