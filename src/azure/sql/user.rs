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
    /// Whether the caller may create users; `None`: the database does not say.
    pub creates_users: Option<bool>,
    /// Whether the caller owns the database: only owners change the members of its fixed roles. `None`: the
    /// database does not say.
    pub owner: Option<bool>,
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
                    users.creates_users = told(row, 2);
                    users.owner = owner(row);
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

/// A yes or no in a column; `None`: null.
fn told(row: &Row, column: usize) -> Option<bool> {
    row.get(column).and_then(Option::as_deref).map(|text| text == "1")
}

/// Any yes is one, and no only if all say no: of a member of the group that administers the server
/// `IS_ROLEMEMBER` tells nothing that holds
/// (<https://learn.microsoft.com/sql/t-sql/functions/is-rolemember-transact-sql#remarks>).
fn owner(row: &Row) -> Option<bool> {
    // The owner, dbo, is always principal 1.
    let signs = [told(row, 3), told(row, 4), told(row, 5)];
    if signs.contains(&Some(true)) {
        return Some(true);
    }
    signs.iter().all(Option::is_some).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_sign_makes_an_owner_and_only_three_denials_make_none() {
        let owner = |signs: [Option<&str>; 3]| {
            let caller = [Some("caller"), Some("1"), None].into_iter().chain(signs);
            let users = DatabaseUsers::of(&[caller.map(|cell| cell.map(str::to_owned)).collect()]);
            assert_eq!(users.creates_users, None);
            users.owner
        };
        let (yes, no) = (Some("1"), Some("0"));
        for (signs, expected) in [
            ([yes, no, Some("7")], Some(true)),
            ([no, yes, Some("7")], Some(true)),
            ([None, None, Some("1")], Some(true)),
            ([no, no, Some("7")], Some(false)),
            ([None, no, Some("7")], None),
            ([no, None, Some("7")], None),
            ([no, no, None], None),
        ] {
            assert_eq!(owner(signs), expected, "{signs:?}");
        }
    }
}
