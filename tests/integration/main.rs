//! The one integration-test binary: everything here goes through the public surface.

#![allow(unreachable_pub, reason = "`pub` says what other areas of the suite may use")]
#![allow(
    clippy::print_stderr,
    clippy::use_debug,
    reason = "a test says what it skipped and shows what it saw"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test may fail as the test may")]

mod across;
mod cli;
mod client;
mod context;
mod dockerfile;
mod expression;
mod fuzz;
mod journal;
mod layers;
#[cfg(unix)]
mod readme;
mod recipe;
mod requirements;
mod runs;
mod runs_faults;
mod sandbox;
mod support;
mod tsql;
