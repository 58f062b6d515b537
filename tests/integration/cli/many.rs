//! Several apps in one command: each with an outcome of its own.

use acarecipe::sandbox::State;
use acarecipe::sandbox::state::App;
use acarecipe::sandbox::statefile::read;
use serde_json::Value as Json;

use super::fleet::{place, run, state};
use super::place::{Outcome, Place};

fn apps(report: &Json) -> Vec<(&str, &str)> {
    let rows = report["apps"].as_array().expect("several apps");
    rows.iter().map(|one| (one["target"]["app"].as_str().unwrap(), one["status"].as_str().unwrap())).collect()
}

fn now(file: &str) -> State {
    read(std::path::Path::new(file)).unwrap().unwrap()
}

fn app<'s>(state: &'s State, name: &str) -> &'s App {
    state.apps.values().find(|app| app.name() == name).unwrap()
}

fn faulty(place: &Place, file: &str, line: &str, fault: &str) -> Outcome {
    let words =
        line.split_whitespace().chain(["--sandbox", "--sandbox-state", file, "--sandbox-fault", fault]);
    place.run(words.collect::<Vec<_>>())
}

#[test]
fn each_app_has_its_own_outcome_and_one_failure_stops_no_other() {
    let (place, file) = place(&state(12, |_| {}));
    let line = "apply managed-identity --all-apps -g rg-demo -o json";
    let fault = "match=PATCH:/containerApps/ca-0005 status=400 times=99";
    let outcome = faulty(&place, &file, line, fault).code(1);
    let report = outcome.json();
    assert_eq!(report["status"], "failed");
    let told = apps(&report);
    assert_eq!(told.len(), 12);
    for (name, status) in &told {
        assert_eq!(*status, if *name == "ca-0005" { "failed" } else { "ok" }, "{name}");
    }
    let order: Vec<&str> = told.iter().map(|(name, _)| *name).collect();
    assert!(order.is_sorted(), "in the order of the list: {order:?}");
    assert_eq!(
        (report["counts"]["writes"].as_u64(), report["counts"]["revisions"].as_u64()),
        (Some(11), Some(0))
    );
    let requests = |report: &Json| report["counts"]["requests"].as_u64().unwrap();
    let own: u64 = report["apps"].as_array().unwrap().iter().map(requests).sum();
    assert_eq!(requests(&report), own + 2, "and the list, and which api-versions there are");
    let failed = report["apps"].as_array().unwrap().iter().find(|app| app["status"] == "failed").unwrap();
    assert!(
        failed["diagnostics"][0]["message"].is_string() && failed["correlationId"].is_string(),
        "{failed:#}"
    );
    assert_ne!(failed["correlationId"], report["correlationId"], "each run has an id of its own");
    // What goes on says whom it is about.
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| line.contains('→')).collect();
    assert!(lines.iter().any(|line| line.starts_with("ca-0003 | ")), "{}", outcome.stderr);
    assert!(lines.iter().all(|line| line.starts_with("ca-")), "{}", outcome.stderr);

    // The same again: only the one that failed is written.
    let report = run(&place, &file, line).code(0).json();
    assert_eq!(report["counts"]["writes"], 1);
    assert!(apps(&report).iter().all(|(_, status)| *status == "ok"));
    let report = run(&place, &file, line).code(0).json();
    assert_eq!(report["counts"]["writes"], 0);
}

#[test]
fn several_names_are_several_apps_and_one_twice_is_one() {
    let (place, file) = place(&state(4, |_| {}));
    let report = run(&place, &file, "apply managed-identity -n ca-0002 -n ca-demo -o json").code(0).json();
    assert_eq!(apps(&report), [("ca-0002", "ok"), ("ca-demo", "ok")], "in the order of the command line");
    let state = now(&file);
    assert!(
        app(&state, "ca-0002").identity.system.is_some() && app(&state, "ca-demo").identity.system.is_some()
    );
    assert!(app(&state, "ca-0001").identity.system.is_none(), "nobody else's");

    let report = run(&place, &file, "verify managed-identity -n ca-0002 -n CA-0002 -o json").code(0).json();
    assert!(report["apps"].is_null() && report["target"]["app"] == "ca-0002", "{report:#}");

    // Those that are not there are told beside those that are.
    let report = run(&place, &file, "verify -n ca-0001 -n ca-none -n ca-0003 -o json").code(3).json();
    assert_eq!(apps(&report), [("ca-0001", "ok"), ("ca-none", "prerequisites-missing"), ("ca-0003", "ok")]);
}

