//! What a fresh sandbox holds: one small Python app and what the recipes need; and the variants of
//! it that tests start from.

mod cosmos;
mod dns;
pub mod jobs;
pub mod redis;
mod registries;
mod sql;
pub mod storage;
pub mod variant;

pub use cosmos::{
    COSMOS, COSMOS_CONTAINER, COSMOS_CONTRIBUTOR, COSMOS_DATABASE, COSMOS_READER, assign_data_role, cosmos_id,
};
pub use dns::{DNS_GROUP, DNS_ZONE, dns_zone_id, record as dns_record};
pub use jobs::{JOB, QUEUE, SERVICE_BUS, job_id, queue_id, service_bus_id};
pub use redis::{CACHE, REDIS, cache_id, redis_id};
pub use registries::{
    ABAC_REGISTRY, CENTRAL_GROUP, CENTRAL_REGISTRY, CENTRAL_SUBSCRIPTION, CENTRAL_SUBSCRIPTION_NAME,
    REGISTRY, REPOSITORY, central_subscription_id, image_in, login_server, registry_id,
};
pub use storage::{STORAGE_ACCOUNT, container_id, environment_storage_id, share_id, storage_account_id};

pub use sql::{SQL_DATABASE, SQL_SERVER, sql_server_id};

use serde_json::{Map, json};
use time::OffsetDateTime;

use super::roles::{CONTRIBUTOR, OWNER, READER};
use super::state::{
    App, AppIdentity, Caller, Environment, Fate, Group, Identity, Image, Principal, Pull, Revision,
    RoleAssignment, SecretVersion, State, Subscription, Vault, fold,
};

/// The tenant.
pub const TENANT: &str = "22222222-2222-4222-8222-222222222222";
/// The subscription.
pub const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";
/// The app registration that people sign in to. It is in no directory: what an identity provider knows is not played.
pub const ENTRA_CLIENT: &str = "55555555-5555-4555-8555-555555555555";
/// The subscription's name.
pub const SUBSCRIPTION_NAME: &str = "Sandbox";
/// The region.
pub const LOCATION: &str = "westeurope";
/// The resource group.
pub const GROUP: &str = "rg-demo";
/// Another group, with a vault that several teams use.
pub const SHARED_GROUP: &str = "rg-shared";
/// The Container Apps environment.
pub const ENVIRONMENT: &str = "cae-demo";
/// The app, and its container.
pub const APP: &str = "ca-demo";
/// The vault in RBAC mode: secrets `db-password` (two versions), `api-key`, and `old-key`, disabled.
pub const VAULT: &str = "kv-demo";
/// A vault with access policies and the same secrets.
pub const POLICY_VAULT: &str = "kv-policies";
/// The vault in the other group, in RBAC mode, with `shared-token`.
pub const SHARED_VAULT: &str = "kv-shared";
/// A user-assigned identity.
pub const IDENTITY: &str = "id-demo";
/// Object id of that identity's principal.
pub const IDENTITY_PRINCIPAL: &str = "33333333-3333-4333-8333-000000000001";
/// Its client id.
pub const IDENTITY_CLIENT: &str = "33333333-3333-4333-8333-000000000002";
/// The older version of `db-password`.
pub const DB_PASSWORD_OLD_VERSION: &str = "0123456789abcdef0123456789abcdef";
/// The newest version of `db-password`.
pub const DB_PASSWORD_VERSION: &str = "fedcba9876543210fedcba9876543210";

/// The app's image: a Python server that listens on 8000.
pub const IMAGE: &str = "ghcr.io/acarecipe/python-demo:1.0";
/// An image that may not be pulled.
pub const IMAGE_UNAUTHORIZED: &str = "ghcr.io/acarecipe/private:1.0";
/// An image whose tag does not exist.
pub const IMAGE_UNKNOWN: &str = "ghcr.io/acarecipe/python-demo:missing";
/// An image whose process ends at once.
pub const IMAGE_CRASHING: &str = "ghcr.io/acarecipe/crashing:1.0";
/// An image that listens on 3000.
pub const IMAGE_OTHER_PORT: &str = "ghcr.io/acarecipe/other-port:1.0";
/// An image that listens on nothing: sidecars and init containers.
pub const IMAGE_SIDECAR: &str = "ghcr.io/acarecipe/sidecar:1.0";

