//! Role assignments for data: `sqlRoleAssignments`, which are the account's own and no Azure roles.

use serde_json::{Value as Json, json};

use super::{DEFINITIONS, KIND, account, nosql, unknown_definition};
use crate::sandbox::callers;
use crate::sandbox::errors::Refusal;
use crate::sandbox::operations;
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{
    CosmosAccount, Operation, OperationKind, PendingAssignment, SqlRoleAssignment, fold,
};

/// One, or all of the account.
pub(super) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/sqlRoleAssignments/read"), &address.target())?;
    let account = nosql(context, address)?;
    if address.is_resource() {
        let name = address.name(1);
        let found = account.role_assignments.get(&name.to_ascii_lowercase());
        let assignment = found.ok_or_else(|| {
            Refusal::new(404, "NotFound", format!("Unable to find a SQL Role Assignment with ID [{name}]."))
        })?;
        return Ok(Answer::new(200, body(account, assignment)));
    }
    let found = account.role_assignments.values().map(|one| body(account, one)).collect();
    context.page(found)
}

/// `PUT`: checked at once; the principal is looked up by the operation, which then makes it.
pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/sqlRoleAssignments/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.DocumentDB")?;
    let account = nosql(context, address)?;
    ready(account)?;
    let sent = context.object()?;
    context.compliant(&target, &sent)?;
    let assignment = wanted(context, account, address.name(1), &sent)?;
    let at_once = !context.rules.holds(Switch::CosmosAssignmentQueued) && context.fault.is_none();
    let failure = unknown_principal(context, &assignment.principal);
    let key = fold(&account.id);
    if at_once {
        if let Some(refusal) = failure {
            return Err(refusal);
        }
        let Some(account) = context.state.cosmos_accounts.get_mut(&key) else {
            return Ok(Answer::empty(404));
        };
        account.role_assignments.insert(assignment.name.to_ascii_lowercase(), assignment.clone());
        return Ok(Answer::new(200, body(account, &assignment)));
    }
    let operation = begin(context, &target, OperationKind::Write, failure);
    Ok(queued(context, &key, &target, &operation, assignment))
}

/// The answer to a write that `operation` is to do.
fn queued(
    context: &mut Context<'_>,
    account: &str,
    target: &str,
    operation: &Operation,
    assignment: SqlRoleAssignment,
) -> Answer {
    let mut location = String::new();
    if let Some(account) = context.state.cosmos_accounts.get_mut(account) {
        let removes = operation.kind == OperationKind::Delete;
        account.pending = Some(PendingAssignment { operation: operation.id.clone(), assignment, removes });
        location.clone_from(&account.location);
    }
    let subscription = target.split('/').nth(2).unwrap_or_default();
    let (origin, version, id) = (context.origin, context.api_version, &operation.id);
    let status = format!(
        "{origin}/subscriptions/{subscription}/providers/Microsoft.DocumentDB/locations/{location}/operationsStatus/{id}?api-version={version}"
    );
    let (name, value) = context.delays.retry_header();
    Answer::new(202, json!({ "status": "Enqueued" }))
        .with("azure-asyncoperation", status)
        .with("location", format!("{origin}{target}/operationResults/{id}?api-version={version}"))
        .with(&name, value)
}

/// One write at a time, and none while the account itself is made or changed.
fn ready(account: &CosmosAccount) -> Result<(), Refusal> {
    let state = account.properties["provisioningState"].as_str().unwrap_or_default();
    let updating = state.eq_ignore_ascii_case("Updating");
    if account.pending.is_some() || updating {
        return Err(Refusal::new(
            412,
            "PreconditionFailed",
            format!(
                "There is another user operation in progress which requires an exclusive lock on [{}]. \
                 Please retry after sometime.",
                account.name()
            ),
        ));
    }
    if state.eq_ignore_ascii_case("Succeeded") {
        return Ok(());
    }
    Err(bad_request(format!("Database account {} is not online", account.name())))
}

