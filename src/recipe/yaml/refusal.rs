//! Why a file is not read.

use std::sync::Arc;

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::{MAX_DEPTH, bytes, clamp};
use crate::diagnostic::{Diagnostic, Source, codes};

/// The library's error in our words where ours say more.
pub(super) fn of(source: &Arc<Source>, error: &serde_saphyr::Error) -> Diagnostic {
    if let Error::AliasError { error, .. } = error {
        return of(source, error.without_snippet());
    }
    let span = error.location().map(|location| clamp(&source.text, bytes(location))).unwrap_or_default();
    let diagnostic = match error {
        // The budget on documents counts the second one before the reader can refuse it.
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            Diagnostic::error(codes::BAD_YAML, "the file holds more than one YAML document")
        }
        Error::Budget { breach, .. } => Diagnostic::error(codes::FILE_TOO_LARGE, bounds(breach)),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => {
            Diagnostic::error(codes::FILE_TOO_LARGE, "anchors and aliases repeat more than a recipe can need")
                .fix("write the repeated part out, or use fewer aliases")
        }
        Error::UnsupportedTag { tag, .. } => {
            Diagnostic::error(codes::BAD_YAML, format!("`{tag}` is read as a YAML tag"))
                .fix("put the text in quotes; an expression is written \"${…}\"")
        }
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            // The caret says where; the library's suffix would say it twice, in its own way.
            let text = text.split(" at line ").next().unwrap_or(text);
            // The parser looks ahead and may meet its own bound on nesting before ours; it has no
            // case of its own for that.
            if text.contains("recursion limit") {
                Diagnostic::error(codes::FILE_TOO_LARGE, too_deep())
            } else {
                Diagnostic::error(codes::BAD_YAML, format!("not valid YAML: {text}"))
            }
        }
    };
    diagnostic.label(source, span, "")
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

fn bounds(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. }
        | BudgetBreach::MergeKeys { .. } => {
            "anchors and aliases repeat more than a recipe can need".to_owned()
        }
        _ => "more values than a recipe can need".to_owned(),
    }
}
