//! From a merged resource to the smallest body that makes it so.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::normalise::{common_name, equal, word_set};
use crate::azure::types::{Compare, ResourceType, Update};
use crate::value::{Data, Origin, Path, Value};

/// The member of an identity that has those of a user's making.
const ASSIGNED: &str = "userAssignedIdentities";

/// A request body, still without the secret values that only `listSecrets` can give. Its `Debug` form
/// leaves out the JSON, which may hold secrets.
#[derive(Clone, PartialEq)]
pub struct Body {
    /// The JSON to send. It may hold secrets: never shown or stored.
    pub json: Json,
    /// Names of secrets that must be sent back with the value `listSecrets` returns, because the
    /// array is replaced whole and a stored value is not kept (`ContainerAppSecretInvalid`,
    /// microsoft/azure-container-apps#259).
    pub resend: Vec<String>,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("resend", &self.resend).finish_non_exhaustive()
    }
}

/// What a write sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sending {
    /// The body. `None`: nothing differs, or a part is still unknown.
    pub body: Option<Body>,
    /// What the unknown parts wait for.
    pub waits_for: BTreeSet<Origin>,
}

/// The body that turns `live` into `merged`: a merge patch where the type is patched, else the whole
/// resource.
pub fn body_for(kind: &ResourceType, live: &Value, merged: &Value) -> Sending {
    let mut writer = Writer { kind, resend: Vec::new(), known: true, waits_for: BTreeSet::new() };
    let json = if live.is_null() || kind.update == Update::Put {
        Some(writer.whole(&Path::root(), merged))
    } else {
        writer.patch(&Path::root(), live, merged).map(|mut patch| {
            drop_old_suffix(live, &mut patch);
            patch
        })
    };
    let Writer { resend, known, waits_for, .. } = writer;
    let body = json.filter(|_| known).map(|json| Body { json, resend });
    Sending { body, waits_for }
}

/// A suffix left in the template collides with the revision that already has it; null removes it
/// (as Azure/azure-cli sends it).
fn drop_old_suffix(live: &Value, patch: &mut Json) {
    let old = live.text_at(&["properties", "template", "revisionSuffix"]);
    let template = patch.pointer_mut("/properties/template").and_then(Json::as_object_mut);
    if let (Some(_), Some(template)) = (old, template) {
        template.entry("revisionSuffix").or_insert(Json::Null);
    }
}

struct Writer<'a> {
    kind: &'a ResourceType,
    resend: Vec<String>,
    /// Whether everything in it is.
    known: bool,
    waits_for: BTreeSet<Origin>,
}

