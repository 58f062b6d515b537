//! Undoing in Multiple mode, and what a rollout made.

use acarecipe::sandbox::{Delays, State, seed};
use serde_json::{Value as Json, json};

use super::undo::NAMED;
use super::*;
use crate::support::scenarios::SCENARIOS;
use crate::support::undoing::{Kept, back_again, left, pruned};
use crate::support::world::START;

/// A run that has all in it: a certificate and a host name between the secret and the rollout of what uses it.
const ROLLED: &[&str] = &["key-vault-reference", "custom-domains", "revision-validation"];

/// The seed that the scenarios begin on, changed.
pub fn seeded_with(change: impl FnOnce(&mut State)) -> World {
    SCENARIOS[0].world(START, Delays::realistic()).edited(change)
}

pub fn multiple(state: &mut State) {
    let app = state.app_mut(seed::APP).unwrap();
    app.model["properties"]["configuration"]["activeRevisionsMode"] = json!("Multiple");
}

/// A second revision, and all traffic at the newest one, by its name.
fn pinned(state: &mut State) {
    seed::variant::pinned(state, 0);
}

/// The templates that serve, each with its share.
pub fn serving(state: &State) -> Vec<(String, u64)> {
    let app = state.app(seed::APP).unwrap();
    let entries = app.model["properties"]["configuration"]["ingress"]["traffic"].as_array().cloned();
    let newest = app.revisions.iter().rfind(|one| one.active).unwrap();
    let of = |entry: &Json| {
        let named = entry["revisionName"].as_str();
        let revision = named.map_or(Some(newest), |name| app.revisions.iter().find(|one| one.name == name));
        let revision = revision.expect("it is there");
        assert!(revision.active, "{} has traffic, and does not run", revision.name);
        let mut template = revision.template.clone();
        template.as_object_mut().unwrap().shift_remove("revisionSuffix");
        pruned(&mut template);
        (template.to_string(), entry["weight"].as_u64().unwrap_or(0))
    };
    let mut all: Vec<(String, u64)> =
        entries.iter().flatten().map(of).filter(|(_, weight)| *weight > 0).collect();
    all.sort();
    all
}

/// The names of the revisions that run.
fn active(state: &State) -> Vec<String> {
    let revisions = &state.app(seed::APP).unwrap().revisions;
    revisions.iter().filter(|one| one.active).map(|one| one.name.clone()).collect()
}

#[test]
fn what_a_rollout_brought_goes_once_its_revision_does_not_run_any_more() {
    let world = seeded_with(|_| {});
    let before = serving(&world.sandbox.state());
    let selection = world.selection(ROLLED, &["managed-identity.identity=create", NAMED]);
    back_again(&world, &selection, &[]).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(serving(&world.sandbox.state()), before);
    assert_eq!(active(&world.sandbox.state()).len(), 1);
}

/// In Multiple mode: what serves is as at the start, and of the run's revisions none runs.
#[track_caller]
fn in_multiple_mode(change: fn(&mut State), recipes: &[&str], parameters: &[&str]) {
    let world = seeded_with(change);
    let begun = world.sandbox.state();
    back_again(&world, &world.selection(recipes, parameters), &[]).unwrap_or_else(|why| panic!("{why}"));
    let state = world.sandbox.state();
    assert_eq!(serving(&begun), serving(&state));
    // The revision that was made again, beside those that ran before.
    let new: Vec<String> = active(&state).into_iter().filter(|name| !active(&begun).contains(name)).collect();
    let made = state.app(seed::APP).unwrap().revisions.last().unwrap().name.clone();
    assert_eq!(new, [made]);
}

#[test]
fn in_multiple_mode_the_revision_of_the_run_is_put_out_of_service() {
    in_multiple_mode(multiple, &["key-vault-reference"], &[EXISTING, NAMED]);
}

#[test]
fn also_where_the_traffic_is_pinned() {
    in_multiple_mode(pinned, &["key-vault-reference"], &[EXISTING, NAMED]);
}

const AT_ONCE: &[&str] =
    &[EXISTING, NAMED, "revision-validation.weights=[100]", "revision-validation.keep_old=false"];

#[test]
fn also_after_a_rollout() {
    in_multiple_mode(multiple, &["key-vault-reference", "revision-validation"], AT_ONCE);
}

#[test]
fn a_revision_that_a_rollout_put_out_of_service_serves_again_under_its_name() {
    in_multiple_mode(pinned, &["key-vault-reference", "revision-validation"], AT_ONCE);
}

#[test]
fn a_revision_of_the_run_that_somebody_uses_by_now_stays_with_its_secret() {
    let (world, kept) = (seeded_with(multiple), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["key-vault-reference"], &[EXISTING, NAMED]), None);
    let made = world.sandbox.state().app(seed::APP).unwrap().revisions.last().unwrap().name.clone();
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        let traffic = &mut app.model["properties"]["configuration"]["ingress"]["traffic"];
        traffic.as_array_mut().unwrap().push(json!({ "revisionName": made, "weight": 0, "label": "blue" }));
    });
    let back = kept.undo(&world, &id);
    assert!(back.end.is_ok(), "{:?}", back.end);
    let state = world.sandbox.state();
    assert!(active(&state).contains(&made), "it has a label");
    let secrets = state.app(seed::APP).unwrap().configuration()["secrets"].to_string();
    assert!(secrets.contains("db-password"), "it refers to that: {secrets}");
    let after = back.end.unwrap();
    let told: Vec<&str> = after.plan.prerequisites.iter().map(|one| one.name.as_str()).collect();
    assert!(told.iter().any(|name| name.contains(&made)), "{told:?}");
    assert!(told.iter().any(|name| name.contains("secrets[")), "{told:?}");
}

#[test]
fn a_value_comes_from_the_newest_revision_where_another_one_serves() {
    let world = seeded_with(|state| {
        seed::variant::pinned(state, 100);
        seed::variant::variable(state, json!({ "name": "AZURE_CLIENT_ID", "value": "of-the-newest" }));
    });
    let kept = Kept::new();
    let before = world.sandbox.state();
    let (id, run) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    assert!(run.end.is_ok(), "{:?}", run.end);
    let back = kept.undo(&world, &id);
    assert!(back.end.is_ok(), "{:?}", back.end);
    assert!(left(&back).is_empty(), "{:?}", left(&back));
    let state = world.sandbox.state();
    let template = state.app(seed::APP).unwrap().template().to_string();
    assert!(template.contains("of-the-newest"), "{template}");
    assert_eq!(serving(&before), serving(&state));
}
