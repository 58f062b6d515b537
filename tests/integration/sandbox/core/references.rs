use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed;
use serde_json::{Value as Json, json};

use super::{START, World, secrets_body};

const URL: &str = "https://kv-demo.vault.azure.net/secrets/db-password";

fn reference(url: &str, identity: &str) -> Json {
    secrets_body(&json!([{ "name": "db", "keyVaultUrl": url, "identity": identity }]))
}

/// A world whose app has `id-demo`, which may read the vault.
fn granted() -> World {
    let world = World::new();
    world.edit(|state| {
        seed::variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
        seed::assign_role(
            state,
            &seed::vault_id(seed::VAULT),
            KEY_VAULT_SECRETS_USER,
            seed::IDENTITY_PRINCIPAL,
            START,
        );
    });
    world
}

fn value(world: &World) -> Json {
    world.send("POST", &format!("{}/listSecrets", seed::app_id()), None).ok(200)["value"][0]["value"].clone()
}

#[test]
fn a_reference_is_fetched_by_the_identity_newest_or_by_version() {
    let world = granted();
    let identity = seed::identity_id(seed::IDENTITY);
    world.patched(&reference(URL, &identity.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions")));
    assert_eq!(value(&world), "sandbox-db-password-2");
    world.patched(&reference(&format!("{URL}/{}", seed::DB_PASSWORD_OLD_VERSION), &identity));
    assert_eq!(value(&world), "sandbox-db-password-1");
}

#[test]
fn what_cannot_be_fetched_is_refused_in_one_way() {
    let identity = seed::identity_id(seed::IDENTITY);
    let refused = |world: &World, url: &str, identity: &str, why: &str| {
        let got = world.patch(&reference(url, identity));
        assert_eq!((got.status, got.code()), (400, "InvalidParameterValueInContainerTemplate"), "{why}");
        assert!(got.message().contains("unable to fetch secret 'db' using Managed identity"), "{why}");
        assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded", "{why}");
    };
    let vault = |name: &str, secret: &str| format!("https://{name}.vault.azure.net/secrets/{secret}");
    let world = granted();
    refused(&world, &vault("kv-demo", "nope"), &identity, "no such secret");
    refused(&world, &vault("kv-demo", "old-key"), &identity, "disabled");
    refused(&world, &vault("kv-nope", "api-key"), &identity, "no such vault");
    refused(&world, &vault("kv-shared", "shared-token"), &identity, "no role at that vault");
    refused(&world, &vault("kv-policies", "api-key"), &identity, "no access policy");
    refused(&world, URL, "system", "no system identity");
    world.edit(|state| {
        let properties = &mut state.vault_mut("kv-demo").unwrap().properties;
        properties["networkAcls"] = json!({ "defaultAction": "Deny", "bypass": "None" });
    });
    refused(&world, URL, &identity, "firewall");
    let world = World::new();
    refused(&world, URL, &identity, "not assigned to the app");
    world
        .patch(&reference("https://kv-demo.example.com/secrets/x", &identity))
        .refused(400, "ContainerAppSecretKeyVaultUrlInvalid");
}

#[test]
fn an_access_policy_lets_its_object_in() {
    let world = granted();
    world.edit(|state| {
        state.vault_mut("kv-policies").unwrap().properties["accessPolicies"] = json!([{
            "tenantId": seed::TENANT, "objectId": seed::IDENTITY_PRINCIPAL, "permissions": { "secrets": ["Get"] },
        }]);
    });
    let url = "https://kv-policies.vault.azure.net/secrets/api-key";
    world.patched(&reference(url, &seed::identity_id(seed::IDENTITY)));
    assert_eq!(value(&world), "sandbox-api-key");
}

#[test]
fn a_system_identity_works_once_its_role_is_in_force() {
    let world = World::new();
    let mut first = reference(URL, "System");
    first["identity"] = json!({ "type": "SystemAssigned" });
    world.patch(&first).refused(400, "InvalidParameterValueInContainerTemplate");
    let app = world.patched(&json!({ "identity": { "type": "SystemAssigned" } }));
    let role = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/{}",
        seed::vault_id(seed::VAULT),
        "aaaaaaaa-0000-4000-8000-000000000001"
    );
    let body = json!({ "properties": {
        "roleDefinitionId": format!("{}/providers/Microsoft.Authorization/roleDefinitions/{KEY_VAULT_SECRETS_USER}", seed::subscription_id()),
        "principalId": app["identity"]["principalId"],
        "principalType": "ServicePrincipal",
    } });
    world.send("PUT", &role, Some(&body)).ok(201);
    world.get(&role).ok(200);
    world.pass(44);
    world.patch(&reference(URL, "system")).refused(400, "InvalidParameterValueInContainerTemplate");
    world.pass(1);
    world.patched(&reference(URL, "system"));
    assert_eq!(value(&world), "sandbox-db-password-2");
    // Sending back what listSecrets returns makes a copy.
    let mut copied = reference(URL, "system");
    copied["properties"]["configuration"]["secrets"][0]["value"] = json!("sandbox-db-password-2");
    world.patched(&copied);
    assert_eq!(world.app()["properties"]["configuration"]["secrets"], json!([{ "name": "db" }]));
}
