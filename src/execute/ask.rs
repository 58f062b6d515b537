//! Actions whose answers a write needs: asked right before it, each once in a run.

use std::collections::BTreeSet;

use super::{Executor, Failure};
use crate::azure::{ArmError, ArmRequest, Method};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{BODY, Fact, Facts, Read};
use crate::plan::{Action, Plan, role_lines};
use crate::value::Value;

/// No key or token that Azure hands out is shorter, in bytes.
const KEY: usize = 12;

impl Executor {
    /// `facts` with the answers of the actions of these steps.
    ///
    /// # Errors
    /// One that is refused or fails: the write that needs it cannot be made, and nothing was sent.
    pub(super) async fn ask(
        &self,
        plan: &Plan,
        keys: &BTreeSet<&String>,
        mut facts: Facts,
    ) -> Result<Facts, Failure> {
        // Steps that ask the same share one request.
        let mut actions: Vec<&Action> = keys.iter().filter_map(|key| plan.actions.get(*key)).collect();
        actions.sort_by(|one, other| one.read.cmp(&other.read));
        actions.dedup_by(|one, other| one.read == other.read);
        let answers = actions.iter().map(|action| self.answer(action));
        let answers =
            self.interrupt.or(futures::future::join_all(answers)).await.ok_or(Failure::Interrupted)?;
        for (action, answer) in actions.iter().zip(answers) {
            facts.insert(&action.read, answer?);
        }
        Ok(facts)
    }

    /// It reads, so that it may be sent again, and is no write: no hook and no account of the run has it.
    async fn answer(&self, action: &Action) -> Result<Fact, Failure> {
        let Read { path, api_version, .. } = &action.read;
        let mut request = ArmRequest::new(Method::Post, path.clone(), api_version.clone());
        if let Ok(body) = serde_json::from_str(action.read.parameter(BODY)) {
            request = request.body(body);
        }
        match self.client.read(&request, self.deadline).await {
            Ok(answer) if answer.body.is_object() => {
                let fact = Fact::answered(answer.body);
                let secrets = fact.value().map(Value::secrets).unwrap_or_default();
                // The names and kinds of keys are short and are no secret.
                self.client.hide(secrets.into_iter().filter(|text| text.len() >= KEY));
                Ok(fact)
            }
            Ok(_) => Err(Failure::Azure(Box::new(
                Diagnostic::error(codes::SECRET_UNAVAILABLE, format!("no answer: {}", action.what()))
                    .note("Azure took the request and answered with nothing; what needs it was not written")
                    .resource(&action.resource),
            ))),
            Err(error) => {
                let caller = self.client.caller().await.ok();
                let mut failure = Failure::azure(&error, &action.what());
                if lacks_right(&error) {
                    let lines = role_lines(caller.as_ref(), &[&action.right()], &action.resource);
                    failure.advise(format!("ask an administrator: {}", lines.join("; ")));
                }
                Err(failure)
            }
        }
    }
}

fn lacks_right(error: &ArmError) -> bool {
    error.code().is_some_and(|code| code.eq_ignore_ascii_case("AuthorizationFailed"))
}
