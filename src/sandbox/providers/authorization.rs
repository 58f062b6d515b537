//! `Microsoft.Authorization`: role assignments, role definitions, a caller's permissions, locks, deny
//! assignments.

use serde_json::{Map, Value as Json, json};

use super::resources;
use crate::sandbox::callers;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::exchange::find;
use crate::sandbox::roles::{self, Permission, ROLES};
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{RoleAssignment, fold, last, stamp};

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("roleassignments", "GET", false) => list(context, address),
        ("roleassignments", "GET", true) => {
            context.require("Microsoft.Authorization/roleAssignments/read", &address.scope)?;
            let found = assignment(context, address).cloned();
            let found = found.ok_or_else(|| not_found(address))?;
            Ok(Answer::new(200, body(&found)))
        }
        ("roleassignments", "PUT", true) => put(context, address),
        ("roleassignments", "DELETE", true) => delete(context, address),
        ("roledefinitions", "GET", _) => definitions(context, address),
        ("permissions", "GET", false) => permissions(context, address),
        ("locks", "GET", false) => locks(context, address),
        ("denyassignments", "GET", false) => deny_assignments(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

fn assignment<'a>(context: &'a Context<'_>, address: &Address) -> Option<&'a RoleAssignment> {
    context.state.role_assignments.get(&fold(&address.target()))
}

fn not_found(address: &Address) -> Refusal {
    Refusal::new(
        404,
        "RoleAssignmentNotFound",
        format!("The role assignment '{}' is not found.", address.name(0)),
    )
}

/// What `$filter` asks for.
#[derive(Default)]
struct Filter {
    at_scope: bool,
    principal: Option<String>,
}

fn filter(context: &Context<'_>) -> Result<Filter, Refusal> {
    let mut filter = Filter::default();
    let Some(text) = find(context.query, "$filter") else {
        return Ok(filter);
    };
    for part in text.split(" and ").map(str::trim) {
        let lower = part.to_ascii_lowercase();
        let quoted = part.split('\'').nth(1);
        if lower == "atscope()" {
            filter.at_scope = true;
        } else if let Some(id) =
            quoted.filter(|_| lower.starts_with("principalid eq '") || lower.starts_with("assignedto('"))
        {
            filter.principal = Some(id.to_owned());
        } else {
            return Err(Refusal::new(
                400,
                "UnsupportedQuery",
                format!("The filter '{text}' is not supported."),
            ));
        }
    }
    Ok(filter)
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.Authorization/roleAssignments/read", &address.scope)?;
    let filter = filter(context)?;
    let found = context
        .state
        .role_assignments
        .values()
        .filter(|assignment| {
            callers::covers(&assignment.scope, &address.scope)
                || (!filter.at_scope && callers::covers(&address.scope, &assignment.scope))
        })
        .filter(|assignment| {
            filter.principal.as_ref().is_none_or(|id| id.eq_ignore_ascii_case(&assignment.principal))
        })
        .map(body)
        .collect();
    context.page(found)
}

fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    const WRITE: &str = "Microsoft.Authorization/roleAssignments/write";
    context.require(WRITE, &address.target())?;
    context.unlocked(&address.scope)?;
    let scope = existing_scope(context, &address.scope)?;
    let name = address.name(0);
    if uuid::Uuid::parse_str(name).is_err() {
        return Err(Refusal::new(
            400,
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."),
        ));
    }
    let sent = context.object()?;
    let properties = &sent["properties"];
    let (Some(principal), Some(definition)) =
        (properties["principalId"].as_str(), properties["roleDefinitionId"].as_str())
    else {
        return Err(Refusal::new(
            400,
            "InvalidCreateRoleAssignmentRequest",
            "The request to create role assignment is not valid: principalId and roleDefinitionId are required.",
        ));
    };
    let Some(role) = roles::find(definition) else {
        return Err(Refusal::new(
            404,
            "RoleDefinitionDoesNotExist",
            format!("The specified role definition with ID '{}' does not exist.", last(definition)),
        ));
    };
    if !callers::may_grant(context.state, context.now, &context.caller.principal, &scope, role.guid) {
        return Err(callers::condition_not_met(context.caller, WRITE, &address.target()));
    }
    context.compliant(&address.target(), &sent)?;
    let same = |assignment: &RoleAssignment| {
        assignment.principal.eq_ignore_ascii_case(principal)
            && assignment.role == role.guid
            && fold(&assignment.scope) == fold(&scope)
    };
    // Names are unique in the tenant.
    let named = context
        .state
        .role_assignments
        .values()
        .find(|assignment| last(&assignment.id).eq_ignore_ascii_case(name));
    if let Some(existing) = named {
        return if same(existing) {
            Ok(Answer::new(200, body(existing)))
        } else {
            Err(Refusal::new(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ))
        };
    }
    if let Some(existing) = context.state.role_assignments.values().find(|assignment| same(assignment)) {
        return Err(Refusal::new(
            409,
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                last(&existing.id).replace('-', "")
            ),
        ));
    }
    let principal_type = known_principal(context, principal, properties["principalType"].as_str())?;
    let extra: Map<String, Json> = properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| {
            matches!(name.as_str(), "description" | "condition" | "conditionVersion") && !value.is_null()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let assignment = RoleAssignment {
        id: format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"),
        scope,
        role: role.guid.to_owned(),
        principal: principal.to_owned(),
        principal_type,
        extra,
        created: context.now,
        created_by: context.caller.principal.clone(),
        in_force_from: context.now + context.role_takes(),
    };
    let answer = body(&assignment);
    context.state.role_assignments.insert(fold(&address.target()), assignment);
    Ok(Answer::new(201, answer))
}

