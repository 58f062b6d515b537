//! What must hold before the first write: the target, what recipes read, and their own checks.

use std::collections::BTreeSet;

use super::StepPlan;
use super::administrator::role_lines;
use super::engine::{Engine, pick_container};
use super::finding::{Finding, Status};
use super::frame::{Frame, shown};
use super::judging::{self, Scope};
use super::lookup::{Place, must_be_there};
use super::probing::Probe;
use crate::azure::{ResourceId, types};
use crate::diagnostic::{codes, quote};
use crate::facts::Fact;
use crate::recipe::{Lookup, LookupKind};
use crate::value::{Origin, Value};

/// Subscription, provider, group, app, environment, container, as far as the run works on them.
pub(super) fn baseline(engine: &Engine<'_>) -> Vec<Finding> {
    let target = engine.request.target;
    let mut findings = vec![subscription(engine)];
    if target.has_app() || target.environment.is_some() {
        findings.push(provider(engine, "Microsoft.App"));
    }
    findings.push(group(engine));
    if !target.has_app() {
        findings.extend(target.environment_id().map(|id| given_environment(engine, &id)));
        return findings;
    }
    let app_finding = app(engine);
    let present = app_finding.status == Status::Passed;
    findings.push(app_finding);
    if present {
        let app = engine.app();
        findings.push(environment(engine, &app));
        findings.extend(container(target, &app));
    }
    findings
}

fn subscription(engine: &Engine<'_>) -> Finding {
    let target = engine.request.target;
    let name = format!("subscription {}", target.subscription);
    let id = ResourceId::subscription_id(&target.subscription);
    match engine.asked.ask(&engine.read(&id, "Microsoft.Resources/subscriptions")) {
        Some(Fact::Found(found)) => {
            let label = found.text_at(&["displayName"]).unwrap_or_default().to_owned();
            match found.text_at(&["state"]) {
                // Known words that refuse writes; an unknown word is let through.
                Some(state @ ("Disabled" | "Deleted" | "PastDue")) => Finding::failed(
                    codes::SUBSCRIPTION,
                    name,
                )
                .detail(format!("{label} is {state}"))
                .docs("https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states"),
                _ => Finding::passed(codes::SUBSCRIPTION, name).detail(label),
            }
        }
        Some(Fact::Absent { code }) => Finding::failed(codes::SUBSCRIPTION, name)
            .detail(format!("not found for this caller ({code})"))
            .fix("az account list --output table; then export AZURE_SUBSCRIPTION_ID=…"),
        other => could_not(codes::SUBSCRIPTION, name, other),
    }
}

fn provider(engine: &Engine<'_>, namespace: &str) -> Finding {
    let name = format!("provider {namespace} registered");
    match engine.asked.ask(&engine.provider_read(namespace)) {
        Some(Fact::Found(found)) => match found.text_at(&["registrationState"]) {
            Some("Registered" | "Registering") | None => Finding::passed(codes::PROVIDER, name),
            Some(state) => Finding::failed(codes::PROVIDER, name)
                .detail(format!("it is {state} in this subscription"))
                .fix(format!("az provider register --namespace {namespace} --wait"))
                .docs("https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types"),
        },
        other => could_not(codes::PROVIDER, name, other),
    }
}

fn group(engine: &Engine<'_>) -> Finding {
    let target = engine.request.target;
    let name = format!("resource group {}", target.resource_group);
    let kind = "Microsoft.Resources/subscriptions/resourceGroups";
    match engine.asked.ask(&engine.read(&target.group_id(), kind)) {
        Some(Fact::Found(found)) => Finding::passed(codes::RESOURCE_GROUP, name)
            .detail(found.text_at(&["location"]).unwrap_or_default()),
        Some(Fact::Absent { .. }) => Finding::failed(codes::RESOURCE_GROUP, name)
            .detail("not found in this subscription")
            .fix("az group list --query '[].name' --output tsv; then export RG=… (or -g)"),
        other => could_not(codes::RESOURCE_GROUP, name, other),
    }
}

