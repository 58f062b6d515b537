//! The budget: what goes out is less than what Azure takes, whoever in the process asks.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use acarecipe::azure::{ArmClient, ArmRequest, Budget, ClientEvent, ClientSettings, Endpoint, Method};
use acarecipe::clock::{Clock, VirtualClock};
use acarecipe::sandbox::transport::InProcess;
use acarecipe::sandbox::{Options, Sandbox, Switches, seed};
use azure_core::http::Transport;
use futures::StreamExt as _;
use time::{Duration, OffsetDateTime};

use super::script::{START, VERSION, World, answer, get, in_minutes, ok};

/// A sandbox that counts requests as Azure does, and a client in front of it.
fn azure(rules: Switches, budget: Budget) -> (Sandbox, ArmClient, VirtualClock) {
    let clock = VirtualClock::new(START);
    let time = clock.clone();
    let sandbox = Sandbox::new(Options { rules, ..Options::new(Arc::new(move || time.now())) });
    let transport = Transport::new(Arc::new(InProcess::new(Arc::new(sandbox.clone()))));
    let mut settings = ClientSettings::new(Endpoint::sandbox(transport, "owner"), Arc::new(clock.clone()));
    settings.budget = budget;
    (sandbox, ArmClient::new(settings), clock)
}

/// Reads the app so often, so many at a time; the number of refusals and of requests.
async fn read_often(sandbox: &Sandbox, client: &ArmClient, times: usize, parallel: usize) -> (usize, usize) {
    let path = format!(
        "/subscriptions/{}/resourceGroups/rg-demo/providers/Microsoft.App/containerApps/ca-demo",
        seed::SUBSCRIPTION
    );
    let request = ArmRequest::get(path, "2025-07-01");
    let deadline = client.clock().now() + Duration::hours(2);
    let reads = futures::stream::iter((0..times).map(|_| client.read(&request, deadline)));
    let answers: Vec<_> = reads.buffer_unordered(parallel).collect().await;
    assert!(answers.iter().all(Result::is_ok), "everything is answered in the end");
    let exchanges = sandbox.exchanges();
    (exchanges.iter().filter(|exchange| exchange.status == Some(429)).count(), exchanges.len())
}

#[tokio::test]
async fn many_reads_at_once_meet_no_refusal_and_without_the_budget_they_do() {
    // As assumed, and as for a subscription that has half of it.
    for rules in [Switches::default(), Switches::flip("request-buckets").unwrap()] {
        let (sandbox, client, clock) = azure(rules.clone(), Budget::below_azure());
        let (refused, sent) = read_often(&sandbox, &client, 600, 64).await;
        assert_eq!((refused, sent), (0, 600), "{rules:?}");
        let elapsed = (clock.now() - START).whole_seconds();
        assert!((10..=60).contains(&elapsed), "600 reads took {elapsed} s");

        let (sandbox, client, _) = azure(rules, Budget::unlimited());
        let (refused, _) = read_often(&sandbox, &client, 600, 64).await;
        assert!(refused > 100, "{refused} refusals");
    }
}

#[tokio::test]
async fn fewer_requests_than_a_bucket_holds_wait_for_nothing() {
    let (sandbox, client, clock) = azure(Switches::default(), Budget::below_azure());
    assert_eq!(read_often(&sandbox, &client, 190, 190).await, (0, 190));
    assert_eq!(clock.now(), START);
}

#[tokio::test]
async fn clients_of_one_budget_share_it_and_reads_do_not_hold_up_writes() {
    let (sandbox, client, clock) = azure(Switches::default(), Budget::below_azure());
    let other = client.apart();
    let (first, second) =
        futures::join!(read_often(&sandbox, &client, 150, 150), read_often(&sandbox, &other, 150, 150));
    assert_eq!((first.0, second.0), (0, 0));
    assert!(clock.now() - START >= Duration::seconds(2), "300 reads are more than both may send at once");
    // Nor if the server does not say what is left.
    let silent = World::new(vec![ok("{}"); 300]);
    let other = silent.client.apart();
    for _ in 0..150 {
        silent.client.read(&get(), in_minutes(5)).await.unwrap();
        other.read(&get(), in_minutes(5)).await.unwrap();
    }
    assert_eq!(silent.elapsed(), 5, "a hundred more than a full bucket, twenty a second");
    let before = clock.now();
    let request = ArmRequest::new(Method::Delete, format!("{}-none", super::script::APP), VERSION);
    let _ = client.write(&request, before + Duration::seconds(1)).await;
    assert_eq!(clock.now(), before);
}

