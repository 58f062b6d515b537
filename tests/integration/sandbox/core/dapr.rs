//! Dapr components of an environment, and the sidecars that load them.

use acarecipe::sandbox::seed::variant::dapr::{self, Component, component_id};
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::storage::valid;
use super::{World, env};

const VERSIONS: &[&str] = &["2026-01-01", "2025-07-01", "2025-01-01", "2024-03-01"];

/// The body of a state store with a secret of its own.
pub(super) fn statestore() -> Json {
    json!({ "properties": {
        "componentType": "state.redis",
        "version": "v1",
        "metadata": [
            { "name": "redisHost", "value": "redis:6379" },
            { "name": "redisPassword", "secretRef": "redis-password" },
        ],
        "secrets": [{ "name": "redis-password", "value": "sandbox-redis-password" }],
        "scopes": [seed::APP],
    } })
}

/// A PATCH body that switches the app's sidecar on.
pub(super) fn on(app_id: &str) -> Json {
    json!({ "properties": { "configuration": { "dapr": {
        "enabled": true, "appId": app_id, "appPort": 8000, "appProtocol": "http",
    } } } })
}

/// A component of the app that cannot be initialised.
pub(super) fn broken(state: &mut State) {
    dapr::component(
        state,
        Component {
            name: "statestore",
            kind: "state.redis",
            scopes: seed::APP,
            metadata: "redisPassword=@gone",
            ..Component::default()
        },
    );
}

pub(super) fn id() -> String {
    component_id("statestore")
}

#[test]
fn a_component_is_put_whole_and_its_secrets_are_told_by_a_post_only() {
    let world = World::new();
    let all = format!("{}/daprComponents", seed::environment_id());
    for version in VERSIONS {
        let at = |path: &str| format!("{path}?api-version={version}");
        world.get(&at(&id())).refused(404, "DaprComponentNotFound");
        let made = world.send("PUT", &at(&id()), Some(&statestore())).ok(200);
        assert_eq!(made["properties"]["secrets"], json!([{ "name": "redis-password" }]));
        assert_eq!(made["properties"].get("provisioningState").is_some(), *version >= "2025-07-01");
        assert_eq!(world.get(&at(&id())).ok(200), made);
        assert_eq!(world.get(&at(&all)).ok(200)["value"], json!([made]));
        let secrets = world.send("POST", &at(&format!("{}/listSecrets", id())), None).ok(200);
        let told = json!([{ "name": "redis-password", "value": "sandbox-redis-password" }]);
        assert_eq!(secrets["value"], told);
        // What is left out is gone, secrets too.
        let bare = json!({ "properties": { "componentType": "state.in-memory", "version": "v1" } });
        let bared = world.send("PUT", &at(&id()), Some(&bare)).ok(200);
        assert_eq!(bared["properties"].get("secrets"), None);
        assert_eq!(
            world.send("POST", &at(&format!("{}/listSecrets", id())), None).ok(200)["value"],
            json!([])
        );
        assert_eq!(world.send("DELETE", &at(&id()), None).status, 200);
        assert_eq!(world.send("DELETE", &at(&id()), None).status, 204);
    }
    valid(&world);
}

