//! What can go wrong between a request and its answer.

use std::fmt;
use std::time::Duration;

use super::advice;
pub use super::envelope::{ErrorDetail, PolicyViolation};
use super::refusals;
use super::request::Method;
use crate::diagnostic::{Code, Diagnostic, codes};

/// The finding for an error of the client.
pub const ARM_ERROR: Code = Code("azure-refused");
/// The finding for an error on the way to Azure.
pub const UNREACHABLE: Code = Code("azure-unreachable");
/// The finding for a credential that gives no token.
pub const CREDENTIAL: Code = Code("azure-credential");

/// The finding for an endpoint that cannot be used.
pub const ENDPOINT: Code = Code("azure-endpoint");
/// The finding for certificate authorities that cannot be used.
pub const CA_FILE: Code = Code("ca-file");
/// The finding for a proxy that cannot be used.
pub const PROXY: Code = Code("proxy");
/// The finding for the files in which az keeps its selection.
pub const PROFILE: Code = Code("azure-profile");

/// A request or an operation that did not succeed. Its texts hold no token and no control character.
#[derive(Debug, thiserror::Error)]
#[error("{}{kind}", Place(.place.as_ref()))]
pub struct ArmError {
    place: Option<(Method, String)>,
    kind: Box<ArmErrorKind>,
}

struct Place<'a>(Option<&'a (Method, String)>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((method, path)) => write!(f, "{method} {path}: "),
            None => Ok(()),
        }
    }
}

/// A complete answer that is no success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpFailure {
    /// The HTTP status.
    pub status: u16,
    /// ARM's code.
    pub code: Option<String>,
    /// ARM's message; never empty.
    pub message: String,
    /// What the error is about.
    pub target: Option<String>,
    /// Further errors, nested ones flattened.
    pub details: Vec<ErrorDetail>,
    /// Policies that forbid it.
    pub policies: Vec<PolicyViolation>,
    /// `x-ms-request-id`.
    pub request_id: Option<String>,
    /// `x-ms-correlation-request-id`.
    pub correlation_id: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// An operation that ended badly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFailure {
    /// Azure's word for how it ended (`Failed`, `Canceled`, …).
    pub status: String,
    /// ARM's code.
    pub code: Option<String>,
    /// ARM's message; never empty.
    pub message: String,
    /// Further errors, nested ones flattened.
    pub details: Vec<ErrorDetail>,
    /// Policies that forbid it.
    pub policies: Vec<PolicyViolation>,
    /// `x-ms-correlation-request-id` of the answer that said so.
    pub correlation_id: Option<String>,
}

/// The kinds of failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArmErrorKind {
    /// Azure refused or failed.
    #[error("{0}")]
    Http(HttpFailure),
    /// No connection, or it broke before the answer was complete.
    #[error("{}: {reason}", if *.maybe_sent { "the connection broke" } else { "no connection" })]
    Connection {
        /// Whether the request may have reached Azure.
        maybe_sent: bool,
        /// The causes, outermost first.
        reason: String,
    },
    /// The server's certificate is not good, or none can be judged; nothing was sent.
    #[error("no connection: {reason}")]
    Certificate {
        /// The causes, outermost first.
        reason: String,
    },
    /// No complete answer in time.
    #[error("no complete answer within {}", Seconds(*.after))]
    Timeout {
        /// Whether the request may have reached Azure.
        maybe_sent: bool,
        /// How long we waited.
        after: Duration,
    },
    /// A success whose body cannot be read.
    #[error("{status}, but the answer is unreadable: {reason}")]
    BadBody {
        /// The HTTP status.
        status: u16,
        /// Why.
        reason: String,
    },
    /// An answer larger than we take.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
    /// A response sent us to another host; the token does not go there.
    #[error("{link} leads to {found}, not to {expected}; it is not followed")]
    ForeignHost {
        /// Which link (`nextLink`, `Location`, `Azure-AsyncOperation`).
        link: &'static str,
        /// Where it leads.
        found: String,
        /// Where we are.
        expected: String,
    },
    /// A list that does not end.
    #[error("the list does not end: {reason}")]
    Endless {
        /// How that was noticed.
        reason: String,
    },
    /// The credential gave no token; nothing was sent to Azure Resource Manager.
    #[error("no token: {reason}")]
    Credential {
        /// The causes, outermost first.
        reason: String,
        /// Whether trying again may help.
        transient: bool,
    },
    /// A long-running operation ended badly.
    #[error("the operation ended as {0}")]
    Operation(OperationFailure),
    /// The deadline passed before it was done.
    #[error("not done before the deadline{last}")]
    Deadline {
        /// The last thing known: an error of the last try, or the operation's status.
        last: Last,
    },
    /// A request that must not be sent.
    #[error("the request was not sent: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
}

