//! Long-running operations, and what time alone changes.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::providers::app::domains::managed;
use super::providers::{app::revisions, jobs, redis};
use super::rules::Switches;
use super::state::{App, Operation, OperationKind, State, fold, stamp};

/// Where the status of an operation on an app is asked for, below the subscription and location.
pub(super) const STATUSES: &str = "containerappOperationStatuses";
/// Where its result is.
pub(super) const RESULTS: &str = "containerappOperationResults";

/// Lets everything happen that is due at `now`: operations end, revisions settle.
pub(super) fn advance(state: &mut State, now: OffsetDateTime, rules: &Switches) {
    let mut due: Vec<(OffsetDateTime, String)> = state
        .operations
        .values()
        .filter(|operation| !operation.ended)
        .filter_map(|operation| operation.due.map(|due| (due, operation.id.clone())))
        .filter(|(due, _)| *due <= now)
        .collect();
    due.sort();
    for (_, id) in due {
        end(state, &id);
    }
    for registry in state.registries.values_mut() {
        registry.settle_runs(now);
    }
    managed::settle(state, now, rules);
    revisions::mount_again(state, now, rules);
    for app in state.apps.values_mut() {
        revisions::settle(app, now);
    }
}

fn end(state: &mut State, id: &str) {
    let Some(operation) = state.operations.get_mut(id) else {
        return;
    };
    operation.ended = true;
    let (key, kind, failed) = (fold(&operation.resource), operation.kind, operation.failure.is_some());
    let revision = operation.revision.take();
    if redis::assignments::end(state, &key, kind, failed) || jobs::end(state, &key, kind, failed) {
        return;
    }
    state.end_cosmos_write(id, failed);
    if kind == OperationKind::Delete && !failed {
        if let Some(app) = state.apps.remove(&key) {
            forget_principal(state, &app);
            let below = format!("{key}/");
            state.auth_configs.retain(|id, _| !id.starts_with(&below));
        }
        return;
    }
    if let Some(registry) = state.registries.get_mut(&key) {
        registry.properties["provisioningState"] = json!(if failed { "Failed" } else { "Succeeded" });
    }
    let Some(app) = state.apps.get_mut(&key) else {
        return;
    };
    if let Some(revision) = revision {
        revisions::add(app, revision);
    }
    app.provisioning_state = if failed { "Failed" } else { "Succeeded" }.into();
    match kind {
        OperationKind::Start if !failed => app.stopped = false,
        OperationKind::Stop if !failed => app.stopped = true,
        _ => {}
    }
}

/// Removes the principal of a system-assigned identity that is gone.
pub(super) fn forget_principal(state: &mut State, app: &App) {
    if let Some(system) = &app.identity.system {
        state.principals.remove(&system.principal_id);
    }
}

/// The word for an operation's state.
pub(super) fn status(operation: &Operation) -> &'static str {
    match (operation.ended, &operation.failure) {
        (false, _) => "InProgress",
        (true, None) => "Succeeded",
        (true, Some(_)) => "Failed",
    }
}

/// The body of an operation's status.
pub(super) fn status_body(operation: &Operation, url_path: &str) -> Json {
    let mut body = json!({
        "id": url_path,
        "name": operation.id,
        "status": status(operation),
        "startTime": stamp(operation.started),
    });
    if operation.ended {
        if let Some(due) = operation.due {
            body["endTime"] = stamp(due);
        }
        if let Some((_, error)) = &operation.failure {
            body["error"] = error.clone();
        }
    }
    body
}
