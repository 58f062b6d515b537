//! redis: both services by one name, the assignment, host and port, and what a run of it costs.

use acarecipe::diagnostic::codes;
use acarecipe::plan::Status;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::roles::{
    CONTAINER_APPS_CONTRIBUTOR, CONTRIBUTOR, MANAGED_IDENTITY_OPERATOR, READER, REDIS_CACHE_CONTRIBUTOR,
};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::AccessPolicyAssignment;
use acarecipe::sandbox::{Fault, Switches};
use serde_json::json;

use super::super::support::world::{World, failed, writes};
use super::counts::{APP, Cost, costs};
use super::{
    EXISTING, app, blocked, described, failure, of_code, only_failed, text, variable, works_and_stays,
};

const RECIPE: &[&str] = &["redis"];
const CACHE: &str = "redis_name=cache-demo";
const ASSIGNMENT: (&str, &str) = ("PUT", "accessPolicyAssignments");

/// The assignments of the seeded cache of either service.
fn assignments(world: &World, id: &str) -> Vec<AccessPolicyAssignment> {
    let state = world.sandbox.state();
    state.redis_assignments(id).unwrap().values().cloned().collect()
}

fn managed() -> String {
    format!("{}/databases/default", seed::redis_id(seed::REDIS))
}

fn cache() -> String {
    seed::cache_id(seed::CACHE)
}

/// A PUT of an assignment by somebody else; its status.
fn somebody_assigns(world: &World, path: String, body: &serde_json::Value, version: &str) -> u16 {
    let reply = world.sandbox.handle(&Request {
        method: "PUT".to_owned(),
        host: "management.azure.com".to_owned(),
        path,
        query: vec![("api-version".to_owned(), version.to_owned())],
        headers: vec![("authorization".to_owned(), "Bearer sandbox-owner".to_owned())],
        body: body.to_string().into_bytes(),
    });
    let Reply::Answer(response) = reply else { panic!("{reply:?}") };
    response.status
}

#[test]
fn each_service_gets_its_own_policy_host_and_port_after_the_grant() {
    for (parameters, id, policy, host, port) in [
        (&[][..], managed(), "default", "redis-demo.westeurope.redis.azure.net", "10000"),
        (&[CACHE][..], cache(), "Data Contributor", "cache-demo.redis.cache.windows.net", "6380"),
    ] {
        let world = World::new();
        let run = works_and_stays(&world, RECIPE, parameters);
        let [one] = &assignments(&world, &id)[..] else { panic!("one assignment") };
        let app = app(&world);
        let principal = &app.identity.system.as_ref().unwrap().principal_id;
        assert_eq!((&one.object_id, one.policy.as_str()), (principal, policy));
        let set = |name: &str| variable(&app, seed::APP, name)["value"].clone();
        assert_eq!(set("REDIS_HOST"), host);
        assert_eq!(set("REDIS_PORT"), port, "text, as variables are");
        assert_eq!(set("REDIS_OBJECT_ID"), json!(principal));
        let sent: Vec<String> =
            writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
        assert_eq!(sent, ["PATCH", "PUT", "PATCH"], "identity, assignment, variables");
        assert_eq!(run.applied.revisions.len(), 1);
        described(&world);
    }
}

// On paper, with the table of `counts`: 4 + the providers ManagedIdentity and Cache + the name in both
// services = 8 in round 1. Round 2: environment, revision, 5 for the app and the database = 8. The database
// is what the assignment is made in, so that its rights, 3, are asked for in round 3. The second run: 8, then
// environment, revision, system identity, database = 4, then the assignments = 1.
#[test]
fn managed_redis_with_a_system_identity() {
    let world = costs(&Cost {
        recipes: RECIPE,
        parameters: &[],
        first: (8 + 8 + 3, 3),
        writes: &[APP, ASSIGNMENT, APP],
        revisions: 1,
        again: (8 + 4 + 1, 3),
    });
    let checked = described(&world);
    assert!(checked == 0 || checked >= 60, "only {checked} exchanges of redis were checked");
}

// The identity and its assign right are one more each; the assignments are read in round 3 and say that one is
// missing, so that the rights for it follow in round 4.
#[test]
fn managed_redis_with_an_existing_identity() {
    let world = costs(&Cost {
        recipes: RECIPE,
        parameters: &[EXISTING],
        first: (9 + 9 + 1 + 3, 4),
        writes: &[ASSIGNMENT, APP],
        revisions: 1,
        again: (9 + 3 + 1, 3),
    });
    described(&world);
}

// The assignments of a cache stand right below it: they and the rights on it are asked for in round 2.
#[test]
fn an_azure_cache_for_redis_with_a_system_identity() {
    let world = costs(&Cost {
        recipes: RECIPE,
        parameters: &[CACHE],
        first: (8 + 2 + 5 + 1 + 3, 2),
        writes: &[APP, ASSIGNMENT, APP],
        revisions: 1,
        again: (8 + 3 + 1, 2),
    });
    described(&world);
}

#[test]
fn found_under_another_name_it_is_neither_made_again_nor_renamed() {
    let principal = seed::IDENTITY_PRINCIPAL;
    for (parameters, id, name, policy) in [
        // The portal names it by the object id, which is no name that the description knows.
        (&[EXISTING][..], managed(), principal, "default"),
        (&[EXISTING, CACHE][..], cache(), "our-app", "Data Contributor"),
    ] {
        let on = if parameters.len() == 1 { seed::REDIS } else { seed::CACHE };
        let shouted = principal.to_uppercase();
        let world = World::new().edited(|state| seed::redis::assignment(state, on, name, &shouted, policy));
        let before = assignments(&world, &id);
        works_and_stays(&world, RECIPE, parameters);
        assert_eq!(assignments(&world, &id), before);
        assert_eq!(writes(&world.sandbox.exchanges()).len(), 1, "the app only");
    }
}

