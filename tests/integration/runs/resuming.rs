//! Going on from earlier runs: what one of them began is waited for where the plan has to do with it, only at this run's
//! endpoint, and never with all of the time.

use std::sync::Arc;

use acarecipe::azure::operations::Link;
use acarecipe::clock::Clock as _;
use acarecipe::execute::{Begun, Observed};
use acarecipe::sandbox::http::{Reply, Response};
use acarecipe::sandbox::seed;
use time::Duration;

use super::*;
use crate::support::served::{Scripted, ok};
use crate::support::world::START;

/// An operation that never ends.
const STUCK: &str = "https://management.azure.com/subscriptions/00000000-0000-0000-0000-000000000000/stuck";

/// The seeded Azure with that operation, and what it was asked.
fn world() -> (World, Arc<Scripted>) {
    world_without(Duration::ZERO)
}

/// In this one the identity of the tests is not there between the start and when so much has passed.
fn world_without(absent: Duration) -> (World, Arc<Scripted>) {
    let mut world = World::new();
    let sandbox = world.sandbox.clone();
    let clock = Arc::clone(&world.clock);
    let azure = Scripted::new(move |request| {
        let now = clock.now();
        if request.path.ends_with("/stuck") {
            return Reply::Answer(ok(br#"{"status":"InProgress"}"#));
        }
        if now > START && now < START + absent && request.path.ends_with("/id-demo") {
            let body = br#"{"error":{"code":"ResourceNotFound","message":"It is not there."}}"#;
            return Reply::Answer(Response { status: 404, ..ok(body) });
        }
        sandbox.handle(request)
    });
    world.between = Some(Arc::clone(&azure) as _);
    (world, azure)
}

fn begun(resource: &str, address: &str) -> Begun {
    Begun {
        what: "what an earlier run began".to_owned(),
        resource: resource.to_owned(),
        api_version: "2025-01-01".to_owned(),
        link: Some((Link::Status, address.to_owned())),
        sent: None,
    }
}

fn planned(world: &World, begun: &[Begun]) -> Observed {
    let (selection, target) = (world.selection(&["managed-identity"], &[EXISTING]), world.target());
    let observed = World::block_on(world.executor().observe_once_over(begun, &selection, &target, true));
    let observed = observed.expect("the plan can be made");
    assert!(!observed.plan.blocked() && observed.plan.has_changes());
    observed
}

/// How often a path with this in it was asked for at a host.
fn asked(azure: &Scripted, host: &str, part: &str) -> usize {
    let all = azure.asked.lock().unwrap();
    all.iter().filter(|one| one.host.contains(host) && one.path.contains(part)).count()
}

#[test]
fn what_the_plan_has_nothing_to_do_with_is_not_waited_for() {
    let (world, azure) = world();
    let other = format!("{}/managedCertificates/mc-other", seed::environment_id());
    planned(&world, &[begun(&other, STUCK)]);
    assert_eq!(asked(&azure, "", "/stuck"), 0);
    assert_eq!(world.clock.now(), START);
}

#[test]
fn what_goes_on_all_the_time_leaves_half_of_it() {
    let half = Duration::try_from(World::new().timeout).unwrap() / 2;
    // What is not there yet can say nothing.
    let (world, azure) = world_without(half - Duration::minutes(1));
    planned(&world, &[begun(&seed::identity_id("id-demo"), STUCK)]);
    assert!(asked(&azure, "management.azure.com", "/stuck") > 10);
    let passed = world.clock.now() - START;
    assert!(passed <= half + Duration::minutes(1) && passed > half - Duration::minutes(1), "{passed}");
}

#[test]
fn an_address_that_never_says_that_it_is_over_is_not_asked_when_the_resource_says_it() {
    let (world, azure) = world();
    let app = world.target().app_id().to_string();
    planned(&world, &[begun(&app, STUCK)]);
    assert!(asked(&azure, "management.azure.com", "/stuck") > 2);
    let passed = world.clock.now() - START;
    assert!(passed > Duration::minutes(1) && passed < Duration::minutes(3), "{passed}");
}

#[test]
fn an_address_that_leads_to_another_host_gets_no_request_and_the_resource_is_asked() {
    let (world, azure) = world();
    let app = world.target().app_id().to_string();
    for address in [
        "https://evil.example/stuck",
        "https://management.azure.com.evil.example/stuck",
        "https://management.azure.com@evil.example/stuck",
        "http://management.azure.com/stuck",
    ] {
        planned(&world, &[begun(&app, address)]);
    }
    assert_eq!(asked(&azure, "evil", ""), 0);
    assert_eq!(asked(&azure, "", "/stuck"), 0);
    assert!(asked(&azure, "management.azure.com", "/ca-demo") > 4);
}
