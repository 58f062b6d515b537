//! What a registry builds: archives that were sent to it, and its task runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The task runs of a registry, and what goes wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tasks {
    /// The subscription may not use registry tasks.
    pub forbidden: bool,
    /// No further run is taken.
    pub full: bool,
    /// A step of a Dockerfile with these words in it fails.
    pub broken_step: Option<String>,
    /// Modules that cannot be imported in a test, with the words of the loader.
    pub broken_imports: BTreeMap<String, String>,
    /// Archives, the newest last.
    pub uploads: Vec<Upload>,
    /// Runs, the newest last.
    pub runs: Vec<TaskRun>,
}

/// A place for an archive, and what was put there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// What the registry calls it.
    pub path: String,
    /// What opens it: the signature in its link.
    pub key: String,
    /// Until when.
    pub until: OffsetDateTime,
    /// What was put there.
    pub archive: Option<Archive>,
}

/// What an archive holds, as far as a build needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// SHA-256 of what it holds, before it was compressed.
    pub digest: String,
    /// How many bytes were sent.
    pub bytes: usize,
    /// Paths of files, folders and links; none: it is no archive.
    pub names: Option<BTreeSet<String>>,
    /// The text of files that may be Dockerfiles.
    pub dockerfiles: BTreeMap<String, String>,
}

/// A run. How it ends is settled when it is taken; time alone brings it there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Its name.
    pub id: String,
    /// `QuickBuild` or `QuickRun`.
    pub kind: String,
    /// `os`, `architecture`, `variant`.
    pub platform: serde_json::Value,
    /// When it was taken.
    pub created: OffsetDateTime,
    /// When it starts to work.
    pub starts: OffsetDateTime,
    /// When it is over.
    pub ends: OffsetDateTime,
    /// Repository and tag of what it pushes.
    pub images: Vec<(String, String)>,
    /// The digest of what it pushes.
    pub digest: String,
    /// The port that the image listens on.
    pub listens: Option<u16>,
    /// The lines of its log, all of them.
    pub log: Vec<String>,
    /// Azure's word for how it ends.
    pub end: String,
    /// Why it never began.
    pub error: Option<String>,
    /// What opens its log.
    pub key: String,
    /// Whether its images are in the registry.
    pub pushed: bool,
}

impl TaskRun {
    /// Azure's word for where it stands.
    pub fn status(&self, now: OffsetDateTime) -> &str {
        if now >= self.ends {
            &self.end
        } else if now >= self.starts {
            "Running"
        } else {
            "Queued"
        }
    }

    /// The part of the log that is written by `now`.
    pub fn written(&self, now: OffsetDateTime) -> String {
        let lines = self.log.len();
        let whole = (self.ends - self.starts).whole_milliseconds().max(1);
        let gone = (now - self.starts).whole_milliseconds().clamp(0, whole);
        let many = i128::try_from(lines).unwrap_or(i128::MAX).saturating_mul(gone) / whole;
        let many = if now >= self.ends { lines } else { usize::try_from(many).unwrap_or(0) };
        self.log[..many].iter().fold(String::new(), |text, line| text + line + "\n")
    }
}
