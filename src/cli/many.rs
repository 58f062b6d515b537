//! One command for several apps: the same run for each, with a context, an outcome and a report of its own, over one
//! client. A failure of one does not stop the others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;

use super::context::Context;
use super::fleet::{PARALLEL, of_app};
use super::signals::{self, until_signal};
use super::{arguments, judge, refuse};
use crate::diagnostic::{Diagnostic, codes};
use crate::execute::{Executor, Failure};
use crate::plan::Target;
use crate::recipe;
use crate::render::{Kept, Screen};
use crate::report::{Ending, Report, TargetReport};
use crate::verify::listed;

/// What every app's run is made of.
pub(super) struct Many<'m> {
    pub(super) base: &'m Context,
    pub(super) command: &'static str,
    pub(super) screen: &'m Screen,
    /// How long each app's run may take, from its own beginning.
    pub(super) timeout: Duration,
}

/// One app of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct One {
    pub(super) index: usize,
    pub(super) target: Target,
}

/// How one app's run ended.
pub(super) struct Outcome {
    pub(super) one: One,
    pub(super) report: Report,
}

/// The apps of a command.
pub(super) struct Apps {
    pub(super) all: Vec<One>,
    /// Why there may be more: a page of their list was refused.
    pub(super) cut: Vec<Diagnostic>,
}

