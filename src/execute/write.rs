//! One write, until it is in place: wait for roles, read again, merge again, send, wait, repeat what
//! may be repeated.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value as Json;

use super::run::{Applied, Done, within_approval};
use super::{Event, Executor, Failure, Observed, OwnedPath, WriteEnd, WriteRecord};
use crate::azure::types::{Consequence, Update};
use crate::azure::{ArmError, ArmRequest, Method, ResourceId};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::Selection;
use crate::plan::{Approved, Plan, State, Target, Write};
use crate::value::{Redacted, Segment, Value};

/// What every write of a run shares.
pub(super) struct Context<'a> {
    pub(super) selection: &'a Selection,
    pub(super) target: &'a Target,
    pub(super) approval: &'a BTreeMap<(String, String), Approved>,
    pub(super) done: &'a Mutex<Applied>,
}

/// What to do after a failed try.
enum Next {
    /// It is in place after all.
    InPlace,
    /// Wait, read again, send again.
    Again { after: Duration, reason: String },
    /// Give up.
    Stop(Failure),
}

/// The wait before a write that met a role which is not in force yet is sent again.
const ROLE_PAUSE: Duration = Duration::from_secs(15);

impl Executor {
    pub(super) async fn write(
        &self,
        context: &Context<'_>,
        plan: &Plan,
        write: &Write,
        facts: &Facts,
    ) -> Result<(), Failure> {
        self.settle(write).await?;
        let keys: Vec<String> = write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect();
        let start = self.clock.now();
        let what = describe(plan, write);
        let before = plan.health.revision.clone();
        let mut failures = 0;
        let mut sent = false;
        loop {
            if self.interrupt.requested() {
                return Err(Failure::Interrupted);
            }
            let fresh = self.read_again(context, write, facts, &keys).await?;
            let Some((plan, write)) = current(&fresh, write, &keys) else {
                // In place: by an earlier try, or by somebody else.
                break;
            };
            within_approval(context.approval, plan)?;
            let outcome = self.send(plan, write, &what).await;
            sent = true;
            let next = match outcome {
                Ok(()) => {
                    Self::record(context, write, &what);
                    break;
                }
                Err(Tried::Failed(failure)) => return Err(failure),
                Err(Tried::Azure { error, accepted }) => {
                    if accepted {
                        Self::record(context, write, &what);
                    }
                    failures += 1;
                    self.next(plan, write, &error, failures)
                }
            };
            match next {
                Next::InPlace => break,
                Next::Stop(failure) => return Err(failure),
                Next::Again { after, reason } => {
                    if self.clock.now() + after >= self.deadline {
                        return Err(Failure::deadline(&format!("{what} ({reason})")));
                    }
                    self.observer.event(&Event::Repeating { what: what.clone(), reason, after });
                    self.pause(after).await?;
                }
            }
        }
        if !sent {
            return Ok(());
        }
        let elapsed = (self.clock.now() - start).try_into().unwrap_or(Duration::ZERO);
        self.observer.event(&Event::Written { what, elapsed });
        if write.consequences.contains(&Consequence::NewRevision) {
            self.await_revision(context, facts, before.as_deref()).await?;
        }
        if write.consequences.contains(&Consequence::RestartUsers) {
            self.restart(context, plan, write).await?;
        }
        Ok(())
    }

    /// Waits until the role assignments that the write relies on are old enough.
    async fn settle(&self, write: &Write) -> Result<(), Failure> {
        let start = self.clock.now();
        for settle in &write.settles {
            // An assignment that this run made counts from now on.
            loop {
                let counted = self.clock.now();
                let remaining = match settle.grant.created_on {
                    Some(_) => settle.remaining(counted),
                    None => settle
                        .grant
                        .settle
                        .saturating_sub((counted - start).try_into().unwrap_or(Duration::ZERO)),
                };
                if remaining.is_zero() {
                    break;
                }
                let grant = format!("{} on {}", settle.grant.role, settle.grant.scope.name());
                self.observer.event(&Event::Settling { grant, remaining });
                self.pause(remaining.min(Duration::from_secs(1))).await?;
            }
        }
        Ok(())
    }

    /// The plan on facts in which the resource is read right now, so that what others changed since is
    /// taken over.
    async fn read_again(
        &self,
        context: &Context<'_>,
        write: &Write,
        facts: &Facts,
        keys: &[String],
    ) -> Result<Observed, Failure> {
        let mut facts = facts.clone();
        // A role assignment is created under a name of its own: nothing to merge with.
        if write.kind.update == Update::Never {
            let observed = self.observe_from(facts, context.selection, context.target, false).await?;
            return Ok(observed);
        }
        let mut pause = Duration::from_millis(50);
        loop {
            if let Some(id) = &write.id {
                facts.forget(id);
            }
            let observed = self.observe_from(facts, context.selection, context.target, false).await?;
            if !observed.plan.busy || !changes_app(&observed.plan, write, keys) {
                return Ok(observed);
            }
            if self.clock.now() >= self.deadline {
                return Err(Failure::deadline("the operation in progress on the app"));
            }
            self.observer
                .event(&Event::Busy { resource: context.target.app.clone(), elapsed: Duration::ZERO });
            self.pause(pause).await?;
            pause = (pause * 2).min(Duration::from_secs(10));
            facts = observed.facts;
        }
    }

