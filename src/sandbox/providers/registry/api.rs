//! The registries' own API, as far as a tag is looked up with it: the challenge, the two token
//! endpoints and manifests.
//!
//! Source: Azure/acr, docs/AAD-OAuth.md; the OCI distribution specification for manifests and errors.
//! A caller's Entra token is exchanged for a refresh token of the registry, that for an access token
//! of one repository, and only the access token opens a manifest.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use url::form_urlencoded;

use super::pull::{self, Denial, Image};
use crate::sandbox::callers::{CALLERS_ADDRESS, TOKEN_PREFIX};
use crate::sandbox::exchange::find;
use crate::sandbox::http::{Request, Response};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{Caller, Manifest, Registry, State};

/// How long tokens of the registry live: 3 hours (Azure/acr-cli#641) and 75 minutes (AAD-OAuth.md).
const REFRESH: time::Duration = time::Duration::hours(3);
const ACCESS: time::Duration = time::Duration::minutes(75);

/// A request to a registry, and what answering it needs.
pub(in crate::sandbox) struct Call<'a> {
    pub(in crate::sandbox) state: &'a State,
    pub(in crate::sandbox) now: OffsetDateTime,
    pub(in crate::sandbox) rules: &'a Switches,
    pub(in crate::sandbox) registry: &'a Registry,
    pub(in crate::sandbox) request: &'a Request,
}

/// A tag that was given.
#[derive(Clone)]
pub(in crate::sandbox) struct Tagged {
    pub(in crate::sandbox) registry: String,
    pub(in crate::sandbox) repository: String,
    pub(in crate::sandbox) tag: String,
    pub(in crate::sandbox) digest: String,
}

/// Why there is no answer: the registry's refusal, and the scope to ask a token for.
struct Refusal {
    denial: Denial,
    scope: Option<String>,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Refusal {
        Refusal { denial, scope: None }
    }
}

