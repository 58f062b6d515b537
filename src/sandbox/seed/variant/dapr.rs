//! Variants with Dapr: components of the seeded environment, and the app's sidecar.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::environment_id;
use super::with_app;
use crate::sandbox::state::{DaprComponent, State};

/// A component as a variant gives it; empty members are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Component<'a> {
    /// Its name.
    pub name: &'a str,
    /// `state.redis`.
    pub kind: &'a str,
    /// App ids, with commas; none: everybody.
    pub scopes: &'a str,
    /// `name=value` with commas; `name=@secret` refers to a secret.
    pub metadata: &'a str,
    /// `name=value` with commas.
    pub secrets: &'a str,
    /// The component that its secrets come from.
    pub store: &'a str,
    /// Why what it stands for does not let it in.
    pub unreachable: &'a str,
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    words(text).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The id of a component of the seeded environment.
pub fn component_id(name: &str) -> String {
    format!("{}/daprComponents/{name}", environment_id())
}

/// A component of the environment.
pub fn component(state: &mut State, given: Component<'_>) {
    let mut properties = json!({ "componentType": given.kind, "version": "v1", "ignoreErrors": false });
    let metadata: Vec<Json> = pairs(given.metadata)
        .map(|(name, value)| match value.strip_prefix('@') {
            Some(secret) => json!({ "name": name, "secretRef": secret }),
            None => json!({ "name": name, "value": value }),
        })
        .collect();
    properties["metadata"] = json!(metadata);
    let values: BTreeMap<String, String> =
        pairs(given.secrets).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if !values.is_empty() {
        properties["secrets"] = values.keys().map(|name| json!({ "name": name })).collect();
    }
    if !given.store.is_empty() {
        properties["secretStoreComponent"] = json!(given.store);
    }
    let scopes: Vec<&str> = words(given.scopes).collect();
    if !scopes.is_empty() {
        properties["scopes"] = json!(scopes);
    }
    let unreachable = Some(given.unreachable).filter(|why| !why.is_empty()).map(str::to_owned);
    state.add_dapr_component(DaprComponent {
        id: component_id(given.name),
        properties,
        values,
        policies: BTreeMap::new(),
        unreachable,
    });
}

/// The app's sidecar on, under this app id.
pub fn dapr_on(state: &mut State, app_id: &str) {
    with_app(state, |app| {
        app.model["properties"]["configuration"]["dapr"] =
            json!({ "enabled": true, "appId": app_id, "appPort": 8000, "appProtocol": "http" });
    });
}

/// Another app of the environment, as the seeded one is, with its sidecar on under this app id.
pub fn dapr_app(state: &mut State, name: &str, app_id: &str) {
    let Some(mut app) = state.app(super::APP).cloned() else { return };
    let at = app.id.len() - super::APP.len();
    app.id = format!("{}{name}", app.id.get(..at).unwrap_or_default());
    app.model["properties"]["configuration"]["dapr"] =
        json!({ "enabled": true, "appId": app_id, "appPort": 8000 });
    for revision in &mut app.revisions {
        revision.name = format!("{name}--first01");
    }
    app.latest_ready = app.revisions.last().map(|revision| revision.name.clone());
    state.apps.insert(crate::sandbox::state::fold(&app.id), app);
}
