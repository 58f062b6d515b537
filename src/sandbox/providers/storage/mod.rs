//! `Microsoft.Storage`: accounts, their keys, blob containers and file shares, as the control plane
//! shows them.

pub(in crate::sandbox) mod mount;
mod parts;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::StorageAccount;

pub(super) const KIND: &str = "Microsoft.Storage/storageAccounts";

/// What may be written below `properties`.
const WRITABLE: &[&str] = &[
    "accessTier",
    "allowBlobPublicAccess",
    "allowCrossTenantReplication",
    "allowSharedKeyAccess",
    "allowedCopyScope",
    "azureFilesIdentityBasedAuthentication",
    "customDomain",
    "defaultToOAuthAuthentication",
    "dnsEndpointType",
    "enableExtendedGroups",
    "encryption",
    "immutableStorageWithVersioning",
    "isLocalUserEnabled",
    "isSftpEnabled",
    "keyPolicy",
    "largeFileSharesState",
    "minimumTlsVersion",
    "networkAcls",
    "publicNetworkAccess",
    "routingPreference",
    "sasPolicy",
    "supportsHttpsTrafficOnly",
];

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    let kind = address.kind();
    match (kind.as_str(), context.method, address.is_resource()) {
        ("storageaccounts", "GET", false) => list(context, address),
        ("storageaccounts", "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            Ok(Answer::new(200, body(existing(context, address)?)))
        }
        ("storageaccounts", "PATCH", true) => patch(context, address),
        ("storageaccounts/listkeys", "POST", false) => keys(context, address),
        ("storageaccounts/regeneratekey", "POST", false) => regenerate(context, address),
        ("storageaccounts/blobservices/containers" | "storageaccounts/fileservices/shares", _, _) => {
            parts::route(context, address)
        }
        _ => Err(router::no_operation(context, address)),
    }
}

/// The account that `address` names.
fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a StorageAccount, Refusal> {
    resources::named(context, address, KIND, &context.state.storage_accounts)
}

/// The account that `address` names, when nothing is being done to it.
fn ready<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a StorageAccount, Refusal> {
    let account = existing(context, address)?;
    match account.properties["provisioningState"].as_str() {
        Some("Succeeded") => Ok(account),
        Some("Creating" | "ResolvingDNS") => Err(Refusal::new(
            409,
            "StorageAccountIsNotProvisioned",
            "The storage account provisioning state must be 'Succeeded' before executing the operation.",
        )),
        _ => Err(Refusal::new(
            409,
            "StorageAccountOperationInProgress",
            format!(
                "An operation is currently performing on this storage account that requires exclusive \
                 access: '{}'.",
                account.name()
            ),
        )),
    }
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.storage_accounts)?;
    context.page(found.map(body).collect())
}

/// An account, without its keys.
fn body(account: &StorageAccount) -> Json {
    let tier = if account.sku.starts_with("Premium") { "Premium" } else { "Standard" };
    json!({
        "id": account.id,
        "name": account.name(),
        "type": KIND,
        "location": account.location,
        "tags": account.tags,
        "kind": account.kind,
        "sku": { "name": account.sku, "tier": tier },
        "properties": account.properties,
    })
}

/// `PATCH`: what is sent replaces, member by member; tags are replaced whole.
fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Storage")?;
    let sent = context.object()?;
    let mut account = ready(context, address)?.clone();
    if let Some(tags) = sent["tags"].as_object() {
        account.tags.clone_from(tags);
    }
    if let Some(sku) = sent["sku"]["name"].as_str() {
        sku.clone_into(&mut account.sku);
    }
    for (name, value) in sent["properties"].as_object().into_iter().flatten() {
        if WRITABLE.contains(&name.as_str()) && !value.is_null() {
            account.properties[name] = value.clone();
        }
    }
    let answer = body(&account);
    context.compliant(&target, &answer)?;
    context.state.add_storage_account(account);
    Ok(Answer::new(200, answer))
}

/// `POST listKeys`: a right of its own, and a POST, which a `ReadOnly` lock refuses.
fn keys(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listKeys/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let account = ready(context, address)?;
    if !account.shared_key() && !context.rules.holds(Switch::KeysListedWhenOff) {
        return Err(Refusal::new(
            403,
            "KeyBasedAuthenticationNotPermitted",
            "Key based authentication is not permitted on this storage account.",
        ));
    }
    Ok(Answer::new(200, key_list(account)))
}

/// `POST regenerateKey`: makes one key anew.
fn regenerate(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/regeneratekey/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let sent = context.object()?;
    let mut account = ready(context, address)?.clone();
    let index = match sent["keyName"].as_str() {
        Some("key1") => 0,
        Some("key2") => 1,
        _ => {
            return Err(errors::invalid_content("The request content was invalid: keyName is key1 or key2."));
        }
    };
    if let Some(key) = account.keys.get_mut(index) {
        key.push_str("-rotated");
    }
    let answer = key_list(&account);
    context.state.add_storage_account(account);
    Ok(Answer::new(200, answer))
}

fn key_list(account: &StorageAccount) -> Json {
    let keys: Vec<Json> = ["key1", "key2"]
        .iter()
        .zip(&account.keys)
        .map(|(name, value)| {
            json!({
                "creationTime": account.properties["creationTime"],
                "keyName": name,
                "value": value,
                "permissions": "Full",
            })
        })
        .collect();
    json!({ "keys": keys })
}
