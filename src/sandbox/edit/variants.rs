//! The variants of the seed that can be asked for by name.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::EditError;
use crate::sandbox::roles::ROLES;
use crate::sandbox::seed::variant::answers::{self, Script};
use crate::sandbox::seed::variant::domains;
use crate::sandbox::seed::{self, jobs, storage, variant};
use crate::sandbox::state::{State, fold, last, sid_of};

/// A change of the seeded state with a name. What it changes looks as if it had always been so.
#[derive(Debug)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it takes.
    pub takes: &'static [Parameter],
    change: fn(&mut State, &Given<'_>) -> Result<(), String>,
}

/// Something that a variant takes.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it must be.
    pub kind: ParameterKind,
    /// Whether it can be left out.
    pub optional: bool,
}

/// What a parameter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text.
    Text,
    /// A whole number from 0.
    Number,
}

/// What a variant was given, checked.
struct Given<'a>(&'a Map<String, Json>);

impl Given<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Json::as_u64).unwrap_or_default()
    }
}

const fn text(name: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text, optional: false }
}

const fn optional(name: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text, optional: true }
}

const fn number(name: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Number, optional: false }
}

const fn optional_number(name: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Number, optional: true }
}

/// What an app answers otherwise.
fn script(given: &Given<'_>) -> Result<Script, String> {
    let text = |name| Some(given.text(name)).filter(|text: &&str| !text.is_empty()).map(str::to_owned);
    let has = |name: &str| given.0.contains_key(name);
    let status = match given.number("status") {
        _ if !has("status") => None,
        status @ 100..600 => u16::try_from(status).ok(),
        _ => return Err("takes a status from 100 to 599".to_owned()),
    };
    if (has("body") || has("location")) && !has("path") {
        return Err("takes `body` and `location` beside `path` only".to_owned());
    }
    if !["status", "path", "slow", "after"].into_iter().any(has) {
        return Err("needs one of `status`, `path`, `slow` and `after`".to_owned());
    }
    Ok(Script {
        status,
        path: text("path"),
        body: text("body"),
        location: text("location"),
        slow: given.number("slow"),
        after: has("after").then(|| given.number("after")),
    })
}

fn optional_or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

macro_rules! variants {
    ($($name:literal, $about:literal, [$($takes:expr),*], $change:expr;)*) => {
        /// The table.
        pub const VARIANTS: &[Variant] = &[
            $(Variant { name: $name, about: $about, takes: &[$($takes),*], change: $change }),*
        ];
    };
}

