//! The data plane of SQL servers, as far as users of databases are read and made with it: who gets in, and
//! a reader for the few statements that are about users. It judges a batch by SQL Server's own grammar: a
//! name that should be quoted and is not, a quote that does not end, a second statement smuggled in are what
//! they would be there.
//!
//! There is no wire: [`Sandbox::sql`](super::Sandbox::sql) takes the text that a driver would send.

mod catalog;
mod parse;
mod run;
mod tokens;
mod tree;
mod values;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::callers::{CALLERS_ADDRESS, TOKEN_PREFIX};
use super::exchange::Exchange;
use super::faults::FaultKind;
use super::http::{Reply, Request};
use super::rules::{Switch, Switches};
use super::state::{SqlServer, State, last};
use catalog::Who;
use run::Session;
use tree::Statement;

/// A batch as a driver sends it after a login.
#[derive(Clone, Copy, Debug)]
pub struct SqlBatch<'a> {
    /// The server's host name.
    pub host: &'a str,
    /// The database that the login names.
    pub database: &'a str,
    /// The caller's token.
    pub token: &'a str,
    /// T-SQL.
    pub text: &'a str,
    /// The values of `@P1`, `@P2`, ….
    pub parameters: &'a [String],
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlReply {
    /// The rows of every result set, in order.
    Rows(Vec<Vec<Option<String>>>),
    /// SQL Server's error: its number and its sentence.
    Refused(u32, String),
    /// The connection is closed, or there is nobody at that host. Whether the batch took effect was decided
    /// before.
    Reset,
    /// No answer, ever.
    Silence,
}

/// An error of SQL Server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    number: u32,
    message: String,
}

impl Failure {
    fn new(number: u32, message: impl Into<String>) -> Failure {
        Failure { number, message: message.into() }
    }

    /// What is no T-SQL, or none that is known here.
    fn near(token: &str) -> Failure {
        Failure::new(102, format!("Incorrect syntax near '{token}'."))
    }
}

/// Bytes as T-SQL writes them.
fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default().to_ascii_uppercase();
    let digits = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    ['0', 'x'].into_iter().chain(digits).collect()
}

