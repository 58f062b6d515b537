//! Long-running operations.
//!
//! A PUT is answered with 201 and `Azure-AsyncOperation`, a PATCH with 202 and `Azure-AsyncOperation` or
//! `Location` (Azure/azure-cli `containerapp/_clients.py`); some types only show `provisioningState`. The caller
//! may lack the right to read the operation's address although the write went through
//! (microsoft/azure-container-apps#607): then the resource itself says how it went.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::client::ArmClient;
use super::envelope;
use super::errors::{ArmError, ArmErrorKind, Last, OperationFailure};
use super::events::ClientEvent;
use super::request::{ArmRequest, Method};
use super::retry;
use super::tries::Answer;

/// Something Azure works on after it accepted a write.
#[derive(Clone, PartialEq)]
pub struct Operation {
    /// The resource that is worked on.
    pub resource: String,
    /// The api-version for reading it.
    pub api_version: String,
    /// The write that began it.
    pub method: Method,
    address: Address,
    /// Where the answer of an action is in the end, when its state is read elsewhere.
    result: Option<Url>,
    first_pause: FirstPause,
}

/// The pause between looks when the server says 0.
const AT_ONCE: Duration = Duration::from_millis(500);

/// How long to wait before the first look.
#[derive(Clone, Copy, PartialEq)]
enum FirstPause {
    /// Not at all: it may have been going on for long.
    None,
    /// As the answer to the write asks, else as always.
    Asked(Option<Duration>),
}

/// Where the state of an operation is read.
#[derive(Clone, PartialEq)]
pub enum Address {
    /// `Azure-AsyncOperation`: a body with `status`.
    Status(Url),
    /// `Location`: 202 until it is done.
    Location(Url),
    /// The resource: `properties.provisioningState`.
    Resource,
}

/// The header that an operation's address came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// `Azure-AsyncOperation`.
    Status,
    /// `Location`.
    Location,
}

/// How an operation stands.
enum Standing {
    Done(Option<Value>),
    /// Still going, with Azure's word.
    Going(String),
    Failed(Box<OperationFailure>),
    /// This address cannot say; the resource can.
    AskResource,
}

/// Addresses carry signatures in their query: only what they are is shown.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match &self.address {
            Address::Status(url) => format!("Azure-AsyncOperation {}", url.path()),
            Address::Location(url) => format!("Location {}", url.path()),
            Address::Resource => "provisioningState".to_owned(),
        };
        write!(f, "{} {} ({address})", self.method, self.resource)
    }
}

impl Operation {
    /// Whatever is going on with a resource now: done when its `provisioningState` is at an end.
    pub fn on_resource(resource: impl Into<String>, api_version: impl Into<String>) -> Operation {
        Operation {
            resource: resource.into(),
            api_version: api_version.into(),
            method: Method::Get,
            address: Address::Resource,
            result: None,
            first_pause: FirstPause::None,
        }
    }

    /// Where its state is read. Addresses carry signatures: they are for a file of the owner's, not for people.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// An operation that an earlier process was told of: `link` is the header and the address as it was recorded;
    /// `None`: the resource says how it stands.
    ///
    /// # Errors
    /// The address is not at this client's endpoint.
    pub fn recorded(
        client: &ArmClient,
        request: &ArmRequest,
        link: Option<(Link, &str)>,
    ) -> Result<Operation, ArmError> {
        let follow = |name, target| {
            client.follow(name, target).map_err(|error| error.on(request.method, request.path.clone()))
        };
        let address = match link {
            Some((Link::Status, target)) => Address::Status(follow("Azure-AsyncOperation", target)?),
            Some((Link::Location, target)) => Address::Location(follow("Location", target)?),
            None => Address::Resource,
        };
        Ok(Operation {
            resource: resource_of(request),
            api_version: request.api_version.clone(),
            method: request.method,
            address,
            result: None,
            first_pause: FirstPause::None,
        })
    }

