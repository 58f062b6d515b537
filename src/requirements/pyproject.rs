//! The dependencies of a `pyproject.toml`: `project.dependencies`, optional groups that are asked for, and what
//! the project itself says not to know before it is built.
//!
//! <https://packaging.python.org/en/latest/specifications/pyproject-toml/>

use std::collections::{BTreeSet, VecDeque};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::specifier::{self, normalise};

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
    let poetry = matches!(table.get_ref().get("tool").map(Spanned::get_ref), Some(DeValue::Table(tool)) if tool.contains_key("poetry"));
    let Some(project) = table.get_ref().get("project") else {
        found.mistakes.push(if poetry {
            let message = "the dependencies stand in [tool.poetry], which is not read".to_owned();
            (1, message, "poetry export --output requirements.txt, and name that file")
        } else {
            let message = "there is no [project] table with dependencies".to_owned();
            (1, message, "name a requirements file, or write project.dependencies")
        });
        return Ok(found);
    };
    let DeValue::Table(project) = project.get_ref() else {
        let message = "`project` is no table".to_owned();
        found.mistakes.push((line(project.span().start), message, "write [project]"));
        return Ok(found);
    };
    let own = match project.get("name").map(Spanned::get_ref) {
        Some(DeValue::String(name)) => normalise(name),
        _ => String::new(),
    };
    let optional = match project.get("optional-dependencies").map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    };
    // A group names others by the project's own name: `all = ["app[db,images]"]`. Each is taken once.
    let mut open: VecDeque<(usize, String)> = groups.iter().map(|group| (1, group.clone())).collect();
    let mut taken = BTreeSet::new();
    let mut next = project.get("dependencies").map(|value| (value, "project.dependencies"));
    loop {
        if let Some((value, what)) = next.take() {
            for (at, text) in list(value, what, &line, &mut found.mistakes) {
                match specifier::parse(&text) {
                    Ok(parsed) if parsed.name == own && parsed.url.is_none() => {
                        open.extend(parsed.extras.into_iter().map(|extra| (at, extra)));
                    }
                    _ => found.dependencies.push((at, text)),
                }
            }
        }
        let Some((at, group)) = open.pop_front() else { break };
        if !taken.insert(normalise(&group)) {
            continue;
        }
        let same = |key: &str| normalise(key) == normalise(&group);
        next = optional
            .and_then(|table| table.iter().find(|(key, _)| same(key.get_ref())))
            .map(|(_, value)| (value, "an optional group"));
        if next.is_none() {
            let message = format!("there is no optional group {}", super::shown(&group));
            found.mistakes.push((at, message, "name one that project.optional-dependencies has"));
        }
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

/// The texts of a list with their lines.
fn list(
    value: &Spanned<DeValue<'_>>,
    what: &str,
    line: &impl Fn(usize) -> usize,
    mistakes: &mut Vec<(usize, String, &'static str)>,
) -> Vec<(usize, String)> {
    let DeValue::Array(items) = value.get_ref() else {
        let message = format!("{what} is no list of requirements");
        mistakes.push((line(value.span().start), message, "write a list of texts"));
        return Vec::new();
    };
    let mut texts = Vec::new();
    for item in items {
        let at = line(item.span().start);
        match item.get_ref() {
            DeValue::String(text) => texts.push((at, text.clone().into_owned())),
            _ => mistakes.push((at, format!("{what} holds what is no text"), "write a list of texts")),
        }
    }
    texts
}
