//! The heart: from recipes, inputs and facts to a plan. Pure: no client, no tokio, no clock.
//!
//! [`plan`] evaluates everything over the facts at hand and says what is missing. Its caller fetches
//! that and plans again, until nothing is missing. After a write the same happens on fresh facts, so
//! a run goes on from what is there and not from what it remembers.

mod administrator;
mod asking;
mod build;
mod by_host;
mod certificate;
mod conflicts;
mod dapr;
mod database;
mod delivery;
mod denials;
mod dockerfile;
mod earlier;
mod effect;
mod engine;
mod finding;
mod frame;
mod granting;
mod guarding;
mod handshake;
mod health;
mod hosts;
mod image;
mod instances;
mod judging;
mod local;
mod locks;
mod lookup;
mod mount;
mod names;
mod placing;
mod preflight;
mod prerequisites;
mod probing;
mod pull;
mod putting_back;
mod removing;
mod requirements;
mod resources;
mod rights;
mod rollout;
mod saved;
mod schedule;
mod secrecy;
mod service;
mod started;
mod stepping;
mod stored;
mod target;
mod traffic;
mod waiting;
mod whose;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;

use crate::azure::ResourceId;
use crate::azure::types::{Compare, Consequence, ResourceType};
use crate::diagnostic::{Diagnostic, Severity, Span, codes};
use crate::facts::{Facts, Read};
use crate::merge::{self, Body, Owned, word_set};
use crate::recipe::Retry;
use crate::steps::{DatabaseUser, Effect, Grant, ImageBuild, Outcome, Removed, Wait};
use crate::value::{Origin, Path, Segment, Value};

pub use crate::diagnostic::quote;
pub use administrator::{grant_line, role_lines};
pub use asking::Action;
pub(crate) use database::administrators;
pub use database::{ByHand, Cause};
pub use earlier::Earlier;
pub use engine::{Request, Selection, SoFar, provider_read, version_offered};
pub use finding::{Finding, Status};
pub use health::{Health, State, UNHEALTHY, explain, startup_budget};
pub use judging::{Gate, Judged, Scope, judge};
pub use probing::Probe;
pub use pull::PullFacts;
pub(crate) use putting_back::{DELIVERS, delivers};
pub(crate) use removing::{ends_grants, takes_system_identity};
pub use rights::{Right, ScopeRights, Standing};
pub use rollout::{Candidate, Rollout, Stage, revision_command, shift_command, stages};
pub use saved::{MAX_BYTES as MAX_PLAN_BYTES, Refusal, SavedFor, SavedPlan, SavedStanding, Unusable};
pub use schedule::{Cycle, Group, Node, schedule};
pub use started::{restart_command, signs_in, uses};
pub use target::{Cloud, Target, short_location};
pub use traffic::{Entry, Traffic, is_multiple};

