//! `Microsoft.App`: environments (read) and the shares they know, container apps, their revisions, replicas, secrets,
//! authentication and operations.

pub(in crate::sandbox) mod auth;
pub(in crate::sandbox) mod checks;
mod dapr;
pub(in crate::sandbox) mod domains;
pub(in crate::sandbox) mod identities;
mod lifecycle;
mod names;
pub(in crate::sandbox) mod registries;
pub(in crate::sandbox) mod render;
pub(in crate::sandbox) mod revisions;
pub(in crate::sandbox) mod schema;
pub(in crate::sandbox) mod secrets;
mod storages;
pub(in crate::sandbox) mod volumes;
mod write;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::operations;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{App, Fate, OperationKind, Revision, elements, fold, last};

const KIND: &str = "Microsoft.App/containerApps";
const ENVIRONMENTS: &str = "Microsoft.App/managedEnvironments";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    let kind = address.kind();
    match (context.method, kind.as_str(), address.is_resource()) {
        ("GET", "managedenvironments", _) => environments(context, address),
        ("POST", "managedenvironments/checknameavailability", false) => names::check(context, address),
        ("GET", "managedenvironments/storages", _) => storages::get(context, address),
        ("PUT", "managedenvironments/storages", true) => storages::put(context, address),
        ("DELETE", "managedenvironments/storages", true) => storages::delete(context, address),
        ("GET", "managedenvironments/daprcomponents", _) => dapr::get(context, address),
        ("PUT", "managedenvironments/daprcomponents", true) => dapr::put(context, address),
        ("DELETE", "managedenvironments/daprcomponents", true) => dapr::delete(context, address),
        ("POST", "managedenvironments/daprcomponents/listsecrets", false) => {
            dapr::list_secrets(context, address)
        }
        ("GET", "managedenvironments/daprcomponents/resiliencypolicies", _)
        | ("PUT" | "DELETE", "managedenvironments/daprcomponents/resiliencypolicies", true) => {
            dapr::policies(context, address)
        }
        ("GET", "managedenvironments/managedcertificates", _) => domains::managed::get(context, address),
        ("PUT", "managedenvironments/managedcertificates", true) => domains::managed::put(context, address),
        ("PATCH", "managedenvironments/managedcertificates", true) => {
            domains::managed::patch(context, address)
        }
        ("DELETE", "managedenvironments/managedcertificates", true) => {
            domains::managed::delete(context, address)
        }
        ("GET", "managedenvironments/certificates", _) => domains::certificates::get(context, address),
        ("PUT", "managedenvironments/certificates", true) => domains::certificates::put(context, address),
        ("PATCH", "managedenvironments/certificates", true) => domains::certificates::patch(context, address),
        ("DELETE", "managedenvironments/certificates", true) => {
            domains::certificates::delete(context, address)
        }
        ("POST", "containerapps/listcustomhostnameanalysis", false) => domains::analysis(context, address),
        ("GET", "containerapps", false) => list(context, address),
        ("GET", "containerapps", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            let app = write::existing(context, address)?;
            let body = render::app(context.state, app, context.now, context.rules);
            Ok(Answer::new(200, body))
        }
        ("PUT", "containerapps", true) => write::put(context, address),
        ("PATCH", "containerapps", true) => write::patch(context, address),
        ("DELETE", "containerapps", true) => lifecycle::delete(context, address),
        ("POST", "containerapps/listsecrets", false) => list_secrets(context, address),
        ("POST", "containerapps/start", false) => lifecycle::switch(context, address, OperationKind::Start),
        ("POST", "containerapps/stop", false) => lifecycle::switch(context, address, OperationKind::Stop),
        ("GET", "containerapps/authconfigs", _) => auth::get(context, address),
        ("PUT", "containerapps/authconfigs", true) => auth::put(context, address),
        ("DELETE", "containerapps/authconfigs", true) => auth::delete(context, address),
        ("GET", "containerapps/revisions", _) => read_revisions(context, address),
        ("POST", "containerapps/revisions/restart", false) => act(context, address, "restart"),
        ("POST", "containerapps/revisions/activate", false) => act(context, address, "activate"),
        ("POST", "containerapps/revisions/deactivate", false) => act(context, address, "deactivate"),
        ("GET", "containerapps/revisions/replicas", _) => read_replicas(context, address),
        (
            "GET",
            "locations/containerappoperationstatuses" | "locations/managedcertificateoperationstatuses",
            true,
        ) => status(context, address),
        ("GET", "locations/containerappoperationresults", true) => result(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

fn environments(context: &mut Context<'_>, address: &Address) -> Handled {
    if address.is_resource() {
        context.require(&format!("{ENVIRONMENTS}/read"), &address.target())?;
        let environment = resources::named(context, address, ENVIRONMENTS, &context.state.environments)?;
        return Ok(Answer::new(200, render::environment_body(context.state, environment)));
    }
    let found = resources::listed(context, address, ENVIRONMENTS, &context.state.environments)?;
    context.page(found.map(|environment| render::environment_body(context.state, environment)).collect())
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.apps)?;
    context.page_of(found, |app| render::app(context.state, app, context.now, context.rules))
}

fn list_secrets(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listSecrets/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let app = write::existing(context, address)?;
    let values = app.secret_values();
    let secrets: Vec<Json> = elements(&app.configuration()["secrets"])
        .iter()
        .map(|entry| {
            let mut entry = entry.clone();
            if let Some(value) = entry["name"].as_str().and_then(|name| values.get(name)) {
                entry["value"] = json!(value);
            }
            entry
        })
        .collect();
    Ok(Answer::new(200, json!({ "value": secrets })))
}

/// The revision that `address` names, with its app.
fn revision<'a>(context: &'a Context<'_>, address: &Address) -> Result<(&'a App, &'a Revision), Refusal> {
    let app = write::existing(context, address)?;
    let name = address.name(1);
    let revision =
        app.revisions.iter().find(|revision| revision.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            errors::resource_not_found(
                &format!("{KIND}/{}/revisions", app.name()),
                name,
                last(&address.scope),
            )
        })?;
    Ok((app, revision))
}

