//! The recipes a run can use: those built in and those of folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::files::beneath;
use super::sample::{self, SampleFile};
use super::suggest::{did_you_mean, list};
use super::{Graph, Origin, Recipe, load, read_beneath, validate};
use crate::diagnostic::{Diagnostic, Source, codes};

/// A recipe inside the binary.
struct BuiltIn {
    folder: &'static str,
    /// The text of recipe.yaml.
    recipe: &'static str,
    /// The text of README.md.
    page: &'static str,
    /// The YAML files beside it, by name.
    data: &'static [(&'static str, &'static str)],
    /// The files of app/, by path.
    sample: &'static [(&'static str, &'static str)],
}

const BUILT_IN: &[BuiltIn] = include!(concat!(env!("OUT_DIR"), "/recipes.rs"));

/// The recipes a run can use, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    recipes: IndexMap<String, Arc<Recipe>>,
}

impl Catalogue {
    /// The built-in recipes alone.
    ///
    /// # Errors
    /// A built-in recipe does not load; the test suite sees to it that this cannot happen.
    pub fn built_in() -> Result<Catalogue, Vec<Diagnostic>> {
        Catalogue::load(&[], false)
    }

    /// The built-in recipes and those in the sub-folders of `folders` (each sub-folder with a
    /// `recipe.yaml`). Recipes of folders are validated too: strangers may have written them.
    ///
    /// # Errors
    /// Every mistake in every recipe; a folder that cannot be read; a name that is there already,
    /// unless `allow_override` says that a folder's recipe takes its place.
    pub fn load(folders: &[PathBuf], allow_override: bool) -> Result<Catalogue, Vec<Diagnostic>> {
        let mut catalogue = Catalogue::default();
        let mut mistakes = Vec::new();
        for BuiltIn { folder, recipe, .. } in BUILT_IN {
            let source = Arc::new(Source {
                name: format!("recipes/{folder}/recipe.yaml"),
                text: (*recipe).to_owned(),
            });
            match load(&source, Origin::BuiltIn) {
                Ok(recipe) => catalogue.insert(recipe),
                Err(found) => mistakes.extend(found),
            }
        }
        let mut added = Vec::new();
        for folder in folders {
            let files = match recipe_folders(folder) {
                Ok(files) if files.is_empty() && folder.join("recipe.yaml").is_file() => {
                    mistakes.push(holds_itself(folder));
                    continue;
                }
                Ok(files) => files,
                Err(mistake) => {
                    mistakes.push(*mistake);
                    continue;
                }
            };
            for name in files {
                let own = folder.join(&name);
                let loaded = beneath(folder, &name)
                    .and_then(|_| read_beneath(&own, "recipe.yaml"))
                    .map_err(|mistake| vec![*mistake])
                    .and_then(|source| load(&source, Origin::Folder(own)));
                match loaded {
                    Ok(recipe) => match catalogue.recipes.get(&recipe.name.value) {
                        Some(other) if !(allow_override && other.origin == Origin::BuiltIn) => {
                            mistakes.push(exists(&recipe, other));
                        }
                        _ => {
                            added.push(recipe.name.value.clone());
                            catalogue.insert(recipe);
                        }
                    },
                    Err(found) => mistakes.extend(found),
                }
            }
        }
        for name in added {
            if let Some(recipe) = catalogue.recipes.get(&name) {
                mistakes.extend(validate(recipe, &catalogue));
            }
        }
        mistakes.retain(|mistake| mistake.severity == crate::diagnostic::Severity::Error);
        if mistakes.is_empty() { Ok(catalogue) } else { Err(mistakes) }
    }

    /// Adds a recipe, or puts it in the place of the one of its name.
    pub fn insert(&mut self, recipe: Recipe) {
        self.recipes.insert(recipe.name.value.clone(), Arc::new(recipe));
    }

    /// All recipes: the built-in ones by name, then those of folders.
    pub fn recipes(&self) -> impl Iterator<Item = &Arc<Recipe>> {
        self.recipes.values()
    }

