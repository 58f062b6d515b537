//! The catalogue as people read it: the list, one recipe in full, the sandbox's rules.

use std::fmt::Write;

use anstyle::Style;

use super::text::wrapped;
use crate::recipe::{Complexity, Goal, LookupKind, Origin, Recipe, StepKind};
use crate::report::{StandingReport, rights};
use crate::sandbox::edit::Variant;
use crate::sandbox::rules::{Rule, Standing};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The word for how much a recipe asks of a reader.
fn complexity(value: Complexity) -> &'static str {
    match value {
        Complexity::Low => "low",
        Complexity::Medium => "medium",
        Complexity::High => "high",
    }
}

fn goal(value: Goal) -> &'static str {
    match value {
        Goal::Safety => "safety",
        Goal::Security => "security",
        Goal::Velocity => "velocity",
    }
}

/// A table of recipes.
pub fn recipe_list<'r>(recipes: impl Iterator<Item = &'r Recipe>) -> String {
    let rows: Vec<[&str; 4]> = recipes
        .map(|recipe| {
            [recipe.name.value.as_str(), &recipe.category, complexity(recipe.complexity), &recipe.title]
        })
        .collect();
    let titles = ["RECIPE", "CATEGORY", "COMPLEXITY", "WHAT IT DOES"];
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).chain([titles[column].len()]).max().unwrap_or(0)
    };
    let (a, b, c) = (width(0), width(1), width(2));
    let mut text = String::new();
    for row in std::iter::once(&titles).chain(rows.iter()) {
        let _ = writeln!(text, "{:a$}  {:b$}  {:c$}  {}", row[0], row[1], row[2], row[3]);
    }
    text
}

/// How a recipe stands on an app, in a few words for the map.
pub fn standing(report: &StandingReport) -> String {
    let more = match report.reasons.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let first = report.reasons.first().map_or("", String::as_str);
    match (report.state, report.in_place, report.of) {
        ("in-place", ..) => "✓ in place".to_owned(),
        ("partly", Some(in_place), Some(of)) => format!("{in_place} of {of} steps in place"),
        ("absent", ..) => "not in place".to_owned(),
        ("nothing", ..) => "nothing to do here".to_owned(),
        ("missing", ..) => format!("! {first}{more}"),
        _ => format!("? {first}{more}"),
    }
}

