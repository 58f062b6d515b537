//! Where the names of custom domains lead: an app that has a host name is reached by it only where DNS says so.

use time::OffsetDateTime;

use super::{App, State, Switches};
use crate::sandbox::names::{NameRecord, NameReply, answer};

/// Whether `host` leads to the environment of `app`. A name in none of the zones is the business of name servers that
/// nobody plays here, and leads there; so do all while the resolver is the one that fails, which only who asks it feels.
pub(super) fn leads(state: &State, rules: &Switches, now: OffsetDateTime, host: &str, app: &App) -> bool {
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let within = |name: &str| host.strip_suffix(&name.to_ascii_lowercase()).is_some_and(ends);
    if state.resolver_fails.is_some()
        || !state.dns_zones.values().any(|zone| zone.delegated && within(zone.name()))
    {
        return true;
    }
    let environment = app.model["properties"]["environmentId"].as_str().unwrap_or_default();
    let environment = state.environments.iter().find(|(id, _)| id.eq_ignore_ascii_case(environment));
    let own = environment.and_then(|(_, one)| one.properties["staticIp"].as_str());
    let NameReply::Records(found) = answer(state, rules, now, &host, "A") else { return false };
    found
        .iter()
        .any(|record| matches!(record, NameRecord::A(address) if Some(address.to_string().as_str()) == own))
}

/// Whether what is left of a name stands in front of a dot, or is nothing.
fn ends(rest: &str) -> bool {
    rest.is_empty() || rest.ends_with('.')
}
