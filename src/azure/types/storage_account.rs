//! `Microsoft.Storage`: accounts and the containers and shares in them.
//!
//! Property names: the generated types of 2026-04-01 and 2025-06-01, which agree in all that is named here.

use super::table::NONE;
use super::{Compare, ResourceType, Update};

const VERSIONS: &[&str] = &["2026-04-01", "2025-06-01", "2023-05-01"];

/// The account. Its keys are in no answer but that of `listKeys`.
pub(super) const ACCOUNT: ResourceType = ResourceType {
    name: "Microsoft.Storage/storageAccounts",
    noun: "storage account",
    versions: VERSIONS,
    update: Update::Patch,
    compare: &[("location", Compare::IgnoreCase)],
    write_action: "Microsoft.Storage/storageAccounts/write",
    holds: "everything that is stored in it",
    ..NONE
};

/// A blob container.
pub(super) const CONTAINER: ResourceType = ResourceType {
    name: "Microsoft.Storage/storageAccounts/blobServices/containers",
    noun: "blob container",
    versions: VERSIONS,
    update: Update::Patch,
    defaults: &[("properties.publicAccess", "None")],
    fields: &[
        ("", &["id", "name", "type", "etag", "properties", "systemData"]),
        (
            "properties",
            &[
                "version",
                "deleted",
                "deletedTime",
                "remainingRetentionDays",
                "defaultEncryptionScope",
                "denyEncryptionScopeOverride",
                "publicAccess",
                "lastModifiedTime",
                "leaseStatus",
                "leaseState",
                "leaseDuration",
                "metadata",
                "immutabilityPolicy",
                "legalHold",
                "hasLegalHold",
                "hasImmutabilityPolicy",
                "immutableStorageWithVersioning",
                "enableNfsV3RootSquash",
                "enableNfsV3AllSquash",
            ],
        ),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "etag",
        "systemData",
        "properties.lastModifiedTime",
        "properties.leaseStatus",
        "properties.leaseState",
        "properties.leaseDuration",
        "properties.hasLegalHold",
        "properties.hasImmutabilityPolicy",
        "properties.immutabilityPolicy",
        "properties.legalHold",
    ],
    write_action: "Microsoft.Storage/storageAccounts/blobServices/containers/write",
    holds: "every blob in it",
    ..NONE
};

/// A file share. Its protocol is chosen when it is made and stays.
pub(super) const SHARE: ResourceType = ResourceType {
    name: "Microsoft.Storage/storageAccounts/fileServices/shares",
    noun: "file share",
    versions: VERSIONS,
    update: Update::Patch,
    compare: &[("properties.enabledProtocols", Compare::IgnoreCase)],
    defaults: &[("properties.enabledProtocols", "SMB")],
    fields: &[
        ("", &["id", "name", "type", "etag", "properties", "systemData"]),
        (
            "properties",
            &[
                "lastModifiedTime",
                "metadata",
                "shareQuota",
                "provisionedIops",
                "provisionedBandwidthMibps",
                "includedBurstIops",
                "maxBurstCreditsForIops",
                "nextAllowedQuotaDowngradeTime",
                "nextAllowedProvisionedIopsDowngradeTime",
                "nextAllowedProvisionedBandwidthDowngradeTime",
                "enabledProtocols",
                "rootSquash",
                "version",
                "deleted",
                "deletedTime",
                "remainingRetentionDays",
                "accessTier",
                "accessTierChangeTime",
                "accessTierStatus",
                "shareUsageBytes",
                "leaseStatus",
                "leaseState",
                "leaseDuration",
                "signedIdentifiers",
                "snapshotTime",
                "fileSharePaidBursting",
            ],
        ),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "etag",
        "systemData",
        "properties.lastModifiedTime",
        "properties.leaseStatus",
        "properties.leaseState",
        "properties.leaseDuration",
        "properties.shareUsageBytes",
        "properties.accessTierChangeTime",
        "properties.accessTierStatus",
    ],
    write_action: "Microsoft.Storage/storageAccounts/fileServices/shares/write",
    holds: "every file in it",
    ..NONE
};
