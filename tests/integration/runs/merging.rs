//! Laws of merging, for arbitrary apps and fragments.

use acarecipe::azure::types::{self, ResourceType};
use acarecipe::merge::{body_for, merge, word_set};
use acarecipe::sandbox::seed;
use acarecipe::value::Value;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Map, Value as Json, json};

use super::generated::apps;

fn kind() -> &'static ResourceType {
    types::find("Microsoft.App/containerApps").unwrap()
}

/// Things that recipes own, in ARM's shape.
fn fragments() -> impl Strategy<Value = Json> {
    let container = |members: Json| {
        let mut own = json!({ "name": seed::APP });
        own.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({ "properties": { "template": { "containers": [own] } } })
    };
    let pieces = vec![
        json!({ "identity": { "type": "SystemAssigned" } }),
        json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": { seed::identity_id("id-new"): {} } } }),
        json!({ "properties": { "configuration": { "secrets": [{ "name": "plain-1", "keyVaultUrl": "https://KV-demo.vault.azure.net/secrets/x/", "identity": "System" }] } } }),
        json!({ "properties": { "configuration": { "secrets": [{ "name": "new", "value": "v" }] } } }),
        json!({ "properties": { "configuration": { "registries": [{ "server": "demo.azurecr.io", "identity": "system" }] } } }),
        json!({ "properties": { "configuration": { "dapr": { "enabled": true, "appId": "other" } } } }),
        json!({ "properties": { "template": { "scale": { "minReplicas": 1 } } } }),
        json!({ "tags": { "recipe": "yes" } }),
        container(
            json!({ "env": [{ "name": "DB_PASSWORD", "secretRef": "new" }, { "name": "N", "value": 7 }] }),
        ),
        container(
            json!({ "env": [{ "name": "AZURE_CLIENT_ID", "value": "x" }, { "name": "E", "value": "" }] }),
        ),
        container(json!({ "volumeMounts": [{ "volumeName": "scratch", "mountPath": "/scratch" }] })),
        container(json!({ "probes": [{ "type": "Liveness", "periodSeconds": 9 }] })),
    ];
    let count = pieces.len();
    subsequence(pieces, 1..=count).prop_map(|pieces| pieces.into_iter().reduce(lay).unwrap_or_default())
}

/// One fragment of several: lists one after the other, elements of one name together.
fn lay(one: Json, other: Json) -> Json {
    match (one, other) {
        (Json::Object(mut one), Json::Object(other)) => {
            for (key, value) in other {
                let below = one.remove(&key);
                let words = key == "type" && below.as_ref().is_some_and(|have| have != &value);
                let laid = match below {
                    Some(Json::String(have)) if words => json!(format!("{have},{}", value.as_str().unwrap())),
                    Some(have) => lay(have, value),
                    None => value,
                };
                one.insert(key, laid);
            }
            Json::Object(one)
        }
        (Json::Array(mut one), Json::Array(other)) => {
            for element in other {
                match one
                    .iter()
                    .position(|have| have["name"] == element["name"] && !element["name"].is_null())
                {
                    Some(at) => one[at] = lay(one[at].clone(), element),
                    None => one.push(element),
                }
            }
            Json::Array(one)
        }
        (_, other) => other,
    }
}

/// RFC 7396.
fn patched(target: Json, patch: &Json) -> Json {
    let Json::Object(patch) = patch else { return patch.clone() };
    let mut members = match target {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(key);
        } else {
            let below = members.shift_remove(key).unwrap_or_default();
            members.insert(key.clone(), patched(below, value));
        }
    }
    Json::Object(members)
}

/// What an app means: without nulls, empty strings and what only a suffix says.
fn meaning(value: &Json) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .filter(|(key, value)| {
                    !value.is_null() && **value != json!("") && key.as_str() != "revisionSuffix"
                })
                .map(|(key, value)| {
                    let value = match value.as_str() {
                        Some(words) if key == "type" => json!(word_set(words)),
                        _ => meaning(value),
                    };
                    (key.clone(), value)
                })
                .collect(),
        ),
        Json::Array(elements) => Json::Array(elements.iter().map(meaning).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_twice_is_merging_once(generated in apps(), fragment in fragments()) {
        let (live, fragment) = (Value::from(generated.model().clone()), Value::from(fragment));
        let once = merge(kind(), &live, &fragment).unwrap();
        let twice = merge(kind(), &once.value, &fragment).unwrap();
        prop_assert_eq!(&once.value, &twice.value);
        let missing: Vec<_> = twice.owned.iter().filter(|owned| !owned.in_place).collect();
        prop_assert!(missing.is_empty(), "{:#?}", missing);
    }

    #[test]
    fn a_body_is_sent_when_and_only_when_something_is_missing(generated in apps(), fragment in fragments()) {
        let (live, fragment) = (Value::from(generated.model().clone()), Value::from(fragment));
        let merged = merge(kind(), &live, &fragment).unwrap();
        let body = body_for(kind(), &live, &merged.value).body;
        prop_assert_eq!(body.is_none(), merged.owned.iter().all(|owned| owned.in_place));
        prop_assert!(body_for(kind(), &merged.value, &merged.value).body.is_none());
    }

    #[test]
    fn the_body_makes_of_the_live_app_the_merged_one(generated in apps(), fragment in fragments()) {
        let live = Value::from(generated.model().clone());
        let merged = merge(kind(), &live, &Value::from(fragment)).unwrap();
        let Some(body) = body_for(kind(), &live, &merged.value).body else { return Ok(()) };
        let made = patched(generated.model().clone(), &body.json);
        prop_assert_eq!(meaning(&made), meaning(&merged.value.to_json().unwrap()));
    }

    #[test]
    fn what_a_fragment_does_not_name_stays(generated in apps(), fragment in fragments()) {
        let live = Value::from(generated.model().clone());
        let merged = merge(kind(), &live, &Value::from(fragment.clone())).unwrap().value.to_json().unwrap();
        stays(generated.model(), &merged, &fragment, "")?;
    }
}

/// Everything of `live` that `fragment` does not speak of is in `merged`, in its order.
fn stays(live: &Json, merged: &Json, fragment: &Json, path: &str) -> Result<(), TestCaseError> {
    match (live, fragment) {
        (_, Json::Null) => prop_assert_eq!(live, merged, "{}", path),
        (Json::Object(members), Json::Object(named)) => {
            for (key, value) in members {
                let absent = Json::Null;
                // Naming one of these takes the place of the other.
                let gives_way = match key.as_str() {
                    "value" => named.contains_key("secretRef") || named.contains_key("keyVaultUrl"),
                    "secretRef" => named.contains_key("value"),
                    _ => false,
                };
                if !gives_way {
                    stays(value, &merged[key], named.get(key).unwrap_or(&absent), &format!("{path}.{key}"))?;
                }
            }
        }
        (Json::Array(elements), Json::Array(named)) => {
            for (at, element) in elements.iter().enumerate() {
                let key = ["name", "server", "type", "mountPath"].iter().find(|key| {
                    element.get(**key).is_some() && (**key != "type" || path.ends_with("probes"))
                });
                let same = key.and_then(|key| named.iter().find(|one| one[*key] == element[*key]));
                stays(element, &merged[at], same.unwrap_or(&Json::Null), &format!("{path}[{at}]"))?;
            }
        }
        _ => {}
    }
    Ok(())
}
