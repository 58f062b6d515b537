//! The registries' own API: from a caller's token to a tag's digest.

use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::roles::{ACR_PULL, REPOSITORY_READER};
use acarecipe::sandbox::{Service, seed};
use serde_json::{Value as Json, json};
use url::form_urlencoded;

use super::{Got, World, read};
use crate::support::schema;

const EVERYTHING: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                          application/vnd.oci.image.index.v1+json";

/// A request to a registry's login server.
#[track_caller]
fn ask(world: &World, registry: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
    match send(world, &seed::login_server(registry), method, path, headers, body) {
        Reply::Answer(response) => read(response),
        other => panic!("no answer but {other:?}"),
    }
}

fn send(world: &World, host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    world.sandbox.handle(&Request {
        method: method.to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
    })
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Exchanges the world's caller's token.
pub(super) fn exchange(world: &World, registry: &str) -> Got {
    let server = seed::login_server(registry);
    let fields = form(&[
        ("grant_type", "access_token"),
        ("service", &server),
        ("tenant", seed::TENANT),
        ("access_token", &format!("sandbox-{}", world.caller)),
    ]);
    ask(world, registry, "POST", "/oauth2/exchange", &[], &fields)
}

/// Asks for an access token.
pub(super) fn token(world: &World, registry: &str, refresh: &Json, repository: &str) -> Got {
    let server = seed::login_server(registry);
    let fields = form(&[
        ("grant_type", "refresh_token"),
        ("service", &server),
        ("scope", &format!("repository:{repository}:pull")),
        ("refresh_token", refresh.as_str().unwrap()),
    ]);
    ask(world, registry, "POST", "/oauth2/token", &[], &fields)
}

/// The access token that the world's caller gets.
#[track_caller]
pub(super) fn access(world: &World, registry: &str, repository: &str) -> String {
    let refresh = exchange(world, registry).ok(200)["refresh_token"].clone();
    let token = token(world, registry, &refresh, repository).ok(200);
    token["access_token"].as_str().unwrap().to_owned()
}

/// `HEAD` of a manifest.
pub(super) fn manifest(
    world: &World,
    registry: &str,
    repository: &str,
    reference: &str,
    token: &str,
    accept: &str,
) -> Got {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("accept", accept)];
    let path = format!("/v2/{repository}/manifests/{reference}");
    ask(world, registry, "HEAD", &path, &headers, "")
}

/// The code in a registry's refusal.
#[track_caller]
fn code(got: &Got, status: u16) -> &str {
    assert_eq!(got.status, status, "{:#}", got.body);
    got.body["errors"][0]["code"].as_str().unwrap()
}

