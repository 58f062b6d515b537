//! `undo`: put back what a run changed.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::apply::Applying;
use super::context::{Context, Flags, Named};
use super::journal::Recording;
use super::{arguments, journal, judge, refuse};
use crate::diagnostic::{Diagnostic, codes};
use crate::journal::{Journal, JournalError, StateFolder};
use crate::recipe;
use crate::render::Screen;
use crate::report::Ending;
use crate::undo::{self, Options};
use crate::value::{Seal, strip_control};

/// Arguments of `undo`.
#[derive(Debug, Args)]
pub(super) struct Undo {
    /// The run (acarecipe runs); without it the last one on the target that wrote something and was not undone
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Put back also what somebody changed since the run
    #[arg(long)]
    force: bool,
    /// Delete also what may hold data of others by now, such as a file share that the run made
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    target: arguments::Target,
    #[command(flatten)]
    sandbox: arguments::SandboxRun,
    #[command(flatten)]
    waiting: arguments::Waiting,
    #[command(flatten)]
    probing: arguments::Probing,
    #[command(flatten)]
    journal: arguments::Journal,
}

impl Undo {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let sandboxed = self.sandbox.sandbox;
        let refused = |found: &Diagnostic, ending| {
            refuse(screen, undo::UNDO, sandboxed, std::slice::from_ref(found), ending)
        };
        if let Some(found) = arguments::one_app(&self.target, true, undo::UNDO) {
            return refused(&found, Ending::Usage);
        }
        let asks = !self.yes && !sandboxed;
        if asks && output.nobody_answers() {
            let found = Diagnostic::error(codes::NOT_CONFIRMED, "there is nobody to confirm the plan")
                .note("standard input is no terminal, or --no-input was given")
                .fix("look at `acarecipe runs show RUN`, then run this again with --yes");
            return refused(&found, Ending::Usage);
        }
        // What the run worked on says what this one needs.
        let named = match self.named() {
            Ok(named) => named,
            Err(error) => return refused(&error.to_diagnostic(), Ending::Failed),
        };
        let on = arguments::OnApp {
            recipes: arguments::Recipes::default(),
            target: self.target.clone(),
            sandbox: self.sandbox.clone(),
            waiting: self.waiting.clone(),
            probing: self.probing.clone(),
        };
        let works_on = named.as_ref().map_or(recipe::Target::App, |run| undo::works_on(&run.run.target));
        let flags = Flags {
            command: undo::UNDO,
            on: &on,
            verbose: output.verbose > 0,
            recipes: Named::Made(works_on),
        };
        let mut context = match judge::open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        let recording = match Recording::open(&context, &self.journal) {
            Ok(Some(recording)) => recording,
            Ok(None) => return stopped(&context, screen, &nothing(), Ending::PrerequisitesMissing),
            Err(found) => return stopped(&context, screen, &found, Ending::Failed),
        };
        let undoes = match self.prepare(&mut context, &recording, named.as_ref()) {
            Ok(undoes) => undoes,
            Err((found, ending)) => return stopped(&context, screen, &found, ending),
        };
        let applying = Applying { asks, undoes: Some(&undoes), ..Applying::default() };
        let ending = applying.run(&context, Some(&recording), screen).await;
        context.journals.prune(context.executor.clock.now(), screen);
        ending
    }

    /// The journal of the run that is named.
    fn named(&self) -> Result<Option<Journal>, JournalError> {
        let Some(id) = &self.run else { return Ok(None) };
        let state = self.sandbox.sandbox.then(|| super::sandbox_run::state_path(&self.sandbox)).flatten();
        let folder = journal::folder(self.journal.state_dir.as_deref(), state.as_deref())?;
        folder.journal(id).map(Some)
    }

    /// Puts the recipe that undoes the run into the context; the run's id.
    fn prepare(
        &self,
        context: &mut Context,
        recording: &Recording,
        named: Option<&Journal>,
    ) -> Result<String, (Box<Diagnostic>, Ending)> {
        let told = |error: &JournalError| (Box::new(error.to_diagnostic()), Ending::Failed);
        let folder: &StateFolder = &recording.folder;
        let runs = folder.runs_on(&recording.target).map_err(|error| told(&error))?;
        let whole: Vec<&Journal> = match named {
            Some(journal) if journal.run.target.folded() != recording.target.folded() => {
                let state = self.sandbox.sandbox_state.as_deref();
                let found = elsewhere(journal, self.journal.state_dir.as_deref(), state);
                return Err((Box::new(found), Ending::Usage));
            }
            Some(journal) => {
                // It may have gone on until the lock was taken.
                let now = runs.journals.iter().find(|one| one.run.id == journal.run.id);
                undo::whole(&runs.journals, now.unwrap_or(journal))
            }
            None => {
                let last = undo::last(&runs.journals);
                // Of whom one is that cannot be read, and what it did, nobody can tell.
                let newest = last.last().map(|journal| &journal.path);
                let newer = |error: &&JournalError| {
                    newest.is_none_or(|newest| error.path().is_some_and(|path| path > newest.as_path()))
                };
                if let Some(error) = runs.unreadable.iter().find(newer) {
                    let found = error
                        .to_diagnostic()
                        .note("which run was the last cannot be told: name it, `acarecipe undo RUN`");
                    return Err((Box::new(found), Ending::Failed));
                }
                last
            }
        };
        let Some(run) = whole.last().map(|journal| journal.run.id.clone()) else {
            return Err((Box::new(nothing()), Ending::PrerequisitesMissing));
        };
        if let Some(lost) = undo::lost(&runs.journals, &whole) {
            return Err((Box::new(half(&run, lost)), Ending::Failed));
        }
        let how = How { force: self.force, delete_data: self.delete_data };
        put_back(context, folder, &whole, how).map_err(|error| told(&error))?;
        Ok(run)
    }
}

