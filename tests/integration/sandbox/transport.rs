//! The in-process carrier, seen from `azure_core`.

use std::sync::Arc;
use std::time::Duration;

use acarecipe::sandbox::http::Reply;
use acarecipe::sandbox::transport::InProcess;
use azure_core::error::ErrorKind;
use azure_core::http::{HttpClient as _, Method, Request};

use crate::support::served::{Scripted, ok};

fn request(method: Method, path: &str) -> Request {
    let url = format!("https://management.azure.com{path}").parse().unwrap();
    Request::new(url, method)
}

#[tokio::test]
async fn request_and_answer_pass_unchanged() {
    let azure = Scripted::new(|_| {
        let mut response = ok(br#"{"name":"web"}"#);
        response.status = 201;
        response.headers.push(("azure-asyncoperation".to_owned(), "https://x/1".to_owned()));
        Reply::Answer(response)
    });
    let mut put = request(Method::Put, "/subscriptions/s%20t?api-version=2026-01-01");
    put.insert_header("authorization", "Bearer sandbox-owner");
    put.set_body("{}");
    let answer = InProcess::new(Arc::clone(&azure) as _).execute_request(&put).await.unwrap();
    let (status, headers, body) = answer.deconstruct();
    assert_eq!(u16::from(status), 201);
    assert_eq!(headers.get_optional_str(&"azure-asyncoperation".into()), Some("https://x/1"));
    assert_eq!(body.collect().await.unwrap().as_ref(), br#"{"name":"web"}"#);

    let asked = azure.asked.lock().unwrap();
    assert_eq!(asked[0].method, "PUT");
    assert_eq!(asked[0].host, "management.azure.com");
    assert_eq!(asked[0].path, "/subscriptions/s t");
    assert_eq!(asked[0].query, [("api-version".to_owned(), "2026-01-01".to_owned())]);
    assert!(asked[0].headers.contains(&("authorization".to_owned(), "Bearer sandbox-owner".to_owned())));
    assert_eq!(asked[0].body, b"{}");
}

#[tokio::test]
async fn faults_look_as_they_do_on_a_network() {
    let azure = Scripted::new(|request| match request.path.as_str() {
        "/reset" => Reply::Reset,
        "/cut" => Reply::Truncated { response: ok(b"0123456789"), bytes: 4 },
        _ => Reply::Silence,
    });
    let carrier = InProcess::new(azure);
    let reset = carrier.execute_request(&request(Method::Get, "/reset")).await.unwrap_err();
    // Not `Connection`: that would promise that the request was never sent.
    assert!(matches!(reset.kind(), ErrorKind::Io), "{reset:?}");
    let cut = carrier.execute_request(&request(Method::Get, "/cut")).await.unwrap();
    assert_eq!(u16::from(cut.status()), 200);
    let error = cut.into_body().collect().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io), "{error:?}");
    let get = request(Method::Get, "/silence");
    let silence = carrier.execute_request(&get);
    assert!(tokio::time::timeout(Duration::from_millis(20), silence).await.is_err());
}
