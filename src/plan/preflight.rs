//! What can be seen to be wrong in the merged app before it is sent: a write that the service takes
//! and then chokes on costs minutes.

use super::engine::Engine;
use super::finding::Finding;
use super::{ResourcePlan, StepPlan, dapr, mount};
use crate::azure::types::{ResourceType, Update};
use crate::diagnostic::codes;
use crate::merge::word_set;
use crate::value::{Path, Value};

/// Mistakes in the merged body of an app that the run would write.
pub(super) fn findings(engine: &Engine<'_>, resources: &[ResourcePlan]) -> Vec<Finding> {
    resources
        .iter()
        .filter(|plan| plan.kind.name == "Microsoft.App/containerApps")
        .filter(|plan| plan.owned.iter().any(|(owned, _)| !owned.in_place))
        .flat_map(|plan| {
            let mut findings = environment(&plan.merged);
            findings.extend(identities(&plan.merged));
            findings.extend(volumes(engine, resources, &plan.merged));
            findings
        })
        .collect()
}

/// Metadata of Dapr components that refers to a secret which the component does not have: the sidecars of all apps that
/// load it would crash (microsoft/azure-container-apps#354 shows `daprdContainerCrashing`).
pub(super) fn components(resources: &[ResourcePlan]) -> Vec<Finding> {
    let written = |plan: &&ResourcePlan| {
        plan.kind.name == dapr::COMPONENT && plan.owned.iter().any(|(owned, _)| !owned.in_place)
    };
    let mut findings = Vec::new();
    for plan in resources.iter().filter(written) {
        for (metadata, secret) in dapr::missing_secrets(&plan.merged) {
            findings.push(
                Finding::failed(
                    codes::SECRET_MISSING,
                    format!("{metadata} of {} has its secret", plan.id.name()),
                )
                .detail(format!("the Dapr component has no secret `{secret}` (names are case-sensitive)"))
                .fix(format!("give the secret {secret}, or name a secret store that has it"))
                .docs(dapr::DOCS),
            );
        }
    }
    findings
}

/// Resources that are written as a whole and would lose what Azure does not return: a key that the write needs
/// and that nobody gives.
pub(super) fn lost(resources: &[ResourcePlan]) -> Vec<Finding> {
    let rewritten = |plan: &&ResourcePlan| {
        plan.kind.update == Update::Put
            && !plan.live.is_null()
            && !plan.merged.is_null()
            && plan.owned.iter().any(|(owned, _)| !owned.in_place)
    };
    let mut findings = Vec::new();
    for plan in resources.iter().filter(rewritten) {
        let mut missing = Vec::new();
        not_at_hand(plan.kind, &Path::root(), &plan.live, &plan.merged, &mut missing);
        findings.extend(missing.into_iter().map(|path| {
            let what = format!("{} {}", plan.kind.noun, plan.id.name());
            Finding::failed(codes::SECRET_UNAVAILABLE, format!("{path} of the {what} is at hand"))
                .detail(format!(
                    "a {} is written as a whole, and Azure does not return {path}: it would be lost",
                    plan.kind.noun
                ))
                .fix(format!("give {path} too, or another name than {}", plan.id.name()))
        }));
    }
    findings
}

