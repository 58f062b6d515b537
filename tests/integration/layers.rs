//! The direction of the layers, which the crate's documentation promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules in the order of the crate's documentation, each with what it may import. `(module, item)`
/// allows one item only.
const ALLOWED: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("context", &[]),
    ("value", &[]),
    ("diagnostic", &["value"]),
    ("azure", &["clock", "value", "diagnostic"]),
    ("expression", &["value", "diagnostic", "azure::ResourceId", "azure::ids", "azure::image"]),
    ("dockerfile", &[]),
    ("requirements", &["dockerfile"]),
    ("recipe", &["value", "diagnostic", "azure", "expression", "dockerfile", "requirements"]),
    ("facts", &["value", "azure"]),
    ("merge", &["value", "azure"]),
    ("steps", &["value", "azure", "facts", "merge"]),
    (
        "plan",
        &[
            "value",
            "diagnostic",
            "azure",
            "expression",
            "context::Ignore",
            "dockerfile",
            "requirements",
            "recipe",
            "facts",
            "merge",
            "steps",
        ],
    ),
    (
        "execute",
        &[
            "clock",
            "context",
            "value",
            "diagnostic",
            "azure",
            "dockerfile",
            "requirements",
            "recipe",
            "facts",
            "merge",
            "steps",
            "plan",
        ],
    ),
    ("journal", &["clock", "value", "diagnostic", "azure", "execute"]),
    ("undo", &["value", "diagnostic", "azure", "expression", "recipe", "merge", "plan", "journal"]),
    ("verify", &["value", "diagnostic", "azure", "merge", "plan"]),
    (
        "report",
        &[
            "value",
            "diagnostic",
            "azure",
            "expression",
            "recipe",
            "merge",
            "steps",
            "plan",
            "execute",
            "journal",
            "verify",
        ],
    ),
    (
        "render",
        &[
            "value",
            "diagnostic",
            "azure",
            "expression",
            "recipe",
            "plan",
            "execute",
            "journal",
            "report",
            "sandbox::rules",
            "sandbox::edit",
        ],
    ),
    ("sandbox", &["azure::ResourceId", "azure::ids"]),
];

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Every `crate::a::b` of a file as `a::b`, comments and tests left out; a `use crate::a::{b, c}` gives both.
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let path = regex_lite::Regex::new(r"\bcrate::(\w+)(?:::(\w+|\{[^}]*\}))?").unwrap();
    let mut found = BTreeSet::new();
    for captures in path.captures_iter(&code) {
        let module = &captures[1];
        match captures.get(2).map(|items| items.as_str()) {
            Some(items) if items.starts_with('{') => {
                let names = items.trim_matches(['{', '}']).split(',').map(str::trim);
                found.extend(names.filter(|name| !name.is_empty()).map(|name| format!("{module}::{name}")));
            }
            Some(item) => drop(found.insert(format!("{module}::{item}"))),
            None => drop(found.insert(module.to_owned())),
        }
    }
    found
}

#[test]
fn no_layer_imports_one_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for file in files {
        let relative = file.strip_prefix(&source).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let layer = first.trim_end_matches(".rs").to_owned();
        if ["lib", "main", "cli"].contains(&layer.as_str()) {
            continue;
        }
        let may = allowed.get(layer.as_str()).unwrap_or_else(|| panic!("{layer} is no layer of the list"));
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            let module = import.split("::").next().unwrap();
            if module != layer && !may.contains(&module) && !may.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", relative.display()));
            }
        }
        seen.insert(layer);
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(seen.len(), ALLOWED.len(), "{seen:?}");
}

#[test]
fn imports_are_seen_in_every_form() {
    let text = "use crate::plan::{Plan, Write};\n// crate::cli::x\nfn f() { crate::render::text() }\nuse crate::facts;\n";
    let found: Vec<String> = imports(text).into_iter().collect();
    assert_eq!(found, ["facts", "plan::Plan", "plan::Write", "render::text"]);
}

/// Planning and verifying decide; they do not talk, wait or look at a clock.
#[test]
fn what_is_called_pure_does_no_io() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for layer in ["plan", "steps", "merge", "verify", "expression", "value", "dockerfile", "requirements"] {
        rust_files(&source.join(layer), &mut files);
    }
    files.push(source.join("facts.rs"));
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in [
            "tokio::",
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "now_utc",
            "Instant::now",
            "async fn",
        ] {
            assert!(!code.contains(word), "{} has {word}", file.display());
        }
    }
}
