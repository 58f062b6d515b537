//! Who is asking, and what the role assignments in the store let them do.

use time::OffsetDateTime;

use super::errors::Refusal;
use super::http::Request;
use super::roles::{self, Role};
use super::state::{Caller, State, fold};

/// The part of a bearer token before the caller's name.
pub const TOKEN_PREFIX: &str = "sandbox-";

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

/// The roles that `principal` holds at `scope`: assigned there or above, and in force at `now`.
pub(super) fn roles_at(
    state: &State,
    now: OffsetDateTime,
    principal: &str,
    scope: &str,
) -> Vec<&'static Role> {
    state
        .role_assignments
        .values()
        .filter(|assignment| {
            assignment.principal.eq_ignore_ascii_case(principal)
                && assignment.in_force_from <= now
                && covers(&assignment.scope, scope)
        })
        .filter_map(|assignment| roles::find(&assignment.role))
        .collect()
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
    roles_at(state, now, principal, scope).iter().any(|role| role.allows(action))
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
