//! Access policy assignments of both services: who may do what with the data.

use serde_json::{Value as Json, json};

use super::{BUILT_IN, cache, cluster, database};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{AccessPolicyAssignment, Operation, OperationKind, State, fold, last};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// Azure Cache for Redis.
    Cache,
    /// Azure Managed Redis.
    Managed,
}

impl Service {
    fn of(address: &Address) -> Service {
        if address.types.len() == 2 { Service::Cache } else { Service::Managed }
    }

    fn kind(self) -> &'static str {
        match self {
            Service::Cache => "Microsoft.Cache/redis/accessPolicyAssignments",
            Service::Managed => "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments",
        }
    }

    /// How deep the resource lies that an assignment belongs to.
    fn depth(self) -> usize {
        match self {
            Service::Cache => 1,
            Service::Managed => 2,
        }
    }

    /// The state while a write of it is under way, when it was there before.
    fn underway(self, new: bool) -> &'static str {
        match self {
            Service::Managed if new => "Creating",
            _ => "Updating",
        }
    }
}

pub(super) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (context.method, address.is_resource()) {
        ("GET", _) => get(context, address),
        ("PUT", true) => put(context, address),
        ("DELETE", true) => delete(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The id, in its own spelling, of the cache or database that `address` stands below.
fn holder(context: &Context<'_>, address: &Address) -> Result<String, Refusal> {
    match Service::of(address) {
        Service::Cache => Ok(cache(context, address)?.id.clone()),
        Service::Managed => {
            database(context, address)?;
            let cluster = cluster(context, address)?;
            Ok(format!("{}/databases/{}", cluster.id, address.name(1).to_ascii_lowercase()))
        }
    }
}

fn body(service: Service, holder: &str, assignment: &AccessPolicyAssignment) -> Json {
    let properties = match service {
        Service::Cache => json!({
            "provisioningState": assignment.provisioning_state,
            "objectId": assignment.object_id,
            "objectIdAlias": assignment.alias,
            "accessPolicyName": assignment.policy,
        }),
        Service::Managed => json!({
            "provisioningState": assignment.provisioning_state,
            "accessPolicyName": assignment.policy,
            "user": { "objectId": assignment.object_id },
        }),
    };
    let kind = match service {
        Service::Cache => "Microsoft.Cache/Redis/accessPolicyAssignments",
        Service::Managed => service.kind(),
    };
    json!({
        "id": format!("{holder}/accessPolicyAssignments/{}", assignment.name),
        "name": assignment.name,
        "type": kind,
        "properties": properties,
    })
}

fn not_found(address: &Address) -> Refusal {
    errors::resource_not_found(Service::of(address).kind(), &address.names.join("/"), last(&address.scope))
}

fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    let service = Service::of(address);
    context.require(&format!("{}/read", service.kind()), &address.target())?;
    let holder = holder(context, address)?;
    let all = context.state.redis_assignments(&holder).into_iter().flatten();
    if !address.is_resource() {
        let all = all.map(|(_, assignment)| body(service, &holder, assignment)).collect();
        return context.page(all);
    }
    let wanted = address.name(service.depth()).to_ascii_lowercase();
    let found = all.into_iter().find(|(name, _)| **name == wanted);
    let (_, assignment) = found.ok_or_else(|| not_found(address))?;
    Ok(Answer::new(200, body(service, &holder, assignment)))
}

fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let service = Service::of(address);
    let target = address.target();
    context.require(&format!("{}/write", service.kind()), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Cache")?;
    let holder = holder(context, address)?;
    let name = address.name(service.depth());
    let mut wanted = read(context, service, name)?;
    let before =
        context.state.redis_assignments(&holder).and_then(|all| all.get(&name.to_ascii_lowercase())).cloned();
    context.compliant(&target, &body(service, &holder, &wanted))?;
    match service {
        Service::Cache => acceptable_to_cache(context, address, &wanted)?,
        Service::Managed => acceptable_to_managed(context, address, &wanted)?,
    }
    unique(context, service, &holder, &wanted, before.as_ref())?;
    idle(context, address)?;

    let same = before.as_ref().is_some_and(|before| {
        before.object_id.eq_ignore_ascii_case(&wanted.object_id)
            && (&before.policy, &before.alias) == (&wanted.policy, &wanted.alias)
            && before.provisioning_state == "Succeeded"
    });
    if let (true, Some(before)) = (same, &before) {
        return Ok(Answer::new(200, body(service, &holder, before)));
    }
    service.underway(before.is_none()).clone_into(&mut wanted.provisioning_state);
    let answer = body(service, &holder, &wanted);
    if let Some(all) = context.state.redis_assignments_mut(&holder) {
        all.insert(wanted.name.to_ascii_lowercase(), wanted.clone());
    }
    let id = format!("{holder}/accessPolicyAssignments/{}", wanted.name);
    let gone = before.is_none() && context.rules.holds(Switch::FailedAssignmentGone);
    let operation = begin(context, &id, OperationKind::Write, gone);
    let status = if before.is_none() { 201 } else { 200 };
    Ok(underway(context, service, &operation, Answer::new(status, answer)))
}

fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let service = Service::of(address);
    let target = address.target();
    context.require(&format!("{}/delete", service.kind()), &target)?;
    context.unlocked(&target)?;
    let holder = holder(context, address)?;
    idle(context, address)?;
    let name = address.name(service.depth()).to_ascii_lowercase();
    let all = context.state.redis_assignments_mut(&holder);
    let Some(assignment) = all.and_then(|all| all.get_mut(&name)) else {
        return Ok(Answer::empty(204));
    };
    "Deleting".clone_into(&mut assignment.provisioning_state);
    let id = format!("{holder}/accessPolicyAssignments/{}", assignment.name);
    let operation = begin(context, &id, OperationKind::Delete, false);
    Ok(underway(context, service, &operation, Answer::empty(202)))
}

