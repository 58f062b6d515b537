//! The archive: headers in which nothing depends on who made a file and when, and its digest.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::walk::unreadable;
use super::{Context, ContextError, Entry, Kind};

/// The digest of an archive that is not compressed: SHA-256, in 64 small hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(pub String);

/// An archive that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The digest of the archive before it was compressed.
    pub digest: Digest,
    /// The bytes written.
    pub bytes: u64,
}

impl Context {
    /// The digest of the archive. Reads every file once.
    ///
    /// # Errors
    /// A file cannot be read, or changes meanwhile.
    pub fn digest(&self) -> Result<Digest, ContextError> {
        let mut hash = Hashing { hash: Sha256::new(), inner: io::sink() };
        self.write(&mut hash)?;
        Ok(Digest(hex(hash.hash)))
    }

    /// Writes the archive, compressed, to `into`.
    ///
    /// # Errors
    /// As [`Context::digest`], or `into` cannot be written.
    pub fn compress(&self, into: impl Write) -> Result<Packed, ContextError> {
        let counted = Counting { inner: into, bytes: 0 };
        let compressed = GzEncoder::new(counted, Compression::default());
        let mut hash = Hashing { hash: Sha256::new(), inner: compressed };
        self.write(&mut hash)?;
        let digest = Digest(hex(hash.hash));
        let mut counted = hash.inner.finish().map_err(|error| not_written(&error))?;
        counted.flush().map_err(|error| not_written(&error))?;
        Ok(Packed { digest, bytes: counted.bytes })
    }

    fn write(&self, into: &mut impl Write) -> Result<(), ContextError> {
        let mut archive = Builder::new(into);
        for entry in &self.entries {
            self.append(&mut archive, entry)?;
        }
        archive.into_inner().map_err(|error| not_written(&error))?;
        Ok(())
    }

    fn append(&self, archive: &mut Builder<impl Write>, entry: &Entry) -> Result<(), ContextError> {
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        match &entry.kind {
            Kind::Folder => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(0o755);
                let path = format!("{}/", entry.path);
                archive.append_data(&mut header, path, io::empty()).map_err(|error| not_written(&error))
            }
            Kind::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                let appended = archive.append_link(&mut header, &entry.path, target);
                appended.map_err(|error| not_written(&error))
            }
            Kind::File { executable } => {
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(entry.size);
                let mut file = opened(&self.root.join(&entry.path), entry)?;
                let mut content = Exactly { inner: &mut file, left: entry.size };
                let appended = archive.append_data(&mut header, &entry.path, &mut content);
                let short = content.left > 0;
                match appended {
                    _ if short => Err(ContextError::Changed(entry.path.clone())),
                    Err(error) => Err(not_written(&error)),
                    Ok(()) if file.read(&mut [0]).is_ok_and(|more| more > 0) => {
                        Err(ContextError::Changed(entry.path.clone()))
                    }
                    Ok(()) => Ok(()),
                }
            }
        }
    }
}

/// The file that was seen, and none that took its place since: neither a link nor a pipe is followed or waited
/// for.
fn opened(path: &Path, entry: &Entry) -> Result<File, ContextError> {
    let failed = |error: io::Error| unreadable(&entry.path, &error);
    let seen = std::fs::symlink_metadata(path).map_err(failed)?;
    if !seen.is_file() || seen.len() != entry.size {
        return Err(ContextError::Changed(entry.path.clone()));
    }
    let file = File::open(path).map_err(failed)?;
    let open = file.metadata().map_err(failed)?;
    if !open.is_file() || !same(&seen, &open) {
        return Err(ContextError::Changed(entry.path.clone()));
    }
    Ok(file)
}

#[cfg(unix)]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    one.dev() == other.dev() && one.ino() == other.ino()
}

#[cfg(not(unix))]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    one.len() == other.len()
}

fn not_written(error: &io::Error) -> ContextError {
    ContextError::NotWritten(error.to_string())
}

fn hex(hash: Sha256) -> String {
    use std::fmt::Write as _;

    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads no more than was announced.
struct Exactly<'f> {
    inner: &'f mut File,
    left: u64,
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

struct Hashing<W> {
    hash: Sha256,
    inner: W,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

struct Counting<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
