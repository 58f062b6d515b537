//! Crash points with real processes: the program is killed (SIGKILL) before a request takes effect, after its effect but
//! before its answer, and after its answer, while the sandbox lives on in another process; the same command then ends
//! where the uninterrupted run does. In half of the cases the state folder is lost, as if it ran on another machine.
//!
//! Every request that writes, of the scenarios below; with `ACARECIPE_ALL_CRASHES` in the environment every request of
//! them. `runs_faults/crashes` does every request of every scenario in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acarecipe::sandbox::State;
use acarecipe::sandbox::seed::variant::domains;
use acarecipe::sandbox::statefile::StateFile;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::process::{HANG, Server, Start, home};
use crate::support::others::{differences, meaning, nothing_lost};
use crate::support::say;
use crate::support::scenarios::{SCENARIOS, Scenario, variables};
use crate::support::undoing::changed;

/// Cases at one time; each is a server and a client that wait for each other.
const THREADS: usize = 4;

/// The wall-clock limit of one process: many run at one time, and a machine may have other work.
const LIMIT: Duration = HANG.saturating_mul(5);

/// The scenarios that run so: those whose waits are short on the machine's clock, and that need nothing that the served
/// sandbox has not (TDS, a client certificate in the handshake). In one process all of them do.
const ACROSS: &[&str] = &[
    "managed-identity, system",
    "managed-identity, created, with a role",
    "key-vault-reference, system",
    "container-registry, system, with an image",
    "cosmos-db, system",
    "cosmos-db, an identity that is there",
    "redis, system, Azure Managed Redis",
    "redis, an identity that is there, Azure Cache for Redis",
    "storage, system",
    "storage, an identity that is there, share and scratch space",
    "dapr-integration, components with a secret",
    "dapr-integration, a component with the app's identity and its role",
    "dapr-integration, a component of others, with policies",
    "custom-domains, records and a managed certificate",
    "custom-domains, a domain itself",
    "custom-domains, a certificate of one's own",
    "custom-domains, another certificate was bound",
];

/// The hosts that checks ask.
const HOSTS: [&str; 3] = [
    "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io",
    "contoso.example",
    "shop.contoso.example",
];

/// Where in the exchange the process dies.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// The request has had no effect.
    BeforeEffect,
    /// It has, and nobody was told.
    BeforeAnswer,
    /// The answer has been sent.
    AfterAnswer,
}

const POINTS: [Point; 3] = [Point::BeforeEffect, Point::BeforeAnswer, Point::AfterAnswer];

impl Point {
    /// Arranges that nothing has an effect from here on: not even requests sent at the same time,
    /// or before the signal arrives.
    fn arrange(self, server: &Server, request: usize) -> Json {
        let rest = format!("request={} silence-before times=1000", request + 1);
        let silence = json!({ "fault": "silence", "request": request });
        match self {
            Point::BeforeEffect => {
                server.faults(&[&format!("request={request} silence-before"), &rest]);
                silence
            }
            Point::BeforeAnswer => {
                server.faults(&[&format!("request={request} silence-after"), &rest]);
                silence
            }
            Point::AfterAnswer => {
                server.faults(&[&rest]);
                server.announce(request);
                json!({ "answered": request })
            }
        }
    }
}

/// One scenario, and what its uninterrupted run comes to.
struct Crashing {
    scenario: &'static Scenario,
    seed: State,
    /// A state whose apps have every name that the certificate of a server is to carry.
    named: TempDir,
    wanted: Json,
    /// Whether each of its requests writes.
    writes: Vec<bool>,
}

impl Crashing {
    /// Runs it without interruption.
    fn new(scenario: &'static Scenario) -> Crashing {
        let seed = scenario.start(OffsetDateTime::now_utc());
        let named = tempfile::tempdir().unwrap();
        let mut all = seed.clone();
        domains::custom_domain(&mut all, "contoso.example", None);
        domains::custom_domain(&mut all, "shop.contoso.example", None);
        StateFile::open(&named.path().join("state.json")).unwrap().save(&all).unwrap();
        let mut crashing = Crashing { scenario, seed, named, wanted: Json::Null, writes: Vec::new() };
        let server = crashing.server();
        let ended = crashing.client(&server, &home()).spawn().end(LIMIT);
        assert_eq!(ended.code(), Some(0), "{}: {ended:#?}", scenario.name);
        say!("{}: ends after {:.1?} when nobody kills it", scenario.name, ended.after);
        crashing.writes = server.exchanges().iter().map(writes).collect();
        let end = server.state();
        nothing_lost(&crashing.seed, &end);
        crashing.wanted = meaning(&end);
        crashing
    }

