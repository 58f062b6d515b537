//! The reference page is what the program prints, and its examples are what the evaluator gives.

use std::path::PathBuf;

use acarecipe::expression::functions::FUNCTIONS;
use acarecipe::expression::{Expression, Scope};
use acarecipe::recipe::recipe_reference;
use acarecipe::value::Value;
use serde_json::Value as Json;

struct Example;

impl Scope for Example {
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
        (root == "example").then(|| field.map_or_else(|| Value::from("a"), |_| Value::null()))
    }
}

#[test]
fn the_page_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/recipe-reference.md");
    let made = recipe_reference();
    if std::env::var_os("ACARECIPE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(kept == made, "docs/recipe-reference.md is not current: ACARECIPE_BLESS=1 cargo test reference");
}

#[test]
fn every_example_of_a_function_gives_what_it_says() {
    for function in FUNCTIONS {
        let (call, result) = function.example;
        assert!(call.contains(&format!("{}(", function.name)), "{call}");
        let expression =
            Expression::parse(&format!("${{{call}}}")).unwrap_or_else(|error| panic!("{call}: {error}"));
        let value = expression.evaluate(&Example).unwrap_or_else(|error| panic!("{call}: {error}"));
        let expected: Json = serde_json::from_str(result).unwrap();
        assert_eq!(value.to_json(), Some(expected.clone()), "{call}");
        // What a function is said to give is what lint builds on; an example may pick a part of it.
        if call.ends_with(')') && call.starts_with(function.name) {
            let kind = match expected {
                Json::Bool(_) => "boolean",
                Json::Number(_) => "number",
                Json::String(_) => "string",
                Json::Array(_) => "list",
                Json::Object(_) => "object",
                Json::Null => "null",
            };
            let said = function.returns.name();
            assert!(said == "any" || said == kind || call.contains("=="), "{call}: {said}, not {kind}");
        }
    }
}

#[test]
fn the_page_names_every_key_and_function() {
    let page = recipe_reference();
    let schema = acarecipe::recipe::recipe_schema();
    let mut keys: Vec<String> = Vec::new();
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for object in objects {
        keys.extend(object["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned()));
    }
    assert!(keys.len() > 60, "{}", keys.len());
    for key in keys {
        assert!(page.contains(&format!("`{key}`")), "{key}");
    }
    for function in FUNCTIONS {
        assert!(page.contains(&format!("`{}`", function.usage())), "{}", function.name);
    }
    for code in ["unknown-key", "secret-misplaced", "literal-principal", "never-true"] {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}
