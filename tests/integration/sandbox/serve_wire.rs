//! The served sandbox on the wire: TLS, answers that fail to come, events, bounds, the end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use acarecipe::sandbox::http::Reply;
use acarecipe::sandbox::serve::{Limits, ServeError, ServeOptions, serve};
use serde_json::json;

use crate::support::served::{HANG, Running, Scripted, client, ok};

/// An Azure that behaves as the first segment of the path says.
fn faulty() -> Arc<Scripted> {
    Scripted::new(|request| {
        let response = ok(&vec![b'x'; 5000]);
        match request.path.as_str() {
            "/silence" => Reply::Silence,
            "/reset" => Reply::Reset,
            "/cut" => Reply::Truncated { response, bytes: 3000 },
            "/cut-at-once" => Reply::Truncated { response, bytes: 0 },
            "/cut-too-late" => Reply::Truncated { response, bytes: 9000 },
            "/big" => Reply::Answer(ok(&vec![b'y'; 3_000_000])),
            "/empty" => Reply::Answer(ok(b"")),
            _ => Reply::Answer(ok(b"{}")),
        }
    })
}

/// Sends `GET path` on a socket of its own.
fn send(server: &Running, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.authority()).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", server.authority()).unwrap();
    socket
}

/// The body in `bytes`, which start with a head, and the length that the head states.
fn split(bytes: &[u8]) -> (usize, Option<usize>) {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let stated = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    (body.len(), stated.map(|length| length.parse().unwrap()))
}

#[test]
fn a_cut_answer_has_its_head_and_exactly_the_bytes_asked_for() {
    let server = Running::start(faulty(), ServeOptions::default());
    for (path, sent) in [("/cut", 3000), ("/cut-at-once", 0), ("/cut-too-late", 4999)] {
        let mut bytes = Vec::new();
        send(&server, path).read_to_end(&mut bytes).unwrap();
        assert_eq!(split(&bytes), (sent, Some(5000)), "{path}");
    }
    assert_eq!(server.line(), json!({ "fault": "truncated", "request": 1 }));
}

#[tokio::test]
async fn a_cut_answer_is_an_error_to_a_client_also_over_tls() {
    for https in [false, true] {
        let (server, client) = secure(https);
        let response = client.get(server.url("/cut")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.is_err(), "https: {https}");
    }
}

#[test]
fn a_reset_is_a_reset() {
    let server = Running::start(faulty(), ServeOptions::default());
    let mut socket = send(&server, "/reset");
    let error = socket.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.line(), json!({ "fault": "reset", "request": 1 }));
}

#[test]
fn silence_is_announced_at_once_keeps_its_connection_and_leaves_others_alone() {
    let server = Running::start(faulty(), ServeOptions::default());
    let mut first = send(&server, "/fine");
    let mut head = [0; 15];
    first.read_exact(&mut head).unwrap();
    let mut silent = send(&server, "/silence");
    assert_eq!(server.line(), json!({ "fault": "silence", "request": 2 }));
    silent.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = silent.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    let mut other = send(&server, "/fine");
    other.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert_eq!(server.more_lines(), Vec::<String>::new());
}

#[tokio::test]
async fn the_announced_answer_can_be_read_whole_when_its_line_appears() {
    for path in ["/fine", "/big", "/empty"] {
        for https in [false, true] {
            let options = ServeOptions { announce: Some(2), https, ..ServeOptions::default() };
            let (server, client) = secure_with(options);
            for number in 1..=3 {
                let response = client.get(server.url(path)).send().await.unwrap();
                response.bytes().await.unwrap();
                match number {
                    2 => assert_eq!(server.line(), json!({ "answered": 2 }), "{path}"),
                    _ => assert_eq!(server.more_lines(), Vec::<String>::new(), "{path}"),
                }
            }
        }
    }
}

#[test]
fn an_answer_is_not_announced_before_the_socket_took_it() {
    let options = ServeOptions { announce: Some(1), ..ServeOptions::default() };
    let server = Running::start(Scripted::new(|_| Reply::Answer(ok(&vec![b'z'; 60_000_000]))), options);
    // More than the kernel buffers of both ends hold: it cannot be written while nobody reads.
    let mut socket = send(&server, "/huge");
    let mut start = [0; 1000];
    socket.read_exact(&mut start).unwrap();
    assert_eq!(server.more_lines(), Vec::<String>::new());
    std::io::copy(&mut (&socket).take(60_000_000 - 2000), &mut std::io::sink()).unwrap();
    assert_eq!(server.line(), json!({ "answered": 1 }));
}

