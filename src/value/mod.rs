//! JSON values that carry marks.
//!
//! A [`Value`] is JSON with two additions: a part may be *unknown* (it exists only after a step has
//! run) and every part may be *secret* or *existing* (read from Azure, belonging to somebody else).
//! Marks belong to values, not to expressions: `inputs.x || steps.y.z` is known whenever `x` is.

mod convert;
mod path;
mod redact;
mod was;

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Number;

pub use path::{Path, Segment};
pub use redact::{Redacted, invisible, strip_control};
pub use was::{Seal, Was, Written};

/// What a reader may be shown of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks {
    /// Shown as `(sensitive)`, never logged, stored or compared in the open.
    pub secret: bool,
    /// Read from Azure and not known to be ours; shown as `(existing value)`, never stored.
    pub existing: bool,
    /// The content of a local file, or made from it; shown as `(content of a file)`. It is no secret.
    pub file: bool,
}

impl Marks {
    /// No mark at all.
    pub const NONE: Marks = Marks { secret: false, existing: false, file: false };
    /// The mark of a secret.
    pub const SECRET: Marks = Marks { secret: true, ..Marks::NONE };
    /// The mark of somebody else's value.
    pub const EXISTING: Marks = Marks { existing: true, ..Marks::NONE };
    /// The mark of what a file holds.
    pub const FILE: Marks = Marks { file: true, ..Marks::NONE };

    /// The marks of something made from both.
    #[must_use]
    pub fn union(self, other: Marks) -> Marks {
        Marks {
            secret: self.secret || other.secret,
            existing: self.existing || other.existing,
            file: self.file || other.file,
        }
    }

    /// Whether the value may be shown to a person or written to a file.
    pub fn hidden(self) -> bool {
        self.secret || self.existing
    }
}

/// What would make an unknown value known. The planner turns origins into edges of its graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A step that has yet to run, by its key (`managed_identity.roles[0]`).
    Step(String),
    /// Which property of what a step makes this is, or what it is made of. Two unknowns with the same one are
    /// the same value (see [`Value::same`]).
    Property(String),
    /// The answer of an action that is asked for when a write needs it, by the key of its step. Waiting for it
    /// orders nothing.
    Action(String),
    /// Something that has not been read yet; never survives observation.
    Read,
    /// Something that could not be read (no right, or the answer failed); the text says why.
    Refused(String),
    /// Something that must be there and is not. Its own finding says so; what depends on it is neither
    /// judged nor planned.
    Absent,
}

/// A JSON value with marks. Its `Debug` form is redacted like everything else that is shown.
#[derive(Clone, PartialEq)]
pub struct Value {
    /// The value itself.
    pub data: Data,
    /// What may be shown of it. The marks of a container do not reach into its elements.
    pub marks: Marks,
}

/// The kinds of value: JSON's six and *unknown*.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// JSON `null`; in a recipe also "not there".
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A JSON number.
    Number(Number),
    /// A JSON string.
    String(String),
    /// A JSON array.
    List(Vec<Value>),
    /// A JSON object; order is kept.
    Map(IndexMap<String, Value>),
    /// Known only after its origins; shown as `(known after apply)`.
    Unknown(BTreeSet<Origin>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.marks.hidden() || !self.is_unknown() {
            return write!(f, "{}", Redacted(self).to_json());
        }
        std::fmt::Debug::fmt(&self.data, f)
    }
}

impl Value {
    /// An unmarked value.
    pub fn new(data: Data) -> Value {
        Value { data, marks: Marks::NONE }
    }

    /// JSON `null`.
    pub fn null() -> Value {
        Value::new(Data::Null)
    }

    /// A value that exists only after `origin`.
    pub fn unknown(origin: Origin) -> Value {
        Value::new(Data::Unknown(BTreeSet::from([origin])))
    }

    /// The property that the step of this key makes known.
    pub fn computed(step: &str, property: String) -> Value {
        let origins = [Origin::Step(step.to_owned()), Origin::Property(property)];
        Value::new(Data::Unknown(BTreeSet::from(origins)))
    }

    /// What the action of the step of this key answers; `property` tells the answer from all others.
    pub fn unasked(step: &str, property: String) -> Value {
        let origins = [Origin::Action(step.to_owned()), Origin::Property(property)];
        Value::new(Data::Unknown(BTreeSet::from(origins)))
    }

    /// What stands at `key` below an unknown: as unknown, and another property.
    #[must_use]
    pub fn below(&self, key: &str) -> Value {
        let mut value = self.clone();
        if let Data::Unknown(origins) = &mut value.data {
            let longer = std::mem::take(origins).into_iter().map(|origin| match origin {
                Origin::Property(property) => Origin::Property(format!("{property}.{key}")),
                other => other,
            });
            *origins = longer.collect();
        }
        value
    }

    /// The one property that an unknown is, if it is one.
    pub fn property(&self) -> Option<&str> {
        let Data::Unknown(origins) = &self.data else { return None };
        let mut properties = origins.iter().filter_map(|origin| match origin {
            Origin::Property(property) => Some(property.as_str()),
            _ => None,
        });
        properties.next().filter(|_| properties.next().is_none())
    }

