//! How the run's one new revision, the candidate, is put into service: what serves now, what the candidate will
//! be called, and which stages are left. Pure; all of it follows from what is live, so that a run that was
//! killed goes on from the weight that stands.
//!
//! After a rollout that failed, the app's template is the one that failed. So whatever the recipes want is laid
//! over the template of the revision that *serves* ([`Base`]), and compared with it.

mod at_once;
mod base;
mod naming;
mod obstacles;
mod policy;

use std::time::Duration;

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::traffic::Traffic;
use super::{ResourcePlan, StepPlan, quote};
use crate::azure::types;
use crate::diagnostic::codes;
use crate::steps;
use crate::value::{Data, Value};

pub(super) use base::{Base, Serving, Standing, standing};
use naming::{Pick, seed};

const DOCS: &str = "https://learn.microsoft.com/azure/container-apps/traffic-splitting";
const APP: &str = "Microsoft.App/containerApps";
/// Where the leaves are that make a revision.
pub(super) const TEMPLATE: &str = "properties.template";

/// What a write of the traffic and the start of a revision take when all goes well.
const WRITE: Duration = Duration::from_secs(5);
const START: Duration = Duration::from_secs(20);

/// After this time what serves counts as judged. No mark on Azure says whether a rollout came to its end; a run that
/// was killed at 100 % is run again long before, and what falls ill later is no matter of that rollout.
const JUDGED: Duration = Duration::from_secs(24 * 60 * 60);

/// How the one new revision of a run is delivered, and where that stands.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// The instance whose recipe asks for it.
    pub instance: String,
    /// The label of the candidate.
    pub label: String,
    /// The revision that serves.
    pub serving: String,
    /// What `serving` took the place of, by a rollout of the same recipes and inputs, while that is still active:
    /// the way back, should `serving` turn out to be ill.
    pub replaced: Option<String>,
    /// Whether `serving` is so young that the rollout which made it may not have judged it at the end: only then
    /// is it judged, and the way back taken, by a run that has nothing else to do with it.
    pub recent: bool,
    /// What is being put into service. `None`: nothing differs from what serves.
    pub candidate: Option<Candidate>,
    /// The shares of the traffic that it gets, in percent.
    pub weights: Vec<u32>,
    /// How long each stands before it is judged.
    pub bake: Duration,
    /// Whether a failure puts everything back; else all is left as it stands.
    pub rolls_back: bool,
    /// Who gets what now, with the latest named.
    pub traffic: Traffic,
    /// What is left once the plan's writes are done, in order; each is one write.
    pub stages: Vec<Stage>,
    /// What people should know of it besides, in a sentence each.
    pub notes: Vec<String>,
    /// What the run writes that a rollout does not stage, and that stays when it is taken back, in a few words each.
    pub stays: Vec<String>,
    /// What judges the candidate, in a few words each.
    pub checks: Vec<String>,
    /// Where the candidate answers; `None` while the app's host is not known.
    pub url: Option<String>,
    /// What the checks see as `candidate`.
    pub seen: Value,
}

/// The revision that is put into service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name; `None` while a part of its template is known only after a write.
    pub name: Option<String>,
    /// Whether it is there, and active.
    pub exists: bool,
}

/// One write of a rollout, after the revision is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The label goes to the candidate, which gets no traffic by that.
    Label,
    /// The candidate gets this share, in percent.
    Shift(u32),
    /// The traffic is set as it stands: the operation that set it failed, and left the app so.
    Again,
    /// A revision that was replaced is deactivated.
    Retire(String),
}

impl Rollout {
    /// The candidate's name, when it is known.
    pub fn name(&self) -> Option<&str> {
        self.candidate.as_ref()?.name.as_deref()
    }

    /// The candidate's share of the traffic, in percent.
    pub fn weight(&self) -> u32 {
        self.name().map_or(0, |name| self.traffic.weight(name))
    }

    /// How long it takes at least: each share that is still to stand for a while.
    pub fn at_least(&self) -> Duration {
        let shifts = self.stages.iter().filter(|stage| matches!(stage, Stage::Shift(_))).count();
        let judged = self.candidate.is_none() && matches!(self.stages.last(), Some(Stage::Retire(_)));
        let standing = usize::from(self.weight() > 0 || judged);
        self.bake * u32::try_from(shifts + standing).unwrap_or(u32::MAX)
    }

    /// How long a run should be given at least: for its shares, and for what its writes and the start of its
    /// revision take when all goes well.
    pub fn needs(&self) -> Duration {
        let writes = u32::try_from(self.stages.len()).unwrap_or(u32::MAX);
        let starts = self.candidate.as_ref().is_some_and(|candidate| !candidate.exists);
        let start = if starts { START } else { Duration::ZERO };
        self.at_least().saturating_add(WRITE.saturating_mul(writes)).saturating_add(start)
    }
}

