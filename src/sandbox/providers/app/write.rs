//! Writes of an app: PUT, PATCH, DELETE, start and stop, each an operation.

use serde_json::{Value as Json, json};

use super::identities::{self, Wanted};
use super::revisions::{self, Need};
use super::{KIND, render, schema, secrets};
use crate::sandbox::callers;
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::faults::FaultKind;
use crate::sandbox::operations::{RESULTS, STATUSES};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{
    App, AppIdentity, Fate, Operation, OperationKind, Revision, elements, fold, last,
};

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
        same_location(app, location)?;
    }
    let model = schema::without_nulls(&body);
    let id = existing.as_ref().map_or_else(
        || format!("{group}/providers/{KIND}/{}", address.name(0)),
        |app| app.id.clone(),
    );
    accept(
        context,
        &Change {
            id,
            existing,
            model,
            body,
            whole: true,
        },
    )
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
        same_location(&app, location)?;
    }
    let mut model = app.model.clone();
    schema::merge(&mut model, &body);
    let model = schema::without_nulls(&model);
    accept(
        context,
        &Change {
            id: app.id.clone(),
            existing: Some(app),
            model,
            body,
            whole: false,
        },
    )
}

/// The app that `address` names.
pub(super) fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a App, Refusal> {
    resources::existing_group(context, &address.scope)?;
    context
        .state
        .apps
        .get(&fold(&address.id(1)))
        .ok_or_else(|| errors::resource_not_found(KIND, address.name(0), last(&address.scope)))
}

/// The body, checked against the api-version and without what is read-only.
fn read(context: &Context<'_>) -> Result<Json, Refusal> {
    let body = context.object()?;
    schema::check(&body, context.api_version)?;
    let mut body = schema::writable(&body);
    // The older name of environmentId means the same.
    if let Some(properties) = body.get_mut("properties").and_then(Json::as_object_mut) {
        if let Some(older) = properties.shift_remove("managedEnvironmentId") {
            properties.entry("environmentId").or_insert(older);
        }
    }
    Ok(body)
}

fn same_location(app: &App, location: &str) -> Result<(), Refusal> {
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let own = app.model["location"].as_str().unwrap_or_default();
    if plain(own) == plain(location) {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "InvalidResourceLocation",
        format!(
            "The resource '{}' already exists in location '{own}'. A resource with the same name cannot be \
             created in location '{location}'.",
            app.name()
        ),
    ))
}

/// A write, as far as it is understood.
struct Change {
    id: String,
    existing: Option<App>,
    /// The app afterwards, identity apart.
    model: Json,
    /// What was sent.
    body: Json,
    /// PUT: what is left out goes.
    whole: bool,
}

/// Judges a change and, unless it is refused, begins its operation.
fn accept(context: &mut Context<'_>, change: &Change) -> Handled {
    let old_identity = change
        .existing
        .as_ref()
        .map(|app| app.identity.clone())
        .unwrap_or_default();
    linked_rights(context, change, &old_identity)?;
    if let Some(app) = &change.existing {
        idle(app)?;
    }
    let mut model = change.model.clone();
    if let Some(members) = model.as_object_mut() {
        members.shift_remove("identity");
    }
    known_environment(context, &model)?;
    fill_defaults(&mut model);
    check_template(&model["properties"]["template"])?;
    let wanted = identities::wanted(context, &old_identity, &change.body["identity"], change.whole)?;
    let writes_secrets = change.whole || !change.body["properties"]["configuration"]["secrets"].is_null();
    if writes_secrets && !model["properties"]["configuration"]["secrets"].is_null() {
        let entries = secrets::entries(context, &model["properties"]["configuration"]["secrets"])?;
        model["properties"]["configuration"]["secrets"] = entries;
    }
    let (configuration, template) = (
        model["properties"]["configuration"].clone(),
        model["properties"]["template"].clone(),
    );
    let app = change.existing.as_ref();
    secrets::referred(context, app, &configuration, &template)?;
    check_traffic(app, &configuration)?;
    let prospective = prospective(&old_identity, &wanted);
    let fetched = if writes_secrets {
        secrets::fetch(context, app, &prospective, &configuration)
    } else {
        Ok(app.map(|app| app.fetched.clone()).unwrap_or_default())
    };
    if context.rules.holds(Switch::ReferenceRefusedAtOnce) {
        if let Err(refusal) = fetched {
            return Err(refusal);
        }
    }
    let need = revisions::need(context.state, context.rules, last(&change.id), app, &template)?;
    if let Some(app) = app.filter(|app| {
        matches!(need, Need::None)
            && app.model == model
            && app.identity == prospective
            && app.provisioning_state == "Succeeded"
    }) {
        if change.whole || !context.rules.holds(Switch::PatchUnchangedAccepted) {
            let body = render::app(context.state, app, context.now, context.rules);
            return Ok(Answer::new(200, body));
        }
    }
    begin(context, change, model, wanted, fetched, need)
}

