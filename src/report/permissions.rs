//! What a run needs the caller to be allowed to do, by scope, fit to be handed to an administrator.

use serde::Serialize;

use crate::plan::{Plan, ScopeRights, Standing};
use crate::value::strip_control;

/// One action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionReport {
    /// The action, in ARM's words.
    pub action: String,
    /// What it is for.
    pub why: String,
    /// `held`, `lacking` or `could-not-check`.
    pub status: &'static str,
    /// The run goes on without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Why it could not be checked, or why it is only likely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What is needed at one scope.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionReport {
    /// The resource, group or subscription.
    pub scope: String,
    /// The actions.
    pub actions: Vec<ActionReport>,
    /// The smallest built-in roles that hold all of them but the optional ones, or those where there are
    /// no others.
    pub roles: Vec<&'static str>,
    /// The command lines that give what is lacking, for somebody who may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
}

impl PermissionReport {
    /// All that a plan needs.
    pub fn of(plan: &Plan) -> Vec<PermissionReport> {
        plan.rights.iter().map(PermissionReport::new).collect()
    }

    fn new(scope: &ScopeRights) -> PermissionReport {
        let actions = scope.rights.iter().map(|right| {
            let (status, detail) = match &right.standing {
                // A condition on the caller's own role is in no list of permissions.
                Standing::Held if right.grant.is_some() => {
                    ("held", Some("likely: a condition on the right to give roles cannot be seen".to_owned()))
                }
                Standing::Held => ("held", None),
                Standing::Lacking => ("lacking", None),
                Standing::Unknown(why) => ("could-not-check", Some(strip_control(why))),
            };
            ActionReport {
                action: strip_control(&right.action),
                why: strip_control(&right.why),
                status,
                optional: right.optional,
                detail: detail.filter(|detail| !detail.is_empty()),
            }
        });
        PermissionReport {
            scope: strip_control(scope.scope.as_str()),
            actions: actions.collect(),
            roles: scope.roles.clone(),
            fix: scope.fix.iter().map(|line| strip_control(line)).collect(),
        }
    }
}
