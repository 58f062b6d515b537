//! Expressions meet facts: the roots of one instance, made when they are asked for.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use time::OffsetDateTime;

use super::stepping::StepRun;
use super::target::{Target, object};
use crate::azure::ResourceId;
use crate::azure::types;
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Expression, ExpressionError, Scope, Tree};
use crate::facts::{Asked, Fact, Facts, Read};
use crate::recipe::inputs::{Bound, BoundValue};
use crate::recipe::{Expr, Instance, Recipe, Spanned};
use crate::value::{Data, Marks, Origin, Value};

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
    /// The present moment, for the age of role assignments.
    pub now: OffsetDateTime,
    /// Replaces every `settle` of the run (`--role-wait`).
    pub role_wait: Option<Duration>,
    /// A template that nothing runs was sent again and still nothing runs it: send it with a suffix of
    /// its own, so that it differs. (Whether the same template sent again is enough is not confirmed.)
    pub renew: bool,
}

/// All rounds of one step.
type Runs = Rc<Vec<StepRun>>;

/// One evaluation of all instances over one set of facts.
pub(super) struct Engine<'a> {
    pub(super) request: Request<'a>,
    pub(super) asked: Asked<'a>,
    memo: RefCell<HashMap<Slot, Value>>,
    pub(super) runs: RefCell<HashMap<(usize, usize), Runs>>,
    busy: RefCell<HashSet<Slot>>,
    problems: RefCell<Vec<Diagnostic>>,
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

/// The key and value of one round of a `for_each`.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) key: Value,
    pub(super) value: Value,
    /// The expression that gives the rounds: equal keys of different loops are different rounds.
    pub(super) by: String,
}

impl Each {
    /// The key as text, for names of step runs.
    pub(super) fn text(&self) -> String {
        self.key.as_str().map_or_else(
            || self.key.to_json().map(|json| json.to_string()).unwrap_or_default(),
            str::to_owned,
        )
    }
}

