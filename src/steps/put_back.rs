//! `put_back`: what a run wrote of a resource is to be as it was. No recipe file has it; undoing a run makes such
//! steps in memory.
//!
//! Each property is looked at on its own. One that is as it was is in place. One that is as the run left it goes back.
//! One that is neither was changed by somebody since, and is only named. What cannot go back is told, with the reason.

use crate::azure::types::{Compare, ListKind, ResourceType};
use crate::merge::{Directive, absent, element_key, equal, find, place, placed, set_key, word_set};
use crate::value::{Data, Marks, Origin, Path, Seal, Segment, Value, Was, Written};

/// What a run wrote of a resource, beside what is there now.
#[derive(Clone, Copy, Debug)]
pub struct WrittenTo<'a> {
    /// The type of the resource.
    pub kind: &'static ResourceType,
    /// As it was read.
    pub live: &'a Value,
    /// What one write of the run changed.
    pub written: &'a [Written],
    /// Every place of the resource that some write of the run changed, spelled as [`place`] does.
    pub places: &'a [Path],
    /// What shows the values that nobody wrote down: the revisions of before, those that may not be read among them.
    pub earlier: &'a [Value],
    /// The secrets with their values, as the POST tells them that GET leaves out; `None`: nobody told.
    pub stored: Option<&'a Value>,
    /// Makes seals.
    pub seal: &'a Seal,
    /// Whether what somebody changed since goes back all the same.
    pub force: bool,
}

/// What putting back comes to.
#[derive(Clone, Debug)]
pub struct Back {
    /// What is to be laid over the resource; null: nothing.
    pub fragment: Value,
    /// What somebody changed since, and what it is now.
    pub changed: Vec<(Path, Value)>,
    /// What stays, and why.
    pub stays: Vec<(Path, String)>,
    /// What is as it was without a word of the fragment: of what is gone the outermost.
    pub as_before: Vec<Path>,
}

/// Whether some value has to be taken from the revision that served before.
pub fn needs_earlier(kind: &ResourceType, live: &Value, written: &[Written]) -> bool {
    !live.is_null() && written.iter().any(|one| hidden_before(kind, one).is_some())
}

/// Whether the revisions of before that were looked at show every value that has to be taken from one.
pub fn all_shown(request: &WrittenTo<'_>) -> bool {
    let shown = |one: &Written| {
        hidden_before(request.kind, one).is_none_or(|seal| request.shown(&one.path, seal).is_some())
    };
    request.written.iter().all(shown)
}

/// The seal of a value from before that has to be taken from a revision.
fn hidden_before<'w>(kind: &ResourceType, one: &'w Written) -> Option<&'w str> {
    match &one.before {
        Was::Hidden(seal) if !kind.write_only.contains(&one.path.pattern().as_str()) => Some(seal),
        _ => None,
    }
}

/// What is to become of each property.
enum Verdict {
    /// It is as it was, or nothing more is known of it that could be done.
    InPlace,
    /// This is to be said of the place.
    Say(Path, Value),
    /// Somebody changed it since.
    Changed(Value),
    /// It stays.
    Stays(String),
}

/// Judges every property.
pub fn put_back(request: &WrittenTo<'_>) -> Back {
    let mut back =
        Back { fragment: Value::null(), changed: Vec::new(), stays: Vec::new(), as_before: Vec::new() };
    let mut said: Vec<(Path, Value)> = Vec::new();
    let lost = request.lost_secrets();
    for one in request.written {
        if let Some(secret) = lost.iter().find(|secret| secret.contains(&one.path)) {
            if !back.stays.iter().any(|(path, _)| path == secret) {
                let why =
                    "its value from before is kept nowhere: Azure does not return it, and no journal has it";
                back.stays.push((secret.clone(), why.to_owned()));
            }
            continue;
        }
        let mut verdict = request.judge(one);
        if let (Verdict::Changed(_), true) = (&verdict, request.force) {
            verdict = request.back(one);
        }
        match verdict {
            Verdict::InPlace => {
                let path = request.outermost_gone(one);
                if !back.as_before.contains(&path) {
                    back.as_before.push(path);
                }
            }
            Verdict::Say(path, value) => said.push((path, value)),
            Verdict::Changed(live) => back.changed.push((one.path.clone(), live)),
            Verdict::Stays(why) => back.stays.push((one.path.clone(), why)),
        }
    }
    let said = without_losers(request.kind, &outermost(said));
    back.fragment = placed(request.kind, request.live, &said);
    back
}

