//! Inputs of the type `file`: what is in a file that the caller names. The path is no secret, whatever is in the file.

use base64::Engine as _;
use serde_json::Value as Json;

use super::text::{Conversion, Refusal};
use super::{Problem, problem};
use crate::expression::{Node, Tree};
use crate::recipe::files::read_bytes_beneath;
use crate::recipe::{Origin, PathSource, Shape, paths};
use crate::value::{Marks, Value};

impl Conversion<'_> {
    /// What `-p name=…` gives: a path, or a source after `@`.
    pub(super) fn file_flag(&self, text: &str) -> Result<Value, Refusal> {
        match text.strip_prefix('@') {
            Some("-") => self
                .outside
                .standard_content()
                .map(contained)
                .map_err(|error| Refusal::Unreadable(format!("standard input cannot be read: {error}"))),
            Some(source) => match source.strip_prefix("env:") {
                Some(name) => self.variable(name).map(|text| contained(text.into_bytes())),
                None => self.content(source),
            },
            None => self.content(text),
        }
    }

    /// What is in the file at a path that the caller chose.
    pub(super) fn content(&self, path: &str) -> Result<Value, Refusal> {
        let unreadable = |why: &str| Refusal::Unreadable(format!("the file {path} {why}"));
        if path.is_empty() || path.contains('\0') {
            return Err(Refusal::Form("is not a path".to_owned()));
        }
        let bytes =
            self.outside.content(path).map_err(|error| unreadable(&format!("cannot be read: {error}")))?;
        if bytes.is_empty() { Err(unreadable("is empty")) } else { Ok(contained(bytes)) }
    }

    /// What is in the file that the default of an input of the type `file` names; `None` without one, and for every other
    /// type. What a recipe wrote stays in its folder; that of a built-in one is where the command runs.
    ///
    /// # Errors
    /// It cannot be read, lies elsewhere, is too large, or does not have the form that the input asks for.
    pub(super) fn default_content(&self) -> Result<Option<Tree>, Problem> {
        let recipe = &self.instance.recipe;
        let Some(tree) = self.input.default.as_ref().filter(|_| self.input.shape == Shape::File) else {
            return Ok(None);
        };
        let Some(PathSource::Written(path)) = paths::path_source_of(recipe, tree) else { return Ok(None) };
        let value = match &recipe.origin {
            Origin::Folder(folder) => {
                let bytes = read_bytes_beneath(folder, &path)
                    .map_err(|found| problem(found.label(&recipe.source, tree.span, "")))?;
                Ok(contained(bytes))
            }
            Origin::BuiltIn => self.content(&path),
        };
        let value = value.and_then(|value| self.allowed(&value).map(|()| value));
        let value = value.map_err(|refusal| self.problem(refusal, "its default", ""))?;
        let text = value.as_str().unwrap_or_default().to_owned();
        Ok(Some(Tree { node: Node::Scalar(Json::String(text)), span: tree.span }))
    }
}

/// Text as it is, other bytes as base64.
pub(super) fn contained(bytes: Vec<u8>) -> Value {
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| base64::engine::general_purpose::STANDARD.encode(error.as_bytes()));
    Value::from(text).mark(Marks::FILE)
}
