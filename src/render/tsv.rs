//! Tab-separated values, as az has them: a line for each element of a list, a column for each member.

use serde_json::Value as Json;

use super::workflow::no_command;
use crate::value::strip_control;

/// The columns of the rows that a report is for whoever cuts lines apart, in this order and no other.
const ROWS: [(&str, &[&str]); 2] = [
    (
        "/fleet/apps",
        &[
            "resourceGroup",
            "name",
            "status",
            "provisioningState",
            "runningStatus",
            "latestRevision",
            "latestReadyRevision",
            "reason",
        ],
    ),
    (
        "/apps",
        &["target.resourceGroup", "target.app", "status", "exitCode", "counts.writes", "correlationId"],
    ),
];

/// A report: a line for each app where it is about several, else one with how it ended.
pub(super) fn report(report: &Json) -> String {
    for (pointer, columns) in ROWS {
        if let Some(Json::Array(rows)) = report.pointer(pointer) {
            let cell = |row: &Json, column: &str| {
                cell(row.pointer(&format!("/{}", column.replace('.', "/"))).unwrap_or(&Json::Null))
            };
            let line = |row: &Json| columns.iter().map(|column| cell(row, column)).collect::<Vec<_>>();
            return lines(rows.iter().map(line));
        }
    }
    let line = ["command", "status", "exitCode", "correlationId"];
    lines([line.iter().map(|name| cell(report.get(name).unwrap_or(&Json::Null))).collect()].into_iter())
}

/// Any other document, such as what a query found.
pub(super) fn document(json: &Json) -> String {
    let line = |row: &Json| match row {
        Json::Object(members) => members.values().map(cell).collect(),
        Json::Array(cells) => cells.iter().map(cell).collect(),
        one => vec![cell(one)],
    };
    match json {
        Json::Null => String::new(),
        Json::Array(rows) => lines(rows.iter().map(line)),
        one => lines([line(one)].into_iter()),
    }
}

fn lines(rows: impl Iterator<Item = Vec<String>>) -> String {
    // Cells are clean; only the tabs between them are tabs.
    rows.map(|cells| no_command(&format!("{}\n", cells.join("\t")))).collect()
}

/// One value; what would end the cell or the line is a space.
fn cell(json: &Json) -> String {
    let text = match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    strip_control(&text.replace(['\t', '\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_lines_and_nothing_foreign_makes_a_cell_or_a_command() {
        assert_eq!(
            document(&json!([{ "a": 1, "b": null }, { "a": "x\ty\nz", "b": true }])),
            "1\t\nx y z\ttrue\n"
        );
        assert_eq!(document(&json!([["a", "b"], "c"])), "a\tb\nc\n");
        assert_eq!(document(&json!("one")), "one\n");
        assert_eq!(document(&Json::Null), "");
        assert_eq!(document(&json!([{ "a": { "b": [1] } }])), "{\"b\":[1]}\n");
        assert!(!document(&json!("::error::x")).starts_with("::"));
        assert_eq!(report(&json!({ "command": "plan", "status": "ok", "exitCode": 0 })), "plan\tok\t0\t\n");
        let fleet =
            json!({ "fleet": { "apps": [{ "name": "a", "status": "healthy", "resourceGroup": "g" }] } });
        assert_eq!(report(&fleet), "g\ta\thealthy\t\t\t\t\t\n");
    }
}
