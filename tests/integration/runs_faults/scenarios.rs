//! The table of scenarios holds what the suites over it rely on.

use std::panic::catch_unwind;

use acarecipe::azure::{Budget, ClientEvent};
use acarecipe::clock::Clock as _;
use acarecipe::execute::Event;
use acarecipe::recipe::Catalogue;
use acarecipe::sandbox::Delays;
use time::OffsetDateTime;

use super::{Attempt, attempt_with};
use crate::support::others::nothing_lost;
use crate::support::scenarios::{SCENARIOS, Scenario};
use crate::support::world::START;

fn holds(scenario: &Scenario) {
    let world = scenario.world(START, Delays::realistic());
    let selection = scenario.selection(&world);
    let before = world.sandbox.state();
    let Attempt { end, applied } = attempt_with(&world, &world.executor(), &selection);
    assert!(end.is_ok(), "{}: {:?}", scenario.name, end.err());
    assert!(!applied.writes.is_empty(), "{} writes nothing", scenario.name);
    nothing_lost(&before, &world.sandbox.state());
    let Attempt { end, applied } = attempt_with(&world, &world.executor(), &selection);
    assert!(end.is_ok() && applied.writes.is_empty(), "{}, again: {applied:?}", scenario.name);
}

#[test]
fn every_scenario_ends_well_loses_nothing_and_again_writes_nothing() {
    let broken: Vec<&str> = SCENARIOS
        .iter()
        .filter(|scenario| catch_unwind(|| holds(scenario)).is_err())
        .map(|scenario| scenario.name)
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_recipe_has_a_scenario() {
    for recipe in Catalogue::built_in().unwrap().recipes() {
        let name = recipe.name.value.as_str();
        assert!(SCENARIOS.iter().any(|scenario| scenario.about() == name), "{name}");
    }
}

/// When a scenario's run ends within this budget, how many requests it has sent, and how often it was held back.
fn timed(scenario: &Scenario, budget: Budget) -> (OffsetDateTime, usize, usize) {
    let mut world = scenario.world(START, Delays::realistic());
    world.budget = budget;
    let selection = scenario.selection(&world);
    let Attempt { end, .. } = attempt_with(&world, &world.executor(), &selection);
    assert!(end.is_ok(), "{}: {:?}", scenario.name, end.err());
    let held = |event: &&Event| matches!(event, Event::Client(ClientEvent::Throttled { .. }));
    let held = world.seen.events.lock().unwrap().iter().filter(held).count();
    (world.clock.now(), world.count(), held)
}

#[test]
fn the_budget_makes_no_run_of_any_recipe_slower() {
    let mut most = 0;
    for scenario in SCENARIOS {
        let within = timed(scenario, Budget::below_azure());
        assert_eq!(within, timed(scenario, Budget::unlimited()), "{}", scenario.name);
        assert_eq!(within.2, 0, "{} is held back", scenario.name);
        most = most.max(within.1);
    }
    assert!(most > 30, "runs of at most {most} requests say little");
}
