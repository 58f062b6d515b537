//! Why a journal, or the folder it is in, cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT;
use super::lock::Holder;
use crate::diagnostic::{Diagnostic, codes, quote};

/// Why a journal, or the folder it is in, cannot be used. Nothing was changed by whoever gives it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The user has no home folder, so there is no place for journals.
    #[error("there is no home folder to keep journals in")]
    NoHome,
    /// A file or folder could not be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    Io {
        /// It.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of the key holds something else.
    #[error("{} is damaged: it does not hold the key of the journals", path.display())]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// A file whose first line is not a journal's.
    #[error("{} is no journal of acarecipe", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer acarecipe wrote it.
    #[error("{} was written by a newer acarecipe (format {format}, this one knows {FORMAT})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// A line other than the last makes no sense.
    #[error("{} is damaged: line {line} is no entry of a journal ({reason})", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The run was cut off before its first line was whole: it has sent nothing.
    #[error("{} was cut off before its run began: the run has written nothing to Azure", path.display())]
    Cut {
        /// The file.
        path: PathBuf,
    },
    /// There is no such run.
    #[error("there is no journal of a run `{id}`")]
    NoSuchRun {
        /// What was asked for.
        id: String,
    },
    /// Another run is at work on the target.
    #[error("another run is at work on the same target{}", holder.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Held {
        /// Who, if that can be told.
        holder: Option<Holder>,
    },
    /// The copy would take the place of something.
    #[error("{} exists", path.display())]
    CopyExists {
        /// The file.
        path: PathBuf,
    },
}

impl JournalError {
    pub(super) fn io(path: &Path, source: io::Error) -> JournalError {
        JournalError::Io { path: path.to_owned(), source }
    }

    /// The file that it is about, if it is about one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            JournalError::Io { path, .. }
            | JournalError::Key { path }
            | JournalError::Foreign { path }
            | JournalError::Newer { path, .. }
            | JournalError::Damaged { path, .. }
            | JournalError::Cut { path }
            | JournalError::CopyExists { path } => Some(path),
            JournalError::NoHome | JournalError::NoSuchRun { .. } | JournalError::Held { .. } => None,
        }
    }

    /// What a person is told.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let aside = |path: &Path| {
            let path = path.display().to_string();
            format!("mv {} {}", quote(&path), quote(&format!("{path}.damaged")))
        };
        let code = match self {
            JournalError::NoHome | JournalError::Io { .. } | JournalError::Key { .. } => codes::STATE_FOLDER,
            JournalError::Foreign { .. }
            | JournalError::Newer { .. }
            | JournalError::Damaged { .. }
            | JournalError::Cut { .. } => codes::JOURNAL,
            JournalError::NoSuchRun { .. } => codes::NO_SUCH_RUN,
            JournalError::Held { .. } => codes::RUN_IN_PROGRESS,
            JournalError::CopyExists { .. } => codes::FILE_EXISTS,
        };
        let told = Diagnostic::error(code, self.to_string());
        match self {
            JournalError::NoHome | JournalError::Io { .. } => told
                .note("every write is recorded before it is sent, so nothing was written to Azure")
                .fix("--state-dir DIR, a folder that can be written to"),
            JournalError::Key { path } => told
                .note("a new key is made when it is gone; what earlier runs kept as an HMAC cannot be compared then")
                .fix(aside(path)),
            JournalError::Foreign { path } | JournalError::Damaged { path, .. } => {
                told.note("it was left as it is; runs go on from what is in Azure without it").fix(aside(path))
            }
            JournalError::Newer { .. } => told.fix("use the acarecipe that wrote it, or a newer one"),
            JournalError::Cut { path } => told.fix(format!("rm {}", quote(&path.display().to_string()))),
            JournalError::NoSuchRun { .. } => told.fix("acarecipe runs"),
            JournalError::Held { .. } => {
                told.fix("wait until it has ended, then run the same command again: it goes on from what is there")
            }
            JournalError::CopyExists { .. } => {
                told.note("a journal takes the place of nothing").fix("--journal FILE, a file that is not there yet")
            }
        }
    }
}
