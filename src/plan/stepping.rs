//! Steps under the facts at hand: each round of each step with its outcome and what it waits for.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::engine::{Engine, Frame, Slot, step_origins};
use crate::azure::{ResourceId, roles, types};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Read;
use crate::recipe::{ResourceStep, RoleAssignment, Step, StepKind};
use crate::steps::{self, Outcome, Role, RoleRequest};
use crate::value::{Origin, Value};

/// How old a role assignment must be before a write that would cost a revision, unless the recipe or
/// `--role-wait` says otherwise. Azure promises effect within 10 minutes and mostly needs one or two.
const SETTLE: Duration = Duration::from_mins(2);

/// One round of one step.
#[derive(Debug)]
pub(super) struct StepRun {
    /// `managed_identity.roles[0]`.
    pub(super) key: String,
    /// The round's key.
    pub(super) each: Option<String>,
    /// `None`: skipped, or not known yet.
    pub(super) outcome: Option<Outcome>,
    /// Runs of other steps that must come first: by reference, or by `after`.
    pub(super) needs: BTreeSet<String>,
    /// Runs named by `after`, in place or not.
    pub(super) after: BTreeSet<String>,
    /// What it is for.
    pub(super) why: Option<String>,
    /// Why something it needs could not be read; then it has no outcome.
    pub(super) refused: Option<String>,
}

impl StepRun {
    pub(super) fn pending(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::pending)
    }

    pub(super) fn result(&self) -> Value {
        self.outcome.as_ref().map_or_else(Value::null, |outcome| outcome.result.clone())
    }
}

