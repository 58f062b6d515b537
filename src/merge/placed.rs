//! From single places to a fragment that says something of each.

use indexmap::IndexMap;

use super::claims::find;
use super::element_key;
use crate::azure::types::{ListKind, ResourceType};
use crate::value::{Data, Path, Segment, Value};

/// The fragment that says `said` at each place: a value, or a directive. An element of a set can only be said to be
/// gone: then `said` is that element. Keys of elements are spelled as `live` has them.
pub fn placed(kind: &ResourceType, live: &Value, said: &[(Path, Value)]) -> Value {
    let mut fragment = Value::null();
    for (path, value) in said {
        put(kind, live, &Path::root(), &mut fragment, &path.0, value);
    }
    fragment
}

fn put(kind: &ResourceType, live: &Value, at: &Path, node: &mut Value, rest: &[Segment], said: &Value) {
    let Some((first, rest)) = rest.split_first() else {
        // An element has its keys already.
        match (&mut node.data, &said.data) {
            (Data::Map(have), Data::Map(more)) => have.extend(more.clone()),
            _ => *node = said.clone(),
        }
        return;
    };
    match first {
        Segment::Key(key) => {
            let below = at.key(key);
            with_member(node, key, |member| put(kind, live, &below, member, rest, said));
        }
        Segment::Element(name) => {
            let ListKind::Map(keys) = kind.list_kind(&at.pattern()) else {
                with_member(node, "$patch", |word| *word = Value::from("without"));
                with_member(node, "value", |gone| with_element(gone, |_| false, || said.clone(), |_| {}));
                return;
            };
            let below = at.element(name);
            let own = |item: &Value| element_key(at, item, keys).is_ok_and(|key| key == *name);
            let new = || keyed(keys, name, find(kind, live, &below));
            with_element(node, own, new, |item| put(kind, live, &below, item, rest, said));
        }
    }
}

/// Calls `then` with the member of an object, which `node` becomes if it is none.
fn with_member(node: &mut Value, key: &str, then: impl FnOnce(&mut Value)) {
    if !matches!(node.data, Data::Map(_)) {
        node.data = Data::Map(IndexMap::new());
    }
    if let Data::Map(members) = &mut node.data {
        then(members.entry(key.to_owned()).or_insert_with(Value::null));
    }
}

/// Calls `then` with the element of a list that is `own`, else with a new one; `node` becomes a list if it is none.
fn with_element(
    node: &mut Value,
    own: impl Fn(&Value) -> bool,
    new: impl FnOnce() -> Value,
    then: impl FnOnce(&mut Value),
) {
    if !matches!(node.data, Data::List(_)) {
        node.data = Data::List(Vec::new());
    }
    if let Data::List(items) = &mut node.data {
        let index = items.iter().position(own).unwrap_or_else(|| {
            items.push(new());
            items.len() - 1
        });
        if let Some(item) = items.get_mut(index) {
            then(item);
        }
    }
}

/// An element with nothing but its keys.
fn keyed(keys: &[&str], name: &str, live: Option<&Value>) -> Value {
    let mut parts = name.splitn(keys.len(), ',');
    let key = |key: &&str| {
        let text = parts.next().unwrap_or_default();
        let there = live.and_then(|live| live.get(key)).cloned();
        // Ports are the only keys that are numbers.
        let number = || text.parse::<i64>().ok().filter(|_| key.ends_with("Port"));
        let value = there.unwrap_or_else(|| {
            number().map_or_else(|| Value::from(text), |n| Value::from(serde_json::json!(n)))
        });
        ((*key).to_owned(), value)
    };
    Value::new(Data::Map(keys.iter().map(key).collect()))
}
