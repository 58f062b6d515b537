//! The way to databases over real sockets: nothing waits for ever, and the token goes nowhere before TLS with
//! the right name is up. The servers here speak as much TDS as it takes to be trusted or not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use acarecipe::azure::sql::{SqlError, SqlRequest, SqlServer, Tds};
use azure_core::credentials::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

const HOST: &str = "sql-demo.database.windows.net";
const TOKEN: &str = "eyJ0-very-secret-token-of-the-caller";
const LIMIT: Duration = Duration::from_millis(400);
const SOON: Duration = Duration::from_secs(10);

/// What arrived at a server: as it came, and what TLS made of it.
#[derive(Default)]
struct Arrived {
    connections: usize,
    raw: Vec<u8>,
    plain: Vec<u8>,
}

/// How a server greets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// It never answers.
    Silence,
    /// It answers something else.
    Noise,
    /// It has no TLS.
    NoTls,
    /// TLS, then this answer to the login.
    Tls(Answer),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Refused,
    MovedTo(&'static str),
    Silence,
}

struct Server {
    address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
    ca: PathBuf,
    _folder: tempfile::TempDir,
}

impl Server {
    /// A server whose certificate carries `name`.
    fn start(name: &str, greeting: Greeting) -> Server {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        // After the handshake the protocol has no packets around records any more.
        config.send_tls13_tickets = 0;
        let config = Arc::new(config);
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let told = Arc::clone(&arrived);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                socket.set_read_timeout(Some(SOON)).unwrap();
                told.lock().unwrap().connections += 1;
                // Whatever goes wrong is the client's to tell.
                let _ = serve(&mut socket, greeting, &config, &told);
                open.push(socket);
            }
        });
        Server { address, arrived, ca, _folder: folder }
    }

    fn ask(&self) -> (SqlError, Duration) {
        ask(&Tds::new(Some(self.ca.clone()), LIMIT).at(self.address))
    }

    fn arrived(&self) -> std::sync::MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap()
    }
}

fn ask(way: &Tds) -> (SqlError, Duration) {
    let request = SqlRequest {
        host: HOST.to_owned(),
        database: "appdb".to_owned(),
        token: Secret::new(TOKEN),
        text: "SELECT N'1'".to_owned(),
        parameters: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = Instant::now();
    let answer = runtime.block_on(async { tokio::time::timeout(SOON, way.query(&request)).await });
    let error = answer.expect("it waits for ever").unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    (error, start.elapsed())
}

/// One TDS packet's payload.
fn packet(socket: &mut TcpStream, arrived: &Mutex<Arrived>) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 8];
    socket.read_exact(&mut head)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let mut body = vec![0; length.saturating_sub(8)];
    socket.read_exact(&mut body)?;
    let raw = &mut arrived.lock().unwrap().raw;
    raw.extend_from_slice(&head);
    raw.extend_from_slice(&body);
    Ok(body)
}

fn wrapped(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
    let mut all = vec![kind, 1, length[0], length[1], 0, 0, 1, 0];
    all.extend_from_slice(body);
    all
}

fn serve(
    socket: &mut TcpStream,
    greeting: Greeting,
    config: &Arc<ServerConfig>,
    arrived: &Mutex<Arrived>,
) -> std::io::Result<()> {
    let failed = |error: tokio_rustls::rustls::Error| std::io::Error::other(error);
    packet(socket, arrived)?;
    // Version, encryption (on, or not supported), federated authentication.
    let encryption = if greeting == Greeting::NoTls { 2 } else { 1 };
    let prelogin = [0, 0, 16, 0, 6, 1, 0, 22, 0, 1, 6, 0, 23, 0, 1, 0xff, 12, 0, 8, 0, 0, 0, encryption, 1];
    let answer = match greeting {
        Greeting::Silence => return Ok(()),
        Greeting::Noise => return socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Greeting::NoTls => {
            socket.write_all(&wrapped(4, &prelogin))?;
            // What comes now would come in the clear.
            packet(socket, arrived)?;
            return Ok(());
        }
        Greeting::Tls(answer) => answer,
    };
    socket.write_all(&wrapped(4, &prelogin))?;
    let mut tls = ServerConnection::new(Arc::clone(config)).map_err(failed)?;
    while tls.is_handshaking() {
        let body = packet(socket, arrived)?;
        let mut rest = body.as_slice();
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            tls.process_new_packets().map_err(failed)?;
        }
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out)?;
        }
        if !out.is_empty() {
            socket.write_all(&wrapped(0x12, &out))?;
        }
    }
    // The login: one packet of the protocol within TLS.
    let mut login = Vec::new();
    while login.len() < 8 || login.len() < usize::from(u16::from_be_bytes([login[2], login[3]])) {
        let mut bytes = [0; 4096];
        let count = socket.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        arrived.lock().unwrap().raw.extend_from_slice(&bytes[..count]);
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(failed)?;
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain)?;
            login.extend_from_slice(&plain);
        }
    }
    arrived.lock().unwrap().plain.extend_from_slice(&login);
    let tokens = match answer {
        Answer::Silence => return Ok(()),
        Answer::Refused => error_token(18_456, "Login failed for user '<token-identified principal>'."),
        Answer::MovedTo(host) => moved_token(host),
    };
    tls.writer().write_all(&wrapped(4, &tokens))?;
    let mut out = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut out)?;
    }
    socket.write_all(&out)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// `ERROR`, then `DONE` with its error bit.
