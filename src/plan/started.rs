//! What runs with an app secret, and whether it started before the secret got the value that it has.
//!
//! A changed secret restarts nothing, and replicas keep the old value until they are
//! (microsoft/azure-container-apps#691). Azure has no mark of the value that a replica started with, and none of when a
//! secret was last changed. There is only when the app was last written, whatever that changed, and when each replica
//! was created: a run that ended between a secret and its restart is told by these, and so is much that is harmless.
//! So it is told, and never restarted for; only the journal of a run that was interrupted there has it made up for
//! ([`super::Earlier`]).

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::{ResourcePlan, StepPlan, Target, is_multiple, quote};
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::value::{Path, Segment, Value, strip_control};

const REVISIONS: &str = "Microsoft.App/containerApps/revisions";

/// For each active revision that uses a secret that is in place: whether it may still run with an earlier one.
pub(super) fn findings(engine: &Engine<'_>, steps: &[StepPlan], resources: &[ResourcePlan]) -> Vec<Finding> {
    let secrets = in_place(engine, steps);
    if secrets.is_empty() {
        return Vec::new();
    }
    let app = engine.app_as_read();
    let written = time_at(&app, &["systemData", "lastModifiedAt"]);
    let active = active(engine, &app);
    active.iter().filter_map(|revision| finding(engine, revision, &secrets, resources, written)).collect()
}

fn finding(
    engine: &Engine<'_>,
    revision: &Value,
    secrets: &[(&str, &str)],
    resources: &[ResourcePlan],
    written: Option<OffsetDateTime>,
) -> Option<Finding> {
    let name = revision.text_at(&["name"])?;
    let template = revision.at(&["properties", "template"]).and_then(Value::to_json).unwrap_or_default();
    let used: Vec<&(&str, &str)> = secrets
        .iter()
        .filter(|(secret, _)| uses(&template, secret) || signed_in_before(resources, secret, written))
        .collect();
    let (_, instance) = used.first()?;
    let target = engine.request.target;
    let why = match engine.asked.ask(&replicas(engine, name))? {
        Fact::Found(replicas) => {
            let replicas = replicas.as_list().unwrap_or_default();
            let older = |replica| {
                let created = time_at(replica, &["properties", "createdTime"]);
                created.zip(written).map(|(created, written)| created < written)
            };
            let ages: Vec<Option<bool>> = replicas.iter().map(older).collect();
            if ages.contains(&Some(true)) {
                "it has replicas that are older than the app's last write".to_owned()
            } else if ages.contains(&None) {
                "whether its replicas are older than the app's last write is not told".to_owned()
            } else {
                return None;
            }
        }
        Fact::Absent { .. } => return None,
        Fact::Refused { message } | Fact::Failed { message, .. } => {
            format!("its replicas could not be read: {}", strip_control(message))
        }
    };
    let names: Vec<&str> = used.iter().map(|(secret, _)| *secret).collect();
    let what = if names.len() == 1 { "secret" } else { "secrets" };
    let title = format!("revision {name} runs with the present value of the {what} {}", names.join(", "));
    let finding = Finding::new(Status::CouldNotCheck, codes::DESIRED_STATE, title)
        .detail(format!(
            "{why}; if that write changed the {what}, they keep the earlier value until restarted"
        ))
        .fix(restart_command(target, name))
        .docs("https://learn.microsoft.com/azure/container-apps/manage-secrets");
    Some(finding.of(*instance))
}

/// Whether every replica of every active revision is as young as the app's last write, and so has the values that its
/// secrets have. What cannot be told is older.
pub(super) fn none_older(engine: &Engine<'_>) -> bool {
    let app = engine.app_as_read();
    let Some(written) = time_at(&app, &["systemData", "lastModifiedAt"]) else { return false };
    let young = |replica: &Value| {
        time_at(replica, &["properties", "createdTime"]).is_some_and(|created| created >= written)
    };
    let none = |revision: &Value| {
        let name = revision.text_at(&["name"]);
        match name.and_then(|name| engine.asked.ask(&replicas(engine, name))) {
            Some(Fact::Found(replicas)) => replicas.as_list().is_some_and(|all| all.iter().all(young)),
            Some(Fact::Absent { .. }) => true,
            _ => false,
        }
    };
    let active = active(engine, &app);
    !active.is_empty() && active.iter().all(none)
}

fn replicas(engine: &Engine<'_>, revision: &str) -> Read {
    let list = format!("{}/replicas", engine.request.target.app_id().child("revisions", revision));
    Read::many(&list, "Microsoft.App/containerApps/revisions/replicas", &engine.version(REVISIONS))
}

/// The name of the app's secret that a path leads into: its value, or where in a vault that is and who reads it.
pub(super) fn secret_of(path: &Path) -> Option<&str> {
    match path.0.as_slice() {
        [
            Segment::Key(above),
            Segment::Key(part),
            Segment::Key(list),
            Segment::Element(name),
            Segment::Key(_),
        ] if above == "properties" && part == "configuration" && list == "secrets" => Some(name),
        _ => None,
    }
}

fn ends_in_value(path: &Path) -> bool {
    matches!(path.0.last(), Some(Segment::Key(member)) if member == "value")
}

