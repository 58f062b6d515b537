//! Whether somebody else wrote what this run wrote, at the same time. No answer tells it outright: the time and the
//! author of the last change (`systemData`) are ours when our write came last, so that one of others in the window
//! before it shows only by a revision that it made; one after ours shows by its author.

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::ledger::Ledger;
use super::send::version_of;
use super::{Executor, Observed};
use crate::azure::types::Consequence;
use crate::azure::whoami::CallerKind;
use crate::azure::{ArmRequest, Caller, ResourceId};
use crate::diagnostic::{Diagnostic, codes, quote};
use crate::plan::{Plan, Write};
use crate::value::Value;

/// Who changed a resource last, and when, as Azure says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    by: String,
    /// `User`, `Application`, `ManagedIdentity`, `Key`.
    kind: String,
    at: String,
}

/// A write of this run, as the resource was read right before it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    id: ResourceId,
    noun: &'static str,
    version: String,
    before: Option<Stamp>,
    latest: Option<String>,
    /// Whether a revision comes of it.
    template: bool,
}

impl Stamp {
    fn of(resource: &Value) -> Option<Stamp> {
        let text = |key| resource.text_at(&["systemData", key]).map(str::to_owned);
        let (by, at) = (text("lastModifiedBy")?, text("lastModifiedAt")?);
        Some(Stamp { by, kind: text("lastModifiedByType").unwrap_or_default(), at })
    }

    /// Whether it is certain that somebody else than `caller` is meant: a person is named by the sign-in name, an
    /// application by its id (<https://learn.microsoft.com/rest/api/containerapps/container-apps/get>); what is
    /// written otherwise proves nothing.
    fn is_somebody_else(&self, caller: &Caller) -> bool {
        let same = |own: &str| own.eq_ignore_ascii_case(&self.by);
        if same(&caller.name) || caller.object_id.as_deref().is_some_and(same) {
            return false;
        }
        match caller.kind {
            CallerKind::User => self.kind != "User" || self.by.contains('@'),
            CallerKind::ServicePrincipal | CallerKind::ManagedIdentity => {
                self.kind == "User" || uuid::Uuid::parse_str(&self.by).is_ok()
            }
            CallerKind::Sandbox => !self.by.starts_with(&format!("{}@", caller.name)),
            CallerKind::Unknown => false,
        }
    }
}

impl Sent {
    /// Of `write`, made from what `observed` read last.
    pub(super) fn of(observed: &Observed, write: &Write) -> Option<Sent> {
        let id = write.id.clone()?;
        let own = observed.facts.own(&id);
        Some(Sent {
            noun: write.kind.noun,
            version: version_of(&observed.plan, write),
            before: own.and_then(Stamp::of),
            latest: own.and_then(latest).map(str::to_owned),
            template: write.consequences.contains(&Consequence::NewRevision),
            id,
        })
    }
}

fn latest(app: &Value) -> Option<&str> {
    app.text_at(&["properties", "latestRevisionName"])
}

impl Executor {
    /// Looks, for what this run wrote since the last call, whether somebody else wrote it too, and tells it as
    /// warnings. `observed`: read after those writes. What cannot be asked is not told.
    pub(super) async fn look_for_others(&self, ledger: Ledger<'_>, observed: &Observed) {
        let sent = ledger.take_sent();
        if sent.is_empty() {
            return;
        }
        let caller = self.client.caller().await.ok();
        for sent in sent {
            let now = observed.facts.own(&sent.id);
            let stamp = now.and_then(Stamp::of).filter(|stamp| Some(stamp) != sent.before.as_ref());
            if let (Some(stamp), Some(caller)) = (stamp, &caller)
                && stamp.is_somebody_else(caller)
            {
                ledger.others(after(&sent, &stamp));
                // Which of the newest revisions is whose cannot be told then.
                continue;
            }
            if sent.template {
                let ours = [sent.latest.as_deref(), now.and_then(latest), planned(&observed.plan)];
                for (name, at) in self.made_meanwhile(&sent, &ours).await {
                    ledger.others(within(&sent, &name, &at));
                }
            }
        }
    }

    /// Revisions that were made since the resource was changed before this run wrote it, but for `ours`.
    async fn made_meanwhile(&self, sent: &Sent, ours: &[Option<&str>]) -> Vec<(String, String)> {
        let Some(since) = sent.before.as_ref().and_then(|stamp| time_of(&stamp.at)) else {
            return Vec::new();
        };
        let list = ArmRequest::get(format!("{}/revisions", sent.id), sent.version.clone());
        let Ok(revisions) = self.client.list(&list, self.deadline).await else { return Vec::new() };
        let text = |revision: &Json, pointer: &str| {
            revision.pointer(pointer).and_then(Json::as_str).map(str::to_owned)
        };
        let made = revisions.iter().filter_map(|revision| {
            Some((text(revision, "/name")?, text(revision, "/properties/createdTime")?))
        });
        made.filter(|(name, _)| !ours.iter().flatten().any(|own| own.eq_ignore_ascii_case(name)))
            .filter(|(_, at)| time_of(at).is_some_and(|at| at > since))
            .collect()
    }
}

/// The candidate of the run's rollout: the newest is what serves until it does.
fn planned(plan: &Plan) -> Option<&str> {
    plan.rollout.as_ref()?.name()
}

fn time_of(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

fn after(sent: &Sent, stamp: &Stamp) -> Diagnostic {
    let (noun, name) = (sent.noun, sent.id.name());
    Diagnostic::warning(
        codes::OTHERS_WROTE,
        format!("{} changed the {noun} {name} at {}, after this run had written it", stamp.by, stamp.at),
    )
    .note("what they changed was read again and is kept; what it does to this run's changes is for the verification")
    .fix(activity(sent, &stamp.at))
    .resource(&sent.id)
}

fn within(sent: &Sent, revision: &str, at: &str) -> Diagnostic {
    let (noun, name) = (sent.noun, sent.id.name());
    Diagnostic::warning(
        codes::OTHERS_WROTE,
        format!("somebody else changed the {noun} {name} at {at}, while this run wrote it, and made the revision {revision}"),
    )
    .note("what they changed in lists that this run's write replaced as a whole (containers, secrets) may be lost")
    .note(format!("who it was stands in the activity log: {}", activity(sent, at)))
    .fix(format!(
        "az containerapp revision show --name {} --resource-group {} --revision {}, and compare its template with the app's",
        quote(name),
        quote(sent.id.resource_group().unwrap_or_default()),
        quote(revision)
    ))
    .resource(&sent.id)
}

/// The command that tells who wrote a resource around a time. What happened shows there after some minutes.
fn activity(sent: &Sent, at: &str) -> String {
    let from = time_of(at).map(|at| at - time::Duration::minutes(5));
    let from = from.and_then(|from| from.format(&Rfc3339).ok()).unwrap_or_else(|| at.to_owned());
    format!(
        "az monitor activity-log list --resource-id {} --start-time {} --query \"[].{{who:caller,when:eventTimestamp,what:operationName.value}}\"",
        quote(sent.id.as_str()),
        quote(&from)
    )
}
