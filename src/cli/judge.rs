//! `check` and `verify`: judgements without a write.

use clap::Args;

use super::context::{Context, Flags, Named, Refused};
use super::many::Many;
use super::signals::until_signal;
use super::{arguments, fleet, health, recipes, refuse};
use crate::diagnostic::Diagnostic;
use crate::execute::{Failure, Observed};
use crate::plan::{Finding, Status};
use crate::render::{self, Screen};
use crate::report::{
    ByHandReport, Check as CheckReport, Counts, Ending, PermissionReport, PlanReport, Report,
};
use crate::verify;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    on: arguments::OnApp,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    on: arguments::OnApp,
    /// Fail also what was not exercised or could not be checked
    #[arg(long)]
    strict: bool,
    /// Look at the revisions of every app, not only of those that the list does not show to be healthy
    #[arg(long, requires = "all_apps", help_heading = "Target")]
    deep: bool,
}

impl Check {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let flags =
            Flags { command: "check", on: &self.on, verbose: output.verbose > 0, recipes: Named::OrApp };
        let context = match open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        if let Some(many) = Many::of(&context, &self.on, "check", screen) {
            let work = async |context: Context, screen: Screen| check(&context, &screen).await;
            return many.run(&self.on.target, work).await;
        }
        check(&context, screen).await
    }
}

/// `check` in an open context.
pub(super) async fn check(context: &Context, screen: &Screen) -> Ending {
    let mut report = context.report("check");
    let work = context.executor.observe(&context.selection, &context.target, true);
    let observed = match until_signal(&context.interrupt, work).await {
        Ok(Ok(observed)) => observed,
        other => return failed(context, screen, report, other),
    };
    let ending = prerequisites(context, screen, &mut report, &observed);
    screen.text(&render::permissions(&report.permissions));
    context.close(screen, report, ending)
}

impl Verify {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let flags =
            Flags { command: "verify", on: &self.on, verbose: output.verbose > 0, recipes: Named::OrApp };
        let context = match open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        if self.on.target.all_apps && context.selection.instances.is_empty() {
            return fleet::verify(&context, screen, self.deep, self.strict).await;
        }
        if let Some(many) = Many::of(&context, &self.on, "verify", screen) {
            let work = async |context: Context, screen: Screen| verify(&context, &screen, self.strict).await;
            return many.run(&self.on.target, work).await;
        }
        verify(&context, screen, self.strict).await
    }
}

/// `verify` in an open context.
pub(super) async fn verify(context: &Context, screen: &Screen, strict: bool) -> Ending {
    let mut report = context.report("verify");
    let work = async {
        let observed = context.executor.observe(&context.selection, &context.target, false).await?;
        let executor = &context.executor;
        let ready = executor.observe_ready(observed, &context.selection, &context.target, false).await?;
        Box::pin(executor.observe_probed(ready, &context.selection, &context.target)).await
    };
    let observed = match until_signal(&context.interrupt, work).await {
        Ok(Ok(observed)) => observed,
        other => return failed(context, screen, report, other),
    };
    count(&mut report.counts, &observed);
    let ending = verification(context, screen, &mut report, &observed, strict);
    context.close(screen, report, ending)
}

/// Opens the context and shows its header.
pub(super) async fn open(flags: &Flags<'_>, screen: &Screen) -> Result<Context, Ending> {
    let sandbox = flags.on.sandbox.sandbox;
    let context = Context::open(flags, screen)
        .map_err(|Refused { found, ending }| refuse(screen, flags.command, sandbox, &found, ending))?;
    introduce(context, flags.command, screen).await
}

/// Finds out who is calling and shows the context's header.
pub(super) async fn introduce(
    mut context: Context,
    command: &'static str,
    screen: &Screen,
) -> Result<Context, Ending> {
    let introduced = until_signal(&context.interrupt.clone(), context.introduce(screen)).await;
    match introduced {
        Ok(Ok(())) => Ok(context),
        Ok(Err(diagnostic)) => {
            Err(stopped(&context, screen, context.report(command), &diagnostic, Ending::Failed))
        }
        Err(ending) => Err(context.close(screen, context.report(command), ending)),
    }
}

/// Ends a command for one reason, which is told.
pub(super) fn stopped(
    context: &Context,
    screen: &Screen,
    mut report: Report,
    found: &Diagnostic,
    ending: Ending,
) -> Ending {
    context.progress.clear();
    report.diagnose([found]);
    screen.diagnostics(std::slice::from_ref(found));
    context.close(screen, report, ending)
}

/// Ends a command whose reads failed or were interrupted.
pub(super) fn failed<T>(
    context: &Context,
    screen: &Screen,
    mut report: Report,
    end: Result<Result<T, Failure>, Ending>,
) -> Ending {
    let ending = told(context, screen, &mut report, end);
    context.close(screen, report, ending)
}

/// Tells why something failed; the ending that it is.
pub(super) fn told<T>(
    context: &Context,
    screen: &Screen,
    report: &mut Report,
    end: Result<Result<T, Failure>, Ending>,
) -> Ending {
    context.progress.clear();
    match end {
        Err(ending) => ending,
        Ok(Err(failure)) => {
            if let Some(diagnostic) = failure.diagnostic() {
                report.diagnose([diagnostic]);
                screen.diagnostics(std::slice::from_ref(diagnostic));
            }
            match failure {
                Failure::Interrupted => super::signals::ending(),
                Failure::Unhealthy(_) => Ending::VerificationFailed,
                Failure::RolledBack(_) => Ending::RolledBack,
                _ => Ending::Failed,
            }
        }
        Ok(Ok(_)) => Ending::Failed,
    }
}

