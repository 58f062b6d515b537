//! The end of a rollout whose candidate failed: the traffic goes back to what served, and the candidate out of
//! service.

use std::time::Duration;

use super::super::write::Context;
use super::super::{Event, Executor, Failure};
use super::{Rolling, Stopped};
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
            Stopped::Otherwise(failure) => {
                return failure.and_note(&format!("the traffic stands: {}", rollout.traffic));
            }
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
                cause
                    .note(format!("put back: {back}"))
                    .note(format!("{candidate} is deactivated"))
                    .note("the same change is refused from now on; --retry tries it again under a new name"),
            )),
            Err(Failure::Interrupted) => Failure::Interrupted,
            Err(failure) => {
                let why = failure.diagnostic().map_or_else(String::new, |why| why.message.clone());
                let stands = rolling.expected.as_ref().unwrap_or(&rollout.traffic);
                Failure::NotPutBack(Box::new(
                    cause
                        .note(format!("it could not be put back: {why}"))
                        .note(format!("the traffic as last seen: {stands}"))
                        .note(by_hand(context.target, rollout, candidate)),
                ))
            }
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
        let mut observed = self.observe(context.selection, context.target, false).await?;
        if Traffic::of(&observed.plan.app) != *back {
            let what = format!("give the traffic back to {}", rollout.serving);
            observed = self.set_traffic(context, observed, rolling, back, &what).await?;
        }
        self.retire(context, observed, candidate).await?;
        Ok(())
    }
}

/// How to put back by hand what a rollout left.
fn by_hand(target: &Target, rollout: &Rollout, candidate: &str) -> String {
    format!(
        "to put it back: {}; {}",
        shift_command(target, &rollout.serving),
        revision_command(target, "deactivate", candidate)
    )
}