/// The app's secrets that are in place and were before the run, each with the instance that owns it. What this
/// run wrote it has restarted. References count only where an earlier run is known to have written them: any other write of the
/// app, too, makes replicas look old, and who has no secret of its own in the app is not to be told so each time.
fn in_place<'s>(engine: &Engine<'_>, steps: &'s [StepPlan]) -> Vec<(&'s str, &'s str)> {
    let app = engine.request.target.app_id();
    let mut all: Vec<(&str, &str)> = Vec::new();
    let ours = |step: &&StepPlan| {
        step.outcome.resource.as_ref() == Some(&app)
            && step.kept.is_none()
            && !engine.request.so_far.wrote.contains(&step.key)
    };
    let mut changing: Vec<&str> = Vec::new();
    for step in steps.iter().filter(ours) {
        for owned in &step.outcome.owned {
            let Some(name) = secret_of(&owned.path) else { continue };
            if !owned.in_place {
                changing.push(name);
            } else if (ends_in_value(&owned.path) || engine.request.so_far.earlier.secrets.contains(name))
                && all.iter().all(|(have, _)| *have != name)
            {
                all.push((name, &step.instance));
            }
        }
    }
    all.retain(|(name, _)| !changing.contains(name));
    all
}

/// The revisions that may have replicas.
fn active(engine: &Engine<'_>, app: &Value) -> Vec<Value> {
    let is_active =
        |revision: &Value| revision.at(&["properties", "active"]).and_then(Value::as_bool) != Some(false);
    if is_multiple(app) {
        let path = format!("{}/revisions", engine.request.target.app_id());
        let all = engine.asked.value(&Read::many(&path, REVISIONS, &engine.version(REVISIONS)));
        return all.as_list().unwrap_or_default().iter().filter(|one| is_active(one)).cloned().collect();
    }
    // One serves: the newest, or the last that was ready, which are read anyway.
    let mut names: Vec<&str> = ["latestRevisionName", "latestReadyRevisionName"]
        .iter()
        .filter_map(|property| app.text_at(&["properties", property]))
        .collect();
    names.dedup();
    names.into_iter().map(|name| engine.revision_named(name)).filter(is_active).collect()
}

fn time_at(value: &Value, keys: &[&str]) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.text_at(keys)?, &Rfc3339).ok()
}

/// The command that restarts a revision by hand.
pub fn restart_command(target: &Target, revision: &str) -> String {
    format!(
        "az containerapp revision restart --resource-group {} --name {} --revision {revision}",
        quote(&target.resource_group),
        quote(&target.app)
    )
}

/// Whether the app's authentication, as the run leaves it, reads an app secret. It runs beside every replica
/// (<https://learn.microsoft.com/azure/container-apps/authentication>); that it takes up a changed value by itself is
/// said nowhere, and replicas do not.
pub fn signs_in(resources: &[ResourcePlan], secret: &str) -> bool {
    resources
        .iter()
        .filter(|resource| resource.kind.name == "Microsoft.App/containerApps/authConfigs")
        .filter_map(|resource| resource.merged.get("properties"))
        .any(|properties| names(properties, secret))
}

/// Whether the app's authentication, as it is, reads an app secret and may have before that was last written. One that
/// was set up after the app's last write has had no other value to begin with. That Azure tells when a config was
/// created stands in the schemas and in none of its examples; where it does not, it may be older.
fn signed_in_before(resources: &[ResourcePlan], secret: &str, written: Option<OffsetDateTime>) -> bool {
    let reads = |config: &&ResourcePlan| {
        config.live.get("properties").is_some_and(|properties| names(properties, secret))
    };
    let created = |config: &ResourcePlan| time_at(&config.live, &["systemData", "createdAt"]);
    resources
        .iter()
        .filter(|resource| resource.kind.name == "Microsoft.App/containerApps/authConfigs")
        .filter(reads)
        .any(|config| created(config).zip(written).is_none_or(|(created, written)| created < written))
}

/// Whether a member that holds the name of a secret (`clientSecretSettingName`) names this one.
fn names(value: &Value, secret: &str) -> bool {
    let holds = |key: &str| key.ends_with("SettingName") || key.ends_with("SecretName");
    value
        .as_map()
        .into_iter()
        .flatten()
        .any(|(key, member)| (holds(key) && member.as_str() == Some(secret)) || names(member, secret))
}

/// Whether a template uses an app secret: by `secretRef` (variables, scale rules, volumes), or by a
/// volume of type Secret that lists none and so mounts all
/// (<https://learn.microsoft.com/azure/container-apps/manage-secrets>).
pub fn uses(template: &Json, secret: &str) -> bool {
    match template {
        Json::Object(members) => {
            let all = members.get("storageType").and_then(Json::as_str) == Some("Secret")
                && members.get("secrets").and_then(Json::as_array).is_none_or(Vec::is_empty);
            let named = members.get("secretRef").and_then(Json::as_str);
            all || named.is_some_and(|named| named.eq_ignore_ascii_case(secret))
                || members.values().any(|value| uses(value, secret))
        }
        Json::Array(elements) => elements.iter().any(|value| uses(value, secret)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::uses;

    #[test]
    fn a_template_uses_a_secret_by_reference_or_by_a_volume_of_all() {
        for (template, used) in [
            (json!({ "containers": [{ "env": [{ "name": "A", "secretRef": "key" }] }] }), true),
            (json!({ "containers": [{ "env": [{ "name": "A", "secretRef": "keys" }] }] }), false),
            (json!({ "containers": [{ "env": [{ "name": "A", "value": "key" }] }] }), false),
            (json!({ "scale": { "rules": [{ "custom": { "auth": [{ "secretRef": "key" }] } }] } }), true),
            (json!({ "volumes": [{ "name": "v", "storageType": "Secret" }] }), true),
            (
                json!({ "volumes": [{ "storageType": "Secret", "secrets": [{ "secretRef": "other" }] }] }),
                false,
            ),
            (json!({ "volumes": [{ "storageType": "EmptyDir" }] }), false),
        ] {
            assert_eq!(uses(&template, "key"), used, "{template}");
        }
    }
}
