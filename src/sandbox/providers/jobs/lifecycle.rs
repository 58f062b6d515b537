//! Operations on a job: their beginning, their URLs, and the ones that do not write it.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{KIND, checks, existing, render, runs};
use crate::sandbox::callers;
use crate::sandbox::errors::Refusal;
use crate::sandbox::operations;
use crate::sandbox::providers::{app, resources};
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{Operation, OperationKind, State, fold, last};

/// Where statuses and results of operations on jobs are asked for, below the subscription and location: named as
/// the rights to read them (<https://learn.microsoft.com/azure/role-based-access-control/permissions/compute>).
pub(super) const OPERATIONS: [&str; 2] =
    ["containerAppsJobOperationStatuses", "containerAppsJobOperationResults"];

/// How an operation fails: the status of its result, and its error.
pub(super) fn operation_error(job: &str, details: &str) -> (u16, Json) {
    let refusal = Refusal::new(
        400,
        "ContainerAppOperationError",
        format!("Failed to provision container apps job '{job}'. Error details: {details}"),
    );
    (refusal.status, refusal.error())
}

/// Begins an operation on `resource` that takes so long.
pub(super) fn operation(
    context: &mut Context<'_>,
    resource: &str,
    kind: OperationKind,
    takes: Duration,
    failure: Option<(u16, Json)>,
) -> Operation {
    let failure = failure.or_else(|| {
        (context.operation_fails()).then(|| operation_error(last(resource), "Operation expired."))
    });
    context.begin(resource, kind, Some(takes), failure, None)
}

/// What the end of an operation does to the job that it worked on. `false`: there is no such job.
pub(in crate::sandbox) fn end(state: &mut State, key: &str, kind: OperationKind, failed: bool) -> bool {
    let Some(job) = state.jobs.get_mut(key) else { return false };
    match kind {
        OperationKind::Delete if !failed => {
            if let Some(system) = state.jobs.remove(key).and_then(|job| job.identity.system) {
                state.principals.remove(&system.principal_id);
            }
        }
        OperationKind::Write | OperationKind::Delete => {
            if failed { "Failed" } else { "Succeeded" }.clone_into(&mut job.provisioning_state);
        }
        // Starting changes nothing of the job.
        OperationKind::Start | OperationKind::Stop => {}
    }
    true
}

/// Where the status and the result of an operation are asked for.
pub(super) fn urls(context: &Context<'_>, operation: &Operation) -> [String; 2] {
    let subscription = operation.resource.split('/').nth(2).unwrap_or_default();
    let job = context.state.jobs.get(&job_of(&operation.resource));
    let location = job
        .and_then(|job| job.model["location"].as_str())
        .unwrap_or("westeurope")
        .replace(' ', "")
        .to_ascii_lowercase();
    OPERATIONS.map(|kind| {
        format!(
            "{}/subscriptions/{subscription}/providers/Microsoft.App/locations/{location}/{kind}/{}?api-version={}",
            context.origin, operation.id, context.api_version
        )
    })
}

/// The job in the id of a job or an execution.
fn job_of(id: &str) -> String {
    let id = fold(id);
    id.split_once("/executions/").map_or(id.as_str(), |(job, _)| job).to_owned()
}

/// `DELETE`.
pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    resources::existing_group(context, &address.scope)?;
    let Some(job) = context.state.jobs.get_mut(&fold(&target)) else {
        return Ok(Answer::empty(204));
    };
    checks::idle(job)?;
    "Deleting".clone_into(&mut job.provisioning_state);
    let (id, takes) = (job.id.clone(), context.delays.operation);
    let operation = operation(context, &id, OperationKind::Delete, takes, None);
    Ok(accepted(context, &operation))
}

/// `POST start`: an execution, of the job's template or of one that is sent instead.
pub(super) fn start(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/start/action"), &target)?;
    context.unlocked(&target)?;
    let job = existing(context, address)?.clone();
    checks::idle(&job)?;
    let sent = if context.body.is_empty() { json!({}) } else { context.object()? };
    let instead = sent["containers"].is_array().then_some(&sent);
    if let Some(template) = instead {
        app::checks::template(template)?;
    }
    if context.operation_fails() {
        let takes = context.delays.operation;
        let operation = operation(context, &job.id, OperationKind::Start, takes, None);
        return Ok(accepted(context, &operation));
    }
    let name = runs::made_up_name(context.state, &job);
    let (now, delays, rules) = (context.now, context.delays, context.rules);
    let one = runs::execution(context.state, now, delays, rules, &job, name, instead);
    let id = render::id(&job, &one);
    let base = json!({ "id": id, "name": one.name });
    if let Some(job) = context.state.jobs.get_mut(&fold(&job.id)) {
        job.executions.push(one);
    }
    if !context.rules.holds(Switch::JobStartAccepted) {
        return Ok(Answer::new(200, base));
    }
    // The execution is there at once; only its name is told later.
    let takes = context.delays.retry_after;
    let operation = operation(context, &id, OperationKind::Start, takes, None);
    Ok(accepted(context, &operation))
}

fn accepted(context: &Context<'_>, operation: &Operation) -> Answer {
    let [statuses, results] = urls(context, operation);
    let (name, value) = context.delays.retry_header();
    let answer = Answer::empty(202).with("location", results).with(&name, value);
    let beside = operation.kind == OperationKind::Start && !context.rules.holds(Switch::JobStartLocationOnly);
    if beside { answer.with("azure-asyncoperation", statuses) } else { answer }
}

fn asked(context: &Context<'_>, address: &Address) -> Result<Operation, Refusal> {
    let kind = address.types.get(1).map_or("", String::as_str);
    let action = format!("Microsoft.App/locations/{kind}/read");
    if !context.rules.holds(Switch::OperationUrlOpen) {
        context.require(&action, &address.scope)?;
    }
    let operation = context.state.operations.get(address.name(1)).ok_or_else(|| {
        Refusal::new(404, "OperationNotFound", format!("The operation '{}' was not found.", address.name(1)))
    })?;
    match operation.url_refuses {
        Some(403) => Err(callers::denied(context.caller, &action, context.path)),
        Some(status) => Err(Refusal::new(
            status,
            "ResourceNotFound",
            format!("The resource '{}' was not found.", context.path),
        )),
        None => Ok(operation.clone()),
    }
}

/// The status of an operation.
pub(super) fn status(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = asked(context, address)?;
    let answer = Answer::new(200, operations::status_body(&operation, context.path));
    let (name, value) = context.delays.retry_header();
    Ok(if operation.ended { answer } else { answer.with(&name, value) })
}

/// Its result: the job, or the name of the execution that was started.
pub(super) fn result(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = asked(context, address)?;
    if !operation.ended {
        return Ok(accepted(context, &operation));
    }
    if let Some((status, error)) =
        operation.failure.as_ref().filter(|_| context.rules.holds(Switch::FailedLocationIsError))
    {
        return Ok(Answer::new(*status, json!({ "error": error })));
    }
    let Some(job) = context.state.jobs.get(&job_of(&operation.resource)) else {
        return Ok(Answer::empty(204));
    };
    let started = job.executions.iter().find(|one| fold(&render::id(job, one)) == fold(&operation.resource));
    Ok(match started {
        Some(one) => Answer::new(200, json!({ "id": render::id(job, one), "name": one.name })),
        None => Answer::new(200, render::job(context.state, job)),
    })
}