    /// What an accepted write began; `None` when its answer says that it is done.
    pub(super) fn of(
        client: &ArmClient,
        request: &ArmRequest,
        answer: &Answer,
    ) -> Result<Option<Operation>, ArmError> {
        let place = |error: ArmError| error.on(request.method, request.path.clone());
        let link = |name, header| answer.header(header).map(|target| client.follow(name, target)).transpose();
        let status = link("Azure-AsyncOperation", "azure-asyncoperation").map_err(place)?;
        let location = link("Location", "location").map_err(place)?;
        let state = state_of(&answer.body);
        // A write answers with its resource, an action with what stands at `Location` once it is done
        // (Azure/azure-resource-manager-rpc, async-api-reference.md: `final-state-via: location`).
        let beside = status.is_some() && request.method == Method::Post;
        let result = location.clone().filter(|_| beside);
        let address = match (status, location) {
            (Some(url), _) => Address::Status(url),
            // On 200 and 201 `Location` only says where the resource is.
            (None, Some(url)) if answer.status == 202 => Address::Location(url),
            _ if answer.status == 202 || state.is_some_and(|state| !is_success(state)) => Address::Resource,
            _ => return Ok(None),
        };
        Ok(Some(Operation {
            resource: resource_of(request),
            api_version: request.api_version.clone(),
            method: request.method,
            address,
            result,
            first_pause: FirstPause::Asked(retry::retry_after(&answer.headers, client.inner.clock.now())),
        }))
    }
}

/// The resource that a request works on: for an action, what it is called on.
fn resource_of(request: &ArmRequest) -> String {
    match (request.method, request.path.rsplit_once('/')) {
        (Method::Post, Some((resource, _))) if !resource.is_empty() => resource.to_owned(),
        _ => request.path.clone(),
    }
}

fn state_of(body: &Value) -> Option<&str> {
    body.pointer("/properties/provisioningState")?.as_str().filter(|state| !state.is_empty())
}

fn is_success(status: &str) -> bool {
    // The end states of ARM's resource provider contract are Succeeded, Failed and Canceled; every other word
    // means that it goes on.
    status.eq_ignore_ascii_case("Succeeded")
}

fn is_failure(status: &str) -> bool {
    let status = status.to_ascii_lowercase();
    // DeleteFailed and ProvisioningFailed are seen beside the contract's own words.
    matches!(status.as_str(), "canceled" | "cancelled") || status.ends_with("failed")
}

impl ArmClient {
    /// Waits until an operation is done or `deadline` passes, looking as often as the server asks for. When the
    /// operation's own address refuses (403), is gone (404, 410) or says nothing, the resource is asked
    /// instead.
    pub async fn wait(&self, operation: &Operation, deadline: OffsetDateTime) -> Result<(), ArmError> {
        self.finish(operation, deadline).await.map(|_| ())
    }

    /// As [`ArmClient::wait`], with what stands at `Location` in the end.
    pub async fn finish(
        &self,
        operation: &Operation,
        deadline: OffsetDateTime,
    ) -> Result<Option<Value>, ArmError> {
        let place = |kind| ArmError::new(kind).on(operation.method, operation.resource.clone());
        let clock = &self.inner.clock;
        let started = clock.now();
        let mut address = operation.address.clone();
        let mut result = operation.result.clone();
        let mut pause = match operation.first_pause {
            FirstPause::None => Duration::ZERO,
            FirstPause::Asked(asked) => self.poll_pause(asked),
        };
        let mut word = "accepted".to_owned();
        loop {
            let left = retry::remaining(clock.now(), deadline).unwrap_or_default();
            if pause >= left {
                // One last look before the deadline, however rarely the server wants us to look.
                pause = left.saturating_sub(self.inner.limits.poll);
                if pause.is_zero() {
                    let last = Last::Status(word);
                    return Err(place(ArmErrorKind::Deadline { last }));
                }
            }
            if !pause.is_zero() {
                let elapsed = Duration::try_from(clock.now() - started).unwrap_or_default();
                let (resource, status) = (operation.resource.clone(), word.clone());
                self.tell(ClientEvent::Waiting { resource, status, elapsed, next: pause });
                clock.sleep(pause).await;
            }
            let (standing, asked) = self.look(operation, &address, deadline).await?;
            pause = self.poll_pause(asked);
            match standing {
                Standing::Done(body) => match result.take().filter(|_| body.is_none()) {
                    Some(url) => {
                        address = Address::Location(url);
                        pause = Duration::ZERO;
                    }
                    None => return Ok(body),
                },
                Standing::Going(status) => word = status,
                Standing::Failed(failure) => return Err(place(ArmErrorKind::Operation(*failure))),
                Standing::AskResource => {
                    address = result.take().map_or(Address::Resource, Address::Location);
                    pause = Duration::ZERO;
                }
            }
        }
    }

