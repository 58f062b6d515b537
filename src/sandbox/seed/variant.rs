//! Variants of the seeded app for tests: each changes the model and the newest revision alike, so
//! that the app looks as if it had always been so.

pub mod answers;
mod auth;
mod cosmos;
pub mod dapr;
pub mod domains;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

pub use auth::auth_config;
pub use cosmos::{cosmos_api, cosmos_busy, cosmos_closed, cosmos_elsewhere};

use super::{APP, IMAGE_SIDECAR};
use crate::sandbox::state::{
    App, CustomRole, DenyAssignment, Fate, Lock, PolicyAssignment, SqlUser, State, fold,
};

pub(super) fn with_app(state: &mut State, change: impl FnOnce(&mut App)) {
    if let Some(app) = state.app_mut(APP) {
        change(app);
        let template = app.template().clone();
        let secrets = app.secret_values();
        if let Some(revision) = app.revisions.last_mut() {
            revision.template = template;
            revision.secrets = secrets;
        }
    }
}

/// Another app like the seeded one, of this name, in this group.
pub fn sibling(state: &mut State, group: &str, name: &str) {
    let Some(mut app) = state.app_mut(APP).cloned() else { return };
    app.id = format!("{}/providers/Microsoft.App/containerApps/{name}", super::group_id(group));
    for revision in &mut app.revisions {
        revision.name = revision.name.replacen(APP, name, 1);
    }
    app.latest_ready = app.latest_ready.map(|ready| ready.replacen(APP, name, 1));
    state.apps.insert(fold(&app.id), app);
}

pub(super) fn push(list: &mut Json, at_front: bool, element: Json) {
    if !list.is_array() {
        *list = json!([]);
    }
    if let Some(elements) = list.as_array_mut() {
        if at_front {
            elements.insert(0, element);
        } else {
            elements.push(element);
        }
    }
}

/// A sidecar `proxy`, first in the array, with a variable of its own.
pub fn sidecar_first(state: &mut State) {
    with_app(state, |app| {
        push(
            &mut app.model["properties"]["template"]["containers"],
            true,
            json!({
                "name": "proxy",
                "image": IMAGE_SIDECAR,
                "resources": { "cpu": 0.25, "memory": "0.5Gi" },
                "env": [{ "name": "PROXY_MODE", "value": "strict" }],
            }),
        );
    });
}

/// An init container `migrate`.
pub fn init_container(state: &mut State) {
    with_app(state, |app| {
        push(
            &mut app.model["properties"]["template"]["initContainers"],
            false,
            json!({
                "name": "migrate",
                "image": IMAGE_SIDECAR,
                "resources": { "cpu": 0.25, "memory": "0.5Gi" },
                "env": [{ "name": "STEP", "value": "migrate" }],
            }),
        );
    });
}

/// A variable of the app's container.
pub fn variable(state: &mut State, variable: Json) {
    with_app(state, |app| {
        let containers = app.model["properties"]["template"]["containers"].as_array_mut();
        let own = containers.into_iter().flatten().find(|container| container["name"] == APP);
        if let Some(container) = own {
            push(&mut container["env"], false, variable);
        }
    });
}

/// A plain secret.
pub fn plain_secret(state: &mut State, name: &str, value: &str) {
    with_app(state, |app| {
        push(
            &mut app.model["properties"]["configuration"]["secrets"],
            false,
            json!({ "name": name, "value": value }),
        );
    });
}

/// A Key Vault reference that was fetched earlier as `value`. Assign `identity` as well for a
/// reference that still can be.
pub fn reference(state: &mut State, name: &str, url: &str, identity: &str, value: &str) {
    with_app(state, |app| {
        app.fetched.insert(name.to_owned(), value.to_owned());
        push(
            &mut app.model["properties"]["configuration"]["secrets"],
            false,
            json!({ "name": name, "keyVaultUrl": url, "identity": identity }),
        );
    });
}

/// A registry that refuses tokens for the audience of ARM.
pub fn arm_tokens_refused(state: &mut State, registry: &str) {
    if let Some(registry) = state.registry_mut(registry) {
        registry.properties["policies"]["azureADAuthenticationAsArmPolicy"]["status"] = json!("disabled");
    }
}

/// A registry closed to the public. `private`: it has a private endpoint, by which apps reach it.
pub fn network_closed(state: &mut State, registry: &str, private: bool) {
    let Some(registry) = state.registry_mut(registry) else { return };
    registry.properties["publicNetworkAccess"] = json!("Disabled");
    registry.private_for_apps = private;
    if private {
        let (id, name) = (registry.id.clone(), format!("pe-{}", registry.name()));
        let group = id.split("/providers/").next().unwrap_or_default();
        registry.properties["privateEndpointConnections"] = json!([{
            "id": format!("{id}/privateEndpointConnections/{name}"),
            "name": name,
            "type": "Microsoft.ContainerRegistry/registries/privateEndpointConnections",
            "properties": {
                "privateEndpoint": { "id": format!("{group}/providers/Microsoft.Network/privateEndpoints/{name}") },
                "privateLinkServiceConnectionState": { "status": "Approved", "actionsRequired": "None" },
                "provisioningState": "Succeeded",
            },
        }]);
    }
}

