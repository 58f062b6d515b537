//! One scenario by processes: to its end, killed somewhere, gone on from, put back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acarecipe::journal::StateFolder;
use acarecipe::sandbox::State;
use acarecipe::sandbox::seed::variant::domains;
use acarecipe::sandbox::statefile::StateFile;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::{Across, RESTART_TOLD};
use crate::across::process::{Client, Ended, HANG, Server, Start, home};
use crate::support::others::{differences, meaning, nothing_lost};
use crate::support::say;
use crate::support::scenarios::{SCENARIOS, Scenario, variables};
use crate::support::undoing::{changed, excuses};

/// Cases at one time; each is a server and a client that wait for each other.
const THREADS: usize = 4;

/// The wall-clock limit of one process: many run at one time, and a machine may have other work.
const LIMIT: Duration = HANG.saturating_mul(5);

/// The recipes whose checks ask the app.
const ASKING: [&str; 5] =
    ["custom-container", "custom-domains", "easy-auth", "mtls-client-certificates", "revision-validation"];

/// The hosts that checks ask.
const HOSTS: [&str; 4] = [
    "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io",
    "ca-demo---canary.happyfield-12345678.westeurope.azurecontainerapps.io",
    "contoso.example",
    "shop.contoso.example",
];

/// Where in the exchange the process dies.
#[derive(Clone, Copy, Debug)]
pub(super) enum Point {
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

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) scenarios: usize,
    pub(super) requests: usize,
    /// Cases in which the process was to be killed.
    pub(super) points: usize,
    /// Of these, the cases in which it had ended before that request: it waited less than the run that nobody killed.
    pub(super) ended: usize,
    pub(super) took: Duration,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.scenarios += other.scenarios;
        self.requests += other.requests;
        self.points += other.points;
        self.ended += other.ended;
        self.took += other.took;
    }

    /// A run that nobody killed says nothing of crashes: of fewer than ten each is one.
    pub(super) fn were_killed(&self) {
        assert!(self.points > 0 && self.ended <= self.points / 10, "{self}");
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { scenarios, requests, points, ended, took } = self;
        let runs = if *scenarios == 1 { "run" } else { "runs" };
        write!(f, "{scenarios} {runs} of {requests} requests, {points} crash points, ")?;
        write!(f, "{ended} of them not reached, {took:.1?}")
    }
}

/// Whether every crash point is asked for.
fn all() -> bool {
    std::env::var_os("ACARECIPE_ALL_CRASHES").is_some()
}

/// One scenario, and what its uninterrupted run comes to.
pub(super) struct Crashing {
    scenario: &'static Scenario,
    across: &'static Across,
    seed: State,
    /// A state whose apps have every name that the certificate of a server is to carry.
    named: TempDir,
    wanted: Json,
    /// Whether each of its requests writes.
    writes: Vec<bool>,
}

impl Crashing {
    /// Runs it without interruption.
    pub(super) fn new(across: &'static Across) -> Crashing {
        let scenario = SCENARIOS.iter().find(|one| one.name == across.name);
        let scenario = scenario.unwrap_or_else(|| panic!("there is no scenario {}", across.name));
        let seed = scenario.start(OffsetDateTime::now_utc());
        let named = tempfile::tempdir().unwrap();
        let mut all = seed.clone();
        domains::custom_domain(&mut all, "contoso.example", None);
        domains::custom_domain(&mut all, "shop.contoso.example", None);
        StateFile::open(&named.path().join("state.json")).unwrap().save(&all).unwrap();
        let mut crashing = Crashing { scenario, across, seed, named, wanted: Json::Null, writes: Vec::new() };
        let server = crashing.server();
        let ended = crashing.apply(&server, &home()).end(LIMIT);
        assert_eq!(ended.code(), Some(0), "{}: {ended:#?}", scenario.name);
        crashing.writes = server.exchanges().iter().map(writes).collect();
        let end = server.state();
        nothing_lost(&crashing.seed, &end);
        crashing.wanted = meaning(&end);
        crashing
    }

