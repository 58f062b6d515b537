//! `sql` steps under the facts at hand: what the database says of the user, what is to change, and what is
//! left to a person because the run may not, cannot or shall not do it.

use super::frame::{Frame, shown, step_origins};
use super::stepping::usable;
use super::{Finding, Status, quote};
use crate::azure::ResourceId;
use crate::azure::sql::{self, DatabaseUsers, Name, recreate_script, removal_script, script};
use crate::diagnostic::{Code, Diagnostic, Span, codes};
use crate::facts::Read;
use crate::recipe::{SqlRemoval, SqlUser, Step};
use crate::steps::{DatabaseUser, Judged, Outcome, UserRequest, sql_user};
use crate::value::Value;

/// Roles that give every right on the database, or rights to others.
const GIVING: &[&str] = &["db_owner", "db_securityadmin", "db_accessadmin"];

/// Something that a person is to do.
#[derive(Clone, Debug)]
pub struct ByHand {
    /// The key of the step run.
    pub key: String,
    /// The instance's name.
    pub instance: String,
    /// What the step is for.
    pub why: Option<String>,
    /// What is to be done, in a few words: `sql user ca-demo in appdb: db_datareader, db_datawriter`.
    pub what: String,
    /// Why a person.
    pub cause: Cause,
    /// The reason in words.
    pub reason: String,
    /// What would let the run do it itself.
    pub fix: Option<String>,
    /// The server's host.
    pub host: String,
    /// The database.
    pub database: String,
    /// T-SQL for an administrator of the database; `None` while the identity has no client id.
    pub script: Option<String>,
}

/// Why a person is to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The recipe was told to leave it to a person.
    Asked,
    /// Whether it is in place cannot be seen.
    Unseen,
    /// It is not in place, and the caller may not do it.
    NoRight,
    /// The database has a user of the name for another identity: what becomes of it is a person's to say.
    OtherIdentity,
}

impl ByHand {
    /// How its part of the desired state stands.
    pub fn status(&self) -> Status {
        match self.cause {
            Cause::Asked => Status::ActionRequired,
            Cause::Unseen => Status::CouldNotCheck,
            Cause::NoRight | Cause::OtherIdentity => Status::Failed,
        }
    }

    /// What stands in the way of the first write, or may.
    pub(super) fn prerequisite(&self) -> Option<Finding> {
        let (code, name): (Code, String) = match self.cause {
            Cause::Asked => return None,
            Cause::Unseen => (codes::DATABASE, format!("the users of {} can be seen", self.database)),
            Cause::NoRight => (codes::PERMISSION, format!("may change {}", self.what)),
            Cause::OtherIdentity => {
                (codes::SQL_USER, "the user's name is free or the identity's own".to_owned())
            }
        };
        let finding = Finding::new(self.status(), code, name).detail(self.reason.clone()).of(&self.instance);
        Some(match &self.fix {
            Some(fix) => finding.fix(fix.clone()),
            None => finding,
        })
    }
}

/// What a `sql` step comes to.
#[derive(Default)]
pub(super) struct Database {
    pub(super) outcome: Option<Outcome>,
    pub(super) by_hand: Option<ByHand>,
    /// The values that it stands or falls with.
    pub(super) uses: Vec<Value>,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Run,
    Print,
}

impl Frame<'_, '_> {
    pub(super) fn database_user(&self, step: &Step, key: &str, wanted: &SqlUser) -> Database {
        let evaluated: Vec<Value> = wanted.expressions().map(|one| self.expression(one)).collect();
        let mut result = Database { uses: evaluated.clone(), ..Database::default() };
        // All of it is shown, in plans and scripts.
        let hidden = wanted.expressions().zip(&evaluated).any(|(expression, value)| {
            let marks = value.get("id").map_or(value.marks, |id| id.marks);
            self.hides(marks, expression.span, "part of a database user")
        });
        if hidden {
            return Database::default();
        }
        let [server, database, name, client_id, roles, mode @ ..] = evaluated.as_slice() else {
            return result;
        };
        for known in [server, database, roles].into_iter().chain(mode) {
            self.must_be_known(step, known);
        }
        let read = |value: &Value| !value.is_unknown() || !step_origins(value).is_empty();
        if !evaluated.iter().all(usable) || !evaluated.iter().all(read) || self.engine.place_is_missing() {
            return result;
        }
        let Some(mode) = self.mode(wanted, mode.first()) else { return result };
        let Some(request) = self.request(wanted, [server, database, name, client_id, roles]) else {
            return result;
        };
        let request = match request {
            Ok(request) => request,
            Err((request, reason)) => {
                let unseen = Seen { reason, fix: None };
                result.by_hand =
                    Some(left(key, &request, &request.user(None, Vec::new()), Cause::Unseen, unseen));
                return result;
            }
        };
        // Of no bytes: whether text without 0x converts is not documented.
        let sid = request.client_id().map_or_else(|| "0x".to_owned(), |id| sql::sid(&id));
        let fact = self.engine.asked.value(&Read::sql_user(
            &request.id(),
            &request.server,
            &request.database,
            request.name.as_str(),
            &sid,
        ));
        if fact.is_unknown() {
            result.uses.push(fact);
            return result;
        }
        self.judge(wanted, key, mode, &request, &fact, &mut result);
        result
    }

