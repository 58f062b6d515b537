//! What live state does not tell, and the journal of a run that was killed does: a restart that was due, an action that a
//! step of that run triggers.

use std::path::Path;

use acarecipe::journal::Journal;
use serde_json::json;

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

/// Where a run was killed after it had sent a secret and before the restarts, by its journal.
fn killed_before_the_restart(words: &str) -> Place {
    let place = Place::new().with(SECRET, "the old one");
    assert!(writes(place.line(SIGN_IN)) > 0);
    let place = place.with(SECRET, "the new one");
    let run = place.line(SIGN_IN).code(0).json();
    assert_eq!(run["applied"]["writes"], json!(["change the container app ca-demo"]));
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
        let journal = newest(&place);
        let restarted = journal.writes().iter().filter(|one| one.before.path.ends_with("/restart")).count();
        assert_eq!(restarted, 1, "{words}");
        assert!(journal.to_restart().is_empty(), "{words}");
        let third = place.line(SIGN_IN);
        assert!(!third.stderr.contains("was not restarted"), "{words}: {}", third.stderr);
        assert_eq!(writes(third), 0, "{words}");
    }
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
    assert_eq!(writes(acted("retry: never", unanswered).line(ACT)), 0, "it may have been taken");
    // Taken.
    assert_eq!(writes(acted(usual, r#""entry":"end""#).line(ACT)), 0);
}
