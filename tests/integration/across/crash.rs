//! Every crash point: for each request of a run, the process is killed before the request takes
//! effect, after its effect but before its answer, and after its answer; the same command, with an
//! empty state folder, then ends where the uninterrupted run does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use acarecipe::sandbox::State;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::process::{Server, Start};
use crate::support::others::{differences, meaning, nothing_lost, seeded};
use crate::support::say;

/// Cases at one time; each is a server and a client that wait for each other.
const THREADS: usize = 4;

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

/// One recipe with inputs, and what its uninterrupted run comes to.
struct Scenario {
    name: &'static str,
    arguments: &'static [&'static str],
}

impl Scenario {
    fn client(&self, server: &Server) -> Start {
        let mut arguments = vec!["apply", "--yes", "--role-wait", "0s", "-o", "json"];
        arguments.extend(self.arguments);
        Start::new(&server.endpoint, &arguments)
    }

    /// Runs it without interruption: the number of requests, and the state it ends in.
    fn uninterrupted(&self, seed: &State) -> (usize, Json) {
        let server = Server::start(&[]);
        server.replace(seed);
        let ended = self.client(&server).run();
        assert_eq!(ended.code(), Some(0), "{}: {ended:#?}", self.name);
        let requests = server.exchanges().len();
        let end = server.state();
        nothing_lost(seed, &end);
        (requests, meaning(&end))
    }

    /// Kills it at one point and runs it again.
    fn crash(&self, seed: &State, request: usize, point: Point, wanted: &Json) {
        let case = format!("{}, killed at request {request}, {point:?}", self.name);
        let server = Server::start(&[]);
        server.replace(seed);
        let reached = point.arrange(&server, request);
        let client = self.client(&server).spawn();
        server.until(&reached);
        client.kill();
        server.faults(&[]);
        let again = self.client(&server).run();
        assert_eq!(again.code(), Some(0), "{case}: {again:#?}");
        let end = meaning(&server.state());
        let differences = differences(&end, wanted);
        assert!(differences.is_empty(), "{case}: {differences:#?}");
    }

    /// All crash points; their number.
    fn crash_everywhere(&self) -> usize {
        let start = Instant::now();
        let seed = seeded(OffsetDateTime::now_utc());
        let (requests, wanted) = self.uninterrupted(&seed);
        let cases: Vec<(usize, Point)> =
            (1..=requests).flat_map(|request| POINTS.map(|point| (request, point))).collect();
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while let Some((request, point)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        self.crash(&seed, *request, *point, &wanted);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let done = done.into_inner();
        assert_eq!(done, 3 * requests);
        say!("{}: {requests} requests, {done} crash points, {:.1?}", self.name, start.elapsed());
        done
    }
}

#[test]
fn managed_identity_completes_after_a_crash_anywhere() {
    let scenarios = [
        Scenario { name: "managed-identity, system", arguments: &["managed-identity"] },
        Scenario {
            name: "managed-identity, created, with a role",
            arguments: &[
                "managed-identity",
                "-p",
                "identity=create",
                "-p",
                concat!(
                    r#"roles=[{"role":"Key Vault Secrets User","scope":"/subscriptions/11111111-1111-4111-8111-111111111111"#,
                    r#"/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo"}]"#
                ),
            ],
        },
    ];
    let points: usize = scenarios.iter().map(Scenario::crash_everywhere).sum();
    say!("managed-identity: {points} crash points");
}

#[test]
fn key_vault_reference_completes_after_a_crash_anywhere() {
    let scenarios = [
        Scenario {
            name: "key-vault-reference, system",
            arguments: &["key-vault-reference", "-p", "secrets.DB_PASSWORD=db-password"],
        },
        Scenario {
            name: "key-vault-reference, an identity that is there",
            arguments: &[
                "key-vault-reference",
                "-p",
                "managed-identity.identity=id-demo",
                "-p",
                "secrets.DB_PASSWORD=db-password",
            ],
        },
    ];
    let points: usize = scenarios.iter().map(Scenario::crash_everywhere).sum();
    say!("key-vault-reference: {points} crash points");
}

#[test]
fn cosmos_db_completes_after_a_crash_anywhere() {
    let scenarios = [Scenario {
        name: "cosmos-db, an identity that is there",
        arguments: &[
            "cosmos-db",
            "-p",
            "cosmos-db.cosmos_account=cosmos-demo",
            "-p",
            "cosmos-db.cosmos_database=appdb",
            "-p",
            "cosmos-db.cosmos_container=items",
            "-p",
            "managed-identity.identity=id-demo",
        ],
    }];
    let points: usize = scenarios.iter().map(Scenario::crash_everywhere).sum();
    say!("cosmos-db: {points} crash points");
}

#[test]
fn container_registry_completes_after_a_crash_anywhere() {
    let scenarios = [
        Scenario {
            name: "container-registry, system",
            arguments: &["container-registry", "-p", "container-registry.acr_name=acrdemo"],
        },
        Scenario {
            name: "container-registry, an identity that is there, with an image",
            arguments: &[
                "container-registry",
                "-p",
                "container-registry.acr_name=acrdemo",
                "-p",
                "managed-identity.identity=id-demo",
                "-p",
                "container-registry.image=python-demo:2.0",
            ],
        },
    ];
    let points: usize = scenarios.iter().map(Scenario::crash_everywhere).sum();
    say!("container-registry: {points} crash points");
}
