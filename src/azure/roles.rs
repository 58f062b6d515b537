//! Built-in roles: GUIDs, which are the same in every tenant and cloud, and what they allow.
//!
//! Source: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>, the pages for
//! containers (as of 2025-06-30), identity (2026-07-01), general, privileged, databases, security and
//! storage.

use super::permissions;

/// A built-in role.
#[derive(Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// The name of its definition.
    pub guid: &'static str,
    /// Allowed actions, with wildcards.
    pub actions: &'static [&'static str],
    /// Those taken away again.
    pub not_actions: &'static [&'static str],
    /// Allowed data actions, with wildcards.
    pub data_actions: &'static [&'static str],
}

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const USER_ACCESS_ADMINISTRATOR: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";
const RBAC_ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";

const NONE: BuiltIn = BuiltIn { name: "", guid: "", actions: &[], not_actions: &[], data_actions: &[] };

/// The roles that recipes give and those that cover what recipes need.
const BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        name: "AcrPull",
        guid: "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        actions: &["Microsoft.ContainerRegistry/registries/pull/read"],
        ..NONE
    },
    BuiltIn {
        name: "AcrPush",
        guid: "8311e382-0749-4cb8-b61a-304f252e45ec",
        actions: &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        ..NONE
    },
    // https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/integration
    BuiltIn {
        name: "Azure Service Bus Data Receiver",
        guid: "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
        actions: &[
            "Microsoft.ServiceBus/*/queues/read",
            "Microsoft.ServiceBus/*/topics/read",
            "Microsoft.ServiceBus/*/topics/subscriptions/read",
        ],
        data_actions: &["Microsoft.ServiceBus/*/receive/action"],
        ..NONE
    },
    BuiltIn {
        name: "Container Apps Contributor",
        guid: "358470bc-b998-42bd-ab17-a7e34c199c0f",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.App/containerApps/*/read",
            "Microsoft.App/containerApps/*/write",
            "Microsoft.App/containerApps/*/delete",
            "Microsoft.App/containerApps/*/action",
            "Microsoft.App/managedEnvironments/read",
            "Microsoft.App/managedEnvironments/*/read",
            "Microsoft.App/managedEnvironments/join/action",
            "Microsoft.App/managedEnvironments/checknameavailability/action",
            "Microsoft.App/connectedEnvironments/read",
            "Microsoft.App/connectedEnvironments/*/read",
            "Microsoft.App/connectedEnvironments/join/action",
            "Microsoft.App/connectedEnvironments/checknameavailability/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Container Apps Jobs Contributor",
        guid: "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.App/jobs/read",
            "Microsoft.App/jobs/*/read",
            "Microsoft.App/jobs/*/action",
            "Microsoft.App/jobs/write",
            "Microsoft.App/jobs/delete",
            "Microsoft.App/managedEnvironments/read",
            "Microsoft.App/managedEnvironments/*/read",
            "Microsoft.App/managedEnvironments/join/action",
            "Microsoft.App/managedEnvironments/checknameavailability/action",
            "Microsoft.App/connectedEnvironments/read",
            "Microsoft.App/connectedEnvironments/*/read",
            "Microsoft.App/connectedEnvironments/join/action",
            "Microsoft.App/connectedEnvironments/checknameavailability/action",
            "Microsoft.Resources/deployments/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Container Apps ManagedEnvironments Contributor",
        guid: "57cc5028-e6a7-4284-868d-0611c5923f8d",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.App/managedEnvironments/*/read",
            "Microsoft.App/managedEnvironments/*/write",
            "Microsoft.App/managedEnvironments/*/delete",
            "Microsoft.App/managedEnvironments/*/action",
            "Microsoft.Resources/deployments/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Container Registry Contributor and Data Access Configuration Administrator",
        guid: "3bc748fc-213d-45c1-8d91-9da5725539b9",
        // Those of registries only, and of them the ones on the registry itself.
        actions: &[
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.ContainerRegistry/registries/operationStatuses/read",
            "Microsoft.ContainerRegistry/registries/read",
            "Microsoft.ContainerRegistry/registries/write",
            "Microsoft.ContainerRegistry/registries/delete",
            "Microsoft.ContainerRegistry/registries/listCredentials/action",
            "Microsoft.ContainerRegistry/registries/regenerateCredential/action",
            "Microsoft.ContainerRegistry/registries/generateCredentials/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Container Registry Repository Reader",
        guid: "b93aa761-3e63-49ed-ac28-beffa264f7ac",
        data_actions: &[
            "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            "Microsoft.ContainerRegistry/registries/repositories/content/read",
        ],
        ..NONE
    },
    BuiltIn {
        // https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference
        name: "Container Registry Tasks Contributor",
        guid: "fb382eab-e894-4461-af04-94435c366c3f",
        // Those of runs only.
        actions: &[
            "Microsoft.ContainerRegistry/registries/read",
            "Microsoft.ContainerRegistry/registries/scheduleRun/action",
            "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
            "Microsoft.ContainerRegistry/registries/runs/read",
            "Microsoft.ContainerRegistry/registries/runs/listLogSasUrl/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Contributor",
        guid: CONTRIBUTOR,
        actions: &["*"],
        not_actions: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Cosmos DB Operator",
        guid: "230815da-be43-4aae-9cb4-875f7bd000aa",
        actions: &[
            "Microsoft.DocumentDb/databaseAccounts/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
            "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
        ],
        not_actions: &[
            "Microsoft.DocumentDB/databaseAccounts/dataTransferJobs/*",
            "Microsoft.DocumentDB/databaseAccounts/readonlyKeys/*",
            "Microsoft.DocumentDB/databaseAccounts/regenerateKey/*",
            "Microsoft.DocumentDB/databaseAccounts/listKeys/*",
            "Microsoft.DocumentDB/databaseAccounts/listConnectionStrings/*",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/write",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/delete",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/delete",
        ],
        ..NONE
    },
    BuiltIn {
        name: "DNS Zone Contributor",
        guid: "befefa01-2a29-4197-83a8-272ff33ce314",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Network/dnsZones/*",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn {
        // Unlike Cosmos DB Operator it may write role assignments for data.
        name: "DocumentDB Account Contributor",
        guid: "5bd9cd88-fe45-4216-938b-f97437e15450",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.DocumentDb/databaseAccounts/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
            "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Key Vault Administrator",
        guid: "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        actions: VAULT_READER,
        data_actions: &["Microsoft.KeyVault/vaults/*"],
        ..NONE
    },
    BuiltIn {
        name: "Key Vault Contributor",
        guid: "f25e0fa2-a7c8-4377-a976-54943a77a395",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.KeyVault/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
        not_actions: &[
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/hsmPools/*",
            "Microsoft.KeyVault/managedHsms/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Key Vault Secrets Officer",
        guid: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        actions: VAULT_READER,
        data_actions: &["Microsoft.KeyVault/vaults/secrets/*"],
        ..NONE
    },
    BuiltIn {
        name: "Key Vault Secrets User",
        guid: "4633458b-17de-408a-b874-0445c86b69e6",
        data_actions: &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Managed Identity Contributor",
        guid: "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        actions: &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
            "Microsoft.ManagedIdentity/userAssignedIdentities/revokeTokens/action",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Managed Identity Operator",
        guid: "f1a07417-d97a-45cb-824c-7a7467783830",
        actions: &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn { name: "Owner", guid: OWNER, actions: &["*"], ..NONE },
    BuiltIn { name: "Reader", guid: "acdd72a7-3385-48ef-bd42-f606fba81ae7", actions: &["*/read"], ..NONE },
    BuiltIn {
        // Azure Cache for Redis only: no built-in role below Contributor writes redisEnterprise.
        name: "Redis Cache Contributor",
        guid: "e0f68234-74aa-48ed-b826-c38b57376e17",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Cache/register/action",
            "Microsoft.Cache/redis/*",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Role Based Access Control Administrator",
        guid: RBAC_ADMINISTRATOR,
        actions: &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Storage Account Contributor",
        guid: "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.Insights/diagnosticSettings/*",
            "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action",
            "Microsoft.ResourceHealth/availabilityStatuses/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Storage/storageAccounts/*",
            "Microsoft.Support/*",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Storage Account Key Operator Service Role",
        guid: "81a9662b-bebf-436f-a333-f67b29880f12",
        actions: &[
            "Microsoft.Storage/storageAccounts/listkeys/action",
            "Microsoft.Storage/storageAccounts/regeneratekey/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Storage Blob Data Contributor",
        guid: "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        data_actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Storage Blob Data Owner",
        guid: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/*",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        data_actions: &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
        ..NONE
    },
    BuiltIn {
        name: "Storage Blob Data Reader",
        guid: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        actions: &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        data_actions: &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
        ..NONE
    },
    BuiltIn {
        name: "Storage File Data SMB Share Contributor",
        guid: "0c867c2a-1d8c-454a-a3db-ab2ea1bdc8bb",
        data_actions: &[
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/read",
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/write",
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/delete",
        ],
        ..NONE
    },
    BuiltIn {
        name: "Storage Queue Data Contributor",
        guid: "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        actions: &[
            "Microsoft.Storage/storageAccounts/queueServices/queues/delete",
            "Microsoft.Storage/storageAccounts/queueServices/queues/read",
            "Microsoft.Storage/storageAccounts/queueServices/queues/write",
        ],
        data_actions: &[
            "Microsoft.Storage/storageAccounts/queueServices/queues/messages/delete",
            "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read",
            "Microsoft.Storage/storageAccounts/queueServices/queues/messages/write",
            "Microsoft.Storage/storageAccounts/queueServices/queues/messages/process/action",
        ],
        ..NONE
    },
    BuiltIn {
        name: "User Access Administrator",
        guid: USER_ACCESS_ADMINISTRATOR,
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        ..NONE
    },
];

/// Of Key Vault's roles for secrets, keys and certificates.
const VAULT_READER: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
];

impl BuiltIn {
    /// Whether it allows an action of the control plane.
    pub fn allows(&self, action: &str) -> bool {
        permissions::allows(self.actions.iter().copied(), self.not_actions.iter().copied(), action)
    }

    /// How much it allows beyond `needed`: what changes things of the types that are needed, what changes
    /// other things or reads data (which mostly are not where the role is given), what only reads.
    fn excess(&self, needed: &[&str]) -> [usize; 3] {
        let mut all: Vec<&str> = BUILT_IN.iter().flat_map(|role| role.actions).copied().collect();
        all.sort_unstable();
        all.dedup();
        // A pattern stands for itself: any text between its parts would do.
        let beyond = all.iter().filter(|action| self.allows(action) && !needed.contains(action));
        let (reads, others): (Vec<&str>, Vec<&str>) =
            beyond.copied().partition(|action| action.to_ascii_lowercase().ends_with("/read"));
        let near = others.iter().filter(|action| needed.iter().any(|own| same_type(own, action))).count();
        [near, others.len() - near + self.data_actions.len(), reads.len()]
    }
}

/// Whether an action is of the resource type of another one, or of a child of it.
fn same_type(needed: &str, other: &str) -> bool {
    let kind: Vec<&str> = needed.split('/').take(2).collect();
    other.to_ascii_lowercase().starts_with(&format!("{}/", kind.join("/").to_ascii_lowercase()))
}

/// The GUID of a built-in role, by name (any case) or by GUID.
pub fn guid(role: &str) -> Option<&'static str> {
    find(role).map(|(_, guid)| guid)
}

/// The name and GUID of a built-in role, by either.
pub fn find(role: &str) -> Option<(&'static str, &'static str)> {
    BUILT_IN
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(role) || known.guid.eq_ignore_ascii_case(role))
        .map(|known| (known.name, known.guid))
}

/// Whether a role can give roles away: no recipe may grant it.
pub fn grants_roles(guid: &str) -> bool {
    [OWNER, USER_ACCESS_ADMINISTRATOR, RBAC_ADMINISTRATOR].iter().any(|role| role.eq_ignore_ascii_case(guid))
}

/// Actions with which a principal can give roles: to itself, to others, or by changing what a role may.
pub const GIVING: &[&str] = &[
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/elevateAccess/action",
];

/// The fewest built-in roles that together allow all `actions`, and of those the ones that allow least
/// beyond. Contributor and Owner, which allow nearly everything, only where no other roles will do; none
/// when not even they do.
pub fn covering(actions: &[&str]) -> Vec<&'static BuiltIn> {
    if actions.is_empty() {
        return Vec::new();
    }
    let narrow: Vec<&BuiltIn> =
        BUILT_IN.iter().filter(|role| ![OWNER, CONTRIBUTOR].contains(&role.guid)).collect();
    fewest(&narrow, actions)
        .or_else(|| fewest(&BUILT_IN.iter().filter(|role| role.guid != OWNER).collect::<Vec<_>>(), actions))
        .or_else(|| fewest(&BUILT_IN.iter().collect::<Vec<_>>(), actions))
        .unwrap_or_default()
}

/// The smallest set of `roles`, up to three of them.
fn fewest(roles: &[&'static BuiltIn], actions: &[&str]) -> Option<Vec<&'static BuiltIn>> {
    // Each role that helps, with what it covers and what it costs.
    let useful: Vec<(&'static BuiltIn, Vec<bool>, [usize; 3])> = roles
        .iter()
        .map(|role| (*role, actions.iter().map(|action| role.allows(action)).collect::<Vec<_>>()))
        .filter(|(_, covers)| covers.contains(&true))
        .map(|(role, covers)| (role, covers, role.excess(actions)))
        .collect();
    let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..3 {
        sets = sets
            .iter()
            .flat_map(|set| {
                let from = set.last().map_or(0, |last| last + 1);
                (from..useful.len()).map(move |next| set.iter().copied().chain([next]).collect::<Vec<_>>())
            })
            .collect();
        let covers =
            |set: &&Vec<usize>| (0..actions.len()).all(|at| set.iter().any(|role| useful[*role].1[at]));
        let cost = |set: &&Vec<usize>| {
            set.iter().fold([0; 3], |sum, role| {
                let one = useful[*role].2;
                [sum[0] + one[0], sum[1] + one[1], sum[2] + one[2]]
            })
        };
        if let Some(best) = sets.iter().filter(covers).min_by_key(cost) {
            return Some(best.iter().map(|role| useful[*role].0).collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::types;

    fn names(actions: &[&str]) -> Vec<&'static str> {
        covering(actions).iter().map(|role| role.name).collect()
    }

    const APP: &str = "Microsoft.App/containerApps/write";
    const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    const GRANT: &str = "Microsoft.Authorization/roleAssignments/write";

    #[test]
    fn the_smallest_role_covers() {
        for (actions, roles) in [
            (
                &[APP, "Microsoft.App/containerApps/listSecrets/action"][..],
                &["Container Apps Contributor"][..],
            ),
            (&[ASSIGN], &["Managed Identity Operator"]),
            (&[IDENTITY], &["Managed Identity Contributor"]),
            (&[IDENTITY, ASSIGN], &["Managed Identity Contributor", "Managed Identity Operator"]),
            (&[GRANT, "Microsoft.KeyVault/vaults/read"], &["Role Based Access Control Administrator"]),
            (&["Microsoft.KeyVault/vaults/read"], &["Reader"]),
            (&["Microsoft.ManagedIdentity/identities/read", APP], &["Container Apps Contributor", "Reader"]),
            (&["Microsoft.App/managedEnvironments/join/action"], &["Container Apps Contributor"]),
            (
                &["Microsoft.App/managedEnvironments/write"],
                &["Container Apps ManagedEnvironments Contributor"],
            ),
            (&["Microsoft.KeyVault/vaults/write"], &["Key Vault Contributor"]),
            (
                &["Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"],
                &["DocumentDB Account Contributor"],
            ),
            (&["Microsoft.DocumentDB/databaseAccounts/sqlDatabases/write"], &["Cosmos DB Operator"]),
            (&["Microsoft.Cache/redis/accessPolicyAssignments/write"], &["Redis Cache Contributor"]),
            (&["Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments/write"], &["Contributor"]),
            (&["Microsoft.Unheard/of/write"], &["Contributor"]),
            (&["Microsoft.Authorization/elevateAccess/action"], &["User Access Administrator"]),
            (&[], &[]),
        ] {
            assert_eq!(names(actions), roles, "{actions:?}");
        }
    }

    #[test]
    fn what_any_type_of_the_table_can_need_is_covered_without_contributor() {
        // No built-in role but Contributor and Owner makes resource groups, or writes Azure Managed Redis.
        let only_broad = [
            "Microsoft.Resources/subscriptions/resourceGroups/write",
            "Microsoft.Cache/redisEnterprise/write",
            "Microsoft.Cache/redisEnterprise/databases/write",
            "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments/write",
            // Recipes only read these; SQL Server Contributor has them but for what its notActions take away,
            // which no source here lists in full.
            "Microsoft.Sql/servers/write",
            "Microsoft.Sql/servers/databases/write",
            "Microsoft.Sql/servers/administrators/write",
            "Microsoft.Sql/servers/azureADOnlyAuthentications/write",
            "Microsoft.Sql/servers/firewallRules/write",
        ];
        let mut seen = 0;
        for kind in types::ALL {
            let linked = kind.linked.iter().map(|linked| linked.action);
            // What can be made can be removed, and the same role does both.
            let delete = kind.delete_action();
            let delete = Some(delete.as_str()).filter(|_| !kind.write_action.is_empty());
            for action in
                std::iter::once(kind.write_action).chain(delete).chain(linked).filter(|one| !one.is_empty())
            {
                let roles = names(&[action]);
                let broad = roles.contains(&"Contributor") || roles.contains(&"Owner");
                let write = action.replace("/delete", "/write");
                assert_eq!(broad, only_broad.contains(&write.as_str()), "{action}: {roles:?}");
                assert!(!roles.is_empty(), "{action}");
                seen += 1;
            }
            let read = format!("{}/read", kind.name);
            assert_eq!(names(&[&read]), ["Reader"], "{read}");
        }
        assert!(seen > 8, "{seen}");
    }

    #[test]
    fn names_and_guids_are_unique() {
        for (index, role) in BUILT_IN.iter().enumerate() {
            assert!(uuid::Uuid::parse_str(role.guid).is_ok(), "{}", role.name);
            let others = BUILT_IN.iter().skip(index + 1);
            assert!(others.clone().all(|other| other.name != role.name && other.guid != role.guid));
            assert_eq!(find(&role.guid.to_uppercase()), find(&role.name.to_lowercase()));
            assert!(role.actions.len() + role.data_actions.len() > 0, "{}", role.name);
        }
        assert!(BUILT_IN.windows(2).all(|pair| pair[0].name < pair[1].name), "in order of names");
    }
}
