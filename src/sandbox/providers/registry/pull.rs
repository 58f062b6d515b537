//! Who may pull what from a registry, and what a registry answers to those who may not.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use crate::sandbox::callers;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{AppIdentity, Manifest, Registry, State, elements};

/// What classic mode asks for: an action.
const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";
/// And what pushing needs there.
const PUSH: &str = "Microsoft.ContainerRegistry/registries/push/write";
/// What mode `AbacRepositoryPermissions` asks for: a data action.
const CONTENT: &str = "Microsoft.ContainerRegistry/registries/repositories/content/read";

/// What pushing asks for there.
const CONTENT_WRITE: &str = "Microsoft.ContainerRegistry/registries/repositories/content/write";

/// A registry's refusal, in the code and words of its own API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Denial {
    pub(in crate::sandbox) status: u16,
    pub(in crate::sandbox) code: &'static str,
    pub(in crate::sandbox) message: String,
}

impl Denial {
    /// Nobody that the registry lets in.
    pub(in crate::sandbox) fn unauthorized() -> Denial {
        Denial {
            status: 401,
            code: "UNAUTHORIZED",
            message: "authentication required, visit https://aka.ms/acr/authorization for more information."
                .to_owned(),
        }
    }

    /// The registry's network rules keep this address out.
    pub(in crate::sandbox) fn address(ip: &str) -> Denial {
        Denial {
            status: 403,
            code: "DENIED",
            message: format!(
                "client with IP '{ip}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
            ),
        }
    }

    /// Nothing of that tag or digest.
    pub(in crate::sandbox) fn unknown(rules: &Switches, registry: &Registry, image: &Image<'_>) -> Denial {
        let tagged = if image.reference.contains(':') { "manifest" } else { "manifest tagged by" };
        if registry.repositories.contains_key(image.repository)
            || rules.holds(Switch::UnknownRepositoryIsManifest)
        {
            Denial {
                status: 404,
                code: "MANIFEST_UNKNOWN",
                message: format!("{tagged} \"{}\" is not found", image.reference),
            }
        } else {
            Denial {
                status: 404,
                code: "NAME_UNKNOWN",
                message: format!("repository \"{}\" is not found", image.repository),
            }
        }
    }

    /// The body of the answer: the error shape of the OCI distribution specification.
    pub(in crate::sandbox) fn body(&self) -> Json {
        json!({ "errors": [{ "code": self.code, "message": self.message }] })
    }
}

/// An image's reference taken apart: `SERVER/REPOSITORY[:TAG][@DIGEST]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Image<'a> {
    pub(in crate::sandbox) server: &'a str,
    pub(in crate::sandbox) repository: &'a str,
    /// The digest if there is one, else the tag, else `latest`.
    pub(in crate::sandbox) reference: &'a str,
}

impl<'a> Image<'a> {
    /// `None` for a reference that names no server.
    pub(in crate::sandbox) fn parse(text: &'a str) -> Option<Image<'a>> {
        let (server, rest) = text.split_once('/')?;
        let (path, digest) = rest.split_once('@').map_or((rest, None), |(path, digest)| (path, Some(digest)));
        let (repository, tag) = path.split_once(':').map_or((path, None), |(name, tag)| (name, Some(tag)));
        Some(Image { server, repository, reference: digest.or(tag).unwrap_or("latest") })
    }
}

/// Whether `principal` holds a role, in force at `now`, that lets it pull.
pub(in crate::sandbox) fn allowed(
    state: &State,
    now: OffsetDateTime,
    registry: &Registry,
    principal: &str,
) -> bool {
    let abac = registry.abac();
    callers::roles_at(state, now, principal, &registry.id)
        .iter()
        .any(|role| if abac { role.allows_data(CONTENT) } else { role.allows(PULL) })
}

/// Whether `principal` holds a role, in force at `now`, that lets it push.
pub(in crate::sandbox) fn may_push(
    state: &State,
    now: OffsetDateTime,
    registry: &Registry,
    principal: &str,
) -> bool {
    let abac = registry.abac();
    callers::roles_at(state, now, principal, &registry.id)
        .iter()
        .any(|role| if abac { role.allows_data(CONTENT_WRITE) } else { role.allows(PUSH) })
}

/// Whether the registry's network rules let the address `ip` in.
pub(in crate::sandbox) fn reachable(registry: &Registry, ip: &str) -> bool {
    let is = |value: &Json, word: &str| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word));
    let rules = &registry.properties["networkRuleSet"];
    let listed = || {
        elements(&rules["ipRules"]).iter().any(|rule| {
            rule["value"].as_str().is_some_and(|value| value.strip_suffix("/32").unwrap_or(value) == ip)
        })
    };
    !is(&registry.properties["publicNetworkAccess"], "Disabled")
        && (!is(&rules["defaultAction"], "Deny") || listed())
}

