//! Files that only their owner can read, written whole or not at all.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path` through a new file beside it and a rename, so that a reader, or a
/// process killed half-way, sees the old content or the new one. On Unix the file gets mode 0600;
/// on Windows it gets the access rules of its folder, which in a profile are the owner's.
/// Missing folders are made (mode 0700).
///
/// Nothing is flushed to the disk itself: what stands here survives the process, and need not
/// survive the machine.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    make_folder(&folder)?;
    // tempfile makes its files with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".acarecipe-").tempfile_in(&folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

/// Makes `folder` and what is missing above it, for the owner only.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Options that open a file for its owner only, should they create it.
pub(super) fn open_options() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// The folder that `path` is in; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