/// The bytes that these digits are; none for an odd number of them, or anything else.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let halves: Vec<u8> = digits
        .chars()
        .map(|c| c.to_digit(16).and_then(|half| u8::try_from(half).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = halves.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Whether a batch only reads. One that is not understood does not.
pub(super) fn only_reads(text: &str) -> bool {
    parse::batch(text).is_ok_and(|all| all.iter().all(|one| matches!(one, Statement::Select(_))))
}

/// A batch as faults and exchanges see it: `SELECT /database` for one that only reads, `BATCH` for any other, the text
/// and the parameters in its body. The token is not in it.
pub(super) fn as_request(batch: &SqlBatch<'_>) -> Request {
    let body = json!({ "text": batch.text, "parameters": batch.parameters });
    Request {
        method: if only_reads(batch.text) { "SELECT" } else { "BATCH" }.to_owned(),
        host: batch.host.to_owned(),
        path: format!("/{}", batch.database),
        body: body.to_string().into_bytes(),
        ..Request::default()
    }
}

/// Answers a batch, and tells its exchange who sent it and what came back.
pub(super) fn answer(
    state: &mut State,
    rules: &Switches,
    fault: Option<&FaultKind>,
    exchange: &mut Exchange,
    batch: &SqlBatch<'_>,
) -> SqlReply {
    exchange.caller = batch.token.strip_prefix(TOKEN_PREFIX).map(str::to_owned);
    let reply = match fault.map(|kind| (kind, kind.instead())) {
        Some((FaultKind::Status { .. } | FaultKind::DetailsNull, _)) => {
            let failure = unavailable(batch);
            SqlReply::Refused(failure.number, failure.message)
        }
        Some((FaultKind::Denied, _)) => {
            SqlReply::Refused(15_247, "User does not have permission to perform this action.".to_owned())
        }
        Some((_, Some(Reply::Silence))) => SqlReply::Silence,
        Some((_, Some(_))) => SqlReply::Reset,
        Some((kind, None)) => {
            let reply = effect(state, rules, batch);
            match kind {
                FaultKind::SilenceAfter => SqlReply::Silence,
                FaultKind::ResetAfter
                | FaultKind::TruncatedBody
                | FaultKind::HtmlBody
                | FaultKind::HugeBody(_) => SqlReply::Reset,
                _ => reply,
            }
        }
        None => effect(state, rules, batch),
    };
    let (status, answer) = match &reply {
        SqlReply::Rows(rows) => (Some(200), json!({ "rows": rows })),
        SqlReply::Refused(number, message) => (Some(400), json!({ "number": number, "message": message })),
        SqlReply::Reset | SqlReply::Silence => (None, Json::Null),
    };
    exchange.status = status;
    exchange.response_body = (!answer.is_null()).then_some(answer);
    reply
}

fn effect(state: &mut State, rules: &Switches, batch: &SqlBatch<'_>) -> SqlReply {
    let Some(server) = state.sql_server_at(batch.host) else { return SqlReply::Reset };
    let key = super::state::fold(&server.id);
    let directory = directory(state);
    let entered = enter(state, rules, server, batch);
    let answered = entered.and_then(|(name, who)| {
        let statements = parse::batch(batch.text)?;
        let Some(server) = state.sql_servers.get_mut(&key) else { return Err(login_failed()) };
        let location = server.location.clone();
        let database = server.databases.entry(name.clone()).or_insert_with(|| {
            super::state::SqlDatabase::new(&location, &name, time::OffsetDateTime::UNIX_EPOCH)
        });
        Session::new(name, database, who, batch.parameters, rules, directory).run(&statements)
    });
    match answered {
        Ok(rows) => {
            SqlReply::Rows(rows.iter().map(|row| row.iter().map(tree::Value::shown).collect()).collect())
        }
        Err(failure) => SqlReply::Refused(failure.number, failure.message),
    }
}

/// Lets the caller in, or not: the database's own spelling, and who the caller is there.
fn enter(
    state: &State,
    rules: &Switches,
    server: &SqlServer,
    batch: &SqlBatch<'_>,
) -> Result<(String, Who), Failure> {
    if server.closed() {
        return Err(Failure::new(
            47_073,
            "Connection was denied since Deny Public Network Access is set to Yes \
             (https://docs.microsoft.com/azure/azure-sql/database/connectivity-settings#deny-public-network-access). \
             To connect to this server, use the Private Endpoint from inside your virtual network.",
        ));
    }
    if !let_in(server, CALLERS_ADDRESS) {
        return Err(Failure::new(
            40_615,
            format!(
                "Cannot open server '{}' requested by the login. Client with IP address '{CALLERS_ADDRESS}' is not \
                 allowed to access the server.  To enable access, use the Azure Management Portal or run \
                 sp_set_firewall_rule on the master database to create a firewall rule for this IP address or \
                 address range.  It may take up to five minutes for this change to take effect.",
                server.name()
            ),
        ));
    }
    let caller = batch.token.strip_prefix(TOKEN_PREFIX).and_then(|name| state.callers.get(name));
    let principal = caller.map(|caller| caller.principal.as_str()).ok_or_else(login_failed)?;
    let administers = server.administrator.as_ref().is_some_and(|one| {
        let member =
            state.members.get(&one.sid).is_some_and(|members| members.iter().any(|id| id == principal));
        one.sid.eq_ignore_ascii_case(principal) || member
    });
    let master = batch.database.eq_ignore_ascii_case("master");
    let found = server.database(batch.database);
    let name = match found {
        Some((name, _)) => name.clone(),
        None if master => "master".to_owned(),
        // To anybody else the database is one in which the login has no user.
        None if administers && rules.holds(Switch::SqlUnknownDatabaseTold) => {
            let message = format!(
                "Cannot open database \"{}\" requested by the login. The login failed.",
                batch.database
            );
            return Err(Failure::new(4060, message));
        }
        None => return Err(login_failed()),
    };
    if administers {
        let by_group =
            server.administrator.as_ref().is_some_and(|one| !one.sid.eq_ignore_ascii_case(principal));
        return Ok((name, if by_group { Who::OwnerByGroup } else { Who::Owner }));
    }
    let sid = principal.parse::<Uuid>().map(|id| super::state::sid_of(&id)).unwrap_or_default();
    found
        .and_then(|(_, database)| database.users.iter().find(|(_, user)| user.sid.eq_ignore_ascii_case(&sid)))
        .map(|(user, _)| (name, Who::User(user.clone())))
        .ok_or_else(login_failed)
}

fn login_failed() -> Failure {
    Failure::new(18_456, "Login failed for user '<token-identified principal>'.")
}

/// A database that is busy or moving.
fn unavailable(batch: &SqlBatch<'_>) -> Failure {
    Failure::new(
        40_613,
        format!(
            "Database '{}' on server '{}' is not currently available.  Please retry the connection later.",
            batch.database,
            batch.host.split('.').next().unwrap_or_default()
        ),
    )
}

/// Whether a firewall rule lets this address in. The one from and to `0.0.0.0` lets in what is in Azure,
/// which no caller here is.
fn let_in(server: &SqlServer, address: &str) -> bool {
    let number = |text: &str| text.parse::<std::net::Ipv4Addr>().map(u32::from).ok();
    let Some(address) = number(address) else { return false };
    server.firewall_rules.values().any(|rule| {
        number(&rule.start)
            .zip(number(&rule.end))
            .is_some_and(|(start, end)| (start..=end).contains(&address))
    })
}

/// The applications of the directory: identities by their names, system identities by their apps'.
fn directory(state: &State) -> Vec<(String, Uuid)> {
    let parsed = |name: &str, id: &str| id.parse::<Uuid>().ok().map(|id| (name.to_owned(), id));
    let identities = state.identities.values().filter_map(|one| parsed(last(&one.id), &one.client_id));
    let apps = state.apps.values().filter_map(|app| {
        app.identity.system.as_ref().and_then(|system| parsed(app.name(), &system.client_id))
    });
    identities.chain(apps).collect()
}
