//! For arbitrary apps: what a merge changed, and undo puts back, means what it meant.

use std::sync::Arc;

use acarecipe::azure::types::{self, ResourceType};
use acarecipe::merge::{Owned, absent, body_for, find, merge, place};
use acarecipe::steps::{Back, WrittenTo, put_back};
use acarecipe::value::{Path, Seal, Value, Was, Written};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::generated::apps;
use super::merging::{fragments, meaning, patched};

fn kind() -> &'static ResourceType {
    types::find("Microsoft.App/containerApps").unwrap()
}

/// A seal that tells values apart, as an HMAC does.
fn seal() -> Seal {
    Seal(Arc::new(|json: &Json| format!("sealed {json}")))
}

/// A value as a journal keeps it: that of a variable only sealed.
fn was(path: &Path, value: &Value) -> Was {
    let hidden = kind().foreign.contains(&path.pattern().as_str());
    match value.to_json() {
        _ if !hidden && absent(kind(), path, value) => Was::Absent,
        Some(json) if hidden && json.is_null() => Was::Absent,
        Some(json) if hidden => Was::Hidden((seal().0)(&json)),
        Some(json) => Was::Value(json),
        None => Was::Unknown,
    }
}

/// How many segments of a path lead to something.
fn there(live: &Value, path: &Path) -> usize {
    let leads = |count: &usize| find(kind(), live, &Path(path.0[..*count].to_vec())).is_some();
    (0..=path.0.len()).rev().find(leads).unwrap_or(0)
}

/// What a write recorded of its changes.
fn written(live: &Value, owned: &[Owned]) -> Vec<Written> {
    let changed = owned.iter().filter(|owned| !owned.in_place);
    changed
        .map(|owned| {
            let (before, after) = (was(&owned.path, &owned.live), was(&owned.path, &owned.wanted));
            Written {
                path: owned.path.clone(),
                there: there(live, &owned.path),
                first: before.clone(),
                values: vec![before.clone(), after.clone()],
                before,
                after,
            }
        })
        .collect()
}

/// What is there after `fragment` was merged into it and sent, and what was recorded.
fn changed(live: &Json, fragment: &Json) -> (Json, Vec<Written>) {
    let value = Value::from(live.clone());
    let merged = merge(kind(), &value, &Value::from(fragment.clone())).unwrap();
    let body = body_for(kind(), &value, &merged.value).body;
    let made = body.map_or_else(|| live.clone(), |body| patched(live.clone(), &body.json));
    (made, written(&value, &merged.owned))
}

/// What undo makes of it; `before` is what the revision shows that served then.
fn back(before: &Json, now: &Json, written: &[Written]) -> (Json, Back) {
    let (live, earlier) = (Value::from(now.clone()), Value::from(before.clone()));
    let places: Vec<Path> = written.iter().map(|one| place(kind(), &one.path)).collect();
    let back = put_back(&WrittenTo {
        kind: kind(),
        live: &live,
        written,
        places: &places,
        earlier: std::slice::from_ref(&earlier),
        stored: None,
        seal: &seal(),
        force: false,
    });
    if back.fragment.is_null() {
        return (now.clone(), back);
    }
    let merged = merge(kind(), &live, &back.fragment).unwrap();
    let body = body_for(kind(), &live, &merged.value).body;
    (body.map_or_else(|| now.clone(), |body| patched(now.clone(), &body.json)), back)
}

/// What an app means, nothing being as good as an object or a list of nothing.
fn means(app: &Json) -> Json {
    fn without(value: &Json) -> Json {
        match value {
            Json::Object(members) => {
                let kept = members.iter().map(|(key, value)| (key.clone(), without(value)));
                Json::Object(kept.filter(|(_, value)| !nothing(value)).collect())
            }
            Json::Array(elements) => Json::Array(elements.iter().map(without).collect()),
            other => other.clone(),
        }
    }
    fn nothing(value: &Json) -> bool {
        value.is_null()
            || value.as_object().is_some_and(serde_json::Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty)
    }
    without(&meaning(app))
}

/// The app without a secret: its value from before is kept nowhere.
fn without_secret(mut app: Json, name: &str) -> Json {
    if let Some(secrets) = app.pointer_mut("/properties/configuration/secrets").and_then(Json::as_array_mut) {
        secrets.retain(|secret| secret["name"] != name);
    }
    app
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_put_back_means_what_it_meant(generated in apps(), fragment in fragments()) {
        let before = generated.model();
        let (now, written) = changed(before, &fragment);
        let (after, back) = back(before, &now, &written);
        prop_assert!(back.changed.is_empty(), "{:?}", back.changed);
        // Of a secret that had a value only the name is known.
        let replaced = written.iter().any(|one| one.path.to_string().contains("secrets[plain-1]"));
        prop_assert_eq!(back.stays.len(), usize::from(replaced), "{:?}", back.stays);
        let (mut before, mut after) = (before.clone(), after);
        if replaced {
            (before, after) = (without_secret(before, "plain-1"), without_secret(after, "plain-1"));
        }
        prop_assert_eq!(means(&after), means(&before));
    }

    /// Others change what is not the run's meanwhile: that stays as they left it.
    #[test]
    fn what_others_changed_since_stays(generated in apps(), fragment in fragments()) {
        let before = generated.model();
        let (now, written) = changed(before, &fragment);
        let theirs = json!({ "tags": { "theirs": "yes" }, "properties": { "configuration": { "maxInactiveRevisions": 7 } } });
        let (edited, _) = changed(&now, &theirs);
        let (after, back) = back(before, &edited, &written);
        prop_assert!(back.changed.is_empty(), "{:?}", back.changed);
        prop_assert_eq!(&after["tags"]["theirs"], "yes");
        prop_assert_eq!(&after["properties"]["configuration"]["maxInactiveRevisions"], 7);
    }
}
