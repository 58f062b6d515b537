//! What a verification finds: desired state by planning again, the app's and its revision's health,
//! and the recipes' own checks. Pure: everything is in the plan made on fresh reads.

mod fleet;
mod standing;

use crate::diagnostic::codes;
use crate::merge::{Owned, equal};
use crate::plan::{ByHand, Finding, Plan, State, Status, StepPlan};
use crate::value::{Redacted, strip_control};

pub use fleet::{AppHealth, AppState, listed};
pub use standing::{Standing, standing};

/// All findings of a plan, in the order people read them: what the recipes own, then whether it
/// runs, then the recipes' own checks. `waited`: the time to wait for the app is over.
pub fn findings(plan: &Plan, waited: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = plan.steps.iter().map(|step| desired_state(plan, step)).collect();
    findings.extend(plan.unreadable.iter().map(|step| {
        Finding::new(
            Status::CouldNotCheck,
            codes::DESIRED_STATE,
            step.why.clone().unwrap_or_else(|| step.key.clone()),
        )
        .detail(strip_control(&step.message))
        .of(&step.instance)
    }));
    findings.extend(plan.by_hand.iter().map(by_hand));
    findings.extend(
        plan.problems.iter().map(|problem| Finding::failed(codes::DESIRED_STATE, problem.message.clone())),
    );
    findings.extend(plan.started.iter().cloned());
    findings.extend(health(plan, waited));
    findings.extend(plan.verifications.iter().cloned());
    findings
}

/// A part of the desired state that is left to a person.
fn by_hand(one: &ByHand) -> Finding {
    let name = one.why.clone().unwrap_or_else(|| one.what.clone());
    let finding = Finding::new(one.status(), codes::DESIRED_STATE, name)
        .detail(format!("{}; {}", one.what, one.reason))
        .of(&one.instance);
    match &one.fix {
        Some(fix) => finding.fix(fix.clone()),
        None => finding,
    }
}

/// Whether what one step owns is in place, in the recipe's words.
fn desired_state(plan: &Plan, step: &StepPlan) -> Finding {
    let name = step.why.clone().unwrap_or_else(|| format!("{}: {}", step.recipe, step.step));
    if step.outcome.owned.is_empty() {
        // Nothing that it says could be compared: that is no proof.
        return Finding::new(Status::CouldNotCheck, codes::DESIRED_STATE, name).of(&step.instance);
    }
    // What is only sent again since an operation failed is as it is wanted; the app's health speaks of the rest.
    let sent_again = |owned: &Owned| equal(step.outcome.kind, &owned.path, &owned.live, &owned.wanted);
    let missing: Vec<&Owned> =
        step.outcome.owned.iter().filter(|owned| !owned.in_place && !sent_again(owned)).collect();
    if let Some(wait) = &step.outcome.wait {
        let finding = if missing.is_empty() {
            Finding::passed(codes::DESIRED_STATE, name).detail(wait.what.clone())
        } else {
            Finding::failed(codes::DESIRED_STATE, name).detail(strip_control(&wait.told()))
        };
        return finding.of(&step.instance);
    }
    if let Some(kept) = step.kept.as_ref().filter(|_| missing.is_empty()) {
        // Nothing differs that could be seen; the rest is no proof.
        return Finding { name, code: codes::DESIRED_STATE, ..kept.clone() }.of(&step.instance);
    }
    let finding = if missing.is_empty() {
        let detail = match (&step.outcome.grant, &step.outcome.user) {
            (None, Some(user)) => Some(user.told()),
            (Some(grant), _) => grant.found_as.as_ref().map(|scope| format!("{} on {scope}", grant.role)),
            (None, None) => Some(held(step)),
        };
        let finding = Finding::passed(codes::DESIRED_STATE, name);
        match detail {
            Some(detail) => finding.detail(detail),
            None => finding,
        }
    } else {
        let told: Vec<String> = match &step.outcome.grant {
            Some(grant) => vec![format!(
                "no assignment of {} on {} for {}",
                grant.role,
                grant.scope,
                Redacted(&grant.principal)
            )],
            None => missing
                .iter()
                .map(|owned| {
                    format!(
                        "{} is {}, not {}",
                        owned.path.short(),
                        Redacted(&owned.live),
                        Redacted(&owned.wanted)
                    )
                })
                .collect(),
        };
        Finding::failed(codes::DESIRED_STATE, name)
            .detail(told.join("; "))
            .fix(plan.commands.get(&step.instance).cloned().unwrap_or_default())
    };
    finding.of(&step.instance)
}

fn held(step: &StepPlan) -> String {
    let paths: Vec<String> = step.outcome.owned.iter().map(|owned| owned.path.short()).collect();
    paths.join(", ")
}

/// The app's and the revision's findings; one that still waits when the time is over has failed.
fn health(plan: &Plan, waited: bool) -> Vec<Finding> {
    let mut findings = plan.health.findings.clone();
    if let (State::Waiting(why), true) = (&plan.health.state, waited) {
        for finding in findings.iter_mut().filter(|finding| finding.status == Status::CouldNotCheck) {
            finding.status = Status::Failed;
            finding.detail = Some(match &finding.detail {
                Some(detail) => format!("not ready in time: {detail}"),
                None => format!("not ready in time: {why}"),
            });
        }
    }
    findings
}

/// Whether a verification holds; `strict`: what was not exercised, could not be checked or is left to a person fails it.
pub fn holds(findings: &[Finding], strict: bool) -> bool {
    findings.iter().all(|finding| match finding.status {
        Status::Passed | Status::Warning => true,
        Status::Failed => false,
        Status::NotExercised | Status::CouldNotCheck | Status::ActionRequired => !strict,
    })
}