/// The callers with what they may do; a token is `sandbox-` and the name.
pub const CALLERS: &[(&str, &str)] = &[
    ("owner", "Owner of the subscription"),
    ("contributor", "Contributor of the subscription: no role assignments"),
    ("group-scoped", "Owner of the resource group rg-demo only"),
    ("app-scoped", "Contributor of the app only"),
    ("reader", "Reader of the subscription"),
];

/// The target as environment variables.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("RG", GROUP),
    ("APP_NAME", APP),
    ("ENVIRONMENT_NAME", ENVIRONMENT),
    ("LOCATION", LOCATION),
    ("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION),
    ("KEY_VAULT_NAME", VAULT),
    ("ACR_NAME", REGISTRY),
    ("SQL_SERVER", SQL_SERVER),
    ("SQL_DATABASE", SQL_DATABASE),
    ("COSMOS_ACCOUNT", COSMOS),
    ("COSMOS_DATABASE", COSMOS_DATABASE),
    ("COSMOS_CONTAINER", COSMOS_CONTAINER),
    ("STORAGE_ACCOUNT", STORAGE_ACCOUNT),
    ("REDIS_NAME", REDIS),
    ("JOB_NAME", JOB),
    ("SERVICEBUS_NAMESPACE", SERVICE_BUS),
    ("SERVICEBUS_QUEUE", QUEUE),
    ("CUSTOM_DOMAIN", "shop.contoso.example"),
    ("DNS_ZONE", DNS_ZONE),
    ("DNS_RG", DNS_GROUP),
    ("ENTRA_CLIENT_ID", ENTRA_CLIENT),
    ("ENTRA_TENANT_ID", TENANT),
    ("MICROSOFT_PROVIDER_AUTHENTICATION_SECRET", "sandbox-client-secret"),
];

/// The id of the subscription.
pub fn subscription_id() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

/// The id of a group.
pub fn group_id(group: &str) -> String {
    format!("{}/resourceGroups/{group}", subscription_id())
}

/// The id of the app.
pub fn app_id() -> String {
    format!("{}/providers/Microsoft.App/containerApps/{APP}", group_id(GROUP))
}

/// The id of the environment.
pub fn environment_id() -> String {
    format!("{}/providers/Microsoft.App/managedEnvironments/{ENVIRONMENT}", group_id(GROUP))
}

/// The id of a vault; `kv-shared` is in the other group.
pub fn vault_id(name: &str) -> String {
    let group = if name == SHARED_VAULT { SHARED_GROUP } else { GROUP };
    format!("{}/providers/Microsoft.KeyVault/vaults/{name}", group_id(group))
}

/// The id of a user-assigned identity in the group.
pub fn identity_id(name: &str) -> String {
    format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}", group_id(GROUP))
}

/// The seed, everything a day old at `now`.
pub fn state(now: OffsetDateTime) -> State {
    let made = now - time::Duration::DAY;
    let mut state = State {
        tenant: TENANT.to_owned(),
        page_size: 0,
        subscriptions: vec![Subscription {
            id: SUBSCRIPTION.to_owned(),
            name: SUBSCRIPTION_NAME.to_owned(),
            state: "Enabled".to_owned(),
        }],
        ..State::default()
    };
    for namespace in [
        "Microsoft.App",
        "Microsoft.ManagedIdentity",
        "Microsoft.KeyVault",
        "Microsoft.ContainerRegistry",
        "Microsoft.Sql",
        "Microsoft.DocumentDB",
        "Microsoft.Storage",
        "Microsoft.Cache",
        "Microsoft.ServiceBus",
        "Microsoft.Network",
        "Microsoft.Authorization",
        "Microsoft.Resources",
    ] {
        state.providers.insert(namespace.to_owned(), "Registered".to_owned());
    }
    for group in [GROUP, SHARED_GROUP] {
        let id = group_id(group);
        state.groups.insert(fold(&id), Group { id, location: LOCATION.to_owned(), tags: Map::new() });
    }
    images(&mut state);
    callers(&mut state, made);
    environment(&mut state);
    vaults(&mut state);
    add_identity(&mut state, IDENTITY, IDENTITY_PRINCIPAL, IDENTITY_CLIENT, made);
    let app = app(made);
    state.apps.insert(fold(&app.id), app);
    registries::add(&mut state, made);
    sql::add(&mut state, made);
    cosmos::add(&mut state, made);
    storage::add(&mut state, made);
    redis::add(&mut state);
    jobs::add(&mut state);
    dns::add(&mut state, made);
    state
}

