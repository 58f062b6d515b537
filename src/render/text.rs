//! What people read of a run: header, checks, plan, ending.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::report::{Action, Check, Ending, InstanceReport, PlanReport, Report, Sign, TargetReport, typed};
use crate::value::strip_control;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// How a run in the sandbox is marked wherever it says where it is or how it ended.
const SANDBOX: &str = " [sandbox]";

/// The one line every run starts with.
pub fn header(target: &TargetReport, sandbox: bool) -> String {
    let tenant = strip_control(target.tenant.as_deref().unwrap_or("unknown"));
    let caller = strip_control(target.caller.as_deref().unwrap_or("unknown"));
    let within = match (&target.app, &target.environment) {
        (Some(app), _) => format!(", app {BOLD}{app}{BOLD:#}"),
        (None, Some(environment)) => format!(", environment {BOLD}{environment}{BOLD:#}"),
        (None, None) => String::new(),
    };
    let group = match target.resource_group.as_str() {
        "" => "every group".to_owned(),
        group => format!("group {BOLD}{group}{BOLD:#}"),
    };
    format!(
        "{}, tenant {tenant}, subscription {} (from {}), {group}{within}, as {caller}{}\n",
        target.cloud,
        target.subscription,
        target.subscription_from,
        mark(sandbox)
    )
}

fn mark(sandbox: bool) -> &'static str {
    if sandbox { SANDBOX } else { "" }
}

fn sign(status: &str) -> (Style, &'static str) {
    match status {
        "passed" => (GREEN, "✓"),
        "warning" | "action-required" => (YELLOW, "!"),
        "failed" => (RED, "✗"),
        "not-exercised" => (DIM, "○"),
        _ => (YELLOW, "?"),
    }
}

/// A list of judgements under a title. Passed ones take a line; the others say why and what to do.
pub fn checks(title: &str, checks: &[Check], instances: &[InstanceReport]) -> String {
    let mut text = format!("\n{BOLD}{title}{BOLD:#}\n");
    if checks.is_empty() {
        let _ = writeln!(text, "  none");
    }
    for check in checks {
        let (style, mark) = sign(check.status);
        let recipe =
            check.recipe.as_ref().map_or(String::new(), |name| format!("{}: ", typed(instances, name)));
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
                    "action-required" => "action required: ",
                    _ => "",
                };
                let _ = writeln!(text, "\n      {word}{detail}");
            }
            _ => {
                let _ = writeln!(text);
            }
        }
        if check.status != "passed" {
            if let Some(at) = &check.at {
                let _ = writeln!(text, "      at: {at}");
            }
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

/// A recipe that is not built in, with its folder.
pub fn foreign(recipe: &str) -> String {
    format!("{YELLOW}!{YELLOW:#} {recipe}")
}

/// A plan as Terraform's readers know it: `+ ~ -`, before → after, why, and what follows. `whole`:
/// everything that it depends on is there.
pub fn plan(plan: &PlanReport, whole: bool) -> String {
    let mut text = String::new();
    for folder in &plan.foreign_recipes {
        let _ = writeln!(text, "\n{}", foreign(folder));
    }
    if let Some(owner) = &plan.other_owner {
        let _ = writeln!(text, "\n{YELLOW}!{YELLOW:#} {owner}");
    }
    if plan.empty && !whole {
        let _ = writeln!(text, "\n{BOLD}Plan{BOLD:#}: unknown until what is missing is there");
        return text;
    }
    if plan.empty && plan.by_hand.is_empty() && !plan.kept.is_empty() {
        let _ = writeln!(
            text,
            "\n{BOLD}Nothing to write,{BOLD:#} as far as it could be checked. Not known is whether"
        );
        for what in &plan.kept {
            let _ = writeln!(text, "  {YELLOW}?{YELLOW:#} {what}");
        }
        waits(&mut text, plan);
        return text;
    }
    if plan.empty && plan.by_hand.is_empty() {
        let _ = writeln!(text, "\n{BOLD}No changes.{BOLD:#} All that the recipes own is in place.");
        waits(&mut text, plan);
        return text;
    }
    if plan.empty {
        let _ = writeln!(text, "\n{BOLD}No changes{BOLD:#} by this run; this is left to a person:");
        by_hand(&mut text, plan);
        waits(&mut text, plan);
        return text;
    }
    let _ = writeln!(
        text,
        "\n{BOLD}Plan{}: {}{BOLD:#}",
        if whole { "" } else { ", as far as it can be told" },
        summary(plan)
    );
    for write in &plan.writes {
        let (style, mark, verb) = match write.action {
            Action::Create => (GREEN, "+", "will be created"),
            Action::Update => (YELLOW, "~", "will be changed"),
            Action::Act => (YELLOW, ">", "will be sent"),
            Action::Remove => (RED, "-", "will be removed"),
        };
        let _ = writeln!(text, "\n  {style}{mark}{style:#} {BOLD}{}{BOLD:#} {verb}", write.title);
        let width = write.changes.iter().map(|leaf| leaf.place.chars().count()).max().unwrap_or(0).min(60);
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
            let _ = writeln!(text, "      {style}{mark}{style:#} {:width$}  {values}", leaf.place);
        }
        for consequence in &write.consequences {
            let _ = writeln!(text, "      → {consequence}");
        }
    }
    waits(&mut text, plan);
    if let Some(rollout) = &plan.rollout {
        text.push_str(&super::rollout::rollout(rollout));
    }
    if !plan.by_hand.is_empty() {
        let _ = writeln!(text, "\n  left to a person:");
        by_hand(&mut text, plan);
    }
    text
}