/// The body as an assignment. What is missing or ill-formed is refused as the schema says.
fn read(context: &Context<'_>, service: Service, name: &str) -> Result<AccessPolicyAssignment, Refusal> {
    let sent = context.object()?;
    let properties = &sent["properties"];
    let text = |value: &Json, what: &str| match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(errors::invalid_content(format!("The request content was invalid: {what} is required."))),
    };
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    let named = match service {
        Service::Cache => letters(&name.replace('-', "")) && !name.starts_with('-') && !name.ends_with('-'),
        Service::Managed => {
            let length = (1..=60).contains(&name.len());
            let hyphens = !context.rules.holds(Switch::HyphensRefused);
            length && (letters(name) || (hyphens && letters(&name.replace('-', ""))))
        }
    };
    if !named {
        let pattern = match service {
            Service::Cache => "^([a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]|[a-zA-Z0-9])$",
            Service::Managed => "^[A-Za-z0-9]{1,60}$",
        };
        return Err(Refusal::new(
            400,
            "InvalidResourceName",
            format!("The access policy assignment name '{name}' does not match '{pattern}'."),
        ));
    }
    let (object_id, alias) = match service {
        Service::Cache => (
            text(&properties["objectId"], "properties.objectId")?,
            text(&properties["objectIdAlias"], "properties.objectIdAlias")?,
        ),
        Service::Managed => {
            (text(&properties["user"]["objectId"], "properties.user.objectId")?, String::new())
        }
    };
    if uuid::Uuid::parse_str(&object_id).is_err() {
        return Err(invalid(&format!(
            "The requested access policy assignment (objectId: {object_id}) is invalid."
        )));
    }
    Ok(AccessPolicyAssignment {
        name: name.to_owned(),
        object_id,
        alias,
        policy: text(&properties["accessPolicyName"], "properties.accessPolicyName")?,
        provisioning_state: "Succeeded".to_owned(),
    })
}

/// The refusal of Azure Cache for Redis: code and link as in hashicorp/terraform-provider-azurerm#31378.
fn invalid(why: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAccessPolicyAssignment",
        format!(
            "{why} For more information, please refer to the following link: \
             https://aka.ms/redis/MicrosoftEntraAuthenticationPrerequisites."
        ),
    )
}

fn acceptable_to_cache(
    context: &Context<'_>,
    address: &Address,
    wanted: &AccessPolicyAssignment,
) -> Result<(), Refusal> {
    let cache = cache(context, address)?;
    let entra = cache.properties["redisConfiguration"]["aad-enabled"]
        .as_str()
        .is_some_and(|on| on.eq_ignore_ascii_case("true"));
    if !entra && context.rules.holds(Switch::EntraOffRefused) {
        return Err(invalid(&format!(
            "Microsoft Entra authentication is not enabled on the cache '{}'.",
            cache.name()
        )));
    }
    let policy = wanted.policy.as_str();
    let known = BUILT_IN.iter().any(|(name, _)| *name == policy) || cache.policies.contains_key(policy);
    if known || !context.rules.holds(Switch::UnknownPolicyRefused) {
        return Ok(());
    }
    Err(invalid(&format!("The access policy '{policy}' does not exist on the cache '{}'.", cache.name())))
}

fn acceptable_to_managed(
    context: &Context<'_>,
    address: &Address,
    wanted: &AccessPolicyAssignment,
) -> Result<(), Refusal> {
    let cluster = cluster(context, address)?;
    if cluster.kind == "v1" {
        return Err(Refusal::new(
            400,
            "BadRequest",
            format!(
                "Access policy assignments are not supported for the SKU '{}' of '{}'.",
                cluster.sku,
                cluster.name()
            ),
        ));
    }
    if wanted.policy == "default" {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "BadRequest",
        format!("The access policy '{}' is not supported. Only 'default' is supported.", wanted.policy),
    ))
}

