//! The health of many apps, a row each.

use serde::Serialize;

use crate::plan::Target;
use crate::verify::{AppHealth, AppState};

/// What `verify --all-apps` without a recipe found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetReport {
    /// The resource group whose apps these are; null: the whole subscription's.
    pub resource_group: Option<String>,
    /// Pages of the list that were read.
    pub pages: usize,
    /// Whether the list was read to its end.
    pub complete: bool,
    /// How many apps there are of each state.
    pub counts: FleetCounts,
    /// The apps, in the order of the list.
    pub apps: Vec<AppRow>,
}

/// How many apps there are of each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetCounts {
    /// All of them.
    pub apps: usize,
    /// Provisioned, running, their newest revision ready.
    pub healthy: usize,
    /// On their way.
    pub progressing: usize,
    /// Failed or stopped.
    pub unhealthy: usize,
    /// Not known.
    pub could_not_check: usize,
    /// Those whose revision was looked at.
    pub looked_at: usize,
}

/// One app.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRow {
    /// Its resource group.
    pub resource_group: String,
    /// Its name.
    pub name: String,
    /// `healthy`, `progressing`, `unhealthy` or `could-not-check`.
    pub status: &'static str,
    /// Azure's word.
    pub provisioning_state: Option<String>,
    /// Azure's word.
    pub running_status: Option<String>,
    /// The newest revision.
    pub latest_revision: Option<String>,
    /// The newest revision that became ready.
    pub latest_ready_revision: Option<String>,
    /// Why it is not healthy, or what there is to say although it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The word for a state.
fn word(state: AppState) -> &'static str {
    match state {
        AppState::Healthy => "healthy",
        AppState::Progressing => "progressing",
        AppState::Unhealthy => "unhealthy",
        AppState::Unknown => "could-not-check",
    }
}

impl FleetReport {
    /// The report of these apps of a target.
    pub fn new(target: &Target, pages: usize, apps: &[AppHealth], complete: bool) -> FleetReport {
        let count = |state| apps.iter().filter(|app| app.state == state).count();
        let counts = FleetCounts {
            apps: apps.len(),
            healthy: count(AppState::Healthy),
            progressing: count(AppState::Progressing),
            unhealthy: count(AppState::Unhealthy),
            could_not_check: count(AppState::Unknown),
            looked_at: apps.iter().filter(|app| app.looked_at).count(),
        };
        let row = |app: &AppHealth| AppRow {
            resource_group: app.resource_group.clone(),
            name: app.name.clone(),
            status: word(app.state),
            provisioning_state: app.provisioning_state.clone(),
            running_status: app.running_status.clone(),
            latest_revision: app.latest_revision.clone(),
            latest_ready_revision: app.latest_ready_revision.clone(),
            reason: app.reason.clone(),
            fix: app.fix.clone(),
        };
        FleetReport {
            resource_group: Some(target.resource_group.clone()).filter(|group| !group.is_empty()),
            pages,
            complete,
            counts,
            apps: apps.iter().map(row).collect(),
        }
    }
}
