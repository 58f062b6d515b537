//! `action` with an effect: a POST that is due, or has been sent in this run.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::Outcome;
use crate::azure::ResourceId;
use crate::azure::types::{self, ACTION};
use crate::merge::Owned;
use crate::value::{Data, Path, Value};

/// Where the body of a request is shown.
pub const BODY: &str = "body";

/// What is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// What it is sent to.
    pub resource: ResourceId,
    /// The resource's type, as in the type table.
    pub kind: &'static str,
    /// The word for the type.
    pub noun: &'static str,
    /// The action, and what is known of it.
    pub action: &'static types::Effect,
    /// The api-version.
    pub version: String,
    /// What is sent; null: nothing.
    pub body: Value,
    /// Whether it is not sent again when it is not known what became of it.
    pub never: bool,
}

impl Effect {
    /// Where it is sent to.
    pub fn path(&self) -> String {
        format!("{}/{}", self.resource, self.action.name)
    }

    /// The right that it needs: `Microsoft.App/containerApps/revisions/restart/action`.
    pub fn right(&self) -> String {
        format!("{}/{}/action", self.kind, self.action.name)
    }

    /// What it does, in a few words: `restart the revision web--1`.
    pub fn what(&self) -> String {
        format!("{} the {} {}", self.action.name, self.noun, self.resource.name())
    }

    /// What follows from it, for the plan.
    pub fn follows(&self) -> &'static str {
        if self.body.is_null() {
            self.action.follows
        } else {
            "what is sent with it, above, decides what comes of it"
        }
    }

    /// The body as JSON; `None` while a part of it is not known.
    pub fn json(&self) -> Option<Json> {
        self.body.to_json()
    }

    /// What tells it from others: two steps that want the same sent have it sent once.
    pub fn place(&self) -> String {
        let body = self.json().map(|json| json.to_string()).unwrap_or_default();
        format!("{}|{}|{body}", self.resource.folded(), self.action.name)
    }

    /// The command that shows whether it took effect; `quote` makes one word of a value for a shell.
    pub fn look(&self, quote: fn(&str) -> String) -> String {
        let parent = self.resource.parent();
        self.action
            .look
            .replace("{id}", &quote(self.resource.as_str()))
            .replace("{group}", &quote(self.resource.resource_group().unwrap_or_default()))
            .replace("{parent}", &quote(parent.as_ref().map_or("", ResourceId::name)))
            .replace("{name}", &quote(self.resource.name()))
    }
}

/// The outcome of an action that is due: to be sent.
pub fn due(key: &str, effect: Effect) -> Outcome {
    let wanted = Value::from(effect.resource.as_str());
    let result = Value::computed(key, key.to_owned());
    let mut due = outcome(effect.action.name, wanted, false, result);
    due.above = Some(effect.resource.clone());
    if !effect.body.is_null() {
        let wanted = effect.body.clone();
        let live = Value::null();
        due.owned.push(Owned { path: Path::members(BODY), live, wanted, in_place: false, default: false });
    }
    due.fragment = effect.body.clone();
    due.effect = Some(effect);
    due
}

/// The outcome of an action that was sent in this run, with its answer.
pub fn sent(name: &str, answer: Value) -> Outcome {
    outcome(name, Value::from(true), true, answer)
}

fn outcome(name: &str, wanted: Value, in_place: bool, result: Value) -> Outcome {
    let live = if in_place { wanted.clone() } else { Value::null() };
    let owned = Owned { path: Path::members(name), live: live.clone(), wanted, in_place, default: false };
    let nothing = Value::new(Data::Map(IndexMap::new()));
    Outcome { owned: vec![owned], result, ..Outcome::of(&ACTION, live, nothing) }
}
