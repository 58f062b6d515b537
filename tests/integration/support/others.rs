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

/// Members that say when something was, or how often; and what Azure makes up for each write.
const PASSING: &[&str] = &[
    "created",
    "due",
    "ends",
    "etag",
    "in_force_from",
    "known_from",
    "lastModifiedTime",
    "looked",
    "modified",
    "ordered",
    "requests",
    "settles",
    "started",
    "starts",
    "token",
];

/// Tables whose names are made of a principal's id, which Azure makes up: only what is in them counts.
const ASSIGNMENTS: &[&str] = &["role_assignments", "assignments"];

/// What a state means: all of it, without times, and with words for what Azure makes up.
pub fn meaning(state: &State) -> Json {
    let mut whole = serde_json::to_value(state).unwrap();
    for gone in ["moment", "counter", "operations", "principals"] {
        whole.as_object_mut().unwrap().remove(gone);
    }
    settle(&mut whole);
    let mut text = whole.to_string();
    let mut name = |made_up: &str, name: &str| text = text.replace(made_up, name);
    let systems = state.apps.values().map(|app| (&app.id, &app.identity));
    let systems = systems.chain(state.jobs.values().map(|job| (&job.id, &job.identity)));
    for (of, identity) in systems {
        if let Some(system) = &identity.system {
            name(&system.principal_id, &format!("<principal of {of}>"));
            name(&sid(&system.client_id), &format!("<sid of {of}>"));
            name(&system.client_id, &format!("<client of {of}>"));
        }
    }
    for identity in state.identities.values() {
        name(&identity.principal_id, &format!("<principal of {}>", identity.id));
        name(&sid(&identity.client_id), &format!("<sid of {}>", identity.id));
        name(&identity.client_id, &format!("<client of {}>", identity.id));
    }
    for run in state.registries.values().flat_map(|registry| &registry.tasks.runs) {
        let images: Vec<String> = run.images.iter().map(|(name, tag)| format!("{name}:{tag}")).collect();
        name(&run.digest, &format!("<built {}>", images.join(" ")));
    }
    for app in state.apps.values() {
        for (number, revision) in app.revisions.iter().enumerate() {
            name(&revision.name, &format!("<revision {number} of {}>", app.id));
        }
    }
    let mut meaning: Json = serde_json::from_str(&text).unwrap();
    sort(&mut meaning);
    meaning
}

/// A client id as a database has it.
fn sid(client: &str) -> String {
    let guid = uuid::Uuid::parse_str(client).unwrap_or_default();
    guid.to_bytes_le().iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

/// Takes out what passes, and the names of assignments and executions.
fn settle(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.retain(|name, _| !PASSING.contains(&name.as_str()));
            for (name, member) in members.iter_mut() {
                settle(member);
                if let (true, Json::Object(table)) = (ASSIGNMENTS.contains(&name.as_str()), &*member) {
                    *member = table.values().map(without_name).collect();
                } else if let ("executions", Json::Array(list)) = (name.as_str(), &*member) {
                    *member = list.iter().map(without_name).collect();
                } else if name == "tasks" {
                    // An archive may be sent twice, and be built twice: a run does not say whose it is.
                    member.as_object_mut().unwrap().remove("uploads");
                    let runs = member["runs"].as_array().unwrap().iter();
                    let mut made: Vec<Json> =
                        runs.map(|run| json!([run["images"], run["end"], run["pushed"]])).collect();
                    made.dedup();
                    member["runs"] = made.into();
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(settle),
        _ => {}
    }
}

fn without_name(value: &Json) -> Json {
    let mut value = value.clone();
    if let Json::Object(members) = &mut value {
        members.remove("id");
        members.remove("name");
    }
    value
}

/// Assignments have no order.
fn sort(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, member) in members.iter_mut() {
                sort(member);
                if let (true, Json::Array(list)) = (ASSIGNMENTS.contains(&name.as_str()), &mut *member) {
                    list.sort_by_key(Json::to_string);
                }
            }
        }
        Json::Array(elements) => elements.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Where two values differ: JSON pointers, each with what stands on either side.
pub fn differences(one: &Json, other: &Json) -> Vec<String> {
    let mut found = Vec::new();
    differ("", one, other, &mut found);
    found
}

fn differ(at: &str, one: &Json, other: &Json, found: &mut Vec<String>) {
    match (one, other) {
        (Json::Object(left), Json::Object(right)) => {
            let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                let of = |side: &serde_json::Map<String, Json>| side.get(name).cloned().unwrap_or_default();
                differ(&format!("{at}/{name}"), &of(left), &of(right), found);
            }
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differ(&format!("{at}/{index}"), left, right, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{at}: {one} is not {other}")),
    }
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
                && other["image"].as_str().is_some_and(|image| {
                    image.starts_with("acrdemo.azurecr.io/")
                        || image.starts_with("ghcr.io/acarecipe/python-demo:")
                });
            assert!(set || container["image"] == other["image"], "{name}: {}", other["image"]);
        }
    }
    for role in seed.role_assignments.values() {
        assert!(end.role_assignments.values().any(|have| have.id == role.id), "{} is gone", role.id);
    }
}
