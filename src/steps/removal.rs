//! `removal`: something that is to be absent. No recipe file has it; what puts a run back makes such steps in memory.

use indexmap::IndexMap;
use uuid::Uuid;

use super::{DatabaseUser, Outcome};
use crate::azure::ResourceId;
use crate::azure::sql::{DatabaseUsers, Name, User, sid};
use crate::azure::types::{ResourceType, SQL_USER};
use crate::merge::{Directive, Owned};
use crate::value::{Data, Path, Value};

/// What goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// What it is, for people: `role assignment Reader on store`, `blob container data`.
    pub what: String,
    /// What else goes with it, or ends, in a few words each.
    pub follows: Vec<String>,
}

/// What is laid over something that is to go: nothing of it stays.
fn gone() -> Value {
    Directive::Delete.to_value()
}

/// The outcome for a resource that was read as `live`; null: it is not there, and so in place.
pub fn removal(kind: &'static ResourceType, id: &ResourceId, live: Value, removed: Removed) -> Outcome {
    let there = if live.is_null() { Value::null() } else { Value::from(id.as_str()) };
    let owned = Owned {
        path: Path::root().key("id"),
        in_place: there.is_null(),
        live: there,
        wanted: Value::null(),
        default: false,
    };
    let unread = live.is_unknown();
    Outcome {
        resource: Some(id.clone()),
        above: id.parent(),
        owned: if unread { Vec::new() } else { vec![owned] },
        result: Value::null(),
        removed: Some(removed),
        ..Outcome::of(kind, live, gone())
    }
}

/// What a reading of a database comes to.
#[derive(Clone, Debug)]
pub enum Leaving {
    /// What is there, and what is to change. The names: roles beyond those of the run that the user is in, so that it
    /// stays.
    Known(Box<Outcome>, Vec<String>),
    /// The caller does not see enough to tell.
    Unseen,
}

/// What is to be absent of an identity's user in a database.
#[derive(Clone, Copy, Debug)]
pub struct SqlGone<'a> {
    /// The server's id.
    pub server: &'a ResourceId,
    /// The server's host.
    pub host: &'a str,
    /// The database's name.
    pub database: &'a str,
    /// The user's name.
    pub name: &'a Name,
    /// The identity's client id.
    pub client_id: Uuid,
    /// The roles that it is to be in no longer.
    pub roles: &'a [Name],
    /// Whether the user goes, too, unless it is in other roles.
    pub user: bool,
}

/// The outcome by what the database said of an identity's user. Whatever its name, the user is known by its sid: a user
/// of that name for another identity is nobody's to touch.
pub fn sql_removal(wanted: SqlGone<'_>, id: ResourceId, users: &DatabaseUsers) -> Leaving {
    let own = |user: &&User| user.sid.eq_ignore_ascii_case(&sid(&wanted.client_id));
    let found = users.with_sid.as_ref().filter(own).or(users.named.as_ref().filter(own));
    if found.is_none() && !users.sees_all {
        return Leaving::Unseen;
    }
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let held: Vec<&str> = users
        .members
        .iter()
        .filter(|member| found.is_some_and(|user| same(&member.user, &user.name)))
        .map(|member| member.role.as_str())
        .collect();
    let ours = |role: &str| wanted.roles.iter().any(|own| same(own.as_str(), role));
    let leaves: Vec<Name> =
        wanted.roles.iter().filter(|own| held.iter().any(|role| same(own.as_str(), role))).cloned().collect();
    let others: Vec<String> = held.iter().filter(|role| !ours(role)).map(|role| (*role).to_owned()).collect();
    if !users.sees_all && leaves.len() < wanted.roles.len() {
        // What is not seen may be there.
        return Leaving::Unseen;
    }
    let goes = wanted.user && found.is_some() && others.is_empty();
    let name = found.and_then(|user| Name::new(&user.name).ok());
    let mut owned: Vec<Owned> = wanted
        .roles
        .iter()
        .map(|role| {
            let held = leaves.contains(role);
            leaf(Path::root().key("roles").element(role.as_str()), Value::from(role.as_str()), held)
        })
        .collect();
    if wanted.user && others.is_empty() {
        let client_id = Value::from(wanted.client_id.to_string());
        owned.push(leaf(Path::root().key("clientId"), client_id, goes));
    }
    let live = match found {
        Some(_) => Value::new(Data::Map(IndexMap::from([
            ("clientId".to_owned(), Value::from(wanted.client_id.to_string())),
            (
                "roles".to_owned(),
                Value::new(Data::List(held.iter().map(|role| Value::from(*role)).collect())),
            ),
        ]))),
        None => Value::null(),
    };
    let user = DatabaseUser {
        server: wanted.server.clone(),
        host: wanted.host.to_owned(),
        database: wanted.database.to_owned(),
        name: name.unwrap_or_else(|| wanted.name.clone()),
        client_id: Some(wanted.client_id),
        roles: wanted.roles.to_vec(),
        missing: Vec::new(),
        leaves,
        goes,
    };
    let removed = Removed { what: user.title(), follows: Vec::new() };
    let outcome = Outcome {
        resource: Some(id),
        owned,
        result: Value::null(),
        user: Some(user),
        removed: Some(removed),
        ..Outcome::of(&SQL_USER, live, gone())
    };
    Leaving::Known(Box::new(outcome), others)
}

fn leaf(path: Path, live: Value, there: bool) -> Owned {
    let live = if there { live } else { Value::null() };
    Owned { path, in_place: !there, live, wanted: Value::null(), default: false }
}
