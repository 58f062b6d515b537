//! Operations on an app: their beginning, their URLs, and the ones that write nothing else.

use std::time::Duration;

use serde_json::Value as Json;

use super::write::existing;
use super::{KIND, checks};
use crate::sandbox::errors::Refusal;
use crate::sandbox::operations::{RESULTS, STATUSES};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::state::{Operation, OperationKind, Revision, fold, last};

/// How an operation fails: the status of its result, and its error.
pub(super) fn operation_error(app: &str, details: &str) -> (u16, Json) {
    let refusal = Refusal::new(
        400,
        "ContainerAppOperationError",
        format!("Failed to provision revision for container app '{app}'. Error details: {details}"),
    );
    (refusal.status, refusal.error())
}

/// Begins an operation on the app `id` that takes so long.
pub(super) fn operation(
    context: &mut Context<'_>,
    id: &str,
    kind: OperationKind,
    takes: Duration,
    failure: Option<(u16, Json)>,
    revision: Option<Revision>,
) -> Operation {
    let failure = failure
        .or_else(|| (context.operation_fails()).then(|| operation_error(last(id), "Operation expired.")));
    context.begin(id, kind, Some(takes), failure, revision)
}

/// Where the status and the result of an operation are asked for.
pub(super) fn urls(context: &Context<'_>, operation: &Operation) -> [String; 2] {
    let subscription = operation.resource.split('/').nth(2).unwrap_or_default();
    let location = context
        .state
        .apps
        .get(&fold(&operation.resource))
        .and_then(|app| app.model["location"].as_str())
        .unwrap_or("westeurope")
        .replace(' ', "")
        .to_ascii_lowercase();
    [STATUSES, RESULTS].map(|kind| {
        format!(
            "{}/subscriptions/{subscription}/providers/Microsoft.App/locations/{location}/{kind}/{}?api-version={}",
            context.origin, operation.id, context.api_version
        )
    })
}

/// `DELETE`.
pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    resources::existing_group(context, &address.scope)?;
    let Some(app) = context.state.apps.get_mut(&fold(&target)) else {
        return Ok(Answer::empty(204));
    };
    checks::idle(app)?;
    app.provisioning_state = "Deleting".into();
    let id = app.id.clone();
    let takes = context.delays.operation;
    let operation = operation(context, &id, OperationKind::Delete, takes, None, None);
    Ok(accepted(context, &operation))
}

/// `start` and `stop`.
pub(super) fn switch(context: &mut Context<'_>, address: &Address, kind: OperationKind) -> Handled {
    let verb = if kind == OperationKind::Start { "start" } else { "stop" };
    let target = address.target();
    context.require(&format!("{KIND}/{verb}/action"), &target)?;
    context.unlocked(&target)?;
    existing(context, address)?;
    let Some(app) = context.state.apps.get_mut(&fold(&target)) else {
        return Ok(Answer::empty(404));
    };
    checks::idle(app)?;
    app.provisioning_state = "InProgress".into();
    let id = app.id.clone();
    let takes = context.delays.operation;
    let operation = operation(context, &id, kind, takes, None, None);
    Ok(accepted(context, &operation))
}

fn accepted(context: &Context<'_>, operation: &Operation) -> Answer {
    let [_, results] = urls(context, operation);
    let (name, value) = context.delays.retry_header();
    Answer::empty(202).with("location", results).with(&name, value)
}
