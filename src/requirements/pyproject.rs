//! The dependencies of a `pyproject.toml`: `project.dependencies`, optional groups that are asked for, and what
//! the project itself says not to know before it is built.
//!
//! <https://packaging.python.org/en/latest/specifications/pyproject-toml/>

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::specifier::normalise;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Line and requirement.
    pub(super) dependencies: Vec<(usize, String)>,
    /// Line, what is wrong, what to do.
    pub(super) mistakes: Vec<(usize, String, &'static str)>,
}

/// The requirements in a project file's text.
///
/// # Errors
/// It is no TOML: the line, and that it is so; the library's words could repeat its text.
pub(super) fn dependencies(text: &str, groups: &[String]) -> Result<Found, (usize, String)> {
    let line = |offset: usize| text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(1, |span| line(span.start));
        (at, "this is no TOML".to_owned())
    })?;
    let mut found = Found::default();
    let mut take = |value: Option<&Spanned<DeValue<'_>>>, what: &str| {
        let Some(value) = value else { return };
        let DeValue::Array(items) = value.get_ref() else {
            let message = format!("{what} is no list of requirements");
            found.mistakes.push((line(value.span().start), message, "write a list of texts"));
            return;
        };
        for item in items {
            let at = line(item.span().start);
            match item.get_ref() {
                DeValue::String(text) => found.dependencies.push((at, text.clone().into_owned())),
                _ => found.mistakes.push((
                    at,
                    format!("{what} holds what is no text"),
                    "write a list of texts",
                )),
            }
        }
    };
    let Some(project) = table.get_ref().get("project") else {
        let message = "there is no [project] table with dependencies".to_owned();
        found.mistakes.push((1, message, "name a requirements file, or write project.dependencies"));
        return Ok(found);
    };
    let DeValue::Table(project) = project.get_ref() else {
        let message = "`project` is no table".to_owned();
        found.mistakes.push((line(project.span().start), message, "write [project]"));
        return Ok(found);
    };
    take(project.get("dependencies"), "project.dependencies");
    let optional = project.get("optional-dependencies").map(Spanned::get_ref);
    let mut unknown = Vec::new();
    for group in groups {
        let member = match optional {
            Some(DeValue::Table(table)) => table
                .iter()
                .find(|(key, _)| normalise(key.get_ref()) == normalise(group))
                .map(|(_, value)| value),
            _ => None,
        };
        match member {
            Some(value) => take(Some(value), "an optional group"),
            None => unknown.push(group),
        }
    }
    for group in unknown {
        let message = format!("there is no optional group {}", super::shown(group));
        found.mistakes.push((1, message, "name one that project.optional-dependencies has"));
    }
    if let Some(dynamic) = project.get("dynamic")
        && let DeValue::Array(items) = dynamic.get_ref()
        && items.iter().any(|item| matches!(item.get_ref(), DeValue::String(text) if text == "dependencies"))
    {
        let message = "the dependencies are found when the project is built (`dynamic`)".to_owned();
        let fix = "write them into project.dependencies, or name the requirements file that they come from";
        found.mistakes.push((line(dynamic.span().start), message, fix));
    }
    Ok(found)
}
