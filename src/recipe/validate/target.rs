//! Recipes that work on no app: what means nothing without one.

use super::Findings;
use crate::diagnostic::codes;
use crate::recipe::{Catalogue, CheckKind, Recipe, StepKind, Target};

/// What the recipe's target leaves out, if it names something of that.
pub(super) fn left_out(target: Target, path: &[&str]) -> Option<String> {
    let names = |wanted: &[&str]| path.first().is_some_and(|root| wanted.contains(root));
    let of_target = |wanted: &[&str]| {
        path.first() == Some(&"target") && path.get(1).is_some_and(|field| wanted.contains(field))
    };
    let app = names(&["app", "container", "candidate"]) || of_target(&["app", "container"]);
    let environment = names(&["environment"]) || of_target(&["environment"]);
    let what = if target < Target::App && app {
        "app"
    } else if target < Target::Environment && environment {
        "environment"
    } else {
        return None;
    };
    Some(format!("there is no {what} in a recipe whose target is `{}`", target.word()))
}

/// Checks steps, checks and requirements; what expressions read is checked with the references.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    if recipe.target == Target::App {
        return;
    }
    let word = recipe.target.word();
    for step in recipe.steps.iter().filter(|step| matches!(step.kind, StepKind::ContainerApp(_))) {
        let message = format!("a recipe whose target is `{word}` has no app to change");
        findings.error(codes::NO_APP, step.id.span, message, "");
    }
    if let Some(rollout) = &recipe.rollout {
        let message = format!("a recipe whose target is `{word}` makes no revision to roll out");
        findings.error(codes::NO_APP, rollout.span, message, "");
    }
    for check in recipe.prerequisites.iter().chain(&recipe.verify) {
        if let CheckKind::Http(http) = &check.kind {
            let message =
                format!("an http check asks the app, and a recipe whose target is `{word}` has none");
            findings.error(codes::NO_APP, http.url.span, message, "");
        }
    }
    for requirement in &recipe.requires {
        let Ok(required) = catalogue.get(&requirement.recipe.value) else { continue };
        if required.target > recipe.target {
            let message = format!(
                "{} works on `{}`, and a recipe whose target is `{word}` has none to give it",
                required.name.value,
                required.target.word()
            );
            findings.error(codes::NO_APP, requirement.recipe.span, message, "");
        }
    }
}
