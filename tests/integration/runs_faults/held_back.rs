//! A write that the budget holds back: what others do meanwhile survives, and who asks to stop has stopped it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acarecipe::azure::{ClientEvent, Method, Permit};
use acarecipe::execute::{Executor, Failure};
use acarecipe::sandbox::seed;

use super::interleaving::{IDENTITY, OF_THE_APP, REFERENCE, Somebody, of_the_app};
use super::{Stopped, attempt_with};
use crate::support::world::World;

/// What somebody does while our write is held back.
type Meanwhile = Box<dyn Fn() + Send + Sync>;

/// Takes whatever may be written at once, and sees to it that `meanwhile` happens when a write is held back for it.
fn held_back(world: &World, executor: &Executor, meanwhile: Meanwhile) -> (Executor, Vec<Permit>) {
    let clock = Arc::clone(&executor.clock);
    let done = AtomicUsize::new(0);
    let client = executor.client.telling(Arc::new(move |event| {
        if matches!(event, ClientEvent::Throttled { .. }) && done.fetch_add(1, Ordering::SeqCst) == 0 {
            meanwhile();
        }
    }));
    let taken = World::block_on(async {
        let mut taken = Vec::new();
        for _ in 0..200 {
            let soon = clock.now() + time::Duration::milliseconds(1);
            match executor.client.permit(Method::Patch, &seed::app_id(), soon).await {
                Ok(permit) => taken.push(permit),
                Err(_) => break,
            }
        }
        taken
    });
    assert!(taken.len() > 100 && taken.len() < 200 && world.count() == 0, "{}", taken.len());
    (Executor { client, ..executor.clone() }, taken)
}

/// The budget waits before the last read, not after it.
#[test]
fn what_others_write_while_a_write_is_held_back_survives() {
    let (world, later) = REFERENCE.world(Duration::ZERO);
    let (sandbox, struck) = (world.sandbox.clone(), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&struck);
    let (executor, _taken) = held_back(
        &world,
        &world.executor(),
        Box::new(move || {
            later.fetch_add(1, Ordering::SeqCst);
            assert!(of_the_app(&Somebody(&sandbox)) < 300);
            later.fetch_add(1, Ordering::SeqCst);
            seen.fetch_add(1, Ordering::SeqCst);
        }),
    );
    // The run's first write is that of the app.
    let selection = REFERENCE.selection(&world);
    let attempt = attempt_with(&world, &executor, &selection);
    assert!(attempt.end.is_ok(), "{:?}", attempt.end);
    assert_eq!(struck.load(Ordering::SeqCst), 1);
    let state = world.sandbox.state();
    for item in OF_THE_APP {
        assert!((item.there)(&state), "{} is lost", item.name);
    }
}

/// Who asks to stop while a write is held back has stopped it: it is not sent, and nobody was told that it was.
#[test]
fn a_write_that_is_held_back_is_not_sent_after_a_request_to_stop() {
    let (world, _) = IDENTITY.world(Duration::ZERO);
    let executor = world.executor();
    let interrupt = executor.interrupt.clone();
    let (executor, _taken) = held_back(&world, &executor, Box::new(move || interrupt.request()));
    let attempt = attempt_with(&world, &executor, &IDENTITY.selection(&world));
    assert!(matches!(attempt.end, Err(Stopped::Failed(Failure::Interrupted))), "{:?}", attempt.end);
    assert!(world.sandbox.exchanges().iter().all(|exchange| !exchange.is_write()));
    assert!(world.seen.writes.lock().unwrap().is_empty(), "it was told as sent");
    assert!(attempt.applied.unanswered.is_empty() && attempt.applied.writes.is_empty());
}
