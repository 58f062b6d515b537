//! Each thing a recipe owns, damaged behind its back: the check for it fails and no other, apply mends
//! it, and what is not ours stays as it is.

use acarecipe::diagnostic::codes;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{App, State};
use serde_json::{Value as Json, json};

use super::super::support::world::{World, failed};
use super::{BOTH, EXISTING, app, described, works_and_stays};

const SECRETS: [&str; 2] = ["secrets.DB_PASSWORD=db-password", "secrets.API_KEY=api-key"];

/// Both recipes in place on an app with things of others.
fn in_place(identity: &'static str) -> (World, Vec<&'static str>) {
    let parameters = vec![SECRETS[0], SECRETS[1], identity];
    let world = World::new().edited(variant::sidecar_first).edited(|state| {
        variant::plain_secret(state, "smtp", "own-value");
        variant::variable(state, json!({ "name": "SMTP", "secretRef": "smtp" }));
        variant::tag(state, "team", "blue");
    });
    works_and_stays(&world, BOTH, &parameters);
    (world, parameters)
}

fn own_env(app: &mut App) -> &mut Vec<Json> {
    app.model["properties"]["template"]["containers"][1]["env"].as_array_mut().unwrap()
}

fn own_secrets(app: &mut App) -> &mut Vec<Json> {
    app.model["properties"]["configuration"]["secrets"].as_array_mut().unwrap()
}

/// Changes the app and lets its newest revision run what the template then says.
fn damage(state: &mut State, change: impl FnOnce(&mut App)) {
    let app = state.app_mut(seed::APP).unwrap();
    change(app);
    let template = app.template().clone();
    app.revisions.last_mut().unwrap().template = template;
}

fn variable(name: &'static str, change: fn(&mut Json)) -> impl Fn(&mut State) {
    move |state| damage(state, |app| change(own_env(app).iter_mut().find(|one| one["name"] == name).unwrap()))
}

fn without_variable(name: &'static str) -> impl Fn(&mut State) {
    move |state| damage(state, |app| own_env(app).retain(|one| one["name"] != name))
}

fn secret(name: &'static str, change: fn(&mut Json)) -> impl Fn(&mut State) {
    move |state| {
        damage(state, |app| change(own_secrets(app).iter_mut().find(|one| one["name"] == name).unwrap()));
    }
}

fn without_role(state: &mut State) {
    let vault = seed::vault_id(seed::VAULT);
    state.role_assignments.retain(|_, assignment| assignment.scope != vault);
}

/// Damages, looks, mends. `checks`: the names of those that fail.
#[track_caller]
fn drifts(identity: &'static str, change: impl Fn(&mut State), checks: &[&str]) {
    let (world, parameters) = in_place(identity);
    let foreign = of_others(&app(&world));
    world.sandbox.edit(|state| change(state));
    let findings = world.verify(BOTH, &parameters);
    let failing: Vec<&str> = failed(&findings).iter().map(|one| one.name.as_str()).collect();
    assert_eq!(failing, checks, "{findings:#?}");
    assert!(
        failed(&findings)
            .iter()
            .all(|one| one.code == codes::DESIRED_STATE && one.detail.is_some() && one.fix.is_some())
    );
    works_and_stays(&world, BOTH, &parameters);
    assert_eq!(of_others(&app(&world)), foreign);
    described(&world);
}

/// What is not ours.
fn of_others(app: &App) -> Json {
    let mut app = app.clone();
    own_env(&mut app)
        .retain(|one| !["DB_PASSWORD", "API_KEY", "AZURE_CLIENT_ID"].iter().any(|own| one["name"] == *own));
    own_secrets(&mut app).retain(|one| !["db-password", "api-key"].iter().any(|own| one["name"] == *own));
    app.model
}

const SYSTEM: &str = "managed-identity.identity=system";
const ROLE: &str = "the identity may read the vault's secrets";
const DB: &str = "DB_PASSWORD comes from the vault";
const KEY: &str = "API_KEY comes from the vault";
const PICKED: &str = "the identity that DefaultAzureCredential picks";

#[test]
fn a_variable_that_is_gone() {
    drifts(SYSTEM, without_variable("DB_PASSWORD"), &[DB]);
    drifts(SYSTEM, without_variable("API_KEY"), &[KEY]);
    drifts(EXISTING, without_variable("AZURE_CLIENT_ID"), &[PICKED]);
}

#[test]
fn a_variable_that_says_something_else() {
    drifts(
        SYSTEM,
        variable("DB_PASSWORD", |one| *one = json!({ "name": "DB_PASSWORD", "value": "x" })),
        &[DB],
    );
    drifts(SYSTEM, variable("API_KEY", |one| one["secretRef"] = json!("smtp")), &[KEY]);
    drifts(EXISTING, variable("AZURE_CLIENT_ID", |one| one["value"] = json!("another")), &[PICKED]);
    drifts(EXISTING, variable("AZURE_CLIENT_ID", |one| one["value"] = json!("")), &[PICKED]);
}

#[test]
fn a_reference_that_points_elsewhere() {
    drifts(
        SYSTEM,
        secret("db-password", |one| {
            one["keyVaultUrl"] = json!("https://kv-demo.vault.azure.net/secrets/api-key");
        }),
        &[DB],
    );
    let version = |one: &mut Json| {
        one["keyVaultUrl"] =
            json!(format!("https://kv-demo.vault.azure.net/secrets/api-key/{}", "1".repeat(32)));
    };
    drifts(SYSTEM, secret("api-key", version), &[KEY]);
    drifts(EXISTING, secret("db-password", |one| one["identity"] = json!("system")), &[DB]);
}

#[test]
fn a_reference_that_is_gone_with_its_variable() {
    let gone = |state: &mut State| {
        damage(state, |app| {
            own_secrets(app).retain(|one| one["name"] != "api-key");
            own_env(app).retain(|one| one["name"] != "API_KEY");
        });
    };
    drifts(SYSTEM, gone, &[KEY]);
}

#[test]
fn a_role_that_is_gone() {
    drifts(SYSTEM, without_role, &[ROLE]);
    drifts(EXISTING, without_role, &[ROLE]);
}

#[test]
fn an_identity_that_is_gone() {
    drifts(EXISTING, |state| state.app_mut(seed::APP).unwrap().identity.user.clear(), &[PICKED]);
    // A new system identity is another principal, which has no role: losing one is losing the other.
    drifts(
        SYSTEM,
        |state| state.app_mut(seed::APP).unwrap().identity.system = None,
        &["the app's own identity", ROLE],
    );
}

#[test]
fn what_is_not_ours_may_change_without_a_word() {
    let (world, parameters) = in_place(EXISTING);
    world.sandbox.edit(|state| {
        damage(state, |app| {
            own_env(app).push(json!({ "name": "NEW", "value": "x" }));
            own_secrets(app).push(json!({ "name": "new", "value": "x" }));
            app.model["tags"]["team"] = json!("red");
            app.model["properties"]["template"]["scale"]["maxReplicas"] = json!(9);
            app.model["properties"]["configuration"]["ingress"]["external"] = json!(false);
        });
    });
    let before = app(&world);
    let run = works_and_stays(&world, BOTH, &parameters);
    assert!(run.applied.writes.is_empty());
    assert_eq!(app(&world).model, before.model);
}
