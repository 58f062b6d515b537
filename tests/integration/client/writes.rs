//! Writes: one try, and a clear word on whether it may have taken effect.

use acarecipe::azure::{ArmErrorKind, ArmRequest, Method};
use serde_json::json;

use super::script::{APP, Act, VERSION, World, answer, in_minutes};

fn patch() -> ArmRequest {
    ArmRequest::new(Method::Patch, APP, VERSION).body(json!({"tags": {"a": "b"}}))
}

#[tokio::test]
async fn a_write_is_sent_once_whatever_happens() {
    let cases = [
        (answer(429, "").with("retry-after", "5"), false),
        (answer(409, r#"{"error":{"code":"ContainerAppOperationInProgress","message":"busy"}}"#), false),
        (answer(403, ""), false),
        (answer(400, "<html>"), false),
        (answer(408, ""), true),
        (answer(500, ""), true),
        (answer(503, ""), true),
        (Act::Refused, false),
        (Act::Reset, true),
        (Act::Silence, true),
        (Act::Truncated("{"), true),
        (Act::Endless, true),
        (answer(200, "<html>"), true),
        (answer(202, "").with("location", "https://evil.example/"), true),
        (answer(201, "{}").with("azure-asyncoperation", "http://management.azure.com/x"), true),
    ];
    for (act, maybe_applied) in cases {
        let world = World::new([act.clone()]);
        let error = world.client.write(&patch(), in_minutes(30)).await.unwrap_err();
        assert_eq!(error.maybe_applied(), maybe_applied, "{act:?}: {error}");
        assert_eq!(world.seen().len(), 1, "{act:?}");
        assert!(world.elapsed() <= 90, "{act:?}");
        assert_eq!(error.request(), Some((Method::Patch, APP)), "{act:?}");
    }
}

#[tokio::test]
async fn the_body_is_json_and_an_answer_without_body_is_null() {
    let world = World::new([answer(200, "")]);
    let accepted = world.client.write(&patch(), in_minutes(30)).await.unwrap();
    assert!(accepted.body.is_null() && accepted.operation.is_none());
    let seen = world.seen();
    assert_eq!(seen[0].body, r#"{"tags":{"a":"b"}}"#);
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[0].method, "PATCH");
}

#[tokio::test]
async fn busy_is_told_from_refused() {
    let busy = answer(409, r#"{"code":"containerappoperationinprogress","message":"active provisioning"}"#);
    let error = World::new([busy]).client.write(&patch(), in_minutes(30)).await.unwrap_err();
    assert!(error.is_busy() && !error.is_transient());
    let exists = answer(409, r#"{"error":{"code":"RoleAssignmentExists","message":"exists"}}"#);
    let error = World::new([exists]).client.write(&patch(), in_minutes(30)).await.unwrap_err();
    assert!(!error.is_busy());
}

#[tokio::test]
async fn what_was_sent_and_answered_is_not_in_debug_forms() {
    let world = World::new([answer(200, r#"{"value":[{"name":"a","value":"hunter2"}]}"#)]);
    let request = ArmRequest::new(Method::Put, APP, VERSION).body(json!({"value": "hunter2"}));
    let accepted = world.client.write(&request, in_minutes(30)).await.unwrap();
    assert!(!format!("{request:?} {accepted:?}").contains("hunter2"));
    let world = World::new([answer(200, r#"{"value":"hunter2"}"#)]);
    let read = ArmRequest::new(Method::Post, format!("{APP}/listSecrets"), VERSION);
    let response = world.client.read(&read, super::script::in_minutes(1)).await.unwrap();
    assert!(!format!("{response:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_unreadable_success_quotes_nothing() {
    let world = World::new([answer(200, r#"{"value": "hunter2" "#)]);
    let error = world.client.write(&patch(), in_minutes(30)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::BadBody { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}
