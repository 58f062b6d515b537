//! What the edge shows in the handshake, and whether it asks for a certificate of the client's.

use time::{Duration, OffsetDateTime};

use super::{App, Named, Reply, Request, State, Switch, Switches, edge, elements, named};
use crate::sandbox::forwarded;
use crate::sandbox::state::fold;

/// What the edge does in the handshake for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The names of the certificate that is good for the host; none: it has none, and shows another one.
    pub names: Vec<String>,
    /// Until when it is good.
    pub not_after: OffsetDateTime,
    /// Who issued it.
    pub issuer: String,
    /// What the app's ingress wants of the client.
    pub client: ClientMode,
}

/// `configuration.ingress.clientCertificateMode`
/// (<https://learn.microsoft.com/azure/container-apps/client-certificate-authorization>). Whoever signed a certificate
/// makes no difference to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMode {
    /// No certificate is asked for.
    Ignore,
    /// One is asked for and forwarded.
    Accept,
    /// Without one the handshake ends.
    Require,
}

/// The environment's own certificates are renewed by Azure; how long each is good is not said.
const LIFETIME: Duration = Duration::days(180);

/// The handshake for a host, at `now`.
pub(in crate::sandbox) fn handshake(
    state: &State,
    rules: &Switches,
    now: OffsetDateTime,
    host: &str,
) -> Handshake {
    let host = host.to_ascii_lowercase();
    let usual = |names: Vec<String>, client: ClientMode| Handshake {
        names,
        not_after: now + LIFETIME,
        issuer: "CN=Microsoft Azure RSA TLS Issuing CA 07, O=Microsoft Corporation, C=US".to_owned(),
        client,
    };
    let app = match named(state, &host) {
        Named::App { id, .. } => state.apps.get(&id),
        Named::Edge { .. } | Named::Nothing => None,
    };
    let client = match app.map_or(ClientMode::Ignore, |app| mode(rules, app)) {
        // Asked for; who shows none is refused later.
        ClientMode::Require if !rules.holds(Switch::ClientCertificateRefusedByAlert) => ClientMode::Accept,
        mode => mode,
    };
    let domain = app.and_then(|app| {
        let domains = elements(&app.configuration()["ingress"]["customDomains"]);
        domains
            .iter()
            .find(|domain| domain["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&host)))
    });
    let Some(domain) = domain else {
        let label = host.split_once('.').map(|(_, below)| format!("*.{below}"));
        return usual(label.into_iter().collect(), client);
    };
    if domain["bindingType"].as_str() == Some("Disabled") {
        return usual(Vec::new(), client);
    }
    let managed = domain["certificateId"].as_str().and_then(|id| state.managed_certificates.get(&fold(id)));
    if let Some(managed) = managed {
        return usual(vec![managed.subject.to_ascii_lowercase()], client);
    }
    let own = domain["certificateId"].as_str().and_then(|id| state.certificates.get(&fold(id)));
    let Some(own) = own else { return usual(vec![host], client) };
    let content = &own.content;
    Handshake {
        names: content.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        not_after: content.until,
        issuer: content.issuer.clone(),
        client,
    }
}

/// What the edge answers to a request that came through the handshake without the certificate that is required; `None`:
/// it goes on to the app.
pub(super) fn guard(rules: &Switches, app: &App, request: &Request) -> Option<Reply> {
    let shown = request.headers.iter().any(|(name, _)| name == forwarded::HEADER);
    (!shown && mode(rules, app) == ClientMode::Require)
        .then(|| edge(403, "Error 403 - A client certificate is required."))
}

/// What is wanted of a client, in whichever way.
fn mode(rules: &Switches, app: &App) -> ClientMode {
    match app.configuration()["ingress"]["clientCertificateMode"].as_str() {
        Some(word) if word.eq_ignore_ascii_case("require") => {
            if rules.holds(Switch::ClientCertificateRequiredEverywhere) {
                ClientMode::Require
            } else {
                ClientMode::Accept
            }
        }
        Some(word) if word.eq_ignore_ascii_case("accept") => ClientMode::Accept,
        _ => ClientMode::Ignore,
    }
}
