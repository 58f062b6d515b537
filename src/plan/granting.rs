//! `role_assignment` steps under the facts at hand: role, principal and scope made definite.

use std::time::Duration;

use super::frame::{Frame, shown, step_origins};
use super::rights::allows;
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
        // All three stand in the addresses of requests.
        let hidden = [
            (&role, &wanted.role, "a role"),
            (&principal, &wanted.principal, "a principal"),
            (&scope, &wanted.scope, "a scope"),
        ]
        .map(|(value, expr, what)| self.hides(value.marks, expr.span, what));
        if hidden.contains(&true) {
            return (None, Vec::new());
        }
        if !uses.iter().all(usable) || role.is_unknown() || scope.is_unknown() {
            return (None, uses);
        }
        let Some(kind) = types::find("Microsoft.Authorization/roleAssignments") else { return (None, uses) };
        let (definition, scope) = match self.definite(step, wanted, &role, &scope) {
            Ok(definite) => definite,
            Err(waiting) => {
                uses.extend(waiting);
                return (None, uses);
            }
        };
        let nobody = principal.is_null() || principal.as_str() == Some("");
        if nobody && self.engine.place_is_missing() {
            // The prerequisites speak of that.
            return (None, uses);
        }
        if nobody {
            // A role that nobody gets would be a step that says nothing.
            let message = format!("`{}` gives a role to nobody: its principal is empty", step.id.written);
            self.engine.problem(Diagnostic::error(codes::NO_PRINCIPAL, message).label(
                &self.recipe().source,
                wanted.principal.span,
                "",
            ));
            return (None, uses);
        }
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

    /// The role definition and the scope's id.
    ///
    /// # Errors
    /// What is not read yet or cannot be read; nothing: a problem was reported.
    fn definite(
        &self,
        step: &Step,
        wanted: &RoleAssignment,
        role: &Value,
        scope: &Value,
    ) -> Result<(Role, ResourceId), Option<Value>> {
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
            return Err(None);
        };
        let definition = self.role_definition(step, wanted, role.as_str().ok_or(None)?, &id)?;
        Ok((definition, id))
    }

    /// A role by name, GUID or the id of its definition: from the table of built-in roles, else asked of
    /// Azure, because a role of somebody's own can give roles away too.
    fn role_definition(
        &self,
        step: &Step,
        wanted: &RoleAssignment,
        role: &str,
        scope: &ResourceId,
    ) -> Result<Role, Option<Value>> {
        // The GUID is the last part of a definition's id; where the definition stands adds nothing.
        let role = if role.starts_with('/') { role.rsplit('/').next().unwrap_or(role) } else { role };
        // In whatever form it is written: the checks on roles compare the usual one.
        let guid = uuid::Uuid::try_parse(role).map(|guid| guid.hyphenated().to_string());
        let key = guid.as_deref().unwrap_or(role);
        if let Some((name, guid)) = roles::find(key) {
            if roles::grants_roles(guid) {
                return Err(self.gives_roles(wanted, name));
            }
            return Ok(Role { name: name.to_owned(), guid: guid.to_owned() });
        }
        let kind = "Microsoft.Authorization/roleDefinitions";
        let version = self.engine.version(kind);
        let found = match &guid {
            Ok(guid) => self.engine.asked.value(&Read::one(&scope.provider(kind, guid), kind, &version)),
            Err(_) => self.engine.asked.value(
                &Read::many(&format!("{scope}/providers/{kind}"), kind, &version)
                    .with("$filter", format!("roleName eq '{}'", role.replace('\'', "''"))),
            ),
        };
        if found.is_unknown() {
            return Err(Some(found));
        }
        let definition = if guid.is_ok() { Some(&found) } else { found.as_list().and_then(<[Value]>::first) };
        let Some(guid) = definition.and_then(|one| one.text_at(&["name"])) else {
            self.engine.problem(
                Diagnostic::error(codes::NO_SUCH_ROLE, format!("there is no role `{role}` at {scope}"))
                    .fix(format!("az role definition list --name {}", super::quote(role)))
                    .label(&self.recipe().source, step.span, ""),
            );
            return Err(None);
        };
        let name = definition.and_then(|one| one.text_at(&["properties", "roleName"])).unwrap_or(role);
        if definition.is_some_and(|one| roles::grants_roles(guid) || gives(one)) {
            return Err(self.gives_roles(wanted, name));
        }
        Ok(Role { name: name.to_owned(), guid: guid.to_owned() })
    }

    fn gives_roles(&self, wanted: &RoleAssignment, name: &str) -> Option<Value> {
        let message = format!("`{name}` can give roles away; no recipe may grant it");
        self.engine.problem(Diagnostic::error(codes::ROLE_REFUSED, message).label(
            &self.recipe().source,
            wanted.role.span,
            "",
        ));
        None
    }
}

/// Whether a role's own definition lets it give roles, itself or by changing a definition.
fn gives(definition: &Value) -> bool {
    definition
        .at(&["properties", "permissions"])
        .is_some_and(|permissions| roles::GIVING.iter().any(|action| allows(permissions, action)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_ones_own_that_gives_roles_is_found_out_by_its_actions() {
        let role = |actions: &[&str], not: &[&str]| {
            Value::from(serde_json::json!({ "properties": { "permissions": [
                { "actions": ["Microsoft.App/*/read"], "notActions": [] },
                { "actions": actions, "notActions": not },
            ] } }))
        };
        for actions in [
            "*",
            "*/write",
            "Microsoft.Authorization/*",
            "microsoft.authorization/ROLEASSIGNMENTS/write",
            "Microsoft.Authorization/roleDefinitions/*",
            "Microsoft.Authorization/elevateAccess/action",
        ] {
            assert!(gives(&role(&[actions], &[])), "{actions}");
        }
        // Contributor's, and what takes away nothing of it.
        let contributor = ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"];
        assert!(!gives(&role(&["*"], &contributor)));
        assert!(gives(&role(&["*"], &["Microsoft.Authorization/*/Delete"])));
        assert!(!gives(&role(&["Microsoft.Authorization/*/read", "Microsoft.KeyVault/*"], &[])));
    }
}
