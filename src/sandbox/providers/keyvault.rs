//! `Microsoft.KeyVault`: vaults as the control plane shows them, and what an app gets from one.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::resources;
use crate::sandbox::callers;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{State, Vault, elements, last};

const KIND: &str = "Microsoft.KeyVault/vaults";
const GET_SECRET: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    if address.kind() != "vaults" || context.method != "GET" {
        return Err(router::no_operation(context, address));
    }
    if address.is_resource() {
        context.require(&format!("{KIND}/read"), &address.target())?;
        let vault = resources::named(context, address, KIND, &context.state.vaults)?;
        return Ok(Answer::new(200, body(vault)));
    }
    let found = resources::listed(context, address, KIND, &context.state.vaults)?;
    context.page(found.map(body).collect())
}

fn body(vault: &Vault) -> Json {
    json!({
        "id": vault.id,
        "name": last(&vault.id),
        "type": KIND,
        "location": vault.location,
        "tags": vault.tags,
        "properties": vault.properties,
    })
}

/// Why a secret was not had: the vault's own inner code.
pub(in crate::sandbox) type Cause = &'static str;

/// Whether `url` has the form `https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`.
pub(in crate::sandbox) fn parse_url(url: &str) -> Option<(&str, &str, Option<&str>)> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let vault = host.strip_suffix(".vault.azure.net")?;
    let mut segments = path.trim_end_matches('/').split('/');
    if !segments.next()?.eq_ignore_ascii_case("secrets") {
        return None;
    }
    let (name, version) = (segments.next()?, segments.next());
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (plain(vault) && plain(name) && segments.next().is_none()).then_some((vault, name, version))
}

/// The value behind `url` as `principal` gets it at `now`.
pub(in crate::sandbox) fn fetch(
    state: &State,
    now: OffsetDateTime,
    rules: &Switches,
    principal: &str,
    url: &str,
) -> Result<String, Cause> {
    let (vault, name, version) = parse_url(url).ok_or("BadParameter")?;
    let vault = state.vault(vault).ok_or("VaultNotFound")?;
    if !reachable(vault, rules) {
        return Err("ForbiddenByFirewall");
    }
    if !may_read(state, now, vault, principal) {
        return Err(if rbac(vault) { "ForbiddenByRbac" } else { "AccessDenied" });
    }
    let versions = vault
        .secrets
        .iter()
        .find(|(secret, _)| secret.eq_ignore_ascii_case(name))
        .map(|(_, versions)| versions)
        .ok_or("SecretNotFound")?;
    let found = match version {
        Some(version) => versions.iter().find(|secret| secret.version.eq_ignore_ascii_case(version)),
        None => versions.last(),
    };
    let secret = found.ok_or("SecretNotFound")?;
    if secret.enabled { Ok(secret.value.clone()) } else { Err("SecretDisabled") }
}

fn rbac(vault: &Vault) -> bool {
    vault.properties["enableRbacAuthorization"] == json!(true)
}

fn reachable(vault: &Vault, rules: &Switches) -> bool {
    let says =
        |value: &Json, word: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(word));
    let acls = &vault.properties["networkAcls"];
    let trusted = !rules.holds(Switch::FirewallStopsApps)
        && acls["bypass"].as_str().unwrap_or("AzureServices").eq_ignore_ascii_case("AzureServices");
    let closed =
        says(&vault.properties["publicNetworkAccess"], "Disabled") || says(&acls["defaultAction"], "Deny");
    !closed || trusted
}

fn may_read(state: &State, now: OffsetDateTime, vault: &Vault, principal: &str) -> bool {
    if rbac(vault) {
        return callers::roles_at(state, now, principal, &vault.id)
            .iter()
            .any(|role| role.allows_data(GET_SECRET));
    }
    elements(&vault.properties["accessPolicies"]).iter().any(|policy| {
        policy["objectId"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(principal))
            && elements(&policy["permissions"]["secrets"]).iter().any(|right| {
                right.as_str().is_some_and(|right| {
                    right.eq_ignore_ascii_case("get") || right.eq_ignore_ascii_case("all")
                })
            })
    })
}
