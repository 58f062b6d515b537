//! Instances and what ties them together: which take part, what those that require one set it to,
//! and circles of values that no single recipe shows.

use super::engine::{Engine, Slot};
use super::quote;
use super::stepping::usable;
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::inputs::{BoundValue, Wanted, disagreement};
use crate::recipe::snake;
use crate::value::{Marks, Value};

impl Engine<'_> {
    /// Whether an instance takes part: a `requires … when` may leave it out, unless it is asked for.
    pub(super) fn active(&self, instance: usize) -> Value {
        self.remember(Slot::Active(instance), || {
            let bound = &self.instances()[instance];
            if bound.asked || bound.required_by.is_empty() {
                return Value::from(true);
            }
            // One that wants it is enough; an undecided one only counts when none does.
            let mut undecided = None;
            for requirement in 0..bound.required_by.len() {
                let wants = self.wants(instance, requirement);
                match wants.truthy() {
                    Some(true) => return Value::from(true),
                    Some(false) => {}
                    None => undecided = Some(wants),
                }
            }
            undecided.unwrap_or_else(|| Value::from(false))
        })
    }

    /// Whether a requirement of an instance holds: its condition, in an instance that takes part.
    pub(super) fn wants(&self, instance: usize, requirement: usize) -> Value {
        let (by, requirement) = &self.instances()[instance].required_by[requirement];
        let Some(parent) = self.position(by) else {
            return Value::from(false);
        };
        let active = self.active(parent);
        match (&requirement.when, active.truthy()) {
            (Some(when), Some(true)) => self.frame(parent).expression(when),
            _ => active,
        }
    }

    /// The value of an input of an instance.
    pub(super) fn input(&self, instance: usize, name: &str) -> Option<Value> {
        let input = self.request.selection.inputs.get(&self.instances()[instance].alias, name)?;
        Some(self.remember(Slot::Input(instance, name.to_owned()), || {
            let value = match &input.value {
                BoundValue::Given(value) => value.clone(),
                BoundValue::Expression { tree, scope } => {
                    self.frame(self.position(scope).unwrap_or(instance)).tree(tree)
                }
                BoundValue::Required { wanted, default } => match self.wanted(instance, name, wanted) {
                    Some(value) => value,
                    None => match default {
                        Some(tree) => self.frame(instance).tree(tree),
                        None => self.unset(instance, name),
                    },
                },
                BoundValue::Unset => Value::null(),
            };
            // What a requirement or a default set.
            let declared = self.instances()[instance].recipe.inputs.get(name);
            let file = declared.is_some_and(|declared| declared.shape == crate::recipe::Shape::File);
            let value = if file { value.mark_leaves(Marks::FILE) } else { value };
            if input.secret { value.mark_leaves(Marks::SECRET) } else { value }
        }))
    }

    /// What those that require the instance set an input to; `None`: none of them takes part. Two that
    /// want different values are told of.
    fn wanted(&self, instance: usize, name: &str, wanted: &[Wanted]) -> Option<Value> {
        let mut set: Option<(&Wanted, Value)> = None;
        for one in wanted {
            let wants = self.wants(instance, one.requirement);
            match wants.truthy() {
                Some(true) => {}
                Some(false) => continue,
                None => return Some(wants),
            }
            let scope = self.position(&one.by).unwrap_or(instance);
            let value = self.frame(scope).tree(&one.tree);
            match &set {
                None => set = Some((one, value)),
                // What could not be read, or is not there, is told elsewhere.
                Some((_, first)) if !usable(first) || !usable(&value) => {}
                Some((_, first)) if first.same(&value) => {}
                Some((first, _)) => {
                    let bound = &self.instances()[instance];
                    if let Some(input) = bound.recipe.inputs.get(name) {
                        self.problem(disagreement(self.instances(), bound, input, first, one));
                    }
                }
            }
        }
        set.map(|(_, value)| value)
    }

    /// A required input that nobody who takes part sets.
    fn unset(&self, instance: usize, name: &str) -> Value {
        let bound = &self.instances()[instance];
        if let Some(input) = bound.recipe.inputs.get(name).filter(|input| input.required) {
            let message = format!("the input `{}` of {} is not set", input.id.written, bound.name());
            self.problem(Diagnostic::error(codes::MISSING_INPUT, message).fix(format!(
                "-p {}.{}=…",
                bound.name(),
                input.id.written
            )));
        }
        Value::null()
    }

    /// The command that applies an instance as it is in this run: by the name it has, with what was typed
    /// for it and for what it requires, less the inputs `but`. One that nobody asked for is applied with
    /// one that requires it.
    pub(super) fn applies(&self, instance: usize, but: &[String]) -> String {
        let all = self.instances();
        let mut named = instance;
        // Requirements have no circles: the catalogue refuses them.
        for _ in 0..all.len() {
            let by = all[named].required_by.first().and_then(|(by, _)| self.position(by));
            match by {
                Some(by) if !all[named].asked => named = by,
                _ => break,
            }
        }
        let mut within = vec![named];
        let mut at = 0;
        while let Some(one) = within.get(at).copied() {
            let required = all.iter().enumerate().filter(|(index, other)| {
                !within.contains(index) && other.required_by.iter().any(|(by, _)| *by == all[one].alias)
            });
            let required: Vec<usize> = required.map(|(index, _)| index).collect();
            within.extend(required);
            at += 1;
        }
        let mut command = format!("acarecipe apply {}", all[named].asked_as());
        for one in within {
            for (input, text) in self.request.selection.inputs.typed(&all[one].alias) {
                if one != instance || !but.iter().any(|other| other == input) {
                    command.push_str(" -p ");
                    command.push_str(&quote(text));
                }
            }
        }
        command
    }

    /// A recipe's own advice to apply itself, as it is typed for this instance of it: `acarecipe apply
    /// RECIPE -p input=…` with its alias, and with what was typed for the rest.
    pub(super) fn as_typed(&self, instance: usize, advice: String) -> String {
        let bound = &self.instances()[instance];
        let own = format!("acarecipe apply {}", bound.recipe.name.value);
        let rest = match advice.strip_prefix(&own) {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => rest,
            _ => return advice,
        };
        let mut set = Vec::new();
        let mut typed = String::new();
        for (index, part) in rest.split(" -p ").enumerate() {
            if index > 0 {
                typed.push_str(" -p ");
                let name = snake(part.split(['=', '.']).next().unwrap_or_default());
                if bound.recipe.inputs.contains_key(&name) {
                    if !bound.unaliased() {
                        typed.push_str(bound.name());
                        typed.push('.');
                    }
                    set.push(name);
                }
            }
            typed.push_str(part);
        }
        self.applies(instance, &set) + &typed
    }

    /// Tells of values that need each other.
    pub(super) fn circle(&self, slots: &[Slot]) {
        let named = |slot: &Slot| {
            let (instance, what) = match slot {
                Slot::Input(instance, name) => (*instance, format!("the input `{name}`")),
                Slot::Variable(instance, name, _) => (*instance, format!("the variable `{name}`")),
                Slot::Output(instance, name) => (*instance, format!("the output `{name}`")),
                Slot::Existing(instance, name, _) => (*instance, format!("the lookup `{name}`")),
                Slot::Steps(instance, index) => {
                    (*instance, format!("the step `{}`", self.recipe(*instance).steps[*index].id.written))
                }
                Slot::Active(instance) => {
                    return format!("whether {} takes part", self.instances()[*instance].name());
                }
            };
            format!("{what} of {}", self.instances()[instance].name())
        };
        let chain: Vec<String> = slots.iter().chain(slots.first()).map(named).collect();
        let mut diagnostic = Diagnostic::error(codes::CYCLE, "values of these recipes need each other")
            .note(chain.join(" → "))
            .fix("set one of them: -p name=value, or leave one of the recipes out");
        for slot in slots {
            let Slot::Input(instance, name) = slot else { continue };
            let input = self.request.selection.inputs.get(&self.instances()[*instance].alias, name);
            if let Some(BoundValue::Required { wanted, .. }) = input.map(|input| &input.value)
                && let Some(wanted) = wanted.first()
            {
                diagnostic = diagnostic.label(&wanted.source, wanted.span, "set here");
            }
        }
        self.problem(diagnostic);
    }
}
