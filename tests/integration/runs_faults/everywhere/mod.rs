//! Every fault at every request of every recipe: the run succeeds, or ends with one explained error within its
//! deadline, loses nothing of others, tells no secret; and the same command completes it, once what stood in its way
//! is gone.
//!
//! [`strikes`] says which faults a request can meet, [`judge`] what must hold whatever became of a run. `.ci/run` goes
//! through a part, which [`strikes::part`] states: every kind once for each recipe; with `ACARECIPE_ALL_FAULTS=1` in the
//! environment everything is met by everything, with `ACARECIPE_ALL_FAULTS=2/5` by the second fifth of it.
//! `ACARECIPE_FAULT` with a part of what a broken case is called repeats those cases alone.

pub mod judge;
mod strikes;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acarecipe::clock::Clock as _;
use acarecipe::plan::{Plan, Selection};
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
    fn new(scenario: &'static Scenario) -> Calm {
        let world = Calm::world(scenario);
        let selection = scenario.selection(&world);
        let start = world.sandbox.state();
        let attempt = attempt_with(&world, &world.executor(), &selection);
        assert!(attempt.end.is_ok(), "{}: {:?}", scenario.name, attempt.end);
        let end = world.sandbox.state();
        nothing_lost(&start, &end);
        let exchanges = world.sandbox.exchanges();
        let strikes = strikes::of(&exchanges, &world.sandbox.questions(), edited(scenario, &start));
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
            let again = self.completes(&world, strike, &case);
            let restarted = judge::means(&world.sandbox.state(), &self.wanted);
            if let (Some(again), true, false) = (&again, strike.hits_a_restart(), restarted) {
                judge::restart_is_told(&attempt.end, again, &case);
            }
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

    /// The same command again, once what was in the way is gone; the plan that it ends with.
    fn completes(&self, world: &World, strike: &Strike, case: &str) -> Option<Plan> {
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
                judge::put_back(state, &self.start, strike);
            }
        });
        let mut again = self.run(world);
        if let Some(theirs) = judge::another_revision(strike, &again.end) {
            world.sandbox.edit(|state| judge::deactivate(state, &theirs));
            again = self.run(world);
        }
        let end = world.sandbox.state();
        let gone = strike.what == What::Gone;
        if (gone && judge::another_principal(&self.start, &end, &again.end))
            || judge::another_certificate(strike, &again.end)
        {
            judge::explained(&again.end, &case);
            return None;
        }
        let plan = again.end.unwrap_or_else(|stopped| panic!("{case}: {stopped:?}"));
        settled(world);
        let end = world.sandbox.state();
        judge::kept(&self.start, &end);
        judge::same(&end, &self.start, &self.wanted, strike, &case);
        Some(plan)
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

/// The scenarios of a recipe, with all that their requests can meet.
fn calm(recipe: &str) -> Vec<Calm> {
    let all: Vec<Calm> =
        SCENARIOS.iter().filter(|scenario| scenario.about() == recipe).map(Calm::new).collect();
    assert!(!all.is_empty(), "{recipe} has no scenario");
    all
}

/// What is left of it on an ordinary day.
fn on_a_day(mut all: Vec<Calm>, recipe: &str) -> Vec<Calm> {
    let number = RECIPES.iter().position(|name| *name == recipe).unwrap();
    let strikes = all.iter_mut().map(|calm| std::mem::take(&mut calm.strikes)).collect();
    for (calm, strikes) in all.iter_mut().zip(strikes::part(strikes, number)) {
        calm.strikes = strikes;
    }
    all
}

/// What was gone through in this process so far.
static SO_FAR: Mutex<[usize; 4]> = Mutex::new([0; 4]);

/// All scenarios of a recipe.
fn everywhere(recipe: &str) {
    let start = Instant::now();
    let mut all = calm(recipe);
    match (std::env::var("ACARECIPE_FAULT"), std::env::var("ACARECIPE_ALL_FAULTS")) {
        (Ok(some), _) => {
            for calm in &mut all {
                calm.strikes.retain(|one| named(calm.scenario, one).contains(&some));
            }
        }
        (Err(_), Ok(share)) => {
            let (share, of) = share.split_once('/').unwrap_or(("1", "1"));
            let (share, of): (usize, usize) = (share.parse().unwrap(), of.parse().unwrap());
            let mut turn = (0..).map(|number| number % of == share - 1);
            for calm in &mut all {
                calm.strikes.retain(|_| turn.next().unwrap());
            }
        }
        (Err(_), Err(_)) => all = on_a_day(all, recipe),
    }
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
    {
        let mut so_far = SO_FAR.lock().unwrap();
        for (sum, one) in so_far.iter_mut().zip([1, scenarios, requests, cases]) {
            *sum += one;
        }
        let [recipes, scenarios, requests, cases] = *so_far;
        say!("faults so far: {recipes} recipes, {scenarios} scenarios, {requests} requests, {cases} faults");
    }
    assert_eq!(counts.get(BROKEN), None, "what broke stands above");
}

/// Whatever can go wrong does so on an ordinary day, for each recipe whose runs can meet it.
#[test]
fn every_kind_of_fault_is_met_on_an_ordinary_day() {
    let (mut part, mut whole, mut words) = (0, 0, BTreeSet::new());
    for recipe in RECIPES {
        let kinds = |all: &[Calm]| -> BTreeSet<strikes::Kind> {
            all.iter().flat_map(|calm| &calm.strikes).map(Strike::kind).collect()
        };
        let count = |all: &[Calm]| all.iter().map(|calm| calm.strikes.len()).sum::<usize>();
        let all = calm(recipe);
        let there = kinds(&all);
        whole += count(&all);
        let chosen = on_a_day(all, recipe);
        assert_eq!(kinds(&chosen), there, "{recipe}");
        part += count(&chosen);
        words.extend(chosen.iter().flat_map(|calm| &calm.strikes).map(|strike| strike.word().to_owned()));
    }
    assert_eq!(words, strikes::words());
    say!("of {whole} faults {part} are met on an ordinary day, {} words", words.len());
}

#[test]
fn every_recipe_and_every_scenario_is_met() {
    for scenario in SCENARIOS {
        assert!(RECIPES.contains(&scenario.about()), "{}", scenario.name);
    }
    let catalogue = acarecipe::recipe::Catalogue::load(&[], false).unwrap();
    for recipe in catalogue.recipes() {
        assert!(RECIPES.contains(&recipe.name.as_str()), "{:?}", recipe.name);
    }
}

macro_rules! recipes {
    ($($test:ident $recipe:literal),+ $(,)?) => {
        $(#[test] fn $test() { everywhere($recipe); })+

        const RECIPES: &[&str] = &[$($recipe),+];
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
