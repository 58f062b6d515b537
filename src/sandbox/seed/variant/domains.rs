//! Variants with custom domains, certificates and DNS.

use serde_json::{Value as Json, json};
use time::{Duration, OffsetDateTime};

use super::super::{APP, DNS_ZONE, dns_record, environment_id};
use super::push;
use crate::sandbox::state::{App, Certificate, Content, ManagedCertificate, State, fold};

/// Its place in the seeded zone.
fn relative(name: &str) -> &str {
    name.strip_suffix(DNS_ZONE).map_or(name, |rest| rest.trim_end_matches('.'))
}

/// The record of one type that a name below the seeded zone has; of CAA the issuer that may.
pub fn record(state: &mut State, name: &str, kind: &str, value: &str) {
    let place = match relative(name) {
        "" => "@",
        place => place,
    };
    dns_record(state, kind, place, &[value], OffsetDateTime::UNIX_EPOCH);
}

/// The record set of one type (`A`) that a name below the seeded zone has, as an alias of a resource.
pub fn alias(state: &mut State, name: &str, kind: &str, resource: &str) {
    let place = match relative(name) {
        "" => "@",
        place => place,
    };
    if let Some(zone) = state.zone_mut(DNS_ZONE) {
        let properties = json!({
            "TTL": 60,
            "metadata": { "team": "front" },
            "targetResource": { "id": resource },
        });
        zone.put(
            kind,
            place,
            &properties,
            OffsetDateTime::UNIX_EPOCH,
            "00000000-0000-0000-0000-0000000000a1",
        );
    }
}

/// The records of one type that a name below the seeded zone has, taken away.
pub fn no_record(state: &mut State, name: &str, kind: &str) {
    let place = match relative(name) {
        "" => "@",
        place => place,
    };
    if let Some(zone) = state.zone_mut(DNS_ZONE) {
        zone.records.remove(&fold(&format!("{kind}/{place}")));
    }
}

/// A host name of the app: with a certificate bound to it, or not bound to any.
pub fn custom_domain(state: &mut State, host: &str, certificate: Option<&str>) {
    super::with_app(state, |app| put_domain(app, host, certificate));
}

/// Another app in the environment that has the host name.
pub fn domain_elsewhere(state: &mut State, app: &str, host: &str) {
    let Some(mut other) = state.app(APP).cloned() else { return };
    other.id = other.id.replace(&format!("/{APP}"), &format!("/{app}"));
    if let Some(ingress) = other.model["properties"]["configuration"]["ingress"].as_object_mut() {
        ingress.shift_remove("customDomains");
    }
    put_domain(&mut other, host, None);
    state.apps.insert(fold(&other.id), other);
}

fn put_domain(app: &mut App, host: &str, certificate: Option<&str>) {
    let entry = match certificate {
        Some(id) => json!({ "name": host, "bindingType": "SniEnabled", "certificateId": id }),
        None => json!({ "name": host, "bindingType": "Disabled" }),
    };
    push(&mut app.model["properties"]["configuration"]["ingress"]["customDomains"], false, entry);
}

/// A managed certificate of the environment for a host name, in this state; returns its id.
pub fn managed_certificate(
    state: &mut State,
    name: &str,
    host: &str,
    provisioning_state: &str,
    ordered: OffsetDateTime,
) -> String {
    let id = format!("{}/managedCertificates/{name}", environment_id());
    let failed = provisioning_state == "Failed";
    state.add_managed_certificate(ManagedCertificate {
        id: id.clone(),
        location: super::super::LOCATION.to_owned(),
        tags: serde_json::Map::new(),
        subject: host.to_owned(),
        validation: if host.matches('.').count() > 1 { "CNAME" } else { "HTTP" }.to_owned(),
        provisioning_state: provisioning_state.to_owned(),
        error: failed.then(|| "CAA records do not allow digicert.com".to_owned()),
        token: String::new(),
        ordered,
        due: ordered + Duration::minutes(5),
    });
    id
}

/// A certificate that somebody brought to the environment, good for `days` from `now`; returns its id.
pub fn certificate(state: &mut State, name: &str, host: &str, now: OffsetDateTime, days: i64) -> String {
    let id = format!("{}/certificates/{name}", environment_id());
    state.add_certificate(Certificate {
        id: id.clone(),
        location: super::super::LOCATION.to_owned(),
        tags: serde_json::Map::new(),
        key_vault: None,
        content: Content {
            subject: host.to_owned(),
            names: vec![host.to_owned()],
            issuer: "Example CA".to_owned(),
            from: now - Duration::days(30),
            until: now + Duration::days(days),
            thumbprint: "00112233445566778899AABBCCDDEEFF00112233".to_owned(),
            public_key_hash: "00".repeat(32),
        },
    });
    id
}

/// The environment with a DNS suffix of its owner's.
pub fn dns_suffix(state: &mut State, suffix: &str) {
    for environment in state.environments.values_mut() {
        environment.properties["customDomainConfiguration"] =
            json!({ "dnsSuffix": suffix, "customDomainVerificationId": Json::Null });
    }
}

/// Whether the ingress answers http without sending it on to https.
pub fn insecure(state: &mut State, allowed: bool) {
    super::with_app(state, |app| {
        app.model["properties"]["configuration"]["ingress"]["allowInsecure"] = json!(allowed);
    });
}
