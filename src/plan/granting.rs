//! `role_assignment` steps under the facts at hand: role, principal and scope made definite.

use std::time::Duration;

use super::frame::{Frame, shown, step_origins};
use super::stepping::{refusal, usable};
use crate::azure::types::{self, ResourceType};
use crate::azure::{ResourceId, roles};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Read;
use crate::recipe::{RoleAssignment, Step};
use crate::steps::{self, Outcome, Role, RoleRequest};
use crate::value::Value;

/// How old a role assignment must be before a write that would cost a revision, unless the recipe or
/// `--role-wait` says otherwise. Azure promises effect within 10 minutes and mostly needs one or two.
const SETTLE: Duration = Duration::from_secs(2 * 60);

impl Frame<'_, '_> {
    /// The outcome of a role step, and the values that it stands or falls with.
    pub(super) fn role(&self, step: &Step, wanted: &RoleAssignment) -> (Option<Outcome>, Vec<Value>) {
        let role = self.expression(&wanted.role);
        let principal = self.expression(&wanted.principal);
        let scope = self.expression(&wanted.scope);
        let mut uses = vec![role.clone(), scope.clone(), principal.clone()];
        for known in [&role, &scope] {
            self.must_be_known(step, known);
        }
        if !uses.iter().all(usable) || role.is_unknown() || scope.is_unknown() {
            return (None, uses);
        }
        let Some(kind) = types::find("Microsoft.Authorization/roleAssignments") else { return (None, uses) };
        let Some((definition, scope)) = self.definite(step, wanted, &role, &scope) else {
            return (None, uses);
        };
        let assignments = self.assignments(kind, &principal, &scope);
        if refusal(&assignments).is_some() {
            // Without the list nobody knows whether the role is there: not the same as absent.
            uses.push(assignments);
            return (None, uses);
        }
        if assignments.is_unknown() {
            return (None, uses);
        }
        let settle = self.engine.request.role_wait.or(wanted.settle).unwrap_or(SETTLE);
        let request = RoleRequest { role: definition, principal, scope, settle };
        (Some(steps::role_assignment(kind, &request, &assignments)), uses)
    }

    /// What is assigned to the principal at the scope; null for a principal that does not exist yet,
    /// unknown while it is not read.
    fn assignments(&self, kind: &ResourceType, principal: &Value, scope: &ResourceId) -> Value {
        let engine = self.engine;
        match principal.as_str() {
            Some(principal) if !principal.is_empty() => engine.asked.value(&steps::role_assignments_read(
                scope,
                principal,
                &engine.version(kind.name),
            )),
            _ if principal.is_unknown() && !step_origins(principal).is_empty() => Value::null(),
            _ => Value::unknown(crate::value::Origin::Read),
        }
    }

    /// The role definition and the scope's id; `None`: not read yet, or a problem was reported.
    fn definite(
        &self,
        step: &Step,
        wanted: &RoleAssignment,
        role: &Value,
        scope: &Value,
    ) -> Option<(Role, ResourceId)> {
        let Some(id) = scope.as_str().and_then(ResourceId::parse) else {
            if !scope.is_null() {
                let given = shown(scope).unwrap_or_default();
                let message = format!("`{given}` is not a resource id to grant a role on");
                self.engine.problem(
                    Diagnostic::error(codes::BAD_SCOPE, message)
                        .fix("give the full id: /subscriptions/…/resourceGroups/…/providers/…")
                        .label(&self.recipe().source, wanted.scope.span, ""),
                );
            }
            return None;
        };
        let definition = self.role_definition(step, role.as_str()?, &id)?;
        if roles::grants_roles(&definition.guid) {
            let message = format!("`{}` can give roles away; no recipe may grant it", definition.name);
            self.engine.problem(Diagnostic::error(codes::ROLE_REFUSED, message).label(
                &self.recipe().source,
                wanted.role.span,
                "",
            ));
            return None;
        }
        Some((definition, id))
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
}
