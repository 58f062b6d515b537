//! The SQL server that a fresh sandbox holds.

use serde_json::json;
use time::OffsetDateTime;

use super::super::state::{FirewallRule, SqlAdministrator, SqlDatabase, SqlServer, State, stamp};
use super::{GROUP, LOCATION, TENANT, group_id};

/// The server in the app's group. The caller `owner` is its Microsoft Entra administrator; everything in
/// Azure and the address that callers come from are let in.
pub const SQL_SERVER: &str = "sql-demo";
/// Its database, in which nobody is known.
pub const SQL_DATABASE: &str = "appdb";

/// The id of a SQL server in the app's group.
pub fn sql_server_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Sql/servers/{name}", group_id(GROUP))
}

/// Adds it.
pub(super) fn add(state: &mut State, made: OffsetDateTime) {
    let mut server = SqlServer::new(&sql_server_id(SQL_SERVER), LOCATION);
    server.administrator = state.callers.get("owner").map(|owner| SqlAdministrator {
        login: owner.display.clone(),
        sid: owner.principal.clone(),
        tenant: TENANT.to_owned(),
    });
    server.entra_only = true;
    // The first name is the one that the portal gives the rule behind its check box.
    for (name, start, end) in
        [("AllowAllWindowsAzureIps", "0.0.0.0", "0.0.0.0"), ("office", "203.0.113.0", "203.0.113.255")]
    {
        let rule = FirewallRule { start: start.to_owned(), end: end.to_owned() };
        server.firewall_rules.insert(name.to_owned(), rule);
    }
    server.databases.insert(SQL_DATABASE.to_owned(), SqlDatabase::new(LOCATION, SQL_DATABASE, made));
    state.add_sql_server(server);
}

impl SqlDatabase {
    /// An empty database as the smallest one is.
    pub fn new(location: &str, name: &str, made: OffsetDateTime) -> SqlDatabase {
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("database/{name}").as_bytes());
        SqlDatabase {
            location: location.to_owned(),
            sku: json!({ "name": "Basic", "tier": "Basic", "capacity": 5 }),
            properties: json!({
                "collation": "SQL_Latin1_General_CP1_CI_AS",
                "maxSizeBytes": 2_147_483_648_u64,
                "status": "Online",
                "databaseId": id.to_string(),
                "creationDate": stamp(made),
                "currentServiceObjectiveName": "Basic",
                "requestedServiceObjectiveName": "Basic",
                "zoneRedundant": false,
                "readScale": "Disabled",
                "isLedgerOn": false,
            }),
            users: std::collections::BTreeMap::new(),
            roles: std::collections::BTreeSet::new(),
            nested: std::collections::BTreeMap::new(),
        }
    }
}
