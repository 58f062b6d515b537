//! `wait` steps under the facts at hand: whether what is waited for is as it is to be.

use super::frame::{Frame, shown, step_origins};
use super::lookup::Place;
use super::stepping::StepRun;
use crate::azure::{ResourceId, types};
use crate::expression::Tree;
use crate::recipe::{Lookup, LookupKind, Step, WaitStep};
use crate::steps::{self, Outcome, Wait};
use crate::value::{Origin, Value};

/// What there is to look at.
struct Sight {
    what: String,
    resource: String,
}

impl Frame<'_, '_> {
    /// The outcome of a wait, and the values that it stands or falls with; `None`: there is nothing to wait for.
    pub(super) fn wait(
        &self,
        step: &Step,
        run: &StepRun,
        wait: &WaitStep,
    ) -> Option<(Option<Outcome>, Vec<Value>)> {
        let Some(Sight { what, resource }) = self.sight(wait) else {
            let lacking = Value::unknown(Origin::Refused(self.lacking_answer(&wait.lookup)?));
            return Some((None, vec![lacking]));
        };
        let it = self.found(&wait.lookup);
        // Of what was not told nothing is so or not so, unless the recipe itself says what a refusal means.
        let refused = it.text_at(&["refused"]).filter(|_| !reads_refusal(wait)).map(str::to_owned);
        let (it, unanswered) = match refused {
            Some(reason) if wait.lookup.tells_refusal() => (Value::unknown(Origin::Refused(reason)), None),
            Some(reason) if matches!(wait.lookup.kind, LookupKind::Dns(_)) => (it, Some(reason)),
            _ => (it, None),
        };
        let frame = self.with_root("it", it.clone());
        let until = frame.expression(&wait.until);
        let never = wait.fails_when.as_ref().map_or_else(Value::null, |fails| frame.expression(fails));
        let reason = match &unanswered {
            Some(reason) => Some(format!("could not be asked: {reason}")),
            None if it.is_unknown() => None,
            None => frame.text(wait.reason.as_ref()),
        };
        let uses = vec![it.clone(), until.clone(), never.clone()];
        // What a step before it is still to do may change what was read.
        let early = self.runs_of(&step.after).iter().flat_map(|runs| runs.iter()).any(StepRun::pending)
            || uses.iter().any(|one| !step_origins(one).is_empty());
        let (holds, failed) = match (until.truthy(), never.truthy()) {
            _ if early => (false, false),
            // A name server may answer the next time.
            _ if unanswered.is_some() => (false, false),
            (Some(holds), Some(failed)) => (holds, failed && !holds),
            // Still to be read, or not readable.
            _ => return Some((None, uses)),
        };
        let wait = Wait { what, resource, failed, reason };
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
                let read = match self.read_of(resource) {
                    Place::Here(read) => Some(read),
                    Place::Search { group, .. } => Some(group),
                    Place::Tenant { .. } => None,
                    Place::Unknown(value) if value.is_unknown() => None,
                    Place::Unknown(_) => return None,
                };
                let name = match name {
                    Some(name) if name.is_unknown() => unknown(),
                    Some(name) => shown(&name).unwrap_or_default(),
                    None => "list".to_owned(),
                };
                let name = name.rsplit('/').next().unwrap_or_default().to_owned();
                let resource = read.map(|read| read.path).unwrap_or_default();
                Some(Sight { what: format!("{noun} {name}"), resource })
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
                Some(Sight { what, resource: read.map(|read| read.path).unwrap_or_default() })
            }
            LookupKind::Dns(dns) => {
                if self.name_asked(dns).is_err_and(|value| !value.is_unknown()) {
                    return None;
                }
                let name = self.expression(&dns.name);
                let name = if name.is_unknown() { unknown() } else { shown(&name).unwrap_or_default() };
                Some(Sight { what: format!("DNS answer for {name}"), resource: String::new() })
            }
            _ => Some(Sight { what: wait.lookup.id.written.clone(), resource: String::new() }),
        }
    }

    /// That what would be looked at hangs on what an action answered in this run, in which it does not stand; `None`:
    /// on nothing of that kind, such as one that was not due.
    fn lacking_answer(&self, lookup: &Lookup) -> Option<String> {
        let steps = &self.recipe().steps;
        let read =
            references(lookup).into_iter().filter(|path| path.first().is_some_and(|root| root == "steps"));
        let mut runs = read.filter_map(|path| {
            let index = steps.iter().position(|step| path.get(1) == Some(&step.id.name))?;
            Some(self.engine.step_runs(self.instance, index))
        });
        let answered = |run: &StepRun| self.engine.request.so_far.answers.contains_key(&run.key);
        let key = runs.find_map(|runs| runs.iter().find(|run| answered(run)).map(|run| run.key.clone()))?;
        Some(format!("what Azure answered to {key} does not say what to wait for"))
    }
}

/// The paths that what is looked at is made of.
fn references(lookup: &Lookup) -> Vec<Vec<String>> {
    let (expressions, trees) = match &lookup.kind {
        LookupKind::Resource(one) => {
            (vec![one.name.as_ref(), one.parent.as_ref(), one.scope.as_ref()], Vec::new())
        }
        LookupKind::Action(one) => (vec![Some(&one.resource)], vec![one.query.as_ref(), one.body.as_ref()]),
        LookupKind::Dns(one) => (vec![Some(&one.name)], Vec::new()),
        _ => (Vec::new(), Vec::new()),
    };
    let of_expressions = expressions.into_iter().flatten().flat_map(|one| one.value.references());
    let of_trees = trees.into_iter().flatten().flat_map(Tree::references);
    of_expressions.chain(of_trees).map(|reference| reference.path).collect()
}

/// Whether a wait says itself what it means that it may not ask.
fn reads_refusal(wait: &WaitStep) -> bool {
    let judges = [Some(&wait.until), wait.fails_when.as_ref()];
    let mut paths = judges.into_iter().flatten().flat_map(|one| one.value.references());
    paths.any(|one| {
        one.path.first().is_some_and(|root| root == "it")
            && one.path.get(1).is_some_and(|field| field == "refused")
    })
}
