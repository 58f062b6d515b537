//! Dapr components of environments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{App, State, elements, fold, last};

/// A building block that the sidecars of an environment's apps load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DaprComponent {
    /// Its id in its own spelling.
    pub id: String,
    /// `properties` as GET returns them: secrets without values.
    pub properties: Json,
    /// The values of its secrets by name.
    pub values: BTreeMap<String, String>,
    /// `properties` of its resiliency policies by name.
    pub policies: BTreeMap<String, Json>,
    /// Why what it stands for (a database, a broker) does not let it in, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
}

impl DaprComponent {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// The environment's id.
    pub fn environment(&self) -> &str {
        let at = fold(&self.id).find("/daprcomponents/").unwrap_or_default();
        self.id.get(..at).unwrap_or_default()
    }

    /// Whether the sidecar of `app_id` loads it: no scopes means everybody's.
    pub fn loaded_by(&self, app_id: &str) -> bool {
        let scopes = elements(&self.properties["scopes"]);
        scopes.is_empty() || scopes.iter().any(|scope| scope == app_id)
    }
}

impl App {
    /// The Dapr settings of an app whose sidecar is on.
    pub fn dapr(&self) -> Option<&Json> {
        let dapr = &self.configuration()["dapr"];
        (dapr["enabled"] == Json::Bool(true)).then_some(dapr)
    }

    /// The id by which Dapr knows the app; unless it is said, the app's name.
    pub fn dapr_app_id(&self) -> &str {
        self.configuration()["dapr"]["appId"].as_str().filter(|id| !id.is_empty()).unwrap_or(self.name())
    }
}

impl State {
    /// The component that the environment knows under `name`.
    pub fn dapr_component(&self, environment: &str, name: &str) -> Option<&DaprComponent> {
        self.dapr_components.get(&fold(&format!("{environment}/daprComponents/{name}")))
    }

    /// The same, to be changed.
    pub fn dapr_component_mut(&mut self, environment: &str, name: &str) -> Option<&mut DaprComponent> {
        self.dapr_components.get_mut(&fold(&format!("{environment}/daprComponents/{name}")))
    }

    /// Puts a component into the table.
    pub fn add_dapr_component(&mut self, component: DaprComponent) {
        self.dapr_components.insert(fold(&component.id), component);
    }

    /// The components of an environment.
    pub fn dapr_components_of(&self, environment: &str) -> impl Iterator<Item = &DaprComponent> {
        let environment = fold(environment);
        self.dapr_components.values().filter(move |one| fold(one.environment()) == environment)
    }
}
