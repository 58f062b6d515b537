//! The journal for people.

use std::fmt::Write;

use anstyle::Style;

use super::text::counted;
use crate::recipe::snake;
use crate::report::RunReport;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// One line a run.
pub fn runs(runs: &[RunReport]) -> String {
    let mut text = String::new();
    if runs.is_empty() {
        return "No run is in the journal.\n".to_owned();
    }
    for run in runs {
        let _ = writeln!(
            text,
            "{}  {:<12} {} {} on {}  {DIM}{}{DIM:#}",
            run.id,
            run.status,
            run.command,
            recipes(run),
            run.place(),
            counted(run.writes.len(), "write"),
        );
    }
    text
}

/// One run in full.
pub fn run(run: &RunReport) -> String {
    let mut text = String::new();
    let _ =
        writeln!(text, "{BOLD}Run {}{BOLD:#}: {} {} on {}", run.id, run.command, recipes(run), run.place());
    let _ = writeln!(text, "  began {}, as {}", run.at, run.caller.as_deref().unwrap_or("unknown"));
    let _ = writeln!(text, "  {}", ended(run));
    for (word, other) in
        [("puts back", &run.undoes), ("goes on from", &run.continues), ("went on in", &run.continued_by)]
    {
        if let Some(other) = other {
            let _ = writeln!(text, "  {word} {other}");
        }
    }
    let _ = writeln!(text, "\n{BOLD}Writes{BOLD:#}");
    if run.writes.is_empty() {
        let _ = writeln!(text, "  none was sent");
    }
    for write in &run.writes {
        let code = write.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let _ = writeln!(text, "  {}: {}{code}", write.outcome, write.what);
        for change in &write.changes {
            let _ = writeln!(text, "      {}  {DIM}{} → {}{DIM:#}", change.path, change.before, change.after);
        }
    }
    for revision in &run.revisions {
        let _ = writeln!(text, "  new revision: {revision}");
    }
    for revision in &run.to_restart {
        let _ = writeln!(text, "  still with an old secret when it ended: {revision}");
    }
    if !run.next.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Next{BOLD:#}");
    }
    for next in &run.next {
        let _ = writeln!(text, "  {next}");
    }
    text
}

fn recipes(run: &RunReport) -> String {
    let asked = run.recipes.iter().filter(|recipe| recipe.asked);
    let names: Vec<String> = asked
        .map(|one| {
            if snake(&one.recipe) == one.alias {
                one.recipe.clone()
            } else {
                format!("{}={}", one.recipe, one.alias)
            }
        })
        .collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(" ") }
}

fn ended(run: &RunReport) -> String {
    match run.status.as_str() {
        "running" => "is at work".to_owned(),
        "cut-off" => "was cut off: it never said how it ended".to_owned(),
        status => format!("ended: {status}"),
    }
}