    fn poll_pause(&self, asked: Option<Duration>) -> Duration {
        match asked {
            None => self.inner.limits.poll,
            // "At once" is no pace to keep up for minutes.
            Some(Duration::ZERO) => AT_ONCE,
            Some(asked) => asked.max(self.inner.limits.shortest_poll),
        }
    }

    async fn look(
        &self,
        operation: &Operation,
        address: &Address,
        deadline: OffsetDateTime,
    ) -> Result<(Standing, Option<Duration>), ArmError> {
        let url = match address {
            Address::Status(url) | Address::Location(url) => url.clone(),
            Address::Resource => ArmRequest::get(operation.resource.clone(), operation.api_version.clone())
                .url(self.inner.endpoint.url())?,
        };
        let answer = match self.repeat(Method::Get, &url, None, deadline).await {
            Ok(answer) => answer,
            Err(error) => return Ok((refused(operation, address, error)?, None)),
        };
        let asked = retry::retry_after(&answer.headers, self.inner.clock.now());
        let word = match address {
            Address::Status(_) => {
                answer.body.get("status").and_then(Value::as_str).or_else(|| state_of(&answer.body))
            }
            Address::Location(_) | Address::Resource => state_of(&answer.body),
        };
        let standing = match (address, word) {
            (_, Some(word)) if is_failure(word) => Standing::Failed(Box::new(self.failure(word, &answer))),
            (Address::Location(_), _) if answer.status == 202 => {
                Standing::Going(self.clean(word.unwrap_or("accepted")))
            }
            (Address::Location(_), Some(word)) if is_success(word) => {
                Standing::Done(Some(answer.body.clone()))
            }
            // What is deleted is done when it cannot be read any more, whatever it says of itself until then.
            (Address::Resource, word) if operation.method == Method::Delete => {
                Standing::Going(self.clean(word.unwrap_or("still there")))
            }
            (_, Some(word)) if is_success(word) => Standing::Done(None),
            // The address gave the resource, which is not at an end: from here on the resource tells.
            (Address::Location(_), Some(_)) => Standing::AskResource,
            (_, Some(word)) => Standing::Going(self.clean(word)),
            (Address::Status(_), None) if answer.status == 202 => Standing::Going("accepted".to_owned()),
            (Address::Status(_), None) => Standing::AskResource,
            (Address::Location(_), None) => Standing::Done(Some(answer.body.clone())),
            (Address::Resource, None) => Standing::Done(None),
        };
        Ok((standing, asked))
    }

    fn failure(&self, word: &str, answer: &Answer) -> OperationFailure {
        let clean = |text: &str| self.clean(text);
        let error = answer.body.get("error").or_else(|| answer.body.pointer("/properties/error"));
        let envelope = error.map(|error| envelope::from_json(error, &clean)).unwrap_or_default();
        let status = self.clean(word);
        OperationFailure {
            message: match envelope.details.first() {
                _ if !envelope.message.is_empty() => envelope.message,
                Some(detail) if !detail.message.is_empty() => detail.message.clone(),
                _ => envelope.code.clone().unwrap_or_else(|| "Azure gives no reason".to_owned()),
            },
            status,
            code: envelope.code,
            details: envelope.details,
            policies: envelope.policies,
            correlation_id: answer
                .header("x-ms-correlation-request-id")
                .map(clean)
                .or_else(|| Some(self.correlation_id().to_string())),
        }
    }
}

/// What an error of a look says about the operation.
fn refused(operation: &Operation, address: &Address, error: ArmError) -> Result<Standing, ArmError> {
    let Some(failure) = error.http().filter(|_| !matches!(error.kind(), ArmErrorKind::Deadline { .. }))
    else {
        return Err(error);
    };
    match (address, failure.status) {
        (Address::Resource, 404) if operation.method == Method::Delete => Ok(Standing::Done(None)),
        // A resource that was only just created may not be readable everywhere yet.
        (Address::Resource, 404) if operation.method == Method::Put => {
            Ok(Standing::Going("not visible yet".to_owned()))
        }
        (Address::Resource, _) | (_, 401) => Err(error),
        (_, 403 | 404 | 410) => Ok(Standing::AskResource),
        // `Location` answers with the operation's own outcome.
        (Address::Location(_), 400..=499) => Ok(Standing::Failed(Box::new(OperationFailure {
            status: "Failed".to_owned(),
            code: failure.code.clone(),
            message: failure.message.clone(),
            details: failure.details.clone(),
            policies: failure.policies.clone(),
            correlation_id: failure.correlation_id.clone(),
        }))),
        _ => Err(error),
    }
}
