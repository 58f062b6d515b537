//! An Azure in the process: Azure Resource Manager as the tests and `--sandbox` need it.
//!
//! It is the client's judge: it refuses what Azure refuses, with Azure's codes, and knows nothing
//! of recipes, plans or the client. What it plays stands in [`mod@rules`]; what is only assumed there
//! can be turned round by a switch. Time comes from outside, so that hours pass in no time.

mod buckets;
pub mod callers;
mod connection;
mod control;
pub mod edit;
pub mod errors;
pub mod exchange;
pub mod faults;
pub mod forwarded;
mod hosts;
pub mod http;
mod inspect;
mod line;
mod metadata;
mod names;
mod nameserver;
mod operations;
mod owner_only;
mod policies;
mod providers;
pub mod roles;
mod router;
mod routes;
pub mod rules;
pub mod seed;
pub mod serve;
pub mod sql;
pub mod state;
pub mod statefile;
mod tls;
mod token;
pub mod transport;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use time::OffsetDateTime;

pub use exchange::{Exchange, Service};
pub use faults::{Fault, FaultKind, Matcher};
pub use hosts::{ClientMode, Handshake};
pub use inspect::Inspect;
pub use names::{NameRecord, NameReply};
pub use rules::{Rule, Switch, Switches, rules};
pub use sql::{SqlBatch, SqlReply};
pub use state::State;
pub use wire::Handler;

use http::{Reply, Request, Response};
use providers::registry::api::Tagged;
use router::Answer;

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// A write of an app, from acceptance to its operation's end.
    pub operation: Duration,
    /// A revision, from its operation's end until it is healthy or known to be not. A port that
    /// nobody listens on takes 16 times as long.
    pub revision: Duration,
    /// A role assignment, until it holds.
    pub role: Duration,
    /// A new principal, until role assignments find it.
    pub principal: Duration,
    /// What answers say in `Retry-After`.
    pub retry_after: Duration,
}

impl Delays {
    /// 20 s, 15 s, 45 s, 10 s, 5 s: what a quick day on Azure looks like.
    pub const fn realistic() -> Delays {
        Delays {
            operation: Duration::from_secs(20),
            revision: Duration::from_secs(15),
            role: Duration::from_secs(45),
            principal: Duration::from_secs(10),
            retry_after: Duration::from_secs(5),
        }
    }

    /// Everything at once.
    pub const fn none() -> Delays {
        Delays {
            operation: Duration::ZERO,
            revision: Duration::ZERO,
            role: Duration::ZERO,
            principal: Duration::ZERO,
            retry_after: Duration::ZERO,
        }
    }

    /// The header that says when to ask again: whole seconds, or milliseconds below one.
    pub(crate) fn retry_header(&self) -> (String, String) {
        if self.retry_after < Duration::from_secs(1) {
            ("x-ms-retry-after-ms".to_owned(), self.retry_after.as_millis().to_string())
        } else {
            ("retry-after".to_owned(), self.retry_after.as_secs().to_string())
        }
    }
}

