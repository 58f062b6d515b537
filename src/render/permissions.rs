//! Permissions as people read them: by scope, and what an administrator types in one piece.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::report::{ActionReport, PermissionReport};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// What this run needs at each scope, and the smallest built-in roles for it.
pub fn permissions(scopes: &[PermissionReport]) -> String {
    let mut text = String::new();
    if scopes.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n{BOLD}Permissions{BOLD:#}, as this run needs them");
    for scope in scopes {
        let _ = writeln!(text, "  {}", scope.scope);
        let width = scope.actions.iter().map(|one| one.action.len()).max().unwrap_or(0);
        for one in &scope.actions {
            let (style, mark) = sign(one);
            let _ = writeln!(
                text,
                "    {style}{mark}{style:#} {:width$}  {DIM}{}{}{DIM:#}",
                one.action,
                one.why,
                remark(one)
            );
        }
        let roles = match scope.roles.as_slice() {
            [] => "none covers it".to_owned(),
            roles => roles.join(" and "),
        };
        let word = if scope.actions.iter().all(|one| one.optional) { ", if any" } else { "" };
        let _ = writeln!(text, "    smallest built-in role{word}: {roles}");
    }
    let lines: Vec<&String> = scopes.iter().flat_map(|scope| &scope.fix).collect();
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{BOLD}For an administrator{BOLD:#}");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn sign(one: &ActionReport) -> (Style, &'static str) {
    match (one.status, one.optional) {
        ("held", _) => (GREEN, "✓"),
        ("lacking", false) => (RED, "✗"),
        ("lacking", true) => (YELLOW, "!"),
        _ => (YELLOW, "?"),
    }
}

fn remark(one: &ActionReport) -> String {
    let lacking = if one.status == "held" { "" } else { "; the run goes on without it" };
    let optional = if one.optional { lacking } else { "" };
    let detail = one.detail.as_ref().map_or(String::new(), |detail| format!(" ({detail})"));
    format!("{optional}{detail}")
}
