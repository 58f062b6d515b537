//! Somebody else writes at every moment of a run: once between any two of its requests, in each case in a world of its
//! own. (With `ACARECIPE_ALL_FAULTS` in the environment at every moment; else at each around a write, and at every ninth
//! of the others.) What they wrote survives, but for one moment: between the last read of a resource and our write of it, and
//! then only what that write replaces as a whole.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::clock::Clock;
use acarecipe::execute::Failure;
use acarecipe::plan::Selection;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::{Delays, Handler, Handshake, NameReply, Options, Sandbox, State};
use serde_json::{Value as Json, json};

use super::{Attempt, Stopped, attempt_with};
use crate::support::others::seeded;
use crate::support::say;
use crate::support::world::{START, World};

/// Somebody's write: the status of its answer.
pub type Change = fn(&Somebody<'_>) -> u16;

/// A client of somebody else's, to which nobody comes in between.
pub struct Somebody<'a>(pub &'a Sandbox);

impl Somebody<'_> {
    fn send(&self, method: &str, path: &str, body: Option<&Json>) -> (u16, Json) {
        let version = if path.contains("/roleAssignments/") { "2022-04-01" } else { "2025-07-01" };
        let reply = self.0.handle(&Request {
            method: method.to_owned(),
            host: "management.azure.com".to_owned(),
            path: path.to_owned(),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers: vec![("authorization".to_owned(), "Bearer sandbox-contributor".to_owned())],
            body: body.map_or_else(Vec::new, |body| body.to_string().into_bytes()),
        });
        let Reply::Answer(response) = reply else { panic!("{method} {path}: no answer but {reply:?}") };
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    fn get(&self, path: &str) -> Json {
        let (status, body) = self.send("GET", path, None);
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// The status of a write, which is taken or meets an operation of ours.
    fn write(&self, method: &str, path: &str, body: &Json) -> u16 {
        let (status, answer) = self.send(method, path, Some(body));
        assert!(status < 300 || status == 409, "{method} {path}: {status} {answer}");
        status
    }
}

/// The sandbox, with somebody's write right before request `at`.
struct Interleaved {
    sandbox: Sandbox,
    at: usize,
    seen: AtomicUsize,
    change: Change,
    /// How much later it is for Azure than for the run, in seconds.
    later: Arc<AtomicI64>,
    /// The request before which it was, and the status that somebody got.
    struck: Mutex<Option<(Request, u16)>>,
}

impl Handler for Interleaved {
    fn handle(&self, request: &Request) -> Reply {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            self.later.fetch_add(1, Ordering::SeqCst);
            let status = (self.change)(&Somebody(&self.sandbox));
            self.later.fetch_add(1, Ordering::SeqCst);
            *self.struck.lock().unwrap() = Some((request.clone(), status));
        }
        self.sandbox.handle(request)
    }

    fn resolves(&self, host: &str) -> bool {
        self.sandbox.resolves(host)
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        self.sandbox.name(name, kind)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        Some(self.sandbox.handshake(host))
    }

    fn is_app(&self, host: &str) -> bool {
        self.sandbox.is_app(host)
    }
}

/// Something that somebody wrote: what it is called, whether our request replaces the whole that it is in, and
/// whether it is still there.
pub struct Item {
    pub name: &'static str,
    replaced: fn(&Request) -> bool,
    pub there: fn(&State) -> bool,
}

/// A run, and who else writes what.
pub struct Scenario {
    name: &'static str,
    recipes: &'static [&'static str],
    parameters: &'static [&'static str],
    state: fn() -> State,
    change: Change,
    items: &'static [Item],
}

/// What a case was.
struct Case {
    struck: Option<(Request, u16)>,
    attempt: Attempt,
    state: State,
}

impl Scenario {
    pub fn world(&self, delay: Duration) -> (World, Arc<AtomicI64>) {
        let mut world = World::new();
        let later = Arc::new(AtomicI64::new(0));
        let (clock, ahead) = (Arc::clone(&world.clock), Arc::clone(&later));
        let now = move || clock.now() + time::Duration::seconds(ahead.load(Ordering::SeqCst));
        let delays =
            Delays { operation: delay, revision: delay, role: delay, principal: delay, retry_after: delay };
        world.sandbox =
            Sandbox::from_state((self.state)(), Options { delays, ..Options::new(Arc::new(now)) });
        world.role_wait = Some(Duration::ZERO);
        world.variables.insert("CLIENT_SECRET".to_owned(), "sandbox-client-secret".to_owned());
        (world, later)
    }