#[test]
fn the_exit_code_is_the_worst() {
    let (place, file) = place(&state(4, |_| {}));
    let _ = run(&place, &file, "apply managed-identity -n ca-0001").code(0);
    let plan = "plan managed-identity -n ca-0001 -n ca-0002 --exit-code -o json";
    let report = run(&place, &file, plan).code(5).json();
    assert_eq!(apps(&report), [("ca-0001", "ok"), ("ca-0002", "changes-found")]);
    // Something missing is worse than a change, a failed verification worse than that.
    let report =
        run(&place, &file, "plan managed-identity -n ca-none -n ca-0002 --exit-code -o json").code(3).json();
    assert_eq!(apps(&report), [("ca-none", "prerequisites-missing"), ("ca-0002", "changes-found")]);
    let report = run(&place, &file, "verify managed-identity -n ca-none -n ca-0002 -o json").code(4).json();
    assert_eq!(apps(&report), [("ca-none", "prerequisites-missing"), ("ca-0002", "verification-failed")]);
    let report = run(&place, &file, "verify managed-identity --all-apps -o json").code(4).json();
    assert_eq!(apps(&report).iter().filter(|(_, status)| *status == "ok").count(), 1);
    assert!(report["fleet"].is_null());
}

#[test]
fn what_apps_share_is_written_once() {
    let (place, file) = place(&state(9, |_| {}));
    let before = now(&file).role_assignments.len();
    let line = "apply key-vault-reference --all-apps -g rg-demo -p secrets.DB_PASSWORD=db-password -p managed-identity.identity=id-demo -o json";
    let outcome = run(&place, &file, line).code(0);
    let report = outcome.json();
    let state = now(&file);
    assert_eq!(state.role_assignments.len(), before + 1, "one grant of the identity that they share");
    assert_eq!(report["counts"]["writes"], 9 + 1, "{:#}", report["counts"]);
    assert_eq!(report["counts"]["revisions"], 9);
    assert!(apps(&report).iter().all(|(_, status)| *status == "ok"));
    assert!(!outcome.stderr.contains("throttled"), "{}", outcome.stderr);
    let again = run(&place, &file, line).code(0).json();
    assert_eq!(again["counts"]["writes"], 0);
}

/// A share's registration is the environment's, and the share is the account's: the runs that find neither take turns.
#[test]
fn what_apps_write_at_the_same_time_they_write_in_turns() {
    let (place, file) = place(&state(6, |_| {}));
    let line = "apply bring-your-own-storage --all-apps -g rg-demo -p storage_account=stdemo -o json";
    // Azure takes neither at once, so that all of them have seen meanwhile that they are not there.
    let busy = |what: &str| format!("match=PUT:{what} status=503 retry-after=5");
    let (share, registration) = (busy("/shares/"), busy("/storages/"));
    let faults = ["--sandbox-fault", &share, "--sandbox-fault", &registration];
    let words = line.split_whitespace().chain(["--sandbox", "--sandbox-state", &file]).chain(faults);
    let outcome = place.run(words.collect::<Vec<_>>()).code(0);
    let report = outcome.json();
    assert!(apps(&report).iter().all(|(_, status)| *status == "ok"), "{report:#}");
    let state = now(&file);
    assert_eq!(state.environment_storages.len(), 1);
    assert_eq!(report["counts"]["writes"], 6 + 2, "six apps, the share, its registration");
    assert_eq!(report["counts"]["revisions"], 6);
    // Who came second has looked again and found it.
    let told = |what: &str| outcome.stderr.lines().filter(|line| line.contains(what)).count();
    for what in ["✓ create the file share", "✓ create the environment storage"] {
        assert_eq!(told(what), 1, "{}", outcome.stderr);
    }
    let again = run(&place, &file, line).code(0).json();
    assert_eq!(again["counts"]["writes"], 0);
}

