//! `apply`: check, plan, confirm, write, wait, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use super::context::{Context, Flags, Named};
use super::journal::{About, Recording};
use super::many::{Apps, Many};
use super::rollback::{ON_FAILURE, OnFailure};
use super::saved::Approval;
use super::signals::{self, until_signal};
use super::{arguments, judge, refuse};
use crate::azure::ResourceId;
use crate::diagnostic::{Diagnostic, codes, quote};
use crate::execute::{Applied, Begun, Failure, Observed, described, rollout_stages};
use crate::journal::Journal;
use crate::plan::{Earlier, Plan, State, Target, restart_command};
use crate::render::{Screen, counted};
use crate::report::{AppliedReport, ByHandReport, Ending, Report};
use crate::undo::UNDO;
use crate::value::strip_control;

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(super) struct Apply {
    #[command(flatten)]
    on: arguments::OnApp,
    #[command(flatten)]
    journal: arguments::Journal,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Fail also what was not exercised or could not be checked
    #[arg(long)]
    strict: bool,
    /// Try a change again that was rolled out before and taken back, under a new name
    #[arg(long)]
    retry: bool,
    /// What a run that failed does with what it wrote [default: ask where it asks before it writes, else keep]
    #[arg(long, value_enum, value_name = "WHAT", long_help = ON_FAILURE)]
    on_failure: Option<OnFailure>,
    /// Do not ask, and go on only if what would be changed is what this file approves (plan --out)
    #[arg(long, value_name = "FILE", conflicts_with = "yes")]
    plan: Option<PathBuf>,
}

impl Apply {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        // Before any request, whether or not anything would change.
        let asks = !self.yes && !self.on.sandbox.sandbox && self.plan.is_none();
        if asks && output.nobody_answers() {
            let found = Diagnostic::error(codes::NOT_CONFIRMED, "there is nobody to confirm the plan")
                .note("standard input is no terminal, or --no-input was given")
                .fix("look at `acarecipe plan` with the same arguments, then run this again with --yes, or with --plan and what `plan --out` saved");
            return refuse(screen, "apply", self.on.sandbox.sandbox, &[found], Ending::Usage);
        }
        if let Some(found) = arguments::one_app(&self.on.target, self.plan.is_some(), "--plan") {
            return refuse(screen, "apply", self.on.sandbox.sandbox, &[found], Ending::Usage);
        }
        if let Some(found) = arguments::one_app(&self.on.target, self.journal.journal.is_some(), "--journal")
        {
            return refuse(screen, "apply", self.on.sandbox.sandbox, &[found], Ending::Usage);
        }
        if self.on_failure == Some(OnFailure::Ask) {
            if let Some(found) = arguments::one_app(&self.on.target, true, "--on-failure ask") {
                return refuse(screen, "apply", self.on.sandbox.sandbox, &[found], Ending::Usage);
            }
            if output.nobody_answers() {
                let found = Diagnostic::error(codes::NOT_CONFIRMED, "there is nobody to ask after a failure")
                    .note("standard input is no terminal, or --no-input was given")
                    .fix("--on-failure rollback, or --on-failure keep");
                return refuse(screen, "apply", self.on.sandbox.sandbox, &[found], Ending::Usage);
            }
        }
        let approval = match self.plan.as_deref().map(Approval::read).transpose() {
            Ok(approval) => approval,
            Err(found) => {
                return refuse(screen, "apply", self.on.sandbox.sandbox, &[*found], Ending::Usage);
            }
        };
        let flags =
            Flags { command: "apply", on: &self.on, verbose: output.verbose > 0, recipes: Named::Needed };
        let mut context = match judge::open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        context.executor.retry = self.retry;
        let ending = if let Some(many) = Many::of(&context, &self.on, "apply", screen) {
            Box::pin(self.several(&many, asks)).await
        } else {
            let on_failure = self.on_failure.unwrap_or(if asks { OnFailure::Ask } else { OnFailure::Keep });
            let applying = Applying { asks, approval: approval.as_ref(), on_failure, ..Applying::default() };
            self.recorded(applying, &context, screen).await
        };
        context.journals.prune(context.executor.clock.now(), screen);
        ending
    }
}

