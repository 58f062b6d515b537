//! What a server shows of itself in the handshake.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The most names of a certificate that are taken.
const MAX_NAMES: usize = 100;

/// A server's certificate, as far as checks judge it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The host names it is good for, in small letters; `*.` stands for one label.
    pub names: Vec<String>,
    /// Until when it is good, as RFC 3339 has it.
    pub not_after: String,
    /// Who issued it.
    pub issuer: String,
}

impl Peer {
    /// What a certificate in DER says; `None`: it is none.
    pub fn of_der(der: &[u8]) -> Option<Peer> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let names = names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let not_after = certificate.validity().not_after.timestamp();
        let not_after = OffsetDateTime::from_unix_timestamp(not_after).ok()?.format(&Rfc3339).ok()?;
        let issuer = crate::value::strip_control(&certificate.issuer().to_string());
        Some(Peer { names: names.take(MAX_NAMES).collect(), not_after, issuer })
    }
}

/// Whether a certificate for `pattern` is good for the host `name`: the same, or `*.` for its first label (RFC 6125).
pub fn names_host(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.trim_end_matches('.').to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(rest) => name.split_once('.').is_some_and(|(first, below)| !first.is_empty() && below == rest),
        None => pattern == name,
    }
}

/// The whole days from `now` until a time in RFC 3339; negative once it is over.
pub fn days_left(not_after: &str, now: OffsetDateTime) -> Option<i64> {
    let end = OffsetDateTime::parse(not_after, &Rfc3339).ok()?;
    Some((end - now).whole_seconds().div_euclid(24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_certificate_says_for_whom_and_how_long() {
        let names = ["a.example", "*.B.example"].map(str::to_owned).to_vec();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_after = datetime!(2027-01-02 03:04:05 UTC);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let peer = Peer::of_der(made.der()).unwrap();
        assert_eq!(peer.names, ["a.example", "*.b.example"]);
        assert_eq!(peer.not_after, "2027-01-02T03:04:05Z");
        assert_eq!(days_left(&peer.not_after, datetime!(2027-01-01 03:04:05 UTC)), Some(1));
        assert_eq!(days_left(&peer.not_after, datetime!(2027-01-01 03:04:06 UTC)), Some(0));
        assert_eq!(days_left(&peer.not_after, datetime!(2027-01-02 03:04:06 UTC)), Some(-1));
        assert_eq!(Peer::of_der(b"no"), None);
    }

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(names_host("A.example", "a.EXAMPLE."));
        assert!(names_host("*.a.example", "x.a.example"));
        assert!(!names_host("*.a.example", "a.example"));
        assert!(!names_host("*.a.example", "x.y.a.example"));
        assert!(!names_host("a.example", "b.example"));
    }
}
