//! Shares that the environment knows, and apps that mount them.

use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::state::SecretVersion;
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::storage::valid;
use super::{START, World};

const VERSIONS: &[&str] = &["2026-01-01", "2025-07-01", "2025-01-01", "2024-03-01"];

/// The body of a registration of the seeded share.
pub(super) fn registration(key: &str) -> Json {
    json!({ "properties": { "azureFile": {
        "accountName": "stdemo", "accountKey": key, "shareName": "aca-shared", "accessMode": "ReadWrite",
    } } })
}

/// A PATCH body that mounts these volumes in the app's container.
fn mounts(volumes: &Json, mounts: &Json) -> Json {
    json!({ "properties": { "template": {
        "volumes": volumes,
        "containers": [{ "name": seed::APP, "image": seed::IMAGE, "volumeMounts": mounts }],
    } } })
}

/// The same for the share that the environment knows as `sharedfiles`.
pub(super) fn mounted() -> Json {
    mounts(
        &json!([{ "name": "shared-files", "storageType": "AzureFile", "storageName": "sharedfiles" }]),
        &json!([{ "volumeName": "shared-files", "mountPath": "/mnt/shared" }]),
    )
}

/// A share in the seeded account.
pub(super) fn with_share(state: &mut State) {
    seed::storage::share(state, "stdemo", "aca-shared", "SMB", START);
}

/// And its registration.
pub(super) fn registered(state: &mut State) {
    with_share(state);
    seed::storage::environment_storage(state, "sharedfiles", "stdemo", "aca-shared", "SMB");
}

#[test]
fn a_storage_is_put_whole_and_its_key_is_never_shown() {
    let world = World::new();
    let id = seed::environment_storage_id("sharedfiles");
    let all = format!("{}/storages", seed::environment_id());
    for version in VERSIONS {
        let at = |path: &str| format!("{path}?api-version={version}");
        world.get(&at(&id)).refused(404, "ManagedEnvironmentStorageNotFound");
        let made = world.send("PUT", &at(&id), Some(&registration("any key at all"))).ok(200);
        assert_eq!(made["properties"]["azureFile"].get("accountKey"), None);
        assert_eq!(world.get(&at(&id)).ok(200), made);
        assert_eq!(world.get(&at(&all)).ok(200)["value"], json!([made]));
        assert_eq!(world.send("DELETE", &at(&id), None).status, 200);
        assert_eq!(world.send("DELETE", &at(&id), None).status, 204);
    }
    let nfs = json!({ "properties": { "nfsAzureFile": {
        "server": "stpremium.file.core.windows.net", "shareName": "/stpremium/nfs", "accessMode": "ReadOnly",
    } } });
    assert_eq!(world.send("PUT", &id, Some(&nfs)).ok(200)["properties"], nfs["properties"]);
    valid(&world);
    assert_eq!(world.edit(|state| state.environment_storages.len()), 1);
}

