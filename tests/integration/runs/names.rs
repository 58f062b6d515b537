//! Lookups and checks of names: what they come to, how long is waited, and what is never asked.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes;
use acarecipe::execute::Event;
use acarecipe::plan::Status;
use acarecipe::recipe::Catalogue;
use acarecipe::sandbox::state::State;
use acarecipe::sandbox::{NameReply, seed};
use serde_json::json;

use super::super::support::world::{START, World, failed, writes};

const DOMAIN: &str = "happyfield-12345678.westeurope.azurecontainerapps.io";

/// A world with the recipe `asks`, which says this.
fn asking(rest: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("asks")).unwrap();
    let head = "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\n";
    std::fs::write(folder.path().join("asks/recipe.yaml"), format!("{head}{rest}")).unwrap();
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    (world, folder)
}

fn record(state: &mut State, kind: &str, name: &str, values: &[&str]) {
    seed::dns_record(state, kind, name, values, START - time::Duration::DAY);
}

/// Records of all types, and aliases.
fn records(state: &mut State) {
    record(state, "CNAME", "www", &[&format!("CA-Demo.{DOMAIN}.")]);
    record(state, "TXT", "asuid.www", &["abc", "def"]);
    record(state, "A", "api", &["192.0.2.1", "192.0.2.2"]);
    record(state, "AAAA", "api", &["2001:db8::1"]);
    record(state, "CAA", "@", &["digicert.com", "letsencrypt.org"]);
    record(state, "CNAME", "alias", &["asuid.www.contoso.example"]);
    record(state, "TXT", "evil", &["a\u{1b}[31mb\u{202e}c"]);
}

/// What the check over a lookup of this name comes to.
fn looked_up(dns: &str, that: &str, change: impl FnOnce(&mut State)) -> (Status, String) {
    let (world, _folder) = asking(&format!(
        "existing: {{ found: {{ dns: {{ {dns} }} }} }}\nprerequisites:\n  - {{ name: own, that: \"${{{that}}}\" }}\n"
    ));
    let world = world.edited(records).edited(change);
    let observed = world.plan(&["asks"], &[]).unwrap();
    let found = observed.plan.prerequisites.into_iter().find(|one| one.name == "own");
    let found = found.unwrap_or_else(|| panic!("{:#?}", observed.plan.problems));
    (found.status, found.detail.unwrap_or_default())
}

#[test]
fn a_lookup_gives_the_records_of_a_name() {
    for (dns, that) in [
        ("name: www.contoso.example, type: CNAME", format!("found.records == ['ca-demo.{DOMAIN}']")),
        ("name: WWW.Contoso.Example., type: CNAME", "found.name == 'www.contoso.example'".to_owned()),
        ("name: asuid.www.contoso.example, type: TXT", "found.records == ['abc', 'def']".to_owned()),
        ("name: api.contoso.example, type: A", "found.records == ['192.0.2.1', '192.0.2.2']".to_owned()),
        ("name: api.contoso.example, type: AAAA", "found.records == ['2001:db8::1']".to_owned()),
        // At the end of an alias, and the alias alone at the very name.
        ("name: alias.contoso.example, type: TXT", "found.records == ['abc', 'def']".to_owned()),
        ("name: alias.contoso.example, type: CNAME", "found.records == ['asuid.www.contoso.example']".to_owned()),
        ("name: www.contoso.example, type: A", "found.records == ['20.61.0.2']".to_owned()),
        ("name: www.contoso.example, type: SOA", "found.records == `[]` && !(found.owner)".to_owned()),
        // Climbing.
        (
            "name: api.contoso.example, type: CAA, climb: true",
            "found.owner == 'contoso.example' && length(found.records) == `2` && found.records[0].value == 'digicert.com' && found.records[0].tag == 'issue' && found.records[0].flags == `0`".to_owned(),
        ),
        ("name: api.contoso.example, type: CAA", "found.records == `[]`".to_owned()),
        (
            "name: a.b.contoso.example, type: SOA, climb: true",
            "found.owner == 'contoso.example' && found.records[0].mname == 'ns1-05.azure-dns.com'".to_owned(),
        ),
        ("name: a.test, type: SOA, climb: true", "found.records == `[]`".to_owned()),
        // Neither the name nor the zone.
        ("name: gone.contoso.example, type: TXT", "found.records == `[]` && !(found.refused)".to_owned()),
        ("name: www.example.test, type: A", "found.records == `[]`".to_owned()),
        // Another script, and what a terminal would obey.
        ("name: bücher.example, type: A", "found.name == 'xn--bcher-kva.example'".to_owned()),
        ("name: evil.contoso.example, type: TXT", "found.records == ['a[31mbc']".to_owned()),
        // Names of the environment.
        (&format!("name: ca-demo.{DOMAIN}, type: A"), "found.records == ['20.61.0.2']".to_owned()),
        (&format!("name: ca-demo.{DOMAIN}, type: TXT"), "found.records == `[]`".to_owned()),
    ] {
        let (status, detail) = looked_up(dns, &that, |_| {});
        assert_eq!(status, Status::Passed, "{dns}: {that}: {detail}");
    }
}

