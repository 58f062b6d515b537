//! Refusals by roles, locks, deny assignments, policies and the subscription itself, taken apart: each has
//! a code of its own, and Azure's message names what refused.

use super::errors::{ArmError, ArmErrorKind};
use super::{ResourceId, roles};
use crate::diagnostic::{Code, codes, quote};

/// What a refusal comes to.
pub(super) struct Refusal {
    /// The code of the finding.
    pub(super) code: Code,
    /// What refused, in so many words.
    pub(super) note: Option<String>,
    /// The command that mends it, where the message says enough for one.
    pub(super) fix: Option<String>,
}

/// The refusal behind an error, if it is one of these.
pub(super) fn of(error: &ArmError) -> Option<Refusal> {
    if matches!(error.kind(), ArmErrorKind::Credential { .. }) {
        return None;
    }
    let own = error.code().map(|code| (code, error.message().unwrap_or_default()));
    let details =
        error.details().iter().filter_map(|detail| Some((detail.code.as_deref()?, detail.message.as_str())));
    own.into_iter().chain(details).find_map(|(code, message)| by_code(error, code, message))
}

fn by_code(error: &ArmError, code: &str, message: &str) -> Option<Refusal> {
    let is = |known: &str| code.eq_ignore_ascii_case(known);
    if is("DenyAssignmentAuthorizationFailed") {
        return Some(denied(message));
    }
    if is("LinkedAuthorizationFailed") {
        return Some(linked(message));
    }
    if is("AuthorizationFailed") {
        return Some(unauthorized(message));
    }
    if is("ScopeLocked") {
        let fix = quoted_after(message, "are locked: ").map(|scope| lock_advice(&scope));
        return Some(Refusal { code: codes::LOCKED, note: None, fix });
    }
    if is("RequestDisallowedByPolicy") {
        return Some(by_policy(error));
    }
    let code = match code {
        _ if is("RequestDisallowedByAzure") => codes::REGION,
        _ if is("ReadOnlyDisabledSubscription") => codes::SUBSCRIPTION,
        _ => return None,
    };
    Some(Refusal { code, note: None, fix: None })
}

/// `…however, the access is denied because of the deny assignment with name '…' and Id '…' at scope '…'.`
fn denied(message: &str) -> Refusal {
    let name = between(message, "deny assignment with name '", "' and Id '");
    let scope = quoted_after(message, "' at scope ");
    let note = name.map(|name| match &scope {
        Some(scope) => format!("the deny assignment is {name}, at {scope}"),
        None => format!("the deny assignment is {name}"),
    });
    let scope = scope.filter(|scope| ResourceId::parse(scope).is_some());
    Refusal { code: codes::DENIED, note, fix: scope.map(|scope| deny_advice(&scope)) }
}

/// What helps against a deny assignment: no role does. A relative URL goes to the chosen cloud.
pub(crate) fn deny_advice(scope: &str) -> String {
    let url = format!("{scope}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01");
    format!(
        "az rest --method get --url {} shows it; whoever made it (a deployment stack, a managed application) can except the caller",
        quote(&url)
    )
}

/// The message names the lock or, as a rule, what is locked.
fn lock_advice(scope: &str) -> String {
    if scope.to_ascii_lowercase().contains("/providers/microsoft.authorization/locks/") {
        return format!("az lock delete --ids {}, by somebody who may", quote(scope));
    }
    let url = format!("{scope}/providers/Microsoft.Authorization/locks?api-version=2020-05-01");
    format!("az rest --method get --url {} shows it; then az lock delete by somebody who may", quote(&url))
}

/// `…it does not have permission to perform action(s) '…' on the linked scope(s) '…'…`, or, where a deny
/// assignment is behind it, `…and is blocked by deny assignments on the '1' linked scope(s) '…'`
/// (Azure/ARO-RP#423).
fn linked(message: &str) -> Refusal {
    let blocked = message.rsplit_once("blocked by deny assignments").map(|(_, rest)| rest);
    let last_quoted = |text: &str| text.rsplit('\'').nth(1).map(str::to_owned);
    if let Some(scope) = blocked.and_then(last_quoted) {
        let first = scope.split(',').next().unwrap_or(&scope).to_owned();
        let fix = ResourceId::parse(&first).map(|id| deny_advice(id.as_str()));
        return Refusal {
            code: codes::DENIED,
            note: Some(format!("a deny assignment holds for {scope}")),
            fix,
        };
    }
    let does_not = message.split_once("however").map_or(message, |(_, rest)| rest);
    let action =
        quoted_after(does_not, "perform action(s) ").or_else(|| quoted_after(does_not, "perform action "));
    let scope = quoted_after(does_not, "linked scope(s) ");
    Refusal { code: codes::PERMISSION, note: None, fix: role_line(message, action, scope) }
}

/// `The client '…' with object id '…' does not have authorization to perform action '…' over scope '…'…`;
/// `or an ABAC condition not fulfilled` where conditions come into it
/// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
fn unauthorized(message: &str) -> Refusal {
    let action = quoted_after(message, "perform action ");
    let scope = quoted_after(message, "over scope ");
    let gives_roles = action
        .as_deref()
        .is_some_and(|action| action.eq_ignore_ascii_case("Microsoft.Authorization/roleAssignments/write"));
    if gives_roles {
        return Refusal {
            code: codes::PERMISSION,
            note: Some(
                "a right to give roles may hold under a condition, which permissions do not show: only for some roles, or for some principals"
                    .to_owned(),
            ),
            fix: None,
        };
    }
    Refusal { code: codes::PERMISSION, note: None, fix: role_line(message, action, scope) }
}

