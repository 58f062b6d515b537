//! Jobs: what a write of one must satisfy, what starts it, and how its executions end.

use acarecipe::sandbox::roles::{ACR_PULL, SERVICE_BUS_OWNER, SERVICE_BUS_RECEIVER};
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::{START, World, path_of};

/// A job that is started by hand and runs an image of elsewhere.
pub(super) fn job() -> Json {
    json!({
        "location": seed::LOCATION,
        "properties": {
            "environmentId": seed::environment_id(),
            "configuration": {
                "triggerType": "Manual",
                "replicaTimeout": 600,
                "manualTriggerConfig": { "replicaCompletionCount": 1, "parallelism": 1 },
            },
            "template": { "containers": [{ "name": seed::JOB, "image": seed::IMAGE_SIDECAR }] },
        },
    })
}

/// The same with an image of the seeded registry, pulled by the seeded user-assigned identity.
pub(super) fn pulling(image: &str) -> Json {
    let id = seed::identity_id(seed::IDENTITY);
    let mut job = job();
    job["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { (&id): {} } });
    job["properties"]["configuration"]["registries"] =
        json!([{ "server": seed::login_server(seed::REGISTRY), "identity": id }]);
    job["properties"]["template"]["containers"][0]["image"] = json!(seed::image_in(seed::REGISTRY, image));
    job
}

/// The same started by the seeded queue, looked at by that identity.
pub(super) fn by_queue() -> Json {
    let id = seed::identity_id(seed::IDENTITY);
    let mut job = job();
    job["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": { (&id): {} } });
    let configuration = &mut job["properties"]["configuration"];
    configuration["triggerType"] = json!("Event");
    configuration["manualTriggerConfig"] = Json::Null;
    configuration["eventTriggerConfig"] = json!({ "scale": { "maxExecutions": 3, "rules": [{
        "name": "queue",
        "type": "azure-servicebus",
        "identity": id,
        "metadata": { "namespace": seed::SERVICE_BUS, "queueName": seed::QUEUE, "messageCount": "1" },
    }] } });
    job
}

/// Gives that identity a role, long in force.
pub(super) fn grant(state: &mut State, scope: &str, role: &str) {
    seed::assign_role(state, scope, role, seed::IDENTITY_PRINCIPAL, START - time::Duration::DAY);
}

fn path() -> String {
    seed::job_id(seed::JOB)
}

/// Makes the job, and waits until it is there.
#[track_caller]
pub(super) fn made(world: &World, body: &Json) -> Json {
    world.send("PUT", &path(), Some(body)).ok(201);
    world.pass(20);
    let job = world.get(&path()).ok(200);
    assert_eq!(job["properties"]["provisioningState"], "Succeeded", "{job:#}");
    job
}

/// Starts it; returns the execution's name.
#[track_caller]
fn started(world: &World, body: Option<&Json>) -> String {
    let got = world.send("POST", &format!("{}/start", path()), body);
    let location = path_of(got.header("location").unwrap()).to_owned();
    got.ok(202);
    assert_eq!(world.get(&location).status, 202, "not told yet");
    world.pass(5);
    let told = world.get(&location).ok(200);
    assert_eq!(told["id"], format!("{}/executions/{}", path(), told["name"].as_str().unwrap()));
    told["name"].as_str().unwrap().to_owned()
}

/// Names and statuses of what was run, the newest first.
#[track_caller]
pub(super) fn executions(world: &World) -> Vec<(String, String)> {
    let list = world.get(&format!("{}/executions", path())).ok(200);
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["name"]), text(&one["properties"]["status"])))
        .collect()
}

#[track_caller]
pub(super) fn status(world: &World, name: &str) -> Json {
    world.get(&format!("{}/executions/{name}", path())).ok(200)["properties"]["status"].clone()
}

