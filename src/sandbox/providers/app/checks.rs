//! What a written app must satisfy, and what the service fills in.

use serde_json::{Value as Json, json};

use super::write::Change;
use super::{KIND, identities, revisions};
use crate::sandbox::callers;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::Context;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, AppIdentity, elements, fold};

/// A resource does not move to another location.
pub(super) fn same_location(app: &App, location: &str) -> Result<(), Refusal> {
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let own = app.model["location"].as_str().unwrap_or_default();
    if plain(own) == plain(location) {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "InvalidResourceLocation",
        format!(
            "The resource '{}' already exists in location '{own}'. A resource with the same name cannot be \
             created in location '{location}'.",
            app.name()
        ),
    ))
}

/// Refuses while an operation of the app is active.
pub(super) fn idle(app: &App) -> Result<(), Refusal> {
    if !matches!(app.provisioning_state.as_str(), "InProgress" | "Deleting") {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "ContainerAppOperationInProgress",
        format!(
            "Cannot modify a container app '{}' because there is an active provisioning operation in progress.",
            app.name()
        ),
    ))
}

/// Rights on other resources that a write needs: for identities that it assigns, and for the environment
/// that it names.
pub(super) fn linked_rights(
    context: &Context<'_>,
    change: &Change,
    old: &AppIdentity,
) -> Result<(), Refusal> {
    let mut needed: Vec<(&str, String)> = identities::linked(context, old, &change.body["identity"])
        .into_iter()
        .map(|id| ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", id))
        .collect();
    let environment = |model: &Json| model["properties"]["environmentId"].as_str().map(str::to_owned);
    let asked = if context.rules.holds(Switch::JoinWhenNamed) { &change.body } else { &change.model };
    if let Some(id) = environment(asked) {
        needed.push(("Microsoft.App/managedEnvironments/join/action", id));
    }
    for (action, id) in needed {
        if context.allowed(action, &id)
            && callers::denying(context.state, &context.caller.principal, action, &id).is_some()
        {
            let write = format!("{KIND}/write");
            return Err(callers::linked_forbidden(context.caller, &write, &change.id, action, &id));
        }
        if !context.allowed(action, &id) {
            return Err(callers::linked_denied(
                context.caller,
                &format!("{KIND}/write"),
                &change.id,
                action,
                &id,
            ));
        }
    }
    Ok(())
}

/// Refuses an environment that is not there.
pub(in crate::sandbox) fn known_environment(context: &Context<'_>, model: &Json) -> Result<(), Refusal> {
    let id = model["properties"]["environmentId"].as_str().unwrap_or_default();
    if context.state.environments.contains_key(&fold(id)) {
        return Ok(());
    }
    Err(Refusal::new(400, "ManagedEnvironmentNotFound", format!("The environment '{id}' was not found.")))
}

/// What the service fills in when it is left out.
pub(super) fn fill_defaults(model: &mut Json) {
    let properties = &mut model["properties"];
    if !properties["configuration"].is_object() {
        properties["configuration"] = json!({});
    }
    if !properties["template"].is_object() {
        properties["template"] = json!({});
    }
    default(&mut properties["configuration"], "activeRevisionsMode", json!("Single"));
    if properties["configuration"]["ingress"].is_object() {
        let ingress = &mut properties["configuration"]["ingress"];
        default(ingress, "external", json!(false));
        default(ingress, "transport", json!("auto"));
        default(ingress, "allowInsecure", json!(false));
        default(ingress, "exposedPort", json!(0));
        default(ingress, "traffic", json!([{ "weight": 100, "latestRevision": true }]));
    }
    let template = &mut properties["template"];
    if template["revisionSuffix"] == json!("")
        && let Some(members) = template.as_object_mut()
    {
        members.shift_remove("revisionSuffix");
    }
    for list in ["containers", "initContainers"] {
        for container in template.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten() {
            default(container, "resources", json!({ "cpu": 0.5, "memory": "1Gi" }));
        }
    }
}

fn default(value: &mut Json, member: &str, fallback: Json) {
    if let Some(members) = value.as_object_mut() {
        members.entry(member.to_owned()).or_insert(fallback);
    }
}

/// Refuses a template without containers, or with one that has no name or image or a taken name.
pub(in crate::sandbox) fn template(template: &Json) -> Result<(), Refusal> {
    let containers = elements(&template["containers"]);
    if containers.is_empty() {
        return Err(revisions::invalid_field("template.containers", "at least one container is required"));
    }
    let mut names: Vec<&str> = Vec::new();
    for container in containers.iter().chain(elements(&template["initContainers"])) {
        let (name, image) =
            (container["name"].as_str().unwrap_or_default(), container["image"].as_str().unwrap_or_default());
        if name.is_empty() || image.is_empty() {
            return Err(revisions::invalid_field(
                "template.containers",
                "every container needs a name and an image",
            ));
        }
        if names.contains(&name) {
            return Err(revisions::invalid_field(
                "template.containers",
                &format!("the container name '{name}' is given twice"),
            ));
        }
        names.push(name);
        for variable in elements(&container["env"]) {
            if variable["name"].as_str().unwrap_or_default().is_empty() {
                return Err(revisions::invalid_field(
                    &format!("template.containers.{name}.env"),
                    "every variable needs a name",
                ));
            }
        }
    }
    Ok(())
}

/// Weights must sum to 100 and name revisions that exist; naming one needs Multiple mode. A label stands on
/// one revision.
pub(super) fn traffic(app: Option<&App>, configuration: &Json, rules: &Switches) -> Result<(), Refusal> {
    let entries = elements(&configuration["ingress"]["traffic"]);
    if entries.is_empty() {
        return Ok(());
    }
    let refuse = |why: &str| Err(revisions::invalid_field("configuration.ingress.traffic", why));
    let mut labels: Vec<&str> = entries.iter().filter_map(|entry| entry["label"].as_str()).collect();
    labels.retain(|label| !label.is_empty());
    if let Some(label) = labels.iter().find(|label| !is_label(label))
        && rules.holds(Switch::LabelNameChecked)
    {
        return refuse(&format!(
            "label '{label}' must consist of lower case alphanumeric characters or '-', start with a letter and end \
             with an alphanumeric character"
        ));
    }
    labels.sort_unstable();
    if let Some([label, _]) = labels.windows(2).find(|pair| pair.first() == pair.last())
        && rules.holds(Switch::LabelTwiceRefused)
    {
        return refuse(&format!("label '{label}' is assigned to more than one revision"));
    }
    if let Some(entry) = entries.iter().find(|entry| {
        let named = entry["revisionName"].as_str().is_some_and(|name| !name.is_empty());
        named == (entry["latestRevision"] == json!(true))
    }) {
        return refuse(&format!("an entry names a revision or means the latest, one of the two: {entry}"));
    }
    let sum: u64 = entries.iter().filter_map(|entry| entry["weight"].as_u64()).sum();
    if sum != 100 {
        return refuse(&format!("traffic weights must sum to 100, not {sum}"));
    }
    let multiple = configuration["activeRevisionsMode"]
        .as_str()
        .is_some_and(|mode| mode.eq_ignore_ascii_case("Multiple"));
    for name in entries.iter().filter_map(|entry| entry["revisionName"].as_str()) {
        if name.is_empty() {
            continue;
        }
        if !multiple {
            return refuse("a revision can be named in Multiple revisions mode only");
        }
        let known = app.is_some_and(|app| app.revision(name).is_some());
        if !known {
            return refuse(&format!("revision '{name}' does not exist"));
        }
    }
    Ok(())
}

/// As a revision's suffix: small letters, digits and single dashes, a letter first, no dash last.
fn is_label(label: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    label.chars().all(plain)
        && label.starts_with(|c: char| c.is_ascii_lowercase())
        && !label.ends_with('-')
        && !label.contains("--")
        && label.len() <= 64
}
