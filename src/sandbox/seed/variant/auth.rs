//! Built-in authentication that somebody else has set up.

use serde_json::json;

use super::plain_secret;
use crate::sandbox::seed::{APP, TENANT};
use crate::sandbox::state::{AuthConfig, State, fold};

/// Signing in by one identity provider (`microsoft`, `github` or `google`) with a secret of the app for it, and what is
/// done with those who have not.
///
/// # Errors
/// There is no such provider.
pub fn auth_config(state: &mut State, provider: &str, action: &str) -> Result<(), String> {
    let secret = format!("{provider}-provider-authentication-secret");
    let registration = json!({ "clientId": "somebody-elses-client", "clientSecretSettingName": secret });
    let (member, value) = match provider {
        "github" => ("gitHub", json!({ "registration": registration, "login": { "scopes": ["read:user"] } })),
        "google" => ("google", json!({ "enabled": true, "registration": registration })),
        "microsoft" => {
            let mut registration = registration;
            registration["openIdIssuer"] = json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
            ("azureActiveDirectory", json!({ "enabled": true, "registration": registration }))
        }
        _ => return Err("takes `provider`: microsoft, github or google".to_owned()),
    };
    plain_secret(state, &secret, "somebody-elses-secret");
    let Some(app) = state.app_mut(APP) else { return Ok(()) };
    let config = AuthConfig {
        created: Some(app.created),
        id: format!("{}/authconfigs/current", app.id),
        properties: json!({
            "platform": { "enabled": true, "runtimeVersion": "~2" },
            "globalValidation": { "unauthenticatedClientAction": action, "redirectToProvider": member },
            "identityProviders": { (member): value },
            "login": { "cookieExpiration": { "convention": "FixedTime", "timeToExpiration": "04:00:00" } },
        }),
    };
    state.auth_configs.insert(fold(&config.id), config);
    Ok(())
}
