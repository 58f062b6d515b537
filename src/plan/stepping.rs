//! Steps under the facts at hand: each round of each step with its outcome and what it waits for.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::build::Built;
use super::database::Database;
use super::engine::{Engine, Slot};
use super::finding::Finding;
use super::frame::{Frame, step_origins};
use super::{Action, ByHand};
use crate::azure::types;
use crate::diagnostic::{Diagnostic, codes};
use crate::merge::MergeError;
use crate::recipe::{Spanned, Step, StepKind};
use crate::steps::{self, Outcome};
use crate::value::{Origin, Value};

/// One round of one step.
#[derive(Debug)]
pub(super) struct StepRun {
    /// `managed_identity.roles[0]`.
    pub(super) key: String,
    /// The round's key.
    pub(super) each: Option<String>,
    /// `None`: skipped, not known yet, or an action.
    pub(super) outcome: Option<Outcome>,
    /// Of an action: what it answers, as far as it was asked.
    pub(super) answer: Option<Value>,
    /// Of an action: what is asked.
    pub(super) action: Option<Action>,
    /// Runs of other steps that must come first: by reference, or by `after`.
    pub(super) needs: BTreeSet<String>,
    /// Runs named by `after`, in place or not.
    pub(super) after: BTreeSet<String>,
    /// Runs of which one must have written.
    pub(super) triggered_by: BTreeSet<String>,
    /// What it is for.
    pub(super) why: Option<String>,
    /// Why something it needs could not be read; then it has no outcome.
    pub(super) refused: Option<String>,
    /// What is left to a person; then it has no outcome.
    pub(super) by_hand: Option<ByHand>,
    /// What of it is kept, since it could not be compared.
    pub(super) kept: Option<Finding>,
    /// What stands in the way of its write, or may.
    pub(super) findings: Vec<Finding>,
}

impl StepRun {
    pub(super) fn pending(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::pending)
    }

    pub(super) fn result(&self) -> Value {
        match (&self.outcome, &self.answer) {
            (Some(outcome), _) => outcome.result.clone(),
            (None, Some(answer)) => answer.clone(),
            (None, None) => Value::null(),
        }
    }
}

impl Engine<'_> {
    /// All rounds of one step, made once.
    pub(super) fn step_runs(&self, instance: usize, index: usize) -> Rc<Vec<StepRun>> {
        if let Some(runs) = self.runs.borrow().get(&(instance, index)) {
            return Rc::clone(runs);
        }
        // `remember` guards against a cycle; the value itself is not used.
        let mut made = None;
        self.remember(Slot::Steps(instance, index), || {
            made = Some(self.run_step(instance, index));
            Value::null()
        });
        let runs = Rc::new(made.unwrap_or_default());
        self.runs.borrow_mut().entry((instance, index)).or_insert_with(|| Rc::clone(&runs));
        runs
    }

    fn run_step(&self, instance: usize, index: usize) -> Vec<StepRun> {
        if self.active(instance).truthy() != Some(true) {
            return Vec::new();
        }
        let frame = self.frame(instance);
        let step = &frame.recipe().steps[index];
        let Some(rounds) = frame.rounds(step.for_each.as_ref()) else {
            // What it goes round by is not known: told, never passed over.
            let by = step.for_each.as_ref().map_or_else(Value::null, |by| frame.expression(by));
            frame.must_be_known(step, &by);
            return vec![StepRun { refused: refusal(&by), ..frame.blank(step) }];
        };
        rounds
            .into_iter()
            .map(|each| {
                let frame = frame.with_each(each);
                frame.run(step)
            })
            .collect()
    }
}

impl Frame<'_, '_> {
    fn run(&self, step: &Step) -> StepRun {
        let mut run = self.blank(step);
        if let StepKind::Action(action) = &step.kind
            && self.was_sent(step, &mut run, action)
        {
            return run;
        }
        if let Some(when) = &step.when {
            let holds = self.expression(when);
            match holds.truthy() {
                Some(true) => {}
                Some(false) => return run,
                None => {
                    self.must_be_known(step, &holds);
                    run.refused = refusal(&holds);
                    return run;
                }
            }
        }
        run.why = self.text(step.why.as_ref());
        let (mut outcome, mut uses) = match &step.kind {
            StepKind::ContainerApp(fragment) => {
                let fragment = self.tree(fragment);
                let outcome =
                    if usable(&fragment) { self.container_app(step, &run.key, &fragment) } else { None };
                (outcome, vec![fragment])
            }
            StepKind::Resource(resource) => self.resource(step, &run.key, resource),
            StepKind::RoleAssignment(role) => self.role(step, role),
            StepKind::Sql(user) => {
                let Database { outcome, by_hand, uses } = self.database_user(step, &run.key, user);
                run.by_hand = by_hand;
                (outcome, uses)
            }
            StepKind::ImageBuild(build) => {
                let Built { outcome, findings, uses } = self.image_build(step, &run.key, build);
                run.findings = findings;
                (outcome, uses)
            }
            StepKind::Removal(removal) => self.removal(&mut run, removal),
            StepKind::PutBack(back) => self.put_back(step, &mut run, back),
            StepKind::Service(service) => self.service(step, &mut run, service),
            StepKind::Wait(wait) => match self.wait(step, &run, wait) {
                Some(wait) => wait,
                None => return run,
            },
            StepKind::Action(action) if !action.reads() => match self.effect(step, &mut run, action) {
                Some(effect) => effect,
                None => return run,
            },
            StepKind::Action(action) => {
                self.action(&mut run, action);
                run.after = self.runs_after(step);
                run.needs.extend(run.after.iter().cloned());
                return run;
            }
        };
        run.refused = uses.iter().find_map(refusal);
        run.kept = outcome
            .as_mut()
            .filter(|outcome| outcome.removed.is_none())
            .and_then(|outcome| self.stored(outcome));
        if let (None, Some(outcome)) = (&run.kept, &mut outcome) {
            self.restarts_due(&run.key, outcome);
        }
        run.findings.extend(run.kept.clone());
        // What goes back stood just there before.
        let goes_back = matches!(step.kind, StepKind::PutBack(_));
        run.outcome = outcome
            .filter(|_| uses.iter().all(usable))
            .filter(|outcome| goes_back || self.confined(step, outcome));
        if let (StepKind::Resource(resource), Some(outcome)) = (&step.kind, &run.outcome)
            && let Some(guard) = &resource.guard
        {
            let guarded = self.guarded(guard, outcome);
            run.findings.extend(guarded);
        }
        run.needs = uses.drain(..).flat_map(|used| step_origins(&used)).collect();
        run.after = self.runs_after(step);
        run.needs.extend(run.after.iter().chain(&run.triggered_by).cloned());
        run
    }

