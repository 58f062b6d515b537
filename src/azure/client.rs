//! The client: its settings, reads and writes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{ClientOptions, Pipeline, RetryOptions};
use time::OffsetDateTime;
use uuid::Uuid;

use super::budget::{Budget, Permit};
use super::credentials::RunCredential;
use super::dns::{NetworkResolver, Resolver};
use super::endpoint::{Bearer, Carrier, Endpoint};
use super::errors::{ArmError, ArmErrorKind};
use super::events::{self, EventSink};
use super::network::Network;
use super::operations::Operation;
use super::policies::{Announce, FixedBearer};
use super::probe::{NetworkProber, ProbeNetwork, Prober};
use super::request::{Accepted, ArmRequest, ArmResponse, Method};
use super::sql::{self, SqlServer};
use super::tries::no_token_in_time;
use super::whoami::Caller;
use crate::clock::{Clock, within};

/// Bounds on time and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest wait for a connection.
    pub connect: Duration,
    /// The longest wait for one complete answer, connection and token included.
    pub per_try: Duration,
    /// The first pause between tries when the server names none; doubled each time, up to 30 s.
    pub first_pause: Duration,
    /// The pause between looks at an operation when the server names none.
    pub poll: Duration,
    /// The shortest pause between looks at an operation that a server may ask for.
    pub shortest_poll: Duration,
    /// The largest answer taken, in bytes.
    pub response_bytes: usize,
    /// The most pages of one list.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(20),
            per_try: Duration::from_secs(90),
            first_pause: Duration::from_secs(1),
            poll: Duration::from_secs(5),
            shortest_poll: Duration::from_millis(20),
            response_bytes: 16 * 1024 * 1024,
            pages: 500,
        }
    }
}

/// What a client is made of.
#[derive(Clone)]
pub struct ClientSettings {
    /// Where requests go, and with which token.
    pub endpoint: Endpoint,
    /// The time, and the way to wait.
    pub clock: Arc<dyn Clock>,
    /// Hears what happens.
    pub events: EventSink,
    /// Groups the requests of one run in Azure's logs.
    pub correlation_id: Uuid,
    /// Bounds.
    pub limits: Limits,
    /// How many requests go out. The clients of one principal share one.
    pub budget: Budget,
    /// Further certificate authorities (PEM): what `SSL_CERT_FILE` names.
    pub ca_file: Option<PathBuf>,
    /// Who answers for databases; `None`: the network.
    pub sql: Option<Arc<dyn SqlServer>>,
    /// Who carries requests to apps; `None`: the network, as it is reached without settings of its own.
    pub prober: Option<Arc<dyn Prober>>,
    /// Who answers for names; `None`: the system's resolver.
    pub resolver: Option<Arc<dyn Resolver>>,
}

impl ClientSettings {
    /// Default bounds, a new correlation id, nobody listening.
    pub fn new(endpoint: Endpoint, clock: Arc<dyn Clock>) -> ClientSettings {
        ClientSettings {
            endpoint,
            clock,
            events: events::ignore(),
            correlation_id: Uuid::new_v4(),
            limits: Limits::default(),
            budget: Budget::below_azure(),
            ca_file: None,
            sql: None,
            prober: None,
            resolver: None,
        }
    }
}

/// A client of Azure Resource Manager. Clones share its connections, tokens, request numbers, budget, and what is to be
/// hidden.
#[derive(Clone)]
pub struct ArmClient {
    pub(super) inner: Arc<Inner>,
    /// Of requests that are a group of their own.
    correlation: Option<Uuid>,
    /// Who hears of its requests, if that is not who hears of all others.
    told: Option<EventSink>,
    /// Values that no text may show ([`ArmClient::hide`]).
    pub(super) hidden: Arc<Mutex<BTreeSet<String>>>,
}

pub(super) struct Inner {
    pub(super) endpoint: Endpoint,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) events: EventSink,
    pub(super) correlation_id: Uuid,
    pub(super) pipeline: Pipeline,
    /// The same transport without a token: each request to a registry has its own.
    pub(super) registries: Pipeline,
    /// The same without anything that tells where a request goes: for links that are as good as tokens.
    pub(super) storage: Pipeline,
    pub(super) credential: Option<(Arc<RunCredential>, String)>,
    pub(super) sql: Arc<dyn SqlServer>,
    pub(super) prober: Arc<dyn Prober>,
    pub(super) resolver: Arc<dyn Resolver>,
}

impl fmt::Debug for ArmClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmClient").field("endpoint", &self.inner.endpoint).finish_non_exhaustive()
    }
}

