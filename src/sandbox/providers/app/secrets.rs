//! Secrets of an app: complete, unique, in use, and fetched where they are references.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::revisions::{held_by_revisions, invalid_field, references};
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::keyvault;
use crate::sandbox::router::Context;
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{App, AppIdentity, elements};

/// Checks the entries of a written `secrets` array and returns it as it is kept: `name` with
/// `value`, or with `keyVaultUrl` and `identity`.
pub(in crate::sandbox) fn entries(context: &Context<'_>, sent: &Json) -> Result<Json, Refusal> {
    let mut kept: Vec<Json> = Vec::new();
    for entry in elements(sent) {
        let text = |member: &str| entry[member].as_str().filter(|text| !text.is_empty());
        let name = text("name").unwrap_or_default();
        if !valid_name(name) {
            return Err(invalid(
                name,
                "a name has lower case letters, digits, '-' and '.', and starts and ends with a letter or digit.",
            ));
        }
        if kept.iter().any(|other| other["name"] == name) {
            return Err(invalid(name, "the name is given more than once."));
        }
        let reference = text("keyVaultUrl").zip(text("identity"));
        let copy_wins = context.rules.holds(Switch::ValueMakesCopy);
        let value = entry["value"].as_str().filter(|_| copy_wins || reference.is_none());
        kept.push(match (value, reference) {
            (Some(value), _) => json!({ "name": name, "value": value }),
            (None, Some((url, identity))) => {
                if keyvault::parse_url(url).is_none() {
                    return Err(Refusal::new(
                        400,
                        "ContainerAppSecretKeyVaultUrlInvalid",
                        format!("Invalid Request: the Key Vault URL '{url}' of container app secret '{name}' is invalid."),
                    ));
                }
                json!({ "name": name, "keyVaultUrl": url, "identity": identity })
            }
            (None, None) => {
                return Err(invalid(name, "value or keyVaultUrl and identity should be provided."));
            }
        });
    }
    Ok(Json::Array(kept))
}

fn invalid(name: &str, why: &str) -> Refusal {
    Refusal::new(
        400,
        "ContainerAppSecretInvalid",
        format!("Invalid Request: Container app secret(s) with name(s) '{name}' are invalid: {why}"),
    )
}

fn valid_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(plain) && name.ends_with(plain) && name.chars().all(|c| plain(c) || c == '-' || c == '.')
}

/// Refuses a reference to a secret that is not there, from the template, a registry or an active
/// revision.
pub(in crate::sandbox) fn referred(
    context: &Context<'_>,
    app: Option<&App>,
    configuration: &Json,
    template: &Json,
) -> Result<(), Refusal> {
    let there = |name: &str| elements(&configuration["secrets"]).iter().any(|secret| secret["name"] == name);
    let registries = elements(&configuration["registries"]).iter().filter_map(|registry| {
        let secret = registry["passwordSecretRef"].as_str().filter(|name| !name.is_empty())?;
        let server = registry["server"].as_str().unwrap_or_default();
        Some((format!("registry '{server}'"), secret.to_owned()))
    });
    for (by, secret) in references(template).into_iter().chain(registries) {
        if !there(&secret) {
            return Err(Refusal::new(
                400,
                "ContainerAppSecretRefNotFound",
                format!("SecretRef '{secret}' defined for {by} not found."),
            ));
        }
    }
    let Some(app) = app else { return Ok(()) };
    for secret in held_by_revisions(app, context.rules) {
        let existed =
            elements(&app.configuration()["secrets"]).iter().any(|entry| entry["name"] == secret.as_str());
        if existed && !there(&secret) {
            return Err(Refusal::new(
                400,
                "ContainerAppSecretInUse",
                format!("Secret '{secret}' cannot be removed: a revision of the container app refers to it."),
            ));
        }
    }
    Ok(())
}

/// Fetches the values of the references in `configuration`, as the app's identities may.
pub(in crate::sandbox) fn fetch(
    context: &Context<'_>,
    app: Option<&App>,
    identity: &AppIdentity,
    configuration: &Json,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut values = BTreeMap::new();
    for entry in elements(&configuration["secrets"]) {
        let (Some(name), Some(url), Some(by)) =
            (entry["name"].as_str(), entry["keyVaultUrl"].as_str(), entry["identity"].as_str())
        else {
            continue;
        };
        let unchanged = app.and_then(|app| {
            elements(&app.configuration()["secrets"]).contains(entry).then(|| app.fetched.get(name)).flatten()
        });
        if let Some(value) = unchanged.filter(|_| !context.rules.holds(Switch::ReferencesFetchedAgain)) {
            values.insert(name.to_owned(), value.clone());
            continue;
        }
        let fetched = match context.state.principal_of(identity, by) {
            Some(principal) => keyvault::fetch(context.state, context.now, context.rules, &principal, url),
            None => Err("IdentityNotAssigned"),
        };
        let value = fetched.map_err(|cause| unfetchable(context, name, by, cause))?;
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

fn unfetchable(context: &Context<'_>, name: &str, by: &str, cause: &str) -> Refusal {
    let inner =
        if context.rules.holds(Switch::ReferenceCauseHidden) { String::new() } else { format!(" ({cause})") };
    invalid_field(
        "configuration.secrets",
        &format!(
            "Invalid value: \"{name}\": Unable to get value using Managed identity {by} for secret {name}. \
             Error: unable to fetch secret '{name}' using Managed identity '{by}'{inner}"
        ),
    )
}
