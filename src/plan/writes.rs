//! From the changes of all steps to the writes of a plan: which go together, what each sends, what
//! follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::delivery::Delivery;
use super::engine::Engine;
use super::resources::{Needs, fold};
use super::schedule::{Group, Node, schedule};
use super::{Action, Request, ResourcePlan, Settle, StepPlan, Write, putting_back, removing, stored};
use crate::azure::ResourceId;
use crate::azure::types::{Consequence, ResourceType, Update};
use crate::diagnostic::{Diagnostic, codes};
use crate::merge::{self, Owned, Sending};
use crate::steps::Outcome;
use crate::value::{Data, Origin, Path, Segment, Value};

/// The writes, in an order that can be executed.
pub(super) fn writes(
    engine: &Engine<'_>,
    steps: &[StepPlan],
    resources: &[ResourcePlan],
    actions: &BTreeMap<String, Action>,
    delivery: &Delivery,
) -> Vec<Write> {
    let pending: Vec<usize> = (0..steps.len()).filter(|index| steps[*index].outcome.pending()).collect();
    let mut nodes: Vec<Node> = pending
        .iter()
        .map(|index| Node {
            key: steps[*index].key.clone(),
            resource: written_to(&steps[*index]),
            // What is gone needs nobody else's look.
            by_others: steps[*index].outcome.kind.by_others && steps[*index].outcome.removed.is_none(),
            waits: waits(&steps[*index].outcome),
        })
        .collect();
    let needs = all_needs(engine);
    // An action is asked of a resource that must be there by then.
    let asks = |user: &StepPlan, creator: &StepPlan| {
        let made = creator.outcome.resource.as_ref().filter(|_| creator.outcome.creates());
        needs.get(&user.key).into_iter().flatten().filter_map(|key| actions.get(key)).any(|action| {
            creator.outcome.grant.is_none() && made.is_some_and(|made| action.resource.within(made))
        })
    };
    let mut edges = Vec::new();
    for (to, index) in pending.iter().enumerate() {
        for (from, other) in pending.iter().enumerate() {
            let needs_it = |user: &StepPlan, other: &StepPlan| {
                needs.get(&user.key).is_some_and(|needs| needs.contains(&other.key))
            };
            let (user, writer) = (&steps[*index], &steps[*other]);
            let before = needs_it(user, writer)
                || uses_written(&user.outcome, &writer.outcome)
                || asks(user, writer)
                || (removing::goes_first(&writer.outcome, &user.outcome) && !needs_it(writer, user))
                || (acts_on(&user.outcome, &writer.outcome) && !needs_it(writer, user));
            if from != to && before {
                edges.push((from, to));
            }
        }
    }
    let barrier = delivery.barrier(steps, &pending, &mut nodes, &mut edges);
    let barrier = barrier.or_else(|| putting_back::barrier(steps, &pending, &needs, &mut nodes, &mut edges));
    let groups = match schedule(&nodes, &edges) {
        Ok(groups) => without(groups, barrier),
        Err(cycle) => {
            let chain: Vec<&str> = cycle.0.iter().map(|node| nodes[*node].key.as_str()).collect();
            engine.problem(Diagnostic::error(
                codes::CYCLE,
                format!("these steps wait for each other: {}", chain.join(", ")),
            ));
            return Vec::new();
        }
    };
    let mut written: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    // A revision that could not be provisioned is not tried again for the same template.
    let renew = delivery.is_none() && (engine.request.renew || engine.newest_never_ran(&engine.app()));
    let request = Request { renew, ..engine.request };
    groups
        .iter()
        .map(|group| {
            let members: Vec<usize> = group.nodes.iter().map(|node| pending[*node]).collect();
            let plan = members
                .first()
                .and_then(|index| steps[*index].outcome.resource.as_ref())
                .and_then(|id| resources.iter().find(|resource| resource.id == *id));
            let before = plan.map(|plan| written.entry(plan.id.clone()).or_default());
            write_of(steps, &members, plan, before, group.after.clone(), request, delivery)
        })
        .collect()
}

