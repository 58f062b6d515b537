//! `managedEnvironments/storages`: shares that an environment knows under a name. They are written
//! whole; the account key in them is never shown, and never checked before an app mounts the share.

use serde_json::{Map, Value as Json, json};

use super::ENVIRONMENTS;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::{keyvault, resources};
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{Environment, EnvironmentStorage, fold};

const KIND: &str = "Microsoft.App/managedEnvironments/storages";

/// The version that brought `accountKeyVaultProperties`.
const REFERENCES_SINCE: &str = "2025-07-01";

/// Members by kind of storage.
const FILE: &[&str] = &["accountName", "accountKey", "accountKeyVaultProperties", "accessMode", "shareName"];
const NFS: &[&str] = &["server", "accessMode", "shareName"];

pub(super) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/read"), &address.target())?;
    let environment = environment(context, address)?.id.clone();
    if address.is_resource() {
        let storage = context.state.environment_storages.get(&fold(&address.target()));
        let storage = storage.ok_or_else(|| not_found(address))?;
        return Ok(Answer::new(200, body(storage, context.api_version)));
    }
    let found = context
        .state
        .environment_storages
        .values()
        .filter(|storage| fold(storage.environment()) == fold(&environment))
        .map(|storage| body(storage, context.api_version))
        .collect();
    // The published list has no nextLink.
    let found: Vec<Json> = found;
    Ok(Answer::new(200, json!({ "value": found })))
}

/// The environment that `address` names something of.
pub(super) fn environment<'a>(
    context: &'a Context<'_>,
    address: &Address,
) -> Result<&'a Environment, Refusal> {
    resources::named(context, address, ENVIRONMENTS, &context.state.environments)
}

fn not_found(address: &Address) -> Refusal {
    let name = address.name(1);
    Refusal::new(
        404,
        "ManagedEnvironmentStorageNotFound",
        format!("Storage {name} not found under managed environment"),
    )
}

fn body(storage: &EnvironmentStorage, version: &str) -> Json {
    let mut properties = storage.properties.clone();
    if version < REFERENCES_SINCE
        && let Some(file) = properties.get_mut("azureFile").and_then(Json::as_object_mut)
    {
        file.shift_remove("accountKeyVaultProperties");
    }
    json!({ "id": storage.id, "name": storage.name(), "type": KIND, "properties": properties })
}

/// `PUT`: the whole of it, with the key.
pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let known = environment(context, address)?.clone();
    let sent = context.object()?;
    let name = address.name(1);
    named(name)?;
    let (kind, mut file) = read(context, &sent)?;
    let before = context.state.environment_storages.get(&fold(&target)).cloned();
    let key = key(context, &known, name, &mut file, before.as_ref())?;
    if kind == "azureFile" && key.is_none() && context.rules.holds(Switch::StorageKeyRequired) {
        return Err(invalid(name, "azureFile needs accountKey or accountKeyVaultProperties."));
    }
    let mut properties = Map::new();
    properties.insert(kind.to_owned(), Json::Object(file));
    let mut storage = EnvironmentStorage {
        id: before
            .as_ref()
            .map_or_else(|| format!("{}/storages/{name}", known.id), |before| before.id.clone()),
        properties: Json::Object(properties),
        key,
        key_reaches: None,
    };
    if let Some(before) = &before {
        same_share(context, before, &storage)?;
        storage.key_reaches.clone_from(&before.key_reaches);
        if before.key != storage.key {
            let apps = context.state.mounting(before);
            storage.key_reaches = Some(apps.iter().map(|app| fold(&app.id)).collect());
        }
    }
    let answer = body(&storage, context.api_version);
    context.compliant(&target, &answer)?;
    context.state.add_environment_storage(storage);
    let new = before.is_none() && !context.rules.holds(Switch::StoragePutIs200);
    Ok(Answer::new(if new { 201 } else { 200 }, answer))
}