impl<'a> Engine<'a> {
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
            return Vec::new();
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
        let alias = &self.engine.instances()[self.instance].alias;
        let each = self.each.as_ref().map(super::engine::Each::text);
        let key = match &each {
            Some(each) => format!("{alias}.{}[{each}]", step.id.name),
            None => format!("{alias}.{}", step.id.name),
        };
        let mut run = StepRun {
            key,
            each,
            outcome: None,
            needs: BTreeSet::new(),
            after: BTreeSet::new(),
            why: None,
            refused: None,
        };
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
        let (outcome, uses) = match &step.kind {
            StepKind::ContainerApp(fragment) => {
                let fragment = self.tree(fragment);
                let outcome =
                    if usable(&fragment) { self.container_app(step, &run.key, &fragment) } else { None };
                (outcome, fragment)
            }
            StepKind::Resource(resource) => self.resource(step, &run.key, resource),
            StepKind::RoleAssignment(role) => self.role(step, role),
        };
        run.refused = refusal(&uses);
        run.outcome = outcome.filter(|_| usable(&uses));
        run.needs = step_origins(&uses);
        run.after = self.runs_after(step);
        run.needs.extend(run.after.iter().cloned());
        run
    }

    fn runs_after(&self, step: &Step) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for name in &step.after {
            let Some(index) = self.recipe().steps.iter().position(|other| other.id.written == name.value)
            else {
                continue;
            };
            keys.extend(self.engine.step_runs(self.instance, index).iter().map(|run| run.key.clone()));
        }
        keys
    }

    /// Reads that are still to come are no mistake; a step's own result is.
    fn must_be_known(&self, step: &Step, value: &Value) {
        for origin in value.origins() {
            if let Origin::Step(other) = origin {
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

    fn container_app(&self, step: &Step, key: &str, fragment: &Value) -> Option<Outcome> {
        let kind = types::find("Microsoft.App/containerApps")?;
        let id = self.engine.request.target.app_id();
        let app = self.engine.app();
        let running = self.engine.running_template(&app);
        self.merged(step, steps::container_app(kind, key, &id, &app, running.as_ref(), fragment))
    }

    fn resource(&self, step: &Step, key: &str, resource: &ResourceStep) -> (Option<Outcome>, Value) {
        let body = self.tree(&resource.body);
        let name = self.expression(&resource.name);
        let outcome = types::find(&resource.kind.kind).and_then(|kind| {
            let id = self.resource_id(resource, &name)?;
            let version = resource.kind.version.clone().unwrap_or_else(|| self.engine.version(kind.name));
            let live = self.engine.asked.value(&Read::one(&id, kind.name, &version));
            self.merged(step, steps::resource(kind, key, &id, &live, &body))
        });
        (outcome, body)
    }

    fn resource_id(&self, resource: &ResourceStep, name: &Value) -> Option<ResourceId> {
        let target = self.engine.request.target;
        let kind = resource.kind.kind.as_str();
        let name = name.as_str().filter(|_| !name.contains_secret())?;
        let id_of = |expression| {
            let value = self.expression(expression);
            value.as_str().or_else(|| value.text_at(&["id"])).and_then(ResourceId::parse)
        };
        let text = match (&resource.parent, &resource.scope) {
            (Some(parent), _) => format!("{}/{}/{name}", id_of(parent)?, kind.rsplit('/').next()?),
            (None, Some(scope)) => format!("{}/providers/{kind}/{name}", id_of(scope)?),
            (None, None) => format!("{}/providers/{kind}/{name}", target.group_id()),
        };
        ResourceId::parse(&text)
    }

    fn role(&self, step: &Step, wanted: &RoleAssignment) -> (Option<Outcome>, Value) {
        let engine = self.engine;
        let (role, principal, scope) = (
            self.expression(&wanted.role),
            self.expression(&wanted.principal),
            self.expression(&wanted.scope),
        );
        let outcome = types::find("Microsoft.Authorization/roleAssignments").and_then(|kind| {
            if scope.is_unknown() || role.is_unknown() {
                self.must_be_known(step, &scope);
                self.must_be_known(step, &role);
                return None;
            }
            let Some(scope_id) = scope.as_str().and_then(ResourceId::parse) else {
                let given = super::engine::shown(&scope).unwrap_or_default();
                if !scope.is_null() {
                    engine.problem(
                        Diagnostic::error(
                            codes::BAD_SCOPE,
                            format!("`{given}` is not a resource id to grant a role on"),
                        )
                        .fix("give the full id: /subscriptions/…/resourceGroups/…/providers/…")
                        .label(&self.recipe().source, wanted.scope.span, ""),
                    );
                }
                return None;
            };
            let definition = self.role_definition(step, role.as_str()?, &scope_id)?;
            if roles::grants_roles(&definition.guid) {
                engine.problem(
                    Diagnostic::error(
                        codes::ROLE_REFUSED,
                        format!("`{}` can give roles away; no recipe may grant it", definition.name),
                    )
                    .label(&self.recipe().source, wanted.role.span, ""),
                );
                return None;
            }
            let assignments = match principal.as_str() {
                Some(principal) if !principal.is_empty() => engine
                    .asked
                    .value(&steps::role_assignments_read(&scope_id, principal, &engine.version(kind.name))),
                // A principal that does not exist yet has no assignments.
                _ if principal.is_unknown() && !step_origins(&principal).is_empty() => Value::null(),
                _ => return None,
            };
            if assignments.is_unknown() && !assignments.origins().contains(&Origin::Read) {
                // May not be listed: told by the prerequisites; writing stays possible.
                return Some((kind, definition, scope_id, Value::null()));
            }
            if assignments.is_unknown() {
                return None;
            }
            Some((kind, definition, scope_id, assignments))
        });
        // A scope that cannot be read is as much a reason as a principal that cannot.
        let uses = if usable(&scope) { principal.clone() } else { scope.clone() };
        let outcome = outcome.map(|(kind, role, scope, assignments)| {
            let settle = engine.request.role_wait.or(wanted.settle).unwrap_or(SETTLE);
            let request = RoleRequest { role, principal: principal.clone(), scope, settle };
            steps::role_assignment(kind, &request, &assignments)
        });
        (outcome, uses)
    }

    /// A role by name or GUID: from the table of built-in roles, else asked of Azure.
    fn role_definition(&self, step: &Step, role: &str, scope: &ResourceId) -> Option<Role> {
        if let Some((name, guid)) = roles::find(role) {
            return Some(Role { name: name.to_owned(), guid: guid.to_owned() });
        }
        // In whatever form it is written: the checks on roles compare the usual one.
        if let Ok(guid) = uuid::Uuid::try_parse(role) {
            let guid = guid.hyphenated().to_string();
            let name = roles::find(&guid).map_or_else(|| guid.clone(), |(name, _)| name.to_owned());
            return Some(Role { name, guid });
        }
        let kind = "Microsoft.Authorization/roleDefinitions";
        let read = Read::many(&format!("{scope}/providers/{kind}"), kind, &self.engine.version(kind))
            .with("$filter", format!("roleName eq '{}'", role.replace('\'', "''")));
        let found = self.engine.asked.value(&read);
        let definitions = found.as_list()?;
        let guid = definitions.iter().find_map(|definition| definition.text_at(&["name"]));
        if guid.is_none() {
            self.engine.problem(
                Diagnostic::error(codes::NO_SUCH_ROLE, format!("there is no role `{role}` at {scope}"))
                    .fix(format!("az role definition list --name {}", super::quote(role)))
                    .label(&self.recipe().source, step.span, ""),
            );
        }
        guid.map(|guid| Role { name: role.to_owned(), guid: guid.to_owned() })
    }

    fn merged(&self, step: &Step, outcome: steps::StepResult) -> Option<Outcome> {
        match outcome {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                self.engine.problem(Diagnostic::error(codes::DOES_NOT_FIT, error.to_string()).label(
                    &self.recipe().source,
                    step.span,
                    "",
                ));
                None
            }
        }
    }
}

/// Whether nothing in a value could not be read, or is not there although it must be.
fn usable(value: &Value) -> bool {
    !value.origins().iter().any(|origin| matches!(origin, Origin::Refused(_) | Origin::Absent))
}

/// Why a part of a value could not be read.
fn refusal(value: &Value) -> Option<String> {
    value.origins().into_iter().find_map(|origin| match origin {
        Origin::Refused(message) => Some(message),
        _ => None,
    })
}
