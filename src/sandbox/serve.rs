//! The sandbox as a server on this host: for az, SDKs and curl, and for tests that kill their client.
//!
//! It listens on 127.0.0.1 only and writes one JSON line when it is ready:
//!
//! ```json
//! {"ready":true,"endpoint":"https://127.0.0.1:39111","ca":"/tmp/acarecipe-ca-x.pem","token":"…","pid":4711}
//! ```
//!
//! `token` opens the control API below `/_sandbox/` (see [`HEADER`]); requests to Azure carry
//! `Authorization: Bearer sandbox-<caller>`. Further lines say what happened, at the moment it does:
//! `{"fault":"silence","request":n}` (also `reset`, `truncated`) and, with [`ServeOptions::announce`],
//! `{"answered":n}`. Requests to Azure are numbered from 1 in the order of their arrival.
//!
//! Against other programs on the host: a `Host` that is not this server's is refused (DNS rebinding),
//! as is any request with an `Origin` (a web page), and sizes, times and connections are bounded.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use super::control::HEADER;
use super::http::{Reply, Response};
use super::inspect::Inspect;
use super::line::{Events, Line, Outgoing, Socket};
pub use super::tls::TlsError;
use super::wire::{Handler, Parts};
use super::{control, metadata, owner_only, tls, token};

/// The header by which a carrier tells the sandbox the scheme that the client used.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// How to serve.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Serves https with a certificate authority made for this run.
    pub https: bool,
    /// Where the authority's certificate is written (owner-only, PEM; stays there). Without a name it
    /// goes to a file in the system's temporary folder that is removed at the end. Only with `https`.
    pub ca_file: Option<PathBuf>,
    /// Writes `{"answered":n}` for the answer to this request, once its last byte has gone to the socket.
    pub announce: Option<u64>,
    /// What one client may take.
    pub limits: Limits,
}

/// Bounds on what clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request body, in bytes; a larger one is answered 413.
    pub body_bytes: usize,
    /// The largest request head, in bytes; a larger one is answered 431.
    pub head_bytes: usize,
    /// Connections at one time; more wait unaccepted.
    pub connections: usize,
    /// How long a TLS handshake or a request head may take.
    pub head_time: Duration,
    /// How long a request body may take.
    pub body_time: Duration,
    /// How long requests in progress may go on after the end was asked for.
    pub grace: Duration,
}

impl Default for Limits {
    /// 4 MiB (ARM's own limit for a template), 64 KiB, 64 connections, 10 s, 30 s, 1 s.
    fn default() -> Limits {
        Limits {
            body_bytes: 4 * 1024 * 1024,
            head_bytes: 64 * 1024,
            connections: 64,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            grace: Duration::from_secs(1),
        }
    }
}

/// What was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Requests to Azure; control, metadata and token requests do not count.
    pub requests: u64,
}

/// Why serving failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken, or nothing may listen.
    #[error("could not listen on 127.0.0.1:{port}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate could not be put into its file.
    #[error("could not write the sandbox's certificate to {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The ready line or an event could not be written: whoever started the server is gone.
    #[error("could not write to the standard output")]
    Output(#[source] io::Error),
}

