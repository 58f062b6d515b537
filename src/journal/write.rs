//! Writing a journal: the hook that every write of a run passes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::entry::{
    self, Accepted, After, Answer, Before, Database, Done, End, Entry, Failed, Identity, Kind, OperationBy,
    OwnedPath, Part, Restart, Revision,
};
use super::{JournalError, Key, StateFolder, private, seal};
use crate::azure::operations::Address;
use crate::clock::Clock;
use crate::execute::{AssignedIdentity, Hook, Note, WriteEnd, WriteKind, WriteRecord};

/// Where lines go.
pub trait Sink: Send {
    /// Appends a line, which ends with a newline. After it the line is there, whatever happens to the machine.
    ///
    /// # Errors
    /// What the system says. A part of the line may be there then.
    fn append(&mut self, line: &[u8]) -> io::Result<()>;

    /// Whether it has the addresses of Azure's operations, which carry signatures: where a run is gone on from.
    fn has_addresses(&self) -> bool {
        true
    }
}

/// A journal in its folder.
struct Kept(File);

impl Sink for Kept {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)?;
        self.0.sync_data()
    }
}

/// A copy for whoever started the run, who may keep it where others read it: no run is gone on from it, so it is without
/// addresses. It need not outlive the machine.
struct Copy(File);

impl Sink for Copy {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)?;
        self.0.flush()
    }

    fn has_addresses(&self) -> bool {
        false
    }
}

/// A sink and what it is called.
type Named = (PathBuf, Box<dyn Sink>);

/// The journal of a run that is on.
pub struct Writer {
    sinks: Mutex<Sinks>,
    key: Key,
    clock: Arc<dyn Clock>,
}

struct Sinks {
    all: Vec<Named>,
    /// The HMAC of the last line of each.
    macs: Vec<String>,
    /// Why nothing is added any more: after a part of a line nothing may follow.
    broken: Option<String>,
}

impl Writer {
    /// Begins the journal of `run` in `folder` and, if there is to be a copy, in that file, where it is without the
    /// addresses of operations. What is found in place
    /// is added at once. The first line is on the disk when this returns.
    ///
    /// # Errors
    /// The folder or the copy cannot be written, or the copy would take the place of something.
    pub fn begin(
        folder: &StateFolder,
        run: entry::Run,
        found: Vec<entry::Found>,
        copy: Option<&Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<Writer, JournalError> {
        let mut sinks: Vec<Named> = Vec::new();
        if let Some(copy) = copy {
            sinks.push((copy.to_owned(), Box::new(Copy(open_copy(copy)?))));
        }
        let key = folder.key()?;
        let id =
            super::RunId::parse(&run.id).ok_or_else(|| JournalError::NoSuchRun { id: run.id.clone() })?;
        let path = folder.path_of(&id);
        let failed = |source| JournalError::io(&path, source);
        let runs = private::folder_of(&path).map_err(failed)?;
        let file = private::open_options().create_new(true).append(true).open(&path).map_err(failed)?;
        private::sync_folder(&runs).map_err(failed)?;
        sinks.push((path.clone(), Box::new(Kept(file))));
        let begun = Writer::to(sinks, run, found, key, clock);
        if begun.is_err() {
            // It has no whole first line, and its run does not begin.
            let _ = std::fs::remove_file(&path);
        }
        begun
    }

    /// As [`Writer::begin`], into these sinks.
    ///
    /// # Errors
    /// One of them takes no line.
    pub fn to(
        sinks: Vec<Named>,
        run: entry::Run,
        found: Vec<entry::Found>,
        key: Key,
        clock: Arc<dyn Clock>,
    ) -> Result<Writer, JournalError> {
        let macs = vec![String::new(); sinks.len()];
        let writer = Writer { sinks: Mutex::new(Sinks { all: sinks, macs, broken: None }), key, clock };
        writer.add(&Entry::Run(Box::new(run)))?;
        for found in found {
            writer.add(&Entry::Found(found))?;
        }
        Ok(writer)
    }

    /// The key that hidden values are made with.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Adds how the run ended.
    ///
    /// # Errors
    /// It cannot be written, or an earlier line could not.
    pub fn end(&self, status: &str) -> Result<(), JournalError> {
        let end = End { at: self.clock.now(), status: status.to_owned(), continued_by: None };
        self.add(&Entry::End(end))
    }

    fn add(&self, entry: &Entry) -> Result<(), JournalError> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let Sinks { all, macs, broken } = &mut *sinks;
        for ((path, sink), mac) in all.iter_mut().zip(macs) {
            if let Some(reason) = broken {
                return Err(JournalError::io(path, io::Error::other(reason.clone())));
            }
            let line = if sink.has_addresses() {
                serde_json::to_vec(entry)
            } else {
                serde_json::to_vec(&*without_address(entry))
            };
            let line = line.map_err(|error| JournalError::io(path, error.into()))?;
            let (line, next) = seal::sealed(&self.key, mac, line);
            *mac = next;
            if let Err(error) = sink.append(&line) {
                *broken = Some(error.to_string());
                return Err(JournalError::io(path, error));
            }
        }
        Ok(())
    }

