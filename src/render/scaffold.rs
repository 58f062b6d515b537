//! What `scaffold` wrote.

use std::fmt::Write;

use super::counted;
use crate::report::ScaffoldReport;
use crate::value::strip_control;

/// The files with what became of each, and what to do next.
pub fn scaffolded(report: &ScaffoldReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        let _ = writeln!(text, "{:<9}  {}", file.status, strip_control(&file.path));
    }
    let folder = strip_control(&report.folder);
    let _ = writeln!(text, "\n{} in {folder}\n\nNext:\n", counted(report.files.len(), "file"));
    for command in &report.next {
        let _ = writeln!(text, "  {command}");
    }
    text
}
