//! Every credential in every cloud, as the program is really used: over TLS, through a proxy, to the names of the cloud.
//! All names lead to one server of ours, which plays authorities, pipelines and Azure Resource Manager.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;

use super::process::{Ended, Start};
use super::wire::{Answer, Does, Proxy, Request, Site};

const TENANT: &str = "22222222-2222-4222-8222-222222222222";
const CLIENT: &str = "33333333-3333-4333-8333-000000000002";
const GITHUB: &str = "pipelines.actions.githubusercontent.com";
const DEVOPS: &str = "dev.azure.com";

/// Name, Azure Resource Manager, authority, audience of assertions.
const CLOUDS: [[&str; 4]; 3] = [
    ["AzureCloud", "management.azure.com", "login.microsoftonline.com", "api://AzureADTokenExchange"],
    [
        "AzureUSGovernment",
        "management.usgovcloudapi.net",
        "login.microsoftonline.us",
        "api://AzureADTokenExchangeUSGov",
    ],
    [
        "AzureChinaCloud",
        "management.chinacloudapi.cn",
        "login.chinacloudapi.cn",
        "api://AzureADTokenExchangeChina",
    ],
];

/// What must never be seen outside of the request that needs it. Opaque, so that no pattern gives them away.
const CLIENT_SECRET: &str = "planted/client+secret 1";
const CERTIFICATE_PASSWORD: &str = "planted-certificate-password-2";
const FEDERATED: &str = "planted-federated-token-3";
const GITHUB_TOKEN: &str = "planted-github-token-4";
const JOB_TOKEN: &str = "planted-job-token-5";
const IDENTITY_HEADER: &str = "planted-identity-header-6";
const ASSERTION: &str = "planted-assertion-7";
const ACCESS_TOKEN: &str = "planted-access-token-8";
const PROXY_PASSWORD: &str = "planted-proxy-password-9";

/// Who answers with everything it was sent, as a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    Nobody,
    Pipeline,
    Authority,
    Azure,
}

fn answer(request: &Request, echo: Echo) -> Answer {
    let host = request.header("host").unwrap_or_default();
    let said = |who: Echo, good: serde_json::Value| {
        if who == echo {
            let everything = format!("you sent \"{}\"\r\n{}", request.head, request.body);
            (
                400,
                json!({ "error": "invalid", "message": everything, "error_description": everything })
                    .to_string(),
            )
        } else {
            (200, good.to_string())
        }
    };
    if host == GITHUB || host == DEVOPS {
        said(Echo::Pipeline, json!({ "value": ASSERTION, "oidcToken": ASSERTION }))
    } else if host.starts_with("login.") {
        said(
            Echo::Authority,
            json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": ACCESS_TOKEN }),
        )
    } else if host.starts_with("management.") && echo == Echo::Azure {
        let everything = format!("you sent {} {}", request.head.replace(['\r', '\n'], " "), request.body);
        (400, json!({ "error": { "code": "Echo", "message": everything } }).to_string())
    } else {
        (
            403,
            json!({ "error": { "code": "AuthorizationFailed", "message": "refused by the test" } })
                .to_string(),
        )
    }
}

/// A client certificate with its key; making one takes a while.
static CERTIFICATE: LazyLock<String> = LazyLock::new(|| {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    certificate.pem() + &key.serialize_pem()
});

