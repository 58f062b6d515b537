//! The storage account that a fresh sandbox holds, and the variants of it that tests start from.

use serde_json::json;
use time::OffsetDateTime;

use super::super::state::{EnvironmentStorage, State, StorageAccount, SystemIdentity, fold};
use super::{APP, GROUP, LOCATION, environment_id, group_id, variant};

/// The storage account in the app's group: general-purpose, open to the public, with shared keys, and
/// empty.
pub const STORAGE_ACCOUNT: &str = "stdemo";

/// The id of a storage account in the app's group.
pub fn storage_account_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Storage/storageAccounts/{name}", group_id(GROUP))
}

/// The id of a file share.
pub fn share_id(account: &str, name: &str) -> String {
    format!("{}/fileServices/default/shares/{name}", storage_account_id(account))
}

/// The id of a blob container.
pub fn container_id(account: &str, name: &str) -> String {
    format!("{}/blobServices/default/containers/{name}", storage_account_id(account))
}

/// The id of a share that the environment knows under `name`.
pub fn environment_storage_id(name: &str) -> String {
    format!("{}/storages/{name}", environment_id())
}

/// Adds the account.
pub(super) fn add(state: &mut State, made: OffsetDateTime) {
    state.add_storage_account(StorageAccount::new(&storage_account_id(STORAGE_ACCOUNT), LOCATION, made));
}

/// A storage account that refuses requests signed with its keys.
pub fn shared_key_off(state: &mut State, account: &str) {
    if let Some(account) = state.storage_account_mut(account) {
        account.properties["allowSharedKeyAccess"] = json!(false);
    }
}

/// A storage account closed to the public. `private`: it has a private endpoint, by which apps reach it.
pub fn storage_closed(state: &mut State, account: &str, private: bool) {
    let Some(account) = state.storage_account_mut(account) else { return };
    account.properties["publicNetworkAccess"] = json!("Disabled");
    account.properties["networkAcls"]["defaultAction"] = json!("Deny");
    account.private_for_apps = private;
    if private {
        let (id, name) = (account.id.clone(), format!("pe-{}", account.name()));
        let group = id.split("/providers/").next().unwrap_or_default();
        account.properties["privateEndpointConnections"] = json!([{
            "id": format!("{id}/privateEndpointConnections/{name}"),
            "name": name,
            "type": "Microsoft.Storage/storageAccounts/privateEndpointConnections",
            "properties": {
                "privateEndpoint": { "id": format!("{group}/providers/Microsoft.Network/privateEndpoints/{name}") },
                "privateLinkServiceConnectionState": { "status": "Approved", "actionRequired": "None" },
                "provisioningState": "Succeeded",
            },
        }]);
    }
}

/// A premium account for files in the group; `secure`: it takes encrypted connections only, which NFS
/// mounts of container apps are not.
pub fn file_account(state: &mut State, name: &str, secure: bool, made: OffsetDateTime) {
    let mut account = StorageAccount::new(&storage_account_id(name), LOCATION, made);
    "FileStorage".clone_into(&mut account.kind);
    "Premium_LRS".clone_into(&mut account.sku);
    account.properties["supportsHttpsTrafficOnly"] = json!(secure);
    account.properties["accessTier"] = json!("Premium");
    account.properties["primaryEndpoints"] =
        json!({ "file": format!("https://{name}.file.core.windows.net/") });
    state.add_storage_account(account);
}

/// The environment in a virtual network of its owner's.
pub fn environment_in_network(state: &mut State) {
    if let Some(environment) = state.environments.get_mut(&fold(&environment_id())) {
        environment.properties["vnetConfiguration"] = json!({
            "internal": false,
            "infrastructureSubnetId": format!(
                "{}/providers/Microsoft.Network/virtualNetworks/vnet-demo/subnets/infrastructure",
                group_id(GROUP)
            ),
        });
    }
}

/// An identity of the environment: `system`, or the id of a user-assigned one.
pub fn environment_identity(state: &mut State, identity: &str, made: OffsetDateTime) {
    let system = identity
        .eq_ignore_ascii_case("system")
        .then(|| state.new_principal(made))
        .map(|(principal_id, client_id)| SystemIdentity { principal_id, client_id });
    if let Some(environment) = state.environments.get_mut(&fold(&environment_id())) {
        match system {
            Some(system) => environment.identity.system = Some(system),
            None => environment.identity.user.push(identity.to_owned()),
        }
    }
}

/// A share of `account` for `protocol` (`SMB`, `NFS`), of 100 GiB.
pub fn share(state: &mut State, account: &str, name: &str, protocol: &str, made: OffsetDateTime) {
    if let Some(account) = state.storage_account_mut(account) {
        let share = account.share(100, protocol, made);
        account.shares.insert(name.to_owned(), share);
    }
}

/// A blob container of `account`.
pub fn container(state: &mut State, account: &str, name: &str, made: OffsetDateTime) {
    if let Some(account) = state.storage_account_mut(account) {
        account.containers.insert(name.to_owned(), StorageAccount::container(made));
    }
}

/// A share that the environment knows under `name`: by SMB with the account's first key, or by NFS.
pub fn environment_storage(state: &mut State, name: &str, account: &str, share: &str, protocol: &str) {
    let key = state.storage_account(account).map(|account| account.keys[0].clone());
    let nfs = protocol.eq_ignore_ascii_case("NFS");
    let properties = if nfs {
        json!({ "nfsAzureFile": {
            "server": format!("{account}.file.core.windows.net"),
            "shareName": format!("/{account}/{share}"),
            "accessMode": "ReadWrite",
        } })
    } else {
        json!({ "azureFile": { "accountName": account, "shareName": share, "accessMode": "ReadWrite" } })
    };
    state.add_environment_storage(EnvironmentStorage {
        id: environment_storage_id(name),
        properties,
        key: key.filter(|_| !nfs),
        key_reaches: None,
    });
}

/// What the environment knows as `storage`, mounted by the app's container at `path` as `volume`.
pub fn mounted(state: &mut State, storage: &str, volume: &str, path: &str) {
    let nfs = state
        .environment_storage(&environment_id(), storage)
        .is_some_and(|storage| storage.properties["nfsAzureFile"].is_object());
    let kind = if nfs { "NfsAzureFile" } else { "AzureFile" };
    let entry = json!({ "name": volume, "storageType": kind, "storageName": storage });
    variant::with_app(state, |app| {
        let template = &mut app.model["properties"]["template"];
        variant::push(&mut template["volumes"], false, entry);
        let containers = template["containers"].as_array_mut();
        for container in containers.into_iter().flatten().filter(|container| container["name"] == APP) {
            let mount = json!({ "volumeName": volume, "mountPath": path });
            variant::push(&mut container["volumeMounts"], false, mount);
        }
    });
}

/// Both keys of an account made anew, behind the back of everybody who has one.
pub fn keys_rotated(state: &mut State, account: &str) {
    if let Some(account) = state.storage_account_mut(account) {
        account.rotate();
    }
}
