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
        Err(mistake) => return (None, vec![mistake]),
    };
    let structure = Structure::of(source, &tree, &RECIPE);
    let recipe = if structure.broken {
        None
    } else {
        read::recipe(source, origin, &tree)
    };
    (recipe, structure.found)
}

/// Reads a text file of at most [`MAX_BYTES`]; `path` becomes the source's name.
///
/// # Errors
/// It cannot be opened, is longer, or is not UTF-8.
pub fn read_source(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    use std::io::Read;

    let name = path.display().to_string();
    let refused = |error: std::io::Error| {
        Diagnostic::error(codes::UNREADABLE_FILE, format!("{name} cannot be read: {error}"))
    };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long from one that just fits, without
    // reading all of it.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() > MAX_BYTES {
        return Err(Diagnostic::error(
            codes::FILE_TOO_LARGE,
            format!("{name} has more than the {} KiB that are read", MAX_BYTES / 1024),
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Diagnostic::error(codes::UNREADABLE_FILE, format!("{name} is not UTF-8 text")))?;
    Ok(Arc::new(Source { name, text }))
}