/// What a run would do, as a value.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Reads without which the plan is not complete; when there are any, nothing else here is final.
    pub missing: BTreeSet<Read>,
    /// Every step that takes part, in place or not.
    pub steps: Vec<StepPlan>,
    /// What the caller needs to be allowed to do, by scope; empty unless rights were asked for.
    pub rights: Vec<ScopeRights>,
    /// Steps that cannot be judged, because the caller may not read something they need.
    pub unreadable: Vec<Unreadable>,
    /// What is left to a person.
    pub by_hand: Vec<ByHand>,
    /// Every resource that steps own something of, as it is and as it is to be.
    pub resources: Vec<ResourcePlan>,
    /// What is sent, in order, and what is waited for between. Empty: nothing is to change.
    pub writes: Vec<Write>,
    /// What writes may need the answer of, by the key of its step; most writes need none.
    pub actions: BTreeMap<String, Action>,
    /// How the run's one new revision is put into service, if a recipe says.
    pub rollout: Option<Rollout>,
    /// What had to hold before the first write.
    pub prerequisites: Vec<Finding>,
    /// Those of them that do not hold yet and may be waited for, as far as what they asked says.
    pub waits: Vec<Probe>,
    /// Verifications of the recipes' own (`verify:`), on the same facts. Without those that ask the app,
    /// unless [`Request::probing`].
    pub verifications: Vec<Finding>,
    /// What the app was asked for them.
    pub probes: Vec<Probe>,
    /// Revisions that may still run with an earlier value of a secret that is in place.
    pub started: Vec<Finding>,
    /// Whether some verification asks the app.
    pub asks_app: bool,
    /// Mistakes in recipes and conflicts between them.
    pub problems: Vec<Diagnostic>,
    /// The api-version for the app, where a rollout writes it beside the plan's writes.
    pub app_version: Option<String>,
    /// The api-version for each type that is written.
    pub versions: BTreeMap<&'static str, String>,
    /// Outputs by instance.
    pub outputs: IndexMap<String, IndexMap<String, Value>>,
    /// The command that applies each instance as it is in this run.
    pub commands: BTreeMap<String, String>,
    /// What to do next, by instance.
    pub notes: Vec<(String, String)>,
    /// The app as observed; null when it is not there, and in a run without one.
    pub app: Value,
    /// What the run works on is not there.
    pub nowhere: bool,
    /// How the app is.
    pub health: health::Health,
    /// What is known of the registries that the recipes name, for explaining a pull that fails.
    pub pulls: Vec<PullFacts>,
    /// The app has an operation in progress: to be waited for.
    pub busy: bool,
    /// Who else deploys this app, by its tags, and what a deployment there would reset.
    pub other_owner: Option<String>,
}

/// One round of one step.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// `managed_identity.roles[0]`.
    pub key: String,
    /// The instance's name.
    pub instance: String,
    /// The recipe's name.
    pub recipe: String,
    /// The step's name as written.
    pub step: String,
    /// Where it stands in its recipe file.
    pub span: Span,
    /// What it is for.
    pub why: Option<String>,
    /// Keys of step runs that must come first.
    pub needs: BTreeSet<String>,
    /// Those of them named by `after`.
    pub after: BTreeSet<String>,
    /// Refusals to repeat.
    pub retry: Option<Retry>,
    /// Of an action: the steps of which one must have written.
    pub triggered_by: BTreeSet<String>,
    /// How long its operation may take.
    pub timeout: Option<Duration>,
    /// The api-version that it names (`type@version`), for reads and the write.
    pub version: Option<String>,
    /// Whether it puts back what a run did: then the step itself sees to it that nothing of others goes.
    pub goes_back: bool,
    /// What of it could not be compared and so is kept as it is, as a finding; `None`: all was compared.
    pub kept: Option<Finding>,
    /// What it comes to.
    pub outcome: Outcome,
}

impl StepPlan {
    /// What tells its resource from others, also while that has no name.
    fn place(&self) -> String {
        // Which child of it an action is sent to may change with what is written before.
        if let Some(effect) = &self.outcome.effect {
            return format!("{} of {} ({})", effect.kind, holder(&effect.resource).folded(), self.key);
        }
        format!("{} ({})", self.outcome.kind.name, self.key)
    }
}

/// A step that cannot be judged.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// The key of the step run.
    pub key: String,
    /// The instance's name.
    pub instance: String,
    /// What the step is for.
    pub why: Option<String>,
    /// What Azure said to the read.
    pub message: String,
}

/// One resource that steps own something of.
#[derive(Clone, Debug)]
pub struct ResourcePlan {
    /// Its id.
    pub id: ResourceId,
    /// Its type.
    pub kind: &'static ResourceType,
    /// As observed; null when it is not there.
    pub live: Value,
    /// As it is to be.
    pub merged: Value,
    /// Each owned leaf once, with the positions of the steps that own it.
    pub owned: Vec<(Owned, Vec<usize>)>,
    /// Positions of the steps.
    pub steps: Vec<usize>,
}

/// Whether an operation is in progress on a resource, as it says itself. The words are those of Container Apps and of
/// caches; one that nobody knows is taken for an end.
fn is_underway(live: &Value) -> bool {
    let state = live.text_at(&["properties", "provisioningState"]);
    state.is_some_and(|state| matches!(state, "InProgress" | "Deleting" | "Updating" | "Creating"))
}

