//! The in-process Azure itself: requests in, answers out, time moved by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod auth;
mod cosmos;
mod dapr;
mod dns;
mod domains;
mod faults;
mod gates;
mod hosts;
mod identities;
mod jobs;
mod redis;
mod references;
mod registries;
mod registry_api;
mod revisions;
mod roles;
mod secrets;
mod sql;
mod sql_batches;
mod storage;
mod switches;
mod tasks;
mod traffic;
mod volumes;
mod writes;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::sandbox::http::{Reply, Request, Response};
use acarecipe::sandbox::{Delays, Fault, Options, Sandbox, Service, State, Switches, seed};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;

/// A sandbox with a clock that only [`World::pass`] moves.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    now: Arc<Mutex<OffsetDateTime>>,
    caller: String,
    /// Whether its exchanges are what the schemas describe.
    usual: bool,
}

/// An answer with its body read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Json,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or("(no code)")
    }

    pub(super) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or("(no message)")
    }

    /// The answer, which must be a refusal with this status and code.
    #[track_caller]
    pub(super) fn refused(self, status: u16, code: &str) -> Got {
        assert_eq!((self.status, self.code()), (status, code), "{:#}", self.body);
        self
    }

    /// The body, which must have come with this status.
    #[track_caller]
    pub(super) fn ok(self, status: u16) -> Json {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }
}

pub(super) const START: OffsetDateTime = datetime!(2026-11-02 09:00 UTC);

impl World {
    pub(super) fn new() -> World {
        World::with(Switches::default(), &[])
    }

    pub(super) fn flipped(name: &str) -> World {
        World::with(Switches::flip(name).unwrap(), &[])
    }

    pub(super) fn faulty(fault: &str) -> World {
        World::with(Switches::default(), &[fault])
    }

    pub(super) fn with(rules: Switches, faults: &[&str]) -> World {
        let now = Arc::new(Mutex::new(START));
        let clock = Arc::clone(&now);
        let usual = rules == Switches::default();
        let options = Options {
            now: Arc::new(move || *clock.lock().unwrap()),
            delays: Delays::realistic(),
            rules,
            faults: faults.iter().map(|text| text.parse::<Fault>().unwrap()).collect(),
        };
        World { sandbox: Sandbox::new(options), now, caller: "owner".to_owned(), usual }
    }

    /// The same Azure for another caller.
    pub(super) fn by(&self, caller: &str) -> World {
        World {
            sandbox: self.sandbox.clone(),
            now: Arc::clone(&self.now),
            caller: caller.to_owned(),
            usual: false,
        }
    }

    /// Lets time pass.
    pub(super) fn pass(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }

    /// Long enough for an operation and its revision.
    pub(super) fn settle(&self) {
        self.pass(40);
    }

