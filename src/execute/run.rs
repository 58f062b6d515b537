//! A run: the writes of a plan in order, planned again on fresh facts after each wave.

use std::collections::BTreeMap;

use super::{Event, Executor, Failure, Observed};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::Selection;
use crate::plan::{Approved, Plan, Target};
use crate::value::Value;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Accepted writes, in order, in a few words each.
    pub writes: Vec<Done>,
    /// Revisions that came of them.
    pub revisions: Vec<String>,
}

/// One accepted write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What it did, in a few words.
    pub what: String,
    /// The resource's id.
    pub resource: String,
}

/// More waves than the steps of any run: writes that change nothing must not go on for ever.
const MAX_WAVES: usize = 24;

impl Executor {
    /// Executes `approved`, which was made from `facts`. `done` is filled as the run goes on, so that
    /// an interrupted run can tell what it did.
    ///
    /// # Errors
    /// See [`Failure`]. After any of them the same command goes on from what is there.
    pub async fn apply(
        &self,
        approved: &Plan,
        facts: Facts,
        selection: &Selection,
        target: &Target,
        done: &std::sync::Mutex<Applied>,
    ) -> Result<Observed, Failure> {
        let approval = approved.approval();
        let mut observed = Observed { plan: approved.clone(), facts, rounds: 0, reads: 0 };
        let mut attempts: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..MAX_WAVES {
            if observed.plan.writes.is_empty() {
                return Ok(observed);
            }
            if self.interrupt.requested() {
                return Err(Failure::Interrupted);
            }
            within_approval(&approval, &observed.plan)?;
            let ready: Vec<usize> = (0..observed.plan.writes.len())
                .filter(|index| observed.plan.writes[*index].after.is_empty())
                .collect();
            for index in &ready {
                for step in &observed.plan.writes[*index].steps {
                    let key = &observed.plan.steps[*step].key;
                    let count = attempts.entry(key.clone()).or_default();
                    *count += 1;
                    if *count > 2 {
                        return Err(not_taken(key));
                    }
                }
            }
            let context = super::write::Context { selection, target, approval: &approval, done };
            let plan = &observed.plan;
            let facts = &observed.facts;
            let ends = futures::future::join_all(
                ready.iter().map(|index| self.write(&context, plan, &plan.writes[*index], facts)),
            )
            .await;
            let mut facts = observed.facts;
            for index in &ready {
                match &observed.plan.writes[*index].id {
                    Some(id) => facts.forget(id),
                    None => facts = Facts::default(),
                }
            }
            ends.into_iter().collect::<Result<Vec<()>, Failure>>()?;
            observed = self.observe_from(facts, selection, target, false).await?;
        }
        Err(not_taken("the plan"))
    }

    /// The state after a run, on fresh facts, once the app is ready.
    ///
    /// # Errors
    /// Azure could not be asked.
    pub async fn observe_after(&self, selection: &Selection, target: &Target) -> Result<Observed, Failure> {
        self.observer.event(&Event::Verifying);
        let observed = self.observe(selection, target, false).await?;
        self.observe_ready(observed, selection, target, false).await
    }
}

/// Only what was approved may be written: others may change what is not ours, but a difference on an
/// owned path stops the run.
pub(super) fn within_approval(
    approval: &BTreeMap<(String, String), Approved>,
    plan: &Plan,
) -> Result<(), Failure> {
    for (place, now) in plan.approval() {
        let same = approval.get(&place).is_some_and(|then| {
            // What is there already as approved may still have to be sent again: an operation that
            // failed leaves it on the app without effect.
            (then.after == now.after || !then.after.origins().is_empty())
                && (then.before == now.before
                    || now.before == now.after
                    || identity_grew(&place.1, &then.before))
        });
        if !same {
            let (resource, path) = place;
            return Err(Failure::Changed(Box::new(
                Diagnostic::error(codes::CHANGED_MEANWHILE, format!("{path} changed while the run was on"))
                    .note("somebody else changed it after the plan was shown; nothing more was written")
                    .fix("run the same command again: it plans anew")
                    .resource(resource),
            )));
        }
    }
    Ok(())
}

/// An identity that did not exist when the plan was approved reads differently once it does.
fn identity_grew(path: &str, before: &Value) -> bool {
    path.starts_with("identity") && (before.is_null() || !before.origins().is_empty())
}

fn not_taken(step: &str) -> Failure {
    Failure::Azure(Box::new(
        Diagnostic::error(
            codes::NOT_TAKEN,
            format!("Azure accepted the write of {step}, but it is not in place"),
        )
        .note(
            "the change was read back and is still missing; something else may be putting the old value back",
        )
        .fix("look at the resource's activity log for other writers, then run the same command again"),
    ))
}