fn prospective(old: &AppIdentity, wanted: &Wanted) -> AppIdentity {
    AppIdentity {
        // One that is about to be made has no principal that could hold a role.
        system: old.system.clone().filter(|_| wanted.system),
        user: wanted.user.clone(),
    }
}

fn begin(
    context: &mut Context<'_>,
    change: &Change,
    model: Json,
    wanted: Wanted,
    fetched: Result<std::collections::BTreeMap<String, String>, Refusal>,
    need: Need,
) -> Handled {
    let now = context.now;
    let due = now + context.delays.operation;
    let template = model["properties"]["template"].clone();
    let configuration = model["properties"]["configuration"].clone();
    let fate = revisions::fate(context.state, &configuration, &template);
    let existing = change.existing.clone();
    let old_identity = existing
        .as_ref()
        .map(|app| app.identity.clone())
        .unwrap_or_default();
    let caller = context.caller.display.clone();
    let identity = identities::apply(context, &old_identity, wanted);
    let mut app = existing.unwrap_or_else(|| App {
        id: change.id.clone(),
        model: Json::Null,
        identity: AppIdentity::default(),
        fetched: std::collections::BTreeMap::new(),
        provisioning_state: String::new(),
        stopped: false,
        revisions: Vec::new(),
        latest_ready: None,
        created: now,
        created_by: caller.clone(),
        modified: now,
        modified_by: caller.clone(),
    });
    app.modified = now;
    app.modified_by = caller;
    app.provisioning_state = "InProgress".to_owned();
    app.identity = identity;
    app.model = model;
    let mut failure = match fetched {
        Ok(values) => {
            app.fetched = values;
            None
        }
        Err(refusal) => Some(operation_error(app.name(), &refusal.message)),
    };
    if context.fault == Some(&FaultKind::OperationFails) {
        failure = Some(operation_error(app.name(), "Operation expired."));
    }
    let mut revision = None;
    if let (Need::New(name), None) = (need, &failure) {
        let (fate, pull) = match fate {
            Ok(fate) => (fate, None),
            Err(refusal) => (Fate::Failed(refusal.message.clone()), Some(refusal)),
        };
        if let Some(refusal) = &pull {
            failure = Some(operation_error(app.name(), &refusal.message));
        }
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
            });
        }
    }
    if context.rules.holds(Switch::RevisionListedAtOnce) {
        if let Some(revision) = revision.take() {
            revisions::add(&mut app, revision);
        }
    }
    if app.stopped && !context.rules.holds(Switch::WriteKeepsStopped) {
        app.stopped = false;
    }
    context.state.apps.insert(fold(&change.id), app);
    let operation = operation(context, &change.id, OperationKind::Write, failure, revision);
    answer(context, change, &operation)
}

fn answer(context: &Context<'_>, change: &Change, operation: &Operation) -> Handled {
    let app = context.state.apps.get(&fold(&change.id));
    let body = app.map(|app| render::app(context.state, app, context.now, context.rules));
    let (name, value) = context.delays.retry_header();
    let [statuses, results] = urls(context, operation);
    let mut answer = if change.whole {
        Answer {
            status: 201,
            headers: Vec::new(),
            body,
        }
        .with("azure-asyncoperation", statuses)
    } else {
        let body = body.filter(|_| !context.rules.holds(Switch::PatchAnswerEmpty));
        let answer = Answer {
            status: 202,
            headers: Vec::new(),
            body,
        }
        .with("location", results);
        if context.rules.holds(Switch::PatchLocationOnly) {
            answer
        } else {
            answer.with("azure-asyncoperation", statuses)
        }
    };
    answer.headers.push((name, value));
    Ok(answer)
}

