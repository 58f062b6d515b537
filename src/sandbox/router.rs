//! From a path to a handler, through the gates every request passes: api-version, rights, locks.

use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::callers;
use super::errors::{self, Refusal};
use super::exchange::find;
use super::faults::FaultKind;
use super::policies;
use super::providers;
use super::rules::{Switch, Switches};
use super::state::{Caller, Operation, OperationKind, Revision, State};
use super::{Delays, http::Request};

/// A handler's answer, before it is written out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Json>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Json) -> Answer {
        Answer { status, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn empty(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: None }
    }

    pub(super) fn with(mut self, name: &str, value: String) -> Answer {
        self.headers.push((name.to_owned(), value));
        self
    }
}

pub(super) type Handled = Result<Answer, Refusal>;

/// What a handler has in hand.
pub(super) struct Context<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: OffsetDateTime,
    pub(super) delays: &'a Delays,
    pub(super) rules: &'a Switches,
    pub(super) caller: &'a Caller,
    pub(super) method: &'a str,
    /// `https://host`, for URLs in answers.
    pub(super) origin: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a [(String, String)],
    /// Names in lower case.
    pub(super) headers: &'a [(String, String)],
    pub(super) api_version: &'a str,
    pub(super) body: &'a [u8],
    /// A fault that changes what a write's operation does.
    pub(super) fault: Option<&'a FaultKind>,
}

impl Context<'_> {
    /// The request's body as a JSON object.
    pub(super) fn object(&self) -> Result<Json, Refusal> {
        let body: Json = serde_json::from_slice(self.body).map_err(|error| {
            errors::invalid_content(format!(
                "The request content was invalid and could not be deserialized: '{error}'."
            ))
        })?;
        if body.is_object() {
            Ok(body)
        } else {
            Err(errors::invalid_content("The request content was invalid: an object is expected."))
        }
    }

    /// Begins an operation on `resource` that takes so long, `None`: until something else ends it. It ends with
    /// `failure`, if there is one; a fault of this request lets it hang, or closes its address.
    pub(super) fn begin(
        &mut self,
        resource: &str,
        kind: OperationKind,
        takes: Option<Duration>,
        failure: Option<(u16, Json)>,
        revision: Option<Revision>,
    ) -> Operation {
        let hangs = self.fault == Some(&FaultKind::OperationHangs);
        let operation = Operation {
            id: self.state.new_guid("operation"),
            resource: resource.to_owned(),
            kind,
            started: self.now,
            due: takes.filter(|_| !hangs).map(|takes| self.now + takes),
            ended: false,
            failure,
            revision,
            url_refuses: match self.fault {
                Some(FaultKind::OperationUrl(status)) => Some(*status),
                _ => None,
            },
        };
        self.state.operations.insert(operation.id.clone(), operation.clone());
        operation
    }

    /// How long a role assignment made now takes to hold.
    pub(super) fn role_takes(&self) -> Duration {
        match self.fault {
            Some(FaultKind::RoleSlow(seconds)) => Duration::from_secs(*seconds),
            _ => self.delays.role,
        }
    }

    /// Whether this request's operation fails by a fault.
    pub(super) fn operation_fails(&self) -> bool {
        self.fault == Some(&FaultKind::OperationFails)
    }

    /// Whether the caller may do `action` at `scope`.
    pub(super) fn allowed(&self, action: &str, scope: &str) -> bool {
        callers::allowed(self.state, self.now, &self.caller.principal, action, scope)
    }

    /// Refuses unless the caller may do `action` at `scope`.
    pub(super) fn require(&self, action: &str, scope: &str) -> Result<(), Refusal> {
        if !self.allowed(action, scope) {
            return Err(callers::denied(self.caller, action, scope));
        }
        match callers::denying(self.state, &self.caller.principal, action, scope) {
            Some(deny) => Err(callers::forbidden(self.caller, action, scope, deny)),
            None => Ok(()),
        }
    }

    /// Refuses when a policy denies writing the resource `id` as `resource`.
    pub(super) fn compliant(&self, id: &str, resource: &Json) -> Result<(), Refusal> {
        match policies::denying(self.state, id, resource) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// Refuses when a lock at `scope` or above forbids the request's method.
    pub(super) fn unlocked(&self, scope: &str) -> Result<(), Refusal> {
        let forbids = |level: &str| match self.method {
            "GET" | "HEAD" => false,
            "DELETE" => true,
            _ => level.eq_ignore_ascii_case("ReadOnly"),
        };
        let holding: Vec<&str> = self
            .state
            .locks
            .values()
            .filter(|lock| callers::covers(&lock.scope, scope) && forbids(&lock.level))
            .map(|lock| lock.id.as_str())
            .collect();
        if holding.is_empty() {
            return Ok(());
        }
        let operation = if self.method == "DELETE" { "delete" } else { "write" };
        Err(errors::locked(scope, operation, &holding.join(", ")))
    }

    /// A page of `elements`, with `nextLink` when there are more.
    pub(super) fn page(&self, elements: Vec<Json>) -> Handled {
        self.page_of(elements, |element| element)
    }

    /// A page of `elements` as `shown`, which is asked for those on it only.
    pub(super) fn page_of<T>(
        &self,
        elements: impl IntoIterator<Item = T>,
        shown: impl Fn(T) -> Json,
    ) -> Handled {
        let skip = find(self.query, "$skipToken").map_or(Ok(0), |token| {
            token
                .parse::<usize>()
                .map_err(|_| Refusal::new(400, "InvalidSkipToken", "The value of '$skipToken' is not valid."))
        })?;
        let size = match self.state.page_size {
            0 => usize::MAX,
            size => size,
        };
        let mut elements = elements.into_iter().skip(skip);
        let page: Vec<Json> = elements.by_ref().take(size).map(shown).collect();
        let more = elements.next().is_some();
        let mut body = json!({ "value": page });
        if more {
            let mut link = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in self.query {
                if !name.eq_ignore_ascii_case("$skipToken") {
                    link.append_pair(name, value);
                }
            }
            link.append_pair("$skipToken", &(skip + size).to_string());
            body["nextLink"] = json!(format!("{}{}?{}", self.origin, self.path, link.finish()));
        }
        Ok(Answer::new(200, body))
    }
}