/// The surroundings of one machine: names, files, tools.
struct Machine {
    site: Site,
    identity: Site,
    proxy: Proxy,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(echo: Echo) -> Machine {
        let names: Vec<&str> = CLOUDS
            .iter()
            .flat_map(|[_, arm, authority, _]| [*arm, *authority])
            .chain([GITHUB, DEVOPS])
            .collect();
        let site = Site::https(&names, 30, move |request| answer(request, echo));
        let identity = Site::http(move |request| {
            if echo == Echo::Authority {
                return (
                    500,
                    json!({ "error": "x", "message": format!("you sent {}", request.head) }).to_string(),
                );
            }
            (200, json!({ "access_token": ACCESS_TOKEN, "expires_on": "9999999999", "resource": "r", "token_type": "Bearer" }).to_string())
        });
        let proxy = Proxy::start(Does::Connects(site.address));
        let machine = Machine { site, identity, proxy, folder: tempfile::tempdir().unwrap() };
        machine.file("federated", FEDERATED);
        machine.file("client.pem", &CERTIFICATE);
        let token = json!({ "accessToken": ACCESS_TOKEN, "token": ACCESS_TOKEN, "tokenType": "Bearer",
            "expires_on": 9_999_999_999_i64, "expiresOn": "2286-11-20T17:46:39Z" });
        for tool in ["az", "azd"] {
            machine.tool(tool, &format!("echo '{token}'"));
        }
        machine
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A tool that notes how it was called, and then does this.
    fn tool(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let calls = self.folder.path().join("calls");
        let path =
            self.file(name, &format!("#!/bin/sh\necho \"{name} $*\" >> '{}'\n{script}\n", calls.display()));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How the tools were called.
    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The variables of a credential.
    fn variables(&self, kind: &str) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let own: &[(&str, String)] = match kind {
            "secret" => &[("AZURE_CLIENT_SECRET", CLIENT_SECRET.to_owned())],
            "certificate" => &[
                ("AZURE_CLIENT_CERTIFICATE_PATH", file("client.pem")),
                ("AZURE_CLIENT_CERTIFICATE_PASSWORD", CERTIFICATE_PASSWORD.to_owned()),
            ],
            "workload-identity" => &[("AZURE_FEDERATED_TOKEN_FILE", file("federated"))],
            "github-oidc" => &[
                ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("https://{GITHUB}/job?x=1")),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", GITHUB_TOKEN.to_owned()),
            ],
            "azure-pipelines" => &[
                ("SYSTEM_OIDCREQUESTURI", format!("https://{DEVOPS}/job")),
                ("SYSTEM_ACCESSTOKEN", JOB_TOKEN.to_owned()),
                ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection-1".to_owned()),
            ],
            "managed-identity" => &[
                ("IDENTITY_ENDPOINT", format!("http://{}/msi/token", self.identity.address)),
                ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
                ("ACARECIPE_AUTH", "managed-identity".to_owned()),
            ],
            "token" => {
                &[("ACARECIPE_ACCESS_TOKEN", ACCESS_TOKEN.to_owned()), ("ACARECIPE_AUTH", "token".to_owned())]
            }
            "azure-cli" => &[("ACARECIPE_AUTH", "azure-cli".to_owned())],
            "azd" => &[("ACARECIPE_AUTH", "azd".to_owned())],
            other => panic!("{other}"),
        };
        own.to_vec()
    }

    fn run(&self, kind: &str, arguments: &[&str]) -> Ended {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder.path().display());
        let mut start = Start::in_the_cloud(&[&["plan", "managed-identity"], arguments].concat())
            .env("PATH", path)
            .env("SSL_CERT_FILE", &self.site.ca)
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("HTTPS_PROXY", format!("http://user:{PROXY_PASSWORD}@{}", self.proxy.address))
            // It would read what goes to a managed identity's endpoint.
            .env("HTTP_PROXY", self.proxy.url());
        for (name, value) in self.variables(kind) {
            start = start.env(name, value);
        }
        start.run()
    }
}

const KINDS: &[&str] = &[
    "secret",
    "certificate",
    "workload-identity",
    "github-oidc",
    "azure-pipelines",
    "managed-identity",
    "azure-cli",
    "azd",
    "token",
];

