//! Operators that choose, compare and build.

use std::slice;

use indexmap::IndexMap;
use jmespath::ast::{Ast, Comparator, KeyValuePair};

use super::super::ExpressionError;
use super::super::marks::{all_marks, equal, size, union, unknown};
use super::{Current, Evaluator, Found};
use crate::value::{Data, Marks, Value};

impl Evaluator<'_> {
    pub(super) fn or<'v>(&'v self, lhs: &'v Ast, rhs: &'v Ast, current: Current<'v>) -> Found<'v> {
        let left = self.fork(lhs, &current)?;
        match left.truthy() {
            Some(true) => Ok(Current::Value(left)),
            Some(false) => self.eval(rhs, current),
            None => Ok(self.undecided(&left, slice::from_ref(rhs), &current)),
        }
    }

    pub(super) fn and<'v>(&'v self, lhs: &'v Ast, rhs: &'v Ast, current: Current<'v>) -> Found<'v> {
        let left = self.fork(lhs, &current)?;
        match left.truthy() {
            Some(false) => Ok(Current::Value(left)),
            Some(true) => self.eval(rhs, current),
            None => Ok(self.undecided(&left, slice::from_ref(rhs), &current)),
        }
    }

    pub(super) fn condition<'v>(
        &'v self,
        predicate: &'v Ast,
        then: &'v Ast,
        current: Current<'v>,
    ) -> Found<'v> {
        let truth = self.fork(predicate, &current)?;
        match truth.truthy() {
            Some(true) => self.eval(then, current),
            Some(false) => Ok(Current::own(Value::null())),
            None => Ok(self.undecided(&truth, slice::from_ref(then), &current)),
        }
    }

    /// What `unknown || branch` is: unknown, waiting also for what the branches wait for and as
    /// secret as any of them, because one of them may be what comes out. A branch that fails may
    /// never be taken, so its error does not count.
    pub(super) fn undecided<'v>(
        &'v self,
        decider: &Value,
        branches: &[Ast],
        current: &Current<'_>,
    ) -> Current<'v> {
        let mut values = vec![decider.clone()];
        for branch in branches {
            let value = self.value(branch, current.view()).and_then(|value| self.own(value));
            values.extend(value.ok());
        }
        Current::own(unknown(&values, union(values.iter().map(all_marks))))
    }

    pub(super) fn comparison<'v>(
        &'v self,
        comparator: &Comparator,
        lhs: &Ast,
        rhs: &Ast,
        current: &Current<'_>,
    ) -> Found<'v> {
        let left = self.value(lhs, current.view())?;
        let right = self.value(rhs, current.view())?;
        self.work(size(&left) + size(&right))?;
        let number = |value: &Value| match &value.data {
            Data::Number(number) => number.as_f64(),
            _ => None,
        };
        let ordered = |holds: fn(&f64, &f64) -> bool| match (number(&left), number(&right)) {
            (Some(left), Some(right)) => Some(Value::from(holds(&left, &right))),
            _ if left.is_unknown() || right.is_unknown() => None,
            _ => Some(Value::null()),
        };
        let fact = match comparator {
            Comparator::Equal => equal(&left, &right).map(Value::from),
            Comparator::NotEqual => equal(&left, &right).map(|same| Value::from(!same)),
            Comparator::LessThan => ordered(f64::lt),
            Comparator::LessThanEqual => ordered(f64::le),
            Comparator::GreaterThan => ordered(f64::gt),
            Comparator::GreaterThanEqual => ordered(f64::ge),
        };
        let fact = fact.unwrap_or_else(|| unknown([left.as_ref(), right.as_ref()], Marks::NONE));
        Ok(Current::own(fact))
    }

    /// Whether `[…]` or `{…}` applied here has to say null, or cannot say anything yet.
    fn absent<'v>(&'v self, current: Current<'v>) -> Result<(Current<'v>, bool), ExpressionError> {
        Ok(match current {
            Current::Scope => (current, false),
            current => {
                let value = self.force(current)?;
                let absent = value.is_null() || value.is_unknown();
                (Current::Value(value), absent)
            }
        })
    }

    pub(super) fn multi_list<'v>(&'v self, elements: &'v [Ast], current: Current<'v>) -> Found<'v> {
        let (current, absent) = self.absent(current)?;
        if absent {
            return Ok(current);
        }
        let mut list = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.value(element, current.view())?;
            list.push(self.own(value)?);
        }
        Ok(Current::own(Value::new(Data::List(list))))
    }

    pub(super) fn multi_hash<'v>(&'v self, elements: &'v [KeyValuePair], current: Current<'v>) -> Found<'v> {
        let (current, absent) = self.absent(current)?;
        if absent {
            return Ok(current);
        }
        let mut map = IndexMap::with_capacity(elements.len());
        for pair in elements {
            let value = self.value(&pair.value, current.view())?;
            map.insert(pair.key.clone(), self.own(value)?);
        }
        Ok(Current::own(Value::new(Data::Map(map))))
    }
}
