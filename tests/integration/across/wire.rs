//! A small internet on loopback: one server that answers https under whatever names a certificate of ours says, and
//! a proxy that leads every name there and writes down what passes through it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// No peer here is waited for longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was written down.
pub type Record<T> = Arc<Mutex<Vec<T>>>;

fn held<T: Clone>(record: &Record<T>) -> Vec<T> {
    record.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// An HTTP request: the head as it came, and the body.
#[derive(Clone, Debug)]
pub struct Request {
    pub head: String,
    pub body: String,
}

impl Request {
    /// The value of a header; `name` in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// `Host`, then method and path.
    pub fn line(&self) -> String {
        let first = self.head.lines().next().unwrap_or_default();
        format!("{} {}", self.header("host").unwrap_or("?"), first.trim_end_matches(" HTTP/1.1"))
    }

    fn read(stream: &mut impl Read) -> Option<Request> {
        let mut bytes = Vec::new();
        let mut one = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            if stream.read(&mut one).ok()? == 0 {
                return None;
            }
            bytes.push(one[0]);
        }
        let mut request = Request { head: String::from_utf8_lossy(&bytes).into_owned(), body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        Some(request)
    }
}

/// An answer: status and JSON.
pub type Answer = (u16, String);

fn write(stream: &mut impl Write, (status, body): &Answer) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.flush();
}

/// A server of ours, over TLS or not.
pub struct Site {
    pub address: SocketAddr,
    /// The file with the authority of its certificate.
    pub ca: PathBuf,
    requests: Record<Request>,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Answers https under `names`, with a certificate that is in force for another `days`.
    pub fn https(
        names: &[&str],
        days: i64,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Site {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let now = time::OffsetDateTime::now_utc();
        params.not_before = now - time::Duration::days(400);
        params.not_after = now + time::Duration::days(days);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Site::serve(&authority.pem(), Some(Arc::new(config)), answer)
    }

    /// Answers plain http.
    pub fn http(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Site {
        Site::serve("", None, answer)
    }

    fn serve(
        ca: &str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, ca).unwrap();
        let requests = Record::default();
        let (into, answer) = (Arc::clone(&requests), Arc::new(answer));
        let address = listen(move |mut stream| {
            let mut secure = tls.clone().map(|config| {
                StreamOwned::new(ServerConnection::new(config).unwrap(), stream.try_clone().unwrap())
            });
            let request = match &mut secure {
                Some(secure) => Request::read(secure),
                None => Request::read(&mut stream),
            };
            let Some(request) = request else { return };
            let said = answer(&request);
            into.lock().unwrap().push(request);
            match &mut secure {
                Some(secure) => {
                    write(secure, &said);
                    secure.conn.send_close_notify();
                    let _ = secure.flush();
                }
                None => write(&mut stream, &said),
            }
        });
        Site { address, ca: file, requests, _folder: folder }
    }

    pub fn requests(&self) -> Vec<Request> {
        held(&self.requests)
    }
}

/// Each connection in a thread of its own.
fn listen(each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let each = Arc::clone(&each);
            std::thread::spawn(move || each(stream));
        }
    });
    address
}

/// What a proxy does with a CONNECT.
#[derive(Clone, Debug)]
pub enum Does {
    /// Leads to this address, whatever name was asked for.
    Connects(SocketAddr),
    /// Answers this and closes.
    Says(&'static str),
    /// Closes.
    Closes,
    /// Says nothing for as long as the client stays.
    Waits,
}

/// A proxy.
pub struct Proxy {
    pub address: SocketAddr,
    heads: Record<String>,
    passed: Record<u8>,
}

impl Proxy {
    pub fn start(does: Does) -> Proxy {
        let (heads, passed) = (Record::default(), Record::default());
        let (names, bytes) = (Arc::clone(&heads), Arc::clone(&passed));
        let address = listen(move |mut stream| {
            let Some(request) = Request::read(&mut stream) else { return };
            names.lock().unwrap().push(request.head);
            match &does {
                Does::Connects(to) => {
                    let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                    let there = TcpStream::connect(to).unwrap();
                    let (back, away) = (there.try_clone().unwrap(), stream.try_clone().unwrap());
                    let record = Arc::clone(&bytes);
                    std::thread::spawn(move || pass(back, away, &record));
                    pass(stream, there, &bytes);
                }
                Does::Says(answer) => {
                    let _ = stream.write_all(answer.as_bytes());
                }
                Does::Closes => {}
                Does::Waits => {
                    let _ = stream.read(&mut [0]);
                }
            }
        });
        Proxy { address, heads, passed }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first lines of what it was asked.
    pub fn asked(&self) -> Vec<String> {
        self.heads().iter().filter_map(|head| head.lines().next().map(str::to_owned)).collect()
    }

    pub fn heads(&self) -> Vec<String> {
        held(&self.heads)
    }

    /// Everything that passed through it, in either direction.
    pub fn passed(&self) -> Vec<u8> {
        held(&self.passed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, record: &Record<u8>) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        record.lock().unwrap().extend_from_slice(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
