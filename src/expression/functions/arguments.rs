//! The arguments of one call, already checked against the table.

use std::borrow::Cow;

use jmespath::ast::Ast;

use super::super::ExpressionError;
use super::super::evaluate::Evaluator;
use crate::value::{Data, Marks, Value};

/// What a body answers; `None`: it hangs on an unknown part of the arguments.
pub(in crate::expression) type Outcome = Result<Option<Value>, Failure>;

/// Why a call failed.
#[derive(Debug)]
pub(in crate::expression) enum Failure {
    /// Something about the call itself, in words.
    Here(String),
    /// Something within an expression argument or in the bounds on the whole.
    Within(Box<ExpressionError>),
}

impl From<ExpressionError> for Failure {
    fn from(error: ExpressionError) -> Failure {
        Failure::Within(Box::new(error))
    }
}

/// The arguments of one call. Kinds have been checked, so an accessor of the wrong kind is a slip in
/// the table; it answers with something empty rather than stop the program.
pub(in crate::expression) struct Arguments<'a> {
    evaluator: &'a Evaluator<'a>,
    values: Vec<Cow<'a, Value>>,
    expression: Option<&'a Ast>,
}

impl<'a> Arguments<'a> {
    pub(in crate::expression) fn new(
        evaluator: &'a Evaluator<'a>,
        values: Vec<Cow<'a, Value>>,
        expression: Option<&'a Ast>,
    ) -> Arguments<'a> {
        Arguments { evaluator, values, expression }
    }

    pub(in crate::expression) fn values(&self) -> &[Cow<'a, Value>] {
        &self.values
    }

    pub(super) fn get(&self, index: usize) -> &Value {
        const NULL: &Value = &Value { data: Data::Null, marks: Marks::NONE };
        self.values.get(index).map_or(NULL, Cow::as_ref)
    }

    pub(super) fn text(&self, index: usize) -> &str {
        self.get(index).as_str().unwrap_or_default()
    }

    pub(super) fn list(&self, index: usize) -> &[Value] {
        self.get(index).as_list().unwrap_or_default()
    }

    /// The argument itself, copied only if somebody else still looks at it.
    pub(super) fn take(&mut self, index: usize) -> Result<Value, Failure> {
        let value = self
            .values
            .get_mut(index)
            .map_or(Cow::Owned(Value::null()), |value| std::mem::replace(value, Cow::Owned(Value::null())));
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.evaluator.make(super::super::marks::size(value))?;
                Ok(value.clone())
            }
        }
    }

    /// The elements of a list argument and the list's own marks.
    pub(super) fn take_list(&mut self, index: usize) -> Result<(Vec<Value>, Marks), Failure> {
        let value = self.take(index)?;
        Ok(match value.data {
            Data::List(items) => (items, value.marks),
            _ => (Vec::new(), value.marks),
        })
    }

    /// The expression argument's value for one element.
    pub(super) fn apply(&self, element: &Value) -> Result<Value, Failure> {
        match self.expression {
            Some(expression) => Ok(self.evaluator.apply(expression, element)?),
            None => Ok(Value::null()),
        }
    }

    /// Takes steps off the budget.
    pub(super) fn work(&self, steps: usize) -> Result<(), Failure> {
        Ok(self.evaluator.work(steps)?)
    }

    /// Takes the room for this many bytes of text off the budget, before they are made.
    pub(super) fn room(&self, bytes: usize) -> Result<(), Failure> {
        Ok(self.evaluator.make(bytes / 64)?)
    }

    /// Takes the room for this many values off the budget, before they are made.
    pub(super) fn make(&self, values: usize) -> Result<(), Failure> {
        Ok(self.evaluator.make(values)?)
    }
}
