//! A recipe as the other layers see it: every part that can be wrong knows where it stands.

mod lookup;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::azure::ResourceId;
use crate::azure::sql::Name;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::expression::{Expression, Tree};
use crate::value::{Path, Seal, Written};

pub use lookup::*;

/// A part of a recipe with the bytes of the file it was read from.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// The part.
    pub value: T,
    /// Where it stands in the recipe file.
    pub span: Span,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A string that may hold `${…}`, with its place.
pub type Expr = Spanned<Expression>;

/// The name of an input, lookup, variable, step, output or instance.
#[derive(Clone, Debug)]
pub struct Id {
    /// As expressions spell it: hyphens are underscores.
    pub name: String,
    /// As the file spells it.
    pub written: String,
    /// Where it stands in the recipe file.
    pub span: Span,
}

/// The form of a name in expressions: hyphens become underscores, because a hyphen would need
/// quotes in `JMESPath`.
pub fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// Where a recipe came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the binary.
    BuiltIn,
    /// The recipe's folder; named in every plan, because strangers may have written it.
    Folder(PathBuf),
}

/// One recipe, loaded. All lists and maps keep the file's order.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The file, for pointing into it.
    pub source: Arc<Source>,
    /// Built in, or a folder.
    pub origin: Origin,
    /// The recipe's name (`key-vault-reference`).
    pub name: Spanned<String>,
    /// One line for lists.
    pub title: String,
    /// The catalogue's group (`security & identity`).
    pub category: String,
    /// How much it asks of a reader.
    pub complexity: Complexity,
    /// The idea behind it, in a few words.
    pub concept: Option<String>,
    /// What it is good for.
    pub goals: Vec<Goal>,
    /// Documentation pages.
    pub docs: Vec<String>,
    /// What the recipe works on.
    pub target: Target,
    /// Recipes that come before it on the catalogue's map; never executed.
    pub follows: Vec<Spanned<String>>,
    /// Recipes that are planned and applied with it.
    pub requires: Vec<Requirement>,
    /// What a caller can set, by name as expressions spell it.
    pub inputs: IndexMap<String, Input>,
    /// Tables beside the recipe, by name as expressions spell it.
    pub data: IndexMap<String, DataFile>,
    /// What is read from Azure, by name as expressions spell it.
    pub existing: IndexMap<String, Lookup>,
    /// Derived values, by name as expressions spell it.
    pub variables: IndexMap<String, Definition>,
    /// What must hold before the first write.
    pub prerequisites: Vec<Check>,
    /// The desired state.
    pub steps: Vec<Step>,
    /// How the run's one new revision is put into service.
    pub rollout: Option<Rollout>,
    /// Behaviour to look at afterwards; desired state is verified by planning again.
    pub verify: Vec<Check>,
    /// What other recipes and people can use, by name as expressions spell it.
    pub outputs: IndexMap<String, Definition>,
    /// What to do next.
    pub notes: Option<Expr>,
}

impl Recipe {
    /// The step of this name, as expressions spell it.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id.name == name)
    }

    /// Every lookup: those below `existing`, then what steps wait for.
    pub fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        let waited = self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Wait(wait) => Some(&wait.lookup),
            _ => None,
        });
        self.existing.values().chain(waited)
    }

    /// The step of this name, as `after` spells it: as its `id` is written.
    pub fn step_written(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id.written == name)
    }
}

/// How much a recipe asks of a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complexity {
    /// Minutes.
    Low,
    /// Some background.
    Medium,
    /// Several ideas at once.
    High,
}

/// What a recipe is good for (`list --for`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Deployment safety.
    Safety,
    /// Security posture.
    Security,
    /// Integration velocity.
    Velocity,
}

/// What a recipe works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Target {
    /// A resource group: there is neither an app nor an environment.
    ResourceGroup,
    /// An environment of Container Apps: there is no app.
    Environment,
    /// One container app, and the environment that it is in.
    #[default]
    App,
}

