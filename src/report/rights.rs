//! The rights that a recipe can need, from its steps and the type table: the least that will do, each
//! with the steps that need it, where, and the smallest built-in role that holds it. What one run
//! really needs is less, and `acarecipe check` says it.

use serde::Serialize;

use crate::azure::builds::{BUILD_ACTIONS, PUSH_ACTION};
use crate::azure::roles;
use crate::azure::types::{self, Linked, LinkedOn, LinkedWhen, ResourceType, Update};
use crate::expression::{Expression, Node, Tree};
use crate::recipe::{LookupKind, Recipe, StepKind};

/// What takes a revision out of service.
const DEACTIVATE: &str = "Microsoft.App/containerApps/revisions/deactivate/action";

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
    /// The steps that need it.
    pub steps: Vec<String>,
}

/// What the steps of a recipe can need, beyond reading. Those of the recipes it requires stand there.
pub fn rights(recipe: &Recipe) -> Vec<RightNeeded> {
    let mut rights = Vec::new();
    for step in &recipe.steps {
        let id = step.id.written.as_str();
        match &step.kind {
            StepKind::ContainerApp(fragment) => {
                if let Some(kind) = types::find("Microsoft.App/containerApps") {
                    add(&mut rights, kind.write_action, "the app".to_owned(), None, id);
                    linked(&mut rights, kind, fragment, "the app", id);
                }
            }
            StepKind::RoleAssignment(role) => {
                let scope = scope_words(recipe, role.scope.value.text());
                let when = Some("the role is not there yet".to_owned());
                add(&mut rights, "Microsoft.Authorization/roleAssignments/write", scope, when, id);
            }
            // A database has rights of its own; what is waited for is read; the others stand in no recipe.
            StepKind::Sql(_)
            | StepKind::Wait(_)
            | StepKind::Removal(_)
            | StepKind::PutBack(_)
            | StepKind::Service(_) => {}
            StepKind::ImageBuild(build) => {
                let scope = scope_words(recipe, build.registry.value.text());
                let when = Some("what is to be built is not in the registry yet".to_owned());
                for action in BUILD_ACTIONS.iter().filter(|action| !action.ends_with("/read")) {
                    add(&mut rights, action, scope.clone(), when.clone(), id);
                }
                if build.tags.is_some() {
                    let when = Some("the image is there without one of its further tags".to_owned());
                    add(&mut rights, PUSH_ACTION, scope, when, id);
                }
            }
            StepKind::Action(action) => {
                let text = action.resource.value.text();
                let kinds: Vec<&ResourceType> = match asked_of(recipe, text) {
                    Some(kind) => vec![kind],
                    // Its id is put together: what such an action can be sent to.
                    None => {
                        types::ALL.iter().filter(|row| row.effect(&action.name.value).is_some()).collect()
                    }
                };
                let [kind] = kinds.as_slice() else { continue };
                let when = if action.reads() { "a write needs what it answers" } else { "it is due" };
                let when = Some(when.to_owned());
                let right = format!("{}/{}/action", kind.name, action.name.value);
                add(&mut rights, &right, format!("the {}", kind.noun), when, id);
            }
            StepKind::Resource(resource) => {
                let Some(kind) = types::find(&resource.kind.kind) else { continue };
                let scope = match &resource.parent {
                    Some(parent) => scope_words(recipe, parent.value.text()),
                    None => "the resource group".to_owned(),
                };
                let when = Some(format!("the {} {} is made", kind.noun, words(&resource.name)));
                add(&mut rights, kind.write_action, scope.clone(), when, id);
                linked(&mut rights, kind, &resource.body, &scope, id);
            }
        }
    }
    for lookup in recipe.lookups() {
        let LookupKind::Action(action) = &lookup.kind else { continue };
        let Some(kind) = asked_of(recipe, action.resource.value.text()) else { continue };
        let right = format!("{}/{}/action", kind.name, action.name.value);
        let when = Some("it is to be looked at; without it that is told, and the run goes on".to_owned());
        add(&mut rights, &right, format!("the {}", kind.noun), when, &lookup.id.written);
    }
    if recipe.rollout.is_some() {
        const POLICY: &str = "rollout";
        let app = || "the app".to_owned();
        if let Some(kind) = types::find("Microsoft.App/containerApps") {
            add(&mut rights, kind.write_action, app(), None, POLICY);
        }
        let when = Some("a revision is taken back, or out of service".to_owned());
        add(&mut rights, DEACTIVATE, app(), when, POLICY);
    }
    rights
}

