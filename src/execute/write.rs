//! One write, until it is in place: wait for roles, read again, merge again, send, wait, repeat what
//! may be repeated.

use std::collections::BTreeMap;

use super::database::{Script, after_refused, refusal};
use super::last_read::Fresh;
use super::ledger::{Done, Ledger};
use super::others::Sent;
use super::repeat::Next;
use super::run::{still_possible, within_approval};
use super::send::Tried;
use super::{Event, Executor, Failure, Note, Observed};
use crate::azure::types::Consequence;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::facts::Facts;
use crate::plan::{Approved, Finding, Plan, Selection, Status, Target, Write};

/// What every write of a run shares.
pub(super) struct Context<'a> {
    pub(super) selection: &'a Selection,
    pub(super) target: &'a Target,
    pub(super) approval: &'a BTreeMap<(String, String), Approved>,
    pub(super) ledger: Ledger<'a>,
}

impl Executor {
    /// Does what `write` of `plan`, made from `facts`, says; ends once it works.
    pub(super) async fn write(
        &self,
        context: &Context<'_>,
        plan: &Plan,
        write: &Write,
        facts: &Facts,
    ) -> Result<(), Failure> {
        if let Some(wait) = write.wait(&plan.steps) {
            return Box::pin(self.wait_for(context, plan, write, wait, facts)).await;
        }
        self.settle(write).await?;
        let effect = write.effect(&plan.steps);
        let start = self.clock.now();
        let keys = keys(plan, write);
        let done = Done {
            what: describe(plan, write),
            resource: match write.effect(&plan.steps) {
                Some(effect) => effect.resource.to_string(),
                None => write.id.as_ref().map(ToString::to_string).unwrap_or_default(),
            },
        };
        let mut tries = 0;
        let mut last: Option<Failure> = None;
        let mut others = None;
        // What another run of this process writes is looked at once it is done there.
        let shared = if done.resource.is_empty() { &done.what } else { &done.resource };
        let turn = self.turns.take(shared, &*self.clock, self.deadline);
        let turn = self.interrupt.or(turn).await.ok_or(Failure::Interrupted)?;
        let turn = turn.ok_or_else(|| {
            Failure::deadline(&format!("{}: another run of this command still writes it", done.what))
        })?;
        loop {
            // Whatever others do while the write is held back is seen by the read that comes after.
            let permit = self.permit(plan, write).await.map_err(|tried| match tried {
                Tried::Failed(failure) => failure,
                Tried::Azure(error) => last.take().map_or_else(
                    || Failure::azure(&error, &done.what),
                    |last: Failure| last.and_note(&error.to_string()),
                ),
            })?;
            let stale = tries > 0 || turn.had_before;
            let Fresh { observed: fresh, stored } =
                self.read_again(context, (write, effect), &keys, facts.clone(), stale).await?;
            if permit.as_ref().is_some_and(|permit| !permit.holds(self.clock.now())) {
                continue;
            }
            let (plan, write) = match current(&fresh, write, &keys) {
                Current::Ready(plan, write) => (plan, write),
                // The next plan says what comes first.
                Current::Later => return Ok(()),
                Current::Unjudged(reason) => {
                    context.ledger.by_hand(&fresh.plan, &keys);
                    return Err(last.unwrap_or_else(|| unjudged(&done)).but(&reason));
                }
                // By an earlier try or by somebody else.
                Current::InPlace => {
                    if let Some(effect) = effect {
                        self.done_untold(effect, &keys, &done.what);
                    }
                    context.ledger.in_place(&done);
                    break;
                }
            };
            still_possible(plan)?;
            within_approval(context.approval, plan)?;
            tries += 1;
            let next = match (write.user(&plan.steps), write.build(&plan.steps)) {
                (Some(user), _) => {
                    match Box::pin(self.send_script(context.ledger, plan, write, &user, &done)).await {
                        Ok(()) => break,
                        Err(Script::Failed(failure)) => return Err(failure),
                        Err(Script::Refused(error)) => {
                            last = Some(refusal(&user, &done.what, &error));
                            after_refused(&user, &done.what, &error, tries)
                        }
                    }
                }
                (None, build) => {
                    let sent = match build {
                        Some(build) if build.found.is_some() => {
                            self.give_tags(context.ledger, plan, write, build, &done).await
                        }
                        Some(build) => {
                            Box::pin(self.send_build(context.ledger, plan, write, build, &done, &mut others))
                                .await
                        }
                        None => {
                            if let Some(effect) = write.effect(&plan.steps) {
                                Box::pin(self.act(context.ledger, plan, write, (effect, permit), &done)).await
                            } else {
                                let sent = Sent::of(&fresh, write);
                                let with = (stored.as_ref(), permit);
                                let end = self.send(context.ledger, plan, write, with, &done).await;
                                context.ledger.wrote(sent.filter(|_| end.is_ok()));
                                end
                            }
                        }
                    };
                    match sent {
                        Ok(()) => break,
                        Err(Tried::Failed(failure)) => return Err(failure),
                        Err(Tried::Azure(error)) => {
                            last = Some(Failure::of_write(&error, &done.what, plan, self.clock.now()));
                            self.after_failure(plan, write, &done.what, &error, tries, start)
                        }
                    }
                }
            };
            match next {
                Next::InPlace => {
                    context.ledger.in_place(&done);
                    break;
                }
                Next::Stop(failure) if !write.kind.ready.is_empty() => {
                    return Err(self.with_conditions(context, failure).await);
                }
                Next::Stop(failure) => return Err(failure),
                Next::Again { after, reason } => {
                    if self.clock.now() + after >= self.deadline {
                        return Err(Failure::deadline(&format!("{} ({reason})", done.what)));
                    }
                    self.observer.event(&Event::Repeating { what: done.what.clone(), reason, after });
                    self.pause(after).await?;
                }
            }
        }
        drop(turn);
        if tries == 0 {
            return Ok(());
        }
        self.remember(|so_far| so_far.wrote.extend(keys.iter().cloned()));
        let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
        self.observer.event(&Event::Written { what: done.what, elapsed });
        if let (Some(rollout), true) = (&plan.rollout, write.consequences.contains(&Consequence::NewRevision))
        {
            // Whether it is healthy is the first thing that the rollout judges.
            if let Some(name) = rollout.name() {
                context.ledger.revision(name);
                self.hook.note(&Note::Revision(name.to_owned()));
            }
        } else if write.consequences.contains(&Consequence::NewRevision) {
            self.await_revision(context, facts, plan.health.revision.as_deref()).await?;
        }
        if write.consequences.contains(&Consequence::RestartUsers) {
            self.restart(context, plan, write).await?;
        }
        Ok(())
    }
}

