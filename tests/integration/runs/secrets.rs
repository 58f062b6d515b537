//! Secrets of the app: ours become references, others stay what they are.

use acarecipe::diagnostic::codes;
use acarecipe::plan::Status;
use acarecipe::report::PlanReport;
use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::State;
use serde_json::json;

use super::super::support::world::{START, World, failed};
use super::{
    BOTH, EXISTING, SECRET, app, blocked, described, only_failed, secret, secrets_listed, text, variable,
    works_and_stays,
};

const OWN: &str = "own-plain-value-4711";

/// The identity on the app with the role on the vault, long in force.
fn identity_in_force(state: &mut State) {
    variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
    let vault = seed::vault_id(seed::VAULT);
    seed::assign_role(
        state,
        &vault,
        KEY_VAULT_SECRETS_USER,
        seed::IDENTITY_PRINCIPAL,
        START - time::Duration::DAY,
    );
}

fn url(path: &str) -> String {
    format!("https://kv-demo.vault.azure.net/secrets/{path}")
}

/// A reference to `path` in the vault, as the recipe with [`EXISTING`] makes one.
fn reference(state: &mut State, name: &str, path: &str) {
    variant::reference(state, name, &url(path), &seed::identity_id(seed::IDENTITY), "sandbox-api-key");
}

#[test]
fn a_reference_and_a_plain_secret_beside_ours() {
    let world = World::new().edited(|state| {
        identity_in_force(state);
        variant::plain_secret(state, "smtp-password", OWN);
        variant::variable(state, json!({ "name": "SMTP", "secretRef": "smtp-password" }));
        reference(state, "api-key", "api-key");
    });
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    let app = app(&world);
    assert_eq!(secret(&app, "smtp-password"), json!({ "name": "smtp-password", "value": OWN }));
    assert_eq!(
        secret(&app, "api-key"),
        json!({ "name": "api-key", "keyVaultUrl": url("api-key"), "identity": seed::identity_id(seed::IDENTITY) }),
        "listSecrets shows its value too, but it must not become a copy"
    );
    assert_eq!(variable(&app, seed::APP, "SMTP")["secretRef"], "smtp-password");
    assert_eq!(secrets_listed(&world.sandbox.exchanges()), 1);
    described(&world);
}

#[test]
fn a_plain_value_gives_way_to_the_reference() {
    let world =
        World::new().edited(|state| variant::variable(state, json!({ "name": "DB_PASSWORD", "value": OWN })));
    let run = works_and_stays(&world, BOTH, &[SECRET]);
    assert_eq!(
        variable(&app(&world), seed::APP, "DB_PASSWORD"),
        json!({ "name": "DB_PASSWORD", "secretRef": "db-password" })
    );
    let report = serde_json::to_string(&PlanReport::new(&run.planned.plan, Vec::new())).unwrap();
    assert!(report.contains("(existing value)"), "{report}");
    assert!(!report.contains(OWN));
    assert!(!format!("{:?}", run.planned.plan.prerequisites).contains(OWN));
    assert!(!format!("{:?}", run.findings()).contains(OWN));
    assert!(!format!("{:?}", world.seen.events.lock().unwrap()).contains(OWN));
    assert!(!format!("{:?}", world.seen.writes.lock().unwrap()).contains(OWN));
    let sent = world.sandbox.exchanges();
    assert!(sent.iter().all(|exchange| !format!("{:?}", exchange.request_body).contains(OWN)));
    described(&world);
}

#[test]
fn a_secret_with_a_value_of_its_own_is_a_conflict() {
    let world = World::new().edited(|state| variant::plain_secret(state, "db-password", OWN));
    let planned = blocked(&world, BOTH, &[SECRET]);
    let finding = only_failed(&planned);
    assert!(
        text(finding).contains("`db-password`") && text(finding).contains("replace=true"),
        "{finding:#?}"
    );
    assert_eq!(secret(&app(&world), "db-password")["value"], OWN);
}

#[test]
fn replacing_it_says_that_the_only_copy_goes() {
    let world = World::new().edited(|state| {
        variant::plain_secret(state, "db-password", OWN);
        variant::variable(state, json!({ "name": "DB_PASSWORD", "secretRef": "db-password" }));
    });
    let parameters = &[SECRET, "key-vault-reference.replace=true"];
    let run = works_and_stays(&world, BOTH, parameters);
    let warned = run.planned.plan.prerequisites.iter().find(|one| one.status == Status::Warning).unwrap();
    assert!(text(warned).contains("only copy") && text(warned).contains("`db-password`"), "{warned:#?}");
    assert_eq!(secret(&app(&world), "db-password")["keyVaultUrl"], url("db-password"));
    assert!(secret(&app(&world), "db-password")["value"].is_null());
    // The variable named it before: no new revision, so what runs has to be restarted.
    assert!(run.applied.revisions.is_empty());
    let serving = app(&world).latest().unwrap().clone();
    assert_eq!(serving.secrets["db-password"], "sandbox-db-password-2");
    described(&world);
}

