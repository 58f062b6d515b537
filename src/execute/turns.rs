//! Turns: runs for several apps in one process write what they share one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

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
    /// Waits until nobody else writes `what`: an id, in any case.
    pub(super) async fn take(&self, what: &str) -> Turn {
        let one = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(what.to_ascii_lowercase()).or_default())
        };
        let mut held = one.lock_owned().await;
        let had_before = std::mem::replace(&mut *held, true);
        Turn { _held: held, had_before }
    }
}
