//! What the caller must be allowed to do for the planned writes, and whether it is.
//!
//! The rights of a write are its type's write action and the linked actions of the type table. Those of
//! reading are told by the reads themselves: they have been made. A right is asked for only where a
//! write is planned.

use std::collections::BTreeMap;

use super::administrator::{grant_line, role_lines};
use super::engine::Engine;
use super::finding::{Finding, Status};
use super::{Action, Rollout, Stage, StepPlan, Unreadable, Write};
use crate::azure::builds::PUSH_ACTION;
use crate::azure::types::{self, Consequence, Linked, LinkedOn, LinkedWhen, stands_below};
use crate::azure::{ResourceId, permissions, roles};
use crate::diagnostic::codes;
use crate::facts::{Fact, Facts, Read, Shape};
use crate::recipe::StepKind;
use crate::steps::Grant;
use crate::value::{Segment, Value};

/// What a run needs the caller to be allowed to do at one scope.
#[derive(Clone, Debug)]
pub struct ScopeRights {
    /// The scope; a resource that is not there yet has its group's or parent's.
    pub scope: ResourceId,
    /// The rights.
    pub rights: Vec<Right>,
    /// The smallest built-in roles that hold all of them but the optional ones, or those where there are
    /// no others.
    pub roles: Vec<&'static str>,
    /// The command lines that give what is lacking, for somebody who may; empty: nothing is lacking.
    pub fix: Vec<String>,
}

/// One action, and what it is needed for.
#[derive(Clone, Debug)]
pub struct Right {
    /// The action, in ARM's words.
    pub action: String,
    /// What it is for: `change the container app web`.
    pub why: String,
    /// Whether the caller has it.
    pub standing: Standing,
    /// Whether the run goes on without it.
    pub optional: bool,
    /// The role assignment that it is needed for.
    pub grant: Option<Grant>,
    /// Whether it is one to read, which the read itself has shown to be there or not.
    pub read: bool,
}

/// Whether the caller has a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As far as permissions show: not the conditions of the caller's own roles.
    Held,
    /// It does not.
    Lacking,
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// A right before it is judged.
struct Needed {
    action: String,
    scope: ResourceId,
    why: String,
    optional: bool,
    grant: Option<Grant>,
}

/// Every right that the run needs, by scope, in the order in which it needs them.
pub(super) fn rights(
    engine: &Engine<'_>,
    facts: &Facts,
    steps: &[StepPlan],
    writes: &[Write],
    actions: &BTreeMap<String, Action>,
    unreadable: &[Unreadable],
    rollout: Option<&Rollout>,
) -> Vec<ScopeRights> {
    let mut scopes: Vec<ScopeRights> = Vec::new();
    let stages = rollout.map(|rollout| of_rollout(engine, rollout)).unwrap_or_default();
    for needed in of_writes(engine, steps, writes, actions).into_iter().chain(stages) {
        let standing = judge(engine, &needed);
        let Needed { action, scope, why, optional, grant } = needed;
        add(&mut scopes, scope, Right { action, why, standing, optional, grant, read: false });
    }
    for (read, fact) in facts.iter() {
        if let Some((scope, right)) = of_read(read, fact, unreadable) {
            // A right cannot be given on what may not be there yet.
            let scope = if right.standing == Standing::Lacking && is_made(engine, &scope) {
                scope.parent().unwrap_or(scope)
            } else {
                scope
            };
            add(&mut scopes, scope, right);
        }
    }
    if !engine.asked.missing().is_empty() {
        // Another round of reads follows: what to do about the rights is worked out once, at the end.
        return scopes;
    }
    for scope in &mut scopes {
        let all_optional = scope.rights.iter().all(|right| right.optional);
        let counts = |right: &&Right| all_optional || !right.optional;
        let actions: Vec<&str> =
            scope.rights.iter().filter(counts).map(|right| right.action.as_str()).collect();
        scope.roles = roles::covering(&actions).iter().map(|role| role.name).collect();
        scope.fix = fix(engine, scope);
    }
    scopes
}