variants! {
    "sidecar-first", "a sidecar `proxy`, first in the list, with a variable of its own", [],
        |state, _| { variant::sidecar_first(state); Ok(()) };
    "init-container", "an init container `migrate`", [],
        |state, _| { variant::init_container(state); Ok(()) };
    "variable", "a variable of the app's container, with a value or the name of a secret",
        [text("name"), optional("value"), optional("secretRef")],
        |state, given| { variant::variable(state, Json::Object(given.0.clone())); Ok(()) };
    "job",
        "a job of somebody's in the group, started by hand: a container of its name with two variables and a secret, a container `helper`, a tag",
        [text("name"), optional("image")],
        |state, given| {
            let image = optional_or(given.text("image"), seed::IMAGE_SIDECAR);
            jobs::job(state, given.text("name"), image, long_ago(state));
            Ok(())
        };
    "job-execution",
        "an execution of the job's present template: `Succeeded`, `Failed` or `Stopped` long ago, or `Running`; for a job that is not there one is made",
        [text("job"), text("name"), text("status")],
        |state, given| {
            if state.job(given.text("job")).is_none() {
                jobs::job(state, given.text("job"), seed::IMAGE_SIDECAR, long_ago(state));
            }
            jobs::execution(state, given.text("job"), given.text("name"), given.text("status"), long_ago(state));
            Ok(())
        };
    "messages", "so many messages (1 unless told) in the queue of the Service Bus namespace", [optional_number("count")],
        |state, given| {
            let count = given.number("count").max(1);
            jobs::messages(state, seed::SERVICE_BUS, seed::QUEUE, count);
            Ok(())
        };
    "service-bus-closed", "the Service Bus namespace closed to public networks", [],
        |state, _| { jobs::service_bus_closed(state, seed::SERVICE_BUS); Ok(()) };
    "plain-secret", "a secret of the app with a value of its own", [text("name"), text("value")],
        |state, given| { variant::plain_secret(state, given.text("name"), given.text("value")); Ok(()) };
    "auth-config",
        "built-in authentication by the identity `provider` (microsoft, github, google), set up by somebody else; `action` is RedirectToLoginPage unless given",
        [text("provider"), optional("action")],
        |state, given| {
            let action = match given.text("action") { "" => "RedirectToLoginPage", action => action };
            variant::auth_config(state, given.text("provider"), action)
        };
    "reference",
        "a Key Vault reference of the app, fetched earlier as `value`; `identity` is `system` or an identity's name",
        [text("name"), text("url"), text("identity"), text("value")],
        |state, given| {
            let identity = identity(state, given.text("identity"))?;
            variant::reference(state, given.text("name"), given.text("url"), &identity, given.text("value"));
            Ok(())
        };
    "identity", "a user-assigned identity in the group, which the app does not have", [text("name")],
        |state, given| {
            let (principal, client) = (state.new_guid("principal"), state.new_guid("client"));
            seed::add_identity(state, given.text("name"), &principal, &client, long_ago(state));
            Ok(())
        };
    "user-identity", "a user-assigned identity on the app, by its name", [text("name")],
        |state, given| {
            let id = identity(state, given.text("name"))?;
            variant::user_identity(state, &id);
            Ok(())
        };
    "role",
        "a role that has long been in force: its name; an identity's name, `system`, `environment` (their system identities) or an object id; and the name or id of a resource",
        [text("role"), text("principal"), text("scope")],
        role;
    "cosmos-api", "the Cosmos DB account with this API in place of NoSQL: Mongo, Cassandra, Gremlin, Table",
        [text("api")],
        |state, given| { variant::cosmos_api(state, given.text("api")); Ok(()) };
    "cosmos-private", "the Cosmos DB account closed to public networks, with a private endpoint", [],
        |state, _| { variant::cosmos_closed(state, true); Ok(()) };
    "cosmos-busy", "the Cosmos DB account with a write of somebody else going on for a minute", [],
        |state, _| {
            let minute = time::Duration::minutes(1);
            variant::cosmos_busy(state, long_ago(state) + time::Duration::DAY + minute);
            Ok(())
        };
    "cosmos-elsewhere", "the Cosmos DB account in the other group", [],
        |state, _| { variant::cosmos_elsewhere(state, &seed::group_id(seed::SHARED_GROUP)); Ok(()) };
    "cosmos-role",
        "a data role (reader, contributor) of an identity, by its name or `system`, in the Cosmos DB account or in a part of it (`/dbs/appdb`), under a name of nobody's choice",
        [text("access"), text("principal"), optional("part")],
        |state, given| {
            let role = match given.text("access") {
                "reader" => seed::COSMOS_READER,
                "contributor" => seed::COSMOS_CONTRIBUTOR,
                _ => return Err("takes reader or contributor as `access`".to_owned()),
            };
            let principal = principal(state, given.text("principal"))?;
            seed::assign_data_role(state, given.text("part"), role, &principal);
            Ok(())
        };
    "pinned", "Multiple mode with an older revision that has `weight` per cent, both pinned by name",
        [number("weight")],
        |state, given| {
            if given.number("weight") > 100 { return Err("takes a weight up to 100".to_owned()); }
            variant::pinned(state, given.number("weight"));
            Ok(())
        };
    "stopped", "the app stopped", [], |state, _| { variant::stopped(state); Ok(()) };
    "failed", "the app in provisioningState Failed, its revision still serving", [],
        |state, _| { variant::failed(state); Ok(()) };
    "app-answers",
        "what the newest revision answers: a `status`, at a `path` (with a `body`, a `location`) or everywhere; `slow` by so many milliseconds; 500 `after` so many requests",
        [optional_number("status"), optional("path"), optional("body"), optional("location"), optional_number("slow"), optional_number("after")],
        |state, given| { answers::app_answers(state, &script(given)?); Ok(()) };
    "app-crashes", "the newest revision dies whenever it is asked", [],
        |state, _| { answers::app_crashes(state); Ok(()) };
    "app-silent", "the newest revision takes requests and never answers", [],
        |state, _| { answers::app_silent(state); Ok(()) };
    "image-answers",
        "what every revision of an image answers, as `app-answers` has it; an image that no registry of the sandbox has can be pulled then",
        [text("image"), optional_number("status"), optional("path"), optional("body"), optional("location"), optional_number("slow"), optional_number("after")],
        |state, given| answers::image_answers(state, given.text("image"), &script(given)?);
    "ingress-internal", "the app's ingress closed to the outside of its environment", [],
        |state, _| { answers::ingress_internal(state); Ok(()) };
    "no-ingress", "the app without ingress", [],
        |state, _| { answers::no_ingress(state); Ok(()) };
    "suffix", "the newest revision made with this suffix, which is still in the template", [text("suffix")],
        |state, given| { variant::suffix(state, given.text("suffix")); Ok(()) };
    "scaled-to-zero", "no minimum of replicas: scaled to zero by now", [],
        |state, _| { variant::scaled_to_zero(state); Ok(()) };
    "unhealthy", "the newest revision unhealthy, for this reason", [text("reason")],
        |state, given| { variant::unhealthy(state, given.text("reason")); Ok(()) };
    "shared-key-off", "a storage account that refuses requests signed with its keys", [text("account")],
        |state, given| { storage::shared_key_off(state, account(state, given)?.as_str()); Ok(()) };
    "storage-closed", "a storage account closed to the public", [text("account")],
        |state, given| { storage::storage_closed(state, account(state, given)?.as_str(), false); Ok(()) };
    "storage-private", "a storage account closed to the public that apps reach by a private endpoint",
        [text("account")],
        |state, given| { storage::storage_closed(state, account(state, given)?.as_str(), true); Ok(()) };
    "file-account",
        "a premium storage account for files in the group; `secure_transfer` (required, off) is required unless said",
        [text("name"), optional("secure_transfer")],
        |state, given| {
            let secure = !given.text("secure_transfer").eq_ignore_ascii_case("off");
            storage::file_account(state, given.text("name"), secure, long_ago(state));
            Ok(())
        };
    "vnet-environment", "the environment in a virtual network of its owner's", [],
        |state, _| { storage::environment_in_network(state); Ok(()) };
    "environment-identity", "an identity of the environment: `system`, or an identity's name", [text("identity")],
        |state, given| {
            let identity = identity(state, given.text("identity"))?;
            storage::environment_identity(state, &identity, long_ago(state));
            Ok(())
        };
    "share", "a file share of a storage account, for SMB or the `protocol` NFS",
        [text("account"), text("name"), optional("protocol")],
        |state, given| {
            let account = account(state, given)?;
            storage::share(state, &account, given.text("name"), protocol(given), long_ago(state));
            Ok(())
        };
    "blob-container", "a blob container of a storage account", [text("account"), text("name")],
        |state, given| {
            let account = account(state, given)?;
            storage::container(state, &account, given.text("name"), long_ago(state));
            Ok(())
        };
    "environment-storage",
        "a share that the environment knows under `name`: by SMB with the account's first key, or by the `protocol` NFS",
        [text("name"), text("account"), text("share"), optional("protocol")],
        |state, given| {
            let account = account(state, given)?;
            storage::environment_storage(state, given.text("name"), &account, given.text("share"), protocol(given));
            Ok(())
        };
    "mounted", "what the environment knows as `storage`, mounted by the app's container at `path` as `volume`",
        [text("storage"), text("volume"), text("path")],
        |state, given| {
            storage::mounted(state, given.text("storage"), given.text("volume"), given.text("path"));
            Ok(())
        };
    "keys-rotated", "both keys of a storage account made anew", [text("account")],
        |state, given| { storage::keys_rotated(state, account(state, given)?.as_str()); Ok(()) };
    "tag", "a tag on the app", [text("name"), text("value")],
        |state, given| { variant::tag(state, given.text("name"), given.text("value")); Ok(()) };
    "sql-closed", "the SQL server closed to public networks", [],
        |state, _| { variant::sql_closed(state, seed::SQL_SERVER, false); Ok(()) };
    "sql-private", "the SQL server closed to public networks, with a private endpoint", [],
        |state, _| { variant::sql_closed(state, seed::SQL_SERVER, true); Ok(()) };
    "sql-server", "another SQL server like the seeded one, in the resource group of this name",
        [text("name"), text("group")],
        |state, given| {
            let group = resource(state, given.text("group"))?;
            variant::sql_server_elsewhere(state, given.text("name"), &group);
            Ok(())
        };
    "sql-user",
        "a user of the SQL database: its name, whose it is (an identity's name, `system`, or a GUID), roles with commas",
        [text("name"), text("identity"), optional("roles")],
        |state, given| {
            let guid = client(state, given.text("identity"))?;
            let roles: Vec<&str> = given.text("roles").split(',').map(str::trim).collect();
            let roles: Vec<&str> = roles.into_iter().filter(|role| !role.is_empty()).collect();
            variant::sql_user(state, given.text("name"), &sid_of(&guid), &roles);
            Ok(())
        };
    "redis-assignment",
        "an access policy assignment on a cache (its name): the assignment's name, an identity's name, `system` or an object id, and the policy",
        [text("redis"), text("name"), text("principal"), text("policy")],
        |state, given| {
            let principal = principal(state, given.text("principal"))?;
            seed::redis::assignment(state, given.text("redis"), given.text("name"), &principal, given.text("policy"));
            Ok(())
        };
    "dapr-on", "the app's Dapr sidecar on, under this app id", [text("app_id")],
        |state, given| { variant::dapr::dapr_on(state, given.text("app_id")); Ok(()) };
    "dapr-app", "another app of the environment with its Dapr sidecar on, under this app id",
        [text("name"), text("app_id")],
        |state, given| { variant::dapr::dapr_app(state, given.text("name"), given.text("app_id")); Ok(()) };
    "dapr-component",
        "a Dapr component of the environment: app ids in `scopes` (none: everybody's), `name=value` in `metadata` (`name=@secret` refers to a secret) and `secrets`, with commas; a secret store; why it is `unreachable`",
        [text("name"), text("type"), optional("scopes"), optional("metadata"), optional("secrets"), optional("store"), optional("unreachable")],
        |state, given| {
            variant::dapr::component(state, variant::dapr::Component {
                name: given.text("name"),
                kind: given.text("type"),
                scopes: given.text("scopes"),
                metadata: given.text("metadata"),
                secrets: given.text("secrets"),
                store: given.text("store"),
                unreachable: given.text("unreachable"),
            });
            Ok(())
        };
    "redis-both", "an Azure Cache for Redis under the name of the Azure Managed Redis", [],
        |state, _| { seed::redis::both_kinds(state); Ok(()) };
    "redis-old-enterprise", "the Azure Managed Redis replaced by a cluster of the old Enterprise tier", [],
        |state, _| { seed::redis::old_enterprise(state); Ok(()) };
    "redis-elsewhere", "both caches in the other group", [],
        |state, _| { seed::redis::in_shared_group(state); Ok(()) };
    "dns-record",
        "a record set of the DNS zone: its type, its name in the zone (`@`: the zone itself), its values with commas between",
        [text("type"), text("name"), text("values")],
        |state, given| {
            let kind = given.text("type");
            if !["A", "AAAA", "CNAME", "TXT", "CAA"].contains(&kind) {
                return Err("takes the types A, AAAA, CNAME, TXT and CAA".to_owned());
            }
            let values: Vec<&str> = given.text("values").split(',').map(str::trim).collect();
            let made = long_ago(state);
            seed::dns_record(state, kind, given.text("name"), &values, made);
            Ok(())
        };
    "dns-undelegated", "the DNS zone, which nobody leads to: the world does not see its records", [],
        |state, _| { if let Some(zone) = state.zone_mut(seed::DNS_ZONE) { zone.delegated = false; } Ok(()) };
    "dns-delay", "new records of the DNS zone, seen only after so many seconds", [number("seconds")],
        |state, given| {
            if let Some(zone) = state.zone_mut(seed::DNS_ZONE) { zone.delay = given.number("seconds"); }
            Ok(())
        };
    "resolver-fails", "a resolver that answers every name with `servfail`, `refused` or `silence`", [text("with")],
        |state, given| {
            let with = given.text("with");
            if !["servfail", "refused", "silence"].contains(&with) {
                return Err("takes `servfail`, `refused` or `silence`".to_owned());
            }
            state.resolver_fails = Some(with.to_owned());
            Ok(())
        };
    "custom-domain",
        "a host name of the app, bound to the certificate of this name in the environment or to none",
        [text("name"), optional("certificate")],
        |state, given| {
            let id = match given.text("certificate") {
                "" => None,
                name => Some(certificate(state, name)?),
            };
            domains::custom_domain(state, given.text("name"), id.as_deref());
            Ok(())
        };
    "domain-elsewhere", "another app in the environment that has the host name", [text("app"), text("name")],
        |state, given| {
            domains::domain_elsewhere(state, given.text("app"), given.text("name"));
            Ok(())
        };
    "managed-certificate",
        "a managed certificate of the environment for a host name, in this state: Succeeded, Pending, Failed",
        [text("name"), text("subject"), text("state")],
        |state, given| {
            let ordered = long_ago(state);
            let (name, host) = (given.text("name"), given.text("subject"));
            domains::managed_certificate(state, name, host, given.text("state"), ordered);
            Ok(())
        };
    "certificate", "a certificate brought to the environment, good for so many days",
        [text("name"), text("subject"), number("days")],
        |state, given| {
            let now = long_ago(state) + time::Duration::DAY;
            let days = i64::try_from(given.number("days")).unwrap_or(i64::MAX);
            domains::certificate(state, given.text("name"), given.text("subject"), now, days);
            Ok(())
        };
    "dns-suffix", "the environment with a DNS suffix of its owner's", [text("suffix")],
        |state, given| { domains::dns_suffix(state, given.text("suffix")); Ok(()) };
    "insecure-allowed", "the app's ingress answers http without sending it on to https", [],
        |state, _| { domains::insecure(state, true); Ok(()) };
    "lock", "a lock of this level (CanNotDelete, ReadOnly) on the resource of this name or id",
        [text("scope"), text("level")],
        |state, given| {
            let scope = resource(state, given.text("scope"))?;
            variant::lock(state, &scope, given.text("level"));
            Ok(())
        };
}

