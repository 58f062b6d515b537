//! Whose principal a role, or a database user, is given to: that of an identity of the run, or one the caller names; never one
//! that stands in a recipe, written out or put together.

use super::Findings;
use super::fragments::{self, What};
use super::trace::{From, Leaf, Trace, trace, trace_tree};
use crate::azure::types;
use crate::diagnostic::{Span, codes};
use crate::expression::Expression;
use crate::recipe::{Catalogue, Input, Lookup, Recipe, Step, StepKind};

const INSTEAD: &str = "take it from an identity of the run or from an input";

/// Checks every role that the recipe gives, and what it sets in the recipes it requires.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    for (step, span, trace) in principals(recipe, catalogue) {
        if let Some(why) = trace.as_ref().map_or(Some(WRITTEN.to_owned()), |one| refused(one, catalogue)) {
            let message = format!("the principal of `{}` {why}", step.id.written);
            findings.error(codes::LITERAL_PRINCIPAL, span, message, INSTEAD);
        }
    }
    for requirement in &recipe.requires {
        let Ok(required) = catalogue.get(&requirement.recipe.value) else { continue };
        for (name, definition) in &requirement.with {
            let set = trace_tree(recipe, catalogue, &definition.value);
            let why = if is_principal(required, catalogue, name) {
                refused(&set, catalogue)
            } else if names_identity(required, catalogue, name) {
                address(&set)
            } else {
                None
            };
            if let Some(why) = why {
                let message = format!(
                    "`{}` of {} decides who gets a role, and {why}",
                    definition.id.written, requirement.recipe.value
                );
                findings.error(codes::LITERAL_PRINCIPAL, definition.id.span, message, INSTEAD);
            }
        }
    }
}

/// What names an identity: its object id in the directory, and the id of its application, which is one and
/// the same principal.
const NAMING: &[&str] = &["principalId", "clientId"];

const WRITTEN: &str = "is written in the recipe";

/// The roles of a recipe, those of other types' own kinds too: the step, where its principal stands, and what
/// that comes from.
fn principals<'a>(
    recipe: &'a Recipe,
    catalogue: &'a Catalogue,
) -> impl Iterator<Item = (&'a Step, Span, Option<Trace<'a>>)> {
    recipe.steps.iter().flat_map(move |step| {
        let from = |principal: &Expression, span: Span| {
            let read = !principal.references().is_empty();
            (step, span, read.then(|| trace(recipe, catalogue, principal, step.for_each.as_ref())))
        };
        match &step.kind {
            StepKind::RoleAssignment(role) => vec![from(&role.principal.value, role.principal.span)],
            // By its client id a database knows whom it lets in.
            StepKind::Sql(user) => vec![from(&user.client_id.value, user.client_id.span)],
            StepKind::Resource(resource) => {
                let Some(row) = types::find(&resource.kind.kind).filter(|row| !row.principal.is_empty())
                else {
                    return Vec::new();
                };
                let mut found = Vec::new();
                fragments::walk(step, &mut |spot| match spot.what {
                    // ARM takes names in any case.
                    What::Text(text, span) if spot.pattern.eq_ignore_ascii_case(row.principal) => {
                        found.push(from(text, span));
                    }
                    // What stands above it, or a name that is made, could hold any principal.
                    What::Text(_, span) if above(spot.pattern, row.principal) => {
                        found.push((step, span, None));
                    }
                    What::Key(name, span) if name.literal().is_none() => {
                        // It may itself be spelled with dots.
                        let parent = spot.pattern.strip_suffix(name.text()).unwrap_or_default();
                        if above(parent.trim_end_matches('.'), row.principal) {
                            found.push((step, span, None));
                        }
                    }
                    _ => {}
                });
                found
            }
            _ => Vec::new(),
        }
    })
}

/// Whether the pattern stands above the path.
fn above(pattern: &str, path: &str) -> bool {
    pattern.is_empty() || path.to_ascii_lowercase().starts_with(&format!("{}.", pattern.to_ascii_lowercase()))
}

/// Why what this comes from is no principal of the run, if so.
fn refused(trace: &Trace<'_>, catalogue: &Catalogue) -> Option<String> {
    if trace.vague {
        return Some("comes from more than can be followed".to_owned());
    }
    trace.leaves.iter().find_map(|leaf| match leaf {
        Leaf { from: From::Literal(_), .. } => Some(WRITTEN.to_owned()),
        Leaf { made: true, .. } => Some("is put together from other values".to_owned()),
        Leaf { from: From::Input(_), .. } => None,
        Leaf { from: From::Root(path), .. } => {
            let own = path.first().is_some_and(|root| root == "app") && of_identity(&path[1..]);
            (!own).then(|| format!("comes from `{}`", path.join(".")))
        }
        Leaf { from: From::Step(step, path), .. } => {
            let own = match &step.kind {
                StepKind::ContainerApp(_) => of_identity(path),
                StepKind::Resource(resource) => {
                    let plain: Vec<&str> =
                        path.iter().map(String::as_str).filter(|one| *one != "*").collect();
                    let row = types::find(&resource.kind.kind);
                    let computed = row.is_some_and(|row| row.computed.contains(&plain.join(".").as_str()));
                    computed && plain.last().is_some_and(|last| NAMING.contains(last))
                }
                StepKind::RoleAssignment(_)
                | StepKind::Sql(_)
                | StepKind::ImageBuild(_)
                | StepKind::Action(_)
                | StepKind::Wait(_)
                | StepKind::Removal(_)
                | StepKind::PutBack(_)
                | StepKind::Service(_) => false,
            };
            (!own).then(|| format!("is not the principal of what `{}` makes", step.id.written))
        }
        Leaf { from: From::Lookup(recipe, lookup, path), .. } => {
            if has_principal(lookup, path) {
                located(recipe, lookup, catalogue)
            } else {
                Some(format!("is not the principal of `{}`", lookup.id.written))
            }
        }
    })
}

