//! Runs of every recipe, with inputs that exercise its steps: what the suites of crashes and of faults go through,
//! request by request. Each begins on the app of [`others::seeded`], changed by what it says.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use acarecipe::clock::{Clock as _, VirtualClock};
use acarecipe::plan::Selection;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::{Delays, Options, Sandbox, State, edit};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use super::certificates::made;
use super::others::seeded;
use super::world::World;

/// One run that ends well.
pub struct Scenario {
    pub name: &'static str,
    pub recipes: &'static [&'static str],
    /// As after `-p`; `{recipes}` is the folder of the built-in recipes. See [`Scenario::parameters`].
    parameters: &'static [&'static str],
    /// What is there beside the seed.
    seed: fn(&mut State),
}

impl Scenario {
    /// What follows each `-p`.
    pub fn parameters(&self) -> Vec<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes");
        self.parameters.iter().map(|text| text.replace("{recipes}", folder)).collect()
    }

    /// The recipe that it is about.
    pub fn about(&self) -> &'static str {
        self.name.split([',', ' ']).next().unwrap_or_default()
    }

    /// Its recipes with their inputs.
    pub fn selection(&self, world: &World) -> Selection {
        let parameters = self.parameters();
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        world.selection(self.recipes, &parameters)
    }

    /// The state it begins in.
    pub fn start(&self, now: OffsetDateTime) -> State {
        let mut state = seeded(now);
        (self.seed)(&mut state);
        state
    }

    /// A world that it runs in.
    pub fn world(&self, now: OffsetDateTime, delays: Delays) -> World {
        let mut world = World::new();
        world.clock = Arc::new(VirtualClock::new(now));
        let clock = Arc::clone(&world.clock);
        let options = Options { delays, ..Options::new(Arc::new(move || clock.now())) };
        world.sandbox = Sandbox::from_state(self.start(now), options);
        world.variables = variables();
        world
    }
}

