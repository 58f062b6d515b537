//! Lookups that read local files: whose files, and over which table. A recipe may come from a stranger, who is
//! not to have files of the caller's read that the caller did not name.

use super::{Findings, builds};
use crate::diagnostic::codes;
use crate::recipe::{LookupKind, Recipe, stays_inside};
use crate::requirements::Table;

/// Checks every such lookup of the recipe.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for lookup in recipe.existing.values() {
        let (context, files) = match &lookup.kind {
            LookupKind::Requirements(of) => (&of.context, [Some(&of.file), of.dockerfile.as_ref()]),
            LookupKind::Dockerfile(of) => (&of.context, [of.file.as_ref(), None]),
            LookupKind::Resource(_) | LookupKind::Manifest(_) => continue,
        };
        builds::local(recipe, context, "context", findings);
        for file in files.into_iter().flatten() {
            if file.value.literal().is_some_and(|path| !stays_inside(&path)) {
                let message = "this file is not in the context";
                findings.error(codes::OUTSIDE_FOLDER, file.span, message, "");
            }
        }
        let LookupKind::Requirements(requirements) = &lookup.kind else { continue };
        let text = requirements.packages.value.text();
        let table = recipe.data.iter().find(|(name, _)| text == format!("${{data.{name}}}"));
        let Some((_, table)) = table else {
            let message = "the table of packages is one of `data`";
            findings.error(
                codes::BAD_VALUE,
                requirements.packages.span,
                message,
                "such as \"${data.packages}\"",
            );
            continue;
        };
        // One that could not be read is reported already.
        if !table.value.is_null()
            && let Err(wrong) = Table::read(&table.value)
        {
            let message = format!("`{}` is no table of packages: {wrong}", table.file.value);
            findings.error(codes::BAD_VALUE, requirements.packages.span, message, "");
        }
    }
}
