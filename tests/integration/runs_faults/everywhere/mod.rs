//! Every fault at every request of every recipe: the run succeeds, or ends with one explained error within its
//! deadline, loses nothing of others, tells no secret; and the same command completes it, once what stood in its way
//! is gone.
//!
//! [`strikes`] says which faults a request can meet, [`judge`] what must hold whatever became of a run. `.ci/run` goes
//! through a part, which [`strikes::part`] states; with `ACARECIPE_ALL_FAULTS` in the environment everything is met by
//! everything. `ACARECIPE_FAULT` with a part of what a broken case is called repeats those cases alone.

pub mod judge;
mod strikes;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acarecipe::clock::Clock as _;
use acarecipe::plan::Selection;
use acarecipe::sandbox::{Delays, Fault, State};
use serde_json::Value as Json;

use super::{Attempt, attempt_with};
use crate::support::others::{meaning, nothing_lost};
use crate::support::say;
use crate::support::scenarios::{SCENARIOS, Scenario};
use crate::support::world::{START, World};
use strikes::{Strike, What};

/// How a case ended that did not end as it should.
const BROKEN: &str = "BROKEN";

/// Everything takes its time, but no longer than one or two looks.
const DELAYS: Delays = {
    let second = Duration::from_secs(1);
    Delays {
        operation: second,
        revision: second,
        role: second,
        principal: second,
        retry_after: Duration::from_secs(15),
    }
};

/// A scenario that ended well without faults.
struct Calm {
    scenario: &'static Scenario,
    selection: Selection,
    start: State,
    /// What its end means.
    wanted: Json,
    strikes: Vec<Strike>,
    requests: usize,
}

impl Calm {
    fn new(scenario: &'static Scenario, number: usize) -> Calm {
        let world = Calm::world(scenario);
        let parameters = scenario.parameters();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let selection = world.selection(scenario.recipes, &parameters);
        let start = world.sandbox.state();
        let attempt = attempt_with(&world, &world.executor(), &selection);
        assert!(attempt.end.is_ok(), "{}: {:?}", scenario.name, attempt.end);
        let end = world.sandbox.state();
        nothing_lost(&start, &end);
        let exchanges = world.sandbox.exchanges();
        let strikes = strikes::of(&exchanges, &world.sandbox.questions(), edited(scenario, &start));
        let strikes = match std::env::var("ACARECIPE_FAULT") {
            Ok(some) => strikes.into_iter().filter(|one| named(scenario, one).contains(&some)).collect(),
            Err(_) if std::env::var_os("ACARECIPE_ALL_FAULTS").is_some() => strikes,
            Err(_) => strikes::part(strikes, number),
        };
        Calm { scenario, selection, start, wanted: meaning(&end), strikes, requests: exchanges.len() }
    }

    fn world(scenario: &Scenario) -> World {
        let mut world = scenario.world(START, DELAYS);
        world.role_wait = Some(Duration::from_secs(1));
        // As the command's own.
        world.timeout = Duration::from_secs(20 * 60);
        world
    }

    fn run(&self, world: &World) -> Attempt {
        attempt_with(world, &world.executor(), &self.selection)
    }

    /// One fault; how the run that met it ended.
    fn struck(&self, strike: &Strike) -> &'static str {
        let case = named(self.scenario, strike);
        let world = Calm::world(self.scenario);
        let fault: Fault = strike.notation().parse().unwrap();
        world.sandbox.set_faults(vec![fault]);
        let attempt = self.run(&world);
        let struck = strike.is_name() || world.sandbox.exchanges().iter().any(|one| one.fault.is_some());
        if !struck {
            assert!(matches!(strike.what, What::Gone | What::Edited), "{case}: it met no request");
            return "could not be struck";
        }
        judge::in_time(&world, &case);
        judge::nothing_told(&world, &attempt.end, &case);
        let ended = judge::explained(&attempt.end, &case);
        let end = world.sandbox.state();
        if strike.what != What::Gone {
            judge::kept(&self.start, &end);
        }
        if strike.what == What::Edited {
            judge::edit_survives(&end, &case);
        }
        if attempt.end.is_err() || strike.what == What::Gone {
            self.completes(&world, strike, &case);
            return ended;
        }
        settled(&world);
        if let (Ok(plan), true) = (&attempt.end, strike.hides()) {
            // What could not be seen is told; and it is done once it can.
            if !judge::means(&world.sandbox.state(), &self.wanted) {
                judge::unseen_is_told(plan, &case);
                self.completes(&world, strike, &case);
                return "ended well with something that could not be seen";
            }
        }
        judge::same(&world.sandbox.state(), &self.start, &self.wanted, strike, &case);
        ended
    }

    /// The same command again, once what was in the way is gone.
    fn completes(&self, world: &World, strike: &Strike, case: &str) {
        let case = format!("{case}, then again");
        world.sandbox.set_faults(Vec::new());
        settled(world);
        let now = world.clock.now();
        world.sandbox.edit(|state| {
            // A role that is slow holds some day.
            for role in state.role_assignments.values_mut() {
                role.in_force_from = role.in_force_from.min(now);
            }
            if strike.what == What::Gone {
                judge::put_back(state, &self.start);
            }
        });
        let again = self.run(world);
        let end = world.sandbox.state();
        if strike.what == What::Gone && judge::another_principal(&self.start, &end, &again.end) {
            judge::explained(&again.end, &case);
            return;
        }
        assert!(again.end.is_ok(), "{case}: {:?}", again.end);
        settled(world);
        let end = world.sandbox.state();
        judge::kept(&self.start, &end);
        judge::same(&end, &self.start, &self.wanted, strike, &case);
    }
}