/// A server with or without TLS and a client that trusts nothing but its authority.
fn secure(https: bool) -> (Running, reqwest::Client) {
    secure_with(ServeOptions { https, ..ServeOptions::default() })
}

fn secure_with(options: ServeOptions) -> (Running, reqwest::Client) {
    let server = Running::start(faulty(), options);
    let client = match server.ready["ca"].as_str() {
        None => client(),
        Some(path) => {
            let pem = std::fs::read(path).unwrap();
            reqwest::Client::builder()
                .no_proxy()
                .timeout(HANG)
                .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
                .build()
                .unwrap()
        }
    };
    (server, client)
}

#[tokio::test]
async fn https_needs_the_authority_of_the_ready_line_which_ends_with_the_server() {
    let (server, trusting) = secure(true);
    assert!(server.endpoint().starts_with("https://127.0.0.1:"));
    let by_address = trusting.get(server.url("/fine")).send().await.unwrap();
    assert_eq!(by_address.status(), 200);
    let by_name = server.url("/fine").replace("127.0.0.1", "localhost");
    assert_eq!(trusting.get(by_name).send().await.unwrap().status(), 200);
    assert!(client().get(server.url("/fine")).send().await.unwrap_err().is_connect());

    let file = std::path::PathBuf::from(server.ready["ca"].as_str().unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let pem = std::fs::read_to_string(&file).unwrap();
    assert!(pem.contains("BEGIN CERTIFICATE") && !pem.contains("PRIVATE"), "{pem}");
    server.end().unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn a_named_certificate_file_is_written_there_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new").join("ca.pem");
    let server = Running::start(
        faulty(),
        ServeOptions { https: true, ca_file: Some(file.clone()), ..ServeOptions::default() },
    );
    assert_eq!(server.ready["ca"], json!(file));
    server.end().unwrap();
    assert!(file.exists());
}

#[test]
fn connections_beyond_the_limit_wait_until_one_ends() {
    let server = Running::start(
        faulty(),
        ServeOptions { limits: Limits { connections: 1, ..Limits::default() }, ..ServeOptions::default() },
    );
    let first = send(&server, "/silence");
    assert_eq!(server.line(), json!({ "fault": "silence", "request": 1 }));
    let mut second = send(&server, "/fine");
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read(&mut [0; 1]).is_err());
    drop(first);
    second.set_read_timeout(Some(HANG)).unwrap();
    let mut head = [0; 15];
    second.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

#[test]
fn a_client_that_sends_half_a_head_is_let_go() {
    let server = Running::start(
        faulty(),
        ServeOptions {
            limits: Limits { head_time: Duration::from_millis(50), ..Limits::default() },
            ..ServeOptions::default()
        },
    );
    let mut socket = TcpStream::connect(server.authority()).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.write_all(b"GET /fine HTTP/1.1\r\nho").unwrap();
    let mut bytes = Vec::new();
    // The connection ends, with or without a word; it must not hang.
    let _ = socket.read_to_end(&mut bytes);
    assert!(!String::from_utf8_lossy(&bytes).contains("200 OK"));
}

#[test]
fn the_end_comes_although_an_answer_never_does() {
    let server = Running::start(
        faulty(),
        ServeOptions {
            limits: Limits { grace: Duration::from_millis(50), ..Limits::default() },
            ..ServeOptions::default()
        },
    );
    let mut silent = send(&server, "/silence");
    server.line();
    assert_eq!(server.end().unwrap().requests, 1);
    let mut bytes = Vec::new();
    let _ = silent.read_to_end(&mut bytes);
    assert!(bytes.is_empty());
}

#[tokio::test]
async fn a_taken_port_and_a_closed_output_are_errors_of_their_own() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = Running::start(faulty(), ServeOptions::default());
    let port = server.authority().rsplit_once(':').unwrap().1.parse().unwrap();
    let options = |port| ServeOptions { port, ..ServeOptions::default() };
    let never = std::future::pending::<()>;
    let taken = serve(faulty(), options(port), &mut Vec::new(), never()).await;
    assert!(matches!(taken, Err(ServeError::Listen { port: got, .. }) if got == port));
    let closed = serve(faulty(), options(0), &mut Closed, never()).await;
    assert!(matches!(closed, Err(ServeError::Output(_))));
}
