//! A rollout: the one new revision of a run gets its traffic by steps, or is taken back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::diagnostic::codes;
use acarecipe::execute::{Applied, Event, Failure, Observer};
use acarecipe::plan::{Entry, Stage, Status, Traffic, stages};
use acarecipe::sandbox::seed::variant;
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::state::App;
use acarecipe::sandbox::{Exchange, seed};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::support::world::{World, failed, writes};
use super::{app, blocked, described};

const RECIPE: &[&str] = &["revision-validation"];
const NEW: &str = "ghcr.io/acarecipe/python-demo:2.0";
const IMAGE: &str = "revision-validation.image=ghcr.io/acarecipe/python-demo:2.0";
const FIRST: &str = "ca-demo--first01";

/// An Azure in which the new image answers so.
fn answering(script: &Script) -> World {
    World::new().edited(|state| answers::image_answers(state, NEW, script).unwrap())
}

fn failing() -> World {
    answering(&Script { status: Some(500), ..Script::default() })
}

/// The traffic of the app, as the store has it.
fn traffic(world: &World) -> Json {
    app(world).configuration()["ingress"]["traffic"].clone()
}

fn entry(revision: Option<&str>, weight: u32, label: Option<&str>) -> Entry {
    Entry { revision: revision.map(str::to_owned), weight, label: label.map(str::to_owned) }
}

/// Bodies of writes of the traffic, in order.
fn shifts(exchanges: &[Exchange]) -> Vec<Json> {
    let body = |one: &Exchange| {
        let body = one.request_body.as_ref()?;
        let traffic = body["properties"]["configuration"]["ingress"]["traffic"].clone();
        (one.method == "PATCH" && !traffic.is_null()).then_some(traffic)
    };
    exchanges.iter().filter_map(body).collect()
}

/// The revisions, newest last, each with whether it is active.
fn revisions(world: &World) -> Vec<(String, bool)> {
    app(world).revisions.iter().map(|one| (one.name.clone(), one.active)).collect()
}

fn candidate(app: &App) -> String {
    app.revisions.last().unwrap().name.clone()
}

#[test]
fn a_new_image_gets_its_traffic_by_steps() {
    let world = World::new();
    let from = world.count();
    let run = world.apply(RECIPE, &[IMAGE]);
    run.ok();
    let exchanges = world.exchanges_since(from);
    let name = candidate(&app(&world));
    assert_eq!(run.applied.writes.len(), 6, "{:?}", run.applied.writes);
    assert_eq!(run.applied.revisions, std::slice::from_ref(&name));
    assert_eq!(run.planned.plan.rollout.as_ref().unwrap().name(), Some(name.as_str()), "known at plan");
    let labelled = |weight: u32| json!({ "revisionName": name, "weight": weight, "label": "canary" });
    assert_eq!(
        shifts(&exchanges),
        [
            json!([{ "revisionName": FIRST, "weight": 100 }]),
            json!([{ "revisionName": FIRST, "weight": 100 }, labelled(0)]),
            json!([{ "revisionName": FIRST, "weight": 90 }, labelled(10)]),
            json!([{ "revisionName": FIRST, "weight": 50 }, labelled(50)]),
            json!([labelled(100)]),
        ]
    );
    assert_eq!(revisions(&world), [(FIRST.to_owned(), true), (name.clone(), true)], "the old one is kept");
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());

    // Twice is free.
    let again = world.apply(RECIPE, &[IMAGE]);
    assert_eq!((again.applied.writes.len(), again.applied.revisions.len()), (0, 0));
    described(&world);
}

#[test]
fn what_is_there_and_pinned_costs_no_write_of_its_own() {
    let world = World::new().edited(|state| {
        variant::pinned(state, 0);
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["traffic"] = json!([
            { "revisionName": "ca-demo--older00", "weight": 0, "label": "blue" },
            { "revisionName": FIRST, "weight": 100 },
        ]);
    });
    let run = world.apply(RECIPE, &[IMAGE]);
    run.ok();
    assert_eq!(run.applied.writes.len(), 5, "{:?}", run.applied.writes);
    let list = traffic(&world);
    assert_eq!(list[0], json!({ "revisionName": "ca-demo--older00", "weight": 0, "label": "blue" }));
    described(&world);
}

/// Before each look the share a candidate had is what its gates have let through.
#[test]
fn no_candidate_has_traffic_before_it_was_judged() {
    for script in [Script::default(), Script { status: Some(500), ..Script::default() }] {
        let world = answering(&script);
        let _ = world.apply(RECIPE, &[IMAGE]);
        let mut asked = 0;
        let mut last = 0;
        for one in world.sandbox.exchanges() {
            let under_label = one.host.contains("---canary.");
            if under_label {
                asked += 1;
            }
            for traffic in shifts(std::slice::from_ref(&one)) {
                let entries = traffic.as_array().unwrap();
                let own = entries.iter().find(|entry| entry["label"] == "canary");
                let weight = own.map_or(0, |entry| entry["weight"].as_u64().unwrap());
                if weight > last {
                    assert!(asked >= 3, "{weight} % after {asked} answers");
                    asked = 0;
                }
                last = weight;
            }
        }
    }
}