    /// Whether both are one value, known or not. Marks make no difference.
    pub fn same(&self, other: &Value) -> bool {
        match (&self.data, &other.data) {
            (Data::Unknown(_), Data::Unknown(_)) => {
                self.property().is_some() && self.property() == other.property()
            }
            (Data::List(one), Data::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.same(two))
            }
            (Data::Map(one), Data::Map(two)) => {
                one.len() == two.len()
                    && one.iter().all(|(key, one)| two.get(key).is_some_and(|two| one.same(two)))
            }
            (one, two) => one == two,
        }
    }

    /// The same value with these marks added, on it and on everything in it.
    #[must_use]
    pub fn mark(mut self, marks: Marks) -> Value {
        self.marks = self.marks.union(marks);
        match &mut self.data {
            Data::List(list) => {
                for item in list {
                    *item = std::mem::replace(item, Value::null()).mark(marks);
                }
            }
            Data::Map(map) => {
                for (_, item) in map {
                    *item = std::mem::replace(item, Value::null()).mark(marks);
                }
            }
            _ => {}
        }
        self
    }

    /// The same value with these marks added to every scalar in it. Names of members stay open: whoever
    /// gives a map of secrets names them in the open.
    #[must_use]
    pub fn mark_leaves(mut self, marks: Marks) -> Value {
        match &mut self.data {
            Data::List(list) => {
                for item in list {
                    *item = std::mem::replace(item, Value::null()).mark_leaves(marks);
                }
            }
            Data::Map(map) => {
                for (_, item) in map {
                    *item = std::mem::replace(item, Value::null()).mark_leaves(marks);
                }
            }
            _ => self.marks = self.marks.union(marks),
        }
        self
    }

    /// Whether any part of the value may not be shown.
    pub fn contains_hidden(&self) -> bool {
        self.marks.hidden()
            || match &self.data {
                Data::List(list) => list.iter().any(Value::contains_hidden),
                Data::Map(map) => map.values().any(Value::contains_hidden),
                _ => false,
            }
    }

    /// Whether any part of the value is the content of a file, or made from it.
    pub fn contains_file(&self) -> bool {
        self.marks.file
            || match &self.data {
                Data::List(list) => list.iter().any(Value::contains_file),
                Data::Map(map) => map.values().any(Value::contains_file),
                _ => false,
            }
    }

    /// Whether this is JSON `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// Whether this very value is unknown (its elements may be, see [`Value::origins`]).
    pub fn is_unknown(&self) -> bool {
        matches!(self.data, Data::Unknown(_))
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match &self.data {
            Data::List(list) => Some(list),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_map(&self) -> Option<&IndexMap<String, Value>> {
        match &self.data {
            Data::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The member of this name, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// The value below these member names, if all of them are there.
    pub fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// As [`Value::at`], to be changed in place.
    pub fn at_mut(&mut self, keys: &[&str]) -> Option<&mut Value> {
        keys.iter().try_fold(self, |value, key| match &mut value.data {
            Data::Map(members) => members.get_mut(*key),
            _ => None,
        })
    }

    /// The string below these member names; `None` for the empty string too, which Azure uses for
    /// "absent" (microsoft/azure-container-apps, registry credentials after a change of identity).
    pub fn text_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Everything that must happen before the whole of this value is known.
    pub fn origins(&self) -> BTreeSet<Origin> {
        let mut all = BTreeSet::new();
        self.collect_origins(&mut all);
        all
    }

    fn collect_origins(&self, all: &mut BTreeSet<Origin>) {
        match &self.data {
            Data::Unknown(origins) => all.extend(origins.iter().cloned()),
            Data::List(list) => list.iter().for_each(|item| item.collect_origins(all)),
            Data::Map(map) => map.values().for_each(|item| item.collect_origins(all)),
            _ => {}
        }
    }

    /// JMESPath's truth: null, false, and the empty string, list and object are false; an unknown
    /// value has no truth.
    pub fn truthy(&self) -> Option<bool> {
        match &self.data {
            Data::Unknown(_) => None,
            Data::Null | Data::Bool(false) => Some(false),
            Data::String(text) => Some(!text.is_empty()),
            Data::List(list) => Some(!list.is_empty()),
            Data::Map(map) => Some(!map.is_empty()),
            Data::Bool(true) | Data::Number(_) => Some(true),
        }
    }

    /// Every text in it that is a part of a secret.
    pub fn secrets(&self) -> Vec<String> {
        fn of(value: &Value, within: bool, found: &mut Vec<String>) {
            let secret = within || value.marks.secret;
            match &value.data {
                Data::String(text) if secret => found.push(text.clone()),
                Data::List(list) => list.iter().for_each(|item| of(item, secret, found)),
                Data::Map(map) => map.values().for_each(|item| of(item, secret, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        of(self, false, &mut found);
        found
    }

    /// Whether any part of the value carries the secret mark.
    pub fn contains_secret(&self) -> bool {
        self.marks.secret
            || match &self.data {
                Data::List(list) => list.iter().any(Value::contains_secret),
                Data::Map(map) => map.values().any(Value::contains_secret),
                _ => false,
            }
    }
}
