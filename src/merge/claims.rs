//! What a fragment says of a resource, whatever is there, and where two fragments cannot both be had.
//!
//! Whether two recipes agree must not hang on what happens to be set today, so conflicts are found
//! between [`Claim`]s, which know nothing of the live resource. A default claims nothing: it gives way.

use super::directive::Directive;
use super::normalise::{absent, equal, word_set};
use super::{as_text, element_key};
use crate::azure::types::{Compare, ListKind, ResourceType};
use crate::value::{Data, Path, Segment, Value};

/// What a fragment says of one place.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Where, as the fragment spells it.
    pub path: Path,
    /// What it says.
    pub says: Says,
    /// Where, in the one spelling that all spellings of the place share.
    place: Path,
}

/// What is said of a place.
#[derive(Clone, Debug)]
pub enum Says {
    /// It is exactly this, with everything in it.
    Value(Value),
    /// It is not there.
    Absent,
    /// It is there; of its members nothing is said.
    There,
    /// These words are in it; others may be too.
    Words(String),
}

/// Everything that `fragment` says.
pub fn claims(kind: &ResourceType, fragment: &Value) -> Vec<Claim> {
    let mut all = Vec::new();
    walk(kind, &Path::root(), fragment, &mut all);
    all
}

fn walk(kind: &ResourceType, path: &Path, value: &Value, all: &mut Vec<Claim>) {
    let mut claim = |says| all.push(Claim { path: path.clone(), place: place(kind, path), says });
    match Directive::read(value) {
        Some(Directive::Delete) => return claim(Says::Absent),
        Some(Directive::Replace(value)) => return claim(whole(kind, path, value)),
        // What puts a run back stands alone: nobody can disagree.
        Some(Directive::Default(_) | Directive::Without(_)) => return,
        Some(Directive::Claim(value)) => return walk(kind, path, value, all),
        None => {}
    }
    match &value.data {
        Data::Null => {}
        Data::Map(members) if members.is_empty() => claim(Says::There),
        Data::Map(members) => {
            members.iter().for_each(|(key, member)| walk(kind, &path.key(key), member, all));
        }
        Data::List(items) => match kind.list_kind(&path.pattern()) {
            ListKind::Atomic => claim(Says::Value(value.clone())),
            ListKind::Set => {
                for item in items {
                    walk(kind, &path.element(&text(item)), item, all);
                }
            }
            ListKind::Map(keys) => items.iter().for_each(|item| element(kind, path, item, keys, all)),
        },
        _ => claim(whole(kind, path, value)),
    }
}

/// An element of a keyed list. Its keys say which it is; beyond that it is at least there.
fn element(
    kind: &ResourceType,
    path: &Path,
    item: &Value,
    keys: &'static [&'static str],
    all: &mut Vec<Claim>,
) {
    let Ok(key) = element_key(path, item, keys) else { return };
    let path = path.element(&key);
    let mut claim = |says| all.push(Claim { path: path.clone(), place: place(kind, &path), says });
    if matches!(Directive::read(item), Some(Directive::Delete)) {
        return claim(Says::Absent);
    }
    claim(Says::There);
    for (key, member) in item.as_map().into_iter().flatten().filter(|(key, _)| !keys.contains(&key.as_str()))
    {
        walk(kind, &path.key(key), member, all);
    }
}

fn whole(kind: &ResourceType, path: &Path, value: &Value) -> Says {
    let pattern = path.pattern();
    match value.as_str() {
        Some(words) if kind.comparison(&pattern) == Some(Compare::WordSet) => Says::Words(words.to_owned()),
        _ if kind.text.contains(&pattern.as_str()) => Says::Value(as_text(value.clone())),
        _ => Says::Value(value.clone()),
    }
}

fn text(item: &Value) -> String {
    item.as_str().map_or_else(|| item.to_json().unwrap_or_default().to_string(), str::to_owned)
}

/// `path` in the one spelling that all spellings of the place share: ids, names of tags
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>: not
/// case-sensitive) and keys that Azure returns in varying case are in lower case.
pub fn place(kind: &ResourceType, path: &Path) -> Path {
    let mut folded = Path::root();
    for segment in &path.0 {
        let above = folded.pattern();
        folded = match segment {
            Segment::Key(key) => folded.key(&fold_key(&above, key)),
            Segment::Element(key) => folded.element(&fold_element(kind, &above, key)),
        };
    }
    folded
}

fn fold_key(above: &str, key: &str) -> String {
    if key.starts_with('/') || above == "tags" { key.to_ascii_lowercase() } else { key.to_owned() }
}

fn fold_element(kind: &ResourceType, list: &str, key: &str) -> String {
    let folds = match kind.list_kind(list) {
        ListKind::Map(keys) => {
            keys.iter().any(|key| kind.comparison(&format!("{list}[].{key}")) == Some(Compare::IgnoreCase))
        }
        ListKind::Set => kind.comparison(&format!("{list}[]")) == Some(Compare::IgnoreCase),
        ListKind::Atomic => false,
    };
    if folds { key.to_ascii_lowercase() } else { key.to_owned() }
}

/// What stands at `path` of `value`, however either spells it.
pub fn find<'v>(kind: &ResourceType, value: &'v Value, path: &Path) -> Option<&'v Value> {
    below(kind, &Path::root(), value, &place(kind, path).0)
}

