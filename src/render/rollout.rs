//! What people read of a rollout that is planned.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::counted;
use crate::report::{RolloutReport, StageReport};

const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The stages of a rollout, what judges it, and what follows when it fails.
pub(super) fn rollout(rollout: &RolloutReport) -> String {
    let mut text = String::new();
    let Some(candidate) = &rollout.candidate else {
        for stage in &rollout.stages {
            let name = stage.revision.as_deref().unwrap_or_default();
            let told = match stage.action {
                "again" => format!(
                    "{BOLD}traffic of {name}{BOLD:#} will be set again as it stands: the operation that set it failed"
                ),
                _ => format!("{BOLD}revision {name}{BOLD:#} will be deactivated"),
            };
            let _ = writeln!(text, "\n  {YELLOW}~{YELLOW:#} {told}");
        }
        let serving = &rollout.serving;
        let _ = writeln!(
            text,
            "      {DIM}# {serving} is judged first; when it fails, the traffic goes back and the run ends with 6{DIM:#}"
        );
        return text;
    };
    let stands = rollout.standing.map_or(String::new(), |weight| format!(", which stands at {weight} %"));
    let _ = writeln!(
        text,
        "\n  {YELLOW}~{YELLOW:#} {BOLD}rollout of {candidate}{BOLD:#}{stands}; {} serves",
        rollout.serving
    );
    for stage in &rollout.stages {
        let _ = writeln!(text, "      → {}", told(stage, rollout));
    }
    for note in &rollout.notes {
        let _ = writeln!(text, "      {DIM}# {note}{DIM:#}");
    }
    let judges = match rollout.checks.as_slice() {
        [] => "its health".to_owned(),
        checks => format!("its health; {}", checks.join("; ")),
    };
    let _ = writeln!(text, "      {DIM}# judged before each, and after the last: {judges}{DIM:#}");
    let failing = match rollout.on_failure {
        "keep" => "all is left as it stands, and the run fails".to_owned(),
        _ => format!("the traffic is put back as it was, {candidate} deactivated, and the run ends with 6"),
    };
    let _ = writeln!(text, "      {DIM}# when it fails: {failing}{DIM:#}");
    let _ = writeln!(
        text,
        "      {DIM}# {} in all, at least {} s{DIM:#}",
        counted(rollout.writes, "write"),
        rollout.at_least
    );
    text
}

fn told(stage: &StageReport, rollout: &RolloutReport) -> String {
    match (stage.action, stage.weight) {
        ("label", _) => format!("the label {}, still without traffic", rollout.label),
        (_, Some(weight)) => match stage.bake {
            Some(bake) if bake > 0 => format!("{weight} % of the traffic, for {bake} s"),
            _ => format!("{weight} % of the traffic"),
        },
        _ => format!("{} is deactivated", stage.revision.as_deref().unwrap_or_default()),
    }
}
