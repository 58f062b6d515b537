//! `existing`: what a recipe reads from Azure.

use super::frame::{Each, Frame};
use crate::azure::ResourceId;
use crate::azure::types::{self, EXTENSION_ONLY};
use crate::facts::Read;
use crate::recipe::{Lookup, LookupKind, ResourceLookup, Search};
use crate::value::{Data, Origin, Value};

impl Frame<'_, '_> {
    /// The value of a lookup as expressions see it: null when it is switched off, or optional and not
    /// there; unknown while it is not read, waits for a step, may not be read, or is not there though
    /// it must be.
    pub(super) fn look_up(&self, lookup: &Lookup) -> Value {
        // Under its own loop a lookup is the element of this round; anywhere else all of them, by key.
        let own = |each: &Each| lookup.for_each.as_ref().is_some_and(|by| by.value.text() == each.by);
        if lookup.for_each.is_some() && !self.each.as_ref().is_some_and(own) {
            let Some(rounds) = self.rounds(lookup.for_each.as_ref()) else {
                return Value::unknown(Origin::Read);
            };
            let members = rounds.into_iter().flatten().map(|each| {
                let key = each.text();
                (key, self.with_each(Some(each)).look_up_one(lookup))
            });
            return Value::new(Data::Map(members.collect()));
        }
        self.look_up_one(lookup)
    }

    fn look_up_one(&self, lookup: &Lookup) -> Value {
        if let Some(when) = &lookup.when {
            let holds = self.expression(when);
            match holds.truthy() {
                Some(true) => {}
                Some(false) => return Value::null(),
                None => return holds,
            }
        }
        let found = self.found(lookup);
        if found.is_null() && must_be_there(lookup) { Value::unknown(Origin::Absent) } else { found }
    }

    /// What is found of a lookup that is switched on; null when it is not there.
    pub(super) fn found(&self, lookup: &Lookup) -> Value {
        if let Some(waiting) = self.waits_for(lookup) {
            return waiting;
        }
        let resource = match &lookup.kind {
            LookupKind::Resource(resource) => resource,
            LookupKind::Dns(dns) => return self.dns(dns),
            LookupKind::Manifest(manifest) => return self.manifest(manifest),
            LookupKind::Action(action) => return self.question(action),
            LookupKind::Certificate(certificate) => return self.certificate(certificate),
            LookupKind::Dockerfile(dockerfile) => return self.dockerfile(dockerfile),
            LookupKind::Requirements(requirements) => return self.requirements(requirements),
        };
        match self.read_of(resource) {
            Place::Here(read) => self.engine.asked.value(&read),
            Place::Search { group, list, name } => {
                let found = self.engine.asked.value(&group);
                if !found.is_null() {
                    return found;
                }
                let all = self.engine.asked.value(&list);
                let Some(items) = all.as_list() else { return all };
                let mut matching = items.iter().filter(|item| {
                    item.text_at(&["name"]).is_some_and(|have| have.eq_ignore_ascii_case(&name))
                });
                let first = matching.next().cloned();
                // Several of one name: the prerequisite names them; nothing is chosen.
                if matching.next().is_some() { Value::null() } else { first.unwrap_or_else(Value::null) }
            }
            Place::Tenant { host } => self.engine.by_host(&resource.kind, &host).found,
            Place::Unknown(value) => value,
        }
    }

    /// Whether what is found is in another subscription than the target's.
    pub(super) fn is_elsewhere(&self, lookup: &Lookup) -> bool {
        let found = self.found(lookup);
        let id = found.text_at(&["id"]).and_then(ResourceId::parse);
        id.as_ref()
            .and_then(ResourceId::subscription)
            .is_some_and(|id| !id.eq_ignore_ascii_case(&self.engine.request.target.subscription))
    }

    /// The unknown that a lookup is while a step it comes `after` is still to run.
    fn waits_for(&self, lookup: &Lookup) -> Option<Value> {
        lookup.after.iter().find_map(|name| {
            let index = self.recipe().steps.iter().position(|step| step.id.written == name.value)?;
            let runs = self.engine.step_runs(self.instance, index);
            let waiting = runs.iter().find(|run| run.pending())?;
            let instance = &self.engine.instances()[self.instance].alias;
            let round = self.each.as_ref().map(super::frame::Each::text).unwrap_or_default();
            Some(Value::computed(&waiting.key, format!("{instance}.{}[{round}]", lookup.id.name)))
        })
    }

