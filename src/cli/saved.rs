//! Saved plans as files: `plan --out FILE`, `apply --plan FILE`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::execute::{Observed, described};
use crate::plan::{MAX_PLAN_BYTES, Refusal, SavedFor, SavedPlan, SavedStanding, Unusable};
use crate::value::strip_control;

/// A file that a plan is to be saved in.
#[derive(Debug)]
pub(super) struct Out {
    path: PathBuf,
}

/// A saved plan that was read from a file.
#[derive(Debug)]
pub(super) struct Approval {
    /// Where it was read; `None`: it was shown, and approved, in this process.
    path: Option<PathBuf>,
    saved: SavedPlan,
}

impl Out {
    /// The place `path`, which is free or has a saved plan: told before anything is asked of Azure.
    ///
    /// # Errors
    /// Something else is in the place.
    pub(super) fn at(path: &Path) -> Result<Out, Box<Diagnostic>> {
        let out = Out { path: path.to_owned() };
        out.is_free()?;
        if out.folder().is_dir() {
            return Ok(out);
        }
        let message = format!("{} cannot be written: there is no folder for it", shown(path));
        Err(Box::new(
            Diagnostic::error(codes::NOT_WRITTEN, message).fix("--out FILE, in a folder that is there"),
        ))
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// Whether nothing stands there; `false`: a saved plan, which a new one may replace.
    fn is_free(&self) -> Result<bool, Box<Diagnostic>> {
        let taken = |note: &str| {
            let message = format!("{} is in the place of a saved plan", shown(&self.path));
            Box::new(
                Diagnostic::error(codes::FILE_EXISTS, message)
                    .note(note.to_owned())
                    .note("nothing was written")
                    .fix("--out FILE, with the name of a new file or of a saved plan"),
            )
        };
        match self.path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(taken(&error.to_string())),
            Ok(found) if !found.is_file() => return Err(taken("it is no file, or a link to one")),
            Ok(_) => {}
        }
        match read(&self.path) {
            Ok(bytes) if SavedPlan::is_one(&bytes) => Ok(false),
            Ok(_) => Err(taken("it is no saved plan, and is left as it is")),
            Err(error) => Err(taken(&error.to_string())),
        }
    }

    /// Saves the approval of a plan: whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// Something else is in the place by now, or the file cannot be written.
    pub(super) fn save(&self, context: &Context, observed: &Observed) -> Result<(), Box<Diagnostic>> {
        let free = self.is_free()?;
        let text = approval_of(context, observed).to_text();
        let failed = |error: &io::Error| {
            let message = format!("{} cannot be written: {error}", shown(&self.path));
            Box::new(
                Diagnostic::error(codes::NOT_WRITTEN, message)
                    .fix("--out FILE, in a folder that takes files"),
            )
        };
        // tempfile makes its files with mode 0600.
        let mut file = tempfile::Builder::new()
            .prefix(".acarecipe-")
            .tempfile_in(self.folder())
            .map_err(|error| failed(&error))?;
        file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        file.as_file().sync_all().map_err(|error| failed(&error))?;
        let kept = if free { file.persist_noclobber(&self.path) } else { file.persist(&self.path) };
        kept.map_err(|error| failed(&error.error))?;
        Ok(())
    }

    /// How it is called.
    pub(super) fn name(&self) -> String {
        shown(&self.path)
    }
}

impl Approval {
    /// The saved plan in the file `path`.
    ///
    /// # Errors
    /// There is none, it is not whole, or another version of this program saved it.
    pub(super) fn read(path: &Path) -> Result<Approval, Box<Diagnostic>> {
        let bytes = read(path).map_err(|error| {
            let message = format!("{} cannot be read: {error}", shown(path));
            Box::new(
                Diagnostic::error(codes::PLAN_FILE, message)
                    .fix("--plan FILE, as `acarecipe plan --out FILE` wrote it"),
            )
        })?;
        let saved = SavedPlan::parse(&bytes).map_err(|error| {
            let diagnostic = Diagnostic::error(codes::PLAN_FILE, format!("{} {error}", shown(path)))
                .note("nothing was asked of Azure")
                .fix("look at `acarecipe plan` with the same arguments, and save it anew with --out");
            Box::new(match error {
                Unusable::Changed => {
                    diagnostic.note("the digest finds mistakes; who edits a plan approves another one")
                }
                _ => diagnostic,
            })
        })?;
        Ok(Approval { path: Some(path.to_owned()), saved })
    }

    /// What was shown of this plan, for whoever is asked.
    pub(super) fn shown(context: &Context, observed: &Observed) -> Approval {
        Approval { path: None, saved: approval_of(context, observed) }
    }

    /// How the file is called.
    pub(super) fn name(&self) -> String {
        self.path.as_deref().map_or_else(|| "the plan that was shown".to_owned(), shown)
    }

    /// Whether it was read from a file.
    pub(super) fn is_file(&self) -> bool {
        self.path.is_some()
    }

    /// When it was saved.
    pub(super) fn made_at(&self) -> String {
        strip_control(&self.saved.made_at)
    }

    /// Whether it approves a rollout, and with it that what fails there is taken back.
    pub(super) fn rolls_out(&self) -> bool {
        self.saved.rolls_out()
    }

    /// Whether it is for what the command line asks for.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn is_for(&self, context: &Context) -> Result<(), Box<Diagnostic>> {
        self.saved.is_for(asked(context)).map_err(|refusal| self.refused(&refusal))
    }

    /// Whether it approves what is planned now; how many of its changes are in place already, and of how many.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn approves(
        &self,
        context: &Context,
        observed: &Observed,
    ) -> Result<(usize, usize), Box<Diagnostic>> {
        let standing = SavedStanding::of(&observed.plan, approval_of(context, observed));
        let done = self.saved.approves(&standing).map_err(|refusal| self.refused(&refusal))?;
        Ok((done, self.saved.changes()))
    }

    fn refused(&self, refusal: &Refusal) -> Box<Diagnostic> {
        let mut found = refusal.to_diagnostic(&self.name());
        if self.path.is_none() {
            "what would be changed is not what was shown any more".clone_into(&mut found.message);
            found.fix = Some("run the same command again: it plans anew".to_owned());
        }
        Box::new(found)
    }
}

/// What the command line asks for, as a saved plan has it.
fn asked(context: &Context) -> SavedFor<'_> {
    SavedFor {
        selection: &context.selection,
        target: &context.target,
        sandbox: context.sandbox.is_some(),
        endpoint: context.executor.client.endpoint().url().as_str(),
        tenant: context.target_report.tenant.as_deref(),
        retry: context.executor.retry,
    }
}

fn approval_of(context: &Context, observed: &Observed) -> SavedPlan {
    let now = context.executor.clock.now();
    SavedPlan::of(asked(context), &observed.plan, &described(&observed.plan), now)
}

/// The bytes of a regular file, one more than a saved plan may have at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_PLAN_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    strip_control(&path.display().to_string())
}
