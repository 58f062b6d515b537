//! One resource: what a fragment wants, laid over what is there.
//!
//! [`merge`] gives the merged resource and the list of [`Owned`] leaves: exactly what the fragment
//! speaks of, each with what is live and what is wanted. Nothing else of the resource can change.

mod body;
mod claims;
mod directive;
mod normalise;
mod placed;
mod scope;
mod together;

use indexmap::IndexMap;

use crate::azure::types::{Compare, ListKind, ResourceType, StandIn};
use crate::value::{Data, Path, Redacted, Value};

pub use body::{Body, Sending, body_for};
pub use claims::{Claim, Says, agree, claims, find, place};
pub use directive::Directive;
pub use normalise::{absent, add_words, canonical, equal, remove_words, word_set};
pub use placed::placed;
pub use together::merge_all;

/// One leaf that a fragment owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    /// Where.
    pub path: Path,
    /// What is there now; null when nothing is.
    pub live: Value,
    /// What is wanted; null when it is to be absent.
    pub wanted: Value,
    /// Whether the two mean the same.
    pub in_place: bool,
    /// Only a default: it gives way to what others say of the place.
    pub default: bool,
}

/// A fragment laid over a resource.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The resource as it is to be. What was already in place keeps Azure's own spelling.
    pub value: Value,
    /// What the fragment owns, in its order.
    pub owned: Vec<Owned>,
}

/// Why a fragment cannot be laid over a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A list element without its key members.
    #[error("an element of {path} has no {key}")]
    NoKey {
        /// The list.
        path: String,
        /// The member that tells elements apart.
        key: &'static str,
    },
    /// The same key twice in one fragment.
    #[error("{path} is given twice")]
    Twice {
        /// The element.
        path: String,
    },
    /// A container that is not there, without an image to create it from.
    #[error("there is no container {name}; the app has {present}")]
    NoContainer {
        /// The name asked for.
        name: String,
        /// The names that are there.
        present: String,
    },
    /// An object where the live resource has something else, or the other way round.
    #[error("{path} is {live} in the live resource, and the recipe gives {wanted}")]
    Kind {
        /// Where.
        path: String,
        /// What the resource has.
        live: &'static str,
        /// What the fragment has.
        wanted: &'static str,
    },
    /// `$patch: claim` found another value.
    #[error("{path} is {live} already, and {wanted} is wanted there")]
    Claimed {
        /// Where.
        path: String,
        /// What is there, as it may be shown.
        live: String,
        /// What the fragment gives.
        wanted: String,
    },
    /// What somebody set holds the place of what the fragment gives.
    #[error("{path} is {live} already, which holds the place of {place}, and {wanted} is wanted there")]
    Held {
        /// What is set.
        path: String,
        /// What it is, as it may be shown.
        live: String,
        /// The place it holds.
        place: String,
        /// What the fragment gives.
        wanted: String,
    },
    /// A set in which nothing means everybody would come to mean somebody.
    #[error("{path} is empty, which means everybody; a value there would take it from all others")]
    Narrows {
        /// The set.
        path: String,
    },
    /// Key, list or directive that is known only after apply.
    #[error("{path} must be known before anything is written")]
    UnknownKey {
        /// Where.
        path: String,
    },
}

/// Lays `fragment` over `live` (null when the resource does not exist).
///
/// null in the fragment = not owned. Lists merge by the kind the type table gives; elements not
/// named stay, new ones are appended in the fragment's order.
///
/// # Errors
/// See [`MergeError`].
pub fn merge(kind: &ResourceType, live: &Value, fragment: &Value) -> Result<Merged, MergeError> {
    lay(kind, !live.is_null(), live, fragment)
}

/// As [`merge`], over what other fragments have already made of a resource that `exists` or does not.
fn lay(kind: &ResourceType, exists: bool, live: &Value, fragment: &Value) -> Result<Merged, MergeError> {
    let mut merger = Merger { kind, exists, owned: Vec::new(), default: false };
    let value = merger.place(&Path::root(), live, fragment)?;
    Ok(Merged { value, owned: merger.owned })
}

