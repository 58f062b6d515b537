//! Assertions that a client signs itself.
//! learn.microsoft.com/entra/identity-platform/certificate-credentials

use std::fmt;
use std::sync::Arc;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::certificate::Certificate;
use crate::clock::Clock;

/// How long an assertion is valid.
const LIFE: Duration = Duration::minutes(10);

/// Signs a new assertion for each token.
pub(super) struct SignedAssertion {
    pub(super) certificate: Certificate,
    /// Whether the chain goes with it: an application that trusts a subject name and issuer needs it.
    pub(super) send_chain: bool,
    pub(super) client_id: String,
    /// The token endpoint that it is for.
    pub(super) audience: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for SignedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedAssertion")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for SignedAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now = self.clock.now();
        let mut header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.certificate.thumbprint() });
        if self.send_chain
            && let Some(header) = header.as_object_mut()
        {
            header.insert("x5c".to_owned(), json!(self.certificate.chain()));
        }
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "iat": now.unix_timestamp(),
            "nbf": now.unix_timestamp(),
            "exp": (now + LIFE).unix_timestamp(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.certificate.sign(message.as_bytes()).map_err(|error| {
            Error::with_error(ErrorKind::Credential, error, "the certificate's key signs no assertion")
        })?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