fn every_credential([cloud, arm, authority, audience]: [&str; 4]) {
    for kind in KINDS {
        let machine = Machine::new(Echo::Nobody);
        let ended = machine.run(kind, &["--cloud", cloud]);
        assert_eq!(ended.code(), Some(3), "{kind}: {ended:#?}");
        assert!(ended.out.contains("refused by the test"), "{kind}: {ended:#?}");
        assert!(ended.out.starts_with(cloud), "the first line says where: {}", ended.out);

        // First the token, of that cloud's authority; then that cloud's Azure Resource Manager, and nobody else.
        let requests = machine.site.requests();
        let (asked, sent): (Vec<_>, Vec<_>) =
            requests.iter().partition(|request| request.header("host") != Some(arm));
        assert!(!sent.is_empty(), "{kind}");
        for request in &sent {
            assert_eq!(request.header("authorization"), Some(&*format!("Bearer {ACCESS_TOKEN}")), "{kind}");
            assert!(request.line().contains(" GET /subscriptions/"), "{kind}: {}", request.line());
        }
        let token = format!("{authority} POST /{TENANT}/oauth2/v2.0/token");
        let scope = format!("https://{arm}/.default");
        let lines: Vec<_> = asked.iter().map(|request| request.line()).collect();
        let encoded: String = url::form_urlencoded::byte_serialize(audience.as_bytes()).collect();
        let expected: Vec<String> = match *kind {
            "secret" | "certificate" | "workload-identity" => vec![token],
            "github-oidc" => vec![format!("{GITHUB} GET /job?x=1&audience={encoded}"), token],
            "azure-pipelines" => {
                vec![format!("{DEVOPS} POST /job?api-version=7.1&serviceConnectionId=connection-1"), token]
            }
            _ => vec![],
        };
        assert_eq!(lines, expected, "{kind}");
        if let Some(request) = asked.last() {
            let form: std::collections::BTreeMap<_, _> =
                url::form_urlencoded::parse(request.body.as_bytes()).into_owned().collect();
            assert_eq!(
                (form["scope"].as_str(), form["client_id"].as_str()),
                (scope.as_str(), CLIENT),
                "{kind}"
            );
            match *kind {
                "secret" => assert_eq!(form["client_secret"], CLIENT_SECRET),
                "workload-identity" => assert_eq!(form["client_assertion"], FEDERATED),
                "certificate" => assert_eq!(form["client_assertion"].matches('.').count(), 2),
                _ => assert_eq!(form["client_assertion"], ASSERTION),
            }
        }

        // A managed identity's endpoint is on the machine: it is asked once, without the proxy.
        let identity: Vec<_> = machine.identity.requests();
        assert_eq!(identity.len(), usize::from(*kind == "managed-identity"), "{kind}");
        for request in &identity {
            let line = request.line();
            let resource: String =
                url::form_urlencoded::byte_serialize(format!("https://{arm}").as_bytes()).collect();
            assert!(line.contains(" GET /msi/token?api-version=2019-08-01&"), "{line}");
            assert!(line.contains(&format!("resource={resource}")), "{line}");
            assert!(line.contains(&format!("client_id={CLIENT}")), "{line}");
            assert_eq!(request.header("x-identity-header"), Some(IDENTITY_HEADER));
        }
        assert!(
            machine.proxy.asked().iter().all(|asked| asked.starts_with("CONNECT ")),
            "{:?}",
            machine.proxy.asked()
        );

        // A tool is asked once, for that scope and tenant.
        let calls = machine.calls();
        match *kind {
            "azure-cli" => {
                assert_eq!(
                    calls,
                    [format!("az account get-access-token -o json --scope {scope} --tenant {TENANT}")]
                );
            }
            "azd" => {
                assert_eq!(
                    calls,
                    [format!("azd auth token -o json --no-prompt --scope {scope} --tenant-id {TENANT}")]
                );
            }
            _ => assert!(calls.is_empty(), "{kind}: {calls:?}"),
        }
    }
}

#[test]
fn every_credential_in_the_public_cloud() {
    every_credential(CLOUDS[0]);
}

