//! Types of resources: which a recipe may write, and which it can read.

use super::Findings;
use crate::azure::types::{self, Update};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Node, Tree};
use crate::recipe::{Recipe, ResourceStep, StepKind};

/// Types that no recipe may write, however the type table grows: the end of the type's name (or the
/// namespace, with a `/`), why, and what to do instead. A recipe of a stranger could otherwise do by the
/// generic step what `role_assignment` refuses.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("microsoft.authorization/", "it decides who may do what", "a role is given by `role_assignment`"),
    ("microsoft.resources/", "a deployment or group can hold anything", "declare the resource itself"),
    ("/federatedidentitycredentials", "it lets somebody outside sign in as the identity", ""),
    ("/accesspolicies", "it gives rights as a role does", "a role is given by `role_assignment`"),
    ("/sqlroleassignments", "it gives rights as a role does", ""),
    ("/accesspolicyassignments", "it gives rights as a role does", ""),
    ("microsoft.app/containerapps", "the app has a step of its own", "write `container_app`"),
    ("microsoft.managedservices/", "it hands a subscription to another tenant", ""),
];

/// Why a recipe may not write resources of this type, and what to do instead. What gives rights to one
/// principal, at a path that the type table names, is looked at as a role is.
fn forbidden(kind: &str) -> Option<(&'static str, &'static str)> {
    if types::find(kind).is_some_and(|row| !row.principal.is_empty()) {
        return None;
    }
    let kind = kind.to_ascii_lowercase();
    let fits = |name: &str| match (name.strip_prefix('/'), name.strip_suffix('/')) {
        (Some(_), _) => kind.ends_with(name),
        (_, Some(_)) => kind.starts_with(name),
        _ => kind == name,
    };
    FORBIDDEN.iter().find(|(name, ..)| fits(name)).map(|(_, why, instead)| (*why, *instead))
}

/// Whether a `resource` step may write this type.
pub(in crate::recipe) fn is_written(row: &types::ResourceType) -> bool {
    row.update != Update::Never && !row.write_action.is_empty() && forbidden(row.name).is_none()
}

/// Checks the types of steps and lookups.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for step in &recipe.steps {
        if let StepKind::Resource(resource) = &step.kind {
            written(resource, findings);
        }
    }
    for lookup in recipe.lookups() {
        let Some(lookup) = lookup.resource() else { continue };
        let known = types::find(&lookup.kind.kind).is_some();
        if !known && lookup.kind.version.is_none() {
            let kind = &lookup.kind.kind;
            let message =
                format!("the type {kind} is not in the type table, so its api-version must be given");
            let diagnostic = Diagnostic::error(codes::UNKNOWN_TYPE, message)
                .fix(format!("write `{kind}@` and the version, such as 2025-01-01"))
                .label(findings.source, lookup.kind.span, "");
            findings.push(diagnostic);
        }
    }
}

fn written(resource: &ResourceStep, findings: &mut Findings<'_>) {
    let kind = &resource.kind.kind;
    if let Some((why, instead)) = forbidden(kind) {
        let message = format!("a recipe may not write {kind} as a resource: {why}");
        findings.error(codes::FORBIDDEN_TYPE, resource.kind.span, message, instead);
        return;
    }
    let Some(row) = types::find(kind).filter(|row| is_written(row)) else {
        let writable = types::ALL.iter().filter(|row| is_written(row));
        let names: Vec<&str> = writable.map(|row| row.name).collect();
        let message =
            format!("resources of the type {kind} are not written: the type table has no row for it");
        let diagnostic = Diagnostic::error(codes::UNKNOWN_TYPE, message)
            .note("without a row nobody knows which of its properties are secret or set by Azure")
            .note(format!("a step can write {}", names.join(", ")))
            .label(findings.source, resource.kind.span, "");
        findings.push(diagnostic);
        return;
    };
    refused_paths(row, &resource.body, "", findings);
}

/// Paths that no recipe may write although their resource is.
fn refused_paths(kind: &types::ResourceType, tree: &Tree, path: &str, findings: &mut Findings<'_>) {
    if let Node::Map(members) = &tree.node {
        for (key, span, value) in members {
            let path = if path.is_empty() { key.text().to_owned() } else { format!("{path}.{}", key.text()) };
            if kind.gives_rights.iter().any(|one| one.eq_ignore_ascii_case(&path)) {
                let message = format!("a recipe may not write `{path}`: it gives rights as a role does");
                findings.error(codes::FORBIDDEN_TYPE, *span, message, "a role is given by `role_assignment`");
            }
            refused_paths(kind, value, &path, findings);
        }
    }
}