    fn judge(
        &self,
        wanted: &SqlUser,
        key: &str,
        mode: Mode,
        request: &UserRequest,
        fact: &Value,
        result: &mut Database,
    ) {
        let user = request.user(None, request.roles.clone());
        let hand = |user: &DatabaseUser, cause, reason: String, fix: Option<String>| {
            Some(left(key, request, user, cause, Seen { reason, fix }))
        };
        if let Some(reason) = fact.text_at(&["unseen"]) {
            let fix = fact.text_at(&["fix"]).map(str::to_owned);
            result.by_hand = hand(&user, Cause::Unseen, reason.to_owned(), fix);
            return;
        }
        let json = fact.to_json().unwrap_or_default();
        let users: DatabaseUsers = serde_json::from_value(json).unwrap_or_default();
        if let Some(unknown) = users.unknown_role(&request.roles) {
            let message = format!("the database {} has no role `{}`", request.database, unknown.as_str());
            self.at(Diagnostic::error(codes::NO_SUCH_ROLE, message), wanted.roles.span);
            return;
        }
        let judged = match sql_user(request, &users) {
            Ok(judged) => judged,
            Err(error) => {
                self.at(Diagnostic::error(codes::DOES_NOT_FIT, error.to_string()), wanted.server.span);
                return;
            }
        };
        match judged {
            Judged::Known(outcome) => {
                let pending = outcome.pending();
                let user = outcome.user.clone().unwrap_or(user);
                if !pending {
                    result.outcome = Some(*outcome);
                } else if mode == Mode::Print {
                    let reason = "it was asked for as a script; nothing is written".to_owned();
                    result.by_hand = hand(&user, Cause::Asked, reason, None);
                } else if let Some(reason) = lacking(&users, outcome.creates(), &user) {
                    let fix = "let an administrator of the database run the script below".to_owned();
                    result.by_hand = hand(&user, Cause::NoRight, reason, Some(fix));
                } else {
                    result.outcome = Some(*outcome);
                }
            }
            Judged::Unseen => {
                let reason = format!(
                    "the caller may log in to {}, but not see all its users and roles (VIEW DEFINITION)",
                    request.database
                );
                result.by_hand = hand(&user, Cause::Unseen, reason, Some(administrators(&request.server)));
            }
            Judged::OtherIdentity => {
                let reason = format!(
                    "{} has a user {} for another identity; one that was deleted and made again gets another client id",
                    request.database,
                    request.name.as_str()
                );
                let cause = if mode == Mode::Print { Cause::Asked } else { Cause::OtherIdentity };
                let fix = "let an administrator look at that user; the script below drops it, with all its rights, and makes it anew".to_owned();
                let mut by_hand = left(key, request, &user, cause, Seen { reason, fix: Some(fix) });
                by_hand.script =
                    request.client_id().map(|id| recreate_script(&request.name, &id, &request.roles));
                result.by_hand = Some(by_hand);
            }
        }
    }

    fn at(&self, diagnostic: Diagnostic, span: Span) {
        self.engine.problem(diagnostic.label(&self.recipe().source, span, ""));
    }

    fn mode(&self, wanted: &SqlUser, mode: Option<&Value>) -> Option<Mode> {
        match mode.filter(|mode| !mode.is_null()).map(|mode| mode.as_str()) {
            None | Some(Some("run")) => Some(Mode::Run),
            Some(Some("print")) => Some(Mode::Print),
            Some(_) => {
                let span = wanted.mode.as_ref().map_or(wanted.server.span, |mode| mode.span);
                self.at(Diagnostic::error(codes::BAD_VALUE, "the mode is `run` or `print`"), span);
                None
            }
        }
    }

    /// The request in definite terms; `None`: a problem was reported. The inner error: the database may not be
    /// asked, for this reason.
    fn request(
        &self,
        wanted: &SqlUser,
        [server, database, name, client_id, roles]: [&Value; 5],
    ) -> Option<Result<UserRequest, (UserRequest, String)>> {
        let id = server.text_at(&["id"]).and_then(ResourceId::parse)?;
        let database_name = database.as_str().filter(|name| !name.is_empty());
        let Some(database) = database_name else {
            self.at(Diagnostic::error(codes::BAD_VALUE, "no database is named"), wanted.database.span);
            return None;
        };
        // A name that only a step tells is none yet.
        let name = self.name(name, wanted.name.span, "a database user")?;
        let roles = self.roles(roles, wanted.roles.span)?;
        let wrong = match client_id.as_str() {
            Some(id) => uuid::Uuid::try_parse(id).is_err(),
            None => !client_id.is_unknown(),
        };
        if wrong {
            let given = shown(client_id).unwrap_or_default();
            let message = format!("a database user for nobody: `{given}` is no client id");
            self.at(Diagnostic::error(codes::NO_PRINCIPAL, message), wanted.client_id.span);
            return None;
        }
        let suffixes = &self.engine.request.target.cloud.suffixes;
        let suffix = suffixes.iter().find(|(name, _)| name == "sql").map_or("", |(_, suffix)| suffix);
        let expected = sql::host(suffix, id.name());
        let told = server.text_at(&["properties", "fullyQualifiedDomainName"]);
        let request = UserRequest {
            host: expected.clone().or(told.map(str::to_owned)).unwrap_or_default(),
            server: id,
            database: database.to_owned(),
            name,
            client_id: client_id.clone(),
            roles,
        };
        // Tokens go to no other host, and another host may be another database.
        Some(match (expected, told) {
            (Some(expected), Some(told)) if told.eq_ignore_ascii_case(&expected) => Ok(request),
            (Some(expected), Some(told)) => {
                Err((request, format!("the server's host is {told}, and tokens go to {expected} only")))
            }
            (Some(_), None) => Err((request, "the server tells no host".to_owned())),
            (None, _) => {
                let reason = format!("{} is no name of a server in this cloud", request.server.name());
                Err((request, reason))
            }
        })
    }