/// A world whose server answers every read, and has `left` reads left.
fn telling(left: &str, count: usize) -> World {
    World::new(vec![ok("{}").with("x-ms-ratelimit-remaining-subscription-made-up-reads", left); count])
}

#[tokio::test]
async fn what_an_answer_says_is_left_is_followed() {
    // The server has few left: 10 of them are left to others, and the fewer there are, the slower it goes.
    for (left, apart) in [("10", 50), ("5", 300), ("0", 550)] {
        let world = telling(left, 6);
        for _ in 0..6 {
            world.client.read(&get(), in_minutes(5)).await.unwrap();
        }
        let millis: Vec<_> = world.seen().iter().map(|seen| (seen.at - START).whole_milliseconds()).collect();
        assert_eq!(millis, [0, 1, 2, 3, 4, 5].map(|number| number * apart), "{left}");
        let told = world.events().into_iter().filter(|event| matches!(event, ClientEvent::Throttled { .. }));
        assert!(told.count() >= 5, "every wait is told");
    }

    // One that has plenty is never waited for, however many are sent.
    let world = telling("11999", 1000);
    for _ in 0..1000 {
        world.client.read(&get(), in_minutes(5)).await.unwrap();
    }
    assert_eq!(world.elapsed(), 0);
}

#[tokio::test]
async fn a_refusal_holds_back_everybody() {
    let refused = || answer(429, "").with("retry-after", "30");
    let world = World::new([refused(), ok("{}"), ok("{}"), ok("{}")]);
    let (client, request) = (&world.client, get());
    let reads = futures::future::join_all((0..3).map(|number| async move {
        if number > 0 {
            // After the first was refused.
            tokio::task::yield_now().await;
        }
        client.read(&get(), in_minutes(5)).await
    }));
    assert!(reads.await.iter().all(Result::is_ok));
    assert_eq!(world.times(), [0, 30, 30, 30]);
    let waiting = |event: ClientEvent| match event {
        ClientEvent::Throttled { waiting, .. } => Some(waiting),
        _ => None,
    };
    assert!(world.events().into_iter().filter_map(waiting).max() >= Some(2), "they are counted");

    // A busy resource is no reason for others to wait.
    let busy = r#"{"error":{"code":"RetryableErrorDueToAnotherOperation","message":"busy"}}"#;
    let world = World::new([answer(429, busy).with("retry-after", "30"), ok("{}"), ok("{}")]);
    let (first, second) = futures::join!(world.client.read(&request, in_minutes(5)), async {
        tokio::task::yield_now().await;
        world.client.read(&request, in_minutes(5)).await
    });
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(world.times(), [0, 0, 30]);
}

#[tokio::test]
async fn nothing_is_sent_whose_turn_comes_after_its_deadline() {
    let world = World::new([answer(429, "").with("retry-after", "50")]);
    let request = ArmRequest::new(Method::Patch, super::script::APP, VERSION);
    assert!(world.client.write(&request, in_minutes(30)).await.is_err());
    let soon = START + Duration::seconds(40);
    let error = world.client.write(&request, soon).await.unwrap_err();
    assert!(!error.maybe_applied(), "{error}");
    assert_eq!((world.seen().len(), world.elapsed()), (1, 0), "it is told at once: {error}");
    assert!(error.to_string().contains("throttles"), "{error}");

    // Who goes away while waiting leaves the place to others.
    let world = World::new([answer(429, "").with("retry-after", "10"), ok("{}")]);
    assert!(world.client.write(&request, in_minutes(30)).await.is_err());
    let mut leaving = Box::pin(world.client.write(&request, in_minutes(30)));
    assert!(futures::poll!(leaving.as_mut()).is_pending());
    drop(leaving);
    world.client.write(&request, in_minutes(30)).await.unwrap();
    assert_eq!(world.times(), [0, 10]);
    assert!(world.finished());
}

