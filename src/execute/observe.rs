//! Facts, fetched in rounds: everything that is missing at once, until nothing is.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Event, Executor, Failure, Observed};
use crate::azure::{ArmError, ArmErrorKind, ArmRequest, Manifest, Method, ResourceId};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{BODY, Fact, Facts, PARAMETER, REFERENCE, REPOSITORY, Read, Shape};
use crate::plan::{Plan, Selection, State, Target, UNHEALTHY, startup_budget};
use crate::value::Value;

/// More rounds than any recipe needs: a plan that still asks then would ask for ever.
const MAX_ROUNDS: usize = 32;

/// The first look at something slow; each further look waits longer, up to the second figure.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(50);
pub(super) const LAST_LOOK: Duration = Duration::from_secs(10);

/// What a last look may take beyond the deadline.
const RESERVE: Duration = Duration::from_secs(5);

impl Executor {
    /// The plan on fresh facts. `rights`: with the caller's permissions.
    ///
    /// # Errors
    /// Azure could not be asked (no token, no connection, throttled beyond the deadline); what a
    /// caller may not read is part of the plan instead.
    pub async fn observe(
        &self,
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        self.observe_from(Facts::default(), selection, target, rights).await
    }

    /// The plan on `facts` and whatever they miss.
    ///
    /// # Errors
    /// As [`Executor::observe`].
    pub async fn observe_from(
        &self,
        mut facts: Facts,
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        // No text of a server may show what the caller gave as a secret.
        self.client.hide(selection.inputs.secrets());
        let (mut rounds, mut reads) = (0, 0);
        // Without a token the reads say so.
        let caller = self.client.caller().await.ok();
        loop {
            let plan = self.plan(selection, target, &facts, caller.as_ref(), rights);
            if plan.missing.is_empty() {
                return Ok(Observed { plan, facts, rounds, reads });
            }
            if rounds == MAX_ROUNDS {
                return Err(Failure::deadline("finding out what is there"));
            }
            rounds += 1;
            reads += plan.missing.len();
            self.observer.event(&Event::Reading { count: plan.missing.len() });
            for (read, fact) in self.fetch(&plan.missing).await? {
                facts.insert(&read, fact);
            }
        }
    }

    /// As [`Executor::observe`], after an operation that somebody else (or a run that was killed) started on the app, or on
    /// another resource that the run is to have, is done.
    ///
    /// # Errors
    /// As there; the operation does not end before the deadline.
    pub async fn observe_idle(
        &self,
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        let observed = self.observe(selection, target, rights).await?;
        self.until_idle(observed, selection, target, rights).await
    }

    /// [`Executor::observe_idle`] from the first look on.
    pub(super) async fn until_idle(
        &self,
        observed: Observed,
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        let observed = self
            .until(
                observed,
                selection,
                target,
                rights,
                "the operation in progress on the app",
                |executor, plan, elapsed| {
                    // What stands in the way is told at once; waiting does not mend it.
                    let done = !plan.busy || plan.blocked();
                    if !done {
                        executor.observer.event(&Event::Busy { resource: target.app.clone(), elapsed });
                    }
                    done
                },
            )
            .await?;
        let Some(underway) = observed.plan.underway() else { return Ok(observed) };
        let (noun, id) = (underway.kind.noun, underway.id.clone());
        let what = format!("the operation in progress on {noun} {}", id.name());
        self.until(observed, selection, target, rights, &what, |executor, plan, elapsed| {
            let Some(underway) = plan.underway().filter(|_| !plan.blocked()) else { return true };
            let resource = underway.id.name().to_owned();
            executor.observer.event(&Event::Busy { resource, elapsed });
            false
        })
        .await
    }

