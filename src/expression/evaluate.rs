//! Walks the crate's syntax tree over marked values.

use std::borrow::Cow;
use std::cell::Cell;

use indexmap::IndexMap;
use jmespath::Variable;
use jmespath::ast::{Ast, Comparator, KeyValuePair};

use super::check::name_span;
use super::functions::{self, Arguments, Body, Failure, Gives};
use super::marks::{all_marks, equal, has_unknown, size, union, unknown};
use super::parse::{Part, Query};
use super::{ExpressionError, Scope, Span};
use crate::value::{Data, Marks, Value};

/// Steps that one expression may take. A query over a list of ten thousand resources takes a few
/// hundred thousand; nested `map` and filters over themselves would take for ever.
const MAX_STEPS: usize = 20_000_000;
/// Steps that visiting one node of the syntax tree costs; looking at one part of a value costs 1.
const NODE: usize = 4;
/// Values (or pieces of 64 bytes of text) that one expression may make: about 300 MB at the very
/// worst. `[@, @] | [@, @] | …` doubles with every stage.
const MAX_MADE: usize = 3_000_000;

/// What `root()` is, and what a query starts from.
#[derive(Clone, Copy)]
pub(super) enum Document<'a> {
    /// Roots that are looked up when they are named.
    Scope(&'a dyn Scope),
    /// One value.
    Value(&'a Value),
}

/// The value of a parsed string.
pub(super) fn parts(text: &str, parts: &[Part], document: Document<'_>) -> Result<Value, ExpressionError> {
    let budget = Budget::default();
    if let [Part::Query(query)] = parts {
        return evaluate(text, query, document, &budget);
    }
    let mut joined = String::new();
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
            Data::Unknown(_) => unknowns.push(value),
            Data::String(text) => joined.push_str(text),
            Data::Bool(flag) => joined.push_str(if *flag { "true" } else { "false" }),
            Data::Number(number) => joined.push_str(&number.to_string()),
            Data::List(_) | Data::Map(_) => {
                let span = Span {
                    start: query.start,
                    end: query.end,
                };
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
        unknown(&unknowns, marks)
    })
}

fn evaluate(
    text: &str,
    query: &Query,
    document: Document<'_>,
    budget: &Budget,
) -> Result<Value, ExpressionError> {
    let evaluator = Evaluator {
        text,
        query,
        document,
        budget,
    };
    let value = evaluator.value(&query.ast, evaluator.root())?;
    evaluator.own(value)
}

