//! Unknown, secret and existing parts.

use acarecipe::expression::Expression;
use acarecipe::value::{Data, Marks, Origin, Value};
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Roots, pool};

fn step(name: &str) -> Origin {
    Origin::Step(name.to_owned())
}

fn roots(members: Vec<(&str, Value)>) -> Roots {
    let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
    Roots(Value::new(Data::Map(members.collect::<IndexMap<_, _>>())))
}

fn evaluate(text: &str, roots: &Roots) -> Value {
    Expression::parse(text)
        .and_then(|expression| expression.evaluate(roots))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_does_not_need_the_unknown_is_known() {
    let roots = roots(vec![
        ("u", Value::unknown(step("u"))),
        ("v", Value::unknown(step("v"))),
        ("k", Value::from("k")),
        ("none", Value::null()),
    ]);
    for (query, expected) in [
        ("k || u", json!("k")),
        ("none && u", Json::Null),
        ("if(k, 'a', u)", json!("a")),
        ("not_null(none, k, u)", json!("k")),
        ("[u, k][1]", json!("k")),
        ("{a: u, b: k}.b", json!("k")),
        ("length([u, k])", json!(2)),
        ("type([u])", json!("array")),
        ("keys({a: u})", json!(["a"])),
        ("items({a: u})[0].key", json!("a")),
        ("contains([u, k], 'k')", json!(true)),
        ("find([{n: 'k', x: u}], 'n', k).n", json!("k")),
        ("[k, u] == [`1`, u]", json!(false)),
        ("[k] == [u, u]", json!(false)),
        ("sort_by([{n: `2`, x: u}, {n: `1`, x: u}], &n)[*].n", json!([1, 2])),
        ("merge({a: u}, {a: k})", json!({"a": "k"})),
        ("join('', [u, none])", Json::Null),
        ("[{a: u, b: k}][?b].b", json!(["k"])),
    ] {
        let value = evaluate(&format!("${{{query}}}"), &roots);
        assert_eq!(value.to_json(), Some(expected), "{query}");
    }
}

#[test]
fn what_needs_an_unknown_waits_for_all_it_may_need() {
    let roots = roots(vec![
        ("u", Value::unknown(step("u"))),
        ("v", Value::unknown(step("v"))),
        ("k", Value::from("k")),
    ]);
    for (text, origins) in [
        ("${u}", "u"),
        ("${u.id}", "u"),
        ("${u[0]}", "u"),
        ("${u[*].x}", "u"),
        ("${u.*}", "u"),
        ("${!u}", "u"),
        ("${u == v}", "uv"),
        ("${u || k}", "u"),
        ("${u || v}", "uv"),
        ("${u && {x: [v]}}", "uv"),
        ("${if(u, k, v)}", "uv"),
        ("${not_null(u, v)}", "uv"),
        ("x-${u}-${v}", "uv"),
        ("${join('-', [k, u, v])}", "uv"),
        ("${to_string({a: u})}", "u"),
        ("${contains([u], k)}", "u"),
        ("${find([{n: u}, {n: k, x: v}], 'n', k)}", "uv"),
        ("${[u, k][*]}", "u"),
        ("${[{a: u}, {a: k}][*].a}", "u"),
        ("${[k, k][?@ == root().u]}", "u"),
        ("${from_items([{key: u, value: v}])}", "uv"),
        ("${sort([k, u])}", "u"),
        ("${guid(k, u)}", "u"),
        ("${[u] == [k]}", "u"),
        ("${{a: k, b: u} != {a: k, b: k}}", "u"),
        ("${u.{a: 'x'}}", "u"),
    ] {
        let value = evaluate(text, &roots);
        assert!(value.is_unknown(), "{text}: {value:?}");
        let expected = origins.chars().map(|name| step(&name.to_string())).collect();
        assert_eq!(value.origins(), expected, "{text}");
    }
    let object = evaluate("${{a: u, b: k}}", &roots);
    assert!(object.as_map().is_some(), "an object with an unknown part stays one");
    assert_eq!(object.get("b").and_then(Value::as_str), Some("k"));
    let list = evaluate("${map(&id, [u, {id: k}])}", &roots);
    assert_eq!(list.as_list().map(<[Value]>::len), Some(2), "map keeps nulls, so the list stays");
}

#[test]
fn marks_follow_what_is_made_and_not_what_is_said() {
    let roots = roots(vec![
        ("s", Value::from("hush").mark(Marks::SECRET)),
        ("pin", Value::from(json!(1234)).mark(Marks::SECRET)),
        ("o", Value::from(json!({"password": "hush"})).mark(Marks::SECRET)),
        ("e", Value::from("theirs").mark(Marks::EXISTING)),
        ("k", Value::from("k")),
        ("u", Value::unknown(step("u")).mark(Marks::SECRET)),
    ]);
    let both = Marks::SECRET.union(Marks::EXISTING);
    for (text, marks) in [
        ("${s}", Marks::SECRET),
        ("a ${s}", Marks::SECRET),
        ("${e}:${s}", both),
        ("${k || s}", Marks::NONE),
        ("${s && k}", Marks::NONE),
        ("${'' || s}", Marks::SECRET),
        ("${join('', [k, s])}", Marks::SECRET),
        ("${join(s, [k, e])}", both),
        ("${replace(k, 'k', s)}", Marks::SECRET),
        ("${replace(s, 'h', k)}", Marks::SECRET),
        ("${upper(e)}", Marks::EXISTING),
        ("${split(s, '')[0]}", Marks::SECRET),
        ("${reverse(s)}", Marks::SECRET),
        ("${to_string({a: [s]})}", Marks::SECRET),
        ("${guid(s)}", Marks::SECRET),
        ("${sum([pin, `1`])}", Marks::SECRET),
        ("${abs(pin)}", Marks::SECRET),
        ("${max([s, k])}", Marks::NONE),
        ("${max([s, 'a'])}", Marks::SECRET),
        ("${length(s)}", Marks::SECRET),
        ("${length([s])}", Marks::NONE),
        ("${o.password}", Marks::SECRET),
        ("${o.* | [0]}", Marks::SECRET),
        ("${keys(o)[0]}", Marks::SECRET),
        ("${items(o)[0].key}", Marks::SECRET),
        ("${keys(from_items([{key: s, value: k}]))[0]}", Marks::SECRET),
        ("${keys(merge({a: k}, from_items([{key: s, value: k}])))[1]}", Marks::SECRET),
        ("${items(from_items([{key: s, value: k}]))[*].key | [0]}", Marks::SECRET),
        ("${find([{n: k, v: s}], 'n', k).v}", Marks::SECRET),
        ("${s == 'hush'}", Marks::NONE),
        ("${contains(s, 'u')}", Marks::NONE),
        ("${starts_with(s, 'h')}", Marks::NONE),
        ("${!s}", Marks::NONE),
        ("${type(s)}", Marks::NONE),
        ("${if(s == 'hush', k, s)}", Marks::NONE),
        ("${u}", Marks::SECRET),
        ("${u.x}", Marks::SECRET),
        ("x${u}", Marks::SECRET),
        ("${u || k}", Marks::SECRET),
        ("${k == u}", Marks::NONE),
        ("${if(k == u, s, k)}", Marks::SECRET),
    ] {
        assert_eq!(evaluate(text, &roots).marks, marks, "{text}");
    }
}

/// The value with the part that is the `n`th in order of appearance changed.
fn change_nth(value: &Value, n: &mut usize, change: &dyn Fn(&Value) -> Value) -> Value {
    if *n == 0 {
        *n = usize::MAX;
        return change(value);
    }
    *n -= 1;
    let data = match &value.data {
        Data::List(items) => Data::List(items.iter().map(|item| change_nth(item, n, change)).collect()),
        Data::Map(members) => Data::Map(
            members.iter().map(|(key, member)| (key.clone(), change_nth(member, n, change))).collect(),
        ),
        data => data.clone(),
    };
    Value { data, marks: value.marks }
}

/// Whether `vague` is `exact` but for unknown parts.
fn covers(vague: &Value, exact: &Value) -> bool {
    match (&vague.data, &exact.data) {
        (Data::Unknown(_), _) => true,
        (Data::List(vague), Data::List(exact)) => {
            vague.len() == exact.len() && vague.iter().zip(exact).all(|(vague, exact)| covers(vague, exact))
        }
        (Data::Map(vague), Data::Map(exact)) => {
            vague.len() == exact.len()
                && vague.iter().all(|(key, vague)| exact.get(key).is_some_and(|exact| covers(vague, exact)))
        }
        (vague, exact) => vague == exact,
    }
}

/// Every string in the value that no mark hides, names of members included.
fn shown(value: &Value, texts: &mut Vec<String>) {
    if value.marks.hidden() {
        return;
    }
    match &value.data {
        Data::String(text) => texts.push(text.clone()),
        Data::List(items) => items.iter().for_each(|item| shown(item, texts)),
        Data::Map(members) => {
            for (key, member) in members {
                texts.push(key.clone());
                shown(member, texts);
            }
        }
        _ => {}
    }
}

/// Whether the text gives the secret away.
fn tells(text: &str) -> bool {
    let text = text.to_uppercase();
    text.contains("TOPSECRET") || text.chars().rev().collect::<String>().contains("TOPSECRET")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn an_unknown_part_never_makes_another_known_value(
        document in pool::document(),
        nth in 1_usize..12,
        queries in prop::collection::vec(pool::recipe_query(), 8),
    ) {
        let exact = Value::from(document);
        let vague = change_nth(&exact, &mut nth.clone(), &|_| Value::unknown(step("s")));
        for query in queries {
            let query = Expression::query(&query).unwrap();
            let (Ok(exact), Ok(vague)) = (query.evaluate_on(&exact), query.evaluate_on(&vague)) else {
                continue;
            };
            prop_assert!(covers(&vague, &exact), "{}: {vague:?} although {exact:?}", query.text());
            prop_assert!(vague == exact || vague.origins().contains(&step("s")), "{}: {vague:?}", query.text());
        }
    }

    #[test]
    fn a_known_result_stays_when_the_unknown_becomes_known(
        document in pool::document(),
        other in pool::document(),
        nth in 1_usize..12,
        queries in prop::collection::vec(pool::recipe_query(), 8),
    ) {
        let document = Value::from(document);
        let vague = change_nth(&document, &mut nth.clone(), &|_| Value::unknown(step("s")));
        let other = Value::from(other);
        let later = change_nth(&document, &mut nth.clone(), &|_| other.clone());
        for query in queries {
            let query = Expression::query(&query).unwrap();
            if let (Ok(vague), Ok(later)) = (query.evaluate_on(&vague), query.evaluate_on(&later)) {
                prop_assert!(covers(&vague, &later), "{}: {vague:?}, later {later:?}", query.text());
            }
        }
    }

    #[test]
    fn no_secret_shows_in_what_is_not_marked(
        document in pool::document(),
        nth in 1_usize..12,
        queries in prop::collection::vec(pool::recipe_query(), 8),
    ) {
        let hide = |value: &Value| {
            let data = match &value.data {
                Data::List(_) | Data::Map(_) => value.data.clone(),
                _ => Data::String("TOPSECRET".to_owned()),
            };
            Value::new(data).mark(Marks::SECRET)
        };
        let document = change_nth(&Value::from(document), &mut nth.clone(), &hide);
        // Names that occur nowhere else, so that what shows can only come from the secret.
        let secret_names = change_nth(&document, &mut nth.clone(), &|value| match &value.data {
            Data::Map(members) => Value::new(Data::Map(
                members.iter().map(|(key, member)| (format!("TOPSECRET{key}"), member.clone())).collect(),
            ))
            .mark(Marks::SECRET),
            _ => value.clone(),
        });
        for query in queries {
            let query = Expression::query(&query).unwrap();
            for document in [&document, &secret_names] {
                match query.evaluate_on(document) {
                    Ok(value) => {
                        let mut texts = Vec::new();
                        shown(&value, &mut texts);
                        for text in texts {
                            prop_assert!(!tells(&text), "{} on {document:?}: {value:?}", query.text());
                        }
                    }
                    Err(error) => {
                        let told = format!("{}{:?}", error.message, error.help);
                        prop_assert!(!told.contains("TOPSECRET"), "{told}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_secret_shows_where_every_function_gets_what_it_takes(
        query in pool::typed_query(),
        secret in prop::sample::select(vec!["t", "s", "l", "o"]),
        text in any::<bool>(),
    ) {
        let document = json!({"t": "a", "s": "b", "l": ["c", "a"], "o": {"p": "d", "k": "a"}});
        let mut exact = roots(vec![]);
        let mut vague = roots(vec![]);
        for (key, member) in document.as_object().expect("an object") {
            let plain = Value::from(member.clone());
            let (hidden, unknown) = if key == secret {
                let hidden = Value::from(match member {
                    Json::String(_) => json!("TOPSECRET"),
                    Json::Array(_) => json!(["TOPSECRET-1", "TOPSECRET-2"]),
                    _ => json!({"TOPSECRET-p": "TOPSECRET-3", "p": "TOPSECRET-4"}),
                });
                (hidden.mark(Marks::SECRET), Value::unknown(step("s")))
            } else {
                (plain.clone(), plain)
            };
            for (roots, value) in [(&mut exact, hidden), (&mut vague, unknown)] {
                if let Data::Map(members) = &mut roots.0.data {
                    members.insert(key.clone(), value);
                }
            }
        }
        let text = if text { format!("x-${{{query}}}") } else { format!("${{{query}}}") };
        let expression = Expression::parse(&text).unwrap();
        let known = expression.evaluate(&exact);
        if let Ok(value) = &known {
            let mut texts = Vec::new();
            shown(value, &mut texts);
            for shown in texts {
                prop_assert!(!tells(&shown), "{text}: {value:?}");
            }
        }
        if let (Ok(vague), Ok(known)) = (expression.evaluate(&vague), known) {
            prop_assert!(covers(&vague, &known), "{text}: {vague:?} although {known:?}");
        }
    }
}
