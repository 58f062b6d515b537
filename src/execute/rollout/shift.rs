//! The requests of a rollout: the traffic as it shall be, and a revision out of service. Each is sent again while
//! that may help, and only while the traffic is what the run knows.

use serde_json::json;

use super::super::ledger::Done;
use super::super::observe::{FIRST_LOOK, LAST_LOOK};
use super::super::record::serving;
use super::super::repeat::{TRIES, backoff, may_pass};
use super::super::send::Tried;
use super::super::write::Context;
use super::super::{Event, Executor, Failure, Observed, OwnedPath, WriteKind, WriteRecord};
use super::judge::is_whole;
use super::{Rolling, described};
use crate::azure::{ArmError, ArmErrorKind, ArmRequest, Method, Permit, ResourceId};
use crate::facts::Facts;
use crate::plan::{Plan, Stage, Traffic};
use crate::value::{Path, Value};

impl Executor {
    /// Writes the traffic, if it is still what this run knows; the plan on fresh facts after it.
    pub(super) async fn set_traffic(
        &self,
        context: &Context<'_>,
        observed: Observed,
        rolling: &mut Rolling,
        wanted: &Traffic,
        what: &str,
    ) -> Result<Observed, Failure> {
        let id = context.target.app_id();
        let done = Done { what: what.to_owned(), resource: id.to_string() };
        let start = self.clock.now();
        let mut facts = observed.facts;
        let mut tries = 0;
        loop {
            // Before the last read, so that nothing holds the write back after it.
            let permit = self.leave(Method::Patch, id.as_str()).await.map_err(|tried| match tried {
                Tried::Failed(failure) => failure,
                Tried::Azure(error) => of_traffic(&error, what),
            })?;
            facts.forget_rest(&id);
            let observed = self.idle(context, facts).await?;
            if !permit.holds(self.clock.now()) {
                facts = observed.facts;
                continue;
            }
            let now = Traffic::of(&observed.plan.app);
            if tries > 0 && now == *wanted {
                // By the try before, whose answer was lost.
                context.ledger.in_place(&done);
                rolling.expected = Some(wanted.clone());
                return Ok(observed);
            }
            rolling.untouched(&observed.plan)?;
            let body = json!({ "properties": { "configuration": { "ingress": {
                "traffic": wanted.to_value().to_json().unwrap_or_default()
            } } } });
            let version = version(&observed.plan, &id);
            let request = ArmRequest::new(Method::Patch, id.as_str(), version).body(body);
            let path = "properties.configuration.ingress.traffic";
            let record = record(&observed.plan, &request, path, wanted, what);
            facts = observed.facts;
            if self.deliver(context, &record, (&request, Some(permit)), &done, &mut tries).await? {
                rolling.expected = Some(wanted.clone());
                context.ledger.traffic(wanted);
                let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
                self.observer.event(&Event::Written { what: done.what, elapsed });
                facts.forget(&id);
                return self.look(context, facts).await;
            }
        }
    }

    /// The plan on these facts and what they miss, the app read last, once no operation is in progress on it.
    async fn idle(&self, context: &Context<'_>, mut facts: Facts) -> Result<Observed, Failure> {
        let start = self.clock.now();
        let mut pause = FIRST_LOOK;
        loop {
            let observed = self.look(context, facts).await?;
            // Its own answer last, so that nothing is asked between that and the write.
            let observed = self.own_last(context, &context.target.app_id(), observed).await?;
            if !observed.plan.busy && is_whole(&observed.plan) {
                return Ok(observed);
            }
            if self.clock.now() + pause >= self.deadline {
                return Err(Failure::deadline("the operation in progress on the app"));
            }
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            self.observer.event(&Event::Busy { resource: context.target.app.clone(), elapsed });
            self.pause(pause).await?;
            pause = (pause * 2).min(LAST_LOOK);
            facts = observed.facts;
            facts.forget_rest(&context.target.app_id());
        }
    }

