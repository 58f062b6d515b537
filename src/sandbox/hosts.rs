//! The hosts of apps: what the edge of a Container Apps environment answers, and the apps behind it.
//!
//! `<app>.<domain>` is an app, its traffic split over revisions; `<app>--<suffix>.<domain>` one revision,
//! whatever its weight; `<app>---<label>.<domain>` the revision with a label. What a revision answers is
//! scripted in the state ([`Answers`]): by revision, or by the image it runs.

mod auth;
mod domains;
mod tls;

pub(super) use tls::handshake;
pub use tls::{ClientMode, Handshake};

use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::http::{Reply, Request, Response};
use super::providers::app::revisions;
use super::rules::{Switch, Switches};
use super::state::{Answers, App, Environment, Fate, State, elements};

/// How long the edge may take to learn of a label, where it does not at once.
const ROUTES_LEARNED: Duration = Duration::from_secs(20);

/// What a host's name is to the apps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// One of an app's; with the app's id as tables hold it.
    App {
        /// The app.
        id: String,
        /// Which part of it.
        part: Part,
        /// Whether the name says that it is internal.
        internal: bool,
    },
    /// Below an environment's domain, but no app's.
    Edge {
        /// The environment's id as tables hold it.
        environment: String,
        /// Whether the name says that it is internal.
        internal: bool,
    },
    /// Nothing of theirs.
    Nothing,
}

/// The part of an app that a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The app, by its traffic's weights.
    Traffic,
    /// The revision of this name.
    Revision(String),
    /// The revision with this label.
    Label(String),
}

