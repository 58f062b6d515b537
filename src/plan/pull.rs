//! Why an image cannot be pulled, by what a run has read of the registry: policy, network, role, tag.

use time::OffsetDateTime;

use super::engine::Engine;
use super::quote;
use crate::recipe::LookupKind;
use crate::steps::Grant;
use crate::value::Value;

/// Azure promises effect of a role within this time
/// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
const IN_FORCE: time::Duration = time::Duration::minutes(10);

/// What a run knows of a registry that its app pulls from.
#[derive(Clone, Debug)]
pub struct PullFacts {
    /// The registry's name.
    name: String,
    /// Its login server.
    server: String,
    /// `properties` as read.
    properties: Value,
    /// The role that the run gives on it, and whether it is still to be given.
    grant: Option<(Grant, bool)>,
    /// The image that was asked for, and its digest or why that is not known.
    image: Option<(String, Result<String, String>)>,
}

/// The registries that the recipes of the run have read.
pub(super) fn facts(engine: &Engine<'_>) -> Vec<PullFacts> {
    let mut all = Vec::new();
    if engine.place_is_missing() {
        return all;
    }
    for instance in 0..engine.instances().len() {
        if engine.active(instance).truthy() != Some(true) {
            continue;
        }
        let frame = engine.frame(instance);
        let lookups = || frame.recipe().existing.values().filter(|lookup| lookup.for_each.is_none());
        for lookup in lookups() {
            let registry = match lookup.resource() {
                Some(_) => frame.look_up(lookup),
                None => continue,
            };
            let text = |keys: &[&str]| registry.text_at(keys).map(str::to_owned);
            let (Some(id), Some(server)) = (text(&["id"]), text(&["properties", "loginServer"])) else {
                continue;
            };
            let images = lookups().filter_map(|other| match &other.kind {
                LookupKind::Manifest(manifest) => Some((other, manifest)),
                LookupKind::Resource(_)
                | LookupKind::Requirements(_)
                | LookupKind::Dockerfile(_)
                | LookupKind::Action(_)
                | LookupKind::Certificate(_)
                | LookupKind::Dns(_) => None,
            });
            let image = images
                .filter(|(_, manifest)| frame.expression(&manifest.registry).text_at(&["id"]) == Some(&id))
                .find_map(|(other, manifest)| {
                    let value = frame.look_up(other);
                    let digest = value.text_at(&["digest"]).map(str::to_owned);
                    let why = value.text_at(&["refused"]).map(str::to_owned);
                    let repository = frame.text(Some(&manifest.repository))?;
                    let name = format!("{repository}:{}", frame.text(Some(&manifest.reference))?);
                    let known = digest.map(Ok).or_else(|| why.map(Err))?;
                    Some((name, known))
                });
            let grant = (0..frame.recipe().steps.len()).find_map(|index| {
                engine.step_runs(instance, index).iter().find_map(|run| {
                    let outcome = run.outcome.as_ref()?;
                    let grant = outcome.grant.clone().filter(|grant| grant.scope.as_str() == id)?;
                    Some((grant, outcome.pending()))
                })
            });
            all.push(PullFacts {
                name: text(&["name"]).unwrap_or_default(),
                server,
                properties: registry.get("properties").cloned().unwrap_or_else(Value::null),
                grant,
                image,
            });
        }
    }
    all
}

/// Whether words of the platform speak of a pull that failed.
pub(super) fn failed(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = [
        "unauthorized",
        "manifest_unknown",
        "manifest unknown",
        "name_unknown",
        "imagepullbackoff",
        "errimagepull",
        "failed to pull",
        "pull image",
        "pulling image",
        "registry secret",
        "aka.ms/acr/",
        // All that is told of a pull that was tried until the time for it was over
        // (microsoft/azure-container-apps#646).
        "operation expired",
    ];
    words.iter().any(|word| text.contains(word))
}

/// Whether the registry's network rules refused.
pub(super) fn kept_out(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("client with ip") || text.contains("acr/firewall")
}

