//! A saved plan: what somebody approved, as a file that travels.
//!
//! It is an approval and no instructions. Whoever applies it names recipes, inputs and target as always; everything
//! is observed and planned anew, and the run goes on only if the result is what the file says. Nothing in the file is
//! ever sent, looked up or written: it is only compared.
//!
//! It holds no secret and no value of others. These stand there as marks, so that a secret that has another value by
//! now cannot be seen by it; and since it travels between machines, no key of one of them could tell either. The
//! digest finds what was damaged or edited by mistake. It is no signature: whoever may write the file may approve.

mod compare;
mod encode;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Plan, Rollout, Selection, Stage, Target};
use crate::azure::types::Consequence;
use crate::recipe::{BoundValue, InputOrigin, Instance, Origin};

pub use compare::{Refusal, Standing as SavedStanding};
use encode::encode;

/// Says that a file is ours.
const FORMAT: &str = "acarecipe-plan";

/// The one layout of it that this build reads and writes.
const VERSION: u64 = 1;

/// No plan comes near this; a larger file is none.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The version of this program: another one may plan otherwise, and may mean something else by the same words.
const TOOL: &str = env!("CARGO_PKG_VERSION");

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    format: String,
    version: u64,
    /// The version of the program that saved it.
    pub tool: String,
    /// When. An approval does not expire: what is there counts when it is used, not the time.
    pub made_at: String,
    target: SavedTarget,
    recipes: Vec<SavedRecipe>,
    /// Whether a change that was rolled out and taken back is tried again (`--retry`).
    retry: bool,
    /// The writes, in order, and what follows from each. Once something of them is in place, what is left has to be
    /// some of them.
    writes: Vec<SavedWrite>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    rollout: Option<SavedRollout>,
    /// What is approved, property by property.
    changes: Vec<SavedChange>,
    /// Over all of the above.
    digest: String,
}

/// Where a plan may be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedTarget {
    sandbox: bool,
    cloud: String,
    endpoint: String,
    /// Null while nobody had told it.
    tenant: Option<String>,
    subscription: String,
    resource_group: String,
    app: Option<String>,
    environment: Option<String>,
    container: Option<String>,
    location: Option<String>,
}

/// One instance of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedRecipe {
    /// As a caller types it: `recipe` or `recipe=alias`.
    name: String,
    /// Whether the caller asked for it; else others require it.
    asked: bool,
    built_in: bool,
    /// Of its file and the tables beside it.
    digest: String,
    /// What was given from outside, secrets as marks. Defaults are the recipe's.
    inputs: BTreeMap<String, Json>,
}

/// One write, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedWrite {
    what: String,
    follows: Vec<String>,
}

/// How the one new revision is put into service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedRollout {
    label: String,
    serving: String,
    /// Null while it is not known.
    candidate: Option<String>,
    bake_seconds: u64,
    rolls_back: bool,
    /// Who gets what of the traffic.
    traffic: String,
    stages: Vec<String>,
}

/// One approved change of one property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SavedChange {
    resource: String,
    path: String,
    before: Json,
    after: Json,
}

/// What a command line asks for, as far as a saved plan is about it.
#[derive(Clone, Copy, Debug)]
pub struct SavedFor<'a> {
    /// The recipes with their inputs.
    pub selection: &'a Selection,
    /// What they work on.
    pub target: &'a Target,
    /// Whether that is in the sandbox.
    pub sandbox: bool,
    /// The URL of Azure Resource Manager.
    pub endpoint: &'a str,
    /// The tenant, when anybody has told it.
    pub tenant: Option<&'a str>,
    /// `--retry`.
    pub retry: bool,
}

/// Why a file is not taken for a saved plan, or not for one of this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is longer than any.
    #[error("is no saved plan: it is longer than {} MiB", MAX_BYTES / 1024 / 1024)]
    TooLong,
    /// It ends before its end.
    #[error("is cut off, or empty: it ends in the middle")]
    CutOff,
    /// It is no JSON.
    #[error("is no saved plan, or a damaged one: it is not JSON")]
    NotJson,
    /// It is something else.
    #[error("is no saved plan")]
    Foreign,
    /// Its layout is another one.
    #[error("has the format {version} of saved plans; this acarecipe reads format {VERSION}")]
    OtherFormat {
        /// Its layout.
        version: String,
    },
    /// Another version of the program saved it.
    #[error("was saved by acarecipe {tool}; this is {TOOL}, which may plan otherwise")]
    OtherTool {
        /// That version.
        tool: String,
    },
    /// It says something else than what was saved.
    #[error("was changed after it was saved: its digest does not fit what it says")]
    Changed,
}

impl SavedPlan {
    /// The approval of `plan`, made at `at` for what a command line asks for. `words`: what each of the plan's
    /// writes does.
    pub fn of(asked: SavedFor<'_>, plan: &Plan, words: &[String], at: OffsetDateTime) -> SavedPlan {
        let mut saved = SavedPlan { made_at: stamp(at), ..SavedPlan::asked(asked) };
        let writes = plan.writes.iter().zip(words).filter(|(write, _)| write.wait(&plan.steps).is_none());
        saved.writes = writes
            .map(|(write, what)| SavedWrite {
                what: what.clone(),
                follows: write.consequences.iter().map(|one| word(*one).to_owned()).collect(),
            })
            .collect();
        saved.rollout = plan.rollout.as_ref().map(rollout);
        let changes = plan.approval().into_iter().map(|((resource, path), approved)| SavedChange {
            resource,
            path,
            before: encode(&approved.before),
            after: encode(&approved.after),
        });
        saved.changes = changes.collect();
        saved.digest = saved.made_digest();
        saved
    }

