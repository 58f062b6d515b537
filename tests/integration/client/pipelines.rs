//! Azure Pipelines: what goes to its endpoint, what goes to the authority, and what is said when it gives nothing.

use std::sync::Arc;

use acarecipe::azure::Cloud;
use acarecipe::azure::credentials::{Parts, open, select};
use time::OffsetDateTime;

use super::credentials::{ISSUED, authority, chosen, env, with};
use super::script::{World, answer, get, in_minutes, ok};

const URL: &str = "https://dev.azure.com/org/p/_apis/distributedtask/hubs/build/plans/a/jobs/b/oidctoken";
const JOB: &[(&str, &str)] = &[
    ("SYSTEM_OIDCREQUESTURI", URL),
    ("SYSTEM_ACCESSTOKEN", "job-access-token"),
    ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection-1"),
];

#[tokio::test]
async fn each_token_takes_a_fresh_assertion_of_the_service_connection() {
    let brief = ISSUED.replace("3600", "1");
    let (issuer, transport) = authority(vec![
        ok(r#"{"oidcToken":"assertion-1"}"#),
        ok(&brief),
        ok(r#"{"oidcToken":"assertion-2"}"#),
        ok(ISSUED),
    ]);
    let endpoint = chosen(&with(JOB), |parts| parts.transport = Some(transport));
    let world = World::with(
        [ok("{}"), ok("{}")],
        |transport| endpoint.carried_by(transport),
        |settings| settings.clock = Arc::new(acarecipe::clock::SystemClock),
    );
    let deadline = OffsetDateTime::now_utc() + time::Duration::minutes(1);
    for _ in 0..2 {
        world.client.read(&get(), deadline).await.unwrap();
    }
    let asked = issuer.seen();
    assert_eq!(asked.len(), 4);
    for request in [&asked[0], &asked[2]] {
        assert_eq!(request.method, "POST");
        assert_eq!(request.url, format!("{URL}?api-version=7.1&serviceConnectionId=connection-1"));
        assert_eq!(request.header("authorization"), Some("Bearer job-access-token"));
        assert_eq!(request.header("x-tfs-fedauthredirect"), Some("Suppress"));
        assert_eq!(request.body, "");
    }
    for (request, assertion) in [(&asked[1], "assertion-1"), (&asked[3], "assertion-2")] {
        assert_eq!(request.url, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token");
        assert!(request.body.contains(&format!("client_assertion={assertion}&")), "{}", request.body);
        assert!(request.body.contains("client_id=client&"), "{}", request.body);
        assert_eq!(request.header("authorization"), None);
    }
    assert_eq!(world.seen()[1].header("authorization"), Some("Bearer issued-token"));
}

#[tokio::test]
async fn the_service_connection_of_the_task_says_who_it_is() {
    // What AzureCLI@2 sets; a variable of one's own wins.
    let task = [
        ("AZURESUBSCRIPTION_CLIENT_ID", "connection-client"),
        ("AZURESUBSCRIPTION_TENANT_ID", "connection-tenant"),
    ];
    for (own, tenant, client) in [
        (&[][..], "connection-tenant", "connection-client"),
        (&[("AZURE_CLIENT_ID", "own-client")][..], "connection-tenant", "own-client"),
    ] {
        let variables: Vec<_> = JOB.iter().chain(&task).chain(own).copied().collect();
        let (issuer, transport) = authority(vec![ok(r#"{"oidcToken":"assertion-1"}"#), ok(ISSUED)]);
        let endpoint = chosen(&variables, |parts| parts.transport = Some(transport));
        let world = World::with([ok("{}")], |transport| endpoint.carried_by(transport), |_| {});
        world.client.read(&get(), in_minutes(5)).await.unwrap();
        assert!(issuer.seen()[1].url.contains(&format!("/{tenant}/")), "{}", issuer.seen()[1].url);
        assert!(issuer.seen()[1].body.contains(&format!("client_id={client}&")));
    }
}

#[tokio::test]
async fn a_refusal_is_explained_and_quotes_nothing() {
    for (status, body, expected) in [
        (200, "{}", "no 'oidcToken'"),
        (200, "<html>assertion-9</html>", "no JSON"),
        (200, r#"{"oidcToken":""}"#, "no 'oidcToken'"),
        (401, "assertion-9", "it answered 401"),
        (203, "assertion-9", "no JSON"),
        (302, "", "it answered 302"),
        (404, r#"{"message":"no service connection assertion-9"}"#, "it answered 404"),
    ] {
        let (issuer, transport) = authority(vec![answer(status, body)]);
        let endpoint = chosen(&with(JOB), |parts| parts.transport = Some(transport));
        let world = World::with([], |transport| endpoint.carried_by(transport), |_| {});
        let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.to_diagnostic());
        assert!(shown.contains("Azure Pipelines gave no assertion") && shown.contains(expected), "{shown}");
        assert!(!shown.contains("assertion-9") && !shown.contains("job-access-token"), "{shown}");
        assert!(error.to_diagnostic().fix.is_some(), "{shown}");
        assert_eq!(issuer.seen().len(), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn the_job_s_token_goes_to_https_only() {
    for url in ["http://dev.azure.com/x", "https://user:pw@dev.azure.com/x", "dev.azure.com/x"] {
        let (issuer, transport) = authority(vec![]);
        let variables = env(&[&with(JOB)[..], &[("SYSTEM_OIDCREQUESTURI", url)]].concat());
        let mut parts = Parts::new(Cloud::public(), &variables);
        parts.transport = Some(transport);
        let error = open(&select(&variables).unwrap(), None, &parts).unwrap_err().to_string();
        assert!(error.contains("SYSTEM_OIDCREQUESTURI") && !error.contains("pw"), "{error}");
        assert!(issuer.seen().is_empty());
    }
}