#[test]
fn every_credential_in_the_cloud_of_the_us_government() {
    every_credential(CLOUDS[1]);
}

#[test]
fn every_credential_in_the_cloud_of_china() {
    every_credential(CLOUDS[2]);
}

/// Whether a text holds a secret, as it is, as a form has it, or as base64 does.
fn shown(text: &str) -> Option<&'static str> {
    use base64::Engine as _;
    let secrets = [
        CLIENT_SECRET,
        CERTIFICATE_PASSWORD,
        FEDERATED,
        GITHUB_TOKEN,
        JOB_TOKEN,
        IDENTITY_HEADER,
        ASSERTION,
        ACCESS_TOKEN,
        PROXY_PASSWORD,
    ];
    secrets.into_iter().find(|secret| {
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let base64 = base64::engine::general_purpose::STANDARD.encode(format!("user:{secret}"));
        text.contains(secret) || text.contains(&form) || text.contains(base64.trim_end_matches('='))
    })
}

#[test]
fn what_failing_runs_say_holds_no_secret() {
    for echo in [Echo::Pipeline, Echo::Authority, Echo::Azure] {
        let machine = Machine::new(echo);
        for tool in ["az", "azd"] {
            if echo == Echo::Authority {
                // Says on stderr all that it can get hold of.
                machine.tool(tool, "env >&2; exit 1");
            }
        }
        for kind in KINDS {
            let text = machine.run(kind, &["-vv"]);
            let ended = machine.run(kind, &["-o", "json"]);
            assert!(matches!(text.code(), Some(1 | 3)), "{echo:?} {kind}: {text:#?}");
            for said in [&text.out, &text.err, &ended.out, &ended.err] {
                assert_eq!(shown(said), None, "{echo:?} {kind}: {said}");
                let odd = |c: char| c.is_control() && c != '\n';
                assert!(!said.contains(odd), "{echo:?} {kind}: {said:?}");
            }
            let report: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
            let asked = matches!(*kind, "github-oidc" | "azure-pipelines");
            let fails_before = match echo {
                Echo::Pipeline => asked,
                Echo::Authority => *kind != "token",
                _ => false,
            };
            if fails_before {
                assert_eq!(
                    report["diagnostics"].as_array().map(Vec::len),
                    Some(1),
                    "{echo:?} {kind}: {report:#}"
                );
                let found = &report["diagnostics"][0];
                assert_eq!(found["code"], "azure-credential", "{echo:?} {kind}: {report:#}");
                assert!(
                    found["fix"].as_str().is_some_and(|fix| fix.len() > 10),
                    "{echo:?} {kind}: {report:#}"
                );
            }
        }
    }
}

#[test]
fn a_tool_that_answers_nonsense_for_ever_or_never_is_explained() {
    for tool in ["az", "azd"] {
        let kind = if tool == "az" { "azure-cli" } else { "azd" };
        for (script, cause) in [
            (format!("echo '\"{ACCESS_TOKEN}\"'"), "it printed no token"),
            (format!("echo 'Welcome! {ACCESS_TOKEN}'"), "it printed no token"),
            ("echo '{}'".to_owned(), "it printed no token"),
            ("true".to_owned(), "it printed no token"),
            ("yes | head -c 3000000".to_owned(), "it wrote more than"),
            ("yes | head -c 3000000 >&2; exit 1".to_owned(), "it wrote more than"),
            ("read answer; exit 3".to_owned(), "gave no token"),
        ] {
            let machine = Machine::new(Echo::Nobody);
            machine.tool(tool, &script);
            let ended = machine.run(kind, &[]);
            assert_eq!(ended.code(), Some(1), "{tool}: {script}: {ended:#?}");
            assert!(ended.err.contains(cause), "{tool}: {script}: {}", ended.err);
            assert!(
                ended.err.contains(if tool == "az" { "az login" } else { "azd auth login" }),
                "{}",
                ended.err
            );
            assert_eq!(shown(&ended.err), None, "{}", ended.err);
            assert!(ended.err.len() < 5000, "{}", ended.err.len());
            assert_eq!(machine.calls().len(), 1, "{tool}: {script}");
            assert!(machine.site.requests().is_empty());
        }
        let machine = Machine::new(Echo::Nobody);
        machine.tool(tool, "exec sleep 20");
        let ended = hanging(&machine, kind);
        assert!(ended.after < Duration::from_secs(10), "{:?}", ended.after);
        assert!(ended.err.contains("did not answer in time"), "{}", ended.err);
    }
}

