//! Whether every reference leads somewhere, in time, and not in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use super::places::{Owner, Place, Role, places};
use super::target::left_out;
use crate::azure::Cloud;
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expression::{Node, Reference, Tree};
use crate::recipe::suggest::{did_you_mean, list};
use crate::recipe::{Catalogue, Recipe, Step, StepKind, place};

/// A root of expressions.
#[derive(Debug)]
pub(in crate::recipe) struct Root {
    pub(in crate::recipe) name: &'static str,
    /// Where it can be used.
    pub(in crate::recipe) place: &'static str,
    /// What it holds; empty: a name that is kept for later.
    pub(in crate::recipe) holds: &'static str,
}

const fn root(name: &'static str, place: &'static str, holds: &'static str) -> Root {
    Root { name, place, holds }
}

/// The roots that every recipe has.
pub(in crate::recipe) const ROOTS: &[Root] = &[
    root("inputs", "everywhere", "what the caller set, by name"),
    root(
        "target",
        "everywhere",
        "`subscription`, `tenant`, `resource_group`, `app`, `environment`, `location`, `container`: what the run works on",
    ),
    root(
        "cloud",
        "everywhere",
        "`name`, `authority`, `suffixes.key_vault`, `suffixes.storage`, `suffixes.sql`, `suffixes.acr` (each suffix starts with a dot)",
    ),
    root(
        "app",
        "where the recipe's target is an app",
        "the app as it was read, in `verify` as it is afterwards",
    ),
    root(
        "environment",
        "where the recipe's target is an app or an environment",
        "the environment, as it was read: the one the app is in, or the one that is given",
    ),
    root(
        "container",
        "where the recipe's target is an app",
        "the container of the app that is meant, as it was read",
    ),
    root("each", "below `for_each`, but not in it", "`key` and `value` of the round"),
    root("data", "everywhere", "the tables beside the recipe, by name"),
    root("variables", "everywhere", "the recipe's own, made when they are asked for"),
    root(
        "steps",
        "everywhere; `when`, `for_each` and keys only what is known at plan",
        "each step's resource as it is after the step; null when it is skipped",
    ),
    root("outputs", "everywhere", "the recipe's own"),
    root(
        "it",
        "in the `body` of an http check, and the `expect` of a dns check; in a `wait`",
        "the app's answer: `status`, `headers`, `body`, `json`, `elapsed` (milliseconds), `tls`; that of the domain name system: `name`, `records`, `owner`; in a `wait` what was read",
    ),
    root(
        "candidate",
        "in `checks` of `rollout`",
        "the revision that is judged: `revision` (its name), `url` (of its label), `weight` (its share of the traffic), `properties` (as Azure gives them)",
    ),
];

/// Whether a name is that of a root.
pub(super) fn is_root(name: &str) -> bool {
    ROOTS.iter().any(|root| root.name == name)
}

pub(super) const TARGET: &[&str] =
    &["subscription", "tenant", "resource_group", "app", "environment", "location", "container"];
pub(super) const CLOUD: &[&str] = &["name", "authority", "suffixes"];
pub(super) const EACH: &[&str] = &["key", "value"];
pub(super) const ANSWER: &[&str] = &["status", "headers", "body", "json", "elapsed", "tls"];
pub(super) const DNS_ANSWER: &[&str] = &["name", "records", "owner"];
pub(super) const CANDIDATE: &[&str] = &["revision", "url", "weight", "properties"];

/// What refers to what, and where.
type Edges<'a> = BTreeMap<Owner<'a>, Vec<(Owner<'a>, Span)>>;

/// Checks all references of the recipe.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    let places = places(recipe);
    let mut edges: Edges<'_> = BTreeMap::new();
    for here in &places {
        if bare(recipe, here, findings) {
            continue;
        }
        for reference in here.expression.references() {
            let span = place(&recipe.source, here.span, here.expression.text(), reference.span);
            if let Some((message, beside)) = unknown(recipe, catalogue, here, &reference) {
                findings.error(codes::UNKNOWN_REFERENCE, span, message, beside);
                continue;
            }
            let late = || too_late(recipe, catalogue, &reference.path);
            if let Some(why) = here.role.at_plan().then(late).flatten() {
                let path = reference.path.join(".");
                let message = format!("`{path}` must be known at plan here, but {why}");
                findings.error(codes::KNOWN_TOO_LATE, span, message, "");
            }
            if let Some(target) = owner_of(recipe, &reference.path) {
                edges.entry(here.owner).or_default().push((target, span));
            }
        }
    }
    for step in &recipe.steps {
        for after in step.after.iter().chain(&step.triggered_by) {
            if let Some(target) = step_named(recipe, &after.value, after.span, findings) {
                edges.entry(Owner::Step(&step.id.name)).or_default().push((target, after.span));
            }
        }
    }
    for lookup in recipe.existing.values() {
        for after in &lookup.after {
            if let Some(target) = step_named(recipe, &after.value, after.span, findings) {
                edges.entry(Owner::Lookup(&lookup.id.name)).or_default().push((target, after.span));
            }
        }
    }
    edges.remove(&Owner::Leaf);
    cycles(&edges, findings);
    revisions(recipe, &edges, findings);
}

