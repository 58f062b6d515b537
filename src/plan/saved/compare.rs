//! Whether what is asked for and planned now is what a saved plan approves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::encode::{encode, has_unknown, shown};
use super::{SavedChange, SavedFor, SavedPlan, SavedRecipe, SavedRollout, SavedTarget, SavedWrite};
use crate::azure::types::Compare;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::merge::word_set;
use crate::plan::{Plan, StepPlan, folded};

/// Where an app's id has its type.
const APPS: &str = "/microsoft.app/containerapps/";

/// As many differences as are told.
const TOLD: usize = 12;

/// What is planned now and in place now, as far as a saved plan is about it.
#[derive(Clone, Debug)]
pub struct Standing {
    now: SavedPlan,
    /// What is owned and in place, by resource and path: its value.
    in_place: BTreeMap<(String, String), Json>,
}

impl Standing {
    /// Of `plan`; `now`: its own approval.
    pub fn of(plan: &Plan, now: SavedPlan) -> Standing {
        Standing { now, in_place: in_place(plan) }
    }

    /// Whether the property is as `change` approves it, without being changed by this plan.
    fn has(&self, change: &SavedChange) -> bool {
        let at = |path: &str| self.in_place.get(&(change.resource.clone(), path.to_owned()));
        // A stage or a word of a set, once the whole is in place.
        let whole = || {
            let (path, _) = change.path.rsplit_once(" (")?;
            at(path)
        };
        match at(&change.path) {
            Some(value) => *value == change.after || has_unknown(&change.after),
            None => whole().is_some(),
        }
    }
}

/// Why a saved plan does not stand for what is asked for or planned now; each with what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is for another target.
    OtherTarget(Vec<String>),
    /// It is for other recipes, or they are asked for otherwise.
    OtherRecipes(Vec<String>),
    /// A recipe's file, or a table beside it, says something else now.
    ChangedRecipe(Vec<String>),
    /// It is for other inputs.
    OtherInputs(Vec<String>),
    /// What would be changed now is not what was approved.
    Differs(Vec<String>),
}

impl Refusal {
    /// The finding, for a saved plan in `file`.
    pub fn to_diagnostic(&self, file: &str) -> Diagnostic {
        let (code, message, differences): (Code, &str, _) = match self {
            Refusal::OtherTarget(found) => (codes::PLAN_FOR_OTHER, "is for another target", found),
            Refusal::OtherRecipes(found) => (codes::PLAN_FOR_OTHER, "is for other recipes", found),
            Refusal::ChangedRecipe(found) => {
                (codes::PLAN_FOR_OTHER, "is for a recipe that has changed since", found)
            }
            Refusal::OtherInputs(found) => (codes::PLAN_FOR_OTHER, "is for other inputs", found),
            Refusal::Differs(found) => (codes::PLAN_DIFFERS, "is not what would be changed now", found),
        };
        let mut diagnostic = Diagnostic::error(code, format!("the plan saved in {file} {message}"));
        for difference in differences.iter().take(TOLD) {
            diagnostic = diagnostic.note(difference.clone());
        }
        if differences.len() > TOLD {
            diagnostic = diagnostic.note(format!("and {} more", differences.len() - TOLD));
        }
        diagnostic
            .note("nothing was written")
            .fix("look at `acarecipe plan` with the same arguments, and save it anew with --out")
    }
}

impl SavedPlan {
    /// Whether it is for what the command line asks for: all that can be told without asking Azure.
    ///
    /// # Errors
    /// What differs.
    pub fn is_for(&self, asked: SavedFor<'_>) -> Result<(), Refusal> {
        let asked = SavedPlan::asked(asked);
        let target = targets(&self.target, &asked.target);
        if !target.is_empty() {
            return Err(Refusal::OtherTarget(target));
        }
        let mut other = recipes(&self.recipes, &asked.recipes);
        if self.retry != asked.retry {
            other.push(
                if asked.retry { "--retry was not given then" } else { "--retry was given then" }.into(),
            );
        }
        if !other.is_empty() {
            return Err(Refusal::OtherRecipes(other));
        }
        let pairs = || self.recipes.iter().zip(&asked.recipes);
        let changed: Vec<String> = pairs()
            .filter(|(then, now)| then.digest != now.digest || then.built_in != now.built_in)
            .map(|(then, _)| {
                format!("{}: its file, or a table beside it, says something else now", then.name)
            })
            .collect();
        if !changed.is_empty() {
            return Err(Refusal::ChangedRecipe(changed));
        }
        let inputs: Vec<String> = pairs().flat_map(|(then, now)| inputs(then, now)).collect();
        if inputs.is_empty() { Ok(()) } else { Err(Refusal::OtherInputs(inputs)) }
    }