    pub fn selection(&self, world: &World) -> Selection {
        world.selection(self.recipes, self.parameters)
    }

    /// The moments that are looked at, each by the number of the request that comes after it.
    fn moments(&self, delay: Duration) -> Vec<usize> {
        let (world, _) = self.world(delay);
        let attempt = attempt_with(&world, &world.executor(), &self.selection(&world));
        assert!(attempt.end.is_ok(), "{}: {:?}", self.name, attempt.end);
        let sent = world.sandbox.exchanges();
        let all = std::env::var_os("ACARECIPE_ALL_FAULTS").is_some();
        let writes: Vec<usize> = (0..sent.len()).filter(|at| sent[*at].is_write()).collect();
        assert!(!writes.is_empty(), "{}", self.name);
        let around =
            |at: usize| writes.iter().any(|write| (write.saturating_sub(2)..=write + 1).contains(&at));
        (0..sent.len()).filter(|at| all || at % 9 == 0 || around(*at)).collect()
    }

    fn case(&self, at: usize, delay: Duration) -> Case {
        let (mut world, later) = self.world(delay);
        let azure = Arc::new(Interleaved {
            sandbox: world.sandbox.clone(),
            at,
            seen: AtomicUsize::new(0),
            change: self.change,
            later,
            struck: Mutex::new(None),
        });
        world.between = Some(Arc::clone(&azure) as Arc<dyn Handler>);
        let attempt = attempt_with(&world, &world.executor(), &self.selection(&world));
        let struck = azure.struck.lock().unwrap().take();
        Case { struck, attempt, state: world.sandbox.state() }
    }

    /// Every moment of the run; how many there were, and what was lost at how many.
    fn everywhere(&self, delay: Duration) -> (usize, usize) {
        let (mut moments, mut windows) = (0, 0);
        for at in self.moments(delay) {
            let Case { struck, attempt, state } = self.case(at, delay);
            let Some((request, status)) = struck else { continue };
            moments += 1;
            let moment = format!("{}, before request {at}: {} {}", self.name, request.method, request.path);
            assert!(attempt.end.is_ok(), "{moment}: {:?}", attempt.end);
            if status == 409 {
                continue;
            }
            // Accepted, and in the way of ours while it goes on: then ours is refused, and made of a newer read.
            let overtaken = delay.is_zero();
            let mut lost = Vec::new();
            for item in self.items {
                let expected = overtaken && (item.replaced)(&request);
                assert_eq!(
                    (item.there)(&state),
                    !expected,
                    "{moment}: {}, {}\n{}",
                    item.name,
                    if expected { "which our write replaced, is there" } else { "is lost" },
                    String::from_utf8_lossy(&request.body)
                );
                if expected {
                    lost.push(item.name);
                }
            }
            windows += usize::from(!lost.is_empty());
        }
        assert!(moments > 10, "{}: {moments}", self.name);
        say!(
            "{}, operations of {} s: somebody else wrote at {moments} moments of the run; at {windows} something was lost",
            self.name,
            delay.as_secs()
        );
        (moments, windows)
    }
}

