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

#[test]
fn a_role_pulls_when_it_is_in_force_and_masks_a_wrong_tag_until_then() {
    let world = World::new();
    let path = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-4000-8000-000000000002",
        seed::registry_id(seed::REGISTRY)
    );
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}");
    let body = json!({ "properties": {
        "roleDefinitionId": role, "principalId": seed::IDENTITY_PRINCIPAL, "principalType": "ServicePrincipal",
    } });
    world.send("PUT", &path, Some(&body)).ok(201);
    // Too young, whether the tag is there or not; and the refusal takes its time.
    let got = world.patch(&pulls(seed::REGISTRY, "python-demo:1.0"));
    let location = path_of(got.header("location").unwrap()).to_owned();
    world.pass(11 * 60);
    assert_eq!(world.app()["properties"]["provisioningState"], "InProgress");
    world.patch(&json!({ "tags": { "a": "b" } })).refused(409, "ContainerAppOperationInProgress");
    world.pass(60);
    let told = world.get(&location).refused(400, "ContainerAppOperationError");
    for words in ["Operation expired.", "acrdemo.azurecr.io", seed::IDENTITY, "status: 401", "UNAUTHORIZED"] {
        assert!(told.message().contains(words), "{words}: {}", told.message());
    }
    // By now the role holds.
    assert_eq!(
        ending(&world, &pulls(seed::REGISTRY, "python-demo:nope")).as_deref(),
        Some("MANIFEST_UNKNOWN")
    );
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, "nothing:1.0")).as_deref(), Some("MANIFEST_UNKNOWN"));
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, "python-demo:2.0")), None);
    assert_eq!(world.newest()["healthState"], "Healthy");
    let digest = world.edit(|state| {
        let registry = state.registry(seed::REGISTRY).unwrap();
        registry.find("python-demo", "1.0").unwrap().0.to_owned()
    });
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, &format!("python-demo@{digest}"))), None);
    let without = World::new();
    assert_eq!(ending(&without, &pulls(seed::REGISTRY, "python-demo:nope")).as_deref(), Some("UNAUTHORIZED"));
}

#[test]
fn what_runs_is_what_was_pushed() {
    for (image, why) in [("crashing:1.0", "exit code 1"), ("other-port:1.0", "listening port 3000")] {
        let world = World::new();
        world.edit(|state| grant(state, seed::REGISTRY, ACR_PULL));
        assert_eq!(ending(&world, &pulls(seed::REGISTRY, image)), None);
        assert_eq!(world.newest()["healthState"], "Unhealthy");
        assert!(world.newest()["provisioningError"].as_str().unwrap().contains(why), "{image}");
    }
}

#[test]
fn policy_network_and_entry_stand_before_the_role() {
    type Change = fn(&mut State);
    let cases: [(&str, Change, Option<&str>); 6] = [
        ("as it is", |_| {}, None),
        (
            "arm tokens",
            |state| seed::variant::arm_tokens_refused(state, seed::REGISTRY),
            Some("UNAUTHORIZED"),
        ),
        ("closed", |state| seed::variant::network_closed(state, seed::REGISTRY, false), Some("DENIED")),
        ("private", |state| seed::variant::network_closed(state, seed::REGISTRY, true), None),
        (
            "deny",
            |state| {
                state.registry_mut(seed::REGISTRY).unwrap().properties["networkRuleSet"] =
                    json!({ "defaultAction": "Deny", "ipRules": [{ "value": "10.0.0.1" }] });
            },
            Some("DENIED"),
        ),
        (
            "listed",
            |state| {
                state.registry_mut(seed::REGISTRY).unwrap().properties["networkRuleSet"] =
                    json!({ "defaultAction": "Deny", "ipRules": [{ "value": "20.61.0.1/32" }] });
            },
            None,
        ),
    ];
    for (name, change, expected) in cases {
        let world = World::new();
        world.edit(|state| grant(state, seed::REGISTRY, ACR_PULL));
        world.edit(change);
        let ended = ending(&world, &pulls(seed::REGISTRY, "python-demo:1.0"));
        assert_eq!(ended.as_deref(), expected, "{name}");
    }
    // Without an entry nobody pulls, whatever role the app's identities have.
    let world = World::new();
    world.edit(|state| grant(state, seed::REGISTRY, ACR_PULL));
    let mut bare = pulls(seed::REGISTRY, "python-demo:1.0");
    bare["properties"].as_object_mut().unwrap().remove("configuration");
    assert_eq!(ending(&world, &bare).as_deref(), Some("UNAUTHORIZED"));
}

