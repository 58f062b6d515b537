//! Azure Cache for Redis and Azure Managed Redis: who may use their data.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "redis-two-services",
        "redis has its TLS port in sslPort (6380), redisEnterprise in the database's port (10000); hosts are NAME.redis.cache.windows.net and NAME.REGION.redis.azure.net",
        "Microsoft.Azure.StackExchangeRedis sample; docs.azure.cn redis/tls-configuration",
    ),
    confirmed(
        "redis-type-spelling",
        "ids and types of Azure Cache for Redis come back as Microsoft.Cache/Redis",
        "official examples of Microsoft.Cache redis.json 2024-11-01",
    ),
    confirmed(
        "redis-assignments-since",
        "access policy assignments of Azure Managed Redis exist since 2025-04-01, publicNetworkAccess since 2025-07-01",
        "Azure/bicep-types-az, Microsoft.Cache/redisEnterprise",
    ),
    confirmed(
        "redis-default-only",
        "Azure Managed Redis takes the access policy default and no other",
        "Microsoft Learn, REST reference of redisenterprisecache access-policy-assignment create-update",
    ),
    confirmed(
        "redis-built-in-policies",
        "Azure Cache for Redis has the policies Data Owner, Data Contributor and Data Reader, and those of its own",
        "Microsoft Learn, azure-cache-for-redis cache-configure-role-based-access-control",
    ),
    confirmed(
        "redis-old-tiers",
        "the Enterprise and Enterprise Flash tiers take no access policy assignments",
        "Microsoft Learn, azure-cache-for-redis cache-configure-role-based-access-control",
    ),
    confirmed(
        "redis-one-assignment",
        "an object id has one assignment: a second under another name is InvalidAccessPolicyAssignment, also with another policy",
        "Azure/AzureCacheForRedis#14; for Azure Managed Redis Microsoft Learn, redis configure-access-permissions",
    ),
    confirmed(
        "redis-name-keeps-object",
        "an assignment of Azure Cache for Redis cannot be given to another object id under its name",
        "microsoft/aspire#8142",
    ),
    confirmed(
        "redis-one-operation",
        "a cache with a management operation under way refuses every other: 409, busy processing a previous update request",
        "Microsoft Learn, azure-cache-for-redis troubleshoot; hashicorp/terraform-provider-azurerm#26085; Azure/bicep#11465",
    ),
    confirmed(
        "redis-invalid-object",
        "an object id that is no GUID is InvalidAccessPolicyAssignment",
        "hashicorp/terraform-provider-azurerm#31378",
    ),
    assumed(
        "hyphens-refused",
        Switch::HyphensRefused,
        "the name of an assignment of Azure Managed Redis has letters and digits only",
        "hyphens are taken as well",
        "the pattern in Microsoft.Cache/redisEnterprise 2025-07-01; the opposite: Azure/azure-cli-extensions#9945 shows assignments named by a GUID",
    ),
    assumed(
        "managed-name-keeps-object",
        Switch::ManagedNameKeepsObject,
        "an assignment of Azure Managed Redis cannot be given to another object id under its name",
        "it can",
        "as Azure Cache for Redis does it; not confirmed",
    ),
    assumed(
        "policy-changes-in-place",
        Switch::PolicyChangesInPlace,
        "another policy under the same name and object id replaces the one before",
        "it is InvalidAccessPolicyAssignment; the assignment must be deleted first",
        "the operation is named CreateUpdate; whether it updates is not confirmed",
    ),
    assumed(
        "entra-off-refused",
        Switch::EntraOffRefused,
        "a cache without aad-enabled refuses access policy assignments",
        "it takes them, and they have no effect",
        "not confirmed",
    ),
    assumed(
        "unknown-policy-refused",
        Switch::UnknownPolicyRefused,
        "a policy that Azure Cache for Redis does not have is refused",
        "it is taken",
        "not confirmed",
    ),
    assumed(
        "failed-assignment-gone",
        Switch::FailedAssignmentGone,
        "a new assignment whose operation fails is not there afterwards",
        "it is there with provisioningState Failed, and a write of the same completes it",
        "not confirmed; the state Failed is in the description",
    ),
];
