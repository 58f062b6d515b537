//! Undo after a crash: wherever a run died, its journal, as far as it was written then, puts back what it did; and so do
//! the journals of that run and of the same command that went on from it.
//!
//! As in `crashes`, one run goes to its end, and what would be left is noted before and after the effect of each
//! request, with the journal. Points that leave the same Azure and the same journal behind are one situation: all of them for the
//! scenarios named below, the one in the middle for the rest; with `ACARECIPE_ALL_CRASHES` in the environment all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use acarecipe::plan::Selection;
use acarecipe::sandbox::{Delays, State};
use acarecipe::undo::Options;

use super::left::{Left, Watched};
use crate::support::others::nothing_lost;
use crate::support::say;
use crate::support::scenarios::{SCENARIOS, Scenario};
use crate::support::undoing::{Kept, changed, excused, left as told};
use crate::support::world::{Run, START, World};

/// A scenario that ran to its end, and what was left behind on the way.
struct Undone {
    scenario: &'static Scenario,
    selection: Selection,
    before: State,
    kept: Kept,
    id: String,
    requests: usize,
    situations: Vec<Left>,
}

impl Undone {
    fn new(scenario: &'static Scenario) -> Undone {
        let mut world = scenario.world(START, Delays::realistic());
        let selection = scenario.selection(&world);
        let (before, kept) = (world.sandbox.state(), Kept::new());
        let watched = Watched::on(&mut world, Some(kept.folder.clone()));
        let (id, run) = kept.run(&world, &selection, None);
        assert!(run.end.is_ok(), "{}: {:?}", scenario.name, run.end.err());
        let mut situations = watched.left();
        let requests = situations.len() / 2;
        situations.dedup_by(|next, one| next.azure == one.azure && next.journal == one.journal);
        let (situations, nothing): (Vec<Left>, Vec<Left>) = situations.into_iter().partition(announces);
        for left in nothing {
            let lost = changed(&before, &left.azure);
            assert!(lost.is_empty(), "{}, request {}: {lost:#?}", scenario.name, left.request);
        }
        assert!(!situations.is_empty(), "{} writes", scenario.name);
        Undone { scenario, selection, before, kept, id, requests, situations }
    }

    /// The state folder as it was found, and the world.
    fn found(&self, left: &Left) -> (Kept, World) {
        let kept = Kept::new();
        let runs = kept.folder.root().join("runs");
        std::fs::create_dir_all(&runs).unwrap();
        std::fs::write(runs.join(format!("{}.jsonl", self.id)), &left.journal).unwrap();
        std::fs::copy(self.kept.folder.root().join("key"), kept.folder.root().join("key")).unwrap();
        (kept, left.world())
    }

    /// Puts back these runs, and what comes of it is the start.
    fn puts_back(&self, case: &str, kept: &Kept, world: &World, runs: &[&str]) {
        let options = Options { delete_data: true, ..kept.options() };
        let undo = kept.undo_of(runs, &options);
        let back = Undone::ends(case, kept, world, &undo);
        let end = world.sandbox.state();
        nothing_lost(&self.before, &end);
        let mut changed = changed(&self.before, &end);
        changed.retain(|line| !excused(self.scenario.name, line, &back));
        assert!(changed.is_empty(), "{case}: {changed:#?}\ntold: {:#?}", told(&back));
    }

    fn ends(case: &str, kept: &Kept, world: &World, selection: &Selection) -> Run {
        let run = catch_unwind(AssertUnwindSafe(|| kept.run(world, selection, None)));
        let (_, run) = run.unwrap_or_else(|_| panic!("{case}: as above"));
        assert!(run.end.is_ok(), "{case}: {:?}", run.end.err());
        run
    }

    fn at_once(&self, left: &Left) {
        let case = format!("{}, request {}, {}", self.scenario.name, left.request, left.point);
        let (kept, world) = self.found(left);
        self.puts_back(&case, &kept, &world, &[&self.id]);
    }