impl Plan {
    /// A resource beside the app that has an operation in progress, such as one of a run that was killed: what is in
    /// place is not written again, and is there only when that is done. One that says itself whether it works
    /// ([`ResourceType::ready`]) has a wait of its own.
    pub fn underway(&self) -> Option<&ResourcePlan> {
        let app = |resource: &ResourcePlan| resource.live.text_at(&["id"]) == self.app.text_at(&["id"]);
        self.resources
            .iter()
            .filter(|resource| resource.kind.ready.is_empty() && !app(resource))
            .find(|resource| is_underway(&resource.live))
    }
}

/// One request that changes something.
#[derive(Clone, Debug)]
pub struct Write {
    /// The resource; `None` while its name is not known.
    pub id: Option<ResourceId>,
    /// Its type.
    pub kind: &'static ResourceType,
    /// The api-version that its steps name; `None`: the one that fits.
    pub version: Option<String>,
    /// Whether it is created.
    pub create: bool,
    /// Whether it is deleted.
    pub remove: bool,
    /// Positions of the steps that are in it.
    pub steps: Vec<usize>,
    /// Positions of the writes that must be finished before.
    pub after: Vec<usize>,
    /// What is sent; `None` while a part is known only after an earlier write.
    pub body: Option<Body>,
    /// The actions whose answers are needed for the body, by the keys of their steps.
    pub asks: BTreeSet<String>,
    /// How many other secrets are sent back with it, for which `listSecrets` is called.
    pub resends: usize,
    /// What follows from it.
    pub consequences: BTreeSet<Consequence>,
    /// Role assignments it relies on.
    pub settles: Vec<Settle>,
}

impl Write {
    /// The database user that it changes, with all that its steps miss of it; `None`: it changes something
    /// else.
    pub fn user(&self, steps: &[StepPlan]) -> Option<DatabaseUser> {
        let mut users = self.steps.iter().filter_map(|index| steps[*index].outcome.user.as_ref());
        let first = users.next()?.clone();
        Some(users.fold(first, |mut all, user| {
            let more: Vec<_> =
                user.missing.iter().filter(|role| !all.missing.contains(role)).cloned().collect();
            all.missing.extend(more);
            let leaves: Vec<_> =
                user.leaves.iter().filter(|role| !all.leaves.contains(role)).cloned().collect();
            all.leaves.extend(leaves);
            all.goes |= user.goes;
            all
        }))
    }

    /// The action with an effect that it sends; `None`: it does something else. Of several steps that want the same
    /// sent, one that says `retry: never` speaks for all.
    pub fn effect<'s>(&self, steps: &'s [StepPlan]) -> Option<&'s Effect> {
        let effects = || self.steps.iter().filter_map(|index| steps[*index].outcome.effect.as_ref());
        effects().find(|effect| effect.never).or_else(|| effects().next())
    }

    /// What it waits for instead of writing anything; `None`: it writes.
    pub fn wait<'s>(&self, steps: &'s [StepPlan]) -> Option<&'s Wait> {
        self.steps.first().and_then(|index| steps[*index].outcome.wait.as_ref())
    }

    /// What goes with it, in people's words; `None`: nothing is taken away as a whole.
    pub fn removed<'s>(&self, steps: &'s [StepPlan]) -> Option<&'s Removed> {
        self.steps.iter().find_map(|index| steps[*index].outcome.removed.as_ref()).filter(|_| self.remove)
    }

    /// The image that it has a registry build; `None`: it does something else.
    pub fn build<'s>(&self, steps: &'s [StepPlan]) -> Option<&'s ImageBuild> {
        self.steps.iter().find_map(|index| steps[*index].outcome.build.as_ref())
    }

    /// Whether some change in it is one whatever is still to be read.
    fn is_sure(&self, steps: &[StepPlan]) -> bool {
        let unread = |value: &Value| value.origins().contains(&Origin::Read);
        let changes = self.steps.iter().flat_map(|step| &steps[*step].outcome.owned);
        changes.filter(|owned| !owned.in_place).any(|owned| !unread(&owned.wanted))
    }
}