#[test]
fn a_container_is_looked_for_in_each_app() {
    let (place, file) = place(&state(3, |state| {
        let app = state.app_mut("ca-0002").unwrap();
        app.model["properties"]["template"]["containers"][0]["name"] = "other".into();
    }));
    let line = "plan managed-identity -n ca-0001 -n ca-0002 --container ca-demo -o json";
    let report = run(&place, &file, line).json();
    let told = apps(&report);
    assert_eq!(told[0], ("ca-0001", "ok"));
    assert_ne!(told[1].1, "ok", "{report:#}");
    assert!(report["apps"][1].to_string().contains("other"), "it says which there are");
}

#[test]
fn people_read_one_app_after_the_other_and_how_it_all_ended() {
    let (place, file) = place(&state(3, |state| state.app_mut("ca-0002").unwrap().stopped = true));
    let outcome = run(&place, &file, "verify -n ca-demo -n ca-0001 -n ca-0002").code(4);
    let blocks: Vec<usize> = outcome.stdout.match_indices(", app ").map(|(at, _)| at).collect();
    assert_eq!(blocks.len(), 3, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("✗ rg-demo/ca-0002: verification-failed"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("3 apps, 2 of them ok"), "{}", outcome.stdout);
    let lines = run(&place, &file, "verify -n ca-demo -n ca-0002 -o tsv").code(4).stdout;
    assert!(lines.lines().all(|line| line.split('\t').nth(5).is_some_and(|id| id.len() == 36)), "{lines}");
    let query = "verify -n ca-demo -n ca-0002 -o tsv --query apps[].verification[0].status";
    assert_eq!(
        run(&place, &file, query).code(4).stdout.lines().count(),
        2,
        "a query is over the whole document"
    );
    let cells: Vec<Vec<&str>> = lines.lines().map(|line| line.split('\t').take(4).collect()).collect();
    assert_eq!(
        cells,
        [["rg-demo", "ca-demo", "ok", "0"], ["rg-demo", "ca-0002", "verification-failed", "4"]],
        "{lines}"
    );
}

#[test]
fn a_refused_page_of_the_list_is_told_and_the_apps_before_it_are_done() {
    let (place, file) = place(&state(60, |_| {}));
    let line = "verify --all-apps managed-identity -o json";
    let fault = "match=GET:providers/Microsoft.App/containerApps nth=2 details-null";
    let report = faulty(&place, &file, line, fault).code(1).json();
    assert_eq!(apps(&report).len(), 50);
    assert!(report["diagnostics"][0].to_string().contains("after page 1"), "{:#}", report["diagnostics"]);
}

/// All apps were meant; which there are is known in part, and nobody can be asked.
#[test]
fn apply_to_all_writes_nothing_where_their_list_broke_off() {
    let (place, file) = place(&state(60, |_| {}));
    let before = now(&file);
    let fault = "match=GET:providers/Microsoft.App/containerApps nth=2 details-null";
    let line = "apply managed-identity --all-apps -o json";
    for extra in ["", " --yes"] {
        let report = faulty(&place, &file, &format!("{line}{extra}"), fault).code(1).json();
        assert_eq!((report["counts"]["writes"].as_u64(), apps(&report).len()), (Some(0), 0), "{report:#}");
        let told = report["diagnostics"][0].to_string();
        for word in ["after page 1 of the list", "nothing was written", "\"fix\""] {
            assert!(told.contains(word), "{told}");
        }
    }
    assert_eq!(now(&file).apps, before.apps);
    let report = run(&place, &file, line).code(0).json();
    assert_eq!(report["counts"]["writes"], 60, "with the whole list it does");
}

#[test]
fn what_works_on_no_app_has_not_several() {
    let place = Place::new();
    let line = "apply jobs --all-apps -p image=ghcr.io/acarecipe/sidecar:1.0 --sandbox";
    let outcome = place.line(line).code(2);
    assert!(outcome.stderr.contains("nothing that is asked for works on an app"), "{}", outcome.stderr);
    for line in ["graph --live -n a -n b --sandbox", "graph --all-apps", "verify --all-apps -n a --sandbox"] {
        let _ = place.line(line).code(2);
    }
    let outcome = place.line("verify -n ca-demo -n ../x --sandbox").code(2);
    assert!(outcome.stderr.contains("../x"), "{}", outcome.stderr);
}

/// However many apps a command works on, a journal of another one is opened once: one of them is a pipe, which is opened
/// only together with whoever writes into it, and who does counts.
#[cfg(target_os = "linux")]
#[test]
fn what_is_known_of_a_journal_is_not_read_again_for_each_app() {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let (place, file) = place(&state(12, |_| {}));
    let _ = run(&place, &file, "apply managed-identity -n ca-0001").code(0);
    let runs = place.work().join("state.json.runs/runs");
    let own = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    let name = own.file_stem().unwrap().to_str().unwrap();
    let named = |random: &str| format!("{}-{random}", name.split_once('-').unwrap().0);
    let foreign = std::fs::read_to_string(&own).unwrap();
    let foreign = foreign.replace("ca-0001", "ca-gone").replace(name, &named("ffffff"));
    let first = foreign.lines().next().unwrap().to_owned() + "\n";
    let beside = |random: &str| runs.join(format!("{}.jsonl", named(random)));
    std::fs::write(beside("ffffff"), &foreign).unwrap();
    let pipe = beside("000000");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|made| made.success()) {
        eprintln!("skipped: there is no `mkfifo` to make a pipe with");
        return;
    }
    let opened = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&opened);
    let path = pipe.clone();
    // Opening it for writing ends when somebody opens it for reading.
    std::thread::spawn(move || {
        while let Ok(mut writer) = std::fs::OpenOptions::new().write(true).open(&path) {
            counting.fetch_add(1, Ordering::SeqCst);
            let _ = writer.write_all(first.as_bytes());
            // Until nobody reads any more.
            while writer.write_all(b"\n").is_ok() {}
        }
    });
    let report = run(&place, &file, "apply managed-identity --all-apps -o json").code(0).json();
    assert_eq!((apps(&report).len(), report["counts"]["writes"].as_u64()), (12, Some(11)));
    let opened = opened.load(Ordering::SeqCst);
    std::fs::remove_file(&pipe).unwrap();
    assert_eq!(opened, 1, "by 12 apps that look for their own, and by whoever removes old ones");
}