/// The address that container apps come from.
const APPS: &str = "20.61.0.1";

/// Why an app did not get its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Refused {
    /// The registry's refusal.
    pub(in crate::sandbox) denial: Denial,
    /// The identity that the registry did not let in, as the app's entry names it.
    pub(in crate::sandbox) identity: Option<String>,
}

impl Refused {
    /// The words of Container Apps for it: for an identity those of its token exchange, else those of
    /// the pull. Both were seen live (yeongseon/azure-container-apps-practical-guide).
    pub(in crate::sandbox) fn told(&self, app: &str, image: &Image<'_>) -> String {
        let Denial { status, code, message } = &self.denial;
        match &self.identity {
            Some(identity) => format!(
                "Failed to construct registry secret for registry '{}' for ContainerApp '{app}'. Ensure the \
                 managed identity '{identity}' has the correct permissions. Error: ACR token exchange endpoint \
                 returned error status: {status}. body: {}",
                image.server,
                self.denial.body()
            ),
            None => format!(
                "GET https://{}/v2/{}/manifests/{}: {code}: {message}",
                image.server, image.repository, image.reference
            ),
        }
    }
}

/// What an app pulls with.
pub(in crate::sandbox) struct Credentials<'a> {
    /// The identities it has.
    pub(in crate::sandbox) identity: &'a AppIdentity,
    /// Its entries in `registries`; where they name a secret, with its value as `password`.
    pub(in crate::sandbox) entries: &'a [Json],
}

/// What an app gets when it pulls `image` from `registry` at `now`.
pub(in crate::sandbox) fn by_app<'a>(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    app: &Credentials<'_>,
    registry: &'a Registry,
    image: &Image<'_>,
) -> Result<&'a Manifest, Refused> {
    let entry = app.entries.iter().find(|entry| {
        entry["server"].as_str().is_some_and(|server| server.eq_ignore_ascii_case(image.server))
    });
    let text = |member: &str| entry.and_then(|entry| entry[member].as_str()).filter(|text| !text.is_empty());
    let identity = text("identity");
    let refused = |denial| Err(Refused { denial, identity: identity.map(str::to_owned) });
    let by_bypass = !rules.holds(Switch::RegistryFirewallStopsApps)
        && registry.properties["networkRuleBypassOptions"] == "AzureServices";
    let by_private = registry.private_for_apps && rules.holds(Switch::PrivateEndpointSuffices);
    if !reachable(registry, APPS) && !by_private && !by_bypass {
        return refused(Denial::address(APPS));
    }
    let anonymous = registry.properties["anonymousPullEnabled"] == json!(true);
    let may = if let Some(identity) = identity {
        state
            .principal_of(app.identity, identity)
            .is_some_and(|principal| registry.takes_arm_tokens() && allowed(state, now, registry, &principal))
    } else {
        registry.admin_user()
            && text("username").is_some_and(|name| name.eq_ignore_ascii_case(registry.name()))
            && text("password").is_some_and(|password| registry.passwords.iter().any(|own| own == password))
    };
    if !may && !anonymous {
        return refused(Denial::unauthorized());
    }
    match registry.find(image.repository, image.reference) {
        Some((_, manifest)) => Ok(manifest),
        None => Err(Refused { denial: Denial::unknown(rules, registry, image), identity: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_apart() {
        for (text, repository, reference) in [
            ("a.azurecr.io/web", "web", "latest"),
            ("a.azurecr.io/team/web:1.0", "team/web", "1.0"),
            ("a.azurecr.io/web@sha256:12", "web", "sha256:12"),
            ("a.azurecr.io/web:1.0@sha256:12", "web", "sha256:12"),
        ] {
            assert_eq!(Image::parse(text), Some(Image { server: "a.azurecr.io", repository, reference }));
        }
        assert_eq!(Image::parse("nginx"), None);
    }
}