#[test]
fn a_failing_gate_puts_the_traffic_back_at_every_weight() {
    // Three answers at 0 %, three at 10 %, three at 50 %, three at 100 %.
    for (answers, stood, wrote) in [(0, 0, 5), (3, 10, 6), (6, 50, 7), (9, 100, 8)] {
        let world = if answers == 0 {
            failing()
        } else {
            answering(&Script { after: Some(answers), ..Script::default() })
        };
        let run = world.apply(RECIPE, &[IMAGE]);
        let name = candidate(&app(&world));
        let Err(Failure::RolledBack(told)) = &run.end else { panic!("{stood}: {:?}", run.end) };
        assert_eq!(told.code, codes::GATE, "the cause comes first");
        assert!(told.message.contains(&format!("{name} at {stood} % of the traffic")), "{}", told.message);
        assert_eq!(
            told.notes.iter().filter(|note| note.contains("put back: ca-demo--first01 100 %")).count(),
            1
        );
        assert_eq!(traffic(&world), json!([{ "revisionName": FIRST, "weight": 100 }]), "{stood}");
        assert_eq!(revisions(&world), [(FIRST.to_owned(), true), (name.clone(), false)], "{stood}");
        assert_eq!(run.applied.writes.len(), wrote, "{stood}: {:?}", run.applied.writes);
        described(&world);

        // The same change is refused; another is counted from what serves, not from what failed.
        let planned = blocked(&world, RECIPE, &[IMAGE]);
        let found = failed(&planned.plan.prerequisites);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].fix.as_ref().unwrap().ends_with("--retry"), "{found:#?}");
        let other = world.apply(RECIPE, &["revision-validation.env.FEATURE=on"]);
        other.ok();
        let template = app(&world).revisions.last().unwrap().template.clone();
        assert_eq!(template["containers"][0]["image"], seed::IMAGE, "nothing of what failed comes along");
    }
}

#[test]
fn a_retry_takes_the_next_name() {
    let world = failing();
    assert!(matches!(world.apply(RECIPE, &[IMAGE]).end, Err(Failure::RolledBack(_))));
    let first = candidate(&app(&world));
    world.sandbox.edit(|state| state.images.get_mut(NEW).unwrap().answers = None);
    let (selection, target) = (world.selection(RECIPE, &[IMAGE]), world.target());
    let executor = acarecipe::execute::Executor { retry: true, ..world.executor() };
    block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        assert!(!planned.plan.blocked(), "{:#?}", failed(&planned.plan.prerequisites));
        let done = Mutex::new(Applied::default());
        executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await.unwrap();
    });
    let second = candidate(&app(&world));
    assert_ne!(first, second);
    assert_eq!(traffic(&world), json!([{ "revisionName": second, "weight": 100, "label": "canary" }]));
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Asks to stop at the `at`th write.
struct Stopping {
    interrupt: acarecipe::execute::Interrupt,
    left: Mutex<usize>,
}

impl Observer for Stopping {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Written { .. }) {
            let mut left = self.left.lock().unwrap();
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.interrupt.request();
            }
        }
    }
}

#[test]
fn a_run_that_is_stopped_after_any_write_goes_on_from_there() {
    let whole = World::new();
    whole.apply(RECIPE, &[IMAGE]).ok();
    for after in 1..6 {
        let world = World::new();
        let (selection, target) = (world.selection(RECIPE, &[IMAGE]), world.target());
        let executor = world.executor();
        let stopping = Stopping { interrupt: executor.interrupt.clone(), left: Mutex::new(after) };
        let executor = acarecipe::execute::Executor { observer: Arc::new(stopping), ..executor };
        let done = Mutex::new(Applied::default());
        block_on(async {
            let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
            let end = executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await;
            assert!(matches!(end, Err(Failure::Interrupted)), "{after}: {end:?}");
        });
        let done = done.into_inner().unwrap();
        assert_eq!(done.writes.len(), after, "no further write");
        let stood = traffic(&world);
        if after > 1 {
            assert!(done.traffic.is_some(), "{after}: it can be told which weights stand");
        }
        if (3..6).contains(&after) {
            let found = world.verify(RECIPE, &[IMAGE]);
            let half_way = found.iter().find(|one| one.name == "no rollout is under way").unwrap();
            assert_eq!(half_way.status, Status::Failed, "{after}");
        }
        let run = world.apply(RECIPE, &[IMAGE]);
        run.ok();
        assert_eq!(run.applied.writes.len(), 6 - after, "{after} from {stood}: {:?}", run.applied.writes);
        assert_eq!(traffic(&world), traffic(&whole), "{after}");
        assert_eq!(revisions(&world), revisions(&whole), "{after}");
    }
}

