//! The last read before a write. ARM has no `If-Match` here, so whoever writes between that read and the write may be
//! overwritten in what the write replaces as a whole. Nothing is asked in between: what else the body takes, other
//! reads and the values of secrets that are sent back, is had before, and is taken only if the resource is still as it
//! was then. Whatever holds a write back (the budget of requests, another run's turn) does so before that read. So the window is one request long, and everything that others wrote before it survives.

use super::observe::{FIRST_LOOK, LAST_LOOK};
use super::secrets::Stored;
use super::send::version_of;
use super::write::{Context, find};
use super::{Event, Executor, Failure, Observed};
use crate::azure::ResourceId;
use crate::azure::types::Update;
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Facts;
use crate::plan::{Plan, Write};
use crate::steps::Effect;

/// How often what a write is made from is read again because somebody changed it while it was read. Whoever writes
/// that often leaves no room for this.
const LOOKS: usize = 10;

/// What a write is made of.
pub(super) struct Fresh {
    /// The plan, of which the resource's own answer is the last that was asked for.
    pub(super) observed: Observed,
    /// The secrets that it sends back, as they were when the resource was as it is.
    pub(super) stored: Option<Stored>,
}

impl Executor {
    /// The plan on facts in which what `write` (of the steps `keys`) changes is read right now, so that what others
    /// changed since the plan was shown is taken over; the app once no operation is in progress on it. `retried`:
    /// after a try whose end is not known.
    pub(super) async fn read_again(
        &self,
        context: &Context<'_>,
        (write, effect): (&Write, Option<&Effect>),
        keys: &[String],
        mut facts: Facts,
        retried: bool,
    ) -> Result<Fresh, Failure> {
        let start = self.clock.now();
        let mut pause = FIRST_LOOK;
        // What is made under a name of its own and never changed has nothing to be merged with.
        let own = write.id.as_ref().filter(|_| retried || write.kind.update != Update::Never);
        loop {
            if let Some(id) = own {
                facts.forget_rest(id);
            }
            // Whether an action is still due is seen in what it is sent to.
            if let Some(effect) = effect {
                facts.forget(&effect.resource);
            }
            let observed = self.observe_from(facts, context.selection, context.target, false).await?;
            let fresh = match own {
                Some(id) => Box::pin(self.with_secrets(context, (write, keys), id, observed)).await?,
                None => Fresh { observed, stored: None },
            };
            let app = context.target.app_id();
            let on_app =
                write.id.as_ref() == Some(&app) || effect.is_some_and(|effect| effect.resource.within(&app));
            if !(on_app && fresh.observed.plan.busy) {
                return Ok(fresh);
            }
            let now = self.clock.now();
            if now + pause >= self.deadline {
                return Err(Failure::deadline("the operation in progress on the app"));
            }
            let elapsed = (now - start).try_into().unwrap_or_default();
            self.observer.event(&Event::Busy { resource: context.target.app.clone(), elapsed });
            self.pause(pause).await?;
            pause = (pause * 2).min(LAST_LOOK);
            facts = fresh.observed.facts;
        }
    }

    /// `observed` with the resource's own answer read last, and before it the secrets that the write sends back.
    async fn with_secrets(
        &self,
        context: &Context<'_>,
        (write, keys): (&Write, &[String]),
        id: &ResourceId,
        mut observed: Observed,
    ) -> Result<Fresh, Failure> {
        for _ in 0..LOOKS {
            let names = resent(&observed.plan, write, keys);
            let stored = if names.is_empty() {
                None
            } else {
                let version = version_of(&observed.plan, write);
                Some(self.stored_secrets(write.kind, id, &version).await?)
            };
            let before = observed.facts.own(id).cloned();
            let mut alone;
            (observed, alone) = self.read_own(context, id, observed).await?;
            if stored.is_some() {
                // A secret that got another value shows in nothing but the time of the app's last change.
                alone = alone && observed.facts.own(id) == before.as_ref();
            }
            if alone && resent(&observed.plan, write, keys) == names {
                return Ok(Fresh { observed, stored });
            }
        }
        Err(restless(id))
    }

    /// The plan with what `id` itself answers now, and nothing asked after that.
    ///
    /// # Errors
    /// As of every look; somebody changes it again and again.
    pub(super) async fn own_last(
        &self,
        context: &Context<'_>,
        id: &ResourceId,
        mut observed: Observed,
    ) -> Result<Observed, Failure> {
        for _ in 0..LOOKS {
            let alone;
            (observed, alone) = self.read_own(context, id, observed).await?;
            if alone {
                return Ok(observed);
            }
        }
        Err(restless(id))
    }

    /// The plan with what `id` itself answers now; whether nothing else had to be asked after that.
    async fn read_own(
        &self,
        context: &Context<'_>,
        id: &ResourceId,
        observed: Observed,
    ) -> Result<(Observed, bool), Failure> {
        let mut facts = observed.facts;
        let own = facts.forget_own(id);
        let observed = self.observe_from(facts, context.selection, context.target, false).await?;
        let alone = observed.reads <= own && observed.rounds <= 1;
        Ok((observed, alone))
    }
}

/// The secrets that the write, as it stands in `plan`, sends back.
fn resent(plan: &Plan, write: &Write, keys: &[String]) -> Vec<String> {
    let body = find(plan, write, keys).and_then(|write| write.body.as_ref());
    body.map(|body| body.resend.clone()).unwrap_or_default()
}

fn restless(id: &ResourceId) -> Failure {
    Failure::Changed(Box::new(
        Diagnostic::error(codes::CHANGED_MEANWHILE, format!("{} changes all the time", id.name()))
            .note(format!("it was another one each of the {LOOKS} times that it was read to be written"))
            .note("nothing more was written")
            .fix("see who else writes it, then run the same command again: it plans anew")
            .resource(id),
    ))
}
