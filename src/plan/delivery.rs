//! How a rollout shapes the writes of a run: what pins the traffic goes before what makes a revision, and that
//! is sent against what is really on the app, under the candidate's name.

use std::borrow::Cow;

use super::StepPlan;
use super::engine::Engine;
use super::rollout::{Rollout, TEMPLATE};
use super::schedule::Node;
use super::writes::give_suffix;
use crate::azure::ResourceId;
use crate::steps::Outcome;
use crate::value::{Data, Value};

/// The resource that stands between the pin and the template; never written.
const BARRIER: &str = "rollout";

/// What a rollout says of the writes; of a run without one nothing.
pub(super) struct Delivery {
    /// The app.
    pub(super) app: ResourceId,
    /// What is really on the app as its template, where all is counted from that of another revision.
    template: Option<Value>,
    /// The key of the step that pins the traffic.
    pin: Option<String>,
    /// What the candidate's name ends with, where it is to be made and known.
    suffix: Option<String>,
    /// Whether the candidate is there: its template is written.
    delivered: bool,
}

impl Delivery {
    pub(super) fn of(engine: &Engine<'_>, rollout: Option<&Rollout>, pin: Option<String>) -> Delivery {
        let target = engine.request.target;
        let candidate = rollout.and_then(|rollout| rollout.candidate.as_ref());
        let template = || {
            let app = engine.app_as_read();
            app.at(&["properties", "template"]).cloned().unwrap_or_else(Value::null)
        };
        Delivery {
            app: target.app_id(),
            template: (rollout.is_some() || engine.serving().is_some()).then(template),
            pin,
            suffix: candidate
                .and_then(|candidate| candidate.name.as_deref())
                .and_then(|name| name.strip_prefix(&format!("{}--", target.app)))
                .map(str::to_owned),
            delivered: candidate.is_some_and(|candidate| candidate.exists),
        }
    }

    /// Whether the app's own template is what all is counted from.
    pub(super) fn is_none(&self) -> bool {
        self.template.is_none()
    }

    /// The steps as far as writes are concerned: what a candidate that is there has needs none.
    pub(super) fn seen<'s>(&self, steps: &'s [StepPlan]) -> Cow<'s, [StepPlan]> {
        if !self.delivered {
            return Cow::Borrowed(steps);
        }
        let mut steps = steps.to_vec();
        for step in steps.iter_mut().filter(|step| step.outcome.resource.as_ref() == Some(&self.app)) {
            for owned in &mut step.outcome.owned {
                owned.in_place |= owned.path.pattern().starts_with(TEMPLATE);
            }
        }
        Cow::Owned(steps)
    }

    /// Puts a node between the pin and what changes the template, so that they are two writes: a new revision
    /// takes the weight of the latest as soon as it is there. Its position, if there is one.
    pub(super) fn barrier(
        &self,
        steps: &[StepPlan],
        pending: &[usize],
        nodes: &mut Vec<Node>,
        edges: &mut Vec<(usize, usize)>,
    ) -> Option<usize> {
        let pin = pending.iter().position(|index| Some(&steps[*index].key) == self.pin.as_ref())?;
        let template: Vec<usize> = (0..pending.len())
            .filter(|node| {
                let outcome = &steps[pending[*node]].outcome;
                outcome.resource.as_ref() == Some(&self.app) && changes_template(outcome)
            })
            .collect();
        if template.is_empty() {
            return None;
        }
        let barrier = nodes.len();
        nodes.push(Node {
            key: BARRIER.to_owned(),
            resource: BARRIER.to_owned(),
            by_others: false,
            waits: false,
        });
        edges.push((pin, barrier));
        edges.extend(template.into_iter().map(|node| (barrier, node)));
        Some(barrier)
    }

    /// Makes a write of the app carry the template or leave it alone. `base`: what the body is counted from.
    pub(super) fn shape(&self, base: &mut Value, merged: &mut Value, makes_revision: bool) {
        let Some(on_app) = &self.template else { return };
        let at = ["properties", "template"];
        if !makes_revision {
            let own = base.at(&at).cloned();
            if let (Some(own), Some(template)) = (own, merged.at_mut(&at)) {
                *template = own;
            }
            return;
        }
        // What a change that was taken back has left there goes.
        let mut left = on_app.clone();
        let old = match &mut left.data {
            Data::Map(members) => members.shift_remove("revisionSuffix"),
            _ => None,
        };
        let same = merged.at(&at) == Some(&left);
        match (&self.suffix, merged.at_mut(&at).map(|template| &mut template.data)) {
            (Some(suffix), Some(Data::Map(members))) => {
                members.insert("revisionSuffix".to_owned(), Value::from(suffix.as_str()));
            }
            // Just what was taken back is wanted, and stands there already: only a new name makes a revision of it.
            (None, _) if same => give_suffix(merged),
            // Its suffix is sent away with it.
            _ => {
                if let (Some(old), Data::Map(members)) = (old, &mut left.data) {
                    members.insert("revisionSuffix".to_owned(), old);
                }
            }
        }
        if let Some(template) = base.at_mut(&at) {
            *template = left;
        }
    }
}

fn changes_template(outcome: &Outcome) -> bool {
    outcome.owned.iter().any(|owned| !owned.in_place && owned.path.pattern().starts_with(TEMPLATE))
}
