//! Where requests go, and which credential may go there.
//!
//! An [`Endpoint`] can only be made in the combinations that are allowed: a real credential with a known
//! cloud; an in-process sandbox with a made-up token; an address the caller named with the token the caller
//! gave, or, if the caller repeats its host as trusted, with another credential over https.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::Transport;
use url::{Host, Url};

use super::clouds::Cloud;
use super::whoami::{self, Caller};

/// Which sort of endpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// Azure.
    Cloud,
    /// The Azure in this process.
    Sandbox,
    /// An address the caller named.
    Custom,
}

/// What stands in the `Authorization` header.
#[derive(Clone)]
pub(crate) enum Bearer {
    /// Tokens of a credential, renewed as they expire.
    Credential { credential: Arc<dyn TokenCredential>, scope: String },
    /// One token.
    Fixed(Secret),
}

/// What carries the requests.
#[derive(Clone)]
pub(crate) enum Carrier {
    /// The network, through a proxy if one is configured.
    Network,
    /// The network, never through a proxy.
    Direct,
    /// Code in this process.
    InProcess(Transport),
}

/// Where requests go, with which token, carried by what.
#[derive(Clone)]
pub struct Endpoint {
    kind: EndpointKind,
    url: Url,
    cloud: &'static Cloud,
    pub(crate) bearer: Bearer,
    pub(crate) carrier: Carrier,
    pub(crate) sandbox_caller: Option<Caller>,
    /// What no text may show, beside the tokens themselves.
    pub(crate) hidden: Vec<Secret>,
}

/// Why an endpoint cannot be used. Found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not the address of an endpoint.
    #[error("'{url}' cannot be an endpoint: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// Why.
        reason: String,
    },
    /// Plain http to somewhere else than this machine.
    #[error("plain http is for 127.0.0.1 and [::1] only, written like that, not for '{host}'")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// `--trust-endpoint` names another host.
    #[error("--trust-endpoint names '{trusted}', but the endpoint's host is '{host}'")]
    OtherHostTrusted {
        /// What was trusted.
        trusted: String,
        /// The endpoint's host.
        host: String,
    },
    /// `--trust-endpoint` without an endpoint of the caller's.
    #[error(
        "--trust-endpoint {trusted} is for the host of --arm-endpoint or ACARECIPE_ARM_ENDPOINT; neither is set"
    )]
    NothingToTrust {
        /// What was trusted.
        trusted: String,
    },
    /// A credential that may not go to an endpoint of the caller's.
    #[error(
        "a custom endpoint takes ACARECIPE_AUTH=token with ACARECIPE_ACCESS_TOKEN; to send tokens of another credential there, repeat its host: --trust-endpoint {host}"
    )]
    NotTrusted {
        /// The endpoint's host.
        host: String,
    },
    /// A credential of Entra ID over plain http.
    #[error("tokens of a credential do not go over plain http; only ACARECIPE_AUTH=token does")]
    CredentialOverHttp,
    /// A token of Entra ID over plain http.
    #[error(
        "the token was issued by Microsoft Entra ID ({issuer}); such a token does not go over plain http"
    )]
    EntraTokenOverHttp {
        /// The issuer's host.
        issuer: String,
    },
    /// Not a token.
    #[error("ACARECIPE_ACCESS_TOKEN {0}")]
    Token(&'static str),
}

/// An address the caller named: `--arm-endpoint` or `ACARECIPE_ARM_ENDPOINT`, never a file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomEndpoint {
    url: Url,
    trusted: bool,
}

