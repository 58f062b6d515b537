//! What is asked of databases and written to them: everything past the hook and into the ledger as the
//! writes of Azure Resource Manager are.

use serde_json::json;

use super::ledger::{Done, Ledger};
use super::repeat::{Next, TRIES, backoff};
use super::{Event, Executor, Failure, WriteEnd, WriteKind, WriteRecord};
use crate::azure::sql::{Batch, DatabaseUsers, OTHER_IDENTITY, READ, SqlError, removal_script, script};
use crate::azure::{ArmRequest, Method, ResourceId};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{DATABASE, Fact, Read, SERVER, SID, USER};
use crate::plan::{Plan, Write, administrators, quote};
use crate::steps::DatabaseUser;
use crate::value::Value;

/// Where to run it when the port is closed here.
const ELSEWHERE: &str = "run it where port 1433 of the server can be reached: Azure Cloud Shell, or a machine in the virtual network of its private endpoint";

/// The number of "user already exists in the current database".
const EXISTS: u32 = 15_023;

/// How a try of a script failed.
pub(super) enum Script {
    /// Nothing to repeat.
    Failed(Failure),
    /// The database refused, or fell silent before or after it had taken the script.
    Refused(SqlError),
}

impl From<Failure> for Script {
    fn from(failure: Failure) -> Script {
        Script::Failed(failure)
    }
}

impl Executor {
    /// What a database says of a user. That it cannot be asked is a fact too: nothing of it counts as missing
    /// then, and the rest of the run goes on.
    pub(super) async fn database_user(&self, read: &Read) -> Fact {
        let unseen = |reason: String, fix: Option<String>| {
            Fact::Found(Value::from(json!({ "unseen": reason, "fix": fix })))
        };
        let server = ResourceId::parse(read.parameter(SERVER));
        let Some(server) = server else { return unseen("the server's id is none".to_owned(), None) };
        let parameters = [read.parameter(USER).to_owned(), read.parameter(SID).to_owned()];
        let batch = Batch { text: READ, parameters: &parameters, again: true };
        match self.client.sql(&server, read.parameter(DATABASE), &batch, self.deadline).await {
            Ok(rows) => match serde_json::to_value(DatabaseUsers::of(&rows)) {
                Ok(users) => Fact::Found(Value::from(users)),
                Err(error) => unseen(error.to_string(), None),
            },
            Err(error) => {
                let fix = fix(&error, &server);
                unseen(error.to_string(), fix)
            }
        }
    }

    /// Sends the script that makes what the write misses of its user.
    pub(super) async fn send_script(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        user: &DatabaseUser,
        done: &Done,
    ) -> Result<(), Script> {
        let Some(client_id) = &user.client_id else {
            let message = format!("a value that is needed to {} is not known", done.what);
            let diagnostic = Diagnostic::error(codes::NOT_KNOWN_AT_PLAN, message);
            return Err(Failure::Azure(Box::new(diagnostic.note("nothing was sent"))).into());
        };
        // No request of ARM; it is recorded under the id that plans give the user.
        let path = write.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let request = ArmRequest::new(Method::Post, path, String::new());
        let kind = WriteKind::Database {
            server: user.server.clone(),
            database: user.database.clone(),
            user: user.name.as_str().to_owned(),
            client_id: Some(client_id.to_string()),
        };
        let record = self.announce(&WriteRecord::of(plan, write, &request, kind, &done.what))?;
        self.observer.event(&Event::Writing { what: done.what.clone() });
        ledger.sent(done);
        let text = if user.goes || !user.leaves.is_empty() {
            removal_script(&user.name, client_id, &user.leaves, user.goes)
        } else {
            script(&user.name, client_id, &user.missing)
        };
        let batch = Batch { text: &text, parameters: &[], again: false };
        let answer = self.client.sql(&user.server, &user.database, &batch, self.deadline).await;
        let end = match &answer {
            Ok(_) => {
                ledger.accepted(done);
                WriteEnd::done(200)
            }
            Err(error) => {
                if !error.maybe_applied() {
                    ledger.refused(done);
                }
                let code = error.number().map(|number| number.to_string());
                WriteEnd::Failed { code, maybe_applied: error.maybe_applied() }
            }
        };
        self.hook.after(&record, &end);
        answer.map(|_| ()).map_err(Script::Refused)
    }
}

/// What to do after a database has refused a script or fallen silent. Before it is sent again the database
/// is read again: what took effect is not sent twice.
pub(super) fn after_refused(user: &DatabaseUser, what: &str, error: &SqlError, tries: u32) -> Next {
    let passing = error.may_pass()
        || matches!(error, SqlError::Unreachable { .. } | SqlError::Timeout { .. })
        // Another run made the user, or a try whose answer was lost.
        || error.number() == Some(EXISTS);
    if passing && tries < TRIES {
        return Next::Again { after: backoff(tries), reason: error.to_string() };
    }
    Next::Stop(refusal(user, what, error))
}

/// The failure of a script.
pub(super) fn refusal(user: &DatabaseUser, what: &str, error: &SqlError) -> Failure {
    let code = if error.number() == Some(OTHER_IDENTITY) { codes::SQL_USER } else { codes::AZURE_REFUSED };
    let mut diagnostic = Diagnostic::error(code, error.to_string())
        .note(format!("while trying to {what}"))
        .resource(&user.server);
    if let Some(fix) = fix(error, &user.server) {
        diagnostic = diagnostic.fix(fix);
    }
    let diagnostic = Box::new(diagnostic);
    match error {
        SqlError::Timeout { .. } => Failure::Deadline(diagnostic),
        _ => Failure::Azure(diagnostic),
    }
}

/// What lets a database be asked.
fn fix(error: &SqlError, server: &ResourceId) -> Option<String> {
    match error {
        SqlError::Firewall { .. } => Some(match error.refused_address() {
            Some(address) => format!(
                "az sql server firewall-rule create --resource-group {} --server {} --name acarecipe --start-ip-address {address} --end-ip-address {address}",
                quote(server.resource_group().unwrap_or_default()),
                quote(server.name())
            ),
            None => ELSEWHERE.to_owned(),
        }),
        SqlError::Unreachable { .. } | SqlError::Timeout { .. } => Some(ELSEWHERE.to_owned()),
        SqlError::LoginFailed { .. } | SqlError::Denied { .. } => Some(administrators(server)),
        SqlError::NotAsked { .. } | SqlError::Server { .. } => None,
    }
}