/// Whether the path reads a principal of an `identity`.
fn of_identity(path: &[String]) -> bool {
    path.first().is_some_and(|first| first == "identity" || first == "*")
        && path.last().is_some_and(|last| NAMING.contains(&last.as_str()))
        && !path.iter().any(|part| part == "tags")
}

/// Whether the path reads the principal that a resource has itself, as its type computes it. Others hold
/// principals that are not theirs (a role assignment), and of a list a recipe could choose.
fn has_principal(lookup: &Lookup, path: &[String]) -> bool {
    let Some(resource) = lookup.resource() else { return false };
    let plain: Vec<&str> = path.iter().map(String::as_str).filter(|one| *one != "*").collect();
    let own = types::find(&resource.kind.kind).is_some_and(|row| {
        row.computed.contains(&plain.join(".").as_str())
            && plain.last().is_some_and(|last| NAMING.contains(last))
    });
    own && !resource.list
}

/// Why the address of a lookup is not the caller's to give, if so.
fn located(recipe: &Recipe, lookup: &Lookup, catalogue: &Catalogue) -> Option<String> {
    let Some(resource) = lookup.resource() else {
        return Some(format!("is read from `{}`", lookup.id.written));
    };
    let group = resource.resource_group.as_ref().and_then(|group| {
        let from = trace(recipe, catalogue, &group.value, lookup.for_each.as_ref());
        let written = from.leaves.iter().any(|leaf| matches!(leaf.from, From::Literal(_)));
        written.then(|| format!("is read from `{}`, whose resource group {WRITTEN}", lookup.id.written))
    });
    if group.is_some() {
        return group;
    }
    let parts = [&resource.name, &resource.parent, &resource.scope];
    parts.into_iter().flatten().find_map(|part| {
        let from = trace(recipe, catalogue, &part.value, lookup.for_each.as_ref());
        address(&from).map(|why| format!("is read from `{}`, whose address {why}", lookup.id.written))
    })
}

/// Why a name or id is not the caller's to give: an id that stands in the recipe, or could be put together
/// there, leads to an identity of somebody else.
fn address(trace: &Trace<'_>) -> Option<String> {
    if trace.vague {
        return Some("comes from more than can be followed".to_owned());
    }
    trace.leaves.iter().find_map(|leaf| match leaf {
        Leaf { from: From::Literal(text), .. } if text.contains('/') => Some(WRITTEN.to_owned()),
        // Names of the target hold no slash; a caller's input may hold what the caller likes.
        Leaf { from: From::Root(path), made: true }
            if path.first().is_none_or(|root| root != "target") || path.len() != 2 =>
        {
            Some("is put together from other values".to_owned())
        }
        // What is no resource may hold what the recipe's tables say.
        Leaf { from: From::Lookup(_, lookup, _), .. } if lookup.resource().is_none() => {
            Some(format!("comes from `{}`", lookup.id.written))
        }
        Leaf { from: From::Step(..) | From::Lookup(..), made: true } => {
            Some("is put together from other values".to_owned())
        }
        _ => None,
    })
}

fn comes_from(trace: &Trace<'_>, name: &str) -> bool {
    let is = |input: &Input| input.id.name == name;
    trace.leaves.iter().any(|leaf| matches!(leaf.from, From::Input(input) if is(input)))
}

/// Whether the recipe gives a role to what the input holds.
fn is_principal(recipe: &Recipe, catalogue: &Catalogue, input: &str) -> bool {
    principals(recipe, catalogue).any(|(_, _, trace)| trace.is_some_and(|trace| comes_from(&trace, input)))
}

/// Whether the input names a resource that has a principal.
fn names_identity(recipe: &Recipe, catalogue: &Catalogue, input: &str) -> bool {
    recipe.existing.values().any(|lookup| {
        let Some(resource) = lookup.resource() else { return false };
        let row = types::find(&resource.kind.kind);
        let has = row.is_none_or(|row| row.computed.iter().any(|path| path.ends_with("principalId")));
        has && [&resource.name, &resource.parent]
            .into_iter()
            .flatten()
            .any(|part| comes_from(&trace(recipe, catalogue, &part.value, lookup.for_each.as_ref()), input))
    })
}
