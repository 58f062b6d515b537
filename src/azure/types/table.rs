//! The rows of the resource type table.

use super::app::CONTAINER_APP;
use super::{
    Compare, ResourceType, Update, auth, cache, cosmos, dapr, dns, domains, jobs, sql, storage,
    storage_account,
};

/// A row in which nothing is said.
pub(super) const NONE: ResourceType = ResourceType {
    name: "",
    noun: "resource",
    versions: &[],
    update: Update::Put,
    lists: &[],
    compare: &[],
    defaults: &[],
    one_of: &[],
    stand_ins: &[],
    fields: &[],
    read_only: &["id", "name", "type", "systemData"],
    write_only: &[],
    presence: &[],
    told_by: None,
    everyone: &[],
    fingerprints: &[],
    ready: "",
    shows_late: false,
    by_others: false,
    waits: &[],
    foreign: &[],
    text: &[],
    gives_rights: &[],
    principal: "",
    names: &[],
    computed: &[],
    consequences: &[],
    host: &[],
    questions: &[],
    effects: &[],
    write_action: "",
    holds: "",
    linked: &[],
};

/// A user of a database: nothing of Azure Resource Manager's, and so not among [`ALL`]; but what a step owns of
/// it is merged, compared and shown as the parts of every resource are.
pub static SQL_USER: ResourceType = ResourceType {
    name: "sql user",
    noun: "sql user",
    lists: &[("roles", super::ListKind::Set)],
    compare: &[("clientId", Compare::IgnoreCase), ("roles[]", Compare::IgnoreCase)],
    ..NONE
};

/// An action with an effect: no resource, and so not among [`ALL`]; but that it is to be sent is planned, shown and
/// approved as a change is.
pub static ACTION: ResourceType = ResourceType { name: "action", noun: "action", read_only: &[], ..NONE };

/// Something that a run waits for: as [`ACTION`], and no write.
pub static WAIT: ResourceType = ResourceType { name: "wait", noun: "wait", read_only: &[], ..NONE };

/// An image that a registry builds: its task run is a resource, but one that is asked for by a POST, so that no
/// recipe writes it as `resource`, and this is not among [`ALL`].
pub static IMAGE: ResourceType = ResourceType {
    name: "Microsoft.ContainerRegistry/registries/runs",
    noun: "image",
    versions: &[crate::azure::builds::VERSION],
    update: Update::Never,
    lists: &[("tags", super::ListKind::Set)],
    write_action: crate::azure::builds::BUILD_ACTIONS[0],
    linked: &[
        build_right(1, "upload what an image is built from"),
        build_right(2, "see the runs of the registry"),
        build_right(3, "see the log of a run"),
    ],
    ..NONE
};

const fn build_right(index: usize, why: &'static str) -> super::Linked {
    super::Linked {
        action: crate::azure::builds::BUILD_ACTIONS[index],
        when: super::LinkedWhen::Changes("image"),
        on: super::LinkedOn::Itself,
        why,
    }
}

