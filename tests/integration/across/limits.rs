//! Nothing waits for ever, and no byte goes where it must not: the real clock, real sockets, limits of
//! milliseconds.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::process::{Ended, Server, Start};

/// The end of every run here, well below what the built-in limits would make of it.
const SOON: Duration = Duration::from_secs(15);

const PLAN: &[&str] = &["plan", "managed-identity"];
const APPLY: &[&str] = &["apply", "managed-identity", "--yes"];

/// A run that tries each request for a fifth of a second only.
fn hasty(endpoint: &str, arguments: &[&str]) -> Start {
    Start::new(endpoint, arguments).env("ACARECIPE_TRY_TIMEOUT_MS", "200")
}

/// It failed, soon, and says so in these words.
fn explained(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code(), Some(1), "{ended:#?}");
    assert!(ended.after < SOON, "{:?}", ended.after);
    let told = ended.err.to_lowercase();
    for word in words {
        assert!(told.contains(word), "`{word}` is missing in {}", ended.err);
    }
    assert!(!told.contains("sandbox-owner"), "{}", ended.err);
}

/// A listener that notes what arrives and answers by `speak`.
fn listener(speak: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let bytes = Arc::clone(&arrived);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let mut head = [0; 4096];
            let read = socket.read(&mut head).unwrap_or(0);
            bytes.lock().unwrap().extend_from_slice(&head[..read]);
            speak(&mut socket);
            // Open until the client goes.
            open.push(socket);
        }
    });
    (address, arrived)
}

#[test]
fn a_connection_that_is_refused() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = hasty(&format!("http://{free}"), PLAN).run();
    explained(&ended, &["azure-unreachable", "no connection"]);
}

#[test]
fn a_head_that_never_comes() {
    let (address, arrived) = listener(|_| {});
    let ended = hasty(&format!("http://{address}"), &[PLAN, &["--timeout", "1s"]].concat()).run();
    explained(&ended, &["no complete answer within 200 ms"]);
    assert!(!arrived.lock().unwrap().is_empty());
}

#[test]
fn a_body_that_does_not_end() {
    let (address, _) = listener(|socket| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
        let _ = socket.write_all(head.as_bytes());
    });
    let ended = hasty(&format!("http://{address}"), &[PLAN, &["--timeout", "1s"]].concat()).run();
    explained(&ended, &["no complete answer within 200 ms"]);
}

#[test]
fn an_operation_that_does_not_end() {
    let server = Server::start(&[]);
    server.faults(&["match=PATCH:/containerApps/ operation-hangs"]);
    let ended = Start::new(&server.endpoint, &[APPLY, &["--timeout", "1s"]].concat()).run();
    explained(&ended, &["not done before the deadline"]);
    assert!(
        ended.err.contains("run the same command again") || ended.out.contains("run the same command again")
    );
}

#[test]
fn the_certificate_decides() {
    let (server, other) = (Server::start(&["--https"]), Server::start(&["--https"]));
    let ca = |server: &Server| server.ca.clone().unwrap();
    let good = Start::new(&server.endpoint, PLAN).env("SSL_CERT_FILE", ca(&server)).run();
    assert_eq!(good.code(), Some(0), "{good:#?}");
    for start in
        [hasty(&server.endpoint, PLAN), hasty(&server.endpoint, PLAN).env("SSL_CERT_FILE", ca(&other))]
    {
        explained(&start.run(), &["azure-unreachable", "certificate"]);
    }
}

#[test]
fn a_proxy_is_not_asked_for_an_endpoint_on_this_machine() {
    let server = Server::start(&[]);
    let (address, arrived) = listener(|_| {});
    let proxy = format!("http://{address}");
    let mut start = Start::new(&server.endpoint, PLAN);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        start = start.env(name, &proxy);
    }
    let ended = start.run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert!(arrived.lock().unwrap().is_empty());
}

/// A token as Microsoft Entra ID issues it: unsigned, but of that form and issuer.
fn entra_token() -> String {
    use base64::Engine as _;
    let part = |json: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    let payload = r#"{"iss":"https://sts.windows.net/22222222-2222-4222-8222-222222222222/","aud":"https://management.azure.com/"}"#;
    format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(payload))
}

#[test]
fn a_real_token_does_not_leave_over_plain_http() {
    let (address, arrived) = listener(|_| {});
    let token = entra_token();
    let ended = Start::new(&format!("http://{address}"), PLAN).env("ACARECIPE_ACCESS_TOKEN", &token).run();
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    assert!(ended.err.contains("plain http"), "{}", ended.err);
    assert!(!format!("{ended:?}").contains(&token));
    assert!(arrived.lock().unwrap().is_empty());
}

#[test]
fn a_credential_does_not_go_to_an_endpoint_that_is_not_trusted() {
    let (address, arrived) = listener(|_| {});
    let start = Start::new(&format!("https://{address}"), PLAN)
        .env("ACARECIPE_AUTH", "environment")
        .env("AZURE_TENANT_ID", "22222222-2222-4222-8222-222222222222")
        .env("AZURE_CLIENT_ID", "33333333-3333-4333-8333-000000000002")
        .env("AZURE_CLIENT_SECRET", "a-client-secret");
    let ended = start.run();
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    assert!(ended.err.contains("--trust-endpoint 127.0.0.1"), "{}", ended.err);
    assert!(!format!("{ended:?}").contains("a-client-secret"));
    assert!(arrived.lock().unwrap().is_empty());
}
