//! Cosmos DB: what the control plane shows of an account, and its own role assignments for data.

use acarecipe::sandbox::roles::{CONTRIBUTOR, READER};
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::{Got, World, path_of};
use crate::support::schema;

pub(super) const NAME: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
pub(super) const OTHER: &str = "bbbbbbbb-0000-4000-8000-00000000000b";

/// The path of an assignment of the seeded account.
pub(super) fn path(name: &str) -> String {
    format!("{}/sqlRoleAssignments/{name}", account())
}

fn account() -> String {
    seed::cosmos_id(seed::COSMOS)
}

/// What assigns a data role to the seeded identity, in the account or a part of it.
pub(super) fn body(role: &str, part: &str) -> Json {
    json!({ "properties": {
        "roleDefinitionId": format!("{}/sqlRoleDefinitions/{role}", account()),
        "scope": format!("{}{part}", account()),
        "principalId": seed::IDENTITY_PRINCIPAL,
    } })
}

pub(super) fn put(world: &World, name: &str, body: &Json) -> Got {
    world.send("PUT", &path(name), Some(body))
}

/// A PUT that is accepted and comes to a good end.
#[track_caller]
fn written(world: &World, name: &str, body: &Json) -> Json {
    assert_eq!(put(world, name, body).ok(202), json!({ "status": "Enqueued" }));
    world.settle();
    world.get(&path(name)).ok(200)
}