/// How a sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// The present moment.
    pub now: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
    /// How long things take.
    pub delays: Delays,
    /// Which assumptions are turned round.
    pub rules: Switches,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Options {
    /// Realistic delays, nothing flipped, nothing going wrong, with the time from `now`.
    pub fn new(now: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>) -> Options {
        Options { now, delays: Delays::realistic(), rules: Switches::default(), faults: Vec::new() }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("delays", &self.delays)
            .field("rules", &self.rules)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// The sandbox. Clones share one Azure.
#[derive(Clone, Debug)]
pub struct Sandbox {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    options: Options,
    state: State,
    faults: faults::Plan,
    buckets: buckets::Buckets,
    exchanges: Vec<Exchange>,
    questions: Vec<(String, String)>,
}

impl Sandbox {
    /// A sandbox with the seed of [`seed::state`].
    pub fn new(options: Options) -> Sandbox {
        let state = seed::state((options.now)());
        Sandbox::from_state(state, options)
    }

    /// A sandbox that goes on from `state`.
    pub fn from_state(state: State, options: Options) -> Sandbox {
        let faults = faults::Plan::new(options.faults.clone());
        Sandbox {
            inner: Arc::new(Mutex::new(Inner {
                options,
                state,
                faults,
                buckets: buckets::Buckets::default(),
                exchanges: Vec::new(),
                questions: Vec::new(),
            })),
        }
    }

    /// Answers a request, at once: who carries it decides how long silence lasts.
    ///
    /// URLs in answers begin with `https://` and the request's host, or with the scheme in a
    /// header `x-forwarded-proto`.
    pub fn handle(&self, request: &Request) -> Reply {
        self.lock().handle(request)
    }

    /// Answers a batch of T-SQL, at once, as a driver's user sees it.
    ///
    /// # Errors
    /// SQL Server's error number and sentence; 0 when the connection ended without an answer.
    pub fn sql(
        &self,
        host: &str,
        database: &str,
        token: &str,
        text: &str,
        parameters: &[String],
    ) -> Result<Vec<Vec<Option<String>>>, (u32, String)> {
        match self.batch(&SqlBatch { host, database, token, text, parameters }) {
            SqlReply::Rows(rows) => Ok(rows),
            SqlReply::Refused(number, message) => Err((number, message)),
            SqlReply::Reset | SqlReply::Silence => Err((0, "the connection was closed".to_owned())),
        }
    }

    /// The same for a carrier, who decides how long silence lasts.
    pub fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        let mut inner = self.lock();
        inner.advance();
        inner.batch(batch)
    }

    /// Whether a name leads to the edge of a Container Apps environment, from outside.
    pub fn resolves(&self, host: &str) -> bool {
        let inner = self.lock();
        hosts::resolves(&inner.state, &inner.options.rules, (inner.options.now)(), host)
    }

    /// What the edge does in the handshake for a host.
    pub fn handshake(&self, host: &str) -> Handshake {
        let inner = self.lock();
        hosts::handshake(&inner.state, &inner.options.rules, (inner.options.now)(), host)
    }

    /// What the world is told of a name: the records of a type (`TXT`) at it.
    pub fn name(&self, name: &str, kind: &str) -> NameReply {
        let mut inner = self.lock();
        inner.advance();
        let now = (inner.options.now)();
        inner.questions.push((name.to_owned(), kind.to_owned()));
        if let Some(fault) = inner.faults.strike_unnumbered(&names::as_request(name, kind)) {
            return names::failed(&fault.kind);
        }
        names::answer(&inner.state, &inner.options.rules, now, name, kind)
    }

    /// Every question to the domain name system so far: name and type, in order.
    pub fn questions(&self) -> Vec<(String, String)> {
        self.lock().questions.clone()
    }

    /// Whether a host is one of an app's.
    pub fn is_app(&self, host: &str) -> bool {
        matches!(hosts::named(&self.lock().state, host), hosts::Named::App { .. })
    }

    /// The names that a certificate for apps carries, some beginning with `*.`.
    pub fn app_names(&self) -> Vec<String> {
        hosts::certified(&self.lock().state)
    }

    /// A copy of everything, at the present moment.
    pub fn state(&self) -> State {
        let mut inner = self.lock();
        inner.advance();
        inner.state.clone()
    }

    /// Changes something behind everybody's back.
    pub fn edit<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut inner = self.lock();
        inner.advance();
        change(&mut inner.state)
    }

    /// Every request with its answer, in order.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.lock().exchanges.clone()
    }

    /// Replaces the faults; counting begins anew for them, request numbers go on.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.lock().faults = faults::Plan::new(faults);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn advance(&mut self) {
        let now = (self.options.now)();
        operations::advance(&mut self.state, now, &self.options.rules);
        providers::jobs::runs::advance(&mut self.state, now, &self.options);
        self.state.moment = Some(now);
    }

    fn handle(&mut self, request: &Request) -> Reply {
        self.advance();
        let number = self.exchanges.len() + 1;
        let service = service(&self.state, request);
        let fault = self.faults.strike(number, request);
        let instead =
            fault.as_ref().and_then(|fault| fault.kind.instead().or_else(|| fault.kind.told_back(request)));
        let mut exchange = Exchange::new(number, service, request);
        exchange.fault = fault.as_ref().map(ToString::to_string);
        let kind = fault.as_ref().map(|fault| &fault.kind);
        if kind.is_some_and(|kind| !self.meanwhile(kind, service, request)) {
            exchange.fault = None;
        }
        let response = match (service, &instead) {
            (Service::ResourceManager, _) => {
                self.manage(request, kind, instead.is_some(), &mut exchange.caller)
            }
            (Service::Registry, None) if kind == Some(&FaultKind::Denied) => {
                Some(faults::refused::by_registry())
            }
            (Service::Registry, None) => self.registry(request, &mut exchange.caller),
            (Service::Storage, None) => {
                let now = (self.options.now)();
                Some(providers::registry::blobs::answer(&mut self.state, now, request))
            }
            (Service::Registry | Service::Storage | Service::Sql | Service::App, _) => None,
        };
        let mut reply = match (instead, response, kind) {
            (Some(reply), _, _) => reply,
            (None, None, kind) if service == Service::App => {
                let now = (self.options.now)();
                match (hosts::answer(&mut self.state, &self.options.rules, now, request), kind) {
                    (Reply::Answer(response), Some(kind)) => kind.spoil(response, &url(request)),
                    (reply, _) => reply,
                }
            }
            // A host name that nobody has: there is nobody to connect to.
            (None, None, _) => Reply::Reset,
            (None, Some(response), Some(kind)) => kind.spoil(response, &url(request)),
            (None, Some(response), None) => Reply::Answer(response),
        };
        if let Reply::Answer(response) | Reply::Truncated { response, .. } = &mut reply
            && service == Service::ResourceManager
        {
            let left = self.buckets.left(exchange.caller.as_deref(), request, &self.options.rules);
            stamp(response, number, request, left);
        }
        exchange.answered(&reply);
        self.exchanges.push(exchange);
        reply
    }

    fn batch(&mut self, batch: &SqlBatch<'_>) -> SqlReply {
        let number = self.exchanges.len() + 1;
        let request = sql::as_request(batch);
        let fault = self.faults.strike(number, &request);
        let mut exchange = Exchange::new(number, Service::Sql, &request);
        let kind = fault.as_ref().map(|fault| &fault.kind);
        if kind.is_none_or(|kind| self.meanwhile(kind, Service::Sql, &request)) {
            exchange.fault = fault.as_ref().map(ToString::to_string);
        }
        let reply = sql::answer(&mut self.state, &self.options.rules, kind, &mut exchange, batch);
        self.exchanges.push(exchange);
        reply
    }

    /// What others do before a request that meets such a fault; whether the fault is of another kind, or they could.
    fn meanwhile(&mut self, kind: &FaultKind, service: Service, request: &Request) -> bool {
        match kind {
            FaultKind::Gone => faults::meanwhile::delete(&mut self.state, service, request),
            FaultKind::Edited(name) => {
                let theirs = faults::meanwhile::edit(&self.state, name, request);
                let answer = theirs.and_then(|theirs| self.manage(&theirs, None, false, &mut None));
                answer.is_some_and(|answer| answer.status < 300)
            }
            _ => true,
        }
    }

    /// The answer of ARM; none when a fault answers instead. `who` becomes the caller's name.
    fn manage(
        &mut self,
        request: &Request,
        fault: Option<&FaultKind>,
        instead: bool,
        who: &mut Option<String>,
    ) -> Option<Response> {
        let caller = callers::authenticate(&self.state, request);
        *who = caller.as_ref().ok().map(|(name, _)| name.clone());
        if instead {
            return None;
        }
        let now = (self.options.now)();
        let Options { delays, rules, .. } = &self.options;
        let handled = caller.and_then(|(name, caller)| {
            self.buckets.take(&name, request, rules, now)?;
            if let Some(refusal) = fault.and_then(|fault| fault.refusal(&caller, request)) {
                return Err(refusal);
            }
            router::route(&mut self.state, now, delays, rules, &caller, request, fault)
        });
        let answer = handled.unwrap_or_else(|refusal| Answer {
            status: refusal.status,
            body: Some(refusal.envelope()),
            headers: refusal.headers,
        });
        Some(write(answer, self.options.rules.holds(Switch::IdsAsWritten)))
    }

    /// The answer of the registry that the request names; none when there is no such registry.
    fn registry(&mut self, request: &Request, who: &mut Option<String>) -> Option<Response> {
        let call = providers::registry::api::Call {
            state: &self.state,
            now: (self.options.now)(),
            rules: &self.options.rules,
            registry: self.state.registry_at(&request.host)?,
            request,
        };
        let (response, caller, tagged) = call.answer();
        *who = caller;
        if let Some(Tagged { registry, repository, tag, digest }) = tagged
            && let Some(repository) = self
                .state
                .registries
                .get_mut(&state::fold(&registry))
                .and_then(|registry| registry.repositories.get_mut(&repository))
        {
            repository.tags.insert(tag, digest);
        }
        Some(response)
    }
}

