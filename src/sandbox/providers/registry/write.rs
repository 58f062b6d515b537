//! Writes of a registry, its credentials, and the operations they begin.

use serde_json::{Map, Value as Json, json};

use super::{ARM_TOKENS_SINCE, KIND, ROLE_MODE_SINCE, body, existing};
use crate::sandbox::callers;
use crate::sandbox::errors::{Refusal, invalid_content};
use crate::sandbox::faults::FaultKind;
use crate::sandbox::operations;
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{OperationKind, Registry, fold};

/// What may be written below `properties`, in every version.
const WRITABLE: &[&str] = &[
    "adminUserEnabled",
    "networkRuleSet",
    "policies",
    "encryption",
    "dataEndpointEnabled",
    "publicNetworkAccess",
    "networkRuleBypassOptions",
    "zoneRedundancy",
];
/// Read-only ones: taken and ignored.
const READ_ONLY: &[&str] = &[
    "loginServer",
    "creationDate",
    "provisioningState",
    "status",
    "dataEndpointHostNames",
    "privateEndpointConnections",
];

/// `PUT`: makes a registry, or describes one anew.
pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.ContainerRegistry")?;
    let group = resources::existing_group(context, &address.scope)?;
    let sent = read(context)?;
    let (Some(location), Some(sku)) = (sent["location"].as_str(), sent["sku"]["name"].as_str()) else {
        return Err(invalid_content("The request content was invalid: location and sku.name are required."));
    };
    let before = context.state.registries.get(&fold(&target)).cloned();
    let new = before.is_none();
    let mut registry = match before {
        Some(registry) if !registry.location.eq_ignore_ascii_case(location) => {
            return Err(Refusal::new(
                409,
                "InvalidResourceLocation",
                format!(
                    "The resource '{}' already exists in location '{}'. A resource with the same name cannot \
                     be created in location '{location}'.",
                    registry.name(),
                    registry.location
                ),
            ));
        }
        Some(registry) => registry,
        None => {
            let name = address.name(0);
            free(context, name)?;
            Registry::new(&format!("{group}/providers/{KIND}/{name}"), location, context.now)
        }
    };
    sku.clone_into(&mut registry.sku);
    registry.tags = sent["tags"].as_object().cloned().unwrap_or_default();
    merge(&mut registry, &sent["properties"]);
    Ok(finish(context, registry, new))
}

/// `PATCH`: what is sent replaces, in `policies` one by one; tags are replaced whole.
pub(super) fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.ContainerRegistry")?;
    let mut registry = existing(context, address)?.clone();
    let sent = read(context)?;
    if let Some(tags) = sent["tags"].as_object() {
        registry.tags.clone_from(tags);
    }
    if let Some(sku) = sent["sku"]["name"].as_str() {
        sku.clone_into(&mut registry.sku);
    }
    merge(&mut registry, &sent["properties"]);
    Ok(finish(context, registry, false))
}

/// Names are unique in the world, and 5 to 50 letters and digits.
fn free(context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    if !(5..=50).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Refusal::new(
            400,
            "InvalidResourceName",
            format!("The registry name '{name}' is invalid: it has 5 to 50 letters and digits."),
        ));
    }
    if context.state.registry(name).is_none() {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "AlreadyInUse",
        format!("The registry DNS name {}.azurecr.io is already in use.", name.to_ascii_lowercase()),
    ))
}

/// The body, without properties that the api-version does not have.
fn read(context: &Context<'_>) -> Result<Json, Refusal> {
    let mut sent = context.object()?;
    let version = context.api_version;
    let known = |name: &str| {
        WRITABLE.contains(&name)
            || READ_ONLY.contains(&name)
            || (version >= ARM_TOKENS_SINCE && name == "anonymousPullEnabled")
            || (version >= ROLE_MODE_SINCE
                && matches!(name, "roleAssignmentMode" | "networkRuleBypassAllowedForTasks"))
    };
    let refuses = context.rules.holds(Switch::RegistryUnknownRefused);
    let mut strange = Vec::new();
    if let Some(properties) = sent.get_mut("properties").and_then(Json::as_object_mut) {
        let policy = "azureADAuthenticationAsArmPolicy";
        if version < ARM_TOKENS_SINCE
            && let Some(policies) = properties.get_mut("policies").and_then(Json::as_object_mut)
            && policies.shift_remove(policy).is_some()
        {
            strange.push(policy.to_owned());
        }
        strange.extend(properties.keys().filter(|name| !known(name)).cloned());
        properties.retain(|name, _| known(name) && !READ_ONLY.contains(&name.as_str()));
    }
    match strange.first() {
        Some(name) if refuses => Err(invalid_content(format!(
            "The request content was invalid: could not find member '{name}' in api-version '{version}'."
        ))),
        _ => Ok(sent),
    }
}