fn body(request: &Request) -> Json {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// Whether this is our write of the app, with something at `pointer` that takes the place of what is there.
fn sets(request: &Request, pointer: &str) -> bool {
    request.method == "PATCH"
        && request.path.eq_ignore_ascii_case(&seed::app_id())
        && body(request).pointer(pointer).is_some()
}

fn puts(request: &Request, id: &str) -> bool {
    request.method == "PUT" && request.path.eq_ignore_ascii_case(id)
}

const CONTAINERS: &str = "/properties/template/containers";
const SECRETS: &str = "/properties/configuration/secrets";

/// The secrets of the app as somebody sends them back: with their values, and a new one for one that was there.
fn secrets_of(somebody: &Somebody<'_>, app: &Json) -> Vec<Json> {
    let (_, stored) = somebody.send("POST", &format!("{}/listSecrets", seed::app_id()), None);
    let value_of = |name: &Json| {
        let all = stored["value"].as_array().into_iter().flatten();
        all.clone().find(|one| one["name"] == *name).map(|one| one["value"].clone())
    };
    let mut secrets = app.pointer(SECRETS).and_then(Json::as_array).cloned().unwrap_or_default();
    for secret in &mut secrets {
        if secret["keyVaultUrl"].as_str().is_none_or(str::is_empty) {
            secret["value"] = value_of(&secret["name"]).expect("its value");
        }
    }
    for secret in secrets.iter_mut().filter(|secret| secret["name"] == "smtp-password") {
        secret["value"] = json!("their-new-value");
    }
    secrets
}

/// One write of the app by somebody else: in lists that our writes replace, and beside them.
pub fn of_the_app(somebody: &Somebody<'_>) -> u16 {
    let id = seed::app_id();
    let app = somebody.get(&id);
    let mut secrets = secrets_of(somebody, &app);
    secrets.push(json!({ "name": "their-secret", "value": "their-value" }));
    let mut containers = app.pointer(CONTAINERS).and_then(Json::as_array).cloned().expect("containers");
    for container in &mut containers {
        for variable in container["env"].as_array_mut().into_iter().flatten() {
            if variable["value"].is_null() && variable["secretRef"].is_null() {
                variable["value"] = json!("");
            }
        }
    }
    let own = containers.iter_mut().find(|container| container["name"] == seed::APP).expect("the app's own");
    let mut env = own["env"].as_array().cloned().unwrap_or_default();
    env.push(json!({ "name": "THEIRS", "value": "theirs" }));
    own["env"] = json!(env);
    let body = json!({
        "tags": { "theirs": "new" },
        "properties": {
            "configuration": {
                "secrets": secrets,
                "ingress": { "ipSecurityRestrictions": [
                    { "name": "theirs", "action": "Allow", "ipAddressRange": "10.0.0.0/8" }
                ] },
            },
            "template": { "containers": containers, "revisionSuffix": null, "scale": { "maxReplicas": 7 } },
        },
    });
    somebody.write("PATCH", &id, &body)
}

fn app_of(state: &State) -> Json {
    state.app(seed::APP).unwrap().model.clone()
}

fn has_variable(state: &State) -> bool {
    let model = app_of(state);
    let containers = model.pointer(CONTAINERS).and_then(Json::as_array).cloned().unwrap_or_default();
    containers.iter().any(|container| {
        let env = container["env"].as_array().into_iter().flatten();
        env.clone().any(|variable| variable["name"] == "THEIRS" && variable["value"] == "theirs")
    })
}

/// What nothing that can be read of the app shows, but the time of its last change.
const NEW_VALUE: Item = Item {
    name: "their new value of a secret that was there",
    replaced: |request| sets(request, SECRETS),
    there: |state| {
        let app = state.app(seed::APP).unwrap();
        app.secret_values().get("smtp-password").is_some_and(|value| value == "their-new-value")
    },
};

/// What [`of_the_app`] wrote.
pub const OF_THE_APP: &[Item] = &[
    Item { name: "their variable", replaced: |request| sets(request, CONTAINERS), there: has_variable },
    Item {
        name: "their secret",
        replaced: |request| sets(request, SECRETS),
        there: |state| {
            let app = state.app(seed::APP).unwrap();
            app.secret_values().get("their-secret").is_some_and(|value| value == "their-value")
        },
    },
    NEW_VALUE,
    Item {
        name: "their tag",
        replaced: |request| sets(request, "/tags/theirs"),
        there: |state| app_of(state)["tags"]["theirs"] == "new",
    },
    Item {
        name: "their restriction",
        replaced: |request| sets(request, "/properties/configuration/ingress/ipSecurityRestrictions"),
        there: |state| {
            let list = "/properties/configuration/ingress/ipSecurityRestrictions/0/name";
            app_of(state).pointer(list).is_some_and(|name| name == "theirs")
        },
    },
    Item {
        name: "their scale",
        replaced: |request| sets(request, "/properties/template/scale/maxReplicas"),
        there: |state| app_of(state)["properties"]["template"]["scale"]["maxReplicas"] == 7,
    },
];

pub const REFERENCE: Scenario = Scenario {
    name: "key-vault-reference",
    recipes: &["key-vault-reference"],
    parameters: &["secrets.DB_PASSWORD=db-password"],
    state: || seeded(START),
    change: of_the_app,
    items: OF_THE_APP,
};

const IMAGE: Scenario = Scenario {
    name: "container-registry",
    recipes: &["container-registry"],
    parameters: &["image=python-demo:2.0"],
    ..REFERENCE
};

pub const IDENTITY: Scenario = Scenario {
    name: "managed-identity, created",
    recipes: &["managed-identity"],
    parameters: &["identity=create"],
    ..REFERENCE
};

#[test]
fn an_app_is_written_by_somebody_else_at_every_moment() {
    let (_, windows) = REFERENCE.everywhere(Duration::ZERO);
    assert_eq!(windows, 1, "the write with secrets and containers; the identity's replaces neither");
    let (_, windows) = IMAGE.everywhere(Duration::ZERO);
    assert_eq!(windows, 1);
    let (_, windows) = IDENTITY.everywhere(Duration::ZERO);
    assert_eq!(windows, 1);
}

#[test]
fn an_operation_of_somebody_else_is_not_overtaken() {
    let (_, windows) = REFERENCE.everywhere(Duration::from_secs(10));
    assert_eq!(windows, 0, "ours is refused while theirs goes on, and made of a newer read");
}

/// Nothing but the value of a secret changes: between our listSecrets and our last look at the app, too, where the
/// names of the secrets, and all that a plan is made of, stay as they were.
#[test]
fn a_secret_gets_another_value_from_somebody_else_at_every_moment() {
    let scenario = Scenario {
        name: "key-vault-reference, beside a secret's new value",
        change: |somebody| {
            let app = somebody.get(&seed::app_id());
            let secrets = secrets_of(somebody, &app);
            let body = json!({ "properties": { "configuration": { "secrets": secrets } } });
            somebody.write("PATCH", &seed::app_id(), &body)
        },
        items: &[NEW_VALUE],
        ..REFERENCE
    };
    let (_, windows) = scenario.everywhere(Duration::ZERO);
    assert_eq!(windows, 1);
}

const COMPONENT: Scenario = Scenario {
    name: "dapr-integration, a component",
    recipes: &["dapr-integration"],
    parameters: &[
        r#"components=[{"name": "statestore", "type": "state.redis", "metadata": {"redisHost": "redis:6379"}}]"#,
    ],
    state: || {
        let mut state = seed::state(START);
        let theirs = variant::dapr::Component {
            name: "statestore",
            kind: "state.redis",
            scopes: "ca-other",
            metadata: "redisHost=redis:6379,redisPassword=@theirs",
            secrets: "theirs=sandbox-theirs,more=sandbox-more",
            store: "",
            unreachable: "",
        };
        variant::dapr::component(&mut state, theirs);
        state
    },
    change: |somebody| {
        let id = variant::dapr::component_id("statestore");
        let mut component = somebody.get(&id);
        let (_, stored) = somebody.send("POST", &format!("{id}/listSecrets"), None);
        let properties = &mut component["properties"];
        properties["secrets"] = stored["value"].clone();
        properties["metadata"].as_array_mut().unwrap().push(json!({ "name": "theirs", "value": "1" }));
        somebody.write("PUT", &id, &json!({ "properties": properties }))
    },
    items: &[Item {
        name: "their metadata",
        replaced: |request| puts(request, &variant::dapr::component_id("statestore")),
        there: |state| {
            state.dapr_components.values().any(|component| {
                let metadata = component.properties["metadata"].as_array().into_iter().flatten();
                component.values.len() == 2 && metadata.clone().any(|one| one["name"] == "theirs")
            })
        },
    }],
};

const SIGN_IN: Scenario = Scenario {
    name: "easy-auth, beside another provider",
    recipes: &["easy-auth"],
    parameters: &[
        "provider=google",
        "client_id=123-abc.apps.googleusercontent.com",
        "client_secret=@env:CLIENT_SECRET",
    ],
    state: || {
        let mut state = seed::state(START);
        variant::auth_config(&mut state, "github", "RedirectToLoginPage").unwrap();
        state
    },
    change: |somebody| {
        let id = format!("{}/authConfigs/current", seed::app_id());
        let mut config = somebody.get(&id);
        config["properties"]["login"]["allowedExternalRedirectUrls"] = json!(["https://theirs.example/"]);
        somebody.write("PUT", &id, &json!({ "properties": config["properties"] }))
    },
    items: &[Item {
        name: "their redirect URL",
        replaced: |request| puts(request, &format!("{}/authConfigs/current", seed::app_id())),
        there: |state| {
            state.auth_configs.values().any(|config| {
                config.properties["login"]["allowedExternalRedirectUrls"][0] == "https://theirs.example/"
            })
        },
    }],
};

#[test]
fn what_is_only_written_whole_is_written_by_somebody_else_at_every_moment() {
    for scenario in [COMPONENT, SIGN_IN] {
        let (_, windows) = scenario.everywhere(Duration::ZERO);
        assert_eq!(windows, 1, "{}", scenario.name);
    }
}

/// The same role for the same principal, under a name of theirs.
fn of_the_role(somebody: &Somebody<'_>) -> u16 {
    let vault = seed::vault_id(seed::VAULT);
    let id = format!(
        "{vault}/providers/Microsoft.Authorization/roleAssignments/77777777-7777-4777-8777-777777777777"
    );
    let role = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{KEY_VAULT_SECRETS_USER}",
        seed::SUBSCRIPTION
    );
    let body = json!({ "properties": {
        "roleDefinitionId": role, "principalId": seed::IDENTITY_PRINCIPAL, "principalType": "ServicePrincipal",
    } });
    let owner = Somebody(somebody.0);
    let reply = owner.0.handle(&Request {
        method: "PUT".to_owned(),
        host: "management.azure.com".to_owned(),
        path: id,
        query: vec![("api-version".to_owned(), "2022-04-01".to_owned())],
        headers: vec![("authorization".to_owned(), "Bearer sandbox-owner".to_owned())],
        body: body.to_string().into_bytes(),
    });
    let Reply::Answer(response) = reply else { panic!("no answer but {reply:?}") };
    assert!(matches!(response.status, 201 | 409), "{}", String::from_utf8_lossy(&response.body));
    response.status
}

