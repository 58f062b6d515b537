//! One run at a time on a target, on this machine. The lock is the system's on an open file, so that none outlives its
//! process, however that ends.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{JournalError, RunId, private};
use crate::value::strip_control;

/// How often a lock is tried that somebody may only look at, and the pause between.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(20);

/// A target that this process works on, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// Its process.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}, process {}", strip_control(&self.run), self.pid)
    }
}

impl Lock {
    /// Takes the lock `path` for the run `id`. Does not wait for a run; who only looks ([`Lock::is_held`]) has it for an
    /// instant, and shares it.
    pub(super) fn take(path: &Path, id: &RunId) -> Result<Lock, JournalError> {
        let failed = |source| JournalError::io(path, source);
        private::folder_of(path).map_err(failed)?;
        let mut file = private::open_options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let mut looks = 0;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(LOOK);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(JournalError::Held { holder: holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        let holder = Holder { run: id.to_string(), pid: std::process::id() };
        let text = serde_json::to_vec(&holder).map_err(|error| failed(error.into()))?;
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// Whether somebody holds the lock `path`.
    pub(super) fn is_held(path: &Path) -> bool {
        private::open_options()
            .read(true)
            .write(true)
            .open(path)
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Who says in the file that it holds it. Where a lock keeps others from reading (Windows), nobody can tell.
fn holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
