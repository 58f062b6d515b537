//! Which input of which instance a parameter names.

use super::parameter::Parameter;
use super::{Problem, problem};
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::suggest::{did_you_mean, list};
use crate::recipe::{Input, Instance, Shape, snake};

/// The instance and input that a parameter is for, with what is left of its name as keys.
pub(super) fn owner(
    instances: &[Instance],
    mut parameter: Parameter,
) -> Result<((String, String), Parameter), Problem> {
    let typed = parameter.keys.first().cloned().unwrap_or_default();
    let first = snake(&typed);
    let second = parameter.keys.get(1).map(|key| snake(key));
    let named = instances.iter().find(|instance| instance.alias == first);
    let having: Vec<&Instance> =
        instances.iter().filter(|instance| instance.recipe.inputs.contains_key(&first)).collect();
    if let (Some(instance), Some(name)) = (named, &second)
        && instance.recipe.inputs.contains_key(name)
    {
        let key_of = having.iter().find(|other| keyed(other, &first));
        if let Some(other) = key_of {
            let message = format!(
                "`{typed}.{name}` is an input of `{typed}` and a key of an input of {}",
                other.name()
            );
            let fix = format!(
                "for the key: -p {}.{typed}.{name}=…; for the input: choose another alias than `{typed}`",
                other.name()
            );
            return Err(problem(Diagnostic::error(codes::AMBIGUOUS_INPUT, message).fix(fix)));
        }
        parameter.keys.drain(..2);
        return Ok(((instance.alias.clone(), name.clone()), parameter));
    }
    match having.as_slice() {
        [instance] => {
            parameter.keys.remove(0);
            Ok(((instance.alias.clone(), first), parameter))
        }
        [] => Err(problem(unknown(instances, named, &first, second.as_deref()))),
        several => {
            let rest = parameter.keys.get(1..).unwrap_or_default();
            let name = std::iter::once(&typed).chain(rest).cloned().collect::<Vec<_>>().join(".");
            let names: Vec<String> = several.iter().map(|one| format!("{}.{name}", one.name())).collect();
            let message = format!("`{first}` is an input of several recipes");
            Err(problem(
                Diagnostic::error(codes::AMBIGUOUS_INPUT, message)
                    .fix(format!("say which: {}", list(names.iter().map(String::as_str)))),
            ))
        }
    }
}

/// Whether an input of this name takes keys.
fn keyed(instance: &Instance, input: &str) -> bool {
    let shape = instance.recipe.inputs.get(input).map(|input| &input.shape);
    matches!(shape, Some(Shape::Map(_) | Shape::List(_) | Shape::Any))
}

/// The finding that a parameter is for no input of the run.
fn unknown(
    instances: &[Instance],
    named: Option<&Instance>,
    first: &str,
    second: Option<&str>,
) -> Diagnostic {
    if let (Some(instance), Some(name)) = (named, second) {
        let inputs = instance.recipe.inputs.keys().map(String::as_str);
        let message = format!("{} has no input `{name}`", instance.name());
        return near(Diagnostic::error(codes::UNKNOWN_INPUT, message), name, inputs);
    }
    let Some(name) = second else {
        let inputs = instances.iter().flat_map(|instance| instance.recipe.inputs.keys().map(String::as_str));
        let message = format!("no recipe of this run has an input `{first}`");
        return near(Diagnostic::error(codes::UNKNOWN_INPUT, message), first, inputs);
    };
    // `recipe.input` of a recipe that is here under aliases only.
    let aliased: Vec<&Instance> =
        instances.iter().filter(|instance| snake(&instance.recipe.name.value) == first).collect();
    if let Some(one) = aliased.first() {
        let recipe = &one.recipe.name.value;
        let message = format!(
            "{recipe} is in this run as {} only",
            list(aliased.iter().map(|instance| instance.name()))
        );
        let diagnostic = Diagnostic::error(codes::UNKNOWN_INPUT, message);
        if !one.recipe.inputs.contains_key(name) {
            let inputs = one.recipe.inputs.keys().map(String::as_str);
            return near(diagnostic.note(format!("{recipe} has no input `{name}`")), name, inputs);
        }
        let each: Vec<String> = aliased.iter().map(|one| format!("-p {}.{name}=…", one.name())).collect();
        return diagnostic.fix(each.join(", "));
    }
    let message = format!("no recipe of this run is called `{first}` or has an input of this name");
    let names = instances.iter().map(Instance::name);
    let diagnostic =
        Diagnostic::error(codes::UNKNOWN_INPUT, message).note(format!("the run has {}", list(names.clone())));
    let inputs = instances.iter().flat_map(|instance| instance.recipe.inputs.keys().map(String::as_str));
    let meant = did_you_mean(first, names.chain(inputs));
    if meant.is_empty() { diagnostic } else { diagnostic.fix(meant) }
}

pub(super) fn near<'a>(
    diagnostic: Diagnostic,
    word: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Diagnostic {
    let mut names: Vec<&str> = Vec::new();
    for name in known {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let diagnostic = diagnostic.note(format!("the inputs are {}", list(names.iter().copied())));
    let meant = did_you_mean(word, names);
    if meant.is_empty() { diagnostic } else { diagnostic.fix(meant) }
}

/// What stands after the name of an input where its value is to be typed.
pub(super) fn sample(input: &Input) -> &'static str {
    if input.secret { "@FILE" } else { "…" }
}

/// The finding that a required input is not set.
pub(super) fn missing(instances: &[Instance], instance: &Instance, input: &Input) -> Diagnostic {
    let written = &input.id.written;
    let message = format!("the input `{written}` of {} is not set", instance.name());
    let value = match (&input.shape, input.secret) {
        (_, true) => "=@FILE",
        (Shape::Map(_), _) => ".KEY=…",
        _ => "=…",
    };
    let shared = instances.iter().filter(|one| one.recipe.inputs.contains_key(&input.id.name)).count() > 1;
    let flag = if shared || !instance.unaliased() {
        format!("-p {}.{written}{value}", instance.name())
    } else {
        format!("-p {written}{value}")
    };
    let fix = match input.env.first() {
        Some(variable) if instance.unaliased() => format!("export {variable}=…, or {flag}"),
        Some(variable) => {
            format!("{flag} (${variable} is for {} without an alias)", instance.recipe.name.value)
        }
        None => flag,
    };
    let diagnostic = Diagnostic::error(codes::MISSING_INPUT, message).fix(fix);
    match &input.description {
        Some(description) => diagnostic.note(description.clone()),
        None => diagnostic,
    }
}
