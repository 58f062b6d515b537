//! The end of a rollout whose candidate failed: the traffic goes back to what served, and the candidate out of
//! service.

use std::time::Duration;

use super::super::write::Context;
use super::super::{Event, Executor, Failure};
use super::{Rolling, Stopped};
use crate::diagnostic::Diagnostic;
use crate::plan::{Rollout, Target, Traffic, revision_command, shift_command};

/// What taking back may take beyond the deadline: a candidate that failed is not left with traffic because
/// time is up.
const TO_TAKE_BACK: Duration = Duration::from_secs(5 * 60);

impl Executor {
    /// Ends a rollout: one whose candidate has failed puts back what it changed, if that is what the recipe says.
    pub(super) async fn stop(
        &self,
        context: &Context<'_>,
        stopped: Stopped,
        rollout: &Rollout,
        candidate: &str,
        rolling: &mut Rolling,
    ) -> Failure {
        let cause = match stopped {
            Stopped::Otherwise(failure) => return self.stands(context, failure, rolling).await,
            Stopped::Failed(cause) => *cause,
        };
        // What somebody else has done to the traffic since may be why; then nothing of it is this run's to mend.
        if let Ok(now) = self.last_look().observe(context.selection, context.target, false).await
            && let Err(failure) = rolling.untouched(&now.plan)
        {
            return failure.and_note(&format!("before that: {}", cause.message));
        }
        if !rollout.rolls_back {
            return Failure::NotPutBack(Box::new(
                cause
                    .note(format!("all is left as it stands, as the recipe says: {}", rollout.traffic))
                    .note(by_hand(context.target, rollout, candidate)),
            ));
        }
        self.observer.event(&Event::RollingBack { revision: candidate.to_owned() });
        let deadline = self.deadline.max(self.clock.now() + TO_TAKE_BACK);
        let executor = Executor { deadline, ..self.clone() };
        let back = match &rolling.before {
            Some(before) => before.clone(),
            None => rollout.traffic.without(&rollout.serving, candidate),
        };
        match Box::pin(executor.take_back(context, rollout, candidate, rolling, &back)).await {
            Ok(()) => Failure::RolledBack(Box::new(
                not_put_back(cause, &rolling.stays)
                    .note(format!("put back: {back}"))
                    .note(format!("{candidate} is deactivated"))
                    .note("the same change is refused from now on; --retry tries it again under a new name"),
            )),
            Err(Failure::Interrupted) => Failure::Interrupted,
            Err(failure) => {
                let why = failure.diagnostic().map_or_else(String::new, |why| why.message.clone());
                let cause = not_put_back(cause, &rolling.stays)
                    .note(format!("it could not be put back whole: {why}"));
                let left = self.stands(context, Failure::NotPutBack(Box::new(cause)), rolling).await;
                left.and_note(&by_hand(context.target, rollout, candidate)).and_note(
                    "run again as it is, the same command tries the revision again, as long as it is active",
                )
            }
        }
    }

    /// A failure, with who gets what of the traffic after it, read anew.
    pub(in crate::execute) async fn stands(
        &self,
        context: &Context<'_>,
        failure: Failure,
        rolling: &Rolling,
    ) -> Failure {
        if matches!(failure, Failure::Interrupted) {
            return failure;
        }
        let now = self.last_look().observe(context.selection, context.target, false).await;
        match (now, &rolling.expected) {
            (Ok(now), _) if now.plan.app.as_map().is_some() => {
                let traffic = Traffic::of(&now.plan.app);
                context.ledger.traffic(&traffic);
                failure.and_note(&format!("the traffic stands: {traffic}"))
            }
            (_, Some(seen)) => {
                failure.and_note(&format!("the traffic could not be read again; as last seen: {seen}"))
            }
            (_, None) => failure,
        }
    }

    async fn take_back(
        &self,
        context: &Context<'_>,
        rollout: &Rollout,
        candidate: &str,
        rolling: &mut Rolling,
        back: &Traffic,
    ) -> Result<(), Failure> {
        let observed = self.observe(context.selection, context.target, false).await?;
        let mut observed = self.whole(context, observed).await?;
        if Traffic::of(&observed.plan.app) != *back {
            let what = format!("give the traffic back to {}", rollout.serving);
            observed = self.set_traffic(context, observed, rolling, back, &what).await?;
        }
        self.retire(context, observed, candidate).await?;
        Ok(())
    }
}

/// A failure with what else this run wrote: that acts on the revision that serves too, and stays.
fn not_put_back(cause: Diagnostic, stays: &[String]) -> Diagnostic {
    if stays.is_empty() {
        return cause;
    }
    cause.note(format!("written by this run and not put back: {}", stays.join(", ")))
}

/// How to put back by hand what a rollout left.
fn by_hand(target: &Target, rollout: &Rollout, candidate: &str) -> String {
    format!(
        "to put it back: {}; {}",
        shift_command(target, &rollout.serving),
        revision_command(target, "deactivate", candidate)
    )
}
