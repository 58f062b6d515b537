//! Revisions: when one comes about, what becomes of it, and who gets the traffic.

use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::dapr::CRASHING;
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::registry::pull;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{Answers, App, Fate, Manifest, Pull, Revision, State, elements};

/// Adds a revision to its app.
pub(in crate::sandbox) fn add(app: &mut App, revision: Revision) {
    app.revisions.push(revision);
}

/// Lets revisions settle whose time has come; in Single mode the older ones give way to one that
/// is ready.
pub(in crate::sandbox) fn settle(app: &mut App, now: OffsetDateTime) {
    let position = |app: &App, name: &Option<String>| {
        name.as_ref().and_then(|name| app.revisions.iter().position(|revision| revision.name == *name))
    };
    let mut ready = position(app, &app.latest_ready);
    for (index, revision) in app.revisions.iter_mut().enumerate() {
        let hangs = matches!(revision.fate, Fate::Stuck | Fate::Mounting(_));
        if revision.settled || revision.settles > now || hangs {
            continue;
        }
        revision.settled = true;
        if revision.fate == Fate::Healthy && revision.active && ready.is_none_or(|ready| ready < index) {
            ready = Some(index);
        }
    }
    let Some(ready) = ready else { return };
    let single = !app.multiple();
    for (index, revision) in app.revisions.iter_mut().enumerate() {
        if index == ready {
            app.latest_ready = Some(revision.name.clone());
        } else if single && index < ready {
            revision.active = false;
        }
    }
}

/// Whether a write needs a new revision, and under which name.
pub(super) enum Need {
    /// The template is what the newest revision runs.
    None,
    /// A revision of this name.
    New(String),
}

/// Compares `template` with the newest revision's.
pub(super) fn need(
    state: &mut State,
    rules: &Switches,
    app_name: &str,
    app: Option<&App>,
    template: &Json,
) -> Result<Need, Refusal> {
    let suffix = |template: &Json| template["revisionSuffix"].as_str().map(str::to_owned);
    let wanted = suffix(template);
    if let Some(base) = app.and_then(App::latest).map(|revision| &revision.template)
        && without_suffix(base) == without_suffix(template)
    {
        let changed = match (suffix(base), &wanted) {
            (old, new) if old == *new => false,
            (_, Some(_)) => true,
            (_, None) => !rules.holds(Switch::SuffixRemovalNoRevision),
        };
        if !changed {
            return Ok(Need::None);
        }
    }
    let as_before = app.is_some_and(|app| app.template() == template && !app.revisions.is_empty());
    if as_before && !rules.holds(Switch::ResentTemplateRuns) {
        return Ok(Need::None);
    }
    let Some(suffix) = wanted else {
        return Ok(Need::New(made_up_name(state, app_name)));
    };
    let name = format!("{app_name}--{suffix}");
    if name.len() > 54 {
        return Err(Refusal::new(
            400,
            "ContainerAppInvalidRevisionName",
            format!(
                "Revision name has an invalid value '{suffix}'. The length of the revision name must not be more \
                 than a combined 54 characters with the container app name."
            ),
        ));
    }
    if app.is_some_and(|app| app.revision(&name).is_some()) {
        if !rules.holds(Switch::UsedSuffixRefused) {
            return Ok(Need::None);
        }
        return Err(invalid_field(
            "template.revisionsuffix",
            &format!("Invalid value: \"{suffix}\": revision with suffix {suffix} already exists."),
        ));
    }
    Ok(Need::New(name))
}

/// 400 for a value in the app's description that the service cannot use.
pub(in crate::sandbox) fn invalid_field(field: &str, details: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidParameterValueInContainerTemplate",
        format!(
            "The following field(s) are either invalid or missing. Field '{field}' is invalid with details: \
             '{details}';."
        ),
    )
}

fn without_suffix(template: &Json) -> Json {
    let mut template = template.clone();
    if let Some(members) = template.as_object_mut() {
        members.shift_remove("revisionSuffix");
    }
    template
}

/// The name of a revision for which none is asked.
pub(super) fn made_up_name(state: &mut State, app: &str) -> String {
    format!("{app}--{}", made_up_suffix(state))
}

/// Seven letters and digits, as the service makes them up; here the same in every run.
fn made_up_suffix(state: &mut State) -> String {
    let guid = state.new_guid("suffix");
    guid.chars().filter(char::is_ascii_alphanumeric).take(7).collect()
}

/// Why an image could not be pulled.
pub(super) struct PullFailure {
    /// The service's words.
    pub(super) message: String,
    /// Whether the service tries until the operation expires: when a registry does not let the app's
    /// identity in.
    pub(super) expires: bool,
}

