use acarecipe::sandbox::http::Reply;
use acarecipe::sandbox::seed;
use serde_json::json;

use super::{World, env, path_of};

fn change() -> serde_json::Value {
    env(&json!([{ "name": "NEW", "value": "1" }]))
}

/// How many revisions there are behind the scenes.
fn revisions(world: &World) -> usize {
    world.sandbox.state().app(seed::APP).unwrap().revisions.len()
}

#[test]
fn before_has_no_effect_and_after_has() {
    for (kind, reply, effect) in [
        ("reset-before", Reply::Reset, 1),
        ("reset-after", Reply::Reset, 2),
        ("silence-before", Reply::Silence, 1),
        ("silence-after", Reply::Silence, 2),
    ] {
        let world = World::faulty(&format!("request=1 {kind}"));
        assert_eq!(world.reply("PATCH", &seed::app_id(), Some(&change())), reply, "{kind}");
        assert_eq!(revisions(&world), effect, "{kind}");
        let exchange = world.sandbox.exchanges().remove(0);
        assert_eq!(exchange.status, None);
        assert_eq!(exchange.fault.as_deref(), Some(format!("request=1 {kind}").as_str()));
    }
}

#[test]
fn statuses_strike_as_often_as_told_at_the_nth_match() {
    let world = World::faulty("match=PATCH:/CONTAINERAPPS/ nth=2 status=429 retry-after=2 times=2");
    world.patch(&change()).ok(202);
    world.settle();
    world.app();
    let got = world.patch(&json!({})).refused(429, "TooManyRequests");
    assert_eq!(got.header("retry-after"), Some("2"));
    assert!(got.header("x-ms-request-id").is_some());
    world.patch(&json!({})).refused(429, "TooManyRequests");
    world.patch(&json!({})).ok(202);
    let world = World::faulty("request=1 status=503");
    assert_eq!(world.get(&seed::app_id()).refused(503, "ServerUnavailable").header("retry-after"), None);
}

