//! A run: the writes of a plan in order, planned again on fresh facts after each wave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use super::ledger::{Applied, Ledger};
use super::rollout::Rolling;
use super::write::{Context, keys, why_unjudged};
use super::{Event, Executor, Failure, Observed};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::{Approved, Plan, Rollout, Selection, Status, Target, quote};
use crate::value::Value;

/// More waves than the steps of any run: writes that change nothing must not go on for ever.
const MAX_WAVES: usize = 24;

/// Pauses between looks for a write that was accepted and does not show yet, 15 s in all.
const SHOWS_AFTER: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

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
        done: &Mutex<Applied>,
    ) -> Result<Observed, Failure> {
        let approval = approved.approval();
        let mut rolling = Rolling::of(approved);
        let stages = approved.rollout.as_ref().map_or(0, |rollout| rollout.weights.len());
        let context = Context { selection, target, approval: &approval, ledger: Ledger(done) };
        let mut observed = Observed { plan: approved.clone(), facts, rounds: 0, reads: 0 };
        let mut attempts: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..MAX_WAVES + stages {
            self.look_for_others(context.ledger, &observed).await;
            if approved.rollout.is_some() {
                let end = self.whole(&context, observed).await;
                observed = match end {
                    Ok(observed) => observed,
                    Err(failure) => return Err(self.stands(&context, failure, &rolling).await),
                };
            }
            if let Some(rollout) = &observed.plan.rollout {
                context.ledger.traffic(&rollout.traffic);
            }
            self.answers_suffice(approved, &observed.plan)?;
            self.waits_are_seen(approved, &observed.plan)?;
            if !observed.plan.has_changes() && observed.plan.writes.is_empty() {
                self.all_seen(approved, &observed.plan)?;
                return Box::pin(self.judge_served(&context, observed, &mut rolling, false)).await;
            }
            if self.interrupt.requested() {
                return Err(Failure::Interrupted);
            }
            within_approval(&approval, &observed.plan)?;
            still_judged(approved, &observed.plan)?;
            rolling.still_approved(&observed.plan)?;
            if observed.plan.writes.is_empty() {
                observed = Box::pin(self.roll(&context, observed, &mut rolling)).await?;
                continue;
            }
            let ready: Vec<usize> = (0..observed.plan.writes.len())
                .filter(|index| observed.plan.writes[*index].after.is_empty())
                .collect();
            let ready = without_early_builds(&observed.plan, without_early_waits(&observed.plan, ready));
            let asks: BTreeSet<&String> =
                ready.iter().flat_map(|index| &observed.plan.writes[*index].asks).collect();
            if !asks.is_empty() {
                let asked = async {
                    let facts = self.ask(&observed.plan, &asks, observed.facts.clone()).await?;
                    self.observe_from(facts, selection, target, false).await
                };
                observed = Box::pin(asked).await?;
                continue;
            }
            let sent: Vec<String> =
                ready.iter().flat_map(|index| keys(&observed.plan, &observed.plan.writes[*index])).collect();
            for key in &sent {
                let count = attempts.entry(key.clone()).or_default();
                *count += 1;
                if *count > 2 {
                    return Err(not_taken(&observed.plan, key));
                }
            }
            // What was accepted and still does not run has to differ to be taken up.
            let renew = sent.iter().any(|key| attempts.get(key).is_some_and(|count| *count > 1));
            let executor = Executor { renew, ..self.clone() };
            let (plan, facts) = (&observed.plan, &observed.facts);
            if renew && plan.rollout.is_some() {
                let caller = self.client.caller().await.ok();
                let anew = executor.plan(selection, target, facts, caller.as_ref(), false);
                rolling.renewed(anew.rollout.as_ref().and_then(Rollout::name));
            }
            let writes =
                ready.iter().map(|index| executor.write(&context, plan, &plan.writes[*index], facts));
            let ends = futures::future::join_all(writes).await;
            if let Err(failure) = ends.into_iter().collect::<Result<Vec<()>, Failure>>() {
                return Err(match &plan.rollout {
                    Some(_) => Box::pin(self.stands(&context, failure, &rolling)).await,
                    None => failure,
                });
            }
            observed = self.look_again(observed, &ready, &sent, selection, target).await?;
        }
        Err(not_taken(&observed.plan, "the plan"))
    }

    /// That what was to be written is written, or seen to be in place: what cannot be read any more has no changes either.
    /// What is left to a person is told as that.
    fn all_seen(&self, approved: &Plan, plan: &Plan) -> Result<(), Failure> {
        let wrote = self.so_far().wrote;
        let unseen = |key: &String| {
            let step = plan.steps.iter().find(|step| step.key == *key);
            let unreadable = plan.unreadable.iter().find(|one| one.key == *key);
            match (step, unreadable) {
                (_, Some(unreadable)) => Some(unreadable.message.clone()),
                (Some(step), None) if step.outcome.live.is_unknown() && step.outcome.owned.is_empty() => {
                    Some("what it changes could not be read again".to_owned())
                }
                _ => None,
            }
        };
        let planned = approved.writes.iter().flat_map(|write| keys(approved, write));
        let mut planned = planned.filter(|key| !wrote.contains(key));
        match planned.find_map(|key| unseen(&key).map(|reason| (key, reason))) {
            None => Ok(()),
            Some((key, reason)) => Err(Failure::Changed(Box::new(
                Diagnostic::error(
                    codes::CHANGED_MEANWHILE,
                    format!("whether {key} is in place cannot be told"),
                )
                .note(reason)
                .note("it was to be written, and was not")
                .fix("run the same command again: it goes on from what is there"),
            ))),
        }
    }

    /// The plan on fresh facts after the writes `written`, of the steps `sent`. What Azure accepted is
    /// not always in its lists at once, so a step that does not show yet is looked for a while.
    async fn look_again(
        &self,
        before: Observed,
        written: &[usize],
        sent: &[String],
        selection: &Selection,
        target: &Target,
    ) -> Result<Observed, Failure> {
        let ids: Vec<_> = written.iter().map(|index| before.plan.writes[*index].id.clone()).collect();
        let forget = |mut facts: Facts| {
            for id in &ids {
                match id {
                    Some(id) => facts.forget(id),
                    None => facts.forget_all(),
                }
            }
            facts
        };
        let mut observed = self.observe_from(forget(before.facts), selection, target, false).await?;
        for pause in SHOWS_AFTER {
            let missing = |plan: &Plan| {
                plan.writes.iter().any(|write| keys(plan, write).iter().any(|key| sent.contains(key)))
            };
            if !missing(&observed.plan) || self.clock.now() + pause >= self.deadline {
                break;
            }
            self.pause(pause).await?;
            observed = self.observe_from(forget(observed.facts), selection, target, false).await?;
        }
        Ok(observed)
    }

    /// The state after a run, on fresh facts, once the app is ready.
    ///
    /// # Errors
    /// Azure could not be asked.
    pub async fn observe_after(&self, selection: &Selection, target: &Target) -> Result<Observed, Failure> {
        self.observer.event(&Event::Verifying);
        let observed = self.last_look().observe(selection, target, false).await?;
        self.observe_ready(observed, selection, target, false).await
    }
}

