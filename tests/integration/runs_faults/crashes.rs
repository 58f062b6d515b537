//! Every crash point of every recipe, in this process: at each request of a run the process dies (before the request has
//! an effect; after the effect, before the answer; after the answer), and the same command then ends where the
//! uninterrupted run does: same state, nothing of others lost, nothing made twice, no further revision.
//!
//! What a process that died leaves behind is what Azure then is, and the time. So one run goes through to its end, and
//! what it would have left is noted at each point; each situation is then gone on from by a new process, which has
//! nothing in its memory. Points that leave the same behind are one situation, and so are points that differ only in how
//! long the same operation has been waited for: the first of these is gone on from, with `ACARECIPE_ALL_CRASHES` in the
//! environment each. Of a long scenario every fifth situation is gone on from, and then each. `undone` puts back what is
//! left; `across/crash` kills real processes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use acarecipe::plan::Selection;
use acarecipe::sandbox::{Delays, Exchange};
use serde_json::Value as Json;

use super::left::{Left, Watched};
use super::{Attempt, attempt_with};
use crate::support::others::{differences, meaning, nothing_lost};
use crate::support::say;
use crate::support::scenarios::{LONG, SCENARIOS, Scenario};
use crate::support::world::START;

/// What may be sent once more, and why.
const AGAIN: &[(&str, &str)] = &[
    ("/schedulerun", "a run that is on does not say whose it is, so that an image is rather built twice"),
    ("/managedcertificates/", "an order that is on answers a second one with itself"),
];

/// A scenario, and what its uninterrupted run comes to.
struct Crashing {
    scenario: &'static Scenario,
    selection: Selection,
    exchanges: Vec<Exchange>,
    wanted: Json,
    situations: Vec<Left>,
}

impl Crashing {
    /// Runs it to its end.
    fn new(scenario: &'static Scenario) -> Crashing {
        let mut world = scenario.world(START, Delays::realistic());
        let selection = scenario.selection(&world);
        let before = world.sandbox.state();
        let watched = Watched::on(&mut world, None);
        let Attempt { end, .. } = attempt_with(&world, &world.executor(), &selection);
        assert!(end.is_ok(), "{}: {:?}", scenario.name, end.err());
        let after = world.sandbox.state();
        nothing_lost(&before, &after);
        let exchanges = world.sandbox.exchanges();
        let mut situations = watched.left();
        assert_eq!(situations.len(), 2 * exchanges.len(), "every request is seen");
        let all = std::env::var_os("ACARECIPE_ALL_CRASHES").is_some();
        situations.dedup_by(|next, one| next.azure == one.azure && (!all || next.now == one.now));
        if !all && LONG.iter().any(|one| one.name == scenario.name) {
            let fifth = situations.into_iter().step_by(5);
            situations = fifth.collect();
        }
        Crashing { scenario, selection, exchanges, wanted: meaning(&after), situations }
    }

    /// The same command again, in a new process.
    fn goes_on(&self, left: &Left) {
        let Left { request, point, .. } = left;
        let case = format!("{}, killed at request {request}, {point}", self.scenario.name);
        let world = left.world();
        let Attempt { end, .. } = attempt_with(&world, &world.executor(), &self.selection);
        assert!(end.is_ok(), "{case}: {:?}", end.err());
        let mut differences = differences(&meaning(&world.sandbox.state()), &self.wanted);
        // Nothing tells what a replica started with: that it may be an earlier value is said, with the restart.
        let findings = acarecipe::verify::findings(&end.unwrap(), true);
        let told = findings.iter().any(|one| one.fix.iter().any(|fix| fix.contains("revision restart")));
        if self.scenario.name == "easy-auth, a new secret restarts what uses it" && told {
            differences.retain(|one| !one.contains("/revisions/0/secrets/"));
        }
        assert!(differences.is_empty(), "{case}: {differences:#?}");
        let uninterrupted = written(&self.exchanges);
        let both = [&self.exchanges[..left.done], &world.sandbox.exchanges()].concat();
        for (write, times) in written(&both) {
            let once = uninterrupted.get(&write).copied().unwrap_or_default();
            let once = once + usize::from(AGAIN.iter().any(|(part, _)| write.contains(part)));
            assert!(times <= once, "{case}: {write} was sent {times} times, not {once}");
        }
    }

    fn everywhere(&self) -> Counts {
        let start = Instant::now();
        let run = |left: &&Left| catch_unwind(AssertUnwindSafe(|| self.goes_on(left))).is_err();
        let broken = self.situations.iter().filter(run).count();
        let requests = self.exchanges.len();
        let counts = Counts {
            requests,
            points: 3 * requests,
            situations: self.situations.len(),
            took: start.elapsed(),
        };
        say!("{}: {counts}", self.scenario.name);
        assert_eq!(broken, 0, "{}: what broke stands above", self.scenario.name);
        counts
    }
}

/// How often each write was sent and accepted.
fn written(exchanges: &[Exchange]) -> BTreeMap<String, usize> {
    let mut written = BTreeMap::new();
    for one in exchanges {
        if one.is_write() && one.status.is_some_and(|status| status < 300) {
            *written.entry(format!("{} {}", one.method, one.path.to_lowercase())).or_default() += 1;
        }
    }
    written
}

#[derive(Clone, Copy, Default)]
struct Counts {
    requests: usize,
    points: usize,
    situations: usize,
    took: Duration,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { requests, points, situations, took } = self;
        write!(f, "{requests} requests, {points} crash points, {situations} situations, {took:.1?}")
    }
}

/// The scenarios of a recipe.
fn of(recipe: &str) {
    let mut total = Counts::default();
    let mut scenarios = 0;
    for scenario in SCENARIOS.iter().chain(LONG).filter(|one| one.about() == recipe) {
        let counts = Crashing::new(scenario).everywhere();
        scenarios += 1;
        total.requests += counts.requests;
        total.points += counts.points;
        total.situations += counts.situations;
        total.took += counts.took;
    }
    assert!(scenarios > 0, "{recipe} has no scenario");
    say!("crashes in process, {recipe}: {scenarios} scenarios, {total}");
}

macro_rules! recipes {
    ($($test:ident: $recipe:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                of($recipe);
            }
        )+

        #[test]
        fn every_recipe_is_crashed() {
            let tested = [$($recipe),+];
            for recipe in acarecipe::recipe::Catalogue::built_in().unwrap().recipes() {
                assert!(tested.contains(&recipe.name.value.as_str()), "{}", recipe.name.value);
            }
        }
    };
}

recipes! {
    azure_sql: "azure-sql",
    bring_your_own_storage: "bring-your-own-storage",
    container_registry: "container-registry",
    cosmos_db: "cosmos-db",
    custom_container: "custom-container",
    custom_domains: "custom-domains",
    dapr_integration: "dapr-integration",
    easy_auth: "easy-auth",
    jobs: "jobs",
    key_vault_reference: "key-vault-reference",
    managed_identity: "managed-identity",
    mtls_client_certificates: "mtls-client-certificates",
    native_dependencies: "native-dependencies",
    redis: "redis",
    revision_validation: "revision-validation",
    storage: "storage",
}
