//! Wrong command lines: one explained error, the right exit code, never a panic.

use std::io::Read;
use std::process::Stdio;

use super::place::{Outcome, Place};

fn refused(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(outcome.stderr.contains(word), "no `{word}` in:\n{}", outcome.stderr);
    }
}

#[test]
fn typos_get_a_suggestion() {
    let place = Place::new();
    for (line, words) in [
        ("aply managed-identity", ["unrecognized subcommand 'aply'", "'apply'"]),
        ("apply managed-identty --sandbox", ["there is no recipe `managed-identty`", "`managed-identity`"]),
        ("show managed-identiy", ["there is no recipe `managed-identiy`", "`managed-identity`"]),
        ("plan managed-identity --sandbox -p identty=x", ["identty", "did you mean `identity`?"]),
        ("apply managed-identity --sandbx", ["--sandbx", "--sandbox"]),
        ("plan managed-identity --sandbox --sandbox-caller ownr", ["no caller `ownr`", "owner, contributor"]),
        ("list -o jsn", ["'jsn'", "json"]),
        ("list --query names[", ["--query", "names["]),
    ] {
        refused(&place.line(line).code(2), &words);
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let place = Place::new();
    let outcome = place.line("check key-vault-reference").code(3);
    refused(
        &outcome,
        &[
            "export RG=",
            "export APP_NAME=",
            "export AZURE_SUBSCRIPTION_ID=",
            "export KEY_VAULT_NAME=",
            "-p secrets.KEY=",
        ],
    );
    // The same for a machine.
    let outcome = place.line("check key-vault-reference -o json").code(3);
    let report = outcome.json();
    assert_eq!(
        (report["exitCode"].as_i64(), report["status"].as_str()),
        (Some(3), Some("prerequisites-missing"))
    );
    assert_eq!(report["diagnostics"].as_array().map(Vec::len), Some(5), "{report:#}");
    // A mistake beside what is missing is a mistake.
    let outcome = place.line("check key-vault-reference -p secret.A=b").code(2);
    refused(&outcome, &["export RG=", "did you mean `secrets`?"]);
}

#[test]
fn a_run_without_a_credential_says_how_to_get_one() {
    let place = Place::new()
        .with("RG", "r")
        .with("APP_NAME", "a")
        .with("AZURE_SUBSCRIPTION_ID", acarecipe::sandbox::seed::SUBSCRIPTION);
    refused(&place.line("plan managed-identity").code(3), &["no credential found", "az login"]);
    let place = place.with("ACARECIPE_AUTH", "magic");
    refused(&place.line("plan managed-identity").code(2), &["'magic'", "azure-cli"]);
}

#[test]
fn no_argument_makes_it_panic() {
    let long = "x".repeat(100_000);
    let place = Place::new();
    let lines: Vec<Vec<&str>> = vec![
        vec![],
        vec![""],
        vec!["--"],
        vec!["apply", "", "--sandbox"],
        vec!["apply", &long, "--sandbox"],
        vec!["show", ""],
        vec!["show", "../../etc"],
        vec!["lint", ""],
        vec!["lint", &long],
        vec!["list", "--recipes", ""],
        vec!["plan", "managed-identity", "--sandbox", "-g", ""],
        vec!["plan", "managed-identity", "--sandbox", "-g", &long],
        vec!["plan", "managed-identity", "--sandbox", "-n", "../x"],
        vec!["plan", "managed-identity", "--sandbox", "--subscription", "a/b"],
        vec!["plan", "managed-identity", "--sandbox", "-p", ""],
        vec!["plan", "managed-identity", "--sandbox", "-p", "="],
        vec!["plan", "managed-identity", "--sandbox", "-p", "identity"],
        vec!["plan", "managed-identity", "--sandbox", "-p", ".=x"],
        vec!["plan", "managed-identity", "--sandbox", "-p", "roles=[[[["],
        vec!["plan", "managed-identity", "--sandbox", "-p", &long],
        vec!["plan", "managed-identity", "--sandbox", "-p", "identity=@/nonexistent"],
        vec!["plan", "managed-identity=", "--sandbox"],
        vec!["plan", "managed-identity", "--sandbox", "--timeout", "99999999999999999999h"],
        vec!["plan", "managed-identity", "--sandbox", "--timeout", "169h"],
        vec!["plan", "managed-identity", "--sandbox", "--timeout", "-1s"],
        vec!["plan", "managed-identity", "--sandbox", "--role-wait", "é"],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-fault", ""],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-flip", "no-such-rule"],
        vec!["plan", "managed-identity", "--sandbox", "--sandbox-state", "/"],
        vec!["sandbox", "serve", "--port", "99999"],
        vec!["sandbox", "serve", "--retry-after-ms", "18446744073709551615"],
        vec!["sandbox", "show", "--state", ""],
        vec!["list", "--query", ""],
        vec!["list", "--query", "@", "-o", "text"],
    ];
    for line in lines {
        let outcome = place.run(&line);
        let shown = line.iter().map(|one| &one[..one.len().min(40)]).collect::<Vec<_>>();
        assert!(
            matches!(outcome.code, Some(1..=3)),
            "{shown:?} ended with {:?}\n{}",
            outcome.code,
            outcome.stderr.chars().take(2_000).collect::<String>()
        );
        assert!(!outcome.stderr.contains("panicked"), "{shown:?}\n{}", outcome.stderr);
        assert!(!outcome.stderr.trim().is_empty(), "{shown:?} failed without a word");
    }
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Place::new();
    let bad = OsStr::from_bytes(b"a\xff");
    for line in [
        vec![bad],
        vec![OsStr::new("apply"), bad],
        vec![OsStr::new("plan"), OsStr::new("--sandbox"), OsStr::new("-p"), bad],
        vec![OsStr::new("list"), OsStr::new("-o"), bad],
    ] {
        let _ = place.run(line).code(2);
    }
    // A file's name may be any bytes.
    let outcome = place.run([OsStr::new("lint"), bad]).code(2);
    refused(&outcome, &["cannot be read"]);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let place = Place::new();
    for line in ["list", "--help", "show key-vault-reference", "apply managed-identity --sandbox", "schema"] {
        let mut process = place
            .process()
            .args(line.split(' '))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let mut errors = String::new();
        process.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(0), "{line}: {errors}");
        assert!(!errors.contains("panicked") && !errors.contains("error"), "{line}: {errors}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_who_asks() {
    let place = Place::new();
    let plan = "plan managed-identity --sandbox";
    assert!(!place.line(plan).code(0).stdout.contains('\u{1b}'), "a pipe gets no colours");
    let coloured = place.line(&format!("{plan} --color always")).code(0);
    assert!(coloured.stdout.contains("\u{1b}[32m"), "{}", coloured.stdout);
    let never = Place::new().with("CLICOLOR_FORCE", "1").line(&format!("{plan} --color never")).code(0);
    assert!(!never.stdout.contains('\u{1b}'));
    let no_color = Place::new().with("NO_COLOR", "1").with("CLICOLOR_FORCE", "1").line(plan).code(0);
    assert!(!no_color.stdout.contains('\u{1b}'), "NO_COLOR wins");
    assert!(!Place::new().line("apply nothing -v").stderr.contains('\u{1b}'));
}
