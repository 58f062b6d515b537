//! What is known of each ARM resource type: versions, list kinds, read-only and secret properties,
//! how a change is sent and what follows from it. One row a type; recipes and planner read it.

mod app;
mod auth;
mod cache;
mod cosmos;
mod dapr;
mod dns;
mod domains;
mod jobs;
mod sql;
mod storage;
mod storage_account;
mod table;

pub use table::{ACTION, ALL, EXTENSION_ONLY, IMAGE, SQL_USER, WAIT, find};

/// How the elements of a list are told apart, in Kubernetes' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Elements are objects told apart by these members.
    Map(&'static [&'static str]),
    /// Elements are values; order and repetition mean nothing.
    Set,
    /// The list is one value.
    Atomic,
}

/// How a change of an existing resource is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// JSON merge patch: only what changes, arrays whole.
    Patch,
    /// The whole resource.
    Put,
    /// Never: a resource of this type is created and deleted, not changed.
    Never,
}

/// How two scalars at a path are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Resource ids and words that Azure returns in varying case.
    IgnoreCase,
    /// URLs: scheme and host without regard to case, no trailing slash.
    Url,
    /// Names of hosts: without regard to case and to a final dot.
    HostName,
    /// A comma-separated set of words (`SystemAssigned, UserAssigned`); merging adds to it.
    WordSet,
    /// Subjects of certificates: host names without regard to case, with or without `CN=`.
    CommonName,
    /// Scopes of a right: one that is live counts as in place for every scope in it. Azure compares resource
    /// ids without regard to case; what stands below a resource's id (`/dbs/DB/colls/C`) it does not.
    Covers,
}

/// What follows from a change below a path, beyond the change itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consequence {
    /// A new revision is created.
    NewRevision,
    /// Running replicas keep the old value until they restart.
    RestartUsers,
    /// All active revisions restart (microsoft/azure-container-apps#132).
    RestartAll,
    /// What runs has loaded it, and takes up a change at its next start.
    NextStart,
}

/// A right that a write of a type needs beside the write action: ARM checks it on what the write refers
/// to ("linked access check"), or we call it for the write's sake.
#[derive(Debug)]
pub struct Linked {
    /// The action, in ARM's words.
    pub action: &'static str,
    /// Which writes need it.
    pub when: LinkedWhen,
    /// Where it is needed.
    pub on: LinkedOn,
    /// What it is for; `{}` stands for the resource that it is needed on.
    pub why: &'static str,
}

/// Which writes need a linked right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkedWhen {
    /// Those that change something at or below this pattern.
    Changes(&'static str),
    /// Those that send values back which only a POST tells.
    Resends,
    /// Those after which what uses a changed secret is restarted.
    Restarts,
    /// Every one, if Azure asks for it at all, which is not confirmed: its absence is told and stops nothing.
    Perhaps,
}

/// Where a linked right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkedOn {
    /// On the resource that is written.
    Itself,
    /// On the resource whose id is the key of what changes.
    Key,
    /// On the resource whose id is the value of what changes.
    Value,
    /// On the resource whose id stands at the first of these paths of the live resource.
    Live(&'static [&'static str]),
}

/// A member of an object that, once somebody set it, says what other members say otherwise: what they hold is not to be
/// written then. One that is empty is told and means nothing.
#[derive(Debug)]
pub struct StandIn {
    /// The object.
    pub object: &'static str,
    /// Where in it a text stands that says whether it is set.
    pub set_at: &'static [&'static str],
    /// What it stands for.
    pub others: &'static [&'static str],
}

impl StandIn {
    /// The member.
    pub fn member(&self) -> &'static str {
        self.set_at.first().copied().unwrap_or_default()
    }
}

