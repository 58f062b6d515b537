//! Files of certificates as Container Apps take them: PFX, or PEM with the private key in it. What Azure would refuse
//! minutes later, or take and then show to every visitor, is found here.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::Pkcs12Archive;
use sha1::{Digest as _, Sha1};
use time::OffsetDateTime;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{PemObject as _, SectionKind};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// How many days a certificate that is brought along should be good for.
const SOON: i64 = 30;

/// What a file says, and what is wrong with it. Nothing of it is secret but the file itself, which is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFile {
    /// What is read from it; `None`: nothing could be.
    pub leaf: Option<Leaf>,
    /// The subjects of its certificates, in its order.
    pub chain: Vec<String>,
    /// Whether there is one private key in it, the certificate's own.
    pub has_key: bool,
    /// What is wrong with it.
    pub findings: Vec<CertificateFinding>,
}

/// The certificate that is for the host names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Its common name, or all of its subject where it has none.
    pub subject: String,
    /// Who issued it, likewise.
    pub issuer: String,
    /// Host names that it is for, in small letters.
    pub names: Vec<String>,
    /// From when it is good.
    pub not_before: OffsetDateTime,
    /// Until when.
    pub not_after: OffsetDateTime,
    /// SHA-1 of it, as Azure tells it: hexadecimal, in capitals.
    pub thumbprint: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFinding {
    /// The rule.
    pub rule: &'static str,
    /// Whether it cannot be used so.
    pub error: bool,
    /// What is wrong.
    pub message: String,
    /// What mends it.
    pub fix: &'static str,
}

/// The bytes of a file as an input has them: a text, or, where they are none, base64.
fn bytes_of(text: &str) -> Vec<u8> {
    if text.contains("-----BEGIN") {
        return text.as_bytes().to_vec();
    }
    let plain: String = text.split_whitespace().collect();
    STANDARD.decode(plain).unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// The file as Azure takes it: base64 of the PFX or of the PEM text.
pub fn encoded(text: &str) -> String {
    STANDARD.encode(bytes_of(text))
}

/// Reads and judges the file `text` (see [`encoded`]) at `now`; `host` is the name that it is to be for.
pub fn judge(text: &str, password: &str, host: Option<&str>, now: OffsetDateTime) -> CertificateFile {
    let mut file = CertificateFile::default();
    let bytes = bytes_of(text);
    let parts = if bytes.first() == Some(&0x30) { pfx(&bytes, password) } else { pem(&bytes) };
    let (certificates, keys, ordered) = match parts {
        Ok(parts) => parts,
        Err(finding) => {
            file.findings.push(finding);
            return file;
        }
    };
    let parsed: Result<Vec<_>, _> =
        certificates.iter().map(|der| X509Certificate::from_der(der).map(|(_, one)| one)).collect();
    let Ok(parsed) = parsed else {
        file.error("unreadable", "a certificate in the file cannot be read", EXPORT);
        return file;
    };
    file.chain = parsed.iter().map(|one| name_of(one.subject())).collect();
    // By the key where one is there; else the first that issued none of the others.
    let own = keys.first().and_then(|key| certificates.iter().position(|der| belongs(key, der)));
    let end = || parsed.iter().position(|one| !one.is_ca()).or((!parsed.is_empty()).then_some(0));
    let Some(index) = own.or_else(end) else {
        file.error("no-certificate", "there is no certificate in the file", EXPORT);
        return file;
    };
    match keys.len() {
        1 if own.is_some() => file.has_key = true,
        1 => file.error("key-mismatch", "the private key in the file is not the certificate's", PUT_KEY),
        0 => file.error("one-key", "there is no private key in the file", PUT_KEY),
        _ => file.error("one-key", "there are several private keys in the file", PUT_KEY),
    }
    let leaf = leaf_of(&parsed[index], &certificates[index]);
    file.dates(&leaf, now);
    if let Some(host) = host.filter(|host| !leaf.names.iter().any(|name| covers(name, host))) {
        let message = format!("the certificate is for {}, not for {host}", leaf.names.join(", "));
        file.error("host", &message, "use a certificate whose subject alternative names have the host name");
    }
    file.chained(&parsed, index, ordered);
    file.leaf = Some(leaf);
    file
}

const EXPORT: &str = "openssl pkcs12 -export -in fullchain.pem -inkey privkey.pem -out certificate.pfx";
const PUT_KEY: &str =
    "put the certificate, those that issued it, and its own private key, without a password, into one file";
const IN_ORDER: &str = "write the certificate first, then the one that issued it, and so on up";

type Parts = (Vec<Vec<u8>>, Vec<PrivateKeyDer<'static>>, bool);

fn unreadable(message: &str, fix: &'static str) -> CertificateFinding {
    CertificateFinding { rule: "unreadable", error: true, message: message.to_owned(), fix }
}

/// Why the archive cannot be read is not told apart: a wrong password and a damaged file look alike.
fn pfx(bytes: &[u8], password: &str) -> Result<Parts, CertificateFinding> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|_| {
        unreadable(
            "the PFX file cannot be read with this password",
            "give the password that it was exported with",
        )
    })?;
    let keys = archive.keys.iter();
    let keys = keys.map(|bag| PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into()).collect();
    Ok((archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect(), keys, false))
}