#[test]
fn a_refused_pull_shows_in_both_of_azures_ways() {
    let world = World::new();
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, "python-demo:1.0")).as_deref(), Some("UNAUTHORIZED"));
    assert_eq!(world.revisions().len(), 1);
    let world = World::flipped("failed-pull-no-revision");
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, "python-demo:1.0")).as_deref(), Some("UNAUTHORIZED"));
    let newest = world.newest();
    assert_eq!((&newest["provisioningState"], &newest["runningState"]), (&json!("Failed"), &json!("Failed")));
    assert!(newest["provisioningError"].as_str().unwrap().contains("UNAUTHORIZED"), "{newest:#}");
    // The old revision serves on.
    assert_eq!(world.revisions()[0]["properties"]["trafficWeight"], 100);
}

#[test]
fn the_system_identity_and_another_subscription() {
    let world = World::new();
    let app = world.patched(&json!({ "identity": { "type": "SystemAssigned" } }));
    let principal = app["identity"]["principalId"].as_str().unwrap().to_owned();
    let scope = seed::registry_id(seed::CENTRAL_REGISTRY);
    world.edit(|state| seed::assign_role(state, &scope, ACR_PULL, &principal, START));
    let server = seed::login_server(seed::CENTRAL_REGISTRY);
    let body = json!({ "properties": {
        "configuration": { "registries": [{ "server": server.to_uppercase(), "identity": "System" }] },
        "template": { "containers": [
            { "name": seed::APP, "image": seed::image_in(seed::CENTRAL_REGISTRY, "python-demo:1.0") },
        ] },
    } });
    assert_eq!(ending(&world, &body), None);
    assert_eq!(world.newest()["healthState"], "Healthy");
}

#[test]
fn the_admin_user_pulls_with_the_right_password_while_enabled() {
    let entry = |user: &str| {
        let registries = json!([{
            "server": "acrdemo.azurecr.io", "username": user, "passwordSecretRef": "acr-password",
        }]);
        let image = seed::image_in(seed::REGISTRY, "python-demo:1.0");
        json!({ "properties": {
            "configuration": { "registries": registries },
            "template": { "containers": [{ "name": seed::APP, "image": image }] },
        } })
    };
    for (enabled, user, password, expected) in [
        (true, "acrdemo", "sandbox-acrdemo-password-1", None),
        (true, "acrdemo", "sandbox-acrdemo-password-2", None),
        (true, "acrdemo", "guess", Some("UNAUTHORIZED")),
        (true, "somebody", "sandbox-acrdemo-password-1", Some("UNAUTHORIZED")),
        (false, "acrdemo", "sandbox-acrdemo-password-1", Some("UNAUTHORIZED")),
    ] {
        let world = World::new();
        world.edit(|state| {
            seed::variant::plain_secret(state, "acr-password", password);
            state.registry_mut(seed::REGISTRY).unwrap().properties["adminUserEnabled"] = json!(enabled);
        });
        // Not an identity's refusal: it shows at once.
        let got = world.patch(&entry(user));
        assert_eq!(got.status, 202);
        world.settle();
        let state = if expected.is_none() { "Succeeded" } else { "Failed" };
        assert_eq!(world.app()["properties"]["provisioningState"], state, "{enabled} {user} {password}");
    }
}

