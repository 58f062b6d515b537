//! The storage beside task runs: archives that are put there, logs that grow. Whoever has a link may.

use time::OffsetDateTime;

use super::builder;
use super::tasks::{BLOB_HOST, BLOB_PATH};
use crate::sandbox::exchange::find;
use crate::sandbox::http::{Request, Response};
use crate::sandbox::state::{Registry, State};

/// Whether a request is for this storage.
pub(in crate::sandbox) fn is_meant(request: &Request) -> bool {
    request.host.eq_ignore_ascii_case(BLOB_HOST) || request.path.starts_with(&format!("{BLOB_PATH}/"))
}

/// The answer.
pub(in crate::sandbox) fn answer(state: &mut State, now: OffsetDateTime, request: &Request) -> Response {
    let path = request.path.strip_prefix(BLOB_PATH).unwrap_or(&request.path).trim_start_matches('/');
    let key = find(&request.query, "sig").unwrap_or_default();
    let Some((name, rest)) = path.split_once('/') else { return refused(404, "ResourceNotFound") };
    let Some(registry) = state.registry_mut(name) else { return refused(404, "ResourceNotFound") };
    match request.method.as_str() {
        "PUT" => put(registry, now, rest, key, request),
        "GET" => log(registry, now, rest, key, request),
        _ => refused(405, "UnsupportedHttpVerb"),
    }
}

fn put(registry: &mut Registry, now: OffsetDateTime, path: &str, key: &str, request: &Request) -> Response {
    let Some(upload) = registry.tasks.uploads.iter_mut().find(|upload| upload.path == path) else {
        return refused(403, "AuthenticationFailed");
    };
    if upload.key != key || now >= upload.until {
        return refused(403, "AuthenticationFailed");
    }
    if find(&request.headers, "x-ms-blob-type") != Some("BlockBlob") {
        return refused(400, "MissingRequiredHeader");
    }
    // The service does not take a body whose length it is not told.
    let length = find(&request.headers, "content-length").and_then(|length| length.parse::<usize>().ok());
    match length {
        None => return refused(411, "MissingContentLengthHeader"),
        Some(length) if length != request.body.len() => return refused(400, "InvalidHeaderValue"),
        Some(_) => {}
    }
    upload.archive = Some(builder::archive(&request.body));
    Response { status: 201, headers: Vec::new(), body: Vec::new() }
}

fn log(registry: &Registry, now: OffsetDateTime, path: &str, key: &str, request: &Request) -> Response {
    let id = path.strip_prefix("logs/").and_then(|rest| rest.strip_suffix("/rawtext.log"));
    let Some(run) = registry.tasks.runs.iter().find(|run| Some(run.id.as_str()) == id && run.key == key)
    else {
        return refused(403, "AuthenticationFailed");
    };
    if now < run.starts {
        return refused(404, "BlobNotFound");
    }
    let whole = run.written(now).into_bytes();
    let range = find(&request.headers, "x-ms-range").or_else(|| find(&request.headers, "range"));
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse::<usize>().ok());
    let last = range.and_then(|range| range.rsplit('-').next()?.parse::<usize>().ok()).unwrap_or(usize::MAX);
    let complete = if now >= run.ends { "true" } else { "false" };
    let headers = vec![
        ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()),
        ("x-ms-blob-type".to_owned(), "AppendBlob".to_owned()),
        ("x-ms-meta-complete".to_owned(), complete.to_owned()),
    ];
    match from {
        None => Response { status: 200, headers, body: whole },
        Some(from) if from >= whole.len() => refused(416, "InvalidRange"),
        Some(from) => {
            let end = last.saturating_add(1).min(whole.len());
            Response { status: 206, headers, body: whole[from..end].to_vec() }
        }
    }
}

fn refused(status: u16, code: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    Response {
        status,
        headers: vec![
            ("content-type".to_owned(), "application/xml".to_owned()),
            ("x-ms-error-code".to_owned(), code.to_owned()),
        ],
        body: body.into_bytes(),
    }
}
