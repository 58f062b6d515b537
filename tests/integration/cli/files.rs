//! Inputs of the type `file`: what is in a file that the caller names.

use super::place::Place;

/// A recipe that writes what is in a file, or in a secret one, where each may go.
fn recipe(inputs: &str, secret: bool) -> String {
    let step = if secret {
        "resource: { type: Microsoft.App/managedEnvironments/storages, name: s, parent: \"${environment.id}\", body: { properties: { azureFile: { accountName: a, shareName: s, accessMode: ReadOnly, accountKey: \"${inputs.pem}\" } } } }"
    } else {
        "container_app: { tags: { pem: \"${inputs.pem}\" } }"
    };
    format!(
        "name: r\ntitle: T\ncategory: test\ncomplexity: low\ninputs: {{ pem: {{ type: file, {inputs} }} }}
steps:
  - {{ id: tell, why: it tells, {step} }}\n"
    )
}

fn place(recipe: &str) -> Place {
    let place = Place::new();
    place.write("theirs/r/recipe.yaml", recipe);
    place.write("mine.pem", "hunter2\nline two\n");
    place
}

/// What a run leaves in the sandbox.
fn applied(place: &Place, parameters: &str) -> String {
    let line = format!("apply r --recipes theirs --sandbox --yes {parameters}");
    let outcome = place.line(&line).code(0);
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("(content of a file)") || told.contains("(sensitive)"), "{told}");
    place.line("sandbox show").code(0).stdout
}

#[test]
fn the_content_is_the_value_and_is_never_printed() {
    let place = self::place(&recipe("required: true", false));
    assert!(applied(&place, "-p pem=mine.pem").contains(r#""pem": "hunter2\nline two\n""#));
    let outcome = place.line("plan r --recipes theirs --sandbox -p pem=mine.pem -o json").code(0);
    assert!(!outcome.stdout.contains("hunter2"), "{}", outcome.stdout);
    // Nor where a recipe tells it as an output.
    let told = recipe("required: true", false) + "outputs: { pem: \"${inputs.pem}\" }\n";
    let telling = self::place(&told);
    let outcome = telling.line("apply r --recipes theirs --sandbox --yes -p pem=mine.pem -o json").code(0);
    assert!(!outcome.stdout.contains("hunter2"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("(content of a file)"), "{}", outcome.stdout);
    assert!(applied(&self::place(&recipe("required: true", false)), "-p pem=@mine.pem").contains("hunter2"));
}

#[test]
fn the_path_of_a_secret_is_none() {
    let place = self::place(&recipe("secret: true", true));
    assert!(applied(&place, "-p pem=mine.pem").contains(r"hunter2\nline two\n"));
    // The content of a variable is no path.
    let place = self::place(&recipe("secret: true", true)).with("PEM", "hunter2 of a variable");
    assert!(applied(&place, "-p pem=@env:PEM").contains("hunter2 of a variable"));
}

#[test]
fn other_bytes_are_base64() {
    let place = self::place(&recipe("required: true", false));
    place.write("cert.pfx", [0x30, 0x82, 0xff, 0x00]);
    let line = "apply r --recipes theirs --sandbox --yes -p pem=cert.pfx";
    let _ = place.line(line).code(0);
    assert!(place.line("sandbox show").code(0).stdout.contains(r#""pem": "MIL/AA==""#));
}

#[test]
fn a_file_that_cannot_be_taken_is_a_mistake_of_the_call() {
    let place = self::place(&recipe("required: true", false));
    place.write("empty.pem", "");
    place.write("long.pem", "x".repeat(1024 * 1024 + 1));
    for (parameter, told) in [
        ("pem=gone.pem", "the file gone.pem cannot be read"),
        ("pem=.", "the file . cannot be read"),
        ("pem=empty.pem", "the file empty.pem is empty"),
        ("pem=long.pem", "it is larger than 1048576 bytes"),
        ("pem=", "is not a path"),
    ] {
        let outcome = place.line(&format!("plan r --recipes theirs --sandbox -p {parameter}")).code(2);
        assert!(outcome.stderr.contains(told), "{parameter}: {}", outcome.stderr);
    }
    let outcome = place.line("plan r --recipes theirs --sandbox").code(3);
    assert!(outcome.stderr.contains("the input `pem` of r is not set"), "{}", outcome.stderr);
}

#[test]
fn a_default_stays_beneath_the_recipes_folder() {
    let place = self::place(&recipe("default: certs/own.pem", false));
    place.write("theirs/r/certs/own.pem", "of the recipe");
    place.write("certs/own.pem", "of the caller");
    let _ = place.line("apply r --recipes theirs --sandbox --yes").code(0);
    assert!(place.line("sandbox show").code(0).stdout.contains(r#""pem": "of the recipe""#));
    for (inputs, code) in [
        ("default: ../../mine.pem", "bad-default"),
        ("default: /etc/hostname", "bad-default"),
        ("default: \"${target.app}\"", "bad-default"),
        ("env: [MY_FILE]", "bad-value"),
        ("default: gone.pem", "unreadable-file"),
    ] {
        let place = self::place(&recipe(inputs, false)).with("MY_FILE", "mine.pem");
        let outcome = place.line("plan r --recipes theirs --sandbox").code(2);
        assert!(outcome.stderr.contains(&format!("error[{code}]")), "{inputs}: {}", outcome.stderr);
    }
    #[cfg(unix)]
    {
        let place = self::place(&recipe("default: link.pem", false));
        std::os::unix::fs::symlink(place.work().join("mine.pem"), place.work().join("theirs/r/link.pem"))
            .unwrap();
        let outcome = place.line("plan r --recipes theirs --sandbox").code(2);
        assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);
    }
}

/// A requirement passes on what was read; a path of its own would have the caller's files read.
#[test]
fn a_requirement_passes_on_a_file_that_the_caller_named() {
    let with = |setting: &str| {
        let place = self::place(&recipe("required: true", false));
        let top = format!(
            "name: top\ntitle: T\ncategory: test\ncomplexity: low\ninputs: {{ mine: {{ type: file }}, text: {{}} }}\nrequires: [{{ recipe: r, with: {{ pem: {setting} }} }}]\n"
        );
        place.write("theirs/top/recipe.yaml", top);
        place
    };
    let place = with("\"${inputs.mine}\"");
    let outcome = place.line("apply top --recipes theirs --sandbox --yes -p mine=mine.pem").code(0);
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("hunter2"));
    assert!(place.line("sandbox show").code(0).stdout.contains(r#""pem": "hunter2\nline two\n""#));
    for setting in ["mine.pem", "\"${inputs.text}\""] {
        let outcome = with(setting).line("plan top --recipes theirs --sandbox -p text=mine.pem").code(2);
        assert!(outcome.stderr.contains("error[outside-folder]"), "{setting}: {}", outcome.stderr);
    }
}

#[test]
fn a_file_is_an_input_and_no_part_of_one() {
    let place = self::place(
        "name: r\ntitle: T\ncategory: test\ncomplexity: low\ninputs: { pems: { type: list, items: file } }\nsteps: []\n",
    );
    let outcome = place.line("lint theirs/r").code(2);
    assert!(outcome.stderr.contains("`file` is the type of an input"), "{}", outcome.stderr);
}
