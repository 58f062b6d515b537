//! The sample of a recipe that is not built in: the files below its folder's `app/`.

use std::path::{Path, PathBuf};

use super::files::{beneath, read_bytes, refused};
use crate::diagnostic::{Diagnostic, codes};

/// More files than a sample has, in more folders within each other.
const MAX_FILES: usize = 200;
const MAX_DEPTH: usize = 8;

/// A file of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Where it lies below the sample's folder: plain names only.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The files below `folder`'s `app/`, in order; none without one. Folders whose name begins with a point and
/// `__pycache__` are left out: they are caches, or configure the tools of whoever gets the sample.
///
/// # Errors
/// A link, which would let a recipe read what is not its own; what is neither file nor folder; a file that
/// is longer than recipes may be; more files than a sample has.
pub(super) fn read(folder: &Path) -> Result<Vec<SampleFile>, Box<Diagnostic>> {
    let app = folder.join("app");
    if app.symlink_metadata().is_err() {
        return Ok(Vec::new());
    }
    beneath(folder, Path::new("app"))?;
    let mut found = Vec::new();
    below(&app, Path::new(""), 0, &mut found)?;
    Ok(found)
}

fn below(
    folder: &Path,
    within: &Path,
    depth: usize,
    found: &mut Vec<SampleFile>,
) -> Result<(), Box<Diagnostic>> {
    let unreadable = |error| refused(folder, codes::UNREADABLE_FILE, &format!("cannot be read: {error}"));
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let (path, inner) = (entry.path(), within.join(&name));
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if name.as_encoded_bytes().starts_with(b".") || name == "__pycache__" {
                continue;
            }
            if depth == MAX_DEPTH {
                return Err(too_much(folder));
            }
            below(&path, &inner, depth + 1, found)?;
        } else if kind.is_symlink() {
            return Err(refused(&path, codes::OUTSIDE_FOLDER, "is a link; a sample has files of its own"));
        } else {
            if found.len() == MAX_FILES {
                return Err(too_much(folder));
            }
            found.push(SampleFile { bytes: read_bytes(&path, &path)?, path: inner });
        }
    }
    Ok(())
}

fn too_much(folder: &Path) -> Box<Diagnostic> {
    let why =
        format!("has more than the {MAX_FILES} files, {MAX_DEPTH} folders deep, that a sample may have");
    refused(folder, codes::FILE_TOO_LARGE, &why)
}