fn pem(bytes: &[u8]) -> Result<Parts, CertificateFinding> {
    let text = String::from_utf8_lossy(bytes);
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(unreadable("the private key in the file has a password of its own", EXPORT));
    }
    let (mut certificates, mut keys) = (Vec::new(), Vec::new());
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let section = section.map_err(|_| unreadable("the file is damaged PEM", EXPORT))?;
        match section {
            (SectionKind::Certificate, der) => certificates.push(der),
            (SectionKind::PrivateKey, der) => keys.push(PrivateKeyDer::Pkcs8(der.into())),
            (SectionKind::RsaPrivateKey, der) => keys.push(PrivateKeyDer::Pkcs1(der.into())),
            (SectionKind::EcPrivateKey, der) => keys.push(PrivateKeyDer::Sec1(der.into())),
            _ => {}
        }
    }
    if certificates.is_empty() && keys.is_empty() {
        return Err(unreadable("the file is neither PFX nor PEM", EXPORT));
    }
    Ok((certificates, keys, true))
}

/// Whether a key is a certificate's. One of a kind that cannot be compared is taken: Azure judges.
fn belongs(key: &PrivateKeyDer<'static>, certificate: &[u8]) -> bool {
    let Ok(key) = aws_lc_rs::sign::any_supported_type(key) else { return false };
    let pair = CertifiedKey::new(vec![CertificateDer::from(certificate.to_vec())], key);
    matches!(pair.keys_match(), Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)))
}

fn name_of(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|one| one.as_str().ok());
    common.map_or_else(|| name.to_string(), str::to_owned)
}

fn leaf_of(parsed: &X509Certificate<'_>, der: &[u8]) -> Leaf {
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let mut names: Vec<String> = Vec::new();
    for name in alternative.iter().flat_map(|names| &names.value.general_names) {
        if let GeneralName::DNSName(name) = name {
            names.push(name.to_ascii_lowercase());
        }
    }
    let subject = name_of(parsed.subject());
    if names.is_empty() {
        // What it is for is told by its subject only where it has no alternative names
        // (microsoft/azure-container-apps#292).
        names.push(subject.to_ascii_lowercase());
    }
    Leaf {
        issuer: name_of(parsed.issuer()),
        subject,
        names,
        not_before: parsed.validity().not_before.to_datetime(),
        not_after: parsed.validity().not_after.to_datetime(),
        thumbprint: hex(&Sha1::digest(der)),
    }
}

/// Whether a name of a certificate is for a host: itself, or `*` for its first label.
fn covers(name: &str, host: &str) -> bool {
    name.eq_ignore_ascii_case(host)
        || name.strip_prefix("*.").is_some_and(|parent| {
            host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        })
}

impl CertificateFile {
    fn error(&mut self, rule: &'static str, message: &str, fix: &'static str) {
        self.findings.push(CertificateFinding { rule, error: true, message: message.to_owned(), fix });
    }

    fn warning(&mut self, rule: &'static str, message: &str, fix: &'static str) {
        self.findings.push(CertificateFinding { rule, error: false, message: message.to_owned(), fix });
    }

    fn dates(&mut self, leaf: &Leaf, now: OffsetDateTime) {
        const RENEW: &str = "renew the certificate";
        if now >= leaf.not_after {
            self.error("expired", &format!("the certificate expired on {}", leaf.not_after.date()), RENEW);
        } else if now < leaf.not_before {
            let message = format!("the certificate is not valid before {}", leaf.not_before.date());
            self.error("not-yet-valid", &message, "wait until then, or use another one");
        } else if leaf.not_after - now < time::Duration::days(SOON) {
            let days = (leaf.not_after - now).whole_days();
            let message = format!("the certificate expires on {}, in {days} days", leaf.not_after.date());
            self.warning("expires-soon", &message, RENEW);
        }
    }

    /// Each is issued by the next: a TLS client is sent them as they stand, and many look no further.
    fn chained(&mut self, parsed: &[X509Certificate<'_>], leaf: usize, ordered: bool) {
        let issued_by = |one: &X509Certificate<'_>, other: &X509Certificate<'_>| {
            one.issuer().as_raw() == other.subject().as_raw()
        };
        if ordered && (leaf != 0 || parsed.windows(2).any(|pair| !issued_by(&pair[0], &pair[1]))) {
            self.error("chain-order", "the certificates in the file do not follow each other", IN_ORDER);
            return;
        }
        // A PFX file has no order of its own: up from the certificate to one that nobody in it issued.
        let mut top = leaf;
        for _ in parsed {
            let above = |other: &usize| *other != top && issued_by(&parsed[top], &parsed[*other]);
            match (0..parsed.len()).find(above) {
                Some(above) if parsed[top].issuer() != parsed[top].subject() => top = above,
                _ => break,
            }
        }
        let own_issuer = parsed[leaf].issuer() == parsed[leaf].subject();
        if own_issuer {
            let message = "the certificate is signed by itself: visitors are warned of it";
            self.warning("self-signed", message, "use a certificate of a public authority");
        } else if top == leaf {
            let message =
                "the certificate that issued this one is not in the file: some clients will not find it";
            self.warning("chain-incomplete", message, IN_ORDER);
        }
    }
}

/// Bytes as Azure tells them: hexadecimal, in capitals.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
