//! What a recipe that is well formed may still get wrong.

use acarecipe::recipe::{Catalogue, lint, validate};

use super::{HEAD, brief, catalogue, recipe};

fn mistakes(body: &str) -> Vec<String> {
    brief(&validate(&recipe(body), &catalogue([])))
}

#[test]
fn references_must_lead_somewhere() {
    let body = "\
follows: [managed-identiy]
requires: [managed-identity]
inputs: { key_vault: {} }
existing:
  vault: { type: Microsoft.KeyVault/vaults, name: \"${inputs.keyvault}\", after: [gone] }
variables: { v: \"${each.key}\" }
steps:
  - id: grant
    after: [reference, refer-to]
    role_assignment: { role: Reader, principal: \"${managed_identity.principal}\", scope: \"${valt.id}\" }
  - id: refer_to
    for_each: \"${inputs.key_vault}\"
    container_app:
      tags: { a: \"${target.rg}\", b: \"${cloud.suffixes.keyvault}\", c: \"${each.name}\", d: \"${steps.grnt.id}\" }
outputs: { o: \"${variables.w} ${outputs.p} ${it.x}\" }
notes: >
  ${inputs.other}
";
    assert_eq!(
        mistakes(body),
        [
            r#"unknown-recipe 5 "managed-identiy""#,
            r#"unknown-reference 9 "inputs.keyvault" did you mean `key_vault`?"#,
            r#"unknown-reference 9 "gone""#,
            r#"unknown-reference 10 "each.key""#,
            r#"unknown-reference 13 "reference""#,
            r#"unknown-reference 13 "refer-to" did you mean `refer_to`?"#,
            r#"unknown-reference 14 "managed_identity.principal" did you mean `principal_id`?"#,
            r#"unknown-reference 14 "valt.id" did you mean `vault`?"#,
            r#"unknown-reference 18 "target.rg" there is `subscription`, `tenant`, `resource_group`, `app`, `environment`, `location`, `container`"#,
            r#"unknown-reference 18 "cloud.suffixes.keyvault" did you mean `key_vault`?"#,
            r#"unknown-reference 18 "each.name" there is `key`, `value`"#,
            r#"unknown-reference 18 "steps.grnt.id" did you mean `grant`?"#,
            r#"unknown-reference 19 "variables.w" there is `v`"#,
            r#"unknown-reference 19 "outputs.p" there is `o`"#,
            r#"unknown-reference 19 "it.x""#,
            r#"unknown-reference 21 "inputs.other" there is `key_vault`"#,
        ]
    );
}

#[test]
fn circles_are_named_as_a_chain() {
    let found = validate(
        &recipe(
            "\
variables: { a: \"${variables.b}\", b: \"${outputs.o}\", own: \"${variables.own}\" }
steps:
  - { id: one, after: [two], container_app: {} }
  - { id: two, container_app: { tags: { x: \"${steps.one.id}\" } } }
outputs: { o: \"${variables.a}\" }
",
        ),
        &catalogue([]),
    );
    let mut messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
    messages.sort_unstable();
    assert_eq!(
        messages,
        [
            "these need each other: steps.one → steps.two → steps.one",
            "these need each other: variables.a → variables.b → outputs.o → variables.a",
            "these need each other: variables.own → variables.own",
        ]
    );
}

#[test]
fn a_long_chain_ends_in_an_error_not_in_the_stack() {
    use std::fmt::Write;
    let mut body = String::from("variables:\n  v0: x\n");
    for index in 1..4000 {
        writeln!(body, "  v{index}: \"${{variables.v{}}} ${{variables.v{}.a}}\"", index - 1, index - 1)
            .unwrap();
    }
    body.push_str("steps:\n  - { id: s, when: \"${variables.v3999}\", container_app: {} }\n");
    let found = mistakes(&body);
    assert!(found.iter().any(|one| one.starts_with("cycle")), "{found:?}");
}

#[test]
fn one_name_means_one_thing() {
    let body = "\
requires: [managed-identity]
inputs: { vault: {}, each: {} }
existing: { vault: { type: Microsoft.KeyVault/vaults, name: x }, the-app: { type: Microsoft.KeyVault/vaults } }
variables: { the_app: 1, managed_identity: 2 }
steps: [{ id: vault, container_app: {} }]
outputs: { vault: 1 }
";
    assert_eq!(
        mistakes(body),
        [
            r#"name-taken 5 "managed-identity""#,
            r#"name-taken 6 "each""#,
            r#"name-taken 7 "vault""#,
            r#"missing-key 7 "the-app""#,
            r#"name-taken 8 "the_app""#,
            r#"name-taken 9 "vault""#,
        ]
    );
}

#[test]
fn what_a_plan_needs_must_not_come_from_a_step() {
    let body = "\
requires: [managed-identity]
existing:
  late: { type: Microsoft.KeyVault/vaults, name: x, after: [make] }
  child: { type: Microsoft.KeyVault/vaults/keys@2023-07-01, name: x, parent: \"${steps.make.id}\" }
variables: { made: \"${steps.make}\", key: \"${variables.made.properties.key}\" }
steps:
  - { id: make, resource: { type: Microsoft.KeyVault/vaults, name: x, body: {} } }
  - id: use
    when: \"${variables.key}\"
    container_app: { tags: { \"${managed_identity.principal_id}\": x, \"${variables.made.id}\": \"${variables.key}\" } }
  - id: list
    for_each: \"${late.things}\"
    container_app: {}
";
    assert_eq!(
        mistakes(body),
        [
            r#"known-too-late 13 "variables.key""#,
            r#"known-too-late 14 "managed_identity.principal_id""#,
            r#"known-too-late 16 "late.things""#,
        ]
    );
}

#[test]
fn an_expression_without_its_marks_is_noticed() {
    let body = "\
inputs: { x: {} }
prerequisites: [{ that: inputs.x, otherwise: inputs.x is not set }]
steps:
  - id: a
    when: inputs.x == 'y'
    for_each: \"true\"
    container_app: { tags: { a: \"lower(inputs.x)\", b: app.example, c: app. thing, d: inputs, e: app.. } }
";
    let found = validate(&recipe(body), &catalogue([]));
    assert_eq!(
        brief(&found),
        [
            r#"bare-expression 6 "inputs.x""#,
            r#"bare-expression 9 "inputs.x == 'y'""#,
            r#"bare-expression 10 "\"true\"""#,
            r#"bare-expression 11 "\"lower(inputs.x)\"""#,
            r#"bare-expression 11 "app.example""#,
        ]
    );
    assert_eq!(found[0].fix.as_deref(), Some("write \"${inputs.x}\""));
}

#[test]
fn strangers_cannot_give_roles_away() {
    let body = "\
inputs: { p: {} }
steps:
  - { id: a, role_assignment: { role: owner, principal: \"${inputs.p}\", scope: \"${app.id}\" } }
  - { id: b, role_assignment: { role: 18D7D88D-d35e-4fb5-a5c3-7773c20a72d9, principal: \"${inputs.p}\", scope: \"${app.id}\" } }
  - { id: c, role_assignment: { role: Reader, principal: 11111111-1111-1111-1111-111111111111, scope: \"${app.id}\" } }
  - { id: d, role_assignment: { role: Reader, principal: \"${'x'}\", scope: \"${app.id}\" } }
  - { id: e, resource: { type: microsoft.authorization/roleAssignments, name: x, body: {} } }
";
    assert_eq!(
        mistakes(body),
        [
            r#"forbidden-role 7 "owner""#,
            r#"forbidden-role 8 "18D7D88D-d35e-4fb5-a5c3-7773c20a72d9""#,
            r#"literal-principal 9 "11111111-1111-1111-1111-111111111111" take it from an identity of the run or from an input"#,
            r#"literal-principal 10 "\"${'x'}\"" take it from an identity of the run or from an input"#,
            r#"forbidden-type 11 "microsoft.authorization/roleAssignments" a role is given by `role_assignment`"#,
        ]
    );
}

#[test]
fn fragments_are_checked_as_far_as_they_can_be_seen() {
    let body = "\
inputs: { r: { required: true, default: x } }
steps:
  - id: a
    container_app:
      templates: {}
      configuration:
        registries: [{ server: \"${inputs.r}.azurecr.io\" }]
        activeRevisionsMode: { $patch: defaults, value: Single }
      tags: { x: { $patch: delete, value: 1 }, y: { $patch: claim }, z: { $patch: default, value: 1, more: 2 } }
";
    assert_eq!(
        mistakes(body),
        [
            r#"default-on-required 5 "x""#,
            r#"unknown-key 9 "templates" did you mean `template`?"#,
            r#"cloud-suffix 11 ".azurecr.io" read the address from the resource, or use `${cloud.suffixes.acr}`"#,
            r#"bad-directive 12 "defaults" did you mean `default`?"#,
            r#"bad-directive 13 "$patch""#,
            r#"bad-directive 13 "$patch""#,
            r#"bad-directive 13 "more""#,
        ]
    );
}

#[test]
fn a_path_has_one_owner_unless_steps_are_ordered() {
    let two = |second: &str| {
        format!(
            "\
steps:
  - {{ id: a, container_app: {{ identity: {{ type: SystemAssigned }}, template: {{ containers: [{{ name: c, env: [{{ name: X, value: one }}] }}] }} }} }}
  - {{ id: b{second}, container_app: {{ identity: {{ type: UserAssigned }}, template: {{ containers: [{{ name: c, env: [{{ name: X, value: two }}] }}] }} }} }}
"
        )
    };
    assert_eq!(mistakes(&two("")), [r#"path-owned-twice 7 "two""#]);
    let found = validate(&recipe(&two("")), &catalogue([]));
    assert_eq!(found[0].message, "`template.containers[c].env[X].value` is wanted as \"one\" and as \"two\"");
    assert_eq!(found[0].labels[1].source.line_col(found[0].labels[1].span.start).0, 6);
    assert_eq!(mistakes(&two(", after: [a]")), [] as [&str; 0]);
    assert_eq!(mistakes(&two(", when: \"${app.x}\"")), [] as [&str; 0]);
}

#[test]
fn required_recipes_are_there_and_take_what_they_are_given() {
    let body = "\
requires:
  - { recipe: managed-identity, with: { identiy: [create] } }
  - elsewhere
";
    assert_eq!(
        mistakes(body),
        [r#"unknown-input 6 "identiy" did you mean `identity`?"#, r#"unknown-recipe 7 "elsewhere""#,]
    );
}

#[test]
fn lint_reports_form_and_meaning_together_and_knows_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let first = write("a.yaml", format!("{HEAD}requires: [other]\nstesp: []\nnotes: \"${{inputs.x}}\"\n"));
    let second = write("b.yaml", HEAD.replace("mine", "other") + "requires: [mine]\n");
    let third = write("c.yaml", "x".repeat(300_000));
    let fourth = folder.path().join("d.yaml");
    std::fs::write(&fourth, [b'a', b':', 0xff]).unwrap();
    let found =
        lint(&[first, second, third, fourth, folder.path().join("e.yaml")], &Catalogue::built_in().unwrap());
    assert_eq!(
        brief(&found),
        [
            "file-too-large",
            "unreadable-file",
            "unreadable-file",
            r#"cycle 5 "other""#,
            r#"unknown-key 6 "stesp" did you mean `steps`?"#,
            r#"unknown-reference 7 "inputs.x""#,
            r#"cycle 5 "mine""#,
        ]
    );
    assert_eq!(found[3].message, "recipes require each other: mine → other → mine");
}