fn add(scopes: &mut Vec<ScopeRights>, scope: ResourceId, right: Right) {
    let index = scopes.iter().position(|have| have.scope == scope).unwrap_or_else(|| {
        scopes.push(ScopeRights { scope, rights: Vec::new(), roles: Vec::new(), fix: Vec::new() });
        scopes.len() - 1
    });
    let rights = &mut scopes[index].rights;
    let role = |grant: &Option<Grant>| grant.as_ref().map(|grant| grant.role_guid.clone());
    let same = |have: &&mut Right| {
        have.action.eq_ignore_ascii_case(&right.action) && role(&have.grant) == role(&right.grant)
    };
    match rights.iter_mut().find(same) {
        Some(have) => have.optional &= right.optional,
        None => rights.push(right),
    }
}

/// Where a write's permission is looked up: a resource that is not there yet has its parent's.
pub(super) fn write_scope(engine: &Engine<'_>, write: &Write, steps: &[StepPlan]) -> ResourceId {
    let grant = write.steps.first().and_then(|index| steps[*index].outcome.grant.as_ref());
    match (grant, &write.id) {
        (Some(grant), _) => grant.scope.clone(),
        // An extension of another resource has no roles of its own.
        (None, Some(id)) if types::EXTENSION_ONLY.contains(&write.kind.name) => {
            id.parent().unwrap_or_else(|| id.clone())
        }
        // Azure Resource Manager knows no images: what is done to one is done at its registry.
        (None, Some(id)) if !write.create && write.build(steps).is_none() => id.clone(),
        (None, id) => {
            let above = write.steps.first().and_then(|index| steps[*index].outcome.above.clone());
            let parent = || id.as_ref().and_then(ResourceId::parent);
            above.or_else(parent).unwrap_or_else(|| engine.request.target.group_id())
        }
    }
}

fn of_writes(
    engine: &Engine<'_>,
    steps: &[StepPlan],
    writes: &[Write],
    actions: &BTreeMap<String, Action>,
) -> Vec<Needed> {
    // Where a right on what the run makes can be given.
    let held_on = |target: ResourceId| {
        let creator = writes.iter().find(|other| other.create && other.id.as_ref() == Some(&target));
        creator.map_or(target, |creator| write_scope(engine, creator, steps))
    };
    let mut needed = Vec::new();
    for write in writes {
        let grant = write.steps.first().and_then(|index| steps[*index].outcome.grant.clone());
        let scope = write_scope(engine, write, steps);
        let verb = if write.create { "create" } else { "change" };
        if let Some(removed) = write.removed(steps) {
            needed.push(Needed {
                action: write.kind.delete_action(),
                scope,
                why: format!("remove the {}", removed.what),
                optional: false,
                grant: None,
            });
            continue;
        }
        let why = match (&grant, &write.id) {
            (Some(grant), _) => format!("grant {} on {}", grant.role, grant.scope.name()),
            (None, Some(id)) => match write.build(steps) {
                Some(build) => build.what(),
                None => format!("{verb} the {} {}", write.kind.noun, id.name()),
            },
            (None, None) => format!("create a {}", write.kind.noun),
        };
        if let Some(effect) = write.effect(steps) {
            needed.push(Needed {
                action: effect.right(),
                scope: held_on(effect.resource.clone()),
                why: effect.what(),
                optional: false,
                grant: None,
            });
            continue;
        }
        if let Some(build) = write.build(steps).filter(|build| build.found.is_some()) {
            // Where roles are given for repositories it is a data action, perhaps under a condition, and cannot be
            // seen from here.
            if !build.by_repository {
                let action = PUSH_ACTION.to_owned();
                needed.push(Needed { action, scope, why, optional: false, grant: None });
            }
            continue;
        }
        let action = write.kind.write_action.to_owned();
        needed.push(Needed { action, scope: scope.clone(), why, optional: false, grant });
        for linked in write.kind.linked {
            for target in targets(linked, write, steps, &scope) {
                let noun = types::find(&target.resource_type()).map_or("resource", |kind| kind.noun);
                let words = format!("the {noun} {}", target.name());
                needed.push(Needed {
                    action: linked.action.to_owned(),
                    scope: held_on(target),
                    why: linked.why.replace("{}", &words),
                    optional: linked.when == LinkedWhen::Perhaps,
                    grant: None,
                });
            }
        }
        needed.extend(write.asks.iter().filter_map(|key| actions.get(key)).map(|action| Needed {
            action: action.right(),
            scope: held_on(action.resource.clone()),
            why: action.what(),
            optional: false,
            grant: None,
        }));
    }
    needed
}

