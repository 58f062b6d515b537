//! The DNS zone that a fresh sandbox holds: a name that is reserved for examples (RFC 2606), delegated, in the group
//! that several teams use.

use serde_json::json;
use time::OffsetDateTime;

use super::super::state::{DnsZone, State};
use super::{SHARED_GROUP, group_id};

/// The zone.
pub const DNS_ZONE: &str = "contoso.example";
/// Its group.
pub const DNS_GROUP: &str = SHARED_GROUP;

/// The id of a zone in its group, as Azure answers it.
pub fn dns_zone_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Network/dnszones/{name}", group_id(DNS_GROUP))
}

pub(super) fn add(state: &mut State, made: OffsetDateTime) {
    let mut zone = DnsZone::new(&dns_zone_id(DNS_ZONE), 5, made);
    zone.delegated = true;
    // Somebody else's, which stays as it is.
    let spf = json!({ "TTL": 3600, "TXTRecords": [{ "value": ["v=spf1 -all"] }] });
    zone.put("TXT", "@", &spf, made, "00000000-0000-0000-0000-000000000002");
    state.add_zone(zone);
}

/// A record set of the seeded zone.
pub fn record(state: &mut State, kind: &str, name: &str, values: &[&str], now: OffsetDateTime) {
    let many = |member: &str| values.iter().map(|value| json!({ member: value })).collect::<Vec<_>>();
    let records = match kind {
        "A" => json!({ "TTL": 3600, "ARecords": many("ipv4Address") }),
        "AAAA" => json!({ "TTL": 3600, "AAAARecords": many("ipv6Address") }),
        "CNAME" => json!({ "TTL": 3600, "CNAMERecord": { "cname": values.first() } }),
        "CAA" => {
            let one = |value: &&str| json!({ "flags": 0, "tag": "issue", "value": value });
            json!({ "TTL": 3600, "caaRecords": values.iter().map(one).collect::<Vec<_>>() })
        }
        _ => {
            let one = |value: &&str| json!({ "value": [value] });
            json!({ "TTL": 3600, "TXTRecords": values.iter().map(one).collect::<Vec<_>>() })
        }
    };
    let etag = state.new_guid("etag");
    if let Some(zone) = state.zone_mut(DNS_ZONE) {
        zone.put(kind, name, &records, now, &etag);
    }
}
