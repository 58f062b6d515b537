//! Which failed writes are sent again, and when.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Executor, Failure};
use crate::azure::{ArmError, ArmErrorKind};
use crate::plan::{Plan, Write, grant_line, quote};

/// What to do after a failed try.
pub(super) enum Next {
    /// It is in place after all.
    InPlace,
    /// Wait, read again, send again.
    Again {
        /// The wait.
        after: Duration,
        /// Why.
        reason: String,
    },
    /// Give up.
    Stop(Failure),
}

/// Tries of a write whose failures look passing (5xx, a broken connection, no answer).
pub(super) const TRIES: u32 = 8;

/// The wait before a write that met a role which is not in force yet is sent again.
const ROLE_PAUSE: Duration = Duration::from_secs(15);

/// How long a new principal may take to be known everywhere: not stated, so as long as a role
/// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
const REPLICATION: time::Duration = time::Duration::minutes(10);

/// The wait for a new principal to be known, and the shortest for a busy resource.
const SHORT_PAUSE: Duration = Duration::from_secs(5);

/// The wait after the `tries`th failure when Azure names none: 1, 2, 4, 8, then 16 s.
pub(super) fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.clamp(1, 5).saturating_sub(1))
}

/// Whether a failure says nothing against the request itself. A failed operation does: Azure took the
/// request and could not do what it says.
pub(super) fn may_pass(error: &ArmError) -> bool {
    !matches!(error.kind(), ArmErrorKind::Operation(_)) && (error.is_transient() || error.maybe_applied())
}

impl Executor {
    /// Whether and when a write is sent again whose `tries`th try failed; `since`: when the first was.
    pub(super) fn after_failure(
        &self,
        plan: &Plan,
        write: &Write,
        what: &str,
        error: &ArmError,
        tries: u32,
        since: OffsetDateTime,
    ) -> Next {
        let now = self.clock.now();
        let again = |pause: Duration| Next::Again {
            after: error.retry_after().unwrap_or(pause),
            reason: error.to_string(),
        };
        match error.code() {
            // Another run, or a try whose answer was lost, made it.
            Some("RoleAssignmentExists") => return Next::InPlace,
            // The directory does not know a new principal everywhere yet; one that it does not know after
            // this long is not there.
            Some("PrincipalNotFound") if now - since < REPLICATION => return again(SHORT_PAUSE),
            // Somebody else, or a try whose answer was lost, removed it.
            _ if write.remove && error.http().is_some_and(|failure| failure.status == 404) => {
                return Next::InPlace;
            }
            _ => {}
        }
        if error.is_final() {
            return Next::Stop(Failure::azure(error, what));
        }
        // What others did not do in all this time they do no sooner for being asked again.
        if !write.kind.ready.is_empty() && matches!(error.kind(), ArmErrorKind::Deadline { .. }) {
            return Next::Stop(Failure::of_write(error, what, plan, now));
        }
        let message = error.to_string();
        let late = write.settles.iter().any(|settle| settle.may_be_late(now));
        if (late && refused_for_role(&message)) || recipe_repeats(plan, write, &message, now - since) {
            return again(ROLE_PAUSE);
        }
        if error.is_busy() || error.is_throttled() {
            return again(backoff(tries).max(SHORT_PAUSE));
        }
        // What refers to it may only be on its way out, and one deletion at a time is the rule of some (412: Cosmos DB).
        let held = |error: &ArmError| error.http().is_some_and(|one| matches!(one.status, 409 | 412));
        if write.remove && held(error) && tries < TRIES {
            return again(backoff(tries).max(SHORT_PAUSE));
        }
        if may_pass(error) && tries < TRIES {
            return again(backoff(tries));
        }
        let mut failure = Failure::of_write(error, what, plan, now);
        if error.code().is_some_and(|code| code.eq_ignore_ascii_case("AuthorizationFailed"))
            && let Some(fix) =
                better_fix(plan, write, failure.diagnostic().and_then(|one| one.fix.as_deref()))
        {
            failure.advise(fix);
        }
        Next::Stop(failure)
    }
}

/// What mends a refused write, by what is known of it: the role that it gives can be given by somebody else,
/// and a right to create something is given on what it is created in.
fn better_fix(plan: &Plan, write: &Write, fix: Option<&str>) -> Option<String> {
    let grant = write.steps.first().and_then(|index| plan.steps[*index].outcome.grant.as_ref());
    if let Some(grant) = grant {
        return grant_line(grant).map(|line| format!("ask an administrator: {line}"));
    }
    let id = write.id.as_ref().filter(|_| write.create)?;
    fix.map(|fix| fix.replace(&quote(id.as_str()), &quote(id.parent().as_ref().unwrap_or(id).as_str())))
}

/// Azure's words for a role that is missing or not in force yet
/// (microsoft/azure-container-apps#1174; the registry's are those of a refused pull).
fn refused_for_role(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    (message.contains("secret") && message.contains("managed identity")) || message.contains("unauthorized")
}

/// Whether a step of the write names this refusal as one to repeat, `elapsed` after its first try.
fn recipe_repeats(plan: &Plan, write: &Write, message: &str, elapsed: time::Duration) -> bool {
    write
        .steps
        .iter()
        .filter_map(|index| plan.steps[*index].retry.as_ref())
        .filter(|retry| elapsed < retry.timeout)
        .any(|retry| retry.error_matches.iter().any(|pattern| pattern.is_match(message)))
}
