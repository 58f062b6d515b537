//! One try of a request, and tries repeated until one answers.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Context, Pipeline, PipelineStreamOptions, Request};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::budget::{Held, Permit, TooLate};
use super::client::ArmClient;
use super::endpoint::Bearer;
use super::envelope;
use super::errors::{self, ArmError, ArmErrorKind, HttpFailure, Last};
use super::events::ClientEvent;
use super::network::bad_certificate;
use super::policies::{Correlation, Progress, Told};
use super::request::Method;
use super::retry;
use super::text;
use crate::clock::within;

/// A complete 2xx answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get_optional_str(&HeaderName::from_static(name))
    }
}

impl ArmClient {
    /// Sends until there is a 2xx answer, an error that repeating does not mend, or the deadline.
    pub(super) async fn repeat(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Value>,
        deadline: OffsetDateTime,
    ) -> Result<Answer, ArmError> {
        self.until_answered(method, url.path(), deadline, true, |_| {
            self.once(method, url, body, deadline, None)
        })
        .await
    }

    /// As [`ArmClient::repeat`], whatever one try is; it is given the time it has. `renew`: a refused token is
    /// made anew, once.
    pub(super) async fn until_answered<T, Try: Future<Output = Result<T, ArmError>>>(
        &self,
        method: Method,
        path: &str,
        deadline: OffsetDateTime,
        renew: bool,
        try_once: impl Fn(Duration) -> Try,
    ) -> Result<T, ArmError> {
        let mut last = Last::Nothing;
        let mut attempt = 0;
        let mut renewed = !renew;
        loop {
            let Some(left) = retry::remaining(self.inner.clock.now(), deadline) else {
                return Err(ArmError::new(ArmErrorKind::Deadline { last }).on(method, path));
            };
            let error = match try_once(left.min(self.inner.limits.per_try)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempt += 1;
            let pause = if error.status() == Some(401) && !renewed && self.forget_token().await {
                renewed = true;
                Duration::ZERO
            } else if retry::again(&error, attempt) {
                retry::pause(&error, attempt, self.inner.limits.first_pause)
            } else {
                return Err(error);
            };
            let left = retry::remaining(self.inner.clock.now(), deadline).unwrap_or_default();
            if pause >= left {
                last = Last::Error(error);
                return Err(ArmError::new(ArmErrorKind::Deadline { last }).on(method, path));
            }
            self.tell(ClientEvent::Retrying { after: pause, reason: error.kind().to_string(), attempt });
            self.inner.clock.sleep(pause).await;
            last = Last::Error(error);
        }
    }

    /// The leave to send one request to `path`, once the budget gives it.
    ///
    /// # Errors
    /// Its turn would come only after `deadline`.
    pub async fn permit(
        &self,
        method: Method,
        path: &str,
        deadline: OffsetDateTime,
    ) -> Result<Permit, ArmError> {
        let inner = &*self.inner;
        let held = |Held { waiting, elapsed }| self.tell(ClientEvent::Throttled { waiting, elapsed });
        let permit = inner.budget.admit(&*inner.clock, method, path, deadline, held).await;
        permit.map_err(|TooLate { throttled }| {
            let last = Last::HeldBack { throttled };
            ArmError::new(ArmErrorKind::Deadline { last }).on(method, path)
        })
    }

    /// One try, with a permit that was had before, or once the budget gives one. Nothing is sent when its turn comes
    /// only after `deadline`.
    pub(super) async fn once(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Value>,
        deadline: OffsetDateTime,
        permit: Option<Permit>,
    ) -> Result<Answer, ArmError> {
        let inner = &*self.inner;
        if !inner.endpoint.has(url) {
            let reason = "its address is not at the endpoint".to_owned();
            return Err(ArmError::new(ArmErrorKind::Request { reason }).on(method, url.path()));
        }
        let mut request = Request::new(url.clone(), method.into());
        request.insert_header("accept", "application/json");
        if let Some(body) = body {
            request.insert_header("content-type", "application/json");
            request.set_body(body.to_string());
        }
        let mut permit = match permit.filter(|permit| permit.is_for(method, url.path())) {
            Some(permit) => permit,
            None => self.permit(method, url.path(), deadline).await?,
        };
        // A deadline that has passed leaves no time for a try.
        let left = retry::remaining(inner.clock.now(), deadline).ok_or_else(|| {
            ArmError::new(ArmErrorKind::Deadline { last: Last::Nothing }).on(method, url.path())
        })?;
        let (limit, bound) = (left.min(inner.limits.per_try), inner.limits.response_bytes);
        permit.sent();
        let outcome = self.exchange(&inner.pipeline, &mut request, method, limit, bound).await;
        let now = inner.clock.now();
        if let Ok((_, headers, _)) = &outcome {
            permit.answered(headers, now);
        }
        let outcome = outcome.and_then(|(status, headers, bytes)| self.judge(status, headers, &bytes));
        // 429 may also mean that the resource is busy (`RetryableErrorDueToAnotherOperation`).
        if let Err(error) = outcome.as_ref()
            && error.is_throttled()
            && !error.is_busy()
        {
            permit.refused(error.retry_after().unwrap_or(inner.limits.first_pause), now);
        }
        drop(permit);
        outcome.map_err(|error| error.on(method, url.path()))
    }

    /// Sends a request through `pipeline` and takes the whole answer, of at most `bound` bytes.
    pub(super) async fn exchange(
        &self,
        pipeline: &Pipeline,
        request: &mut Request,
        method: Method,
        limit: Duration,
        bound: usize,
    ) -> Result<(u16, Headers, Bytes), ArmError> {
        let inner = &*self.inner;
        let progress = Progress::new(method);
        let context = Context::new()
            .with_value(Arc::clone(&progress))
            .with_value(Arc::new(Correlation(self.correlation_id())))
            .with_value(Arc::new(Told(Arc::clone(self.events()))));
        let options = PipelineStreamOptions { skip_checks: true, ..PipelineStreamOptions::default() };
        let started = inner.clock.now();
        let exchange = async {
            let response = pipeline.stream(&context, request, Some(options)).await;
            let response = response.map_err(|error| self.sending_error(&error, &progress))?;
            self.whole(response, bound).await
        };
        let outcome = match within(&*inner.clock, limit, exchange).await {
            Some(outcome) => outcome,
            None if progress.sent() => {
                Err(ArmError::new(ArmErrorKind::Timeout { maybe_sent: true, after: limit }))
            }
            None => Err(no_token_in_time()),
        };
        match &outcome {
            Ok((status, ..)) => {
                let elapsed = Duration::try_from(inner.clock.now() - started).unwrap_or_default();
                self.tell(ClientEvent::Answered { number: progress.number(), status: *status, elapsed });
            }
            Err(error) if progress.sent() => {
                let reason = error.kind().to_string();
                self.tell(ClientEvent::Unanswered { number: progress.number(), reason });
            }
            Err(_) => {}
        }
        outcome
    }

    /// Reads the body, no more of it than the bound.
    async fn whole(
        &self,
        response: AsyncRawResponse,
        limit: usize,
    ) -> Result<(u16, Headers, Bytes), ArmError> {
        let (status, headers, mut stream) = response.deconstruct();
        let announced = headers.get_optional_str(&HeaderName::from_static("content-length"));
        if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > limit) {
            return Err(ArmError::new(ArmErrorKind::TooLarge { limit }));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| {
                let reason = self.clean(&errors::chain(&error));
                ArmError::new(ArmErrorKind::Connection { maybe_sent: true, reason })
            })?;
            if body.len() + chunk.len() > limit {
                return Err(ArmError::new(ArmErrorKind::TooLarge { limit }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status.into(), headers, body.freeze()))
    }

    /// A complete answer: a success with its JSON, or the error it holds.
    fn judge(&self, status: u16, headers: Headers, bytes: &[u8]) -> Result<Answer, ArmError> {
        if (200..300).contains(&status) {
            let body = match serde_json::from_slice(bytes) {
                Ok(body) => body,
                // "Accepted" and "no content" say all they have to say without a body.
                Err(_) if bytes.trim_ascii().is_empty() || matches!(status, 202 | 204) => Value::Null,
                Err(error) => {
                    let reason = self.clean(&error.to_string());
                    return Err(ArmError::new(ArmErrorKind::BadBody { status, reason }));
                }
            };
            return Ok(Answer { status, headers, body });
        }
        let text = |name: &'static str| {
            let value = headers.get_optional_str(&HeaderName::from_static(name))?;
            Some(self.clean(value)).filter(|value| !value.is_empty())
        };
        let envelope = envelope::read(status, bytes, &|text| self.clean(text));
        Err(ArmError::new(ArmErrorKind::Http(HttpFailure {
            status,
            // The header repeats the code (microsoft/api-guidelines, azure/Guidelines.md).
            code: envelope.code.or_else(|| text("x-ms-error-code")),
            message: envelope.message,
            target: envelope.target,
            details: envelope.details,
            policies: envelope.policies,
            request_id: text("x-ms-request-id"),
            correlation_id: text("x-ms-correlation-request-id")
                .or_else(|| Some(self.correlation_id().to_string())),
            retry_after: retry::retry_after(&headers, self.inner.clock.now()),
        })))
    }