/// The line that gives the smallest role for an action; none where that would be a role to give roles or
/// one for everything.
fn role_line(message: &str, action: Option<String>, scope: Option<String>) -> Option<String> {
    let (action, scope) = (action?, ResourceId::parse(&scope?)?);
    let who = quoted_after(message, "with object id ").filter(|id| uuid::Uuid::parse_str(id).is_ok())?;
    let [role] = roles::covering(&[&action])[..] else { return None };
    if roles::grants_roles(role.guid) || role.actions.contains(&"*") {
        return None;
    }
    Some(format!(
        "ask an administrator: az role assignment create --assignee-object-id {who} --role {} --scope {}",
        quote(role.name),
        quote(scope.as_str())
    ))
}

fn by_policy(error: &ArmError) -> Refusal {
    let policies = error.policies();
    let note = policies.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let resource = error.request().map(|(_, path)| path.to_owned());
    let fix = policies.iter().find_map(|policy| policy.assignment_id.clone()).zip(resource).map(|(id, resource)| {
        format!(
            "change what the policy forbids, or have its owner make an exemption: az policy exemption create --name acarecipe --policy-assignment {} --exemption-category Waiver --scope {}",
            quote(&id),
            quote(&resource)
        )
    });
    Refusal { code: codes::POLICY, note: Some(note).filter(|note| !note.is_empty()), fix }
}

/// What stands in single quotes right after `words`.
fn quoted_after(text: &str, words: &str) -> Option<String> {
    let (_, rest) = text.split_once(words)?;
    let (found, _) = rest.strip_prefix('\'')?.split_once('\'')?;
    Some(found.to_owned()).filter(|found| !found.is_empty())
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: &str = "The client 'a' with object id '33333333-3333-4333-8333-000000000001' ";

    #[test]
    fn a_deny_assignment_is_named_even_with_quotes_in_its_name() {
        let refusal = denied(&format!(
            "{WHO}has permission to perform action 'Microsoft.App/containerApps/write' on scope '/subscriptions/s'; \
             however, the access is denied because of the deny assignment with name 'Deny assignment 'x' created \
             by Deployment Stack '/subscriptions/s/y'.' and Id '1' at scope '/subscriptions/s/resourceGroups/g'."
        ));
        let note = refusal.note.unwrap();
        assert!(
            note.contains("'x' created by Deployment Stack") && note.ends_with("resourceGroups/g"),
            "{note}"
        );
        assert!(refusal.fix.unwrap().contains("/subscriptions/s/resourceGroups/g/providers"));
        let bare = denied("no");
        assert!(bare.note.is_none() && bare.fix.is_none() && bare.code == codes::DENIED);
    }

    #[test]
    fn what_is_missing_is_read_from_the_message() {
        let identity =
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
        let refusal = linked(&format!(
            "{WHO}has permission to perform action 'Microsoft.App/containerApps/write' on scope '/subscriptions/s'; \
             however, it does not have permission to perform action(s) \
             'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '{identity}' \
             (respectively) or the linked scope(s) are invalid."
        ));
        let fix = refusal.fix.unwrap();
        assert!(fix.contains("'Managed Identity Operator'") && fix.ends_with(identity), "{fix}");
        assert!(fix.contains("--assignee-object-id 33333333-3333-4333-8333-000000000001"), "{fix}");

        let blocked = linked(&format!(
            "{WHO}has permission to perform action 'w' on scope '/s'; however, it does not have permission to \
             perform action 'j' on the '0' linked scope(s) '' or the linked scope(s) are invalid and is blocked \
             by deny assignments on the '2' linked scope(s) '/subscriptions/a,/subscriptions/b'."
        ));
        assert_eq!(blocked.code, codes::DENIED);
        assert!(blocked.note.unwrap().contains("/subscriptions/a,/subscriptions/b"));
        assert!(blocked.fix.unwrap().contains("/subscriptions/a/providers"));
    }

    #[test]
    fn no_message_makes_an_administrator_give_a_role_for_everything() {
        for (action, scope) in [
            ("Microsoft.Unheard/of/write", "/subscriptions/s"),
            ("Microsoft.Authorization/elevateAccess/action", "/subscriptions/s"),
            ("Microsoft.App/containerApps/write", "/"),
            ("Microsoft.App/containerApps/write", "/subscriptions/s; rm -r"),
        ] {
            let message =
                format!("{WHO}does not have authorization to perform action '{action}' over scope '{scope}'");
            let refusal = unauthorized(&message);
            assert!(refusal.fix.is_none(), "{action} {scope}: {:?}", refusal.fix);
            assert_eq!(refusal.code, codes::PERMISSION);
        }
        let anybody = "The client 'a' with object id 'x; y' does not have authorization to perform action \
                       'Microsoft.App/containerApps/write' over scope '/subscriptions/s'";
        assert!(unauthorized(anybody).fix.is_none());
    }
}
