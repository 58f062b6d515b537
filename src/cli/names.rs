//! The sandbox's names behind lookups, as [`SandboxHosts`](super::SandboxHosts) is for apps: no socket, no name server.

use std::sync::Arc;

use async_trait::async_trait;

use crate::azure::dns::{Record, RecordType, Resolver, Unanswered};
use crate::sandbox::{Handler, NameRecord, NameReply};

/// The names of a sandbox in this process.
pub struct SandboxNames {
    azure: Arc<dyn Handler>,
}

impl SandboxNames {
    /// Those of `azure`.
    pub fn new(azure: Arc<dyn Handler>) -> SandboxNames {
        SandboxNames { azure }
    }
}

#[async_trait]
impl Resolver for SandboxNames {
    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, Unanswered> {
        match self.azure.name(name, kind.name()) {
            NameReply::Records(records) => {
                Ok(records.into_iter().filter_map(|record| record_of(record, name, kind)).collect())
            }
            NameReply::Nothing | NameReply::NoName => Ok(Vec::new()),
            NameReply::Failed(code) => {
                Err(Unanswered(format!("{name} {}: the resolver answered {code}", kind.name())))
            }
            // Whoever asks gives up.
            NameReply::Silence => std::future::pending().await,
        }
    }
}

/// A record that was asked for; aliases on the way are not, and of aliases and zones only those at the name are.
fn record_of(record: NameRecord, name: &str, kind: RecordType) -> Option<Record> {
    match (record, kind) {
        (NameRecord::A(address), RecordType::A) => Some(Record::Text(address.to_string())),
        (NameRecord::Aaaa(address), RecordType::Aaaa) => Some(Record::Text(address.to_string())),
        (NameRecord::Cname { owner, target }, RecordType::Cname) if owner == name => {
            Some(Record::Text(target))
        }
        (NameRecord::Txt(parts), RecordType::Txt) => Some(Record::Text(parts.concat())),
        (NameRecord::Caa { flags, tag, value }, RecordType::Caa) => Some(Record::Caa { flags, tag, value }),
        (NameRecord::Soa { mname, rname, serial }, RecordType::Soa) => {
            Some(Record::Soa { mname, rname, serial })
        }
        _ => None,
    }
}
