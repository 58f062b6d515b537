//! The control API of the served sandbox: `/_sandbox/…`, for tests that sit in another process.
//!
//! | request | answer |
//! |---|---|
//! | `GET /_sandbox/state` | the state |
//! | `PUT /_sandbox/state` | replaces it: 204 |
//! | `PUT /_sandbox/faults` | replaces the faults by a list of them in the notation of the flags: 204 |
//! | `PUT /_sandbox/announce` | announces the answer to the request of that number, or to none (`null`): 204 |
//! | `GET /_sandbox/exchanges` | a list of the exchanges so far |
//! | `GET /_sandbox/counts` | `{"requests": n, "reads": n, "writes": n}` over them |
//!
//! Each needs the header [`HEADER`] with the token of the ready line: a program that can reach the
//! port but not read this process's output can neither see nor change the state.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};

use super::http::Response;
use super::inspect::Inspect;
use super::token::respond;

/// The path that everything here starts with.
pub(super) const PREFIX: &str = "/_sandbox/";

/// The header that carries the control token.
pub const HEADER: &str = "x-sandbox-token";

/// Answers a control request whose token was checked. `path` is without [`PREFIX`].
pub(super) fn answer(
    inside: &dyn Inspect,
    announce: &Mutex<Option<u64>>,
    method: &str,
    path: &str,
    body: &[u8],
) -> Response {
    match (method, path) {
        ("GET", "state") => match inside.state_json() {
            Ok(state) => respond(200, &state, &[]),
            Err(error) => refused(500, "SandboxStateUnreadable", &error.to_string()),
        },
        ("PUT", "state") => done(
            serde_json::from_slice(body)
                .and_then(|state| inside.replace_state(state))
                .map_err(|error| refused(400, "SandboxStateInvalid", &error.to_string())),
        ),
        ("PUT", "faults") => {
            let faults = serde_json::from_slice::<Vec<String>>(body).map_err(|error| error.to_string());
            done(
                faults
                    .and_then(|faults| inside.replace_faults(&faults).map_err(|error| error.to_string()))
                    .map_err(|error| refused(400, "SandboxFaultsInvalid", &error)),
            )
        }
        ("PUT", "announce") => done(
            serde_json::from_slice(body)
                .map(|number| *announce.lock().unwrap_or_else(PoisonError::into_inner) = number)
                .map_err(|error| refused(400, "SandboxNumberInvalid", &error.to_string())),
        ),
        ("GET", "exchanges") => respond(200, &Json::Array(inside.exchange_records()), &[]),
        ("GET", "counts") => respond(200, &counts(&inside.exchange_records()), &[]),
        _ => refused(404, "SandboxControlUnknown", "There is no such control request."),
    }
}

/// 204, or the refusal.
fn done(result: Result<(), Response>) -> Response {
    result.map_or_else(|refusal| refusal, |()| Response { status: 204, ..Response::default() })
}

/// Requests in all, those that read and those that write. A POST counts as a write unless its action
/// is named as one that reads (`listSecrets`, `listKeys`, …): ARM's convention for secrets in answers.
fn counts(exchanges: &[Json]) -> Json {
    let text =
        |exchange: &Json, key: &str| exchange.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let reads = exchanges
        .iter()
        .filter(|exchange| match text(exchange, "method").as_str() {
            "GET" | "HEAD" => true,
            "POST" => text(exchange, "path")
                .rsplit('/')
                .next()
                .is_some_and(|action| action.starts_with("list") || action.starts_with("get")),
            _ => false,
        })
        .count();
    json!({ "requests": exchanges.len(), "reads": reads, "writes": exchanges.len() - reads })
}

/// A refusal in ARM's error shape, with a code that Azure does not have.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Response {
    respond(status, &json!({ "error": { "code": code, "message": message } }), &[])
}
