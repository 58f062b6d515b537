//! What a database says of a user: the rows of [`super::READ`].

use serde::{Deserialize, Serialize};

use super::{Name, Row};

/// A user of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its sid in hexadecimal.
    pub sid: String,
}

/// A membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The role.
    pub role: String,
    /// The user.
    pub user: String,
}

/// Everything that one reading tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseUsers {
    /// Whether the caller sees every user and role: only then a missing one is not there.
    pub sees_all: bool,
    /// Whether the caller may create users.
    pub creates_users: bool,
    /// Whether the caller owns the database: only owners change the members of its fixed roles.
    pub owner: bool,
    /// The user of the name that was asked for.
    pub named: Option<User>,
    /// The user with the sid that was asked for.
    pub with_sid: Option<User>,
    /// Every role.
    pub roles: Vec<String>,
    /// The roles that either user is in.
    pub members: Vec<Member>,
}

impl DatabaseUsers {
    /// Takes the rows apart. What is not known among them is passed over; without the first row nothing in
    /// them is certain.
    pub fn of(rows: &[Row]) -> DatabaseUsers {
        let mut users = DatabaseUsers::default();
        for row in rows {
            let text = |column: usize| row.get(column).and_then(Option::as_deref).unwrap_or_default();
            let user = || User { name: text(1).to_owned(), sid: text(2).to_owned() };
            match text(0) {
                "caller" => {
                    users.sees_all = text(1) == "1";
                    users.creates_users = text(2) == "1";
                    users.owner = text(3) == "1";
                }
                "user" => users.named = Some(user()),
                "sid" => users.with_sid = Some(user()),
                "role" => users.roles.push(text(1).to_owned()),
                "member" => {
                    users.members.push(Member { role: text(1).to_owned(), user: text(2).to_owned() });
                }
                _ => {}
            }
        }
        users
    }

    /// The first of these roles that the database does not have, if the caller would see it.
    pub fn unknown_role<'n>(&self, roles: &'n [Name]) -> Option<&'n Name> {
        let has = |role: &&Name| {
            let folded = role.as_str().to_lowercase();
            self.roles.iter().any(|have| have.to_lowercase() == folded)
        };
        roles.iter().find(|role| !has(role)).filter(|_| self.sees_all)
    }
}
