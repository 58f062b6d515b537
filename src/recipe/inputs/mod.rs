//! Inputs: from flags, the environment, the project file and requirements to one value each.

mod parameter;
mod text;

use indexmap::IndexMap;

use self::parameter::{Parameter, split};
use self::text::Conversion;
use super::suggest::{did_you_mean, list};
use super::{Input, Instance, Shape, snake};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Node, Tree};
use crate::value::{Marks, Value};

/// The world that inputs are read from.
pub trait Outside {
    /// An environment variable that a recipe lists under `env`; not asked for in a run that takes
    /// nothing from its surroundings (the sandbox).
    fn input_variable(&self, name: &str) -> Option<String>;

    /// An environment variable that the caller names (`@env:NAME`, `{"$env": NAME}`).
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file that the caller names (`@FILE`, `{"$file": PATH}`).
    ///
    /// # Errors
    /// Why it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;

    /// The text of standard input (`@-`).
    ///
    /// # Errors
    /// Why it cannot be read.
    fn standard_input(&self) -> Result<String, String>;
}

/// The inputs of all instances, by alias.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    instances: IndexMap<String, IndexMap<String, BoundInput>>,
}

impl Bound {
    /// The inputs of an instance, by name as expressions spell it.
    pub fn of(&self, alias: &str) -> Option<&IndexMap<String, BoundInput>> {
        self.instances.get(alias)
    }

    /// One input of an instance.
    pub fn get(&self, alias: &str, input: &str) -> Option<&BoundInput> {
        self.of(alias)?.get(input)
    }
}

/// One input's value and where it came from.
#[derive(Clone, Debug)]
pub struct BoundInput {
    /// Its value.
    pub value: BoundValue,
    /// Where it came from.
    pub origin: InputOrigin,
    /// Whether the value is a secret. A [`BoundValue::Given`] is marked already; whoever evaluates a
    /// [`BoundValue::Expression`] marks the result.
    pub secret: bool,
}

/// A value, or how to get it.
#[derive(Clone, Debug)]
pub enum BoundValue {
    /// Given by the caller; of the input's shape.
    Given(Value),
    /// To be evaluated in the scope of the instance `scope`, which is the requiring one for a value
    /// from `with`.
    Expression {
        /// What to evaluate.
        tree: Tree,
        /// The alias of the instance whose names it uses.
        scope: String,
    },
    /// Nobody set it and it has no default: null.
    Unset,
}

/// Where an input's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputOrigin {
    /// `-p`.
    Flag,
    /// The environment variable of this name.
    Environment(String),
    /// The project file of this name.
    File(String),
    /// `with` of a requirement of this instance.
    Requirement(String),
    /// The recipe's default, or nothing.
    Default,
}

impl std::fmt::Display for InputOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            InputOrigin::Flag => f.write_str("-p"),
            InputOrigin::Environment(name) => write!(f, "${name}"),
            InputOrigin::File(name) => f.write_str(name),
            InputOrigin::Requirement(alias) => write!(f, "{}", alias.replace('_', "-")),
            InputOrigin::Default => f.write_str("default"),
        }
    }
}