impl Call<'_> {
    /// The answer, the name of the caller whose token came with the request, and the tag it gives.
    pub(in crate::sandbox) fn answer(&self) -> (Response, Option<String>, Option<Tagged>) {
        let (mut caller, mut tagged) = (None, None);
        let mut response =
            self.route(&mut caller, &mut tagged).unwrap_or_else(|refusal| self.refused(&refusal));
        response.headers.push(("docker-distribution-api-version".to_owned(), "registry/2.0".to_owned()));
        if self.request.method == "HEAD" {
            response.headers.push(("content-length".to_owned(), response.body.len().to_string()));
            response.body = Vec::new();
        }
        (response, caller, tagged)
    }

    fn route(&self, caller: &mut Option<String>, tagged: &mut Option<Tagged>) -> Result<Response, Refusal> {
        if !pull::reachable(self.registry, CALLERS_ADDRESS) {
            return Err(Denial::address(CALLERS_ADDRESS).into());
        }
        let path = self.request.path.trim_end_matches('/');
        match (self.request.method.as_str(), path) {
            ("POST", "/oauth2/exchange") => self.exchange(caller),
            ("POST", "/oauth2/token") => self.token(caller),
            ("GET" | "HEAD", "/v2") => {
                let token = self.access_token().ok_or_else(Denial::unauthorized)?;
                *caller = Some(token.caller);
                Ok(respond(200, &json!({})))
            }
            ("GET" | "HEAD", path) => match manifest_path(path) {
                Some((repository, reference)) => self.manifest(repository, reference, caller),
                None => Err(unsupported(404).into()),
            },
            ("PUT", path) => match manifest_path(path) {
                Some((repository, reference)) => {
                    let (response, given) = self.put_manifest(repository, reference, caller)?;
                    *tagged = Some(given);
                    Ok(response)
                }
                None => Err(unsupported(404).into()),
            },
            _ => Err(unsupported(405).into()),
        }
    }

    /// `PUT /v2/NAME/manifests/TAG` of a manifest that is there: a further tag. Nothing else is pushed here.
    fn put_manifest(
        &self,
        repository: &str,
        tag: &str,
        caller: &mut Option<String>,
    ) -> Result<(Response, Tagged), Refusal> {
        let token = self.access_token();
        *caller = token.as_ref().map(|token| token.caller.clone());
        if token.is_none_or(|token| !token.push || token.repository.as_deref() != Some(repository)) {
            let scope = Some(format!("repository:{repository}:pull,push"));
            return Err(Refusal { denial: Denial::unauthorized(), scope });
        }
        let invalid = || Denial {
            status: 400,
            code: "MANIFEST_INVALID",
            message: "manifest invalid: it is none that is here".to_owned(),
        };
        let body: Json = serde_json::from_slice(&self.request.body).map_err(|_| invalid())?;
        let told = body["config"]["digest"].as_str().unwrap_or_default();
        let (digest, manifest) = self.registry.find(repository, told).ok_or_else(invalid)?;
        if find(&self.request.headers, "content-type") != Some(manifest.media_type()) {
            return Err(invalid().into());
        }
        let mut response = respond(201, &json!({}));
        response.body = Vec::new();
        let server = self.registry.login_server();
        response.headers = vec![
            ("location".to_owned(), format!("https://{server}/v2/{repository}/manifests/{digest}")),
            ("docker-content-digest".to_owned(), digest.to_owned()),
        ];
        let tagged = Tagged {
            registry: self.registry.id.clone(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        };
        Ok((response, tagged))
    }

    /// `POST /oauth2/exchange`: an Entra token for a refresh token of the registry.
    fn exchange(&self, caller: &mut Option<String>) -> Result<Response, Refusal> {
        self.form("grant_type").filter(|grant| grant == "access_token").ok_or_else(unreadable)?;
        self.service()?;
        let token = self.form("access_token").ok_or_else(unreadable)?;
        let (name, known) = token
            .strip_prefix(TOKEN_PREFIX)
            .and_then(|name| self.state.callers.get_key_value(name))
            .ok_or_else(Denial::unauthorized)?;
        *caller = Some(name.clone());
        let tenant = self.form("tenant").is_none_or(|tenant| tenant.eq_ignore_ascii_case(&self.state.tenant));
        // The sandbox's tokens are for the audience of ARM.
        if !tenant || !self.registry.takes_arm_tokens() {
            return Err(Denial::unauthorized().into());
        }
        if self.rules.holds(Switch::ExchangeNeedsRight) && !self.may_pull(known) {
            return Err(Denial::unauthorized().into());
        }
        let token = Token { caller: name.clone(), repository: None, push: false, until: self.now + REFRESH };
        Ok(respond(200, &json!({ "refresh_token": token.write(self.registry) })))
    }

    /// `POST /oauth2/token`: a refresh token for an access token of one repository.
    fn token(&self, caller: &mut Option<String>) -> Result<Response, Refusal> {
        self.form("grant_type").filter(|grant| grant == "refresh_token").ok_or_else(unreadable)?;
        self.service()?;
        let scope = self.form("scope").ok_or_else(unreadable)?;
        let push =
            scope.rsplit(':').next().is_some_and(|actions| actions.split(',').any(|one| one == "push"));
        let repository = scope
            .strip_prefix("repository:")
            .and_then(|rest| rest.rsplit_once(':'))
            .filter(|(_, actions)| actions.split(',').any(|action| action == "pull"))
            .map(|(repository, _)| repository.to_owned())
            .ok_or_else(unreadable)?;
        let refresh = self
            .form("refresh_token")
            .and_then(|text| Token::read(&text, self.registry, self.now))
            .filter(|token| token.repository.is_none())
            .ok_or_else(Denial::unauthorized)?;
        *caller = Some(refresh.caller.clone());
        let known = self.state.callers.get(&refresh.caller).ok_or_else(Denial::unauthorized)?;
        let may = self.may_pull(known);
        if !may && self.rules.holds(Switch::TokenNeedsRight) {
            return Err(Refusal { denial: Denial::unauthorized(), scope: Some(scope) });
        }
        // Without the right it is a token that opens nothing.
        let repository = if may { repository } else { String::new() };
        // It opens of what was asked for what the caller may.
        let push = push && pull::may_push(self.state, self.now, self.registry, &known.principal);
        let until = self.now + ACCESS;
        let token = Token { caller: refresh.caller, repository: Some(repository), push, until };
        Ok(respond(200, &json!({ "access_token": token.write(self.registry) })))
    }

    /// `GET` and `HEAD /v2/NAME/manifests/REFERENCE`.
    fn manifest(
        &self,
        repository: &str,
        reference: &str,
        caller: &mut Option<String>,
    ) -> Result<Response, Refusal> {
        let token = self.access_token();
        *caller = token.as_ref().map(|token| token.caller.clone());
        if token.is_none_or(|token| token.repository.as_deref() != Some(repository)) {
            let scope = Some(format!("repository:{repository}:pull"));
            return Err(Refusal { denial: Denial::unauthorized(), scope });
        }
        let image = Image { server: self.registry.login_server(), repository, reference };
        let Some((digest, manifest)) = self.registry.find(repository, reference) else {
            return Err(Denial::unknown(self.rules, self.registry, &image).into());
        };
        if !self.accepts(manifest) {
            return Err(Denial {
                status: 404,
                code: "MANIFEST_UNKNOWN",
                message: "OCI index found, but accept header does not support OCI indexes".to_owned(),
            }
            .into());
        }
        let media = manifest.media_type();
        let mut response = respond(
            200,
            // Whoever puts it again says by this which one it is: nothing here has a content to be hashed.
            &json!({ "schemaVersion": 2, "mediaType": media, "config": { "digest": digest } }),
        );
        response.headers = vec![
            ("content-type".to_owned(), media.to_owned()),
            ("docker-content-digest".to_owned(), digest.to_owned()),
            ("etag".to_owned(), format!("\"{digest}\"")),
        ];
        Ok(response)
    }

    /// Whether the request's `Accept` names the manifest's media type. Docker's own is sent to
    /// everybody.
    fn accepts(&self, manifest: &Manifest) -> bool {
        !manifest.index
            || !self.rules.holds(Switch::IndexNeedsAccept)
            || self
                .request
                .headers
                .iter()
                .filter(|(name, _)| name == "accept")
                .flat_map(|(_, value)| value.split(','))
                .any(|media| {
                    matches!(media.split(';').next().map(str::trim), Some(media) if media == manifest.media_type())
                })
    }

    fn may_pull(&self, caller: &Caller) -> bool {
        pull::allowed(self.state, self.now, self.registry, &caller.principal)
    }

    /// A field of the request's form, unless empty.
    fn form(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(&self.request.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .filter(|value| !value.is_empty())
    }

    /// The form must name this registry.
    fn service(&self) -> Result<(), Refusal> {
        let named = self.form("service").ok_or_else(unreadable)?;
        if named.eq_ignore_ascii_case(self.registry.login_server()) {
            Ok(())
        } else {
            Err(unreadable().into())
        }
    }

    /// The access token that the request carries, when it is one of this registry's and still good.
    fn access_token(&self) -> Option<Token> {
        let (scheme, token) = find(&self.request.headers, "authorization")?.split_once(' ')?;
        Token::read(token.trim(), self.registry, self.now)
            .filter(|token| scheme.eq_ignore_ascii_case("bearer") && token.repository.is_some())
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        let mut response = respond(refusal.denial.status, &refusal.denial.body());
        if refusal.denial.status == 401 {
            let server = self.registry.login_server();
            let scope =
                refusal.scope.as_ref().map_or_else(String::new, |scope| format!(",scope=\"{scope}\""));
            let challenge =
                format!("Bearer realm=\"https://{server}/oauth2/token\",service=\"{server}\"{scope}");
            response.headers.push(("www-authenticate".to_owned(), challenge));
        }
        response
    }
}

/// Name and reference in `/v2/NAME/manifests/REFERENCE`.
fn manifest_path(path: &str) -> Option<(&str, &str)> {
    let (name, reference) = path.strip_prefix("/v2/")?.rsplit_once("/manifests/")?;
    (!name.is_empty() && !reference.is_empty() && !reference.contains('/')).then_some((name, reference))
}

/// What a token of a registry says: real ones are signed, these are only ours to read.
struct Token {
    caller: String,
    /// The repository it opens; a refresh token has none.
    repository: Option<String>,
    /// Whether it lets its caller push there.
    push: bool,
    until: OffsetDateTime,
}

impl Token {
    fn write(&self, registry: &Registry) -> String {
        let kind = match (&self.repository, self.push) {
            (None, _) => "refresh",
            (Some(_), false) => "access",
            (Some(_), true) => "push",
        };
        let repository = self.repository.as_deref().unwrap_or_default();
        format!(
            "sandbox-acr-{kind}|{}|{}|{}|{repository}",
            registry.login_server(),
            self.until.unix_timestamp(),
            self.caller
        )
    }

    /// The token in `text`, if `registry` wrote it and it still holds.
    fn read(text: &str, registry: &Registry, now: OffsetDateTime) -> Option<Token> {
        let mut parts = text.strip_prefix("sandbox-acr-")?.splitn(5, '|');
        let (kind, server) = (parts.next()?, parts.next()?);
        let until = OffsetDateTime::from_unix_timestamp(parts.next()?.parse().ok()?).ok()?;
        let (caller, repository) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let (push, repository) = (kind == "push", (kind != "refresh").then_some(repository));
        let good = server == registry.login_server() && now < until;
        good.then_some(Token { caller, repository, push, until })
    }
}

fn unreadable() -> Denial {
    Denial { status: 400, code: "BAD_REQUEST", message: "the form is not what the endpoint takes".to_owned() }
}

fn unsupported(status: u16) -> Denial {
    Denial { status, code: "UNSUPPORTED", message: "The operation is unsupported.".to_owned() }
}

fn respond(status: u16, body: &Json) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    Response { status, headers, body: body.to_string().into_bytes() }
}