/// Somebody else changes the app while the candidate stands at 10 %.
struct Meddling<F> {
    world: acarecipe::sandbox::Sandbox,
    change: F,
    done: Mutex<bool>,
}

impl<F: Fn(&mut App) + Send + Sync> Observer for Meddling<F> {
    fn event(&self, event: &Event) {
        let mut done = self.done.lock().unwrap();
        if matches!(event, Event::Baking { weight: 10, .. }) && !*done {
            *done = true;
            self.world.edit(|state| (self.change)(state.app_mut(seed::APP).unwrap()));
        }
    }
}

#[test]
fn what_somebody_else_does_to_the_traffic_stops_the_run() {
    let changes: [fn(&mut App); 2] = [
        |app| {
            let traffic = &mut app.model["properties"]["configuration"]["ingress"]["traffic"];
            traffic[0]["weight"] = json!(80);
            traffic[1]["weight"] = json!(20);
        },
        |app| app.model["properties"]["configuration"]["activeRevisionsMode"] = json!("Single"),
    ];
    for change in changes {
        let world = World::new();
        let (selection, target) = (world.selection(RECIPE, &[IMAGE]), world.target());
        let observer = Meddling { world: world.sandbox.clone(), change, done: Mutex::new(false) };
        let executor = acarecipe::execute::Executor { observer: Arc::new(observer), ..world.executor() };
        let done = Mutex::new(Applied::default());
        let end = block_on(async {
            let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
            executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await
        });
        assert!(matches!(end, Err(Failure::Changed(_))), "{end:?}");
        assert_eq!(done.into_inner().unwrap().writes.len(), 4, "pin, template, label, 10 %");
    }
}

#[test]
fn what_others_have_under_way_is_told_before_the_first_write() {
    let set = |traffic: Json| {
        move |state: &mut acarecipe::sandbox::State| {
            variant::pinned(state, 0);
            let app = state.app_mut(seed::APP).unwrap();
            app.model["properties"]["configuration"]["ingress"]["traffic"] = traffic;
        }
    };
    for (list, told) in [
        (
            json!([{ "revisionName": FIRST, "weight": 50 }, { "revisionName": "ca-demo--older00", "weight": 50 }]),
            "split already",
        ),
        (
            json!([{ "revisionName": "ca-demo--older00", "weight": 90 }, { "revisionName": FIRST, "weight": 10, "label": "canary" }]),
            "stands at 10 % under the label canary",
        ),
        (json!([{ "revisionName": "ca-demo--older00", "weight": 100 }]), "is newer than ca-demo--older00"),
    ] {
        let world = World::new().edited(set(list));
        let from = world.count();
        let planned = blocked(&world, RECIPE, &[IMAGE]);
        let found = failed(&planned.plan.prerequisites);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].code, codes::ROLLOUT);
        assert!(found[0].detail.as_ref().unwrap().contains(told), "{found:#?}");
        assert!(found[0].fix.is_some());
        assert!(writes(&world.exchanges_since(from)).is_empty());
    }
}

#[test]
fn the_change_of_another_recipe_arrives_the_same_way() {
    let world = World::new();
    let recipes = &["key-vault-reference", "revision-validation"];
    let secrets = "key-vault-reference.secrets.DB_PASSWORD=db-password";
    let run = world.apply(recipes, &[secrets]);
    run.ok();
    let own = writes(&world.sandbox.exchanges());
    let of_app = own.iter().filter(|(_, path)| path.ends_with("/containerApps/ca-demo")).count();
    // The pin goes with the identity; then secret and template, label, and three shares.
    assert_eq!((of_app, run.applied.writes.len()), (6, 7), "{:?}", run.applied.writes);
    assert_eq!(run.applied.revisions.len(), 1);
    let first = &shifts(&world.sandbox.exchanges())[0];
    assert_eq!(*first, json!([{ "revisionName": FIRST, "weight": 100 }]));
    let again = world.apply(recipes, &[secrets]);
    assert_eq!(again.applied.writes.len(), 0);
    described(&world);
}

#[test]
fn without_the_right_to_take_a_revision_back_nothing_is_written() {
    let world = World::new().called_by("reader");
    let planned = blocked(&world, RECIPE, &[IMAGE]);
    let lacking: Vec<String> = failed(&planned.plan.prerequisites)
        .into_iter()
        .filter(|finding| finding.code == codes::PERMISSION)
        .map(|finding| finding.name.clone())
        .collect();
    assert!(lacking.iter().any(|name| name.contains("deactivate a revision")), "{lacking:?}");
}

