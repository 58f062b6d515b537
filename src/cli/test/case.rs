//! One case: its runs, one after the other, each the very command on an Azure in memory.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::azure::Azure;
use super::compare::{compare, second_apply, status_word};
use super::suite::Suite;
use crate::cli::apply::Applying;
use crate::cli::context::{Context, ContextParts};
use crate::cli::{arguments, judge, plan, recipes, refuse};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::recipe::With;
use crate::recipe::cases::{Case, CaseCommand, CaseRun};
use crate::render::{Kept, Screen};
use crate::report::{Ending, Report};
use crate::sandbox::{Fault, Switches};

/// A case to be run.
pub(super) struct Job<'s> {
    pub(super) suite: &'s Suite,
    pub(super) case: &'s Case,
    /// The assumption turned round for it by `--switches`.
    pub(super) flip: Option<&'static str>,
    pub(super) waiting: &'s arguments::Waiting,
    /// Whether its runs tell every request.
    pub(super) requests: bool,
}

/// How a case ended.
#[derive(Default)]
pub(super) struct End {
    /// In what it ended otherwise; none: it passed.
    pub(super) failures: Vec<Diagnostic>,
    /// Its runs; the last one is what failed.
    pub(super) runs: Vec<RunEnd>,
    /// Whether a signal ended it.
    pub(super) interrupted: bool,
    /// The assumptions that its runs asked about.
    pub(super) asked: BTreeSet<&'static str>,
}

/// How a run ended.
pub(super) struct RunEnd {
    /// Its command.
    pub(super) command: CaseCommand,
    /// Whether the case did not ask for it.
    pub(super) automatic: bool,
    /// What the command told.
    pub(super) text: String,
    /// Its report.
    pub(super) report: Report,
}

/// What is carried from run to run.
struct Story<'j> {
    job: &'j Job<'j>,
    azure: Azure,
    caller: String,
    with: With,
    end: End,
    /// Whether a run ended as the exception for this switch says.
    excepted: bool,
}

impl Job<'_> {
    /// Runs it to its end or to the first run that ends otherwise than expected.
    pub(super) fn run(&self) -> End {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let failures = vec![Diagnostic::error(codes::CASE_FAILED, format!("no runtime: {error}"))];
                return End { failures, ..End::default() };
            }
        };
        runtime.block_on(self.story())
    }

    async fn story(&self) -> End {
        let mut rules = Switches::default();
        for name in self.case.switches.iter().map(|name| name.value.as_str()).chain(self.flip) {
            rules = rules.clone().and_flip(name).unwrap_or(rules);
        }
        let mut story = Story {
            job: self,
            azure: Azure::new(rules),
            caller: "owner".to_owned(),
            with: With::new(),
            end: End::default(),
            excepted: false,
        };
        for run in &self.case.runs {
            Box::pin(story.step(run)).await;
            story.end.asked = story.azure.asked();
            if story.end.interrupted || !story.end.failures.is_empty() {
                return story.end;
            }
        }
        if let Some(exception) = self.exception()
            && !story.excepted
        {
            let message =
                format!("no run ends {} under `{}`", exception.status.value, exception.switch.value);
            story.failed(message, exception.switch.span, "the exception is not needed".to_owned());
        }
        story.end
    }

    /// What the case says of the assumption that is turned round for it.
    fn exception(&self) -> Option<&crate::recipe::cases::Flipped> {
        self.case.flipped.iter().find(|one| Some(one.switch.value.as_str()) == self.flip)
    }
}