/// What can be written is not held up by what is waited for: nothing of a wave is followed before all of it is done.
fn without_early_waits(plan: &Plan, ready: Vec<usize>) -> Vec<usize> {
    let writes = |index: &usize| plan.writes[*index].wait(&plan.steps).is_none();
    let quick: Vec<usize> = ready.iter().copied().filter(writes).collect();
    if quick.is_empty() { ready } else { quick }
}

/// A build takes minutes, and nothing of a wave is followed before all of it is done: while something else is
/// ready that lets a further write go out, such as a role that has to age, builds wait for that one's wave.
fn without_early_builds(plan: &Plan, ready: Vec<usize>) -> Vec<usize> {
    let builds = |index: &usize| plan.writes[*index].build(&plan.steps).is_some();
    let quick: Vec<usize> = ready.iter().copied().filter(|index| !builds(index)).collect();
    let released = plan
        .writes
        .iter()
        .any(|write| !write.after.is_empty() && write.after.iter().all(|before| quick.contains(before)));
    if released { quick } else { ready }
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

/// What had to hold before the first write still has to before each: a secret that appeared meanwhile
/// would be overwritten.
pub(super) fn still_possible(plan: &Plan) -> Result<(), Failure> {
    let broken = plan.prerequisites.iter().find(|finding| finding.status == Status::Failed);
    broken.map_or(Ok(()), |finding| {
        let mut diagnostic = Diagnostic::error(
            codes::CHANGED_MEANWHILE,
            format!("this does not hold any more: {}", finding.name),
        );
        if let Some(detail) = &finding.detail {
            diagnostic = diagnostic.note(detail.clone());
        }
        let fix = finding.fix.as_deref();
        Err(Failure::Changed(Box::new(
            diagnostic.note("it did when the plan was made; nothing more was written").fix(
                fix.unwrap_or("run the same command again: it plans anew, and checks what has to be there"),
            ),
        )))
    })
}

/// What was to be written, and now cannot be seen, may not be in place: nothing that needs it is sent.
fn still_judged(approved: &Plan, plan: &Plan) -> Result<(), Failure> {
    let planned: Vec<String> = approved.writes.iter().flat_map(|write| keys(approved, write)).collect();
    let unseen: Vec<(String, String)> = (planned.into_iter())
        .filter_map(|key| why_unjudged(plan, std::slice::from_ref(&key)).map(|reason| (key, reason)))
        .collect();
    let steps = || approved.steps.iter().chain(&plan.steps);
    for write in &plan.writes {
        let mut before: BTreeSet<&String> =
            write.steps.iter().flat_map(|index| &plan.steps[*index].needs).collect();
        loop {
            let known = before.len();
            let more: Vec<&String> =
                steps().filter(|step| before.contains(&step.key)).flat_map(|step| &step.needs).collect();
            before.extend(more);
            if before.len() == known {
                break;
            }
        }
        if let Some((key, reason)) = unseen.iter().find(|(key, _)| before.contains(key)) {
            return Err(Failure::Changed(Box::new(
                Diagnostic::error(
                    codes::CHANGED_MEANWHILE,
                    format!("whether {key} is in place cannot be told"),
                )
                .note(reason.clone())
                .note("what needs it was not sent")
                .fix("run the same command again: it goes on from what is there"),
            )));
        }
    }
    Ok(())
}

/// An identity that did not exist when the plan was approved reads differently once it does.
fn identity_grew(path: &str, before: &Value) -> bool {
    path.starts_with("identity") && (before.is_null() || !before.origins().is_empty())
}

/// A step that is not in place although its write was accepted twice.
fn not_taken(plan: &Plan, key: &str) -> Failure {
    let grant = plan.steps.iter().find(|step| step.key == key).and_then(|step| step.outcome.grant.as_ref());
    let diagnostic = Diagnostic::error(
        codes::NOT_TAKEN,
        format!("Azure accepted the write of {key}, but it is not in place"),
    );
    Failure::Azure(Box::new(match grant {
        Some(grant) => diagnostic
            .note(
                "there may be an assignment of the role with a condition: it keeps a second one from being made, and does not count for what it excludes",
            )
            .fix(format!("az role assignment list --scope {} --include-inherited", quote(grant.scope.as_str()))),
        None => diagnostic
            .note("the change was read back and is still missing; something else may be putting the old value back")
            .fix("look at the resource's activity log for other writers, then run the same command again"),
    }))
}