/// Whether a resource that a run created is as the run left it; the places where it is not.
pub fn changed_since(request: &WrittenTo<'_>) -> Vec<(Path, Value)> {
    let differs = |one: &&Written| {
        if request.of_somebody(one) {
            return true;
        }
        let live = request.at(&one.path);
        !request.untold(&one.path) && !one.values.iter().any(|was| request.is(&one.path, &live, was))
    };
    request.written.iter().filter(differs).map(|one| (one.path.clone(), request.at(&one.path))).collect()
}

/// What somebody put since into a resource that a run created: elements of lists, keys of what is a dictionary, and what
/// differs from a default that is known (were one of ours not Azure's, the undo of its type would be stopped until --force). Another property that the run left to Azure, or a list that is one value, is not
/// told from what Azure fills in. Tags are left out: policies of a subscription set them, and nothing relies on them.
pub fn added_since(request: &WrittenTo<'_>) -> Vec<Path> {
    let mut all = Vec::new();
    request.added(&Path(Vec::new()), request.live, &mut all);
    all.retain(|path| !Path::members("tags").contains(path));
    all
}

/// Whether what a run wrote holds a secret whose value a POST has to tell.
pub fn needs_stored(kind: &ResourceType, live: &Value, written: &[Written]) -> bool {
    let told = |one: &&Written| {
        let Some(secret) = secret_of(kind, &one.path) else { return false };
        // A reference to a vault has no value of its own.
        find(kind, live, &secret).is_some_and(|secret| secret.text_at(&["keyVaultUrl"]).is_none())
    };
    written.iter().any(|one| told(&one))
}

/// The secret whose value is at `path`, where a POST tells that.
fn secret_of(kind: &ResourceType, path: &Path) -> Option<Path> {
    let (list, _) = kind.told_by?;
    let above = Path(path.0.get(..path.0.len().checked_sub(1)?)?.to_vec());
    (path.pattern() == format!("{list}[].value")).then_some(above)
}

