//! Requests to the app itself: without a token, a cookie or anything else of the caller's.
//!
//! Whoever asks has made sure that the host is one of the app's own. A redirect is an answer like any other;
//! nothing here follows it.

mod identity;
mod network;
mod peer;
mod resolve;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;

use super::client::ArmClient;
use super::retry;
use crate::clock::within;

pub use identity::ClientIdentity;
pub use network::{NetworkProber, ProbeNetwork};
pub use peer::{Peer, days_left, names_host};
pub use resolve::{Resolve, ResolveError};

/// The most of a body that is read, in bytes; the rest stays where it is.
pub const BODY_BYTES: usize = 64 * 1024;

/// One request to an app.
#[derive(Clone, Debug)]
pub struct ProbeRequest {
    /// The https address.
    pub url: Url,
    /// `GET`, `HEAD` or `OPTIONS`.
    pub method: String,
    /// Headers, beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// The certificate that it shows of itself, if it shows one.
    pub client: Option<ClientIdentity>,
    /// How long the answer may take, connecting included: whoever asks waits no longer.
    pub limit: Duration,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in small letters; of a repeated one the values, with `, ` between.
    pub headers: BTreeMap<String, String>,
    /// The body, up to [`BODY_BYTES`].
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub cut: bool,
    /// The server's certificate, where that is known.
    pub tls: Option<Peer>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The host's name leads to no address.
    #[error("the name {host} does not resolve: {reason}")]
    Name {
        /// The host.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody listens at the address.
    #[error("the connection to {host} was refused")]
    Refused {
        /// The host.
        host: String,
    },
    /// TLS could not be set up: mostly a certificate that is not good for the name.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// The server ended the handshake: mostly for want of a client certificate, or because it takes not that one.
    #[error("{host} refused the handshake: {reason}")]
    Alert {
        /// The host.
        host: String,
        /// The alert.
        reason: String,
    },
    /// The connection could not be made or ended without a whole answer.
    #[error("no answer from {host}: {reason}")]
    Broken {
        /// The host.
        host: String,
        /// What happened.
        reason: String,
        /// Whether there was a connection.
        connected: bool,
    },
    /// The proxy could not be reached, or does not let it through.
    #[error("no answer from {host} through the proxy {proxy}: {reason}")]
    Proxy {
        /// The host.
        host: String,
        /// The proxy.
        proxy: String,
        /// What happened.
        reason: String,
    },
    /// No answer within the limit.
    #[error("no answer from {host} within {} ms", .limit.as_millis())]
    Timeout {
        /// The host.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// It could not be sent at all: the settings of this machine are not good.
    #[error("{reason}")]
    Setup {
        /// Why.
        reason: String,
    },
}

impl ProbeError {
    /// Its word.
    pub fn cause(&self) -> &'static str {
        match self {
            ProbeError::Name { .. } => "name",
            ProbeError::Refused { .. } => "refused",
            ProbeError::Tls { .. } => "tls",
            ProbeError::Alert { .. } => "alert",
            ProbeError::Broken { connected: true, .. } => "broken",
            ProbeError::Broken { connected: false, .. } => "unreachable",
            ProbeError::Proxy { .. } => "proxy",
            ProbeError::Timeout { .. } => "timeout",
            ProbeError::Setup { .. } => "setup",
        }
    }
}

/// Whoever carries requests to apps: the network, or a sandbox in this process.
#[async_trait]
pub trait Prober: Send + Sync {
    /// One try. Redirects are not followed; whoever asks limits the time.
    ///
    /// # Errors
    /// See [`ProbeError`].
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError>;

    /// Whether somebody said where this host is, and so that it can be reached from here.
    fn placed(&self, _host: &str) -> bool {
        false
    }
}

/// A probe's answer as checks see it (`it`), or why there is none.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Probed {
    /// The app answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Headers, names in small letters.
        headers: BTreeMap<String, String>,
        /// The body as text; bytes that are none are replaced.
        body: String,
        /// The body as JSON; null when it is none.
        json: serde_json::Value,
        /// How long the answer took, in milliseconds.
        elapsed: u64,
        /// Whether there was more of the body than is read.
        cut: bool,
        /// The server's certificate; null when it is not known.
        tls: Option<Peer>,
        /// See [`Prober::placed`].
        placed: bool,
    },
    /// It did not.
    Failed {
        /// Its word, see [`ProbeError::cause`].
        failed: &'static str,
        /// In a sentence.
        reason: String,
        /// See [`Prober::placed`].
        placed: bool,
    },
}

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probed::Answered { status, elapsed, .. } => write!(f, "{status} ({elapsed} ms)"),
            Probed::Failed { reason, .. } => f.write_str(reason),
        }
    }
}

impl ArmClient {
    /// Asks an app once, without any token. No answer is waited for beyond the request's limit or `deadline`.
    pub async fn probe(&self, mut request: ProbeRequest, deadline: OffsetDateTime) -> Probed {
        let inner = &*self.inner;
        let start = inner.clock.now();
        let left = retry::remaining(start, deadline).unwrap_or_default();
        request.limit = request.limit.min(left);
        let limit = request.limit;
        let answer = within(&*inner.clock, limit, inner.prober.probe(&request)).await;
        let host = || request.url.host_str().unwrap_or_default().to_owned();
        let placed = inner.prober.placed(&host());
        match answer.unwrap_or_else(|| Err(ProbeError::Timeout { host: host(), limit })) {
            Ok(ProbeAnswer { status, headers, body, cut, tls }) => {
                let elapsed: Duration = (inner.clock.now() - start).try_into().unwrap_or_default();
                Probed::Answered {
                    status,
                    headers,
                    json: serde_json::from_slice(&body).unwrap_or_default(),
                    body: String::from_utf8_lossy(&body).into_owned(),
                    elapsed: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                    cut,
                    tls,
                    placed,
                }
            }
            Err(error) => Probed::Failed {
                failed: error.cause(),
                reason: crate::value::strip_control(&error.to_string()),
                placed,
            },
        }
    }
}