#[test]
fn a_role_that_somebody_else_gives_at_any_moment_is_there_once() {
    let scenario = Scenario {
        name: "key-vault-reference, a role",
        parameters: &["secrets.DB_PASSWORD=db-password", "managed-identity.identity=id-demo"],
        state: || seed::state(START),
        change: of_the_role,
        items: &[Item {
            name: "their role",
            replaced: |_| false,
            there: |state| {
                let vault = seed::vault_id(seed::VAULT);
                state.role_assignments.values().filter(|role| role.scope == vault).count() == 1
            },
        }],
        ..REFERENCE
    };
    let (_, windows) = scenario.everywhere(Duration::ZERO);
    assert_eq!(windows, 0);
}

/// Somebody's value where the run's own is to be.
fn of_ours(somebody: &Somebody<'_>) -> u16 {
    let id = seed::app_id();
    let app = somebody.get(&id);
    let mut containers = app.pointer(CONTAINERS).and_then(Json::as_array).cloned().expect("containers");
    let own = containers.iter_mut().find(|container| container["name"] == seed::APP).expect("the app's own");
    let mut env = own["env"].as_array().cloned().unwrap_or_default();
    env.retain(|variable| variable["name"] != "DB_PASSWORD");
    env.push(json!({ "name": "DB_PASSWORD", "value": "by-somebody-else" }));
    own["env"] = json!(env);
    let body = json!({ "properties": { "template": { "containers": containers, "revisionSuffix": null } } });
    somebody.write("PATCH", &id, &body)
}

