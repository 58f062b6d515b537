//! How a recipe stands on an app, as `graph --live` tells it.

use serde::Serialize;

use crate::value::strip_control;
use crate::verify::Standing;

/// One recipe.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingReport {
    /// `in-place`, `partly`, `absent`, `nothing` (it has nothing to do here), `missing` (it needs what is not
    /// there), `unknown` (it cannot be told).
    pub state: &'static str,
    /// Of `partly`: how many of its steps are in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_place: Option<usize>,
    /// Of `partly`: how many of its steps take part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Of `missing` and `unknown`: what, or why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl From<&Standing> for StandingReport {
    fn from(standing: &Standing) -> StandingReport {
        let state = match standing {
            Standing::InPlace => "in-place",
            Standing::Partly { .. } => "partly",
            Standing::Absent => "absent",
            Standing::Nothing => "nothing",
            Standing::Missing(_) => "missing",
            Standing::Unknown(_) => "unknown",
        };
        let mut report = StandingReport { state, in_place: None, of: None, reasons: Vec::new() };
        match standing {
            Standing::Partly { in_place, of } => {
                (report.in_place, report.of) = (Some(*in_place), Some(*of));
            }
            Standing::Missing(reasons) => {
                report.reasons = reasons.iter().map(|reason| strip_control(reason)).collect();
            }
            Standing::Unknown(reason) => report.reasons = vec![strip_control(reason)],
            _ => {}
        }
        report
    }
}
