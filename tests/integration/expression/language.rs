//! What the recipe language adds to JMESPath.

use std::cell::RefCell;

use acarecipe::expression::{Expression, Scope};
use acarecipe::value::Value;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Roots, evaluate, failure, json, pool};

#[test]
fn alone_keeps_the_type_and_within_text_gives_text() {
    let roots = || json!({"inputs": {"n": 3, "f": 0.5, "yes": true, "list": [1], "text": "a", "none": null}});
    assert_eq!(json("${inputs.n}", roots()), json!(3));
    assert_eq!(json("${inputs.list}", roots()), json!([1]));
    assert_eq!(json("n=${inputs.n}, f=${inputs.f}, ${inputs.yes}", roots()), json!("n=3, f=0.5, true"));
    assert_eq!(json("${inputs.text}${inputs.text}", roots()), json!("aa"));
    assert_eq!(json(" ${inputs.n}", roots()), json!(" 3"));
    assert_eq!(json("x-${inputs.none}", roots()), Json::Null);
    assert_eq!(json("x-${inputs.misspelt}", roots()), Json::Null);
    let error = evaluate("x-${inputs.list}", roots()).unwrap_err();
    assert_eq!(error.message, "a list cannot stand within text");
    assert_eq!((error.span.start, error.span.end), (4, 15));
}

#[test]
fn dollars_are_literal_unless_a_brace_follows() {
    let literal = |text: &str| Expression::parse(text).unwrap().literal();
    assert_eq!(literal("$${x} $5 $$ $").as_deref(), Some("${x} $5 $$ $"));
    assert_eq!(literal("").as_deref(), Some(""));
    assert_eq!(literal("a ${x}"), None);
    assert_eq!(json("$${a}-${a}-$", json!({"a": 1})), json!("${a}-1-$"));
}

