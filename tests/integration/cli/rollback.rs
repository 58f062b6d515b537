//! `apply --on-failure`: what a run that failed wrote goes back, in the same process.

use acarecipe::journal::{Journal, StateFolder};
use acarecipe::sandbox::seed::variant;
use serde_json::Value as Json;

use super::place::{Outcome, Place};

/// An identity of the app's own and its role go before the template.
const APPLY: &str =
    "apply key-vault-reference --sandbox -p key_vault=kv-demo -p secrets.DB_PASSWORD=db-password";

const SECOND_REFUSED: &str = "match=PATCH:/containerApps/ nth=2 status=400";
const CRASHING: &str = "-p custom-container.image=ghcr.io/acarecipe/crashing:1.0";

/// The state of the sandbox without what every write leaves behind: nothing, an empty list and an empty object are one
/// to Azure, and a template that goes back may be a revision of its own.
fn state(place: &Place) -> Json {
    let mut state = place.line("sandbox show -o json").code(0).json();
    pruned(&mut state);
    state
}

fn pruned(value: &mut Json) {
    const PASSING: [&str; 6] = ["moment", "counter", "operations", "modified", "revisions", "latest_ready"];
    match value {
        Json::Object(members) => {
            members.retain(|name, _| !PASSING.contains(&name.as_str()));
            members.values_mut().for_each(pruned);
            members.retain(|_, member| {
                !member.is_null()
                    && !member.as_array().is_some_and(Vec::is_empty)
                    && !member.as_object().is_some_and(serde_json::Map::is_empty)
            });
        }
        Json::Array(elements) => elements.iter_mut().for_each(pruned),
        _ => {}
    }
}

/// A sandbox and its state.
fn fresh() -> (Place, Json) {
    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox").code(0);
    let before = state(&place);
    (place, before)
}

/// Runs the command with these faults.
fn failing(place: &Place, line: &str, faults: &[&str]) -> Outcome {
    let mut arguments: Vec<&str> = line.split_whitespace().collect();
    for fault in faults {
        arguments.extend(["--sandbox-fault", fault]);
    }
    place.run(arguments)
}

/// The journals, newest first.
fn journals(place: &Place) -> Vec<Journal> {
    let home = place.work().parent().unwrap().join("home");
    StateFolder::at(home.join("state/acarecipe/sandbox.json.runs")).runs().unwrap().journals
}

fn ended(journal: &Journal) -> &str {
    journal.end().map_or("", |end| end.status.as_str())
}

#[test]
fn what_was_written_before_a_refused_write_goes_back_and_the_cause_is_told_first() {
    let (place, before) = fresh();
    let failed = failing(&place, &format!("{APPLY} --on-failure rollback"), &[SECOND_REFUSED]).code(6);
    assert_eq!(state(&place), before);
    let cause = failed.stderr.find("error[azure-refused]").expect("the cause is told");
    let back = failed.stderr.find("→ remove the role assignment").expect("what is put back is told");
    assert!(cause < back, "{}", failed.stderr);
    let rolling = failed.stdout.find("Rolling back").expect("that it is put back is told");
    assert!(failed.stdout[rolling..].contains("Failed and rolled back: 2 writes"), "{}", failed.stdout);
    assert!(!failed.stdout.contains("To put"), "{}", failed.stdout);
    let runs = journals(&place);
    let [undo, applied] = runs.as_slice() else { panic!("two runs: {}", runs.len()) };
    assert_eq!(undo.run.command, "undo");
    assert_eq!(undo.run.undoes.as_deref(), Some(applied.run.id.as_str()));
    assert_eq!((ended(undo), ended(applied)), ("ok", "rolled-back"));
    // It is put back: there is nothing left to undo, and the same command begins anew.
    let _ = place.line("undo --sandbox").code(3);
    let _ = place.line(APPLY).code(0);
}

