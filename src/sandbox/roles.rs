//! Built-in role definitions, as far as anything here needs them, and what they allow.

use serde_json::{Value as Json, json};

use super::state::CustomRole;

/// What a role allows: an element of a list of permissions.
#[derive(Clone, Debug, PartialEq)]
pub struct Permission {
    /// Allowed control-plane actions, with `*`.
    pub actions: Vec<String>,
    /// Those taken away again.
    pub not_actions: Vec<String>,
    /// Allowed data-plane actions.
    pub data_actions: Vec<String>,
}

impl Permission {
    /// What a custom role allows.
    pub fn of_custom(role: &CustomRole) -> Permission {
        Permission {
            actions: role.actions.clone(),
            not_actions: role.not_actions.clone(),
            data_actions: Vec::new(),
        }
    }

    /// Whether the element allows `action`.
    pub fn allows(&self, action: &str) -> bool {
        allows(&self.actions, &self.not_actions, action)
    }

    /// The element as a list of permissions has it.
    pub fn json(&self) -> Json {
        json!({
            "actions": self.actions,
            "notActions": self.not_actions,
            "dataActions": self.data_actions,
            "notDataActions": [],
        })
    }
}

/// A custom role's definition as GET returns it.
pub fn custom_definition(role: &CustomRole, guid: &str, subscription: &str) -> Json {
    let scope = format!("/subscriptions/{subscription}");
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{guid}"),
        "name": guid,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "CustomRole",
            "description": role.name,
            "assignableScopes": [scope],
            "permissions": [Permission::of_custom(role).json()],
        },
    })
}

/// Whether `actions` without `not_actions` contain `action`.
pub fn allows(actions: &[String], not_actions: &[String], action: &str) -> bool {
    actions.iter().any(|pattern| matches(pattern, action))
        && !not_actions.iter().any(|pattern| matches(pattern, action))
}

/// A built-in role. GUIDs and actions as Microsoft Learn lists them under "Azure built-in roles";
/// long action lists are cut down to what the sandbox's resource types have.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// The definition's name, a GUID.
    pub guid: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Allowed control-plane actions, with `*`.
    pub actions: &'static [&'static str],
    /// Those taken away again.
    pub not_actions: &'static [&'static str],
    /// Allowed data-plane actions.
    pub data_actions: &'static [&'static str],
}

/// Owner.
pub const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
/// Contributor.
pub const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
/// Reader.
pub const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
/// Container Apps Contributor.
pub const CONTAINER_APPS_CONTRIBUTOR: &str = "358470bc-b998-42bd-ab17-a7e34c199c0f";
/// Role Based Access Control Administrator.
pub const RBAC_ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";
/// Key Vault Secrets User.
pub const KEY_VAULT_SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
/// `AcrPull`.
pub const ACR_PULL: &str = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
/// `AcrPush`.
pub const ACR_PUSH: &str = "8311e382-0749-4cb8-b61a-304f252e45ec";
/// Container Registry Repository Reader.
pub const REPOSITORY_READER: &str = "b93aa761-3e63-49ed-ac28-beffa264f7ac";
/// Container Registry Repository Writer.
pub const REPOSITORY_WRITER: &str = "2a1e307c-b015-4ebd-883e-5b7698a07328";
/// Storage Blob Data Reader.
pub const STORAGE_BLOB_DATA_READER: &str = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1";
/// Storage Blob Data Contributor.
pub const STORAGE_BLOB_DATA_CONTRIBUTOR: &str = "ba92f5b4-2d11-453d-a403-e96b0029c9fe";
/// Storage Account Contributor.
pub const STORAGE_ACCOUNT_CONTRIBUTOR: &str = "17d1049b-9a84-46fb-8f53-869881c3d3ab";
/// Storage Account Key Operator Service Role.
pub const STORAGE_KEY_OPERATOR: &str = "81a9662b-bebf-436f-a333-f67b29880f12";
/// Redis Cache Contributor: Azure Cache for Redis only.
pub const REDIS_CACHE_CONTRIBUTOR: &str = "e0f68234-74aa-48ed-b826-c38b57376e17";
/// Azure Service Bus Data Receiver.
pub const SERVICE_BUS_RECEIVER: &str = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0";
/// Azure Service Bus Data Owner.
pub const SERVICE_BUS_OWNER: &str = "090c5cfd-751d-490a-894a-3ce6f1109419";
/// Container Apps Jobs Contributor.
pub const JOBS_CONTRIBUTOR: &str = "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68";
/// Managed Identity Operator.
pub const MANAGED_IDENTITY_OPERATOR: &str = "f1a07417-d97a-45cb-824c-7a7467783830";