#[test]
fn what_is_no_component_is_refused() {
    let world = World::new();
    let change = |member: &str, value: Json| {
        let mut body = statestore();
        body["properties"][member] = value;
        body
    };
    for (body, code) in [
        (change("componentType", Json::Null), "DaprComponentInvalid"),
        (change("colour", json!("red")), "DaprComponentInvalidSchema"),
        (change("metadata", json!([{ "name": "a", "secretref": "x" }])), "DaprComponentInvalidSchema"),
        (change("metadata", json!([{ "name": "port", "value": 6379 }])), "DaprComponentInvalid"),
        (change("metadata", json!([{ "value": "x" }])), "DaprComponentInvalid"),
        (change("metadata", json!([{ "name": "a", "secretRef": "none" }])), "DaprComponentSecretRefNotFound"),
        (change("secrets", json!([{ "name": "redis-password" }])), "DaprComponentInvalid"),
        (
            change("secrets", json!([{ "name": "a", "value": "1" }, { "name": "a", "value": "2" }])),
            "DaprComponentInvalid",
        ),
        (change("secretStoreComponent", json!("vault")), "DaprComponentInvalid"),
    ] {
        world.send("PUT", &id(), Some(&body)).refused(400, code);
    }
    world.send("PUT", &component_id("State_Store"), Some(&statestore())).refused(400, "DaprComponentInvalid");
    let mut elsewhere = id();
    elsewhere = elsewhere.replace(seed::ENVIRONMENT, "cae-none");
    world.send("PUT", &elsewhere, Some(&statestore())).refused(404, "ResourceNotFound");
    assert!(world.edit(|state| state.dapr_components.is_empty()));

    world.send("PUT", &id(), Some(&statestore())).ok(200);
    let secrets = format!("{}/listSecrets", id());
    world.by("reader").get(&id()).ok(200);
    world.by("reader").send("POST", &secrets, None).refused(403, "AuthorizationFailed");
    world.by("reader").send("PUT", &id(), Some(&statestore())).refused(403, "AuthorizationFailed");
    world.by("app-scoped").get(&id()).refused(403, "AuthorizationFailed");
    world.edit(|state| seed::variant::lock(state, &seed::environment_id(), "ReadOnly"));
    world.send("PUT", &id(), Some(&statestore())).refused(409, "ScopeLocked");
    world.send("POST", &secrets, None).refused(409, "ScopeLocked");
}

#[test]
fn dapr_settings_make_no_revision_and_restart_all_active_ones() {
    let world = World::new();
    world.edit(|state| seed::variant::pinned(state, 20));
    let started = |world: &World| -> Vec<_> {
        world.edit(|state| state.app(seed::APP).unwrap().revisions.iter().map(|one| one.started).collect())
    };
    let before = started(&world);
    world.pass(60);
    let app = world.patched(&on(seed::APP));
    assert_eq!(app["properties"]["configuration"]["dapr"]["appPort"], 8000);
    assert_eq!(world.revisions().len(), 2);
    let after = started(&world);
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{before:?} {after:?}");
    // The same again, or something else of the app, restarts nothing.
    world.pass(60);
    world.patched(&on(seed::APP));
    world.patched(&json!({ "tags": { "a": "b" } }));
    assert_eq!(started(&world), after);

    for (body, field) in [
        (json!({ "appId": "Not_A_Name" }), "appId"),
        (json!({ "appPort": 0 }), "appPort"),
        (json!({ "appProtocol": "carrier-pigeon" }), "appProtocol"),
    ] {
        let body = json!({ "properties": { "configuration": { "dapr": body } } });
        let refused = world.patch(&body).refused(400, "InvalidParameterValueInContainerTemplate");
        assert!(refused.message().contains(field), "{}", refused.message());
    }
}

