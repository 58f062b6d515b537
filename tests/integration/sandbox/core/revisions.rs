use acarecipe::sandbox::seed;
use serde_json::json;

use super::{World, env, image, path_of};

#[test]
fn only_a_changed_template_makes_a_revision() {
    let world = World::new();
    assert_eq!(world.revisions().len(), 1);
    world.patched(&json!({ "tags": { "a": "b" } }));
    world.patched(&json!({ "properties": { "template": { "scale": { "maxReplicas": 3 } } } }));
    assert_eq!(world.revisions().len(), 1);
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    let names: Vec<_> = world.revisions().iter().map(|revision| revision["name"].clone()).collect();
    assert_eq!(names.len(), 2);
    assert!(names[1].as_str().unwrap().starts_with("ca-demo--"));
    assert_eq!(world.app()["properties"]["latestRevisionName"], names[1]);
}

#[test]
fn health_comes_with_time_and_traffic_follows_it() {
    let world = World::new();
    world.patch(&env(&json!([{ "name": "NEW", "value": "1" }]))).ok(202);
    world.pass(20);
    let app = world.app();
    assert_eq!(app["properties"]["provisioningState"], "Succeeded");
    assert_ne!(app["properties"]["latestRevisionName"], app["properties"]["latestReadyRevisionName"]);
    let new = world.newest();
    assert_eq!(new["provisioningState"], "Provisioning");
    assert_eq!((&new["healthState"], &new["runningState"]), (&json!("None"), &json!("Processing")));
    assert_eq!(new["trafficWeight"], 0);
    assert_eq!(world.revisions()[0]["properties"]["trafficWeight"], 100);
    world.pass(15);
    let new = world.newest();
    assert_eq!(new["provisioningState"], "Provisioned");
    assert_eq!((&new["healthState"], &new["runningState"]), (&json!("Healthy"), &json!("Running")));
    assert_eq!((&new["trafficWeight"], &new["replicas"]), (&json!(100), &json!(1)));
    let old = &world.revisions()[0]["properties"];
    assert_eq!((&old["active"], &old["trafficWeight"]), (&json!(false), &json!(0)));
    let app = world.app();
    assert_eq!(app["properties"]["latestRevisionName"], app["properties"]["latestReadyRevisionName"]);
}

#[test]
fn an_image_that_cannot_be_pulled_fails_the_operation_and_leaves_no_revision() {
    for (reference, cause) in [
        (seed::IMAGE_UNAUTHORIZED, "UNAUTHORIZED"),
        (seed::IMAGE_UNKNOWN, "MANIFEST_UNKNOWN"),
        ("mine.azurecr.io/web:1", "UNAUTHORIZED"),
    ] {
        let world = World::new();
        let got = world.patch(&image(reference));
        let location = path_of(got.header("location").unwrap()).to_owned();
        world.settle();
        let app = world.app();
        assert_eq!(app["properties"]["provisioningState"], "Failed");
        assert_eq!(app["properties"]["runningStatus"], "Running");
        assert_eq!(world.revisions().len(), 1);
        assert_eq!(world.newest()["trafficWeight"], 100);
        let result = world.get(&location).refused(400, "ContainerAppOperationError");
        assert!(result.message().contains(cause), "{}", result.message());
        let status = world.get(&location.replace("OperationResults", "OperationStatuses")).ok(200);
        assert_eq!(status["status"], "Failed");
        assert!(status["error"]["message"].as_str().unwrap().contains(cause));
        // The template is the bad one, and the next good one works.
        assert_eq!(app["properties"]["template"]["containers"][0]["image"], reference);
        world.patched(&env(&json!([{ "name": "FIXED", "value": "1" }])));
    }
}

#[test]
fn a_crash_succeeds_and_shows_on_the_revision() {
    let world = World::new();
    let app = world.patched(&image(seed::IMAGE_CRASHING));
    assert_ne!(app["properties"]["latestRevisionName"], app["properties"]["latestReadyRevisionName"]);
    let new = world.newest();
    assert_eq!(
        (&new["provisioningState"], &new["healthState"]),
        (&json!("Provisioned"), &json!("Unhealthy"))
    );
    assert_eq!((&new["runningState"], &new["trafficWeight"]), (&json!("Degraded"), &json!(0)));
    assert!(new["provisioningError"].as_str().unwrap().contains("exit code 1"));
    assert_eq!(world.revisions()[0]["properties"]["trafficWeight"], 100);
    let name = app["properties"]["latestRevisionName"].as_str().unwrap();
    let replicas = world.get(&format!("{}/revisions/{name}/replicas", seed::app_id())).ok(200);
    let details = replicas["value"][0]["properties"]["containers"][0]["runningStateDetails"].clone();
    assert!(details.as_str().unwrap().contains("Container crashing: ca-demo"), "{details}");
}

