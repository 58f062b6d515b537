//! The stable names of findings. A code is never renamed or reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(
    /// Kebab-case name.
    pub &'static str,
);

/// Every code with its one-line description.
pub const CODES: &[(Code, &str)] = &[];