/// What the request describes, if there can be such an assignment.
fn wanted(
    context: &Context<'_>,
    account: &CosmosAccount,
    name: &str,
    sent: &Json,
) -> Result<SqlRoleAssignment, Refusal> {
    if uuid::Uuid::parse_str(name).is_err() {
        return Err(bad_request(format!(
            "The provided SQL Role Assignment ID [{name}] is not a valid GUID."
        )));
    }
    let text = |member: &str| {
        let value = sent["properties"][member].as_str().filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            bad_request(format!("The SQL Role Assignment [{name}] must have a value for '{member}'."))
        })
    };
    let (definition, scope, principal) = (text("roleDefinitionId")?, text("scope")?, text("principalId")?);
    if uuid::Uuid::parse_str(principal).is_err() {
        return Err(bad_request(format!("The provided principal ID [{principal}] is not a valid GUID.")));
    }
    let scope = scope_in(context, account, scope)?;
    let definitions = format!("{}/sqlRoleDefinitions", account.id);
    let guid = definition
        .rsplit_once('/')
        .filter(|(of, _)| of.eq_ignore_ascii_case(&definitions))
        .map(|(_, guid)| guid)
        .ok_or_else(|| {
            bad_request(format!(
                "The provided Role Definition ID [{definition}] is not one of the database account."
            ))
        })?;
    let role = DEFINITIONS.iter().find(|(own, _, _)| own.eq_ignore_ascii_case(guid));
    let (role, _, _) = role.ok_or_else(|| unknown_definition(guid))?;
    let assignment = SqlRoleAssignment {
        name: name.to_owned(),
        role: (*role).to_owned(),
        principal: principal.to_ascii_lowercase(),
        scope,
    };
    no_clash(context, account, &assignment)?;
    Ok(assignment)
}

/// The scope in the account's own spelling: the account's id, or that and a database, or a container.
fn scope_in(context: &Context<'_>, account: &CosmosAccount, scope: &str) -> Result<String, Refusal> {
    let invalid = || {
        bad_request(format!(
            "The provided scope [{scope}] is not a scope of the database account [{}].",
            account.name()
        ))
    };
    let whole = scope.trim_end_matches('/');
    let (outer, rest) = whole.split_at_checked(account.id.len()).ok_or_else(invalid)?;
    if !outer.eq_ignore_ascii_case(&account.id) {
        return Err(invalid());
    }
    let there = match rest.split('/').collect::<Vec<_>>()[..] {
        [""] => true,
        ["", "dbs", database] if !database.is_empty() => account.databases.contains_key(database),
        ["", "dbs", database, "colls", container] if !database.is_empty() && !container.is_empty() => {
            let found = account.databases.get(database);
            found.is_some_and(|found| found.containers.contains_key(container))
        }
        _ => return Err(invalid()),
    };
    if !there && !context.rules.holds(Switch::CosmosScopeUnchecked) {
        return Err(Refusal::new(
            404,
            "NotFound",
            format!("The resource of the scope [{scope}] was not found."),
        ));
    }
    Ok(format!("{}{rest}", account.id))
}

fn no_clash(
    context: &Context<'_>,
    account: &CosmosAccount,
    wanted: &SqlRoleAssignment,
) -> Result<(), Refusal> {
    if let Some(before) = account.role_assignments.get(&wanted.name.to_ascii_lowercase()) {
        let fixed = |what: &str| {
            Err(bad_request(format!(
                "Updating SQL Role Assignment {what} is not permitted. You may only update the associated Role \
                 Definition."
            )))
        };
        if before.principal != wanted.principal {
            return fixed("Principal ID");
        }
        if before.scope != wanted.scope {
            return fixed("Scope");
        }
    }
    let same = account.role_assignments.values().find(|other| {
        !other.name.eq_ignore_ascii_case(&wanted.name)
            && (&other.principal, &other.role, &other.scope)
                == (&wanted.principal, &wanted.role, &wanted.scope)
    });
    match same {
        Some(other) if context.rules.holds(Switch::CosmosDuplicateRefused) => Err(Refusal::new(
            409,
            "Conflict",
            format!(
                "A SQL Role Assignment with the same Principal ID, Role Definition and Scope already exists: [{}].",
                other.name
            ),
        )),
        _ => Ok(()),
    }
}

/// The failure of an assignment for somebody whom the directory does not know, or not yet.
fn unknown_principal(context: &Context<'_>, id: &str) -> Option<Refusal> {
    let known = context.state.principals.get(id).is_some_and(|one| one.known_from <= context.now);
    (!known).then(|| {
        bad_request(format!(
            "The provided principal ID [{id}] was not found in the AAD tenant(s) [{}] which are associated with \
             the customer's subscription.",
            context.state.tenant
        ))
    })
}

