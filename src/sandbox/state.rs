//! Everything the sandbox knows, as plain data: cloned, compared, saved and damaged by tests.

mod answers;
mod auth;
mod cosmos;
mod dapr;
mod dns;
mod domains;
mod jobs;
mod redis;
mod registry;
mod sql;
mod storage;
mod tasks;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use uuid::Uuid;

pub use answers::{Answers, PathAnswer};
pub use auth::AuthConfig;
pub use cosmos::{CosmosAccount, CosmosContainer, CosmosDatabase, PendingAssignment, SqlRoleAssignment};
pub use dapr::DaprComponent;
pub use dns::{DnsZone, RecordSet};
pub(in crate::sandbox) use dns::{key as dns_key, member_of};
pub use domains::{Certificate, Content, ManagedCertificate};
pub use jobs::{Ending, Execution, Job, Queue, ServiceBus};
pub use redis::{AccessPolicyAssignment, RedisCache, RedisCluster, RedisDatabase};
pub use registry::{Manifest, Registry, Repository};
pub use sql::{FirewallRule, SqlAdministrator, SqlDatabase, SqlServer, SqlUser, sid_of};
pub use storage::{EnvironmentStorage, StorageAccount};
pub use tasks::{Archive, TaskRun, Tasks, Upload};

use crate::azure::ids::ResourceId;

/// Resources by their id in lower case (ARM ids have no case).
pub type Table<T> = BTreeMap<String, T>;

/// The whole Azure. Missing members read as empty, unknown ones are ignored, so that an older
/// or newer file still loads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The time when it was last looked at: a clock of its own may be ahead of the machine's, and a
    /// later process must not fall behind it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub moment: Option<OffsetDateTime>,
    /// The tenant's GUID.
    pub tenant: String,
    /// How many elements a page of a list has; 0 means all.
    pub page_size: usize,
    /// Grows with every name and GUID that is made up, so that a run repeats exactly.
    pub counter: u64,
    /// Subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Registration state by provider namespace (`Microsoft.App` → `Registered`).
    pub providers: BTreeMap<String, String>,
    /// Callers by the name after `sandbox-` in their token.
    pub callers: BTreeMap<String, Caller>,
    /// Principals by object id.
    pub principals: BTreeMap<String, Principal>,
    /// What images of registries elsewhere do, by reference. One that is not listed pulls and runs,
    /// except from a registry below `.azurecr.io` for which the app has no credentials. What is in
    /// [`State::registries`] is not looked for here.
    pub images: BTreeMap<String, Image>,
    /// Resource groups.
    pub groups: Table<Group>,
    /// Container Apps environments.
    pub environments: Table<Environment>,
    /// Container apps.
    pub apps: Table<App>,
    /// Auth configs of container apps.
    pub auth_configs: Table<AuthConfig>,
    /// Jobs.
    pub jobs: Table<Job>,
    /// User-assigned identities.
    pub identities: Table<Identity>,
    /// Key vaults.
    pub vaults: Table<Vault>,
    /// Container registries.
    pub registries: Table<Registry>,
    /// Logical SQL servers with their databases.
    pub sql_servers: Table<SqlServer>,
    /// Cosmos DB accounts.
    pub cosmos_accounts: Table<CosmosAccount>,
    /// Storage accounts.
    pub storage_accounts: Table<StorageAccount>,
    /// Shares that Container Apps environments know.
    pub environment_storages: Table<EnvironmentStorage>,
    /// Dapr components of Container Apps environments.
    pub dapr_components: Table<DaprComponent>,
    /// Certificates that Azure orders for Container Apps environments.
    pub managed_certificates: Table<ManagedCertificate>,
    /// Certificates that were brought to Container Apps environments.
    pub certificates: Table<Certificate>,
    /// Azure Cache for Redis.
    pub redis: Table<RedisCache>,
    /// Azure Managed Redis, and clusters of the old Enterprise tiers.
    pub redis_enterprise: Table<RedisCluster>,
    /// Service Bus namespaces.
    pub service_buses: Table<ServiceBus>,
    /// Public DNS zones.
    pub dns_zones: Table<DnsZone>,
    /// What every question to the domain name system comes to instead of an answer: `servfail`, `refused`,
    /// `silence`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver_fails: Option<String>,
    /// Role assignments.
    pub role_assignments: Table<RoleAssignment>,
    /// Management locks.
    pub locks: Table<Lock>,
    /// Custom role definitions by GUID.
    pub custom_roles: BTreeMap<String, CustomRole>,
    /// Deny assignments.
    pub deny_assignments: Table<DenyAssignment>,
    /// Assignments of policies whose effect is deny.
    pub policies: Table<PolicyAssignment>,
    /// Members of the directory's groups: object ids by the group's object id.
    pub members: BTreeMap<String, Vec<String>>,
    /// Long-running operations by their id, finished ones too.
    pub operations: BTreeMap<String, Operation>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its GUID.
    pub id: String,
    /// Its display name.
    pub name: String,
    /// `Enabled`, `Disabled`, …
    pub state: String,
}