fn merge(registry: &mut Registry, sent: &Json) {
    for (name, value) in sent.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let Some(policies) = value.as_object().filter(|_| name == "policies") else {
            registry.properties[name] = value.clone();
            continue;
        };
        for (policy, value) in policies {
            for (member, value) in value.as_object().into_iter().flatten() {
                registry.properties["policies"][policy][member] = value.clone();
            }
        }
    }
    let endpoint = format!("{}.{}.data.azurecr.io", registry.name(), registry.location);
    let hosts =
        if registry.properties["dataEndpointEnabled"] == json!(true) { vec![endpoint] } else { vec![] };
    registry.properties["dataEndpointHostNames"] = json!(hosts);
}

/// Keeps the registry and answers: a new one with an operation, a changed one with the result.
fn finish(context: &mut Context<'_>, mut registry: Registry, new: bool) -> Answer {
    let at_once = !new
        && context.rules.holds(Switch::RegistryUpdateAtOnce)
        && !matches!(context.fault, Some(FaultKind::OperationFails | FaultKind::OperationHangs));
    if !at_once {
        registry.properties["provisioningState"] = json!(if new { "Creating" } else { "Updating" });
    }
    let answer = body(&registry, context.api_version);
    let id = registry.id.clone();
    context.state.add_registry(registry);
    if at_once {
        return Answer::new(200, answer);
    }
    let failure = context.operation_fails().then(|| {
        let refusal = Refusal::new(500, "InternalServerError", "Encountered internal server error.");
        (refusal.status, refusal.error())
    });
    let takes = Some(context.delays.operation);
    let operation = context.begin(&id, OperationKind::Write, takes, failure, None);
    let (name, value) = context.delays.retry_header();
    let url = format!(
        "{}{id}/operationStatuses/registries-{}?api-version={}",
        context.origin, operation.id, context.api_version
    );
    Answer::new(201, answer).with("azure-asyncoperation", url).with(&name, value)
}

/// `GET` of an operation's URL, which needs a right of its own.
pub(super) fn status(context: &mut Context<'_>, address: &Address) -> Handled {
    let action = format!("{KIND}/operationStatuses/read");
    context.require(&action, &address.target())?;
    let id = address.name(1).trim_start_matches("registries-");
    let operation = context.state.operations.get(id).filter(|operation| operation.resource == address.id(1));
    let operation = operation.ok_or_else(|| {
        Refusal::new(404, "OperationNotFound", format!("The operation '{}' was not found.", address.name(1)))
    })?;
    match operation.url_refuses {
        Some(403) => return Err(callers::denied(context.caller, &action, context.path)),
        Some(status) => {
            return Err(Refusal::new(status, "OperationNotFound", "The operation was not found."));
        }
        None => {}
    }
    let answer = Answer::new(200, operations::status_body(operation, context.path));
    let (name, value) = context.delays.retry_header();
    Ok(if operation.ended { answer } else { answer.with(&name, value) })
}

/// `DELETE`: at once, with everything in it. Role assignments stay, orphaned.
pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    resources::existing_group(context, &address.scope)?;
    let removed = context.state.registries.remove(&fold(&target));
    Ok(Answer::empty(if removed.is_some() { 200 } else { 204 }))
}

/// `POST listCredentials`: the admin user's name and passwords.
pub(super) fn credentials(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listCredentials/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let registry = existing(context, address)?;
    if !registry.admin_user() {
        return Err(Refusal::new(
            400,
            "UnAuthorizedForCredentialOperations",
            format!("Cannot perform credential operations for {} as admin user is disabled.", registry.id),
        ));
    }
    let passwords: Vec<Json> = ["password", "password2"]
        .iter()
        .zip(&registry.passwords)
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    Ok(Answer::new(200, json!({ "username": registry.name(), "passwords": passwords })))
}

/// `POST checkNameAvailability`.
pub(super) fn check_name(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.ContainerRegistry/checkNameAvailability/read", &address.scope)?;
    let sent = context.object()?;
    let name = sent["name"].as_str().unwrap_or_default();
    let mut answer = Map::new();
    match free(context, name) {
        Ok(()) => {
            answer.insert("nameAvailable".to_owned(), json!(true));
        }
        Err(refusal) => {
            let reason = if refusal.status == 409 { "AlreadyExists" } else { "Invalid" };
            answer.insert("nameAvailable".to_owned(), json!(false));
            answer.insert("reason".to_owned(), json!(reason));
            answer.insert("message".to_owned(), json!(refusal.message));
        }
    }
    Ok(Answer::new(200, Json::Object(answer)))
}