fn app(engine: &Engine<'_>) -> Finding {
    let target = engine.request.target;
    let name = format!("container app {}", target.app);
    match engine.asked.ask(&engine.app_read()) {
        Some(Fact::Found(found)) => {
            let state = found.text_at(&["properties", "provisioningState"]).unwrap_or("unknown");
            let finding = Finding::passed(codes::APP, name).detail(format!("provisioningState {state}"));
            // A failed app is a normal start: it exists and must stay changeable.
            if state == "Deleting" { Finding { status: Status::Failed, ..finding } } else { finding }
        }
        Some(Fact::Absent { code }) if code == "ResourceGroupNotFound" => {
            Finding::failed(codes::APP, name).detail("its resource group is not there")
        }
        Some(Fact::Absent { .. }) => Finding::failed(codes::APP, name)
            .detail(format!("not found in {}", target.resource_group))
            .fix(format!(
                "az containerapp list --resource-group {} --query '[].name' --output tsv; then export APP_NAME=… (or -n)",
                quote(&target.resource_group)
            )),
        // Nothing can be planned without the app.
        Some(Fact::Refused { message }) => Finding::failed(codes::APP, name)
            .detail(format!("the caller may not read it: {message}"))
            .fix(format!(
                "ask an administrator: {}",
                role_lines(
                    engine.request.caller,
                    &["Microsoft.App/containerApps/read"],
                    &target.app_id()
                )
                .join("; ")
            )),
        Some(Fact::Failed { message, .. }) => Finding::failed(codes::APP, name).detail(message.clone()),
        None => Finding::new(Status::CouldNotCheck, codes::APP, name),
    }
}

fn environment(engine: &Engine<'_>, app: &Value) -> Finding {
    let target = engine.request.target;
    let Some(id) = Engine::environment_id(app) else {
        return Finding::new(Status::CouldNotCheck, codes::ENVIRONMENT, "environment")
            .detail("the app names none");
    };
    if let Some(asked) = &target.environment
        && !asked.eq_ignore_ascii_case(id.name())
    {
        return Finding::failed(codes::ENVIRONMENT, format!("environment {asked}"))
            .detail(format!("the app {} is in {}", target.app, id.name()))
            .fix(format!("export ENVIRONMENT_NAME={}", quote(id.name())));
    }
    match environment_found(engine, &id) {
        (true, finding) => finding,
        (false, finding) => finding.detail("the app's environment is not there"),
    }
}

/// Whether an environment is there, as far as it can be told, and the finding of that.
fn environment_found(engine: &Engine<'_>, id: &ResourceId) -> (bool, Finding) {
    let name = format!("environment {}", id.name());
    let finding = match engine.asked.ask(&engine.read(id, "Microsoft.App/managedEnvironments")) {
        Some(Fact::Found(found)) => match found.text_at(&["properties", "provisioningState"]) {
            Some(state @ ("Failed" | "Canceled" | "ScheduledForDelete")) => {
                Finding::new(Status::Warning, codes::ENVIRONMENT, name)
                    .detail(format!("provisioningState {state}"))
            }
            state => Finding::passed(codes::ENVIRONMENT, name)
                .detail(format!("provisioningState {}", state.unwrap_or("unknown"))),
        },
        Some(Fact::Absent { .. }) => return (false, Finding::failed(codes::ENVIRONMENT, name)),
        other => could_not(codes::ENVIRONMENT, name, other),
    };
    (true, finding)
}

/// The environment that a run without an app works on.
fn given_environment(engine: &Engine<'_>, id: &ResourceId) -> Finding {
    let group = engine.request.target.resource_group.as_str();
    match environment_found(engine, id) {
        (true, finding) => finding,
        (false, finding) => finding.detail(format!("not found in {group}")).fix(format!(
            "az containerapp env list --resource-group {} --query '[].name' --output tsv; then export ENVIRONMENT_NAME=… (or --environment)",
            quote(group)
        )),
    }
}

fn container(target: &super::Target, app: &Value) -> Option<Finding> {
    if pick_container(target, app).is_some() {
        return None;
    }
    let names: Vec<&str> = app
        .at(&["properties", "template", "containers"])
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|container| container.text_at(&["name"]))
        .collect();
    let detail = match &target.container {
        Some(asked) => format!("there is no container `{asked}`; the app has {}", names.join(", ")),
        None => format!("the app has several: {}", names.join(", ")),
    };
    Some(
        Finding::failed(codes::CONTAINER, "which container")
            .detail(detail)
            .fix(format!("--container {}", names.first().copied().unwrap_or_default())),
    )
}

