//! What every request gets on its way through the SDK's pipeline.
#![expect(
    elided_lifetimes_in_paths,
    reason = "async_trait compares lifetimes with the SDK's trait, which elides them"
)]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use uuid::Uuid;

use super::events::{ClientEvent, EventSink};
use super::request::Method;

/// What the product calls itself to Azure.
pub(super) const USER_AGENT: &str = concat!("acarecipe/", env!("CARGO_PKG_VERSION"));

/// How far a try has come, for telling what a failure may have done.
#[derive(Debug)]
pub(super) struct Progress {
    method: Method,
    number: AtomicU64,
    sent: AtomicBool,
}

impl Progress {
    pub(super) fn new(method: Method) -> Arc<Progress> {
        Arc::new(Progress { method, number: AtomicU64::new(0), sent: AtomicBool::new(false) })
    }

    /// Whether the request was handed to the transport.
    pub(super) fn sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// The number of the try; 0 until it is sent.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }
}

/// The correlation id of a request, where it is not the client's.
#[derive(Debug)]
pub(super) struct Correlation(pub(super) Uuid);

/// Who hears that a request goes out.
pub(super) struct Told(pub(super) EventSink);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// The last policy before the transport: marks the request, numbers it and tells that it goes out.
pub(super) struct Announce {
    numbers: AtomicU64,
    correlation_id: String,
}

impl Announce {
    pub(super) fn new(correlation_id: Uuid) -> Arc<Announce> {
        let correlation_id = correlation_id.to_string();
        Arc::new(Announce { numbers: AtomicU64::new(0), correlation_id })
    }
}

impl fmt::Debug for Announce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announce")
    }
}

#[async_trait::async_trait]
impl Policy for Announce {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("user-agent", USER_AGENT);
        // ARM logs confuse requests that share an id (Azure/azure-dev#7776): every try has its own.
        request.insert_header("x-ms-client-request-id", Uuid::new_v4().to_string());
        let own = context.value::<Arc<Correlation>>().map(|own| own.0.to_string());
        let id = own.unwrap_or_else(|| self.correlation_id.clone());
        request.insert_header("x-ms-correlation-request-id", id);
        let number = self.numbers.fetch_add(1, Ordering::AcqRel) + 1;
        if let Some(progress) = context.value::<Arc<Progress>>() {
            let path = request.url().path().to_owned();
            if let Some(told) = context.value::<Arc<Told>>() {
                (told.0)(ClientEvent::Sent { number, method: progress.method, path });
            }
            progress.number.store(number, Ordering::Release);
            progress.sent.store(true, Ordering::Release);
        }
        pass_on(context, request, next).await
    }
}

/// Adds one fixed token. Unlike the SDK's policy it works on loopback http, and takes no lock.
#[derive(Debug)]
pub(super) struct FixedBearer(pub(super) Secret);

#[async_trait::async_trait]
impl Policy for FixedBearer {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("authorization", format!("Bearer {}", self.0.secret()));
        pass_on(context, request, next).await
    }
}

async fn pass_on(context: &Context<'_>, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
    match next.split_first() {
        Some((policy, rest)) => policy.send(context, request, rest).await,
        None => Err(azure_core::Error::with_message(ErrorKind::Other, "a pipeline without a transport")),
    }
}
