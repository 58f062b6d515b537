//! `action` steps with an effect: when they are due, and what a step says that has none. And what a `wait` looks at.

use super::Findings;
use crate::azure::types;
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::{Lookup, LookupKind, Recipe, StepKind};

/// Checks what only such a step may say, and what it must.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for step in &recipe.steps {
        let effect = match &step.kind {
            // A name that is no action's is told as that.
            StepKind::Action(action) => {
                types::effects().any(|name| name == action.name.value).then_some(action)
            }
            _ => None,
        };
        if let StepKind::Wait(wait) = &step.kind {
            waited(&wait.lookup, findings);
        }
        match effect {
            Some(action) if step.when.is_none() && step.triggered_by.is_empty() => {
                let message = format!("every run would {} it again", action.name.value);
                let diagnostic = Diagnostic::error(codes::MISSING_KEY, message)
                    .note("`when`, from what is there, says whether it is still to be done; `triggered_by` which step's write makes it due")
                    .label(findings.source, step.id.span, "needs `when` or `triggered_by`");
                findings.push(diagnostic);
            }
            Some(_) => {}
            None => {
                let only = "has a meaning for an action with an effect only";
                if let Some(first) = step.triggered_by.first() {
                    findings.error(codes::UNKNOWN_KEY, first.span, format!("`triggered_by` {only}"), "");
                }
                if let Some(span) = step.never {
                    findings.error(codes::UNKNOWN_KEY, span, format!("`retry: never` {only}"), "");
                }
            }
        }
    }
}

/// A wait has one thing to look at, in the words of a lookup; when and how often is the step's to say.
fn waited(lookup: &Lookup, findings: &mut Findings<'_>) {
    if !matches!(lookup.kind, LookupKind::Resource(_) | LookupKind::Action(_) | LookupKind::Dns(_)) {
        let message = "a wait looks at a resource, a DNS answer, or what an `action` answers";
        findings.error(codes::BAD_VALUE, lookup.span, message, "this does not change by itself");
    }
    let beside = lookup.when.is_some()
        || lookup.for_each.is_some()
        || !lookup.after.is_empty()
        || lookup.optional
        || lookup.fix.is_some()
        || lookup.docs.is_some();
    if beside {
        let message = "`optional`, `when`, `for_each`, `after`, `fix` and `docs` mean nothing in a wait";
        findings.error(codes::UNKNOWN_KEY, lookup.span, message, "say it of the step");
    }
}