/// Some time later: what hung comes to an end some day, and what others began.
fn settled(world: &World) {
    let now = world.clock.now();
    world.sandbox.edit(|state| {
        for operation in state.operations.values_mut().filter(|operation| operation.due.is_none()) {
            operation.due = Some(now);
        }
    });
    World::block_on(world.clock.sleep(Duration::from_secs(60)));
}

/// What a case is called.
fn named(scenario: &Scenario, strike: &Strike) -> String {
    format!("{}: {strike}", scenario.name)
}

/// Whom somebody else edits: the job, where it is about one that is there, else the app.
fn edited(scenario: &Scenario, start: &State) -> &'static str {
    if scenario.recipes == ["jobs"] && !start.jobs.is_empty() { "job-demo" } else { "ca-demo" }
}

/// All scenarios of a recipe.
fn everywhere(recipe: &str) {
    let start = Instant::now();
    let of = |name: &str| name.split([',', ' ']).next() == Some(recipe);
    let all: Vec<Calm> = (SCENARIOS.iter().enumerate())
        .filter(|(_, scenario)| of(scenario.name))
        .map(|(number, scenario)| Calm::new(scenario, number))
        .collect();
    assert!(!all.is_empty(), "{recipe} has no scenario");
    let cases: Vec<(&Calm, &Strike)> =
        all.iter().flat_map(|calm| calm.strikes.iter().map(move |strike| (calm, strike))).collect();
    let next = AtomicUsize::new(0);
    let ends: Vec<&str> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut ends = Vec::new();
                    while let Some((calm, strike)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let end = catch_unwind(AssertUnwindSafe(|| calm.struck(strike)));
                        ends.push(end.unwrap_or(BROKEN));
                    }
                    ends
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ends.len(), cases.len());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for end in ends {
        *counts.entry(end).or_default() += 1;
    }
    let requests: usize = all.iter().map(|calm| calm.requests).sum();
    let (scenarios, cases, minutes) = (all.len(), cases.len(), start.elapsed().as_secs_f32() / 60.0);
    say!(
        "{recipe}: {scenarios} scenarios, {requests} requests, {cases} faults, {counts:?}, {minutes:.1} minutes"
    );
    assert_eq!(counts.get(BROKEN), None, "what broke stands above");
}

macro_rules! recipes {
    ($($test:ident $recipe:literal),+ $(,)?) => {
        $(#[test] fn $test() { everywhere($recipe); })+

        #[test]
        fn every_recipe_and_every_scenario_is_met() {
            let met = [$($recipe),+];
            for scenario in SCENARIOS {
                let of = scenario.name.split([',', ' ']).next().unwrap();
                assert!(met.contains(&of), "{}", scenario.name);
            }
            let catalogue = acarecipe::recipe::Catalogue::load(&[], false).unwrap();
            for recipe in catalogue.recipes() {
                assert!(met.contains(&recipe.name.as_str()), "{:?}", recipe.name);
            }
        }
    };
}

recipes! {
    managed_identity "managed-identity",
    key_vault_reference "key-vault-reference",
    container_registry "container-registry",
    custom_container "custom-container",
    native_dependencies "native-dependencies",
    azure_sql "azure-sql",
    cosmos_db "cosmos-db",
    redis "redis",
    storage "storage",
    bring_your_own_storage "bring-your-own-storage",
    dapr_integration "dapr-integration",
    easy_auth "easy-auth",
    custom_domains "custom-domains",
    mtls_client_certificates "mtls-client-certificates",
    jobs "jobs",
    revision_validation "revision-validation",
}