/// Who is behind a host: apps for names below an environment's domain, a registry for the names that registries
/// have in the public cloud, the storage of its tasks for that one's, ARM for every other.
fn service(state: &State, request: &Request) -> Service {
    let host = &request.host;
    if providers::registry::blobs::is_meant(request) {
        return Service::Storage;
    }
    if hosts::named(state, host) != hosts::Named::Nothing {
        return Service::App;
    }
    let registry = host.to_ascii_lowercase().ends_with(".azurecr.io") || state.registry_at(host).is_some();
    if registry { Service::Registry } else { Service::ResourceManager }
}

/// The one place where a value becomes bytes.
fn write(answer: Answer, ids_as_written: bool) -> Response {
    let mut headers = answer.headers;
    let body = match answer.body {
        Some(mut body) => {
            if !ids_as_written && answer.status < 300 {
                body = lower_ids(body);
            }
            headers.insert(0, ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()));
            body.to_string().into_bytes()
        }
        None => Vec::new(),
    };
    Response { status: answer.status, headers, body }
}

/// Ids with the type segments in lower case that some of Azure's answers have, in keys too.
fn lower_ids(value: Json) -> Json {
    let lower = |text: &str| {
        text.replace("/resourceGroups/", "/resourcegroups/").replace("/containerApps/", "/containerapps/")
    };
    match value {
        Json::String(text) => Json::String(lower(&text)),
        Json::Array(elements) => Json::Array(elements.into_iter().map(lower_ids).collect()),
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (lower(&name), lower_ids(value))).collect())
        }
        other => other,
    }
}

