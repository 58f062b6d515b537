//! Real sockets that record every byte: what must not arrive does not.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::azure::credentials::{Parts, open, select};
use acarecipe::azure::{
    ArmClient, ArmError, ArmErrorKind, ArmRequest, ClientSettings, Cloud, CustomEndpoint, Endpoint, Limits,
    Method,
};
use acarecipe::clock::SystemClock;
use azure_core::credentials::Secret;
use azure_identity::Executor;
use time::OffsetDateTime;

use super::credentials::{Tool, env, jwt};
use super::script::{APP, VERSION, alone};

pub(super) const TOKEN: &str = "sandbox-owner-token";

/// A listening socket that writes down what arrives and answers each connection with the same bytes.
pub(super) struct Socket {
    pub(super) address: SocketAddr,
    arrived: Arc<Mutex<Vec<u8>>>,
}

impl Socket {
    pub(super) fn open(answer: impl Into<Vec<u8>>) -> Socket {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (into, answer) = (Arc::clone(&arrived), answer.into());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (into, answer) = (Arc::clone(&into), answer.clone());
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    let mut request = Vec::new();
                    while let Ok(count) = stream.read(&mut buffer) {
                        into.lock().unwrap().extend_from_slice(&buffer[..count]);
                        request.extend_from_slice(&buffer[..count]);
                        // The end of a request, or the beginning of a TLS handshake: no more will come.
                        let handshake = request.first() == Some(&0x16);
                        if count == 0 || handshake || request.windows(4).any(|end| end == b"\r\n\r\n") {
                            break;
                        }
                    }
                    let _ = stream.write_all(&answer);
                });
            }
        });
        Socket { address, arrived }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn arrived(&self) -> String {
        String::from_utf8_lossy(&self.arrived.lock().unwrap()).into_owned()
    }
}

pub(super) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

pub(super) fn client(endpoint: Endpoint) -> ArmClient {
    let mut settings = ClientSettings::new(endpoint, Arc::new(SystemClock));
    settings.limits = Limits {
        connect: Duration::from_secs(5),
        per_try: Duration::from_secs(5),
        first_pause: Duration::from_millis(1),
        ..Limits::default()
    };
    ArmClient::new(settings)
}

pub(super) fn custom(url: &str) -> Endpoint {
    CustomEndpoint::parse(url, None).unwrap().with_token(Cloud::public(), Secret::new(TOKEN)).unwrap()
}

fn soon() -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::seconds(20)
}

async fn read(client: &ArmClient) -> Result<serde_json::Value, ArmError> {
    Ok(client.read(&ArmRequest::get(APP, VERSION), soon()).await?.body)
}

#[tokio::test]
async fn the_token_the_caller_gave_arrives_at_loopback() {
    let socket = Socket::open(http("200 OK", "", r#"{"name":"web"}"#));
    assert_eq!(read(&client(custom(&socket.url()))).await.unwrap()["name"], "web");
    let arrived = socket.arrived();
    assert!(arrived.starts_with(&format!("GET {APP}?api-version={VERSION} HTTP/1.1\r\n")), "{arrived}");
    assert!(arrived.contains(&format!("authorization: Bearer {TOKEN}\r\n")));
}

#[tokio::test]
async fn a_token_of_entra_never_reaches_plain_http() {
    let socket = Socket::open(http("200 OK", "", "{}"));
    let token = jwt(&serde_json::json!({"iss": "https://login.microsoftonline.com/t/v2.0", "oid": "o"}));
    let variables = env(&[("ACARECIPE_AUTH", "token"), ("ACARECIPE_ACCESS_TOKEN", &token)]);
    let endpoint = CustomEndpoint::parse(&socket.url(), None).unwrap();
    let opened = open(&select(&variables).unwrap(), Some(endpoint), &Parts::new(Cloud::public(), &variables));
    assert!(opened.is_err());

    // Nor does one that a credential would give, not even to a host the caller trusts.
    let tool = Tool::new(0, "{}", "");
    let variables = env(&[("program:az", "")]);
    let mut parts = Parts::new(Cloud::public(), &variables);
    parts.executor = Some(Arc::clone(&tool) as Arc<dyn Executor>);
    let endpoint = CustomEndpoint::parse(&socket.url(), Some(&socket.address.to_string())).unwrap();
    assert!(open(&select(&variables).unwrap(), Some(endpoint), &parts).is_err());
    assert!(tool.commands.lock().unwrap().is_empty());
    assert_eq!(socket.arrived(), "");
}

#[tokio::test]
async fn nothing_follows_a_response_to_another_socket() {
    let other = Socket::open(http("200 OK", "", r#"{"value":[],"status":"Succeeded"}"#));
    let there = format!("{}/next", other.url());
    let list = r#"{"value":[],"nextLink":"THERE"}"#.replace("THERE", &there);

    let socket = Socket::open(http("200 OK", "", &list));
    let error = client(custom(&socket.url())).list(&ArmRequest::get(APP, VERSION), soon()).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::ForeignHost { .. }), "{error}");

    for header in ["location", "azure-asyncoperation", "operation-location"] {
        let socket = Socket::open(http("202 Accepted", &format!("{header}: {there}\r\n"), ""));
        let patch = ArmRequest::new(Method::Patch, APP, VERSION).body(serde_json::json!({}));
        match client(custom(&socket.url())).write(&patch, soon()).await {
            Err(error) => assert!(matches!(error.kind(), ArmErrorKind::ForeignHost { .. }), "{error}"),
            Ok(accepted) => assert!(!format!("{accepted:?}").contains("/next")),
        }
    }

    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let socket = Socket::open(http(status, &format!("location: {there}\r\n"), ""));
        let error = read(&client(custom(&socket.url()))).await.unwrap_err();
        assert!(error.to_string().contains("redirect"), "{error}");
    }
    assert_eq!(other.arrived(), "");
}

#[tokio::test]
async fn broken_answers_of_a_real_socket_are_explained() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "connection broke"),
        (b"not http at all\r\n\r\n", "connection broke"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"na", "connection broke"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"na", "connection broke"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html", "unreadable"),
    ];
    for (answer, expected) in cases {
        let socket = Socket::open(answer);
        let write = ArmRequest::new(Method::Put, APP, VERSION).body(serde_json::json!({}));
        let error = client(custom(&socket.url())).write(&write, soon()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.maybe_applied());
    }

    // Nobody listens.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = read(&client(custom(&format!("http://{address}")))).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Connection { maybe_sent: false, .. }), "{error}");
    assert!(!error.maybe_applied());
}

