//! Restarts after a write that changed only secrets: replicas keep the old value until then
//! (microsoft/azure-container-apps#691).

use serde_json::Value as Json;

use super::repeat::{TRIES, backoff, may_pass};
use super::send::{Tried, version_of};
use super::write::{Context, keys};
use super::{Event, Executor, Failure, Note, WriteKind, WriteRecord};
use crate::azure::{ArmRequest, Method};
use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, Write, restart_command, signs_in, uses};
use crate::value::Segment;

impl Executor {
    /// Restarts the active revisions that use a secret which `write` changed.
    pub(super) async fn restart(
        &self,
        context: &Context<'_>,
        plan: &Plan,
        write: &Write,
    ) -> Result<(), Failure> {
        let id = context.target.app_id();
        let version = version_of(plan, write);
        let list = ArmRequest::get(format!("{id}/revisions"), version.clone());
        let revisions = self
            .interrupt
            .or(self.client.list(&list, self.deadline))
            .await
            .ok_or(Failure::Interrupted)?
            .map_err(|error| Failure::azure(&error, "find the revisions that use a changed secret"))?;
        let secrets = changed_secrets(plan, write);
        let names: Vec<String> = revisions
            .iter()
            .filter(|revision| revision.pointer("/properties/active").and_then(Json::as_bool) == Some(true))
            .filter(|revision| {
                let template = revision.pointer("/properties/template").unwrap_or(&Json::Null);
                secrets.iter().any(|secret| signs_in(&plan.resources, secret) || uses(template, secret))
            })
            .filter_map(|revision| Some(revision.get("name")?.as_str()?.to_owned()))
            .collect();
        context.ledger.to_restart(&names);
        // Also that none has to be.
        self.hook.note(&Note::ToRestart(names.clone()));
        for name in &names {
            let what = format!("restart the revision {name}");
            let path = format!("{}/restart", id.child("revisions", name));
            let request = ArmRequest::new(Method::Post, path, version.clone());
            let record = WriteRecord::bare(&request, WriteKind::Restart, &what, keys(plan, write));
            let start = self.clock.now();
            self.restart_one(context, &record, &request, &what).await?;
            context.ledger.restarted(name);
            let left = context.ledger.0.lock().map(|applied| applied.to_restart.clone()).unwrap_or_default();
            self.hook.note(&Note::ToRestart(left));
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            self.observer.event(&Event::Written { what, elapsed });
        }
        Ok(())
    }

    /// One restart, sent again while that may help: restarting twice does no harm.
    async fn restart_one(
        &self,
        context: &Context<'_>,
        record: &WriteRecord,
        request: &ArmRequest,
        what: &str,
    ) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let error = match self.request(record, request, what, None).await {
                Ok(_) => return Ok(()),
                Err(Tried::Failed(failure)) => return Err(failure),
                Err(Tried::Azure(error)) => error,
            };
            tries += 1;
            let again = error.is_throttled() || error.is_busy() || (may_pass(&error) && tries < TRIES);
            let after = error.retry_after().unwrap_or_else(|| backoff(tries));
            if !again || self.clock.now() + after >= self.deadline {
                let failure = Failure::azure(&error, what);
                return Err(with_commands(failure, context));
            }
            let reason = error.to_string();
            self.observer.event(&Event::Repeating { what: what.to_owned(), reason, after });
            self.pause(after).await?;
        }
    }
}

/// Running again does not restart what is left: the secret itself is in place then.
fn with_commands(failure: Failure, context: &Context<'_>) -> Failure {
    let left = context.ledger.0.lock().map(|applied| applied.to_restart.clone()).unwrap_or_default();
    let commands: Vec<String> = left.iter().map(|name| restart_command(context.target, name)).collect();
    let add = |diagnostic: Box<Diagnostic>| Box::new((*diagnostic).fix(commands.join(" && ")));
    match failure {
        Failure::Azure(diagnostic) => Failure::Azure(add(diagnostic)),
        Failure::Deadline(diagnostic) => Failure::Deadline(add(diagnostic)),
        other => other,
    }
}

/// The names of the app's secrets that a write changes.
fn changed_secrets<'p>(plan: &'p Plan, write: &Write) -> Vec<&'p str> {
    let mut names: Vec<&str> = write
        .steps
        .iter()
        .flat_map(|index| &plan.steps[*index].outcome.owned)
        .filter(|owned| !owned.in_place)
        .filter_map(|owned| match owned.path.0.as_slice() {
            [.., Segment::Key(list), Segment::Element(name), Segment::Key(_)] if list == "secrets" => {
                Some(name.as_str())
            }
            [.., Segment::Key(list), Segment::Element(name)] if list == "secrets" => Some(name.as_str()),
            _ => None,
        })
        .collect();
    names.dedup();
    names
}
