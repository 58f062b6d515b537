//! The file of a certificate as the service reads it: PFX or PEM, one private key, a chain.

use std::fmt::Write as _;

use p12_keystore::Pkcs12Archive;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio_rustls::rustls::pki_types::pem::{PemObject as _, SectionKind};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::sandbox::state::Content;

/// Why a file is refused.
pub(super) enum Unfit {
    /// It cannot be read, or not with this password.
    Unreadable,
    /// There is not exactly one private key in it.
    Keys,
}

/// What is in a file, and whether its certificates follow each other.
pub(super) fn read(bytes: &[u8], password: &str) -> Result<(Content, bool), Unfit> {
    let (certificates, keys) = if bytes.first() == Some(&0x30) {
        let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|_| Unfit::Unreadable)?;
        let certificates = archive.certs.iter().map(|one| one.cert.as_der().to_vec()).collect();
        (certificates, archive.keys.len())
    } else {
        pem(bytes)?
    };
    if keys != 1 {
        return Err(Unfit::Keys);
    }
    let parsed: Vec<X509Certificate<'_>> = certificates
        .iter()
        .map(|der| X509Certificate::from_der(der).map(|(_, one)| one))
        .collect::<Result<_, _>>()
        .map_err(|_| Unfit::Unreadable)?;
    // PFX has no order: whoever reads it looks for the one that nobody else was issued by.
    let leaf = parsed.iter().find(|one| !one.is_ca()).or_else(|| parsed.first()).ok_or(Unfit::Unreadable)?;
    let in_order = bytes.first() == Some(&0x30)
        || parsed.windows(2).all(|pair| match pair {
            [lower, upper] => lower.issuer() == upper.subject(),
            _ => true,
        });
    let der = certificates.iter().zip(&parsed).find(|(_, one)| std::ptr::eq(*one, leaf)).map(|(der, _)| der);
    Ok((content(leaf, der.map_or(&[], Vec::as_slice)), in_order))
}

fn pem(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), Unfit> {
    let (mut certificates, mut keys) = (Vec::new(), 0);
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        match section.map_err(|_| Unfit::Unreadable)? {
            (SectionKind::Certificate, der) => certificates.push(der),
            (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _) => {
                keys += 1;
            }
            _ => {}
        }
    }
    if certificates.is_empty() { Err(Unfit::Unreadable) } else { Ok((certificates, keys)) }
}

fn content(leaf: &X509Certificate<'_>, der: &[u8]) -> Content {
    let common = |name: &x509_parser::x509::X509Name<'_>| {
        let first = name.iter_common_name().next().and_then(|one| one.as_str().ok());
        first.unwrap_or_default().to_owned()
    };
    let alternative = leaf.subject_alternative_name().ok().flatten();
    let names: Vec<String> = alternative
        .map(|names| {
            let dns = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            };
            names.value.general_names.iter().filter_map(dns).collect()
        })
        .unwrap_or_default();
    let subject = common(leaf.subject());
    Content {
        names: if names.is_empty() { vec![subject.clone()] } else { names },
        subject,
        issuer: common(leaf.issuer()),
        from: leaf.validity().not_before.to_datetime(),
        until: leaf.validity().not_after.to_datetime(),
        thumbprint: hex(&Sha1::digest(der)),
        public_key_hash: hex(&Sha256::digest(leaf.public_key().raw)),
    }
}

/// Bytes as Azure tells them: hexadecimal, in capitals.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
