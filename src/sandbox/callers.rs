//! Who is asking, and what the role assignments in the store let them do.

use time::OffsetDateTime;

use super::errors::Refusal;
use super::http::Request;
use super::roles::{self, Permission, Role};
use super::state::{Caller, DenyAssignment, RoleAssignment, State, fold};

/// The part of a bearer token before the caller's name.
pub const TOKEN_PREFIX: &str = "sandbox-";

/// The address that the sandbox's callers come from, of a range for documentation (RFC 5737).
pub(super) const CALLERS_ADDRESS: &str = "203.0.113.7";

/// The caller of a request: the name, or the 401 for a token that is missing or unknown.
pub(super) fn authenticate(state: &State, request: &Request) -> Result<(String, Caller), Refusal> {
    let header =
        request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
    let Some(header) = header else {
        return Err(challenge(
            state,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        ));
    };
    header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| token.trim().strip_prefix(TOKEN_PREFIX))
        .and_then(|name| state.callers.get_key_value(name))
        .map(|(name, caller)| (name.clone(), caller.clone()))
        .ok_or_else(|| challenge(state, "InvalidAuthenticationToken", "The access token is invalid."))
}

fn challenge(state: &State, code: &str, message: &str) -> Refusal {
    let mut refusal = Refusal::new(401, code, message);
    refusal.headers.push((
        "www-authenticate".to_owned(),
        format!(
            "Bearer authorization_uri=\"https://login.microsoftonline.com/{}\", error=\"invalid_token\", \
             error_description=\"{message}\"",
            state.tenant
        ),
    ));
    refusal
}

/// The assignments that `principal` has at `scope`: made there or above, and in force at `now`.
fn assignments_at<'s>(
    state: &'s State,
    now: OffsetDateTime,
    principal: &'s str,
    scope: &'s str,
) -> impl Iterator<Item = &'s RoleAssignment> {
    state.role_assignments.values().filter(move |assignment| {
        assignment.principal.eq_ignore_ascii_case(principal)
            && assignment.in_force_from <= now
            && covers(&assignment.scope, scope)
    })
}

/// The built-in roles that `principal` holds at `scope`.
pub(super) fn roles_at(
    state: &State,
    now: OffsetDateTime,
    principal: &str,
    scope: &str,
) -> Vec<&'static Role> {
    assignments_at(state, now, principal, scope)
        .filter_map(|assignment| roles::find(&assignment.role))
        .collect()
}

/// What the roles that `principal` holds at `scope` allow, an element a role. Of a condition on an
/// assignment nothing shows.
pub(super) fn permissions_at(
    state: &State,
    now: OffsetDateTime,
    principal: &str,
    scope: &str,
) -> Vec<Permission> {
    let mut found: Vec<Permission> = Vec::new();
    for assignment in assignments_at(state, now, principal, scope) {
        if let Some(permission) = permission_of(state, assignment)
            && !found.contains(&permission)
        {
            found.push(permission);
        }
    }
    found
}

fn permission_of(state: &State, assignment: &RoleAssignment) -> Option<Permission> {
    roles::find(&assignment.role)
        .map(Role::permission)
        .or_else(|| state.custom_roles.get(&assignment.role).map(Permission::of_custom))
}

/// Whether `principal` may give `role` at `scope`: by an assignment without a condition, or one whose
/// condition names the role's GUID. Other conditions than on the role are not played.
pub(super) fn may_grant(
    state: &State,
    now: OffsetDateTime,
    principal: &str,
    scope: &str,
    role: &str,
) -> bool {
    assignments_at(state, now, principal, scope).any(|assignment| {
        let condition = assignment.extra.get("condition").and_then(serde_json::Value::as_str);
        permission_of(state, assignment)
            .is_some_and(|one| one.allows("Microsoft.Authorization/roleAssignments/write"))
            && condition.is_none_or(|text| text.to_ascii_lowercase().contains(&role.to_ascii_lowercase()))
    })
}

