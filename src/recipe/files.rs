//! Files of recipes: regular ones, beneath their folder, not too long.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::yaml::MAX_BYTES;
use crate::diagnostic::{Code, Diagnostic, Source, codes};

/// Whether a path, as it is written, stays in the folder it is relative to.
pub fn stays_inside(path: &str) -> bool {
    let mut depth = 0_usize;
    // A path with another system's separators is none that can be judged.
    !path.contains('\\')
        && Path::new(path).components().all(|part| match part {
            Component::Normal(_) => {
                depth += 1;
                true
            }
            Component::CurDir => true,
            Component::ParentDir => {
                let inside = depth > 0;
                depth = depth.saturating_sub(1);
                inside
            }
            Component::RootDir | Component::Prefix(_) => false,
        })
}

/// Reads a text file of at most [`MAX_BYTES`]; `path` becomes the source's name.
///
/// # Errors
/// It is no regular file (a pipe would be waited for, a device never ends), cannot be opened, is longer,
/// or is not UTF-8.
pub fn read_source(path: &Path) -> Result<Arc<Source>, Box<Diagnostic>> {
    read(path, path)
}

/// Reads the text file `name` of a recipe's `folder`, as [`read_source`] does.
///
/// # Errors
/// As [`read_source`]; `name`, or what a link on the way leads to, is not beneath `folder`.
pub fn read_beneath(folder: &Path, name: &str) -> Result<Arc<Source>, Box<Diagnostic>> {
    let named = folder.join(name);
    let real = beneath(folder, Path::new(name))?;
    read(&real, &named)
}

/// Reads the file `name` beneath `folder`, whatever is in it, as [`read_source`] does.
///
/// # Errors
/// As [`read_beneath`], but for UTF-8; at most 1 MiB.
pub fn read_bytes_beneath(folder: &Path, name: &str) -> Result<Vec<u8>, Box<Diagnostic>> {
    read_at_most(&beneath(folder, Path::new(name))?, &folder.join(name), 1024 * 1024)
}

/// The real place of `name`, which must lie beneath `folder`.
///
/// # Errors
/// It is not there, or lies elsewhere.
pub(super) fn beneath(folder: &Path, name: &Path) -> Result<PathBuf, Box<Diagnostic>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let named = folder.join(name);
    let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
    let unreadable = |error| refused(&named, codes::UNREADABLE_FILE, &format!("cannot be read: {error}"));
    let real = named.canonicalize().map_err(unreadable)?;
    let within = folder.canonicalize().map_err(unreadable)?;
    if plain && real.starts_with(within) {
        Ok(real)
    } else {
        Err(refused(&named, codes::OUTSIDE_FOLDER, "leads out of the recipe's folder"))
    }
}

fn read(path: &Path, named: &Path) -> Result<Arc<Source>, Box<Diagnostic>> {
    let text = String::from_utf8(read_bytes(path, named)?)
        .map_err(|_| refused(named, codes::UNREADABLE_FILE, "is not UTF-8 text"))?;
    Ok(Arc::new(Source { name: named.display().to_string(), text }))
}

/// Reads a regular file of at most [`MAX_BYTES`] that messages call `named`.
///
/// # Errors
/// As [`read_source`], but for UTF-8.
pub(super) fn read_bytes(path: &Path, named: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    read_at_most(path, named, MAX_BYTES)
}

fn read_at_most(path: &Path, named: &Path, most: usize) -> Result<Vec<u8>, Box<Diagnostic>> {
    use std::io::Read;

    let refuse = |code, why: &str| refused(named, code, why);
    let unreadable = |error| refuse(codes::UNREADABLE_FILE, &format!("cannot be read: {error}"));
    // Before it is opened: opening a pipe waits for a writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(refuse(codes::UNREADABLE_FILE, "is not a file"));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too long from one that just fits, without
    // reading all of it.
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most {
        let why = format!("has more than the {} KiB that are read", most / 1024);
        return Err(refuse(codes::FILE_TOO_LARGE, &why));
    }
    Ok(bytes)
}

/// A finding about a file.
pub(super) fn refused(path: &Path, code: Code, why: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code, format!("{} {why}", path.display())))
}