#[test]
fn bodies_are_spoilt() {
    let world = World::faulty("request=1 truncated-body");
    let Reply::Truncated { response, bytes } = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert!(bytes > 0 && bytes < response.body.len());
    let world = World::faulty("request=1 html-body");
    let Reply::Answer(response) = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert!(response.body.starts_with(b"<html>"));
    assert!(response.headers.contains(&("content-type".to_owned(), "text/html".to_owned())));
    let world = World::faulty("request=1 huge-body=5000000");
    let Reply::Answer(response) = world.reply("GET", &seed::app_id(), None) else { panic!() };
    assert_eq!(response.body.len(), 5_000_000);
    let world = World::faulty("request=1 details-null");
    let got = world.get(&seed::app_id()).refused(400, "BadRequest");
    assert!(got.body["error"].as_object().unwrap()["details"].is_null());
    let world = World::faulty("request=1 unknown-enum");
    assert_eq!(world.app()["properties"]["provisioningState"], "Rehydrating");
    assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn operations_fail_hang_or_hide() {
    let world = World::faulty("match=PATCH:/containerApps/ operation-fails");
    let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
    world.settle();
    assert_eq!(world.app()["properties"]["provisioningState"], "Failed");
    world.get(&location).refused(400, "ContainerAppOperationError");
    assert_eq!(revisions(&world), 1);

    let world = World::faulty("match=PATCH:/containerApps/ operation-hangs");
    let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
    world.pass(86_400);
    assert_eq!(world.get(&location).status, 202);
    assert_eq!(world.app()["properties"]["provisioningState"], "InProgress");

    for (status, code) in [(403, "AuthorizationFailed"), (404, "ResourceNotFound")] {
        let world = World::faulty(&format!("match=PATCH:/containerApps/ operation-url={status}"));
        let location = path_of(world.patch(&change()).header("location").unwrap()).to_owned();
        world.get(&location).refused(status, code);
        world.settle();
        assert_eq!(world.app()["properties"]["provisioningState"], "Succeeded");
    }
    let world = World::faulty("request=1 foreign-location");
    let got = world.patch(&change());
    assert!(got.header("location").unwrap().starts_with("https://elsewhere.example/subscriptions/"));
}

#[test]
fn a_page_can_lead_to_itself() {
    let world = World::faulty("match=GET:/vaults page-loop times=9");
    let path =
        format!("{}/providers/Microsoft.KeyVault/vaults?api-version=2026-02-01", seed::subscription_id());
    let page = world.get(&path).ok(200);
    assert_eq!(path_of(page["nextLink"].as_str().unwrap()), path);
}

#[test]
fn refusals_have_azure_s_words_and_no_effect() {
    let storage = format!("{}/providers/Microsoft.Storage/storageAccounts/new", seed::group_id("rg-demo"));
    for (kind, path, status, code, word) in [
        ("busy", seed::app_id(), 409, "ContainerAppOperationInProgress", "'ca-demo'"),
        ("busy", storage.clone(), 409, "StorageAccountOperationInProgress", "'new'"),
        ("busy", seed::vault_id("kv-demo"), 409, "AnotherOperationInProgress", "'kv-demo'"),
        (
            "denied",
            seed::app_id(),
            403,
            "AuthorizationFailed",
            "action 'Microsoft.App/containerApps/write' over",
        ),
        ("policy", seed::app_id(), 403, "RequestDisallowedByPolicy", "'ca-demo' was disallowed"),
        ("locked", seed::app_id(), 409, "ScopeLocked", "cannot perform write operation"),
        ("principal-unknown", seed::app_id(), 400, "PrincipalNotFound", "replication delay"),
    ] {
        let world = World::faulty(&format!("request=1 {kind}"));
        let before = world.sandbox.state();
        let got = world.send("PUT", &path, Some(&change()));
        let got = got.refused(status, code);
        assert!(got.body["error"]["message"].as_str().unwrap().contains(word), "{kind}: {}", got.body);
        assert_eq!(world.sandbox.state(), before, "{kind}");
    }
    let world = World::faulty("request=1 denied");
    let path = format!("{}/listSecrets", seed::app_id());
    let got = world.send("POST", &path, None).refused(403, "AuthorizationFailed").body.to_string();
    assert!(got.contains("action 'Microsoft.App/containerApps/listSecrets/action'"), "{got}");
}

#[test]
fn what_a_request_is_about_can_be_gone() {
    let world = World::faulty("match=GET:/vaults/kv-demo gone");
    world.get(&seed::vault_id("kv-demo")).refused(404, "ResourceNotFound");
    assert!(world.sandbox.state().vault("kv-demo").is_none());

    // What is kept in the app goes with it, and its principal.
    let world = World::faulty("match=GET:/revisions gone");
    let before = world.sandbox.state();
    world.get(&format!("{}/revisions", seed::app_id())).refused(404, "ResourceNotFound");
    let after = world.sandbox.state();
    assert!(after.app(seed::APP).is_none());
    assert_eq!(after.groups, before.groups);

    // A group and a subscription stay.
    let world = World::faulty("request=1 gone");
    let before = world.sandbox.state();
    world.get(&seed::group_id("rg-demo")).ok(200);
    assert_eq!(world.sandbox.state(), before);
}

#[test]
fn somebody_else_can_edit_the_app() {
    let world = World::faulty("request=1 edited=CA-DEMO");
    assert_eq!(world.app()["tags"]["EDITED_BY_OTHERS"], "yes");
    assert_eq!(world.app()["properties"]["provisioningState"], "InProgress");
    world.settle();
    let variables = world.app()["properties"]["template"]["containers"][0]["env"].clone();
    assert!(variables.as_array().unwrap().contains(&json!({ "name": "EDITED_BY_OTHERS", "value": "yes" })));
    assert_eq!(revisions(&world), 2);
    assert_eq!(world.sandbox.exchanges().iter().filter(|one| one.method == "PATCH").count(), 0);

    // A suffix that a revision has already is left out, as whoever edits by hand must.
    let world = World::faulty("request=1 edited=ca-demo");
    world.edit(|state| seed::variant::suffix(state, "first01"));
    assert_eq!(world.app()["tags"]["EDITED_BY_OTHERS"], "yes");
    world.settle();
    assert_eq!(revisions(&world), 2);

    let world = World::faulty("request=1 edited=nobody");
    let before = world.sandbox.state();
    world.app();
    assert_eq!(world.sandbox.state(), before);
}

#[test]
fn others_act_before_a_batch_as_before_a_request() {
    let batch = |world: &World| {
        let host = "sql-demo.database.windows.net";
        let answer = world.sandbox.sql(host, seed::SQL_DATABASE, "sandbox-owner", "SELECT 1", &[]);
        (answer.is_ok(), world.sandbox.exchanges().pop().unwrap().fault.is_some())
    };
    let world = World::faulty("request=1 edited=ca-demo");
    assert_eq!(batch(&world), (true, true));
    world.settle();
    assert_eq!(world.app()["tags"]["EDITED_BY_OTHERS"], "yes");
    // Nobody is there: nothing happens, and nothing is told to have happened.
    assert_eq!(batch(&World::faulty("request=1 edited=nobody")), (true, false));

    let world = World::faulty("request=1 gone");
    assert_eq!(batch(&world), (false, true));
    assert!(world.sandbox.state().sql_server(seed::SQL_SERVER).is_none());
}

#[test]
fn a_role_can_take_long() {
    for (fault, seconds) in [("role-slow", 1800), ("role-slow=90", 90)] {
        let world = World::faulty(&format!("match=PUT:/roleAssignments/ {fault}"));
        let principal = world.sandbox.state().identities.values().next().unwrap().principal_id.clone();
        let name = "88888888-8888-4888-8888-888888888888";
        let scope = seed::vault_id("kv-demo");
        let role = "4633458b-17de-408a-b874-0445c86b69e6";
        let body = json!({ "properties": {
            "principalId": principal, "principalType": "ServicePrincipal",
            "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        } });
        world
            .send(
                "PUT",
                &format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"),
                Some(&body),
            )
            .ok(201);
        let state = world.sandbox.state();
        let made = state.role_assignments.values().find(|one| one.id.ends_with(name)).unwrap();
        assert_eq!((made.in_force_from - made.created).whole_seconds(), seconds);
    }
}

#[test]
fn questions_about_names_fail_as_questions_do() {
    use acarecipe::sandbox::NameReply;
    let ask = |fault: &str| {
        let world = World::faulty(fault);
        let reply = world.sandbox.name("app.contoso.com", "TXT");
        assert_eq!(world.sandbox.questions(), [("app.contoso.com".to_owned(), "TXT".to_owned())]);
        (reply, world.sandbox.name("app.contoso.com", "A"))
    };
    let (_, calm) = ask("request=1 status=500");
    for (kind, reply) in [
        ("status=503", NameReply::Failed("SERVFAIL")),
        ("status=403", NameReply::Failed("REFUSED")),
        ("silence-before", NameReply::Silence),
        ("reset-after", NameReply::Failed("SERVFAIL")),
    ] {
        let (first, second) = ask(&format!("match=DNS:/app.contoso.com/TXT {kind}"));
        assert_eq!(first, reply, "{kind}");
        assert_eq!(second, calm, "{kind}");
    }
}
