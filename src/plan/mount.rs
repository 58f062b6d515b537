//! Shares that an app mounts: whether volumes, mounts and what the environment knows fit together, and why
//! a revision that mounts one hangs in provisioning, by what a run has read.
//!
//! A share that cannot be mounted is told nowhere that can be read: the revision is being provisioned for
//! as long as it takes (microsoft/azure-container-apps#283), and only the system log has mount's words.

use super::engine::Engine;
use super::quote;
use crate::azure::ResourceId;
use crate::facts::Fact;
use crate::value::Value;

/// The type of what an environment knows of a share.
pub(super) const STORAGE: &str = "Microsoft.App/managedEnvironments/storages";
const SHARE: &str = "Microsoft.Storage/storageAccounts/fileServices/shares";
const ACCOUNT: &str = "Microsoft.Storage/storageAccounts";

/// A page about mounts.
pub(super) const DOCS: &str = "https://learn.microsoft.com/azure/container-apps/storage-mounts";

/// A volume of a template that is a share, and is mounted.
pub(super) struct Mount {
    /// The name under which the environment knows the share.
    pub(super) storage: String,
    /// Which share it is, in words.
    share: String,
    /// Why it cannot be mounted, where that is sure.
    pub(super) causes: Vec<String>,
    /// The command that mends the first of them.
    pub(super) fix: Option<String>,
    /// What else there is to look at.
    hint: String,
}

/// For a volume that is a share, the member that the environment's storage behind it must have.
pub(super) fn share_member(volume: &Value) -> Option<&'static str> {
    let kind = volume.text_at(&["storageType"])?;
    [("AzureFile", "azureFile"), ("NfsAzureFile", "nfsAzureFile")]
        .into_iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(kind))
        .map(|(_, member)| member)
}

/// The containers of a template, init containers too.
pub(super) fn containers(template: &Value) -> impl Iterator<Item = &Value> {
    ["containers", "initContainers"]
        .into_iter()
        .filter_map(|list| template.get(list).and_then(Value::as_list))
        .flatten()
}

/// The mounts of a container.
pub(super) fn mounts_of(container: &Value) -> &[Value] {
    container.get("volumeMounts").and_then(Value::as_list).unwrap_or_default()
}

/// The volumes of a template.
pub(super) fn volumes(template: &Value) -> &[Value] {
    template.get("volumes").and_then(Value::as_list).unwrap_or_default()
}

/// What the environment knows under `name`.
pub(super) fn storage_id(environment: &ResourceId, name: &str) -> ResourceId {
    environment.child("storages", name)
}

/// Whether a template mounts a share.
pub(super) fn mounts_share(template: &Value) -> bool {
    shares(template).next().is_some()
}

/// The volumes of a template that are shares, and are mounted.
fn shares(template: &Value) -> impl Iterator<Item = &Value> {
    volumes(template).iter().filter(|volume| share_member(volume).is_some()).filter(|volume| {
        let name = volume.text_at(&["name"]);
        containers(template).flat_map(mounts_of).any(|mount| mount.text_at(&["volumeName"]) == name)
    })
}

/// The shares that `template` mounts, with what the run knows of each.
pub(super) fn mounted(engine: &Engine<'_>, template: &Value) -> Vec<Mount> {
    let Some(environment) = Engine::environment_id(&engine.app()) else { return Vec::new() };
    shares(template)
        .filter_map(|volume| {
            let member = share_member(volume)?;
            let storage = volume.text_at(&["storageName"])?;
            let known = engine.asked.value(&engine.read(&storage_id(&environment, storage), STORAGE));
            let storage = crate::value::strip_control(storage);
            Some(Mount { storage, ..judge(engine, &environment, &known, member) })
        })
        .collect()
}

