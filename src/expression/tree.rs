//! JSON whose keys and strings are expressions: the fragments of a recipe.

use super::{Expression, ExpressionError, Scope};
use crate::diagnostic::Span;
use crate::value::Value;

/// One place of a fragment.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What stands there.
    pub node: Node,
    /// Where it stands in the recipe file.
    pub span: Span,
}

/// What stands at one place of a fragment.
#[derive(Clone, Debug)]
pub enum Node {
    /// null, a boolean or a number.
    Scalar(serde_json::Value),
    /// A string.
    Text(Expression),
    /// A list.
    List(Vec<Tree>),
    /// An object: key, where the key stands, member.
    Map(Vec<(Expression, Span, Tree)>),
}

impl Tree {
    /// The value in `scope`. A member whose key is null is left out; a key that is unknown is an
    /// error (LANGUAGE.md P8).
    ///
    /// # Errors
    /// The span is in the recipe file.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, ExpressionError> {
        let _ = scope;
        unimplemented!()
    }
}
