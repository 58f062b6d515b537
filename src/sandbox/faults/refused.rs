//! The refusals that a request meets by a fault, in Azure's words: whoever is asked would say the same where the
//! reason for it is in the state.

use serde_json::json;

use super::FaultKind;
use crate::sandbox::callers;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::http::{Request, Response};
use crate::sandbox::policies;
use crate::sandbox::router::Address;
use crate::sandbox::state::{Caller, PolicyAssignment};

impl FaultKind {
    /// Azure Resource Manager's refusal by this kind, if it is one that refuses.
    pub(in crate::sandbox) fn refusal(&self, caller: &Caller, request: &Request) -> Option<Refusal> {
        let path = request.path.trim_end_matches('/');
        let address = Address::parse(path);
        let target = address.as_ref().map_or_else(|| path.to_owned(), Address::target);
        Some(match self {
            FaultKind::Busy => busy(address.as_ref(), &target),
            FaultKind::Denied => {
                callers::denied(caller, &action(address.as_ref(), &request.method), scope(path, &target))
            }
            FaultKind::Policy => policies::by_policy(&target, &policy(&target)),
            FaultKind::Locked => {
                let verb = if request.method == "DELETE" { "delete" } else { "write" };
                let lock = format!("{target}/providers/Microsoft.Authorization/locks/lock-by-fault");
                errors::locked(&target, verb, &lock)
            }
            FaultKind::PrincipalUnknown => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let principal = body["properties"]["principalId"].as_str().unwrap_or_default();
                errors::principal_not_found(principal, "(fault)")
            }
            _ => return None,
        })
    }
}

/// What a registry answers to whom it does not let in (the OCI distribution specification, error codes).
pub(in crate::sandbox) fn by_registry() -> Response {
    let message = "requested access to the resource is denied";
    let body = json!({ "errors": [{ "code": "DENIED", "message": message, "detail": null }] });
    Response { status: 403, headers: vec![super::json_type()], body: body.to_string().into_bytes() }
}

/// The scope that a refusal names: of an action what it is called on, else what was asked for.
fn scope<'a>(path: &'a str, target: &'a str) -> &'a str {
    if target.is_empty() { path } else { target }
}

/// The right that a request needs, as ARM's providers name theirs: type and `read`, `write`, `delete` or `action`.
fn action(address: Option<&Address>, method: &str) -> String {
    let verb = match method {
        "GET" | "HEAD" => "read",
        "DELETE" => "delete",
        "POST" => "action",
        _ => "write",
    };
    match address {
        Some(address) if !address.types.is_empty() => {
            format!("{}/{}/{verb}", address.namespace, address.types.join("/"))
        }
        _ => format!("Microsoft.Resources/subscriptions/{verb}"),
    }
}

/// Each provider has its own code for it; of those without one the client hears the word of ARM's own page on conflicts.
fn busy(address: Option<&Address>, target: &str) -> Refusal {
    let name = crate::sandbox::state::last(target);
    let namespace = address.map(|address| address.namespace.to_ascii_lowercase()).unwrap_or_default();
    let environment = address.is_some_and(|address| address.kind().starts_with("managedenvironments"));
    let (code, what) = match namespace.as_str() {
        "microsoft.app" if environment => {
            ("ManagedEnvironmentOperationInProgress", "a managed environment or what is in it")
        }
        "microsoft.app" => ("ContainerAppOperationInProgress", "a container app"),
        "microsoft.storage" => ("StorageAccountOperationInProgress", "a storage account"),
        _ => ("AnotherOperationInProgress", "a resource"),
    };
    Refusal::new(
        409,
        code,
        format!(
            "Cannot modify {what} '{name}' because there is an active provisioning operation in progress."
        ),
    )
}

fn policy(target: &str) -> PolicyAssignment {
    const POLICIES: &str = "/providers/Microsoft.Authorization";
    let scope: String = target.split('/').take(5).collect::<Vec<_>>().join("/");
    PolicyAssignment {
        id: format!("{scope}{POLICIES}/policyAssignments/policy-by-fault"),
        scope,
        definition: "By a fault".to_owned(),
        definition_id: format!("{POLICIES}/policyDefinitions/77777777-7777-4777-8777-000000000001"),
        ..PolicyAssignment::default()
    }
}