fn add(rights: &mut Vec<RightNeeded>, action: &str, scope: String, when: Option<String>, step: &str) {
    if action.is_empty() {
        return;
    }
    match rights.iter_mut().find(|have| have.action == action && have.scope == scope) {
        Some(have) => have.steps.push(step.to_owned()),
        None => rights.push(RightNeeded {
            role: roles::covering(&[action]).first().map_or("Owner", |role| role.name),
            action: action.to_owned(),
            scope,
            when,
            steps: vec![step.to_owned()],
        }),
    }
}

/// The linked actions of a type that a fragment can bring about.
fn linked(rights: &mut Vec<RightNeeded>, kind: &ResourceType, fragment: &Tree, itself: &str, step: &str) {
    let secrets = has_key(fragment, "secrets");
    for row in kind.linked {
        let concerned = match row.when {
            LinkedWhen::Changes(path) => has_key(fragment, path.rsplit('.').next().unwrap_or(path)),
            // One that is written as a whole sends them back whatever changes.
            LinkedWhen::Resends => secrets || kind.update == Update::Put,
            LinkedWhen::Restarts => secrets,
            // It stops nothing, and whether there is any need of it is not known.
            LinkedWhen::Perhaps => false,
        };
        if concerned {
            let scope = match row.on {
                LinkedOn::Itself => itself.to_owned(),
                LinkedOn::Key | LinkedOn::Value | LinkedOn::Live(_) => format!("the {}", target(row)),
            };
            add(rights, row.action, scope, when(row), step);
        }
    }
}

/// The noun of what a linked action is needed on.
fn target(row: &Linked) -> &'static str {
    let of =
        |kind: &&ResourceType| row.action.strip_prefix(kind.name).is_some_and(|rest| rest.starts_with('/'));
    types::ALL.iter().filter(of).max_by_key(|kind| kind.name.len()).map_or("resource", |kind| kind.noun)
}

fn when(row: &Linked) -> Option<String> {
    match row.when {
        LinkedWhen::Changes(path) => Some(format!("`{path}` changes")),
        LinkedWhen::Resends => Some("there are other secrets with values, which are sent back".to_owned()),
        LinkedWhen::Restarts => {
            Some("only secrets change: the revisions that use them are restarted".to_owned())
        }
        LinkedWhen::Perhaps => None,
    }
}

/// The type of the resource that an expression names: a lookup, or what a step makes.
fn asked_of(recipe: &Recipe, text: &str) -> Option<&'static ResourceType> {
    let inner = text.trim().trim_start_matches("${").trim_end_matches('}').trim();
    let mut names = inner.split('.');
    match (names.next()?, names.next()) {
        ("steps", Some(step)) => match &recipe.step(step)?.kind {
            StepKind::Resource(resource) => types::find(&resource.kind.kind),
            _ => None,
        },
        ("app", _) => types::find("Microsoft.App/containerApps"),
        ("environment", _) => types::find("Microsoft.App/managedEnvironments"),
        (root, _) => types::find(&recipe.existing.get(root)?.resource()?.kind.kind),
    }
}

/// Where a role is given or a child is made: the noun of the resource that the expression names, or the
/// expression.
fn scope_words(recipe: &Recipe, text: &str) -> String {
    let inner = text.trim().trim_start_matches("${").trim_end_matches('}').trim();
    let root = inner.split('.').next().unwrap_or(inner);
    if root == "each" {
        return "the scope of the role".to_owned();
    }
    if inner == "environment" {
        return "the environment".to_owned();
    }
    if inner.contains("${") {
        return format!("`{}`", text.trim());
    }
    match recipe.existing.get(root).and_then(|lookup| types::find(&lookup.resource()?.kind.kind)) {
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
