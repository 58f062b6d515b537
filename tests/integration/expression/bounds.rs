//! Expressions may come from strangers: nothing overflows, hangs or panics.

use std::thread;

use acarecipe::expression::Expression;
use acarecipe::value::Value;
use proptest::prelude::*;
use serde_json::json;

/// Parses and evaluates on the smallest stack that we meet: the main thread's on Windows.
fn on_a_small_stack(text: String) -> Result<Value, String> {
    let run = move || {
        let document = Value::from(json!({"a": [1, 2, 3], "s": "aaaaaaaaaaaaaaaa"}));
        let query = Expression::query(&text).map_err(|error| error.message)?;
        query.references();
        query.evaluate_on(&document).map_err(|error| error.message)
    };
    thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().expect("no panic and no overflow")
}

#[test]
fn depth_and_length_are_bounded() {
    for repeats in [10, 20, 48, 49, 50, 51, 52, 250, 500, 5_000, 100_000] {
        for (before, middle, after) in [
            ("(", "a", ")"),
            ("[", "a", "]"),
            ("{a: ", "a", "}"),
            ("!", "a", ""),
            ("to_array(", "a", ")"),
            ("", "a", ".a"),
            ("", "a", "[*]"),
            ("", "a", "[]"),
            ("", "a", "[0]"),
            ("", "a", "[?a]"),
            ("a[?", "a", "]"),
            ("", "*", ".*"),
            ("", "a", " || a"),
            ("", "a", " && a"),
            ("", "a", " == a"),
            ("", "a", " | @"),
            ("map(&", "a", ", a)"),
            ("`[", "1", "]`"),
            ("&", "a", ""),
        ] {
            let text = format!("{}{middle}{}", before.repeat(repeats), after.repeat(repeats));
            let result = on_a_small_stack(text);
            if repeats > 500 {
                assert!(result.is_err(), "{before}{middle}{after} × {repeats}");
            }
        }
    }
}

#[test]
fn work_and_memory_are_bounded() {
    let chain = |stage: &str| vec![stage; 30].join(" | ");
    for text in [
        format!("a | {}", chain("[@, @]")),
        format!("a | {}", chain("{a: @, b: @}")),
        format!("s | {}", chain("join('', [@, @])")),
        format!("s | {}", chain("replace(@, 'a', 'aaaaaaaaaaaaaaaa')")),
        format!("s | {} | split(@, '')", vec!["join('', [@, @])"; 22].join(" | ")),
        format!("a | {} | map(&length(root()), @)", vec!["[@, @][]"; 22].join(" | ")),
        // Fourteen loops within each other: little is made, but it takes 3^14 rounds.
        (0..14).fold("a[?!@]".to_owned(), |inner, _| format!("root().a[?{inner}]")),
    ] {
        let error = on_a_small_stack(text.clone()).expect_err(&text);
        assert_eq!(error, "this expression takes too much work or memory", "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_parses_or_fails_within_itself(text in prop_oneof![
        any::<String>(),
        "[a-c$\\{\\}\\[\\]()'\"`\\\\.,:?*&|!=<>@é0-9 -]{0,40}",
        "(\\$\\{|\\}|a\\.b|find\\(|\\[\\?|\\]|\\)|'|`|\"|\\\\|, | \\|\\| |&|@|[0-9]|é){0,20}",
    ]) {
        for parsed in [Expression::parse(&text), Expression::query(&text)] {
            match parsed {
                Ok(expression) => {
                    for reference in expression.references() {
                        prop_assert!(text.get(reference.span.start..reference.span.end).is_some());
                    }
                    let document = Value::from(json!({"a": {"b": [1, {"c": null}]}}));
                    if let Err(error) = expression.evaluate_on(&document) {
                        prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
                    }
                }
                Err(error) => {
                    prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
                }
            }
        }
    }
}
