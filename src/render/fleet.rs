//! The health of many apps: a line each, then what there is of each state.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::counted;
use crate::report::FleetReport;

/// Every app, and the counts.
pub fn fleet(fleet: &FleetReport) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut text = String::new();
    let _ = writeln!(text, "\n{bold}Apps{bold:#}");
    for app in &fleet.apps {
        let (colour, mark) = match app.status {
            "healthy" => (AnsiColor::Green, "✓"),
            "unhealthy" => (AnsiColor::Red, "✗"),
            "progressing" => (AnsiColor::Yellow, "…"),
            _ => (AnsiColor::Yellow, "?"),
        };
        let style = colour.on_default();
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "unknown".to_owned());
        let _ = writeln!(
            text,
            "  {style}{mark}{style:#} {}/{}  {dim}{}, {}, {}{dim:#}",
            app.resource_group,
            app.name,
            word(&app.provisioning_state),
            word(&app.running_status),
            word(&app.latest_revision)
        );
        if let Some(reason) = &app.reason {
            let _ = writeln!(text, "      {reason}");
        }
        if let Some(fix) = &app.fix {
            let _ = writeln!(text, "      fix: {fix}");
        }
    }
    let counts = &fleet.counts;
    let mut told = vec![format!("{} healthy", counts.healthy)];
    for (count, word) in [
        (counts.progressing, "progressing"),
        (counts.unhealthy, "unhealthy"),
        (counts.could_not_check, "could not be checked"),
    ] {
        if count > 0 {
            told.push(format!("{count} {word}"));
        }
    }
    let scope = match &fleet.resource_group {
        Some(group) => format!("the group {group}"),
        None => "the subscription".to_owned(),
    };
    let cut = if fleet.complete { "" } else { "; the list broke off" };
    let _ = writeln!(
        text,
        "\n{} of {scope} in {}: {}{cut}",
        counted(counts.apps, "app"),
        counted(fleet.pages, "page"),
        told.join(", ")
    );
    text
}
