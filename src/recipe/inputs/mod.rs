//! Inputs: from flags, the environment, the project file and requirements to one value each.

mod file;
mod naming;
mod parameter;
mod requirements;
mod text;

use std::sync::Arc;

use indexmap::IndexMap;

pub(crate) use self::requirements::disagreement;

use self::naming::{missing, near, owner};
use self::parameter::{Parameter, split};
use self::requirements::required;
use self::text::Conversion;
use super::{Input, Instance, paths};
use crate::diagnostic::{Diagnostic, Source, Span, codes};
use crate::expression::Tree;
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

    /// All that is in a file that the caller names, for an input of the type `file`.
    ///
    /// # Errors
    /// Why it cannot be read; it is larger than 1 MiB.
    fn content(&self, path: &str) -> Result<Vec<u8>, String> {
        self.file(path).map(String::into_bytes)
    }

    /// All of standard input (`@-`), for an input of the type `file`.
    ///
    /// # Errors
    /// As [`Outside::content`].
    fn standard_content(&self) -> Result<Vec<u8>, String> {
        self.standard_input().map(String::into_bytes)
    }

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
    typed: Vec<Typed>,
}

/// A parameter as it was typed.
#[derive(Clone, Debug)]
struct Typed {
    alias: String,
    input: String,
    text: String,
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

    /// Every text that the caller gave as a secret.
    pub fn secrets(&self) -> Vec<String> {
        let given =
            self.instances.values().flat_map(IndexMap::values).filter_map(|input| match &input.value {
                BoundValue::Given(value) => Some(value),
                _ => None,
            });
        given.flat_map(Value::secrets).collect()
    }

    /// What was typed after `-p` for an instance: each input with the whole parameter.
    pub fn typed(&self, alias: &str) -> impl Iterator<Item = (&str, &str)> {
        let own = self.typed.iter().filter(move |typed| typed.alias == alias);
        own.map(|typed| (typed.input.as_str(), typed.text.as_str()))
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
    /// To be evaluated in the scope of the instance `scope`.
    Expression {
        /// What to evaluate.
        tree: Tree,
        /// The alias of the instance whose names it uses.
        scope: String,
    },
    /// Set by those that require the instance. Which of them take part, and whether what they want is
    /// the same, is known when it is planned.
    Required {
        /// What each of them wants.
        wanted: Vec<Wanted>,
        /// What counts when none of them takes part.
        default: Option<Tree>,
    },
    /// Nobody set it and it has no default: null.
    Unset,
}

/// What one requirement sets an input to.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What to evaluate, with the names of the requiring instance.
    pub tree: Tree,
    /// The alias of the requiring instance.
    pub by: String,
    /// Which of the requirements of the instance it is, among all in `required_by`.
    pub requirement: usize,
    /// The requiring recipe's file.
    pub source: Arc<Source>,
    /// Where it stands in it.
    pub span: Span,
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
    let mut bound = Bound::default();
    let mut problems = Vec::new();
    let mut given: IndexMap<(String, String), Vec<Parameter>> = IndexMap::new();
    for parameter in parameters {
        match split(parameter).and_then(|parameter| owner(instances, parameter)) {
            Ok((key, split)) => {
                let (alias, input) = key.clone();
                bound.typed.push(Typed { alias, input, text: parameter.clone() });
                given.entry(key).or_default().push(split);
            }
            Err(problem) => problems.push(*problem),
        }
    }
    for instance in instances {
        unknown_settings(instance, &mut problems);
        let mut inputs = IndexMap::new();
        for (name, input) in &instance.recipe.inputs {
            let flags = given.get(&(instance.alias.clone(), name.clone())).map_or(&[] as &[_], Vec::as_slice);
            match one(instances, instance, input, flags, outside) {
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

/// Whether nobody asked for an instance and all that require it do so under a condition, or may be left out
/// themselves.
fn may_be_left_out(instances: &[Instance], instance: &Instance) -> bool {
    let requirer = |alias: &str| instances.iter().find(|one| one.alias == alias);
    !instance.asked
        && !instance.required_by.is_empty()
        // Requirements have no circles: the catalogue refuses them.
        && instance.required_by.iter().all(|(by, requirement)| {
            requirement.when.is_some() || requirer(by).is_some_and(|by| may_be_left_out(instances, by))
        })
}

fn one(
    instances: &[Instance],
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
    let listed = instance.unaliased() && paths::takes_variables(&instance.recipe, input);
    let names = if listed { input.env.as_slice() } else { &[] };
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
    if let Some(mut value) = required(instances, instance, input)? {
        outside_set(instances, instance, input, &value)?;
        if let BoundValue::Required { default, .. } = &mut value
            && let Some(content) = conversion.default_content()?
        {
            *default = Some(content);
        }
        let origin = match &value {
            BoundValue::Required { wanted, .. } => wanted.first().map(|wanted| wanted.by.clone()),
            _ => None,
        };
        let origin = origin.map_or(InputOrigin::Default, InputOrigin::Requirement);
        return Ok(BoundInput { value, origin, secret: input.secret });
    }
    if let Some(why) = paths::wrong_default(&instance.recipe, input) {
        return Err(problem(outside_folder(instance, input, why)));
    }
    if let Some(content) = conversion.default_content()? {
        return Ok(expression(&content, &instance.alias, InputOrigin::Default));
    }
    if let Some(tree) = &input.default {
        return Ok(expression(tree, &instance.alias, InputOrigin::Default));
    }
    if input.required && may_be_left_out(instances, instance) {
        // Whether it takes part shows when it is planned; the input is asked for then.
        let value = BoundValue::Required { wanted: Vec::new(), default: None };
        return Ok(BoundInput { value, origin: InputOrigin::Default, secret: input.secret });
    }
    if input.required {
        return Err(problem(missing(instances, instance, input)));
    }
    Ok(BoundInput { value: BoundValue::Unset, origin: InputOrigin::Default, secret: input.secret })
}

/// Refuses a path that a requirement sets to what only a caller may name, or that is left to such a default.
fn outside_set(
    instances: &[Instance],
    instance: &Instance,
    input: &Input,
    value: &BoundValue,
) -> Result<(), Problem> {
    let BoundValue::Required { wanted, .. } = value else { return Ok(()) };
    for one in wanted {
        let by = instances.iter().find(|other| other.alias == one.by);
        if let Some(why) = by.and_then(|by| paths::wrong_setting(&by.recipe, &one.tree, input)) {
            return Err(problem(outside_folder(instance, input, why).label(&one.source, one.span, "")));
        }
    }
    match paths::wrong_default(&instance.recipe, input) {
        Some(why) => Err(problem(outside_folder(instance, input, why))),
        None => Ok(()),
    }
}

fn outside_folder(instance: &Instance, input: &Input, why: String) -> Diagnostic {
    Diagnostic::error(codes::OUTSIDE_FOLDER, why).fix(format!(
        "name the path yourself: -p {}.{}=PATH",
        instance.name(),
        input.id.written
    ))
}
