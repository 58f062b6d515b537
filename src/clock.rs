//! Time as a dependency: the only way anything here waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use time::OffsetDateTime;

/// A source of time that can also be waited on.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment (UTC).
    fn now(&self) -> OffsetDateTime;
    /// A future that ends `duration` after this call.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that only sleeping moves: an hour of waiting takes no time. Shared between the client
/// and the in-process sandbox. Give other futures a chance to finish first (a biased `select!`).
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<Mutex<OffsetDateTime>>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: OffsetDateTime) -> VirtualClock {
        VirtualClock { now: Arc::new(Mutex::new(start)) }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> OffsetDateTime {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let until = self.now() + duration;
        let now = Arc::clone(&self.now);
        Box::pin(async move {
            // Let everything that can still make progress at the present moment do so.
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
            let mut now = now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *now = (*now).max(until);
        })
    }
}

/// The answer of `future`, or `None` when `limit` passes first. Cancels the future then.
pub async fn within<F: Future>(clock: &dyn Clock, limit: Duration, future: F) -> Option<F::Output> {
    let sleep = clock.sleep(limit);
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep => None,
    }
}