fn images(state: &mut State) {
    let image = |pull, listens, crash: Option<&str>| {
        let crash = crash.map(str::to_owned);
        Image { pull, listens, crash, answers: None }
    };
    for (reference, image) in [
        (IMAGE, image(Pull::Works, Some(8000), None)),
        (IMAGE_UNAUTHORIZED, image(Pull::Unauthorized, None, None)),
        (IMAGE_UNKNOWN, image(Pull::ManifestUnknown, None, None)),
        (IMAGE_CRASHING, image(Pull::Works, None, Some("Container terminated with exit code 1"))),
        (IMAGE_OTHER_PORT, image(Pull::Works, Some(3000), None)),
        (IMAGE_SIDECAR, image(Pull::Works, None, None)),
        ("mcr.microsoft.com/k8se/quickstart:latest", image(Pull::Works, Some(80), None)),
    ] {
        state.images.insert(reference.to_owned(), image);
    }
}

fn callers(state: &mut State, made: OffsetDateTime) {
    for (index, (name, _)) in CALLERS.iter().enumerate() {
        let principal = format!("44444444-4444-4444-8444-{index:012}");
        state.callers.insert(
            (*name).to_owned(),
            Caller { principal: principal.clone(), display: format!("{name}@sandbox.example") },
        );
        state.principals.insert(principal.clone(), Principal { kind: "User".to_owned(), known_from: made });
        let (scope, role) = match *name {
            "owner" => (subscription_id(), OWNER),
            "contributor" => (subscription_id(), CONTRIBUTOR),
            "group-scoped" => (group_id(GROUP), OWNER),
            "app-scoped" => (app_id(), CONTRIBUTOR),
            _ => (subscription_id(), READER),
        };
        assign_role(state, &scope, role, &principal, made);
    }
}

/// Gives `principal` the role at `scope`, as if done at `made` and long in force; returns the
/// assignment's id.
pub fn assign_role(
    state: &mut State,
    scope: &str,
    role: &str,
    principal: &str,
    made: OffsetDateTime,
) -> String {
    let name = state.new_guid("assignment");
    let id = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let principal_type = state
        .principals
        .get(principal)
        .map_or_else(|| "ServicePrincipal".to_owned(), |principal| principal.kind.clone());
    state.role_assignments.insert(
        fold(&id),
        RoleAssignment {
            id: id.clone(),
            scope: scope.to_owned(),
            role: role.to_owned(),
            principal: principal.to_owned(),
            principal_type,
            extra: Map::new(),
            created: made,
            created_by: "44444444-4444-4444-8444-000000000000".to_owned(),
            in_force_from: made,
        },
    );
    id
}

fn environment(state: &mut State) {
    let id = environment_id();
    state.environments.insert(
        fold(&id),
        Environment {
            id,
            location: LOCATION.to_owned(),
            tags: Map::new(),
            properties: json!({
                "provisioningState": "Succeeded",
                "defaultDomain": "happyfield-12345678.westeurope.azurecontainerapps.io",
                "staticIp": "20.61.0.2",
                "zoneRedundant": false,
                "workloadProfiles": [{ "name": "Consumption", "workloadProfileType": "Consumption" }],
                "publicNetworkAccess": "Enabled",
            }),
            identity: AppIdentity::default(),
        },
    );
}

