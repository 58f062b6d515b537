//! The served sandbox against wrong callers, and the paths that are the server's own.

use std::sync::Arc;

use acarecipe::sandbox::Service;
use acarecipe::sandbox::http::{Reply, Response};
use acarecipe::sandbox::serve::{HEADER, Limits, ServeOptions};
use serde_json::{Value as Json, json};

use crate::support::served::{Running, Scripted, body, client, prompt_azure};

/// An Azure that, like the real one, refuses a request without a token.
fn azure() -> Arc<Scripted> {
    Scripted::new(|request| {
        let status = match request.headers.iter().find(|(name, _)| name == "authorization") {
            Some((_, value)) if value == "Bearer sandbox-owner" => 200,
            _ => 401,
        };
        Reply::Answer(Response { status, body: b"{}".to_vec(), ..Response::default() })
    })
}

/// Status and error code of a GET of `/subscriptions` with these headers.
async fn get(server: &Running, headers: &[(&str, &str)]) -> (u16, Json) {
    let mut request =
        client().get(server.url("/subscriptions?api-version=2022-12-01")).bearer_auth("sandbox-owner");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), body(response).await["error"]["code"].take())
}

#[tokio::test]
async fn a_foreign_host_and_any_origin_are_refused_before_azure_sees_them() {
    let azure = azure();
    let server = Running::start(Arc::clone(&azure), ServeOptions::default());
    let port = server.authority().rsplit_once(':').unwrap().1.to_owned();
    let local = format!("LocalHost:{port}");

    assert_eq!(get(&server, &[]).await, (200, Json::Null));
    assert_eq!(get(&server, &[("host", &local)]).await, (200, Json::Null));
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example", ""] {
        assert_eq!(get(&server, &[("host", host)]).await, (421, json!("SandboxHostRefused")), "{host:?}");
    }
    for origin in ["https://evil.example", "null", server.endpoint()] {
        assert_eq!(
            get(&server, &[("origin", origin)]).await,
            (403, json!("SandboxOriginRefused")),
            "{origin}"
        );
    }
    // Nor do the server's own paths answer a web page.
    for path in ["/metadata/endpoints?api-version=2022-09-01", "/t/oauth2/v2.0/token", "/_sandbox/state"] {
        let response =
            client().post(server.url(path)).header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(response.status(), 403, "{path}");
    }
    assert_eq!(azure.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn azure_gets_the_request_decoded_with_the_endpoint_as_host_and_refuses_no_token_itself() {
    let azure = azure();
    let server = Running::start(Arc::clone(&azure), ServeOptions::default());
    let response = client()
        .put(server.url("/subscriptions/s/resourceGroups/my%20group?api-version=1&x=a+b"))
        .header("X-Ms-Thing", "1")
        .header("X-Forwarded-Proto", "ftp")
        .body("{\"a\":1}")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    let asked = azure.asked.lock().unwrap();
    let [request] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(request.method, "PUT");
    assert_eq!(request.host, server.authority());
    assert_eq!(request.path, "/subscriptions/s/resourceGroups/my group");
    assert_eq!(request.query[1], ("x".to_owned(), "a b".to_owned()));
    assert!(request.headers.contains(&("x-ms-thing".to_owned(), "1".to_owned())));
    let schemes: Vec<_> = request.headers.iter().filter(|(name, _)| name == "x-forwarded-proto").collect();
    assert_eq!(schemes, [&("x-forwarded-proto".to_owned(), "http".to_owned())]);
    assert_eq!(request.body, b"{\"a\":1}");
}

#[tokio::test]
async fn bodies_and_heads_have_a_limit() {
    let azure = azure();
    let options = ServeOptions {
        limits: Limits { body_bytes: 1000, head_bytes: 16 * 1024, ..Limits::default() },
        ..ServeOptions::default()
    };
    let server = Running::start(Arc::clone(&azure), options);
    let put = |body: reqwest::Body| {
        client().put(server.url("/subscriptions")).bearer_auth("sandbox-owner").body(body).send()
    };
    assert_eq!(put("x".repeat(1000).into()).await.unwrap().status(), 200);
    let stated = put("x".repeat(1001).into()).await.unwrap();
    assert_eq!(stated.status(), 413);
    assert_eq!(body(stated).await["error"]["code"], "RequestContentTooLarge");
    // Without a stated length (chunked) the bytes are counted.
    let pieces = (0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
    let chunked = put(reqwest::Body::wrap_stream(futures::stream::iter(pieces))).await.unwrap();
    assert_eq!(chunked.status(), 413);
    let head =
        client().get(server.url("/subscriptions")).header("x-long", "x".repeat(20_000)).send().await.unwrap();
    assert_eq!(head.status(), 431);
    assert_eq!(azure.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn the_token_endpoint_names_the_caller_and_refuses_as_entra_does() {
    let server = Running::start(azure(), ServeOptions::default());
    let ask = |form: &'static str| {
        let request = client()
            .post(server.url("/contoso.onmicrosoft.com/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send();
        async move {
            let response = request.await.unwrap();
            (response.status().as_u16(), body(response).await)
        }
    };
    let (status, token) =
        ask("grant_type=client_credentials&client_id=group-scoped&client_secret=any&scope=x%2F.default")
            .await;
    assert_eq!((status, &token["access_token"]), (200, &json!("sandbox-group-scoped")));
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(3599)));

    for (form, status, error) in [
        ("client_id=owner&client_secret=x", 400, "invalid_request"),
        ("grant_type=password&client_id=owner&client_secret=x", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&client_id=owner", 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=root&client_secret=x", 400, "unauthorized_client"),
    ] {
        let (got, answer) = ask(form).await;
        assert_eq!((got, &answer["error"]), (status, &json!(error)), "{form}");
        assert!(answer["error_description"].as_str().unwrap().starts_with("AADSTS"), "{form}");
    }

    let found = body(
        client().get(server.url("/contoso/v2.0/.well-known/openid-configuration")).send().await.unwrap(),
    )
    .await;
    assert_eq!(found["token_endpoint"], json!(server.url("/contoso/oauth2/v2.0/token")));
}

#[tokio::test]
async fn the_metadata_has_the_shape_of_its_version_and_leads_nowhere_else() {
    let server = Running::start(azure(), ServeOptions::default());
    let ask = |query: &'static str| {
        let request = client().get(server.url(&format!("/metadata/endpoints{query}"))).send();
        async move { body(request.await.unwrap()).await }
    };
    let flat = ask("?api-version=2015-01-01").await;
    let list = ask("?api-version=2019-05-01").await;
    let one = ask("?api-version=2022-09-01").await;
    assert_eq!(list[0], one);
    assert_eq!(one["resourceManager"], json!(server.endpoint()));
    assert_eq!(one["authentication"]["loginEndpoint"], json!(server.endpoint()));
    assert_eq!(flat["authentication"]["loginEndpoint"], json!(format!("{}/", server.endpoint())));
    assert_eq!(ask("").await["error"]["code"], "MissingApiVersionParameter");
    for shape in [&flat, &one] {
        let text = shape.to_string();
        let elsewhere = text.replace(server.endpoint(), "");
        assert!(!elsewhere.contains("://"), "{text}");
    }
}

#[tokio::test]
async fn the_control_api_opens_to_the_ready_lines_token_only() {
    let azure = azure();
    let server = Running::start(Arc::clone(&azure), ServeOptions::default());
    let token = server.ready["token"].as_str().unwrap().to_owned();
    for (path, header) in
        [("/_sandbox/state", None), ("/_sandbox/state", Some("wrong")), ("/_sandbox/exchanges", Some(""))]
    {
        let mut request = client().get(server.url(path)).bearer_auth("sandbox-owner");
        if let Some(header) = header {
            request = request.header(HEADER, header);
        }
        assert_eq!(request.send().await.unwrap().status(), 403, "{path} {header:?}");
    }
    assert!(azure.asked.lock().unwrap().is_empty());

    let control = |method: reqwest::Method, path: &str, body: &'static str| {
        client()
            .request(method, server.url(&format!("/_sandbox/{path}")))
            .header(HEADER, &token)
            .body(body)
            .send()
    };
    let put = control(reqwest::Method::PUT, "state", r#"{"apps":["web"]}"#).await.unwrap();
    assert_eq!(put.status(), 204);
    let bad = control(reqwest::Method::PUT, "state", r#"{"apps":7}"#).await.unwrap();
    assert_eq!(bad.status(), 400);
    let state = body(control(reqwest::Method::GET, "state", "").await.unwrap()).await;
    assert_eq!(state, json!({ "apps": ["web"] }));

    for (method, path) in [
        (reqwest::Method::GET, "/subscriptions"),
        (reqwest::Method::POST, "/apps/a/listSecrets"),
        (reqwest::Method::POST, "/apps/a/restart"),
        (reqwest::Method::PATCH, "/apps/a"),
    ] {
        client().request(method, server.url(path)).send().await.unwrap();
    }
    let counts = body(control(reqwest::Method::GET, "counts", "").await.unwrap()).await;
    assert_eq!(counts, json!({ "requests": 4, "reads": 2, "writes": 2 }));
    let exchanges = body(control(reqwest::Method::GET, "exchanges", "").await.unwrap()).await;
    assert_eq!(exchanges[3]["method"], "PATCH");
    assert_eq!(control(reqwest::Method::GET, "nothing", "").await.unwrap().status(), 404);
    assert_eq!(server.end().unwrap().requests, 4);
}

#[tokio::test]
async fn the_hosts_of_apps_are_let_through_and_nothing_of_the_servers_own_stands_there() {
    let azure = prompt_azure();
    let server = Running::start(azure.clone(), ServeOptions::default());
    let domain = "happyfield-12345678.westeurope.azurecontainerapps.io";
    let token = server.ready["token"].as_str().unwrap().to_owned();
    let ask = |host: String, path: &'static str| {
        let request = client().get(server.url(path)).header("host", host).header(HEADER, &token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    for host in
        [format!("ca-demo.{domain}"), format!("ca-demo--first01.{domain}"), format!("CA-DEMO.{domain}:443")]
    {
        assert_eq!(ask(host, "/health").await, 200);
    }
    for path in ["/_sandbox/state", "/metadata/endpoints", "/t/v2.0/.well-known/openid-configuration"] {
        assert_eq!(ask(format!("ca-demo.{domain}"), path).await, 404, "the app has no {path}");
    }
    for host in [
        format!("other.{domain}"),
        format!("x.ca-demo.{domain}"),
        format!("ca-demo.{domain}.evil.example"),
        format!("ca-demo-evil.{domain}"),
        domain.to_owned(),
        "ca-demo".to_owned(),
    ] {
        assert_eq!(ask(host.clone(), "/health").await, 421, "{host}");
    }
    let origin = client()
        .get(server.url("/health"))
        .header("host", format!("ca-demo.{domain}"))
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(origin.status(), 403);
    assert!(azure.exchanges().iter().all(|one| one.service == Service::App));
}