/// The rights of a rollout: to shift traffic, which is a write of the app, and to take a revision out of service.
fn of_rollout(engine: &Engine<'_>, rollout: &Rollout) -> Vec<Needed> {
    let app = engine.request.target.app_id();
    let needed = |action: &str, why: String| Needed {
        action: format!("Microsoft.App/containerApps/{action}"),
        scope: app.clone(),
        why,
        optional: false,
        grant: None,
    };
    let mut all = Vec::new();
    if !rollout.stages.is_empty() {
        all.push(needed("write", format!("change the container app {}", app.name())));
    }
    let retires = rollout.stages.iter().any(|stage| matches!(stage, Stage::Retire(_)));
    if retires || (rollout.rolls_back && !rollout.stages.is_empty()) {
        let why = format!("deactivate a revision of the container app {}", app.name());
        all.push(needed("revisions/deactivate/action", why));
    }
    all
}

/// The resources on which a write needs a linked right; none when it does not need it.
fn targets(linked: &Linked, write: &Write, steps: &[StepPlan], scope: &ResourceId) -> Vec<ResourceId> {
    let changed =
        || write.steps.iter().flat_map(|index| &steps[*index].outcome.owned).filter(|o| !o.in_place);
    let concerned = match linked.when {
        LinkedWhen::Changes(above) => changed().any(|owned| stands_below(&owned.path.pattern(), above)),
        LinkedWhen::Resends => write.resends > 0,
        LinkedWhen::Restarts => write.consequences.contains(&Consequence::RestartUsers),
        LinkedWhen::Perhaps => !write.create,
    };
    if !concerned {
        return Vec::new();
    }
    let LinkedWhen::Changes(above) = linked.when else {
        let live = write.steps.first().map(|index| &steps[*index].outcome.live);
        return match linked.on {
            LinkedOn::Live(paths) => paths
                .iter()
                .find_map(|path| live?.text_at(&path.split('.').collect::<Vec<_>>()))
                .and_then(ResourceId::parse)
                .into_iter()
                .collect(),
            _ => vec![scope.clone()],
        };
    };
    let below = changed().filter(|owned| stands_below(&owned.path.pattern(), above));
    match linked.on {
        LinkedOn::Key => below
            .filter_map(|owned| match owned.path.0.last() {
                Some(Segment::Key(key)) => ResourceId::parse(key),
                _ => None,
            })
            .collect(),
        LinkedOn::Value => below.filter_map(|owned| ResourceId::parse(owned.wanted.as_str()?)).collect(),
        LinkedOn::Itself | LinkedOn::Live(_) => vec![scope.clone()],
    }
}

fn judge(engine: &Engine<'_>, needed: &Needed) -> Standing {
    let kind = "Microsoft.Authorization/permissions";
    let read = Read::many(&format!("{}/providers/{kind}", needed.scope), kind, &engine.version(kind));
    match engine.asked.ask(&read) {
        Some(Fact::Found(list)) if allows(list, &needed.action) => Standing::Held,
        Some(Fact::Found(_)) => Standing::Lacking,
        Some(Fact::Refused { message } | Fact::Failed { message, .. }) => Standing::Unknown(message.clone()),
        Some(Fact::Absent { code }) => Standing::Unknown(code.clone()),
        None => Standing::Unknown(String::new()),
    }
}

