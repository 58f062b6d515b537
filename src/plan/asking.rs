//! `action` steps: what is asked when a write needs it. Planning never asks; the answer, once it is there, is a
//! fact as any other.

use super::frame::{Frame, step_origins};
use super::stepping::StepRun;
use crate::azure::{ResourceId, types};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{Fact, Read};
use crate::recipe::ActionStep;
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
}
