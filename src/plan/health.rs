//! Whether the app runs: its own state, and its newest revision's, with the reason when it does not.
//!
//! `Succeeded` on the app does not mean that a container started (Azure/azure-cli-extensions#6251), so
//! the revision decides. All words are open sets: an unknown one warns and lets the others decide.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::{Rollout, dapr, mount, pull, quote};
use crate::diagnostic::codes;
use crate::facts::Read;
use crate::value::{Data, Value};

const DOCS: &str = "https://learn.microsoft.com/azure/container-apps/troubleshooting";

/// How long a revision may be unhealthy before that is taken for its end. The default startup probe of
/// Container Apps gives a container 240 s (<https://learn.microsoft.com/azure/container-apps/health-probes>).
pub const UNHEALTHY: Duration = Duration::from_secs(5 * 60);

/// How the app is.
#[derive(Clone, Debug)]
pub struct Health {
    /// What the app and its revision say.
    pub state: State,
    /// The newest revision's name.
    pub revision: Option<String>,
    /// Its share of the traffic, in percent.
    pub traffic: Option<i64>,
    /// The app's and the revisions' findings.
    pub findings: Vec<Finding>,
    /// Whether a revision that is waited for is unhealthy for longer than its probes give it.
    pub overdue: bool,
}

/// Whether it is worth waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Provisioned and healthy, or scaled to zero.
    Ready,
    /// On its way; the text says where it is.
    Waiting(String),
    /// It will not get better by itself, or has not within its probes' time; the text says why.
    Failing(String),
    /// Stopped or suspended by somebody.
    Stopped(String),
    /// It could not be read.
    Unknown,
}

/// The health of the app as observed.
pub(super) fn health(engine: &Engine<'_>, rollout: Option<&Rollout>) -> Health {
    let mut health = of_newest(engine, rollout);
    // A run waits for the revision that comes of it; who only asks how the app is means what serves.
    if engine.request.selection.instances.is_empty() && health.revision.is_some() {
        of_others(engine, &mut health);
    }
    health
}

/// Adds the revisions beside the one that is judged that traffic goes to by name (only Multiple mode has them).
fn of_others(engine: &Engine<'_>, health: &mut Health) {
    let app = engine.app();
    let judged = health.revision.clone().unwrap_or_default();
    let shares = super::traffic::Traffic::of(&app).shares();
    let others = shares.into_iter().filter(|(name, share)| *share > 0 && !name.eq_ignore_ascii_case(&judged));
    for (name, share) in others.filter(|_| super::is_multiple(&app)) {
        let revision = engine.revision_named(&name);
        let state = if revision.is_unknown() {
            State::Unknown
        } else if revision.is_null() {
            State::Failing("it is not there".to_owned())
        } else {
            judge_revision(&revision)
        };
        health.overdue |= is_overdue(engine, &revision);
        let finding = revision_finding(engine, &name, &state, &revision, Some(i64::from(share)), &[]);
        let state = match state {
            State::Waiting(why) => State::Waiting(format!("revision {name}: {why}")),
            State::Failing(why) => State::Failing(format!("revision {name}: {why}")),
            State::Stopped(why) => State::Stopped(format!("revision {name}: {why}")),
            other => other,
        };
        health.findings.push(finding);
        health.state = worse(std::mem::replace(&mut health.state, State::Unknown), state);
    }
}