/// What is left to do for a candidate: pure over what stands.
pub fn stages(traffic: &Traffic, label: &str, candidate: Option<&str>, weights: &[u32]) -> Vec<Stage> {
    let labelled = candidate
        .is_some_and(|name| traffic.labelled(label).is_some_and(|have| have.eq_ignore_ascii_case(name)));
    let stands = candidate.map_or(0, |name| traffic.weight(name));
    let mut stages = Vec::new();
    if !labelled {
        stages.push(Stage::Label);
    }
    stages.extend(weights.iter().filter(|weight| **weight > stands).map(|weight| Stage::Shift(*weight)));
    stages
}

/// A rollout of the run, and what stands in its way.
pub(super) fn of(
    engine: &Engine<'_>,
    base: &Base,
    resources: &[ResourcePlan],
    steps: &[StepPlan],
) -> (Rollout, Vec<Finding>) {
    let policy = &base.policy;
    let app = engine.request.target.app_id();
    let owned =
        resources.iter().find(|plan| plan.id == app).map(|plan| plan.owned.as_slice()).unwrap_or_default();
    let leaves: Vec<_> = owned
        .iter()
        .map(|(owned, _)| owned)
        .filter(|owned| owned.path.pattern().starts_with(TEMPLATE))
        .collect();
    let changes = leaves.iter().any(|owned| !owned.in_place);
    let own = &engine.request.target.app;
    let mut findings = Vec::new();
    let mut candidate = None;
    let mut dead = false;
    if changes {
        candidate = Some(match seed(&base.serving, &leaves) {
            None => Candidate { name: None, exists: false },
            Some(seed) => {
                match naming::pick(&base.revisions, own, &seed, engine.request.retry, engine.request.renew) {
                    Pick::New(name) => Candidate { name: Some(name), exists: false },
                    Pick::Active(name) => Candidate { name: Some(name), exists: true },
                    Pick::Failed(name) => {
                        // Deactivated while it has traffic: then a run that is on sees what really stands.
                        dead = base.live.weight(&name) > 0;
                        findings.push(obstacles::failed_before(engine, base, &name));
                        Candidate { name: Some(name), exists: false }
                    }
                }
            }
        });
    }
    let name = candidate.as_ref().and_then(|candidate| candidate.name.as_deref());
    findings.extend(obstacles::in_the_way(engine, base, name));
    let at_once = at_once::of(engine, base, resources, steps);
    findings.extend(at_once.refused);
    let mut notes = at_once.notes;
    if findings.iter().all(|finding| finding.status == Status::Passed) {
        let detail = format!("{} has all of the traffic but the candidate's", base.serving);
        findings.push(Finding::passed(codes::ROLLOUT, "one revision serves").detail(detail));
    }
    let mut stages = match &candidate {
        Some(candidate) => stages(&base.traffic, &policy.label, candidate.name.as_deref(), &policy.weights),
        None => Vec::new(),
    };
    let replaced = if candidate.is_none() { predecessor(base, own, &leaves) } else { None };
    if replaced.is_some()
        && base.app.text_at(&["properties", "provisioningState"]).is_some_and(|state| state == "Failed")
    {
        stages.push(Stage::Again);
    }
    if stages.contains(&Stage::Label)
        && let Some(from) = base.live.labelled(&policy.label)
    {
        notes.push(format!("the label {} moves there from {from}", policy.label));
    }
    if !policy.keep {
        let others = base.live.others(&base.serving, &policy.label);
        match &candidate {
            Some(_) if !others.is_empty() => notes.push(format!(
                "{} stays active without traffic: it carries the label {}",
                base.serving,
                others.join(", ")
            )),
            Some(_) => stages.push(Stage::Retire(base.serving.clone())),
            // A run that was killed before its last stage has left it.
            None => stages.extend(replaced.clone().map(Stage::Retire)),
        }
    }
    let url = base.url(own);
    let rollout = Rollout {
        instance: engine.instances()[policy.instance].alias.clone(),
        label: policy.label.clone(),
        serving: base.serving.clone(),
        replaced,
        recent: base.age_of_serving(engine.request.now).is_none_or(|age| age < JUDGED),
        candidate,
        weights: policy.weights.clone(),
        bake: policy.bake,
        rolls_back: policy.rolls_back,
        traffic: if dead { base.live.clone() } else { base.traffic.clone() },
        stages,
        notes,
        stays: at_once.stays,
        checks: Vec::new(),
        url,
        seen: Value::null(),
    };
    let seen = candidate_value(base, &rollout);
    let checks = super::judging::named(engine, policy.instance, &seen);
    let rollout = Rollout { checks, seen, ..rollout };
    let instance = rollout.instance.clone();
    (rollout, findings.into_iter().map(|finding| finding.of(&instance)).collect())
}

/// The revision that what serves took the place of, if it is still active without traffic.
fn predecessor(base: &Base, app: &str, leaves: &[&crate::merge::Owned]) -> Option<String> {
    let idle = base.revisions.iter().filter(|one| one.active && !base.traffic.names(&one.name));
    idle.map(|one| &one.name)
        .find(|name| seed(name, leaves).is_some_and(|seed| naming::made_by(&base.serving, app, &seed)))
        .cloned()
}

