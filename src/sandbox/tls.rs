//! TLS for the served sandbox: a certificate authority made for one run and good for this host only.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// How long the certificates are good for. A served sandbox lives as long as somebody's terminal.
const LIFETIME: Duration = Duration::days(30);

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Making a key or signing failed.
    #[error("could not make the sandbox's certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the result.
    #[error("could not set up TLS for the sandbox")]
    Setup(#[from] tokio_rustls::rustls::Error),
}

/// A server's TLS side and the authority that a client must trust to accept it.
pub(super) struct Identity {
    /// The authority's certificate, PEM.
    pub(super) ca: String,
    /// The server's configuration: HTTP/1.1 only.
    pub(super) server: Arc<ServerConfig>,
}

/// Makes an authority, lets it sign one certificate for `127.0.0.1`, `localhost` and the names of the sandbox's
/// apps (`*.` stands for one label), and forgets its key. Name constraints keep the authority to those names, so
/// that trusting it gives nobody anything else.
pub(super) fn identity(now: OffsetDateTime, apps: &[String]) -> Result<Identity, TlsError> {
    let domains = apps.iter().map(|name| name.strip_prefix("*.").unwrap_or(name).to_owned());
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "acarecipe sandbox (throw-away)");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: [
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 1], 32)),
            GeneralSubtree::DnsName("localhost".to_owned()),
        ]
        .into_iter()
        .chain(domains.map(GeneralSubtree::DnsName))
        .collect(),
        excluded_subtrees: Vec::new(),
    });
    lives(&mut authority, now);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let names = ["127.0.0.1", "localhost"].map(str::to_owned);
    let mut server =
        CertificateParams::new(names.into_iter().chain(apps.iter().cloned()).collect::<Vec<_>>())?;
    server.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    lives(&mut server, now);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;

    // The provider is named: the process-wide default belongs to whoever runs the process.
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { ca: authority.pem(), server: Arc::new(config) })
}

/// Good from an hour ago (clocks differ) for [`LIFETIME`].
fn lives(params: &mut CertificateParams, now: OffsetDateTime) {
    params.not_before = now - Duration::hours(1);
    params.not_after = now + LIFETIME;
}
