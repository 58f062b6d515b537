//! What people read of `test`.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{counted, diagnostics};
use crate::diagnostic::Diagnostic;
use crate::report::CaseReport;
use crate::value::strip_control;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The line over the cases of a file.
pub fn cases_of(file: &str) -> String {
    format!("{BOLD}{}{BOLD:#} [sandbox]\n", strip_control(file))
}

/// The line of a case; `flips`: under how many assumptions turned round it passed too.
pub fn case(case: &CaseReport, flips: usize) -> String {
    let (style, mark) = if case.status == "passed" { (GREEN, "✓") } else { (RED, "✗") };
    let flipped = case.flipped.map_or(String::new(), |name| format!(", with {name} flipped"));
    let more = match flips {
        0 => String::new(),
        flips => format!("  {DIM}also under {}{DIM:#}", counted(flips, "flipped assumption")),
    };
    format!("  {style}{mark}{style:#} {}{flipped}{more}\n", case.name)
}

/// In what a case ended otherwise: each with its place.
pub fn case_failures(failures: &[Diagnostic], width: usize) -> String {
    if failures.is_empty() {
        String::new()
    } else {
        indented(&diagnostics::render(failures, true, width), "    ")
    }
}

/// What a run told, set off from what is told of it.
pub fn case_run(command: &str, automatic: bool, text: &str) -> String {
    let who = if automatic { ", by the runner itself" } else { "" };
    let mut told = format!("    {DIM}{command}{who}{DIM:#}\n");
    told.push_str(&indented(text.trim_matches('\n'), "    | "));
    told
}

/// The last line.
pub fn cases_ending(passed: usize, failed: usize) -> String {
    let style = if failed == 0 { GREEN } else { RED };
    format!("\n{style}{passed} passed, {failed} failed{style:#} [sandbox]\n")
}

fn indented(text: &str, indent: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{}", format!("{indent}{line}").trim_end());
        all
    })
}
