//! The stable names of findings. A code is never renamed or reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(
    /// Kebab-case name.
    pub &'static str,
);

/// Every code with its one-line description.
pub const CODES: &[(Code, &str)] = &[
    // Azure Resource Manager, credentials and endpoints
    (Code("azure-refused"), "Azure refused a request, or an operation of it failed"),
    (Code("azure-unreachable"), "no complete answer came from Azure"),
    (Code("azure-credential"), "the credential gives no token, or none was chosen"),
    (Code("azure-endpoint"), "the endpoint cannot be used, or not with this credential"),
    (Code("azure-profile"), "the files in which az keeps its selection cannot be read"),
];
