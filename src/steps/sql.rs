//! `sql`: a contained user of a database for an identity, and its roles there.

use indexmap::IndexMap;
use uuid::Uuid;

use super::{Outcome, StepResult};
use crate::azure::ResourceId;
use crate::azure::sql::{DatabaseUsers, Name, User, sid};
use crate::azure::types::SQL_USER;
use crate::merge::merge;
use crate::value::{Data, Value};

/// What a step asks for.
#[derive(Clone, Debug)]
pub struct UserRequest {
    /// The server.
    pub server: ResourceId,
    /// The server's host.
    pub host: String,
    /// The database.
    pub database: String,
    /// The user's name, unless the identity has a user of another name already.
    pub name: Name,
    /// The identity's client id; may be unknown.
    pub client_id: Value,
    /// The roles it shall be in.
    pub roles: Vec<Name>,
}

/// A database user as people speak of it, and as a script makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseUser {
    /// The server.
    pub server: ResourceId,
    /// The server's host.
    pub host: String,
    /// The database.
    pub database: String,
    /// The user's name.
    pub name: Name,
    /// The identity's client id; `None` while it does not exist.
    pub client_id: Option<Uuid>,
    /// The roles that it shall be in.
    pub roles: Vec<Name>,
    /// Those of them that it is not in.
    pub missing: Vec<Name>,
    /// Roles that it is in and is to leave.
    pub leaves: Vec<Name>,
    /// Whether it is to go.
    pub goes: bool,
}

impl DatabaseUser {
    /// `sql user ca-demo in appdb`.
    pub fn title(&self) -> String {
        format!("{} {} in {}", SQL_USER.noun, self.name.as_str(), self.database)
    }

    /// `sql user ca-demo in appdb: db_datareader, db_datawriter`.
    pub fn told(&self) -> String {
        match self.roles.iter().map(Name::as_str).collect::<Vec<_>>().as_slice() {
            [] => self.title(),
            roles => format!("{}: {}", self.title(), roles.join(", ")),
        }
    }
}

/// What a reading comes to.
#[derive(Clone, Debug)]
pub enum Judged {
    /// What is there, and what is to change.
    Known(Box<Outcome>),
    /// The caller does not see enough to tell.
    Unseen,
    /// The user of the name belongs to another identity.
    OtherIdentity,
}

impl UserRequest {
    /// The name under which facts and writes speak of the user: no id of Azure Resource Manager's, which
    /// knows no users.
    pub fn id(&self) -> ResourceId {
        let name = self.name.as_str().replace('/', "%2F");
        self.server.child("databases", &self.database).child("users", &name)
    }

    /// The client id, when it is known and is one.
    pub fn client_id(&self) -> Option<Uuid> {
        self.client_id.as_str().and_then(|id| Uuid::try_parse(id).ok())
    }

    /// The user as it is to be, `found` under that name.
    pub fn user(&self, found: Option<&Name>, missing: Vec<Name>) -> DatabaseUser {
        DatabaseUser {
            server: self.server.clone(),
            host: self.host.clone(),
            database: self.database.clone(),
            name: found.unwrap_or(&self.name).clone(),
            client_id: self.client_id(),
            roles: self.roles.clone(),
            missing,
            leaves: Vec::new(),
            goes: false,
        }
    }
}

/// The outcome by what the database said. An identity that does not exist yet has no user: one of its name is
/// somebody else's.
///
/// # Errors
/// As for every fragment; this one fits.
pub fn sql_user(request: &UserRequest, users: &DatabaseUsers) -> Result<Judged, crate::merge::MergeError> {
    let wanted = request.client_id();
    let own = |user: &&User| wanted.is_some_and(|id| user.sid.eq_ignore_ascii_case(&sid(&id)));
    let found = users.with_sid.as_ref().filter(own).or(users.named.as_ref().filter(own));
    if found.is_none() && users.named.is_some() {
        return Ok(Judged::OtherIdentity);
    }
    // A name that the server gives is one.
    let name = found.and_then(|user| Name::new(&user.name).ok());
    let is_in = |role: &Name| {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        users.members.iter().any(|member| {
            same(&member.role, role.as_str()) && found.is_some_and(|user| same(&member.user, &user.name))
        })
    };
    let missing: Vec<Name> = request.roles.iter().filter(|role| !is_in(role)).cloned().collect();
    if (found.is_none() || !missing.is_empty()) && !users.sees_all {
        return Ok(Judged::Unseen);
    }
    let live = match found {
        Some(_) => {
            let present = request.roles.iter().filter(|role| is_in(role)).cloned().collect::<Vec<_>>();
            fragment(&request.client_id, &present)
        }
        None => Value::null(),
    };
    let outcome = outcome(request, &live, request.user(name.as_ref(), missing));
    Ok(Judged::Known(Box::new(outcome?)))
}

