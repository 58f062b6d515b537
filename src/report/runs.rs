//! What `runs` tells of a journal.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::azure::roles;
use crate::journal::entry::{Answer, Instance, OwnedPath};
use crate::journal::{Fate, Journal, Kept, Written};
use crate::value::strip_control;

/// One run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Its id.
    pub id: String,
    /// When it began (RFC 3339, UTC).
    pub at: String,
    /// `apply` or `undo`.
    pub command: String,
    /// How it ended: the `status` of its own report; `running`; `cut-off` when it was killed.
    pub status: String,
    /// Where it worked.
    pub target: RunTargetReport,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Its recipes.
    pub recipes: Vec<RunRecipeReport>,
    /// The writes that were planned.
    pub planned: Vec<String>,
    /// The writes that were sent, in order.
    pub writes: Vec<RunWriteReport>,
    /// New revisions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<String>,
    /// Revisions that still ran with an old secret when it ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_restart: Vec<String>,
    /// The run that it put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The interrupted run that it went on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
    /// The run that went on from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_by: Option<String>,
    /// What can be done now, a command each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
}

/// Where a run worked.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTargetReport {
    /// Whether it was the sandbox.
    pub sandbox: bool,
    /// The host of the ARM endpoint.
    pub endpoint: String,
    /// The subscription's GUID.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The environment, where the caller named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// A recipe of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRecipeReport {
    /// The recipe.
    pub recipe: String,
    /// Its alias.
    #[serde(rename = "as")]
    pub alias: String,
    /// Whether the caller asked for it.
    pub asked: bool,
    /// What it was given; `(hidden)` for what is not kept.
    pub with: Map<String, Json>,
}

/// A write of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunWriteReport {
    /// What it did, in a few words.
    pub what: String,
    /// `done`, `accepted` (its end was not seen), `failed`, `refused`, `unanswered`.
    pub outcome: &'static str,
    /// Azure's code, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The method.
    pub method: String,
    /// The path it was sent to.
    pub resource: String,
    /// Whether nothing was there.
    pub create: bool,
    /// What it changed.
    pub changes: Vec<RunChangeReport>,
}

/// A property that a write changed.
#[derive(Clone, Debug, Serialize)]
pub struct RunChangeReport {
    /// Where.
    pub path: String,
    /// What was there.
    pub before: Json,
    /// What was wanted.
    pub after: Json,
}

impl RunReport {
    /// The report of a journal; `running`: its process is at work.
    pub fn new(journal: &Journal, running: bool) -> RunReport {
        let run = &journal.run;
        let clean = |text: &Option<String>| text.as_deref().map(strip_control);
        let status = match journal.end() {
            Some(end) => strip_control(&end.status),
            None if running => "running".to_owned(),
            None => "cut-off".to_owned(),
        };
        RunReport {
            id: strip_control(&run.id),
            at: seconds(run.at).format(&Rfc3339).unwrap_or_default(),
            command: strip_control(&run.command),
            status,
            target: RunTargetReport {
                sandbox: run.target.sandbox,
                endpoint: strip_control(&run.target.endpoint),
                subscription: strip_control(&run.target.subscription),
                resource_group: strip_control(&run.target.resource_group),
                app: clean(&run.target.app),
                environment: clean(&run.target.environment),
            },
            caller: clean(&run.caller),
            recipes: run.recipes.iter().map(recipe).collect(),
            planned: run.planned.iter().map(|what| strip_control(what)).collect(),
            writes: journal.writes().iter().map(write).collect(),
            revisions: journal.revisions().into_iter().map(strip_control).collect(),
            to_restart: journal.to_restart().iter().map(|name| strip_control(name)).collect(),
            undoes: clean(&run.undoes),
            continues: clean(&run.continues),
            continued_by: journal.end().and_then(|end| clean(&end.continued_by)),
            next: Vec::new(),
        }
    }

    /// Where it worked, for people: `rg-demo/ca-demo`.
    pub fn place(&self) -> String {
        let target = &self.target;
        let within = target.app.as_ref().or(target.environment.as_ref());
        let within = within.map(|name| format!("/{name}")).unwrap_or_default();
        let sandbox = if target.sandbox { " [sandbox]" } else { "" };
        format!("{}{within}{sandbox}", target.resource_group)
    }
}

fn recipe(instance: &Instance) -> RunRecipeReport {
    RunRecipeReport {
        recipe: strip_control(&instance.recipe),
        alias: strip_control(&instance.alias),
        asked: instance.asked,
        with: instance.with.iter().map(|(name, kept)| (strip_control(name), shown(kept))).collect(),
    }
}

fn write(written: &Written<'_>) -> RunWriteReport {
    let before = written.before;
    let outcome = match written.fate() {
        Fate::Taken if written.open_operation().is_some() => "accepted",
        Fate::Taken => "done",
        Fate::TakenAndFailed => "failed",
        Fate::Refused => "refused",
        Fate::Unanswered => "unanswered",
    };
    let code = written.done.and_then(|done| done.code.clone()).or(match written.answer {
        Some(Answer::Failed(failed)) => failed.code.clone(),
        _ => None,
    });
    let changes = before.owned.iter().flat_map(|owned| {
        grant(owned).unwrap_or_else(|| {
            vec![RunChangeReport {
                path: strip_control(&owned.path),
                before: shown(&owned.before),
                after: shown(&owned.after),
            }]
        })
    });
    RunWriteReport {
        what: strip_control(&before.what),
        outcome,
        code: code.as_deref().map(strip_control),
        method: strip_control(&before.method),
        resource: strip_control(&before.path),
        create: before.create,
        changes: changes.collect(),
    }
}

/// Of a role assignment role and principal, as the plan has them.
fn grant(owned: &OwnedPath) -> Option<Vec<RunChangeReport>> {
    let (before, after) = (assignment(&owned.before), assignment(&owned.after));
    if before.is_none() && after.is_none() {
        return None;
    }
    let one = |path: &str, part: fn(&(Json, Json)) -> &Json| {
        let of = |side: &Option<(Json, Json)>| side.as_ref().map_or(Json::Null, |side| part(side).clone());
        RunChangeReport { path: path.to_owned(), before: of(&before), after: of(&after) }
    };
    Some(vec![one("role", |(role, _)| role), one("principal", |(_, principal)| principal)])
}

/// The role by its name, where it is built in, and the principal of an assignment's properties.
fn assignment(kept: &Kept) -> Option<(Json, Json)> {
    let Kept::Value(value) = kept else { return None };
    // As a whole or as its properties.
    let of = value.get("properties").unwrap_or(value);
    let role = of.get("roleDefinitionId")?.as_str()?;
    let principal = of.get("principalId")?.as_str()?;
    let guid = role.rsplit('/').next().unwrap_or(role);
    let role = roles::find(guid).map_or_else(|| strip_control(role), |(name, _)| name.to_owned());
    Some((Json::from(role), Json::from(strip_control(principal))))
}

/// The same moment, as exact as people need it.
fn seconds(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}

fn shown(kept: &Kept) -> Json {
    match kept {
        Kept::Absent => Json::Null,
        Kept::Value(value) => clean(value),
        Kept::Hidden(_) => Json::from("(hidden)"),
        Kept::Unknown => Json::from("(not known then)"),
    }
}

/// JSON without control characters.
fn clean(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::from(strip_control(text)),
        Json::Array(elements) => elements.iter().map(clean).collect(),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(name, value)| (strip_control(name), clean(value))).collect())
        }
        other => other.clone(),
    }
}
