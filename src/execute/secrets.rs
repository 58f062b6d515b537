//! The values of secrets that a write must send back, since it replaces their list as a whole.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Executor, Failure};
use crate::azure::types::ResourceType;
use crate::azure::{ArmRequest, Method, ResourceId};
use crate::diagnostic::{Diagnostic, codes};

impl Executor {
    /// The values of the secrets of `id`, as Azure tells them.
    pub(super) async fn stored_secrets(
        &self,
        kind: &ResourceType,
        id: &ResourceId,
        version: &str,
    ) -> Result<Stored, Failure> {
        let request = ArmRequest::new(Method::Post, format!("{id}/listSecrets"), version);
        let answer = self
            .interrupt
            .or(self.client.read(&request, self.deadline))
            .await
            .ok_or(Failure::Interrupted)?
            .map_err(|error| {
                Failure::azure(
                    &error,
                    &format!(
                        "read the other secrets of the {} {}, which must be sent back with what changes",
                        kind.noun,
                        id.name()
                    ),
                )
            })?;
        let values = answer.body.get("value").and_then(Json::as_array).into_iter().flatten();
        let text = |secret: &Json, key: &str| secret.get(key).and_then(Json::as_str).map(str::to_owned);
        let values: BTreeMap<String, String> =
            values.filter_map(|secret| Some((text(secret, "name")?, text(secret, "value")?))).collect();
        self.client.hide(values.values().cloned());
        Ok(Stored(values))
    }
}

/// Values of secrets by name. It has no `Debug` form.
pub(super) struct Stored(BTreeMap<String, String>);

impl Stored {
    /// Puts the values of the secrets `names` into the body: the array is replaced as a whole, and
    /// one without a value would be refused (microsoft/azure-container-apps#259) or lost. References are
    /// never among them.
    pub(super) fn fill(
        &self,
        kind: &ResourceType,
        id: &ResourceId,
        body: &mut Json,
        names: &[String],
    ) -> Result<(), Failure> {
        let entries = body
            .pointer_mut(&format!("/{}", kind.secrets().unwrap_or_default().replace('.', "/")))
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten();
        for entry in entries.filter_map(Json::as_object_mut) {
            let Some(name) = entry.get("name").and_then(Json::as_str).map(str::to_owned) else { continue };
            if !names.contains(&name) {
                continue;
            }
            let value = self.0.get(&name).ok_or_else(|| unavailable(kind, &name, id))?;
            entry.insert("value".to_owned(), Json::String(value.clone()));
        }
        Ok(())
    }
}

fn unavailable(kind: &ResourceType, name: &str, id: &ResourceId) -> Failure {
    let noun = kind.noun;
    let again = if kind.name == "Microsoft.App/containerApps" {
        "set the secret again with az containerapp secret set, then run the same command".to_owned()
    } else {
        format!("set the secret of the {noun} again, then run the same command")
    };
    Failure::Azure(Box::new(
        Diagnostic::error(
            codes::SECRET_UNAVAILABLE,
            format!("the value of the secret `{name}` of the {noun} {} cannot be had", id.name()),
        )
        .note(format!(
            "the secrets of a {noun} are replaced as a whole; sending them without it would lose it"
        ))
        .fix(again)
        .resource(id),
    ))
}
