//! Text around `${…}`.

use super::super::marks::unknown;
use super::super::parse::Part;
use super::super::{ExpressionError, Span, functions};
use super::budget::Budget;
use super::{Document, evaluate};
use crate::value::{Data, Marks, Origin, Value};

/// The value of a parsed string; `quote` is laid on what each `${…}` gives.
pub(in crate::expression) fn parts(
    text: &str,
    parts: &[Part],
    document: Document<'_>,
    quote: Option<fn(&str) -> String>,
) -> Result<Value, ExpressionError> {
    let budget = Budget::default();
    if let ([Part::Query(query)], None) = (parts, quote) {
        return evaluate(text, query, document, &budget);
    }
    let mut joined = String::new();
    // Which text it is, when a part of it is not known: that of the parts that are, with the others by
    // which property they are.
    let mut property = Some(String::new());
    let mut marks = Marks::NONE;
    let mut unknowns = Vec::new();
    let mut null = false;
    for part in parts {
        let query = match part {
            Part::Text(text) => {
                joined.push_str(text);
                continue;
            }
            Part::Query(query) => query,
        };
        let value = evaluate(text, query, document, &budget)?;
        marks = marks.union(value.marks);
        match &value.data {
            Data::Null => null = true,
            Data::Unknown(_) => {
                property =
                    property.zip(value.property()).map(|(text, one)| format!("{text}{joined}\0{one}\0"));
                joined.clear();
                unknowns.push(value);
            }
            Data::String(text) => joined.push_str(&quote.map_or_else(|| text.clone(), |quote| quote(text))),
            Data::Bool(flag) => joined.push_str(if *flag { "true" } else { "false" }),
            Data::Number(number) => joined.push_str(&number.to_string()),
            Data::List(_) | Data::Map(_) => {
                let span = Span { start: query.start, end: query.end };
                let message = format!("{} cannot stand within text", functions::described(&value));
                return Err(ExpressionError::new(span, message)
                    .help("use `join(', ', …)`, or `to_string(…)` for JSON"));
            }
        }
    }
    Ok(if null {
        Value::null()
    } else if unknowns.is_empty() {
        Value::from(joined).mark(marks)
    } else {
        let mut whole = unknown(&unknowns, marks);
        if let (Data::Unknown(origins), Some(property)) = (&mut whole.data, property) {
            origins.insert(Origin::Property(format!("{property}{joined}")));
        }
        whole
    })
}