/// Between the plan that was shown and the write, while roles are waited for, after the write: what somebody else set
/// on a path of the run's own is replaced only if that was shown, or in the window.
#[test]
fn a_path_of_ours_is_replaced_as_it_was_shown_or_not_at_all() {
    let scenario = Scenario { change: of_ours, items: &[], state: || seed::state(START), ..REFERENCE };
    let theirs = |state: &State| app_of(state).to_string().contains("by-somebody-else");
    let (mut shown, mut stopped, mut windows, mut afterwards) = (0, 0, 0, 0);
    for at in scenario.moments(Duration::ZERO) {
        let Case { struck, attempt, state } = scenario.case(at, Duration::ZERO);
        let Some((request, status)) = struck else { continue };
        assert_eq!(status, 202);
        let moment = format!("before request {at}: {} {}", request.method, request.path);
        let written = attempt.applied.writes.len();
        match &attempt.end {
            Ok(_) if sets(&request, CONTAINERS) => windows += 1,
            // After the last look at the app.
            Ok(_) if windows == 1 => {
                assert!(theirs(&state), "{moment}");
                continue;
            }
            Ok(_) => {
                assert_eq!((stopped, afterwards), (0, 0), "{moment}: it was shown, and is told no more");
                shown += 1;
            }
            // Before our write of that path, after it was shown.
            Err(Stopped::Failed(Failure::Changed(diagnostic))) if written < 3 => {
                assert_eq!(diagnostic.code.0, "changed-meanwhile", "{moment}");
                assert!(diagnostic.message.contains("DB_PASSWORD"), "{moment}: {}", diagnostic.message);
                assert_eq!(windows, 0, "{moment}");
                stopped += 1;
            }
            Err(Stopped::Failed(Failure::Changed(_)) | Stopped::NotVerified(_)) => {
                assert_eq!(windows, 1, "{moment}: {:?}", attempt.end);
                afterwards += 1;
            }
            Err(other) => panic!("{moment}: {other:?}"),
        }
        assert_eq!(theirs(&state), attempt.end.is_err(), "{moment}");
    }
    assert!(
        shown > 0 && stopped > 3 && windows == 1 && afterwards > 0,
        "{shown} {stopped} {windows} {afterwards}"
    );
}