/// Every type that recipes and prerequisites touch.
pub const ALL: &[ResourceType] = &[
    CONTAINER_APP,
    ResourceType {
        name: "Microsoft.App/containerApps/revisions",
        noun: "revision",
        versions: CONTAINER_APP.versions,
        update: Update::Never,
        // ContainerAppsRevisions_RestartRevision. To activate and deactivate is a rollout's.
        effects: &[super::Effect {
            name: "restart",
            follows: "the revision's replicas are replaced one after the other",
            look: "az containerapp replica list --resource-group {group} --name {parent} --revision {name}",
        }],
        // A revision carries the template it was made from, values of variables included.
        foreign: CONTAINER_APP.foreign,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.App/containerApps/revisions/replicas",
        noun: "replica",
        versions: CONTAINER_APP.versions,
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.App/managedEnvironments",
        noun: "Container Apps environment",
        versions: CONTAINER_APP.versions,
        update: Update::Patch,
        write_only: &[
            "properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey",
            "properties.customDomainConfiguration.certificateValue",
            "properties.customDomainConfiguration.certificatePassword",
            "properties.daprAIConnectionString",
            "properties.daprAIInstrumentationKey",
        ],
        // `{nameAvailable, reason, message}` of a name of something within it (Namespaces_CheckNameAvailability).
        questions: &["checkNameAvailability"],
        write_action: "Microsoft.App/managedEnvironments/write",
        ..NONE
    },
    ResourceType {
        name: "Microsoft.ManagedIdentity/userAssignedIdentities",
        noun: "user-assigned identity",
        versions: &["2024-11-30", "2023-01-31"],
        update: Update::Put,
        compare: &[("location", Compare::IgnoreCase)],
        fields: &[
            ("", &["id", "name", "type", "location", "tags", "properties", "systemData"]),
            ("properties", &["principalId", "clientId", "tenantId", "isolationScope"]),
        ],
        read_only: &[
            "id",
            "name",
            "type",
            "systemData",
            "properties.principalId",
            "properties.clientId",
            "properties.tenantId",
        ],
        computed: &["properties.principalId", "properties.clientId", "properties.tenantId"],
        write_action: "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        ..NONE
    },
    ResourceType {
        // The system-assigned identity seen from its own side: the only place of its clientId.
        name: "Microsoft.ManagedIdentity/identities",
        noun: "system-assigned identity",
        versions: &["2024-11-30", "2023-01-31"],
        update: Update::Never,
        computed: &["properties.principalId", "properties.clientId", "properties.tenantId"],
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Authorization/roleAssignments",
        noun: "role assignment",
        versions: &["2022-04-01"],
        // PUT is create only: RoleAssignmentUpdateNotPermitted
        // (https://learn.microsoft.com/azure/role-based-access-control/troubleshooting).
        update: Update::Never,
        compare: &[
            ("properties.roleDefinitionId", Compare::IgnoreCase),
            ("properties.principalId", Compare::IgnoreCase),
            ("properties.scope", Compare::IgnoreCase),
        ],
        write_action: "Microsoft.Authorization/roleAssignments/write",
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Authorization/roleDefinitions",
        noun: "role definition",
        versions: &["2022-04-01"],
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Authorization/permissions",
        noun: "permissions",
        versions: &["2022-04-01"],
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Authorization/locks",
        noun: "lock",
        versions: &["2020-05-01"],
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Authorization/denyAssignments",
        noun: "deny assignment",
        // https://learn.microsoft.com/rest/api/authorization/deny-assignments/list-for-scope
        versions: &["2022-04-01"],
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        // Versions before 2026-02-01 retire on 2027-02-27
        // (https://learn.microsoft.com/azure/key-vault/general/access-control-default).
        name: "Microsoft.KeyVault/vaults",
        noun: "key vault",
        versions: &["2026-02-01", "2025-05-01", "2023-07-01"],
        update: Update::Patch,
        // Not `properties`, of which recipes read little: those words would be Microsoft's list again.
        fields: &[("", &["id", "name", "type", "location", "tags", "properties", "systemData"])],
        // Who may read and write secrets, where roles do not count.
        gives_rights: &["properties.accessPolicies"],
        write_action: "Microsoft.KeyVault/vaults/write",
        holds: "every secret, key and certificate in it",
        ..NONE
    },
    ResourceType {
        // `roleAssignmentMode` is there since 2025-11-01, the policy for ARM tokens since 2025-04-01
        // (Azure/bicep-types-az).
        name: "Microsoft.ContainerRegistry/registries",
        noun: "container registry",
        versions: &["2025-11-01", "2025-04-01", "2023-07-01"],
        update: Update::Patch,
        // With a domain name label it is NAME-hash and the suffix, so that the name does not tell it.
        host: &["properties", "loginServer"],
        write_action: "Microsoft.ContainerRegistry/registries/write",
        holds: "every image in it",
        ..NONE
    },
    storage_account::ACCOUNT,
    storage_account::CONTAINER,
    storage_account::SHARE,
    sql::SERVER,
    sql::DATABASE,
    sql::ADMINISTRATOR,
    sql::ENTRA_ONLY,
    sql::FIREWALL_RULE,
    cosmos::ACCOUNT,
    cosmos::DATABASE,
    cosmos::CONTAINER,
    cosmos::ROLE_ASSIGNMENT,
    storage::ENVIRONMENT_STORAGE,
    auth::AUTH_CONFIG,
    dapr::COMPONENT,
    dapr::RESILIENCY,
    jobs::JOB,
    jobs::EXECUTION,
    jobs::NAMESPACE,
    jobs::QUEUE,
    domains::MANAGED,
    domains::CERTIFICATE,
    cache::CACHE,
    cache::CACHE_ASSIGNMENT,
    cache::CLUSTER,
    cache::DATABASE,
    cache::DATABASE_ASSIGNMENT,
    dns::ZONE,
    dns::TXT,
    dns::CNAME,
    dns::A,
    dns::AAAA,
    dns::CAA,
    ResourceType {
        name: "Microsoft.Resources/subscriptions",
        noun: "subscription",
        versions: &["2022-12-01"],
        update: Update::Never,
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Resources/subscriptions/resourceGroups",
        noun: "resource group",
        versions: &["2025-04-01", "2024-07-01"],
        update: Update::Put,
        write_action: "Microsoft.Resources/subscriptions/resourceGroups/write",
        ..NONE
    },
    ResourceType {
        name: "Microsoft.Resources/providers",
        noun: "resource provider",
        versions: &["2025-04-01", "2024-07-01"],
        update: Update::Never,
        ..NONE
    },
];

/// Types that only ever stand below another resource, as `{scope}/providers/{type}/{name}`.
pub const EXTENSION_ONLY: &[&str] = &[
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Authorization/locks",
    "Microsoft.Authorization/permissions",
    "Microsoft.Authorization/denyAssignments",
    "Microsoft.ManagedIdentity/identities",
];

/// The row of a type, without regard to case.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    ALL.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
}
