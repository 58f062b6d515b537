//! Near and known names in messages.

use crate::diagnostic::suggest::closest;

/// A label's text: "did you mean …?"; empty when nothing is near.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, candidates).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}

/// Names in a row: `a`, `b`, `c`.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
