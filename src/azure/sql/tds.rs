//! The way to a database over the network: TDS on port 1433, always within TLS.
//!
//! The order is the protocol's: a greeting in the clear, TLS with a certificate of the host that was asked
//! for, and only then the login with the token
//! (<https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/>). A server that offers no TLS, or a
//! certificate for another name, never sees the token.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, Query, QueryItem, error::Error};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::{Row, SqlError, SqlRequest, SqlServer};

/// The port of Azure SQL.
const PORT: u16 = 1433;

/// The most rows that are taken: a database has a few roles.
const MOST_ROWS: usize = 10_000;

/// Servers on the network.
#[derive(Clone, Debug)]
pub struct Tds {
    ca_file: Option<PathBuf>,
    connect: Duration,
    at: Option<SocketAddr>,
}

/// A connection that is logged in.
type Connected = Client<Compat<TcpStream>>;

impl Tds {
    /// `ca_file`: certificate authorities (PEM) beside the system's; `connect`: the longest wait for a
    /// connection, and again for TLS and login on it.
    pub fn new(ca_file: Option<PathBuf>, connect: Duration) -> Tds {
        Tds { ca_file, connect, at: None }
    }

    /// Connects there, whatever host is asked for; the certificate must carry the host all the same. For
    /// servers of one's own in tests.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Tds {
        self.at = Some(address);
        self
    }

    async fn log_in(&self, request: &SqlRequest) -> Result<Connected, SqlError> {
        let first = self.log_in_at(request, &request.host, PORT).await;
        let Err(Failed::Moved { host, port }) = first else {
            return first.map_err(|f| f.into_error(request));
        };
        // Within Azure a gateway sends clients on to the machine that has the database
        // (https://learn.microsoft.com/azure/azure-sql/database/connectivity-architecture, "Redirect"). The
        // gateway has shown whose it is; the machine must be one of the same service, and show it too.
        let service = request.host.split_once('.').map_or("", |(_, rest)| rest);
        let own = host.strip_suffix(service).is_some_and(|rest| rest.ends_with('.')) && !service.is_empty();
        if !own {
            return Err(unreachable(request, "it sends on to a host that is not of its cloud", false));
        }
        self.log_in_at(request, &host, port).await.map_err(|failed| failed.into_error(request))
    }

    async fn log_in_at(&self, request: &SqlRequest, host: &str, port: u16) -> Result<Connected, Failed> {
        let connecting = async {
            match self.at {
                Some(address) => TcpStream::connect(address).await,
                None => TcpStream::connect((host, port)).await,
            }
        };
        let stream = timeout(self.connect, connecting).await.map_err(|_| Failed::Silent)?;
        let stream = stream.map_err(|error| Failed::Connection(error.to_string()))?;
        // A login is three small packets that wait for each other.
        let _ = stream.set_nodelay(true);
        let mut config = Config::new();
        config.host(host);
        config.port(port);
        config.database(&request.database);
        config.application_name("acarecipe");
        config.encryption(EncryptionLevel::Required);
        config.authentication(AuthMethod::aad_token(request.token.secret()));
        config.handshake_timeout(None);
        if let Some(path) = &self.ca_file {
            let unreadable = |error: std::io::Error| Failed::Connection(format!("SSL_CERT_FILE: {error}"));
            config.trust_cert_ca_bundle(std::fs::read(path).map_err(unreadable)?);
        }
        // A handshake is a large future.
        let logging_in = Box::pin(Client::connect(config, stream.compat_write()));
        let logged_in = timeout(self.connect, logging_in).await;
        match logged_in.map_err(|_| Failed::Silent)? {
            Ok(client) => Ok(client),
            Err(Error::Routing { host, port }) => Err(Failed::Moved { host, port }),
            Err(Error::Server(error)) => Err(Failed::Server(SqlError::of(error.code(), error.message()))),
            Err(error) => Err(Failed::Connection(error.to_string())),
        }
    }
}

/// Why there is no connection.
enum Failed {
    Silent,
    Connection(String),
    Moved { host: String, port: u16 },
    Server(SqlError),
}

impl Failed {
    fn into_error(self, request: &SqlRequest) -> SqlError {
        match self {
            Failed::Silent => SqlError::Timeout { host: request.host.clone(), sent: false },
            Failed::Connection(reason) => unreachable(request, &reason, false),
            Failed::Moved { .. } => unreachable(request, "it sends on again and again", false),
            Failed::Server(error) => error,
        }
    }
}

fn unreachable(request: &SqlRequest, reason: &str, sent: bool) -> SqlError {
    let reason = format!("{reason} (port 1433, which no HTTP proxy leads to)");
    SqlError::Unreachable { host: request.host.clone(), reason, sent }
}

#[async_trait]
impl SqlServer for Tds {
    async fn query(&self, request: &SqlRequest) -> Result<Vec<Row>, SqlError> {
        let mut client = self.log_in(request).await?;
        let told = |error: Error| match error {
            Error::Server(error) => SqlError::of(error.code(), error.message()),
            other => unreachable(request, &other.to_string(), true),
        };
        let mut stream = if request.parameters.is_empty() {
            client.simple_query(request.text.as_str()).await.map_err(told)?
        } else {
            let mut query = Query::new(request.text.as_str());
            query.bind_iter(request.parameters.iter().map(String::as_str));
            query.query(&mut client).await.map_err(told)?
        };
        let mut rows = Vec::new();
        while let Some(item) = stream.try_next().await.map_err(told)? {
            if let QueryItem::Row(row) = item {
                if rows.len() == MOST_ROWS {
                    return Err(unreachable(request, "it answers with more rows than are taken", true));
                }
                rows.push(text_of(&row).map_err(told)?);
            }
        }
        Ok(rows)
    }
}

/// The values of a row, all of them text by the batches that are sent.
fn text_of(row: &tiberius::Row) -> Result<Row, Error> {
    (0..row.len()).map(|column| Ok(row.try_get::<&str, usize>(column)?.map(str::to_owned))).collect()
}
