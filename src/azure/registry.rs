//! What a container registry says of an image: its data plane, which is not Azure Resource Manager's.
//!
//! The caller's token is exchanged for one of the registry, that for one that may pull from one
//! repository, and with it the manifest is asked for
//! (<https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md>; OCI distribution specification).
//!
//! Each of these tokens goes to `https://<resource name><suffix of the cloud>` and nowhere else: not where
//! `loginServer` points, not to the realm that a refusal names, not along a redirect. At an endpoint that
//! the caller named, which may be anybody's, nothing is sent at all.

use std::fmt::Display;
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_core::http::Request;
use azure_core::http::headers::{HeaderName, Headers};
use bytes::Bytes;
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;
use url::form_urlencoded::Serializer;

use super::client::ArmClient;
use super::clouds::Cloud;
use super::endpoint::{Bearer, EndpointKind};
use super::envelope::{self, Envelope};
use super::errors::{ArmError, ArmErrorKind, HttpFailure, Last};
use super::ids::ResourceId;
use super::image::{is_digest, is_repository, is_tag};
use super::request::Method;
use super::tries::no_token_in_time;
use super::{retry, text};
use crate::clock::within;

/// The scope of tokens for registries: accepted also where those for Azure Resource Manager are not
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm>).
const SCOPE: &str = "https://containerregistry.azure.net/.default";

/// How long a registry is asked. A closed network swallows connections, and a run has other things to do.
const PATIENCE: time::Duration = time::Duration::minutes(1);

/// The longest wait for one answer: a few fit into that minute.
const PER_TRY: Duration = Duration::from_secs(20);

/// The largest manifest that a registry must take (OCI distribution specification), and so the largest answer.
const LARGEST: usize = 4 * 1024 * 1024;

/// The longest token that is taken, in bytes.
const LONGEST_TOKEN: usize = 32 * 1024;

/// The media types of images and of indexes of images. Without the indexes a registry answers with the one
/// image it thinks best, under another digest.
const MEDIA_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// The type of a container registry.
const REGISTRY: &str = "Microsoft.ContainerRegistry/registries";

/// What a registry says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// It is there.
    Found {
        /// The manifest's digest.
        digest: String,
    },
    /// The registry does not have it.
    Absent {
        /// The registry's code: `MANIFEST_UNKNOWN`, `NAME_UNKNOWN`.
        code: String,
    },
    /// The registry does not let the caller see, or cannot be reached from here: asking again changes nothing.
    Refused {
        /// Why, in one line.
        reason: String,
    },
    /// It was asked, and its answer is none. It may have another one later.
    Failed {
        /// What came instead, in one line.
        reason: String,
    },
}

/// The server of the registry of this name under a cloud's suffix for registries; `None`: no registry has
/// such a name (5 to 50 letters and digits,
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>).
pub fn server(suffix: &str, name: &str) -> Option<String> {
    let fits = (5..=50).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    (fits && !suffix.is_empty()).then(|| format!("{}{suffix}", name.to_ascii_lowercase()))
}

impl ArmClient {
    /// Asks the registry for the digest of `reference` (a tag or a digest) in `repository`. Whatever keeps it
    /// from being told is an answer too: nothing of Azure Resource Manager hangs on it. A refusal and a fault
    /// are told apart, because an image that is written by its tag for a passing fault would be written once
    /// more by its digest.
    pub async fn manifest(
        &self,
        registry: &ResourceId,
        repository: &str,
        reference: &str,
        deadline: OffsetDateTime,
    ) -> Manifest {
        let deadline = deadline.min(self.inner.clock.now() + PATIENCE);
        let mut registry = match Registry::new(self, registry, repository, reference, deadline) {
            Ok(registry) => registry,
            Err(reason) => return Manifest::Refused { reason: reason.to_owned() },
        };
        let server = registry.server.clone();
        let told = |why: &dyn Display| format!("{server}: {why}");
        match registry.digest(repository, reference).await {
            Ok(digest) => Manifest::Found { digest },
            Err(Refusal::Absent(code)) => Manifest::Absent { code },
            Err(Refusal::Reason(reason)) => Manifest::Failed { reason: told(&reason) },
            Err(Refusal::Error(error)) if answered_ill(&error) => {
                Manifest::Failed { reason: told(error.kind()) }
            }
            Err(Refusal::Error(error)) => Manifest::Refused { reason: told(error.kind()) },
        }
    }
}

impl ArmClient {
    /// Gives the image with `digest` a further tag: its manifest is put once more, under that name (OCI
    /// distribution specification, "Pushing Manifests"). The same request again is the same tag.
    ///
    /// # Errors
    /// Why not, in one line.
    pub async fn give_tag(
        &self,
        registry: &ResourceId,
        repository: &str,
        digest: &str,
        tag: &str,
        deadline: OffsetDateTime,
    ) -> Result<(), String> {
        let deadline = deadline.min(self.inner.clock.now() + PATIENCE);
        let mut registry = Registry::new(self, registry, repository, digest, deadline)?;
        let server = registry.server.clone();
        let told = |why: &dyn Display| format!("{server}: {why}");
        if !is_tag(tag) {
            return Err(told(&"it is no tag"));
        }
        registry.put_tag(repository, digest, tag).await.map_err(|refusal| match refusal {
            Refusal::Absent(code) => told(&code),
            Refusal::Reason(reason) => told(&reason),
            Refusal::Error(error) => told(error.kind()),
        })
    }
}

