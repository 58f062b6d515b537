//! What a hook is told of a write: made from the plan that it is sent from, with the marks that its type puts on
//! values, so that nobody who keeps it can take a secret for something else.

use std::sync::atomic::Ordering;

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Executor;
use super::Failure;
use super::hook::{AssignedIdentity, Note, OwnedPath, WriteEnd, WriteKind, WriteRecord};
use crate::azure::types::ResourceType;
use crate::azure::{Accepted, ArmError, ArmErrorKind, ArmRequest, Method};
use crate::diagnostic::{Diagnostic, codes};
use crate::merge::find;
use crate::plan::{Plan, Traffic, Write, is_multiple};
use crate::value::{Data, Marks, Path, Value};

/// The type whose writes a serving revision is told with.
const APP: &str = "Microsoft.App/containerApps";

/// How a hook calls a resource's own identity.
const SYSTEM: &str = "system";

impl WriteRecord {
    /// The request of a write of `plan`.
    pub(super) fn of(
        plan: &Plan,
        write: &Write,
        request: &ArmRequest,
        kind: WriteKind,
        what: &str,
    ) -> WriteRecord {
        let mark = |path: &Path, value: &Value| marked(write.kind, path, value.clone());
        let outcomes = write.steps.iter().map(|index| &plan.steps[*index].outcome);
        let owned = outcomes
            .flat_map(|outcome| outcome.owned.iter().map(move |owned| (outcome, owned)))
            .filter(|(_, owned)| !owned.in_place)
            .map(|(outcome, owned)| OwnedPath {
                path: owned.path.clone(),
                there: there(write.kind, &outcome.live, &owned.path),
                before: mark(&owned.path, &owned.live),
                after: mark(&owned.path, &owned.wanted),
            })
            .collect();
        let live = plan.resources.iter().find(|resource| Some(&resource.id) == write.id.as_ref());
        WriteRecord {
            create: write.create,
            owned,
            identities: live.map(|resource| identities(&resource.live)).unwrap_or_default(),
            serving: serving(plan).filter(|_| write.kind.name == APP),
            latest: latest(plan).filter(|_| write.kind.name == APP),
            ..WriteRecord::bare(request, kind, what, super::write::keys(plan, write))
        }
    }

    /// A request that owns nothing.
    pub(super) fn bare(request: &ArmRequest, kind: WriteKind, what: &str, steps: Vec<String>) -> WriteRecord {
        WriteRecord {
            number: 0,
            kind,
            method: request.method,
            path: request.path.clone(),
            api_version: request.api_version.clone(),
            steps,
            what: what.to_owned(),
            create: false,
            serving: None,
            latest: None,
            owned: Vec::new(),
            identities: Vec::new(),
        }
    }
}

impl WriteEnd {
    /// What an answer of ARM says.
    pub(super) fn of(record: &WriteRecord, answer: &Result<Accepted, ArmError>) -> WriteEnd {
        match answer {
            Ok(accepted) => WriteEnd::Accepted {
                status: accepted.status,
                operation: accepted.operation.clone().map(Box::new),
                id: made(record, &accepted.body),
                identities: identities(&Value::from(accepted.body.clone())),
                created: created(&accepted.body),
            },
            Err(error) => WriteEnd::Failed {
                code: error.code().map(str::to_owned),
                maybe_applied: error.maybe_applied(),
            },
        }
    }
}

impl Executor {
    /// Gives the write its number and tells the hook that it is about to be sent.
    ///
    /// # Errors
    /// The run was stopped, or the hook forbids the write.
    pub(super) fn announce(&self, record: &WriteRecord) -> Result<WriteRecord, Failure> {
        if self.interrupt.requested() {
            return Err(Failure::Interrupted);
        }
        let mut record = record.clone();
        record.number = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        self.hook
            .before(&record)
            .map_err(|reason| Failure::Azure(Box::new(Diagnostic::error(codes::NOT_RECORDED, reason))))?;
        Ok(record)
    }

    /// Tells the hook how what a write began ended, if it did.
    pub(super) fn over<T>(&self, write: u32, end: &Result<T, ArmError>) {
        let end = match end {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ArmErrorKind::Operation(_)) => {
                Err(error.code().map(str::to_owned))
            }
            // It goes on without us.
            Err(_) => return,
        };
        self.hook.note(&Note::Done { write, end });
    }
}

/// The id that Azure gives what a write created.
fn made(record: &WriteRecord, body: &Json) -> Option<String> {
    let created = record.create || record.method == Method::Post;
    body.get("id").and_then(Json::as_str).filter(|id| created && !id.is_empty()).map(str::to_owned)
}

/// When the resource of an answer was created. Not every type says so.
fn created(body: &Json) -> Option<OffsetDateTime> {
    let text = body.pointer("/systemData/createdAt")?.as_str()?;
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// How many segments of a path lead to something in what is there.
fn there(kind: &ResourceType, live: &Value, path: &Path) -> usize {
    let leads = |length: &usize| {
        find(kind, live, &Path(path.0[..*length].to_vec())).is_some_and(|there| !there.is_null())
    };
    (1..=path.0.len()).take_while(leads).count()
}

/// `value`, which stands at `path` of a resource of this type, with the marks of what nobody may see.
pub(crate) fn marked(kind: &ResourceType, path: &Path, mut value: Value) -> Value {
    let pattern = path.pattern();
    let below = |list: &[&str]| {
        list.iter().any(|hidden| {
            *hidden == pattern
                || pattern.strip_prefix(hidden).is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    };
    if below(kind.write_only) {
        return value.mark(Marks::SECRET);
    }
    if below(kind.foreign) {
        return value.mark(Marks::EXISTING);
    }
    match &mut value.data {
        Data::Map(members) => {
            for (key, member) in members {
                *member = marked(kind, &path.key(key), std::mem::replace(member, Value::null()));
            }
        }
        Data::List(elements) => {
            for element in elements {
                *element = marked(kind, &path.element(""), std::mem::replace(element, Value::null()));
            }
        }
        _ => {}
    }
    value
}

/// The newest revision, by name: what is written over is its template.
fn latest(plan: &Plan) -> Option<String> {
    plan.app.text_at(&["properties", "latestRevisionName"]).map(str::to_owned)
}

/// The revision that has most of the traffic, by name; without ingress the one that was ready last.
pub(super) fn serving(plan: &Plan) -> Option<String> {
    let app = &plan.app;
    let ready = app.text_at(&["properties", "latestReadyRevisionName"]).map(str::to_owned);
    if !is_multiple(app) {
        return ready;
    }
    let most =
        Traffic::of(app).0.into_iter().filter(|entry| entry.weight > 0).max_by_key(|entry| entry.weight);
    most.and_then(|entry| entry.revision).or(ready)
}

/// The identities that a resource shows, or that it is.
fn identities(resource: &Value) -> Vec<AssignedIdentity> {
    let mut all = Vec::new();
    let mut add = |id: &str, principal: Option<&str>| {
        if let Some(principal) = principal {
            all.push(AssignedIdentity { id: id.to_owned(), principal: principal.to_owned() });
        }
    };
    add(SYSTEM, resource.text_at(&["identity", "principalId"]));
    let assigned = resource.at(&["identity", "userAssignedIdentities"]).and_then(Value::as_map);
    for (id, identity) in assigned.into_iter().flatten() {
        add(id, identity.text_at(&["principalId"]));
    }
    let id = resource.text_at(&["id"]).unwrap_or_default();
    if id.to_ascii_lowercase().contains("/microsoft.managedidentity/userassignedidentities/") {
        add(id, resource.text_at(&["properties", "principalId"]));
    }
    all
}
