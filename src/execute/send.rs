//! One request that changes something, past the hook and into the ledger, until Azure is done with it.

use std::time::Duration;

use serde_json::Value as Json;
use time::OffsetDateTime;

use super::ledger::{Done, Ledger};
use super::secrets::Stored;
use super::{Event, Executor, Failure, WriteEnd, WriteKind, WriteRecord};
use crate::azure::types::{ResourceType, Update};
use crate::azure::{Accepted, ArmError, ArmRequest, Method, Permit};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Plan, Write};
use crate::value::Path;

/// How a try failed.
pub(super) enum Tried {
    /// Nothing to repeat.
    Failed(Failure),
    /// Azure refused, failed, or fell silent, before or after it had taken the write.
    Azure(Box<ArmError>),
}

impl From<Failure> for Tried {
    fn from(failure: Failure) -> Tried {
        Tried::Failed(failure)
    }
}

impl From<ArmError> for Tried {
    fn from(error: ArmError) -> Tried {
        Tried::Azure(Box::new(error))
    }
}

impl Executor {
    /// Sends the write once and waits for its operation. `stored`: the secrets that it sends back; nothing is asked
    /// between the read that its body was made from and this, and with the `permit` that was had before that read it
    /// goes out at once.
    pub(super) async fn send(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        (stored, permit): (Option<&Stored>, Option<Permit>),
        done: &Done,
    ) -> Result<(), Tried> {
        if write.remove {
            return self.delete(ledger, plan, write, permit, done).await;
        }
        let (Some(id), Some(body)) = (&write.id, &write.body) else {
            return Err(unknown(&done.what).into());
        };
        let version = version_of(plan, write);
        let mut json = body.json.clone();
        if !body.resend.is_empty() {
            let stored = stored.ok_or_else(|| unknown(&done.what))?;
            stored.fill(write.kind, id, &mut json, &body.resend)?;
        }
        let patched = !write.create && write.kind.update == Update::Patch;
        let method = if patched { Method::Patch } else { Method::Put };
        let hidden = hidden(write.kind, &Path::root(), &json);
        let request = ArmRequest::new(method, id.as_str(), version).body(json);
        let record = WriteRecord::of(plan, write, &request, WriteKind::Resource, &done.what);
        let scrubbed = |mut error: Box<ArmError>| {
            error.without(&hidden);
            Tried::Azure(error)
        };
        ledger.sent(done);
        let answer = self.request(&record, &request, &done.what, permit).await;
        ledger.answered(done, &answer);
        let (accepted, number) = answer.map_err(|tried| match tried {
            Tried::Azure(error) => scrubbed(error),
            failed @ Tried::Failed(_) => failed,
        })?;
        self.finish(plan, write, done, &accepted, number).await.map_err(|tried| match tried {
            Tried::Azure(error) => scrubbed(error),
            failed @ Tried::Failed(_) => failed,
        })
    }

    /// Deletes what the write is about, once, and waits until it is gone. That it is not there is all that is wanted.
    async fn delete(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        permit: Option<Permit>,
        done: &Done,
    ) -> Result<(), Tried> {
        let Some(id) = &write.id else { return Err(unknown(&done.what).into()) };
        let request = ArmRequest::new(Method::Delete, id.as_str(), version_of(plan, write));
        let record = WriteRecord::of(plan, write, &request, WriteKind::Resource, &done.what);
        ledger.sent(done);
        let answer = self.request(&record, &request, &done.what, permit).await;
        ledger.answered(done, &answer);
        let (accepted, number) = answer?;
        self.finish(plan, write, done, &accepted, number).await
    }

    /// Waits for what an accepted write began.
    async fn finish(
        &self,
        plan: &Plan,
        write: &Write,
        done: &Done,
        accepted: &Accepted,
        number: u32,
    ) -> Result<(), Tried> {
        if let Some(operation) = &accepted.operation {
            self.observer.event(&Event::Accepted { what: done.what.clone() });
            let deadline = self.within(plan, write);
            let end = self.interrupt.or(self.client.wait(operation, deadline)).await;
            let end = end.ok_or(Failure::Interrupted)?;
            self.over(number, &end);
            end.map_err(|error| Tried::Azure(Box::new(error)))?;
        }
        Ok(())
    }

