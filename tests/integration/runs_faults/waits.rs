//! Waits end: at the right moment, with the cause, and not because two clocks disagree.

use std::sync::Arc;
use std::time::Duration;

use acarecipe::clock::Clock;
use acarecipe::execute::{Event, Failure};
use acarecipe::sandbox::{Sandbox, Switches, seed};
use seed::variant;
use serde_json::json;

use super::{Stopped, attempt};
use crate::support::world::{START, World, writes};

const RECIPES: &[&str] = &["key-vault-reference"];
const EXISTING: &str = "managed-identity.identity=id-demo";
const SECRET: &str = "secrets.DB_PASSWORD=db-password";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";

/// The time from the start to the first PATCH of an app whose identity got its role at `created`.
fn waited(created: time::Duration) -> time::Duration {
    let world = World::new().edited(|state| {
        let (vault, made) = (seed::vault_id(seed::VAULT), START + created);
        seed::assign_role(state, &vault, SECRETS_USER, seed::IDENTITY_PRINCIPAL, made);
        state.role_assignments.values_mut().for_each(|role| role.in_force_from = START);
    });
    let run = attempt(&world, RECIPES, &[EXISTING, SECRET]);
    assert!(run.end.is_ok(), "{:?}", run.end);
    let settling: u32 = world
        .seen
        .events
        .lock()
        .unwrap()
        .iter()
        .map(|event| u32::from(matches!(event, Event::Settling { .. })))
        .sum();
    time::Duration::seconds(settling.into())
}

#[test]
fn a_role_found_in_place_is_waited_for_while_it_is_young() {
    assert_eq!(waited(time::Duration::days(-1)), time::Duration::ZERO);
    assert_eq!(waited(time::Duration::seconds(-50)), time::Duration::seconds(70));
    // Azure's clock is two hours ahead of ours: no longer than the wait itself.
    assert_eq!(waited(time::Duration::hours(2)), time::Duration::seconds(120));
}

#[test]
fn a_role_that_cannot_settle_before_the_deadline_is_not_waited_for() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(100);
    let run = attempt(&world, RECIPES, &[EXISTING, SECRET]);
    let Err(Stopped::Failed(Failure::Deadline(diagnostic))) = &run.end else { panic!("{:?}", run.end) };
    assert!(diagnostic.message.contains("Key Vault Secrets User"), "{diagnostic:?}");
    assert!(diagnostic.fix.as_ref().unwrap().contains("--timeout"), "{diagnostic:?}");
    assert!(world.clock.now() - START < time::Duration::seconds(60));
    assert_eq!(run.applied.writes.len(), 1, "the grant");
}

#[test]
fn a_deadline_tells_where_the_revision_stands_and_why() {
    let mut world = World::new().edited(|state| {
        let ingress = &mut state.app_mut(seed::APP).unwrap().model["properties"]["configuration"]["ingress"];
        ingress["targetPort"] = json!(9999);
    });
    world.timeout = Duration::from_secs(240);
    let run = attempt(&world, RECIPES, &[EXISTING, SECRET]);
    let Err(Stopped::Failed(Failure::Unhealthy(diagnostic))) = &run.end else { panic!("{:?}", run.end) };
    assert!(diagnostic.message.contains("is not healthy"), "{diagnostic:?}");
    let late = world.clock.now() - START - time::Duration::seconds(240);
    assert!(late <= time::Duration::seconds(5), "{late}");
}

#[test]
fn a_restart_is_sent_again_and_what_is_left_of_it_told() {
    let version = format!("{SECRET}/{}", seed::DB_PASSWORD_OLD_VERSION);
    for (fault, works) in [
        ("match=POST:/restart status=503", true),
        ("match=POST:/restart status=429 retry-after=3", true),
        ("match=POST:/restart reset-after", true),
        ("match=POST:/restart status=400 times=100", false),
    ] {
        let world = World::new();
        assert!(attempt(&world, RECIPES, &[EXISTING, SECRET]).end.is_ok());
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let run = attempt(&world, RECIPES, &[EXISTING, &version]);
        assert_eq!(run.end.is_ok(), works, "{fault}: {:?}", run.end);
        let state = world.sandbox.state();
        let newest = state.app(seed::APP).unwrap().latest().unwrap();
        let value = if works { "sandbox-db-password-1" } else { "sandbox-db-password-2" };
        assert_eq!(newest.secrets["db-password"], value, "{fault}");
        if let Err(Stopped::Failed(failure)) = &run.end {
            let fix = failure.diagnostic().unwrap().fix.clone().unwrap();
            let command =
                "az containerapp revision restart --resource-group rg-demo --name ca-demo --revision ";
            assert_eq!(fix, format!("{command}{}", newest.name));
            assert_eq!(run.applied.to_restart, std::slice::from_ref(&newest.name));
        }
    }
}

#[test]
fn a_template_that_does_not_run_when_sent_again_gets_a_suffix() {
    for flipped in [false, true] {
        let rules =
            if flipped { Switches::flip("resent-template-runs").unwrap() } else { Switches::default() };
        let world = World::with(rules, vec!["match=PATCH:/containerApps/ operation-fails".parse().unwrap()]);
        assert!(attempt(&world, RECIPES, &[EXISTING, SECRET]).end.is_err());
        let from = world.count();
        let run = attempt(&world, RECIPES, &[EXISTING, SECRET]);
        assert!(run.end.is_ok(), "flipped {flipped}: {:?}", run.end);
        assert_eq!(writes(&world.exchanges_since(from)).len(), if flipped { 2 } else { 1 });
        assert_eq!(run.applied.revisions.len(), 1);
        let from = world.count();
        assert!(attempt(&world, RECIPES, &[EXISTING, SECRET]).end.is_ok());
        assert_eq!(writes(&world.exchanges_since(from)), []);
    }
}

/// A sandbox whose operations last: what was accepted is still going on when the run stops and the
/// next one starts.
#[test]
fn a_run_that_starts_while_the_last_one_s_write_goes_on_waits_for_it() {
    let mut world = World::new();
    world.role_wait = Some(Duration::ZERO);
    let clock = Arc::clone(&world.clock);
    let mut options = acarecipe::sandbox::Options::new(Arc::new(move || clock.now()));
    options.delays.operation = Duration::from_secs(4 * 60);
    world.sandbox = Sandbox::new(options);
    world.timeout = Duration::from_secs(3 * 60);
    let first = attempt(&world, RECIPES, &[EXISTING, SECRET]);
    assert!(matches!(first.end, Err(Stopped::Failed(Failure::Deadline(_)))), "{:?}", first.end);
    world.timeout = Duration::from_secs(30 * 60);
    let from = world.count();
    let second = attempt(&world, RECIPES, &[EXISTING, SECRET]);
    assert!(second.end.is_ok(), "{:?}", second.end);
    assert_eq!(writes(&world.exchanges_since(from)), [], "the first run's write is in place");
    assert_eq!(world.sandbox.state().app(seed::APP).unwrap().revisions.len(), 2);
}

#[test]
fn what_stands_in_the_way_is_told_without_waiting_for_a_busy_app() {
    let world = World::new().called_by("reader").edited(|state| {
        state.app_mut(seed::APP).unwrap().provisioning_state = "InProgress".to_owned();
        variant::tag(state, "a", "b");
    });
    let run = attempt(&world, &["managed-identity"], &[]);
    assert!(matches!(run.end, Err(Stopped::Blocked(_))), "{:?}", run.end);
    assert_eq!(world.clock.now(), START);
}