fn error_token(number: u32, message: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([1, 14]);
    body.extend(u16::try_from(message.encode_utf16().count()).unwrap().to_le_bytes());
    body.extend(utf16(message));
    body.extend([0, 0, 1, 0, 0, 0]);
    let mut all = vec![0xaa];
    all.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
    all.extend(body);
    all.extend(done(2));
    all
}

/// `ENVCHANGE` of the routing kind, then `DONE`.
fn moved_token(host: &str) -> Vec<u8> {
    let mut value = vec![0];
    value.extend(11_000_u16.to_le_bytes());
    value.extend(u16::try_from(host.len()).unwrap().to_le_bytes());
    value.extend(utf16(host));
    let mut body = vec![20];
    body.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    body.extend(value);
    body.extend([0, 0]);
    let mut all = vec![0xe3];
    all.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
    all.extend(body);
    all.extend(done(0));
    all
}

fn done(status: u16) -> Vec<u8> {
    let mut all = vec![0xfd];
    all.extend(status.to_le_bytes());
    all.extend([0; 10]);
    all
}

fn holds(bytes: &[u8], text: &str) -> bool {
    [text.as_bytes().to_vec(), utf16(text)]
        .iter()
        .any(|part| bytes.windows(part.len()).any(|window| window == part.as_slice()))
}

#[test]
fn a_connection_that_is_refused_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (error, after) = ask(&Tds::new(None, LIMIT).at(free));
    assert!(matches!(&error, SqlError::Unreachable { sent: false, .. }), "{error:?}");
    assert!(error.to_string().contains("port 1433") && after < SOON, "{error} {after:?}");
}

#[test]
fn silence_ends_at_the_limit_wherever_it_begins() {
    for greeting in [Greeting::Silence, Greeting::Tls(Answer::Silence)] {
        let server = Server::start(HOST, greeting);
        let (error, after) = server.ask();
        assert!(matches!(&error, SqlError::Timeout { sent: false, .. }), "{error:?}");
        assert!(after >= LIMIT / 2 && after < SOON, "{after:?}");
    }
}

#[test]
fn who_speaks_no_tls_sees_no_token() {
    for greeting in [Greeting::NoTls, Greeting::Noise] {
        let server = Server::start(HOST, greeting);
        let (error, _) = server.ask();
        assert!(
            matches!(&error, SqlError::Unreachable { sent: false, .. } | SqlError::Timeout { .. }),
            "{error:?}"
        );
        let arrived = server.arrived();
        assert!(!arrived.raw.is_empty() && !holds(&arrived.raw, TOKEN));
    }
}

#[test]
fn who_has_the_certificate_of_another_name_sees_no_token() {
    for name in ["sql-other.database.windows.net", "127.0.0.1", "database.windows.net"] {
        let server = Server::start(name, Greeting::Tls(Answer::Refused));
        let (error, _) = server.ask();
        assert!(error.to_string().to_lowercase().contains("certificate"), "{name}: {error}");
        let arrived = server.arrived();
        assert!(arrived.plain.is_empty() && !holds(&arrived.raw, TOKEN), "{name}");
    }
    // The right name, of an authority that nobody trusts.
    let server = Server::start(HOST, Greeting::Tls(Answer::Refused));
    let other = Server::start(HOST, Greeting::Silence);
    let (error, _) = ask(&Tds::new(Some(other.ca.clone()), LIMIT).at(server.address));
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert!(server.arrived().plain.is_empty());
}

#[test]
fn within_tls_with_the_right_name_the_token_logs_in_and_a_refusal_is_understood() {
    let server = Server::start(HOST, Greeting::Tls(Answer::Refused));
    let (error, _) = server.ask();
    assert!(matches!(&error, SqlError::LoginFailed { number: 18_456, .. }), "{error:?}");
    let arrived = server.arrived();
    assert!(holds(&arrived.plain, TOKEN), "the login has the token");
    assert!(!holds(&arrived.raw, TOKEN), "and nothing outside TLS has");
}

#[test]
fn a_server_cannot_send_the_token_on_to_another_service() {
    for host in ["sql-demo.evil.example", "evildatabase.windows.net", "database.windows.net"] {
        let server = Server::start(HOST, Greeting::Tls(Answer::MovedTo(host)));
        let (error, _) = server.ask();
        assert!(error.to_string().contains("not of its cloud"), "{host}: {error}");
        assert_eq!(server.arrived().connections, 1, "{host}");
    }
    // One of the service is followed, and has to show its own certificate.
    let server = Server::start(HOST, Greeting::Tls(Answer::MovedTo("a1.tr2.worker.database.windows.net")));
    let (error, _) = server.ask();
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    assert_eq!(server.arrived().connections, 2);
}
