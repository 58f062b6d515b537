//! `sandbox serve` in a thread of the test, and the lines it writes.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use acarecipe::sandbox::faults::FaultError;
use acarecipe::sandbox::http::{Reply, Request, Response};
use acarecipe::sandbox::serve::{ServeError, ServeOptions, Served, serve};
use acarecipe::sandbox::{Delays, Handler, Inspect, Options, Sandbox};
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

/// The wall-clock limit of anything in these tests: reached only by a hang.
pub const HANG: Duration = Duration::from_secs(20);

/// An Azure that answers by a function and remembers what it was asked.
pub struct Scripted {
    script: Box<dyn Fn(&Request) -> Reply + Send + Sync>,
    pub asked: Mutex<Vec<Request>>,
    pub state: Mutex<Json>,
}

impl Scripted {
    pub fn new(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Arc<Scripted> {
        Arc::new(Scripted {
            script: Box::new(script),
            asked: Mutex::default(),
            state: Mutex::new(json!({ "apps": [] })),
        })
    }

    /// Answers everything with 200 and `{"value":[]}`.
    pub fn content() -> Arc<Scripted> {
        Scripted::new(|_| Reply::Answer(ok(br#"{"value":[]}"#)))
    }
}

impl Handler for Scripted {
    fn handle(&self, request: &Request) -> Reply {
        self.asked.lock().unwrap().push(request.clone());
        (self.script)(request)
    }
}

impl Inspect for Scripted {
    fn state_json(&self) -> serde_json::Result<Json> {
        Ok(self.state.lock().unwrap().clone())
    }

    fn replace_state(&self, state: Json) -> serde_json::Result<()> {
        let apps: Vec<String> = serde_json::from_value(state["apps"].clone())?;
        *self.state.lock().unwrap() = json!({ "apps": apps });
        Ok(())
    }

    fn exchange_records(&self) -> Vec<Json> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|request| json!({ "method": request.method, "path": request.path, "status": 200 }))
            .collect()
    }

    fn replace_faults(&self, _: &[String]) -> Result<(), FaultError> {
        Ok(())
    }
}

/// The seeded Azure on the real clock, which keeps nobody waiting.
pub fn prompt_azure() -> Sandbox {
    faulty_azure(&[])
}

/// The same, in which these things go wrong.
pub fn faulty_azure(faults: &[&str]) -> Sandbox {
    let none = Duration::ZERO;
    let delays = Delays {
        operation: none,
        revision: none,
        role: none,
        principal: none,
        retry_after: Duration::from_millis(5),
    };
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    Sandbox::new(Options { delays, faults, ..Options::new(Arc::new(time::OffsetDateTime::now_utc)) })
}

/// 200 with this JSON.
pub fn ok(body: &[u8]) -> Response {
    Response {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_vec(),
    }
}

/// A server in a thread of its own; ends when dropped.
pub struct Running {
    /// The ready line.
    pub ready: Json,
    lines: Receiver<String>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<Served, ServeError>>>,
}

impl Running {
    /// Serves `azure` and waits for the ready line.
    pub fn start<S: Handler + Inspect + 'static>(azure: S, options: ServeOptions) -> Running {
        let (written, lines) = channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut out = Lines { written, partial: Vec::new() };
            runtime.block_on(serve(azure, options, &mut out, async {
                let _ = stopped.await;
            }))
        });
        let mut running = Running { ready: Json::Null, lines, stop: Some(stop), thread: Some(thread) };
        running.ready = running.line();
        assert_eq!(running.ready["ready"], json!(true));
        running
    }

    /// The next line that the server writes.
    pub fn line(&self) -> Json {
        let line = self.lines.recv_timeout(HANG).expect("the server wrote no line");
        serde_json::from_str(&line).unwrap()
    }

    /// The lines written so far and not yet taken.
    pub fn more_lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    pub fn endpoint(&self) -> &str {
        self.ready["endpoint"].as_str().unwrap()
    }

    /// `127.0.0.1:port`.
    pub fn authority(&self) -> &str {
        self.endpoint().split_once("://").unwrap().1
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint())
    }

    /// Asks for the end and waits for it.
    pub fn end(mut self) -> Result<Served, ServeError> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A `Write` that sends on every whole line.
struct Lines {
    written: Sender<String>,
    partial: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.partial)).unwrap();
                let _ = self.written.send(line);
            } else {
                self.partial.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An HTTP client that uses no proxy and gives up long after any test should have ended.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(HANG).build().unwrap()
}

/// The body of `response` as JSON.
pub async fn body(response: reqwest::Response) -> Json {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
