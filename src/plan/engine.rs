//! One evaluation of all recipes of a run over one set of facts: every value made when it is asked
//! for, and once.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use time::OffsetDateTime;

use super::earlier::Earlier;
use super::finding::Finding;
use super::frame::Frame;
use super::rollout::{self, Base, Serving, Standing};
use super::stepping::StepRun;
use super::target::Target;
use crate::azure::types;
use crate::azure::{Caller, ResourceId};
use crate::diagnostic::Diagnostic;
use crate::facts::{Asked, Fact, Facts, Read};
use crate::recipe::inputs::Bound;
use crate::recipe::{Instance, Recipe};
use crate::value::{Data, Origin, Value};

/// The recipes of a run with their inputs, required ones first.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The recipes, each under its name.
    pub instances: Vec<Instance>,
    /// Their inputs.
    pub inputs: Bound,
}

/// Everything a plan is a function of.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The recipes of the run with their inputs.
    pub selection: &'a Selection,
    /// What they work on.
    pub target: &'a Target,
    /// Who is calling, when that is known: for deny assignments and for what an administrator types.
    pub caller: Option<&'a Caller>,
    /// The present moment, for the age of role assignments.
    pub now: OffsetDateTime,
    /// Replaces every `settle` of the run (`--role-wait`).
    pub role_wait: Option<Duration>,
    /// A template that nothing runs was sent again and still nothing runs it: send it with a suffix of
    /// its own, so that it differs. (Whether the same template sent again is enough is not confirmed.)
    pub renew: bool,
    /// Whether the app is asked what verifications want to know of it.
    pub probing: bool,
    /// A change that was rolled out and taken back is tried again, under another name (`--retry`).
    pub retry: bool,
    /// What the run has done so far.
    pub so_far: &'a SoFar,
}

/// What a run has done so far that live state does not tell.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    /// The keys of the steps that wrote.
    pub wrote: BTreeSet<String>,
    /// What actions with an effect answered, by the keys of their steps. Each is sent once in a run.
    pub answers: BTreeMap<String, Value>,
    /// The command that shows what became of each, by the same keys.
    pub looks: BTreeMap<String, String>,
    /// The keys of the waits that are over.
    pub waited: BTreeSet<String>,
    /// What the interrupted run did that this one goes on from.
    pub earlier: Earlier,
}

/// All rounds of one step.
type Runs = Rc<Vec<StepRun>>;

/// One evaluation of all instances over one set of facts.
pub(super) struct Engine<'a> {
    pub(super) request: Request<'a>,
    pub(super) asked: Asked<'a>,
    memo: RefCell<HashMap<Slot, Value>>,
    pub(super) runs: RefCell<HashMap<(usize, usize), Runs>>,
    busy: RefCell<Vec<Slot>>,
    problems: RefCell<Vec<Diagnostic>>,
    /// What a rollout of the run starts from, once that has been looked at.
    standing: OnceCell<Standing>,
}

/// A lazily made value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Input(usize, String),
    Variable(usize, String, Option<String>),
    Output(usize, String),
    Existing(usize, String, Option<String>),
    Steps(usize, usize),
    Active(usize),
}

