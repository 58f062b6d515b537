//! The way to apps over the network: a client of its own, which has no credential to give.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve as Resolver, Resolving};
use tokio_rustls::rustls;

use super::{BODY_BYTES, ClientIdentity, Peer, ProbeAnswer, ProbeError, ProbeRequest, Prober, Resolve};
use crate::azure::errors::chain;
use crate::azure::network::{Network, NetworkError, through};
use crate::azure::policies::USER_AGENT;

/// What is told of a client certificate that cannot be used, without a part of it.
const UNREADABLE: &str = "the client certificate or its key cannot be read";

/// How apps are reached.
#[derive(Clone, Debug, Default)]
pub struct ProbeNetwork {
    /// Connections, further certificate authorities, proxies.
    pub network: Network,
    /// The certificate authorities of `network` alone are trusted (`--cacert`, as in curl).
    pub only: bool,
    /// Hosts whose addresses are given.
    pub resolve: Vec<Resolve>,
}

impl ProbeNetwork {
    /// Whether the certificate authorities can be read.
    ///
    /// # Errors
    /// They cannot.
    pub fn check(&self) -> Result<(), NetworkError> {
        self.network.authorities().map(drop)
    }

    fn build(&self, identity: Option<&ClientIdentity>) -> Result<Client, NetworkError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.network.connect)
            // Where an answer leads is for whoever asks to judge.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            // Each check stands for a client of its own: a connection that is kept stays at one replica.
            .pool_max_idle_per_host(0)
            // Who answered is judged, too.
            .tls_info(true)
            .dns_resolver(Arc::new(Given { resolve: self.resolve.clone() }));
        if !self.network.proxy {
            builder = builder.no_proxy();
        }
        let authorities = self.network.authorities()?;
        if self.only {
            builder = builder.tls_certs_only(authorities);
        } else if !authorities.is_empty() {
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(identity) = identity {
            // Whatever the server says of authorities: it is the app that judges.
            let identity = reqwest::Identity::from_pem(identity.pem().as_bytes());
            let identity = identity.map_err(|_| NetworkError::Client(UNREADABLE.to_owned()))?;
            builder = builder.identity(identity);
        }
        let http = builder.build().map_err(|error| NetworkError::Client(chain(&error)))?;
        Ok(Client { http, proxies: self.network.proxy.then(Matcher::from_system) })
    }
}

/// The network as a carrier. Nothing is built before its first request.
pub struct NetworkProber {
    network: ProbeNetwork,
    client: OnceLock<Result<Client, NetworkError>>,
}

struct Client {
    http: reqwest::Client,
    proxies: Option<Matcher>,
}

impl NetworkProber {
    /// A prober that reaches apps so.
    pub fn new(network: ProbeNetwork) -> NetworkProber {
        NetworkProber { network, client: OnceLock::new() }
    }
}

#[async_trait]
impl Prober for NetworkProber {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        let setup = |reason: String| ProbeError::Setup { reason };
        let shows_itself = request.client.as_ref().map(|identity| self.network.build(Some(identity)));
        let client = match &shows_itself {
            Some(client) => client,
            None => self.client.get_or_init(|| self.network.build(None)),
        };
        let client = client.as_ref().map_err(|error| setup(error.to_string()))?;
        let method = request.method.parse().map_err(|_| setup(format!("{} is no method", request.method)))?;
        let mut sent = client.http.request(method, request.url.clone());
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        let host = request.url.host_str().unwrap_or_default();
        let told = |error: &reqwest::Error, connected: bool| {
            let proxy = client.proxies.as_ref().and_then(|proxies| through(proxies, &request.url));
            of_error(host, error, connected, proxy.as_deref(), self.placed(host))
        };
        let mut response = sent.send().await.map_err(|error| told(&error, !error.is_connect()))?;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let have = headers.entry(name.as_str().to_owned()).or_default();
            *have = if have.is_empty() { value } else { format!("{have}, {value}") };
        }
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let tls = tls.and_then(|tls| Peer::of_der(tls.peer_certificate()?));
        let status = response.status().as_u16();
        let (mut body, mut cut) = (Vec::new(), false);
        while let (false, Some(part)) = (cut, response.chunk().await.map_err(|error| told(&error, true))?) {
            let fits = part.len().min(BODY_BYTES - body.len());
            body.extend_from_slice(part.get(..fits).unwrap_or_default());
            cut = fits < part.len();
        }
        Ok(ProbeAnswer { status, headers, body, cut, tls })
    }

    fn placed(&self, host: &str) -> bool {
        self.network.resolve.iter().any(|one| one.host.eq_ignore_ascii_case(host))
    }
}

/// What happened, from what the library's error was made of. `placed`: an address was given for the host.
fn of_error(
    host: &str,
    error: &reqwest::Error,
    connected: bool,
    proxy: Option<&str>,
    placed: bool,
) -> ProbeError {
    let host = host.to_owned();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = next {
        if let (Some(NoAddress(reason)), None) = (one.downcast_ref::<NoAddress>(), proxy) {
            return ProbeError::Name { host, reason: reason.clone() };
        }
        if let Some(rustls::Error::AlertReceived(alert)) = one.downcast_ref() {
            return ProbeError::Alert { host, reason: format!("{alert:?}") };
        }
        if let Some(tls) = one.downcast_ref::<rustls::Error>() {
            return ProbeError::Tls { host, reason: tls.to_string() };
        }
        let io = one.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) && proxy.is_none() {
            return ProbeError::Refused { host };
        }
        // An I/O error hides what it was made from: its source is that one's source.
        next = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => one.source(),
        };
    }
    let reason = chain(error);
    if let (Some(proxy), false) = (proxy, connected) {
        let reason =
            if placed { format!("{reason}; --resolve has no effect behind a proxy") } else { reason };
        return ProbeError::Proxy { host, proxy: proxy.to_owned(), reason };
    }
    let reason = if error.is_timeout() { "no connection within the time for one".to_owned() } else { reason };
    ProbeError::Broken { host, reason, connected }
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAddress(String);

/// The addresses that were given, and the system's resolver for all others.
struct Given {
    resolve: Vec<Resolve>,
}

impl Resolver for Given {
    fn resolve(&self, name: Name) -> Resolving {
        let given: Vec<SocketAddr> = self
            .resolve
            .iter()
            .filter(|one| one.host.eq_ignore_ascii_case(name.as_str()))
            .map(|one| one.address)
            .collect();
        Box::pin(async move {
            if !given.is_empty() {
                return Ok(Box::new(given.into_iter()) as Addrs);
            }
            // The port 0 stands for the one of the scheme.
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => {
                    let found: Vec<SocketAddr> = found.collect();
                    if found.is_empty() {
                        return Err(NoAddress("it has no address".to_owned()).into());
                    }
                    Ok(Box::new(found.into_iter()) as Addrs)
                }
                Err(error) => Err(NoAddress(error.to_string()).into()),
            }
        })
    }
}