fn could_not(code: crate::diagnostic::Code, name: String, fact: Option<&Fact>) -> Finding {
    let finding = Finding::new(Status::CouldNotCheck, code, name);
    match fact {
        Some(Fact::Refused { message } | Fact::Failed { message, .. }) => finding.detail(message.clone()),
        Some(Fact::Absent { code }) => finding.detail(code.clone()),
        _ => finding,
    }
}

/// What each recipe reads, and its own prerequisites.
pub(super) fn recipes(engine: &Engine<'_>, steps: &[StepPlan]) -> (Vec<Finding>, Vec<Probe>) {
    let mut findings = Vec::new();
    let mut waits = Vec::new();
    let target = engine.request.target;
    let told = target.has_app() || target.environment.is_some();
    let mut namespaces: Vec<String> = told.then(|| "Microsoft.App".to_owned()).into_iter().collect();
    // Without the app nothing that depends on it can be judged.
    if engine.place_is_missing() {
        return (findings, waits);
    }
    // A user of a database is of no provider; what is waited for is looked at only.
    let of_azure = |step: &&StepPlan| {
        step.outcome.pending() && step.outcome.user.is_none() && step.outcome.wait.is_none()
    };
    for step in steps.iter().filter(of_azure) {
        let kind = step.outcome.effect.as_ref().map_or(step.outcome.kind.name, |effect| effect.kind);
        let namespace = kind.split('/').next().unwrap_or_default();
        findings.extend(registered(engine, &mut namespaces, namespace));
    }
    for (index, bound) in engine.instances().iter().enumerate() {
        if engine.active(index).truthy() != Some(true) {
            continue;
        }
        let frame = engine.frame(index);
        let recipe = frame.recipe();
        // What is judged of a resource that is not there would only say the same again.
        let mut gone: BTreeSet<&str> = BTreeSet::new();
        for lookup in recipe.existing.values() {
            let Some(rounds) = frame.rounds(lookup.for_each.as_ref()) else {
                continue;
            };
            for each in rounds {
                let frame = frame.with_each(each);
                if let Some(finding) = found(&frame, lookup) {
                    if let Some(resource) = lookup.resource().filter(|_| !frame.is_elsewhere(lookup)) {
                        let namespace = resource.kind.kind.split('/').next().unwrap_or_default();
                        findings.extend(registered(engine, &mut namespaces, namespace));
                    }
                    if finding.status == Status::Failed {
                        gone.insert(&lookup.id.name);
                    }
                    findings.push(finding.of(&bound.alias));
                }
            }
        }
        for check in &recipe.prerequisites {
            let mut roots =
                check.subject().references().into_iter().filter_map(|one| one.path.into_iter().next());
            if roots.any(|root| gone.contains(root.as_str())) {
                continue;
            }
            let judged = judging::check(&frame, check, Scope::Prerequisites, &[]);
            let start = findings.len();
            let awaited = judged.probes.into_iter().filter(|probe| !probe.held && !probe.within.is_zero());
            waits.extend(awaited.map(|probe| Probe { finding: probe.finding + start, ..probe }));
            findings.extend(judged.findings.into_iter().map(|one| one.of(&bound.alias)));
        }
    }
    (findings, waits)
}

/// Whether a provider that a recipe needs is registered, told once; a part of ARM itself always is.
fn registered(engine: &Engine<'_>, told: &mut Vec<String>, namespace: &str) -> Option<Finding> {
    let own = matches!(namespace, "Microsoft.Authorization" | "Microsoft.Resources");
    if own || told.iter().any(|have| have == namespace) {
        return None;
    }
    told.push(namespace.to_owned());
    Some(provider(engine, namespace))
}

