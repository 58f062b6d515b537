//! Embeds `recipes/`: writes a table of folders with their recipe.yaml, README.md, tables and app/, which the
//! catalogue includes.

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
        write!(
            table,
            "    BuiltIn {{ folder: {folder:?}, recipe: include_str!({recipe:?}), page: include_str!({page:?}), data: &["
        )?;
        for name in tables(&path)? {
            let file = path.join(&name).display().to_string();
            #[expect(clippy::use_debug, reason = "the debug form of a string is its literal")]
            write!(table, "({name:?}, include_str!({file:?})), ")?;
        }
        table.push_str("], sample: &[");
        let app = path.join("app");
        let mut files = Vec::new();
        if app.is_dir() {
            sample(&app, "", &mut files)?;
        }
        for name in files {
            let file = app.join(&name).display().to_string();
            #[expect(clippy::use_debug, reason = "the debug form of a string is its literal")]
            write!(table, "({name:?}, include_str!({file:?})), ")?;
        }
        table.push_str("] },\n");
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("recipes.rs"), table)?;
    Ok(())
}

/// The YAML files beside a recipe: what it can name under `data`.
fn tables(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name =
            entry?.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?;
        let yaml = Path::new(&name).extension().is_some_and(|extension| extension == "yaml");
        if yaml && name != "recipe.yaml" && name != "tests.yaml" {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// The files below `folder`, as paths with slashes. What Python and its tools leave there, and every other
/// folder whose name begins with a point, is no part of a sample; the catalogue reads other folders the same.
fn sample(folder: &Path, within: &str, found: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name =
            entry.file_name().into_string().map_err(|name| format!("{} is not UTF-8", name.display()))?;
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && name != "__pycache__" {
                sample(&entry.path(), &format!("{within}{name}/"), found)?;
            }
        } else {
            found.push(format!("{within}{name}"));
        }
    }
    Ok(())
}
