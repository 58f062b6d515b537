//! The second opinion: the validator that comes with the schemas, which reads Microsoft's files itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::exceptions::Exceptions;
use super::{Record, skipped};

/// Whether Python 3 can be run.
pub fn python() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        Command::new("python3").arg("--version").output().is_ok_and(|answer| answer.status.success())
    })
}

/// What `validate.py` finds in these records, errors and warnings alike, but for what is excused.
/// `records` come with their operation's template.
pub fn opinion(specs: &Path, records: &[(Record<'_>, String)], exceptions: &Exceptions) -> Vec<String> {
    if !python() {
        static SAID: OnceLock<()> = OnceLock::new();
        SAID.get_or_init(|| skipped("the second opinion on exchanges: python3 is not installed"));
        return Vec::new();
    }
    // One run for each set of versions to expect.
    let mut runs: BTreeMap<Vec<String>, Vec<&(Record<'_>, String)>> = BTreeMap::new();
    for entry in records {
        let version = entry.0.version().unwrap_or_default();
        let pins = exceptions
            .versions
            .iter()
            .filter(|other| {
                other.version == version && entry.1.contains(&format!("/providers/{}/", other.namespace))
            })
            .map(|other| format!("{}={version}", other.namespace))
            .collect();
        runs.entry(pins).or_default().push(entry);
    }
    runs.iter().flat_map(|(pins, records)| run(specs, pins, records, exceptions)).collect()
}

fn run(
    specs: &Path,
    pins: &[String],
    records: &[&(Record<'_>, String)],
    exceptions: &Exceptions,
) -> Vec<String> {
    let mut lines = String::new();
    for (record, _) in records {
        writeln!(lines, "{}", record.json).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let answer = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(specs.join("validate.py"))
        .arg(file.path())
        .args(pins.iter().flat_map(|pin| ["--pin", pin]))
        .output()
        .unwrap();
    let summary = String::from_utf8_lossy(&answer.stderr);
    assert!(
        summary.contains(&format!("{} records, ", records.len())),
        "the validator did not read every record: {summary}"
    );
    String::from_utf8_lossy(&answer.stdout)
        .lines()
        .filter(|line| {
            let record = line
                .split_once(':')
                .and_then(|(number, _)| number.parse::<usize>().ok())
                .and_then(|number| records.get(number - 1));
            !record.is_some_and(|(_, operation)| exceptions.excuse(operation, line))
        })
        .map(|line| {
            let (_, finding) = line.split_once(": ").unwrap_or_default();
            format!("second opinion: {finding}")
        })
        .collect()
}