    /// What a command line asks for, without a plan.
    fn asked(asked: SavedFor<'_>) -> SavedPlan {
        let SavedFor { selection, target, sandbox, endpoint, tenant, retry } = asked;
        let known = |text: &Option<String>| text.clone();
        SavedPlan {
            format: FORMAT.to_owned(),
            version: VERSION,
            tool: TOOL.to_owned(),
            made_at: String::new(),
            target: SavedTarget {
                sandbox,
                cloud: target.cloud.name.clone(),
                endpoint: endpoint.to_owned(),
                tenant: tenant.map(str::to_owned),
                subscription: target.subscription.clone(),
                resource_group: target.resource_group.clone(),
                app: target.has_app().then(|| target.app.clone()),
                environment: known(&target.environment),
                container: known(&target.container),
                location: known(&target.location),
            },
            recipes: selection.instances.iter().map(|instance| recipe(selection, instance)).collect(),
            retry,
            writes: Vec::new(),
            rollout: None,
            changes: Vec::new(),
            digest: String::new(),
        }
    }

    /// Reads what [`SavedPlan::to_text`] wrote.
    ///
    /// # Errors
    /// It is no saved plan, not whole, not as it was saved, or not of this version of the program.
    pub fn parse(bytes: &[u8]) -> Result<SavedPlan, Unusable> {
        let document = document(bytes)?;
        let text = |key: &str| document.get(key).and_then(Json::as_str).map(str::to_owned);
        match document.get("version") {
            Some(version) if version.as_u64() == Some(VERSION) => {}
            version => {
                let version = version.map_or_else(|| "none".to_owned(), Json::to_string);
                return Err(Unusable::OtherFormat { version });
            }
        }
        if let Some(tool) = text("tool").filter(|tool| tool != TOOL) {
            return Err(Unusable::OtherTool { tool });
        }
        // From the text again: a member that stands there twice is none of ours.
        let saved: SavedPlan = serde_json::from_slice(bytes).map_err(|_| Unusable::Changed)?;
        if saved.digest == saved.made_digest() { Ok(saved) } else { Err(Unusable::Changed) }
    }

    /// Whether these bytes are a saved plan, of whatever layout and however damaged: one may take its place.
    pub fn is_one(bytes: &[u8]) -> bool {
        document(bytes).is_ok()
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{text}\n")
    }

    /// How many changes of properties it approves.
    pub fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Whether it approves a rollout, and with it that what fails there is taken back.
    pub fn rolls_out(&self) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| !rollout.stages.is_empty())
    }

    fn made_digest(&self) -> String {
        let bare = SavedPlan { digest: String::new(), ..self.clone() };
        digest([serde_json::to_vec(&bare).unwrap_or_default()])
    }
}

/// The JSON of a file that says that it is a saved plan.
fn document(bytes: &[u8]) -> Result<Json, Unusable> {
    if bytes.len() > MAX_BYTES {
        return Err(Unusable::TooLong);
    }
    let document: Json = serde_json::from_slice(bytes)
        .map_err(|error| if error.is_eof() { Unusable::CutOff } else { Unusable::NotJson })?;
    match document.get("format").and_then(Json::as_str) {
        Some(FORMAT) => Ok(document),
        _ => Err(Unusable::Foreign),
    }
}

fn recipe(selection: &Selection, instance: &Instance) -> SavedRecipe {
    let recipe = &instance.recipe;
    let mut parts = vec![recipe.source.text.clone().into_bytes()];
    for table in recipe.data.values() {
        parts.push(table.file.value.clone().into_bytes());
        parts.push(table.value.to_string().into_bytes());
    }
    let given =
        selection.inputs.of(&instance.alias).into_iter().flatten().filter_map(|(name, input)| {
            match (&input.value, &input.origin) {
                (_, InputOrigin::Default | InputOrigin::Requirement(_)) => None,
                (BoundValue::Given(value), _) => Some((name.clone(), encode(value))),
                _ => None,
            }
        });
    SavedRecipe {
        name: instance.asked_as(),
        asked: instance.asked,
        built_in: matches!(recipe.origin, Origin::BuiltIn),
        digest: digest(parts),
        inputs: given.collect(),
    }
}

fn rollout(rollout: &Rollout) -> SavedRollout {
    SavedRollout {
        label: rollout.label.clone(),
        serving: rollout.serving.clone(),
        candidate: rollout.name().map(str::to_owned),
        bake_seconds: rollout.bake.as_secs(),
        rolls_back: rollout.rolls_back,
        traffic: rollout.traffic.to_string(),
        stages: rollout.stages.iter().map(stage).collect(),
    }
}

/// A stage, without the candidate's name: that may be known later than the stage is.
fn stage(stage: &Stage) -> String {
    match stage {
        Stage::Again => "set the traffic again".to_owned(),
        Stage::Label => "label the candidate".to_owned(),
        Stage::Shift(weight) => format!("give the candidate {weight} %"),
        Stage::Retire(name) => format!("deactivate {name}"),
    }
}

fn word(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::NewRevision => "new revision",
        Consequence::RestartUsers => "restarts revisions that use it",
        Consequence::RestartAll => "restarts all active revisions",
        Consequence::NextStart => "taken up at the next start",
    }
}

fn stamp(at: OffsetDateTime) -> String {
    let second = at.replace_nanosecond(0).unwrap_or(at);
    second.format(&Rfc3339).unwrap_or_default()
}

/// One digest of several parts, however they are cut.
fn digest(parts: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
