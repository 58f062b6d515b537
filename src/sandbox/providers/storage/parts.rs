//! Blob containers and file shares: read, listed, written and removed at once.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{KIND, existing, ready};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{OperationKind, StorageAccount, fold, last};

/// What a path is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Container,
    Share,
}

impl Part {
    fn kind(self) -> &'static str {
        match self {
            Part::Container => "Microsoft.Storage/storageAccounts/blobServices/containers",
            Part::Share => "Microsoft.Storage/storageAccounts/fileServices/shares",
        }
    }

    fn table(self, account: &StorageAccount) -> &BTreeMap<String, Json> {
        match self {
            Part::Container => &account.containers,
            Part::Share => &account.shares,
        }
    }

    fn table_mut(self, account: &mut StorageAccount) -> &mut BTreeMap<String, Json> {
        match self {
            Part::Container => &mut account.containers,
            Part::Share => &mut account.shares,
        }
    }

    /// What may be written below `properties`.
    fn writable(self) -> &'static [&'static str] {
        match self {
            Part::Container => &[
                "publicAccess",
                "metadata",
                "defaultEncryptionScope",
                "denyEncryptionScopeOverride",
                "immutableStorageWithVersioning",
                "enableNfsV3RootSquash",
                "enableNfsV3AllSquash",
            ],
            Part::Share => &[
                "shareQuota",
                "metadata",
                "enabledProtocols",
                "rootSquash",
                "accessTier",
                "signedIdentifiers",
            ],
        }
    }
}

pub(super) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    let part = if address.kind().ends_with("/shares") { Part::Share } else { Part::Container };
    if !address.name(1).eq_ignore_ascii_case("default") {
        return Err(errors::resource_not_found(
            &format!("{KIND}/{}", address.types.get(1).map_or("", String::as_str)),
            address.name(1),
            last(&address.scope),
        ));
    }
    match (context.method, address.is_resource()) {
        ("GET", false) => list(context, address, part),
        ("GET", true) => {
            context.require(&format!("{}/read", part.kind()), &address.target())?;
            let account = existing(context, address)?;
            offered(context, account, part)?;
            let (name, properties) = find(account, part, address.name(2))?;
            Ok(Answer::new(200, body(account, part, name, properties)))
        }
        ("PUT", true) => write(context, address, part, true),
        ("PATCH", true) => write(context, address, part, false),
        ("DELETE", true) => delete(context, address, part),
        _ => Err(router::no_operation(context, address)),
    }
}

fn list(context: &mut Context<'_>, address: &Address, part: Part) -> Handled {
    let scope = address.id(2);
    context.require(&format!("{}/read", part.kind()), &scope)?;
    let account = existing(context, address)?;
    offered(context, account, part)?;
    let found =
        part.table(account).iter().map(|(name, properties)| body(account, part, name, properties)).collect();
    context.page(found)
}

fn body(account: &StorageAccount, part: Part, name: &str, properties: &Json) -> Json {
    let service =
        if part == Part::Share { "fileServices/default/shares" } else { "blobServices/default/containers" };
    let etag = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, properties.to_string().as_bytes()).simple();
    json!({
        "id": format!("{}/{service}/{name}", account.id),
        "name": name,
        "type": part.kind(),
        "etag": format!("\"0x{}\"", etag.to_string().get(..15).unwrap_or_default().to_ascii_uppercase()),
        "properties": properties,
    })
}

fn find<'a>(account: &'a StorageAccount, part: Part, name: &str) -> Result<(&'a str, &'a Json), Refusal> {
    part.table(account).get_key_value(name).map(|(name, found)| (name.as_str(), found)).ok_or_else(|| {
        match part {
            Part::Container => {
                Refusal::new(404, "ContainerNotFound", "The specified container does not exist.")
            }
            Part::Share => Refusal::new(404, "ShareNotFound", "The specified share does not exist."),
        }
    })
}

/// Refuses what the account's kind does not have.
fn offered(context: &Context<'_>, account: &StorageAccount, part: Part) -> Result<(), Refusal> {
    let (has, feature) = match part {
        Part::Container => (!account.file_storage(), "Blob"),
        Part::Share => (!matches!(account.kind.as_str(), "BlobStorage" | "BlockBlobStorage"), "File"),
    };
    if has {
        return Ok(());
    }
    let code = if context.rules.holds(Switch::KindSaysFeature) {
        "FeatureNotSupportedForAccount"
    } else {
        "OperationNotAllowedOnKind"
    };
    Err(Refusal::new(400, code, format!("{feature} is not supported for the account.")))
}