/// `one` without the elements (by `name`) of the list at `keys` that `other` does not have there.
pub fn without_missing(mut one: Value, other: &Value, keys: &[&str]) -> Value {
    let kept: Vec<String> = other
        .at(keys)
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|element| element.text_at(&["name"]).map(str::to_owned))
        .collect();
    if let Some(Data::List(list)) = one.at_mut(keys).map(|value| &mut value.data) {
        list.retain(|element| {
            element.text_at(&["name"]).is_some_and(|name| kept.iter().any(|kept| kept == name))
        });
    }
    one
}

struct Merger<'a> {
    kind: &'a ResourceType,
    /// Whether the resource is there.
    exists: bool,
    owned: Vec<Owned>,
    /// Whether what is being placed is a default.
    default: bool,
}

impl Merger<'_> {
    fn place(&mut self, path: &Path, live: &Value, wanted: &Value) -> Result<Value, MergeError> {
        if wanted.is_null() {
            return Ok(live.clone());
        }
        if let Some(directive) = Directive::read(wanted) {
            return self.direct(path, live, &directive);
        }
        match &wanted.data {
            Data::Map(members) => self.object(path, live, members, wanted),
            Data::List(items) => self.list(path, live, items, wanted),
            _ => Ok(self.leaf(path, live, wanted)),
        }
    }

    fn direct(&mut self, path: &Path, live: &Value, directive: &Directive<'_>) -> Result<Value, MergeError> {
        match *directive {
            Directive::Delete => {
                self.own(path, live, Value::null(), absent(self.kind, path, live));
                Ok(Value::null())
            }
            Directive::Default(value) => {
                if absent(self.kind, path, live) {
                    let within = std::mem::replace(&mut self.default, true);
                    let placed = self.place(path, live, value);
                    self.default = within;
                    placed
                } else {
                    Ok(live.clone())
                }
            }
            Directive::Claim(value) => {
                if absent(self.kind, path, live) || equal(self.kind, path, live, value) {
                    self.place(path, live, value)
                } else {
                    let shown = |value| Redacted(value).to_string();
                    Err(MergeError::Claimed { path: path.short(), live: shown(live), wanted: shown(value) })
                }
            }
            Directive::Replace(value) if self.is_everyone(path, live) && !nobody(value) => {
                Err(MergeError::Narrows { path: path.to_string() })
            }
            Directive::Replace(value) => {
                if let Data::Map(members) = &value.data {
                    self.unheld(path, live, members)?;
                }
                Ok(self.leaf(path, live, value))
            }
            Directive::Without(value) => Ok(self.without(path, live, value)),
        }
    }

    /// A set without these words or values.
    fn without(&mut self, path: &Path, live: &Value, gone: &Value) -> Value {
        let goes = value_list(gone);
        if let Data::List(items) = &live.data {
            let mut kept = items.clone();
            for item in goes {
                let place = path.element(&set_key(item));
                let found = kept.iter().position(|have| equal(self.kind, &place, have, item));
                let there = found.map_or_else(Value::null, |at| kept.remove(at));
                self.own(&place, &there, Value::null(), there.is_null());
            }
            return Value { data: Data::List(kept), marks: live.marks };
        }
        let gone: Vec<&str> = goes.filter_map(Value::as_str).collect();
        let (rest, complete) = normalise::remove_words(live.as_str().unwrap_or_default(), &gone);
        let merged = if complete { live.clone() } else { Value::from(rest) };
        self.own(path, live, merged.clone(), complete);
        merged
    }

    /// Refuses members whose place something else holds that somebody set, and of which the fragment says nothing.
    fn unheld(&self, path: &Path, live: &Value, members: &IndexMap<String, Value>) -> Result<(), MergeError> {
        let Some((holder, set)) = self.held(&path.pattern(), live.as_map()) else { return Ok(()) };
        if members.contains_key(holder.member()) {
            return Ok(());
        }
        let gives = |value: &Value| {
            !value.is_null()
                && !matches!(Directive::read(value), Some(Directive::Delete | Directive::Default(_)))
        };
        match members.iter().find(|(key, value)| holder.others.contains(&key.as_str()) && gives(value)) {
            None => Ok(()),
            Some((key, wanted)) => Err(MergeError::Held {
                path: holder.set_at.iter().fold(path.clone(), |path, key| path.key(key)).short(),
                live: set,
                place: path.key(key).short(),
                wanted: Redacted(wanted).to_string(),
            }),
        }
    }

    /// What holds the place of members of the object at `pattern`, and what it is.
    fn held(
        &self,
        pattern: &str,
        members: Option<&IndexMap<String, Value>>,
    ) -> Option<(&'static StandIn, String)> {
        let holder = self.kind.stand_in(pattern)?;
        let (first, rest) = holder.set_at.split_first()?;
        let set = members?.get(*first)?.at(rest).filter(|set| !set.is_null() && set.as_str() != Some(""))?;
        Some((holder, Redacted(set).to_string()))
    }

    /// Whether nothing stands in a set of a resource that is there where that means everybody.
    fn is_everyone(&self, path: &Path, live: &Value) -> bool {
        self.exists && self.kind.everyone.contains(&path.pattern().as_str()) && nobody(live)
    }

    fn leaf(&mut self, path: &Path, live: &Value, wanted: &Value) -> Value {
        let pattern = path.pattern();
        let mut wanted = wanted.clone();
        if self.kind.text.contains(&pattern.as_str()) {
            wanted = as_text(wanted);
        }
        if self.kind.comparison(&pattern) == Some(Compare::WordSet)
            && let Some(text) = wanted.as_str()
        {
            let (union, complete) = normalise::add_words(live.as_str().unwrap_or_default(), text);
            let merged = if complete { live.clone() } else { Value::from(union) };
            self.own(path, live, merged.clone(), complete);
            return merged;
        }
        if self.exists && self.kind.presence.contains(&pattern.as_str()) {
            // Nothing tells whether it is the same; it goes along when the resource is written.
            self.own(path, live, wanted.clone(), true);
            return wanted;
        }
        let in_place = equal(self.kind, path, live, &wanted);
        self.own(path, live, wanted.clone(), in_place);
        if in_place { live.clone() } else { wanted }
    }

    fn object(
        &mut self,
        path: &Path,
        live: &Value,
        members: &IndexMap<String, Value>,
        wanted: &Value,
    ) -> Result<Value, MergeError> {
        let mut merged = match &live.data {
            Data::Map(map) => map.clone(),
            Data::Null => IndexMap::new(),
            other => {
                return Err(MergeError::Kind {
                    path: path.to_string(),
                    live: word(other),
                    wanted: "an object",
                });
            }
        };
        if members.is_empty() {
            // `{}`: the member itself is what is owned (an identity in userAssignedIdentities).
            self.own(path, live, wanted.clone(), live.as_map().is_some());
            return Ok(if live.is_null() { wanted.clone() } else { live.clone() });
        }
        self.unheld(path, live, members)?;
        let pattern = path.pattern();
        if let Some(group) = self.kind.exclusive(&pattern) {
            let sets = |value: &Value| {
                !value.is_null()
                    && !matches!(Directive::read(value), Some(Directive::Delete | Directive::Default(_)))
            };
            let winner = members.iter().find(|(key, value)| group.contains(&key.as_str()) && sets(value));
            if let Some((winner, _)) = winner {
                for loser in group.iter().filter(|member| *member != winner) {
                    if let Some(old) = merged.shift_remove(*loser)
                        && !absent(self.kind, &path.key(loser), &old)
                    {
                        self.own(&path.key(loser), &old, Value::null(), false);
                    }
                }
            }
        }
        for (key, value) in members {
            if self.gives_way(&pattern, &merged, key, value) {
                continue;
            }
            // Keys that are resource ids (userAssignedIdentities) come back in another case.
            let spelled = merged
                .keys()
                .find(|present| same_key(&pattern, present, key))
                .cloned()
                .unwrap_or_else(|| key.clone());
            let below = merged.get(&spelled).cloned().unwrap_or_else(Value::null);
            let placed = self.place(&path.key(&spelled), &below, value)?;
            if placed.is_null() {
                merged.shift_remove(&spelled);
            } else {
                merged.insert(spelled, placed);
            }
        }
        Ok(Value { data: Data::Map(merged), marks: live.marks })
    }

    /// Whether a member is only a default and another member of its group, or what holds its place, is set.
    fn gives_way(&self, above: &str, set: &IndexMap<String, Value>, key: &str, value: &Value) -> bool {
        let group = self.kind.exclusive(above).filter(|group| group.contains(&key));
        let others = |group: &&[&str]| {
            let other = |member: &&str| {
                set.get(*member).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
            };
            group.iter().filter(|member| **member != key).any(other)
        };
        let held = || self.held(above, Some(set)).is_some_and(|(holder, _)| holder.others.contains(&key));
        matches!(Directive::read(value), Some(Directive::Default(_)))
            && (group.as_ref().is_some_and(others) || held())
    }

    fn list(
        &mut self,
        path: &Path,
        live: &Value,
        items: &[Value],
        wanted: &Value,
    ) -> Result<Value, MergeError> {
        let present = match &live.data {
            Data::List(list) => list.clone(),
            Data::Null => Vec::new(),
            other => {
                return Err(MergeError::Kind { path: path.to_string(), live: word(other), wanted: "a list" });
            }
        };
        match self.kind.list_kind(&path.pattern()) {
            ListKind::Atomic => Ok(self.leaf(path, live, wanted)),
            // Everybody is in it already, and stays.
            ListKind::Set if self.is_everyone(path, live) => {
                for item in items {
                    self.own(&path.element(&set_key(item)), item, item.clone(), true);
                }
                Ok(live.clone())
            }
            ListKind::Set => {
                let mut merged = present;
                for item in items {
                    let place = path.element(&set_key(item));
                    let found = merged.iter().find(|have| equal(self.kind, &place, have, item)).cloned();
                    self.own(&place, found.as_ref().unwrap_or(&Value::null()), item.clone(), found.is_some());
                    if found.is_none() {
                        merged.push(item.clone());
                    }
                }
                Ok(Value { data: Data::List(merged), marks: live.marks })
            }
            ListKind::Map(keys) => self.keyed_list(path, live, present, items, keys),
        }
    }

    fn keyed_list(
        &mut self,
        path: &Path,
        live: &Value,
        mut merged: Vec<Value>,
        items: &[Value],
        keys: &'static [&'static str],
    ) -> Result<Value, MergeError> {
        let mut seen = Vec::new();
        for item in items {
            if item.is_null() {
                continue;
            }
            let key = element_key(path, item, keys)?;
            let place = path.element(&key);
            if seen.contains(&key) {
                return Err(MergeError::Twice { path: place.to_string() });
            }
            let at = merged.iter().position(|have| {
                element_key(path, have, keys).is_ok_and(|other| self.same_element(path, keys, &other, &key))
            });
            if at.is_none()
                && path.pattern() == "properties.template.containers"
                && item.get("image").is_none()
            {
                let names: Vec<&str> = merged.iter().filter_map(|have| have.text_at(&["name"])).collect();
                return Err(MergeError::NoContainer { name: key, present: names.join(", ") });
            }
            seen.push(key);
            let below = at.and_then(|at| merged.get(at)).cloned().unwrap_or_else(Value::null);
            // An element that is to go is named by its key and `$patch: delete` beside it.
            if Directive::read(item).is_some_and(|directive| matches!(directive, Directive::Delete)) {
                self.own(&place, &below, Value::null(), below.is_null());
                if let Some(at) = at {
                    merged.remove(at);
                }
                continue;
            }
            let placed = self.element(&place, &below, item, keys)?;
            match at.and_then(|at| merged.get_mut(at)) {
                Some(slot) => *slot = placed,
                None => merged.push(placed),
            }
        }
        Ok(Value { data: Data::List(merged), marks: live.marks })
    }

    /// Merges one element; its key members say which element it is and are owned only when it is new.
    fn element(
        &mut self,
        place: &Path,
        live: &Value,
        item: &Value,
        keys: &[&str],
    ) -> Result<Value, MergeError> {
        let mark = self.owned.len();
        let merged = self.place(place, live, item)?;
        let is_new = live.is_null();
        let key_paths: Vec<Path> = keys.iter().map(|key| place.key(key)).collect();
        let mut index = mark;
        while index < self.owned.len() {
            if key_paths.contains(&self.owned[index].path) {
                self.owned.remove(index);
            } else {
                index += 1;
            }
        }
        // A new element must be written even when all that is said of it means "absent".
        if is_new && self.owned.iter().skip(mark).all(|owned| owned.in_place) {
            self.owned.truncate(mark);
            self.own(place, live, item.clone(), false);
        }
        // Of one of which only defaults were said, and these are not needed, that it is there is all that is owned.
        let default =
            |(_, member): (_, &Value)| matches!(Directive::read(member), Some(Directive::Default(_)));
        if !is_new && self.owned.len() == mark && item.as_map().is_some_and(|all| all.iter().any(default)) {
            self.own(place, live, live.clone(), true);
        }
        Ok(merged)
    }

    fn same_element(&self, path: &Path, keys: &[&str], have: &str, wanted: &str) -> bool {
        let folded = keys.iter().any(|key| {
            self.kind.comparison(&format!("{}[].{key}", path.pattern())) == Some(Compare::IgnoreCase)
        });
        if folded { have.eq_ignore_ascii_case(wanted) } else { have == wanted }
    }

    fn own(&mut self, path: &Path, live: &Value, wanted: Value, in_place: bool) {
        let default = self.default;
        self.owned.push(Owned { path: path.clone(), live: live.clone(), wanted, in_place, default });
    }
}

