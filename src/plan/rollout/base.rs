//! What serves at present, and what a rollout says of it: found before anything else of the run is evaluated.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::engine::Engine;
use super::super::finding::Finding;
use super::super::traffic::{Traffic, is_multiple};
use super::policy::{Policy, policy, two};
use super::{APP, DOCS, revision_command, shift_command};
use crate::azure::types;
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::merge;
use crate::value::{Data, Path, Value};

const REVISIONS: &str = "Microsoft.App/containerApps/revisions";

/// Whether the run has a rollout, and what it starts from.
#[derive(Clone, Debug)]
pub(in crate::plan) enum Standing {
    /// No recipe of the run has one.
    None,
    /// What it starts from is still to be read.
    Pending,
    /// It cannot begin, for these reasons; the problems have been told where there are none.
    Blocked(Vec<Finding>),
    /// It can.
    Here(Box<Base>),
    /// No recipe of the run has one, but the newest revision was taken back, and another one serves.
    Serving(Box<Serving>),
}

/// What serves where the newest revision was taken back: after a rollout that failed the app's template is the
/// one that failed, and no run builds on that.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Serving {
    /// The revision that serves.
    pub(in crate::plan) name: String,
    /// The newest one, which is deactivated.
    pub(in crate::plan) newest: String,
    /// The app with the template of what serves.
    pub(in crate::plan) app: Value,
}

/// A revision that is there.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Known {
    pub(in crate::plan) name: String,
    pub(in crate::plan) active: bool,
    pub(in crate::plan) created: Option<OffsetDateTime>,
    /// As it was read.
    pub(in crate::plan) value: Value,
}

/// What a rollout starts from.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Base {
    pub(in crate::plan) policy: Policy,
    /// Whether the app is in Multiple mode.
    pub(in crate::plan) multiple: bool,
    /// The traffic as it is.
    pub(in crate::plan) live: Traffic,
    /// The traffic with the latest named.
    pub(in crate::plan) traffic: Traffic,
    /// The revision that serves.
    pub(in crate::plan) serving: String,
    /// Every revision that is there.
    pub(in crate::plan) revisions: Vec<Known>,
    /// The app as everything of the run sees it: with the template of what serves, where its own means
    /// something else.
    pub(in crate::plan) app: Value,
}

impl Base {
    /// Where the revision with the label answers: `<app>---<label>.<domain>`
    /// (<https://learn.microsoft.com/azure/container-apps/traffic-splitting>).
    pub(super) fn url(&self, app: &str) -> Option<String> {
        let host = self.app.text_at(&["properties", "configuration", "ingress", "fqdn"])?;
        let (first, domain) = host.split_once('.')?;
        let name = if first.eq_ignore_ascii_case(app) { first } else { app };
        Some(format!("https://{name}---{}.{domain}", self.policy.label))
    }

    /// How long ago what serves was made, if that is told.
    pub(super) fn age_of_serving(&self, now: OffsetDateTime) -> Option<time::Duration> {
        let serving = self.revisions.iter().find(|one| one.name == self.serving)?;
        serving.created.map(|created| now - created)
    }
}