/// A registry in which data actions decide for each repository.
pub fn abac(state: &mut State, registry: &str) {
    if let Some(registry) = state.registry_mut(registry) {
        registry.properties["roleAssignmentMode"] = json!("AbacRepositoryPermissions");
    }
}

/// A registry moved to another group, by the group's id.
pub fn registry_elsewhere(state: &mut State, name: &str, group: &str) {
    let key = state.registry(name).map(|registry| fold(&registry.id));
    if let Some(mut registry) = key.and_then(|key| state.registries.remove(&key)) {
        registry.id = format!("{group}/providers/Microsoft.ContainerRegistry/registries/{name}");
        state.add_registry(registry);
    }
}

/// The app with an image of `registry` that it pulls as the registry's admin user: an entry with a
/// user name, the password in the app's secret `acr-password`.
pub fn admin_credentials(state: &mut State, registry: &str, repository_and_tag: &str) {
    let Some(registry) = state.registry_mut(registry) else { return };
    registry.properties["adminUserEnabled"] = json!(true);
    let (server, name) = (registry.login_server().to_owned(), registry.name().to_owned());
    let password = registry.passwords[0].clone();
    plain_secret(state, "acr-password", &password);
    with_app(state, |app| {
        let entry = json!({ "server": server, "username": name, "passwordSecretRef": "acr-password" });
        push(&mut app.model["properties"]["configuration"]["registries"], false, entry.clone());
        let containers = app.model["properties"]["template"]["containers"].as_array_mut();
        for container in containers.into_iter().flatten().filter(|container| container["name"] == APP) {
            container["image"] = json!(format!("{server}/{repository_and_tag}"));
        }
        if let Some(revision) = app.revisions.last_mut() {
            let mut kept = entry;
            kept["password"] = json!(password);
            revision.registries.push(kept);
        }
    });
}

/// A user-assigned identity on the app.
pub fn user_identity(state: &mut State, id: &str) {
    with_app(state, |app| app.identity.user.push(id.to_owned()));
}

/// Multiple mode with an older revision that has `weight` and the newest with the rest, both
/// pinned by name.
pub fn pinned(state: &mut State, weight: u64) {
    with_app(state, |app| {
        let Some(newest) = app.revisions.last().cloned() else {
            return;
        };
        let mut older = newest.clone();
        older.name = format!("{APP}--older00");
        older.created -= time::Duration::HOUR;
        app.revisions.insert(0, older.clone());
        app.model["properties"]["configuration"]["activeRevisionsMode"] = json!("Multiple");
        app.model["properties"]["configuration"]["ingress"]["traffic"] = json!([
            { "revisionName": older.name, "weight": weight },
            { "revisionName": newest.name, "weight": 100 - weight },
        ]);
    });
}

/// The app stopped.
pub fn stopped(state: &mut State) {
    with_app(state, |app| app.stopped = true);
}

/// The app in provisioningState Failed, its revision still serving.
pub fn failed(state: &mut State) {
    with_app(state, |app| app.provisioning_state = "Failed".into());
}

/// The newest revision made with this suffix, which is still in the template.
pub fn suffix(state: &mut State, suffix: &str) {
    with_app(state, |app| {
        app.model["properties"]["template"]["revisionSuffix"] = json!(suffix);
        let name = format!("{APP}--{suffix}");
        app.latest_ready = Some(name.clone());
        if let Some(revision) = app.revisions.last_mut() {
            revision.name = name;
        }
    });
}

/// No minimum of replicas: scaled to zero by now.
pub fn scaled_to_zero(state: &mut State) {
    with_app(state, |app| {
        app.model["properties"]["template"]["scale"]["minReplicas"] = json!(0);
    });
}

/// The newest revision unhealthy, for this reason.
pub fn unhealthy(state: &mut State, reason: &str) {
    with_app(state, |app| {
        app.latest_ready = None;
        if let Some(revision) = app.revisions.last_mut() {
            revision.fate = Fate::Unhealthy(reason.to_owned());
        }
    });
}

/// A tag on the app.
pub fn tag(state: &mut State, name: &str, value: &str) {
    with_app(state, |app| app.model["tags"][name] = json!(value));
}