/// What a client sees of the behaviour behind a switch.
pub(super) fn observe(name: &str, world: &World) -> Json {
    let start = || world.send("POST", &format!("{}/start", path()), None).status;
    match name {
        "job-start-accepted" => {
            made(world, &job());
            json!(start())
        }
        "job-start-location-only" => {
            made(world, &job());
            let answer = world.send("POST", &format!("{}/start", path()), None);
            json!(answer.header("azure-asyncoperation").is_some())
        }
        "job-image-unchecked" => {
            world.send("PUT", &path(), Some(&pulling("python-job:1.0"))).ok(201);
            world.pass(20);
            world.get(&path()).ok(200)["properties"]["provisioningState"].clone()
        }
        "job-pull-tried-on" => {
            made(world, &pulling("python-job:1.0"));
            start();
            world.pass(60);
            json!(executions(world)[0].1)
        }
        "job-timeout-is-final" => {
            let mut body = job();
            body["properties"]["configuration"]["replicaRetryLimit"] = json!(1);
            body["properties"]["template"]["containers"][0]["image"] = json!(seed::IMAGE);
            made(world, &body);
            start();
            world.pass(700);
            json!(executions(world)[0].1)
        }
        "job-trigger-changeable" => {
            made(world, &job());
            json!(world.send("PUT", &path(), Some(&scheduled())).status)
        }
        "job-other-trigger-refused" => {
            let mut body = job();
            body["properties"]["configuration"]["scheduleTriggerConfig"] =
                json!({ "cronExpression": "* * * * *" });
            json!(world.send("PUT", &path(), Some(&body)).status)
        }
        "receiver-may-scale" => {
            world.edit(|state| {
                grant(state, &seed::queue_id(seed::SERVICE_BUS, seed::QUEUE), SERVICE_BUS_RECEIVER);
                seed::jobs::messages(state, seed::SERVICE_BUS, seed::QUEUE, 1);
            });
            made(world, &by_queue());
            world.pass(30);
            json!(executions(world).len())
        }
        other => panic!("{other}"),
    }
}

/// A job that runs every minute.
fn scheduled() -> Json {
    let mut body = job();
    let configuration = &mut body["properties"]["configuration"];
    configuration["triggerType"] = json!("Schedule");
    configuration["manualTriggerConfig"] = Json::Null;
    configuration["scheduleTriggerConfig"] = json!({ "cronExpression": "* * * * *" });
    body
}

#[test]
fn a_job_is_made_changed_and_removed() {
    let world = World::new();
    let got = world.send("PUT", &path(), Some(&job()));
    let status = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
    let body = got.ok(201);
    assert_eq!(body["properties"]["provisioningState"], "InProgress");
    assert_eq!(world.get(&status).ok(200)["status"], "InProgress");
    let change = json!({ "properties": { "configuration": { "replicaRetryLimit": 2 } } });
    world.send("PATCH", &path(), Some(&change)).refused(409, "ContainerAppOperationInProgress");
    world.pass(20);
    assert_eq!(world.get(&status).ok(200)["status"], "Succeeded");
    // Written again it is as it is.
    world.send("PUT", &path(), Some(&job())).ok(200);
    let got = world.send("PATCH", &path(), Some(&change));
    let location = path_of(got.header("location").unwrap()).to_owned();
    got.ok(202);
    world.pass(20);
    let job = world.get(&location).ok(200);
    let configuration = &job["properties"]["configuration"];
    assert_eq!(configuration["replicaRetryLimit"], 2);
    assert_eq!(configuration["replicaTimeout"], 600, "what is not sent stays");
    // An array is replaced whole.
    let containers = json!({ "properties": { "template": { "containers": [
        { "name": "other", "image": seed::IMAGE_SIDECAR },
    ] } } });
    world.send("PATCH", &path(), Some(&containers)).ok(202);
    world.pass(20);
    let job = world.get(&path()).ok(200);
    assert_eq!(job["properties"]["template"]["containers"].as_array().unwrap().len(), 1);
    let jobs = format!("{}/providers/Microsoft.App/jobs", seed::group_id(seed::GROUP));
    assert_eq!(world.get(&jobs).ok(200)["value"].as_array().unwrap().len(), 1);
    let got = world.send("DELETE", &path(), None);
    let location = path_of(got.header("location").unwrap()).to_owned();
    got.ok(202);
    assert_eq!(world.get(&location).status, 202);
    world.pass(20);
    world.get(&path()).refused(404, "ResourceNotFound");
    assert_eq!(world.get(&location).status, 204);
    assert_eq!(world.send("DELETE", &path(), None).status, 204);
}

