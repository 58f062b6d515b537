//! What a written job must satisfy, and what the service fills in.

use serde_json::{Value as Json, json};

use super::KIND;
use super::cron::Cron;
use super::write::Change;
use crate::sandbox::callers;
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::app::identities::{self, Wanted};
use crate::sandbox::providers::app::revisions;
use crate::sandbox::router::Context;
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{AppIdentity, Job, elements, fold};

/// Refuses a name that no job can have.
pub(super) fn name(name: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (2..=32).contains(&name.len())
        && name.chars().all(plain)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "ContainerAppInvalidName",
        format!(
            "Invalid ContainerAppsJob name '{name}'. A name must consist of lower case alphanumeric characters or \
             '-', start with an alphabetic character, and end with an alphanumeric character and cannot have '--'. \
             The length must be between 2 and 32 characters inclusive."
        ),
    ))
}

/// Refuses while an operation of the job is active.
pub(super) fn idle(job: &Job) -> Result<(), Refusal> {
    if !matches!(job.provisioning_state.as_str(), "InProgress" | "Deleting") {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "ContainerAppOperationInProgress",
        format!(
            "Cannot modify a container apps job '{}' because there is an active provisioning operation in progress.",
            job.name()
        ),
    ))
}

/// A job moves neither to another location nor into another environment.
pub(super) fn same_place(job: &Job, model: &Json) -> Result<(), Refusal> {
    let plain = |value: &Json| value.as_str().unwrap_or_default().replace(' ', "").to_ascii_lowercase();
    if plain(&job.model["location"]) != plain(&model["location"]) {
        return Err(Refusal::new(
            409,
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location {}. A resource with the same name cannot be created \
                 in location {}.",
                job.name(),
                job.model["location"],
                model["location"]
            ),
        ));
    }
    let environment = |model: &Json| fold(model["properties"]["environmentId"].as_str().unwrap_or_default());
    if environment(&job.model) != environment(model) {
        return Err(revisions::invalid_field(
            "environmentId",
            &format!("the environment of container apps job '{}' cannot be changed", job.name()),
        ));
    }
    Ok(())
}

/// Rights on other resources that a write needs, as for an app.
pub(super) fn linked_rights(
    context: &Context<'_>,
    change: &Change,
    old: &AppIdentity,
) -> Result<(), Refusal> {
    let mut needed: Vec<(&str, String)> = identities::linked(context, old, &change.body["identity"])
        .into_iter()
        .map(|id| ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", id))
        .collect();
    let asked = if context.rules.holds(Switch::JoinWhenNamed) { &change.body } else { &change.model };
    if let Some(id) = asked["properties"]["environmentId"].as_str() {
        needed.push(("Microsoft.App/managedEnvironments/join/action", id.to_owned()));
    }
    let write = format!("{KIND}/write");
    for (action, id) in needed {
        if !context.allowed(action, &id) {
            return Err(callers::linked_denied(context.caller, &write, &change.id, action, &id));
        }
        if callers::denying(context.state, &context.caller.principal, action, &id).is_some() {
            return Err(callers::linked_forbidden(context.caller, &write, &change.id, action, &id));
        }
    }
    Ok(())
}

/// What the service fills in when it is left out.
pub(super) fn fill_defaults(model: &mut Json) {
    let properties = &mut model["properties"];
    default(&mut properties["configuration"], "replicaRetryLimit", json!(0));
    let trigger = properties["configuration"]["triggerType"].as_str().and_then(config).map(str::to_owned);
    if let Some(config) = trigger {
        default(&mut properties["configuration"], &config, json!({}));
        for count in ["replicaCompletionCount", "parallelism"] {
            default(&mut properties["configuration"][&config], count, json!(1));
        }
    }
    // Looking by index would make what is not there.
    if let Some(scale) = properties.pointer_mut("/configuration/eventTriggerConfig/scale") {
        for (member, value) in [("pollingInterval", 30), ("minExecutions", 0), ("maxExecutions", 100)] {
            default(scale, member, json!(value));
        }
    }
    for list in ["containers", "initContainers"] {
        let containers = properties["template"].get_mut(list).and_then(Json::as_array_mut);
        for container in containers.into_iter().flatten() {
            default(container, "resources", json!({ "cpu": 0.5, "memory": "1Gi" }));
        }
    }
}

fn default(value: &mut Json, member: &str, fallback: Json) {
    if !value.is_object() {
        *value = json!({});
    }
    if let Some(members) = value.as_object_mut() {
        members.entry(member.to_owned()).or_insert(fallback);
    }
}

/// The member that configures a trigger.
fn config(trigger: &str) -> Option<&'static str> {
    match trigger {
        "Manual" => Some("manualTriggerConfig"),
        "Schedule" => Some("scheduleTriggerConfig"),
        "Event" => Some("eventTriggerConfig"),
        _ => None,
    }
}

