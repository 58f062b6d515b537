//! What the interpreter tells while it works. Renderers turn this into what people and machines read.

use std::time::Duration;

use crate::azure::ClientEvent;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A round of reads begins.
    Reading {
        /// How many.
        count: usize,
    },
    /// The app has an operation of somebody else in progress.
    Busy {
        /// The app.
        resource: String,
        /// How long we have been waiting.
        elapsed: Duration,
    },
    /// A write waits until a young role assignment has taken effect.
    Settling {
        /// The role and scope.
        grant: String,
        /// What is left.
        remaining: Duration,
    },
    /// A write goes out.
    Writing {
        /// What it does, in a few words.
        what: String,
    },
    /// Azure took the write and works on it.
    Accepted {
        /// What it does.
        what: String,
    },
    /// The write is done.
    Written {
        /// What it did.
        what: String,
        /// How long it took.
        elapsed: Duration,
    },
    /// The write is sent again after a wait.
    Repeating {
        /// What it does.
        what: String,
        /// Why.
        reason: String,
        /// The wait.
        after: Duration,
    },
    /// The new revision is on its way.
    Revision {
        /// Its name.
        name: String,
        /// Where it stands.
        state: String,
        /// How long we have been waiting.
        elapsed: Duration,
    },
    /// The new revision is ready.
    Ready {
        /// Its name.
        name: String,
        /// Its share of the traffic, in percent.
        traffic: Option<i64>,
        /// How long it took.
        elapsed: Duration,
    },
    /// The domain name system was asked.
    LookedUp {
        /// The name.
        name: String,
        /// The type of records.
        kind: String,
        /// What it answered, in a few words.
        answer: String,
    },
    /// The app was asked.
    Probed {
        /// The method.
        method: String,
        /// The address.
        url: String,
        /// What it answered, in a few words.
        answer: String,
    },
    /// A check of the app does not hold yet, or not often enough, and is asked again.
    Probing {
        /// What it is called.
        name: String,
        /// Where it stands.
        state: String,
        /// How long we have been waiting.
        elapsed: Duration,
    },
    /// Something that a step waits for is not there yet.
    Awaiting {
        /// What it is.
        name: String,
        /// Where it stands.
        state: String,
        /// How long we have been waiting.
        elapsed: Duration,
    },
    /// A rollout's candidate stands at a share of the traffic before it is judged.
    Baking {
        /// The candidate.
        revision: String,
        /// Its share, in percent.
        weight: u32,
        /// What is left.
        remaining: Duration,
    },
    /// A rollout's candidate was judged.
    Judged {
        /// The candidate.
        revision: String,
        /// Its share, in percent.
        weight: u32,
        /// How many checks held.
        passed: usize,
        /// Of how many.
        of: usize,
    },
    /// A rollout's candidate failed, and is taken back.
    RollingBack {
        /// The candidate.
        revision: String,
    },
    /// What an image is built from is sent.
    Uploading {
        /// The folder, in a few words.
        what: String,
        /// How many bytes.
        bytes: u64,
    },
    /// It is still being sent.
    Sending {
        /// The folder, in a few words.
        what: String,
        /// For how long.
        elapsed: Duration,
    },
    /// A run is on already that makes the image.
    Joining {
        /// Its name.
        run: String,
        /// What was to be done.
        what: String,
    },
    /// A task run is not over.
    Run {
        /// Its name.
        run: String,
        /// Azure's word for where it stands.
        state: String,
        /// How long we have been waiting.
        elapsed: Duration,
    },
    /// A line of a run's log, fit to be shown.
    Log {
        /// The line.
        line: String,
    },
    /// Apps of a list were judged.
    Apps {
        /// How many so far.
        seen: usize,
        /// Those among them that are not healthy.
        unwell: usize,
    },
    /// Verification begins.
    Verifying,
    /// A request on its way.
    Client(ClientEvent),
}

/// Who is told.
pub trait Observer: Send + Sync {
    /// One thing happened.
    fn event(&self, event: &Event);
}
