//! `managedEnvironments/daprComponents` with their resiliency policies, and the Dapr sidecars of apps.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::revisions;
use super::storages::environment;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, DaprComponent, Fate, State, elements, fold};

const KIND: &str = "Microsoft.App/managedEnvironments/daprComponents";
const POLICIES: &str = "Microsoft.App/managedEnvironments/daprComponents/resiliencyPolicies";

/// What a component can say; the two that only answers have are taken and ignored.
const MEMBERS: &[&str] = &[
    "componentType",
    "version",
    "ignoreErrors",
    "initTimeout",
    "secrets",
    "secretStoreComponent",
    "metadata",
    "scopes",
    "provisioningState",
    "deploymentErrors",
];
/// The version that brought `provisioningState` and `deploymentErrors`.
const STATES_SINCE: &str = "2025-07-01";

fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a DaprComponent, Refusal> {
    environment(context, address)?;
    let name = address.name(1);
    context.state.dapr_components.get(&fold(&address.id(2))).ok_or_else(|| {
        Refusal::new(404, "DaprComponentNotFound", format!("The Dapr component '{name}' was not found."))
    })
}

fn body(component: &DaprComponent, version: &str) -> Json {
    let mut properties = component.properties.clone();
    if version >= STATES_SINCE {
        properties["provisioningState"] = json!("Succeeded");
    }
    json!({ "id": component.id, "name": component.name(), "type": KIND, "properties": properties })
}

pub(super) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/read"), &address.target())?;
    if address.is_resource() {
        let component = existing(context, address)?;
        return Ok(Answer::new(200, body(component, context.api_version)));
    }
    let environment = environment(context, address)?.id.clone();
    let version = context.api_version;
    let found = context.state.dapr_components_of(&environment).map(|one| body(one, version)).collect();
    context.page(found)
}

pub(super) fn list_secrets(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listSecrets/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let component = existing(context, address)?;
    let told = context.rules.holds(Switch::DaprSecretsTold);
    let secrets: Vec<Json> = elements(&component.properties["secrets"])
        .iter()
        .map(|secret| {
            let name = secret["name"].as_str().unwrap_or_default();
            match component.values.get(name).filter(|_| told) {
                Some(value) => json!({ "name": name, "value": value }),
                None => json!({ "name": name }),
            }
        })
        .collect();
    Ok(Answer::new(200, json!({ "value": secrets })))
}

/// `PUT`: the whole of it, with the values of its secrets.
pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let known = environment(context, address)?.id.clone();
    let sent = context.object()?;
    let name = address.name(1);
    if !is_label(name) && context.rules.holds(Switch::DaprNamesChecked) {
        return Err(invalid(
            name,
            "The name has lower case letters, digits and '-', and begins and ends with a letter or digit.",
        ));
    }
    let mut properties = read(&sent, name, context.api_version)?;
    let before = context.state.dapr_components.get(&fold(&target)).cloned();
    let values = secrets(context, name, &mut properties, before.as_ref())?;
    fits(context, &known, name, &properties)?;
    let before = before.unwrap_or_else(|| DaprComponent {
        id: format!("{known}/daprComponents/{name}"),
        ..DaprComponent::default()
    });
    let component = DaprComponent { properties: Json::Object(properties), values, ..before };
    let answer = body(&component, context.api_version);
    context.compliant(&target, &answer)?;
    context.state.add_dapr_component(component);
    taken_up(context, &known);
    Ok(Answer::new(200, answer))
}

fn invalid(name: &str, why: &str) -> Refusal {
    Refusal::new(
        400,
        "DaprComponentInvalid",
        format!("Invalid request body for Dapr component '{name}'. {why}"),
    )
}

