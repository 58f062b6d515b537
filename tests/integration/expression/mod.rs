//! Expressions: the language, its agreement with JMESPath, marks, bounds and fragments.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test helpers may panic")]

mod agreement;
mod bounds;
mod language;
mod marks;
mod pool;
mod tree;

use acarecipe::expression::{Expression, ExpressionError, Scope};
use acarecipe::value::{Data, Value};
use serde_json::Value as Json;

/// A scope over one object, which counts as if its roots were made lazily.
pub(crate) struct Roots(pub(crate) Value);

impl Scope for Roots {
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
        let root = self.0.get(root)?;
        match (field, &root.data) {
            (None, _) | (_, Data::Unknown(_)) => Some(root.clone()),
            (Some(field), _) => root.get(field).cloned(),
        }
    }
}

/// The value of a string of a recipe over plain roots.
pub(crate) fn evaluate(text: &str, roots: Json) -> Result<Value, ExpressionError> {
    Expression::parse(text)?.evaluate(&Roots(roots.into()))
}

/// The same as plain JSON.
pub(crate) fn json(text: &str, roots: Json) -> Json {
    evaluate(text, roots).unwrap_or_else(|error| panic!("{text}: {error}")).to_json().expect("known")
}

/// The error of parsing or evaluating over nothing, with what it points at.
pub(crate) fn failure(text: &str) -> (String, String, Option<String>) {
    let error = evaluate(text, Json::Object(serde_json::Map::new())).expect_err(text);
    let piece = text.get(error.span.start..error.span.end).expect("a span of the text");
    (error.message, piece.to_owned(), error.help)
}
