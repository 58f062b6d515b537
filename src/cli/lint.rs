//! `lint` and `schema`: for people who write recipes.

use std::path::PathBuf;

use clap::Args;

use super::refuse;
use crate::diagnostic::Severity;
use crate::recipe::{Catalogue, cases_schema, lint, project_schema, recipe_schema};
use crate::render::{Format, Screen, counted};
use crate::report::{Ending, Report};

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub(super) struct Lint {
    /// Recipe files, or folders with a recipe.yaml
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
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
}

impl Lint {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        let catalogue = match Catalogue::built_in() {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(screen, "lint", false, &found, Ending::Usage),
        };
        let files: Vec<PathBuf> = self
            .files
            .iter()
            .map(|file| if file.is_dir() { file.join("recipe.yaml") } else { file.clone() })
            .collect();
        let found = lint(&files, &catalogue);
        let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
        screen.diagnostics(&found);
        let ending = if errors == 0 { Ending::Ok } else { Ending::Usage };
        if screen.format == Format::Json {
            let mut report = Report::new("lint", false);
            report.diagnose(&found);
            report.end(ending);
            screen.report(&report);
        } else {
            screen.text(&format!(
                "{}: {}, {}\n",
                counted(self.files.len(), "file"),
                counted(errors, "error"),
                counted(found.len() - errors, "warning")
            ));
        }
        ending
    }
}

impl Schema {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        screen.document(match (self.project, self.tests) {
            (true, _) => project_schema(),
            (_, true) => cases_schema(),
            _ => recipe_schema(),
        });
        Ending::Ok
    }
}