/// What was known when a deadline passed.
#[derive(Debug)]
pub enum Last {
    /// Nothing: there was no time for a try.
    Nothing,
    /// Nothing was sent: the budget would have let it go only after the deadline.
    HeldBack {
        /// Whether that is because Azure refused another request.
        throttled: bool,
    },
    /// The operation's status, in Azure's word.
    Status(String),
    /// How the last try failed.
    Error(ArmError),
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Last::Nothing => Ok(()),
            Last::HeldBack { throttled: true } => f.write_str(
                "; nothing was sent, since Azure throttles the requests of this subscription and caller (429)",
            ),
            Last::HeldBack { throttled: false } => {
                f.write_str("; nothing was sent, since so many requests of this subscription are before it")
            }
            Last::Status(status) => write!(f, "; its status is {status}"),
            Last::Error(error) => write!(f, "; the last try: {}", error.kind),
        }
    }
}

impl fmt::Display for HttpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        match &self.code {
            Some(code) => write!(f, " {code}: ")?,
            None => f.write_str(": ")?,
        }
        tell(f, &self.message, self.target.as_deref(), &self.details)
    }
}

impl fmt::Display for OperationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.status)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        tell(f, &self.message, None, &self.details)
    }
}

/// A message, its target, and details that say more, on one line.
fn tell(
    f: &mut fmt::Formatter<'_>,
    message: &str,
    target: Option<&str>,
    details: &[ErrorDetail],
) -> fmt::Result {
    f.write_str(message)?;
    if let Some(target) = target.filter(|target| !message.contains(target)) {
        write!(f, " (target: {target})")?;
    }
    let told = |text: &str| text.is_empty() || message.contains(text);
    for detail in details.iter().filter(|detail| !told(&detail.message)).take(3) {
        match &detail.code {
            Some(code) => write!(f, "; {code}: {}", detail.message)?,
            None => write!(f, "; {}", detail.message)?,
        }
    }
    Ok(())
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(2) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{} s", self.0.as_secs())
        }
    }
}

/// Codes with which Azure says that another operation works on the resource: wait for it, then write again.
/// Microsoft.App: microsoft/azure-container-apps#1731, #175, #701, #1657; Microsoft.Network: ARM's throttling page;
/// Microsoft.Storage: its common error codes.
const BUSY: &[&str] = &[
    "ContainerAppOperationInProgress",
    "ContainerAppLockConflict",
    "ManagedEnvironmentOperationInProgress",
    "MaintenanceConfigurationLockConflict",
    "AnotherOperationInProgress",
    "RetryableErrorDueToAnotherOperation",
    "StorageAccountOperationInProgress",
    // A name is free about half a minute after what had it was deleted (Delete Container, Delete Share).
    "ContainerBeingDeleted",
    "ShareBeingDeleted",
];

impl ArmError {
    pub(crate) fn new(kind: ArmErrorKind) -> ArmError {
        ArmError { place: None, kind: Box::new(kind) }
    }

    /// Says which request it was, unless that is known.
    #[must_use]
    pub(crate) fn on(mut self, method: Method, path: impl Into<String>) -> ArmError {
        self.place.get_or_insert_with(|| (method, path.into()));
        self
    }

