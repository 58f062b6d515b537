//! Checks of the app over real sockets: `--resolve`, `--cacert`, what cannot be reached, what is never sent.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::{State, seed};
use serde_json::Value as Json;

use super::process::{Ended, HANG, Server, Start};

const HOST: &str = "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io";

/// A sandbox that answers for the apps' names under a certificate of its own, changed before anybody asks.
fn serving(change: impl FnOnce(&mut State)) -> Server {
    let server = Server::start(&["--https"]);
    let mut state = server.state();
    change(&mut state);
    server.replace(&state);
    server
}

fn address(server: &Server) -> String {
    server.endpoint.strip_prefix("https://").unwrap().to_owned()
}

fn resolve(server: &Server) -> String {
    format!("{HOST}:443:{}", address(server))
}

/// `verify` of a recipe that asks the app, with further arguments.
fn verify(server: &Server, http: &str, arguments: &[&str]) -> Start {
    let start = Start::new(
        &server.endpoint,
        &[&["verify", "asks", "--recipes", "recipes", "-o", "json"], arguments].concat(),
    );
    let folder = start.folder().join("recipes/asks");
    std::fs::create_dir_all(&folder).unwrap();
    let recipe = format!(
        "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\nverify:\n  - name: it answers\n    http: {{ url: \"https://${{app.properties.configuration.ingress.fqdn}}/health\"{http} }}\n"
    );
    std::fs::write(folder.join("recipe.yaml"), recipe).unwrap();
    start.env("SSL_CERT_FILE", server.ca.clone().unwrap())
}

/// How the check of the recipe ended: the exit code, its status, its detail.
fn outcome(ended: &Ended) -> (Option<i32>, String, String) {
    let report: Json = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    let checks = report["verification"].as_array().cloned().unwrap_or_default();
    let own = checks.iter().find(|check| check["name"] == "it answers");
    let own = own.unwrap_or_else(|| panic!("{ended:#?}"));
    let text = |key: &str| own[key].as_str().unwrap_or_default().to_owned();
    (ended.code(), text("status"), text("detail"))
}

/// What apps were asked.
fn asked(server: &Server) -> Vec<Json> {
    let at_host = |exchange: &Json| exchange["host"].as_str().is_some_and(|host| host.starts_with("ca-demo"));
    server.exchanges().into_iter().filter(at_host).collect()
}

