//! The journal: what a run did, so that it can be told, gone on from, and put back.
//!
//! One file a run, `<state folder>/runs/<id>.jsonl`, only ever appended to: [`entry`] has its lines. A run needs no
//! journal to go on (live state says what is missing); a journal adds what live state does not tell: what was there
//! before, what the run made and what it found, and which of Azure's operations it waited for.
//!
//! A line is on the disk before the write that it announces is sent, and the answer's before the next write. What
//! cannot be recorded is not sent.

mod begun;
pub mod entry;
mod error;
mod folder;
mod id;
mod key;
mod lock;
mod private;
mod read;
mod seal;
mod write;

pub use entry::{Entry, FORMAT, Kept};
pub use error::JournalError;
pub use folder::{KEPT_FOR, KEPT_RUNS, LOOKED_AT, Runs, StateFolder};
pub use id::RunId;
pub use key::Key;
pub use lock::{Holder, Lock};
pub use read::{Fate, Journal, Written};
pub use write::{Sink, Writer};