impl WrittenTo<'_> {
    /// Whether a secret has another value by now than any that the run knew.
    fn of_somebody(&self, one: &Written) -> bool {
        let Some(secret) = secret_of(self.kind, &one.path) else { return false };
        let Some(Segment::Element(name)) = secret.0.last() else { return false };
        let live = find(self.kind, self.live, &secret);
        if live.is_none_or(|live| live.text_at(&["keyVaultUrl"]).is_some()) {
            return false;
        }
        let told = self.stored.and_then(Value::as_list).unwrap_or_default();
        let told = told.iter().find(|told| told.text_at(&["name"]) == Some(name));
        let Some(value) = told.and_then(|told| told.get("value")).filter(|value| !value.is_null()) else {
            return false;
        };
        !one.values.iter().any(|was| !matches!(was, Was::Absent) && self.is(&one.path, value, was))
    }

    /// Adds the outermost parts of `value` that the run did not bring; `at` is one that it did.
    fn added(&self, at: &Path, value: &Value, all: &mut Vec<Path>) {
        let pattern = at.pattern();
        let own = self.places.contains(&place(self.kind, at)) && !pattern.is_empty();
        if own || self.kind.is_read_only(&pattern) {
            return;
        }
        let within = |path: &Path| {
            let path = place(self.kind, path);
            self.places.iter().any(|place| path.contains(place) || place.contains(&path))
        };
        let mut element = |path: Path, value: Option<&Value>| {
            if !within(&path) {
                all.push(path);
            } else if let Some(value) = value {
                self.added(&path, value, all);
            }
        };
        match &value.data {
            Data::Map(members) if DICTIONARIES.contains(&pattern.as_str()) => {
                members.keys().for_each(|key| element(at.key(key), None));
            }
            Data::Map(members) => {
                members.iter().for_each(|(key, member)| self.added(&at.key(key), member, all));
            }
            Data::List(items) => match self.kind.list_kind(&pattern) {
                ListKind::Map(keys) => {
                    for item in items {
                        // One without its key is nobody's that could be named.
                        let Ok(key) = element_key(at, item, keys) else { continue };
                        element(at.element(&key), Some(item));
                    }
                }
                ListKind::Set => items.iter().for_each(|item| element(at.element(&set_key(item)), None)),
                // Azure fills in some, as the paths of a container's index.
                ListKind::Atomic => {}
            },
            // Of what has a default that is known, another value is somebody's.
            _ if self.kind.default_at(&pattern).is_some() && !absent(self.kind, at, value) => {
                all.push(at.clone());
            }
            _ => {}
        }
    }

    fn at(&self, path: &Path) -> Value {
        find(self.kind, self.live, path).cloned().unwrap_or_else(Value::null)
    }

    /// Whether GET leaves out what stands at this path, so that nothing tells what it is.
    fn untold(&self, path: &Path) -> bool {
        let pattern = path.pattern();
        self.kind.write_only.contains(&pattern.as_str()) || self.kind.presence.contains(&pattern.as_str())
    }

    /// Whether what is live is what it was then.
    fn is(&self, path: &Path, live: &Value, was: &Was) -> bool {
        match was {
            Was::Absent => absent(self.kind, path, live),
            Was::Value(json) => holds(self.kind, path, live, &Value::from(json.clone())),
            // In a set of environment variables `""` is told by nothing at all.
            Was::Hidden(seal) => {
                let json = live.to_json().unwrap_or_default();
                let text = if json.is_null() { serde_json::Value::from("") } else { json };
                (self.seal.0)(&text) == *seal
            }
            Was::Unknown => !live.is_null(),
        }
    }

    /// Whether it is exactly what it was: nothing was added either.
    fn is_just(&self, path: &Path, live: &Value, was: &Was) -> bool {
        match was {
            Was::Value(json) => equal(self.kind, path, live, &Value::from(json.clone())),
            Was::Unknown => false,
            was => self.is(path, live, was),
        }
    }

    fn judge(&self, one: &Written) -> Verdict {
        if let Some(verdict) = self.of_words(one).or_else(|| self.of_set(one)) {
            return verdict;
        }
        if self.of_somebody(one) {
            return Verdict::Changed(Value::from("another value").mark(Marks::SECRET));
        }
        if self.untold(&one.path) {
            // It goes with what it is in, if the run brought that.
            return if one.there + 1 < one.path.0.len() {
                self.gone(one)
            } else {
                Verdict::Stays(
                    "Azure does not return it, so that what was there before is kept nowhere".to_owned(),
                )
            };
        }
        let live = self.at(&one.path);
        if self.is_just(&one.path, &live, &one.before) {
            return self.in_place(one, live);
        }
        if self.is_just(&one.path, &live, &one.first) {
            return Verdict::InPlace;
        }
        if one.values.iter().any(|was| self.is(&one.path, &live, was)) {
            return self.back(one);
        }
        Verdict::Changed(live)
    }

    /// What is as it was is still said where there is something to say it of, so that it is shown and compared.
    fn in_place(&self, one: &Written, live: Value) -> Verdict {
        let above = Path(one.path.0[..one.path.0.len().saturating_sub(1)].to_vec());
        let parent = find(self.kind, self.live, &above).is_some_and(|value| value.as_map().is_some());
        match &one.before {
            Was::Absent if parent && live.is_null() => Verdict::Say(one.path.clone(), delete()),
            Was::Value(_) | Was::Hidden(_) if parent && !live.is_null() => {
                Verdict::Say(one.path.clone(), exactly(live))
            }
            _ => Verdict::InPlace,
        }
    }

    /// What is gone with a property that is not there, of what was not there before.
    fn outermost_gone(&self, one: &Written) -> Path {
        let prefixes = (one.there + 1..one.path.0.len()).map(|length| Path(one.path.0[..length].to_vec()));
        let gone = |path: &Path| find(self.kind, self.live, path).is_none_or(Value::is_null);
        prefixes.into_iter().find(gone).unwrap_or_else(|| one.path.clone())
    }

    /// What makes a property as it was.
    fn back(&self, one: &Written) -> Verdict {
        match &one.before {
            Was::Absent => self.gone(one),
            Was::Value(json) => Verdict::Say(one.path.clone(), exactly(Value::from(json.clone()))),
            Was::Hidden(seal) => {
                if let Some(then) = self.shown(&one.path, seal) {
                    return Verdict::Say(one.path.clone(), exactly(then.mark(Marks::EXISTING)));
                }
                let why = self.not_shown();
                Verdict::Stays(format!("its value from before was not written down, and {why}"))
            }
            Was::Unknown => Verdict::Stays("what was there before could not be read then".to_owned()),
        }
    }

    /// The value with this seal, as a revision of before has it.
    fn shown(&self, path: &Path, seal: &str) -> Option<Value> {
        let revisions = self.earlier.iter().filter(|one| one.as_map().is_some());
        // An empty variable has no value there.
        let mut values = revisions
            .map(|earlier| find(self.kind, earlier, path).cloned().unwrap_or_else(|| Value::from("")));
        values.find(|then| self.is(path, then, &Was::Hidden(seal.to_owned())))
    }

    /// Why no revision of before shows a value.
    fn not_shown(&self) -> String {
        let refused = self.earlier.iter().flat_map(Value::origins).find_map(|origin| match origin {
            Origin::Refused(why) => Some(why),
            _ => None,
        });
        match refused {
            Some(why) => format!("the revision that had it may not be read: {why}"),
            None if self.earlier.iter().any(|one| one.as_map().is_some()) => {
                "the revision before has another one".to_owned()
            }
            None => "the revision that had it is gone".to_owned(),
        }
    }

    /// What was not there goes, with what it is in as far as that came with it and holds nothing of others.
    fn gone(&self, one: &Written) -> Verdict {
        let all = &one.path.0;
        for length in one.there + 1..all.len() {
            let outer = Path(all[..length].to_vec());
            // A list of nothing is as good as none; an identity goes by its words.
            let list = matches!(all.get(length), Some(Segment::Element(_)));
            if list || outer.pattern() == "identity" || outer.pattern() == "properties" {
                continue;
            }
            let there = find(self.kind, self.live, &outer);
            if there.is_some_and(|value| !self.holds_others(&outer, value)) {
                return Verdict::Say(outer, delete());
            }
        }
        let above = Path(all[..all.len().saturating_sub(1)].to_vec());
        if find(self.kind, self.live, &above).is_none_or(Value::is_null) {
            // It went with what it was in.
            return Verdict::InPlace;
        }
        Verdict::Say(one.path.clone(), delete())
    }

    /// Whether there is something in it that the run did not bring. Azure fills in members, but no elements.
    fn holds_others(&self, at: &Path, value: &Value) -> bool {
        let own = place(self.kind, at);
        if self.places.iter().any(|place| place.contains(&own)) {
            return false;
        }
        let mut others = Vec::new();
        self.added(at, value, &mut others);
        !others.is_empty()
    }

    /// A set of words loses those that the run added.
    fn of_words(&self, one: &Written) -> Option<Verdict> {
        if self.kind.comparison(&one.path.pattern()) != Some(Compare::WordSet) {
            return None;
        }
        let words = |was: &Was| match was {
            Was::Value(json) => word_set(json.as_str().unwrap_or_default()),
            _ => Vec::new(),
        };
        let (before, after) = (words(&one.before), words(&one.after));
        let live = word_set(self.at(&one.path).as_str().unwrap_or_default());
        let spelled = match &one.before {
            Was::Value(json) => json.as_str().unwrap_or_default(),
            _ => "",
        };
        let lacks = |word: &&str| {
            let word = word.to_ascii_lowercase();
            before.contains(&word) && !after.contains(&word) && !live.contains(&word)
        };
        let taken: Vec<&str> = spelled.split(',').map(str::trim).filter(lacks).collect();
        if !taken.is_empty() {
            // A set is added to by saying what is to be in it.
            return Some(Verdict::Say(one.path.clone(), Value::from(taken.join(", "))));
        }
        let added = after.into_iter().filter(|word| !before.contains(word));
        // One that others rely on by now stays.
        let added: Vec<Value> =
            added.filter(|word| !self.held_by_others(one, word)).map(Value::from).collect();
        if added.is_empty() || self.at(&one.path).is_null() {
            return Some(Verdict::InPlace);
        }
        let added = Value::new(Data::List(added));
        Some(Verdict::Say(one.path.clone(), Directive::Without(&added).to_value()))
    }

    /// Whether a word says that the resource has identities of a user's making, and others gave it some.
    fn held_by_others(&self, one: &Written, word: &str) -> bool {
        if word != "userassigned" || one.path != Path::members("identity.type") {
            return false;
        }
        let at = Path::members("identity.userAssignedIdentities");
        let ours = |id: &str| self.places.contains(&place(self.kind, &at.key(id)));
        let all = find(self.kind, self.live, &at).and_then(Value::as_map);
        all.is_some_and(|all| all.keys().any(|id| !ours(id)))
    }

    /// A set of values loses the one that the run added.
    fn of_set(&self, one: &Written) -> Option<Verdict> {
        let (last, above) = one.path.0.split_last()?;
        let above = Path(above.to_vec());
        if !matches!(last, Segment::Element(_)) || self.kind.list_kind(&above.pattern()) != ListKind::Set {
            return None;
        }
        let there = find(self.kind, self.live, &one.path)?;
        let alone =
            find(self.kind, self.live, &above).and_then(Value::as_list).is_some_and(|all| all.len() < 2);
        if alone && self.kind.everyone.contains(&above.pattern().as_str()) {
            return Some(Verdict::Stays(
                "it is the only one left, and none at all would mean everybody".to_owned(),
            ));
        }
        Some(match one.before {
            Was::Absent => Verdict::Say(one.path.clone(), there.clone()),
            _ => Verdict::InPlace,
        })
    }

    /// Secrets that were there with a value of their own, which the run replaced.
    fn lost_secrets(&self) -> Vec<Path> {
        let Some(list) = self.kind.secrets().map(Path::members) else { return Vec::new() };
        let length = list.0.len() + 1;
        let mut lost: Vec<Path> = Vec::new();
        for one in self.written.iter().filter(|one| list.contains(&one.path) && one.there >= length) {
            let secret = Path(one.path.0[..length.min(one.path.0.len())].to_vec());
            let reference = secret.key("keyVaultUrl");
            let was_reference = self.written.iter().any(|other| {
                other.path == reference && matches!(other.before, Was::Value(_) | Was::Hidden(_))
            });
            // A reference of which the run changed another member, such as its identity, is one still.
            let said = self.written.iter().any(|other| other.path == reference);
            let is_reference = !said
                && find(self.kind, self.live, &secret)
                    .is_some_and(|secret| secret.text_at(&["keyVaultUrl"]).is_some());
            if !was_reference && !is_reference && !lost.contains(&secret) {
                lost.push(secret);
            }
        }
        lost
    }
}