/// Why there is no digest.
enum Refusal {
    Absent(String),
    Reason(&'static str),
    Error(ArmError),
}

impl From<ArmError> for Refusal {
    fn from(error: ArmError) -> Refusal {
        Refusal::Error(error)
    }
}

/// One registry that is asked once.
struct Registry<'c> {
    client: &'c ArmClient,
    server: String,
    deadline: OffsetDateTime,
    /// The tokens it gave, for keeping them out of texts.
    given: Vec<Secret>,
}

/// A successful answer.
type Answer = (Headers, Bytes);

/// What is sent, and as what.
type Content<'a> = (&'a str, &'a [u8]);

/// How forms are sent.
const FORM: &str = "application/x-www-form-urlencoded";

impl<'c> Registry<'c> {
    /// Refuses before anything is sent.
    fn new(
        client: &'c ArmClient,
        registry: &ResourceId,
        repository: &str,
        reference: &str,
        deadline: OffsetDateTime,
    ) -> Result<Registry<'c>, &'static str> {
        let endpoint = &client.inner.endpoint;
        if endpoint.kind() == EndpointKind::Custom {
            return Err("at an endpoint of your own no registry is asked");
        }
        if !registry.resource_type().eq_ignore_ascii_case(REGISTRY) {
            return Err("it is no container registry");
        }
        if !is_repository(repository) {
            return Err("the repository's name is none");
        }
        if !is_tag(reference) && !is_digest(reference) {
            return Err("the reference is neither a tag nor a digest");
        }
        let suffix =
            endpoint.cloud().suffixes.acr.confirmed().ok_or("the cloud's suffix is not confirmed")?;
        let server = server(suffix, registry.name()).ok_or("the registry's name is none")?;
        Ok(Registry { client, server, deadline, given: Vec::new() })
    }

    async fn put_tag(&mut self, repository: &str, digest: &str, tag: &str) -> Result<(), Refusal> {
        let access = self.access(repository, "pull,push").await?;
        let path = format!("/v2/{repository}/manifests/{digest}");
        let (headers, manifest) = self.ask(Method::Get, &path, Some(&access), None).await.map_err(absent)?;
        let media = headers.get_optional_str(&HeaderName::from_static("content-type"));
        let media = media.ok_or(Refusal::Reason("it does not say what kind of manifest it has"))?;
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (headers, _) = self.ask(Method::Put, &path, Some(&access), Some((media, &manifest))).await?;
        match headers.get_optional_str(&HeaderName::from_static("docker-content-digest")) {
            Some(told) if told != digest => Err(Refusal::Reason("it took the manifest for another one")),
            _ => Ok(()),
        }
    }

    /// A token for a repository.
    async fn access(&mut self, repository: &str, actions: &str) -> Result<Secret, Refusal> {
        let entra = self.entra_token().await?;
        let form = [
            ("grant_type", "access_token"),
            ("service", &self.server.clone()),
            ("access_token", entra.secret()),
        ];
        let refresh = self.token("/oauth2/exchange", "refresh_token", &form).await?;
        let form = [
            ("grant_type", "refresh_token"),
            ("service", &self.server.clone()),
            ("scope", &format!("repository:{repository}:{actions}")),
            ("refresh_token", refresh.secret()),
        ];
        self.token("/oauth2/token", "access_token", &form).await
    }

    async fn digest(&mut self, repository: &str, reference: &str) -> Result<String, Refusal> {
        let access = self.access(repository, "pull").await?;
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = match self.ask(Method::Head, &path, Some(&access), None).await {
            // An answer to HEAD has no body: only the registry's own words say that it is not there.
            Err(error) if error.status() == Some(404) => {
                self.ask(Method::Get, &path, Some(&access), None).await.map_err(absent)
            }
            other => other.map_err(Refusal::from),
        };
        let (headers, _) = answer?;
        let told = headers.get_optional_str(&HeaderName::from_static("docker-content-digest"));
        match told.filter(|digest| is_digest(digest)) {
            Some(digest) if is_digest(reference) && digest != reference => {
                Err(Refusal::Reason("it answers with another digest"))
            }
            Some(digest) => Ok(digest.to_owned()),
            None => Err(Refusal::Reason("it names no digest")),
        }
    }

    /// The caller's token for the registry.
    async fn entra_token(&self) -> Result<Secret, Refusal> {
        let inner = &*self.client.inner;
        let (Bearer::Credential { .. }, Some((credential, _))) = (&inner.endpoint.bearer, &inner.credential)
        else {
            return match &inner.endpoint.bearer {
                Bearer::Fixed(token) => Ok(token.clone()),
                Bearer::Credential { .. } => Err(no_token_in_time().into()),
            };
        };
        let scope = scope(inner.endpoint.cloud());
        let limit = retry::remaining(inner.clock.now(), self.deadline).unwrap_or_default();
        let asked = within(&*inner.clock, limit.min(inner.limits.per_try), credential.token(scope)).await;
        let token =
            asked.ok_or_else(no_token_in_time)?.map_err(|error| self.client.credential_error(&error))?;
        Ok(token.token)
    }