/// Gives every input of every instance its value: from a flag (`parameters`, each
/// `[recipe.]name[.key]=value`), else the environment, else the project file, else `with` of a
/// requirement, else the recipe's default. The highest source sets the whole value; keys given one
/// by one are not mixed with a lower one.
///
/// # Errors
/// Every problem with every input at once: unknown and ambiguous names, values of the wrong form,
/// secrets on the command line, required inputs that nobody set.
pub fn bind(
    instances: &[Instance],
    parameters: &[String],
    outside: &dyn Outside,
) -> Result<Bound, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut given: IndexMap<(String, String), Vec<Parameter>> = IndexMap::new();
    for parameter in parameters {
        match split(parameter).and_then(|parameter| owner(instances, parameter)) {
            Ok((key, parameter)) => given.entry(key).or_default().push(parameter),
            Err(problem) => problems.push(*problem),
        }
    }
    let mut bound = Bound::default();
    for instance in instances {
        unknown_settings(instance, &mut problems);
        let mut inputs = IndexMap::new();
        for (name, input) in &instance.recipe.inputs {
            let flags = given.get(&(instance.alias.clone(), name.clone())).map_or(&[] as &[_], Vec::as_slice);
            match one(instance, input, flags, outside) {
                Ok(value) => {
                    inputs.insert(name.clone(), value);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        bound.instances.insert(instance.alias.clone(), inputs);
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

/// Findings are large, and most calls end well.
type Problem = Box<Diagnostic>;

fn problem(diagnostic: Diagnostic) -> Problem {
    Box::new(diagnostic)
}

/// The instance and input that a parameter is for, with what is left of its name as keys.
fn owner(instances: &[Instance], mut parameter: Parameter) -> Result<((String, String), Parameter), Problem> {
    let first = snake(parameter.keys.first().map_or("", String::as_str));
    let second = parameter.keys.get(1).map(|key| snake(key));
    let named = instances.iter().find(|instance| instance.alias == first);
    if let (Some(instance), Some(name)) = (named, &second)
        && instance.recipe.inputs.contains_key(name)
    {
        parameter.keys.drain(..2);
        return Ok(((instance.alias.clone(), name.clone()), parameter));
    }
    let having: Vec<&Instance> =
        instances.iter().filter(|instance| instance.recipe.inputs.contains_key(&first)).collect();
    match having.as_slice() {
        [instance] => {
            parameter.keys.remove(0);
            Ok(((instance.alias.clone(), first), parameter))
        }
        [] => {
            if let (Some(instance), Some(name)) = (named, &second) {
                let inputs = instance.recipe.inputs.keys().map(String::as_str);
                let message = format!("{} has no input `{name}`", instance.recipe.name.value);
                let diagnostic = Diagnostic::error(codes::UNKNOWN_INPUT, message);
                return Err(problem(near(diagnostic, name, inputs)));
            }
            let inputs =
                instances.iter().flat_map(|instance| instance.recipe.inputs.keys().map(String::as_str));
            let message = format!("no recipe of this run has an input `{first}`");
            Err(problem(near(Diagnostic::error(codes::UNKNOWN_INPUT, message), &first, inputs)))
        }
        several => {
            let names: Vec<String> =
                several.iter().map(|instance| format!("{}.{first}", spelled(instance))).collect();
            let message = format!("`{first}` is an input of several recipes");
            Err(problem(
                Diagnostic::error(codes::AMBIGUOUS_INPUT, message)
                    .fix(format!("say which: {}", list(names.iter().map(String::as_str)))),
            ))
        }
    }
}

fn near<'a>(diagnostic: Diagnostic, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Diagnostic {
    let diagnostic = diagnostic.note(format!("the inputs are {}", list(known.clone())));
    let meant = did_you_mean(word, known);
    if meant.is_empty() { diagnostic } else { diagnostic.fix(meant) }
}

/// The instance's name as a caller types it.
fn spelled(instance: &Instance) -> String {
    if instance.alias == snake(&instance.recipe.name.value) {
        instance.recipe.name.value.clone()
    } else {
        instance.alias.clone()
    }
}

fn unknown_settings(instance: &Instance, problems: &mut Vec<Diagnostic>) {
    for (name, setting) in &instance.with {
        if !instance.recipe.inputs.contains_key(name) {
            let inputs = instance.recipe.inputs.keys().map(String::as_str);
            let message = format!("{} has no input `{name}`", instance.recipe.name.value);
            let diagnostic = near(Diagnostic::error(codes::UNKNOWN_INPUT, message), name, inputs);
            problems.push(diagnostic.label(&setting.source, setting.span, ""));
        }
    }
}

fn one(
    instance: &Instance,
    input: &Input,
    flags: &[Parameter],
    outside: &dyn Outside,
) -> Result<BoundInput, Problem> {
    let conversion = Conversion { instance, input, outside };
    let given = |value: Value, origin: InputOrigin| BoundInput {
        value: BoundValue::Given(if input.secret { value.mark_leaves(Marks::SECRET) } else { value }),
        origin,
        secret: input.secret,
    };
    let expression = |tree: &Tree, scope: &str, origin: InputOrigin| BoundInput {
        value: BoundValue::Expression { tree: tree.clone(), scope: scope.to_owned() },
        origin,
        secret: input.secret,
    };
    if !flags.is_empty() {
        return Ok(given(conversion.flags(flags)?, InputOrigin::Flag));
    }
    // Two instances of one recipe would be told apart by nothing.
    let unaliased = instance.alias == snake(&instance.recipe.name.value);
    let names = if unaliased { input.env.as_slice() } else { &[] };
    for name in names {
        // A variable set to nothing is how shells and pipelines say that it is not set.
        if let Some(text) = outside.input_variable(name).filter(|text| !text.is_empty()) {
            let origin = InputOrigin::Environment(name.clone());
            return Ok(given(conversion.environment(&text, name)?, origin));
        }
    }
    if let Some(setting) = instance.with.get(&input.id.name) {
        let origin = InputOrigin::File(setting.source.name.clone());
        return Ok(given(conversion.setting(setting)?, origin));
    }
    let mut set: Option<(&String, &Tree)> = None;
    for (alias, requirement) in &instance.required_by {
        let Some(definition) = requirement.with.get(&input.id.name) else {
            continue;
        };
        match set {
            Some((other, tree)) if !same(tree, &definition.value) => {
                let message = format!(
                    "{other} and {alias} want different values of `{}` of {}",
                    input.id.written, instance.recipe.name.value
                );
                return Err(problem(Diagnostic::error(codes::BAD_INPUT, message).fix(format!(
                    "set it: -p {}.{}=…",
                    spelled(instance),
                    input.id.written
                ))));
            }
            Some(_) => {}
            None => set = Some((alias, &definition.value)),
        }
    }
    if let Some((alias, tree)) = set {
        return Ok(expression(tree, alias, InputOrigin::Requirement(alias.clone())));
    }
    if let Some(tree) = &input.default {
        return Ok(expression(tree, &instance.alias, InputOrigin::Default));
    }
    if input.required {
        return Err(problem(missing(instance, input)));
    }
    Ok(BoundInput { value: BoundValue::Unset, origin: InputOrigin::Default, secret: input.secret })
}

fn missing(instance: &Instance, input: &Input) -> Diagnostic {
    let name = &input.id.written;
    let message = format!("the input `{name}` of {} is not set", instance.recipe.name.value);
    let value = match (&input.shape, input.secret) {
        (_, true) => "=@FILE",
        (Shape::Map(_), _) => ".KEY=…",
        _ => "=…",
    };
    let flag = format!("-p {name}{value}");
    let fix = match input.env.first() {
        Some(variable) => format!("export {variable}=…, or {flag}"),
        None => flag,
    };
    let diagnostic = Diagnostic::error(codes::MISSING_INPUT, message).fix(fix);
    match &input.description {
        Some(description) => diagnostic.note(description.clone()),
        None => diagnostic,
    }
}

/// Whether two trees are written alike.
fn same(a: &Tree, b: &Tree) -> bool {
    match (&a.node, &b.node) {
        (Node::Scalar(a), Node::Scalar(b)) => a == b,
        (Node::Text(a), Node::Text(b)) => a.text() == b.text(),
        (Node::List(a), Node::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Node::Map(a), Node::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((a_key, _, a), (b_key, _, b))| a_key.text() == b_key.text() && same(a, b))
        }
        _ => false,
    }
}