    fn server(&self) -> Server {
        // Each server keeps its state in a file of its own; it is replaced at once.
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = if self.scenario.recipes.iter().any(|recipe| ASKING.contains(recipe)) {
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

    /// The command of the scenario.
    fn apply(&self, server: &Server, home: &Arc<TempDir>) -> Client {
        let mut arguments = vec!["apply".to_owned()];
        arguments.extend(self.scenario.recipes.iter().map(|recipe| (*recipe).to_owned()));
        let own = self.scenario.parameters().into_iter();
        let own = own.filter(|one| !self.across.without.iter().any(|name| one.starts_with(name)));
        let further = self.across.with.iter().map(|one| (*one).to_owned());
        arguments.extend(own.chain(further).flat_map(|one| ["-p".to_owned(), one]));
        Crashing::command(arguments, server, home)
    }

    /// Puts back what the newest run did, also what may hold data by now.
    fn undo(server: &Server, home: &Arc<TempDir>) -> Client {
        // A run that is about no app is found by its id only.
        let newest = StateFolder::at(home.path().join("acarecipe")).ids().unwrap()[0].to_string();
        let arguments = ["undo", &newest, "--delete-data"].map(str::to_owned);
        Crashing::command(arguments.into(), server, home)
    }

    fn command(mut arguments: Vec<String>, server: &Server, home: &Arc<TempDir>) -> Client {
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
        .spawn()
    }

    /// Kills it at one point; the home that it leaves, and whether it was killed. A run that waited less than the
    /// uninterrupted one did, and ends before that request, has to end well.
    fn killed(&self, server: &Server, request: usize, point: Point) -> (Arc<TempDir>, bool) {
        let reached = point.arrange(server, request);
        let own = home();
        let mut client = self.apply(server, &own);
        let killed = server.until_or_end(&reached, &mut client, LIMIT);
        if killed {
            client.kill();
        } else {
            let ended = client.end(LIMIT);
            assert_eq!(ended.code(), Some(0), "{}, before request {request}: {ended:#?}", self.scenario.name);
        }
        server.faults(&[]);
        (own, killed)
    }

    /// Kills it at one point and runs it again: with what it left on this machine, or without. Whether it was killed.
    pub(super) fn crash(&self, request: usize, point: Point, kept: bool) -> bool {
        let words = if kept { "kept" } else { "lost" };
        let name = self.scenario.name;
        let case = format!("{name}, killed at request {request}, {point:?}, state folder {words}");
        let server = self.server();
        let (own, killed) = self.killed(&server, request, point);
        let found = if kept { own } else { home() };
        let again = self.apply(&server, &found).end(LIMIT);
        assert_eq!(again.code(), Some(0), "{case}: {again:#?}");
        let mut differences = differences(&meaning(&server.state()), &self.wanted);
        if name == RESTART_TOLD && !kept && again.out.contains("revision restart") {
            differences.retain(|one| !one.contains("/revisions/0/secrets/"));
        }
        assert!(differences.is_empty(), "{case}: {differences:#?}");
        killed
    }

    /// Kills it at one point and puts it back: at once, or after it went on. Whether it was killed.
    pub(super) fn undone(&self, request: usize, point: Point, gone_on: bool) -> bool {
        let then = if gone_on { "gone on, undone" } else { "undone" };
        let case = format!("{}, killed at request {request}, {point:?}, {then}", self.scenario.name);
        let server = self.server();
        let (own, killed) = self.killed(&server, request, point);
        if gone_on {
            let again = self.apply(&server, &own).end(LIMIT);
            assert_eq!(again.code(), Some(0), "{case}: {again:#?}");
        }
        let undo = Crashing::undo(&server, &own).end(LIMIT);
        assert_eq!(undo.code(), Some(0), "{case}: {undo:#?}");
        let end = server.state();
        nothing_lost(&self.seed, &end);
        let mut changed = changed(&self.seed, &end);
        changed.retain(|line| !self.excused(line, &undo));
        assert!(changed.is_empty(), "{case}: {changed:#?}\n{}", undo.out);
        killed
    }

    /// Whether a difference is one that undo cannot help, and told.
    fn excused(&self, line: &str, undo: &Ended) -> bool {
        undo.out.contains("not-put-back") && excuses(self.scenario.name).iter().any(|one| line.contains(one))
    }

    /// Where it dies: at every point of each request that writes, and of all others at one; they have no effect that a
    /// point could be before.
    fn points(&self, all: bool) -> Vec<(usize, Point)> {
        let of = |(index, writes): (usize, &bool)| {
            let points: &[Point] = match (*writes, index % 2) {
                (true, _) => &POINTS,
                (false, _) if !all => &[],
                (false, 0) => &[Point::BeforeAnswer],
                (false, _) => &[Point::AfterAnswer],
            };
            points.iter().map(move |point| (index + 1, *point)).collect::<Vec<_>>()
        };
        self.writes.iter().enumerate().flat_map(of).collect()
    }

    /// Its crash points, as many as are asked for, the half of them with its state folder lost.
    pub(super) fn everywhere(&self) -> Counts {
        let points = self.points(all());
        let step = if all() { 1 } else { self.across.every };
        let points: Vec<(usize, Point)> = points.into_iter().step_by(step).collect();
        self.at(&points, "killed", Crashing::crash)
    }

    /// Puts it back after a kill in its middle, or at every request that writes, the half of them after it had gone on.
    pub(super) fn put_back(&self) -> Counts {
        let mut points = self.points(false);
        if !all() {
            points = vec![(points[points.len() / 2].0, Point::BeforeAnswer)];
        }
        self.put_back_at(&points)
    }

    /// The same at every request that writes, on every day.
    pub(super) fn put_back_everywhere(&self) -> Counts {
        self.put_back_at(&self.points(false))
    }

    fn put_back_at(&self, points: &[(usize, Point)]) -> Counts {
        self.at(points, "killed and undone", Crashing::undone)
    }

    /// Goes through cases, the half of them the other way.
    fn at(
        &self,
        cases: &[(usize, Point)],
        what: &str,
        case: impl Fn(&Crashing, usize, Point, bool) -> bool + Sync,
    ) -> Counts {
        let start = Instant::now();
        let (next, done, killed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((request, point)) = cases.get(index) else { return };
                        if case(self, *request, *point, index % 2 == 1) {
                            killed.fetch_add(1, Ordering::Relaxed);
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let points = done.into_inner();
        assert_eq!(points, cases.len());
        let counts = Counts {
            scenarios: 1,
            requests: self.writes.len(),
            points,
            ended: points - killed.into_inner(),
            took: start.elapsed(),
        };
        say!("{what}, {}: {counts}", self.scenario.name);
        counts
    }
}

/// Whether a request may have an effect.
pub(super) fn writes(exchange: &Json) -> bool {
    let text = |name: &str| exchange[name].as_str().unwrap_or_default();
    let action = text("path").rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    match text("method") {
        "GET" | "HEAD" => false,
        "POST" => !["list", "get", "check", "exchange", "token"].iter().any(|verb| action.starts_with(verb)),
        _ => true,
    }
}