#[test]
fn a_cache_at_work_is_asked_again_until_it_takes_the_write() {
    let body = |principal: &str| json!({ "properties": { "accessPolicyName": "default", "user": { "objectId": principal } } });
    let world = World::new();
    let path = format!("{}/accessPolicyAssignments/other", managed());
    let other = "66666666-6666-4666-8666-000000000001";
    assert_eq!(somebody_assigns(&world, path, &body(other), "2025-07-01"), 201);
    let run = world.apply(RECIPE, &[EXISTING]);
    assert!(failed(&run.findings()).is_empty());
    let refused = world.sandbox.exchanges().iter().filter(|one| one.status == Some(409)).count();
    assert!(refused >= 1, "it was busy");
    assert_eq!(run.applied.writes.len(), 2);
    assert_eq!(assignments(&world, &managed()).len(), 2, "that of others stays");
}

#[test]
fn a_run_that_ends_between_assignment_and_app_is_completed_by_the_next() {
    for parameters in [&[EXISTING][..], &[EXISTING, CACHE][..]] {
        let fault: Fault = "match=PATCH:/containerApps/ status=400".parse().unwrap();
        let world = World::with(Switches::default(), vec![fault]);
        let run = world.apply(RECIPE, parameters);
        failure(&run);
        assert_eq!(run.applied.writes.len(), 1, "the assignment");
        let from = world.count();
        works_and_stays(&world, RECIPE, parameters);
        let sent = writes(&world.exchanges_since(from));
        assert_eq!(sent.len(), 1, "the app only: {sent:?}");
    }
}

#[test]
fn a_refused_change_of_policy_is_told_and_ends_well_once_the_old_one_is_gone() {
    let world = World::with(Switches::flip("policy-changes-in-place").unwrap(), Vec::new()).edited(|state| {
        seed::redis::assignment(state, seed::CACHE, "our-app", seed::IDENTITY_PRINCIPAL, "Data Reader");
    });
    let run = world.apply(RECIPE, &[EXISTING, CACHE]);
    let (_, _, said) = failure(&run);
    assert!(said.contains("InvalidAccessPolicyAssignment"), "{said}");
    world.sandbox.edit(|state| state.redis_mut(seed::CACHE).unwrap().assignments.clear());
    works_and_stays(&world, RECIPE, &[EXISTING, CACHE]);
}

#[test]
fn an_identity_made_anew_gets_an_assignment_of_its_own() {
    let world = World::new();
    works_and_stays(&world, RECIPE, &[]);
    world.sandbox.edit(|state| state.app_mut(seed::APP).unwrap().identity.system = None);
    works_and_stays(&world, RECIPE, &[]);
    // Azure gives no name to another object: the name is of the principal.
    let all = assignments(&world, &managed());
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_ne!(all[0].name, all[1].name);
}

#[test]
fn two_of_one_name_are_told_with_the_id_of_one() {
    let world = World::new().edited(seed::redis::both_kinds);
    let planned = blocked(&world, RECIPE, &[]);
    let said = text(only_failed(&planned));
    assert!(said.contains(&seed::redis_id(seed::REDIS)), "{said}");
    // In the group it is one, elsewhere another: the group's is meant, as for every name.
    let world = World::new().edited(|state| {
        seed::redis::both_kinds(state);
        let key = seed::cache_id(seed::REDIS).to_lowercase();
        let mut other = state.redis.remove(&key).unwrap();
        other.id = other.id.replace(seed::GROUP, seed::SHARED_GROUP);
        state.add_redis(other);
    });
    works_and_stays(&world, RECIPE, &[]);
    assert_eq!(assignments(&world, &managed()).len(), 1);
}

#[test]
fn the_smallest_built_in_roles_do_it_and_less_is_told() {
    for (parameters, scope, role, name, action) in [
        (
            &[EXISTING, CACHE][..],
            cache(),
            REDIS_CACHE_CONTRIBUTOR,
            "Redis Cache Contributor",
            "Microsoft.Cache/redis/accessPolicyAssignments/write",
        ),
        (
            &[EXISTING][..],
            managed(),
            CONTRIBUTOR,
            "Contributor",
            "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments/write",
        ),
    ] {
        let (group, id) = (seed::group_id(seed::GROUP), seed::identity_id(seed::IDENTITY));
        let environment = seed::environment_id();
        let app = seed::app_id();
        let usual = [
            (group.as_str(), READER),
            (app.as_str(), CONTAINER_APPS_CONTRIBUTOR),
            (environment.as_str(), CONTAINER_APPS_CONTRIBUTOR),
            (id.as_str(), MANAGED_IDENTITY_OPERATOR),
        ];
        let world = World::new()
            .called_by("reader")
            .edited(|state| variant::caller_with(state, "reader", &usual, None));
        let planned = blocked(&world, RECIPE, parameters);
        let missing = of_code(&planned.plan.prerequisites, codes::PERMISSION);
        assert_eq!(missing.status, Status::Failed);
        let said = text(missing);
        assert!(said.contains(action) && said.contains(name), "{said}");

        let mut more = usual.to_vec();
        more.push((scope.as_str(), role));
        world.sandbox.edit(|state| variant::caller_with(state, "reader", &more, None));
        let run = world.apply(RECIPE, parameters);
        assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
        assert_eq!(run.applied.writes.len(), 2);
    }
}
