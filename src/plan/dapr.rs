//! Why a Dapr sidecar does not start: the components that it loads, as far as the run may read them.
//!
//! Azure says `daprdContainerCrashing` and no more (microsoft/azure-container-apps#354); the reason stands in the
//! sidecar's own log. A component without `ignoreErrors` that cannot be initialised ends the sidecar
//! (<https://docs.dapr.io/operations/components/component-schema/>).

use super::engine::Engine;
use super::quote;
use crate::facts::Read;
use crate::value::{Value, strip_control};

pub(super) const COMPONENT: &str = "Microsoft.App/managedEnvironments/daprComponents";
pub(super) const DOCS: &str = "https://learn.microsoft.com/azure/container-apps/dapr-components";

/// The settings of an app whose sidecar is on.
fn settings(app: &Value) -> Option<&Value> {
    let dapr = app.at(&["properties", "configuration", "dapr"])?;
    (dapr.get("enabled").and_then(Value::as_bool) == Some(true)).then_some(dapr)
}

/// Metadata that refers to a secret which the component should have itself and does not, with the secret's name.
pub(super) fn missing_secrets(component: &Value) -> Vec<(String, String)> {
    let list = |key: &str| component.at(&["properties", key]).and_then(Value::as_list).unwrap_or_default();
    if component.text_at(&["properties", "secretStoreComponent"]).is_some_and(|store| !store.is_empty()) {
        return Vec::new();
    }
    let has = |name: &str| list("secrets").iter().any(|secret| secret.text_at(&["name"]) == Some(name));
    list("metadata")
        .iter()
        .filter_map(|entry| Some((entry.text_at(&["name"])?, entry.text_at(&["secretRef"])?)))
        .filter(|(_, secret)| !secret.is_empty() && !has(secret))
        .map(|(name, secret)| (strip_control(name), strip_control(secret)))
        .collect()
}

/// Whether the sidecar of `app_id` loads the component: nobody in its scopes means everybody.
fn loads(component: &Value, app_id: &str) -> bool {
    let scopes = component.at(&["properties", "scopes"]).and_then(Value::as_list).unwrap_or_default();
    scopes.is_empty() || scopes.iter().any(|scope| scope.as_str() == Some(app_id))
}

/// Whether these words of a revision speak of its Dapr sidecar.
pub(super) fn is_meant(why: &str) -> bool {
    why.to_ascii_lowercase().contains("daprd")
}

/// What is known to be wrong with the components that the app's sidecar loads, and the command that shows more.
pub(super) fn causes(engine: &Engine<'_>) -> (Vec<String>, Option<String>) {
    let app = engine.app();
    let Some(settings) = settings(&app) else { return (Vec::new(), None) };
    let app_id = settings.text_at(&["appId"]).filter(|id| !id.is_empty());
    let app_id = app_id.unwrap_or(engine.request.target.app.as_str());
    let Some(environment) = Engine::environment_id(&app) else { return (Vec::new(), None) };
    let Some(path) = environment.collection(COMPONENT) else { return (Vec::new(), None) };
    let all = engine.asked.value(&Read::many(&path, COMPONENT, &engine.version(COMPONENT)));
    let all = all.as_list().unwrap_or_default();
    let mut causes = Vec::new();
    for component in all.iter().filter(|component| loads(component, app_id)) {
        if component.at(&["properties", "ignoreErrors"]).and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let name = strip_control(component.text_at(&["name"]).unwrap_or_default());
        for (metadata, secret) in missing_secrets(component) {
            causes.push(format!(
                "{metadata} of the component {name} refers to the secret {secret}, which it does not have"
            ));
        }
        let store =
            component.text_at(&["properties", "secretStoreComponent"]).filter(|store| !store.is_empty());
        let Some(store) = store else { continue };
        let found = all.iter().find(|other| other.text_at(&["name"]) == Some(store));
        let store = strip_control(store);
        match found {
            None => causes
                .push(format!("the component {name} names the secret store {store}, which is not there")),
            Some(found) if !loads(found, app_id) => causes.push(format!(
                "the component {name} names the secret store {store}, whose scopes do not contain {app_id}"
            )),
            Some(_) => {}
        }
    }
    let target = engine.request.target;
    let fix = format!(
        "az containerapp logs show --name {} --resource-group {} --container daprd",
        quote(&target.app),
        quote(&target.resource_group)
    );
    (causes, Some(fix))
}
