//! Apps of every shape: what is not ours stays, and the run ends as the shape asks.

use acarecipe::diagnostic::codes;
use acarecipe::execute::Event;
use acarecipe::plan::Status;
use acarecipe::sandbox::seed::{self, variant};
use serde_json::json;

use super::super::support::world::{World, failed, writes};
use super::{
    BOTH, EXISTING, IDENTITY, SECRET, app, blocked, described, of_code, only_failed, somebody_patches, text,
    variable, works_and_stays,
};

#[test]
fn pinned_weights_stay_and_the_new_revision_gets_none() {
    let world = World::new().edited(|state| variant::pinned(state, 30));
    let before = app(&world);
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let after = app(&world);
    assert_eq!(after.configuration()["ingress"]["traffic"], before.configuration()["ingress"]["traffic"]);
    let newest = after.latest().unwrap().name.clone();
    assert_eq!(run.applied.revisions, std::slice::from_ref(&newest));
    let findings = run.findings();
    let revision = of_code(&findings, codes::REVISION_HEALTH);
    assert_eq!(revision.status, Status::Warning);
    assert!(
        text(revision).contains("0 % of the traffic") && text(revision).contains("pinned"),
        "{revision:#?}"
    );
    assert!(
        revision.fix.as_deref().unwrap().contains(&format!("--revision-weight {newest}=100")),
        "{revision:#?}"
    );
    assert!(failed(&findings).is_empty(), "{findings:#?}");
    let report = acarecipe::report::PlanReport::new(&run.planned.plan, Vec::new());
    let told: Vec<&String> = report.writes.iter().flat_map(|write| &write.consequences).collect();
    assert!(told.iter().any(|text| text.contains("Multiple mode")), "{told:?}");
    assert!(world.plan(BOTH, &[SECRET, EXISTING]).unwrap().plan.writes.is_empty());
    described(&world);
}

#[test]
fn a_sidecar_first_in_the_array_is_not_the_apps_container() {
    let world = World::new().edited(variant::sidecar_first);
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    let app = app(&world);
    let containers = app.template()["containers"].as_array().unwrap();
    assert_eq!(containers[0]["name"], "proxy", "the order stays");
    assert_eq!(containers[0]["env"], json!([{ "name": "PROXY_MODE", "value": "strict" }]));
    assert_eq!(variable(&app, seed::APP, "DB_PASSWORD")["secretRef"], "db-password");
    described(&world);
}

#[test]
fn an_init_container_is_left_alone() {
    let world = World::new().edited(variant::init_container);
    let before = app(&world).template()["initContainers"].clone();
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    assert_eq!(app(&world).template()["initContainers"], before);
    described(&world);
}

#[test]
fn several_containers_need_a_choice() {
    let two = || {
        World::new().edited(variant::sidecar_first).edited(|state| {
            state.app_mut(seed::APP).unwrap().model["properties"]["template"]["containers"][1]["name"] =
                json!("web");
        })
    };
    let world = two();
    let planned = blocked(&world, BOTH, &[SECRET, EXISTING]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::CONTAINER);
    assert!(text(finding).contains("proxy, web") && text(finding).contains("--container"), "{finding:#?}");

    let mut world = two();
    world.container = Some("web".to_owned());
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    assert_eq!(variable(&app(&world), "web", "DB_PASSWORD")["secretRef"], "db-password");

    let mut world = two();
    world.container = Some("wbe".to_owned());
    let planned = blocked(&world, IDENTITY, &[]);
    assert!(text(only_failed(&planned)).contains("no container `wbe`; the app has proxy, web"));
}

#[test]
fn a_stopped_app_is_changed_but_does_not_verify() {
    let world = World::new().edited(variant::stopped);
    let run = world.apply(BOTH, &[SECRET]);
    assert_eq!(run.applied.writes.len(), 3);
    assert!(app(&world).stopped, "starting it is not ours");
    let findings = run.findings();
    let not_started = failed(&findings);
    assert!(!not_started.is_empty(), "{findings:#?}");
    assert!(not_started.iter().all(|one| [codes::APP_HEALTH, codes::REVISION_HEALTH].contains(&one.code)));
    let health = of_code(&findings, codes::APP_HEALTH);
    assert!(text(health).contains("az containerapp start --name ca-demo"), "{health:#?}");
    assert!(world.plan(BOTH, &[SECRET]).unwrap().plan.writes.is_empty());
}