/// The groups without that of the node `barrier`, which only stands between others: what waits for it waits for
/// what it waits for.
fn without(groups: Vec<Group>, barrier: Option<usize>) -> Vec<Group> {
    let Some(at) =
        groups.iter().position(|group| barrier.is_some_and(|barrier| group.nodes.contains(&barrier)))
    else {
        return groups;
    };
    let before = groups[at].after.clone();
    let renumbered = |after: &[usize]| {
        let through = after.iter().flat_map(|one| if *one == at { before.clone() } else { vec![*one] });
        let mut all: Vec<usize> = through.map(|one| if one > at { one - 1 } else { one }).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let rest = groups.iter().enumerate().filter(|(index, _)| *index != at);
    rest.map(|(_, group)| Group { after: renumbered(&group.after), ..group.clone() }).collect()
}

/// Whether a change brings an element that Azure takes only once others have seen something.
fn waits(outcome: &Outcome) -> bool {
    let kind = outcome.kind;
    // The list's path and the element's own: what is owned of a new element stands at it or below.
    let brings = |owned: &Owned| {
        (1..=owned.path.0.len()).map(|count| Path(owned.path.0[..count].to_vec())).any(|element| {
            matches!(element.0.last(), Some(Segment::Element(_)))
                && kind.waits.contains(&Path(element.0[..element.0.len() - 1].to_vec()).pattern().as_str())
                && merge::find(kind, &outcome.live, &element).is_none()
        })
    };
    outcome.owned.iter().any(|owned| !owned.in_place && !owned.wanted.is_null() && brings(owned))
}

/// What tells the resource that a step changes from all others. The name of a role assignment is made of
/// its scope, role and principal, so those tell it while the principal is not known.
fn written_to(step: &StepPlan) -> String {
    if let Some(effect) = &step.outcome.effect {
        return effect.place();
    }
    match (&step.outcome.resource, &step.outcome.grant) {
        (Some(id), _) => id.folded(),
        (None, Some(grant)) => {
            let principal = grant.principal.property().unwrap_or(&step.key);
            format!("{}|{}|{principal}", grant.scope.folded(), grant.role_guid)
        }
        (None, None) => match (&step.outcome.matched, &step.outcome.above) {
            (Some(name), Some(above)) => format!("{}|{}|{name}", above.folded(), step.outcome.kind.name),
            _ => step.key.clone(),
        },
    }
}

/// For each run of a step every run that must come first, also across steps that are in place or
/// skipped: what comes after those comes after what they come after.
pub(super) fn all_needs(engine: &Engine<'_>) -> Needs {
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for instance in 0..engine.instances().len() {
        for index in 0..engine.recipe(instance).steps.len() {
            for run in engine.step_runs(instance, index).iter() {
                needs.insert(run.key.clone(), run.needs.clone());
            }
        }
    }
    loop {
        let mut grown = false;
        for key in needs.keys().cloned().collect::<Vec<_>>() {
            let further: BTreeSet<String> = needs
                .get(&key)
                .into_iter()
                .flatten()
                .filter_map(|before| needs.get(before))
                .flatten()
                .cloned()
                .collect();
            if let Some(own) = needs.get_mut(&key) {
                let count = own.len();
                own.extend(further);
                grown |= own.len() > count;
            }
        }
        if !grown {
            return needs;
        }
    }
}

/// What the changes of these steps are counted from: what is live, less what any of them knows not to
/// be running.
fn base_of(live: &Value, steps: &[StepPlan], members: &[usize]) -> Value {
    members
        .iter()
        .map(|index| &steps[*index].outcome.base)
        .filter(|base| *base != live)
        .cloned()
        .reduce(|one, other| merge::without_missing(one, &other, &["properties", "configuration", "secrets"]))
        .unwrap_or_else(|| live.clone())
}

/// Whether a change names a resource that another one writes: by its id one that is created, which is known
/// before it is there, so that no unknown tells of it; by its name, where the type says so, one that is created
/// or changed.
fn uses_written(user: &Outcome, writer: &Outcome) -> bool {
    let Some(id) = writer.resource.as_ref().filter(|_| writer.grant.is_none()) else {
        return false;
    };
    // What goes is named by what goes before it.
    if user.resource.as_ref() == Some(id) || writer.removed.is_some() || user.removed.is_some() {
        return false;
    }
    let created = || {
        user.grant.as_ref().is_some_and(|grant| grant.scope.within(id))
            || user.resource.as_ref().or(user.above.as_ref()).is_some_and(|own| own.within(id))
            || mentions(&user.fragment, id)
    };
    (writer.creates() && created()) || names(user, &Path::root(), &user.fragment, writer.kind.name, id.name())
}

/// Whether an action is sent to what another change writes, or to a child of it: it comes after that, unless that
/// waits for it.
fn acts_on(user: &Outcome, writer: &Outcome) -> bool {
    let effect = user.effect.as_ref().filter(|_| writer.grant.is_none());
    effect.zip(writer.resource.as_ref()).is_some_and(|(effect, written)| effect.resource.within(written))
}

/// Whether a fragment has the name of a resource of this type where its own type says that such names stand.
fn names(user: &Outcome, path: &Path, value: &Value, kind: &str, name: &str) -> bool {
    match &value.data {
        Data::String(text) => {
            let row = (path.pattern(), kind);
            text.eq_ignore_ascii_case(name)
                && user.kind.names.iter().any(|(place, of)| (*place, *of) == (row.0.as_str(), row.1))
        }
        Data::List(items) => items.iter().any(|item| names(user, &path.element(""), item, kind, name)),
        Data::Map(members) => {
            members.iter().any(|(key, member)| names(user, &path.key(key), member, kind, name))
        }
        _ => false,
    }
}

fn mentions(value: &Value, id: &ResourceId) -> bool {
    let names = |text: &str| ResourceId::parse(text).is_some_and(|other| other.within(id));
    match &value.data {
        Data::String(text) => names(text),
        Data::List(items) => items.iter().any(|item| mentions(item, id)),
        Data::Map(members) => members.iter().any(|(key, member)| names(key) || mentions(member, id)),
        _ => false,
    }
}

fn write_of(
    steps: &[StepPlan],
    members: &[usize],
    plan: Option<&ResourcePlan>,
    before: Option<&mut Vec<usize>>,
    after: Vec<usize>,
    request: Request<'_>,
    delivery: &Delivery,
) -> Write {
    let (renew, now) = (request.renew, request.now);
    let outcome = &steps[members[0]].outcome;
    let kind = outcome.kind;
    if outcome.removed.is_some() {
        return removing::write_of(steps, members, after);
    }
    let mut changes: BTreeSet<Consequence> = BTreeSet::new();
    for index in members {
        for owned in steps[*index].outcome.owned.iter().filter(|owned| !owned.in_place) {
            changes.extend(kind.consequence(&owned.path.pattern()));
        }
    }
    let Sending { body, waits_for } = match (plan, before) {
        (Some(plan), Some(before)) => {
            // What this write makes of the resource, with everything that earlier writes made.
            let mut base = fold(kind, &base_of(&plan.live, steps, members), steps, before);
            stored::at_hand(kind, &mut base, steps, &plan.steps);
            before.extend(members);
            // What is in place stays so: a stage that is over must not come back with its step.
            let wanted: Vec<usize> = (plan.steps.iter().copied())
                .filter(|index| before.contains(index) || !steps[*index].outcome.pending())
                .collect();
            *before = wanted.iter().copied().filter(|index| before.contains(index)).collect();
            let mut merged = fold(kind, &plan.live, steps, &wanted);
            if renew && members.iter().any(|index| steps[*index].outcome.base != plan.live) {
                give_suffix(&mut merged);
            }
            if plan.id == delivery.app {
                delivery.shape(&mut base, &mut merged, changes.contains(&Consequence::NewRevision));
            }
            merge::body_for(kind, &base, &merged)
        }
        _ => merge::body_for(kind, &Value::null(), &outcome.fragment),
    };
    let live = plan.map_or(&outcome.live, |plan| &plan.live);
    let all = plan.map_or(members, |plan| plan.steps.as_slice());
    let restarts = restarts(live, kind, steps, members, &changes);
    changes.remove(&Consequence::RestartUsers);
    if restarts {
        changes.insert(Consequence::RestartUsers);
    }
    Write {
        asks: waits_for.into_iter().filter_map(asked).collect(),
        resends: resends(kind, live, steps, all, members),
        id: outcome.resource.clone(),
        kind,
        version: all.iter().find_map(|index| steps[*index].version.clone()),
        create: live.is_null(),
        remove: false,
        steps: members.to_vec(),
        after,
        body,
        consequences: changes,
        settles: settles(steps, members, now),
    }
}

fn asked(origin: Origin) -> Option<String> {
    match origin {
        Origin::Action(key) => Some(key),
        _ => None,
    }
}

/// A revision suffix that the template has not had: from the template and the time of the app's last
/// change, so that a repeated try makes the same one.
pub(super) fn give_suffix(app: &mut Value) {
    let text = |keys: &[&str]| app.at(keys).and_then(Value::to_json).unwrap_or_default().to_string();
    let seed = text(&["properties", "template"]) + &text(&["systemData", "lastModifiedAt"]);
    let digest = Sha256::digest(seed.as_bytes());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    if let Some(Data::Map(template)) = app.at_mut(&["properties", "template"]).map(|value| &mut value.data) {
        // A suffix begins with a letter.
        template.insert("revisionSuffix".to_owned(), Value::from(format!("r{number:08x}")));
    }
}

/// Whether a changed secret leaves replicas with its old value: a secret that was there before
/// changes, and no new revision comes of the same write.
fn restarts(
    live: &Value,
    kind: &ResourceType,
    steps: &[StepPlan],
    members: &[usize],
    changes: &BTreeSet<Consequence>,
) -> bool {
    if !changes.contains(&Consequence::RestartUsers) || changes.contains(&Consequence::NewRevision) {
        return false;
    }
    let present: Vec<&str> = live
        .at(&["properties", "configuration", "secrets"])
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|secret| secret.text_at(&["name"]))
        .collect();
    members.iter().flat_map(|index| &steps[*index].outcome.owned).any(|owned| {
        !owned.in_place
            // Nobody uses what goes.
            && !owned.wanted.is_null()
            && kind.consequence(&owned.path.pattern()) == Some(Consequence::RestartUsers)
            && present.iter().any(|name| owned.path.to_string().contains(&format!("[{name}]")))
    })
}

