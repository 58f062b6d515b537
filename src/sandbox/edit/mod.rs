//! Changes of the state said in words: named variants, and JSON merge patches (RFC 7396) and removals
//! at a place of the document that `sandbox show` prints. For cases written without Rust. A change
//! that leads nowhere, or that the state would not keep, is an error: never silently nothing.

mod place;
mod variants;

use serde_json::{Map, Value as Json};

use super::State;
use place::{Segment, find};
pub use variants::{Parameter, ParameterKind, VARIANTS, Variant};

/// Why a change could not be made. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is no place.
    #[error("`{path}` is no place in the state: {why}")]
    Notation {
        /// The text.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A part of the place is not there.
    #[error("the state has no `{part}` in `{path}`")]
    NotThere {
        /// The place.
        path: String,
        /// The part.
        part: String,
        /// What is there instead.
        known: Vec<String>,
    },
    /// A part of the place is not one thing.
    #[error("`{part}` in `{path}` is {count} things of the state, not one")]
    Several {
        /// The place.
        path: String,
        /// The part.
        part: String,
        /// How many.
        count: usize,
    },
    /// What it would make is no state.
    #[error("the state cannot be so: {0}")]
    Unfit(String),
    /// The state has no member of that name.
    #[error("the state has no member `{0}`, so that the change would be lost")]
    NotKept(String),
    /// Everything is so already.
    #[error("it changes nothing: the state is so already")]
    Unchanged,
    /// There is no variant of that name.
    #[error("the sandbox has no variant `{0}`")]
    UnknownVariant(String),
    /// The variant takes something else.
    #[error("the variant `{variant}` {why}")]
    Arguments {
        /// The variant.
        variant: &'static str,
        /// What is wrong with what it was given.
        why: String,
        /// The member that is wrong.
        member: String,
    },
}

/// The variant of this name.
///
/// # Errors
/// There is none.
pub fn variant(name: &str) -> Result<&'static Variant, EditError> {
    VARIANTS
        .iter()
        .find(|variant| variant.name == name)
        .ok_or_else(|| EditError::UnknownVariant(name.to_owned()))
}

/// Lays a JSON merge patch over what stands at `path`: objects merge, null removes, anything else
/// replaces.
///
/// # Errors
/// The place is not there, the result is no state or would not be kept, or nothing changes.
pub fn merge(state: &mut State, path: &str, patch: &Json) -> Result<(), EditError> {
    change(state, |document| {
        let segments = find(document, path)?;
        if let Some(target) = at(document, &segments) {
            lay(target, patch);
        }
        Ok(())
    })
}

/// Takes away what stands at `path`.
///
/// # Errors
/// The place is not there, or the state cannot be without it.
pub fn remove(state: &mut State, path: &str) -> Result<(), EditError> {
    change(state, |document| {
        let mut segments = find(document, path)?;
        let last = segments.pop();
        match (at(document, &segments), last) {
            (Some(Json::Object(members)), Some(Segment::Key(key))) => drop(members.shift_remove(&key)),
            (Some(Json::Array(elements)), Some(Segment::Index(index))) => drop(elements.remove(index)),
            _ => {}
        }
        Ok(())
    })
}

fn at<'d>(document: &'d mut Json, segments: &[Segment]) -> Option<&'d mut Json> {
    segments.iter().try_fold(document, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
    })
}