/// A path taken apart at its last `/providers/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// What stands before: a subscription, group or resource; empty for the tenant.
    pub(super) scope: String,
    /// `Microsoft.App`.
    pub(super) namespace: String,
    /// `containerApps`, `revisions`, …
    pub(super) types: Vec<String>,
    /// Names; one fewer than types for a collection or an action.
    pub(super) names: Vec<String>,
}

impl Address {
    pub(super) fn parse(path: &str) -> Option<Address> {
        let lower = path.to_ascii_lowercase();
        let at = lower.rfind("/providers/")?;
        let scope = path.get(..at)?.to_owned();
        let mut rest = path
            .get(at + "/providers/".len()..)?
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned);
        let namespace = rest.next()?;
        let (mut types, mut names) = (Vec::new(), Vec::new());
        while let Some(kind) = rest.next() {
            types.push(kind);
            names.extend(rest.next());
        }
        Some(Address { scope, namespace, types, names })
    }

    /// The types joined, in lower case: `containerapps/revisions`.
    pub(super) fn kind(&self) -> String {
        self.types.join("/").to_ascii_lowercase()
    }

    /// Whether the path names a resource and not a collection or an action.
    pub(super) fn is_resource(&self) -> bool {
        self.types.len() == self.names.len()
    }

    /// The `index`th name.
    pub(super) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// The id of the resource `depth` types deep.
    pub(super) fn id(&self, depth: usize) -> String {
        let mut id = format!("{}/providers/{}", self.scope, self.namespace);
        for (kind, name) in self.types.iter().zip(&self.names).take(depth) {
            id.push('/');
            id.push_str(kind);
            id.push('/');
            id.push_str(name);
        }
        id
    }

    /// The id of what the path names; for a collection or an action, of what contains it.
    pub(super) fn target(&self) -> String {
        if self.names.is_empty() { self.scope.clone() } else { self.id(self.names.len()) }
    }
}

