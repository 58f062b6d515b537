//! What JSON Schema alone does not say of a body: unknown, read-only, secret and missing properties.

use std::fmt;

use serde_json::{Map, Value as Json, json};

/// What a body is.
#[derive(Clone, Copy, PartialEq)]
pub enum Role {
    /// Sent by the client.
    Request,
    /// A successful answer, which may hold secrets or not.
    Answer { secrets: bool },
    /// An error answer.
    Error,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Request => "request",
            Role::Answer { .. } => "answer",
            Role::Error => "error",
        })
    }
}

/// Closes every object that lists its properties and says nothing of others. Objects that are one
/// of several by a discriminator stay open: their other properties stand in the branches. Resources
/// in answers may carry an `etag`, which the descriptions leave out.
///
/// "This or null" becomes "if it is not null, this", which means the same: a validator says of the
/// first only that neither fits, and of the second what is wrong inside.
pub fn close(schema: &mut Json, answers: bool) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|item| close(item, answers)),
        Json::Object(object) => {
            object.values_mut().for_each(|value| close(value, answers));
            if let Some(schema) = object.get("anyOf").and_then(or_null).cloned() {
                object.remove("anyOf");
                object.insert("if".to_owned(), json!({ "type": "null" }));
                object.insert("else".to_owned(), schema);
            }
            let open = object.contains_key("additionalProperties") || object.contains_key("allOf");
            let resource = answers && is_resource(object);
            let Some(Json::Object(properties)) = object.get_mut("properties") else {
                return;
            };
            if properties.is_empty() || open {
                return;
            }
            if resource {
                properties.entry("etag").or_insert(json!({ "type": ["string", "null"] }));
            }
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        _ => {}
    }
}

/// The schema of `anyOf: [schema, {type: null}]`.
fn or_null(branches: &Json) -> Option<&Json> {
    match branches.as_array()?.as_slice() {
        [schema, null] if *null == json!({ "type": "null" }) => Some(schema),
        _ => None,
    }
}

/// Whether a schema is that of an ARM resource.
fn is_resource(schema: &Map<String, Json>) -> bool {
    ["id", "name", "type"]
        .iter()
        .all(|name| schema.get("properties").is_some_and(|properties| properties.get(name).is_some()))
}

/// Read-only properties sent, secrets returned, and resources without `id`, `name` or `type`.
pub fn findings(schema: &Json, definitions: &Json, body: &Json, role: Role) -> Vec<String> {
    let mut walk = Walk { definitions, role, found: Vec::new() };
    walk.value(schema, body, "body");
    walk.found
}

struct Walk<'a> {
    definitions: &'a Json,
    role: Role,
    found: Vec<String>,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Json, value: &Json, place: &str) {
        let Some(object) = schema.as_object() else {
            return;
        };
        if let Some(name) =
            object.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix("#/$defs/"))
        {
            let definitions = self.definitions;
            self.value(&definitions[name], value, place);
        }
        if let Some(otherwise) = object.get("else")
            && !value.is_null()
        {
            self.value(otherwise, value, place);
        }
        for branch in object.get("anyOf").and_then(Json::as_array).into_iter().flatten() {
            self.value(branch, value, place);
        }
        for branch in object.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            if let Some((property, wanted)) = discriminator(branch) {
                if value.get(property) == Some(wanted) {
                    self.value(&branch["then"], value, place);
                }
            } else {
                self.value(branch, value, place);
            }
        }
        match value {
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(
                        &object.get("items").cloned().unwrap_or_default(),
                        item,
                        &format!("{place}[{index}]"),
                    );
                }
            }
            Json::Object(members) => self.members(object, members, place),
            _ => {}
        }
    }

    fn members(&mut self, schema: &Map<String, Json>, members: &Map<String, Json>, place: &str) {
        if matches!(self.role, Role::Answer { .. }) && is_resource(schema) {
            for name in ["id", "name", "type"] {
                if !members.get(name).is_some_and(Json::is_string) {
                    self.found.push(format!("{} {place}: the resource has no '{name}'", self.role));
                }
            }
        }
        let properties = schema.get("properties");
        for (name, value) in members {
            let place = format!("{place}.{name}");
            let Some(property) = properties.and_then(|properties| properties.get(name)) else {
                if let Some(other) = schema.get("additionalProperties") {
                    self.value(other, value, &place);
                }
                continue;
            };
            let flag = |flag: &str| property[flag] == json!(true);
            let empty = value.is_null() || value == "";
            if self.role == Role::Request && flag("readOnly") && !value.is_null() {
                self.found.push(format!("request {place}: is read-only"));
            }
            if self.role == (Role::Answer { secrets: false }) && flag("writeOnly") && !empty {
                self.found.push(format!("answer {place}: is write-only and was returned"));
            }
            self.value(property, value, &place);
        }
    }
}

/// The property and value of a branch `{if: {properties: {p: {const: v}}}, then}`.
fn discriminator(branch: &Json) -> Option<(&str, &Json)> {
    let (property, condition) = branch["if"]["properties"].as_object()?.iter().next()?;
    Some((property, condition.get("const")?))
}

/// Every ARM error is `{"error": {"code", "message"}}`.
/// <https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors>
pub fn error_shape(status: Option<u64>, answer: Option<&Json>) -> Vec<String> {
    if status.is_none_or(|status| status < 400) {
        return Vec::new();
    }
    let error = answer.map(|answer| &answer["error"]);
    ["code", "message"]
        .iter()
        .filter(|key| !error.is_some_and(|error| error[**key].is_string()))
        .map(|key| format!("the error has no error.{key}"))
        .collect()
}