/// Finds out whether the run has a rollout and what it starts from. `app`: as it was read.
pub(in crate::plan) fn standing(engine: &Engine<'_>, app: &Value) -> Standing {
    let asked: Vec<usize> = (0..engine.instances().len())
        .filter(|index| engine.recipe(*index).rollout.is_some())
        .filter(|index| engine.active(*index).truthy() == Some(true))
        .collect();
    let [instance] = asked[..] else {
        if let [first, second, ..] = asked[..] {
            two(engine, first, second);
            return Standing::Blocked(Vec::new());
        }
        return serving(engine, app);
    };
    if app.is_null() {
        // Told already, as what every run needs.
        return Standing::None;
    }
    let Some(rollout) = &engine.recipe(instance).rollout else { return Standing::None };
    let policy = match policy(engine, instance, rollout) {
        Ok(Some(policy)) => policy,
        Ok(None) => return Standing::Pending,
        Err(()) => return Standing::Blocked(Vec::new()),
    };
    let id = engine.request.target.app_id();
    let list = Read::many(&format!("{id}/revisions"), REVISIONS, &engine.version(REVISIONS));
    let blocked =
        |finding: Finding| Standing::Blocked(vec![finding.of(engine.instances()[instance].alias.clone())]);
    let revisions = match engine.asked.ask(&list) {
        _ if app.is_unknown() => return Standing::Pending,
        None => return Standing::Pending,
        Some(Fact::Found(list)) => known(list),
        Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
            return blocked(
                Finding::failed(codes::PERMISSION, "may see the app's revisions").detail(message.clone()),
            );
        }
        Some(Fact::Absent { .. }) => Vec::new(),
    };
    if app.at(&["properties", "configuration", "ingress"]).is_none_or(|ingress| ingress.as_map().is_none()) {
        let fix = format!(
            "az containerapp ingress enable --name {} --resource-group {} --type external --target-port PORT",
            super::quote(&engine.request.target.app),
            super::quote(&engine.request.target.resource_group)
        );
        return blocked(
            Finding::failed(codes::ROLLOUT, "the app has ingress")
                .detail("without ingress there is no traffic that could be shifted by steps")
                .fix(fix)
                .docs("https://learn.microsoft.com/azure/container-apps/ingress-overview"),
        );
    }
    match base(engine, app, policy, revisions) {
        Ok(base) => Standing::Here(Box::new(base)),
        Err(finding) => blocked(*finding),
    }
}

/// What serves in a run without a rollout. Only where nobody can doubt it: all of the traffic is pinned to one
/// revision by its name, and the newest one is deactivated.
fn serving(engine: &Engine<'_>, app: &Value) -> Standing {
    let traffic = Traffic::of(app);
    if !is_multiple(app) || !traffic.is_pinned() {
        return Standing::None;
    }
    let shares = traffic.shares();
    let Some((name, _)) = shares.iter().find(|(_, weight)| *weight == 100) else { return Standing::None };
    let newest = app.text_at(&["properties", "latestRevisionName"]).filter(|newest| !newest.is_empty());
    let Some(newest) = newest.filter(|newest| !newest.eq_ignore_ascii_case(name)) else {
        return Standing::None;
    };
    if engine.newest_revision(app).at(&["properties", "active"]).and_then(Value::as_bool) != Some(false) {
        return Standing::None;
    }
    let revision = engine.revision_named(name);
    if revision.is_unknown() {
        return Standing::Pending;
    }
    let template = revision.at(&["properties", "template"]).filter(|template| template.as_map().is_some());
    match template {
        Some(template) => Standing::Serving(Box::new(Serving {
            name: name.clone(),
            newest: newest.to_owned(),
            app: with_template(app, template),
        })),
        None => Standing::Blocked(vec![
            Finding::failed(codes::ROLLOUT, "the revision that serves can be read")
                .detail(format!(
                    "{newest}, the newest, is deactivated, and {name}, which has all of the traffic, does not tell its \
                     template: what is written would be built on what was taken back"
                ))
                .fix(revision_command(engine.request.target, "show", name)),
        ]),
    }
}

