//! When apply asks, and what it does where nobody can answer.

use super::place::Place;
use crate::support::served::{Running, Scripted, prompt_azure};
use acarecipe::sandbox::serve::ServeOptions;

/// A place whose target is complete and whose Azure counts requests.
fn real(endpoint: &str) -> Place {
    Place::new()
        .with("RG", "rg-demo")
        .with("APP_NAME", "ca-demo")
        .with("AZURE_SUBSCRIPTION_ID", acarecipe::sandbox::seed::SUBSCRIPTION)
        .with("ACARECIPE_ARM_ENDPOINT", endpoint)
        .with("ACARECIPE_AUTH", "token")
        .with("ACARECIPE_ACCESS_TOKEN", "sandbox-owner")
}

#[test]
fn nobody_to_ask_is_exit_2_before_any_request() {
    let azure = Scripted::content();
    let server = Running::start(std::sync::Arc::clone(&azure), ServeOptions::default());
    let place = real(server.endpoint());
    for line in
        ["apply managed-identity", "apply managed-identity --no-input", "apply managed-identity -o json"]
    {
        let outcome = place.line(line).code(2);
        assert!(outcome.stderr.contains("error[not-confirmed]"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("--yes"), "{}", outcome.stderr);
    }
    assert!(azure.asked.lock().unwrap().is_empty(), "a request was sent");
    // The same place does reach that server once somebody said yes.
    let _ = place.line("apply managed-identity --yes");
    assert!(!azure.asked.lock().unwrap().is_empty());
}

#[test]
fn yes_applies_and_the_second_time_there_is_nothing_to_do() {
    let server = Running::start(prompt_azure(), ServeOptions::default());
    let place = real(server.endpoint());
    let first = place.line("apply managed-identity --yes -o json").code(0);
    assert_eq!(first.json()["counts"]["writes"], 1, "{}", first.stdout);
    assert_eq!(first.json()["sandbox"], false);
    // Whether or not anything would change: still nobody to ask.
    let _ = place.line("apply managed-identity").code(2);
    let second = place.line("apply managed-identity --yes -o json").code(0);
    assert_eq!(second.json()["counts"]["writes"], 0, "{}", second.stdout);
    assert_eq!(second.json()["plan"]["empty"], true);
}

/// In a terminal apply asks; `script` gives the process one.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_asked_unless_nothing_is_to_change() {
    use std::io::Write;
    use std::process::{Command, Stdio};

    if !Command::new("script").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success()) {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return;
    }
    let server = Running::start(prompt_azure(), ServeOptions::default());
    let place = real(server.endpoint());
    let answered = |answer: &str| {
        let line = format!("{} apply managed-identity", env!("CARGO_BIN_EXE_acarecipe"));
        let mut process = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_clear()
            .envs(place.environment())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TERM", "dumb")
            .current_dir(place.work())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script starts");
        process.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = process.wait_with_output().expect("script ends");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, text) = answered("n\n");
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("Apply this to rg-demo/ca-demo? [y/N]") && text.contains("Nothing was done"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "TERM=dumb takes no colours: {text}");
    let (code, text) = answered("y\n");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 write, no new revision"), "{text}");
    let (code, text) = answered("");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("No changes.") && !text.contains("[y/N]"), "{text}");
}
