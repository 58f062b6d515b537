//! Numbers. Integers stay integers, and a fraction that comes out whole is written as one: `sum` of
//! replicas is `3`, not `3.0`.

use serde_json::Number;

use super::arguments::{Arguments, Failure, Outcome};
use crate::value::{Data, Value};

pub(super) fn abs(arguments: &mut Arguments<'_>) -> Outcome {
    whole_or(arguments, i64::checked_abs, f64::abs)
}

pub(super) fn ceil(arguments: &mut Arguments<'_>) -> Outcome {
    whole_or(arguments, Some, f64::ceil)
}

pub(super) fn floor(arguments: &mut Arguments<'_>) -> Outcome {
    whole_or(arguments, Some, f64::floor)
}

pub(super) fn sum(arguments: &mut Arguments<'_>) -> Outcome {
    let numbers = numbers(arguments.list(0));
    let integers = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(number.as_i64()?));
    match integers {
        Some(sum) => Ok(Some(Value::new(Data::Number(sum.into())))),
        None => number(numbers.iter().filter_map(|number| number.as_f64()).sum()),
    }
}

pub(super) fn avg(arguments: &mut Arguments<'_>) -> Outcome {
    let numbers = numbers(arguments.list(0));
    if numbers.is_empty() {
        return Ok(Some(Value::null()));
    }
    let sum: f64 = numbers.iter().filter_map(|number| number.as_f64()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a list has fewer than 2^53 elements")]
    let count = numbers.len() as f64;
    number(sum / count)
}

#[expect(clippy::unnecessary_wraps, reason = "every body has the same shape")]
pub(super) fn to_number(arguments: &mut Arguments<'_>) -> Outcome {
    let value = arguments.get(0);
    Ok(Some(match &value.data {
        Data::Number(_) => value.clone(),
        Data::String(text) => serde_json::from_str::<Number>(text)
            .map_or_else(|_| Value::null(), |number| Value::new(Data::Number(number))),
        _ => Value::null(),
    }))
}

fn whole_or(arguments: &Arguments<'_>, whole: fn(i64) -> Option<i64>, fraction: fn(f64) -> f64) -> Outcome {
    let Data::Number(given) = &arguments.get(0).data else {
        return Ok(Some(Value::null()));
    };
    match given.as_i64().and_then(whole) {
        Some(integer) => Ok(Some(Value::new(Data::Number(integer.into())))),
        None => number(fraction(given.as_f64().unwrap_or_default())),
    }
}

fn numbers(items: &[Value]) -> Vec<&Number> {
    items
        .iter()
        .filter_map(|item| match &item.data {
            Data::Number(number) => Some(number),
            _ => None,
        })
        .collect()
}

fn number(value: f64) -> Outcome {
    /// Up to here every integer has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 2^53")]
        let integer = value as i64;
        return Ok(Some(Value::new(Data::Number(integer.into()))));
    }
    Number::from_f64(value)
        .map(|number| Some(Value::new(Data::Number(number))))
        .ok_or_else(|| Failure::Here("the result is beyond the range of numbers".to_owned()))
}
