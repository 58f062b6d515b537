//! `apply --on-failure`: what a run wrote that failed is put back by a run of its own, as `undo` does it, in the same
//! process and under the same lock.

use std::future::Future;
use std::pin::Pin;
use std::sync::PoisonError;

use super::apply::{Applying, confirmed};
use super::context::Context;
use super::journal::Recording;
use super::undo::{How, put_back};
use crate::diagnostic::Diagnostic;
use crate::journal::JournalError;
use crate::render::Screen;
use crate::report::{Check, Ending, Report};
use crate::undo::UNDO;

/// What becomes of what a run wrote that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum OnFailure {
    /// Put back what the run wrote, and end with 6
    Rollback,
    /// Leave it as it is
    #[default]
    Keep,
    /// Ask, in a terminal
    Ask,
}

/// The flag in words.
pub(super) const ON_FAILURE: &str = "What a run that failed does with what it wrote: a write or its operation failed, a \
    revision did not become healthy, or the verification does not hold. `rollback` puts it back as `acarecipe undo` \
    does and ends with 6, or as before where not all could be put back. Without it a run that asks before it writes \
    asks then, too, and any other keeps. A run that was interrupted, or whose rollout took itself back, always keeps \
    the rest";

impl Applying<'_> {
    /// Puts back what the run wrote, if it failed with `ending` and that is wanted; the ending that it has then.
    pub(super) fn put_back<'r>(
        self,
        context: &'r Context,
        recording: Option<&'r Recording>,
        screen: &'r Screen,
        report: &'r mut Report,
        ending: Ending,
    ) -> Pin<Box<dyn Future<Output = Ending> + 'r>>
    where
        Self: 'r,
    {
        // Boxed by hand: an undo is a run as this one is.
        Box::pin(async move {
            if matches!(ending, Ending::Ok | Ending::Interrupted | Ending::Terminated | Ending::RolledBack)
                || self.on_failure == OnFailure::Keep
            {
                return ending;
            }
            let Some(recording) = recording else { return ending };
            let now = context.executor.clock.now();
            let (back, whole) = match recording.to_put_back(now) {
                Ok(None) => return ending,
                Ok(Some(found)) => found,
                Err(error) => return cannot(screen, report, &error, ending),
            };
            if self.on_failure == OnFailure::Ask {
                match confirmed(screen, context, "Put back what this run wrote?").await {
                    Ok(true) => {}
                    Ok(false) => return ending,
                    Err(ending) => return ending,
                }
            }
            let (inner, kept) = screen.within();
            let mut beside = context.apart(&inner, self.timeout);
            beside.asked = vec![UNDO.to_owned()];
            beside.executor.retry = false;
            let whole: Vec<_> = whole.iter().collect();
            if let Err(error) = put_back(&mut beside, &back.folder, &whole, How::default()) {
                return cannot(screen, report, &error, ending);
            }
            screen.text("\nRolling back: what this run wrote is put back.\n");
            let id = recording.id().to_string();
            let applying = Applying { undoes: Some(&id), timeout: self.timeout, ..Applying::default() };
            let end = applying.run(&beside, Some(&back), &inner).await;
            let undone = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            let whole = undone.as_ref().is_some_and(is_whole);
            report.rollback = undone.map(Box::new);
            match end {
                Ending::Ok | Ending::VerificationFailed if whole => Ending::RolledBack,
                Ending::Interrupted | Ending::Terminated => end,
                _ => ending,
            }
        })
    }
}

/// Whether nothing is left of what was to be put back. That an app is not well which was not before either is told, and
/// is no part of it.
fn is_whole(undone: &Report) -> bool {
    // What could not be checked goes all the same.
    let stays = |check: &Check| check.status == "warning" && check.recipe.as_deref() == Some(UNDO);
    let is_error = |found: &serde_json::Value| found["severity"] == "error";
    let own = |check: &&Check| check.recipe.as_deref() == Some(UNDO);
    undone.action_required.is_empty()
        && !undone.prerequisites.iter().any(stays)
        && !undone.diagnostics.iter().any(is_error)
        && undone.verification.iter().filter(own).all(|check| check.status == "passed")
}

/// That nothing is put back, since the journal does not say what was there.
fn cannot(screen: &Screen, report: &mut Report, error: &JournalError, ending: Ending) -> Ending {
    let found: Diagnostic = error.to_diagnostic().note("what the run wrote stays as it is");
    report.diagnose([&found]);
    screen.diagnostics(&[found]);
    ending
}
