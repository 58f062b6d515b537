//! `Microsoft.ServiceBus`: namespaces and their queues, as the control plane shows them.

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{Queue, ServiceBus};

const KIND: &str = "Microsoft.ServiceBus/namespaces";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method) {
        ("namespaces", "GET") => namespaces(context, address),
        ("namespaces/queues", "GET") => queues(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a ServiceBus, Refusal> {
    resources::named(context, address, KIND, &context.state.service_buses)
}

fn namespaces(context: &mut Context<'_>, address: &Address) -> Handled {
    if address.is_resource() {
        context.require(&format!("{KIND}/read"), &address.target())?;
        return Ok(Answer::new(200, body(existing(context, address)?)));
    }
    let found = resources::listed(context, address, KIND, &context.state.service_buses)?;
    context.page(found.map(body).collect())
}

fn queues(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/queues/read"), &address.target())?;
    let namespace = existing(context, address)?;
    if !address.is_resource() {
        let found = namespace.queues.iter().map(|(name, queue)| queue_body(namespace, name, queue)).collect();
        return context.page(found);
    }
    // Names of queues have no case.
    let wanted = address.name(1);
    let found = namespace.queues.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let (name, queue) = found.ok_or_else(|| {
        Refusal::new(
            404,
            "MessagingGatewayNotFoundStatusCode",
            format!("The requested entity '{}:{wanted}' was not found.", namespace.name()),
        )
    })?;
    Ok(Answer::new(200, queue_body(namespace, name, queue)))
}

fn body(namespace: &ServiceBus) -> Json {
    json!({
        "id": namespace.id,
        "name": namespace.name(),
        "type": KIND,
        "location": namespace.location,
        "tags": namespace.tags,
        "sku": { "name": namespace.sku, "tier": namespace.sku },
        "properties": namespace.properties,
    })
}

fn queue_body(namespace: &ServiceBus, name: &str, queue: &Queue) -> Json {
    let mut properties = queue.properties.clone();
    properties["messageCount"] = json!(queue.messages);
    properties["countDetails"] = json!({ "activeMessageCount": queue.messages, "deadLetterMessageCount": 0 });
    json!({
        "id": format!("{}/queues/{name}", namespace.id),
        "name": name,
        "type": format!("{KIND}/queues"),
        "location": namespace.location,
        "properties": properties,
    })
}
