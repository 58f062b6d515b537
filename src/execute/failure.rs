//! How a run can end early.

use time::OffsetDateTime;

use crate::azure::{ArmError, ArmErrorKind, Method};
use crate::diagnostic::{Diagnostic, codes};
use crate::plan::{Plan, PullFacts, explain, quote};

const DEPLOYMENT_ERRORS: &str = "https://learn.microsoft.com/azure/container-apps/deployment-errors";

/// Why a run ended before its end.
#[derive(Debug)]
pub enum Failure {
    /// Somebody asked to stop.
    Interrupted,
    /// Azure could not be asked or refused; running again goes on from there.
    Azure(Box<Diagnostic>),
    /// The run found something else than was approved, and wrote nothing more.
    Changed(Box<Diagnostic>),
    /// The new revision does not become healthy.
    Unhealthy(Box<Diagnostic>),
    /// The deadline passed.
    Deadline(Box<Diagnostic>),
    /// A rollout's candidate failed, and what it changed is put back.
    RolledBack(Box<Diagnostic>),
    /// A rollout's candidate failed, and stands as it did then.
    NotPutBack(Box<Diagnostic>),
}

/// What is left to say where a job does not start what it shall run.
const MENDS_A_JOB: &str = "acarecipe check jobs, and see that image, tag and registry are the right ones";

impl Failure {
    /// What to tell; nothing for an interruption.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            Failure::Interrupted => None,
            Failure::Azure(diagnostic)
            | Failure::Changed(diagnostic)
            | Failure::Unhealthy(diagnostic)
            | Failure::Deadline(diagnostic)
            | Failure::RolledBack(diagnostic)
            | Failure::NotPutBack(diagnostic) => Some(diagnostic),
        }
    }

    /// The failure of a read or write, with what was being done and what is left to do.
    pub(super) fn azure(error: &ArmError, doing: &str) -> Failure {
        Failure::explained(error, doing).or_fix(|| otherwise(error))
    }

    /// The same without a fix where nothing more is known.
    fn explained(error: &ArmError, doing: &str) -> Failure {
        let mut diagnostic = error.to_diagnostic().note(format!("while trying to {doing}"));
        // An operation's own code says little; the platform's words in its message say why.
        if matches!(error.kind(), ArmErrorKind::Operation(_))
            && diagnostic.fix.is_none()
            && let (Some(cause), fix) = explain(&error.to_string())
        {
            diagnostic = diagnostic.note(cause).docs(DEPLOYMENT_ERRORS);
            // What mends an app does not reach a job.
            let elsewhere = |fix: &str| fix.starts_with("acarecipe apply ") && error.is_about_job();
            let fix = fix.map(|fix| if elsewhere(fix) { MENDS_A_JOB } else { fix });
            if let Some(fix) = fix {
                diagnostic = diagnostic.fix(fix);
            }
        }
        let diagnostic = Box::new(diagnostic);
        match error.kind() {
            ArmErrorKind::Deadline { .. } => Failure::Deadline(diagnostic),
            _ => Failure::Azure(diagnostic),
        }
    }

    /// Says what mends it, where nothing says so yet.
    fn or_fix(mut self, fix: impl FnOnce() -> String) -> Failure {
        if let Some(diagnostic) = self.diagnostic_mut() {
            diagnostic.fix.get_or_insert_with(fix);
        }
        self
    }

    /// Says what mends it, better than was known before.
    pub(super) fn advise(&mut self, fix: String) {
        if let Some(diagnostic) = self.diagnostic_mut() {
            diagnostic.fix = Some(fix);
        }
    }

    /// Says more of it.
    pub(super) fn and_note(mut self, note: &str) -> Failure {
        if let Some(diagnostic) = self.diagnostic_mut() {
            diagnostic.notes.push(note.to_owned());
        }
        self
    }

    /// Says that what came of it could not be looked up, and why.
    pub(super) fn but(mut self, reason: &str) -> Failure {
        if let Some(diagnostic) = self.diagnostic_mut() {
            diagnostic.notes.push(format!("whether it is in place cannot be told: {reason}"));
        }
        self
    }

    fn diagnostic_mut(&mut self) -> Option<&mut Diagnostic> {
        match self {
            Failure::Interrupted => None,
            Failure::Azure(diagnostic)
            | Failure::Changed(diagnostic)
            | Failure::Unhealthy(diagnostic)
            | Failure::Deadline(diagnostic)
            | Failure::RolledBack(diagnostic)
            | Failure::NotPutBack(diagnostic) => Some(diagnostic),
        }
    }

    /// The failure of a write of `plan`: a pull that failed is told with what the run knows of the registry.
    pub(super) fn of_write(error: &ArmError, doing: &str, plan: &Plan, now: OffsetDateTime) -> Failure {
        Failure::of_write_known(error, doing, plan, now).or_fix(|| otherwise(error))
    }

    /// The same of an action; `look` says how to see what became of it.
    pub(super) fn of_action(
        error: &ArmError,
        doing: &str,
        plan: &Plan,
        now: OffsetDateTime,
        look: impl FnOnce() -> String,
    ) -> Failure {
        Failure::of_write_known(error, doing, plan, now).or_fix(look)
    }

    fn of_write_known(error: &ArmError, doing: &str, plan: &Plan, now: OffsetDateTime) -> Failure {
        let text = error.to_string();
        match Failure::explained(error, doing) {
            Failure::Azure(diagnostic) => {
                let diagnostic = with_mount_cause(*diagnostic, plan, &text);
                Failure::Azure(Box::new(with_pull_causes(diagnostic, &plan.pulls, &text, now)))
            }
            other => other,
        }
    }

    pub(super) fn deadline(doing: &str) -> Failure {
        Failure::Deadline(Box::new(
            Diagnostic::error(codes::DEADLINE, format!("not done in time: {doing}"))
                .fix("run the same command again: it goes on from what is there; --timeout gives it longer"),
        ))
    }
}

