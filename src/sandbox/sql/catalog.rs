//! Who is known in a database, what each may do there, and what of it each sees.

use crate::sandbox::state::SqlDatabase;

/// The roles that every database has (Microsoft Learn, database-level roles).
pub(super) const FIXED_ROLES: &[&str] = &[
    "db_owner",
    "db_accessadmin",
    "db_securityadmin",
    "db_ddladmin",
    "db_backupoperator",
    "db_datareader",
    "db_datawriter",
    "db_denydatareader",
    "db_denydatawriter",
];

/// Users that every database has.
const SYSTEM_USERS: &[&str] = &["dbo", "guest", "INFORMATION_SCHEMA", "sys"];

/// A row of `sys.database_principals`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) sid: Option<Vec<u8>>,
    pub(super) fixed: bool,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The server's administrator, who is `dbo` in every database.
    Owner,
    /// A member of the group that is the server's administrator: `dbo` too, but no membership is told of it.
    OwnerByGroup,
    /// A user of the database, by its name.
    User(String),
}

/// Names are compared as the collation has it: without case, without spaces at the end.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches(' ').to_lowercase() == other.trim_end_matches(' ').to_lowercase()
}

/// A database as one login has it before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Catalog<'d> {
    pub(super) database: &'d SqlDatabase,
    pub(super) who: &'d Who,
}

impl Catalog<'_> {
    /// Every principal.
    pub(super) fn all(&self) -> Vec<Principal> {
        let built_in = |number: u8| {
            // S-1-9-3 and the id, as the sids of roles are.
            let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0];
            sid.resize(27, 0);
            sid.push(number);
            sid
        };
        let role = |id: i64, name: &str, sid: Vec<u8>, fixed: bool| Principal {
            id,
            name: name.to_owned(),
            kind: "R".to_owned(),
            sid: Some(sid),
            fixed,
        };
        let mut all = vec![role(0, "public", built_in(0), false)];
        for (id, name) in (1..).zip(SYSTEM_USERS) {
            let sid = match *name {
                "dbo" => Some(vec![1]),
                "guest" => Some(vec![0]),
                _ => None,
            };
            all.push(Principal { id, name: (*name).to_owned(), kind: "S".to_owned(), sid, fixed: false });
        }
        for (id, (name, user)) in (5..).zip(&self.database.users) {
            let sid = user.sid.strip_prefix("0x").and_then(super::unhex);
            all.push(Principal { id, name: name.clone(), kind: user.kind.clone(), sid, fixed: false });
        }
        for (number, name) in (1_u8..).zip(FIXED_ROLES) {
            all.push(role(16_383 + i64::from(number), name, built_in(number), true));
        }
        for (number, name) in (100_u8..).zip(&self.database.roles) {
            all.push(role(16_500 + i64::from(number), name, built_in(number), false));
        }
        all
    }

    /// The principal of this name.
    pub(super) fn find(&self, name: &str) -> Option<Principal> {
        self.all().into_iter().find(|one| same(&one.name, name))
    }

    /// The principals whose rows are shown: one's own, the system's users, the fixed roles, one's roles, and
    /// what one may change (Microsoft Learn, `sys.database_principals`, permissions).
    pub(super) fn visible(&self) -> Vec<Principal> {
        let all = self.all().into_iter();
        all.filter(|one| {
            let is_role = one.kind == "R";
            let by_right = if is_role { self.view_definition() } else { self.alter_any_user() };
            by_right
                || one.fixed
                || one.name == "public"
                || SYSTEM_USERS.contains(&one.name.as_str())
                || matches!(self.who, Who::User(name) if same(name, &one.name))
                || (is_role && self.is_member(&one.name))
        })
        .collect()
    }

    /// Pairs of role and member that are shown.
    pub(super) fn members(&self) -> Vec<(Principal, Principal)> {
        let all = self.all();
        let find = |name: &str| all.iter().find(|one| same(&one.name, name)).cloned();
        let own = |name: &str| matches!(self.who, Who::User(who) if same(who, name));
        let mut members: Vec<_> = find("db_owner").zip(find("dbo")).into_iter().collect();
        if self.view_definition() {
            for (role, above) in &self.database.nested {
                members.extend(above.iter().filter_map(|above| find(above).zip(find(role))));
            }
        }
        for (name, user) in &self.database.users {
            if !own(name) && !self.view_definition() {
                continue;
            }
            members.extend(user.roles.iter().filter_map(|role| find(role).zip(find(name))));
        }
        members
    }

    /// Whether whoever has logged in is in the role.
    pub(super) fn is_member(&self, role: &str) -> bool {
        match self.who {
            Who::Owner | Who::OwnerByGroup => same(role, "db_owner") || same(role, "public"),
            Who::User(name) => self.has(name, role),
        }
    }

    /// Whether the user of this name is in the role.
    pub(super) fn has(&self, user: &str, role: &str) -> bool {
        same(role, "public")
            || (same(user, "dbo") && same(role, "db_owner"))
            || self
                .database
                .users
                .iter()
                .any(|(name, own)| same(name, user) && own.roles.iter().any(|have| self.leads(have, role)))
    }

    /// Whether a member of the first role is in the second, by roles that are members of roles. None is in
    /// itself by way of others: SQL Server refuses that.
    fn leads(&self, from: &str, to: &str) -> bool {
        let above = self.database.nested.iter().filter(|(role, _)| same(role, from));
        same(from, to) || above.flat_map(|(_, roles)| roles).any(|role| self.leads(role, to))
    }

    pub(super) fn owner(&self) -> bool {
        self.is_member("db_owner")
    }

    pub(super) fn alter_any_user(&self) -> bool {
        self.owner() || self.is_member("db_accessadmin")
    }

    pub(super) fn alter_any_role(&self) -> bool {
        self.owner() || self.is_member("db_securityadmin")
    }

    pub(super) fn view_definition(&self) -> bool {
        self.owner() || self.is_member("db_securityadmin")
    }
}
