//! Executions: what starts them, and how they end.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::cron::Cron;
use crate::sandbox::callers;
use crate::sandbox::providers::app::{registries, revisions};
use crate::sandbox::providers::registry::pull;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{Ending, Execution, Job, State, elements, fold};
use crate::sandbox::{Delays, Options};

/// How many executions of a schedule or of events are remembered
/// (<https://learn.microsoft.com/azure/container-apps/jobs#job-execution-history>).
const REMEMBERED: usize = 100;
/// How many minutes of a schedule are followed at a time: more would be forgotten anyway.
const MINUTES: i64 = 1440;

/// Lets time do what it does to jobs: schedules and queues start executions, and one that ends well has taken its
/// messages.
pub(in crate::sandbox) fn advance(state: &mut State, now: OffsetDateTime, options: &Options) {
    let (delays, rules) = (&options.delays, &options.rules);
    let before = state.moment.unwrap_or(now);
    take_messages(state, before, now);
    let keys: Vec<String> = state.jobs.keys().cloned().collect();
    for key in keys {
        let Some(job) = state.jobs.get(&key).cloned() else { continue };
        let mut started = Vec::new();
        let mut looked = job.looked;
        match job.trigger() {
            "Schedule" => {
                for time in due(&job, now) {
                    let name = format!("{}-{}", job.name(), time.unix_timestamp() / 60);
                    started.push(execution(state, time, delays, rules, &job, name, None));
                }
                looked = now;
            }
            "Event" => {
                let interval = job.configuration()["eventTriggerConfig"]["scale"]["pollingInterval"]
                    .as_i64()
                    .unwrap_or(30);
                if now - job.looked >= time::Duration::seconds(interval) {
                    looked = now;
                    started = by_queue(state, now, delays, rules, &job);
                }
            }
            _ => looked = now,
        }
        // What a schedule started in the past may have ended by now.
        if let Some(job) = state.jobs.get_mut(&key) {
            job.looked = looked;
            job.executions.extend(started);
            if job.trigger() != "Manual" {
                let surplus = job.executions.len().saturating_sub(REMEMBERED);
                job.executions.drain(..surplus);
            }
        }
    }
}

/// Takes the messages of executions that ended well after `before` and by `now`.
fn take_messages(state: &mut State, before: OffsetDateTime, now: OffsetDateTime) {
    let mut taken: Vec<(String, String, u64)> = Vec::new();
    for job in state.jobs.values() {
        let Some((namespace, queue, _)) = watched(job) else { continue };
        let messages = job
            .executions
            .iter()
            .filter(|one| one.ending == Ending::Succeeded && one.ends > before && one.ends <= now)
            .map(|one| one.messages)
            .sum();
        taken.push((namespace.to_owned(), queue.to_owned(), messages));
    }
    for (namespace, queue, messages) in taken {
        if let Some(queue) = state.queue_mut(&namespace, &queue) {
            queue.messages = queue.messages.saturating_sub(messages);
        }
    }
}

/// The minutes since it was last looked for which the job's schedule holds.
fn due(job: &Job, now: OffsetDateTime) -> Vec<OffsetDateTime> {
    let text = job.configuration()["scheduleTriggerConfig"]["cronExpression"].as_str().unwrap_or_default();
    let Some(cron) = Cron::parse(text) else { return Vec::new() };
    let minute = |time: OffsetDateTime| time.unix_timestamp().div_euclid(60);
    let from = minute(job.looked).max(minute(now) - MINUTES);
    (from + 1..=minute(now))
        .filter_map(|minute| OffsetDateTime::from_unix_timestamp(minute * 60).ok())
        .filter(|time| cron.holds(*time))
        .collect()
}

/// The namespace and queue whose messages start the job, with the rule that says so.
fn watched(job: &Job) -> Option<(&str, &str, &Json)> {
    let rules = elements(&job.configuration()["eventTriggerConfig"]["scale"]["rules"]);
    let rule = rules.iter().find(|rule| rule["type"] == "azure-servicebus")?;
    Some((rule["metadata"]["namespace"].as_str()?, rule["metadata"]["queueName"].as_str()?, rule))
}

/// One execution for every so many messages that no other is at work on, as far as the rule's identity may look.
fn by_queue(
    state: &mut State,
    now: OffsetDateTime,
    delays: &Delays,
    rules: &Switches,
    job: &Job,
) -> Vec<Execution> {
    let Some((namespace, queue, rule)) = watched(job) else { return Vec::new() };
    let Some(bus) = state.service_bus(namespace) else { return Vec::new() };
    let Some(waiting) = bus.queues.get(queue).map(|queue| queue.messages) else { return Vec::new() };
    let scope = format!("{}/queues/{queue}", bus.id);
    let may = match rule["identity"].as_str() {
        Some(identity) => state
            .principal_of(&job.identity, identity)
            .is_some_and(|principal| may_look(state, now, rules, &principal, &scope)),
        None => bus.properties["disableLocalAuth"] != json!(true) && !elements(&rule["auth"]).is_empty(),
    };
    if !may {
        return Vec::new();
    }
    let scale = &job.configuration()["eventTriggerConfig"]["scale"];
    let each = rule["metadata"]["messageCount"]
        .as_str()
        .and_then(|count| count.parse::<u64>().ok())
        .unwrap_or(5)
        .max(1);
    let running: Vec<u64> =
        job.executions.iter().filter(|one| now < one.ends).map(|one| one.messages).collect();
    let most = scale["maxExecutions"].as_u64().unwrap_or(100).saturating_sub(running.len() as u64);
    let mut left = waiting.saturating_sub(running.iter().sum());
    let mut started = Vec::new();
    while left > 0 && (started.len() as u64) < most {
        let messages = left.min(each);
        left -= messages;
        let name = made_up_name(state, job);
        let mut one = execution(state, now, delays, rules, job, name, None);
        one.messages = messages;
        started.push(one);
    }
    started
}

