//! What people read of a run: header, checks, plan, ending.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::report::{Action, AppliedReport, Check, Counts, Ending, PlanReport, Report, Sign, TargetReport};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The one line every run starts with.
pub fn header(target: &TargetReport, sandbox: bool) -> String {
    let tenant = target.tenant.as_deref().unwrap_or("unknown");
    let caller = target.caller.as_deref().unwrap_or("unknown");
    let mark = if sandbox { " [sandbox]" } else { "" };
    format!(
        "{BOLD}{}/{}{BOLD:#} in {} (from {}), tenant {tenant}, {}, as {caller}{mark}\n",
        target.resource_group, target.app, target.subscription, target.subscription_from, target.cloud
    )
}

fn sign(status: &str) -> (Style, &'static str) {
    match status {
        "passed" => (GREEN, "✓"),
        "warning" => (YELLOW, "!"),
        "failed" => (RED, "✗"),
        "not-exercised" => (DIM, "○"),
        _ => (YELLOW, "?"),
    }
}

/// A list of judgements under a title. Passed ones take a line; the others say why and what to do.
pub fn checks(title: &str, checks: &[Check]) -> String {
    let mut text = format!("\n{BOLD}{title}{BOLD:#}\n");
    if checks.is_empty() {
        let _ = writeln!(text, "  none");
    }
    for check in checks {
        let (style, mark) = sign(check.status);
        let recipe =
            check.recipe.as_ref().map_or(String::new(), |recipe| format!("{}: ", recipe.replace('_', "-")));
        let simulated = if check.simulated { " (simulated)" } else { "" };
        let _ = write!(text, "  {style}{mark}{style:#} {recipe}{}{simulated}", check.name);
        match (&check.detail, check.status) {
            (Some(detail), "passed") if !detail.is_empty() => {
                let _ = writeln!(text, "  {DIM}{detail}{DIM:#}");
            }
            (Some(detail), status) if !detail.is_empty() && *detail != check.name => {
                let word = match status {
                    "could-not-check" => "could not check: ",
                    "not-exercised" => "not exercised: ",
                    _ => "",
                };
                let _ = writeln!(text, "\n      {word}{detail}");
            }
            _ => {
                let _ = writeln!(text);
            }
        }
        if check.status != "passed" {
            if let Some(fix) = &check.fix {
                let _ = writeln!(text, "      fix: {fix}");
            }
            if let Some(docs) = &check.docs {
                let _ = writeln!(text, "      see: {docs}");
            }
        }
    }
    text
}

/// A plan as Terraform's readers know it: `+ ~ -`, before → after, why, and what follows.
pub fn plan(plan: &PlanReport) -> String {
    let mut text = String::new();
    for folder in &plan.foreign_recipes {
        let _ = writeln!(text, "\n{YELLOW}!{YELLOW:#} {folder}");
    }
    if let Some(owner) = &plan.other_owner {
        let _ = writeln!(text, "\n{YELLOW}!{YELLOW:#} {owner}");
    }
    if plan.empty {
        let _ = writeln!(text, "\nNo changes. What the recipes own is as they want it.");
        return text;
    }
    let _ = writeln!(text, "\n{BOLD}Plan: {}{BOLD:#}", summary(plan));
    for write in &plan.writes {
        let (style, mark, verb) = match write.action {
            Action::Create => (GREEN, "+", "will be created"),
            Action::Update => (YELLOW, "~", "will be changed"),
        };
        let on = if write.noun == "role assignment" { " on" } else { "" };
        let _ = writeln!(
            text,
            "\n  {style}{mark}{style:#} {}{on} {BOLD}{}{BOLD:#} {verb}",
            write.noun, write.name
        );
        let width = write.changes.iter().map(|leaf| leaf.path.chars().count()).max().unwrap_or(0).min(56);
        let mut last_why: Vec<String> = Vec::new();
        for leaf in &write.changes {
            let (style, mark) = match leaf.action {
                Sign::Add => (GREEN, "+"),
                Sign::Change => (YELLOW, "~"),
                Sign::Remove => (RED, "-"),
            };
            if leaf.why != last_why {
                for why in &leaf.why {
                    let _ = writeln!(text, "      {DIM}# {why}{DIM:#}");
                }
                last_why.clone_from(&leaf.why);
            }
            let (before, after) = &leaf.shown;
            let values = match leaf.action {
                Sign::Add => after.clone(),
                Sign::Change => format!("{before} → {after}"),
                Sign::Remove => format!("{before} → (removed)"),
            };
            let _ = writeln!(text, "      {style}{mark}{style:#} {:width$}  {values}", leaf.path);
        }
        for consequence in &write.consequences {
            let _ = writeln!(text, "      → {consequence}");
        }
    }
    text
}

/// `2 writes, 1 role assignment, 1 new revision`.
fn summary(plan: &PlanReport) -> String {
    let revisions = match plan.new_revisions {
        0 => "no new revision".to_owned(),
        count => counted(count, "new revision"),
    };
    format!("{}, {revisions}", counted(plan.writes.len(), "write"))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Outputs and notes.
pub fn outputs(report: &Report) -> String {
    let mut text = String::new();
    if report.outputs.values().any(|outputs| !outputs.is_empty()) {
        let _ = writeln!(text, "\n{BOLD}Outputs{BOLD:#}");
        for (instance, outputs) in &report.outputs {
            for (name, value) in outputs {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = writeln!(text, "  {}.{name} = {value}", instance.replace('_', "-"));
            }
        }
    }
    if !report.notes.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Next{BOLD:#}");
        for (instance, note) in &report.notes {
            let _ = writeln!(text, "  {}: {note}", instance.replace('_', "-"));
        }
    }
    text
}

/// The last line: what was done and how it ended.
pub fn ending(ending: Ending, applied: Option<&AppliedReport>, counts: Counts, sandbox: bool) -> String {
    let mark = if sandbox { " [sandbox]" } else { "" };
    let (style, word) = match ending {
        Ending::Ok => (GREEN, "Done"),
        Ending::ChangesFound => (YELLOW, "Changes found"),
        Ending::Interrupted | Ending::Terminated => (YELLOW, "Interrupted"),
        Ending::PrerequisitesMissing => (RED, "Prerequisites missing; nothing was written"),
        Ending::VerificationFailed => (RED, "Verification failed"),
        Ending::Failed => (RED, "Failed"),
        Ending::Usage => (RED, "Nothing was done"),
    };
    let mut text = format!("\n{style}{word}{style:#}: ");
    let _ = match applied {
        Some(applied) => write!(
            text,
            "{}, {}, ",
            counted(applied.writes.len(), "write"),
            match applied.revisions.len() {
                0 => "no new revision".to_owned(),
                count => counted(count, "new revision"),
            }
        ),
        None => Ok(()),
    };
    let _ = writeln!(
        text,
        "{}{mark}",
        counted(usize::try_from(counts.requests).unwrap_or(usize::MAX), "request")
    );
    text
}