/// The deny assignment that forbids `principal` to do `action` at `scope`.
pub(super) fn denying<'s>(
    state: &'s State,
    principal: &str,
    action: &str,
    scope: &str,
) -> Option<&'s DenyAssignment> {
    let everybody = uuid::Uuid::nil().to_string();
    let names = |list: &[(String, String)]| {
        list.iter().any(|(id, _)| {
            let member =
                state.members.get(id).is_some_and(|members| members.iter().any(|one| one == principal));
            *id == everybody || id.eq_ignore_ascii_case(principal) || member
        })
    };
    state.deny_assignments.values().find(|deny| {
        let reaches =
            if deny.only_there { fold(&deny.scope) == fold(scope) } else { covers(&deny.scope, scope) };
        reaches
            && roles::allows(&deny.actions, &deny.not_actions, action)
            && names(&deny.principals)
            && !names(&deny.excluded)
    })
}

/// Whether `scope` is `outer` or lies below it. `/` covers everything.
pub(super) fn covers(outer: &str, scope: &str) -> bool {
    let (outer, scope) = (fold(outer), fold(scope));
    outer.is_empty() || scope == outer || scope.strip_prefix(&outer).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `principal` may do `action` at `scope`.
pub(super) fn allowed(
    state: &State,
    now: OffsetDateTime,
    principal: &str,
    action: &str,
    scope: &str,
) -> bool {
    permissions_at(state, now, principal, scope).iter().any(|permission| permission.allows(action))
}

/// 403 for an action that is not allowed.
pub(super) fn denied(caller: &Caller, action: &str, scope: &str) -> Refusal {
    Refusal::new(
        403,
        "AuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' \
             over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh \
             your credentials.",
            caller.display, caller.principal
        ),
    )
}

/// 403 for a role that may be given only under a condition, in the words of Microsoft Learn, Azure RBAC
/// troubleshooting.
pub(super) fn condition_not_met(caller: &Caller, action: &str, scope: &str) -> Refusal {
    Refusal::new(
        403,
        "AuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' does not have authorization or an ABAC condition not \
             fulfilled to perform action '{action}' over scope '{scope}' or the scope is invalid. If access \
             was recently granted, please refresh your credentials.",
            caller.display, caller.principal
        ),
    )
}

/// 403 for an action that a deny assignment forbids.
pub(super) fn forbidden(caller: &Caller, action: &str, scope: &str, deny: &DenyAssignment) -> Refusal {
    Refusal::new(
        403,
        "DenyAssignmentAuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' has permission to perform action '{action}' on scope \
             '{scope}'; however, the access is denied because of the deny assignment with name '{}' and Id \
             '{}' at scope '{}'.",
            caller.display,
            caller.principal,
            deny.name,
            super::state::last(&deny.id).replace('-', ""),
            deny.scope
        ),
    )
}

/// 403 for an action that a write needs on another resource, where a deny assignment forbids it.
pub(super) fn linked_forbidden(
    caller: &Caller,
    action: &str,
    scope: &str,
    linked_action: &str,
    linked_scope: &str,
) -> Refusal {
    Refusal::new(
        403,
        "LinkedAuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' has permission to perform action '{action}' on scope \
             '{scope}'; however, it does not have permission to perform action '{linked_action}' on the '0' \
             linked scope(s) '' or the linked scope(s) are invalid and is blocked by deny assignments on the \
             '1' linked scope(s) '{linked_scope}'.",
            caller.display, caller.principal
        ),
    )
}

/// 403 for an action that a write needs on another resource.
pub(super) fn linked_denied(
    caller: &Caller,
    action: &str,
    scope: &str,
    linked_action: &str,
    linked_scope: &str,
) -> Refusal {
    Refusal::new(
        403,
        "LinkedAuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' has permission to perform action '{action}' on scope \
             '{scope}'; however, it does not have permission to perform action(s) '{linked_action}' on the \
             linked scope(s) '{linked_scope}' (respectively) or the linked scope(s) are invalid.",
            caller.display, caller.principal
        ),
    )
}
