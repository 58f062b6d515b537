//! Assertions of pipelines: GitHub Actions and Azure Pipelines hand out a short-lived one for a job's bearer.
//!
//! - docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect
//! - learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create; the address stands in
//!   `System.OidcRequestUri` (Azure DevOps release notes, sprint 240).
//!
//! The SDK's own credential for Azure Pipelines is not used: it takes the address from the process's environment
//! only, sends the job's token to plain http too, and reads answers of any size.

use std::fmt;

use azure_core::credentials::Secret;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::HeaderName;
use azure_core::http::{ClientMethodOptions, Context, Method, Request, StatusCode, Transport};
use azure_identity::ClientAssertion;
use futures::StreamExt as _;
use url::Url;

use super::variables::{GITHUB_URL, PIPELINES_URL};

/// The largest answer taken, in bytes.
const LARGEST: usize = 64 * 1024;

/// The version of Azure Pipelines' interface that all of Microsoft's SDKs ask for.
const PIPELINES_VERSION: &str = "7.1";

/// Asks for a new assertion each time: they live about five minutes, and an old one fails with AADSTS700024 in
/// longer jobs (Azure/login#372).
pub(super) struct OidcAssertion {
    /// Who issues it, for messages.
    issuer: &'static str,
    method: Method,
    url: Url,
    /// The answer's member that holds it.
    member: &'static str,
    token: Secret,
    transport: Transport,
}

impl fmt::Debug for OidcAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OidcAssertion of {}", self.issuer)
    }
}

impl OidcAssertion {
    /// Of GitHub. `url` is `ACTIONS_ID_TOKEN_REQUEST_URL`, `token` the bearer for it; GitHub issues the assertion
    /// for any audience it is asked for.
    pub(super) fn github(
        url: &str,
        token: Secret,
        audience: &str,
        transport: Transport,
    ) -> Result<OidcAssertion, String> {
        let mut url = address(GITHUB_URL, url)?;
        url.query_pairs_mut().append_pair("audience", audience);
        let (method, member) = (Method::Get, "value");
        Ok(OidcAssertion { issuer: "GitHub", method, url, member, token, transport })
    }

    /// Of Azure Pipelines. `url` is `SYSTEM_OIDCREQUESTURI`, `token` the job's `System.AccessToken`, `connection`
    /// the service connection's id. The audience is Azure Pipelines' choice, it takes no parameter for it: the
    /// federated credential has to name the one that the service connection shows. Seen is
    /// `api://AzureADTokenExchange`; whether connections to sovereign clouds get another is not confirmed, and
    /// Microsoft Entra ID says so if it does not fit.
    pub(super) fn pipelines(
        url: &str,
        token: Secret,
        connection: &str,
        transport: Transport,
    ) -> Result<OidcAssertion, String> {
        let mut url = address(PIPELINES_URL, url)?;
        url.query_pairs_mut()
            .append_pair("api-version", PIPELINES_VERSION)
            .append_pair("serviceConnectionId", connection);
        let (method, member) = (Method::Post, "oidcToken");
        Ok(OidcAssertion { issuer: "Azure Pipelines", method, url, member, token, transport })
    }

    fn refused(&self, status: StatusCode, why: &str) -> Error {
        let kind = if status.is_success() {
            ErrorKind::Credential
        } else {
            ErrorKind::HttpResponse { status, error_code: None, raw_response: None }
        };
        Error::with_message(kind, format!("{} gave no assertion: {why}", self.issuer))
    }
}

/// The address in `variable`, if the job's bearer may go there.
fn address(variable: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{variable} is no address: {error}"))?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{variable} is not https; its token is not sent there"));
    }
    Ok(url)
}

#[async_trait::async_trait]
impl ClientAssertion for OidcAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut request = Request::new(self.url.clone(), self.method);
        request.insert_header("accept", "application/json");
        request.insert_header("authorization", format!("Bearer {}", self.token.secret()));
        if self.method == Method::Post {
            request.insert_header("content-length", "0");
            // Without it Azure DevOps answers a refused token with a redirect to its sign-in page.
            request.insert_header("x-tfs-fedauthredirect", "Suppress");
        }
        let response = self.transport.send(&Context::new(), &mut request).await?;
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > LARGEST {
                return Err(self.refused(status, "its answer is too large"));
            }
        }
        if !status.is_success() {
            let kind =
                headers.get_optional_str(&HeaderName::from_static("content-type")).unwrap_or("no type");
            return Err(self.refused(status, &format!("it answered {} ({kind})", u16::from(status))));
        }
        // The reader's error is not passed on: it could quote the assertion.
        let answer: serde_json::Value =
            serde_json::from_slice(&body).map_err(|_| self.refused(status, "its answer is no JSON"))?;
        match answer.get(self.member).and_then(serde_json::Value::as_str) {
            Some(assertion) if !assertion.is_empty() => Ok(assertion.to_owned()),
            _ => Err(self.refused(status, &format!("its answer has no '{}'", self.member))),
        }
    }
}
