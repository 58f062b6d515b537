//! `Microsoft.DocumentDB`: Cosmos DB accounts of the NoSQL API.

use super::table::NONE;
use super::{Compare, ResourceType, Update};

/// The generated types of 2024-08-15, 2025-10-15 and 2026-03-15 agree in all that recipes read.
const VERSIONS: &[&str] = &["2026-03-15", "2025-10-15", "2024-08-15"];

/// The account.
pub(super) const ACCOUNT: ResourceType = ResourceType {
    name: "Microsoft.DocumentDB/databaseAccounts",
    noun: "Cosmos DB account",
    versions: VERSIONS,
    update: Update::Patch,
    fields: &[
        ("", &["id", "name", "type", "location", "tags", "kind", "identity", "properties", "systemData"]),
        ("properties.capabilities[]", &["name"]),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.documentEndpoint",
    ],
    write_action: "Microsoft.DocumentDB/databaseAccounts/write",
    holds: "every database in it",
    ..NONE
};

/// A database of the NoSQL API.
pub(super) const DATABASE: ResourceType = ResourceType {
    name: "Microsoft.DocumentDB/databaseAccounts/sqlDatabases",
    noun: "Cosmos DB database",
    versions: VERSIONS,
    fields: &[
        ("", &["id", "name", "type", "location", "tags", "identity", "properties", "systemData"]),
        ("properties", &["resource", "options"]),
    ],
    write_action: "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/write",
    holds: "every container in it, with all items",
    ..NONE
};

/// A container of the NoSQL API.
pub(super) const CONTAINER: ResourceType = ResourceType {
    name: "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers",
    noun: "Cosmos DB container",
    versions: VERSIONS,
    fields: DATABASE.fields,
    write_action: "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/write",
    holds: "every item in it",
    ..NONE
};

/// A role on the data of an account, its own kind and not an Azure role assignment.
///
/// Versions, properties and the scopes `/dbs/DB` and `/dbs/DB/colls/C` below the account's id: the operations
/// and generated types of 2026-03-15 and before.
pub(super) const ROLE_ASSIGNMENT: ResourceType = ResourceType {
    name: "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
    noun: "Cosmos DB role assignment",
    versions: VERSIONS,
    update: Update::Put,
    compare: &[
        ("properties.roleDefinitionId", Compare::IgnoreCase),
        ("properties.principalId", Compare::IgnoreCase),
        ("properties.scope", Compare::Covers),
    ],
    fields: &[
        ("", &["id", "name", "type", "properties"]),
        ("properties", &["principalId", "roleDefinitionId", "scope"]),
    ],
    principal: "properties.principalId",
    // Not confirmed: a PUT is answered with 202 and no resource; that a read finds nothing until it is done is assumed,
    // and where it does show one sooner, nothing is lost by having looked again.
    shows_late: true,
    write_action: "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
    ..NONE
};