/// What is set around every run: the catalogue's variables, and what inputs take by `@env:`.
pub fn variables() -> BTreeMap<String, String> {
    let own = [
        ("CLIENT_SECRET", "sandbox-client-secret"),
        ("REDIS_PASSWORD", "sandbox-redis-password"),
        ("CERTIFICATE", CERTIFICATE.as_str()),
    ];
    let all = seed::DEFAULTS.iter().copied().chain(own);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A certificate with its key, good on the machine's clock and on those of the tests.
static CERTIFICATE: LazyLock<String> =
    LazyLock::new(|| made(&["shop.contoso.example"], datetime!(2026-01-01 0:00 UTC), 5000).pem());

const EXISTING: &str = "managed-identity.identity=id-demo";
const CREATED: &str = "managed-identity.identity=create";
const SECRET: &str = "key-vault-reference.secrets.DB_PASSWORD=db-password";
const ROLE: &str = concat!(
    r#"managed-identity.roles=[{"role":"Key Vault Secrets User","scope":"/subscriptions/11111111-1111-4111-8111-111111111111"#,
    r#"/resourceGroups/rg-demo/providers/Microsoft.KeyVault/vaults/kv-demo"}]"#
);
const STORE: &str = r#"dapr-integration.components=[{"name":"statestore","type":"state.redis","metadata":{"redisHost":"redis:6379","redisPassword":{"secretRef":"redis-password"}}},{"name":"nightly","type":"bindings.cron","metadata":{"schedule":"0 3 * * *"}}]"#;
const STORE_SECRET: &str =
    r#"dapr-integration.secrets={"statestore/redis-password":{"$env":"REDIS_PASSWORD"}}"#;
const BLOBS: &str = concat!(
    r#"dapr-integration.components=[{"name":"statestore","type":"state.azure.blobstorage","metadata":{"accountName":"stdemo","containerName":"state"},"identity":true,"#,
    r#""role":"Storage Blob Data Contributor","role_scope":"/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg-demo/providers/Microsoft.Storage/storageAccounts/stdemo"}]"#
);
const RESILIENCY: &str = r#"dapr-integration.resiliency_preview={"statestore":{"outbound":{"timeoutPolicy":{"responseTimeoutInSeconds":15}}}}"#;
const NEW_IMAGE: &str = "revision-validation.image=ghcr.io/acarecipe/python-demo:2.0";
const THUMBPRINT: &str = "mtls-client-certificates.thumbprints=0123456789ABCDEF0123456789ABCDEF01234567";

fn nothing(_: &mut State) {}

/// A change that the cases of recipes make by its name.
fn varied(state: &mut State, name: &str, with: &serde_json::Value) {
    let with = with.as_object().cloned().unwrap_or_default();
    edit::variant(name).unwrap().apply(state, &with).unwrap();
}

/// The key of a storage account is in a vault that the environment may read.
fn key_in_a_vault(state: &mut State) {
    let secret = json!({ "storage-key": [{ "version": "44444444444444444444444444444444", "value": "sandbox-stdemo-key-1", "enabled": true }] });
    edit::merge(state, "vaults[kv-demo].secrets", &secret).unwrap();
    varied(state, "environment-identity", &json!({ "identity": "system" }));
    let role = json!({ "role": "Key Vault Secrets User", "principal": "environment", "scope": "kv-demo" });
    varied(state, "role", &role);
}

/// An account that NFS works with, and a network.
fn files(state: &mut State) {
    varied(state, "file-account", &json!({ "name": "filesdemo", "secure_transfer": "off" }));
    varied(state, "vnet-environment", &json!({}));
}

/// The app pulls with a password that two entries use.
fn password(state: &mut State) {
    variant::plain_secret(state, "acr-password", "old");
    let registries = json!({ "registries": [
        { "server": "acrdemo.azurecr.io", "username": "acrdemo", "passwordSecretRef": "acr-password" },
        { "server": "ghcr.io", "username": "me", "passwordSecretRef": "acr-password" },
    ] });
    edit::merge(state, "apps[ca-demo].model.properties.configuration", &registries).unwrap();
}

/// A host name with a certificate that is soon over.
fn bound(state: &mut State) {
    varied(state, "certificate", &json!({ "name": "old", "subject": "shop.contoso.example", "days": 5 }));
    varied(state, "custom-domain", &json!({ "name": "shop.contoso.example", "certificate": "old" }));
}

/// The app asks people to sign in, by GitHub.
fn signed_in(state: &mut State) {
    varied(state, "auth-config", &json!({ "provider": "github" }));
}

/// The app has the secret already, with another value, and runs with it.
fn old_secret(state: &mut State) {
    let name = "microsoft-provider-authentication-secret";
    variant::plain_secret(state, name, "old");
    variant::variable(state, json!({ "name": "SIGN_IN", "secretRef": name }));
    let app = state.app_mut(seed::APP).unwrap();
    for revision in &mut app.revisions {
        revision.secrets.insert(name.to_owned(), "old".to_owned());
    }
}

/// A job that somebody made.
fn job(state: &mut State) {
    varied(state, "job", &json!({ "name": "job-demo" }));
}

/// A component of others that the app is not yet in.
fn component(state: &mut State) {
    varied(
        state,
        "dapr-component",
        &json!({ "name": "statestore", "type": "state.in-memory", "scopes": "ca-other" }),
    );
}

macro_rules! scenarios {
    ($({ $name:literal, [$($recipe:literal),+], [$($parameter:expr),* $(,)?] $(, $seed:path)? }),+ $(,)?) => {
        &[$(Scenario {
            name: $name,
            recipes: &[$($recipe),+],
            parameters: &[$($parameter),*],
            seed: { let seed: fn(&mut State) = nothing; $(let _ = seed; let seed: fn(&mut State) = $seed;)? seed },
        }),+]
    };
}

/// All of them; the recipe that it is about is the first word of a name.
pub const SCENARIOS: &[Scenario] = scenarios![
    { "managed-identity, system", ["managed-identity"], [] },
    { "managed-identity, created, with a role", ["managed-identity"], [CREATED, ROLE] },
    { "managed-identity, one that is there and the system's", ["managed-identity"], ["managed-identity.identity=id-demo,system"] },
    { "key-vault-reference, system", ["key-vault-reference"], [SECRET] },
    { "key-vault-reference, two variables of one version, an identity that is there", ["key-vault-reference"],
        [EXISTING, "key-vault-reference.secrets.OLD=db-password/0123456789abcdef0123456789abcdef",
         "key-vault-reference.secrets.DB_PASSWORD=db-password/0123456789abcdef0123456789abcdef"] },
    { "container-registry, system, with an image", ["container-registry"], ["container-registry.image=python-demo:2.0"] },
    { "container-registry, built from a folder", ["container-registry"],
        [EXISTING, "container-registry.build={recipes}/container-registry/app"] },
    { "container-registry, a password gives way", ["container-registry"], [EXISTING], password },
    { "custom-container, built from a folder", ["custom-container"], ["custom-container.context={recipes}/custom-container/app"] },
    { "custom-container, an image of elsewhere", ["custom-container"], ["custom-container.image=ghcr.io/acarecipe/python-demo:1.0"] },
    { "native-dependencies, built, tested and deployed", ["native-dependencies"],
        [EXISTING, "native-dependencies.context={recipes}/native-dependencies/app", "native-dependencies.deploy=true"] },
    { "azure-sql, system", ["azure-sql"], [] },
    { "azure-sql, an identity that is there", ["azure-sql"], [EXISTING] },
    { "cosmos-db, system", ["cosmos-db"], [] },
    { "cosmos-db, an identity that is there", ["cosmos-db"], [EXISTING] },
    { "redis, system, Azure Managed Redis", ["redis"], [] },
    { "redis, an identity that is there, Azure Cache for Redis", ["redis"], [EXISTING, "redis.redis_name=cache-demo"] },
    { "storage, system", ["storage"], [] },
    { "storage, an identity that is there, share and scratch space", ["storage"],
        [EXISTING, "storage.share_name=uploads", "storage.scratch_path=/tmp/work"] },
    { "bring-your-own-storage, by its key", ["bring-your-own-storage"], [] },
    { "bring-your-own-storage, the key from a vault", ["bring-your-own-storage"],
        ["bring-your-own-storage.key_vault_secret=https://kv-demo.vault.azure.net/secrets/storage-key"], key_in_a_vault },
    { "bring-your-own-storage, NFS", ["bring-your-own-storage"],
        ["bring-your-own-storage.storage_account=filesdemo", "bring-your-own-storage.protocol=nfs"], files },
    { "dapr-integration, components with a secret", ["dapr-integration"], [STORE, STORE_SECRET] },
    { "dapr-integration, a component with the app's identity and its role", ["dapr-integration"], [BLOBS] },
    { "dapr-integration, a component of others, with policies", ["dapr-integration"],
        [r#"dapr-integration.components=[{"name":"statestore","type":"state.in-memory"}]"#, RESILIENCY,
         "dapr-integration.replace=true"], component },
    { "easy-auth, Entra ID", ["easy-auth"], [] },
    { "easy-auth, a new secret restarts what uses it", ["easy-auth"], [], old_secret },
    { "easy-auth, an identity that is trusted", ["easy-auth"],
        [EXISTING, "easy-auth.federated_identity=true"] },
    { "easy-auth, Google beside GitHub", ["easy-auth"],
        ["easy-auth.provider=google", "easy-auth.client_id=123-abc.apps.googleusercontent.com",
         "easy-auth.client_secret=@env:CLIENT_SECRET"], signed_in },
    { "custom-domains, records and a managed certificate", ["custom-domains"], [] },
    { "custom-domains, a domain itself", ["custom-domains"], ["custom-domains.custom_domain=contoso.example"] },
    { "custom-domains, a certificate of one's own", ["custom-domains"],
        ["custom-domains.certificate=file", "custom-domains.certificate_file=@env:CERTIFICATE"] },
    { "custom-domains, another certificate was bound", ["custom-domains"], ["custom-domains.replace=true"], bound },
    { "mtls-client-certificates, required", ["mtls-client-certificates"],
        [THUMBPRINT, "mtls-client-certificates.client_cert=@{recipes}/mtls-client-certificates/tests/client.pem",
         "mtls-client-certificates.client_key=@{recipes}/mtls-client-certificates/tests/client.key"] },
    { "mtls-client-certificates, asked for", ["mtls-client-certificates"], ["mtls-client-certificates.mode=accept", THUMBPRINT] },
    { "jobs, a public image", ["jobs"], ["jobs.image=ghcr.io/acarecipe/sidecar:1.0"] },
    { "jobs, a private image, started", ["jobs"], ["jobs.image=python-job:1.0", "jobs.start=true"] },
    { "jobs, by messages, an identity that is there", ["jobs"], ["jobs.image=python-job:1.0", "jobs.trigger=Event", "jobs.identity=id-demo"] },
    { "jobs, one that is there is changed and started", ["jobs"],
        ["jobs.image=python-job:1.0", "jobs.timeout=900", "jobs.start=true"], job },
    { "revision-validation, a new image by steps", ["revision-validation"], [NEW_IMAGE] },
    { "revision-validation, a variable at once, and the old revision goes", ["revision-validation"],
        [r#"revision-validation.env={"FEATURE":"on"}"#, "revision-validation.weights=[100]", "revision-validation.keep_old=false"] },
    { "key-vault-reference and others, system", ["key-vault-reference", "container-registry", "cosmos-db", "storage", "redis"], [SECRET] },
];

/// Three recipes that write to the same app in turn, in some 300 requests: what only crashes go through.
pub const LONG: &[Scenario] = scenarios![
    { "key-vault-reference beside custom-domains and revision-validation, created", ["key-vault-reference", "custom-domains", "revision-validation"],
        [CREATED, SECRET] },
];
