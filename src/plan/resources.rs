//! From the outcomes of all steps to the resources they own something of, conflicts told.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::{ResourcePlan, StepPlan, Unreadable};
use crate::azure::ResourceId;
use crate::azure::types::{Compare, ResourceType};
use crate::diagnostic::{Diagnostic, codes};
use crate::merge::{self, Owned, equal};
use crate::value::{Path, Segment, Value};

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
                    timeout: step.timeout,
                    outcome: outcome.clone(),
                });
            }
        }
    }
    plans
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

/// Fragments of all steps laid over each resource, conflicts reported.
pub(super) fn resources(engine: &Engine<'_>, steps: &[StepPlan]) -> Vec<ResourcePlan> {
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
    order
        .into_iter()
        .filter_map(|id| {
            let members = by_resource.get(&id)?;
            let kind = steps[*members.first()?].outcome.kind;
            report_conflicts(engine, kind, steps, members);
            let live = steps[*members.first()?].outcome.live.clone();
            let merged = fold(kind, &live, steps, members);
            let owned = owned_of(kind, steps, members, &merged);
            Some(ResourcePlan { id, kind, live, merged, owned, steps: members.clone() })
        })
        .collect()
}

/// `start` with the fragments of these steps laid over it, in their order.
pub(super) fn fold(kind: &ResourceType, start: &Value, steps: &[StepPlan], members: &[usize]) -> Value {
    members.iter().fold(start.clone(), |live, index| {
        // A fragment that fits the live resource fits it with others laid over it, but for a conflict,
        // which is reported on its own.
        merge::merge(kind, &live, &steps[*index].outcome.fragment).map_or(live, |merged| merged.value)
    })
}

/// Every owned leaf once, with the steps that own it; sets of words as all steps together make them.
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
                && let Some(union) = value_at(merged, &owned.path)
            {
                owned.in_place = equal(kind, &owned.path, &owned.live, &union);
                owned.wanted = union;
            }
            match all.iter_mut().find(|(have, _)| have.path == owned.path) {
                Some((_, owners)) => owners.push(*index),
                None => all.push((owned, vec![*index])),
            }
        }
    }
    all
}

fn value_at(value: &Value, path: &crate::value::Path) -> Option<Value> {
    path.0
        .iter()
        .try_fold(value, |value, segment| match segment {
            crate::value::Segment::Key(key) => value.get(key),
            crate::value::Segment::Element(_) => None,
        })
        .cloned()
}

/// Two steps that own one leaf with different values.
fn report_conflicts(engine: &Engine<'_>, kind: &ResourceType, steps: &[StepPlan], members: &[usize]) {
    for (position, first) in members.iter().enumerate() {
        for second in &members[position + 1..] {
            for a in &steps[*first].outcome.owned {
                for b in &steps[*second].outcome.owned {
                    let rivals = excludes(kind, a, b);
                    if !rivals
                        && (a.path != b.path || kind.comparison(&a.path.pattern()) == Some(Compare::WordSet))
                    {
                        continue;
                    }
                    let agree = !rivals
                        && (a.wanted == b.wanted
                            || (!a.wanted.is_unknown() && equal(kind, &a.path, &a.wanted, &b.wanted)));
                    if !agree {
                        let (one, other) = (&steps[*first], &steps[*second]);
                        let message =
                            format!("{} is given different values by {} and {}", a.path, one.key, other.key);
                        let source = |plan: &StepPlan| {
                            engine
                                .instances()
                                .iter()
                                .find(|bound| bound.alias == plan.instance)
                                .map(|bound| bound.recipe.source.clone())
                        };
                        let mut diagnostic = Diagnostic::error(codes::CONFLICT, message)
                            .fix("give one of the two another value, or apply only one of them");
                        if let Some(source) = source(one) {
                            diagnostic = diagnostic.label(&source, one.span, "one value here");
                        }
                        if let Some(source) = source(other) {
                            diagnostic = diagnostic.label(&source, other.span, "another here");
                        }
                        engine.problem(diagnostic);
                    }
                }
            }
        }
    }
}

/// Whether two leaves set different members of which only one may be set (`value` and `secretRef`).
fn excludes(kind: &ResourceType, a: &Owned, b: &Owned) -> bool {
    let (Some((Segment::Key(one), above)), Some((Segment::Key(other), above_other))) =
        (a.path.0.split_last(), b.path.0.split_last())
    else {
        return false;
    };
    let group = kind.exclusive(&Path(above.to_vec()).pattern());
    let both = |group: &[&str]| group.contains(&one.as_str()) && group.contains(&other.as_str());
    one != other
        && above == above_other
        && !a.wanted.is_null()
        && !b.wanted.is_null()
        && group.is_some_and(both)
}
