//! `service` steps under the facts at hand: a revision that is to be active, or not to be any more.
//!
//! None is put out of service that somebody's requests go to: while the traffic is still to be put back that is left
//! open, and looked at again when the step's turn comes.

use super::finding::{Finding, Status};
use super::frame::Frame;
use super::rollout::revision_command;
use super::stepping::{StepRun, refusal};
use super::traffic::{Traffic, is_multiple};
use crate::azure::types;
use crate::diagnostic::codes;
use crate::facts::Read;
use crate::recipe::{Service, Step};
use crate::steps::{self, Effect, Outcome};
use crate::value::{Value, strip_control};

const REVISIONS: &str = "Microsoft.App/containerApps/revisions";

impl Frame<'_, '_> {
    /// The outcome for a revision, and the values that it stands or falls with.
    pub(super) fn service(
        &self,
        step: &Step,
        run: &mut StepRun,
        service: &Service,
    ) -> (Option<Outcome>, Vec<Value>) {
        let action = if service.active { &types::ACTIVATE } else { &types::DEACTIVATE };
        // Once in a run, whatever the list of revisions says for a while.
        if self.engine.request.so_far.answers.contains_key(&run.key) {
            return (Some(steps::sent(action.name, Value::null())), Vec::new());
        }
        let app = self.engine.app_as_read();
        let version = self.engine.version(REVISIONS);
        let list =
            self.engine.asked.value(&Read::many(&format!("{}/revisions", service.app), REVISIONS, &version));
        if app.is_unknown() || list.is_unknown() {
            let refused = refusal(&app).or_else(|| refusal(&list));
            return match refused {
                Some(why) => {
                    run.findings.push(stays(self, service, &why));
                    (None, Vec::new())
                }
                None => (None, vec![app, list]),
            };
        }
        let traffic = Traffic::of(&app);
        if !service.active && !is_multiple(&app) {
            // Azure does that by itself.
            return (None, Vec::new());
        }
        if !service.active && !service.shifts && traffic.names(&service.revision) {
            run.findings.push(stays(self, service, "somebody gave it traffic or a label"));
            return (None, Vec::new());
        }
        let is_it = |one: &&Value| {
            one.text_at(&["name"]).is_some_and(|name| name.eq_ignore_ascii_case(&service.revision))
        };
        let Some(revision) = list.as_list().unwrap_or_default().iter().find(is_it) else {
            if service.active {
                run.findings.push(stays(self, service, "it is not there any more"));
            }
            return (None, Vec::new());
        };
        let active = revision.at(&["properties", "active"]).and_then(Value::as_bool).unwrap_or(true);
        if active == service.active {
            return (Some(steps::sent(action.name, Value::null())), Vec::new());
        }
        let waits = self.runs_of(&step.after).iter().any(|runs| runs.iter().any(StepRun::pending));
        if !service.active && !waits && is_served(&app, &traffic, &service.revision) {
            run.findings.push(stays(self, service, "requests go to it"));
            return (None, Vec::new());
        }
        let effect = Effect {
            resource: service.app.child("revisions", &service.revision),
            kind: REVISIONS,
            noun: "revision",
            action,
            version,
            body: Value::null(),
            never: false,
        };
        (Some(steps::due(&run.key, effect)), Vec::new())
    }

    /// Whether a step that comes before `step` puts this revision out of service.
    pub(super) fn retires(&self, step: &Step, revision: &str) -> bool {
        self.runs_of(&step.after).iter().any(|runs| {
            runs.iter().filter_map(|run| run.outcome.as_ref()?.effect.as_ref()).any(|effect| {
                effect.action.name == types::DEACTIVATE.name
                    && effect.resource.name().eq_ignore_ascii_case(revision)
            })
        })
    }
}

/// Whether a revision gets requests, under its name, a label, or as the latest one.
fn is_served(app: &Value, traffic: &Traffic, revision: &str) -> bool {
    let latest = app
        .text_at(&["properties", "latestRevisionName"])
        .is_some_and(|latest| latest.eq_ignore_ascii_case(revision));
    let to_latest = traffic.0.is_empty()
        || traffic
            .0
            .iter()
            .any(|entry| entry.revision.is_none() && (entry.weight > 0 || entry.label.is_some()));
    traffic.names(revision) || (latest && to_latest)
}

/// What is not done to a revision, and why.
fn stays(frame: &Frame<'_, '_>, service: &Service, why: &str) -> Finding {
    let (verb, done) = if service.active { ("activate", "in") } else { ("deactivate", "out of") };
    let name = format!("the revision {} is {done} service", service.revision);
    Finding::new(Status::Warning, codes::NOT_PUT_BACK, strip_control(&name))
        .detail(strip_control(why))
        .fix(revision_command(frame.engine.request.target, verb, &service.revision))
}