#[test]
fn braces_and_quotes_belong_to_the_query() {
    let roots = || json!({"a": {"}": 1, "b": 2}});
    assert_eq!(json("${a.{x: b, y: {z: b}}}", roots()), json!({"x": 2, "y": {"z": 2}}));
    assert_eq!(json(r#"${a."}"}"#, roots()), json!(1));
    assert_eq!(json(r"${'}\'}'}", roots()), json!("}'}"));
    assert_eq!(json("${`{\"k\": \"}\"}`.k}!", json!({})), json!("}!"));
}

#[test]
fn mistakes_point_at_their_place_and_say_what_was_meant() {
    let cases = [
        ("a ${b", "this `${` is not closed", "${b", "$${"),
        ("${'a}", "this quote is not closed", "'a}", ""),
        ("${join('', [${a}])}", "`${` within `${…}`", "${", "name the value itself"),
        ("${app[?name == '${inputs.x}']}", "`${` within `${…}`", "${", ""),
        ("${ }", "the expression is empty", " ", ""),
        ("é ${a ++ b}", "bad JMESPath: Invalid character: +", "+", "no arithmetic"),
        ("${a = b}", "bad JMESPath: '=' is not valid. Did you mean '=='?", "=", "=="),
        ("${aad-enabled}", "bad JMESPath: '-' must be followed by numbers 1-9", "-", "double quotes"),
        ("${a == 80}", "bad JMESPath: a value is expected, not `80`", "80", "backticks"),
        ("${a b}", "bad JMESPath: an operator is expected, not `b`", "b", ""),
        (
            "${a.}",
            "bad JMESPath: identifier, '*', '{', '[', '&', or '[?' is expected, not the end of the expression",
            "",
            "",
        ),
        ("${lenght(a)}", "there is no function `lenght`", "lenght", "`length`"),
        ("x ${a || split (a)}", "`split` takes 2 arguments, not 1", "split", "split(string, string)"),
        ("${if(a)}", "`if` takes 2 or 3 arguments, not 1", "if", "if(any, any, any)"),
        ("${if(a, b, c, d)}", "`if` takes 2 or 3 arguments, not 4", "if", ""),
        ("${merge()}", "`merge` takes at least 1 argument, not 0", "merge", "merge(object, …)"),
        ("${map(a, b)}", "`map` takes an expression as its first argument: put `&` before it", "map", ""),
        (
            "${length(&a)}",
            "`length` takes a value as its first argument, not an expression with `&`",
            "length",
            "",
        ),
        ("${[&a]}", "`&` stands only before an argument of a function that takes an expression", "&", ""),
        ("${!a.b}", "`!` reaches only as far as the first name, so this is always null", "!", "`!(a.b)`"),
        ("${!a.b[0].c}", "`!` reaches only as far as the first name, so this is always null", "!", "`!(…)`"),
        (
            "${x || !a[?b]}",
            "`!` reaches only as far as the first name, so this is always null",
            "!",
            "`!(…)`",
        ),
        ("${a[::0]}", "a slice cannot have step 0", "", ""),
        ("${@}", "the document as a whole is no value", "@", "inputs.name"),
        (
            "${length(`5`)}",
            "`length` takes a string, list or object as its first argument, not a number",
            "length",
            "",
        ),
        (
            "${join('', ['a', `1`])}",
            "`join` takes a list of strings as its second argument, not a list with a number in it",
            "join",
            "",
        ),
        (
            "${sort([`1`, 'a'])}",
            "`sort` takes a list of strings or of numbers as its first argument, not a list with a string in it",
            "sort",
            "",
        ),
    ];
    for (text, message, piece, help) in cases {
        let (found, at, hint) = failure(text);
        assert_eq!(found, message, "{text}");
        if !piece.is_empty() {
            assert_eq!(at, piece, "{text}");
        }
        assert!(hint.unwrap_or_default().contains(help), "{text}");
    }
}

#[test]
fn a_function_given_null_gives_null() {
    for call in [
        "abs(x)",
        "avg(x)",
        "ceil(x)",
        "contains(x, 'a')",
        "count(x)",
        "ends_with(x, 'a')",
        "ends_with('a', x)",
        "find(x, 'a', 'b')",
        "find([{a: 'b'}], 'a', x)",
        "floor(x)",
        "from_items(x)",
        "guid('a', x)",
        "items(x)",
        "join(x, ['a'])",
        "join('', x)",
        "join('', ['a', x])",
        "keys(x)",
        "length(x)",
        "lower(x)",
        "map(&a, x)",
        "max(x)",
        "max_by(x, &a)",
        "max_by([{a: x}], &a)",
        "merge(x)",
        "min(x)",
        "min_by(x, &a)",
        "not_null(x)",
        "parse_id(x)",
        "replace(x, 'a', 'b')",
        "replace('a', 'a', x)",
        "reverse(x)",
        "sort(x)",
        "sort(['a', x])",
        "sort_by(x, &a)",
        "sort_by([{a: 'b'}, {a: x}], &a)",
        "split(x, 'a')",
        "starts_with(x, 'a')",
        "sum(x)",
        "sum([`1`, x])",
        "to_number(x)",
        "to_string(x)",
        "trim_suffix(x, 'a')",
        "upper(x)",
        "values(x)",
    ] {
        assert_eq!(json(&format!("${{{call}}}"), json!({"x": null})), Json::Null, "{call}");
    }
    assert_eq!(
        json("${[type(x), to_array(x), if(x, 'a', 'b')]}", json!({"x": null})),
        json!(["null", [null], "b"])
    );
}

#[test]
fn the_functions_beyond_jmespath() {
    let roots = || {
        json!({
            "secrets": [{"name": "a", "in": {"n": 1}}, {"name": "b", "in": {"n": 2}}],
            "map": {"x": 1, "y": 2},
            "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Sql/servers/sv/databases/db"
        })
    };
    let cases = [
        ("find(secrets, 'name', 'b').in.n", json!(2)),
        ("find(secrets, 'in.n', `1`).name", json!("a")),
        ("find(secrets, 'name', 'c')", Json::Null),
        ("find(secrets, 'in.n.deeper', `1`)", Json::Null),
        ("if(`0`, 'a', 'b')", json!("a")),
        ("if('', 'a')", Json::Null),
        ("if('x', 'a')", json!("a")),
        ("split('a,b,,c', ',')", json!(["a", "b", "", "c"])),
        ("split('né', '')", json!(["n", "é"])),
        ("split('', ',')", json!([""])),
        ("replace('a.b.c', '.', '-')", json!("a-b-c")),
        ("replace('abc', '', '-')", json!("abc")),
        ("lower('AbÉ')", json!("abé")),
        ("upper('ab')", json!("AB")),
        ("trim_suffix('https://x/', '/')", json!("https://x")),
        ("trim_suffix('x', '/')", json!("x")),
        ("member(map, 'x')", json!(1)),
        ("member(map, join('', ['', 'y']))", json!(2)),
        ("member(map, 'z')", Json::Null),
        ("member(missing, 'x')", Json::Null),
        ("items(map)", json!([{"key": "x", "value": 1}, {"key": "y", "value": 2}])),
        ("from_items(items(map))", json!({"x": 1, "y": 2})),
        ("from_items([{key: 'a', value: `1`}, {key: missing, value: `2`}])", json!({"a": 1})),
        ("count(secrets)", json!(2)),
        ("guid('a', 'b', 'c')", json!("a98fa280-e03f-5afa-8d8e-92d0a9c201e8")),
        (
            "parse_id(id)",
            json!({
                "subscription": "s", "resource_group": "rg", "type": "Microsoft.Sql/servers/databases", "name": "db",
                "parent": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Sql/servers/sv"
            }),
        ),
        ("parse_id('kv-name')", Json::Null),
        ("sum([`1`, `2`])", json!(3)),
        ("sum([`0.5`, `2`])", json!(2.5)),
        ("secrets[?in.n == root().map.y].name | [0]", json!("b")),
        ("secrets[?name == map.x]", json!([])),
        ("map(&join('-', [name, root().secrets[0].name]), secrets)", json!(["a-a", "b-a"])),
        ("to_number('x')", Json::Null),
        ("to_number('[1]')", Json::Null),
        ("`1` == `1.0`", json!(true)),
        ("'6380' == `6380`", json!(false)),
        ("'2026' < '2027'", Json::Null),
    ];
    for (query, expected) in cases {
        assert_eq!(json(&format!("${{{query}}}"), roots()), expected, "{query}");
    }
}

#[test]
fn only_what_is_named_is_looked_up() {
    struct Log(RefCell<Vec<String>>);
    impl Scope for Log {
        fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
            self.0.borrow_mut().push(format!("{root}.{}", field.unwrap_or("*")));
            Some(Value::from(json!({"list": [{"n": 1}, {"n": 2}], "f": 1})))
        }
    }
    let looked_up = |text: &str| {
        let log = Log(RefCell::default());
        Expression::parse(text).unwrap().evaluate(&log).unwrap();
        log.0.into_inner()
    };
    assert_eq!(looked_up("${variables.a.f}"), ["variables.a"]);
    assert_eq!(looked_up("${@.variables.a}"), ["variables.a"]);
    assert_eq!(looked_up("${variables | a}"), ["variables.a"]);
    assert_eq!(looked_up("${root().variables.a}"), ["variables.a"]);
    assert_eq!(looked_up("${(variables).a}"), ["variables.a"]);
    assert_eq!(looked_up("${inputs.a || inputs.b}"), ["inputs.a"]);
    assert_eq!(looked_up("${if(inputs.a, steps.b, steps.c)}"), ["inputs.a", "steps.b"]);
    assert_eq!(looked_up("${app}"), ["app.*"]);
    assert_eq!(looked_up("${app.x.list[?n == root().inputs.y]}"), ["app.x", "inputs.y", "inputs.y"]);
    assert_eq!(looked_up("${[inputs.a, {k: inputs.b}]}"), ["inputs.a", "inputs.b"]);
}

#[test]
fn references_are_the_literal_paths_in_order() {
    let references = |text: &str| -> Vec<String> {
        let expression = Expression::parse(text).unwrap();
        let found = expression.references();
        for reference in &found {
            let piece = &text[reference.span.start..reference.span.end];
            assert!(piece.starts_with(&reference.path[0]), "{piece}");
            assert!(
                piece.trim_end_matches('"').ends_with(reference.path.last().unwrap().as_str()),
                "{piece}"
            );
        }
        found.into_iter().map(|reference| reference.path.join(".")).collect()
    };
    assert_eq!(references("plain $${a}"), Vec::<String>::new());
    assert_eq!(references("${a.b.c}-${d}"), ["a.b.c", "d"]);
    assert_eq!(references("${a.b[0].c || d[*].e}"), ["a.b", "d"]);
    assert_eq!(references("${a.list[?name == root().inputs.x].id | [0]}"), ["a.list", "inputs.x"]);
    assert_eq!(references("${find(a.list, 'name', inputs.x).id}"), ["a.list", "inputs.x"]);
    assert_eq!(references("${a.{x: b.c, y: 'lit'}}"), ["a.b.c"]);
    assert_eq!(references("${a.{y: 'lit'}}"), ["a"]);
    assert_eq!(references("${map(&x, a.b)}"), ["a.b"]);
    assert_eq!(references("${sort_by(a.b, &root().c.d)}"), ["a.b", "c.d"]);
    assert_eq!(references("${if(a, steps.x.id, steps.y.id)}"), ["a", "steps.x.id", "steps.y.id"]);
    assert_eq!(references(r#"${a."b-c"}"#), ["a.b-c"]);
    assert_eq!(references("${a | b | c}"), ["a.b.c"]);
    assert_eq!(references("${!(a.b) && a.b == `1`}"), ["a.b", "a.b"]);
    assert_eq!(references("${a.*.c}"), ["a"]);
    assert_eq!(references("${a.b[].c}"), ["a.b"]);
}

#[test]
fn a_query_sees_one_document() {
    let document = Value::from(json!({"name": "web", "properties": {"provisioningState": "Succeeded"}}));
    let on = |text: &str| {
        let query = Expression::query(text).unwrap();
        query.evaluate_on(&document).unwrap().to_json().unwrap()
    };
    assert_eq!(
        on("{name:name,provisioningState:properties.provisioningState}"),
        json!({"name": "web", "provisioningState": "Succeeded"})
    );
    assert_eq!(on("length(@)"), json!(2));
    assert_eq!(on("[properties][?provisioningState].{n: root().name}"), json!([{"n": "web"}]));
    assert_eq!(Expression::query("'${x}'").unwrap().evaluate_on(&document).unwrap().as_str(), Some("${x}"));
    let error = Expression::query("name[").unwrap_err();
    assert_eq!(error.span.start, 5);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    /// The planner draws the edges of its graph from references: a read without one would be a step
    /// that runs too early.
    #[test]
    fn whatever_is_looked_up_is_among_the_references(
        document in pool::document(),
        queries in prop::collection::vec(pool::recipe_query(), 8),
    ) {
        struct Log(Roots, RefCell<Vec<Vec<String>>>);
        impl Scope for Log {
            fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
                let path = [root].into_iter().chain(field).map(str::to_owned);
                self.1.borrow_mut().push(path.collect());
                self.0.lookup(root, field)
            }
        }
        let scope = Log(Roots(document.into()), RefCell::default());
        for query in queries {
            let query = Expression::query(&query).unwrap();
            let _ = query.evaluate(&scope);
            let references = query.references();
            for read in scope.1.take() {
                let covered = references.iter().any(|reference| {
                    reference.path.starts_with(&read) || read.starts_with(&reference.path)
                });
                prop_assert!(covered, "{}: {read:?} not in {references:?}", query.text());
            }
        }
    }
}
