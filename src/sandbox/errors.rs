//! Refusals as Azure words them: a status, a code and a message in ARM's envelope.

use serde_json::{Value as Json, json};

/// A refused request.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// ARM's error code, such as `ResourceNotFound`.
    pub code: String,
    /// The sentence for a person.
    pub message: String,
    /// What the error is about, where Azure says so.
    pub target: Option<String>,
    /// What a machine can read of the cause, where Azure says so.
    pub additional_info: Option<Box<Json>>,
    /// Headers that go with the answer, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal with `status`, `code` and `message`.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code: code.to_owned(),
            message: message.into(),
            target: None,
            additional_info: None,
            headers: Vec::new(),
        }
    }

    /// The same, naming what it is about.
    #[must_use]
    pub fn about(mut self, target: &str) -> Refusal {
        self.target = Some(target.to_owned());
        self
    }

    /// The body of the answer: `{"error": {"code", "message"[, "target"]}}`.
    pub fn envelope(&self) -> Json {
        json!({ "error": self.error() })
    }

    /// The inner error, as an operation's status carries it too.
    pub fn error(&self) -> Json {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(target) = &self.target {
            error["target"] = json!(target);
        }
        if let Some(info) = &self.additional_info {
            error["additionalInfo"] = json!([info]);
        }
        error
    }
}

/// 404 for a resource whose group exists.
pub(super) fn resource_not_found(kind: &str, name: &str, group: &str) -> Refusal {
    Refusal::new(
        404,
        "ResourceNotFound",
        format!(
            "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details \
             please go to https://aka.ms/ARMResourceNotFoundFix"
        ),
    )
}

/// 404 for a group.
pub(super) fn group_not_found(group: &str) -> Refusal {
    Refusal::new(404, "ResourceGroupNotFound", format!("Resource group '{group}' could not be found."))
}

/// 404 for a subscription.
pub(super) fn subscription_not_found(subscription: &str) -> Refusal {
    Refusal::new(
        404,
        "SubscriptionNotFound",
        format!("The subscription '{subscription}' could not be found."),
    )
}

/// 409 for what a lock forbids; `locks`: their ids.
pub(super) fn locked(scope: &str, operation: &str, locks: &str) -> Refusal {
    Refusal::new(
        409,
        "ScopeLocked",
        format!(
            "The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: \
             '{locks}'. Please remove the lock and try again."
        ),
    )
}

/// 400 for a role for a principal that the directory does not know (yet).
pub(super) fn principal_not_found(principal: &str, tenant: &str) -> Refusal {
    Refusal::new(
        400,
        "PrincipalNotFound",
        format!(
            "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal \
             ID. If you are creating this principal and then immediately assigning a role, this error might be \
             related to a replication delay. In this case, set the role assignment principalType property to a \
             value, such as ServicePrincipal, User, or Group.",
            principal.replace('-', "")
        ),
    )
}

/// 400 for a body that is not what the operation takes.
pub(super) fn invalid_content(why: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequestContent", why)
}
