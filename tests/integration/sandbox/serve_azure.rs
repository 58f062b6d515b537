//! The whole sandbox behind its carriers: what a program in another process would meet.

use std::sync::Arc;

use acarecipe::sandbox::seed;
use acarecipe::sandbox::serve::{HEADER, ServeOptions};
use acarecipe::sandbox::statefile::{Saved, StateFile, read};
use acarecipe::sandbox::{Delays, Options, Sandbox, State};
use serde_json::{Value as Json, json};
use time::macros::datetime;

use crate::support::schema;
use crate::support::served::{Running, body, client};

/// A sandbox in which everything is done at once and no time passes.
fn sandbox() -> Sandbox {
    let mut options = Options::new(Arc::new(|| datetime!(2026-11-23 12:00 UTC)));
    options.delays = Delays::none();
    Sandbox::new(options)
}

fn app_url(server: &Running) -> String {
    server.url(&format!("{}?api-version=2026-01-01", seed::app_id()))
}

/// Sends a control request; the status and the body.
async fn control(server: &Running, method: reqwest::Method, path: &str, body: &Json) -> (u16, Json) {
    let response = client()
        .request(method, server.url(&format!("/_sandbox/{path}")))
        .header(HEADER, server.ready["token"].as_str().unwrap())
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn a_token_from_the_token_endpoint_opens_azure_and_its_rights_are_the_callers() {
    let server = Running::start(sandbox(), ServeOptions::default());
    let missing = client().get(app_url(&server)).send().await.unwrap();
    assert_eq!(missing.status(), 401);
    assert!(missing.headers().contains_key("www-authenticate"));
    for (caller, write) in [("owner", 200..300), ("reader", 403..404)] {
        let token = body(
            client()
                .post(server.url(&format!("/{}/oauth2/v2.0/token", seed::TENANT)))
                .body(format!("grant_type=client_credentials&client_id={caller}&client_secret=x"))
                .send()
                .await
                .unwrap(),
        )
        .await;
        let token = token["access_token"].as_str().unwrap();
        let read = client().get(app_url(&server)).bearer_auth(token).send().await.unwrap();
        assert_eq!(read.status(), 200, "{caller}");
        assert_eq!(body(read).await["name"], seed::APP);
        let patch = client()
            .patch(app_url(&server))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(json!({ "tags": { "a": "b" } }).to_string())
            .send()
            .await
            .unwrap();
        assert!(write.contains(&patch.status().as_u16()), "{caller}: {}", patch.status());
        // URLs in answers lead back here, by the scheme that is served.
        if let Some(location) = patch.headers().get("location") {
            assert!(location.to_str().unwrap().starts_with(server.endpoint()), "{location:?}");
        }
    }
}

#[tokio::test]
async fn state_and_faults_can_be_replaced_from_another_process() {
    let azure = sandbox();
    let server = Running::start(azure.clone(), ServeOptions::default());
    let (_, before) = control(&server, reqwest::Method::GET, "state", &Json::Null).await;
    let get = || client().get(app_url(&server)).bearer_auth("sandbox-owner").send();

    let faults = json!(["request=2 status=503 retry-after=7", "request=3 silence-after"]);
    assert_eq!(control(&server, reqwest::Method::PUT, "faults", &faults).await.0, 204);
    assert_eq!(control(&server, reqwest::Method::PUT, "faults", &json!(["explode"])).await.0, 400);
    assert_eq!(control(&server, reqwest::Method::PUT, "announce", &json!(1)).await.0, 204);
    assert_eq!(get().await.unwrap().status(), 200);
    assert_eq!(server.line(), json!({ "answered": 1 }));
    let unavailable = get().await.unwrap();
    assert_eq!(
        (unavailable.status().as_u16(), &unavailable.headers()["retry-after"]),
        (503, &"7".parse().unwrap())
    );
    let delete = client()
        .delete(app_url(&server))
        .bearer_auth("sandbox-owner")
        .timeout(std::time::Duration::from_millis(200))
        .send();
    assert!(delete.await.unwrap_err().is_timeout());
    assert_eq!(server.line(), json!({ "fault": "silence", "request": 3 }));
    // The request had its effect; the old state brings the app back.
    assert_eq!(get().await.unwrap().status(), 404);
    assert_eq!(control(&server, reqwest::Method::PUT, "state", &before).await.0, 204);
    assert_eq!(get().await.unwrap().status(), 200);
    assert_eq!(control(&server, reqwest::Method::PUT, "state", &json!({ "apps": 1 })).await.0, 400);
    let (_, exchanges) = control(&server, reqwest::Method::GET, "exchanges", &Json::Null).await;
    assert_eq!(exchanges.as_array().unwrap().len(), azure.exchanges().len());
    assert_eq!(exchanges[2]["fault"], "request=3 silence-after");
    assert_eq!(exchanges[2]["caller"], "owner");
}

#[tokio::test]
async fn the_state_file_has_what_a_client_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let azure = sandbox();
    let saved = Saved::new(azure.clone(), StateFile::open(&path).unwrap());
    let server = Running::start(saved, ServeOptions::default());
    let patched = client()
        .patch(app_url(&server))
        .bearer_auth("sandbox-owner")
        .header("content-type", "application/json")
        .body(json!({ "tags": { "a": "b" } }).to_string())
        .send()
        .await
        .unwrap();
    assert!(patched.status().is_success());
    let kept: State = read(&path).unwrap().unwrap();
    assert_eq!(kept, azure.state());
    server.end().unwrap();
    let mut options = Options::new(Arc::new(|| datetime!(2026-11-23 12:00 UTC)));
    options.delays = Delays::none();
    let again = Sandbox::from_state(StateFile::open(&path).unwrap().load().unwrap().unwrap(), options);
    let server = Running::start(again, ServeOptions::default());
    let app = client().get(app_url(&server)).bearer_auth("sandbox-owner").send().await.unwrap();
    assert_eq!(body(app).await["tags"], json!({ "a": "b" }));
}