    fn entry_of(&self, write: &WriteRecord) -> Entry {
        let (kind, database) = match &write.kind {
            WriteKind::Resource => (Kind::Resource, None),
            WriteKind::Action => (Kind::Action, None),
            WriteKind::Restart => (Kind::Restart, None),
            WriteKind::Rollout => (Kind::Rollout, None),
            WriteKind::Build => (Kind::Build, None),
            WriteKind::Database { server, database, user, client_id } => {
                let place = Database {
                    server: server.to_string(),
                    name: database.clone(),
                    user: user.clone(),
                    client_id: client_id.clone(),
                };
                (Kind::Database, Some(place))
            }
        };
        let owned = write.owned.iter().map(|owned| OwnedPath {
            path: owned.path.to_string(),
            at: owned.path.0.iter().map(Part::from).collect(),
            there: owned.there,
            before: self.key.keep(&owned.before),
            after: self.key.keep(&owned.after),
        });
        Entry::Before(Box::new(Before {
            write: write.number,
            at: self.clock.now(),
            kind,
            method: write.method.to_string(),
            path: write.path.clone(),
            api_version: write.api_version.clone(),
            steps: write.steps.clone(),
            what: write.what.clone(),
            create: write.create,
            serving: write.serving.clone(),
            latest: write.latest.clone(),
            owned: owned.collect(),
            identities: identities(&write.identities),
            database,
        }))
    }
}

impl Hook for Writer {
    fn before(&self, write: &WriteRecord) -> Result<(), String> {
        self.add(&self.entry_of(write)).map_err(|error| format!("the write was not sent: {error}"))
    }

    fn after(&self, write: &WriteRecord, end: &WriteEnd) {
        let answer = match end {
            WriteEnd::Accepted { status, operation, id, identities: seen, created } => {
                Answer::Accepted(Accepted {
                    status: *status,
                    operation: operation.as_ref().map(|operation| match operation.address() {
                        Address::Status(url) => {
                            entry::Operation { by: OperationBy::Status, url: Some(url.to_string()) }
                        }
                        Address::Location(url) => {
                            entry::Operation { by: OperationBy::Location, url: Some(url.to_string()) }
                        }
                        Address::Resource => entry::Operation { by: OperationBy::Resource, url: None },
                    }),
                    id: id.clone(),
                    identities: identities(seen),
                    created_at: *created,
                })
            }
            WriteEnd::Failed { code, maybe_applied } => {
                Answer::Failed(Failed { code: code.clone(), maybe_applied: *maybe_applied })
            }
        };
        // What cannot be added keeps the next write from being sent.
        let _ = self.add(&Entry::After(After { write: write.number, at: self.clock.now(), answer }));
    }

    fn note(&self, note: &Note) {
        let at = self.clock.now();
        let entry = match note {
            Note::Done { write, end } => {
                Entry::Done(Done { write: *write, at, ok: end.is_ok(), code: end.clone().err().flatten() })
            }
            Note::Revision(name) => Entry::Revision(Revision { name: name.clone(), at }),
            Note::ToRestart(left) => Entry::Restart(Restart { at, left: left.clone() }),
        };
        let _ = self.add(&entry);
    }
}

/// The entry without the address of an operation.
fn without_address(entry: &Entry) -> Cow<'_, Entry> {
    let mut entry = Cow::Borrowed(entry);
    if let Entry::After(After {
        answer: Answer::Accepted(Accepted { operation: Some(operation), .. }), ..
    }) = &*entry
        && operation.url.is_some()
        && let Entry::After(After {
            answer: Answer::Accepted(Accepted { operation: Some(operation), .. }),
            ..
        }) = entry.to_mut()
    {
        operation.url = None;
    }
    entry
}

fn identities(seen: &[AssignedIdentity]) -> Vec<Identity> {
    let kept = seen.iter().map(|one| Identity { id: one.id.clone(), principal: one.principal.clone() });
    kept.collect()
}

/// A file that is not there yet, or something that is none (a pipe, a device).
fn open_copy(path: &Path) -> Result<File, JournalError> {
    let failed = |source| JournalError::io(path, source);
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && found.len() > 0 => {
            return Err(JournalError::CopyExists { path: path.to_owned() });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    private::open_options().create(true).append(true).open(path).map_err(failed)
}
