//! What a step's fragment says, place by place, in the words of the type table.

use crate::azure::types::{self, ResourceType};
use crate::diagnostic::Span;
use crate::expression::{Expression, Node, Tree};
use crate::recipe::{Step, StepKind};

/// A place of a fragment.
pub(super) struct Spot<'a> {
    /// The path as the type table writes it: `properties.template.containers[].env[]`.
    pub(super) pattern: &'a str,
    pub(super) what: What<'a>,
}

/// What stands there.
pub(super) enum What<'a> {
    /// The name of a member; the pattern is that of the member.
    Key(&'a Expression, Span),
    /// Text.
    Text(&'a Expression, Span),
    /// A boolean, a number or null.
    Scalar(&'a serde_json::Value, Span),
    /// An element of a list, as a whole; the pattern is that of the list.
    Element(&'a Tree),
}

/// The type that a step writes and its fragment.
pub(super) fn of(step: &Step) -> Option<(Option<&'static ResourceType>, &Tree)> {
    match &step.kind {
        StepKind::ContainerApp(tree) => Some((types::find("Microsoft.App/containerApps"), tree)),
        StepKind::Resource(resource) => Some((types::find(&resource.kind.kind), &resource.body)),
        StepKind::RoleAssignment(_)
        | StepKind::Sql(_)
        | StepKind::ImageBuild(_)
        | StepKind::Action(_)
        | StepKind::Wait(_)
        | StepKind::Removal(_)
        | StepKind::PutBack(_)
        | StepKind::Service(_) => None,
    }
}

/// Calls `visit` with every place of a step's fragment, from the outside in. A directive stands for its
/// value.
pub(super) fn walk(step: &Step, visit: &mut dyn FnMut(&Spot<'_>)) {
    let Some((_, tree)) = of(step) else { return };
    match (&step.kind, &tree.node) {
        (StepKind::ContainerApp(_), Node::Map(members)) => {
            for (key, span, value) in members {
                let name = key.text();
                // Both stand below `properties` in ARM.
                let below = matches!(name, "configuration" | "template");
                let pattern = if below { format!("properties.{name}") } else { name.to_owned() };
                visit(&Spot { pattern: &pattern, what: What::Key(key, *span) });
                below_of(value, &pattern, visit);
            }
        }
        _ => below_of(tree, "", visit),
    }
}

fn below_of(tree: &Tree, pattern: &str, visit: &mut dyn FnMut(&Spot<'_>)) {
    match &tree.node {
        Node::Scalar(value) => visit(&Spot { pattern, what: What::Scalar(value, tree.span) }),
        Node::Text(text) => visit(&Spot { pattern, what: What::Text(text, tree.span) }),
        Node::List(items) => {
            let below = format!("{pattern}[]");
            for item in items {
                visit(&Spot { pattern, what: What::Element(item) });
                below_of(item, &below, visit);
            }
        }
        Node::Map(members) => {
            if members.iter().any(|(key, ..)| key.text() == "$patch") {
                let value = members.iter().find(|(key, ..)| key.text() == "value");
                if let Some((_, _, value)) = value {
                    below_of(value, pattern, visit);
                }
                return;
            }
            for (key, span, value) in members {
                let own = if pattern.is_empty() {
                    key.text().to_owned()
                } else {
                    format!("{pattern}.{}", key.text())
                };
                visit(&Spot { pattern: &own, what: What::Key(key, *span) });
                below_of(value, &own, visit);
            }
        }
    }
}
