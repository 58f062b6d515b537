//! Long-running operations: followed where Azure says, else by the resource itself, never past the deadline.

use acarecipe::azure::{Accepted, ArmErrorKind, ArmRequest, ClientEvent, Method, Operation};

use super::script::{APP, Act, VERSION, World, answer, in_minutes, ok};

const STATUS: &str = "https://management.azure.com/subscriptions/s/providers/Microsoft.App/locations/l/containerappOperationStatuses/1?api-version=2026-01-01&s=signature";

fn started(status: u16) -> Act {
    answer(status, "").with("azure-asyncoperation", STATUS)
}

fn state(word: &str) -> Act {
    ok(&format!(r#"{{"properties":{{"provisioningState":"{word}"}}}}"#))
}

async fn accepted(method: Method, world: &World) -> Accepted {
    world.client.write(&ArmRequest::new(method, APP, VERSION), in_minutes(30)).await.unwrap()
}

/// Writes by `method`, waits, gives the outcome.
async fn run(method: Method, acts: Vec<Act>) -> (World, Result<(), acarecipe::azure::ArmError>) {
    let world = World::new(acts);
    let operation = accepted(method, &world).await.operation.expect("an operation");
    let outcome = world.client.wait(&operation, in_minutes(30)).await;
    (world, outcome)
}

#[tokio::test]
async fn an_operation_is_followed_as_often_as_the_server_asks() {
    let (world, outcome) = run(
        Method::Put,
        vec![
            started(201).with("retry-after", "3"),
            ok(r#"{"status":"InProgress"}"#).with("retry-after", "7"),
            answer(503, ""),
            ok(r#"{"status":"SomethingNew"}"#),
            ok(r#"{"status":"succeeded"}"#),
        ],
    )
    .await;
    outcome.unwrap();
    assert_eq!(world.times(), [0, 3, 10, 11, 16]);
    let waited: Vec<_> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            ClientEvent::Waiting { status, resource, .. } => {
                assert_eq!(resource, APP);
                Some(status)
            }
            _ => None,
        })
        .collect();
    assert_eq!(waited, ["accepted", "InProgress", "SomethingNew"]);
}

#[tokio::test]
async fn location_is_followed_until_it_is_no_longer_202() {
    let location = STATUS.replace("Statuses", "Results");
    let begun = || answer(202, "").with("location", location.clone());
    let (world, outcome) = run(Method::Patch, vec![begun(), answer(202, "not json"), answer(204, "")]).await;
    outcome.unwrap();
    assert!(world.finished());

    // The result shows the resource, which is still being worked on: the resource tells from here.
    let acts = vec![begun(), state("InProgress"), state("InProgress"), state("Succeeded")];
    let (world, outcome) = run(Method::Patch, acts).await;
    outcome.unwrap();
    assert!(world.seen()[3].url.contains(APP));

    // The result is the operation's own error.
    let failed =
        answer(400, r#"{"error":{"code":"InvalidParameterValueInContainerTemplate","message":"pull"}}"#);
    let (_, outcome) = run(Method::Patch, vec![begun(), failed]).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Operation(_)));
    assert_eq!(error.code(), Some("InvalidParameterValueInContainerTemplate"));
    assert!(error.to_diagnostic().fix.is_some());
}

#[tokio::test]
async fn an_answer_without_address_is_followed_by_the_resource() {
    let (world, outcome) = run(
        Method::Put,
        vec![
            answer(201, r#"{"properties":{"provisioningState":"Creating"}}"#),
            state("Creating"),
            state("Succeeded"),
        ],
    )
    .await;
    outcome.unwrap();
    assert_eq!(world.times(), [0, 5, 10]);

    for (status, body) in
        [(200, r#"{"properties":{"provisioningState":"Succeeded"}}"#), (200, "{}"), (201, ""), (204, "")]
    {
        let world =
            World::new([answer(status, body).with("location", format!("https://management.azure.com{APP}"))]);
        assert!(accepted(Method::Put, &world).await.operation.is_none(), "{status} {body}");
    }
}

#[tokio::test]
async fn a_failed_operation_tells_why() {
    let failed = ok(
        r#"{"status":"Failed","error":{"code":"Outer","message":"outer","details":[{"code":"ContainerAppOperationInProgress","message":"deep\u001b[2J"}]}}"#,
    )
    .with("x-ms-correlation-request-id", "c-9");
    let (_, outcome) = run(Method::Put, vec![started(201), failed]).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), Some("Outer"));
    assert_eq!(error.correlation_id(), Some("c-9"));
    assert!(error.is_busy() && error.maybe_applied());
    assert_eq!(
        error.to_string(),
        format!(
            "PUT {APP}: the operation ended as Failed: Outer: outer; ContainerAppOperationInProgress: deep[2J"
        )
    );

    for body in [
        r#"{"status":"Canceled"}"#,
        r#"{"status":"Failed","error":null}"#,
        r#"{"status":"Failed","error":{"details":null}}"#,
        r#"{"status":"ProvisioningFailed","properties":{"error":{"message":"m"}}}"#,
    ] {
        let (_, outcome) = run(Method::Put, vec![started(201), ok(body)]).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error.kind(), ArmErrorKind::Operation(_)), "{body}");
        assert!(error.message().is_some_and(|message| !message.is_empty()), "{body}");
    }
}

#[tokio::test]
async fn where_the_operation_cannot_be_read_the_resource_is() {
    for status in [403, 404, 410] {
        let acts = vec![started(201), answer(status, ""), state("InProgress"), state("Succeeded")];
        let (world, outcome) = run(Method::Put, acts).await;
        outcome.unwrap();
        let asked: Vec<_> =
            world.seen().iter().skip(1).map(|seen| seen.url.contains("containerApps/web")).collect();
        assert_eq!(asked, [false, true, true], "{status}");

        let (_, outcome) = run(Method::Patch, vec![started(202), answer(status, ""), state("Failed")]).await;
        assert!(matches!(outcome.unwrap_err().kind(), ArmErrorKind::Operation(_)), "{status}");

        let (_, outcome) =
            run(Method::Delete, vec![started(202), answer(status, ""), state("Deleting"), answer(404, "")])
                .await;
        outcome.unwrap();
    }
    // An address that says nothing at all.
    for body in ["", "{}", "[]", r#"{"status":7}"#] {
        let (_, outcome) = run(Method::Put, vec![started(201), ok(body), state("Succeeded")]).await;
        outcome.unwrap();
    }
    // A new resource that is not readable everywhere yet.
    let (_, outcome) =
        run(Method::Put, vec![started(201), answer(403, ""), answer(404, ""), state("Succeeded")]).await;
    outcome.unwrap();
    // Neither may be read.
    let (_, outcome) = run(Method::Put, vec![started(201), answer(403, ""), answer(403, "")]).await;
    assert!(outcome.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn an_operation_that_hangs_ends_at_the_deadline() {
    let mut acts = vec![started(201)];
    acts.extend(vec![ok(r#"{"status":"InProgress"}"#); 1000]);
    let (world, outcome) = run(Method::Put, acts).await;
    let error = outcome.unwrap_err();
    assert!(error.to_string().contains("its status is InProgress"), "{error}");
    assert!(error.maybe_applied());
    assert!(world.elapsed() <= 1800 && world.elapsed() > 1790);

    // `Retry-After: 0` does not make it a storm.
    let mut acts = vec![started(201).with("retry-after", "0")];
    acts.extend(vec![ok(r#"{"status":"InProgress"}"#).with("retry-after", "0"); 4000]);
    let (world, outcome) = run(Method::Put, acts).await;
    assert!(outcome.is_err());
    assert!(world.seen().len() <= 3601);

    // A pause that would outlast the deadline ends in one last look.
    let acts = vec![started(201).with("retry-after", "86400"), ok(r#"{"status":"Succeeded"}"#)];
    let (world, outcome) = run(Method::Put, acts).await;
    outcome.unwrap();
    assert_eq!(world.times(), [0, 1795]);

    // Silence from the operation's address.
    let mut acts = vec![started(201)];
    acts.extend(vec![Act::Silence; 100]);
    let (world, outcome) = run(Method::Put, acts).await;
    assert!(outcome.is_err());
    assert!(world.elapsed() <= 1800);
}

#[tokio::test]
async fn the_operation_of_somebody_else_is_waited_for() {
    let world = World::new([state("InProgress"), state("Failed")]);
    let operation = Operation::on_resource(APP, VERSION);
    let error = world.client.wait(&operation, in_minutes(5)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Operation(failure) if failure.status == "Failed"));
    assert_eq!(world.times(), [0, 5]);
}

#[tokio::test]
async fn an_action_is_waited_for_on_what_it_was_called() {
    let world = World::new([answer(202, ""), state("Succeeded")]);
    let start = ArmRequest::new(Method::Post, format!("{APP}/start"), VERSION);
    let operation = world.client.write(&start, in_minutes(30)).await.unwrap().operation.unwrap();
    assert_eq!(operation.resource, APP);
    world.client.wait(&operation, in_minutes(5)).await.unwrap();
}

#[tokio::test]
async fn the_signature_of_an_address_is_never_shown() {
    let world = World::new([started(201), answer(401, "")]);
    let operation = accepted(Method::Put, &world).await.operation.unwrap();
    let error = world.client.wait(&operation, in_minutes(5)).await.unwrap_err();
    let shown = format!("{operation:?} {error} {error:?} {:?}", world.events());
    assert!(!shown.contains("signature"), "{shown}");
}