    fn name(&self, value: &Value, span: Span, what: &str) -> Option<Name> {
        if value.is_unknown() {
            return None;
        }
        let text = value.as_str().unwrap_or_default();
        Name::new(text)
            .map_err(|error| {
                let message = format!("`{text}` is no name for {what}: {error}");
                self.at(Diagnostic::error(codes::BAD_NAME, message), span);
            })
            .ok()
    }

    fn roles(&self, roles: &Value, span: Span) -> Option<Vec<Name>> {
        let Some(list) = roles.as_list() else {
            self.at(Diagnostic::error(codes::BAD_VALUE, "the roles are not a list of names"), span);
            return None;
        };
        let mut names: Vec<Name> = Vec::new();
        for role in list {
            let name = self.name(role, span, "a database role")?;
            let folded = name.as_str().to_lowercase();
            if GIVING.contains(&folded.as_str()) {
                let message = format!(
                    "members of {folded} can give rights away, or have all of them; no recipe may put anybody in"
                );
                self.at(Diagnostic::error(codes::ROLE_REFUSED, message), span);
                return None;
            }
            if folded == "public" {
                let message = "every user is in the role public";
                self.at(Diagnostic::error(codes::BAD_VALUE, message).fix("leave it out"), span);
                return None;
            }
            if !names.iter().any(|have| have.as_str().to_lowercase() == folded) {
                names.push(name);
            }
        }
        Some(names)
    }
}

/// Why it is left to a person.
struct Seen {
    reason: String,
    fix: Option<String>,
}

fn left(key: &str, request: &UserRequest, user: &DatabaseUser, cause: Cause, seen: Seen) -> ByHand {
    ByHand {
        key: key.to_owned(),
        instance: String::new(),
        why: None,
        what: user.told(),
        cause,
        reason: seen.reason,
        fix: seen.fix,
        host: request.host.clone(),
        database: request.database.clone(),
        script: user.client_id.map(|id| script(&user.name, &id, &user.roles)),
    }
}

/// A user whose roles cannot be seen: what is to be taken from it is left to a person, with the script.
pub(super) fn unseen_user(
    key: &str,
    wanted: &SqlRemoval,
    host: &str,
    reason: String,
    fix: Option<String>,
) -> Database {
    let roles = || wanted.roles.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let what = if wanted.user {
        format!("sql user {} in {} removed", wanted.name.as_str(), wanted.database)
    } else {
        format!("sql user {} in {} out of {}", wanted.name.as_str(), wanted.database, roles())
    };
    let by_hand = ByHand {
        key: key.to_owned(),
        instance: String::new(),
        why: None,
        what,
        cause: Cause::Unseen,
        reason,
        fix,
        host: host.to_owned(),
        database: wanted.database.clone(),
        script: Some(removal_script(&wanted.name, &wanted.client_id, &wanted.roles, wanted.user)),
    };
    Database { by_hand: Some(by_hand), ..Database::default() }
}

/// What the caller may not do of what is to be done; `None`: nothing that shows.
fn lacking(users: &DatabaseUsers, create: bool, user: &DatabaseUser) -> Option<String> {
    // A doubtful answer is none: the script tries.
    if create && users.creates_users == Some(false) {
        return Some(format!("the caller may not create users in {} (ALTER ANY USER)", user.database));
    }
    // https://learn.microsoft.com/sql/t-sql/statements/alter-role-transact-sql#permissions
    let fixed = user.missing.iter().find(|role| role.as_str().to_lowercase().starts_with("db_"));
    let fixed = fixed.filter(|_| users.owner == Some(false))?;
    Some(format!("only an owner of {} (db_owner) puts users into {}", user.database, fixed.as_str()))
}

/// The command that says who may log in first.
pub(crate) fn administrators(server: &ResourceId) -> String {
    format!(
        "run it as the server's Microsoft Entra administrator: az sql server ad-admin list --resource-group {} --server {}",
        quote(server.resource_group().unwrap_or_default()),
        quote(server.name())
    )
}
