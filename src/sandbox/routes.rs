//! What the served sandbox does with a request: refuse it, answer it, or ask the sandbox.

use std::sync::PoisonError;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};

use super::connection::Server;
use super::control::{self, HEADER};
use super::http::{Reply, Response};
use super::wire::Parts;
use super::{forwarded, metadata, token};

/// The header by which a carrier tells the sandbox the scheme that the client used.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What becomes of a request.
pub(super) enum Outcome {
    /// An answer of the server's own, which is not numbered.
    Own(Response),
    /// The sandbox's reply to request `n`.
    Azure(u64, Reply),
}

/// A request that is answered without asking the sandbox.
pub(super) struct Refusal(pub(super) Response);

impl Server {
    /// Guards, then the server's own paths, then the sandbox.
    pub(super) async fn route(&self, request: hyper::Request<Incoming>) -> Result<Outcome, Refusal> {
        let (head, body) = request.into_parts();
        let app = self.guard(&head.uri, &head.headers)?;
        let path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        let method = head.method.as_str();

        // Nothing of the server's own stands at an app's host.
        if let Some(host) = app {
            let body = self.read(body, &head.headers).await?;
            return Ok(self.ask(Parts { method, host: &host, path, query }, &head.headers, body));
        }
        if let Some(what) = path.strip_prefix(control::PREFIX) {
            if head.headers.get(HEADER).is_none_or(|token| token.as_bytes() != self.token.as_bytes()) {
                return Err(Refusal(control::refused(
                    403,
                    "SandboxControlRefused",
                    "Control requests need the header x-sandbox-token with the token of the ready line.",
                )));
            }
            let body = self.read(body, &head.headers).await?;
            return Ok(Outcome::Own(control::answer(&*self.inside, &self.announce, method, what, &body)));
        }
        if method == "GET" && path == "/metadata/endpoints" {
            let version = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
                .map(|(_, version)| version.into_owned());
            return Ok(Outcome::Own(metadata::endpoints(&self.endpoint, version.as_deref())));
        }
        if let (true, Some(tenant)) = (method == "GET", token::discovery_path(path)) {
            return Ok(Outcome::Own(token::discovery(&self.endpoint, tenant)));
        }
        if method == "POST" && token::token_path(path).is_some() {
            let body = self.read(body, &head.headers).await?;
            return Ok(Outcome::Own(token::token(&body)));
        }

        let body = self.read(body, &head.headers).await?;
        let [host, _] = &self.hosts;
        Ok(self.ask(Parts { method, host, path, query }, &head.headers, body))
    }

    /// The sandbox's reply.
    fn ask(&self, parts: Parts<'_>, headers: &HeaderMap, body: Vec<u8>) -> Outcome {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let mut request = parts.into_request(headers, body);
        // What the URLs in Azure's answers begin with is for the server to say, not for the client.
        // Nor is it for the client to say which certificate it has shown: none is asked for here.
        request.headers.retain(|(name, _)| name != FORWARDED_PROTO && name != forwarded::HEADER);
        request.headers.push((FORWARDED_PROTO.to_owned(), self.scheme.to_owned()));
        let mut n = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *n += 1;
        Outcome::Azure(*n, self.azure.handle(&request))
    }

    /// Refuses what no honest client of this server sends: a web page's `Origin`, a `Host` of another
    /// name (a web page that had its own name resolve to 127.0.0.1), or several. Gives the host when it is an
    /// app's.
    fn guard(&self, uri: &hyper::Uri, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        if headers.contains_key(header::ORIGIN) {
            return Err(Refusal(control::refused(
                403,
                "SandboxOriginRefused",
                "The sandbox answers no requests of web pages.",
            )));
        }
        let ours = |host: &str| self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host));
        let mut hosts = headers.get_all(header::HOST).iter();
        let one = hosts.next().and_then(|host| host.to_str().ok());
        let app = one.filter(|host| self.azure.is_app(host)).map(str::to_owned);
        if app.is_some() && hosts.next().is_none() && uri.authority().is_none() {
            return Ok(app);
        }
        let named = uri.authority().is_none_or(|authority| ours(authority.as_str()));
        if !named || hosts.next().is_some() || !one.is_some_and(ours) {
            return Err(Refusal(control::refused(
                421,
                "SandboxHostRefused",
                &format!("This server is {} and answers for no other host.", self.endpoint),
            )));
        }
        Ok(None)
    }

    /// The whole body, within its limits.
    async fn read(&self, body: Incoming, headers: &HeaderMap) -> Result<Vec<u8>, Refusal> {
        let limit = self.limits.body_bytes;
        let stated = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok())
            .and_then(|length| length.parse::<usize>().ok());
        let whole = match stated {
            Some(length) if length > limit.saturating_mul(DISCARD) => Ok(Ok(None)),
            _ => tokio::time::timeout(self.limits.body_time, collect(body, limit)).await,
        };
        let (status, code, message) = match whole {
            Ok(Ok(Some(bytes))) => return Ok(bytes),
            Ok(Ok(None)) => {
                (413, "RequestContentTooLarge", format!("The request is larger than {limit} bytes."))
            }
            Ok(Err(error)) => (400, "SandboxBodyUnreadable", error.to_string()),
            Err(_) => (408, "SandboxBodyTimeout", "The request's body did not arrive in time.".to_owned()),
        };
        let mut response = control::refused(status, code, &message);
        // The rest of the request was not read, so the connection cannot be used again.
        response.headers.push(("connection".to_owned(), "close".to_owned()));
        Err(Refusal(response))
    }
}

/// A body that is too large is read and thrown away up to this many times the limit: most clients
/// read the answer only after they have sent everything, and would otherwise see a broken
/// connection in its place.
const DISCARD: usize = 4;

/// The body, or `None` when it is larger than `limit` bytes.
async fn collect(mut body: Incoming, limit: usize) -> Result<Option<Vec<u8>>, hyper::Error> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            bytes.extend_from_slice(&data);
        } else if length > limit.saturating_mul(DISCARD) {
            break;
        }
    }
    Ok((length <= limit).then_some(bytes))
}
