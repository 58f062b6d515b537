//! One file per resource provider, and which types and api-versions there are.

pub(super) mod app;
pub(super) mod authorization;
pub(super) mod cosmos;
pub(super) mod dns;
pub(super) mod identity;
pub(super) mod jobs;
pub(super) mod keyvault;
pub(super) mod redis;
pub(super) mod registry;
pub(super) mod resources;
pub(super) mod servicebus;
pub(super) mod sql;
pub(super) mod storage;

use super::errors::Refusal;
use super::router::Address;

/// A namespace with its types and their api-versions, newest first.
pub(super) struct Provider {
    pub(super) namespace: &'static str,
    pub(super) types: &'static [(&'static str, &'static [&'static str])],
}

const APP: &[&str] = &["2026-07-01", "2026-01-01", "2025-07-01", "2025-01-01", "2024-03-01"];
/// Dapr resiliency policies, which no stable version has.
const RESILIENCY: &[&str] = &["2025-02-02-preview", "2024-10-02-preview"];
const IDENTITY: &[&str] = &["2024-11-30", "2023-01-31"];
const VAULT: &[&str] = &["2026-05-15", "2026-02-01", "2025-05-01", "2023-07-01"];
const REGISTRY: &[&str] = &["2025-11-01", "2025-04-01", "2023-07-01"];
/// Task runs and what belongs to them; 2025-03-01-preview is what `az acr build` speaks where roles are given for
/// repositories.
const TASKS: &[&str] = &["2019-04-01", "2019-06-01-preview", "2025-03-01-preview"];
const SQL: &[&str] = &["2025-01-01", "2023-08-01", "2021-11-01"];
const COSMOS: &[&str] = &["2026-03-15", "2025-10-15", "2024-08-15"];
const STORAGE: &[&str] = &["2026-04-01", "2025-06-01", "2023-05-01"];
const REDIS: &[&str] = &["2024-11-01"];
const REDIS_ENTERPRISE: &[&str] = &["2025-07-01", "2025-04-01", "2024-10-01"];
/// The stable versions that have access policy assignments of databases.
const REDIS_ENTRA: &[&str] = &["2025-07-01", "2025-04-01"];
const SERVICE_BUS: &[&str] = &["2024-01-01", "2021-11-01"];
const DNS: &[&str] = &["2018-05-01"];
const AUTHORIZATION: &[&str] = &["2022-04-01"];
/// `Microsoft.Resources` for groups and providers.
pub(super) const RESOURCES: &[&str] = &["2025-04-01", "2024-07-01"];
/// The same for one provider and its registration; the oldest is what azure-mgmt-core asks by when it
/// registers a provider for its user.
pub(super) const REGISTRATIONS: &[&str] = &["2025-04-01", "2024-07-01", "2016-02-01"];
/// `Microsoft.Resources` for subscriptions.
pub(super) const SUBSCRIPTIONS: &[&str] = &["2022-12-01"];

