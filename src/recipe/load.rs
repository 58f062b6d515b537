//! Loading: text to recipe, or every mistake in it.

use std::path::Path;
use std::sync::Arc;

use super::grammar::RECIPE;
use super::structure::Structure;
use super::yaml::{self, MAX_BYTES};
use super::{Loaded, Origin, Recipe, read};
use crate::diagnostic::{Diagnostic, Source, codes};

/// Reads a recipe file.
///
/// # Errors
/// Every mistake of form in it (not only the first): unknown, missing and repeated keys, wrong
/// types, bad names, durations, expressions …; each points into the file. Whether references lead
/// anywhere is for [`super::validate()`], which needs the catalogue.
pub fn load(source: &Arc<Source>, origin: Origin) -> Loaded {
    match attempt(source, origin) {
        (Some(recipe), mistakes) if mistakes.is_empty() => Ok(recipe),
        (_, mistakes) => Err(mistakes),
    }
}

/// As [`load`], but with whatever recipe can be made in spite of mistakes that concern only a part
/// of it, so that lint can go on and report everything at once.
pub(super) fn attempt(source: &Arc<Source>, origin: Origin) -> (Option<Recipe>, Vec<Diagnostic>) {
    let tree = match yaml::parse(source) {
        Ok(tree) => tree,
        Err(mistake) => return (None, vec![*mistake]),
    };
    let structure = Structure::of(source, &tree, &RECIPE);
    let recipe = if structure.broken { None } else { read::recipe(source, origin, &tree) };
    (recipe, structure.found)
}

/// Reads a text file of at most [`MAX_BYTES`]; `path` becomes the source's name.
///
/// # Errors
/// It cannot be opened, is longer, or is not UTF-8.
pub fn read_source(path: &Path) -> Result<Arc<Source>, Box<Diagnostic>> {
    use std::io::Read;

    let name = path.display().to_string();
    let refused = |code, why: String| Box::new(Diagnostic::error(code, format!("{name} {why}")));
    let unreadable = |error| refused(codes::UNREADABLE_FILE, format!("cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long from one that just fits, without
    // reading all of it.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_BYTES {
        let why = format!("has more than the {} KiB that are read", MAX_BYTES / 1024);
        return Err(refused(codes::FILE_TOO_LARGE, why));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| refused(codes::UNREADABLE_FILE, "is not UTF-8 text".to_owned()))?;
    Ok(Arc::new(Source { name, text }))
}
