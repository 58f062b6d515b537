//! Lists and objects.
#![expect(clippy::unnecessary_wraps, reason = "every body has the same shape")]

use std::cmp::Ordering;

use indexmap::IndexMap;

use super::super::marks::{equal, has_unknown, union};
use super::arguments::{Arguments, Failure, Outcome};
use super::kind::described;
use crate::value::{Data, Marks, Value};

pub(super) fn contains(arguments: &mut Arguments<'_>) -> Outcome {
    let needle = arguments.get(1);
    if let Some(text) = arguments.get(0).as_str() {
        return known(Value::from(needle.as_str().is_some_and(|part| text.contains(part))));
    }
    let mut undecided = false;
    for item in arguments.list(0) {
        match equal(item, needle) {
            Some(true) => return known(Value::from(true)),
            Some(false) => {}
            None => undecided = true,
        }
    }
    Ok((!undecided).then(|| Value::from(false)))
}

/// The number carries the marks of what is counted (for a string: a secret's length is secret), not
/// those of the elements.
pub(super) fn length(arguments: &mut Arguments<'_>) -> Outcome {
    let value = arguments.get(0);
    let count = match &value.data {
        Data::String(text) => text.chars().count(),
        Data::List(items) => items.len(),
        Data::Map(members) => members.len(),
        _ => 0,
    };
    known(Value { data: Data::Number(count.into()), marks: value.marks })
}

pub(super) fn find(arguments: &mut Arguments<'_>) -> Outcome {
    let (path, wanted) = (arguments.text(1), arguments.get(2));
    for item in arguments.list(0) {
        arguments.work(1)?;
        match equal(field(item, path), wanted) {
            Some(true) => return known(item.clone()),
            Some(false) => {}
            // An earlier element may be the one.
            None => return Ok(None),
        }
    }
    known(Value::null())
}

/// The value at a dotted path; what is below an unknown is that unknown.
fn field<'a>(value: &'a Value, path: &str) -> &'a Value {
    const NULL: &Value = &Value { data: Data::Null, marks: Marks::NONE };
    path.split('.').fold(value, |value, key| match &value.data {
        Data::Unknown(_) => value,
        Data::Map(members) => members.get(key).unwrap_or(NULL),
        _ => NULL,
    })
}

pub(super) fn map(arguments: &mut Arguments<'_>) -> Outcome {
    let list = arguments.get(1);
    let mapped = arguments.list(1).iter().map(|item| arguments.apply(item)).collect::<Result<Vec<_>, _>>()?;
    known(Value { data: Data::List(mapped), marks: list.marks })
}

pub(super) fn reverse(arguments: &mut Arguments<'_>) -> Outcome {
    let mut value = arguments.take(0)?;
    value.data = match value.data {
        Data::String(text) => Data::String(text.chars().rev().collect()),
        Data::List(mut items) => {
            items.reverse();
            Data::List(items)
        }
        other => other,
    };
    known(value)
}

pub(super) fn sort(arguments: &mut Arguments<'_>) -> Outcome {
    if arguments.list(0).iter().any(has_unknown) {
        return Ok(None);
    }
    let (mut items, marks) = arguments.take_list(0)?;
    items.sort_by(order);
    known(Value { data: Data::List(items), marks })
}

pub(super) fn max(arguments: &mut Arguments<'_>) -> Outcome {
    extreme(arguments, Ordering::Greater)
}

pub(super) fn min(arguments: &mut Arguments<'_>) -> Outcome {
    extreme(arguments, Ordering::Less)
}

fn extreme(arguments: &Arguments<'_>, wanted: Ordering) -> Outcome {
    let items = arguments.list(0);
    if items.iter().any(has_unknown) {
        return Ok(None);
    }
    let best = items.iter().reduce(|best, item| if order(item, best) == wanted { item } else { best });
    known(best.cloned().unwrap_or_else(Value::null))
}

pub(super) fn sort_by(arguments: &mut Arguments<'_>) -> Outcome {
    let keys = match keys_of(arguments, 0)? {
        Keys::Known(keys) => keys,
        Keys::Null => return known(Value::null()),
        Keys::Unknown => return Ok(None),
    };
    let (items, marks) = arguments.take_list(0)?;
    let mut keyed: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    keyed.sort_by(|(left, _), (right, _)| order(left, right));
    known(Value { data: Data::List(keyed.into_iter().map(|(_, item)| item).collect()), marks })
}

pub(super) fn max_by(arguments: &mut Arguments<'_>) -> Outcome {
    extreme_by(arguments, Ordering::Greater)
}

pub(super) fn min_by(arguments: &mut Arguments<'_>) -> Outcome {
    extreme_by(arguments, Ordering::Less)
}

fn extreme_by(arguments: &Arguments<'_>, wanted: Ordering) -> Outcome {
    let keys = match keys_of(arguments, 0)? {
        Keys::Known(keys) => keys,
        Keys::Null => return known(Value::null()),
        Keys::Unknown => return Ok(None),
    };
    let best = keys
        .iter()
        .zip(arguments.list(0))
        .reduce(|best, next| if order(next.0, best.0) == wanted { next } else { best });
    known(best.map_or_else(Value::null, |(_, item)| item.clone()))
}

enum Keys {
    Known(Vec<Value>),
    /// Some element has no key, so there is no order.
    Null,
    Unknown,
}

