//! Storage accounts, what is in them, and who gets their keys.

use acarecipe::sandbox::roles::{READER, STORAGE_ACCOUNT_CONTRIBUTOR, STORAGE_KEY_OPERATOR};
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::{START, World};
use crate::support::schema;

const VERSIONS: &[&str] = &["2026-04-01", "2025-06-01", "2023-05-01"];

fn account() -> String {
    seed::storage_account_id(seed::STORAGE_ACCOUNT)
}

/// Checks everything that was said against Microsoft's schemas.
#[track_caller]
pub(super) fn valid(world: &World) {
    schema::check(&world.sandbox.exchanges()).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

fn names(list: &Json) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn an_account_is_read_listed_and_changed_in_every_version() {
    let world = World::new();
    for version in VERSIONS {
        let at = |path: &str| format!("{path}?api-version={version}");
        let body = world.get(&at(&account())).ok(200);
        assert_eq!(body["kind"], "StorageV2");
        assert_eq!(body["properties"]["primaryEndpoints"]["blob"], "https://stdemo.blob.core.windows.net/");
        for scope in [seed::group_id(seed::GROUP), seed::subscription_id()] {
            let list =
                world.get(&at(&format!("{scope}/providers/Microsoft.Storage/storageAccounts"))).ok(200);
            assert_eq!(names(&list), ["stdemo"]);
        }
        for allowed in [false, true] {
            let change =
                json!({ "properties": { "allowSharedKeyAccess": allowed }, "tags": { "v": version } });
            let body = world.send("PATCH", &at(&account()), Some(&change)).ok(200);
            assert_eq!(body["properties"]["allowSharedKeyAccess"], allowed);
            assert_eq!(body["tags"]["v"], *version);
        }
    }
    world.get(&seed::storage_account_id("stnone")).refused(404, "ResourceNotFound");
    valid(&world);
    world.get(&format!("{}?api-version=2019-06-01", account())).refused(400, "NoRegisteredProviderFound");
}

#[test]
fn keys_come_by_post_only_from_those_who_may_and_not_under_a_lock() {
    let world = World::new();
    let path = format!("{}/listKeys", account());
    for version in VERSIONS {
        let keys = world.send("POST", &format!("{path}?api-version={version}"), None).ok(200);
        let pair =
            |index: usize| (keys["keys"][index]["keyName"].clone(), keys["keys"][index]["value"].clone());
        assert_eq!(pair(0), (json!("key1"), json!("sandbox-stdemo-key-1")));
        assert_eq!(pair(1), (json!("key2"), json!("sandbox-stdemo-key-2")));
        assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
    }
    // No other answer has one.
    world.get(&account()).ok(200);
    let list = format!("{}/providers/Microsoft.Storage/storageAccounts", seed::subscription_id());
    world.get(&list).ok(200);
    let told = world.sandbox.exchanges();
    let reads = told.iter().filter(|exchange| exchange.method == "GET");
    for exchange in reads {
        assert!(!format!("{exchange:?}").contains("sandbox-stdemo-key"), "{exchange:?}");
    }
    valid(&world);

    world.send("GET", &path, None).refused(405, "MethodNotAllowed");
    for (roles, may) in [
        (&[READER][..], false),
        (&[READER, STORAGE_KEY_OPERATOR], true),
        (&[STORAGE_ACCOUNT_CONTRIBUTOR], true),
    ] {
        let scope = account();
        let given: Vec<(&str, &str)> = roles.iter().map(|role| (scope.as_str(), *role)).collect();
        world.edit(|state| seed::variant::caller_with(state, "reader", &given, None));
        let got = world.by("reader").send("POST", &path, None);
        if may {
            got.ok(200);
        } else {
            let told = got.refused(403, "AuthorizationFailed");
            assert!(told.message().contains("Microsoft.Storage/storageAccounts/listKeys/action"));
        }
    }
    world.edit(|state| seed::variant::lock(state, &account(), "CanNotDelete"));
    world.send("POST", &path, None).ok(200);
    world.edit(|state| seed::variant::lock(state, &seed::group_id(seed::GROUP), "ReadOnly"));
    world.send("POST", &path, None).refused(409, "ScopeLocked");
}

#[test]
fn a_regenerated_key_is_another_one() {
    let world = World::new();
    let path = format!("{}/regenerateKey", account());
    let keys = world.send("POST", &path, Some(&json!({ "keyName": "key2" }))).ok(200);
    assert_eq!(keys["keys"][0]["value"], "sandbox-stdemo-key-1");
    assert_eq!(keys["keys"][1]["value"], "sandbox-stdemo-key-2-rotated");
    assert_eq!(world.send("POST", &format!("{}/listKeys", account()), None).ok(200), keys);
    world.send("POST", &path, Some(&json!({ "keyName": "key3" }))).refused(400, "InvalidRequestContent");
    valid(&world);
}

#[test]
fn containers_and_shares_are_made_once_changed_and_removed() {
    let world = World::new();
    for version in VERSIONS {
        let parts = [
            (
                seed::container_id("stdemo", "app-data"),
                json!({ "publicAccess": "None" }),
                json!({ "metadata": { "a": "b" } }),
            ),
            (
                seed::share_id("stdemo", "aca-shared"),
                json!({ "shareQuota": 100 }),
                json!({ "shareQuota": 200 }),
            ),
        ];
        for (id, first, then) in parts {
            let at = format!("{id}?api-version={version}");
            let (collection, name) = id.rsplit_once('/').unwrap();
            let code = if id.contains("/shares/") { "ShareNotFound" } else { "ContainerNotFound" };
            world.get(&at).refused(404, code);
            let made = world.send("PUT", &at, Some(&json!({ "properties": first }))).ok(201);
            assert_eq!((&made["name"], &made["id"]), (&json!(name), &json!(id)));
            assert_eq!(world.get(&at).ok(200), made);
            assert_eq!(names(&world.get(&format!("{collection}?api-version={version}")).ok(200)), [name]);
            world.send("PUT", &at, Some(&json!({ "properties": first }))).ok(200);
            let changed = world.send("PATCH", &at, Some(&json!({ "properties": then }))).ok(200);
            let member = then.as_object().unwrap().keys().next().unwrap();
            assert_eq!(changed["properties"][member], then[member]);
            assert_eq!(world.send("DELETE", &at, None).status, 200);
            assert_eq!(world.send("DELETE", &at, None).status, 204);
            // Its name is free only later.
            let held = if id.contains("/shares/") { "ShareBeingDeleted" } else { "ContainerBeingDeleted" };
            world.get(&at).refused(404, code);
            world.send("PUT", &at, Some(&json!({ "properties": first }))).refused(409, held);
            world.settle();
        }
    }
    valid(&world);
}

#[test]
fn names_quotas_protocols_and_kinds_have_their_limits() {
    let world = World::new();
    world.edit(|state| {
        seed::storage::file_account(state, "stpremium", false, START);
        seed::storage::file_account(state, "stsecure", true, START);
        seed::storage::file_account(state, "stblobs", true, START);
        "BlockBlobStorage".clone_into(&mut state.storage_account_mut("stblobs").unwrap().kind);
    });
    let put =
        |id: String, properties: Json| world.send("PUT", &id, Some(&json!({ "properties": properties })));
    for (name, code) in [
        ("ab", "OutOfRangeInput"),
        ("Upper", "InvalidResourceName"),
        ("under_score", "InvalidResourceName"),
        ("two--hyphens", "InvalidResourceName"),
        ("-first", "InvalidResourceName"),
        (&"a".repeat(64), "OutOfRangeInput"),
    ] {
        put(seed::container_id("stdemo", name), json!({})).refused(400, code);
        put(seed::share_id("stdemo", name), json!({})).refused(400, code);
    }
    let nfs = json!({ "enabledProtocols": "NFS", "shareQuota": 100 });
    put(seed::share_id("stdemo", "nfs"), nfs.clone()).refused(400, "FeatureNotSupportedForAccount");
    assert_eq!(
        put(seed::share_id("stpremium", "nfs"), nfs.clone()).ok(201)["properties"]["rootSquash"],
        "NoRootSquash"
    );
    put(seed::share_id("stsecure", "nfs"), nfs).ok(201);
    put(seed::share_id("stpremium", "nfs"), json!({ "enabledProtocols": "SMB" }))
        .refused(400, "InvalidHeaderValue");
    put(seed::share_id("stpremium", "small"), json!({ "shareQuota": 10 })).refused(400, "InvalidHeaderValue");
    put(seed::share_id("stdemo", "small"), json!({ "shareQuota": 10 })).ok(201);
    put(seed::share_id("stdemo", "none"), json!({ "shareQuota": 0 })).refused(400, "InvalidHeaderValue");
    put(seed::share_id("stblobs", "any"), json!({})).refused(400, "FeatureNotSupportedForAccount");
    put(seed::container_id("stpremium", "any"), json!({})).refused(400, "FeatureNotSupportedForAccount");
    put(seed::share_id("stnone", "any"), json!({})).refused(404, "ResourceNotFound");
}

/// Makes a write impossible.
type Spoil<'a> = &'a dyn Fn(&mut State);

#[test]
fn a_write_needs_its_right_a_free_account_and_nobody_who_forbids_it() {
    let share = seed::share_id("stdemo", "aca-shared");
    let container = seed::container_id("stdemo", "app-data");
    let body = json!({ "properties": {} });
    for id in [&share, &container] {
        let world = World::new();
        world.by("reader").send("PUT", id, Some(&body)).refused(403, "AuthorizationFailed");
        world.by("app-scoped").get(id).refused(403, "AuthorizationFailed");
        let provisioning = |state: &mut State, word: &str| {
            state.storage_account_mut("stdemo").unwrap().properties["provisioningState"] = json!(word);
        };
        let spoil: [(Spoil<'_>, u16, &str); 6] = [
            (&|state| provisioning(state, "Creating"), 409, "StorageAccountIsNotProvisioned"),
            (&|state| provisioning(state, "Updating"), 409, "StorageAccountOperationInProgress"),
            (&|state| seed::variant::lock(state, &account(), "ReadOnly"), 409, "ScopeLocked"),
            (
                &|state| drop(seed::variant::deny(state, &account(), &["Microsoft.Storage/*"])),
                403,
                "DenyAssignmentAuthorizationFailed",
            ),
            (
                &|state| {
                    seed::variant::policy(state, &seed::group_id(seed::GROUP), "", "");
                },
                403,
                "RequestDisallowedByPolicy",
            ),
            (
                &|state| {
                    state.providers.insert("Microsoft.Storage".to_owned(), "NotRegistered".to_owned());
                },
                409,
                "MissingSubscriptionRegistration",
            ),
        ];
        for (change, status, code) in spoil {
            let world = World::new();
            world.edit(change);
            world.send("PUT", id, Some(&body)).refused(status, code);
        }
    }
}
