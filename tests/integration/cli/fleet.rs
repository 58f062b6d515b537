//! `verify --all-apps`: the health of every app, by pages of their list.

use std::path::PathBuf;

use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{App, Fate};
use acarecipe::sandbox::statefile::StateFile;
use acarecipe::sandbox::{State, Switches};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::place::{Outcome, Place};
use crate::support::world::World;

/// A state with `count` apps in the demo group, in pages of 50, changed by `change`.
pub fn state(count: usize, change: impl FnOnce(&mut State)) -> State {
    let mut state = seed::state(OffsetDateTime::now_utc() - time::Duration::days(1));
    state.page_size = 50;
    (1..count).for_each(|number| variant::sibling(&mut state, seed::GROUP, &format!("ca-{number:04}")));
    change(&mut state);
    state
}

/// A place whose sandbox has this state.
pub fn place(state: &State) -> (Place, String) {
    let place = Place::new();
    let file: PathBuf = place.work().join("state.json");
    StateFile::open(&file).unwrap().save(state).unwrap();
    (place, file.display().to_string())
}

pub fn run(place: &Place, file: &str, line: &str) -> Outcome {
    place.run(line.split_whitespace().chain(["--sandbox", "--sandbox-state", file]))
}

fn requests(report: &Json) -> u64 {
    report["counts"]["requests"].as_u64().unwrap()
}

fn app<'s>(state: &'s mut State, name: &str) -> &'s mut App {
    state.app_mut(name).unwrap()
}

/// A newest revision that never ran.
fn crashed(state: &mut State, name: &str) {
    let app = app(state, name);
    let mut revision = app.revisions.last().unwrap().clone();
    revision.name = format!("{name}--second2");
    revision.fate = Fate::Unhealthy("container ca-demo exited with 1".to_owned());
    revision.settled = true;
    app.revisions.push(revision);
}

#[test]
fn a_thousand_healthy_apps_cost_as_many_requests_as_pages_and_one() {
    let (place, file) = place(&state(1000, |_| {}));
    let report = run(&place, &file, "verify --all-apps -o json").code(0).json();
    let fleet = &report["fleet"];
    assert_eq!(fleet["counts"]["apps"], 1000);
    assert_eq!(fleet["counts"]["healthy"], 1000);
    assert_eq!((fleet["counts"]["lookedAt"].as_u64(), fleet["pages"].as_u64()), (Some(0), Some(20)));
    assert_eq!(fleet["apps"].as_array().unwrap().len(), 1000);
    assert_eq!(requests(&report), 21, "20 pages, and which api-versions there are");
    assert_eq!((report["status"].as_str(), fleet["complete"].as_bool()), (Some("ok"), Some(true)));
}

