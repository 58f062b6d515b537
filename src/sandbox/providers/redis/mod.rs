//! `Microsoft.Cache`: Azure Cache for Redis and Azure Managed Redis as the control plane shows them, and
//! who may use their data.

pub(in crate::sandbox) mod assignments;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::operations;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{RedisCache, RedisCluster, RedisDatabase, last};

const CACHE: &str = "Microsoft.Cache/redis";
const CLUSTER: &str = "Microsoft.Cache/redisEnterprise";
const DATABASE: &str = "Microsoft.Cache/redisEnterprise/databases";
const POLICY: &str = "Microsoft.Cache/redis/accessPolicies";

/// The version that brought `publicNetworkAccess` to clusters.
const NETWORK_SINCE: &str = "2025-07-01";
/// The version in which Azure Managed Redis is described: the one before knows the old tiers only.
const MANAGED_SINCE: &str = "2025-04-01";
/// What the one before does not have.
const MANAGED_ONLY: &[&str] =
    &["redundancyMode", "highAvailability", "redisVersion", "deferUpgrade", "accessKeysAuthentication"];

/// The policies that every Azure Cache for Redis has, with what they permit
/// (<https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure-role-based-access-control>).
const BUILT_IN: [(&str, &str); 3] = [
    ("Data Owner", "+@all allkeys"),
    ("Data Contributor", "+@all -@dangerous +cluster|info +cluster|nodes +cluster|slots allkeys"),
    ("Data Reader", "+@read +@connection +cluster|info +cluster|nodes +cluster|slots allkeys"),
];

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("redis", "GET", false) => {
            let caches = resources::listed(context, address, CACHE, &context.state.redis)?;
            context.page(caches.map(cache_body).collect())
        }
        ("redis", "GET", true) => {
            context.require(&format!("{CACHE}/read"), &address.target())?;
            Ok(Answer::new(200, cache_body(cache(context, address)?)))
        }
        ("redis/accesspolicies", "GET", whole) => policies(context, address, whole),
        ("redisenterprise", "GET", false) => {
            let clusters = resources::listed(context, address, CLUSTER, &context.state.redis_enterprise)?;
            context.page(clusters.map(|cluster| cluster_body(cluster, context.api_version)).collect())
        }
        ("redisenterprise", "GET", true) => {
            context.require(&format!("{CLUSTER}/read"), &address.target())?;
            Ok(Answer::new(200, cluster_body(cluster(context, address)?, context.api_version)))
        }
        ("redisenterprise/databases", "GET", whole) => databases(context, address, whole),
        ("redis/accesspolicyassignments" | "redisenterprise/databases/accesspolicyassignments", _, _) => {
            assignments::route(context, address)
        }
        ("locations/asyncoperations" | "locations/operationsstatus", "GET", true) => status(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The cache that `address` names or stands below.
fn cache<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a RedisCache, Refusal> {
    resources::named(context, address, CACHE, &context.state.redis)
}

/// The cluster that `address` names or stands below.
fn cluster<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a RedisCluster, Refusal> {
    resources::named(context, address, CLUSTER, &context.state.redis_enterprise)
}

/// The database that `address` names or stands below.
fn database<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a RedisDatabase, Refusal> {
    let cluster = cluster(context, address)?;
    let found = cluster.databases.get(&address.name(1).to_ascii_lowercase());
    found.ok_or_else(|| {
        let name = format!("{}/{}", address.name(0), address.name(1));
        errors::resource_not_found(DATABASE, &name, last(&address.scope))
    })
}

/// The type is spelt `Redis` in what the service returns (official examples of 2024-11-01).
fn cache_body(cache: &RedisCache) -> Json {
    json!({
        "id": cache.id,
        "name": cache.name(),
        "type": "Microsoft.Cache/Redis",
        "location": cache.location,
        "tags": cache.tags,
        "properties": cache.properties,
    })
}

fn cluster_body(cluster: &RedisCluster, version: &str) -> Json {
    let mut properties = of_version(&cluster.properties, version);
    if let Some(members) = properties.as_object_mut()
        && version < NETWORK_SINCE
    {
        members.shift_remove("publicNetworkAccess");
    }
    let mut body = json!({
        "id": cluster.id,
        "name": cluster.name(),
        "type": CLUSTER,
        "location": cluster.location,
        "tags": cluster.tags,
        "sku": { "name": cluster.sku },
        "properties": properties,
    });
    if version >= MANAGED_SINCE {
        body["kind"] = json!(cluster.kind);
    }
    body
}

fn database_body(cluster: &RedisCluster, name: &str, database: &RedisDatabase, version: &str) -> Json {
    json!({
        "id": format!("{}/databases/{name}", cluster.id),
        "name": name,
        "type": DATABASE,
        "properties": of_version(&database.properties, version),
    })
}

fn of_version(properties: &Json, version: &str) -> Json {
    let mut properties = properties.clone();
    if let Some(members) = properties.as_object_mut()
        && version < MANAGED_SINCE
    {
        members.retain(|name, _| !MANAGED_ONLY.contains(&name.as_str()));
    }
    properties
}

fn databases(context: &mut Context<'_>, address: &Address, whole: bool) -> Handled {
    context.require(&format!("{DATABASE}/read"), &address.target())?;
    let cluster = cluster(context, address)?;
    let body = |name: &str, one: &RedisDatabase| database_body(cluster, name, one, context.api_version);
    if whole {
        return Ok(Answer::new(
            200,
            body(&address.name(1).to_ascii_lowercase(), database(context, address)?),
        ));
    }
    let all = cluster.databases.iter().map(|(name, one)| body(name, one)).collect();
    context.page(all)
}

fn policies(context: &mut Context<'_>, address: &Address, whole: bool) -> Handled {
    context.require(&format!("{POLICY}/read"), &address.target())?;
    let cache = cache(context, address)?;
    let body = |name: &str, kind: &str, permissions: &str| {
        json!({
            "id": format!("{}/accessPolicies/{name}", cache.id),
            "name": name,
            "type": "Microsoft.Cache/Redis/accessPolicies",
            "properties": { "provisioningState": "Succeeded", "permissions": permissions, "type": kind },
        })
    };
    let built_in = BUILT_IN.iter().map(|(name, permissions)| body(name, "BuiltIn", permissions));
    let custom = cache.policies.iter().map(|(name, permissions)| body(name, "Custom", permissions));
    let mut all = built_in.chain(custom);
    if !whole {
        let all = all.collect();
        return context.page(all);
    }
    let wanted = address.name(1);
    let found = all.find(|policy| policy["name"].as_str().is_some_and(|name| name == wanted));
    let missing =
        || errors::resource_not_found(POLICY, &format!("{}/{wanted}", address.name(0)), last(&address.scope));
    found.map(|policy| Answer::new(200, policy)).ok_or_else(missing)
}

/// `GET` of an operation's URL. Both are described as below a location of the subscription.
fn status(context: &mut Context<'_>, address: &Address) -> Handled {
    let kind = address.types.get(1).map_or("", String::as_str);
    let right = format!("Microsoft.Cache/locations/{kind}/read");
    if !context.rules.holds(Switch::OperationUrlOpen) {
        context.require(&right, &address.scope)?;
    }
    let operation = context.state.operations.get(address.name(1)).ok_or_else(|| {
        Refusal::new(404, "OperationNotFound", format!("The operation '{}' was not found.", address.name(1)))
    })?;
    if let Some(status) = operation.url_refuses {
        return Err(match status {
            403 => crate::sandbox::callers::denied(context.caller, &right, context.path),
            _ => Refusal::new(status, "ResourceNotFound", format!("'{}' was not found.", context.path)),
        });
    }
    let answer = Answer::new(200, operations::status_body(operation, context.path));
    let (name, value) = context.delays.retry_header();
    Ok(if operation.ended { answer } else { answer.with(&name, value) })
}