    /// When waiting for what a write began ends: as its steps say, at the latest with the run.
    pub(super) fn within(&self, plan: &Plan, write: &Write) -> OffsetDateTime {
        match longest(plan, write) {
            Some(limit) => self.deadline.min(self.clock.now() + limit),
            None => self.deadline,
        }
    }

    /// The leave to send what a write sends, had before the resource is read for the last time: a write that is held
    /// back after that would overwrite what others do meanwhile. `None`: what it sends is not made from such a read.
    ///
    /// # Errors
    /// Its turn does not come in time; a request to stop.
    pub(super) async fn permit(&self, plan: &Plan, write: &Write) -> Result<Option<Permit>, Tried> {
        let (method, path) = match (write.effect(&plan.steps), &write.id) {
            _ if write.user(&plan.steps).is_some() || write.build(&plan.steps).is_some() => return Ok(None),
            (Some(effect), _) => (Method::Post, effect.path()),
            (None, Some(id)) if write.remove => (Method::Delete, id.to_string()),
            (None, Some(id)) => (Method::Put, id.to_string()),
            (None, None) => return Ok(None),
        };
        self.leave(method, &path).await.map(Some)
    }

    /// The leave to send one request to `path`. A request to stop ends the wait for it.
    pub(super) async fn leave(&self, method: Method, path: &str) -> Result<Permit, Tried> {
        let permit = self.interrupt.or(self.client.permit(method, path, self.deadline)).await;
        Ok(permit.ok_or(Failure::Interrupted)??)
    }

    /// One request that changes something, told to the hook before and after it; with the number it has there. It is
    /// not told before there is leave to send it, so that what is told is sent.
    pub(super) async fn request(
        &self,
        record: &WriteRecord,
        request: &ArmRequest,
        what: &str,
        permit: Option<Permit>,
    ) -> Result<(Accepted, u32), Tried> {
        let permit = match permit {
            Some(permit) => permit,
            None => self.leave(request.method, &request.path).await?,
        };
        let record = self.announce(record)?;
        self.observer.event(&Event::Writing { what: what.to_owned() });
        let answer = self.client.write_with(permit, request, self.deadline).await;
        self.hook.after(&record, &WriteEnd::of(&record, &answer));
        Ok((answer?, record.number))
    }
}

/// The api-version that the write's steps name, as they are read with it; else that of its type.
pub(super) fn version_of(plan: &Plan, write: &Write) -> String {
    let named = write.version.as_ref();
    named
        .or_else(|| plan.versions.get(write.kind.name))
        .cloned()
        .unwrap_or_else(|| write.kind.versions.first().copied().unwrap_or_default().to_owned())
}

/// How long the operation may take by the steps in it; `None` when they do not say.
fn longest(plan: &Plan, write: &Write) -> Option<Duration> {
    write.steps.iter().filter_map(|index| plan.steps[*index].timeout).max()
}

/// A body that no earlier write made known: a plan sends nothing of which it does not know everything.
fn unknown(what: &str) -> Failure {
    Failure::Azure(Box::new(
        Diagnostic::error(codes::NOT_KNOWN_AT_PLAN, format!("a value that is needed to {what} is not known"))
            .note("nothing was sent; what was to make it known has not done so"),
    ))
}

/// The values in a body that nobody may see, but for those too short to tell from words.
fn hidden(kind: &ResourceType, path: &Path, body: &Json) -> Vec<String> {
    let pattern = path.pattern();
    let secret = kind.write_only.iter().chain(kind.foreign).any(|hidden| *hidden == pattern);
    match body {
        Json::String(text) if secret && text.len() >= 4 => vec![text.clone()],
        Json::Object(members) => {
            members.iter().flat_map(|(key, value)| hidden(kind, &path.key(key), value)).collect()
        }
        Json::Array(elements) => {
            elements.iter().flat_map(|element| hidden(kind, &path.element(""), element)).collect()
        }
        _ => Vec::new(),
    }
}
