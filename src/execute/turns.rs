//! Turns: runs for several apps in one process write what they share one after the other.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::OwnedMutexGuard;

use crate::clock::{Clock, within};

/// How often somebody who waits looks at the time.
const LOOK: Duration = Duration::from_secs(1);

/// Who writes what right now. Clones are the same turns: the runs of a process share them.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<bool>>>>>);

/// The right to write one thing; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _held: OwnedMutexGuard<bool>,
    /// Whether somebody had it before: what was read then may not be so any more.
    pub(super) had_before: bool,
}

impl Turns {
    /// Waits until nobody else writes `what`: an id, in any case. `None`: somebody still does at `deadline`.
    pub(super) async fn take(&self, what: &str, clock: &dyn Clock, deadline: OffsetDateTime) -> Option<Turn> {
        let one = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(what.to_ascii_lowercase()).or_default())
        };
        let mut waiting = pin!(one.lock_owned());
        let mut held = loop {
            if let Some(held) = within(clock, LOOK, waiting.as_mut()).await {
                break held;
            }
            if clock.now() >= deadline {
                return None;
            }
        };
        let had_before = std::mem::replace(&mut *held, true);
        Some(Turn { _held: held, had_before })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::clock::VirtualClock;

    const START: OffsetDateTime = datetime!(2026-11-26 08:30 UTC);

    fn after(seconds: i64) -> OffsetDateTime {
        START + time::Duration::seconds(seconds)
    }

    #[tokio::test]
    async fn who_comes_second_is_told_so_and_waits_until_a_deadline_of_its_own() {
        let (turns, clock) = (Turns::default(), VirtualClock::new(START));
        let first = turns.take("/shares/one", &clock, after(60)).await.unwrap();
        assert!(!first.had_before);
        assert!(turns.clone().take("/SHARES/one", &clock, after(5)).await.is_none());
        assert_eq!((clock.now() - START).whole_seconds(), 5);
        let other = turns.take("/shares/two", &clock, after(60)).await.unwrap();
        assert!(
            !other.had_before && clock.now() == after(5),
            "what is another thing is waited for by nobody"
        );
        let (second, ()) = futures::join!(turns.take("/shares/one", &clock, after(60)), async {
            clock.sleep(Duration::from_secs(10)).await;
            drop(first);
        });
        assert!(second.unwrap().had_before);
        // Nobody has it any more: it is not waited for, but it was written before.
        let third = turns.take("/shares/one", &clock, clock.now()).await;
        assert!(third.unwrap().had_before);
    }
}