fn hanging(machine: &Machine, kind: &str) -> Ended {
    let path = format!("{}:/usr/bin:/bin", machine.folder.path().display());
    Start::in_the_cloud(&["plan", "managed-identity", "--timeout", "1s"])
        .env("PATH", path)
        .env("ACARECIPE_AUTH", kind)
        .env("ACARECIPE_TRY_TIMEOUT_MS", "300")
        .run()
}

#[test]
fn a_trusted_endpoint_gets_tokens_for_itself() {
    let machine = Machine::new(Echo::Nobody);
    let run = |arguments: &[&str], endpoint: Option<&str>| {
        let mut start = Start::in_the_cloud(&[&["plan", "managed-identity"], arguments].concat())
            .env("SSL_CERT_FILE", &machine.site.ca)
            .env("HTTPS_PROXY", machine.proxy.url())
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        if let Some(endpoint) = endpoint {
            start = start.env("ACARECIPE_ARM_ENDPOINT", endpoint);
        }
        start.run()
    };
    // The name of another cloud's Azure Resource Manager serves as one that the caller names.
    let named = format!("https://{}:8443", CLOUDS[1][1]);
    let host = format!("{}:8443", CLOUDS[1][1]);
    for (arguments, endpoint) in [
        (&["--arm-endpoint", &named, "--trust-endpoint", &host][..], None),
        (&["--trust-endpoint", &host], Some(named.as_str())),
    ] {
        let before = machine.site.requests().len();
        let ended = run(arguments, endpoint);
        assert!(ended.out.contains("refused by the test"), "{ended:#?}");
        let requests = &machine.site.requests()[before..];
        assert!(requests[0].line().starts_with("login.microsoftonline.com POST "), "{}", requests[0].line());
        let scope: String =
            url::form_urlencoded::byte_serialize(format!("{named}/.default").as_bytes()).collect();
        assert!(requests[0].body.contains(&format!("scope={scope}")), "{}", requests[0].body);
        assert!(requests[1..].iter().all(|request| request.header("host") == Some(&host)));
    }
    let before = machine.site.requests().len();
    for (arguments, endpoint, words) in [
        (&[][..], Some(named.as_str()), "--trust-endpoint management.usgovcloudapi.net:8443"),
        (&["--trust-endpoint", "management.usgovcloudapi.net"], Some(&*named), "host is 'management.usgov"),
        (&["--trust-endpoint", &host], None, "neither is set"),
    ] {
        let ended = run(arguments, endpoint);
        assert_eq!(ended.code(), Some(2), "{ended:#?}");
        assert!(ended.err.contains(words), "{}", ended.err);
    }
    assert_eq!(machine.site.requests().len(), before, "nothing was sent");
}

#[test]
fn an_endpoint_is_never_taken_from_a_project_file() {
    for line in ["arm_endpoint: https://evil.example", "trust_endpoint: evil.example", "arm-endpoint: x"] {
        let start = Start::in_the_cloud(&["plan", "managed-identity"]).env("ACARECIPE_AUTH", "azd");
        std::fs::write(start.folder().join("acarecipe.yaml"), format!("target:\n  {line}\n")).unwrap();
        let ended = start.run();
        assert_eq!(ended.code(), Some(2), "{ended:#?}");
        assert!(ended.err.contains("unknown-key"), "{}", ended.err);
    }
}
