//! `test`: the cases of a recipe's `tests.yaml`, each on an Azure of its own in this process.
//!
//! A case sees nothing of the machine: no variable but its own, no file outside its recipe's folder, no
//! network, no clock but one that only waiting moves. Its runs are the commands themselves.

mod azure;
mod case;
mod compare;
mod parallel;
mod suite;

use std::path::PathBuf;

use clap::Args;

use self::case::{End, Job};
use self::suite::Suite;
use super::signals::until_signal;
use super::{arguments, refuse};
use crate::diagnostic::suggest::closest;
use crate::diagnostic::{Diagnostic, codes};
use crate::execute::Interrupt;
use crate::recipe::cases::Case;
use crate::render::{self, Screen};
use crate::report::{CaseReport, CaseRunReport, Ending, Report};
use crate::sandbox::Switches;

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// Folders of recipes, their recipe.yaml or their tests.yaml
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder of further recipes that they may require (each in a folder with recipe.yaml)
    #[arg(long = "recipes", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Let a recipe of --recipes take the place of a built-in one
    #[arg(long)]
    allow_override: bool,
    /// Only cases with this in their name
    #[arg(long = "case", value_name = "NAME")]
    only: Vec<String>,
    /// Run every case once more under each assumption about Azure that it meets, turned round: it must end in the same status
    #[arg(long)]
    switches: bool,
    #[command(flatten)]
    waiting: arguments::Waiting,
}

/// A case of a suite.
type Chosen<'s> = (&'s Suite, &'s Case);

impl Test {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let suites = match suite::open(&self.files, &self.folders, self.allow_override) {
            Ok((suites, warnings)) => {
                screen.diagnostics(&warnings);
                suites
            }
            Err(found) => return refuse(screen, "test", true, &found, Ending::Usage),
        };
        if self.chosen(&suites).is_empty() {
            return refuse(screen, "test", true, &[self.none_chosen(&suites)], Ending::Usage);
        }
        let interrupt = Interrupt::default();
        let stop = interrupt.clone();
        let verbose = output.verbose;
        let work = tokio::task::spawn_blocking(move || self.results(&suites, &stop, verbose));
        // The first call listens for signals in this runtime; those of the cases come and go.
        match until_signal(&interrupt, work).await {
            Ok(Ok(results)) => finish(screen, &results, verbose > 0),
            Ok(Err(error)) => {
                let found =
                    Diagnostic::error(codes::CASE_FAILED, format!("the cases could not be run: {error}"));
                refuse(screen, "test", true, &[found], Ending::Failed)
            }
            Err(ending) => refuse(screen, "test", true, &[], ending),
        }
    }

    fn chosen<'s>(&self, suites: &'s [Suite]) -> Vec<Chosen<'s>> {
        let wanted = |case: &Case| {
            self.only.is_empty() || self.only.iter().any(|part| case.name.value.contains(part.as_str()))
        };
        suites
            .iter()
            .flat_map(|suite| suite.cases.cases.iter().map(move |case| (suite, case)))
            .filter(|(_, case)| wanted(case))
            .collect()
    }

    /// A filter that chooses nothing must not pass.
    fn none_chosen(&self, suites: &[Suite]) -> Diagnostic {
        let names: Vec<&str> =
            suites.iter().flat_map(|suite| &suite.cases.cases).map(|case| case.name.value.as_str()).collect();
        let wanted = self.only.join("` or `");
        let found = Diagnostic::error(codes::NO_CASES, format!("no case has `{wanted}` in its name"))
            .note(format!("the cases are {}", names.join(", ")));
        match self.only.iter().find_map(|part| closest(part, names.iter().copied())) {
            Some(near) => found.fix(format!("did you mean `{near}`?")),
            None => found,
        }
    }

    fn results<'s>(&'s self, suites: &'s [Suite], stop: &Interrupt, verbose: u8) -> Vec<CaseResult> {
        let chosen = self.chosen(suites);
        let job = |chosen: &Chosen<'s>, flip| Job {
            suite: chosen.0,
            case: chosen.1,
            flip,
            waiting: &self.waiting,
            requests: verbose > 1,
        };
        let plain = run_all(&chosen.iter().map(|chosen| job(chosen, None)).collect::<Vec<_>>(), stop);
        // Under an assumption that no run of a case asks about, the case is the same either way.
        let flips = |(_, case): Chosen<'_>, result: &CaseResult| -> Vec<&'static str> {
            // A case that turns assumptions round itself is about just those.
            if !self.switches || !case.switches.is_empty() {
                return Vec::new();
            }
            let said = |name: &str| case.flipped.iter().any(|one| one.switch.value == name);
            let all = Switches::all_flips().into_iter().map(|(name, _)| name);
            all.filter(|name| result.end.asked.contains(name) || said(name)).collect()
        };
        let per_case: Vec<Vec<&'static str>> = (chosen.iter().zip(&plain))
            .map(|(chosen, result)| result.as_ref().map_or_else(Vec::new, |result| flips(*chosen, result)))
            .collect();
        let jobs: Vec<Job<'s>> = (chosen.iter().zip(&per_case))
            .flat_map(|(chosen, flips)| flips.iter().map(|flip| job(chosen, Some(*flip))))
            .collect();
        let mut flipped = run_all(&jobs, stop).into_iter();
        let mut results: Vec<CaseResult> = Vec::new();
        for (result, flips) in plain.into_iter().zip(&per_case) {
            results.extend(result);
            results.extend(flipped.by_ref().take(flips.len()).flatten());
        }
        // A case that fails as things are would only say so again under every assumption.
        let mut base_failed = false;
        results.retain(|result| {
            let base = result.report.flipped.is_none();
            base_failed = if base { result.report.status == "failed" } else { base_failed };
            base || !base_failed
        });
        results
    }
}