/// What all of them ask comes out of one budget: nothing is refused, and so nothing is asked twice.
#[test]
fn many_apps_ask_as_much_together_as_one_may() {
    let (place, file) = place(&state(60, |_| {}));
    let report = run(&place, &file, "plan managed-identity --all-apps -o json").code(0).json();
    let asked = |one: &Json| one["counts"]["requests"].as_u64().unwrap();
    let each: std::collections::BTreeSet<u64> =
        report["apps"].as_array().unwrap().iter().map(asked).collect();
    assert_eq!(each.len(), 1, "requests of an app: {each:?}");
    assert!(asked(&report) > 250, "more than Azure takes at once: {}", asked(&report));
}

/// What is secret in one app may be an ordinary word elsewhere.
#[test]
fn a_secret_of_one_app_takes_no_word_from_what_is_told_of_another() {
    let (place, file) = place(&state(2, |state| {
        let app = state.app_mut("ca-demo").unwrap();
        app.model["properties"]["configuration"]["secrets"] =
            serde_json::json!([{ "name": "their-mode", "value": "valid" }]);
    }));
    let line = "apply key-vault-reference -n ca-demo -n ca-0001 -p secrets.DB_PASSWORD=db-password -p managed-identity.identity=id-demo";
    // It says: the request is not valid. Of the second app only after the first one's secrets were read.
    let faults = ["ca-demo details-null", "ca-0001 status=503 retry-after=30", "ca-0001 nth=2 details-null"];
    let faults = faults.map(|fault| format!("match=PATCH:/containerApps/{fault}"));
    let words = line.split_whitespace().chain(["--sandbox", "--sandbox-state", &file]);
    let words = words.chain(faults.iter().flat_map(|fault| ["--sandbox-fault", fault]));
    let outcome = place.run(words.collect::<Vec<_>>()).code(1);
    let told = |app: &str| {
        let mut lines = outcome.stderr.lines().filter(|line| line.starts_with(app));
        lines
            .find(|line| line.contains("The request is not"))
            .unwrap_or_else(|| panic!("{}", outcome.stderr))
            .to_owned()
    };
    assert!(told("ca-demo | ").contains("is not (hidden)"), "{}", outcome.stderr);
    assert!(told("ca-0001 | ").contains("is not valid"), "{}", outcome.stderr);
}
