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
        let (mut facts, mut wait, mut pause) = (facts.clone(), wait.clone(), FIRST);
        loop {
            if wait.failed {
                return Err(never(&wait));
            }
            let now = self.clock.now();
            let elapsed = (now - start).try_into().unwrap_or_default();
            let state = wait.reason.clone().unwrap_or_else(|| "not yet".to_owned());
            self.observer.event(&Event::Awaiting { name: wait.what.clone(), state, elapsed });
            if now >= deadline {
                return Err(too_long(&wait, elapsed));
            }
            let left = (deadline - now).try_into().unwrap_or_default();
            self.pause(pause.min(left)).await?;
            pause = (pause * 2).min(LONGEST);
            if wait.reads.is_empty() {
                facts.forget_all();
            }
            for read in &wait.reads {
                facts.forget_read(read);
            }
            let (selection, target) = (context.selection, context.target);
            let observed = match self.last_look().observe_from(facts, selection, target, false).await {
                Ok(observed) => observed,
                // The deadline came in the middle of a look: the one before it stands.
                Err(Failure::Azure(_) | Failure::Deadline(_)) if self.clock.now() >= deadline => {
                    let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
                    return Err(too_long(&wait, elapsed));
                }
                Err(failure) => return Err(failure),
            };
            if let Some(reason) = why_unjudged(&observed.plan, &keys) {
                return Err(unseen(&wait, &reason));
            }
            let step = observed.plan.steps.iter().find(|step| keys.contains(&step.key));
            match step.filter(|step| step.outcome.pending()).and_then(|step| step.outcome.wait.clone()) {
                Some(still) => wait = still,
                None => return Ok(()),
            }
            facts = observed.facts;
        }
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
    Failure::Azure(Box::new(
        told(Diagnostic::error(codes::WAIT_FAILED, message), wait).note(
            "what comes after it was not done; the same command, run again, goes on from what is there",
        ),
    ))
}

fn too_long(wait: &Wait, elapsed: Duration) -> Failure {
    let message = format!("not there after {} s: {}", elapsed.as_secs(), wait.what);
    Failure::Deadline(Box::new(
        told(Diagnostic::error(codes::DEADLINE, message), wait)
            .note("what comes after it was not done")
            .fix("run the same command again: it goes on from what is there; --timeout gives a run longer"),
    ))
}

fn unseen(wait: &Wait, reason: &str) -> Failure {
    let message = format!("whether it is there cannot be told any more: {}", wait.what);
    Failure::Changed(Box::new(
        told(Diagnostic::error(codes::CHANGED_MEANWHILE, message), wait)
            .note(reason.to_owned())
            .fix("run the same command again: it goes on from what is there"),
    ))
}