/// Objects whose members are told apart by names that people give.
const DICTIONARIES: &[&str] = &["tags", "identity.userAssignedIdentities"];

fn delete() -> Value {
    Directive::Delete.to_value()
}

/// What says that just this is there.
fn exactly(value: Value) -> Value {
    if value.as_map().is_none() && value.as_list().is_none() {
        return value;
    }
    Directive::Replace(&value).to_value()
}

fn goes(value: &Value) -> bool {
    matches!(Directive::read(value), Some(Directive::Delete))
}

/// Whether everything that `wanted` says is so; of an object more may be there.
fn holds(kind: &ResourceType, path: &Path, live: &Value, wanted: &Value) -> bool {
    match (&live.data, &wanted.data) {
        (Data::Map(have), Data::Map(want)) => want.iter().all(|(key, want)| {
            let null = Value::null();
            holds(kind, &path.key(key), have.get(key).unwrap_or(&null), want)
        }),
        _ => equal(kind, path, live, wanted),
    }
}

/// What is said of something is not said again of what is in it.
fn outermost(said: Vec<(Path, Value)>) -> Vec<(Path, Value)> {
    let outer: Vec<Path> =
        said.iter().filter(|(_, value)| goes(value)).map(|(path, _)| path.clone()).collect();
    let mut kept: Vec<(Path, Value)> = Vec::new();
    for (path, value) in said {
        let inside = outer.iter().any(|outer| outer != &path && outer.contains(&path));
        if !inside && !kept.iter().any(|(have, _)| *have == path) {
            kept.push((path, value));
        }
    }
    kept
}

/// Of members of which only one may be set the one that is set takes the place of the others by itself.
fn without_losers(kind: &ResourceType, said: &[(Path, Value)]) -> Vec<(Path, Value)> {
    let parts = |path: &Path| {
        let (last, above) = path.0.split_last()?;
        let Segment::Key(key) = last else { return None };
        Some((Path(above.to_vec()), key.clone()))
    };
    let loses = |path: &Path| {
        let Some((above, key)) = parts(path) else { return false };
        let Some(group) = kind.exclusive(&above.pattern()).filter(|group| group.contains(&key.as_str()))
        else {
            return false;
        };
        said.iter().any(|(other, value)| {
            !goes(value)
                && parts(other).is_some_and(|(place, member)| {
                    place == above && member != key && group.contains(&member.as_str())
                })
        })
    };
    let kept = said.iter().filter(|(path, value)| !(goes(value) && loses(path)));
    kept.cloned().collect()
}
