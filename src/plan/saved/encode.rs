//! Values as a saved plan has them: what anybody may see as it is, all else as a mark.

use serde_json::{Map, Value as Json, json};

use super::digest;
use crate::value::{Data, Origin, Value};

/// The member that marks what is not shown.
const HIDDEN: &str = "$hidden";
/// The member that marks what only a step makes known.
const UNKNOWN: &str = "$unknown";
/// The member that marks what a local file holds.
const FILE: &str = "$file";

/// A value for a saved plan: equal for equal values that may be shown. A member of a map that looks like a mark gets
/// one more `$`, so that no value can be taken for one.
pub(super) fn encode(value: &Value) -> Json {
    if value.is_null() {
        return Json::Null;
    }
    if value.marks.hidden() {
        return json!({ HIDDEN: if value.marks.secret { "secret" } else { "value of others" } });
    }
    match &value.data {
        Data::Null => Json::Null,
        Data::Bool(value) => Json::Bool(*value),
        Data::Number(number) => Json::Number(number.clone()),
        // What is in a file is no secret, and may be long.
        Data::String(text) if value.marks.file => json!({ FILE: digest([text.clone().into_bytes()]) }),
        Data::String(text) => Json::String(text.clone()),
        Data::List(items) => Json::Array(items.iter().map(encode).collect()),
        Data::Map(members) => Json::Object(members.iter().map(member).collect::<Map<String, Json>>()),
        // What it is made of may hold values, so that only whom it waits for is said.
        Data::Unknown(origins) => {
            let steps = origins.iter().filter_map(|origin| match origin {
                Origin::Step(key) | Origin::Action(key) => Some(Json::String(key.clone())),
                _ => None,
            });
            json!({ UNKNOWN: steps.collect::<Vec<Json>>() })
        }
    }
}

fn member((key, value): (&String, &Value)) -> (String, Json) {
    let key = if key.starts_with('$') { format!("${key}") } else { key.clone() };
    (key, encode(value))
}

/// Whether some part of an encoded value is known only after a step.
pub(super) fn has_unknown(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.contains_key(UNKNOWN) || members.values().any(has_unknown),
        Json::Array(items) => items.iter().any(has_unknown),
        _ => false,
    }
}

/// An encoded value for people.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::Null => "nothing".to_owned(),
        Json::Object(members) if members.len() == 1 => match members.iter().next() {
            Some((key, Json::String(what))) if key == HIDDEN => {
                if what == "secret" {
                    "(sensitive)".to_owned()
                } else {
                    "(existing value)".to_owned()
                }
            }
            Some((key, _)) if key == UNKNOWN => "(known after apply)".to_owned(),
            Some((key, _)) if key == FILE => "(content of a file)".to_owned(),
            _ => value.to_string(),
        },
        _ => value.to_string(),
    }
}