/// Someone who can send requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// The object id of the caller's principal.
    pub principal: String,
    /// The name that Azure's messages show.
    pub display: String,
}

/// An identity that roles can be given to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Principal {
    /// `ServicePrincipal`, `User`, …
    pub kind: String,
    /// From when role assignments find it: a new principal is replicated with delay.
    #[serde(with = "time::serde::rfc3339")]
    pub known_from: OffsetDateTime,
}

/// What happens when an image is pulled and run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Image {
    /// Whether the pull works.
    pub pull: Pull,
    /// The port it listens on; `None`: none that is known.
    pub listens: Option<u16>,
    /// Why the container ends at once, if it does.
    pub crash: Option<String>,
    /// What it answers over HTTP, where that is scripted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// The registry's answer to a pull.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pull {
    /// It works.
    #[default]
    Works,
    /// The caller may not pull.
    Unauthorized,
    /// There is no such tag.
    ManifestUnknown,
}

/// A resource group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
}

/// A Container Apps environment. Ready made: it is only read here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `properties` as GET returns them.
    pub properties: Json,
    /// The identities it has.
    #[serde(default)]
    pub identity: AppIdentity,
}

/// A user-assigned identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// Object id of its principal.
    pub principal_id: String,
    /// Its application id.
    pub client_id: String,
    /// Who outside Azure signs in as it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federated: Vec<FederatedCredential>,
}

/// Somebody outside Azure who signs in as an identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FederatedCredential {
    /// The credential's name.
    pub name: String,
    /// Who vouches for them.
    pub issuer: String,
    /// How that one calls them.
    pub subject: String,
}

/// A key vault with its secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vault {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `properties` as GET returns them: `enableRbacAuthorization`, `accessPolicies`,
    /// `publicNetworkAccess`, `networkAcls`, …
    pub properties: Json,
    /// Secrets by name (lower case).
    #[serde(default)]
    pub secrets: BTreeMap<String, Vec<SecretVersion>>,
}

/// One version of a vault's secret; the last of a list is the newest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretVersion {
    /// 32 hex digits.
    pub version: String,
    /// The value.
    pub value: String,
    /// Whether it can be read.
    pub enabled: bool,
}

/// A role assignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Its id in its own spelling.
    pub id: String,
    /// The scope it holds for and below.
    pub scope: String,
    /// The role definition's GUID.
    pub role: String,
    /// The principal's object id.
    pub principal: String,
    /// `ServicePrincipal`, `User`, …
    pub principal_type: String,
    /// Further members that were sent: `description`, `condition`, `conditionVersion`, ….
    #[serde(default)]
    pub extra: Map<String, Json>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// From when it holds. Nothing that can be read shows this.
    #[serde(with = "time::serde::rfc3339")]
    pub in_force_from: OffsetDateTime,
}

/// A management lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// Its id in its own spelling.
    pub id: String,
    /// The scope it holds for and below.
    pub scope: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
    /// A note.
    #[serde(default)]
    pub notes: String,
}

/// A role definition of the tenant's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CustomRole {
    /// What people call it.
    pub name: String,
    /// Allowed control-plane actions, with `*`.
    pub actions: Vec<String>,
    /// Those taken away again.
    pub not_actions: Vec<String>,
}

/// A deny assignment. Azure makes them (managed applications, deployment stacks); here tests do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DenyAssignment {
    /// Its id in its own spelling.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The scope it holds for.
    pub scope: String,
    /// Only for that scope itself and nothing below it.
    pub only_there: bool,
    /// Denied actions, with `*`.
    pub actions: Vec<String>,
    /// Those let through again.
    pub not_actions: Vec<String>,
    /// Whom it is meant for: object id and type; the nil GUID is everybody.
    pub principals: Vec<(String, String)>,
    /// Whom it is not meant for all the same.
    pub excluded: Vec<(String, String)>,
    /// Made by Azure, not to be removed.
    pub system_protected: bool,
}