#[test]
fn another_version_restarts_only_what_uses_the_secret() {
    let world = World::new();
    let old = format!("secrets.DB_PASSWORD=db-password/{}", seed::DB_PASSWORD_OLD_VERSION);
    works_and_stays(&world, BOTH, &[&old, EXISTING]);
    assert_eq!(app(&world).latest().unwrap().secrets["db-password"], "sandbox-db-password-1");
    // An active revision that uses no secret.
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["activeRevisionsMode"] = json!("Multiple");
        let first = app.revisions.iter_mut().find(|one| one.name == "ca-demo--first01").unwrap();
        first.active = true;
    });
    let from = world.count();
    let run = works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (1, 0));
    let newest = app(&world).latest().unwrap().clone();
    let restarted: Vec<String> = world
        .exchanges_since(from)
        .into_iter()
        .filter(|exchange| exchange.path.ends_with("/restart"))
        .map(|exchange| exchange.path)
        .collect();
    assert_eq!(restarted, [format!("{}/revisions/{}/restart", seed::app_id(), newest.name)]);
    assert_eq!(newest.secrets["db-password"], "sandbox-db-password-2", "its replicas have the new value");
    let report = PlanReport::new(&run.planned.plan, Vec::new());
    assert!(report.writes[0].consequences.iter().any(|told| told.starts_with("restarts")));
    described(&world);
}

#[test]
fn a_reference_to_another_vault_is_moved_with_a_warning() {
    let world = World::new().edited(|state| {
        identity_in_force(state);
        let shared = "https://kv-shared.vault.azure.net/secrets/db-password";
        variant::reference(state, "db-password", shared, &seed::identity_id(seed::IDENTITY), "other");
    });
    let run = works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    let warned = run.planned.plan.prerequisites.iter().find(|one| one.status == Status::Warning).unwrap();
    assert!(text(warned).contains("refers to another secret now"), "{warned:#?}");
    assert_eq!(secret(&app(&world), "db-password")["keyVaultUrl"], url("db-password"));
}

#[test]
fn a_reference_in_another_spelling_is_in_place() {
    let world = World::new().edited(|state| {
        identity_in_force(state);
        variant::variable(state, json!({ "name": "AZURE_CLIENT_ID", "value": seed::IDENTITY_CLIENT }));
        variant::variable(state, json!({ "name": "API_KEY", "secretRef": "api-key" }));
        let id = seed::identity_id(seed::IDENTITY).replace("resourceGroups", "resourcegroups");
        variant::reference(state, "api-key", "https://KV-DEMO.vault.azure.net/secrets/api-key/", &id, "x");
    });
    let planned = world.plan(BOTH, &["secrets.API_KEY=api-key", EXISTING]).unwrap();
    assert!(planned.plan.writes.is_empty(), "{:#?}", planned.plan.writes);
}

#[test]
fn two_secrets_under_one_name_are_an_error() {
    let world = World::new();
    let planned = blocked(&world, BOTH, &[SECRET, "secrets.OTHER=DB-password"]);
    let told = failed(&planned.plan.prerequisites);
    assert!(!told.is_empty() && told.iter().all(|one| text(one).contains("`db-password`")), "{told:#?}");
    let old = format!("secrets.OTHER=db-password/{}", seed::DB_PASSWORD_OLD_VERSION);
    assert!(blocked(&world, BOTH, &[SECRET, &old]).plan.blocked());
    // One secret for two variables is fine, and the app holds it once.
    works_and_stays(&world, BOTH, &[SECRET, "secrets.OTHER=db-password"]);
    assert_eq!(app(&world).configuration()["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(variable(&app(&world), seed::APP, "OTHER")["secretRef"], "db-password");
}

#[test]
fn a_vault_secret_with_capitals_gets_a_name_that_apps_may_have() {
    let world = World::new().edited(|state| {
        let vault = state.vault_mut(seed::VAULT).unwrap();
        let versions = vault.secrets["api-key"].clone();
        vault.secrets.insert("Smtp-Password".to_owned(), versions);
    });
    works_and_stays(&world, BOTH, &["secrets.SMTP=Smtp-Password"]);
    assert_eq!(secret(&app(&world), "smtp-password")["keyVaultUrl"], url("Smtp-Password"));
    described(&world);
}

#[test]
fn a_variable_named_twice_stops_before_the_write() {
    let world = World::new().edited(|state| {
        for value in ["a", "b"] {
            variant::variable(state, json!({ "name": "TWICE", "value": value }));
        }
    });
    let planned = blocked(&world, BOTH, &[SECRET]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::DUPLICATE_VARIABLE);
    assert!(text(finding).contains("TWICE") && text(finding).contains("ca-demo"), "{finding:#?}");
}