/// The worse of two states; the first, where they are alike.
fn worse(one: State, other: State) -> State {
    let rank = |state: &State| match state {
        State::Ready => 0,
        State::Unknown => 1,
        State::Waiting(_) => 2,
        State::Failing(_) => 3,
        State::Stopped(_) => 4,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

/// Whether a revision is unhealthy, and has been there for longer than its probes give it.
fn is_overdue(engine: &Engine<'_>, revision: &Value) -> bool {
    let created = revision.text_at(&["properties", "createdTime"]);
    let created = created.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let time = UNHEALTHY.max(startup_budget(revision));
    is_unhealthy(revision) && created.is_none_or(|created| engine.request.now - created > time)
}

/// The app's own health, and its newest revision's or that of a rollout.
fn of_newest(engine: &Engine<'_>, rollout: Option<&Rollout>) -> Health {
    let app = engine.app();
    let mut health =
        Health { state: State::Unknown, revision: None, traffic: None, findings: Vec::new(), overdue: false };
    if app.is_null() || app.is_unknown() {
        return health;
    }
    let (app_state, finding) = judge_app(engine, &app);
    health.findings.push(finding);
    // Where a rollout decides who serves, the newest revision may be one that was taken back.
    let candidate = rollout.filter(|one| one.candidate.as_ref().is_some_and(|candidate| candidate.exists));
    let candidate = candidate.and_then(Rollout::name);
    let judged = candidate
        .or(rollout.map(|rollout| rollout.serving.as_str()))
        .or(engine.serving().map(|serving| serving.name.as_str()));
    let newest = app.text_at(&["properties", "latestRevisionName"]);
    let Some(name) = judged.or(newest) else {
        health.findings.push(
            Finding::new(Status::CouldNotCheck, codes::REVISION_HEALTH, "revision")
                .detail("there is none yet"),
        );
        health.state = match app_state {
            State::Ready => State::Waiting("no revision yet".to_owned()),
            other => other,
        };
        return health;
    };
    health.revision = Some(name.to_owned());
    let target = engine.request.target;
    let id = target.app_id().child("revisions", name);
    let kind = "Microsoft.App/containerApps/revisions";
    let revision = engine.revision_named(name);
    if revision.is_unknown() || revision.is_null() {
        health.findings.push(
            Finding::new(Status::CouldNotCheck, codes::REVISION_HEALTH, format!("revision {name}"))
                .detail(if revision.is_null() { "not there" } else { "could not be read" }),
        );
        health.state = match app_state {
            State::Ready if revision.is_null() => State::Waiting("the revision is not there yet".to_owned()),
            State::Ready => State::Unknown,
            other => other,
        };
        return health;
    }
    // Without ingress there is no traffic to receive.
    let ingress =
        app.at(&["properties", "configuration", "ingress"]).is_some_and(|ingress| !ingress.is_null());
    let weight = revision.at(&["properties", "trafficWeight"]).filter(|_| ingress);
    health.traffic = weight.and_then(|weight| match &weight.data {
        Data::Number(number) => number.as_i64(),
        _ => None,
    });
    let multiple = super::is_multiple(&app);
    let mut state = judge_revision(&revision);
    health.overdue = is_overdue(engine, &revision);
    if multiple && revision.at(&["properties", "active"]).and_then(Value::as_bool) == Some(false) {
        // Somebody took it out of service and left another one serving.
        health.findings.push(
            Finding::new(Status::Warning, codes::REVISION_HEALTH, format!("revision {name}"))
                .detail("the newest revision is deactivated; the app's other revisions serve"),
        );
        health.state = app_state;
        return health;
    }
    if candidate.is_some() && health.traffic == Some(0) {
        // As it is meant to be, until it has been judged.
        health.traffic = None;
    }
    if state == State::Ready && health.traffic == Some(0) && !multiple {
        // In Single mode the newest revision takes over by itself.
        state = State::Waiting("it receives no traffic yet".to_owned());
    }
    // What does not get ready and mounts a share most likely waits for that.
    let mounts = match (&state, revision.at(&["properties", "template"])) {
        (State::Failing(_) | State::Waiting(_), Some(template)) => mount::mounted(engine, template),
        _ => Vec::new(),
    };
    if let State::Failing(reason) | State::Waiting(reason) = &state
        && (is_unhealthy(&revision) || !mounts.is_empty())
    {
        // Only now is it worth asking each replica why.
        let list = Read::many(
            &format!("{id}/replicas"),
            "Microsoft.App/containerApps/revisions/replicas",
            &engine.version(kind),
        );
        let replicas = engine.asked.value(&list);
        let told = replica_reason(&replicas);
        let reason = told.map_or_else(|| reason.clone(), |told| format!("{reason}: {told}"));
        state = match state {
            State::Failing(_) => State::Failing(reason),
            _ => State::Waiting(reason),
        };
    }
    if let State::Waiting(reason) = &mut state
        && is_provisioning(&revision)
    {
        for mount in &mounts {
            *reason = format!("{reason}; {}", mount.waiting());
        }
    }
    health.findings.push(revision_finding(engine, name, &state, &revision, health.traffic, &mounts));
    // An operation of the weights that failed says nothing of the candidate.
    let app_state = match app_state {
        State::Failing(_) if candidate.is_some() => State::Ready,
        other => other,
    };
    health.state = match (app_state, state) {
        (State::Stopped(why), _) => State::Stopped(why),
        (_, failing @ State::Failing(_)) | (failing @ State::Failing(_), _) => failing,
        (waiting @ State::Waiting(_), _) | (_, waiting @ State::Waiting(_)) => waiting,
        (_, other) => other,
    };
    health
}

/// The catalogue's baseline: `provisioningState` and `runningStatus`.
fn judge_app(engine: &Engine<'_>, app: &Value) -> (State, Finding) {
    let target = engine.request.target;
    let provisioning = app.text_at(&["properties", "provisioningState"]).unwrap_or("unknown");
    let running = app.text_at(&["properties", "runningStatus"]).unwrap_or("unknown");
    let name = format!("app {}", target.app);
    let seen = format!("provisioningState {provisioning}, runningStatus {running}");
    let finding = |status| Finding::new(status, codes::APP_HEALTH, name.clone()).detail(seen.clone());
    let start = format!(
        "az containerapp start --name {} --resource-group {}",
        quote(&target.app),
        quote(&target.resource_group)
    );
    match (provisioning, running) {
        ("Failed" | "Canceled", _) => {
            let why = app.text_at(&["properties", "deploymentErrors"]).map_or_else(
                || format!("its last operation ended {provisioning}"),
                crate::value::strip_control,
            );
            (State::Failing(why.clone()), finding(Status::Failed).detail(format!("{seen}: {why}")).docs(DOCS))
        }
        ("Deleting", _) => (State::Failing("it is being deleted".to_owned()), finding(Status::Failed)),
        (_, word @ ("Stopped" | "Suspended")) => {
            (State::Stopped(format!("the app is {word}")), finding(Status::Failed).fix(start))
        }
        ("InProgress" | "Updating" | "Creating", _) => {
            (State::Waiting("an operation is in progress".to_owned()), finding(Status::CouldNotCheck))
        }
        (_, "Progressing") => {
            (State::Waiting("the app is progressing".to_owned()), finding(Status::CouldNotCheck))
        }
        // Apps read with an older api-version carry no runningStatus; scaled-to-zero words vary.
        ("Succeeded", "Running" | "Ready" | "ScaledToZero" | "Scaled to 0" | "unknown") => {
            (State::Ready, finding(Status::Passed))
        }
        _ => (
            State::Ready,
            finding(Status::Warning)
                .detail(format!("{seen}: a word this version does not know; the revision decides")),
        ),
    }
}

/// The longest that a startup probe of an app's or a revision's own gives its container; the defaults of its figures are
/// those of Kubernetes.
pub fn startup_budget(app: &Value) -> Duration {
    let containers = app.at(&["properties", "template", "containers"]).and_then(Value::as_list);
    let probes = containers
        .unwrap_or_default()
        .iter()
        .filter_map(|container| container.get("probes").and_then(Value::as_list))
        .flatten()
        .filter(|probe| probe.text_at(&["type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("Startup")));
    let figure = |probe: &Value, name: &str, default: u64| match probe.get(name).map(|value| &value.data) {
        Some(Data::Number(number)) => number.as_u64().unwrap_or(default),
        _ => default,
    };
    let budget = |probe: &Value| {
        let tries = figure(probe, "failureThreshold", 3).saturating_mul(figure(probe, "periodSeconds", 10));
        Duration::from_secs(tries.saturating_add(figure(probe, "initialDelaySeconds", 0)).saturating_add(60))
    };
    probes.map(budget).max().unwrap_or_default()
}

fn is_provisioning(revision: &Value) -> bool {
    revision.text_at(&["properties", "provisioningState"]) == Some("Provisioning")
}

fn is_unhealthy(revision: &Value) -> bool {
    let state = |key| revision.text_at(&["properties", key]).unwrap_or_default();
    state("healthState") == "Unhealthy"
        || matches!(state("runningState"), "Degraded" | "Failed" | "Activation failed")
}

/// What one revision says of itself.
fn judge_revision(revision: &Value) -> State {
    let state = |key| revision.text_at(&["properties", key]).unwrap_or_default();
    let replicas = match revision.at(&["properties", "replicas"]).map(|value| &value.data) {
        Some(Data::Number(number)) => number.as_i64(),
        _ => None,
    };
    let detail = revision
        .text_at(&["properties", "provisioningError"])
        .or_else(|| revision.text_at(&["properties", "runningStateDetails"]))
        .map(crate::value::strip_control);
    let with = |text: &str| match &detail {
        Some(detail) => format!("{text}: {detail}"),
        None => text.to_owned(),
    };
    let inactive = revision.at(&["properties", "active"]).and_then(Value::as_bool) == Some(false);
    match (state("provisioningState"), state("healthState"), state("runningState")) {
        _ if inactive => State::Stopped("the revision is deactivated".to_owned()),
        ("Failed", _, _) => State::Failing(with("provisioning failed")),
        ("Deprovisioning" | "Deprovisioned", _, _) => {
            State::Stopped("the revision is deprovisioned".to_owned())
        }
        // Words for "scaled to zero" are not in the schema and vary (Microsoft Learn, revisions).
        (_, health, running) if health != "Unhealthy" && scaled_to_zero(running) => State::Ready,
        (_, _, running) if running.to_ascii_lowercase().contains("failed") => {
            State::Failing(with("it failed to run"))
        }
        (_, "Unhealthy", "Stopped") => State::Failing(with("it stopped")),
        (_, "Unhealthy", _) => State::Waiting(with("it is unhealthy")),
        ("Provisioning", _, _) => State::Waiting(with("it is being provisioned")),
        (_, _, "Degraded") => State::Waiting(with("it is degraded")),
        (_, _, "Processing" | "Activating") => State::Waiting(with("it is starting")),
        (_, _, "Stopped") if replicas != Some(0) => State::Stopped("the revision is stopped".to_owned()),
        // Healthy, or scaled to zero: then nothing runs that could have a health.
        (_, "Healthy", _) => State::Ready,
        _ if replicas == Some(0) => State::Ready,
        ("Provisioned", "None" | "", "Running" | "Unknown" | "") => {
            State::Waiting("its health is not known yet".to_owned())
        }
        ("Provisioned", _, "Running") => State::Ready,
        (provisioning, health, running) => State::Waiting(format!("{provisioning}, {health}, {running}")),
    }
}

fn scaled_to_zero(running: &str) -> bool {
    let word: String =
        running.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    matches!(word.as_str(), "scaledtozero" | "scaledto0")
}

/// The first reason that a replica or one of its containers gives.
fn replica_reason(replicas: &Value) -> Option<String> {
    let details = |value: &Value| value.text_at(&["runningStateDetails"]).map(crate::value::strip_control);
    replicas.as_list()?.iter().find_map(|replica| {
        let properties = replica.get("properties")?;
        let containers = ["initContainers", "containers"]
            .iter()
            .filter_map(|key| properties.get(key).and_then(Value::as_list))
            .flatten();
        let container = containers
            .filter(|container| container.get("ready").and_then(Value::as_bool) != Some(true))
            .find_map(|container| {
                let name = container.text_at(&["name"]).unwrap_or("container");
                details(container).map(|why| format!("container {name}: {why}"))
            });
        container.or_else(|| details(properties))
    })
}

fn revision_finding(
    engine: &Engine<'_>,
    name: &str,
    state: &State,
    revision: &Value,
    traffic: Option<i64>,
    mounts: &[mount::Mount],
) -> Finding {
    let title = format!("revision {name}");
    let words = |key| revision.text_at(&["properties", key]).unwrap_or("unknown");
    let seen = format!("{}, {}, {}", words("provisioningState"), words("healthState"), words("runningState"));
    match state {
        State::Ready => {
            let zero = revision
                .at(&["properties", "replicas"])
                .is_some_and(|value| value.to_json() == Some(0.into()));
            let scale = if zero { ", scaled to zero" } else { "" };
            let share = match traffic {
                Some(0) => {
                    let target = engine.request.target;
                    return Finding::new(Status::Warning, codes::REVISION_HEALTH, title)
                        .detail(format!("{seen}{scale}; it receives 0 % of the traffic: weights are pinned to other revisions"))
                        .fix(format!(
                            "az containerapp ingress traffic set --name {} --resource-group {} --revision-weight {}=100",
                            quote(&target.app),
                            quote(&target.resource_group),
                            quote(name)
                        ));
                }
                Some(share) => format!("; {share} % of the traffic"),
                None => String::new(),
            };
            Finding::passed(codes::REVISION_HEALTH, title).detail(format!("{seen}{scale}{share}"))
        }
        State::Waiting(why) if !is_unhealthy(revision) => {
            let finding = Finding::new(Status::CouldNotCheck, codes::REVISION_HEALTH, title)
                .detail(format!("{seen}: {why}"));
            match mounts.first().filter(|_| is_provisioning(revision)) {
                Some(mount) => {
                    let fix = mounts.iter().find_map(|mount| mount.fix.clone());
                    finding
                        .detail(format!("{seen}: {why} ({})", mount.look_at()))
                        .fix(fix.unwrap_or_else(|| system_log(engine, name)))
                        .docs(mount::DOCS)
                }
                None => finding,
            }
        }
        State::Waiting(why) | State::Failing(why) | State::Stopped(why) => {
            let status = match state {
                State::Waiting(_) => Status::CouldNotCheck,
                _ => Status::Failed,
            };
            let (cause, fix) = explain(why);
            let pull = pull::facts(engine).into_iter().find(|pull| pull.is_meant(why));
            let (causes, better) = match pull {
                Some(pull) => pull.causes(why, engine.request.now),
                None if dapr::is_meant(why) => dapr::causes(engine),
                None => Default::default(),
            };
            let causes = std::iter::once(cause.map(str::to_owned)).flatten().chain(causes);
            let causes = causes.collect::<Vec<_>>().join("; ");
            let finding = Finding::new(status, codes::REVISION_HEALTH, title)
                .detail(if causes.is_empty() {
                    format!("{seen}: {why}")
                } else {
                    format!("{why} ({causes})")
                })
                .docs(DOCS);
            match better.as_deref().or(fix) {
                Some(fix) => finding.fix(fix),
                None => finding.fix(system_log(engine, name)),
            }
        }
        State::Unknown => Finding::new(Status::CouldNotCheck, codes::REVISION_HEALTH, title),
    }
}

/// The command that shows what the platform logs of a revision.
fn system_log(engine: &Engine<'_>, revision: &str) -> String {
    format!(
        "az containerapp logs show --name {} --resource-group {} --revision {} --type system",
        quote(&engine.request.target.app),
        quote(&engine.request.target.resource_group),
        quote(revision)
    )
}

/// What the platform's words mean, and what mends it.
/// (<https://learn.microsoft.com/azure/container-apps/troubleshooting>, deployment-errors.)
pub fn explain(text: &str) -> (Option<&'static str>, Option<&'static str>) {
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if pull::not_there(text) {
        (
            Some("the image's tag or digest is not in the registry"),
            Some("check the image's name and tag; push it, then apply again"),
        )
    } else if pull::kept_out(text) {
        (
            Some("the registry's network rules keep the app out"),
            Some("give the environment's network a private endpoint of the registry, with its DNS records"),
        )
    } else if pull::failed(text) {
        // UNAUTHORIZED also masks a wrong tag.
        (
            Some(
                "the image cannot be pulled: the identity or credentials have no pull right, or the tag does not exist",
            ),
            Some("acarecipe apply container-registry, and check the image's name and tag"),
        )
    } else if has(&["mount error", "mount.nfs", "mountvolume", "failedmount"]) {
        (
            Some(
                "a share cannot be mounted: it is not there, the registered key is not one of the account's any more, or the network keeps the environment out (port 445, NFS 2049)",
            ),
            Some(
                "acarecipe apply bring-your-own-storage -p storage_name=NAME registers the share anew, with today's key",
            ),
        )
    } else if has(&["it mounts "]) {
        (
            Some(
                "a share that cannot be mounted keeps a revision in provisioning without an error: see whether it is there, whether the registered key is still one of the account's (a new key is taken up under a new storage name), and whether the environment reaches the account (port 445; NFS: 2049)",
            ),
            None,
        )
    } else if has(&["unable to fetch secret", "unable to get value using managed identity", "key vault"]) {
        (
            Some(
                "a Key Vault secret cannot be fetched: the role is missing or not in force yet, the vault's firewall is closed, or the secret is missing or disabled",
            ),
            Some(
                "az keyvault secret show --vault-name <vault> --name <secret>; check the role Key Vault Secrets User and the vault's networking",
            ),
        )
    } else if has(&["daprd"]) {
        (
            Some(
                "the Dapr sidecar ends soon after its start: a component that it loads cannot be initialised (a secret, a secret store, an address or a role is missing), or its app id is not valid",
            ),
            None,
        )
    } else if has(&["probe", "targetport", "target port", "connection refused"]) {
        (
            Some("a probe gets no answer: the app does not listen on the target port, or starts too slowly"),
            Some(
                "let the app listen on 0.0.0.0 at the ingress target port, or correct targetPort and the probes",
            ),
        )
    } else if has(&["crash", "exit code", "exited", "oomkilled", "containercrashing"]) {
        (Some("the container ends soon after its start"), None)
    } else {
        (None, None)
    }
}
