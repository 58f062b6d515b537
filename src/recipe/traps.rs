//! What YAML reads otherwise than it looks: words that are booleans to other readers of the file, and
//! numbers that do not come back as they were written.

use std::sync::Arc;

use super::yaml::{Node, Yaml};
use crate::diagnostic::{Diagnostic, Source, Span, codes};

/// Booleans of YAML 1.1, which editors and other tools still read.
const WORDS: &[&str] = &["yes", "no", "on", "off"];

/// The traps in a file.
pub(super) fn of(source: &Arc<Source>, yaml: &Yaml) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    visit(source, yaml, &mut found);
    found
}

fn visit(source: &Arc<Source>, yaml: &Yaml, found: &mut Vec<Diagnostic>) {
    match &yaml.node {
        Node::Text(_) => word(source, yaml.span, found),
        Node::Number(number) => {
            let raw = source.text.get(yaml.span.start..yaml.span.end).unwrap_or_default().trim();
            let read = number.to_string();
            // `1.0` and `8080` stay as they are; `3.10`, `1_000`, `0x1F`, `1e3` do not.
            if !raw.is_empty() && raw != read && !raw.starts_with('*') && !raw.starts_with('&') {
                let message = format!("`{raw}` is read as {read}");
                found.push(
                    Diagnostic::warning(codes::YAML_NUMBER, message)
                        .fix(format!("write \"{raw}\" where text is meant"))
                        .label(source, yaml.span, ""),
                );
            }
        }
        Node::List(elements) => elements.iter().for_each(|element| visit(source, element, found)),
        Node::Map(members) => {
            for (key, value) in members {
                word(source, key.span, found);
                visit(source, value, found);
            }
        }
        Node::Null | Node::Bool(_) => {}
    }
}

/// Quoted text has its quotes in its span, and so is none of the words.
fn word(source: &Arc<Source>, span: Span, found: &mut Vec<Diagnostic>) {
    let raw = source.text.get(span.start..span.end).unwrap_or_default();
    if WORDS.contains(&raw.to_ascii_lowercase().as_str()) {
        let message = format!("`{raw}` is text here, and a boolean to readers of YAML 1.1");
        found.push(
            Diagnostic::warning(codes::YAML_WORD, message)
                .fix(format!("write \"{raw}\""))
                .label(source, span, ""),
        );
    }
}
