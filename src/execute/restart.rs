//! Restarts after a write that changed only secrets: replicas keep the old value until then
//! (microsoft/azure-container-apps#691).

use serde_json::Value as Json;

use super::repeat::{TRIES, backoff, may_pass};
use super::send::{Tried, version_of};
use super::write::Context;
use super::{Event, Executor, Failure, WriteRecord};
use crate::azure::{ArmRequest, Method};
use crate::diagnostic::Diagnostic;
use crate::plan::{Plan, Target, Write};
use crate::value::{Segment, Value};

impl Executor {
    /// Restarts the active revisions that use a secret which `write` changed.
    pub(super) async fn restart(
        &self,
        context: &Context<'_>,
        plan: &Plan,
        write: &Write,
    ) -> Result<(), Failure> {
        let id = context.target.app_id();
        let version = version_of(plan, write);
        let list = ArmRequest::get(format!("{id}/revisions"), version.clone());
        let revisions = self
            .interrupt
            .or(self.client.list(&list, self.deadline))
            .await
            .ok_or(Failure::Interrupted)?
            .map_err(|error| Failure::azure(&error, "find the revisions that use a changed secret"))?;
        let secrets = changed_secrets(plan, write);
        let names: Vec<String> = revisions
            .iter()
            .filter(|revision| revision.pointer("/properties/active").and_then(Json::as_bool) == Some(true))
            .filter(|revision| {
                let template = revision.pointer("/properties/template").unwrap_or(&Json::Null);
                secrets.iter().any(|secret| signs_in(plan, secret) || uses(template, secret))
            })
            .filter_map(|revision| Some(revision.get("name")?.as_str()?.to_owned()))
            .collect();
        context.ledger.to_restart(&names);
        for name in &names {
            let what = format!("restart the revision {name}");
            let path = format!("{id}/revisions/{name}/restart");
            let request = ArmRequest::new(Method::Post, path, version.clone());
            let record = WriteRecord {
                method: Method::Post,
                path: request.path.clone(),
                api_version: version.clone(),
                steps: write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect(),
                owned: Vec::new(),
            };
            let start = self.clock.now();
            self.restart_one(context, &record, &request, &what).await?;
            context.ledger.restarted(name);
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            self.observer.event(&Event::Written { what, elapsed });
        }
        Ok(())
    }

    /// One restart, sent again while that may help: restarting twice does no harm.
    async fn restart_one(
        &self,
        context: &Context<'_>,
        record: &WriteRecord,
        request: &ArmRequest,
        what: &str,
    ) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let error = match self.request(record, request, what).await {
                Ok(_) => return Ok(()),
                Err(Tried::Failed(failure)) => return Err(failure),
                Err(Tried::Azure(error)) => error,
            };
            tries += 1;
            let again = error.is_throttled() || error.is_busy() || (may_pass(&error) && tries < TRIES);
            let after = error.retry_after().unwrap_or_else(|| backoff(tries));
            if !again || self.clock.now() + after >= self.deadline {
                let failure = Failure::azure(&error, what);
                return Err(with_commands(failure, context));
            }
            let reason = error.to_string();
            self.observer.event(&Event::Repeating { what: what.to_owned(), reason, after });
            self.pause(after).await?;
        }
    }
}

/// Running again does not restart what is left: the secret itself is in place then.
fn with_commands(failure: Failure, context: &Context<'_>) -> Failure {
    let left = context.ledger.0.lock().map(|applied| applied.to_restart.clone()).unwrap_or_default();
    let commands: Vec<String> = left.iter().map(|name| restart_command(context.target, name)).collect();
    let add = |diagnostic: Box<Diagnostic>| Box::new((*diagnostic).fix(commands.join(" && ")));
    match failure {
        Failure::Azure(diagnostic) => Failure::Azure(add(diagnostic)),
        Failure::Deadline(diagnostic) => Failure::Deadline(add(diagnostic)),
        other => other,
    }
}

/// The command that restarts a revision by hand.
pub fn restart_command(target: &Target, revision: &str) -> String {
    format!(
        "az containerapp revision restart --resource-group {} --name {} --revision {revision}",
        crate::plan::quote(&target.resource_group),
        crate::plan::quote(&target.app)
    )
}

/// The names of the app's secrets that a write changes.
fn changed_secrets<'p>(plan: &'p Plan, write: &Write) -> Vec<&'p str> {
    let mut names: Vec<&str> = write
        .steps
        .iter()
        .flat_map(|index| &plan.steps[*index].outcome.owned)
        .filter(|owned| !owned.in_place)
        .filter_map(|owned| match owned.path.0.as_slice() {
            [.., Segment::Key(list), Segment::Element(name), Segment::Key(_)] if list == "secrets" => {
                Some(name.as_str())
            }
            [.., Segment::Key(list), Segment::Element(name)] if list == "secrets" => Some(name.as_str()),
            _ => None,
        })
        .collect();
    names.dedup();
    names
}

/// Whether the app's authentication, as the run leaves it, reads an app secret. It runs beside every replica
/// (<https://learn.microsoft.com/azure/container-apps/authentication>); that it takes up a changed value by itself is
/// said nowhere, and replicas do not.
fn signs_in(plan: &Plan, secret: &str) -> bool {
    plan.resources
        .iter()
        .filter(|resource| resource.kind.name == "Microsoft.App/containerApps/authConfigs")
        .filter_map(|resource| resource.merged.get("properties"))
        .any(|properties| names(properties, secret))
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
fn uses(template: &Json, secret: &str) -> bool {
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