/// What is known of one share, from its registration.
fn judge(engine: &Engine<'_>, environment: &ResourceId, known: &Value, member: &str) -> Mount {
    let nfs = member == "nfsAzureFile";
    let port = if nfs { "2049" } else { "445" };
    let mut mount = Mount {
        storage: String::new(),
        share: "a share".to_owned(),
        causes: Vec::new(),
        fix: None,
        hint: format!("whether the share is there, and whether the environment reaches it at port {port}"),
    };
    if known.is_null() {
        mount.causes.push(format!("the environment {} does not know it", environment.name()));
        return mount;
    }
    let text = |key: &str| known.text_at(&["properties", member, key]).map(crate::value::strip_control);
    let (account, share) = if nfs {
        // `/ACCOUNT/SHARE` on `ACCOUNT.file.…`.
        let path = text("shareName").unwrap_or_default();
        let (account, share) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        (account.to_owned(), share.to_owned())
    } else {
        (text("accountName").unwrap_or_default(), text("shareName").unwrap_or_default())
    };
    if account.is_empty() || share.is_empty() {
        return mount;
    }
    mount.share = format!("the share {share} of {account}");
    mount.hint = if nfs {
        format!("whether the environment's network reaches {account} at port 2049")
    } else {
        format!(
            "whether the registered key is still one of {account}'s (a new key is taken up under a new \
             storage name), and whether the environment reaches {account} at port 445"
        )
    };
    let found = account_read(engine, &account);
    if nfs
        && engine.environment().at(&["properties", "vnetConfiguration", "infrastructureSubnetId"]).is_none()
    {
        mount.causes.push("NFS needs an environment in a virtual network of your own".to_owned());
    }
    let Some(found) = found else { return mount };
    for (cause, fix) in of_account(&found, &account, nfs) {
        mount.causes.push(cause);
        mount.fix = mount.fix.or(fix);
    }
    let id = found.text_at(&["id"]).and_then(ResourceId::parse);
    if let Some(id) = id.and_then(|id| id.resource(SHARE, &format!("default/{share}")))
        && let Some(Fact::Absent { .. }) = engine.asked.ask(&engine.read(&id, SHARE))
    {
        mount.causes.push(format!("the share {share} is not there"));
        let group = id.resource_group().unwrap_or_default();
        mount.fix.get_or_insert_with(|| {
            format!(
                "az storage share-rm create --storage-account {} --resource-group {} --name {}",
                quote(&account),
                quote(group),
                quote(&share)
            )
        });
    }
    mount
}

/// What of the account keeps a share from being mounted, with the command that mends it.
fn of_account(account: &Value, name: &str, nfs: bool) -> Vec<(String, Option<String>)> {
    let property = |keys: &[&str]| {
        let mut path = vec!["properties"];
        path.extend(keys);
        account.at(&path).cloned().unwrap_or_else(Value::null)
    };
    let says = |keys: &[&str], word: &str| {
        property(keys).as_str().is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    let update = |setting: &str| Some(format!("az storage account update --name {} {setting}", quote(name)));
    let mut found = Vec::new();
    if !nfs && property(&["allowSharedKeyAccess"]).as_bool() == Some(false) {
        found.push((
            format!("{name} refuses its keys, with which shares are mounted"),
            update("--allow-shared-key-access true"),
        ));
    }
    if nfs && property(&["supportsHttpsTrafficOnly"]).as_bool() != Some(false) {
        found.push((
            format!("{name} requires secure transfer, which mounts by NFS do not have"),
            update("--https-only false"),
        ));
    }
    if says(&["publicNetworkAccess"], "Disabled") || says(&["networkAcls", "defaultAction"], "Deny") {
        // A private endpoint or a rule for the subnet may let the environment in all the same.
        let port = if nfs { "2049" } else { "445" };
        found.push((
            format!(
                "{name} is closed to public networks: the environment needs a private endpoint of it or a rule \
                 for its subnet, and port {port}"
            ),
            Some(format!("az storage account network-rule list --account-name {}", quote(name))),
        ));
    }
    found
}

/// The account of this name among what the recipes of the run have read.
fn account_read(engine: &Engine<'_>, name: &str) -> Option<Value> {
    (0..engine.instances().len()).filter(|one| engine.active(*one).truthy() == Some(true)).find_map(
        |instance| {
            let frame = engine.frame(instance);
            let lookups = frame.recipe().existing.values().filter(|lookup| lookup.for_each.is_none());
            lookups.filter(|lookup| lookup.resource().is_some()).map(|lookup| frame.look_up(lookup)).find(
                |found| {
                    let is = |key: &str, word: &str| {
                        found.text_at(&[key]).is_some_and(|value| value.eq_ignore_ascii_case(word))
                    };
                    is("type", ACCOUNT) && is("name", name)
                },
            )
        },
    )
}

impl Mount {
    /// What is waited for, in words.
    pub(super) fn waiting(&self) -> String {
        let mut text = format!("it mounts {} ({})", self.share, self.storage);
        if !self.causes.is_empty() {
            text.push_str(": ");
            text.push_str(&self.causes.join("; "));
        }
        text
    }

    /// What is to be looked at, when it hangs.
    pub(super) fn look_at(&self) -> String {
        format!(
            "a share that cannot be mounted keeps a revision in provisioning without an error; look at {}",
            self.hint
        )
    }
}