/// Serves `sandbox` until `shutdown` ends, writing the ready line and events to `out`.
///
/// At the end no connection is accepted any more; requests in progress get [`Limits::grace`], then
/// what is left (a silent answer, say) is cut off.
pub async fn serve<S: Handler + Inspect + 'static>(
    sandbox: S,
    options: ServeOptions,
    out: &mut (dyn Write + Send),
    shutdown: impl Future<Output = ()>,
) -> Result<Served, ServeError> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))
        .await
        .map_err(|source| ServeError::Listen {
            port: options.port,
            source,
        })?;
    let port = listener
        .local_addr()
        .map_err(|source| ServeError::Listen {
            port: options.port,
            source,
        })?
        .port();
    let (acceptor, ca) = if options.https {
        let identity = tls::identity(OffsetDateTime::now_utc())?;
        let ca = CaFile::write(options.ca_file.as_deref(), &identity.ca)?;
        (Some(TlsAcceptor::from(identity.server)), Some(ca))
    } else {
        (None, None)
    };
    let scheme = if options.https { "https" } else { "http" };
    let (events, mut happened) = mpsc::unbounded_channel();
    let sandbox = Arc::new(sandbox);
    let server = Arc::new(Server {
        azure: Arc::clone(&sandbox) as Arc<dyn Handler>,
        inside: sandbox,
        scheme,
        endpoint: format!("{scheme}://127.0.0.1:{port}"),
        hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
        token: uuid::Uuid::new_v4().simple().to_string(),
        announce: Mutex::new(options.announce),
        limits: options.limits,
        requests: Mutex::new(0),
        events,
    });
    let mut shutdown = std::pin::pin!(shutdown);
    // Signal handlers are in place once this was polled: from the ready line on, a signal ends the
    // server in good order.
    let mut ended = futures::poll!(shutdown.as_mut()).is_ready();
    let ready = json!({
        "ready": true,
        "endpoint": server.endpoint,
        "ca": ca.as_ref().map(CaFile::path),
        "token": server.token,
        "pid": std::process::id(),
    });
    write_line(out, &ready)?;

    let places = Arc::new(Semaphore::new(options.limits.connections));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    while !ended {
        tokio::select! {
            biased;
            () = &mut shutdown => ended = true,
            Some(event) = happened.recv() => write_line(out, &event)?,
            Some(_) = connections.join_next() => {}
            (tcp, place) = next(&listener, &places) => {
                let server = Arc::clone(&server);
                connections.spawn(server.connection(tcp, acceptor.clone(), stopping.clone(), place));
            }
        }
    }
    drop(listener);
    drop(stop);
    let _ = tokio::time::timeout(options.limits.grace, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
    while let Ok(event) = happened.try_recv() {
        write_line(out, &event)?;
    }
    Ok(Served {
        requests: *server.requests.lock().unwrap_or_else(PoisonError::into_inner),
    })
}

/// Ends when the user or the system asks this process to stop: SIGINT (Ctrl-C), or SIGTERM on Unix.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process by itself.
    let _ = tokio::signal::ctrl_c().await;
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else {
            // The semaphore is never closed.
            std::future::pending().await
        };
        match listener.accept().await {
            Ok((tcp, _)) => return (tcp, place),
            // The client went away before it was accepted, or this process is out of file
            // descriptors for a moment: neither is a reason to stop, nor to spin.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Writes one JSON line and sends it on its way.
fn write_line(out: &mut (dyn Write + Send), line: &Json) -> Result<(), ServeError> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(ServeError::Output)
}

/// The file with the authority's certificate.
enum CaFile {
    /// The user named it: it stays.
    Named(PathBuf),
    /// Removed when this value is dropped.
    Temporary(tempfile::TempPath),
}

