//! Secrets whose values GET leaves out: a value that is wanted is compared with what a POST tells of those that are
//! there, so that giving the same one again changes nothing.

use super::StepPlan;
use super::administrator::role_lines;
use super::finding::{Finding, Status};
use super::frame::Frame;
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::merge;
use crate::steps::Outcome;
use crate::value::{Data, Path, Segment, Value};

impl Frame<'_, '_> {
    /// Counts as in place what is stored already. Where that may not be read, what is there stays as it is: it would
    /// be written at every run. Then the finding says so.
    pub(super) fn stored(&self, outcome: &mut Outcome) -> Option<Finding> {
        let (list, action) = outcome.kind.told_by?;
        let id = outcome.resource.clone()?;
        let open: Vec<usize> = (0..outcome.owned.len())
            .filter(|index| {
                let owned = &outcome.owned[*index];
                let value = owned.path.pattern() == format!("{list}[].value");
                value
                    && !owned.in_place
                    && owned.wanted.as_str().is_some()
                    && keeps_value(outcome, &owned.path)
            })
            .collect();
        if open.is_empty() {
            return None;
        }
        let version = self.engine.version(outcome.kind.name);
        let fact = self.engine.asked.ask(&Read::stored(&id, action, outcome.kind.name, &version))?;
        match fact {
            Fact::Found(answer) => {
                let told = answer.get("value").and_then(Value::as_list).unwrap_or_default();
                let mut untold = Vec::new();
                for index in open {
                    let owned = &mut outcome.owned[index];
                    let one = told.iter().find(|one| one.text_at(&["name"]) == name_of(&owned.path));
                    let stored = one.and_then(|one| one.text_at(&["value"]));
                    owned.in_place = stored.is_some() && stored == owned.wanted.as_str();
                    // Microsoft's example of a Dapr component's listSecrets has names only.
                    if one.is_some_and(|one| one.get("value").is_none_or(Value::is_null)) {
                        untold.push(index);
                    }
                }
                (!untold.is_empty()).then(|| {
                    let detail = format!("what is stored is kept, since {action} tells names only");
                    kept(outcome, &untold, &id)
                        .detail(detail)
                        .fix("give the secret another name, and refer to that")
                })
            }
            Fact::Refused { message } | Fact::Failed { message, .. } => {
                let finding = kept(outcome, &open, &id);
                let detail = format!("what is stored is kept, since it may not be read: {message}");
                let needed = format!("{}/{action}/action", outcome.kind.name);
                let lines = role_lines(self.engine.request.caller, &[&needed], &id);
                let fix = format!("ask an administrator: {}", lines.join("; "));
                Some(finding.detail(detail).fix(fix))
            }
            // It was there a moment ago.
            Fact::Absent { .. } => None,
        }
    }
}

/// Counts the secrets of these leaves as in place, and says so.
fn kept(outcome: &mut Outcome, leaves: &[usize], id: &ResourceId) -> Finding {
    for index in leaves {
        outcome.owned[*index].in_place = true;
    }
    let names: Vec<&str> = leaves.iter().filter_map(|index| name_of(&outcome.owned[*index].path)).collect();
    let what = if names.len() == 1 { "secret" } else { "secrets" };
    let name = format!("the {what} {} of {} has the value given", names.join(", "), id.name());
    Finding::new(Status::CouldNotCheck, codes::PERMISSION, name)
}

/// The name of the secret that a path is in.
fn name_of(path: &Path) -> Option<&str> {
    path.0.iter().rev().find_map(|segment| match segment {
        Segment::Element(name) => Some(name.as_str()),
        Segment::Key(_) => None,
    })
}

/// Whether what the changes are counted from has this secret with a value of its own. A reference to a vault has
/// none, although the POST tells what it leads to.
fn keeps_value(outcome: &Outcome, path: &Path) -> bool {
    let element = Path(path.0[..path.0.len().saturating_sub(1)].to_vec());
    merge::find(outcome.kind, &outcome.base, &element)
        .is_some_and(|secret| secret.text_at(&["keyVaultUrl"]).is_none())
}

/// Puts the values that are in place into what a write is counted from: they are no reason to send the list.
pub(super) fn at_hand(kind: &ResourceType, base: &mut Value, steps: &[StepPlan], members: &[usize]) {
    let Some((list, _)) = kind.told_by else { return };
    let keys: Vec<&str> = list.split('.').collect();
    let pattern = format!("{list}[].value");
    for index in members {
        for owned in steps[*index].outcome.owned.iter().filter(|owned| owned.in_place) {
            if owned.path.pattern() != pattern || owned.wanted.as_str().is_none() {
                continue;
            }
            let Some(Data::List(secrets)) = base.at_mut(&keys).map(|value| &mut value.data) else { return };
            let own = secrets.iter_mut().find(|secret| secret.text_at(&["name"]) == name_of(&owned.path));
            if let Some(Data::Map(members)) = own.map(|secret| &mut secret.data) {
                members.entry("value".to_owned()).or_insert_with(|| owned.wanted.clone());
            }
        }
    }
}
