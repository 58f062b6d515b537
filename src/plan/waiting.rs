//! `wait` steps under the facts at hand: whether what is waited for is as it is to be.

use super::frame::{Frame, shown, step_origins};
use super::lookup::Place;
use super::stepping::StepRun;
use crate::azure::{ResourceId, types};
use crate::facts::Read;
use crate::recipe::{LookupKind, Step, WaitStep};
use crate::steps::{self, Outcome, Wait};
use crate::value::Value;

/// What there is to look at.
struct Sight {
    what: String,
    resource: String,
    reads: Vec<Read>,
}

impl Frame<'_, '_> {
    /// The outcome of a wait, and the values that it stands or falls with; `None`: there is nothing to wait for.
    pub(super) fn wait(
        &self,
        step: &Step,
        run: &StepRun,
        wait: &WaitStep,
    ) -> Option<(Option<Outcome>, Vec<Value>)> {
        let Sight { what, resource, reads } = self.sight(wait)?;
        let it = self.found(&wait.lookup);
        let frame = self.with_root("it", it.clone());
        let until = frame.expression(&wait.until);
        let never = wait.fails_when.as_ref().map_or_else(Value::null, |fails| frame.expression(fails));
        let reason = if it.is_unknown() { None } else { frame.text(wait.reason.as_ref()) };
        let uses = vec![it.clone(), until.clone(), never.clone()];
        // What a step before it is still to do may change what was read.
        let early = self.runs_of(&step.after).iter().flat_map(|runs| runs.iter()).any(StepRun::pending)
            || uses.iter().any(|one| !step_origins(one).is_empty());
        let (holds, failed) = match (until.truthy(), never.truthy()) {
            _ if early => (false, false),
            (Some(holds), Some(failed)) => (holds, failed && !holds),
            // Still to be read, or not readable.
            _ => return Some((None, uses)),
        };
        let wait = Wait { what, resource, reads, failed, reason };
        // What is read before it is as it is to be is not what comes of it.
        let result = if holds { it } else { Value::computed(&run.key, run.key.clone()) };
        Some((Some(steps::wait(wait, result, holds)), uses))
    }

    /// What a wait looks at; `None`: what would be looked at has no name.
    fn sight(&self, wait: &WaitStep) -> Option<Sight> {
        let unknown = || "(known after apply)".to_owned();
        match &wait.lookup.kind {
            LookupKind::Resource(resource) => {
                let noun =
                    types::find(&resource.kind.kind).map_or(resource.kind.kind.as_str(), |kind| kind.noun);
                let name = resource.name.as_ref().map(|name| self.expression(name));
                let reads = match self.read_of(resource) {
                    Place::Here(read) => vec![read],
                    Place::Search { group, list, .. } => vec![group, list],
                    Place::Tenant { .. } => Vec::new(),
                    Place::Unknown(value) if value.is_unknown() => Vec::new(),
                    Place::Unknown(_) => return None,
                };
                let name = match name {
                    Some(name) if name.is_unknown() => unknown(),
                    Some(name) => shown(&name).unwrap_or_default(),
                    None => "list".to_owned(),
                };
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                let resource = reads.first().map(|read| read.path.clone()).unwrap_or_default();
                Some(Sight { what: format!("{noun} {name}"), resource, reads })
            }
            LookupKind::Action(action) => {
                let resource = self.expression(&action.resource);
                let read = match self.question_read(action) {
                    Ok(read) => Some(read),
                    Err(value) if value.is_unknown() => None,
                    Err(_) => return None,
                };
                let at = resource.get("id").unwrap_or(&resource);
                let of = match at.as_str().and_then(ResourceId::parse) {
                    Some(id) => id.name().to_owned(),
                    None => unknown(),
                };
                let what = format!("{} of {of}", action.name.value);
                let path = read.as_ref().map(|read| read.path.clone()).unwrap_or_default();
                Some(Sight { what, resource: path, reads: read.into_iter().collect() })
            }
            LookupKind::Dns(dns) => {
                let reads = match self.name_asked(dns) {
                    Ok(read) => vec![read],
                    Err(value) if value.is_unknown() => Vec::new(),
                    Err(_) => return None,
                };
                let name = self.expression(&dns.name);
                let name = if name.is_unknown() { unknown() } else { shown(&name).unwrap_or_default() };
                Some(Sight { what: format!("DNS answer for {name}"), resource: String::new(), reads })
            }
            _ => Some(Sight {
                what: wait.lookup.id.written.clone(),
                resource: String::new(),
                reads: Vec::new(),
            }),
        }
    }
}
