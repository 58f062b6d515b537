//! What stands in a recipe to no effect: things that nothing reads, steps that own nothing, and recipes
//! whose success nothing that Azure did would show.

use std::collections::BTreeSet;

use super::Findings;
use super::fragments;
use super::places::{Owner, Place, places};
use crate::diagnostic::{Span, codes};
use crate::expression::{Node, Tree};
use crate::recipe::{Catalogue, Check, CheckKind, Recipe, Step, StepKind};

/// Reports all of it.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    unread(recipe, findings);
    for step in &recipe.steps {
        idle(step, findings);
    }
    unobserved(recipe, catalogue, findings);
}

fn unread(recipe: &Recipe, findings: &mut Findings<'_>) {
    let places = places(recipe);
    // What a thing says of itself does not use it.
    let read: BTreeSet<(String, String)> = places
        .iter()
        .flat_map(|here| here.expression.references().into_iter().map(move |one| (here, one.path)))
        .filter(|(here, path)| !own(here, path))
        .map(|(_, path)| {
            let mut path = path.into_iter();
            (path.next().unwrap_or_default(), path.next().unwrap_or_else(|| "*".to_owned()))
        })
        .collect();
    let used = |root: &str, name: &str| {
        let has = |name: &str| read.contains(&(root.to_owned(), name.to_owned()));
        has(name) || has("*")
    };
    let mut report = |what: &str, written: &str, span: Span| {
        findings.warning(codes::UNUSED, span, format!("nothing reads the {what} `{written}`"), "");
    };
    for input in recipe.inputs.values().filter(|input| !used("inputs", &input.id.name)) {
        report("input", &input.id.written, input.id.span);
    }
    for table in recipe.data.values().filter(|table| !used("data", &table.id.name)) {
        report("table", &table.id.written, table.id.span);
    }
    for variable in recipe.variables.values().filter(|variable| !used("variables", &variable.id.name)) {
        report("variable", &variable.id.written, variable.id.span);
    }
    // One that must be there says so by standing there.
    for lookup in recipe
        .existing
        .values()
        .filter(|lookup| lookup.optional || lookup.resource().is_none_or(|resource| resource.list))
    {
        if !read.iter().any(|(root, _)| *root == lookup.id.name) {
            report("lookup", &lookup.id.written, lookup.id.span);
        }
    }
}

fn own(here: &Place<'_>, path: &[String]) -> bool {
    match (here.owner, path) {
        (Owner::Variable(name), [root, field, ..]) => root == "variables" && field == name,
        (Owner::Lookup(name), [root, ..]) => root == name,
        _ => false,
    }
}

/// A fragment without a single value changes nothing, whatever the app is like.
fn idle(step: &Step, findings: &mut Findings<'_>) {
    if let StepKind::ContainerApp(fragment) = &step.kind
        && !owns(fragment, 0)
    {
        let message = format!("the step `{}` owns nothing", step.id.written);
        findings.error(codes::OWNS_NOTHING, step.id.span, message, "name the properties it wants");
    }
    fragments::walk(step, &mut |spot| {
        if let fragments::What::Scalar(serde_json::Value::Null, span) = spot.what {
            let message = format!("`{}` is null, and null owns nothing", spot.pattern);
            findings.warning(codes::OWNS_NOTHING, span, message, "to remove it: { $patch: delete }");
        }
    });
}

fn owns(tree: &Tree, depth: usize) -> bool {
    match &tree.node {
        Node::Scalar(value) => !value.is_null(),
        Node::Text(_) => true,
        Node::List(items) => items.iter().any(|item| owns(item, depth + 1)),
        // `userAssignedIdentities: { ID: {} }` owns the member.
        Node::Map(members) if members.is_empty() => depth >= 3,
        Node::Map(members) => members.iter().any(|(_, _, member)| owns(member, depth + 1)),
    }
}

/// Success must show in something that Azure made: the revision, whose health every run looks at when the
/// app changes, or what a check of the recipe's own reads.
fn unobserved(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    if recipe.steps.is_empty() || changes_app(recipe, catalogue, &mut Vec::new()) {
        return;
    }
    let observes = |check: &Check| {
        // An answer of the app is one, and one of the domain name system.
        let CheckKind::That(that) = &check.kind else { return true };
        let references = that.references();
        references.iter().any(|reference| reference.path.first().is_some_and(|root| is_read(recipe, root)))
    };
    // So does what a step waits for.
    let waits = recipe.steps.iter().any(|step| matches!(step.kind, StepKind::Wait(_)));
    if !waits && !recipe.verify.iter().any(observes) {
        let span = recipe.steps.first().map_or(recipe.name.span, |step| step.id.span);
        findings.error(
            codes::NO_OBSERVED_EFFECT,
            span,
            "no check of this recipe looks at what Azure made of it",
            "add a `verify` over what is read, or change the app: its revision's health counts",
        );
    }
}

fn is_read(recipe: &Recipe, root: &str) -> bool {
    matches!(root, "app" | "environment" | "container" | "steps") || recipe.existing.contains_key(root)
}

fn changes_app(recipe: &Recipe, catalogue: &Catalogue, seen: &mut Vec<String>) -> bool {
    if seen.contains(&recipe.name.value) {
        return false;
    }
    seen.push(recipe.name.value.clone());
    recipe.steps.iter().any(|step| matches!(step.kind, StepKind::ContainerApp(_)))
        || recipe.requires.iter().any(|one| {
            catalogue.get(&one.recipe.value).is_ok_and(|required| changes_app(required, catalogue, seen))
        })
}