const CONTRIBUTOR_NOT: &[&str] = &[
    "Microsoft.Authorization/*/Delete",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/elevateAccess/Action",
    "Microsoft.Blueprint/blueprintAssignments/write",
    "Microsoft.Blueprint/blueprintAssignments/delete",
    "Microsoft.Compute/galleries/share/action",
    "Microsoft.Purview/consents/write",
    "Microsoft.Purview/consents/delete",
];

const SECRETS: &[&str] = &[
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
];

const DELEGATION_KEY: &str =
    "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action";

/// The table.
pub const ROLES: &[Role] = &[
    role(OWNER, "Owner", &["*"], &[], &[]),
    role(CONTRIBUTOR, "Contributor", &["*"], CONTRIBUTOR_NOT, &[]),
    role(READER, "Reader", &["*/read"], &[], &[]),
    role(
        CONTAINER_APPS_CONTRIBUTOR,
        "Container Apps Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.App/containerApps/*/read",
            "Microsoft.App/containerApps/*/write",
            "Microsoft.App/containerApps/*/delete",
            "Microsoft.App/containerApps/*/action",
            "Microsoft.App/managedEnvironments/read",
            "Microsoft.App/managedEnvironments/*/read",
            "Microsoft.App/managedEnvironments/join/action",
        ],
        &[],
        &[],
    ),
    role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        &[],
        &[],
    ),
    role(
        RBAC_ADMINISTRATOR,
        "Role Based Access Control Administrator",
        &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        &[],
        &[],
    ),
    role(
        MANAGED_IDENTITY_OPERATOR,
        "Managed Identity Operator",
        &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        &[],
        &[],
    ),
    role(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        &[],
        &[],
    ),
    role(KEY_VAULT_SECRETS_USER, "Key Vault Secrets User", &[], &[], SECRETS),
    role(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        &["Microsoft.Authorization/*/read", "Microsoft.KeyVault/*/read"],
        &[],
        &["Microsoft.KeyVault/vaults/secrets/*"],
    ),
    role(
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Key Vault Administrator",
        &["Microsoft.Authorization/*/read", "Microsoft.KeyVault/*/read"],
        &[],
        &["Microsoft.KeyVault/vaults/*"],
    ),
    role(ACR_PULL, "AcrPull", &["Microsoft.ContainerRegistry/registries/pull/read"], &[], &[]),
    role(
        ACR_PUSH,
        "AcrPush",
        &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        &[],
        &[],
    ),
    role(
        REPOSITORY_READER,
        "Container Registry Repository Reader",
        &[],
        &[],
        &[
            "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            "Microsoft.ContainerRegistry/registries/repositories/content/read",
        ],
    ),
    role(
        REPOSITORY_WRITER,
        "Container Registry Repository Writer",
        &[],
        &[],
        &[
            "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
            "Microsoft.ContainerRegistry/registries/repositories/content/read",
            "Microsoft.ContainerRegistry/registries/repositories/metadata/write",
            "Microsoft.ContainerRegistry/registries/repositories/content/write",
        ],
    ),
    role(
        REDIS_CACHE_CONTRIBUTOR,
        "Redis Cache Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Cache/register/action",
            "Microsoft.Cache/redis/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        &[],
        &[],
    ),
    role(
        JOBS_CONTRIBUTOR,
        "Container Apps Jobs Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.App/jobs/*",
            "Microsoft.App/managedEnvironments/read",
            "Microsoft.App/managedEnvironments/*/read",
            "Microsoft.App/managedEnvironments/join/action",
        ],
        &[],
        &[],
    ),
    role(
        SERVICE_BUS_RECEIVER,
        "Azure Service Bus Data Receiver",
        &[
            "Microsoft.ServiceBus/*/queues/read",
            "Microsoft.ServiceBus/*/topics/read",
            "Microsoft.ServiceBus/*/topics/subscriptions/read",
        ],
        &[],
        &["Microsoft.ServiceBus/*/receive/action"],
    ),
    role(
        SERVICE_BUS_OWNER,
        "Azure Service Bus Data Owner",
        &["Microsoft.ServiceBus/*"],
        &[],
        &["Microsoft.ServiceBus/*"],
    ),
    role(
        STORAGE_BLOB_DATA_READER,
        "Storage Blob Data Reader",
        &["Microsoft.Storage/storageAccounts/blobServices/containers/read", DELEGATION_KEY],
        &[],
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
    ),
    role(
        STORAGE_BLOB_DATA_CONTRIBUTOR,
        "Storage Blob Data Contributor",
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            DELEGATION_KEY,
        ],
        &[],
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        ],
    ),
    role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        &["Microsoft.Storage/storageAccounts/blobServices/containers/*", DELEGATION_KEY],
        &[],
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
    ),
    role(
        "0c867c2a-1d8c-454a-a3db-ab2ea1bdc8bb",
        "Storage File Data SMB Share Contributor",
        &[],
        &[],
        &[
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/read",
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/write",
            "Microsoft.Storage/storageAccounts/fileServices/fileshares/files/delete",
        ],
    ),
    role(
        STORAGE_ACCOUNT_CONTRIBUTOR,
        "Storage Account Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Storage/storageAccounts/*",
        ],
        &[],
        &[],
    ),
    role(
        STORAGE_KEY_OPERATOR,
        "Storage Account Key Operator Service Role",
        &[
            "Microsoft.Storage/storageAccounts/listkeys/action",
            "Microsoft.Storage/storageAccounts/regeneratekey/action",
        ],
        &[],
        &[],
    ),
];