    /// A round of a step of which nothing is known yet.
    fn blank(&self, step: &Step) -> StepRun {
        let alias = &self.engine.instances()[self.instance].alias;
        let each = self.each.as_ref().map(super::frame::Each::text);
        let key = match &each {
            Some(each) => format!("{alias}.{}[{each}]", step.id.name),
            None => format!("{alias}.{}", step.id.name),
        };
        StepRun {
            key,
            each,
            outcome: None,
            answer: None,
            action: None,
            needs: BTreeSet::new(),
            after: BTreeSet::new(),
            triggered_by: BTreeSet::new(),
            why: None,
            refused: None,
            by_hand: None,
            kept: None,
            findings: Vec::new(),
        }
    }

    fn runs_after(&self, step: &Step) -> BTreeSet<String> {
        self.runs_of(&step.after).iter().flat_map(|runs| runs.iter()).map(|run| run.key.clone()).collect()
    }

    /// All runs of the steps of these names.
    pub(super) fn runs_of(&self, names: &[Spanned<String>]) -> Vec<Rc<Vec<StepRun>>> {
        let mut all = Vec::new();
        for name in names {
            let Some(index) = self.recipe().steps.iter().position(|other| other.id.written == name.value)
            else {
                continue;
            };
            all.push(self.engine.step_runs(self.instance, index));
        }
        all
    }

    /// Reads that are still to come are no mistake; a step's own result is.
    pub(super) fn must_be_known(&self, step: &Step, value: &Value) {
        for origin in value.origins() {
            if let Origin::Step(other) | Origin::Action(other) = origin {
                self.engine.problem(
                    Diagnostic::error(
                        codes::NOT_KNOWN_AT_PLAN,
                        format!("whether step `{}` runs is known only after `{other}`", step.id.written),
                    )
                    .label(&self.recipe().source, step.span, ""),
                );
            }
        }
    }

    pub(super) fn container_app(&self, step: &Step, key: &str, fragment: &Value) -> Option<Outcome> {
        let kind = types::find("Microsoft.App/containerApps")?;
        let id = self.engine.request.target.app_id();
        let app = self.engine.app();
        if self.engine.app_that_serves().is_none() {
            let running = self.engine.running_template(&app);
            return self.merged(step, steps::container_app(kind, key, &id, &app, running.as_ref(), fragment));
        }
        // It is counted from what serves already.
        let outcome = self.merged(step, steps::container_app(kind, key, &id, &app, None, fragment))?;
        let as_read = self.engine.app_as_read();
        let running = self.engine.running_template(&as_read);
        let left_behind =
            running.is_some_and(|running| steps::left_behind(kind, &as_read, &running, fragment));
        Some(if left_behind { steps::with_secrets_again(outcome) } else { outcome })
    }

    pub(super) fn merged(&self, step: &Step, outcome: steps::StepResult) -> Option<Outcome> {
        match outcome {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                let diagnostic = match &error {
                    MergeError::Claimed { path, .. } | MergeError::Held { path, .. } => {
                        Diagnostic::error(codes::CLAIMED, error.to_string())
                            .note("somebody else set it: it is not taken over, and nothing was written")
                            .fix(format!(
                                "if it may be changed, remove {path} yourself and run the same command again"
                            ))
                    }
                    _ => Diagnostic::error(codes::DOES_NOT_FIT, error.to_string()),
                };
                self.engine.problem(diagnostic.label(&self.recipe().source, step.span, ""));
                None
            }
        }
    }
}

/// Whether nothing in a value could not be read, or is not there although it must be.
pub(super) fn usable(value: &Value) -> bool {
    !value.origins().iter().any(|origin| matches!(origin, Origin::Refused(_) | Origin::Absent))
}

/// Why a part of a value could not be read.
pub(super) fn refusal(value: &Value) -> Option<String> {
    value.origins().into_iter().find_map(|origin| match origin {
        Origin::Refused(message) => Some(message),
        _ => None,
    })
}
