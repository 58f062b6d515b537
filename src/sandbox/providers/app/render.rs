//! Apps, revisions and replicas as GET returns them.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{revisions, schema};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{
    App, AppIdentity, Environment, Fate, Revision, State, elements, fold, last, stamp,
};

/// An app.
pub(super) fn app(state: &State, app: &App, now: OffsetDateTime, rules: &Switches) -> Json {
    let model = &app.model;
    let mut properties = json!({
        "provisioningState": app.provisioning_state,
        "runningStatus": running_status(app, now, rules),
        "managedEnvironmentId": model["properties"]["environmentId"],
        "environmentId": model["properties"]["environmentId"],
    });
    for member in ["workloadProfileName", "networking"] {
        copy(&model["properties"], &mut properties, member);
    }
    if let Some(latest) = app.latest() {
        properties["latestRevisionName"] = json!(latest.name);
        if let Some(fqdn) = fqdn(state, app, &latest.name) {
            properties["latestRevisionFqdn"] = json!(fqdn);
        }
    }
    if let Some(ready) = &app.latest_ready {
        properties["latestReadyRevisionName"] = json!(ready);
    }
    properties["customDomainVerificationId"] = json!(verification_id(&app.id));
    properties["configuration"] = configuration(state, app);
    properties["template"] = template(app.template());
    properties["outboundIpAddresses"] = json!(["20.61.0.1"]);
    properties["eventStreamEndpoint"] = json!(format!(
        "https://{}.azurecontainerapps.dev{}/eventstream",
        model["location"].as_str().unwrap_or_default(),
        app.id
    ));
    if !rules.holds(Switch::UnsetLeftOut) {
        schema::spell_out(&mut properties);
    }
    let mut body = json!({
        "id": app.id,
        "name": app.name(),
        "type": "Microsoft.App/containerApps",
        "location": model["location"],
    });
    for member in ["tags", "kind", "managedBy", "extendedLocation"] {
        copy(model, &mut body, member);
    }
    body["systemData"] = json!({
        "createdBy": app.created_by,
        "createdByType": "Application",
        "createdAt": stamp(app.created),
        "lastModifiedBy": app.modified_by,
        "lastModifiedByType": "Application",
        "lastModifiedAt": stamp(app.modified),
    });
    body["properties"] = properties;
    body["identity"] = identity(state, &app.identity);
    body
}

fn copy(from: &Json, to: &mut Json, member: &str) {
    if let Some(value) = from.get(member) {
        to[member] = value.clone();
    }
}

fn running_status(app: &App, now: OffsetDateTime, rules: &Switches) -> &'static str {
    if app.stopped {
        "Stopped"
    } else if app.provisioning_state == "InProgress" {
        "Progressing"
    } else if !rules.holds(Switch::ZeroReplicasRunning)
        && app.latest().is_some_and(|latest| latest.settled && revisions::replicas(app, latest, now) == 0)
    {
        "Ready"
    } else {
        "Running"
    }
}

pub(in crate::sandbox) fn identity(state: &State, identity: &AppIdentity) -> Json {
    let mut body = json!({ "type": identity.kind() });
    if let Some(system) = &identity.system {
        body["principalId"] = json!(system.principal_id);
        body["tenantId"] = json!(state.tenant);
    }
    if !identity.user.is_empty() {
        let entries: Map<String, Json> = identity
            .user
            .iter()
            .map(|id| {
                let entry = state.identity(id).map_or(json!({}), |identity| {
                    json!({ "principalId": identity.principal_id, "clientId": identity.client_id })
                });
                (id.clone(), entry)
            })
            .collect();
        body["userAssignedIdentities"] = Json::Object(entries);
    }
    body
}

fn configuration(state: &State, app: &App) -> Json {
    let mut configuration = without_values(app.configuration());
    if configuration["ingress"].is_object()
        && let Some(fqdn) = fqdn(state, app, app.name())
    {
        configuration["ingress"]["fqdn"] = json!(fqdn);
    }
    configuration
}

/// The configuration of an app or a job without the values of secrets, and with what registries spell out.
pub(in crate::sandbox) fn without_values(configuration: &Json) -> Json {
    let mut configuration = configuration.clone();
    if let Some(secrets) = configuration.get_mut("secrets").and_then(Json::as_array_mut) {
        for members in secrets.iter_mut().filter_map(Json::as_object_mut) {
            members.shift_remove("value");
        }
    }
    if let Some(registries) = configuration.get_mut("registries").and_then(Json::as_array_mut) {
        for members in registries.iter_mut().filter_map(Json::as_object_mut) {
            if members.contains_key("identity") {
                for absent in ["username", "passwordSecretRef"] {
                    members.entry(absent).or_insert(json!(""));
                }
            }
        }
    }
    configuration
}

/// A template; the value of a variable is left out when it is the empty string.
pub(in crate::sandbox) fn template(template: &Json) -> Json {
    let mut template = template.clone();
    for list in ["containers", "initContainers"] {
        let containers = template.get_mut(list).and_then(Json::as_array_mut);
        for container in containers.into_iter().flatten() {
            let variables = container.get_mut("env").and_then(Json::as_array_mut);
            for members in variables.into_iter().flatten().filter_map(Json::as_object_mut) {
                if members.get("value").is_some_and(|value| value == "") {
                    members.shift_remove("value");
                }
            }
        }
    }
    template
}

