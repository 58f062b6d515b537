//! Fragments of several recipes laid over one resource.

use indexmap::IndexMap;

use super::claims::{Claim, claims, place};
use super::directive::Directive;
use super::element_key;
use super::normalise::canonical;
use crate::azure::types::{ListKind, ResourceType};
use crate::value::{Data, Path, Value};

/// `live` with all `fragments` laid over it. Unless two of them conflict (then the later one counts) their
/// order means nothing: what is only a default comes last, and gives way to what anybody says of its
/// place. A fragment that does not fit is left out; laying it over the live resource alone says why.
pub fn merge_all(kind: &ResourceType, live: &Value, fragments: &[&Value]) -> Value {
    let exists = !live.is_null();
    let lay = |live: Value, fragment: &Value| {
        super::lay(kind, exists, &live, fragment).map_or(live, |merged| merged.value)
    };
    // Those that do not fit as yet are left in `waiting`.
    let lay_all = |mut value: Value, waiting: &mut Vec<Value>| {
        waiting.retain(|fragment| match super::lay(kind, exists, &value, fragment) {
            Ok(merged) => {
                value = merged.value;
                false
            }
            Err(_) => true,
        });
        value
    };
    let mut defaults = Vec::new();
    let mut said: Vec<Claim> = Vec::new();
    let mut firm = Vec::new();
    for fragment in fragments {
        said.extend(claims(kind, fragment));
        firm.extend(split(kind, &Path::root(), fragment, &|inner| inner, &mut defaults));
    }
    let mut value = lay_all(live.clone(), &mut firm);
    defaults.sort_by_key(|default| default.rank(kind));
    for default in defaults {
        if !said.iter().any(|claim| default.yields_to(kind, claim)) {
            value = lay(value, &default.fragment);
        }
    }
    // What says something of a container that only another fragment, or a default, makes.
    value = lay_all(value, &mut firm);
    lay_all(value, &mut firm)
}

/// One default of a fragment.
struct Default {
    place: Path,
    wanted: Value,
    /// The fragment with nothing else in it.
    fragment: Value,
}

impl Default {
    /// Parents before what is in them; of two values for one place always the same first.
    fn rank(&self, kind: &ResourceType) -> (Path, bool, String) {
        let spelled = canonical(kind, &self.place, &self.wanted).to_json();
        (self.place.clone(), spelled.is_none(), spelled.unwrap_or_default().to_string())
    }

    fn yields_to(&self, kind: &ResourceType, claim: &Claim) -> bool {
        if claim.is_existence() && claim.path.0.len() < self.place.0.len() {
            return false;
        }
        claim.overlaps(&self.place) || claim.rules_out(kind, &self.place)
    }
}

/// The fragment without its defaults, which are added to `defaults`; `None` when nothing is left. `wrap`
/// puts what stands here back to where it stands.
fn split(
    kind: &ResourceType,
    path: &Path,
    value: &Value,
    wrap: &dyn Fn(Value) -> Value,
    defaults: &mut Vec<Default>,
) -> Option<Value> {
    match Directive::read(value) {
        Some(Directive::Default(wanted)) => {
            defaults.push(Default {
                place: place(kind, path),
                wanted: wanted.clone(),
                fragment: wrap(value.clone()),
            });
            return None;
        }
        Some(_) => return Some(value.clone()),
        None => {}
    }
    match &value.data {
        Data::Map(members) if !members.is_empty() => {
            let mut kept = IndexMap::new();
            for (key, member) in members {
                let wrap = |inner| wrap(object(key, inner));
                if let Some(member) = split(kind, &path.key(key), member, &wrap, defaults) {
                    kept.insert(key.clone(), member);
                }
            }
            (!kept.is_empty()).then(|| Value { data: Data::Map(kept), marks: value.marks })
        }
        Data::List(items) => {
            let ListKind::Map(keys) = kind.list_kind(&path.pattern()) else { return Some(value.clone()) };
            let mut kept = Vec::new();
            for item in items {
                let Ok(key) = element_key(path, item, keys) else {
                    kept.push(item.clone());
                    continue;
                };
                let named: Vec<(&str, Value)> =
                    keys.iter().filter_map(|key| Some((*key, item.get(key)?.clone()))).collect();
                let wrap = |inner: Value| {
                    let mut inner = inner;
                    if let Data::Map(members) = &mut inner.data {
                        for (key, value) in &named {
                            members.insert((*key).to_owned(), value.clone());
                        }
                    }
                    wrap(Value::new(Data::List(vec![inner])))
                };
                // Its keys are left in any case: that it is there is said too.
                kept.extend(split(kind, &path.element(&key), item, &wrap, defaults));
            }
            Some(Value { data: Data::List(kept), marks: value.marks })
        }
        _ => Some(value.clone()),
    }
}

fn object(key: &str, member: Value) -> Value {
    Value::new(Data::Map(IndexMap::from([(key.to_owned(), member)])))
}