fn bad_request(message: String) -> Refusal {
    Refusal::new(400, "BadRequest", message)
}

fn begin(context: &mut Context<'_>, id: &str, kind: OperationKind, failure: Option<Refusal>) -> Operation {
    let failed = context.operation_fails();
    let failure = failure.or_else(|| {
        failed.then(|| Refusal::new(500, "InternalServerError", "Encountered internal server error."))
    });
    let failure = failure.map(|refusal| (refusal.status, refusal.error()));
    context.begin(id, kind, Some(context.delays.operation), failure, None)
}

/// The operation named `id`, for a caller who may see it.
fn operation(context: &Context<'_>, scope: &str, id: &str) -> Result<Operation, Refusal> {
    let action = "Microsoft.DocumentDB/locations/operationsStatus/read";
    if !context.rules.holds(Switch::OperationUrlOpen) {
        context.require(action, scope)?;
    }
    let found = context.state.operations.get(id);
    let operation =
        found.ok_or_else(|| Refusal::new(404, "NotFound", format!("The operation [{id}] was not found.")))?;
    match operation.url_refuses {
        Some(403) => Err(callers::denied(context.caller, action, context.path)),
        Some(status) => Err(Refusal::new(status, "NotFound", "The operation was not found.")),
        None => Ok(operation.clone()),
    }
}

/// `GET` of `Azure-AsyncOperation`: a status, and the error of a failure.
pub(super) fn status(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = operation(context, &address.scope, address.name(1))?;
    let mut body = json!({ "status": match operations::status(&operation) {
        "InProgress" => "Dequeued",
        ended => ended,
    } });
    if let (true, Some((_, error))) = (operation.ended, &operation.failure) {
        body["error"] = error.clone();
    }
    let answer = Answer::new(200, body);
    let (name, value) = context.delays.retry_header();
    Ok(if operation.ended { answer } else { answer.with(&name, value) })
}

/// `GET` of `Location`: 202 until the operation has ended, then the assignment or the error.
pub(super) fn result(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = operation(context, &address.scope, address.name(2))?;
    if !operation.ended {
        let (name, value) = context.delays.retry_header();
        let again = format!("{}{}?api-version={}", context.origin, context.path, context.api_version);
        return Ok(Answer::empty(202).with("location", again).with(&name, value));
    }
    if let Some((status, error)) = operation.failure {
        return Ok(Answer::new(status, json!({ "error": error })));
    }
    let account = account(context, address)?;
    let found = account.role_assignments.get(&address.name(1).to_ascii_lowercase());
    Ok(found.map_or_else(|| Answer::empty(204), |assignment| Answer::new(200, body(account, assignment))))
}

/// `DELETE`: queued as a `PUT` is, and one write of the account as that is.
pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/sqlRoleAssignments/delete"), &target)?;
    context.unlocked(&target)?;
    let account = nosql(context, address)?;
    ready(account)?;
    let (key, name) = (fold(&account.id), address.name(1).to_ascii_lowercase());
    let Some(assignment) = account.role_assignments.get(&name).cloned() else {
        return Ok(Answer::empty(204));
    };
    if !context.rules.holds(Switch::CosmosAssignmentQueued) && context.fault.is_none() {
        if let Some(account) = context.state.cosmos_accounts.get_mut(&key) {
            account.role_assignments.remove(&name);
        }
        return Ok(Answer::empty(200));
    }
    let operation = begin(context, &target, OperationKind::Delete, None);
    Ok(Answer { body: None, ..queued(context, &key, &target, &operation, assignment) })
}

fn body(account: &CosmosAccount, assignment: &SqlRoleAssignment) -> Json {
    json!({
        "id": format!("{}/sqlRoleAssignments/{}", account.id, assignment.name),
        "name": assignment.name,
        "type": format!("{KIND}/sqlRoleAssignments"),
        "properties": {
            "roleDefinitionId": format!("{}/sqlRoleDefinitions/{}", account.id, assignment.role),
            "scope": assignment.scope,
            "principalId": assignment.principal,
        },
    })
}
