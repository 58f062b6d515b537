//! Reading recipe files: every mistake, each in its place.

use std::fmt::Write;
use std::time::Duration;

use acarecipe::diagnostic::Severity;
use acarecipe::recipe::{MAX_BYTES, Origin, Search, Shape, StepKind, load, validate};
use proptest::prelude::*;

use super::{HEAD, brief, catalogue, recipe, source};

fn mistakes(text: &str) -> Vec<String> {
    match load(&source(text), Origin::BuiltIn) {
        Ok(_) => Vec::new(),
        Err(found) => brief(&found),
    }
}

#[test]
fn every_mistake_is_found_at_its_place() {
    let text = "\
name: Mine
title: 3.10
category: test
complexty: low
goals: [security, sped]
inputs:
  key: { type: strin, default: \"${inputs.x\", required: yes }
  a-b: {}
  a_b: {}
existing:
  vault: { type: KeyVault, name: \"${lower(1, 2)}\" }
steps:
  - id: one
    timeout: 90
    retry: { error_matches: ['('] }
    role_assignment: { role: Reader, principal: \"${app.x}\" }
  - id: two
    settle: 2m
verify:
  - { that: \"${a ==}\", severity: fatal, docs: http://example.com }
title: again
";
    assert_eq!(
        mistakes(text),
        [
            r#"missing-key 1 "name""#,
            r#"bad-name 1 "Mine" small letters, digits and `-`, a letter first"#,
            r#"wrong-type 2 "3.10""#,
            r#"unknown-key 4 "complexty" did you mean `complexity`?"#,
            r#"bad-value 5 "sped""#,
            r#"bad-value 7 "strin" did you mean `string`?"#,
            r#"bad-expression 7 "${inputs.x" write `$${` for a literal `${`"#,
            r#"wrong-type 7 "yes""#,
            r#"name-taken 9 "a_b""#,
            r#"bad-value 11 "KeyVault" such as `Microsoft.KeyVault/vaults` or `Microsoft.App/jobs@2025-07-01`"#,
            r#"bad-expression 11 "1" a literal number needs backticks: `80`"#,
            r#"wrong-type 14 "90""#,
            r#"bad-value 15 "'('""#,
            r#"missing-key 16 "role""#,
            r#"missing-key 17 "id""#,
            r#"unknown-key 18 "settle""#,
            r#"bad-expression 20 """#,
            r#"bad-value 20 "fatal""#,
            r#"bad-value 20 "http://example.com""#,
            r#"duplicate-key 21 "title""#,
        ]
    );
}

#[test]
fn a_number_for_text_is_told_to_be_quoted() {
    let found =
        load(&source("name: x\ntitle: 1.0\ncategory: c\ncomplexity: low\n"), Origin::BuiltIn).unwrap_err();
    assert_eq!(found[0].message, "expected text, found a number");
    assert_eq!(found[0].fix.as_deref(), Some("put it in quotes"));
}

#[test]
fn a_step_is_of_one_kind() {
    let text = format!(
        "{HEAD}steps:\n  - id: a\n    container_app: {{}}\n    resource: {{ type: A.B/c, name: x, body: {{}} }}\n  - id: b\n"
    );
    assert_eq!(mistakes(&text), [r#"unknown-key 8 "resource""#, r#"missing-key 9 "id""#]);
}

#[test]
fn keys_of_later_versions_are_unknown() {
    let text = format!("{HEAD}canary: {{}}\nsteps:\n  - id: a\n    helm: {{}}\n    replaces: [b]\n");
    let found = mistakes(&text);
    assert!(found[0].starts_with(r#"unknown-key 5 "canary""#), "{found:?}");
    assert_eq!(found[1], r#"missing-key 7 "id""#);
    assert!(found[2].starts_with(r#"unknown-key 8 "helm""#), "{found:?}");
    assert!(found[3].starts_with(r#"unknown-key 9 "replaces""#), "{found:?}");
}

#[test]
fn bounds_give_one_error_each() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let merges = "m: &m { a: 1 }\n".to_owned() + &"n: { <<: *m }\n".repeat(300);
    let cases = [
        ("x".repeat(MAX_BYTES + 1), "file-too-large"),
        (bomb, "file-too-large"),
        (merges, "file-too-large"),
        ("[".repeat(5000), "file-too-large"),
        (format!("{HEAD}variables: {}1{}\n", "[".repeat(60), "]".repeat(60)), "file-too-large"),
        (format!("{HEAD}---\nname: other\n"), "bad-yaml"),
        ("a: [1, 2\nb: 3\n".to_owned(), "bad-yaml"),
        (format!("{HEAD}steps:\n  - id: a\n    when: !inputs.x\n"), "bad-yaml"),
        (format!("{HEAD}variables: {{ x: *nowhere }}\n"), "bad-yaml"),
        ("? [a]\n: b\n".to_owned(), "bad-yaml"),
    ];
    for (text, code) in cases {
        let start: String = text.chars().take(60).collect();
        let found = load(&source(&text), Origin::BuiltIn).unwrap_err();
        let found: Vec<_> = found.iter().map(|one| (one.code.0, one.message.as_str())).collect();
        assert_eq!(found.len(), 1, "{start}: {found:?}");
        assert_eq!(found[0].0, code, "{start}: {found:?}");
    }
}

#[test]
fn yaml_1_1_words_and_leading_zeros_stay_text() {
    let recipe = recipe("variables: { a: no, b: on, c: 012, d: true, e: 12 }\n");
    let values: Vec<_> = recipe
        .variables
        .values()
        .map(|variable| format!("{:?}", variable.value.node))
        .map(|node| if node.starts_with("Text") { "text" } else { "scalar" })
        .collect();
    assert_eq!(values, ["text", "text", "text", "scalar", "scalar"]);
}

#[test]
fn a_whole_recipe_becomes_its_model() {
    let recipe = recipe(
        "\
requires: [{ recipe: managed-identity, as: id, with: { identity: [create] } }]
inputs:
  roles: { type: list, items: { role: string, scope?: string }, env: [ROLES] }
existing:
  the-vault: { type: Microsoft.KeyVault/vaults@2023-07-01, name: x, search: subscription, optional: true }
prerequisites:
  - { that: \"${the_vault}\", severity: warning }
steps:
  - id: give-role
    for_each: \"${inputs.roles}\"
    role_assignment: { role: Reader, principal: \"${id.principal_id}\", scope: \"${the_vault.id}\", settle: 1m30s }
    retry: { error_matches: [PrincipalNotFound] }
    timeout: 5m
",
    );
    assert_eq!(recipe.requires[0].instance(), "id");
    let Shape::List(held) = &recipe.inputs["roles"].shape else {
        panic!("{:?}", recipe.inputs["roles"].shape)
    };
    let Shape::Record(fields) = held.as_ref() else { panic!("{held:?}") };
    assert!(!fields["role"].optional && fields["scope"].optional);
    let lookup = &recipe.existing["the_vault"];
    let resource = lookup.resource().unwrap();
    assert_eq!(resource.kind.version.as_deref(), Some("2023-07-01"));
    assert!(resource.search == Search::Subscription && lookup.optional && !resource.list);
    assert_eq!(recipe.prerequisites[0].severity, Severity::Warning);
    let step = recipe.step("give_role").unwrap();
    assert_eq!(step.id.written, "give-role");
    assert_eq!(step.timeout, Some(Duration::from_secs(300)));
    assert_eq!(step.retry.as_ref().unwrap().timeout, Duration::from_secs(600));
    let StepKind::RoleAssignment(assignment) = &step.kind else { panic!("{:?}", step.kind) };
    assert_eq!(assignment.settle, Some(Duration::from_secs(90)));
    assert_eq!(assignment.principal.text(), "${id.principal_id}");
}

const KEY_VAULT: &str = include_str!("../../../recipes/key-vault-reference/recipe.yaml");

proptest! {
    #[test]
    fn nothing_panics_on_any_text(text in any::<String>()) {
        let _ = load(&source(&text), Origin::BuiltIn);
    }

    #[test]
    fn nothing_panics_on_yaml_like_text(text in r#"([a-z_]{1,4}: |- |\{|\}|\[|\]|, |"|'|&a |\*a|\n {0,4}|\$\{|!|\| |<<: |é)*"#) {
        let _ = load(&source(&text), Origin::BuiltIn);
    }

    /// A damaged recipe is refused with places that can be shown, or is another recipe.
    #[test]
    fn nothing_panics_on_a_damaged_recipe(
        at in 0..KEY_VAULT.len(), cut in 0..40_usize, put in r#"[a-z\[\]{}"'$:*&!#|>ä \n-]{0,6}"#,
    ) {
        let mut text: Vec<char> = KEY_VAULT.chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.chars());
        let text: String = text.into_iter().collect();
        let found = match load(&source(&text), Origin::BuiltIn) {
            Ok(recipe) => validate(&recipe, &catalogue([])),
            Err(found) => found,
        };
        for label in found.iter().flat_map(|one| &one.labels) {
            prop_assert!(label.source.text.get(label.span.start..label.span.end).is_some(), "{label:?}");
        }
    }
}