/// What is left of the bounds on one expression.
struct Budget {
    steps: Cell<usize>,
    made: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            steps: Cell::new(MAX_STEPS),
            made: Cell::new(MAX_MADE),
        }
    }
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

    /// Takes work off the budget.
    pub(super) fn work(&self, steps: usize) -> Result<(), ExpressionError> {
        self.spend(&self.budget.steps, steps)
    }

    /// Takes new values (or pieces of 64 bytes of text) off the budget.
    pub(super) fn make(&self, values: usize) -> Result<(), ExpressionError> {
        self.spend(&self.budget.made, values)
    }

    fn spend(&self, budget: &Cell<usize>, amount: usize) -> Result<(), ExpressionError> {
        if let Some(left) = budget.get().checked_sub(amount) {
            budget.set(left);
            return Ok(());
        }
        // What is spent stays spent, also where an error is passed over.
        budget.set(0);
        let span = Span {
            start: self.query.start,
            end: self.query.end,
        };
        let message = "this expression takes too much work or memory";
        Err(ExpressionError::new(span, message))
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
                let span = Span {
                    start: self.query.start,
                    end: self.query.end,
                };
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
            Ast::Index { idx, .. } => Ok(index(self.force(current)?, *idx)),
            Ast::Slice {
                start, stop, step, ..
            } => {
                let list = self.force(current)?;
                self.slice(list, *start, *stop, *step)
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
            Ast::Comparison {
                comparator, lhs, rhs, ..
            } => self.comparison(comparator, lhs, rhs, &current),
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
                Data::Unknown(_) => Current::Value(Cow::Borrowed(value)),
                _ => value.get(name).map_or_else(
                    || Current::own(Value::null()),
                    |member| Current::Value(Cow::Borrowed(member)),
                ),
            },
            Current::Value(Cow::Owned(mut value)) => Current::own(match &mut value.data {
                Data::Unknown(_) => value,
                Data::Map(members) => members.swap_remove(name).unwrap_or_else(Value::null),
                _ => Value::null(),
            }),
        })
    }

    fn or<'v>(&'v self, lhs: &'v Ast, rhs: &'v Ast, current: Current<'v>) -> Found<'v> {
        let left = self.fork(lhs, &current)?;
        match left.truthy() {
            Some(true) => Ok(Current::Value(left)),
            Some(false) => self.eval(rhs, current),
            None => Ok(self.undecided(&left, &[rhs], &current)),
        }
    }

    fn and<'v>(&'v self, lhs: &'v Ast, rhs: &'v Ast, current: Current<'v>) -> Found<'v> {
        let left = self.fork(lhs, &current)?;
        match left.truthy() {
            Some(false) => Ok(Current::Value(left)),
            Some(true) => self.eval(rhs, current),
            None => Ok(self.undecided(&left, &[rhs], &current)),
        }
    }

    fn condition<'v>(&'v self, predicate: &'v Ast, then: &'v Ast, current: Current<'v>) -> Found<'v> {
        let truth = self.fork(predicate, &current)?;
        match truth.truthy() {
            Some(true) => self.eval(then, current),
            Some(false) => Ok(Current::own(Value::null())),
            None => Ok(self.undecided(&truth, &[then], &current)),
        }
    }

    /// What `unknown || branch` is: unknown, waiting also for what the branches wait for and as
    /// secret as any of them, because one of them may be what comes out. A branch that fails may
    /// never be taken, so its error does not count.
    fn undecided<'v>(&'v self, decider: &Value, branches: &[&Ast], current: &Current<'_>) -> Current<'v> {
        let mut values = vec![decider.clone()];
        for branch in branches {
            let value = self
                .value(branch, current.view())
                .and_then(|value| self.own(value));
            values.extend(value.ok());
        }
        Current::own(unknown(&values, union(values.iter().map(all_marks))))
    }

    fn comparison<'v>(
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

    /// Each element through `rhs`, nulls dropped. Where the length hangs on an unknown, the list does.
    fn projection<'v>(&'v self, list: Cow<'v, Value>, rhs: &'v Ast) -> Found<'v> {
        let marks = list.marks;
        let mut kept = Vec::new();
        let mut keep = |value: Value| {
            if !value.is_null() {
                kept.push(value);
            }
        };
        match list {
            Cow::Borrowed(Value {
                data: Data::List(items),
                ..
            }) => {
                for item in items {
                    let value = self.value(rhs, Current::Value(Cow::Borrowed(item)))?;
                    keep(self.own(value)?);
                }
            }
            Cow::Owned(Value {
                data: Data::List(items),
                ..
            }) => {
                for item in items {
                    let value = self.value(rhs, Current::own(item))?;
                    keep(self.own(value)?);
                }
            }
            list if list.is_unknown() => return Ok(Current::Value(list)),
            _ => return Ok(Current::own(Value::null())),
        }
        Ok(Current::own(settled(kept, marks)))
    }

    /// The members of an object as a list; null of anything else.
    fn members<'v>(&'v self, object: Cow<'v, Value>) -> Found<'v> {
        if object.is_unknown() {
            return Ok(Current::Value(object));
        }
        if object.as_map().is_none() {
            return Ok(Current::own(Value::null()));
        }
        let object = self.own(object)?;
        let members = match object.data {
            Data::Map(map) => map.into_values().collect(),
            _ => Vec::new(),
        };
        Ok(Current::own(Value {
            data: Data::List(members),
            marks: object.marks,
        }))
    }

    fn flatten<'v>(&'v self, list: Cow<'v, Value>) -> Found<'v> {
        let marks = list.marks;
        let list = match list {
            list if list.is_unknown() => return Ok(Current::Value(list)),
            list if list.as_list().is_none() => return Ok(Current::own(Value::null())),
            list => self.own(list)?,
        };
        let mut flat = Vec::new();
        let mut marks = marks;
        if let Data::List(items) = list.data {
            for item in items {
                match item.data {
                    Data::List(inner) => {
                        marks = marks.union(item.marks);
                        flat.extend(inner);
                    }
                    _ => flat.push(item),
                }
            }
        }
        Ok(Current::own(settled(flat, marks)))
    }

    fn slice<'v>(
        &'v self,
        list: Cow<'v, Value>,
        start: Option<i32>,
        stop: Option<i32>,
        step: i32,
    ) -> Found<'v> {
        if list.is_unknown() {
            return Ok(Current::Value(list));
        }
        let Some(items) = list.as_list() else {
            return Ok(Current::own(Value::null()));
        };
        let mut taken = Vec::new();
        for position in slice_positions(items.len(), start, stop, step) {
            if let Some(item) = items.get(position) {
                taken.push(self.own(Cow::Borrowed(item))?);
            }
        }
        Ok(Current::own(Value {
            data: Data::List(taken),
            marks: list.marks,
        }))
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

    fn multi_list<'v>(&'v self, elements: &'v [Ast], current: Current<'v>) -> Found<'v> {
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

    fn multi_hash<'v>(&'v self, elements: &'v [KeyValuePair], current: Current<'v>) -> Found<'v> {
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

    fn function<'v>(&'v self, name: &str, args: &'v [Ast], offset: usize, current: Current<'v>) -> Found<'v> {
        let Some(function) = functions::find(name) else {
            return Ok(Current::own(Value::null()));
        };
        match (function.body, args) {
            (Body::Root, _) => Ok(self.root()),
            (Body::If, [condition, then, otherwise]) => {
                let truth = self.fork(condition, &current)?;
                match truth.truthy() {
                    Some(true) => self.eval(then, current),
                    Some(false) => self.eval(otherwise, current),
                    None => Ok(self.undecided(&truth, &[then, otherwise], &current)),
                }
            }
            (Body::NotNull, args) => {
                for (index, arg) in args.iter().enumerate() {
                    let value = self.fork(arg, &current)?;
                    if value.is_unknown() {
                        let rest: Vec<&Ast> = args.iter().skip(index + 1).collect();
                        return Ok(self.undecided(&value, &rest, &current));
                    }
                    if !value.is_null() {
                        return Ok(Current::Value(value));
                    }
                }
                Ok(Current::own(Value::null()))
            }
            (Body::Values(body), args) => {
                let span = || name_span(self.text, self.query, offset, name);
                self.call(function, body, args, &current)
                    .map(Current::own)
                    .map_err(|failure| match failure {
                        Failure::Here(message) => {
                            ExpressionError::new(span(), message).help(function.usage())
                        }
                        Failure::Within(error) => *error,
                    })
            }
            (Body::If, _) => Ok(Current::own(Value::null())),
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
        let waiting = |values: &[Cow<'_, Value>]| unknown(values.iter().map(Cow::as_ref), marks(values));
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
    pub(super) fn apply(&self, ast: &Ast, element: &Value) -> Result<Value, ExpressionError> {
        let value = self.value(ast, Current::Value(Cow::Borrowed(element)))?;
        self.own(value)
    }
}

/// A list that was made by dropping: unknown as a whole when it cannot be said what is dropped.
fn settled(items: Vec<Value>, marks: Marks) -> Value {
    if items.iter().any(Value::is_unknown) {
        let marks = marks.union(union(items.iter().map(all_marks)));
        return unknown(&items, marks);
    }
    Value {
        data: Data::List(items),
        marks,
    }
}

fn index(list: Cow<'_, Value>, index: i32) -> Current<'_> {
    if list.is_unknown() {
        return Current::Value(list);
    }
    let length = list.as_list().map_or(0, <[Value]>::len);
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let position = if index < 0 {
        length.checked_sub(distance)
    } else {
        Some(distance)
    };
    let Some(position) = position.filter(|position| *position < length) else {
        return Current::own(Value::null());
    };
    match list {
        Cow::Borrowed(Value {
            data: Data::List(items),
            ..
        }) => items.get(position).map_or_else(
            || Current::own(Value::null()),
            |item| Current::Value(Cow::Borrowed(item)),
        ),
        Cow::Owned(Value {
            data: Data::List(mut items),
            ..
        }) => Current::own(items.swap_remove(position)),
        _ => Current::own(Value::null()),
    }
}

/// The positions that `[start:stop:step]` takes, as in Python.
fn slice_positions(length: usize, start: Option<i32>, stop: Option<i32>, step: i32) -> Vec<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let step = i64::from(step);
    let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let clamp = |index: i32| {
        let index = i64::from(index);
        let index = if index < 0 { index + length } else { index };
        index.clamp(low, high)
    };
    let (first, last) = if step < 0 { (high, low) } else { (low, high) };
    let mut at = start.map_or(first, clamp);
    let stop = stop.map_or(last, clamp);
    let mut positions = Vec::new();
    while step != 0 && (if step > 0 { at < stop } else { at > stop }) {
        positions.extend(usize::try_from(at));
        at += step;
    }
    positions
}

fn literal(variable: &Variable) -> Value {
    Value::new(match variable {
        Variable::Null | Variable::Expref(_) => Data::Null,
        Variable::Bool(value) => Data::Bool(*value),
        Variable::Number(number) => Data::Number(number.clone()),
        Variable::String(text) => Data::String(text.clone()),
        Variable::Array(items) => Data::List(items.iter().map(|item| literal(item)).collect()),
        Variable::Object(members) => Data::Map(
            members
                .iter()
                .map(|(key, member)| (key.clone(), literal(member)))
                .collect(),
        ),
    })
}
