//! `${…}`: JMESPath in the recipe language, evaluated over values that carry marks.
//!
//! The jmespath crate parses; this module walks its syntax tree itself, because the values of a
//! recipe are more than JSON: parts may be *unknown* until a step has run, and parts may be *secret*
//! or belong to somebody else. Three rules follow from that.
//!
//! **Unknown.** What needs an unknown is unknown, and names every origin it may need; what does not
//! need it is known: `known || unknown` is the first, `type([unknown])` is `array`. A list or object
//! with an unknown part stays a list or object; but a projection or filter drops nulls, and an
//! unknown element may turn out to be null, so `list[*].x` with an unknown x is unknown as a whole.
//! `map(&x, list)` keeps nulls and so keeps the list.
//!
//! **Marks.** Selecting keeps the marks of what is selected. A string or number *made from* marked
//! values carries all of their marks. What only says something *about* them, a boolean or a type,
//! carries none.
//!
//! **Null.** A function that is given null gives null instead of failing, because in a recipe null
//! means "not given".
//!
//! Recipes may come from strangers, so length, nesting, work and memory of an expression are bounded.

mod check;
mod doubts;
mod evaluate;
mod flow;
pub mod functions;
mod marks;
mod parse;
mod references;
mod tree;

use std::sync::Arc;

use crate::diagnostic::Span;
use crate::value::Value;

use evaluate::Document;
use parse::Part;

pub use doubts::Doubt;
pub use flow::{Flow, Flows, Source};
pub use tree::{Node, Tree};

/// A string that may hold `${…}`, parsed. `"${x}"` alone keeps the type of x, within text it gives
/// text, a null part makes the whole null, `$${` is a literal `${`.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    parts: Arc<[Part]>,
}

/// A path from a root that an expression reads: `inputs.key_vault` or `app.properties.template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The root and the fields below it, as far as they are literal.
    pub path: Vec<String>,
    /// Where it stands in the expression's text.
    pub span: Span,
}

/// A mistake in an expression. Never quotes a value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// Where it stands in the expression's text.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub help: Option<String>,
}

/// Where an expression's roots come from.
pub trait Scope {
    /// The value of `root`, or of `root.field` when the expression names a field right away; so
    /// that a group of lazily made values (`variables`, `steps`, `outputs`) makes only the one
    /// that is asked for. `None`: there is no such root (or field of such a group); reads as null.
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value>;
}

impl Expression {
    /// Parses a string of a recipe.
    ///
    /// # Errors
    /// Bad JMESPath, an unclosed or nested `${`, an unknown function or a wrong number of arguments,
    /// or more than the bounds on length and nesting.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression { text: text.to_owned(), parts: parse::template(text)?.into() })
    }

    /// Parses text that is one JMESPath query without `${}` (`--query`, the catalogue's query).
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn query(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression { text: text.to_owned(), parts: Arc::new([parse::query(text)?]) })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The plain string, when the text holds no `${…}` (`$${` already replaced).
    pub fn literal(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Query(_) => None,
            })
            .collect()
    }

    /// Where its value can come from, without any value.
    pub fn flows(&self) -> Flows {
        flow::of(&self.parts)
    }

    /// What it says that nobody means, in order of appearance.
    pub fn doubts(&self) -> Vec<Doubt> {
        doubts::of(&self.parts)
    }

    /// Where the JMESPath of each `${…}` stands in the text.
    pub fn queries(&self) -> Vec<Span> {
        let queries = self.parts.iter().filter_map(|part| match part {
            Part::Query(query) => Some(Span { start: query.start, end: query.end }),
            Part::Text(_) => None,
        });
        queries.collect()
    }

    /// Every path that is read within a filter, or an expression with `&`, from the element it looks at.
    pub fn relative(&self) -> Vec<Reference> {
        references::relative(&self.text, &self.parts)
    }

    /// Every path that the expression reads from a root, in order of appearance.
    pub fn references(&self) -> Vec<Reference> {
        references::of(&self.text, &self.parts)
    }

    /// The value in `scope`.
    ///
    /// # Errors
    /// A function that got a value of the wrong type (null is never wrong), a list or object within
    /// text, or more work than an expression may make.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, ExpressionError> {
        evaluate::parts(&self.text, &self.parts, Document::Scope(scope), None)
    }

    /// As [`Expression::evaluate`], with what each `${…}` gives passed through `quote`: for text that a
    /// person will paste into a shell, where a name from elsewhere must stay one word.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_quoted(
        &self,
        scope: &dyn Scope,
        quote: fn(&str) -> String,
    ) -> Result<Value, ExpressionError> {
        evaluate::parts(&self.text, &self.parts, Document::Scope(scope), Some(quote))
    }

    /// The value over one document, as `--query` means it: `@` is the document.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_on(&self, document: &Value) -> Result<Value, ExpressionError> {
        evaluate::parts(&self.text, &self.parts, Document::Value(document), None)
    }
}

impl ExpressionError {
    fn new(span: Span, message: impl Into<String>) -> ExpressionError {
        ExpressionError { span, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> ExpressionError {
        self.help = Some(help.into());
        self
    }
}
