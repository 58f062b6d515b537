//! What the caller must be allowed to do for the planned writes, and whether it is.
//!
//! An action is allowed when some element of `permissions.value[]` matches it in `actions` and not in
//! its own `notActions`. A right is asked for only where a write is planned.

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::{StepPlan, Write, quote};
use crate::azure::ResourceId;
use crate::azure::types::Consequence;
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::steps::Grant;
use crate::value::Value;

/// One action on one scope, and what it is needed for.
#[derive(Clone, Debug, PartialEq)]
struct Right<'p> {
    action: &'static str,
    scope: ResourceId,
    why: String,
    grant: Option<&'p Grant>,
}

/// The findings about rights and locks.
pub(super) fn findings(engine: &Engine<'_>, steps: &[StepPlan], writes: &[Write]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for right in needed(engine, steps, writes) {
        findings.push(judge(engine, &right));
    }
    for write in writes {
        let scope = write_scope(engine, write, steps);
        findings.extend(lock(engine, &scope));
    }
    findings
}

/// Where a write's permission is looked up: a resource that is not there yet has its group's.
fn write_scope(engine: &Engine<'_>, write: &Write, steps: &[StepPlan]) -> ResourceId {
    let grant = write.steps.first().and_then(|index| steps[*index].outcome.grant.as_ref());
    match (grant, &write.id) {
        (Some(grant), _) => grant.scope.clone(),
        (None, Some(id)) if write.create => id.parent().unwrap_or_else(|| engine.request.target.group_id()),
        (None, Some(id)) => id.clone(),
        (None, None) => engine.request.target.group_id(),
    }
}

fn needed<'p>(engine: &Engine<'_>, steps: &'p [StepPlan], writes: &[Write]) -> Vec<Right<'p>> {
    let mut rights: Vec<Right<'p>> = Vec::new();
    let mut add = |right: Right<'p>| {
        let known = rights.iter().any(|have| {
            have.action == right.action
                && have.scope == right.scope
                && have.grant.map(|grant| &grant.role_guid) == right.grant.map(|grant| &grant.role_guid)
        });
        if !known {
            rights.push(right);
        }
    };
    for write in writes {
        let grant = write.steps.first().and_then(|index| steps[*index].outcome.grant.as_ref());
        let scope = write_scope(engine, write, steps);
        let why = match (grant, &write.id) {
            (Some(grant), _) => format!("grant {} on {}", grant.role, grant.scope.name()),
            (None, Some(id)) => {
                format!(
                    "{} the {} {}",
                    if write.create { "create" } else { "change" },
                    write.kind.noun,
                    id.name()
                )
            }
            (None, None) => format!("create a {}", write.kind.noun),
        };
        add(Right { action: write.kind.write_action, scope: scope.clone(), why, grant });
        // An identity that enters the app: a linked action on the identity itself.
        for index in &write.steps {
            for owned in steps[*index].outcome.owned.iter().filter(|owned| !owned.in_place) {
                if owned.path.pattern().starts_with("identity.userAssignedIdentities.")
                    && let Some(crate::value::Segment::Key(id)) = owned.path.0.last()
                    && let Some(identity) = ResourceId::parse(id)
                {
                    let created =
                        writes.iter().any(|other| other.create && other.id.as_ref() == Some(&identity));
                    let scope = if created {
                        identity.parent().unwrap_or_else(|| identity.clone())
                    } else {
                        identity.clone()
                    };
                    add(Right {
                        action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                        why: format!("assign the identity {} to the app", identity.name()),
                        scope,
                        grant: None,
                    });
                }
            }
        }
        if write.resends > 0 {
            add(Right {
                action: "Microsoft.App/containerApps/listSecrets/action",
                scope: scope.clone(),
                why: "send the app's other secrets back unchanged".to_owned(),
                grant: None,
            });
        }
        if write.consequences.contains(&Consequence::RestartUsers) {
            add(Right {
                action: "Microsoft.App/containerApps/revisions/restart/action",
                scope,
                why: "restart the revisions that use a changed secret".to_owned(),
                grant: None,
            });
        }
    }
    rights
}

fn permissions_read(engine: &Engine<'_>, scope: &ResourceId) -> Read {
    let kind = "Microsoft.Authorization/permissions";
    Read::many(&format!("{scope}/providers/{kind}"), kind, &engine.version(kind))
}

fn judge(engine: &Engine<'_>, right: &Right<'_>) -> Finding {
    let name = format!("may {}", right.why);
    match engine.asked.ask(&permissions_read(engine, &right.scope)) {
        Some(Fact::Found(list)) if allows(list, right.action) => {
            Finding::passed(codes::PERMISSION, name).detail(right.action)
        }
        Some(Fact::Found(_)) => {
            let finding = Finding::failed(codes::PERMISSION, name)
                .detail(format!("the caller lacks {} on {}", right.action, right.scope));
            match right.grant {
                Some(grant) => role_advice(finding, grant),
                None => finding.fix(format!(
                    "ask an administrator: az role assignment create --assignee <you> --role {} --scope {}",
                    quote(covering_role(right.action)),
                    quote(right.scope.as_str())
                )),
            }
        }
        Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
            Finding::new(Status::CouldNotCheck, codes::PERMISSION, name).detail(message.clone())
        }
        Some(Fact::Absent { code }) => {
            Finding::new(Status::CouldNotCheck, codes::PERMISSION, name).detail(code.clone())
        }
        None => Finding::new(Status::CouldNotCheck, codes::PERMISSION, name),
    }
}