/// The properties that are sent, without what is null or read-only.
fn read(sent: &Json, name: &str, version: &str) -> Result<Map<String, Json>, Refusal> {
    let schema = |path: &str| {
        Refusal::new(
            400,
            "DaprComponentInvalidSchema",
            format!("Invalid request body for Dapr component: property '{path}' is not known in api-version '{version}'."),
        )
        .about(path)
    };
    let mut properties = sent["properties"].as_object().cloned().unwrap_or_default();
    properties.retain(|_, value| !value.is_null());
    if let Some(strange) = properties.keys().find(|member| !MEMBERS.contains(&member.as_str())) {
        return Err(schema(&format!("properties.{strange}")));
    }
    for (list, members) in [
        ("metadata", &["name", "value", "secretRef"][..]),
        ("secrets", &["name", "value", "identity", "keyVaultUrl"]),
    ] {
        for entry in elements(&json!(properties.get(list))) {
            let strange =
                entry.as_object().into_iter().flatten().find(|(key, _)| !members.contains(&key.as_str()));
            if let Some((key, _)) = strange {
                return Err(schema(&format!("properties.{list}[].{key}")));
            }
            if entry
                .as_object()
                .is_some_and(|entry| entry.values().any(|value| !value.is_string() && !value.is_null()))
            {
                return Err(invalid(name, &format!("The members of {list} are strings.")));
            }
            if entry["name"].as_str().is_none_or(str::is_empty) {
                return Err(invalid(name, &format!("Every element of {list} needs a name.")));
            }
        }
    }
    if properties.get("componentType").and_then(Json::as_str).is_none_or(str::is_empty) {
        return Err(invalid(name, "componentType is required."));
    }
    for member in ["provisioningState", "deploymentErrors"] {
        properties.shift_remove(member);
    }
    Ok(properties)
}

/// The values of the secrets, taken out of the properties. What is left out is gone, unless the service keeps it.
fn secrets(
    context: &Context<'_>,
    name: &str,
    properties: &mut Map<String, Json>,
    before: Option<&DaprComponent>,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut values = BTreeMap::new();
    let kept = before.filter(|_| !context.rules.holds(Switch::DaprPutIsWhole));
    let mut names: Vec<String> = Vec::new();
    let mut entries: Vec<Json> = Vec::new();
    for entry in elements(&json!(properties.get("secrets"))) {
        let secret = entry["name"].as_str().unwrap_or_default().to_owned();
        if names.contains(&secret) {
            return Err(invalid(name, &format!("The secret '{secret}' is given more than once.")));
        }
        let text = |member: &str| entry[member].as_str().filter(|text| !text.is_empty());
        match (text("value"), text("keyVaultUrl")) {
            (Some(value), _) => {
                values.insert(secret.clone(), value.to_owned());
                entries.push(json!({ "name": secret }));
            }
            (None, Some(url)) => {
                let mut entry = json!({ "name": secret, "keyVaultUrl": url });
                if let Some(identity) = text("identity") {
                    entry["identity"] = json!(identity);
                }
                entries.push(entry);
            }
            (None, None) => match kept.and_then(|kept| kept.values.get(&secret)) {
                Some(value) => {
                    values.insert(secret.clone(), value.clone());
                    entries.push(json!({ "name": secret }));
                }
                None if context.rules.holds(Switch::DaprSecretsComplete) => {
                    return Err(invalid(name, &format!("The secret '{secret}' has no value.")));
                }
                // It is there, with nothing in it.
                None => entries.push(json!({ "name": secret })),
            },
        }
        names.push(secret);
    }
    for (secret, value) in kept.map(|kept| &kept.values).into_iter().flatten() {
        if !names.contains(secret) {
            values.insert(secret.clone(), value.clone());
            entries.push(json!({ "name": secret }));
        }
    }
    properties.shift_remove("secrets");
    if !entries.is_empty() {
        properties.insert("secrets".to_owned(), Json::Array(entries));
    }
    Ok(values)
}

/// What the parts of a component must be to each other, and to what else the environment has.
fn fits(
    context: &Context<'_>,
    environment: &str,
    name: &str,
    properties: &Map<String, Json>,
) -> Result<(), Refusal> {
    let store =
        properties.get("secretStoreComponent").and_then(Json::as_str).filter(|store| !store.is_empty());
    if store.is_some()
        && properties.contains_key("secrets")
        && context.rules.holds(Switch::DaprStoreOrSecrets)
    {
        return Err(invalid(name, "Either secrets or secretStoreComponent can be given, not both."));
    }
    if let Some(store) = store
        && context.state.dapr_component(environment, store).is_none()
        && !context.rules.holds(Switch::DaprStoreUnchecked)
    {
        return Err(invalid(name, &format!("The secret store component '{store}' was not found.")));
    }
    let missing = missing_secret(&Json::Object(properties.clone()));
    if let Some((_, secret)) = missing.filter(|_| context.rules.holds(Switch::DaprSecretRefChecked)) {
        return Err(Refusal::new(
            400,
            "DaprComponentSecretRefNotFound",
            format!("SecretRef '{secret}' defined for Dapr component '{name}' not found."),
        ));
    }
    Ok(())
}