/// One recipe in full.
pub fn recipe_page(recipe: &Recipe, width: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{BOLD}{}{BOLD:#}: {}", recipe.name.value, recipe.title);
    let goals: Vec<&str> = recipe.goals.iter().map(|value| goal(*value)).collect();
    let _ = write!(text, "{}, {} complexity", recipe.category, complexity(recipe.complexity));
    if !goals.is_empty() {
        let _ = write!(text, ", for {}", goals.join(", "));
    }
    let _ = writeln!(text);
    if let Some(concept) = &recipe.concept {
        let _ = writeln!(text, "{DIM}{concept}{DIM:#}");
    }
    if let Origin::Folder(folder) = &recipe.origin {
        let _ = writeln!(text, "not built in: {}", folder.display());
    }
    if !recipe.requires.is_empty() {
        let names: Vec<&str> = recipe.requires.iter().map(|one| one.recipe.value.as_str()).collect();
        let _ = writeln!(text, "applies with it: {}", names.join(", "));
    }
    let _ = writeln!(text, "\n{BOLD}Inputs{BOLD:#} (-p name=value)");
    for input in recipe.inputs.values() {
        let mut marks = Vec::new();
        if input.required {
            marks.push("required".to_owned());
        }
        if input.secret {
            marks.push("secret".to_owned());
        }
        if !input.env.is_empty() {
            let names: Vec<String> = input.env.iter().map(|name| format!("${name}")).collect();
            marks.push(names.join(" or "));
        }
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        let _ = writeln!(text, "  {}{marks}", input.id.written);
        if let Some(description) = &input.description {
            text.push_str(&wrapped(description.trim(), 6, width));
        }
    }
    if !recipe.prerequisites.is_empty() || !recipe.existing.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Prerequisites{BOLD:#}");
        for lookup in recipe.existing.values().filter(|lookup| !lookup.optional) {
            let kind = match &lookup.kind {
                LookupKind::Resource(resource) => resource.kind.kind.as_str(),
                LookupKind::Manifest(_) => "image in a registry",
                LookupKind::Action(action) => action.name.value.as_str(),
                LookupKind::Dockerfile(_) => "local Dockerfile",
                LookupKind::Certificate(_) => "file of a certificate",
                LookupKind::Requirements(_) => "requirements of a local project",
                LookupKind::Dns(_) => "records of a name",
            };
            let _ = writeln!(text, "  {} ({kind})", lookup.id.written);
        }
        for check in &recipe.prerequisites {
            let name = check.name.as_ref().map_or(check.subject().value.text(), |name| name.value.text());
            let _ = writeln!(text, "  {name}");
        }
    }
    let _ = writeln!(text, "\n{BOLD}Steps{BOLD:#}");
    for step in &recipe.steps {
        let kind = match &step.kind {
            StepKind::ContainerApp(_) => "the app".to_owned(),
            StepKind::Resource(resource) => resource.kind.kind.clone(),
            StepKind::RoleAssignment(role) => format!("role {}", role.role.value.text()),
            StepKind::Sql(user) => format!("database user {}", user.name.value.text()),
            StepKind::ImageBuild(build) => format!("image of {}", build.context.value.text()),
            StepKind::Action(action) => action.name.value.clone(),
            StepKind::Wait(_) => "wait".to_owned(),
            StepKind::Removal(_) => "removal".to_owned(),
            StepKind::PutBack(_) => "what a run did".to_owned(),
            StepKind::Service(_) => "a revision".to_owned(),
        };
        let why = step.why.as_ref().map_or(String::new(), |why| format!(": {}", why.value.text()));
        let _ = writeln!(text, "  {} ({kind}){why}", step.id.written);
    }
    let _ = writeln!(
        text,
        "\n{BOLD}Rights{BOLD:#}, beyond reading (Reader on the resource group and on what inputs name)\n  A run needs only those for what it really changes; acarecipe check tells which you lack."
    );
    for right in rights(recipe) {
        let when = right.when.map_or(String::new(), |when| format!(", when {when}"));
        let _ = writeln!(
            text,
            "  {}\n      on {}{when}; {DIM}{}; for {}{DIM:#}",
            right.action,
            right.scope,
            right.role,
            right.steps.join(", ")
        );
    }
    for required in &recipe.requires {
        let _ = writeln!(text, "  those of {}", required.recipe.value);
    }
    if !recipe.outputs.is_empty() {
        let names: Vec<&str> = recipe.outputs.keys().map(String::as_str).collect();
        let _ = writeln!(text, "\n{BOLD}Outputs{BOLD:#}\n  {}", names.join(", "));
    }
    if !recipe.docs.is_empty() {
        let _ = writeln!(text, "\n{BOLD}See{BOLD:#}");
        for url in &recipe.docs {
            let _ = writeln!(text, "  {url}");
        }
    }
    text
}

/// The sandbox's rules, with source and whether they are confirmed.
pub fn rules<'a>(rules: impl Iterator<Item = &'a Rule>) -> String {
    let mut text = String::new();
    for rule in rules {
        let word = if matches!(rule.standing, Standing::Assumed { .. }) { "assumed" } else { "confirmed" };
        let _ =
            writeln!(text, "{BOLD}{}{BOLD:#} ({word})\n  {}\n  source: {}", rule.id, rule.fact, rule.source);
    }
    text
}

/// The sandbox's callers, and its variants with what each takes.
pub fn variants(callers: &[(&str, &str)], variants: &[Variant]) -> String {
    let mut text = format!("{BOLD}Callers{BOLD:#}\n");
    for (name, about) in callers {
        let _ = writeln!(text, "  {name}  {DIM}{about}{DIM:#}");
    }
    let _ = writeln!(text, "\n{BOLD}Variants{BOLD:#}");
    for variant in variants {
        let takes: Vec<String> = variant
            .takes
            .iter()
            .map(|takes| if takes.optional { format!("[{}]", takes.name) } else { takes.name.to_owned() })
            .collect();
        let takes = if takes.is_empty() { String::new() } else { format!("  with: {}", takes.join(", ")) };
        let _ = writeln!(text, "  {}{takes}\n      {DIM}{}{DIM:#}", variant.name, variant.about);
    }
    text
}