impl Target {
    /// As a recipe says it.
    pub fn word(self) -> &'static str {
        match self {
            Target::ResourceGroup => "resource_group",
            Target::Environment => "environment",
            Target::App => "app",
        }
    }

    /// The widest that any of these recipes needs: a run asks for an app only if one of them does. A run without
    /// recipes looks at an app.
    pub fn of_run(instances: &[Instance]) -> Target {
        instances.iter().map(|one| one.recipe.target).max().unwrap_or_default()
    }
}

/// A recipe that is planned together with this one.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The recipe's name.
    pub recipe: Spanned<String>,
    /// The instance's name; without it the recipe's.
    pub alias: Option<Id>,
    /// Only when this holds; known at plan.
    pub when: Option<Expr>,
    /// Inputs of the required recipe, by name as expressions spell it: they stand above the
    /// recipe's own defaults and below everything a caller sets.
    pub with: IndexMap<String, Definition>,
    /// The whole entry.
    pub span: Span,
}

impl Requirement {
    /// The instance's name as expressions spell it (`managed_identity`).
    pub fn instance(&self) -> String {
        self.alias.as_ref().map_or_else(|| snake(&self.recipe.value), |alias| alias.name.clone())
    }
}

/// A named value: a variable, an output, an input of a required recipe.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub id: Id,
    /// Its value: JSON whose keys and strings are expressions; evaluated when asked for.
    pub value: Tree,
}

/// A table beside the recipe.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Its name.
    pub id: Id,
    /// The file's name, as it is written.
    pub file: Spanned<String>,
    /// What is in it; null when it could not be read, which loading reports.
    pub value: Arc<Json>,
}

/// What a caller can set.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub id: Id,
    /// The shape of its value.
    pub shape: Shape,
    /// Environment variables that set it; the first that is set counts.
    pub env: Vec<String>,
    /// Its value when nobody sets it.
    pub default: Option<Tree>,
    /// A run without it is refused.
    pub required: bool,
    /// Never on argv, never shown.
    pub secret: bool,
    /// The only values allowed; empty: any.
    pub one_of: Vec<Json>,
    /// What a string (or every string of a list or map) must match, as a whole.
    pub pattern: Option<regex_lite::Regex>,
    /// For people.
    pub description: Option<String>,
}

/// The shape of an input's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Anything (a list or map that does not say what is in it).
    Any,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Text such as `2m` (see [`super::parse_duration`]).
    Duration,
    /// A file or folder of the caller's, relative to where the command runs.
    Path,
    /// What is in a file that the caller names: text as it is, other bytes as base64.
    File,
    /// A list of this.
    List(Box<Shape>),
    /// Any keys, values of this.
    Map(Box<Shape>),
    /// Exactly these members.
    Record(IndexMap<String, Field>),
}

/// A member of a [`Shape::Record`]; written `name?: type` when it may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The shape of its value.
    pub shape: Shape,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A type of resource, with the api-version if the recipe insists on one (`Ns/type@version`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// `Namespace/type`, children as `Namespace/type/child`.
    pub kind: String,
    /// The api-version; without it the newest this program knows and the provider offers.
    pub version: Option<String>,
}

/// A judgement: a prerequisite or a verification.
#[derive(Clone, Debug)]
pub struct Check {
    /// What is looked at.
    pub kind: CheckKind,
    /// What is checked, in a few words.
    pub name: Option<Expr>,
    /// What is wrong when it does not hold.
    pub otherwise: Option<Expr>,
    /// The command that mends it.
    pub fix: Option<Expr>,
    /// Whether the run stops.
    pub severity: Severity,
    /// Why nothing has used yet what is checked; then it is not judged.
    pub not_exercised: Option<Expr>,
    /// Only when this holds; known at plan.
    pub when: Option<Expr>,
    /// Once for each member or element; known at plan.
    pub for_each: Option<Expr>,
    /// How long it is asked again until it holds: a duration as text.
    pub within: Option<Expr>,
    /// How many times in a row it has to hold: a whole number.
    pub successes: Option<Tree>,
    /// The place that the finding points to: `file:line:column`.
    pub at: Option<Expr>,
    /// A documentation page.
    pub docs: Option<String>,
    /// The whole entry.
    pub span: Span,
}