impl Executor {
    /// The failure with what does not hold of the run's prerequisites now: why somebody else may not do what was
    /// waited for. What they did before the first write is not what they do half an hour later.
    async fn with_conditions(&self, context: &Context<'_>, mut failure: Failure) -> Failure {
        let executor = self.last_look();
        let look = Box::pin(executor.observe(context.selection, context.target, false));
        let Ok(observed) = look.await else { return failure };
        let broken = |finding: &&Finding| {
            finding.instance.is_some() && matches!(finding.status, Status::Failed | Status::Warning)
        };
        let broken: Vec<&Finding> = observed.plan.prerequisites.iter().filter(broken).collect();
        for finding in &broken {
            let detail = finding.detail.as_deref().unwrap_or("it does not hold");
            failure = failure.and_note(&format!("{}: {detail}", finding.name));
        }
        if let Some(fix) = broken.iter().find_map(|finding| finding.fix.clone()) {
            failure.advise(fix);
        }
        failure
    }
}

/// Keys of the step runs in a write: what it is known by in a newer plan.
pub(super) fn keys(plan: &Plan, write: &Write) -> Vec<String> {
    write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect()
}

/// Where a write stands in a newer plan.
enum Current<'o> {
    /// It is still needed, and nothing has to come before it.
    Ready(&'o Plan, &'o Write),
    /// It is still needed, after something else.
    Later,
    /// Nothing of it is missing.
    InPlace,
    /// Whether something of it is missing cannot be told, for this reason.
    Unjudged(String),
}

/// The write of the steps `keys` in a newer plan.
pub(super) fn find<'p>(plan: &'p Plan, write: &Write, keys: &[String]) -> Option<&'p Write> {
    plan.writes.iter().find(|other| {
        other.id == write.id && other.steps.iter().any(|index| keys.contains(&plan.steps[*index].key))
    })
}

fn current<'o>(observed: &'o Observed, write: &Write, keys: &[String]) -> Current<'o> {
    let plan = &observed.plan;
    match find(plan, write, keys) {
        Some(same) if same.after.is_empty() => Current::Ready(plan, same),
        Some(_) => Current::Later,
        None => why_unjudged(plan, keys).map_or(Current::InPlace, Current::Unjudged),
    }
}

/// Why a plan does not tell whether these steps are in place: a step that is not among the plan's is no proof.
pub(super) fn why_unjudged(plan: &Plan, keys: &[String]) -> Option<String> {
    let unreadable = plan.unreadable.iter().find(|one| keys.contains(&one.key)).map(|one| &one.message);
    let by_hand = || plan.by_hand.iter().find(|one| keys.contains(&one.key)).map(|one| &one.reason);
    let judged = |key: &String| plan.steps.iter().any(|step| step.key == *key);
    let problem = || {
        let mut errors = plan.problems.iter().filter(|problem| problem.severity == Severity::Error);
        errors.next().filter(|_| !keys.iter().all(judged)).map(|problem| &problem.message)
    };
    unreadable.or_else(by_hand).or_else(problem).cloned()
}

/// A step that could be judged when the plan was approved, and cannot be now; nothing was sent.
fn unjudged(done: &Done) -> Failure {
    let message = format!("whether it is still needed to {} cannot be told any more", done.what);
    Failure::Changed(Box::new(
        Diagnostic::error(codes::CHANGED_MEANWHILE, message)
            .note("it could when the plan was made; nothing more was written")
            .fix("run the same command again: it plans anew")
            .resource(&done.resource),
    ))
}

/// What the writes of a plan do, in a few words each: as they stand in the account of a run.
pub fn described(plan: &Plan) -> Vec<String> {
    plan.writes.iter().map(|write| describe(plan, write)).collect()
}

/// What a write does, in a few words.
fn describe(plan: &Plan, write: &Write) -> String {
    let grant = write.steps.first().and_then(|index| plan.steps[*index].outcome.grant.as_ref());
    let verb = if write.create { "create" } else { "change" };
    if let Some(removed) = write.removed(&plan.steps) {
        return format!("remove the {}", removed.what);
    }
    if let Some(user) = write.user(&plan.steps) {
        return format!("{verb} the {}", user.title());
    }
    if let Some(build) = write.build(&plan.steps) {
        return build.what();
    }
    if let Some(effect) = write.effect(&plan.steps) {
        return effect.what();
    }
    if let Some(wait) = write.wait(&plan.steps) {
        return format!("wait for {}", wait.what);
    }
    match (grant, &write.id) {
        (Some(grant), _) => format!("grant {} on {}", grant.role, grant.scope.name()),
        (None, Some(id)) => format!("{verb} the {} {}", write.kind.noun, id.name()),
        (None, None) => format!("create a {}", write.kind.noun),
    }
}
