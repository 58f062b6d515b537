//! Other people change the app while a run is on.

use std::sync::{Arc, Mutex};

use acarecipe::clock::Clock;
use acarecipe::execute::{Executor, Failure, Hook, Interrupt, WriteEnd, WriteRecord};
use acarecipe::sandbox::state::{Operation, OperationKind};
use acarecipe::sandbox::{Sandbox, State, seed};
use seed::variant;
use serde_json::{Value as Json, json};

use super::{Attempt, Stopped, attempt_with};
use crate::support::others::seeded;
use crate::support::world::{START, World, writes};

const RECIPES: &[&str] = &["key-vault-reference"];
const INPUTS: &[&str] = &["secrets.DB_PASSWORD=db-password"];

type Change = Box<dyn FnOnce(&mut State) + Send>;

/// Somebody who changes the sandbox at the moment before the `nth` write is sent, and perhaps asks us
/// to stop then.
struct Meddler {
    sandbox: Sandbox,
    nth: usize,
    seen: Mutex<usize>,
    change: Mutex<Option<Change>>,
    interrupt: Option<Interrupt>,
}

impl Hook for Meddler {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        let mut seen = self.seen.lock().unwrap();
        *seen += 1;
        if *seen == self.nth {
            if let Some(change) = self.change.lock().unwrap().take() {
                self.sandbox.edit(change);
            }
            if let Some(interrupt) = &self.interrupt {
                interrupt.request();
            }
        }
        Ok(())
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
}

/// Runs with `change` happening right before write `nth`.
fn meddled(world: &World, nth: usize, change: impl FnOnce(&mut State) + Send + 'static) -> Attempt {
    let hook = Arc::new(Meddler {
        sandbox: world.sandbox.clone(),
        nth,
        seen: Mutex::default(),
        change: Mutex::new(Some(Box::new(change))),
        interrupt: None,
    });
    let executor = Executor { hook, ..world.executor() };
    attempt_with(world, &executor, &world.selection(RECIPES, INPUTS))
}

fn env(state: &State, name: &str) -> Option<Json> {
    let containers = state.app(seed::APP)?.template()["containers"].as_array()?.clone();
    containers
        .iter()
        .filter_map(|container| container["env"].as_array())
        .flatten()
        .find(|variable| variable["name"] == name)
        .cloned()
}

#[test]
fn what_others_change_before_our_read_survives() {
    let world = World::new().edited(|state| *state = seeded(START));
    // While the role is granted; the app is read again before its last write.
    let attempt = meddled(&world, 2, |state| {
        variant::variable(state, json!({ "name": "THEIRS", "value": "new" }));
        variant::plain_secret(state, "their-secret", "their-plain-value");
        variant::tag(state, "their", "tag");
    });
    assert!(attempt.end.is_ok(), "{:?}", attempt.end);
    let state = world.sandbox.state();
    assert_eq!(env(&state, "THEIRS"), Some(json!({ "name": "THEIRS", "value": "new" })));
    assert_eq!(env(&state, "DB_PASSWORD").unwrap()["secretRef"], "db-password");
    let app = state.app(seed::APP).unwrap();
    assert_eq!(app.secret_values()["their-secret"], "their-plain-value");
    assert_eq!(app.secret_values()["smtp-password"], "plain-smtp-password");
    assert_eq!(app.model["tags"]["their"], "tag");
}

#[test]
fn another_value_on_a_path_of_ours_stops_the_run() {
    let world = World::new().edited(|state| *state = seeded(START));
    let attempt = meddled(&world, 2, |state| {
        variant::variable(state, json!({ "name": "DB_PASSWORD", "value": "by-somebody-else" }));
    });
    let Err(Stopped::Failed(Failure::Changed(diagnostic))) = &attempt.end else {
        panic!("{:?}", attempt.end)
    };
    assert_eq!(diagnostic.code.0, "changed-meanwhile");
    assert!(diagnostic.message.contains("DB_PASSWORD"), "{}", diagnostic.message);
    assert!(!format!("{diagnostic:?}").contains("by-somebody-else"));
    let state = world.sandbox.state();
    assert_eq!(env(&state, "DB_PASSWORD").unwrap()["value"], "by-somebody-else");
    assert_eq!(attempt.applied.writes.len(), 2, "the identity and the role, which came before");
}

