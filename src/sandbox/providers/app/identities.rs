//! The identities of an app: what a write makes of them.

use serde_json::Value as Json;

use crate::sandbox::errors::Refusal;
use crate::sandbox::router::Context;
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{AppIdentity, SystemIdentity, fold};

/// What a write makes of an app's identities.
pub(in crate::sandbox) struct Wanted {
    /// Whether there is to be a system-assigned one.
    pub(in crate::sandbox) system: bool,
    /// Ids of the user-assigned ones.
    pub(in crate::sandbox) user: Vec<String>,
}

/// What `sent` (the body's `identity`; null when it has none) makes of `old`. A PUT without
/// identity removes all.
pub(in crate::sandbox) fn wanted(
    context: &Context<'_>,
    old: &AppIdentity,
    sent: &Json,
    whole: bool,
) -> Result<Wanted, Refusal> {
    if sent.is_null() && !whole {
        return Ok(Wanted { system: old.system.is_some(), user: old.user.clone() });
    }
    let Some(kind) = sent["type"].as_str().or(if sent.is_null() { Some("None") } else { None }) else {
        return Err(Refusal::new(
            400,
            "InvalidRequestContent",
            "The request content was invalid: identity has no type.",
        ));
    };
    let (mut system, mut assigned) = (false, false);
    for part in kind.split(',').map(str::trim) {
        match part.to_ascii_lowercase().as_str() {
            "systemassigned" => system = true,
            "userassigned" => assigned = true,
            "none" => {}
            _ => {
                return Err(Refusal::new(
                    400,
                    "InvalidIdentityType",
                    format!("The identity type '{kind}' is not valid."),
                ));
            }
        }
    }
    let keeps = !whole && !context.rules.holds(Switch::IdentityTypeIsWhole);
    system |= keeps && old.system.is_some();
    let map = sent["userAssignedIdentities"].as_object();
    let merges = !whole && (map.is_none() || context.rules.holds(Switch::IdentityMapMerges));
    let mut user: Vec<String> = if merges { old.user.clone() } else { Vec::new() };
    for (id, value) in map.into_iter().flatten() {
        let at = user.iter().position(|own| fold(own) == fold(id));
        match (value.is_null(), at) {
            (true, Some(at)) => {
                user.remove(at);
            }
            (false, None) => user.push(id.clone()),
            _ => {}
        }
    }
    let stays = keeps && !old.user.is_empty();
    if !assigned && !stays {
        user.clear();
    } else if assigned && user.is_empty() {
        return Err(Refusal::new(
            400,
            "InvalidIdentityValues",
            "The identity type UserAssigned needs at least one entry in userAssignedIdentities.",
        ));
    }
    for id in &user {
        if context.state.identity(id).is_none() {
            return Err(Refusal::new(
                400,
                "FailedIdentityOperation",
                format!(
                    "Identity operation for resource failed with error 'Failed to perform resource identity \
                     operation. Status: 'BadRequest'. Response: The resource '{id}' was not found.'"
                ),
            ));
        }
    }
    Ok(Wanted { system, user })
}

/// The ids that a write must have the right to assign.
pub(in crate::sandbox) fn linked(context: &Context<'_>, old: &AppIdentity, sent: &Json) -> Vec<String> {
    let every = !context.rules.holds(Switch::LinkedRightWhenNew);
    sent["userAssignedIdentities"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(id, _)| id.clone())
        .filter(|id| every || !old.user.iter().any(|own| fold(own) == fold(id)))
        .collect()
}

/// Makes it so: a system-assigned identity that is new gets a principal, one that goes loses it.
pub(in crate::sandbox) fn apply(context: &mut Context<'_>, old: &AppIdentity, wanted: Wanted) -> AppIdentity {
    let system = match (&old.system, wanted.system) {
        (Some(system), true) => Some(system.clone()),
        (None, true) => {
            let known_from = context.now + context.delays.principal;
            let (principal_id, client_id) = context.state.new_principal(known_from);
            Some(SystemIdentity { principal_id, client_id })
        }
        (Some(system), false) => {
            context.state.principals.remove(&system.principal_id);
            None
        }
        (None, false) => None,
    };
    AppIdentity { system, user: wanted.user }
}
