//! The project file: a target and recipes that a folder's runs have in common.

use std::sync::Arc;

use super::grammar::PROJECT;
use super::read::{elements, text_at};
use super::structure::Structure;
use super::yaml::{self, Key, Yaml};
use super::{Asked, Setting, Spanned, With, snake};
use crate::diagnostic::{Diagnostic, Source};

/// The file's name; it is looked for in the working folder.
pub const PROJECT_FILE: &str = "acarecipe.yaml";

/// A project file.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The target, as far as it is said.
    pub target: ProjectTarget,
    /// The recipes of a run that names none, and inputs of those it names.
    pub recipes: Vec<Asked>,
}

/// A target, as the flags are named.
#[derive(Clone, Debug, Default)]
pub struct ProjectTarget {
    /// `--subscription`.
    pub subscription: Option<Spanned<String>>,
    /// `--resource-group`.
    pub resource_group: Option<Spanned<String>>,
    /// `--name`: the app.
    pub name: Option<Spanned<String>>,
    /// `--container`.
    pub container: Option<Spanned<String>>,
    /// `--environment`.
    pub environment: Option<Spanned<String>>,
    /// `--location`.
    pub location: Option<Spanned<String>>,
    /// `--cloud`.
    pub cloud: Option<Spanned<String>>,
}

impl Project {
    /// Reads a project file. An empty one says nothing.
    ///
    /// # Errors
    /// Every mistake of form in it, as [`super::load`]; also endpoints and credentials, which
    /// never come from a file that a checkout brings along.
    pub fn load(source: &Arc<Source>) -> Result<Project, Vec<Diagnostic>> {
        let tree = yaml::parse(source).map_err(|mistake| vec![*mistake])?;
        if matches!(tree.node, yaml::Node::Null) {
            return Ok(Project::default());
        }
        let structure = Structure::of(source, &tree, &PROJECT);
        if !structure.found.is_empty() {
            return Err(structure.found);
        }
        let part = |key: &str| tree.get("target").and_then(|target| text_at(target, key));
        Ok(Project {
            target: ProjectTarget {
                subscription: part("subscription"),
                resource_group: part("resource_group"),
                name: part("name"),
                container: part("container"),
                environment: part("environment"),
                location: part("location"),
                cloud: part("cloud"),
            },
            recipes: elements(&tree, "recipes").filter_map(|entry| asked(source, entry)).collect(),
        })
    }
}

/// A recipe that is named alone, or with its instance's name and inputs.
pub(super) fn asked(source: &Arc<Source>, entry: &Yaml) -> Option<Asked> {
    if let Some(name) = entry.text() {
        let place = Some((Arc::clone(source), entry.span));
        return Some(Asked { recipe: name.to_owned(), place, ..Asked::default() });
    }
    let with = settings(source, entry).unwrap_or_default();
    let recipe = text_at(entry, "recipe")?;
    let alias = text_at(entry, "as");
    let span = alias.as_ref().map_or(recipe.span, |alias| alias.span);
    Some(Asked {
        recipe: recipe.value,
        alias: alias.map(|text| text.value),
        with,
        place: Some((Arc::clone(source), span)),
    })
}

/// The inputs under `with`, if it is there.
pub(super) fn settings(source: &Arc<Source>, entry: &Yaml) -> Option<With> {
    let setting = |(key, value): &(Key, Yaml)| {
        let setting = Setting { value: value.to_json(), source: Arc::clone(source), span: key.span };
        (snake(&key.text), setting)
    };
    Some(entry.get("with")?.members().iter().map(setting).collect())
}