impl Check {
    /// The expression that it is known by where it has no name: its condition, or its address.
    pub fn subject(&self) -> &Expr {
        match &self.kind {
            CheckKind::That(that) => that,
            CheckKind::Http(http) => &http.url,
            CheckKind::Dns(dns) => &dns.of.name,
        }
    }

    /// The request and what is asked of its answer, if that is what it looks at.
    pub fn http(&self) -> Option<&HttpCheck> {
        match &self.kind {
            CheckKind::Http(http) => Some(http),
            CheckKind::That(_) | CheckKind::Dns(_) => None,
        }
    }
}

/// The kinds of check.
#[derive(Clone, Debug)]
pub enum CheckKind {
    /// A condition.
    That(Expr),
    /// An answer of the app.
    Http(Box<HttpCheck>),
    /// What the domain name system says of a name.
    Dns(Box<DnsCheck>),
}

/// A question to the domain name system, and what is asked of its answer.
#[derive(Clone, Debug)]
pub struct DnsCheck {
    /// The question.
    pub of: DnsLookup,
    /// What has to hold of the answer, the root `it`.
    pub expect: Expr,
}

/// A request to the app, and what is asked of its answer.
#[derive(Clone, Debug)]
pub struct HttpCheck {
    /// The https address, at one of the app's own hosts.
    pub url: Expr,
    /// `GET`, `HEAD` or `OPTIONS`: what has no effect.
    pub method: &'static str,
    /// Headers of the request: a map of texts.
    pub headers: Option<Tree>,
    /// The codes (numbers) and ranges (`200-399`) that hold: a list.
    pub status: Option<Tree>,
    /// What has to hold of the answer, the root `it`.
    pub body: Option<Expr>,
    /// How long one answer may take: a duration as text.
    pub max_time: Option<Expr>,
    /// Whether a redirect to one of the app's own hosts is followed.
    pub follow_redirects: bool,
    /// Whether it holds when the request is refused, not when it is answered.
    pub refused: bool,
    /// The host name that the server's certificate is good for.
    pub tls_name: Option<Expr>,
    /// How many days it is good for at least: a whole number.
    pub min_days: Option<Tree>,
    /// The certificate that the request shows of itself, as PEM; null: none.
    pub client_certificate: Option<Expr>,
    /// Its key, as PEM.
    pub client_key: Option<Expr>,
}

/// How the one write of a run that makes a revision is delivered: at no traffic, judged, shifted by steps.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// The label of the new revision.
    pub label: Expr,
    /// What must hold of it at every share of the traffic.
    pub checks: Vec<Check>,
    /// The shares: `[10, 50, 100]`.
    pub weights: Expr,
    /// How long each stands before it is judged: a duration as text.
    pub bake: Option<Expr>,
    /// `rollback` or `keep`.
    pub on_failure: Option<Expr>,
    /// How many replaced revisions stay active: 0 or 1.
    pub keep: Option<Expr>,
    /// The whole entry.
    pub span: Span,
}

/// One piece of desired state.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub id: Id,
    /// What it wants.
    pub kind: StepKind,
    /// Only when this holds; known at plan.
    pub when: Option<Expr>,
    /// Once for each member or element; known at plan.
    pub for_each: Option<Expr>,
    /// Steps of this recipe that must come before it, beyond those it refers to.
    pub after: Vec<Spanned<String>>,
    /// What it is for, shown in the plan.
    pub why: Option<Expr>,
    /// Steps of this recipe of which one must have written in this run; empty: it does not hang on that.
    pub triggered_by: Vec<Spanned<String>>,
    /// Refusals to be repeated.
    pub retry: Option<Retry>,
    /// Whether it is not sent again when it is not known what became of it (`retry: never`), and where that stands.
    pub never: Option<Span>,
    /// How long its operation may take.
    pub timeout: Option<Duration>,
    /// The whole entry.
    pub span: Span,
}