#[test]
fn only_suspects_are_looked_at_and_each_says_what_is_wrong() {
    let (place, file) = place(&state(100, |state| {
        app(state, "ca-0003").provisioning_state = "Failed".to_owned();
        app(state, "ca-0050").stopped = true;
        crashed(state, "ca-0077");
    }));
    let report = run(&place, &file, "verify --all-apps -g rg-demo -o json").code(4).json();
    let fleet = &report["fleet"];
    assert_eq!(fleet["resourceGroup"], "rg-demo");
    let counts = &fleet["counts"];
    assert_eq!(
        (counts["healthy"].as_u64(), counts["unhealthy"].as_u64(), counts["progressing"].as_u64()),
        (Some(97), Some(3), Some(0)),
        "one that crashed a day ago is not on its way: {counts}"
    );
    let unwell: Vec<&Json> =
        fleet["apps"].as_array().unwrap().iter().filter(|app| app["status"] != "healthy").collect();
    let told: Vec<(&str, &str)> = unwell
        .iter()
        .map(|app| (app["name"].as_str().unwrap(), app["reason"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(told.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["ca-0003", "ca-0050", "ca-0077"]);
    assert!(told[0].1.contains("Failed"), "{told:?}");
    assert!(told[1].1.contains("Stopped"), "{told:?}");
    assert!(!told[2].1.is_empty(), "{told:?}");
    assert!(
        unwell[1]["fix"].as_str().unwrap().contains("az containerapp start --name ca-0050"),
        "{unwell:?}"
    );
    assert_eq!(unwell[2]["latestReadyRevision"], "ca-0077--first01");
    // One for the api-versions, 2 pages; the first look finds out subscription, group and environment beside its
    // revision; the others read their revision, and the replicas of one that is not well.
    assert_eq!(requests(&report), 3 + 4 + 1 + 2, "{report:#}");

    let text = run(&place, &file, "verify --all-apps -g rg-demo").code(4);
    assert!(text.stdout.contains("✗ rg-demo/ca-0050"), "{}", text.stdout);
    assert!(
        text.stdout.contains("100 apps of the group rg-demo in 2 pages: 97 healthy, 3 unhealthy"),
        "{}",
        text.stdout
    );
    assert!(text.stdout.contains("[sandbox]"), "{}", text.stdout);
}

/// The app has an older revision with this share of the traffic, which crashed.
fn older(state: &mut State, name: &str, weight: u64) {
    let app = app(state, name);
    let newest = app.revisions.last().unwrap().clone();
    let mut older = newest.clone();
    older.name = format!("{name}--older00");
    older.created -= time::Duration::HOUR;
    older.fate = Fate::Unhealthy("container ca-demo exited with 1".to_owned());
    older.settled = true;
    let entry = |name: &str, weight: u64| serde_json::json!({ "revisionName": name, "weight": weight });
    let traffic = [entry(&older.name, weight), entry(&newest.name, 100 - weight)];
    app.revisions.insert(0, older);
    app.model["properties"]["configuration"]["activeRevisionsMode"] = "Multiple".into();
    app.model["properties"]["configuration"]["ingress"]["traffic"] = serde_json::json!(traffic);
}

/// In Multiple mode an app is as what has its traffic: a list does not tell that, and the newest revision neither.
#[test]
fn what_has_the_traffic_decides() {
    let (place, file) = place(&state(5, |state| {
        older(state, "ca-0001", 100);
        older(state, "ca-0002", 20);
        older(state, "ca-0003", 0);
    }));
    for deep in ["", " --deep"] {
        let report =
            run(&place, &file, &format!("verify --all-apps -g rg-demo{deep} -o json")).code(4).json();
        let told: Vec<(&str, &str, &str)> = report["fleet"]["apps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|app| {
                let text = |key: &str| app[key].as_str().unwrap_or_default();
                (text("name"), text("status"), text("reason"))
            })
            .filter(|(_, status, _)| *status != "healthy")
            .collect();
        assert_eq!(told.len(), 2, "{told:?}");
        for ((name, status, reason), own) in told.into_iter().zip(["ca-0001", "ca-0002"]) {
            assert_eq!((name, status), (own, "unhealthy"), "{reason}");
            assert!(reason.contains(&format!("revision {own}--older00: it is unhealthy")), "{reason}");
        }
    }
}

/// As a single `verify` has it: what could not be checked fails with --strict only, and so does what is on its way.
#[test]
fn what_is_not_known_fails_with_strict_only() {
    let (place, file) = place(&state(3, |state| {
        let app = app(state, "ca-0001");
        app.provisioning_state = "InProgress".to_owned();
    }));
    let (denied, line) =
        ("match=GET:/revisions denied times=99", "verify --all-apps -g rg-demo --deep -o json");
    let words = |line: &str| -> Vec<String> {
        let all =
            line.split_whitespace().chain(["--sandbox", "--sandbox-state", &file, "--sandbox-fault", denied]);
        all.map(str::to_owned).collect()
    };
    let report = place.run(words(line)).code(0).json();
    let counts = &report["fleet"]["counts"];
    assert_eq!(
        (counts["couldNotCheck"].as_u64(), counts["progressing"].as_u64(), counts["unhealthy"].as_u64()),
        (Some(2), Some(1), Some(0)),
        "{report:#}"
    );
    let _ = place.run(words("verify -g rg-demo -n ca-0002 -o json")).code(0);
    let _ = place.run(words(&format!("{line} --strict"))).code(4);
    let _ = place.run(words("verify -g rg-demo -n ca-0002 --strict -o json")).code(4);
    let text = place.run(words("verify --all-apps -g rg-demo --deep --strict")).code(4).stdout;
    assert!(text.contains("--strict fails also") && !text.contains('✗'), "{text}");
}

#[test]
fn deep_reads_the_revision_of_every_app_within_the_budget() {
    let (place, file) = place(&state(250, |_| {}));
    let outcome = run(&place, &file, "verify --all-apps --deep -o json").code(0);
    let report = outcome.json();
    assert_eq!(report["fleet"]["counts"]["lookedAt"], 250);
    assert_eq!(report["fleet"]["counts"]["healthy"], 250);
    assert_eq!(requests(&report), 1 + 5 + 250 + 3);
    assert!(outcome.stderr.contains("throttled: "), "{}", outcome.stderr);
}

#[test]
fn a_group_or_the_whole_subscription() {
    let (place, file) = place(&state(3, |state| variant::sibling(state, seed::SHARED_GROUP, "ca-shared")));
    let names = |line: &str| -> Vec<String> {
        let report = run(&place, &file, line).code(0).json();
        let rows = report["fleet"]["apps"].as_array().unwrap().clone();
        rows.iter().map(|row| format!("{}/{}", row["resourceGroup"], row["name"]).replace('"', "")).collect()
    };
    let all = ["rg-demo/ca-0001", "rg-demo/ca-0002", "rg-demo/ca-demo", "rg-shared/ca-shared"];
    assert_eq!(names("verify --all-apps -o json"), all);
    assert_eq!(names("verify --all-apps -g rg-demo -o json"), all[..3]);
    assert_eq!(names("verify --all-apps -g rg-shared -o json"), all[3..]);
    let header = run(&place, &file, "verify --all-apps").code(0).stdout;
    assert!(header.lines().next().unwrap().contains("every group"), "{header}");
    // The columns are always these, so that lines can be cut apart.
    let lines = run(&place, &file, "verify --all-apps -g rg-shared -o tsv").code(0).stdout;
    assert_eq!(
        lines,
        "rg-shared\tca-shared\thealthy\tSucceeded\tRunning\tca-shared--first01\tca-shared--first01\t\n"
    );
    let picked =
        run(&place, &file, "verify --all-apps -o tsv --query fleet.apps[].[name,status]").code(0).stdout;
    assert!(picked.starts_with("ca-0001\thealthy\n"), "{picked}");
}

#[test]
fn a_page_or_an_app_that_is_refused_does_not_stop_the_rest() {
    let (place, file) = place(&state(120, |state| {
        app(state, "ca-0002").stopped = true;
    }));
    let faulty = |line: &str, fault: &str| {
        place.run(
            line.split_whitespace()
                .chain(["--sandbox", "--sandbox-state", &file, "--sandbox-fault", fault])
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        )
    };
    // The second page.
    let line = "verify --all-apps -g rg-demo -o json";
    let outcome = faulty(line, "match=GET:Microsoft.App/containerApps nth=3 details-null");
    let report = outcome.code(1).json();
    let fleet = &report["fleet"];
    assert_eq!((fleet["complete"].as_bool(), fleet["counts"]["apps"].as_u64()), (Some(false), Some(50)));
    assert_eq!(fleet["counts"]["unhealthy"], 1, "what was seen is judged all the same");
    let told = report["diagnostics"][0].to_string();
    assert!(told.contains("after page 1 of the list"), "{told}");

    // The revisions of one app.
    let outcome = faulty(line, "match=GET:/ca-0002/revisions status=400 times=9");
    let report = outcome.code(4).json();
    assert_eq!(report["fleet"]["counts"]["apps"], 120);
    assert_eq!(report["fleet"]["counts"]["healthy"], 119);

    // A group that is not there.
    let report = run(&place, &file, "verify --all-apps -g rg-none -o json").code(1).json();
    assert!(report["diagnostics"][0].to_string().contains("rg-none"), "{report:#}");
    assert_eq!(report["fleet"]["counts"]["apps"], 0);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = Place::new();
    for line in
        ["verify --all-apps -n ca-demo --sandbox", "verify --deep --sandbox", "graph --all-apps --sandbox"]
    {
        let outcome = place.line(line).code(2);
        assert!(!outcome.stderr.is_empty(), "{line}");
    }
}

/// What a list says is not shown where it could do harm.
#[test]
fn words_of_azure_are_only_words() {
    let evil = "Fai\u{1b}[31mled\n::error::x\t";
    let (place, file) = place(&state(2, |state| app(state, "ca-0001").provisioning_state = evil.to_owned()));
    for format in ["text", "tsv", "json"] {
        // A word that nobody knows: the revision decides.
        let outcome = run(&place, &file, &format!("verify --all-apps -o {format}")).code(0);
        assert!(!outcome.stdout.contains('\u{1b}'), "{format}: {:?}", outcome.stdout);
        assert!(!outcome.stdout.lines().any(|line| line.starts_with("::")), "{format}: {}", outcome.stdout);
    }
    let lines = run(&place, &file, "verify --all-apps -o tsv").stdout;
    assert!(lines.lines().all(|line| line.split('\t').count() == 8), "{lines}");
}

/// Without a budget the same work meets refusals: so the one above holds nothing back in vain.
#[test]
fn hundreds_of_apps_meet_no_refusal_within_the_budget_and_do_without() {
    const APPS: usize = 300;

    use acarecipe::azure::Budget;
    use futures::StreamExt as _;

    for (budget, refused) in [(Budget::below_azure(), false), (Budget::unlimited(), true)] {
        let world = World::with(Switches::default(), Vec::new()).edited(|state| {
            state.page_size = 50;
            (1..APPS).for_each(|number| variant::sibling(state, seed::GROUP, &format!("ca-{number:04}")));
        });
        let world = World { budget, ..world };
        let executor = world.executor();
        World::block_on(async {
            let mut fleet = executor.fleet(seed::SUBSCRIPTION, Some(seed::GROUP)).await.unwrap();
            while let Some(page) = fleet.next_page().await {
                let looks = page.unwrap().into_iter().map(|app| {
                    let name = app["name"].as_str().unwrap().to_owned();
                    let target = acarecipe::plan::Target { app: name, ..world.target() };
                    let fleet = &fleet;
                    async move { fleet.look(app, &target).await.unwrap() }
                });
                let looked: Vec<_> = futures::stream::iter(looks).buffered(8).collect().await;
                assert!(looked.iter().all(|one| one.plan.health.state == acarecipe::plan::State::Ready));
            }
        });
        let met = world.sandbox.exchanges().iter().filter(|one| one.status == Some(429)).count();
        assert_eq!(met > 0, refused, "{met} refusals");
        assert_eq!(world.count() - met, 1 + APPS / 50 + APPS + 3);
    }
}
