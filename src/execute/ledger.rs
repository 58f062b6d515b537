//! What a run has done so far: kept while it goes on, so that it can be told however the run ends.

use std::sync::{Mutex, PoisonError};

use super::others::Sent;
use super::send::Tried;
use crate::diagnostic::Diagnostic;
use crate::plan::{ByHand, Plan, Traffic};

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Accepted writes, in order, in a few words each.
    pub writes: Vec<Done>,
    /// Revisions that came of them.
    pub revisions: Vec<String>,
    /// Writes that were sent and whose answer is not known: they may have taken effect.
    pub unanswered: Vec<Done>,
    /// Revisions that still run with an old secret and have to be restarted. What is live does not
    /// show it, so no later run makes up for it.
    pub to_restart: Vec<String>,
    /// Who gets what of the traffic, as a rollout saw it last; `None`: no rollout has begun.
    pub traffic: Option<Traffic>,
    /// What is left to a person since the run could not see it through.
    pub by_hand: Vec<ByHand>,
    /// Warnings that somebody else wrote what the run wrote, at the same time.
    pub others: Vec<Diagnostic>,
    /// Writes after which nobody has looked for others yet.
    pub(super) sent: Vec<Sent>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What it did, in a few words.
    pub what: String,
    /// The resource's id.
    pub resource: String,
}

/// The account of a run, shared by writes that run beside each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ledger<'a>(pub(super) &'a Mutex<Applied>);

impl Ledger<'_> {
    fn edit(self, change: impl FnOnce(&mut Applied)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The write is on its way.
    pub(super) fn sent(self, write: &Done) {
        self.edit(|applied| {
            applied.unanswered.retain(|other| other != write);
            applied.unanswered.push(write.clone());
        });
    }

    /// Azure took it.
    pub(super) fn accepted(self, write: &Done) {
        self.edit(|applied| {
            applied.unanswered.retain(|other| other != write);
            applied.writes.push(write.clone());
        });
    }

    /// It has had no effect.
    pub(super) fn refused(self, write: &Done) {
        self.edit(|applied| applied.unanswered.retain(|other| other != write));
    }

    /// What came of sending it. One that may have been taken stays unanswered.
    pub(super) fn answered<T>(self, write: &Done, answer: &Result<T, Tried>) {
        match answer {
            Ok(_) => self.accepted(write),
            Err(Tried::Azure(error)) if error.maybe_applied() => {}
            Err(_) => self.refused(write),
        }
    }

    /// It is in place: if its answer was lost, it was taken.
    pub(super) fn in_place(self, write: &Done) {
        self.edit(|applied| {
            if applied.unanswered.contains(write) {
                applied.unanswered.retain(|other| other != write);
                applied.writes.push(write.clone());
            }
        });
    }

    /// A rollout saw the traffic, or made it so.
    pub(super) fn traffic(self, traffic: &Traffic) {
        self.edit(|applied| applied.traffic = Some(traffic.clone()));
    }

    /// What `plan` leaves of these steps to a person.
    pub(super) fn by_hand(self, plan: &Plan, keys: &[String]) {
        let left = plan.by_hand.iter().filter(|one| keys.contains(&one.key)).cloned();
        self.edit(|applied| applied.by_hand.extend(left));
    }

    /// A write of a resource was taken, after which others are looked for.
    pub(super) fn wrote(self, sent: Option<Sent>) {
        self.edit(|applied| applied.sent.extend(sent));
    }

    /// Those writes, once.
    pub(super) fn take_sent(self) -> Vec<Sent> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).sent)
    }

    /// Somebody else wrote what the run wrote.
    pub(super) fn others(self, warning: Diagnostic) {
        self.edit(|applied| applied.others.push(warning));
    }

    /// A new revision.
    pub(super) fn revision(self, name: &str) {
        self.edit(|applied| {
            if !applied.revisions.iter().any(|have| have == name) {
                applied.revisions.push(name.to_owned());
            }
        });
    }

    /// These revisions have to be restarted.
    pub(super) fn to_restart(self, names: &[String]) {
        self.edit(|applied| applied.to_restart.extend_from_slice(names));
    }

    /// This one has been.
    pub(super) fn restarted(self, name: &str) {
        self.edit(|applied| applied.to_restart.retain(|have| have != name));
    }
}
