//! The sandbox's apps behind checks of the app, as [`SandboxDatabases`](super::SandboxDatabases) is for databases:
//! no socket, no name server, and the time is the sandbox's.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use time::format_description::well_known::Rfc3339;

use crate::azure::probe::{BODY_BYTES, Peer, ProbeAnswer, ProbeError, ProbeRequest, Prober};
use crate::clock::Clock;
use crate::sandbox::http::{Reply, Request, Response};
use crate::sandbox::{ClientMode, Handler, NameRecord, NameReply, forwarded};

/// The apps of a sandbox in this process.
pub struct SandboxHosts {
    azure: Arc<dyn Handler>,
    clock: Arc<dyn Clock>,
}

impl SandboxHosts {
    /// Those of `azure`, which are as slow as `clock` says.
    pub fn new(azure: Arc<dyn Handler>, clock: Arc<dyn Clock>) -> SandboxHosts {
        SandboxHosts { azure, clock }
    }
}

#[async_trait]
impl Prober for SandboxHosts {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        if !self.azure.resolves(&host) {
            let elsewhere = |record: &NameRecord| matches!(record, NameRecord::A(_) | NameRecord::Aaaa(_));
            return Err(match self.azure.name(&host, "A") {
                // An address, and nobody that the sandbox plays is there.
                NameReply::Records(found) if found.iter().any(elsewhere) => ProbeError::Refused { host },
                _ => ProbeError::Name { host, reason: "no such name".to_owned() },
            });
        }
        let shown = self.azure.handshake(&host);
        if let Some(shown) = &shown {
            if shown.names.is_empty() {
                let reason = "the certificate is not good for the name".to_owned();
                return Err(ProbeError::Tls { host, reason });
            }
            // As a TLS library tells the alert.
            if shown.client == ClientMode::Require && request.client.is_none() {
                return Err(ProbeError::Alert { host, reason: "CertificateRequired".to_owned() });
            }
        }
        let asked = shown.as_ref().is_some_and(|shown| shown.client != ClientMode::Ignore);
        let client = request.client.as_ref().filter(|_| asked);
        let forwarded = client.and_then(|client| forwarded::header(&client.certificate));
        let forwarded = forwarded.map(|value| (forwarded::HEADER.to_owned(), value));
        let tls = shown.and_then(|shown| {
            let not_after = shown.not_after.format(&Rfc3339).ok()?;
            Some(Peer { names: shown.names, not_after, issuer: shown.issuer })
        });
        let broken = |reason: &str| ProbeError::Broken {
            host: host.clone(),
            reason: reason.to_owned(),
            connected: true,
        };
        let headers = request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        // The edge takes away what a client says of its certificate itself.
        let headers = headers.filter(|(name, _)| name != forwarded::HEADER);
        let sent = Request {
            method: request.method.clone(),
            host: host.clone(),
            path: request.url.path().to_owned(),
            query: request.url.query_pairs().into_owned().collect(),
            headers: headers.chain(forwarded).collect(),
            body: Vec::new(),
        };
        let response = match self.azure.handle(&sent) {
            Reply::Answer(response) => response,
            // Whoever asks gives up before.
            Reply::Late { after, .. } if after >= request.limit => std::future::pending().await,
            Reply::Late { response, after } => {
                self.clock.sleep(after).await;
                response
            }
            Reply::Truncated { .. } => {
                return Err(broken("the connection was closed before the body was complete"));
            }
            Reply::Reset => return Err(broken("the connection was closed without an answer")),
            Reply::Silence => std::future::pending().await,
        };
        Ok(ProbeAnswer { tls, ..answer(response, &request.method) })
    }
}

fn answer(response: Response, method: &str) -> ProbeAnswer {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers {
        let have = headers.entry(name).or_default();
        *have = if have.is_empty() { value } else { format!("{have}, {value}") };
    }
    let mut body = if method == "HEAD" { Vec::new() } else { response.body };
    let cut = body.len() > BODY_BYTES;
    body.truncate(BODY_BYTES);
    ProbeAnswer { status: response.status, headers, body, cut, tls: None }
}
