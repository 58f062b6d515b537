//! A resource looked for by its host name, in every subscription of the target's tenant.

use super::engine::Engine;
use crate::azure::{ResourceId, types};
use crate::facts::{Fact, Read};
use crate::recipe::ResourceType;
use crate::value::{Origin, Value};

const SUBSCRIPTIONS: &str = "Microsoft.Resources/subscriptions";

/// What a search found, and where it could not look.
pub(super) struct ByHost {
    /// The resource; null when it is not there, unknown while reads are missing.
    pub(super) found: Value,
    /// Subscriptions that could be looked into.
    pub(super) seen: usize,
    /// What could not be looked into: a subscription's name, with the reason.
    pub(super) passed_over: Vec<(String, String)>,
}

impl ByHost {
    /// What a search that found nothing has to say for itself.
    pub(super) fn nowhere(&self, noun: &str) -> String {
        let subscriptions = if self.seen == 1 { "subscription" } else { "subscriptions" };
        let detail = format!("no {noun} with this host name in {} {subscriptions} of the tenant", self.seen);
        if self.passed_over.is_empty() {
            return detail;
        }
        let names: Vec<String> =
            self.passed_over.iter().map(|(name, why)| format!("{name} ({why})")).collect();
        format!("{detail}; not all could be looked into: {}", names.join(", "))
    }
}

impl Engine<'_> {
    /// The api-version that a lookup asks for, or the one that fits.
    pub(super) fn version_of(&self, kind: &ResourceType) -> String {
        kind.version.clone().unwrap_or_else(|| self.version(&kind.kind))
    }

    /// The resource of this type with this host name: looked for in the target's subscription first, then,
    /// all at once, in the others of its tenant that are enabled. One whose list is refused is passed over.
    pub(super) fn by_host(&self, kind: &ResourceType, host: &str) -> ByHost {
        let target = self.request.target;
        let version = self.version_of(kind);
        let mut search = ByHost { found: Value::null(), seen: 0, passed_over: Vec::new() };
        let list = |above: &ResourceId| {
            Read::many(&format!("{above}/providers/{}", kind.kind), &kind.kind, &version)
        };
        let own = ResourceId::subscription_id(&target.subscription);
        self.look(&mut search, &list(&own), &kind.kind, host, "the target's subscription");
        if !search.found.is_null() {
            return search;
        }
        if !search.passed_over.is_empty() {
            // Somebody whose rights end at the group may still see what is there.
            self.look(&mut search, &list(&target.group_id()), &kind.kind, host, "the resource group");
            if !search.found.is_null() {
                return search;
            }
        }
        let all = Read::many("/subscriptions", SUBSCRIPTIONS, &self.version(SUBSCRIPTIONS));
        let Some(Fact::Found(all)) = self.asked.ask(&all) else {
            self.could_not(&mut search, &all, "the other subscriptions");
            return search;
        };
        let mut waiting = None;
        for (id, name) in self.neighbours(all) {
            self.look(&mut search, &list(&id), &kind.kind, host, &name);
            if search.found.is_unknown() {
                // The others are asked for in the same round.
                waiting = Some(std::mem::replace(&mut search.found, Value::null()));
            } else if !search.found.is_null() {
                return search;
            }
        }
        search.found = waiting.unwrap_or_else(Value::null);
        search
    }

    /// The enabled subscriptions of the target's tenant but the target's own: id and name.
    fn neighbours(&self, all: &Value) -> Vec<(ResourceId, String)> {
        let target = self.request.target;
        let all = all.as_list().unwrap_or_default();
        let is_own = |one: &&Value| {
            one.text_at(&["subscriptionId"]).is_some_and(|id| id.eq_ignore_ascii_case(&target.subscription))
        };
        let own = all.iter().find(is_own).and_then(|own| own.text_at(&["tenantId"]));
        let tenant = own.or(target.tenant.as_deref());
        all.iter()
            .filter(|one| !is_own(one))
            .filter(|one| one.text_at(&["state"]).is_some_and(|state| state.eq_ignore_ascii_case("Enabled")))
            .filter(|one| {
                // Without a tenant to compare with all are looked into.
                tenant.is_none_or(|tenant| {
                    one.text_at(&["tenantId"]).is_some_and(|other| other.eq_ignore_ascii_case(tenant))
                })
            })
            .filter_map(|one| {
                let id = one.text_at(&["subscriptionId"])?;
                let name = one.text_at(&["displayName"]).unwrap_or(id);
                Some((ResourceId::subscription_id(id), name.to_owned()))
            })
            .collect()
    }

    /// Looks into one list.
    fn look(&self, search: &mut ByHost, read: &Read, kind: &str, host: &str, name: &str) {
        let Some(Fact::Found(list)) = self.asked.ask(read) else {
            self.could_not(search, read, name);
            return;
        };
        search.seen += 1;
        let at = types::find(kind).map_or(&[] as &[_], |kind| kind.host);
        let found = list
            .as_list()
            .unwrap_or_default()
            .iter()
            .find(|item| item.text_at(at).is_some_and(|have| have.eq_ignore_ascii_case(host)));
        search.found = found.cloned().unwrap_or_else(Value::null);
    }

    fn could_not(&self, search: &mut ByHost, read: &Read, name: &str) {
        match self.asked.ask(read) {
            None => search.found = Value::unknown(Origin::Read),
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
                search.passed_over.push((name.to_owned(), message.clone()));
            }
            Some(Fact::Absent { code }) => search.passed_over.push((name.to_owned(), code.clone())),
            Some(Fact::Found(_)) => {}
        }
    }
}
