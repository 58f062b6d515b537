//! A client certificate with its private key, from a PEM file.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{PemObject as _, SectionKind};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};
use tokio_rustls::rustls::{self, InconsistentKeys, SignatureAlgorithm, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::variables::CERTIFICATE;

/// The largest file read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// What makes a PEM file of what the program cannot read. The password comes from its variable.
const TO_PEM: &str = "-passin env:AZURE_CLIENT_CERTIFICATE_PASSWORD";

/// Why a certificate cannot be used. Its text holds nothing of the file but dates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{CERTIFICATE} {path}: {reason}")]
pub struct CertificateError {
    path: String,
    reason: String,
    fix: String,
}

impl CertificateError {
    /// What mends it.
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

/// A certificate, the chain that came with it, and the private key of the first.
pub(super) struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl Certificate {
    /// Reads the file: one or more certificates, the client's own first or the only one that the key belongs to,
    /// and one RSA key (PKCS#8 or PKCS#1). Whatever would make Entra ID refuse it is found here, before anything
    /// is sent.
    pub(super) fn read(path: &Path, now: OffsetDateTime) -> Result<Certificate, CertificateError> {
        let shown = crate::value::strip_control(&path.display().to_string());
        let error = |reason: &str, fix: String| CertificateError {
            path: shown.clone(),
            reason: reason.to_owned(),
            fix,
        };
        let make =
            || format!("az ad sp create-for-rbac --create-cert makes one; set {CERTIFICATE} to its PEM file");
        let bytes = read(path).map_err(|reason| error(&reason, make()))?;
        let quoted = format!("'{}'", shown.replace('\'', r"'\''"));
        // A PFX file is DER, which begins with a SEQUENCE.
        if bytes.first() == Some(&0x30) {
            let fix = format!(
                "openssl pkcs12 -in {quoted} {TO_PEM} -nodes -out client.pem, and {CERTIFICATE}=client.pem"
            );
            return Err(error("this is a PFX (PKCS#12) or DER file; only PEM is read", fix));
        }
        let text = String::from_utf8_lossy(&bytes);
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED") {
            let fix = format!(
                "openssl pkey -in {quoted} {TO_PEM} -out key.pem, then put key.pem and the certificate into one file"
            );
            return Err(error("its private key is encrypted; keys with a password are not read", fix));
        }
        let (mut chain, mut keys) = (Vec::new(), Vec::new());
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&bytes) {
            let (kind, der) = section.map_err(|_| error("it is no PEM, or a damaged one", make()))?;
            match kind {
                SectionKind::Certificate => chain.push(CertificateDer::from(der)),
                SectionKind::PrivateKey => keys.push(PrivateKeyDer::Pkcs8(der.into())),
                SectionKind::RsaPrivateKey => keys.push(PrivateKeyDer::Pkcs1(der.into())),
                SectionKind::EcPrivateKey => keys.push(PrivateKeyDer::Sec1(der.into())),
                _ => {}
            }
        }
        if chain.is_empty() {
            return Err(error("there is no certificate in it", make()));
        }
        let rsa = || format!("put the certificate's own RSA key beside it in {CERTIFICATE}");
        let key = match (keys.pop(), keys.is_empty()) {
            (None, _) => return Err(error("there is no private key in it", rsa())),
            (Some(key), true) => key,
            (Some(_), false) => return Err(error("there are several private keys in it", rsa())),
        };
        let key = aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|_| error("its private key cannot be read", rsa()))?;
        if key.algorithm() != SignatureAlgorithm::RSA {
            return Err(error("its private key is not RSA; Entra ID takes no other", rsa()));
        }
        // Some tools write the chain from the root on.
        let own = chain.iter().position(|certificate| belongs(&key, certificate));
        let own = own.ok_or_else(|| error("its private key does not belong to its certificate", rsa()))?;
        chain.swap(0, own);
        let certificate = Certificate { chain, key };
        certificate.in_force(now).map_err(|reason| {
            error(&reason, "renew the certificate, and upload it: az ad app credential reset --id CLIENT_ID --cert @cert.pem --append".to_owned())
        })?;
        Ok(certificate)
    }

    fn own(&self) -> &[u8] {
        self.chain.first().map_or(&[], |certificate| certificate.as_ref())
    }

    fn in_force(&self, now: OffsetDateTime) -> Result<(), String> {
        let Ok((_, certificate)) = X509Certificate::from_der(self.own()) else {
            return Err("its certificate cannot be read".to_owned());
        };
        let (from, until) =
            (certificate.validity.not_before.to_datetime(), certificate.validity.not_after.to_datetime());
        if now >= until {
            return Err(format!("its certificate expired on {}", until.date()));
        }
        if now < from {
            return Err(format!("its certificate is not valid before {}", from.date()));
        }
        Ok(())
    }

    /// The SHA-256 of the certificate, as `x5t#S256` has it.
    pub(super) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.own()))
    }

    /// The certificates, the client's first, as `x5c` has them.
    pub(super) fn chain(&self) -> Vec<String> {
        self.chain.iter().map(|certificate| STANDARD.encode(certificate)).collect()
    }

    /// The RSA-PSS signature of `message` with SHA-256 (`PS256`).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]);
        signer.ok_or_else(|| rustls::Error::General("the key does not sign".to_owned()))?.sign(message)
    }
}

/// Whether `key` is the private key of `certificate`. One that cannot be compared is taken: Entra ID judges.
fn belongs(key: &Arc<dyn SigningKey>, certificate: &CertificateDer<'static>) -> bool {
    let pair = CertifiedKey::new(vec![certificate.clone()], Arc::clone(key));
    matches!(pair.keys_match(), Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err("it is too large for a certificate".to_owned());
    }
    Ok(bytes)
}