impl Variant {
    /// Whether it takes what it is given.
    ///
    /// # Errors
    /// Something that it does not take, that is missing, or of the wrong kind.
    pub fn check(&self, given: &Map<String, Json>) -> Result<(), EditError> {
        let wrong = |member: &str, why: String| {
            Err(EditError::Arguments { variant: self.name, why, member: member.to_owned() })
        };
        for (name, value) in given {
            let Some(parameter) = self.takes.iter().find(|parameter| parameter.name == name) else {
                let takes: Vec<&str> = self.takes.iter().map(|parameter| parameter.name).collect();
                let takes = if takes.is_empty() { "nothing".to_owned() } else { takes.join(", ") };
                return wrong(name, format!("has no `{name}`; it takes {takes}"));
            };
            match parameter.kind {
                ParameterKind::Text if !value.is_string() => {
                    return wrong(name, format!("wants text as `{name}`"));
                }
                ParameterKind::Number if !value.is_u64() => {
                    return wrong(name, format!("wants a whole number as `{name}`"));
                }
                _ => {}
            }
        }
        let missing = self.takes.iter().find(|one| !one.optional && !given.contains_key(one.name));
        match missing {
            Some(parameter) => wrong(parameter.name, format!("needs `{}`", parameter.name)),
            None => Ok(()),
        }
    }

