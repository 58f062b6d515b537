//! Whether a candidate may get more of the traffic: its health, and the recipe's checks once its share has stood
//! for its time.

use std::time::Duration;

use super::super::failure::with_pull_causes;
use super::super::revision::unhealthy;
use super::super::write::Context;
use super::super::{Event, Executor, Failure, Observed};
use super::Stopped;
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Finding, Gate, Rollout, State, Status};

/// How often the wait at a share looks at the candidate's health and says what is left.
const LOOK: Duration = Duration::from_secs(20);

impl Executor {
    /// Judges the candidate at the share that stands: its health, then, once the share has stood for its time,
    /// its health again and the recipe's checks.
    pub(super) async fn judge(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rollout: &Rollout,
        candidate: &str,
    ) -> Result<Observed, Stopped> {
        let weight = rollout.traffic.weight(candidate);
        let mut observed = self.healthy(context, observed, candidate).await?;
        if weight > 0 {
            observed = self.bake(context, observed, rollout, candidate, weight).await?;
        }
        let labelled = rollout.traffic.labelled(&rollout.label);
        if !labelled.is_some_and(|name| name.eq_ignore_ascii_case(candidate)) {
            // It answers nowhere yet.
            return Ok(observed);
        }
        let recipe = context.selection.instances.iter().find(|one| one.alias == rollout.instance);
        let checks = recipe.and_then(|one| one.recipe.rollout.as_ref()).map(|asked| asked.checks.as_slice());
        let seen = observed.plan.rollout.as_ref().map_or(&rollout.seen, |now| &now.seen).clone();
        let gate = Gate {
            instance: &rollout.instance,
            checks: checks.unwrap_or_default(),
            roots: &[("candidate", seen)],
        };
        let mut facts = observed.facts.clone();
        let judged = Box::pin(self.gate(&mut facts, context.selection, context.target, &gate)).await?;
        let judged = judged.findings;
        let failed = |finding: &&Finding| {
            // What could not be looked at is no reason for more traffic.
            matches!(finding.status, Status::Failed | Status::CouldNotCheck | Status::ActionRequired)
        };
        let passed = judged.iter().filter(|finding| !failed(finding)).count();
        let revision = candidate.to_owned();
        self.observer.event(&Event::Judged { revision, weight, passed, of: judged.len() });
        match judged.iter().find(failed) {
            Some(finding) => Err(Stopped::Failed(Box::new(gate_failed(finding, candidate, weight, context)))),
            None => Ok(observed),
        }
    }

    /// Waits until the candidate is healthy.
    async fn healthy(
        &self,
        context: &Context<'_>,
        observed: Observed,
        candidate: &str,
    ) -> Result<Observed, Stopped> {
        let observed = self.observe_ready(observed, context.selection, context.target, false).await?;
        let health = &observed.plan.health;
        match &health.state {
            State::Ready => Ok(observed),
            State::Unknown => Err(Stopped::Failed(Box::new(
                Diagnostic::error(
                    codes::REVISION_HEALTH,
                    format!("the health of {candidate} could not be read"),
                )
                .resource(context.target.app_id()),
            ))),
            State::Waiting(why) | State::Failing(why) | State::Stopped(why) => {
                let diagnostic = unhealthy(context, health, candidate, why);
                let diagnostic = with_pull_causes(diagnostic, &observed.plan.pulls, why, self.clock.now());
                Err(Stopped::Failed(Box::new(diagnostic)))
            }
        }
    }

    /// Lets the share stand for its time; a candidate that falls ill meanwhile has failed.
    async fn bake(
        &self,
        context: &Context<'_>,
        mut observed: Observed,
        rollout: &Rollout,
        candidate: &str,
        weight: u32,
    ) -> Result<Observed, Stopped> {
        let until = self.clock.now() + rollout.bake;
        if until >= self.deadline {
            let failure = Failure::deadline(&format!("the wait of {candidate} at {weight} % of the traffic"));
            return Err(failure.and_note(&format!("the traffic stands: {}", rollout.traffic)).into());
        }
        while let Ok(remaining) = Duration::try_from(until - self.clock.now()) {
            if remaining.is_zero() {
                break;
            }
            let revision = candidate.to_owned();
            self.observer.event(&Event::Baking { revision, weight, remaining });
            self.pause(remaining.min(LOOK)).await?;
            let mut facts = observed.facts;
            facts.forget(&context.target.app_id());
            observed = self.observe_from(facts, context.selection, context.target, false).await?;
            observed = self.healthy(context, observed, candidate).await?;
        }
        Ok(observed)
    }
}

fn gate_failed(finding: &Finding, candidate: &str, weight: u32, context: &Context<'_>) -> Diagnostic {
    let how = if finding.status == Status::Failed { "failed" } else { "could not be made" };
    let message = format!("{candidate} at {weight} % of the traffic: the check `{}` {how}", finding.name);
    let mut diagnostic = Diagnostic::error(codes::GATE, message).resource(context.target.app_id());
    if let Some(detail) = &finding.detail {
        diagnostic = diagnostic.note(detail.clone());
    }
    if let Some(fix) = &finding.fix {
        diagnostic = diagnostic.fix(fix.clone());
    }
    if let Some(docs) = &finding.docs {
        diagnostic = diagnostic.docs(docs.clone());
    }
    diagnostic
}