impl Apply {
    /// `apply` for several apps: all plans are shown, then one question is asked.
    async fn several(&self, many: &Many<'_>, asks: bool) -> Ending {
        let Apps { all, cut } = match many.apps(&self.on.target).await {
            Ok(apps) => apps,
            Err(ending) => return ending,
        };
        if !cut.is_empty() && !asks {
            // "All" was approved, and these may not be all: nobody can be asked whether they will do.
            let told = |one: Diagnostic| {
                let again = one.fix.clone();
                one.note("nothing was written: which apps there are is known in part only").fix(
                    again.unwrap_or_else(|| "run the same command again, or name the apps with -n".into()),
                )
            };
            let cut: Vec<Diagnostic> = cut.into_iter().map(told).collect();
            return many.close(Vec::new(), &cut, 0, None);
        }
        many.screen.diagnostics(&cut);
        if !asks {
            let work = async |context: Context, screen: Screen| self.one(&context, &screen, None).await;
            return many.close(many.each(all, work).await, &cut, 0, None);
        }
        // Of what was shown only the approval is kept until the question is answered.
        let shown: Mutex<BTreeMap<ResourceId, (Approval, bool)>> = Mutex::default();
        let look = async |context: Context, screen: Screen| {
            let keep = |approval, changes| {
                let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
                shown.insert(context.target.app_id(), (approval, changes));
            };
            Box::pin(self.look(&context, &screen, keep)).await
        };
        let looked = many.each(all, look).await;
        let shown = shown.into_inner().unwrap_or_else(PoisonError::into_inner);
        let approval = |target: &Target| shown.get(&target.app_id()).map(|(approval, _)| approval);
        let (going, mut outcomes): (Vec<_>, Vec<_>) =
            looked.into_iter().partition(|outcome| approval(&outcome.one.target).is_some());
        let changing = shown.values().filter(|(_, changes)| *changes).count();
        if changing > 0 {
            let all = counted(going.len() + outcomes.len(), "app");
            let more = if cut.is_empty() { "" } else { " (there may be more: their list broke off)" };
            let question = format!("Apply this to {changing} of {all}{more}?");
            let answer = if many.base.interrupt.requested() {
                Err(signals::ending())
            } else {
                confirmed(many.screen, many.base, &question).await
            };
            let stop = match answer {
                Ok(true) => None,
                Ok(false) => {
                    let found = Diagnostic::error(codes::NOT_CONFIRMED, "the plans were not confirmed");
                    Some((Ending::Usage, Some(found)))
                }
                Err(ending) => Some((ending, None)),
            };
            if let Some((ending, found)) = stop {
                // What was seen of them all is told; of those that were to be changed, that none was.
                outcomes.extend(going.into_iter().map(|mut outcome| {
                    outcome.report.end(ending);
                    outcome
                }));
                return many.close(outcomes, &cut, 0, found.as_ref());
            }
        }
        let requests = going.iter().map(|outcome| outcome.report.counts.requests).sum();
        let work = async |context: Context, screen: Screen| {
            let approval = approval(&context.target);
            self.one(&context, &screen, approval).await
        };
        let ones = going.into_iter().map(|outcome| outcome.one).collect();
        outcomes.extend(many.each(ones, work).await);
        many.close(outcomes, &cut, requests, None)
    }

