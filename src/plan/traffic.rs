//! Who gets how much of an app's traffic: the list that Azure keeps, and the lists that a rollout makes of it.
//! Pure, and nothing of anybody else's is touched: entries of other revisions come out as they went in.

use indexmap::IndexMap;

use crate::value::{Data, Value};

/// Whether several revisions of an app may be active, as it was read: without a word it is Single.
pub fn is_multiple(app: &Value) -> bool {
    app.text_at(&["properties", "configuration", "activeRevisionsMode"])
        .is_some_and(|mode| mode.eq_ignore_ascii_case("Multiple"))
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The revision; `None`: whichever is the latest.
    pub revision: Option<String>,
    /// Its share, in percent.
    pub weight: u32,
    /// Its label: another host name for it.
    pub label: Option<String>,
}

/// An app's traffic, in the order of the list.
#[derive(Clone, Debug, Default)]
pub struct Traffic(pub Vec<Entry>);

/// Equal when the same revisions get the same under the same labels, in whatever order; an entry without a
/// share and without a label says nothing.
impl PartialEq for Traffic {
    fn eq(&self, other: &Traffic) -> bool {
        self.telling() == other.telling()
    }
}

impl Eq for Traffic {}

impl Traffic {
    /// The traffic of an app as it was read; empty without ingress.
    pub fn of(app: &Value) -> Traffic {
        let list = app.at(&["properties", "configuration", "ingress", "traffic"]).and_then(Value::as_list);
        let text =
            |entry: &Value, key| entry.text_at(&[key]).filter(|text| !text.is_empty()).map(str::to_owned);
        let entries = list.unwrap_or_default().iter().map(|entry| Entry {
            revision: text(entry, "revisionName"),
            weight: match entry.get("weight").map(|weight| &weight.data) {
                Some(Data::Number(number)) => {
                    number.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
                }
                _ => 0,
            },
            label: text(entry, "label"),
        });
        Traffic(entries.collect())
    }

    /// The share of a revision that is named, in percent.
    pub fn weight(&self, revision: &str) -> u32 {
        self.0.iter().filter(|entry| entry.is_of(revision)).map(|entry| entry.weight).sum()
    }

    /// The share of each revision that is named, in percent.
    pub fn shares(&self) -> Vec<(String, u32)> {
        let mut all: Vec<(String, u32)> = Vec::new();
        for name in self.0.iter().filter_map(|entry| entry.revision.as_ref()) {
            if !all.iter().any(|(have, _)| have.eq_ignore_ascii_case(name)) {
                all.push((name.clone(), self.weight(name)));
            }
        }
        all
    }

    /// Whether an entry gives a revision something: a share, or a label.
    pub fn names(&self, revision: &str) -> bool {
        self.0.iter().any(|entry| entry.is_of(revision) && (entry.weight > 0 || entry.label.is_some()))
    }

    /// The revision that carries a label, if it is named.
    pub fn labelled(&self, label: &str) -> Option<&str> {
        self.0.iter().find(|entry| entry.has(label))?.revision.as_deref()
    }

    /// The labels of a revision other than `label`.
    pub fn others(&self, revision: &str, label: &str) -> Vec<&str> {
        let of = self.0.iter().filter(|entry| entry.is_of(revision));
        of.filter_map(|entry| entry.label.as_deref()).filter(|other| *other != label).collect()
    }

