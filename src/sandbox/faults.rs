//! Things that go wrong on demand: what, at which request, how often.
//!
//! In flags and files a fault is one line of words, the kind among them:
//! `request=7 silence-before`, `match=PATCH:/containerApps/ nth=2 status=429 retry-after=2 times=3`.
//!
//! A question to the domain name system has no number. It is matched as `DNS:/NAME/TYPE`, and fails in the ways that
//! questions fail: `status` (400 to 499: `REFUSED`, else `SERVFAIL`), `silence-…`, any other kind as `SERVFAIL`.

pub(super) mod meanwhile;
mod notation;
pub(super) mod refused;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use url::form_urlencoded::byte_serialize;

use super::http::{Reply, Request, Response};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it strikes.
    pub when: Matcher,
    /// How many requests it strikes, one after the other.
    pub times: usize,
    /// What it does.
    pub kind: FaultKind,
}

/// Which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// The request with this number, counted from 1.
    Number(usize),
    /// The `nth` request (from 1) with this method (`*`: any) whose path contains `path` in any case.
    Path {
        /// `PATCH`, or `*`.
        method: String,
        /// Part of the path.
        path: String,
        /// Which of those that match.
        nth: usize,
    },
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// `status=N [retry-after=S]`: this status, without effect.
    Status {
        /// 429, 500, 503, …
        status: u16,
        /// Seconds in `Retry-After`.
        retry_after: Option<u64>,
    },
    /// `reset-before`: the connection is closed, without effect.
    ResetBefore,
    /// `reset-after`: the request takes effect, then the connection is closed.
    ResetAfter,
    /// `silence-before`: no answer, without effect.
    SilenceBefore,
    /// `silence-after`: the request takes effect, no answer.
    SilenceAfter,
    /// `truncated-body`: half of the answer's body, then the connection is closed.
    TruncatedBody,
    /// `html-body`: an HTML page in place of the answer's JSON, after the effect.
    HtmlBody,
    /// `huge-body[=BYTES]`: a body of that many bytes (64 MiB), after the effect.
    HugeBody(usize),
    /// `operation-fails`: the write is accepted and its operation fails.
    OperationFails,
    /// `operation-hangs`: the write is accepted and its operation never ends.
    OperationHangs,
    /// `operation-url=N`: the URLs of the operation answer 403 or 404.
    OperationUrl(u16),
    /// `foreign-location[=HOST]`: `Location` and `Azure-AsyncOperation` name another host.
    ForeignLocation(String),
    /// `details-null`: an error whose `details` is null, without effect.
    DetailsNull,
    /// `echo`: an error that says back what was sent, `Authorization` and body, in several spellings, without effect.
    Echo,
    /// `unknown-enum`: states in the answer have a word that nobody knows.
    UnknownEnum,
    /// `page-loop`: a list's `nextLink` leads to the same page.
    PageLoop,
    /// `busy`: 409 in the provider's word for an operation that is going on, without effect.
    Busy,
    /// `denied`: 403 for a role that is missing, without effect; of a registry and of a database, too.
    Denied,
    /// `policy`: 403 for an Azure Policy, without effect.
    Policy,
    /// `locked`: 409 for a lock, without effect.
    Locked,
    /// `principal-unknown`: 400 for a principal that the directory does not know yet, without effect.
    PrincipalUnknown,
    /// `role-slow[=SECONDS]`: the role assignment that is made holds so much later, half an hour unless told.
    RoleSlow(u64),
    /// `gone`: right before, what the request is about is deleted, or what it is kept in.
    Gone,
    /// `edited=NAME`: right before, somebody else changes the app or job of this name: a tag, and a variable in each
    /// container.
    Edited(String),
}

/// A fault that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the fault `{text}`: {why}")]
pub struct FaultError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// The faults of a sandbox with what they have seen so far.
#[derive(Debug, Default)]
pub(super) struct Plan(Vec<Progress>);

#[derive(Debug)]
struct Progress {
    fault: Fault,
    seen: usize,
    struck: usize,
}

impl Plan {
    pub(super) fn new(faults: Vec<Fault>) -> Plan {
        Plan(faults.into_iter().map(|fault| Progress { fault, seen: 0, struck: 0 }).collect())
    }

    /// The fault that strikes this request, if any: the first of the list. Later ones still count
    /// the request as seen.
    pub(super) fn strike(&mut self, number: usize, request: &Request) -> Option<Fault> {
        let mut chosen = None;
        for progress in &mut self.0 {
            let due = match &progress.fault.when {
                // A number is never 0.
                Matcher::Number(first) => number >= *first,
                Matcher::Path { method, path, nth } => {
                    let fits = (method == "*" || method.eq_ignore_ascii_case(&request.method))
                        && request.path.to_ascii_lowercase().contains(&path.to_ascii_lowercase());
                    progress.seen += usize::from(fits);
                    fits && progress.seen >= *nth
                }
            };
            if due && progress.struck < progress.fault.times && chosen.is_none() {
                progress.struck += 1;
                chosen = Some(progress.fault.clone());
            }
        }
        chosen
    }

    /// As [`Plan::strike`], for what has no number.
    pub(super) fn strike_unnumbered(&mut self, request: &Request) -> Option<Fault> {
        self.strike(0, request)
    }
}