    /// Sends a request once and waits for its operation. `false`: it may be sent again after what this waited.
    async fn deliver(
        &self,
        context: &Context<'_>,
        record: &WriteRecord,
        (request, permit): (&ArmRequest, Option<Permit>),
        done: &Done,
        tries: &mut u32,
    ) -> Result<bool, Failure> {
        *tries += 1;
        context.ledger.sent(done);
        let answer = self.request(record, request, &done.what, permit).await;
        let error = match answer {
            Ok((accepted, number)) => {
                context.ledger.accepted(done);
                let Some(operation) = &accepted.operation else { return Ok(true) };
                self.observer.event(&Event::Accepted { what: done.what.clone() });
                let end = self.interrupt.or(self.client.wait(operation, self.deadline)).await;
                let end = end.ok_or(Failure::Interrupted)?;
                self.over(number, &end);
                return end.map(|()| true).map_err(|error| of_traffic(&error, &done.what));
            }
            Err(Tried::Failed(failure)) => {
                context.ledger.refused(done);
                return Err(failure);
            }
            Err(Tried::Azure(error)) => error,
        };
        if !error.maybe_applied() {
            context.ledger.refused(done);
        }
        let again = error.is_throttled() || error.is_busy() || (may_pass(&error) && *tries < TRIES);
        let after = error.retry_after().unwrap_or_else(|| backoff(*tries));
        if !again || self.clock.now() + after >= self.deadline {
            return Err(of_traffic(&error, &done.what));
        }
        let reason = error.to_string();
        self.observer.event(&Event::Repeating { what: done.what.clone(), reason, after });
        self.pause(after).await?;
        Ok(false)
    }

    /// Deactivates a revision that has no traffic; the plan on fresh facts after it.
    pub(super) async fn retire(
        &self,
        context: &Context<'_>,
        observed: Observed,
        revision: &str,
    ) -> Result<Observed, Failure> {
        let id = context.target.app_id();
        let what = described(&Stage::Retire(revision.to_owned()), revision, "");
        let done = Done { what: what.clone(), resource: format!("{id}/revisions/{revision}") };
        let path = format!("{}/deactivate", id.child("revisions", revision));
        let request = ArmRequest::new(Method::Post, path, version(&observed.plan, &id));
        let record = WriteRecord::bare(&request, WriteKind::Rollout, &what, stages_of(&observed.plan));
        let start = self.clock.now();
        let mut tries = 0;
        // Twice does no harm.
        while !self.deliver(context, &record, (&request, None), &done, &mut tries).await? {}
        let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
        self.observer.event(&Event::Written { what, elapsed });
        let mut facts = observed.facts;
        facts.forget(&id);
        self.look(context, facts).await
    }
}

/// The failure of a write of the traffic. What the platform says of images is not about that.
fn of_traffic(error: &ArmError, what: &str) -> Failure {
    const AGAIN: &str = "run the same command again: it goes on from what stands";
    if let ArmErrorKind::Deadline { .. } = error.kind() {
        return Failure::deadline(what).and_note(&error.to_string());
    }
    let diagnostic = error.to_diagnostic().note(format!("while trying to {what}"));
    Failure::Azure(Box::new(match diagnostic.fix {
        Some(_) => diagnostic.note(AGAIN),
        None => diagnostic.fix(AGAIN),
    }))
}

/// The api-version that the app is written with.
fn version(plan: &Plan, app: &ResourceId) -> String {
    plan.app_version.clone().unwrap_or_else(|| {
        crate::azure::types::find(&app.resource_type())
            .and_then(|kind| kind.versions.first())
            .map(|version| (*version).to_owned())
            .unwrap_or_default()
    })
}

/// The keys of the steps that a stage belongs to.
fn stages_of(plan: &Plan) -> Vec<String> {
    plan.rollout.iter().map(|rollout| format!("{}.rollout", rollout.instance)).collect()
}

fn record(plan: &Plan, request: &ArmRequest, path: &str, wanted: &Traffic, what: &str) -> WriteRecord {
    let path = Path::members(path);
    // As it stands, also where that does not name the latest.
    let keys = ["properties", "configuration", "ingress", "traffic"];
    let before = plan.app.at(&keys).cloned().unwrap_or_else(Value::null);
    WriteRecord {
        serving: serving(plan),
        owned: vec![OwnedPath { there: path.0.len(), path, before, after: wanted.to_value() }],
        ..WriteRecord::bare(request, WriteKind::Rollout, what, stages_of(plan))
    }
}