#[test]
fn secrets_are_named_and_told_only_by_their_own_action() {
    let world = World::new();
    let mut job = job();
    let configuration = &mut job["properties"]["configuration"];
    configuration["secrets"] = json!([{ "name": "token", "value": "hidden-token" }]);
    job["properties"]["template"]["containers"][0]["env"] =
        json!([{ "name": "TOKEN", "secretRef": "token" }]);
    let shown = made(&world, &job);
    assert_eq!(shown["properties"]["configuration"]["secrets"], json!([{ "name": "token" }]));
    assert!(!shown.to_string().contains("hidden-token"));
    let list = format!("{}/listSecrets", path());
    let told = world.send("POST", &list, None).ok(200);
    assert_eq!(told["value"], json!([{ "name": "token", "value": "hidden-token" }]));
    world.by("reader").send("POST", &list, None).refused(403, "AuthorizationFailed");
    // An entry without a value is refused, and so is a reference to nothing.
    let without = json!({ "properties": { "configuration": { "secrets": [{ "name": "token" }] } } });
    world.send("PATCH", &path(), Some(&without)).refused(400, "ContainerAppSecretInvalid");
    let none = json!({ "properties": { "configuration": { "secrets": [] } } });
    world.send("PATCH", &path(), Some(&none)).refused(400, "ContainerAppSecretRefNotFound");
}

#[test]
fn what_does_not_fit_is_refused() {
    let world = World::new();
    for (pointer, value, code, words) in [
        (
            "/properties/environmentId",
            json!(seed::environment_id().replace("cae", "cab")),
            "ManagedEnvironmentNotFound",
            "cab-demo",
        ),
        ("/properties/configuration/triggerType", json!("Hourly"), "", "Hourly"),
        ("/properties/configuration/triggerType", Json::Null, "", "trigger type is missing"),
        ("/properties/configuration/triggerType", json!("Schedule"), "", "manualTriggerConfig"),
        ("/properties/configuration/replicaTimeout", json!(0), "", "replicaTimeout"),
        ("/properties/configuration/replicaTimeout", Json::Null, "", "timeout is missing"),
        ("/properties/configuration/replicaRetryLimit", json!(-1), "", "replicaRetryLimit"),
        ("/properties/configuration/manualTriggerConfig/parallelism", json!(0), "", "parallelism"),
        ("/properties/template/containers", json!([]), "", "at least one container"),
        (
            "/properties/template/scale",
            json!({}),
            "ContainerAppsJobInvalidSchema",
            "properties.template.scale",
        ),
        ("/properties/configuration/ingress", json!({}), "ContainerAppsJobInvalidSchema", "ingress"),
        (
            "/properties/template/containers/0/environment",
            json!([]),
            "ContainerAppInvalidSchema",
            "environment",
        ),
        (
            "/properties/configuration/registries",
            json!([{ "server": "acrdemo.azurecr.io", "identity": "system" }]),
            "",
            "'system' is not assigned",
        ),
    ] {
        let mut body = job();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[member] = value;
        let got = world.send("PUT", &path(), Some(&body));
        let code = if code.is_empty() { "InvalidParameterValueInContainerTemplate" } else { code };
        assert!(got.message().contains(words), "{pointer}: {}", got.message());
        got.refused(400, code);
        world.get(&path()).refused(404, "ResourceNotFound");
    }
    for name in ["Job", "1job", "job-", "a", "a--b", "job_1", &"j".repeat(33)] {
        world.send("PUT", &seed::job_id(name), Some(&job())).refused(400, "ContainerAppInvalidName");
    }
    made(&world, &job());
    let elsewhere =
        json!({ "properties": { "environmentId": seed::environment_id().replace("cae", "cab") } });
    world.send("PATCH", &path(), Some(&elsewhere)).refused(400, "InvalidParameterValueInContainerTemplate");
}

#[test]
fn a_schedule_must_be_one_and_a_queue_needs_its_rule() {
    let world = World::new();
    for cron in ["", "* * * *", "61 * * * *", "@hourly"] {
        let mut body = job();
        let configuration = &mut body["properties"]["configuration"];
        configuration["triggerType"] = json!("Schedule");
        configuration["manualTriggerConfig"] = Json::Null;
        configuration["scheduleTriggerConfig"] = json!({ "cronExpression": cron });
        let got = world.send("PUT", &path(), Some(&body)).refused(400, "InvalidCronExpression");
        assert!(got.message().contains(&format!("'{cron}'")), "{}", got.message());
    }
    let scale = "/properties/configuration/eventTriggerConfig/scale";
    for (member, value, words) in [
        ("rules", json!([]), "at least one scale rule"),
        (
            "rules",
            json!([{ "name": "queue", "type": "azure-servicebus", "identity": "system" }]),
            "'system' is not assigned",
        ),
        ("minExecutions", json!(4), "minExecutions is more than maxExecutions"),
        ("pollingInterval", json!(0), "pollingInterval"),
    ] {
        let mut body = by_queue();
        body.pointer_mut(scale).unwrap()[member] = value;
        let got = world.send("PUT", &path(), Some(&body));
        assert!(got.message().contains(words), "{}", got.message());
        got.refused(400, "InvalidParameterValueInContainerTemplate");
    }
}