    /// Changes the state so.
    ///
    /// # Errors
    /// As [`Variant::check`]; what it names is not in the state.
    pub fn apply(&self, state: &mut State, given: &Map<String, Json>) -> Result<(), EditError> {
        self.check(given)?;
        let before = state.clone();
        (self.change)(state, &Given(given)).map_err(|why| EditError::Arguments {
            variant: self.name,
            why,
            member: String::new(),
        })?;
        if *state == before { Err(EditError::Unchanged) } else { Ok(()) }
    }
}

fn role(state: &mut State, given: &Given<'_>) -> Result<(), String> {
    let name = given.text("role");
    let role = ROLES
        .iter()
        .find(|role| role.name.eq_ignore_ascii_case(name) || role.guid == name)
        .ok_or_else(|| format!("knows no role `{name}`"))?;
    let scope = resource(state, given.text("scope"))?;
    let principal = principal(state, given.text("principal"))?;
    seed::assign_role(state, &scope, role.guid, &principal, long_ago(state));
    Ok(())
}

/// The object id that `text` is, or that of the identity it names: `system` (the app's), `environment`
/// (its system identity), or a name or id.
fn principal(state: &State, text: &str) -> Result<String, String> {
    if state.principals.contains_key(text) {
        return Ok(text.to_owned());
    }
    if text == "system" {
        let app = state.app(seed::APP).and_then(|app| app.identity.system.as_ref());
        return Ok(app
            .map(|system| system.principal_id.clone())
            .ok_or("needs a system identity on the app")?);
    }
    if text == "environment" {
        let environment = state.environments.get(&fold(&seed::environment_id()));
        let system = environment.and_then(|environment| environment.identity.system.as_ref());
        let principal = system.map(|system| system.principal_id.clone());
        return Ok(principal.ok_or("needs a system identity on the environment")?);
    }
    let id = identity(state, text)?;
    Ok(state.identity(&id).map(|identity| identity.principal_id.clone()).unwrap_or_default())
}

