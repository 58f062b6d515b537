//! The HTTP client, built when the first request goes out.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};

/// How connections are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The longest wait for a connection, TLS included.
    pub connect: Duration,
    /// Further certificate authorities (PEM), beside the system's: what `SSL_CERT_FILE` names. The platform's
    /// own verifier reads that variable on Linux only, and then instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether proxies from the environment and the system are used.
    pub proxy: bool,
}

impl Default for Network {
    fn default() -> Network {
        Network { connect: Duration::from_secs(20), ca_file: None, proxy: true }
    }
}

impl Network {
    /// A transport for the SDK's pipelines. Nothing is built before its first request: a TLS stack costs
    /// milliseconds that `--help` should not pay.
    pub fn transport(self) -> Transport {
        Transport::new(Arc::new(LazyClient { network: self, client: OnceLock::new() }))
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.connect)
            // A redirect would carry the request, perhaps with its token, to where a response says.
            .redirect(reqwest::redirect::Policy::none());
        if !self.proxy {
            builder = builder.no_proxy();
        }
        if let Some(path) = &self.ca_file {
            let unreadable = |error: &dyn std::fmt::Display| {
                format!("cannot read certificate authorities from {}: {error}", path.display())
            };
            let pem = std::fs::read(path).map_err(|error| unreadable(&error))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&error))?;
            if certificates.is_empty() {
                return Err(unreadable(&"no certificate in it"));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|error| super::errors::chain(&error))
    }
}

#[derive(Debug)]
struct LazyClient {
    network: Network,
    client: OnceLock<Result<reqwest::Client, String>>,
}

#[async_trait::async_trait]
impl HttpClient for LazyClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        match self.client.get_or_init(|| self.network.build()) {
            Ok(client) => client.execute_request(request).await,
            Err(reason) => Err(azure_core::Error::with_message(ErrorKind::Connection, reason.clone())),
        }
    }
}
