//! The folder that an image is built from, as the tar that a registry takes: the same bytes for the same files,
//! whoever made them, when and in which order.
//!
//! What is sent is what Docker would send: all that `.dockerignore` does not leave out
//! (<https://docs.docker.com/build/concepts/context/#dockerignore-files>). Nothing is held in memory but the
//! names; files are read where they are needed, as often as they are needed, and a file that became another one
//! meanwhile is found.

mod archive;
mod ignore;
mod pattern;
mod walk;

use std::path::{Path, PathBuf};

pub use archive::{Digest, Packed};
pub use ignore::{Ignore, IgnoreError};
pub use walk::{Entry, Kind};

/// The most bytes of files that are sent. A context of a web application has a few megabytes; more than this is
/// nearly always data or an environment that nobody meant to send.
pub const LARGEST: u64 = 500 * 1024 * 1024;

/// The most files, folders and links that are sent.
pub const MOST_ENTRIES: usize = 100_000;

/// Why a folder cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The context is no folder.
    #[error("{0} is not a folder")]
    NoFolder(String),
    /// The folder leads out of the one that it must be in.
    #[error("{path} leads out of {within}")]
    Outside {
        /// The folder.
        path: String,
        /// What it must be in.
        within: String,
    },
    /// There is no Dockerfile.
    #[error("there is no {0} in the context")]
    NoDockerfile(String),
    /// The Dockerfile stands outside of the context.
    #[error("the Dockerfile {0} is not in the context")]
    DockerfileOutside(String),
    /// A link that leads out.
    #[error("the link {link} leads out of the context, to {target}")]
    LinkOutside {
        /// The link.
        link: String,
        /// Where it leads.
        target: String,
    },
    /// A socket, pipe or device.
    #[error("{0} is neither a file nor a folder nor a link")]
    Special(String),
    /// A name that is no UTF-8.
    #[error("the name {0} is not UTF-8")]
    Name(String),
    /// Too much.
    #[error("the context has {} MB, more than the {} MB that are sent; the largest files: {}", megabytes(*.bytes), megabytes(LARGEST), told(.largest))]
    TooLarge {
        /// All of it, in bytes.
        bytes: u64,
        /// The largest files, the largest first.
        largest: Vec<(String, u64)>,
    },
    /// Too many.
    #[error("the context has more than {MOST_ENTRIES} files and folders")]
    TooMany,
    /// A line of the ignore file that is no pattern.
    #[error("{file}: {error}")]
    Ignore {
        /// The file.
        file: String,
        /// What is wrong.
        error: IgnoreError,
    },
    /// A file that was not the same at the end of reading as at its beginning.
    #[error("{0} changed while it was read")]
    Changed(String),
    /// The archive cannot be written.
    #[error("the archive cannot be written: {0}")]
    NotWritten(String),
}

fn megabytes(bytes: u64) -> String {
    format!("{}", bytes.div_ceil(1024 * 1024))
}

fn told(largest: &[(String, u64)]) -> String {
    let one = |(path, bytes): &(String, u64)| format!("{path} ({} MB)", megabytes(*bytes));
    largest.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl ContextError {
    /// What to do about it, if that can be said.
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            ContextError::TooLarge { .. } | ContextError::TooMany => {
                "leave out what the image does not need: name it in .dockerignore".to_owned()
            }
            ContextError::LinkOutside { link, .. } => {
                format!("put a copy in the link's place, or leave it out: echo {link} >> .dockerignore")
            }
            ContextError::Special(path) => format!("leave it out: echo {path} >> .dockerignore"),
            ContextError::NoDockerfile(_) => {
                "write a Dockerfile there, or name another one or another folder".to_owned()
            }
            ContextError::Changed(_) => "run it again once nothing writes there any more".to_owned(),
            _ => return None,
        })
    }
}

/// A folder that can be sent.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    dockerfile: String,
    entries: Vec<Entry>,
}

impl Context {
    /// Looks through the folder `root`, which must lie in `within` if that is given, for what is sent with the
    /// Dockerfile at `dockerfile`, a path in the folder.
    ///
    /// # Errors
    /// See [`ContextError`].
    pub fn open(root: &Path, dockerfile: &str, within: Option<&Path>) -> Result<Context, ContextError> {
        let unreadable = |error: std::io::Error, path: &Path| ContextError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        let real = root.canonicalize().map_err(|error| unreadable(error, root))?;
        if let Some(within) = within {
            let outer = within.canonicalize().map_err(|error| unreadable(error, within))?;
            if !real.starts_with(outer) {
                return Err(ContextError::Outside {
                    path: root.display().to_string(),
                    within: within.display().to_string(),
                });
            }
        }
        if !real.is_dir() {
            return Err(ContextError::NoFolder(root.display().to_string()));
        }
        let dockerfile = walk::inside(dockerfile)
            .filter(|path| !path.is_empty())
            .ok_or_else(|| ContextError::DockerfileOutside(dockerfile.to_owned()))?;
        let found = real.join(&dockerfile);
        if !found.is_file() {
            return Err(ContextError::NoDockerfile(dockerfile));
        }
        if !found.canonicalize().is_ok_and(|found| found.starts_with(&real)) {
            return Err(ContextError::DockerfileOutside(dockerfile));
        }
        let ignore = Ignore::beside(&real, &dockerfile)?;
        let entries = walk::entries(&real, &ignore)?;
        Ok(Context { root: real, dockerfile, entries })
    }

    /// The Dockerfile's path in the context, with `/`.
    pub fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// What is sent, in the order of the archive.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many files and links are sent.
    pub fn files(&self) -> usize {
        self.entries.iter().filter(|entry| !matches!(entry.kind, Kind::Folder)).count()
    }

    /// How many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }
}