/// A start of an app's template.
pub(super) struct Start<'a> {
    /// The app, with the identities it pulls with.
    pub(super) app: &'a App,
    /// What is run.
    pub(super) template: &'a Json,
    /// The entries in `registries` it is pulled with, as [`super::registries::credentials`] makes them.
    pub(super) entries: &'a [Json],
}

/// What becomes of a template that is started at `now`, or why its images cannot be pulled.
pub(super) fn fate(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    start: &Start<'_>,
) -> Result<Fate, PullFailure> {
    let (configuration, template) = (start.app.configuration(), start.template);
    let containers = elements(&template["containers"]);
    let every = || containers.iter().chain(elements(&template["initContainers"]));
    for container in every() {
        pullable(state, now, rules, start, container)?;
    }
    for container in every() {
        let mut names: Vec<&str> =
            elements(&container["env"]).iter().filter_map(|variable| variable["name"].as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Ok(Fate::Stuck);
        }
    }
    if let Some(fate) = super::volumes::hindered(state, rules, start.app, template) {
        return Ok(fate);
    }
    for container in every() {
        if let Some(reason) = runs(state, container).and_then(|image| image.crash) {
            let name = container["name"].as_str().unwrap_or_default();
            return Ok(Fate::Unhealthy(format!("1/1 Container crashing: {name}. {reason}")));
        }
    }
    let listening: Vec<u64> = containers
        .iter()
        .filter_map(|container| runs(state, container).and_then(|image| image.listens))
        .map(u64::from)
        .collect();
    if let Some(why) = super::dapr::crash(state, rules, start.app, &listening) {
        return Ok(Fate::Unhealthy(why));
    }
    Ok(match (wrong_port(configuration, containers, &listening), listening.first()) {
        (Some(port), Some(real)) => Fate::Unhealthy(format!(
            "The TargetPort {port} does not match the listening port {real}. Startup probe failed: dial tcp \
             :{port}: connect: connection refused"
        )),
        _ => Fate::Healthy,
    })
}

/// What the words of a revision begin with whose images could not be pulled when it was started again.
const BACK_OFF: &str = "1/1 Pending: ImagePullBackOff.";
/// And when its volumes could not be mounted then.
const FAILED_MOUNT: &str = "1/1 Pending: FailedMount.";

/// What becomes of the revision `name` when its replicas are started again at `now`, if that changes
/// anything: an image is pulled and shares are mounted at every start.
pub(super) fn started_again(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    app: &App,
    name: &str,
) -> Option<Fate> {
    let revision = app.revision(name)?;
    let own = super::registries::credentials(app);
    let entries = if rules.holds(Switch::CredentialsFrozen) { &revision.registries } else { &own };
    let start = Start { app, template: &revision.template, entries };
    match (fate(state, now, rules, &start), &revision.fate) {
        (Err(pull), _) => Some(Fate::Unhealthy(format!("{BACK_OFF} {}", pull.message))),
        (Ok(Fate::Mounting(why)), Fate::Mounting(_)) => Some(Fate::Mounting(why)),
        (Ok(Fate::Mounting(why)), _) => Some(Fate::Unhealthy(format!("{FAILED_MOUNT} {why}"))),
        (Ok(fate), Fate::Failed(_) | Fate::Mounting(_)) => Some(fate),
        (Ok(fate), Fate::Unhealthy(why))
            if [BACK_OFF, FAILED_MOUNT, CRASHING].iter().any(|words| why.starts_with(words)) =>
        {
            Some(fate)
        }
        (Ok(Fate::Unhealthy(why)), Fate::Healthy) if why.starts_with(CRASHING) => Some(Fate::Unhealthy(why)),
        (Ok(_), _) => None,
    }
}

/// Shares that could not be mounted are tried again and again: a revision that hangs for one starts as
/// soon as it can.
pub(in crate::sandbox) fn mount_again(state: &mut State, now: OffsetDateTime, rules: &Switches) {
    let mut started = Vec::new();
    for (key, app) in &state.apps {
        for (index, revision) in app.revisions.iter().enumerate() {
            if revision.settled || !matches!(revision.fate, Fate::Mounting(_)) {
                continue;
            }
            let start = Start { app, template: &revision.template, entries: &revision.registries };
            if let Ok(fate) = fate(state, now, rules, &start)
                && !matches!(fate, Fate::Mounting(_))
            {
                started.push((key.clone(), index, fate));
            }
        }
    }
    for (key, index, fate) in started {
        let revision = state.apps.get_mut(&key).and_then(|app| app.revisions.get_mut(index));
        if let Some(revision) = revision {
            revision.settles = revision.settles.max(now);
            revision.fate = fate;
        }
    }
}

