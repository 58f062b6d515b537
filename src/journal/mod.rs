//! The journal: what a run did, so that it can be told, gone on from, and put back.
//!
//! One file a run, `<state folder>/runs/<id>.jsonl`, only ever appended to: [`entry`] has its lines. A run needs no
//! journal to go on (live state says what is missing); a journal adds what live state does not tell: what was there
//! before, what the run made and what it found, and which of Azure's operations it waited for.

pub mod entry;

pub use entry::{Entry, FORMAT};
