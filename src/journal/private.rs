//! Files and folders that only their owner can read. On Windows they get the access rules of the folder they are in,
//! which in a profile are the owner's.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

/// Makes `folder` and what is missing above it, mode 0700.
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

/// Options that open a file, mode 0600 should they create it.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// The folder that `path` is in, made if it is missing.
pub(super) fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    make_folder(&folder)?;
    Ok(folder)
}

/// Sees to it that a file that was made in `folder` is still there after the machine has stopped.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
