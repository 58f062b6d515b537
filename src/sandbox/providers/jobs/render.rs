//! Jobs and executions as GET returns them.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use crate::sandbox::providers::app::render;
use crate::sandbox::state::{Execution, Job, State, stamp};

/// A job.
pub(super) fn job(state: &State, job: &Job) -> Json {
    let model = &job.model;
    let mut properties = json!({
        "provisioningState": job.provisioning_state,
        "environmentId": model["properties"]["environmentId"],
    });
    if let Some(profile) = model["properties"].get("workloadProfileName") {
        properties["workloadProfileName"] = profile.clone();
    }
    properties["configuration"] = render::without_values(job.configuration());
    properties["template"] = render::template(job.template());
    properties["outboundIpAddresses"] = json!(["20.61.0.1"]);
    properties["eventStreamEndpoint"] = json!(format!(
        "https://{}.azurecontainerapps.dev{}/eventstream",
        model["location"].as_str().unwrap_or_default(),
        job.id
    ));
    let mut body = json!({
        "id": job.id,
        "name": job.name(),
        "type": "Microsoft.App/jobs",
        "location": model["location"],
    });
    if let Some(tags) = model.get("tags") {
        body["tags"] = tags.clone();
    }
    body["systemData"] = json!({
        "createdBy": job.created_by,
        "createdByType": "Application",
        "createdAt": stamp(job.created),
        "lastModifiedBy": job.modified_by,
        "lastModifiedByType": "Application",
        "lastModifiedAt": stamp(job.modified),
    });
    body["properties"] = properties;
    body["identity"] = render::identity(state, &job.identity);
    body
}

/// An execution at `now`. Why one failed it does not say: that is in the log of the system, and the exit code in
/// the container's.
pub(super) fn execution(job: &Job, one: &Execution, now: OffsetDateTime) -> Json {
    let mut properties = json!({
        "status": one.status(now),
        "startTime": stamp(one.started),
        "template": render::template(&one.template),
    });
    if one.ends <= now {
        properties["endTime"] = stamp(one.ends);
    }
    json!({
        "id": id(job, one),
        "name": one.name,
        "type": "Microsoft.App/jobs/executions",
        "properties": properties,
    })
}

/// The id of an execution.
pub(super) fn id(job: &Job, one: &Execution) -> String {
    format!("{}/executions/{}", job.id, one.name)
}
