//! The interpreter: fetches facts, sends writes in order, waits until they really work, and tells
//! what happens as events. It prints nothing and decides nothing that a plan has not decided.

mod act;
mod ask;
mod build;
mod database;
mod events;
mod failure;
mod fleet;
mod hook;
mod interrupt;
mod last_read;
mod ledger;
mod local;
mod log;
mod names;
mod observe;
mod others;
mod probe;
mod record;
mod repeat;
mod restart;
mod resume;
mod revision;
mod rollout;
mod run;
mod secrets;
mod send;
mod settle;
mod turns;
mod wait;
mod write;

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use crate::azure::{ArmClient, Caller};
use crate::clock::Clock;
use crate::facts::Facts;
use crate::plan::{Plan, Request, Selection, SoFar, Target, plan};

pub use events::{Event, Observer};
pub use failure::Failure;
pub use fleet::Fleet;
pub use hook::{AssignedIdentity, Hook, NoHook, Note, OwnedPath, WriteEnd, WriteKind, WriteRecord};
pub use interrupt::Interrupt;
pub use ledger::{Applied, Done};
pub(crate) use record::marked;
pub use resume::Begun;
pub use rollout::rollout_stages;
pub use turns::Turns;
pub use write::described;

/// What an execution works with.
#[derive(Clone)]
pub struct Executor {
    /// Azure.
    pub client: ArmClient,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// Who sees every write before and after it happens.
    pub hook: Arc<dyn Hook>,
    /// Whether to stop.
    pub interrupt: Interrupt,
    /// When waiting ends.
    pub deadline: OffsetDateTime,
    /// Replaces every recipe's `settle`.
    pub role_wait: Option<Duration>,
    /// Gives a template that was sent and that nothing runs a suffix of its own. A run sets it by
    /// itself when sending again was not enough.
    pub renew: bool,
    /// Where relative paths of local files begin; empty: where the command runs.
    pub folder: PathBuf,
    /// Asks the app what the recipes' verifications want to know of it. A verification sets it by itself;
    /// nothing that is planned or written needs it.
    pub probing: bool,
    /// Tries a change again that was rolled out and taken back.
    pub retry: bool,
    /// Who writes what right now: runs of one process share it.
    pub turns: Turns,
    /// What the run has done so far; its clones share it. A new run begins with an empty one.
    pub so_far: Arc<Mutex<SoFar>>,
    /// Requests that change something, sent in the run so far: each has a number.
    pub sent: Arc<AtomicU32>,
}

/// A plan without anything missing, the facts it stands on, and what they cost.
#[derive(Debug)]
pub struct Observed {
    /// The plan.
    pub plan: Plan,
    /// The facts.
    pub facts: Facts,
    /// Rounds of reads that depended on each other.
    pub rounds: usize,
    /// Reads sent.
    pub reads: usize,
}

impl Executor {
    /// The plan over `facts` at the present moment.
    fn plan(
        &self,
        selection: &Selection,
        target: &Target,
        facts: &Facts,
        caller: Option<&Caller>,
        rights: bool,
    ) -> Plan {
        let so_far = self.so_far();
        let request = Request {
            selection,
            target,
            caller,
            now: self.clock.now(),
            role_wait: self.role_wait,
            renew: self.renew,
            probing: self.probing,
            retry: self.retry,
            so_far: &so_far,
        };
        plan(request, facts, rights)
    }

    /// What the run has done so far.
    pub(crate) fn so_far(&self) -> SoFar {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds to what the run has done.
    pub(crate) fn remember(&self, change: impl FnOnce(&mut SoFar)) {
        change(&mut self.so_far.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
