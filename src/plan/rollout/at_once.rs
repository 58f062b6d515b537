//! What a run with a rollout writes beside the template. No revision keeps it for itself: it acts on all of them
//! as soon as it is written, also on the one that serves
//! (<https://learn.microsoft.com/azure/container-apps/revisions#application-scope-changes>), and stays when the
//! candidate is taken back.

use super::super::engine::Engine;
use super::super::finding::Finding;
use super::super::{ResourcePlan, StepPlan, quote};
use super::{Base, TEMPLATE};
use crate::diagnostic::codes;
use crate::merge::Owned;
use crate::value::{Segment, Value};

const DOCS: &str = "https://learn.microsoft.com/azure/container-apps/revisions#change-types";

/// Members of the ingress that decide where running containers are asked: none of them can be right for two
/// revisions that listen in different places.
const REFUSED: &[(&str, Option<&str>)] = &[
    ("properties.configuration.ingress.targetPort", Some("--target-port")),
    ("properties.configuration.ingress.transport", Some("--transport")),
    ("properties.configuration.ingress.additionalPortMappings", None),
];

/// What the rollout itself writes, and takes care of.
const OWN: &[&str] =
    &["properties.configuration.activeRevisionsMode", "properties.configuration.ingress.traffic"];

/// What acts at once, and what of it stays.
#[derive(Debug, Default)]
pub(super) struct AtOnce {
    /// What cannot be had together with a rollout.
    pub(super) refused: Vec<Finding>,
    /// What the plan says of the rest, in a sentence each.
    pub(super) notes: Vec<String>,
    /// What is not put back, in a few words each.
    pub(super) stays: Vec<String>,
}

/// Looks at everything that the run is to write beside the template.
pub(super) fn of(engine: &Engine<'_>, base: &Base, resources: &[ResourcePlan], steps: &[StepPlan]) -> AtOnce {
    let own = engine.request.target.app_id();
    let mut found = AtOnce::default();
    let mut acts: Vec<String> = Vec::new();
    for plan in resources {
        let pending = plan.owned.iter().filter(|(owned, _)| !owned.in_place);
        if plan.id != own {
            if pending.count() > 0 {
                push(&mut found.stays, format!("{} {}", plan.kind.name, plan.id.name()));
            }
            continue;
        }
        for (owned, owners) in pending {
            let place = owned.path.pattern();
            if place.starts_with(TEMPLATE) || OWN.iter().any(|own| place.starts_with(own)) {
                continue;
            }
            let refused = REFUSED.iter().find(|(member, _)| place.starts_with(member));
            if let Some((member, option)) = refused {
                let by = owners.first().and_then(|index| engine.position(&steps.get(*index)?.instance));
                found.refused.push(refuse(engine, base, owned, member, *option, by));
                continue;
            }
            let what = told(owned);
            if acts_at_once(owned, &plan.live) {
                push(&mut acts, what.clone());
            }
            push(&mut found.stays, what);
        }
    }
    found.refused.dedup_by(|one, other| one.name == other.name);
    if !acts.is_empty() {
        found.notes.push(format!("acts on all revisions at once, not staged: {}", acts.join(", ")));
    }
    found
}

fn push(list: &mut Vec<String>, what: String) {
    if !list.contains(&what) {
        list.push(what);
    }
}

/// Whether running revisions notice: one that is new to the app's secrets or registries is used by none yet.
fn acts_at_once(owned: &Owned, app: &Value) -> bool {
    let place = owned.path.pattern();
    let listed = [("secrets", "name"), ("registries", "server")];
    for (list, key) in listed {
        if !place.starts_with(&format!("properties.configuration.{list}")) {
            continue;
        }
        let Some(name) = element(owned) else { return true };
        let there = app.at(&["properties", "configuration", list]).and_then(Value::as_list);
        return there
            .unwrap_or_default()
            .iter()
            .any(|one| one.text_at(&[key]).is_some_and(|have| have.eq_ignore_ascii_case(name)));
    }
    place.starts_with("properties.configuration")
}

fn element(owned: &Owned) -> Option<&str> {
    owned.path.0.iter().find_map(|segment| match segment {
        Segment::Element(name) => Some(name.as_str()),
        Segment::Key(_) => None,
    })
}

/// A leaf in a few words: `the secret db-password`.
fn told(owned: &Owned) -> String {
    let place = owned.path.pattern();
    let below = |list: &str| place.starts_with(&format!("properties.configuration.{list}"));
    match element(owned) {
        Some(name) if below("secrets") => format!("the secret {name}"),
        Some(name) if below("registries") => format!("the registry {name}"),
        _ if below("dapr") => "the Dapr settings".to_owned(),
        _ if place.starts_with("identity") => "the app's identities".to_owned(),
        _ => owned.path.to_string(),
    }
}

fn refuse(
    engine: &Engine<'_>,
    base: &Base,
    owned: &Owned,
    member: &str,
    option: Option<&str>,
    by: Option<usize>,
) -> Finding {
    let target = engine.request.target;
    let word = member.rsplit('.').next().unwrap_or(member);
    let value = |value: &Value| match value.to_json() {
        Some(serde_json::Value::Null) | None => "nothing".to_owned(),
        Some(serde_json::Value::String(text)) => text,
        Some(json) => json.to_string(),
    };
    let change = if owned.path.pattern() == member && !owned.wanted.contains_hidden() {
        format!("from {} to {} ", value(&owned.live), value(&owned.wanted))
    } else {
        String::new()
    };
    let finding = Finding::failed(codes::ROLLOUT, format!("ingress.{word} stays as it is"))
        .detail(format!(
            "a change {change}acts on every revision at once, also on {}, which has the traffic: it cannot be staged, \
             and would not be taken back. Make it on its own first, without the rollout",
            base.serving
        ))
        .docs(DOCS);
    // Its recipe on its own; one that has the rollout itself cannot do without.
    let own = by.filter(|by| engine.recipe(*by).rollout.is_none());
    let known =
        !owned.wanted.is_null() && !owned.wanted.contains_hidden() && owned.wanted.origins().is_empty();
    match (own, option) {
        (Some(by), _) => finding.fix(engine.applies(by, &[])),
        (None, Some(option)) => finding.fix(format!(
            "az containerapp ingress update --name {} --resource-group {} {option} {}",
            quote(&target.app),
            quote(&target.resource_group),
            if known { quote(&value(&owned.wanted)) } else { "VALUE".to_owned() }
        )),
        (None, None) => finding,
    }
}