/// A secret that metadata refers to and the component should have and does not.
fn missing_secret(properties: &Json) -> Option<(String, String)> {
    if properties["secretStoreComponent"].as_str().is_some_and(|store| !store.is_empty()) {
        return None;
    }
    elements(&properties["metadata"]).iter().find_map(|entry| {
        let secret = entry["secretRef"].as_str().filter(|secret| !secret.is_empty())?;
        let there = elements(&properties["secrets"]).iter().any(|own| own["name"] == secret);
        (!there).then(|| (entry["name"].as_str().unwrap_or_default().to_owned(), secret.to_owned()))
    })
}

/// As Kubernetes has the names of its things.
fn is_label(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 60
        && name.starts_with(plain)
        && name.ends_with(plain)
        && name.chars().all(|c| plain(c) || c == '-')
}

pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    let known = environment(context, address)?.id.clone();
    if context.state.dapr_components.remove(&fold(&target)).is_none() {
        return Ok(Answer::empty(204));
    }
    taken_up(context, &known);
    Ok(Answer::empty(200))
}

/// Running sidecars keep what they have loaded until they start again, or are started again for it.
fn taken_up(context: &mut Context<'_>, environment: &str) {
    if context.rules.holds(Switch::DaprLoadedAtStart) {
        return;
    }
    let environment = fold(environment);
    let apps: Vec<String> = context
        .state
        .apps
        .iter()
        .filter(|(_, app)| {
            fold(app.model["properties"]["environmentId"].as_str().unwrap_or_default()) == environment
        })
        .filter(|(_, app)| app.dapr().is_some())
        .map(|(key, _)| key.clone())
        .collect();
    for app in apps {
        restart(context.state, context.now, context.rules, &app);
    }
}

/// Starts the active revisions of an app again: what becomes of each shows in the usual time.
pub(super) fn restart(state: &mut State, now: OffsetDateTime, rules: &Switches, app: &str) {
    let Some(found) = state.apps.get(app) else { return };
    let fates: Vec<Option<Fate>> = found
        .revisions
        .iter()
        .map(|one| {
            one.active.then(|| revisions::started_again(state, now, rules, found, &one.name)).flatten()
        })
        .collect();
    let Some(found) = state.apps.get_mut(app) else { return };
    let secrets = found.secret_values();
    for (revision, fate) in found.revisions.iter_mut().zip(fates).filter(|(revision, _)| revision.active) {
        revision.started = now;
        revision.secrets.clone_from(&secrets);
        if let Some(fate) = fate {
            revision.fate = fate;
        }
    }
}

/// What ends the sidecar of `app` soon after its start, in the service's words.
pub(super) fn crash(state: &State, rules: &Switches, app: &App, listening: &[u64]) -> Option<String> {
    let dapr = app.dapr()?;
    let app_id = app.dapr_app_id();
    let why = if is_label(app_id) {
        components_fail(state, app, app_id).or_else(|| {
            let port = dapr["appPort"].as_u64()?;
            let waits =
                rules.holds(Switch::DaprWaitsForPort) && !listening.is_empty() && !listening.contains(&port);
            waits.then(|| format!("waiting on port {port}: nothing listens there"))
        })
    } else {
        Some(format!("invalid app-id: {app_id}"))
    }?;
    let told = if rules.holds(Switch::DaprReasonHidden) { String::new() } else { format!(" {why}") };
    Some(format!("{CRASHING}{told}"))
}

/// What the words of a revision begin with whose sidecar crashes.
pub(super) const CRASHING: &str = "1/1 Failed:daprdContainerCrashing";