    /// Sends the write once and waits for its operation.
    async fn send(&self, plan: &Plan, write: &Write, what: &str) -> Result<(), Tried> {
        let (Some(id), Some(body)) = (&write.id, &write.body) else {
            return Err(Tried::Failed(Failure::deadline(what)));
        };
        let version = Self::version_of(plan, write);
        let mut json = body.json.clone();
        if !body.resend.is_empty() {
            self.fill_secrets(id, &version, &mut json, &body.resend).await.map_err(Tried::Failed)?;
        }
        if self.interrupt.requested() {
            return Err(Tried::Failed(Failure::Interrupted));
        }
        let method =
            if write.create || write.kind.update != Update::Patch { Method::Put } else { Method::Patch };
        let request = ArmRequest::new(method, id.as_str(), version.clone()).body(json);
        let record = record_of(plan, write, &request);
        self.hook.before(&record).map_err(|reason| {
            Tried::Failed(Failure::Azure(Box::new(Diagnostic::error(codes::NOT_RECORDED, reason))))
        })?;
        self.observer.event(&Event::Writing { what: what.to_owned() });
        let answer = self.client.write(&request).await;
        let end = match &answer {
            Ok(accepted) => WriteEnd::Accepted { status: accepted.status },
            Err(error) => WriteEnd::Failed {
                code: error.code().map(str::to_owned),
                maybe_applied: error.maybe_applied(),
            },
        };
        self.hook.after(&record, &end);
        let accepted = answer.map_err(|error| Tried::Azure { error: Box::new(error), accepted: false })?;
        if let Some(operation) = &accepted.operation {
            self.observer.event(&Event::Accepted { what: what.to_owned() });
            let deadline = self.deadline;
            match self.interrupt.or(self.client.wait(operation, deadline)).await {
                None => return Err(Tried::Failed(Failure::Interrupted)),
                Some(Err(error)) => return Err(Tried::Azure { error: Box::new(error), accepted: true }),
                Some(Ok(())) => {}
            }
        }
        Ok(())
    }

    fn version_of(plan: &Plan, write: &Write) -> String {
        plan.versions
            .get(write.kind.name)
            .cloned()
            .unwrap_or_else(|| write.kind.versions.first().copied().unwrap_or_default().to_owned())
    }