/// A change of the template that something outside the app waits for, and that another change of the
/// template waits for in turn: that is two revisions. The chain is told; it is not reordered.
fn revisions(recipe: &Recipe, edges: &Edges<'_>, findings: &mut Findings<'_>) {
    for last in recipe.steps.iter().filter(|step| changes_template(step)) {
        let mut open = vec![vec![Owner::Step(&last.id.name)]];
        let mut seen = BTreeSet::new();
        while let Some(chain) = open.pop() {
            let Some(here) = chain.last() else { continue };
            for (next, _) in edges.get(here).map_or(&[] as &[_], Vec::as_slice) {
                if !seen.insert(*next) {
                    continue;
                }
                let mut longer = chain.clone();
                longer.push(*next);
                let steps: Vec<&Step> = longer.iter().rev().filter_map(|one| step_of(recipe, *one)).collect();
                let outside = |step: &&&Step| !matches!(step.kind, StepKind::ContainerApp(_));
                let first = steps.first().filter(|first| changes_template(first));
                if let (Some(_), true) = (first, steps.iter().any(|step| outside(&step))) {
                    let names: Vec<&str> = steps.iter().map(|step| step.id.written.as_str()).collect();
                    let message = format!("this takes two revisions: {}", names.join(" → "));
                    let beside = "must come after a change of the template";
                    findings.warning(codes::TWO_REVISIONS, last.id.span, message, beside);
                    open.clear();
                    break;
                }
                open.push(longer);
            }
        }
    }
}

fn changes_template(step: &Step) -> bool {
    match &step.kind {
        StepKind::ContainerApp(Tree { node: Node::Map(parts), .. }) => {
            parts.iter().any(|(key, ..)| key.text() == "template")
        }
        _ => false,
    }
}

fn step_of<'a>(recipe: &'a Recipe, owner: Owner<'a>) -> Option<&'a Step> {
    match owner {
        Owner::Step(name) => recipe.step(name),
        _ => None,
    }
}

fn step_named<'a>(
    recipe: &'a Recipe,
    name: &str,
    span: Span,
    findings: &mut Findings<'_>,
) -> Option<Owner<'a>> {
    let step = recipe.step_written(name);
    if step.is_none() {
        let near = did_you_mean(name, recipe.steps.iter().map(|step| step.id.written.as_str()));
        findings.error(codes::UNKNOWN_REFERENCE, span, format!("there is no step `{name}`"), near);
    }
    step.map(|step| Owner::Step(step.id.name.as_str()))
}

/// Reports text where an expression is meant; `${}` is easily forgotten and then the text is true.
fn bare(recipe: &Recipe, here: &Place<'_>, findings: &mut Findings<'_>) -> bool {
    if here.role == Role::Words {
        return false;
    }
    let Some(text) = here.expression.literal() else {
        return false;
    };
    let condition = matches!(here.role, Role::Condition { .. });
    if !condition && !looks_like_expression(recipe, &text) {
        return false;
    }
    let message = if condition {
        format!("`{text}` is text, which is always the same; an expression is meant")
    } else {
        format!("`{text}` is text, but reads like an expression")
    };
    let diagnostic = Diagnostic::error(codes::BARE_EXPRESSION, message)
        .fix(format!("write \"${{{text}}}\""))
        .label(&recipe.source, here.span, "");
    findings.push(diagnostic);
    true
}

