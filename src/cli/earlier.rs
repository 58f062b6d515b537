//! What journals tell a run that goes on from theirs, beside what Azure tells it.

use std::collections::BTreeSet;

use crate::journal::entry::{Before, Entry, Kind, Part};
use crate::journal::{Fate, Journal, Written};
use crate::plan::Earlier;

/// Where an app has its secrets.
const SECRETS: [&str; 3] = ["properties", "configuration", "secrets"];

/// What these runs did, which are one, oldest first; `app` is the id of theirs.
pub(super) fn earlier(runs: &[&Journal], app: &str) -> Earlier {
    let mut doing = Doing { app, did: Earlier::default(), place: 0, last: BTreeSet::new() };
    for journal in runs {
        let writes = journal.writes();
        for entry in &journal.entries {
            match entry {
                Entry::Before(before) => {
                    let written = writes.iter().find(|one| one.before.write == before.write);
                    match written.map(Written::fate) {
                        None | Some(Fate::Refused) => {}
                        Some(fate) => doing.add(before, fate == Fate::Taken),
                    }
                }
                Entry::Restart(restart) if restart.left.is_empty() => {
                    let last = std::mem::take(&mut doing.last);
                    doing.did.secrets.retain(|name| !last.contains(name));
                }
                _ => {}
            }
        }
    }
    doing.did
}

struct Doing<'a> {
    app: &'a str,
    did: Earlier,
    /// How many writes there were.
    place: usize,
    /// The secrets of the last write that had any: the restarts after it are for these.
    last: BTreeSet<String>,
}

impl Doing<'_> {
    fn add(&mut self, before: &Before, taken: bool) {
        self.place += 1;
        if before.kind == Kind::Action {
            for step in &before.steps {
                self.did.sent.insert(step.clone(), (self.place, taken));
            }
            return;
        }
        if before.kind == Kind::Restart {
            return;
        }
        self.did.wrote.extend(before.steps.iter().map(|step| (step.clone(), self.place)));
        if !before.path.eq_ignore_ascii_case(self.app) {
            return;
        }
        let parts = |at: &[Part], wanted: &[&str]| {
            wanted.iter().zip(at).all(|(wanted, part)| matches!(part, Part::Member(name) if name == wanted))
        };
        // A new revision starts with what the secrets are then.
        if before.owned.iter().any(|owned| parts(&owned.at, &["properties", "template"])) {
            return;
        }
        // Nobody used what was not there.
        let present = before.owned.iter().filter(|owned| owned.there > SECRETS.len());
        let secrets = present.filter_map(|owned| match owned.at.as_slice() {
            [above @ .., Part::Element([name]), Part::Member(_)]
                if above.len() == SECRETS.len() && parts(above, &SECRETS) =>
            {
                Some(name.clone())
            }
            _ => None,
        });
        let secrets: BTreeSet<String> = secrets.collect();
        if !secrets.is_empty() {
            self.did.secrets.extend(secrets.iter().cloned());
            self.last = secrets;
        }
    }
}
