//! Client certificates: the assertion that goes out is signed by the certificate's key, and a file that cannot
//! work is refused before anything is sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::LazyLock;

use acarecipe::azure::Cloud;
use acarecipe::azure::credentials::{Parts, open, select};
use acarecipe::clock::VirtualClock;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use time::Duration;
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::credentials::{ISSUED, authority, env, with};
use super::script::{START, World, get, in_minutes, ok};

/// RSA keys take a while to make.
static RSA: LazyLock<[String; 2]> = LazyLock::new(|| {
    [(), ()].map(|()| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap().serialize_pem())
});

fn key(index: usize) -> KeyPair {
    KeyPair::from_pem_and_sign_algo(&RSA[index], &PKCS_RSA_SHA256).unwrap()
}

/// A certificate for `key`, in force from `days` before the start of the clock to `until` days after it.
fn certificate(key: &KeyPair, before: i64, until: i64) -> rcgen::Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_before = START - Duration::days(before);
    params.not_after = START + Duration::days(until);
    params.self_signed(key).unwrap()
}

/// What a file with this text leads to, and how many requests the authority saw.
struct Attempt {
    folder: tempfile::TempDir,
    more: Vec<(&'static str, &'static str)>,
}

impl Attempt {
    fn new(text: impl AsRef<[u8]>) -> Attempt {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("client.pem"), text).unwrap();
        Attempt { folder, more: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("client.pem")
    }

