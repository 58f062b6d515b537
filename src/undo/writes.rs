//! The writes of journals, which of them were over when others began, and the revisions that came of them.

use time::OffsetDateTime;

use crate::journal::Journal;
use crate::journal::entry::{Accepted, Answer, Before, Entry};

/// A write that took effect, or may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    /// What was written down before it was sent.
    pub(super) before: &'a Before,
    /// The position of that line in all journals.
    pub(super) begun: usize,
    /// The position of the line that says that it was over.
    pub(super) over: usize,
    /// When that was seen; `None`: nobody saw it.
    pub(super) seen: Option<OffsetDateTime>,
    /// What Azure answered when it took it.
    pub(super) accepted: Option<&'a Accepted>,
}

/// Every write of the runs that took effect, or may have, in order.
pub(super) fn writes<'a>(runs: &[&'a Journal]) -> Vec<Made<'a>> {
    let mut all = Vec::new();
    let mut start = 0;
    for journal in runs {
        let run = &journal.entries;
        // What nobody saw end was over at the latest when the run was: the next one waits for it.
        let end = start + run.len();
        for (at, entry) in run.iter().enumerate() {
            let Entry::Before(before) = entry else { continue };
            let later = || run.iter().enumerate().skip(at);
            let mut answers = later().filter_map(|(at, entry)| match entry {
                Entry::After(after) if after.write == before.write => Some((at, after)),
                _ => None,
            });
            let answer = answers.next_back();
            let accepted = match answer.map(|(_, after)| &after.answer) {
                Some(Answer::Failed(failed)) if !failed.maybe_applied => continue,
                Some(Answer::Accepted(accepted)) => Some(accepted),
                _ => None,
            };
            let done = later().find_map(|(at, entry)| match entry {
                Entry::Done(done) if done.write == before.write => Some((at, done.at)),
                _ => None,
            });
            let answered = answer
                .filter(|_| accepted.is_none_or(|accepted| accepted.operation.is_none()))
                .map(|(at, after)| (at, after.at));
            let over = done.or(answered);
            let seen = over.filter(|_| accepted.is_some()).map(|(_, time)| time);
            let over = over.map_or(end, |(at, _)| start + at);
            all.push(Made { before, begun: start + at, over, seen, accepted });
        }
        start = end + 1;
    }
    all
}

/// The revisions that came of the runs' writes, each with the position of the line that says so.
pub(super) fn revisions<'a>(runs: &[&'a Journal]) -> Vec<(usize, &'a str)> {
    let mut all: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for journal in runs {
        for (at, entry) in journal.entries.iter().enumerate() {
            if let Entry::Revision(revision) = entry
                && !all.iter().any(|(_, name)| *name == revision.name)
            {
                all.push((start + at, &revision.name));
            }
        }
        start += journal.entries.len() + 1;
    }
    all
}