/// Whether a set has nobody in it.
fn nobody(value: &Value) -> bool {
    value.is_null() || value.as_list().is_some_and(<[Value]>::is_empty)
}

/// A value, or those in a list.
fn value_list(value: &Value) -> impl Iterator<Item = &Value> {
    match &value.data {
        Data::List(items) => items.iter(),
        _ => std::slice::from_ref(value).iter(),
    }
}

/// What tells an element of a set from others: itself.
pub(crate) fn set_key(item: &Value) -> String {
    item.as_str().map_or_else(|| item.to_json().unwrap_or_default().to_string(), str::to_owned)
}

/// Resource ids as keys and names of tags are the same in any case; other keys are not.
fn same_key(above: &str, have: &str, wanted: &str) -> bool {
    have == wanted || ((wanted.starts_with('/') || above == "tags") && have.eq_ignore_ascii_case(wanted))
}

/// What tells an element of a keyed list from others: its keys.
///
/// # Errors
/// It lacks one, or one is not known.
pub(crate) fn element_key(
    path: &Path,
    item: &Value,
    keys: &'static [&'static str],
) -> Result<String, MergeError> {
    let mut parts = Vec::with_capacity(keys.len());
    for key in keys {
        match item.get(key).map(|value| &value.data) {
            Some(Data::String(text)) => parts.push(text.clone()),
            Some(Data::Number(number)) => parts.push(number.to_string()),
            Some(Data::Unknown(_)) => {
                return Err(MergeError::UnknownKey { path: path.to_string() });
            }
            _ => {
                return Err(MergeError::NoKey { path: path.to_string(), key });
            }
        }
    }
    Ok(parts.join(","))
}

/// The text of a scalar where the schema says string.
fn as_text(value: Value) -> Value {
    match &value.data {
        Data::Bool(flag) => Value { data: Data::String(flag.to_string()), marks: value.marks },
        Data::Number(number) => Value { data: Data::String(number.to_string()), marks: value.marks },
        _ => value,
    }
}

fn word(data: &Data) -> &'static str {
    match data {
        Data::Null => "absent",
        Data::Bool(_) => "a boolean",
        Data::Number(_) => "a number",
        Data::String(_) => "a string",
        Data::List(_) => "a list",
        Data::Map(_) => "an object",
        Data::Unknown(_) => "not known yet",
    }
}
