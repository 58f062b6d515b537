//! How much of a recipe is in place on an app, for the map of the catalogue. Pure.

use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, Status};

/// How a recipe stands on an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All that it would own is as it wants it.
    InPlace,
    /// Some of it is.
    Partly {
        /// Steps that are in place.
        in_place: usize,
        /// Steps that take part.
        of: usize,
    },
    /// Nothing of it is.
    Absent,
    /// It has nothing to do here.
    Nothing,
    /// It needs inputs that nobody set, or things that are not there; what is missing, in words.
    Missing(Vec<String>),
    /// It cannot be told, and why.
    Unknown(String),
}

impl Standing {
    /// How a recipe stands whose inputs were refused. `missing`: only because some are not set.
    pub fn refused(found: &[Diagnostic], missing: bool) -> Standing {
        let told = || found.iter().map(|one| one.message.clone());
        if missing {
            Standing::Missing(told().collect())
        } else {
            Standing::Unknown(told().collect::<Vec<_>>().join("; "))
        }
    }
}

/// How the instances of a recipe stand, by a plan for them. What they require counts for itself.
pub fn standing(plan: &Plan, aliases: &[String]) -> Standing {
    let ours = |instance: &String| aliases.contains(instance);
    let steps: Vec<_> = plan.steps.iter().filter(|step| ours(&step.instance)).collect();
    let holds = |step: &&&crate::plan::StepPlan| step.outcome.owned.iter().all(|owned| owned.in_place);
    let (in_place, of) = (steps.iter().filter(holds).count(), steps.len());
    let unread = plan.unreadable.iter().find(|step| ours(&step.instance));
    if let Some(step) = unread {
        return Standing::Unknown(step.message.clone());
    }
    if let Some(one) = plan.by_hand.iter().find(|one| ours(&one.instance) && one.status() != Status::Passed) {
        return Standing::Unknown(one.reason.clone());
    }
    let kept = steps.iter().find_map(|step| step.kept.as_ref());
    if let Some(kept) = kept.filter(|_| in_place == of) {
        return Standing::Unknown(kept.detail.clone().unwrap_or_else(|| kept.name.clone()));
    }
    if of > 0 && in_place == of && plan.next_stage().is_none() {
        return Standing::InPlace;
    }
    let failed = plan.prerequisites.iter().filter(|finding| finding.status == Status::Failed);
    let missing: Vec<String> =
        failed.map(|finding| finding.detail.clone().unwrap_or_else(|| finding.name.clone())).collect();
    if !missing.is_empty() {
        return Standing::Missing(missing);
    }
    if let Some(problem) = plan.problems.iter().find(|one| one.severity == crate::diagnostic::Severity::Error)
    {
        return Standing::Unknown(problem.message.clone());
    }
    match (in_place, of) {
        (_, 0) => Standing::Nothing,
        (0, _) => Standing::Absent,
        _ => Standing::Partly { in_place, of },
    }
}