impl Step {
    /// A step that stands in no file: it has no place to point to.
    pub fn made(name: &str, kind: StepKind) -> Step {
        Step {
            id: Id { name: snake(name), written: name.to_owned(), span: Span::default() },
            kind,
            when: None,
            for_each: None,
            after: Vec::new(),
            why: None,
            triggered_by: Vec::new(),
            retry: None,
            never: None,
            timeout: None,
            span: Span::default(),
        }
    }
}

/// The kinds of step.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A fragment of the app: `identity`, `configuration` and `template` (both below `properties`
    /// in ARM), `tags`.
    ContainerApp(Tree),
    /// Any other ARM resource, wholly or in part.
    Resource(ResourceStep),
    /// A role for a principal.
    RoleAssignment(RoleAssignment),
    /// A user of a database, with its roles there.
    Sql(SqlUser),
    /// An image that a registry builds from a local folder. Larger than the others together.
    ImageBuild(Box<ImageBuild>),
    /// A POST: one that reads, whose answer writes need, or one with an effect.
    Action(ActionStep),
    /// Something that is looked at until it is as it is to be. Larger than the others.
    Wait(Box<WaitStep>),
    /// Something that is to be absent. No file says it: only a run that puts back what another one did makes such
    /// steps, in memory.
    Removal(Box<Removal>),
    /// What a run wrote of a resource, which is to be as it was. No file says it either.
    PutBack(Box<PutBack>),
    /// A revision that is to serve, or not to run any more. No file says it either.
    Service(Box<Service>),
}

/// Whether a revision is to be active.
#[derive(Clone, Debug)]
pub struct Service {
    /// The app.
    pub app: ResourceId,
    /// The revision's name.
    pub revision: String,
    /// `true`: it is activated; `false`: it is deactivated, unless it has traffic.
    pub active: bool,
    /// Whether the run changed who gets the traffic, so that this is put back before.
    pub shifts: bool,
}

/// What a run did to one resource.
#[derive(Clone, Debug)]
pub struct PutBack {
    /// Which.
    pub id: ResourceId,
    /// The api-version that it was written with, where that is another than the usual one.
    pub version: Option<String>,
    /// Whether the run created it.
    pub created: bool,
    /// What a write of the run changed; of a resource that it created, what all of them did.
    pub written: Vec<Written>,
    /// Every place of the resource that some write of the run changed.
    pub places: Vec<Path>,
    /// The revisions whose templates say what was there before the write, by name, where it is one of the app: the
    /// newest, whose template was the app's, and the one that served, over which a rollout lays its change.
    pub revisions: Vec<String>,
    /// Of what the run created: the principal of the identity that it got.
    pub principal: Option<String>,
    /// Of what the run created: when that was, as Azure's answer dated it.
    pub made: Option<OffsetDateTime>,
    /// Of what the run created: when the last write of it was seen to be over, by this machine's clock.
    pub over: Option<OffsetDateTime>,
    /// The runs that came later and whose journals cannot be read, by id: what they rely on, nobody can tell.
    pub unread: Vec<String>,
    /// The role assignments that the run made: they go as well.
    pub grants: Vec<ResourceId>,
    /// What other runs found in place: they rely on it.
    pub relied: Vec<Relied>,
    /// Makes the seals of values that nobody wrote down.
    pub seal: Seal,
    /// Whether what somebody changed since goes back all the same.
    pub force: bool,
    /// Whether it goes also if it may hold data of others by now.
    pub delete_data: bool,
    /// The command that puts the run back, for advice.
    pub command: String,
}

