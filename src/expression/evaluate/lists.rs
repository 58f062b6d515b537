//! Operators on lists: projections, `[]`, `[0]`, `[1:]` and `*`.

use std::borrow::Cow;

use jmespath::ast::Ast;

use super::super::marks::{all_marks, identified, union, unknown};
use super::{Current, Evaluator, Found};
use crate::value::{Data, Marks, Value};

impl Evaluator<'_> {
    /// Each element through `rhs`, nulls dropped. Where the length hangs on an unknown, the list does.
    pub(super) fn projection<'v>(&'v self, list: Cow<'v, Value>, rhs: &'v Ast) -> Found<'v> {
        let marks = list.marks;
        let mut kept = Vec::new();
        let mut keep = |value: Value| {
            if !value.is_null() {
                kept.push(value);
            }
        };
        match list {
            Cow::Borrowed(Value { data: Data::List(items), .. }) => {
                for item in items {
                    let value = self.value(rhs, Current::Value(Cow::Borrowed(item)))?;
                    keep(self.own(value)?);
                }
            }
            Cow::Owned(Value { data: Data::List(items), .. }) => {
                for item in items {
                    let value = self.value(rhs, Current::own(item))?;
                    keep(self.own(value)?);
                }
            }
            list if list.is_unknown() => return Ok(part(&list)),
            _ => return Ok(Current::own(Value::null())),
        }
        Ok(Current::own(settled(kept, marks)))
    }

    /// The members of an object as a list; null of anything else.
    pub(super) fn members<'v>(&'v self, object: Cow<'v, Value>) -> Found<'v> {
        if object.is_unknown() {
            return Ok(part(&object));
        }
        if object.as_map().is_none() {
            return Ok(Current::own(Value::null()));
        }
        let object = self.own(object)?;
        let members = match object.data {
            Data::Map(map) => map.into_values().collect(),
            _ => Vec::new(),
        };
        Ok(Current::own(Value { data: Data::List(members), marks: object.marks }))
    }

    pub(super) fn flatten<'v>(&'v self, list: Cow<'v, Value>) -> Found<'v> {
        let marks = list.marks;
        let list = match list {
            list if list.is_unknown() => return Ok(part(&list)),
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

    pub(super) fn slice<'v>(
        &'v self,
        list: &Cow<'v, Value>,
        start: Option<i32>,
        stop: Option<i32>,
        step: i32,
    ) -> Found<'v> {
        if list.is_unknown() {
            return Ok(part(list));
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
        Ok(Current::own(Value { data: Data::List(taken), marks: list.marks }))
    }
}

/// What is made of an unknown list or object: as unknown, but not it.
fn part(list: &Value) -> Current<'static> {
    Current::own(unknown([list], list.marks))
}

/// The element at a position, from the end if negative; null when there is none.
pub(super) fn index(list: Cow<'_, Value>, index: i32) -> Current<'_> {
    if list.is_unknown() {
        let element = unknown([list.as_ref()], list.marks);
        return Current::own(identified(element, &format!("[{index}]"), &[list.as_ref()]));
    }
    let length = list.as_list().map_or(0, <[Value]>::len);
    let distance = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
    let position = if index < 0 { length.checked_sub(distance) } else { Some(distance) };
    let Some(position) = position.filter(|position| *position < length) else {
        return Current::own(Value::null());
    };
    match list {
        Cow::Borrowed(Value { data: Data::List(items), .. }) => items
            .get(position)
            .map_or_else(|| Current::own(Value::null()), |item| Current::Value(Cow::Borrowed(item))),
        Cow::Owned(Value { data: Data::List(mut items), .. }) => Current::own(items.swap_remove(position)),
        _ => Current::own(Value::null()),
    }
}

/// A list that was made by dropping: unknown as a whole when it cannot be said what is dropped.
fn settled(items: Vec<Value>, marks: Marks) -> Value {
    if items.iter().any(Value::is_unknown) {
        let marks = marks.union(union(items.iter().map(all_marks)));
        return unknown(&items, marks);
    }
    Value { data: Data::List(items), marks }
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
