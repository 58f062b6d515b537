//! The frozen JSON shape of what a run tells (`-o json`). Keys are only ever added; text output is
//! rendered from the same values. Every value in it is redacted: `(sensitive)`, `(existing value)`
//! and `(known after apply)` stand for what nobody may see or knows yet.

mod by_hand;
mod cases;
mod changes;
mod fleet;
mod permissions;
mod rights;
mod rollout;
mod runs;
mod scaffold;
mod standing;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, json};
use crate::execute::Applied;
use crate::plan::{Finding, Plan, Status};
use crate::recipe::Instance;
use crate::value::{Redacted, strip_control};

pub use by_hand::ByHandReport;
pub use cases::{CaseReport, CaseRunReport};
pub use changes::{Action, Leaf, PlanReport, Sign, WriteReport};
pub use fleet::{AppRow, FleetCounts, FleetReport};
pub use permissions::{ActionReport, PermissionReport};
pub use rights::{RightNeeded, rights};
pub use rollout::{RolloutReport, StageReport, TrafficReport};
pub use runs::{RunChangeReport, RunRecipeReport, RunReport, RunTargetReport, RunWriteReport};
pub use scaffold::{ScaffoldReport, ScaffoldedFile};
pub use standing::StandingReport;

/// The version of the shape.
pub const FORMAT: u32 = 1;

/// How a command ended; one word for each exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// 0: everything holds.
    Ok,
    /// 1: Azure refused or could not be asked, or the run was stopped by what it found.
    Failed,
    /// 2: the command line or a recipe is wrong.
    Usage,
    /// 3: prerequisites or inputs are missing; nothing was written.
    PrerequisitesMissing,
    /// 4: a verification failed, also after writes that worked.
    VerificationFailed,
    /// 5: changes were found (`plan --exit-code`).
    ChangesFound,
    /// 6: a new revision failed, and the traffic was put back; or the run failed, and all it wrote was put back.
    RolledBack,
    /// 130: interrupted (SIGINT).
    Interrupted,
    /// 143: terminated (SIGTERM).
    Terminated,
}

impl Ending {
    /// The word that the JSON has for it.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Ok => "ok",
            Ending::Failed => "failed",
            Ending::Usage => "usage",
            Ending::PrerequisitesMissing => "prerequisites-missing",
            Ending::VerificationFailed => "verification-failed",
            Ending::ChangesFound => "changes-found",
            Ending::RolledBack => "rolled-back",
            Ending::Interrupted => "interrupted",
            Ending::Terminated => "terminated",
        }
    }

    /// All of them, the worst first: what may leave something half done before what did nothing, and what is wrong
    /// in Azure before what is wrong with the command.
    pub const WORST_FIRST: [Ending; 9] = [
        Ending::Terminated,
        Ending::Interrupted,
        Ending::Failed,
        Ending::RolledBack,
        Ending::VerificationFailed,
        Ending::PrerequisitesMissing,
        Ending::Usage,
        Ending::ChangesFound,
        Ending::Ok,
    ];

    /// The worse of the two, by [`Ending::WORST_FIRST`].
    #[must_use]
    pub fn or_worse(self, other: Ending) -> Ending {
        Ending::WORST_FIRST.into_iter().find(|one| [self, other].contains(one)).unwrap_or(self)
    }

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Ending::Ok => 0,
            Ending::Failed => 1,
            Ending::Usage => 2,
            Ending::PrerequisitesMissing => 3,
            Ending::VerificationFailed => 4,
            Ending::ChangesFound => 5,
            Ending::RolledBack => 6,
            Ending::Interrupted => 130,
            Ending::Terminated => 143,
        }
    }
}

