//! The table of scenarios holds what the suites over it rely on.

use std::panic::catch_unwind;

use acarecipe::azure::{Budget, ClientEvent};
use acarecipe::clock::Clock as _;
use acarecipe::execute::Event;
use acarecipe::recipe::Catalogue;
use acarecipe::sandbox::Delays;

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
    let held = |event: &Event| matches!(event, Event::Client(ClientEvent::Throttled { .. }));
    assert!(!world.seen.events.lock().unwrap().iter().any(held), "{} is held back", scenario.name);
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

/// Its runs above are held back nowhere; of the one that asks for most the time is compared as well.
#[test]
fn the_budget_makes_no_run_slower() {
    let most = SCENARIOS.last().unwrap();
    let ends = [Budget::below_azure(), Budget::unlimited()].map(|budget| {
        let mut world = most.world(START, Delays::realistic());
        world.budget = budget;
        let Attempt { end, .. } = attempt_with(&world, &world.executor(), &most.selection(&world));
        assert!(end.is_ok(), "{:?}", end.err());
        (world.clock.now(), world.count())
    });
    assert_eq!(ends[0], ends[1]);
    assert!(ends[0].1 > 30, "{} requests say little", ends[0].1);
}