/// Whether a list of permissions allows an action.
pub(super) fn allows(permissions: &Value, action: &str) -> bool {
    permissions.as_list().unwrap_or_default().iter().any(|element| {
        let patterns = |member: &str| {
            element.get(member).and_then(Value::as_list).unwrap_or_default().iter().filter_map(Value::as_str)
        };
        permissions::allows(patterns("actions"), patterns("notActions"), action)
    })
}

/// The right that a read shows to be there or not. What only checks read, and what ARM lets whoever may
/// see a resource of it read, is left out.
fn of_read(read: &Read, fact: &Fact, unreadable: &[Unreadable]) -> Option<(ResourceId, Right)> {
    let kind = types::find(&read.kind)?;
    let for_checks = ["permissions", "locks", "denyAssignments"];
    if kind.namespace() == "Microsoft.Resources" || for_checks.iter().any(|one| kind.name.ends_with(one)) {
        return None;
    }
    let holder = holder(&read.path)?;
    // What is not there can hold no role.
    let gone = matches!(fact, Fact::Absent { .. }) && read.shape == Shape::One;
    let scope = if gone { holder.parent().unwrap_or(holder) } else { holder };
    let name = read.path.rsplit('/').next().unwrap_or_default();
    let why = match read.shape {
        Shape::One if name == "default" => format!("read the {} of {}", kind.noun, scope.name()),
        Shape::One => format!("read the {} {name}", kind.noun),
        Shape::Many => format!("see each {} of {}", kind.noun, scope.name()),
        Shape::Question => format!("ask the {} {} for {name}", kind.noun, scope.name()),
        Shape::Stored => format!("compare the secrets of the {} {}", kind.noun, scope.name()),
        // A right of the registry's own, and the run goes on without it; one of the write that needs the
        // answer. Files are the caller's own, and an app asks nobody for a right to call it.
        Shape::Manifest
        | Shape::SqlUser
        | Shape::Context
        | Shape::Action
        | Shape::File
        | Shape::Folder
        | Shape::Probe
        | Shape::Dns => return None,
    };
    let (standing, stops) = match fact {
        Fact::Found(_) | Fact::Absent { .. } => (Standing::Held, true),
        Fact::Refused { message } => {
            (Standing::Lacking, unreadable.iter().any(|step| step.message == *message))
        }
        Fact::Failed { message, .. } => (Standing::Unknown(message.clone()), true),
    };
    // Of the environment a run only tells where the app is; without the app there is no run.
    let optional = (!stops && kind.name != "Microsoft.App/containerApps")
        || kind.name == "Microsoft.App/managedEnvironments";
    // What a lookup may not ask is told to the recipe, which says what follows; what is stored and may not be compared
    // is kept, and that is told as well.
    let asks = matches!(read.shape, Shape::Question | Shape::Stored);
    let action = if asks { format!("{}/{name}/action", kind.name) } else { format!("{}/read", kind.name) };
    Some((scope, Right { action, why, standing, optional: optional || asks, grant: None, read: true }))
}

/// Whether a step of the run makes this resource.
fn is_made(engine: &Engine<'_>, id: &ResourceId) -> bool {
    let kind = id.resource_type();
    (0..engine.instances().len()).any(|instance| {
        engine.recipe(instance).steps.iter().any(|step| match &step.kind {
            StepKind::Resource(resource) => {
                resource.kind.kind.eq_ignore_ascii_case(&kind)
                    && engine
                        .frame(instance)
                        .expression(&resource.name)
                        .as_str()
                        .and_then(|name| name.rsplit('/').next())
                        .is_some_and(|name| name.eq_ignore_ascii_case(id.name()))
            }
            _ => false,
        })
    })
}

/// The resource on which a right to read is given: of a child or an extension the resource that it belongs
/// to, of a list the group or subscription that is listed.
fn holder(path: &str) -> Option<ResourceId> {
    let segments: Vec<&str> = path.split('/').collect();
    let end = match segments.iter().position(|segment| segment.eq_ignore_ascii_case("providers")) {
        Some(at) if segments.len() >= at + 4 => at + 4,
        Some(at) => at,
        None => segments.len(),
    };
    ResourceId::parse(&segments.get(..end)?.join("/"))
}