    /// Where a lookup looks.
    pub(super) fn read_of(&self, resource: &ResourceLookup) -> Place {
        let engine = self.engine;
        let target = engine.request.target;
        let kind = resource.kind.kind.as_str();
        let version = engine.version_of(&resource.kind);

        let below = |expression| {
            let value = self.expression(expression);
            if value.is_unknown() {
                return Err(value);
            }
            if self.hides(value.marks, expression.span, "part of the id of a resource") {
                return Err(Value::null());
            }
            let id = value.as_str().or_else(|| value.text_at(&["id"])).and_then(ResourceId::parse);
            id.ok_or_else(Value::null)
        };
        let base = match (&resource.parent, &resource.scope) {
            (Some(parent), _) => below(parent),
            (None, Some(scope)) => below(scope),
            (None, None) => {
                let group = match &resource.resource_group {
                    Some(group) => match self.expression(group) {
                        value if value.is_unknown() => return Place::Unknown(value),
                        value if self.hides(value.marks, group.span, "the name of a resource group") => {
                            return Place::Unknown(Value::null());
                        }
                        value => value.as_str().map(str::to_owned),
                    },
                    None => None,
                };
                let group = group.unwrap_or_else(|| target.resource_group.clone());
                Ok(ResourceId::group(&target.subscription, &group))
            }
        };
        let base = match base {
            Ok(base) => base,
            Err(value) => return Place::Unknown(value),
        };
        let Some(expression) = &resource.name else {
            return match base.collection(kind) {
                Some(path) => Place::Here(Read::many(&path, kind, &version)),
                None => Place::Unknown(Value::null()),
            };
        };
        let name = self.expression(expression);
        if name.is_unknown() {
            return Place::Unknown(name);
        }
        // A name stands in URLs and logs.
        if self.hides(name.marks, expression.span, "the name of a resource") {
            return Place::Unknown(Value::null());
        }
        let Some(name) = name.as_str().filter(|name| !name.is_empty()) else {
            return Place::Unknown(Value::null());
        };
        if name.starts_with('/') {
            return match ResourceId::parse(name) {
                Some(id) if id.resource_type().eq_ignore_ascii_case(kind) => {
                    Place::Here(Read::one(&id, kind, &version))
                }
                // The prerequisite says what it is instead.
                _ => Place::Unknown(Value::null()),
            };
        }
        let bare = resource.parent.is_none() && resource.scope.is_none() && !EXTENSION_ONLY.contains(&kind);
        let has_host = types::find(kind).is_some_and(|kind| !kind.host.is_empty());
        if has_host && bare && name.contains('.') && resource.search == Search::Subscription {
            return Place::Tenant { host: name.to_owned() };
        }
        let Some(id) = base.resource(kind, name) else {
            return Place::Unknown(Value::null());
        };
        let group = Read::one(&id, kind, &version);
        if resource.search == Search::Subscription && bare {
            let list = Read::many(
                &format!("/subscriptions/{}/providers/{kind}", target.subscription),
                kind,
                &version,
            );
            return Place::Search { group, list, name: name.to_owned() };
        }
        Place::Here(group)
    }
}

/// Whether a lookup that finds nothing stops the run.
pub(super) fn must_be_there(lookup: &Lookup) -> bool {
    !lookup.optional && lookup.after.is_empty()
}

/// Where a lookup looks.
pub(super) enum Place {
    /// At one id, or in one collection.
    Here(Read),
    /// In the group first, then among all of the subscription.
    Search {
        /// The read in the group.
        group: Read,
        /// The list of all of its type.
        list: Read,
        /// The name, without regard to case.
        name: String,
    },
    /// By host name, in every subscription of the tenant.
    Tenant {
        /// The host name.
        host: String,
    },
    /// Not known yet, or its name gives nothing.
    Unknown(Value),
}
