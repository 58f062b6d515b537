//! Proxies and certificate authorities, on real sockets: what is asked of a proxy, what it can read, and what is said
//! when it or the certificate behind it is no good.

use std::time::Duration;

use super::process::{Ended, Server, Start};
use super::wire::{Does, Proxy, Site};

const PLAN: &[&str] = &["plan", "managed-identity", "--timeout", "1s"];
/// Nobody's name: only a proxy leads there.
const NAMED: &str = "https://arm.example.test";
/// 127.0.0.1 in a form that does not look like this machine, and is therefore not spared the proxy.
const MAPPED: &str = "[::ffff:7f00:1]";

/// An Azure that refuses everything: the request has arrived, and the run ends.
fn refusing(names: &[&str]) -> Site {
    Site::https(names, 30, |_| {
        (403, r#"{"error":{"code":"AuthorizationFailed","message":"refused by the test"}}"#.to_owned())
    })
}

fn run(endpoint: &str, site: &Site, variables: &[(&str, &str)]) -> Ended {
    run_with(Start::new(endpoint, PLAN).env("SSL_CERT_FILE", &site.ca), variables)
}

fn run_with(mut start: Start, variables: &[(&str, &str)]) -> Ended {
    for (name, value) in variables {
        start = start.env(name, value);
    }
    let ended = start.run();
    assert!(ended.after < Duration::from_secs(15), "{:?}", ended.after);
    assert!(!format!("{ended:?}").contains("sandbox-owner"), "{ended:?}");
    ended
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn https_goes_through_the_proxy_and_the_proxy_cannot_read_it() {
    let site = refusing(&["arm.example.test"]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Proxy::start(Does::Connects(site.address));
        let before = site.requests().len();
        let ended = run(NAMED, &site, &[(name, &proxy.url())]);
        assert!(ended.out.contains("refused by the test"), "{name}: {ended:#?}");
        let arrived = &site.requests()[before..];
        assert!(!arrived.is_empty());
        assert!(arrived.iter().all(|request| request.header("host") == Some("arm.example.test")));
        assert!(
            arrived.iter().all(|request| request.header("authorization") == Some("Bearer sandbox-owner"))
        );
        assert!(proxy.asked().iter().all(|asked| asked == "CONNECT arm.example.test:443 HTTP/1.1"));
        let seen = [proxy.heads().concat().into_bytes(), proxy.passed()].concat();
        assert!(contains(&seen, "arm.example.test") && seen.len() > 1000, "it was in between");
        for secret in ["sandbox-owner", "Bearer", "subscriptions"] {
            assert!(!contains(&seen, secret), "{secret} in clear");
        }
    }
}

#[test]
fn a_proxy_for_http_carries_no_https_and_no_proxy_names_who_goes_without() {
    let site = refusing(&["::ffff:7f00:1"]);
    let proxy = Proxy::start(Does::Connects(site.address));
    let endpoint = format!("https://{MAPPED}:{}", site.address.port());
    // The HTTP library takes no address of this kind through a proxy; that it asks is what counts here.
    run(&endpoint, &site, &[("HTTPS_PROXY", &proxy.url())]);
    assert!(!proxy.asked().is_empty(), "without an exception it is asked");

    let other = Proxy::start(Does::Closes);
    for variables in [
        &[("HTTP_PROXY", other.url().as_str()), ("http_proxy", &other.url())][..],
        &[("HTTPS_PROXY", &other.url()), ("NO_PROXY", "::ffff:7f00:1")],
        &[("HTTPS_PROXY", &other.url()), ("no_proxy", "10.0.0.0/8, ::ffff:0:0/96")],
        &[("ALL_PROXY", &other.url()), ("NO_PROXY", "example.test,::ffff:7f00:1")],
    ] {
        let ended = run(&endpoint, &site, variables);
        assert!(ended.out.contains("refused by the test"), "{variables:?}: {ended:#?}");
    }
    // Names, by themselves and by their domain. Where they lead nobody knows, but not to the proxy.
    for (exception, asked) in [
        ("arm.example.test", false),
        ("example.test", false),
        (".example.test", false),
        ("*", false),
        ("other.test", true),
    ] {
        let proxy = Proxy::start(Does::Closes);
        let start = Start::new(NAMED, PLAN).env("ACARECIPE_TRY_TIMEOUT_MS", "400");
        run_with(start, &[("HTTPS_PROXY", &proxy.url()), ("NO_PROXY", exception)]);
        assert_eq!(!proxy.asked().is_empty(), asked, "{exception}");
    }
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[test]
fn a_proxy_that_does_not_connect_is_named_without_its_password() {
    let cases = [
        (
            Does::Says("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n"),
            "asks for a user",
        ),
        (
            Does::Says("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 11\r\n\r\nproxy-pw-77"),
            "did not make the connection",
        ),
        (Does::Says("not http\r\n\r\n"), "did not make the connection"),
        (Does::Closes, "did not make the connection"),
        (Does::Waits, "did not make the connection"),
    ];
    for (does, cause) in cases {
        let proxy = Proxy::start(does.clone());
        let url = format!("http://proxy-user:proxy-pw-77@{}", proxy.address);
        let start = Start::new(NAMED, &[PLAN, &["-v"]].concat()).env("ACARECIPE_TRY_TIMEOUT_MS", "600");
        let ended = run_with(start, &[("HTTPS_PROXY", &url)]);
        assert_eq!(ended.code(), Some(1), "{does:?}: {ended:#?}");
        for word in ["azure-unreachable", &format!("through the proxy {}", proxy.url()), cause, "HTTPS_PROXY"]
        {
            assert!(ended.err.contains(word), "{does:?}: `{word}` is missing in {}", ended.err);
        }
        let said = format!("{ended:?}");
        for secret in ["proxy-pw-77", "proxy-user", "cHJveHktdXNlcjpwcm94eS1wdy03Nw"] {
            assert!(!said.contains(secret), "{does:?}: {secret} in {said}");
        }
        // The proxy itself got them.
        assert!(proxy.heads()[0].contains("Basic cHJveHktdXNlcjpwcm94eS1wdy03Nw=="), "{:?}", proxy.heads());
    }
    // Nobody there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://proxy-user:proxy-pw-77@{gone}");
    let ended = run_with(Start::new(NAMED, PLAN), &[("HTTPS_PROXY", &url)]);
    assert!(ended.err.contains(&format!("through the proxy http://{gone}")), "{}", ended.err);
    assert!(!format!("{ended:?}").contains("proxy-pw-77"));
}

#[test]
fn a_certificate_that_is_no_good_ends_the_run_at_once() {
    let good = refusing(&["arm.example.test"]);
    let expired = Site::https(&["arm.example.test"], -1, |_| (200, "{}".to_owned()));
    let misnamed = Site::https(&["arm.elsewhere.test"], 30, |_| (200, "{}".to_owned()));
    for (site, ca, cause, fix) in [
        (&good, &expired.ca, "an authority that is not known", "SSL_CERT_FILE"),
        (&expired, &expired.ca, "has expired", "date -u"),
        (&misnamed, &misnamed.ca, "another server answers under this name", "check the endpoint"),
    ] {
        let proxy = Proxy::start(Does::Connects(site.address));
        // No limit of its own: only that it is not tried again makes it quick.
        let start = Start::new(NAMED, &["plan", "managed-identity"]).env("SSL_CERT_FILE", ca);
        let ended = run_with(start, &[("HTTPS_PROXY", &proxy.url())]);
        assert_eq!(ended.code(), Some(1), "{ended:#?}");
        for word in ["azure-unreachable", "certificate", cause, fix] {
            assert!(ended.err.contains(word), "`{word}` is missing in {}", ended.err);
        }
        assert_eq!(ended.err.matches("error[").count(), 1, "one finding: {}", ended.err);
        // Five things are read at once, each once.
        assert!(proxy.asked().len() <= 5, "it does not mend itself: {:?}", proxy.asked());
        assert!(site.requests().is_empty(), "nothing was sent");
    }
}

#[test]
fn a_file_of_authorities_that_cannot_be_read_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let site = refusing(&["arm.example.test"]);
    let proxy = Proxy::start(Does::Connects(site.address));
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (path, reason) in [
        (folder.path().join("gone.pem"), "No such file"),
        (file("empty.pem", ""), "no certificate in it"),
        (file("text.pem", "hello"), "no certificate in it"),
        (folder.path().to_owned(), "directory"),
        (file("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), "cannot read"),
    ] {
        let start = Start::new(NAMED, PLAN).env("SSL_CERT_FILE", &path);
        let ended = run_with(start, &[("HTTPS_PROXY", &proxy.url())]);
        assert_eq!(ended.code(), Some(2), "{ended:#?}");
        for word in ["ca-file", "SSL_CERT_FILE", path.to_str().unwrap(), reason] {
            assert!(ended.err.contains(word), "`{word}` is missing in {}", ended.err);
        }
    }
    assert!(proxy.asked().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_of_authorities_does_too() {
    let server = Server::start(&["--https"]);
    let folder = tempfile::tempdir().unwrap();
    let plan =
        || Start::new(&server.endpoint, &["plan", "managed-identity"]).env("SSL_CERT_DIR", folder.path());
    let ended = plan().run();
    assert_eq!(ended.code(), Some(1), "an empty folder: {ended:#?}");
    assert!(ended.err.contains("has a certificate authority"), "{}", ended.err);
    std::fs::copy(server.ca.as_ref().unwrap(), folder.path().join("ours.pem")).unwrap();
    let ended = plan().run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
}
