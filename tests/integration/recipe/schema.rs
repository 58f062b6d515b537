//! The published JSON Schema says what the reader says.

use acarecipe::recipe::{Origin, cases_schema, load, project_schema, recipe_schema};
use serde_json::Value as Json;

use super::{HEAD, source};

fn yaml(text: &str) -> Json {
    serde_saphyr::from_str_with_options(
        text,
        serde_saphyr::options! { strict_booleans: true, leading_zero_numbers_as_strings: true },
    )
    .unwrap()
}

#[test]
fn the_built_in_recipes_are_valid() {
    let validator = jsonschema::draft202012::new(&recipe_schema()).unwrap();
    for text in [
        include_str!("../../../recipes/managed-identity/recipe.yaml"),
        include_str!("../../../recipes/key-vault-reference/recipe.yaml"),
    ] {
        let mistakes: Vec<String> =
            validator.iter_errors(&yaml(text)).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}");
    }
}

#[test]
fn reader_and_schema_refuse_the_same() {
    let validator = jsonschema::draft202012::new(&recipe_schema()).unwrap();
    let cases = [
        ("goals: [security]\n", true),
        ("steps: [{ id: a, container_app: {} }]\n", true),
        ("requires: [a, { recipe: b, as: c_d }]\n", true),
        ("inputs: { a: { type: map, values: { x: string, y?: { z: integer } } } }\n", true),
        ("existing: { a: { type: A.B/c@2025-01-01-preview, name: x } }\n", true),
        ("verify: [{ that: \"${a}\", severity: warning }]\n", true),
        ("requries: []\n", false),
        ("complexity: low\nsteps: [{ id: a }]\n", false),
        ("steps: [{ id: a, container_app: {}, resource: { type: A.B/c, name: x, body: {} } }]\n", false),
        ("steps: [{ container_app: {} }]\n", false),
        ("steps: [{ id: A, container_app: {} }]\n", false),
        ("steps: [{ id: a, container_app: {}, timeout: 5 }]\n", false),
        ("steps: [{ id: a, container_app: {}, timeout: 5m5h }]\n", false),
        ("steps: [{ id: a, role_assignment: { role: Reader } }]\n", false),
        ("requires: [{ as: x }]\n", false),
        ("requires: [A]\n", false),
        ("inputs: { a: { type: text } }\n", false),
        ("inputs: { a: { type: list, items: { x: [string] } } }\n", false),
        ("inputs: { a: { required: \"yes\" } }\n", false),
        ("inputs: { a: { env: [lower] } }\n", false),
        ("existing: { a: { type: vaults, name: x } }\n", false),
        ("existing: { a: { type: A.B/c, name: x, search: tenant } }\n", false),
        ("verify: [{ that: true }]\n", false),
        ("verify: [{ that: \"${a}\", severity: fatal }]\n", false),
        ("docs: [http://example.com]\n", false),
        ("notes: 5\n", false),
    ];
    for (body, good) in cases {
        let text = if body.starts_with("complexity") { body.to_owned() } else { format!("{HEAD}{body}") };
        assert_eq!(load(&source(&text), Origin::BuiltIn).is_ok(), good, "reader: {body}");
        assert_eq!(validator.is_valid(&yaml(&text)), good, "schema: {body}");
    }
}

#[test]
fn every_key_is_described() {
    fn undescribed(json: &Json, found: &mut Vec<String>) {
        if let Some(properties) = json.get("properties").and_then(Json::as_object) {
            for (key, property) in properties {
                if property.get("description").is_none() {
                    found.push(key.clone());
                }
            }
        }
        match json {
            Json::Object(members) => members.values().for_each(|member| undescribed(member, found)),
            Json::Array(elements) => elements.iter().for_each(|element| undescribed(element, found)),
            _ => {}
        }
    }
    for schema in [recipe_schema(), project_schema(), cases_schema()] {
        jsonschema::draft202012::new(&schema).unwrap();
        let mut found = Vec::new();
        undescribed(&schema, &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}
