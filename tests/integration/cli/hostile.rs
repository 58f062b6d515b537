//! Text of strangers, wherever it can come from: nothing of it steers a terminal, hides from a reader, or starts a
//! command of the agent that runs a pipeline; JSON stays JSON.

use acarecipe::sandbox::{State, seed};
use acarecipe::value::{invisible, strip_control};
use seed::variant;
use serde_json::{Value as Json, json};

use super::place::Place;
use crate::support::say;

/// Control characters of every kind, and what begins a command, at the start of lines and within them.
const HOSTILE: &str = "x\u{1b}[41mred\u{9b}2J\u{1b}]0;title\u{7}\u{202e}rtl\u{2066}\u{200f}\u{61c}\u{200b}\u{ad}\u{feff}\u{e0041}\u{8}\u{7f}\u{85}\
     ##vso[task.setvariable variable=A]evil##[error]evil #\u{ad}#[x] ##\u{200d}VSO[y]\n::set-output name=a::evil\r::add-mask::evil\r\n  ::error file=a::evil\n\
     ##[group]evil\u{2028}::warning::evil\u{b}::debug::evil\u{c}::notice::evil\n:\u{200b}:stop-commands::evil\n\u{a0}::group::evil";

/// What is left to be seen of [`HOSTILE`]'s beginning.
const SHOWN: &str = "x[41mred2J]0;title";

/// A stream without the colours that the program writes. `HOSTILE` has another one.
fn without_colours(stream: &str) -> String {
    let colour = |rest: &str| {
        let inner = rest.strip_prefix('[')?;
        let (numbers, after) = inner.split_once('m')?;
        let own = |number: &str| {
            ["0", "1", "2", "31", "32", "33", "36", "91", "92", "93", "94", "96"].contains(&number)
        };
        (numbers.split(';').all(own)).then(|| after.to_owned())
    };
    let mut parts = stream.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match colour(part) {
        Some(after) => text + &after,
        None => text + "\u{1b}" + part,
    })
}

/// What agents look for, and what the terminal would obey.
#[track_caller]
fn obeys_nobody(what: &str, stream: &str) -> usize {
    let stream = &without_colours(stream);
    for line in stream.split('\n') {
        let seen: String = line.chars().filter(|c| !invisible(*c)).collect::<String>().to_ascii_lowercase();
        for start in ["##[", "##vso["] {
            assert!(!seen.contains(start), "{what}: {line:?}");
        }
        // The runner of GitHub takes what begins with `::` and has another one (V2 of its commands).
        let begins = seen.trim_start().strip_prefix("::");
        let command = begins.is_some_and(|rest| rest.contains("::"));
        assert!(!command, "{what}: {line:?}");
        let bad = line.chars().find(|c| c.is_control() || invisible(*c));
        assert!(bad.is_none(), "{what}: {bad:?} in {line:?}");
    }
    stream.len()
}

/// Runs a line both for people and for machines.
fn looked_at(place: &Place, line: &[&str], seen: &mut (usize, usize)) -> Vec<Json> {
    let mut documents = Vec::new();
    for more in [&["-vvv"][..], &["-o", "json"]] {
        let outcome = place.run(line.iter().chain(more));
        let what = format!("{line:?} {more:?}");
        assert!(outcome.code.is_some_and(|code| code <= 5), "{what}: {outcome:?}");
        seen.0 += 1;
        seen.1 += obeys_nobody(&what, &outcome.stdout) + obeys_nobody(&what, &outcome.stderr);
        if more.len() > 1 && !outcome.stdout.trim().is_empty() {
            documents.push(outcome.json());
        }
    }
    documents
}

/// A scalar of YAML: what is no printable ASCII is escaped, since YAML takes no C1 controls.
fn quoted(text: &str) -> String {
    let plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\');
    let spelled = |c: char| if plain(c) { c.to_string() } else { format!("\\U{:08X}", u32::from(c)) };
    format!("\"{}\"", text.chars().map(spelled).collect::<String>())
}

