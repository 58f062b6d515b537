//! Embeds `recipes/`: writes a table of `(folder, recipe.yaml, README.md)` that the catalogue includes.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    // A folder is watched with everything below it, so that an added or removed recipe is noticed.
    println!("cargo::rerun-if-changed=recipes");
    let recipes = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("recipes");
    let mut folders: Vec<String> = Vec::new();
    for entry in fs::read_dir(&recipes)? {
        let entry = entry?;
        if entry.path().join("recipe.yaml").is_file() {
            folders.push(
                entry.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?,
            );
        }
    }
    folders.sort();
    let mut table = String::from("&[\n");
    for folder in folders {
        let path = recipes.join(&folder);
        let (recipe, page) = (path.join("recipe.yaml"), path.join("README.md"));
        // A path is written as a Rust string literal, which escapes what Windows has in it.
        let (recipe, page) = (recipe.display().to_string(), page.display().to_string());
        #[expect(clippy::use_debug, reason = "the debug form of a string is its literal")]
        writeln!(table, "    ({folder:?}, include_str!({recipe:?}), include_str!({page:?})),")?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("recipes.rs"), table)?;
    Ok(())
}
