//! `resource`: any other ARM resource, wholly or in part.

use super::{Outcome, StepResult, with_computed};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::merge::{Owned, merge};
use crate::value::{Data, Path, Value};

/// The outcome of laying `body` over the resource `id` (`live` is null when it is not there).
///
/// # Errors
/// The body does not fit the resource.
pub fn resource(
    kind: &'static ResourceType,
    key: &str,
    id: &ResourceId,
    live: &Value,
    body: &Value,
) -> StepResult {
    if live.is_unknown() {
        return Ok(Outcome {
            kind,
            resource: Some(id.clone()),
            live: live.clone(),
            base: live.clone(),
            fragment: body.clone(),
            owned: Vec::new(),
            result: live.clone(),
            grant: None,
            user: None,
        });
    }
    let merged = merge(kind, live, body)?;
    let mut result = merged.value;
    if live.is_null() {
        // Known before creation: an id is made of type and name.
        if let Data::Map(members) = &mut result.data {
            members.insert("id".to_owned(), Value::from(id.as_str()));
            members.insert("name".to_owned(), Value::from(id.name()));
            members.insert("type".to_owned(), Value::from(kind.name));
        }
        result = with_computed(kind, result, key);
    }
    let mut owned = merged.owned;
    if owned.is_empty() {
        // That it is there is all that is wanted of it.
        let there = Value::from(id.as_str());
        owned.push(Owned {
            path: Path::root().key("id"),
            live: if live.is_null() { Value::null() } else { there.clone() },
            wanted: there,
            in_place: !live.is_null(),
            default: false,
        });
    }
    Ok(Outcome {
        kind,
        resource: Some(id.clone()),
        live: live.clone(),
        base: live.clone(),
        fragment: body.clone(),
        owned,
        result,
        grant: None,
        user: None,
    })
}
