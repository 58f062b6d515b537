//! Azure Policy, as far as a write meets it: assignments whose definition denies.

use serde_json::{Value as Json, json};

use super::callers;
use super::errors::Refusal;
use super::state::{PolicyAssignment, State, last};
use crate::azure::ids::ResourceId;

/// The refusal of writing the resource `id` as `resource` would be, if a policy denies that.
pub(super) fn denying(state: &State, id: &str, resource: &Json) -> Option<Refusal> {
    let kind = ResourceId::parse(id)?.resource_type().to_ascii_lowercase();
    let assignment = state.policies.values().find(|policy| {
        callers::covers(&policy.scope, id)
            && (policy.resource_type.is_empty() || policy.resource_type == kind)
            && (policy.pointer.is_empty()
                || resource.pointer(&policy.pointer).is_some_and(|value| !value.is_null()))
    })?;
    Some(if assignment.of_azure { by_azure(id) } else { by_policy(id, assignment) })
}

/// Shape and words: Microsoft Learn, Enforce job execution on Automation Hybrid Runbook Worker, which
/// shows a whole body; Azure/azure-cli#8058.
pub(super) fn by_policy(id: &str, assignment: &PolicyAssignment) -> Refusal {
    let name = last(id);
    let identifiers = json!([{
        "policyAssignment": { "name": last(&assignment.id), "id": assignment.id },
        "policyDefinition": { "name": assignment.definition, "id": assignment.definition_id },
    }]);
    let mut refusal = Refusal::new(
        403,
        "RequestDisallowedByPolicy",
        format!("Resource '{name}' was disallowed by policy. Policy identifiers: '{identifiers}'."),
    )
    .about(name);
    refusal.additional_info = Some(Box::new(json!({
        "type": "PolicyViolation",
        "info": {
            "policyDefinitionDisplayName": assignment.definition,
            "evaluationDetails": { "evaluatedExpressions": [] },
            "policyDefinitionId": assignment.definition_id,
            "policyDefinitionName": last(&assignment.definition_id),
            "policyDefinitionEffect": "deny",
            "policyAssignmentId": assignment.id,
            "policyAssignmentName": last(&assignment.id),
            "policyAssignmentDisplayName": last(&assignment.id),
            "policyAssignmentScope": assignment.scope,
        },
    })));
    refusal
}

fn by_azure(id: &str) -> Refusal {
    let name = last(id);
    Refusal::new(
        403,
        "RequestDisallowedByAzure",
        format!(
            "Resource '{name}' was disallowed by Azure: This policy maintains a set of best available regions \
             where your subscription can deploy resources."
        ),
    )
    .about(name)
}