/// Where a run works, and as whom.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// `AzureCloud`, …
    pub cloud: String,
    /// The tenant's GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The subscription's GUID.
    pub subscription: String,
    /// Where the subscription came from (`--subscription`, `$AZURE_SUBSCRIPTION_ID`, az).
    pub subscription_from: String,
    /// The resource group.
    pub resource_group: String,
    /// The app; null in a run that works on none.
    pub app: Option<String>,
    /// The environment that a run without an app works on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Who is calling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// One judgement.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The recipe's instance, if it is a recipe's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The stable code.
    pub code: &'static str,
    /// What was looked at.
    pub name: String,
    /// `passed`, `warning`, `failed`, `not-exercised`, `could-not-check`, `action-required`.
    pub status: &'static str,
    /// What was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The place it points to: `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// A documentation page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Only the sandbox's word for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

impl Check {
    /// The report of a finding; `simulated` for a verification in the sandbox.
    pub fn new(finding: &Finding, simulated: bool) -> Check {
        let clean = |text: &Option<String>| text.as_deref().map(strip_control);
        Check {
            recipe: finding.instance.clone(),
            code: finding.code.0,
            name: strip_control(&finding.name),
            status: word(finding.status),
            detail: clean(&finding.detail),
            fix: clean(&finding.fix),
            at: clean(&finding.at),
            docs: clean(&finding.docs),
            simulated,
        }
    }
}

/// The word for how a judgement ended.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Warning => "warning",
        Status::Failed => "failed",
        Status::NotExercised => "not-exercised",
        Status::CouldNotCheck => "could-not-check",
        Status::ActionRequired => "action-required",
    }
}

/// One instance of a recipe.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceReport {
    /// Its name as everything else in the report has it: hyphens are underscores.
    pub name: String,
    /// Its name as a caller types it.
    pub typed: String,
    /// The recipe.
    pub recipe: String,
    /// Whether the caller asked for it; else others require it.
    pub asked: bool,
    /// The instances that require it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_by: Vec<String>,
}

impl From<&Instance> for InstanceReport {
    fn from(instance: &Instance) -> InstanceReport {
        InstanceReport {
            name: instance.alias.clone(),
            typed: instance.name().to_owned(),
            recipe: instance.recipe.name.value.clone(),
            asked: instance.asked,
            required_by: instance.required_by.iter().map(|(by, _)| by.clone()).collect(),
        }
    }
}

/// An instance's name as a caller types it.
pub fn typed<'n>(instances: &'n [InstanceReport], name: &'n str) -> &'n str {
    instances.iter().find(|one| one.name == name).map_or(name, |one| one.typed.as_str())
}

/// What a run did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedReport {
    /// Accepted writes, in order.
    pub writes: Vec<String>,
    /// New revisions.
    pub revisions: Vec<String>,
    /// Who gets what of the traffic, where a rollout shifted it: as it saw it last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficReport>,
}

impl From<&Applied> for AppliedReport {
    fn from(applied: &Applied) -> AppliedReport {
        AppliedReport {
            writes: applied.writes.iter().map(|write| strip_control(&write.what)).collect(),
            revisions: applied.revisions.iter().map(|name| strip_control(name)).collect(),
            traffic: applied.traffic.iter().flat_map(TrafficReport::of).collect(),
        }
    }
}

/// What a run cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Requests sent, every try counted.
    pub requests: u64,
    /// Reads of the first look (before any write or wait).
    pub reads: usize,
    /// Rounds of those reads that depended on each other.
    pub rounds: usize,
    /// Accepted writes.
    pub writes: usize,
    /// New revisions.
    pub revisions: usize,
}

