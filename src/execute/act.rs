//! Actions with an effect: each sent once in a run, and its answer kept for what reads it.

use serde_json::Value as Json;

use super::ledger::{Done, Ledger};
use super::send::Tried;
use super::write::keys;
use super::{Event, Executor, Failure, OwnedPath, WriteKind, WriteRecord};
use crate::azure::{ArmError, ArmErrorKind, ArmRequest, Method, Permit};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Fact;
use crate::plan::{Plan, Write, quote};
use crate::steps::Effect;
use crate::value::{Origin, Path, Value};

impl Executor {
    /// Sends the action and waits until what it began is done.
    pub(super) async fn act(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        (effect, permit): (&Effect, Option<Permit>),
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
        let nothing = OwnedPath {
            path: Path::members(effect.action.name),
            there: 0,
            before: Value::null(),
            after: Value::null(),
        };
        let record = WriteRecord {
            owned: vec![nothing],
            ..WriteRecord::bare(&request, WriteKind::Action, &done.what, keys.clone())
        };
        ledger.sent(done);
        let answer = self.request(&record, &request, &done.what, permit).await;
        ledger.answered(done, &answer);
        let (accepted, number) = match answer {
            Err(Tried::Azure(error)) if effect.never && error.maybe_applied() => {
                return Err(unanswered(effect, &error).into());
            }
            answer => answer?,
        };
        // From here on it is not sent again: whatever goes wrong ends the run.
        let mut answer = answered(accepted.body);
        if let Some(operation) = &accepted.operation {
            self.observer.event(&Event::Accepted { what: done.what.clone() });
            let deadline = self.within(plan, write);
            let end = self.interrupt.or(self.client.finish(operation, deadline)).await;
            let end = end.ok_or(Failure::Interrupted)?;
            self.over(number, &end);
            let last = end.map_err(|error| {
                let look = || effect.look(quote);
                unfinished(&error, Failure::of_action(&error, &done.what, plan, self.clock.now(), look))
            })?;
            // What stands at `Location` in the end is the answer, else what came at once.
            let last = last.map_or_else(Value::null, answered);
            if says_something(&last) {
                answer = last;
            } else if !says_something(&answer) {
                answer = untold(&done.what);
            }
        }
        self.remember_answer(effect, &keys, &answer);
        Ok(())
    }

    /// That the action is not due any more, by a try whose answer was lost or by somebody else.
    pub(super) fn done_untold(&self, effect: &Effect, keys: &[String], what: &str) {
        self.remember_answer(effect, keys, &untold(what));
    }

    fn remember_answer(&self, effect: &Effect, keys: &[String], answer: &Value) {
        let look = effect.look(quote);
        self.remember(|so_far| {
            so_far.answers.extend(keys.iter().map(|key| (key.clone(), answer.clone())));
            so_far.looks.extend(keys.iter().map(|key| (key.clone(), look.clone())));
        });
    }

    /// Ends the run when the answer of an action that was sent in it lacks what a step of `approved` is to go on with.
    pub(super) fn answers_suffice(&self, approved: &Plan, plan: &Plan) -> Result<(), Failure> {
        let looks = self.so_far().looks;
        let hanging = approved.steps.iter().filter(|step| step.outcome.pending()).filter_map(|step| {
            let look = step.needs.iter().find_map(|key| looks.get(key))?;
            Some((plan.unreadable.iter().find(|one| one.key == step.key)?, look))
        });
        let Some((step, look)) = hanging.into_iter().next() else { return Ok(()) };
        let message = format!("what the run needs to go on with {} is not known", step.key);
        Err(Failure::Azure(Box::new(
            Diagnostic::error(codes::UNANSWERED, message)
                .note(step.message.clone())
                .note("the action is not sent again in this run, and nothing that comes after it was done; the same command, run again, decides by what is there then")
                .fix(look.clone()),
        )))
    }
}

/// What Azure answered, as a value.
fn answered(body: Json) -> Value {
    match Fact::answer(body) {
        Fact::Found(value) => value,
        _ => Value::null(),
    }
}

/// An answer that Azure has and did not tell, which is no empty one: what needs it is not left out.
fn untold(what: &str) -> Value {
    Value::unknown(Origin::Refused(format!("Azure did not tell the answer of the request to {what}")))
}

/// Whether there is anything in an answer.
fn says_something(answer: &Value) -> bool {
    answer.truthy().unwrap_or(true)
}

/// Azure took it, and it failed or how it ends is not known.
fn unfinished(error: &ArmError, failure: Failure) -> Failure {
    let end = match error.kind() {
        ArmErrorKind::Operation(_) => "Azure took the request, and what it began failed",
        _ => "Azure took the request; how what it began ends is not known",
    };
    failure
        .and_note(end)
        .and_note("it is not sent again in this run, and nothing that comes after it was done; the same command, run again, decides by what is there then")
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
