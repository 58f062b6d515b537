//! `runs`: the journal. Nothing here asks Azure.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::{journal, refuse};
use crate::diagnostic::{Severity, quote};
use crate::journal::{Journal, JournalError, StateFolder};
use crate::render::{self, Screen};
use crate::report::{Ending, Report, RunReport};

/// Arguments of `runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Runs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Show one run: what it was, each write with what it changed, how it ended, what to do next
    #[command(
        after_help = "Examples:\n  acarecipe runs show\n  acarecipe runs show 20261126T083000Z-3f9a1c --sandbox"
    )]
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// The run [default: the newest]
    #[arg(value_name = "RUN")]
    id: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Where the journals are.
#[derive(Debug, Args)]
struct Place {
    #[arg(
        help = "The folder of journals [$ACARECIPE_STATE_DIR; default: in the user's state folder]",
        long,
        value_name = "DIR"
    )]
    state_dir: Option<PathBuf>,
    /// Those of the sandbox
    #[arg(long)]
    sandbox: bool,
    /// Those of the sandbox whose state is in this file
    #[arg(long, value_name = "FILE", requires = "sandbox")]
    sandbox_state: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> Result<StateFolder, JournalError> {
        let state = match (&self.sandbox_state, self.sandbox) {
            (Some(state), _) => Some(state.clone()),
            (None, true) => {
                Some(crate::sandbox::statefile::default_path().map_err(|_| JournalError::NoHome)?)
            }
            (None, false) => None,
        };
        journal::folder(self.state_dir.as_deref(), state.as_deref())
    }
}

impl Runs {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        match self.command {
            None => list(&self.place, screen),
            Some(RunsCommand::Show(show)) => one(&show, screen),
        }
    }
}

/// Lists the runs; those that cannot be read are named, and hide no other.
fn list(place: &Place, screen: &Screen) -> Ending {
    let runs = match place.folder().and_then(|folder| Ok((folder.runs()?, folder))) {
        Ok((runs, folder)) => {
            let mut report = Report::new("runs", place.sandbox);
            let found: Vec<_> = (runs.unreadable.iter().map(JournalError::to_diagnostic))
                .map(|mut told| {
                    told.severity = Severity::Warning;
                    told
                })
                .collect();
            report.diagnose(&found);
            screen.diagnostics(&found);
            report.runs = reports(&folder, &runs.journals);
            report
        }
        Err(error) => {
            return refuse(screen, "runs", place.sandbox, &[error.to_diagnostic()], Ending::Failed);
        }
    };
    screen.text(&render::runs(&runs.runs));
    screen.report(&runs);
    Ending::Ok
}

fn one(show: &Show, screen: &Screen) -> Ending {
    let found = show.place.folder().and_then(|folder| {
        let newest = || Ok::<_, JournalError>(folder.ids()?.first().map(ToString::to_string));
        let id = match &show.id {
            Some(id) => id.clone(),
            None => newest()?.ok_or_else(|| JournalError::NoSuchRun { id: "newest".to_owned() })?,
        };
        let journal = folder.journal(&id)?;
        let on = folder.runs_on(&journal.run.target)?;
        let newest = on.journals.first().is_some_and(|newest| newest.run.id == journal.run.id);
        let running = newest && journal.end().is_none() && folder.is_locked(&journal.run.target);
        Ok((journal, running))
    });
    let (journal, running) = match found {
        Ok(found) => found,
        Err(error) => {
            let found = [error.to_diagnostic()];
            return refuse(screen, "runs show", show.place.sandbox, &found, Ending::Failed);
        }
    };
    let mut run = RunReport::new(&journal, running);
    if !running {
        run.next = next(&journal, &show.place);
    }
    screen.text(&render::run(&run));
    let mut report = Report::new("runs show", journal.run.target.sandbox);
    report.runs.push(run);
    screen.report(&report);
    Ending::Ok
}

fn reports(folder: &StateFolder, journals: &[Journal]) -> Vec<RunReport> {
    let mut seen = BTreeSet::new();
    let mut report = |journal: &Journal| {
        // Only the newest of a target can be the one that holds its lock.
        let newest = seen.insert(journal.run.target.folded());
        let running = newest && journal.end().is_none() && folder.is_locked(&journal.run.target);
        RunReport::new(journal, running)
    };
    journals.iter().map(&mut report).collect()
}

/// The commands that follow from how a run ended.
fn next(journal: &Journal, place: &Place) -> Vec<String> {
    let mut next = Vec::new();
    let whole = journal.end().is_some_and(|end| end.status == "ok");
    if !whole && journal.run.command == "apply" {
        next.push(again(journal, place));
    }
    if crate::undo::wrote(journal) {
        let mut line = format!("acarecipe undo {}", quote(&journal.run.id));
        line.push_str(&places(journal, place));
        next.push(line);
    }
    next
}

/// The same command again, as far as the journal knows it: `…` stands for what is not kept.
fn again(journal: &Journal, place: &Place) -> String {
    let mut line = String::from("acarecipe apply");
    for one in journal.run.recipes.iter().filter(|one| one.asked) {
        let own = crate::recipe::snake(&one.recipe) == one.alias;
        let named = if own { one.recipe.clone() } else { format!("{}={}", one.recipe, one.alias) };
        line.push(' ');
        line.push_str(&quote(&named));
        for (name, kept) in &one.with {
            let value = match kept {
                crate::journal::Kept::Value(Json::String(text)) => text.clone(),
                crate::journal::Kept::Value(other) => other.to_string(),
                crate::journal::Kept::Absent => continue,
                _ => "@FILE".to_owned(),
            };
            let input = if own { name.clone() } else { format!("{}.{name}", one.alias) };
            line.push_str(" -p ");
            line.push_str(&quote(&format!("{input}={value}")));
        }
    }
    line.push_str(&places(journal, place));
    crate::value::strip_control(&line)
}

/// Where the run worked, as flags with a space before each.
fn places(journal: &Journal, place: &Place) -> String {
    super::journal::flags_of(&journal.run.target, place.state_dir.as_deref(), place.sandbox_state.as_deref())
}
