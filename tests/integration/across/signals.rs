//! SIGINT and SIGTERM at any time: no new write, an end within two seconds, and a way to go on.

use std::process::Command;
use std::time::Duration;

use acarecipe::sandbox::seed::{self, variant};
use serde_json::Value as Json;

use super::process::{Client, Ended, HANG, Server, Start};

/// From the signal to the end of the process. The promise; the machine may be busy with other tests.
const END: Duration = Duration::from_secs(2);

/// What was interrupted is not put back, whatever the flag says.
const BOTH: &[&str] = &[
    "apply",
    "key-vault-reference",
    "-p",
    "secrets.DB_PASSWORD=db-password",
    "--yes",
    "--on-failure",
    "rollback",
];

fn send(client: &Client, signal: &str) {
    // The shell has a kill of its own on every Unix.
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {}", client.id())]).status().unwrap();
    assert!(sent.success());
}

/// Sends the signal and waits for the end: its code, its time, and what it says.
fn stop(client: Client, signal: &str) -> Ended {
    stop_within(client, signal, END)
}

fn stop_within(client: Client, signal: &str, limit: Duration) -> Ended {
    send(&client, signal);
    let ended = client.end(HANG);
    let code = if signal == "INT" { 130 } else { 143 };
    assert_eq!(ended.code(), Some(code), "{ended:#?}");
    assert!(ended.after < limit, "{signal}: {:?}\n{}", ended.after, ended.err);
    let told = format!("{}{}", ended.out, ended.err);
    let word = if signal == "INT" { "Interrupted" } else { "Terminated" };
    assert!(told.contains(word), "{told}");
    assert!(told.contains("run the same command again"), "{told}");
    ended
}

fn writes(server: &Server) -> Vec<(String, String)> {
    let text = |exchange: &Json, key: &str| exchange[key].as_str().unwrap().to_owned();
    server
        .exchanges()
        .iter()
        .filter(|exchange| exchange["method"] != "GET")
        .map(|exchange| (text(exchange, "method"), text(exchange, "path")))
        .collect()
}

/// The same command afterwards, with nothing in its way.
fn goes_on(server: &Server) {
    server.faults(&[]);
    let ended = Start::new(&server.endpoint, &[BOTH, &["--role-wait", "0s"]].concat()).run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let state = server.state();
    let vault = seed::vault_id(seed::VAULT);
    assert_eq!(state.role_assignments.values().filter(|role| role.scope == vault).count(), 1);
    let app = state.app(seed::APP).unwrap();
    assert_eq!(app.configuration()["secrets"][0]["name"], "db-password");
    assert_eq!(app.revisions.len(), 2);
}

#[test]
fn while_reads_are_not_answered() {
    for signal in ["INT", "TERM"] {
        let server = Server::start(&[]);
        server.faults(&["request=4 silence-before times=1000"]);
        let client = Start::new(&server.endpoint, BOTH).spawn();
        server.silence();
        stop(client, signal);
        assert_eq!(writes(&server), []);
        goes_on(&server);
    }
}

#[test]
fn while_azure_works_on_a_write() {
    for signal in ["INT", "TERM"] {
        let server = Server::start(&[]);
        // The operation never ends; its state is asked for again and again.
        let hangs = "match=PATCH:/containerApps/ operation-hangs";
        let asked = "match=GET:/containerappOperation nth=2 silence-before";
        server.faults(&[hangs, asked]);
        let client = Start::new(&server.endpoint, BOTH).spawn();
        server.silence();
        let ended = stop(client, signal);
        assert!(ended.err.contains("done: change the container app ca-demo"), "{}", ended.err);
        assert!(ended.out.contains("To put it back: acarecipe undo "), "{}", ended.out);
        assert_eq!(writes(&server).len(), 1);
        // Azure gets done with it some day.
        let mut state = server.state();
        for operation in state.operations.values_mut() {
            operation.due = Some(operation.started);
        }
        server.replace(&state);
        goes_on(&server);
    }
}

#[test]
fn while_it_waits_for_a_role() {
    for signal in ["INT", "TERM"] {
        let server = Server::start(&[]);
        let client = Start::new(&server.endpoint, &[BOTH, &["--role-wait", "10m"]].concat()).spawn();
        client.until_told("waiting until the role");
        let ended = stop(client, signal);
        assert!(ended.err.contains("done: grant Key Vault Secrets User on kv-demo"), "{}", ended.err);
        assert_eq!(writes(&server).len(), 2);
        goes_on(&server);
    }
}

#[test]
fn while_a_write_is_not_answered() {
    for (signal, silence) in [("INT", "silence-before"), ("TERM", "silence-after")] {
        let server = Server::start(&[]);
        server.faults(&[&format!("match=PATCH:/containerApps/ nth=2 {silence}")]);
        let client = Start::new(&server.endpoint, &[BOTH, &["--role-wait", "0s"]].concat()).spawn();
        server.silence();
        let ended = stop(client, signal);
        let told = "not answered, may still take effect: change the container app ca-demo";
        assert!(ended.err.contains(told), "{}", ended.err);
        assert_eq!(writes(&server).len(), 3);
        goes_on(&server);
    }
}

