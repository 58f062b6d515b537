//! Names of properties, in what is read and in what is written, against the members that the type table
//! knows. A misspelt one is null when it is read; Azure passes over it when it is written.

use super::Findings;
use super::fragments::{self, What};
use super::places::{Owner, Place, places};
use crate::azure::types::{self, ListKind, ResourceType};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expression::{Flow, Node, Source, Tree};
use crate::recipe::suggest::{did_you_mean, list};
use crate::recipe::{Recipe, Step, StepKind, place};

const APP: &str = "Microsoft.App/containerApps";
const CONTAINERS: &str = "properties.template.containers[]";

/// Checks both.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for here in places(recipe) {
        read(recipe, &here, findings);
        element(recipe, &here, findings);
    }
    for step in &recipe.steps {
        written(step, findings);
    }
}

/// The members of the object at `pattern`, when the table knows them.
fn members(row: &ResourceType, pattern: &str) -> Option<&'static [&'static str]> {
    row.fields.iter().find(|(own, _)| *own == pattern).map(|(_, members)| *members)
}

/// The type of what a path reads, the pattern it starts at, and how many names of the path that takes.
fn typed(recipe: &Recipe, path: &[String]) -> Option<(&'static ResourceType, &'static str, usize)> {
    let root = path.first()?.as_str();
    match root {
        "app" => Some((types::find(APP)?, "", 1)),
        "container" => Some((types::find(APP)?, CONTAINERS, 1)),
        "environment" => Some((types::find("Microsoft.App/managedEnvironments")?, "", 1)),
        "steps" => {
            let step = recipe.step(path.get(1)?).filter(|step| step.for_each.is_none())?;
            let row = match &step.kind {
                StepKind::ContainerApp(_) => types::find(APP)?,
                StepKind::Resource(resource) => types::find(&resource.kind.kind)?,
                StepKind::RoleAssignment(_)
                | StepKind::Sql(_)
                | StepKind::ImageBuild(_)
                | StepKind::Action(_)
                | StepKind::Wait(_)
                | StepKind::Removal(_)
                | StepKind::PutBack(_)
                | StepKind::Service(_) => return None,
            };
            Some((row, "", 2))
        }
        // A list, and what is read once a round, have elements between.
        _ => {
            let lookup = recipe.existing.get(root)?;
            let resource = lookup.resource().filter(|one| !one.list && lookup.for_each.is_none())?;
            types::find(&resource.kind.kind).map(|row| (row, "", 1))
        }
    }
}

fn read(recipe: &Recipe, here: &Place<'_>, findings: &mut Findings<'_>) {
    let flows = here.expression.flows();
    let values = flows.value.into_iter().filter_map(|flow| match flow {
        Flow { from: Source::Path(path), .. } => Some(path),
        Flow { .. } => None,
    });
    let references = here.expression.references();
    let paths = values.chain(flows.examined).chain(references.iter().map(|one| one.path.clone()));
    let mut told: Vec<(String, String)> = Vec::new();
    for path in paths {
        let Some((row, start, skip)) = typed(recipe, &path) else { continue };
        let mut pattern = start.to_owned();
        for name in path.get(skip..).unwrap_or_default() {
            if name == "*" {
                pattern.push_str("[]");
                continue;
            }
            let Some(known) = members(row, &pattern) else { break };
            if !known.contains(&name.as_str()) {
                let key = (pattern.clone(), name.clone());
                if !told.contains(&key) {
                    // Below an index or filter the name is no part of a reference; what leads there is.
                    let named = references.iter().find(|one| one.path.contains(name));
                    let reference = named.or(references.iter().find(|one| path.starts_with(&one.path)));
                    let span = reference.map_or(here.span, |one| {
                        place(&recipe.source, here.span, here.expression.text(), one.span)
                    });
                    unknown(row, &pattern, name, known, span, findings);
                    told.push(key);
                }
                break;
            }
            if !pattern.is_empty() {
                pattern.push('.');
            }
            pattern.push_str(name);
        }
    }
}