/// The lines that give what is lacking at a scope.
fn fix(engine: &Engine<'_>, scope: &ScopeRights) -> Vec<String> {
    let lacking =
        || scope.rights.iter().filter(|right| right.standing == Standing::Lacking && !right.optional);
    let actions: Vec<&str> =
        lacking().filter(|right| right.grant.is_none()).map(|right| right.action.as_str()).collect();
    let mut lines = role_lines(engine.request.caller, &actions, &scope.scope);
    lines.extend(lacking().filter_map(|right| grant_line(right.grant.as_ref()?)));
    lines
}

/// The findings about rights that writes need.
pub(super) fn findings(engine: &Engine<'_>, scopes: &[ScopeRights]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for scope in scopes {
        for right in scope.rights.iter().filter(|right| !right.read) {
            let name = format!("may {}", right.why);
            let lacks = format!("the caller lacks {} on {}", right.action, scope.scope);
            let finding = match (&right.standing, right.optional) {
                (Standing::Held, true) => continue,
                (Standing::Held, false) => {
                    Finding::passed(codes::PERMISSION, name).detail(right.action.clone())
                }
                (Standing::Lacking, false) => {
                    advised(engine, Finding::failed(codes::PERMISSION, name).detail(lacks), scope, right)
                }
                (Standing::Lacking, true) => {
                    let detail = format!("{lacks}; whether Azure asks for it here is not confirmed");
                    let finding = Finding::new(Status::Warning, codes::PERMISSION, name).detail(detail);
                    advised(engine, finding, scope, right)
                }
                (Standing::Unknown(why), _) => {
                    let finding = Finding::new(Status::CouldNotCheck, codes::PERMISSION, name);
                    if why.is_empty() { finding } else { finding.detail(why.clone()) }
                }
            };
            findings.push(finding);
        }
    }
    findings
}

/// The same finding with the line that an administrator types for this right alone.
fn advised(engine: &Engine<'_>, finding: Finding, scope: &ScopeRights, right: &Right) -> Finding {
    let lines = match &right.grant {
        Some(grant) => match grant_line(grant) {
            Some(line) => vec![line],
            None => {
                return finding.fix(
                    "acarecipe apply managed-identity first (it needs no role right); then run this again for the line an administrator types",
                );
            }
        },
        None => role_lines(engine.request.caller, &[&right.action], &scope.scope),
    };
    finding.fix(format!("ask an administrator: {}", lines.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn not_actions_take_away_only_from_their_own_element() {
        let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
        let admin = json!({"actions": ["Microsoft.Authorization/roleAssignments/write"], "notActions": []});
        let allows = |list: serde_json::Value, action| allows(&Value::from(list), action);
        let action = "Microsoft.Authorization/roleAssignments/write";
        assert!(!allows(json!([contributor]), action));
        assert!(allows(json!([contributor, admin]), action));
        assert!(allows(json!([contributor]), "Microsoft.App/containerApps/write"));
        assert!(!allows(json!([]), action) && !allows(json!([{}]), action) && !allows(json!(null), action));
    }

    #[test]
    fn a_right_to_read_is_given_on_the_resource_that_things_belong_to() {
        let group = "/subscriptions/s/resourceGroups/g";
        let app = format!("{group}/providers/Microsoft.App/containerApps/web");
        for (path, scope) in [
            (app.clone(), app.as_str()),
            (format!("{app}/revisions/web--1"), &app),
            (format!("{app}/providers/Microsoft.ManagedIdentity/identities/default"), &app),
            (format!("{app}/providers/Microsoft.Authorization/roleAssignments"), &app),
            (format!("{group}/providers/Microsoft.KeyVault/vaults"), group),
            ("/subscriptions/s/providers/Microsoft.KeyVault/vaults".to_owned(), "/subscriptions/s"),
            (group.to_owned(), group),
        ] {
            assert_eq!(holder(&path).unwrap().as_str(), scope, "{path}");
        }
    }
}
