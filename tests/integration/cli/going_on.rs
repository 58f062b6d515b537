//! What live state does not tell, and the journal of a run that was killed does: a restart that was due, an action that a
//! step of that run triggers. So does the journal of one that failed.

use std::path::Path;

use acarecipe::journal::Journal;
use acarecipe::sandbox::seed::variant;

use super::place::{Outcome, Place};

/// The journals of the sandbox, the newest first.
fn newest(place: &Place) -> Journal {
    acarecipe::journal::StateFolder::at(place.work().join("state.json.runs"))
        .runs()
        .unwrap()
        .journals
        .remove(0)
}

/// Leaves of a journal what was on the disk before its first line that holds `words`.
fn cut_before(path: &Path, words: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {text}"));
    std::fs::write(path, lines[..at].join("\n") + "\n").unwrap();
}

fn writes(outcome: Outcome) -> u64 {
    outcome.code(0).json()["counts"]["writes"].as_u64().unwrap()
}

const SECRET: &str = "SIGN_IN_SECRET";
const SIGN_IN: &str = "apply easy-auth -p microsoft_provider_authentication_secret=@env:SIGN_IN_SECRET --sandbox --sandbox-state state.json -o json";

/// No restart has an effect.
const NO_RESTART: &str = "match=POST:/restart status=400";
/// Nothing of the app is changed.
const NO_CHANGE: &str = "match=PATCH:/containerApps/ status=400";

/// A run that fails, by this fault.
fn fails(place: &Place, line: &str, fault: &str) {
    let _ = place.run(line.split_whitespace().chain(["--sandbox-fault", fault])).code(1);
}

/// Whether the newest run restarted revisions, and left none.
fn restarted(place: &Place) -> bool {
    let journal = newest(place);
    let restarts = journal.writes().iter().filter(|one| one.before.path.ends_with("/restart")).count();
    restarts == 1 && journal.to_restart().is_empty()
}

/// Where a run has sent a secret, and none of its restarts had an effect.
fn not_restarted() -> Place {
    let place = Place::new().with(SECRET, "the old one");
    assert!(writes(place.line(SIGN_IN)) > 0);
    let place = place.with(SECRET, "the new one");
    fails(&place, SIGN_IN, NO_RESTART);
    place
}

/// Where it was killed then, by its journal.
fn killed_before_the_restart(words: &str) -> Place {
    let place = not_restarted();
    cut_before(&newest(&place).path, words);
    place
}

#[test]
fn a_restart_that_was_due_is_made_up_for_by_the_journal() {
    // Before the answer to the secret, before it was known what uses it, before the restart itself was sent.
    for words in [r#""entry":"after""#, r#""entry":"restart""#, r#""kind":"restart""#] {
        let place = killed_before_the_restart(words);
        let again = place.line(SIGN_IN).code(0);
        let told = "what uses the secret microsoft-provider-authentication-secret was not restarted";
        assert!(again.stderr.contains(told), "{words}: {}", again.stderr);
        assert_eq!(
            again.json()["counts"]["writes"],
            1,
            "{words}: the secret; restarts are no write of their own"
        );
        assert!(restarted(&place), "{words}");
        let third = place.line(SIGN_IN);
        assert!(!third.stderr.contains("was not restarted"), "{words}: {}", third.stderr);
        assert_eq!(writes(third), 0, "{words}");
    }
}

