//! Who is calling, read from the token without verifying it: for display and advice only.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use url::Url;

use super::clouds::ENTRA_ISSUER_HOSTS;

/// What sort of principal calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A person.
    User,
    /// An application.
    ServicePrincipal,
    /// An application that is a managed identity.
    ManagedIdentity,
    /// A caller of the sandbox.
    Sandbox,
    /// The token does not say.
    Unknown,
}

/// The calling principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What sort it is.
    pub kind: CallerKind,
    /// A person's sign-in name or an application's id; a word when the token says neither.
    pub name: String,
    /// The object id in the tenant: what role assignments name as principal.
    pub object_id: Option<String>,
    /// The tenant.
    pub tenant_id: Option<String>,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        f.write_str(match self.kind {
            CallerKind::User | CallerKind::Unknown => "",
            CallerKind::ServicePrincipal => " (application)",
            CallerKind::ManagedIdentity => " (managed identity)",
            CallerKind::Sandbox => " (sandbox caller)",
        })
    }
}

impl Caller {
    /// A caller of the sandbox, whose object id is not known.
    pub fn sandbox(name: &str) -> Caller {
        Caller { kind: CallerKind::Sandbox, name: name.to_owned(), object_id: None, tenant_id: None }
    }

    /// The caller whom a token names. A token that is no JWT names nobody.
    /// Claims: learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
    pub fn from_token(token: &str) -> Caller {
        let claims = payload(token).unwrap_or_default();
        let text = |name: &str| {
            let text = crate::value::strip_control(claims.get(name)?.as_str()?);
            Some(text).filter(|text| !text.is_empty())
        };
        let person = ["upn", "preferred_username", "unique_name", "email"].into_iter().find_map(text);
        let application = ["appid", "azp"].into_iter().find_map(text);
        // `idtyp` is optional; a token for an application has no name of a person.
        let is_application = text("idtyp").as_deref() == Some("app") || person.is_none();
        let (kind, name) = match (person, application) {
            (Some(person), _) if !is_application => (CallerKind::User, person),
            // `xms_mirid`: the resource id of a managed identity.
            (_, Some(application)) if text("xms_mirid").is_some() => {
                (CallerKind::ManagedIdentity, application)
            }
            (_, Some(application)) => (CallerKind::ServicePrincipal, application),
            (Some(person), None) => (CallerKind::Unknown, person),
            (None, None) => (CallerKind::Unknown, "an unknown caller".to_owned()),
        };
        Caller { kind, name, object_id: text("oid"), tenant_id: text("tid") }
    }
}

/// The claims of a JWT, unverified.
fn payload(token: &str) -> Option<Map<String, Value>> {
    // Lenient on purpose: what a strict reader refuses, a lenient server may still accept.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let part = token.split('.').nth(1)?;
    let bytes = [alphabet::URL_SAFE, alphabet::STANDARD]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, lenient).decode(part).ok())?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

/// The issuer's host when the token is a JWT that Microsoft Entra ID issued.
pub(crate) fn entra_issuer(token: &str) -> Option<String> {
    let claims = payload(token)?;
    let issuer = claims.get("iss")?.as_str()?;
    let host = Url::parse(issuer).ok()?.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let is = |known: &&str| host == **known || host.ends_with(&format!(".{known}"));
    ENTRA_ISSUER_HOSTS.iter().any(is).then_some(host)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// An unsigned JWT with these claims.
    pub(crate) fn jwt(claims: &Value) -> String {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(r#"{"alg":"none"}"#.to_owned()), part(claims.to_string()))
    }

    #[test]
    fn a_caller_is_named_by_what_the_token_says() {
        let person = Caller::from_token(&jwt(&serde_json::json!({
            "upn": "ada@contoso.com\u{1b}[2J", "oid": "o-1", "tid": "t-1", "appid": "04b07795"})));
        assert_eq!(person.kind, CallerKind::User);
        assert_eq!(person.name, "ada@contoso.com[2J");
        assert_eq!((person.object_id.as_deref(), person.tenant_id.as_deref()), (Some("o-1"), Some("t-1")));

        let application =
            Caller::from_token(&jwt(&serde_json::json!({"appid": "a-1", "idtyp": "app", "oid": "o-2"})));
        assert_eq!((application.kind, application.name.as_str()), (CallerKind::ServicePrincipal, "a-1"));

        let identity =
            Caller::from_token(&jwt(&serde_json::json!({"appid": "a-2", "xms_mirid": "/subscriptions/x"})));
        assert_eq!(identity.kind, CallerKind::ManagedIdentity);

        for nobody in ["", "opaque", "a.b.c", "a.e30.c", "..", "a.WzFd.c"] {
            assert_eq!(Caller::from_token(nobody).kind, CallerKind::Unknown, "{nobody}");
        }
    }

    #[test]
    fn an_issuer_of_entra_is_known_in_every_cloud_and_spelling() {
        for issuer in [
            "https://sts.windows.net/t/",
            "https://login.microsoftonline.com/t/v2.0",
            "https://LOGIN.microsoftonline.US/t/v2.0",
            "https://login.partner.microsoftonline.cn/t/v2.0",
            "https://sts.chinacloudapi.cn./t/",
            "https://eu.login.microsoftonline.com/t",
        ] {
            let token = jwt(&serde_json::json!({"iss": issuer}));
            assert!(entra_issuer(&token).is_some(), "{issuer}");
            // Standard alphabet with padding says the same to a lenient server.
            let part = token.split('.').nth(1).unwrap();
            let padded =
                base64::engine::general_purpose::STANDARD.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
            assert!(entra_issuer(&format!("x.{padded}.y")).is_some(), "{issuer}, padded");
        }
        for other in
            ["https://sandbox.localhost/", "https://notsts.windows.net.evil.example/", "sts.windows.net", ""]
        {
            assert!(entra_issuer(&jwt(&serde_json::json!({"iss": other}))).is_none(), "{other}");
        }
        assert!(entra_issuer("sandbox-owner").is_none());
    }
}
