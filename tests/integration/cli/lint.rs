//! Each kind of mistake in a recipe file: file, line, caret, suggestion, and several at once.

use std::fmt::Write;

use super::place::{Outcome, Place};

const HEAD: &str = "\
name: mine
title: Mine
category: test
complexity: low
";

/// What lint says of a recipe with this body, which must be refused with these codes, each at a place.
fn mistakes(body: &str, codes: &[&str]) -> Outcome {
    let place = Place::new();
    place.write("mine/recipe.yaml", format!("{HEAD}{body}"));
    let outcome = place.line("lint mine/recipe.yaml").code(2);
    for code in codes {
        assert!(outcome.stderr.contains(&format!("error[{code}]")), "no {code} in:\n{}", outcome.stderr);
    }
    let places = outcome.stderr.matches("--> mine/recipe.yaml:").count();
    let errors = outcome.stderr.matches("error[").count();
    assert!(places >= errors && outcome.stderr.contains('^'), "no place or caret:\n{}", outcome.stderr);
    assert!(outcome.stdout.contains(&format!("1 file: {errors} error")), "{}", outcome.stdout);
    outcome
}

#[test]
fn a_sound_recipe() {
    let place = Place::new();
    place.write(
        "mine/recipe.yaml",
        format!("{HEAD}steps:\n  - {{ id: tag, why: a tag, container_app: {{ tags: {{ a: b }} }} }}\n"),
    );
    let outcome = place.line("lint mine").code(0);
    assert_eq!(outcome.stdout, "1 file: 0 errors, 0 warnings\n");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn unknown_keys_and_wrong_types_at_once() {
    let outcome = mistakes(
        "\
inputs:
  colour: { tpe: string, required: perhaps }
steps:
  - id: tag
    contaner_app: { tags: { a: b } }
",
        &["unknown-key", "wrong-type"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r"
    error[unknown-key]: an input has no key `tpe`
     --> mine/recipe.yaml:6:13
      |
    6 |   colour: { tpe: string, required: perhaps }
      |             ^^^ did you mean `type`?
      |
      = cause: the keys are `type`, `items`, `values`, `env`, `default`, `required`, `secret`, `one_of`, `pattern`, `description`

    error[wrong-type]: expected true or false, found text
     --> mine/recipe.yaml:6:36
      |
    6 |   colour: { tpe: string, required: perhaps }
      |                                    ^^^^^^^

    error[missing-key]: a step needs one of `container_app`, `resource`, `role_assignment`, `sql`, `image_build`, `action`, `wait`
     --> mine/recipe.yaml:8:5
      |
    8 |   - id: tag
      |     ^^

    error[unknown-key]: a step has no key `contaner_app`
     --> mine/recipe.yaml:9:5
      |
    9 |     contaner_app: { tags: { a: b } }
      |     ^^^^^^^^^^^^ did you mean `container_app`?
      |
      = cause: the keys are `id`, `container_app`, `resource`, `role_assignment`, `sql`, `image_build`, `action`, `wait`, `when`, `for_each`, `after`, `why`, `triggered_by`, `retry`, `timeout`
    ");
}

#[test]
fn unknown_references_and_bad_expressions() {
    let outcome = mistakes(
        "\
inputs:
  colour: { default: red }
steps:
  - id: tag
    container_app: { tags: { a: \"${inputs.color}\", b: \"${inputs.colour ==}\" } }
",
        &["bad-expression"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r#"
    error[unknown-reference]: there is no input `color`
     --> mine/recipe.yaml:9:36
      |
    9 |     container_app: { tags: { a: "${inputs.color}", b: "${inputs.colour ==}" } }
      |                                    ^^^^^^^^^^^^ did you mean `colour`?

    error[bad-expression]: bad JMESPath: a value is expected, not the end of the expression
     --> mine/recipe.yaml:9:74
      |
    9 |     container_app: { tags: { a: "${inputs.color}", b: "${inputs.colour ==}" } }
      |                                                                          ^
    "#);
    let outcome = mistakes(
        "\
inputs:
  colour: { default: red, description: A colour. }
steps:
  - id: tag
    why: \"${inputs.colour}\"
    container_app: { tags: { a: \"${inputs.color}\", b: \"${targt.app}\" } }
",
        &["unknown-reference"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r#"
    error[unknown-reference]: there is no input `color`
      --> mine/recipe.yaml:10:36
       |
    10 |     container_app: { tags: { a: "${inputs.color}", b: "${targt.app}" } }
       |                                    ^^^^^^^^^^^^ did you mean `colour`?

    error[unknown-reference]: there is no `targt`
      --> mine/recipe.yaml:10:58
       |
    10 |     container_app: { tags: { a: "${inputs.color}", b: "${targt.app}" } }
       |                                                          ^^^^^^^^^ did you mean `target`?
    "#);
}

#[test]
fn circles() {
    let outcome = mistakes(
        "\
variables:
  a: \"${variables.b}\"
  b: \"${variables.a}\"
steps:
  - id: tag
    why: a tag
    container_app: { tags: { a: \"${variables.a}\" } }
",
        &["cycle"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r#"
    error[cycle]: these need each other: variables.a → variables.b → variables.a
     --> mine/recipe.yaml:7:9
      |
    7 |   b: "${variables.a}"
      |         ^^^^^^^^^^^ closes the circle
    "#);
}

#[test]
fn a_path_that_two_steps_own() {
    let outcome = mistakes(
        "\
steps:
  - id: one
    why: one
    container_app: { tags: { colour: red } }
  - id: two
    why: two
    container_app: { tags: { colour: blue } }
",
        &["path-owned-twice"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r#"
    error[path-owned-twice]: `tags.colour` is wanted as "red" and as "blue"
      --> mine/recipe.yaml:11:38
       |
    11 |     container_app: { tags: { colour: blue } }
       |                                      ^^^^
       |
      --> mine/recipe.yaml:8:38
       |
     8 |     container_app: { tags: { colour: red } }
       |                                      --- and here
       |
       = cause: two steps may want one place only if one comes `after` the other
    "#);
}

#[test]
fn a_key_that_stands_twice() {
    let outcome = mistakes(
        "\
steps:
  - id: one
    why: once
    why: twice
    container_app: { tags: { colour: red } }
",
        &["duplicate-key"],
    );
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r"
    error[duplicate-key]: `why` stands here twice
     --> mine/recipe.yaml:8:5
      |
    8 |     why: twice
      |     ^^^
      |
     --> mine/recipe.yaml:7:5
      |
    7 |     why: once
      |     --- first here
    ");
}

#[test]
fn yaml_that_is_none() {
    let outcome = mistakes("steps: [ { id: one\n", &["bad-yaml"]);
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r"
    error[bad-yaml]: not valid YAML: unclosed bracket '{'
     --> mine/recipe.yaml:1:1
      |
    1 | name: mine
      | ^
    ");
}

#[test]
fn bombs_and_giants() {
    let place = Place::new();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    place.write("bomb.yaml", format!("{HEAD}{bomb}"));
    place.write("giant.yaml", format!("{HEAD}notes: {}\n", "x".repeat(20_000_000)));
    place.write("deep.yaml", format!("{HEAD}notes: {}\n", "[".repeat(100_000)));
    place.write("bytes.yaml", b"name: \xff\xfe\n");
    for file in ["bomb.yaml", "giant.yaml", "deep.yaml", "bytes.yaml"] {
        let outcome = place.run(["lint", file]).code(2);
        assert!(outcome.stderr.contains("error[") && outcome.stderr.contains(file), "{}", outcome.stderr);
        assert!(outcome.stderr.len() < 4_000, "{file}: {} bytes of output", outcome.stderr.len());
    }
    // All of them in one go, and the good one among them is not lost.
    let outcome = place.run(["lint", "bomb.yaml", "giant.yaml", "gone.yaml"]).code(2);
    assert!(outcome.stdout.starts_with("3 files: 3 errors"), "{}\n{}", outcome.stdout, outcome.stderr);
    let outcome = place.run(["lint", "bomb.yaml"]).code(2);
    insta::assert_snapshot!(outcome.scrubbed_stderr(), @r"
    error[file-too-large]: anchors and aliases repeat more than a recipe can need
     --> bomb.yaml:5:31
      |
    5 | a0: &a0 [x, x, x, x, x, x, x, x, x, x]
      |                               ^
      |
      = fix: write the repeated part out, or use fewer aliases
    ");
}

#[test]
fn the_folder_of_a_recipe_is_not_a_folder_of_recipes() {
    let place = Place::new();
    place.write("mine/greeting/recipe.yaml", "name: greeting\n");
    let outcome = place.line("plan greeting --sandbox --recipes mine/greeting").code(2);
    assert!(outcome.stderr.contains("fix: --recipes mine\n"), "{}", outcome.stderr);
}
