//! `Microsoft.Cache`: Azure Cache for Redis (`redis`) and Azure Managed Redis (`redisEnterprise`).
//!
//! Property names: Azure/bicep-types-az, 2024-11-01 and 2025-07-01. The two services give access to data by
//! assignments of their own, not by Azure roles; a caller with the write action may make them.

use super::table::NONE;
use super::{Compare, ResourceType, Update};

/// Versions of clusters and databases: 2024-10-01, the one before, has no access policy assignments.
const MANAGED: &[&str] = &["2025-07-01", "2025-04-01"];

/// Azure Cache for Redis. The service spells its type `Redis`; ids are compared without regard to case.
pub(super) const CACHE: ResourceType = ResourceType {
    name: "Microsoft.Cache/redis",
    noun: "Azure Cache for Redis",
    versions: &["2024-11-01"],
    update: Update::Patch,
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.hostName",
        "properties.port",
        "properties.sslPort",
        "properties.accessKeys",
        "properties.linkedServers",
        "properties.instances",
        "properties.privateEndpointConnections",
    ],
    write_action: "Microsoft.Cache/redis/write",
    holds: "every key in it",
    ..NONE
};

/// Who may do what with the data of an Azure Cache for Redis.
pub(super) const CACHE_ASSIGNMENT: ResourceType = ResourceType {
    name: "Microsoft.Cache/redis/accessPolicyAssignments",
    noun: "access policy assignment",
    versions: CACHE.versions,
    update: Update::Put,
    compare: &[("properties.objectId", Compare::IgnoreCase)],
    fields: &[
        ("", &["id", "name", "type", "properties", "systemData"]),
        ("properties", &["provisioningState", "objectId", "objectIdAlias", "accessPolicyName"]),
    ],
    read_only: &["id", "name", "type", "systemData", "properties.provisioningState"],
    principal: "properties.objectId",
    write_action: "Microsoft.Cache/redis/accessPolicyAssignments/write",
    ..NONE
};

/// Azure Managed Redis; clusters of the old Enterprise tiers have the same type and `kind` v1.
pub(super) const CLUSTER: ResourceType = ResourceType {
    name: "Microsoft.Cache/redisEnterprise",
    noun: "Azure Managed Redis",
    versions: MANAGED,
    update: Update::Patch,
    read_only: &[
        "id",
        "name",
        "type",
        "kind",
        "properties.hostName",
        "properties.provisioningState",
        "properties.redundancyMode",
        "properties.resourceState",
        "properties.redisVersion",
        "properties.privateEndpointConnections",
    ],
    write_action: "Microsoft.Cache/redisEnterprise/write",
    holds: "every database in it",
    ..NONE
};

/// Its database: there is one, `default`.
pub(super) const DATABASE: ResourceType = ResourceType {
    name: "Microsoft.Cache/redisEnterprise/databases",
    noun: "database of Azure Managed Redis",
    versions: MANAGED,
    update: Update::Patch,
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.resourceState",
        "properties.redisVersion",
    ],
    write_action: "Microsoft.Cache/redisEnterprise/databases/write",
    holds: "every key in it",
    ..NONE
};

/// Who may use the database.
pub(super) const DATABASE_ASSIGNMENT: ResourceType = ResourceType {
    name: "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments",
    noun: "access policy assignment",
    versions: MANAGED,
    update: Update::Put,
    compare: &[("properties.user.objectId", Compare::IgnoreCase)],
    fields: &[
        ("", &["id", "name", "type", "properties"]),
        ("properties", &["provisioningState", "accessPolicyName", "user"]),
        ("properties.user", &["objectId"]),
    ],
    read_only: &["id", "name", "type", "systemData", "properties.provisioningState"],
    principal: "properties.user.objectId",
    write_action: "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments/write",
    ..NONE
};
