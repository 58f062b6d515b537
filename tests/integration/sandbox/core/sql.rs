//! SQL servers: what the control plane shows of them, and who gets in.

use acarecipe::sandbox::seed;
use serde_json::{Value as Json, json};

use super::World;
use crate::support::schema;

const VERSIONS: [&str; 3] = ["2025-01-01", "2023-08-01", "2021-11-01"];

fn below(kind: &str) -> String {
    format!("{}/{kind}", seed::sql_server_id(seed::SQL_SERVER))
}

#[track_caller]
fn described(world: &World) {
    let exchanges = world.sandbox.exchanges();
    schema::check(&exchanges).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

#[test]
fn a_server_is_shown_in_every_version_as_the_description_has_it() {
    for version in VERSIONS {
        let world = World::new();
        world.edit(|state| seed::variant::sql_closed(state, seed::SQL_SERVER, true));
        let get = |path: &str| {
            let joint = if path.contains('?') { '&' } else { '?' };
            world.get(&format!("{path}{joint}api-version={version}")).ok(200)
        };
        let server = get(&seed::sql_server_id(seed::SQL_SERVER));
        assert_eq!(server["properties"]["fullyQualifiedDomainName"], "sql-demo.database.windows.net");
        assert!(server["properties"].get("administrators").is_none(), "{server:#}");
        let expand = "?$expand=administrators/activedirectory";
        let expanded = get(&format!("{}{expand}", seed::sql_server_id(seed::SQL_SERVER)));
        assert_eq!(expanded["properties"]["administrators"]["login"], "owner@sandbox.example");
        for scope in [seed::group_id(seed::GROUP), seed::subscription_id()] {
            let list = get(&format!("{scope}/providers/Microsoft.Sql/servers"));
            assert_eq!(list["value"][0]["name"], "sql-demo");
        }
        let admin = get(&below("administrators/ActiveDirectory"));
        assert_eq!(admin["properties"]["login"], "owner@sandbox.example");
        assert_eq!(
            get(&below("azureADOnlyAuthentications/Default"))["properties"]["azureADOnlyAuthentication"],
            true
        );
        let names = |kind: &str| {
            let list = get(&below(kind))["value"].as_array().unwrap().clone();
            list.into_iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("databases"), ["master", "appdb"]);
        assert_eq!(names("firewallRules"), ["AllowAllWindowsAzureIps", "office"]);
        assert_eq!(names("administrators"), ["ActiveDirectory"]);
        assert_eq!(names("azureADOnlyAuthentications"), ["Default"]);
        assert_eq!(get(&below("databases/APPDB"))["properties"]["status"], "Online");
        described(&world);
    }
}

#[test]
fn what_is_not_there_is_said_in_the_words_of_the_service() {
    let world = World::new();
    world.get(&seed::sql_server_id("sql-none")).refused(404, "ResourceNotFound");
    world
        .get(&format!("{}/databases/appdb", seed::sql_server_id("sql-none")))
        .refused(404, "ParentResourceNotFound");
    let told = world.get(&below("databases/nodb")).refused(404, "ResourceNotFound");
    assert!(
        told.message().contains("'Microsoft.Sql/servers/databases' with name 'nodb'"),
        "{}",
        told.message()
    );
    world.edit(|state| state.sql_server_mut(seed::SQL_SERVER).unwrap().administrator = None);
    world.get(&below("administrators/ActiveDirectory")).refused(404, "ResourceNotFound");
    assert_eq!(world.get(&below("administrators")).ok(200)["value"], json!([]));
    described(&world);
}

#[test]
fn a_caller_sees_and_writes_what_its_roles_allow() {
    let rule = json!({ "properties": { "startIpAddress": "198.51.100.1", "endIpAddress": "198.51.100.9" } });
    for (caller, reads, writes) in [
        ("owner", true, true),
        ("contributor", true, true),
        ("group-scoped", true, true),
        ("reader", true, false),
        ("app-scoped", false, false),
    ] {
        let world = World::new().by(caller);
        for kind in ["", "databases/appdb", "administrators/ActiveDirectory", "firewallRules"] {
            let path = below(kind).trim_end_matches('/').to_owned();
            let got = world.get(&path);
            assert_eq!(got.status, if reads { 200 } else { 403 }, "{caller} {kind}");
        }
        let got = world.send("PUT", &below("firewallRules/more"), Some(&rule));
        assert_eq!(got.status, if writes { 201 } else { 403 }, "{caller}");
        described(&world);
    }
}

#[test]
fn what_the_fix_commands_write_is_kept() {
    let world = World::new();
    world.edit(|state| {
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.administrator = None;
        server.entra_only = false;
        server.firewall_rules.clear();
        server.databases.clear();
    });
    let put = |kind: &str, body: &Json| world.send("PUT", &below(kind), Some(body));
    let sid = "44444444-4444-4444-8444-000000000001";
    let admin =
        json!({ "properties": { "administratorType": "ActiveDirectory", "login": "dba", "sid": sid } });
    let only = json!({ "properties": { "azureADOnlyAuthentication": true } });
    put("azureADOnlyAuthentications/Default", &only).refused(400, "AADAdminNotConfigured");
    assert_eq!(put("administrators/ActiveDirectory", &admin).ok(200)["properties"]["sid"], sid);
    put("administrators/ActiveDirectory", &admin).ok(200);
    put("azureADOnlyAuthentications/Default", &only).ok(200);
    let database = json!({ "location": seed::LOCATION, "sku": { "name": "S0", "tier": "Standard" } });
    assert_eq!(put("databases/appdb", &database).ok(200)["sku"]["name"], "S0");
    let rule = json!({ "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0" } });
    put("firewallRules/azure", &rule).ok(201);
    let closed = json!({ "properties": { "publicNetworkAccess": "Disabled" } });
    let patched = world.send("PATCH", &seed::sql_server_id(seed::SQL_SERVER), Some(&closed)).ok(200);
    assert_eq!(patched["properties"]["publicNetworkAccess"], "Disabled");
    put("firewallRules/more", &rule).refused(400, "DenyPublicEndpointEnabled");
    let server = world.edit(|state| state.sql_server(seed::SQL_SERVER).unwrap().clone());
    assert_eq!(server.administrator.unwrap().login, "dba");
    assert!(server.entra_only && server.databases.contains_key("appdb"));
    assert_eq!(server.firewall_rules.keys().collect::<Vec<_>>(), ["azure"]);
    for status in [200, 204] {
        let got = world.send("DELETE", &below("databases/appdb"), None);
        assert_eq!(got.status, status, "{:#}", got.body);
    }
    world.edit(|state| seed::variant::lock(state, &seed::sql_server_id(seed::SQL_SERVER), "ReadOnly"));
    put("databases/appdb", &database).refused(409, "ScopeLocked");
    described(&world);
}
