//! Cosmos DB accounts: databases, containers, and who may use their data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{State, fold, last};

/// A Cosmos DB account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosmosAccount {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `GlobalDocumentDB` (NoSQL, and by capability Cassandra, Gremlin, Table), `MongoDB`.
    pub kind: String,
    /// `properties` as GET returns them.
    pub properties: Json,
    /// Databases of the NoSQL API by name; names have case.
    #[serde(default)]
    pub databases: BTreeMap<String, CosmosDatabase>,
    /// Data-plane role assignments by their GUID in lower case.
    #[serde(default)]
    pub role_assignments: BTreeMap<String, SqlRoleAssignment>,
    /// The write that is going on. There is never more than one.
    #[serde(default)]
    pub pending: Option<PendingAssignment>,
}

/// A database of the NoSQL API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CosmosDatabase {
    /// Containers by name; names have case.
    pub containers: BTreeMap<String, CosmosContainer>,
}

/// A container of the NoSQL API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosmosContainer {
    /// The path of its partition key.
    pub partition_key: String,
}

/// Who may do what with the data of an account, a database or a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlRoleAssignment {
    /// The GUID by which it was made.
    pub name: String,
    /// The role definition's GUID.
    pub role: String,
    /// The principal's object id.
    pub principal: String,
    /// The account's id, or that and `/dbs/DATABASE`, or that and `/colls/CONTAINER`.
    pub scope: String,
}

/// A role assignment that is being written or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingAssignment {
    /// The operation that writes it.
    pub operation: String,
    /// What it will be.
    pub assignment: SqlRoleAssignment,
    /// Whether it is being removed.
    #[serde(default)]
    pub removes: bool,
}

impl CosmosAccount {
    /// An account of the NoSQL API as one is when nothing is said about it, empty.
    pub fn new(id: &str, location: &str, made: OffsetDateTime) -> CosmosAccount {
        let name = last(id);
        let place = json!({
            "id": format!("{name}-{location}"),
            "locationName": location,
            "documentEndpoint": format!("https://{name}-{location}.documents.azure.com:443/"),
            "provisioningState": "Succeeded",
            "failoverPriority": 0,
            "isZoneRedundant": false,
        });
        let key = json!({ "generationTime": super::stamp(made) });
        CosmosAccount {
            id: id.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            kind: "GlobalDocumentDB".to_owned(),
            properties: json!({
                "provisioningState": "Succeeded",
                "documentEndpoint": format!("https://{name}.documents.azure.com:443/"),
                "databaseAccountOfferType": "Standard",
                "publicNetworkAccess": "Enabled",
                "disableLocalAuth": false,
                "isVirtualNetworkFilterEnabled": false,
                "virtualNetworkRules": [],
                "ipRules": [],
                "networkAclBypass": "None",
                "networkAclBypassResourceIds": [],
                "consistencyPolicy": {
                    "defaultConsistencyLevel": "Session",
                    "maxIntervalInSeconds": 5,
                    "maxStalenessPrefix": 100,
                },
                "capabilities": [],
                "cors": [],
                "writeLocations": [place],
                "readLocations": [place],
                "locations": [place],
                "failoverPolicies": [
                    { "id": format!("{name}-{location}"), "locationName": location, "failoverPriority": 0 },
                ],
                "privateEndpointConnections": [],
                "minimalTlsVersion": "Tls12",
                "keysMetadata": {
                    "primaryMasterKey": key,
                    "secondaryMasterKey": key,
                    "primaryReadonlyMasterKey": key,
                    "secondaryReadonlyMasterKey": key,
                },
            }),
            databases: BTreeMap::new(),
            role_assignments: BTreeMap::new(),
            pending: None,
        }
    }

    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// Whether it speaks the NoSQL API: the others are a kind or a capability of their own.
    pub fn speaks_nosql(&self) -> bool {
        let others = ["EnableMongo", "EnableCassandra", "EnableGremlin", "EnableTable"];
        let capable = |name: &str| others.iter().any(|other| other.eq_ignore_ascii_case(name));
        self.kind.eq_ignore_ascii_case("GlobalDocumentDB")
            && !super::elements(&self.properties["capabilities"])
                .iter()
                .any(|one| one["name"].as_str().is_some_and(capable))
    }

    /// Adds a container, and its database if it is not there.
    pub fn add_container(&mut self, database: &str, container: &str) {
        let containers = &mut self.databases.entry(database.to_owned()).or_default().containers;
        containers.insert(container.to_owned(), CosmosContainer { partition_key: "/id".to_owned() });
    }
}

impl State {
    /// The Cosmos DB account named `name`: their names are unique in the world.
    pub fn cosmos(&self, name: &str) -> Option<&CosmosAccount> {
        self.cosmos_accounts.values().find(|account| account.name().eq_ignore_ascii_case(name))
    }

    /// The Cosmos DB account named `name`, to be changed.
    pub fn cosmos_mut(&mut self, name: &str) -> Option<&mut CosmosAccount> {
        self.cosmos_accounts.values_mut().find(|account| account.name().eq_ignore_ascii_case(name))
    }

    /// Puts a Cosmos DB account into the table.
    pub fn add_cosmos(&mut self, account: CosmosAccount) {
        self.cosmos_accounts.insert(fold(&account.id), account);
    }

    /// Ends the write of a role assignment that `operation` is: it is there, or `failed`.
    pub(in crate::sandbox) fn end_cosmos_write(&mut self, operation: &str, failed: bool) {
        for account in self.cosmos_accounts.values_mut() {
            let ends = account.pending.as_ref().is_some_and(|pending| pending.operation == operation);
            if let Some(pending) = ends.then(|| account.pending.take()).flatten().filter(|_| !failed) {
                let assignment = pending.assignment;
                let key = assignment.name.to_ascii_lowercase();
                if pending.removes {
                    account.role_assignments.remove(&key);
                } else {
                    account.role_assignments.insert(key, assignment);
                }
            }
        }
    }
}
