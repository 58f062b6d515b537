//! What went wrong, in the shape every layer hands to the border: a stable code, the cause, the
//! fix, a link, and where it stands.

pub mod codes;
pub mod json;
mod shell;
mod source;
pub mod suggest;

use std::sync::Arc;

pub use codes::Code;
pub use shell::quote;
pub use source::{Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Told, and then the run goes on.
    Warning,
    /// Stops the run before its next write.
    Error,
}

/// A place in a file, with what to say there.
#[derive(Clone, Debug)]
pub struct Label {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes the caret points at.
    pub span: Span,
    /// What is said beside the caret; may be empty.
    pub text: String,
}

/// One finding. `message` is a lower-case fragment without a full stop; texts from servers and files
/// are stripped of control characters when they are rendered.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Stable name of this kind of finding.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// More about the cause, a line each.
    pub notes: Vec<String>,
    /// The command or edit that mends it.
    pub fix: Option<String>,
    /// A documentation page.
    pub docs: Option<String>,
    /// Places in files; the first is the primary one.
    pub labels: Vec<Label>,
    /// The Azure resource concerned, by id or name.
    pub resource: Option<String>,
    /// ARM's correlation id, for a support ticket.
    pub correlation_id: Option<String>,
}

impl Diagnostic {
    /// An error with nothing but its code and message.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            notes: Vec::new(),
            fix: None,
            docs: None,
            labels: Vec::new(),
            resource: None,
            correlation_id: None,
        }
    }

    /// A warning with nothing but its code and message.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    /// Adds a line about the cause.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Sets what mends it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Diagnostic {
        self.fix = Some(fix.into());
        self
    }

    /// Sets the documentation page.
    #[must_use]
    pub fn docs(mut self, docs: impl Into<String>) -> Diagnostic {
        self.docs = Some(docs.into());
        self
    }

    /// Adds a place in a file.
    #[must_use]
    pub fn label(mut self, source: &Arc<Source>, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { source: Arc::clone(source), span, text: text.into() });
        self
    }

    /// Names the Azure resource.
    #[must_use]
    pub fn resource(mut self, resource: impl std::fmt::Display) -> Diagnostic {
        self.resource = Some(resource.to_string());
        self
    }

    /// Adds ARM's correlation id.
    #[must_use]
    pub fn correlation(mut self, id: Option<String>) -> Diagnostic {
        self.correlation_id = id;
        self
    }
}