fn outcome(request: &UserRequest, live: &Value, user: DatabaseUser) -> StepResult {
    let fragment = fragment(&request.client_id, &request.roles);
    let merged = merge(&SQL_USER, live, &fragment)?;
    let result = Value::new(Data::Map(IndexMap::from([
        ("name".to_owned(), Value::from(user.name.as_str())),
        ("database".to_owned(), Value::from(user.database.as_str())),
        ("clientId".to_owned(), request.client_id.clone()),
    ])));
    Ok(Outcome {
        resource: Some(request.id()),
        owned: merged.owned,
        result,
        user: Some(user),
        ..Outcome::of(&SQL_USER, live.clone(), fragment)
    })
}

fn fragment(client_id: &Value, roles: &[Name]) -> Value {
    let roles = roles.iter().map(|role| Value::from(role.as_str())).collect();
    Value::new(Data::Map(IndexMap::from([
        ("clientId".to_owned(), client_id.clone()),
        ("roles".to_owned(), Value::new(Data::List(roles))),
    ])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::sql::Member;

    const ID: &str = "00112233-4455-6677-8899-aabbccddeeff";
    const SID: &str = "0x33221100554477668899aabbccddeeff";

    fn request(client_id: Value) -> UserRequest {
        UserRequest {
            server: ResourceId::group("s", "g").provider("Microsoft.Sql/servers", "sql-demo"),
            host: "sql-demo.database.windows.net".to_owned(),
            database: "appdb".to_owned(),
            name: Name::new("ca-demo").unwrap(),
            client_id,
            roles: vec![Name::new("db_datareader").unwrap(), Name::new("db_datawriter").unwrap()],
        }
    }

    fn user(name: &str, sid: &str) -> User {
        User { name: name.to_owned(), sid: sid.to_owned() }
    }

    fn known(users: &DatabaseUsers) -> Outcome {
        match sql_user(&request(Value::from(ID)), users).unwrap() {
            Judged::Known(outcome) => *outcome,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_user_that_is_not_there_is_created_with_all_roles() {
        let outcome = known(&DatabaseUsers { sees_all: true, ..DatabaseUsers::default() });
        assert!(outcome.creates() && outcome.pending());
        assert_eq!(outcome.user.unwrap().missing.len(), 2);
        assert_eq!(outcome.owned.len(), 3);
    }

    #[test]
    fn what_is_in_place_is_left_and_what_is_missing_is_told() {
        let member = |role: &str| Member { role: role.to_owned(), user: "CA-demo".to_owned() };
        let mut users = DatabaseUsers {
            named: Some(user("CA-demo", SID)),
            with_sid: Some(user("CA-demo", SID)),
            members: vec![member("DB_datareader"), member("other")],
            sees_all: true,
            ..DatabaseUsers::default()
        };
        let outcome = known(&users);
        assert!(!outcome.creates() && outcome.pending());
        assert_eq!(outcome.user.unwrap().missing, [Name::new("db_datawriter").unwrap()]);
        users.members.push(member("db_datawriter"));
        // What is seen is there, whatever else may not be seen.
        users.sees_all = false;
        assert!(!known(&users).pending());
        users.members.pop();
        assert!(matches!(sql_user(&request(Value::from(ID)), &users).unwrap(), Judged::Unseen));
    }

    #[test]
    fn nothing_that_is_not_seen_counts_as_missing() {
        let judged = sql_user(&request(Value::from(ID)), &DatabaseUsers::default()).unwrap();
        assert!(matches!(judged, Judged::Unseen));
    }

    #[test]
    fn the_identity_is_found_under_another_name() {
        let users =
            DatabaseUsers { with_sid: Some(user("app]", SID)), sees_all: true, ..DatabaseUsers::default() };
        let outcome = known(&users);
        assert_eq!(outcome.user.unwrap().name.as_str(), "app]");
        assert!(!outcome.live.is_null());
    }

    #[test]
    fn a_name_of_another_identity_is_not_taken_over() {
        let other = "0x00000000000000000000000000000001";
        let users =
            DatabaseUsers { named: Some(user("ca-demo", other)), sees_all: true, ..DatabaseUsers::default() };
        for client_id in [Value::from(ID), Value::computed("mi.system", "x".to_owned())] {
            assert!(matches!(sql_user(&request(client_id), &users).unwrap(), Judged::OtherIdentity));
        }
    }
}