/// The one kind that is described, without the null members.
fn read(context: &Context<'_>, sent: &Json) -> Result<(&'static str, Map<String, Json>), Refusal> {
    let schema = |path: String| {
        let version = context.api_version;
        Refusal::new(
            400,
            "ManagedEnvironmentStorageInvalidSchema",
            format!(
                "Invalid request body for managed environment storage: property '{path}' is not known in \
                 api-version '{version}'."
            ),
        )
        .about(&path)
    };
    let mut found = None;
    for (kind, value) in sent["properties"].as_object().into_iter().flatten() {
        if value.is_null() {
            continue;
        }
        let (kind, members) = match kind.as_str() {
            "azureFile" => ("azureFile", FILE),
            "nfsAzureFile" => ("nfsAzureFile", NFS),
            other => return Err(schema(format!("properties.{other}"))),
        };
        let mut file = value.as_object().cloned().unwrap_or_default();
        file.retain(|_, value| !value.is_null());
        let strange = file.keys().find(|member| {
            !members.contains(&member.as_str())
                || (*member == "accountKeyVaultProperties" && context.api_version < REFERENCES_SINCE)
        });
        if let Some(member) = strange {
            return Err(schema(format!("properties.{kind}.{member}")));
        }
        if found.replace((kind, file)).is_some() {
            return Err(errors::invalid_content(
                "The request content was invalid: a storage is azureFile or nfsAzureFile, not both.",
            ));
        }
    }
    let Some((kind, file)) = found else {
        return Err(errors::invalid_content(
            "The request content was invalid: a storage needs azureFile or nfsAzureFile.",
        ));
    };
    let needed: &[&str] = if kind == "azureFile" { &["accountName", "shareName", "accessMode"] } else { NFS };
    let missing =
        needed.iter().find(|member| file.get(**member).and_then(Json::as_str).is_none_or(str::is_empty));
    if let Some(member) = missing {
        return Err(errors::invalid_content(format!(
            "The request content was invalid: properties.{kind}.{member} is required."
        )));
    }
    Ok((kind, file))
}

/// The key that is sent, taken out of the body, or the one behind the reference that is sent.
fn key(
    context: &Context<'_>,
    environment: &Environment,
    name: &str,
    file: &mut Map<String, Json>,
    before: Option<&EnvironmentStorage>,
) -> Result<Option<String>, Refusal> {
    let sent = file.shift_remove("accountKey");
    if let Some(key) = sent.as_ref().and_then(Json::as_str).filter(|key| !key.is_empty()) {
        return Ok(Some(key.to_owned()));
    }
    let Some(reference) = file.get("accountKeyVaultProperties") else {
        // Only where a missing key is not refused.
        let kept = before.and_then(|before| before.key.clone());
        return Ok(kept.filter(|_| !context.rules.holds(Switch::StorageKeyRequired)));
    };
    let identity = reference["identity"].as_str().unwrap_or_default();
    let url = reference["keyVaultUrl"].as_str().unwrap_or_default();
    let fetched = context
        .state
        .principal_of(&environment.identity, identity)
        .ok_or("the environment does not have the identity")
        .and_then(|principal| keyvault::fetch(context.state, context.now, context.rules, &principal, url));
    match fetched {
        Ok(value) => Ok(Some(value)),
        Err(why) if context.rules.holds(Switch::StorageReferenceFetched) => Err(invalid(
            name,
            &format!("Unable to get value using Managed identity {identity} for secret {url}: {why}."),
        )),
        // What mounts it will find that the key does not fit.
        Err(_) => Ok(Some(String::new())),
    }
}

fn invalid(name: &str, why: &str) -> Refusal {
    Refusal::new(
        400,
        "ManagedEnvironmentStorageBadRequest",
        format!("Invalid request body for managed environment storage '{name}'. {why}"),
    )
}

/// Lower case letters, digits and single hyphens, as the client libraries demand.
fn named(name: &str) -> Result<(), Refusal> {
    let plain = name.len() <= 32
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if plain {
        return Ok(());
    }
    Err(invalid(
        name,
        "The name has up to 32 lower case letters, digits and single '-', begins with a letter and does not end with '-'.",
    ))
}

/// Of a registration in use only the key changes.
fn same_share(
    context: &Context<'_>,
    before: &EnvironmentStorage,
    after: &EnvironmentStorage,
) -> Result<(), Refusal> {
    let without_key = |properties: &Json| {
        let mut properties = properties.clone();
        if let Some(file) = properties.get_mut("azureFile").and_then(Json::as_object_mut) {
            file.shift_remove("accountKeyVaultProperties");
        }
        properties
    };
    let free =
        context.state.mounting(before).is_empty() && context.rules.holds(Switch::UnusedStorageReplaced);
    if free || without_key(&before.properties) == without_key(&after.properties) {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "ManagedEnvironmentStorageUpdateBadRequest",
        format!(
            "Invalid request body for managed environment storage '{}'. Only \
             'properties.azureFile.AccountKey' can be updated.",
            before.name()
        ),
    ))
}

/// `DELETE`: not while an app names it.
pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    environment(context, address)?;
    let Some(storage) = context.state.environment_storages.get(&fold(&target)) else {
        return Ok(Answer::empty(204));
    };
    if !context.state.mounting(storage).is_empty() {
        return Err(Refusal::new(
            409,
            "ManagedEnvironmentStorageInUse",
            format!(
                "Cannot delete Managed environment storage '{}' because it's still in use.",
                storage.name()
            ),
        ));
    }
    context.state.environment_storages.remove(&fold(&target));
    Ok(Answer::empty(200))
}