/// An assignment of a policy that denies writes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyAssignment {
    /// Its id in its own spelling.
    pub id: String,
    /// The scope it holds for and below.
    pub scope: String,
    /// What people call the definition.
    pub definition: String,
    /// The definition's id.
    pub definition_id: String,
    /// The resource type it is about, in lower case.
    pub resource_type: String,
    /// Where in the resource as it would be something must stand to be denied (a JSON pointer); empty:
    /// every write.
    pub pointer: String,
    /// The region policy that Azure itself puts on a subscription.
    pub of_azure: bool,
}

/// A container app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Its id in its own spelling.
    pub id: String,
    /// What writes described: `location`, `tags`, `kind`, `managedBy` and `properties` with
    /// `environmentId`, `workloadProfileName`, `configuration` (secrets with their values) and
    /// `template`. Without identity and without anything read-only.
    pub model: Json,
    /// The identities it has.
    #[serde(default)]
    pub identity: AppIdentity,
    /// Values of the Key Vault references, by the app's name for them.
    #[serde(default)]
    pub fetched: BTreeMap<String, String>,
    /// `Succeeded`, `InProgress`, `Failed`, `Deleting`.
    pub provisioning_state: String,
    /// Whether it was stopped.
    #[serde(default)]
    pub stopped: bool,
    /// Revisions, oldest first, inactive ones too.
    #[serde(default)]
    pub revisions: Vec<Revision>,
    /// The newest revision that has become ready.
    #[serde(default)]
    pub latest_ready: Option<String>,
    /// How many requests came to its own host: by them its traffic is split.
    #[serde(default, skip_serializing_if = "answers::is_zero")]
    pub requests: u64,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Who made it.
    pub created_by: String,
    /// When it was last written.
    #[serde(with = "time::serde::rfc3339")]
    pub modified: OffsetDateTime,
    /// Who wrote it last.
    pub modified_by: String,
}

/// The identities of an app or an environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppIdentity {
    /// The system-assigned one.
    pub system: Option<SystemIdentity>,
    /// Ids of user-assigned ones, as they were written.
    pub user: Vec<String>,
}

/// A system-assigned identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemIdentity {
    /// Object id of its principal.
    pub principal_id: String,
    /// Its application id.
    pub client_id: String,
}

/// A revision of an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// `app--suffix`.
    pub name: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// The template it runs.
    pub template: Json,
    /// Whether it is active.
    pub active: bool,
    /// What becomes of it.
    pub fate: Fate,
    /// When that shows.
    #[serde(with = "time::serde::rfc3339")]
    pub settles: OffsetDateTime,
    /// Whether it has shown.
    pub settled: bool,
    /// When its replicas were last started.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// The secret values its replicas started with, by the app's names.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The app's entries in `registries` when it was made, each with the `password` of that time.
    #[serde(default)]
    pub registries: Vec<Json>,
    /// What it answers over HTTP, where that is scripted for it; otherwise as its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// How many requests it was sent.
    #[serde(default, skip_serializing_if = "answers::is_zero")]
    pub requests: u64,
}

/// What becomes of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// Provisioned, healthy, running.
    Healthy,
    /// Provisioned but not healthy, for this reason.
    Unhealthy(String),
    /// Never provisioned, for this reason.
    Failed(String),
    /// Provisioning for ever.
    Stuck,
    /// Provisioning for as long as a volume cannot be mounted, for this reason.
    Mounting(String),
}

/// A long-running operation on a container app, a registry, a part of a Cosmos DB account or of a cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its GUID.
    pub id: String,
    /// The id of what is worked on.
    #[serde(alias = "app")]
    pub resource: String,
    /// What it does.
    pub kind: OperationKind,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ends; `None`: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub due: Option<OffsetDateTime>,
    /// Whether it has ended.
    pub ended: bool,
    /// The status and error with which it ends; `None` for success.
    pub failure: Option<(u16, Json)>,
    /// The revision that appears when it ends well.
    pub revision: Option<Revision>,
    /// The status with which its own URLs refuse to answer.
    pub url_refuses: Option<u16>,
}

/// What an operation does when it ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// Makes or changes the app.
    Write,
    /// Removes it.
    Delete,
    /// Starts it.
    Start,
    /// Stops it.
    Stop,
}