/// The first probed port nobody listens on; with no port known to be listened on, none.
fn wrong_port(configuration: &Json, containers: &[Json], listening: &[u64]) -> Option<u64> {
    if listening.is_empty() {
        return None;
    }
    let explicit: Vec<u64> = containers
        .iter()
        .flat_map(|container| elements(&container["probes"]))
        .filter_map(|probe| probe["httpGet"]["port"].as_u64().or_else(|| probe["tcpSocket"]["port"].as_u64()))
        .collect();
    let target = configuration["ingress"]["targetPort"].as_u64();
    explicit.into_iter().chain(target).find(|port| !listening.contains(port))
}

/// After how many times [`crate::sandbox::Delays::revision`] a fate shows. A default startup probe
/// tries for 240 s, an explicit one was seen to fail after 45 s, against 15 s for all else.
pub(super) fn slowness(fate: &Fate, template: &Json) -> u32 {
    match fate {
        Fate::Unhealthy(reason) if reason.contains("TargetPort") => {
            let startup = elements(&template["containers"])
                .iter()
                .flat_map(|container| elements(&container["probes"]))
                .any(|probe| probe["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("Startup")));
            if startup { 3 } else { 16 }
        }
        _ => 1,
    }
}

/// What a container's image does, if that is known.
pub(in crate::sandbox) fn runs(state: &State, container: &Json) -> Option<Manifest> {
    let reference = container["image"].as_str()?;
    if let Some(image) = pull::Image::parse(reference)
        && let Some(registry) = state.registry_at(image.server)
    {
        return registry.find(image.repository, image.reference).map(|(_, manifest)| manifest.clone());
    }
    let image = state.images.get(reference)?;
    let (crash, answers) = (image.crash.clone(), image.answers.clone());
    Some(Manifest { listens: image.listens, crash, answers, ..Manifest::default() })
}

/// How the container that takes the app's requests is scripted: of those whose image says something the one
/// that listens on the target port, or else the first.
pub(in crate::sandbox) fn answers(state: &State, app: &App, revision: &Revision) -> Option<Answers> {
    if let Some(own) = &revision.answers {
        return Some(own.clone());
    }
    let target = app.configuration()["ingress"]["targetPort"].as_u64();
    let images: Vec<Manifest> = elements(&revision.template["containers"])
        .iter()
        .filter_map(|container| runs(state, container))
        .collect();
    let listening = images.iter().find(|image| image.listens.map(u64::from) == target && target.is_some());
    listening.or(images.first()).and_then(|image| image.answers.clone())
}

fn pullable(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    start: &Start<'_>,
    container: &Json,
) -> Result<(), PullFailure> {
    let reference = container["image"].as_str().unwrap_or_default();
    let image = pull::Image::parse(reference);
    let (why, expires) = match image.and_then(|image| state.registry_at(image.server).zip(Some(image))) {
        Some((registry, image)) => {
            let credentials = pull::Credentials { identity: &start.app.identity, entries: start.entries };
            match pull::by_app(state, now, rules, &credentials, registry, &image) {
                Ok(_) => return Ok(()),
                Err(refused) => (refused.told(start.app.name(), &image), refused.identity.is_some()),
            }
        }
        None => match elsewhere(state, start.entries, reference) {
            Some(why) => (why, false),
            None => return Ok(()),
        },
    };
    let name = container["name"].as_str().unwrap_or_default();
    let field = format!("template.containers.{name}.image");
    let refusal = invalid_field(&field, &format!("Invalid value: \"{reference}\": {why}"));
    Err(PullFailure { message: refusal.message, expires })
}

/// Why an image cannot be pulled from a registry that is not one of the sandbox's.
pub(in crate::sandbox) fn elsewhere(state: &State, entries: &[Json], reference: &str) -> Option<String> {
    let registry = reference.split('/').next().unwrap_or_default();
    let pull = match state.images.get(reference) {
        Some(image) => image.pull,
        None if registry.ends_with(".azurecr.io") => {
            let credentials = entries.iter().any(|entry| {
                entry["server"].as_str().is_some_and(|server| server.eq_ignore_ascii_case(registry))
            });
            if credentials { Pull::Works } else { Pull::Unauthorized }
        }
        None => Pull::Works,
    };
    let why = match pull {
        Pull::Works => return None,
        Pull::Unauthorized => "UNAUTHORIZED: authentication required",
        Pull::ManifestUnknown => "MANIFEST_UNKNOWN: manifest tagged by that reference is not found",
    };
    Some(format!("GET https://{registry}/v2/: {why}"))
}

/// The share of the app's traffic that goes to `revision`, in per cent.
pub(in crate::sandbox) fn weight(app: &App, revision: &Revision, rules: &Switches) -> u64 {
    let traffic = &app.configuration()["ingress"];
    if traffic.is_null() || !revision.active {
        return 0;
    }
    let newest = app.latest().map(|latest| latest.name.clone());
    let ready = app.latest_ready.clone().or_else(|| newest.clone());
    if !app.multiple() {
        return if ready.as_deref() == Some(&revision.name) { 100 } else { 0 };
    }
    let latest = if rules.holds(Switch::LatestWeightWaits) { ready } else { newest };
    elements(&traffic["traffic"])
        .iter()
        .filter(|entry| {
            if entry["latestRevision"] == json!(true) {
                latest.as_deref() == Some(&revision.name)
            } else {
                entry["revisionName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&revision.name))
            }
        })
        .filter_map(|entry| entry["weight"].as_u64())
        .sum()
}

/// How many replicas run at `now`: none when stopped or inactive; without a minimum none once the
/// cool-down (300 s unless set) after the start has passed.
pub(super) fn replicas(app: &App, revision: &Revision, now: OffsetDateTime) -> u64 {
    if app.stopped || !revision.active || matches!(revision.fate, Fate::Failed(_)) {
        return 0;
    }
    let scale = &revision.template["scale"];
    let minimum = scale["minReplicas"].as_u64().unwrap_or(0);
    let cooldown = Duration::from_secs(scale["cooldownPeriod"].as_u64().unwrap_or(300));
    if minimum == 0
        && revision.settled
        && revision.fate == Fate::Healthy
        && revision.started + cooldown <= now
    {
        return 0;
    }
    minimum.max(1)
}

/// The states of a revision as words: provisioning, health, running.
pub(super) fn words(
    app: &App,
    revision: &Revision,
    now: OffsetDateTime,
    rules: &Switches,
) -> (&'static str, &'static str, &'static str) {
    if revision.settled && matches!(revision.fate, Fate::Failed(_)) {
        return ("Failed", "Unhealthy", "Failed");
    }
    if !revision.active {
        return ("Deprovisioned", "None", "Stopped");
    }
    if app.stopped {
        return ("Provisioned", "None", "Stopped");
    }
    if !revision.settled {
        return ("Provisioning", "None", "Processing");
    }
    match revision.fate {
        Fate::Unhealthy(_) if rules.holds(Switch::CrashIsProvisioned) => {
            ("Provisioned", "Unhealthy", "Degraded")
        }
        Fate::Unhealthy(_) => ("Failed", "Unhealthy", "Degraded"),
        _ if replicas(app, revision, now) == 0 && !rules.holds(Switch::ZeroReplicasRunning) => {
            ("Provisioned", "Healthy", "ScaledToZero")
        }
        _ => ("Provisioned", "Healthy", "Running"),
    }
}

/// Why a revision is not well, once that shows.
pub(super) fn trouble(revision: &Revision) -> Option<&str> {
    match &revision.fate {
        Fate::Unhealthy(why) | Fate::Failed(why) if revision.settled => Some(why),
        _ => None,
    }
}

/// The secrets that templates in use refer to: the new template's and those of active revisions
/// (of inactive ones too when `inactive-frees-secret` is flipped).
pub(super) fn held_by_revisions(app: &App, rules: &Switches) -> Vec<String> {
    app.revisions
        .iter()
        .filter(|revision| revision.active || !rules.holds(Switch::InactiveFreesSecret))
        .flat_map(|revision| references(&revision.template))
        .map(|(_, secret)| secret)
        .collect()
}

/// Every secret a template refers to, with the name of what refers to it.
pub(super) fn references(template: &Json) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let containers = elements(&template["containers"]).iter().chain(elements(&template["initContainers"]));
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default();
        for variable in elements(&container["env"]) {
            note(&mut found, &format!("container '{name}'"), variable);
        }
    }
    for rule in elements(&template["scale"]["rules"]) {
        let name = rule["name"].as_str().unwrap_or_default();
        for kind in ["azureQueue", "custom", "http", "tcp"] {
            for auth in elements(&rule[kind]["auth"]) {
                note(&mut found, &format!("scale rule '{name}'"), auth);
            }
        }
    }
    for volume in elements(&template["volumes"]) {
        let name = volume["name"].as_str().unwrap_or_default();
        for secret in elements(&volume["secrets"]) {
            note(&mut found, &format!("volume '{name}'"), secret);
        }
    }
    found
}

fn note(found: &mut Vec<(String, String)>, by: &str, holder: &Json) {
    if let Some(secret) = holder["secretRef"].as_str().filter(|secret| !secret.is_empty()) {
        found.push((by.to_owned(), secret.to_owned()));
    }
}
