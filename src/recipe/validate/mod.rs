//! Validation: whether a recipe that is well formed can also be meant.

mod actions;
mod asked;
mod builds;
mod checks;
mod defaults;
mod desired;
mod fields;
mod fragments;
mod hidden;
mod local;
mod places;
mod principals;
mod queries;
mod references;
mod secrets;
mod target;
mod trace;
mod types;
mod usage;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) use desired::DIRECTIVES;
pub use desired::forbidden_role;
pub(super) use references::ROOTS;
pub(super) use types::is_written;

use super::load::attempt;
use super::suggest::did_you_mean;
use super::{Catalogue, Id, LookupKind, Origin, Recipe, paths, read_beneath};
use crate::diagnostic::{Code, Diagnostic, Severity, Source, Span, codes};
use crate::expression::{Expression, Node};

/// What validation found, and the file it points into.
struct Findings<'a> {
    source: &'a Arc<Source>,
    all: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.all.push(diagnostic);
    }

    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, beside: impl Into<String>) {
        let diagnostic = Diagnostic::error(code, message).label(self.source, span, beside);
        self.push(diagnostic);
    }

    fn warning(&mut self, code: Code, span: Span, message: impl Into<String>, beside: impl Into<String>) {
        let diagnostic = Diagnostic::warning(code, message).label(self.source, span, beside);
        self.push(diagnostic);
    }

    /// In the order of the file; one finding a code and place, the first that was made.
    fn sorted(self) -> Vec<Diagnostic> {
        let mut all = self.all;
        let start = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| label.span.start);
        all.sort_by_key(start);
        let mut told = std::collections::BTreeSet::new();
        all.retain(|one| told.insert((start(one), one.code, one.message.clone())));
        all
    }
}

/// Every mistake of meaning in a recipe that loads, in the order of the file: references that lead
/// nowhere, circles, names used twice, values known too late, roles and principals that a recipe
/// may not have, paths wanted twice.
pub fn validate(recipe: &Recipe, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let mut findings = Findings { source: &recipe.source, all: Vec::new() };
    names(recipe, &mut findings);
    defaults::check(recipe, &mut findings);
    lookups(recipe, &mut findings);
    builds::check(recipe, &mut findings);
    actions::check(recipe, &mut findings);
    target::check(recipe, catalogue, &mut findings);
    recipes(recipe, catalogue, &mut findings);
    references::check(recipe, catalogue, &mut findings);
    desired::check(recipe, &mut findings);
    types::check(recipe, &mut findings);
    queries::suffixes(recipe, &mut findings);
    principals::check(recipe, catalogue, &mut findings);
    secrets::check(recipe, catalogue, &mut findings);
    asked::check(recipe, catalogue, &mut findings);
    checks::check(recipe, &mut findings);
    findings.sorted()
}

/// What a recipe that could be run is better without, in the order of the file: what always comes out the
/// same, what nothing reads, what people need to be told. For those who write it; no reason to refuse it.
pub fn review(recipe: &Recipe, catalogue: &Catalogue) -> Vec<Diagnostic> {
    let mut findings = Findings { source: &recipe.source, all: Vec::new() };
    queries::check(recipe, &mut findings);
    fields::check(recipe, &mut findings);
    usage::check(recipe, catalogue, &mut findings);
    words::check(recipe, &mut findings);
    findings.sorted()
}

/// Everything wrong with these recipe files, which may refer to each other and to the catalogue's
/// recipes; one of the catalogue's name stands in its place.
pub fn lint(files: &[PathBuf], catalogue: &Catalogue) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    let mut catalogue = catalogue.clone();
    let mut recipes = Vec::new();
    for file in files {
        let folder = file.parent().map(PathBuf::from).unwrap_or_default();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let source = match read_beneath(&folder, &name) {
            Ok(source) => source,
            Err(mistake) => {
                all.push(*mistake);
                continue;
            }
        };
        let (recipe, mistakes) = attempt(&source, Origin::Folder(folder));
        if let Some(recipe) = &recipe {
            catalogue.insert(recipe.clone());
        }
        recipes.push((recipe, mistakes));
    }
    for (recipe, mut found) in recipes {
        if let Some(recipe) = recipe {
            // Of a file that is only read in part nobody knows what is missing in it.
            let whole = found.iter().all(|one| one.severity == Severity::Warning);
            found.extend(validate(&recipe, &catalogue));
            if whole {
                found.extend(review(&recipe, &catalogue));
            }
        }
        found.sort_by_key(|one| one.labels.first().map(|label| label.span.start));
        all.extend(found);
    }
    all
}

