//! Findings for machines.

use serde_json::{Map, Value as Json};

use super::{Diagnostic, Severity};
use crate::value::strip_control;

/// The finding as an object: `code`, `severity` (`error` or `warning`), `message`, `notes`, `fix`,
/// `docs`, `file`, `line`, `column` (of the primary label, from 1), `resource`, `correlationId`.
/// What is absent is left out. Texts are stripped of control characters as on a terminal, because
/// the output of a machine format often ends up on one.
pub fn to_json(diagnostic: &Diagnostic) -> Json {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| {
        object.insert(key.to_owned(), value);
    };
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    put("code", diagnostic.code.0.into());
    put("severity", severity.into());
    put("message", strip_control(&diagnostic.message).into());
    if !diagnostic.notes.is_empty() {
        let notes = diagnostic.notes.iter().map(|note| strip_control(note).into());
        put("notes", Json::Array(notes.collect()));
    }
    let texts = [("fix", &diagnostic.fix), ("docs", &diagnostic.docs)];
    for (key, text) in texts {
        if let Some(text) = text {
            put(key, strip_control(text).into());
        }
    }
    if let Some(label) = diagnostic.labels.first() {
        let (line, column) = label.source.line_col(label.span.start);
        put("file", strip_control(&label.source.name).into());
        put("line", line.into());
        put("column", column.into());
    }
    let texts = [("resource", &diagnostic.resource), ("correlationId", &diagnostic.correlation_id)];
    for (key, text) in texts {
        if let Some(text) = text {
            put(key, strip_control(text).into());
        }
    }
    Json::Object(object)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::{Code, Source, Span};
    use super::{Diagnostic, to_json};

    #[test]
    fn absent_keys_are_left_out_and_places_count_from_one() {
        let bare = Diagnostic::warning(Code("odd"), "strange\u{1b}[31m");
        assert_eq!(to_json(&bare), json!({"code": "odd", "severity": "warning", "message": "strange[31m"}));
        let source =
            Arc::new(Source { name: "recipe.yaml".to_owned(), text: "name: x\nsetps: []\n".to_owned() });
        let full = Diagnostic::error(Code("unknown-key"), "unknown key `setps`")
            .note("keys are checked")
            .fix("write `steps`\nrm -rf /")
            .docs("https://example.com")
            .label(&source, Span { start: 8, end: 13 }, "")
            .resource("web")
            .correlation(Some("c-1".to_owned()));
        assert_eq!(
            to_json(&full),
            json!({
                "code": "unknown-key", "severity": "error", "message": "unknown key `setps`",
                "notes": ["keys are checked"], "fix": "write `steps` rm -rf /", "docs": "https://example.com",
                "file": "recipe.yaml", "line": 2, "column": 1, "resource": "web", "correlationId": "c-1"
            })
        );
    }
}
