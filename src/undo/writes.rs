//! The writes of journals, which of them were over when others began, and the revisions that came of them.

use crate::journal::Journal;
use crate::journal::entry::{Answer, Before, Entry};

/// A write that took effect, or may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    /// What was written down before it was sent.
    pub(super) before: &'a Before,
    /// The position of that line in all journals.
    pub(super) begun: usize,
    /// The position of the line that says that it was over.
    pub(super) over: usize,
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
                Entry::After(after) if after.write == before.write => Some((at, &after.answer)),
                _ => None,
            });
            let answer = answers.next_back();
            let refused = matches!(answer, Some((_, Answer::Failed(failed))) if !failed.maybe_applied);
            if refused {
                continue;
            }
            let done = later().find_map(|(at, entry)| match entry {
                Entry::Done(done) if done.write == before.write => Some(at),
                _ => None,
            });
            let answered = answer.and_then(|(at, answer)| match answer {
                Answer::Accepted(accepted) if accepted.operation.is_some() => None,
                _ => Some(at),
            });
            let over = done.or(answered).map_or(end, |at| start + at);
            all.push(Made { before, begun: start + at, over });
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
