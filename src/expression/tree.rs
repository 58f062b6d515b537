//! JSON whose keys and strings are expressions: the fragments of a recipe.

use indexmap::IndexMap;

use super::{Expression, ExpressionError, Reference, Scope, functions};
use crate::diagnostic::Span;
use crate::value::{Data, Marks, Origin, Value};

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
    /// The value in `scope`. A member whose key is null is left out; a key that only a step makes known
    /// is an error, because what a recipe owns must be known when it is planned; an object with a key
    /// that was not or could not be read is as unknown as that. Members and elements that are null stay:
    /// whoever merges the fragment reads them as "not owned".
    ///
    /// # Errors
    /// As [`Expression::evaluate`], a key that waits for a step or is no scalar, or two keys that come
    /// out equal. The span is in the recipe file.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, ExpressionError> {
        match &self.node {
            Node::Scalar(json) => Ok(Value::from(json.clone())),
            Node::Text(text) => evaluate(text, self.span, scope),
            Node::List(items) => {
                let items = items.iter().map(|item| item.evaluate(scope));
                Ok(Value::new(Data::List(items.collect::<Result<_, _>>()?)))
            }
            Node::Map(members) => {
                let mut map = IndexMap::with_capacity(members.len());
                let mut marks = Marks::NONE;
                for (key, span, member) in members {
                    let (name, key_marks) = match evaluate_key(key, *span, scope)? {
                        Key::Null => continue,
                        Key::Unread(unknown) => return Ok(unknown),
                        Key::Name(name, marks) => (name, marks),
                    };
                    // A name cannot carry a mark, so the object does.
                    marks = marks.union(key_marks);
                    if map.insert(name, member.evaluate(scope)?).is_some() {
                        let message = "this key comes out equal to one before it";
                        return Err(ExpressionError::new(*span, message));
                    }
                }
                Ok(Value { data: Data::Map(map), marks })
            }
        }
    }

    /// Calls `visit` with every expression, keys included, and where it stands in the recipe file.
    pub fn walk<'t>(&'t self, visit: &mut dyn FnMut(&'t Expression, Span)) {
        match &self.node {
            Node::Scalar(_) => {}
            Node::Text(text) => visit(text, self.span),
            Node::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Node::Map(members) => {
                for (key, span, member) in members {
                    visit(key, *span);
                    member.walk(visit);
                }
            }
        }
    }

    /// Every path that the fragment reads from a root, in order. The span is that of the string it
    /// stands in, in the recipe file.
    pub fn references(&self) -> Vec<Reference> {
        let mut all = Vec::new();
        self.walk(&mut |expression, span| {
            let references = expression.references().into_iter();
            all.extend(references.map(|Reference { path, .. }| Reference { path, span }));
        });
        all
    }
}

/// Evaluates a string of the file. Its own offsets do not fit the file, where quotes and escapes stand
/// between, so the error points at the string and names the piece.
fn evaluate(text: &Expression, span: Span, scope: &dyn Scope) -> Result<Value, ExpressionError> {
    text.evaluate(scope).map_err(|error| {
        let piece = text.text().get(error.span.start..error.span.end);
        let message = match piece {
            Some(piece) if !piece.is_empty() && piece.len() < 60 && !error.message.contains(piece) => {
                format!("{}, in `{piece}`", error.message)
            }
            _ => error.message,
        };
        ExpressionError { span, message, help: error.help }
    })
}

/// What a key comes out as.
enum Key {
    /// The member is left out.
    Null,
    /// A name with its marks.
    Name(String, Marks),
    /// Something that was not or could not be read.
    Unread(Value),
}

fn evaluate_key(key: &Expression, span: Span, scope: &dyn Scope) -> Result<Key, ExpressionError> {
    let value = evaluate(key, span, scope)?;
    let name = match &value.data {
        Data::Null => return Ok(Key::Null),
        Data::String(name) => name.clone(),
        Data::Bool(flag) => flag.to_string(),
        Data::Number(number) => number.to_string(),
        Data::Unknown(origins) => {
            let step = origins.iter().find_map(|origin| match origin {
                Origin::Step(step) => Some(step),
                _ => None,
            });
            let Some(step) = step else { return Ok(Key::Unread(value)) };
            let message = format!("this key is known only after step `{step}`; keys must be known at plan");
            return Err(ExpressionError::new(span, message));
        }
        Data::List(_) | Data::Map(_) => {
            let message = format!("a key must be a string, not {}", functions::described(&value));
            return Err(ExpressionError::new(span, message));
        }
    };
    Ok(Key::Name(name, value.marks))
}