impl ArmClient {
    /// A client. Opens nothing and asks for no token.
    pub fn new(settings: ClientSettings) -> ArmClient {
        let ClientSettings {
            endpoint,
            clock,
            events,
            correlation_id,
            limits,
            budget,
            ca_file,
            sql,
            prober,
            resolver,
        } = settings;
        let resolver = resolver.unwrap_or_else(|| Arc::new(NetworkResolver::new(Vec::new(), None)));
        let sql = sql.unwrap_or_else(|| sql::network(ca_file.clone(), limits.connect));
        let prober = prober.unwrap_or_else(|| {
            let network = Network { connect: limits.connect, ca_file: ca_file.clone(), proxy: true };
            Arc::new(NetworkProber::new(ProbeNetwork { network, ..ProbeNetwork::default() }))
        });
        let mut credential = None;
        let auth: Arc<dyn Policy> = match &endpoint.bearer {
            Bearer::Fixed(token) => Arc::new(FixedBearer(token.clone())),
            Bearer::Credential { credential: inner, scope } => {
                let shared = RunCredential::new(Arc::clone(inner), Arc::clone(&clock));
                credential = Some((Arc::clone(&shared), scope.clone()));
                // Refuses anything but https, keeps the token, renews it five minutes before it expires.
                Arc::new(BearerTokenAuthorizationPolicy::new(shared, [scope.clone()]))
            }
        };
        let transport = match &endpoint.carrier {
            Carrier::InProcess(transport) => transport.clone(),
            carrier => {
                let proxy = matches!(carrier, Carrier::Network);
                Network { connect: limits.connect, ca_file, proxy }.transport()
            }
        };
        let announce = Announce::new(correlation_id);
        let options = ClientOptions {
            transport: Some(transport),
            // The SDK's own policy repeats POSTs and knows no deadline.
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        };
        let pipeline = |policies: Vec<Arc<dyn Policy>>| {
            let name = option_env!("CARGO_PKG_NAME");
            let version = option_env!("CARGO_PKG_VERSION");
            Pipeline::new(name, version, options.clone(), Vec::new(), policies, None)
        };
        let storage = pipeline(Vec::new());
        let registries = pipeline(vec![Arc::clone(&announce) as Arc<dyn Policy>]);
        let pipeline = pipeline(vec![auth, announce]);
        ArmClient {
            inner: Arc::new(Inner {
                endpoint,
                clock,
                limits,
                budget,
                events,
                correlation_id,
                pipeline,
                registries,
                storage,
                credential,
                sql,
                prober,
                resolver,
            }),
            correlation: None,
            told: None,
            hidden: Arc::default(),
        }
    }

    /// The same client with a correlation id of its own: uploads of one id take each other's place
    /// (Azure/azure-dev#7776).
    #[must_use]
    pub fn apart(&self) -> ArmClient {
        ArmClient { correlation: Some(Uuid::new_v4()), ..self.clone() }
    }

    /// The same client, of whose requests `events` hears.
    #[must_use]
    pub fn telling(&self, events: EventSink) -> ArmClient {
        ArmClient { told: Some(events), ..self.clone() }
    }

    /// The same client for something else: what is to be hidden from here on, here or there, is hidden in the texts of
    /// the one that was told only. A secret of one app may be a word that others are told of.
    #[must_use]
    pub fn with_own_secrets(&self) -> ArmClient {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ArmClient { hidden: Arc::new(Mutex::new(hidden)), ..self.clone() }
    }

    /// Who hears of its requests.
    pub(super) fn events(&self) -> &EventSink {
        self.told.as_ref().unwrap_or(&self.inner.events)
    }

    /// From here on no text that comes from a server shows these values, however they are spelt: inputs that are
    /// secret, and what Azure told in confidence. A server may repeat them in any message. One of fewer than four
    /// bytes is told from no other text, and would leave nothing of a message.
    pub fn hide(&self, values: impl IntoIterator<Item = String>) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.extend(values.into_iter().filter(|value| value.len() >= 4));
    }

    /// Where requests go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// The correlation id of this client's requests.
    pub fn correlation_id(&self) -> Uuid {
        self.correlation.unwrap_or(self.inner.correlation_id)
    }

    /// The time the client goes by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Who is calling, as the token says. Asks the credential for the token if there is none yet; sends no
    /// request to Azure Resource Manager.
    pub async fn caller(&self) -> Result<Caller, ArmError> {
        if let Some(caller) = &self.inner.endpoint.sandbox_caller {
            return Ok(caller.clone());
        }
        match (&self.inner.endpoint.bearer, &self.inner.credential) {
            (Bearer::Fixed(token), _) => Ok(Caller::from_token(token.secret())),
            (_, Some((credential, scope))) => {
                let asked =
                    within(&*self.inner.clock, self.inner.limits.per_try, credential.token(scope)).await;
                let token =
                    asked.ok_or_else(no_token_in_time)?.map_err(|error| self.credential_error(&error))?;
                Ok(Caller::from_token(token.token.secret()))
            }
            (Bearer::Credential { .. }, None) => Ok(Caller::from_token("")),
        }
    }

    /// A GET, or a POST that only reads. Repeated on throttling, server failures and broken connections until
    /// `deadline`, after the pause the server asks for.
    pub async fn read(
        &self,
        request: &ArmRequest,
        deadline: OffsetDateTime,
    ) -> Result<ArmResponse, ArmError> {
        let (method, path) = (request.method, &request.path);
        if !matches!(method, Method::Get | Method::Post) {
            let reason = format!("{method} is no read");
            return Err(ArmError::new(ArmErrorKind::Request { reason }).on(method, path));
        }
        let url = request.url(self.inner.endpoint.url())?;
        let answer = self.repeat(method, &url, request.body.as_ref(), deadline).await?;
        Ok(ArmResponse { status: answer.status, body: answer.body, headers: answer.headers })
    }

    /// One try of any request, never repeated: before it is sent again, somebody has to look whether it took
    /// effect. Nothing is sent once `deadline` has passed, and no answer is waited for beyond it.
    pub async fn write(&self, request: &ArmRequest, deadline: OffsetDateTime) -> Result<Accepted, ArmError> {
        request.url(self.inner.endpoint.url())?;
        let permit = self.permit(request.method, &request.path, deadline).await?;
        self.write_with(permit, request, deadline).await
    }

    /// The same at once, with the leave for a request of this method to this path ([`ArmClient::permit`]).
    pub async fn write_with(
        &self,
        permit: Permit,
        request: &ArmRequest,
        deadline: OffsetDateTime,
    ) -> Result<Accepted, ArmError> {
        let url = request.url(self.inner.endpoint.url())?;
        let body = request.body.as_ref();
        let answer = self.once(request.method, &url, body, deadline, Some(permit)).await?;
        let operation = Operation::of(self, request, &answer)?;
        Ok(Accepted { status: answer.status, body: answer.body, operation })
    }
}
