//! A rollout after its revision is there: wait for its health, judge it, give it more of the traffic, and take
//! it back when it fails. Each stage is one write; after each everything is observed and planned anew.

mod back;
mod judge;
mod shift;

use super::write::Context;
use super::{Executor, Failure, Observed};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Candidate, Plan, Rollout, Stage, Traffic, is_multiple};

/// What a rollout has seen so far in this run.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    /// The candidate's name as it was approved; `None`: it was not known then, or there is no rollout.
    candidate: Option<String>,
    /// The traffic as this run has made it, or found it first.
    expected: Option<Traffic>,
    /// The traffic before the candidate had its label, if this run has seen it.
    before: Option<Traffic>,
    /// Whether this run has judged the candidate with all of the traffic.
    judged: bool,
    /// What this run wrote that is not put back, in a few words each.
    stays: Vec<String>,
}

/// Why a candidate does not get on.
enum Stopped {
    /// It has failed.
    Failed(Box<Diagnostic>),
    /// The run stops for another reason, and nothing more is written.
    Otherwise(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Otherwise(failure)
    }
}

impl Rolling {
    /// A rollout that was approved as part of this plan.
    pub(super) fn of(approved: &Plan) -> Rolling {
        let name = approved.rollout.as_ref().and_then(Rollout::name);
        let expected = approved.rollout.as_ref().map(|rollout| rollout.traffic.clone());
        let stays = approved.rollout.as_ref().map(|rollout| rollout.stays.clone()).unwrap_or_default();
        Rolling { candidate: name.map(str::to_owned), expected, before: None, judged: false, stays }
    }

    /// This run itself gives the revision another name: under the one before none came of it.
    pub(super) fn renewed(&mut self, name: Option<&str>) {
        if let (Some(candidate), Some(name)) = (&mut self.candidate, name) {
            name.clone_into(candidate);
        }
    }

    /// Whether the plan still rolls out what was approved, from the traffic that this run knows.
    pub(super) fn still_approved(&self, plan: &Plan) -> Result<(), Failure> {
        let Some(rollout) = &plan.rollout else { return Ok(()) };
        if let (Some(then), Some(now)) = (&self.candidate, rollout.name())
            && then != now
        {
            return Err(changed(
                &format!("the revision to be rolled out is {now} now, not {then}"),
                "what serves, or what it is to be changed to, changed after the plan was shown",
                plan,
            ));
        }
        self.same_traffic(&rollout.traffic, plan)
    }

    /// Whether the app's traffic and mode are as this run has left them.
    pub(super) fn untouched(&self, plan: &Plan) -> Result<(), Failure> {
        self.same_traffic(&Traffic::of(&plan.app), plan)?;
        if is_multiple(&plan.app) {
            return Ok(());
        }
        let why = "weights need Multiple mode; somebody else changed it after the plan was shown";
        Err(changed("the app is not in Multiple mode any more", why, plan))
    }

    fn same_traffic(&self, now: &Traffic, plan: &Plan) -> Result<(), Failure> {
        match &self.expected {
            Some(expected) if expected != now => Err(changed(
                "the traffic changed while the run was on",
                &format!("it was {expected}; it is {now}"),
                plan,
            )),
            _ => Ok(()),
        }
    }
}

impl Executor {
    /// Does the next stage of the plan's rollout; the plan on fresh facts after it.
    ///
    /// # Errors
    /// The candidate failed ([`Failure::RolledBack`], [`Failure::NotPutBack`]), or the run stops as any other.
    pub(super) async fn roll(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rolling: &mut Rolling,
    ) -> Result<Observed, Failure> {
        let (Some(rollout), Some(stage)) =
            (observed.plan.rollout.clone(), observed.plan.next_stage().cloned())
        else {
            return Ok(observed);
        };
        let (stage, candidate) = match (stage, rollout.name()) {
            (Stage::Again, _) => {
                let what = described(&Stage::Again, &rollout.serving, &rollout.label);
                let wanted = rollout.traffic.clone();
                let end = self.set_traffic(context, observed, rolling, &wanted, &what).await;
                return self.or_stands(context, end, rolling).await;
            }
            (Stage::Retire(name), _) => {
                // It is the way back: nothing goes before what replaced it has been judged.
                let observed = self.judge_served(context, observed, rolling, true).await?;
                let end = self.retire(context, observed, &name).await;
                return self.or_stands(context, end, rolling).await;
            }
            (stage, Some(name)) => (stage, name.to_owned()),
            (_, None) => return Ok(observed),
        };
        let observed = match self.judge(context, observed, &rollout, &candidate).await {
            Ok(observed) => observed,
            Err(stopped) => return Err(self.stop(context, stopped, &rollout, &candidate, rolling).await),
        };
        let what = described(&stage, &candidate, &rollout.label);
        let wanted = match &stage {
            Stage::Label => {
                rolling.before = Some(rollout.traffic.clone());
                rollout.traffic.with_label(&rollout.label, &candidate)
            }
            Stage::Shift(weight) => {
                rollout.traffic.shifted(&rollout.label, &rollout.serving, &candidate, *weight)
            }
            Stage::Retire(_) | Stage::Again => return Ok(observed),
        };
        let end = self.set_traffic(context, observed, rolling, &wanted, &what).await;
        let observed = self.or_stands(context, end, rolling).await?;
        if stage != Stage::Shift(100) {
            return Ok(observed);
        }
        // All of the traffic is judged too, while what was there before is still ready to take over.
        let last = Rollout { traffic: wanted, ..rollout };
        let observed = match self.judge(context, observed, &last, &candidate).await {
            Ok(observed) => observed,
            Err(stopped) => return Err(self.stop(context, stopped, &last, &candidate, rolling).await),
        };
        rolling.judged = true;
        match last.stages.iter().find_map(|stage| match stage {
            Stage::Retire(name) => Some(name.clone()),
            _ => None,
        }) {
            Some(name) => {
                let end = self.retire(context, observed, &name).await;
                self.or_stands(context, end, rolling).await
            }
            None => Ok(observed),
        }
    }