impl<'a> Engine<'a> {
    pub(super) fn new(request: Request<'a>, facts: &'a Facts) -> Engine<'a> {
        let engine = Engine {
            request,
            asked: Asked::new(facts),
            memo: RefCell::default(),
            runs: RefCell::default(),
            busy: RefCell::default(),
            problems: RefCell::default(),
            standing: OnceCell::new(),
        };
        // Before anything else: all of the run sees the app with the template of what serves.
        let standing = rollout::standing(&engine, &engine.app_as_read());
        let _ = engine.standing.set(standing);
        engine
    }

    /// What a rollout of the run starts from; `None`: there is none, or it cannot begin yet.
    pub(super) fn rollout(&self) -> Option<&Base> {
        match self.standing.get() {
            Some(Standing::Here(base)) => Some(base),
            _ => None,
        }
    }

    /// Why a rollout of the run cannot begin.
    pub(super) fn rollout_blocked(&self) -> &[Finding] {
        match self.standing.get() {
            Some(Standing::Blocked(findings)) => findings,
            _ => &[],
        }
    }

    pub(super) fn instances(&self) -> &'a [Instance] {
        &self.request.selection.instances
    }

    pub(super) fn recipe(&self, instance: usize) -> &'a Recipe {
        &self.instances()[instance].recipe
    }

    pub(super) fn frame(&self, instance: usize) -> Frame<'_, 'a> {
        Frame { engine: self, instance, each: None, roots: Vec::new() }
    }

    pub(super) fn problem(&self, diagnostic: Diagnostic) {
        let mut problems = self.problems.borrow_mut();
        let known = problems.iter().any(|have| {
            have.code == diagnostic.code
                && have.message == diagnostic.message
                && have.labels.first().map(|label| label.span)
                    == diagnostic.labels.first().map(|label| label.span)
        });
        if !known {
            problems.push(diagnostic);
        }
    }

    /// How many mistakes were found so far.
    pub(super) fn mistakes(&self) -> usize {
        self.problems.borrow().len()
    }

    pub(super) fn take_problems(&self) -> Vec<Diagnostic> {
        self.problems.take()
    }

    /// The api-version for a type: the newest of ours that the provider's own answer offers; the
    /// newest of ours while there is no answer.
    pub(super) fn version(&self, kind: &str) -> String {
        let namespace = types::find(kind).map_or("", |row| row.namespace());
        // These two are part of ARM itself.
        if matches!(namespace, "" | "Microsoft.Authorization" | "Microsoft.Resources") {
            return version_offered(kind, None);
        }
        let provider = self.asked.ask(&self.provider_read(namespace)).and_then(Fact::value);
        version_offered(kind, provider)
    }

    /// The read of a provider's registration and api-versions.
    pub(super) fn provider_read(&self, namespace: &str) -> Read {
        provider_read(&self.request.target.subscription, namespace)
    }

    /// The read of one resource at the version that fits.
    pub(super) fn read(&self, id: &ResourceId, kind: &str) -> Read {
        Read::one(id, kind, &self.version(kind))
    }

    pub(super) fn app_read(&self) -> Read {
        self.read(&self.request.target.app_id(), "Microsoft.App/containerApps")
    }

    /// The app as observed; where a rollout is in the run, or the newest revision was taken back, with the template
    /// of the revision that serves.
    pub(super) fn app(&self) -> Value {
        self.app_that_serves().cloned().unwrap_or_else(|| self.app_as_read())
    }

    /// The app with the template of the revision that serves, where everything of the run is counted from that.
    pub(super) fn app_that_serves(&self) -> Option<&Value> {
        match self.standing.get() {
            Some(Standing::Here(base)) => Some(&base.app),
            Some(Standing::Serving(serving)) => Some(&serving.app),
            _ => None,
        }
    }

    /// What serves in the place of a newest revision that was taken back, in a run without a rollout.
    pub(super) fn serving(&self) -> Option<&Serving> {
        match self.standing.get() {
            Some(Standing::Serving(serving)) => Some(serving),
            _ => None,
        }
    }

    /// The app just as it was read; null in a run without one.
    pub(super) fn app_as_read(&self) -> Value {
        if !self.request.target.has_app() {
            return Value::null();
        }
        self.asked.value(&self.app_read())
    }

    /// What the run works on: the app, else the environment, else the resource group.
    pub(super) fn place(&self) -> Value {
        let target = self.request.target;
        if target.has_app() {
            return self.app();
        }
        match target.environment_id() {
            Some(_) => self.environment(),
            None => self
                .asked
                .value(&self.read(&target.group_id(), "Microsoft.Resources/subscriptions/resourceGroups")),
        }
    }

    /// Whether what the run works on is not there: then nothing can be judged, and its finding says so.
    pub(super) fn place_is_missing(&self) -> bool {
        self.place().is_null()
    }

    /// The id of the app's environment; apps may carry either of two names for it.
    pub(super) fn environment_id(app: &Value) -> Option<ResourceId> {
        app.text_at(&["properties", "environmentId"])
            .or_else(|| app.text_at(&["properties", "managedEnvironmentId"]))
            .and_then(ResourceId::parse)
    }

    /// The environment as observed: the one the app is in, or the one that is given.
    pub(super) fn environment(&self) -> Value {
        if !self.request.target.has_app() {
            let kind = "Microsoft.App/managedEnvironments";
            let id = self.request.target.environment_id();
            return id.map_or_else(Value::null, |id| self.asked.value(&self.read(&id, kind)));
        }
        let app = self.app();
        if app.is_unknown() || app.is_null() {
            return app;
        }
        match Self::environment_id(&app) {
            Some(id) => self.asked.value(&self.read(&id, "Microsoft.App/managedEnvironments")),
            None => Value::null(),
        }
    }

    /// The app's newest revision as observed; null when it has none.
    pub(super) fn newest_revision(&self, app: &Value) -> Value {
        self.revision(app, "latestRevisionName")
    }

    fn revision(&self, app: &Value, property: &str) -> Value {
        let Some(name) = app.text_at(&["properties", property]) else {
            return Value::null();
        };
        self.revision_named(name)
    }

    /// A revision of the app as observed.
    pub(super) fn revision_named(&self, name: &str) -> Value {
        let id = self.request.target.app_id().child("revisions", name);
        self.asked.value(&self.read(&id, "Microsoft.App/containerApps/revisions"))
    }

    /// Whether the app's newest revision could not be provisioned, and so never ran.
    pub(super) fn newest_never_ran(&self, app: &Value) -> bool {
        self.newest_revision(app).text_at(&["properties", "provisioningState"]) == Some("Failed")
    }

    /// The template that runs, when it can be read: the newest revision's, or, when that could not be
    /// provisioned, the one of the revision that serves in its place. Where none does, only the names of
    /// the containers: nothing of what the app says of them has ever run.
    pub(super) fn running_template(&self, app: &Value) -> Option<Value> {
        let newest = self.newest_revision(app);
        let template = |revision: &Value| {
            revision.at(&["properties", "template"]).filter(|template| template.as_map().is_some()).cloned()
        };
        if !self.newest_never_ran(app) {
            return template(&newest);
        }
        let ready = self.revision(app, "latestReadyRevisionName");
        if ready.is_null() { template(&newest).map(|newest| names_only(&newest)) } else { template(&ready) }
    }

    /// The container that recipes mean: the one asked for, the only one, or the one named as the app.
    pub(super) fn container(&self) -> Value {
        let app = self.app();
        if app.is_unknown() || app.is_null() {
            return app;
        }
        pick_container(self.request.target, &app).cloned().unwrap_or_else(|| Value::unknown(Origin::Absent))
    }

    /// The position of the instance of this name.
    pub(super) fn position(&self, alias: &str) -> Option<usize> {
        self.instances().iter().position(|one| one.alias == alias)
    }

    /// The value of a slot, made once. A cycle is told and reads as null: within one recipe lint finds
    /// it, across recipes only the instances of a run show it.
    pub(super) fn remember(&self, slot: Slot, make: impl FnOnce() -> Value) -> Value {
        if let Some(value) = self.memo.borrow().get(&slot) {
            return value.clone();
        }
        if let Some(start) = self.busy.borrow().iter().position(|other| *other == slot) {
            self.circle(&self.busy.borrow()[start..]);
            return Value::null();
        }
        self.busy.borrow_mut().push(slot.clone());
        let value = make();
        self.busy.borrow_mut().pop();
        self.memo.borrow_mut().insert(slot, value.clone());
        value
    }

    /// The outputs of an instance.
    pub(super) fn outputs(&self, instance: usize) -> IndexMap<String, Value> {
        self.recipe(instance)
            .outputs
            .keys()
            .map(|name| (name.clone(), self.output(instance, name).unwrap_or_else(Value::null)))
            .collect()
    }

    pub(super) fn output(&self, instance: usize, name: &str) -> Option<Value> {
        let definition = self.recipe(instance).outputs.get(name)?;
        Some(self.remember(
            Slot::Output(instance, name.to_owned()),
            || match self.active(instance).truthy() {
                Some(true) => self.frame(instance).tree(&definition.value),
                Some(false) => Value::null(),
                None => self.active(instance),
            },
        ))
    }
}