/// The whole of what a command tells.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`FORMAT`].
    pub format_version: u32,
    /// The command.
    pub command: &'static str,
    /// How it ended.
    pub status: Ending,
    /// The exit code.
    pub exit_code: u8,
    /// Whether it ran against the sandbox.
    pub sandbox: bool,
    /// The id under which the run is in the journal; none where it wrote nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Where it worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetReport>,
    /// The recipes asked for.
    pub recipes: Vec<String>,
    /// The instances that take part, also those that others require.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<InstanceReport>,
    /// What had to hold first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prerequisites: Vec<Check>,
    /// What the caller needs to be allowed to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionReport>,
    /// What would change, or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,
    /// The file that the plan was saved in, or that approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_file: Option<String>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<AppliedReport>,
    /// The undo that `apply --on-failure` made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Box<Report>>,
    /// The command that puts the run back, for people.
    #[serde(skip)]
    pub undo: Option<String>,
    /// What was found afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verification: Vec<Check>,
    /// What is left to a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action_required: Vec<ByHandReport>,
    /// The app by the catalogue's query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<Json>,
    /// The reports of a command's apps, in their order, where it named several or all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apps: Option<Vec<Report>>,
    /// The health of many apps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetReport>,
    /// Outputs by instance.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, IndexMap<String, Json>>,
    /// What to do next, by instance.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub notes: IndexMap<String, String>,
    /// Cases of `test`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseReport>,
    /// The journal, newest first: of `runs` and `runs show`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunReport>,
    /// What `scaffold` wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaffold: Option<ScaffoldReport>,
    /// Errors and warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Json>,
    /// What it cost.
    pub counts: Counts,
    /// ARM's correlation id of the run, for a support ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

impl Report {
    /// An empty report of a command that ended well.
    pub fn new(command: &'static str, sandbox: bool) -> Report {
        Report {
            format_version: FORMAT,
            command,
            status: Ending::Ok,
            exit_code: 0,
            sandbox,
            run: None,
            target: None,
            recipes: Vec::new(),
            instances: Vec::new(),
            prerequisites: Vec::new(),
            permissions: Vec::new(),
            plan: None,
            plan_file: None,
            applied: None,
            rollback: None,
            undo: None,
            verification: Vec::new(),
            action_required: Vec::new(),
            app: None,
            apps: None,
            fleet: None,
            outputs: IndexMap::new(),
            notes: IndexMap::new(),
            cases: Vec::new(),
            runs: Vec::new(),
            scaffold: None,
            diagnostics: Vec::new(),
            counts: Counts::default(),
            correlation_id: None,
        }
    }

    /// What is kept of the report of one of many apps where nobody wants the document: how it ended, its counts, and by
    /// which id Azure knows it.
    #[must_use]
    pub fn outline(self) -> Report {
        Report {
            target: self.target,
            status: self.status,
            exit_code: self.exit_code,
            counts: self.counts,
            applied: self.applied,
            correlation_id: self.correlation_id,
            ..Report::new(self.command, self.sandbox)
        }
    }

    /// Takes over the reports of a command's apps: what they cost together is counted here.
    pub fn take_apps(&mut self, apps: Vec<Report>) {
        for app in &apps {
            self.counts.reads += app.counts.reads;
            self.counts.rounds = self.counts.rounds.max(app.counts.rounds);
            self.counts.writes += app.counts.writes;
            self.counts.revisions += app.counts.revisions;
        }
        self.apps = Some(apps);
    }

    /// Sets how it ended.
    pub fn end(&mut self, ending: Ending) {
        self.status = ending;
        self.exit_code = ending.code();
    }

    /// Takes over errors and warnings.
    pub fn diagnose<'d>(&mut self, diagnostics: impl IntoIterator<Item = &'d Diagnostic>) {
        self.diagnostics.extend(diagnostics.into_iter().map(json::to_json));
    }

    /// Takes over what a plan says of outputs and notes.
    pub fn conclude(&mut self, plan: &Plan) {
        self.outputs = plan
            .outputs
            .iter()
            .map(|(instance, outputs)| {
                let outputs = outputs
                    .iter()
                    .filter(|(_, value)| !value.is_null() && !value.is_unknown())
                    .map(|(name, value)| (name.clone(), Redacted(value).to_json()))
                    .collect();
                (instance.clone(), outputs)
            })
            .collect();
        self.notes =
            plan.notes.iter().map(|(instance, text)| (instance.clone(), strip_control(text))).collect();
    }
}