fn operation_error(app: &str, details: &str) -> (u16, Json) {
    let refusal = Refusal::new(
        400,
        "ContainerAppOperationError",
        format!("Failed to provision revision for container app '{app}'. Error details: {details}"),
    );
    (refusal.status, refusal.error())
}

/// Begins an operation on the app `id`.
fn operation(
    context: &mut Context<'_>,
    id: &str,
    kind: OperationKind,
    failure: Option<(u16, Json)>,
    revision: Option<Revision>,
) -> Operation {
    let operation = Operation {
        id: context.state.new_guid("operation"),
        app: id.to_owned(),
        kind,
        started: context.now,
        due: (context.fault != Some(&FaultKind::OperationHangs))
            .then(|| context.now + context.delays.operation),
        ended: false,
        failure,
        revision,
        url_refuses: match context.fault {
            Some(FaultKind::OperationUrl(status)) => Some(*status),
            _ => None,
        },
    };
    context
        .state
        .operations
        .insert(operation.id.clone(), operation.clone());
    operation
}

/// Where the status and the result of an operation are asked for.
pub(super) fn urls(context: &Context<'_>, operation: &Operation) -> [String; 2] {
    let subscription = operation.app.split('/').nth(2).unwrap_or_default();
    let location = context
        .state
        .apps
        .get(&fold(&operation.app))
        .and_then(|app| app.model["location"].as_str())
        .unwrap_or("westeurope")
        .replace(' ', "")
        .to_ascii_lowercase();
    [STATUSES, RESULTS].map(|kind| {
        format!(
            "{}/subscriptions/{subscription}/providers/Microsoft.App/locations/{location}/{kind}/{}?api-version={}",
            context.origin, operation.id, context.api_version
        )
    })
}

/// Refuses while an operation of the app is active.
fn idle(app: &App) -> Result<(), Refusal> {
    if !matches!(app.provisioning_state.as_str(), "InProgress" | "Deleting") {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "ContainerAppOperationInProgress",
        format!(
            "Cannot modify a container app '{}' because there is an active provisioning operation in progress.",
            app.name()
        ),
    ))
}

/// Rights on other resources that a write needs: for identities that it assigns, and for an
/// environment that it moves to.
fn linked_rights(context: &Context<'_>, change: &Change, old: &AppIdentity) -> Result<(), Refusal> {
    let mut needed: Vec<(&str, String)> = identities::linked(context, old, &change.body["identity"])
        .into_iter()
        .map(|id| {
            (
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                id,
            )
        })
        .collect();
    let environment = |model: &Json| model["properties"]["environmentId"].as_str().map(fold);
    let old_environment = change.existing.as_ref().and_then(|app| environment(&app.model));
    if environment(&change.model) != old_environment {
        if let Some(id) = change.model["properties"]["environmentId"].as_str() {
            needed.push(("Microsoft.App/managedEnvironments/join/action", id.to_owned()));
        }
    }
    for (action, id) in needed {
        if !context.allowed(action, &id) {
            return Err(callers::linked_denied(
                context.caller,
                &format!("{KIND}/write"),
                &change.id,
                action,
                &id,
            ));
        }
    }
    Ok(())
}

fn known_environment(context: &Context<'_>, model: &Json) -> Result<(), Refusal> {
    let id = model["properties"]["environmentId"].as_str().unwrap_or_default();
    if context.state.environments.contains_key(&fold(id)) {
        return Ok(());
    }
    Err(Refusal::new(
        400,
        "ManagedEnvironmentNotFound",
        format!("The environment '{id}' was not found."),
    ))
}

/// What the service fills in when it is left out.
fn fill_defaults(model: &mut Json) {
    let properties = &mut model["properties"];
    if !properties["configuration"].is_object() {
        properties["configuration"] = json!({});
    }
    if !properties["template"].is_object() {
        properties["template"] = json!({});
    }
    default(
        &mut properties["configuration"],
        "activeRevisionsMode",
        json!("Single"),
    );
    if properties["configuration"]["ingress"].is_object() {
        let ingress = &mut properties["configuration"]["ingress"];
        default(ingress, "external", json!(false));
        default(ingress, "transport", json!("auto"));
        default(ingress, "allowInsecure", json!(false));
        default(ingress, "exposedPort", json!(0));
        default(
            ingress,
            "traffic",
            json!([{ "weight": 100, "latestRevision": true }]),
        );
    }
    let template = &mut properties["template"];
    if template["revisionSuffix"] == json!("") {
        if let Some(members) = template.as_object_mut() {
            members.shift_remove("revisionSuffix");
        }
    }
    for list in ["containers", "initContainers"] {
        for container in template
            .get_mut(list)
            .and_then(Json::as_array_mut)
            .into_iter()
            .flatten()
        {
            default(container, "resources", json!({ "cpu": 0.5, "memory": "1Gi" }));
        }
    }
}

