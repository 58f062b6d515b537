//! Credentials: asked once, renewed in time, explained when they fail, never shown.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::{ExitStatus, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use acarecipe::azure::credentials::{CredentialError, Parts, open, select};
use acarecipe::azure::whoami::CallerKind;
use acarecipe::azure::{ArmErrorKind, Cloud, CustomEndpoint, Endpoint, EndpointError};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::{HttpClient, Transport};
use azure_identity::Executor;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use time::macros::datetime;

use super::script::{Act, World, alone, answer, get, in_minutes, ok};

pub(super) const FAR: OffsetDateTime = datetime!(9000-01-01 00:00:00 UTC);
const PAST: OffsetDateTime = datetime!(2000-01-01 00:00:00 UTC);

pub(super) fn jwt(claims: &serde_json::Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2lnbmF0dXJl", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims.to_string()))
}

pub(super) fn env(set: &[(&str, &str)]) -> BTreeMap<String, String> {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Issues the given tokens in turn, the last one for ever.
#[derive(Debug)]
struct Issuer {
    tokens: Vec<(&'static str, OffsetDateTime)>,
    asked: AtomicUsize,
}

impl Issuer {
    fn of(tokens: &[(&'static str, OffsetDateTime)]) -> Arc<Issuer> {
        Arc::new(Issuer { tokens: tokens.to_vec(), asked: AtomicUsize::new(0) })
    }
}

#[async_trait::async_trait]
impl TokenCredential for Issuer {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://management.azure.com/.default"]);
        let index = self.asked.fetch_add(1, Ordering::SeqCst).min(self.tokens.len() - 1);
        let (token, expires) = self.tokens[index];
        Ok(AccessToken::new(token, expires))
    }
}

/// Answers in place of `az` and `azd`.
#[derive(Debug)]
pub(super) struct Tool {
    code: i32,
    stdout: String,
    stderr: &'static str,
    pub(super) commands: Mutex<Vec<String>>,
}

impl Tool {
    pub(super) fn new(code: i32, stdout: &str, stderr: &'static str) -> Arc<Tool> {
        Arc::new(Tool { code, stdout: stdout.to_owned(), stderr, commands: Mutex::default() })
    }
}

#[async_trait::async_trait]
impl Executor for Tool {
    async fn run(&self, _: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
        self.commands
            .lock()
            .unwrap()
            .push(args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" "));
        #[cfg(unix)]
        let status: ExitStatus = std::os::unix::process::ExitStatusExt::from_raw(self.code << 8);
        #[cfg(windows)]
        let status: ExitStatus = std::os::windows::process::ExitStatusExt::from_raw(self.code as u32);
        Ok(Output { status, stdout: self.stdout.clone().into_bytes(), stderr: self.stderr.into() })
    }
}

fn carried(credential: Arc<dyn TokenCredential>) -> impl FnOnce(Transport) -> Endpoint {
    move |transport| Endpoint::for_cloud(Cloud::public(), credential).carried_by(transport)
}

/// An endpoint of the public cloud with what the variables choose.
pub(super) fn chosen(variables: &[(&str, &str)], adjust: impl FnOnce(&mut Parts<'_>)) -> Endpoint {
    let env = env(variables);
    let mut parts = Parts::new(Cloud::public(), &env);
    adjust(&mut parts);
    open(&select(&env).unwrap(), None, &parts).unwrap()
}

/// A server that plays an authority.
pub(super) fn authority(acts: Vec<Act>) -> (World, Transport) {
    let world = World::new(acts);
    let transport = Transport::new(Arc::clone(&world.server) as Arc<dyn HttpClient>);
    (world, transport)
}

#[tokio::test]
async fn az_is_asked_once_for_a_whole_run() {
    let token = jwt(&serde_json::json!({"upn": "ada@contoso.com", "oid": "o", "tid": "t"}));
    let stdout =
        format!(r#"{{"accessToken":"{token}","expires_on":{},"tokenType":"Bearer"}}"#, FAR.unix_timestamp());
    let tool = Tool::new(0, &stdout, "");
    let endpoint = chosen(&[("program:az", "")], |parts| {
        parts.executor = Some(Arc::clone(&tool) as Arc<dyn Executor>);
        parts.tenant = Some("7b795fb9-09d3-42f4-a494-38864f99ba3c".to_owned());
    });
    let world = World::with(vec![ok("{}"); 40], |transport| endpoint.carried_by(transport), |_| {});

    let request = get();
    let answers =
        futures::future::join_all((0..40).map(|_| world.client.read(&request, in_minutes(5)))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(world.elapsed(), 0);

    let caller = world.client.caller().await.unwrap();
    assert_eq!((caller.kind, caller.name.as_str()), (CallerKind::User, "ada@contoso.com"));

    let commands = tool.commands.lock().unwrap().clone();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(commands[0].contains("--scope https://management.azure.com/.default"));
    assert!(commands[0].contains("--tenant 7b795fb9-09d3-42f4-a494-38864f99ba3c"));
    assert!(
        world
            .seen()
            .iter()
            .all(|seen| seen.header("authorization") == Some(format!("Bearer {token}").as_str()))
    );
}

#[tokio::test]
async fn a_tool_that_gives_no_token_is_explained_and_nothing_is_sent() {
    let cases = [
        ("az", 127, "/bin/sh: az: not found", "not installed", "az login"),
        ("az", 1, "ERROR: Please run 'az login' to setup account.", "nobody is signed in", "az login"),
        (
            "az",
            1,
            "ERROR: AADSTS700082: The refresh token has expired due to inactivity.\nTo re-authenticate, please run: az login",
            "inactivity",
            "az login",
        ),
        (
            "az",
            1,
            "ERROR: AADSTS50020: User account does not exist in tenant",
            "does not exist in this tenant",
            "--tenant",
        ),
        ("azd", 127, "", "not installed", "azd auth login"),
        (
            "azd",
            1,
            r#"{"data":{"message":"ERROR: not logged in, run `azd auth login` to login"}}"#,
            "Developer CLI",
            "azd auth login",
        ),
        (
            "azd",
            1,
            r#"{"data":{"message":"ERROR: AADSTS700082: The refresh token has expired due to inactivity."}}"#,
            "inactivity",
            "azd auth login",
        ),
        (
            "azd",
            1,
            r#"{"data":{"message":"ERROR: AADSTS50020: User account does not exist in tenant"}}"#,
            "does not exist in this tenant",
            "azd auth login --tenant-id",
        ),
    ];
    for (program, code, stderr, cause, fix) in cases {
        let tool = Tool::new(code, "", stderr);
        let endpoint = chosen(&[(&format!("program:{program}"), "")], |parts| {
            parts.executor = Some(tool as Arc<dyn Executor>);
        });
        let world = World::with([], |transport| endpoint.carried_by(transport), |_| {});
        let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
        assert!(matches!(error.kind(), ArmErrorKind::Credential { transient: false, .. }), "{error}");
        assert!(!error.maybe_applied());
        let finding = error.to_diagnostic();
        assert!(finding.notes.iter().any(|note| note.contains(cause)), "{finding:?}");
        assert!(finding.fix.is_some_and(|text| text.contains(fix)), "{stderr}");
        assert!(!finding.message.chars().any(char::is_control));
        assert!(world.events().is_empty());
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_a_refused_one_once() {
    let issuer = Issuer::of(&[("first-token", PAST), ("second-token", FAR)]);
    let world = World::with([ok("{}"), ok("{}"), ok("{}")], carried(Arc::clone(&issuer) as _), |_| {});
    for _ in 0..3 {
        world.client.read(&get(), in_minutes(5)).await.unwrap();
    }
    let sent: Vec<_> =
        world.seen().iter().filter_map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, ["Bearer first-token", "Bearer second-token", "Bearer second-token"]);

    let issuer = Issuer::of(&[("first-token", FAR), ("second-token", FAR)]);
    let world = World::with([answer(401, ""), ok("{}")], carried(issuer), |_| {});
    world.client.read(&get(), in_minutes(5)).await.unwrap();
    assert_eq!(world.seen()[1].header("authorization"), Some("Bearer second-token"));

    let issuer = Issuer::of(&[("first-token", FAR)]);
    let refused = r#"{"error":{"code":"InvalidAuthenticationTokenTenant","message":"wrong issuer"}}"#;
    let world = World::with([answer(401, refused), answer(401, refused)], carried(issuer), |_| {});
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert!(error.to_diagnostic().fix.is_some_and(|fix| fix.contains("--tenant")));
}

pub(super) const APPLICATION: &[(&str, &str)] =
    &[("AZURE_CLIENT_ID", "client"), ("AZURE_TENANT_ID", "tenant")];

pub(super) fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    APPLICATION.iter().chain(more).copied().collect()
}

pub(super) const ISSUED: &str =
    r#"{"token_type":"Bearer","expires_in":3600,"ext_expires_in":3600,"access_token":"issued-token"}"#;

#[tokio::test]
async fn a_secret_goes_to_the_authority_of_the_cloud_only() {
    let (issuer, transport) = authority(vec![answer(503, "{}"), ok(ISSUED)]);
    let variables = env(&with(&[
        ("AZURE_CLIENT_SECRET", "hunter2-secret"),
        ("AZURE_AUTHORITY_HOST", "https://evil.example"),
    ]));
    let mut parts = Parts::new(Cloud::named("azureusgovernment").unwrap(), &variables);
    parts.transport = Some(transport);
    let endpoint = open(&select(&variables).unwrap(), None, &parts).unwrap();
    let world = World::with([ok("{}")], |transport| endpoint.carried_by(transport), |_| {});
    // The first answer of the authority is a failure that passes.
    world.client.read(&get(), in_minutes(5)).await.unwrap();

    let asked = issuer.seen();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].url, "https://login.microsoftonline.us/tenant/oauth2/v2.0/token");
    assert!(asked[1].body.contains("scope=https%3A%2F%2Fmanagement.usgovcloudapi.net%2F.default"));
    assert_eq!(world.seen()[0].header("authorization"), Some("Bearer issued-token"));
    assert!(world.seen()[0].url.starts_with("https://management.usgovcloudapi.net/"));

    let wrong = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#;
    let (_, transport) = authority(vec![answer(401, wrong)]);
    let endpoint = chosen(&with(&[("AZURE_CLIENT_SECRET", "hunter2-secret")]), |parts| {
        parts.transport = Some(transport);
    });
    let world = World::with([], |transport| endpoint.carried_by(transport), |_| {});
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    assert!(
        error.to_diagnostic().notes.iter().any(|note| note.contains("client secret is wrong")),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn github_is_asked_for_a_fresh_assertion_each_time() {
    let variables = with(&[
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://pipelines.actions.githubusercontent.com/x?api-version=2.0"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "github-request-token"),
    ]);
    let brief = ISSUED.replace("3600", "1");
    let (issuer, transport) = authority(vec![
        ok(r#"{"value":"assertion-1"}"#),
        ok(&brief),
        ok(r#"{"value":"assertion-2"}"#),
        ok(ISSUED),
    ]);
    let endpoint = chosen(&variables, |parts| parts.transport = Some(transport));
    let world = World::with(
        [ok("{}"), ok("{}")],
        |transport| endpoint.carried_by(transport),
        |settings| {
            settings.clock = Arc::new(acarecipe::clock::SystemClock);
        },
    );
    let deadline = OffsetDateTime::now_utc() + time::Duration::minutes(1);
    for _ in 0..2 {
        world.client.read(&get(), deadline).await.unwrap();
    }
    let asked = issuer.seen();
    assert_eq!(
        asked[0].url,
        "https://pipelines.actions.githubusercontent.com/x?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange"
    );
    assert_eq!(asked[0].header("authorization"), Some("Bearer github-request-token"));
    assert!(asked[1].url.starts_with("https://login.microsoftonline.com/tenant/"));
    assert!(asked[1].body.contains("client_assertion=assertion-1"));
    assert!(asked[3].body.contains("client_assertion=assertion-2"));

    for (body, status) in
        [("{}", 200), ("<html>", 200), (r#"{"value":""}"#, 200), ("denied: assertion-9", 403)]
    {
        let (_, transport) = authority(vec![answer(status, body)]);
        let endpoint = chosen(&variables, |parts| parts.transport = Some(transport));
        let world = World::with([], |transport| endpoint.carried_by(transport), |_| {});
        let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
        assert!(error.to_string().contains("GitHub gave no assertion"), "{error}");
        assert!(!error.to_string().contains("assertion-9") && !error.to_string().contains("request-token"));
    }

    let (issuer, transport) = authority(vec![]);
    let plain: Vec<_> = variables
        .iter()
        .map(|(name, value)| {
            (*name, if value.starts_with("https") { "http://evil.example/x" } else { value })
        })
        .collect();
    let plain = env(&plain);
    let mut parts = Parts::new(Cloud::public(), &plain);
    parts.transport = Some(transport);
    let error = open(&select(&plain).unwrap(), None, &parts).unwrap_err();
    assert!(error.to_string().contains("not https"), "{error}");
    assert!(issuer.seen().is_empty());
}

#[tokio::test]
async fn other_credentials_are_made_from_their_variables() {
    let (issuer, transport) = authority(vec![ok(&format!(
        r#"{{"access_token":"issued-token","expires_on":"{}","resource":"r","token_type":"Bearer"}}"#,
        FAR.unix_timestamp()
    ))]);
    let variables = [("ACARECIPE_AUTH", "managed-identity"), ("AZURE_CLIENT_ID", "client")];
    let endpoint = chosen(&variables, |parts| parts.transport = Some(transport));
    let world = World::with([ok("{}")], |transport| endpoint.carried_by(transport), |_| {});
    world.client.read(&get(), in_minutes(5)).await.unwrap();
    // No endpoint of a platform is set: the metadata service that every virtual machine has.
    // learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    let asked = &issuer.seen()[0];
    assert_eq!(
        asked.url,
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2019-08-01\
         &resource=https%3A%2F%2Fmanagement.azure.com&client_id=client"
    );
    assert_eq!(asked.header("metadata"), Some("true"));
    assert_eq!(issuer.seen().len(), 1);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let variables = env(&with(&[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]));
    let (issuer, transport) = authority(vec![ok(ISSUED)]);
    let mut parts = Parts::new(Cloud::public(), &variables);
    parts.transport = Some(transport);
    let selected = select(&variables).unwrap();
    let error = open(&selected, None, &parts).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    std::fs::write(&file, "federated-assertion").unwrap();
    let endpoint = open(&selected, None, &parts).unwrap();
    let world = World::with([ok("{}")], |transport| endpoint.carried_by(transport), |_| {});
    world.client.read(&get(), in_minutes(5)).await.unwrap();
    assert!(issuer.seen()[0].body.contains("client_assertion=federated-assertion"));

    let variables = env(&[("program:az", "")]);
    let mut parts = Parts::new(Cloud::named("AzureChinaCloud").unwrap(), &variables);
    parts.az_cloud = Some("AzureCloud".to_owned());
    let error = open(&select(&variables).unwrap(), None, &parts).unwrap_err();
    assert!(matches!(error, CredentialError::OtherCloud { .. }));
    assert!(error.to_diagnostic().fix.is_some_and(|fix| fix.contains("az cloud set --name AzureChinaCloud")));
}

#[tokio::test]
async fn a_custom_endpoint_takes_what_it_may_and_says_why_not() {
    let entra =
        jwt(&serde_json::json!({"iss": "https://sts.windows.net/t/", "aud": "https://management.azure.com"}));
    let tool = Tool::new(0, "{}", "");
    let attempt = |url: &str, trust: Option<&str>, variables: &[(&str, &str)]| {
        let env = env(variables);
        let mut parts = Parts::new(Cloud::public(), &env);
        parts.executor = Some(Arc::clone(&tool) as Arc<dyn Executor>);
        let custom = CustomEndpoint::parse(url, trust)?;
        open(&select(&env)?, Some(custom), &parts)
    };
    let token = [("ACARECIPE_AUTH", "token"), ("ACARECIPE_ACCESS_TOKEN", "sandbox-owner")];
    let entra_token = [("ACARECIPE_AUTH", "token"), ("ACARECIPE_ACCESS_TOKEN", entra.as_str())];
    let az = [("program:az", "")];

    for (url, trust, variables) in [
        ("http://127.0.0.1:8080", None, &token[..]),
        ("http://127.0.0.1", None, &token),
        ("http://[::1]:8080/", None, &token),
        ("https://127.0.0.1:8443", None, &token),
        ("https://arm.example", None, &entra_token),
        ("https://arm.example", Some("arm.example"), &az),
        ("https://arm.example:8443", Some("ARM.example:8443"), &az),
        ("https://arm.example", Some("arm.example:443"), &az),
        ("https://ARM.example:443", Some("arm.example"), &az),
        ("https://[2001:db8::1]:8443", Some("[2001:db8::1]:8443"), &az),
    ] {
        assert!(attempt(url, trust, variables).is_ok(), "{url} {trust:?}");
    }
    let trusted = CustomEndpoint::parse("https://arm.example:8443/", Some("arm.example:8443")).unwrap();
    assert_eq!(trusted.scope(), "https://arm.example:8443/.default");

    for (url, trust, variables, expected) in [
        ("http://127.0.0.1:8080", None, &entra_token[..], "issued by Microsoft Entra ID (sts.windows.net)"),
        ("http://[::1]:8080", None, &entra_token, "issued by Microsoft Entra ID"),
        ("http://localhost:8080", None, &token, "plain http is for 127.0.0.1"),
        ("http://127.1:8080", None, &token, "plain http is for 127.0.0.1"),
        ("http://2130706433", None, &token, "plain http is for 127.0.0.1"),
        ("http://0x7f.0.0.1", None, &token, "plain http is for 127.0.0.1"),
        ("http://127.0.0.2", None, &token, "plain http is for 127.0.0.1"),
        ("http://127.0.0.1.evil.example", None, &token, "plain http is for 127.0.0.1"),
        ("http://[::ffff:127.0.0.1]", None, &token, "plain http is for 127.0.0.1"),
        ("http://[0:0:0:0:0:0:0:1]", None, &token, "plain http is for 127.0.0.1"),
        ("http://arm.example", Some("arm.example"), &token, "plain http is for 127.0.0.1"),
        ("http://127.0.0.1@evil.example", None, &token, "user name"),
        ("https://arm.example", None, &az, "--trust-endpoint arm.example"),
        ("https://arm.example", Some("other.example"), &az, "names 'other.example'"),
        ("https://arm.example:8443", Some("arm.example:443"), &az, "host is 'arm.example:8443'"),
        ("https://arm.example:8443", Some("arm.example"), &az, "host is 'arm.example:8443'"),
        ("https://arm.example", Some("arm.example:8443"), &az, "host is 'arm.example'"),
        ("https://arm.example", Some("arm.example.evil.example"), &az, "names 'arm.example.evil.example'"),
        ("https://arm.example.evil.example", Some("arm.example"), &az, "names 'arm.example'"),
        ("https://arm.example", Some("https://arm.example"), &az, "names"),
        ("https://arm.example", Some(""), &az, "names"),
        ("https://arm.example:8443", None, &az, "--trust-endpoint arm.example:8443"),
        ("http://127.0.0.1:8080", Some("127.0.0.1:8080"), &az, "do not go over plain http"),
        // What is read is not what is connected to.
        ("https://0x7f.1", None, &token, "the host 127.0.0.1"),
        ("https://127.1:8443", None, &token, "the host 127.0.0.1"),
        ("https://аrm.example", None, &token, "the host xn--"),
        ("https://arm。example", None, &token, "the host arm.example"),
        ("https://arm%2eexample", None, &token, "the host arm.example"),
        ("https://arm.example\\@evil.example", None, &token, "cannot be an endpoint"),
        ("https://arm.ex\tample", None, &token, "the host arm.example"),
        ("http://аrm.example", None, &token, "plain http is for 127.0.0.1"),
        ("http://0x7f.1", None, &token, "plain http is for 127.0.0.1"),
        ("https://user@arm.example", None, &token, "user name"),
        ("https://user:hunter2@arm.example", None, &token, "'https://…@arm.example'"),
        ("https://user:hunter2@arm.example:x", None, &token, "cannot be an endpoint"),
        ("user:hunter2@arm.example", None, &token, "cannot be an endpoint"),
        ("https://arm.example/path", None, &token, "more than scheme, host and port"),
        ("https://arm.example/?x", None, &token, "more than scheme, host and port"),
        ("ftp://arm.example", None, &token, "neither https"),
        ("arm.example", None, &token, "cannot be an endpoint"),
        ("", None, &token, "cannot be an endpoint"),
    ] {
        let error = attempt(url, trust, variables).unwrap_err();
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert!(!error.to_string().contains(&entra) && !error.to_string().contains("hunter2"), "{error}");
    }
    assert!(tool.commands.lock().unwrap().is_empty(), "no credential was asked");

    for (token, expected) in
        [("Bearer x", "Bearer"), ("a b", "character"), ("a\nb", "character"), ("ä", "character")]
    {
        let variables = [("ACARECIPE_AUTH", "token"), ("ACARECIPE_ACCESS_TOKEN", token)];
        let error = attempt("https://arm.example", None, &variables).unwrap_err();
        assert!(
            matches!(&error, CredentialError::Endpoint(EndpointError::Token(_)))
                && error.to_string().contains(expected)
        );
    }
}

/// Everything written to the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn tokens_are_in_no_debug_form_event_error_or_log() {
    // Alone: what is logged is decided for a whole process, and other tests would decide it too.
    let output = alone("client::credentials::in_a_process_that_logs_everything").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

// Not left out: the test above starts it and asserts that it passed. A process has one log for all its tests.
#[tokio::test]
#[ignore = "runs in a process of its own, started by the test above"]
async fn in_a_process_that_logs_everything() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    // A server that says back what it was sent.
    let echo = |status| {
        answer(
            status,
            r#"{"error":{"code":"opaque-token-42","message":"you sent Bearer opaque-token-42","details":[{"code":"x","message":"opaque-token-42"}]}}"#,
        )
    };
    let acts = || {
        [
            echo(503),
            answer(502, "<html><title>opaque-token-42</title>"),
            answer(400, "opaque-token-42"),
            ok(r#"{"value":[],"nextLink":"https://opaque-token-42.evil.example/"}"#),
            answer(202, "").with("azure-asyncoperation", "https://management.azure.com/op"),
            ok(r#"{"status":"opaque-token-42"}"#),
            ok(r#"{"status":"Failed","error":{"message":"opaque-token-42"}}"#),
        ]
    };
    let fixed = World::with(
        acts(),
        |transport| {
            let token = azure_core::credentials::Secret::new("opaque-token-42");
            Endpoint::for_cloud_with_token(Cloud::public(), token).unwrap().carried_by(transport)
        },
        |_| {},
    );
    let renewed = World::with(acts(), carried(Issuer::of(&[("opaque-token-42", FAR)])), |_| {});
    for world in [fixed, renewed] {
        let refused = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
        let foreign = world.client.list(&get(), in_minutes(5)).await.unwrap_err();
        let put = acarecipe::azure::ArmRequest::new(
            acarecipe::azure::Method::Put,
            super::script::APP,
            "2026-01-01",
        );
        let accepted = world.client.write(&put, in_minutes(30)).await.unwrap();
        let failed = world.client.wait(&accepted.operation.unwrap(), in_minutes(5)).await.unwrap_err();
        assert!(world.finished());
        assert!(
            world.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer opaque-token-42"))
        );
        for error in [refused, foreign, failed] {
            let shown = format!("{error} {error:?} {:?}", error.to_diagnostic());
            assert!(!shown.contains("opaque-token-42"), "{shown}");
        }
        let shown = format!("{:?} {:?} {:?}", world.client, world.client.endpoint(), world.events());
        assert!(!shown.contains("opaque-token-42"), "{shown}");
    }
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("management.azure.com"), "the log was listened to");
    assert!(!log.contains("opaque-token-42"));
}

#[tokio::test]
async fn a_token_said_back_in_a_header_is_not_shown() {
    let echo = answer(400, "{}")
        .with("x-ms-request-id", "opaque-token-42")
        .with("x-ms-error-code", "opaque-token-42")
        .with("x-ms-correlation-request-id", "Bearer opaque-token-42");
    let world = World::with([echo], carried(Issuer::of(&[("opaque-token-42", FAR)])), |_| {});
    let error = world.client.read(&get(), in_minutes(5)).await.unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.to_diagnostic());
    assert!(!shown.contains("opaque-token-42"), "{shown}");
}
