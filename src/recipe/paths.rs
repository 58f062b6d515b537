//! Who may say where a path of this computer leads. A recipe may come from a stranger, who is not to have files
//! read or sent that the caller did not name.
//!
//! A caller's path leads anywhere: `-p`, the project file, an environment variable that a built-in recipe lists.
//! What a recipe sets is written out, relative and without `..`, and begins in the recipe's own folder; that of a
//! built-in one, which has none, where the command runs. An expression could make up any path, and is none of both.

use std::path::{Component, Path};

use super::{Input, Origin, Recipe, Shape};
use crate::expression::{Expression, Node, Tree};

/// What a recipe may set a path to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathSource {
    /// This text, written out.
    Written(String),
    /// The recipe's own input of this name, of the type `path`, as it is.
    Input(String),
}

/// What an expression of a recipe sets a path to; `None`: something that could lead anywhere.
pub fn path_source(recipe: &Recipe, expression: &Expression) -> Option<PathSource> {
    if let Some(text) = expression.literal() {
        return Some(PathSource::Written(text));
    }
    let mut inputs = recipe.inputs.iter().filter(|(_, input)| input.shape == Shape::Path);
    let named = inputs.find(|(name, _)| expression.text() == format!("${{inputs.{name}}}"));
    named.map(|(name, _)| PathSource::Input(name.clone()))
}

/// As [`path_source`], of a default or of what a requirement sets.
pub fn path_source_of(recipe: &Recipe, tree: &Tree) -> Option<PathSource> {
    match &tree.node {
        Node::Text(expression) => path_source(recipe, expression),
        Node::Scalar(_) | Node::List(_) | Node::Map(_) => None,
    }
}

/// Whether a tree is nothing at all, which names no path.
pub(crate) fn is_nothing(tree: &Tree) -> bool {
    matches!(&tree.node, Node::Scalar(value) if value.is_null())
}

/// Whether a path that a recipe wrote stays, as it is written, in the folder it is relative to.
pub fn is_relative(path: &str) -> bool {
    // Another system's separators, a drive, what ends a C string.
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Whether an input takes a path of the caller's computer, or what is there.
pub(crate) fn is_local(input: &Input) -> bool {
    matches!(input.shape, Shape::Path | Shape::File)
}

/// What is wrong with the default of an input, if it takes a path.
pub(crate) fn wrong_default(recipe: &Recipe, input: &Input) -> Option<String> {
    let default = input.default.as_ref().filter(|tree| is_local(input) && !is_nothing(tree))?;
    let name = &input.id.written;
    match path_source_of(recipe, default) {
        Some(PathSource::Written(path)) if is_relative(&path) => None,
        Some(PathSource::Written(_)) => Some(format!(
            "the default of `{name}` leads out of {}, which only a caller may ask for",
            folder(recipe)
        )),
        _ => Some(format!(
            "the default of `{name}` is a path, and written out: an expression could lead anywhere"
        )),
    }
}

/// What is wrong with what a requirement sets an input to that takes a path, or the content of a file. The latter is
/// passed on as it was read: whose the file is was decided there.
pub(crate) fn wrong_setting(recipe: &Recipe, tree: &Tree, required: &Input) -> Option<String> {
    if is_nothing(tree) || !is_local(required) {
        return None;
    }
    let input = &required.id.written;
    if required.shape == Shape::File {
        let mut files = recipe.inputs.iter().filter(|(_, input)| input.shape == Shape::File);
        let passed = match &tree.node {
            Node::Text(text) => files.any(|(name, _)| text.text() == format!("${{inputs.{name}}}")),
            Node::Scalar(_) | Node::List(_) | Node::Map(_) => false,
        };
        return (!passed).then(|| format!("`{input}` is set to an input of the type `file`, as it is"));
    }
    match path_source_of(recipe, tree) {
        Some(PathSource::Input(_)) => None,
        Some(PathSource::Written(path)) if is_relative(&path) => None,
        Some(PathSource::Written(_)) => {
            Some(format!("this `{input}` leads out of {}, which only a caller may ask for", folder(recipe)))
        }
        None => Some(format!("`{input}` is an input of the type `path`, or a path written out")),
    }
}

/// Whether an input takes what the environment variables hold that it lists: anybody can list `HOME`.
pub(crate) fn takes_variables(recipe: &Recipe, input: &Input) -> bool {
    !is_local(input) || recipe.origin == Origin::BuiltIn
}

/// Where the paths begin that a recipe writes.
fn folder(recipe: &Recipe) -> &'static str {
    match recipe.origin {
        Origin::BuiltIn => "the folder the command runs in",
        Origin::Folder(_) => "the recipe's folder",
    }
}