#[test]
fn what_nobody_delegates_is_not_there() {
    let undelegated = |state: &mut State| state.zone_mut(seed::DNS_ZONE).unwrap().delegated = false;
    let (status, _) =
        looked_up("name: asuid.www.contoso.example, type: TXT", "found.records == `[]`", undelegated);
    assert_eq!(status, Status::Passed);
}

#[test]
fn a_name_that_could_not_be_asked_for_is_not_missing() {
    for (fails, words) in [
        ("servfail", "answered SERVFAIL"),
        ("refused", "answered REFUSED"),
        ("silence", "no answer within 20 s"),
    ] {
        let change = |state: &mut State| state.resolver_fails = Some(fails.to_owned());
        let dns = "name: asuid.www.contoso.example, type: TXT";
        // Nothing follows from records that nobody told, in either direction.
        for that in ["found.records == `[]`", "contains(found.records, 'abc')", "!(found.owner)"] {
            let (status, detail) = looked_up(dns, that, change);
            assert_eq!(status, Status::CouldNotCheck, "{fails} {that}");
            assert!(detail.contains(words), "{detail}");
        }
        let (status, _) =
            looked_up(dns, "found.refused && found.name == 'asuid.www.contoso.example'", change);
        assert_eq!(status, Status::Passed);
        let check =
            "dns: { name: asuid.www.contoso.example, type: TXT, expect: \"${contains(it.records, 'abc')}\" }";
        let (world, _folder) = asking(&format!("verify: [{{ {check} }}]\nprerequisites: [{{ {check} }}]\n"));
        let world = world.edited(change);
        let found = world.verify(&["asks"], &[]);
        let own: Vec<_> = found.iter().filter(|one| one.name == "asuid.www.contoso.example TXT").collect();
        assert!(!own.is_empty() && own.iter().all(|one| one.status == Status::CouldNotCheck), "{found:#?}");
        assert_eq!(own[0].fix.as_deref(), Some("ask another resolver: --resolver ADDRESS"));
        let observed = world.plan(&["asks"], &[]).unwrap();
        assert!(failed(&observed.plan.prerequisites).is_empty());
    }
}

#[test]
fn a_check_tells_what_it_found() {
    for (check, status, detail) in [
        (
            "name: www.contoso.example, type: CNAME, expect: \"${it.records == ['other.example']}\"",
            Status::Failed,
            format!("www.contoso.example CNAME ca-demo.{DOMAIN}"),
        ),
        (
            "name: gone.contoso.example, type: TXT, expect: \"${it.records}\"",
            Status::Failed,
            "gone.contoso.example has no TXT record".to_owned(),
        ),
        (
            "name: a.contoso.example, type: CAA, climb: true, expect: \"${length(it.records) == `2`}\"",
            Status::Passed,
            "contoso.example CAA 0 issue digicert.com, 0 issue letsencrypt.org".to_owned(),
        ),
    ] {
        let (world, _folder) = asking(&format!("verify: [{{ name: own, dns: {{ {check} }} }}]\n"));
        let found = world.edited(records).verify(&["asks"], &[]);
        let own = found.iter().find(|one| one.name == "own").unwrap();
        assert_eq!((own.status, own.detail.as_deref()), (status, Some(detail.as_str())), "{check}");
    }
}

