//! The registries that a fresh sandbox holds: one in the app's group, one in another group, one in
//! another subscription of the tenant.

use serde_json::{Map, json};
use time::OffsetDateTime;

use super::super::roles::{CONTRIBUTOR, OWNER, READER};
use super::super::state::{Group, Manifest, Registry, State, Subscription, fold};
use super::{GROUP, LOCATION, SHARED_GROUP, assign_role, group_id};

/// A second subscription of the tenant.
pub const CENTRAL_SUBSCRIPTION: &str = "55555555-5555-4555-8555-555555555555";
/// Its name.
pub const CENTRAL_SUBSCRIPTION_NAME: &str = "Sandbox Central";
/// Its resource group.
pub const CENTRAL_GROUP: &str = "rg-central";
/// The registry in the app's group: `python-demo` with tags `1.0` and `2.0` (an index), `crashing:1.0` and
/// `other-port:1.0`; roles decide for the whole registry.
pub const REGISTRY: &str = "acrdemo";
/// The registry in the other group: `python-demo`; data actions decide for each repository, and its
/// login server has a domain name label.
pub const ABAC_REGISTRY: &str = "acrabac";
/// The registry in the other subscription: `python-demo`.
pub const CENTRAL_REGISTRY: &str = "acrcentral";
/// The repository that every registry has.
pub const REPOSITORY: &str = "python-demo";

/// The id of the second subscription.
pub fn central_subscription_id() -> String {
    format!("/subscriptions/{CENTRAL_SUBSCRIPTION}")
}

/// The id of a registry: `acrdemo` is in the app's group, `acrabac` in the other one, `acrcentral` in
/// the other subscription; any other name is taken to be in the app's group.
pub fn registry_id(name: &str) -> String {
    let group = match name {
        ABAC_REGISTRY => group_id(SHARED_GROUP),
        CENTRAL_REGISTRY => format!("{}/resourceGroups/{CENTRAL_GROUP}", central_subscription_id()),
        _ => group_id(GROUP),
    };
    format!("{group}/providers/Microsoft.ContainerRegistry/registries/{name}")
}

/// The login server of a seeded registry.
pub fn login_server(name: &str) -> String {
    if name == ABAC_REGISTRY {
        format!("{name}-e6hvfxbzc4dpg8ak.azurecr.io")
    } else {
        format!("{name}.azurecr.io")
    }
}

/// The reference of an image in a seeded registry.
pub fn image_in(registry: &str, repository_and_tag: &str) -> String {
    format!("{}/{repository_and_tag}", login_server(registry))
}

/// Adds all of it.
pub(super) fn add(state: &mut State, made: OffsetDateTime) {
    state.subscriptions.push(Subscription {
        id: CENTRAL_SUBSCRIPTION.to_owned(),
        name: CENTRAL_SUBSCRIPTION_NAME.to_owned(),
        state: "Enabled".to_owned(),
    });
    let id = format!("{}/resourceGroups/{CENTRAL_GROUP}", central_subscription_id());
    state.groups.insert(fold(&id), Group { id, location: LOCATION.to_owned(), tags: Map::new() });
    for (caller, role) in [("owner", OWNER), ("contributor", CONTRIBUTOR), ("reader", READER)] {
        if let Some(principal) = state.callers.get(caller).map(|caller| caller.principal.clone()) {
            assign_role(state, &central_subscription_id(), role, &principal, made);
        }
    }
    for name in [REGISTRY, ABAC_REGISTRY, CENTRAL_REGISTRY] {
        let mut registry = Registry::new(&registry_id(name), LOCATION, made);
        "Premium".clone_into(&mut registry.sku);
        registry.properties["loginServer"] = json!(login_server(name));
        if name == ABAC_REGISTRY {
            registry.properties["roleAssignmentMode"] = json!("AbacRepositoryPermissions");
        }
        let listening = |port| Manifest { listens: Some(port), ..Manifest::default() };
        registry.push(REPOSITORY, "1.0", listening(8000));
        registry.push(REPOSITORY, "2.0", Manifest { index: true, ..listening(8000) });
        if name == REGISTRY {
            let crash = Some("Container terminated with exit code 1".to_owned());
            registry.push("crashing", "1.0", Manifest { crash, ..Manifest::default() });
            registry.push("other-port", "1.0", listening(3000));
        }
        state.add_registry(registry);
    }
}
