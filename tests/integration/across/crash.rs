//! Every crash point: for each request of a run, the process is killed before the request takes
//! effect, after its effect but before its answer, and after its answer; the same command, with an
//! empty state folder, then ends where the uninterrupted run does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use acarecipe::sandbox::{State, seed};
use seed::variant;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::process::{Server, Start};

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

/// The seed with other people's things on the app, which no run may touch.
fn seeded() -> State {
    let mut state = seed::state(OffsetDateTime::now_utc());
    variant::sidecar_first(&mut state);
    variant::init_container(&mut state);
    variant::tag(&mut state, "team", "payments");
    variant::plain_secret(&mut state, "smtp-password", "plain-smtp-password");
    variant::variable(&mut state, json!({ "name": "SMTP_PASSWORD", "secretRef": "smtp-password" }));
    variant::variable(&mut state, json!({ "name": "EMPTY", "value": "" }));
    // Another identity with a reference that works.
    let made = OffsetDateTime::now_utc() - time::Duration::DAY;
    seed::add_identity(
        &mut state,
        "id-others",
        OTHERS_PRINCIPAL,
        "55555555-5555-4555-8555-000000000002",
        made,
    );
    seed::assign_role(&mut state, &seed::vault_id(seed::VAULT), SECRETS_USER, OTHERS_PRINCIPAL, made);
    let others = seed::identity_id("id-others");
    variant::user_identity(&mut state, &others);
    let url = "https://kv-demo.vault.azure.net/secrets/api-key";
    variant::reference(&mut state, "api-key", url, &others, "sandbox-api-key");
    state
}

const OTHERS_PRINCIPAL: &str = "55555555-5555-4555-8555-000000000001";
/// Key Vault Secrets User.
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";

/// What a state means: without times, and with words for what Azure makes up.
fn meaning(state: &State) -> Json {
    let app = state.app(seed::APP).unwrap();
    let revisions: Vec<Json> = app
        .revisions
        .iter()
        .map(|revision| {
            json!({
                "template": revision.template, "active": revision.active,
                "fate": format!("{:?}", revision.fate), "secrets": revision.secrets,
            })
        })
        .collect();
    let mut roles: Vec<String> = state
        .role_assignments
        .values()
        .map(|role| format!("{} on {} to {} {:?}", role.role, role.scope, role.principal, role.extra))
        .collect();
    roles.sort();
    let meaning = json!({
        "app": app.model, "system": app.identity.system.is_some(), "user": app.identity.user,
        "fetched": app.fetched, "state": app.provisioning_state, "stopped": app.stopped,
        "revisions": revisions,
        "identities": state.identities.values().map(|identity| &identity.id).collect::<Vec<_>>(),
        "roles": roles,
        "rest": [json!(state.groups), json!(state.environments), json!(state.vaults), json!(state.locks)],
    });
    let mut text = meaning.to_string();
    let mut name = |made_up: &str, name: &str| text = text.replace(made_up, name);
    if let Some(system) = &app.identity.system {
        name(&system.principal_id, "<principal of the app>");
    }
    for identity in state.identities.values() {
        name(&identity.principal_id, &format!("<principal of {}>", identity.id));
        name(&identity.client_id, &format!("<client of {}>", identity.id));
    }
    serde_json::from_str(&text).unwrap()
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
        assert_eq!(end, *wanted, "{case}:\n{end:#}\nis not\n{wanted:#}");
    }

    /// All crash points; their number.
    fn crash_everywhere(&self) -> usize {
        let start = Instant::now();
        let seed = seeded();
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
        eprintln!("{}: {requests} requests, {done} crash points, {:.1?}", self.name, start.elapsed());
        done
    }
}

/// Everything of others is in `end` as it was in `seed`.
fn nothing_lost(seed: &State, end: &State) {
    let (before, after) = (seed.app(seed::APP).unwrap(), end.app(seed::APP).unwrap());
    for id in &before.identity.user {
        assert!(after.identity.user.iter().any(|have| have.eq_ignore_ascii_case(id)), "{id} is gone");
    }
    assert_eq!(before.model["tags"], after.model["tags"]);
    let named = |list: &Json, name: &str| {
        list.as_array().unwrap().iter().find(|element| element["name"] == name).cloned()
    };
    let secrets = |app: &acarecipe::sandbox::state::App| app.configuration()["secrets"].clone();
    for name in ["smtp-password", "api-key"] {
        assert_eq!(named(&secrets(before), name), named(&secrets(after), name), "{name}");
    }
    for list in ["containers", "initContainers"] {
        for container in before.template()[list].as_array().unwrap() {
            let name = container["name"].as_str().unwrap();
            let other = named(&after.template()[list], name).unwrap_or_else(|| panic!("{name} is gone"));
            for variable in container["env"].as_array().unwrap() {
                let variable_name = variable["name"].as_str().unwrap();
                assert_eq!(named(&other["env"], variable_name).as_ref(), Some(variable), "{name}");
            }
            assert_eq!(
                (&container["image"], &container["resources"]),
                (&other["image"], &other["resources"])
            );
        }
    }
    for role in seed.role_assignments.values() {
        assert!(end.role_assignments.values().any(|have| have.id == role.id), "{} is gone", role.id);
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
    eprintln!("managed-identity: {points} crash points");
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
    eprintln!("key-vault-reference: {points} crash points");
}
