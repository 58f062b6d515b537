//! Certificates of Container Apps environments.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{App, State, elements, fold, stamp};

/// A certificate that Azure orders, and renews, for a host name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManagedCertificate {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// The host name.
    pub subject: String,
    /// `CNAME`, `HTTP` or `TXT`.
    pub validation: String,
    /// `Pending`, `Succeeded`, `Failed`, …
    pub provisioning_state: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
    /// What a TXT record would have to hold.
    #[serde(default)]
    pub token: String,
    /// When it was last ordered.
    #[serde(with = "time::serde::rfc3339")]
    pub ordered: OffsetDateTime,
    /// From when it can be there.
    #[serde(with = "time::serde::rfc3339")]
    pub due: OffsetDateTime,
}

/// A certificate that somebody brought along, or keeps in a vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `{identity, keyVaultUrl}`, where it is in a vault.
    #[serde(default)]
    pub key_vault: Option<Json>,
    /// What is in it.
    pub content: Content,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The common name.
    pub subject: String,
    /// The host names, `*.` for one label.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// From when it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    /// Until when.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
    /// SHA-1 of it, in capitals.
    pub thumbprint: String,
    /// SHA-256 of its public key.
    pub public_key_hash: String,
}

impl Content {
    /// Whether it is good for a host name.
    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| {
            name.eq_ignore_ascii_case(host)
                || name.strip_prefix("*.").is_some_and(|parent| {
                    host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
                })
        })
    }
}

impl ManagedCertificate {
    /// It as GET returns it; `plain`: the subject without `CN=`.
    pub(in crate::sandbox) fn body(&self, plain: bool) -> Json {
        let subject = if plain { self.subject.clone() } else { format!("CN={}", self.subject) };
        let mut properties = json!({
            "provisioningState": self.provisioning_state,
            "subjectName": subject,
            "domainControlValidation": self.validation,
        });
        if let Some(error) = &self.error {
            properties["error"] = json!(error);
        }
        if self.validation.eq_ignore_ascii_case("TXT") {
            properties["validationToken"] = json!(self.token);
        }
        json!({
            "id": self.id,
            "name": super::last(&self.id),
            "type": "Microsoft.App/managedEnvironments/managedCertificates",
            "location": self.location,
            "tags": self.tags,
            "properties": properties,
        })
    }
}

impl Certificate {
    /// It as GET returns it at `now`.
    pub(in crate::sandbox) fn body(&self, now: OffsetDateTime, version: &str) -> Json {
        let content = &self.content;
        let mut properties = json!({
            "provisioningState": "Succeeded",
            "subjectName": content.subject,
            "subjectAlternativeNames": content.names,
            "issuer": content.issuer,
            "issueDate": stamp(content.from),
            "expirationDate": stamp(content.until),
            "thumbprint": content.thumbprint,
            "valid": (content.from..content.until).contains(&now),
            "publicKeyHash": content.public_key_hash,
        });
        if let Some(reference) = self.key_vault.as_ref().filter(|_| version >= "2025-01-01") {
            properties["certificateKeyVaultProperties"] = reference.clone();
        }
        json!({
            "id": self.id,
            "name": super::last(&self.id),
            "type": "Microsoft.App/managedEnvironments/certificates",
            "location": self.location,
            "tags": self.tags,
            "properties": properties,
        })
    }
}

impl App {
    /// Whether its ingress speaks no HTTP.
    pub(in crate::sandbox) fn is_tcp(&self) -> bool {
        let transport = self.configuration()["ingress"]["transport"].as_str();
        transport.is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"))
    }

    /// Its custom domains, as its ingress has them.
    pub(in crate::sandbox) fn custom_domains(&self) -> &[Json] {
        elements(&self.configuration()["ingress"]["customDomains"])
    }

    /// Whether it is in the environment with this id.
    pub(in crate::sandbox) fn is_in(&self, environment: &str) -> bool {
        self.model["properties"]["environmentId"].as_str().is_some_and(|id| fold(id) == fold(environment))
    }
}

impl State {
    /// The app of an environment that has a host name, with its entry.
    pub(in crate::sandbox) fn holder(&self, environment: &str, host: &str) -> Option<(&App, &Json)> {
        self.apps.values().filter(|app| app.is_in(environment)).find_map(|app| {
            let named =
                |one: &&Json| one["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(host));
            Some((app, app.custom_domains().iter().find(named)?))
        })
    }

    /// Host names that are bound to the certificate with this id.
    pub(in crate::sandbox) fn bound_to(&self, certificate: &str) -> Vec<String> {
        let bound =
            |one: &&Json| one["certificateId"].as_str().is_some_and(|id| fold(id) == fold(certificate));
        let domains = self.apps.values().flat_map(App::custom_domains).filter(bound);
        domains.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    }

    /// Adds a managed certificate as it is.
    pub fn add_managed_certificate(&mut self, certificate: ManagedCertificate) {
        self.managed_certificates.insert(fold(&certificate.id), certificate);
    }

    /// Adds a certificate as it is.
    pub fn add_certificate(&mut self, certificate: Certificate) {
        self.certificates.insert(fold(&certificate.id), certificate);
    }
}
