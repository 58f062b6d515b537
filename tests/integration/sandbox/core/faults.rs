use acarecipe::sandbox::http::Reply;
use acarecipe::sandbox::seed;
use serde_json::json;

use super::{World, env, path_of};

fn change() -> serde_json::Value {
    env(&json!([{ "name": "NEW", "value": "1" }]))
}

/// How many revisions there are behind the scenes.
fn revisions(world: &World) -> usize {
    world.sandbox.state().app(seed::APP).unwrap().revisions.len()
}

#[test]
fn before_has_no_effect_and_after_has() {
    for (kind, reply, effect) in [
        ("reset-before", Reply::Reset, 1),
        ("reset-after", Reply::Reset, 2),
        ("silence-before", Reply::Silence, 1),
        ("silence-after", Reply::Silence, 2),
    ] {
        let world = World::faulty(&format!("request=1 {kind}"));
        assert_eq!(world.reply("PATCH", &seed::app_id(), Some(&change())), reply, "{kind}");
        assert_eq!(revisions(&world), effect, "{kind}");
        let exchange = world.sandbox.exchanges().remove(0);
        assert_eq!(exchange.status, None);
        assert_eq!(exchange.fault.as_deref(), Some(format!("request=1 {kind}").as_str()));
    }
}

#[test]
fn statuses_strike_as_often_as_told_at_the_nth_match() {
    let world = World::faulty("match=PATCH:/CONTAINERAPPS/ nth=2 status=429 retry-after=2 times=2");
    world.patch(&change()).ok(202);
    world.settle();
    world.app();
    let got = world.patch(&json!({})).refused(429, "TooManyRequests");
    assert_eq!(got.header("retry-after"), Some("2"));
    assert!(got.header("x-ms-request-id").is_some());
    world.patch(&json!({})).refused(429, "TooManyRequests");
    world.patch(&json!({})).ok(202);
    let world = World::faulty("request=1 status=503");
    assert_eq!(world.get(&seed::app_id()).refused(503, "ServerUnavailable").header("retry-after"), None);
}

#[test]
fn bodies_are_spoilt() {
    let world = World::faulty("request=1 truncated-body");
    let Reply::Truncated { response, bytes } = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert!(bytes > 0 && bytes < response.body.len());
    let world = World::faulty("request=1 html-body");
    let Reply::Answer(response) = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert!(response.body.starts_with(b"<html>"));
    assert!(response.headers.contains(&("content-type".to_owned(), "text/html".to_owned())));
    let world = World::faulty("request=1 huge-body=5000000");
    let Reply::Answer(response) = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert_eq!(response.body.len(), 5_000_000);
    let world = World::faulty("request=1 details-null");
    let got = world.get(&seed::app_id()).refused(400, "BadRequest");
    assert!(got.body["error"].as_object().unwrap()["details"].is_null());
    let world = World::faulty("request=1 unknown-enum");
    assert_eq!(world.app()["properties"]["provisioningState"], "Rehydrating");
    assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn operations_fail_hang_or_hide() {
    let world = World::faulty("match=PATCH:/containerApps/ operation-fails");
    let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
    world.settle();
    assert_eq!(world.app()["properties"]["provisioningState"], "Failed");
    world.get(&location).refused(400, "ContainerAppOperationError");
    assert_eq!(revisions(&world), 1);

    let world = World::faulty("match=PATCH:/containerApps/ operation-hangs");
    let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
    world.pass(86_400);
    assert_eq!(world.get(&location).status, 202);
    assert_eq!(world.app()["properties"]["provisioningState"], "InProgress");

    for (status, code) in [(403, "AuthorizationFailed"), (404, "ResourceNotFound")] {
        let world = World::faulty(&format!("match=PATCH:/containerApps/ operation-url={status}"));
        let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
        world.get(&location).refused(status, code);
        world.settle();
        assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded");
    }
    let world = World::faulty("request=1 foreign-location");
    let got = world.patch(&change());
    assert!(got.header("location").unwrap().starts_with("https://elsewhere.example/subscriptions/"));
}

#[test]
fn a_page_can_lead_to_itself() {
    let world = World::faulty("match=GET:/vaults page-loop times=9");
    let path =
        format!("{}/providers/Microsoft.KeyVault/vaults?api-version=2026-02-01", seed::subscription_id());
    let page = world.get(&path).ok(200);
    assert_eq!(path_of(page["nextLink"].as_str().unwrap()), path);
}
