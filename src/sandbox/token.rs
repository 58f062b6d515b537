//! What the sandbox knows of Entra ID: the client-credentials grant and the metadata that leads to it.
//!
//! Source of the shapes: "Microsoft identity platform and the OAuth 2.0 client credentials flow" and
//! "`OpenID` Connect on the Microsoft identity platform" on learn.microsoft.com; error codes from
//! "Microsoft Entra authentication and authorization error codes" there.

use serde_json::{Value as Json, json};
use url::form_urlencoded;

use super::callers::TOKEN_PREFIX;
use super::http::Response;
use super::seed::CALLERS;

/// Seconds that a token is said to live. The sandbox accepts it for ever.
const LIFETIME: u32 = 3599;

/// The tenant in `/{tenant}/oauth2/v2.0/token`, if that is what `path` is.
pub(super) fn token_path(path: &str) -> Option<&str> {
    one_segment(path.strip_suffix("/oauth2/v2.0/token")?)
}

/// The tenant in `/{tenant}/v2.0/.well-known/openid-configuration`, if that is what `path` is.
pub(super) fn discovery_path(path: &str) -> Option<&str> {
    one_segment(path.strip_suffix("/v2.0/.well-known/openid-configuration")?)
}

/// `x` of `/x`.
fn one_segment(path: &str) -> Option<&str> {
    path.strip_prefix('/').filter(|segment| !segment.is_empty() && !segment.contains('/'))
}

/// Answers a token request: the bearer token of the caller that `client_id` names. Any secret or
/// assertion is accepted, but there must be one, as Entra demands; the sandbox has no passwords.
pub(super) fn token(form: &[u8]) -> Response {
    let field = |name: &str| {
        form_urlencoded::parse(form)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    };
    let Some(grant) = field("grant_type") else {
        return refused(
            400,
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'grant_type'.",
        );
    };
    if grant != "client_credentials" {
        return refused(
            400,
            "unsupported_grant_type",
            70_003,
            "The sandbox knows only the grant type 'client_credentials'.",
        );
    }
    if field("client_secret").or_else(|| field("client_assertion")).is_none() {
        return refused(
            401,
            "invalid_client",
            7_000_216,
            "'client_assertion' or 'client_secret' is required for the 'client_credentials' grant type.",
        );
    }
    let client = field("client_id").unwrap_or_default();
    let mut callers = CALLERS.iter().map(|(name, _)| *name);
    let Some(caller) = callers.find(|name| *name == client) else {
        let known: Vec<&str> = CALLERS.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        return refused(
            400,
            "unauthorized_client",
            700_016,
            &format!("The sandbox has no application '{client}'. Its client ids are: {known}."),
        );
    };
    let token = json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME,
        "ext_expires_in": LIFETIME,
        "access_token": format!("{TOKEN_PREFIX}{caller}"),
    });
    // RFC 6749 §5.1: an answer with a token must not be stored.
    respond(200, &token, &[("cache-control", "no-store")])
}

/// The `OpenID` configuration of `tenant`, as far as a client-credentials client reads it.
pub(super) fn discovery(endpoint: &str, tenant: &str) -> Response {
    let document = json!({
        "issuer": format!("{endpoint}/{tenant}/v2.0"),
        "authorization_endpoint": format!("{endpoint}/{tenant}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{endpoint}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    respond(200, &document, &[])
}

/// Entra's error shape.
fn refused(status: u16, error: &str, code: u32, message: &str) -> Response {
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{code}: {message}"),
        "error_codes": [code],
    });
    respond(status, &body, &[])
}

/// A JSON answer.
pub(super) fn respond(status: u16, body: &Json, headers: &[(&str, &str)]) -> Response {
    let mut all = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Response { status, headers: all, body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_paths_below_one_tenant_are_ours() {
        assert_eq!(token_path("/contoso/oauth2/v2.0/token"), Some("contoso"));
        assert_eq!(token_path("//oauth2/v2.0/token"), None);
        assert_eq!(token_path("/a/b/oauth2/v2.0/token"), None);
        assert_eq!(discovery_path("/t/v2.0/.well-known/openid-configuration"), Some("t"));
    }
}
