//! Which run is put back.

use std::collections::BTreeSet;

use crate::azure::ResourceId;
use crate::journal::entry::{Run, Target};
use crate::journal::{Fate, Journal, JournalError};
use crate::recipe::Relied;
use crate::value::strip_control;

use super::path_of;

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

/// What runs other than `runs`, begun after these, found in place: all journals of the folder are looked through, of
/// whatever target. Runs that were put back, or put others back, rely on nothing.
pub fn relied(journals: &[Journal], runs: &[&Journal]) -> Vec<Relied> {
    let undone = undone(journals);
    let own: BTreeSet<&str> = runs.iter().map(|one| one.run.id.as_str()).collect();
    let first = own.first().copied().unwrap_or_default();
    let others = journals.iter().filter(|one| {
        let id = one.run.id.as_str();
        // Ids sort by time.
        one.run.command != UNDO && id > first && !own.contains(id) && !undone.contains(id) && wrote(one)
    });
    let found = others.flat_map(|one| one.found().map(move |found| (one, found)));
    let relied = found.filter_map(|(one, found)| {
        let target = &one.run.target;
        let on = target.app.as_ref().or(target.environment.as_ref()).unwrap_or(&target.resource_group);
        let resource = ResourceId::parse(&found.resource)?;
        Some(Relied { resource, run: one.run.id.clone(), target: strip_control(on) })
    });
    relied.collect()
}

/// The runs begun after `runs` whose journals are among those that cannot be read, by id: what they found in place and
/// rely on, nobody can tell. Each comes with its first line, where that can be read: a run on another Azure, of another
/// tenant, or that put others back, relies on nothing here.
pub fn unread(unreadable: &[(JournalError, Option<Run>)], runs: &[&Journal]) -> Vec<String> {
    let first = runs.iter().map(|one| one.run.id.as_str()).min().unwrap_or_default();
    let may_rely =
        |run: &Run| run.command != UNDO && runs.iter().any(|own| same_azure(&own.run.target, &run.target));
    let counted = unreadable.iter().filter(|(_, run)| run.as_ref().is_none_or(may_rely));
    let id = |error: &JournalError| Some(error.path()?.file_stem()?.to_str()?.to_owned());
    counted.filter_map(|(error, _)| id(error)).filter(|id| id.as_str() > first).collect()
}

/// Whether two targets are in the same Azure, of the same tenant as far as both say which.
fn same_azure(one: &Target, other: &Target) -> bool {
    let place =
        one.sandbox == other.sandbox && (one.sandbox || one.endpoint.eq_ignore_ascii_case(&other.endpoint));
    let tenant = match (&one.tenant, &other.tenant) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    };
    place && tenant
}

/// Whether `later` runs left alone all that `run` wrote, so that each can be put back without the others.
pub fn apart<'j>(run: &Journal, later: impl IntoIterator<Item = &'j Journal>) -> bool {
    let own = places(run);
    later.into_iter().all(|one| {
        places(one).iter().all(|(id, path)| {
            own.iter().all(|(own, at)| own != id || !(at.contains(path) || path.contains(at)))
        })
    })
}

/// What a run wrote, or may have. A resource that it created or removed is one place.
fn places(journal: &Journal) -> Vec<(String, crate::value::Path)> {
    let writes = journal.writes();
    let taken = writes.iter().filter(|write| write.fate() != Fate::Refused).map(|write| write.before);
    let places = taken.flat_map(|before| {
        let id = before.path.to_ascii_lowercase();
        let whole = before.create || before.method == "DELETE";
        let root = Some(crate::value::Path::root()).filter(|_| whole);
        let owned = before.owned.iter().filter(move |_| !whole).map(path_of);
        root.into_iter().chain(owned).map(move |path| (id.clone(), path))
    });
    places.collect()
}

/// The run that the oldest of `runs`, which are one, goes on from, and that is not among the journals that can be read:
/// what it wrote would be left behind.
pub fn lost<'j>(journals: &[Journal], runs: &[&'j Journal]) -> Option<&'j str> {
    let before = runs.first()?.run.continues.as_deref()?;
    (!journals.iter().any(|one| one.run.id == before)).then_some(before)
}

/// The ids of the runs that were put back whole. An undo that was itself put back does not count.
pub fn undone(journals: &[Journal]) -> BTreeSet<&str> {
    let ended = |one: &&Journal| {
        one.run.command == UNDO
            && one.end().is_some_and(|end| matches!(end.status.as_str(), "ok" | "verification-failed"))
    };
    let mut undone = BTreeSet::new();
    // Newest first: whether one counts is known before it does.
    for undo in journals.iter().filter(ended) {
        if undone.contains(undo.run.id.as_str()) {
            continue;
        }
        let of = undo.run.undoes.as_deref().and_then(|id| journals.iter().find(|one| one.run.id == id));
        undone.extend(of.into_iter().flat_map(|one| whole(journals, one)).map(|one| one.run.id.as_str()));
    }
    undone
}

/// Whether a run changed something, or may have.
pub fn wrote(journal: &Journal) -> bool {
    journal.writes().iter().any(|write| write.fate() != Fate::Refused)
}
