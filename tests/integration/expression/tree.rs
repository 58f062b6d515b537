//! Fragments: JSON of expressions.

use acarecipe::diagnostic::Span;
use acarecipe::expression::{Expression, Node, Tree};
use acarecipe::value::{Marks, Origin, Value};
use serde_json::{Value as Json, json};

use super::Roots;

fn span(start: usize) -> Span {
    Span { start, end: start + 1 }
}

/// A tree of plain JSON; every place gets a span of its own, counted up.
fn tree(json: &Json, next: &mut usize) -> Tree {
    *next += 1;
    let at = span(*next);
    let node = match json {
        Json::String(text) => Node::Text(Expression::parse(text).unwrap()),
        Json::Array(items) => Node::List(items.iter().map(|item| tree(item, next)).collect()),
        Json::Object(members) => Node::Map(
            members
                .iter()
                .map(|(key, member)| {
                    *next += 1;
                    (Expression::parse(key).unwrap(), span(*next), tree(member, next))
                })
                .collect(),
        ),
        scalar => Node::Scalar(scalar.clone()),
    };
    Tree { node, span: at }
}

fn roots() -> Roots {
    let mut roots = Value::from(json!({"inputs": {"name": "n", "none": null, "n": 5, "list": []}}));
    if let acarecipe::value::Data::Map(members) = &mut roots.data {
        members.insert("s".to_owned(), Value::from("hush").mark(Marks::SECRET));
        members.insert("steps".to_owned(), Value::unknown(Origin::Step("grant".to_owned())));
    }
    Roots(roots)
}

#[test]
fn keys_and_strings_are_evaluated_and_null_keys_left_out() {
    let tree = tree(
        &json!({"${inputs.name}": {"x": "${inputs.n}", "y": "n${inputs.n}"}, "${inputs.none}": 1, "${inputs.n}": [null, "${inputs.none}"], "z": false}),
        &mut 0,
    );
    let value = tree.evaluate(&roots()).unwrap();
    assert_eq!(value.to_json(), Some(json!({"n": {"x": 5, "y": "n5"}, "5": [null, null], "z": false})));
    let paths: Vec<_> = tree.references().into_iter().map(|reference| reference.path.join(".")).collect();
    assert_eq!(paths, ["inputs.name", "inputs.n", "inputs.n", "inputs.none", "inputs.n", "inputs.none"]);
}

#[test]
fn unknowns_stay_in_their_place_and_secret_keys_hide_the_object() {
    let value = tree(&json!({"a": ["${steps.x.id}", "b"], "c": 1}), &mut 0).evaluate(&roots()).unwrap();
    assert_eq!(value.get("c").and_then(Value::to_json), Some(json!(1)));
    let list = value.get("a").and_then(Value::as_list).unwrap();
    assert!(list[0].is_unknown() && list[1].as_str() == Some("b"));
    let value = tree(&json!({"${s}": 1}), &mut 0).evaluate(&roots()).unwrap();
    assert_eq!(value.marks, Marks::SECRET);
}

#[test]
fn errors_point_into_the_file() {
    for (json, message, place) in [
        (
            json!({"a": 1, "${steps.x}": 1}),
            "this key is known only after step `grant`; keys must be known at plan",
            4,
        ),
        (json!({"a": {"n": 1, "${inputs.name}": 2}}), "this key comes out equal to one before it", 6),
        (json!({"${inputs.list}": 1}), "a key must be a string, not a list", 2),
        (
            json!({"a": ["x", "y ${length(inputs.n)}"]}),
            "`length` takes a string, list or object as its first argument, not a number",
            5,
        ),
        (json!({"a": "x ${inputs.list}"}), "a list cannot stand within text, in `inputs.list`", 3),
    ] {
        let error = tree(&json, &mut 0).evaluate(&roots()).unwrap_err();
        assert_eq!(error.message, message);
        assert_eq!(error.span, span(place), "{json}");
    }
}
