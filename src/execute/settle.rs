//! The wait for role assignments that a write relies on.

use std::time::Duration;

use super::{Event, Executor, Failure};
use crate::plan::Write;

/// How often a wait says what is left.
const TOLD_EVERY: Duration = Duration::from_secs(1);

impl Executor {
    /// Waits until the role assignments that the write relies on are old enough, found in place or
    /// made by this run. Whether one is in force cannot be read; its age is all there is to go by.
    pub(super) async fn settle(&self, write: &Write) -> Result<(), Failure> {
        let start = self.clock.now();
        for settle in &write.settles {
            // Counted from now at the latest: the age may not be told, and Azure's clock may be ahead.
            let made = settle.grant.created_on.map_or(start, |created| created.min(start));
            let until = made + settle.grant.settle;
            let grant = format!("{} on {}", settle.grant.role, settle.grant.scope.name());
            if until > self.deadline && self.clock.now() < until {
                return Err(Failure::deadline(&format!("the wait for the role {grant} to take effect")));
            }
            while let Some(remaining) = time_left(until - self.clock.now()) {
                self.observer.event(&Event::Settling { grant: grant.clone(), remaining });
                self.pause(remaining.min(TOLD_EVERY)).await?;
            }
        }
        Ok(())
    }
}

fn time_left(left: time::Duration) -> Option<Duration> {
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}
