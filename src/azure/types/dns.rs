//! Azure DNS: zones, and the record sets that recipes write. The one api-version is 2018-05-01; a record set is replaced
//! as a whole, and guarded by etags (Microsoft.Network dns.json).

use super::table::NONE;
use super::{Compare, ListKind, ResourceType, StandIn, Update};

const VERSIONS: &[&str] = &["2018-05-01"];

/// What every record set has beside its records.
const READ_ONLY: &[&str] =
    &["id", "name", "type", "systemData", "etag", "properties.fqdn", "properties.provisioningState"];

/// A record set that is an alias of a resource (a public address, Front Door, Traffic Manager): `targetResource`, which
/// whoever has the zone sets and a PUT without it takes away. Where there is none, `{}` is told.
macro_rules! alias {
    ($($records:literal)?) => {
        &[StandIn { object: "properties", set_at: &["targetResource", "id"], others: &[$($records)?] }]
    };
}

/// A public zone. Recipes read it.
pub(super) const ZONE: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones",
    noun: "DNS zone",
    versions: VERSIONS,
    update: Update::Never,
    fields: &[
        ("", &["id", "name", "type", "systemData", "etag", "location", "tags", "properties"]),
        (
            "properties",
            &[
                "maxNumberOfRecordSets",
                "maxNumberOfRecordsPerRecordSet",
                "numberOfRecordSets",
                "nameServers",
                "zoneType",
                "registrationVirtualNetworks",
                "resolutionVirtualNetworks",
            ],
        ),
    ],
    write_action: "Microsoft.Network/dnsZones/write",
    holds: "every record in it",
    ..NONE
};

const ROW: ResourceType = ResourceType {
    noun: "DNS record set",
    versions: VERSIONS,
    update: Update::Put,
    read_only: READ_ONLY,
    stand_ins: alias!(),
    // Resolvers have to see it, and remember what they saw before.
    by_others: true,
    ..NONE
};

const SET: &[&str] = &["id", "name", "type", "systemData", "etag", "properties"];

/// Texts at a name. Each is one whole element: its parts are no lines of their own.
pub(super) const TXT: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones/TXT",
    lists: &[("properties.TXTRecords", ListKind::Set)],
    fields: &[
        ("", SET),
        ("properties", &["TTL", "metadata", "fqdn", "provisioningState", "targetResource", "TXTRecords"]),
        ("properties.TXTRecords[]", &["value"]),
    ],
    write_action: "Microsoft.Network/dnsZones/TXT/write",
    ..ROW
};

/// The alias at a name.
pub(super) const CNAME: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones/CNAME",
    stand_ins: alias!("CNAMERecord"),
    compare: &[("properties.CNAMERecord.cname", Compare::HostName)],
    fields: &[
        ("", SET),
        ("properties", &["TTL", "metadata", "fqdn", "provisioningState", "targetResource", "CNAMERecord"]),
        ("properties.CNAMERecord", &["cname"]),
    ],
    write_action: "Microsoft.Network/dnsZones/CNAME/write",
    ..ROW
};

/// IPv4 addresses at a name.
pub(super) const A: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones/A",
    stand_ins: alias!("ARecords"),
    lists: &[("properties.ARecords", ListKind::Map(&["ipv4Address"]))],
    fields: &[
        ("", SET),
        ("properties", &["TTL", "metadata", "fqdn", "provisioningState", "targetResource", "ARecords"]),
        ("properties.ARecords[]", &["ipv4Address"]),
    ],
    write_action: "Microsoft.Network/dnsZones/A/write",
    ..ROW
};

/// IPv6 addresses at a name.
pub(super) const AAAA: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones/AAAA",
    stand_ins: alias!("AAAARecords"),
    lists: &[("properties.AAAARecords", ListKind::Map(&["ipv6Address"]))],
    fields: &[
        ("", SET),
        ("properties", &["TTL", "metadata", "fqdn", "provisioningState", "targetResource", "AAAARecords"]),
        ("properties.AAAARecords[]", &["ipv6Address"]),
    ],
    write_action: "Microsoft.Network/dnsZones/AAAA/write",
    ..ROW
};

/// Who may issue certificates for a name.
pub(super) const CAA: ResourceType = ResourceType {
    name: "Microsoft.Network/dnsZones/CAA",
    lists: &[("properties.caaRecords", ListKind::Map(&["tag", "value"]))],
    fields: &[
        ("", SET),
        ("properties", &["TTL", "metadata", "fqdn", "provisioningState", "targetResource", "caaRecords"]),
        ("properties.caaRecords[]", &["flags", "tag", "value"]),
    ],
    write_action: "Microsoft.Network/dnsZones/CAA/write",
    ..ROW
};