#[test]
fn what_is_no_storage_is_refused() {
    let world = World::new();
    let id = seed::environment_storage_id("sharedfiles");
    let change = |member: &str, value: Json| {
        let mut body = registration("k");
        body["properties"]["azureFile"][member] = value;
        body
    };
    let reference =
        json!({ "identity": "system", "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/x" });
    for (body, code) in [
        (change("accountKey", Json::Null), "ManagedEnvironmentStorageBadRequest"),
        (change("shareName", Json::Null), "InvalidRequestContent"),
        (change("colour", json!("red")), "ManagedEnvironmentStorageInvalidSchema"),
        (json!({ "properties": {} }), "InvalidRequestContent"),
    ] {
        world.send("PUT", &id, Some(&body)).refused(400, code);
    }
    for version in ["2025-01-01", "2024-03-01"] {
        let at = format!("{id}?api-version={version}");
        let told = world.send("PUT", &at, Some(&change("accountKeyVaultProperties", reference.clone())));
        let told = told.refused(400, "ManagedEnvironmentStorageInvalidSchema");
        assert!(told.message().contains("accountKeyVaultProperties"), "{}", told.message());
    }
    let elsewhere = format!(
        "{}/providers/Microsoft.App/managedEnvironments/cae-none/storages/x",
        seed::group_id(seed::GROUP)
    );
    world.send("PUT", &elsewhere, Some(&registration("k"))).refused(404, "ResourceNotFound");
    world.by("reader").send("PUT", &id, Some(&registration("k"))).refused(403, "AuthorizationFailed");
    world.by("app-scoped").get(&id).refused(403, "AuthorizationFailed");
    world.edit(|state| seed::variant::lock(state, &seed::environment_id(), "ReadOnly"));
    world.send("PUT", &id, Some(&registration("k"))).refused(409, "ScopeLocked");
    world.edit(|state| {
        state.locks.clear();
        seed::variant::policy(state, &seed::group_id(seed::GROUP), "", "");
    });
    world.send("PUT", &id, Some(&registration("k"))).refused(403, "RequestDisallowedByPolicy");
}

#[test]
fn a_key_from_a_vault_is_fetched_by_the_environments_identity() {
    let world = World::new();
    let id = seed::environment_storage_id("sharedfiles");
    let body = json!({ "properties": { "azureFile": {
        "accountName": "stdemo", "shareName": "aca-shared", "accessMode": "ReadWrite",
        "accountKeyVaultProperties": { "identity": "system", "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/storage-key" },
    } } });
    world.edit(|state| {
        with_share(state);
        let secret = SecretVersion {
            version: "4".repeat(32),
            value: "sandbox-stdemo-key-1".to_owned(),
            enabled: true,
        };
        state.vault_mut(seed::VAULT).unwrap().secrets.insert("storage-key".to_owned(), vec![secret]);
        // An identity of the app does not help.
        seed::variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
    });
    world.send("PUT", &id, Some(&body)).refused(400, "ManagedEnvironmentStorageBadRequest");
    world.edit(|state| seed::storage::environment_identity(state, "system", START));
    world.send("PUT", &id, Some(&body)).refused(400, "ManagedEnvironmentStorageBadRequest");
    let environment = world.get(&seed::environment_id()).ok(200);
    assert_eq!(environment["identity"]["type"], "SystemAssigned");
    let principal = environment["identity"]["principalId"].as_str().unwrap().to_owned();
    world.edit(|state| {
        seed::assign_role(state, &seed::vault_id(seed::VAULT), KEY_VAULT_SECRETS_USER, &principal, START);
    });
    let made = world.send("PUT", &id, Some(&body)).ok(200);
    assert_eq!(made["properties"], body["properties"]);
    world.patched(&mounted());
    assert_eq!(world.newest()["healthState"], "Healthy");
    valid(&world);
}

#[test]
fn a_mounted_share_runs() {
    let world = World::new();
    world.edit(registered);
    world.patched(&mounted());
    let newest = world.newest();
    assert_eq!(
        (&newest["provisioningState"], &newest["healthState"]),
        (&json!("Provisioned"), &json!("Healthy"))
    );
    valid(&world);
}