fn names(world: &World, path: &str) -> Vec<String> {
    let list = world.get(path).ok(200);
    list["value"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_account_with_its_databases_and_containers_is_shown_in_every_version() {
    for version in ["2026-03-15", "2025-10-15", "2024-08-15"] {
        let world = World::new();
        let ask = |path: &str| world.get(&format!("{path}?api-version={version}"));
        let found = ask(&account()).ok(200);
        assert_eq!(found["kind"], "GlobalDocumentDB");
        assert_eq!(found["properties"]["documentEndpoint"], "https://cosmos-demo.documents.azure.com:443/");
        assert_eq!(found["properties"]["disableLocalAuth"], false);
        let database = format!("{}/sqlDatabases/{}", account(), seed::COSMOS_DATABASE);
        assert_eq!(ask(&database).ok(200)["properties"]["resource"]["id"], "appdb");
        let container = format!("{database}/containers/{}", seed::COSMOS_CONTAINER);
        assert_eq!(ask(&container).ok(200)["properties"]["resource"]["partitionKey"]["paths"][0], "/id");
        ask(&format!("{}/sqlDatabases", account())).ok(200);
        ask(&format!("{database}/containers")).ok(200);
        ask(&format!("{}/sqlRoleDefinitions", account())).ok(200);
        ask(&format!("{}/sqlRoleDefinitions/{}", account(), seed::COSMOS_READER)).ok(200);
        let accounts = format!("{}/providers/Microsoft.DocumentDB/databaseAccounts", seed::subscription_id());
        ask(&accounts).ok(200);
        let name = format!("{NAME}?api-version={version}");
        put(&world, &name, &body(seed::COSMOS_READER, "")).ok(202);
        world.settle();
        assert_eq!(ask(&path(NAME)).ok(200)["properties"], body(seed::COSMOS_READER, "")["properties"]);
        ask(&format!("{}/sqlRoleAssignments", account())).ok(200);
        world.send("DELETE", &path(&name), None).ok(202);
        // It is there until it is gone, and is the account's one write.
        ask(&path(NAME)).ok(200);
        put(&world, OTHER, &body(seed::COSMOS_READER, "")).refused(412, "PreconditionFailed");
        world.settle();
        ask(&path(NAME)).refused(404, "NotFound");
        world.send("DELETE", &path(&name), None).ok(204);
        schema::check(&world.sandbox.exchanges())
            .unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let world = World::new();
    world.get(&seed::cosmos_id("cosmos-nope")).refused(404, "ResourceNotFound");
    let databases = format!("{}/sqlDatabases", account());
    world.get(&format!("{databases}/nope")).refused(404, "NotFound");
    world.get(&format!("{databases}/nope/containers/items")).refused(404, "NotFound");
    world.get(&format!("{databases}/appdb/containers/nope")).refused(404, "NotFound");
    // The data plane tells these names apart by case.
    world.get(&format!("{databases}/AppDB")).refused(404, "NotFound");
    world.get(&path(NAME)).refused(404, "NotFound");
    world.get(&format!("{}/sqlRoleDefinitions/{NAME}", account())).refused(404, "NotFound");
    world.get(&account().to_uppercase()).ok(200);
}

#[test]
fn accounts_of_other_apis_have_no_sql_resources() {
    let changes: [fn(&mut State); 2] = [
        |state| seed::variant::cosmos_api(state, "Mongo"),
        |state| seed::variant::cosmos_api(state, "Cassandra"),
    ];
    for change in changes {
        let world = World::new();
        world.edit(change);
        world.get(&account()).ok(200);
        world.get(&format!("{}/sqlDatabases/appdb", account())).refused(405, "MethodNotAllowed");
        world.get(&format!("{}/sqlRoleAssignments", account())).refused(405, "MethodNotAllowed");
        put(&world, NAME, &body(seed::COSMOS_READER, "")).refused(405, "MethodNotAllowed");
    }
}

#[test]
fn an_assignment_is_an_operation_with_two_addresses() {
    let world = World::new();
    let got = put(&world, NAME, &body(seed::COSMOS_CONTRIBUTOR, "/dbs/appdb/colls/items"));
    let header = |name: &str| path_of(got.header(name).unwrap()).to_owned();
    let (status, location) = (header("azure-asyncoperation"), header("location"));
    assert!(status.contains("/providers/Microsoft.DocumentDB/locations/westeurope/operationsStatus/"));
    assert!(got.header("retry-after").is_some());
    got.clone().ok(202);
    // Not there before its end.
    assert_eq!(world.get(&status).ok(200)["status"], "Dequeued");
    world.get(&location).ok(202);
    world.get(&path(NAME)).refused(404, "NotFound");
    world.settle();
    assert_eq!(world.get(&status).ok(200)["status"], "Succeeded");
    assert_eq!(world.get(&location).ok(200)["name"], NAME);
    assert_eq!(names(&world, &format!("{}/sqlRoleAssignments", account())), [NAME]);
    // Sent again it stays as it is.
    written(&world, NAME, &body(seed::COSMOS_CONTRIBUTOR, "/dbs/appdb/colls/items"));
}

#[test]
fn one_write_of_an_account_at_a_time() {
    let world = World::new();
    put(&world, NAME, &body(seed::COSMOS_READER, "")).ok(202);
    let busy = put(&world, OTHER, &body(seed::COSMOS_CONTRIBUTOR, "")).refused(412, "PreconditionFailed");
    assert!(busy.message().contains("requires an exclusive lock on [cosmos-demo]"), "{}", busy.message());
    world.send("DELETE", &path(NAME), None).refused(412, "PreconditionFailed");
    world.settle();
    written(&world, OTHER, &body(seed::COSMOS_CONTRIBUTOR, ""));
    // So too while the account itself is changed; one that is being made takes nothing.
    for (state, status, code) in [
        ("Updating", 412, "PreconditionFailed"),
        ("Creating", 400, "BadRequest"),
        ("Deleting", 400, "BadRequest"),
    ] {
        world
            .edit(|all| all.cosmos_mut(seed::COSMOS).unwrap().properties["provisioningState"] = json!(state));
        put(&world, NAME, &body(seed::COSMOS_READER, "/dbs/appdb")).refused(status, code);
    }
}

#[test]
fn under_one_name_only_the_role_changes() {
    let world = World::new();
    written(&world, NAME, &body(seed::COSMOS_READER, "/dbs/appdb"));
    let now = written(&world, NAME, &body(seed::COSMOS_CONTRIBUTOR, "/dbs/appdb"));
    let role = now["properties"]["roleDefinitionId"].as_str().unwrap();
    assert!(role.ends_with(seed::COSMOS_CONTRIBUTOR), "{role}");
    let moved = put(&world, NAME, &body(seed::COSMOS_CONTRIBUTOR, "")).refused(400, "BadRequest");
    assert!(moved.message().starts_with("Updating SQL Role Assignment Scope is not permitted"));
    let mut other = body(seed::COSMOS_CONTRIBUTOR, "/dbs/appdb");
    let owner = world.edit(|state| state.callers["owner"].principal.clone());
    other["properties"]["principalId"] = json!(owner);
    let given = put(&world, NAME, &other).refused(400, "BadRequest");
    assert!(given.message().starts_with("Updating SQL Role Assignment Principal ID is not permitted"));
}

#[test]
fn the_same_assignment_under_another_name_is_refused() {
    let world = World::new();
    written(&world, NAME, &body(seed::COSMOS_READER, "/dbs/appdb"));
    let got = put(&world, OTHER, &body(seed::COSMOS_READER, "/dbs/appdb")).refused(409, "Conflict");
    assert!(got.message().contains(NAME), "{}", got.message());
    // Another role, or another scope, is another assignment.
    written(&world, OTHER, &body(seed::COSMOS_CONTRIBUTOR, "/dbs/appdb"));
    written(&world, "cccccccc-0000-4000-8000-00000000000c", &body(seed::COSMOS_READER, ""));
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    let world = World::new();
    let changed = |member: &str, value: &str| {
        let mut body = body(seed::COSMOS_READER, "");
        body["properties"][member] = json!(value);
        body
    };
    let fine = body(seed::COSMOS_READER, "");
    let elsewhere = seed::cosmos_id("cosmos-other");
    let beside = format!("{}2", account());
    let doubled = format!("{0}{0}", account());
    let half = format!("{}/dbs", account());
    let strange = format!("{}/sqlDatabases/appdb", account());
    for (name, body, status, code) in [
        ("not-a-guid", fine.clone(), 400, "BadRequest"),
        (NAME, json!({}), 400, "BadRequest"),
        (NAME, changed("principalId", "somebody"), 400, "BadRequest"),
        (NAME, changed("scope", &elsewhere), 400, "BadRequest"),
        (NAME, changed("scope", &beside), 400, "BadRequest"),
        (NAME, changed("scope", &doubled), 400, "BadRequest"),
        (NAME, changed("scope", &half), 400, "BadRequest"),
        (NAME, changed("scope", &strange), 400, "BadRequest"),
        (NAME, changed("scope", "é"), 400, "BadRequest"),
        (NAME, changed("roleDefinitionId", seed::COSMOS_READER), 400, "BadRequest"),
        (
            NAME,
            changed("roleDefinitionId", &format!("{}/sqlRoleDefinitions/{NAME}", account())),
            404,
            "NotFound",
        ),
    ] {
        put(&world, name, &body).refused(status, code);
    }
    assert!(names(&world, &format!("{}/sqlRoleAssignments", account())).is_empty());
    // Whatever the case in which the account is named.
    let shouted = changed("scope", &account().to_uppercase());
    assert_eq!(written(&world, NAME, &shouted)["properties"]["scope"], json!(account()));
}

#[test]
fn a_principal_that_is_not_known_fails_the_operation() {
    let world = World::new();
    let made =
        world.send("PUT", &seed::identity_id("id-new"), Some(&json!({ "location": "westeurope" }))).ok(201);
    let mut fresh = body(seed::COSMOS_READER, "");
    fresh["properties"]["principalId"] = made["properties"]["principalId"].clone();
    let got = put(&world, NAME, &fresh);
    let header = |name: &str| path_of(got.header(name).unwrap()).to_owned();
    got.clone().ok(202);
    world.settle();
    let status = world.get(&header("azure-asyncoperation")).ok(200);
    assert_eq!(status["status"], "Failed");
    assert_eq!(status["error"]["code"], "BadRequest");
    let message = status["error"]["message"].as_str().unwrap();
    assert!(message.contains("was not found in the AAD tenant(s)"), "{message}");
    world.get(&header("location")).refused(400, "BadRequest");
    world.get(&path(NAME)).refused(404, "NotFound");
    // By now it is known, and the account is free again.
    written(&world, NAME, &fresh);
}

#[test]
fn who_may_write_assignments() {
    let world = World::new();
    let scoped = account();
    // No role of Azure's own kind is needed for it: Contributor has the right, Cosmos DB Operator has not.
    world.edit(|state| {
        let operator = seed::variant::custom_role(
            state,
            "Operator",
            &["Microsoft.DocumentDB/databaseAccounts/*"],
            &["Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"],
        );
        seed::variant::caller_with(state, "app-scoped", &[(&scoped, &operator)], None);
        seed::variant::caller_with(state, "group-scoped", &[(&scoped, CONTRIBUTOR)], None);
        seed::variant::caller_with(state, "reader", &[(&scoped, READER)], None);
    });
    let denied = put(&world.by("app-scoped"), NAME, &body(seed::COSMOS_READER, ""));
    let denied = denied.refused(403, "AuthorizationFailed");
    assert!(denied.message().contains("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"));
    let reader = world.by("reader");
    put(&reader, NAME, &body(seed::COSMOS_READER, "")).refused(403, "AuthorizationFailed");
    reader.get(&format!("{}/sqlRoleAssignments", account())).ok(200);
    reader.send("DELETE", &path(NAME), None).refused(403, "AuthorizationFailed");
    written(&world.by("group-scoped"), NAME, &body(seed::COSMOS_READER, ""));
}

#[test]
fn locks_denials_policies_and_registration_stand_before_a_write() {
    type Change = fn(&mut State);
    let cases: [(&str, Change, u16, &str); 4] = [
        ("lock", |state| seed::variant::lock(state, &account(), "ReadOnly"), 409, "ScopeLocked"),
        (
            "deny",
            |state| {
                seed::variant::deny(state, &account(), &["Microsoft.DocumentDB/*"]);
            },
            403,
            "DenyAssignmentAuthorizationFailed",
        ),
        (
            "policy",
            |state| {
                let kind = "microsoft.documentdb/databaseaccounts/sqlroleassignments";
                seed::variant::policy(state, &account(), kind, "");
            },
            403,
            "RequestDisallowedByPolicy",
        ),
        (
            "provider",
            |state| {
                state.providers.insert("Microsoft.DocumentDB".to_owned(), "NotRegistered".to_owned());
            },
            409,
            "MissingSubscriptionRegistration",
        ),
    ];
    for (name, change, status, code) in cases {
        let world = World::new();
        world.edit(change);
        let got = put(&world, NAME, &body(seed::COSMOS_READER, ""));
        assert_eq!((got.status, got.code()), (status, code), "{name}");
    }
    // A lock against deletion lets writes through.
    let world = World::new();
    world.edit(|state| seed::variant::lock(state, &account(), "CanNotDelete"));
    written(&world, NAME, &body(seed::COSMOS_READER, ""));
    world.send("DELETE", &path(NAME), None).refused(409, "ScopeLocked");
}

#[test]
fn faults_reach_its_operations() {
    let world = World::faulty("match=PUT:/sqlRoleAssignments/ operation-fails");
    let got = put(&world, NAME, &body(seed::COSMOS_READER, ""));
    let status = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
    world.settle();
    assert_eq!(world.get(&status).ok(200)["status"], "Failed");
    world.get(&path(NAME)).refused(404, "NotFound");
    written(&world, NAME, &body(seed::COSMOS_READER, ""));
    let world = World::faulty("match=PUT:/sqlRoleAssignments/ operation-hangs");
    put(&world, NAME, &body(seed::COSMOS_READER, "")).ok(202);
    world.pass(100_000);
    put(&world, NAME, &body(seed::COSMOS_READER, "")).refused(412, "PreconditionFailed");
}
