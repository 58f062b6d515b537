//! A transport that answers by script, and a client on a clock that only waiting moves.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};

use acarecipe::azure::{ArmClient, ArmRequest, ClientEvent, ClientSettings, Endpoint};
use acarecipe::clock::{Clock, VirtualClock};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, Transport};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Takes the request and closes the connection.
    Reset,
    /// No connection comes about.
    Refused,
    /// Never answers.
    Silence,
    /// Sends the head and a part of the body, then closes.
    Truncated(&'static str),
    /// Sends the head and a part of the body, then nothing more.
    Stalls(&'static str),
    /// A body without end.
    Endless,
}

pub(super) fn ok(body: &str) -> Act {
    answer(200, body)
}

pub(super) fn answer(status: u16, body: &str) -> Act {
    Act::Answer(status, Vec::new(), body.as_bytes().to_vec())
}

impl Act {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Act {
        if let Act::Answer(_, headers, _) = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) at: OffsetDateTime,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(super) struct Server {
    acts: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<Seen>>,
    clock: VirtualClock,
}

#[async_trait::async_trait]
impl HttpClient for Server {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else { panic!("a streamed body") };
        self.seen.lock().unwrap().push(Seen {
            method: request.method().to_string(),
            url: request.url().to_string(),
            headers: request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()))
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            at: self.clock.now(),
        });
        let act = self.acts.lock().unwrap().pop_front().expect("a request beyond the script");
        let broken = || Error::with_message(ErrorKind::Io, "connection reset by peer");
        match act {
            Act::Answer(status, named, body) => {
                let mut headers = Headers::new();
                for (name, value) in named {
                    headers.insert(name, value);
                }
                Ok(AsyncRawResponse::from_bytes(status.into(), headers, body))
            }
            Act::Reset => Err(broken()),
            Act::Refused => Err(Error::with_message(ErrorKind::Connection, "dns error: no such host")),
            Act::Silence => std::future::pending().await,
            Act::Truncated(part) => {
                let chunks = vec![Ok(Bytes::from_static(part.as_bytes())), Err(broken())];
                Ok(AsyncRawResponse::new(200.into(), Headers::new(), stream::iter(chunks).boxed()))
            }
            Act::Stalls(part) => {
                let body = stream::iter([Ok(Bytes::from_static(part.as_bytes()))]).chain(stream::pending());
                Ok(AsyncRawResponse::new(200.into(), Headers::new(), body.boxed()))
            }
            Act::Endless => {
                let body = stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 16 * 1024])));
                Ok(AsyncRawResponse::new(200.into(), Headers::new(), body.boxed()))
            }
        }
    }
}

/// A client, its server, its clock and what it told.
pub(super) struct World {
    pub(super) client: ArmClient,
    pub(super) server: Arc<Server>,
    pub(super) clock: VirtualClock,
    pub(super) events: Arc<Mutex<Vec<ClientEvent>>>,
}

pub(super) const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);
pub(super) const APP: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web";
pub(super) const VERSION: &str = "2026-01-01";

impl World {
    pub(super) fn new(acts: impl IntoIterator<Item = Act>) -> World {
        World::with(acts, |transport| Endpoint::sandbox(transport, "owner"), |_| {})
    }

    pub(super) fn with(
        acts: impl IntoIterator<Item = Act>,
        endpoint: impl FnOnce(Transport) -> Endpoint,
        adjust: impl FnOnce(&mut ClientSettings),
    ) -> World {
        let clock = VirtualClock::new(START);
        let server = Arc::new(Server {
            acts: Mutex::new(acts.into_iter().collect()),
            seen: Mutex::default(),
            clock: clock.clone(),
        });
        let events = Arc::new(Mutex::new(Vec::new()));
        let transport = Transport::new(Arc::clone(&server) as Arc<dyn HttpClient>);
        let mut settings = ClientSettings::new(endpoint(transport), Arc::new(clock.clone()));
        let told = Arc::clone(&events);
        settings.events = Arc::new(move |event| told.lock().unwrap().push(event));
        adjust(&mut settings);
        World { client: ArmClient::new(settings), server, clock, events }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.server.seen.lock().unwrap().clone()
    }

    /// Seconds since the start, of every request.
    pub(super) fn times(&self) -> Vec<i64> {
        self.seen().iter().map(|seen| (seen.at - START).whole_seconds()).collect()
    }

    /// Seconds since the start.
    pub(super) fn elapsed(&self) -> i64 {
        (self.clock.now() - START).whole_seconds()
    }

    /// Whether the script was used up.
    pub(super) fn finished(&self) -> bool {
        self.server.acts.lock().unwrap().is_empty()
    }

    pub(super) fn events(&self) -> Vec<ClientEvent> {
        self.events.lock().unwrap().clone()
    }
}

pub(super) fn in_minutes(minutes: i64) -> OffsetDateTime {
    START + Duration::minutes(minutes)
}

pub(super) fn get() -> ArmRequest {
    ArmRequest::get(APP, VERSION)
}

/// A process that runs one ignored test of this binary and nothing else.
pub(super) fn alone(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored"]);
    command
}
