//! YAML as a tree in which every key and value knows its bytes. The only file that knows the YAML
//! library.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::diagnostic::{Diagnostic, Source, Span, codes};

/// The longest file that is read, in bytes: a recipe is a page or two.
pub const MAX_BYTES: usize = 256 * 1024;
/// The deepest nesting that is read; a fragment of an app needs about twelve levels.
const MAX_DEPTH: usize = 40;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Yaml {
    pub(super) node: Node,
    pub(super) span: Span,
}

/// The kinds of value. A map keeps repeated keys, so that each can be reported.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Key, Yaml)>),
}

/// A key of a map and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
}

impl Yaml {
    /// The members of a map; of anything else, none.
    pub(super) fn members(&self) -> &[(Key, Yaml)] {
        match &self.node {
            Node::Map(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list; of anything else, none.
    pub(super) fn elements(&self) -> &[Yaml] {
        match &self.node {
            Node::List(elements) => elements,
            _ => &[],
        }
    }

    /// The member of this name, if it is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&Yaml> {
        self.members()
            .iter()
            .find(|(own, value)| own.text == key && !matches!(value.node, Node::Null))
            .map(|(_, value)| value)
    }

    /// The text of a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, with its article, for messages.
    pub(super) fn describe(&self) -> &'static str {
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
                elements.iter_mut().for_each(|element| element.settle(text));
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
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.node {
            Node::Null => Json::Null,
            Node::Bool(value) => Json::Bool(*value),
            Node::Number(number) => Json::Number(number.clone()),
            Node::Text(text) => Json::String(text.clone()),
            Node::List(elements) => Json::Array(elements.iter().map(Yaml::to_json).collect()),
            Node::Map(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| (key.text.clone(), value.to_json()))
                    .collect(),
            ),
        }
    }
}

/// Reads one YAML document, within bounds on size, depth and repetition by anchors.
///
/// `true` and `false` are the only booleans (`no`, `on` stay text), numbers that start with a zero
/// stay text, custom tags are refused.
pub(super) fn parse(source: &Arc<Source>) -> Result<Yaml, Diagnostic> {
    let size = source.text.len();
    if size > MAX_BYTES {
        return Err(Diagnostic::error(
            codes::FILE_TOO_LARGE,
            format!("the file has {} KiB, more than the {} KiB that are read", size / 1024, MAX_BYTES / 1024),
        )
        .label(source, Span::default(), ""));
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
        .map_err(|error| refusal(source, error.without_snippet()))?;
    yaml.settle(&source.text);
    Ok(yaml)
}

/// The library's error in our words where ours say more.
fn refusal(source: &Arc<Source>, error: &serde_saphyr::Error) -> Diagnostic {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;

    if let Error::AliasError { error, .. } = error {
        return refusal(source, error.without_snippet());
    }
    let span = error.location().map(|location| clamp(&source.text, bytes(location))).unwrap_or_default();
    let diagnostic = match error {
        // The budget on documents counts the second one before the reader can refuse it.
        Error::MultipleDocuments { .. }
        | Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => Diagnostic::error(codes::BAD_YAML, "the file holds more than one YAML document"),
        Error::Budget { breach, .. } => Diagnostic::error(codes::FILE_TOO_LARGE, bounds(breach)),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => Diagnostic::error(
            codes::FILE_TOO_LARGE,
            "anchors and aliases repeat more than a recipe can need",
        )
        .fix("write the repeated part out, or use fewer aliases"),
        Error::UnsupportedTag { tag, .. } => {
            Diagnostic::error(codes::BAD_YAML, format!("`{tag}` is read as a YAML tag"))
                .fix("put the text in quotes; an expression is written \"${…}\"")
        }
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            // The caret says where; the library's suffix would say it twice, in its own way.
            let text = text.split(" at line ").next().unwrap_or(text);
            // The parser looks ahead and may meet its own bound on nesting before ours; it has no
            // case of its own for that.
            if text.contains("recursion limit") {
                Diagnostic::error(codes::FILE_TOO_LARGE, too_deep())
            } else {
                Diagnostic::error(codes::BAD_YAML, format!("not valid YAML: {text}"))
            }
        }
    };
    diagnostic.label(source, span, "")
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

fn bounds(breach: &serde_saphyr::budget::BudgetBreach) -> String {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. }
        | BudgetBreach::MergeKeys { .. } => "anchors and aliases repeat more than a recipe can need".to_owned(),
        _ => "more values than a recipe can need".to_owned(),
    }
}

/// The bytes of a location: of a quoted scalar with its quotes, of a block scalar its lines.
fn bytes(location: serde_saphyr::Location) -> Span {
    let number = |value: Option<u64>| usize::try_from(value.unwrap_or(0)).unwrap_or(0);
    let start = number(location.span().byte_offset());
    Span {
        start,
        end: start.saturating_add(number(location.span().byte_len())),
    }
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
    Span {
        start,
        end: boundary(span.end).max(start),
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Yaml, D::Error> {
        let spanned = serde_saphyr::Spanned::<Node>::deserialize(deserializer)?;
        Ok(Yaml {
            span: bytes(spanned.defined),
            node: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let spanned = serde_saphyr::Spanned::<Scalar>::deserialize(deserializer)?;
        Ok(Key {
            span: bytes(spanned.defined),
            text: spanned.value.0,
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(Node::Number)
            .ok_or_else(|| E::custom("infinity and NaN have no place here"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element::<Yaml>()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry::<Key, Yaml>()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}

/// A scalar's text, whatever its type: keys are text to us.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        match Node::deserialize(deserializer)? {
            Node::Null => Ok(Scalar("null".to_owned())),
            Node::Bool(value) => Ok(Scalar(value.to_string())),
            Node::Number(number) => Ok(Scalar(number.to_string())),
            Node::Text(text) => Ok(Scalar(text)),
            Node::List(_) | Node::Map(_) => Err(de::Error::custom("a key must be text")),
        }
    }
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
