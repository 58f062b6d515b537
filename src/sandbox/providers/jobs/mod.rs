//! `Microsoft.App/jobs`: jobs, their secrets and executions, and the operations on them.

mod checks;
mod cron;
mod lifecycle;
mod render;
pub(in crate::sandbox) mod runs;
mod schema;
mod write;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{Execution, Job, elements, fold, last};

pub(in crate::sandbox) use lifecycle::end;

const KIND: &str = "Microsoft.App/jobs";

/// Whether an address of `Microsoft.App` is one of this provider's.
pub(in crate::sandbox) fn is_meant(address: &Address) -> bool {
    let first = address.types.first().is_some_and(|kind| kind.eq_ignore_ascii_case("jobs"));
    first || lifecycle::OPERATIONS.iter().any(|kind| address.kind() == format!("locations/{}", fold(kind)))
}

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (context.method, address.kind().as_str(), address.is_resource()) {
        ("GET", "jobs", false) => list(context, address),
        ("GET", "jobs", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            Ok(Answer::new(200, render::job(context.state, existing(context, address)?)))
        }
        ("PUT", "jobs", true) => write::put(context, address),
        ("PATCH", "jobs", true) => write::patch(context, address),
        ("DELETE", "jobs", true) => lifecycle::delete(context, address),
        ("POST", "jobs/listsecrets", false) => list_secrets(context, address),
        ("POST", "jobs/start", false) => lifecycle::start(context, address),
        ("GET", "jobs/executions", _) => executions(context, address),
        ("POST", "jobs/stop" | "jobs/executions/stop", false) => stop(context, address),
        ("GET", "locations/containerappsjoboperationstatuses", true) => lifecycle::status(context, address),
        ("GET", "locations/containerappsjoboperationresults", true) => lifecycle::result(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The job that `address` names.
fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a Job, Refusal> {
    resources::named(context, address, KIND, &context.state.jobs)
}

/// The execution that `address` names, with its job.
fn execution<'a>(context: &'a Context<'_>, address: &Address) -> Result<(&'a Job, &'a Execution), Refusal> {
    let job = existing(context, address)?;
    let name = address.name(1);
    let found = job.executions.iter().find(|one| one.name.eq_ignore_ascii_case(name));
    found.map(|one| (job, one)).ok_or_else(|| {
        errors::resource_not_found(&format!("{KIND}/{}/executions", job.name()), name, last(&address.scope))
    })
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.jobs)?;
    context.page(found.map(|job| render::job(context.state, job)).collect())
}

fn list_secrets(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listSecrets/action"), &address.target())?;
    context.unlocked(&address.target())?;
    let job = existing(context, address)?;
    let values = job.secret_values();
    let secrets: Vec<Json> = elements(&job.configuration()["secrets"])
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

fn executions(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/executions/read"), &address.target())?;
    if address.is_resource() {
        let (job, one) = execution(context, address)?;
        return Ok(Answer::new(200, render::execution(job, one, context.now)));
    }
    let job = existing(context, address)?;
    // The newest first, as `az` shows what it gets.
    let found = job.executions.iter().rev().map(|one| render::execution(job, one, context.now)).collect();
    context.page(found)
}

/// Stops one execution, or all.
fn stop(context: &mut Context<'_>, address: &Address) -> Handled {
    let one = address.names.len() == 2;
    let action = if one { format!("{KIND}/executions/stop/action") } else { format!("{KIND}/stop/action") };
    context.require(&action, &address.target())?;
    context.unlocked(&address.target())?;
    let job = existing(context, address)?.id.clone();
    if one {
        let name = execution(context, address)?.1.name.clone();
        runs::stop(context.state, context.now, &job, Some(&name));
        return Ok(Answer::empty(200));
    }
    runs::stop(context.state, context.now, &job, None);
    let job = existing(context, address)?;
    let found: Vec<Json> =
        job.executions.iter().rev().map(|one| render::execution(job, one, context.now)).collect();
    Ok(Answer::new(200, json!({ "value": found })))
}