    /// What `apply` would do to one app of several: shown, and kept, unless something stands in its way. Where there is
    /// nothing to do it is done with that.
    async fn look(&self, context: &Context, screen: &Screen, keep: impl FnOnce(Approval, bool)) -> Ending {
        let report = context.report("apply");
        let recording = match Recording::open(context, &self.journal) {
            Ok(recording) => recording,
            Err(found) => return judge::stopped(context, screen, report, &found, Ending::Failed),
        };
        // What an earlier run left undone is shown and approved as the rest.
        let (did, _) = handed(recording.as_ref(), context);
        context.executor.remember(|so_far| so_far.earlier = did);
        let (report, observed) = match Box::pin(planned(context, screen, report, &[])).await {
            Ok(planned) => planned,
            Err(ending) => return ending,
        };
        let plan = &observed.plan;
        if !plan.has_changes() && !plan.judges_again() && plan.waits().next().is_none() {
            let open = |one: &Recording| one.earlier(&context.selection).is_some() || one.edited().is_some();
            // What an earlier run left open is a matter of the run itself.
            if !recording.as_ref().is_some_and(open) {
                let applying = Applying { strict: self.strict, ..Applying::default() };
                return Box::pin(applying.unchanged(context, screen, report, observed)).await;
            }
        }
        if let Some(plan) = &report.plan {
            screen.before_asking(&crate::render::plan(plan, true));
        }
        keep(Approval::shown(context, &observed), observed.plan.has_changes());
        Ending::Ok
    }

    /// The run of one app of several, which asks nothing any more.
    async fn one(&self, context: &Context, screen: &Screen, approval: Option<&Approval>) -> Ending {
        // Of several at once none is asked about while others go on.
        let on_failure = self.on_failure.unwrap_or_default();
        let applying = Applying { approval, on_failure, ..Applying::default() };
        self.recorded(applying, context, screen).await
    }

    /// A run on one app, with its lock and its journal.
    async fn recorded(&self, applying: Applying<'_>, context: &Context, screen: &Screen) -> Ending {
        let recording = match Recording::open(context, &self.journal) {
            Ok(recording) => recording,
            Err(found) => {
                return judge::stopped(context, screen, context.report("apply"), &found, Ending::Failed);
            }
        };
        let places = places(&self.on, &self.journal, &context.target);
        let applying =
            Applying { strict: self.strict, timeout: self.on.waiting.timeout, places: &places, ..applying };
        applying.run(context, recording.as_ref(), screen).await
    }
}

/// What of the command line says where its run is found again, as flags with a space before each.
fn places(on: &arguments::OnApp, journal: &arguments::Journal, target: &Target) -> String {
    let mut line = String::new();
    let mut add = |flag: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(line, " {flag} {}", quote(value));
        }
    };
    let (typed, sandbox) = (&on.target, &on.sandbox);
    let shown = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    // Of several apps each has a run of its own.
    let group = typed.resource_group.as_deref().or(typed.several().then_some(target.resource_group.as_str()));
    add("--subscription", typed.subscription.as_deref());
    add("-g", group);
    add("-n", Some(target.app.as_str()).filter(|_| typed.all_apps || !typed.name.is_empty()));
    add("--environment", typed.environment.as_deref());
    add("--cloud", typed.cloud.as_deref());
    add("--arm-endpoint", typed.arm_endpoint.as_deref());
    add("--trust-endpoint", typed.trust_endpoint.as_deref());
    add("--state-dir", shown(&journal.state_dir).as_deref());
    add("--sandbox-state", shown(&sandbox.sandbox_state).as_deref());
    if sandbox.sandbox {
        line.push_str(" --sandbox");
    }
    strip_control(&line)
}

