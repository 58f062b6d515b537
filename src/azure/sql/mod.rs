//! Azure SQL's data plane: T-SQL with an Entra token over TDS.
//!
//! The token goes to `<server name><suffix of the cloud>` and nowhere else, whatever host the server's
//! `fullyQualifiedDomainName` names. At an endpoint that the caller named, which may be anybody's, nothing is
//! sent at all. TDS is no HTTP: it does not go through a proxy of the environment.

mod error;
#[cfg(feature = "sql")]
mod tds;
mod text;
mod user;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use time::OffsetDateTime;

use super::client::ArmClient;
use super::endpoint::{Bearer, EndpointKind};
use super::ids::ResourceId;
use super::retry;
use crate::clock::within;

pub use error::SqlError;
#[cfg(feature = "sql")]
pub use tds::Tds;
pub use text::{Name, NameError, OTHER_IDENTITY, READ, recreate_script, removal_script, script, sid};
pub use user::{DatabaseUsers, Member, User};

/// The type of a logical server.
pub const SERVER: &str = "Microsoft.Sql/servers";

/// How long one batch may take, connecting included. A closed network swallows connections, and a
/// serverless database that sleeps refuses until it is awake.
const PATIENCE: Duration = Duration::from_secs(60);

/// One row: the values of its columns as text.
pub type Row = Vec<Option<String>>;

/// One batch.
#[derive(Clone)]
pub struct SqlRequest {
    /// The server's host name, which its certificate must carry.
    pub host: String,
    /// The database.
    pub database: String,
    /// The caller's token for Azure SQL.
    pub token: Secret,
    /// T-SQL.
    pub text: String,
    /// The values of `@P1`, `@P2`, …; none: the text is sent as it is.
    pub parameters: Vec<String>,
}

/// Everything but the token.
impl fmt::Debug for SqlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlRequest")
            .field("host", &self.host)
            .field("database", &self.database)
            .field("text", &self.text)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// Whoever answers batches: the network, or a sandbox in this process.
#[async_trait]
pub trait SqlServer: Send + Sync {
    /// The rows of all result sets of one batch, in order. One try; whoever asks limits the time.
    ///
    /// # Errors
    /// See [`SqlError`].
    async fn query(&self, request: &SqlRequest) -> Result<Vec<Row>, SqlError>;
}

/// The host of the server of this name under a cloud's suffix; `None`: no server has such a name (1 to 63
/// small letters, digits and hyphens, none at the ends,
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>).
pub fn host(suffix: &str, name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let fits = (1..=63).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    (fits && !suffix.is_empty()).then(|| format!("{name}{suffix}"))
}

/// The way over the network, or what stands for it in a build without it. `ca_file`: further certificate
/// authorities (PEM); `connect`: the longest wait for a connection.
pub(super) fn network(ca_file: Option<PathBuf>, connect: Duration) -> Arc<dyn SqlServer> {
    #[cfg(feature = "sql")]
    return Arc::new(Tds::new(ca_file, connect));
    #[cfg(not(feature = "sql"))]
    {
        let _ = (ca_file, connect);
        Arc::new(LeftOut)
    }
}

/// A build without the feature `sql`.
#[cfg(not(feature = "sql"))]
struct LeftOut;

#[cfg(not(feature = "sql"))]
#[async_trait]
impl SqlServer for LeftOut {
    async fn query(&self, _: &SqlRequest) -> Result<Vec<Row>, SqlError> {
        Err(SqlError::NotAsked {
            reason: "this build of acarecipe has no way to talk to databases".to_owned(),
        })
    }
}

