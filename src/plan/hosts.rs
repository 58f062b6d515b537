//! The app's own hosts: the only ones that checks reach.

use super::engine::Engine;
use crate::value::{Data, Value};

/// The app's own hosts, and why they may not be reached from here.
pub(super) struct Hosts {
    app: String,
    domain: Option<String>,
    custom: Vec<String>,
    /// Why only some can reach them, if that is so.
    pub(super) hidden: Option<&'static str>,
}

impl Hosts {
    /// Those of the app as observed.
    ///
    /// `<app>.<domain>` is the app, `<app>--<suffix>.<domain>` a revision, `<app>---<label>.<domain>` a label,
    /// each with `internal.` before the domain where the ingress is internal
    /// (<https://learn.microsoft.com/azure/container-apps/ingress-overview>,
    /// <https://learn.microsoft.com/azure/container-apps/revisions#revision-labels>). An app's name has no two
    /// hyphens in a row, so that no other app's name begins so.
    pub(super) fn of(engine: &Engine<'_>) -> Hosts {
        let (app, environment) = (engine.app(), engine.environment());
        let name = engine.request.target.app.to_ascii_lowercase();
        let ingress = app.at(&["properties", "configuration", "ingress"]);
        let own = ingress.and_then(|ingress| ingress.text_at(&["fqdn"])).map(str::to_ascii_lowercase);
        let below = own.as_deref().and_then(|own| own.strip_prefix(&name)?.strip_prefix('.'));
        let domain = environment
            .text_at(&["properties", "defaultDomain"])
            .map(str::to_ascii_lowercase)
            .or_else(|| below.map(|below| below.strip_prefix("internal.").unwrap_or(below).to_owned()));
        let is = |value: &Value, path: &[&str], wanted: bool| {
            value.at(path).is_some_and(|value| value.data == Data::Bool(wanted))
        };
        let hidden = if ingress.is_some_and(|ingress| !is(ingress, &["external"], true)) {
            Some("the app's ingress is internal: only its environment and the network around it reach it")
        } else if is(&environment, &["properties", "vnetConfiguration", "internal"], true) {
            Some("the environment is internal: only its virtual network reaches it")
        } else if environment.text_at(&["properties", "publicNetworkAccess"]) == Some("Disabled") {
            Some("the environment is closed to public networks: only private endpoints reach it")
        } else {
            None
        };
        Hosts { app: name, domain, custom: custom_domains(&app), hidden }
    }

    /// Whether a host is one of them.
    pub(super) fn has(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.custom.contains(&host) {
            return true;
        }
        let (Some(domain), Some((label, rest))) = (&self.domain, host.split_once('.')) else { return false };
        let named = label == self.app
            || label
                .strip_prefix(&self.app)
                .and_then(|rest| rest.strip_prefix("--"))
                .is_some_and(|suffix| !suffix.trim_start_matches('-').is_empty());
        let below = rest == domain || rest.strip_prefix("internal.") == Some(domain);
        named && below && !domain.is_empty()
    }
}

/// The custom domains of an app, in small letters.
pub(super) fn custom_domains(app: &Value) -> Vec<String> {
    let domains = app.at(&["properties", "configuration", "ingress", "customDomains"]);
    let domains = domains.and_then(Value::as_list).unwrap_or_default();
    let names = domains.iter().filter_map(|domain| domain.text_at(&["name"]));
    names.map(str::to_ascii_lowercase).collect()
}
