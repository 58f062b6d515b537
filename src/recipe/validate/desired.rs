//! What steps may want: parts of an app, directives, roles, and no path twice.

use std::collections::BTreeMap;

use super::Findings;
use crate::azure::types;
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expression::{Expression, Node, Tree};
use crate::recipe::suggest::{did_you_mean, list};
use crate::recipe::{Expr, Recipe, ResourceStep, Spanned, Step, StepKind};

/// The parts of an app that a fragment can have.
const APP_PARTS: &[&str] = &["identity", "configuration", "template", "tags"];
/// The directives of a fragment, and what each says.
pub(in crate::recipe) const DIRECTIVES: &[(&str, &str)] = &[
    ("delete", "it is to be absent; has no `value`"),
    ("replace", "exactly this, a list as a whole"),
    ("default", "this, if nothing is set; also: only at creation"),
    ("claim", "this, if nothing is set; refused if it is something else"),
];
/// The elements of a list are told apart by the first of these that they have.
const LIST_KEYS: &[&str] = &["name", "server", "mountPath", "volumeName", "type"];
/// Roles that give roles: whoever can run a recipe with one of them would give away everything.
/// Names and GUIDs as Microsoft's list of built-in roles has them.
const FORBIDDEN_ROLES: &[(&str, &str)] = &[
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("User Access Administrator", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"),
    ("Role Based Access Control Administrator", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"),
];

/// The name of the role when it is one that a recipe may not give; `role` is a name, a GUID or the
/// id of a role definition.
pub fn forbidden_role(role: &str) -> Option<&'static str> {
    let last = role.trim().rsplit('/').next().unwrap_or_default();
    FORBIDDEN_ROLES
        .iter()
        .find(|(name, guid)| last.eq_ignore_ascii_case(name) || last.eq_ignore_ascii_case(guid))
        .map(|(name, _)| *name)
}

/// Checks what the steps of the recipe want.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for step in &recipe.steps {
        match &step.kind {
            StepKind::ContainerApp(fragment) => {
                app_parts(fragment, findings);
                tree(fragment, findings);
            }
            StepKind::Resource(resource) => {
                tree(&resource.body, findings);
                matches(resource, findings);
            }
            StepKind::RoleAssignment(assignment) => role(&assignment.role, findings),
            StepKind::Sql(_)
            | StepKind::ImageBuild(_)
            | StepKind::Wait(_)
            | StepKind::Removal(_)
            | StepKind::PutBack(_)
            | StepKind::Service(_) => {}
            StepKind::Action(action) => {
                if let Some(body) = &action.body {
                    tree(body, findings);
                }
            }
        }
    }
    owned_twice(recipe, findings);
}

/// What a resource is found by must stand in its body; and what gives rights is found by whom it gives them to,
/// or it would be somebody else's.
fn matches(resource: &ResourceStep, findings: &mut Findings<'_>) {
    let principal = types::find(&resource.kind.kind).map_or("", |row| row.principal);
    let named = |path: &&Spanned<String>| path.value.eq_ignore_ascii_case(principal);
    if !principal.is_empty() && !gives(&resource.body, principal) {
        let message =
            format!("`body` does not give `{principal}`: whom it gives rights to stands in the recipe");
        findings.error(codes::FORBIDDEN_TYPE, resource.kind.span, message, format!("add `{principal}`"));
    }
    if let (Some(first), false) = (resource.matches.first(), principal.is_empty())
        && !resource.matches.iter().any(|path| named(&path))
    {
        let message = format!("without `{principal}` this finds what gives rights to somebody else");
        findings.error(codes::FORBIDDEN_TYPE, first.span, message, format!("add `{principal}`"));
    }
    for path in &resource.matches {
        if !gives(&resource.body, &path.value) {
            let message = format!("`body` does not give `{}`, by which the resource is found", path.value);
            findings.error(codes::UNKNOWN_REFERENCE, path.span, message, "a path of members of `body`");
        }
    }
}

