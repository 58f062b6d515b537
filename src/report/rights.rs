//! The rights that a recipe can need, from its steps: the least that will do, each with where it is
//! needed and the smallest built-in role that holds it. What one run really needs is less, and
//! `acarecipe check` says it.

use serde::Serialize;

use crate::azure::types;
use crate::expression::{Expression, Node, Tree};
use crate::plan::covering_role;
use crate::recipe::{Recipe, StepKind};

/// One right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RightNeeded {
    /// The action, in ARM's words.
    pub action: String,
    /// Where it is needed, in words.
    pub scope: String,
    /// When it is needed; `None`: whenever the step changes something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The smallest built-in role that holds it.
    pub role: &'static str,
}

/// What the steps of a recipe can need, beyond reading. Those of the recipes it requires stand there.
pub fn rights(recipe: &Recipe) -> Vec<RightNeeded> {
    let mut rights: Vec<RightNeeded> = Vec::new();
    let mut add = |action: &str, scope: String, when: Option<String>| {
        if !action.is_empty() && !rights.iter().any(|have| have.action == action && have.scope == scope) {
            rights.push(RightNeeded { role: covering_role(action), action: action.to_owned(), scope, when });
        }
    };
    for step in &recipe.steps {
        match &step.kind {
            StepKind::ContainerApp(fragment) => {
                add("Microsoft.App/containerApps/write", "the app".to_owned(), None);
                if has_key(fragment, "userAssignedIdentities") {
                    add(
                        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                        "the user-assigned identity".to_owned(),
                        Some("a user-assigned identity enters the app".to_owned()),
                    );
                }
                if has_key(fragment, "secrets") {
                    add(
                        "Microsoft.App/containerApps/listSecrets/action",
                        "the app".to_owned(),
                        Some("the app has secrets with a value, which are sent back".to_owned()),
                    );
                    add(
                        "Microsoft.App/containerApps/revisions/restart/action",
                        "the app".to_owned(),
                        Some("only secrets change: the revisions that use them are restarted".to_owned()),
                    );
                }
            }
            StepKind::RoleAssignment(role) => add(
                "Microsoft.Authorization/roleAssignments/write",
                scope_words(recipe, role.scope.value.text()),
                Some("the role is not there yet".to_owned()),
            ),
            StepKind::Resource(resource) => {
                let Some(kind) = types::find(&resource.kind.kind) else { continue };
                let name = words(&resource.name);
                add(
                    kind.write_action,
                    "the resource group".to_owned(),
                    Some(format!("the {} {name} is made", kind.noun)),
                );
            }
        }
    }
    rights
}

/// Where a role is given: the noun of the resource that the expression names, or the expression.
fn scope_words(recipe: &Recipe, text: &str) -> String {
    let inner = text.trim().trim_start_matches("${").trim_end_matches('}').trim();
    let root = inner.split('.').next().unwrap_or(inner);
    if root == "each" {
        return "the scope of the role".to_owned();
    }
    match recipe.existing.get(root).and_then(|lookup| types::find(&lookup.kind.kind)) {
        Some(kind) => format!("the {}", kind.noun),
        None => format!("`{inner}`"),
    }
}

/// A name for people: `id-${target.app}` as `id-<app>`.
fn words(name: &Expression) -> String {
    name.text().replace("${target.app}", "<app>")
}

/// Whether a key stands anywhere in a fragment.
fn has_key(tree: &Tree, key: &str) -> bool {
    match &tree.node {
        Node::Map(members) => {
            members.iter().any(|(name, _, member)| name.text() == key || has_key(member, key))
        }
        Node::List(items) => items.iter().any(|item| has_key(item, key)),
        Node::Scalar(_) | Node::Text(_) => false,
    }
}