/// The caller `name` with no role but `role` (a GUID) at each of `scopes`; under `condition`, where one is
/// given.
pub fn caller_with(state: &mut State, name: &str, roles: &[(&str, &str)], condition: Option<&str>) {
    let Some(principal) = state.callers.get(name).map(|caller| caller.principal.clone()) else {
        return;
    };
    state.role_assignments.retain(|_, assignment| assignment.principal != principal);
    for (scope, role) in roles {
        let id = super::assign_role(state, scope, role, &principal, OffsetDateTime::UNIX_EPOCH);
        if let (Some(condition), Some(assignment)) = (condition, state.role_assignments.get_mut(&fold(&id))) {
            assignment.extra.insert("condition".to_owned(), json!(condition));
            assignment.extra.insert("conditionVersion".to_owned(), json!("2.0"));
        }
    }
}

/// A custom role with these actions; returns its GUID.
pub fn custom_role(state: &mut State, name: &str, actions: &[&str], not_actions: &[&str]) -> String {
    let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    let guid = state.new_guid("role");
    let role = CustomRole { name: name.to_owned(), actions: owned(actions), not_actions: owned(not_actions) };
    state.custom_roles.insert(guid.clone(), role);
    guid
}

/// A deny assignment of these actions at `scope`, for everybody; to be changed further by its id.
pub fn deny(state: &mut State, scope: &str, actions: &[&str]) -> String {
    let guid = state.new_guid("deny");
    let id = format!("{scope}/providers/Microsoft.Authorization/denyAssignments/{guid}");
    state.deny_assignments.insert(
        fold(&id),
        DenyAssignment {
            id: id.clone(),
            name: "Deny assignment 'hold' created by Deployment Stack 'demo'".to_owned(),
            scope: scope.to_owned(),
            actions: actions.iter().map(|one| (*one).to_owned()).collect(),
            principals: vec![(uuid::Uuid::nil().to_string(), "SystemDefined".to_owned())],
            system_protected: true,
            ..DenyAssignment::default()
        },
    );
    fold(&id)
}

/// A policy at `scope` that denies writing resources of this type (lower case; empty: of every one) which
/// have something at `pointer`; empty: all.
pub fn policy(state: &mut State, scope: &str, resource_type: &str, pointer: &str) -> String {
    let id = format!("{scope}/providers/Microsoft.Authorization/policyAssignments/house-rules");
    state.policies.insert(
        fold(&id),
        PolicyAssignment {
            id: id.clone(),
            scope: scope.to_owned(),
            definition: "House rules for apps".to_owned(),
            definition_id: format!(
                "{}/providers/Microsoft.Authorization/policyDefinitions/house-rules-definition",
                super::subscription_id()
            ),
            resource_type: resource_type.to_owned(),
            pointer: pointer.to_owned(),
            of_azure: false,
        },
    );
    fold(&id)
}

/// A lock of this level (`CanNotDelete`, `ReadOnly`) at `scope`.
pub fn lock(state: &mut State, scope: &str, level: &str) {
    let id = format!("{scope}/providers/Microsoft.Authorization/locks/hold");
    state.locks.insert(
        fold(&id),
        Lock { id, scope: scope.to_owned(), level: level.to_owned(), notes: String::new() },
    );
}

/// A SQL server closed to the public. `private`: it has a private endpoint.
pub fn sql_closed(state: &mut State, server: &str, private: bool) {
    let Some(server) = state.sql_server_mut(server) else { return };
    server.properties["publicNetworkAccess"] = json!("Disabled");
    if private {
        let (id, name) = (server.id.clone(), format!("pe-{}", server.name()));
        let group = id.split("/providers/").next().unwrap_or_default();
        server.properties["privateEndpointConnections"] = json!([{
            "id": format!("{id}/privateEndpointConnections/{name}"),
            "properties": {
                "privateEndpoint": { "id": format!("{group}/providers/Microsoft.Network/privateEndpoints/{name}") },
                "privateLinkServiceConnectionState": {
                    "status": "Approved", "description": "Auto-approved", "actionsRequired": "None",
                },
                "provisioningState": "Ready",
            },
        }]);
    }
}

/// Another SQL server like the seeded one, in the group with this id; in its database nobody is known.
pub fn sql_server_elsewhere(state: &mut State, name: &str, group: &str) {
    let Some(mut server) = state.sql_server(super::SQL_SERVER).cloned() else { return };
    server.id = format!("{group}/providers/Microsoft.Sql/servers/{name}");
    server.properties["fullyQualifiedDomainName"] = json!(format!("{name}.database.windows.net"));
    state.add_sql_server(server);
}

/// A user of the seeded database: `sid` as `0x` and hex digits, a member of `roles`.
pub fn sql_user(state: &mut State, name: &str, sid: &str, roles: &[&str]) {
    let server = state.sql_server_mut(super::SQL_SERVER);
    let Some(database) = server.and_then(|server| server.databases.get_mut(super::SQL_DATABASE)) else {
        return;
    };
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let user = SqlUser { sid: sid.to_owned(), kind: "E".to_owned(), roles };
    database.users.insert(name.to_owned(), user);
}