fn unknown(
    row: &ResourceType,
    pattern: &str,
    name: &str,
    known: &[&str],
    span: Span,
    findings: &mut Findings<'_>,
) {
    let place = if pattern.is_empty() { String::new() } else { format!(" in `{pattern}`") };
    let near = did_you_mean(name, known.iter().copied());
    let below = members(row, "properties").is_some_and(|members| members.contains(&name));
    let beside = if pattern.is_empty() && below { format!("it is `properties.{name}`") } else { near };
    let message = format!("a {} has no `{name}`{place}, as far as is known", row.noun);
    findings.push(
        Diagnostic::warning(codes::UNKNOWN_FIELD, message)
            .note(format!("it has {}", list(known.iter().copied())))
            .label(findings.source, span, beside),
    );
}

/// A lookup with `for_each` is its element only below the same `for_each`.
fn element(recipe: &Recipe, here: &Place<'_>, findings: &mut Findings<'_>) {
    for reference in here.expression.references() {
        let [root, _, ..] = reference.path.as_slice() else { continue };
        let Some(by) = recipe.existing.get(root).and_then(|lookup| lookup.for_each.as_ref()) else {
            continue;
        };
        let same = here.for_each.is_some_and(|own| own.value.text() == by.value.text());
        if !same && here.owner != Owner::Lookup(root) {
            let span = place(&recipe.source, here.span, here.expression.text(), reference.span);
            let message = format!("`{root}` is read once a round; here it is all of them, by key");
            let beside = "use the same `for_each`, or `values(…)`";
            findings.error(codes::NOT_AN_ELEMENT, span, message, beside);
        }
    }
}

fn written(step: &Step, findings: &mut Findings<'_>) {
    let Some((Some(row), tree)) = fragments::of(step) else { return };
    if let Node::Map(parts) = &tree.node
        && let Some((_, span, _)) = parts.iter().find(|(key, ..)| key.text() == "$patch")
    {
        let message = "a directive stands at a property, not at the whole fragment";
        findings.error(codes::BAD_DIRECTIVE, *span, message, "");
    }
    fragments::walk(step, &mut |spot| match spot.what {
        What::Key(key, span) => {
            let Some(name) = key.literal() else { return };
            if row.is_read_only(spot.pattern) || row.computed.contains(&spot.pattern) {
                let message = format!("`{}` is set by Azure, never by a recipe", spot.pattern);
                findings.error(codes::READ_ONLY, span, message, "");
                return;
            }
            let parent = spot.pattern.strip_suffix(&name).unwrap_or_default().trim_end_matches('.');
            // What a fragment of an app has at its top is checked with its own words.
            let top = parent.is_empty() && matches!(step.kind, StepKind::ContainerApp(_));
            if let Some(known) = members(row, parent).filter(|known| !top && !known.contains(&name.as_str()))
            {
                unknown(row, parent, &name, known, span, findings);
            }
        }
        What::Element(item) => {
            if let ListKind::Map(keys) = row.list_kind(spot.pattern) {
                keyed(spot.pattern, keys, item, findings);
            }
        }
        What::Text(..) | What::Scalar(..) => {}
    });
}

/// An element without what tells it apart matches nothing.
fn keyed(pattern: &str, keys: &[&str], item: &Tree, findings: &mut Findings<'_>) {
    let Node::Map(members) = &item.node else { return };
    let has = |wanted: &str| members.iter().any(|(key, ..)| key.text() == wanted);
    if has("$patch") || members.iter().any(|(key, ..)| key.literal().is_none()) {
        return;
    }
    for key in keys.iter().filter(|key| !has(key)) {
        let message = format!("an element of `{pattern}` is told apart by `{key}`, which is missing");
        let beside =
            if pattern == CONTAINERS.trim_end_matches("[]") { "name: \"${container.name}\"" } else { "" };
        findings.error(codes::MISSING_LIST_KEY, item.span, message, beside);
    }
}