/// Whether a fragment has a plain value at a path of members, or claims one.
fn gives(tree: &Tree, path: &str) -> bool {
    path.split('.')
        .try_fold(tree, |tree, key| match &tree.node {
            Node::Map(members) => {
                members.iter().find(|(name, ..)| name.text() == key).map(|(.., value)| value)
            }
            _ => None,
        })
        .is_some_and(|value| match &value.node {
            Node::Scalar(value) => !value.is_null(),
            Node::Text(_) => true,
            Node::Map(members) => claims(members),
            Node::List(_) => false,
        })
}

/// Whether a map is `{$patch: claim, value: …}`.
fn claims(members: &[(Expression, Span, Tree)]) -> bool {
    members.iter().any(|(key, _, word)| {
        let Node::Text(word) = &word.node else { return false };
        key.text() == "$patch" && word.literal().as_deref() == Some("claim")
    })
}

fn role(role: &Expr, findings: &mut Findings<'_>) {
    if let Some(name) = role.literal().as_deref().and_then(forbidden_role) {
        findings.error(
            codes::FORBIDDEN_ROLE,
            role.span,
            format!("a recipe may not give the role {name}"),
            "",
        );
    }
}

fn app_parts(fragment: &Tree, findings: &mut Findings<'_>) {
    let Node::Map(members) = &fragment.node else {
        findings.error(codes::WRONG_TYPE, fragment.span, "a fragment of an app is a map", "");
        return;
    };
    for (key, span, _) in members {
        let text = key.text();
        if !APP_PARTS.contains(&text) {
            let near = did_you_mean(text, APP_PARTS.iter().copied());
            let message = format!("a fragment of an app has no `{text}`");
            let diagnostic = Diagnostic::error(codes::UNKNOWN_KEY, message)
                .note(format!("it has {}", list(APP_PARTS.iter().copied())))
                .label(findings.source, *span, near);
            findings.push(diagnostic);
        }
    }
}

fn tree(fragment: &Tree, findings: &mut Findings<'_>) {
    match &fragment.node {
        Node::Scalar(_) | Node::Text(_) => {}
        Node::List(elements) => elements.iter().for_each(|element| tree(element, findings)),
        Node::Map(members) => {
            directive(members, findings);
            for (_, _, value) in members {
                tree(value, findings);
            }
        }
    }
}

fn directive(members: &[(Expression, Span, Tree)], findings: &mut Findings<'_>) {
    let Some((_, at, patch)) = members.iter().find(|(key, ..)| key.text() == "$patch") else {
        return;
    };
    let word = match &patch.node {
        Node::Text(expression) => expression.literal().unwrap_or_default(),
        _ => String::new(),
    };
    let has_value = members.iter().any(|(key, ..)| key.text() == "value");
    let extra = members.iter().find(|(key, ..)| !matches!(key.text(), "$patch" | "value"));
    let words = || DIRECTIVES.iter().map(|(word, _)| *word);
    if !words().any(|one| one == word) {
        let near = did_you_mean(&word, words());
        let message = format!("`$patch` is one of {}", list(words()));
        findings.error(codes::BAD_DIRECTIVE, patch.span, message, near);
    } else if let Some((key, span, _)) = extra {
        let message = format!("`{}` has no place beside `$patch`", key.text());
        findings.error(codes::BAD_DIRECTIVE, *span, message, "");
    } else if word == "delete" && has_value {
        findings.error(codes::BAD_DIRECTIVE, *at, "`delete` has no `value`", "");
    } else if word != "delete" && !has_value {
        findings.error(codes::BAD_DIRECTIVE, *at, format!("`{word}` needs a `value`"), "");
    }
}

/// A leaf that a step wants: the path as text, the value as text.
struct Leaf<'a> {
    step: &'a Step,
    path: String,
    value: String,
    span: Span,
}