fn read_revisions(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/revisions/read"), &address.target())?;
    if address.is_resource() {
        let (app, revision) = revision(context, address)?;
        let body = render::revision(context.state, app, revision, context.now, context.rules);
        return Ok(Answer::new(200, body));
    }
    let app = write::existing(context, address)?;
    let found = app
        .revisions
        .iter()
        .map(|revision| render::revision(context.state, app, revision, context.now, context.rules))
        .collect();
    context.page(found)
}

fn read_replicas(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/revisions/replicas/read"), &address.target())?;
    let (app, revision) = revision(context, address)?;
    let replicas = render::replicas(app, revision, context.now, context.rules);
    if !address.is_resource() {
        return Ok(Answer::new(200, json!({ "value": replicas })));
    }
    replicas
        .into_iter()
        .find(|replica| replica["name"] == address.name(2))
        .map(|replica| Answer::new(200, replica))
        .ok_or_else(|| {
            errors::resource_not_found(
                &format!("{KIND}/revisions/replicas"),
                address.name(2),
                last(&address.scope),
            )
        })
}

fn act(context: &mut Context<'_>, address: &Address, verb: &str) -> Handled {
    context.require(&format!("{KIND}/revisions/{verb}/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let name = revision(context, address)?.1.name.clone();
    let now = context.now;
    if verb == "deactivate" && !context.rules.holds(Switch::BusyRevisionDeactivated) {
        let weight = context.state.apps.get(&fold(&address.id(1))).and_then(|app| {
            app.revision(&name).map(|revision| revisions::weight(app, revision, context.rules))
        });
        if weight.is_some_and(|weight| weight > 0) {
            return Err(Refusal::new(
                400,
                "RevisionHasTraffic",
                format!("The revision '{name}' cannot be deactivated because it receives traffic."),
            ));
        }
    }
    let started = context.state.apps.get(&fold(&address.id(1))).map(|app| {
        if verb == "activate" {
            registries::still_defined(app, &name)?;
        }
        Ok(revisions::started_again(context.state, now, context.rules, app, &name))
    });
    let fate = started.transpose()?.flatten();
    if let Some(app) = context.state.apps.get_mut(&fold(&address.id(1))) {
        let secrets = app.secret_values();
        if let Some(revision) = app.revisions.iter_mut().find(|revision| revision.name == name) {
            if verb == "deactivate" {
                revision.active = false;
            } else {
                revision.active |= verb == "activate";
                revision.started = now;
                revision.secrets = secrets;
                if let Some(fate) = fate {
                    // One that was never provisioned becomes ready in the usual way.
                    let provisioned = !matches!(revision.fate, Fate::Mounting(_));
                    revision.settles = if provisioned { revision.settles } else { now };
                    revision.settled = provisioned;
                    revision.fate = fate;
                }
            }
        }
    }
    Ok(Answer::empty(200))
}

fn operation(context: &Context<'_>, address: &Address) -> Result<crate::sandbox::state::Operation, Refusal> {
    let scope = &address.scope;
    let kind = address.types.get(1).map_or("", String::as_str);
    // Of certificates it is known (microsoft/azure-container-apps#607).
    let guarded = kind.eq_ignore_ascii_case(domains::managed::STATUSES);
    if guarded || !context.rules.holds(Switch::OperationUrlOpen) {
        context.require(&format!("Microsoft.App/locations/{kind}/read"), scope)?;
    }
    let operation = context.state.operations.get(address.name(1));
    let operation = operation.ok_or_else(|| {
        Refusal::new(404, "OperationNotFound", format!("The operation '{}' was not found.", address.name(1)))
    })?;
    match operation.url_refuses {
        Some(403) => Err(crate::sandbox::callers::denied(
            context.caller,
            "Microsoft.App/locations/containerappOperationStatuses/read",
            context.path,
        )),
        Some(status) => Err(Refusal::new(
            status,
            "ResourceNotFound",
            format!("The resource '{}' was not found.", context.path),
        )),
        None => Ok(operation.clone()),
    }
}

fn status(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = operation(context, address)?;
    let answer = Answer::new(200, operations::status_body(&operation, context.path));
    let (name, value) = context.delays.retry_header();
    Ok(if operation.ended { answer } else { answer.with(&name, value) })
}

fn result(context: &mut Context<'_>, address: &Address) -> Handled {
    let operation = operation(context, address)?;
    if !operation.ended {
        let [_, results] = lifecycle::urls(context, &operation);
        let (name, value) = context.delays.retry_header();
        return Ok(Answer::empty(202).with("location", results).with(&name, value));
    }
    if let Some((status, error)) =
        operation.failure.as_ref().filter(|_| context.rules.holds(Switch::FailedLocationIsError))
    {
        return Ok(Answer::new(*status, json!({ "error": error })));
    }
    Ok(match context.state.apps.get(&fold(&operation.resource)) {
        Some(app) => Answer::new(200, render::app(context.state, app, context.now, context.rules)),
        None => Answer::empty(204),
    })
}
