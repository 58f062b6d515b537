use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::seed;
use serde_json::json;

use super::{World, env, path_of, read};

#[test]
fn without_a_known_token_nothing_is_answered() {
    let world = World::new();
    for (headers, code) in [
        (vec![], "AuthenticationFailed"),
        (
            vec![("authorization".to_owned(), "Bearer sandbox-nobody".to_owned())],
            "InvalidAuthenticationToken",
        ),
        (vec![("authorization".to_owned(), "Basic b3duZXI=".to_owned())], "InvalidAuthenticationToken"),
        (vec![("authorization".to_owned(), "Bearer owner".to_owned())], "InvalidAuthenticationToken"),
    ] {
        let reply = world.sandbox.handle(&Request {
            method: "GET".to_owned(),
            path: seed::app_id(),
            query: vec![("api-version".to_owned(), "2025-07-01".to_owned())],
            headers,
            ..Request::default()
        });
        let Reply::Answer(response) = reply else { panic!() };
        let got = read(response).refused(401, code);
        assert!(got.header("www-authenticate").unwrap().starts_with("Bearer "));
    }
}

#[test]
fn the_api_version_must_be_one_that_exists() {
    let world = World::new();
    world.get(&format!("{}?api-version=", seed::app_id())).refused(400, "MissingApiVersionParameter");
    let got = world
        .get(&format!("{}?api-version=2099-01-01", seed::app_id()))
        .refused(400, "NoRegisteredProviderFound");
    assert!(got.message().contains("2026-01-01, 2025-07-01"), "{}", got.message());
    world
        .get(&format!(
            "{}/providers/Microsoft.App/gadgets/x?api-version=2025-07-01",
            seed::group_id(seed::GROUP)
        ))
        .refused(404, "InvalidResourceType");
    world
        .get(&format!(
            "{}/providers/Contoso.App/gadgets/x?api-version=2025-07-01",
            seed::group_id(seed::GROUP)
        ))
        .refused(404, "InvalidResourceNamespace");
    world
        .get(&format!("{}?api-version=2025-07-01", seed::group_id(seed::GROUP)))
        .refused(400, "InvalidApiVersionParameter");
}

#[test]
fn what_is_not_there_is_told_apart() {
    let world = World::new();
    world.get("/subscriptions/99999999-9999-4999-8999-999999999999").refused(404, "SubscriptionNotFound");
    world.get(&seed::app_id().replace("rg-demo", "rg-nope")).refused(404, "ResourceGroupNotFound");
    world.get(&seed::group_id("rg-nope")).refused(404, "ResourceGroupNotFound");
    world.get(&seed::vault_id("kv-nope")).refused(404, "ResourceNotFound");
    world.get(&seed::environment_id().replace("cae-demo", "cae-nope")).refused(404, "ResourceNotFound");
}

#[test]
fn ids_have_no_case() {
    let world = World::new();
    let shouted = seed::app_id().to_uppercase();
    assert_eq!(world.get(&shouted).ok(200)["id"], json!(seed::app_id()));
    world.get(&format!("{shouted}/REVISIONS")).ok(200);
    let identity = "/providers/Microsoft.ManagedIdentity/identities/default";
    world.get(&format!("{shouted}{identity}")).refused(404, "ResourceNotFound");
}

#[test]
fn callers_may_do_what_their_roles_say() {
    let world = World::new();
    let role = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-4000-8000-000000000009",
        seed::vault_id(seed::VAULT)
    );
    let grant = json!({ "properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6",
        "principalId": seed::IDENTITY_PRINCIPAL,
    } });
    let secrets = format!("{}/listSecrets", seed::app_id());
    let shared = seed::vault_id(seed::SHARED_VAULT);
    let group = seed::group_id(seed::GROUP);
    let provider = format!("{}/providers/Microsoft.App", seed::subscription_id());
    // caller, read the app, read the shared vault, read the group, read the provider, listSecrets, write, grant
    for (caller, expected) in [
        ("owner", [200, 200, 200, 200, 200, 202, 201]),
        ("contributor", [200, 200, 200, 200, 200, 202, 403]),
        ("group-scoped", [200, 403, 200, 403, 200, 202, 201]),
        ("app-scoped", [200, 403, 403, 403, 200, 202, 403]),
        ("reader", [200, 200, 200, 200, 403, 403, 403]),
    ] {
        let world = World::new().by(caller);
        let got = [
            world.get(&seed::app_id()).status,
            world.get(&shared).status,
            world.get(&group).status,
            world.get(&provider).status,
            world.send("POST", &secrets, None).status,
            world.patch(&env(&json!([]))).status,
            world.send("PUT", &role, Some(&grant)).status,
        ];
        assert_eq!(got, expected, "{caller}");
    }
    let got = world.by("reader").patch(&env(&json!([]))).refused(403, "AuthorizationFailed");
    assert!(
        got.message().contains("Microsoft.App/containerApps/write")
            && got.message().contains(&seed::app_id())
    );
}