/// Whether the registry let the app in, but does not have the image.
pub(super) fn not_there(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["manifest_unknown", "manifest unknown", "name_unknown"].iter().any(|word| text.contains(word))
}

impl PullFacts {
    /// Whether a failure's text speaks of a pull from this registry.
    pub fn is_meant(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let names_it = text.contains(&self.server.to_ascii_lowercase());
        failed(&text) && (names_it || text.contains("operation expired"))
    }

    /// The causes that fit what is known, the likeliest first, and the command that mends it.
    pub fn causes(&self, text: &str, now: OffsetDateTime) -> (Vec<String>, Option<String>) {
        let name = &self.name;
        if not_there(text) {
            let list = format!("az acr repository show-tags --name {} --repository REPOSITORY", quote(name));
            return (
                vec![format!("the identity may pull from {name}, but the image is not there")],
                Some(list),
            );
        }
        let lower = |keys: &[&str]| self.properties.text_at(keys).map(str::to_ascii_lowercase);
        if kept_out(text) {
            let cause = format!(
                "{name} is closed to public networks: the environment needs a private endpoint of it and DNS records"
            );
            return (vec![cause], Some(format!("az acr show-endpoints --name {}", quote(name))));
        }
        let mut causes = Vec::new();
        let mut fix = None;
        if lower(&["policies", "azureADAuthenticationAsArmPolicy", "status"]).as_deref() == Some("disabled") {
            causes.push(format!("{name} refuses ARM tokens, with which Container Apps pulls"));
            fix = Some(format!(
                "az acr config authentication-as-arm update --registry {} --status enabled",
                quote(name)
            ));
        }
        if let Some((grant, pending)) = &self.grant {
            let role = &grant.role;
            let young = grant.created_on.is_none_or(|created| now - created < IN_FORCE);
            let mode = self.properties.text_at(&["roleAssignmentMode"]).unwrap_or("a mode that is not told");
            causes.push(if *pending {
                format!("the identity does not have the role {role} on {name}")
            } else if young {
                format!(
                    "the role {role} on {name} may not be in force yet; Azure promises it within 10 minutes"
                )
            } else {
                format!("the role {role} on {name}, whose mode is {mode}, is there for more than 10 minutes")
            });
            fix = fix.or_else(|| {
                Some(if *pending || young {
                    "run the same command again in some minutes".to_owned()
                } else {
                    format!("az acr check-health --name {}", quote(name))
                })
            });
        }
        match &self.image {
            Some((image, Ok(digest))) => {
                causes.push(format!("{image} is there ({digest}): it is not the tag"));
            }
            Some((image, Err(why))) => {
                causes.push(format!(
                    "whether {image} is there is not known ({why}); a wrong tag looks the same"
                ));
            }
            None => {}
        }
        (causes, fix)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn causes(properties: serde_json::Value, text: &str) -> (Vec<String>, Option<String>) {
        let facts = PullFacts {
            name: "acrdemo".to_owned(),
            server: "acrdemo.azurecr.io".to_owned(),
            properties: Value::from(properties),
            grant: None,
            image: None,
        };
        facts.causes(text, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn network_and_policy_are_named_as_causes() {
        let kept_out = "DENIED: client with IP '20.0.0.4' is not allowed access";
        let (network, fix) = causes(json!({}), kept_out);
        assert!(matches!(&network[..], [one] if one.contains("closed to public networks")), "{network:?}");
        assert_eq!(fix.as_deref(), Some("az acr show-endpoints --name acrdemo"));

        let of_status = |status: &str| {
            let policies = json!({ "azureADAuthenticationAsArmPolicy": { "status": status } });
            causes(json!({ "policies": policies }), "UNAUTHORIZED: authentication required")
        };
        let (policy, fix) = of_status("Disabled");
        assert_eq!(policy, ["acrdemo refuses ARM tokens, with which Container Apps pulls"]);
        assert!(fix.is_some_and(|fix| fix.starts_with("az acr config authentication-as-arm update")));
        assert_eq!(of_status("enabled"), (Vec::new(), None));
    }
}