#[test]
fn volumes_mounts_and_storages_must_fit_together() {
    let world = World::new();
    world.patch(&mounted()).refused(400, "ManagedEnvironmentStorageNotFound");
    world.edit(registered);
    let file = json!([{ "name": "v", "storageType": "AzureFile", "storageName": "sharedfiles" }]);
    let nfs = json!([{ "name": "v", "storageType": "NfsAzureFile", "storageName": "sharedfiles" }]);
    let scratch = json!([{ "name": "v", "storageType": "EmptyDir" }]);
    let at = |volume: &str, path: &str| json!([{ "volumeName": volume, "mountPath": path }]);
    for (volumes, entry, code) in [
        (&nfs, at("v", "/a"), "ManagedEnvironmentStorageNotFound"),
        (&file, at("w", "/a"), "ContainerAppInvalidVolumeMount"),
        (&json!([]), at("v", "/a"), "ContainerAppInvalidVolumeMount"),
        (&scratch, at("v", "/"), "ContainerAppInvalidMountPath"),
        (&scratch, at("v", "/a:b"), "ContainerAppInvalidMountPath"),
        (&scratch, json!([{ "volumeName": "v" }]), "ContainerAppInvalidMountPath"),
        (
            &scratch,
            json!([{ "volumeName": "v", "mountPath": "/a" }, { "volumeName": "v", "mountPath": "/a", "subPath": "b" }]),
            "InvalidParameterValueInContainerTemplate",
        ),
    ] {
        world.patch(&mounts(volumes, &entry)).refused(400, code);
    }
    // One volume at two paths is fine, and so are kinds without a storage.
    world.patched(&mounts(
        &scratch,
        &json!([{ "volumeName": "v", "mountPath": "/a" }, { "volumeName": "v", "mountPath": "/b" }]),
    ));
    assert_eq!(world.newest()["healthState"], "Healthy");
    // A name that what runs below does not take is accepted, and nothing starts.
    world.patched(&mounts(&json!([{ "name": "a.b", "storageType": "EmptyDir" }]), &at("a.b", "/a")));
    world.pass(3600);
    assert_eq!(world.newest()["provisioningState"], "Provisioning");
}

/// Spoils the mount of the registered share.
type Spoil = fn(&mut State);

#[test]
fn a_share_that_cannot_be_mounted_keeps_the_revision_in_provisioning_until_it_can() {
    let spoil: [(Spoil, Spoil); 5] = [
        (|state| state.storage_account_mut("stdemo").unwrap().shares.clear(), with_share),
        (
            |state| seed::storage::keys_rotated(state, "stdemo"),
            |state| {
                state.storage_account_mut("stdemo").unwrap().keys =
                    ["sandbox-stdemo-key-1".to_owned(), String::new()];
            },
        ),
        (
            |state| seed::storage::storage_closed(state, "stdemo", false),
            |state| {
                seed::storage::storage_closed(state, "stdemo", true);
            },
        ),
        (
            |state| seed::storage::shared_key_off(state, "stdemo"),
            |state| {
                state.storage_account_mut("stdemo").unwrap().properties["allowSharedKeyAccess"] = json!(true);
            },
        ),
        (
            |state| state.storage_accounts.clear(),
            |state| {
                let fresh = seed::state(START);
                state.storage_accounts = fresh.storage_accounts;
                with_share(state);
            },
        ),
    ];
    for (index, (broken, mended)) in spoil.into_iter().enumerate() {
        let world = World::new();
        world.edit(registered);
        world.edit(broken);
        world.patched(&mounted());
        world.pass(3600);
        let newest = world.newest();
        assert_eq!(newest["provisioningState"], "Provisioning", "{index}");
        assert_eq!(newest.get("provisioningError"), None, "{index}");
        // The old one serves on, and no replica says why.
        assert_eq!(world.revisions()[0]["properties"]["trafficWeight"], 100);
        let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
        let replicas = world.get(&format!("{}/revisions/{name}/replicas", seed::app_id())).ok(200);
        assert!(!replicas.to_string().contains("runningStateDetails"), "{replicas}");
        world.edit(mended);
        world.settle();
        assert_eq!(world.newest()["healthState"], "Healthy", "{index}");
        assert_eq!(world.newest()["trafficWeight"], 100, "{index}");
        valid(&world);
    }
}