impl CustomEndpoint {
    /// Takes an address without path, query and user, its host written as it is connected to; `trust` is what
    /// `--trust-endpoint` says, the same host, with the port unless it is https's own.
    pub fn parse(text: &str, trust: Option<&str>) -> Result<CustomEndpoint, EndpointError> {
        let wrong = |reason: &str| EndpointError::Address {
            url: crate::value::strip_control(&without_user(text)),
            reason: reason.to_owned(),
        };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("it begins with neither https:// nor http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user name"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it holds more than scheme, host and port"));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        if url.scheme() == "http" && !literal_loopback(text, &url) {
            return Err(EndpointError::PlainHttp { host });
        }
        if !written(text).is_some_and(|written| written.eq_ignore_ascii_case(&host)) {
            return Err(wrong(&format!("what it means is the host {host}; write that")));
        }
        let trusted = match trust {
            None => false,
            Some(trusted) => {
                let same = |host: &str| trusted.eq_ignore_ascii_case(host);
                // Another port is another server.
                let implied = url.port().is_none() && same(&host);
                let full = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
                if !implied && !same(&full) {
                    let trusted = crate::value::strip_control(trusted);
                    return Err(EndpointError::OtherHostTrusted { trusted, host: authority(&url) });
                }
                true
            }
        };
        Ok(CustomEndpoint { url, trusted })
    }

    /// The scope that a trusted endpoint's tokens are asked for.
    pub fn scope(&self) -> String {
        format!("{}/.default", self.url.as_str().trim_end_matches('/'))
    }

    /// The endpoint with the token the caller gave. `cloud` gives the DNS suffixes.
    pub fn with_token(self, cloud: &'static Cloud, token: Secret) -> Result<Endpoint, EndpointError> {
        check_token(token.secret())?;
        if self.url.scheme() == "http"
            && let Some(issuer) = whoami::entra_issuer(token.secret())
        {
            return Err(EndpointError::EntraTokenOverHttp { issuer });
        }
        Ok(self.endpoint(cloud, Bearer::Fixed(token)))
    }

    /// The endpoint with another credential: https and trusted only.
    pub fn with_credential(
        self,
        cloud: &'static Cloud,
        credential: Arc<dyn TokenCredential>,
    ) -> Result<Endpoint, EndpointError> {
        self.may_take_credentials()?;
        let scope = self.scope();
        Ok(self.endpoint(cloud, Bearer::Credential { credential, scope }))
    }

    /// Whether a credential other than `token` may be used, before one is built.
    pub fn may_take_credentials(&self) -> Result<(), EndpointError> {
        if self.url.scheme() == "http" {
            return Err(EndpointError::CredentialOverHttp);
        }
        if !self.trusted {
            return Err(EndpointError::NotTrusted { host: authority(&self.url) });
        }
        Ok(())
    }

    fn endpoint(self, cloud: &'static Cloud, bearer: Bearer) -> Endpoint {
        let here = match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        Endpoint {
            kind: EndpointKind::Custom,
            url: self.url,
            cloud,
            bearer,
            carrier: if here { Carrier::Direct } else { Carrier::Network },
            sandbox_caller: None,
            hidden: Vec::new(),
        }
    }
}

/// The host, and the port unless it is the scheme's own.
fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// The address without user and password, for messages.
fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            format!(
                "{}…@{host}",
                before
                    .split_inclusive("://")
                    .next()
                    .filter(|scheme| scheme.ends_with("://"))
                    .unwrap_or_default()
            )
        }
        None => text.to_owned(),
    }
}

/// The host as it stands in an address without a user. A parser reads `0x7f.1` as 127.0.0.1, and letters of other
/// alphabets that look like Latin ones as `xn--…`: what a reader sees has to be what is connected to.
fn written(text: &str) -> Option<&str> {
    let rest = text.trim().split_once("://")?.1;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}