/// How far an undo goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    force: bool,
    delete_data: bool,
}

/// Puts the recipe that undoes these runs, oldest first, into the context.
pub(super) fn put_back(
    context: &mut Context,
    folder: &StateFolder,
    whole: &[&Journal],
    how: How,
) -> Result<(), JournalError> {
    let key = folder.key()?;
    for one in whole {
        one.vouched(&key)?;
    }
    let first = whole.first().map(|journal| journal.run.id.as_str()).unwrap_or_default();
    let later = folder.runs_after(first)?;
    let relied = undo::relied(&later.journals, whole);
    let first_line = |error: JournalError| {
        let run = error.path().and_then(|path| Journal::run_of(path).ok());
        (error, run)
    };
    let unreadable: Vec<_> = later.unreadable.into_iter().map(first_line).collect();
    let unread = undo::unread(&unreadable, whole);
    let run = whole.last().map(|journal| journal.run.id.as_str()).unwrap_or_default();
    let options = Options {
        force: how.force,
        delete_data: how.delete_data,
        relied,
        unread,
        seal: Seal(Arc::new(move |json| key.hide(json))),
        command: format!("acarecipe undo {run}"),
    };
    context.selection = undo::undo(whole, &options);
    context.asked = vec![undo::UNDO.to_owned()];
    Ok(())
}

fn stopped(context: &Context, screen: &Screen, found: &Diagnostic, ending: Ending) -> Ending {
    judge::stopped(context, screen, context.report(undo::UNDO), found, ending)
}

fn nothing() -> Diagnostic {
    Diagnostic::error(codes::NO_SUCH_RUN, "there is no run on this target that could be undone")
        .note("none of those in the state folder wrote anything that was not undone already")
        .fix("acarecipe runs")
}

/// A run of which a part of the record is missing.
fn half(run: &str, lost: &str) -> Diagnostic {
    let lost = strip_control(lost);
    Diagnostic::error(
        codes::JOURNAL,
        format!("run {run} goes on from run {lost}, whose journal is damaged or gone: nothing is put back"),
    )
    .note("what that one wrote is a part of the same change, and only its journal says what it was")
    .fix(format!("acarecipe runs show {lost}"))
}

/// A run on something else than what the command line means.
fn elsewhere(run: &Journal, state_dir: Option<&Path>, sandbox_state: Option<&Path>) -> Diagnostic {
    let target = &run.run.target;
    let place = if target.sandbox {
        "in the sandbox".to_owned()
    } else {
        format!("at {}", strip_control(&target.endpoint))
    };
    Diagnostic::error(codes::NO_SUCH_RUN, format!("run {} was on another target, {place}", run.run.id))
        .fix(format!("acarecipe undo {}{}", run.run.id, journal::flags_of(target, state_dir, sandbox_state)))
}