    /// What kept a request from being answered.
    fn sending_error(&self, error: &azure_core::Error, progress: &Progress) -> ArmError {
        if !progress.sent() {
            return self.credential_error(error);
        }
        let maybe_sent = !matches!(error.kind(), ErrorKind::Connection);
        let reason = self.clean(&errors::chain(error));
        if bad_certificate(error) {
            return ArmError::new(ArmErrorKind::Certificate { reason });
        }
        ArmError::new(ArmErrorKind::Connection { maybe_sent, reason })
    }

    pub(super) fn credential_error(&self, error: &azure_core::Error) -> ArmError {
        let reason = self.clean(&errors::chain(error));
        ArmError::new(ArmErrorKind::Credential { reason, transient: passing(error) })
    }

    /// Where a link of a response leads, if that is this endpoint.
    pub(super) fn follow(&self, link: &'static str, target: &str) -> Result<Url, ArmError> {
        let endpoint = &self.inner.endpoint;
        if text::tells(target, &self.secrets(), &self.values()) {
            // Its path would be told of every request, and kept.
            return Err(ArmError::new(ArmErrorKind::ForeignHost {
                link,
                found: "an address that repeats a secret".to_owned(),
                expected: endpoint.url().origin().ascii_serialization(),
            }));
        }
        let url = endpoint.url().join(target).ok().filter(|url| endpoint.has(url));
        url.ok_or_else(|| {
            let origin = |url: &Url| {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
            };
            let found = Url::parse(target).map_or_else(|_| "no address".to_owned(), |url| origin(&url));
            ArmError::new(ArmErrorKind::ForeignHost {
                link,
                found: self.clean(&found),
                expected: origin(endpoint.url()),
            })
        })
    }

