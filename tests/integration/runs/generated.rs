//! Arbitrary apps: everything a container app can carry that is not a recipe's.

use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::State;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value as Json, json};

use super::super::support::world::START;

/// An identity of others.
pub(super) const OTHER_IDENTITY: &str = "id-other";
/// A value that is in the vault too.
const FETCHED: &str = "sandbox-api-key";

/// An app to be put in place of the seeded one.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of an app that is there or not")]
pub(super) struct Generated {
    model: Json,
    system: bool,
    other_identity: bool,
    multiple: bool,
    failed: bool,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "[a-zäöü€😀\\\\\"\n\t]{0,6}", Just(String::new())]
}

/// Variables: plain, empty, referring to a secret; now and then one that the recipes want.
fn variables() -> impl Strategy<Value = Vec<Json>> {
    let name = prop_oneof![6 => "[A-Z_]{1,6}", 1 => Just("DB_PASSWORD".to_owned()), 1 => Just("AZURE_CLIENT_ID".to_owned())];
    let value = prop_oneof![
        4 => text().prop_map(|value| json!({ "value": value })),
        1 => Just(json!({ "value": "" })),
        2 => select(vec!["plain-0", "plain-1", "kept"]).prop_map(|secret| json!({ "secretRef": secret })),
    ];
    let shuffled =
        btree_map(name, value, 0..6).prop_map(|map| map.into_iter().collect::<Vec<_>>()).prop_shuffle();
    shuffled.prop_map(|list| {
        list.into_iter()
            .map(|(name, value)| {
                let mut variable = json!({ "name": name });
                variable.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
                variable
            })
            .collect()
    })
}

fn container(name: &'static str, image: &'static str) -> impl Strategy<Value = Json> {
    let probes = subsequence(
        vec![
            json!({ "type": "Liveness", "httpGet": { "path": "/live", "port": 8000, "httpHeaders": [{ "name": "X", "value": "1" }] }, "periodSeconds": 7 }),
            json!({ "type": "Readiness", "tcpSocket": { "port": 8000 } }),
        ],
        0..=2,
    );
    let mounts = subsequence(
        vec![
            json!({ "volumeName": "scratch", "mountPath": "/scratch" }),
            json!({ "volumeName": "scratch", "mountPath": "/again", "subPath": "a" }),
        ],
        0..=2,
    );
    (variables(), probes, mounts, any::<bool>()).prop_map(move |(env, probes, mounts, command)| {
        let mut container =
            json!({ "name": name, "image": image, "resources": { "cpu": 0.25, "memory": "0.5Gi" } });
        for (member, list) in [("env", env), ("probes", probes), ("volumeMounts", mounts)] {
            if !list.is_empty() {
                container[member] = Json::Array(list);
            }
        }
        if command {
            container["command"] = json!(["python", "-m", "app"]);
            container["args"] = json!(["--port", "8000", ""]);
        }
        container
    })
}

fn template() -> impl Strategy<Value = Json> {
    let containers = (
        container(seed::APP, seed::IMAGE),
        container("proxy", seed::IMAGE_SIDECAR),
        container("agent", seed::IMAGE_SIDECAR),
        1..=3usize,
    )
        .prop_map(|(own, proxy, agent, count)| {
            [own, proxy, agent].into_iter().take(count).collect::<Vec<_>>()
        })
        .prop_shuffle();
    let without_probes = container("migrate", seed::IMAGE_SIDECAR).prop_map(|mut container| {
        container.as_object_mut().unwrap().shift_remove("probes");
        container
    });
    let init = vec(without_probes, 0..=1);
    let rules = subsequence(
        vec![
            json!({ "name": "http", "http": { "metadata": { "concurrentRequests": "50" } } }),
            json!({ "name": "queue", "azureQueue": { "queueName": "q", "queueLength": 5, "auth": [{ "secretRef": "plain-0", "triggerParameter": "connection" }] } }),
        ],
        0..=2,
    );
    let suffix = prop::option::of(Just("v7"));
    (containers, init, rules, 0..=2u8, suffix).prop_map(|(containers, init, rules, replicas, suffix)| {
        let mut template = json!({
            "containers": containers,
            "scale": { "minReplicas": replicas, "maxReplicas": 5 },
            "volumes": [{ "name": "scratch", "storageType": "EmptyDir" }],
        });
        if !init.is_empty() {
            template["initContainers"] = Json::Array(init);
        }
        if !rules.is_empty() {
            template["scale"]["rules"] = Json::Array(rules);
        }
        if let Some(suffix) = suffix {
            template["revisionSuffix"] = json!(suffix);
        }
        template
    })
}

