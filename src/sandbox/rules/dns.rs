//! DNS zones, their record sets, and what the world is told of names.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "record-set-replaced",
        "PUT replaces a record set as a whole; PATCH takes what is sent, lists whole",
        "Microsoft.Network dns.json 2018-05-01; Microsoft Learn, DNS zones and records",
    ),
    confirmed(
        "record-set-etags",
        "If-None-Match: * creates only, If-Match changes only what was seen: 412 PreconditionFailed",
        "Microsoft Learn, DNS zones and records, Etags; MSOpenTech/azure-xplat-cli#170 has the words",
    ),
    confirmed(
        "cname-alone",
        "a CNAME stands beside no other record set of its name: 409 Conflict",
        "rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto#26, kubernetes-sigs/external-dns#5358",
    ),
    confirmed(
        "alias-goes-with-put",
        "a record set with targetResource is an alias of a resource, and stays one only in a PUT that has it; GET tells {} of one that is none",
        "Microsoft.Network dns.json 2018-05-01: it is not read-only; Microsoft Learn, Azure DNS alias records overview",
    ),
    assumed(
        "alias-excludes-records",
        Switch::AliasExcludesRecords,
        "a record set with targetResource and records is refused",
        "it is taken, and the records are none of it",
        "not confirmed",
    ),
    confirmed(
        "no-cname-at-apex",
        "the zone apex has no CNAME: 400 BadRequest (its words are made up)",
        "Microsoft Learn, DNS zones and records, CNAME records",
    ),
    confirmed(
        "cname-target-is-name",
        "a CNAME's target is a domain name: 400 BadRequest",
        "kubernetes-sigs/external-dns#4855",
    ),
    confirmed(
        "zone-has-ns-and-soa",
        "a zone comes with NS and SOA record sets at its apex, which cannot be made or deleted",
        "Microsoft Learn, DNS zones and records, NS and SOA records",
    ),
    confirmed(
        "zone-undelegated",
        "the world sees a zone's records only once the zone above leads to its name servers",
        "Microsoft Learn, Azure DNS delegation overview",
    ),
    confirmed(
        "app-name-is-static-ip",
        "the name of an app leads to its environment's static IP",
        "Microsoft Learn, Container Apps custom domains: the A record of an apex",
    ),
];