/// How many secrets with values of their own must be sent back, because the list is replaced whole: whenever a
/// patch changes one of them, and with every write of a type that is written as a whole. `all` are the steps on the
/// resource, `members` those of the write.
fn resends(kind: &ResourceType, live: &Value, steps: &[StepPlan], all: &[usize], members: &[usize]) -> usize {
    let Some(secrets) = kind.secrets() else { return 0 };
    let list = Path::members(secrets);
    let owned_of = |indices: &[usize]| -> Vec<&Owned> {
        let owned = indices.iter().flat_map(|index| &steps[*index].outcome.owned);
        owned.filter(|owned| list.contains(&owned.path)).collect()
    };
    if kind.update != Update::Put && owned_of(members).iter().all(|owned| owned.in_place) {
        return 0;
    }
    let given = |name: &str| {
        owned_of(all).iter().any(|owned| match owned.path.0.get(list.0.len()..) {
            Some([Segment::Element(own), Segment::Key(key)]) => own == name && key != "identity",
            Some([Segment::Element(own)]) => own == name && owned.wanted.as_map().is_some(),
            _ => false,
        })
    };
    let keys: Vec<&str> = secrets.split('.').collect();
    live.at(&keys)
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter(|secret| secret.text_at(&["keyVaultUrl"]).is_none())
        .filter(|secret| secret.text_at(&["name"]).is_some_and(|name| !given(name)))
        .count()
}

