//! A plan as people and machines read it: changes by resource and property, and the writes.

use serde::Serialize;
use serde_json::Value as Json;

use super::RolloutReport;
use crate::azure::types::{Compare, Consequence};
use crate::merge::{Owned, add_words};
use crate::plan::{Plan, Rollout, Write, ends_grants, takes_system_identity};
use crate::steps::{BODY, Effect, ImageBuild};
use crate::value::{Data, Path, Redacted, Segment, Value, strip_control};

/// What happens to a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// It is set where nothing was.
    Add,
    /// It gets another value.
    Change,
    /// It goes.
    Remove,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is created.
    Create,
    /// A part of it is changed.
    Update,
    /// An action is sent to it.
    Act,
    /// It is deleted.
    Remove,
}

/// One property that changes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Where, in ARM's words (`properties.template.containers[web].image`); `role`, `principal` and
    /// `scope` of a role assignment.
    pub path: String,
    /// What happens.
    pub action: Sign,
    /// What is there, redacted; null when nothing is.
    pub before: Json,
    /// What will be there, redacted; null when nothing will.
    pub after: Json,
    /// Why, in the recipe's words, a line each.
    pub why: Vec<String>,
    /// Where, as people read it.
    #[serde(skip)]
    pub place: String,
    /// The two sides as people read them.
    #[serde(skip)]
    pub shown: (String, String),
}

/// One write.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteReport {
    /// Created or changed.
    pub action: Action,
    /// The word for the type.
    pub noun: &'static str,
    /// The resource's id; of a role assignment, its scope's; `(known after apply)` while unknown.
    pub resource: String,
    /// The short name.
    pub name: String,
    /// What it is, for people: `container app web`, `role assignment Reader on store`.
    #[serde(skip)]
    pub title: String,
    /// What it changes.
    pub changes: Vec<Leaf>,
    /// The steps in it.
    pub steps: Vec<String>,
    /// What follows from it.
    pub consequences: Vec<String>,
}

/// A plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Whether there is nothing to do.
    pub empty: bool,
    /// New revisions that will come of it.
    pub new_revisions: usize,
    /// The writes, in order.
    pub writes: Vec<WriteReport>,
    /// How the new revision is put into service after them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutReport>,
    /// What is waited for, in a few words each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<String>,
    /// What is left to a person, in a few words each; `actionRequired` of the report has it in full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
    /// What could not be compared with what is there, and is kept as it is, in a few words each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// Who else deploys the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_owner: Option<String>,
    /// Folders of recipes that are not built in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign_recipes: Vec<String>,
}

impl PlanReport {
    /// The report of a plan.
    pub fn new(plan: &Plan, foreign_recipes: Vec<String>) -> PlanReport {
        let writes: Vec<WriteReport> = plan.changes().map(|write| write_report(plan, write)).collect();
        PlanReport {
            empty: !plan.has_changes(),
            rollout: RolloutReport::of(plan),
            new_revisions: usize::from(
                plan.writes.iter().any(|write| write.consequences.contains(&Consequence::NewRevision)),
            ),
            writes,
            waits: plan.waits().map(|wait| strip_control(&wait.what)).collect(),
            by_hand: plan.by_hand.iter().map(|one| strip_control(&one.what)).collect(),
            kept: kept(plan),
            other_owner: plan.other_owner.clone(),
            foreign_recipes,
        }
    }
}

/// What steps leave as it is, since it could not be compared.
fn kept(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> =
        plan.steps.iter().filter_map(|step| Some(strip_control(&step.kept.as_ref()?.name))).collect();
    all.dedup();
    all
}