/// Ten apps: one is done, eight wait for answers that do not come, one has not begun.
#[test]
fn while_several_apps_are_written() {
    // In turn, each with its grace, they would take 12 s. Ten reports are not written in no time on a busy machine.
    const LIMIT: Duration = Duration::from_secs(10);
    let names: Vec<String> = (1..10).map(|number| format!("ca-{number:04}")).collect();
    let mut all = vec!["apply", "managed-identity", "--yes", "-n", seed::APP];
    for name in &names {
        all.extend(["-n", name]);
    }
    let server = Server::start(&[]);
    let mut state = server.state();
    for name in &names {
        variant::sibling(&mut state, seed::GROUP, name);
    }
    server.replace(&state);
    server.faults(&["match=PATCH:/containerApps/ca-000 silence-before times=100"]);
    let client = Start::new(&server.endpoint, &all).spawn();
    // The eighth has its place since the one that is answered is done.
    for _ in 0..8 {
        server.silence();
    }
    let ended = stop_within(client, "TERM", LIMIT);
    let told = format!("{}{}", ended.out, ended.err);
    let of =
        |app: &str, what: &str| told.lines().filter(|line| line.contains(app) && line.contains(what)).count();
    let may = "not answered, may still take effect: change the container app";
    assert_eq!(names.iter().filter(|name| of(name, may) == 1).count(), 8, "{told}");
    assert!(told.contains("10 apps, 1 of them ok"), "{told}");
    assert_eq!(of("✗ rg-demo/ca-000", ": terminated"), 9, "one signal is one word: {told}");
    let sent = writes(&server);
    assert_eq!(sent.len(), 1 + 8, "nothing is begun after the signal: {sent:?}");

    // The same for two of them afterwards: what is done is not written again.
    server.faults(&[]);
    let ended = Start::new(&server.endpoint, &all[..7]).run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    assert_eq!(writes(&server).len(), sent.len() + 1);
    let state = server.state();
    let has = |app: &str| state.app(app).unwrap().identity.system.is_some();
    assert!(has(seed::APP) && has("ca-0001") && !has("ca-0002"));
}

/// What a run that failed wrote is on its way back: it stops there as anywhere, and `undo` goes on.
#[test]
fn while_what_failed_goes_back() {
    for (signal, status) in [("INT", "interrupted"), ("TERM", "terminated")] {
        let server = Server::start(&[]);
        let seen = server.state();
        let home = super::process::home();
        server.faults(&[
            "match=PATCH:/containerApps/ nth=2 status=400",
            "match=DELETE:/roleAssignments/ silence-before times=9",
        ]);
        let all = [BOTH, &["--role-wait", "0s"]].concat();
        let client = Start::new(&server.endpoint, &all).at_home(&home).spawn();
        server.silence();
        let ended = stop(client, signal);
        let cause = ended.err.find("error[azure-refused]").expect("the cause is told");
        assert!(cause < ended.err.find("not answered, may still take effect: ").unwrap(), "{}", ended.err);
        let runs = Start::in_the_cloud(&["runs", "-o", "json"]).at_home(&home).run();
        let runs: Json = serde_json::from_str(&runs.out).unwrap();
        let of = |index: usize, what: &str| runs["runs"][index][what].as_str().unwrap().to_owned();
        assert_eq!((of(0, "command"), of(0, "status")), ("undo".to_owned(), status.to_owned()), "{runs:#}");
        assert_eq!((of(1, "command"), of(1, "status")), ("apply".to_owned(), status.to_owned()), "{runs:#}");
        server.faults(&[]);
        let undo = Start::new(&server.endpoint, &["undo", "--yes"]).at_home(&home).run();
        assert_eq!(undo.code(), Some(0), "{undo:#?}");
        let state = server.state();
        assert_eq!(state.role_assignments.len(), seen.role_assignments.len());
        assert!(state.app(seed::APP).unwrap().identity.system.is_none());
    }
}

/// What was seen of a fleet is told, and that it is not all.
#[test]
fn while_a_fleet_is_listed() {
    let server = Server::start(&[]);
    let mut state = server.state();
    (1..5).for_each(|number| variant::sibling(&mut state, seed::GROUP, &format!("ca-{number:04}")));
    state.page_size = 2;
    server.replace(&state);
    server.faults(&["match=GET:providers/Microsoft.App/containerApps nth=2 silence-before times=100"]);
    let client = Start::new(&server.endpoint, &["verify", "--all-apps", "-g", seed::GROUP]).spawn();
    server.silence();
    send(&client, "INT");
    let ended = client.end(HANG);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    assert!(ended.after < END, "{:?}", ended.after);
    let told = "2 apps of the group rg-demo in 1 page: 2 healthy; the list broke off";
    assert!(ended.out.contains(told), "{}", ended.out);
}

#[test]
fn a_second_signal_ends_at_once() {
    let server = Server::start(&[]);
    server.faults(&["match=PATCH:/containerApps/ silence-before"]);
    let client = Start::new(&server.endpoint, BOTH).spawn();
    server.silence();
    send(&client, "INT");
    std::thread::sleep(Duration::from_millis(100));
    let ended = stop(client, "INT");
    assert!(ended.after < Duration::from_secs(1), "{:?}", ended.after);
}
