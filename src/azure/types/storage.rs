//! Storage: the registration of a share with an environment.

use super::table::NONE;
use super::{Compare, ResourceType, Update};

/// A share that the apps of an environment can mount.
///
/// There is PUT and no PATCH; the key never comes back. `accountKeyVaultProperties` instead of the key is there
/// since 2025-07-01 (generated types).
pub(super) const ENVIRONMENT_STORAGE: ResourceType = ResourceType {
    name: "Microsoft.App/managedEnvironments/storages",
    noun: "environment storage",
    versions: &["2026-01-01", "2025-07-01", "2025-01-01"],
    update: Update::Put,
    compare: &[
        ("properties.azureFile.accountName", Compare::IgnoreCase),
        ("properties.azureFile.accountKeyVaultProperties.identity", Compare::IgnoreCase),
        ("properties.azureFile.accountKeyVaultProperties.keyVaultUrl", Compare::Url),
        ("properties.nfsAzureFile.server", Compare::IgnoreCase),
    ],
    one_of: &[
        ("properties", &["azureFile", "nfsAzureFile"]),
        ("properties.azureFile", &["accountKey", "accountKeyVaultProperties"]),
    ],
    fields: &[
        ("", &["id", "name", "type", "systemData", "properties"]),
        ("properties", &["azureFile", "nfsAzureFile"]),
        (
            "properties.azureFile",
            &["accountName", "accountKey", "accountKeyVaultProperties", "accessMode", "shareName"],
        ),
        ("properties.azureFile.accountKeyVaultProperties", &["identity", "keyVaultUrl"]),
        ("properties.nfsAzureFile", &["server", "accessMode", "shareName"]),
    ],
    write_only: &["properties.azureFile.accountKey"],
    presence: &["properties.azureFile.accountKey"],
    write_action: "Microsoft.App/managedEnvironments/storages/write",
    ..NONE
};