    /// The token that the registry gives for `form`.
    async fn token(&mut self, path: &str, member: &str, form: &[(&str, &str)]) -> Result<Secret, Refusal> {
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let (_, bytes) = self.ask(Method::Post, path, None, Some((FORM, body.as_bytes()))).await?;
        let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let fits = |token: &&str| {
            (1..=LONGEST_TOKEN).contains(&token.len()) && token.chars().all(|c| c.is_ascii_graphic())
        };
        match json.get(member).and_then(Value::as_str).filter(fits) {
            Some(token) => {
                let token = Secret::new(token.to_owned());
                self.given.push(token.clone());
                Ok(token)
            }
            None => Err(Refusal::Reason("it gives no token")),
        }
    }

    /// A request that may be sent twice, repeated as reads are.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        content: Option<Content<'_>>,
    ) -> Result<Answer, ArmError> {
        let url = Url::parse(&format!("https://{}{path}", self.server)).map_err(|error| {
            ArmError::new(ArmErrorKind::Request { reason: error.to_string() }).on(method, path)
        })?;
        let answer = self.client.until_answered(method, path, self.deadline, false, |limit| {
            self.once(method, &url, token, content, limit.min(PER_TRY))
        });
        answer.await
    }

    async fn once(
        &self,
        method: Method,
        url: &Url,
        token: Option<&Secret>,
        content: Option<Content<'_>>,
        limit: Duration,
    ) -> Result<Answer, ArmError> {
        let mut request = Request::new(url.clone(), method.into());
        request.insert_header("accept", if token.is_some() { MEDIA_TYPES } else { "application/json" });
        if let Some(token) = token {
            request.insert_header("authorization", format!("Bearer {}", token.secret()));
        }
        if let Some((kind, bytes)) = content {
            request.insert_header("content-type", kind.to_owned());
            request.set_body(Bytes::copy_from_slice(bytes));
        }
        let client = self.client;
        let (status, headers, bytes) =
            client.exchange(&client.inner.registries, &mut request, method, limit, LARGEST).await?;
        if (200..300).contains(&status) {
            // A token that cannot be read is asked for again, as every answer is.
            let is_form = content.is_some_and(|(kind, _)| kind == FORM);
            let readable = !is_form || serde_json::from_slice::<Value>(&bytes).is_ok();
            let unreadable = ArmErrorKind::BadBody { status, reason: "it is no JSON".to_owned() };
            return if readable { Ok((headers, bytes)) } else { Err(ArmError::new(unreadable)) };
        }
        let Envelope { code, message, .. } = refusal(status, &bytes, &|text| self.clean(text));
        let retry_after = retry::retry_after(&headers, client.inner.clock.now());
        let failure = HttpFailure { status, code, message, retry_after, ..HttpFailure::default() };
        Err(ArmError::new(ArmErrorKind::Http(failure)).on(method, url.path()))
    }

    /// Foreign text, fit to be shown: no token of Azure's or of this registry's is in it.
    fn clean(&self, foreign: &str) -> String {
        text::clean(&self.client.clean(foreign), &self.given)
    }
}

/// The scope to ask for. In the sovereign clouds Microsoft's client libraries ask for Azure Resource
/// Manager's (`ContainerRegistryAudience`); whether the other one is known there is not confirmed.
fn scope(cloud: &'static Cloud) -> &'static str {
    if cloud == Cloud::public() { SCOPE } else { cloud.scope }
}

/// Whether a registry was reached and gave neither what was asked nor a refusal of it: busy, broken, or in
/// words that mean nothing. A closed network refuses (403), or swallows connections.
fn answered_ill(error: &ArmError) -> bool {
    match error.kind() {
        ArmErrorKind::Http(failure) => !matches!(failure.status, 300..=399 | 401 | 403 | 404),
        ArmErrorKind::BadBody { .. } | ArmErrorKind::TooLarge { .. } => true,
        ArmErrorKind::Deadline { last: Last::Error(error) } => answered_ill(error),
        _ => false,
    }
}

/// A 404 to the manifest in the registry's own words: it does not have it. In other words it is a proxy's.
fn absent(error: ArmError) -> Refusal {
    match error.code() {
        Some(code @ ("MANIFEST_UNKNOWN" | "NAME_UNKNOWN")) => Refusal::Absent(code.to_owned()),
        _ => Refusal::Error(error),
    }
}

/// A registry's error, `{"errors": [{code, message}]}`, or whatever else the answer holds.
fn refusal(status: u16, body: &[u8], clean: &dyn Fn(&str) -> String) -> Envelope {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let first = json.as_ref().and_then(|json| json.get("errors")?.get(0));
    match first.map(|first| envelope::from_json(first, clean)) {
        Some(envelope) if envelope.code.is_some() && !envelope.message.is_empty() => envelope,
        _ => envelope::read(status, body, clean),
    }
}