fn default(value: &mut Json, member: &str, fallback: Json) {
    if let Some(members) = value.as_object_mut() {
        members.entry(member.to_owned()).or_insert(fallback);
    }
}

fn check_template(template: &Json) -> Result<(), Refusal> {
    let containers = elements(&template["containers"]);
    if containers.is_empty() {
        return Err(revisions::invalid_field(
            "template.containers",
            "at least one container is required",
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    for container in containers.iter().chain(elements(&template["initContainers"])) {
        let (name, image) = (
            container["name"].as_str().unwrap_or_default(),
            container["image"].as_str().unwrap_or_default(),
        );
        if name.is_empty() || image.is_empty() {
            return Err(revisions::invalid_field(
                "template.containers",
                "every container needs a name and an image",
            ));
        }
        if names.contains(&name) {
            return Err(revisions::invalid_field(
                "template.containers",
                &format!("the container name '{name}' is given twice"),
            ));
        }
        names.push(name);
        for variable in elements(&container["env"]) {
            if variable["name"].as_str().unwrap_or_default().is_empty() {
                return Err(revisions::invalid_field(
                    &format!("template.containers.{name}.env"),
                    "every variable needs a name",
                ));
            }
        }
    }
    Ok(())
}

/// Weights must sum to 100 and name revisions that exist; naming one needs Multiple mode.
fn check_traffic(app: Option<&App>, configuration: &Json) -> Result<(), Refusal> {
    let traffic = elements(&configuration["ingress"]["traffic"]);
    if traffic.is_empty() {
        return Ok(());
    }
    let refuse = |why: &str| Err(revisions::invalid_field("configuration.ingress.traffic", why));
    let sum: u64 = traffic.iter().filter_map(|entry| entry["weight"].as_u64()).sum();
    if sum != 100 {
        return refuse(&format!("traffic weights must sum to 100, not {sum}"));
    }
    let multiple = configuration["activeRevisionsMode"]
        .as_str()
        .is_some_and(|mode| mode.eq_ignore_ascii_case("Multiple"));
    for name in traffic.iter().filter_map(|entry| entry["revisionName"].as_str()) {
        if name.is_empty() {
            continue;
        }
        if !multiple {
            return refuse("a revision can be named in Multiple revisions mode only");
        }
        let known = app.is_some_and(|app| app.revision(name).is_some());
        if !known {
            return refuse(&format!("revision '{name}' does not exist"));
        }
    }
    Ok(())
}

pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    resources::existing_group(context, &address.scope)?;
    let Some(app) = context.state.apps.get_mut(&fold(&target)) else {
        return Ok(Answer::empty(204));
    };
    idle(app)?;
    app.provisioning_state = "Deleting".to_owned();
    let id = app.id.clone();
    let operation = operation(context, &id, OperationKind::Delete, None, None);
    Ok(accepted(context, &operation))
}

/// `start` and `stop`.
pub(super) fn switch(context: &mut Context<'_>, address: &Address, kind: OperationKind) -> Handled {
    let verb = if kind == OperationKind::Start {
        "start"
    } else {
        "stop"
    };
    let target = address.target();
    context.require(&format!("{KIND}/{verb}/action"), &target)?;
    context.unlocked(&target)?;
    existing(context, address)?;
    let Some(app) = context.state.apps.get_mut(&fold(&target)) else {
        return Ok(Answer::empty(404));
    };
    idle(app)?;
    app.provisioning_state = "InProgress".to_owned();
    let id = app.id.clone();
    let operation = operation(context, &id, kind, None, None);
    Ok(accepted(context, &operation))
}

fn accepted(context: &Context<'_>, operation: &Operation) -> Answer {
    let [_, results] = urls(context, operation);
    let (name, value) = context.delays.retry_header();
    Answer::empty(202).with("location", results).with(&name, value)
}
