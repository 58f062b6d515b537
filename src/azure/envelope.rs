//! The error body, in every shape it comes in.
//!
//! Microsoft.App's schema says `{error: {code, message, target, details}}`; seen as well are the same without
//! the outer `error` (microsoft/azure-container-apps#175), `details: null`, OAuth's `error`/`error_description`,
//! a bare string, an HTML page of a gateway, and nothing at all. The SDK's own reader fails on some of these.

use std::fmt;

use serde_json::Value;

/// How deep `details` and `innererror` are followed.
const DEPTH: usize = 6;
/// How many details are kept.
const DETAILS: usize = 20;

/// One entry of `details`, however deep it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// Its code.
    pub code: Option<String>,
    /// Its message.
    pub message: String,
    /// What it is about.
    pub target: Option<String>,
}

/// A policy that forbids a write, as the error's `additionalInfo` names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyViolation {
    /// The definition, in the name that people see.
    pub definition: String,
    /// The assignment, in the name that people see.
    pub assignment: Option<String>,
    /// The assignment's id.
    pub assignment_id: Option<String>,
    /// The initiative (policy set) that the definition is part of.
    pub set: Option<String>,
}

impl fmt::Display for PolicyViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy is {}", self.definition)?;
        if let Some(set) = &self.set {
            write!(f, " of the initiative {set}")?;
        }
        if let Some(assignment) = &self.assignment {
            write!(f, ", its assignment {assignment}")?;
        }
        match &self.assignment_id {
            Some(id) => write!(f, " ({id})"),
            None => Ok(()),
        }
    }
}

/// An error body taken apart. Its texts are shown as they come out of `clean`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) target: Option<String>,
    pub(crate) details: Vec<ErrorDetail>,
    pub(crate) policies: Vec<PolicyViolation>,
}

/// Reads an error body. The message is never empty: without one it is what the status means.
pub(crate) fn read(status: u16, body: &[u8], clean: &dyn Fn(&str) -> String) -> Envelope {
    let mut envelope = match serde_json::from_slice::<Value>(body) {
        Ok(json) => from_json(&json, clean),
        Err(_) => {
            Envelope { message: from_text(&String::from_utf8_lossy(body), clean), ..Envelope::default() }
        }
    };
    if envelope.message.is_empty() {
        envelope.message = match (&envelope.code, envelope.details.first()) {
            (_, Some(detail)) if !detail.message.is_empty() => detail.message.clone(),
            (Some(code), _) => code.clone(),
            _ => meaning(status).to_owned(),
        };
    }
    envelope
}

/// The error object of a body or of an operation's status.
pub(crate) fn from_json(json: &Value, clean: &dyn Fn(&str) -> String) -> Envelope {
    match json {
        Value::String(text) => Envelope { message: clean(text), ..Envelope::default() },
        Value::Object(_) => {
            let inner = member(json, "error").or_else(|| member(json, "odata.error"));
            match inner {
                Some(inner @ Value::Object(_)) => from_object(inner, clean),
                // OAuth 2.0, RFC 6749 section 5.2.
                Some(Value::String(code)) => Envelope {
                    code: non_empty(clean(code)),
                    message: text_of(json, "error_description", clean),
                    ..Envelope::default()
                },
                _ => from_object(json, clean),
            }
        }
        _ => Envelope::default(),
    }
}

fn from_object(object: &Value, clean: &dyn Fn(&str) -> String) -> Envelope {
    let mut details = Vec::new();
    collect(object, DEPTH, &mut details, clean);
    let mut policies = Vec::new();
    violations(object, DEPTH, &mut policies, clean);
    if policies.is_empty() {
        policies = identifiers(object, clean);
    }
    Envelope {
        code: code_of(object, clean),
        message: text_of(object, "message", clean),
        target: non_empty(text_of(object, "target", clean)),
        details,
        policies,
    }
}