#[test]
fn time_that_is_over_while_a_share_stands_ends_as_an_interruption() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(4 * 60);
    let bake = "revision-validation.bake=10m";
    let run = world.apply(RECIPE, &[IMAGE, bake]);
    let Err(Failure::Deadline(told)) = &run.end else { panic!("{:?}", run.end) };
    assert!(told.notes.iter().any(|note| note.contains("10 % (canary)")), "{:?}", told.notes);
    assert_eq!(run.applied.writes.len(), 4, "nothing is taken back, nothing goes on");
    world.timeout = Duration::from_secs(60 * 60);
    let run = world.apply(RECIPE, &[IMAGE, bake]);
    run.ok();
    assert_eq!(run.applied.writes.len(), 2);
}

#[test]
fn stages_follow_from_what_stands() {
    let weights = [10, 50, 100];
    let at = |weight: u32| {
        Traffic(vec![entry(Some("a"), 100 - weight, None), entry(Some("b"), weight, Some("canary"))])
    };
    let all = [Stage::Label, Stage::Shift(10), Stage::Shift(50), Stage::Shift(100)];
    let none = Traffic(vec![entry(Some("a"), 100, None)]);
    assert_eq!(stages(&none, "canary", Some("b"), &weights), all);
    assert_eq!(stages(&none, "canary", None, &weights), all);
    assert_eq!(stages(&at(0), "canary", Some("b"), &weights), all[1..]);
    assert_eq!(stages(&at(10), "canary", Some("b"), &weights), all[2..]);
    assert_eq!(stages(&at(20), "canary", Some("b"), &weights), all[2..]);
    assert_eq!(stages(&at(100), "canary", Some("b"), &weights), []);
    assert_eq!(stages(&at(0), "blue", Some("b"), &weights)[0], Stage::Label);
}

/// A list of traffic whose weights sum to 100, over a few revisions, with labels that stand once.
fn lists() -> impl Strategy<Value = Traffic> {
    let one = (prop::option::weighted(0.8, 0..4_usize), 0..100_u32, any::<bool>());
    prop::collection::vec(one, 1..6).prop_map(|raw| {
        let total: u32 = raw.iter().map(|(_, weight, _)| weight).sum();
        let mut left = 100;
        let last = raw.len() - 1;
        let entries = raw.iter().enumerate().map(|(index, (revision, weight, labelled))| {
            let share =
                if index == last { left } else { (weight * 100).checked_div(total).unwrap_or(0).min(left) };
            left -= share;
            let name = revision.map(|number| format!("app--r{number}"));
            let label =
                labelled.then(|| if index == 0 { "canary".to_owned() } else { format!("label{index}") });
            Entry { revision: name, weight: share, label }
        });
        Traffic(entries.collect())
    })
}

fn sum(traffic: &Traffic) -> u32 {
    traffic.0.iter().map(|entry| entry.weight).sum()
}

proptest! {
    #[test]
    fn traffic_stays_whole_and_what_others_have_stays_theirs(list in lists(), weight in 1..=100_u32) {
        let (serving, candidate) = ("app--r0", "app--r9");
        let pinned = list.pinned(serving);
        prop_assert!(pinned.is_pinned());
        prop_assert_eq!(sum(&pinned), 100);
        let labelled = pinned.with_label("canary", candidate);
        prop_assert_eq!(sum(&labelled), 100);
        prop_assert_eq!(labelled.labelled("canary"), Some(candidate));
        prop_assert_eq!(labelled.weight(candidate), 0);
        let shifted = labelled.shifted("canary", serving, candidate, weight);
        prop_assert_eq!(sum(&shifted), 100);
        let both = labelled.weight(serving);
        prop_assert_eq!(shifted.weight(candidate), both * weight / 100);
        prop_assert_eq!(shifted.weight(serving), both - both * weight / 100);
        let back = shifted.without(serving, candidate);
        prop_assert_eq!(sum(&back), 100);
        prop_assert_eq!(back.weight(candidate), 0);
        for (name, share) in pinned.shares() {
            prop_assert_eq!(back.weight(&name), share);
        }
        // Entries of others, but for the label that moved.
        let others = |traffic: &Traffic| -> Vec<Entry> {
            let own = |entry: &Entry| {
                entry.revision.as_deref().is_some_and(|name| [serving, candidate].contains(&name))
                    || entry.label.as_deref() == Some("canary")
            };
            traffic.0.iter().filter(|entry| !own(entry)).cloned().collect()
        };
        let before = others(&pinned);
        let after = others(&shifted);
        prop_assert!(before.iter().all(|entry| after.contains(entry)));
    }
}