#[test]
fn a_name_that_is_none_is_a_mistake() {
    for (name, words) in [
        ("a b.example", "is no host name"),
        ("https://contoso.example/", "is no host name"),
        ("127.0.0.1", "is an address, not a name"),
        ("\"${''}\"", "is empty"),
    ] {
        let (world, _folder) = asking(&format!(
            "existing: {{ found: {{ dns: {{ name: {name}, type: A }} }} }}\nprerequisites: [{{ that: \"${{found.records}}\" }}]\n"
        ));
        let observed = world.plan(&["asks"], &[]).unwrap();
        let told = observed.plan.problems.first().unwrap_or_else(|| panic!("{name}"));
        assert!(told.message.contains(words), "{name}: {}", told.message);
    }
}

/// Whoever keeps a zone sees what is asked for.
#[test]
fn what_may_not_be_shown_is_never_asked_for() {
    let value = "app.properties.template.containers[0].env[0].value";
    for lookup in [
        format!("dns: {{ name: \"asuid.${{{value}}}\", type: A }}"),
        format!("dns: {{ name: \"${{inputs.domain}}\", type: A }}, when: \"${{starts_with({value}, 'i')}}\""),
    ] {
        let (world, _folder) = asking(&format!(
            "inputs: {{ domain: {{ default: contoso.example, description: D. }} }}\nexisting: {{ found: {{ {lookup} }} }}\nprerequisites: [{{ that: \"${{found.records}}\" }}]\n"
        ));
        let found = Catalogue::load(&world.folders, false).unwrap_err();
        assert!(found.iter().any(|one| one.code == codes::SECRET_EXAMINED), "{lookup}: {found:#?}");
        assert_eq!(lookups(&world), 0);
    }
}

/// Else whoever keeps the zone would learn what decides that the answer is looked at.
#[test]
fn a_name_is_asked_for_whoever_looks_at_the_answer() {
    let value = "app.properties.template.containers[0].env[0].value";
    for that in [format!("starts_with({value}, 'no such') && found.records"), "`true`".to_owned()] {
        let (world, _folder) = asking(&format!(
            "existing: {{ found: {{ dns: {{ name: www.contoso.example, type: A }} }} }}\nprerequisites: [{{ that: \"${{{that}}}\" }}]\n"
        ));
        let _ = world.plan(&["asks"], &[]).unwrap();
        assert_eq!(lookups(&world), 1, "{that}");
    }
}

const CHECK: &str = "dns: { name: asuid.www.contoso.example, type: TXT, expect: \"${contains(it.records, 'abc')}\" }, within: 5m";

fn lookups(world: &World) -> usize {
    let events = world.seen.events.lock().unwrap();
    events.iter().filter(|event| matches!(event, Event::LookedUp { .. })).count()
}

/// A record that shows after this many seconds.
fn later(seconds: u64) -> impl FnOnce(&mut State) {
    move |state: &mut State| {
        state.zone_mut(seed::DNS_ZONE).unwrap().delay = seconds;
        seed::dns_record(state, "TXT", "asuid.www", &["abc"], START);
    }
}

#[test]
fn a_verification_is_asked_again_until_it_holds() {
    for (seconds, status) in [(60, Status::Passed), (600, Status::Failed)] {
        let (world, _folder) = asking(&format!("verify: [{{ name: own, {CHECK} }}]\n"));
        let world = world.edited(later(seconds));
        let found = world.verify(&["asks"], &[]);
        let own = found.iter().find(|one| one.name == "own").unwrap();
        assert_eq!(own.status, status, "{own:?}");
        assert!(own.detail.as_deref().unwrap().contains("(asked "), "{own:?}");
        assert!(lookups(&world) > 5, "{}", lookups(&world));
    }
    // No plan asks what only a verification wants to know.
    let (world, _folder) = asking(&format!("verify: [{{ name: own, {CHECK} }}]\n"));
    let _ = world.plan(&["asks"], &[]).unwrap();
    assert_eq!(lookups(&world), 0);
}

