use acarecipe::sandbox::roles::{ACR_PULL, KEY_VAULT_SECRETS_USER, MANAGED_IDENTITY_OPERATOR, READER};
use acarecipe::sandbox::seed;
use serde_json::{Value as Json, json};

use super::{START, World};

fn path(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
}

fn body(role: &str, principal: &str) -> Json {
    json!({ "properties": {
        "roleDefinitionId": format!("{}/providers/Microsoft.Authorization/roleDefinitions/{role}", seed::subscription_id()),
        "principalId": principal,
    } })
}

const NAME: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000002";

#[test]
fn the_same_assignment_under_another_name_exists_already() {
    let world = World::new();
    let scope = seed::vault_id(seed::VAULT);
    let grant = body(KEY_VAULT_SECRETS_USER, seed::IDENTITY_PRINCIPAL);
    let made = world.send("PUT", &path(&scope, NAME), Some(&grant)).ok(201);
    assert_eq!(made["properties"]["principalType"], "ServicePrincipal");
    assert_eq!(made["properties"]["createdOn"], "2026-11-02T09:00:00Z");
    assert_eq!(made["properties"]["scope"], scope);
    world.send("PUT", &path(&scope, NAME), Some(&grant)).ok(200);
    let got = world
        .send("PUT", &path(&scope.to_lowercase(), OTHER), Some(&grant))
        .refused(409, "RoleAssignmentExists");
    assert!(got.message().contains("aaaaaaaa000040008000000000000001"), "{}", got.message());
    for changed in [
        (scope.clone(), body(READER, seed::IDENTITY_PRINCIPAL)),
        (seed::group_id(seed::GROUP), grant.clone()),
    ] {
        world
            .send("PUT", &path(&changed.0, NAME), Some(&changed.1))
            .refused(400, "RoleAssignmentUpdateNotPermitted");
    }
    // At another scope it is another assignment.
    world.send("PUT", &path(&seed::group_id(seed::GROUP), OTHER), Some(&grant)).ok(201);
    world.send("DELETE", &path(&scope, NAME), None).ok(200);
    world.send("DELETE", &path(&scope, NAME), None).ok(204);
    world.get(&path(&scope, NAME)).refused(404, "RoleAssignmentNotFound");
}

#[test]
fn a_role_can_be_given_at_a_registry_and_not_at_one_that_is_not_there() {
    let world = World::new();
    let grant = body(ACR_PULL, seed::IDENTITY_PRINCIPAL);
    let scope = seed::registry_id(seed::REGISTRY);
    let made = world.send("PUT", &path(&scope.to_lowercase(), NAME), Some(&grant)).ok(201);
    assert_eq!(made["properties"]["scope"], scope);
    let nowhere = seed::registry_id("acrnone");
    world.send("PUT", &path(&nowhere, OTHER), Some(&grant)).refused(404, "ResourceNotFound");
}

#[test]
fn a_fresh_principal_is_unknown_for_a_while() {
    let world = World::new();
    let id = seed::identity_id("id-new");
    let principal = world.send("PUT", &id, Some(&json!({ "location": "westeurope" }))).ok(201)["properties"]
        ["principalId"]
        .as_str()
        .unwrap()
        .to_owned();
    let scope = seed::vault_id(seed::VAULT);
    let plain = body(KEY_VAULT_SECRETS_USER, &principal);
    world.send("PUT", &path(&scope, NAME), Some(&plain)).refused(400, "PrincipalNotFound");
    let mut typed = plain.clone();
    typed["properties"]["principalType"] = json!("ServicePrincipal");
    world.send("PUT", &path(&scope, NAME), Some(&typed)).ok(201);
    world.pass(10);
    let elsewhere = seed::vault_id(seed::POLICY_VAULT);
    world.send("PUT", &path(&elsewhere, OTHER), Some(&plain)).ok(201);
    let mut wrong = body(READER, &principal);
    wrong["properties"]["principalType"] = json!("User");
    world
        .send("PUT", &path(&scope, "aaaaaaaa-0000-4000-8000-000000000003"), Some(&wrong))
        .refused(400, "UnmatchedPrincipalType");
    world.send("PUT", &path(&scope, "not-a-guid"), Some(&plain)).refused(400, "InvalidRoleAssignmentId");
    let nowhere = seed::vault_id("kv-nope");
    world
        .send("PUT", &path(&nowhere, "aaaaaaaa-0000-4000-8000-000000000003"), Some(&plain))
        .refused(404, "ResourceNotFound");
}

#[test]
fn lists_reach_up_and_down_unless_told_otherwise() {
    let world = World::new();
    world.edit(|state| {
        for scope in [seed::subscription_id(), seed::group_id(seed::GROUP), seed::vault_id(seed::VAULT)] {
            seed::assign_role(state, &scope, READER, seed::IDENTITY_PRINCIPAL, START);
        }
    });
    let scopes = |filter: &str| -> Vec<usize> {
        let list = world
            .get(&format!(
                "{}/providers/Microsoft.Authorization/roleAssignments?$filter={filter}",
                seed::group_id(seed::GROUP)
            ))
            .ok(200);
        let mut depths: Vec<usize> = list["value"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|assignment| assignment["properties"]["principalId"] == seed::IDENTITY_PRINCIPAL)
            .map(|assignment| assignment["properties"]["scope"].as_str().unwrap().split('/').count())
            .collect();
        depths.sort_unstable();
        depths
    };
    let principal = seed::IDENTITY_PRINCIPAL;
    assert_eq!(scopes(&format!("principalId eq '{principal}'")), [3, 5, 9]);
    assert_eq!(scopes(&format!("assignedTo('{principal}')")), [3, 5, 9]);
    assert_eq!(scopes("atScope()"), [3, 5]);
    assert_eq!(scopes(&format!("atScope() and assignedTo('{principal}')")), [3, 5]);
    assert!(scopes(&format!("principalId eq '{}'", seed::TENANT)).is_empty());
    let bad = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=roleName eq 'x'",
        seed::subscription_id()
    );
    world.get(&bad).refused(400, "UnsupportedQuery");
}

#[test]
fn definitions_are_found_by_name_and_guid() {
    let world = World::new();
    let list = world
        .get(&format!(
            "{}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Key Vault Secrets User'",
            seed::subscription_id()
        ))
        .ok(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    let id = list["value"][0]["id"].as_str().unwrap();
    assert_eq!(world.get(id).ok(200)["properties"]["roleName"], "Key Vault Secrets User");
}

#[test]
fn a_role_given_to_a_caller_counts_when_it_is_in_force() {
    let world = World::new();
    let scoped = world.by("app-scoped");
    let identity = seed::identity_id(seed::IDENTITY);
    let assign = json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": { (identity.clone()): {} } } });
    let got = scoped.patch(&assign).refused(403, "LinkedAuthorizationFailed");
    assert!(
        got.message().contains("userAssignedIdentities/assign/action") && got.message().contains(&identity)
    );
    let caller = world.sandbox.state().callers["app-scoped"].principal.clone();
    world.send("PUT", &path(&identity, NAME), Some(&body(MANAGED_IDENTITY_OPERATOR, &caller))).ok(201);
    scoped.patch(&assign).refused(403, "LinkedAuthorizationFailed");
    world.pass(45);
    scoped.patch(&assign).ok(202);
}
