//! How a judgement ended: a prerequisite before the run, a verification after it.

use crate::diagnostic::Code;

/// The end of a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Passed,
    /// It does not hold, and that is told.
    Warning,
    /// It does not hold, and that stops the run or fails the verification.
    Failed,
    /// Set up, but nothing has used it yet.
    NotExercised,
    /// It could not be looked at: no right, internal ingress.
    CouldNotCheck,
    /// It does not hold, and was asked to be left to a person.
    ActionRequired,
}

/// A judgement and how it ended.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The recipe it belongs to, by instance; `None` for what every run needs.
    pub instance: Option<String>,
    /// What was looked at, in a few words.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// What was seen, or why it does not hold.
    pub detail: Option<String>,
    /// The command that mends it.
    pub fix: Option<String>,
    /// The place it points to: `file:line:column`.
    pub at: Option<String>,
    /// A documentation page.
    pub docs: Option<String>,
    /// The stable name of this kind of finding.
    pub code: Code,
}

impl Finding {
    /// A judgement that holds.
    pub fn passed(code: Code, name: impl Into<String>) -> Finding {
        Finding::new(Status::Passed, code, name)
    }

    /// A judgement that does not hold.
    pub fn failed(code: Code, name: impl Into<String>) -> Finding {
        Finding::new(Status::Failed, code, name)
    }

    /// A judgement with this end.
    pub fn new(status: Status, code: Code, name: impl Into<String>) -> Finding {
        Finding {
            instance: None,
            name: name.into(),
            status,
            detail: None,
            fix: None,
            at: None,
            docs: None,
            code,
        }
    }

    /// Adds what was seen.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Finding {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the command that mends it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    /// Adds the place it points to.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Finding {
        self.at = Some(at.into());
        self
    }

    /// Adds a documentation page.
    #[must_use]
    pub fn docs(mut self, docs: impl Into<String>) -> Finding {
        self.docs = Some(docs.into());
        self
    }

    /// Says which instance it belongs to.
    #[must_use]
    pub fn of(mut self, instance: impl Into<String>) -> Finding {
        self.instance = Some(instance.into());
        self
    }
}
