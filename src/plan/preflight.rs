//! What can be seen to be wrong in the merged app before it is sent: a write that the service takes
//! and then chokes on costs minutes.

use super::finding::Finding;
use super::{ResourcePlan, StepPlan};
use crate::diagnostic::codes;
use crate::merge::word_set;
use crate::value::Value;

/// Mistakes in the merged body of an app that the run would write.
pub(super) fn findings(resources: &[ResourcePlan]) -> Vec<Finding> {
    resources
        .iter()
        .filter(|plan| plan.kind.name == "Microsoft.App/containerApps")
        .filter(|plan| plan.owned.iter().any(|(owned, _)| !owned.in_place))
        .flat_map(|plan| {
            let mut findings = environment(&plan.merged);
            findings.extend(identities(&plan.merged));
            findings
        })
        .collect()
}

/// Roles that are there under a condition only: whether the condition lets through what is needed cannot
/// be told, and a second assignment is refused (`RoleAssignmentExists`).
pub(super) fn conditions(steps: &[StepPlan]) -> Vec<Finding> {
    steps
        .iter()
        .filter(|step| step.outcome.pending())
        .filter_map(|step| {
            let grant = step.outcome.grant.as_ref()?;
            let id = grant.conditional.as_ref()?;
            let name = format!("{} on {} holds without a condition", grant.role, grant.scope.name());
            Some(
                Finding::failed(codes::CONDITIONAL_ROLE, name)
                    .detail(format!("the assignment {id} holds only under its condition"))
                    .fix(format!("az role assignment delete --ids {}", super::quote(id)))
                    .docs("https://learn.microsoft.com/azure/role-based-access-control/conditions-overview")
                    .of(&step.instance),
            )
        })
        .collect()
}

/// Variables: no name twice (accepted on write, wedges the app: microsoft/azure-container-apps#1273),
/// no reference to a secret that is not there (`ContainerAppSecretRefNotFound`).
fn environment(app: &Value) -> Vec<Finding> {
    let secrets: Vec<&str> = list(app, &["properties", "configuration", "secrets"])
        .iter()
        .filter_map(|secret| secret.text_at(&["name"]))
        .collect();
    let mut findings = Vec::new();
    for container in list(app, &["properties", "template", "containers"])
        .iter()
        .chain(list(app, &["properties", "template", "initContainers"]))
    {
        let name = container.text_at(&["name"]).unwrap_or_default();
        let mut seen = Vec::new();
        for variable in list(container, &["env"]) {
            let variable_name = variable.text_at(&["name"]).unwrap_or_default();
            if seen.contains(&variable_name) {
                findings.push(
                    Finding::failed(codes::DUPLICATE_VARIABLE, format!("variables of {name} are unique"))
                        .detail(format!(
                            "the container has {variable_name} twice; the app would hang on the next write"
                        ))
                        .fix("remove one of the two from the container's env")
                        .docs("https://github.com/microsoft/azure-container-apps/issues/1273"),
                );
            }
            seen.push(variable_name);
            if let Some(secret) = variable.text_at(&["secretRef"])
                && !secrets.contains(&secret)
            {
                findings.push(
                    Finding::failed(
                        codes::SECRET_MISSING,
                        format!("{variable_name} of {name} has its secret"),
                    )
                    .detail(format!("the app has no secret `{secret}` (names are case-sensitive)"))
                    .docs("https://learn.microsoft.com/azure/container-apps/manage-secrets"),
                );
            }
        }
    }
    findings
}

/// Secrets and registries use only identities that the app has.
fn identities(app: &Value) -> Vec<Finding> {
    let types = word_set(app.text_at(&["identity", "type"]).unwrap_or_default());
    let assigned: Vec<&String> = app
        .at(&["identity", "userAssignedIdentities"])
        .and_then(Value::as_map)
        .map(|map| map.keys().collect())
        .unwrap_or_default();
    let has = |identity: &str| {
        // The environment's identity, which is not the app's to have.
        if identity.eq_ignore_ascii_case("system-environment") {
            true
        } else if identity.eq_ignore_ascii_case("system") {
            types.contains(&"systemassigned".to_owned())
        } else {
            assigned.iter().any(|id| id.eq_ignore_ascii_case(identity))
        }
    };
    let users = [("secrets", "name"), ("registries", "server")];
    users
        .iter()
        .flat_map(|(what, key)| {
            list(app, &["properties", "configuration", what]).iter().filter_map(move |element| {
                Some((*what, element.text_at(&[key]).unwrap_or_default(), element.text_at(&["identity"])?))
            })
        })
        .filter(|(_, _, identity)| !has(identity))
        .map(|(what, name, identity)| {
            Finding::failed(codes::IDENTITY_MISSING, format!("{what}: {name} has its identity"))
                .detail(format!("the identity {identity} is not assigned to the app"))
        })
        .collect()
}

fn list<'v>(value: &'v Value, keys: &[&str]) -> &'v [Value] {
    value.at(keys).and_then(Value::as_list).unwrap_or_default()
}