/// What a run without a rollout that can begin says of one.
pub(super) fn without(engine: &Engine<'_>) -> Vec<Finding> {
    let mut findings = engine.rollout_blocked().to_vec();
    findings.extend(engine.serving().map(|serving| {
        Finding::passed(codes::ROLLOUT, "what serves is built on").detail(format!(
            "{}, the newest revision, is deactivated: changes are counted from {}, which has all of the traffic",
            serving.newest, serving.name
        ))
    }));
    findings
}

/// What the checks see as `candidate`.
fn candidate_value(base: &Base, rollout: &Rollout) -> Value {
    // Once it has all of the traffic it is what serves.
    let name = rollout.name().unwrap_or(&base.serving);
    let revision = base.revisions.iter().find(|one| one.name.eq_ignore_ascii_case(name));
    let properties =
        revision.and_then(|one| one.value.get("properties")).cloned().unwrap_or_else(Value::null);
    let url = rollout.url.as_deref().map_or_else(Value::null, Value::from);
    let weight = Value::new(Data::Number(base.traffic.weight(name).into()));
    super::target::object([
        ("revision", Value::from(name)),
        ("url", url),
        ("weight", weight),
        ("properties", properties),
    ])
}

/// The command that gives a revision all of the traffic.
pub fn shift_command(target: &super::Target, revision: &str) -> String {
    format!(
        "az containerapp ingress traffic set --name {} --resource-group {} --revision-weight {}=100",
        quote(&target.app),
        quote(&target.resource_group),
        quote(revision)
    )
}

/// The command that does something with a revision.
pub fn revision_command(target: &super::Target, verb: &str, revision: &str) -> String {
    format!(
        "az containerapp revision {verb} --name {} --resource-group {} --revision {}",
        quote(&target.app),
        quote(&target.resource_group),
        quote(revision)
    )
}

/// What a rollout owns of the app: Multiple mode, and no traffic that moves on to a new revision by itself. As
/// a step, so that it is planned, approved, written and verified as what recipes own is.
pub(super) fn pin(engine: &Engine<'_>, base: &Base) -> Option<StepPlan> {
    let kind = types::find(APP)?;
    let bound = &engine.instances()[base.policy.instance];
    let app = engine.app();
    let key = format!("{}.rollout", bound.alias);
    let text = |path: &[&str]| app.at(path).cloned().unwrap_or_else(Value::null);
    let mode = ["properties", "configuration", "activeRevisionsMode"];
    let mode = if base.multiple { text(&mode) } else { Value::from("Multiple") };
    let traffic = if base.live.is_pinned() && base.multiple && base.live == base.traffic {
        text(&["properties", "configuration", "ingress", "traffic"])
    } else {
        base.traffic.to_value()
    };
    let ingress = super::target::object([("traffic", traffic)]);
    let configuration = super::target::object([("activeRevisionsMode", mode), ("ingress", ingress)]);
    let fragment = super::target::object([("configuration", configuration)]);
    let id = engine.request.target.app_id();
    let outcome = steps::container_app(kind, &key, &id, &app, None, &fragment).ok()?;
    Some(StepPlan {
        key,
        instance: bound.alias.clone(),
        recipe: bound.recipe.name.value.clone(),
        step: "rollout".to_owned(),
        span: base.policy.span,
        why: Some("traffic goes to revisions by name, and not to whichever is the latest".to_owned()),
        needs: std::collections::BTreeSet::new(),
        after: std::collections::BTreeSet::new(),
        retry: None,
        triggered_by: std::collections::BTreeSet::new(),
        timeout: None,
        version: None,
        goes_back: false,
        kept: None,
        outcome,
    })
}

/// Whether a verification finds no rollout half way.
pub(super) fn verification(engine: &Engine<'_>, base: &Base, rollout: &Rollout) -> Finding {
    let name = "no rollout is under way";
    let again = engine.applies(base.policy.instance, &[]);
    let finding = match rollout.name().filter(|_| rollout.candidate.as_ref().is_some_and(|one| one.exists)) {
        Some(candidate) => Finding::failed(codes::ROLLOUT, name)
            .detail(format!(
                "{candidate} stands at {} %, {} at {} %; applying goes on from there",
                rollout.weight(),
                base.serving,
                base.traffic.weight(&base.serving)
            ))
            .fix(again),
        None => match base.traffic.weight(&base.serving) {
            100 => Finding::passed(codes::ROLLOUT, name)
                .detail(format!("{} has 100 % of the traffic", base.serving)),
            share => Finding::failed(codes::ROLLOUT, name)
                .detail(format!("{} has {share} % of the traffic: {}", base.serving, base.traffic)),
        },
    };
    finding.of(&rollout.instance)
}