#[test]
fn a_prerequisite_is_waited_for_only_where_somebody_asks_for_that() {
    let recipe = format!("prerequisites: [{{ name: own, {CHECK} }}]\n");
    for (seconds, status) in [(60, Status::Passed), (600, Status::Failed)] {
        let (world, _folder) = asking(&recipe);
        let world = world.edited(later(seconds));
        let observed = world.plan(&["asks"], &[]).unwrap();
        let own = |plan: &acarecipe::plan::Plan| {
            plan.prerequisites.iter().find(|one| one.name == "own").map(|one| one.status)
        };
        assert_eq!((own(&observed.plan), lookups(&world)), (Some(Status::Failed), 1));
        let (selection, target) = (world.selection(&["asks"], &[]), world.target());
        let before = world.clock.now();
        let observed =
            World::block_on(world.executor().observe_awaited(observed, &selection, &target)).unwrap();
        assert_eq!(own(&observed.plan), Some(status));
        let waited: Duration = (world.clock.now() - before).try_into().unwrap();
        let expected = if status == Status::Passed { 60..75 } else { 300..301 };
        assert!(expected.contains(&waited.as_secs()), "{waited:?}");
    }
    // Something else is missing: nobody waits.
    let (world, _folder) = asking(&format!(
        "prerequisites: [{{ name: own, {CHECK} }}, {{ name: never, that: \"${{`false`}}\" }}]\n"
    ));
    let observed = world.plan(&["asks"], &[]).unwrap();
    let (selection, target) = (world.selection(&["asks"], &[]), world.target());
    let before = world.clock.now();
    let _ = World::block_on(world.executor().observe_awaited(observed, &selection, &target)).unwrap();
    assert_eq!(world.clock.now(), before);
}

const RECORD: &str = "existing: { zone: { type: Microsoft.Network/dnsZones, name: contoso.example, resource_group: rg-shared } }
steps:
  - id: txt
    why: the name is ours
    resource:
      type: Microsoft.Network/dnsZones/TXT
      parent: \"${zone.id}\"
      name: asuid.www
      body: { properties: { TTL: 300, TXTRecords: [{ value: [abc] }] } }
  - id: alias
    why: the name leads to the app
    resource:
      type: Microsoft.Network/dnsZones/CNAME
      parent: \"${zone.id}\"
      name: www
      body: { properties: { TTL: 300, CNAMERecord: { cname: \"${app.properties.configuration.ingress.fqdn}\" } } }
verify:
  - { name: seen, dns: { name: asuid.www.contoso.example, type: TXT, expect: \"${contains(it.records, 'abc')}\" } }
  - { name: leads, dns: { name: www.contoso.example, type: CNAME, expect: \"${it.records == [lower(root().app.properties.configuration.ingress.fqdn)]}\" } }
";

#[test]
fn records_are_written_and_seen_and_a_second_run_writes_nothing() {
    let (world, _folder) = asking(RECORD);
    // A text of somebody else at the same name stays.
    let world = world.edited(|state| record(state, "TXT", "asuid.www", &["theirs"]));
    let start = world.count();
    let findings = world.apply(&["asks"], &[]).findings();
    assert!(failed(&findings).is_empty(), "{findings:#?}");
    let observed = world.verify(&["asks"], &[]);
    for name in ["seen", "leads"] {
        let one = observed.iter().find(|one| one.name == name).unwrap();
        assert_eq!(one.status, Status::Passed, "{one:?}");
    }
    let told = world.sandbox.name("asuid.www.contoso.example", "TXT");
    let NameReply::Records(texts) = &told else { panic!("{told:?}") };
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(writes(&world.exchanges_since(start)).len(), 2);
    let again = world.count();
    world.apply(&["asks"], &[]).ok();
    assert_eq!(writes(&world.exchanges_since(again)), []);
    // A target in another spelling is the same one.
    let target = format!("CA-DEMO.{DOMAIN}.");
    world.sandbox.edit(|state| {
        let zone = state.zone_mut(seed::DNS_ZONE).unwrap();
        let set = zone.records.get_mut("cname/www").unwrap();
        set.properties["CNAMERecord"] = json!({ "cname": target });
    });
    let again = world.count();
    world.apply(&["asks"], &[]).ok();
    assert_eq!(writes(&world.exchanges_since(again)), []);
}
