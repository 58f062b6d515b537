//! From the command line to the recipes of a run with their inputs.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments;
use super::surroundings::Surroundings;
use crate::diagnostic::{Diagnostic, Severity, Source, codes};
use crate::plan::Selection;
use crate::recipe::bind;
use crate::recipe::{Asked, Catalogue, Origin};
use crate::recipe::{PROJECT_FILE, Project};

/// The project file of the present folder, unless the run takes nothing from its surroundings.
pub(super) fn project(sandbox: bool) -> Result<Option<Project>, Vec<Diagnostic>> {
    if sandbox {
        return Ok(None);
    }
    let path = PathBuf::from(PROJECT_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(vec![Diagnostic::error(codes::UNREADABLE_FILE, format!("{PROJECT_FILE}: {error}"))]);
        }
    };
    Project::load(&Arc::new(Source { name: PROJECT_FILE.to_owned(), text })).map(Some)
}

/// The recipes asked for, by name; without one those of the project file.
pub(super) fn asked(arguments: &arguments::Recipes, project: Option<&Project>) -> Vec<Asked> {
    let of_project = |name: &str| {
        project.and_then(|project| project.recipes.iter().find(|asked| asked.recipe == name)).cloned()
    };
    if arguments.named.is_empty() {
        return project.map(|project| project.recipes.clone()).unwrap_or_default();
    }
    arguments
        .named
        .iter()
        .map(|name| of_project(name).unwrap_or_else(|| Asked { recipe: name.clone(), ..Asked::default() }))
        .collect()
}

/// The recipes and their inputs.
///
/// # Errors
/// Every mistake in recipes and inputs, and how a command with them ends: 2 for recipes and usage,
/// 3 for inputs that are missing.
pub(super) fn selection(
    arguments: &arguments::Recipes,
    asked: &[Asked],
    sandbox: bool,
) -> Result<Selection, Vec<Diagnostic>> {
    let catalogue = Catalogue::load(&arguments.folders, arguments.allow_override)?;
    let instances = catalogue.instances(asked)?;
    let inputs = bind(&instances, &arguments.parameters, &Surroundings { sandbox })?;
    Ok(Selection { instances, inputs })
}

/// Whether all that is wrong is that something was not given: exit 3, not 2.
pub(super) fn only_missing(found: &[Diagnostic]) -> bool {
    found
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .all(|diagnostic| [codes::MISSING_INPUT, codes::MISSING_VARIABLE].contains(&diagnostic.code))
}

/// Recipes that are not built in, named with their folder in every plan.
pub(super) fn foreign(selection: &Selection) -> Vec<String> {
    selection
        .instances
        .iter()
        .filter_map(|instance| match &instance.recipe.origin {
            Origin::BuiltIn => None,
            Origin::Folder(folder) => {
                let place = if Catalogue::overrides(&instance.recipe) {
                    " in the place of the built-in recipe"
                } else {
                    ""
                };
                Some(format!(
                    "{} is not built in; it comes from {}{place}",
                    instance.recipe.name.value,
                    folder.display()
                ))
            }
        })
        .collect()
}