/// The name of the storage account `account`, which must be there.
fn account(state: &State, given: &Given<'_>) -> Result<String, String> {
    let name = given.text("account");
    let found = state.storage_account(name).map(|account| account.name().to_owned());
    found.ok_or_else(|| format!("finds no storage account `{name}` in the state"))
}

/// The protocol of a share: SMB unless said.
fn protocol<'g>(given: &'g Given<'_>) -> &'g str {
    if given.text("protocol").eq_ignore_ascii_case("NFS") { "NFS" } else { "SMB" }
}

/// `system`, or the id of the user-assigned identity of this name or id.
fn identity(state: &State, text: &str) -> Result<String, String> {
    if text == "system" {
        return Ok(text.to_owned());
    }
    let named = |id: &str| id.eq_ignore_ascii_case(text) || last(id).eq_ignore_ascii_case(text);
    let found = state.identities.values().find(|identity| named(&identity.id));
    found
        .map(|identity| identity.id.clone())
        .ok_or_else(|| format!("finds no identity `{text}` in the state"))
}

/// The client id of an identity, or the GUID that `text` is.
fn client(state: &State, text: &str) -> Result<uuid::Uuid, String> {
    let system = || state.app(seed::APP).and_then(|app| app.identity.system.as_ref());
    let found = match text {
        "system" => system().map(|system| system.client_id.clone()),
        _ => identity(state, text)
            .ok()
            .and_then(|id| state.identity(&id).map(|identity| identity.client_id.clone())),
    };
    found
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| format!("finds no identity `{text}`, and it is no GUID"))
}

