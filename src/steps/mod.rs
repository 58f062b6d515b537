//! The step kinds: from an evaluated step and what was read to the changes that follow, without I/O.
//!
//! Each kind is one file with a pure function that gives an [`Outcome`]: what the step owns, what of
//! it is in place, and what `steps.<name>` is for other expressions: the resource as it will be,
//! with what only the write can make known as an unknown of this step.

mod action;
mod container_app;
mod image_build;
mod put_back;
mod removal;
mod resource;
mod role_assignment;
mod sql;
mod wait;

use time::OffsetDateTime;

use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::merge::{MergeError, Owned};
use crate::value::{Data, Path, Segment, Value};

pub use action::{BODY, Effect, due, sent};
pub use container_app::{container_app, failed_again, left_behind, with_secrets_again};
pub use image_build::{Folder, Found, ImageBuild, Platform, image_build, shell_word};
pub use put_back::{
    Back, WrittenTo, added_since, all_shown, changed_since, needs_earlier, needs_stored, put_back,
};
pub use removal::{Leaving, Removed, SqlGone, removal, sql_removal};
pub use resource::{Wanted, matching, resource, value_at, wanted_at};
pub use role_assignment::{Role, RoleRequest, role_assignment, role_assignments_read, scope_covers};
pub use sql::{DatabaseUser, Judged, UserRequest, sql_user};
pub use wait::{Wait, wait};

/// What a step comes to under the facts at hand.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The type of the resource it changes.
    pub kind: &'static ResourceType,
    /// The resource; `None` while its name is not known.
    pub resource: Option<ResourceId>,
    /// What it is in, where the step says so: a new one needs the rights there.
    pub above: Option<ResourceId>,
    /// Of a resource that is known by what is in it: what tells its name from others while it is not known.
    pub matched: Option<String>,
    /// The resource as it was read; null when it is not there.
    pub live: Value,
    /// What changes are counted from: as read, but with what really runs where that is something else
    /// (an operation that failed leaves the wanted template on the app and nothing running it).
    pub base: Value,
    /// What is to be laid over it.
    pub fragment: Value,
    /// Exactly what the step owns.
    pub owned: Vec<Owned>,
    /// `steps.<name>`: the resource after the step.
    pub result: Value,
    /// For a role assignment: who gets what where, and since when.
    pub grant: Option<Grant>,
    /// For a database user: which, where, and what it lacks.
    pub user: Option<DatabaseUser>,
    /// For an image: what it is built from, and how.
    pub build: Option<ImageBuild>,
    /// For an action with an effect: what is sent.
    pub effect: Option<Effect>,
    /// For a wait: what is waited for, and where it stands.
    pub wait: Option<Wait>,
    /// For what is to be absent: what it is, and what goes with it.
    pub removed: Option<Removed>,
}

impl Outcome {
    /// What owns nothing yet, of a thing that is as `live` says.
    fn of(kind: &'static ResourceType, live: Value, fragment: Value) -> Outcome {
        Outcome {
            kind,
            resource: None,
            above: None,
            matched: None,
            base: live.clone(),
            result: live.clone(),
            live,
            fragment,
            owned: Vec::new(),
            grant: None,
            user: None,
            build: None,
            effect: None,
            wait: None,
            removed: None,
        }
    }

    /// Whether a write is needed.
    pub fn pending(&self) -> bool {
        self.owned.iter().any(|owned| !owned.in_place)
    }

    /// Whether the resource has to be created.
    pub fn creates(&self) -> bool {
        self.live.is_null() && self.removed.is_none()
    }
}

/// A role assignment as people speak of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The role's name, or its GUID when that is all there is.
    pub role: String,
    /// The role definition's GUID.
    pub role_guid: String,
    /// The principal's object id; unknown while it does not exist.
    pub principal: Value,
    /// What it is granted on.
    pub scope: ResourceId,
    /// Since when it is there; `None`: it is not, or Azure does not say.
    pub created_on: Option<OffsetDateTime>,
    /// The wider scope (or other name) under which it was found.
    pub found_as: Option<String>,
    /// How old it must be before a write that would cost a revision or an image pull.
    pub settle: std::time::Duration,
    /// The assignment of the same role on the same scope that holds only under a condition: Azure takes
    /// no second one beside it.
    pub conditional: Option<String>,
}

/// Whether what is to be has a system-assigned identity: one that is new gets its principal from the write.
fn has_system_identity(result: &Value) -> bool {
    result
        .text_at(&["identity", "type"])
        .is_some_and(|words| crate::merge::word_set(words).contains(&"systemassigned".to_owned()))
}

/// Replaces what is computed at creation and not there yet by an unknown of this step.
fn with_computed(kind: &ResourceType, mut value: Value, key: &str) -> Value {
    for pattern in kind.computed {
        let path = Path::members(pattern);
        set_if_absent(&mut value, &path.0, || Value::computed(key, format!("{key}.{pattern}")));
    }
    value
}

fn set_if_absent(value: &mut Value, path: &[Segment], make: impl FnOnce() -> Value) {
    let Some((Segment::Key(key), rest)) = path.split_first() else {
        return;
    };
    if value.is_null() {
        value.data = Data::Map(indexmap::IndexMap::new());
    }
    let Data::Map(members) = &mut value.data else {
        return;
    };
    let member = members.entry(key.clone()).or_insert_with(Value::null);
    if rest.is_empty() {
        if member.is_null() {
            *member = make();
        }
    } else {
        set_if_absent(member, rest, make);
    }
}

/// A fragment that could not be laid over its resource.
pub type StepResult = Result<Outcome, MergeError>;
