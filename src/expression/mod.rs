//! `${…}`: JMESPath in the recipe language, evaluated over values that carry marks.

mod tree;

use crate::diagnostic::Span;
use crate::value::Value;

pub use tree::{Node, Tree};

/// A string that may hold `${…}`, parsed. `"${x}"` alone keeps the type of x, within text it gives
/// text, a null part makes the whole null, `$${` is a literal `${`.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
}

/// A path from a root that an expression reads: `inputs.key_vault` or `app.properties.template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The root and the fields below it, as far as they are literal.
    pub path: Vec<String>,
    /// Where it stands in the expression's text.
    pub span: Span,
}

/// A mistake in an expression.
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
    /// Bad JMESPath, an unclosed or nested `${`, an unknown function or a wrong number of arguments.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression {
            text: text.to_owned(),
        })
    }

    /// Parses text that is one JMESPath query without `${}` (`--query`, the catalogue's query).
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn query(text: &str) -> Result<Expression, ExpressionError> {
        Ok(Expression {
            text: text.to_owned(),
        })
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The plain string, when the text holds no `${…}` (`$${` already replaced).
    pub fn literal(&self) -> Option<String> {
        unimplemented!()
    }

    /// Every path that the expression reads from a root, in order of appearance.
    pub fn references(&self) -> Vec<Reference> {
        unimplemented!()
    }

    /// The value in `scope`.
    ///
    /// # Errors
    /// A function that got a value of the wrong type (null is never wrong).
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, ExpressionError> {
        let _ = scope;
        unimplemented!()
    }
}