/// The principal's type, when role assignments can find it.
fn known_principal(context: &Context<'_>, id: &str, sent: Option<&str>) -> Result<String, Refusal> {
    let known = context.state.principals.get(&id.to_ascii_lowercase());
    // The service skips the directory for a service principal: a principal that never existed is
    // taken too. Here only one that does is, which finds a client's mistakes earlier.
    let suffices = sent.is_some_and(|kind| kind.eq_ignore_ascii_case("ServicePrincipal"))
        && context.rules.holds(Switch::PrincipalTypeSuffices);
    let Some(principal) = known.filter(|principal| principal.known_from <= context.now || suffices) else {
        return Err(errors::principal_not_found(id, &context.state.tenant));
    };
    match sent {
        Some(kind) if !kind.eq_ignore_ascii_case(&principal.kind) => Err(Refusal::new(
            400,
            "UnmatchedPrincipalType",
            format!(
                "The PrincipalId '{}' has type '{}', which is different from specified PrincipalType \
                 '{kind}'.",
                id.replace('-', ""),
                principal.kind
            ),
        )),
        _ => Ok(principal.kind.clone()),
    }
}

/// The scope in its own spelling, when there is such a thing.
fn existing_scope(context: &Context<'_>, scope: &str) -> Result<String, Refusal> {
    let key = fold(scope);
    let state = &context.state;
    let resource = state
        .apps
        .get(&key)
        .map(|app| &app.id)
        .or_else(|| state.vaults.get(&key).map(|vault| &vault.id))
        .or_else(|| state.registries.get(&key).map(|registry| &registry.id))
        .or_else(|| state.cosmos_accounts.get(&key).map(|account| &account.id))
        .or_else(|| state.storage_accounts.get(&key).map(|account| &account.id))
        .or_else(|| state.jobs.get(&key).map(|job| &job.id))
        .or_else(|| state.service_buses.get(&key).map(|namespace| &namespace.id))
        .or_else(|| state.identities.get(&key).map(|identity| &identity.id))
        .or_else(|| state.environments.get(&key).map(|environment| &environment.id))
        .or_else(|| state.groups.get(&key).map(|group| &group.id));
    if let Some(id) = resource {
        return Ok(id.clone());
    }
    if !resources::is_group(scope) {
        return Ok(scope.to_owned());
    }
    let group: String = scope.split('/').take(5).collect::<Vec<_>>().join("/");
    resources::existing_group(context, &group)?;
    // A resource inside a vault or of a type that the sandbox does not have: its parent counts.
    let vault = state.vaults.values().any(|vault| callers::covers(&vault.id, scope));
    let queue = state.service_buses.values().any(|one| {
        one.queues.keys().any(|name| callers::covers(&format!("{}/queues/{name}", one.id), scope))
    });
    if vault || queue || state.storage_accounts.values().any(|account| account.has_part(&key)) {
        return Ok(scope.to_owned());
    }
    let kind = crate::azure::ids::ResourceId::parse(scope).map(|id| id.resource_type()).unwrap_or_default();
    Err(errors::resource_not_found(&kind, last(scope), last(&group)))
}

fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.Authorization/roleAssignments/delete", &address.target())?;
    context.unlocked(&address.scope)?;
    match context.state.role_assignments.remove(&fold(&address.target())) {
        Some(assignment) => Ok(Answer::new(200, body(&assignment))),
        None => Ok(Answer::empty(204)),
    }
}

