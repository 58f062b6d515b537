//! `Microsoft.ContainerRegistry`: registries as the control plane shows them, what of them an app can
//! pull, and their own API.

pub(in crate::sandbox) mod api;
pub(in crate::sandbox) mod blobs;
mod builder;
pub(in crate::sandbox) mod pull;
pub(in crate::sandbox) mod tasks;
mod write;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::Registry;

const KIND: &str = "Microsoft.ContainerRegistry/registries";

/// The version that brought `policies.azureADAuthenticationAsArmPolicy` and `anonymousPullEnabled`.
const ARM_TOKENS_SINCE: &str = "2025-04-01";
/// The version that brought `roleAssignmentMode` and `networkRuleBypassAllowedForTasks`.
const ROLE_MODE_SINCE: &str = "2025-11-01";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("registries", "GET", false) => list(context, address),
        ("registries", "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            let registry = existing(context, address)?;
            Ok(Answer::new(200, body(registry, context.api_version)))
        }
        ("registries", "PUT", true) => write::put(context, address),
        ("registries", "PATCH", true) => write::patch(context, address),
        ("registries", "DELETE", true) => write::delete(context, address),
        ("registries/listcredentials", "POST", false) => write::credentials(context, address),
        ("registries/operationstatuses", "GET", true) => write::status(context, address),
        ("registries/listbuildsourceuploadurl", "POST", false) => tasks::upload_url(context, address),
        ("registries/schedulerun", "POST", false) => tasks::schedule(context, address),
        ("registries/runs", "GET", false) => tasks::list(context, address),
        ("registries/runs", "GET", true) => tasks::get(context, address),
        ("registries/runs/listlogsasurl", "POST", false) => tasks::log_url(context, address),
        ("checknameavailability", "POST", false) => write::check_name(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The registry that `address` names.
fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a Registry, Refusal> {
    resources::named(context, address, KIND, &context.state.registries)
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.registries)?;
    context.page(found.map(|registry| body(registry, context.api_version)).collect())
}

/// A registry as `version` shows it.
fn body(registry: &Registry, version: &str) -> Json {
    let mut properties = registry.properties.clone();
    if let Some(members) = properties.as_object_mut() {
        if version < ROLE_MODE_SINCE {
            members.shift_remove("roleAssignmentMode");
            members.shift_remove("networkRuleBypassAllowedForTasks");
        }
        if version < ARM_TOKENS_SINCE {
            members.shift_remove("anonymousPullEnabled");
            if let Some(policies) = members.get_mut("policies").and_then(Json::as_object_mut) {
                policies.shift_remove("azureADAuthenticationAsArmPolicy");
            }
        }
    }
    json!({
        "id": registry.id,
        "name": registry.name(),
        "type": KIND,
        "location": registry.location,
        "tags": registry.tags,
        "sku": { "name": registry.sku, "tier": registry.sku },
        "properties": properties,
    })
}