/// A recipe all of whose texts are hostile.
fn recipe(name: &str) -> String {
    let h = quoted(HOSTILE);
    format!(
        "name: {name}
title: {h}
category: {h}
complexity: low
concept: {h}
docs: [\"https://example.com/x\"]
inputs:
  text: {{ default: {h}, description: {h} }}
  list: {{ type: list, items: string, default: [{h}], description: {h} }}
variables:
  again: \"${{inputs.text}}\"
prerequisites:
  - {{ name: {h}, that: \"${{inputs.text == 'x'}}\", otherwise: {h}, fix: \"az thing --name ${{inputs.text}}\", severity: warning, docs: \"https://example.com/y\" }}
  - {{ name: is it so, that: \"${{inputs.text == 'y'}}\", otherwise: \"${{inputs.text}} ${{variables.again}} ${{to_string(app.tags)}}\", severity: warning }}
steps:
  - id: tag
    why: {h}
    container_app:
      tags: {{ shown: \"${{inputs.text}}\" }}
      template: {{ containers: [{{ name: \"${{container.name}}\", env: [{{ name: SHOWN, value: \"${{inputs.text}}\" }}] }}] }}
verify:
  - {{ name: {h}, that: \"${{app.tags.shown == 'x'}}\", otherwise: \"${{inputs.text}}\", fix: \"az tag --name ${{inputs.text}}\" }}
outputs:
  out: \"${{inputs.text}}\"
  more: \"${{inputs.list}}\"
notes: {h}
"
    )
}

/// An Azure that says hostile things of everything.
fn hostile(state: &mut State) {
    variant::tag(state, "team", HOSTILE);
    variant::tag(state, HOSTILE, "x");
    variant::variable(state, json!({ "name": HOSTILE, "value": HOSTILE }));
    variant::sidecar_first(state);
    variant::unhealthy(state, HOSTILE);
    variant::lock(state, &seed::app_id(), HOSTILE);
    let app = state.app_mut(seed::APP).unwrap();
    app.model["properties"]["template"]["containers"][0]["name"] = json!(HOSTILE);
    app.model["properties"]["configuration"]["ingress"]["customDomains"] =
        json!([{ "name": HOSTILE, "bindingType": HOSTILE }]);
    app.model["properties"]["runningStatus"] = json!(HOSTILE);
}

#[test]
fn a_recipe_of_a_stranger_steers_nothing() {
    let place = Place::new();
    place.write("theirs/odd/recipe.yaml", recipe("odd"));
    place.write("theirs/odd/README.md", format!("# {HOSTILE}\n{HOSTILE}\n"));
    place.write("broken/bad/recipe.yaml", recipe("bad").replace("steps:", &format!("{}:", quoted(HOSTILE))));
    place.write("broken/worse/recipe.yaml", format!("name: worse\n{HOSTILE}: [\n"));
    place.write(
        "broken/twice/recipe.yaml",
        format!("{}{}: 1\n{}: 2\n", recipe("twice"), quoted(HOSTILE), quoted(HOSTILE)),
    );
    place.sandbox("state.json", hostile);
    let mut seen = (0, 0);
    let sandbox = ["--sandbox", "--sandbox-state", "state.json", "--container", "ca-demo"];
    for line in [
        &["list", "--recipes", "theirs"][..],
        &["show", "odd", "--recipes", "theirs"],
        &["show", "odd", "--page", "--recipes", "theirs"],
        &["graph", "--recipes", "theirs"],
        &["graph", "--format", "mermaid", "--recipes", "theirs"],
        &["lint", "theirs/odd"],
        &["lint", "broken/bad"],
        &["lint", "broken/worse"],
        &["lint", "broken/twice"],
        &["list", "--recipes", "broken"],
        &["sandbox", "show", "--state", "state.json"],
        &["sandbox", "show", "--state", "state.json", "--query", "*"],
    ] {
        looked_at(&place, line, &mut seen);
    }
    for command in ["check", "plan", "verify", "apply"] {
        let line: Vec<&str> = [command, "odd", "--recipes", "theirs"].into_iter().chain(sandbox).collect();
        looked_at(&place, &line, &mut seen);
    }
    // And the built-in ones on that Azure.
    for command in ["check", "plan", "verify", "apply"] {
        let line: Vec<&str> = [
            command,
            "managed-identity",
            "key-vault-reference",
            "-p",
            "key-vault-reference.secrets.A=db-password",
        ]
        .into_iter()
        .chain(sandbox)
        .collect();
        looked_at(&place, &line, &mut seen);
    }
    let line: Vec<&str> = ["verify"].into_iter().chain(sandbox).collect();
    looked_at(&place, &line, &mut seen);
    let line: Vec<&str> = ["graph", "--live"].into_iter().chain(sandbox).collect();
    looked_at(&place, &line, &mut seen);
    say!("hostile texts: {} runs, {} bytes looked at", seen.0, seen.1);
}

/// Every print of a run, with the exit code that says that it was reached; with colours, too, since without them
/// whatever looks like one is taken away on the last few steps.
#[test]
fn a_run_of_a_hostile_recipe_shows_its_words_and_obeys_none() {
    let place = Place::new();
    place.write("theirs/odd/recipe.yaml", recipe("odd"));
    place.sandbox("fresh.json", |state| variant::tag(state, "team", HOSTILE));
    let _ = place.run(["lint", "theirs/odd"]).code(0);
    let fresh = std::fs::read(place.work().join("fresh.json")).unwrap();
    let one = &["-n", "ca-demo", "--container", "ca-demo"][..];
    for (command, on, code, shown) in [
        ("check", one, 0, &["Prerequisites", "is it so"][..]),
        ("plan", one, 0, &["Prerequisites", "tags.shown", "Plan: 1 write"]),
        ("verify", one, 4, &["Verification", "Outputs", "odd.out = ", "odd.more = "]),
        ("apply", one, 4, &["Plan: 1 write", "Outputs", "odd.out = ", "odd.more = "]),
        ("plan", &["--all-apps"], 0, &["tags.shown", "Plan: 1 write"]),
        ("verify", &["--all-apps"], 4, &["Verification", "odd.out = "]),
    ] {
        for more in [&[][..], &["--color", "always"], &["-o", "json"], &["-o", "tsv"]] {
            std::fs::write(place.work().join("state.json"), &fresh).unwrap();
            let run = ["odd", "--recipes", "theirs", "--sandbox", "--sandbox-state", "state.json"];
            let line: Vec<&str> = [command].iter().chain(&run).chain(on).chain(more).copied().collect();
            let outcome = place.run(&line).code(code);
            // A tab stands between cells, and in none.
            let cells = if more.contains(&"tsv") {
                outcome.stdout.replace('\t', "\n")
            } else {
                outcome.stdout.clone()
            };
            obeys_nobody(&format!("{line:?}"), &cells);
            obeys_nobody(&format!("{line:?}"), &outcome.stderr);
            if more.first() == Some(&"-o") {
                continue;
            }
            let plain = without_colours(&outcome.stdout);
            for words in shown.iter().chain([&SHOWN]) {
                assert!(plain.contains(words), "{line:?}: no {words:?} in {plain}");
            }
            if let Some((_, output)) = plain.split_once("odd.out = ") {
                assert!(output.starts_with(SHOWN), "{line:?}: {output}");
            }
            assert_eq!(more.is_empty(), !outcome.stdout.contains('\u{1b}'), "{line:?}");
        }
    }
}

#[test]
fn a_server_steers_nothing() {
    let place = Place::new();
    place.write("theirs/odd/recipe.yaml", recipe("odd"));
    place.sandbox("fresh.json", |_| {});
    let fresh = std::fs::read(place.work().join("fresh.json")).unwrap();
    let mut seen = (0, 0);
    // It says back what it was sent.
    for fault in [
        "match=PATCH: echo times=9",
        "match=*: echo times=9",
        "match=PATCH: operation-fails",
        "match=*: html-body times=99",
    ] {
        std::fs::write(place.work().join("state.json"), &fresh).unwrap();
        looked_at(
            &place,
            &[
                "apply",
                "odd",
                "--recipes",
                "theirs",
                "--sandbox",
                "--sandbox-state",
                "state.json",
                "--timeout",
                "2m",
                "--sandbox-fault",
                fault,
            ],
            &mut seen,
        );
    }
    assert!(seen.0 == 8 && seen.1 > 1_000, "{seen:?}");
}

/// What is typed may be the title of a pull request.
#[test]
fn what_is_typed_steers_nothing() {
    let place = Place::new();
    let mut seen = (0, 0);
    let typed = format!("a{HOSTILE}").replace('\0', "");
    let file = format!("@{typed}");
    let secret_file = format!("client_secret=@{typed}");
    let pair = format!("{typed}={typed}");
    let text = format!("text={typed}");
    let secret = format!("secrets.{typed}=db-password");
    place.write("theirs/odd/recipe.yaml", recipe("odd"));
    let lines: Vec<Vec<&str>> = vec![
        vec![&typed],
        vec!["plan", &typed, "--sandbox"],
        vec!["plan", "managed-identity", "--sandbox", &typed],
        vec!["plan", "managed-identity", "--sandbox", "-p", &typed],
        vec!["plan", "managed-identity", "--sandbox", "-p", &pair],
        vec!["plan", "odd", "--recipes", "theirs", "--sandbox", "-p", &text],
        vec!["plan", "key-vault-reference", "--sandbox", "-p", &secret],
        vec!["plan", "managed-identity", "--sandbox", "-p", "identity", "-p", &file],
        vec!["plan", "easy-auth", "--sandbox", "-p", &secret_file],
        vec!["plan", "managed-identity", "--sandbox", "-g", &typed],
        vec!["plan", "managed-identity", "--sandbox", "-n", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--container", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--environment", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-caller", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-state", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-flip", &typed],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-fault", &typed],
        vec!["plan", "managed-identity", "--arm-endpoint", &typed],
        vec!["plan", "managed-identity", "--cloud", &typed],
        vec!["plan", "managed-identity", "--timeout", &typed],
        vec!["plan", "--recipes", &typed],
        vec!["lint", &typed],
        vec!["test", &typed],
        vec!["show", &typed],
        vec!["graph", "--format", &typed],
        vec!["scaffold", &typed],
        vec!["scaffold", "managed-identity", &typed],
        vec!["list", "--query", &typed],
        vec!["list", "-o", &typed],
        vec!["list", "--for", &typed],
        vec!["--color", &typed],
        vec!["--", &typed],
        vec!["plan", "--sandbox", "--no-such", &typed],
    ];
    for line in lines {
        for more in [&["-vvv"][..], &["-o", "json"]] {
            let outcome = place.run(line.iter().chain(more));
            let what = format!("{line:?} {more:?}");
            assert!(outcome.code.is_some_and(|code| code <= 5), "{what}: {outcome:?}");
            seen.0 += 1;
            seen.1 += obeys_nobody(&what, &outcome.stdout) + obeys_nobody(&what, &outcome.stderr);
        }
    }
    say!("what is typed: {} runs, {} bytes looked at", seen.0, seen.1);
}

/// Names of files and folders that somebody sent.
#[cfg(unix)]
#[test]
fn names_of_files_steer_nothing() {
    let place = Place::new();
    let name = strip_slashes(HOSTILE);
    place.write(&format!("theirs/{name}/recipe.yaml"), recipe("odd"));
    place.write(&format!("theirs/{name}2/recipe.yaml"), "name: [");
    place.write(&format!("{name}.yaml"), "name: [");
    place.write(
        "acarecipe.yaml",
        format!("target: {{ name: {} }}\nrecipes: [{}]\n", quoted(HOSTILE), quoted(HOSTILE)),
    );
    let mut seen = (0, 0);
    for line in [
        vec!["list".to_owned(), "--recipes".to_owned(), "theirs".to_owned()],
        vec!["lint".to_owned(), format!("{name}.yaml")],
        vec!["lint".to_owned(), format!("theirs/{name}2")],
        vec![
            "plan".to_owned(),
            "odd".to_owned(),
            "--recipes".to_owned(),
            "theirs".to_owned(),
            "--sandbox".to_owned(),
        ],
        vec!["plan".to_owned()],
        vec!["verify".to_owned()],
    ] {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        looked_at(&place, &line, &mut seen);
    }
    std::fs::remove_file(place.work().join(format!("theirs/{name}2/recipe.yaml"))).unwrap();
    std::fs::remove_dir(place.work().join(format!("theirs/{name}2"))).unwrap();
    looked_at(&place, &["plan", "odd", "--recipes", "theirs", "--sandbox"], &mut seen);
    looked_at(&place, &["list", "--recipes", "theirs"], &mut seen);
}

#[cfg(unix)]
fn strip_slashes(text: &str) -> String {
    // A name has 255 bytes at most.
    let short: String = text.replace('/', "").chars().rev().take(110).collect();
    short.chars().rev().collect()
}

/// A query gives back what Azure says; its output is JSON, too.
#[test]
fn a_document_says_what_was_there() {
    let place = Place::new();
    place.sandbox("state.json", |state| variant::tag(state, "team", HOSTILE));
    let outcome = place.run(["sandbox", "show", "--state", "state.json", "-o", "json"]).code(0);
    obeys_nobody("sandbox show", &outcome.stdout);
    let shown = outcome.json().to_string();
    // Nothing is lost: an escape says the same.
    let whole = serde_json::to_string(HOSTILE).unwrap();
    assert!(shown.contains(&whole), "{shown}");
    assert_ne!(strip_control(HOSTILE), HOSTILE);
}
