//! The JSON Schema of a recipe file, for editors; made from the tables the reader checks with.

use serde_json::{Map, Value as Json, json};

use super::grammar::{CASES, FILE_TYPE, Kind, PROJECT, RECIPE, TYPES, Table};
use super::structure::CREDENTIALS;
use crate::azure::types;

/// The dialect the schemas are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema (2020-12) of `recipe.yaml`.
pub fn recipe_schema() -> Json {
    schema("acarecipe recipe", &RECIPE)
}

/// The JSON Schema (2020-12) of `acarecipe.yaml`.
pub fn project_schema() -> Json {
    schema("acarecipe project", &PROJECT)
}

/// The JSON Schema (2020-12) of `tests.yaml`.
pub fn cases_schema() -> Json {
    schema("acarecipe cases", &CASES)
}

fn schema(title: &str, table: &'static Table) -> Json {
    let mut definitions = Map::new();
    let root = object(table, &mut definitions);
    // Shapes hold shapes.
    definitions.insert(
        "shape".to_owned(),
        json!({
            "oneOf": [
                { "enum": TYPES.iter().filter(|name| **name != FILE_TYPE).collect::<Vec<_>>() },
                {
                    "type": "object",
                    "propertyNames": { "pattern": "^[A-Za-z0-9_-]+\\??$" },
                    "additionalProperties": { "$ref": "#/$defs/shape" }
                }
            ]
        }),
    );
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), DIALECT.into());
    schema.insert("title".to_owned(), title.into());
    if let Json::Object(root) = root {
        schema.extend(root);
    }
    schema.insert("$defs".to_owned(), Json::Object(definitions));
    Json::Object(schema)
}

fn object(table: &'static Table, definitions: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    for key in table.keys {
        let mut property = kind(key.kind, definitions);
        if let Json::Object(property) = &mut property {
            property.insert("description".to_owned(), key.doc.into());
        }
        properties.insert(key.name.to_owned(), property);
    }
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false
    });
    if let (false, Json::Object(object)) = (table.exactly_one.is_empty(), &mut object) {
        let one: Vec<Json> = table.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
        object.insert("oneOf".to_owned(), Json::Array(one));
    }
    if let (Some((beside, keys)), Json::Object(object)) = (table.only_with, &mut object) {
        let one: Vec<Json> = beside.iter().map(|key| json!({ "required": [key] })).collect();
        let needs = keys.iter().map(|key| ((*key).to_owned(), json!({ "anyOf": one })));
        object.insert("dependentSchemas".to_owned(), Json::Object(needs.collect()));
    }
    object
}

/// A table is written once and referred to by what it describes (`a step` → `step`).
fn reference(table: &'static Table, definitions: &mut Map<String, Json>) -> Json {
    let name = table.what.trim_start_matches("an ").trim_start_matches("a ").replace(' ', "_");
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), Json::Null);
        let object = object(table, definitions);
        definitions.insert(name.clone(), object);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn kind(kind: Kind, definitions: &mut Map<String, Json>) -> Json {
    let recipe_name = "^[a-z][a-z0-9-]*$";
    let id = "^[a-z][a-z0-9_-]*$";
    match kind {
        Kind::RecipeName => json!({ "type": "string", "pattern": recipe_name }),
        Kind::Id => json!({ "type": "string", "pattern": id }),
        Kind::Text | Kind::Expr | Kind::Query => json!({ "type": "string" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Fragment | Kind::Json => json!({}),
        Kind::Url => json!({ "type": "string", "pattern": "^https://", "format": "uri" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Duration => json!({ "type": "string", "pattern": "^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?$" }),
        Kind::DurationExpr => json!({
            "type": "string",
            "pattern": "^((?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?|.*\\$\\{.*)$"
        }),
        Kind::CountExpr => json!({
            "oneOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": "\\$\\{" }]
        }),
        Kind::Statuses => {
            let one = json!({
                "oneOf": [
                    { "type": "integer", "minimum": 100, "maximum": 599 },
                    { "type": "string", "pattern": "^([1-5][0-9]{2}(-[1-5][0-9]{2})?|.*\\$\\{.*)$" }
                ]
            });
            json!({
                "oneOf": [
                    { "type": "array", "items": one, "minItems": 1 },
                    { "type": "string", "pattern": "\\$\\{" }
                ]
            })
        }
        Kind::Headers => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z0-9-]+$" },
            "additionalProperties": { "type": "string" }
        }),
        Kind::Regex => json!({ "type": "string", "format": "regex" }),
        Kind::EnvName => json!({
            "type": "string",
            "pattern": format!("^(?!{})[A-Z_][A-Z0-9_]*$", CREDENTIALS.join("|"))
        }),
        Kind::ResourceType => json!({
            "type": "string",
            "pattern": "^[A-Za-z0-9]+(\\.[A-Za-z0-9]+)+(/[A-Za-z0-9][A-Za-z0-9.]*)+(@[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?)?$"
        }),
        Kind::Action => {
            let effects: Vec<&str> = types::effects().collect();
            let pattern = format!("^((list|get|check)[A-Za-z]*|{})$", effects.join("|"));
            json!({ "type": "string", "pattern": pattern })
        }
        Kind::Question => json!({ "enum": types::questions().collect::<Vec<_>>() }),
        Kind::Shape => json!({ "$ref": "#/$defs/shape" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::List(item) => json!({ "type": "array", "items": self::kind(*item, definitions) }),
        Kind::Map(item) => json!({
            "type": "object",
            "propertyNames": { "pattern": id },
            "additionalProperties": self::kind(*item, definitions)
        }),
        Kind::Named(item) => json!({
            "type": "object",
            "additionalProperties": self::kind(*item, definitions)
        }),
        Kind::Object(table) => reference(table, definitions),
        Kind::TextOr(table) => json!({ "oneOf": [{ "type": "string" }, reference(table, definitions)] }),
        Kind::NeverOr(table) => json!({ "oneOf": [{ "const": "never" }, reference(table, definitions)] }),
        Kind::RecipeOr(table) => json!({
            "oneOf": [{ "type": "string", "pattern": recipe_name }, reference(table, definitions)]
        }),
    }
}
