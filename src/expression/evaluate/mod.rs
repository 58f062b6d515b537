//! Walks the crate's syntax tree over marked values.

mod budget;
mod call;
mod lists;
mod operators;
mod template;

use std::borrow::Cow;

use jmespath::Variable;
use jmespath::ast::Ast;

use super::marks::{size, unknown};
use super::parse::Query;
use super::{ExpressionError, Scope, Span};
use crate::value::{Data, Marks, Value};
use budget::{Budget, NODE};

pub(super) use template::parts;

/// What `root()` is, and what a query starts from.
#[derive(Clone, Copy)]
pub(super) enum Document<'a> {
    /// Roots that are looked up when they are named.
    Scope(&'a dyn Scope),
    /// One value.
    Value(&'a Value),
}

/// The value of one query.
fn evaluate(
    text: &str,
    query: &Query,
    document: Document<'_>,
    budget: &Budget,
) -> Result<Value, ExpressionError> {
    let evaluator = Evaluator { text, query, document, budget };
    let value = evaluator.value(&query.ast, evaluator.root())?;
    evaluator.own(value)
}

/// Where an operator looks. Borrowed as long as possible: filtering a list copies only what is kept.
#[derive(Clone)]
enum Current<'v> {
    /// The scope; a field of it is a root.
    Scope,
    /// A root that has been named but not looked up, since a field of it may be all that is wanted.
    Root(&'v str),
    /// A value.
    Value(Cow<'v, Value>),
}

impl<'v> Current<'v> {
    fn own(value: Value) -> Current<'v> {
        Current::Value(Cow::Owned(value))
    }

    /// The same place, for one of several that look at it.
    fn view(&self) -> Current<'_> {
        match self {
            Current::Scope => Current::Scope,
            Current::Root(name) => Current::Root(name),
            Current::Value(value) => Current::Value(Cow::Borrowed(value)),
        }
    }
}

type Found<'v> = Result<Current<'v>, ExpressionError>;

/// One evaluation of one query.
pub(super) struct Evaluator<'s> {
    text: &'s str,
    query: &'s Query,
    document: Document<'s>,
    budget: &'s Budget,
}

impl<'s> Evaluator<'s> {
    fn root(&self) -> Current<'s> {
        match self.document {
            Document::Scope(_) => Current::Scope,
            Document::Value(value) => Current::Value(Cow::Borrowed(value)),
        }
    }

    fn own(&self, value: Cow<'_, Value>) -> Result<Value, ExpressionError> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.make(size(value))?;
                Ok(value.clone())
            }
        }
    }

    fn lookup(&self, root: &str, field: Option<&str>) -> Result<Value, ExpressionError> {
        let Document::Scope(scope) = self.document else {
            return Ok(Value::null());
        };
        let value = scope.lookup(root, field).unwrap_or_else(Value::null);
        self.make(size(&value))?;
        Ok(value)
    }

    /// The value of a node that looks at `current`.
    fn value<'v>(&'v self, ast: &'v Ast, current: Current<'v>) -> Result<Cow<'v, Value>, ExpressionError> {
        let found = self.eval(ast, current)?;
        self.force(found)
    }

    /// The same, when others look at `current` too.
    fn fork<'v>(&'v self, ast: &'v Ast, current: &Current<'v>) -> Result<Cow<'v, Value>, ExpressionError> {
        match current {
            Current::Value(Cow::Owned(_)) => {
                let value = self.value(ast, current.view())?;
                Ok(Cow::Owned(self.own(value)?))
            }
            borrowed => self.value(ast, borrowed.clone()),
        }
    }

    fn force<'v>(&'v self, current: Current<'v>) -> Result<Cow<'v, Value>, ExpressionError> {
        match current {
            Current::Value(value) => Ok(value),
            Current::Root(name) => Ok(Cow::Owned(self.lookup(name, None)?)),
            Current::Scope => {
                let span = Span { start: self.query.start, end: self.query.end };
                let message = "the document as a whole is no value";
                Err(ExpressionError::new(span, message).help("name one of its roots, as in `inputs.name`"))
            }
        }
    }

    fn eval<'v>(&'v self, ast: &'v Ast, current: Current<'v>) -> Found<'v> {
        self.work(NODE)?;
        match ast {
            Ast::Identity { .. } => Ok(current),
            Ast::Literal { value, .. } => {
                let value = literal(value);
                self.make(size(&value))?;
                Ok(Current::own(value))
            }
            Ast::Field { name, .. } => self.field(name, current),
            Ast::Subexpr { lhs, rhs, .. } => {
                let left = self.eval(lhs, current)?;
                self.eval(rhs, left)
            }
            Ast::Index { idx, .. } => Ok(lists::index(self.force(current)?, *idx)),
            Ast::Slice { start, stop, step, .. } => {
                let list = self.force(current)?;
                self.slice(&list, *start, *stop, *step)
            }
            Ast::Or { lhs, rhs, .. } => self.or(lhs, rhs, current),
            Ast::And { lhs, rhs, .. } => self.and(lhs, rhs, current),
            Ast::Not { node, .. } => {
                let value = self.value(node, current)?;
                Ok(Current::own(match value.truthy() {
                    Some(truth) => Value::from(!truth),
                    None => unknown([value.as_ref()], Marks::NONE),
                }))
            }
            Ast::Condition { predicate, then, .. } => self.condition(predicate, then, current),
            Ast::Comparison { comparator, lhs, rhs, .. } => self.comparison(comparator, lhs, rhs, &current),
            Ast::ObjectValues { node, .. } => {
                let object = self.value(node, current)?;
                self.members(object)
            }
            Ast::Projection { lhs, rhs, .. } => {
                let list = self.value(lhs, current)?;
                self.projection(list, rhs)
            }
            Ast::Flatten { node, .. } => {
                let list = self.value(node, current)?;
                self.flatten(list)
            }
            Ast::MultiList { elements, .. } => self.multi_list(elements, current),
            Ast::MultiHash { elements, .. } => self.multi_hash(elements, current),
            Ast::Function { name, args, offset } => self.function(name, args, *offset, current),
            // The check at parse lets it stand only as an argument, where `function` takes it.
            Ast::Expref { .. } => Ok(Current::own(Value::null())),
        }
    }

    fn field<'v>(&'v self, name: &'v str, current: Current<'v>) -> Found<'v> {
        Ok(match current {
            Current::Scope => Current::Root(name),
            Current::Root(root) => Current::own(self.lookup(root, Some(name))?),
            Current::Value(Cow::Borrowed(value)) => match &value.data {
                Data::Unknown(_) => Current::own(value.below(name)),
                _ => value.get(name).map_or_else(
                    || Current::own(Value::null()),
                    |member| Current::Value(Cow::Borrowed(member)),
                ),
            },
            Current::Value(Cow::Owned(mut value)) => Current::own(match &mut value.data {
                Data::Unknown(_) => value.below(name),
                Data::Map(members) => members.swap_remove(name).unwrap_or_else(Value::null),
                _ => Value::null(),
            }),
        })
    }
}

fn literal(variable: &Variable) -> Value {
    Value::new(match variable {
        Variable::Null | Variable::Expref(_) => Data::Null,
        Variable::Bool(value) => Data::Bool(*value),
        Variable::Number(number) => Data::Number(number.clone()),
        Variable::String(text) => Data::String(text.clone()),
        Variable::Array(items) => Data::List(items.iter().map(|item| literal(item)).collect()),
        Variable::Object(members) => {
            Data::Map(members.iter().map(|(key, member)| (key.clone(), literal(member))).collect())
        }
    })
}