#[test]
fn half_an_entry_is_refused() {
    let world = World::new();
    for entry in
        [json!({ "server": "acrdemo.azurecr.io", "username": "acrdemo" }), json!({ "username": "acrdemo" })]
    {
        let body = json!({ "properties": { "configuration": { "registries": [entry] } } });
        world.patch(&body).refused(400, "InvalidParameterValueInContainerTemplate");
    }
}

#[test]
fn an_entry_is_held_to_the_apps_identities_secrets_and_revisions() {
    let world = World::new();
    let id = seed::identity_id(seed::IDENTITY);
    for identity in ["system", id.as_str()] {
        let entry = json!([{ "server": "acrdemo.azurecr.io", "identity": identity }]);
        let body = json!({ "properties": { "configuration": { "registries": entry } } });
        let got = world.patch(&body).refused(400, "InvalidParameterValueInContainerTemplate");
        assert!(got.message().contains(identity), "{}", got.message());
    }
    // An identity's entry comes back with empty strings; its id may be written in any case.
    let entry = json!([{ "server": "acrdemo.azurecr.io", "identity": id.to_uppercase() }]);
    let app = world.patched(&json!({
        "identity": { "type": "UserAssigned", "userAssignedIdentities": { (&id): {} } },
        "properties": { "configuration": { "registries": entry } },
    }));
    let kept = &app["properties"]["configuration"]["registries"][0];
    assert_eq!((&kept["username"], &kept["passwordSecretRef"]), (&json!(""), &json!("")));
    // Sent back as it came, it is what it was.
    let again = world.patched(&json!({ "properties": { "configuration": { "registries": [kept] } } }));
    assert_eq!(again["properties"]["configuration"]["registries"][0], *kept);

    let world = World::new();
    world.edit(|state| seed::variant::admin_credentials(state, seed::REGISTRY, "python-demo:1.0"));
    let none = json!({ "properties": { "configuration": { "secrets": [] } } });
    let got = world.patch(&none).refused(400, "ContainerAppSecretRefNotFound");
    assert!(got.message().contains("acr-password"), "{}", got.message());
    let none = json!({ "properties": { "configuration": { "registries": [] } } });
    let got = world.patch(&none).refused(409, "ContainerAppRegistryInUse");
    assert!(got.message().contains("acrdemo.azurecr.io"), "{}", got.message());
    // Once no active revision has an image from there, the entry may go, and with it the way back.
    let first = world.revisions()[0]["name"].as_str().unwrap().to_owned();
    world.patched(&super::image(seed::IMAGE));
    world.patched(&none);
    let activate = format!("{}/revisions/{first}/activate", seed::app_id());
    let got = world.send("POST", &activate, None).refused(400, "RevisionOperationError");
    assert!(got.message().contains("acrdemo.azurecr.io"), "{}", got.message());
}

#[test]
fn a_running_revision_does_not_notice_what_a_restart_does() {
    let world = World::new();
    world.edit(|state| grant(state, seed::REGISTRY, ACR_PULL));
    assert_eq!(ending(&world, &pulls(seed::REGISTRY, "python-demo:1.0")), None);
    let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
    world.edit(|state| state.role_assignments.retain(|_, role| role.role != ACR_PULL));
    world.pass(3600);
    assert_eq!(world.newest()["healthState"], "Healthy");
    let restart = format!("{}/revisions/{name}/restart", seed::app_id());
    world.send("POST", &restart, None).ok(200);
    assert_eq!(world.newest()["healthState"], "Unhealthy");
    let why = world.newest()["provisioningError"].as_str().unwrap().to_owned();
    assert!(why.contains("ImagePullBackOff") && why.contains("UNAUTHORIZED"), "{why}");
    world.edit(|state| grant(state, seed::REGISTRY, ACR_PULL));
    world.send("POST", &restart, None).ok(200);
    assert_eq!(world.newest()["healthState"], "Healthy");
}

