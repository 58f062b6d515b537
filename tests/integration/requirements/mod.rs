//! What a project installs, and what that needs of the system.

mod grammar;
mod images;
mod judged;
mod properties;

use std::collections::BTreeMap;

use acarecipe::requirements::{Requirements, from_files, read};

fn files(all: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    all.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

/// The first of the files, read with those it names.
fn read_all(all: &[(&str, &str)]) -> Requirements {
    read(all[0].0, &[], from_files(&files(all))).unwrap()
}

fn read_text(text: &str) -> Requirements {
    read_all(&[("requirements.txt", text)])
}

/// `name[extras] specifier @line`, one a package.
fn brief(read: &Requirements) -> Vec<String> {
    let one = |package: &acarecipe::requirements::Package| {
        let extras =
            if package.extras.is_empty() { String::new() } else { format!("[{}]", package.extras.join(",")) };
        let constraint = if package.constraint { " constraint" } else { "" };
        format!("{}{extras} {} {}{constraint}", package.name, package.specifier, package.place.at())
    };
    read.packages.iter().map(one).collect()
}

/// `severity rule at`, one a finding.
fn found(read: &Requirements) -> Vec<String> {
    let one = |finding: &acarecipe::requirements::Finding| {
        format!("{} {} {}", finding.severity.name(), finding.rule, finding.place.at())
    };
    read.findings.iter().map(one).collect()
}
