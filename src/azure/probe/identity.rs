//! The certificate that a request shows of itself, with its key.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// A client certificate with its key, as PEM. The key is shown nowhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIdentity {
    /// The certificate, with those that issued it after it.
    pub certificate: String,
    key: String,
}

impl ClientIdentity {
    /// The identity of these two texts.
    ///
    /// # Errors
    /// What is wrong with them, without a part of either.
    pub fn new(certificate: &str, key: &str) -> Result<ClientIdentity, &'static str> {
        let has = |text: &str, word: &str| {
            text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(word))
        };
        if !has(certificate, "CERTIFICATE") {
            return Err("the client certificate is no PEM text with a CERTIFICATE");
        }
        if has(key, "ENCRYPTED") {
            return Err("the key of the client certificate is encrypted; give it without a passphrase");
        }
        if !has(key, "PRIVATE KEY") {
            return Err("the key of the client certificate is no PEM text with a PRIVATE KEY");
        }
        let identity = ClientIdentity { certificate: certificate.to_owned(), key: key.to_owned() };
        match reqwest::Identity::from_pem(identity.pem().as_bytes()) {
            Ok(_) => Ok(identity),
            Err(_) => Err("the client certificate or its key cannot be read"),
        }
    }

    /// What tells it from others: the digest of the certificate.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.certificate.as_bytes());
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Both, as a TLS library takes them.
    pub(super) fn pem(&self) -> String {
        format!("{}\n{}", self.key.trim_end(), self.certificate)
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("digest", &self.digest()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pem_is_told_without_a_part_of_it() {
        for (certificate, key) in [
            ("hunter2", "-----BEGIN PRIVATE KEY-----\nhunter2"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "hunter2"),
            (
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
                "-----BEGIN PRIVATE KEY-----\nhunter2!\n-----END PRIVATE KEY-----",
            ),
        ] {
            assert!(!ClientIdentity::new(certificate, key).unwrap_err().contains("hunter2"));
        }
    }

    #[test]
    fn a_key_is_shown_nowhere() {
        let made = rcgen::generate_simple_self_signed(vec!["me.example".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let identity = ClientIdentity::new(&made.cert.pem(), &key).unwrap();
        let inside = key.lines().nth(1).unwrap();
        assert!(!format!("{identity:?}").contains(inside));
    }
}
