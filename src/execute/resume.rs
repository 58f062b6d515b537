//! What earlier runs began and did not see the end of: waited for where their journals say, before anything is written
//! that has to do with it.

use std::time::Duration;

use time::OffsetDateTime;

use super::observe::{FIRST_LOOK, LAST_LOOK};
use super::{Event, Executor, Failure, Observed};
use crate::azure::operations::Link;
use crate::azure::{ArmErrorKind, ArmRequest, Operation};
use crate::facts::{Facts, Shape};
use crate::plan::{Selection, Target};

/// How long something that may have been created without an answer is looked for, from when it was sent on. What is
/// known of it (role assignments of Cosmos DB) is there within a minute.
const SHOWS_WITHIN: Duration = Duration::from_secs(120);

/// How long a recorded address alone is believed that something goes on. Some never say that it is over; from then on the
/// resource is asked, where there is one.
const ADDRESS_ALONE: Duration = Duration::from_secs(120);

/// An operation that an earlier run was told of, or may have begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What the write was, in a few words.
    pub what: String,
    /// The resource's id.
    pub resource: String,
    /// The api-version that it was written with.
    pub api_version: String,
    /// The header and the address that the answer named; `None`: the resource says how it stands.
    pub link: Option<(Link, String)>,
    /// When a write was sent that nobody knows the answer of, and that a read may not show yet.
    pub sent: Option<OffsetDateTime>,
}

impl Begun {
    /// Whether the plan that asked for these facts has to do with the resource: it looked at it, at something in it, or
    /// at the list that it is in.
    fn concerns(&self, facts: &Facts) -> bool {
        let own = self.resource.to_ascii_lowercase();
        let within = |path: &str, above: &str| {
            path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let list = own.rsplit_once('/').map_or("", |(list, _)| list);
        facts.iter().any(|(read, _)| {
            let path = read.path.to_ascii_lowercase();
            within(&path, &own) || (read.shape == Shape::Many && path == list)
        })
    }
}

impl Executor {
    /// As [`Executor::observe_idle`], after those of `begun` that the plan has to do with are over: half of the time
    /// that is left is for that, the rest for what the run is to do. How they ended is not judged: what is there then
    /// says what is missing, and whatever still goes on is in the way of the plan.
    ///
    /// # Errors
    /// As there.
    pub async fn observe_once_over(
        &self,
        begun: &[Begun],
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        if begun.is_empty() {
            return self.observe_idle(selection, target, rights).await;
        }
        let observed = self.observe(selection, target, rights).await?;
        let concerned: Vec<&Begun> = begun.iter().filter(|one| one.concerns(&observed.facts)).collect();
        if concerned.is_empty() {
            return self.until_idle(observed, selection, target, rights).await;
        }
        let now = self.clock.now();
        let until = now + (self.deadline - now).max(time::Duration::ZERO) / 2;
        for one in concerned {
            self.await_one(one, until).await?;
        }
        self.observe_idle(selection, target, rights).await
    }

    /// Waits until what an earlier run began is over, or it is `until`. An address that is not at this run's endpoint is
    /// not asked; the resource is.
    async fn await_one(&self, one: &Begun, until: OffsetDateTime) -> Result<(), Failure> {
        self.observer.event(&Event::Accepted { what: one.what.clone() });
        // As a read: a resource that is not there is over with.
        let request = ArmRequest::get(one.resource.clone(), one.api_version.clone());
        if let Some(sent) = one.sent {
            self.await_shown(&request, sent + SHOWS_WITHIN, until).await?;
        }
        let link = one.link.as_ref().map(|(link, address)| (*link, address.as_str()));
        if let Some(Ok(operation)) = link.map(|link| Operation::recorded(&self.client, &request, Some(link)))
        {
            let goes_on = self.goes_on(&operation, until.min(self.clock.now() + ADDRESS_ALONE)).await?;
            if !goes_on {
                return Ok(());
            }
            // Of what is not there yet only the address can tell.
            if self.is_absent(&request, until).await? {
                self.goes_on(&operation, until).await?;
                return Ok(());
            }
        }
        if let Ok(operation) = Operation::recorded(&self.client, &request, None) {
            self.goes_on(&operation, until).await?;
        }
        Ok(())
    }

    /// Waits until an operation is over, or it is `until`; whether it still goes on then.
    async fn goes_on(&self, operation: &Operation, until: OffsetDateTime) -> Result<bool, Failure> {
        let end = self.interrupt.or(self.client.wait(operation, until)).await.ok_or(Failure::Interrupted)?;
        Ok(end.is_err_and(|error| matches!(error.kind(), ArmErrorKind::Deadline { .. })))
    }

    /// Whether a resource is not there.
    async fn is_absent(&self, request: &ArmRequest, until: OffsetDateTime) -> Result<bool, Failure> {
        let look = self.interrupt.or(self.client.read(request, until)).await.ok_or(Failure::Interrupted)?;
        Ok(look.is_err_and(|error| error.is_not_found()))
    }

    /// Waits until a resource is there, is looked for no longer (`given_up`), or it is `until`.
    async fn await_shown(
        &self,
        request: &ArmRequest,
        given_up: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<(), Failure> {
        let last = given_up.min(until);
        let mut pause = FIRST_LOOK;
        loop {
            let absent = self.is_absent(request, until).await?;
            let now = self.clock.now();
            if !absent || now >= last {
                return Ok(());
            }
            self.pause(pause.min((last - now).try_into().unwrap_or_default())).await?;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }
}