    /// Whether what is planned now is what it approves: the same, or what is left of it while all else of it is in
    /// place as approved, after a run that was interrupted. How many of its changes are in place already.
    ///
    /// # Errors
    /// What differs.
    pub fn approves(&self, standing: &Standing) -> Result<usize, Refusal> {
        let now = &standing.now;
        let mut found = Vec::new();
        let planned: BTreeMap<(&str, &str), &SavedChange> =
            now.changes.iter().map(|change| (place(change), change)).collect();
        let approved: BTreeMap<(&str, &str), &SavedChange> =
            self.changes.iter().map(|change| (place(change), change)).collect();
        let left = |change: &SavedChange| planned.get(&place(change)).copied();
        let done = self.changes.iter().filter(|one| left(one).is_none() && standing.has(one)).count();
        let again = |one: &SavedChange| left(one).is_some_and(|now| now.before == now.after);
        let begun = done > 0 || self.changes.iter().any(again);
        for change in &self.changes {
            match left(change) {
                Some(now) => found.extend(differs(change, now, begun)),
                None if standing.has(change) => {}
                None => found.push(format!(
                    "{}: was to become {}; it is not to be changed any more",
                    name(change),
                    shown(&change.after)
                )),
            }
        }
        for (_, change) in planned.iter().filter(|(place, _)| !approved.contains_key(*place)) {
            found.push(format!(
                "{}: would change from {} to {}, which was not approved",
                name(change),
                shown(&change.before),
                shown(&change.after)
            ));
        }
        // With the template left there is something to roll out.
        let template = |change: &SavedChange| {
            change.path.starts_with("properties.template") && change.resource.contains(APPS)
        };
        let over = begun && !now.changes.iter().any(template);
        found.extend(rollouts(self.rollout.as_ref(), now.rollout.as_ref(), begun, over));
        // What is in place already need not be written; what is left follows from nothing but what was approved.
        let same = if begun { covers(&self.writes, &now.writes) } else { self.writes == now.writes };
        if found.is_empty() && !same {
            found.extend(self.other_writes(now));
        }
        if found.is_empty() { Ok(done) } else { Err(Refusal::Differs(found)) }
    }

    fn other_writes(&self, now: &SavedPlan) -> Vec<String> {
        let told = |plan: &SavedPlan| {
            let words = plan.writes.iter().map(|write| match write.follows.as_slice() {
                [] => write.what.clone(),
                follows => format!("{} ({})", write.what, follows.join(", ")),
            });
            words.collect::<Vec<_>>().join("; ")
        };
        vec![format!("the writes were: {}", told(self)), format!("they are now: {}", told(now))]
    }
}

/// Whether each write that is left is one of those that were approved, each of them taken once, and nothing follows
/// from it that was not approved with it.
fn covers(approved: &[SavedWrite], left: &[SavedWrite]) -> bool {
    let mut free: Vec<&SavedWrite> = approved.iter().collect();
    // What was to be created may be there by now, and not whole.
    let same = |then: &str, now: &str| {
        let created = |now: &str| Some(then.strip_prefix("create ")? == now.strip_prefix("change ")?);
        then == now || created(now) == Some(true)
    };
    left.iter().all(|now| {
        let fits = |then: &SavedWrite| {
            same(&then.what, &now.what) && now.follows.iter().all(|one| then.follows.contains(one))
        };
        let all = free.iter().enumerate().filter(|(_, then)| fits(then));
        let least = all.min_by_key(|(_, then)| then.follows.len()).map(|(index, _)| index);
        least.is_some_and(|index| {
            free.remove(index);
            true
        })
    })
}

fn place(change: &SavedChange) -> (&str, &str) {
    (&change.resource, &change.path)
}

/// A property for people: its path, and the last part of its resource's id.
fn name(change: &SavedChange) -> String {
    let resource = match change.resource.strip_prefix('/') {
        Some(id) => id.rsplit('/').next().unwrap_or(id),
        None => &change.resource,
    };
    format!("{} of {resource}", change.path)
}

/// What differs between a change as approved and as planned now. `begun`: something of the approval is in place, so
/// that what was to be known after a step may be known, and the identity that it made be there.
fn differs(then: &SavedChange, now: &SavedChange, begun: bool) -> Option<String> {
    let after = then.after == now.after || (begun && has_unknown(&then.after));
    let grown = || then.path.starts_with("identity") && (then.before.is_null() || has_unknown(&then.before));
    let before = then.before == now.before || (begun && (now.before == now.after || grown()));
    (!after || !before).then(|| {
        format!(
            "{}: was to change from {} to {}; now it would from {} to {}",
            name(then),
            shown(&then.before),
            shown(&then.after),
            shown(&now.before),
            shown(&now.after)
        )
    })
}

