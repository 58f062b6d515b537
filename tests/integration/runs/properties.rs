//! For arbitrary apps: a run changes what it owns and nothing else, and a second one nothing at all.

use std::cell::RefCell;

use acarecipe::sandbox::state::App;
use acarecipe::sandbox::{Switches, seed};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use super::super::support::schema;
use super::super::support::world::{World, failed};
use super::generated::{Generated, apps};
use super::{BOTH, EXISTING, SECRET, app, secret, variable};

const OWN_SECRETS: [&str; 2] = ["db-password", "api-key"];

/// The app without what the recipes own, and without what means nothing.
fn of_others(app: &App, own_variables: &[&str]) -> Json {
    let mut model = app.model.clone();
    let template = &mut model["properties"]["template"];
    template.as_object_mut().unwrap().shift_remove("revisionSuffix");
    for container in template["containers"].as_array_mut().unwrap() {
        if container["name"] == seed::APP
            && let Some(env) = container.get_mut("env").and_then(Json::as_array_mut)
        {
            env.retain(|one| !own_variables.iter().any(|own| one["name"] == *own));
        }
        if container["env"] == json!([]) || container["env"].is_null() {
            container.as_object_mut().unwrap().shift_remove("env");
        }
    }
    let secrets = model["properties"]["configuration"]["secrets"].as_array_mut().unwrap();
    secrets.retain(|one| !OWN_SECRETS.iter().any(|own| one["name"] == *own));
    model
}

#[test]
fn nothing_of_others_changes() {
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    let identities = vec!["managed-identity.identity=system", EXISTING, "managed-identity.identity=create"];
    let exchanges = RefCell::new(Vec::new());
    let looked_at = TestRunner::new(config).run(&(apps(), select(identities), any::<bool>()), |case| {
        let (generated, identity, nulls) = case;
        let world = changes_its_own(&generated, identity, nulls)?;
        // The schemas describe what Azure is taken to answer; and a dozen of these apps is enough.
        if !nulls && exchanges.borrow().len() < 1200 {
            exchanges.borrow_mut().extend(world.sandbox.exchanges());
        }
        Ok(())
    });
    if let Err(error) = looked_at {
        panic!("{error}");
    }
    if let Err(problems) = schema::check(&exchanges.into_inner()) {
        panic!("{}", problems.join("\n"));
    }
}

fn changes_its_own(generated: &Generated, identity: &str, nulls: bool) -> Result<World, TestCaseError> {
    let rules = if nulls { Switches::flip("unset-left-out").unwrap() } else { Switches::default() };
    let world = World::with(rules, Vec::new()).edited(|state| generated.place(state));
    let parameters = &[SECRET, "secrets.API_KEY=api-key", identity];
    let before = app(&world);
    let run = world.apply(BOTH, parameters);
    prop_assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());

    let after = app(&world);
    let mut own = vec!["DB_PASSWORD", "API_KEY"];
    if identity != "managed-identity.identity=system" {
        own.push("AZURE_CLIENT_ID");
    }
    prop_assert_eq!(of_others(&before, &own), of_others(&after, &own));
    for id in &before.identity.user {
        prop_assert!(after.identity.user.contains(id), "{} stays assigned", id);
    }
    if before.identity.system.is_some() {
        prop_assert_eq!(&before.identity.system, &after.identity.system);
    }
    for name in OWN_SECRETS {
        let url = format!("https://kv-demo.vault.azure.net/secrets/{name}");
        prop_assert_eq!(&secret(&after, name)["keyVaultUrl"], &json!(url));
    }
    prop_assert_eq!(
        variable(&after, seed::APP, "DB_PASSWORD"),
        json!({ "name": "DB_PASSWORD", "secretRef": "db-password" })
    );
    prop_assert_eq!(after.revisions.len(), before.revisions.len() + 1);

    let again = world.plan(BOTH, parameters).unwrap().plan;
    prop_assert!(!again.blocked() && again.writes.is_empty(), "{:#?}", again.writes);
    Ok(world)
}
