//! `resource`: any other ARM resource, wholly or in part, found by its name or by what is in it.

use super::{Outcome, StepResult, has_system_identity, with_computed};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::merge::{Directive, Owned, equal, merge};
use crate::value::{Data, Path, Segment, Value};

/// The resource that a step is about.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its id; `None` while its name is not known.
    pub id: Option<ResourceId>,
    /// See [`Outcome::above`].
    pub above: Option<ResourceId>,
    /// See [`Outcome::matched`].
    pub matched: Option<String>,
    /// As it was read; null when it is not there.
    pub live: Value,
    /// What is to be laid over it.
    pub body: Value,
}

/// The first of `all` by name that is equal to `body` on all `paths`, and `body` with what was found there.
///
/// That keeps one that was found as it is: a wider scope is not made narrower, and steps that find the same one
/// agree on what it is.
pub fn matching(kind: &ResourceType, all: &[Value], paths: &[Path], body: &Value) -> Option<(Value, Value)> {
    let null = Value::null();
    let mut found: Vec<&Value> = all
        .iter()
        .filter(|one| {
            paths.iter().all(|path| {
                equal(
                    kind,
                    path,
                    value_at(one, path).unwrap_or(&null),
                    wanted_at(body, path).unwrap_or(&null),
                )
            })
        })
        .collect();
    found.sort_by_key(|one| one.text_at(&["name"]).unwrap_or_default().to_ascii_lowercase());
    let found = (*found.first()?).clone();
    let mut body = body.clone();
    for path in paths {
        if let (Some(place), Some(live)) = (at_mut(&mut body, path), value_at(&found, path)) {
            *place = live.clone();
        }
    }
    Some((found, body))
}

/// What stands at a path of members.
pub fn value_at<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    value.at(&keys(path))
}

/// What a body wants at a path of members; of what it claims, the value.
pub fn wanted_at<'v>(body: &'v Value, path: &Path) -> Option<&'v Value> {
    let value = value_at(body, path)?;
    match Directive::read(value) {
        Some(Directive::Claim(inner)) => Some(inner),
        _ => Some(value),
    }
}

fn at_mut<'v>(value: &'v mut Value, path: &Path) -> Option<&'v mut Value> {
    value.at_mut(&keys(path))
}

fn keys(path: &Path) -> Vec<&str> {
    let key = |segment| match segment {
        &Segment::Key(ref key) | &Segment::Element(ref key) => key.as_str(),
    };
    path.0.iter().map(key).collect()
}

/// That a resource works, where its type says so and it does not: what an order came to, or where it stands.
fn not_ready(kind: &ResourceType, live: &Value) -> Option<Owned> {
    if kind.ready.is_empty() || live.is_null() {
        return None;
    }
    let path = Path::members(kind.ready);
    let state = value_at(live, &path).cloned().unwrap_or_else(Value::null);
    let wanted = Value::from("Succeeded");
    let in_place = equal(kind, &path, &state, &wanted);
    (!in_place).then_some(Owned { path, live: state, wanted, in_place, default: false })
}

/// A job whose last write failed shows what was wanted of it, as an app does (deployment errors, Microsoft Learn):
/// its containers are not in place, and are sent again.
fn failed_again(outcome: &mut Outcome) {
    let failed = outcome.live.text_at(&["properties", "provisioningState"]) == Some("Failed");
    if outcome.kind.name != "Microsoft.App/jobs" || !failed {
        return;
    }
    let mut base = outcome.live.clone();
    if let Some(template) = base.at_mut(&["properties", "template"]) {
        *template = Value::null();
    }
    if let Ok(seen) = merge(outcome.kind, &base, &outcome.fragment) {
        outcome.owned = seen.owned;
        outcome.base = base;
    }
}

/// The outcome of laying the body over the resource.
///
/// # Errors
/// The body does not fit the resource.
pub fn resource(kind: &'static ResourceType, key: &str, wanted: Wanted) -> StepResult {
    let Wanted { id, above, matched, live, body } = wanted;
    let mut outcome =
        Outcome { resource: id.clone(), above, matched, ..Outcome::of(kind, live.clone(), body.clone()) };
    if live.is_unknown() {
        return Ok(outcome);
    }
    let merged = merge(kind, &live, &body)?;
    outcome.result = merged.value;
    let known = |text: fn(&ResourceId) -> &str, property: &str| match &id {
        Some(id) => Value::from(text(id)),
        None => Value::computed(key, format!("{key}.{property}")),
    };
    if live.is_null() {
        // Known before creation, unless its name is not: an id is made of type and name.
        if let Data::Map(members) = &mut outcome.result.data {
            members.insert("id".to_owned(), known(ResourceId::as_str, "id"));
            members.insert("name".to_owned(), known(ResourceId::name, "name"));
            members.insert("type".to_owned(), Value::from(kind.name));
        }
        outcome.result = with_computed(kind, outcome.result, key);
    }
    outcome.owned = merged.owned;
    if let Some(state) = not_ready(kind, &live) {
        outcome.owned.push(state);
    }
    failed_again(&mut outcome);
    if !live.is_null() && outcome.pending() && has_system_identity(&outcome.result) {
        outcome.result = with_computed(kind, outcome.result, key);
    }
    if outcome.owned.is_empty() || (live.is_null() && !outcome.pending()) {
        // That it is there is all that is wanted of it; what is absent has every default already.
        let there = known(ResourceId::as_str, "id");
        outcome.owned.push(Owned {
            path: Path::root().key("id"),
            live: if live.is_null() { Value::null() } else { there.clone() },
            wanted: there,
            in_place: !live.is_null(),
            default: false,
        });
    }
    Ok(outcome)
}
