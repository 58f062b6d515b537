use acarecipe::sandbox::seed;
use serde_json::{Value as Json, json};

use super::World;

fn user(id: &str) -> Json {
    json!({ (id): {} })
}

#[test]
fn identities_come_back_with_their_principals() {
    let world = World::new();
    assert_eq!(world.app()["identity"], json!({ "type": "None" }));
    let id = seed::identity_id(seed::IDENTITY);
    let app = world.patched(&json!({ "identity": {
        "type": "SystemAssigned,UserAssigned", "userAssignedIdentities": user(&id),
    } }));
    let identity = &app["identity"];
    assert_eq!(identity["type"], "SystemAssigned, UserAssigned");
    assert_eq!(identity["tenantId"], seed::TENANT);
    assert_eq!(
        identity["userAssignedIdentities"][&id],
        json!({ "principalId": seed::IDENTITY_PRINCIPAL, "clientId": seed::IDENTITY_CLIENT })
    );
    let system = world
        .get(&format!("{}/providers/Microsoft.ManagedIdentity/identities/default", seed::app_id()))
        .ok(200);
    assert_eq!(system["properties"]["principalId"], identity["principalId"]);
    assert!(system["properties"]["clientId"].is_string());
    assert_eq!(world.revisions().len(), 1, "an identity is no part of the template");
}

#[test]
fn a_kind_that_is_not_named_goes_and_a_principal_with_it() {
    let world = World::new();
    let id = seed::identity_id(seed::IDENTITY);
    let first =
        world.patched(&json!({ "identity": { "type": "SystemAssigned" } }))["identity"]["principalId"]
            .clone();
    let app = world
        .patched(&json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": user(&id) } }));
    assert_eq!(app["identity"]["type"], "UserAssigned");
    assert!(!world.sandbox.state().principals.contains_key(first.as_str().unwrap()));
    let app = world.patched(&json!({ "identity": { "type": "SystemAssigned" } }));
    assert_eq!(app["identity"]["type"], "SystemAssigned");
    assert_ne!(app["identity"]["principalId"], first);
    // A PATCH that does not speak of identity keeps it; a PUT removes it.
    assert_eq!(world.patched(&json!({ "tags": { "a": "b" } }))["identity"]["type"], "SystemAssigned");
    let mut body = world.app();
    body.as_object_mut().unwrap().remove("identity");
    world.send("PUT", &seed::app_id(), Some(&body)).ok(201);
    world.settle();
    assert_eq!(world.app()["identity"]["type"], "None");
}

#[test]
fn the_map_is_merged_by_id_in_any_case() {
    let world = World::new();
    world.edit(|state| {
        seed::add_identity(
            state,
            "id-other",
            "33333333-3333-4333-8333-000000000003",
            "33333333-3333-4333-8333-000000000004",
            super::START,
        );
    });
    let (one, other) = (seed::identity_id(seed::IDENTITY), seed::identity_id("id-other"));
    let assign = |ids: Json| json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": ids } });
    world.patched(&assign(user(&one)));
    world.patched(&assign(user(&one.replace("resourceGroups", "resourcegroups"))));
    let app = world.patched(&assign(user(&other)));
    assert_eq!(app["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 2);
    let app = world.patched(&assign(json!({ (one): null })));
    assert_eq!(app["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 1);
    world.patch(&assign(user(&seed::identity_id("id-nope")))).refused(400, "FailedIdentityOperation");
    world
        .patch(&json!({ "identity": { "type": "SystemAssigned,Magic" } }))
        .refused(400, "InvalidIdentityType");
}

#[test]
fn user_assigned_identities_are_made_read_listed_and_deleted() {
    let world = World::new();
    let id = seed::identity_id("id-ca-demo");
    world.get(&id).refused(404, "ResourceNotFound");
    let body = json!({ "location": "westeurope", "tags": { "a": "b" } });
    let made = world.send("PUT", &id, Some(&body)).ok(201);
    let again = world.send("PUT", &id, Some(&body)).ok(200);
    assert_eq!(made["properties"], again["properties"]);
    let list = world
        .get(&format!(
            "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
            seed::group_id(seed::GROUP)
        ))
        .ok(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 2);
    world.send("DELETE", &id, None).ok(200);
    world.send("DELETE", &id, None).ok(204);
    let anew = world.send("PUT", &id, Some(&body)).ok(201);
    assert_ne!(made["properties"]["principalId"], anew["properties"]["principalId"]);
    world
        .send("PUT", &id, Some(&json!({ "location": "northeurope" })))
        .refused(409, "InvalidResourceLocation");
}
