//! The health of many apps: from a list, where that tells it, else from a closer look. Pure.

use serde_json::Value as Json;

use super::findings;
use crate::azure::ResourceId;
use crate::diagnostic::codes;
use crate::plan::{Finding, Plan, State, Status};
use crate::value::strip_control;

/// How an app is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppState {
    /// Provisioned, running, and its newest revision is ready.
    Healthy,
    /// On its way.
    Progressing,
    /// It failed, or somebody stopped it.
    Unhealthy,
    /// It could not be told.
    Unknown,
}

/// What is kept of an app. Its texts are fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppHealth {
    /// Its name.
    pub name: String,
    /// Its resource group.
    pub resource_group: String,
    /// How it is.
    pub state: AppState,
    /// `provisioningState`.
    pub provisioning_state: Option<String>,
    /// `runningStatus`.
    pub running_status: Option<String>,
    /// `latestRevisionName`.
    pub latest_revision: Option<String>,
    /// `latestReadyRevisionName`.
    pub latest_ready_revision: Option<String>,
    /// Why it is not healthy, or what there is to say although it is.
    pub reason: Option<String>,
    /// What mends it.
    pub fix: Option<String>,
    /// Whether its revision was looked at.
    pub looked_at: bool,
    /// Whether that failed: nothing is known that would let it pass.
    pub failed: bool,
}

/// Its id and what it says of itself; `None` when it has no id of an app.
pub fn listed(app: &Json) -> Option<(ResourceId, AppHealth)> {
    let id = ResourceId::parse(app.get("id")?.as_str()?)?;
    let resource_group = group_of(&id)?;
    let word = |name: &str| app.pointer(&format!("/properties/{name}"))?.as_str().map(strip_control);
    let mut health = AppHealth {
        name: strip_control(id.name()),
        resource_group,
        state: AppState::Healthy,
        provisioning_state: word("provisioningState"),
        running_status: word("runningStatus"),
        latest_revision: word("latestRevisionName").filter(|name| !name.is_empty()),
        latest_ready_revision: word("latestReadyRevisionName").filter(|name| !name.is_empty()),
        reason: None,
        fix: None,
        looked_at: false,
        failed: false,
    };
    if let Some(reason) = suspicion(&health).or_else(|| elsewhere(app, &health)) {
        (health.state, health.reason) = (AppState::Unhealthy, Some(reason));
    }
    Some((id, health))
}

/// The group that an id of an app stands in.
fn group_of(id: &ResourceId) -> Option<String> {
    let app = id.resource_type().eq_ignore_ascii_case("Microsoft.App/containerApps");
    id.resource_group().filter(|_| app).map(strip_control)
}

/// Why what an app says of itself is not enough to call it healthy.
fn suspicion(app: &AppHealth) -> Option<String> {
    let provisioning = app.provisioning_state.as_deref().unwrap_or("unknown");
    if provisioning != "Succeeded" {
        return Some(format!("provisioningState {provisioning}"));
    }
    // Apps read with an older api-version carry no runningStatus; words for "scaled to zero" vary.
    let running = app.running_status.as_deref().unwrap_or("unknown");
    if !matches!(running, "Running" | "Ready" | "ScaledToZero" | "Scaled to 0" | "unknown") {
        return Some(format!("runningStatus {running}"));
    }
    match (&app.latest_revision, &app.latest_ready_revision) {
        (Some(latest), Some(ready)) if latest.eq_ignore_ascii_case(ready) => None,
        (Some(latest), Some(ready)) => Some(format!("revision {latest} is not ready, {ready} is")),
        (Some(latest), None) => Some(format!("revision {latest} is not ready, and none is")),
        (None, _) => Some("it has no revision".to_owned()),
    }
}

/// That traffic goes to a revision by name which is not the newest: then that one's health counts, too.
fn elsewhere(app: &Json, health: &AppHealth) -> Option<String> {
    let latest = health.latest_revision.as_deref()?;
    let entries = app.pointer("/properties/configuration/ingress/traffic")?.as_array()?;
    entries.iter().find_map(|entry| {
        let name = entry.get("revisionName")?.as_str().filter(|name| !name.is_empty())?;
        let weight = entry.get("weight")?.as_u64().filter(|weight| *weight > 0)?;
        let other = !name.eq_ignore_ascii_case(latest);
        other.then(|| format!("{weight} % of the traffic goes to revision {}", strip_control(name)))
    })
}

impl AppHealth {
    /// An element of a list that is no app.
    pub fn unreadable() -> AppHealth {
        AppHealth {
            name: "(unknown)".to_owned(),
            resource_group: "(unknown)".to_owned(),
            state: AppState::Unknown,
            provisioning_state: None,
            running_status: None,
            latest_revision: None,
            latest_ready_revision: None,
            reason: Some("the list has an element without the id of an app".to_owned()),
            fix: None,
            looked_at: false,
            failed: true,
        }
    }