fn write_report(plan: &Plan, write: &Write) -> WriteReport {
    let first = write.steps.first().map(|index| &plan.steps[*index]);
    let grant = first.and_then(|step| step.outcome.grant.as_ref());
    let resource = plan.resources.iter().find(|resource| Some(&resource.id) == write.id.as_ref());
    let mut changes: Vec<Leaf> = match (grant, resource) {
        (Some(grant), _) => vec![
            leaf("role", &Value::null(), &Value::from(grant.role.as_str())),
            leaf("principal", &Value::null(), &grant.principal),
            leaf("scope", &Value::null(), &Value::from(grant.scope.as_str())),
        ],
        (None, Some(resource)) => resource
            .owned
            .iter()
            .filter(|(owned, owners)| {
                !owned.in_place && owners.iter().any(|owner| write.steps.contains(owner))
            })
            .flat_map(|(owned, owners)| match words_of(plan, write, owned, owners) {
                Some((part, owners)) => leaves_of(plan, &part, &owners),
                None => leaves_of(plan, owned, owners),
            })
            .collect(),
        // Its name is not known yet.
        (None, None) => write
            .steps
            .iter()
            .flat_map(|index| plan.steps[*index].outcome.owned.iter().map(move |owned| (owned, *index)))
            .filter(|(owned, _)| !owned.in_place)
            .flat_map(|(owned, index)| match &plan.steps[index].outcome.effect {
                Some(effect) if owned.path == Path::members(BODY) => body_of(effect),
                _ => leaves_of(plan, owned, &[index]),
            })
            .collect(),
    };
    if let (Some(_), Some(leaf)) = (grant, changes.first_mut()) {
        leaf.why = reasons(plan, &write.steps);
    }
    let name = match (grant, &write.id) {
        (Some(grant), _) => grant.scope.name().to_owned(),
        (None, Some(id)) => id.name().to_owned(),
        (None, None) => "(known after apply)".to_owned(),
    };
    let user = write.user(&plan.steps);
    let name = user.as_ref().map_or(name, |user| user.name.as_str().to_owned());
    let build = write.build(&plan.steps);
    let name = build.map_or(name, ImageBuild::reference);
    let effect = write.effect(&plan.steps);
    let name = effect.map_or(name, |effect| effect.resource.name().to_owned());
    let title = match (grant, &user) {
        (None, None) if effect.is_some() => effect.map(Effect::what).unwrap_or_default(),
        (None, None) if write.remove => {
            write.removed(&plan.steps).map(|removed| removed.what.clone()).unwrap_or_default()
        }
        (Some(grant), _) => format!("{} {} on {name}", write.kind.noun, grant.role),
        (None, Some(user)) => user.title(),
        (None, None) => format!("{} {name}", write.kind.noun),
    };
    WriteReport {
        title: strip_control(&title),
        action: match effect {
            Some(_) => Action::Act,
            None if write.remove => Action::Remove,
            None if write.create => Action::Create,
            None => Action::Update,
        },
        noun: write.kind.noun,
        resource: match (grant, &write.id) {
            (Some(grant), _) => grant.scope.to_string(),
            (None, Some(id)) => id.to_string(),
            (None, None) => effect.map_or_else(|| name.clone(), |effect| effect.resource.to_string()),
        },
        name,
        changes,
        steps: write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect(),
        consequences: consequences(plan, write, grant.is_some()),
    }
}

/// What these steps are for, each reason once.
fn reasons(plan: &Plan, steps: &[usize]) -> Vec<String> {
    let mut why: Vec<String> = Vec::new();
    for step in steps {
        if let Some(text) = plan.steps[*step].why.as_deref().map(strip_control)
            && !why.contains(&text)
        {
            why.push(text);
        }
    }
    why
}

/// Of a set of words that several writes add to, what this one adds to what those before it leave, and the
/// steps that want it; `None`: it is no such set.
fn words_of(plan: &Plan, write: &Write, owned: &Owned, owners: &[usize]) -> Option<(Owned, Vec<usize>)> {
    let is_set = write.kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet);
    if !is_set || owners.iter().all(|owner| write.steps.contains(owner)) {
        return None;
    }
    let (ours, others): (Vec<usize>, Vec<usize>) =
        owners.iter().partition(|owner| write.steps.contains(owner));
    let on_it = plan.writes.iter().filter(|other| other.id == write.id);
    let before: Vec<usize> = on_it
        .take_while(|other| !std::ptr::eq(*other, write))
        .flat_map(|other| others.iter().copied().filter(|owner| other.steps.contains(owner)))
        .collect();
    let with = |value: Value, steps: &[usize]| {
        let leaves = steps.iter().flat_map(|step| &plan.steps[*step].outcome.owned);
        let wanted = leaves.filter(|leaf| leaf.path == owned.path).filter_map(|leaf| leaf.wanted.as_str());
        wanted.fold(value, |value, more| Value::from(add_words(value.as_str().unwrap_or_default(), more).0))
    };
    let live = with(owned.live.clone(), &before);
    let wanted = with(live.clone(), &ours);
    Some((Owned { live, wanted, ..owned.clone() }, ours))
}

/// What is sent with an action, leaf by leaf: it is no part of a resource, so that the lists in it have no keys.
fn body_of(effect: &Effect) -> Vec<Leaf> {
    fn add(path: &Path, value: &Value, leaves: &mut Vec<Leaf>) {
        match &value.data {
            Data::List(items) if !items.is_empty() && !value.marks.hidden() => {
                let numbered = items.iter().enumerate();
                numbered.for_each(|(at, item)| add(&path.element(&at.to_string()), item, leaves));
            }
            Data::Map(members) if !members.is_empty() && !value.marks.hidden() => {
                members.iter().for_each(|(key, member)| add(&path.key(key), member, leaves));
            }
            _ => flatten(path, &Value::null(), value, leaves),
        }
    }
    let mut leaves = Vec::new();
    add(&Path::members(BODY), &effect.body, &mut leaves);
    leaves
}

/// A new list element or object is shown property by property.
fn leaves_of(plan: &Plan, owned: &Owned, owners: &[usize]) -> Vec<Leaf> {
    let why = reasons(plan, owners);
    let mut leaves = Vec::new();
    flatten(&owned.path, &owned.live, &owned.wanted, &mut leaves);
    for leaf in &mut leaves {
        leaf.why.clone_from(&why);
    }
    leaves
}