#[test]
fn permissions_answer_from_the_same_roles() {
    let world = World::new();
    let at = |caller: &str, scope: &str| {
        world.by(caller).get(&format!("{scope}/providers/Microsoft.Authorization/permissions"))
    };
    let owner = at("owner", &seed::app_id()).ok(200);
    assert_eq!(owner["value"][0]["actions"], json!(["*"]));
    let contributor = at("contributor", &seed::vault_id(seed::VAULT)).ok(200);
    assert!(
        contributor["value"][0]["notActions"]
            .as_array()
            .unwrap()
            .contains(&json!("Microsoft.Authorization/*/Write"))
    );
    at("app-scoped", &seed::app_id()).ok(200);
    at("app-scoped", &seed::vault_id(seed::VAULT)).refused(403, "AuthorizationFailed");
}

#[test]
fn subscriptions_are_seen_by_those_who_have_something_in_them() {
    let world = World::new();
    for (caller, _) in seed::CALLERS {
        let world = world.by(caller);
        let list = world.get("/subscriptions").ok(200);
        let names: Vec<_> = list["value"].as_array().unwrap().iter().map(|one| &one["displayName"]).collect();
        if matches!(*caller, "group-scoped" | "app-scoped") {
            assert_eq!(names, ["Sandbox"], "{caller}");
            world.get(&seed::central_subscription_id()).refused(403, "AuthorizationFailed");
        } else {
            assert_eq!(names, ["Sandbox", "Sandbox Central"], "{caller}");
        }
        assert_eq!(world.get(&seed::subscription_id()).ok(200)["tenantId"], seed::TENANT);
    }
    world.edit(|state| state.role_assignments.clear());
    assert_eq!(world.get("/subscriptions").ok(200)["value"], json!([]));
    world.get(&seed::subscription_id()).refused(403, "AuthorizationFailed");
}

#[test]
fn locks_hold() {
    let world = World::new();
    world.edit(|state| seed::variant::lock(state, &seed::group_id(seed::GROUP), "CanNotDelete"));
    world.send("DELETE", &seed::app_id(), None).refused(409, "ScopeLocked");
    world.patched(&env(&json!([])));
    world.edit(|state| seed::variant::lock(state, &seed::group_id(seed::GROUP), "ReadOnly"));
    let got = world.patch(&env(&json!([]))).refused(409, "ScopeLocked");
    assert!(got.message().contains("/locks/hold"), "{}", got.message());
    world.send("POST", &format!("{}/listSecrets", seed::app_id()), None).refused(409, "ScopeLocked");
    let list = world.get(&format!("{}/providers/Microsoft.Authorization/locks", seed::app_id())).ok(200);
    assert_eq!(list["value"][0]["properties"]["level"], "ReadOnly");
}

#[test]
fn a_provider_must_be_registered_for_writes() {
    let world = World::new();
    world.edit(|state| state.providers.insert("Microsoft.App".to_owned(), "NotRegistered".to_owned()));
    let provider = world.get(&format!("{}/providers/microsoft.app", seed::subscription_id())).ok(200);
    assert_eq!(provider["registrationState"], "NotRegistered");
    world.patch(&env(&json!([]))).refused(409, "MissingSubscriptionRegistration");
    let types = provider["resourceTypes"].as_array().unwrap();
    let app = types.iter().find(|kind| kind["resourceType"] == "containerApps").unwrap();
    assert_eq!(app["apiVersions"][0], "2026-07-01");
}

