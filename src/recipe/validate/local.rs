//! Lookups that read local files: whose files, and over which table. A recipe may come from a stranger, who is
//! not to have files of the caller's read that the caller did not name.

use super::{Findings, builds};
use crate::diagnostic::codes;
use crate::recipe::{LookupKind, Recipe, stays_inside};
use crate::requirements::Table;
use crate::{dockerfile, requirements};

/// Whether a file may be read by its name, and which may, in words.
type Named = (fn(&str) -> bool, &'static str);

const NAMED: Named = (requirements::is_named_so, requirements::NAMES);
const DOCKERFILE: Named = (dockerfile::is_named_so, dockerfile::NAMES);

/// Checks every such lookup of the recipe.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for lookup in recipe.existing.values() {
        let (context, files) = match &lookup.kind {
            LookupKind::Requirements(of) => {
                (&of.context, [(Some(&of.file), NAMED), (of.dockerfile.as_ref(), DOCKERFILE)])
            }
            LookupKind::Dockerfile(of) => (&of.context, [(of.file.as_ref(), DOCKERFILE), (None, DOCKERFILE)]),
            LookupKind::Resource(_)
            | LookupKind::Manifest(_)
            | LookupKind::Action(_)
            | LookupKind::Certificate(_)
            | LookupKind::Dns(_) => continue,
        };
        builds::local(recipe, context, "context", findings);
        for (file, (is_named_so, names)) in files.into_iter().filter_map(|(file, named)| Some((file?, named)))
        {
            let Some(path) = file.value.literal() else { continue };
            if !stays_inside(&path) {
                let message = "this file is not in the context";
                findings.error(codes::OUTSIDE_FOLDER, file.span, message, "");
            } else if !is_named_so(path.rsplit('/').next().unwrap_or_default()) {
                let message = "a file that is called so is not read";
                findings.error(codes::BAD_VALUE, file.span, message, format!("read are {names}"));
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
