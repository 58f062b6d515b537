//! Built-in authentication of apps.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::{App, State, fold, last};

/// An auth config of an app. Only the one called `current` counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthConfig {
    /// Its id in its own spelling.
    pub id: String,
    /// `properties` as they were written, without nulls.
    pub properties: Json,
    /// When it was created; `None`: it does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub created: Option<OffsetDateTime>,
}

impl AuthConfig {
    /// Its name.
    pub fn name(&self) -> &str {
        last(&self.id)
    }
}

impl State {
    /// The auth config of an app that counts.
    pub fn auth_config(&self, app: &App) -> Option<&AuthConfig> {
        self.auth_configs.get(&fold(&format!("{}/authConfigs/current", app.id)))
    }
}
