//! Defaults of inputs: of the form that the input itself asks for, as far as they are written out.

use serde_json::Value as Json;

use super::Findings;
use crate::diagnostic::codes;
use crate::expression::{Node, Tree};
use crate::recipe::{Recipe, Shape, parse_duration, paths};

/// Checks every default.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for input in recipe.inputs.values() {
        if !input.env.is_empty() && !paths::takes_variables(recipe, input) {
            let message = format!(
                "`{}` is a path, which no environment variable of a recipe's choice may name",
                input.id.written
            );
            findings.error(
                codes::BAD_VALUE,
                input.id.span,
                message,
                "the caller gives it: -p, or the project file",
            );
        }
        let Some(default) = &input.default else { continue };
        if input.required {
            findings.error(
                codes::DEFAULT_ON_REQUIRED,
                default.span,
                format!("the input `{}` is required, so that its default is never used", input.id.written),
                "",
            );
        }
        if let Some(why) = paths::wrong_default(recipe, input) {
            findings.error(codes::BAD_DEFAULT, default.span, why, "");
            continue;
        }
        if input.shape == Shape::File {
            // It names the file; what is in it is looked at when it is read.
            continue;
        }
        let Some(value) = written(default).filter(|value| !value.is_null()) else { continue };
        let name = &input.id.written;
        let why = if !fits(&input.shape, &value) {
            Some(format!("the default of `{name}` is not {}", word(&input.shape)))
        } else if !input.one_of.is_empty() && !input.one_of.contains(&value) {
            let all: Vec<String> = input.one_of.iter().map(Json::to_string).collect();
            Some(format!("the default of `{name}` is none of {}", all.join(", ")))
        } else {
            let matches = |text: &str| input.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
            (!texts(&value).into_iter().all(matches))
                .then(|| format!("the default of `{name}` does not have the form that `pattern` asks for"))
        };
        if let Some(why) = why {
            findings.error(codes::BAD_DEFAULT, default.span, why, "");
        }
    }
}

/// What is written out; an expression is anything.
fn written(tree: &Tree) -> Option<Json> {
    match &tree.node {
        Node::Scalar(value) => Some(value.clone()),
        Node::Text(text) => text.literal().map(Json::String),
        Node::List(items) => items.iter().map(written).collect::<Option<Vec<_>>>().map(Json::Array),
        Node::Map(members) => {
            let member = |(key, _, value): &(crate::expression::Expression, _, Tree)| {
                Some((key.literal()?, written(value)?))
            };
            members.iter().map(member).collect::<Option<serde_json::Map<_, _>>>().map(Json::Object)
        }
    }
}

fn fits(shape: &Shape, value: &Json) -> bool {
    match (shape, value) {
        (Shape::Any, _)
        | (_, Json::Null)
        | (Shape::String | Shape::Path | Shape::File, Json::String(_))
        | (Shape::Number, Json::Number(_))
        | (Shape::Boolean, Json::Bool(_)) => true,
        (Shape::Integer, Json::Number(number)) => number.is_i64() || number.is_u64(),
        (Shape::Duration, Json::String(text)) => parse_duration(text).is_some(),
        (Shape::List(held), Json::Array(items)) => items.iter().all(|item| fits(held, item)),
        (Shape::Map(held), Json::Object(members)) => members.values().all(|member| fits(held, member)),
        (Shape::Record(fields), Json::Object(members)) => {
            members
                .iter()
                .all(|(key, member)| fields.get(key).is_some_and(|field| fits(&field.shape, member)))
                && fields.iter().all(|(name, field)| field.optional || members.contains_key(name))
        }
        _ => false,
    }
}

fn word(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "a value",
        Shape::String => "text",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Boolean => "true or false",
        Shape::Duration => "a duration such as 2m",
        Shape::Path | Shape::File => "a path",
        Shape::List(_) => "a list of what `items` says",
        Shape::Map(_) | Shape::Record(_) => "a map of what `values` says",
    }
}

fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(items) => items.iter().flat_map(texts).collect(),
        Json::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