/// What one resource's provider wants is not what the subscription wants.
#[tokio::test]
async fn a_long_wait_that_one_request_is_told_holds_back_others_for_a_minute() {
    for asked in ["7200", "999999999999", "18446744073709551615"] {
        let world = World::new([answer(429, "").with("retry-after", asked), ok("{}")]);
        let request = ArmRequest::new(Method::Patch, super::script::APP, VERSION);
        assert!(world.client.write(&request, in_minutes(30)).await.is_err());
        world.client.write(&request, in_minutes(30)).await.unwrap();
        assert_eq!(world.times(), [0, 60], "{asked}");
    }
    // Its own next try is not before it may be, and that is told instead of waited for.
    let world = World::new([answer(429, "").with("retry-after", "999999999999")]);
    let error = world.client.read(&get(), in_minutes(30)).await.unwrap_err();
    assert!(error.to_string().contains("429"), "{error}");
    assert_eq!(world.elapsed(), 0);
}

/// A refusal that comes while they wait is one for them, too.
#[tokio::test]
async fn nobody_waits_past_a_deadline_of_their_own() {
    let world =
        World::new([answer(429, "").with("retry-after", "10"), answer(429, "").with("retry-after", "60")]);
    let request = ArmRequest::new(Method::Patch, super::script::APP, VERSION);
    assert!(world.client.write(&request, in_minutes(30)).await.is_err());
    let (patient, hurried) = futures::join!(
        // Its turn comes after 10 s, and brings the next refusal.
        world.client.write(&request, in_minutes(30)),
        async {
            tokio::task::yield_now().await;
            let end = world.client.write(&request, START + Duration::seconds(30)).await;
            (end, (world.client.clock().now() - START).whole_seconds())
        }
    );
    assert!(patient.is_err());
    let (end, at) = hurried;
    assert!(end.unwrap_err().to_string().contains("throttles"));
    assert!(at <= 30, "told after {at} s");
    assert_eq!(world.times(), [0, 10]);
}

/// What was let go and never went is others' again.
#[tokio::test]
async fn leave_that_is_not_used_costs_nothing() {
    let (_, client, clock) = azure(Switches::default(), Budget::below_azure());
    for _ in 0..1000 {
        let deadline = clock.now() + Duration::minutes(1);
        drop(client.permit(Method::Put, super::script::APP, deadline).await.unwrap());
    }
    assert_eq!(clock.now(), START);
}

/// A clock that somebody puts back by so many seconds.
#[derive(Debug)]
struct PutBack(VirtualClock, AtomicI64);

impl Clock for PutBack {
    fn now(&self) -> OffsetDateTime {
        self.0.now() - Duration::seconds(self.1.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: std::time::Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.sleep(duration)
    }
}

/// What is closed for a minute when a clock is put back an hour is open after that minute.
#[tokio::test]
async fn a_clock_that_is_put_back_closes_nothing_for_longer() {
    let time = VirtualClock::new(START);
    let clock = Arc::new(PutBack(time.clone(), AtomicI64::new(0)));
    let moment = time.clone();
    let faults = vec!["match=PATCH: status=429 retry-after=60".parse().unwrap()];
    let sandbox = Sandbox::new(Options { faults, ..Options::new(Arc::new(move || moment.now())) });
    let transport = Transport::new(Arc::new(InProcess::new(Arc::new(sandbox.clone()))));
    let own: Arc<dyn Clock> = Arc::<PutBack>::clone(&clock);
    let client = ArmClient::new(ClientSettings::new(Endpoint::sandbox(transport, "owner"), own));
    let request = ArmRequest::new(Method::Patch, format!("{}-none", super::script::APP), VERSION);
    let in_half_an_hour = || clock.now() + Duration::minutes(30);
    assert!(client.write(&request, in_half_an_hour()).await.is_err());
    clock.1.store(3600, Ordering::SeqCst);
    let before = time.now();
    let _ = client.write(&request, in_half_an_hour()).await;
    assert_eq!(((time.now() - before).whole_seconds(), sandbox.exchanges().len()), (60, 2));
}