/// One flat name space, so that a name means one thing wherever it stands. Outputs are apart: they
/// are the recipe's face and may carry an input's name.
fn names(recipe: &Recipe, findings: &mut Findings<'_>) {
    let mut taken: BTreeMap<String, (&'static str, Span)> = BTreeMap::new();
    let instances: Vec<Id> = recipe
        .requires
        .iter()
        .map(|requirement| {
            requirement.alias.clone().unwrap_or_else(|| Id {
                name: requirement.instance(),
                written: requirement.recipe.value.clone(),
                span: requirement.recipe.span,
            })
        })
        .collect();
    let all = (recipe.inputs.values().map(|input| ("an input", &input.id)))
        .chain(recipe.data.values().map(|table| ("a table", &table.id)))
        .chain(recipe.existing.values().map(|lookup| ("a lookup", &lookup.id)))
        .chain(recipe.variables.values().map(|variable| ("a variable", &variable.id)))
        .chain(recipe.steps.iter().map(|step| ("a step", &step.id)))
        .chain(instances.iter().map(|id| ("a required recipe", id)));
    for (what, id) in all {
        if references::is_root(&id.name) {
            findings.error(
                codes::NAME_TAKEN,
                id.span,
                format!("`{}` is the name of a root; {what} needs another", id.written),
                "",
            );
        } else if let Some((other, span)) = taken.get(&id.name) {
            let diagnostic = Diagnostic::error(
                codes::NAME_TAKEN,
                format!("`{}` is the name of {other} and of {what}", id.written),
            )
            .label(findings.source, id.span, "")
            .label(findings.source, *span, "first here");
            findings.push(diagnostic);
        } else {
            taken.insert(id.name.clone(), (what, id.span));
        }
    }
}

fn lookups(recipe: &Recipe, findings: &mut Findings<'_>) {
    for lookup in recipe.lookups() {
        if lookup.resource().is_some_and(|resource| resource.name.is_none() && !resource.list) {
            findings.error(
                codes::MISSING_KEY,
                lookup.id.span,
                "a lookup needs `name`, unless it is a `list`",
                "",
            );
        }
    }
    local::check(recipe, findings);
    for lookup in recipe.lookups() {
        if let LookupKind::Manifest(manifest) = &lookup.kind
            && !names_registry(recipe, &manifest.registry.value)
        {
            let message = "a manifest's `registry` is a lookup of a container registry";
            findings.error(codes::BAD_VALUE, manifest.registry.span, message, "such as \"${registry}\"");
        }
        if let LookupKind::Action(action) = &lookup.kind
            && let Some(Node::Map(members)) = action.query.as_ref().map(|query| &query.node)
        {
            for (key, span, _) in members.iter().filter(|(key, ..)| !is_parameter(key.text())) {
                let message = format!("`{}` is no parameter that a lookup sets", key.text());
                findings.error(codes::BAD_NAME, *span, message, "letters, perhaps with a `$` before them");
            }
        }
    }
}

/// Whether it can be a parameter of a query beside the api-version, which the type's row says.
fn is_parameter(name: &str) -> bool {
    let letters = name.strip_prefix('$').unwrap_or(name);
    !letters.is_empty() && letters.chars().all(|c| c.is_ascii_alphabetic())
}

/// Whether it is a registry that a lookup read: what a recipe makes up could be one of its own, and a token
/// would be sent there.
fn names_registry(recipe: &Recipe, expression: &Expression) -> bool {
    recipe.existing.iter().any(|(name, lookup)| {
        let kind = lookup.resource().map(|resource| resource.kind.kind.as_str());
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.ContainerRegistry/registries"))
            && expression.text() == format!("${{{name}}}")
    })
}

/// The recipes it names are there, take the inputs it sets, and do not come back to it.
fn recipes(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    for name in &recipe.follows {
        if let Err(mistake) = catalogue.get(&name.value) {
            findings.push(mistake.label(&recipe.source, name.span, ""));
        }
    }
    for requirement in &recipe.requires {
        let name = &requirement.recipe;
        let required = match catalogue.get(&name.value) {
            Ok(required) => required,
            Err(mistake) => {
                findings.push(mistake.label(&recipe.source, name.span, ""));
                continue;
            }
        };
        for (key, definition) in &requirement.with {
            let set = required.inputs.get(key);
            if let Some(why) = set.and_then(|input| paths::wrong_setting(recipe, &definition.value, input)) {
                findings.error(codes::OUTSIDE_FOLDER, definition.value.span, why, "");
            }
            if !required.inputs.contains_key(key) {
                let near = did_you_mean(key, required.inputs.keys().map(String::as_str));
                let message = format!("{} has no input `{}`", name.value, definition.id.written);
                findings.error(codes::UNKNOWN_INPUT, definition.id.span, message, near);
            }
        }
        if let Some(chain) = circle(&recipe.name.value, &name.value, catalogue) {
            let message = format!("recipes require each other: {}", chain.join(" → "));
            findings.error(codes::CYCLE, name.span, message, "");
        }
    }
}

/// The way from `start` by its requirement `first` back to `start`, if there is one.
fn circle(start: &str, first: &str, catalogue: &Catalogue) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned(), first.to_owned()]];
    let mut seen = vec![first.to_owned()];
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        if last == start {
            return Some(way);
        }
        for next in catalogue.get(last).map(|recipe| recipe.requires.as_slice()).unwrap_or_default() {
            if !seen.contains(&next.recipe.value) {
                seen.push(next.recipe.value.clone());
                let mut longer = way.clone();
                longer.push(next.recipe.value.clone());
                ways.push(longer);
            }
        }
    }
    None
}