/// The write-only members of objects that are there already and stay, where nobody gives them or what may
/// stand in their place.
fn not_at_hand(kind: &ResourceType, path: &Path, live: &Value, merged: &Value, missing: &mut Vec<String>) {
    let (Some(live), Some(members)) = (live.as_map(), merged.as_map()) else { return };
    let pattern = path.pattern();
    for hidden in kind.write_only {
        let (above, name) = hidden.rsplit_once('.').unwrap_or(("", hidden));
        let group = kind.exclusive(&pattern).filter(|group| group.contains(&name)).unwrap_or(&[]);
        let given = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
        // Whoever gives one of them anew gives all that go with it: a file, and its password.
        let anew = |other: &&str| {
            other
                .rsplit_once('.')
                .is_some_and(|(place, other)| place == above && other != name && given(other))
        };
        let beside = !above.is_empty() && kind.write_only.iter().any(anew);
        if above == pattern && !beside && !given(name) && !group.iter().any(|other| given(other)) {
            missing.push((*hidden).to_owned());
        }
    }
    for (key, member) in members {
        if let Some(live) = live.get(key) {
            not_at_hand(kind, &path.key(key), live, member, missing);
        }
    }
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

/// Volumes: a mount has its volume (`ContainerAppInvalidVolumeMount`), a path is mounted once, a share is one
/// that the environment knows or gets in the run (`ManagedEnvironmentStorageNotFound`) and of its type, and
/// no name has a dot: that is accepted, and nothing starts (MicrosoftDocs/azure-docs#123092).
fn volumes(engine: &Engine<'_>, resources: &[ResourcePlan], app: &Value) -> Vec<Finding> {
    let Some(template) = app.at(&["properties", "template"]) else { return Vec::new() };
    let failed = |name: String| Finding::failed(codes::VOLUME, name).docs(mount::DOCS);
    let known: Vec<&str> =
        mount::volumes(template).iter().filter_map(|volume| volume.text_at(&["name"])).collect();
    let mut findings = Vec::new();
    for name in known.iter().filter(|name| name.contains('.')) {
        findings.push(
            failed(format!("the volume {name} has a name that works"))
                .detail("a volume's name has no dot; with one the app would hang in provisioning")
                .fix("give the volume another name"),
        );
    }
    for container in mount::containers(template) {
        let name = container.text_at(&["name"]).unwrap_or_default();
        let mut paths: Vec<&str> = Vec::new();
        for one in mount::mounts_of(container) {
            let volume = one.text_at(&["volumeName"]).unwrap_or_default();
            let path = one.text_at(&["mountPath"]).unwrap_or_default();
            if !known.contains(&volume) {
                findings.push(
                    failed(format!("{path} of {name} has its volume"))
                        .detail(format!("the app has no volume `{volume}` (names are case-sensitive)"))
                        .fix("add the volume, or take the mount away"),
                );
            }
            let plain = path.trim_end_matches('/');
            if paths.contains(&plain) {
                findings.push(
                    failed(format!("mount paths of {name} are unique"))
                        .detail(format!("the container has two mounts at {path}"))
                        .fix("mount one of the two elsewhere"),
                );
            }
            paths.push(plain);
        }
    }
    let Some(environment) = Engine::environment_id(app) else { return findings };
    for volume in mount::volumes(template) {
        let (Some(member), Some(storage)) = (mount::share_member(volume), volume.text_at(&["storageName"]))
        else {
            continue;
        };
        let id = mount::storage_id(&environment, storage);
        let planned = resources.iter().find(|plan| plan.id.folded() == id.folded());
        let found = planned.map_or_else(
            || engine.asked.value(&engine.read(&id, mount::STORAGE)),
            |plan| plan.merged.clone(),
        );
        let name = volume.text_at(&["name"]).unwrap_or_default();
        if found.is_null() {
            findings.push(
                failed(format!("the volume {name} has its storage"))
                    .detail(format!("the environment {} knows no storage `{storage}`", environment.name()))
                    .fix(format!(
                        "az containerapp env storage list --name {} --resource-group {}",
                        super::quote(environment.name()),
                        super::quote(environment.resource_group().unwrap_or_default())
                    )),
            );
            continue;
        }
        let other = if member == "azureFile" { "nfsAzureFile" } else { "azureFile" };
        let has = |member: &str| {
            found.at(&["properties", member]).is_some_and(|value| !value.is_null() && !value.is_unknown())
        };
        if has(other) && !has(member) {
            findings.push(
                failed(format!("the volume {name} is of its storage's type"))
                    .detail(format!(
                        "the environment's storage `{storage}` is {other}: storageType must be {}",
                        if other == "azureFile" { "AzureFile" } else { "NfsAzureFile" }
                    ))
                    .fix("set the volume's storageType, or register the share under another name"),
            );
        }
    }
    findings
}

fn list<'v>(value: &'v Value, keys: &[&str]) -> &'v [Value] {
    value.at(keys).and_then(Value::as_list).unwrap_or_default()
}
