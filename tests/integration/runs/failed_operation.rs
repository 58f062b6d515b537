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
