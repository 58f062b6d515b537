//! `action` steps with an effect: whether they are due, and whether they were sent in this run.

use super::finding::{Finding, Status};
use super::frame::Frame;
use super::quote;
use super::stepping::StepRun;
use crate::azure::{ResourceId, types};
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::{ActionStep, Step};
use crate::steps::{self, Effect, Outcome};
use crate::value::{Marks, Value};

impl Frame<'_, '_> {
    /// Gives the run of an action that was sent in this run its answer. Whatever `when` says by now, it is not sent
    /// twice.
    pub(super) fn was_sent(&self, step: &Step, run: &mut StepRun, action: &ActionStep) -> bool {
        let Some(answer) = self.engine.request.so_far.answers.get(&run.key) else { return false };
        run.why = self.text(step.why.as_ref());
        run.outcome = Some(steps::sent(&action.name.value, answer.clone()));
        true
    }

    /// The outcome of an action that is due, and the values that it stands or falls with; `None`: nothing made it due.
    pub(super) fn effect(
        &self,
        step: &Step,
        run: &mut StepRun,
        action: &ActionStep,
    ) -> Option<(Option<Outcome>, Vec<Value>)> {
        let triggers = self.runs_of(&step.triggered_by);
        let triggers = || triggers.iter().flat_map(|runs| runs.iter());
        run.triggered_by = triggers().map(|run| run.key.clone()).collect();
        let so_far = self.engine.request.so_far;
        let key = run.key.clone();
        let wrote = |run: &StepRun| {
            let earlier = || so_far.earlier.triggers(&run.key, &key, step.never.is_some());
            run.pending() || so_far.wrote.contains(&run.key) || earlier()
        };
        if !run.triggered_by.is_empty() && !triggers().any(wrote) {
            let in_doubt =
                step.never.is_some() && triggers().any(|trigger| so_far.earlier.in_doubt(&trigger.key, &key));
            if in_doubt {
                run.findings.push(self.in_doubt(action));
            }
            return None;
        }
        let resource = self.expression(&action.resource);
        let body = action.body.as_ref().map_or_else(Value::null, |body| self.tree(body));
        self.must_be_known(step, &resource);
        let uses = vec![resource.clone(), body.clone()];
        let at = resource.get("id").unwrap_or(&resource);
        if self.hides(at.marks, action.resource.span, "part of the id of a resource") {
            return Some((None, uses));
        }
        if body.contains_hidden() {
            self.hides(Marks::SECRET, action.resource.span, "sent with an action");
            return Some((None, uses));
        }
        if resource.is_unknown() {
            return Some((None, uses));
        }
        let name = action.name.value.as_str();
        let mistake = |code, message: String| {
            let diagnostic = Diagnostic::error(code, message);
            self.engine.problem(diagnostic.label(&self.recipe().source, action.resource.span, ""));
        };
        let Some(id) = at.as_str().and_then(ResourceId::parse) else {
            mistake(codes::DOES_NOT_FIT, format!("there is nothing to {name}: this is no id of a resource"));
            return Some((None, uses));
        };
        let row = types::find(&id.resource_type());
        let Some((row, known)) = row.and_then(|row| Some((row, row.effect(name)?))) else {
            mistake(
                codes::UNKNOWN_TYPE,
                format!("{name} is not sent to resources of the type {}", id.resource_type()),
            );
            return Some((None, uses));
        };
        let effect = Effect {
            version: self.engine.version(row.name),
            resource: id,
            kind: row.name,
            noun: row.noun,
            action: known,
            body,
            never: step.never.is_some(),
        };
        Some((Some(steps::due(&run.key, effect)), uses))
    }

    /// That an earlier run sent an action which is never sent twice, and got no answer.
    fn in_doubt(&self, action: &ActionStep) -> Finding {
        let name = &action.name.value;
        let finding = |what: &str| {
            let title = format!("an earlier run was to {what}");
            Finding::new(Status::CouldNotCheck, codes::UNANSWERED, title).detail(
                "whether Azure took it is not known, and it is never sent twice: look whether it took effect",
            )
        };
        let resource = self.expression(&action.resource);
        let at = resource.get("id").unwrap_or(&resource);
        let id = at.as_str().filter(|_| !at.contains_hidden()).and_then(ResourceId::parse);
        let row = id.as_ref().and_then(|id| types::find(&id.resource_type()));
        let known = row.and_then(|row| Some((row, row.effect(name)?)));
        let (Some(id), Some((row, known))) = (id, known) else {
            return finding(&format!("send the action {name}"));
        };
        let effect = Effect {
            version: self.engine.version(row.name),
            resource: id,
            kind: row.name,
            noun: row.noun,
            action: known,
            body: Value::null(),
            never: true,
        };
        finding(&effect.what()).fix(effect.look(quote))
    }
}