impl ArmClient {
    /// Sends one batch to a database. A database that is busy or waking up is asked again until it answers,
    /// `deadline` passes or a minute is over, if `again` allows it: a batch that only reads may be sent twice.
    ///
    /// # Errors
    /// See [`SqlError`]: also why it may not be asked at all.
    pub async fn sql(
        &self,
        server: &ResourceId,
        database: &str,
        batch: &Batch<'_>,
        deadline: OffsetDateTime,
    ) -> Result<Vec<Row>, SqlError> {
        let inner = &*self.inner;
        let deadline = deadline.min(inner.clock.now() + PATIENCE);
        let host = self.sql_host(server)?;
        let token = self.sql_token(deadline).await?;
        let request = SqlRequest {
            host: host.clone(),
            database: database.to_owned(),
            token,
            text: batch.text.to_owned(),
            parameters: batch.parameters.to_vec(),
        };
        let mut pause = inner.limits.first_pause;
        loop {
            let Some(left) = retry::remaining(inner.clock.now(), deadline) else {
                return Err(SqlError::Timeout { host, sent: false });
            };
            let answer = within(&*inner.clock, left, inner.sql.query(&request)).await;
            match answer {
                None => return Err(SqlError::Timeout { host, sent: true }),
                Some(Err(error)) if error.may_pass() && batch.again => {
                    if inner.clock.now() + pause >= deadline {
                        return Err(error.cleaned(&|text| self.clean(text)));
                    }
                    inner.clock.sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
                Some(answer) => return answer.map_err(|error| error.cleaned(&|text| self.clean(text))),
            }
        }
    }

    /// The host that the caller's token may go to.
    fn sql_host(&self, server: &ResourceId) -> Result<String, SqlError> {
        let not_asked = |reason: &str| SqlError::NotAsked { reason: reason.to_owned() };
        let endpoint = &self.inner.endpoint;
        if endpoint.kind() == EndpointKind::Custom {
            return Err(not_asked("at an endpoint of your own no database is asked"));
        }
        if !server.resource_type().eq_ignore_ascii_case(SERVER) {
            return Err(not_asked("it is no Azure SQL server"));
        }
        let suffix = endpoint
            .cloud()
            .suffixes
            .sql
            .confirmed()
            .ok_or_else(|| not_asked("the cloud's suffix is not confirmed"))?;
        host(suffix, server.name()).ok_or_else(|| not_asked("the server's name is none"))
    }

    /// The caller's token for databases.
    async fn sql_token(&self, deadline: OffsetDateTime) -> Result<Secret, SqlError> {
        let inner = &*self.inner;
        let refused = |reason: String| SqlError::NotAsked { reason };
        match (&inner.endpoint.bearer, &inner.credential) {
            (Bearer::Fixed(token), _) if inner.endpoint.kind() == EndpointKind::Sandbox => Ok(token.clone()),
            (Bearer::Credential { .. }, Some((credential, _))) => {
                let limit = retry::remaining(inner.clock.now(), deadline).unwrap_or_default();
                let scope = inner.endpoint.cloud().sql_scope;
                let asked = within(&*inner.clock, limit, credential.token(scope)).await;
                let token =
                    asked.ok_or_else(|| refused("the credential gave no token in time".to_owned()))?;
                let told = |error| refused(self.credential_error(&error).kind().to_string());
                Ok(token.map_err(told)?.token)
            }
            // It is one for Azure Resource Manager, which no database takes.
            _ => Err(refused(
                "ACARECIPE_ACCESS_TOKEN is for Azure Resource Manager; databases take another token"
                    .to_owned(),
            )),
        }
    }
}

/// What is sent to a database.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    /// T-SQL.
    pub text: &'b str,
    /// The values of `@P1`, `@P2`, ….
    pub parameters: &'b [String],
    /// Whether it may be sent twice: it only reads.
    pub again: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_made_of_a_servers_name_only() {
        let suffix = ".database.windows.net";
        assert_eq!(host(suffix, "SQL-demo").as_deref(), Some("sql-demo.database.windows.net"));
        for name in ["", "-a", "a-", "a.b", "evil.example/", "a@b", "a:1", "ä", &"a".repeat(64)] {
            assert_eq!(host(suffix, name), None, "{name}");
        }
        assert_eq!(host("", "sql-demo"), None);
    }

    #[test]
    fn a_request_does_not_show_its_token() {
        let request = SqlRequest {
            host: "h".to_owned(),
            database: "d".to_owned(),
            token: Secret::new("eyJ-very-secret"),
            text: READ.to_owned(),
            parameters: Vec::new(),
        };
        assert!(!format!("{request:?}").contains("secret"));
    }
}
