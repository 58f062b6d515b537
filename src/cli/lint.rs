//! `lint` and `schema`: for people who write recipes.

use std::path::PathBuf;

use clap::Args;

use super::refuse;
use crate::diagnostic::Severity;
use crate::recipe::{
    Catalogue, cases_schema, lint, project_schema, recipe_folders, recipe_reference, recipe_schema,
};
use crate::render::{Screen, counted};
use crate::report::{Ending, Report};

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Recipe files, folders with a recipe.yaml, or folders of such folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder of recipes that these may require
    #[arg(long = "recipes", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// End with exit code 2 on warnings too
    #[arg(long)]
    deny_warnings: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// The schema of acarecipe.yaml instead
    #[arg(long, conflicts_with = "tests")]
    project: bool,
    /// The schema of tests.yaml instead
    #[arg(long)]
    tests: bool,
    /// The reference for people instead, as Markdown: keys, kinds, roots, functions, findings
    #[arg(long, conflicts_with_all = ["project", "tests"])]
    reference: bool,
}

impl Lint {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        let catalogue = match Catalogue::load(&self.folders, true) {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(screen, "lint", false, &found, Ending::Usage),
        };
        let mut files = Vec::new();
        for file in &self.files {
            if !file.is_dir() {
                files.push(file.clone());
                continue;
            }
            let below = match recipe_folders(file) {
                Ok(below) => below,
                Err(found) => return refuse(screen, "lint", false, &[*found], Ending::Usage),
            };
            let own = file.join("recipe.yaml");
            if below.is_empty() || own.symlink_metadata().is_ok() {
                files.push(own);
            } else {
                files.extend(below.iter().map(|name| file.join(name).join("recipe.yaml")));
            }
        }
        let found = lint(&files, &catalogue);
        let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
        screen.diagnostics(&found);
        let denied = errors > 0 || (self.deny_warnings && !found.is_empty());
        let ending = if denied { Ending::Usage } else { Ending::Ok };
        if screen.for_machines() {
            let mut report = Report::new("lint", false);
            report.diagnose(&found);
            report.end(ending);
            screen.report(&report);
        } else {
            screen.text(&format!(
                "{}: {}, {}\n",
                counted(files.len(), "file"),
                counted(errors, "error"),
                counted(found.len() - errors, "warning")
            ));
        }
        ending
    }
}

impl Schema {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        if self.reference {
            if screen.for_machines() {
                screen.document(serde_json::json!({ "reference": recipe_reference() }));
            } else {
                screen.result(&recipe_reference());
            }
        } else {
            screen.document(match (self.project, self.tests) {
                (true, _) => project_schema(),
                (_, true) => cases_schema(),
                _ => recipe_schema(),
            });
        }
        Ending::Ok
    }
}