/// A role assignment that a write relies on.
#[derive(Clone, Debug)]
pub struct Settle {
    /// The key of the step run that grants it.
    pub step: String,
    /// The grant.
    pub grant: Grant,
    /// How long the write waits for it, seen from when the plan was made.
    pub wait: Duration,
}

impl Plan {
    /// Whether something is to change.
    pub fn has_changes(&self) -> bool {
        self.changes().next().is_some() || self.next_stage().is_some()
    }

    /// The writes, without what is only waited for.
    pub fn changes(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(|write| write.wait(&self.steps).is_none())
    }

    /// What is waited for, in order.
    pub fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.writes.iter().filter_map(|write| write.wait(&self.steps))
    }

    /// Whether what has all of the traffic is judged again although nothing is to change: what a rollout of the
    /// same recipes replaced is still active, and that was not long ago.
    pub fn judges_again(&self) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| {
            rollout.candidate.is_none() && rollout.replaced.is_some() && rollout.recent
        })
    }

    /// What a rollout does next, once the writes are done.
    pub fn next_stage(&self) -> Option<&Stage> {
        self.rollout.as_ref()?.stages.first()
    }

    /// Whether the recipes and inputs of the run cannot be had together: a mistake of whoever asks for
    /// them, whatever else is missing.
    pub fn contradicts_itself(&self) -> bool {
        let codes = [codes::CONFLICT, codes::CYCLE, codes::BAD_INPUT];
        self.problems.iter().any(|problem| codes.contains(&problem.code))
    }

    /// Whether the app, as it is to be, mounts a share.
    pub fn mounts_share(&self) -> bool {
        let apps = self.resources.iter().filter(|plan| plan.kind.name == "Microsoft.App/containerApps");
        let templates = apps.filter_map(|plan| plan.merged.at(&["properties", "template"]));
        templates.into_iter().any(mount::mounts_share)
    }

    /// Whether something stands in the way of the first write: a problem, a prerequisite, or a step
    /// that cannot be judged.
    pub fn blocked(&self) -> bool {
        !self.unreadable.is_empty()
            || self.problems.iter().any(|problem| problem.severity == Severity::Error)
            || self.prerequisites.iter().any(|finding| finding.status == Status::Failed)
    }

    /// The owned leaves that are to change, by resource and path: what a plan is approved for.
    /// Values that nobody may see are part of it as a mark only.
    pub fn approval(&self) -> BTreeMap<(String, String), Approved> {
        let mut leaves = BTreeMap::new();
        for resource in &self.resources {
            // One that is known by what is in it may have no name yet when it is approved.
            let matched = resource.steps.iter().map(|index| &self.steps[*index]);
            let place = matched
                .filter(|step| step.outcome.matched.is_some())
                .map(StepPlan::place)
                .next()
                .unwrap_or_else(|| resource.id.folded());
            let mut stages: IndexMap<String, Vec<&(Owned, Vec<usize>)>> = IndexMap::new();
            // What Azure says of itself is waited for, and nobody's to approve.
            let given = |row: &&(Owned, Vec<usize>)| row.0.path.pattern() != resource.kind.ready;
            for row in resource.owned.iter().filter(given) {
                stages.entry(folded(&row.0.path)).or_default().push(row);
            }
            for (path, stages) in stages {
                let mut before: Option<&Owned> = None;
                let last = stages.len() - 1;
                let pending = stages.iter().enumerate().filter(|(_, (owned, _))| !owned.in_place);
                for (position, (owned, owners)) in pending {
                    if resource.kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet) {
                        // Each word on its own: others may add theirs meanwhile, and so may an earlier write.
                        for word in added_words(owned) {
                            let approved =
                                Approved { before: Value::null(), after: Value::from(word.as_str()) };
                            leaves.insert((place.clone(), format!("{path} ({word})")), approved);
                        }
                        for word in removed_words(owned) {
                            let approved =
                                Approved { before: Value::from(word.as_str()), after: Value::null() };
                            leaves.insert((place.clone(), format!("{path} ({word})")), approved);
                        }
                        continue;
                    }
                    let mut approved = Approved::of(resource.kind, owned);
                    if owned.wanted.is_null() && owners.iter().all(|owner| self.steps[*owner].goes_back) {
                        // What came with the run goes stage by stage.
                        approved.before = Value::null();
                    }
                    // A later stage finds what the one before it left.
                    if let Some(before) = before.replace(owned) {
                        approved.before = Approved::of(resource.kind, before).after;
                    }
                    // What is wanted in the end is known by the path alone: it is so still when the stages
                    // before it are over, and a default among them is not even owned any more.
                    let path = match owners.first().filter(|_| position < last) {
                        Some(owner) => format!("{path} ({})", self.steps[*owner].key),
                        None => path.clone(),
                    };
                    leaves.insert((place.clone(), path), approved);
                }
            }
        }
        let changes = |step: &&StepPlan| step.outcome.pending() && step.outcome.wait.is_none();
        for step in self.steps.iter().filter(changes) {
            if let Some(grant) = &step.outcome.grant {
                leaves.insert(
                    (grant.scope.folded(), format!("role {} ({})", grant.role_guid, step.key)),
                    Approved { before: Value::null(), after: grant.principal.clone() },
                );
            } else if step.outcome.resource.is_none() {
                for owned in step.outcome.owned.iter().filter(|owned| !owned.in_place) {
                    let mut approved = Approved::of(step.outcome.kind, owned);
                    // What is sent is approved as it is; which child it is sent to, see [`StepPlan::place`], is not.
                    if let Some(effect) = &step.outcome.effect
                        && owned.path == Path::members(effect.action.name)
                    {
                        approved.after = Value::from(true);
                    }
                    leaves.insert((step.place(), folded(&owned.path)), approved);
                }
            }
        }
        leaves
    }
}

