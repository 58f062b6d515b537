//! Which run is put back.

use std::collections::BTreeSet;

use crate::journal::{Fate, Journal};

/// The command of runs that put others back.
pub const UNDO: &str = "undo";

/// The newest of `journals`, which are those of one target, newest first, that wrote something and was not put back;
/// with the interrupted runs that it went on from, oldest first. Runs that put others back are passed over. Empty:
/// there is none.
pub fn last(journals: &[Journal]) -> Vec<&Journal> {
    let undone = undone(journals);
    let wanted = journals.iter().find(|one| {
        one.run.command != UNDO
            && !undone.contains(one.run.id.as_str())
            && whole(journals, one).iter().any(|one| wrote(one))
    });
    wanted.map(|one| whole(journals, one)).unwrap_or_default()
}

/// A run with the interrupted ones that it went on from, oldest first: what they wrote is one change.
pub fn whole<'j>(journals: &'j [Journal], run: &'j Journal) -> Vec<&'j Journal> {
    let mut all = vec![run];
    let mut seen = BTreeSet::from([run.run.id.as_str()]);
    while let Some(before) = all.last().and_then(|one| one.run.continues.as_deref()) {
        match journals.iter().find(|one| one.run.id == before) {
            // A journal may say anything: never round in a circle.
            Some(one) if seen.insert(one.run.id.as_str()) => all.push(one),
            _ => break,
        }
    }
    all.reverse();
    all
}

/// The ids of the runs that were put back whole.
fn undone(journals: &[Journal]) -> BTreeSet<&str> {
    let ended = |one: &&Journal| {
        one.run.command == UNDO
            && one.end().is_some_and(|end| matches!(end.status.as_str(), "ok" | "verification-failed"))
    };
    let named = journals.iter().filter(ended).filter_map(|one| one.run.undoes.as_deref());
    let of = named.filter_map(|id| journals.iter().find(|one| one.run.id == id));
    of.flat_map(|one| whole(journals, one)).map(|one| one.run.id.as_str()).collect()
}

/// Whether a run changed something, or may have.
pub fn wrote(journal: &Journal) -> bool {
    journal.writes().iter().any(|write| write.fate() != Fate::Refused)
}
