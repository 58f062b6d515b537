//! Places in the state: `apps[ca-demo].model.properties.template.containers[ca-demo].env[LOG_LEVEL]`,
//! as plans write them.
//!
//! After a dot stands a member of an object. In brackets stands what picks one of many: of an object the
//! key, or the last part of a key that is a resource id; of an array the element of that `name` (`server`
//! of a registry), or its number. `[member=text]` picks the one whose member is that text, or an id that
//! ends in it.

use serde_json::Value as Json;

use super::EditError;

/// One step down into the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// A part of a place as it is written.
#[derive(Clone, Debug)]
enum Part {
    Member(String),
    Pick(String),
}

/// The place that `path` names in `document`.
pub(super) fn find(document: &Json, path: &str) -> Result<Vec<Segment>, EditError> {
    let parts = parse(path).map_err(|why| EditError::Notation { path: path.to_owned(), why })?;
    let mut here = document;
    let mut segments = Vec::new();
    for part in parts {
        let (shown, found) = match &part {
            Part::Member(name) => {
                let found = here.get(name).map(|value| (Segment::Key(name.clone()), value));
                (name.clone(), found.into_iter().collect::<Vec<_>>())
            }
            Part::Pick(text) => (format!("[{text}]"), pick(here, text)),
        };
        match found.as_slice() {
            [(segment, value)] => {
                segments.push(segment.clone());
                here = value;
            }
            [] => {
                return Err(EditError::NotThere { path: path.to_owned(), part: shown, known: known(here) });
            }
            several => {
                let count = several.len();
                return Err(EditError::Several { path: path.to_owned(), part: shown, count });
            }
        }
    }
    Ok(segments)
}

fn parse(path: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (text, after) = inner.split_once(']').ok_or("a `[` is not closed")?;
            if text.is_empty() || parts.is_empty() {
                return Err("`[…]` picks one of what stands before it".to_owned());
            }
            parts.push(Part::Pick(text.to_owned()));
            rest = after;
            continue;
        }
        let member = match (rest.strip_prefix('.'), parts.is_empty()) {
            (Some(member), false) => member,
            (None, true) => rest,
            _ => return Err("members are separated by dots".to_owned()),
        };
        let end = member.find(['.', '[', ']']).unwrap_or(member.len());
        if end == 0 || member[end..].starts_with(']') {
            return Err("a member's name is missing".to_owned());
        }
        parts.push(Part::Member(member[..end].to_owned()));
        rest = &member[end..];
    }
    if parts.is_empty() { Err("it is empty".to_owned()) } else { Ok(parts) }
}

fn pick<'d>(here: &'d Json, text: &str) -> Vec<(Segment, &'d Json)> {
    let all: Vec<(Segment, &Json)> = match here {
        Json::Object(members) => {
            members.iter().map(|(key, value)| (Segment::Key(key.clone()), value)).collect()
        }
        Json::Array(elements) => {
            elements.iter().enumerate().map(|(index, value)| (Segment::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    if let Some((member, wanted)) = text.split_once('=') {
        let fits = |value: &Json| value[member].as_str().is_some_and(|text| names(text, wanted));
        return all.into_iter().filter(|(_, value)| fits(value)).collect();
    }
    let exact = |(segment, value): &(Segment, &Json)| match segment {
        Segment::Key(key) => key == text,
        Segment::Index(index) => name(value).is_some_and(|name| name == text) || text.parse() == Ok(*index),
    };
    let found: Vec<_> = all.iter().filter(|one| exact(one)).cloned().collect();
    if !found.is_empty() {
        return found;
    }
    all.into_iter().filter(|(segment, _)| matches!(segment, Segment::Key(key) if names(key, text))).collect()
}

/// Whether a text is this one, or a resource id whose last part it is; ids have no case.
fn names(text: &str, wanted: &str) -> bool {
    text == wanted
        || (text.starts_with('/')
            && (text.eq_ignore_ascii_case(wanted)
                || text.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(wanted))))
}

/// What an element of an array is called.
fn name(element: &Json) -> Option<&str> {
    ["name", "server"].iter().find_map(|key| element[*key].as_str())
}

/// What can be named here.
fn known(here: &Json) -> Vec<String> {
    match here {
        Json::Object(members) => members
            .keys()
            .map(|key| match key.strip_prefix('/') {
                Some(id) => id.rsplit('/').next().unwrap_or_default().to_owned(),
                None => key.clone(),
            })
            .collect(),
        Json::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, element)| name(element).map_or_else(|| index.to_string(), str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}
