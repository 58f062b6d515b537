use acarecipe::sandbox::seed;
use serde_json::json;

use super::{World, env, secrets_body};

#[test]
fn values_are_shown_by_list_secrets_only() {
    let world = World::new();
    world.edit(|state| {
        seed::variant::plain_secret(state, "token", "s3cret");
        seed::variant::reference(
            state,
            "db",
            "https://kv-demo.vault.azure.net/secrets/db-password",
            "system",
            "fetched",
        );
    });
    let app = world.app();
    assert_eq!(
        app["properties"]["configuration"]["secrets"],
        json!([
            { "name": "token" },
            { "name": "db", "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/db-password", "identity": "system" },
        ])
    );
    assert!(!app.to_string().contains("s3cret") && !app.to_string().contains("fetched"));
    let list = world.send("POST", &format!("{}/listSecrets", seed::app_id()), None).ok(200);
    assert_eq!(list["value"][0], json!({ "name": "token", "value": "s3cret" }));
    assert_eq!(list["value"][1]["value"], "fetched");
    assert_eq!(list["value"][1]["identity"], "system");
}

#[test]
fn entries_must_be_complete_also_when_a_value_is_stored() {
    let world = World::new();
    world.edit(|state| seed::variant::plain_secret(state, "token", "s3cret"));
    for entry in [
        json!({ "name": "token" }),
        json!({ "name": "x", "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/a" }),
        json!({ "name": "x", "identity": "system" }),
        json!({ "name": "Upper", "value": "v" }),
    ] {
        world.patch(&secrets_body(&json!([entry]))).refused(400, "ContainerAppSecretInvalid");
    }
    let got =
        world.patch(&secrets_body(&json!([{ "name": "token" }]))).refused(400, "ContainerAppSecretInvalid");
    assert!(got.message().contains("'token'") && got.message().contains("keyVaultUrl and identity"));
    // A PATCH without the array leaves the secrets alone.
    world.patched(&env(&json!([{ "name": "T", "secretRef": "token" }])));
    assert_eq!(world.app()["properties"]["configuration"]["secrets"], json!([{ "name": "token" }]));
}

#[test]
fn references_must_lead_somewhere_and_keep_their_secret() {
    let world = World::new();
    world
        .patch(&env(&json!([{ "name": "T", "secretRef": "token" }])))
        .refused(400, "ContainerAppSecretRefNotFound");
    // Both in one write.
    let mut both = env(&json!([{ "name": "T", "secretRef": "token" }]));
    both["properties"]["configuration"] = json!({ "secrets": [{ "name": "token", "value": "1" }] });
    world.patched(&both);
    world.patch(&secrets_body(&json!([]))).refused(400, "ContainerAppSecretRefNotFound");
    // Unused in the new template, but the active revision runs on it.
    let mut gone = env(&json!([]));
    gone["properties"]["configuration"] = json!({ "secrets": [] });
    world.patch(&gone).refused(400, "ContainerAppSecretInUse");
    world.patched(&env(&json!([])));
    world.patched(&secrets_body(&json!([])));
    // Case counts.
    let mut cased = env(&json!([{ "name": "T", "secretRef": "Token" }]));
    cased["properties"]["configuration"] = json!({ "secrets": [{ "name": "token", "value": "1" }] });
    world.patch(&cased).refused(400, "ContainerAppSecretRefNotFound");
}

#[test]
fn a_changed_secret_reaches_replicas_after_a_restart_only() {
    let world = World::new();
    world.edit(|state| {
        seed::variant::plain_secret(state, "token", "old");
        seed::variant::variable(state, json!({ "name": "T", "secretRef": "token" }));
    });
    let running = |world: &World| {
        let state = world.sandbox.state();
        state.app(seed::APP).unwrap().latest().unwrap().secrets["token"].clone()
    };
    world.patched(&secrets_body(&json!([{ "name": "token", "value": "new" }])));
    assert_eq!(world.revisions().len(), 1);
    assert_eq!(running(&world), "old");
    let name = world.app()["properties"]["latestRevisionName"].clone();
    let path = format!("{}/revisions/{}/restart", seed::app_id(), name.as_str().unwrap());
    world.send("POST", &path, None).ok(200);
    assert_eq!(running(&world), "new");
}
