//! What an interrupted run did that this one goes on from, as far as live state does not tell it: an action is due that
//! only a step triggers which is in place by now, and replicas run with a secret's earlier value.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::Frame;
use crate::steps::Outcome;
use crate::value::Segment;

/// The values of an app's secrets.
const VALUES: &str = "properties.configuration.secrets[].value";

/// By the run's journal; nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The keys of the steps that wrote, or may have.
    pub wrote: BTreeSet<String>,
    /// The keys of the actions that were sent, and whether Azure took each; else nobody knows.
    pub sent: BTreeMap<String, bool>,
    /// The app's secrets that were written, where what uses them was not restarted, or not all of it.
    pub secrets: BTreeSet<String>,
}

impl Earlier {
    /// Whether a step that wrote then makes an action due now. One whose answer was lost is sent again unless it is never to
    /// be sent twice.
    pub(super) fn triggers(&self, step: &str, action: &str, never: bool) -> bool {
        let sent = match self.sent.get(action) {
            None => false,
            Some(taken) => *taken || never,
        };
        !sent && self.wrote.contains(step)
    }
}

impl Frame<'_, '_> {
    /// Counts a secret as not in place whose users the interrupted run did not restart: written once more, it restarts
    /// them as it would have.
    pub(super) fn restarts_due(&self, key: &str, outcome: &mut Outcome) {
        let request = &self.engine.request;
        let due = &request.so_far.earlier.secrets;
        let app = outcome.resource.as_ref().is_some_and(|id| *id == request.target.app_id());
        if due.is_empty() || !app || request.so_far.wrote.contains(key) {
            return;
        }
        for owned in outcome.owned.iter_mut().filter(|owned| owned.path.pattern() == VALUES) {
            let named = owned
                .path
                .0
                .iter()
                .any(|segment| matches!(segment, Segment::Element(name) if due.contains(name)));
            if named && owned.wanted.as_str().is_some() {
                owned.in_place = false;
            }
        }
    }
}