/// The role assignments that a write relies on, and how old each must be.
fn settles(steps: &[StepPlan], members: &[usize], now: OffsetDateTime) -> Vec<Settle> {
    let mut settles = Vec::new();
    let needed: BTreeSet<&String> = members.iter().flat_map(|index| &steps[*index].after).collect();
    for step in steps.iter().filter(|step| needed.contains(&step.key)) {
        if let Some(grant) = &step.outcome.grant {
            let mut settle = Settle { step: step.key.clone(), grant: grant.clone(), wait: Duration::ZERO };
            settle.wait = settle.remaining(now);
            settles.push(settle);
        }
    }
    settles
}

impl Settle {
    /// How long to wait before a write that relies on it, at `now`; an assignment whose age is not
    /// told, or not made yet, counts from now.
    pub fn remaining(&self, now: OffsetDateTime) -> Duration {
        let ready = self.grant.created_on.unwrap_or(now) + self.grant.settle;
        // Azure's clock may be ahead of ours: never longer than the whole.
        Duration::try_from(ready - now).unwrap_or(Duration::ZERO).min(self.grant.settle)
    }

    /// Whether a refusal may still mean that the role is not in force everywhere: Azure promises
    /// effect within 10 minutes
    /// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
    pub fn may_be_late(&self, now: OffsetDateTime) -> bool {
        self.grant.created_on.is_none_or(|created| now - created < time::Duration::minutes(10))
    }
}