/// One assignment an object id, and one object id a name.
fn unique(
    context: &Context<'_>,
    service: Service,
    holder: &str,
    wanted: &AccessPolicyAssignment,
    before: Option<&AccessPolicyAssignment>,
) -> Result<(), Refusal> {
    let duplicate = || {
        invalid(
            "An invalid access policy assignment was detected due to duplicate entries. Please review and \
             ensure that each assignment has a unique combination of assignmentName, policyName, and \
             objectId to avoid such duplicates.",
        )
    };
    let same = |one: &AccessPolicyAssignment| one.object_id.eq_ignore_ascii_case(&wanted.object_id);
    let elsewhere = context
        .state
        .redis_assignments(holder)
        .into_iter()
        .flatten()
        .any(|(name, one)| *name != wanted.name.to_ascii_lowercase() && same(one));
    if elsewhere {
        return Err(duplicate());
    }
    let Some(before) = before else { return Ok(()) };
    let fixed = service == Service::Cache || context.rules.holds(Switch::ManagedNameKeepsObject);
    if !same(before) && fixed {
        return Err(duplicate());
    }
    if before.policy != wanted.policy && !context.rules.holds(Switch::PolicyChangesInPlace) {
        return Err(duplicate());
    }
    Ok(())
}

/// One management operation at a time: a cache that is being updated takes no other.
fn idle(context: &Context<'_>, address: &Address) -> Result<(), Refusal> {
    let ready = |properties: &Json| {
        properties["provisioningState"] == "Succeeded"
            && properties.get("resourceState").is_none_or(|state| state == "Running")
    };
    let (id, ready) = match Service::of(address) {
        Service::Cache => {
            let cache = cache(context, address)?;
            (cache.id.clone(), ready(&cache.properties))
        }
        Service::Managed => {
            let cluster = cluster(context, address)?;
            let ready = ready(&cluster.properties) && ready(&database(context, address)?.properties);
            (cluster.id.clone(), ready)
        }
    };
    let below = format!("{}/", fold(&id));
    let busy = context
        .state
        .operations
        .values()
        .any(|operation| !operation.ended && fold(&operation.resource).starts_with(&below));
    if ready && !busy {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "Conflict",
        format!(
            "The resource '{id}' is busy processing a previous update request or is undergoing system \
             maintenance. As such, it is currently unable to accept the update request. Please try again later."
        ),
    ))
}

/// Begins an operation; `gone`: failing, it leaves nothing behind.
fn begin(context: &mut Context<'_>, id: &str, kind: OperationKind, gone: bool) -> Operation {
    let failed = context.operation_fails();
    let failure = failed.then(|| {
        let refusal = Refusal::new(500, "InternalServerError", "The operation could not be completed.");
        (refusal.status, refusal.error())
    });
    let kind = if failed && gone { OperationKind::Delete } else { kind };
    context.begin(id, kind, Some(context.delays.operation), failure, None)
}

/// The answer of a write whose operation goes on.
fn underway(context: &Context<'_>, service: Service, operation: &Operation, answer: Answer) -> Answer {
    let subscription = operation.resource.split('/').nth(2).unwrap_or_default();
    let kind = match service {
        Service::Cache => "asyncOperations",
        Service::Managed => "operationsStatus",
    };
    let url = format!(
        "{}/subscriptions/{subscription}/providers/Microsoft.Cache/locations/{}/{kind}/{}?api-version={}",
        context.origin,
        location(context.state, &operation.resource),
        operation.id,
        context.api_version
    );
    let (name, value) = context.delays.retry_header();
    answer.with("azure-asyncoperation", url).with(&name, value)
}

fn location(state: &State, id: &str) -> String {
    let id = fold(id);
    let within = |(own, _): &(&String, &String)| id.starts_with(&format!("{own}/"));
    let caches = state.redis.iter().map(|(id, cache)| (id, &cache.location));
    let clusters = state.redis_enterprise.iter().map(|(id, cluster)| (id, &cluster.location));
    let found = caches.chain(clusters).find(within).map(|(_, location)| location.as_str());
    found.unwrap_or("westeurope").replace(' ', "").to_ascii_lowercase()
}

/// What the end of an operation on the assignment with this id makes of it. `false`: it is not one.
pub(in crate::sandbox) fn end(state: &mut State, id: &str, kind: OperationKind, failed: bool) -> bool {
    let Some((holder, name)) = id.rsplit_once("/accesspolicyassignments/") else { return false };
    let Some(all) = state.redis_assignments_mut(holder) else { return false };
    // A write that fails is a Delete here when nothing of it stays.
    let made_nothing = failed && all.get(name).is_some_and(|one| one.provisioning_state != "Deleting");
    if kind == OperationKind::Delete && (!failed || made_nothing) {
        all.remove(name);
    } else if let Some(assignment) = all.get_mut(name) {
        let state = if failed { "Failed" } else { "Succeeded" };
        state.clone_into(&mut assignment.provisioning_state);
    }
    true
}