/// The resource that this one is a child of, or it.
fn holder(id: &ResourceId) -> ResourceId {
    let mut holder = id.clone();
    while let Some(parent) = holder.parent().filter(|parent| parent.resource_type().matches('/').count() > 0)
    {
        if parent.resource_type().starts_with("Microsoft.Resources/") {
            break;
        }
        holder = parent;
    }
    holder
}

/// A path with the resource ids in it as ids are compared: an id that a plan makes up may come back in
/// another case.
fn folded(path: &Path) -> String {
    let segments = path.0.iter().map(|segment| match segment {
        Segment::Key(id) if id.starts_with('/') => Segment::Key(id.to_ascii_lowercase()),
        other => other.clone(),
    });
    Path(segments.collect()).to_string()
}

/// One approved change.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved {
    /// What was there when it was approved.
    pub before: Value,
    /// What was approved.
    pub after: Value,
}

impl Approved {
    fn of(kind: &ResourceType, owned: &Owned) -> Approved {
        let spelled = |value| merge::canonical(kind, &owned.path, value);
        Approved { before: spelled(&owned.live), after: spelled(&owned.wanted) }
    }
}

/// What a change takes out of a set of words.
fn removed_words(owned: &Owned) -> Vec<String> {
    let turned = Owned { live: owned.wanted.clone(), wanted: owned.live.clone(), ..owned.clone() };
    added_words(&turned)
}

/// What a change adds to a set of words.
fn added_words(owned: &Owned) -> Vec<String> {
    let words = |value: &Value| word_set(value.as_str().unwrap_or_default());
    let present = words(&owned.live);
    words(&owned.wanted).into_iter().filter(|word| !present.contains(word)).collect()
}