#[test]
fn an_execution_runs_to_its_end_and_carries_what_it_ran() {
    let world = World::new();
    let mut body = job();
    body["properties"]["template"]["containers"][0]["env"] = json!([{ "name": "A", "value": "1" }]);
    made(&world, &body);
    let name = started(&world, None);
    assert!(name.starts_with("job-demo-") && name.len() == "job-demo-".len() + 7, "{name}");
    assert_eq!(status(&world, &name), "Running");
    world.pass(15);
    let one = world.get(&format!("{}/executions/{name}", path())).ok(200);
    assert_eq!(one["properties"]["status"], "Succeeded");
    assert_eq!(one["properties"]["template"]["containers"][0]["env"], json!([{ "name": "A", "value": "1" }]));
    assert_eq!(one["properties"]["endTime"], "2026-11-02T09:00:35Z");
    // Another template for one execution leaves the job as it is.
    let before = world.get(&path()).ok(200);
    let instead = json!({ "containers": [{ "name": "once", "image": seed::IMAGE_CRASHING }] });
    let other = started(&world, Some(&instead));
    world.pass(15);
    assert_eq!(executions(&world), [(other, "Failed".to_owned()), (name, "Succeeded".to_owned())]);
    assert_eq!(world.get(&path()).ok(200), before);
    world.get(&format!("{}/executions/nope", path())).refused(404, "ResourceNotFound");
}

#[test]
fn an_execution_fails_for_a_reason_that_only_logs_tell() {
    // An image, the job's retries, and after how many seconds it is known to have failed.
    for (image, retries, after) in [
        ("crashing:1.0", 0, 15),
        ("crashing:1.0", 2, 45),
        // A server never ends, and so runs into the timeout.
        ("python-demo:1.0", 2, 600),
        ("python-job:none", 0, 600),
    ] {
        let world = World::new();
        world.edit(|state| grant(state, &seed::registry_id(seed::REGISTRY), ACR_PULL));
        let mut body = pulling(image);
        body["properties"]["configuration"]["replicaRetryLimit"] = json!(retries);
        made(&world, &body);
        let name = started(&world, None);
        world.pass(after - 5 - 1);
        assert_eq!(status(&world, &name), "Running", "{image}");
        world.pass(1);
        let one = world.get(&format!("{}/executions/{name}", path())).ok(200);
        assert_eq!(one["properties"]["status"], "Failed", "{image}");
        assert!(!one.to_string().contains("exit code"), "{one}");
    }
}

#[test]
fn an_execution_that_may_not_pull_fails_and_one_that_may_does_not() {
    let world = World::new();
    made(&world, &pulling("python-job:1.0"));
    let name = started(&world, None);
    // A role given now helps the next.
    world.edit(|state| grant(state, &seed::registry_id(seed::REGISTRY), ACR_PULL));
    world.pass(600);
    assert_eq!(status(&world, &name), "Failed");
    let name = started(&world, None);
    world.pass(15);
    assert_eq!(status(&world, &name), "Succeeded");
}

#[test]
fn what_runs_can_be_stopped() {
    let world = World::new();
    made(&world, &job());
    let (first, second) = (started(&world, None), started(&world, None));
    assert_eq!(world.send("POST", &format!("{}/executions/{first}/stop", path()), None).status, 200);
    assert_eq!((status(&world, &first), status(&world, &second)), (json!("Stopped"), json!("Running")));
    let rest = world.send("POST", &format!("{}/stop", path()), None).ok(200);
    assert_eq!(rest["value"].as_array().unwrap().len(), 2);
    world.pass(100);
    assert_eq!(status(&world, &second), "Stopped");
}

#[test]
fn a_schedule_starts_executions_by_the_clock() {
    let world = World::new();
    let mut body = job();
    let configuration = &mut body["properties"]["configuration"];
    configuration["triggerType"] = json!("Schedule");
    configuration["manualTriggerConfig"] = Json::Null;
    configuration["scheduleTriggerConfig"] = json!({ "cronExpression": "30 9-10 * * *" });
    made(&world, &body);
    assert_eq!(executions(&world), []);
    world.pass(2 * 3600);
    let minute = (START.unix_timestamp() + 30 * 60) / 60;
    let ran = |minute: i64| (format!("{}-{minute}", seed::JOB), "Succeeded".to_owned());
    assert_eq!(executions(&world), [ran(minute + 60), ran(minute)]);
    // By hand it can be started too.
    let name = started(&world, None);
    assert_eq!(executions(&world)[0].0, name);
}

