//! The way to name servers.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType as Kind};

use super::{Record, RecordType, Resolver, Unanswered};

/// How long one server may take for one try.
const TRY: Duration = Duration::from_secs(5);

/// How often a server is asked that says nothing.
const TRIES: usize = 2;

/// Resolvers on the network. Nothing is built before the first question.
pub struct NetworkResolver {
    servers: Vec<SocketAddr>,
    limit: Duration,
    resolver: OnceLock<Result<TokioResolver, String>>,
}

impl NetworkResolver {
    /// Asks `servers`, or those of the system when there are none. `limit`: a shorter time for one try than the usual
    /// one, if somebody wants that.
    pub fn new(servers: Vec<SocketAddr>, limit: Option<Duration>) -> NetworkResolver {
        let limit = limit.map_or(TRY, |limit| limit.min(TRY));
        NetworkResolver { servers, limit, resolver: OnceLock::new() }
    }

    fn build(&self) -> Result<TokioResolver, String> {
        let mut builder = if self.servers.is_empty() {
            system()?
        } else {
            let servers = self.servers.iter().map(|server| {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                let mut config = NameServerConfig::udp(server.ip());
                config.connections = connections.into();
                config
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        // A wait asks again because it wants to know what has changed.
        options.cache_size = 0;
        // What this machine thinks of a name says nothing of what others see.
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = self.limit;
        options.attempts = TRIES;
        options.preserve_intermediates = false;
        builder.build().map_err(|error| error.to_string())
    }
}

#[cfg(any(unix, windows))]
fn system() -> Result<hickory_resolver::ResolverBuilder<TokioRuntimeProvider>, String> {
    TokioResolver::builder_tokio().map_err(|error| {
        format!("the system's resolver is not known ({error}); name one: --resolver ADDRESS")
    })
}

#[cfg(not(any(unix, windows)))]
fn system() -> Result<hickory_resolver::ResolverBuilder<TokioRuntimeProvider>, String> {
    Err("the system's resolver is not known here; name one: --resolver ADDRESS".to_owned())
}

#[async_trait]
impl Resolver for NetworkResolver {
    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, Unanswered> {
        let resolver =
            self.resolver.get_or_init(|| self.build()).as_ref().map_err(|error| Unanswered(error.clone()))?;
        // With its final dot no search list is added to it.
        let asked = Name::from_ascii(format!("{name}.")).map_err(|error| Unanswered(error.to_string()))?;
        let found = match resolver.lookup(asked, wire(kind)).await {
            Ok(found) => found,
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                // Neither records nor that there are none: a server that knows only whom else to ask.
                let referral = none.soa.is_none() && none.ns.as_ref().is_some_and(|ns| !ns.is_empty());
                return if referral {
                    Err(Unanswered(format!(
                        "the resolver does not answer for {name}: it names other servers"
                    )))
                } else {
                    Ok(Vec::new())
                };
            }
            Err(error) => return Err(Unanswered(format!("{name} {}: {}", kind.name(), in_words(&error)))),
        };
        let records = found
            .answers()
            .iter()
            .filter(|record| record.record_type() == wire(kind))
            .filter(|record| !kind.at_the_name() || spelled(&record.name) == name);
        Ok(records.filter_map(|record| of_wire(&record.data)).collect())
    }
}

fn wire(kind: RecordType) -> Kind {
    match kind {
        RecordType::A => Kind::A,
        RecordType::Aaaa => Kind::AAAA,
        RecordType::Cname => Kind::CNAME,
        RecordType::Txt => Kind::TXT,
        RecordType::Caa => Kind::CAA,
        RecordType::Soa => Kind::SOA,
    }
}

/// A name as it is compared.
fn spelled(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn of_wire(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match data {
        RData::A(address) => Record::Text(address.0.to_string()),
        RData::AAAA(address) => Record::Text(address.0.to_string()),
        RData::CNAME(target) => Record::Text(spelled(&target.0)),
        RData::TXT(parts) => Record::Text(text(&parts.txt_data.concat())),
        RData::CAA(caa) => Record::Caa {
            flags: u8::from(caa.issuer_critical) << 7 | caa.reserved_flags,
            tag: caa.tag.to_ascii_lowercase(),
            value: text(&caa.value),
        },
        RData::SOA(soa) => {
            Record::Soa { mname: spelled(&soa.mname), rname: spelled(&soa.rname), serial: soa.serial }
        }
        _ => return None,
    })
}

/// Why there was no answer.
fn in_words(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no resolver answered".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the resolver answered {code}"),
        NetError::NoConnections => "no resolver could be reached".to_owned(),
        error => error.to_string(),
    }
}