/// The headers every answer of ARM has, named as in traces of 2026.
fn stamp(response: &mut Response, number: usize, request: &Request, left: buckets::Left) {
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("request/{number}").as_bytes());
    let correlation = exchange::find(&request.headers, "x-ms-correlation-request-id")
        .map_or_else(|| id.to_string(), str::to_owned);
    let buckets::Left { kind, own, global } = left;
    let client = exchange::find(&request.headers, "x-ms-client-request-id").map(str::to_owned);
    response.headers.extend([
        ("x-ms-request-id".to_owned(), id.to_string()),
        ("x-ms-correlation-request-id".to_owned(), correlation),
        ("x-ms-routing-request-id".to_owned(), format!("SANDBOX:{id}")),
        (format!("x-ms-ratelimit-remaining-subscription-{kind}"), own.to_string()),
        (format!("x-ms-ratelimit-remaining-subscription-global-{kind}"), global.to_string()),
    ]);
    if let Some(client) = client {
        response.headers.push(("x-ms-client-request-id".to_owned(), client));
    }
}

fn url(request: &Request) -> String {
    let scheme = exchange::find(&request.headers, "x-forwarded-proto").unwrap_or("https");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&request.query);
    format!("{scheme}://{}{}?{}", request.host, request.path, query.finish())
}