    /// One that could not be looked at, and why.
    #[must_use]
    pub fn unknown(self, reason: &str) -> AppHealth {
        AppHealth {
            state: AppState::Unknown,
            reason: Some(strip_control(reason)),
            looked_at: true,
            failed: true,
            ..self
        }
    }

    /// The same after a closer look: the revision decides.
    #[must_use]
    pub fn judged(self, plan: &Plan) -> AppHealth {
        let found = findings(plan, false);
        let health = |finding: &&Finding| [codes::APP_HEALTH, codes::REVISION_HEALTH].contains(&finding.code);
        let about = |status: Status| found.iter().filter(health).find(|finding| finding.status == status);
        let state = match plan.health.state {
            State::Ready => AppState::Healthy,
            // One look has no reason to hope for what has had its time.
            State::Waiting(_) if plan.health.overdue => AppState::Unhealthy,
            State::Waiting(_) => AppState::Progressing,
            State::Failing(_) | State::Stopped(_) => AppState::Unhealthy,
            State::Unknown => AppState::Unknown,
        };
        let told =
            about(Status::Failed).or_else(|| about(Status::CouldNotCheck)).or_else(|| about(Status::Warning));
        let why = match &plan.health.state {
            State::Waiting(why) | State::Failing(why) | State::Stopped(why) => Some(strip_control(why)),
            State::Ready | State::Unknown => None,
        };
        let detail = told.and_then(|finding| finding.detail.as_deref()).map(strip_control);
        AppHealth {
            state,
            reason: why.or(detail).or(self.reason.filter(|_| state != AppState::Healthy)),
            fix: told.and_then(|finding| finding.fix.as_deref()).map(strip_control),
            looked_at: true,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn app(provisioning: &str, running: &str, latest: &str, ready: &str) -> Json {
        json!({
            "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web",
            "properties": {
                "provisioningState": provisioning,
                "runningStatus": running,
                "latestRevisionName": latest,
                "latestReadyRevisionName": ready,
            },
        })
    }

    #[test]
    fn only_what_a_list_can_tell_is_healthy_by_a_list() {
        let judged = |app: &Json| listed(app).map(|(_, health)| (health.state, health.reason));
        let healthy = app("Succeeded", "Running", "web--1", "WEB--1");
        assert_eq!(judged(&healthy), Some((AppState::Healthy, None)));
        for (suspect, why) in [
            (app("Failed", "Running", "web--1", "web--1"), "provisioningState Failed"),
            (app("Rehydrating", "Running", "web--1", "web--1"), "provisioningState Rehydrating"),
            (app("Succeeded", "Stopped", "web--1", "web--1"), "runningStatus Stopped"),
            (app("Succeeded", "Rehydrating", "web--1", "web--1"), "runningStatus Rehydrating"),
            (app("Succeeded", "Running", "web--2", "web--1"), "revision web--2 is not ready, web--1 is"),
            (app("Succeeded", "Running", "web--1", ""), "revision web--1 is not ready, and none is"),
            (app("Succeeded", "Running", "", ""), "it has no revision"),
            (app("Succe\u{1b}[2Jeded", "Running", "web--1", "web--1"), "provisioningState Succe[2Jeded"),
        ] {
            let (state, reason) = judged(&suspect).unwrap();
            assert_eq!(state, AppState::Unhealthy);
            assert!(!reason.as_deref().unwrap_or_default().contains('\u{1b}'));
            if !why.contains("[2J") {
                assert_eq!(reason.as_deref(), Some(why));
            }
        }
        let mut pinned = healthy.clone();
        pinned["properties"]["configuration"] = json!({ "ingress": { "traffic": [
            { "revisionName": "WEB--1", "weight": 50 },
            { "latestRevision": true, "weight": 40 },
            { "revisionName": "web--0", "weight": 0, "label": "old" },
        ] } });
        assert_eq!(judged(&pinned), Some((AppState::Healthy, None)));
        pinned["properties"]["configuration"]["ingress"]["traffic"][2]["weight"] = json!(10);
        let why = "10 % of the traffic goes to revision web--0".to_owned();
        assert_eq!(judged(&pinned), Some((AppState::Unhealthy, Some(why))), "until it has been looked at");
        // An older api-version says nothing of what runs.
        let mut older = healthy.clone();
        older["properties"].as_object_mut().unwrap().remove("runningStatus");
        assert_eq!(judged(&older), Some((AppState::Healthy, None)));
    }

    #[test]
    fn what_is_no_app_is_none() {
        for id in [
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/jobs/web",
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web/revisions/a",
            "/subscriptions/s/providers/Microsoft.App/containerApps/web",
            "https://evil.example/x",
            "",
        ] {
            assert!(listed(&json!({ "id": id })).is_none(), "{id}");
        }
        assert!(listed(&json!({})).is_none() && listed(&json!(7)).is_none());
    }
}