fn below<'v>(kind: &ResourceType, at: &Path, value: &'v Value, rest: &[Segment]) -> Option<&'v Value> {
    let Some((first, rest)) = rest.split_first() else { return Some(value) };
    let pattern = at.pattern();
    let found = match first {
        Segment::Key(key) => {
            value.as_map()?.iter().find(|(have, _)| fold_key(&pattern, have) == *key).map(|(_, value)| value)
        }
        Segment::Element(key) => {
            let own = |item: &&Value| {
                match kind.list_kind(&pattern) {
                    ListKind::Map(keys) => element_key(at, item, keys).ok(),
                    ListKind::Set => Some(text(item)),
                    ListKind::Atomic => None,
                }
                .is_some_and(|have| fold_element(kind, &pattern, &have) == *key)
            };
            value.as_list()?.iter().find(own)
        }
    };
    let at = match first {
        Segment::Key(key) => at.key(key),
        Segment::Element(key) => at.element(key),
    };
    below(kind, &at, found?, rest)
}

/// Whether two wanted values are one: they mean the same, or are the same property of what a step makes.
pub fn agree(kind: &ResourceType, path: &Path, one: &Value, other: &Value) -> bool {
    // A scope within another is not the same one: neither side may be the wider.
    (equal(kind, path, one, other) && equal(kind, path, other, one)) || one.same(other)
}

impl Claim {
    /// Whether no resource can be as both claims say.
    pub fn conflicts(&self, kind: &ResourceType, other: &Claim) -> bool {
        let (one, two) = (&self.place.0, &other.place.0);
        let common = one.iter().zip(two).take_while(|(one, two)| one == two).count();
        if common == one.len() && common == two.len() {
            self.differs(kind, other)
        } else if common == one.len() {
            self.excludes_below(kind, other)
        } else if common == two.len() {
            other.excludes_below(kind, self)
        } else {
            self.rivals(kind, other, common)
        }
    }

    /// Whether the two speak of one place, or one of something in the other's.
    pub(super) fn overlaps(&self, other: &Path) -> bool {
        self.place.contains(other) || other.contains(&self.place)
    }

    /// Whether it sets another member of an object of which only one may be set than what is at `place`.
    pub(super) fn rules_out(&self, kind: &ResourceType, place: &Path) -> bool {
        let common = self.place.0.iter().zip(&place.0).take_while(|(one, two)| one == two).count();
        let other = Claim { path: place.clone(), place: place.clone(), says: Says::There };
        self.rivals(kind, &other, common)
    }

    /// Whether it says only that its place is there.
    pub(super) fn is_existence(&self) -> bool {
        matches!(self.says, Says::There)
    }

    /// Whether it says that nothing is at its place.
    fn denies(&self, kind: &ResourceType) -> bool {
        match &self.says {
            Says::Absent => true,
            Says::Value(value) => !value.is_unknown() && absent(kind, &self.path, value),
            Says::Words(words) => word_set(words).is_empty(),
            Says::There => false,
        }
    }

    /// Two claims of one place.
    fn differs(&self, kind: &ResourceType, other: &Claim) -> bool {
        match (&self.says, &other.says) {
            (Says::Value(one), Says::Value(two)) => !agree(kind, &self.path, one, two),
            (Says::Absent, Says::Absent) | (Says::There, Says::There) | (Says::Words(_), Says::Words(_)) => {
                false
            }
            (Says::Absent, _) => !other.denies(kind),
            (_, Says::Absent) => !self.denies(kind),
            (Says::Value(value), Says::There) | (Says::There, Says::Value(value)) => {
                // An element of a set is its value; an object is there with whatever is in it.
                value.as_map().is_none()
            }
            (Says::Words(_), _) | (_, Says::Words(_)) => true,
        }
    }

    /// Whether it leaves no room for what `lower` says of something in its place.
    fn excludes_below(&self, kind: &ResourceType, lower: &Claim) -> bool {
        let value = match &self.says {
            Says::There => return false,
            Says::Absent => return !lower.denies(kind),
            Says::Words(_) => return true,
            Says::Value(value) => value,
        };
        let rest = &lower.place.0[self.place.0.len()..];
        let inner = below(kind, &self.place, value, rest).filter(|inner| !absent(kind, &lower.path, inner));
        match (&lower.says, inner) {
            (Says::Value(wanted), Some(inner)) => !agree(kind, &lower.path, inner, wanted),
            (Says::There, Some(_)) => false,
            (Says::Words(words), Some(inner)) => {
                let have = word_set(inner.as_str().unwrap_or_default());
                !word_set(words).iter().all(|word| have.contains(word))
            }
            (Says::Absent, Some(_)) => true,
            (_, None) => !lower.denies(kind),
        }
    }

    /// Whether the two set members of one object of which only one may be set (`value`, `secretRef`).
    pub(super) fn rivals(&self, kind: &ResourceType, other: &Claim, common: usize) -> bool {
        let (Some(Segment::Key(one)), Some(Segment::Key(two))) =
            (self.place.0.get(common), other.place.0.get(common))
        else {
            return false;
        };
        let above = Path(self.place.0[..common].to_vec()).pattern();
        let both = |group: &[&str]| group.contains(&one.as_str()) && group.contains(&two.as_str());
        // An empty variable is a variable: `""` sets it, and drops the reference beside it.
        let sets = |claim: &Claim| !matches!(claim.says, Says::Absent);
        kind.exclusive(&above).is_some_and(both) && sets(self) && sets(other)
    }
}