fn configuration() -> impl Strategy<Value = Json> {
    let registry = prop_oneof![
        Just(json!([])),
        Just(json!([{ "server": "demo.azurecr.io", "identity": seed::identity_id(seed::IDENTITY) }])),
        Just(json!([{ "server": "ghcr.io", "username": "bot", "passwordSecretRef": "plain-1" }])),
    ];
    let domains = prop_oneof![
        Just(json!(null)),
        Just(json!([{ "name": "www.example.com", "bindingType": "Disabled" }])),
    ];
    let dapr =
        prop_oneof![Just(json!(null)), Just(json!({ "enabled": true, "appId": "demo", "appPort": 8000 }))];
    let cors = prop_oneof![Just(json!(null)), Just(json!({ "allowedOrigins": ["*"], "maxAge": 60 }))];
    // Kept values: with capitals, blanks, nothing that a shell or JSON would keep by chance.
    (registry, domains, dapr, cors, text(), any::<bool>()).prop_map(|(registries, domains, dapr, cors, value, ingress)| {
        let mut configuration = json!({
            "activeRevisionsMode": "Single",
            "maxInactiveRevisions": 10,
            "secrets": [
                { "name": "plain-0", "value": format!("{value}.") },
                { "name": "kept", "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/api-key", "identity": seed::identity_id(seed::IDENTITY) },
                { "name": "plain-1", "value": "Own \"value\" 1" },
            ],
        });
        if ingress {
            configuration["ingress"] = json!({
                "external": true, "targetPort": 8000, "transport": "auto", "allowInsecure": false, "exposedPort": 0,
                "traffic": [{ "weight": 100, "latestRevision": true }],
                "stickySessions": { "affinity": "sticky" },
            });
            if !domains.is_null() {
                configuration["ingress"]["customDomains"] = domains;
            }
            if !cors.is_null() {
                configuration["ingress"]["corsPolicy"] = cors;
            }
        }
        if registries != json!([]) {
            configuration["registries"] = registries;
        }
        if !dapr.is_null() {
            configuration["dapr"] = dapr;
        }
        configuration
    })
}

/// Apps that run: what their templates refer to is there.
pub(super) fn apps() -> impl Strategy<Value = Generated> {
    let tags = btree_map("[a-z-]{1,8}", text(), 0..3);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    (template(), configuration(), tags, flags).prop_map(
        |(template, configuration, tags, (system, other_identity, multiple, failed))| {
            let tags: Map<String, Json> =
                tags.into_iter().map(|(name, value)| (name, json!(value))).collect();
            let model = json!({
                "location": seed::LOCATION,
                "tags": tags,
                "properties": {
                    "environmentId": seed::environment_id(),
                    "workloadProfileName": "Consumption",
                    "configuration": configuration,
                    "template": template,
                },
            });
            Generated { model, system, other_identity, multiple, failed }
        },
    )
}

impl Generated {
    /// The app as JSON that was never written: what fragments are merged with.
    pub(super) fn model(&self) -> &Json {
        &self.model
    }

    /// Puts it in place of the seeded app.
    pub(super) fn place(&self, state: &mut State) {
        let (principal, client) = state.new_principal(START);
        seed::add_identity(state, OTHER_IDENTITY, &principal, &client, START);
        let system = self.system.then(|| {
            let (principal_id, client_id) = state.new_principal(START);
            acarecipe::sandbox::state::SystemIdentity { principal_id, client_id }
        });
        let app = state.app_mut(seed::APP).unwrap();
        app.model = self.model.clone();
        app.identity.system = system;
        // The kept reference, and a registry, use the identity that is there.
        app.identity.user.push(seed::identity_id(seed::IDENTITY));
        if self.other_identity {
            app.identity.user.push(seed::identity_id(OTHER_IDENTITY));
        }
        app.fetched.insert("kept".to_owned(), FETCHED.to_owned());
        if let Some(suffix) = self.model["properties"]["template"]["revisionSuffix"].as_str() {
            let name = format!("{}--{suffix}", seed::APP);
            app.latest_ready = Some(name.clone());
            app.revisions.last_mut().unwrap().name = name;
        }
        let (template, secrets) = (app.template().clone(), app.secret_values());
        let newest = app.revisions.last_mut().unwrap();
        newest.template = template;
        newest.secrets = secrets;
        if self.multiple && !self.model["properties"]["configuration"]["ingress"].is_null() {
            variant::pinned(state, 40);
        }
        if self.failed {
            variant::failed(state);
        }
        let vault = seed::vault_id(seed::VAULT);
        let role = acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
        seed::assign_role(state, &vault, role, seed::IDENTITY_PRINCIPAL, START - time::Duration::DAY);
    }
}