const fn role(
    guid: &'static str,
    name: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
) -> Role {
    Role { guid, name, actions, not_actions, data_actions }
}

/// The role with this GUID, or whose definition id ends with it.
pub fn find(guid_or_id: &str) -> Option<&'static Role> {
    let guid = guid_or_id.rsplit('/').next().unwrap_or_default();
    ROLES.iter().find(|role| role.guid.eq_ignore_ascii_case(guid))
}

impl Role {
    /// Whether the role's actions contain `action`.
    pub fn allows(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| matches(pattern, action))
            && !self.not_actions.iter().any(|pattern| matches(pattern, action))
    }

    /// Whether the role's data actions contain `action`.
    pub fn allows_data(&self, action: &str) -> bool {
        self.data_actions.iter().any(|pattern| matches(pattern, action))
    }

    /// The role's element in a list of permissions.
    pub fn permission(&self) -> Permission {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Permission {
            actions: owned(self.actions),
            not_actions: owned(self.not_actions),
            data_actions: owned(self.data_actions),
        }
    }

    /// The definition as GET returns it.
    pub fn definition(&self, subscription: &str) -> Json {
        json!({
            "id": format!(
                "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}",
                self.guid
            ),
            "name": self.guid,
            "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {
                "roleName": self.name,
                "type": "BuiltInRole",
                "description": self.name,
                "assignableScopes": ["/"],
                "permissions": [self.permission().json()],
            },
        })
    }
}

/// Whether `action` fits `pattern`, in which `*` stands for any text and `/*/` for a single `/` too:
/// Managed Identity Operator has `userAssignedIdentities/*/assign/action`, and it is known to allow
/// `userAssignedIdentities/assign/action`. Case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    fits(pattern, action) || (pattern.contains("/*/") && fits(&pattern.replace("/*/", "/"), action))
}

fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| action.strip_prefix(head)) else {
        return false;
    };
    let mut tail: Option<&str> = None;
    for part in parts {
        if let Some(middle) = tail.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    tail.map_or(rest.is_empty(), |tail| rest.ends_with(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_azure_says() {
        for (pattern, action, fits) in [
            ("*", "Microsoft.App/containerApps/write", true),
            ("*/read", "Microsoft.App/containerApps/read", true),
            ("*/read", "Microsoft.App/containerApps/listSecrets/action", false),
            ("Microsoft.Authorization/*/Write", "microsoft.authorization/roleAssignments/write", true),
            ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/read", false),
            ("Microsoft.App/containerApps/read", "Microsoft.App/containerApps/read", true),
            ("Microsoft.App/containerApps/read", "Microsoft.App/containerApps/read/x", false),
            (
                "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                true,
            ),
            ("a/*/b/*/c", "a/1/b/2/c", true),
            ("a/*/b/*/c", "a/1/2/c", false),
        ] {
            assert_eq!(matches(pattern, action), fits, "{pattern} {action}");
        }
        let contributor = find(CONTRIBUTOR).unwrap();
        assert!(contributor.allows("Microsoft.App/containerApps/listSecrets/action"));
        assert!(!contributor.allows("Microsoft.Authorization/roleAssignments/write"));
        assert!(!find(READER).unwrap().allows("Microsoft.App/containerApps/listSecrets/action"));
    }
}
