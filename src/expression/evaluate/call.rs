//! Calls of functions: what the table says is done here, around the body.

use std::borrow::Cow;

use jmespath::ast::Ast;

use super::super::ExpressionError;
use super::super::check::name_span;
use super::super::functions::{self, Arguments, Body, Failure, Gives};
use super::super::marks::{all_marks, has_unknown, identified, size, union, unknown};
use super::{Current, Evaluator, Found};
use crate::value::{Marks, Value};

impl Evaluator<'_> {
    pub(super) fn function<'v>(
        &'v self,
        name: &str,
        args: &'v [Ast],
        offset: usize,
        current: Current<'v>,
    ) -> Found<'v> {
        let Some(function) = functions::find(name) else {
            return Ok(Current::own(Value::null()));
        };
        match (function.body, args) {
            (Body::Root, _) => Ok(self.root()),
            (Body::If, [condition, branches @ ..]) => {
                let truth = self.fork(condition, &current)?;
                let branch = match truth.truthy() {
                    Some(true) => branches.first(),
                    Some(false) => branches.get(1),
                    None => return Ok(self.undecided(&truth, branches, &current)),
                };
                match branch {
                    Some(branch) => self.eval(branch, current),
                    None => Ok(Current::own(Value::null())),
                }
            }
            (Body::NotNull, args) => {
                for (index, arg) in args.iter().enumerate() {
                    let value = self.fork(arg, &current)?;
                    if value.is_unknown() {
                        let rest = args.get(index + 1..).unwrap_or_default();
                        return Ok(self.undecided(&value, rest, &current));
                    }
                    if !value.is_null() {
                        return Ok(Current::Value(value));
                    }
                }
                Ok(Current::own(Value::null()))
            }
            (Body::Values(body), args) => {
                let span = || name_span(self.text, self.query, offset, name);
                self.call(function, body, args, &current).map(Current::own).map_err(|failure| match failure {
                    Failure::Here(message) => ExpressionError::new(span(), message).help(function.usage()),
                    Failure::Within(error) => *error,
                })
            }
            (Body::If, []) => Ok(Current::own(Value::null())),
        }
    }

    fn call(
        &self,
        function: &functions::Function,
        body: fn(&mut Arguments<'_>) -> functions::Outcome,
        args: &[Ast],
        current: &Current<'_>,
    ) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(args.len());
        let mut expression = None;
        let mut null = false;
        let mut vague = false;
        for (index, arg) in args.iter().enumerate() {
            let value = match arg {
                Ast::Expref { ast, .. } => {
                    expression = Some(ast.as_ref());
                    Cow::Owned(Value::null())
                }
                arg => {
                    let value = self.value(arg, current.view())?;
                    self.work(size(&value))?;
                    vague |= value.is_unknown() || (function.gives == Gives::Made && has_unknown(&value));
                    null |= functions::accept(function, index, &value)?;
                    value
                }
            };
            values.push(value);
        }
        if null {
            return Ok(Value::null());
        }
        let marks = |values: &[Cow<'_, Value>]| match function.gives {
            Gives::Fact => Marks::NONE,
            Gives::Made | Gives::Part => union(values.iter().map(|value| all_marks(value))),
        };
        let waiting = |values: &[Cow<'_, Value>]| {
            let whole = unknown(values.iter().map(Cow::as_ref), marks(values));
            let parts: Vec<&Value> = values.iter().map(Cow::as_ref).collect();
            if expression.is_none() { identified(whole, function.name, &parts) } else { whole }
        };
        if vague {
            return Ok(waiting(&values));
        }
        let made = (function.gives == Gives::Made).then(|| marks(&values));
        let mut arguments = Arguments::new(self, values, expression);
        let Some(value) = body(&mut arguments)? else {
            return Ok(waiting(arguments.values()));
        };
        self.make(size(&value))?;
        Ok(match made {
            Some(marks) if !value.is_null() => value.mark(marks),
            _ => value,
        })
    }

    /// The value of an expression argument (`&…`) for one element.
    pub(in crate::expression) fn apply(&self, ast: &Ast, element: &Value) -> Result<Value, ExpressionError> {
        let value = self.value(ast, Current::Value(Cow::Borrowed(element)))?;
        self.own(value)
    }
}