/// RFC 7396.
fn lay(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Json::Object(members) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.shift_remove(key);
        } else {
            lay(members.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}

/// Changes the state as the document it is written as. An app whose template changes runs it: its newest
/// revision is changed with it, unless the revisions are changed themselves.
fn change(state: &mut State, edit: impl FnOnce(&mut Json) -> Result<(), EditError>) -> Result<(), EditError> {
    let unfit = |error: serde_json::Error| EditError::Unfit(error.to_string());
    let before = serde_json::to_value(&*state).map_err(unfit)?;
    let mut document = before.clone();
    edit(&mut document)?;
    if document == before {
        return Err(EditError::Unchanged);
    }
    let mut changed: State = serde_json::from_value(document.clone()).map_err(unfit)?;
    let kept = serde_json::to_value(&changed).map_err(unfit)?;
    if let Some(lost) = lost(&document, &kept, "") {
        return Err(EditError::NotKept(lost));
    }
    for (id, app) in &mut changed.apps {
        let same = |other: &super::state::App| {
            other.template() == app.template() || other.revisions != app.revisions
        };
        if state.apps.get(id).is_none_or(same) {
            continue;
        }
        let template = app.template().clone();
        if let Some(revision) = app.revisions.last_mut() {
            revision.template = template;
        }
    }
    *state = changed;
    Ok(())
}

/// The first member of `wanted` that `kept` does not have.
fn lost(wanted: &Json, kept: &Json, path: &str) -> Option<String> {
    match (wanted, kept) {
        (Json::Object(wanted), Json::Object(kept)) => wanted.iter().find_map(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match kept.get(key) {
                Some(kept) => lost(value, kept, &path),
                None => Some(path),
            }
        }),
        (Json::Array(wanted), Json::Array(kept)) => wanted
            .iter()
            .zip(kept)
            .enumerate()
            .find_map(|(index, (wanted, kept))| lost(wanted, kept, &format!("{path}[{index}]"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::sandbox::seed;

    fn state() -> State {
        seed::state(datetime!(2026-03-01 12:00 UTC))
    }

    #[test]
    fn a_merge_patch_reaches_a_place_by_name_and_the_newest_revision_runs_it() {
        let mut state = state();
        let path = "apps[ca-demo].model.properties.template.containers[ca-demo].env[LOG_LEVEL]";
        merge(&mut state, path, &json!({ "value": "debug" })).unwrap();
        let app = state.app("ca-demo").unwrap();
        assert_eq!(app.template()["containers"][0]["env"][0]["value"], "debug");
        assert_eq!(app.latest().unwrap().template, *app.template());
        remove(&mut state, path).unwrap();
        assert_eq!(state.app("ca-demo").unwrap().template()["containers"][0]["env"], json!([]));
        merge(&mut state, "vaults[kv-demo].properties", &json!({ "publicNetworkAccess": "Disabled" }))
            .unwrap();
        assert_eq!(state.vault("kv-demo").unwrap().properties["publicNetworkAccess"], "Disabled");
        remove(&mut state, "vaults[kv-demo]").unwrap();
        assert!(state.vault("kv-demo").is_none());
    }

    #[test]
    fn what_is_found_by_a_member_must_be_one_thing() {
        let mut state = state();
        let before = state.role_assignments.len();
        remove(&mut state, "role_assignments[scope=ca-demo]").unwrap();
        assert_eq!(state.role_assignments.len(), before - 1);
        let several = remove(&mut state, &format!("role_assignments[scope={}]", seed::SUBSCRIPTION));
        assert!(matches!(several, Err(EditError::Several { count: 3, .. })), "{several:?}");
    }

    #[test]
    fn a_change_that_leads_nowhere_is_an_error_and_changes_nothing() {
        let mut state = state();
        let before = state.clone();
        let mut refused = |path: &str, patch: Json| merge(&mut state, path, &patch).unwrap_err();
        let known = |error: EditError| match error {
            EditError::NotThere { part, known, .. } => (part, known),
            other => panic!("{other:?}"),
        };
        let (part, names) = known(refused("apps[ca-dmo].model", json!({})));
        assert_eq!((part.as_str(), names), ("[ca-dmo]", vec!["ca-demo".to_owned()]));
        let (part, names) = known(refused("app[ca-demo]", json!({})));
        assert!(part == "app" && names.contains(&"apps".to_owned()), "{names:?}");
        assert_eq!(
            refused("apps[ca-demo]", json!({ "provisioning_stat": "Failed" })).to_string(),
            format!(
                "the state has no member `apps.{}.provisioning_stat`, so that the change would be lost",
                seed::app_id().to_lowercase()
            )
        );
        assert!(matches!(refused("apps[ca-demo]", json!({ "stopped": "yes" })), EditError::Unfit(_)));
        assert_eq!(refused("apps[ca-demo]", json!({ "stopped": false })), EditError::Unchanged);
        for path in ["", "apps[", "apps[x", "apps..x", "apps]x", "apps[ca-demo]model"] {
            assert!(matches!(refused(path, json!({})), EditError::Notation { .. }), "{path}");
        }
        assert!(matches!(remove(&mut state, "apps[ca-demo].provisioning_state"), Err(EditError::Unfit(_))));
        assert_eq!(state, before);
    }
}
