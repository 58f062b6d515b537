//! The journal as a person meets it: where it is, what it costs nothing, and what a run does without one.

use std::path::{Path, PathBuf};

use acarecipe::journal::{Entry, Journal, RunId, StateFolder};
use serde_json::{Value as Json, json};

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
fn a_copy_has_the_same_lines_but_no_address_and_takes_the_place_of_nothing() {
    let place = Place::new();
    place.write("notes.txt", "mine");
    let refused = place.line("apply managed-identity --sandbox --journal notes.txt").code(1);
    assert!(refused.stderr.contains("notes.txt exists"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(place.work().join("notes.txt")).unwrap(), "mine");
    assert!(journals(&folder(&place)).is_empty());
    let _ = place.line("plan managed-identity --sandbox --exit-code").code(5);
    let _ = place.line("apply managed-identity --sandbox --journal run.jsonl --state-dir elsewhere").code(0);
    let found = journals(&place.work().join("elsewhere"));
    let (path, copy) =
        (place.work().join("run.jsonl"), std::fs::read_to_string(place.work().join("run.jsonl")).unwrap());
    let lines = |text: &str| -> Vec<Json> {
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let (mut kept, mut copied) = (lines(&std::fs::read_to_string(&found[0].path).unwrap()), lines(&copy));
    // A run is gone on from the folder; whoever gets the copy as an artefact gets no address that carries a signature.
    let mut addresses = 0;
    for line in &mut kept {
        if let Some(operation) = line.pointer_mut("/accepted/operation").and_then(Json::as_object_mut) {
            addresses += usize::from(operation.remove("url").is_some());
        }
    }
    assert!(addresses > 0 && !copy.contains("\"url\""), "{addresses} {copy}");
    for line in kept.iter_mut().chain(&mut copied) {
        line.as_object_mut().unwrap().remove("mac");
    }
    assert_eq!(kept, copied);
    // It is as whole as the other: the key vouches for each line of it.
    Journal::read(&path)
        .unwrap()
        .vouched(&StateFolder::at(place.work().join("elsewhere")).key().unwrap())
        .unwrap();
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

/// Cuts a journal off after the last line of this kind: its process was killed then.
fn cut(path: &Path, entry: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| line.starts_with(&format!("{{\"entry\":\"{entry}\""))).unwrap();
    let text = lines[..=last].join("\n") + "\n";
    std::fs::write(path, &text).unwrap();
    text
}

const APPLY: &str = "apply managed-identity --sandbox -p identity=create";

#[test]
fn the_same_command_waits_for_what_a_killed_run_began_and_is_told() {
    let place = Place::new();
    let _ = place.line(APPLY).code(0);
    let journal = journals(&folder(&place)).remove(0);
    let id = &journal.run.id;
    // The end of the line that was being written is no harm either.
    let text = cut(&journal.path, "after");
    assert!(text.contains("perationResults"), "the operation's address is recorded: {text}");
    std::fs::write(&journal.path, text + "{\"entry\":\"do").unwrap();
    let listed = place.line("runs --sandbox -o json").code(0).json();
    assert_eq!(listed["runs"][0]["status"], "cut-off");
    assert_eq!(listed["runs"][0]["writes"][1]["outcome"], "accepted");
    let shown = place.line("runs show --sandbox").code(0).stdout;
    assert!(shown.contains("was cut off"), "{shown}");
    assert!(
        shown.contains(
            "acarecipe apply managed-identity -p 'identity=[\"create\"]' -g rg-demo -n ca-demo --sandbox"
        ),
        "{shown}"
    );
    let again = place.line(&format!("{APPLY} -v")).code(0).stderr;
    assert!(again.contains(&format!("An earlier run ({id}) was interrupted")), "{again}");
    assert!(again.contains("perationResults"), "{again}");
    let left = journals(&folder(&place));
    assert_eq!(left.len(), 1, "nothing was left to write");
    assert_eq!(left[0].end().map(|end| end.status.as_str()), Some("ok"));
    let third = place.line(APPLY).code(0).stderr;
    assert!(!third.contains("earlier run"), "{third}");
}

#[test]
fn an_address_in_a_journal_that_is_not_the_endpoints_is_not_asked() {
    let place = Place::new();
    let _ = place.line(APPLY).code(0);
    let journal = journals(&folder(&place)).remove(0);
    let text = cut(&journal.path, "after").replace("https://management.azure.com", "https://evil.example");
    assert!(text.contains("evil.example"), "{text}");
    std::fs::write(&journal.path, text).unwrap();
    let again = place.line(&format!("{APPLY} -v")).code(0).stderr;
    assert!(again.contains("is not as a run wrote it"), "{again}");
    assert!(!again.contains("perationResults") && !again.contains("evil"), "{again}");
}

#[test]
fn a_run_that_completes_another_says_so_in_both() {
    let place = Place::new();
    let fault = "match=PATCH:/containerApps/ status=400 times=9";
    let mut failing: Vec<&str> = APPLY.split_whitespace().collect();
    failing.extend(["--sandbox-fault", fault]);
    let _ = place.run(failing).code(1);
    let first = journals(&folder(&place)).remove(0);
    assert_eq!(first.end().map(|end| end.status.as_str()), Some("failed"));
    let _ = cut(&first.path, "after");
    // Another command is no continuation.
    let _ = place.line("apply managed-identity --sandbox -p identity=system").code(0);
    assert_eq!(journals(&folder(&place))[0].run.continues, None);
    let _ = place.line("sandbox reset").code(0);
    let mut failing: Vec<&str> = APPLY.split_whitespace().collect();
    failing.extend(["--sandbox-fault", fault]);
    let _ = place.run(failing).code(1);
    let first = journals(&folder(&place)).remove(0);
    let _ = cut(&first.path, "after");
    let _ = place.line(APPLY).code(0);
    let both = journals(&folder(&place));
    assert_eq!(both.len(), 2);
    assert_eq!(both[0].run.continues.as_deref(), Some(first.run.id.as_str()));
    assert_eq!(both[1].end().and_then(|end| end.continued_by.clone()), Some(both[0].run.id.clone()));
    assert!(!both[1].was_interrupted());
}

/// A run of [`APPLY`] that made the identity and was killed then; its journal.
fn killed(place: &Place) -> Journal {
    let mut failing: Vec<&str> = APPLY.split_whitespace().collect();
    failing.extend(["--sandbox-fault", "match=PATCH:/containerApps/ status=400 times=9"]);
    let _ = place.run(failing).code(1);
    let first = journals(&folder(place)).remove(0);
    let _ = cut(&first.path, "after");
    first
}

#[test]
fn an_interrupted_run_is_gone_on_from_also_after_others_on_the_target() {
    let place = Place::new();
    let first = killed(&place);
    let _ = place.line("apply mtls-client-certificates --sandbox -p mode=accept").code(0);
    assert_eq!(journals(&folder(&place))[0].run.continues, None);
    let told = place.line(APPLY).code(0).stderr;
    assert!(told.contains(&format!("An earlier run ({}) was interrupted", first.run.id)), "{told}");
    let all = journals(&folder(&place));
    assert_eq!(all[0].run.continues.as_deref(), Some(first.run.id.as_str()));
    assert_eq!(all[2].end().and_then(|end| end.continued_by.clone()), Some(all[0].run.id.clone()));
    // Both go back as one, and what came between stays.
    let undone = place.line("undo --sandbox -o json").code(0).json();
    assert_eq!(undone["counts"]["writes"], json!(2), "{undone:#}");
    let _ = place.line("plan mtls-client-certificates --sandbox -p mode=accept --exit-code").code(0);
}

#[test]
fn an_interrupted_run_that_was_put_back_is_not_gone_on_from() {
    let place = Place::new();
    let _ = killed(&place);
    let _ = place.line("undo --sandbox").code(0);
    let told = place.line(APPLY).code(0).stderr;
    assert!(!told.contains("earlier run"), "{told}");
    assert_eq!(journals(&folder(&place))[0].run.continues, None);
}

#[test]
fn a_journal_that_cannot_be_read_is_one_clear_error_and_hides_no_other() {
    let place = Place::new();
    let _ = place.line(APPLY).code(0);
    let runs = folder(&place).join("runs");
    let junk = runs.join("20991126T083000Z-3f9a1c.jsonl");
    std::fs::write(&junk, "something else\n").unwrap();
    let listed = place.line("runs --sandbox -o json").code(0).json();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (listed["diagnostics"][0]["code"].as_str(), listed["diagnostics"][0]["severity"].as_str()),
        (Some("journal"), Some("warning"))
    );
    for (id, code) in [
        ("20991126T083000Z-3f9a1c", "journal"),
        ("20991126T083001Z-3f9a1c", "no-such-run"),
        ("../key", "no-such-run"),
    ] {
        let report = place.line(&format!("runs show {id} --sandbox -o json")).code(1).json();
        assert_eq!(report["diagnostics"][0]["code"], code, "{report:#}");
        assert_eq!(report["diagnostics"].as_array().map(Vec::len), Some(1));
    }
    let _ = place.line(APPLY).code(0);
    assert_eq!(std::fs::read_to_string(&junk).unwrap(), "something else\n");
}

#[test]
fn what_a_journal_holds_does_not_reach_a_terminal_as_a_command() {
    let place = Place::new();
    let _ = place.line(APPLY).code(0);
    let journal = journals(&folder(&place)).remove(0);
    let text = std::fs::read_to_string(&journal.path).unwrap();
    let hostile = text
        .replace("change the container app", "\\u001b[31mchange \\u202ethe")
        .replace("\"caller\":\"", "\"caller\":\"\\u009b");
    assert_ne!(text, hostile);
    std::fs::write(&journal.path, hostile).unwrap();
    for line in ["runs show --sandbox", "runs --sandbox", "runs show --sandbox -o json"] {
        let shown = place.line(line).code(0).stdout;
        assert!(!shown.chars().any(|c| matches!(c, '\u{1b}' | '\u{9b}' | '\u{202e}')), "{shown:?}");
    }
}
