//! `certificate`: a file of a certificate, read and judged before anything is sent.

use indexmap::IndexMap;
use serde_json::json;

use super::frame::Frame;
use crate::azure::certificate::{CertificateFile, encoded, judge};
use crate::recipe::CertificateLookup;
use crate::value::{Data, Marks, Value, strip_control};

impl Frame<'_, '_> {
    /// `{subject, issuer, names, not_before, not_after, thumbprint, has_key, chain, findings, value}`; null when no
    /// file is given. Only `value` is a secret: what a certificate says of itself every visitor is told.
    pub(super) fn certificate(&self, lookup: &CertificateLookup) -> Value {
        let file = self.expression(&lookup.file);
        let given = |expression: Option<&crate::recipe::Expr>| {
            expression.map_or_else(Value::null, |expression| self.expression(expression))
        };
        let (password, host) = (given(lookup.password.as_ref()), given(lookup.host.as_ref()));
        if let Some(waiting) = [&file, &password, &host].into_iter().find(|value| value.is_unknown()) {
            return waiting.clone();
        }
        let Some(text) = file.as_str().filter(|text| !text.is_empty()) else { return Value::null() };
        let host = host.as_str().filter(|host| !host.is_empty());
        let found = judge(text, password.as_str().unwrap_or_default(), host, self.engine.request.now);
        let mut value = Value::from(told(&found));
        if let Data::Map(members) = &mut value.data {
            let members: &mut IndexMap<String, Value> = members;
            members.insert("value".to_owned(), Value::from(encoded(text)).mark(Marks::SECRET));
        }
        value
    }
}

fn told(file: &CertificateFile) -> serde_json::Value {
    let clean = |text: &str| strip_control(text);
    let stamp = |time: time::OffsetDateTime| {
        time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
    };
    let leaf = file.leaf.as_ref();
    json!({
        "subject": leaf.map(|leaf| clean(&leaf.subject)),
        "issuer": leaf.map(|leaf| clean(&leaf.issuer)),
        "names": leaf.map(|leaf| leaf.names.iter().map(|name| clean(name)).collect::<Vec<_>>()),
        "not_before": leaf.map(|leaf| stamp(leaf.not_before)),
        "not_after": leaf.map(|leaf| stamp(leaf.not_after)),
        "thumbprint": leaf.map(|leaf| leaf.thumbprint.clone()),
        "has_key": file.has_key,
        "chain": file.chain.iter().map(|subject| clean(subject)).collect::<Vec<_>>(),
        "findings": file.findings.iter().map(|finding| json!({
            "rule": finding.rule,
            "severity": if finding.error { "error" } else { "warning" },
            "message": clean(&finding.message),
            "fix": finding.fix,
        })).collect::<Vec<_>>(),
    })
}