fn waits(text: &mut String, plan: &PlanReport) {
    for what in &plan.waits {
        let _ = writeln!(text, "\n  … waits for {what}");
    }
}

fn by_hand(text: &mut String, plan: &PlanReport) {
    for what in &plan.by_hand {
        let _ = writeln!(text, "  {YELLOW}!{YELLOW:#} {what}");
    }
}

/// What a person is to do, with whole scripts: their lines stand as they are to be copied.
pub fn action_required(report: &Report) -> String {
    let mut text = String::new();
    if report.action_required.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n{BOLD}Action required{BOLD:#}");
    for one in &report.action_required {
        let recipe = typed(&report.instances, &one.recipe);
        let _ = writeln!(text, "  {YELLOW}!{YELLOW:#} {recipe}: {}\n      {}", one.what, one.reason);
        if let Some(fix) = &one.fix {
            let _ = writeln!(text, "      fix: {fix}");
        }
        match &one.script {
            Some(script) => {
                let _ = writeln!(
                    text,
                    "      In the database {} on {}, an administrator of it runs:\n\n{script}",
                    one.database, one.host
                );
            }
            None => {
                text.push_str("      The script can be told once the identity is there.\n");
            }
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
    let writes = plan.rollout.as_ref().map_or(plan.writes.len(), |rollout| rollout.writes);
    format!("{}, {revisions}", counted(writes, "write"))
}

/// `1 write`, `2 writes`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Outputs and notes, for a screen of this many columns.
pub fn outputs(report: &Report, width: usize) -> String {
    let mut text = String::new();
    if report.outputs.values().any(|outputs| !outputs.is_empty()) {
        let _ = writeln!(text, "\n{BOLD}Outputs{BOLD:#}");
        for (instance, outputs) in &report.outputs {
            for (name, value) in outputs {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let value = strip_control(&value);
                let _ = writeln!(text, "  {}.{name} = {value}", typed(&report.instances, instance));
            }
        }
    }
    if !report.notes.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Next{BOLD:#}");
        for (instance, note) in &report.notes {
            text.push_str(&wrapped(&format!("{}: {note}", typed(&report.instances, instance)), 2, width));
        }
    }
    text
}

/// The last lines: what was done, how it ended, and what to do next.
pub fn ending(report: &Report) -> String {
    let (style, word) = match report.status {
        Ending::Ok => (GREEN, "Done"),
        Ending::ChangesFound => (YELLOW, "Changes found"),
        Ending::RolledBack => (RED, "Failed and rolled back"),
        Ending::Interrupted => (YELLOW, "Interrupted"),
        Ending::Terminated => (YELLOW, "Terminated"),
        Ending::PrerequisitesMissing => (RED, "Prerequisites missing"),
        Ending::VerificationFailed => (RED, "Verification failed"),
        Ending::Failed => (RED, "Failed"),
        Ending::Usage => (RED, "Nothing was done"),
    };
    let mut told = Vec::new();
    if let Some(apps) = &report.apps {
        told.push(apps_in_words(apps));
        if report.command == "apply" {
            told.push(counted(report.counts.writes, "write"));
        }
    } else if let Some(applied) = &report.applied {
        told.push(counted(applied.writes.len(), "write"));
        told.push(match applied.revisions.len() {
            0 => "no new revision".to_owned(),
            count => counted(count, "new revision"),
        });
    } else if matches!(report.command, "apply" | "undo") && report.status != Ending::Usage {
        told.push("nothing was written".to_owned());
    }
    told.push(counted(usize::try_from(report.counts.requests).unwrap_or(usize::MAX), "request"));
    let mut text = apps_not_well(report);
    let _ = writeln!(text, "\n{style}{word}{style:#}: {}{}", told.join(", "), mark(report.sandbox));
    if let Some(next) = next(report) {
        let _ = writeln!(text, "  {next}");
    }
    let azure_said =
        matches!(report.status, Ending::Failed | Ending::VerificationFailed | Ending::RolledBack);
    if let (true, Some(id)) = (azure_said, &report.correlation_id) {
        let _ = writeln!(text, "  Correlation id of this run, for Azure support: {id}");
    }
    let wrote = report.applied.as_ref().is_some_and(|applied| !applied.writes.is_empty());
    let is_back = report.rollback.is_some() && report.status == Ending::RolledBack;
    if let (true, "apply", Some(undo), false) = (wrote, report.command, &report.undo, is_back) {
        let word = if report.rollback.is_some() { "To put the rest back" } else { "To put it back" };
        let _ = writeln!(text, "  {word}: {undo}");
    }
    text
}

/// `3 apps, 2 of them ok`.
fn apps_in_words(apps: &[Report]) -> String {
    let well = apps.iter().filter(|app| app.status == Ending::Ok).count();
    match well {
        all if all == apps.len() => counted(apps.len(), "app"),
        some => format!("{}, {some} of them ok", counted(apps.len(), "app")),
    }
}

/// The apps of several that did not end well, and how they ended.
fn apps_not_well(report: &Report) -> String {
    let mut text = String::new();
    for app in report.apps.iter().flatten().filter(|app| app.status != Ending::Ok) {
        let name = app.target.as_ref().map_or(String::new(), |target| {
            format!("{}/{}", target.resource_group, target.app.as_deref().unwrap_or_default())
        });
        let head = if text.is_empty() { "\n" } else { "" };
        let _ = writeln!(text, "{head}  {RED}✗{RED:#} {name}: {}", app.status.word());
    }
    text
}

/// What to do next.
fn next(report: &Report) -> Option<&'static str> {
    let wrote = report.applied.as_ref().is_some_and(|applied| !applied.writes.is_empty());
    let changes = report.plan.as_ref().is_some_and(|plan| !plan.empty);
    let marked = report.prerequisites.iter().any(|check| check.status == "failed");
    match (report.status, report.command) {
        (Ending::Ok | Ending::ChangesFound, "plan") if changes => {
            Some("To make these changes: acarecipe apply with the same arguments.")
        }
        (Ending::PrerequisitesMissing, "verify") => None,
        // There was no run to undo, and that is told with what to do.
        (Ending::PrerequisitesMissing, "undo") if !marked && !report.diagnostics.is_empty() => None,
        (Ending::PrerequisitesMissing, _) => {
            Some("Mend what is marked ✗ above, then run the same command again.")
        }
        (Ending::Failed | Ending::VerificationFailed, _) if report.rollback.is_some() => {
            Some("Not all that the run wrote could be put back: both reasons are told above.")
        }
        (Ending::VerificationFailed, _)
            if report.fleet.as_ref().is_some_and(|one| one.counts.unhealthy == 0) =>
        {
            Some("--strict fails also what is on its way or could not be checked; look again later.")
        }
        (Ending::VerificationFailed, _) if wrote => Some(
            "What was written stays. Mend what is marked ✗ above; acarecipe verify with the same arguments looks again.",
        ),
        (Ending::VerificationFailed, _) => {
            Some("Mend what is marked ✗ above; acarecipe verify with the same arguments looks again.")
        }
        (Ending::RolledBack, _) if report.rollback.is_some() => Some(
            "What the run wrote is put back. Mend what is told first above, then run the same command again.",
        ),
        (Ending::RolledBack, _) => Some(
            "What served before serves again. Mend what is told above and apply again; --retry tries the same change once more.",
        ),
        (Ending::Failed | Ending::Interrupted | Ending::Terminated, "apply") => {
            Some("To go on, run the same command again: what is in place is not written twice.")
        }
        (Ending::Failed | Ending::Interrupted | Ending::Terminated, "undo") => {
            Some("To go on, run the same command again: what is back is not written twice.")
        }
        _ => None,
    }
}

/// The last line of a command that was refused before it asked Azure anything.
pub fn refusal(report: &Report) -> String {
    let word = match report.status {
        Ending::PrerequisitesMissing => "Something is missing; nothing was done",
        Ending::Failed => "Failed",
        _ => "Nothing was done",
    };
    format!("\n{RED}{word}{RED:#}{}\n", mark(report.sandbox))
}

/// A paragraph with `indent` spaces before each line, broken at spaces to `width` columns. What stands
/// in single quotes (a command's argument) and links are not broken.
pub(super) fn wrapped(paragraph: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut text = String::new();
    let mut column = 0;
    for word in words(paragraph) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > room {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push_str(&" ".repeat(indent));
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

/// The words of a text; a quoted one may hold spaces.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('\'').and_then(|inner| Some(inner.find('\'')? + 2));
        let from = quoted.unwrap_or(0);
        let end = rest[from..].find(char::is_whitespace).map_or(rest.len(), |space| from + space);
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_paragraph_is_broken_at_spaces_but_not_within_quotes() {
        let text = "Give it roles with -p 'roles=[{\"role\": \"Reader\"}]'; it takes 10 minutes.";
        assert_eq!(
            wrapped(text, 2, 32),
            "  Give it roles with -p\n  'roles=[{\"role\": \"Reader\"}]';\n  it takes 10 minutes.\n"
        );
        assert_eq!(wrapped("it's 'open", 0, 80), "it's 'open\n");
        assert_eq!(wrapped("", 2, 80), "\n");
    }
}
