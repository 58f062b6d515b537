//! Deny assignments that forbid a planned write, whatever roles the caller has
//! (<https://learn.microsoft.com/azure/role-based-access-control/deny-assignments>).

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::rights::{Right, ScopeRights};
use crate::azure::{Caller, ResourceId, deny_advice, permissions};
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::steps::scope_covers;
use crate::value::Value;

/// The principal that stands for everybody.
const EVERYBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Whether a deny assignment is meant for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Yes,
    /// It names groups, and whose members are in them is not known; or the caller is not known.
    Perhaps,
    No,
}

/// What is found about the scopes that are written to. One read a scope: `atScope()` gives what stands at
/// or above it, so none for a scope above another one that is read.
pub(super) fn findings(engine: &Engine<'_>, written: &[ResourceId], rights: &[ScopeRights]) -> Vec<Finding> {
    let mut lowest: Vec<&ResourceId> = Vec::new();
    for scope in written {
        let above_another = written.iter().any(|other| other != scope && other.within(scope));
        if !above_another && !lowest.contains(&scope) {
            lowest.push(scope);
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    for scope in lowest {
        let kind = "Microsoft.Authorization/denyAssignments";
        let read = Read::many(&format!("{scope}/providers/{kind}"), kind, &engine.version(kind))
            .with("$filter", "atScope()");
        match engine.asked.ask(&read) {
            Some(Fact::Found(list)) => {
                for deny in list.as_list().unwrap_or_default() {
                    let concerned = rights.iter().filter(|other| scope.within(&other.scope));
                    let found = concerned.filter_map(|rights| judge(engine.request.caller, deny, rights));
                    for finding in found {
                        if !findings
                            .iter()
                            .any(|have| have.name == finding.name && have.detail == finding.detail)
                        {
                            findings.push(finding);
                        }
                    }
                }
            }
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => findings.push(
                Finding::new(
                    Status::CouldNotCheck,
                    codes::DENIED,
                    format!("no deny assignment forbids writing to {}", scope.name()),
                )
                .detail(message.clone()),
            ),
            Some(Fact::Absent { .. }) | None => {}
        }
    }
    findings
}

fn judge(caller: Option<&Caller>, deny: &Value, rights: &ScopeRights) -> Option<Finding> {
    if !reaches(deny, &rights.scope) {
        return None;
    }
    let forbidden = rights.rights.iter().find(|right| forbids(deny, right))?;
    let meant = meant_for(caller, deny);
    if meant == Meant::No {
        return None;
    }
    let name = deny
        .text_at(&["properties", "denyAssignmentName"])
        .or_else(|| deny.text_at(&["name"]))
        .unwrap_or("without a name");
    let at = deny.text_at(&["properties", "scope"]).unwrap_or("a scope above");
    let protected = match deny.at(&["properties", "isSystemProtected"]).and_then(Value::truthy) {
        Some(true) => "; Azure protects with it what a managed application or a service has made",
        _ => "",
    };
    let told = format!("the deny assignment {name} at {at} forbids {}{protected}", forbidden.action);
    let (status, told) = match meant {
        Meant::Yes if conditional(deny) => (
            Status::Warning,
            format!("{told}, but under a condition; whether that holds here cannot be told"),
        ),
        Meant::Yes => (Status::Failed, told),
        _ => (Status::Warning, format!("{told}; whether it is meant for the caller cannot be told")),
    };
    Some(
        Finding::new(status, codes::DENIED, format!("no deny assignment forbids to {}", forbidden.why))
            .detail(told)
            .fix(deny_advice(at))
            .docs("https://learn.microsoft.com/azure/role-based-access-control/deny-assignments"),
    )
}

/// Whether it holds at `scope`: assigned there, or above and for what is below too.
fn reaches(deny: &Value, scope: &ResourceId) -> bool {
    let Some(at) = deny.text_at(&["properties", "scope"]) else {
        // Azure listed it as standing at or above.
        return true;
    };
    let only_there =
        deny.at(&["properties", "doNotApplyToChildScopes"]).and_then(Value::truthy) == Some(true);
    if only_there { at.eq_ignore_ascii_case(scope.as_str()) } else { scope_covers(at, scope) }
}

fn forbids(deny: &Value, right: &Right) -> bool {
    let elements = deny.at(&["properties", "permissions"]).and_then(Value::as_list).unwrap_or_default();
    !right.optional
        && elements.iter().any(|element| {
            let patterns = |member: &str| {
                let list = element.get(member).and_then(Value::as_list).unwrap_or_default();
                list.iter().filter_map(Value::as_str)
            };
            permissions::allows(patterns("actions"), patterns("notActions"), &right.action)
        })
}

/// Whether it, or a part of it, holds only under a condition: those are about data and attributes that only
/// Azure sees (properties `condition` of the assignment and of its permissions,
/// <https://learn.microsoft.com/rest/api/authorization/deny-assignments/list-for-scope>).
fn conditional(deny: &Value) -> bool {
    let elements = deny.at(&["properties", "permissions"]).and_then(Value::as_list).unwrap_or_default();
    let given = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    given(deny.text_at(&["properties", "condition"]))
        || elements.iter().any(|element| given(element.text_at(&["condition"])))
}

fn meant_for(caller: Option<&Caller>, deny: &Value) -> Meant {
    let own = caller.and_then(|caller| caller.object_id.as_deref());
    let names = |member: &str| {
        let list = deny.at(&["properties", member]).and_then(Value::as_list).unwrap_or_default();
        let is = |id: &str| {
            list.iter().any(|one| one.text_at(&["id"]).is_some_and(|have| have.eq_ignore_ascii_case(id)))
        };
        let group = |one: &Value| {
            one.text_at(&["type"]).is_none_or(|kind| kind.to_ascii_lowercase().contains("group"))
        };
        let perhaps = |one: &Value| {
            let everybody = one.text_at(&["id"]) == Some(EVERYBODY);
            !everybody && (group(one) || own.is_none())
        };
        match own {
            Some(own) if is(own) => Meant::Yes,
            _ if is(EVERYBODY) => Meant::Yes,
            _ if list.iter().any(perhaps) => Meant::Perhaps,
            _ => Meant::No,
        }
    };
    match (names("principals"), names("excludePrincipals")) {
        (Meant::No, _) | (_, Meant::Yes) => Meant::No,
        (Meant::Yes, Meant::No) => Meant::Yes,
        _ => Meant::Perhaps,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::azure::whoami::CallerKind;
    use crate::plan::rights::Standing;

    #[test]
    fn principals_groups_and_exceptions() {
        let caller = |id: Option<&str>| Caller {
            kind: CallerKind::User,
            name: "ada".to_owned(),
            object_id: id.map(str::to_owned),
            tenant_id: None,
        };
        let all = json!([{"id": EVERYBODY, "type": "SystemDefined"}]);
        let user = |id: &str| json!([{"id": id, "type": "User"}]);
        let group = json!([{"id": "g", "type": "Group"}]);
        let none = json!([]);
        for (own, principals, excluded, expected) in [
            (Some("o"), &all, &none, Meant::Yes),
            (None, &all, &none, Meant::Yes),
            (Some("o"), &all, &user("O"), Meant::No),
            (Some("o"), &all, &user("other"), Meant::Yes),
            (None, &all, &user("other"), Meant::Perhaps),
            (Some("o"), &all, &group, Meant::Perhaps),
            (Some("o"), &user("o"), &none, Meant::Yes),
            (Some("o"), &user("other"), &none, Meant::No),
            (None, &user("other"), &none, Meant::Perhaps),
            (Some("o"), &group, &none, Meant::Perhaps),
            (Some("o"), &group, &user("o"), Meant::No),
            (Some("o"), &none, &none, Meant::No),
        ] {
            let deny =
                Value::from(json!({"properties": {"principals": principals, "excludePrincipals": excluded}}));
            let found = meant_for(Some(&caller(own)), &deny);
            assert_eq!(found, expected, "{own:?} {principals} {excluded}");
        }
    }

    #[test]
    fn under_a_condition_it_stops_nobody() {
        let app = ResourceId::group("s", "g").provider("Microsoft.App/containerApps", "web");
        let right = Right {
            action: "Microsoft.App/containerApps/write".to_owned(),
            why: "change the app".to_owned(),
            optional: false,
            standing: Standing::Held,
            grant: None,
            read: false,
        };
        let rights = ScopeRights { scope: app, rights: vec![right], roles: Vec::new(), fix: Vec::new() };
        let deny = |own: &str, part: &str| {
            Value::from(json!({"properties": {
                "principals": [{"id": EVERYBODY, "type": "SystemDefined"}],
                "condition": own,
                "permissions": [{"actions": ["*"], "notActions": [], "condition": part}],
            }}))
        };
        let status = |deny: &Value| judge(None, deny, &rights).map(|finding| finding.status);
        assert_eq!(status(&deny("", "")), Some(Status::Failed));
        assert_eq!(status(&deny("@Resource[…] StringEquals 'x'", "")), Some(Status::Warning));
        assert_eq!(status(&deny("", "@Resource[…] StringEquals 'x'")), Some(Status::Warning));
    }

    #[test]
    fn a_deny_reaches_down_unless_it_says_otherwise() {
        let group = ResourceId::group("s", "g");
        let app = group.provider("Microsoft.App/containerApps", "web");
        let deny = |scope: &str, only: bool| {
            Value::from(json!({"properties": {"scope": scope, "doNotApplyToChildScopes": only}}))
        };
        assert!(reaches(&deny("/subscriptions/S/resourcegroups/G", false), &app));
        assert!(!reaches(&deny("/subscriptions/S/resourcegroups/G", true), &app));
        assert!(reaches(&deny("/subscriptions/S/resourcegroups/G", true), &group));
        assert!(!reaches(&deny(app.as_str(), false), &group));
        assert!(reaches(&deny("/", false), &app));
    }
}
