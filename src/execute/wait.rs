//! Waits for what a step names, on the run's clock, until it is as it is to be, never will be, or the time is over.

use std::time::Duration;

use super::write::{Context, keys, why_unjudged};
use super::{Event, Executor, Failure};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::{Plan, Write};
use crate::steps::Wait;

/// The pause after the first look; each further one is longer, up to the second figure.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

impl Executor {
    /// Looks until `wait`, which is not there yet by `facts`, is.
    pub(super) async fn wait_for(
        &self,
        context: &Context<'_>,
        plan: &Plan,
        write: &Write,
        wait: &Wait,
        facts: &Facts,
    ) -> Result<(), Failure> {
        let start = self.clock.now();
        let (keys, deadline) = (keys(plan, write), self.within(plan, write));
        let (mut wait, mut pause) = (wait.clone(), FIRST);
        // Whatever the step reads may have changed, not only what it is about.
        let mut known = facts.clone();
        known.forget_all();
        let mut failed: Option<Failure> = None;
        loop {
            if wait.failed {
                return Err(never(&wait));
            }
            let now = self.clock.now();
            let elapsed = (now - start).try_into().unwrap_or_default();
            let state = match failed.as_ref().and_then(Failure::diagnostic) {
                Some(diagnostic) => format!("could not look: {}", diagnostic.message),
                None => wait.reason.clone().unwrap_or_else(|| "not yet".to_owned()),
            };
            self.observer.event(&Event::Awaiting { name: wait.what.clone(), state, elapsed });
            if now >= deadline {
                return Err(too_long(&wait, elapsed, failed.as_ref()));
            }
            let left = (deadline - now).try_into().unwrap_or_default();
            self.pause(pause.min(left)).await?;
            pause = (pause * 2).min(LONGEST);
            let (selection, target) = (context.selection, context.target);
            let looking = Executor { deadline, ..self.clone() }.last_look();
            let observed = match looking.observe_from(known.clone(), selection, target, false).await {
                Ok(observed) => observed,
                // What was seen before stands, and the next look may see more.
                Err(failure) if passes(&failure) => {
                    failed = Some(failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            failed = None;
            if let Some(reason) = why_unjudged(&observed.plan, &keys) {
                return Err(unseen(&wait, &reason));
            }
            let step = observed.plan.steps.iter().find(|step| keys.contains(&step.key));
            let still = step.filter(|step| step.outcome.pending()).and_then(|step| step.outcome.wait.clone());
            let Some(still) = still else {
                self.remember(|so_far| so_far.waited.extend(keys));
                return Ok(());
            };
            wait = still;
        }
    }

    /// Ends the run when what `approved` is to wait for, and has not, cannot be seen any more.
    pub(super) fn waits_are_seen(&self, approved: &Plan, plan: &Plan) -> Result<(), Failure> {
        let waited = self.so_far().waited;
        for write in &approved.writes {
            let Some(wait) = write.wait(&approved.steps) else { continue };
            let keys: Vec<String> =
                keys(approved, write).into_iter().filter(|key| !waited.contains(key)).collect();
            if let Some(reason) = why_unjudged(plan, &keys).filter(|_| !keys.is_empty()) {
                return Err(unseen(wait, &reason));
            }
        }
        Ok(())
    }
}

/// Whether a later look may succeed where this one failed: what Azure refuses is no failure but a fact.
fn passes(failure: &Failure) -> bool {
    match failure {
        Failure::Azure(diagnostic) => diagnostic.code != codes::AZURE_CREDENTIAL,
        Failure::Deadline(_) => true,
        _ => false,
    }
}

fn told(diagnostic: Diagnostic, wait: &Wait) -> Diagnostic {
    let diagnostic = match &wait.reason {
        Some(reason) => diagnostic.note(reason.clone()),
        None => diagnostic,
    };
    if wait.resource.is_empty() { diagnostic } else { diagnostic.resource(&wait.resource) }
}

fn never(wait: &Wait) -> Failure {
    let message = format!("what is waited for has failed: {}", wait.what);
    Failure::Azure(Box::new(mended(
        told(Diagnostic::error(codes::WAIT_FAILED, message), wait).note(
            "what comes after it was not done; the same command, run again, goes on from what is there",
        ),
    )))
}

/// With what is left to do where the recipe does not say it.
fn mended(mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .fix
        .get_or_insert_with(|| "mend what the cause names, then run the same command again".to_owned());
    diagnostic
}

fn too_long(wait: &Wait, elapsed: Duration, failed: Option<&Failure>) -> Failure {
    let message = format!("not there after {} s: {}", elapsed.as_secs(), wait.what);
    let mut diagnostic = told(Diagnostic::error(codes::DEADLINE, message), wait);
    if let Some(failed) = failed.and_then(Failure::diagnostic) {
        diagnostic = diagnostic.note(format!("the last look failed: {}", failed.message));
    }
    Failure::Deadline(Box::new(
        diagnostic
            .note("what comes after it was not done")
            .fix("run the same command again: it goes on from what is there; --timeout gives a run longer"),
    ))
}

fn unseen(wait: &Wait, reason: &str) -> Failure {
    let message = format!("whether it is there cannot be told any more: {}", wait.what);
    // What an earlier look saw is not why.
    let wait = Wait { reason: None, ..wait.clone() };
    Failure::Changed(Box::new(
        told(Diagnostic::error(codes::CHANGED_MEANWHILE, message), &wait)
            .note(reason.to_owned())
            .fix("run the same command again: it goes on from what is there"),
    ))
}