/// Reports two unconditional, unordered steps that want different plain values in one place. What
/// only a plan can see (expressions, conditions) is left to it.
fn owned_twice(recipe: &Recipe, findings: &mut Findings<'_>) {
    let mut leaves: Vec<Leaf<'_>> = Vec::new();
    for step in recipe.steps.iter().filter(|step| step.when.is_none()) {
        match &step.kind {
            StepKind::ContainerApp(fragment) => collect(step, fragment, "app", &mut leaves),
            StepKind::Resource(resource) => {
                let start = format!("{} {}", resource.kind.kind.to_ascii_lowercase(), resource.name.text());
                collect(step, &resource.body, &start, &mut leaves);
            }
            StepKind::RoleAssignment(_)
            | StepKind::Sql(_)
            | StepKind::ImageBuild(_)
            | StepKind::Action(_)
            | StepKind::Wait(_)
            | StepKind::Removal(_)
            | StepKind::PutBack(_)
            | StepKind::Service(_) => {}
        }
    }
    let mut first: BTreeMap<&str, &Leaf<'_>> = BTreeMap::new();
    for leaf in &leaves {
        let rival = *first.entry(&leaf.path).or_insert(leaf);
        // `identity.type` is a comma-separated set: each step adds its own.
        if rival.value == leaf.value
            || leaf.path == "app.identity.type"
            || ordered(recipe, rival.step, leaf.step)
        {
            continue;
        }
        let path = leaf.path.strip_prefix("app.").unwrap_or(&leaf.path);
        let diagnostic = Diagnostic::error(
            codes::PATH_OWNED_TWICE,
            format!("`{path}` is wanted as {} and as {}", rival.value, leaf.value),
        )
        .label(&recipe.source, leaf.span, "")
        .label(&recipe.source, rival.span, "and here")
        .note("two steps may want one place only if one comes `after` the other");
        findings.push(diagnostic);
    }
}

/// Whether one of two different steps names the other under `after`.
fn ordered(recipe: &Recipe, a: &Step, b: &Step) -> bool {
    let follows = |later: &Step, earlier: &Step| {
        let mut open: Vec<&Step> = vec![later];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(step) = open.pop() {
            for name in &step.after {
                let Some(before) = recipe.step_written(&name.value) else {
                    continue;
                };
                if before.id.name == earlier.id.name {
                    return true;
                }
                if !seen.contains(&before.id.name.as_str()) {
                    seen.push(&before.id.name);
                    open.push(before);
                }
            }
        }
        false
    };
    a.id.name != b.id.name && (follows(a, b) || follows(b, a))
}

fn collect<'a>(step: &'a Step, tree: &Tree, path: &str, leaves: &mut Vec<Leaf<'a>>) {
    let mut leaf = |value: String| {
        leaves.push(Leaf { step, path: path.to_owned(), value, span: tree.span });
    };
    match &tree.node {
        Node::Scalar(serde_json::Value::Null) => {}
        Node::Scalar(value) => leaf(value.to_string()),
        Node::Text(expression) => {
            if let Some(text) = expression.literal() {
                leaf(format!("\"{text}\""));
            }
        }
        Node::List(elements) => {
            for element in elements {
                if let Some(key) = element_key(element) {
                    collect(step, element, &format!("{path}[{key}]"), leaves);
                }
            }
        }
        Node::Map(members) => {
            for (key, _, value) in members {
                collect(step, value, &format!("{path}.{}", key.text()), leaves);
            }
        }
    }
}

/// What tells an element of a list apart.
fn element_key(element: &Tree) -> Option<String> {
    let Node::Map(members) = &element.node else {
        return None;
    };
    LIST_KEYS.iter().find_map(|wanted| {
        members.iter().find_map(|(key, _, value)| match &value.node {
            Node::Text(expression) if key.text() == *wanted => Some(expression.text().to_owned()),
            _ => None,
        })
    })
}
