//! Where an expression stands: the roots of one instance, in one round of a `for_each`.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::engine::{Engine, Slot};
use super::quote;
use super::stepping::StepRun;
use super::target::object;
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expression::{Expression, ExpressionError, Scope, Tree};
use crate::facts::Fact;
use crate::recipe::{Expr, Lookup, Recipe, Spanned};
use crate::value::{Data, Marks, Origin, Redacted, Value};

/// The most rounds of one `for_each`; an app has a handful of secrets or domains. Each round costs reads.
const MAX_ROUNDS: usize = 1000;

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
    /// Roots that are there beside those of the recipe: `it`, `candidate`.
    pub(super) roots: Vec<(String, Value)>,
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

    fn mistake(&self, error: &ExpressionError, span: Span) -> Value {
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

    /// A command that people may paste into a shell: every value in it is one word there.
    pub(super) fn command(&self, expression: Option<&Expr>) -> Option<String> {
        let expression = expression?;
        let advice = shown(&self.checked(expression, expression.value.evaluate_quoted(self, quote)))?;
        Some(self.engine.as_typed(self.instance, advice))
    }

    /// The rounds of a `for_each`: one without a key when there is none. `None`: not known yet.
    pub(super) fn rounds(&self, for_each: Option<&Expr>) -> Option<Vec<Option<Each>>> {
        let Some(expression) = for_each else {
            return Some(vec![self.each.clone()]);
        };
        let value = self.expression(expression);
        let by = expression.value.text();
        let each = |(key, value)| Some(Each { key, value, by: by.to_owned() });
        let many = value.as_list().map(<[Value]>::len).or(value.as_map().map(IndexMap::len));
        if let Some(many) = many.filter(|many| *many > MAX_ROUNDS) {
            let message = format!("`for_each` has {many} rounds, more than the {MAX_ROUNDS} that are made");
            self.engine.problem(Diagnostic::error(codes::TOO_MANY_ROUNDS, message).label(
                &self.recipe().source,
                expression.span,
                "",
            ));
            return Some(Vec::new());
        }
        // The names of rounds are shown and become names of things.
        if value.as_map().is_some() && self.hides(value.marks, expression.span, "the key of a round") {
            return Some(Vec::new());
        }
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

    /// Reports a hidden value where it would be seen: in a name, a URL, a filter.
    pub(super) fn hides(&self, marks: Marks, span: Span, what: &str) -> bool {
        if marks.hidden() {
            let value = if marks.secret { "a secret" } else { "a value of somebody else" };
            self.engine.problem(
                Diagnostic::error(codes::SECRET_MISPLACED, format!("{value} cannot be {what}")).label(
                    &self.recipe().source,
                    span,
                    "",
                ),
            );
        }
        marks.hidden()
    }

    /// As [`Frame::hides`], of a value that others will see: the content of a file may not be sent to them either.
    pub(super) fn tells(&self, value: &Value, span: Span, what: &str) -> bool {
        let hidden = if value.contains_secret() { Marks::SECRET } else { Marks::EXISTING };
        if value.contains_hidden() {
            return self.hides(hidden, span, what);
        }
        if value.contains_file() {
            let message = format!("the content of a file cannot be {what}");
            let problem = Diagnostic::error(codes::SECRET_MISPLACED, message);
            self.engine.problem(problem.label(&self.recipe().source, span, ""));
        }
        value.contains_file()
    }

    pub(super) fn with_each(&self, each: Option<Each>) -> Frame<'_, 'a> {
        Frame { engine: self.engine, instance: self.instance, each, roots: self.roots.clone() }
    }

    pub(super) fn with_root(&self, name: &str, value: Value) -> Frame<'_, 'a> {
        let mut frame = self.with_each(self.each.clone());
        frame.roots.push((name.to_owned(), value));
        frame
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
            "data" => self.group(field, recipe.data.keys(), |frame, name| {
                Some(Value::from(frame.recipe().data.get(name)?.value.as_ref().clone()))
            }),
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
                if let ("app", Some(field), None) = (root, field, engine.app_that_serves())
                    && engine.request.target.has_app()
                    && let Some(Fact::Found(app)) = engine.asked.ask(&engine.app_read())
                {
                    return Some(select(app, field));
                }
                let own = self.roots.iter().find(|(name, _)| name == root);
                let value = match root {
                    _ if own.is_some() => own.map(|(_, value)| value.clone())?,
                    "target" => engine.request.target.value(&engine.place()),
                    "cloud" => engine.request.target.cloud_value(),
                    "app" => engine.app(),
                    "environment" => engine.environment(),
                    "container" => engine.container(),
                    "each" => {
                        let each = self.each.as_ref()?;
                        object([("key", each.key.clone()), ("value", each.value.clone())])
                    }
                    name if recipe.existing.contains_key(name) => {
                        let value = self.existing(name)?;
                        let tells = recipe.existing.get(name).is_some_and(Lookup::tells_refusal);
                        match (value.text_at(&["refused"]), field) {
                            (Some(reason), Some(field)) if tells && field != "refused" => {
                                return Some(Value::unknown(Origin::Refused(reason.to_owned())));
                            }
                            _ => value,
                        }
                    }
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
        return value.below(field);
    }
    value.get(field).cloned().unwrap_or_else(Value::null)
}

/// What of a value people may read; nothing for null and the empty string.
pub(super) fn shown(value: &Value) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let redacted = Redacted(value).to_json();
    let text = redacted.as_str().map_or_else(|| redacted.to_string(), str::to_owned);
    (!text.is_empty()).then_some(text)
}

/// The steps that would make a value known, actions that are asked among them.
pub(super) fn step_origins(value: &Value) -> BTreeSet<String> {
    value
        .origins()
        .into_iter()
        .filter_map(|origin| match origin {
            Origin::Step(key) | Origin::Action(key) => Some(key),
            _ => None,
        })
        .collect()
}