fn flatten(path: &Path, before: &Value, after: &Value, leaves: &mut Vec<Leaf>) {
    match &after.data {
        Data::Map(members) if !members.is_empty() && before.is_null() && !after.marks.hidden() => {
            for (key, member) in members {
                flatten(&path.key(key), &Value::null(), member, leaves);
            }
        }
        // The whole of an assigned identity is its key: `{"<id>": {}}`.
        Data::Map(members) if members.is_empty() && before.is_null() && is_id(path) => {
            let mut assigned = leaf(&path.short(), before, after);
            assigned.path = strip_control(&path.to_string());
            "(assigned)".clone_into(&mut assigned.shown.1);
            leaves.push(assigned);
        }
        _ => {
            leaves
                .push(Leaf { path: strip_control(&path.to_string()), ..leaf(&path.short(), before, after) });
        }
    }
}

/// Whether the last part of a path is a resource id.
fn is_id(path: &Path) -> bool {
    matches!(path.0.last(), Some(Segment::Key(key)) if key.starts_with('/'))
}

fn leaf(path: &str, before: &Value, after: &Value) -> Leaf {
    let action = if before.is_null() {
        Sign::Add
    } else if after.is_null() {
        Sign::Remove
    } else {
        Sign::Change
    };
    // A set of words that was "None" was nothing.
    let action = if action == Sign::Change && before.as_str() == Some("") { Sign::Add } else { action };
    Leaf {
        path: strip_control(path),
        place: strip_control(path),
        action,
        before: Redacted(before).to_json(),
        after: Redacted(after).to_json(),
        why: Vec::new(),
        shown: (Redacted(before).to_string(), Redacted(after).to_string()),
    }
}

fn consequences(plan: &Plan, write: &Write, role: bool) -> Vec<String> {
    let mut told = Vec::new();
    if role {
        told.push("a role takes up to 10 minutes to be in force everywhere".to_owned());
    }
    if let Some(removed) = write.removed(&plan.steps) {
        told.extend(removed.follows.iter().map(|follows| strip_control(follows)));
    }
    for consequence in &write.consequences {
        told.push(match consequence {
            Consequence::NewRevision if plan.rollout.is_some() => {
                let name = plan.rollout.as_ref().and_then(Rollout::name);
                let name = name.map_or_else(|| "(known after apply)".to_owned(), strip_control);
                format!("creates the revision {name}, without traffic")
            }
            Consequence::NewRevision => {
                if crate::plan::is_multiple(&plan.app) {
                    "creates a new revision; Multiple mode: traffic follows the app's weights".to_owned()
                } else {
                    "creates a new revision; it takes over all traffic once it is ready".to_owned()
                }
            }
            Consequence::RestartUsers => {
                "restarts the active revisions: replicas keep a changed secret's old value until then"
                    .to_owned()
            }
            Consequence::RestartAll => "restarts all active revisions".to_owned(),
            Consequence::NextStart => {
                "sidecars that run load it at their next start: restart the revisions of apps that have it"
                    .to_owned()
            }
        });
    }
    if let Some(effect) = write.effect(&plan.steps) {
        told.push(effect.follows().to_owned());
        let triggers: Vec<&str> = plan
            .steps
            .iter()
            .filter(|step| step.outcome.pending())
            .filter(|step| {
                write.steps.iter().any(|index| plan.steps[*index].triggered_by.contains(&step.key))
            })
            .map(|step| step.key.as_str())
            .collect();
        if !triggers.is_empty() {
            told.push(format!("due because this run writes {}", triggers.join(", ")));
        }
        told.push(if effect.never {
            "sent once: if its answer is lost, the run stops".to_owned()
        } else {
            "sent once in this run".to_owned()
        });
    }
    told.extend(write.steps.iter().find_map(|index| {
        let outcome = &plan.steps[*index].outcome;
        let principal = outcome.live.text_at(&["identity", "principalId"])?;
        let goes = |owned: &&Owned| !owned.in_place && takes_system_identity(write.kind, owned);
        outcome.owned.iter().find(goes).map(|_| strip_control(&ends_grants(principal)))
    }));
    let identity = write.steps.iter().any(|index| {
        plan.steps[*index]
            .outcome
            .owned
            .iter()
            .any(|owned| !owned.in_place && owned.path.pattern().starts_with("identity"))
    });
    if identity && write.kind.name.eq_ignore_ascii_case("Microsoft.App/jobs") {
        // One that is made has run nothing yet.
        if !write.create {
            told.push("what runs already does not have the identity; the next execution has it".to_owned());
        }
    } else if identity && !write.consequences.contains(&Consequence::NewRevision) {
        told.push("no new revision; running replicas see the identity at their next start".to_owned());
    }
    if write.resends > 0 {
        told.push(format!(
            "sends {} other secret{} back unchanged (the list is replaced as a whole)",
            write.resends,
            if write.resends == 1 { "" } else { "s" }
        ));
    }
    for settle in write.settles.iter().filter(|settle| settle.wait.as_secs() > 0) {
        told.push(format!("waits {} for the role {} first", lasting(settle.wait), settle.grant.role));
    }
    told
}

/// `2 minutes`, `90 s`.
fn lasting(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        60 => "1 minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
