//! Tables beside a recipe.

use std::path::Path;

use acarecipe::recipe::{Catalogue, lint};

use super::{HEAD, brief, codes};

const READS: &str = "variables: { v: \"${data.t.a.b}\" }\noutputs: { o: \"${variables.v}\" }\n";

fn write(folder: &Path, body: &str, table: &str) -> std::path::PathBuf {
    let own = folder.join("mine");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("recipe.yaml"), format!("{HEAD}{body}")).unwrap();
    std::fs::write(own.join("t.yaml"), table).unwrap();
    own.join("recipe.yaml")
}

fn linted(body: &str, table: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), body, table);
    brief(&lint(&[file], &Catalogue::built_in().unwrap()))
}

#[test]
fn a_table_is_read_with_its_recipe() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("data: {{ t: t.yaml }}\n{READS}"), "a: { b: [1, two, no, 007] }\n");
    let catalogue = Catalogue::load(&[folder.path().to_owned()], false).unwrap();
    let table = &catalogue.get("mine").unwrap().data["t"];
    // As in a recipe file: `no` is text, and a number with a zero before it too.
    assert_eq!(*table.value, serde_json::json!({ "a": { "b": [1, "two", "no", "007"] } }));
    assert_eq!(linted(&format!("data: {{ t: t.yaml }}\n{READS}"), "a: { b: 1 }\n"), [""; 0]);
}

#[test]
fn a_table_that_is_not_there_or_not_beside_the_recipe_is_refused() {
    let refused = |file: &str| linted(&format!("data: {{ t: {file} }}\n{READS}"), "a: { b: 1 }\n");
    assert_eq!(refused("gone.yaml"), [r#"unreadable-file 5 "gone.yaml""#]);
    for file in
        ["../mine/t.yaml", "/etc/hosts", "sub/t.yaml", "t.yml", "recipe.yaml", "tests.yaml", "\"\"", ".yaml"]
    {
        let found = refused(file);
        assert!(found.len() == 1 && found[0].starts_with("bad-value 5"), "{file}: {found:?}");
    }
    let wrong = linted("data: { t: [t.yaml] }\n", "");
    assert_eq!(wrong, [r#"wrong-type 5 "t.yaml""#]);
}

#[cfg(unix)]
#[test]
fn a_link_to_elsewhere_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("t.yaml"), "a: { b: secret }\n").unwrap();
    let file = write(folder.path(), &format!("data: {{ t: t.yaml }}\n{READS}"), "");
    std::fs::remove_file(folder.path().join("mine/t.yaml")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("t.yaml"), folder.path().join("mine/t.yaml")).unwrap();
    assert_eq!(brief(&lint(&[file], &Catalogue::built_in().unwrap())), [r#"outside-folder 5 "t.yaml""#]);
}

#[test]
fn mistakes_in_a_table_point_into_it() {
    let body = format!("data: {{ t: t.yaml }}\n{READS}");
    assert_eq!(linted(&body, "a: { b: 1 }\nx: { c: 2, d: 3, c: 4 }\n"), [r#"duplicate-key 2 "c""#]);
    assert_eq!(linted(&body, "a: [\n").len(), 1);
    assert_eq!(linted(&body, "a: !tag x\n").len(), 1);
    let long = format!("a: \"{}\"\n", "x".repeat(300_000));
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &body, &long);
    assert_eq!(codes(&lint(&[file], &Catalogue::built_in().unwrap())), ["file-too-large"]);
}

#[test]
fn names_of_tables_are_names_as_others() {
    assert_eq!(
        linted("data: { t: t.yaml }\noutputs: { o: \"${data.u.a}\" }\n", "a: 1\n"),
        [r#"unused 5 "t""#, r#"unknown-reference 6 "data.u.a" there is `t`"#]
    );
    assert_eq!(
        linted(
            "inputs: { t: { description: x } }\ndata: { t: t.yaml }\noutputs: { o: \"${data.t.a} ${inputs.t}\" }\n",
            "a: 1\n"
        ),
        [r#"name-taken 6 "t""#]
    );
    assert_eq!(
        linted("data: { inputs: t.yaml }\noutputs: { o: \"${data.inputs}\" }\n", "a: 1\n"),
        [r#"name-taken 5 "inputs""#]
    );
}

/// What stands in a table is written by whoever wrote the recipe: a principal there is none of the run's, in
/// whatever way it is read.
#[test]
fn a_table_is_no_way_around_what_a_recipe_may_not_say() {
    let table = "who: 00000000-0000-0000-0000-000000000001\nall: [{ id: x }]\nwhere: /subscriptions/s/x\n";
    for principal in
        ["${data.t.who}", "${data.t.all[0].id}", "${variables.v}", "${find(data.t.all, 'id', 'x').id}"]
    {
        let body = format!(
            "data: {{ t: t.yaml }}\nvariables: {{ v: \"${{data.t.who}}\" }}\n\
             steps: [{{ id: a, role_assignment: {{ role: Reader, principal: \"{principal}\", scope: \"${{app.id}}\" }} }}]\n\
             outputs: {{ o: \"${{variables.v}}\" }}\n"
        );
        let found = linted(&body, table);
        assert!(found.iter().any(|one| one.starts_with("literal-principal 7")), "{principal}: {found:?}");
    }
    let body = "data: { t: t.yaml }\n\
        existing: { i: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: \"${data.t.where}\" } }\n\
        steps: [{ id: a, role_assignment: { role: Reader, principal: \"${i.properties.principalId}\", scope: \"${app.id}\" } }]\n";
    let found = linted(body, table);
    assert!(found.iter().any(|one| one.starts_with("literal-principal 7")), "{found:?}");
}
