//! What is in the folder and not left out.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::{ContextError, Ignore, LARGEST, MOST_ENTRIES};

/// How many of the largest files are named when there is too much.
const NAMED: usize = 5;

/// One thing that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the context, with `/`.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The bytes of a file, else 0.
    pub size: u64,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file, and whether somebody may execute it.
    File {
        /// Whether somebody may execute it.
        executable: bool,
    },
    /// A link, and where it leads, as it says it.
    Link(String),
}

/// All entries, each folder before what is in it, names in the order of their bytes.
pub(super) fn entries(root: &Path, ignore: &Ignore) -> Result<Vec<Entry>, ContextError> {
    let mut walk = Walk { root, ignore, entries: Vec::new(), bytes: 0 };
    walk.folder("")?;
    if walk.bytes > LARGEST {
        let mut files: Vec<(String, u64)> =
            walk.entries.iter().map(|entry| (entry.path.clone(), entry.size)).collect();
        files.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        files.truncate(NAMED);
        return Err(ContextError::TooLarge { bytes: walk.bytes, largest: files });
    }
    Ok(walk.entries)
}

struct Walk<'a> {
    root: &'a Path,
    ignore: &'a Ignore,
    entries: Vec<Entry>,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &str) -> Result<(), ContextError> {
        let unreadable =
            |error: std::io::Error| unreadable(if folder.is_empty() { "." } else { folder }, &error);
        let mut names = Vec::new();
        for child in fs::read_dir(self.root.join(folder)).map_err(unreadable)? {
            let name = child.map_err(unreadable)?.file_name();
            names.push(name.into_string().map_err(|name| {
                ContextError::Name(Path::new(folder).join(name).to_string_lossy().into_owned())
            }));
        }
        // One that is no UTF-8 may be left out as little as it can be sent: no pattern speaks of it.
        let mut names = names.into_iter().collect::<Result<Vec<String>, _>>()?;
        names.sort_unstable();
        for name in names {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            self.child(path)?;
        }
        Ok(())
    }

    fn child(&mut self, path: String) -> Result<(), ContextError> {
        let here = self.root.join(&path);
        let metadata = fs::symlink_metadata(&here).map_err(|error| unreadable(&path, &error))?;
        let excluded = self.ignore.excludes(&path);
        if metadata.is_dir() {
            if excluded && !self.ignore.may_hold(&path) {
                return Ok(());
            }
            let at = self.entries.len();
            self.push(Entry { path: path.clone(), kind: Kind::Folder, size: 0 })?;
            self.folder(&path)?;
            // A folder that is left out is there only for what is in it.
            if excluded && self.entries.len() == at + 1 {
                self.entries.truncate(at);
            }
            return Ok(());
        }
        if excluded {
            return Ok(());
        }
        let kind = if metadata.is_symlink() {
            Kind::Link(link(self.root, &here, &path)?)
        } else if metadata.is_file() {
            Kind::File { executable: executable(&metadata) }
        } else {
            return Err(ContextError::Special(path));
        };
        let size = if matches!(kind, Kind::File { .. }) { metadata.len() } else { 0 };
        self.bytes = self.bytes.saturating_add(size);
        self.push(Entry { path, kind, size })
    }

    fn push(&mut self, entry: Entry) -> Result<(), ContextError> {
        if self.entries.len() == MOST_ENTRIES {
            return Err(ContextError::TooMany);
        }
        self.entries.push(entry);
        Ok(())
    }
}

pub(super) fn unreadable(path: &str, error: &std::io::Error) -> ContextError {
    ContextError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

/// Where a link leads, which must be in the context: as it is written, and, if it leads to something, where that
/// really is.
fn link(root: &Path, here: &Path, path: &str) -> Result<String, ContextError> {
    let target = fs::read_link(here).map_err(|error| unreadable(path, &error))?;
    let told = target.to_string_lossy().into_owned();
    let outside = || ContextError::LinkOutside { link: path.to_owned(), target: told.clone() };
    let written = target.to_str().ok_or_else(|| ContextError::Name(told.clone()))?.replace('\\', "/");
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = if folder.is_empty() { written.clone() } else { format!("{folder}/{written}") };
    if target.is_absolute() || inside(&joined).is_none() {
        return Err(outside());
    }
    match here.canonicalize() {
        Ok(real) if !real.starts_with(root) => Err(outside()),
        _ => Ok(written),
    }
}

/// A path without `.` and `..`, with `/`; `None`: it leads out, or is not relative.
pub(super) fn inside(path: &str) -> Option<String> {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            std::path::Component::Normal(name) => clean.push(name),
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    let names: Option<Vec<&str>> = clean.iter().map(|name| name.to_str()).collect();
    Some(names?.join("/"))
}

#[cfg(unix)]
fn executable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    metadata.permissions().mode() & 0o111 != 0
}

/// As Docker has it where files have no such bit.
#[cfg(not(unix))]
fn executable(_: &Metadata) -> bool {
    true
}
