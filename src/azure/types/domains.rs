//! Certificates of Container Apps environments.

use super::table::NONE;
use super::{Compare, ResourceType, Update};

const VERSIONS: &[&str] = &["2026-01-01", "2025-07-01", "2025-01-01"];

/// A certificate that Azure orders for a host name which an app has, and renews.
///
/// There is a PATCH, for tags only. A PUT of one that failed orders it again (Microsoft Learn, Custom domain names
/// and free managed certificates); until it is `Succeeded` no host name can be bound to it.
pub(super) const MANAGED: ResourceType = ResourceType {
    name: "Microsoft.App/managedEnvironments/managedCertificates",
    noun: "managed certificate",
    versions: VERSIONS,
    update: Update::Put,
    compare: &[
        // The example in Microsoft's description has `CN=` before it, Azure/azure-cli compares it without.
        ("properties.subjectName", Compare::CommonName),
        ("properties.domainControlValidation", Compare::IgnoreCase),
    ],
    fields: &[
        ("", &["id", "name", "type", "location", "tags", "properties", "systemData"]),
        (
            "properties",
            &["provisioningState", "subjectName", "error", "domainControlValidation", "validationToken"],
        ),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.error",
        "properties.validationToken",
    ],
    ready: "properties.provisioningState",
    by_others: true,
    write_action: "Microsoft.App/managedEnvironments/managedCertificates/write",
    ..NONE
};

/// A certificate that somebody brings along, as PFX or PEM, or keeps in a vault.
///
/// `certificateKeyVaultProperties` is there since 2025-01-01 (generated types); the identity is the environment's.
/// What was sent never comes back, but the thumbprint of it does.
pub(super) const CERTIFICATE: ResourceType = ResourceType {
    name: "Microsoft.App/managedEnvironments/certificates",
    noun: "certificate",
    versions: VERSIONS,
    update: Update::Put,
    compare: &[
        ("properties.thumbprint", Compare::IgnoreCase),
        ("properties.certificateKeyVaultProperties.identity", Compare::IgnoreCase),
        ("properties.certificateKeyVaultProperties.keyVaultUrl", Compare::Url),
    ],
    one_of: &[("properties", &["value", "certificateKeyVaultProperties"])],
    fields: &[
        ("", &["id", "name", "type", "location", "tags", "properties", "systemData"]),
        (
            "properties",
            &[
                "provisioningState",
                "deploymentErrors",
                "certificateKeyVaultProperties",
                "password",
                "subjectName",
                "subjectAlternativeNames",
                "value",
                "issuer",
                "issueDate",
                "expirationDate",
                "thumbprint",
                "valid",
                "publicKeyHash",
            ],
        ),
        ("properties.certificateKeyVaultProperties", &["identity", "keyVaultUrl"]),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.deploymentErrors",
        "properties.subjectName",
        "properties.subjectAlternativeNames",
        "properties.issuer",
        "properties.issueDate",
        "properties.expirationDate",
        "properties.valid",
        "properties.publicKeyHash",
    ],
    write_only: &["properties.value", "properties.password"],
    presence: &["properties.value", "properties.password"],
    fingerprints: &["properties.thumbprint"],
    write_action: "Microsoft.App/managedEnvironments/certificates/write",
    ..NONE
};
