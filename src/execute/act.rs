//! Actions with an effect: each sent once in a run, and its answer kept for what reads it.

use serde_json::Value as Json;

use super::ledger::{Done, Ledger};
use super::send::Tried;
use super::write::keys;
use super::{Event, Executor, Failure, OwnedPath, WriteRecord};
use crate::azure::{ArmError, ArmRequest, Method};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Fact;
use crate::plan::{Plan, Write, quote};
use crate::steps::Effect;
use crate::value::Value;

impl Executor {
    /// Sends the action and waits until what it began is done.
    pub(super) async fn act(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        effect: &Effect,
        done: &Done,
    ) -> Result<(), Tried> {
        let Some(body) = effect.json() else {
            let message = format!("a value that is needed to {} is not known", done.what);
            let diagnostic = Diagnostic::error(codes::NOT_KNOWN_AT_PLAN, message).note("nothing was sent");
            return Err(Failure::Azure(Box::new(diagnostic)).into());
        };
        let mut request = ArmRequest::new(Method::Post, effect.path(), effect.version.clone());
        if !body.is_null() {
            request = request.body(body);
        }
        let keys = keys(plan, write);
        let record = WriteRecord {
            method: Method::Post,
            path: request.path.clone(),
            api_version: request.api_version.clone(),
            steps: keys.clone(),
            owned: vec![OwnedPath {
                path: effect.action.name.to_owned(),
                before: Json::Null,
                after: Json::Null,
            }],
        };
        ledger.sent(done);
        let answer = self.request(&record, &request, &done.what).await;
        match &answer {
            Ok(_) => ledger.accepted(done),
            Err(Tried::Azure(error)) if error.maybe_applied() => {}
            Err(_) => ledger.refused(done),
        }
        let accepted = match answer {
            Err(Tried::Azure(error)) if effect.never && error.maybe_applied() => {
                return Err(unanswered(effect, &error).into());
            }
            answer => answer?,
        };
        let answered = |body: Json| match Fact::answer(body) {
            Fact::Found(value) => value,
            _ => Value::null(),
        };
        // From here on it is not sent again, however the rest ends.
        let first = answered(accepted.body);
        self.remember(|so_far| so_far.answers.extend(keys.iter().map(|key| (key.clone(), first.clone()))));
        let Some(operation) = &accepted.operation else { return Ok(()) };
        self.observer.event(&Event::Accepted { what: done.what.clone() });
        let deadline = self.within(plan, write);
        let end = self.interrupt.or(self.client.finish(operation, deadline)).await;
        let last = end.ok_or(Failure::Interrupted)?.map_err(|error| Tried::Azure(Box::new(error)))?;
        // What stands at `Location` in the end is the answer, where the first one had none.
        if !first.truthy().unwrap_or(true)
            && let Some(last) = last
        {
            let last = answered(last);
            self.remember(|so_far| so_far.answers.extend(keys.iter().map(|key| (key.clone(), last.clone()))));
        }
        Ok(())
    }
}

/// Nobody knows whether Azure took it, and it is not to be sent twice.
fn unanswered(effect: &Effect, error: &ArmError) -> Failure {
    let what = effect.what();
    let mut diagnostic = Diagnostic::error(
        codes::UNANSWERED,
        format!("it is not known whether Azure took the request to {what}"),
    )
    .note(error.to_string())
    .note("it was not sent again, because it may have taken effect, and once more would be twice")
    .note("nothing that comes after it was sent; the same command, run again, decides by what is there then")
    .fix(effect.look(quote))
    .resource(&effect.resource);
    if let Some(id) = error.correlation_id() {
        diagnostic = diagnostic.note(format!("ARM's correlation id: {id}"));
    }
    Failure::Azure(Box::new(diagnostic))
}