impl CaFile {
    fn write(named: Option<&Path>, pem: &str) -> Result<CaFile, ServeError> {
        if let Some(path) = named {
            owner_only::write(path, pem.as_bytes()).map_err(|source| ServeError::CaFile {
                path: path.to_owned(),
                source,
            })?;
            return Ok(CaFile::Named(path.to_owned()));
        }
        let written = tempfile::Builder::new()
            .prefix("acarecipe-ca-")
            .suffix(".pem")
            .tempfile()
            .and_then(|mut file| file.write_all(pem.as_bytes()).map(|()| file.into_temp_path()));
        match written {
            Ok(path) => Ok(CaFile::Temporary(path)),
            Err(source) => Err(ServeError::CaFile {
                path: std::env::temp_dir(),
                source,
            }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            CaFile::Named(path) => path,
            CaFile::Temporary(path) => path,
        }
    }
}

/// What every connection shares.
struct Server {
    azure: Arc<dyn Handler>,
    inside: Arc<dyn Inspect>,
    scheme: &'static str,
    endpoint: String,
    hosts: [String; 2],
    token: String,
    announce: Mutex<Option<u64>>,
    limits: Limits,
    /// How many requests went to Azure. Held while Azure handles one, so that the numbers are in the
    /// order in which they took effect.
    requests: Mutex<u64>,
    events: Events,
}

/// What becomes of a request.
enum Outcome {
    /// An answer of the server's own, which is not numbered.
    Own(Response),
    /// The sandbox's reply to request `n`.
    Azure(u64, Reply),
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Close;

impl Server {
    /// Serves one connection to its end. Errors on it (a client that goes away, a bad head, a cut
    /// answer) are the client's to notice.
    async fn connection(
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
        match reply {
            Reply::Answer(response) => {
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

    /// Guards, then the server's own paths, then the sandbox.
    async fn route(&self, request: hyper::Request<Incoming>) -> Result<Outcome, Refusal> {
        let (head, body) = request.into_parts();
        self.guard(&head.uri, &head.headers)?;
        let path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        let method = head.method.as_str();

        if let Some(what) = path.strip_prefix(control::PREFIX) {
            if head
                .headers
                .get(HEADER)
                .is_none_or(|token| token.as_bytes() != self.token.as_bytes())
            {
                return Err(Refusal(control::refused(
                    403,
                    "SandboxControlRefused",
                    "Control requests need the header x-sandbox-token with the token of the ready line.",
                )));
            }
            let body = self.read(body, &head.headers).await?;
            return Ok(Outcome::Own(control::answer(
                &*self.inside,
                &self.announce,
                method,
                what,
                &body,
            )));
        }
        if method == "GET" && path == "/metadata/endpoints" {
            let version = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
                .map(|(_, version)| version.into_owned());
            return Ok(Outcome::Own(metadata::endpoints(
                &self.endpoint,
                version.as_deref(),
            )));
        }
        if let (true, Some(tenant)) = (method == "GET", token::discovery_path(path)) {
            return Ok(Outcome::Own(token::discovery(&self.endpoint, tenant)));
        }
        if method == "POST" && token::token_path(path).is_some() {
            let body = self.read(body, &head.headers).await?;
            return Ok(Outcome::Own(token::token(&body)));
        }

        let body = self.read(body, &head.headers).await?;
        let [host, _] = &self.hosts;
        let parts = Parts {
            method,
            host,
            path,
            query,
        };
        let headers = head.headers.iter().map(|(name, value)| {
            (
                name.as_str(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        let mut request = parts.into_request(headers, body);
        // What the URLs in Azure's answers begin with is for the server to say, not for the client.
        request.headers.retain(|(name, _)| name != FORWARDED_PROTO);
        request
            .headers
            .push((FORWARDED_PROTO.to_owned(), self.scheme.to_owned()));
        let mut n = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *n += 1;
        Ok(Outcome::Azure(*n, self.azure.handle(&request)))
    }

    /// Refuses what no honest client of this server sends: a web page's `Origin`, a `Host` of another
    /// name (a web page that had its own name resolve to 127.0.0.1), or several.
    fn guard(&self, uri: &hyper::Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Refusal(control::refused(
                403,
                "SandboxOriginRefused",
                "The sandbox answers no requests of web pages.",
            )));
        }
        let ours = |host: &str| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        let mut hosts = headers.get_all(header::HOST).iter();
        let one = hosts.next().and_then(|host| host.to_str().ok());
        let named = uri.authority().is_none_or(|authority| ours(authority.as_str()));
        if !named || hosts.next().is_some() || !one.is_some_and(ours) {
            return Err(Refusal(control::refused(
                421,
                "SandboxHostRefused",
                &format!("This server is {} and answers for no other host.", self.endpoint),
            )));
        }
        Ok(())
    }

    /// The whole body, within its limits.
    async fn read(&self, body: Incoming, headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
        let limit = self.limits.body_bytes;
        let stated = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        let whole = match stated {
            Some(length) if length > limit.saturating_mul(DISCARD) => Ok(Ok(None)),
            _ => tokio::time::timeout(self.limits.body_time, collect(body, limit)).await,
        };
        let (status, code, message) = match whole {
            Ok(Ok(Some(bytes))) => return Ok(bytes),
            Ok(Ok(None)) => (
                413,
                "RequestContentTooLarge",
                format!("The request is larger than {limit} bytes."),
            ),
            Ok(Err(error)) => (400, "SandboxBodyUnreadable", error.to_string()),
            Err(_) => (
                408,
                "SandboxBodyTimeout",
                "The request's body did not arrive in time.".to_owned(),
            ),
        };
        let mut response = control::refused(status, code, &message);
        // The rest of the request was not read, so the connection cannot be used again.
        response
            .headers
            .push(("connection".to_owned(), "close".to_owned()));
        Err(Refusal(response))
    }
}

/// A body that is too large is read and thrown away up to this many times the limit: most clients
/// read the answer only after they have sent everything, and would otherwise see a broken
/// connection in its place.
const DISCARD: usize = 4;

/// The body, or `None` when it is larger than `limit` bytes.
async fn collect(mut body: Incoming, limit: usize) -> Result<Option<Vec<u8>>, hyper::Error> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit.saturating_mul(DISCARD) {
            break;
        }
    }
    Ok((length <= limit).then_some(bytes))
}

/// A request that is answered without asking the sandbox.
struct Refusal(Response);

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