/// What is to be done, shown with what has to hold for it, once what an earlier run began (`begun`) is over.
///
/// # Errors
/// It could not be found out, or something stands in its way: told, and the run closed.
async fn planned(
    context: &Context,
    screen: &Screen,
    mut report: Report,
    begun: &[Begun],
) -> Result<(Report, Observed), Ending> {
    let work = Box::pin(async {
        let (executor, selection, target) = (&context.executor, &context.selection, &context.target);
        let observed = executor.observe_once_over(begun, selection, target, true).await?;
        Box::pin(executor.observe_awaited(observed, selection, target)).await
    });
    let observed = match until_signal(&context.interrupt, work).await {
        Ok(Ok(observed)) => observed,
        other => return Err(judge::failed(context, screen, report, other)),
    };
    let ending = judge::prerequisites(context, screen, &mut report, &observed);
    judge::plan(context, screen, &mut report, &observed);
    match ending {
        Ending::Ok => Ok((report, observed)),
        ending => Err(context.close(screen, report, ending)),
    }
}

/// `apply` in an open context.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Applying<'a> {
    /// Whether to ask before the first write.
    pub(super) asks: bool,
    /// Whether what was not exercised or could not be checked fails.
    pub(super) strict: bool,
    /// What was approved before, in the place of a question.
    pub(super) approval: Option<&'a Approval>,
    /// The run that it puts back: then the command is `undo`.
    pub(super) undoes: Option<&'a str>,
    /// What becomes of what was written when it fails.
    pub(super) on_failure: OnFailure,
    /// How long putting it back may take.
    pub(super) timeout: Duration,
    /// Where its run is found again, as flags.
    pub(super) places: &'a str,
}

