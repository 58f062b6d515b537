//! The caches that a fresh sandbox holds, one of each service, and the variants of them.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::super::state::{AccessPolicyAssignment, RedisCache, RedisCluster, RedisDatabase, State, fold};
use super::{GROUP, LOCATION, SHARED_GROUP, group_id};

/// The Azure Managed Redis in the app's group: no access keys, TLS on port 10000, no assignments.
pub const REDIS: &str = "redis-demo";
/// The Azure Cache for Redis in the app's group: Standard, Entra on, TLS on port 6380 only.
pub const CACHE: &str = "cache-demo";

/// The id of an Azure Managed Redis in the app's group.
pub fn redis_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Cache/redisEnterprise/{name}", group_id(GROUP))
}

/// The id of an Azure Cache for Redis in the app's group, as the service spells it.
pub fn cache_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Cache/Redis/{name}", group_id(GROUP))
}

/// Adds both.
pub(super) fn add(state: &mut State) {
    state.add_redis_cluster(managed(REDIS));
    state.add_redis(cache(CACHE));
}

fn managed(name: &str) -> RedisCluster {
    RedisCluster {
        id: redis_id(name),
        location: LOCATION.to_owned(),
        tags: Map::new(),
        kind: "v2".to_owned(),
        sku: "Balanced_B0".to_owned(),
        properties: json!({
            "hostName": format!("{name}.{LOCATION}.redis.azure.net"),
            "provisioningState": "Succeeded",
            "resourceState": "Running",
            "redisVersion": "7.4",
            "redundancyMode": "LR",
            "highAvailability": "Enabled",
            "minimumTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "privateEndpointConnections": [],
        }),
        databases: BTreeMap::from([(
            "default".to_owned(),
            RedisDatabase {
                properties: json!({
                    "clientProtocol": "Encrypted",
                    "port": 10000,
                    "provisioningState": "Succeeded",
                    "resourceState": "Running",
                    "clusteringPolicy": "OSSCluster",
                    "evictionPolicy": "VolatileLRU",
                    "redisVersion": "7.4",
                    "deferUpgrade": "NotDeferred",
                    "accessKeysAuthentication": "Disabled",
                }),
                assignments: BTreeMap::new(),
            },
        )]),
    }
}

fn cache(name: &str) -> RedisCache {
    RedisCache {
        id: cache_id(name),
        location: LOCATION.to_owned(),
        tags: Map::new(),
        properties: json!({
            "provisioningState": "Succeeded",
            "redisVersion": "6.0",
            "sku": { "name": "Standard", "family": "C", "capacity": 1 },
            "enableNonSslPort": false,
            "minimumTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "disableAccessKeyAuthentication": true,
            "updateChannel": "Stable",
            "redisConfiguration": {
                "aad-enabled": "True",
                "maxmemory-policy": "volatile-lru",
                "maxmemory-reserved": "125",
            },
            "hostName": format!("{name}.redis.cache.windows.net"),
            "port": 6379,
            "sslPort": 6380,
            "linkedServers": [],
        }),
        policies: BTreeMap::new(),
        assignments: BTreeMap::new(),
    }
}

/// A cache of each service under the name of the Azure Managed Redis.
pub fn both_kinds(state: &mut State) {
    state.add_redis(cache(REDIS));
}

/// The Azure Managed Redis replaced by a cluster of the old Enterprise tier.
pub fn old_enterprise(state: &mut State) {
    let mut cluster = managed(REDIS);
    "v1".clone_into(&mut cluster.kind);
    "Enterprise_E10".clone_into(&mut cluster.sku);
    cluster.properties["hostName"] = json!(format!("{REDIS}.{LOCATION}.redisenterprise.cache.azure.net"));
    if let Some(database) = cluster.databases.get_mut("default") {
        database.properties["accessKeysAuthentication"] = json!("Enabled");
    }
    state.add_redis_cluster(cluster);
}

/// Both caches moved to the shared group.
pub fn in_shared_group(state: &mut State) {
    let (from, to) = (group_id(GROUP), group_id(SHARED_GROUP));
    let keys = [fold(&cache_id(CACHE)), fold(&redis_id(REDIS))];
    if let Some(mut cache) = state.redis.remove(&keys[0]) {
        cache.id = cache.id.replace(&from, &to);
        state.add_redis(cache);
    }
    if let Some(mut cluster) = state.redis_enterprise.remove(&keys[1]) {
        cluster.id = cluster.id.replace(&from, &to);
        state.add_redis_cluster(cluster);
    }
}

/// An assignment of `policy` to `principal`, long there, on the cache of either service with this name.
pub fn assignment(state: &mut State, cache: &str, name: &str, principal: &str, policy: &str) {
    let assignment = AccessPolicyAssignment {
        name: name.to_owned(),
        object_id: principal.to_owned(),
        alias: name.to_owned(),
        policy: policy.to_owned(),
        provisioning_state: "Succeeded".to_owned(),
    };
    let key = name.to_ascii_lowercase();
    if let Some(cache) = state.redis_mut(cache) {
        cache.assignments.insert(key, assignment);
    } else if let Some(database) =
        state.redis_cluster_mut(cache).and_then(|cluster| cluster.databases.get_mut("default"))
    {
        database.assignments.insert(key, AccessPolicyAssignment { alias: String::new(), ..assignment });
    }
}