/// Refuses a configuration in which the trigger, its limits and its identities do not fit together. Looks at it as
/// it was written, without what is filled in.
pub(super) fn configuration(
    context: &Context<'_>,
    existing: Option<&Job>,
    configuration: &Json,
    wanted: &Wanted,
) -> Result<(), Refusal> {
    let Some(trigger) = configuration["triggerType"].as_str() else {
        return Err(revisions::invalid_field("configuration.triggerType", "the trigger type is missing"));
    };
    let Some(own) = config(trigger) else {
        return Err(revisions::invalid_field(
            "configuration.triggerType",
            &format!("'{trigger}' is none of Manual, Schedule, Event"),
        ));
    };
    if let Some(job) = existing
        && job.trigger() != trigger
        && !context.rules.holds(Switch::TriggerChangeable)
    {
        return Err(revisions::invalid_field(
            "configuration.triggerType",
            &format!("the trigger type of container apps job '{}' cannot be changed", job.name()),
        ));
    }
    for (member, least, most) in [("replicaTimeout", 1, i64::MAX), ("replicaRetryLimit", 0, i64::MAX)] {
        whole(configuration, "configuration", member, least, most)?;
    }
    if configuration["replicaTimeout"].is_null() {
        return Err(revisions::invalid_field("configuration.replicaTimeout", "the timeout is missing"));
    }
    for other in ["manualTriggerConfig", "scheduleTriggerConfig", "eventTriggerConfig"] {
        if other != own
            && configuration[other].is_object()
            && context.rules.holds(Switch::OtherTriggerRefused)
        {
            return Err(revisions::invalid_field(
                &format!("configuration.{other}"),
                &format!("it does not go with the trigger type '{trigger}'"),
            ));
        }
    }
    let config = &configuration[own];
    for count in ["replicaCompletionCount", "parallelism"] {
        whole(config, &format!("configuration.{own}"), count, 1, i64::MAX)?;
    }
    match trigger {
        "Schedule" => schedule(config),
        "Event" => event(config, configuration, wanted),
        _ => Ok(()),
    }
}

/// Refuses a number that is not a whole one within its bounds.
fn whole(object: &Json, path: &str, member: &str, least: i64, most: i64) -> Result<(), Refusal> {
    match &object[member] {
        Json::Null => Ok(()),
        value if value.as_i64().is_some_and(|value| (least..=most).contains(&value)) => Ok(()),
        value => Err(revisions::invalid_field(
            &format!("{path}.{member}"),
            &format!("{value} is no whole number from {least}"),
        )),
    }
}

fn schedule(config: &Json) -> Result<(), Refusal> {
    let cron = config["cronExpression"].as_str().unwrap_or_default();
    if Cron::parse(cron).is_some() {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "InvalidCronExpression",
        format!(
            "Given CRON expression - '{cron}' is not valid, please visit \
             https://learn.microsoft.com/rest/api/containerapps/jobs/create-or-update for more information."
        ),
    ))
}

fn event(config: &Json, configuration: &Json, wanted: &Wanted) -> Result<(), Refusal> {
    let scale = &config["scale"];
    let path = "configuration.eventTriggerConfig.scale";
    let refuse = |why: &str| Err(revisions::invalid_field(path, why));
    let rules = elements(&scale["rules"]);
    if rules.is_empty() {
        return refuse("at least one scale rule is required");
    }
    for (member, least) in [("pollingInterval", 1), ("minExecutions", 0), ("maxExecutions", 1)] {
        whole(scale, path, member, least, i64::MAX)?;
    }
    let bound = |member: &str, fallback: i64| scale[member].as_i64().unwrap_or(fallback);
    if bound("minExecutions", 0) > bound("maxExecutions", 100) {
        return refuse("minExecutions is more than maxExecutions");
    }
    for rule in rules {
        let text = |member: &str| rule[member].as_str().filter(|text| !text.is_empty());
        let (Some(name), Some(_)) = (text("name"), text("type")) else {
            return refuse("every rule needs a name and a type");
        };
        if let Some(identity) = text("identity") {
            let there = if identity.eq_ignore_ascii_case("system") {
                wanted.system
            } else {
                wanted.user.iter().any(|id| fold(id) == fold(identity))
            };
            if !there {
                return refuse(&format!(
                    "rule '{name}': the identity '{identity}' is not assigned to the job"
                ));
            }
        }
        for auth in elements(&rule["auth"]) {
            let secret = auth["secretRef"].as_str().unwrap_or_default();
            if !elements(&configuration["secrets"]).iter().any(|own| own["name"] == secret) {
                return Err(Refusal::new(
                    400,
                    "ContainerAppSecretRefNotFound",
                    format!("SecretRef '{secret}' defined for scale rule '{name}' not found."),
                ));
            }
        }
    }
    Ok(())
}