#[test]
fn a_run_that_failed_hands_a_restart_on_as_one_that_was_killed() {
    let killed = killed_before_the_restart(r#""entry":"restart""#);
    fails(&killed, SIGN_IN, NO_CHANGE);
    fails(&killed, SIGN_IN, NO_RESTART);
    for place in [killed, not_restarted()] {
        let again = place.line(SIGN_IN);
        assert!(again.stderr.contains("it is written again, for that restart"), "{}", again.stderr);
        assert_eq!(writes(again), 1);
        assert!(restarted(&place));
        assert_eq!(writes(place.line(SIGN_IN)), 0);
    }
}

#[test]
fn a_restart_that_has_happened_by_now_is_not_due() {
    let place = Place::new().with(SECRET, "the old one");
    assert!(writes(place.line(SIGN_IN)) > 0);
    let place = place.with(SECRET, "the new one");
    assert_eq!(writes(place.line(SIGN_IN)), 1);
    assert!(restarted(&place));
    cut_before(&newest(&place).path, r#""entry":"restart""#);
    let again = place.line(SIGN_IN);
    assert!(!again.stderr.contains("was not restarted"), "{}", again.stderr);
    assert_eq!(writes(again), 0);
}

const REFERENCE: &str = "apply key-vault-reference -p key_vault=kv-demo --sandbox --sandbox-state state.json -o json -p secrets.DB_PASSWORD=db-password";

#[test]
fn a_reference_is_a_secret_as_any() {
    let other = &format!("{REFERENCE}/0123456789abcdef0123456789abcdef");
    let start = || {
        let place = Place::new();
        assert!(writes(place.line(REFERENCE)) > 0);
        fails(&place, other, NO_RESTART);
        place
    };
    assert_eq!(writes(start().line(&format!("{other} --state-dir elsewhere"))), 0, "nobody knows of it");
    for killed in [false, true] {
        let place = start();
        if killed {
            cut_before(&newest(&place).path, r#""kind":"restart""#);
        }
        assert_eq!(writes(place.line(other)), 1);
        assert!(restarted(&place));
        assert_eq!(writes(place.line(other)), 0);
    }
}

#[test]
fn what_a_saved_plan_does_not_approve_is_told_and_stays_due() {
    let place = killed_before_the_restart(r#""entry":"restart""#);
    let plan = SIGN_IN.replacen("apply", "plan", 1);
    let _ = place.line(&format!("{plan} --out approved.json")).code(0);
    let approved = place.line(&format!("{SIGN_IN} --plan approved.json"));
    assert!(approved.stderr.contains("is not in the saved plan"), "{}", approved.stderr);
    assert_eq!(writes(approved), 0);
    assert_eq!(writes(place.line(SIGN_IN)), 1);
    assert!(restarted(&place));
}

#[test]
fn without_that_journal_nothing_is_written_for_a_restart() {
    let place = killed_before_the_restart(r#""entry":"restart""#);
    assert_eq!(writes(place.line(&format!("{SIGN_IN} --state-dir elsewhere"))), 0);
    // Nor for another command, which may want something else.
    assert_eq!(writes(place.line(&format!("{SIGN_IN} -p easy-auth.replace=true"))), 0);
}

const ACTS: &str = "
name: acts
title: The replicas take up the color
category: test
complexity: low
steps:
  - id: web
    container_app: { tags: { color: blue } }
  - id: again
    triggered_by: [web]
    RETRY
    action: { resource: \"${app.id}/revisions/${app.properties.latestRevisionName}\", name: restart }
";
const ACT: &str = "apply acts --recipes recipes --sandbox --sandbox-state state.json -o json";

/// A run that was killed before its first line with these words.
fn acted(retry: &str, words: &str) -> Place {
    let place = Place::new();
    place.write("recipes/acts/recipe.yaml", ACTS.replace("RETRY", retry));
    assert_eq!(writes(place.line(ACT)), 2);
    cut_before(&newest(&place).path, words);
    place
}

#[test]
fn an_action_that_a_step_triggered_is_sent_by_the_run_that_goes_on() {
    let usual = "why: the replicas take it up";
    let place = acted(usual, r#""kind":"action""#);
    assert_eq!(writes(place.line(&format!("{ACT} --state-dir elsewhere"))), 0, "nothing tells");
    assert_eq!(writes(place.line(ACT)), 1);
    assert_eq!(writes(place.line(ACT)), 0);
    // Sent, and nobody knows whether Azure took it.
    let unanswered = r#""entry":"after","write":2"#;
    assert_eq!(writes(acted(usual, unanswered).line(ACT)), 1);
    let doubt = acted("retry: never", unanswered).line(ACT);
    assert!(doubt.stdout.contains("an earlier run was to restart the revision"), "{}", doubt.stdout);
    assert_eq!(writes(doubt), 0, "it may have been taken");
    // Taken.
    assert_eq!(writes(acted(usual, r#""entry":"end""#).line(ACT)), 0);
}

#[test]
fn a_run_that_failed_hands_an_action_on() {
    let place = Place::new();
    place.write("recipes/acts/recipe.yaml", ACTS.replace("RETRY", "why: the replicas take it up"));
    fails(&place, ACT, NO_RESTART);
    fails(&place, ACT, NO_RESTART);
    assert_eq!(writes(place.line(ACT)), 1);
    assert_eq!(writes(place.line(ACT)), 0);
}

#[test]
fn an_action_that_was_sent_before_its_trigger_wrote_last_is_due() {
    let place = acted("why: the replicas take it up", r#""entry":"end""#);
    place.sandbox("state.json", |state| variant::tag(state, "color", "red"));
    assert_eq!(writes(place.line(ACT)), 2);
    cut_before(&newest(&place).path, r#""kind":"action""#);
    assert_eq!(writes(place.line(ACT)), 1);
    assert_eq!(writes(place.line(ACT)), 0);
}
