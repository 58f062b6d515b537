//! A folder that somebody sent: what the program shows of it, and which of its files it opens.

use super::place::Place;

fn recipe(name: &str, body: &str) -> String {
    format!("name: {name}\ntitle: T\ncategory: test\ncomplexity: low\n{body}")
}

const TAG: &str = "steps:\n  - { id: tag, why: a tag, container_app: { tags: { a: b } } }\n";

#[test]
fn every_plan_names_recipes_that_are_not_built_in_with_their_folder() {
    let place = Place::new();
    place.write("theirs/base/recipe.yaml", recipe("base", TAG));
    place.write("theirs/top/recipe.yaml", recipe("top", "requires: [base]\n"));
    let outcome = place.line("plan top --recipes theirs --sandbox").code(0);
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    for line in
        ["base is not built in; it comes from theirs/base", "top is not built in; it comes from theirs/top"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let outcome = place.line("plan top --recipes theirs --sandbox -o json").code(0);
    let notes = outcome.json()["plan"].to_string();
    assert!(notes.contains("base is not built in; it comes from theirs/base"), "{notes}");

    place.write("over/mine/recipe.yaml", recipe("managed-identity", TAG));
    let outcome = place.line("plan managed-identity --recipes over --sandbox").code(2);
    assert!(outcome.stderr.contains("recipe-exists"), "{}", outcome.stderr);
    // Required by a built-in recipe, nobody typed its name.
    let outcome =
        place.line("plan managed-identity --recipes over --allow-override --sandbox -o json").code(0);
    let notes = outcome.json()["plan"].to_string();
    assert!(notes.contains("it comes from over/mine in the place of the built-in recipe"), "{notes}");
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_the_folder_are_not_followed() {
    use std::os::unix::fs::symlink;

    let place = Place::new();
    place.write("outside/recipe.yaml", recipe("outside", TAG));
    place.write("outside/private.txt", "hunter2");
    for folder in ["linked", "paged", "dirs", "fine/real", "fine/hard"] {
        std::fs::create_dir_all(place.work().join(folder)).unwrap();
    }
    let at = |path: &str| place.work().join(path);
    std::fs::create_dir(at("linked/r")).unwrap();
    symlink(at("outside/recipe.yaml"), at("linked/r/recipe.yaml")).unwrap();
    let outcome = place.line("list --recipes linked").code(2);
    assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);
    let outcome = place.line("lint linked/r").code(2);
    assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);

    symlink(at("outside"), at("dirs/r")).unwrap();
    let outcome = place.line("list --recipes dirs").code(2);
    assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);

    place.write("paged/r/recipe.yaml", recipe("r", TAG));
    symlink(at("outside/private.txt"), at("paged/r/README.md")).unwrap();
    let outcome = place.line("show r --page --recipes paged").code(1);
    assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"));

    // Within the folder a link is a name like any other, and so is a hard link.
    place.write("fine/real/actual.yaml", recipe("real", TAG));
    symlink("actual.yaml", at("fine/real/recipe.yaml")).unwrap();
    std::fs::remove_file(at("outside/recipe.yaml")).unwrap();
    place.write("outside/recipe.yaml", recipe("hard", TAG));
    std::fs::hard_link(at("outside/recipe.yaml"), at("fine/hard/recipe.yaml")).unwrap();
    let outcome = place.line("list --recipes fine").code(0);
    assert!(outcome.stdout.contains("real") && outcome.stdout.contains("hard"), "{}", outcome.stdout);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let place = Place::new();
    std::fs::create_dir_all(place.work().join("pipes/r")).unwrap();
    let pipe = place.work().join("pipes/r/recipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    std::fs::create_dir_all(place.work().join("folders/r/recipe.yaml")).unwrap();
    for line in ["lint pipes/r", "list --recipes pipes", "lint folders/r", "list --recipes folders"] {
        let outcome = place.line(line).code(2);
        assert!(outcome.stderr.contains("is not a file"), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn nothing_in_a_recipe_steers_a_terminal() {
    let place = Place::new();
    let body = "\
inputs: { text: { default: \"it's; rm -rf ~\\u001b[2J\\u202e\\nnext\" } }
prerequisites:
  - name: \"a\\u001b]0;b\\u0007c\"
    that: \"${app.gone}\"
    otherwise: \"x\\u202ey\\rz\"
    fix: az thing --name ${inputs.text} --other ${app.name}
    severity: warning
notes: \"\\u001b[31mred\"
";
    place.write("r/r/recipe.yaml", recipe("r", &format!("{body}{TAG}")));
    place.write("r/r/README.md", "# Page\n\u{1b}[2Jcleared\u{202e}\n\tindented\n");
    let outcome = place.line("plan r --recipes r --sandbox").code(0);
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r', '\u{7}']), "{shown:?}");
    // One line, and every value one word of it.
    let quoted = r"az thing --name 'it'\''s; rm -rf ~[2J next' --other ca-demo";
    assert!(shown.contains(quoted), "{shown}");
    let outcome = place.line("plan r --recipes r --sandbox -o json").code(0);
    assert!(
        !outcome.stdout.contains("\\u001b") && !outcome.stdout.contains('\u{202e}'),
        "{}",
        outcome.stdout
    );
    let outcome = place.line("show r --page --recipes r").code(0);
    assert_eq!(outcome.stdout, "# Page\n[2Jcleared\n    indented\n");
}

#[test]
fn a_pattern_costs_little_however_it_is_written() {
    let place = Place::new();
    for (name, pattern, code) in [
        ("huge", "((a{900}){900}){900}", "bad-value"),
        ("slow", "(a*)*(a*)*(a*)*b", ""),
        ("deep", &format!("{}a{}", "(".repeat(500), ")".repeat(500)), "bad-value"),
    ] {
        let inputs = format!("inputs: {{ text: {{ pattern: '{pattern}' }} }}\n");
        place.write(&format!("{name}/{name}/recipe.yaml"), recipe(name, &format!("{inputs}{TAG}")));
        let value = "a".repeat(20_000);
        let folder = name.to_owned();
        let outcome =
            place.run(["plan", name, "--recipes", &folder, "--sandbox", "-p", &format!("text={value}")]);
        let outcome = outcome.code(2);
        let expected = if code.is_empty() { "bad-input" } else { code };
        assert!(outcome.stderr.contains(expected), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn nothing_in_a_file_starts_a_command_of_a_pipeline() {
    let place = Place::new();
    let hostile = "\"::error::x ##vso[task.setvariable variable=X]y ##[group]z\"";
    place.write("theirs/r/recipe.yaml", recipe("r", &format!("{TAG}titel: {hostile}\n")));
    let outcome = place.line("lint theirs/r").code(2);
    let shown = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(shown.contains("##vso [task.setvariable") && !shown.contains("##["), "{shown}");
    assert!(!shown.contains("##vso["), "{shown}");
    place.write("pages/r/recipe.yaml", recipe("r", TAG));
    place.write("pages/r/README.md", "# r\n\n  ::warning::a\n::set-output name=b::c\n##[error]d\n");
    let outcome = place.line("show r --page --recipes pages").code(0);
    assert!(
        outcome.stdout.contains("  : :warning::a\n: :set-output name=b::c\n## [error]d"),
        "{}",
        outcome.stdout
    );
}
