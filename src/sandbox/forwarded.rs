//! The header by which the edge tells an app of the client's certificate, as Envoy writes it.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

/// The name of the header.
pub const HEADER: &str = "x-forwarded-client-cert";

/// What it says of a certificate: `Hash=…;Cert="…";Subject="…"`: the SHA-256 of the DER in hexadecimal digits, the PEM
/// with what is not plain encoded, the subject. `None`: it is no certificate.
pub fn header(pem: &str) -> Option<String> {
    let start = pem.find("-----BEGIN CERTIFICATE-----")?;
    let end = "-----END CERTIFICATE-----";
    let length = pem.get(start..)?.find(end)? + end.len();
    let leaf = pem.get(start..start + length)?;
    let inner: String = leaf.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(inner).ok()?;
    of_der(&der)
}

/// The same of a certificate in DER.
pub(super) fn of_der(der: &[u8]) -> Option<String> {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let hash = Sha256::digest(der).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let encoded = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..encoded.len())
        .step_by(64)
        .filter_map(|at| encoded.get(at..(at + 64).min(encoded.len())))
        .collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    let cert: String = form_urlencoded::byte_serialize(pem.as_bytes()).collect();
    // A space is %20 there.
    let cert = cert.replace('+', "%20");
    Some(format!("Hash={hash};Cert=\"{cert}\";Subject=\"{}\"", certificate.subject()))
}
