//! Names over real sockets: the program's own resolver, asked where `--resolver` says.

use std::fmt::Write;
use std::net::UdpSocket;

use acarecipe::sandbox::{State, seed};
use serde_json::Value as Json;

use super::process::{Ended, Server, Start};

/// A sandbox with records, changed before anybody asks.
fn serving(change: impl FnOnce(&mut State)) -> Server {
    let server = Server::start(&[]);
    let mut state = server.state();
    let made = time::OffsetDateTime::now_utc() - time::Duration::DAY;
    for (kind, name, values) in [
        ("CNAME", "www", &["CA-Demo.Happyfield-12345678.westeurope.azurecontainerapps.io."][..]),
        ("TXT", "asuid.www", &["abc", "d\u{1b}ef"]),
        ("A", "api", &["192.0.2.1", "192.0.2.2"]),
        ("AAAA", "api", &["2001:db8::1"]),
        ("CAA", "@", &["digicert.com"]),
        ("CNAME", "alias", &["asuid.www.contoso.example"]),
        ("TXT", "long", &["x".repeat(250).leak(), "y".repeat(250).leak(), "z".repeat(250).leak()]),
    ] {
        seed::dns_record(&mut state, kind, name, values, made);
    }
    change(&mut state);
    server.replace(&state);
    server
}

/// `verify` of a recipe with these checks, each by its name.
fn verify(server: &Server, resolvers: &[&str], checks: &[(&str, &str)]) -> Ended {
    let resolvers: Vec<&str> = resolvers.iter().flat_map(|one| ["--resolver", one]).collect();
    let start = Start::new(
        &server.endpoint,
        &[&["verify", "asks", "--recipes", "recipes", "-o", "json"], &resolvers[..]].concat(),
    );
    let folder = start.folder().join("recipes/asks");
    std::fs::create_dir_all(&folder).unwrap();
    let mut recipe = "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\nverify:\n".to_owned();
    for (index, (dns, expect)) in checks.iter().enumerate() {
        writeln!(recipe, "  - {{ name: c{index}, dns: {{ {dns}, expect: \"${{{expect}}}\" }} }}").unwrap();
    }
    std::fs::write(folder.join("recipe.yaml"), recipe).unwrap();
    start.run()
}

/// Status and detail of each check.
fn outcomes(ended: &Ended) -> Vec<(String, String)> {
    let report: Json = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    let checks = report["verification"].as_array().cloned().unwrap_or_default();
    let named = |check: &Json| check["name"].as_str().map(str::to_owned).unwrap_or_default();
    let own = checks
        .iter()
        .filter(|check| named(check).strip_prefix('c').is_some_and(|number| number.parse::<usize>().is_ok()));
    own.map(|check| {
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (text("status"), text("detail"))
    })
    .collect()
}

#[test]
fn the_programs_own_resolver_reads_what_the_sandbox_reads_in_process() {
    let server = serving(|_| {});
    let checks = [
        (
            "name: WWW.contoso.example., type: CNAME",
            "it.records == ['ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io']",
        ),
        ("name: asuid.www.contoso.example, type: TXT", "it.records == ['abc', 'def']"),
        ("name: alias.contoso.example, type: TXT", "it.records == ['abc', 'def']"),
        ("name: alias.contoso.example, type: CNAME", "it.records == ['asuid.www.contoso.example']"),
        ("name: api.contoso.example, type: A", "it.records == ['192.0.2.1', '192.0.2.2']"),
        ("name: api.contoso.example, type: AAAA", "it.records == ['2001:db8::1']"),
        ("name: www.contoso.example, type: A", "it.records == ['20.61.0.2']"),
        (
            "name: a.b.contoso.example, type: CAA, climb: true",
            "it.owner == 'contoso.example' && it.records[0].value == 'digicert.com' && it.records[0].tag == 'issue'",
        ),
        (
            "name: www.contoso.example, type: SOA, climb: true",
            "it.owner == 'contoso.example' && it.records[0].mname == 'ns1-05.azure-dns.com'",
        ),
        // More than fits into a datagram of old.
        (
            "name: long.contoso.example, type: TXT",
            "length(it.records) == `3` && length(it.records[2]) == `250`",
        ),
        ("name: gone.contoso.example, type: TXT", "it.records == `[]`"),
        ("name: a.example.test, type: SOA, climb: true", "it.records == `[]`"),
    ];
    let ended = verify(&server, &[&server.dns], &checks);
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let found = outcomes(&ended);
    assert_eq!(found.len(), checks.len(), "{ended:#?}");
    assert!(found.iter().all(|(status, _)| status == "passed"), "{found:#?}");
}

#[test]
fn a_resolver_that_fails_or_says_nothing_is_no_answer() {
    let check = [("name: asuid.www.contoso.example, type: TXT", "contains(it.records, 'abc')")];
    for (fails, words) in
        [("servfail", "Server Failure"), ("refused", "Refused"), ("silence", "no resolver answered")]
    {
        let server = serving(|state| state.resolver_fails = Some(fails.to_owned()));
        let ended = verify(&server, &[&server.dns], &check);
        let found = outcomes(&ended);
        assert_eq!(ended.code(), Some(0), "{ended:#?}");
        assert_eq!(found[0].0, "could-not-check", "{found:#?}");
        assert!(found[0].1.contains(words), "{fails}: {found:#?}");
    }
    // Of several the one that answers is enough.
    let server = serving(|_| {});
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ended = verify(&server, &[&mute.local_addr().unwrap().to_string(), &server.dns], &check);
    assert_eq!(outcomes(&ended)[0].0, "passed", "{ended:#?}");
}

#[test]
fn a_resolver_is_a_literal_address() {
    let server = serving(|_| {});
    for text in ["ns1.contoso.example", "localhost:53", "10.0.0.4:0", ""] {
        let ended = verify(&server, &[text], &[("name: a.example, type: A", "it.records")]);
        assert_eq!(ended.code(), Some(2), "{text}: {ended:#?}");
        assert!(ended.out.contains("--resolver") || ended.err.contains("--resolver"), "{ended:#?}");
    }
}