    /// As [`Executor::observe`], once the app and its newest revision are ready, or it is clear that
    /// they will not be.
    ///
    /// # Errors
    /// As there. A deadline is no error: the findings say where it stands.
    pub async fn observe_ready(
        &self,
        observed: Observed,
        selection: &Selection,
        target: &Target,
        rights: bool,
    ) -> Result<Observed, Failure> {
        let mut unhealthy_since = None;
        let done = |executor: &Executor, plan: &Plan, elapsed: Duration| {
            let State::Waiting(state) = &plan.health.state else { return true };
            let name = plan.health.revision.clone().unwrap_or_else(|| target.app.clone());
            executor.observer.event(&Event::Revision { name, state: state.clone(), elapsed });
            let unhealthy = state.contains("unhealthy") || state.contains("degraded");
            let since = *unhealthy_since.get_or_insert(elapsed);
            if !unhealthy {
                unhealthy_since = None;
            }
            unhealthy && elapsed.saturating_sub(since) > UNHEALTHY.max(startup_budget(&plan.app))
        };
        self.until_or_deadline(observed, selection, target, rights, done).await
    }

    async fn until(
        &self,
        observed: Observed,
        selection: &Selection,
        target: &Target,
        rights: bool,
        what: &str,
        mut done: impl FnMut(&Executor, &Plan, Duration) -> bool,
    ) -> Result<Observed, Failure> {
        let mut ended = false;
        let observed = self
            .until_or_deadline(observed, selection, target, rights, |executor, plan, elapsed| {
                ended = done(executor, plan, elapsed);
                ended
            })
            .await?;
        if ended { Ok(observed) } else { Err(Failure::deadline(what)) }
    }

    async fn until_or_deadline(
        &self,
        mut observed: Observed,
        selection: &Selection,
        target: &Target,
        rights: bool,
        mut done: impl FnMut(&Executor, &Plan, Duration) -> bool,
    ) -> Result<Observed, Failure> {
        let start = self.clock.now();
        let mut pause = FIRST_LOOK;
        loop {
            let now = self.clock.now();
            let elapsed = (now - start).try_into().unwrap_or(Duration::ZERO);
            if done(self, &observed.plan, elapsed) || now >= self.deadline {
                return Ok(observed);
            }
            let left = (self.deadline - now).try_into().unwrap_or_default();
            self.pause(pause.min(left)).await?;
            pause = (pause * 2).min(LAST_LOOK);
            let mut facts = observed.facts.clone();
            facts.forget(&target.app_id());
            if let Some(underway) = observed.plan.underway() {
                facts.forget(&underway.id);
            }
            let next = match self.last_look().observe_from(facts, selection, target, rights).await {
                Ok(next) => next,
                // The deadline came in the middle of a look: the one before it stands.
                Err(Failure::Azure(_) | Failure::Deadline(_)) if self.clock.now() >= self.deadline => {
                    return Ok(observed);
                }
                Err(failure) => return Err(failure),
            };
            observed = Observed {
                rounds: observed.rounds + next.rounds,
                reads: observed.reads + next.reads,
                ..next
            };
        }
    }

    /// The same executor with time for one more look: what a wait has come to is told by a look that may
    /// end a little after the deadline.
    pub(super) fn last_look(&self) -> Executor {
        let deadline = self.deadline.max(self.clock.now() + RESERVE);
        Executor { deadline, ..self.clone() }
    }

    /// A wait that a request to stop cuts short.
    pub(super) async fn pause(&self, duration: Duration) -> Result<(), Failure> {
        self.interrupt.or(self.clock.sleep(duration)).await.ok_or(Failure::Interrupted)
    }

    pub(super) async fn fetch(&self, reads: &BTreeSet<Read>) -> Result<Vec<(Read, Fact)>, Failure> {
        let answers = reads.iter().map(|read| async {
            let fact = self.fetch_one(read).await?;
            Ok::<_, Failure>((read.clone(), fact))
        });
        let answers =
            self.interrupt.or(futures::future::join_all(answers)).await.ok_or(Failure::Interrupted)?;
        answers.into_iter().collect()
    }