/// The container that recipes mean. `None`: the app has several and none of them is named, or the
/// one asked for is not there.
pub(super) fn pick_container<'v>(target: &Target, app: &'v Value) -> Option<&'v Value> {
    let containers = app.at(&["properties", "template", "containers"])?.as_list()?;
    let named = |name: &str| containers.iter().find(|container| container.text_at(&["name"]) == Some(name));
    match (&target.container, containers) {
        (Some(name), _) => named(name),
        (None, [only]) => Some(only),
        (None, _) => named(&target.app),
    }
}

/// A template with nothing in it but the names of its containers.
fn names_only(template: &Value) -> Value {
    let mut hollow = Value::null();
    hollow.data = Data::Map(
        ["containers", "initContainers"]
            .into_iter()
            .filter_map(|list| {
                let named = template.get(list)?.as_list()?.iter().filter_map(|container| {
                    let name = container.get("name")?.clone();
                    Some(Value::new(Data::Map(IndexMap::from([("name".to_owned(), name)]))))
                });
                Some((list.to_owned(), Value::new(Data::List(named.collect()))))
            })
            .collect(),
    );
    hollow
}

/// The api-version for a type: the newest of ours that the provider's own answer offers; the newest of ours while
/// there is no answer.
pub fn version_offered(kind: &str, provider: Option<&Value>) -> String {
    let Some(row) = types::find(kind) else {
        return String::new();
    };
    let newest = row.versions.first().copied().unwrap_or_default();
    let offered = provider
        .and_then(|provider| provider.get("resourceTypes"))
        .and_then(Value::as_list)
        .and_then(|rows| {
            let own = kind.split_once('/').map_or("", |(_, rest)| rest);
            rows.iter()
                .find(|row| row.text_at(&["resourceType"]).is_some_and(|name| name.eq_ignore_ascii_case(own)))
                .and_then(|row| row.get("apiVersions"))
                .and_then(Value::as_list)
        });
    let Some(offered) = offered else {
        return newest.to_owned();
    };
    row.versions
        .iter()
        .find(|ours| offered.iter().any(|theirs| theirs.as_str() == Some(ours)))
        .copied()
        .unwrap_or(newest)
        .to_owned()
}

/// The read of a provider's registration and api-versions.
pub fn provider_read(subscription: &str, namespace: &str) -> Read {
    let id = ResourceId::subscription_id(subscription);
    let version = types::find("Microsoft.Resources/providers").and_then(|row| row.versions.first());
    let mut read = Read::one(&id, "Microsoft.Resources/providers", version.copied().unwrap_or_default());
    read.path = format!("{id}/providers/{namespace}");
    read.key = read.path.to_ascii_lowercase();
    read
}