fn targets(then: &SavedTarget, now: &SavedTarget) -> Vec<String> {
    let mut found = Vec::new();
    let none = || "none".to_owned();
    let mut compare = |what: &str, then: String, now: String, same: bool| {
        if !same {
            found.push(format!("{what}: saved for {then}, asked for {now}"));
        }
    };
    let word = |sandbox: bool| if sandbox { "the sandbox" } else { "Azure" }.to_owned();
    compare("place", word(then.sandbox), word(now.sandbox), then.sandbox == now.sandbox);
    let texts = [
        ("cloud", &then.cloud, &now.cloud),
        ("endpoint", &then.endpoint, &now.endpoint),
        ("subscription", &then.subscription, &now.subscription),
        ("resource group", &then.resource_group, &now.resource_group),
    ];
    for (what, then, now) in texts {
        compare(what, then.clone(), now.clone(), then.eq_ignore_ascii_case(now));
    }
    let optional = [
        ("app", &then.app, &now.app),
        ("environment", &then.environment, &now.environment),
        ("container", &then.container, &now.container),
        ("region", &then.location, &now.location),
    ];
    for (what, then, now) in optional {
        let same = match (then, now) {
            (Some(then), Some(now)) => then.eq_ignore_ascii_case(now),
            (then, now) => then == now,
        };
        compare(what, then.clone().unwrap_or_else(none), now.clone().unwrap_or_else(none), same);
    }
    // Who has not been told of it has a subscription, which is in one tenant only.
    if let (Some(then), Some(now)) = (&then.tenant, &now.tenant) {
        compare("tenant", then.clone(), now.clone(), then.eq_ignore_ascii_case(now));
    }
    found
}

fn recipes(then: &[SavedRecipe], now: &[SavedRecipe]) -> Vec<String> {
    let names = |recipes: &[SavedRecipe]| -> BTreeSet<String> {
        recipes.iter().map(|recipe| recipe.name.clone()).collect()
    };
    let (old, new) = (names(then), names(now));
    let mut found: Vec<String> =
        old.difference(&new).map(|name| format!("{name} is not in this run")).collect();
    found.extend(new.difference(&old).map(|name| format!("{name} was not in the plan")));
    if !found.is_empty() {
        return found;
    }
    for (then, now) in then.iter().zip(now) {
        if then.name != now.name {
            return vec!["they stand in another order".to_owned()];
        }
        if then.asked != now.asked {
            let words = |asked| if asked { "named" } else { "only required by others" };
            found.push(format!(
                "{} was {} then; now it is {}",
                then.name,
                words(then.asked),
                words(now.asked)
            ));
        }
    }
    found
}

fn inputs(then: &SavedRecipe, now: &SavedRecipe) -> Vec<String> {
    let keys: BTreeSet<&String> = then.inputs.keys().chain(now.inputs.keys()).collect();
    let one = |key: &&String| {
        let (old, new) = (then.inputs.get(*key), now.inputs.get(*key));
        let told = |value: Option<&Json>| value.map_or_else(|| "not given".to_owned(), shown);
        (old != new).then(|| format!("{}.{key}: saved with {}, now {}", then.name, told(old), told(new)))
    };
    keys.iter().filter_map(one).collect()
}

/// What differs between two rollouts. `begun`: something of the approved one is done, so that stages may be over; `over`:
/// all of them may.
fn rollouts(then: Option<&SavedRollout>, now: Option<&SavedRollout>, begun: bool, over: bool) -> Vec<String> {
    let stages = |rollout: Option<&SavedRollout>| rollout.map(|one| one.stages.clone()).unwrap_or_default();
    let (old, new) = (stages(then), stages(now));
    let list = |stages: &[String]| if stages.is_empty() { "none".to_owned() } else { stages.join(", ") };
    let some = !old.is_empty() && begun && old.ends_with(&new);
    if old != new && !(some && (over || !new.is_empty())) {
        return vec![format!("the stages of the rollout were: {}; they are now: {}", list(&old), list(&new))];
    }
    let (Some(then), Some(now)) = (then, now) else { return Vec::new() };
    if new.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut compare = |what: &str, then: &str, now: &str| {
        if then != now {
            found.push(format!("{what} of the rollout was {then}; now it is {now}"));
        }
    };
    compare("the label", &then.label, &now.label);
    compare("the time at each share", &then.bake_seconds.to_string(), &now.bake_seconds.to_string());
    compare("taking back", &then.rolls_back.to_string(), &now.rolls_back.to_string());
    if let (Some(then), Some(now)) = (&then.candidate, &now.candidate) {
        compare("the candidate", then, now);
    }
    if old == new {
        compare("the revision that serves before the candidate", &then.serving, &now.serving);
        compare("the traffic before it", &then.traffic, &now.traffic);
    }
    found
}

