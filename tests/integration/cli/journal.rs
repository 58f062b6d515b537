//! The journal as a person meets it: where it is, what it costs nothing, and what a run does without one.

use std::path::{Path, PathBuf};

use acarecipe::journal::{Entry, Journal, RunId, StateFolder};
use serde_json::json;

use super::place::Place;

/// Where the journals of this place's sandbox are.
fn folder(place: &Place) -> PathBuf {
    let home = place.work().parent().unwrap().join("home");
    home.join("state/acarecipe/sandbox.json.runs")
}

fn journals(folder: &Path) -> Vec<Journal> {
    StateFolder::at(folder).runs().unwrap().journals
}

#[test]
fn a_run_that_writes_is_recorded_beside_the_sandbox_and_one_that_changes_nothing_is_not() {
    let place = Place::new();
    let report = place.line("apply managed-identity --sandbox -p identity=create -o json").code(0).json();
    let found = journals(&folder(&place));
    let [journal] = found.as_slice() else { panic!("one run: {found:?}") };
    assert_eq!(report["run"], json!(journal.run.id));
    assert_eq!((journal.run.command.as_str(), journal.run.target.app.as_deref()), ("apply", Some("ca-demo")));
    assert!(journal.run.target.sandbox);
    assert_eq!(journal.run.recipes[0].with["identity"], acarecipe::journal::Kept::Value(json!(["create"])));
    assert_eq!(journal.run.planned.len(), 2, "{:?}", journal.run.planned);
    let writes = journal.writes();
    assert_eq!(writes.len(), 2);
    assert!(writes[0].before.create && !writes[1].before.create);
    assert_eq!(writes[1].before.serving.as_deref(), Some("ca-demo--first01"), "{:?}", writes[1].before);
    assert_eq!(writes[1].open_operation(), None, "its end is there");
    assert!(writes[1].done.is_some_and(|done| done.ok));
    assert_eq!(journal.end().map(|end| end.status.as_str()), Some("ok"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&journal.path), mode(&folder(&place))), (0o600, 0o700));
        assert_eq!(mode(&folder(&place).join("runs")), 0o700);
    }
    let again = place.line("apply managed-identity --sandbox -p identity=create -o json").code(0).json();
    assert_eq!(again.get("run"), None);
    assert_eq!(journals(&folder(&place)).len(), 1);
    // Nothing of it is where real runs are.
    assert!(!folder(&place).with_file_name("runs").exists());
    let _ = place.line("sandbox reset").code(0);
    assert!(!folder(&place).exists());
}

#[test]
fn a_copy_has_the_same_lines_and_takes_the_place_of_nothing() {
    let place = Place::new();
    place.write("notes.txt", "mine");
    let refused = place.line("apply managed-identity --sandbox --journal notes.txt").code(1);
    assert!(refused.stderr.contains("notes.txt exists"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(place.work().join("notes.txt")).unwrap(), "mine");
    assert!(journals(&folder(&place)).is_empty());
    let _ = place.line("plan managed-identity --sandbox --exit-code").code(5);
    let _ = place.line("apply managed-identity --sandbox --journal run.jsonl --state-dir elsewhere").code(0);
    let found = journals(&place.work().join("elsewhere"));
    let copy = std::fs::read_to_string(place.work().join("run.jsonl")).unwrap();
    assert_eq!(copy, std::fs::read_to_string(&found[0].path).unwrap());
    assert!(journals(&folder(&place)).is_empty());
}

#[test]
fn a_disk_that_takes_nothing_is_found_before_the_first_write() {
    let place = Place::new();
    place.write("file", "");
    let mut lines = vec!["apply managed-identity --sandbox --state-dir file/state -o json"];
    if cfg!(target_os = "linux") {
        lines.push("apply managed-identity --sandbox --journal /dev/full -o json");
    }
    for line in lines {
        let report = place.line(line).code(1).json();
        assert_eq!(report["diagnostics"][0]["code"], "state-folder", "{report:#}");
        assert!(report["diagnostics"][0]["fix"].as_str().unwrap().contains("--state-dir"), "{report:#}");
        assert_eq!(report["counts"]["writes"], 0);
        let _ = place.line("plan managed-identity --sandbox --exit-code").code(5);
    }
    assert!(journals(&folder(&place)).is_empty(), "a run that did not begin leaves nothing");
}

#[test]
fn a_second_run_on_the_same_target_is_refused_with_who_is_at_work() {
    let place = Place::new();
    let _ = place.line("apply managed-identity --sandbox").code(0);
    let state = StateFolder::at(folder(&place));
    let mut target = journals(&folder(&place))[0].run.target.clone();
    target.resource_group.make_ascii_uppercase();
    let id = RunId::parse("20261126T083000Z-3f9a1c").unwrap();
    let lock = state.lock(&target, &id).unwrap();
    let report = place.line("apply storage --sandbox -o json").code(1).json();
    assert_eq!(report["diagnostics"][0]["code"], "run-in-progress");
    let message = report["diagnostics"][0]["message"].as_str().unwrap();
    if cfg!(unix) {
        assert!(
            message.contains(id.as_str()) && message.contains(&std::process::id().to_string()),
            "{message}"
        );
    }
    assert_eq!(report["counts"]["requests"], 0);
    // Whoever only looks is not held up.
    let _ = place.line("plan managed-identity --sandbox").code(0);
    drop(lock);
    let _ = place.line("apply managed-identity --sandbox").code(0);
}

#[test]
fn inputs_are_in_it_and_secret_ones_are_not() {
    let place = Place::new().with("WORD", "planted-client-secret-0001");
    let _ = place.line("apply easy-auth --sandbox -p client_id=33333333-3333-4333-8333-333333333333 -p client_secret=@env:WORD --journal run.jsonl");
    let text = std::fs::read_to_string(place.work().join("run.jsonl")).unwrap();
    assert!(!text.contains("planted-client-secret"), "{text}");
    let journal = Journal::read(&place.work().join("run.jsonl")).unwrap();
    let with = &journal.run.recipes.iter().find(|one| one.asked).unwrap().with;
    assert!(matches!(with["client_secret"], acarecipe::journal::Kept::Hidden(_)), "{with:?}");
    assert_eq!(
        with["client_id"],
        acarecipe::journal::Kept::Value(json!("33333333-3333-4333-8333-333333333333"))
    );
    assert!(journal.entries.iter().any(|entry| matches!(entry, Entry::Before(_))));
}
