//! Answers of authorities, made fit for the SDK that reads them.

use std::sync::Arc;

use azure_core::credentials::Secret;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Body, Context, HttpClient, Request, StatusCode, Transport};
use futures::StreamExt as _;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::azure::text::clean;
use crate::value::strip_control;

/// The largest answer taken, in bytes.
const LARGEST: usize = 1024 * 1024;

/// `transport`, with answers of a bounded size that the SDK can read. As they come it cannot always:
///
/// - A description with an escape in it, such as the line ends that Entra ID writes, fails its reader, and the
///   status is lost with it (`azure_identity` 1.0 borrows the text). The same for a proxy's page of HTML.
/// - A success without a token becomes an empty token.
pub(super) fn readable(transport: Transport) -> Transport {
    Transport::new(Arc::new(Readable(transport)))
}

#[derive(Debug)]
struct Readable(Transport);

#[async_trait::async_trait]
impl HttpClient for Readable {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.0.send(&Context::new(), &mut request.clone()).await?;
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > LARGEST {
                let message = format!("the answer is larger than {LARGEST} bytes");
                return Err(Error::with_message(ErrorKind::Credential, message));
            }
        }
        // What does not fit is not quoted: it could be a token in another place.
        let answer = serde_json::from_slice(&body).ok().filter(Value::is_object);
        if !status.is_success() {
            let told = told(status, &headers, answer.as_ref(), &sent(request));
            return Ok(AsyncRawResponse::from_bytes(status, headers, told.to_string()));
        }
        match answer.as_ref().and_then(|answer| answer.get("access_token")?.as_str()) {
            Some(token) if !token.trim().is_empty() => {
                Ok(AsyncRawResponse::from_bytes(status, headers, body))
            }
            _ => {
                let message = format!("the answer {} holds no token", what(status, &headers));
                Err(Error::with_message(ErrorKind::Credential, message))
            }
        }
    }
}

/// An error in the form of Entra ID, without anything that JSON writes with an escape.
fn told(status: StatusCode, headers: &Headers, answer: Option<&Value>, sent: &[Secret]) -> Value {
    let description = answer.and_then(|answer| {
        // A managed identity's endpoint says `message`, some say only `error`.
        ["error_description", "message", "error"].iter().find_map(|name| answer.get(name)?.as_str())
    });
    let description = match description {
        Some(text) => {
            let text = text.replace(['\r', '\n'], " ");
            clean(&text, sent).replace('"', "'").replace('\\', "/")
        }
        None => format!("the answer was {}", what(status, headers)),
    };
    let codes = answer.and_then(|answer| answer.get("error_codes")).filter(|codes| {
        codes.as_array().is_some_and(|codes| {
            codes.iter().all(|code| i32::try_from(code.as_i64().unwrap_or(i64::MAX)).is_ok())
        })
    });
    json!({ "error_description": description, "error_codes": codes.cloned().unwrap_or_else(|| json!([])) })
}

/// What the request proves itself with: an authority may say it back.
fn sent(request: &Request) -> Vec<Secret> {
    let mut sent = Vec::new();
    for (name, value) in request.headers().iter() {
        if matches!(name.as_str(), "authorization" | "x-identity-header") {
            sent.push(Secret::new(value.as_str().trim_start_matches("Bearer ").to_owned()));
        }
    }
    if let Body::Bytes(form) = request.body() {
        // As it stands there, encoded, and as it is read.
        for pair in form.split(|byte| *byte == b'&') {
            let pair = String::from_utf8_lossy(pair);
            if let Some((name, value)) = pair.split_once('=')
                && matches!(name, "client_secret" | "client_assertion")
            {
                sent.push(Secret::new(value.to_owned()));
                sent.extend(
                    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| Secret::new(value.into_owned())),
                );
            }
        }
    }
    sent
}

fn what(status: StatusCode, headers: &Headers) -> String {
    let kind = headers.get_optional_str(&HeaderName::from_static("content-type")).unwrap_or("no type");
    format!("{} ({})", u16::from(status), strip_control(kind).replace(['"', '\\'], ""))
}
