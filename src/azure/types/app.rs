//! `Microsoft.App/containerApps`: the type most recipes change.

use super::{Compare, Consequence, Linked, LinkedOn, LinkedWhen, ListKind, ResourceType, Update};

/// The container app.
///
/// Property names and flags: the generated types of 2025-07-01 and 2026-01-01, which agree. Merge
/// behaviour: PATCH is JSON merge patch, arrays are replaced whole (microsoft/vscode-azurecontainerapps#132).
pub(super) const CONTAINER_APP: ResourceType = ResourceType {
    name: "Microsoft.App/containerApps",
    noun: "container app",
    versions: &["2026-01-01", "2025-07-01", "2025-01-01"],
    update: Update::Patch,
    lists: &[
        ("properties.configuration.secrets", ListKind::Map(&["name"])),
        ("properties.configuration.registries", ListKind::Map(&["server"])),
        ("properties.configuration.identitySettings", ListKind::Map(&["identity"])),
        ("properties.configuration.ingress.customDomains", ListKind::Map(&["name"])),
        ("properties.configuration.ingress.ipSecurityRestrictions", ListKind::Map(&["name"])),
        ("properties.configuration.ingress.additionalPortMappings", ListKind::Map(&["targetPort"])),
        ("properties.configuration.ingress.corsPolicy.allowedOrigins", ListKind::Set),
        ("properties.configuration.ingress.corsPolicy.allowedMethods", ListKind::Set),
        ("properties.configuration.ingress.corsPolicy.allowedHeaders", ListKind::Set),
        ("properties.configuration.ingress.corsPolicy.exposeHeaders", ListKind::Set),
        ("properties.template.containers", ListKind::Map(&["name"])),
        ("properties.template.containers[].env", ListKind::Map(&["name"])),
        ("properties.template.containers[].probes", ListKind::Map(&["type"])),
        // One volume can be mounted twice, so the mount path is the key.
        ("properties.template.containers[].volumeMounts", ListKind::Map(&["mountPath"])),
        ("properties.template.initContainers", ListKind::Map(&["name"])),
        ("properties.template.initContainers[].env", ListKind::Map(&["name"])),
        ("properties.template.initContainers[].volumeMounts", ListKind::Map(&["mountPath"])),
        ("properties.template.scale.rules", ListKind::Map(&["name"])),
        ("properties.template.serviceBinds", ListKind::Map(&["name"])),
        ("properties.template.volumes", ListKind::Map(&["name"])),
        ("properties.template.volumes[].secrets", ListKind::Map(&["secretRef"])),
    ],
    compare: &[
        // Comes back with a space after the comma.
        ("identity.type", Compare::WordSet),
        // `System` and `system` are both in Microsoft's own pages; ids vary in case.
        ("properties.configuration.secrets[].identity", Compare::IgnoreCase),
        ("properties.configuration.secrets[].keyVaultUrl", Compare::Url),
        ("properties.configuration.registries[].identity", Compare::IgnoreCase),
        ("properties.configuration.registries[].server", Compare::IgnoreCase),
        ("properties.configuration.identitySettings[].identity", Compare::IgnoreCase),
        // Host names have no case.
        ("properties.configuration.ingress.customDomains[].name", Compare::IgnoreCase),
        ("properties.configuration.ingress.customDomains[].certificateId", Compare::IgnoreCase),
        // The portal and the schema write its words differently.
        ("properties.configuration.ingress.clientCertificateMode", Compare::IgnoreCase),
        // The name of a resource, which has no case.
        ("properties.template.volumes[].storageName", Compare::IgnoreCase),
        ("properties.environmentId", Compare::IgnoreCase),
        ("properties.managedEnvironmentId", Compare::IgnoreCase),
        // Templates in the field have `liveness` beside `Liveness`, and the service takes both.
        ("properties.template.containers[].probes[].type", Compare::IgnoreCase),
        ("location", Compare::IgnoreCase),
    ],
    defaults: &[
        ("identity.type", "None"),
        // https://learn.microsoft.com/azure/container-apps/enable-dapr
        ("properties.configuration.dapr.enabled", "false"),
        ("properties.configuration.dapr.appProtocol", "http"),
        ("properties.configuration.dapr.httpMaxRequestSize", "4"),
        ("properties.configuration.dapr.httpReadBufferSize", "4"),
        ("properties.configuration.dapr.logLevel", "info"),
        ("properties.configuration.dapr.enableApiLogging", "false"),
        ("properties.configuration.dapr.appHealth.enabled", "false"),
    ],
    one_of: &[
        ("properties.template.containers[].env[]", &["value", "secretRef"]),
        ("properties.template.initContainers[].env[]", &["value", "secretRef"]),
        ("properties.configuration.secrets[]", &["value", "keyVaultUrl"]),
        ("properties.template.containers[].probes[]", &["httpGet", "tcpSocket"]),
    ],
    stand_ins: &[],
    fields: FIELDS,
    read_only: &[
        "id",
        "name",
        "type",
        "systemData",
        "identity.principalId",
        "identity.tenantId",
        "properties.provisioningState",
        "properties.runningStatus",
        "properties.deploymentErrors",
        "properties.latestRevisionName",
        "properties.latestReadyRevisionName",
        "properties.latestRevisionFqdn",
        "properties.customDomainVerificationId",
        "properties.outboundIpAddresses",
        "properties.eventStreamEndpoint",
        "properties.configuration.ingress.fqdn",
        "properties.template.containers[].imageType",
        "properties.template.initContainers[].imageType",
    ],
    write_only: &["properties.configuration.secrets[].value"],
    presence: &[],
    told_by: Some(("properties.configuration.secrets", "listSecrets")),
    everyone: &[],
    fingerprints: &[],
    ready: "",
    shows_late: false,
    by_others: false,
    // A host name comes only once Azure's own resolver sees its TXT record (Azure/azure-cli#28680).
    waits: &["properties.configuration.ingress.customDomains"],
    foreign: &[
        "properties.template.containers[].env[].value",
        "properties.template.initContainers[].env[].value",
    ],
    text: &[
        "properties.template.containers[].env[].value",
        "properties.template.initContainers[].env[].value",
    ],
    gives_rights: &[],
    principal: "",
    names: &[("properties.template.volumes[].storageName", "Microsoft.App/managedEnvironments/storages")],
    computed: &["identity.principalId", "identity.tenantId"],
    consequences: &[
        // https://learn.microsoft.com/azure/container-apps/revisions: template = revision scope.
        ("properties.template", Consequence::NewRevision),
        ("properties.configuration.secrets", Consequence::RestartUsers),
        ("properties.configuration.dapr", Consequence::RestartAll),
    ],
    host: &[],
    // ContainerApps_Start, ContainerApps_Stop.
    effects: &[
        super::Effect {
            name: "start",
            follows: "the app runs again",
            look: "az containerapp show --resource-group {group} --name {name} --query properties.runningStatus",
        },
        super::Effect {
            name: "stop",
            follows: "the app answers no requests until it is started again",
            look: "az containerapp show --resource-group {group} --name {name} --query properties.runningStatus",
        },
    ],
    // What DNS says of a host name (ContainerApps_ListCustomHostNameAnalysis).
    questions: &["listCustomHostNameAnalysis"],
    write_action: "Microsoft.App/containerApps/write",
    holds: "",
    linked: &[
        // https://learn.microsoft.com/azure/container-apps/managed-identity; Azure refuses with
        // LinkedAuthorizationFailed.
        Linked {
            action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            when: LinkedWhen::Changes("identity.userAssignedIdentities"),
            on: LinkedOn::Key,
            why: "assign {} to the app",
        },
        // "Allows to create a Container App in a Managed Environment"
        // (https://learn.microsoft.com/azure/role-based-access-control/permissions/compute).
        Linked {
            action: "Microsoft.App/managedEnvironments/join/action",
            when: LinkedWhen::Changes("properties.environmentId"),
            on: LinkedOn::Value,
            why: "put the app into {}",
        },
        // A template deployment of an app that was there already was refused for it (LinkedAuthorizationFailed);
        // such a write names the environment. Whether one that leaves it out is refused too is not confirmed.
        Linked {
            action: "Microsoft.App/managedEnvironments/join/action",
            when: LinkedWhen::Perhaps,
            on: LinkedOn::Live(&["properties.environmentId", "properties.managedEnvironmentId"]),
            why: "leave the app in {}",
        },
        Linked {
            action: "Microsoft.App/containerApps/listSecrets/action",
            when: LinkedWhen::Resends,
            on: LinkedOn::Itself,
            why: "send the other secrets of {} back unchanged",
        },
        Linked {
            action: "Microsoft.App/containerApps/revisions/restart/action",
            when: LinkedWhen::Restarts,
            on: LinkedOn::Itself,
            why: "restart the revisions of {} that use a changed secret",
        },
    ],
};