/// Whether a lookup found what must be there. `None`: switched off, waiting, or optional.
fn found(frame: &Frame<'_, '_>, lookup: &Lookup) -> Option<Finding> {
    if let Some(when) = &lookup.when
        && frame.expression(when).truthy() != Some(true)
    {
        return None;
    }
    if matches!(lookup.kind, LookupKind::Dns(_) | LookupKind::Action(_)) {
        // Others see what is asked. That it is must not hang on who looks at the answer: it would tell of what
        // decides that.
        let _ = frame.found(lookup);
    }
    if !must_be_there(lookup) {
        return None;
    }
    let resource = match &lookup.kind {
        LookupKind::Resource(resource) => resource,
        LookupKind::Manifest(manifest) => return frame.image(lookup, manifest),
        LookupKind::Action(action) => return frame.answered(lookup, action),
        // That there is none is one of its findings, or for a check to judge.
        LookupKind::Dockerfile(_) | LookupKind::Dns(_) | LookupKind::Certificate(_) => return None,
        LookupKind::Requirements(requirements) => return frame.requirements_read(lookup, requirements),
    };
    let engine = frame.engine;
    let noun = types::find(&resource.kind.kind).map_or(resource.kind.kind.as_str(), |kind| kind.noun);
    let asked = resource.name.as_ref().and_then(|name| shown(&frame.expression(name)));
    // A list has no name.
    let name = match &asked {
        Some(asked) => format!("{noun} {}", asked.rsplit('/').next().unwrap_or(asked)),
        None => noun.to_owned(),
    };
    let named_by_id = asked.as_deref().is_some_and(|asked| asked.starts_with('/'));
    let finding = |finding: Finding| {
        let finding = match frame.command(lookup.fix.as_ref()) {
            _ if finding.status == Status::Failed && named_by_id => {
                // What creates it takes a name; an id is to be looked at.
                finding.fix(format!("az resource show --ids {}", quote(asked.as_deref().unwrap_or_default())))
            }
            Some(fix) if finding.status == Status::Failed => finding.fix(fix),
            _ => finding,
        };
        match &lookup.docs {
            Some(docs) => finding.docs(docs.clone()),
            None => finding,
        }
    };
    let value = frame.found(lookup);
    if value.is_unknown() {
        let refused = value.origins().into_iter().find_map(|origin| match origin {
            Origin::Refused(message) => Some(message),
            _ => None,
        })?;
        return Some(Finding::new(Status::CouldNotCheck, codes::RESOURCE, name).detail(refused));
    }
    if !value.is_null() {
        let id = value.text_at(&["id"]).unwrap_or_default().to_owned();
        return Some(Finding::passed(codes::RESOURCE, name).detail(id));
    }
    let detail = match frame.read_of(resource) {
        Place::Here(read) => match engine.asked.ask(&read) {
            Some(Fact::Absent { code }) => format!("not found: {} ({code})", read.path),
            _ => "not found".to_owned(),
        },
        Place::Search { list, name, .. } => several(engine.asked.ask(&list), &name)
            .unwrap_or_else(|| format!("no {noun} of this name in the resource group or the subscription")),
        Place::Tenant { host } => engine.by_host(&resource.kind, &host).nowhere(noun),
        Place::Unknown(_) => match &asked {
            Some(asked) => match ResourceId::parse(asked) {
                Some(id) => format!("`{asked}` is a {}, not a {noun}", id.resource_type()),
                None => format!("`{asked}` is neither a name nor a resource id"),
            },
            None => "no name is given".to_owned(),
        },
    };
    Some(finding(Finding::failed(codes::RESOURCE, name).detail(detail)))
}

fn several(list: Option<&Fact>, name: &str) -> Option<String> {
    let items = list?.value()?.as_list()?;
    let ids: Vec<&str> = items
        .iter()
        .filter(|item| item.text_at(&["name"]).is_some_and(|have| have.eq_ignore_ascii_case(name)))
        .filter_map(|item| item.text_at(&["id"]))
        .collect();
    (ids.len() > 1).then(|| format!("several have this name; give the id of one: {}", ids.join(", ")))
}

/// Who else deploys the app, by its tags, and what a deployment there would reset.
pub(super) fn other_owner(app: &Value) -> Option<String> {
    let tags = app.get("tags")?.as_map()?;
    let owners = [
        ("azd-service-name", "azd deploy"),
        ("azd-env-name", "azd provision"),
        ("aspire-resource-name", "azd deploy of the .NET Aspire app host"),
    ];
    let (tag, command) = owners.iter().find(|(tag, _)| tags.contains_key(*tag))?;
    Some(format!(
        "the tag {tag} says that this app is also deployed by other means: {command} would reset what its own template sets (environment variables, secrets, identity); put these settings there too"
    ))
}
