//! Writes of a job: PUT and PATCH, judged as one change and begun as one operation.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{KIND, checks, existing, lifecycle, render, runs, schema};
use crate::sandbox::errors::Refusal;
use crate::sandbox::providers::app::{self, identities, registries, revisions, secrets, volumes};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{AppIdentity, Job, OperationKind, fold, last};

/// A write, as far as it is understood.
pub(super) struct Change {
    /// The job's id in its own spelling.
    pub(super) id: String,
    /// The job as it is.
    existing: Option<Job>,
    /// The job afterwards, identity apart.
    pub(super) model: Json,
    /// What was sent.
    pub(super) body: Json,
    /// PUT: what is left out goes.
    whole: bool,
}

pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let group = resources::existing_group(context, &address.scope)?;
    checks::name(address.name(0))?;
    let body = read(context)?;
    if body["location"].as_str().is_none() {
        return Err(Refusal::new(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    }
    let existing = context.state.jobs.get(&fold(&target)).cloned();
    let model = app::schema::without_nulls(&body);
    let id = existing
        .as_ref()
        .map_or_else(|| format!("{group}/providers/{KIND}/{}", address.name(0)), |job| job.id.clone());
    accept(context, &Change { id, existing, model, body, whole: true })
}

pub(super) fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let job = existing(context, address)?.clone();
    let body = read(context)?;
    let mut model = job.model.clone();
    app::schema::merge(&mut model, &body);
    let model = app::schema::without_nulls(&model);
    accept(context, &Change { id: job.id.clone(), existing: Some(job), model, body, whole: false })
}

/// The body, checked and without what is read-only.
fn read(context: &Context<'_>) -> Result<Json, Refusal> {
    let body = context.object()?;
    schema::check(&body, context.api_version)?;
    Ok(schema::writable(&body))
}

/// Judges a change and, unless it is refused, begins its operation.
fn accept(context: &mut Context<'_>, change: &Change) -> Handled {
    let old = change.existing.as_ref();
    let old_identity = old.map(|job| job.identity.clone()).unwrap_or_default();
    checks::linked_rights(context, change, &old_identity)?;
    context.compliant(&change.id, &change.model)?;
    if let Some(job) = old {
        checks::idle(job)?;
        checks::same_place(job, &change.model)?;
    }
    let mut model = change.model.clone();
    if let Some(members) = model.as_object_mut() {
        members.shift_remove("identity");
    }
    app::checks::known_environment(context, &model)?;
    app::checks::template(&model["properties"]["template"])?;
    volumes::check(context, last(&change.id), &model)?;
    let wanted = identities::wanted(context, &old_identity, &change.body["identity"], change.whole)?;
    let writes_secrets = change.whole || !change.body["properties"]["configuration"]["secrets"].is_null();
    if writes_secrets && !model["properties"]["configuration"]["secrets"].is_null() {
        let entries = secrets::entries(context, &model["properties"]["configuration"]["secrets"])?;
        model["properties"]["configuration"]["secrets"] = entries;
    }
    let configuration = model["properties"]["configuration"].clone();
    checks::configuration(context, old, &configuration, &wanted)?;
    secrets::referred(context, None, &configuration, &model["properties"]["template"])?;
    registries::entries(context, &configuration, &wanted)?;
    checks::fill_defaults(&mut model);
    let prospective = AppIdentity {
        system: old_identity.system.clone().filter(|_| wanted.system),
        user: wanted.user.clone(),
    };
    let fetched = if writes_secrets {
        secrets::fetch(context, None, &prospective, &configuration)?
    } else {
        old.map(|job| job.fetched.clone()).unwrap_or_default()
    };
    if let Some(job) = old.filter(|job| {
        job.model == model
            && job.identity == prospective
            && job.identity.system.is_some() == wanted.system
            && job.provisioning_state == "Succeeded"
    }) && (change.whole || !context.rules.holds(Switch::PatchUnchangedAccepted))
    {
        return Ok(Answer::new(200, render::job(context.state, job)));
    }
    let identity = identities::apply(context, &old_identity, wanted);
    Ok(begin(context, change, model, identity, fetched))
}

/// Stores the job as it will be and begins the operation that makes it so.
fn begin(
    context: &mut Context<'_>,
    change: &Change,
    model: Json,
    identity: AppIdentity,
    fetched: BTreeMap<String, String>,
) -> Answer {
    let (now, caller) = (context.now, context.caller.display.clone());
    let mut job = change.existing.clone().unwrap_or_else(|| Job {
        id: change.id.clone(),
        model: Json::Null,
        identity: AppIdentity::default(),
        fetched: BTreeMap::new(),
        provisioning_state: String::new(),
        executions: Vec::new(),
        looked: now,
        created: now,
        created_by: caller.clone(),
        modified: now,
        modified_by: caller.clone(),
    });
    job.model = model;
    job.identity = identity;
    job.fetched = fetched;
    "InProgress".clone_into(&mut job.provisioning_state);
    job.modified = now;
    job.modified_by = caller;
    let failure = if context.rules.holds(Switch::JobImageUnchecked) {
        None
    } else {
        let pullable = runs::pullable(context.state, now, context.rules, &job, job.template());
        pullable.err().map(|why| {
            let refusal = revisions::invalid_field("template.containers", &why);
            lifecycle::operation_error(job.name(), &refusal.message)
        })
    };
    context.state.jobs.insert(fold(&change.id), job);
    let takes = context.delays.operation;
    let operation = lifecycle::operation(context, &change.id, OperationKind::Write, takes, failure);
    let job = context.state.jobs.get(&fold(&change.id));
    let body = job.map(|job| render::job(context.state, job));
    let (name, value) = context.delays.retry_header();
    let [statuses, results] = lifecycle::urls(context, &operation);
    let mut answer = if change.whole {
        Answer { status: 201, headers: Vec::new(), body }.with("azure-asyncoperation", statuses)
    } else {
        let answer = Answer::empty(202).with("location", results);
        if context.rules.holds(Switch::PatchLocationOnly) {
            answer
        } else {
            answer.with("azure-asyncoperation", statuses)
        }
    };
    answer.headers.push((name, value));
    answer
}