fn warnings(attempt: &Attempt) -> Vec<String> {
    let others = attempt.applied.others.iter();
    others
        .map(|warning| {
            assert_eq!(warning.code.0, "others-wrote");
            format!("{} {:?} {:?}", warning.message, warning.notes, warning.fix)
        })
        .collect()
}

/// A run alone says nothing; one that somebody wrote in says whatever can be known: which revision they made in the
/// window and when, or who wrote after it and when.
#[test]
fn who_else_wrote_is_told() {
    let (world, _) = REFERENCE.world(Duration::ZERO);
    let alone = attempt_with(&world, &world.executor(), &REFERENCE.selection(&world));
    assert!(alone.end.is_ok() && alone.applied.others.is_empty(), "{:?}", alone.applied.others);
    let (mut within, mut after) = (0, 0);
    let mut last_was_window = false;
    for at in REFERENCE.moments(Duration::ZERO) {
        let Case { struck, attempt, .. } = REFERENCE.case(at, Duration::ZERO);
        let Some((request, _)) = struck else { continue };
        let told = warnings(&attempt);
        let moment = format!("before request {at}: {} {}: {told:#?}", request.method, request.path);
        if sets(&request, CONTAINERS) {
            assert_eq!(told.len(), 1, "{moment}");
            for word in [
                "somebody else changed the container app ca-demo at 2026-03-01T12:",
                "and made the revision ca-demo--",
                "az monitor activity-log list --resource-id",
                "az containerapp revision show --name ca-demo",
            ] {
                assert!(told[0].contains(word), "{moment}");
            }
            within += 1;
            last_was_window = true;
            continue;
        }
        if last_was_window {
            assert_eq!(told.len(), 1, "{moment}");
            assert!(
                told[0].contains("contributor@sandbox.example changed the container app ca-demo at 2026"),
                "{moment}"
            );
            after += 1;
            break;
        }
        // The run writes the app twice: between these, too, somebody is seen.
        assert!(told.iter().all(|one| one.contains("after this run had written it")), "{moment}");
    }
    assert_eq!((within, after), (1, 1));
}