fn base(
    engine: &Engine<'_>,
    app: &Value,
    policy: Policy,
    revisions: Vec<Known>,
) -> Result<Base, Box<Finding>> {
    let target = engine.request.target;
    let multiple = is_multiple(app);
    let ready = app.text_at(&["properties", "latestReadyRevisionName"]).filter(|name| !name.is_empty());
    let live = Traffic::of(app);
    let not_ready = || {
        Box::new(
            Finding::failed(codes::ROLLOUT, "a revision serves")
                .detail("no revision of the app is ready, so there is nothing to go back to")
                .fix(format!(
                    "az containerapp revision list --name {} --resource-group {} --output table",
                    super::quote(&target.app),
                    super::quote(&target.resource_group)
                )),
        )
    };
    let traffic = match (live.is_pinned(), ready) {
        (true, _) => live.clone(),
        (false, Some(ready)) => live.pinned(ready),
        (false, None) => return Err(not_ready()),
    };
    // In Single mode the list has no say.
    let (serving, traffic) = if multiple {
        let serving = one_serves(engine, &traffic, &policy.label, &revisions)?;
        let traffic = put_back(&traffic, &policy.label, &serving, &revisions);
        (serving, traffic)
    } else {
        let ready = ready.ok_or_else(not_ready)?;
        let pinned = live.pinned(ready);
        let all = pinned.weight(ready) == 100;
        (ready.to_owned(), if all { pinned } else { Traffic::default().pinned(ready) })
    };
    let revision = revisions.iter().find(|one| one.name.eq_ignore_ascii_case(&serving));
    let template = revision
        .and_then(|one| one.value.at(&["properties", "template"]))
        .filter(|template| template.as_map().is_some());
    let Some(template) = template else {
        return Err(Box::new(
            Finding::failed(codes::ROLLOUT, "the revision that serves can be read")
                .detail(format!("{serving} is not among the app's revisions, or does not tell its template"))
                .fix(revision_command(target, "show", &serving)),
        ));
    };
    let app = with_template(app, template);
    Ok(Base { policy, multiple, live, traffic, serving, revisions, app })
}

/// The traffic without what a labelled candidate has that is deactivated: a part of the requests goes nowhere.
fn put_back(traffic: &Traffic, label: &str, serving: &str, revisions: &[Known]) -> Traffic {
    let dead = |name: &&str| {
        !name.eq_ignore_ascii_case(serving)
            && traffic.weight(name) > 0
            && revisions.iter().any(|one| !one.active && one.name.eq_ignore_ascii_case(name))
    };
    match traffic.labelled(label).filter(dead) {
        Some(name) => traffic.without(serving, name),
        None => traffic.clone(),
    }
}

/// The one revision that has the traffic, but for a candidate's share.
fn one_serves(
    engine: &Engine<'_>,
    traffic: &Traffic,
    label: &str,
    revisions: &[Known],
) -> Result<String, Box<Finding>> {
    let shares = traffic.shares();
    let serves = |name: &&(String, u32)| {
        let candidate = traffic.labelled(label).is_some_and(|own| own.eq_ignore_ascii_case(&name.0));
        name.1 > 0 && !(candidate && name.1 < 100)
    };
    let all: Vec<&(String, u32)> = shares.iter().filter(serves).collect();
    if let [(only, _)] = all[..] {
        return Ok(only.clone());
    }
    let target = engine.request.target;
    let active = |name: &str| revisions.iter().any(|one| one.active && one.name.eq_ignore_ascii_case(name));
    let most = shares.iter().filter(|(name, _)| active(name)).max_by_key(|(_, weight)| *weight);
    let most = most.map_or("REVISION", |(name, _)| name);
    Err(Box::new(
        Finding::failed(codes::ROLLOUT, "one revision serves")
            .detail(format!("the traffic is split already: {traffic}"))
            .fix(shift_command(target, most))
            .docs(DOCS),
    ))
}

/// The app with this template, unless its own means the same. A suffix is never taken over: it would collide
/// with the revision that has it.
fn with_template(app: &Value, template: &Value) -> Value {
    let place = Path::members("properties.template");
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Data::Map(members) = &mut template.data {
            members.shift_remove("revisionSuffix");
        }
        template
    };
    let template = bare(template);
    let own = app.at(&["properties", "template"]).map(bare);
    let same = own
        .is_some_and(|own| types::find(APP).is_some_and(|kind| merge::equal(kind, &place, &own, &template)));
    let mut app = app.clone();
    if !same && let Some(own) = app.at_mut(&["properties", "template"]) {
        *own = template;
    }
    app
}

fn known(list: &Value) -> Vec<Known> {
    let one = |value: &Value| {
        let created = value.text_at(&["properties", "createdTime"]);
        Some(Known {
            name: value.text_at(&["name"])?.to_owned(),
            // One that does not say is taken for active: then it is told, not passed over.
            active: value.at(&["properties", "active"]).and_then(Value::as_bool) != Some(false),
            created: created.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()),
            value: value.clone(),
        })
    };
    list.as_list().unwrap_or_default().iter().filter_map(one).collect()
}
