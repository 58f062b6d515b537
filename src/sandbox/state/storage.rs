//! Storage accounts with what is in them, and the shares that environments know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{App, State, elements, fold, last, stamp};

/// A storage account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `StorageV2`, `FileStorage`, `BlockBlobStorage`, …
    pub kind: String,
    /// `Standard_LRS`, `Premium_LRS`, …
    pub sku: String,
    /// `properties` as GET returns them.
    pub properties: Json,
    /// The values of `key1` and `key2`.
    pub keys: [String; 2],
    /// Whether container apps reach it although its public endpoint refuses them: a private endpoint
    /// with its DNS records in the environment's network.
    #[serde(default)]
    pub private_for_apps: bool,
    /// Blob containers by name: their `properties`.
    #[serde(default)]
    pub containers: BTreeMap<String, Json>,
    /// File shares by name: their `properties`.
    #[serde(default)]
    pub shares: BTreeMap<String, Json>,
}

impl StorageAccount {
    /// A general-purpose account as one is when nothing is said about it, empty, made at `made`.
    pub fn new(id: &str, location: &str, made: OffsetDateTime) -> StorageAccount {
        let name = last(id);
        let endpoint = |service: &str| format!("https://{name}.{service}.core.windows.net/");
        StorageAccount {
            id: id.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            kind: "StorageV2".to_owned(),
            sku: "Standard_LRS".to_owned(),
            properties: json!({
                "provisioningState": "Succeeded",
                "creationTime": stamp(made),
                "primaryLocation": location,
                "statusOfPrimary": "available",
                "accessTier": "Hot",
                "supportsHttpsTrafficOnly": true,
                "minimumTlsVersion": "TLS1_2",
                "allowBlobPublicAccess": false,
                "allowSharedKeyAccess": true,
                "publicNetworkAccess": "Enabled",
                "networkAcls": {
                    "bypass": "AzureServices",
                    "defaultAction": "Allow",
                    "ipRules": [],
                    "virtualNetworkRules": [],
                },
                "primaryEndpoints": {
                    "blob": endpoint("blob"),
                    "file": endpoint("file"),
                    "queue": endpoint("queue"),
                    "table": endpoint("table"),
                    "dfs": endpoint("dfs"),
                },
            }),
            keys: [key(name, 1), key(name, 2)],
            private_for_apps: false,
            containers: BTreeMap::new(),
            shares: BTreeMap::new(),
        }
    }

    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// Whether it takes requests that are signed with its keys.
    pub fn shared_key(&self) -> bool {
        self.properties["allowSharedKeyAccess"] != json!(false)
    }

    /// Whether it is a premium account for files, the only kind with NFS shares.
    pub fn file_storage(&self) -> bool {
        self.kind.eq_ignore_ascii_case("FileStorage")
    }

    /// Whether a blob container or a share of it has this id (folded).
    pub fn has_part(&self, id: &str) -> bool {
        let part = |service: &str, kind: &str, parts: &BTreeMap<String, Json>| {
            parts.keys().any(|name| fold(&format!("{}/{service}/default/{kind}/{name}", self.id)) == id)
        };
        part("blobServices", "containers", &self.containers) || part("fileServices", "shares", &self.shares)
    }

    /// Makes both keys anew.
    pub fn rotate(&mut self) {
        for value in &mut self.keys {
            value.push_str("-rotated");
        }
    }

    /// The `properties` of a blob container as one is when nothing is said about it.
    pub fn container(made: OffsetDateTime) -> Json {
        json!({
            "publicAccess": "None",
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "lastModifiedTime": stamp(made),
            "hasImmutabilityPolicy": false,
            "hasLegalHold": false,
            "defaultEncryptionScope": "$account-encryption-key",
            "denyEncryptionScopeOverride": false,
        })
    }

    /// The `properties` of a file share with this quota (GiB) and protocol (`SMB`, `NFS`).
    pub fn share(&self, quota: u64, protocol: &str, made: OffsetDateTime) -> Json {
        let mut share = json!({
            "shareQuota": quota,
            "enabledProtocols": protocol,
            "leaseStatus": "Unlocked",
            "leaseState": "Available",
            "lastModifiedTime": stamp(made),
            "accessTier": if self.file_storage() { "Premium" } else { "TransactionOptimized" },
        });
        if protocol == "NFS" {
            share["rootSquash"] = json!("NoRootSquash");
        }
        share
    }
}

/// A key that cannot be taken for a real one.
fn key(account: &str, number: u8) -> String {
    format!("sandbox-{account}-key-{number}")
}

/// A share that an environment knows under a name, for its apps to mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentStorage {
    /// Its id in its own spelling.
    pub id: String,
    /// `properties` as GET returns them: without the key.
    pub properties: Json,
    /// The account key: as written, or as fetched from a vault.
    #[serde(default)]
    pub key: Option<String>,
    /// Once the key was changed: the apps that mounted it then (folded ids), which alone get the new
    /// one (microsoft/azure-container-apps#1406).
    #[serde(default)]
    pub key_reaches: Option<Vec<String>>,
}

impl EnvironmentStorage {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// The environment's id.
    pub fn environment(&self) -> &str {
        self.id.rsplit_once("/storages/").map_or("", |(environment, _)| environment)
    }
}

impl State {
    /// The account named `name`: account names are unique in the world.
    pub fn storage_account(&self, name: &str) -> Option<&StorageAccount> {
        self.storage_accounts.values().find(|account| account.name().eq_ignore_ascii_case(name))
    }

    /// The account named `name`, to be changed.
    pub fn storage_account_mut(&mut self, name: &str) -> Option<&mut StorageAccount> {
        self.storage_accounts.values_mut().find(|account| account.name().eq_ignore_ascii_case(name))
    }

    /// Puts an account into the table.
    pub fn add_storage_account(&mut self, account: StorageAccount) {
        self.storage_accounts.insert(fold(&account.id), account);
    }

    /// What the environment knows under `name`.
    pub fn environment_storage(&self, environment: &str, name: &str) -> Option<&EnvironmentStorage> {
        self.environment_storages.get(&fold(&format!("{environment}/storages/{name}")))
    }

    /// Puts a registration into the table.
    pub fn add_environment_storage(&mut self, storage: EnvironmentStorage) {
        self.environment_storages.insert(fold(&storage.id), storage);
    }

    /// The apps that name `storage` in a volume, of their template or of an active revision.
    pub fn mounting(&self, storage: &EnvironmentStorage) -> Vec<&App> {
        let environment = fold(storage.environment());
        let names_it = |template: &Json| {
            elements(&template["volumes"]).iter().any(|volume| {
                volume["storageName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(storage.name()))
            })
        };
        let active =
            |app: &App| app.revisions.iter().any(|revision| revision.active && names_it(&revision.template));
        self.apps
            .values()
            .filter(|app| {
                let own = app.model["properties"]["environmentId"].as_str().unwrap_or_default();
                fold(own) == environment && (names_it(app.template()) || active(app))
            })
            .collect()
    }
}