#[test]
fn a_failed_app_is_a_normal_start() {
    let world = World::new().edited(variant::failed);
    works_and_stays(&world, BOTH, &[SECRET]);
    assert_eq!(app(&world).provisioning_state, "Succeeded");
    described(&world);
}

#[test]
fn an_old_suffix_does_not_collide() {
    let world = World::new().edited(|state| variant::suffix(state, "v1"));
    let run = works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    assert_eq!(run.applied.revisions.len(), 1);
    let app = app(&world);
    assert_ne!(app.latest().unwrap().name, "ca-demo--v1");
    assert!(app.template()["revisionSuffix"].is_null());
    // A write that leaves the template alone leaves its suffix alone.
    let world = World::new().edited(|state| variant::suffix(state, "v1"));
    let run = works_and_stays(&world, IDENTITY, &[]);
    assert!(run.applied.revisions.is_empty());
    assert_eq!(super::app(&world).template()["revisionSuffix"], "v1");
}

#[test]
fn an_app_scaled_to_zero_is_ready() {
    let world = World::new().edited(variant::scaled_to_zero);
    let findings = world.verify(&[], &[]);
    let revision = of_code(&findings, codes::REVISION_HEALTH);
    assert!(revision.status == Status::Passed && text(revision).contains("scaled to zero"), "{revision:#?}");
    works_and_stays(&world, BOTH, &[SECRET]);
}

#[test]
fn a_variable_with_the_empty_value_survives_as_such() {
    let world = World::new().edited(|state| {
        variant::variable(state, json!({ "name": "EMPTY", "value": "" }));
        variant::init_container(state);
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["initContainers"][0]["env"] =
            json!([{ "name": "NOTHING", "value": "" }]);
    });
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    let app = app(&world);
    assert_eq!(variable(&app, seed::APP, "EMPTY"), json!({ "name": "EMPTY", "value": "" }));
    assert_eq!(app.template()["initContainers"][0]["env"], json!([{ "name": "NOTHING", "value": "" }]));
    // On the wire too: the answer of GET leaves it out, so it has to be put back.
    let sent = world.sandbox.exchanges();
    let body =
        sent.iter().rfind(|exchange| exchange.method == "PATCH").unwrap().request_body.clone().unwrap();
    let env = body["properties"]["template"]["containers"][0]["env"].as_array().unwrap().clone();
    assert!(env.contains(&json!({ "name": "EMPTY", "value": "" })), "{env:?}");
    described(&world);
}

#[test]
fn an_operation_in_progress_is_waited_for() {
    let world = World::new();
    somebody_patches(&world, &json!({ "tags": { "team": "blue" } }));
    works_and_stays(&world, BOTH, &[SECRET]);
    assert_eq!(app(&world).model["tags"]["team"], "blue", "what the other operation wrote stays");
    let seen = world.seen.events.lock().unwrap();
    assert!(seen.iter().any(|event| matches!(event, Event::Busy { .. })), "and that it waits is told");
    let refused = world.sandbox.exchanges();
    assert!(refused.iter().all(|exchange| exchange.status != Some(409)), "it did not try in between");
}

#[test]
fn an_owner_that_tags_show_is_told() {
    let world = World::new().edited(|state| variant::tag(state, "azd-service-name", "web"));
    let run = works_and_stays(&world, IDENTITY, &[]);
    let owner = run.planned.plan.other_owner.as_deref().unwrap();
    assert!(owner.contains("azd-service-name") && owner.contains("azd deploy would reset"), "{owner}");
    assert_eq!(app(&world).model["tags"]["azd-service-name"], "web");
    assert!(World::new().plan(IDENTITY, &[]).unwrap().plan.other_owner.is_none());
}

#[test]
fn identities_that_are_there_stay() {
    let other = seed::identity_id("id-other");
    let world = World::new().edited(|state| {
        let (principal, client) = state.new_principal(super::super::support::world::START);
        seed::add_identity(state, "id-other", &principal, &client, super::super::support::world::START);
        variant::user_identity(state, &other);
    });
    works_and_stays(&world, IDENTITY, &[]);
    let first = app(&world);
    assert_eq!(first.identity.user, std::slice::from_ref(&other));
    let system = first.identity.system.clone().unwrap();
    works_and_stays(&world, IDENTITY, &["identity=id-demo"]);
    let second = app(&world);
    assert_eq!(second.identity.system, Some(system), "the same principal: its roles still hold");
    assert_eq!(second.identity.user.len(), 2);
    assert!(second.identity.user.contains(&other));
    assert_eq!(writes(&world.sandbox.exchanges()).len(), 2);
    described(&world);
}
