//! Whether a name within an environment is free.

use serde_json::json;

use super::ENVIRONMENTS;
use crate::sandbox::errors;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::state::{fold, last};

/// `checkNameAvailability`, of shares that the environment knows and of apps in it.
pub(super) fn check(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{ENVIRONMENTS}/checknameavailability/action"), &target)?;
    if !context.state.environments.contains_key(&fold(&target)) {
        return Err(errors::resource_not_found(ENVIRONMENTS, address.name(0), last(&address.scope)));
    }
    let body = context.object()?;
    let name = body["name"].as_str().unwrap_or_default();
    let apps = || {
        let within = |app: &&crate::sandbox::state::App| {
            app.model["properties"]["environmentId"].as_str().is_some_and(|id| fold(id) == fold(&target))
        };
        context.state.apps.values().filter(within).any(|app| app.name().eq_ignore_ascii_case(name))
    };
    let taken = match body["type"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "microsoft.app/managedenvironments/storages" => {
            context.state.environment_storage(&target, name).is_some()
        }
        "microsoft.app/containerapps" => apps(),
        _ => false,
    };
    Ok(Answer::new(
        200,
        if taken {
            json!({
                "nameAvailable": false,
                "reason": "AlreadyExists",
                "message": format!("The name '{name}' is already in use."),
            })
        } else {
            json!({ "nameAvailable": true })
        },
    ))
}