/// What the first look cost.
pub(super) fn count(counts: &mut Counts, observed: &Observed) {
    counts.reads = observed.reads;
    counts.rounds = observed.rounds;
}

/// Shows prerequisites and problems; the ending a command has that stops there.
pub(super) fn prerequisites(
    context: &Context,
    screen: &Screen,
    report: &mut Report,
    observed: &Observed,
) -> Ending {
    context.progress.clear();
    let plan = &observed.plan;
    count(&mut report.counts, observed);
    let mut findings = plan.prerequisites.clone();
    findings.extend(plan.unreadable.iter().map(|step| {
        Finding::failed(
            crate::diagnostic::codes::PERMISSION,
            format!("may read what {} needs", step.why.as_deref().unwrap_or(&step.key)),
        )
        .detail(step.message.clone())
        .of(&step.instance)
    }));
    report.prerequisites = findings.iter().map(|finding| CheckReport::new(finding, false)).collect();
    report.permissions = PermissionReport::of(plan);
    report.action_required = plan.by_hand.iter().map(ByHandReport::from).collect();
    screen.text(&render::checks("Prerequisites", &report.prerequisites, &report.instances));
    report.diagnose(&plan.problems);
    screen.diagnostics(&plan.problems);
    let mut errors =
        plan.problems.iter().filter(|problem| problem.severity == crate::diagnostic::Severity::Error);
    // What somebody else has is no mistake of whoever asks for it.
    let problem = errors.clone().any(|problem| problem.code != crate::diagnostic::codes::CLAIMED);
    let claimed = !problem && errors.next().is_some();
    if plan.contradicts_itself() {
        Ending::Usage
    } else if claimed || findings.iter().any(|finding| finding.status == Status::Failed) {
        Ending::PrerequisitesMissing
    } else if problem {
        Ending::Usage
    } else {
        Ending::Ok
    }
}

/// Whether nothing is missing that a plan is made of: rights, locks and deny assignments are not.
fn whole(prerequisites: &[CheckReport]) -> bool {
    use crate::diagnostic::codes;
    let beside = [codes::PERMISSION.0, codes::LOCKED.0, codes::DENIED.0];
    prerequisites.iter().all(|check| check.status != "failed" || beside.contains(&check.code))
}

/// Shows the plan.
pub(super) fn plan(context: &Context, screen: &Screen, report: &mut Report, observed: &Observed) {
    let plan = PlanReport::new(&observed.plan, recipes::foreign(&context.selection));
    let sound =
        observed.plan.problems.iter().all(|problem| problem.severity != crate::diagnostic::Severity::Error);
    screen.text(&render::plan(&plan, sound && whole(&report.prerequisites)));
    report.plan = Some(plan);
}

/// Shows the verification and what follows; its ending.
pub(super) fn verification(
    context: &Context,
    screen: &Screen,
    report: &mut Report,
    observed: &Observed,
    strict: bool,
) -> Ending {
    context.progress.clear();
    let plan = &observed.plan;
    if plan.contradicts_itself() {
        report.diagnose(&plan.problems);
        screen.diagnostics(&plan.problems);
        return Ending::Usage;
    }
    let mut findings = Vec::new();
    // Without what the run works on there is nothing to verify: say why.
    findings.extend(
        plan.prerequisites
            .iter()
            .filter(|finding| finding.status == Status::Failed && finding.instance.is_none())
            .cloned(),
    );
    if plan.nowhere || (context.target.has_app() && plan.app.is_unknown()) {
        report.prerequisites = findings.iter().map(|finding| CheckReport::new(finding, false)).collect();
        screen.text(&render::checks("Prerequisites", &report.prerequisites, &report.instances));
        return Ending::PrerequisitesMissing;
    }
    findings.extend(
        plan.prerequisites
            .iter()
            .filter(|finding| finding.instance.is_some() && finding.status != Status::Passed)
            .cloned(),
    );
    findings.extend(verify::findings(plan, true));
    let simulated = context.sandbox.is_some();
    report.verification = findings.iter().map(|finding| CheckReport::new(finding, simulated)).collect();
    report.action_required = plan.by_hand.iter().map(ByHandReport::from).collect();
    report.app = health::by_query(plan);
    if let Some(app) = &report.app {
        let text = ["name", "provisioningState", "runningStatus"]
            .iter()
            .map(|key| {
                format!("{key}={}", app.get(key).and_then(serde_json::Value::as_str).unwrap_or("unknown"))
            })
            .collect::<Vec<_>>()
            .join(" ");
        screen.text(&format!("\n{}\n", crate::value::strip_control(&text)));
    }
    screen.text(&render::checks("Verification", &report.verification, &report.instances));
    report.conclude(plan);
    let holds = verify::holds(&findings, strict);
    if !holds {
        // They speak of what is in place.
        report.notes.clear();
    }
    screen.text(&render::outputs(report, screen.width()));
    if holds { Ending::Ok } else { Ending::VerificationFailed }
}