    pub(super) fn edit<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        self.sandbox.edit(change)
    }

    /// Sends a request; `path` may have a query, to which the usual api-version is added unless
    /// it names one.
    pub(super) fn reply(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut query: Vec<(String, String)> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if !query.iter().any(|(name, _)| name == "api-version") {
            query.push(("api-version".to_owned(), version(path).to_owned()));
        }
        self.sandbox.handle(&Request {
            method: method.to_owned(),
            host: "management.azure.com".to_owned(),
            path: path.to_owned(),
            query,
            headers: vec![("authorization".to_owned(), format!("Bearer sandbox-{}", self.caller))],
            body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        })
    }

    #[track_caller]
    pub(super) fn send(&self, method: &str, path: &str, body: Option<&Json>) -> Got {
        match self.reply(method, path, body) {
            Reply::Answer(response) => read(response),
            other => panic!("no answer but {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Got {
        self.send("GET", path, None)
    }

    /// The app, which must be readable.
    #[track_caller]
    pub(super) fn app(&self) -> Json {
        self.get(&seed::app_id()).ok(200)
    }

    #[track_caller]
    pub(super) fn patch(&self, body: &Json) -> Got {
        self.send("PATCH", &seed::app_id(), Some(body))
    }

    /// A PATCH that must be accepted, and its operation's end, which must be good.
    #[track_caller]
    pub(super) fn patched(&self, body: &Json) -> Json {
        self.patch(body).ok(202);
        self.settle();
        let app = self.app();
        assert_eq!(app["properties"]["provisioningState"], "Succeeded");
        app
    }

    #[track_caller]
    pub(super) fn revisions(&self) -> Vec<Json> {
        let list = self.get(&format!("{}/revisions", seed::app_id())).ok(200);
        list["value"].as_array().unwrap().clone()
    }

    #[track_caller]
    pub(super) fn newest(&self) -> Json {
        self.revisions().pop().unwrap()["properties"].clone()
    }
}

/// With `ACARECIPE_RECORD_EXCHANGES=FILE` exchanges are appended there as JSON lines, to be checked
/// against Microsoft's schemas: those without a fault, under the rules as they are.
impl Drop for World {
    fn drop(&mut self) {
        let Ok(file) = std::env::var("ACARECIPE_RECORD_EXCHANGES") else {
            return;
        };
        if !self.usual || std::thread::panicking() {
            return;
        }
        let mut lines = String::new();
        for exchange in self.sandbox.exchanges() {
            if exchange.fault.is_some() || exchange.service != Service::ResourceManager {
                continue;
            }
            lines.push_str(&exchange.to_record().to_string());
            lines.push('\n');
        }
        let mut out = OpenOptions::new().create(true).append(true).open(file).unwrap();
        out.write_all(lines.as_bytes()).unwrap();
    }
}

pub(super) fn read(response: Response) -> Got {
    Got {
        status: response.status,
        headers: response.headers,
        body: serde_json::from_slice(&response.body).unwrap_or(Json::Null),
    }
}

fn version(path: &str) -> &'static str {
    let lower = path.to_ascii_lowercase();
    let after = lower.rsplit("/providers/").next().unwrap_or_default();
    if !lower.contains("/providers/") {
        return if lower.contains("/resourcegroups") { "2025-04-01" } else { "2022-12-01" };
    }
    match after {
        after if !after.contains('/') => "2025-04-01",
        after if after.starts_with("microsoft.app/") => "2025-07-01",
        after if after.starts_with("microsoft.managedidentity/") => "2024-11-30",
        after if after.starts_with("microsoft.keyvault/") => "2026-02-01",
        after if is_of_tasks(after) => "2019-04-01",
        after if after.starts_with("microsoft.containerregistry/") => "2025-11-01",
        after if after.starts_with("microsoft.sql/") => "2025-01-01",
        after if after.starts_with("microsoft.documentdb/") => "2026-03-15",
        after if after.starts_with("microsoft.storage/") => "2026-04-01",
        after if after.starts_with("microsoft.cache/redisenterprise") => "2025-07-01",
        after if after.starts_with("microsoft.cache/") => "2024-11-01",
        after if after.starts_with("microsoft.servicebus/") => "2024-01-01",
        after if after.starts_with("microsoft.network/") => "2018-05-01",
        after if after.ends_with("/locks") => "2020-05-01",
        _ => "2022-04-01",
    }
}

/// Whether a path below the providers is one of registry tasks.
fn is_of_tasks(after: &str) -> bool {
    let parts = ["/runs", "/schedulerun", "/listbuildsourceuploadurl"];
    after.starts_with("microsoft.containerregistry/") && parts.iter().any(|part| after.contains(part))
}

/// A PATCH body that sets the container's variables.
pub(super) fn env(variables: &Json) -> Json {
    json!({ "properties": { "template": { "containers": [
        { "name": seed::APP, "image": seed::IMAGE, "env": variables },
    ] } } })
}

/// A PATCH body that runs another image.
pub(super) fn image(image: &str) -> Json {
    json!({ "properties": { "template": { "containers": [{ "name": seed::APP, "image": image }] } } })
}

/// A PATCH body with this `secrets` array.
pub(super) fn secrets_body(secrets: &Json) -> Json {
    json!({ "properties": { "configuration": { "secrets": secrets } } })
}

/// The path and query of a URL on the sandbox's host.
#[track_caller]
pub(super) fn path_of(url: &str) -> &str {
    url.strip_prefix("https://management.azure.com").unwrap()
}
