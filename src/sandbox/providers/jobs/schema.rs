//! The properties a job has, and what of a body does not fit.
//!
//! Source: the published types of Microsoft.App/jobs 2026-01-01, which agree with 2025-07-01 and 2025-01-01 but for
//! `identitySettings` and a scale rule's `identity`, both of 2025-01-01.

use serde_json::{Value as Json, json};

use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::app::schema;

/// Properties by path, as the table of apps has them; what has the same shape as an app's is looked up there.
const PROPERTIES: &[(&str, &str)] = &[
    ("", "id:s name:s type:s apiVersion:s properties:o identity:o tags:o location:s systemData:o"),
    (
        "properties",
        "provisioningState:s environmentId:s workloadProfileName:s configuration:o template:o outboundIpAddresses:a eventStreamEndpoint:s",
    ),
    (
        "properties.configuration",
        "secrets:a triggerType:s replicaTimeout:n replicaRetryLimit:n manualTriggerConfig:o scheduleTriggerConfig:o eventTriggerConfig:o registries:a identitySettings:a",
    ),
    ("properties.configuration.manualTriggerConfig", "replicaCompletionCount:n parallelism:n"),
    (
        "properties.configuration.scheduleTriggerConfig",
        "replicaCompletionCount:n cronExpression:s parallelism:n",
    ),
    ("properties.configuration.eventTriggerConfig", "replicaCompletionCount:n parallelism:n scale:o"),
    (
        "properties.configuration.eventTriggerConfig.scale",
        "pollingInterval:n minExecutions:n maxExecutions:n rules:a",
    ),
    (
        "properties.configuration.eventTriggerConfig.scale.rules[]",
        "name:s type:s metadata:o auth:a identity:s",
    ),
    ("properties.configuration.eventTriggerConfig.scale.rules[].auth[]", "secretRef:s triggerParameter:s"),
    ("properties.template", "initContainers:a containers:a volumes:a"),
];

/// Read-only properties: taken and ignored.
const READ_ONLY: &[&str] = &["provisioningState", "outboundIpAddresses", "eventStreamEndpoint"];

/// Refuses a body with a property that a job does not have, or of another type.
pub(super) fn check(body: &Json, version: &str) -> Result<(), Refusal> {
    walk(body, "")?;
    // What containers, secrets and registries look like is an app's matter too.
    let properties = &body["properties"];
    let mut as_app = json!({ "identity": body["identity"], "properties": {
        "configuration": {
            "secrets": properties["configuration"]["secrets"],
            "registries": properties["configuration"]["registries"],
            "identitySettings": properties["configuration"]["identitySettings"],
        },
        "template": properties["template"],
    } });
    as_app = schema::without_nulls(&as_app);
    schema::check(&as_app, version)
}

fn walk(value: &Json, path: &str) -> Result<(), Refusal> {
    let names = PROPERTIES.iter().find(|(own, _)| *own == path).map(|(_, names)| *names);
    let (Some(members), Some(names)) = (value.as_object(), names) else { return Ok(()) };
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let own = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let kind = names
            .split(' ')
            .filter_map(|entry| entry.split_once(':'))
            .find(|(known, _)| known == name)
            .map(|(_, kind)| kind);
        let fits = match kind {
            None => return Err(invalid(&own, "is not known")),
            Some("s") => value.is_string(),
            Some("n") => value.is_number(),
            Some("a") => value.is_array(),
            Some(_) => value.is_object(),
        };
        if !fits {
            return Err(invalid(&own, "has the wrong type"));
        }
        match value.as_array() {
            Some(elements) => {
                for element in elements {
                    walk(element, &format!("{own}[]"))?;
                }
            }
            None => walk(value, &own)?,
        }
    }
    Ok(())
}

fn invalid(path: &str, why: &str) -> Refusal {
    let message = format!("Invalid request body for container apps job: property '{path}' {why}.");
    Refusal::new(400, "ContainerAppsJobInvalidSchema", message).about(path)
}

/// The body without read-only properties.
pub(super) fn writable(body: &Json) -> Json {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        for name in ["id", "name", "type", "apiVersion", "systemData"] {
            members.shift_remove(name);
        }
    }
    if let Some(members) = body.get_mut("properties").and_then(Json::as_object_mut) {
        for name in READ_ONLY {
            members.shift_remove(*name);
        }
    }
    body
}
