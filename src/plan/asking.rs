//! POSTs that only read. What a lookup asks is a fact as any other. What an `action` step asks may be a secret: it
//! is asked when a write needs it, and planning never asks.

use super::finding::{Finding, Status};
use super::frame::{Frame, shown, step_origins};
use super::stepping::StepRun;
use super::target::object;
use crate::azure::{ResourceId, types};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{Fact, Read};
use crate::recipe::{ActionLookup, ActionStep, Lookup};
use crate::value::{Marks, Value};

/// A POST that only reads, and what of a plan may need it.
#[derive(Clone, Debug)]
pub struct Action {
    /// The key of the step run.
    pub key: String,
    /// The resource that is asked.
    pub resource: ResourceId,
    /// The action in ARM's words (`listKeys`).
    pub name: String,
    /// The request.
    pub read: Read,
}

impl Action {
    /// The right that it needs: `Microsoft.Storage/storageAccounts/listKeys/action`.
    pub fn right(&self) -> String {
        format!("{}/{}/action", self.read.kind, self.name)
    }

    /// What it does, in a few words.
    pub fn what(&self) -> String {
        let noun = types::find(&self.read.kind).map_or("resource", |kind| kind.noun);
        format!("ask the {noun} {} for {}", self.resource.name(), self.name)
    }
}

impl Frame<'_, '_> {
    /// Gives the run of an action step its answer: what was asked and answered, else an unknown, and
    /// a secret either way.
    pub(super) fn action(&self, run: &mut StepRun, action: &ActionStep) {
        let resource = self.expression(&action.resource);
        let body = action.body.as_ref().map(|body| self.tree(body));
        run.needs = step_origins(&resource);
        run.needs.extend(body.iter().flat_map(step_origins));
        let at = resource.get("id").unwrap_or(&resource);
        if self.hides(at.marks, action.resource.span, "part of the id of a resource") {
            return;
        }
        if body.as_ref().is_some_and(Value::contains_hidden) {
            self.hides(Marks::SECRET, action.resource.span, "sent with an action");
            return;
        }
        for waiting in [Some(&resource), body.as_ref()].into_iter().flatten() {
            if !waiting.origins().is_empty() && (waiting.is_unknown() || Some(waiting) == body.as_ref()) {
                run.answer = Some(waiting.clone().mark(Marks::SECRET));
                return;
            }
        }
        let Some(id) = at.as_str().and_then(ResourceId::parse) else { return };
        let Some(kind) = types::find(&id.resource_type()) else {
            let message = format!("resources of the type {} are not asked for anything", id.resource_type());
            self.engine.problem(Diagnostic::error(codes::UNKNOWN_TYPE, message).label(
                &self.recipe().source,
                action.resource.span,
                "",
            ));
            return;
        };
        let json = body.as_ref().and_then(Value::to_json);
        let version = self.engine.version(kind.name);
        let read = Read::action(&id, &action.name.value, kind.name, &version, json.as_ref());
        let answer = match self.engine.asked.have(&read) {
            Some(Fact::Found(value)) => value.clone(),
            _ => Value::unasked(&run.key, format!("{}{}", read.key, json.unwrap_or_default())),
        };
        run.answer = Some(answer.mark(Marks::SECRET));
        run.action =
            Some(Action { key: run.key.clone(), resource: id, name: action.name.value.clone(), read });
    }

    /// What a lookup's POST answers, or `{refused}` with the reason; null when what is asked is not there.
    pub(super) fn question(&self, action: &ActionLookup) -> Value {
        let read = match self.question_read(action) {
            Ok(read) => read,
            Err(value) => return value,
        };
        match self.engine.asked.ask(&read) {
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
                object([("refused", Value::from(message.as_str()))])
            }
            _ => self.engine.asked.value(&read),
        }
    }

    /// What a lookup asks; else why it is not known, or null: there is nothing to ask.
    pub(super) fn question_read(&self, action: &ActionLookup) -> Result<Read, Value> {
        let resource = self.expression(&action.resource);
        if resource.is_unknown() {
            return Err(resource);
        }
        let query = action.query.as_ref().map_or_else(Value::null, |query| self.tree(query));
        let body = action.body.as_ref().map(|body| self.tree(body));
        for sent in [Some(&query), body.as_ref()].into_iter().flatten() {
            if let Some(origin) = sent.origins().into_iter().next() {
                return Err(Value::unknown(origin));
            }
            if self.tells(sent, action.resource.span, "sent with an action") {
                return Err(Value::null());
            }
        }
        let at = resource.get("id").unwrap_or(&resource);
        if self.hides(at.marks, action.resource.span, "part of the id of a resource") {
            return Err(Value::null());
        }
        let Some(id) = at.as_str().and_then(ResourceId::parse) else { return Err(Value::null()) };
        let name = action.name.value.as_str();
        let Some(kind) = types::find(&id.resource_type()).filter(|kind| kind.questions.contains(&name))
        else {
            let message = format!("resources of the type {} are not asked for {name}", id.resource_type());
            self.engine.problem(Diagnostic::error(codes::UNKNOWN_TYPE, message).label(
                &self.recipe().source,
                action.name.span,
                "",
            ));
            return Err(Value::null());
        };
        let given = query.as_map().into_iter().flatten().filter_map(|(name, value)| {
            let json = value.to_json().filter(|json| !json.is_null())?;
            let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            Some((name.clone(), text))
        });
        let given: Vec<(String, String)> = given.collect();
        let json = body.as_ref().and_then(Value::to_json);
        Ok(Read::question(&id, name, kind.name, &self.engine.version(kind.name), &given, json.as_ref()))
    }

    /// What stands in the way of an answer that must be there. `None`: nothing does.
    pub(super) fn answered(&self, lookup: &Lookup, action: &ActionLookup) -> Option<Finding> {
        let value = self.found(lookup);
        let resource = shown(&self.expression(&action.resource)).unwrap_or_default();
        let resource = ResourceId::parse(&resource).map_or(resource, |id| id.name().to_owned());
        let name = format!("{} of {resource}", action.name.value);
        let finding = match value.text_at(&["refused"]) {
            Some(reason) => Finding::new(Status::CouldNotCheck, codes::RESOURCE, name).detail(reason),
            None if value.is_null() => {
                Finding::failed(codes::RESOURCE, name).detail("what is asked is not there")
            }
            None => return None,
        };
        let finding = match self.command(lookup.fix.as_ref()) {
            Some(fix) if finding.status == Status::Failed => finding.fix(fix),
            _ => finding,
        };
        Some(match &lookup.docs {
            Some(docs) => finding.docs(docs.clone()),
            None => finding,
        })
    }
}
