//! Recipes as data, through the public surface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test helpers may panic")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` is passed as it is written")]

mod asked;
mod built_in;
pub mod cases;
mod catalogue;
mod data;
mod fields;
mod inputs;
mod instances;
mod load;
mod pages;
mod project;
mod reference;
mod rules;
mod rules_asked;
mod schema;
mod validate;

use std::sync::Arc;

use acarecipe::diagnostic::{Diagnostic, Source};
use acarecipe::recipe::{Catalogue, Origin, Recipe, load};

/// What every recipe needs; four lines.
const HEAD: &str = "name: mine\ntitle: Mine\ncategory: test\ncomplexity: low\n";

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "recipe.yaml".to_owned(), text: text.to_owned() })
}

/// The recipe of `body` below [`HEAD`].
fn recipe(body: &str) -> Recipe {
    load(&source(&format!("{HEAD}{body}")), Origin::BuiltIn)
        .unwrap_or_else(|found| panic!("{:#?}", brief(&found)))
}

/// A catalogue of these recipes and the built-in ones.
fn catalogue(recipes: impl IntoIterator<Item = Recipe>) -> Catalogue {
    let mut catalogue = Catalogue::built_in().unwrap();
    for recipe in recipes {
        catalogue.insert(recipe);
    }
    catalogue
}

/// `code line "what the caret covers" what is said beside it`.
fn brief(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .map(|diagnostic| {
            let Some(label) = diagnostic.labels.first() else {
                return diagnostic.code.0.to_owned();
            };
            let covered = &label.source.text[label.span.start..label.span.end];
            let (line, _) = label.source.line_col(label.span.start);
            let text = format!("{} {line} {covered:?} {}", diagnostic.code.0, label.text);
            text.trim_end().to_owned()
        })
        .collect()
}

fn codes(found: &[Diagnostic]) -> Vec<&'static str> {
    found.iter().map(|diagnostic| diagnostic.code.0).collect()
}
