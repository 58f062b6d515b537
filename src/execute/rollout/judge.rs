//! Whether a candidate may get more of the traffic: its health, and the recipe's checks once its share has stood
//! for its time.

use std::time::Duration;

use super::super::failure::with_pull_causes;
use super::super::revision::unhealthy;
use super::super::run::still_possible;
use super::super::write::Context;
use super::super::{Event, Executor, Failure, Observed};
use super::Stopped;
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::{Finding, Gate, Plan, Rollout, State, Status};

/// How often the wait at a share looks at the candidate's health and says what is left.
const LOOK: Duration = Duration::from_secs(20);

/// How long a candidate with traffic may be ill before it has failed. There is no start to wait for any more.
const ILL: Duration = Duration::from_secs(30);

/// The same for one that is starting: it was scaled to zero, and its traffic wakes it.
const WAKING: Duration = Duration::from_secs(2 * 60);

/// How often and how far apart it is looked again at what could not be read or asked. A right may just be coming
/// into force, a name server or a proxy be away for a moment.
pub(super) const LOOKS: u32 = 6;
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// The least time that a candidate's gates have before it has traffic: its label may not answer at once.
const LABEL: Duration = Duration::from_secs(30);

/// Whether a plan tells of the rollout and of everything that the recipes own.
pub(super) fn is_whole(plan: &Plan) -> bool {
    plan.rollout.is_some() && plan.unreadable.is_empty()
}

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
        let mut observed = self.healthy(context, observed, candidate, weight).await?;
        if weight > 0 {
            observed = self.bake(context, observed, rollout, candidate, weight).await?;
        }
        self.gates(context, observed, rollout, candidate, weight).await
    }

    /// Judges what has all of the traffic as it stands: its health and the recipe's checks, without a wait.
    pub(super) async fn judge_now(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rollout: &Rollout,
        candidate: &str,
    ) -> Result<Observed, Stopped> {
        let weight = rollout.traffic.weight(candidate);
        let observed = self.healthy(context, observed, candidate, weight).await?;
        self.gates(context, observed, rollout, candidate, weight).await
    }

    /// The recipe's checks, once the candidate answers under its label.
    async fn gates(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rollout: &Rollout,
        candidate: &str,
        weight: u32,
    ) -> Result<Observed, Stopped> {
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
        let least = if weight == 0 { LABEL } else { Duration::ZERO };
        let mut looks = 0;
        loop {
            let mut facts = observed.facts.clone();
            let judged =
                Box::pin(self.gate_within(&mut facts, context.selection, context.target, &gate, least))
                    .await?;
            let findings = &judged.findings;
            let failed = findings.iter().find(|finding| finding.status == Status::Failed);
            // What could not be looked at is no reason for more traffic, and none to take anything back.
            let unseen =
                |finding: &&Finding| matches!(finding.status, Status::CouldNotCheck | Status::ActionRequired);
            let settled = judged.probes.iter().any(|probe| {
                probe.settled && findings.get(probe.finding).is_some_and(|finding| unseen(&finding))
            });
            let unseen = findings.iter().find(unseen);
            looks += 1;
            if failed.is_none()
                && unseen.is_some()
                && !settled
                && looks <= LOOKS
                && self.clock.now() + PAUSE < self.deadline
            {
                self.pause(PAUSE).await?;
                continue;
            }
            let passed = findings
                .iter()
                .filter(|one| {
                    !matches!(one.status, Status::Failed | Status::CouldNotCheck | Status::ActionRequired)
                })
                .count();
            let revision = candidate.to_owned();
            self.observer.event(&Event::Judged { revision, weight, passed, of: findings.len() });
            return match (failed, unseen) {
                (Some(finding), _) => {
                    Err(Stopped::Failed(Box::new(gate_failed(finding, candidate, weight, context))))
                }
                (None, Some(finding)) => {
                    Err(Stopped::Otherwise(unsure(gate_failed(finding, candidate, weight, context))))
                }
                (None, None) => Ok(observed),
            };
        }
    }

    /// Waits until the candidate is healthy. Before it has traffic that may take as long as its start; after that
    /// one that stays ill has failed.
    async fn healthy(
        &self,
        context: &Context<'_>,
        observed: Observed,
        candidate: &str,
        weight: u32,
    ) -> Result<Observed, Stopped> {
        let mut observed = self.whole(context, observed).await?;
        let mut looks = 0;
        let mut ill_since = None;
        loop {
            if weight == 0 {
                observed = self.observe_ready(observed, context.selection, context.target, false).await?;
            }
            let plan = &observed.plan;
            let now = self.clock.now();
            let own =
                plan.health.revision.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(candidate));
            let ill = |why: &str| {
                let diagnostic = unhealthy(context, &plan.health, candidate, why);
                Stopped::Failed(Box::new(with_pull_causes(diagnostic, &plan.pulls, why, now)))
            };
            if !own && plan.rollout.is_some() {
                // Another one's health says nothing of it.
                return Err(Stopped::Failed(Box::new(
                    Diagnostic::error(
                        codes::REVISION_HEALTH,
                        format!("the revision {candidate} is not active any more"),
                    )
                    .resource(context.target.app_id()),
                )));
            }
            let pause = match &plan.health.state {
                State::Ready if own => return Ok(observed),
                State::Waiting(why) if own && weight > 0 => {
                    let since = *ill_since.get_or_insert(now);
                    let patience = if why.contains("it is starting") { WAKING } else { ILL };
                    // An operation of somebody else's is no illness of the candidate.
                    if plan.busy {
                        ill_since = None;
                    } else if now - since >= patience {
                        return Err(ill(why));
                    }
                    let elapsed = (now - since).try_into().unwrap_or_default();
                    let (name, state) = (candidate.to_owned(), why.clone());
                    self.observer.event(&Event::Revision { name, state, elapsed });
                    LOOK / 2
                }
                State::Waiting(why) | State::Failing(why) | State::Stopped(why) if own => {
                    return Err(ill(why));
                }
                _ => {
                    looks += 1;
                    if looks > LOOKS {
                        return Err(Stopped::Otherwise(unsure(
                            Diagnostic::error(
                                codes::REVISION_HEALTH,
                                format!("the health of {candidate} could not be read"),
                            )
                            .resource(context.target.app_id()),
                        )));
                    }
                    PAUSE
                }
            };
            if now + pause >= self.deadline {
                return Err(Failure::deadline(&format!("to see that {candidate} is healthy")).into());
            }
            self.pause(pause).await?;
            let mut facts = observed.facts;
            facts.forget(&context.target.app_id());
            observed = self.look(context, facts).await?;
        }
    }

    /// The plan on these facts and what they miss, whole: see [`Executor::whole`].
    pub(super) async fn look(&self, context: &Context<'_>, facts: Facts) -> Result<Observed, Failure> {
        let observed = self.observe_from(facts, context.selection, context.target, false).await?;
        self.whole(context, observed).await
    }

    /// A plan that tells of the rollout and of everything that the recipes own: while something of that cannot be
    /// read, it is looked again, for a while.
    ///
    /// # Errors
    /// It still cannot be read, or the rollout cannot go on as things stand.
    pub(in crate::execute) async fn whole(
        &self,
        context: &Context<'_>,
        mut observed: Observed,
    ) -> Result<Observed, Failure> {
        let mut looks = 0;
        loop {
            let plan = &observed.plan;
            if is_whole(plan) {
                return Ok(observed);
            }
            looks += 1;
            if looks > LOOKS || self.clock.now() + PAUSE >= self.deadline {
                return Err(unseen(plan, context));
            }
            self.pause(PAUSE).await?;
            let mut facts = observed.facts;
            facts.forget_all();
            observed = self.observe_from(facts, context.selection, context.target, false).await?;
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
            return Err(failure.into());
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
            observed = self.look(context, facts).await?;
            observed = self.healthy(context, observed, candidate, weight).await?;
        }
        Ok(observed)
    }
}

