//! On known values our evaluator and the jmespath crate's agree, except where null is concerned.

use acarecipe::expression::Expression;
use acarecipe::expression::functions::{FUNCTIONS, Kind};
use acarecipe::value::Value;
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use super::pool;

/// What the two are allowed to differ in: a function that the crate fails on and we give null for.
fn compare(query: &str, document: &Json) -> Result<(), TestCaseError> {
    let ours = Expression::query(query)
        .unwrap_or_else(|error| panic!("{query}: {error}"))
        .evaluate_on(&Value::from(document.clone()));
    let theirs = jmespath::compile(query).unwrap().search(document.clone());
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let theirs = serde_json::to_value(&theirs).unwrap();
            let ours = ours.to_json().unwrap();
            prop_assert!(same(&ours, &theirs), "{query} on {document}: ours {ours}, the crate's {theirs}");
        }
        (Ok(_) | Err(_), Err(_)) => {}
        (Err(ours), Ok(theirs)) => {
            prop_assert!(false, "{query} on {document}: ours {ours}, the crate's {theirs}");
        }
    }
    Ok(())
}

/// Equal but for `3` and `3.0`, which JMESPath does not tell apart.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        (left, right) => left == right,
    }
}

/// The crate keeps members sorted by name; so must the document be for lists of members to agree.
fn sorted(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Json::Object(Map::from_iter(members))
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Which kinds of argument a function refuses, null apart.
#[test]
fn both_refuse_the_same_arguments() {
    let samples = [
        "'a'",
        "`1`",
        "`true`",
        "['a', 'b']",
        "[`1`, `2`]",
        "['a', `1`]",
        "[[`1`]]",
        "{a: 'a'}",
        "[{a: 'a'}]",
        "[{a: `1`}, {a: 'b'}]",
        "&a",
        "&@",
        "&[a]",
    ];
    let document = serde_json::json!({});
    let mut tried = 0;
    for function in FUNCTIONS {
        let calls = samples.iter().flat_map(|first| {
            let two = samples.iter().map(move |second| format!("{}({first}, {second})", function.name));
            two.chain([format!("{}({first})", function.name)])
        });
        for call in calls {
            let theirs = jmespath::compile(&call).unwrap().search(&document);
            if theirs.as_ref().is_err_and(|error| error.to_string().contains("undefined function")) {
                continue;
            }
            // The crate lets an expression stand where any value may; it means nothing there.
            let misplaced = !function.takes.contains(&Kind::Expression) && call.contains('&');
            let ours =
                Expression::query(&call).and_then(|query| query.evaluate_on(&Value::from(document.clone())));
            let refused = match &theirs {
                // An element without a key: null to us.
                Err(error) => !error.to_string().contains("returned null"),
                Ok(_) => misplaced,
            };
            assert_eq!(ours.is_err(), refused, "{call}: ours {ours:?}, the crate's {theirs:?}");
            tried += 1;
        }
    }
    assert!(tried > 4_000, "{tried}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn both_evaluators_agree(document in pool::document(), queries in prop::collection::vec(pool::query(), 10)) {
        let document = sorted(document);
        for query in queries {
            compare(&query, &document)?;
        }
    }
}