#[test]
fn registries_are_written_as_az_and_the_sdk_do() {
    let world = World::new();
    let id = seed::registry_id(seed::REGISTRY);
    let policy = json!({ "properties": { "policies": { "azureADAuthenticationAsArmPolicy": { "status": "disabled" } } } });
    let changed = world.send("PATCH", &id, Some(&policy)).ok(200);
    let policies = &changed["properties"]["policies"];
    assert_eq!(policies["azureADAuthenticationAsArmPolicy"]["status"], "disabled");
    assert_eq!(policies["exportPolicy"]["status"], "enabled");
    let list = format!("{id}/listCredentials");
    world.send("POST", &list, None).refused(400, "UnAuthorizedForCredentialOperations");
    let body = json!({ "tags": { "team": "a" }, "properties": {
        "adminUserEnabled": true, "publicNetworkAccess": "Disabled",
        "networkRuleSet": { "defaultAction": "Deny", "ipRules": [] },
    } });
    let changed = world.send("PATCH", &id, Some(&body)).ok(200);
    assert_eq!(
        (&changed["tags"], &changed["properties"]["publicNetworkAccess"]),
        (&json!({ "team": "a" }), &json!("Disabled"))
    );
    let credentials = world.send("POST", &list, None).ok(200);
    assert_eq!(credentials["username"], "acrdemo");
    assert_eq!(credentials["passwords"][1]["value"], "sandbox-acrdemo-password-2");
    world.by("reader").send("POST", &list, None).refused(403, "AuthorizationFailed");
    world.by("reader").send("PATCH", &id, Some(&body)).refused(403, "AuthorizationFailed");

    let check =
        format!("{}/providers/Microsoft.ContainerRegistry/checkNameAvailability", seed::subscription_id());
    let available = |name: &str| {
        let body = json!({ "name": name, "type": "Microsoft.ContainerRegistry/registries" });
        world.send("POST", &check, Some(&body)).ok(200)["nameAvailable"].clone()
    };
    assert_eq!([available("acrcentral"), available("acrnew01")], [json!(false), json!(true)]);
    let new = seed::registry_id("acrnew01");
    let body = json!({ "location": "westeurope", "sku": { "name": "Basic" }, "properties": { "adminUserEnabled": false } });
    let made = world.send("PUT", &new, Some(&body));
    let operation = path_of(made.header("azure-asyncoperation").unwrap()).to_owned();
    assert_eq!(made.ok(201)["properties"]["provisioningState"], "Creating");
    assert_eq!(world.get(&operation).ok(200)["status"], "InProgress");
    world.by("app-scoped").get(&operation).refused(403, "AuthorizationFailed");
    world.settle();
    assert_eq!(world.get(&operation).ok(200)["status"], "Succeeded");
    let made = world.get(&new).ok(200);
    assert_eq!(made["properties"]["loginServer"], "acrnew01.azurecr.io");
    assert_eq!(made["properties"]["provisioningState"], "Succeeded");
    world.send("PUT", &new, Some(&body)).ok(200);
    let taken = seed::registry_id("acrcentral").replace(seed::CENTRAL_SUBSCRIPTION, seed::SUBSCRIPTION);
    world
        .send("PUT", &taken.replace(seed::CENTRAL_GROUP, seed::GROUP), Some(&body))
        .refused(409, "AlreadyInUse");
    world.edit(|state| seed::variant::lock(state, &new, "CanNotDelete"));
    world.send("DELETE", &new, None).refused(409, "ScopeLocked");
    world.edit(|state| state.locks.clear());
    world.send("DELETE", &new, None);
    assert_eq!(world.send("DELETE", &new, None).status, 204);
    world.edit(|state| seed::variant::lock(state, &id, "ReadOnly"));
    world.send("PATCH", &id, Some(&json!({ "tags": {} }))).refused(409, "ScopeLocked");
    world.edit(|state| {
        state.locks.clear();
        state.providers.insert("Microsoft.ContainerRegistry".to_owned(), "NotRegistered".to_owned());
    });
    world.send("PATCH", &id, Some(&json!({ "tags": {} }))).refused(409, "MissingSubscriptionRegistration");
    schema::check(&world.sandbox.exchanges()).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
}
