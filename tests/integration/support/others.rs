//! An app with other people's things on it, which no run may touch; and what a state means when times
//! and made-up names do not count.

use acarecipe::sandbox::state::App;
use acarecipe::sandbox::{State, seed};
use seed::variant;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

/// The seed with other people's things on the app, which no run may touch.
pub fn seeded(now: OffsetDateTime) -> State {
    let mut state = seed::state(now);
    variant::sidecar_first(&mut state);
    variant::init_container(&mut state);
    variant::tag(&mut state, "team", "payments");
    variant::plain_secret(&mut state, "smtp-password", "plain-smtp-password");
    variant::variable(&mut state, json!({ "name": "SMTP_PASSWORD", "secretRef": "smtp-password" }));
    variant::variable(&mut state, json!({ "name": "EMPTY", "value": "" }));
    // Another identity with a reference that works.
    let made = now - time::Duration::DAY;
    seed::add_identity(
        &mut state,
        "id-others",
        OTHERS_PRINCIPAL,
        "55555555-5555-4555-8555-000000000002",
        made,
    );
    seed::assign_role(&mut state, &seed::vault_id(seed::VAULT), SECRETS_USER, OTHERS_PRINCIPAL, made);
    let others = seed::identity_id("id-others");
    variant::user_identity(&mut state, &others);
    let url = "https://kv-demo.vault.azure.net/secrets/api-key";
    variant::reference(&mut state, "api-key", url, &others, "sandbox-api-key");
    state
}

const OTHERS_PRINCIPAL: &str = "55555555-5555-4555-8555-000000000001";
/// Key Vault Secrets User.
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";

/// What a state means: without times, and with words for what Azure makes up.
pub fn meaning(state: &State) -> Json {
    let app = state.app(seed::APP).unwrap();
    let revisions: Vec<Json> = app
        .revisions
        .iter()
        .map(|revision| {
            json!({
                "template": revision.template, "active": revision.active,
                "fate": format!("{:?}", revision.fate), "secrets": revision.secrets,
            })
        })
        .collect();
    let mut roles: Vec<String> = state
        .role_assignments
        .values()
        .map(|role| format!("{} on {} to {} {:?}", role.role, role.scope, role.principal, role.extra))
        .collect();
    roles.sort();
    let meaning = json!({
        "app": app.model, "system": app.identity.system.is_some(), "user": app.identity.user,
        "fetched": app.fetched, "state": app.provisioning_state, "stopped": app.stopped,
        "revisions": revisions,
        "identities": state.identities.values().map(|identity| &identity.id).collect::<Vec<_>>(),
        "roles": roles,
        "rest": [json!(state.groups), json!(state.environments), json!(state.vaults), json!(state.locks)],
    });
    let mut text = meaning.to_string();
    let mut name = |made_up: &str, name: &str| text = text.replace(made_up, name);
    if let Some(system) = &app.identity.system {
        name(&system.principal_id, "<principal of the app>");
    }
    for identity in state.identities.values() {
        name(&identity.principal_id, &format!("<principal of {}>", identity.id));
        name(&identity.client_id, &format!("<client of {}>", identity.id));
    }
    serde_json::from_str(&text).unwrap()
}

/// Everything of others is in `end` as it was in `seed`.
pub fn nothing_lost(seed: &State, end: &State) {
    let (before, after) = (seed.app(seed::APP).unwrap(), end.app(seed::APP).unwrap());
    for id in &before.identity.user {
        assert!(after.identity.user.iter().any(|have| have.eq_ignore_ascii_case(id)), "{id} is gone");
    }
    assert_eq!(before.model["tags"], after.model["tags"]);
    let named = |list: &Json, name: &str| {
        list.as_array().unwrap().iter().find(|element| element["name"] == name).cloned()
    };
    let secrets = |app: &App| app.configuration()["secrets"].clone();
    for name in ["smtp-password", "api-key"] {
        assert_eq!(named(&secrets(before), name), named(&secrets(after), name), "{name}");
    }
    for list in ["containers", "initContainers"] {
        for container in before.template()[list].as_array().unwrap() {
            let name = container["name"].as_str().unwrap();
            let other = named(&after.template()[list], name).unwrap_or_else(|| panic!("{name} is gone"));
            for variable in container["env"].as_array().unwrap() {
                let variable_name = variable["name"].as_str().unwrap();
                assert_eq!(named(&other["env"], variable_name).as_ref(), Some(variable), "{name}");
            }
            assert_eq!(container["resources"], other["resources"]);
            // The image of the app's own container is a recipe's to set.
            let set = name == seed::APP
                && other["image"].as_str().is_some_and(|image| image.starts_with("acrdemo.azurecr.io/"));
            assert!(set || container["image"] == other["image"], "{name}: {}", other["image"]);
        }
    }
    for role in seed.role_assignments.values() {
        assert!(end.role_assignments.values().any(|have| have.id == role.id), "{} is gone", role.id);
    }
}