    pub(super) async fn fetch_one(&self, read: &Read) -> Result<Fact, Failure> {
        let mut request = ArmRequest::get(read.path.clone(), read.api_version.clone());
        request.query.clone_from(&read.query);
        let answer = match read.shape {
            Shape::Manifest => return self.manifest(read).await,
            Shape::Context => return Ok(self.context(read).await),
            Shape::SqlUser => return Ok(Box::pin(self.database_user(read)).await),
            Shape::File | Shape::Folder => return self.local(read).await,
            Shape::Dns => return Ok(self.looked_up(read).await),
            Shape::Probe => return Ok(Box::pin(self.probed(read)).await),
            // No plan asks; see `ask`.
            Shape::Action => return Ok(Fact::Absent { code: String::new() }),
            Shape::Question => {
                let request = question(read);
                self.client.read(&request, self.deadline).await.map(|answer| answer.body)
            }
            Shape::Stored => {
                request.method = Method::Post;
                return match self.client.read(&request, self.deadline).await {
                    Ok(answer) => Ok(Fact::answered(answer.body)),
                    Err(error) => fact_of(&error, read),
                };
            }
            Shape::One => self.client.read(&request, self.deadline).await.map(|answer| answer.body),
            Shape::Many => self.client.list(&request, self.deadline).await.map(serde_json::Value::Array),
        };
        match answer {
            Ok(json) => Ok(Fact::found(&read.kind, read.shape, json)),
            Err(error) => fact_of(&error, read),
        }
    }
}

impl Executor {
    /// That a registry may not be asked is a fact too: an image can be written without its digest. That it
    /// does not answer is none: the digest that it has might be another one's in a minute.
    async fn manifest(&self, read: &Read) -> Result<Fact, Failure> {
        let (repository, reference) = (read.parameter(REPOSITORY), read.parameter(REFERENCE));
        let Some(registry) = ResourceId::parse(&read.path) else {
            return Ok(Fact::Absent { code: "NAME_UNKNOWN".to_owned() });
        };
        let (member, text) = match self.client.manifest(&registry, repository, reference, self.deadline).await
        {
            Manifest::Found { digest } => ("digest", digest),
            Manifest::Refused { reason } => ("refused", reason),
            Manifest::Absent { code } => return Ok(Fact::Absent { code }),
            Manifest::Failed { reason } => return Err(unresolved(repository, reference, &reason)),
        };
        Ok(Fact::Found(Value::from(serde_json::json!({ member: text }))))
    }
}

/// The POST that a lookup asks.
fn question(read: &Read) -> ArmRequest {
    let mut request = ArmRequest::new(Method::Post, read.path.clone(), read.api_version.clone());
    for (name, value) in &read.query {
        if let Some(name) = name.strip_prefix(PARAMETER) {
            request = request.query(name, value.clone());
        }
    }
    match serde_json::from_str(read.parameter(BODY)) {
        Ok(body) => request.body(body),
        Err(_) => request,
    }
}

fn unresolved(repository: &str, reference: &str, reason: &str) -> Failure {
    let message = format!("the registry did not say what {repository} {reference} is");
    Failure::Azure(Box::new(
        Diagnostic::error(codes::IMAGE, message)
            .note(reason)
            .fix("run it again in a minute, or name the image by its digest: repository@sha256:…"),
    ))
}

/// What Azure refuses or does not have is a fact; that it cannot be asked is a failure.
fn fact_of(error: &ArmError, read: &Read) -> Result<Fact, Failure> {
    let message = || error.message().map_or_else(|| error.to_string(), str::to_owned);
    if error.is_not_found() {
        return Ok(Fact::Absent { code: error.code().unwrap_or("NotFound").to_owned() });
    }
    if error.is_forbidden() {
        return Ok(Fact::Refused { message: message() });
    }
    let told =
        matches!(error.kind(), ArmErrorKind::Http(_)) && !error.is_transient() && error.status() != Some(401);
    if told {
        return Ok(Fact::Failed {
            message: message(),
            code: error.code().map(str::to_owned),
            correlation_id: error.correlation_id().map(str::to_owned),
        });
    }
    Err(Failure::azure(error, &format!("read {}", read.path)))
}