/// Where an expression stands: its instance, and its round of a `for_each`.
pub(super) struct Frame<'e, 'a> {
    pub(super) engine: &'e Engine<'a>,
    pub(super) instance: usize,
    pub(super) each: Option<Each>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(request: Request<'a>, facts: &'a Facts) -> Engine<'a> {
        Engine {
            request,
            asked: Asked::new(facts),
            memo: RefCell::default(),
            runs: RefCell::default(),
            busy: RefCell::default(),
            problems: RefCell::default(),
        }
    }

    pub(super) fn instances(&self) -> &'a [Instance] {
        &self.request.selection.instances
    }

    pub(super) fn recipe(&self, instance: usize) -> &'a Recipe {
        &self.instances()[instance].recipe
    }

    pub(super) fn frame(&self, instance: usize) -> Frame<'_, 'a> {
        Frame { engine: self, instance, each: None }
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

    pub(super) fn take_problems(&self) -> Vec<Diagnostic> {
        self.problems.take()
    }

    /// The api-version for a type: the newest of ours that the provider's own answer offers; the
    /// newest of ours while there is no answer.
    pub(super) fn version(&self, kind: &str) -> String {
        let Some(row) = types::find(kind) else {
            return String::new();
        };
        let newest = row.versions.first().copied().unwrap_or_default();
        let namespace = row.namespace();
        // These two are part of ARM itself.
        if matches!(namespace, "Microsoft.Authorization" | "Microsoft.Resources") {
            return newest.to_owned();
        }
        let provider = self.asked.ask(&self.provider_read(namespace)).and_then(Fact::value);
        let offered = provider
            .and_then(|provider| provider.get("resourceTypes"))
            .and_then(Value::as_list)
            .and_then(|rows| {
                let own = kind.split_once('/').map_or("", |(_, rest)| rest);
                rows.iter()
                    .find(|row| {
                        row.text_at(&["resourceType"]).is_some_and(|name| name.eq_ignore_ascii_case(own))
                    })
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
    pub(super) fn provider_read(&self, namespace: &str) -> Read {
        let id = ResourceId::subscription_id(&self.request.target.subscription);
        let version = types::find("Microsoft.Resources/providers").and_then(|row| row.versions.first());
        let mut read = Read::one(&id, "Microsoft.Resources/providers", version.copied().unwrap_or_default());
        read.path = format!("{id}/providers/{namespace}");
        read.key = read.path.to_ascii_lowercase();
        read
    }

    /// The read of one resource at the version that fits.
    pub(super) fn read(&self, id: &ResourceId, kind: &str) -> Read {
        Read::one(id, kind, &self.version(kind))
    }

    pub(super) fn app_read(&self) -> Read {
        self.read(&self.request.target.app_id(), "Microsoft.App/containerApps")
    }

    /// The app as observed.
    pub(super) fn app(&self) -> Value {
        self.asked.value(&self.app_read())
    }

    /// The id of the app's environment; apps may carry either of two names for it.
    pub(super) fn environment_id(app: &Value) -> Option<ResourceId> {
        app.text_at(&["properties", "environmentId"])
            .or_else(|| app.text_at(&["properties", "managedEnvironmentId"]))
            .and_then(ResourceId::parse)
    }

    /// The environment as observed: the one the app is in.
    pub(super) fn environment(&self) -> Value {
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
        let Some(name) = app.text_at(&["properties", "latestRevisionName"]) else {
            return Value::null();
        };
        let id = self.request.target.app_id().child("revisions", name);
        self.asked.value(&self.read(&id, "Microsoft.App/containerApps/revisions"))
    }

    /// The template that the newest revision runs, when it can be read.
    pub(super) fn running_template(&self, app: &Value) -> Option<Value> {
        let revision = self.newest_revision(app);
        revision.at(&["properties", "template"]).filter(|template| template.as_map().is_some()).cloned()
    }

    /// The container that recipes mean: the one asked for, the only one, or the one named as the app.
    pub(super) fn container(&self) -> Value {
        let app = self.app();
        if app.is_unknown() || app.is_null() {
            return app;
        }
        pick_container(self.request.target, &app).cloned().unwrap_or_else(|| Value::unknown(Origin::Absent))
    }

    /// Whether an instance takes part: a `requires … when` may leave it out.
    pub(super) fn active(&self, instance: usize) -> Value {
        let slot = Slot::Active(instance);
        self.remember(slot, || {
            let wanted_by = &self.instances()[instance].required_by;
            if wanted_by.is_empty() {
                return Value::from(true);
            }
            // One that asks for it is enough; an undecided one only counts when none does.
            let mut undecided = None;
            for (alias, requirement) in wanted_by {
                let Some(parent) = self.position(alias) else {
                    continue;
                };
                let asks = match &requirement.when {
                    Some(when) => self.frame(parent).expression(when),
                    None => self.active(parent),
                };
                match asks.truthy() {
                    Some(true) => return Value::from(true),
                    Some(false) => {}
                    None => undecided = Some(asks),
                }
            }
            undecided.unwrap_or_else(|| Value::from(false))
        })
    }

    /// The position of the instance of this name.
    fn position(&self, alias: &str) -> Option<usize> {
        self.instances().iter().position(|one| one.alias == alias)
    }

    /// The value of a slot, made once; a cycle (lint finds them) reads as null.
    pub(super) fn remember(&self, slot: Slot, make: impl FnOnce() -> Value) -> Value {
        if let Some(value) = self.memo.borrow().get(&slot) {
            return value.clone();
        }
        if !self.busy.borrow_mut().insert(slot.clone()) {
            return Value::null();
        }
        let value = make();
        self.busy.borrow_mut().remove(&slot);
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

    fn output(&self, instance: usize, name: &str) -> Option<Value> {
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

    fn input(&self, instance: usize, name: &str) -> Option<Value> {
        let input = self.request.selection.inputs.get(&self.instances()[instance].alias, name)?;
        Some(self.remember(Slot::Input(instance, name.to_owned()), || {
            let value = match &input.value {
                BoundValue::Given(value) => value.clone(),
                BoundValue::Expression { tree, scope } => {
                    self.frame(self.position(scope).unwrap_or(instance)).tree(tree)
                }
                BoundValue::Unset => Value::null(),
            };
            if input.secret { value.mark(Marks::SECRET) } else { value }
        }))
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

impl<'a> Frame<'_, 'a> {
    pub(super) fn recipe(&self) -> &'a Recipe {
        self.engine.recipe(self.instance)
    }

    /// The value of an expression; a mistake in it becomes a problem and reads as null.
    pub(super) fn expression(&self, expression: &Expr) -> Value {
        self.checked(expression, expression.value.evaluate(self))
    }

    /// The value of a fragment; a mistake in it becomes a problem and reads as null.
    pub(super) fn tree(&self, tree: &Tree) -> Value {
        match tree.evaluate(self) {
            Ok(value) => value,
            Err(error) => self.mistake(&error, error.span),
        }
    }

    fn checked(&self, expression: &Spanned<Expression>, value: Result<Value, ExpressionError>) -> Value {
        match value {
            Ok(value) => value,
            Err(error) => self.mistake(&error, expression.span),
        }
    }

    fn mistake(&self, error: &ExpressionError, span: crate::diagnostic::Span) -> Value {
        let mut diagnostic = Diagnostic::error(codes::EXPRESSION_FAILED, error.message.clone());
        if let Some(help) = &error.help {
            diagnostic = diagnostic.note(help.clone());
        }
        self.engine.problem(diagnostic.label(&self.recipe().source, span, ""));
        Value::null()
    }

    /// The text of an expression that people read; empty when it gives nothing.
    pub(super) fn text(&self, expression: Option<&Expr>) -> Option<String> {
        let value = self.expression(expression?);
        shown(&value)
    }

    /// The rounds of a `for_each`: one without a key when there is none. `None`: not known yet.
    pub(super) fn rounds(&self, for_each: Option<&Expr>) -> Option<Vec<Option<Each>>> {
        let Some(expression) = for_each else {
            return Some(vec![self.each.clone()]);
        };
        let value = self.expression(expression);
        let by = expression.value.text();
        let each = |(key, value)| Some(Each { key, value, by: by.to_owned() });
        match value.data {
            Data::Unknown(_) => None,
            Data::List(items) => {
                let keyed = items.into_iter().enumerate();
                Some(
                    keyed
                        .map(|(index, value)| (Value::new(Data::Number(index.into())), value))
                        .map(each)
                        .collect(),
                )
            }
            Data::Map(members) => {
                let mut members: Vec<(String, Value)> = members.into_iter().collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                Some(members.into_iter().map(|(key, value)| (Value::from(key), value)).map(each).collect())
            }
            _ => Some(Vec::new()),
        }
    }

    pub(super) fn with_each(&self, each: Option<Each>) -> Frame<'_, 'a> {
        Frame { engine: self.engine, instance: self.instance, each }
    }

    /// What tells this round from all others of the instance.
    fn each_key(&self) -> Option<String> {
        self.each.as_ref().map(|each| format!("{}|{}", each.by, each.text()))
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let definition = self.recipe().variables.get(name)?;
        let slot = Slot::Variable(self.instance, name.to_owned(), self.each_key());
        Some(self.engine.remember(slot, || self.tree(&definition.value)))
    }

    fn step(&self, name: &str) -> Option<Value> {
        let index = self.recipe().steps.iter().position(|step| step.id.name == name)?;
        let runs = self.engine.step_runs(self.instance, index);
        if self.recipe().steps[index].for_each.is_none() {
            return Some(runs.first().map_or_else(Value::null, StepRun::result));
        }
        let members = runs.iter().map(|run| (run.each.clone().unwrap_or_default(), run.result()));
        Some(Value::new(Data::Map(members.collect())))
    }

    fn existing(&self, name: &str) -> Option<Value> {
        let lookup = self.recipe().existing.get(name)?;
        let slot = Slot::Existing(self.instance, name.to_owned(), self.each_key());
        Some(self.engine.remember(slot, || self.look_up(lookup)))
    }

    fn group<'k>(
        &self,
        field: Option<&str>,
        keys: impl Iterator<Item = &'k String>,
        one: impl Fn(&Self, &str) -> Option<Value>,
    ) -> Option<Value> {
        match field {
            Some(field) => one(self, field),
            None => Some(Value::new(Data::Map(
                keys.filter_map(|key| Some((key.clone(), one(self, key)?))).collect(),
            ))),
        }
    }
}

impl Scope for Frame<'_, '_> {
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
        let recipe = self.recipe();
        let engine = self.engine;
        match root {
            "inputs" => {
                self.group(field, recipe.inputs.keys(), |frame, name| engine.input(frame.instance, name))
            }
            "variables" => self.group(field, recipe.variables.keys(), Frame::variable),
            "outputs" => {
                self.group(field, recipe.outputs.keys(), |frame, name| engine.output(frame.instance, name))
            }
            "steps" => {
                let names: Vec<String> = recipe.steps.iter().map(|step| step.id.name.clone()).collect();
                self.group(field, names.iter(), Frame::step)
            }
            _ => {
                // One member of the app, without a copy of all of it.
                if let ("app", Some(field), Some(Fact::Found(app))) =
                    (root, field, engine.asked.ask(&engine.app_read()))
                {
                    return Some(select(app, field));
                }
                let value = match root {
                    "target" => engine.request.target.value(&engine.app()),
                    "cloud" => engine.request.target.cloud_value(),
                    "app" => engine.app(),
                    "environment" => engine.environment(),
                    "container" => engine.container(),
                    "each" => {
                        let each = self.each.as_ref()?;
                        object([("key", each.key.clone()), ("value", each.value.clone())])
                    }
                    name if recipe.existing.contains_key(name) => self.existing(name)?,
                    alias => {
                        let instance = engine.position(alias)?;
                        return match field {
                            Some(field) => engine.output(instance, field),
                            None => Some(Value::new(Data::Map(engine.outputs(instance)))),
                        };
                    }
                };
                Some(match field {
                    Some(field) => select(&value, field),
                    None => value,
                })
            }
        }
    }
}

/// The member of an object; a member of an unknown is as unknown.
fn select(value: &Value, field: &str) -> Value {
    if value.is_unknown() {
        return value.clone();
    }
    value.get(field).cloned().unwrap_or_else(Value::null)
}

/// What of a value people may read; nothing for null and the empty string.
pub(super) fn shown(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let redacted = crate::value::Redacted(value).to_json();
    let text = redacted.as_str().map_or_else(|| redacted.to_string(), str::to_owned);
    (!text.is_empty()).then_some(text)
}

/// The steps that would make a value known.
pub(super) fn step_origins(value: &Value) -> BTreeSet<String> {
    value
        .origins()
        .into_iter()
        .filter_map(|origin| match origin {
            crate::value::Origin::Step(key) => Some(key),
            _ => None,
        })
        .collect()
}