#[tokio::test]
async fn what_the_sandbox_answers_is_what_microsoft_describes() {
    let azure = sandbox();
    let server = Running::start(azure.clone(), ServeOptions::default());
    let (app, group, vault) = (seed::app_id(), seed::group_id(seed::GROUP), seed::vault_id(seed::VAULT));
    let subscription = format!("/subscriptions/{}", seed::SUBSCRIPTION);
    let (environment, identity) = (seed::environment_id(), seed::identity_id(seed::IDENTITY));
    let assignment = format!("{vault}/providers/Microsoft.Authorization/roleAssignments");
    let name = "0b0f5b70-0000-4000-8000-000000000001";
    let mut requests = vec![
        ("GET", "/subscriptions".to_owned(), "2022-12-01", Json::Null),
        ("GET", subscription.clone(), "2022-12-01", Json::Null),
        ("GET", format!("{subscription}/providers/Microsoft.App"), "2025-04-01", Json::Null),
        ("GET", group.clone(), "2025-04-01", Json::Null),
        ("GET", vault.clone(), "2026-02-01", Json::Null),
        ("GET", format!("{group}/providers/Microsoft.KeyVault/vaults"), "2026-02-01", Json::Null),
        ("GET", identity, "2024-11-30", Json::Null),
        ("GET", format!("{app}/providers/Microsoft.Authorization/permissions"), "2022-04-01", Json::Null),
        ("GET", format!("{app}/providers/Microsoft.Authorization/locks"), "2020-05-01", Json::Null),
        ("GET", assignment.clone(), "2022-04-01", Json::Null),
        (
            "GET",
            format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions"),
            "2022-04-01",
            Json::Null,
        ),
        (
            "PUT",
            format!("{assignment}/{name}"),
            "2022-04-01",
            json!({ "properties": {
                "roleDefinitionId": format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"),
                "principalId": seed::IDENTITY_PRINCIPAL,
                "principalType": "ServicePrincipal",
            }}),
        ),
        ("GET", format!("{assignment}/{name}"), "2022-04-01", Json::Null),
    ];
    for version in ["2026-01-01", "2025-07-01"] {
        requests.extend([
            ("GET", environment.clone(), version, Json::Null),
            ("GET", app.clone(), version, Json::Null),
            ("GET", format!("{group}/providers/Microsoft.App/containerApps"), version, Json::Null),
            ("POST", format!("{app}/listSecrets"), version, Json::Null),
            ("GET", format!("{app}/revisions"), version, Json::Null),
            ("PATCH", app.clone(), version, json!({ "identity": { "type": "SystemAssigned" } })),
            ("PATCH", app.clone(), version, json!({ "properties": { "template": {
                "containers": [{ "name": seed::APP, "image": seed::IMAGE, "env": [{ "name": "A", "value": version }] }],
            }}})),
            ("GET", format!("{app}no"), version, Json::Null),
        ]);
    }
    requests.push((
        "GET",
        format!("{app}/providers/Microsoft.ManagedIdentity/identities/default"),
        "2024-11-30",
        Json::Null,
    ));
    for (method, path, version, body) in requests {
        let mut request = client()
            .request(method.parse().unwrap(), server.url(&format!("{path}?api-version={version}")))
            .bearer_auth("sandbox-owner");
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        request.send().await.unwrap();
    }
    let exchanges = azure.exchanges();
    let refused: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.status.is_none_or(|status| status >= 300))
        .map(|exchange| (&exchange.path, exchange.status))
        .collect();
    let unknown = format!("{app}no");
    assert_eq!(refused, [(&unknown, Some(404)), (&unknown, Some(404))]);
    match schema::check(&exchanges) {
        Ok(checked) => assert!(checked >= 20 || schema::specs().is_none(), "only {checked} were checked"),
        Err(problems) => panic!("{problems:#?}"),
    }
}