/// What an administrator types when only the right to give roles is missing.
fn role_advice(finding: Finding, grant: &Grant) -> Finding {
    match grant.principal.as_str() {
        Some(principal) => finding.fix(format!(
            "ask an administrator: az role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal --role {} --scope {}",
            quote(principal),
            quote(&grant.role),
            quote(grant.scope.as_str())
        )),
        None => finding.fix(
            "acarecipe apply managed-identity first (it needs no role right); then run this again for the line an administrator types",
        ),
    }
}

/// The smallest built-in role that is known to hold an action.
pub fn covering_role(action: &str) -> &'static str {
    if action.starts_with("Microsoft.ManagedIdentity/userAssignedIdentities/assign") {
        "Managed Identity Operator"
    } else if action.starts_with("Microsoft.ManagedIdentity/") {
        "Managed Identity Contributor"
    } else if action.starts_with("Microsoft.Authorization/") {
        "Role Based Access Control Administrator"
    } else if action.starts_with("Microsoft.App/containerApps/") {
        "Container Apps Contributor"
    } else {
        "Contributor"
    }
}

/// Whether a list of permissions allows an action.
pub(super) fn allows(permissions: &Value, action: &str) -> bool {
    let holds = |element: &Value, member: &str| {
        element
            .get(member)
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .any(|pattern| wildcard(pattern, action))
    };
    permissions
        .as_list()
        .unwrap_or_default()
        .iter()
        .any(|element| holds(element, "actions") && !holds(element, "notActions"))
}

/// ARM's wildcard: `*` stands for any text, slashes included; case does not matter. Managed Identity
/// Operator's `userAssignedIdentities/*/assign/action` allows `userAssignedIdentities/assign/action`
/// (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/identity>), so `/*/`
/// may also stand for a single slash.
fn wildcard(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    matches(&pattern, &action) || (pattern.contains("/*/") && matches(&pattern.replace("/*/", "/"), &action))
}

fn matches(pattern: &str, action: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = action.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The read-only lock that would refuse a write on `scope`. Whether the list of a resource holds the
/// locks of its group is not stated, so both are asked for; each lock's own id says what it covers.
fn lock(engine: &Engine<'_>, scope: &ResourceId) -> Option<Finding> {
    let group = scope
        .subscription()
        .zip(scope.resource_group())
        .map(|(subscription, group)| ResourceId::group(subscription, group))
        .filter(|group| group != scope);
    let mut refused = None;
    for asked in std::iter::once(scope).chain(group.as_ref()) {
        let kind = "Microsoft.Authorization/locks";
        let read = Read::many(&format!("{asked}/providers/{kind}"), kind, &engine.version(kind));
        match engine.asked.ask(&read) {
            Some(Fact::Found(list)) => {
                let found = list.as_list().unwrap_or_default().iter().find(|lock| covers(lock, scope));
                if let Some(lock) = found {
                    return Some(locked(lock, scope));
                }
            }
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => refused = Some(message.clone()),
            Some(Fact::Absent { .. }) | None => {}
        }
    }
    refused.map(|message| {
        Finding::new(Status::CouldNotCheck, codes::LOCKED, format!("{} is not locked", scope.name()))
            .detail(message)
    })
}

fn covers(lock: &Value, scope: &ResourceId) -> bool {
    let holder = lock.text_at(&["id"]).and_then(|id| {
        let at = id.to_ascii_lowercase().find("/providers/microsoft.authorization/locks")?;
        ResourceId::parse(id.get(..at)?)
    });
    lock.text_at(&["properties", "level"]).is_some_and(|level| level.eq_ignore_ascii_case("ReadOnly"))
        && holder.is_none_or(|holder| scope.within(&holder))
}

fn locked(lock: &Value, scope: &ResourceId) -> Finding {
    let name = lock.text_at(&["name"]).unwrap_or("a lock");
    let id = lock.text_at(&["id"]).unwrap_or_default();
    Finding::failed(codes::LOCKED, format!("{} is not locked", scope.name()))
        .detail(format!("the read-only lock {name} refuses every write"))
        .fix(format!("az lock delete --ids {}", quote(id)))
        .docs("https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: serde_json::Value) -> Value {
        Value::from(json)
    }

    #[test]
    fn not_actions_take_away_only_from_their_own_element() {
        let contributor =
            serde_json::json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
        let admin = serde_json::json!({"actions": ["Microsoft.Authorization/roleAssignments/write"], "notActions": []});
        let action = "Microsoft.Authorization/roleAssignments/write";
        assert!(!allows(&list(serde_json::json!([contributor])), action));
        assert!(allows(&list(serde_json::json!([contributor, admin])), action));
        assert!(allows(&list(serde_json::json!([contributor])), "Microsoft.App/containerApps/write"));
    }

    #[test]
    fn wildcards_cover_slashes_and_case() {
        assert!(wildcard("*/read", "Microsoft.App/containerApps/read"));
        assert!(!wildcard("*/read", "Microsoft.App/containerApps/write"));
        assert!(wildcard("microsoft.app/*", "Microsoft.App/containerApps/write"));
        assert!(wildcard(
            "Microsoft.App/*/restart/action",
            "Microsoft.App/containerApps/revisions/restart/action"
        ));
        assert!(!wildcard("Microsoft.App/containerApps/write", "Microsoft.App/containerApps/writes"));
    }
}
