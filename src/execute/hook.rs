//! The one place every write passes, before and after: where a journal and undo attach.

use time::OffsetDateTime;

use crate::azure::{Method, Operation, ResourceId};
use crate::value::{Path, Value};

/// A write. Never the body itself. Values carry their marks, also those of their type: whoever keeps or shows one
/// goes by them.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRecord {
    /// Which write of the run it is, from 1. One that is sent again has a new number.
    pub number: u32,
    /// What kind of request it is.
    pub kind: WriteKind,
    /// The method.
    pub method: Method,
    /// The id path.
    pub path: String,
    /// The api-version.
    pub api_version: String,
    /// Keys of the step runs in it.
    pub steps: Vec<String>,
    /// What it does, in a few words.
    pub what: String,
    /// Whether nothing was there.
    pub create: bool,
    /// The revision that serves, where the write is one of the app.
    pub serving: Option<String>,
    /// The newest revision, likewise: its template is the app's.
    pub latest: Option<String>,
    /// What the write changes.
    pub owned: Vec<OwnedPath>,
    /// The identities that the resource has.
    pub identities: Vec<AssignedIdentity>,
}

/// What kind of request a write is.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteKind {
    /// Creates, changes or removes a resource of ARM.
    Resource,
    /// An action with an effect.
    Action,
    /// Restarts a revision whose secret changed.
    Restart,
    /// Shifts traffic, or puts a revision out of service.
    Rollout,
    /// Makes or changes a user of a database.
    Database {
        /// The server.
        server: ResourceId,
        /// The database's name.
        database: String,
        /// The user's name.
        user: String,
        /// The client id of the identity that it is for.
        client_id: Option<String>,
    },
    /// Builds an image, or tags one.
    Build,
}

/// One owned property.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedPath {
    /// Where.
    pub path: Path,
    /// How many of the path's segments led to something before.
    pub there: usize,
    /// What was there; null when nothing was.
    pub before: Value,
    /// What is wanted; null when it is to be absent.
    pub after: Value,
}

/// An identity of a resource, by what roles are granted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedIdentity {
    /// The resource id of a user-assigned one; `system`: the resource's own.
    pub id: String,
    /// The principal's object id.
    pub principal: String,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteEnd {
    /// Azure took it.
    Accepted {
        /// The HTTP status.
        status: u16,
        /// What Azure works on since; `None`: it was done with the answer.
        operation: Option<Box<Operation>>,
        /// The id that the answer gives what was made.
        id: Option<String>,
        /// The identities that the answer shows.
        identities: Vec<AssignedIdentity>,
        /// When the resource was created, by Azure's clock, where the answer says so.
        created: Option<OffsetDateTime>,
    },
    /// Azure refused it, or it is not known whether it arrived.
    Failed {
        /// Azure's code.
        code: Option<String>,
        /// Whether it may have taken effect all the same.
        maybe_applied: bool,
    },
}

impl WriteEnd {
    /// Taken, and done with the answer.
    pub(super) fn done(status: u16) -> WriteEnd {
        WriteEnd::Accepted { status, operation: None, id: None, identities: Vec::new(), created: None }
    }
}

/// What becomes known of a run between its writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// What a write began is over.
    Done {
        /// The write's number.
        write: u32,
        /// `Err`: it failed, with Azure's code.
        end: Result<(), Option<String>>,
    },
    /// A revision came of a write.
    Revision(String),
    /// These revisions run with an old secret and have to be restarted; none: they all have been.
    ToRestart(Vec<String>),
}

/// Who sees every write.
pub trait Hook: Send + Sync {
    /// Right before the request is sent. An error stops the run before the write.
    ///
    /// # Errors
    /// Why the write must not be sent (a full disk under a journal).
    fn before(&self, write: &WriteRecord) -> Result<(), String>;

    /// Right after its answer, or its failure.
    fn after(&self, write: &WriteRecord, end: &WriteEnd);

    /// What becomes known between writes.
    fn note(&self, _: &Note) {}
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl Hook for NoHook {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        Ok(())
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
}
