//! Between [`Value`] and plain JSON.

use serde_json::Value as Json;

use super::{Data, Value};

impl From<Json> for Value {
    fn from(json: Json) -> Value {
        Value::new(match json {
            Json::Null => Data::Null,
            Json::Bool(value) => Data::Bool(value),
            Json::Number(number) => Data::Number(number),
            Json::String(text) => Data::String(text),
            Json::Array(items) => Data::List(items.into_iter().map(Value::from).collect()),
            Json::Object(members) => {
                Data::Map(members.into_iter().map(|(key, value)| (key, Value::from(value))).collect())
            }
        })
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::new(Data::String(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::new(Data::String(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::new(Data::Bool(value))
    }
}

impl Value {
    /// The plain JSON, marks dropped: for request bodies only, never for anything that is shown or
    /// stored (see [`super::Redacted`]). `None` when a part is still unknown.
    pub fn to_json(&self) -> Option<Json> {
        Some(match &self.data {
            Data::Null => Json::Null,
            Data::Bool(value) => Json::Bool(*value),
            Data::Number(number) => Json::Number(number.clone()),
            Data::String(text) => Json::String(text.clone()),
            Data::List(list) => Json::Array(list.iter().map(Value::to_json).collect::<Option<_>>()?),
            Data::Map(map) => Json::Object(
                map.iter()
                    .map(|(key, value)| Some((key.clone(), value.to_json()?)))
                    .collect::<Option<_>>()?,
            ),
            Data::Unknown(_) => return None,
        })
    }
}