/// `PUT` makes one (201) or changes what is sent (200); `PATCH` changes.
fn write(context: &mut Context<'_>, address: &Address, part: Part, put: bool) -> Handled {
    let target = address.target();
    context.require(&format!("{}/write", part.kind()), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Storage")?;
    let sent = context.object()?;
    let account = ready(context, address)?;
    offered(context, account, part)?;
    let name = address.name(2);
    let before = part.table(account).get(name);
    if !put && before.is_none() {
        find(account, part, name)?;
    }
    let new = before.is_none();
    if new {
        named(name)?;
        free(context, &target, part)?;
    }
    let default = match part {
        Part::Container => StorageAccount::container(context.now),
        // What a share gets when no quota is given: Azure/azure-rest-api-specs, file.json, and Microsoft
        // Learn, scalability targets.
        Part::Share => account.share(if account.file_storage() { 1024 } else { 5120 }, "SMB", context.now),
    };
    let mut properties = before.cloned().unwrap_or(default);
    for (name, value) in sent["properties"].as_object().into_iter().flatten() {
        if part.writable().contains(&name.as_str()) && !value.is_null() {
            properties[name] = value.clone();
        }
    }
    if part == Part::Share {
        share(context, account, before, &mut properties)?;
    }
    let answer = body(account, part, name, &properties);
    context.compliant(&target, &answer)?;
    let mut account = account.clone();
    part.table_mut(&mut account).insert(name.to_owned(), properties);
    context.state.add_storage_account(account);
    Ok(Answer::new(if new { 201 } else { 200 }, answer))
}

/// What a share must satisfy.
fn share(
    context: &Context<'_>,
    account: &StorageAccount,
    before: Option<&Json>,
    properties: &mut Json,
) -> Result<(), Refusal> {
    let header = || {
        Refusal::new(
            400,
            "InvalidHeaderValue",
            "The value for one of the HTTP headers is not in the correct format.",
        )
    };
    let protocol = properties["enabledProtocols"].as_str().unwrap_or("SMB").to_owned();
    if before.is_some_and(|before| before["enabledProtocols"] != protocol.as_str()) {
        return Err(header());
    }
    let nfs = protocol.eq_ignore_ascii_case("NFS");
    if nfs && !account.file_storage() {
        return Err(Refusal::new(
            400,
            "FeatureNotSupportedForAccount",
            "NfsFileShares is not supported for the account.",
        ));
    }
    let secure = account.properties["supportsHttpsTrafficOnly"] != json!(false);
    if nfs && before.is_none() && secure && !context.rules.holds(Switch::NfsShareThoughSecure) {
        return Err(Refusal::new(
            400,
            "FeatureNotSupportedForAccount",
            "NfsFileShares is not supported for the account while secure transfer is required.",
        ));
    }
    if nfs && before.is_none() && properties.get("rootSquash").is_none() {
        properties["rootSquash"] = json!("NoRootSquash");
    }
    let quota = properties["shareQuota"].as_i64().unwrap_or_default();
    let limits = if account.file_storage() { 100..=102_400 } else { 1..=102_400 };
    if limits.contains(&quota) { Ok(()) } else { Err(header()) }
}

/// 3 to 63 lower case letters, digits and single hyphens, neither first nor last.
fn named(name: &str) -> Result<(), Refusal> {
    if !(3..=63).contains(&name.len()) {
        return Err(Refusal::new(
            400,
            "OutOfRangeInput",
            "The specified resource name length is not within the permissible limits.",
        ));
    }
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if plain {
        return Ok(());
    }
    Err(Refusal::new(400, "InvalidResourceName", "The specified resource name contains invalid characters."))
}

/// How many times [`crate::sandbox::Delays::operation`] the name of something deleted is held: half a minute by its
/// usual 20 s, as Microsoft's page says at least.
const HELD: (u32, u32) = (3, 2);

/// Refuses to make what is still being deleted under this name.
fn free(context: &Context<'_>, target: &str, part: Part) -> Result<(), Refusal> {
    let held = context.state.operations.values().any(|operation| {
        operation.kind == OperationKind::Delete
            && !operation.ended
            && fold(&operation.resource) == fold(target)
    });
    if !held {
        return Ok(());
    }
    let (code, what) = match part {
        Part::Container => ("ContainerBeingDeleted", "container"),
        Part::Share => ("ShareBeingDeleted", "share"),
    };
    Err(Refusal::new(409, code, format!("The specified {what} is being deleted. Try operation later.")))
}

/// `DELETE`: at once, with everything in it. Its name is free later.
fn delete(context: &mut Context<'_>, address: &Address, part: Part) -> Handled {
    let target = address.target();
    context.require(&format!("{}/delete", part.kind()), &target)?;
    context.unlocked(&target)?;
    let mut account = ready(context, address)?.clone();
    let removed = part.table_mut(&mut account).remove(address.name(2));
    context.state.add_storage_account(account);
    if removed.is_some() {
        let held = context.delays.operation * HELD.0 / HELD.1;
        context.begin(&target, OperationKind::Delete, Some(held), None, None);
    }
    Ok(Answer::empty(if removed.is_some() { 200 } else { 204 }))
}
