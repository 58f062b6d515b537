//! Documents and expressions for the property tests.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

/// Documents of few names and values, so that expressions often hit something.
pub(crate) fn document() -> impl Strategy<Value = Json> {
    prop::collection::btree_map(name(), value(), 0..4)
        .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>()))
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "key", "value"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Bool),
        2 => (-3_i64..4).prop_map(|number| json!(number)),
        1 => (-6_i32..7).prop_map(|number| json!(f64::from(number) / 2.0)),
        4 => prop::sample::select(vec!["", "a", "b", "ab", "2", "x-y", "é"]).prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Expressions of JMESPath's own grammar and functions.
pub(crate) fn query() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => name(),
        2 => prop::sample::select(vec![
            "@", "`1`", "`2`", "'a'", "''", "`null`", "`true`", "`[1, 2]`", "`[\"b\", \"a\"]`", "`{\"a\": 1}`", "*",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        let unary = prop::sample::select(vec![
            "[!(#)][0]",
            "(#)[0]",
            "(#)[-1]",
            "(#)[]",
            "(#)[*]",
            "(#)[1:]",
            "(#)[::-1]",
            "(#)[:-1]",
            "(#).*",
            "(#)[?@]",
            "(#)[*].a",
            "(#)[?a].b",
            "(#)[].b[]",
            "abs(#)",
            "avg(#)",
            "ceil(#)",
            "floor(#)",
            "keys(#)",
            "length(#)",
            "max(#)",
            "min(#)",
            "not_null(#)",
            "reverse(#)",
            "sort(#)",
            "sum(#)",
            "to_array(#)",
            "type(#)",
            "values(#)",
            "join(',', #)",
            "sort_by(#, &a)",
            "max_by(#, &a)",
            "min_by(#, &b)",
            "map(&a, #)",
            "map(&[a, `1`], #)",
            "merge(#, #)",
        ]);
        let binary = prop::sample::select(vec![
            "(#) || (#)",
            "(#) && (#)",
            "(#) == (#)",
            "(#) != (#)",
            "(#) < (#)",
            "(#) >= (#)",
            "(#) | (#)",
            "[#, #]",
            "{a: #, b: #}",
            "(#)[?#]",
            "(#)[*].[#]",
            "(#).{a: #}",
            "contains(#, #)",
            "starts_with(#, #)",
            "ends_with(#, #)",
            "not_null(#, #)",
            "length(merge(#, #))",
            "(#)[?a == `1`] | (#)",
            "join(#, #)",
        ]);
        prop_oneof![
            (unary, inner.clone()).prop_map(|(form, operand)| fill(form, &[&operand, &operand])),
            (binary, two).prop_map(|(form, (left, right))| fill(form, &[&left, &right])),
        ]
    })
}

/// Expressions with the functions that only recipes have.
pub(crate) fn recipe_query() -> impl Strategy<Value = String> {
    let forms = prop::sample::select(vec![
        "if(#, #, #)",
        "find(#, 'a', #)",
        "find(#, 'a.b', #)",
        "split(#, #)",
        "replace(#, #, #)",
        "lower(#)",
        "merge(#, #)",
        "upper(#)",
        "trim_suffix(#, #)",
        "items(#)",
        "from_items(#)",
        "from_items(items(#))",
        "guid(#, #)",
        "parse_id(#)",
        "count(#)",
        "to_string(#)",
        "root().a || (#)",
        "(#)[?@ == root().b]",
        "to_number(#)",
        "length((#)[*].a)",
        "join('-', [#, #])",
        "type(#)",
        "length(#)",
        "sort(keys(#))",
        "contains(#, #)",
    ]);
    prop_oneof![
        query(),
        (forms.clone(), query(), query(), query()).prop_map(|(form, a, b, c)| fill(form, &[&a, &b, &c])),
        (forms.clone(), forms, query(), query()).prop_map(|(outer, inner, a, b)| {
            let inner = fill(inner, &[&a, &b, &a]);
            fill(outer, &[&inner, &b, &a])
        }),
    ]
}

/// Puts the operands into the places of a form.
fn fill(form: &str, operands: &[&String]) -> String {
    let mut rest = operands.iter();
    form.split('#')
        .enumerate()
        .map(|(index, piece)| match index {
            0 => piece.to_owned(),
            _ => format!("{}{piece}", rest.next().expect("an operand for each place")),
        })
        .collect()
}
