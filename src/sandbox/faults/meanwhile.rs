//! What others do right before a request is answered.

use serde_json::{Value as Json, json};

use crate::sandbox::callers::{self, TOKEN_PREFIX};
use crate::sandbox::exchange::Service;
use crate::sandbox::hosts::{Named, named};
use crate::sandbox::http::Request;
use crate::sandbox::router::Address;
use crate::sandbox::state::{State, elements, fold};

/// The tag, and the variable of every container, that an edit by somebody else sets.
pub(in crate::sandbox) const EDITED: &str = "EDITED_BY_OTHERS";

/// Who that is.
const SOMEBODY: &str = "owner";

/// The api-version that somebody else uses.
const THEIR_VERSION: &str = "2025-01-01";

/// Deletes what the request is about, or the nearest above it that is kept on its own; a group or a subscription is
/// left alone. Whether there was one.
pub(in crate::sandbox) fn delete(state: &mut State, service: Service, request: &Request) -> bool {
    let found = match service {
        Service::ResourceManager => {
            Address::parse(request.path.trim_end_matches('/')).map(|address| address.target())
        }
        Service::Registry => state.registry_at(&request.host).map(|registry| registry.id.clone()),
        Service::Sql => state.sql_server_at(&request.host).map(|server| server.id.clone()),
        Service::App => match named(state, &request.host) {
            Named::App { id, .. } => Some(id),
            _ => None,
        },
        Service::Storage => None,
    };
    let mut id = fold(&found.unwrap_or_default());
    while id.contains("/providers/") {
        if remove(state, &id) {
            return true;
        }
        let cut = id.match_indices('/').rev().nth(1).map_or(0, |(at, _)| at);
        id.truncate(cut);
    }
    false
}

/// Every table of what a request may be about: `each` of them, or whether it holds of `any`.
macro_rules! tables {
    ($which:ident in $state:ident, |$table:ident| $what:expr) => {
        tables!(@ $which $state $table $what; environments apps auth_configs jobs identities vaults registries
            sql_servers cosmos_accounts storage_accounts environment_storages dapr_components managed_certificates
            certificates redis redis_enterprise service_buses dns_zones role_assignments locks)
    };
    (@ each $state:ident $table:ident $what:expr; $($name:ident)*) => {{
        $({ let $table = &mut $state.$name; $what; })*
    }};
    (@ any $state:ident $table:ident $what:expr; $($name:ident)*) => {
        $({ let $table = &$state.$name; $what })||*
    };
}

/// Removes a resource with all below it; whether there was one.
fn remove(state: &mut State, id: &str) -> bool {
    if !tables!(any in state, |table| table.contains_key(id)) {
        return false;
    }
    let gone = |have: &str| callers::covers(id, have);
    let systems = state.apps.iter().filter(|(key, _)| gone(key)).map(|(_, app)| &app.identity);
    let systems = systems.chain(state.jobs.iter().filter(|(key, _)| gone(key)).map(|(_, job)| &job.identity));
    let systems = systems.filter_map(|identity| identity.system.as_ref()).map(|one| one.principal_id.clone());
    let identities = state.identities.iter().filter(|(key, _)| gone(key));
    let principals: Vec<String> =
        systems.chain(identities.map(|(_, identity)| identity.principal_id.clone())).collect();
    state.principals.retain(|id, _| !principals.contains(id));
    tables!(each in state, |table| table.retain(|key, _| !callers::covers(id, key)));
    true
}

/// The request by which somebody who owns the subscription edits the app or the job of this name: a tag, and a
/// variable in each container. It goes the way of every request, so that it begins an operation and a revision of its
/// own; while another one is going on it is refused, and nothing happens.
pub(in crate::sandbox) fn edit(state: &State, name: &str, request: &Request) -> Option<Request> {
    let app = state.app(name).map(|app| (&app.id, &app.model));
    let job = || {
        let mut jobs = state.jobs.values();
        jobs.find(|job| job.name().eq_ignore_ascii_case(name)).map(|job| (&job.id, &job.model))
    };
    let (id, model) = app.or_else(job)?;
    let mut tags = model["tags"].clone();
    if !tags.is_object() {
        tags = json!({});
    }
    tags[EDITED] = json!("yes");
    let mut containers = model["properties"]["template"]["containers"].clone();
    for container in containers.as_array_mut().into_iter().flatten() {
        let mut variables = elements(&container["env"]).to_vec();
        variables.retain(|have: &Json| have["name"] != EDITED);
        variables.push(json!({ "name": EDITED, "value": "yes" }));
        container["env"] = Json::Array(variables);
    }
    let mut template = json!({ "containers": containers });
    if model["properties"]["template"]["revisionSuffix"].is_string() {
        // Left in place it would collide with the revision that has it.
        template["revisionSuffix"] = Json::Null;
    }
    let body = json!({ "tags": tags, "properties": { "template": template } });
    Some(Request {
        method: "PATCH".to_owned(),
        host: request.host.clone(),
        path: id.clone(),
        query: vec![("api-version".to_owned(), THEIR_VERSION.to_owned())],
        headers: vec![("authorization".to_owned(), format!("Bearer {TOKEN_PREFIX}{SOMEBODY}"))],
        body: body.to_string().into_bytes(),
    })
}