#[test]
fn a_challenge_two_exchanges_and_the_digest() {
    let world = World::new();
    let challenge = ask(&world, seed::REGISTRY, "GET", "/v2/", &[], "");
    assert_eq!(code(&challenge, 401), "UNAUTHORIZED");
    let server = "acrdemo.azurecr.io";
    let realm = format!(r#"Bearer realm="https://{server}/oauth2/token",service="{server}""#);
    assert_eq!(challenge.header("www-authenticate"), Some(realm.as_str()));
    let unasked = manifest(&world, seed::REGISTRY, "python-demo", "1.0", "nothing", EVERYTHING);
    assert_eq!((unasked.status, &unasked.body), (401, &Json::Null));
    let scoped = format!(r#"{realm},scope="repository:python-demo:pull""#);
    assert_eq!(unasked.header("www-authenticate"), Some(scoped.as_str()));

    let token = access(&world, seed::REGISTRY, "python-demo");
    let digest = |reference: &str| {
        let head = manifest(&world, seed::REGISTRY, "python-demo", reference, &token, EVERYTHING);
        assert_eq!((head.status, &head.body), (200, &Json::Null));
        head.header("docker-content-digest").unwrap().to_owned()
    };
    let [one, two] = ["1.0", "2.0"].map(digest);
    assert!(one.starts_with("sha256:") && one.len() == "sha256:".len() + 64, "{one}");
    assert_ne!(one, two);
    assert_eq!(digest(&one), one);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("accept", EVERYTHING)];
    let get = ask(&world, seed::REGISTRY, "GET", "/v2/python-demo/manifests/3.0", &headers, "");
    assert_eq!(code(&get, 404), "MANIFEST_UNKNOWN");
    assert!(get.body["errors"][0]["message"].as_str().unwrap().contains("3.0"));
    // An index is found by those who say that they take one.
    assert_eq!(manifest(&world, seed::REGISTRY, "python-demo", "2.0", &token, "*/*").status, 404);
}

#[test]
fn a_token_opens_one_repository_of_one_registry_for_a_while() {
    let world = World::new();
    let token = access(&world, seed::REGISTRY, "python-demo");
    assert_eq!(manifest(&world, seed::REGISTRY, "crashing", "1.0", &token, EVERYTHING).status, 401);
    assert_eq!(
        manifest(&world, seed::CENTRAL_REGISTRY, "python-demo", "1.0", &token, EVERYTHING).status,
        401
    );
    let refresh = exchange(&world, seed::REGISTRY).ok(200)["refresh_token"].clone();
    assert_eq!(code(&token_of(&world, seed::CENTRAL_REGISTRY, &refresh), 401), "UNAUTHORIZED");
    // Neither an Entra token nor a refresh token opens a manifest.
    for other in ["sandbox-owner", refresh.as_str().unwrap()] {
        assert_eq!(manifest(&world, seed::REGISTRY, "python-demo", "1.0", other, EVERYTHING).status, 401);
    }
    world.pass(75 * 60);
    assert_eq!(manifest(&world, seed::REGISTRY, "python-demo", "1.0", &token, EVERYTHING).status, 401);
    assert_eq!(token_of(&world, seed::REGISTRY, &refresh).status, 200);
    world.pass(3 * 60 * 60);
    assert_eq!(token_of(&world, seed::REGISTRY, &refresh).status, 401);
}

fn token_of(world: &World, registry: &str, refresh: &Json) -> Got {
    token(world, registry, refresh, "python-demo")
}

#[test]
fn the_callers_rights_decide() {
    let world = World::new();
    // Who may pull from the classic registry, the one with data actions, and the central one.
    for (caller, may) in [
        ("owner", [true, false, true]),
        ("contributor", [true, false, true]),
        ("reader", [true, false, true]),
        ("group-scoped", [true, false, false]),
        ("app-scoped", [false, false, false]),
    ] {
        let world = world.by(caller);
        for (registry, may) in [seed::REGISTRY, seed::ABAC_REGISTRY, seed::CENTRAL_REGISTRY].iter().zip(may) {
            let got = exchange(&world, registry);
            assert_eq!(got.status, if may { 200 } else { 401 }, "{caller} {registry}");
        }
    }
    let principal = world.edit(|state| state.callers["app-scoped"].principal.clone());
    let scoped = world.by("app-scoped");
    world.edit(|state| {
        let now = super::START;
        for (registry, role) in [(seed::REGISTRY, ACR_PULL), (seed::ABAC_REGISTRY, REPOSITORY_READER)] {
            seed::assign_role(state, &seed::registry_id(registry), role, &principal, now);
        }
    });
    for registry in [seed::REGISTRY, seed::ABAC_REGISTRY] {
        let token = access(&scoped, registry, "python-demo");
        assert_eq!(manifest(&scoped, registry, "python-demo", "1.0", &token, EVERYTHING).status, 200);
    }
    assert_eq!(code(&exchange(&world.by("nobody"), seed::REGISTRY), 401), "UNAUTHORIZED");
}

#[test]
fn a_closed_network_and_refused_arm_tokens() {
    let world = World::new();
    let token = access(&world, seed::REGISTRY, "python-demo");
    world.edit(|state| {
        state.registry_mut(seed::REGISTRY).unwrap().properties["publicNetworkAccess"] = json!("Disabled");
    });
    let denied = exchange(&world, seed::REGISTRY);
    assert_eq!(code(&denied, 403), "DENIED");
    let message = denied.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("client with IP '203.0.113.7' is not allowed access"), "{message}");
    assert_eq!(manifest(&world, seed::REGISTRY, "python-demo", "1.0", &token, EVERYTHING).status, 403);
    world.edit(|state| {
        let properties = &mut state.registry_mut(seed::REGISTRY).unwrap().properties;
        properties["publicNetworkAccess"] = json!("Enabled");
        properties["networkRuleSet"] =
            json!({ "defaultAction": "Deny", "ipRules": [{ "action": "Allow", "value": "203.0.113.7" }] });
        properties["policies"]["azureADAuthenticationAsArmPolicy"]["status"] = json!("disabled");
    });
    assert_eq!(code(&exchange(&world, seed::REGISTRY), 401), "UNAUTHORIZED");
    // A token that was exchanged before still holds.
    assert_eq!(manifest(&world, seed::REGISTRY, "python-demo", "1.0", &token, EVERYTHING).status, 200);
}