/// One resource type. Paths are patterns: `properties.template.containers[].env[].value`.
#[derive(Debug)]
pub struct ResourceType {
    /// `Microsoft.App/containerApps`.
    pub name: &'static str,
    /// The word people use: "container app".
    pub noun: &'static str,
    /// The api-versions we speak, newest first; the newest that the provider offers is used.
    pub versions: &'static [&'static str],
    /// How an existing resource is changed.
    pub update: Update,
    /// Lists and how their elements are told apart; a list not named here is atomic.
    pub lists: &'static [(&'static str, ListKind)],
    /// Paths that are compared in their own way.
    pub compare: &'static [(&'static str, Compare)],
    /// Values that mean the same as "absent", besides null and the empty string.
    pub defaults: &'static [(&'static str, &'static str)],
    /// Members of which at most one is set: setting one drops the others.
    pub one_of: &'static [(&'static str, &'static [&'static str])],
    /// Members that, once set, hold the place of others.
    pub stand_ins: &'static [StandIn],
    /// Objects whose members are known, with these: a name that is not among them is a likely mistake. Only
    /// what recipes reach; an object that is not named here is not judged.
    pub fields: &'static [(&'static str, &'static [&'static str])],
    /// What Azure sets; never sent.
    pub read_only: &'static [&'static str],
    /// What GET never returns.
    pub write_only: &'static [&'static str],
    /// Those of them that nothing else tells either: one that is wanted counts as in place where the resource
    /// is there, and goes into the body when the resource is written for another reason.
    pub presence: &'static [&'static str],
    /// The list of secrets whose values GET leaves out, and the POST that tells them: a value that is wanted is
    /// compared with what that says.
    pub told_by: Option<(&'static str, &'static str)>,
    /// Sets in which nothing means everybody: adding to an empty one would take it from all others.
    pub everyone: &'static [&'static str],
    /// Members that Azure sets, which a fragment may give all the same: what GET never returns is compared by
    /// them. They are never sent.
    pub fingerprints: &'static [&'static str],
    /// Where it stands that a resource of this type works; one that is there and not `Succeeded` is written again,
    /// as it is wanted, and waited for. Empty: nothing says so.
    pub ready: &'static str,
    /// Whether a read may not show one that is being made before that is done.
    pub shows_late: bool,
    /// Whether others have to see or do something before it counts: a resolver, a certificate authority, a person.
    /// What comes after it gets writes of its own, so that it holds up nothing else.
    pub by_others: bool,
    /// Lists to whose new elements the same holds beforehand: Azure takes one only once others have seen something, so
    /// that it shares no write with what need not wait for that.
    pub waits: &'static [&'static str],
    /// Values of others that may be secrets although Azure returns them.
    pub foreign: &'static [&'static str],
    /// Strings, whatever scalar a recipe gives.
    pub text: &'static [&'static str],
    /// Paths that give rights to somebody: no recipe may write them.
    pub gives_rights: &'static [&'static str],
    /// Where it stands whom the resource as a whole gives rights to; empty: it gives none. The same holds for
    /// what a recipe writes there as for the principal of a `role_assignment`.
    pub principal: &'static str,
    /// Values that are the names of resources of these types: what names one comes after what creates it.
    pub names: &'static [(&'static str, &'static str)],
    /// What exists only after the resource (or the identity in it) was created.
    pub computed: &'static [&'static str],
    /// What follows from a change below a path.
    pub consequences: &'static [(&'static str, Consequence)],
    /// Where the host name stands by which a resource of this type may be looked for; empty: nowhere. It
    /// is compared, never taken apart.
    pub host: &'static [&'static str],
    /// POST actions that only read, and whose answers hold no secret: what a lookup may ask. A list of those that
    /// may and not of those that may not, because nobody knows the answers of actions that are yet to come, and a
    /// recipe may come from a stranger. With the source of each.
    pub questions: &'static [&'static str],
    /// POST actions with an effect that a step may send. A list of those that may, because a recipe may come from a
    /// stranger, and there are actions that give out keys or take rights.
    pub effects: &'static [Effect],
    /// The action a write needs.
    pub write_action: &'static str,
    /// What is lost for good with a resource of this type: `every blob in it`. Empty: nothing that cannot be made
    /// again.
    pub holds: &'static str,
    /// What else a write needs a right for.
    pub linked: &'static [Linked],
}

/// A POST action with an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Its name: `restart`.
    pub name: &'static str,
    /// What follows from it, for the plan.
    pub follows: &'static str,
    /// The command that shows whether it took effect; `{id}`, `{group}` and `{name}` stand for the resource's, `{parent}`
    /// for the name of what it is a child of.
    pub look: &'static str,
}

