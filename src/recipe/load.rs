//! Loading: text to recipe, or every mistake in it.

use std::sync::Arc;

use super::grammar::RECIPE;
use super::structure::Structure;
use super::yaml;
use super::{Loaded, Origin, Recipe, data, read, traps};
use crate::diagnostic::{Diagnostic, Severity, Source};

/// Reads a recipe file, and the tables beside it.
///
/// # Errors
/// Every mistake of form in it (not only the first): unknown, missing and repeated keys, wrong
/// types, bad names, durations, expressions …; each points into the file. Whether references lead
/// anywhere is for [`super::validate()`], which needs the catalogue.
pub fn load(source: &Arc<Source>, origin: Origin) -> Loaded {
    match attempt(source, origin) {
        (Some(recipe), found) if found.iter().all(|one| one.severity == Severity::Warning) => Ok(recipe),
        (_, found) => Err(found.into_iter().filter(|one| one.severity == Severity::Error).collect()),
    }
}

/// As [`load`], but with whatever recipe can be made in spite of mistakes that concern only a part
/// of it, so that lint can go on and report everything at once.
pub(super) fn attempt(source: &Arc<Source>, origin: Origin) -> (Option<Recipe>, Vec<Diagnostic>) {
    let tree = match yaml::parse(source) {
        Ok(tree) => tree,
        Err(mistake) => return (None, vec![*mistake]),
    };
    let mut structure = Structure::of(source, &tree, &RECIPE);
    structure.found.extend(traps::of(source, &tree));
    let mut recipe = if structure.broken { None } else { read::recipe(source, origin, &tree) };
    if let Some(recipe) = &mut recipe {
        structure.found.extend(data::read(recipe));
    }
    (recipe, structure.found)
}