impl Applying<'_> {
    fn command(self) -> &'static str {
        if self.undoes.is_some() { UNDO } else { "apply" }
    }

    /// The command; what it writes is in `recording`, if there is one.
    pub(super) async fn run(
        self,
        context: &Context,
        recording: Option<&Recording>,
        screen: &Screen,
    ) -> Ending {
        let ending = Box::pin(self.decide(context, recording, screen)).await;
        if let Some(problem) = recording.and_then(|recording| recording.end(context, ending)) {
            screen.diagnostics(&[problem]);
        }
        ending
    }

    async fn decide(self, context: &Context, recording: Option<&Recording>, screen: &Screen) -> Ending {
        let mut report = context.report(self.command());
        if let Some(approval) = self.approval {
            report.plan_file = approval.is_file().then(|| approval.name());
            if let Err(refused) = approval.is_for(context) {
                return judge::stopped(context, screen, report, &refused, Ending::Usage);
            }
        }
        let (did, by) = handed(recording, context);
        // What puts back a run of the same process has no need to tell of it.
        let earlier = recording
            .and_then(|recording| recording.earlier(&context.selection))
            .filter(|_| !screen.is_within());
        if let Some(earlier) = earlier {
            context.progress.clear();
            let told = by == Some(earlier.run.id.as_str());
            screen.status(&going_on(earlier, &context.target, told));
        }
        if let Some(id) = recording.and_then(Recording::edited) {
            let id = strip_control(id);
            screen.status(&format!(
                "The journal of an earlier run ({id}) is not as a run wrote it, and nothing is taken from it. Going on from what is there.\n"
            ));
        }
        context.executor.remember(|so_far| so_far.earlier = did.clone());
        let did = if self.unapproved(context).await {
            context.executor.remember(|so_far| so_far.earlier = Earlier::default());
            recording.into_iter().for_each(Recording::leaves_undone);
            screen.status(&left_out(&did, context));
            Earlier::default()
        } else {
            did
        };
        let begun =
            recording.map(|recording| recording.begun(context.executor.clock.now())).unwrap_or_default();
        let (mut report, observed) = match Box::pin(planned(context, screen, report, &begun)).await {
            Ok(planned) => planned,
            Err(ending) => return ending,
        };
        let (due, left) = did.due(&observed.plan, &context.target.app_id());
        if !left.is_empty() {
            recording.into_iter().for_each(Recording::leaves_undone);
        }
        if let Some(by) = by.filter(|_| !due.is_empty() || !left.is_empty()) {
            screen.status(&made_up_for(by, &due, &left, &observed.plan, &context.target));
        }
        context.executor.remember(|so_far| {
            so_far.earlier.secrets = due;
            so_far.earlier.settled = true;
        });
        if let Some(found) = context.executor.too_short(&observed.plan) {
            return judge::stopped(context, screen, report, &found, Ending::Usage);
        }
        if let Some(approval) = self.approval {
            match approval.approves(context, &observed) {
                // What was shown a minute ago needs no word.
                Ok(_) if !approval.is_file() => {}
                Ok((done, of)) => {
                    screen.text(&crate::render::approved(&approval.name(), &approval.made_at(), done, of));
                }
                Err(refused) if !approval.is_file() => {
                    let end: Result<Result<(), _>, _> = Ok(Err(Failure::Changed(refused)));
                    return judge::failed(context, screen, report, end);
                }
                Err(refused) => return judge::stopped(context, screen, report, &refused, Ending::Usage),
            }
        }
        // What a rollout made is taken back only if that was approved with it.
        let takes_back = !self.asks && self.approval.is_none_or(Approval::rolls_out);
        if !observed.plan.has_changes() && observed.plan.judges_again() && takes_back {
            // Nothing to confirm: it writes only to take back what a rollout of the same command made.
            return Box::pin(self.write(context, recording, screen, report, &observed)).await;
        }
        if !observed.plan.has_changes() && observed.plan.waits().next().is_some() {
            // Nothing to confirm either: it only waits.
            return Box::pin(self.write(context, recording, screen, report, &observed)).await;
        }
        if !observed.plan.has_changes() {
            return Box::pin(self.unchanged(context, screen, report, observed)).await;
        }
        if self.asks {
            context.progress.clear();
            if let Some(plan) = &report.plan {
                screen.before_asking(&crate::render::plan(plan, true));
            }
            let title = context.target.title();
            let question = match self.undoes {
                None => format!("Apply this to {title}?"),
                Some(run) => format!("Undo run {run} on {title}?"),
            };
            match confirmed(screen, context, &question).await {
                Ok(true) => {}
                Ok(false) => {
                    let found = Diagnostic::error(codes::NOT_CONFIRMED, "the plan was not confirmed");
                    report.diagnose([&found]);
                    return context.close(screen, report, Ending::Usage);
                }
                Err(ending) => return context.close(screen, report, ending),
            }
        }
        Box::pin(self.write(context, recording, screen, report, &observed)).await
    }

    /// Whether a saved plan stands in the way of what an earlier run left undone: it may have been made without that
    /// run's journal, and approves what it shows.
    async fn unapproved(self, context: &Context) -> bool {
        let Some(approval) = self.approval.filter(|approval| approval.is_file()) else { return false };
        if context.executor.so_far().earlier == Earlier::default() {
            return false;
        }
        let look = Box::pin(context.executor.observe(&context.selection, &context.target, false));
        match until_signal(&context.interrupt, look).await {
            Ok(Ok(observed)) => approval.approves(context, &observed).is_err(),
            // Whatever it is, the run meets it as well.
            _ => false,
        }
    }

    /// Nothing to write: verified on the facts already read, unless the app is still on its way.
    async fn unchanged(
        self,
        context: &Context,
        screen: &Screen,
        mut report: Report,
        observed: Observed,
    ) -> Ending {
        report.applied = Some(AppliedReport::default());
        let work = async {
            let executor = &context.executor;
            let ready = if matches!(observed.plan.health.state, State::Waiting(_)) {
                executor.observe_ready(observed, &context.selection, &context.target, false).await?
            } else {
                observed
            };
            Box::pin(executor.observe_probed(ready, &context.selection, &context.target)).await
        };
        let observed = match until_signal(&context.interrupt, work).await {
            Ok(Ok(observed)) => observed,
            other => return judge::failed(context, screen, report, other),
        };
        let ending = judge::verification(context, screen, &mut report, &observed, self.strict);
        context.close(screen, report, ending)
    }

    async fn write(
        self,
        context: &Context,
        recording: Option<&Recording>,
        screen: &Screen,
        mut report: Report,
        observed: &Observed,
    ) -> Ending {
        // What only waits writes nothing, and has no journal.
        let writes = observed.plan.has_changes() || observed.plan.judges_again();
        let executor = match recording.filter(|_| writes) {
            None => context.executor.clone(),
            Some(recording) => {
                let undoes = self.undoes.map(str::to_owned);
                let about = About { command: self.command(), undoes };
                match recording.begin(context, &context.selection, &observed.plan, about) {
                    Ok(executor) => {
                        report.run = Some(recording.id().to_string());
                        report.undo = Some(format!("acarecipe undo {}{}", recording.id(), self.places));
                        executor
                    }
                    Err(found) => return judge::stopped(context, screen, report, &found, Ending::Failed),
                }
            }
        };
        let done = Mutex::new(Applied::default());
        screen.status("\n");
        let work = async {
            let facts = observed.facts.clone();
            Box::pin(executor.apply(&observed.plan, facts, &context.selection, &context.target, &done))
                .await?;
            let after = context.executor.observe_after(&context.selection, &context.target).await?;
            Box::pin(context.executor.observe_probed(after, &context.selection, &context.target)).await
        };
        let end = until_signal(&context.interrupt, work).await;
        let applied = done.lock().map(|done| done.clone()).unwrap_or_default();
        report.counts.writes = applied.writes.len();
        report.counts.revisions = applied.revisions.len();
        report.applied = Some(AppliedReport::from(&applied));
        report.action_required.extend(applied.by_hand.iter().map(ByHandReport::from));
        if !applied.others.is_empty() {
            context.progress.clear();
            report.diagnose(&applied.others);
            screen.diagnostics(&applied.others);
        }
        match end {
            Ok(Ok(after)) => {
                let ending = judge::verification(context, screen, &mut report, &after, self.strict);
                let ending = self.put_back(context, recording, screen, &mut report, ending).await;
                context.close(screen, report, ending)
            }
            Err(ending) => {
                context.progress.clear();
                interrupted(screen, &context.target, &applied);
                context.close(screen, report, ending)
            }
            Ok(Err(Failure::Interrupted)) => {
                context.progress.clear();
                interrupted(screen, &context.target, &applied);
                context.close(screen, report, signals::ending())
            }
            // It tells itself what was put back; nobody wants the rest.
            Ok(Err(Failure::RolledBack(_))) => judge::failed(context, screen, report, end),
            other => {
                context.progress.clear();
                stopped(screen, &observed.plan, &applied);
                let ending = judge::told(context, screen, &mut report, other);
                let ending = self.put_back(context, recording, screen, &mut report, ending).await;
                context.close(screen, report, ending)
            }
        }
    }
}

