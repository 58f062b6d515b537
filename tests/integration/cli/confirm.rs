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

/// A command line in a terminal, in which these answers are typed, and what is seen there; `None`: there is no `script`
/// to make one with.
#[cfg(target_os = "linux")]
pub fn in_terminal(place: &Place, line: &str, answers: &str) -> Option<(Option<i32>, String)> {
    use std::io::Write;
    use std::process::{Command, Stdio};

    if !Command::new("script").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success()) {
        eprintln!("skipped: there is no `script` to make a terminal with");
        return None;
    }
    let line = format!("{} {line}", env!("CARGO_BIN_EXE_acarecipe"));
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
    process.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = process.wait_with_output().expect("script ends");
    Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_asked_unless_nothing_is_to_change() {
    let server = Running::start(prompt_azure(), ServeOptions::default());
    let place = real(server.endpoint());
    let answered = |answer: &str| in_terminal(&place, "apply managed-identity", answer);
    let Some((code, text)) = answered("n\n") else { return };
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("Apply this to rg-demo/ca-demo? [y/N]") && text.contains("Nothing was done"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "TERM=dumb takes no colours: {text}");
    let (code, text) = answered("y\n").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 write, no new revision"), "{text}");
    let (code, text) = answered("").unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("No changes.") && !text.contains("[y/N]"), "{text}");
}

/// One question for all of them. Whatever the answer, what was seen of each is told; what there is nothing to do with is
/// not looked at twice.
#[cfg(target_os = "linux")]
#[test]
fn several_apps_are_one_question_and_each_is_told_of_whatever_the_answer() {
    use acarecipe::sandbox::seed::{self, variant};

    let azure = prompt_azure();
    azure.edit(|state| {
        variant::sibling(state, seed::GROUP, "ca-0001");
        variant::sibling(state, seed::GROUP, "ca-0002");
    });
    let server = Running::start(azure.clone(), ServeOptions::default());
    let place = real(server.endpoint());
    let _ = place.line("apply managed-identity -n ca-0001 --yes").code(0);
    let line = "apply managed-identity -n ca-demo -n ca-0001 -n ca-none -n ca-0002 -o json";
    let answered = |answer: &str, file: &str| {
        let (code, text) = in_terminal(&place, &format!("{line} > {file}"), answer)?;
        let report = std::fs::read_to_string(place.work().join(file)).unwrap();
        Some((code, text, serde_json::from_str::<serde_json::Value>(&report).unwrap()))
    };
    let told = |report: &serde_json::Value| -> Vec<(String, u64, u64)> {
        let text = |one: &serde_json::Value| {
            one["target"]["app"].as_str().unwrap().to_owned() + " " + one["status"].as_str().unwrap()
        };
        let count = |one: &serde_json::Value, what: &str| one["counts"][what].as_u64().unwrap();
        let apps = report["apps"].as_array().expect("each app is in the document");
        apps.iter().map(|one| (text(one), count(one, "writes"), count(one, "requests"))).collect()
    };
    let identities = || {
        let named = ["ca-demo", "ca-0001", "ca-0002"];
        azure.edit(|state| named.map(|name| state.app(name).unwrap().identity.system.is_some()))
    };
    let Some((code, text, no)) = answered("n\n", "no.json") else { return };
    // What one of them lacks is worse than a no.
    assert_eq!((code, no["status"].as_str()), (Some(3), Some("prerequisites-missing")), "{text}");
    assert!(text.contains("Apply this to 2 of 4 apps? [y/N]"), "{text}");
    assert!(no["diagnostics"].to_string().contains("not-confirmed"), "{no:#}");
    let seen: Vec<_> = told(&no).into_iter().map(|(status, writes, _)| (status, writes)).collect();
    let expected =
        [("ca-demo usage", 0), ("ca-0001 ok", 0), ("ca-none prerequisites-missing", 0), ("ca-0002 usage", 0)];
    assert_eq!(seen, expected.map(|(status, writes)| (status.to_owned(), writes)));
    let own: u64 = told(&no).iter().map(|(.., requests)| requests).sum();
    assert!(no["counts"]["requests"].as_u64().unwrap() >= own);
    assert_eq!(identities(), [false, true, false]);

    let (code, text, yes) = answered("y\n", "yes.json").unwrap();
    assert_eq!(code, Some(3), "{text}");
    let seen: Vec<_> = told(&yes).into_iter().map(|(status, writes, _)| (status, writes)).collect();
    let expected =
        [("ca-demo ok", 1), ("ca-0001 ok", 0), ("ca-none prerequisites-missing", 0), ("ca-0002 ok", 1)];
    assert_eq!(seen, expected.map(|(status, writes)| (status.to_owned(), writes)));
    assert_eq!(identities(), [true; 3]);
    // It was asked about as often as where all ended with the look.
    assert_eq!(told(&yes)[1].2, told(&no)[1].2);

    let (code, text, none) = answered("", "none.json").unwrap();
    assert!(!text.contains("[y/N]"), "{text}");
    assert_eq!((code, none["counts"]["writes"].as_u64()), (Some(3), Some(0)), "{none:#}");
}

/// A run that asks before it writes asks after a failure, too.
#[cfg(target_os = "linux")]
#[test]
fn after_a_failure_a_terminal_is_asked_whether_it_goes_back() {
    use crate::support::served::faulty_azure;
    use acarecipe::sandbox::seed;

    let line =
        "apply key-vault-reference -p key_vault=kv-demo -p secrets.DB_PASSWORD=db-password --role-wait 0s";
    for (answers, code, identity) in [("y\nn\n", 1, true), ("y\n", 1, true), ("y\ny\n", 6, false)] {
        let azure = faulty_azure(&["match=PATCH:/containerApps/ nth=2 status=400"]);
        let server = Running::start(azure.clone(), ServeOptions::default());
        let place = real(server.endpoint());
        let Some((ended, text)) = in_terminal(&place, line, answers) else { return };
        assert_eq!(ended, Some(code), "{answers:?}: {text}");
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{answers:?}: {words}: {text}"));
        assert!(at("Apply this to rg-demo/ca-demo? [y/N]") < at("error[azure-refused]"), "{text}");
        assert!(at("error[azure-refused]") < at("Put back what this run wrote? [y/N]"), "{text}");
        assert_eq!(text.contains("Rolling back"), code == 6, "{text}");
        assert_eq!(text.contains("To put it back: acarecipe undo"), code == 1, "{text}");
        let vault = seed::vault_id(seed::VAULT);
        let left = azure.edit(|state| {
            let granted = state.role_assignments.values().filter(|role| role.scope == vault).count();
            (state.app(seed::APP).unwrap().identity.system.is_some(), granted)
        });
        assert_eq!(left, (identity, usize::from(identity)), "{answers:?}");
    }
}