/// Something that another run found in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relied {
    /// What.
    pub resource: ResourceId,
    /// The id of that run.
    pub run: String,
    /// What that run worked on, in words.
    pub target: String,
}

/// What is to be absent.
#[derive(Clone, Debug)]
pub enum Removal {
    /// A resource, with everything in it.
    Resource {
        /// Which.
        id: ResourceId,
        /// The api-version that it was made with, where its step named one.
        version: Option<String>,
    },
    /// What a run made of an identity's user in a database.
    Sql(SqlRemoval),
}

/// What a run made of an identity's user in a database: its roles there, or the user itself.
#[derive(Clone, Debug)]
pub struct SqlRemoval {
    /// The server's id.
    pub server: ResourceId,
    /// The database's name.
    pub database: String,
    /// The user's name.
    pub name: Name,
    /// The identity's client id: a user of that name for another identity is not touched.
    pub client_id: Uuid,
    /// The roles that it is to be in no longer.
    pub roles: Vec<Name>,
    /// Whether the user goes, too. One that is in other roles by then stays.
    pub user: bool,
}

/// The desired state of one ARM resource.
#[derive(Clone, Debug)]
pub struct ResourceStep {
    /// What type of resource.
    pub kind: Spanned<ResourceType>,
    /// Its name.
    pub name: Expr,
    /// The resource it is a child of: its id, or the resource itself.
    pub parent: Option<Expr>,
    /// The resource it extends: its id, or the resource itself.
    pub scope: Option<Expr>,
    /// Paths of the body: what is equal on all of them is the resource, whatever its name. Empty: the name
    /// says which it is.
    pub matches: Vec<Spanned<String>>,
    /// The paths it owns.
    pub body: Tree,
    /// When it may change nothing.
    pub guard: Option<Guard>,
}

/// What others rely on: a step may own of it what is in place already, and change nothing.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Whether it is so now; known at plan.
    pub when: Expr,
    /// Why.
    pub otherwise: Expr,
    /// The command that mends it.
    pub fix: Option<Expr>,
    /// A documentation page.
    pub docs: Option<String>,
}

/// A POST. One that reads is sent when a write that needs its answer is about to be; its answer is a secret, whatever
/// it is: who writes a recipe does not say what of an account is one. One with an effect is sent once, when its turn
/// comes.
#[derive(Clone, Debug)]
pub struct ActionStep {
    /// The resource that is asked: its id, or the resource itself.
    pub resource: Expr,
    /// The action in ARM's words (`listKeys`).
    pub name: Spanned<String>,
    /// What is sent.
    pub body: Option<Tree>,
}

/// Something that is looked at until it is as it is to be.
#[derive(Clone, Debug)]
pub struct WaitStep {
    /// What is looked at.
    pub lookup: Lookup,
    /// Holds once it is as it is to be; `it` is what was read.
    pub until: Expr,
    /// Holds when it will never be.
    pub fails_when: Option<Expr>,
    /// Why it is not, for people.
    pub reason: Option<Expr>,
}

impl ActionStep {
    /// Whether it only reads, by ARM's habit of calling such actions `list…`, `get…` or `check…`.
    pub fn reads(&self) -> bool {
        reads(&self.name.value)
    }
}

/// Whether an action of this name only reads, by ARM's habit.
pub(super) fn reads(name: &str) -> bool {
    ["list", "get", "check"].iter().any(|verb| name.starts_with(verb))
}

/// A role that a principal shall have.
#[derive(Clone, Debug)]
pub struct RoleAssignment {
    /// The role's name or GUID.
    pub role: Expr,
    /// The principal's object id.
    pub principal: Expr,
    /// The resource id it is given for.
    pub scope: Expr,
    /// How old the assignment must be before a write that would cost a revision or an image pull.
    pub settle: Option<Duration>,
}