/// The end of a run that could not find out how its candidate is: nothing of it has failed.
fn unsure(diagnostic: Diagnostic) -> Failure {
    let again = "run the same command again: it goes on from there";
    let diagnostic = match &diagnostic.fix {
        Some(_) => diagnostic.note(again),
        None => diagnostic.fix(again),
    };
    Failure::Azure(Box::new(
        diagnostic
            .note("that is no failure of the revision: it got no more traffic, and nothing was taken back"),
    ))
}

/// Why a plan tells nothing of the rollout.
fn unseen(plan: &Plan, context: &Context<'_>) -> Failure {
    let readable = !plan.app.is_null() && !plan.app.is_unknown();
    let barred =
        plan.prerequisites.iter().find(|one| one.status == Status::Failed && one.code == codes::ROLLOUT);
    if let (true, Some(_), true, Err(failure)) =
        (readable, barred, plan.unreadable.is_empty(), still_possible(plan))
    {
        return failure;
    }
    let failed = plan.prerequisites.iter().filter(|one| one.status == Status::Failed);
    let reasons = failed.map(|one| one.detail.clone().unwrap_or_else(|| one.name.clone()));
    let reasons = reasons.chain(plan.unreadable.iter().map(|one| one.message.clone()));
    let message = "how the rollout stands could not be read";
    let diagnostic = Diagnostic::error(codes::ROLLOUT, message).resource(context.target.app_id());
    unsure(reasons.take(3).fold(diagnostic, Diagnostic::note))
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
