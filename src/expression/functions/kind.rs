//! What an argument may be.

use crate::value::{Data, Value};

/// What an argument must be. Null is allowed everywhere; where it says nothing, the call is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything; null is a value like others.
    Any,
    /// Anything; null makes the call null.
    Given,
    /// A string.
    Text,
    /// A number.
    Number,
    /// A list.
    List,
    /// An object.
    Map,
    /// A string or a list.
    TextOrList,
    /// A string, a list or an object.
    Sized,
    /// A list of strings.
    Texts,
    /// A list of numbers.
    Numbers,
    /// A list of strings or a list of numbers.
    TextsOrNumbers,
    /// `&expression`, evaluated for each element.
    Expression,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Any | Kind::Given => "any",
            Kind::Text => "string",
            Kind::Number => "number",
            Kind::List => "list",
            Kind::Map => "object",
            Kind::TextOrList => "string or list",
            Kind::Sized => "string, list or object",
            Kind::Texts => "list of strings",
            Kind::Numbers => "list of numbers",
            Kind::TextsOrNumbers => "list of strings or of numbers",
            Kind::Expression => "&expression",
        }
    }

    /// The word with its article.
    pub(super) fn article(self) -> String {
        match self {
            Kind::Map => "an object".to_owned(),
            Kind::Any | Kind::Given => "any value".to_owned(),
            kind => format!("a {}", kind.name()),
        }
    }

    /// Whether the value is of this kind as far as it is known; true: the call is null.
    ///
    /// # Errors
    /// What it is instead.
    pub(super) fn accept(self, value: &Value) -> Result<bool, String> {
        let fits = match (self, &value.data) {
            (Kind::Any, _) => return Ok(false),
            (_, Data::Null) => return Ok(true),
            (_, Data::Unknown(_))
            | (Kind::Given, _)
            | (Kind::Text | Kind::TextOrList | Kind::Sized, Data::String(_))
            | (Kind::Number, Data::Number(_))
            | (Kind::List | Kind::TextOrList | Kind::Sized, Data::List(_))
            | (Kind::Map | Kind::Sized, Data::Map(_)) => true,
            (Kind::Texts, Data::List(items)) => return elements(items, |item| item.as_str().is_some()),
            (Kind::Numbers, Data::List(items)) => {
                return elements(items, |item| matches!(item.data, Data::Number(_)));
            }
            (Kind::TextsOrNumbers, Data::List(items)) => {
                let first = items.iter().find(|item| !item.is_null() && !item.is_unknown());
                let texts = first.is_none_or(|first| first.as_str().is_some());
                return elements(items, |item| match &item.data {
                    Data::String(_) => texts,
                    Data::Number(_) => !texts,
                    _ => false,
                });
            }
            _ => false,
        };
        if fits { Ok(false) } else { Err(described(value).to_owned()) }
    }
}

fn elements(items: &[Value], fits: impl Fn(&Value) -> bool) -> Result<bool, String> {
    let wrong = |item: &&Value| !item.is_null() && !item.is_unknown() && !fits(item);
    match items.iter().find(wrong) {
        Some(item) => Err(format!("a list with {} in it", described(item))),
        None => Ok(items.iter().any(Value::is_null)),
    }
}

/// What a value is, in words; never what is in it.
pub(in crate::expression) fn described(value: &Value) -> &'static str {
    match value.data {
        Data::Null => "null",
        Data::Bool(_) => "a boolean",
        Data::Number(_) => "a number",
        Data::String(_) => "a string",
        Data::List(_) => "a list",
        Data::Map(_) => "an object",
        Data::Unknown(_) => "an unknown value",
    }
}

/// The word for a position, counted from 0.
pub(in crate::expression) fn ordinal(index: usize) -> String {
    match index {
        0 => "first".to_owned(),
        1 => "second".to_owned(),
        2 => "third".to_owned(),
        index => format!("{}th", index + 1),
    }
}
