//! One write, until it is in place: wait for roles, read again, merge again, send, wait, repeat what
//! may be repeated.

use std::collections::BTreeMap;

use super::database::{Script, after_refused};
use super::ledger::{Done, Ledger};
use super::repeat::Next;
use super::run::{still_possible, within_approval};
use super::send::Tried;
use super::{Event, Executor, Failure, Observed};
use crate::azure::types::Consequence;
use crate::facts::Facts;
use crate::plan::{Approved, Plan, Selection, Target, Write};

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
        self.settle(write).await?;
        let start = self.clock.now();
        let keys = keys(plan, write);
        let done = Done {
            what: describe(plan, write),
            resource: write.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        let mut tries = 0;
        loop {
            let fresh = self.read_again(context, write, facts.clone(), tries > 0).await?;
            let Some((plan, write)) = current(&fresh, write, &keys) else {
                // In place by an earlier try or by somebody else; else the next plan says what is left.
                context.ledger.in_place(&done);
                break;
            };
            still_possible(plan)?;
            within_approval(context.approval, plan)?;
            tries += 1;
            let next = match write.user(&plan.steps) {
                Some(user) => {
                    match Box::pin(self.send_script(context.ledger, plan, write, &user, &done)).await {
                        Ok(()) => break,
                        Err(Script::Failed(failure)) => return Err(failure),
                        Err(Script::Refused(error)) => after_refused(&user, &done.what, &error, tries),
                    }
                }
                None => match self.send(context.ledger, plan, write, &done).await {
                    Ok(()) => break,
                    Err(Tried::Failed(failure)) => return Err(failure),
                    Err(Tried::Azure(error)) => {
                        self.after_failure(plan, write, &done.what, &error, tries, start)
                    }
                },
            };
            match next {
                Next::InPlace => {
                    context.ledger.in_place(&done);
                    break;
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
        if tries == 0 {
            return Ok(());
        }
        let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
        self.observer.event(&Event::Written { what: done.what, elapsed });
        if write.consequences.contains(&Consequence::NewRevision) {
            self.await_revision(context, facts, plan.health.revision.as_deref()).await?;
        }
        if write.consequences.contains(&Consequence::RestartUsers) {
            self.restart(context, plan, write).await?;
        }
        Ok(())
    }
}

/// Keys of the step runs in a write: what it is known by in a newer plan.
pub(super) fn keys(plan: &Plan, write: &Write) -> Vec<String> {
    write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect()
}

/// The same write in a newer plan, if it is still needed and nothing has to come before it now.
fn current<'o>(observed: &'o Observed, write: &Write, keys: &[String]) -> Option<(&'o Plan, &'o Write)> {
    let plan = &observed.plan;
    let same = plan.writes.iter().find(|other| {
        other.id == write.id && other.steps.iter().any(|index| keys.contains(&plan.steps[*index].key))
    })?;
    same.after.is_empty().then_some((plan, same))
}

/// What the writes of a plan do, in a few words each: as they stand in the account of a run.
pub fn described(plan: &Plan) -> Vec<String> {
    plan.writes.iter().map(|write| describe(plan, write)).collect()
}

/// What a write does, in a few words.
fn describe(plan: &Plan, write: &Write) -> String {
    let grant = write.steps.first().and_then(|index| plan.steps[*index].outcome.grant.as_ref());
    let verb = if write.create { "create" } else { "change" };
    if let Some(user) = write.user(&plan.steps) {
        return format!("{verb} the {}", user.title());
    }
    match (grant, &write.id) {
        (Some(grant), _) => format!("grant {} on {}", grant.role, grant.scope.name()),
        (None, Some(id)) => format!("{verb} the {} {}", write.kind.noun, id.name()),
        (None, None) => format!("create a {}", write.kind.noun),
    }
}