/// Puts a revision into service. No recipe may send it: who gets the traffic is a rollout's.
pub static ACTIVATE: Effect =
    Effect { name: "activate", follows: "the revision's replicas are started", look: SHOWS_REVISION };

/// Takes a revision out of service, likewise.
pub static DEACTIVATE: Effect = Effect {
    name: "deactivate",
    follows: "the revision's replicas are stopped; what they refer to can be removed",
    look: SHOWS_REVISION,
};

const SHOWS_REVISION: &str =
    "az containerapp revision show --resource-group {group} --name {parent} --revision {name}";

impl ResourceType {
    /// The effect of this name, if a step may have it on such a resource.
    pub fn effect(&self, name: &str) -> Option<&'static Effect> {
        self.effects.iter().find(|effect| effect.name == name)
    }

    /// Where the secrets stand that a write replaces as a whole; a POST tells their values.
    pub fn secrets(&self) -> Option<&'static str> {
        self.told_by.map(|(list, _)| list)
    }

    /// How the list at `pattern` is keyed.
    pub fn list_kind(&self, pattern: &str) -> ListKind {
        lookup(self.lists, pattern).unwrap_or(ListKind::Atomic)
    }

    /// How scalars at `pattern` are compared, when not simply by equality.
    pub fn comparison(&self, pattern: &str) -> Option<Compare> {
        lookup(self.compare, pattern)
    }

    /// The text that equals "absent" at `pattern`.
    pub fn default_at(&self, pattern: &str) -> Option<&'static str> {
        lookup(self.defaults, pattern)
    }

    /// The members of the object at `pattern` of which at most one may be set.
    pub fn exclusive(&self, pattern: &str) -> Option<&'static [&'static str]> {
        lookup(self.one_of, pattern)
    }

    /// What may stand for members of the object at `pattern`.
    pub fn stand_in(&self, pattern: &str) -> Option<&'static StandIn> {
        self.stand_ins.iter().find(|stand_in| stand_in.object == pattern)
    }

    /// Whether Azure alone sets what stands at `pattern`.
    pub fn is_read_only(&self, pattern: &str) -> bool {
        self.read_only.contains(&pattern)
    }

    /// What follows from a change at `pattern`.
    pub fn consequence(&self, pattern: &str) -> Option<Consequence> {
        self.consequences
            .iter()
            .find(|(prefix, _)| stands_below(pattern, prefix))
            .map(|(_, consequence)| *consequence)
    }

    /// The action that deleting one needs (<https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>:
    /// `delete` beside `write`, for every type that can be deleted).
    pub fn delete_action(&self) -> String {
        format!("{}/delete", self.name)
    }

    /// The namespace: `Microsoft.App`.
    pub fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// Ends of the names of members that hold what nobody but their owner should see. Of a type without a row
/// nothing more is known.
const TELLING: &[&str] = &["password", "secret", "token", "connectionstring", "key", "sas"];

/// Whether a member of such a name counts as somebody else's where the type table knows nothing.
pub fn is_telling(name: &str) -> bool {
    let folded = name.to_ascii_lowercase();
    TELLING.iter().any(|end| folded.ends_with(end))
}

/// Whether the pattern `path` is `above` or stands below it.
pub fn stands_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The names of all actions with an effect that a step may send to some type, each once.
pub fn effects() -> impl Iterator<Item = &'static str> {
    let all: std::collections::BTreeSet<&str> =
        ALL.iter().flat_map(|row| row.effects).map(|effect| effect.name).collect();
    all.into_iter()
}

/// Every action that a lookup may ask of some type, each once.
pub fn questions() -> impl Iterator<Item = &'static str> {
    let all: std::collections::BTreeSet<&str> = ALL.iter().flat_map(|row| row.questions).copied().collect();
    all.into_iter()
}

fn lookup<T: Copy>(rows: &[(&str, T)], pattern: &str) -> Option<T> {
    rows.iter().find(|(row, _)| *row == pattern).map(|(_, value)| *value)
}