#[test]
fn a_secret_that_appears_under_our_name_is_not_overwritten() {
    let world = World::new();
    let attempt = meddled(&world, 2, |state| variant::plain_secret(state, "db-password", "the only copy"));
    let Err(Stopped::Failed(Failure::Changed(diagnostic))) = &attempt.end else {
        panic!("{:?}", attempt.end)
    };
    assert!(format!("{diagnostic:?}").contains("db-password"), "{diagnostic:?}");
    let state = world.sandbox.state();
    assert_eq!(state.app(seed::APP).unwrap().secret_values()["db-password"], "the only copy");
}

/// The window is one request long, and it is there: ARM has no If-Match for apps, and PATCH replaces
/// arrays as a whole. What is not in an array of ours survives even then.
#[test]
fn a_change_between_our_read_and_our_write_is_lost_in_arrays_only() {
    let world = World::new().edited(|state| *state = seeded(START));
    let attempt = meddled(&world, 3, |state| {
        variant::variable(state, json!({ "name": "TOO_LATE", "value": "x" }));
        variant::tag(state, "their", "tag");
        variant::scaled_to_zero(state);
    });
    assert!(attempt.end.is_ok(), "{:?}", attempt.end);
    let state = world.sandbox.state();
    assert_eq!(env(&state, "TOO_LATE"), None);
    let app = state.app(seed::APP).unwrap();
    assert_eq!(app.model["tags"]["their"], "tag");
    assert_eq!(app.template()["scale"]["minReplicas"], 0);
}

#[test]
fn what_somebody_else_did_for_us_is_not_done_twice() {
    let world = World::new();
    // The same role under another name, right before ours is sent.
    let attempt = meddled(&world, 2, |state| {
        let principal = state.app(seed::APP).unwrap().identity.system.clone().unwrap().principal_id;
        let role = "4633458b-17de-408a-b874-0445c86b69e6";
        seed::assign_role(state, &seed::vault_id(seed::VAULT), role, &principal, START);
    });
    assert!(attempt.end.is_ok(), "{:?}", attempt.end);
    let state = world.sandbox.state();
    let vault = seed::vault_id(seed::VAULT);
    assert_eq!(state.role_assignments.values().filter(|role| role.scope == vault).count(), 1);
    assert_eq!(attempt.applied.writes.len(), 2, "{:?}", attempt.applied);
}

#[test]
fn a_busy_app_is_waited_for() {
    let world = World::new();
    let before = world.count();
    let clock = Arc::clone(&world.clock);
    // Somebody's operation begins right before our write, and takes three minutes.
    let hook = Arc::new(Meddler {
        sandbox: world.sandbox.clone(),
        nth: 1,
        seen: Mutex::default(),
        change: Mutex::new(Some(Box::new(move |state: &mut State| {
            let started = clock.now();
            let operation = Operation {
                id: "66666666-6666-4666-8666-666666666666".to_owned(),
                resource: seed::app_id(),
                kind: OperationKind::Write,
                started,
                due: Some(started + time::Duration::minutes(3)),
                ended: false,
                failure: None,
                revision: None,
                url_refuses: None,
            };
            state.operations.insert(operation.id.clone(), operation);
            state.app_mut(seed::APP).unwrap().provisioning_state = "InProgress".to_owned();
        }))),
        interrupt: None,
    });
    let executor = Executor { hook, ..world.executor() };
    let attempt = attempt_with(&world, &executor, &world.selection(&["managed-identity"], &[]));
    assert!(attempt.end.is_ok(), "{:?}", attempt.end);
    let exchanges = world.exchanges_since(before);
    let refused = exchanges.iter().filter(|exchange| exchange.status == Some(409)).count();
    assert!(refused >= 1, "the write met the other operation");
    assert_eq!(writes(&exchanges).len(), 1);
    assert!(world.clock.now() - START >= time::Duration::minutes(3));
}

#[test]
fn a_request_to_stop_lets_no_further_write_out() {
    let world = World::new();
    let interrupt = Interrupt::default();
    let hook = Arc::new(Meddler {
        sandbox: world.sandbox.clone(),
        nth: 1,
        seen: Mutex::default(),
        change: Mutex::default(),
        interrupt: Some(interrupt.clone()),
    });
    let executor = Executor { hook, interrupt, ..world.executor() };
    let attempt = attempt_with(&world, &executor, &world.selection(RECIPES, INPUTS));
    assert!(matches!(attempt.end, Err(Stopped::Failed(Failure::Interrupted))), "{:?}", attempt.end);
    // The write that was on its way was taken, and is told.
    assert_eq!(writes(&world.sandbox.exchanges()).len(), 1);
    assert_eq!(attempt.applied.writes.len(), 1);
    assert!(attempt.applied.unanswered.is_empty());
}
