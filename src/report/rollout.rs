//! A rollout as people and machines read it: what is put into service, and by which stages.

use serde::Serialize;

use crate::plan::{Plan, Stage, Traffic};
use crate::value::strip_control;

/// How the new revision is put into service after the writes of the plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutReport {
    /// The revision that serves.
    pub serving: String,
    /// The revision that is put into service; `(known after apply)` while its name is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Its share of the traffic, in percent, when it is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<u32>,
    /// The label under which it answers.
    pub label: String,
    /// What is written, in order: each is one write.
    pub stages: Vec<StageReport>,
    /// How many writes it is in all, those of the plan among them.
    pub writes: usize,
    /// What judges it before each stage and after the last.
    pub checks: Vec<String>,
    /// What should be known of it besides, in a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// `rollback` or `keep`.
    pub on_failure: &'static str,
    /// How long it takes at least, in seconds.
    pub at_least: u64,
}

/// One write of a rollout.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    /// `label`, `weight` or `deactivate`.
    pub action: &'static str,
    /// The revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its share from then on, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// How long that stands before it is judged, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bake: Option<u64>,
}

/// One revision's share of the traffic.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficReport {
    /// The revision; `latest`: whichever that is.
    pub revision: String,
    /// Its share, in percent.
    pub weight: u32,
    /// Its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl TrafficReport {
    /// The report of an app's traffic.
    pub fn of(traffic: &Traffic) -> Vec<TrafficReport> {
        let one = |entry: &crate::plan::Entry| TrafficReport {
            revision: entry.revision.as_deref().map_or_else(|| "latest".to_owned(), strip_control),
            weight: entry.weight,
            label: entry.label.as_deref().map(strip_control),
        };
        traffic.0.iter().map(one).collect()
    }
}

impl RolloutReport {
    /// The report of a plan's rollout; nothing where none is to be done.
    pub fn of(plan: &Plan) -> Option<RolloutReport> {
        let rollout = plan.rollout.as_ref().filter(|rollout| !rollout.stages.is_empty())?;
        let unknown = || "(known after apply)".to_owned();
        let named = |candidate: &crate::plan::Candidate| {
            candidate.name.as_deref().map_or_else(unknown, strip_control)
        };
        let candidate = rollout.candidate.as_ref().map(named);
        let stage = |stage: &Stage| match stage {
            Stage::Label => {
                StageReport { action: "label", revision: candidate.clone(), weight: None, bake: None }
            }
            Stage::Shift(weight) => StageReport {
                action: "weight",
                revision: candidate.clone(),
                weight: Some(*weight),
                bake: Some(rollout.bake.as_secs()),
            },
            Stage::Again => StageReport {
                action: "again",
                revision: Some(strip_control(&rollout.serving)),
                weight: None,
                bake: None,
            },
            Stage::Retire(name) => StageReport {
                action: "deactivate",
                revision: Some(strip_control(name)),
                weight: None,
                bake: None,
            },
        };
        let exists = rollout.candidate.as_ref().is_some_and(|candidate| candidate.exists);
        Some(RolloutReport {
            serving: strip_control(&rollout.serving),
            standing: exists.then(|| rollout.weight()),
            label: strip_control(&rollout.label),
            stages: rollout.stages.iter().map(stage).collect(),
            writes: plan.changes().count() + rollout.stages.len(),
            checks: rollout.checks.iter().map(|name| strip_control(name)).collect(),
            notes: rollout.notes.iter().map(|note| strip_control(note)).collect(),
            on_failure: if rollout.rolls_back { "rollback" } else { "keep" },
            at_least: rollout.at_least().as_secs(),
            candidate,
        })
    }
}
