//! Saved plans: `plan --out FILE` and `apply --plan FILE`.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::place::Place;
use crate::support::served::{Running, prompt_azure};
use acarecipe::sandbox::serve::ServeOptions;

const GREETING: &str = "name: greeting
title: A greeting
category: test
complexity: low
inputs:
  text: { default: hello, description: What it says. }
  token: { secret: true, env: [TOKEN], description: A token. }
data: { table: words.yaml }
steps:
  - id: set
    why: it says ${inputs.text} and ${data.table.more}
    container_app:
      configuration:
        secrets: [{ name: token, value: '${inputs.token}' }]
      template:
        containers:
          - name: '${container.name}'
            env:
              - { name: GREETING, value: '${inputs.text}' }
";

/// A place with the recipe `greeting` beside the built-in ones.
fn greeting() -> Place {
    let place = Place::new();
    place.write("mine/greeting/recipe.yaml", GREETING);
    place.write("mine/greeting/words.yaml", "more: words\n");
    place
}

fn read(place: &Place, file: &str) -> String {
    std::fs::read_to_string(place.work().join(file)).expect("the file is there")
}

/// The command's ending is a refusal of this code that says these words, before anything is written.
#[track_caller]
fn refused(place: &Place, line: &str, code: &str, words: &[&str]) -> Json {
    let outcome = place.line(&format!("{line} -o json")).code(2);
    let report = outcome.json();
    let diagnostic = report["diagnostics"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["code"] == code))
        .unwrap_or_else(|| panic!("{line}: no {code} in {report:#}"));
    let told = diagnostic.to_string();
    for word in words {
        assert!(told.contains(word), "{line}: {word} is not in {told}");
    }
    assert_eq!(report["counts"]["writes"], 0, "{line}");
    report
}

#[test]
fn a_saved_plan_is_applied_without_a_question_and_twice_is_free() {
    let server = Running::start(prompt_azure(), ServeOptions::default());
    let place = Place::new()
        .with("RG", "rg-demo")
        .with("APP_NAME", "ca-demo")
        .with("AZURE_SUBSCRIPTION_ID", acarecipe::sandbox::seed::SUBSCRIPTION)
        .with("ACARECIPE_ARM_ENDPOINT", server.endpoint())
        .with("ACARECIPE_AUTH", "token")
        .with("ACARECIPE_ACCESS_TOKEN", "sandbox-owner");
    let planned = place.line("plan managed-identity --out p.json -o json").code(0).json();
    assert_eq!(planned["planFile"], "p.json");
    // Nobody can be asked, and the file is the answer.
    let _ = place.line("apply managed-identity").code(2);
    let first = place.line("apply managed-identity --plan p.json -o json").code(0).json();
    assert_eq!((&first["counts"]["writes"], &first["planFile"]), (&json!(1), &json!("p.json")));
    let second = place.line("apply managed-identity --plan p.json -o json").code(0).json();
    assert_eq!((&second["counts"]["writes"], &second["plan"]["empty"]), (&json!(0), &json!(true)));
    let both = place.line("apply managed-identity --plan p.json --yes").code(2);
    assert!(both.stderr.contains("cannot be used with"), "{}", both.stderr);
    // It was not for the sandbox.
    refused(
        &place,
        "apply managed-identity --plan p.json --sandbox",
        "plan-for-other",
        &["place: saved for Azure"],
    );
}

