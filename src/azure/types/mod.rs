//! What is known of each ARM resource type: versions, list kinds, read-only and secret properties,
//! how a change is sent and what follows from it. One row a type; recipes and planner read it.

mod app;
mod table;

pub use table::{ALL, EXTENSION_ONLY, find};

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
    /// A comma-separated set of words (`SystemAssigned, UserAssigned`); merging adds to it.
    WordSet,
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
    /// What Azure sets; never sent.
    pub read_only: &'static [&'static str],
    /// What GET never returns.
    pub write_only: &'static [&'static str],
    /// Values of others that may be secrets although Azure returns them.
    pub foreign: &'static [&'static str],
    /// Strings, whatever scalar a recipe gives.
    pub text: &'static [&'static str],
    /// Paths that give rights to somebody: no recipe may write them.
    pub gives_rights: &'static [&'static str],
    /// What exists only after the resource (or the identity in it) was created.
    pub computed: &'static [&'static str],
    /// What follows from a change below a path.
    pub consequences: &'static [(&'static str, Consequence)],
    /// The action a write needs.
    pub write_action: &'static str,
}

impl ResourceType {
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

    /// Whether Azure alone sets what stands at `pattern`.
    pub fn is_read_only(&self, pattern: &str) -> bool {
        self.read_only.contains(&pattern)
    }

    /// What follows from a change at `pattern`.
    pub fn consequence(&self, pattern: &str) -> Option<Consequence> {
        self.consequences
            .iter()
            .find(|(prefix, _)| {
                pattern
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
            .map(|(_, consequence)| *consequence)
    }

    /// The namespace: `Microsoft.App`.
    pub fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }
}

fn lookup<T: Copy>(rows: &[(&str, T)], pattern: &str) -> Option<T> {
    rows.iter().find(|(row, _)| *row == pattern).map(|(_, value)| *value)
}
