//! DNS zones with their record sets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::{State, fold, last};

/// A public DNS zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsZone {
    /// Its id in its own spelling.
    pub id: String,
    /// Tags.
    #[serde(default)]
    pub tags: Map<String, Json>,
    /// Changes with every write.
    pub etag: String,
    /// Whether the zone above leads to it, so that the world sees its records.
    #[serde(default)]
    pub delegated: bool,
    /// How long a new record set is not seen, in seconds: what resolvers remember.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay: u64,
    /// Record sets by type and relative name (`TXT/asuid.www`), folded.
    #[serde(default)]
    pub records: BTreeMap<String, RecordSet>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The records of one type at one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordSet {
    /// `TXT`.
    pub kind: String,
    /// Relative to the zone; `@` for the zone itself.
    pub name: String,
    /// Changes with every write.
    pub etag: String,
    /// What writes described: `TTL`, the records, `metadata`.
    pub properties: Map<String, Json>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
}

/// The member that holds the records of a type.
pub(in crate::sandbox) fn member_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "A" => "ARecords",
        "AAAA" => "AAAARecords",
        "CNAME" => "CNAMERecord",
        "TXT" => "TXTRecords",
        "CAA" => "caaRecords",
        "SOA" => "SOARecord",
        "NS" => "NSRecords",
        _ => return None,
    })
}

impl DnsZone {
    /// A zone as Azure makes it at `made`: with NS and SOA records of its own. `number`: which of Azure's groups of
    /// name servers has it.
    pub fn new(id: &str, number: u8, made: OffsetDateTime) -> DnsZone {
        let mut zone = DnsZone {
            id: id.to_owned(),
            tags: Map::new(),
            etag: "00000000-0000-0000-0000-000000000001".to_owned(),
            delegated: false,
            delay: 0,
            records: BTreeMap::new(),
        };
        let servers = DnsZone::servers(number);
        let host = servers.first().cloned().unwrap_or_default();
        let names: Vec<Json> = servers.iter().map(|server| json!({ "nsdname": server })).collect();
        zone.put("NS", "@", &json!({ "TTL": 172_800, "NSRecords": names }), made, "ns");
        let soa = json!({
            "host": host,
            "email": "azuredns-hostmaster.microsoft.com",
            "serialNumber": 1,
            "refreshTime": 3600,
            "retryTime": 300,
            "expireTime": 2_419_200,
            "minimumTTL": 300,
        });
        zone.put("SOA", "@", &json!({ "TTL": 3600, "SOARecord": soa }), made, "soa");
        zone
    }

    fn servers(number: u8) -> Vec<String> {
        ["com", "net", "org", "info"]
            .iter()
            .enumerate()
            .map(|(index, end)| format!("ns{}-{number:02}.azure-dns.{end}.", index + 1))
            .collect()
    }

    /// The zone's name.
    pub fn name(&self) -> &str {
        last(&self.id)
    }

    /// The record set of a type at a relative name.
    pub fn record_set(&self, kind: &str, name: &str) -> Option<&RecordSet> {
        self.records.get(&key(kind, name))
    }

    /// Puts a record set into the zone.
    pub fn put(&mut self, kind: &str, name: &str, properties: &Json, now: OffsetDateTime, etag: &str) {
        let properties = properties.as_object().cloned().unwrap_or_default();
        let created = self.record_set(kind, name).map_or(now, |set| set.created);
        let (kind, name, etag) = (kind.to_owned(), name.to_owned(), etag.to_owned());
        self.records.insert(key(&kind, &name), RecordSet { kind, name, etag, properties, created });
    }

    /// Its name servers, as its NS records have them.
    pub fn name_servers(&self) -> Vec<Json> {
        let set = self.record_set("NS", "@").map(|set| &set.properties["NSRecords"]);
        let all = set.and_then(Json::as_array).map_or(&[] as &[_], Vec::as_slice);
        all.iter().map(|one| one["nsdname"].clone()).collect()
    }
}

/// What a record set goes by.
pub(in crate::sandbox) fn key(kind: &str, name: &str) -> String {
    fold(&format!("{kind}/{name}"))
}

impl State {
    /// The zone of this name that the world sees.
    pub fn zone(&self, name: &str) -> Option<&DnsZone> {
        self.dns_zones.values().find(|zone| zone.delegated && zone.name().eq_ignore_ascii_case(name))
    }

    /// The zone of this name, delegated or not, to be changed.
    pub fn zone_mut(&mut self, name: &str) -> Option<&mut DnsZone> {
        self.dns_zones.values_mut().find(|zone| zone.name().eq_ignore_ascii_case(name))
    }

    /// Puts a zone into the table.
    pub fn add_zone(&mut self, zone: DnsZone) {
        self.dns_zones.insert(fold(&zone.id), zone);
    }
}