#[test]
fn a_wrong_port_takes_four_minutes_to_show_and_less_with_a_probe() {
    let world = World::new();
    world.patch(&image(seed::IMAGE_OTHER_PORT)).ok(202);
    world.pass(20 + 239);
    assert_eq!(world.newest()["provisioningState"], "Provisioning");
    world.pass(1);
    let new = world.newest();
    assert_eq!(new["healthState"], "Unhealthy");
    let why = new["provisioningError"].as_str().unwrap();
    assert!(why.contains("TargetPort 8000 does not match the listening port 3000"), "{why}");

    let world = World::new();
    let probed = json!({ "properties": { "template": { "containers": [{
        "name": seed::APP, "image": seed::IMAGE,
        "probes": [{ "type": "Startup", "tcpSocket": { "port": 9000 } }],
    }] } } });
    world.patch(&probed).ok(202);
    world.pass(20 + 45);
    assert_eq!(world.newest()["healthState"], "Unhealthy");
}

#[test]
fn duplicate_variable_names_wedge_the_revision() {
    let world = World::new();
    let twice = json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }]);
    world.patch(&env(&twice)).ok(202);
    world.pass(86_400);
    assert_eq!(world.newest()["provisioningState"], "Provisioning");
    assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn a_suffix_names_the_revision_and_cannot_be_used_again() {
    let world = World::new();
    world.edit(|state| seed::variant::suffix(state, "v1"));
    // The suffix stands in the template: a changed template collides.
    let got = world
        .patch(&env(&json!([{ "name": "NEW", "value": "1" }])))
        .refused(400, "InvalidParameterValueInContainerTemplate");
    assert!(got.message().contains("revision with suffix v1 already exists"), "{}", got.message());
    let mut cleared = env(&json!([{ "name": "NEW", "value": "1" }]));
    cleared["properties"]["template"]["revisionSuffix"] = json!(null);
    world.patched(&cleared);
    assert_eq!(world.revisions().len(), 2);
    cleared["properties"]["template"]["revisionSuffix"] = json!("v3");
    world.patched(&cleared);
    assert_eq!(world.app()["properties"]["latestRevisionName"], "ca-demo--v3");
}

#[test]
fn pinned_weights_stay_and_latest_moves() {
    let world = World::new();
    world.edit(|state| seed::variant::pinned(state, 30));
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    let weights = |world: &World| -> Vec<_> {
        world
            .revisions()
            .iter()
            .map(|revision| revision["properties"]["trafficWeight"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(weights(&world), [30, 70, 0]);
    assert!(world.revisions().iter().all(|revision| revision["properties"]["active"] == true));
    let traffic = |traffic: serde_json::Value| json!({ "properties": { "configuration": { "ingress": { "traffic": traffic } } } });
    world.patched(&traffic(json!([
        { "latestRevision": true, "weight": 90 }, { "revisionName": "ca-demo--older00", "weight": 10 },
    ])));
    assert_eq!(weights(&world), [10, 0, 90]);
    world.patched(&env(&json!([{ "name": "NEW", "value": "2" }])));
    assert_eq!(weights(&world), [10, 0, 0, 90]);
    world
        .patch(&traffic(json!([{ "latestRevision": true, "weight": 90 }])))
        .refused(400, "InvalidParameterValueInContainerTemplate");
    world
        .patch(&traffic(json!([{ "revisionName": "ca-demo--nope", "weight": 100 }])))
        .refused(400, "InvalidParameterValueInContainerTemplate");
}

#[test]
fn without_a_minimum_the_replicas_go_after_the_cooldown() {
    let world = World::new();
    world.edit(seed::variant::scaled_to_zero);
    assert_eq!(world.newest()["replicas"], 0);
    assert_eq!(world.newest()["healthState"], "Healthy");
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    assert_eq!(world.newest()["replicas"], 1);
    world.pass(300);
    assert_eq!(world.newest()["replicas"], 0);
    let name = world.app()["properties"]["latestRevisionName"].clone();
    let replicas = world.get(&format!("{}/revisions/{}/replicas", seed::app_id(), name.as_str().unwrap()));
    assert_eq!(replicas.ok(200)["value"], json!([]));
}

#[test]
fn revisions_are_deactivated_activated_and_restarted() {
    let world = World::new();
    world.edit(|state| seed::variant::pinned(state, 30));
    let older = format!("{}/revisions/ca-demo--older00", seed::app_id());
    let restarted =
        |world: &World| world.get(&format!("{older}/replicas")).ok(200)["value"][0]["name"].clone();
    let first = restarted(&world);
    world.pass(10);
    let got = world.send("POST", &format!("{older}/restart"), None);
    assert_eq!((got.status, &got.body), (200, &json!(null)));
    assert_ne!(restarted(&world), first);
    world.send("POST", &format!("{older}/deactivate"), None).ok(200);
    let body = world.get(&older).ok(200)["properties"].clone();
    assert_eq!((&body["active"], &body["replicas"]), (&json!(false), &json!(0)));
    world.send("POST", &format!("{older}/activate"), None).ok(200);
    assert_eq!(world.get(&older).ok(200)["properties"]["active"], true);
    world
        .send("POST", &format!("{}/revisions/ca-demo--nope/restart", seed::app_id()), None)
        .refused(404, "ResourceNotFound");
}
