//! What an earlier run did that this one goes on from, as far as live state does not tell it: an action is due that only a
//! step triggers which is in place by now, and replicas run with a secret's earlier value.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::Frame;
use super::started::{none_older, secret_of};
use super::{Owned, Plan};
use crate::azure::ResourceId;
use crate::steps::Outcome;
use crate::value::{Data, Path, Segment, Value};

/// By the run's journal; nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The keys of the steps that wrote, or may have, each with the place of its last write among all that was sent.
    pub wrote: BTreeMap<String, usize>,
    /// The keys of the actions that were sent, each with the place of its last sending, and whether Azure took it; else
    /// nobody knows.
    pub sent: BTreeMap<String, (usize, bool)>,
    /// The app's secrets that were written, where what uses them was not restarted, or not all of it.
    pub secrets: BTreeSet<String>,
    /// Whether the age of replicas was looked at: the rest of [`Earlier::secrets`] is due, whatever the run writes.
    pub settled: bool,
}

impl Earlier {
    /// Whether a step that wrote then makes an action due now. One whose answer was lost is sent again unless it is never to
    /// be sent twice.
    pub(super) fn triggers(&self, step: &str, action: &str, never: bool) -> bool {
        self.wrote.get(step).is_some_and(|wrote| match self.sent_after(*wrote, action) {
            None => true,
            Some(taken) => !taken && !never,
        })
    }

    /// Whether nobody knows what became of an action that a step made due then.
    pub(super) fn in_doubt(&self, step: &str, action: &str) -> bool {
        self.wrote.get(step).is_some_and(|wrote| self.sent_after(*wrote, action) == Some(false))
    }

    /// Whether an action was taken that was sent after the write in this place; `None`: it was not sent since.
    fn sent_after(&self, wrote: usize, action: &str) -> Option<bool> {
        self.sent.get(action).filter(|(at, _)| *at > wrote).map(|(_, taken)| *taken)
    }

    /// Of the secrets whose users were not restarted: those that `plan` writes once more; and those that no step of it
    /// owns, or can compare, so that it restarts nothing for them. The others need no restart by now.
    pub fn due(&self, plan: &Plan, app: &ResourceId) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut written, mut left) = (BTreeSet::new(), BTreeSet::new());
        let steps = || plan.steps.iter().filter(|step| step.outcome.resource.as_ref() == Some(app));
        for name in &self.secrets {
            let comparable = steps().filter(|step| step.kept.is_none());
            let owned = comparable.flat_map(|step| &step.outcome.owned);
            let owned: Vec<&Owned> =
                owned.filter(|owned| secret_of(&owned.path) == Some(name.as_str())).collect();
            if owned.is_empty() {
                left.insert(name.clone());
            } else if owned.iter().any(|owned| !owned.in_place) {
                written.insert(name.clone());
            }
        }
        (written, left)
    }
}

impl Frame<'_, '_> {
    /// Counts a secret as not in place whose users the earlier run did not restart, and nobody since as far as can be
    /// told: written once more, it restarts them as it would have.
    pub(super) fn restarts_due(&self, key: &str, outcome: &mut Outcome) {
        let request = &self.engine.request;
        let earlier = &request.so_far.earlier;
        let app = outcome.resource.as_ref().is_some_and(|id| *id == request.target.app_id());
        if earlier.secrets.is_empty() || !app || request.so_far.wrote.contains(key) {
            return;
        }
        let due = |owned: &Owned| {
            secret_of(&owned.path).is_some_and(|name| earlier.secrets.contains(name))
                && owned.wanted.as_str().is_some()
        };
        if !outcome.owned.iter().any(due) || !earlier.settled && none_older(self.engine) {
            return;
        }
        for owned in &mut outcome.owned {
            if due(owned) {
                owned.in_place = false;
                // What stands there would be left out of a write.
                without(&mut outcome.base, &owned.path);
            }
        }
    }
}

/// Takes a member of an app's secret out of what a write starts from.
fn without(app: &mut Value, path: &Path) {
    let [.., Segment::Element(name), Segment::Key(member)] = path.0.as_slice() else { return };
    let list = app.at_mut(&["properties", "configuration", "secrets"]).map(|value| &mut value.data);
    let Some(Data::List(secrets)) = list else { return };
    for secret in secrets.iter_mut().filter(|secret| secret.text_at(&["name"]) == Some(name.as_str())) {
        if let Data::Map(members) = &mut secret.data {
            members.shift_remove(member);
        }
    }
}
