//! Jobs of Container Apps, what they have run, and the queues that start them.

use super::app::CONTAINER_APP;
use super::table::NONE;
use super::{Compare, Effect, Linked, LinkedOn, LinkedWhen, ListKind, ResourceType, Update};

/// The job.
///
/// Property names and flags: the generated types of 2025-07-01 and 2026-01-01, which agree. A PATCH is a merge
/// patch that replaces arrays whole, as an app's is. A change makes no revision: the next execution runs it.
pub(super) const JOB: ResourceType = ResourceType {
    name: "Microsoft.App/jobs",
    noun: "job",
    versions: CONTAINER_APP.versions,
    update: Update::Patch,
    lists: &[
        ("properties.configuration.secrets", ListKind::Map(&["name"])),
        ("properties.configuration.registries", ListKind::Map(&["server"])),
        ("properties.configuration.identitySettings", ListKind::Map(&["identity"])),
        ("properties.configuration.eventTriggerConfig.scale.rules", ListKind::Map(&["name"])),
        (
            "properties.configuration.eventTriggerConfig.scale.rules[].auth",
            ListKind::Map(&["triggerParameter"]),
        ),
        ("properties.template.containers", ListKind::Map(&["name"])),
        ("properties.template.containers[].env", ListKind::Map(&["name"])),
        ("properties.template.containers[].probes", ListKind::Map(&["type"])),
        ("properties.template.containers[].volumeMounts", ListKind::Map(&["mountPath"])),
        ("properties.template.initContainers", ListKind::Map(&["name"])),
        ("properties.template.initContainers[].env", ListKind::Map(&["name"])),
        ("properties.template.initContainers[].volumeMounts", ListKind::Map(&["mountPath"])),
        ("properties.template.volumes", ListKind::Map(&["name"])),
        ("properties.template.volumes[].secrets", ListKind::Map(&["secretRef"])),
    ],
    compare: &[
        ("identity.type", Compare::WordSet),
        ("properties.configuration.secrets[].identity", Compare::IgnoreCase),
        ("properties.configuration.secrets[].keyVaultUrl", Compare::Url),
        ("properties.configuration.registries[].identity", Compare::IgnoreCase),
        ("properties.configuration.registries[].server", Compare::IgnoreCase),
        ("properties.configuration.identitySettings[].identity", Compare::IgnoreCase),
        ("properties.configuration.triggerType", Compare::IgnoreCase),
        ("properties.configuration.eventTriggerConfig.scale.rules[].identity", Compare::IgnoreCase),
        ("properties.template.volumes[].storageName", Compare::IgnoreCase),
        ("properties.environmentId", Compare::IgnoreCase),
        ("properties.template.containers[].probes[].type", Compare::IgnoreCase),
        ("location", Compare::IgnoreCase),
    ],
    defaults: &[("identity.type", "None")],
    one_of: &[
        ("properties.configuration", &["manualTriggerConfig", "scheduleTriggerConfig", "eventTriggerConfig"]),
        ("properties.template.containers[].env[]", &["value", "secretRef"]),
        ("properties.template.initContainers[].env[]", &["value", "secretRef"]),
        ("properties.configuration.secrets[]", &["value", "keyVaultUrl"]),
        ("properties.template.containers[].probes[]", &["httpGet", "tcpSocket"]),
    ],
    fields: &[
        ("", &["id", "name", "type", "location", "tags", "identity", "properties", "systemData"]),
        ("identity", &["type", "principalId", "tenantId", "userAssignedIdentities"]),
        (
            "properties",
            &[
                "provisioningState",
                "environmentId",
                "workloadProfileName",
                "configuration",
                "template",
                "outboundIpAddresses",
                "eventStreamEndpoint",
            ],
        ),
        (
            "properties.configuration",
            &[
                "secrets",
                "triggerType",
                "replicaTimeout",
                "replicaRetryLimit",
                "manualTriggerConfig",
                "scheduleTriggerConfig",
                "eventTriggerConfig",
                "registries",
                "identitySettings",
            ],
        ),
        ("properties.configuration.secrets[]", &["name", "value", "identity", "keyVaultUrl"]),
        ("properties.configuration.registries[]", &["server", "username", "passwordSecretRef", "identity"]),
        ("properties.configuration.manualTriggerConfig", &["replicaCompletionCount", "parallelism"]),
        (
            "properties.configuration.scheduleTriggerConfig",
            &["replicaCompletionCount", "cronExpression", "parallelism"],
        ),
        ("properties.configuration.eventTriggerConfig", &["replicaCompletionCount", "parallelism", "scale"]),
        (
            "properties.configuration.eventTriggerConfig.scale",
            &["pollingInterval", "minExecutions", "maxExecutions", "rules"],
        ),
        (
            "properties.configuration.eventTriggerConfig.scale.rules[]",
            &["name", "type", "metadata", "auth", "identity"],
        ),
        ("properties.template", &["initContainers", "containers", "volumes"]),
        (
            "properties.template.containers[]",
            &["name", "image", "command", "args", "env", "resources", "probes", "volumeMounts"],
        ),
        ("properties.template.containers[].env[]", &["name", "value", "secretRef"]),
        ("properties.template.containers[].resources", &["cpu", "memory", "ephemeralStorage"]),
        ("properties.template.containers[].volumeMounts[]", &["volumeName", "mountPath", "subPath"]),
        ("properties.template.volumes[]", &["name", "storageType", "storageName", "secrets", "mountOptions"]),
    ],
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "identity.principalId",
        "identity.tenantId",
        "properties.provisioningState",
        "properties.outboundIpAddresses",
        "properties.eventStreamEndpoint",
    ],
    write_only: &["properties.configuration.secrets[].value"],
    told_by: Some(("properties.configuration.secrets", "listSecrets")),
    foreign: CONTAINER_APP.foreign,
    text: CONTAINER_APP.text,
    names: CONTAINER_APP.names,
    computed: &["identity.principalId", "identity.tenantId"],
    effects: &[Effect {
        name: "start",
        follows: "an execution runs what the job says",
        look: "az containerapp job execution list --resource-group {group} --name {name} --output table",
    }],
    write_action: "Microsoft.App/jobs/write",
    linked: &[
        Linked {
            action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            when: LinkedWhen::Changes("identity.userAssignedIdentities"),
            on: LinkedOn::Key,
            why: "assign {} to the job",
        },
        Linked {
            action: "Microsoft.App/managedEnvironments/join/action",
            when: LinkedWhen::Changes("properties.environmentId"),
            on: LinkedOn::Value,
            why: "put the job into {}",
        },
        Linked {
            action: "Microsoft.App/managedEnvironments/join/action",
            when: LinkedWhen::Perhaps,
            on: LinkedOn::Live(&["properties.environmentId"]),
            why: "leave the job in {}",
        },
        Linked {
            action: "Microsoft.App/jobs/listSecrets/action",
            when: LinkedWhen::Resends,
            on: LinkedOn::Itself,
            why: "send the other secrets of {} back unchanged",
        },
    ],
    ..NONE
};

/// One run of a job. It carries what it ran, values of variables included.
pub(super) const EXECUTION: ResourceType = ResourceType {
    name: "Microsoft.App/jobs/executions",
    noun: "execution",
    versions: CONTAINER_APP.versions,
    update: Update::Never,
    foreign: CONTAINER_APP.foreign,
    ..NONE
};

/// A Service Bus namespace; only read. 2024-01-01 is the newest stable version
/// (<https://learn.microsoft.com/azure/templates/microsoft.servicebus/namespaces>).
pub(super) const NAMESPACE: ResourceType = ResourceType {
    name: "Microsoft.ServiceBus/namespaces",
    noun: "Service Bus namespace",
    versions: &["2024-01-01"],
    update: Update::Never,
    ..NONE
};

/// A queue of one; only read.
pub(super) const QUEUE: ResourceType = ResourceType {
    name: "Microsoft.ServiceBus/namespaces/queues",
    noun: "Service Bus queue",
    versions: &["2024-01-01"],
    update: Update::Never,
    ..NONE
};