/// Members of the objects that recipes reach. A test compares them with Microsoft's descriptions of every
/// version above, where those are at hand.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "id",
            "name",
            "type",
            "location",
            "tags",
            "identity",
            "properties",
            "systemData",
            "kind",
            "managedBy",
            "extendedLocation",
        ],
    ),
    ("identity", &["type", "principalId", "tenantId", "userAssignedIdentities"]),
    (
        "properties",
        &[
            "provisioningState",
            "runningStatus",
            "deploymentErrors",
            "managedEnvironmentId",
            "environmentId",
            "workloadProfileName",
            "latestRevisionName",
            "latestReadyRevisionName",
            "latestRevisionFqdn",
            "customDomainVerificationId",
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
            "activeRevisionsMode",
            "ingress",
            "registries",
            "dapr",
            "runtime",
            "maxInactiveRevisions",
            "service",
            "identitySettings",
        ],
    ),
    (
        "properties.configuration.ingress",
        &[
            "fqdn",
            "external",
            "targetPort",
            "exposedPort",
            "transport",
            "traffic",
            "customDomains",
            "allowInsecure",
            "ipSecurityRestrictions",
            "stickySessions",
            "clientCertificateMode",
            "corsPolicy",
            "additionalPortMappings",
        ],
    ),
    ("properties.configuration.ingress.customDomains[]", &["name", "bindingType", "certificateId"]),
    ("properties.configuration.secrets[]", &["name", "value", "identity", "keyVaultUrl"]),
    (
        "properties.configuration.dapr",
        &[
            "enabled",
            "appId",
            "appProtocol",
            "appPort",
            "httpReadBufferSize",
            "httpMaxRequestSize",
            "logLevel",
            "enableApiLogging",
            "appHealth",
            "maxConcurrency",
        ],
    ),
    (
        "properties.configuration.dapr.appHealth",
        &["enabled", "path", "probeIntervalSeconds", "probeTimeoutMilliseconds", "threshold"],
    ),
    ("properties.configuration.registries[]", &["server", "username", "passwordSecretRef", "identity"]),
    (
        "properties.template",
        &[
            "revisionSuffix",
            "terminationGracePeriodSeconds",
            "initContainers",
            "containers",
            "scale",
            "volumes",
            "serviceBinds",
        ],
    ),
    (
        "properties.template.containers[]",
        &["name", "image", "imageType", "command", "args", "env", "resources", "probes", "volumeMounts"],
    ),
    ("properties.template.containers[].env[]", &["name", "value", "secretRef"]),
    ("properties.template.containers[].resources", &["cpu", "memory", "ephemeralStorage"]),
    ("properties.template.containers[].volumeMounts[]", &["volumeName", "mountPath", "subPath"]),
    (
        "properties.template.scale",
        &["minReplicas", "maxReplicas", "cooldownPeriod", "pollingInterval", "rules"],
    ),
    ("properties.template.volumes[]", &["name", "storageType", "storageName", "secrets", "mountOptions"]),
];