/// A path from a root, perhaps negated or in a call, with no space in it.
fn looks_like_expression(recipe: &Recipe, text: &str) -> bool {
    let text = text.trim_start_matches('!');
    let start = text.rfind('(').map_or(text, |open| &text[open + 1..]);
    let end = start.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(0);
    let (word, rest) = start.split_at(end);
    let is_root = is_root(word) || recipe.existing.contains_key(word) || requirement(recipe, word).is_some();
    let goes_on = rest.strip_prefix(['.', '[']).is_some_and(|rest| rest.starts_with(|c: char| c != '.'));
    is_root && goes_on && !text.contains(char::is_whitespace)
}

fn requirement<'a>(recipe: &'a Recipe, instance: &str) -> Option<&'a crate::recipe::Requirement> {
    recipe.requires.iter().find(|requirement| requirement.instance() == instance)
}

/// What is wrong with where the reference leads, and what is said beside it.
fn unknown(
    recipe: &Recipe,
    catalogue: &Catalogue,
    here: &Place<'_>,
    reference: &Reference,
) -> Option<(String, String)> {
    let names: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    if let Some(message) = left_out(recipe.target, &names) {
        return Some((message, String::new()));
    }
    let mut path = reference.path.iter().map(String::as_str);
    let root = path.next()?;
    let field = path.next();
    let member = |what: &str, names: &[&str], field: Option<&str>| {
        let field = field.filter(|field| !names.contains(field))?;
        let near = did_you_mean(field, names.iter().copied());
        let beside = if near.is_empty() && !names.is_empty() {
            format!("there is {}", list(names.iter().copied()))
        } else {
            near
        };
        Some((format!("there is no {what} `{field}`"), beside))
    };
    match root {
        "inputs" => member("input", &keys(&recipe.inputs), field),
        "data" => member("table", &keys(&recipe.data), field),
        "variables" => member("variable", &keys(&recipe.variables), field),
        "outputs" => member("output", &keys(&recipe.outputs), field),
        "steps" => {
            let names: Vec<&str> = recipe.steps.iter().map(|step| step.id.name.as_str()).collect();
            member("step", &names, field)
        }
        "target" => member("part of the target", TARGET, field),
        "cloud" => member("part of the cloud", CLOUD, field).or_else(|| {
            let suffixes = Cloud::public().suffixes.all().map(|(name, _)| name);
            (field == Some("suffixes")).then(|| member("suffix", &suffixes, path.next())).flatten()
        }),
        "each" if here.for_each.is_none() => {
            Some(("`each` is there only below `for_each`".to_owned(), String::new()))
        }
        "each" => member("part of `each`", EACH, field),
        "it" if here.found => None,
        "it" => match here.it {
            None => Some(("there is no `it` here".to_owned(), String::new())),
            Some(members) => member("part of an answer", members, field),
        },
        "candidate" if !here.on_candidate => {
            Some(("`candidate` is there only in `checks` of `rollout`".to_owned(), String::new()))
        }
        "candidate" => member("part of `candidate`", CANDIDATE, field),
        "app" | "environment" | "container" => None,
        _ if recipe.existing.contains_key(root) => None,
        _ => {
            if let Some(requirement) = requirement(recipe, root) {
                let required = catalogue.get(&requirement.recipe.value).ok()?;
                return member(&format!("output of {root}"), &keys(&required.outputs), field);
            }
            let instances: Vec<String> =
                recipe.requires.iter().map(crate::recipe::Requirement::instance).collect();
            let names = ROOTS
                .iter()
                .map(|root| root.name)
                .filter(|name| *name != "it")
                .chain(recipe.existing.keys().map(String::as_str))
                .chain(instances.iter().map(String::as_str));
            let beside = match root {
                "true" | "false" | "null" => format!("a literal stands in backticks: `{root}`"),
                _ => did_you_mean(root, names),
            };
            Some((format!("there is no `{root}`"), beside))
        }
    }
}

fn keys<T>(map: &indexmap::IndexMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

/// The named thing of this recipe that a path reads.
fn owner_of<'a>(recipe: &'a Recipe, path: &[String]) -> Option<Owner<'a>> {
    let root = path.first()?.as_str();
    let field = path.get(1).map(String::as_str);
    match (root, field) {
        ("variables", Some(name)) => {
            recipe.variables.get_key_value(name).map(|(name, _)| Owner::Variable(name))
        }
        ("outputs", Some(name)) => recipe.outputs.get_key_value(name).map(|(name, _)| Owner::Output(name)),
        ("steps", Some(name)) => recipe.step(name).map(|step| Owner::Step(&step.id.name)),
        (root, _) => recipe.existing.get_key_value(root).map(|(name, _)| Owner::Lookup(name)),
    }
}

