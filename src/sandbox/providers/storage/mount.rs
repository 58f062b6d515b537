//! Whether a share that an environment knows can be mounted, and what the mount says if not.

use serde_json::{Value as Json, json};

use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, Environment, EnvironmentStorage, State, StorageAccount, elements, fold};

/// Why `app` cannot mount `storage` now, in the words of mount; nothing when it can.
pub(in crate::sandbox) fn trouble(
    state: &State,
    rules: &Switches,
    app: &App,
    storage: &EnvironmentStorage,
) -> Option<String> {
    let environment = state.environments.get(&fold(storage.environment()));
    if storage.properties["nfsAzureFile"].is_object() {
        return nfs(state, environment, &storage.properties["nfsAzureFile"]);
    }
    let file = &storage.properties["azureFile"];
    let text = |member: &str| file[member].as_str().unwrap_or_default();
    let (account, share) = (text("accountName"), text("shareName"));
    let said = |error: &str| Some(format!("mount //{account}.file.core.windows.net/{share}: {error}"));
    let Some(account) = state.storage_account(account) else {
        return said("mount error: could not resolve address");
    };
    let denied = "mount error(13): Permission denied";
    if !reachable(account, environment) || !account.shared_key() {
        return said(denied);
    }
    let reaches = match &storage.key_reaches {
        Some(apps) if rules.holds(Switch::KeyUpdateMissesOthers) => apps.contains(&fold(&app.id)),
        _ => true,
    };
    if !reaches || !storage.key.as_ref().is_some_and(|key| account.keys.contains(key)) {
        return said(denied);
    }
    match account.shares.get(share) {
        Some(found) if found["enabledProtocols"] == json!("SMB") => None,
        Some(_) => said("mount error(95): Operation not supported"),
        None => said("mount error(2): No such file or directory"),
    }
}

fn nfs(state: &State, environment: Option<&Environment>, file: &Json) -> Option<String> {
    let text = |member: &str| file[member].as_str().unwrap_or_default();
    let (server, share) = (text("server"), text("shareName"));
    let said = |error: &str| Some(format!("mount {server}:{share}: mount.nfs: {error}"));
    let account = server.split('.').next().and_then(|name| state.storage_account(name));
    let Some(account) = account else {
        return said("Failed to resolve server");
    };
    if subnet(environment).is_none() || !reachable(account, environment) {
        return said("Connection timed out");
    }
    let found = share
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .filter(|(name, _)| name.eq_ignore_ascii_case(account.name()))
        .and_then(|(_, share)| account.shares.get(share));
    let secure = account.properties["supportsHttpsTrafficOnly"] != json!(false);
    match found {
        Some(found) if found["enabledProtocols"] == json!("NFS") && !secure => None,
        _ => said("access denied by server while mounting"),
    }
}

fn subnet(environment: Option<&Environment>) -> Option<&str> {
    environment?.properties["vnetConfiguration"]["infrastructureSubnetId"].as_str()
}

/// Whether the account's network rules let the environment in.
fn reachable(account: &StorageAccount, environment: Option<&Environment>) -> bool {
    let is = |value: &Json, word: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(word));
    if account.private_for_apps {
        return true;
    }
    if is(&account.properties["publicNetworkAccess"], "Disabled") {
        return false;
    }
    let acls = &account.properties["networkAcls"];
    let admitted = subnet(environment).is_some_and(|subnet| {
        elements(&acls["virtualNetworkRules"])
            .iter()
            .any(|rule| rule["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(subnet)))
    });
    !is(&acls["defaultAction"], "Deny") || admitted
}
