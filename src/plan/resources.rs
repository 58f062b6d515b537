//! From the outcomes of all steps to the resources they own something of, conflicts told.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::finding::Finding;
use super::writes::all_needs;
use super::{Action, ByHand, ResourcePlan, StepPlan, Unreadable, conflicts};
use crate::azure::ResourceId;
use crate::azure::types::{Compare, ResourceType};
use crate::diagnostic::{Diagnostic, codes};
use crate::merge::{self, Owned, equal};
use crate::recipe::{Removal, StepKind};
use crate::steps;
use crate::value::Value;

/// The plan's steps: every round of every step that takes part.
pub(super) fn step_plans(engine: &Engine<'_>) -> Vec<StepPlan> {
    let mut plans = Vec::new();
    for (instance, bound) in engine.instances().iter().enumerate() {
        for (index, step) in engine.recipe(instance).steps.iter().enumerate() {
            for run in engine.step_runs(instance, index).iter() {
                let Some(outcome) = &run.outcome else { continue };
                plans.push(StepPlan {
                    key: run.key.clone(),
                    instance: bound.alias.clone(),
                    recipe: engine.recipe(instance).name.value.clone(),
                    step: step.id.written.clone(),
                    span: step.span,
                    why: run.why.clone(),
                    needs: run.needs.clone(),
                    after: run.after.clone(),
                    retry: step.retry.clone(),
                    triggered_by: run.triggered_by.clone(),
                    timeout: step.timeout,
                    version: match &step.kind {
                        StepKind::Resource(resource) => resource.kind.version.clone(),
                        StepKind::PutBack(back) => back.version.clone(),
                        StepKind::Removal(removal) => match &**removal {
                            Removal::Resource { version, .. } => version.clone(),
                            Removal::Sql(_) => None,
                        },
                        _ => None,
                    },
                    goes_back: matches!(step.kind, StepKind::PutBack(_)),
                    kept: run.kept.clone(),
                    outcome: outcome.clone(),
                });
            }
        }
    }
    mend_failed(engine, &mut plans);
    plans
}

/// An app that an operation of ours has left `Failed` although everything of the run stands on it is written once more.
/// Any write of the run's does that, so that there is nothing to add where one is due.
fn mend_failed(engine: &Engine<'_>, plans: &mut [StepPlan]) {
    let app = engine.request.target.app_id();
    let mut of_app: Vec<&mut StepPlan> =
        plans.iter_mut().filter(|step| step.outcome.resource.as_ref() == Some(&app)).collect();
    if engine.app_that_serves().is_some() || of_app.iter().any(|step| step.outcome.pending()) {
        return;
    }
    let Some(running) = engine.running_template(&engine.app()) else { return };
    for step in of_app.iter_mut().filter(|step| step.outcome.effect.is_none()) {
        steps::failed_again(&mut step.outcome, &running);
    }
}

/// What writes may need the answer of, by the key of its step.
pub(super) fn actions(engine: &Engine<'_>) -> BTreeMap<String, Action> {
    let mut all = BTreeMap::new();
    for instance in 0..engine.instances().len() {
        for index in 0..engine.recipe(instance).steps.len() {
            let runs = engine.step_runs(instance, index);
            all.extend(runs.iter().filter_map(|run| Some((run.key.clone(), run.action.clone()?))));
        }
    }
    all
}

/// Steps that cannot be judged, because the caller may not read something they need.
pub(super) fn unreadable(engine: &Engine<'_>) -> Vec<Unreadable> {
    let mut all = Vec::new();
    for (instance, bound) in engine.instances().iter().enumerate() {
        for index in 0..engine.recipe(instance).steps.len() {
            for run in engine.step_runs(instance, index).iter() {
                if let Some(message) = &run.refused {
                    all.push(Unreadable {
                        key: run.key.clone(),
                        instance: bound.alias.clone(),
                        why: run.why.clone(),
                        message: message.clone(),
                    });
                }
            }
        }
    }
    all
}

/// What is left to a person.
pub(super) fn by_hand(engine: &Engine<'_>) -> Vec<ByHand> {
    let mut all = Vec::new();
    for (instance, bound) in engine.instances().iter().enumerate() {
        for index in 0..engine.recipe(instance).steps.len() {
            for run in engine.step_runs(instance, index).iter() {
                let (instance, why) = (bound.alias.clone(), run.why.clone());
                all.extend(run.by_hand.clone().map(|by_hand| ByHand { instance, why, ..by_hand }));
            }
        }
    }
    all
}

/// What stands in the way of the steps' writes, or may.
pub(super) fn obstacles(engine: &Engine<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    for (instance, bound) in engine.instances().iter().enumerate() {
        for index in 0..engine.recipe(instance).steps.len() {
            for run in engine.step_runs(instance, index).iter() {
                all.extend(run.findings.iter().cloned().map(|finding| finding.of(&bound.alias)));
            }
        }
    }
    all
}

/// Fragments of all steps laid over each resource, conflicts reported. What a step does not own after
/// all is taken from it: a default that gives way, a stage that is over.
pub(super) fn resources(engine: &Engine<'_>, steps: &mut [StepPlan]) -> Vec<ResourcePlan> {
    let mut by_resource: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    let mut order = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(id) = &step.outcome.resource else {
            continue;
        };
        if step.outcome.grant.is_some() || step.outcome.live.is_unknown() {
            continue;
        }
        if !by_resource.contains_key(id) {
            order.push(id.clone());
        }
        by_resource.entry(id.clone()).or_default().push(index);
    }
    let needs = all_needs(engine);
    order
        .into_iter()
        .filter_map(|id| {
            let members = in_order(steps, by_resource.get(&id)?, &needs);
            let kind = steps[*members.first()?].outcome.kind;
            conflicts::report(engine, kind, steps, &members, &needs);
            one_version(engine, &id, steps, &members);
            let live = steps[*members.first()?].outcome.live.clone();
            let merged = fold(kind, &live, steps, &members);
            defaults_give_way(kind, &live, steps, &members, &needs);
            stages_end(kind, steps, &members, &needs);
            let owned = owned_of(kind, steps, &members, &merged);
            Some(ResourcePlan { id, kind, live, merged, owned, steps: members })
        })
        .collect()
}

