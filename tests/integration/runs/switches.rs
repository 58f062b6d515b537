//! The core of the cases under every assumption that they meet, turned round: nothing relies on a guess.

use acarecipe::sandbox::Switches;
use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed::{self, variant};

use super::super::support::schema;
use super::super::support::world::{START, World, failed};
use super::{BOTH, EXISTING, SECRET, app, secret};

const OWN: &str = "own-value";

/// Both recipes on an app with a secret, a sidecar and a suffix of its own: apply, again, verify.
fn core_run(name: &str, world: &World, identity: &str) {
    let parameters = &[SECRET, identity];
    let at = format!("{name}, {identity}");
    let run = match world.try_apply(BOTH, parameters) {
        Ok(run) => run,
        Err(planned) => panic!("{at}: blocked by {:#?}", failed(&planned.plan.prerequisites)),
    };
    if let Err(failure) = &run.end {
        panic!("{at}: {failure:#?}");
    }
    assert!(failed(&run.findings()).is_empty(), "{at}: {:#?}", run.findings());
    assert_eq!(run.applied.revisions.len(), 1, "{at}");
    let app = app(world);
    assert_eq!(secret(&app, "smtp")["value"], OWN, "{at}");
    assert_eq!(app.template()["containers"][0]["env"][0]["value"], "strict", "{at}");
    let again = world.plan(BOTH, parameters).unwrap().plan;
    assert!(!again.blocked(), "{at}: blocked by {:#?}", failed(&again.prerequisites));
    assert!(again.writes.is_empty(), "{at}: a second run would write {:#?}", again.writes);
    let findings = world.verify(BOTH, parameters);
    assert!(failed(&findings).is_empty(), "{at}: {findings:#?}");
}

fn world(rules: Switches) -> World {
    World::with(rules, Vec::new())
        .edited(variant::sidecar_first)
        .edited(|state| variant::plain_secret(state, "smtp", OWN))
        .edited(|state| variant::suffix(state, "v1"))
}

fn under_every_flipped_switch(identity: &str) {
    let plain = Switches::default();
    core_run("nothing flipped", &world(plain.clone()), identity);
    let flips = plain.met();
    assert!(flips.len() >= 15, "{}", flips.len());
    let mut exchanges = Vec::new();
    for (name, rules) in flips {
        let world = world(rules);
        core_run(name, &world, identity);
        exchanges.extend(world.sandbox.exchanges());
    }
    // What we send fits the schemas whatever Azure does; its answers are only assumed here.
    for exchange in &mut exchanges {
        exchange.status = None;
        exchange.response_body = None;
    }
    if let Err(problems) = schema::check(&exchanges) {
        panic!("{}", problems.join("\n"));
    }
}

#[test]
fn a_system_identity_under_every_flipped_switch() {
    under_every_flipped_switch("managed-identity.identity=system");
}

#[test]
fn an_existing_identity_under_every_flipped_switch() {
    under_every_flipped_switch(EXISTING);
}

#[test]
fn an_identity_to_be_created_under_every_flipped_switch() {
    under_every_flipped_switch("managed-identity.identity=create");
}

#[test]
fn a_secret_that_cannot_be_fetched_is_explained_under_every_flipped_switch() {
    let plain = Switches::default();
    secret_that_cannot_be_fetched("nothing flipped", plain.clone());
    for (name, rules) in plain.met() {
        secret_that_cannot_be_fetched(name, rules);
    }
}

fn secret_that_cannot_be_fetched(name: &str, rules: Switches) {
    let world = world(rules).edited(|state| {
        let long_ago = START - time::Duration::DAY;
        let vault = seed::vault_id(seed::VAULT);
        seed::assign_role(state, &vault, KEY_VAULT_SECRETS_USER, seed::IDENTITY_PRINCIPAL, long_ago);
    });
    let run = world.apply(BOTH, &["secrets.KEY=old-key", EXISTING]);
    let Err(failure) = &run.end else { panic!("{name}: the secret is disabled") };
    let told = failure.diagnostic().unwrap();
    assert!(told.message.contains("old-key") && told.fix.is_some(), "{name}: {told:#?}");
    // Enabled, the same command completes it, and loses nothing.
    world.sandbox.edit(|state| {
        let vault = state.vault_mut("kv-demo").unwrap();
        vault.secrets.get_mut("old-key").unwrap()[0].enabled = true;
    });
    let run = world.apply(BOTH, &["secrets.KEY=old-key", EXISTING]);
    if let Err(failure) = &run.end {
        panic!("{name}: {failure:#?}");
    }
    assert!(failed(&run.findings()).is_empty(), "{name}: {:#?}", run.findings());
    assert_eq!(secret(&app(&world), "smtp")["value"], OWN, "{name}");
}

#[test]
fn a_registry_and_an_image_under_every_flipped_switch() {
    let plain = Switches::default();
    registry_and_image("nothing flipped", plain.clone());
    for (name, rules) in plain.met() {
        registry_and_image(name, rules);
    }
}

fn registry_and_image(name: &str, rules: Switches) {
    let parameters = &["image=python-demo:2.0", EXISTING];
    let world = world(rules).edited(|state| {
        let entry = serde_json::json!({
            "server": "acrdemo.azurecr.io", "username": "acrdemo", "passwordSecretRef": "smtp",
        });
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["registries"] = serde_json::json!([entry]);
    });
    let recipes = &["container-registry"];
    let at = format!("{name}, {parameters:?}");
    let run = match world.try_apply(recipes, parameters) {
        Ok(run) => run,
        Err(planned) => panic!("{at}: blocked by {:#?}", failed(&planned.plan.prerequisites)),
    };
    if let Err(failure) = &run.end {
        panic!("{at}: {failure:#?}");
    }
    assert!(failed(&run.findings()).is_empty(), "{at}: {:#?}", run.findings());
    assert_eq!(run.applied.revisions.len(), 1, "{at}");
    let app = app(&world);
    assert_eq!(secret(&app, "smtp")["value"], OWN, "{at}");
    let entry = &app.configuration()["registries"][0];
    let has = |member: &str| entry[member].as_str().is_some_and(|text| !text.is_empty());
    assert!(has("identity") && !has("username") && !has("passwordSecretRef"), "{at}: {entry}");
    let again = world.plan(recipes, parameters).unwrap().plan;
    assert!(!again.blocked() && again.writes.is_empty(), "{at}: {:#?}", again.writes);
}
