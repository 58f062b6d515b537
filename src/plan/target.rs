//! What a run works on.

use indexmap::IndexMap;

use crate::azure::ResourceId;
use crate::value::{Data, Value};

/// The cloud as recipes see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// `AzureCloud`, `AzureUSGovernment`, `AzureChinaCloud`.
    pub name: String,
    /// The Entra ID authority host.
    pub authority: String,
    /// DNS suffixes by service (`key_vault`, `acr`, …), those that are confirmed for this cloud.
    pub suffixes: Vec<(String, String)>,
}

/// One container app and where it stands; or, in a run that needs none, an environment or a resource group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The cloud.
    pub cloud: Cloud,
    /// The tenant's GUID, when known.
    pub tenant: Option<String>,
    /// The subscription's GUID.
    pub subscription: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The app's name; empty in a run that needs none.
    pub app: String,
    /// The environment's name, when the caller gave it; else the app's own.
    pub environment: Option<String>,
    /// The region, when the caller gave it; else the app's own.
    pub location: Option<String>,
    /// The container, when the caller gave it.
    pub container: Option<String>,
}

impl Target {
    /// The resource group's id.
    pub fn group_id(&self) -> ResourceId {
        ResourceId::group(&self.subscription, &self.resource_group)
    }

    /// Whether the run works on an app.
    pub fn has_app(&self) -> bool {
        !self.app.is_empty()
    }

    /// The id of the environment that a run without an app works on.
    pub fn environment_id(&self) -> Option<ResourceId> {
        let name = self.environment.as_deref().filter(|_| !self.has_app())?;
        Some(self.group_id().provider("Microsoft.App/managedEnvironments", name))
    }

    /// What it is called, for people: `rg-demo/ca-demo`.
    pub fn title(&self) -> String {
        let within = if self.has_app() { Some(&self.app) } else { self.environment.as_ref() };
        match within {
            Some(name) => format!("{}/{name}", self.resource_group),
            None => self.resource_group.clone(),
        }
    }

    /// The app's id.
    pub fn app_id(&self) -> ResourceId {
        self.group_id().provider("Microsoft.App/containerApps", &self.app)
    }

    /// The root `cloud`.
    pub(super) fn cloud_value(&self) -> Value {
        let suffixes =
            self.cloud.suffixes.iter().map(|(name, suffix)| (name.clone(), Value::from(suffix.as_str())));
        object([
            ("name", Value::from(self.cloud.name.as_str())),
            ("authority", Value::from(self.cloud.authority.as_str())),
            ("suffixes", Value::new(Data::Map(suffixes.collect()))),
        ])
    }

    /// The root `target`; `location` falls back to the region of `place`, which is the app or what the run works on
    /// instead, in ARM's short form.
    pub(super) fn value(&self, place: &Value) -> Value {
        let text = |text: &Option<String>| text.as_deref().map_or_else(Value::null, Value::from);
        let location = match &self.location {
            Some(location) => Value::from(short_location(location)),
            None if place.is_unknown() => place.clone(),
            None => {
                place.text_at(&["location"]).map_or_else(Value::null, |own| Value::from(short_location(own)))
            }
        };
        object([
            ("subscription", Value::from(self.subscription.as_str())),
            ("tenant", text(&self.tenant)),
            ("resource_group", Value::from(self.resource_group.as_str())),
            ("app", if self.has_app() { Value::from(self.app.as_str()) } else { Value::null() }),
            ("environment", text(&self.environment)),
            ("location", location),
            ("container", text(&self.container)),
        ])
    }
}

/// `West Europe` and `westeurope` are the same region; container apps return the first form.
pub fn short_location(location: &str) -> String {
    location.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// An object of these members.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members: IndexMap<String, Value> =
        members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Value::new(Data::Map(members))
}