/// A write has one api-version: two that are named for one resource cannot both be had.
fn one_version(engine: &Engine<'_>, id: &ResourceId, steps: &[StepPlan], members: &[usize]) {
    let pins: BTreeMap<&String, &String> = members
        .iter()
        .filter_map(|index| Some((steps[*index].version.as_ref()?, &steps[*index].key)))
        .collect();
    if pins.len() > 1 {
        let told: Vec<String> = pins.iter().map(|(version, key)| format!("{version} ({key})")).collect();
        let message = format!("several api-versions are named for {}: {}", id.name(), told.join(", "));
        engine.problem(Diagnostic::error(codes::CONFLICT, message).resource(id));
    }
}

/// For each run of a step every run that must come first.
pub(super) type Needs = BTreeMap<String, BTreeSet<String>>;

/// Whether the run of one step comes before that of the other *in one instance*: then the second may
/// give a place another value than the first.
pub(super) fn ordered(first: &StepPlan, second: &StepPlan, needs: &Needs) -> bool {
    first.instance == second.instance
        && needs.get(&second.key).is_some_and(|needs| needs.contains(&first.key))
}

/// The members, each after those it needs, otherwise in their order.
fn in_order(steps: &[StepPlan], members: &[usize], needs: &Needs) -> Vec<usize> {
    let mut rest = members.to_vec();
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let free = rest.iter().position(|index| {
            let needs = needs.get(&steps[*index].key);
            rest.iter()
                .all(|other| other == index || !needs.is_some_and(|needs| needs.contains(&steps[*other].key)))
        });
        // A circle is told when the writes are scheduled.
        order.push(rest.remove(free.unwrap_or(0)));
    }
    order
}

/// `start` with the fragments of these steps laid over it, in their order.
pub(super) fn fold(kind: &ResourceType, start: &Value, steps: &[StepPlan], members: &[usize]) -> Value {
    // A fragment that fits the live resource fits it with others laid over it, but for a conflict,
    // which is reported on its own.
    let fragments: Vec<&Value> = members.iter().map(|index| &steps[*index].outcome.fragment).collect();
    merge::merge_all(kind, start, &fragments)
}

/// A default of one step that another step's value took the place of is not owned. A later stage takes no
/// place: until it is its turn the default stands.
fn defaults_give_way(
    kind: &ResourceType,
    live: &Value,
    steps: &mut [StepPlan],
    members: &[usize],
    needs: &Needs,
) {
    for index in members {
        if !steps[*index].outcome.owned.iter().any(|owned| owned.default) {
            continue;
        }
        let others: Vec<usize> =
            members.iter().copied().filter(|other| !ordered(&steps[*index], &steps[*other], needs)).collect();
        let merged = fold(kind, live, steps, &others);
        steps[*index].outcome.owned.retain(|owned| {
            let there = || merge::find(kind, &merged, &owned.path);
            !owned.default
                || there().is_some_and(|there| merge::agree(kind, &owned.path, there, &owned.wanted))
        });
    }
}

/// Of several values that ordered steps of one instance give one place the last is the one that is
/// wanted. Those up to the one that is there are over.
fn stages_end(kind: &ResourceType, steps: &mut [StepPlan], members: &[usize], needs: &Needs) {
    let mut over: Vec<(usize, usize)> = Vec::new();
    for (position, first) in members.iter().enumerate() {
        for (at, owned) in steps[*first].outcome.owned.iter().enumerate() {
            let words = kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet);
            if owned.in_place || words {
                continue;
            }
            let place = merge::place(kind, &owned.path);
            let later = members[position + 1..].iter().any(|later| {
                ordered(&steps[*first], &steps[*later], needs)
                    && steps[*later]
                        .outcome
                        .owned
                        .iter()
                        .any(|other| other.in_place && merge::place(kind, &other.path) == place)
            });
            if later {
                over.push((*first, at));
            }
        }
    }
    for (step, at) in over {
        steps[step].outcome.owned[at].in_place = true;
    }
}

/// Every owned leaf once, with the steps that own it; sets of words as all steps together make them.
/// Stages of one place stay apart, in their order.
fn owned_of(
    kind: &ResourceType,
    steps: &[StepPlan],
    members: &[usize],
    merged: &Value,
) -> Vec<(Owned, Vec<usize>)> {
    let mut all: Vec<(Owned, Vec<usize>)> = Vec::new();
    for index in members {
        for owned in &steps[*index].outcome.owned {
            let mut owned = owned.clone();
            if kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet)
                && let Some(union) = merge::find(kind, merged, &owned.path)
            {
                owned.in_place = equal(kind, &owned.path, &owned.live, union);
                owned.wanted = union.clone();
            }
            let place = merge::place(kind, &owned.path);
            let known = all.iter_mut().find(|(have, _)| {
                merge::place(kind, &have.path) == place
                    && merge::agree(kind, &have.path, &have.wanted, &owned.wanted)
            });
            match known {
                Some((_, owners)) => owners.push(*index),
                None => all.push((owned, vec![*index])),
            }
        }
    }
    all
}
