//! What the client tells while it works. Paths only, never a query or a header.

use std::sync::Arc;
use std::time::Duration;

use super::request::Method;

/// One thing that happened on the way to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// A request goes out now. Every try has a number of its own, counted from 1.
    Sent {
        /// The try.
        number: u64,
        /// Its method.
        method: Method,
        /// Its path.
        path: String,
    },
    /// The whole answer is here.
    Answered {
        /// The try it answers.
        number: u64,
        /// The HTTP status.
        status: u16,
        /// How long it took.
        elapsed: Duration,
    },
    /// No answer, or only a part of one, came.
    Unanswered {
        /// The try.
        number: u64,
        /// What happened, in one line.
        reason: String,
    },
    /// The request will be sent again.
    Retrying {
        /// The wait before it.
        after: Duration,
        /// Why the last try did not do.
        reason: String,
        /// The number of tries of this request that failed.
        attempt: u32,
    },
    /// Requests are held back so that Azure does not refuse them.
    Throttled {
        /// How many.
        waiting: usize,
        /// For how long requests have been.
        elapsed: Duration,
    },
    /// A long-running operation is not done yet.
    Waiting {
        /// The path of the resource that is worked on.
        resource: String,
        /// Azure's word for where it stands.
        status: String,
        /// How long we have been waiting.
        elapsed: Duration,
        /// When we look again.
        next: Duration,
    },
}

/// Where events go.
pub type EventSink = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// A sink that drops everything.
pub fn ignore() -> EventSink {
    Arc::new(|_| {})
}