/// Whether a principal may see how many messages wait in a queue.
fn may_look(state: &State, now: OffsetDateTime, rules: &Switches, principal: &str, queue: &str) -> bool {
    let action = if rules.holds(Switch::ReceiverMayScale) {
        "Microsoft.ServiceBus/namespaces/messages/receive/action"
    } else {
        "Microsoft.ServiceBus/namespaces/manage/action"
    };
    callers::roles_at(state, now, principal, queue).iter().any(|role| role.allows_data(action))
}

/// The job's name with seven letters and digits, as the service makes them up; here the same in every run.
pub(super) fn made_up_name(state: &mut State, job: &Job) -> String {
    let guid = state.new_guid("execution");
    let suffix: String = guid.chars().filter(char::is_ascii_alphanumeric).take(7).collect();
    format!("{}-{suffix}", job.name())
}

/// An execution that starts at `now`, of the job's template or of `instead`.
pub(super) fn execution(
    state: &State,
    now: OffsetDateTime,
    delays: &Delays,
    rules: &Switches,
    job: &Job,
    name: String,
    instead: Option<&Json>,
) -> Execution {
    let template = runs(instead.unwrap_or(job.template()));
    let (takes, ending) = fate(state, now, delays, rules, job, &template);
    Execution { name, template, started: now, ends: now + takes, ending, messages: 0 }
}

/// What an execution tells of a template: its containers, without probes and mounts.
fn runs(template: &Json) -> Json {
    let members = ["image", "name", "command", "args", "env", "resources"];
    let mut runs = Map::new();
    for list in ["containers", "initContainers"] {
        if !template[list].is_array() {
            continue;
        }
        let containers = elements(&template[list]).iter().map(|container| {
            let kept =
                members.iter().filter_map(|name| Some(((*name).to_owned(), container.get(*name)?.clone())));
            Json::Object(kept.collect())
        });
        runs.insert(list.to_owned(), containers.collect());
    }
    Json::Object(runs)
}

/// How long what is started at `now` runs, and how it ends.
fn fate(
    state: &State,
    now: OffsetDateTime,
    delays: &Delays,
    rules: &Switches,
    job: &Job,
    template: &Json,
) -> (Duration, Ending) {
    let configuration = job.configuration();
    let timeout = Duration::from_secs(configuration["replicaTimeout"].as_u64().unwrap_or_default());
    let tries =
        1 + u32::try_from(configuration["replicaRetryLimit"].as_u64().unwrap_or_default()).unwrap_or(0);
    let once = delays.revision;
    if let Err(why) = pullable(state, now, rules, job, template) {
        let takes = if rules.holds(Switch::JobPullTriedOn) { timeout } else { once };
        return (takes, Ending::Failed(why));
    }
    let every = || elements(&template["initContainers"]).iter().chain(elements(&template["containers"]));
    let mut forever = once > timeout;
    for container in every() {
        let Some(image) = revisions::runs(state, container) else { continue };
        if let Some(crash) = image.crash {
            return (once * tries, Ending::Failed(crash));
        }
        forever |= image.listens.is_some();
    }
    if !forever {
        return (once, Ending::Succeeded);
    }
    let times = if rules.holds(Switch::JobTimeoutIsFinal) { 1 } else { tries };
    (timeout * times, Ending::Failed("DeadlineExceeded: a replica ran longer than replicaTimeout".to_owned()))
}

/// Whether the images of a template can be pulled at `now`, or why not.
pub(super) fn pullable(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    job: &Job,
    template: &Json,
) -> Result<(), String> {
    let entries = registries::with_passwords(job.configuration(), &job.secret_values());
    let credentials = pull::Credentials { identity: &job.identity, entries: &entries };
    for container in elements(&template["containers"]).iter().chain(elements(&template["initContainers"])) {
        let reference = container["image"].as_str().unwrap_or_default();
        let image = pull::Image::parse(reference);
        match image.and_then(|image| state.registry_at(image.server).zip(Some(image))) {
            Some((registry, image)) => {
                pull::by_app(state, now, rules, &credentials, registry, &image)
                    .map_err(|refused| refused.told(job.name(), &image))?;
            }
            None => {
                if let Some(why) = revisions::elsewhere(state, &entries, reference) {
                    return Err(why);
                }
            }
        }
    }
    Ok(())
}

/// Stops what runs of a job: all of it, or the one named.
pub(super) fn stop(state: &mut State, now: OffsetDateTime, job: &str, only: Option<&str>) {
    let Some(job) = state.jobs.get_mut(&fold(job)) else { return };
    for one in &mut job.executions {
        if now < one.ends && only.is_none_or(|name| one.name.eq_ignore_ascii_case(name)) {
            one.ends = now;
            one.ending = Ending::Stopped;
        }
    }
}