    /// What happened.
    pub fn kind(&self) -> &ArmErrorKind {
        &self.kind
    }

    /// The request's method and path, when there was one.
    pub fn request(&self) -> Option<(Method, &str)> {
        self.place.as_ref().map(|(method, path)| (*method, path.as_str()))
    }

    /// Whether what was asked for is a job of Container Apps, or belongs to one.
    pub fn is_about_job(&self) -> bool {
        let path = self.request().map(|(_, path)| path.to_ascii_lowercase());
        path.is_some_and(|path| path.contains("/providers/microsoft.app/jobs/"))
    }

    /// The error behind a deadline, else this one.
    pub(super) fn innermost(&self) -> &ArmError {
        match &*self.kind {
            ArmErrorKind::Deadline { last: Last::Error(error) } => error.innermost(),
            _ => self,
        }
    }

    /// The answer, when a complete one came.
    pub fn http(&self) -> Option<&HttpFailure> {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => Some(failure),
            _ => None,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> Option<u16> {
        self.http().map(|failure| failure.status)
    }

    /// ARM's code, of an answer or of a failed operation.
    pub fn code(&self) -> Option<&str> {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => failure.code.as_deref(),
            ArmErrorKind::Operation(failure) => failure.code.as_deref(),
            _ => None,
        }
    }