/// What a host (perhaps with a port) is.
pub(super) fn named(state: &State, host: &str) -> Named {
    let host = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let host = host.to_ascii_lowercase();
    for (id, app) in &state.apps {
        let bound =
            |domain: &Json| domain["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&host));
        if elements(&app.configuration()["ingress"]["customDomains"]).iter().any(bound) {
            return Named::App { id: id.clone(), part: Part::Traffic, internal: false };
        }
    }
    for (id, environment) in &state.environments {
        let Some(domain) = environment.properties["defaultDomain"].as_str() else { continue };
        let Some(label) =
            host.strip_suffix(&domain.to_ascii_lowercase()).and_then(|rest| rest.strip_suffix('.'))
        else {
            continue;
        };
        let (label, internal) = match label.strip_suffix(".internal") {
            Some(label) => (label, true),
            None => (label, false),
        };
        let here = |app: &&App| {
            let environment = app.model["properties"]["environmentId"].as_str();
            environment.is_some_and(|environment| environment.eq_ignore_ascii_case(id))
        };
        let part = |app: &App| {
            let rest = label.strip_prefix(&app.name().to_ascii_lowercase())?;
            if rest.is_empty() {
                return Some(Part::Traffic);
            }
            if let Some(label) = rest.strip_prefix("---") {
                return Some(Part::Label(label.to_owned()));
            }
            rest.strip_prefix("--").map(|_| Part::Revision(label.to_owned()))
        };
        let found =
            state.apps.iter().filter(|(_, app)| here(app)).find_map(|(id, app)| Some((id, part(app)?)));
        return match found {
            Some((id, part)) => Named::App { id: id.clone(), part, internal },
            None => Named::Edge { internal, environment: id.clone() },
        };
    }
    Named::Nothing
}

/// Whether a name leads from outside to the edge of an environment.
pub(super) fn resolves(state: &State, rules: &Switches, now: OffsetDateTime, host: &str) -> bool {
    match named(state, host) {
        Named::App { id, internal, .. } => {
            let app = state.apps.get(&id);
            let closed =
                app.is_some_and(|app| closed(state, app) || !domains::leads(state, rules, now, host, app));
            !closed && (!internal || !rules.holds(Switch::InternalNameUnresolved))
        }
        Named::Edge { internal, environment } => {
            let closed = state.environments.get(&environment).is_some_and(is_internal);
            !closed && (!internal || !rules.holds(Switch::InternalNameUnresolved))
        }
        Named::Nothing => false,
    }
}

/// Whether an app's environment is reached from its virtual network only, under whatever name.
fn closed(state: &State, app: &App) -> bool {
    let id = app.model["properties"]["environmentId"].as_str().unwrap_or_default();
    state.environments.iter().any(|(have, one)| have.eq_ignore_ascii_case(id) && is_internal(one))
}

fn is_internal(environment: &Environment) -> bool {
    environment.properties["vnetConfiguration"]["internal"] == json!(true)
}

/// The names that a certificate for the edge carries: every environment's domain, and custom domains.
pub(super) fn certified(state: &State) -> Vec<String> {
    let domains = state.environments.values().filter_map(|one| one.properties["defaultDomain"].as_str());
    let below = domains.flat_map(|domain| [format!("*.{domain}"), format!("*.internal.{domain}")]);
    let custom = state.apps.values().flat_map(|app| {
        elements(&app.configuration()["ingress"]["customDomains"])
            .iter()
            .filter_map(|domain| domain["name"].as_str().map(str::to_owned))
    });
    below.chain(custom).collect()
}

/// What the edge answers to a request from outside.
pub(super) fn answer(state: &mut State, rules: &Switches, now: OffsetDateTime, request: &Request) -> Reply {
    let Named::App { id, part, internal } = named(state, &request.host) else { return nothing_there(rules) };
    let Some(app) = state.apps.get(&id) else { return nothing_there(rules) };
    let ingress = &app.configuration()["ingress"];
    let hidden = internal || ingress["external"] != json!(true) || closed(state, app);
    if !ingress.is_object() || app.stopped || hidden || app.is_tcp() {
        return nothing_there(rules);
    }
    if let Some(reply) = tls::guard(rules, app, request) {
        return reply;
    }
    let Some(index) = chosen(app, &part, rules, now) else {
        return match part {
            // Traffic for nobody: no revision is ready yet, or all weight is on one that is gone.
            Part::Traffic if app.revisions.iter().any(|revision| revision.active) => not_ready(),
            _ => nothing_there(rules),
        };
    };
    let script = app.revisions.get(index).and_then(|revision| revisions::answers(state, app, revision));
    let guarded = auth::guard(state, rules, app, request);
    let Some(app) = state.apps.get_mut(&id) else { return nothing_there(rules) };
    if part == Part::Traffic {
        app.requests += 1;
    }
    let Some(revision) = app.revisions.get_mut(index) else { return nothing_there(rules) };
    revision.requests += 1;
    if !revision.settled || revision.fate != Fate::Healthy {
        return not_ready();
    }
    if let Some(reply) = guarded {
        return reply;
    }
    played(&script.unwrap_or_default(), revision.requests, &revision.name, &request.path, rules)
}

/// The position of the revision that a request goes to.
fn chosen(app: &App, part: &Part, rules: &Switches, now: OffsetDateTime) -> Option<usize> {
    let named = |name: &str| {
        app.revisions.iter().position(|revision| revision.active && revision.name.eq_ignore_ascii_case(name))
    };
    match part {
        Part::Revision(name) => named(name),
        Part::Label(_) if !rules.holds(Switch::LabelAtOnce) && now < app.modified + ROUTES_LEARNED => None,
        Part::Label(label) if app.multiple() => {
            let traffic = &app.configuration()["ingress"]["traffic"];
            let entry = elements(traffic)
                .iter()
                .find(|entry| entry["label"].as_str().is_some_and(|have| have.eq_ignore_ascii_case(label)))?;
            match entry["revisionName"].as_str() {
                Some(name) => named(name),
                None => named(&app.latest()?.name),
            }
        }
        Part::Label(_) => None,
        Part::Traffic => {
            // 37 has no divisor in common with 100: over 100 requests in a row each hundredth has its turn once,
            // and neighbours are far apart.
            let turn = (app.requests * 37) % 100;
            let mut below = 0;
            app.revisions.iter().position(|revision| {
                below += revisions::weight(app, revision, rules);
                turn < below
            })
        }
    }
}

/// What a healthy revision answers to its `number`th request.
fn played(script: &Answers, number: u64, revision: &str, path: &str, rules: &Switches) -> Reply {
    if script.silent {
        return Reply::Silence;
    }
    if script.crashes {
        return if rules.holds(Switch::EdgeAnswersForCrash) {
            edge(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            )
        } else {
            Reply::Reset
        };
    }
    let scripted = script.paths.get(path);
    let usual = if matches!(path, "/" | "/health") { 200 } else { 404 };
    let status = match (scripted, script.fails_after) {
        (Some(answer), _) => answer.status,
        (None, Some(after)) if number > after => 500,
        (None, _) => script.status.unwrap_or(usual),
    };
    let word = if status < 400 { "ok" } else { "failing" };
    let body = scripted
        .and_then(|answer| answer.body.clone())
        .unwrap_or_else(|| json!({ "status": word, "revision": revision }).to_string());
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    for (name, value) in scripted.map(|answer| &answer.headers).into_iter().flatten() {
        headers.retain(|(have, _)| have != name);
        headers.push((name.clone(), value.clone()));
    }
    let response = Response { status, headers, body: body.into_bytes() };
    let slow = scripted.map_or(0, |answer| answer.slow_ms).max(script.slow_ms);
    match slow {
        0 => Reply::Answer(response),
        slow => Reply::Late { response, after: Duration::from_millis(slow) },
    }
}

/// No such app, no ingress, stopped or deactivated: the edge does not say which.
fn nothing_there(rules: &Switches) -> Reply {
    if rules.holds(Switch::EdgeSays404) {
        edge(404, "Error 404 - This Container App is stopped or does not exist.")
    } else {
        edge(403, "Error 403 - This Container App is stopped.")
    }
}

fn not_ready() -> Reply {
    edge(503, "upstream connect error or disconnect/reset before headers. reset reason: connection failure")
}

fn edge(status: u16, text: &str) -> Reply {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    Reply::Answer(Response { status, headers, body: text.as_bytes().to_vec() })
}
