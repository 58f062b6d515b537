//! The variables that credentials are made from. The names are those of Microsoft's identity libraries, of GitHub's
//! runners and of Azure Pipelines' agents.

use azure_core::credentials::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Url, form_urlencoded};

use super::env::Env;

pub(super) const AUTH: &str = "ACARECIPE_AUTH";
pub(super) const ACCESS_TOKEN: &str = "ACARECIPE_ACCESS_TOKEN";
pub(super) const ID: &str = "AZURE_CLIENT_ID";
pub(super) const TENANT: &str = "AZURE_TENANT_ID";
pub(super) const SECRET: &str = "AZURE_CLIENT_SECRET";
pub(super) const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
pub(super) const CERTIFICATE_PASSWORD: &str = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
pub(super) const CERTIFICATE_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
pub(super) const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
pub(super) const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
pub(super) const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
pub(super) const PIPELINES_URL: &str = "SYSTEM_OIDCREQUESTURI";
pub(super) const PIPELINES_TOKEN: &str = "SYSTEM_ACCESSTOKEN";
/// What the tasks `AzureCLI@2` and `AzurePowerShell@5` set for the service connection they were given (Azure
/// DevOps release notes, sprint 240).
pub(super) const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
pub(super) const CONNECTION_ID: &str = "AZURESUBSCRIPTION_CLIENT_ID";
pub(super) const CONNECTION_TENANT: &str = "AZURESUBSCRIPTION_TENANT_ID";
pub(super) const IDENTITY: &str = "IDENTITY_ENDPOINT";
const IDENTITY_HEADER: &str = "IDENTITY_HEADER";

const SECRETS: &[&str] =
    &[ACCESS_TOKEN, SECRET, CERTIFICATE_PASSWORD, GITHUB_TOKEN, PIPELINES_TOKEN, IDENTITY_HEADER];

/// Where a proxy's address stands, perhaps with user and password; each in small letters too.
const PROXIES: &[&str] = &["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// User and password of a proxy as tools show them, and the password alone.
fn proxy_secrets(proxy: &str) -> Vec<String> {
    let with_scheme = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    let Ok(url) = Url::parse(&with_scheme) else { return Vec::new() };
    let Some(password) = url.password() else { return Vec::new() };
    let decoded = percent_decode(password);
    let basic = STANDARD.encode(format!("{}:{decoded}", percent_decode(url.username())));
    vec![format!("{}:{password}@", url.username()), password.to_owned(), decoded, basic]
}

/// A form's reader decodes `%40` too; `+` and `&` it would read otherwise.
fn percent_decode(text: &str) -> String {
    let form = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

/// What must not be shown even if a server says it back, as it stands in its variable and as a form encodes it.
pub(super) fn secrets(env: &dyn Env) -> Vec<Secret> {
    let mut secrets = Vec::new();
    let proxies = PROXIES.iter().flat_map(|name| [(*name).to_owned(), name.to_lowercase()]);
    let proxies = proxies.filter_map(|name| env.var(&name)).flat_map(|proxy| proxy_secrets(&proxy));
    for value in SECRETS.iter().filter_map(|name| env.var(name)).chain(proxies) {
        let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        if encoded != value {
            secrets.push(Secret::new(encoded));
        }
        secrets.push(Secret::new(value));
    }
    secrets
}
