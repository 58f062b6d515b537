//! What a recipe tells people.

use super::Findings;
use crate::diagnostic::codes;
use crate::recipe::{Expr, Recipe};

/// Missing words, and commands that a shell would not take as they are meant.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for input in recipe.inputs.values().filter(|input| input.description.is_none()) {
        let message = format!("the input `{}` has no `description`", input.id.written);
        findings.warning(codes::UNDESCRIBED, input.id.span, message, "");
    }
    for step in recipe.steps.iter().filter(|step| step.why.is_none()) {
        let message =
            format!("the step `{}` has no `why`; a plan shows it beside the change", step.id.written);
        findings.warning(codes::UNDESCRIBED, step.id.span, message, "");
    }
    for check in recipe.prerequisites.iter().filter(|check| check.otherwise.is_none()) {
        let message = "a prerequisite without `otherwise` cannot say what is wrong";
        findings.warning(codes::UNDESCRIBED, check.span, message, "");
    }
    let gates = recipe.rollout.iter().flat_map(|rollout| &rollout.checks);
    let checks = recipe.prerequisites.iter().chain(gates).chain(&recipe.verify).map(|check| &check.fix);
    for fix in checks.chain(recipe.existing.values().map(|lookup| &lookup.fix)).flatten() {
        command(fix, findings);
    }
}

fn command(fix: &Expr, findings: &mut Findings<'_>) {
    let text = fix.value.text();
    if text.trim_end_matches('\n').contains(['\n', '\r']) {
        findings.error(codes::BAD_FIX, fix.span, "a `fix` is one line", "it is shown on one, to be pasted");
    }
    // Each value becomes one word by itself; quotes around it would open it again.
    let mut quote = None;
    let mut at = 0;
    let queries = fix.value.queries();
    for (start, c) in text.char_indices() {
        if start < at {
            continue;
        }
        if let Some(query) =
            queries.iter().find(|query| query.start == start + 2 && text[start..].starts_with("${"))
        {
            at = query.end + 1;
            if quote.is_some() {
                let message = "this value stands within quotes, and is quoted by itself already";
                findings.error(codes::BAD_FIX, fix.span, message, "leave the quotes around `${…}` out");
                return;
            }
            continue;
        }
        match (c, quote) {
            ('\'' | '"' | '`', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
}
