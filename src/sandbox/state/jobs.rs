//! Jobs of Container Apps with what they have run, and the queues that start them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{AppIdentity, State, Table, elements, fold, last};

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id in its own spelling.
    pub id: String,
    /// What writes described: `location`, `tags` and `properties` with `environmentId`, `configuration`
    /// (secrets with their values) and `template`. Without identity and without anything read-only.
    pub model: Json,
    /// The identities it has.
    #[serde(default)]
    pub identity: AppIdentity,
    /// Values of the Key Vault references, by the job's name for them.
    #[serde(default)]
    pub fetched: BTreeMap<String, String>,
    /// `Succeeded`, `InProgress`, `Failed`, `Deleting`.
    pub provisioning_state: String,
    /// What it has run, oldest first.
    #[serde(default)]
    pub executions: Vec<Execution>,
    /// Until when its schedule was followed, or its queue last looked at.
    #[serde(with = "time::serde::rfc3339")]
    pub looked: OffsetDateTime,
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

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its name: the job's, and what tells it from others.
    pub name: String,
    /// What it runs.
    pub template: Json,
    /// When it was started.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub ends: OffsetDateTime,
    /// How.
    pub ending: Ending,
    /// The messages that started it, which a run that succeeds takes off the queue.
    #[serde(default)]
    pub messages: u64,
}

/// How an execution ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Its containers exit with 0.
    Succeeded,
    /// They do not, or were never started: why.
    Failed(String),
    /// Somebody stops it.
    Stopped,
}

impl Job {
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

    /// Whether `Manual`, `Schedule` or `Event` starts it.
    pub fn trigger(&self) -> &str {
        self.configuration()["triggerType"].as_str().unwrap_or_default()
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
}

impl Execution {
    /// Its status at `now`.
    pub fn status(&self, now: OffsetDateTime) -> &'static str {
        if now < self.ends {
            return "Running";
        }
        match self.ending {
            Ending::Succeeded => "Succeeded",
            Ending::Failed(_) => "Failed",
            Ending::Stopped => "Stopped",
        }
    }
}

/// A Service Bus namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceBus {
    /// Its id in its own spelling.
    pub id: String,
    /// Region.
    pub location: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// `Basic`, `Standard`, `Premium`.
    pub sku: String,
    /// `properties` as GET returns them.
    pub properties: Json,
    /// Queues by name.
    #[serde(default)]
    pub queues: BTreeMap<String, Queue>,
}

/// A queue of a namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// `properties` as GET returns them, without counts.
    pub properties: Json,
    /// How many messages wait in it.
    #[serde(default)]
    pub messages: u64,
}

impl ServiceBus {
    /// A namespace as one is when nothing is said about it, without queues.
    pub fn new(id: &str, location: &str) -> ServiceBus {
        ServiceBus {
            id: id.to_owned(),
            location: location.to_owned(),
            tags: Map::new(),
            sku: "Standard".to_owned(),
            properties: json!({
                "provisioningState": "Succeeded",
                "status": "Active",
                "serviceBusEndpoint": format!("https://{}.servicebus.windows.net:443/", last(id)),
                "disableLocalAuth": false,
                "publicNetworkAccess": "Enabled",
                "zoneRedundant": false,
            }),
            queues: BTreeMap::new(),
        }
    }

    /// The last part of the id.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// A queue as one is when nothing is said about it.
    pub fn queue() -> Queue {
        Queue {
            properties: json!({
                "status": "Active",
                "lockDuration": "PT1M",
                "maxDeliveryCount": 10,
                "maxSizeInMegabytes": 1024,
                "requiresSession": false,
                "requiresDuplicateDetection": false,
                "deadLetteringOnMessageExpiration": false,
            }),
            messages: 0,
        }
    }
}

impl State {
    /// The job named `name`, in whatever group.
    pub fn job(&self, name: &str) -> Option<&Job> {
        self.jobs.values().find(|job| job.name().eq_ignore_ascii_case(name))
    }

    /// The job named `name`, to be changed.
    pub fn job_mut(&mut self, name: &str) -> Option<&mut Job> {
        self.jobs.values_mut().find(|job| job.name().eq_ignore_ascii_case(name))
    }

    /// The Service Bus namespace named `name`: names of namespaces are unique in the world.
    pub fn service_bus(&self, name: &str) -> Option<&ServiceBus> {
        by_name(&self.service_buses, name)
    }

    /// The queue of a namespace, to be changed.
    pub fn queue_mut(&mut self, namespace: &str, queue: &str) -> Option<&mut Queue> {
        let mut all = self.service_buses.values_mut();
        let namespace = all.find(|one| one.name().eq_ignore_ascii_case(namespace))?;
        namespace.queues.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(queue)).map(|(_, queue)| queue)
    }

    /// Puts a namespace into the table.
    pub fn add_service_bus(&mut self, namespace: ServiceBus) {
        self.service_buses.insert(fold(&namespace.id), namespace);
    }
}

fn by_name<'a>(table: &'a Table<ServiceBus>, name: &str) -> Option<&'a ServiceBus> {
    table.values().find(|one| one.name().eq_ignore_ascii_case(name))
}
