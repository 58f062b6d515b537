//! The program as a process of its own: the sandbox it serves, and the client that works on it.

#![allow(dead_code, reason = "a kit for tests across processes, not all of which use all of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use acarecipe::sandbox::serve::HEADER;
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// The wall-clock limit of one step in these tests: reached only by a hang.
pub const HANG: Duration = Duration::from_secs(60);

/// How often something that can only be looked at is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// The program, without anything of the surroundings but what a process needs to start.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acarecipe"));
    command.env_clear();
    for name in ["PATH", "SystemRoot", "TEMP", "TMP", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// `sandbox serve` in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub endpoint: String,
    /// The certificate of the authority, when it serves https.
    pub ca: Option<String>,
    /// Where it answers for names.
    pub dns: String,
    token: String,
    lines: Receiver<Json>,
}

impl Server {
    /// Serves a fresh Azure in which everything is done at once, but for what `flags` say.
    pub fn start(flags: &[&str]) -> Server {
        let mut child = program()
            .args(["sandbox", "serve"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut server = Server {
            child,
            endpoint: String::new(),
            ca: None,
            dns: String::new(),
            token: String::new(),
            lines,
        };
        let ready = server.event();
        ready["endpoint"].as_str().unwrap().clone_into(&mut server.endpoint);
        server.ca = ready["ca"].as_str().map(str::to_owned);
        ready["dns"].as_str().unwrap().clone_into(&mut server.dns);
        ready["token"].as_str().unwrap().clone_into(&mut server.token);
        server
    }

    /// The next line it writes.
    pub fn event(&self) -> Json {
        self.lines.recv_timeout(HANG).unwrap_or_else(|error| panic!("the server wrote no line: {error}"))
    }

    /// Waits until it writes this line; others before it do not matter.
    pub fn until(&self, wanted: &Json) {
        let end = Instant::now() + HANG;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line == *wanted => return,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("the server never wrote {wanted}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the server ended before {wanted}"),
            }
        }
    }

