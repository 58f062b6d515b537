//! What several areas of the suite need.

pub mod certificates;
pub mod others;
pub mod scenarios;
pub mod schema;
pub mod served;
pub mod undoing;
pub mod world;

/// A line on stderr that the test harness does not swallow: counts that belong into every log.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
pub(crate) use say;