impl<'m> Many<'m> {
    /// The runs of a command that names several apps, or all; `None`: it works on one.
    pub(super) fn of(
        base: &'m Context,
        on: &arguments::OnApp,
        command: &'static str,
        screen: &'m Screen,
    ) -> Option<Many<'m>> {
        let timeout = on.waiting.timeout;
        on.target.several().then_some(Many { base, command, screen, timeout })
    }

    /// The apps that are meant. Of a list only names are kept.
    ///
    /// # Errors
    /// The command has ended: nothing of it works on apps, or it was interrupted.
    pub(super) async fn apps(&self, flags: &arguments::Target) -> Result<Apps, Ending> {
        let (base, screen) = (self.base, self.screen);
        let instances = &base.selection.instances;
        if !instances.is_empty() && recipe::Target::of_run(instances) != recipe::Target::App {
            let found = Diagnostic::error(codes::BAD_TARGET, "nothing that is asked for works on an app")
                .fix("leave out --all-apps, and name no app");
            return Err(refuse(screen, self.command, base.sandbox.is_some(), &[found], Ending::Usage));
        }
        let number = |targets: Vec<Target>| {
            targets.into_iter().enumerate().map(|(index, target)| One { index, target }).collect()
        };
        if !flags.all_apps {
            let named = flags.names().into_iter().map(|app| Target { app, ..base.target.clone() });
            return Ok(Apps { all: number(named.collect()), cut: Vec::new() });
        }
        match until_signal(&base.interrupt, list(&base.executor, &base.target)).await {
            Ok(Ok((targets, cut))) => Ok(Apps { all: number(targets), cut }),
            other => Err(judge::failed(base, screen, base.report(self.command), other)),
        }
    }

    /// The whole command: `work` for every app that is meant.
    pub(super) async fn run(
        &self,
        flags: &arguments::Target,
        work: impl AsyncFn(Context, Screen) -> Ending,
    ) -> Ending {
        match self.apps(flags).await {
            Ok(Apps { all, cut }) => self.close(self.each(all, work).await, &cut, 0, None),
            Err(ending) => ending,
        }
    }

    /// Does `work` for each of `apps`, a few at a time. What an app's run tells comes in one piece, at its end.
    pub(super) async fn each(
        &self,
        apps: Vec<One>,
        work: impl AsyncFn(Context, Screen) -> Ending,
    ) -> Vec<Outcome> {
        let work = &work;
        let runs = apps.into_iter().map(|one| async move {
            let (screen, kept) = self.screen.of_app(&self.label(&one.target));
            let context = self.context(&one.target, &screen);
            let progress = Arc::clone(&context.progress);
            // What was not begun when the command was asked to stop is not begun any more.
            let ending = if self.base.interrupt.requested() {
                signals::ending()
            } else {
                match judge::introduce(context, self.command, &screen).await {
                    Ok(context) => Box::pin(work(context, screen)).await,
                    Err(ending) => ending,
                }
            };
            self.outcome(one, ending, &kept, progress.requests())
        });
        let mut runs = futures::stream::iter(runs).buffer_unordered(PARALLEL);
        let mut outcomes = Vec::new();
        while let Some((outcome, text)) = runs.next().await {
            self.base.progress.clear();
            self.screen.text(&text);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// What one app's run told, and the little of it that is kept where nobody wants the whole document.
    fn outcome(&self, one: One, ending: Ending, kept: &Mutex<Kept>, requests: u64) -> (Outcome, String) {
        let kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        let mut report = kept.report.unwrap_or_else(|| {
            let mut report = Report::new(self.command, self.base.sandbox.is_some());
            report.target = Some(self.target_report(&one.target));
            report.counts.requests = requests;
            report.end(ending);
            report
        });
        if !self.screen.wants_documents() {
            report = report.outline();
        }
        (Outcome { one, report }, kept.text)
    }

    /// The context of one app. Its secrets are none of the others'.
    fn context(&self, target: &Target, screen: &Screen) -> Context {
        let mut context = self.base.apart(screen, self.timeout);
        context.executor.client = context.executor.client.with_own_secrets();
        Context { target: target.clone(), target_report: self.target_report(target), ..context }
    }

    fn target_report(&self, target: &Target) -> TargetReport {
        TargetReport {
            resource_group: target.resource_group.clone(),
            app: Some(target.app.clone()),
            ..self.base.target_report.clone()
        }
    }

    /// What an app is called among the others.
    fn label(&self, target: &Target) -> String {
        if self.base.target.resource_group.is_empty() { target.title() } else { target.app.clone() }
    }

    /// Tells how all of them ended; `requests`: what was sent for them before; `found`: why they ended so early.
    pub(super) fn close(
        &self,
        outcomes: Vec<Outcome>,
        cut: &[Diagnostic],
        requests: u64,
        found: Option<&Diagnostic>,
    ) -> Ending {
        let (base, screen) = (self.base, self.screen);
        let mut outcomes = outcomes;
        outcomes.sort_by_key(|outcome| outcome.one.index);
        let mut report = base.report(self.command);
        let mut ending =
            outcomes.iter().fold(Ending::Ok, |worst, outcome| worst.or_worse(outcome.report.status));
        if !cut.is_empty() {
            report.diagnose(cut);
            screen.diagnostics(cut);
            ending = ending.or_worse(Ending::Failed);
        }
        report.diagnose(found);
        report.counts.requests = requests;
        report.take_apps(outcomes.into_iter().map(|outcome| outcome.report).collect());
        base.close(screen, report, ending)
    }
}

/// The apps of a group or of a subscription, and what could not be read of their list.
async fn list(executor: &Executor, target: &Target) -> Result<(Vec<Target>, Vec<Diagnostic>), Failure> {
    let group = Some(target.resource_group.as_str()).filter(|group| !group.is_empty());
    let mut fleet = executor.fleet(&target.subscription, group).await?;
    let (mut targets, mut cut) = (Vec::new(), Vec::new());
    while let Some(page) = fleet.next_page().await {
        let page = match page {
            Ok(page) => page,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            // Those of the pages before it are known.
            Err(failure) => {
                cut.extend(failure.diagnostic().cloned());
                break;
            }
        };
        for app in &page {
            match listed(app) {
                Some((id, _)) => targets.push(of_app(target, &id)),
                None => cut.push(Diagnostic::error(
                    codes::BAD_TARGET,
                    "the list has an element without the id of an app; it is left out",
                )),
            }
        }
    }
    Ok((targets, cut))
}
