//! Traffic as clients write it: labels, weights, and a revision out of service.

use acarecipe::sandbox::seed;
use serde_json::{Value as Json, json};

use super::{World, env};

/// A body that sets the traffic.
pub(super) fn body(traffic: &Json) -> Json {
    json!({ "properties": { "configuration": { "ingress": { "traffic": traffic } } } })
}

/// An app with two active revisions in Multiple mode, the first of which has all of the traffic.
pub(super) fn two_revisions(world: &World) -> (String, String) {
    let first = name(&world.revisions()[0]);
    world.patched(&json!({ "properties": { "configuration": {
        "activeRevisionsMode": "Multiple",
        "ingress": { "traffic": [{ "revisionName": first, "weight": 100 }] },
    } } }));
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    let second = name(world.revisions().last().unwrap());
    assert_ne!(first, second);
    assert_eq!(weights(world), [100, 0]);
    (first, second)
}

fn name(revision: &Json) -> String {
    revision["name"].as_str().unwrap().to_owned()
}

fn weights(world: &World) -> Vec<u64> {
    let weight = |revision: &Json| revision["properties"]["trafficWeight"].as_u64().unwrap();
    world.revisions().iter().map(weight).collect()
}

/// The catalogue's page sets the traffic once the revision is there: by then it has had all of it.
#[test]
fn traffic_that_is_set_after_the_revision_is_there_comes_too_late() {
    let world = World::new();
    world.patched(&json!({ "properties": { "configuration": { "activeRevisionsMode": "Multiple" } } }));
    world.patched(&env(&json!([{ "name": "NEW", "value": "1" }])));
    assert_eq!(weights(&world), [0, 100], "the entry for the latest moved on by itself");
    let (old, new) = (name(&world.revisions()[0]), name(&world.revisions()[1]));
    // And as long as that entry stands, naming the new one at 0 changes nothing.
    world.patched(&body(&json!([
        { "latestRevision": true, "weight": 100 }, { "revisionName": new, "weight": 0 },
    ])));
    assert_eq!(weights(&world), [0, 100]);
    world.patched(&body(&json!([
        { "revisionName": old, "weight": 90 }, { "revisionName": new, "weight": 10 },
    ])));
    assert_eq!(weights(&world), [90, 10]);
}

#[test]
fn a_pinned_app_takes_a_new_revision_without_traffic() {
    let world = World::new();
    let (_, second) = two_revisions(&world);
    assert_eq!(world.app()["properties"]["latestRevisionName"], second.as_str());
    assert_eq!(world.newest()["active"], true);
}

#[test]
fn labels_are_kept_and_stand_once() {
    let world = World::new();
    let (first, second) = two_revisions(&world);
    let labelled = json!([
        { "revisionName": first, "weight": 100, "label": "blue" },
        { "revisionName": second, "weight": 0, "label": "canary" },
    ]);
    world.patched(&body(&labelled));
    assert_eq!(world.app()["properties"]["configuration"]["ingress"]["traffic"], labelled);
    assert_eq!(weights(&world), [100, 0], "a label is no traffic");
    for wrong in [
        json!([{ "revisionName": first, "weight": 100, "label": "a" }, { "revisionName": second, "weight": 0, "label": "a" }]),
        json!([{ "revisionName": first, "weight": 100, "label": "-a" }]),
        json!([{ "revisionName": first, "weight": 100, "label": "a--b" }]),
        json!([{ "revisionName": first, "weight": 90 }, { "revisionName": second, "weight": 11 }]),
        json!([{ "revisionName": first, "latestRevision": true, "weight": 100 }]),
        json!([{ "weight": 100 }]),
        json!([{ "revisionName": "ca-demo--nope", "weight": 0 }, { "revisionName": first, "weight": 100 }]),
    ] {
        let got = world.patch(&body(&wrong)).refused(400, "InvalidParameterValueInContainerTemplate");
        assert!(got.message().contains("ingress.traffic"), "{}", got.message());
    }
    assert_eq!(world.app()["properties"]["configuration"]["ingress"]["traffic"], labelled);
}

#[test]
fn a_revision_is_taken_out_of_service_and_back() {
    let world = World::new();
    let (_, second) = two_revisions(&world);
    let act = |verb: &str| {
        world.send("POST", &format!("{}/revisions/{second}/{verb}", seed::app_id()), None).status
    };
    assert_eq!(act("deactivate"), 200);
    assert_eq!(world.newest()["active"], false);
    // The app's own template stays that of the revision that is gone.
    assert_eq!(world.app()["properties"]["template"]["containers"][0]["env"][0]["name"], "NEW");
    assert_eq!(act("activate"), 200);
    assert_eq!(world.newest()["active"], true);
}

#[test]
fn traffic_goes_to_nobody_when_its_revision_is_not_active() {
    let world = World::new();
    let (_, second) = two_revisions(&world);
    world.send("POST", &format!("{}/revisions/{second}/deactivate", seed::app_id()), None).ok(200);
    world.patched(&body(&json!([{ "revisionName": second, "weight": 100 }])));
    assert_ne!(super::hosts::status(&world, "ca-demo"), 200);
}

#[test]
fn the_name_of_a_revision_has_a_longest_form() {
    let world = World::new();
    let mut change = env(&json!([{ "name": "NEW", "value": "1" }]));
    change["properties"]["template"]["revisionSuffix"] = json!("x".repeat(46));
    world.patch(&change).refused(400, "ContainerAppInvalidRevisionName");
    change["properties"]["template"]["revisionSuffix"] = json!("x".repeat(45));
    world.patched(&change);
}
