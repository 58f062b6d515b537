//! Dapr: the components of an environment, and their resiliency policies.

use super::app::CONTAINER_APP;
use super::table::NONE;
use super::{Compare, Consequence, Linked, LinkedOn, LinkedWhen, ListKind, ResourceType, Update};

const COMPONENT_TYPE: &str = "Microsoft.App/managedEnvironments/daprComponents";

/// A building block (state store, broker, binding, secret store) that the Dapr sidecars of an environment load.
///
/// There is PUT and no PATCH, and GET leaves out the values of secrets. They are compared by `listSecrets`, and by
/// presence where the caller may not: presence alone would never take up a new value, and asking alone would leave
/// a Reader without a verification. Metadata of others may hold connection strings in clear.
pub(super) const COMPONENT: ResourceType = ResourceType {
    name: COMPONENT_TYPE,
    noun: "Dapr component",
    versions: CONTAINER_APP.versions,
    update: Update::Put,
    lists: &[
        ("properties.metadata", ListKind::Map(&["name"])),
        ("properties.secrets", ListKind::Map(&["name"])),
        ("properties.scopes", ListKind::Set),
    ],
    compare: &[
        ("properties.secrets[].identity", Compare::IgnoreCase),
        ("properties.secrets[].keyVaultUrl", Compare::Url),
    ],
    defaults: &[("properties.ignoreErrors", "false")],
    one_of: &[
        ("properties.metadata[]", &["value", "secretRef"]),
        ("properties.secrets[]", &["value", "keyVaultUrl"]),
    ],
    fields: &[
        ("", &["id", "name", "type", "systemData", "properties"]),
        (
            "properties",
            &[
                "componentType",
                "version",
                "ignoreErrors",
                "initTimeout",
                "secrets",
                "secretStoreComponent",
                "metadata",
                "scopes",
                "provisioningState",
                "deploymentErrors",
            ],
        ),
        ("properties.metadata[]", &["name", "value", "secretRef"]),
        ("properties.secrets[]", &["name", "value", "identity", "keyVaultUrl"]),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "properties.provisioningState",
        "properties.deploymentErrors",
    ],
    write_only: &["properties.secrets[].value"],
    told_by: Some(("properties.secrets", "listSecrets")),
    // https://learn.microsoft.com/azure/container-apps/dapr-components: without scopes every app loads it.
    everyone: &["properties.scopes"],
    foreign: &["properties.metadata[].value"],
    text: &["properties.metadata[].value"],
    names: &[("properties.secretStoreComponent", COMPONENT_TYPE)],
    // https://learn.microsoft.com/azure/container-apps/dapr-component-resiliency says so of policies, dapr/docs#5234 of
    // secrets; the runtime loads components when it starts.
    consequences: &[("properties", Consequence::NextStart)],
    write_action: "Microsoft.App/managedEnvironments/daprComponents/write",
    linked: &[Linked {
        action: "Microsoft.App/managedEnvironments/daprComponents/listSecrets/action",
        when: LinkedWhen::Resends,
        on: LinkedOn::Itself,
        why: "send the other secrets of {} back unchanged",
    }],
    ..NONE
};

/// Timeouts, retries and circuit breakers of a component. In preview versions only
/// (<https://learn.microsoft.com/azure/container-apps/dapr-component-resiliency>); the members are those of the
/// models of azure-mgmt-appcontainers.
pub(super) const RESILIENCY: ResourceType = ResourceType {
    name: "Microsoft.App/managedEnvironments/daprComponents/resiliencyPolicies",
    noun: "Dapr resiliency policy",
    versions: &["2025-02-02-preview"],
    update: Update::Put,
    consequences: &[("properties", Consequence::NextStart)],
    fields: &[
        ("", &["id", "name", "type", "systemData", "properties"]),
        ("properties", &["inboundPolicy", "outboundPolicy"]),
        ("properties.inboundPolicy", POLICY),
        ("properties.outboundPolicy", POLICY),
    ],
    write_action: "Microsoft.App/managedEnvironments/daprComponents/resiliencyPolicies/write",
    ..NONE
};

const POLICY: &[&str] = &["httpRetryPolicy", "timeoutPolicy", "circuitBreakerPolicy"];
