//! The two Redis services: Azure Cache for Redis (`Microsoft.Cache/redis`) and Azure Managed Redis
//! (`Microsoft.Cache/redisEnterprise`, which the old Enterprise tiers share).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{State, fold, last};

/// An Azure Cache for Redis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedisCache {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `properties` as GET returns them, `sku` among them.
    pub properties: Json,
    /// Access policies of its own: permissions by name. The built-in ones are not listed here.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
    /// Who may do what with the data, by the assignment's name in lower case.
    #[serde(default)]
    pub assignments: BTreeMap<String, AccessPolicyAssignment>,
}

/// An Azure Managed Redis, or a cluster of the old Enterprise tiers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedisCluster {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `v2` for Azure Managed Redis, `v1` for the old Enterprise tiers.
    pub kind: String,
    /// `Balanced_B0`, `Enterprise_E10`, …
    pub sku: String,
    /// `properties` as GET returns them in the newest api-version.
    pub properties: Json,
    /// Databases by name; there is one, `default`.
    #[serde(default)]
    pub databases: BTreeMap<String, RedisDatabase>,
}

/// A database of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedisDatabase {
    /// `properties` as GET returns them.
    pub properties: Json,
    /// Who may use it, by the assignment's name in lower case.
    #[serde(default)]
    pub assignments: BTreeMap<String, AccessPolicyAssignment>,
}

/// What a principal may do with the data. Not a role assignment: these belong to the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPolicyAssignment {
    /// Its name in its own spelling.
    pub name: String,
    /// The principal's object id.
    pub object_id: String,
    /// The name that the portal shows for it; Azure Managed Redis has none.
    #[serde(default)]
    pub alias: String,
    /// `Data Contributor`, `default`, …
    pub policy: String,
    /// `Succeeded`, `Updating`, `Creating`, `Deleting`, `Failed`.
    pub provisioning_state: String,
}

impl RedisCache {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }
}

impl RedisCluster {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }
}

impl State {
    /// Adds a cache, or replaces the one with its id.
    pub fn add_redis(&mut self, cache: RedisCache) {
        self.redis.insert(fold(&cache.id), cache);
    }

    /// Adds a cluster, or replaces the one with its id.
    pub fn add_redis_cluster(&mut self, cluster: RedisCluster) {
        self.redis_enterprise.insert(fold(&cluster.id), cluster);
    }

    /// The Azure Cache for Redis named `name`, to be changed.
    pub fn redis_mut(&mut self, name: &str) -> Option<&mut RedisCache> {
        self.redis.values_mut().find(|cache| cache.name().eq_ignore_ascii_case(name))
    }

    /// The Azure Managed Redis named `name`, to be changed.
    pub fn redis_cluster_mut(&mut self, name: &str) -> Option<&mut RedisCluster> {
        self.redis_enterprise.values_mut().find(|cluster| cluster.name().eq_ignore_ascii_case(name))
    }

    /// The assignments of the cache or of the database with this id.
    pub fn redis_assignments(&self, id: &str) -> Option<&BTreeMap<String, AccessPolicyAssignment>> {
        let id = fold(id);
        if let Some(cache) = self.redis.get(&id) {
            return Some(&cache.assignments);
        }
        let (cluster, database) = id.rsplit_once("/databases/")?;
        let database = self.redis_enterprise.get(cluster)?.databases.get(database)?;
        Some(&database.assignments)
    }

    /// The same, to be changed.
    pub fn redis_assignments_mut(
        &mut self,
        id: &str,
    ) -> Option<&mut BTreeMap<String, AccessPolicyAssignment>> {
        let id = fold(id);
        if self.redis.contains_key(&id) {
            return self.redis.get_mut(&id).map(|cache| &mut cache.assignments);
        }
        let (cluster, database) = id.rsplit_once("/databases/")?;
        let database = self.redis_enterprise.get_mut(cluster)?.databases.get_mut(database)?;
        Some(&mut database.assignments)
    }
}