fn body(assignment: &RoleAssignment) -> Json {
    let subscription = crate::azure::ids::ResourceId::parse(&assignment.scope)
        .and_then(|id| id.subscription().map(str::to_owned));
    let definitions = subscription.map_or(String::new(), |id| format!("/subscriptions/{id}"));
    let mut properties = json!({
        "roleDefinitionId": format!(
            "{definitions}/providers/Microsoft.Authorization/roleDefinitions/{}",
            assignment.role
        ),
        "principalId": assignment.principal,
        "principalType": assignment.principal_type,
        "scope": assignment.scope,
        "createdOn": stamp(assignment.created),
        "updatedOn": stamp(assignment.created),
        "createdBy": assignment.created_by,
        "updatedBy": assignment.created_by,
    });
    if let Some(members) = properties.as_object_mut() {
        members.extend(assignment.extra.clone());
    }
    json!({
        "id": assignment.id,
        "name": last(&assignment.id),
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": properties,
    })
}

fn definitions(context: &mut Context<'_>, address: &Address) -> Handled {
    let scope = &address.scope;
    context.require("Microsoft.Authorization/roleDefinitions/read", scope)?;
    let subscription = scope.split('/').nth(2).unwrap_or_default().to_owned();
    if address.is_resource() {
        if let Some(role) = context.state.custom_roles.get(address.name(0)) {
            return Ok(Answer::new(200, roles::custom_definition(role, address.name(0), &subscription)));
        }
        let role = roles::find(address.name(0)).ok_or_else(|| {
            Refusal::new(
                404,
                "RoleDefinitionDoesNotExist",
                format!("The specified role definition with ID '{}' does not exist.", address.name(0)),
            )
        })?;
        return Ok(Answer::new(200, role.definition(&subscription)));
    }
    let wanted = match find(context.query, "$filter") {
        None => None,
        Some(text) => {
            let named = text
                .trim()
                .to_ascii_lowercase()
                .starts_with("rolename eq '")
                .then(|| text.split('\'').nth(1))
                .flatten();
            Some(named.ok_or_else(|| {
                Refusal::new(400, "UnsupportedQuery", format!("The filter '{text}' is not supported."))
            })?)
        }
    };
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(name));
    let custom = context
        .state
        .custom_roles
        .iter()
        .filter(|(_, role)| is_wanted(&role.name))
        .map(|(guid, role)| roles::custom_definition(role, guid, &subscription));
    let found = ROLES
        .iter()
        .filter(|role| is_wanted(role.name))
        .map(|role| role.definition(&subscription))
        .chain(custom)
        .collect();
    context.page(found)
}

fn permissions(context: &mut Context<'_>, address: &Address) -> Handled {
    if context.rules.holds(Switch::PermissionsNeedRead) {
        context.require("Microsoft.Authorization/permissions/read", &address.scope)?;
    }
    let found =
        callers::permissions_at(context.state, context.now, &context.caller.principal, &address.scope);
    context.page(found.iter().map(Permission::json).collect())
}

fn deny_assignments(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.Authorization/denyAssignments/read", &address.scope)?;
    let filter = filter(context)?;
    let principals = |list: &[(String, String)]| -> Vec<Json> {
        list.iter().map(|(id, kind)| json!({ "id": id, "type": kind })).collect()
    };
    let found = context
        .state
        .deny_assignments
        .values()
        .filter(|deny| {
            callers::covers(&deny.scope, &address.scope)
                || (!filter.at_scope && callers::covers(&address.scope, &deny.scope))
        })
        .filter(|deny| {
            filter.principal.as_ref().is_none_or(|id| deny.principals.iter().any(|(own, _)| own == id))
        })
        .map(|deny| {
            json!({
                "id": deny.id,
                "name": last(&deny.id),
                "type": "Microsoft.Authorization/denyAssignments",
                "properties": {
                    "denyAssignmentName": deny.name,
                    "description": "",
                    "permissions": [{
                        "actions": deny.actions,
                        "notActions": deny.not_actions,
                        "dataActions": [],
                        "notDataActions": [],
                    }],
                    "scope": deny.scope,
                    "doNotApplyToChildScopes": deny.only_there,
                    "principals": principals(&deny.principals),
                    "excludePrincipals": principals(&deny.excluded),
                    "isSystemProtected": deny.system_protected,
                },
            })
        })
        .collect();
    context.page(found)
}

fn locks(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.Authorization/locks/read", &address.scope)?;
    let at_scope = find(context.query, "$filter").is_some_and(|text| text.trim() == "atScope()");
    let found = context
        .state
        .locks
        .values()
        .filter(|lock| {
            callers::covers(&lock.scope, &address.scope)
                || (!at_scope && callers::covers(&address.scope, &lock.scope))
        })
        .map(|lock| {
            json!({
                "id": lock.id,
                "name": last(&lock.id),
                "type": "Microsoft.Authorization/locks",
                "properties": { "level": lock.level, "notes": lock.notes },
            })
        })
        .collect();
    context.page(found)
}