/// Entries `{type: PolicyViolation, info: {…}}` of `additionalInfo`, also in details
/// (<https://learn.microsoft.com/azure/governance/policy/concepts/effect-deny>; Azure/azure-cli#8058 shows a body).
fn violations(
    object: &Value,
    depth: usize,
    found: &mut Vec<PolicyViolation>,
    clean: &dyn Fn(&str) -> String,
) {
    if depth == 0 {
        return;
    }
    for entry in member(object, "additionalInfo").and_then(Value::as_array).into_iter().flatten() {
        let is_policy = member(entry, "type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("PolicyViolation"));
        let Some(info) = member(entry, "info").filter(|_| is_policy && found.len() < DETAILS) else {
            continue;
        };
        let named = |name: &str| {
            let display = non_empty(text_of(info, &format!("{name}DisplayName"), clean));
            display.or_else(|| non_empty(text_of(info, &format!("{name}Name"), clean)))
        };
        let assignment_id = non_empty(text_of(info, "policyAssignmentId", clean));
        found.push(PolicyViolation {
            definition: named("policyDefinition")
                .or_else(|| non_empty(text_of(info, "policyDefinitionId", clean)))
                .unwrap_or_else(|| "without a name".to_owned()),
            assignment: named("policyAssignment"),
            assignment_id,
            set: named("policySetDefinition"),
        });
    }
    for entry in member(object, "details").and_then(Value::as_array).into_iter().flatten() {
        violations(entry, depth - 1, found, clean);
    }
}

/// The same from the end of the message: `Policy identifiers: '[{"policyAssignment": {"name", "id"},
/// "policyDefinition": …, "policySetDefinition": …}]'.`
fn identifiers(object: &Value, clean: &dyn Fn(&str) -> String) -> Vec<PolicyViolation> {
    let listed = member(object, "message").and_then(Value::as_str).and_then(|message| {
        let (_, rest) = message.split_once("Policy identifiers: '")?;
        serde_json::from_str::<Vec<Value>>(rest.get(..rest.rfind(']')? + 1)?).ok()
    });
    let named = |entry: &Value, what: &str, name: &str| {
        member(entry, what).map(|inner| text_of(inner, name, clean)).and_then(non_empty)
    };
    listed
        .unwrap_or_default()
        .iter()
        .take(DETAILS)
        .filter_map(|entry| {
            Some(PolicyViolation {
                definition: named(entry, "policyDefinition", "name")?,
                assignment: named(entry, "policyAssignment", "name"),
                assignment_id: named(entry, "policyAssignment", "id"),
                set: named(entry, "policySetDefinition", "name"),
            })
        })
        .collect()
}

fn collect(object: &Value, depth: usize, details: &mut Vec<ErrorDetail>, clean: &dyn Fn(&str) -> String) {
    if depth == 0 {
        return;
    }
    let listed = member(object, "details").and_then(Value::as_array).into_iter().flatten();
    let inner = member(object, "innererror").into_iter();
    for entry in listed.chain(inner).filter(|entry| entry.is_object()) {
        if details.len() >= DETAILS {
            return;
        }
        let detail = ErrorDetail {
            code: code_of(entry, clean),
            message: text_of(entry, "message", clean),
            target: non_empty(text_of(entry, "target", clean)),
        };
        if detail != ErrorDetail::default() {
            details.push(detail);
        }
        collect(entry, depth - 1, details, clean);
    }
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let object = object.as_object()?;
    object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

fn code_of(object: &Value, clean: &dyn Fn(&str) -> String) -> Option<String> {
    match member(object, "code")? {
        Value::String(code) => non_empty(clean(code)),
        Value::Number(code) => Some(code.to_string()),
        _ => None,
    }
}

/// A text, also in `OData`'s `{lang, value}` form.
fn text_of(object: &Value, name: &str, clean: &dyn Fn(&str) -> String) -> String {
    match member(object, name) {
        Some(Value::String(text)) => clean(text),
        Some(text @ Value::Object(_)) => {
            member(text, "value").and_then(Value::as_str).map(clean).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A page's title, or the beginning of a plain text.
fn from_text(text: &str, clean: &dyn Fn(&str) -> String) -> String {
    let lower = text.to_ascii_lowercase();
    if lower.contains("<html") || lower.trim_start().starts_with("<!doctype") {
        let title = lower.find("<title>").and_then(|start| {
            let start = start + "<title>".len();
            let end = lower.get(start..)?.find("</title>")? + start;
            text.get(start..end)
        });
        return match title.map(clean).filter(|title| !title.is_empty()) {
            Some(title) => format!("an HTML page: {title}"),
            None => "an HTML page".to_owned(),
        };
    }
    clean(&text.chars().filter(|c| *c != char::REPLACEMENT_CHARACTER).take(300).collect::<String>())
}

/// What a status means when the body says nothing.
pub(crate) fn meaning(status: u16) -> &'static str {
    match status {
        300..=399 => "the server answered with a redirect, which is never followed",
        400 => "bad request",
        401 => "not authenticated",
        403 => "forbidden",
        404 => "not found",
        405 => "method not allowed",
        408 => "the server gave up waiting for the request",
        409 => "conflict",
        410 => "gone",
        412 => "precondition failed",
        413 => "request too large",
        429 => "too many requests",
        500 => "internal server error",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        _ if (400..500).contains(&status) => "the request was refused",
        _ if (500..600).contains(&status) => "the server failed",
        _ => "an answer of unknown meaning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::text;
    use proptest::prelude::*;

    fn of(status: u16, body: &str) -> Envelope {
        read(status, body.as_bytes(), &|text| text::clean(text, &[]))
    }

    #[test]
    fn every_shape_gives_code_and_message() {
        let nested = of(
            400,
            r#"{"error":{"code":"A","message":"quote \" and\nnewline","target":"t","details":
               [{"code":"B","message":"deep","details":null,"innererror":{"code":"C","message":"deeper"}},null,7]}}"#,
        );
        assert_eq!(nested.code.as_deref(), Some("A"));
        assert_eq!(nested.message, "quote \" and newline");
        assert_eq!(nested.target.as_deref(), Some("t"));
        let codes: Vec<_> = nested.details.iter().filter_map(|detail| detail.code.as_deref()).collect();
        assert_eq!(codes, ["B", "C"]);

        let expectations: &[(&str, Option<&str>, &str)] = &[
            (r#"{"code":"A","message":"m","details":null}"#, Some("A"), "m"),
            (r#"{"Code":"A","Message":"m"}"#, Some("A"), "m"),
            (r#"{"error":{"code":"A","message":""}}"#, Some("A"), "A"),
            (r#"{"error":{"code":409,"message":{"lang":"en","value":"m"}}}"#, Some("409"), "m"),
            (
                r#"{"error":"invalid_grant","error_description":"AADSTS1: no"}"#,
                Some("invalid_grant"),
                "AADSTS1: no",
            ),
            (r#"{"error":null}"#, None, "conflict"),
            (r#"{"error":{"details":[{"message":"d"}]}}"#, None, "d"),
            (r#""text""#, None, "text"),
            ("[1]", None, "conflict"),
            ("", None, "conflict"),
            ("plain", None, "plain"),
            ("<html><head><TITLE>Bad\u{7} Gateway</TITLE>", None, "an HTML page: Bad Gateway"),
            ("<!DOCTYPE html>", None, "an HTML page"),
        ];
        for (body, code, message) in expectations {
            let envelope = of(409, body);
            assert_eq!((envelope.code.as_deref(), envelope.message.as_str()), (*code, *message), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_message_fit_to_show(status in 300u16..600, body in prop::collection::vec(any::<u8>(), 0..400)) {
            let envelope = read(status, &body, &|text| text::clean(text, &[]));
            prop_assert!(!envelope.message.is_empty());
            prop_assert!(!envelope.message.chars().any(char::is_control));
        }

        #[test]
        fn any_json_gives_a_message_fit_to_show(code in ".{0,20}", message in ".{0,60}", nested in any::<bool>()) {
            let mut body = serde_json::json!({"code": code, "message": message, "details": [{"message": message}]});
            if nested {
                body = serde_json::json!({"error": body});
            }
            let envelope = read(500, body.to_string().as_bytes(), &|text| text::clean(text, &[]));
            prop_assert!(!envelope.message.is_empty());
            let shown = format!("{envelope:?}");
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
