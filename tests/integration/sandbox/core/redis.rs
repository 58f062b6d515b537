//! Both Redis services: what the control plane shows of them, and who is given their data.

use acarecipe::sandbox::roles::{CONTRIBUTOR, REDIS_CACHE_CONTRIBUTOR};
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::{Got, World, path_of};
use crate::support::schema;

const PRINCIPAL: &str = seed::IDENTITY_PRINCIPAL;
const OTHER: &str = "33333333-3333-4333-8333-00000000000f";

pub(super) fn cache_assignment(name: &str) -> String {
    format!("{}/accessPolicyAssignments/{name}", seed::cache_id(seed::CACHE))
}

pub(super) fn managed_assignment(name: &str) -> String {
    format!("{}/databases/default/accessPolicyAssignments/{name}", seed::redis_id(seed::REDIS))
}

pub(super) fn for_cache(policy: &str, principal: &str) -> Json {
    json!({ "properties": { "objectId": principal, "objectIdAlias": "app", "accessPolicyName": policy } })
}

pub(super) fn for_managed(policy: &str, principal: &str) -> Json {
    json!({ "properties": { "accessPolicyName": policy, "user": { "objectId": principal } } })
}

/// Where the assignment of a name is.
type Place = fn(&str) -> String;

/// Both services in one shape: where an assignment is, and a body that is taken.
fn both() -> [(Place, Json); 2] {
    [
        (cache_assignment, for_cache("Data Contributor", PRINCIPAL)),
        (managed_assignment, for_managed("default", PRINCIPAL)),
    ]
}

impl World {
    #[track_caller]
    fn put(&self, path: &str, body: &Json) -> Got {
        self.send("PUT", path, Some(body))
    }

    /// A PUT that must be accepted, and its operation's end.
    #[track_caller]
    fn made(&self, path: &str, body: &Json) -> Json {
        self.put(path, body).ok(201);
        self.settle();
        let made = self.get(path).ok(200);
        assert_eq!(made["properties"]["provisioningState"], "Succeeded");
        made
    }
}

fn cache_properties(state: &mut State) -> &mut Json {
    &mut state.redis_mut(seed::CACHE).unwrap().properties
}