/// That an earlier run did not come to its end, and the restarts that it left, unless these are `told` by the plan.
fn going_on(earlier: &Journal, target: &Target, told: bool) -> String {
    let id = strip_control(&earlier.run.id);
    let ended =
        if earlier.was_interrupted() { "was interrupted" } else { "did not see the end of what it began" };
    let writes = earlier.writes();
    let mut text = match writes.last() {
        Some(last) => {
            let what = strip_control(&last.before.what);
            format!("An earlier run ({id}) {ended}; its last write: {what}. Going on from what is there.\n")
        }
        None => {
            format!("An earlier run ({id}) {ended} before its first write. Going on from what is there.\n")
        }
    };
    for revision in earlier.to_restart().iter().filter(|_| !told) {
        let command = restart_command(target, &strip_control(revision));
        let _ = writeln!(text, "  it left a revision with an old secret: {command}");
    }
    text
}

/// What the run left undone that leaves it to this one, and its id.
fn handed<'r>(recording: Option<&'r Recording>, context: &Context) -> (Earlier, Option<&'r str>) {
    let app = context.target.app_id().to_string();
    recording.map(|recording| recording.earlier_did(&context.selection, &app)).unwrap_or_default()
}

/// What becomes of the restarts that the run `by` left undone: they are `due` by the plan, or `left` to people.
fn made_up_for(
    by: &str,
    due: &BTreeSet<String>,
    left: &BTreeSet<String>,
    plan: &Plan,
    target: &Target,
) -> String {
    let mut text = format!("\nLeft undone by the run {}:\n", strip_control(by));
    for secret in due {
        let secret = strip_control(secret);
        let _ = writeln!(
            text,
            "  what uses the secret {secret} was not restarted: it is written again, for that restart"
        );
    }
    for secret in left {
        let _ = writeln!(text, "  {}", by_hand(secret, plan.health.revision.as_deref(), target));
    }
    text
}