#[test]
fn a_sidecar_crashes_for_a_component_that_it_loads_and_cannot_initialise() {
    let store = |unreachable, scopes| Component {
        name: "statestore",
        kind: "state.redis",
        scopes,
        unreachable,
        ..Component::default()
    };
    let cases: [(Component<'_>, bool); 6] = [
        (store("dial tcp: connection refused", seed::APP), true),
        // Nobody in scopes is everybody.
        (store("dial tcp: connection refused", ""), true),
        (store("dial tcp: connection refused", "another"), false),
        (store("", seed::APP), false),
        (Component { metadata: "redisPassword=@gone", ..store("", seed::APP) }, true),
        (Component { store: "vault", ..store("", seed::APP) }, true),
    ];
    for (given, crashes) in cases {
        let world = World::new();
        world.edit(|state| dapr::component(state, given));
        world.patched(&on(seed::APP));
        let newest = world.newest();
        assert_eq!(newest["healthState"] == "Unhealthy", crashes, "{given:?}: {newest:#}");
        if crashes {
            assert_eq!(newest["provisioningError"], "1/1 Failed:daprdContainerCrashing");
        }
    }

    let world = World::new();
    world.edit(broken);
    world.patched(&on(seed::APP));
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    // Mended, and started again.
    world.send("PUT", &id(), Some(&statestore())).ok(200);
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
    world.send("POST", &format!("{}/revisions/{name}/restart", seed::app_id()), None).ok(200);
    assert_eq!(world.newest()["healthState"], "Healthy");
    // And one that breaks is not noticed before the next start.
    world.edit(broken);
    assert_eq!(world.newest()["healthState"], "Healthy");
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    // Without a sidecar nobody loads it.
    world.patched(&json!({ "properties": { "configuration": { "dapr": { "enabled": false } } } }));
    assert_eq!(world.newest()["healthState"], "Healthy");
}

#[test]
fn a_component_with_ignore_errors_ends_no_sidecar_and_a_secret_store_has_scopes_too() {
    let world = World::new();
    let mut body = statestore();
    body["properties"]["secretStoreComponent"] = json!("vault");
    body["properties"].as_object_mut().unwrap().shift_remove("secrets");
    world.send("PUT", &id(), Some(&body)).ok(200);
    let vault = |scopes| Component {
        name: "vault",
        kind: "secretstores.azure.keyvault",
        scopes,
        ..Component::default()
    };
    world.edit(|state| dapr::component(state, vault("another")));
    world.patched(&on(seed::APP));
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    world.edit(|state| dapr::component(state, vault("")));
    world.patched(&on("other-id"));
    world.patched(&on(seed::APP));
    assert_eq!(world.newest()["healthState"], "Healthy");

    body["properties"]["ignoreErrors"] = json!(true);
    world.send("PUT", &id(), Some(&body)).ok(200);
    world.edit(|state| dapr::component(state, vault("another")));
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    assert_eq!(world.newest()["healthState"], "Healthy");
}

#[test]
fn a_sidecar_waits_for_its_app_and_is_listed_in_replicas() {
    let world = World::new();
    let replicas = |world: &World| {
        let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
        world.get(&format!("{}/revisions/{name}/replicas", seed::app_id())).ok(200)["value"].clone()
    };
    assert_eq!(replicas(&world)[0]["properties"]["containers"].as_array().unwrap().len(), 1);
    world.patched(&on(seed::APP));
    let containers = replicas(&world)[0]["properties"]["containers"].clone();
    assert_eq!(containers[1]["name"], "daprd");
    assert_eq!(containers[1]["ready"], true);
    let mut other = on(seed::APP);
    other["properties"]["configuration"]["dapr"]["appPort"] = json!(9000);
    world.patched(&other);
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    valid(&world);
}

#[test]
fn resiliency_policies_are_there_in_preview_versions_only() {
    let world = World::new();
    world.send("PUT", &id(), Some(&statestore())).ok(200);
    let at = |version: &str| format!("{}/resiliencyPolicies/default?api-version={version}", id());
    world.get(&at("2026-01-01")).refused(400, "NoRegisteredProviderFound");
    let at = at("2025-02-02-preview");
    world.get(&at).refused(404, "DaprComponentResiliencyPolicyNotFound");
    let body = json!({ "properties": { "outboundPolicy": { "timeoutPolicy": { "responseTimeoutInSeconds": 15 } } } });
    let made = world.send("PUT", &at, Some(&body)).ok(201);
    assert_eq!(made["properties"], body["properties"]);
    assert_eq!(world.get(&at).ok(200), made);
    world.by("reader").send("PUT", &at, Some(&body)).refused(403, "AuthorizationFailed");
    let strange = json!({ "properties": { "sidewaysPolicy": {} } });
    world.send("PUT", &at, Some(&strange)).refused(400, "InvalidRequestContent");
    assert_eq!(world.send("DELETE", &at, None).status, 200);
}
