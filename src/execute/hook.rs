//! The one place every write passes, before and after: where a journal and undo attach.

use serde_json::Value as Json;

use crate::azure::Method;

/// A write, redacted: values that nobody may see are words. Never the body itself.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRecord {
    /// The method.
    pub method: Method,
    /// The id path.
    pub path: String,
    /// The api-version.
    pub api_version: String,
    /// Keys of the step runs in it.
    pub steps: Vec<String>,
    /// What the write changes.
    pub owned: Vec<OwnedPath>,
}

/// One owned property, redacted by its type.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedPath {
    /// Where.
    pub path: String,
    /// What was there.
    pub before: Json,
    /// What is wanted.
    pub after: Json,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// Azure took it.
    Accepted {
        /// The HTTP status.
        status: u16,
    },
    /// Azure refused it, or it is not known whether it arrived.
    Failed {
        /// Azure's code.
        code: Option<String>,
        /// Whether it may have taken effect all the same.
        maybe_applied: bool,
    },
}

/// Who sees every write.
pub trait Hook: Send + Sync {
    /// Right before the request is sent. An error stops the run before the write.
    ///
    /// # Errors
    /// Why the write must not be sent (a full disk under a journal).
    fn before(&self, write: &WriteRecord) -> Result<(), String>;

    /// Right after its answer, or its failure.
    fn after(&self, write: &WriteRecord, end: &WriteEnd);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl Hook for NoHook {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        Ok(())
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
}
