//! The cases of `test` in the frozen JSON shape.

use serde::Serialize;
use serde_json::Value as Json;

use super::{Ending, Report};

/// How a case ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    /// The recipe whose case it is.
    pub recipe: String,
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// `passed` or `failed`.
    pub status: &'static str,
    /// The assumption of the sandbox that was turned round for it (`--switches`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flipped: Option<&'static str>,
    /// In what it ended otherwise, as diagnostics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Json>,
    /// Its runs.
    pub runs: Vec<CaseRunReport>,
    /// The whole report of the run that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_run: Option<Box<Report>>,
}

/// How a run of a case ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseRunReport {
    /// The command.
    pub command: &'static str,
    /// How it ended.
    pub status: Ending,
    /// Whether the case did not ask for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// Accepted writes.
    pub writes: usize,
    /// New revisions.
    pub revisions: usize,
}
