//! A folder that somebody sent reads and sends no file that the caller did not name.

use super::place::{Outcome, Place};

/// The table of packages that a reading of requirements needs.
const TABLE: &str = "images: {}\npackages: {}\n";

/// A recipe of a stranger that shows all that a reading of requirements tells.
fn reading(inputs: &str, context: &str, file: &str) -> String {
    format!(
        "name: r
title: T
category: test
complexity: low
data: {{ packages: packages.yaml }}
{inputs}
existing:
  found: {{ requirements: {{ context: \"{context}\", file: \"{file}\", packages: \"${{data.packages}}\" }} }}
steps:
  - id: tell
    why: it tells
    container_app:
      tags:
        told: \"${{join(' | ', found.findings[].message)}}\"
        names: \"${{join(' ', found.packages[].name)}}\"
"
    )
}

const INPUT: &str = "inputs: { context: { type: path, default: . } }";

fn place(recipe: &str) -> Place {
    let place = Place::new();
    place.write("theirs/r/recipe.yaml", recipe);
    place.write("theirs/r/packages.yaml", TABLE);
    place.write("home/credentials", "PASSWORD=hunter2\n");
    place.write("home/requirements.txt", "hunter2\n");
    place.write("home/.env", "PASSWORD=hunter2\n");
    place
}

fn told(outcome: &Outcome) -> String {
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains("hunter2"), "{told}");
    told
}

#[test]
fn a_recipe_that_names_a_folder_of_the_caller_is_not_loaded() {
    let home = place("").work().join("home").display().to_string();
    let cases = [
        (
            "inputs: { context: { type: path, default: \"${'/proc/self'}\" } }",
            "${inputs.context}",
            "environ",
            "bad-default",
        ),
        (
            "inputs: { context: { type: path, default: \"${'HOME'}\" } }",
            "${inputs.context}",
            "r.txt",
            "bad-default",
        ),
        (
            "inputs: { other: { default: /etc }, context: { type: path, default: \"${inputs.other}\" } }",
            "${inputs.context}",
            "r.txt",
            "bad-default",
        ),
        ("inputs: { context: { type: path, default: /etc } }", "${inputs.context}", "r.txt", "bad-default"),
        ("inputs: { context: { type: path, default: ../.. } }", "${inputs.context}", "r.txt", "bad-default"),
        ("inputs: { context: { type: path, default: a/../b } }", "${inputs.context}", "r.txt", "bad-default"),
        ("inputs: { context: { type: path, env: [HOME] } }", "${inputs.context}", "r.txt", "bad-value"),
        ("inputs: { context: { type: path } }", "${inputs.context || '/etc'}", "r.txt", "bad-value"),
        ("", ".", ".env", "bad-value"),
        ("", ".", "credentials", "bad-value"),
        ("", ".", ".env.txt", "bad-value"),
        ("", "/etc", "r.txt", "outside-folder"),
        ("", "..", "r.txt", "outside-folder"),
    ];
    for (inputs, context, file, code) in cases {
        let place = place(&reading(inputs, context, file)).with("AZURE_CLIENT_SECRET", "hunter2");
        let outcome = place.line("plan r --recipes theirs --sandbox").code(2);
        let told = told(&outcome);
        assert!(told.contains(&format!("error[{code}]")), "{inputs} {context} {file}: {told}");
    }
    // What a requirement sets, of its own recipe's inputs and of those of others.
    for (with, code) in [
        (home.as_str(), "outside-folder"),
        ("\"${inputs.text}\"", "outside-folder"),
        ("\"${'home'}\"", "outside-folder"),
        ("../../home", "outside-folder"),
    ] {
        let place = place(&reading(INPUT, "${inputs.context}", "requirements.txt"));
        let top = format!(
            "name: top\ntitle: T\ncategory: test\ncomplexity: low\ninputs: {{ text: {{ default: {home} }} }}\nrequires: [{{ recipe: r, with: {{ context: {with} }} }}]\n"
        );
        place.write("theirs/top/recipe.yaml", top);
        let told = told(&place.line("plan top --recipes theirs --sandbox").code(2));
        assert!(told.contains(&format!("error[{code}]")), "{with}: {told}");
    }
}

#[test]
fn what_a_recipe_wrote_is_read_beneath_its_own_folder() {
    let ask = |place: &Place, line: &str| {
        place.write("requirements.txt", "of-the-caller\n");
        place.write("theirs/r/requirements.txt", "of-the-recipe\n");
        place.line(&format!("plan {line} --recipes theirs --sandbox")).code(0).stdout
    };
    for (inputs, context) in [("", "."), (INPUT, "${inputs.context}")] {
        let told = ask(&place(&reading(inputs, context, "requirements.txt")), "r");
        assert!(told.contains("of-the-recipe") && !told.contains("of-the-caller"), "{told}");
    }
    let read = reading(INPUT, "${inputs.context}", "requirements.txt");
    let told = ask(&place(&read), "r -p context=.");
    assert!(told.contains("of-the-caller") && !told.contains("of-the-recipe"), "{told}");
    // A requirement: written out beneath the folder of who wrote it, or that one's own path.
    let required = |with: &str, line: &str| {
        let place = place(&read);
        let top = format!(
            "name: top\ntitle: T\ncategory: test\ncomplexity: low\ninputs: {{ mine: {{ type: path }} }}\nrequires: [{{ recipe: r, with: {{ context: {with} }} }}]\n"
        );
        place.write("theirs/top/recipe.yaml", top);
        place.write("theirs/top/app/requirements.txt", "of-the-top\n");
        ask(&place, line)
    };
    let told = required("app", "top");
    assert!(told.contains("of-the-top"), "{told}");
    let told = required("\"${inputs.mine}\"", "top -p mine=.");
    assert!(told.contains("of-the-caller"), "{told}");
}

#[test]
fn a_case_reads_what_the_command_reads() {
    let recipe = reading(INPUT, "${inputs.context}", "requirements.txt").replace(
        "steps:",
        "prerequisites:\n  - { name: own, that: \"${found.packages[0].name == 'of-the-recipe'}\", fix: none }\nsteps:",
    );
    let place = place(&recipe);
    place.write("requirements.txt", "of-the-caller\n");
    place.write("theirs/r/requirements.txt", "of-the-recipe\n");
    place.write("theirs/r/tests.yaml", "cases:\n  - name: by default\n    expect: { writes: 1 }\n");
    let _ = place.line("plan r --recipes theirs --sandbox").code(0);
    let _ = place.line("test theirs/r").code(0);
}

#[test]
fn links_of_a_recipe_folder_lead_nowhere() {
    #[cfg(unix)]
    {
        let place = place(&reading("", "app", "requirements.txt"));
        std::os::unix::fs::symlink(place.work().join("home"), place.work().join("theirs/r/app")).unwrap();
        let told = told(&place.line("plan r --recipes theirs --sandbox"));
        assert!(told.contains("only the caller may name"), "{told}");
    }
}

/// Even in a folder that the caller named.
#[test]
fn no_text_of_a_line_that_is_not_understood_comes_back() {
    for file in ["${'.env'}", "${'home/../.env'}", "${'credentials'}"] {
        let place = place(&reading(INPUT, "${inputs.context}", file));
        let told = told(&place.line("plan r --recipes theirs --sandbox -p context=home"));
        assert!(
            told.contains("error[local-file]")
                || told.contains("is not called")
                || told.contains("leads out"),
            "{file}: {told}"
        );
    }
    let place = place(&reading(INPUT, "${inputs.context}", "odd.txt"));
    place.write(
        "home/odd.txt",
        "PASSWORD=hunter2\n--hunter2\n-hunter2\n\"hunter2\n-r 'hunter2\nx ! hunter2\n[hunter2]\n==hunter2\n",
    );
    let told = told(&place.line("plan r --recipes theirs --sandbox -p context=home").code(0));
    assert!(told.contains("this is no requirement"), "{told}");
    // The same of a Dockerfile.
    let recipe = "name: r\ntitle: T\ncategory: test\ncomplexity: low\ninputs: { context: { type: path } }
existing:
  found: { dockerfile: { context: \"${inputs.context}\", file: Dockerfile } }
steps:
  - { id: tell, why: it tells, container_app: { tags: { told: \"${join(' | ', found.findings[].message)}\" } } }\n";
    let place = self::place(recipe);
    place.write("home/Dockerfile", "PASSWORD=hunter2\nhunter2 x\nFROM a\nRUN cat <<hunter2\nx\n");
    let told = self::told(&place.line("plan r --recipes theirs --sandbox -p context=home").code(0));
    assert!(told.contains("begins with no instruction"), "{told}");
}

/// What is sent away begins where the recipe is, too.
#[test]
fn a_build_sends_no_folder_that_the_caller_did_not_name() {
    let recipe = |context: &str| {
        format!(
            "name: r\ntitle: T\ncategory: test\ncomplexity: low\n{INPUT}
existing: {{ registry: {{ type: Microsoft.ContainerRegistry/registries, name: acrdemo }} }}
steps:
  - {{ id: b, why: w, image_build: {{ registry: \"${{registry}}\", context: \"{context}\", repository: mine }} }}\n"
        )
    };
    for context in [".", "${inputs.context}"] {
        let place = place(&recipe(context));
        place.write("Dockerfile", "FROM scratch\n");
        let outcome = place.line("plan r --recipes theirs --sandbox");
        let told = told(&outcome);
        assert!(told.contains("there is no Dockerfile in the context"), "{context}: {told}");
        place.write("theirs/r/Dockerfile", "FROM scratch\n");
        let _ = place.line("plan r --recipes theirs --sandbox").code(0);
    }
    let place = place(&recipe("${inputs.context}"));
    place.write("Dockerfile", "FROM scratch\n");
    let _ = place.line("plan r --recipes theirs --sandbox -p context=.").code(0);
}
