//! `container_app`: a fragment of the app, merged.

use indexmap::IndexMap;

use super::{Outcome, StepResult, with_computed};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::merge::{merge, word_set};
use crate::value::{Data, Value};

/// The outcome of laying `fragment` (`identity`, `configuration`, `template`, `tags`) over the app.
///
/// # Errors
/// The fragment does not fit the app.
pub fn container_app(
    kind: &'static ResourceType,
    key: &str,
    id: &ResourceId,
    live: &Value,
    fragment: &Value,
) -> StepResult {
    let fragment = in_arm_shape(fragment);
    if live.is_unknown() || live.is_null() {
        // Not read yet, or not there: the prerequisites speak of that.
        return Ok(Outcome {
            kind,
            resource: Some(id.clone()),
            live: live.clone(),
            fragment,
            owned: Vec::new(),
            result: live.clone(),
            grant: None,
        });
    }
    let merged = merge(kind, live, &fragment)?;
    let mut outcome = Outcome {
        kind,
        resource: Some(id.clone()),
        live: live.clone(),
        fragment,
        owned: merged.owned,
        result: merged.value,
        grant: None,
    };
    let system = outcome
        .result
        .text_at(&["identity", "type"])
        .is_some_and(|words| word_set(words).contains(&"systemassigned".to_owned()));
    if outcome.pending() && system {
        outcome.result = with_computed(kind, outcome.result, key);
    }
    Ok(outcome)
}

/// `configuration` and `template` stand below `properties` in ARM.
fn in_arm_shape(fragment: &Value) -> Value {
    let Data::Map(members) = &fragment.data else {
        return fragment.clone();
    };
    let mut top = IndexMap::new();
    let mut properties = IndexMap::new();
    for (name, value) in members {
        match name.as_str() {
            "configuration" | "template" => properties.insert(name.clone(), value.clone()),
            _ => top.insert(name.clone(), value.clone()),
        };
    }
    if !properties.is_empty() {
        top.insert("properties".to_owned(), Value::new(Data::Map(properties)));
    }
    Value { data: Data::Map(top), marks: fragment.marks }
}
