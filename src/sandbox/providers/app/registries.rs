//! An app's entries in `configuration.registries`: what they must be, and how they are kept.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::identities::Wanted;
use super::revisions;
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::registry::pull::Image;
use crate::sandbox::router::Context;
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{App, elements, fold};

/// Refuses an entry without a server, with an identity that the app will not have, or with half of a
/// password's two parts.
pub(in crate::sandbox) fn entries(
    context: &Context<'_>,
    configuration: &Json,
    wanted: &Wanted,
) -> Result<(), Refusal> {
    for entry in elements(&configuration["registries"]) {
        let text = |member: &str| entry[member].as_str().filter(|text| !text.is_empty());
        let Some(server) = text("server") else {
            return Err(invalid("", "the server is missing"));
        };
        if let Some(identity) = text("identity") {
            let there = if identity.eq_ignore_ascii_case("system") {
                wanted.system
            } else {
                wanted.user.iter().any(|id| fold(id) == fold(identity))
            };
            if !there {
                let why = format!("the identity '{identity}' is not assigned to the container app");
                return Err(invalid(server, &why));
            }
            let beside = text("username").is_some() || text("passwordSecretRef").is_some();
            if beside && !context.rules.holds(Switch::UsernameBesideIdentityKept) {
                return Err(invalid(server, "identity and username cannot be given together"));
            }
        } else if text("username").is_some() != text("passwordSecretRef").is_some() {
            return Err(invalid(server, "username and passwordSecretRef go together"));
        }
    }
    Ok(())
}

fn invalid(server: &str, why: &str) -> Refusal {
    revisions::invalid_field("configuration.registries", &format!("registry '{server}': {why}"))
}

/// Refuses to drop the entry of a server from which an active revision has an image.
pub(super) fn in_use(app: Option<&App>, configuration: &Json) -> Result<(), Refusal> {
    let Some(app) = app else { return Ok(()) };
    let servers = |configuration: &Json| -> Vec<String> {
        elements(&configuration["registries"])
            .iter()
            .filter_map(|entry| entry["server"].as_str().map(str::to_ascii_lowercase))
            .collect()
    };
    let kept = servers(configuration);
    let dropped: Vec<String> =
        servers(app.configuration()).into_iter().filter(|server| !kept.contains(server)).collect();
    for revision in app.revisions.iter().filter(|revision| revision.active) {
        if let Some(server) = dropped.iter().find(|server| pulls_from(&revision.template, server)) {
            return Err(Refusal::new(
                409,
                "ContainerAppRegistryInUse",
                format!(
                    "Container App '{}' has active revisions pulling images from the registries you are \
                     trying to delete. Please add back registries {server} or deactive the revisions: {} \
                     pulling images from these registries.",
                    app.name(),
                    revision.name
                ),
            ));
        }
    }
    Ok(())
}

/// Refuses to activate a revision whose registry has no entry any more.
pub(super) fn still_defined(app: &App, name: &str) -> Result<(), Refusal> {
    let Some(revision) = app.revision(name) else { return Ok(()) };
    let defined = |server: &str| {
        elements(&app.configuration()["registries"])
            .iter()
            .any(|entry| entry["server"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(server)))
    };
    let servers = revision.registries.iter().filter_map(|entry| entry["server"].as_str());
    for server in servers.filter(|server| pulls_from(&revision.template, server)) {
        if !defined(server) {
            return Err(Refusal::new(
                400,
                "RevisionOperationError",
                format!(
                    "Error activating revision {name}. Details Reason: Bad Request. Body: {{\"error\":\"the \
                     revision you are trying to activate '{name}' references registry {server} which is no \
                     longer defined, please add registry {server} back and try again\",\"success\":false}}"
                ),
            ));
        }
    }
    Ok(())
}

fn pulls_from(template: &Json, server: &str) -> bool {
    elements(&template["containers"]).iter().chain(elements(&template["initContainers"])).any(|container| {
        container["image"]
            .as_str()
            .and_then(Image::parse)
            .is_some_and(|image| image.server.eq_ignore_ascii_case(server))
    })
}

/// The app's entries as a new revision keeps them: with the password that is in force.
pub(super) fn credentials(app: &App) -> Vec<Json> {
    with_passwords(app.configuration(), &app.secret_values())
}

/// The entries of a configuration, each that names a secret with its value.
pub(in crate::sandbox) fn with_passwords(
    configuration: &Json,
    values: &BTreeMap<String, String>,
) -> Vec<Json> {
    let mut entries = elements(&configuration["registries"]).to_vec();
    for entry in &mut entries {
        if let Some(password) = entry["passwordSecretRef"].as_str().and_then(|name| values.get(name)) {
            entry["password"] = json!(password);
        }
    }
    entries
}