/// The id of the resource or group of this name or id.
fn resource(state: &State, text: &str) -> Result<String, String> {
    let document = serde_json::to_value(state).unwrap_or_else(|_| json!({}));
    let ids = document.as_object().into_iter().flat_map(|tables| tables.values()).filter_map(Json::as_object);
    let mut found: Vec<String> = ids
        .flat_map(|table| table.values())
        .filter_map(|one| one["id"].as_str())
        .filter(|id| id.starts_with('/'))
        .filter(|id| id.eq_ignore_ascii_case(text) || last(id).eq_ignore_ascii_case(text))
        .map(str::to_owned)
        .collect();
    found.dedup();
    match found.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(format!("finds no resource `{text}` in the state")),
        _ => Err(format!("finds several resources `{text}` in the state; give the id")),
    }
}

/// The id of a certificate of the environment, by its name.
fn certificate(state: &State, name: &str) -> Result<String, String> {
    let all = state.managed_certificates.values().map(|one| &one.id);
    let mut all = all.chain(state.certificates.values().map(|one| &one.id));
    let found = all.find(|id| last(id).eq_ignore_ascii_case(name)).cloned();
    found.ok_or_else(|| format!("finds no certificate `{name}` in the environment"))
}

/// A day before the present moment.
fn long_ago(state: &State) -> OffsetDateTime {
    let now = state.moment.or_else(|| state.apps.values().map(|app| app.modified).max());
    now.unwrap_or(OffsetDateTime::UNIX_EPOCH) - time::Duration::DAY
}

