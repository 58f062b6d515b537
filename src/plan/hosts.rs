//! The app's own hosts: the only ones that checks reach.

use super::engine::Engine;
use crate::value::{Data, Value};

/// The app's own hosts, and why they may not be reached from here.
pub(super) struct Hosts {
    app: String,
    /// Its name as Azure tells it.
    fqdn: Option<String>,
    /// What the names of apps and revisions end with.
    domains: Vec<String>,
    custom: Vec<String>,
    /// Why only some can reach them, if that is so.
    pub(super) hidden: Option<&'static str>,
    /// Why the edge may turn a request away before the app sees it, if that is so.
    pub(super) guarded: Option<&'static str>,
    /// Whether the ingress requires a certificate of its clients.
    pub(super) required: bool,
}

impl Hosts {
    /// Those of the app as observed.
    pub(super) fn of(engine: &Engine<'_>) -> Hosts {
        Hosts::new(&engine.request.target.app, &engine.app(), &engine.environment())
    }

    /// Those of the app `name`.
    ///
    /// `<app>.<domain>` is the app, `<app>--<suffix>.<domain>` a revision, `<app>---<label>.<domain>` a label,
    /// each with `internal.` before the domain where the ingress is internal
    /// (<https://learn.microsoft.com/azure/container-apps/ingress-overview>,
    /// <https://learn.microsoft.com/azure/container-apps/revisions#revision-labels>). An app's name has no two
    /// hyphens in a row, so that no other app's name begins so. The domain is the environment's `defaultDomain`, or
    /// the suffix of its own that it was given
    /// (<https://learn.microsoft.com/azure/container-apps/environment-custom-dns-suffix>). Which of the two Azure
    /// then tells as `fqdn` is not confirmed: what it tells is the app's in either case.
    fn new(name: &str, app: &Value, environment: &Value) -> Hosts {
        let name = name.to_ascii_lowercase();
        let ingress = app.at(&["properties", "configuration", "ingress"]);
        let fqdn = ingress.and_then(|ingress| ingress.text_at(&["fqdn"])).map(str::to_ascii_lowercase);
        let below = fqdn.as_deref().and_then(|own| own.strip_prefix(&name)?.strip_prefix('.'));
        let below = below.map(|below| below.strip_prefix("internal.").unwrap_or(below));
        let given = [&["defaultDomain"][..], &["customDomainConfiguration", "dnsSuffix"]];
        let given = given.map(|path| environment.at(&["properties"]).and_then(|all| all.text_at(path)));
        let domains = given.into_iter().chain([below]).flatten().map(str::to_ascii_lowercase);
        let domains = domains.filter(|domain| !domain.is_empty()).collect();
        let is = |value: &Value, path: &[&str], wanted: bool| {
            value.at(path).is_some_and(|value| value.data == Data::Bool(wanted))
        };
        let hidden = if ingress.is_some_and(|ingress| !is(ingress, &["external"], true)) {
            Some("the app's ingress is internal: only its environment and the network around it reach it")
        } else if is(environment, &["properties", "vnetConfiguration", "internal"], true) {
            Some("the environment is internal: only its virtual network reaches it")
        } else if environment.text_at(&["properties", "publicNetworkAccess"]) == Some("Disabled") {
            Some("the environment is closed to public networks: only private endpoints reach it")
        } else {
            None
        };
        let at = |path: &str| ingress.and_then(|ingress| ingress.get(path));
        let word = at("clientCertificateMode").and_then(Value::as_str).unwrap_or_default();
        let listed = at("ipSecurityRestrictions").and_then(Value::as_list).unwrap_or_default();
        let required = word.eq_ignore_ascii_case("require");
        let guarded = if required {
            Some("the app's ingress wants a client certificate, and a check has none")
        } else if listed.is_empty() {
            None
        } else {
            Some("the app's ingress lets only some addresses in (ipSecurityRestrictions)")
        };
        Hosts { app: name, fqdn, domains, custom: custom_domains(app), hidden, guarded, required }
    }

    /// Whether a host is one of them.
    pub(super) fn has(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.custom.contains(&host) || self.fqdn.as_ref().is_some_and(|own| *own == host) {
            return true;
        }
        let Some((label, rest)) = host.split_once('.') else { return false };
        let named = label == self.app
            || label
                .strip_prefix(&self.app)
                .and_then(|rest| rest.strip_prefix("--"))
                .is_some_and(|suffix| !suffix.trim_start_matches('-').is_empty());
        let below = |domain: &String| rest == domain || rest.strip_prefix("internal.") == Some(domain);
        named && self.domains.iter().any(below)
    }
}

/// The custom domains of an app, in small letters.
pub(super) fn custom_domains(app: &Value) -> Vec<String> {
    let domains = app.at(&["properties", "configuration", "ingress", "customDomains"]);
    let domains = domains.and_then(Value::as_list).unwrap_or_default();
    let names = domains.iter().filter_map(|domain| domain.text_at(&["name"]));
    names.map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn with_a_dns_suffix_both_names_are_the_apps() {
        let app = |fqdn: &str| {
            let ingress = json!({ "external": true, "fqdn": fqdn });
            Value::from(json!({ "properties": { "configuration": { "ingress": ingress } } }))
        };
        let suffix = json!({ "dnsSuffix": "apps.contoso.example" });
        let environment = Value::from(json!({ "properties": {
            "defaultDomain": "happy.westeurope.azurecontainerapps.io", "customDomainConfiguration": suffix,
        } }));
        let bare = Value::from(
            json!({ "properties": { "defaultDomain": "happy.westeurope.azurecontainerapps.io" } }),
        );
        let told = app("ca-demo.apps.contoso.example");
        let default = app("ca-demo.happy.westeurope.azurecontainerapps.io");
        for (app, environment, beside) in [
            (&told, &environment, true),
            (&told, &bare, true),
            (&default, &environment, true),
            (&default, &bare, false),
        ] {
            let hosts = Hosts::new("ca-demo", app, environment);
            for label in ["ca-demo", "CA-DEMO", "ca-demo--v1", "ca-demo---next", "ca-demo.internal"] {
                assert!(hosts.has(&format!("{label}.happy.westeurope.azurecontainerapps.io")), "{label}");
                assert_eq!(hosts.has(&format!("{label}.apps.contoso.example")), beside, "{label}");
            }
            for host in [
                "other.apps.contoso.example",
                "apps.contoso.example",
                "ca-demo.contoso.example",
                "ca-demo.evilapps.contoso.example",
                "ca-demo.apps.contoso.example.evil.example",
                "ca-demo-x.apps.contoso.example",
                "ca-demo--.apps.contoso.example",
            ] {
                assert!(!hosts.has(host), "{host}");
            }
        }
        let nothing = Hosts::new("ca-demo", &Value::null(), &Value::null());
        assert!(!nothing.has("ca-demo") && !nothing.has("ca-demo."));
    }
}