/// Leads the request to its handler.
pub(super) fn route(
    state: &mut State,
    now: OffsetDateTime,
    delays: &Delays,
    rules: &Switches,
    caller: &Caller,
    request: &Request,
    fault: Option<&FaultKind>,
) -> Handled {
    let Some(api_version) = find(&request.query, "api-version").filter(|version| !version.is_empty()) else {
        return Err(Refusal::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    let scheme = find(&request.headers, "x-forwarded-proto").unwrap_or("https");
    let origin = format!("{scheme}://{}", request.host);
    let path = request.path.trim_end_matches('/');
    let mut context = Context {
        state,
        now,
        delays,
        rules,
        caller,
        method: request.method.as_str(),
        origin: &origin,
        path,
        query: &request.query,
        headers: &request.headers,
        api_version,
        body: &request.body,
        fault,
    };
    match Address::parse(path) {
        Some(address) if address.types.is_empty() => {
            providers::resources::provider(&mut context, &address.scope, &address.namespace)
        }
        Some(address) if address.kind() == "register" && !address.is_resource() => {
            providers::resources::register(&mut context, &address)
        }
        Some(address) => typed(&mut context, &address),
        None => providers::resources::route(&mut context),
    }
}

fn typed(context: &mut Context<'_>, address: &Address) -> Handled {
    providers::check_version(address, context.api_version)?;
    existing_subscription(context, &address.scope)?;
    enabled_subscription(context, &address.scope)?;
    match address.namespace.to_ascii_lowercase().as_str() {
        "microsoft.app" if providers::jobs::is_meant(address) => providers::jobs::route(context, address),
        "microsoft.app" => providers::app::route(context, address),
        "microsoft.managedidentity" => providers::identity::route(context, address),
        "microsoft.authorization" => providers::authorization::route(context, address),
        "microsoft.keyvault" => providers::keyvault::route(context, address),
        "microsoft.documentdb" => providers::cosmos::route(context, address),
        "microsoft.containerregistry" => providers::registry::route(context, address),
        "microsoft.sql" => providers::sql::route(context, address),
        "microsoft.storage" => providers::storage::route(context, address),
        "microsoft.servicebus" => providers::servicebus::route(context, address),
        "microsoft.cache" => providers::redis::route(context, address),
        "microsoft.network" => providers::dns::route(context, address),
        _ => Err(no_operation(context, address)),
    }
}

/// 404 when the scope names a subscription that is not there.
pub(super) fn existing_subscription(context: &Context<'_>, scope: &str) -> Result<(), Refusal> {
    let mut segments = scope.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some(first), Some(id)) if first.eq_ignore_ascii_case("subscriptions") => {
            let known = context
                .state
                .subscriptions
                .iter()
                .any(|subscription| subscription.id.eq_ignore_ascii_case(id));
            if known { Ok(()) } else { Err(errors::subscription_not_found(id)) }
        }
        _ => Ok(()),
    }
}

/// 409 for a write in a subscription that is disabled.
fn enabled_subscription(context: &Context<'_>, scope: &str) -> Result<(), Refusal> {
    let id = scope.split('/').nth(2).unwrap_or_default();
    let disabled = context.state.subscriptions.iter().any(|subscription| {
        subscription.id.eq_ignore_ascii_case(id) && subscription.state.eq_ignore_ascii_case("Disabled")
    });
    if !disabled || !matches!(context.method, "PUT" | "PATCH" | "DELETE") {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "ReadOnlyDisabledSubscription",
        format!(
            "The subscription '{id}' is disabled and therefore marked as read only. You cannot perform any \
             write actions on this subscription until it is re-enabled."
        ),
    ))
}

/// The refusal of a method that the resource type does not have.
pub(super) fn no_operation(context: &Context<'_>, address: &Address) -> Refusal {
    Refusal::new(
        405,
        "MethodNotAllowed",
        format!(
            "The requested resource '{}/{}' does not support http method '{}'.",
            address.namespace,
            address.types.join("/"),
            context.method
        ),
    )
}

/// Whether the caller holds any role in force at or below `scope`.
pub(super) fn seen_from_below(context: &Context<'_>, scope: &str) -> bool {
    context.rules.holds(Switch::SubscriptionSeenFromBelow)
        && context.state.role_assignments.values().any(|assignment| {
            assignment.principal.eq_ignore_ascii_case(&context.caller.principal)
                && assignment.in_force_from <= context.now
                && callers::covers(scope, &assignment.scope)
        })
}