/// What is left to do about an error of which nothing more is known.
fn otherwise(error: &ArmError) -> String {
    const AGAIN: &str = "run the same command again: it goes on from what is there";
    match (error.request(), error.correlation_id()) {
        (Some((_, path)), _) if error.is_not_found() => {
            format!("see whether it is still there: az resource show --ids {}; then {AGAIN}", quote(path))
        }
        // Reads are in no activity log.
        (Some((method, _)), Some(id)) if method != Method::Get && !error.is_transient() => format!(
            "see what Azure logged of it: az monitor activity-log list --correlation-id {}; mend that, then {AGAIN}",
            quote(id)
        ),
        _ => AGAIN.to_owned(),
    }
}

/// An operation that ran out of time may have waited for a share, of which nothing is told
/// (microsoft/azure-container-apps#283).
fn with_mount_cause(diagnostic: Diagnostic, plan: &Plan, text: &str) -> Diagnostic {
    if !plan.mounts_share() || !text.to_ascii_lowercase().contains("operation expired") {
        return diagnostic;
    }
    let cause = explain("it mounts a share").0.unwrap_or_default();
    diagnostic
        .note(format!("the app mounts a share; {cause}"))
        .fix("az containerapp logs show --type system, which has the words of mount")
        .docs("https://learn.microsoft.com/azure/container-apps/storage-mounts")
}

/// The diagnostic with the causes that fit, when `text` tells of a pull from one of the registries.
pub(super) fn with_pull_causes(
    mut diagnostic: Diagnostic,
    pulls: &[PullFacts],
    text: &str,
    now: OffsetDateTime,
) -> Diagnostic {
    let Some(pull) = pulls.iter().find(|pull| pull.is_meant(text)) else { return diagnostic };
    let (causes, fix) = pull.causes(text, now);
    for cause in causes {
        diagnostic = diagnostic.note(cause);
    }
    match fix {
        Some(fix) => diagnostic.fix(fix),
        None => diagnostic,
    }
}
