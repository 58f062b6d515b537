//! Reads: repeated when that helps, never longer than the deadline, one clear error else.

use acarecipe::azure::{ArmErrorKind, ArmRequest, ClientEvent, Method};
use proptest::prelude::*;

use super::script::{APP, Act, VERSION, World, answer, get, in_minutes, ok};

#[tokio::test]
async fn a_request_says_who_asks_and_every_try_has_its_own_id() {
    let world = World::new([answer(503, ""), ok(r#"{"name":"web"}"#)]);
    let request = ArmRequest::new(Method::Post, format!("{APP}/listSecrets"), VERSION).query("a b", "c&d");
    let response = world.client.read(&request, in_minutes(5)).await.unwrap();
    assert_eq!(response.body["name"], "web");

    let seen = world.seen();
    for one in &seen {
        assert_eq!(one.method, "POST");
        assert_eq!(
            one.url,
            format!("https://management.azure.com{APP}/listSecrets?api-version={VERSION}&a+b=c%26d")
        );
        assert_eq!(one.header("authorization"), Some("Bearer sandbox-owner"));
        assert_eq!(one.header("user-agent"), Some(concat!("acarecipe/", env!("CARGO_PKG_VERSION"))));
        assert_eq!(
            one.header("x-ms-correlation-request-id"),
            Some(world.client.correlation_id().to_string().as_str())
        );
        assert_eq!(one.body, "");
    }
    let id = |index: usize| seen[index].header("x-ms-client-request-id").unwrap();
    assert_ne!(id(0), id(1));
}

#[tokio::test]
async fn what_passes_is_repeated_after_the_pause_the_server_asks_for() {
    let cases = [
        (answer(429, "").with("retry-after", "17"), 17),
        (answer(429, "").with("retry-after-ms", "3000"), 3),
        (answer(429, "").with("x-ms-retry-after-ms", "4000"), 4),
        (answer(429, "").with("retry-after", "Thu, 01 Jan 2026 00:01:00 GMT"), 60),
        (answer(429, ""), 1),
        (answer(503, "<html>").with("retry-after", "2"), 2),
        (answer(500, "{"), 1),
        (answer(502, ""), 1),
        (answer(504, ""), 1),
        (answer(408, ""), 1),
        (Act::Reset, 1),
        (Act::Refused, 1),
        (Act::Truncated(r#"{"name":"#), 1),
        (ok(r#"{"name":"#), 1),
        (ok("<html><title>Sign in</title></html>"), 1),
        // 90 s for one try, then the pause.
        (Act::Silence, 91),
        (Act::Stalls(r#"{"na"#), 91),
    ];
    for (act, pause) in cases {
        let world = World::new([act.clone(), ok(r#"{"name":"web"}"#)]);
        let response = world.client.read(&get(), in_minutes(10)).await;
        assert_eq!(response.unwrap().body["name"], "web", "{act:?}");
        assert_eq!(world.times(), [0, pause], "{act:?}");
        let retries: Vec<_> = world
            .events()
            .into_iter()
            .filter(|event| matches!(event, ClientEvent::Retrying { .. }))
            .collect();
        assert_eq!(retries.len(), 1, "{act:?}");
    }
}

#[tokio::test]
async fn pauses_grow_and_tries_end() {
    let world = World::new(vec![answer(500, ""); 7]);
    let error = world.client.read(&get(), in_minutes(60)).await.unwrap_err();
    assert_eq!(error.status(), Some(500));
    assert_eq!(world.times(), [0, 1, 3, 7, 15, 31, 61]);

    let world = World::new(vec![Act::Refused; 4]);
    let error = world.client.read(&get(), in_minutes(60)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Connection { maybe_sent: false, .. }));
    assert!(error.to_string().contains("no such host"), "{error}");
    assert_eq!(world.times(), [0, 1, 3, 7]);
}

#[tokio::test]
async fn throttling_is_borne_until_the_deadline() {
    let mut acts = vec![
        answer(429, r#"{"error":{"code":"TooManyRequests","message":"slow"}}"#)
            .with("retry-after", "25");
        20
    ];
    acts.push(ok("{}"));
    let world = World::new(acts);
    assert!(world.client.read(&get(), in_minutes(10)).await.is_ok());
    assert_eq!(world.elapsed(), 500);

    // A pause that would end after the deadline is not begun.
    let world =
        World::new([answer(429, r#"{"error":{"code":"TooManyRequests","message":"slow"}}"#)
            .with("retry-after", "3600")]);
    let error = world.client.read(&get(), in_minutes(10)).await.unwrap_err();
    assert_eq!(world.elapsed(), 0);
    assert!(matches!(error.kind(), ArmErrorKind::Deadline { .. }));
    assert!(error.is_throttled() && error.retry_after().is_some_and(|wait| wait.as_secs() == 3600));
    assert!(error.to_string().contains("TooManyRequests: slow"), "{error}");
    assert!(error.to_diagnostic().docs.is_some_and(|docs| docs.contains("throttling")));
}

#[tokio::test]
async fn silence_never_outlasts_the_deadline() {
    let world = World::new([Act::Silence, Act::Silence]);
    let error = world.client.read(&get(), in_minutes(2)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Deadline { .. }), "{error}");
    assert!(error.to_string().contains("no complete answer within"), "{error}");
    assert_eq!(world.elapsed(), 120);

    let world = World::new([]);
    let error = world.client.read(&get(), in_minutes(0)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Deadline { .. }));
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_is_not_repeated_and_is_explained() {
    let body = r#"{"error":{"code":"AuthorizationFailed","message":"The client 'x' does not \"have\"\nauthorization","details":null}}"#;
    let world = World::new([answer(403, body)
        .with("x-ms-request-id", "r-1")
        .with("x-ms-correlation-request-id", "c-1")]);
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(error.is_forbidden() && !error.is_transient() && !error.maybe_applied());
    assert_eq!(error.code(), Some("AuthorizationFailed"));
    assert_eq!(
        error.to_string(),
        format!("GET {APP}: 403 AuthorizationFailed: The client 'x' does not \"have\" authorization")
    );
    let finding = error.to_diagnostic();
    assert_eq!(finding.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(finding.resource.as_deref(), Some(APP));
    assert!(finding.fix.is_some() && finding.docs.is_some() && !finding.notes.is_empty());

    for status in [301, 302, 307, 400, 404, 409, 412] {
        let world = World::new([answer(status, "").with("location", "https://evil.example/")]);
        let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(world.seen().len(), 1, "{status}: not repeated, not followed");
    }
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let world = World::new([Act::Endless]);
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::TooLarge { limit: 16_777_216 }), "{error}");

    let announced = ok("{}").with("content-length", "99999999999");
    let error = World::new([announced]).client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::TooLarge { .. }));

    // As deep as a stack overflow would need.
    let deep = "[".repeat(200_000);
    let world = World::new([ok(&deep), ok(&deep), ok(&deep)]);
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::BadBody { status: 200, .. }), "{error}");
}

#[tokio::test]
async fn a_write_is_no_read_and_a_crooked_path_is_not_sent() {
    let world = World::new([]);
    let put = ArmRequest::new(Method::Put, APP, VERSION);
    assert!(matches!(
        world.client.read(&put, in_minutes(5)).await.unwrap_err().kind(),
        ArmErrorKind::Request { .. }
    ));
    let crooked = ArmRequest::get("/subscriptions/s/../../evil", VERSION);
    assert!(matches!(
        world.client.read(&crooked, in_minutes(5)).await.unwrap_err().kind(),
        ArmErrorKind::Request { .. }
    ));
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn events_name_every_try() {
    let world = World::new([Act::Reset, answer(429, ""), ok("{}")]);
    world.client.read(&get(), in_minutes(5)).await.unwrap();
    let told: Vec<String> = world
        .events()
        .into_iter()
        .map(|event| match event {
            ClientEvent::Sent { number, method, path } => format!("sent {number} {method} {path}"),
            ClientEvent::Answered { number, status, .. } => format!("answered {number} {status}"),
            ClientEvent::Unanswered { number, .. } => format!("unanswered {number}"),
            ClientEvent::Retrying { after, attempt, .. } => {
                format!("retrying {attempt} after {} s", after.as_secs())
            }
            ClientEvent::Throttled { .. } => "throttled".to_owned(),
            ClientEvent::Waiting { .. } => "waiting".to_owned(),
        })
        .collect();
    let sent = |number: u32| format!("sent {number} GET {APP}");
    assert_eq!(
        told,
        [
            sent(1),
            "unanswered 1".to_owned(),
            "retrying 1 after 1 s".to_owned(),
            sent(2),
            "answered 2 429".to_owned(),
            "retrying 2 after 2 s".to_owned(),
            sent(3),
            "answered 3 200".to_owned(),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_answer_ends_in_a_value_or_one_line(status in 200u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let world = World::new(vec![Act::Answer(status, Vec::new(), body); 1000]);
        let result = runtime.block_on(world.client.read(&get(), in_minutes(5)));
        if let Err(error) = result {
            let text = error.to_string();
            prop_assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
            prop_assert!(world.elapsed() <= 300);
        }
    }
}
