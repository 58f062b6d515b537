//! DNS zones and their record sets: who may, what replaces what, and what never stands together.

use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::{NameRecord, NameReply, seed};
use serde_json::{Value as Json, json};

use super::{Got, World, read};

fn set(kind: &str, name: &str) -> String {
    format!("{}/{kind}/{name}", seed::dns_zone_id(seed::DNS_ZONE))
}

fn txt(values: &[&str]) -> Json {
    let records: Vec<Json> = values.iter().map(|value| json!({ "value": [value] })).collect();
    json!({ "properties": { "TTL": 300, "TXTRecords": records } })
}

fn cname(target: &str) -> Json {
    json!({ "properties": { "TTL": 300, "CNAMERecord": { "cname": target } } })
}

fn put(world: &World, kind: &str, name: &str, body: &Json) -> Got {
    world.send("PUT", &set(kind, name), Some(body))
}

/// A PUT with one more header.
fn put_if(world: &World, name: &str, header: (&str, &str), body: &Json) -> Got {
    let headers = [("authorization", "Bearer sandbox-owner"), header];
    let reply = world.sandbox.handle(&Request {
        method: "PUT".to_owned(),
        host: "management.azure.com".to_owned(),
        path: set("TXT", name),
        query: vec![("api-version".to_owned(), "2018-05-01".to_owned())],
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: body.to_string().into_bytes(),
    });
    match reply {
        Reply::Answer(response) => read(response),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_zone_is_shown_with_its_name_servers() {
    let world = World::new();
    let zone = world.get(&seed::dns_zone_id(seed::DNS_ZONE)).ok(200);
    assert_eq!((&zone["location"], &zone["properties"]["zoneType"]), (&json!("global"), &json!("Public")));
    assert_eq!(zone["properties"]["nameServers"].as_array().unwrap().len(), 4);
    let all = world.get(&format!("{}/recordsets", seed::dns_zone_id(seed::DNS_ZONE))).ok(200);
    let kinds: Vec<&str> =
        all["value"].as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["Microsoft.Network/dnszones/NS", "Microsoft.Network/dnszones/SOA", "Microsoft.Network/dnszones/TXT"]
    );
    let zones = format!("{}/providers/Microsoft.Network/dnsZones", seed::subscription_id());
    assert_eq!(world.get(&zones).ok(200)["value"].as_array().unwrap().len(), 1);
    world.get(&seed::dns_zone_id("other.example")).refused(404, "ResourceNotFound");
    world.get(&set("TXT", "gone")).refused(404, "NotFound");
    // The zone lies in a group of others.
    world.by("group-scoped").get(&seed::dns_zone_id(seed::DNS_ZONE)).refused(403, "AuthorizationFailed");
    put(&world.by("reader"), "TXT", "a", &txt(&["x"])).refused(403, "AuthorizationFailed");
}

#[test]
fn a_put_replaces_the_whole_record_set() {
    let world = World::new();
    let made = put(&world, "TXT", "asuid.www", &txt(&["a", "b"])).ok(201);
    assert_eq!(made["properties"]["fqdn"], "asuid.www.contoso.example.");
    let again = put(&world, "TXT", "ASUID.www", &txt(&["c"])).ok(200);
    assert_eq!(again["properties"]["TXTRecords"], json!([{ "value": ["c"] }]));
    assert_ne!(made["etag"], again["etag"]);
    let NameReply::Records(records) = world.sandbox.name("asuid.www.contoso.example.", "TXT") else {
        panic!()
    };
    assert_eq!(records, [NameRecord::Txt(vec!["c".to_owned()])]);
    assert_eq!(world.send("DELETE", &set("TXT", "asuid.www"), None).status, 200);
    assert_eq!(world.send("DELETE", &set("TXT", "asuid.www"), None).status, 204);
    assert_eq!(world.sandbox.name("asuid.www.contoso.example.", "TXT"), NameReply::NoName);
}

#[test]
fn etags_guard_what_was_seen() {
    let world = World::new();
    let made = put_if(&world, "a", ("if-none-match", "*"), &txt(&["one"])).ok(201);
    put_if(&world, "a", ("if-none-match", "*"), &txt(&["two"])).refused(412, "PreconditionFailed");
    put_if(&world, "a", ("if-match", "other"), &txt(&["two"])).refused(412, "PreconditionFailed");
    let etag = made["etag"].as_str().unwrap().to_owned();
    put_if(&world, "a", ("if-match", &etag), &txt(&["two"])).ok(200);
    put_if(&world, "a", ("if-match", &etag), &txt(&["three"])).refused(412, "PreconditionFailed");
    put_if(&world, "gone", ("if-match", "*"), &txt(&["x"])).refused(412, "PreconditionFailed");
}

#[test]
fn a_cname_stands_alone_and_never_at_the_apex() {
    let world = World::new();
    put(&world, "CNAME", "www", &cname("a.example")).ok(201);
    // One target takes the place of the other.
    put(&world, "CNAME", "www", &cname("b.example")).ok(200);
    let refused = put(&world, "TXT", "WWW", &txt(&["x"])).refused(409, "Conflict");
    assert!(refused.message().contains("a CNAME record with the same name already exists"));
    put(
        &world,
        "A",
        "api",
        &json!({ "properties": { "TTL": 60, "ARecords": [{ "ipv4Address": "192.0.2.1" }] } }),
    )
    .ok(201);
    let refused = put(&world, "CNAME", "api", &cname("a.example")).refused(409, "Conflict");
    assert!(refused.message().contains("another record with the same name already exists"));
    put(&world, "CNAME", "@", &cname("a.example")).refused(400, "BadRequest");
    put(&world, "CNAME", "b", &cname("https://a.example/")).refused(400, "BadRequest");
    put(&world, "SOA", "b", &json!({ "properties": { "TTL": 60 } })).refused(400, "BadRequest");
    for body in [
        json!({ "properties": { "TXTRecords": [{ "value": ["x"] }] } }),
        json!({ "properties": { "TTL": 0, "TXTRecords": [{ "value": ["x"] }] } }),
        json!({ "properties": { "TTL": 60, "TXTRecords": [{ "value": ["x".repeat(256)] }] } }),
    ] {
        put(&world, "TXT", "b", &body).refused(400, "BadRequest");
    }
}

#[test]
fn the_world_sees_delegated_zones_and_the_names_of_apps_only() {
    let world = World::new();
    let zones = format!("{}/providers/Microsoft.Network/dnsZones", seed::group_id(seed::GROUP));
    let made =
        world.send("PUT", &format!("{zones}/fabrikam.example"), Some(&json!({ "location": "global" })));
    assert_eq!(made.status, 201);
    let record = format!("{zones}/fabrikam.example/TXT/@");
    world.send("PUT", &record, Some(&txt(&["x"]))).ok(201);
    assert_eq!(world.sandbox.name("fabrikam.example", "TXT"), NameReply::NoName);
    world.edit(|state| state.zone_mut("fabrikam.example").unwrap().delegated = true);
    assert!(matches!(world.sandbox.name("FABRIKAM.example", "TXT"), NameReply::Records(_)));
    assert_eq!(world.sandbox.name("fabrikam.example", "A"), NameReply::Nothing);
    assert_eq!(world.sandbox.name("other.fabrikam.example", "A"), NameReply::NoName);
    let app = "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io";
    let address = NameRecord::A("20.61.0.2".parse().unwrap());
    assert_eq!(world.sandbox.name(app, "A"), NameReply::Records(vec![address.clone()]));
    // An alias on the way comes first; a wildcard stands for what has no records of its own.
    put(&world, "CNAME", "*", &cname(app)).ok(201);
    let alias = NameRecord::Cname { owner: "any.contoso.example".to_owned(), target: app.to_owned() };
    assert_eq!(world.sandbox.name("any.contoso.example", "A"), NameReply::Records(vec![alias, address]));
    put(&world, "TXT", "any", &txt(&["x"])).ok(201);
    assert_eq!(world.sandbox.name("any.contoso.example", "A"), NameReply::Nothing);
    // A circle of aliases ends.
    put(&world, "CNAME", "x", &cname("y.contoso.example")).ok(201);
    put(&world, "CNAME", "y", &cname("x.contoso.example")).ok(201);
    assert_eq!(world.sandbox.name("x.contoso.example", "A"), NameReply::Failed("SERVFAIL"));
}

/// A record set that is an alias of a resource, and what a PUT of it with records comes to.
pub(super) fn alias_with_records(world: &World) -> Got {
    let target =
        format!("{}/providers/Microsoft.Network/publicIPAddresses/front", seed::group_id(seed::GROUP));
    let mut properties = json!({ "TTL": 60, "targetResource": { "id": target } });
    let alone = put(world, "A", "@", &json!({ "properties": properties })).ok(201);
    assert_eq!(alone["properties"]["targetResource"]["id"], target);
    properties["ARecords"] = json!([{ "ipv4Address": "192.0.2.1" }]);
    put(world, "A", "@", &json!({ "properties": properties }))
}

#[test]
fn an_alias_of_a_resource_stays_one_only_in_a_put_that_says_so() {
    let world = World::new();
    alias_with_records(&world).refused(400, "BadRequest");
    assert!(world.get(&set("A", "@")).ok(200)["properties"]["targetResource"]["id"].is_string());
    let without = json!({ "properties": { "TTL": 60, "ARecords": [{ "ipv4Address": "192.0.2.1" }] } });
    let put = put(&world, "A", "@", &without).ok(200);
    assert_eq!(put["properties"]["targetResource"], json!({}));
}
