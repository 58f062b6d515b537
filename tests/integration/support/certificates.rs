//! Certificates and the files they come in, made for a test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use time::{Duration, OffsetDateTime};

/// A certificate for host names, the authority that issued it, and its key.
pub struct Made {
    /// The certificate, PEM.
    pub leaf: String,
    /// The authority's, PEM.
    pub issuer: String,
    /// The private key, PEM.
    pub key: String,
    leaf_der: Vec<u8>,
    issuer_der: Vec<u8>,
    key_der: Vec<u8>,
}

/// A certificate for `names`, good from an hour before `now` for so many days.
pub fn made(names: &[&str], now: OffsetDateTime, days: i64) -> Made {
    let lives = |params: &mut CertificateParams| {
        params.not_before = now - Duration::hours(1);
        params.not_after = now + Duration::days(days);
    };
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Example CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    lives(&mut authority);
    let issuer =
        CertifiedIssuer::self_signed(authority, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
            .unwrap();
    let mut own =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    own.distinguished_name.push(DnType::CommonName, names.first().copied().unwrap_or("nobody"));
    lives(&mut own);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let leaf = own.signed_by(&key, &issuer).unwrap();
    Made {
        leaf: leaf.pem(),
        issuer: issuer.pem(),
        key: key.serialize_pem(),
        leaf_der: leaf.der().to_vec(),
        issuer_der: issuer.der().to_vec(),
        key_der: key.serialize_der(),
    }
}

impl Made {
    /// Key, certificate and issuer in one text.
    pub fn pem(&self) -> String {
        format!("{}{}{}", self.key, self.leaf, self.issuer)
    }

    /// The same as a PFX file.
    pub fn pfx(&self, password: &str) -> Vec<u8> {
        let certificates = [&self.leaf_der, &self.issuer_der].map(|der| Certificate::from_der(der).unwrap());
        let key = PrivateKey::from_der(&self.key_der).unwrap();
        let chain = PrivateKeyChain::new("own", key, certificates);
        let mut store = KeyStore::new();
        store.add_entry("own", KeyStoreEntry::PrivateKeyChain(chain));
        store.writer(password).write().unwrap()
    }

    /// The PFX as Azure takes it.
    pub fn pfx_base64(&self, password: &str) -> String {
        STANDARD.encode(self.pfx(password))
    }
}
