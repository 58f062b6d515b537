//! Logical SQL servers, their databases, and who is known in those.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use uuid::Uuid;

use super::{State, fold, last};

/// A logical server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SqlServer {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `properties` as GET returns them, without `administrators`.
    pub properties: Json,
    /// The Microsoft Entra administrator.
    #[serde(default)]
    pub administrator: Option<SqlAdministrator>,
    /// Whether logins with a password are refused.
    #[serde(default)]
    pub entra_only: bool,
    /// Firewall rules by name.
    #[serde(default)]
    pub firewall_rules: BTreeMap<String, FirewallRule>,
    /// Databases by name, without `master`.
    #[serde(default)]
    pub databases: BTreeMap<String, SqlDatabase>,
}

/// Who may do everything on a server: a user, a group, or an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlAdministrator {
    /// The name that is shown.
    pub login: String,
    /// The object id, of an application its client id.
    pub sid: String,
    /// The tenant.
    pub tenant: String,
}

/// A range of addresses; `0.0.0.0` to `0.0.0.0` stands for everything in Azure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallRule {
    /// Its first address.
    pub start: String,
    /// Its last one.
    pub end: String,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SqlDatabase {
    /// Region.
    pub location: String,
    /// `name`, `tier`, `capacity`.
    pub sku: Json,
    /// `properties` as GET returns them.
    pub properties: Json,
    /// Users by name, but for those that every database has.
    #[serde(default)]
    pub users: BTreeMap<String, SqlUser>,
    /// Roles that somebody made, beside the fixed ones.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// Roles that are members of roles: those that each is in.
    #[serde(default)]
    pub nested: BTreeMap<String, BTreeSet<String>>,
}

/// A user of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SqlUser {
    /// What it is known by: of Entra's the 16 bytes of an object id or client id, as `0x` and hex digits.
    pub sid: String,
    /// `E` an Entra user or application, `X` an Entra group, `S` a user with a password.
    #[serde(rename = "type")]
    pub kind: String,
    /// The database's roles that it is a member of.
    pub roles: BTreeSet<String>,
}

/// The sid of an Entra user of a database: the GUID's bytes as SQL Server's `uniqueidentifier` has them, the
/// first three fields with their least byte first.
pub fn sid_of(guid: &Uuid) -> String {
    let digits = guid.to_bytes_le().map(|byte| format!("{byte:02X}")).concat();
    format!("0x{digits}")
}

impl SqlServer {
    /// A server as one is when nothing is said about it: open to public networks that a rule lets in.
    pub fn new(id: &str, location: &str) -> SqlServer {
        SqlServer {
            id: id.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            properties: json!({
                "fullyQualifiedDomainName":
                    format!("{}.database.windows.net", last(id).to_ascii_lowercase()),
                "version": "12.0",
                "state": "Ready",
                "minimalTlsVersion": "1.2",
                "publicNetworkAccess": "Enabled",
                "restrictOutboundNetworkAccess": "Disabled",
                "privateEndpointConnections": [],
            }),
            administrator: None,
            entra_only: false,
            firewall_rules: BTreeMap::new(),
            databases: BTreeMap::new(),
        }
    }

    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// The host at which it takes connections.
    pub fn host(&self) -> &str {
        self.properties["fullyQualifiedDomainName"].as_str().unwrap_or_default()
    }

    /// Whether the public endpoint is shut.
    pub fn closed(&self) -> bool {
        self.properties["publicNetworkAccess"]
            .as_str()
            .is_some_and(|access| access.eq_ignore_ascii_case("Disabled"))
    }

    /// The database of this name, with its own spelling.
    pub fn database(&self, name: &str) -> Option<(&String, &SqlDatabase)> {
        self.databases.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

impl State {
    /// The SQL server named `name`: their names are unique in the world.
    pub fn sql_server(&self, name: &str) -> Option<&SqlServer> {
        self.sql_servers.values().find(|server| server.name().eq_ignore_ascii_case(name))
    }

    /// The SQL server named `name`, to be changed.
    pub fn sql_server_mut(&mut self, name: &str) -> Option<&mut SqlServer> {
        self.sql_servers.values_mut().find(|server| server.name().eq_ignore_ascii_case(name))
    }

    /// The SQL server that takes connections at this host.
    pub fn sql_server_at(&self, host: &str) -> Option<&SqlServer> {
        self.sql_servers.values().find(|server| server.host().eq_ignore_ascii_case(host))
    }

    /// Puts a server into the table.
    pub fn add_sql_server(&mut self, server: SqlServer) {
        self.sql_servers.insert(fold(&server.id), server);
    }
}
