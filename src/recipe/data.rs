//! `data`: the tables beside a recipe.

use std::sync::Arc;

use super::catalogue::built_in_data;
use super::structure::Structure;
use super::{Origin, Recipe, read_beneath, yaml};
use crate::diagnostic::{Diagnostic, Source, codes};

/// Names that are no table's, though they are YAML files beside the recipe.
const OTHERS: &[&str] = &["recipe.yaml", "tests.yaml"];

/// Reads the tables of a recipe into it: files of YAML in its own folder, within the bounds of recipe files.
/// Gives every mistake in them.
pub(super) fn read(recipe: &mut Recipe) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let (origin, name) = (recipe.origin.clone(), recipe.name.value.clone());
    let recipe_source = Arc::clone(&recipe.source);
    for table in recipe.data.values_mut() {
        let file = table.file.value.as_str();
        let plain = file.strip_suffix(".yaml").is_some_and(|stem| {
            !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        });
        if !plain || OTHERS.contains(&file) {
            let message = format!("`{file}` is no table beside the recipe");
            let beside = "such as packages.yaml, in the recipe's own folder";
            found.push(Diagnostic::error(codes::BAD_VALUE, message).label(
                &recipe_source,
                table.file.span,
                beside,
            ));
            continue;
        }
        let read = match &origin {
            Origin::Folder(folder) => read_beneath(folder, file),
            Origin::BuiltIn => built_in_data(&name, file)
                .map(|text| {
                    Arc::new(Source { name: format!("recipes/{name}/{file}"), text: text.to_owned() })
                })
                .ok_or_else(|| {
                    let message = format!("{file} does not stand beside the recipe");
                    Box::new(Diagnostic::error(codes::UNREADABLE_FILE, message))
                }),
        };
        let source = match read {
            Ok(source) => source,
            Err(mistake) => {
                found.push(mistake.label(&recipe_source, table.file.span, ""));
                continue;
            }
        };
        match yaml::parse(&source) {
            Ok(tree) => {
                found.extend(Structure::of_table(&source, &tree).found);
                table.value = Arc::new(tree.to_json());
            }
            Err(mistake) => found.push(*mistake),
        }
    }
    found
}
