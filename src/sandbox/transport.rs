//! The sandbox under the ARM client, in the same process: no socket, no port, no TLS.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::request::Body;
use azure_core::http::{AsyncRawResponse, HttpClient, Request as AzureRequest, StatusCode};
use bytes::Bytes;
use futures::AsyncReadExt as _;
use futures::stream;

use super::http::{Reply, Response};
use super::wire::{Handler, Parts};

/// An `azure_core` transport whose other end is the sandbox.
///
/// It shows the client what a network shows: a reset is an I/O error (not a connection error,
/// which would say that the request was never sent), a truncated body fails while it is read, and
/// silence is a future that never ends, so that the caller's deadline decides.
pub struct InProcess {
    azure: Arc<dyn Handler>,
}

impl InProcess {
    /// A transport to `azure`.
    pub fn new(azure: Arc<dyn Handler>) -> InProcess {
        InProcess { azure }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for InProcess {
    async fn execute_request(&self, request: &AzureRequest) -> azure_core::Result<AsyncRawResponse> {
        let url = request.url();
        let host = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        };
        let body = match request.body() {
            Body::Bytes(bytes) => bytes.to_vec(),
            Body::SeekableStream(stream) => {
                let mut stream = stream.clone();
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await?;
                bytes
            }
        };
        let parts = Parts {
            method: request.method().as_str(),
            host: &host,
            path: url.path(),
            query: url.query().unwrap_or_default(),
        };
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str()));
        match self.azure.handle(&parts.into_request(headers, body)) {
            // Only apps are late, and Azure's own requests do not go there.
            Reply::Answer(response) | Reply::Late { response, .. } => {
                let (status, headers, body) = deconstruct(response);
                Ok(AsyncRawResponse::from_bytes(status, headers, body))
            }
            Reply::Truncated { response, bytes } => {
                let (status, headers, body) = deconstruct(response);
                let sent = body.slice(..bytes.min(body.len()));
                let stream = stream::iter([Ok(sent), Err(closed("before the body was complete"))]);
                Ok(AsyncRawResponse::new(status, headers, Box::pin(stream)))
            }
            Reply::Reset => Err(closed("without an answer")),
            Reply::Silence => std::future::pending().await,
        }
    }
}

/// The response in `azure_core`'s types.
fn deconstruct(response: Response) -> (StatusCode, Headers, Bytes) {
    let mut headers = Headers::new();
    for (name, value) in response.headers {
        headers.insert(name, value);
    }
    (StatusCode::from(response.status), headers, response.body.into())
}

/// The error of a connection that ended early.
fn closed(when: &'static str) -> Error {
    Error::with_message(ErrorKind::Io, format!("the connection was closed {when}"))
}
