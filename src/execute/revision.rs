//! The revision that comes of a write, until it is ready or it is clear that it will not be.

use super::failure::with_pull_causes;
use super::write::Context;
use super::{Event, Executor, Failure, Note};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::{Health, State};

impl Executor {
    /// Waits until the app's newest revision is ready; `before`: the newest one before the write.
    pub(super) async fn await_revision(
        &self,
        context: &Context<'_>,
        facts: &Facts,
        before: Option<&str>,
    ) -> Result<(), Failure> {
        let start = self.clock.now();
        let mut facts = facts.clone();
        facts.forget(&context.target.app_id());
        let observed = self.last_look().observe_from(facts, context.selection, context.target, false).await?;
        let observed = self.observe_ready(observed, context.selection, context.target, false).await?;
        let (health, pulls) = (observed.plan.health, observed.plan.pulls);
        let name = health.revision.clone().unwrap_or_else(|| context.target.app.clone());
        if before != Some(name.as_str()) {
            context.ledger.revision(&name);
            self.hook.note(&Note::Revision(name.clone()));
        }
        match &health.state {
            State::Ready | State::Unknown => {
                let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
                self.observer.event(&Event::Ready { name, traffic: health.traffic, elapsed });
                Ok(())
            }
            // The verification says so; the writes themselves worked.
            State::Stopped(_) => Ok(()),
            State::Waiting(why) | State::Failing(why) => {
                let diagnostic = unhealthy(context, &health, &name, why);
                let diagnostic = with_pull_causes(diagnostic, &pulls, why, self.clock.now());
                Err(Failure::Unhealthy(Box::new(diagnostic)))
            }
        }
    }
}

pub(super) fn unhealthy(context: &Context<'_>, health: &Health, name: &str, why: &str) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::error(codes::REVISION_HEALTH, format!("revision {name} is not healthy: {why}"))
            .resource(context.target.app_id());
    if let (Some(cause), _) = crate::plan::explain(why) {
        diagnostic = diagnostic.note(cause);
    }
    let finding = health.findings.last();
    if let Some(fix) = finding.and_then(|finding| finding.fix.clone()) {
        diagnostic = diagnostic.fix(fix);
    }
    if let Some(docs) = finding.and_then(|finding| finding.docs.clone()) {
        diagnostic = diagnostic.docs(docs);
    }
    diagnostic
}