    /// The recipe of this name.
    ///
    /// # Errors
    /// There is none; the finding suggests the nearest.
    pub fn get(&self, name: &str) -> Result<&Arc<Recipe>, Box<Diagnostic>> {
        self.recipes.get(name).ok_or_else(|| {
            let known = || self.recipes.keys().map(String::as_str);
            let near = did_you_mean(name, known());
            let diagnostic = Diagnostic::error(codes::UNKNOWN_RECIPE, format!("there is no recipe `{name}`"))
                .note(format!("the recipes are {}", list(known())));
            Box::new(if near.is_empty() { diagnostic } else { diagnostic.fix(near) })
        })
    }

    /// Whether the recipe stands in the place of a built-in one.
    pub fn overrides(recipe: &Recipe) -> bool {
        let name = &recipe.name.value;
        recipe.origin != Origin::BuiltIn && BUILT_IN.iter().any(|one| one.folder == name)
    }

    /// The page a person reads (`README.md`) of a recipe.
    ///
    /// # Errors
    /// A folder's recipe whose page is there but cannot be read; a missing page is `None`.
    pub fn page(&self, recipe: &Recipe) -> Result<Option<String>, Box<Diagnostic>> {
        match &recipe.origin {
            Origin::BuiltIn => Ok(built_in(recipe).map(|one| one.page.to_owned())),
            Origin::Folder(folder) => {
                if folder.join("README.md").symlink_metadata().is_err() {
                    return Ok(None);
                }
                read_beneath(folder, "README.md").map(|source| Some(source.text.clone()))
            }
        }
    }

    /// The files of a recipe's sample (`app/`), by path; none if it has no sample.
    ///
    /// # Errors
    /// A folder's recipe whose sample cannot be read, or is larger than samples may be.
    pub fn sample(&self, recipe: &Recipe) -> Result<Vec<SampleFile>, Box<Diagnostic>> {
        match &recipe.origin {
            Origin::BuiltIn => Ok(built_in(recipe)
                .into_iter()
                .flat_map(|one| one.sample)
                .map(|(path, text)| SampleFile { path: PathBuf::from(path), bytes: text.as_bytes().to_vec() })
                .collect()),
            Origin::Folder(folder) => sample::read(folder),
        }
    }

    /// The map of the catalogue: who follows whom.
    pub fn graph(&self) -> Graph {
        Graph::of(self.recipes.values().map(Arc::as_ref))
    }
}

/// The text of a table beside a built-in recipe.
pub(super) fn built_in_data(recipe: &str, file: &str) -> Option<&'static str> {
    let one = BUILT_IN.iter().find(|one| one.folder == recipe)?;
    one.data.iter().find(|(name, _)| *name == file).map(|(_, text)| *text)
}

fn built_in(recipe: &Recipe) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|one| one.folder == recipe.name.value)
}

fn exists(recipe: &Recipe, other: &Recipe) -> Diagnostic {
    let name = &recipe.name.value;
    let diagnostic = match &other.origin {
        Origin::BuiltIn => {
            Diagnostic::error(codes::RECIPE_EXISTS, format!("`{name}` is the name of a built-in recipe"))
                .fix("choose another name, or say --allow-override to use this one instead")
        }
        Origin::Folder(folder) => Diagnostic::error(
            codes::RECIPE_EXISTS,
            format!("there is a recipe `{name}` in {} already", folder.display()),
        )
        .fix("choose another name"),
    };
    diagnostic.label(&recipe.source, recipe.name.span, "")
}

fn holds_itself(folder: &Path) -> Diagnostic {
    let message = format!("{} is a recipe's own folder, not one of recipes", folder.display());
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.map_or_else(|| ".".to_owned(), |above| above.display().to_string());
    Diagnostic::error(codes::UNREADABLE_FILE, message).fix(format!("--recipes {above}"))
}

/// The names of the sub-folders that hold a recipe, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn recipe_folders(folder: &Path) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let refused = |error: std::io::Error| {
        let message = format!("the recipes in {} cannot be read: {error}", folder.display());
        Box::new(Diagnostic::error(codes::UNREADABLE_FILE, message))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        // Whatever it is: what is no file is told, not passed over.
        if entry.path().join("recipe.yaml").symlink_metadata().is_ok() {
            found.push(PathBuf::from(entry.file_name()));
        }
    }
    found.sort();
    Ok(found)
}