    fn open(
        &self,
        cloud: &'static Cloud,
        transport: Option<azure_core::http::Transport>,
    ) -> Result<acarecipe::azure::Endpoint, acarecipe::azure::credentials::CredentialError> {
        let path = self.path();
        let mut variables = with(&[("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap())]);
        variables.extend(&self.more);
        let variables = env(&variables);
        let mut parts = Parts::new(cloud, &variables);
        parts.clock = Arc::new(VirtualClock::new(START));
        parts.transport = transport;
        open(&select(&variables).unwrap(), None, &parts)
    }

    /// The message and the fix.
    fn refused(&self) -> (String, String) {
        let (issuer, transport) = authority(vec![]);
        let error = self.open(Cloud::public(), Some(transport)).unwrap_err();
        assert!(issuer.seen().is_empty(), "something was sent");
        let finding = error.to_diagnostic();
        assert!(finding.message.contains(self.path().to_str().unwrap()), "{}", finding.message);
        (finding.message.clone(), finding.fix.unwrap())
    }

    /// Header and claims of the assertion that goes out, verified with the key of `certificate`.
    async fn assertion(&self, cloud: &'static Cloud, certificate: &[u8]) -> (Json, Json, String) {
        let (issuer, transport) = authority(vec![ok(ISSUED)]);
        let endpoint = self.open(cloud, Some(transport)).unwrap();
        let world = World::with([ok("{}")], |transport| endpoint.carried_by(transport), |_| {});
        world.client.read(&get(), in_minutes(5)).await.unwrap();
        assert_eq!(world.seen()[0].header("authorization"), Some("Bearer issued-token"));
        let asked = &issuer.seen()[0];
        let form: std::collections::BTreeMap<_, _> =
            url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!(form["client_id"], "client");
        let assertion = &form["client_assertion"];
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        verify(certificate, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap());
        let part = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
        let (header, claims) = message.split_once('.').unwrap();
        (part(header), part(claims), asked.url.clone())
    }
}

/// Fails unless `signature` is the PS256 signature of `message` by the key in `certificate`.
fn verify(certificate: &[u8], message: &[u8], signature: &[u8]) {
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    let schemes = default_provider().signature_verification_algorithms;
    let (_, algorithms) = schemes
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PSS_SHA256)
        .expect("PS256 is known");
    let public = &certificate.public_key().subject_public_key.data;
    algorithms[0].verify_signature(public, message, signature).expect("a signature of the certificate's key");
    assert!(algorithms[0].verify_signature(public, b"something else", signature).is_err());
}

#[tokio::test]
async fn the_assertion_is_signed_by_the_key_of_the_certificate() {
    let key = key(0);
    let own = certificate(&key, 1, 30);
    let pem = own.pem() + &key.serialize_pem();
    for cloud in acarecipe::azure::clouds::CLOUDS {
        let (header, claims, url) = Attempt::new(&pem).assertion(cloud, own.der()).await;
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(own.der()));
        assert_eq!(header, serde_json::json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
        assert_eq!(url, format!("{}/tenant/oauth2/v2.0/token", cloud.authority));
        assert_eq!(claims["aud"], url.as_str(), "an assertion for one authority is no use at another");
        assert_eq!((&claims["iss"], &claims["sub"]), (&Json::from("client"), &Json::from("client")));
        assert_eq!(claims["nbf"], START.unix_timestamp());
        assert_eq!(claims["exp"], (START + Duration::minutes(10)).unix_timestamp());
        let (_, again, _) = Attempt::new(&pem).assertion(cloud, own.der()).await;
        assert_ne!(claims["jti"], again["jti"], "each assertion is used once");
    }
}

#[tokio::test]
async fn the_chain_goes_with_it_when_asked_and_the_client_s_own_comes_first() {
    let authority_key = key(1);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = key(0);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    (params.not_before, params.not_after) = (START - Duration::days(1), START + Duration::days(1));
    let own = params.signed_by(&key, &issuer).unwrap();
    let chain = serde_json::json!([STANDARD.encode(own.der()), STANDARD.encode(root.der())]);
    // In any order, and with the remarks that openssl writes between them.
    for pem in [
        own.pem() + &root.pem() + &key.serialize_pem(),
        format!("Bag Attributes\n{}subject=CN = x\n{}{}", key.serialize_pem(), root.pem(), own.pem()),
    ] {
        for (word, sent) in [("true", true), ("True", true), ("1", true), ("0", false), ("false", false)] {
            let mut attempt = Attempt::new(&pem);
            attempt.more.push(("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", word));
            let (header, ..) = attempt.assertion(Cloud::public(), own.der()).await;
            assert_eq!(header.get("x5c"), sent.then_some(&chain), "{word}");
        }
    }
}

#[tokio::test]
async fn a_key_in_the_older_form_does_too() {
    let key = key(0);
    let own = certificate(&key, 1, 30);
    // PKCS#8 wraps PKCS#1: version, algorithm, then the key in an OCTET STRING at the end.
    let pkcs8 = key.serialize_der();
    let at = pkcs8.windows(2).skip(8).position(|bytes| bytes == [0x04, 0x82]).unwrap() + 8 + 4;
    let lines: Vec<_> = STANDARD
        .encode(&pkcs8[at..])
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let pkcs1 =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"));
    Attempt::new(own.pem() + &pkcs1).assertion(Cloud::public(), own.der()).await;
}

#[test]
fn a_file_that_cannot_work_is_refused_before_anything_is_sent() {
    let (key, other) = (key(0), key(1));
    let own = certificate(&key, 1, 30).pem();
    let elliptic = KeyPair::generate().unwrap();
    let block = |name: &str, body: &str| format!("-----BEGIN {name}-----\n{body}\n-----END {name}-----\n");
    let body = STANDARD.encode("hunter2-hunter2-hunter2");
    let cases = [
        (String::new(), "no certificate in it", "--create-cert"),
        ("hunter2".to_owned(), "no certificate in it", "--create-cert"),
        (own.clone(), "no private key in it", "RSA key"),
        (key.serialize_pem(), "no certificate in it", "--create-cert"),
        (own.clone() + &other.serialize_pem(), "does not belong", "RSA key"),
        (own.clone() + &key.serialize_pem() + &other.serialize_pem(), "several private keys", "RSA key"),
        (certificate(&elliptic, 1, 30).pem() + &elliptic.serialize_pem(), "not RSA", "RSA key"),
        (own.clone() + &block("PRIVATE KEY", &body), "cannot be read", "RSA key"),
        (own.clone() + &block("ENCRYPTED PRIVATE KEY", &body), "is encrypted", "openssl pkey"),
        (
            own.clone()
                + &block(
                    "RSA PRIVATE KEY",
                    &format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n{body}"),
                ),
            "is encrypted",
            "openssl pkey",
        ),
        (block("CERTIFICATE", &body) + &key.serialize_pem(), "does not belong", "RSA key"),
        (own.replace("-----END CERTIFICATE-----", "-----END X-----"), "damaged", "--create-cert"),
        (certificate(&key, 30, -1).pem() + &key.serialize_pem(), "expired on 2025-12-31", "credential reset"),
        (
            certificate(&key, -2, 30).pem() + &key.serialize_pem(),
            "not valid before 2026-01-03",
            "credential reset",
        ),
    ];
    for (text, expected, fix) in cases {
        let (message, told) = Attempt::new(&text).refused();
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(told.contains(fix), "{told}");
        assert!(!format!("{message}{told}").contains("hunter2"), "{message}");
    }

    // PFX is named as what it is, with the command that converts it without the password being typed.
    let mut pfx = Attempt::new([0x30, 0x82, 0x09, 0x10, 0x02, 0x01, 0x03, 0x30]);
    pfx.more.push(("AZURE_CLIENT_CERTIFICATE_PASSWORD", "certificate-password"));
    let (message, fix) = pfx.refused();
    assert!(message.contains("PFX"), "{message}");
    assert!(fix.contains("openssl pkcs12") && fix.contains("env:AZURE_CLIENT_CERTIFICATE_PASSWORD"), "{fix}");
    assert!(!format!("{message}{fix}").contains("certificate-password"));

    let gone = Attempt::new("");
    std::fs::remove_file(gone.path()).unwrap();
    assert!(gone.refused().0.contains("cannot be read"));
    std::fs::create_dir(gone.path()).unwrap();
    assert!(gone.refused().0.contains("no file"));
    assert!(Attempt::new(vec![b'-'; 2 << 20]).refused().0.contains("too large"));
}