#[test]
fn nfs_needs_a_network_and_an_account_without_secure_transfer() {
    for (network, secure, closed, works) in [
        (true, false, false, true),
        (false, false, false, false),
        (true, true, false, false),
        (true, false, true, false),
    ] {
        let world = World::new();
        world.edit(|state| {
            seed::storage::file_account(state, "stpremium", secure, START);
            seed::storage::share(state, "stpremium", "nfs", "NFS", START);
            seed::storage::environment_storage(state, "files", "stpremium", "nfs", "NFS");
            if network {
                seed::storage::environment_in_network(state);
            }
            if closed {
                seed::storage::storage_closed(state, "stpremium", false);
            }
        });
        world.patched(&mounts(
            &json!([{ "name": "files", "storageType": "NfsAzureFile", "storageName": "files" }]),
            &json!([{ "volumeName": "files", "mountPath": "/mnt/files" }]),
        ));
        world.pass(600);
        let expected = if works { "Provisioned" } else { "Provisioning" };
        assert_eq!(world.newest()["provisioningState"], expected, "{network} {secure} {closed}");
        valid(&world);
    }
}

#[test]
fn of_a_storage_in_use_only_the_key_changes_and_a_new_key_misses_other_apps() {
    let world = World::new();
    let id = seed::environment_storage_id("sharedfiles");
    world.edit(registered);
    let mut read_only = registration("sandbox-stdemo-key-1");
    read_only["properties"]["azureFile"]["accessMode"] = json!("ReadOnly");
    world.send("PUT", &id, Some(&read_only)).ok(200);
    world.send("PUT", &id, Some(&registration("sandbox-stdemo-key-1"))).ok(200);
    world.patched(&mounted());
    world.send("PUT", &id, Some(&read_only)).refused(400, "ManagedEnvironmentStorageUpdateBadRequest");
    world.send("DELETE", &id, None).refused(409, "ManagedEnvironmentStorageInUse");
    world.edit(|state| seed::storage::keys_rotated(state, "stdemo"));
    world.send("PUT", &id, Some(&registration("sandbox-stdemo-key-1-rotated"))).ok(200);
    // The app that mounted it gets the new key; another one does not.
    let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
    world.send("POST", &format!("{}/revisions/{name}/restart", seed::app_id()), None).ok(200);
    assert_eq!(world.newest()["healthState"], "Healthy");
    let other = format!("{}/providers/Microsoft.App/containerApps/ca-other", seed::group_id(seed::GROUP));
    let mut body = mounted();
    body["location"] = json!(seed::LOCATION);
    body["properties"]["environmentId"] = json!(seed::environment_id());
    world.send("PUT", &other, Some(&body)).ok(201);
    world.pass(3600);
    let state = |world: &World| {
        let list = world.get(&format!("{other}/revisions")).ok(200);
        list["value"][0]["properties"]["provisioningState"].clone()
    };
    assert_eq!(state(&world), "Provisioning");
    // Under another name it works.
    world
        .send(
            "PUT",
            &seed::environment_storage_id("newname"),
            Some(&registration("sandbox-stdemo-key-1-rotated")),
        )
        .ok(200);
    body["properties"]["template"]["volumes"][0]["storageName"] = json!("newname");
    world.send("PUT", &other, Some(&body)).ok(201);
    world.pass(60);
    let list = world.get(&format!("{other}/revisions")).ok(200);
    assert_eq!(list["value"][1]["properties"]["healthState"], "Healthy");
    valid(&world);
}

#[test]
fn a_restart_mounts_again() {
    let world = World::new();
    world.edit(registered);
    world.patched(&mounted());
    world.edit(|state| seed::storage::keys_rotated(state, "stdemo"));
    // What runs has it mounted.
    assert_eq!(world.newest()["healthState"], "Healthy");
    let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
    let restart = format!("{}/revisions/{name}/restart", seed::app_id());
    world.send("POST", &restart, None).ok(200);
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    let key = json!("sandbox-stdemo-key-1-rotated");
    let id = seed::environment_storage_id("sharedfiles");
    world.send("PUT", &id, Some(&registration(key.as_str().unwrap()))).ok(200);
    world.send("POST", &restart, None).ok(200);
    assert_eq!(world.newest()["healthState"], "Healthy");
}