/// What is known of a resource before it is made: its id follows from type and name.
const KNOWN_OF_A_STEP: &[&str] = &["id", "name", "type"];

/// Whether nothing of what a step makes is known before it.
fn tells_only_afterwards(step: &Step) -> bool {
    match &step.kind {
        StepKind::Action(action) => !action.reads(),
        StepKind::Wait(_) => true,
        _ => false,
    }
}

/// Why the path is known only after a step, if it is: looks through variables, outputs and required
/// recipes. Each recipe and path is looked at once, however many ways lead there.
fn too_late(recipe: &Recipe, catalogue: &Catalogue, path: &[String]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![(recipe, path.to_vec())];
    while let Some((recipe, mut path)) = open.pop() {
        // Below a step only the first property matters, so that the search stays finite.
        path.truncate(3);
        if !seen.insert((recipe.name.value.as_str(), path.clone())) {
            continue;
        }
        let [root, field, rest @ ..] = path.as_slice() else {
            continue;
        };
        let (recipe, definition) = match root.as_str() {
            "steps" if recipe.step(field).is_some_and(tells_only_afterwards) => {
                return Some(format!("what comes of `{field}` is known only after it"));
            }
            "steps" => match rest.first() {
                Some(property) if !KNOWN_OF_A_STEP.contains(&property.as_str()) => {
                    return Some(format!("`{property}` of the step `{field}` is known only after it"));
                }
                _ => continue,
            },
            "variables" => (recipe, recipe.variables.get(field)),
            "outputs" => (recipe, recipe.outputs.get(field)),
            _ => {
                if let Some(after) = recipe.existing.get(root).and_then(|lookup| lookup.after.first()) {
                    return Some(format!("`{root}` is read after the step `{}`", after.value));
                }
                let required = requirement(recipe, root).map(|one| catalogue.get(&one.recipe.value));
                match required {
                    Some(Ok(required)) => (required.as_ref(), required.outputs.get(field)),
                    _ => continue,
                }
            }
        };
        for mut reference in definition.map(|one| one.value.references()).unwrap_or_default() {
            reference.path.extend_from_slice(rest);
            open.push((recipe, reference.path));
        }
    }
    None
}

/// The longest chain of definitions that build on each other.
const MAX_CHAIN: usize = 200;

/// Reports each circle once, as a chain.
fn cycles<'a>(edges: &BTreeMap<Owner<'a>, Vec<(Owner<'a>, Span)>>, findings: &mut Findings<'_>) {
    let mut done = BTreeSet::new();
    for start in edges.keys() {
        let mut chain = Vec::new();
        walk(*start, edges, &mut chain, &mut done, findings);
    }
}

fn walk<'a>(
    node: Owner<'a>,
    edges: &BTreeMap<Owner<'a>, Vec<(Owner<'a>, Span)>>,
    chain: &mut Vec<(Owner<'a>, Span)>,
    done: &mut BTreeSet<Owner<'a>>,
    findings: &mut Findings<'_>,
) {
    if done.contains(&node) {
        return;
    }
    if let (true, Some((_, span))) = (chain.len() > MAX_CHAIN, chain.last()) {
        findings.error(
            codes::CYCLE,
            *span,
            format!("more than {MAX_CHAIN} definitions build on each other"),
            "",
        );
        done.insert(node);
        return;
    }
    for (next, span) in edges.get(&node).map_or(&[] as &[_], Vec::as_slice) {
        chain.push((node, *span));
        if let Some(start) = chain.iter().position(|(other, _)| other == next) {
            let mut names: Vec<String> = chain[start..].iter().map(|(owner, _)| owner_name(*owner)).collect();
            names.push(owner_name(*next));
            findings.error(
                codes::CYCLE,
                *span,
                format!("these need each other: {}", names.join(" → ")),
                "closes the circle",
            );
        } else {
            walk(*next, edges, chain, done, findings);
        }
        chain.pop();
    }
    done.insert(node);
}

fn owner_name(owner: Owner<'_>) -> String {
    match owner {
        Owner::Variable(name) => format!("variables.{name}"),
        Owner::Output(name) => format!("outputs.{name}"),
        Owner::Step(name) => format!("steps.{name}"),
        Owner::Lookup(name) => name.to_owned(),
        Owner::Leaf => String::new(),
    }
}