#[test]
fn what_is_told_of_a_saved_plan() {
    let place = Place::new();
    let planned = place.line("plan managed-identity --sandbox --out some.plan").code(0);
    assert!(planned.stdout.contains("\nSaved in some.plan: apply it with the same"), "{}", planned.stdout);
    let exit = place.line("plan managed-identity --sandbox --out some.plan --exit-code").code(5);
    assert!(exit.stdout.contains("Saved in some.plan"), "{}", exit.stdout);
    let applied = place.line("apply managed-identity --sandbox --plan some.plan").code(0);
    assert!(applied.stdout.contains("\nApproved by some.plan, saved at 20"), "{}", applied.stdout);
    assert!(!applied.stdout.contains("in place already"), "{}", applied.stdout);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_and_nothing_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox --out p.json").code(0);
    let mode = std::fs::metadata(place.work().join("p.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> =
        std::fs::read_dir(place.work()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["p.json"]);
}

/// Nobody ever reads a half of it: the new file takes the place of the old one, which stays as it was.
#[test]
fn a_plan_takes_the_place_of_a_whole_file() {
    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox --out p.json").code(0);
    let (path, old) = (place.work().join("p.json"), place.work().join("old.json"));
    std::fs::hard_link(&path, &old).unwrap();
    let first = std::fs::read(&path).unwrap();
    let _ = place.line("plan managed-identity -p identity=create --sandbox --out p.json").code(0);
    assert_eq!(std::fs::read(&old).unwrap(), first);
    assert_ne!(std::fs::read(&path).unwrap(), first);
}

#[test]
fn a_file_that_is_no_saved_plan_is_not_replaced() {
    let place = Place::new();
    let other = [
        ("notes.txt", "mine"),
        ("empty", ""),
        ("other.json", r#"{"format":"acarecipe-sandbox","version":1}"#),
    ];
    for (name, text) in other {
        place.write(name, text);
        let line = format!("plan managed-identity --sandbox --out {name}");
        let report = refused(&place, &line, "file-exists", &[name, "nothing was written"]);
        assert_eq!(report["counts"]["requests"], 0);
        assert_eq!(read(&place, name), text);
    }
    std::fs::create_dir(place.work().join("folder")).unwrap();
    refused(&place, "plan managed-identity --sandbox --out folder", "file-exists", &["no file"]);
    refused(&place, "plan managed-identity --sandbox --out nowhere/p.json", "not-written", &["no folder"]);
    // A saved plan is, also one that was cut off by hand or comes from elsewhere.
    place.write("old.json", r#"{"format":"acarecipe-plan","version":99}"#);
    let _ = place.line("plan managed-identity --sandbox --out old.json").code(0);
    assert!(read(&place, "old.json").contains("managed-identity"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(place.work().join("old.json"), place.work().join("link")).unwrap();
        refused(&place, "plan managed-identity --sandbox --out link", "file-exists", &["a link to one"]);
    }
}

#[test]
fn a_plan_that_cannot_be_applied_is_not_saved() {
    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox --sandbox-caller reader --out p.json").code(3);
    assert!(!place.work().join("p.json").exists());
}

#[test]
fn a_file_that_cannot_be_used_is_refused_before_anything_is_asked() {
    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox --out p.json").code(0);
    let text = read(&place, "p.json");
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replacen(from, to, 1)
    };
    let version = format!(r#""tool": "{}""#, env!("CARGO_PKG_VERSION"));
    let cases = [
        (String::new(), "cut off, or empty"),
        (text[..text.len() / 2].to_owned(), "cut off, or empty"),
        ("no plan at all".to_owned(), "not JSON"),
        (format!("{text}more"), "not JSON"),
        ("[1, 2]".to_owned(), "is no saved plan"),
        (r#"{"format": "acarecipe-sandbox", "version": 1}"#.to_owned(), "is no saved plan"),
        (
            edited(r#""version": 1"#, r#""version": 2"#),
            "format 2 of saved plans; this acarecipe reads format 1",
        ),
        (edited(r#""version": 1"#, r#""version": "1""#), "reads format 1"),
        (edited(&version, r#""tool": "0.0.9""#), "saved by acarecipe 0.0.9"),
        (
            edited(r#""after": "systemassigned""#, r#""after": "userassigned""#),
            "was changed after it was saved",
        ),
        (edited(r#""retry": false"#, r#""retry": true"#), "was changed after it was saved"),
        (edited(r#""retry": false"#, r#""retry": false, "retry": false"#), "was changed after it was saved"),
        (edited(r#""retry": false"#, r#""retry": false, "more": 1"#), "was changed after it was saved"),
        (edited("sha256:", "sha256:0"), "was changed after it was saved"),
        ("[".repeat(100_000), "not JSON"),
    ];
    for (text, words) in cases {
        place.write("p.json", &text);
        let report = refused(
            &place,
            "apply managed-identity --sandbox --plan p.json",
            "plan-file",
            &["p.json", words],
        );
        assert_eq!(report["counts"]["requests"], 0, "{words}");
    }
    refused(
        &place,
        "apply managed-identity --sandbox --plan none.json",
        "plan-file",
        &["none.json cannot be read"],
    );
    refused(&place, "apply managed-identity --sandbox --plan .", "plan-file", &["not a file"]);
    place.write("p.json", vec![b' '; 9 * 1024 * 1024]);
    refused(&place, "apply managed-identity --sandbox --plan p.json", "plan-file", &["longer than 8 MiB"]);
    // Other white space means the same.
    let minified: Json = serde_json::from_str(&text).unwrap();
    place.write("p.json", minified.to_string());
    let _ = place.line("apply managed-identity --sandbox --plan p.json").code(0);
}

#[test]
fn a_plan_for_something_else_is_refused_before_azure_is_asked() {
    let place = greeting().with("TOKEN", "unused");
    let line = "greeting --recipes mine --sandbox -p text=hej -p token=@env:TOKEN";
    let _ = place.line(&format!("plan {line} --out p.json")).code(0);
    let cases = [
        (
            format!("{line} -n ca-other"),
            "is for another target",
            "app: saved for ca-demo, asked for ca-other",
        ),
        (format!("{line} -g rg-other"), "is for another target", "resource group: saved for rg-demo"),
        (
            format!("{line} --container web"),
            "is for another target",
            "container: saved for none, asked for web",
        ),
        (format!("{line} --location norwayeast"), "is for another target", "region: saved for none"),
        (
            format!("{line} --subscription 11111111-1111-4111-8111-111111111112"),
            "is for another target",
            "subscription: saved for 11111111-1111-4111-8111-111111111111",
        ),
        ("managed-identity --sandbox".to_owned(), "is for other recipes", "greeting is not in this run"),
        (format!("managed-identity {line}"), "is for other recipes", "managed-identity was not in the plan"),
        (
            line.replace("greeting ", "greeting=two ")
                .replace("text=", "two.text=")
                .replace("-p token", "-p two.token"),
            "is for other recipes",
            "greeting=two was not in the plan",
        ),
        (format!("{line} --retry"), "is for other recipes", "--retry was not given then"),
        (
            line.replace("hej", "ahoy"),
            "is for other inputs",
            r#"greeting.text: saved with \"hej\", now \"ahoy\""#,
        ),
        (line.replace("-p text=hej", ""), "is for other inputs", r#"saved with \"hej\", now not given"#),
        (
            line.replace("-p token=@env:TOKEN", ""),
            "is for other inputs",
            "greeting.token: saved with (sensitive), now not given",
        ),
    ];
    for (line, words, difference) in cases {
        let line = format!("apply {line} --plan p.json");
        let report = refused(&place, &line, "plan-for-other", &[words, difference, "nothing was written"]);
        assert_eq!(report["counts"]["requests"], 0, "{line}");
    }
    // The file itself, then a table beside it.
    place.write("mine/greeting/recipe.yaml", GREETING.replace("A greeting", "The greeting"));
    let words = ["is for a recipe that has changed since", "greeting: its file, or a table beside it"];
    refused(&place, &format!("apply {line} --plan p.json"), "plan-for-other", &words);
    place.write("mine/greeting/recipe.yaml", GREETING);
    place.write("mine/greeting/words.yaml", "more: other words\n");
    refused(&place, &format!("apply {line} --plan p.json"), "plan-for-other", &words);
    place.write("mine/greeting/words.yaml", "more: words\n");
    let _ = place.line(&format!("apply {line} --plan p.json")).code(0);
}

#[test]
fn another_plan_than_the_saved_one_is_refused_and_what_differs_is_named() {
    let place = greeting().with("TOKEN", "unused");
    let line = "greeting --recipes mine --sandbox -p text=hej -p token=@env:TOKEN";
    let _ = place.line(&format!("plan {line} --out p.json")).code(0);
    // Somebody sets it otherwise.
    let _ = place.line(&format!("apply {}", line.replace("hej", "ahoy"))).code(0);
    let path = "properties.template.containers[ca-demo].env[GREETING].value of ca-demo";
    let report = refused(
        &place,
        &format!("apply {line} --plan p.json"),
        "plan-differs",
        &["is not what would be changed now", path, "now it would from (existing value)"],
    );
    assert!(!report.to_string().contains("ahoy"), "{report:#}");
    // One for no change at all is none for a change.
    let _ = place.line("sandbox reset").code(0);
    let _ = place.line("apply managed-identity --sandbox").code(0);
    let planned = place.line("plan managed-identity --sandbox --out empty.json -o json").code(0).json();
    assert_eq!(planned["plan"]["empty"], true);
    let applied = place.line("apply managed-identity --sandbox --plan empty.json -o json").code(0).json();
    assert_eq!(applied["counts"]["writes"], 0);
    let _ = place.line("sandbox reset").code(0);
    refused(
        &place,
        "apply managed-identity --sandbox --plan empty.json",
        "plan-differs",
        &["identity.type (systemassigned) of ca-demo", "which was not approved"],
    );
}

/// Killed or refused on the way, the same command goes on: what is in place is as it was approved, the rest is as
/// it was approved, and nothing else is written.
#[test]
fn the_same_command_goes_on_after_a_failure() {
    let place = Place::new();
    let line = "key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password";
    let _ = place.line(&format!("plan {line} --out p.json")).code(0);
    let text = read(&place, "p.json");
    assert!(text.contains("$unknown"), "the principal is known after a write only: {text}");
    let fault = "match=PATCH:/containerApps/ nth=2 status=400";
    let arguments = format!("apply {line} --plan p.json -o json");
    let mut split: Vec<&str> = arguments.split(' ').collect();
    split.extend(["--sandbox-fault", fault]);
    let failed = place.run(split).code(1).json();
    assert_eq!(failed["counts"]["writes"], 2, "{failed:#}");
    let again = place.line(&format!("apply {line} --plan p.json")).code(0);
    assert!(again.stdout.contains("2 of its 5 changes are in place already"), "{}", again.stdout);
    assert!(again.stdout.contains("1 write, 1 new revision"), "{}", again.stdout);
    let _ = place.line(&format!("verify {line}")).code(0);
}

/// Somebody set a part of it by hand: what is left of it restarts what runs, and that nobody approved.
#[test]
fn what_follows_from_the_writes_that_are_left_was_approved_or_is_refused() {
    let uses = "              - { name: TOKEN, secretRef: token }\n";
    let place = greeting().with("TOKEN", "one");
    place.write("mine/greeting/recipe.yaml", format!("{GREETING}{uses}"));
    let line = "greeting --recipes mine --sandbox -p token=@env:TOKEN";
    let _ = place.line(&format!("apply {line} -p text=hello")).code(0);
    let place = place.with("TOKEN", "two");
    let _ = place.line(&format!("plan {line} -p text=hej --out p.json")).code(0);
    let saved: Json = serde_json::from_str(&read(&place, "p.json")).unwrap();
    assert_eq!(saved["writes"].as_array().unwrap().len(), 1, "{saved:#}");
    let place = place.with("TOKEN", "one");
    let _ = place.line(&format!("apply {line} -p text=hej")).code(0);
    let place = place.with("TOKEN", "two");
    refused(
        &place,
        &format!("apply {line} -p text=hej --plan p.json"),
        "plan-differs",
        &["the writes were: change the container app ca-demo", "restarts revisions that use it"],
    );
}

#[test]
fn a_rollout_is_approved_with_its_stages() {
    let place = greeting().with("TOKEN", "unused");
    let line = "revision-validation greeting --recipes mine --sandbox -p text=hej -p token=@env:TOKEN";
    let _ = place.line(&format!("plan {line} --out p.json")).code(0);
    let saved: Json = serde_json::from_str(&read(&place, "p.json")).unwrap();
    let stages = saved["rollout"]["stages"].as_array().expect("stages");
    assert!(stages.len() > 2 && stages[0] == "label the candidate", "{saved:#}");
    // By these it is told that there is something left to roll out.
    let change =
        saved["changes"].as_array().unwrap().iter().find(|one| one["path"].as_str().unwrap().contains("env"));
    let (path, resource) =
        (change.unwrap()["path"].as_str().unwrap(), change.unwrap()["resource"].as_str().unwrap());
    assert!(path.starts_with("properties.template."), "{saved:#}");
    assert!(resource.contains("/microsoft.app/containerapps/"), "{saved:#}");
    let other = format!("{line} -p revision-validation.weights=[50,100]");
    refused(
        &place,
        &format!("apply {other} --plan p.json"),
        "plan-for-other",
        &["revision-validation.weights"],
    );
    let applied = place.line(&format!("apply {line} --plan p.json --timeout 2h")).code(0);
    assert!(applied.stdout.contains("1 new revision"), "{}", applied.stdout);
}

/// What is planted: secrets that are given, secrets and variables that are there.
#[test]
fn no_secret_and_no_value_of_others_is_in_the_file() {
    let place = greeting().with("TOKEN", "planted-token-4711");
    let line = "greeting --recipes mine --sandbox -p token=@env:TOKEN";
    // Values of others, in what is owned and beside it.
    let _ = place.line(&format!("apply {line} -p text=planted-value-4712")).code(0);
    let place = place.with("TOKEN", "planted-token-4713");
    let _ = place.line(&format!("plan {line} -p text=said-in-the-open --out p.json")).code(0);
    let text = read(&place, "p.json");
    assert!(!text.contains("planted"), "{text}");
    let digest = |secret: &str| {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(secret.as_bytes());
        digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    for secret in ["planted-token-4711", "planted-value-4712", "planted-token-4713"] {
        assert!(!text.contains(&digest(secret)), "{secret}");
    }
    // What was given in the open is there, and the marks of the rest.
    for word in ["said-in-the-open", r#""$hidden": "secret""#, r#""$hidden": "value of others""#] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    // Another value of the same secret cannot be told.
    let place = place.with("TOKEN", "planted-token-4714");
    let applied = place.line(&format!("apply {line} -p text=said-in-the-open --plan p.json")).code(0);
    assert!(!applied.stdout.contains("planted") && !applied.stderr.contains("planted"));
}

#[test]
fn a_path_with_controls_in_it_reaches_no_terminal() {
    let place = Place::new();
    let file: PathBuf = place.work().join("p\u{1b}[31m.json");
    let outcome =
        place.run(["plan", "managed-identity", "--sandbox", "--out", file.to_str().unwrap()]).code(0);
    assert!(!outcome.stdout.contains('\u{1b}'), "{:?}", outcome.stdout);
    std::fs::write(&file, "{").unwrap();
    let arguments = ["apply", "managed-identity", "--sandbox", "--plan", file.to_str().unwrap()];
    let outcome = place.run(arguments).code(2);
    assert!(!outcome.stderr.contains('\u{1b}'), "{:?}", outcome.stderr);
}