    /// ARM's message, of an answer or of a failed operation.
    pub fn message(&self) -> Option<&str> {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => Some(&failure.message),
            ArmErrorKind::Operation(failure) => Some(&failure.message),
            _ => None,
        }
    }

    /// Further errors, of an answer or of a failed operation.
    pub fn details(&self) -> &[ErrorDetail] {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => &failure.details,
            ArmErrorKind::Operation(failure) => &failure.details,
            _ => &[],
        }
    }

    /// The policies that forbid what was asked for.
    pub fn policies(&self) -> &[PolicyViolation] {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => &failure.policies,
            ArmErrorKind::Operation(failure) => &failure.policies,
            _ => &[],
        }
    }

    /// The correlation id under which Azure knows it.
    pub fn correlation_id(&self) -> Option<&str> {
        match &*self.innermost().kind {
            ArmErrorKind::Http(failure) => failure.correlation_id.as_deref(),
            ArmErrorKind::Operation(failure) => failure.correlation_id.as_deref(),
            _ => None,
        }
    }

    /// Whether the resource is not there (404).
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the caller may not (403).
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(403)
    }

    /// Whether Azure asks for fewer requests (429).
    pub fn is_throttled(&self) -> bool {
        self.status() == Some(429)
    }

    /// Whether another operation works on the resource right now.
    pub fn is_busy(&self) -> bool {
        let busy = |code: Option<&str>| {
            code.is_some_and(|code| BUSY.iter().any(|busy| busy.eq_ignore_ascii_case(code)))
        };
        busy(self.code()) || self.details().iter().any(|detail| busy(detail.code.as_deref()))
    }

    /// Whether the same request may succeed later by itself: throttled, server failed, connection, no answer.
    pub fn is_transient(&self) -> bool {
        match &*self.kind {
            ArmErrorKind::Http(failure) => matches!(failure.status, 408 | 429 | 500 | 502..=504),
            ArmErrorKind::Connection { .. } | ArmErrorKind::Timeout { .. } | ArmErrorKind::BadBody { .. } => {
                true
            }
            ArmErrorKind::Credential { transient, .. } => *transient,
            _ => false,
        }
    }

    /// Whether a lock, deny assignment, policy or the subscription itself refuses it: the same request will
    /// be refused again. A role may only not be in force yet.
    pub fn is_final(&self) -> bool {
        refusals::of(self).is_some_and(|refusal| refusal.code != codes::PERMISSION)
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.http().and_then(|failure| failure.retry_after)
    }

    /// Whether a write that ended so may have taken effect all the same. Refusals (4xx) have not.
    pub fn maybe_applied(&self) -> bool {
        match &*self.kind {
            ArmErrorKind::Http(failure) => failure.status >= 500 || failure.status == 408,
            ArmErrorKind::Connection { maybe_sent, .. } | ArmErrorKind::Timeout { maybe_sent, .. } => {
                *maybe_sent
            }
            ArmErrorKind::Certificate { .. }
            | ArmErrorKind::Credential { .. }
            | ArmErrorKind::Request { .. } => false,
            ArmErrorKind::Deadline { last } => match last {
                Last::Nothing | Last::HeldBack { .. } => false,
                Last::Status(_) => true,
                Last::Error(error) => error.maybe_applied(),
            },
            ArmErrorKind::BadBody { .. }
            | ArmErrorKind::TooLarge { .. }
            | ArmErrorKind::ForeignHost { .. }
            | ArmErrorKind::Endless { .. }
            | ArmErrorKind::Operation(_) => true,
        }
    }

    /// Takes texts out of what Azure said: a refusal may quote the body it refuses.
    pub(crate) fn without(&mut self, texts: &[String]) {
        let (message, target, details) = match &mut *self.kind {
            ArmErrorKind::Http(failure) => {
                (&mut failure.message, failure.target.as_mut(), &mut failure.details)
            }
            ArmErrorKind::Operation(failure) => (&mut failure.message, None, &mut failure.details),
            ArmErrorKind::Deadline { last: Last::Error(error) } => return error.without(texts),
            _ => return,
        };
        let said = details.iter_mut().map(|detail| &mut detail.message).chain(target).chain([message]);
        for said in said {
            *said = super::text::without(said, texts);
        }
    }

    /// The finding: what happened, and from the table of known codes its cause, fix and page.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let refusal = refusals::of(self);
        let code = match &*self.innermost().kind {
            _ if refusal.is_some() => refusal.as_ref().map_or(ARM_ERROR, |refusal| refusal.code),
            ArmErrorKind::Connection { .. }
            | ArmErrorKind::Certificate { .. }
            | ArmErrorKind::Timeout { .. } => UNREACHABLE,
            ArmErrorKind::Credential { .. } => CREDENTIAL,
            _ => ARM_ERROR,
        };
        let message = self.to_string();
        let mut diagnostic = Diagnostic::error(code, message.trim_end_matches('.'))
            .correlation(self.correlation_id().map(str::to_owned));
        if let Some((_, path)) = self.request() {
            diagnostic = diagnostic.resource(path);
        }
        if let Some(advice) = advice::of(self) {
            diagnostic = diagnostic.note(advice.cause);
            if let Some(fix) = advice.fix {
                diagnostic = diagnostic.fix(fix);
            }
            if let Some(docs) = advice.docs {
                diagnostic = diagnostic.docs(docs);
            }
        }
        if let Some(refusal) = refusal {
            if let Some(note) = refusal.note {
                diagnostic = diagnostic.note(note);
            }
            if let Some(fix) = refusal.fix {
                diagnostic = diagnostic.fix(fix);
            }
        }
        diagnostic
    }
}

/// How messages begin that only say that there is a cause.
const SAY_NOTHING: &[&str] =
    &["failed to execute `reqwest` request", "error sending request for url", "client error ("];

/// The messages of an error and of its sources, outermost first, each once; those that say nothing are left out
/// unless they are all there is.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let message = error.to_string();
        next = error.source();
        let says = !SAY_NOTHING.iter().any(|start| message.starts_with(start));
        if (says || (next.is_none() && text.is_empty())) && !text.contains(&message) {
            text = if text.is_empty() { message } else { format!("{text}: {message}") };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::codes::CODES;

    #[test]
    fn every_code_is_listed() {
        for code in [ARM_ERROR, UNREACHABLE, CREDENTIAL, ENDPOINT, CA_FILE, PROXY, PROFILE] {
            assert!(CODES.iter().any(|(listed, _)| *listed == code), "{code:?}");
        }
    }
}
