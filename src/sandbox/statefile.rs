//! The sandbox's state between two commands: one JSON file, one process at a time.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use etcetera::BaseStrategy as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::faults::FaultError;
use super::hosts::Handshake;
use super::http::{Reply, Request, Response};
use super::inspect::Inspect;
use super::names::NameReply;
use super::owner_only;
use super::sql::{self, SqlBatch, SqlReply};
use super::wire::Handler;

/// Says that a file is ours.
const FORMAT: &str = "acarecipe-sandbox";

/// The newest layout of the state that this build reads and the one it writes.
const VERSION: u64 = 1;

/// No sandbox comes near this; a larger file is not one of ours.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a state file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The user has no home folder, so there is no place for the file.
    #[error("there is no home folder to keep the sandbox's state in; name a file for it")]
    NoHome,
    /// Another process holds the file.
    #[error("{} is in use by another acarecipe; wait for it, stop it, or name another file", path.display())]
    InUse {
        /// The state file.
        path: PathBuf,
    },
    /// The file or its lock could not be opened or read.
    #[error("could not read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a state file of the sandbox", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer acarecipe wrote the file.
    #[error("{} was written by a newer acarecipe (layout {version}, this one knows {VERSION})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        version: u64,
    },
    /// The file is ours and cannot be understood.
    #[error("{} is damaged; `acarecipe sandbox reset` starts over", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
}

/// Where the state is kept unless the user says otherwise: `acarecipe/sandbox.json` in the user's
/// state folder (`$XDG_STATE_HOME` or `~/.local/state`; on Windows, which has none, the roaming
/// application data).
pub fn default_path() -> Result<PathBuf, StateFileError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| StateFileError::NoHome)?;
    let state = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    Ok(state.join("acarecipe").join("sandbox.json"))
}

/// Reads the state in `path` without taking its lock: what was last written, whole. `None` when
/// there is no such file. For commands that only look.
pub fn read<S: DeserializeOwned>(path: &Path) -> Result<Option<S>, StateFileError> {
    let failed = |source| StateFileError::Read { path: path.to_owned(), source };
    let foreign = || StateFileError::Foreign { path: path.to_owned() };
    let damaged = |source| StateFileError::Damaged { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(foreign());
    }
    let mut document: Json = serde_json::from_slice(&bytes).map_err(damaged)?;
    if document.get("format").and_then(Json::as_str) != Some(FORMAT) {
        return Err(foreign());
    }
    match document.get("version").and_then(Json::as_u64) {
        Some(VERSION) => {}
        Some(version) if version > VERSION => {
            return Err(StateFileError::Newer { path: path.to_owned(), version });
        }
        _ => return Err(foreign()),
    }
    let state = document.get_mut("state").map(Json::take).unwrap_or_default();
    serde_json::from_value(state).map(Some).map_err(damaged)
}

/// A state file that belongs to this process until it is dropped.
///
/// The lock is on a file of its own beside the state (`<path>.lock`, never removed), because the
/// state file is replaced by every write and a lock would stay with the old one. The system gives
/// it back however the process ends.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    _lock: File,
}

impl StateFile {
    /// Takes `path`, which need not exist. Does not wait: a file that another process holds is
    /// [`StateFileError::InUse`].
    pub fn open(path: &Path) -> Result<StateFile, StateFileError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let beside = PathBuf::from(name);
        let failed = |source| StateFileError::Write { path: beside.clone(), source };
        owner_only::make_folder(&owner_only::folder_of(path)).map_err(failed)?;
        let lock = owner_only::open_options().create(true).append(true).open(&beside).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(StateFile { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateFileError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The state file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state, or `None` when there is none yet.
    pub fn load<S: DeserializeOwned>(&self) -> Result<Option<S>, StateFileError> {
        read(&self.path)
    }

    /// Replaces the state: whole or not at all, readable by its owner only.
    pub fn save(&self, state: &impl Serialize) -> Result<(), StateFileError> {
        let document = json!({ "format": FORMAT, "version": VERSION, "state": serde_json::to_value(state)
            .map_err(|error| self.not_written(error.into()))? });
        owner_only::write(&self.path, document.to_string().as_bytes())
            .map_err(|error| self.not_written(error))
    }

    /// Removes the state, also one that cannot be read. No file is success.
    pub fn reset(&self) -> Result<(), StateFileError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.not_written(error)),
            _ => Ok(()),
        }
    }

    fn not_written(&self, source: io::Error) -> StateFileError {
        StateFileError::Write { path: self.path.clone(), source }
    }
}

/// A sandbox whose state is written to a file after every request that may have changed it, before
/// its answer is sent: whatever a client was told survives the process.
#[derive(Debug)]
pub struct Saved<S> {
    sandbox: S,
    /// Held from looking at the state until it is written: of two writes at one time the later state
    /// must be the later file.
    file: Mutex<StateFile>,
}

impl<S: Handler + Inspect> Saved<S> {
    /// `sandbox`, kept in `file`. The state is not written before the first change.
    pub fn new(sandbox: S, file: StateFile) -> Saved<S> {
        Saved { sandbox, file: Mutex::new(file) }
    }

    /// The sandbox itself.
    pub fn sandbox(&self) -> &S {
        &self.sandbox
    }

    /// Writes the present state.
    pub fn save(&self) -> Result<(), StateFileError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.sandbox.state_json().map_err(|error| file.not_written(error.into()))?;
        file.save(&state)
    }
}

impl<S: Handler + Inspect> Handler for Saved<S> {
    fn handle(&self, request: &Request) -> Reply {
        let reply = self.sandbox.handle(request);
        if matches!(request.method.as_str(), "GET" | "HEAD") {
            return reply;
        }
        match self.save() {
            Ok(()) => reply,
            Err(error) => Reply::Answer(not_saved(&error)),
        }
    }

    fn resolves(&self, host: &str) -> bool {
        self.sandbox.resolves(host)
    }

    fn is_app(&self, host: &str) -> bool {
        self.sandbox.is_app(host)
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        self.sandbox.name(name, kind)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        self.sandbox.handshake(host)
    }

    fn app_names(&self) -> Vec<String> {
        self.sandbox.app_names()
    }

    fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        let reply = self.sandbox.batch(batch);
        if sql::only_reads(batch.text) {
            return reply;
        }
        match self.save() {
            Ok(()) => reply,
            // A number that is free for everybody; SQL Server has no word for this.
            Err(error) => SqlReply::Refused(50_000, format!("SandboxStateNotSaved: {error}")),
        }
    }
}

impl<S: Handler + Inspect> Inspect for Saved<S> {
    fn state_json(&self) -> serde_json::Result<Json> {
        self.sandbox.state_json()
    }

    fn replace_state(&self, state: Json) -> serde_json::Result<()> {
        self.sandbox.replace_state(state)?;
        self.save().map_err(serde::ser::Error::custom)
    }

    fn exchange_records(&self) -> Vec<Json> {
        self.sandbox.exchange_records()
    }

    fn replace_faults(&self, faults: &[String]) -> Result<(), FaultError> {
        self.sandbox.replace_faults(faults)
    }
}

/// The sandbox's own failure, in ARM's error shape. Its code exists nowhere in Azure, so that nobody
/// takes it for one of Azure's.
fn not_saved(error: &StateFileError) -> Response {
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        message = format!("{message}: {source}");
    }
    super::token::respond(
        500,
        &json!({ "error": { "code": "SandboxStateNotSaved", "message": message } }),
        &[],
    )
}
