//! What people and machines read of rights: of `check`, and of a run that Azure refuses in the middle.

use acarecipe::sandbox::State;
use acarecipe::sandbox::seed::{self, variant};
use time::OffsetDateTime;

use super::place::{Outcome, Place};

const BOTH: &[&str] = &["key-vault-reference", "--sandbox", "-p", "secrets.DB_PASSWORD=db-password"];
const STATE: &str = "sandbox.json";

/// A place whose sandbox was changed behind everybody's back.
fn edited(change: impl FnOnce(&mut State)) -> Place {
    let place = Place::new();
    let _ = place.run(["check", "managed-identity", "--sandbox", "--sandbox-state", STATE]).code(0);
    let path = place.work().join(STATE);
    let mut file: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let at =
        ["", "/state"].into_iter().find(|at| file.pointer(at).is_some_and(|one| one.get("apps").is_some()));
    let inner = file.pointer_mut(at.expect("the state has apps")).unwrap();
    let mut state: State = serde_json::from_value(inner.clone()).unwrap();
    change(&mut state);
    *inner = serde_json::to_value(&state).unwrap();
    std::fs::write(&path, file.to_string()).unwrap();
    place
}

fn run(place: &Place, command: &str, more: &[&str]) -> Outcome {
    let line = [command].into_iter().chain(BOTH.iter().copied()).chain(["--sandbox-state", STATE]);
    place.run(line.chain(more.iter().copied()))
}

#[test]
fn a_run_refused_in_the_middle_says_what_was_done_and_what_was_not() {
    let place = edited(|state| {
        let kind = "microsoft.app/containerapps";
        variant::policy(state, &seed::subscription_id(), kind, "/properties/configuration/secrets");
    });
    let outcome = run(&place, "apply", &[]).code(1);
    for words in [
        "Stopped; no further write is sent.",
        "  done: change the container app ca-demo\n",
        "  done: grant Key Vault Secrets User on kv-demo\n",
        "  not done: change the container app ca-demo\n",
        "error[policy]",
        "House rules for apps",
        "az policy exemption create",
    ] {
        assert!(outcome.stderr.contains(words), "{words}:\n{}", outcome.stderr);
    }
    let json = run(&place, "apply", &["-o", "json"]).code(1).json();
    assert_eq!(json["diagnostics"][0]["code"], "policy");
    assert_eq!(json["status"], "failed");
    assert!(json["diagnostics"][0]["fix"].is_string() && json["diagnostics"][0]["docs"].is_string());
}

#[test]
fn what_is_found_beforehand_ends_as_missing_prerequisites() {
    let place = edited(|state| {
        variant::deny(state, &seed::app_id(), &["*/write"]);
    });
    let json = run(&place, "apply", &["-o", "json"]).code(3).json();
    let denied =
        json["prerequisites"].as_array().unwrap().iter().find(|one| one["code"] == "denied").unwrap();
    assert_eq!(denied["status"], "failed");
    assert!(json["applied"].is_null());
}

#[test]
fn a_ticket_for_an_administrator_has_whole_lines() {
    let place = edited(|_| {});
    let line = ["--sandbox-caller", "reader", "-o", "json"];
    let json = run(&place, "check", &line).code(3).json();
    let scopes = json["permissions"].as_array().unwrap();
    let app = scopes.iter().find(|one| one["scope"] == seed::app_id()).unwrap();
    assert_eq!(app["roles"], serde_json::json!(["Container Apps Contributor"]));
    let write = app["actions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["action"] == "Microsoft.App/containerApps/write");
    assert_eq!(write.unwrap()["status"], "lacking");
    assert_eq!(write.unwrap()["why"], "change the container app ca-demo");
    let principal = seed::state(OffsetDateTime::UNIX_EPOCH).callers["reader"].principal.clone();
    let given = format!(
        "az role assignment create --assignee-object-id {principal} --assignee-principal-type User --role \
         'Container Apps Contributor' --scope {}",
        seed::app_id()
    );
    assert_eq!(app["fix"], serde_json::json!([given]));
    // The same for people, in one piece, and without a placeholder.
    let text = run(&place, "check", &["--sandbox-caller", "reader"]).code(3);
    let (_, block) = text.stdout.split_once("For an administrator\n").unwrap();
    assert!(block.starts_with(&format!("  {given}\n")), "{block}");
    assert!(!text.stdout.contains('<'), "{}", text.stdout);
}
