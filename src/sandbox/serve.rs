//! The sandbox as a server on this host: for az, SDKs and curl, and for tests that kill their client.
//!
//! It listens on 127.0.0.1 only and writes one JSON line when it is ready:
//!
//! ```json
//! {"ready":true,"endpoint":"https://127.0.0.1:39111","ca":"/tmp/acarecipe-ca-x.pem","dns":"127.0.0.1:39112","token":"…","pid":4711}
//! ```
//!
//! At `dns` it answers for names, over UDP: those of its DNS zones, and of its apps. `token` opens the control API below `/_sandbox/` (see [`HEADER`]); requests to Azure carry
//! `Authorization: Bearer sandbox-<caller>`. Further lines say what happened, at the moment it does:
//! `{"fault":"silence","request":n}` (also `reset`, `truncated`) and, with [`ServeOptions::announce`],
//! `{"answered":n}`. Requests to Azure are numbered from 1 in the order of their arrival.
//!
//! It answers for the hosts of its apps, too, which need no `Authorization`; with `https` its certificate is good
//! for those that were there when it started. Another program reaches them by `curl --resolve` or its like.
//!
//! Against other programs on the host: a `Host` that is not this server's or an app's is refused (DNS rebinding),
//! as is any request with an `Origin` (a web page), and sizes, times and connections are bounded.

use std::future::Future;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::connection::Server;
pub use super::control::HEADER;
use super::inspect::Inspect;
use super::nameserver::NameServer;
pub use super::tls::TlsError;
use super::wire::Handler;
use super::{owner_only, tls};

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
        .map_err(|source| ServeError::Listen { port: options.port, source })?;
    let port =
        listener.local_addr().map_err(|source| ServeError::Listen { port: options.port, source })?.port();
    let (acceptor, ca) = if options.https {
        let identity = tls::identity(OffsetDateTime::now_utc(), &sandbox.app_names())?;
        let ca = CaFile::write(options.ca_file.as_deref(), &identity.ca)?;
        (Some(TlsAcceptor::from(identity.server)), Some(ca))
    } else {
        (None, None)
    };
    let names = NameServer::bind().await.map_err(|source| ServeError::Listen { port: 0, source })?;
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
        "dns": names.address.to_string(),
        "token": server.token,
        "pid": std::process::id(),
    });
    write_line(out, &ready)?;

    let places = Arc::new(Semaphore::new(options.limits.connections));
    let mut name_server = JoinSet::new();
    name_server.spawn(names.serve(Arc::clone(&server.azure)));
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
    name_server.shutdown().await;
    while let Ok(event) = happened.try_recv() {
        write_line(out, &event)?;
    }
    Ok(Served { requests: *server.requests.lock().unwrap_or_else(PoisonError::into_inner) })
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
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(ServeError::Output)
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
            owner_only::write(path, pem.as_bytes())
                .map_err(|source| ServeError::CaFile { path: path.to_owned(), source })?;
            return Ok(CaFile::Named(path.to_owned()));
        }
        let written = tempfile::Builder::new()
            .prefix("acarecipe-ca-")
            .suffix(".pem")
            .tempfile()
            .and_then(|mut file| file.write_all(pem.as_bytes()).map(|()| file.into_temp_path()));
        match written {
            Ok(path) => Ok(CaFile::Temporary(path)),
            Err(source) => Err(ServeError::CaFile { path: std::env::temp_dir(), source }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            CaFile::Named(path) => path,
            CaFile::Temporary(path) => path,
        }
    }
}