/// What the expression argument gives for each element: all strings or all numbers.
fn keys_of(arguments: &Arguments<'_>, list: usize) -> Result<Keys, Failure> {
    let mut keys: Vec<Value> = Vec::new();
    let (mut null, mut unknown) = (false, false);
    for item in arguments.list(list) {
        let key = arguments.apply(item)?;
        match &key.data {
            Data::Null => null = true,
            Data::Unknown(_) => unknown = true,
            Data::String(_) | Data::Number(_) => keys.push(key),
            _ => {
                let given = described(&key);
                return Err(Failure::Here(format!(
                    "the expression must give a string or a number for each element, not {given}"
                )));
            }
        }
    }
    let same = keys.windows(2).all(|pair| pair.iter().filter(|key| key.as_str().is_some()).count() != 1);
    if !same {
        let message = "the expression gives strings for some elements and numbers for others";
        return Err(Failure::Here(message.to_owned()));
    }
    Ok(if null {
        Keys::Null
    } else if unknown {
        Keys::Unknown
    } else {
        Keys::Known(keys)
    })
}

fn order(left: &Value, right: &Value) -> Ordering {
    match (&left.data, &right.data) {
        (Data::String(left), Data::String(right)) => left.cmp(right),
        (Data::Number(left), Data::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
        },
        _ => Ordering::Equal,
    }
}

/// A name is as secret as the object itself.
pub(super) fn keys(arguments: &mut Arguments<'_>) -> Outcome {
    let object = arguments.get(0);
    let names = object.as_map().into_iter().flat_map(IndexMap::keys);
    known(Value {
        data: Data::List(names.map(|name| named(name, object.marks)).collect()),
        marks: object.marks,
    })
}

pub(super) fn values(arguments: &mut Arguments<'_>) -> Outcome {
    let (members, marks) = take_map(arguments, 0)?;
    known(Value { data: Data::List(members.into_values().collect()), marks })
}

pub(super) fn items(arguments: &mut Arguments<'_>) -> Outcome {
    let (members, marks) = take_map(arguments, 0)?;
    let pair = |(key, value): (String, Value)| {
        let key = named(&key, marks);
        Value::new(Data::Map(IndexMap::from([("key".to_owned(), key), ("value".to_owned(), value)])))
    };
    known(Value { data: Data::List(members.into_iter().map(pair).collect()), marks })
}

/// Which one it is tells nothing more than the name does, so the member has its own marks.
pub(super) fn member(arguments: &mut Arguments<'_>) -> Outcome {
    let object = arguments.get(0);
    let found = object.get(arguments.text(1)).cloned().unwrap_or_else(Value::null);
    let marks = object.marks.union(found.marks).union(arguments.get(1).marks);
    known(Value { marks, ..found })
}

pub(super) fn from_items(arguments: &mut Arguments<'_>) -> Outcome {
    let mut members = IndexMap::new();
    let list = arguments.get(0);
    let mut marks = list.marks;
    let mut unknown = false;
    for item in arguments.list(0) {
        let (key, value) = (field(item, "key"), field(item, "value"));
        match &key.data {
            Data::Null if item.as_map().is_some() => {}
            Data::Unknown(_) => unknown = true,
            Data::String(name) => {
                // A name cannot carry a mark, so the object does.
                marks = marks.union(key.marks);
                members.insert(name.clone(), value.clone());
            }
            _ => {
                return Err(Failure::Here(format!(
                    "each element must be an object with a string `key`, not {}",
                    if item.as_map().is_some() {
                        format!("one with {}", described(key))
                    } else {
                        described(item).to_owned()
                    }
                )));
            }
        }
    }
    if unknown {
        return Ok(None);
    }
    known(Value { data: Data::Map(members), marks })
}

pub(super) fn merge(arguments: &mut Arguments<'_>) -> Outcome {
    let mut all = IndexMap::new();
    let mut all_marks = Vec::new();
    for index in 0..arguments.values().len() {
        let (members, marks) = take_map(arguments, index)?;
        all.extend(members);
        all_marks.push(marks);
    }
    known(Value { data: Data::Map(all), marks: union(all_marks) })
}

pub(super) fn to_array(arguments: &mut Arguments<'_>) -> Outcome {
    let value = arguments.take(0)?;
    known(match value.data {
        Data::List(_) => value,
        _ => Value::new(Data::List(vec![value])),
    })
}

pub(super) fn type_name(arguments: &mut Arguments<'_>) -> Outcome {
    known(Value::from(match arguments.get(0).data {
        Data::Null => "null",
        Data::Bool(_) => "boolean",
        Data::Number(_) => "number",
        Data::String(_) => "string",
        Data::List(_) => "array",
        Data::Map(_) => "object",
        Data::Unknown(_) => return Ok(None),
    }))
}

fn take_map(
    arguments: &mut Arguments<'_>,
    index: usize,
) -> Result<(IndexMap<String, Value>, Marks), Failure> {
    let value = arguments.take(index)?;
    Ok(match value.data {
        Data::Map(members) => (members, value.marks),
        _ => (IndexMap::new(), value.marks),
    })
}

fn named(name: &str, marks: Marks) -> Value {
    Value { data: Data::String(name.to_owned()), marks }
}

fn known(value: Value) -> Outcome {
    Ok(Some(value))
}