/// Stable versions, as Microsoft's published descriptions have them; `Microsoft.App` 2026-07-01 and
/// `Microsoft.KeyVault` 2026-05-15 as Microsoft's Python clients of autumn 2026 send them
/// (azure-mgmt-appcontainers 5.1.0, azure-mgmt-keyvault 14.1.0).
pub(super) const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.App",
        types: &[
            ("managedEnvironments", APP),
            ("managedEnvironments/storages", APP),
            ("managedEnvironments/daprComponents", APP),
            ("managedEnvironments/daprComponents/resiliencyPolicies", RESILIENCY),
            ("managedEnvironments/managedCertificates", APP),
            ("managedEnvironments/certificates", APP),
            ("containerApps", APP),
            ("containerApps/authConfigs", APP),
            ("containerApps/revisions", APP),
            ("containerApps/revisions/replicas", APP),
            ("jobs", APP),
            ("jobs/executions", APP),
            ("locations", APP),
            ("locations/containerAppsJobOperationStatuses", APP),
            ("locations/containerAppsJobOperationResults", APP),
            ("locations/containerappOperationStatuses", APP),
            ("locations/containerappOperationResults", APP),
            ("locations/managedCertificateOperationStatuses", APP),
        ],
    },
    Provider {
        namespace: "Microsoft.ManagedIdentity",
        types: &[
            ("userAssignedIdentities", IDENTITY),
            ("userAssignedIdentities/federatedIdentityCredentials", IDENTITY),
            ("identities", IDENTITY),
        ],
    },
    Provider {
        namespace: "Microsoft.Authorization",
        types: &[
            ("roleAssignments", AUTHORIZATION),
            ("roleDefinitions", AUTHORIZATION),
            ("permissions", &["2022-04-01", "2018-07-01", "2015-07-01"]),
            ("denyAssignments", &["2022-04-01", "2018-07-01-preview"]),
            ("locks", &["2020-05-01", "2016-09-01"]),
        ],
    },
    Provider { namespace: "Microsoft.KeyVault", types: &[("vaults", VAULT)] },
    Provider {
        namespace: "Microsoft.ContainerRegistry",
        types: &[
            ("registries", REGISTRY),
            ("registries/operationStatuses", REGISTRY),
            ("registries/runs", TASKS),
            ("registries/listBuildSourceUploadUrl", TASKS),
            ("registries/scheduleRun", TASKS),
            ("checkNameAvailability", REGISTRY),
        ],
    },
    Provider {
        namespace: "Microsoft.Sql",
        types: &[
            ("servers", SQL),
            ("servers/databases", SQL),
            ("servers/administrators", SQL),
            ("servers/azureADOnlyAuthentications", SQL),
            ("servers/firewallRules", SQL),
        ],
    },
    Provider {
        namespace: "Microsoft.DocumentDB",
        types: &[
            ("databaseAccounts", COSMOS),
            ("databaseAccounts/sqlDatabases", COSMOS),
            ("databaseAccounts/sqlDatabases/containers", COSMOS),
            ("databaseAccounts/sqlRoleDefinitions", COSMOS),
            ("databaseAccounts/sqlRoleAssignments", COSMOS),
            ("databaseAccounts/sqlRoleAssignments/operationResults", COSMOS),
            ("locations", COSMOS),
            ("locations/operationsStatus", COSMOS),
        ],
    },
    Provider {
        namespace: "Microsoft.Storage",
        types: &[
            ("storageAccounts", STORAGE),
            ("storageAccounts/blobServices", STORAGE),
            ("storageAccounts/blobServices/containers", STORAGE),
            ("storageAccounts/fileServices", STORAGE),
            ("storageAccounts/fileServices/shares", STORAGE),
        ],
    },
    Provider {
        namespace: "Microsoft.Cache",
        types: &[
            ("redis", REDIS),
            ("redis/accessPolicies", REDIS),
            ("redis/accessPolicyAssignments", REDIS),
            ("redisEnterprise", REDIS_ENTERPRISE),
            ("redisEnterprise/databases", REDIS_ENTERPRISE),
            ("redisEnterprise/databases/accessPolicyAssignments", REDIS_ENTRA),
            ("locations", REDIS_ENTERPRISE),
            ("locations/asyncOperations", REDIS),
            ("locations/operationsStatus", REDIS_ENTERPRISE),
        ],
    },
    Provider {
        namespace: "Microsoft.ServiceBus",
        types: &[("namespaces", SERVICE_BUS), ("namespaces/queues", SERVICE_BUS)],
    },
    Provider {
        namespace: "Microsoft.Network",
        types: &[
            ("dnsZones", DNS),
            ("dnsZones/A", DNS),
            ("dnsZones/AAAA", DNS),
            ("dnsZones/CAA", DNS),
            ("dnsZones/CNAME", DNS),
            ("dnsZones/NS", DNS),
            ("dnsZones/SOA", DNS),
            ("dnsZones/TXT", DNS),
            ("dnsZones/recordsets", DNS),
            ("dnsZones/all", DNS),
        ],
    },
    Provider {
        namespace: "Microsoft.Resources",
        types: &[("subscriptions", SUBSCRIPTIONS), ("resourceGroups", RESOURCES)],
    },
];

/// The provider named `namespace`.
pub(super) fn provider(namespace: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
}

/// Refuses a namespace, type or api-version that does not exist, naming those that do.
pub(super) fn check_version(address: &Address, version: &str) -> Result<(), Refusal> {
    let namespace = &address.namespace;
    let Some(provider) = provider(namespace) else {
        return Err(Refusal::new(
            404,
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        ));
    };
    let kind = address.kind();
    let parent = kind.rsplit_once('/').map_or("", |(parent, _)| parent);
    let find = |wanted: &str| provider.types.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    // A path that ends in an action names no type of its own.
    let known = find(&kind).or_else(|| if address.is_resource() { None } else { find(parent) });
    let Some((name, versions)) = known else {
        return Err(Refusal::new(
            404,
            "InvalidResourceType",
            format!(
                "The resource type '{}' could not be found in the namespace '{namespace}' for api version \
                 '{version}'.",
                address.types.join("/")
            ),
        ));
    };
    if versions.contains(&version) {
        return Ok(());
    }
    let supported = versions.join(", ");
    Err(if provider.namespace == "Microsoft.Authorization" {
        invalid_version(version, versions)
    } else {
        Refusal::new(
            400,
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for location '' and API version '{version}' for type \
                 '{name}'. The supported api-versions are '{supported}'."
            ),
        )
    })
}

/// The refusal of ARM's own types.
pub(super) fn invalid_version(version: &str, versions: &[&str]) -> Refusal {
    Refusal::new(
        400,
        "InvalidApiVersionParameter",
        format!(
            "The api-version '{version}' is invalid. The supported versions are '{}'.",
            versions.join(",")
        ),
    )
}