    fn gone_on(&self, left: &Left) {
        let case = format!("{}, request {}, {}, gone on", self.scenario.name, left.request, left.point);
        let (kept, world) = self.found(left);
        Undone::ends(&case, &kept, &world, &self.selection);
        let newest = kept.folder.ids().unwrap()[0].to_string();
        self.puts_back(&case, &kept, &world, &[&self.id, &newest]);
    }

    /// How many situations there are.
    fn everywhere(&self) -> usize {
        let start = Instant::now();
        let broken = |work: &dyn Fn(&Left)| {
            let run = |left: &&Left| catch_unwind(AssertUnwindSafe(|| work(left))).is_err();
            self.situations.iter().filter(run).count()
        };
        let broken = broken(&|left| self.at_once(left)) + broken(&|left| self.gone_on(left));
        let (name, situations) = (self.scenario.name, self.situations.len());
        say!("undone, {name}: {} requests, {situations} situations, {:.1?}", self.requests, start.elapsed());
        assert_eq!(broken, 0, "{name}: what broke stands above");
        situations
    }
}

/// Whether the journal announces a write.
fn announces(left: &Left) -> bool {
    let announced = br#"{"entry":"before""#;
    left.journal.windows(announced.len()).any(|part| part == announced)
}

/// What a run of a scenario left anywhere is put back.
fn is_put_back(name: &str) {
    let scenario = SCENARIOS.iter().find(|one| one.name == name).expect("it is in the table");
    Undone::new(scenario).everywhere();
}

/// One test a scenario, so that they run beside each other: between them they write whatever a run can write.
macro_rules! daily {
    ($($test:ident $name:literal),+ $(,)?) => {
        const DAILY: &[&str] = &[$($name),+];

        $(#[test]
        fn $test() {
            is_put_back($name);
        })+
    };
}

daily! {
    a_created_identity_with_a_role "managed-identity, created, with a role",
    a_reference_to_a_secret "key-vault-reference, system",
    shares_blobs_and_scratch_space "storage, an identity that is there, share and scratch space",
    sign_in_beside_another "easy-auth, Google beside GitHub",
    a_domain_with_its_certificate "custom-domains, records and a managed certificate",
    components_with_a_secret "dapr-integration, components with a secret",
}

/// What a read does not show yet is waited for: whoever looks at once finds nothing to remove, and leaves it behind.
#[test]
fn what_azure_is_still_making() {
    let scenario = SCENARIOS.iter().find(|one| one.name == "key-vault-reference and others, system");
    let mut undone = Undone::new(scenario.expect("it is in the table"));
    // It dies before the answer, so that no journal says where to ask.
    let without_answer = |left: &Left| {
        let text = String::from_utf8_lossy(&left.journal).into_owned();
        text.lines().next_back().is_some_and(|line| line.starts_with(r#"{"entry":"before""#))
    };
    let making = |left: &Left| left.azure.cosmos_accounts.values().any(|one| one.pending.is_some());
    undone.situations.retain(|left| making(left) && without_answer(left));
    assert!(!undone.situations.is_empty(), "there is one");
    undone.everywhere();
}

#[test]
fn every_other_scenario() {
    let start = Instant::now();
    let all = std::env::var_os("ACARECIPE_ALL_CRASHES").is_some();
    let rest = SCENARIOS.iter().filter(|one| !DAILY.contains(&one.name));
    let rest: Vec<&Scenario> = rest.collect();
    let (mut situations, mut broken) = (0, Vec::new());
    for scenario in &rest {
        let every = || {
            let mut undone = Undone::new(scenario);
            if !all {
                let middle = undone.situations.swap_remove(undone.situations.len() / 2);
                undone.situations = vec![middle];
            }
            undone.everywhere()
        };
        match catch_unwind(every) {
            Ok(number) => situations += number,
            Err(_) => broken.push(scenario.name),
        }
    }
    let scenarios = rest.len();
    say!("undone, the rest: {scenarios} scenarios, {situations} situations, {:.1?}", start.elapsed());
    assert!(broken.is_empty(), "{broken:#?}");
}
