//! Assertions of GitHub Actions.
//! docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect

use std::fmt;

use azure_core::credentials::Secret;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::HeaderName;
use azure_core::http::{ClientMethodOptions, Context, Method, Request, StatusCode, Transport};
use azure_identity::ClientAssertion;
use futures::StreamExt as _;
use url::Url;

/// The largest answer taken, in bytes.
const LARGEST: usize = 64 * 1024;

/// Asks GitHub for a new assertion each time: they live about five minutes, and an old one fails with
/// AADSTS700024 in longer jobs (Azure/login#372).
pub(super) struct GithubAssertion {
    url: Url,
    token: Secret,
    transport: Transport,
}

impl fmt::Debug for GithubAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GithubAssertion")
    }
}

impl GithubAssertion {
    /// `url` is `ACTIONS_ID_TOKEN_REQUEST_URL`, `token` the bearer for it.
    pub(super) fn new(
        url: &str,
        token: Secret,
        audience: &str,
        transport: Transport,
    ) -> Result<GithubAssertion, String> {
        let mut url = Url::parse(url)
            .map_err(|error| format!("ACTIONS_ID_TOKEN_REQUEST_URL is no address: {error}"))?;
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Err("ACTIONS_ID_TOKEN_REQUEST_URL is not https; its token is not sent there".to_owned());
        }
        url.query_pairs_mut().append_pair("audience", audience);
        Ok(GithubAssertion { url, token, transport })
    }
}

#[async_trait::async_trait]
impl ClientAssertion for GithubAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut request = Request::new(self.url.clone(), Method::Get);
        request.insert_header("accept", "application/json");
        request.insert_header("authorization", format!("Bearer {}", self.token.secret()));
        let response = self.transport.send(&Context::new(), &mut request).await?;
        let (status, headers, mut stream) = response.deconstruct();
        let mut body = Vec::new();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > LARGEST {
                return Err(refused(status, "its answer is too large"));
            }
        }
        if !status.is_success() {
            let kind =
                headers.get_optional_str(&HeaderName::from_static("content-type")).unwrap_or("no type");
            return Err(refused(status, &format!("it answered {} ({kind})", u16::from(status))));
        }
        // The reader's error is not passed on: it could quote the assertion.
        let answer: serde_json::Value =
            serde_json::from_slice(&body).map_err(|_| refused(status, "its answer is no JSON"))?;
        match answer.get("value").and_then(serde_json::Value::as_str) {
            Some(assertion) if !assertion.is_empty() => Ok(assertion.to_owned()),
            _ => Err(refused(status, "its answer has no 'value'")),
        }
    }
}

fn refused(status: StatusCode, why: &str) -> Error {
    let kind = if status.is_success() {
        ErrorKind::Credential
    } else {
        ErrorKind::HttpResponse { status, error_code: None, raw_response: None }
    };
    Error::with_message(kind, format!("GitHub gave no assertion: {why}"))
}