impl Story<'_> {
    fn failed(&mut self, message: String, span: Span, beside: String) {
        let source = &self.job.suite.cases.source;
        let found = Diagnostic::error(codes::CASE_FAILED, message).label(source, span, beside);
        self.end.failures.push(found);
    }

    async fn step(&mut self, run: &CaseRun) {
        if let Some(caller) = &run.given.caller {
            self.caller.clone_from(&caller.value);
        }
        if let Some(with) = &run.with {
            self.with.clone_from(with);
        }
        self.azure.wait(run.given.after).await;
        if let Err(found) = self.azure.edit(&self.job.suite.cases.source, &run.given.state) {
            self.end.failures.push(*found);
            return;
        }
        let faults: Vec<Fault> = run.given.faults.iter().filter_map(|fault| fault.parse().ok()).collect();
        let command = run.command.value;
        let report = self.command(run, command, faults, false).await;
        let came = status_word(&report);
        if self.job.flip.is_some() {
            self.flipped(run, &came);
        } else {
            let state = serde_json::to_value(self.azure.state()).unwrap_or_default();
            let own = crate::recipe::snake(&self.job.suite.recipe);
            for mismatch in compare(&run.expect, command, &report, &state, &own) {
                self.failed(mismatch.message, mismatch.span, mismatch.beside);
            }
        }
        let repeats = run.again && command == CaseCommand::Apply && report.status == Ending::Ok;
        if repeats && self.end.failures.is_empty() && !self.end.interrupted {
            Box::pin(self.again(run)).await;
        }
    }

    /// Under an assumption turned round only the status counts.
    fn flipped(&mut self, run: &CaseRun, came: &str) {
        let wanted = &run.expect.status;
        if came == wanted.value {
            return;
        }
        match self.job.exception() {
            Some(exception) if exception.status.value == came => self.excepted = true,
            _ => self.failed(
                format!("{} ended {came}, not {}", run.command.value.name(), wanted.value),
                wanted.span,
                came.to_owned(),
            ),
        }
    }

    /// Twice is free, and ready means healthy: whatever the recipe.
    async fn again(&mut self, run: &CaseRun) {
        let place = run.command.span;
        let second = self.command(run, CaseCommand::Apply, Vec::new(), true).await;
        if let Some(message) = second_apply(&second) {
            self.failed(message, place, "the runner applies again".to_owned());
        }
        // Where nothing was to change, an apply has verified already.
        if self.job.flip.is_some() || !self.end.failures.is_empty() || self.end.interrupted {
            return;
        }
        let verified = self.command(run, CaseCommand::Verify, Vec::new(), true).await;
        if verified.status != Ending::Ok {
            let message = format!("verified afterwards, it ended {}", status_word(&verified));
            self.failed(message, place, "the runner verifies".to_owned());
        }
    }

    /// Runs a command and remembers how it ended.
    async fn command(
        &mut self,
        run: &CaseRun,
        command: CaseCommand,
        faults: Vec<Fault>,
        automatic: bool,
    ) -> Report {
        let (screen, kept) = Screen::keeping();
        let ending = Box::pin(self.on(run, command, faults, &screen)).await;
        self.end.interrupted |= matches!(ending, Ending::Interrupted | Ending::Terminated);
        let Kept { text, report } = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        let report = report.unwrap_or_else(|| {
            let mut report = Report::new(command.name(), true);
            report.end(ending);
            report
        });
        self.end.runs.push(RunEnd { command, automatic, text, report: report.clone() });
        report
    }

    async fn on(
        &mut self,
        run: &CaseRun,
        command: CaseCommand,
        faults: Vec<Fault>,
        screen: &Screen,
    ) -> Ending {
        let Job { suite, case, waiting, requests, .. } = self.job;
        let name = command.name();
        let parts = suite.selection(case, run, &self.with).and_then(|selection| {
            let wanted = crate::recipe::Target::of_run(&selection.instances);
            Suite::target(case, wanted).map(|resolved| (resolved, selection))
        });
        let (resolved, selection) = match parts {
            Ok(parts) => parts,
            Err(found) => {
                let missing = recipes::only_missing(&found);
                let ending = if missing { Ending::PrerequisitesMissing } else { Ending::Usage };
                return refuse(screen, name, true, &found, ending);
            }
        };
        let sandbox = self.azure.run(&self.caller, faults);
        let asked = suite.asked(case, &self.with).into_iter().map(|asked| asked.recipe).collect();
        let parts = ContextParts {
            resolved,
            selection,
            asked,
            endpoint: sandbox.endpoint(),
            clock: std::sync::Arc::clone(&sandbox.clock),
            sandbox: Some(sandbox),
            prober: None,
            resolver: None,
            waiting: (*waiting).clone(),
            verbose: *requests,
            folder: suite.folder.clone(),
        };
        let context = match judge::introduce(Context::of(parts, screen), name, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        match command {
            CaseCommand::Check => judge::check(&context, screen).await,
            CaseCommand::Plan => Box::pin(plan::plan(&context, screen, false, None)).await,
            CaseCommand::Apply => Applying::default().run(&context, None, screen).await,
            CaseCommand::Verify => judge::verify(&context, screen, false).await,
        }
    }
}
