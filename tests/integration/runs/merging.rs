//! Laws of merging, for arbitrary apps and fragments.

use acarecipe::azure::types::{self, ResourceType};
use acarecipe::merge::{MergeError, body_for, merge, merge_all, word_set};
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
pub(super) fn fragments() -> impl Strategy<Value = Json> {
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
pub(super) fn patched(target: Json, patch: &Json) -> Json {
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
pub(super) fn meaning(value: &Json) -> Json {
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

/// Places, each with values that mean different things there.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["tags", "owner"], &["us", "them", ""]),
    (&["properties", "configuration", "ingress", "clientCertificateMode"], &["ignore", "accept", "require"]),
    (&["properties", "configuration", "dapr", "appId"], &["one", "two", ""]),
];

fn at(path: &[&str], leaf: Json) -> Json {
    path.iter().rev().fold(leaf, |below, key| json!({ *key: below }))
}

/// A place, what stands there and what is wanted; nothing at all may stand there.
fn places() -> impl Strategy<Value = (&'static [&'static str], Option<&'static str>, &'static str)> {
    prop::sample::select(PLACES).prop_flat_map(|(path, values)| {
        (Just(path), prop::option::of(prop::sample::select(values)), prop::sample::select(values))
    })
}

/// Which stage of a host name: in what order, none or the binding.
fn stage(binding: &Json) -> Json {
    json!({ "properties": { "configuration": { "ingress": { "customDomains": [
        { "name": "shop.contoso.example", "bindingType": binding },
    ] } } } })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_claim_never_changes_what_is_set((path, set, wanted) in places(), beside in fragments()) {
        let live = Value::from(set.map_or(json!({ "id": "x" }), |set| at(path, json!(set))));
        let claim = Value::from(at(path, json!({ "$patch": "claim", "value": wanted })));
        let before = live.text_at(path).map(str::to_owned).filter(|set| !set.is_empty());
        match (merge(kind(), &live, &claim), &before) {
            (Ok(merged), None) => prop_assert_eq!(merged.value.text_at(path).unwrap_or_default(), wanted),
            (Ok(merged), Some(_)) => prop_assert_eq!(&merged.value, &live),
            (Err(error), before) => {
                prop_assert!(matches!(&error, MergeError::Claimed { .. }), "{error}");
                prop_assert!(before.as_deref().is_some_and(|before| before != wanted), "{error}");
            }
        }
        // Neither does it beside others that say nothing of the place.
        if path[0] == "tags" {
            let merged = merge_all(kind(), &live, &[&Value::from(beside), &claim]);
            if before.is_some() {
                prop_assert_eq!(merged.text_at(path).map(str::to_owned), before);
            }
        }
    }

    #[test]
    fn a_stage_that_is_a_default_never_replaces_a_later_one(
        live in prop::sample::select(vec!["SniEnabled", "Auto", "Disabled"]),
        spelled in any::<bool>(),
        both in any::<bool>(),
        turned in any::<bool>(),
    ) {
        let host = if spelled { "SHOP.contoso.example" } else { "shop.contoso.example" };
        let domain = json!({ "name": host, "bindingType": live, "certificateId": "/c" });
        let there = json!({ "properties": { "configuration": { "ingress": { "customDomains": [domain] } } } });
        let there = Value::from(there);
        let first = Value::from(stage(&json!({ "$patch": "default", "value": "Disabled" })));
        let last = Value::from(stage(&json!("SniEnabled")));
        let merged = merge(kind(), &there, &first).unwrap();
        prop_assert_eq!(&merged.value, &there);
        prop_assert!(merged.owned.iter().all(|owned| owned.in_place), "{:#?}", merged.owned);
        // With the stage that comes after it, in whatever order, on nothing or on what is there.
        let live = if both { there } else { Value::from(json!({ "id": "x" })) };
        let pair = if turned { [&last, &first] } else { [&first, &last] };
        let laid = merge_all(kind(), &live, &pair).to_json().unwrap();
        let domains = &laid["properties"]["configuration"]["ingress"]["customDomains"];
        prop_assert_eq!(domains.as_array().map(Vec::len), Some(1));
        prop_assert_eq!(&domains[0]["bindingType"], "SniEnabled");
    }

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