    pub(super) fn tell(&self, event: ClientEvent) {
        (self.events())(event);
    }

    /// Foreign text, fit to be shown: this client's tokens, and what is to be hidden, are not in it.
    pub(super) fn clean(&self, foreign: &str) -> String {
        let values = self.values();
        // Before it is cut, and once more where control characters stood within a value.
        let known = text::without(foreign, &values);
        text::without(&text::clean(&known, &self.secrets()), &values)
    }

    /// The tokens, and what was needed to get them.
    fn secrets(&self) -> Vec<Secret> {
        let mut secrets = self.inner.endpoint.hidden.clone();
        match (&self.inner.endpoint.bearer, &self.inner.credential) {
            (Bearer::Fixed(token), _) => secrets.push(token.clone()),
            (_, Some((credential, _))) => secrets.extend(credential.issued()),
            (Bearer::Credential { .. }, None) => {}
        }
        secrets
    }

    /// What is to be hidden ([`ArmClient::hide`]).
    fn values(&self) -> Vec<String> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Makes the credential issue a new token. False when there is only the one.
    async fn forget_token(&self) -> bool {
        match &self.inner.credential {
            Some((credential, scope)) => {
                credential.forget(scope).await;
                true
            }
            None => false,
        }
    }
}

pub(super) fn no_token_in_time() -> ArmError {
    let reason = "the credential did not answer in time".to_owned();
    ArmError::new(ArmErrorKind::Credential { reason, transient: true })
}

/// Whether a credential failed for a reason that passes: throttled, a server's failure, a connection.
fn passing(error: &azure_core::Error) -> bool {
    if bad_certificate(error) {
        return false;
    }
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<azure_core::Error>().map(azure_core::Error::kind) {
            Some(ErrorKind::HttpResponse { status, .. }) => {
                return matches!(u16::from(*status), 408 | 429 | 500..=599);
            }
            Some(ErrorKind::Connection | ErrorKind::Io) => return true,
            _ => next = error.source(),
        }
    }
    false
}
