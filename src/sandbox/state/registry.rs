//! Container registries, what is in them, and who is at their door.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{State, Tasks, fold, last, stamp};

/// A container registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Registry {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `Basic`, `Standard`, `Premium`.
    pub sku: String,
    /// `properties` as GET returns them in the newest api-version; the answers of older ones leave
    /// out what those do not have.
    pub properties: Json,
    /// The admin user's two passwords; they count only while `adminUserEnabled`.
    pub passwords: [String; 2],
    /// Whether container apps reach it although its public endpoint refuses them: a private endpoint
    /// with its DNS records in the environment's network.
    #[serde(default)]
    pub private_for_apps: bool,
    /// Repositories by name.
    #[serde(default)]
    pub repositories: BTreeMap<String, Repository>,
    /// What it builds.
    #[serde(default)]
    pub tasks: Tasks,
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// Digests by tag.
    pub tags: BTreeMap<String, String>,
    /// What is stored, by digest (`sha256:…`).
    pub manifests: BTreeMap<String, Manifest>,
}

/// What happens when an image is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// The port it listens on; `None`: none that is known.
    pub listens: Option<u16>,
    /// Why the container ends at once, if it does.
    pub crash: Option<String>,
    /// What it answers over HTTP, where that is scripted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<super::Answers>,
    /// Whether it is an OCI index over images for several platforms, and not one image.
    pub index: bool,
}

impl Manifest {
    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        if self.index {
            "application/vnd.oci.image.index.v1+json"
        } else {
            "application/vnd.docker.distribution.manifest.v2+json"
        }
    }
}

impl Registry {
    /// A registry as one is when nothing is said about it, empty, made at `made`.
    pub fn new(id: &str, location: &str, made: OffsetDateTime) -> Registry {
        let name = last(id);
        Registry {
            id: id.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            sku: "Basic".to_owned(),
            properties: json!({
                "loginServer": format!("{}.azurecr.io", name.to_ascii_lowercase()),
                "creationDate": stamp(made),
                "provisioningState": "Succeeded",
                "adminUserEnabled": false,
                "networkRuleSet": { "defaultAction": "Allow", "ipRules": [] },
                "policies": {
                    "quarantinePolicy": { "status": "disabled" },
                    "trustPolicy": { "type": "Notary", "status": "disabled" },
                    "retentionPolicy": { "days": 7, "lastUpdatedTime": stamp(made), "status": "disabled" },
                    "exportPolicy": { "status": "enabled" },
                    "azureADAuthenticationAsArmPolicy": { "status": "enabled" },
                },
                "encryption": { "status": "disabled" },
                "dataEndpointEnabled": false,
                "dataEndpointHostNames": [],
                "privateEndpointConnections": [],
                "publicNetworkAccess": "Enabled",
                "networkRuleBypassOptions": "AzureServices",
                "networkRuleBypassAllowedForTasks": false,
                "zoneRedundancy": "Disabled",
                "anonymousPullEnabled": false,
                "roleAssignmentMode": "LegacyRegistryPermissions",
            }),
            passwords: [format!("sandbox-{name}-password-1"), format!("sandbox-{name}-password-2")],
            private_for_apps: false,
            repositories: BTreeMap::new(),
            tasks: Tasks::default(),
        }
    }

    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// The host of its own API: `NAME.azurecr.io`, or `NAME-LABEL.azurecr.io` for one that was made
    /// with a domain name label.
    pub fn login_server(&self) -> &str {
        self.properties["loginServer"].as_str().unwrap_or_default()
    }

    /// Whether data actions decide over its content, and not `registries/pull/read`.
    pub fn abac(&self) -> bool {
        is(&self.properties["roleAssignmentMode"], "AbacRepositoryPermissions")
    }

    /// Whether it takes Entra tokens for the audience of ARM, as container apps send them.
    pub fn takes_arm_tokens(&self) -> bool {
        !is(&self.properties["policies"]["azureADAuthenticationAsArmPolicy"]["status"], "disabled")
    }

    /// Whether the admin user may log in.
    pub fn admin_user(&self) -> bool {
        self.properties["adminUserEnabled"] == json!(true)
    }

    /// What is stored under a tag or a digest, with its digest.
    pub fn find(&self, repository: &str, reference: &str) -> Option<(&str, &Manifest)> {
        let repository = self.repositories.get(repository)?;
        let digest = repository.tags.get(reference).map_or(reference, String::as_str);
        repository.manifests.get_key_value(digest).map(|(digest, manifest)| (digest.as_str(), manifest))
    }

    /// Pushes what runs have made by `now`.
    pub fn settle_runs(&mut self, now: OffsetDateTime) {
        for run in &mut self.tasks.runs {
            if run.pushed || now < run.ends || run.end != "Succeeded" {
                continue;
            }
            run.pushed = true;
            for (repository, tag) in &run.images {
                let repository = self.repositories.entry(repository.clone()).or_default();
                repository.tags.insert(tag.clone(), run.digest.clone());
                let manifest = Manifest { listens: run.listens, ..Manifest::default() };
                repository.manifests.insert(run.digest.clone(), manifest);
            }
        }
    }

    /// Stores what `manifest` says under `tag`; returns its digest, which only depends on the names.
    pub fn push(&mut self, repository: &str, tag: &str, manifest: Manifest) -> String {
        let bytes = |half: &str| {
            let name = format!("{}/{repository}:{tag}/{half}", self.id);
            uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).simple().to_string()
        };
        let digest = format!("sha256:{}{}", bytes("first"), bytes("second"));
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        repository.tags.insert(tag.to_owned(), digest.clone());
        repository.manifests.insert(digest.clone(), manifest);
        digest
    }
}

fn is(value: &Json, word: &str) -> bool {
    value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(word))
}

impl State {
    /// The registry named `name`: registry names are unique in the world.
    pub fn registry(&self, name: &str) -> Option<&Registry> {
        self.registries.values().find(|registry| registry.name().eq_ignore_ascii_case(name))
    }

    /// The registry named `name`, to be changed.
    pub fn registry_mut(&mut self, name: &str) -> Option<&mut Registry> {
        self.registries.values_mut().find(|registry| registry.name().eq_ignore_ascii_case(name))
    }

    /// The registry whose own API has this host.
    pub fn registry_at(&self, host: &str) -> Option<&Registry> {
        self.registries.values().find(|registry| registry.login_server().eq_ignore_ascii_case(host))
    }

    /// Puts a registry into the table.
    pub fn add_registry(&mut self, registry: Registry) {
        self.registries.insert(fold(&registry.id), registry);
    }
}