#[test]
fn what_is_not_a_form_of_the_endpoint_is_refused() {
    let world = World::new();
    let server = seed::login_server(seed::REGISTRY);
    for fields in [
        form(&[("grant_type", "password"), ("service", &server), ("access_token", "sandbox-owner")]),
        form(&[
            ("grant_type", "access_token"),
            ("service", "other.azurecr.io"),
            ("access_token", "sandbox-owner"),
        ]),
        form(&[("grant_type", "access_token"), ("service", &server)]),
        String::new(),
    ] {
        let got = ask(&world, seed::REGISTRY, "POST", "/oauth2/exchange", &[], &fields);
        assert_eq!(code(&got, 400), "BAD_REQUEST", "{fields}");
    }
    let elsewhere = form(&[
        ("grant_type", "access_token"),
        ("service", &server),
        ("tenant", "99999999-9999-4999-8999-999999999999"),
        ("access_token", "sandbox-owner"),
    ]);
    let got = ask(&world, seed::REGISTRY, "POST", "/oauth2/exchange", &[], &elsewhere);
    assert_eq!(code(&got, 401), "UNAUTHORIZED");
    assert_eq!(ask(&world, seed::REGISTRY, "GET", "/subscriptions", &[], "").status, 404);
    assert_eq!(ask(&world, seed::REGISTRY, "DELETE", "/v2/python-demo/manifests/1.0", &[], "").status, 405);
}

#[test]
fn the_exchanges_are_recorded_apart_and_faults_strike_them() {
    let world = World::faulty("match=POST:/oauth2/exchange status=429 retry-after=2");
    assert_eq!(exchange(&world, seed::REGISTRY).status, 429);
    let token = access(&world, seed::REGISTRY, "python-demo");
    manifest(&world, seed::REGISTRY, "python-demo", "1.0", &token, EVERYTHING);
    world.app();
    let exchanges = world.sandbox.exchanges();
    let seen: Vec<_> = exchanges.iter().map(|one| (one.service, one.host.as_str(), one.is_write())).collect();
    let registry = (Service::Registry, "acrdemo.azurecr.io", false);
    let arm = (Service::ResourceManager, "management.azure.com", false);
    assert_eq!(seen, [registry, registry, registry, registry, arm]);
    let callers: Vec<_> = exchanges.iter().map(|one| one.caller.as_deref()).collect();
    assert_eq!(callers, [None, Some("owner"), Some("owner"), Some("owner"), Some("owner")]);
    // Only what was asked of ARM is ARM's to describe.
    if schema::specs().is_some() {
        assert_eq!(schema::check(&exchanges), Ok(1));
    }
    // A name that no registry has leads nowhere.
    assert_eq!(send(&world, "acrnone.azurecr.io", "GET", "/v2/", &[], ""), Reply::Reset);
}
