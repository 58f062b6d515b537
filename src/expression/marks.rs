//! How unknowns and marks spread.

use std::collections::BTreeSet;

use crate::value::{Data, Marks, Origin, Value};

/// The marks of a value and of everything in it.
pub(super) fn all_marks(value: &Value) -> Marks {
    let inside = match &value.data {
        Data::List(items) => union(items.iter().map(all_marks)),
        Data::Map(members) => union(members.values().map(all_marks)),
        _ => Marks::NONE,
    };
    value.marks.union(inside)
}

/// All of these marks together.
pub(super) fn union(marks: impl IntoIterator<Item = Marks>) -> Marks {
    marks.into_iter().fold(Marks::NONE, Marks::union)
}

/// An unknown made from these: it waits for every origin in them, and is none of them.
pub(super) fn unknown<'a>(parts: impl IntoIterator<Item = &'a Value>, marks: Marks) -> Value {
    let mut origins: BTreeSet<_> = parts.into_iter().flat_map(Value::origins).collect();
    origins.retain(|origin| !matches!(origin, Origin::Property(_)));
    Value { data: Data::Unknown(origins), marks }
}

/// The unknown `whole` that a pure function makes of these, with which value that is: the call, with each
/// unknown part by its own. One whose parts may not be shown, or are of several origins, has none.
pub(super) fn identified(mut whole: Value, name: &str, parts: &[&Value]) -> Value {
    let part = |value: &&Value| match &value.data {
        Data::Unknown(_) => value.property().map(|property| format!("\0{property}\0")),
        _ if all_marks(value).hidden() => None,
        _ => value.to_json().map(|json| json.to_string()),
    };
    let parts: Option<Vec<String>> = parts.iter().map(part).collect();
    if let (Data::Unknown(origins), Some(parts)) = (&mut whole.data, parts) {
        origins.insert(Origin::Property(format!("{name}({})", parts.join(","))));
    }
    whole
}

/// Whether the value or something in it is unknown.
pub(super) fn has_unknown(value: &Value) -> bool {
    match &value.data {
        Data::Unknown(_) => true,
        Data::List(items) => items.iter().any(has_unknown),
        Data::Map(members) => members.values().any(has_unknown),
        _ => false,
    }
}

/// Whether two values are equal as JMESPath has it (numbers by value, objects in any order);
/// `None` when that depends on an unknown part.
pub(super) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (&left.data, &right.data) {
        (Data::Unknown(_), _) | (_, Data::Unknown(_)) => None,
        (Data::Null, Data::Null) => Some(true),
        (Data::Bool(left), Data::Bool(right)) => Some(left == right),
        (Data::String(left), Data::String(right)) => Some(left == right),
        (Data::Number(left), Data::Number(right)) => Some(match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left == right,
            _ => left == right || left.as_f64() == right.as_f64(),
        }),
        (Data::List(left), Data::List(right)) if left.len() == right.len() => {
            every(left.iter().zip(right).map(|(left, right)| equal(left, right)))
        }
        (Data::Map(left), Data::Map(right)) if left.len() == right.len() => every(
            left.iter().map(|(key, left)| right.get(key).map_or(Some(false), |right| equal(left, right))),
        ),
        _ => Some(false),
    }
}

/// Whether all hold: one that does not decides, whatever the undecided ones are.
fn every(facts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for fact in facts {
        match fact {
            Some(false) => return Some(false),
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

/// How much a value costs to copy: its parts, with long strings as several.
pub(super) fn size(value: &Value) -> usize {
    match &value.data {
        Data::String(text) => 1 + text.len() / 64,
        Data::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Data::Map(members) => {
            1 + members.iter().map(|(key, member)| key.len() / 64 + size(member)).sum::<usize>()
        }
        _ => 1,
    }
}
