//! YAML as a tree in which every key and value knows its bytes. The only module that knows the YAML
//! library.

mod refusal;
mod visit;

use std::sync::Arc;

use serde_json::Number;

use crate::diagnostic::{Diagnostic, Source, Span, codes};

/// The longest file that is read, in bytes: a recipe is a page or two.
pub const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting that is read; a fragment of an app needs about twelve levels.
const MAX_DEPTH: usize = 40;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(in crate::recipe) struct Yaml {
    pub(in crate::recipe) node: Node,
    pub(in crate::recipe) span: Span,
}

/// The kinds of value. A map keeps repeated keys, so that each can be reported.
#[derive(Clone, Debug)]
pub(in crate::recipe) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Key, Yaml)>),
}

/// A key of a map and where it stands.
#[derive(Clone, Debug)]
pub(in crate::recipe) struct Key {
    pub(in crate::recipe) text: String,
    pub(in crate::recipe) span: Span,
}

impl Yaml {
    /// The members of a map; of anything else, none.
    pub(in crate::recipe) fn members(&self) -> &[(Key, Yaml)] {
        match &self.node {
            Node::Map(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list; of anything else, none.
    pub(in crate::recipe) fn elements(&self) -> &[Yaml] {
        match &self.node {
            Node::List(elements) => elements,
            _ => &[],
        }
    }

    /// The member of this name, if it is there and not null.
    pub(in crate::recipe) fn get(&self, key: &str) -> Option<&Yaml> {
        self.members()
            .iter()
            .find(|(own, value)| own.text == key && !matches!(value.node, Node::Null))
            .map(|(_, value)| value)
    }

    /// The text of a string.
    pub(in crate::recipe) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, with its article, for messages.
    pub(in crate::recipe) fn describe(&self) -> &'static str {
        match &self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "true or false",
            Node::Number(_) => "a number",
            Node::Text(_) => "text",
            Node::List(_) => "a list",
            Node::Map(_) => "a map",
        }
    }

    /// Makes every span safe to slice with, and lets a map or list stand where its first key or
    /// element stands: a caret below one word says more than one below half a page.
    fn settle(&mut self, text: &str) {
        self.span = clamp(text, self.span);
        match &mut self.node {
            Node::List(elements) => {
                for element in elements.iter_mut() {
                    element.settle(text);
                }
                if let Some(first) = elements.first() {
                    self.span = first.span;
                }
            }
            Node::Map(members) => {
                for (key, value) in members.iter_mut() {
                    key.span = clamp(text, key.span);
                    value.settle(text);
                }
                if let Some((first, _)) = members.first() {
                    self.span = first.span;
                }
            }
            _ => {}
        }
    }

    /// The same as JSON, places dropped.
    pub(in crate::recipe) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.node {
            Node::Null => Json::Null,
            Node::Bool(value) => Json::Bool(*value),
            Node::Number(number) => Json::Number(number.clone()),
            Node::Text(text) => Json::String(text.clone()),
            Node::List(elements) => Json::Array(elements.iter().map(Yaml::to_json).collect()),
            Node::Map(members) => {
                Json::Object(members.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect())
            }
        }
    }
}

/// Reads one YAML document, within bounds on size, depth and repetition by anchors.
///
/// `true` and `false` are the only booleans (`no`, `on` stay text), numbers that start with a zero
/// stay text, custom tags are refused.
pub(in crate::recipe) fn parse(source: &Arc<Source>) -> Result<Yaml, Box<Diagnostic>> {
    let size = source.text.len();
    if size > MAX_BYTES {
        let diagnostic = Diagnostic::error(
            codes::FILE_TOO_LARGE,
            format!("the file has {} KiB, more than the {} KiB that are read", size / 1024, MAX_BYTES / 1024),
        )
        .label(source, Span::default(), "");
        return Err(Box::new(diagnostic));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: 100_000,
            max_nodes: 50_000,
            max_documents: 1,
            max_aliases: 200,
            max_anchors: 200,
            max_merge_keys: 100,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let mut yaml = serde_saphyr::from_str_with_options::<Yaml>(&source.text, options)
        .map_err(|error| Box::new(refusal::of(source, error.without_snippet())))?;
    yaml.settle(&source.text);
    Ok(yaml)
}

/// The bytes of a location: of a quoted scalar with its quotes, of a block scalar its lines.
fn bytes(location: serde_saphyr::Location) -> Span {
    let number = |value: Option<u64>| usize::try_from(value.unwrap_or(0)).unwrap_or(0);
    let start = number(location.span().byte_offset());
    Span { start, end: start.saturating_add(number(location.span().byte_len())) }
}

/// The span cut to the text and to character boundaries, so that nobody slices amiss.
fn clamp(text: &str, span: Span) -> Span {
    let boundary = |mut index: usize| {
        index = index.min(text.len());
        while !text.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let start = boundary(span.start);
    Span { start, end: boundary(span.end).max(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "t.yaml".to_owned(), text: text.to_owned() })
    }

    fn spans(yaml: &Yaml, text: &str, out: &mut Vec<String>) {
        for (key, value) in yaml.members() {
            out.push(text[key.span.start..key.span.end].to_owned());
            spans(value, text, out);
        }
        yaml.elements().iter().for_each(|element| spans(element, text, out));
        if yaml.members().is_empty() && yaml.elements().is_empty() {
            out.push(text[yaml.span.start..yaml.span.end].to_owned());
        }
    }

    #[test]
    fn spans_cover_keys_and_scalars_after_wide_characters() {
        let text = "ä: \"ö${x}\"\nb: [1, 'it''s', { c: plain text }]\nd: |\n  block\n  more\n'e f': no\n";
        let yaml = parse(&source(text)).unwrap();
        let mut out = Vec::new();
        spans(&yaml, text, &mut out);
        assert_eq!(
            out,
            ["ä", "\"ö${x}\"", "b", "1", "'it''s'", "c", "plain text", "d", "block\n  more\n", "'e f'", "no"]
        );
    }
}