#[test]
fn of_a_busy_schedule_the_newest_hundred_are_remembered() {
    let world = World::new();
    let mut body = job();
    let configuration = &mut body["properties"]["configuration"];
    configuration["triggerType"] = json!("Schedule");
    configuration["manualTriggerConfig"] = Json::Null;
    configuration["scheduleTriggerConfig"] = json!({ "cronExpression": "* * * * *" });
    made(&world, &body);
    world.pass(10 * 24 * 3600);
    let ran = executions(&world);
    assert_eq!(ran.len(), 100);
    let newest = (START.unix_timestamp() + 20 + 10 * 24 * 3600) / 60;
    assert_eq!(ran[0].0, format!("{}-{newest}", seed::JOB));
}

#[test]
fn messages_start_executions_for_those_who_may_see_them() {
    for (role, starts) in [(None, false), (Some(SERVICE_BUS_RECEIVER), true), (Some(SERVICE_BUS_OWNER), true)]
    {
        let world = World::new();
        if let Some(role) = role {
            world.edit(|state| grant(state, &seed::queue_id(seed::SERVICE_BUS, seed::QUEUE), role));
        }
        made(&world, &by_queue());
        world.edit(|state| seed::jobs::messages(state, seed::SERVICE_BUS, seed::QUEUE, 4));
        world.pass(30);
        let ran = executions(&world);
        assert_eq!(
            ran.len(),
            if starts { 3 } else { 0 },
            "{role:?}: one a message, as many as maxExecutions"
        );
        world.pass(60);
        let left = || {
            let queue = world.get(&seed::queue_id(seed::SERVICE_BUS, seed::QUEUE)).ok(200);
            queue["properties"]["messageCount"].clone()
        };
        let _ = left();
        world.pass(60);
        assert_eq!(left(), if starts { 0 } else { 4 }, "{role:?}");
        assert_eq!(executions(&world).len(), if starts { 4 } else { 0 });
    }
}

#[test]
fn a_message_whose_execution_fails_starts_another() {
    let world = World::new();
    world.edit(|state| {
        grant(state, &seed::queue_id(seed::SERVICE_BUS, seed::QUEUE), SERVICE_BUS_RECEIVER);
        seed::jobs::messages(state, seed::SERVICE_BUS, seed::QUEUE, 1);
    });
    let mut body = by_queue();
    body["properties"]["template"]["containers"][0]["image"] = json!(seed::IMAGE_CRASHING);
    made(&world, &body);
    for _ in 0..3 {
        world.pass(60);
        executions(&world);
    }
    let ran = executions(&world);
    assert!(ran.len() >= 2 && ran.iter().skip(1).all(|(_, status)| status == "Failed"), "{ran:?}");
}

#[test]
fn each_caller_does_what_it_may() {
    let world = World::new();
    for caller in ["reader", "app-scoped"] {
        world.by(caller).send("PUT", &path(), Some(&job())).refused(403, "AuthorizationFailed");
    }
    let by_contributor = world.by("contributor");
    by_contributor.send("PUT", &path(), Some(&job())).ok(201);
    world.pass(20);
    world.by("reader").send("POST", &format!("{}/start", path()), None).refused(403, "AuthorizationFailed");
    world.by("reader").get(&format!("{}/executions", path())).ok(200);
    world.by("app-scoped").get(&path()).refused(403, "AuthorizationFailed");
    world.by("group-scoped").send("POST", &format!("{}/start", path()), None).ok(202);
}

#[test]
fn namespaces_and_queues_are_read() {
    let world = World::new();
    let id = seed::service_bus_id(seed::SERVICE_BUS);
    let namespace = world.get(&id).ok(200);
    assert_eq!(namespace["properties"]["serviceBusEndpoint"], "https://sb-demo.servicebus.windows.net:443/");
    let list = |path: &str| world.get(path).ok(200)["value"].as_array().unwrap().len();
    assert_eq!(list(&format!("{}/providers/Microsoft.ServiceBus/namespaces", seed::subscription_id())), 1);
    assert_eq!(list(&format!("{id}/queues")), 1);
    assert_eq!(world.get(&format!("{id}/queues/Orders")).ok(200)["name"], "orders");
    world.get(&format!("{id}/queues/none")).refused(404, "MessagingGatewayNotFoundStatusCode");
    world.get(&seed::service_bus_id("sb-none")).refused(404, "ResourceNotFound");
    world.by("app-scoped").get(&id).refused(403, "AuthorizationFailed");
}
