//! One connection of the served sandbox: from the socket to a reply, and the reply back onto the wire.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_rustls::TlsAcceptor;

use super::http::{Reply, Response};
use super::inspect::Inspect;
use super::line::{Events, Line, Outgoing, Socket};
use super::routes::{Outcome, Refusal};
use super::serve::Limits;
use super::wire::Handler;

/// What every connection shares.
pub(super) struct Server {
    pub(super) azure: Arc<dyn Handler>,
    pub(super) inside: Arc<dyn Inspect>,
    pub(super) scheme: &'static str,
    pub(super) endpoint: String,
    pub(super) hosts: [String; 2],
    pub(super) token: String,
    pub(super) announce: Mutex<Option<u64>>,
    pub(super) limits: Limits,
    /// How many requests went to Azure. Held while Azure handles one, so that the numbers are in the
    /// order in which they took effect.
    pub(super) requests: Mutex<u64>,
    pub(super) events: Events,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Close;

impl Server {
    /// Serves one connection to its end. Errors on it (a client that goes away, a bad head, a cut
    /// answer) are the client's to notice.
    pub(super) async fn connection(
        self: Arc<Self>,
        tcp: TcpStream,
        acceptor: Option<TlsAcceptor>,
        stopping: watch::Receiver<()>,
        _place: OwnedSemaphorePermit,
    ) {
        // Small answers go out at once; failing to ask for that is no reason not to serve.
        let _ = tcp.set_nodelay(true);
        let line = Line::new(self.events.clone());
        let socket = Socket::new(tcp, Arc::clone(&line));
        match acceptor {
            None => self.http(socket, line, stopping).await,
            Some(acceptor) => {
                let handshake = tokio::time::timeout(self.limits.head_time, acceptor.accept(socket));
                if let Ok(Ok(stream)) = handshake.await {
                    self.http(stream, line, stopping).await;
                }
            }
        }
    }

    async fn http<T: AsyncRead + AsyncWrite + Unpin>(
        self: Arc<Self>,
        stream: T,
        line: Arc<Line>,
        mut stopping: watch::Receiver<()>,
    ) {
        let limits = self.limits;
        let service = service_fn(move |request| {
            let (server, line) = (Arc::clone(&self), Arc::clone(&line));
            async move { server.respond(request, &line).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    /// Answers one HTTP request, or closes its connection.
    async fn respond(
        &self,
        request: hyper::Request<Incoming>,
        line: &Arc<Line>,
    ) -> Result<hyper::Response<Outgoing>, Close> {
        let head_only = request.method() == hyper::Method::HEAD;
        let outcome = match self.route(request).await {
            Ok(outcome) => outcome,
            Err(Refusal(response)) => Outcome::Own(response),
        };
        let (n, reply) = match outcome {
            Outcome::Own(response) => return build(response, |body| Outgoing::whole(body, None, line)),
            Outcome::Azure(n, reply) => (n, reply),
        };
        let fault = |name: &str| {
            // Nobody reads the events of a server that is ending.
            let _ = self.events.send(json!({ "fault": name, "request": n }));
        };
        let reply = match reply {
            Reply::Late { response, after } => {
                tokio::time::sleep(after).await;
                Reply::Answer(response)
            }
            reply => reply,
        };
        match reply {
            Reply::Answer(response) | Reply::Late { response, .. } => {
                let announce = self
                    .announce
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .filter(|wanted| *wanted == n);
                let answer = build(response, |body| Outgoing::whole(body, announce, line))?;
                if head_only || answer.body().is_end_stream() {
                    answer.body().announce_without_body();
                }
                Ok(answer)
            }
            Reply::Truncated { response, bytes } => {
                fault("truncated");
                build(response, |body| Outgoing::cut(body, bytes, line))
            }
            Reply::Reset => {
                fault("reset");
                line.reset();
                Err(Close)
            }
            Reply::Silence => {
                fault("silence");
                // Dropped with the connection when the client closes it.
                let never: Infallible = std::future::pending().await;
                match never {}
            }
        }
    }
}

/// The response in hyper's types. The length is ours to state, whatever the sandbox said. A header
/// or status that HTTP cannot carry closes the connection.
fn build(
    response: Response,
    body: impl FnOnce(Vec<u8>) -> Outgoing,
) -> Result<hyper::Response<Outgoing>, Close> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        if !matches!(name.as_str(), "content-length" | "transfer-encoding") {
            builder = builder.header(name, value);
        }
    }
    builder.body(body(response.body)).map_err(|_| Close)
}