fn vaults(state: &mut State) {
    let version = |version: &str, value: &str, enabled: bool| SecretVersion {
        version: version.to_owned(),
        value: value.to_owned(),
        enabled,
    };
    let usual = || {
        [
            (
                "db-password",
                vec![
                    version(DB_PASSWORD_OLD_VERSION, "sandbox-db-password-1", true),
                    version(DB_PASSWORD_VERSION, "sandbox-db-password-2", true),
                ],
            ),
            ("api-key", vec![version("11111111111111111111111111111111", "sandbox-api-key", true)]),
            ("old-key", vec![version("22222222222222222222222222222222", "sandbox-old-key", false)]),
        ]
        .into_iter()
        .map(|(name, versions)| (name.to_owned(), versions))
        .collect()
    };
    for name in [VAULT, POLICY_VAULT, SHARED_VAULT] {
        let id = vault_id(name);
        let secrets = if name == SHARED_VAULT {
            [(
                "shared-token".to_owned(),
                vec![version("33333333333333333333333333333333", "sandbox-shared-token", true)],
            )]
            .into()
        } else {
            usual()
        };
        state.vaults.insert(
            fold(&id),
            Vault {
                id,
                location: LOCATION.to_owned(),
                tags: Map::new(),
                properties: json!({
                    "tenantId": TENANT,
                    "sku": { "family": "A", "name": "standard" },
                    "vaultUri": format!("https://{name}.vault.azure.net/"),
                    "accessPolicies": [],
                    "enableRbacAuthorization": name != POLICY_VAULT,
                    "enableSoftDelete": true,
                    "softDeleteRetentionInDays": 90,
                    "publicNetworkAccess": "Enabled",
                    "provisioningState": "Succeeded",
                }),
                secrets,
            },
        );
    }
}

/// Adds a user-assigned identity to the group.
pub fn add_identity(state: &mut State, name: &str, principal: &str, client: &str, made: OffsetDateTime) {
    let id = identity_id(name);
    state
        .principals
        .insert(principal.to_owned(), Principal { kind: "ServicePrincipal".to_owned(), known_from: made });
    state.identities.insert(
        fold(&id),
        Identity {
            id,
            location: LOCATION.to_owned(),
            tags: Map::new(),
            principal_id: principal.to_owned(),
            client_id: client.to_owned(),
            federated: Vec::new(),
        },
    );
}

fn app(made: OffsetDateTime) -> App {
    let template = json!({
        "containers": [{
            "name": APP,
            "image": IMAGE,
            "resources": { "cpu": 0.5, "memory": "1Gi" },
            "env": [{ "name": "LOG_LEVEL", "value": "info" }],
        }],
        "scale": { "minReplicas": 1, "maxReplicas": 3 },
    });
    let name = format!("{APP}--first01");
    App {
        id: app_id(),
        model: json!({
            "location": LOCATION,
            "tags": {},
            "properties": {
                "environmentId": environment_id(),
                "workloadProfileName": "Consumption",
                "configuration": {
                    "activeRevisionsMode": "Single",
                    "ingress": {
                        "external": true,
                        "targetPort": 8000,
                        "transport": "auto",
                        "allowInsecure": false,
                        "exposedPort": 0,
                        "traffic": [{ "weight": 100, "latestRevision": true }],
                    },
                },
                "template": template,
            },
        }),
        identity: AppIdentity::default(),
        fetched: std::collections::BTreeMap::new(),
        provisioning_state: "Succeeded".to_owned(),
        stopped: false,
        revisions: vec![Revision {
            name: name.clone(),
            created: made,
            template,
            active: true,
            fate: Fate::Healthy,
            settles: made,
            settled: true,
            started: made,
            secrets: std::collections::BTreeMap::new(),
            registries: Vec::new(),
            answers: None,
            requests: 0,
        }],
        latest_ready: Some(name),
        requests: 0,
        created: made,
        created_by: "owner@sandbox.example".to_owned(),
        modified: made,
        modified_by: "owner@sandbox.example".to_owned(),
    }
}