    /// Whether checks ask the app.
    fn probes(&self) -> bool {
        self.scenario.recipes.contains(&"custom-domains")
    }

    fn server(&self) -> Server {
        // Each server keeps its state in a file of its own; it is replaced at once.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = if self.probes() {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let file = self.named.path().join(format!("{number}.json"));
            std::fs::copy(self.named.path().join("state.json"), &file).unwrap();
            Server::start(&["--https", "--state", file.to_str().unwrap()])
        } else {
            Server::start(&[])
        };
        server.replace(&self.seed);
        server
    }

    fn client(&self, server: &Server, home: &Arc<TempDir>) -> Start {
        let mut arguments = vec!["apply".to_owned()];
        arguments.extend(self.scenario.recipes.iter().map(|recipe| (*recipe).to_owned()));
        arguments.extend(self.scenario.parameters().into_iter().flat_map(|one| ["-p".to_owned(), one]));
        Crashing::command(arguments, server, home)
    }

    fn command(mut arguments: Vec<String>, server: &Server, home: &Arc<TempDir>) -> Start {
        arguments.extend(["--yes", "--role-wait", "0s", "-o", "json"].map(str::to_owned));
        if let Some(address) = server.endpoint.strip_prefix("https://") {
            let hosts = HOSTS.iter();
            arguments
                .extend(hosts.flat_map(|host| ["--resolve".to_owned(), format!("{host}:443:{address}")]));
        }
        arguments.extend(["--resolver".to_owned(), server.dns.clone()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut start = Start::new(&server.endpoint, &arguments).at_home(home);
        for (name, value) in variables() {
            start = start.env(&name, value);
        }
        match &server.ca {
            Some(ca) => start.env("SSL_CERT_FILE", ca),
            None => start,
        }
    }

    /// Kills it at one point; the home that it leaves. A run that waited less than the uninterrupted one did, and ends
    /// before that request, has to end well.
    fn killed(&self, server: &Server, request: usize, point: Point) -> Arc<TempDir> {
        let reached = point.arrange(server, request);
        let own = home();
        let mut client = self.client(server, &own).spawn();
        if server.until_or_end(&reached, &mut client, LIMIT) {
            client.kill();
        } else {
            let ended = client.end(LIMIT);
            assert_eq!(ended.code(), Some(0), "{}, before request {request}: {ended:#?}", self.scenario.name);
        }
        server.faults(&[]);
        own
    }

    /// Kills it at one point and runs it again: with what it left on this machine, or without.
    fn crash(&self, request: usize, point: Point, kept: bool) {
        let words = if kept { "kept" } else { "lost" };
        let name = self.scenario.name;
        let case = format!("{name}, killed at request {request}, {point:?}, state folder {words}");
        let server = self.server();
        let own = self.killed(&server, request, point);
        let found = if kept { own } else { home() };
        let again = self.client(&server, &found).spawn().end(LIMIT);
        assert_eq!(again.code(), Some(0), "{case}: {again:#?}");
        let differences = differences(&meaning(&server.state()), &self.wanted);
        assert!(differences.is_empty(), "{case}: {differences:#?}");
    }

    /// Kills it at one point and puts it back: at once, or after it went on.
    fn undone(&self, request: usize, point: Point, gone_on: bool) {
        let then = if gone_on { "gone on, undone" } else { "undone" };
        let case = format!("{}, killed at request {request}, {point:?}, {then}", self.scenario.name);
        let server = self.server();
        let own = self.killed(&server, request, point);
        if gone_on {
            let again = self.client(&server, &own).spawn().end(LIMIT);
            assert_eq!(again.code(), Some(0), "{case}: {again:#?}");
        }
        let undo = Crashing::command(vec!["undo".to_owned()], &server, &own).spawn().end(LIMIT);
        assert_eq!(undo.code(), Some(0), "{case}: {undo:#?}");
        let changed = changed(&self.seed, &server.state());
        assert!(changed.is_empty(), "{case}: {changed:#?}");
    }

    /// All crash points that are asked for, the half of them the other way; their number.
    fn everywhere(&self, at: impl Fn(&Crashing, usize, Point, bool) + Sync) -> usize {
        let start = Instant::now();
        let all = std::env::var_os("ACARECIPE_ALL_CRASHES").is_some();
        let requests = self.writes.iter().enumerate().filter(|(_, writes)| all || **writes);
        let cases: Vec<(usize, Point)> =
            requests.flat_map(|(index, _)| POINTS.map(|point| (index + 1, point))).collect();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((request, point)) = cases.get(index) else { return };
                        at(self, *request, *point, index % 2 == 1);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let (name, requests, cases) = (self.scenario.name, self.writes.len(), cases.len());
        say!("{name}: {requests} requests, {cases} crash points, {:.1?}", start.elapsed());
        assert_eq!(done.into_inner(), cases);
        cases
    }
}

/// Whether a request may have an effect.
fn writes(exchange: &Json) -> bool {
    let text = |name: &str| exchange[name].as_str().unwrap_or_default();
    let action = text("path").rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    match text("method") {
        "GET" | "HEAD" => false,
        "POST" => !["list", "get", "check", "exchange", "token"].iter().any(|verb| action.starts_with(verb)),
        _ => true,
    }
}

fn of(recipes: &[&str]) {
    let (mut scenarios, mut points) = (0, 0);
    let own = SCENARIOS.iter().filter(|one| recipes.contains(&one.about()) && ACROSS.contains(&one.name));
    for scenario in own {
        scenarios += 1;
        points += Crashing::new(scenario).everywhere(Crashing::crash);
    }
    let wanted = ACROSS.iter().filter(|name| recipes.iter().any(|recipe| name.starts_with(recipe))).count();
    assert_eq!(scenarios, wanted, "the scenarios are there");
    let names = recipes.join(", ");
    say!(
        "killed processes, {names}: {scenarios} scenarios, {points} crash points, half without the state folder"
    );
}

#[test]
fn identities_secrets_and_images_complete_after_a_kill_anywhere() {
    of(&["managed-identity", "key-vault-reference", "container-registry"]);
}

#[test]
fn databases_and_storage_complete_after_a_kill_anywhere() {
    of(&["cosmos-db", "redis", "storage"]);
}

#[test]
fn domains_and_dapr_complete_after_a_kill_anywhere() {
    of(&["custom-domains", "dapr-integration"]);
}

#[test]
fn what_was_killed_anywhere_is_undone() {
    let name = "managed-identity, created, with a role";
    let scenario = SCENARIOS.iter().find(|one| one.name == name).unwrap();
    let points = Crashing::new(scenario).everywhere(Crashing::undone);
    say!("killed processes undone: 1 scenario, {points} crash points, half after they had gone on");
}

#[test]
fn after_a_kill_the_first_request_is_the_recorded_address_of_the_operation() {
    let apply = ["apply", "managed-identity", "--yes"];
    let server = Server::start(&[]);
    let hangs = "match=PATCH:/containerApps/ operation-hangs";
    let asked = "match=GET:/containerappOperation nth=2 silence-before";
    server.faults(&[hangs, asked]);
    let home = home();
    let client = Start::new(&server.endpoint, &apply).at_home(&home).spawn();
    server.silence();
    client.kill();
    let before = server.exchanges();
    let polled = before.iter().rev().find_map(|one| one["path"].as_str());
    let polled = polled.filter(|path| path.to_lowercase().contains("containerappoperation"));
    let polled = polled.expect("it was waiting for the operation").to_owned();
    // Azure gets done with it.
    let mut state = server.state();
    for operation in state.operations.values_mut() {
        operation.due = Some(operation.started);
    }
    server.replace(&state);
    server.faults(&[]);
    let ended = Start::new(&server.endpoint, &apply).at_home(&home).run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let after = server.exchanges().split_off(before.len());
    assert_eq!(
        (after[0]["method"].as_str(), after[0]["path"].as_str()),
        (Some("GET"), Some(polled.as_str()))
    );
    assert!(!after.iter().any(writes), "it is in place");
}