#[test]
fn the_apps_of_a_served_sandbox_are_reached_and_get_no_credential() {
    let server = serving(|_| {});
    let ca = server.ca.clone().unwrap();
    let ended = verify(&server, "", &["--resolve", &resolve(&server), "--cacert", &ca]).run();
    let (code, status, detail) = outcome(&ended);
    assert_eq!((code, status.as_str()), (Some(0), "passed"), "{ended:#?}");
    assert!(detail.starts_with("200 ("), "{detail}");
    let asked = asked(&server);
    assert_eq!((asked.len(), &asked[0]["path"]), (1, &Json::from("/health")));
    let names: Vec<&str> =
        asked[0]["header_names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    // What the server adds is its own.
    let sent: Vec<&str> = names.into_iter().filter(|name| *name != "x-forwarded-proto").collect();
    assert_eq!(sent, ["accept", "user-agent", "host"]);
    // A revision's own host, too, under the same certificate; and SSL_CERT_FILE alone is enough.
    let ended = verify(&server, "", &["--resolve", &resolve(&server)]).run();
    assert_eq!(outcome(&ended).0, Some(0), "{ended:#?}");
}

#[test]
fn a_certificate_of_somebody_else_is_no_answer() {
    let (server, other) = (serving(|_| {}), Server::start(&["--https"]));
    let ca = other.ca.clone().unwrap();
    let ended = verify(&server, "", &["--resolve", &resolve(&server), "--cacert", &ca]).run();
    let (code, status, detail) = outcome(&ended);
    assert_eq!((code, status.as_str()), (Some(4), "failed"), "{ended:#?}");
    assert!(detail.contains("TLS with") && detail.contains("certificate"), "{detail}");
    assert!(asked(&server).is_empty(), "nothing was sent");
}

#[test]
fn a_closed_port_is_refused_and_a_name_without_an_address_could_not_be_checked() {
    let server = serving(|_| {});
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = verify(&server, "", &["--resolve", &format!("{HOST}:443:{free}")]).run();
    let (code, status, detail) = outcome(&ended);
    assert_eq!((code, status.as_str()), (Some(4), "failed"), "{ended:#?}");
    assert!(detail.contains("was refused"), "{detail}");

    // The top level .invalid has no names (RFC 2606).
    let server = serving(|state| {
        let environment = state.environments.values_mut().next().unwrap();
        environment.properties["defaultDomain"] = "apps.invalid".into();
    });
    for (strict, code) in [(&[][..], 0), (&["--strict"][..], 4)] {
        let ended = verify(&server, "", strict).run();
        let (came, status, detail) = outcome(&ended);
        assert_eq!((came, status.as_str()), (Some(code), "could-not-check"), "{ended:#?}");
        assert!(detail.contains("ca-demo.apps.invalid does not resolve"), "{detail}");
    }
}

#[test]
fn silence_ends_with_the_checks_own_limit() {
    let server = serving(answers::app_silent);
    let ended = verify(&server, ", max_time: 1s", &["--resolve", &resolve(&server)]).run();
    let (code, status, detail) = outcome(&ended);
    assert_eq!((code, status.as_str()), (Some(4), "failed"), "{ended:#?}");
    assert!(detail.contains("within 1000 ms"), "{detail}");
    assert!(ended.after < Duration::from_secs(15), "{:?}", ended.after);
}

#[test]
fn a_slow_answer_is_waited_for_and_timed() {
    let slow = Script { slow: 300, ..Script::default() };
    let server = serving(|state| answers::app_answers(state, &slow));
    let body = ", body: \"${it.elapsed >= `300` && it.json.status == 'ok'}\"";
    let ended = verify(&server, body, &["--resolve", &resolve(&server)]).run();
    assert_eq!(outcome(&ended).0, Some(0), "{ended:#?}");
}

#[test]
fn a_body_without_end_is_read_up_to_its_bound() {
    let long =
        Script { path: Some("/health".to_owned()), body: Some("x".repeat(300_000)), ..Script::default() };
    let server = serving(|state| answers::app_answers(state, &long));
    let body = ", body: \"${length(it.body) == `65536`}\"";
    let ended = verify(&server, body, &["--resolve", &resolve(&server)]).run();
    assert_eq!(outcome(&ended).0, Some(0), "{ended:#?}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_check_that_waits_for_an_answer() {
    let server = serving(answers::app_silent);
    let client = verify(&server, "", &["--resolve", &resolve(&server)]).spawn();
    server.silence();
    let sent = std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", client.id())]).status();
    assert!(sent.unwrap().success());
    let ended = client.end(HANG);
    assert_eq!(ended.code(), Some(130), "{ended:#?}");
    assert!(ended.after < Duration::from_secs(2), "{:?}", ended.after);
}

#[test]
fn a_redirect_to_another_host_is_told_and_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = listener.local_addr().unwrap();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let bytes = Arc::clone(&arrived);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut head = [0; 1024];
            let read = socket.unwrap().read(&mut head).unwrap_or(0);
            bytes.lock().unwrap().extend_from_slice(&head[..read.max(1)]);
        }
    });
    let script = Script {
        status: Some(302),
        path: Some("/health".to_owned()),
        location: Some(format!("https://{elsewhere}/")),
        ..Script::default()
    };
    let server = serving(|state| answers::app_answers(state, &script));
    let follow = ", status: [200], follow_redirects: true";
    let ended = verify(&server, follow, &["--resolve", &resolve(&server)]).run();
    let (code, _, detail) = outcome(&ended);
    assert_eq!(code, Some(4), "{ended:#?}");
    assert!(detail.contains("it is not followed"), "{detail}");
    assert!(arrived.lock().unwrap().is_empty());
    let ended = verify(&server, ", follow_redirects: false", &["--resolve", &resolve(&server)]).run();
    assert_eq!(outcome(&ended).0, Some(0), "302 is an answer: {ended:#?}");
}

#[test]
fn a_proxy_that_is_not_there_leaves_the_check_open() {
    let server = serving(|_| {});
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = format!("http://user:pw-77@{free}");
    let ended = verify(&server, "", &[]).env("HTTPS_PROXY", proxy).run();
    let (code, status, detail) = outcome(&ended);
    assert_eq!((code, status.as_str()), (Some(0), "could-not-check"), "{ended:#?}");
    assert!(detail.contains("through the proxy http://127.0.0.1:"), "{detail}");
    assert!(!format!("{ended:?}").contains("pw-77"));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_before_any_request() {
    let server = serving(|_| {});
    let missing = ["--resolve", "nonsense", "--resolve", "a:80:127.0.0.1", "--cacert", "no-such-file.pem"];
    let before = server.exchanges().len();
    let ended = verify(&server, "", &missing).run();
    assert_eq!(ended.code(), Some(2), "{ended:#?}");
    for words in [
        "--resolve nonsense: it is not HOST:PORT:ADDRESS",
        "--resolve a:80:127.0.0.1: `80` is not 443",
        "--cacert: cannot read certificate authorities from no-such-file.pem",
    ] {
        assert_eq!(ended.err.matches(words).count(), 1, "{words}: {}", ended.err);
    }
    assert_eq!(server.exchanges().len(), before);
    let ended = verify(&server, "", &["--sandbox", "--resolve", "a:443:127.0.0.1"]).run();
    assert_eq!(ended.code(), Some(2), "the sandbox has its own: {ended:#?}");
    assert_eq!(seed::APP, "ca-demo");
}