/// Everything owned that is in place, by the places that an approval may name it by.
fn in_place(plan: &Plan) -> BTreeMap<(String, String), Json> {
    let mut all = BTreeMap::new();
    for resource in &plan.resources {
        for (owned, owners) in &resource.owned {
            let path = folded(&owned.path);
            let mut places = vec![resource.id.folded()];
            places.extend(owners.iter().map(|owner| plan.steps[*owner].place()));
            for place in places {
                if owned.in_place {
                    all.insert((place.clone(), path.clone()), encode(&owned.wanted));
                    for owner in owners {
                        let path = format!("{path} ({})", plan.steps[*owner].key);
                        all.insert((place.clone(), path), encode(&owned.wanted));
                    }
                }
                if resource.kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet) {
                    for word in word_set(owned.live.as_str().unwrap_or_default()) {
                        all.insert((place.clone(), format!("{path} ({word})")), Json::String(word));
                    }
                }
            }
        }
    }
    let settled = |step: &&StepPlan| !step.outcome.pending();
    for step in plan.steps.iter().filter(settled) {
        if let Some(grant) = &step.outcome.grant {
            let path = format!("role {} ({})", grant.role_guid, step.key);
            all.insert((grant.scope.folded(), path), encode(&grant.principal));
        }
        for owned in step.outcome.owned.iter().filter(|owned| owned.in_place) {
            all.insert((step.place(), folded(&owned.path)), encode(&owned.wanted));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(all: &[(&str, &[&str])]) -> Vec<SavedWrite> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        all.iter()
            .map(|(what, follows)| SavedWrite { what: (*what).to_owned(), follows: owned(follows) })
            .collect()
    }

    #[test]
    fn stages_may_be_over_but_not_all_of_them_while_there_is_something_to_roll_out() {
        let rollout = |stages: &[&str]| SavedRollout {
            label: "candidate".to_owned(),
            serving: "web--one".to_owned(),
            candidate: None,
            bake_seconds: 60,
            rolls_back: true,
            traffic: "web--one 100 %".to_owned(),
            stages: stages.iter().map(|stage| (*stage).to_owned()).collect(),
        };
        let approved = rollout(&["label the candidate", "10 %", "100 %"]);
        let differs = |left: Option<&SavedRollout>, begun: bool, over: bool| {
            rollouts(Some(&approved), left, begun, over)
        };
        assert_eq!(differs(Some(&rollout(&["10 %", "100 %"])), true, false), [""; 0]);
        assert_eq!(differs(None, true, true), [""; 0], "all of it is done");
        for (left, begun, over) in
            [(None, true, false), (Some(&rollout(&[])), true, false), (None, false, false)]
        {
            let told = differs(left, begun, over);
            assert!(told.len() == 1 && told[0].ends_with("they are now: none"), "at once: {told:?}");
        }
        assert_ne!(differs(Some(&rollout(&["50 %", "100 %"])), true, true), [""; 0]);
        assert_ne!(differs(Some(&rollout(&["10 %", "100 %"])), false, false), [""; 0]);
    }

    #[test]
    fn what_is_left_is_some_of_what_was_approved_with_nothing_more_that_follows() {
        let app = "change the container app web";
        let approved =
            writes(&[("create a role", &[]), (app, &[]), (app, &["new revision", "restarts all"])]);
        let fits = |left: &[(&str, &[&str])]| covers(&approved, &writes(left));
        assert!(fits(&[]) && fits(&[(app, &[])]) && fits(&[(app, &["new revision"])]));
        assert!(
            fits(&[(app, &["new revision"]), (app, &[])]) && fits(&[(app, &[]), (app, &["new revision"])])
        );
        assert!(fits(&[("change a role", &[])]), "it is there by now");
        assert!(!fits(&[(app, &["taken up at the next start"])]), "nobody saw that");
        assert!(
            !fits(&[(app, &["new revision"]), (app, &["new revision"])]),
            "one new revision was approved"
        );
        assert!(!fits(&[(app, &[]), (app, &[]), (app, &[])]) && !fits(&[("remove a role", &[])]));
        assert!(!covers(&writes(&[("change it", &[])]), &writes(&[("create it", &[])])));
    }
}
