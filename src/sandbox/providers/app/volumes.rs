//! Volumes of a template and their mounts: what a write of them must satisfy, and what becomes of a
//! revision that mounts a share.

use serde_json::Value as Json;

use super::revisions::invalid_field;
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::storage::mount;
use crate::sandbox::router::Context;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, EnvironmentStorage, Fate, State, elements};

fn containers(template: &Json) -> impl Iterator<Item = &Json> {
    elements(&template["containers"]).iter().chain(elements(&template["initContainers"]))
}

fn text<'j>(value: &'j Json, member: &str) -> &'j str {
    value[member].as_str().unwrap_or_default()
}

/// The kind of a volume; one that does not say is an `EmptyDir`.
fn kind(volume: &Json) -> &str {
    match text(volume, "storageType") {
        "" => "EmptyDir",
        kind => kind,
    }
}

/// Whether the volume is a share that the environment knows.
fn is_share(volume: &Json) -> bool {
    ["AzureFile", "NfsAzureFile"].iter().any(|share| kind(volume).eq_ignore_ascii_case(share))
}

/// The member of a registration that a volume of this kind needs.
fn member(kind: &str) -> &'static str {
    if kind.eq_ignore_ascii_case("NfsAzureFile") { "nfsAzureFile" } else { "azureFile" }
}

fn twice<'j>(list: &'j Json, key: &str) -> Option<&'j str> {
    let mut names: Vec<&str> = elements(list).iter().map(|one| text(one, key)).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied())
}

/// Refuses volumes and mounts that do not fit together or the environment.
pub(in crate::sandbox) fn check(context: &Context<'_>, app: &str, model: &Json) -> Result<(), Refusal> {
    let template = &model["properties"]["template"];
    let environment = text(&model["properties"], "environmentId");
    for volume in elements(&template["volumes"]).iter().filter(|volume| is_share(volume)) {
        let name = text(volume, "storageName");
        let storage = context.state.environment_storage(environment, name);
        let fits = storage.is_some_and(|storage| {
            storage.properties[member(kind(volume))].is_object()
                || !context.rules.holds(Switch::StorageTypeChecked)
        });
        if !fits {
            return Err(Refusal::new(
                400,
                "ManagedEnvironmentStorageNotFound",
                format!("Storage {name} not found under managed environment"),
            ));
        }
    }
    let strict = context.rules.holds(Switch::DuplicateMountRefused);
    if let Some(name) = twice(&template["volumes"], "name").filter(|_| strict) {
        return Err(invalid_field("template.volumes", &format!("the volume name '{name}' is given twice")));
    }
    for container in containers(template) {
        for entry in elements(&container["volumeMounts"]) {
            let (volume, path) = (text(entry, "volumeName"), text(entry, "mountPath"));
            if !elements(&template["volumes"]).iter().any(|known| text(known, "name") == volume) {
                return Err(Refusal::new(
                    400,
                    "ContainerAppInvalidVolumeMount",
                    format!(
                        "Invalid Request: Volume '{volume}' to mount doesn't defined in the Container App '{app}'."
                    ),
                ));
            }
            if path.is_empty() || path == "/" || path.contains(':') {
                return Err(Refusal::new(
                    400,
                    "ContainerAppInvalidMountPath",
                    format!(
                        "Invalid Request: Invalid mount path was given. mountPath is required when mounting \
                         volume '{volume}'. mountPath must not contain ':'."
                    ),
                ));
            }
        }
        if let Some(path) = twice(&container["volumeMounts"], "mountPath").filter(|_| strict) {
            let name = text(container, "name");
            return Err(invalid_field(
                &format!("template.containers.{name}.volumeMounts"),
                &format!("Invalid value: \"{path}\": must be unique"),
            ));
        }
    }
    Ok(())
}

/// What keeps a revision of `template` from starting: a share that cannot be mounted, or a description
/// that what runs below does not take.
pub(in crate::sandbox) fn hindered(
    state: &State,
    rules: &Switches,
    app: &App,
    template: &Json,
) -> Option<Fate> {
    let environment = text(&app.model["properties"], "environmentId");
    let unfit = elements(&template["volumes"]).iter().any(|volume| text(volume, "name").contains('.'))
        || twice(&template["volumes"], "name").is_some()
        || containers(template).any(|container| twice(&container["volumeMounts"], "mountPath").is_some());
    if unfit {
        return Some(Fate::Stuck);
    }
    // A volume that nothing mounts is never mounted.
    let used = |volume: &&Json| {
        containers(template)
            .flat_map(|container| elements(&container["volumeMounts"]))
            .any(|entry| text(entry, "volumeName") == text(volume, "name"))
    };
    let shares = elements(&template["volumes"]).iter().filter(|volume| is_share(volume)).filter(used);
    shares.into_iter().find_map(|volume| {
        let storage = state.environment_storage(environment, text(volume, "storageName"));
        let trouble = match storage {
            Some(storage) => unmountable(state, rules, app, volume, storage),
            None => Some("the storage is not there".to_owned()),
        };
        let name = text(volume, "name");
        trouble.map(|why| Fate::Mounting(format!("MountVolume.SetUp failed for volume \"{name}\": {why}")))
    })
}

fn unmountable(
    state: &State,
    rules: &Switches,
    app: &App,
    volume: &Json,
    storage: &EnvironmentStorage,
) -> Option<String> {
    if !storage.properties[member(kind(volume))].is_object() {
        return Some("the storage is of another type".to_owned());
    }
    mount::trouble(state, rules, app, storage)
}