/// The first component of the app that cannot be initialised, and why.
fn components_fail(state: &State, app: &App, app_id: &str) -> Option<String> {
    let environment = app.model["properties"]["environmentId"].as_str()?;
    let strict =
        |one: &&DaprComponent| one.properties["ignoreErrors"] != json!(true) && one.loaded_by(app_id);
    state.dapr_components_of(environment).filter(strict).find_map(|component| {
        let (name, kind) =
            (component.name(), component.properties["componentType"].as_str().unwrap_or_default());
        let why = if let Some((metadata, secret)) = missing_secret(&component.properties) {
            format!("secret '{secret}' for '{metadata}' not found")
        } else if let Some(store) =
            component.properties["secretStoreComponent"].as_str().filter(|store| !store.is_empty())
        {
            let found = state.dapr_component(environment, store).filter(|found| found.loaded_by(app_id));
            if found.is_some() {
                component.unreachable.clone()?
            } else {
                format!("secret store '{store}' not found")
            }
        } else {
            component.unreachable.clone()?
        };
        Some(format!("[INIT_COMPONENT_FAILURE]: initialization error occurred for {name} ({kind}): {why}"))
    })
}

/// Refuses Dapr settings of an app that cannot be.
pub(super) fn check(rules: &Switches, app: &str, configuration: &Json) -> Result<(), Refusal> {
    let dapr = &configuration["dapr"];
    if dapr["enabled"] != json!(true) {
        return Ok(());
    }
    let refuse =
        |field: &str, why: &str| Err(revisions::invalid_field(&format!("configuration.dapr.{field}"), why));
    let app_id = dapr["appId"].as_str().filter(|id| !id.is_empty()).unwrap_or(app);
    if !is_label(app_id) && rules.holds(Switch::DaprNamesChecked) {
        return refuse(
            "appId",
            &format!(
                "Invalid value: \"{app_id}\": must consist of lower case alphanumeric characters or '-'"
            ),
        );
    }
    if let Some(port) = dapr["appPort"].as_u64().filter(|port| !(1..=65535).contains(port)) {
        return refuse("appPort", &format!("Invalid value: {port}: must be between 1 and 65535"));
    }
    if let Some(protocol) = dapr["appProtocol"]
        .as_str()
        .filter(|word| !word.eq_ignore_ascii_case("http") && !word.eq_ignore_ascii_case("grpc"))
    {
        return refuse("appProtocol", &format!("Invalid value: \"{protocol}\": must be http or grpc"));
    }
    Ok(())
}

fn policy_body(component: &DaprComponent, name: &str, properties: &Json) -> Json {
    json!({
        "id": format!("{}/resiliencyPolicies/{name}", component.id),
        "name": name,
        "type": POLICIES,
        "properties": properties,
    })
}

fn no_policy(name: &str) -> Refusal {
    Refusal::new(
        404,
        "DaprComponentResiliencyPolicyNotFound",
        format!("The resiliency policy '{name}' was not found."),
    )
}

/// Resiliency policies: preview versions only.
pub(super) fn policies(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    let verb = match context.method {
        "GET" => "read",
        "PUT" => "write",
        _ => "delete",
    };
    context.require(&format!("{POLICIES}/{verb}"), &target)?;
    let component = existing(context, address)?.clone();
    let name = address.name(2).to_owned();
    if context.method == "GET" && !address.is_resource() {
        let all = component.policies.iter().map(|(name, one)| policy_body(&component, name, one)).collect();
        return context.page(all);
    }
    if context.method == "GET" {
        let policy = component.policies.get(&name).ok_or_else(|| no_policy(&name))?;
        return Ok(Answer::new(200, policy_body(&component, &name, policy)));
    }
    context.unlocked(&target)?;
    let key = fold(&component.id);
    if context.method == "DELETE" {
        let removed = context.state.dapr_components.get_mut(&key).and_then(|one| one.policies.remove(&name));
        return Ok(Answer::empty(if removed.is_some() { 200 } else { 204 }));
    }
    let sent = context.object()?;
    let properties = sent["properties"].as_object().cloned().unwrap_or_default();
    let known = ["inboundPolicy", "outboundPolicy"];
    if let Some(strange) = properties.keys().find(|member| !known.contains(&member.as_str())) {
        return Err(errors::invalid_content(format!(
            "The request content was invalid: properties.{strange} is not known."
        )));
    }
    let new = !component.policies.contains_key(&name);
    let properties = Json::Object(properties);
    let answer = policy_body(&component, &name, &properties);
    if let Some(one) = context.state.dapr_components.get_mut(&key) {
        one.policies.insert(name, properties);
    }
    Ok(Answer::new(if new { 201 } else { 200 }, answer))
}
