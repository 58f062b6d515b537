//! From the command line to the recipes of a run with their inputs.

use std::path::PathBuf;
use std::sync::Arc;

use super::arguments;
use super::surroundings::Surroundings;
use crate::diagnostic::suggest::closest;
use crate::diagnostic::{Diagnostic, Severity, Source, codes};
use crate::plan::Selection;
use crate::recipe::bind;
use crate::recipe::{Asked, Catalogue, Instance, Origin, Target, snake};
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

/// The recipes asked for; without one those of the project file. A name without `=` picks the entries of
/// the project file that have it as their alias, else those of the recipe.
///
/// # Errors
/// Names that are none.
pub(super) fn asked(
    arguments: &arguments::Recipes,
    project: Option<&Project>,
) -> Result<Vec<Asked>, Vec<Diagnostic>> {
    let entries = project.map_or(&[] as &[_], |project| project.recipes.as_slice());
    if arguments.named.is_empty() {
        return Ok(entries.to_vec());
    }
    let mut all = Vec::new();
    let mut mistakes = Vec::new();
    for text in &arguments.named {
        match Asked::parse(text) {
            Ok(asked) => all.extend(picked(asked, entries)),
            Err(mistake) => mistakes.push(*mistake),
        }
    }
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

/// The entries of the project file that are meant; the one named, when there are none.
pub(super) fn picked(asked: Asked, entries: &[Asked]) -> Vec<Asked> {
    let name = asked.instance();
    let chosen =
        |entry: &&Asked| entry.instance() == name && (asked.alias.is_none() || entry.recipe == asked.recipe);
    let mut found: Vec<Asked> = entries.iter().filter(chosen).cloned().collect();
    if asked.alias.is_some() {
        // Typed in full it is one of its own, with the inputs that stand beside it in the file.
        let with = found.pop().map(|entry| entry.with).unwrap_or_default();
        return vec![Asked { with, ..asked }];
    }
    found.extend(
        entries.iter().filter(|entry| entry.recipe == asked.recipe && entry.instance() != name).cloned(),
    );
    if found.is_empty() { vec![asked] } else { found }
}

/// The recipes and their inputs. What the project file sets for an instance counts also where others
/// require it.
///
/// # Errors
/// Every mistake in recipes and inputs, and how a command with them ends: 2 for recipes and usage,
/// 3 for inputs that are missing.
pub(super) fn selection(
    arguments: &arguments::Recipes,
    asked: &[Asked],
    project: Option<&Project>,
    sandbox: bool,
) -> Result<Selection, Vec<Diagnostic>> {
    let catalogue = Catalogue::load(&arguments.folders, arguments.allow_override)?;
    let instances = instances(&catalogue, asked, project)?;
    let inputs = bind(&instances, &arguments.parameters, &Surroundings { sandbox })?;
    Ok(Selection { instances, inputs })
}

/// What recipes work on whose inputs are wrong; those that cannot be had count as working on an app.
pub(super) fn wanted(arguments: &arguments::Recipes, asked: &[Asked]) -> Target {
    let catalogue = Catalogue::load(&arguments.folders, arguments.allow_override).ok();
    let instances = catalogue.and_then(|catalogue| catalogue.instances(asked).ok());
    instances.map_or(Target::App, |instances| Target::of_run(&instances))
}

/// The instances of a run: what is asked for, and what that requires, with what the project file sets for them.
///
/// # Errors
/// Names that are none, and requirements that cannot be had.
pub(super) fn instances(
    catalogue: &Catalogue,
    asked: &[Asked],
    project: Option<&Project>,
) -> Result<Vec<Instance>, Vec<Diagnostic>> {
    let entries = project.map_or(&[] as &[_], |project| project.recipes.as_slice());
    let mut instances = catalogue.instances(asked).map_err(|mut mistakes| {
        for mistake in &mut mistakes {
            more_near(mistake, asked, entries, catalogue);
        }
        mistakes
    })?;
    for instance in instances.iter_mut().filter(|instance| !instance.asked) {
        let entry = entries
            .iter()
            .find(|entry| entry.instance() == instance.alias && entry.recipe == instance.recipe.name.value);
        if let Some(entry) = entry {
            instance.with.clone_from(&entry.with);
        }
    }
    Ok(instances)
}

/// What an unknown recipe may have been meant to be, beside recipes: an alias of the project file, or an
/// input without `-p`. A value is not repeated: it may be a secret.
fn more_near(mistake: &mut Diagnostic, asked: &[Asked], entries: &[Asked], catalogue: &Catalogue) {
    if mistake.code != codes::UNKNOWN_RECIPE || !mistake.labels.is_empty() {
        return;
    }
    let unknown = asked
        .iter()
        .find(|one| catalogue.get(&one.recipe).is_err_and(|other| other.message == mistake.message));
    let Some(unknown) = unknown else { return };
    let aliases: Vec<&str> = entries.iter().filter_map(|entry| entry.alias.as_deref()).collect();
    if !aliases.is_empty() {
        let names: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
        mistake.notes.push(format!("the aliases of {PROJECT_FILE} are {}", names.join(", ")));
    }
    if unknown.alias.is_some() {
        let input = snake(unknown.recipe.split('.').next_back().unwrap_or_default());
        let first = snake(unknown.recipe.split('.').next().unwrap_or_default());
        let known = |recipe: &&std::sync::Arc<crate::recipe::Recipe>| {
            recipe.inputs.contains_key(&input) || recipe.inputs.contains_key(&first)
        };
        if catalogue.recipes().any(|recipe| known(&recipe)) {
            mistake.fix = Some(format!("an input is given with -p: -p {}=…", unknown.recipe));
        }
    } else if mistake.fix.is_none()
        && let Some(near) = closest(&unknown.recipe, aliases.iter().copied())
    {
        mistake.fix = Some(format!("did you mean `{near}`?"));
    }
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
