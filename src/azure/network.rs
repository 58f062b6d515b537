//! The HTTP client, built when the first request goes out.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};
use hyper_util::client::proxy::matcher::Matcher;
use tokio_rustls::rustls;

use super::credentials::Env;
use super::errors::{CA_FILE, PROXY, chain};
use crate::diagnostic::Diagnostic;

/// How connections are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The longest wait for a connection, proxy and TLS included.
    pub connect: Duration,
    /// Further certificate authorities (PEM), beside the system's: what `SSL_CERT_FILE` names. The platform's
    /// own verifier reads that variable on Linux only, and then instead of the system's; there it reads the
    /// folders in `SSL_CERT_DIR` too.
    pub ca_file: Option<PathBuf>,
    /// Whether proxies from the environment and the system are used: `HTTPS_PROXY`, else `ALL_PROXY`, but for the
    /// hosts, domains and address ranges in `NO_PROXY`; each name in small letters too.
    pub proxy: bool,
}

impl Default for Network {
    fn default() -> Network {
        Network { connect: Duration::from_secs(20), ca_file: None, proxy: true }
    }
}

/// Why no connection can be made at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The file with certificate authorities cannot be used.
    #[error("SSL_CERT_FILE: cannot read certificate authorities from {path}: {reason}")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A variable names a proxy that cannot be used. The HTTP library would go without one, unasked.
    #[error("{variable} is no address of an http or https proxy")]
    Proxy {
        /// The variable; its value may hold a password.
        variable: String,
    },
    /// The HTTP client does not take the settings.
    #[error("{0}")]
    Client(String),
}

impl NetworkError {
    /// The finding.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            NetworkError::Proxy { variable } => Diagnostic::error(PROXY, self.to_string())
                .fix(format!("export {variable}=http://HOST:PORT, or unset it")),
            NetworkError::CaFile { .. } | NetworkError::Client(_) => Diagnostic::error(
                CA_FILE,
                self.to_string(),
            )
            .fix("export SSL_CERT_FILE=/path/to/ca.pem, a PEM file with the certificates of the authorities"),
        }
    }
}

impl Network {
    /// A transport for the SDK's pipelines. Nothing is built before its first request: a TLS stack costs
    /// milliseconds that `--help` should not pay.
    pub fn transport(self) -> Transport {
        Transport::new(Arc::new(LazyClient { network: self, client: OnceLock::new() }))
    }

    /// Whether the certificate authorities can be read and the proxies in `env` be meant, before anything is sent.
    pub fn check(&self, env: &dyn Env) -> Result<(), NetworkError> {
        self.authorities()?;
        for name in PROXIES.iter().filter(|_| self.proxy) {
            for variable in [(*name).to_owned(), name.to_lowercase()] {
                if env.var(&variable).is_some_and(|proxy| !is_proxy(&proxy)) {
                    return Err(NetworkError::Proxy { variable });
                }
            }
        }
        Ok(())
    }

    pub(super) fn authorities(&self) -> Result<Vec<reqwest::Certificate>, NetworkError> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let unreadable = |reason: &dyn std::fmt::Display| NetworkError::CaFile {
            path: crate::value::strip_control(&path.display().to_string()),
            reason: crate::value::strip_control(&reason.to_string()),
        };
        let pem = std::fs::read(path).map_err(|error| unreadable(&error))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&chain(&error)))?;
        if certificates.is_empty() {
            return Err(unreadable(&"no certificate in it"));
        }
        Ok(certificates)
    }

    fn build(&self) -> Result<Client, NetworkError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.connect)
            // A redirect would carry the request, perhaps with its token, to where a response says.
            .redirect(reqwest::redirect::Policy::none());
        if !self.proxy {
            builder = builder.no_proxy();
        }
        let authorities = self.authorities()?;
        if !authorities.is_empty() {
            builder = builder.tls_certs_merge(authorities);
        }
        let http = builder.build().map_err(|error| NetworkError::Client(chain(&error)))?;
        // What reqwest looks at too: it does not say which proxy it went through.
        Ok(Client { http, proxies: self.proxy.then(Matcher::from_system) })
    }
}

/// Where a proxy for https stands; each in small letters too.
const PROXIES: &[&str] = &["HTTPS_PROXY", "ALL_PROXY"];

fn is_proxy(text: &str) -> bool {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

struct Client {
    http: reqwest::Client,
    proxies: Option<Matcher>,
}

impl Client {
    fn proxy(&self, address: &url::Url) -> Option<String> {
        through(self.proxies.as_ref()?, address)
    }
}

/// The proxy for this address, without its user and password.
pub(super) fn through(proxies: &Matcher, address: &url::Url) -> Option<String> {
    let intercept = proxies.intercept(&address.as_str().parse().ok()?)?;
    let uri = intercept.uri();
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default()))
}

struct LazyClient {
    network: Network,
    client: OnceLock<Result<Client, NetworkError>>,
}

impl std::fmt::Debug for LazyClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LazyClient")
    }
}

#[async_trait::async_trait]
impl HttpClient for LazyClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let client = match self.client.get_or_init(|| self.network.build()) {
            Ok(client) => client,
            Err(error) => {
                let message = error.to_string();
                return Err(azure_core::Error::with_error(ErrorKind::Connection, error.clone(), message));
            }
        };
        client.http.execute_request(request).await.map_err(|error| match client.proxy(request.url()) {
            None => error,
            Some(proxy) => {
                let kind = match error.kind() {
                    ErrorKind::Connection => ErrorKind::Connection,
                    _ => ErrorKind::Io,
                };
                azure_core::Error::with_error(kind, error, format!("through the proxy {proxy}"))
            }
        })
    }
}

/// Whether `error` came about because the server's certificate is not good, or because none can be judged. Such a
/// thing does not mend itself.
pub(super) fn bad_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref::<rustls::Error>() {
            return true;
        }
        if error.is::<NetworkError>() {
            return true;
        }
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            // An I/O error hides what it was made from: its source is that one's source.
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_proxy_that_cannot_be_meant_is_not_gone_without() {
        let check = |name: &str, value: &str, proxy: bool| {
            let env = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            Network { proxy, ..Network::default() }.check(&env)
        };
        for (name, value) in [
            ("HTTPS_PROXY", "::no proxy pw-77::"),
            ("https_proxy", "socks5://user:pw-77@127.0.0.1:1080"),
            ("ALL_PROXY", "http://"),
            ("all_proxy", "http://user:pw-77@127.0.0.1:99999"),
        ] {
            let found = check(name, value, true).unwrap_err().to_diagnostic();
            assert!(found.message.contains(name) && !found.message.contains("pw-77"), "{}", found.message);
            assert!(found.fix.is_some_and(|fix| fix.contains(name) && !fix.contains("pw-77")));
            assert_eq!(check(name, value, false), Ok(()), "nobody asks it");
        }
        for value in
            ["http://proxy:3128", "https://user:pw-77@proxy", "proxy:3128", "127.0.0.1:8080", "proxy", ""]
        {
            assert_eq!(check("HTTPS_PROXY", value, true), Ok(()), "{value}");
        }
        assert_eq!(check("HTTP_PROXY", "::", true), Ok(()), "it carries no https");
    }
}