/// How to restart by hand what uses a secret.
fn by_hand(secret: &str, revision: Option<&str>, target: &Target) -> String {
    let secret = strip_control(secret);
    let command = restart_command(target, &strip_control(revision.unwrap_or("REVISION")));
    format!("what uses the secret {secret} was not restarted, nor is it now: {command}")
}

/// What an earlier run left undone that a saved plan does not approve.
fn left_out(did: &Earlier, context: &Context) -> String {
    let mut text = String::from(
        "What an earlier run left undone is not in the saved plan, and is not made up for; `acarecipe apply` without --plan does:\n",
    );
    for secret in &did.secrets {
        let _ = writeln!(text, "  {}", by_hand(secret, None, &context.target));
    }
    let steps: Vec<&str> = did.wrote.keys().map(String::as_str).collect();
    let _ = writeln!(
        text,
        "  actions that are due because of what it wrote ({})",
        strip_control(&steps.join(", "))
    );
    text
}

/// What a run that failed has done of its plan, and what it has not; nothing where there was one write.
fn stopped(screen: &Screen, plan: &Plan, applied: &Applied) {
    let mut left = described(plan);
    left.extend(rollout_stages(plan));
    if left.len() < 2 {
        return;
    }
    let mut text = String::from("\nStopped; no further write is sent.\n");
    for write in &applied.writes {
        if let Some(at) = left.iter().position(|planned| *planned == write.what) {
            left.remove(at);
        }
        let _ = writeln!(text, "  done: {}", strip_control(&write.what));
    }
    for write in &left {
        let _ = writeln!(text, "  not done: {}", strip_control(write));
    }
    screen.status(&text);
}

/// What was done, and how to go on.
fn interrupted(screen: &Screen, target: &Target, applied: &Applied) {
    let mut text = String::from("\nInterrupted; no further write is sent.\n");
    if applied.writes.is_empty() {
        text.push_str("  No write was accepted before.\n");
    }
    for write in &applied.writes {
        let _ = writeln!(text, "  done: {}", crate::value::strip_control(&write.what));
    }
    for write in &applied.unanswered {
        let what = crate::value::strip_control(&write.what);
        let _ = writeln!(text, "  not answered, may still take effect: {what}");
    }
    if let Some(traffic) = &applied.traffic {
        let _ = writeln!(text, "  the traffic stands: {}", strip_control(&traffic.to_string()));
    }
    for revision in &applied.to_restart {
        let _ = writeln!(text, "  still with an old secret: {}", restart_command(target, revision));
    }
    screen.status(&text);
}

/// Asks; anything but yes is no. A signal ends the question.
pub(super) async fn confirmed(screen: &Screen, context: &Context, question: &str) -> Result<bool, Ending> {
    screen.ask(&format!("\n{question} [y/N] "));
    // The thread that reads cannot be stopped; the process ends without it.
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.is_ok().then_some(answer)
    });
    let answer = until_signal(&context.interrupt, context.interrupt.or(answer)).await?;
    let answer = answer.and_then(Result::ok).flatten().unwrap_or_default();
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