/// The variable that makes the child below do its work.
const TARGET: &str = "ACARECIPE_TEST_TARGET";

#[tokio::test]
async fn a_proxy_sees_nothing_of_what_goes_to_loopback() {
    let socket = Socket::open(http("200 OK", "", "{}"));
    let proxy = Socket::open(http("200 OK", "", "{}"));
    let child = tokio::task::spawn_blocking({
        let (target, proxy) = (socket.url(), proxy.url());
        move || {
            let mut command = alone("client::hostile::in_a_process_with_a_proxy");
            command.env(TARGET, target);
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
                command.env(name, &proxy).env(name.to_lowercase(), &proxy);
            }
            command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap()
        }
    });
    let output = child.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(socket.arrived().contains(TOKEN));
    assert!(proxy.arrived().contains("proxied.invalid"), "the proxy was in force");
    assert!(
        !proxy.arrived().contains(TOKEN) && !proxy.arrived().contains("127.0.0.1"),
        "{}",
        proxy.arrived()
    );
}

// Not left out: the test above starts it and asserts that it passed. Proxies come from the environment, which
// all tests of a process share.
#[tokio::test]
#[ignore = "runs in a process of its own, started by the test above"]
async fn in_a_process_with_a_proxy() {
    let target = std::env::var(TARGET).expect("started by the test above");
    let proxied = reqwest::Client::new().get("http://proxied.invalid/").send().await;
    assert!(proxied.is_ok(), "{proxied:?}");
    read(&client(custom(&target))).await.unwrap();
    let secure = client(custom(&target.replace("http://", "https://")));
    assert!(matches!(read(&secure).await.unwrap_err().kind(), ArmErrorKind::Connection { .. }));
}

/// An https server for 127.0.0.1 with a throw-away authority, whose PEM is given too.
async fn secure_server() -> (SocketAddr, String, Arc<Mutex<Vec<u8>>>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(params, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();

    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&arrived);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, into) = (acceptor.clone(), Arc::clone(&into));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut buffer = [0; 4096];
                let count = stream.read(&mut buffer).await.unwrap_or(0);
                into.lock().unwrap().extend_from_slice(&buffer[..count]);
                let _ = stream.write_all(&http("200 OK", "", r#"{"name":"web"}"#)).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (address, authority.pem(), arrived)
}

#[tokio::test]
async fn https_needs_a_certificate_of_a_known_authority() {
    let (address, pem, arrived) = secure_server().await;
    let url = format!("https://{address}");
    let error = read(&client(custom(&url))).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Certificate { .. }), "{error}");
    assert!(!error.maybe_applied() && !error.is_transient());
    assert!(error.to_string().ends_with("no connection: invalid peer certificate: UnknownIssuer"), "{error}");
    assert!(error.to_diagnostic().fix.is_some_and(|fix| fix.contains("SSL_CERT_FILE")));
    assert!(arrived.lock().unwrap().is_empty());

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let with_file = |url: &str| {
        let mut settings = ClientSettings::new(custom(url), Arc::new(SystemClock));
        settings.ca_file = Some(file.clone());
        settings.limits.first_pause = Duration::from_millis(1);
        ArmClient::new(settings)
    };
    for text in ["", "no certificate"] {
        std::fs::write(&file, text).unwrap();
        let error = read(&with_file(&url)).await.unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        assert!(arrived.lock().unwrap().is_empty());
    }
    std::fs::write(&file, pem).unwrap();
    assert_eq!(read(&with_file(&url)).await.unwrap()["name"], "web");
    assert!(String::from_utf8_lossy(&arrived.lock().unwrap()).contains(TOKEN));
}