/// Runs the jobs on all processors; in their order, without those that a stop kept from being run.
fn run_all(jobs: &[Job<'_>], stop: &Interrupt) -> Vec<Option<CaseResult>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let ends = parallel::each(jobs, workers, || stop.requested(), Job::run);
    let result = |(job, end): (&Job<'_>, Option<Result<End, String>>)| {
        let end = end?.unwrap_or_else(|message| {
            let text = format!("the case could not be run to its end: {message}");
            let found = Diagnostic::error(codes::CASE_FAILED, text);
            let found = found.label(&job.suite.cases.source, job.case.name.span, "");
            End { failures: vec![found], ..End::default() }
        });
        Some(CaseResult { report: report(job, &end), end })
    };
    jobs.iter().zip(ends).map(result).collect()
}

/// A case that has been run.
struct CaseResult {
    report: CaseReport,
    end: End,
}

fn report(job: &Job<'_>, end: &End) -> CaseReport {
    let source = &job.suite.cases.source;
    let passed = end.failures.is_empty();
    CaseReport {
        recipe: job.suite.recipe.clone(),
        name: crate::value::strip_control(&job.case.name),
        file: crate::value::strip_control(&source.name),
        line: source.line_col(job.case.name.span.start).0,
        status: if passed { "passed" } else { "failed" },
        flipped: job.flip,
        failures: end.failures.iter().map(crate::diagnostic::json::to_json).collect(),
        runs: end
            .runs
            .iter()
            .map(|run| CaseRunReport {
                command: run.command.name(),
                status: run.report.status,
                automatic: run.automatic,
                writes: run.report.counts.writes,
                revisions: run.report.counts.revisions,
            })
            .collect(),
        failed_run: end.runs.last().filter(|_| !passed).map(|run| Box::new(run.report.clone())),
    }
}

/// Tells all results and how many passed.
fn finish(screen: &Screen, results: &[CaseResult], every_run: bool) -> Ending {
    let mut text = String::new();
    for (index, result) in results.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| results.get(index));
        if before.is_none_or(|before| before.report.file != result.report.file) {
            text.push_str(&render::cases_of(&result.report.file));
        }
        // Flips that passed are told with the case itself.
        let of_case = results[index + 1..]
            .iter()
            .take_while(|later| later.report.flipped.is_some())
            .filter(|later| later.report.status == "passed")
            .count();
        if result.report.flipped.is_none() || result.report.status == "failed" || every_run {
            let flips = if result.report.flipped.is_none() { of_case } else { 0 };
            text.push_str(&render::case(&result.report, flips));
        }
        text.push_str(&render::case_failures(&result.end.failures, screen.width()));
        let last = result.end.runs.len().saturating_sub(1);
        for (index, run) in result.end.runs.iter().enumerate() {
            if every_run || (index == last && !result.end.failures.is_empty()) {
                text.push_str(&render::case_run(run.command.name(), run.automatic, &run.text));
            }
        }
    }
    let failed = results.iter().filter(|result| result.report.status == "failed").count();
    text.push_str(&render::cases_ending(results.len() - failed, failed));
    screen.text(&text);
    let ending = if failed == 0 { Ending::Ok } else { Ending::Failed };
    let mut report = Report::new("test", true);
    report.recipes = results.iter().map(|result| result.report.recipe.clone()).collect();
    report.recipes.dedup();
    report.cases = results.iter().map(|result| result.report.clone()).collect();
    report.end(ending);
    screen.report(&report);
    ending
}
