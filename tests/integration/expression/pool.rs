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

/// Expressions whose functions get the kinds that they take, over a document with the strings `t` and
/// `s`, the list of strings `l` and the object of strings `o`.
pub(crate) fn typed_query() -> impl Strategy<Value = String> {
    let text =
        prop::sample::select(vec!["t", "s", "o.p", "l[0]", "'-'", "'a'", "''"]).prop_map(str::to_owned);
    let kinds = (
        text,
        Just("l".to_owned()).boxed(),
        prop::sample::select(vec!["o", "{a: s, b: t}"]).prop_map(str::to_owned).boxed(),
    );
    let mut kinds = (kinds.0.boxed(), kinds.1, kinds.2);
    for _ in 0..3 {
        let (text, list, map) = kinds.clone();
        // The capital letter says what the place takes.
        let grow = move |forms: Vec<&'static str>| {
            let operands = prop::collection::vec((text.clone(), list.clone(), map.clone()), 4);
            (prop::sample::select(forms), operands).prop_map(|(form, operands)| {
                let mut operands = operands.into_iter();
                let mut filled = String::new();
                for c in form.chars() {
                    match c {
                        'T' => filled.push_str(&operands.next().expect("an operand").0),
                        'L' => filled.push_str(&operands.next().expect("an operand").1),
                        'M' => filled.push_str(&operands.next().expect("an operand").2),
                        c => filled.push(c),
                    }
                }
                filled
            })
        };
        let texts = vec![
            "T",
            "join(T, L)",
            "join('', [T, T])",
            "replace(T, T, T)",
            "lower(T)",
            "upper(T)",
            "reverse(T)",
            "trim_suffix(T, T)",
            "to_string(L)",
            "to_string(M)",
            "if(T == T, T, T)",
            "(T || T)",
            "(T && T)",
            "split(T, T)[0]",
            "split(T, '')[-1]",
            "max(L)",
            "min(L)",
            "not_null(T, T)",
            "keys(M)[0]",
            "sort(L)[0]",
            "find(items(M), 'key', T).value",
            "find(items(M), 'value', T).key",
            "to_string(length(T))",
            "(L)[0]",
            "(M).a",
            "items(M)[0].key",
            "type(T)",
            "contains(L, T) && T",
            "max_by(items(M), &value).key",
            "L[?@ == root().s] | [0]",
        ];
        let lists = vec![
            "L",
            "[T, T]",
            "split(T, T)",
            "keys(M)",
            "values(M)",
            "sort(L)",
            "reverse(L)",
            "map(&upper(@), L)",
            "(L)[?@ != 'a']",
            "(M).*",
            "items(M)[*].key",
            "[L, L][]",
            "(L)[1:]",
            "to_array(T)",
            "sort_by(items(M), &value)[*].key",
        ];
        let maps = vec![
            "M",
            "{a: T, p: T}",
            "merge(M, M)",
            "from_items(items(M))",
            "from_items([{key: T, value: T}])",
            "(M || M)",
            "from_items(map(&{key: @, value: 'x'}, L))",
        ];
        kinds = (grow.clone()(texts).boxed(), grow.clone()(lists).boxed(), grow(maps).boxed());
    }
    prop_oneof![kinds.0, kinds.1, kinds.2]
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