/// A contained user that a database shall have for an identity.
#[derive(Clone, Debug)]
pub struct SqlUser {
    /// The server, as another lookup read it.
    pub server: Expr,
    /// The database's name.
    pub database: Expr,
    /// The user's name.
    pub name: Expr,
    /// The identity's client id.
    pub client_id: Expr,
    /// The names of the roles it shall be in.
    pub roles: Expr,
    /// `run` or `print`; without it `run`.
    pub mode: Option<Expr>,
}

impl SqlUser {
    /// Every expression of it, in the order of the grammar.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        [&self.server, &self.database, &self.name, &self.client_id, &self.roles].into_iter().chain(&self.mode)
    }
}

/// An image that a registry builds from a local folder.
#[derive(Clone, Debug)]
pub struct ImageBuild {
    /// The registry, as another lookup read it.
    pub registry: Expr,
    /// The folder that is sent.
    pub context: Expr,
    /// The Dockerfile, as a path in the context; without it `Dockerfile`.
    pub dockerfile: Option<Expr>,
    /// The repository that gets the image.
    pub repository: Expr,
    /// Tags beside the one that is made from what is built.
    pub tags: Option<Tree>,
    /// What it is built for; without it `linux/amd64`.
    pub platform: Option<Expr>,
    /// Build arguments by name.
    pub args: Option<Tree>,
    /// A command and its arguments, run in the image before it is pushed.
    pub test: Option<Tree>,
    /// All of it.
    pub span: Span,
}

impl ImageBuild {
    /// What is text, in the order of the grammar.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let first = [Some(&self.registry), Some(&self.context), self.dockerfile.as_ref()];
        first.into_iter().chain([Some(&self.repository), self.platform.as_ref()]).flatten()
    }

    /// What is a list or a map, in the order of the grammar.
    pub fn trees(&self) -> impl Iterator<Item = &Tree> {
        [&self.tags, &self.args, &self.test].into_iter().flatten()
    }
}

/// Refusals that a step repeats, beyond those the program knows.
#[derive(Clone, Debug)]
pub struct Retry {
    /// What the message of such a refusal matches.
    pub error_matches: Vec<regex_lite::Regex>,
    /// How long to go on.
    pub timeout: Duration,
}

/// A recipe in a run, under its name.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The recipe.
    pub recipe: Arc<Recipe>,
    /// The instance's name as expressions spell it (`managed_identity`).
    pub alias: String,
    /// The same as whoever gave it spelled it (`managed-identity`).
    pub written: String,
    /// Inputs set by whoever asked for the instance.
    pub with: With,
    /// Whether the caller named it; otherwise it is here because others require it.
    pub asked: bool,
    /// The instances that require it, by alias, each with the requirement. The expressions of a
    /// requirement are read in the requiring instance.
    pub required_by: Vec<(String, Requirement)>,
}

impl Instance {
    /// Whether it goes by its recipe's name: the one that the catalogue's environment variables feed.
    pub fn unaliased(&self) -> bool {
        self.alias == snake(&self.recipe.name.value)
    }

    /// Its name as a caller types it before the dot of `-p`: the recipe's, or the alias.
    pub fn name(&self) -> &str {
        if self.unaliased() { &self.recipe.name.value } else { &self.written }
    }

    /// How a caller asks for it: `managed-identity`, or `managed-identity=web`.
    pub fn asked_as(&self) -> String {
        if self.unaliased() {
            self.recipe.name.value.clone()
        } else {
            format!("{}={}", self.recipe.name.value, self.written)
        }
    }
}

/// Inputs set in a project file, by name as expressions spell it.
pub type With = IndexMap<String, Setting>;

/// An input set in a project file.
#[derive(Clone, Debug)]
pub struct Setting {
    /// As the file has it.
    pub value: Json,
    /// The file.
    pub source: Arc<Source>,
    /// Where the name stands in it.
    pub span: Span,
}

/// What loading gives: the recipe, or every mistake found.
pub type Loaded = Result<Recipe, Vec<Diagnostic>>;
