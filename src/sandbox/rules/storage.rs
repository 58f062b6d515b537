//! Storage accounts, the shares that environments know, and the volumes of apps.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "keys-by-post",
        "account keys come from listKeys only, which needs storageAccounts/listKeys/action and is refused under a ReadOnly lock",
        "Microsoft Learn, Lock your Azure resources; Azure/azure-rest-api-specs#8335",
    ),
    assumed(
        "keys-listed-when-off",
        Switch::KeysListedWhenOff,
        "listKeys answers for an account that allows no shared key access, too",
        "it is refused with KeyBasedAuthenticationNotPermitted",
        "hashicorp/terraform-provider-azurerm#11460 shows that code from the data plane only",
    ),
    confirmed(
        "account-busy",
        "a write or listKeys while the account is being made or changed is refused: 409 StorageAccountIsNotProvisioned, StorageAccountOperationInProgress",
        "Microsoft Learn, Common error codes for the storage resource provider",
    ),
    confirmed(
        "storage-names",
        "containers and shares have 3 to 63 lower case letters, digits and single hyphens: OutOfRangeInput, InvalidResourceName",
        "Microsoft Learn, Naming and referencing shares and containers; Azure/azure-cli#11644",
    ),
    confirmed(
        "deleted-name-is-held",
        "a container or share under the name of one that was deleted is refused for half a minute: 409 ContainerBeingDeleted, ShareBeingDeleted",
        "Microsoft Learn, Delete Container and Delete Share (remarks); Blob and File service error codes",
    ),
    confirmed(
        "share-quota",
        "a quota outside the limits (premium accounts: from 100 GiB) is refused: InvalidHeaderValue",
        "Azure/terraform-azurerm-avm-res-storage-storageaccount#248; crossplane-contrib/provider-upjet-azure#869",
    ),
    confirmed(
        "nfs-needs-file-storage",
        "an NFS share on an account that is not FileStorage is refused: FeatureNotSupportedForAccount",
        "Azure/azure-cli#32510",
    ),
    assumed(
        "nfs-share-though-secure",
        Switch::NfsShareThoughSecure,
        "an NFS share is made although the account requires secure transfer; only mounting it is refused",
        "it is refused with FeatureNotSupportedForAccount",
        "Microsoft Learn, NFS file shares in Azure Files, asks to turn it off for the mount",
    ),
    assumed(
        "kind-says-feature",
        Switch::KindSaysFeature,
        "a share on an account for blobs only, or a container on one for files only, is refused with FeatureNotSupportedForAccount",
        "with OperationNotAllowedOnKind",
        "Azure/azure-cli#32510 has the one for NFS shares, hashicorp/terraform-provider-azurerm#11772 the other for blob properties",
    ),
    confirmed(
        "storage-key-hidden",
        "GET of an environment's storage never shows accountKey",
        "Microsoft.App ManagedEnvironmentsStorages.json, its examples",
    ),
    confirmed(
        "storage-not-validated",
        "account, share, key and network of an environment's storage are not checked before an app mounts it",
        "microsoft/azure-container-apps#1355",
    ),
    confirmed(
        "storage-reference-version",
        "accountKeyVaultProperties is there since 2025-07-01; earlier versions do not know it",
        "Azure/bicep-types-az",
    ),
    assumed(
        "storage-put-is-200",
        Switch::StoragePutIs200,
        "PUT of a new environment storage answers 200",
        "it answers 201",
        "Microsoft.App ManagedEnvironmentsStorages.json declares 200, later descriptions 201 too",
    ),
    assumed(
        "storage-key-required",
        Switch::StorageKeyRequired,
        "azureFile without accountKey and accountKeyVaultProperties is refused, also for an entry that has a key",
        "it is accepted, and an entry keeps the key it has",
        "not confirmed; the code is made up",
    ),
    assumed(
        "storage-reference-fetched",
        Switch::StorageReferenceFetched,
        "accountKeyVaultProperties that the environment's identity cannot fetch are refused",
        "they are accepted, and mounting fails",
        "not confirmed; as for secrets of apps, microsoft/azure-container-apps#1174",
    ),
    confirmed(
        "storage-in-use-keeps-share",
        "of a storage that an app's volume names only the key can be changed: ManagedEnvironmentStorageUpdateBadRequest",
        "microsoft/azure-container-apps#1255",
    ),
    assumed(
        "unused-storage-replaced",
        Switch::UnusedStorageReplaced,
        "one that no volume names can be changed in every member",
        "the same refusal",
        "microsoft/azure-container-apps#1255: the reporter says so, the maintainer contradicts",
    ),
    assumed(
        "key-update-misses-others",
        Switch::KeyUpdateMissesOthers,
        "a changed key reaches only the apps that mounted the storage then; others fail to mount it",
        "it reaches every app",
        "microsoft/azure-container-apps#1406, acknowledged as a bug; whether it is mended is not known",
    ),
    confirmed(
        "storage-in-use-kept",
        "a storage that an app's volume names cannot be deleted",
        "microsoft/azure-container-apps#774 (its code is not quoted)",
    ),
    confirmed(
        "volume-needs-storage",
        "a volume whose storageName the environment does not know is refused: ManagedEnvironmentStorageNotFound",
        "DFE-Digital/terraform-azurerm-container-apps-hosting#281",
    ),
    assumed(
        "storage-type-checked",
        Switch::StorageTypeChecked,
        "so is one whose storageType is not that of the storage",
        "it is accepted, and its revision hangs in provisioning",
        "Microsoft Learn, Use storage mounts, says they must match; the service was not asked",
    ),
    confirmed(
        "mount-needs-volume",
        "a mount of a volume that the template does not have is refused: ContainerAppInvalidVolumeMount",
        "MicrosoftDocs/azure-docs#103756",
    ),
    confirmed(
        "mount-path",
        "an empty mount path, / and one with a colon are refused: ContainerAppInvalidMountPath",
        "hashicorp/terraform-provider-azurerm#29419",
    ),
    confirmed(
        "dot-in-volume-name",
        "a volume name with a dot is accepted and its revision never starts",
        "MicrosoftDocs/azure-docs#123092",
    ),
    assumed(
        "duplicate-mount-refused",
        Switch::DuplicateMountRefused,
        "two mounts of a container at one path, and two volumes of one name, are refused",
        "they are accepted, and the revision never starts",
        "Kubernetes, below, refuses them; whether the service does first is not confirmed",
    ),
    confirmed(
        "unmounted-share-hangs",
        "a revision whose share cannot be mounted (share gone, wrong key, firewall, no shared key access, NFS without a network) hangs in provisioning without an error, and starts once it can",
        "microsoft/azure-container-apps#283, #873; MicrosoftDocs/azure-docs#118769",
    ),
    assumed(
        "mount-hangs-revision-only",
        Switch::MountHangsRevisionOnly,
        "the write's operation ends well all the same",
        "it runs for minutes and ends with Operation expired",
        "microsoft/azure-container-apps#283 does not say which",
    ),
    assumed(
        "mount-reason-hidden",
        Switch::MountReasonHidden,
        "why a mount failed stands in the system log only",
        "the replicas' runningStateDetails tell it too",
        "logs quoted in MicrosoftDocs/azure-docs#118769; microsoft/azure-container-apps#1699",
    ),
];