impl FaultKind {
    /// The reply in place of any effect, for the kinds that have none.
    pub(super) fn instead(&self) -> Option<Reply> {
        match self {
            FaultKind::ResetBefore => Some(Reply::Reset),
            FaultKind::SilenceBefore => Some(Reply::Silence),
            FaultKind::Status { status, retry_after } => {
                let (code, message) = match status {
                    429 => ("TooManyRequests", "The request is being throttled."),
                    503 => ("ServerUnavailable", "The service is unavailable. Please try again later."),
                    _ => {
                        ("InternalServerError", "Encountered internal server error. Please try again later.")
                    }
                };
                let mut headers = vec![json_type()];
                if let Some(seconds) = retry_after {
                    headers.push(("retry-after".to_owned(), seconds.to_string()));
                }
                let body = json!({ "error": { "code": code, "message": message } });
                Some(Reply::Answer(Response {
                    status: *status,
                    headers,
                    body: body.to_string().into_bytes(),
                }))
            }
            FaultKind::DetailsNull => {
                let body = json!({ "error": {
                    "code": "BadRequest", "message": "The request is not valid.", "details": null,
                } });
                Some(Reply::Answer(Response {
                    status: 400,
                    headers: vec![json_type()],
                    body: body.to_string().into_bytes(),
                }))
            }
            _ => None,
        }
    }

    /// The reply in place of any effect that is made of the request.
    pub(super) fn told_back(&self, request: &Request) -> Option<Reply> {
        if *self != FaultKind::Echo {
            return None;
        }
        let sent: Vec<&str> = request
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization")
            .map(|(_, value)| value.as_str())
            .collect();
        let sent = sent.join(" ");
        let body = String::from_utf8_lossy(&request.body);
        let encoded = STANDARD.encode(sent.trim_start_matches("Bearer "));
        let mut values = Vec::new();
        if let Ok(body) = serde_json::from_slice::<Json>(&request.body) {
            leaves(&body, &mut values);
        }
        let spelt: Vec<Json> = values
            .iter()
            .map(|value| {
                let form: String = byte_serialize(value.as_bytes()).collect();
                json!({ "code": "Invalid", "message": format!("{value} ({form}, {})", STANDARD.encode(value)), "target": value })
            })
            .collect();
        let body = json!({ "error": {
            "code": "InvalidRequestContent",
            "message": format!("The request is not valid: {} {} with {sent} ({encoded}): {body}", request.method, request.path),
            "details": spelt,
        } });
        Some(Reply::Answer(Response {
            status: 400,
            headers: vec![json_type(), ("x-ms-error-code".to_owned(), sent)],
            body: body.to_string().into_bytes(),
        }))
    }

    /// What is sent of `response`, whose effect has happened.
    pub(super) fn spoil(&self, mut response: Response, url: &str) -> Reply {
        match self {
            FaultKind::ResetAfter => return Reply::Reset,
            FaultKind::SilenceAfter => return Reply::Silence,
            FaultKind::TruncatedBody => {
                let bytes = response.body.len() / 2;
                return Reply::Truncated { response, bytes };
            }
            FaultKind::HtmlBody => {
                response.headers.retain(|(name, _)| name != "content-type");
                response.headers.push(("content-type".to_owned(), "text/html".to_owned()));
                response.body =
                    b"<html><head><title>Bad Gateway</title></head><body>Bad Gateway</body></html>".to_vec();
            }
            FaultKind::HugeBody(bytes) => {
                response.body = br#"{"value":""#.to_vec();
                response.body.resize((*bytes).max(12) - 2, b'x');
                response.body.extend_from_slice(b"\"}");
            }
            FaultKind::ForeignLocation(host) => {
                for (name, value) in &mut response.headers {
                    if matches!(name.as_str(), "location" | "azure-asyncoperation") {
                        *value = on_host(value, host);
                    }
                }
            }
            FaultKind::UnknownEnum => edit(&mut response, &unknown_words),
            FaultKind::PageLoop => edit(&mut response, &|body| {
                if body.get("value").is_some_and(Json::is_array) {
                    body["nextLink"] = json!(url);
                }
            }),
            _ => {}
        }
        Reply::Answer(response)
    }
}

/// The texts in a document.
fn leaves(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::String(text) if !text.is_empty() => found.push(text.clone()),
        Json::Array(elements) => elements.iter().for_each(|element| leaves(element, found)),
        Json::Object(members) => members.values().for_each(|member| leaves(member, found)),
        _ => {}
    }
}

fn json_type() -> (String, String) {
    ("content-type".to_owned(), "application/json; charset=utf-8".to_owned())
}

fn on_host(url: &str, host: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

fn edit(response: &mut Response, change: &dyn Fn(&mut Json)) {
    if let Ok(mut body) = serde_json::from_slice::<Json>(&response.body) {
        change(&mut body);
        response.body = body.to_string().into_bytes();
    }
}

fn unknown_words(body: &mut Json) {
    match body {
        Json::Object(members) => {
            for (name, value) in members {
                let state = matches!(
                    name.as_str(),
                    "provisioningState" | "runningStatus" | "runningState" | "healthState" | "status"
                );
                if state && value.is_string() {
                    *value = json!("Rehydrating");
                } else {
                    unknown_words(value);
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(unknown_words),
        _ => {}
    }
}
