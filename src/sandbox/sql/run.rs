//! Batches run on a database: what they read, what they change, what they are refused.

use uuid::Uuid;

use super::Failure;
use super::catalog::{Catalog, FIXED_ROLES, Who, same};
use super::tree::{Statement, UserOrigin, Value};
use super::values::Scope;
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{SqlDatabase, SqlUser};

/// A login in a database.
pub(super) struct Session<'s> {
    pub(super) name: String,
    pub(super) database: &'s mut SqlDatabase,
    pub(super) who: Who,
    pub(super) parameters: &'s [String],
    pub(super) rules: &'s Switches,
    /// The application ids of the directory, by name.
    pub(super) directory: Vec<(String, Uuid)>,
    rows: Vec<Vec<Value>>,
    refused: Option<Failure>,
    xact_abort: bool,
}

/// Whether the batch goes on after a statement.
enum Flow {
    On,
    Ended,
}

impl<'s> Session<'s> {
    pub(super) fn new(
        name: String,
        database: &'s mut SqlDatabase,
        who: Who,
        parameters: &'s [String],
        rules: &'s Switches,
        directory: Vec<(String, Uuid)>,
    ) -> Session<'s> {
        Session {
            name,
            database,
            who,
            parameters,
            rules,
            directory,
            rows: Vec::new(),
            refused: None,
            xact_abort: false,
        }
    }

    /// Runs the statements. Of several refusals the first is told; the statements before it, and after it
    /// those that still ran, have taken effect.
    pub(super) fn run(mut self, statements: &[Statement]) -> Result<Vec<Vec<Value>>, Failure> {
        for statement in statements {
            if matches!(self.statement(statement), Flow::Ended) {
                break;
            }
        }
        self.refused.map_or(Ok(self.rows), Err)
    }

    fn statement(&mut self, statement: &Statement) -> Flow {
        let done = match statement {
            Statement::Select(select) => self.scope().select(select).map(|rows| self.rows.extend(rows)),
            Statement::If { condition, then, otherwise } => {
                let holds = self.scope().holds(condition);
                match (holds, otherwise) {
                    (Ok(Some(true)), _) => return self.statement(then),
                    (Ok(_), Some(otherwise)) => return self.statement(otherwise),
                    (Ok(_), None) => Ok(()),
                    (Err(failure), _) => Err(failure),
                }
            }
            Statement::Block(statements) => {
                for statement in statements {
                    if matches!(self.statement(statement), Flow::Ended) {
                        return Flow::Ended;
                    }
                }
                Ok(())
            }
            Statement::Throw { number, message } => {
                let number = u32::try_from(*number).unwrap_or(u32::MAX);
                self.refused.get_or_insert(Failure::new(number, message.clone()));
                return Flow::Ended;
            }
            Statement::Set { xact_abort } => {
                self.xact_abort = xact_abort.unwrap_or(self.xact_abort);
                Ok(())
            }
            Statement::CreateUser { name, origin } => self.create_user(name, origin),
            Statement::DropUser { name, if_exists } => self.drop_user(name, *if_exists),
            Statement::AlterRole { role, adds, member } => self.alter_role(role, *adds, member),
        };
        match done {
            Ok(()) => Flow::On,
            Err(failure) => {
                self.refused.get_or_insert(failure);
                if self.xact_abort || !self.rules.holds(Switch::SqlBatchGoesOn) {
                    Flow::Ended
                } else {
                    Flow::On
                }
            }
        }
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog { database: self.database, who: &self.who }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            catalog: self.catalog(),
            name: &self.name,
            parameters: self.parameters,
            rules: self.rules,
            rows: &[],
        }
    }

    fn create_user(&mut self, name: &str, origin: &UserOrigin) -> Result<(), Failure> {
        if !self.catalog().alter_any_user() {
            return Err(Failure::new(15_247, "User does not have permission to perform this action."));
        }
        if self.catalog().find(name).is_some() {
            let message = format!("User, group, or role '{name}' already exists in the current database.");
            return Err(Failure::new(15_023, message));
        }
        let (sid, kind) = match origin {
            UserOrigin::Sid(sid, _) if sid.len() != 16 => {
                return Err(Failure::new(15_419, "Supplied parameter sid should be binary(16)."));
            }
            UserOrigin::Sid(sid, kind) => (sid.clone(), kind.clone()),
            UserOrigin::Directory => {
                let found = self.directory.iter().find(|(own, _)| same(own, name));
                let (_, id) = found.ok_or_else(|| {
                    let message = format!(
                        "Principal '{name}' could not be found or this principal type is not supported."
                    );
                    Failure::new(33_130, message)
                })?;
                (id.to_bytes_le().to_vec(), "E".to_owned())
            }
        };
        if self.catalog().all().iter().any(|one| one.sid.as_ref() == Some(&sid)) {
            let message = "The login already has an account under a different user name.";
            return Err(Failure::new(15_063, message));
        }
        let user = SqlUser { sid: super::hex(&sid), kind, roles: std::collections::BTreeSet::new() };
        self.database.users.insert(name.to_owned(), user);
        Ok(())
    }

    fn drop_user(&mut self, name: &str, if_exists: bool) -> Result<(), Failure> {
        let known = self.database.users.keys().find(|own| same(own, name)).cloned();
        let system = known.is_none() && self.catalog().find(name).is_some_and(|one| one.kind == "S");
        match known {
            Some(own) if self.catalog().alter_any_user() => {
                self.database.users.remove(&own);
                Ok(())
            }
            None if if_exists && !system => Ok(()),
            _ if system => Err(Failure::new(15_150, format!("Cannot drop the user '{name}'."))),
            _ => Err(no_principal("drop the user", name)),
        }
    }

    fn alter_role(&mut self, role: &str, adds: bool, member: &str) -> Result<(), Failure> {
        if same(role, "public") {
            return Err(Failure::new(15_081, "Membership of the public role cannot be changed."));
        }
        let fixed = FIXED_ROLES.iter().find(|own| same(own, role)).map(|own| (*own).to_owned());
        let own = self.database.roles.iter().find(|own| same(own, role)).cloned();
        let may = if fixed.is_some() { self.catalog().owner() } else { self.catalog().alter_any_role() };
        let Some(role) = fixed.or(own).filter(|_| may) else {
            return Err(no_principal("alter the role", role));
        };
        if same(member, "dbo") {
            return Err(Failure::new(15_405, "Cannot use the special principal 'dbo'."));
        }
        let Some((_, user)) = self.database.users.iter_mut().find(|(own, _)| same(own, member)) else {
            return Err(no_principal(if adds { "add the principal" } else { "drop the principal" }, member));
        };
        if adds {
            user.roles.insert(role);
        } else {
            user.roles.retain(|have| !same(have, &role));
        }
        Ok(())
    }
}

/// The one answer for what is not there and for what may not be changed.
fn no_principal(what: &str, name: &str) -> Failure {
    let message = format!("Cannot {what} '{name}', because it does not exist or you do not have permission.");
    Failure::new(15_151, message)
}