impl Writer<'_> {
    /// `None`: nothing differs.
    fn patch(&mut self, path: &Path, live: &Value, merged: &Value) -> Option<Json> {
        // What means the same is not sent: what runs may be spelled otherwise than what the app shows.
        if equal(self.kind, path, live, merged) {
            return None;
        }
        if let (Data::Map(have), Data::Map(want)) = (&live.data, &merged.data) {
            // The service may replace the identity whole: sending only one type drops the other.
            if path.pattern() == "identity" {
                return Some(self.identity(path, have, merged));
            }
            let mut members = Map::new();
            for (key, value) in want {
                let before = have.get(key).cloned().unwrap_or_else(Value::null);
                if let Some(json) = self.patch(&path.key(key), &before, value) {
                    members.insert(key.clone(), json);
                }
            }
            for key in have.keys().filter(|key| !want.contains_key(*key)) {
                members.insert(key.clone(), Json::Null);
            }
            return (!members.is_empty()).then_some(Json::Object(members));
        }
        if merged.is_null() {
            return Some(Json::Null);
        }
        Some(self.whole(path, merged))
    }

    /// The whole identity. One that is to go is named with null, since the service may merge what it is sent.
    fn identity(&mut self, path: &Path, have: &IndexMap<String, Value>, merged: &Value) -> Json {
        let mut json = self.whole(path, merged);
        if merged.text_at(&["type"]).is_none_or(|words| word_set(words).is_empty()) {
            return json!({ "type": "None" });
        }
        let kept = |id: &str| {
            let all = merged.get(ASSIGNED).and_then(Value::as_map);
            all.is_some_and(|all| all.keys().any(|other| other.eq_ignore_ascii_case(id)))
        };
        let before = have.get(ASSIGNED).and_then(Value::as_map).into_iter().flatten();
        let gone: Vec<&String> = before.map(|(id, _)| id).filter(|id| !kept(id)).collect();
        if let (Some(members), false) = (json.as_object_mut(), gone.is_empty()) {
            let map = members.entry(ASSIGNED).or_insert_with(|| json!({}));
            for id in gone {
                map[id] = Json::Null;
            }
        }
        json
    }

    /// The value as it is sent: without read-only members and nulls (a null would remove). What is unknown
    /// stands as null, and what it waits for is noted.
    fn whole(&mut self, path: &Path, value: &Value) -> Json {
        match &value.data {
            Data::Map(members) => {
                let mut json = Map::new();
                for (key, member) in members {
                    let below = path.key(key);
                    let pattern = below.pattern();
                    let told = self.kind.fingerprints.contains(&pattern.as_str());
                    // Azure tells of an alias that is none; nothing is sent of it.
                    let empty = member.as_map().is_some_and(IndexMap::is_empty)
                        && self.kind.stand_in(&path.pattern()).is_some_and(|one| one.member() == key);
                    if member.is_null() || told || empty || self.kind.is_read_only(&pattern) {
                        continue;
                    }
                    // `{}` is what a client sends for an identity; ids in it are read-only.
                    let json_member = if path.pattern() == "identity.userAssignedIdentities" {
                        Json::Object(Map::new())
                    } else {
                        self.whole(&below, member)
                    };
                    json.insert(key.clone(), json_member);
                }
                self.complete(path, &mut json);
                Json::Object(json)
            }
            Data::List(items) => {
                let below = path.element("");
                Json::Array(items.iter().map(|item| self.whole(&below, item)).collect())
            }
            // Azure answers `SystemAssigned, UserAssigned`; its own schema has no space after the comma.
            Data::String(text) if self.kind.comparison(&path.pattern()) == Some(Compare::WordSet) => {
                Json::String(text.replace(' ', ""))
            }
            // However Azure answers it, what is asked for is the host name.
            Data::String(text) if self.kind.comparison(&path.pattern()) == Some(Compare::CommonName) => {
                Json::String(common_name(text).to_owned())
            }
            Data::Unknown(origins) => {
                self.known = false;
                self.waits_for.extend(origins.iter().cloned());
                Json::Null
            }
            _ => value.to_json().unwrap_or_default(),
        }
    }

    /// Puts back what GET leaves out but a write of the array needs.
    fn complete(&mut self, path: &Path, json: &mut Map<String, Json>) {
        match path.pattern().as_str() {
            // GET leaves out the value of a variable that is the empty string; a write that leaves it
            // out too breaks the variable (seen in the requests of Azure/azure-cli).
            "properties.template.containers[].env[]" | "properties.template.initContainers[].env[]"
                if !json.contains_key("value") && !json.contains_key("secretRef") =>
            {
                json.insert("value".to_owned(), Json::String(String::new()));
            }
            pattern if pattern.strip_suffix("[]").is_some_and(|list| self.kind.secrets() == Some(list)) => {
                let reference =
                    json.get("keyVaultUrl").and_then(Json::as_str).is_some_and(|url| !url.is_empty());
                if reference {
                    // listSecrets returns resolved values for references too: never send one back.
                    json.remove("value");
                } else if !json.contains_key("value")
                    && let Some(name) = json.get("name").and_then(Json::as_str)
                {
                    self.resend.push(name.to_owned());
                    json.remove("keyVaultUrl");
                    json.remove("identity");
                }
            }
            _ => {}
        }
    }
}
