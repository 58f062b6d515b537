//! What `scaffold` wrote, in the frozen JSON shape.

use serde::Serialize;

/// A sample, written out.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaffoldReport {
    /// The folder it was written into, as it was named.
    pub folder: String,
    /// Its files.
    pub files: Vec<ScaffoldedFile>,
    /// The commands that build, run and connect it, in order.
    pub next: Vec<String>,
}

/// A file of a sample.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaffoldedFile {
    /// Its path below the folder, with slashes.
    pub path: String,
    /// `created`, `replaced`, or `unchanged` when the same file was there.
    pub status: &'static str,
}
