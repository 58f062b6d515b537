//! The sandbox's databases under the client, as [`InProcess`](crate::sandbox::transport::InProcess) is for
//! requests: no socket, and no belief shared between the two sides but the words of the protocol.

use std::sync::Arc;

use async_trait::async_trait;

use crate::azure::sql::{Row, SqlError, SqlRequest, SqlServer};
use crate::sandbox::{Handler, SqlBatch, SqlReply};

/// The databases of a sandbox in this process.
pub struct SandboxDatabases {
    azure: Arc<dyn Handler>,
}

impl SandboxDatabases {
    /// Those of `azure`.
    pub fn new(azure: Arc<dyn Handler>) -> SandboxDatabases {
        SandboxDatabases { azure }
    }
}

#[async_trait]
impl SqlServer for SandboxDatabases {
    async fn query(&self, request: &SqlRequest) -> Result<Vec<Row>, SqlError> {
        let batch = SqlBatch {
            host: &request.host,
            database: &request.database,
            token: request.token.secret(),
            text: &request.text,
            parameters: &request.parameters,
        };
        match self.azure.batch(&batch) {
            SqlReply::Rows(rows) => Ok(rows),
            SqlReply::Refused(number, message) => Err(SqlError::of(number, message)),
            SqlReply::Reset => Err(SqlError::Unreachable {
                host: request.host.clone(),
                reason: "the connection was closed without an answer".to_owned(),
                sent: true,
            }),
            SqlReply::Silence => std::future::pending().await,
        }
    }
}