fn environment<'a>(state: &'a State, app: &App) -> Option<&'a Environment> {
    state.environments.get(&fold(app.model["properties"]["environmentId"].as_str()?))
}

/// The host name of the app or a revision; none without ingress.
pub(super) fn fqdn(state: &State, app: &App, name: &str) -> Option<String> {
    let ingress = &app.configuration()["ingress"];
    if !ingress.is_object() {
        return None;
    }
    let domain = environment(state, app)?.properties["defaultDomain"].as_str()?;
    let inside = if ingress["external"] == json!(true) { "" } else { "internal." };
    Some(format!("{name}.{inside}{domain}"))
}

/// The text that proves that a host name may come to the app with this id.
pub(super) fn verification_id(app: &str) -> String {
    let subscription = app.split('/').nth(2).unwrap_or_default();
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, subscription.as_bytes());
    format!("{0}{0}", id.simple()).to_ascii_uppercase()
}

/// A revision.
pub(super) fn revision(
    state: &State,
    app: &App,
    revision: &Revision,
    now: OffsetDateTime,
    rules: &Switches,
) -> Json {
    let (provisioning, health, running) = revisions::words(app, revision, now, rules);
    let mut properties = json!({
        "createdTime": stamp(revision.created),
        "template": template(&revision.template),
        "active": revision.active,
        "replicas": revisions::replicas(app, revision, now),
        "trafficWeight": revisions::weight(app, revision, rules),
        "healthState": health,
        "provisioningState": provisioning,
        "runningState": running,
    });
    if let Some(fqdn) = fqdn(state, app, &revision.name) {
        properties["fqdn"] = json!(fqdn);
    }
    if let Some(why) = revisions::trouble(revision) {
        properties["provisioningError"] = json!(why);
        if !rules.holds(Switch::DetailsOnReplicasOnly) {
            properties["runningStateDetails"] = json!(why);
        }
    }
    json!({
        "id": format!("{}/revisions/{}", app.id, revision.name),
        "name": revision.name,
        "type": "Microsoft.App/containerApps/revisions",
        "properties": properties,
    })
}

/// The replicas of a revision.
pub(super) fn replicas(app: &App, revision: &Revision, now: OffsetDateTime, rules: &Switches) -> Vec<Json> {
    let id = uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_OID,
        format!("{}/{}", revision.name, revision.started.unix_timestamp_nanos()).as_bytes(),
    )
    .simple()
    .to_string();
    let batch = id.get(..10).unwrap_or_default();
    (0..revisions::replicas(app, revision, now))
        .map(|number| {
            let name = format!("{}-{batch}-{number:05}", revision.name);
            let well = revision.settled && revision.fate == Fate::Healthy;
            let why = match &revision.fate {
                Fate::Mounting(why) if !rules.holds(Switch::MountReasonHidden) => Some(why.as_str()),
                _ => revisions::trouble(revision),
            };
            let mut properties = json!({
                "createdTime": stamp(revision.started),
                "runningState": if well { "Running" } else { "NotRunning" },
                "containers": containers(&with_sidecar(app, &revision.template["containers"], rules), well, why),
                "initContainers": containers(&revision.template["initContainers"], well, why),
            });
            if let Some(why) = why {
                properties["runningStateDetails"] = json!(why);
            }
            json!({
                "id": format!("{}/revisions/{}/replicas/{name}", app.id, revision.name),
                "name": name,
                "type": "Microsoft.App/containerApps/revisions/replicas",
                "properties": properties,
            })
        })
        .collect()
}

/// The containers of a replica: those of the template, and Dapr's where it is on.
fn with_sidecar(app: &App, list: &Json, rules: &Switches) -> Json {
    let mut all = list.clone();
    if app.dapr().is_some()
        && rules.holds(Switch::DaprSidecarListed)
        && let Some(containers) = all.as_array_mut()
    {
        containers.push(json!({ "name": "daprd" }));
    }
    all
}

fn containers(list: &Json, well: bool, why: Option<&str>) -> Vec<Json> {
    elements(list)
        .iter()
        .map(|container| {
            let mut body = json!({
                "name": container["name"],
                "ready": well,
                "started": well,
                "restartCount": if why.is_some() { 3 } else { 0 },
                "runningState": if well { "Running" } else { "Waiting" },
            });
            if let Some(why) = why {
                body["runningStateDetails"] = json!(why);
            }
            body
        })
        .collect()
}

/// An environment.
pub(super) fn environment_body(state: &State, environment: &Environment) -> Json {
    let mut body = json!({
        "id": environment.id,
        "name": last(&environment.id),
        "type": "Microsoft.App/managedEnvironments",
        "location": environment.location,
        "tags": environment.tags,
        "properties": environment.properties,
    });
    if environment.identity != AppIdentity::default() {
        body["identity"] = identity(state, &environment.identity);
    }
    body
}