    /// Puts back the values of secrets that the array must carry. References are never among them.
    async fn fill_secrets(
        &self,
        id: &ResourceId,
        version: &str,
        json: &mut Json,
        names: &[String],
    ) -> Result<(), Failure> {
        let request = ArmRequest::new(Method::Post, format!("{id}/listSecrets"), version);
        let answer = self
            .interrupt
            .or(self.client.read(&request, self.deadline))
            .await
            .ok_or(Failure::Interrupted)?
            .map_err(|error| {
                Failure::azure(
                    &error,
                    "read the app's other secrets, which must be sent back with the new one",
                )
            })?;
        let values: BTreeMap<&str, &str> = answer
            .body
            .get("value")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|secret| Some((secret.get("name")?.as_str()?, secret.get("value")?.as_str()?)))
            .collect();
        let entries = json
            .pointer_mut("/properties/configuration/secrets")
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten();
        for entry in entries.filter_map(Json::as_object_mut) {
            let Some(name) = entry.get("name").and_then(Json::as_str).map(str::to_owned) else { continue };
            if !names.contains(&name) {
                continue;
            }
            let Some(value) = values.get(name.as_str()) else {
                return Err(Failure::Azure(Box::new(
                    Diagnostic::error(codes::SECRET_UNAVAILABLE, format!("the value of the app's secret `{name}` cannot be had"))
                        .note("the secrets of an app are replaced as a whole; sending them without it would lose it")
                        .fix("set the secret again with az containerapp secret set, then run the same command")
                        .resource(id),
                )));
            };
            entry.insert("value".to_owned(), Json::String((*value).to_owned()));
        }
        Ok(())
    }

    /// Whether and when a failed write is sent again.
    fn next(&self, plan: &Plan, write: &Write, error: &ArmError, failures: u32) -> Next {
        let backoff = Duration::from_secs(1) * 2u32.saturating_pow(failures.min(5).saturating_sub(1));
        let again = |after: Duration| Next::Again { after, reason: error.to_string() };
        match error.code() {
            // Another run, or a try whose answer was lost, made it.
            Some("RoleAssignmentExists") => return Next::InPlace,
            // The directory does not know the new principal everywhere yet.
            Some("PrincipalNotFound") => return again(error.retry_after().unwrap_or(Duration::from_secs(5))),
            _ => {}
        }
        let message = error.to_string();
        if refused_for_role(&message) || plan_retries(plan, write, &message) {
            let late = write.settles.iter().any(|settle| settle.may_be_late(self.clock.now()));
            if late || plan_retries(plan, write, &message) {
                return again(error.retry_after().unwrap_or(ROLE_PAUSE));
            }
        }
        if error.is_busy() || error.is_throttled() {
            return again(error.retry_after().unwrap_or(backoff.max(Duration::from_secs(5))));
        }
        // An operation that ended badly has said why; sent again it would only fail again.
        let ended = matches!(error.kind(), crate::azure::ArmErrorKind::Operation(_));
        if (error.is_transient() || error.maybe_applied()) && !ended && failures < 8 {
            return again(error.retry_after().unwrap_or(backoff));
        }
        let what = describe(plan, write);
        Next::Stop(match error.kind() {
            crate::azure::ArmErrorKind::Deadline { .. } => Failure::deadline(&what),
            _ => Failure::azure(error, &what),
        })
    }

    /// Waits until the revision that came of a write is ready.
    async fn await_revision(
        &self,
        context: &Context<'_>,
        facts: &Facts,
        before: Option<&str>,
    ) -> Result<(), Failure> {
        let start = self.clock.now();
        let mut facts = facts.clone();
        facts.forget(&context.target.app_id());
        let observed = self.observe_from(facts, context.selection, context.target, false).await?;
        let observed = self.observe_ready(observed, context.selection, context.target, false).await?;
        let health = observed.plan.health;
        let name = health.revision.clone().unwrap_or_else(|| context.target.app.clone());
        let elapsed = (self.clock.now() - start).try_into().unwrap_or(Duration::ZERO);
        if before != Some(name.as_str())
            && let Ok(mut done) = context.done.lock()
            && !done.revisions.contains(&name)
        {
            done.revisions.push(name.clone());
        }
        let why = match &health.state {
            State::Ready | State::Unknown => {
                self.observer.event(&Event::Ready { name, traffic: health.traffic, elapsed });
                return Ok(());
            }
            // The verification says so; the writes themselves worked.
            State::Stopped(_) => return Ok(()),
            State::Waiting(why) | State::Failing(why) => why.clone(),
        };
        let finding = health.findings.into_iter().next_back();
        let mut diagnostic =
            Diagnostic::error(codes::REVISION_HEALTH, format!("revision {name} is not healthy: {why}"))
                .resource(context.target.app_id());
        if let (Some(cause), _) = crate::plan::explain(&why) {
            diagnostic = diagnostic.note(cause);
        }
        if let Some(fix) = finding.as_ref().and_then(|finding| finding.fix.clone()) {
            diagnostic = diagnostic.fix(fix);
        }
        if let Some(docs) = finding.and_then(|finding| finding.docs) {
            diagnostic = diagnostic.docs(docs);
        }
        Err(Failure::Unhealthy(Box::new(diagnostic)))
    }

    /// Restarts the active revisions whose template uses a changed secret: their replicas keep the old
    /// value until then (microsoft/azure-container-apps#691).
    async fn restart(&self, context: &Context<'_>, plan: &Plan, write: &Write) -> Result<(), Failure> {
        let id = context.target.app_id();
        let version = Self::version_of(plan, write);
        let list = ArmRequest::get(format!("{id}/revisions"), version.clone());
        let revisions = self
            .client
            .list(&list, self.deadline)
            .await
            .map_err(|error| Failure::azure(&error, "find the revisions that use a changed secret"))?;
        let changed = changed_secrets(plan, write);
        for revision in revisions {
            if !revision.pointer("/properties/template").is_some_and(|template| uses(template, &changed)) {
                continue;
            }
            let active = revision.pointer("/properties/active").and_then(Json::as_bool) == Some(true);
            let Some(name) = revision.get("name").and_then(Json::as_str).filter(|_| active) else { continue };
            if self.interrupt.requested() {
                return Err(Failure::Interrupted);
            }
            let what = format!("restart the revision {name}");
            let path = format!("{id}/revisions/{name}/restart");
            let request = ArmRequest::new(Method::Post, path, version.clone());
            let record = WriteRecord {
                method: Method::Post,
                path: request.path.clone(),
                api_version: version.clone(),
                steps: write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect(),
                owned: Vec::new(),
            };
            self.hook
                .before(&record)
                .map_err(|reason| Failure::Azure(Box::new(Diagnostic::error(codes::NOT_RECORDED, reason))))?;
            self.observer.event(&Event::Writing { what: what.clone() });
            let answer = self.client.write(&request).await;
            let end = match &answer {
                Ok(accepted) => WriteEnd::Accepted { status: accepted.status },
                Err(error) => WriteEnd::Failed {
                    code: error.code().map(str::to_owned),
                    maybe_applied: error.maybe_applied(),
                },
            };
            self.hook.after(&record, &end);
            answer.map_err(|error| Failure::azure(&error, &what))?;
            self.observer.event(&Event::Written { what, elapsed: Duration::ZERO });
        }
        Ok(())
    }

    fn record(context: &Context<'_>, write: &Write, what: &str) {
        if let Ok(mut done) = context.done.lock() {
            done.writes.push(Done {
                what: what.to_owned(),
                resource: write.id.as_ref().map(ToString::to_string).unwrap_or_default(),
            });
        }
    }
}