/// The form of an id under which tables hold a resource.
pub fn fold(id: &str) -> String {
    id.trim_end_matches('/').to_ascii_lowercase()
}

impl State {
    /// A GUID never given out before, the same in every run. `purpose` only separates uses.
    pub fn new_guid(&mut self, purpose: &str) -> String {
        self.counter += 1;
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{purpose}/{}", self.counter).as_bytes()).to_string()
    }

    /// Makes a service principal that role assignments find from `known_from` on; returns object
    /// id and application id.
    pub fn new_principal(&mut self, known_from: OffsetDateTime) -> (String, String) {
        let (principal, client) = (self.new_guid("principal"), self.new_guid("client"));
        self.principals
            .insert(principal.clone(), Principal { kind: "ServicePrincipal".to_owned(), known_from });
        (principal, client)
    }

    /// The app named `name`, in whatever group.
    pub fn app(&self, name: &str) -> Option<&App> {
        self.apps.values().find(|app| app.name().eq_ignore_ascii_case(name))
    }

    /// The app named `name`, to be changed.
    pub fn app_mut(&mut self, name: &str) -> Option<&mut App> {
        self.apps.values_mut().find(|app| app.name().eq_ignore_ascii_case(name))
    }

    /// The vault named `name`: vault names are unique in the world.
    pub fn vault(&self, name: &str) -> Option<&Vault> {
        self.vaults.values().find(|vault| last(&vault.id).eq_ignore_ascii_case(name))
    }

    /// The vault named `name`, to be changed.
    pub fn vault_mut(&mut self, name: &str) -> Option<&mut Vault> {
        self.vaults.values_mut().find(|vault| last(&vault.id).eq_ignore_ascii_case(name))
    }

    /// The user-assigned identity with this id.
    pub fn identity(&self, id: &str) -> Option<&Identity> {
        self.identities.get(&fold(id))
    }

    /// The principal behind `identity` of an app: `system` in any case, or the id of a
    /// user-assigned identity that the app has.
    pub fn principal_of(&self, app: &AppIdentity, identity: &str) -> Option<String> {
        if identity.eq_ignore_ascii_case("system") {
            return app.system.as_ref().map(|system| system.principal_id.clone());
        }
        app.user
            .iter()
            .find(|id| fold(id) == fold(identity))
            .and_then(|id| self.identity(id))
            .map(|identity| identity.principal_id.clone())
    }
}

impl App {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// `properties.configuration`.
    pub fn configuration(&self) -> &Json {
        &self.model["properties"]["configuration"]
    }

    /// `properties.template`.
    pub fn template(&self) -> &Json {
        &self.model["properties"]["template"]
    }

    /// Whether several revisions may be active.
    pub fn multiple(&self) -> bool {
        self.configuration()["activeRevisionsMode"]
            .as_str()
            .is_some_and(|mode| mode.eq_ignore_ascii_case("Multiple"))
    }

    /// The value of each secret: plain ones as written, references as last fetched.
    pub fn secret_values(&self) -> BTreeMap<String, String> {
        let mut values = self.fetched.clone();
        for secret in elements(&self.configuration()["secrets"]) {
            if let (Some(name), Some(value)) = (secret["name"].as_str(), secret["value"].as_str()) {
                values.insert(name.to_owned(), value.to_owned());
            }
        }
        values
    }

    /// The revision named `name`.
    pub fn revision(&self, name: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.name.eq_ignore_ascii_case(name))
    }

    /// The newest revision.
    pub fn latest(&self) -> Option<&Revision> {
        self.revisions.last()
    }
}

impl AppIdentity {
    /// The type as Azure returns it: with a space when both kinds are there.
    pub fn kind(&self) -> &'static str {
        match (self.system.is_some(), !self.user.is_empty()) {
            (true, true) => "SystemAssigned, UserAssigned",
            (true, false) => "SystemAssigned",
            (false, true) => "UserAssigned",
            (false, false) => "None",
        }
    }
}

/// The last segment of an id.
pub(super) fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or_default()
}

/// The group's name in an id.
pub(super) fn group_of(id: &str) -> String {
    ResourceId::parse(id).and_then(|id| id.resource_group().map(str::to_owned)).unwrap_or_default()
}

/// The elements of a JSON array; none of anything else.
pub(super) fn elements(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A time as ARM writes it.
pub(super) fn stamp(time: OffsetDateTime) -> Json {
    json!(time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default())
}
