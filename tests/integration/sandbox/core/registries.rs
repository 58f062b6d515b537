//! Registries: what the control plane shows of them, and who gets an image.

use acarecipe::sandbox::roles::{
    ACR_PULL, ACR_PUSH, CONTRIBUTOR, OWNER, READER, REPOSITORY_READER, REPOSITORY_WRITER,
};
use acarecipe::sandbox::{Exchange, State, seed};
use serde_json::{Value as Json, json};

use super::{START, World, path_of};
use crate::support::schema;

/// A PATCH body that runs an image of a registry, pulled by the seeded user-assigned identity.
pub(super) fn pulls(registry: &str, image: &str) -> Json {
    let id = seed::identity_id(seed::IDENTITY);
    json!({
        "identity": { "type": "UserAssigned", "userAssignedIdentities": { (&id): {} } },
        "properties": {
            "configuration": { "registries": [{ "server": seed::login_server(registry), "identity": id }] },
            "template": { "containers": [
                { "name": seed::APP, "image": seed::image_in(registry, image) },
            ] },
        },
    })
}

/// Gives that identity a role on a registry, long in force.
pub(super) fn grant(state: &mut State, registry: &str, role: &str) {
    let scope = seed::registry_id(registry);
    seed::assign_role(state, &scope, role, seed::IDENTITY_PRINCIPAL, START - time::Duration::DAY);
}

/// How a write of the app ended: the code in its operation's error, or nothing when it succeeded.
#[track_caller]
fn ending(world: &World, body: &Json) -> Option<String> {
    let got = world.patch(body);
    assert_eq!(got.status, 202, "{:#}", got.body);
    let location = path_of(got.header("location").unwrap()).to_owned();
    world.pass(1000);
    let result = world.get(&location);
    let codes = ["UNAUTHORIZED", "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "DENIED"];
    match world.app()["properties"]["provisioningState"].as_str() {
        Some("Succeeded") => None,
        _ => Some(codes.iter().find(|code| result.message().contains(*code)).unwrap().to_string()),
    }
}

#[test]
fn registries_are_shown_to_those_who_may_read_them() {
    let world = World::new();
    let registry = world.get(&seed::registry_id(seed::REGISTRY)).ok(200);
    assert_eq!(registry["properties"]["loginServer"], "acrdemo.azurecr.io");
    assert_eq!(registry["properties"]["roleAssignmentMode"], "LegacyRegistryPermissions");
    let abac = world.get(&seed::registry_id(seed::ABAC_REGISTRY)).ok(200);
    assert_eq!(abac["properties"]["roleAssignmentMode"], "AbacRepositoryPermissions");
    assert!(abac["properties"]["loginServer"].as_str().unwrap().starts_with("acrabac-"));
    let names = |scope: &str, caller: &str| {
        let list = world.by(caller).get(&format!("{scope}/providers/Microsoft.ContainerRegistry/registries"));
        let list = list.ok(200);
        list["value"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&seed::group_id(seed::GROUP), "group-scoped"), ["acrdemo"]);
    assert_eq!(names(&seed::subscription_id(), "reader"), ["acrdemo", "acrabac"]);
    assert_eq!(names(&seed::central_subscription_id(), "contributor"), ["acrcentral"]);
    for caller in ["group-scoped", "app-scoped"] {
        let world = world.by(caller);
        for name in [seed::ABAC_REGISTRY, seed::CENTRAL_REGISTRY] {
            world.get(&seed::registry_id(name)).refused(403, "AuthorizationFailed");
        }
    }
    world.get(&seed::registry_id("acrnone")).refused(404, "ResourceNotFound");
}

#[test]
fn what_a_version_does_not_have_is_not_in_its_answers() {
    let world = World::new();
    for (version, mode, policy) in
        [("2025-11-01", true, true), ("2025-04-01", false, true), ("2023-07-01", false, false)]
    {
        let id = seed::registry_id(seed::REGISTRY);
        let properties = world.get(&format!("{id}?api-version={version}")).ok(200)["properties"].clone();
        assert_eq!(properties.get("roleAssignmentMode").is_some(), mode, "{version}");
        let policies = &properties["policies"];
        assert_eq!(policies.get("azureADAuthenticationAsArmPolicy").is_some(), policy, "{version}");
        world
            .get(&format!(
                "{}/providers/Microsoft.ContainerRegistry/registries?api-version={version}",
                seed::subscription_id()
            ))
            .ok(200);
    }
    let exchanges: Vec<Exchange> = world.sandbox.exchanges();
    schema::check(&exchanges).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}

#[test]
fn the_mode_of_the_registry_decides_which_role_pulls() {
    // A role, and whether it pulls in classic mode and with data actions.
    for (role, classic, abac) in [
        (ACR_PULL, true, false),
        (ACR_PUSH, true, false),
        (READER, true, false),
        (CONTRIBUTOR, true, false),
        (OWNER, true, false),
        (REPOSITORY_READER, false, true),
        (REPOSITORY_WRITER, false, true),
    ] {
        for (registry, pulls_it) in [(seed::REGISTRY, classic), (seed::ABAC_REGISTRY, abac)] {
            let world = World::new();
            world.edit(|state| grant(state, registry, role));
            let expected = (!pulls_it).then(|| "UNAUTHORIZED".to_owned());
            assert_eq!(ending(&world, &pulls(registry, "python-demo:1.0")), expected, "{role} {registry}");
        }
    }
}
