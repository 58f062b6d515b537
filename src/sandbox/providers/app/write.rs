//! Writes of an app: PUT and PATCH, judged as one change and begun as one operation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;
use time::OffsetDateTime;

use super::identities::{self, Wanted};
use super::revisions::{self, Need, Start};
use super::{KIND, checks, dapr, domains, lifecycle, registries, render, schema, secrets, volumes};
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{App, AppIdentity, Fate, Operation, OperationKind, Revision, fold, last};

/// The details of an operation that ran out of time.
const EXPIRED: &str = "Operation expired.";

/// After how many times [`crate::sandbox::Delays::operation`] that is: 12 minutes by its usual 20 s.
/// Reports say 8 to 15 (microsoft/azure-container-apps#646).
const EXPIRES: u32 = 36;

pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let group = resources::existing_group(context, &address.scope)?;
    let body = read(context)?;
    let existing = context.state.apps.get(&fold(&target)).cloned();
    let Some(location) = body["location"].as_str() else {
        return Err(Refusal::new(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    if let Some(app) = &existing {
        checks::same_location(app, location)?;
    }
    let model = schema::without_nulls(&body);
    let id = existing
        .as_ref()
        .map_or_else(|| format!("{group}/providers/{KIND}/{}", address.name(0)), |app| app.id.clone());
    accept(context, &Change { id, existing, model, body, whole: true })
}

pub(super) fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    resources::existing_group(context, &address.scope)?;
    let app = existing(context, address)?.clone();
    let body = read(context)?;
    if let Some(location) = body["location"].as_str() {
        checks::same_location(&app, location)?;
    }
    let mut model = app.model.clone();
    schema::merge(&mut model, &body);
    let model = schema::without_nulls(&model);
    accept(context, &Change { id: app.id.clone(), existing: Some(app), model, body, whole: false })
}

/// The app that `address` names.
pub(super) fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a App, Refusal> {
    resources::named(context, address, KIND, &context.state.apps)
}

/// The body, checked against the api-version and without what is read-only.
fn read(context: &Context<'_>) -> Result<Json, Refusal> {
    let body = context.object()?;
    schema::check(&body, context.api_version)?;
    let mut body = schema::writable(&body);
    // The older name of environmentId means the same.
    if let Some(properties) = body.get_mut("properties").and_then(Json::as_object_mut)
        && let Some(older) = properties.shift_remove("managedEnvironmentId")
    {
        properties.entry("environmentId").or_insert(older);
    }
    Ok(body)
}

/// A write, as far as it is understood.
pub(super) struct Change {
    /// The app's id in its own spelling.
    pub(super) id: String,
    /// The app as it is.
    pub(super) existing: Option<App>,
    /// The app afterwards, identity apart.
    pub(super) model: Json,
    /// What was sent.
    pub(super) body: Json,
    /// PUT: what is left out goes.
    pub(super) whole: bool,
}

/// Judges a change and, unless it is refused, begins its operation.
fn accept(context: &mut Context<'_>, change: &Change) -> Handled {
    let old_identity = change.existing.as_ref().map(|app| app.identity.clone()).unwrap_or_default();
    checks::linked_rights(context, change, &old_identity)?;
    context.compliant(&change.id, &change.model)?;
    if let Some(app) = &change.existing {
        checks::idle(app)?;
    }
    let mut model = change.model.clone();
    if let Some(members) = model.as_object_mut() {
        members.shift_remove("identity");
    }
    checks::known_environment(context, &model)?;
    checks::fill_defaults(&mut model);
    checks::template(&model["properties"]["template"])?;
    volumes::check(context, last(&change.id), &model)?;
    dapr::check(context.rules, last(&change.id), &model["properties"]["configuration"])?;
    let wanted = identities::wanted(context, &old_identity, &change.body["identity"], change.whole)?;
    let writes_secrets = change.whole || !change.body["properties"]["configuration"]["secrets"].is_null();
    if writes_secrets && !model["properties"]["configuration"]["secrets"].is_null() {
        let entries = secrets::entries(context, &model["properties"]["configuration"]["secrets"])?;
        model["properties"]["configuration"]["secrets"] = entries;
    }
    let (configuration, template) =
        (model["properties"]["configuration"].clone(), model["properties"]["template"].clone());
    let app = change.existing.as_ref();
    secrets::referred(context, app, &configuration, &template)?;
    registries::entries(context, &configuration, &wanted)?;
    registries::in_use(app, &configuration)?;
    checks::traffic(app, &configuration, context.rules)?;
    domains::check(context, &change.id, app, &model)?;
    let prospective = prospective(&old_identity, &wanted);
    let fetched = if writes_secrets {
        secrets::fetch(context, app, &prospective, &configuration)
    } else {
        Ok(app.map(|app| app.fetched.clone()).unwrap_or_default())
    };
    if context.rules.holds(Switch::ReferenceRefusedAtOnce)
        && let Err(refusal) = fetched
    {
        return Err(refusal);
    }
    let mut need = revisions::need(context.state, context.rules, last(&change.id), app, &template)?;
    let changes_dapr = app.is_some_and(|app| app.configuration()["dapr"] != configuration["dapr"]);
    if changes_dapr && matches!(need, Need::None) && !context.rules.holds(Switch::DaprAppScope) {
        need = Need::New(revisions::made_up_name(context.state, last(&change.id)));
    }
    if let Some(app) = app.filter(|app| {
        matches!(need, Need::None)
            && app.model == model
            && app.identity == prospective
            && app.identity.system.is_some() == wanted.system
            && app.provisioning_state == "Succeeded"
    }) && (change.whole || !context.rules.holds(Switch::PatchUnchangedAccepted))
    {
        let body = render::app(context.state, app, context.now, context.rules);
        return Ok(Answer::new(200, body));
    }
    Ok(begin(context, change, model, wanted, fetched, need))
}

/// The identities with which references are fetched.
fn prospective(old: &AppIdentity, wanted: &Wanted) -> AppIdentity {
    AppIdentity {
        // One that is about to be made has no principal that could hold a role.
        system: old.system.clone().filter(|_| wanted.system),
        user: wanted.user.clone(),
    }
}

/// Stores the app as it will be and begins the operation that makes it so.
fn begin(
    context: &mut Context<'_>,
    change: &Change,
    model: Json,
    wanted: Wanted,
    fetched: Result<BTreeMap<String, String>, Refusal>,
    need: Need,
) -> Answer {
    let now = context.now;
    let template = model["properties"]["template"].clone();
    let existing = change.existing.clone();
    let restarts = context.rules.holds(Switch::DaprAppScope)
        && existing
            .as_ref()
            .is_some_and(|app| app.configuration()["dapr"] != model["properties"]["configuration"]["dapr"]);
    let old_identity = existing.as_ref().map(|app| app.identity.clone()).unwrap_or_default();
    let caller = context.caller.display.clone();
    let identity = identities::apply(context, &old_identity, wanted);
    let mut app = existing.unwrap_or_else(|| App {
        id: change.id.clone(),
        model: Json::Null,
        identity: AppIdentity::default(),
        fetched: BTreeMap::new(),
        provisioning_state: String::new(),
        stopped: false,
        revisions: Vec::new(),
        latest_ready: None,
        requests: 0,
        created: now,
        created_by: caller.clone(),
        modified: now,
        modified_by: caller.clone(),
    });
    app.modified = now;
    app.modified_by = caller;
    app.provisioning_state = "InProgress".into();
    app.identity = identity;
    app.model = model;
    let mut failure = match fetched {
        Ok(values) => {
            app.fetched = values;
            None
        }
        Err(refusal) => Some(lifecycle::operation_error(app.name(), &refusal.message)),
    };
    if context.operation_fails() {
        failure = Some(lifecycle::operation_error(app.name(), EXPIRED));
    }
    let mut revision = None;
    let mut takes = context.delays.operation;
    if let (Need::New(name), None) = (need, &failure) {
        let entries = registries::credentials(&app);
        let start = Start { app: &app, template: &template, entries: &entries };
        let (fate, pull) = match pulled(context, &start, &mut takes) {
            Ok(fate) => (fate, None),
            Err(pull) => (Fate::Failed(pull.message.clone()), Some(pull)),
        };
        if let Some(pull) = &pull {
            failure = Some(lifecycle::operation_error(app.name(), &pull.message));
        }
        if matches!(fate, Fate::Mounting(_)) && !context.rules.holds(Switch::MountHangsRevisionOnly) {
            takes *= EXPIRES;
            failure = Some(lifecycle::operation_error(app.name(), EXPIRED));
        }
        let due = now + takes;
        if pull.is_none() || !context.rules.holds(Switch::FailedPullNoRevision) {
            let settles = due + context.delays.revision * revisions::slowness(&fate, &template);
            revision = Some(Revision {
                name,
                created: now,
                template,
                active: true,
                settles: if pull.is_some() { due } else { settles },
                fate,
                settled: false,
                started: now,
                secrets: app.secret_values(),
                registries: entries,
                answers: None,
                requests: 0,
            });
        }
    }
    if context.rules.holds(Switch::RevisionListedAtOnce)
        && let Some(revision) = revision.take()
    {
        revisions::add(&mut app, revision);
    }
    if app.stopped && !context.rules.holds(Switch::WriteKeepsStopped) {
        app.stopped = false;
    }
    context.state.apps.insert(fold(&change.id), app);
    if restarts && failure.is_none() {
        dapr::restart(context.state, now, context.rules, &fold(&change.id));
    }
    let operation = lifecycle::operation(context, &change.id, OperationKind::Write, takes, failure, revision);
    answer(context, change, &operation)
}

/// What becomes of a new revision, or why its images cannot be pulled; `takes` becomes what the
/// operation takes until that shows.
fn pulled(
    context: &Context<'_>,
    start: &Start<'_>,
    takes: &mut Duration,
) -> Result<Fate, revisions::PullFailure> {
    let at = |time| revisions::fate(context.state, time, context.rules, start);
    let mut refused = match at(context.now) {
        Err(refused) if refused.expires && context.rules.holds(Switch::RefusedIdentityExpires) => refused,
        other => return other,
    };
    let end = context.now + *takes * EXPIRES;
    if !context.rules.holds(Switch::RefusedPullIsFinal) {
        let mut later: Vec<OffsetDateTime> = context
            .state
            .role_assignments
            .values()
            .map(|assignment| assignment.in_force_from)
            .filter(|time| (context.now..end).contains(time))
            .collect();
        later.sort_unstable();
        if let Some((time, fate)) = later.into_iter().find_map(|time| Some((time, at(time).ok()?))) {
            *takes += (time - context.now).unsigned_abs();
            return Ok(fate);
        }
    }
    *takes *= EXPIRES;
    refused.message = if context.rules.holds(Switch::ExpiredSaysWhy) {
        format!("{EXPIRED} {}", refused.message)
    } else {
        EXPIRED.to_owned()
    };
    Err(refused)
}

fn answer(context: &Context<'_>, change: &Change, operation: &Operation) -> Answer {
    let app = context.state.apps.get(&fold(&change.id));
    let body = app.map(|app| render::app(context.state, app, context.now, context.rules));
    let (name, value) = context.delays.retry_header();
    let [statuses, results] = lifecycle::urls(context, operation);
    let mut answer = if change.whole {
        Answer { status: 201, headers: Vec::new(), body }.with("azure-asyncoperation", statuses)
    } else {
        let body = body.filter(|_| !context.rules.holds(Switch::PatchAnswerEmpty));
        let answer = Answer { status: 202, headers: Vec::new(), body }.with("location", results);
        if context.rules.holds(Switch::PatchLocationOnly) {
            answer
        } else {
            answer.with("azure-asyncoperation", statuses)
        }
    };
    answer.headers.push((name, value));
    answer
}