#[cfg(test)]
mod tests {
    use super::super::variant;
    use super::*;

    /// Something to give each variant.
    fn example(variant: &Variant) -> Map<String, Json> {
        let value = |parameter: &Parameter| match (variant.name, parameter.name) {
            (_, "weight" | "seconds" | "days") => json!(20),
            (_, "with") => json!("servfail"),
            ("dns-record", "type") => json!("TXT"),
            (_, "identity" | "principal") | ("user-identity", "name") => json!(seed::IDENTITY),
            (_, "access") => json!("reader"),
            (_, "provider") => json!("github"),
            (_, "role") => json!("Reader"),
            (_, "group") => json!(seed::SHARED_GROUP),
            (_, "redis") => json!(seed::CACHE),
            (_, "scope") => json!(seed::VAULT),
            (_, "account") => json!(seed::STORAGE_ACCOUNT),
            _ => json!("x"),
        };
        let needed = variant.takes.iter().filter(|parameter| !parameter.optional);
        needed.map(|parameter| (parameter.name.to_owned(), value(parameter))).collect()
    }

    #[test]
    fn each_variant_changes_something_and_refuses_what_it_does_not_take() {
        let seed = seed::state(time::macros::datetime!(2026-03-01 12:00 UTC));
        for one in VARIANTS {
            let mut state = seed.clone();
            let given = example(one);
            let mut whole = given.clone();
            if one.name.ends_with("-answers") {
                // It takes any of many, and changes nothing with none of them.
                whole.insert("status".to_owned(), json!(500));
            }
            one.apply(&mut state, &whole).unwrap_or_else(|error| panic!("{}: {error}", one.name));
            assert_ne!(state, seed, "{}", one.name);
            let mut more = given.clone();
            more.insert("colour".to_owned(), json!("red"));
            assert!(one.check(&more).unwrap_err().to_string().contains("has no `colour`"), "{}", one.name);
            for name in given.keys() {
                let mut less = given.clone();
                less.shift_remove(name);
                let told = one.check(&less).unwrap_err().to_string();
                assert!(told.ends_with(&format!("needs `{name}`")), "{}: {told}", one.name);
                less.insert(name.clone(), json!([]));
                assert!(one.check(&less).unwrap_err().to_string().contains("wants"), "{}", one.name);
            }
        }
        assert!(variant("sidecar").is_err());
    }

    #[test]
    fn what_a_variant_names_must_be_there() {
        let state = seed::state(time::macros::datetime!(2026-03-01 12:00 UTC));
        for (name, given) in [
            ("user-identity", json!({ "name": "id-nobody" })),
            ("lock", json!({ "scope": "kv-nowhere", "level": "ReadOnly" })),
            ("role", json!({ "role": "King", "principal": "id-demo", "scope": "kv-demo" })),
            ("role", json!({ "role": "Reader", "principal": "system", "scope": "kv-demo" })),
        ] {
            let given = given.as_object().unwrap();
            assert!(variant(name).unwrap().apply(&mut state.clone(), given).is_err(), "{name}");
        }
    }
}