    /// Whether no entry moves on to a new revision by itself: an entry for the latest takes its weight there
    /// at once (microsoft/azure-container-apps#688).
    pub fn is_pinned(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|entry| entry.revision.is_some())
    }

    /// The same with `ready`, the newest revision that is, named in place of the latest.
    #[must_use]
    pub fn pinned(&self, ready: &str) -> Traffic {
        if self.0.is_empty() {
            return Traffic(vec![Entry { revision: Some(ready.to_owned()), weight: 100, label: None }]);
        }
        let (named, latest): (Vec<Entry>, Vec<Entry>) =
            self.0.iter().cloned().partition(|entry| entry.revision.is_some());
        let mut entries = named;
        for entry in latest {
            // Two entries of one revision become one, unless both have a label.
            let same = |one: &&mut Entry| one.is_of(ready) && (one.label.is_none() || entry.label.is_none());
            match entries.iter_mut().find(same) {
                Some(one) => {
                    one.weight += entry.weight;
                    one.label = one.label.take().or(entry.label);
                }
                None => entries.push(Entry { revision: Some(ready.to_owned()), ..entry }),
            }
        }
        Traffic(entries)
    }

    /// The same with the label on `candidate`, at no share of its own, and nowhere else.
    #[must_use]
    pub fn with_label(&self, label: &str, candidate: &str) -> Traffic {
        let mut entries = self.0.clone();
        for entry in entries.iter_mut().filter(|entry| entry.has(label) && !entry.is_of(candidate)) {
            entry.label = None;
        }
        // What an earlier rollout left says nothing without its label.
        let left =
            |entry: &Entry, old: &Entry| entry.label.is_none() && old.label.is_some() && entry.weight == 0;
        let mut old = self.0.iter();
        entries.retain(|entry| old.next().is_none_or(|old| !left(entry, old)));
        if !entries.iter().any(|entry| entry.is_of(candidate) && entry.has(label)) {
            match entries.iter_mut().find(|entry| entry.is_of(candidate) && entry.label.is_none()) {
                Some(entry) => entry.label = Some(label.to_owned()),
                None => entries.push(Entry {
                    revision: Some(candidate.to_owned()),
                    weight: 0,
                    label: Some(label.to_owned()),
                }),
            }
        }
        Traffic(entries)
    }

    /// The same with `weight` percent of what the two have for the labelled `candidate`, and the rest for
    /// `serving`.
    #[must_use]
    pub fn shifted(&self, label: &str, serving: &str, candidate: &str, weight: u32) -> Traffic {
        let total = self.weight(serving) + self.weight(candidate);
        let share = total * weight.min(100) / 100;
        let labelled = self.with_label(label, candidate);
        let own = |entry: &Entry| entry.is_of(candidate) && entry.has(label);
        Traffic(labelled.0).with_weight(candidate, own, share).with_weight(
            serving,
            |entry| entry.is_of(serving),
            total - share,
        )
    }

    /// The same without `candidate`: what it has goes back to `serving`.
    #[must_use]
    pub fn without(&self, serving: &str, candidate: &str) -> Traffic {
        let total = self.weight(serving) + self.weight(candidate);
        let rest = self.0.iter().filter(|entry| !entry.is_of(candidate)).cloned().collect();
        Traffic(rest).with_weight(serving, |entry| entry.is_of(serving), total)
    }

    /// The same with this share for a revision, on the first entry that is meant. One that is left with
    /// nothing to say goes: it would name a revision that may be purged one day.
    fn with_weight(mut self, revision: &str, meant: impl Fn(&Entry) -> bool, weight: u32) -> Traffic {
        let at = self.0.iter().position(meant);
        for (index, entry) in self.0.iter_mut().enumerate().filter(|(_, entry)| entry.is_of(revision)) {
            entry.weight = if Some(index) == at { weight } else { 0 };
        }
        if at.is_none() && weight > 0 {
            self.0.push(Entry { revision: Some(revision.to_owned()), weight, label: None });
        }
        self.0.retain(|entry| !entry.is_of(revision) || entry.weight > 0 || entry.label.is_some());
        self
    }

    /// As Azure takes it: only members that are documented (others made switching traffic fail:
    /// microsoft/azure-container-apps#790).
    pub fn to_value(&self) -> Value {
        let entries = self.0.iter().map(|entry| {
            let mut members = IndexMap::new();
            match &entry.revision {
                Some(revision) => members.insert("revisionName".to_owned(), Value::from(revision.as_str())),
                None => members.insert("latestRevision".to_owned(), Value::new(Data::Bool(true))),
            };
            members.insert("weight".to_owned(), Value::new(Data::Number(entry.weight.into())));
            if let Some(label) = &entry.label {
                members.insert("label".to_owned(), Value::from(label.as_str()));
            }
            Value::new(Data::Map(members))
        });
        Value::new(Data::List(entries.collect()))
    }

    /// The entries that say something, in one order.
    fn telling(&self) -> Vec<(Option<String>, u32, Option<String>)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter(|entry| entry.weight > 0 || entry.label.is_some())
            .map(|entry| {
                (
                    entry.revision.as_ref().map(|name| name.to_ascii_lowercase()),
                    entry.weight,
                    entry.label.clone(),
                )
            })
            .collect();
        all.sort();
        all
    }
}

/// `web--a 90 %, web--b 10 % (canary)`.
impl std::fmt::Display for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = self.0.iter().map(|entry| {
            let name = entry.revision.as_deref().unwrap_or("the latest revision");
            let label = entry.label.as_ref().map_or(String::new(), |label| format!(" ({label})"));
            format!("{name} {} %{label}", entry.weight)
        });
        f.write_str(&told.collect::<Vec<_>>().join(", "))
    }
}

impl Entry {
    fn is_of(&self, revision: &str) -> bool {
        self.revision.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(revision))
    }

    fn has(&self, label: &str) -> bool {
        self.label.as_deref() == Some(label)
    }
}