/// Evaluates all recipes of `request` over `facts`. `rights` asks for the caller's permissions and
/// locks and deny assignments too: needed before a write, not for a verification.
pub fn plan(request: Request<'_>, facts: &Facts, rights: bool) -> Plan {
    let engine = engine::Engine::new(request, facts);
    let app = engine.app();
    let mut steps = resources::step_plans(&engine);
    let actions = resources::actions(&engine);
    let pin = engine.rollout().and_then(|base| rollout::pin(&engine, base));
    let pinned = pin.as_ref().map(|step| step.key.clone());
    steps.extend(pin);
    let resources = resources::resources(&engine, &mut steps);
    let (rollout, in_the_way) = match engine.rollout() {
        Some(base) => {
            let (rollout, findings) = rollout::of(&engine, base, &resources, &steps);
            (Some(rollout), findings)
        }
        None => (None, rollout::without(&engine)),
    };
    let delivery = delivery::Delivery::of(&engine, rollout.as_ref(), pinned);
    let writes = writes::writes(&engine, &delivery.seen(&steps), &resources, &actions, &delivery);
    let mut prerequisites = prerequisites::baseline(&engine);
    prerequisites.extend(in_the_way);
    let (found, waits) = prerequisites::recipes(&engine, &steps);
    let start = prerequisites.len();
    let waits = waits.into_iter().map(|probe| Probe { finding: probe.finding + start, ..probe }).collect();
    prerequisites.extend(found);
    prerequisites.extend(resources::obstacles(&engine));
    let unreadable = resources::unreadable(&engine);
    let by_hand = resources::by_hand(&engine);
    if rights {
        prerequisites.extend(by_hand.iter().filter_map(ByHand::prerequisite));
    }
    let missing = engine.place_is_missing();
    let rights = if rights && !missing {
        // A right is asked for only when it is sure that the write is needed; those of a database are its own.
        let of_azure = |write: &&Write| {
            write.is_sure(&steps) && write.user(&steps).is_none() && write.wait(&steps).is_none()
        };
        let writes: Vec<Write> = writes.iter().filter(of_azure).cloned().collect();
        let rights = rights::rights(&engine, facts, &steps, &writes, &actions, &unreadable, rollout.as_ref());
        prerequisites.extend(rights::findings(&engine, &rights));
        let mut written: Vec<ResourceId> =
            writes.iter().map(|write| rights::write_scope(&engine, write, &steps)).collect();
        let app = request.target.app_id();
        if rollout.as_ref().is_some_and(|rollout| !rollout.stages.is_empty()) && !written.contains(&app) {
            written.push(app);
        }
        let removed: Vec<&ResourceId> =
            writes.iter().filter(|write| write.remove).filter_map(|write| write.id.as_ref()).collect();
        prerequisites
            .extend(written.iter().filter_map(|scope| locks::finding(&engine, scope, removed.as_slice())));
        prerequisites.extend(denials::findings(&engine, &written, &rights));
        rights
    } else {
        Vec::new()
    };
    prerequisites.extend(preflight::findings(&engine, &resources));
    prerequisites.extend(preflight::components(&resources));
    prerequisites.extend(preflight::lost(&resources));
    prerequisites.extend(preflight::conditions(&steps));
    let mut judged = judging::verifications(&engine, &resources);
    if let (Some(base), Some(rollout)) = (engine.rollout(), &rollout) {
        judged.findings.push(rollout::verification(&engine, base, rollout));
    }
    let health = health::health(&engine, rollout.as_ref());
    let started = started::findings(&engine, &steps, &resources);
    let mut outputs = IndexMap::new();
    let mut notes = Vec::new();
    for (index, bound) in engine.instances().iter().enumerate() {
        if engine.active(index).truthy() != Some(true) {
            continue;
        }
        outputs.insert(bound.alias.clone(), engine.outputs(index));
        if let Some(text) = engine.frame(index).text(engine.recipe(index).notes.as_ref()) {
            notes.push((bound.alias.clone(), text));
        }
    }
    let busy = is_underway(&app);
    let versions = writes.iter().map(|write| (write.kind.name, engine.version(write.kind.name))).collect();
    let applies =
        |(index, one): (usize, &crate::recipe::Instance)| (one.alias.clone(), engine.applies(index, &[]));
    let commands = engine.instances().iter().enumerate().map(applies).collect();
    let app_version = rollout.as_ref().map(|_| engine.version("Microsoft.App/containerApps"));
    Plan {
        app_version,
        commands,
        actions,
        versions,
        problems: engine.take_problems(),
        missing: engine.asked.missing(),
        other_owner: prerequisites::other_owner(&app),
        steps,
        resources,
        writes,
        rights,
        unreadable,
        by_hand,
        rollout,
        prerequisites,
        waits,
        verifications: judged.findings,
        probes: judged.probes,
        started,
        asks_app: judged.asks_app,
        outputs,
        notes,
        app,
        nowhere: missing,
        health,
        pulls: pull::facts(&engine),
        busy,
    }
}