#[test]
fn after_an_operation_that_failed_the_document_has_the_cause_and_the_undo() {
    let (place, before) = fresh();
    let fault = "match=PATCH:/containerApps/ nth=2 operation-fails";
    let failed = failing(&place, &format!("{APPLY} --on-failure rollback -o json"), &[fault]).code(6).json();
    assert_eq!(state(&place), before);
    assert_eq!((failed["status"].as_str(), failed["exitCode"].as_u64()), (Some("rolled-back"), Some(6)));
    assert_eq!(failed["diagnostics"][0]["code"], "azure-refused", "{failed:#}");
    assert_eq!(failed["counts"]["writes"], 3);
    let undo = &failed["rollback"];
    assert_eq!((undo["command"].as_str(), undo["status"].as_str()), (Some("undo"), Some("ok")), "{undo:#}");
    assert_eq!(undo["counts"]["writes"], 4);
    assert!(failed["counts"]["requests"].as_u64() > undo["counts"]["requests"].as_u64());
    let runs = journals(&place);
    assert_eq!(undo["run"], runs[0].run.id.as_str());
    assert_eq!(failed["run"], runs[1].run.id.as_str());
}

#[test]
fn a_revision_that_does_not_become_healthy_is_put_back() {
    let (place, before) = fresh();
    let line = format!("apply custom-container --sandbox {CRASHING} --on-failure rollback -o json");
    let failed = place.line(&line).code(6).json();
    assert_eq!(failed["diagnostics"][0]["code"], "revision-health", "{failed:#}");
    assert_eq!(failed["rollback"]["status"], "ok", "{failed:#}");
    assert_eq!(state(&place), before);
    let _ = place.line("verify --sandbox").code(0);
}

#[test]
fn a_verification_that_does_not_hold_is_put_back_as_well() {
    let place = Place::new();
    place.sandbox("ill.json", |state| variant::unhealthy(state, "1/1 Container crashing: ca-demo"));
    let line = "apply managed-identity --sandbox --sandbox-state ill.json -o json --on-failure";
    let kept = place.line(&format!("{line} keep")).code(4).json();
    assert_eq!(kept.get("rollback"), None);
    let _ = place.line("undo --sandbox --sandbox-state ill.json").code(4);
    // The app is as ill as before, and all that the run wrote is gone.
    let back = place.line(&format!("{line} rollback")).code(6).json();
    assert_eq!(back["counts"]["writes"], 1);
    assert_eq!(back["rollback"]["counts"]["writes"], 1, "{back:#}");
    let _ = place.line("plan managed-identity --sandbox --sandbox-state ill.json --exit-code").code(5);
}

#[test]
fn what_could_not_be_put_back_is_told_beside_the_cause_and_the_exit_code_is_as_before() {
    let (place, before) = fresh();
    let faults = [SECOND_REFUSED, "match=DELETE:/roleAssignments/ status=400 times=9"];
    let failed = failing(&place, &format!("{APPLY} --on-failure rollback"), &faults).code(1);
    let told =
        |words: &str| failed.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", failed.stderr));
    assert!(told("azure-refused]: PATCH ") < told("azure-refused]: DELETE "));
    assert!(failed.stdout.contains("Not all that the run wrote could be put back"), "{}", failed.stdout);
    let rest =
        failed.stdout.lines().find_map(|line| line.trim().strip_prefix("To put the rest back: acarecipe "));
    assert_ne!(state(&place), before);
    let runs = journals(&place);
    assert_eq!((ended(&runs[0]), ended(&runs[1])), ("failed", "failed"));
    let _ = place.line(rest.expect("the command for the rest")).code(0);
    assert_eq!(state(&place), before);
}

#[test]
fn a_run_that_wrote_nothing_ends_as_ever() {
    let (place, before) = fresh();
    let fault = "match=PATCH:/containerApps/ status=400";
    let line = "apply managed-identity --sandbox --on-failure rollback -o json";
    let failed = failing(&place, line, &[fault]).code(1).json();
    assert_eq!(failed.get("rollback"), None, "{failed:#}");
    assert_eq!((state(&place), journals(&place).len()), (before, 1));
}

#[test]
fn without_the_flag_what_was_written_stays_and_the_last_line_says_how_it_goes_back() {
    let (place, before) = fresh();
    let line = format!("{APPLY} --sandbox-state own.json --state-dir runs");
    let failed = failing(&place, &line, &[SECOND_REFUSED]).code(1);
    let command =
        failed.stdout.lines().find_map(|line| line.trim().strip_prefix("To put it back: acarecipe "));
    let undone = place.line(command.expect("the command")).code(0);
    assert!(undone.stdout.contains("Done: 2 writes"), "{}", undone.stdout);
    assert_eq!((state(&place), journals(&place).len()), (before, 0), "nothing of it is where others are");
}

