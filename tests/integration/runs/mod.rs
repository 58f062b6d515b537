//! Whole runs: planned, applied, verified against the sandbox.

mod counts;
mod failed_operation;
mod hidden;
mod strangers;
