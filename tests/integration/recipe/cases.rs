//! The cases of the shipped recipes, run by the program as a person who changes a recipe runs them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acarecipe::diagnostic::Source;
use acarecipe::recipe::cases::Cases;
use acarecipe::recipe::{Catalogue, cases_schema};
use serde_json::Value as Json;

use crate::cli::place::Place;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recipes").join(name)
}

/// The report of the cases of all recipes, which must pass.
pub fn passed(more: &[&str]) -> Json {
    let catalogue = Catalogue::built_in().unwrap();
    let folders = catalogue.recipes().map(|recipe| folder(&recipe.name.value).display().to_string());
    let mut arguments: Vec<String> = vec!["test".to_owned()];
    arguments.extend(folders);
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments.extend(["-o".to_owned(), "json".to_owned()]);
    let place = Place::new();
    let mut command = place.command();
    // Longer than a command takes: the cases under every assumption are thousands of runs.
    let output = command.args(&arguments).timeout(Duration::from_secs(900)).output().unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let failed = report["cases"].as_array().unwrap().iter().filter(|case| case["status"] == "failed");
    let told = |case: &Json| {
        format!("{}: {} {} {:#}", case["recipe"], case["name"], case["flipped"], case["failures"])
    };
    let failed: Vec<String> = failed.map(told).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["recipes"].as_array().unwrap().len(), catalogue.recipes().count());
    report
}

#[test]
fn the_cases_of_every_recipe_pass() {
    let report = passed(&[]);
    let cases = report["cases"].as_array().unwrap();
    for recipe in report["recipes"].as_array().unwrap() {
        let of_recipe: Vec<&Json> = cases.iter().filter(|case| case["recipe"] == *recipe).collect();
        let statuses = |wanted: &str| {
            of_recipe
                .iter()
                .flat_map(|case| case["runs"].as_array().unwrap())
                .filter(|run| run["status"] == wanted)
                .count()
        };
        // Cases in which something is missing, drifts and fails, not only those in which all is well.
        assert!(of_recipe.len() >= 20, "{recipe} has {} cases", of_recipe.len());
        for status in ["ok", "prerequisites-missing", "verification-failed", "failed", "usage"] {
            assert!(statuses(status) > 0, "no run of {recipe} ends {status}");
        }
    }
}

#[test]
fn the_published_schema_of_cases_says_what_the_reader_says() {
    let schema = cases_schema();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let yaml = |text: &str| -> Json {
        let options = serde_saphyr::options! { strict_booleans: true, leading_zero_numbers_as_strings: true };
        serde_saphyr::from_str_with_options(text, options).unwrap()
    };
    for recipe in Catalogue::built_in().unwrap().recipes() {
        let text = std::fs::read_to_string(folder(&recipe.name.value).join("tests.yaml")).unwrap();
        let mistakes: Vec<String> =
            validator.iter_errors(&yaml(&text)).map(|error| error.to_string()).collect();
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", recipe.name.value);
    }
    for (case, good) in [
        ("with: { a: [1], b-c: { d: ~ } }", true),
        ("recipes: [a, { recipe: b, as: c, with: {} }]", true),
        (
            "given: { caller: x, switches: [a], faults: [b], variables: { A: b }, after: 1h, state: [{ remove: a }] }",
            true,
        ),
        ("given: { state: [{ variant: a, with: { b: 1 } }, { merge: { \"a[b].c\": { d: ~ } } }] }", true),
        (
            "then: [{ run: verify, expect: { status: verification-failed, findings: [x, { code: app, status: warning }] } }]",
            true,
        ),
        ("expect: { status: failed, writes: 0, diagnostics: [app, { contains: x }], state: [a] }", true),
        ("flipped: { a-b: { status: ok, because: x } }", true),
        ("again: 1", false),
        ("run: undo", false),
        ("nothing: 1", false),
        ("expect: { writes: -1 }", false),
        ("expect: { writes: 1.5 }", false),
        ("expect: { status: fine }", false),
        ("given: { state: [{}] }", false),
        ("given: { state: [{ variant: a, remove: b }] }", false),
        ("then: [{ name: x }]", false),
        ("then: [{ given: { switches: [a] } }]", false),
        ("flipped: { a: { status: ok } }", false),
    ] {
        let text = format!("cases: [{{ name: one, {case} }}]\n");
        let source = Arc::new(Source { name: "tests.yaml".to_owned(), text: text.clone() });
        let read = Cases::load(&source);
        assert_eq!(read.is_ok(), good, "reader: {case} {:?}", read.err());
        assert_eq!(validator.is_valid(&yaml(&text)), good, "schema: {case}");
    }
}