/// Whether the address says `127.0.0.1` or `[::1]` in so many characters. A parser also reads `127.1`,
/// `2130706433` and `localhost` as such; a reader of a pipeline's file does not.
fn literal_loopback(text: &str, url: &Url) -> bool {
    let rest = text.trim().get("http://".len()..).unwrap_or_default();
    let written = ["127.0.0.1", "[::1]"].iter().any(|host| {
        rest.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    written && matches!(url.host_str(), Some("127.0.0.1" | "[::1]"))
}

fn check_token(token: &str) -> Result<(), EndpointError> {
    if token.is_empty() {
        return Err(EndpointError::Token("is empty"));
    }
    if token.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) {
        return Err(EndpointError::Token("begins with 'Bearer'; only the token itself is wanted"));
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(EndpointError::Token(
            "holds a character that no token has (a space, a line end, an accent)",
        ));
    }
    Ok(())
}

impl Endpoint {
    /// Azure Resource Manager of `cloud`, with tokens of `credential`.
    pub fn for_cloud(cloud: &'static Cloud, credential: Arc<dyn TokenCredential>) -> Endpoint {
        let scope = cloud.scope.to_owned();
        Endpoint::of_cloud(cloud, Bearer::Credential { credential, scope })
    }

    /// Azure Resource Manager of `cloud`, with the one token the caller gave.
    pub fn for_cloud_with_token(cloud: &'static Cloud, token: Secret) -> Result<Endpoint, EndpointError> {
        check_token(token.secret())?;
        Ok(Endpoint::of_cloud(cloud, Bearer::Fixed(token)))
    }

    fn of_cloud(cloud: &'static Cloud, bearer: Bearer) -> Endpoint {
        Endpoint {
            kind: EndpointKind::Cloud,
            url: known_url(cloud.resource_manager),
            cloud,
            bearer,
            carrier: Carrier::Network,
            sandbox_caller: None,
            hidden: Vec::new(),
        }
    }

    /// The Azure in this process: `transport` answers, no socket is opened, and the token is
    /// `sandbox-<caller>`.
    pub fn sandbox(transport: Transport, caller: &str) -> Endpoint {
        Endpoint {
            kind: EndpointKind::Sandbox,
            url: known_url(Cloud::public().resource_manager),
            cloud: Cloud::public(),
            bearer: Bearer::Fixed(Secret::new(format!("sandbox-{caller}"))),
            carrier: Carrier::InProcess(transport),
            sandbox_caller: Some(Caller::sandbox(caller)),
            hidden: Vec::new(),
        }
    }

    /// The same endpoint of a sandbox, whose caller has this object id.
    #[must_use]
    pub fn as_principal(mut self, object_id: &str) -> Endpoint {
        if let Some(caller) = &mut self.sandbox_caller {
            caller.object_id = Some(object_id.to_owned());
        }
        self
    }

    /// The same endpoint, answered by code in this process instead of the network.
    #[must_use]
    pub fn carried_by(mut self, transport: Transport) -> Endpoint {
        self.carrier = Carrier::InProcess(transport);
        self
    }

    /// The same endpoint; errors do not show these either, not even if a server says them back.
    #[must_use]
    pub(crate) fn hiding(mut self, secrets: Vec<Secret>) -> Endpoint {
        self.hidden = secrets;
        self
    }

    /// Which sort it is.
    pub fn kind(&self) -> EndpointKind {
        self.kind
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The cloud whose DNS suffixes apply.
    pub fn cloud(&self) -> &'static Cloud {
        self.cloud
    }

    /// Whether `url` is at this endpoint: scheme, host and port are equal and it names no user.
    pub fn has(&self, url: &Url) -> bool {
        url.scheme() == self.url.scheme()
            && url.host() == self.url.host()
            && url.port_or_known_default() == self.url.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none()
    }
}

/// Only the address: a bearer never appears.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.url)
    }
}

/// What the start line of a run calls it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EndpointKind::Cloud => f.write_str(self.cloud.name),
            EndpointKind::Sandbox => f.write_str("sandbox"),
            EndpointKind::Custom => f.write_str(self.url.as_str().trim_end_matches('/')),
        }
    }
}

#[expect(clippy::expect_used, reason = "addresses of our own table; a test parses every one")]
fn known_url(text: &str) -> Url {
    Url::parse(text).expect("an address of the table of clouds")
}