#[test]
fn whoever_may_registers_a_provider_as_microsofts_clients_do_unasked() {
    let world = World::new();
    world.edit(|state| state.providers.insert("Microsoft.App".to_owned(), "NotRegistered".to_owned()));
    let register = format!("{}/providers/microsoft.app/register", seed::subscription_id());
    let old = format!("{register}?api-version=2016-02-01");
    for caller in ["reader", "group-scoped", "app-scoped"] {
        world.by(caller).send("POST", &old, None).refused(403, "AuthorizationFailed");
    }
    world
        .send("POST", &format!("{register}?api-version=2016-01-01"), None)
        .refused(400, "InvalidApiVersionParameter");
    world.send("PUT", &old, None).refused(405, "MethodNotAllowed");
    let unknown = old.replace("microsoft.app", "Contoso.App");
    world.send("POST", &unknown, None).refused(404, "InvalidResourceNamespace");
    world.patch(&env(&json!([]))).refused(409, "MissingSubscriptionRegistration");

    let provider = world.by("contributor").send("POST", &old, None).ok(200);
    assert_eq!(provider["registrationState"], "Registered");
    assert_eq!(provider["namespace"], "Microsoft.App");
    let read = world.get(&old.replace("/register", "")).ok(200);
    assert_eq!(read, provider);
    world.patch(&env(&json!([]))).ok(202);
}

#[test]
fn what_came_with_the_newest_version_is_kept_there_and_unknown_before() {
    let world = World::new();
    let subnet = json!({ "properties": { "networking": { "outboundVnetSubnetId": "/subscriptions/s" } } });
    let scale = json!({ "properties": { "template": { "scale": { "allowScalingRuleOverride": true } } } });
    for (body, at) in
        [(subnet, "/properties/networking"), (scale, "/properties/template/scale/allowScalingRuleOverride")]
    {
        let newest = format!("{}?api-version=2026-07-01", seed::app_id());
        let before = format!("{}?api-version=2026-01-01", seed::app_id());
        world.send("PATCH", &before, Some(&body)).refused(400, "ContainerAppInvalidSchema");
        world.send("PATCH", &newest, Some(&body)).ok(202);
        world.settle();
        assert_eq!(world.get(&newest).ok(200).pointer(at), body.pointer(at));
    }
}

#[test]
fn lists_come_in_pages() {
    let world = World::new();
    world.edit(|state| state.page_size = 2);
    let mut path =
        format!("{}/providers/Microsoft.KeyVault/vaults?api-version=2026-02-01", seed::subscription_id());
    let mut sizes = Vec::new();
    loop {
        let page = world.get(&path).ok(200);
        sizes.push(page["value"].as_array().unwrap().len());
        match page["nextLink"].as_str() {
            Some(link) => path = path_of(link).replace("%24", "$"),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 1]);
    let group = world
        .get(&format!("{}/providers/Microsoft.KeyVault/vaults", seed::group_id(seed::SHARED_GROUP)))
        .ok(200);
    assert_eq!(group["value"][0]["name"], "kv-shared");
}

#[test]
fn groups_are_made() {
    let world = World::new();
    let id = seed::group_id("rg-new");
    world.send("PUT", &id, Some(&json!({ "location": "westeurope" }))).ok(201);
    world.send("PUT", &id, Some(&json!({ "location": "westeurope", "tags": { "a": "b" } }))).ok(200);
    assert_eq!(world.get(&id).ok(200)["tags"]["a"], "b");
    world
        .send("PUT", &id, Some(&json!({ "location": "northeurope" })))
        .refused(409, "InvalidResourceGroupLocation");
}

#[test]
fn every_answer_can_be_traced() {
    let world = World::new();
    let got = world.get(&seed::app_id());
    for header in
        ["x-ms-request-id", "x-ms-correlation-request-id", "x-ms-ratelimit-remaining-subscription-reads"]
    {
        assert!(got.header(header).is_some(), "{header}");
    }
    let reply = world.sandbox.handle(&Request {
        method: "GET".to_owned(),
        path: "/nowhere".to_owned(),
        headers: vec![
            ("authorization".to_owned(), "Bearer sandbox-owner".to_owned()),
            ("x-ms-correlation-request-id".to_owned(), "c0ffee00-0000-4000-8000-000000000000".to_owned()),
        ],
        ..Request::default()
    });
    let Reply::Answer(response) = reply else { panic!() };
    assert_eq!(
        read(response).header("x-ms-correlation-request-id"),
        Some("c0ffee00-0000-4000-8000-000000000000")
    );
    let exchanges = world.sandbox.exchanges();
    assert_eq!(exchanges.len(), 2);
    assert_eq!(
        (exchanges[0].number, exchanges[0].status, exchanges[0].caller.as_deref()),
        (1, Some(200), Some("owner"))
    );
    assert!(exchanges[0].to_record()["response_body"]["properties"].is_object());
}
