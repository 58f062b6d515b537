//! An operation that failed after it was accepted leaves the wanted state on the app and nothing that
//! runs it: running again must complete it, and say why as long as it cannot.

use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed::IMAGE_UNKNOWN;

use super::super::support::world::{World, failed, writes};

const RECIPE: &[&str] = &["key-vault-reference"];

/// Azure accepts the write and finds out only then that a secret cannot be fetched.
fn fetched_late() -> World {
    World::with(Switches::flip("reference-refused-at-once").unwrap(), Vec::new())
}

#[test]
fn what_failed_is_sent_again_and_then_runs() {
    let world = fetched_late();
    let run = world.apply(RECIPE, &["secrets.DB_PASSWORD=old-key"]);
    let failure = run.end.expect_err("the secret is disabled");
    let told = failure.diagnostic().expect("it says why");
    assert!(format!("{told:?}").to_lowercase().contains("secret"), "{told:#?}");

    world.sandbox.edit(|state| {
        let vault = state.vault_mut("kv-demo").unwrap();
        vault.secrets.get_mut("old-key").unwrap().iter_mut().for_each(|version| version.enabled = true);
    });
    let from = world.count();
    let again = world.apply(RECIPE, &["secrets.DB_PASSWORD=old-key"]);
    assert!(failed(&again.findings()).is_empty(), "{:#?}", again.findings());
    assert_eq!(writes(&world.exchanges_since(from)).len(), 1);
    assert_eq!(again.applied.revisions.len(), 1);
    let from = world.count();
    world.apply(RECIPE, &["secrets.DB_PASSWORD=old-key"]);
    assert_eq!(writes(&world.exchanges_since(from)), []);
}

#[test]
fn an_image_of_others_that_failed_is_not_ours_to_send_again() {
    let world = World::new();
    world.apply(RECIPE, &["secrets.DB_PASSWORD=db-password"]);
    // Somebody else's deployment fails: the app is Failed and its template has an image that nothing runs.
    world.sandbox.edit(|state| {
        let app = state.app_mut("ca-demo").unwrap();
        app.model["properties"]["template"]["containers"][0]["image"] = IMAGE_UNKNOWN.into();
        app.provisioning_state = "Failed".to_owned();
    });
    let from = world.count();
    let plan = world.plan(RECIPE, &["secrets.DB_PASSWORD=db-password"]).unwrap().plan;
    assert!(plan.writes.is_empty(), "{:#?}", plan.writes);
    assert_eq!(writes(&world.exchanges_since(from)), []);
}

/// What is beside the template has no revision that could tell that nothing runs it: the app stays `Failed`.
#[test]
fn an_identity_whose_operation_failed_is_sent_again_and_the_app_is_well() {
    let fault = "match=PATCH:/containerApps/ operation-fails";
    let world = World::with(Switches::default(), vec![fault.parse().unwrap()]);
    let run = world.apply(&["managed-identity"], &[]);
    assert!(run.end.is_err(), "the operation failed");
    let state = world.sandbox.state();
    assert_eq!(state.app("ca-demo").unwrap().provisioning_state, "Failed");
    assert!(state.app("ca-demo").unwrap().identity.system.is_some());

    let from = world.count();
    let again = world.apply(&["managed-identity"], &[]);
    assert!(failed(&again.findings()).is_empty(), "{:#?}", again.findings());
    let sent = world.exchanges_since(from);
    assert_eq!(writes(&sent).len(), 1);
    let body = sent.iter().find_map(|one| one.request_body.as_ref()).unwrap();
    assert_eq!(body["identity"]["type"], "SystemAssigned");
    assert!(body["properties"]["template"].is_null(), "{body}");
    assert_eq!(again.applied.revisions, Vec::<String>::new());
    assert_eq!(world.sandbox.state().app("ca-demo").unwrap().provisioning_state, "Succeeded");
    let from = world.count();
    world.apply(&["managed-identity"], &[]);
    assert_eq!(writes(&world.exchanges_since(from)), []);
}

/// Nothing of the app differs, so the verification of what the recipe owns passes: only the app's health does not.
#[test]
fn a_failed_app_does_not_make_what_is_in_place_look_otherwise() {
    let world = World::new();
    world.apply(&["managed-identity"], &[]).ok();
    world.sandbox.edit(|state| state.app_mut("ca-demo").unwrap().provisioning_state = "Failed".to_owned());
    let findings = world.verify(&["managed-identity"], &[]);
    let codes: Vec<&str> = failed(&findings).iter().map(|one| one.code.0).collect();
    assert_eq!(codes, ["app-health"], "{findings:#?}");
}