    /// Judges what has all of the traffic, once in a run, for as long as what it took the place of is active: a run
    /// that was stopped before it did so leaves that to the next one. `bakes`: after its share has stood for a while.
    pub(super) async fn judge_served(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rolling: &mut Rolling,
        bakes: bool,
    ) -> Result<Observed, Failure> {
        let Some((rollout, name)) = served(&observed.plan).filter(|_| !rolling.judged) else {
            return Ok(observed);
        };
        let judged = if bakes {
            self.judge(context, observed, &rollout, &name).await
        } else {
            self.judge_now(context, observed, &rollout, &name).await
        };
        match judged {
            Ok(observed) => {
                rolling.judged = true;
                Ok(observed)
            }
            Err(stopped) => Err(self.stop(context, stopped, &rollout, &name, rolling).await),
        }
    }

    /// The end of a write, with who gets what of the traffic when it failed.
    async fn or_stands(
        &self,
        context: &Context<'_>,
        end: Result<Observed, Failure>,
        rolling: &Rolling,
    ) -> Result<Observed, Failure> {
        match end {
            Err(failure) => Err(self.stands(context, failure, rolling).await),
            ok => ok,
        }
    }
}

/// A rollout at its end, as one whose candidate can still be taken back: what serves, and what it replaced.
fn served(plan: &Plan) -> Option<(Rollout, String)> {
    let rollout = plan.rollout.as_ref().filter(|rollout| rollout.candidate.is_none() && rollout.recent)?;
    let replaced = rollout.replaced.clone()?;
    let name = rollout.serving.clone();
    let candidate = Some(Candidate { name: Some(name.clone()), exists: true });
    Some((Rollout { serving: replaced, candidate, ..rollout.clone() }, name))
}

impl Executor {
    /// Why the time of this run cannot hold the plan's rollout: it would stop at the same share each time.
    pub fn too_short(&self, plan: &Plan) -> Option<Diagnostic> {
        let rollout = plan.rollout.as_ref().filter(|rollout| !rollout.stages.is_empty())?;
        let (needs, at_least) = (rollout.needs().as_secs(), rollout.at_least().as_secs());
        let left = u64::try_from((self.deadline - self.clock.now()).whole_seconds()).unwrap_or_default();
        (left < needs).then(|| {
            Diagnostic::error(
                codes::DEADLINE,
                format!("the rollout does not fit into the {left} s that are left"),
            )
            .note(format!(
                "its shares stand for {at_least} s in all; with its writes it needs about {needs} s"
            ))
            .note("nothing was written")
            .fix(format!("run it again with --timeout {}s, or with less time for each share", needs + 120))
        })
    }
}

/// What the stages of a plan's rollout do, in a few words each: as they stand in the account of a run.
pub fn rollout_stages(plan: &Plan) -> Vec<String> {
    let told = |rollout: &Rollout| {
        let candidate = rollout.name().unwrap_or("the new revision");
        let stages = rollout.stages.iter();
        stages.map(|stage| described(stage, candidate, &rollout.label)).collect::<Vec<_>>()
    };
    plan.rollout.as_ref().map(told).unwrap_or_default()
}

/// What a stage does, in a few words.
fn described(stage: &Stage, candidate: &str, label: &str) -> String {
    match stage {
        Stage::Again => "set the traffic again, as it stands".to_owned(),
        Stage::Label => format!("give {candidate} the label {label}"),
        Stage::Shift(weight) => format!("give {candidate} {weight} % of the traffic"),
        Stage::Retire(name) => format!("deactivate the revision {name}"),
    }
}

fn changed(message: &str, why: &str, plan: &Plan) -> Failure {
    let mut diagnostic = Diagnostic::error(codes::CHANGED_MEANWHILE, message)
        .note(why.to_owned())
        .note("somebody else changed it; nothing more was written")
        .fix("run the same command again: it plans anew");
    if let Some(id) = plan.app.text_at(&["id"]) {
        diagnostic = diagnostic.resource(id);
    }
    Failure::Changed(Box::new(diagnostic))
}