#[test]
fn both_services_are_shown_with_host_and_port() {
    let world = World::new();
    let cache = world.get(&seed::cache_id(seed::CACHE)).ok(200);
    assert_eq!(cache["properties"]["hostName"], "cache-demo.redis.cache.windows.net");
    assert_eq!(cache["properties"]["sslPort"], 6380);
    assert_eq!(cache["properties"]["redisConfiguration"]["aad-enabled"], "True");
    let managed = world.get(&seed::redis_id(seed::REDIS)).ok(200);
    assert_eq!(managed["properties"]["hostName"], "redis-demo.westeurope.redis.azure.net");
    assert_eq!(managed["kind"], "v2");
    let database = world.get(&format!("{}/databases/default", seed::redis_id(seed::REDIS))).ok(200);
    assert_eq!(database["properties"]["port"], 10000);
    assert_eq!(database["properties"]["clientProtocol"], "Encrypted");
    let names = |kind: &str, scope: &str| {
        let list = world.get(&format!("{scope}/providers/Microsoft.Cache/{kind}")).ok(200);
        list["value"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    for scope in [seed::subscription_id(), seed::group_id(seed::GROUP)] {
        assert_eq!(names("redis", &scope), ["cache-demo"]);
        assert_eq!(names("redisEnterprise", &scope), ["redis-demo"]);
    }
    assert!(names("redis", &seed::group_id(seed::SHARED_GROUP)).is_empty());
    let databases = world.get(&format!("{}/databases", seed::redis_id(seed::REDIS))).ok(200);
    assert_eq!(databases["value"][0]["name"], "default");
    let policies = world.get(&format!("{}/accessPolicies", seed::cache_id(seed::CACHE))).ok(200);
    let policies: Vec<&Json> = policies["value"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(policies, ["Data Owner", "Data Contributor", "Data Reader"]);

    world.get(&seed::cache_id(seed::REDIS)).refused(404, "ResourceNotFound");
    world.get(&seed::redis_id(seed::CACHE)).refused(404, "ResourceNotFound");
    world.get(&format!("{}/databases/other", seed::redis_id(seed::REDIS))).refused(404, "ResourceNotFound");
    world.by("app-scoped").get(&seed::cache_id(seed::CACHE)).refused(403, "AuthorizationFailed");
    world.by("app-scoped").get(&seed::redis_id(seed::REDIS)).refused(403, "AuthorizationFailed");
}

#[test]
fn versions_have_what_they_have_and_all_is_as_described() {
    let world = World::new();
    let older = World::new();
    let (id, database) =
        (seed::redis_id(seed::REDIS), format!("{}/databases/default", seed::redis_id(seed::REDIS)));
    for (version, network) in [("2025-07-01", true), ("2025-04-01", false)] {
        let cluster = world.get(&format!("{id}?api-version={version}")).ok(200);
        assert_eq!(cluster["properties"].get("publicNetworkAccess").is_some(), network, "{version}");
        let one = world.get(&format!("{database}?api-version={version}")).ok(200);
        assert_eq!(one["properties"]["accessKeysAuthentication"], "Disabled", "{version}");
        world.get(&format!("{database}/accessPolicyAssignments?api-version={version}")).ok(200);
    }
    let one = older.get(&format!("{database}?api-version=2024-10-01")).ok(200);
    assert_eq!(one["properties"].get("accessKeysAuthentication"), None);
    assert_eq!(older.get(&format!("{id}?api-version=2024-10-01")).ok(200).get("kind"), None);
    older
        .get(&format!("{database}/accessPolicyAssignments?api-version=2024-10-01"))
        .refused(400, "NoRegisteredProviderFound");
    // Writes, at the newest version and the one before, with their operations.
    for (path, body, version) in [
        (cache_assignment("one"), for_cache("Data Reader", PRINCIPAL), "2024-11-01"),
        (managed_assignment("one"), for_managed("default", PRINCIPAL), "2025-07-01"),
        (managed_assignment("two"), for_managed("default", OTHER), "2025-04-01"),
    ] {
        let path = format!("{path}?api-version={version}");
        let got = world.put(&path, &body);
        let operation = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
        assert!(got.header("location").is_none());
        got.ok(201);
        assert_eq!(world.get(&operation).ok(200)["status"], "InProgress");
        world.settle();
        assert_eq!(world.get(&operation).ok(200)["status"], "Succeeded");
        assert_eq!(world.get(&path).ok(200)["properties"]["provisioningState"], "Succeeded");
    }
    world.get(&format!("{}/accessPolicyAssignments", seed::cache_id(seed::CACHE))).ok(200);
    schema::check(&world.sandbox.exchanges()).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

#[test]
fn an_assignment_is_made_by_an_operation_and_the_same_again_changes_nothing() {
    for (path, body) in both() {
        let world = World::new();
        let path = path("app1");
        let first = world.put(&path, &body).ok(201);
        assert_ne!(first["properties"]["provisioningState"], "Succeeded");
        world.settle();
        let made = world.get(&path).ok(200);
        let again = world.put(&path, &body);
        assert!(again.header("azure-asyncoperation").is_none());
        assert_eq!(again.ok(200), made);
        assert_eq!(world.get(&path.to_uppercase()).ok(200), made);

        let gone = world.send("DELETE", &path, None);
        assert_eq!(gone.status, 202);
        assert!(gone.header("azure-asyncoperation").is_some());
        world.settle();
        world.get(&path).refused(404, "ResourceNotFound");
        assert_eq!(world.send("DELETE", &path, None).status, 204);
    }
}

#[test]
fn a_policy_must_be_one_of_the_service() {
    let world = World::new();
    for policy in ["Data Owner", "Data Contributor", "Data Reader", "data contributor", "owner"] {
        world.put(&managed_assignment("app1"), &for_managed(policy, PRINCIPAL)).refused(400, "BadRequest");
    }
    for policy in ["default", "Contributor", "data reader", "our-own"] {
        world
            .put(&cache_assignment("app1"), &for_cache(policy, PRINCIPAL))
            .refused(400, "InvalidAccessPolicyAssignment");
    }
    world.edit(|state| {
        let cache = state.redis_mut(seed::CACHE).unwrap();
        cache.policies.insert("our-own".to_owned(), "+get ~app:*".to_owned());
    });
    world.made(&cache_assignment("app1"), &for_cache("our-own", PRINCIPAL));
    let own = world.get(&format!("{}/accessPolicies/our-own", seed::cache_id(seed::CACHE))).ok(200);
    assert_eq!(own["properties"]["type"], "Custom");
}

#[test]
fn names_and_bodies_are_as_the_service_wants_them() {
    let world = World::new();
    let good = for_managed("default", PRINCIPAL);
    for name in ["my-app", "a.b", &"x".repeat(61)] {
        world.put(&managed_assignment(name), &good).refused(400, "InvalidResourceName");
    }
    let good = for_cache("Data Reader", PRINCIPAL);
    for name in ["-app", "app-", "a.b"] {
        world.put(&cache_assignment(name), &good).refused(400, "InvalidResourceName");
    }
    for missing in ["objectId", "objectIdAlias", "accessPolicyName"] {
        let mut body = good.clone();
        body["properties"].as_object_mut().unwrap().shift_remove(missing);
        let got = world.put(&cache_assignment("app"), &body).refused(400, "InvalidRequestContent");
        assert!(got.message().contains(missing), "{}", got.message());
    }
    world
        .put(&managed_assignment("app"), &json!({ "properties": { "accessPolicyName": "default" } }))
        .refused(400, "InvalidRequestContent");
    world
        .put(&cache_assignment("app"), &for_cache("Data Reader", "ca-demo"))
        .refused(400, "InvalidAccessPolicyAssignment");
    world.made(&cache_assignment("my-app"), &good);
}

#[test]
fn an_object_has_one_assignment_and_a_name_one_object() {
    for (path, body) in both() {
        let world = World::new();
        world.made(&path("first"), &body);
        let got = world.put(&path("second"), &body).refused(400, "InvalidAccessPolicyAssignment");
        assert!(got.message().contains("duplicate entries"), "{}", got.message());
        let text = body.to_string();
        let other: Json = serde_json::from_str(&text.replace(PRINCIPAL, OTHER)).unwrap();
        world.put(&path("first"), &other).refused(400, "InvalidAccessPolicyAssignment");
        world.made(&path("second"), &other);
        let shouted: Json =
            serde_json::from_str(&text.replace(PRINCIPAL, &PRINCIPAL.to_uppercase())).unwrap();
        assert_eq!(world.put(&path("FIRST"), &shouted).status, 200);
    }
    let world = World::new();
    world.made(&cache_assignment("first"), &for_cache("Data Reader", PRINCIPAL));
    world
        .put(&cache_assignment("second"), &for_cache("Data Owner", PRINCIPAL))
        .refused(400, "InvalidAccessPolicyAssignment");
}

#[test]
fn another_policy_takes_the_place_of_the_one_before() {
    let world = World::new();
    let path = cache_assignment("app");
    world.made(&path, &for_cache("Data Reader", PRINCIPAL));
    let changed = world.put(&path, &for_cache("Data Owner", PRINCIPAL));
    assert!(changed.header("azure-asyncoperation").is_some());
    changed.ok(200);
    world.settle();
    assert_eq!(world.get(&path).ok(200)["properties"]["accessPolicyName"], "Data Owner");
    schema::check(&world.sandbox.exchanges()).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

#[test]
fn a_cache_with_an_operation_under_way_takes_no_other() {
    for (path, body) in both() {
        let world = World::new();
        world.put(&path("first"), &body).ok(201);
        let other: Json = serde_json::from_str(&body.to_string().replace(PRINCIPAL, OTHER)).unwrap();
        let got = world.put(&path("second"), &other).refused(409, "Conflict");
        assert!(got.message().contains("is busy processing a previous update request"), "{}", got.message());
        assert_eq!(world.send("DELETE", &path("first"), None).status, 409);
        world.settle();
        world.made(&path("second"), &other);
    }
    // An operation of one cache is none of the other's business.
    let world = World::new();
    let [(cache, body), (managed, other)] = both();
    world.put(&cache("app"), &body).ok(201);
    world.put(&managed("app"), &other).ok(201);

    for state in ["Updating", "Scaling", "ConfiguringAAD", "Failed"] {
        let world = World::new();
        world.edit(|all| cache_properties(all)["provisioningState"] = json!(state));
        world.put(&cache("app"), &body).refused(409, "Conflict");
    }
    for (member, value) in [("provisioningState", "Updating"), ("resourceState", "Scaling")] {
        for database in [false, true] {
            let world = World::new();
            world.edit(|all| {
                let cluster = all.redis_cluster_mut(seed::REDIS).unwrap();
                if database {
                    cluster.databases.get_mut("default").unwrap().properties[member] = json!(value);
                } else {
                    cluster.properties[member] = json!(value);
                }
            });
            world.put(&managed("app"), &other).refused(409, "Conflict");
        }
    }
}

#[test]
fn entra_must_be_on_and_the_tier_one_that_knows_policies() {
    let world = World::new();
    let body = for_cache("Data Reader", PRINCIPAL);
    for off in [json!("False"), json!("false"), Json::Null] {
        world.edit(|state| cache_properties(state)["redisConfiguration"]["aad-enabled"] = off.clone());
        world.put(&cache_assignment("app"), &body).refused(400, "InvalidAccessPolicyAssignment");
    }
    world.edit(|state| cache_properties(state)["redisConfiguration"]["aad-enabled"] = json!("true"));
    world.made(&cache_assignment("app"), &body);

    world.edit(seed::redis::old_enterprise);
    let got =
        world.put(&managed_assignment("app"), &for_managed("default", PRINCIPAL)).refused(400, "BadRequest");
    assert!(got.message().contains("Enterprise_E10"), "{}", got.message());
    assert_eq!(world.get(&seed::redis_id(seed::REDIS)).ok(200)["kind"], "v1");
}

#[test]
fn rights_locks_denials_and_policies_hold_for_assignments() {
    for (path, body) in both() {
        let path = path("app");
        let world = World::new();
        for caller in ["reader", "app-scoped"] {
            world.by(caller).put(&path, &body).refused(403, "AuthorizationFailed");
        }
        // Not a role assignment: a contributor may.
        assert_eq!(world.by("contributor").put(&path, &body).status, 201);

        let cache = path.split("/accessPolicyAssignments").next().unwrap().to_owned();
        for (level, put, delete) in [("CanNotDelete", 201, 409), ("ReadOnly", 409, 409)] {
            let world = World::new();
            world.edit(|state| seed::variant::lock(state, &cache, level));
            assert_eq!(world.put(&path, &body).status, put, "{level}");
            world.settle();
            assert_eq!(world.send("DELETE", &path, None).status, delete, "{level}");
        }
        let world = World::new();
        world.edit(|state| {
            seed::variant::deny(state, &seed::group_id(seed::GROUP), &["Microsoft.Cache/*/write"]);
        });
        world.put(&path, &body).refused(403, "DenyAssignmentAuthorizationFailed");

        let kind = if path.contains("databases") {
            "microsoft.cache/redisenterprise/databases/accesspolicyassignments"
        } else {
            "microsoft.cache/redis/accesspolicyassignments"
        };
        let world = World::new();
        world.edit(|state| {
            seed::variant::policy(state, &seed::subscription_id(), kind, "/properties/accessPolicyName");
        });
        world.put(&path, &body).refused(403, "RequestDisallowedByPolicy");

        let world = World::new();
        world.edit(|state| {
            state.providers.insert("Microsoft.Cache".to_owned(), "NotRegistered".to_owned());
        });
        world.put(&path, &body).refused(409, "MissingSubscriptionRegistration");
    }
}

#[test]
fn the_smallest_built_in_roles_suffice() {
    let world = World::new();
    let [(cache, body), (managed, other)] = both();
    world.edit(|state| {
        let scope = seed::cache_id(seed::CACHE);
        seed::variant::caller_with(state, "reader", &[(&scope, REDIS_CACHE_CONTRIBUTOR)], None);
    });
    let caller = world.by("reader");
    caller.put(&cache("app"), &body).ok(201);
    // The role ends at Microsoft.Cache/redis.
    caller.put(&managed("app"), &other).refused(403, "AuthorizationFailed");
    world.edit(|state| {
        let scope = seed::redis_id(seed::REDIS);
        seed::variant::caller_with(state, "reader", &[(&scope, CONTRIBUTOR)], None);
    });
    caller.put(&managed("app"), &other).ok(201);
}

#[test]
fn a_write_that_fails_or_hangs_is_told_by_its_operation() {
    for (path, body) in both() {
        let path = path("app");
        let world = World::faulty("match=PUT:/accessPolicyAssignments/ operation-fails");
        let got = world.put(&path, &body);
        let operation = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
        world.settle();
        assert_eq!(world.get(&operation).ok(200)["status"], "Failed");
        world.get(&path).refused(404, "ResourceNotFound");
        world.made(&path, &body);

        let world = World::faulty("match=PUT:/accessPolicyAssignments/ operation-hangs");
        world.put(&path, &body).ok(201);
        world.pass(100_000);
        assert_ne!(world.get(&path).ok(200)["properties"]["provisioningState"], "Succeeded");

        let world = World::faulty("match=PUT:/accessPolicyAssignments/ operation-url=404");
        let got = world.put(&path, &body);
        let operation = path_of(got.header("azure-asyncoperation").unwrap()).to_owned();
        world.settle();
        assert_eq!(world.get(&operation).status, 404);
        world.get(&path).ok(200);
    }
}

#[test]
fn a_failed_new_assignment_may_stay_and_is_completed_by_the_same_again() {
    let world = World::with(
        acarecipe::sandbox::Switches::flip("failed-assignment-gone").unwrap(),
        &["match=PUT:/accessPolicyAssignments/ operation-fails"],
    );
    let (path, body) = (cache_assignment("app"), for_cache("Data Reader", PRINCIPAL));
    world.put(&path, &body).ok(201);
    world.settle();
    assert_eq!(world.get(&path).ok(200)["properties"]["provisioningState"], "Failed");
    world.put(&path, &body).ok(200);
    world.settle();
    assert_eq!(world.get(&path).ok(200)["properties"]["provisioningState"], "Succeeded");
}