/// How a try failed.
enum Tried {
    /// Nothing to repeat.
    Failed(Failure),
    /// Azure refused, failed, or fell silent; `accepted`: after it had taken the write.
    Azure { error: Box<ArmError>, accepted: bool },
}

/// The same write in a newer plan, if it is still needed.
fn current<'o>(observed: &'o Observed, write: &Write, keys: &[String]) -> Option<(&'o Plan, &'o Write)> {
    let plan = &observed.plan;
    let same = plan.writes.iter().find(|other| {
        other.id == write.id && other.steps.iter().any(|index| keys.contains(&plan.steps[*index].key))
    })?;
    Some((plan, same))
}

/// Names of the app's secrets that a write changes.
fn changed_secrets(plan: &Plan, write: &Write) -> Vec<String> {
    let owned = write.steps.iter().flat_map(|index| &plan.steps[*index].outcome.owned);
    owned
        .filter(|owned| !owned.in_place)
        .filter(|owned| owned.path.pattern().starts_with("properties.configuration.secrets"))
        .filter_map(|owned| match owned.path.0.get(3) {
            Some(Segment::Element(name)) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// Whether a template refers to one of these secrets, in a variable, a scale rule or a volume. A secret
/// volume without a list of its own mounts all of them.
fn uses(template: &Json, secrets: &[String]) -> bool {
    match template {
        Json::Object(members) => {
            let named =
                |value: &Json| value.as_str().is_some_and(|name| secrets.iter().any(|own| own == name));
            let all_mounted = members.get("storageType").and_then(Json::as_str) == Some("Secret")
                && members.get("secrets").and_then(Json::as_array).is_none_or(Vec::is_empty);
            all_mounted
                || members
                    .iter()
                    .any(|(key, value)| (key == "secretRef" && named(value)) || uses(value, secrets))
        }
        Json::Array(elements) => elements.iter().any(|element| uses(element, secrets)),
        _ => false,
    }
}

fn changes_app(plan: &Plan, write: &Write, keys: &[String]) -> bool {
    write.kind.name == "Microsoft.App/containerApps" && plan.steps.iter().any(|step| keys.contains(&step.key))
}

/// What a write does, in a few words.
pub(super) fn describe(plan: &Plan, write: &Write) -> String {
    let grant = write.steps.first().and_then(|index| plan.steps[*index].outcome.grant.as_ref());
    match (grant, &write.id) {
        (Some(grant), _) => format!("grant {} on {}", grant.role, grant.scope.name()),
        (None, Some(id)) => {
            format!(
                "{} the {} {}",
                if write.create { "create" } else { "change" },
                write.kind.noun,
                id.name()
            )
        }
        (None, None) => format!("create a {}", write.kind.noun),
    }
}

/// Azure's words for a role that is missing or not in force yet
/// (microsoft/azure-container-apps#1174; the registry's are those of a refused pull).
fn refused_for_role(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    (message.contains("secret") && message.contains("managed identity")) || message.contains("unauthorized")
}

fn plan_retries(plan: &Plan, write: &Write, message: &str) -> bool {
    write
        .steps
        .iter()
        .filter_map(|index| plan.steps[*index].retry.as_ref())
        .any(|retry| retry.error_matches.iter().any(|pattern| pattern.is_match(message)))
}

fn record_of(plan: &Plan, write: &Write, request: &ArmRequest) -> WriteRecord {
    let owned = write
        .steps
        .iter()
        .flat_map(|index| &plan.steps[*index].outcome.owned)
        .filter(|owned| !owned.in_place)
        .map(|owned| OwnedPath {
            path: owned.path.to_string(),
            before: shown(&owned.live),
            after: shown(&owned.wanted),
        })
        .collect();
    WriteRecord {
        method: request.method,
        path: request.path.clone(),
        api_version: request.api_version.clone(),
        steps: write.steps.iter().map(|index| plan.steps[*index].key.clone()).collect(),
        owned,
    }
}

fn shown(value: &Value) -> Json {
    Redacted(value).to_json()
}