#[test]
fn nobody_to_ask_is_said_before_anything_is_sent() {
    let (place, before) = fresh();
    for (line, why) in [
        ("apply managed-identity --sandbox --on-failure ask", "error[not-confirmed]"),
        (
            "apply managed-identity --sandbox --on-failure ask -n ca-demo -n ca-other",
            "error[usage]: --on-failure ask",
        ),
    ] {
        let refused = place.line(line).code(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    assert_eq!((state(&place), journals(&place).len()), (before, 0));
}

#[test]
fn what_a_rollout_took_back_itself_is_not_put_back_twice() {
    let (place, _) = fresh();
    let line = format!(
        "apply revision-validation custom-container --sandbox {CRASHING} --on-failure rollback -o json"
    );
    let failed = place.line(&line).code(6).json();
    assert_eq!(failed.get("rollback"), None, "{failed:#}");
    assert_eq!(journals(&place).len(), 1);
}

/// Of several apps the one that fails goes back, and no other.
#[test]
fn of_several_apps_only_what_the_failed_one_wrote_goes_back() {
    let place = Place::new();
    place.sandbox("many.json", |state| {
        variant::sibling(state, "rg-demo", "ca-0001");
        variant::sibling(state, "rg-demo", "ca-0002");
    });
    let apps = "--sandbox --sandbox-state many.json -n ca-demo -n ca-0001 -n ca-0002";
    let line = format!(
        "apply key-vault-reference {apps} -p key_vault=kv-demo -p secrets.DB_PASSWORD=db-password --on-failure rollback"
    );
    let fault = "match=PATCH:/containerApps/ca-0001 nth=2 status=400";
    let failed = failing(&place, &format!("{line} -o json"), &[fault]).code(6);
    let report = failed.json();
    assert_eq!((report["status"].as_str(), report["exitCode"].as_u64()), (Some("rolled-back"), Some(6)));
    let apps = report["apps"].as_array().unwrap();
    let ended: Vec<_> = apps.iter().map(|app| app["status"].as_str().unwrap()).collect();
    assert_eq!(ended, ["ok", "rolled-back", "ok"]);
    let own = |status: &str| apps.iter().filter(|app| app["rollback"]["status"] == status).count();
    assert_eq!((own("ok"), apps.iter().filter(|app| app.get("rollback").is_some()).count()), (1, 1));
    assert_eq!(apps[1]["diagnostics"][0]["code"], "azure-refused", "{:#}", apps[1]);
    let at = |words: &str| failed.stderr.find(words).unwrap_or_else(|| panic!("{words}: {}", failed.stderr));
    assert!(at("ca-0001 | error[azure-refused]") < at("ca-0001 |   → remove the role assignment"));
    let state: acarecipe::sandbox::State =
        acarecipe::sandbox::statefile::read(&place.work().join("many.json")).unwrap().unwrap();
    let has = |name: &str| state.app(name).unwrap().identity.system.is_some();
    assert_eq!((has("ca-demo"), has("ca-0001"), has("ca-0002")), (true, false, true));
    let vault = acarecipe::sandbox::seed::vault_id("kv-demo");
    let principals: Vec<_> = state
        .role_assignments
        .values()
        .filter(|role| role.scope == vault)
        .map(|role| &role.principal)
        .collect();
    assert_eq!(principals.len(), 2, "{principals:?}");
    // And it is as if that one had not been tried: the same command again does it.
    let again = place.line(&format!("{line} -o json")).code(0).json();
    let writes: Vec<_> = again["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| app["counts"]["writes"].as_u64().unwrap())
        .collect();
    assert_eq!(writes, [0, 3, 0]);
}

/// Nothing stays for it: it only could not be seen whether more relies on what goes.
#[test]
fn what_could_not_be_checked_goes_all_the_same_and_that_is_all_put_back() {
    let (place, before) = fresh();
    let line = "apply managed-identity -p identity=create --sandbox --sandbox-caller group-scoped --on-failure rollback";
    let failed = failing(&place, line, &["match=PATCH:/containerApps/ status=400"]).code(6);
    let told = format!("{}{}", failed.stdout, failed.stderr);
    assert!(told.contains("of other resource groups cannot be listed"), "{told}");
    assert!(!told.contains("To put the rest back"), "{told}");
    assert_eq!(state(&place), before);
}
