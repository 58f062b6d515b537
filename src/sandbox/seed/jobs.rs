//! The Service Bus namespace that a fresh sandbox holds, an image for jobs, and the variants that tests start from.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::state::{AppIdentity, Ending, Execution, Job, Manifest, ServiceBus, State, fold};
use super::{ABAC_REGISTRY, GROUP, LOCATION, REGISTRY, environment_id, group_id};

/// The Service Bus namespace in the app's group.
pub const SERVICE_BUS: &str = "sb-demo";
/// Its queue, without messages.
pub const QUEUE: &str = "orders";
/// The job that recipes make: a fresh sandbox has none.
pub const JOB: &str = "job-demo";
/// The repository with an image that runs to its end: in `acrdemo` and `acrabac`, tag `1.0`.
pub const JOB_REPOSITORY: &str = "python-job";

/// The id of a job in the app's group.
pub fn job_id(name: &str) -> String {
    format!("{}/providers/Microsoft.App/jobs/{name}", group_id(GROUP))
}

/// The id of a Service Bus namespace in the app's group.
pub fn service_bus_id(name: &str) -> String {
    format!("{}/providers/Microsoft.ServiceBus/namespaces/{name}", group_id(GROUP))
}

/// The id of the queue.
pub fn queue_id(namespace: &str, queue: &str) -> String {
    format!("{}/queues/{queue}", service_bus_id(namespace))
}

/// Adds namespace and images.
pub(super) fn add(state: &mut State) {
    let mut namespace = ServiceBus::new(&service_bus_id(SERVICE_BUS), LOCATION);
    namespace.queues.insert(QUEUE.to_owned(), ServiceBus::queue());
    state.add_service_bus(namespace);
    for name in [REGISTRY, ABAC_REGISTRY] {
        if let Some(registry) = state.registry_mut(name) {
            registry.push(JOB_REPOSITORY, "1.0", Manifest::default());
        }
    }
}

/// A job of somebody's, started by hand, with a container `image` of the job's name, a sidecar, a secret and tags;
/// it looks as if it had always been so.
pub fn job(state: &mut State, name: &str, image: &str, made: OffsetDateTime) {
    let id = job_id(name);
    state.jobs.insert(
        fold(&id),
        Job {
            id,
            model: json!({
                "location": LOCATION,
                "tags": { "team": "night" },
                "properties": {
                    "environmentId": environment_id(),
                    "workloadProfileName": "Consumption",
                    "configuration": {
                        "secrets": [{ "name": "token", "value": "sandbox-job-token" }],
                        "triggerType": "Manual",
                        "replicaTimeout": 900,
                        "replicaRetryLimit": 3,
                        "manualTriggerConfig": { "replicaCompletionCount": 1, "parallelism": 1 },
                    },
                    "template": {
                        "containers": [
                            {
                                "name": "helper",
                                "image": "ghcr.io/acarecipe/sidecar:1.0",
                                "resources": { "cpu": 0.25, "memory": "0.5Gi" },
                            },
                            {
                                "name": name,
                                "image": image,
                                "env": [
                                    { "name": "LOG_LEVEL", "value": "info" },
                                    { "name": "TOKEN", "secretRef": "token" },
                                ],
                                "resources": { "cpu": 0.5, "memory": "1Gi" },
                            },
                        ],
                    },
                },
            }),
            identity: AppIdentity::default(),
            fetched: std::collections::BTreeMap::new(),
            provisioning_state: "Succeeded".to_owned(),
            executions: Vec::new(),
            looked: made,
            created: made,
            created_by: "owner@sandbox.example".to_owned(),
            modified: made,
            modified_by: "owner@sandbox.example".to_owned(),
        },
    );
}

/// An execution of a job's present template that ended as `status` says (`Succeeded`, `Failed`, `Stopped`), or is
/// `Running` still.
pub fn execution(state: &mut State, job: &str, name: &str, status: &str, made: OffsetDateTime) {
    let Some(job) = state.job_mut(job) else { return };
    let ending = match status {
        "Failed" => Ending::Failed("Container terminated with exit code 1".to_owned()),
        "Stopped" => Ending::Stopped,
        _ => Ending::Succeeded,
    };
    let lasts = if status == "Running" { time::Duration::DAY * 30 } else { time::Duration::MINUTE };
    let template = json!({ "containers": job.template()["containers"] });
    job.executions.push(Execution {
        name: name.to_owned(),
        template,
        started: made,
        ends: made + lasts,
        ending,
        messages: 0,
    });
}

/// So many messages in a queue.
pub fn messages(state: &mut State, namespace: &str, queue: &str, count: u64) {
    if let Some(queue) = state.queue_mut(namespace, queue) {
        queue.messages = count;
    }
}

/// A Service Bus namespace closed to the public.
pub fn service_bus_closed(state: &mut State, namespace: &str) {
    let mut all = state.service_buses.values_mut();
    if let Some(namespace) = all.find(|one| one.name().eq_ignore_ascii_case(namespace)) {
        namespace.properties["publicNetworkAccess"] = Json::String("Disabled".to_owned());
    }
}