    /// Waits until it writes this line, no longer than `limit`; `false`: the client ended without it.
    pub fn until_or_end(&self, wanted: &Json, client: &mut Client, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) if line == *wanted => return true,
                Err(RecvTimeoutError::Timeout) if client.child.try_wait().unwrap().is_some() => return false,
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the server ended before {wanted}"),
            }
        }
        let seen = self.exchanges();
        panic!("the server never wrote {wanted}; of {} exchanges: {:#?}", seen.len(), seen.last());
    }

    /// Waits until a request gets no answer; its number.
    pub fn silence(&self) -> usize {
        loop {
            let line = self.event();
            if line["fault"] == "silence" {
                return usize::try_from(line["request"].as_u64().unwrap()).unwrap();
            }
        }
    }

    /// One request to the control API.
    fn control(&self, method: &str, path: &str, body: &str) -> Json {
        let Some(authority) = self.endpoint.strip_prefix("http://") else {
            return self.control_over_tls(method, path, body);
        };
        let mut socket = TcpStream::connect(authority).unwrap();
        socket.set_read_timeout(Some(HANG)).unwrap();
        let token = &self.token;
        let length = body.len();
        write!(
            socket,
            "{method} /_sandbox/{path} HTTP/1.1\r\nhost: {authority}\r\n{HEADER}: {token}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        assert!(status.starts_with('2'), "{method} {path}: {answer}");
        if body.is_empty() { Json::Null } else { serde_json::from_str(body).unwrap() }
    }

    fn control_over_tls(&self, method: &str, path: &str, body: &str) -> Json {
        let pem = std::fs::read(self.ca.as_ref().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let authority = reqwest::Certificate::from_pem(&pem).unwrap();
            let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).timeout(HANG);
            let response = client
                .build()
                .unwrap()
                .request(method.parse().unwrap(), format!("{}/_sandbox/{path}", self.endpoint))
                .header(HEADER, &self.token)
                .body(body.to_owned())
                .send()
                .await
                .unwrap();
            let status = response.status();
            let answer = response.text().await.unwrap();
            assert!(status.is_success(), "{method} {path}: {answer}");
            if answer.is_empty() { Json::Null } else { serde_json::from_str(&answer).unwrap() }
        })
    }

    /// Everything it holds.
    pub fn state(&self) -> State {
        serde_json::from_value(self.control("GET", "state", "")).unwrap()
    }

    /// Puts `state` in place of what it holds.
    pub fn replace(&self, state: &State) {
        self.control("PUT", "state", &serde_json::to_string(state).unwrap());
    }

    /// Replaces what goes wrong.
    pub fn faults(&self, faults: &[&str]) {
        self.control("PUT", "faults", &json!(faults).to_string());
    }

    /// Announces the answer to the request of this number.
    pub fn announce(&self, number: usize) {
        self.control("PUT", "announce", &json!(number).to_string());
    }

    /// Every exchange so far.
    pub fn exchanges(&self) -> Vec<Json> {
        match self.control("GET", "exchanges", "") {
            Json::Array(exchanges) => exchanges,
            other => panic!("no list: {other}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client in a process of its own, with an empty home and no state folder; killed when dropped.
pub struct Client {
    child: Child,
    out: Option<Told>,
    err: Option<Told>,
    _home: Arc<TempDir>,
}

/// How a client ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    pub after: Duration,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// An empty home.
pub fn home() -> Arc<TempDir> {
    Arc::new(tempfile::tempdir().unwrap())
}

/// A client to be started.
pub struct Start {
    command: Command,
    home: Arc<TempDir>,
}

impl Start {
    /// The owner works on the seeded app behind `endpoint` with these arguments.
    pub fn new(endpoint: &str, arguments: &[&str]) -> Start {
        Start::in_the_cloud(&[arguments, &["--arm-endpoint", endpoint]].concat())
            .env("ACARECIPE_AUTH", "token")
            .env("ACARECIPE_ACCESS_TOKEN", "sandbox-owner")
    }

    /// Works on the seeded app in Azure itself, with whatever credential its variables will choose.
    pub fn in_the_cloud(arguments: &[&str]) -> Start {
        let mut command = program();
        command.args(arguments).envs(seed::DEFAULTS.iter().copied());
        let home = home();
        Start { command, home: Arc::clone(&home) }.at_home(&home)
    }

    /// With this home, and what earlier processes have left there.
    pub fn at_home(mut self, home: &Arc<TempDir>) -> Start {
        self.home = Arc::clone(home);
        self.command.current_dir(home.path());
        for name in ["HOME", "USERPROFILE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "AZURE_CONFIG_DIR"] {
            self.command.env(name, home.path());
        }
        self
    }

    /// The folder it will be started in.
    pub fn folder(&self) -> &std::path::Path {
        self.home.path()
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Start {
        self.command.env(name, value);
        self
    }

    pub fn spawn(mut self) -> Client {
        let mut child =
            self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().map(collect);
        let err = child.stderr.take().map(collect);
        Client { child, out, err, _home: self.home }
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        self.spawn().end(HANG)
    }
}

/// What a process writes, as it comes.
struct Told {
    text: Arc<Mutex<Vec<u8>>>,
    end: JoinHandle<()>,
}

fn collect(mut stream: impl Read + Send + 'static) -> Told {
    let text = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&text);
    let end = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            told.lock().unwrap().extend_from_slice(&bytes[..read]);
        }
    });
    Told { text, end }
}

impl Told {
    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn all(self) -> String {
        self.end.join().unwrap();
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}

impl Client {
    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says `words` on stderr.
    pub fn until_told(&self, words: &str) {
        let end = Instant::now() + HANG;
        loop {
            let told = self.err.as_ref().unwrap().so_far();
            if told.contains(words) {
                return;
            }
            assert!(Instant::now() < end, "it never said `{words}`: {told}");
            std::thread::sleep(LOOK);
        }
    }

    /// SIGKILL (or what the system has for it).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end, no longer than `limit`.
    pub fn end(mut self, limit: Duration) -> Ended {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let after = start.elapsed();
                let text = |stream: Option<Told>| stream.unwrap().all();
                return Ended { status, out: text(self.out.take()), err: text(self.err.take()), after };
            }
            if start.elapsed() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let err = self.err.take().unwrap().all();
                panic!("the client did not end within {limit:?}:\n{err}");
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
