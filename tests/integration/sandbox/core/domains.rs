//! Custom domains: host names, certificates, and what DNS has to say first.

use acarecipe::sandbox::seed::variant::domains as variant;
use acarecipe::sandbox::{Exchange, seed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::{Got, START, World, path_of};
use crate::support::certificates::made;
use crate::support::schema;

pub(super) const HOST: &str = "shop.contoso.example";
pub(super) const APEX: &str = "contoso.example";
/// The app's own name.
pub(super) const OWN: &str = "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io";
const IP: &str = "20.61.0.2";

/// A PATCH body with these custom domains.
pub(super) fn domains(entries: &Json) -> Json {
    json!({ "properties": { "configuration": { "ingress": { "customDomains": entries } } } })
}

pub(super) fn disabled(host: &str) -> Json {
    domains(&json!([{ "name": host, "bindingType": "Disabled" }]))
}

pub(super) fn bound(host: &str, certificate: &str) -> Json {
    domains(&json!([{ "name": host, "bindingType": "SniEnabled", "certificateId": certificate }]))
}

/// The records of a host name, as they have to be.
pub(super) fn pointed(world: &World, host: &str) {
    let proof = world.app()["properties"]["customDomainVerificationId"].as_str().unwrap().to_owned();
    world.edit(|state| {
        variant::record(state, &format!("asuid.{host}"), "TXT", &proof);
        if host == APEX {
            variant::record(state, host, "A", IP);
        } else {
            variant::record(state, host, "CNAME", OWN);
        }
    });
}

pub(super) fn managed_id(name: &str) -> String {
    format!("{}/managedCertificates/{name}", seed::environment_id())
}

pub(super) fn certificate_id(name: &str) -> String {
    format!("{}/certificates/{name}", seed::environment_id())
}

pub(super) fn order(world: &World, name: &str, host: &str, validation: &str) -> Got {
    let body = json!({
        "location": "westeurope",
        "properties": { "subjectName": host, "domainControlValidation": validation },
    });
    world.send("PUT", &managed_id(name), Some(&body))
}

pub(super) fn brought(value: &str, password: Option<&str>) -> Json {
    let mut body = json!({ "location": "westeurope", "properties": { "value": value } });
    if let Some(password) = password {
        body["properties"]["password"] = json!(password);
    }
    body
}

fn state_of(world: &World, name: &str) -> Json {
    world.get(&managed_id(name)).ok(200)["properties"]["provisioningState"].clone()
}

/// A host name that the app has, not bound.
pub(super) fn with_host(world: &World, host: &str) {
    pointed(world, host);
    world.patched(&disabled(host));
}

#[test]
fn from_dns_to_a_bound_certificate() {
    let world = World::new();
    with_host(&world, HOST);
    let got = order(&world, "mc-shop", HOST, "CNAME");
    let status = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
    let made = got.ok(201);
    assert_eq!(made["properties"]["provisioningState"], "Pending");
    assert_eq!(world.get(&status).ok(200)["status"], "InProgress");
    world.patch(&bound(HOST, &managed_id("mc-shop"))).refused(400, "CertificateNotInSucceededState");
    world.pass(301);
    assert_eq!(world.get(&status).ok(200)["status"], "Succeeded");
    assert_eq!(state_of(&world, "mc-shop"), "Succeeded");
    let app = world.patched(&bound(HOST, &managed_id("mc-shop").to_uppercase()));
    let domain = &app["properties"]["configuration"]["ingress"]["customDomains"][0];
    assert_eq!(domain["bindingType"], "SniEnabled");
    world.send("DELETE", &managed_id("mc-shop"), None).refused(400, "CertificateInUse");
    world.patched(&domains(&json!([])));
    world.send("DELETE", &managed_id("mc-shop"), None).ok(200);
    world.send("DELETE", &managed_id("mc-shop"), None).ok(204);
    world.get(&managed_id("mc-shop")).refused(404, "ResourceNotFound");
    let exchanges: Vec<Exchange> = world.sandbox.exchanges();
    schema::check(&exchanges).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

#[test]
fn a_host_name_needs_proof_and_is_one_apps() {
    let world = World::new();
    let got = world.patch(&disabled(HOST)).refused(400, "InvalidCustomHostNameValidation");
    assert!(
        got.message().starts_with("A TXT record pointing from asuid.shop.contoso.example to "),
        "{got:?}"
    );
    pointed(&world, HOST);
    world.edit(|state| variant::domain_elsewhere(state, "ca-other", HOST));
    let got = world.patch(&disabled(HOST)).refused(400, "CustomDomainConflictOnEnvironment");
    assert!(got.message().contains("/ca-other"), "{got:?}");
    let world = World::new();
    with_host(&world, HOST);
    // What is there is not proved again, in whatever spelling it is sent back.
    world.edit(|state| state.zone_mut(seed::DNS_ZONE).unwrap().records.clear());
    world.patched(&domains(&json!([{ "name": "SHOP.contoso.example", "bindingType": "Disabled" }])));
    let twice = json!([
        { "name": HOST, "bindingType": "Disabled" }, { "name": HOST.to_uppercase(), "bindingType": "Disabled" },
    ]);
    assert_eq!(world.patch(&domains(&twice)).status, 400);
    assert_eq!(world.patch(&disabled("not a name")).status, 400);
}

#[test]
fn the_environments_own_names_are_not_to_be_had() {
    let world = World::new();
    world.edit(|state| variant::dns_suffix(state, "apps.contoso.example"));
    for host in [
        "x.apps.contoso.example",
        "apps.contoso.example",
        "x.happyfield-12345678.westeurope.azurecontainerapps.io",
    ] {
        world.patch(&disabled(host)).refused(400, "InvalidCustomHostName");
    }
    pointed(&world, "myapps.contoso.example");
    world.patched(&disabled("myapps.contoso.example"));
}

#[test]
fn a_managed_certificate_wants_the_host_name_first_and_only_once() {
    let world = World::new();
    pointed(&world, HOST);
    let got = order(&world, "mc-shop", HOST, "CNAME").refused(400, "RequireCustomHostnameInEnvironment");
    assert!(
        got.message().contains("'shop.contoso.example'") && got.message().contains("'cae-demo'"),
        "{got:?}"
    );
    world.patched(&disabled(HOST));
    order(&world, "mc-shop", HOST, "CNAME").ok(201);
    let got =
        order(&world, "mc-again", HOST, "CNAME").refused(400, "DuplicateManagedCertificateInEnvironment");
    assert!(got.message().contains("certificate name 'mc-shop'"), "{got:?}");
    // The same order again, while it is pending and once it is there, is no other.
    order(&world, "mc-shop", HOST, "CNAME").ok(200);
    world.pass(301);
    order(&world, "mc-shop", HOST, "CNAME").ok(200);
    let list = world.get(&format!("{}/managedCertificates", seed::environment_id())).ok(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    let tagged = world.send("PATCH", &managed_id("mc-shop"), Some(&json!({ "tags": { "a": "b" } }))).ok(200);
    assert_eq!(tagged["tags"]["a"], "b");
}

type Doing<'a> = &'a dyn Fn(&World);

#[test]
fn a_certificate_pends_until_dns_and_ingress_are_right() {
    // What is wrong, and what mends it.
    type Change = fn(&World);
    let proxied: Change = |world| {
        world.edit(|state| {
            variant::record(state, HOST, "CNAME", "shop.trafficmanager.net");
        });
    };
    let direct: Change = |world| {
        world.edit(|state| {
            variant::record(state, HOST, "CNAME", OWN);
        });
    };
    let ingress = |world: &World, external: bool| {
        world.edit(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            app.model["properties"]["configuration"]["ingress"]["external"] = json!(external);
        });
    };
    let transport = |world: &World, word: &str| {
        world.edit(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            app.model["properties"]["configuration"]["ingress"]["transport"] = json!(word);
        });
    };
    let closed: Change = |world| {
        world.edit(|state| variant::record(state, APEX, "CAA", "letsencrypt.org"));
    };
    let allowed: Change = |world| {
        world.edit(|state| variant::record(state, APEX, "CAA", "digicert.com; account=1"));
    };
    let cases: [(&str, Doing<'_>, Doing<'_>); 5] = [
        ("in between", &proxied, &direct),
        ("CAA", &closed, &allowed),
        ("internal", &|world| ingress(world, false), &|world| ingress(world, true)),
        ("tcp", &|world| transport(world, "Tcp"), &|world| transport(world, "auto")),
        ("stopped", &|world| world.edit(seed::variant::stopped), &|world| {
            world.edit(|state| state.app_mut(seed::APP).unwrap().stopped = false);
        }),
    ];
    for (name, damage, mend) in cases {
        let world = World::new();
        with_host(&world, HOST);
        order(&world, "mc-shop", HOST, "CNAME").ok(201);
        damage(&world);
        world.pass(3000);
        assert_eq!(state_of(&world, "mc-shop"), "Pending", "{name}");
        mend(&world);
        assert_eq!(state_of(&world, "mc-shop"), "Succeeded", "{name}");
    }
}

#[test]
fn an_apex_is_validated_over_http_and_never_by_a_text() {
    let world = World::new();
    with_host(&world, APEX);
    order(&world, "mc-apex", APEX, "CNAME").refused(400, "InvalidCustomHostNameValidation");
    let text = order(&world, "mc-text", APEX, "TXT").ok(201);
    assert!(!text["properties"]["validationToken"].as_str().unwrap().is_empty());
    world.pass(100_000);
    assert_eq!(state_of(&world, "mc-text"), "Pending");
    world.send("DELETE", &managed_id("mc-text"), None).ok(200);
    order(&world, "mc-apex", APEX, "HTTP").ok(201);
    world.pass(301);
    assert_eq!(state_of(&world, "mc-apex"), "Succeeded");
}

#[test]
fn a_failed_order_is_ordered_again_by_put() {
    let world = World::flipped("order-stays-pending");
    with_host(&world, HOST);
    let got = order(&world, "mc-shop", HOST, "CNAME");
    let status = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
    world.edit(|state| variant::record(state, HOST, "CAA", ";"));
    world.pass(1801);
    let body = world.get(&managed_id("mc-shop")).ok(200);
    assert_eq!(body["properties"]["provisioningState"], "Failed");
    assert_eq!(body["properties"]["error"], "CAA records do not allow digicert.com");
    assert_eq!(world.get(&status).ok(200)["status"], "Failed");
    world.edit(|state| variant::no_record(state, HOST, "CAA"));
    world.pass(1801);
    assert_eq!(state_of(&world, "mc-shop"), "Failed");
    order(&world, "mc-shop", HOST, "CNAME").ok(201);
    world.pass(301);
    assert_eq!(state_of(&world, "mc-shop"), "Succeeded");
}

#[test]
fn the_address_of_an_order_needs_a_right_of_its_own() {
    let world = World::new();
    with_host(&world, HOST);
    let scoped = world.by("group-scoped");
    let got = order(&scoped, "mc-shop", HOST, "CNAME");
    let status = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
    scoped.get(&status).refused(403, "AuthorizationFailed");
    world.pass(301);
    assert_eq!(scoped.get(&managed_id("mc-shop")).ok(200)["properties"]["provisioningState"], "Succeeded");
    for caller in ["app-scoped", "reader"] {
        order(&world.by(caller), "mc-shop", HOST, "CNAME").refused(403, "AuthorizationFailed");
    }
}

#[test]
fn a_file_is_read_with_its_password_and_only_with_one_key() {
    let world = World::new();
    let one = made(&[HOST, "*.shop.contoso.example"], START, 90);
    let put = |name: &str, body: &Json| world.send("PUT", &certificate_id(name), Some(body));
    let pfx = put("own", &brought(&one.pfx_base64("s3cret"), Some("s3cret"))).ok(200);
    assert_eq!(pfx["properties"]["subjectName"], HOST);
    assert_eq!(pfx["properties"]["subjectAlternativeNames"], json!([HOST, "*.shop.contoso.example"]));
    assert_eq!(pfx["properties"]["valid"], true);
    assert!(pfx["properties"].get("value").is_none() && pfx["properties"].get("password").is_none());
    let pem = put("pem", &brought(&STANDARD.encode(one.pem()), None)).ok(200);
    assert_eq!(pem["properties"]["thumbprint"], pfx["properties"]["thumbprint"]);
    let got =
        put("own", &brought(&one.pfx_base64("s3cret"), Some("wrong"))).refused(400, "InvalidCertificate");
    assert_eq!(got.message(), "The certificate own is invalid or password is incorrect.");
    put("own", &brought("####", None)).refused(400, "InvalidCertificate");
    put("own", &brought(&STANDARD.encode("nothing"), None)).refused(400, "InvalidCertificate");
    let keys = format!("{}{}", one.pem(), one.key);
    for text in [one.leaf.clone(), keys] {
        let got = put("own", &brought(&STANDARD.encode(text), None));
        got.refused(400, "CertificateMustContainOnePrivateKey");
    }
    let other = made(&["other.example"], START, 90);
    let wrong_chain = format!("{}{}{}", one.key, one.leaf, other.issuer.replace('\r', ""));
    let upside_down = format!("{}{}{}", one.key, one.issuer, one.leaf);
    // Both authorities have one name here, so that only the order tells.
    put("own", &brought(&STANDARD.encode(wrong_chain), None)).ok(200);
    put("own", &brought(&STANDARD.encode(upside_down), None)).refused(400, "InvalidCertificate");
    // Another certificate under the same name.
    let renewed = put("own", &brought(&other.pfx_base64(""), None)).ok(200);
    assert_ne!(renewed["properties"]["thumbprint"], pfx["properties"]["thumbprint"]);
}

#[test]
fn a_certificate_fits_the_host_name_or_is_not_bound() {
    let world = World::new();
    with_host(&world, HOST);
    world.edit(|state| {
        variant::certificate(state, "own", HOST, START, 60);
        variant::certificate(state, "other", "other.contoso.example", START, 60);
    });
    world.patch(&bound(HOST, &certificate_id("nothing"))).refused(400, "CertificateNotFound");
    world.patch(&bound(HOST, &certificate_id("other"))).refused(400, "CertificateHostNameMismatch");
    let elsewhere = certificate_id("own").replace("cae-demo", "cae-other");
    world.patch(&bound(HOST, &elsewhere)).refused(400, "CertificateNotFound");
    let without = domains(&json!([{ "name": HOST, "bindingType": "SniEnabled" }]));
    assert_eq!(world.patch(&without).status, 400);
    world.patched(&bound(HOST, &certificate_id("own")));
    world.send("DELETE", &certificate_id("own"), None).refused(400, "CertificateInUse");
    world.send("DELETE", &certificate_id("other"), None).ok(200);
    let tagged = world.send("PATCH", &certificate_id("own"), Some(&json!({ "tags": { "a": "b" } }))).ok(200);
    assert_eq!(tagged["tags"]["a"], "b");
    let list = world.get(&format!("{}/certificates", seed::environment_id())).ok(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_certificate_in_a_vault_is_fetched_by_the_environment() {
    use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
    let world = World::new();
    let one = made(&[HOST], START, 90);
    world.edit(|state| {
        let vault = state.vault_mut(seed::VAULT).unwrap();
        let secret = vault.secrets.get_mut("api-key").unwrap();
        secret[0].value = one.pfx_base64("");
    });
    let reference = json!({ "location": "westeurope", "properties": { "certificateKeyVaultProperties": {
        "identity": seed::identity_id(seed::IDENTITY),
        "keyVaultUrl": "https://kv-demo.vault.azure.net/secrets/api-key",
    } } });
    let put = || world.send("PUT", &certificate_id("own"), Some(&reference));
    put().refused(400, "CertificateKeyVaultFetchFailed");
    world.edit(|state| {
        let environment = state.environments.values_mut().next().unwrap();
        environment.identity.user.push(seed::identity_id(seed::IDENTITY));
    });
    let got = put().refused(400, "CertificateKeyVaultFetchFailed");
    assert!(got.message().contains("ForbiddenByRbac"), "{got:?}");
    world.edit(|state| {
        seed::assign_role(
            state,
            &seed::vault_id(seed::VAULT),
            KEY_VAULT_SECRETS_USER,
            seed::IDENTITY_PRINCIPAL,
            START - time::Duration::DAY,
        );
    });
    let body = put().ok(200);
    assert_eq!(body["properties"]["subjectName"], HOST);
    assert!(body["properties"]["certificateKeyVaultProperties"].is_object());
}

#[test]
fn the_analysis_tells_what_dns_says_and_who_has_the_name() {
    let world = World::new();
    let ask = |caller: &str, host: &str| {
        let path = format!("{}/listCustomHostNameAnalysis?customHostname={host}", seed::app_id());
        world.by(caller).send("POST", &path, None)
    };
    let told = ask("owner", HOST).ok(200);
    assert_eq!(told["customDomainVerificationTest"], "Failed");
    assert!(told["customDomainVerificationFailureInfo"]["message"].as_str().unwrap().contains("asuid."));
    assert_eq!(told["hasConflictOnManagedEnvironment"], false);
    pointed(&world, HOST);
    let told = ask("owner", HOST).ok(200);
    assert_eq!(told["customDomainVerificationTest"], "Passed");
    assert_eq!(told["cNameRecords"], json!([OWN]));
    assert_eq!(told["isHostnameAlreadyVerified"], false);
    world.patched(&disabled(HOST));
    assert_eq!(ask("owner", HOST).ok(200)["isHostnameAlreadyVerified"], true);
    world.edit(|state| variant::domain_elsewhere(state, "ca-other", "www.contoso.example"));
    let told = ask("owner", "www.contoso.example").ok(200);
    assert_eq!(told["hasConflictOnManagedEnvironment"], true);
    assert!(told["conflictingContainerAppResourceId"].as_str().unwrap().ends_with("/ca-other"));
    ask("reader", HOST).refused(403, "AuthorizationFailed");
}

/// What a client sees of an assumption of this part.
pub(super) fn observe(name: &str, world: &World) -> Json {
    match name {
        "cname-checked-at-once" => {
            with_host(world, APEX);
            json!(order(world, "mc", APEX, "CNAME").status)
        }
        "order-stays-pending" => {
            with_host(world, HOST);
            order(world, "mc", HOST, "CNAME").ok(201);
            world.edit(|state| variant::record(state, HOST, "CAA", "letsencrypt.org"));
            world.pass(2000);
            state_of(world, "mc")
        }
        "validation-follows-redirect" => {
            with_host(world, APEX);
            order(world, "mc", APEX, "HTTP").ok(201);
            world.pass(600);
            let first = state_of(world, "mc");
            world.edit(|state| variant::insecure(state, true));
            assert_eq!(state_of(world, "mc"), "Succeeded");
            first
        }
        "subject-without-cn" => {
            with_host(world, HOST);
            order(world, "mc", HOST, "CNAME").ok(201)["properties"]["subjectName"].clone()
        }
        "certificate-must-cover" => {
            with_host(world, HOST);
            world.edit(|state| drop(variant::certificate(state, "own", "other.example", START, 60)));
            json!(world.patch(&bound(HOST, &certificate_id("own"))).status)
        }
        "sni-needs-certificate" => {
            with_host(world, HOST);
            let without = domains(&json!([{ "name": HOST, "bindingType": "SniEnabled" }]));
            json!(world.patch(&without).status)
        }
        "chain-order-checked" => {
            let one = made(&[HOST], START, 90);
            let text = format!("{}{}{}", one.key, one.issuer, one.leaf);
            json!(
                world
                    .send("PUT", &certificate_id("own"), Some(&brought(&STANDARD.encode(text), None)))
                    .status
            )
        }
        _ => {
            for host in [HOST, "other.example"] {
                let one = made(&[host], START, 90);
                let body = brought(&one.pfx_base64(""), None);
                let got = world.send("PUT", &certificate_id("own"), Some(&body));
                if host != HOST {
                    return json!(got.status);
                }
                got.ok(200);
            }
            Json::Null
        }
    }
}
