//! `container_app`: a fragment of the app, merged.

use indexmap::IndexMap;

use super::{Outcome, StepResult, has_system_identity, with_computed};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::merge::{Owned, merge};
use crate::value::{Data, Segment, Value};

/// The outcome of laying `fragment` (`identity`, `configuration`, `template`, `tags`) over the app.
/// `running` is the template of the newest revision, when it could be read.
///
/// # Errors
/// The fragment does not fit the app.
pub fn container_app(
    kind: &'static ResourceType,
    key: &str,
    id: &ResourceId,
    live: &Value,
    running: Option<&Value>,
    fragment: &Value,
) -> StepResult {
    let fragment = in_arm_shape(fragment);
    let mut outcome = Outcome { resource: Some(id.clone()), ..Outcome::of(kind, live.clone(), fragment) };
    if live.is_unknown() || live.is_null() {
        // Not read yet, or not there: the prerequisites speak of that.
        return Ok(outcome);
    }
    let merged = merge(kind, live, &outcome.fragment)?;
    outcome.owned = merged.owned;
    outcome.result = merged.value;
    if let Some(running) = running {
        count_from_running(&mut outcome, running);
    }
    if outcome.pending() && has_system_identity(&outcome.result) {
        outcome.result = with_computed(kind, outcome.result, key);
    }
    Ok(outcome)
}

/// What stands on the app but does not run is not in place: after a failed operation the app shows the
/// wanted template, and no revision has it (deployment errors, Microsoft Learn). The same write is
/// then sent again, with the secrets that its template needs.
fn count_from_running(outcome: &mut Outcome, running: &Value) {
    let base = with_template(&outcome.live, running);
    let Ok(seen) = merge(outcome.kind, &base, &outcome.fragment) else { return };
    if !is_left_behind(&outcome.owned, &seen.owned) {
        return;
    }
    outcome.owned = seen.owned;
    outcome.base = base;
    secrets_again(outcome);
}

fn with_template(app: &Value, template: &Value) -> Value {
    let mut app = app.clone();
    if let Some(own) = app.at_mut(&["properties", "template"]) {
        *own = template.clone();
    }
    app
}

/// In place on the app and yet not running: a change that is simply to be made is none of this.
fn is_left_behind(on_app: &[Owned], running: &[Owned]) -> bool {
    on_app.iter().any(|owned| {
        owned.in_place
            && owned.path.pattern().starts_with("properties.template")
            && running.iter().any(|other| other.path == owned.path && !other.in_place)
    })
}

/// Whether a failed operation has left what `fragment` wants of the template on the app, and nothing runs it.
pub fn left_behind(kind: &'static ResourceType, app: &Value, running: &Value, fragment: &Value) -> bool {
    let fragment = in_arm_shape(fragment);
    let seen = |app: &Value| merge(kind, app, &fragment).map(|merged| merged.owned);
    match (seen(app), seen(&with_template(app, running))) {
        (Ok(on_app), Ok(running)) => is_left_behind(&on_app, &running),
        _ => false,
    }
}

/// The outcome with the secrets that it owns to be sent again, although they stand on the app.
pub fn with_secrets_again(mut outcome: Outcome) -> Outcome {
    if outcome.pending() {
        secrets_again(&mut outcome);
    }
    outcome
}

/// An operation that failed leaves what it was to set beside the template on the app, which then stays `Failed`: what
/// the step owns there is not in place, and is sent again. (Assumed, since it stands nowhere: the next write that works
/// takes it out of that state.) `running`: the template of the newest revision. Where that is not the app's own, the failure may
/// be another's, and nothing of theirs is rolled out by us.
pub fn failed_again(outcome: &mut Outcome, running: &Value) {
    let failed = outcome.live.text_at(&["properties", "provisioningState"]) == Some("Failed");
    if !failed || !runs(outcome.kind, &outcome.live, running) {
        return;
    }
    for owned in &mut outcome.owned {
        let keys: Vec<&str> = match owned.path.0.as_slice() {
            [Segment::Key(top), ..] if top == "identity" => vec![top],
            [Segment::Key(top), Segment::Key(part), Segment::Key(member), ..]
                if part == "configuration" && member != "secrets" =>
            {
                vec![top, part, member]
            }
            _ => continue,
        };
        if let Some(member) = outcome.base.at_mut(&keys) {
            *member = Value::null();
            owned.in_place = false;
        }
    }
    secrets_again(outcome);
}

/// Whether the newest revision runs the app's template.
fn runs(kind: &'static ResourceType, app: &Value, running: &Value) -> bool {
    let Some(template) = app.at(&["properties", "template"]) else { return false };
    let inner = Value::new(Data::Map([("template".to_owned(), template.clone())].into_iter().collect()));
    let fragment = Value::new(Data::Map([("properties".to_owned(), inner)].into_iter().collect()));
    let seen = merge(kind, &with_template(app, running), &fragment);
    seen.is_ok_and(|seen| seen.owned.iter().all(|owned| owned.in_place))
}

fn secrets_again(outcome: &mut Outcome) {
    for owned in &mut outcome.owned {
        if owned.path.pattern().starts_with("properties.configuration.secrets") && owned.in_place {
            owned.in_place = false;
            if let Some(Segment::Element(name)) = owned.path.0.get(3) {
                without_secret(&mut outcome.base, name);
            }
        }
    }
}

fn without_secret(app: &mut Value, name: &str) {
    if let Some(Data::List(secrets)) =
        app.at_mut(&["properties", "configuration", "secrets"]).map(|value| &mut value.data)
    {
        secrets.retain(|secret| secret.text_at(&["name"]) != Some(name));
    }
}

/// `configuration` and `template` stand below `properties` in ARM.
fn in_arm_shape(fragment: &Value) -> Value {
    let Data::Map(members) = &fragment.data else {
        return fragment.clone();
    };
    let mut top = IndexMap::new();
    let mut properties = IndexMap::new();
    for (name, value) in members {
        match name.as_str() {
            "configuration" | "template" => properties.insert(name.clone(), value.clone()),
            _ => top.insert(name.clone(), value.clone()),
        };
    }
    if !properties.is_empty() {
        top.insert("properties".to_owned(), Value::new(Data::Map(properties)));
    }
    Value { data: Data::Map(top), marks: fragment.marks }
}
