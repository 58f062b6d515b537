//! What the world is told of names: the records of delegated zones, and the addresses of the environments' own names.
//! Whatever else is asked for is not there.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};

use super::faults::FaultKind;
use super::hosts;
use super::http::Request;
use super::rules::Switches;
use super::state::{DnsZone, RecordSet, State, elements};

/// The most aliases that are followed.
const MAX_ALIASES: usize = 8;

/// What a resolver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameReply {
    /// These records.
    Records(Vec<NameRecord>),
    /// The name is there, without records of the type.
    Nothing,
    /// There is no such name.
    NoName,
    /// An error, by its code: `SERVFAIL`, `REFUSED`.
    Failed(&'static str),
    /// No answer, ever.
    Silence,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameRecord {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// What the name is an alias of; in front of what the other name has.
    Cname {
        /// The alias.
        owner: String,
        /// What it stands for.
        target: String,
    },
    /// A text in its parts.
    Txt(Vec<String>),
    /// Who may issue certificates.
    Caa {
        /// The flags.
        flags: u8,
        /// The tag.
        tag: String,
        /// The value.
        value: String,
    },
    /// The start of a zone.
    Soa {
        /// The zone's first name server.
        mname: String,
        /// Who keeps it.
        rname: String,
        /// Its version.
        serial: u32,
    },
}

/// A question as faults match it.
pub(super) fn as_request(name: &str, kind: &str) -> Request {
    Request { method: "DNS".to_owned(), path: format!("/{name}/{kind}"), ..Request::default() }
}

/// What a question comes to that a fault meets.
pub(super) fn failed(fault: &FaultKind) -> NameReply {
    match fault {
        FaultKind::SilenceBefore | FaultKind::SilenceAfter => NameReply::Silence,
        FaultKind::Status { status, .. } if *status < 500 => NameReply::Failed("REFUSED"),
        _ => NameReply::Failed("SERVFAIL"),
    }
}

/// The answer for the records of `kind` (`TXT`) at `name`, whatever its case and with or without a final dot. Aliases on
/// the way come first.
pub(super) fn answer(
    state: &State,
    rules: &Switches,
    now: OffsetDateTime,
    name: &str,
    kind: &str,
) -> NameReply {
    match state.resolver_fails.as_deref() {
        Some("silence") => return NameReply::Silence,
        Some("refused") => return NameReply::Failed("REFUSED"),
        Some(_) => return NameReply::Failed("SERVFAIL"),
        None => {}
    }
    let mut at = folded(name);
    let mut records = Vec::new();
    for _ in 0..MAX_ALIASES {
        let Some((zone, relative)) = zone_of(state, &at) else {
            let found = address_of(state, rules, now, &at);
            return match found {
                Some(address) if kind == "A" => {
                    records.push(NameRecord::A(address));
                    NameReply::Records(records)
                }
                found => ended(records, found.is_some()),
            };
        };
        let seen = |set: &&RecordSet| {
            set.created + Duration::seconds(i64::try_from(zone.delay).unwrap_or(i64::MAX)) <= now
        };
        let there =
            |name: &str| zone.records.values().any(|set| set.name.eq_ignore_ascii_case(name) && seen(&set));
        // What a wildcard stands for has no records of its own (RFC 4592).
        let relative =
            if there(&relative) { Some(relative) } else { wildcard(&relative).filter(|wild| there(wild)) };
        let Some(relative) = relative else { return ended(records, false) };
        if let Some(set) = zone.record_set(kind, &relative).filter(seen) {
            let found = of_set(set, &at);
            if !found.is_empty() {
                records.extend(found);
                return NameReply::Records(records);
            }
        }
        let alias = zone.record_set("CNAME", &relative).filter(seen).and_then(target);
        let Some(target) = alias.filter(|_| kind != "CNAME") else { return ended(records, true) };
        records.push(NameRecord::Cname { owner: at, target: target.clone() });
        at = folded(&target);
    }
    NameReply::Failed("SERVFAIL")
}

/// The answer when nothing of the type was found: the aliases are told all the same.
fn ended(records: Vec<NameRecord>, there: bool) -> NameReply {
    match (records.is_empty(), there) {
        (false, _) => NameReply::Records(records),
        (true, true) => NameReply::Nothing,
        (true, false) => NameReply::NoName,
    }
}

/// The zone that has a name, the one of several with the longest name, and the name's place in it.
fn zone_of<'s>(state: &'s State, name: &str) -> Option<(&'s DnsZone, String)> {
    let mut above = Some(name);
    while let Some(apex) = above {
        if let Some(zone) = state.zone(apex) {
            let relative = name.strip_suffix(apex).map(|rest| rest.trim_end_matches('.')).unwrap_or_default();
            return Some((zone, if relative.is_empty() { "@".to_owned() } else { relative.to_owned() }));
        }
        above = apex.split_once('.').map(|(_, above)| above);
    }
    None
}

/// The wildcard that would stand for a relative name.
fn wildcard(relative: &str) -> Option<String> {
    match relative.split_once('.') {
        _ if relative == "@" => None,
        Some((_, above)) => Some(format!("*.{above}")),
        None => Some("*".to_owned()),
    }
}

/// The address that the name of an app, of a revision or of a label leads to.
fn address_of(state: &State, rules: &Switches, now: OffsetDateTime, name: &str) -> Option<Ipv4Addr> {
    let environment = state.environments.values().find(|environment| {
        let domain =
            environment.properties["defaultDomain"].as_str().unwrap_or_default().to_ascii_lowercase();
        !domain.is_empty() && name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
    })?;
    if !hosts::resolves(state, rules, now, name) {
        return None;
    }
    environment.properties["staticIp"].as_str()?.parse().ok()
}

fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn target(set: &RecordSet) -> Option<String> {
    set.properties.get("CNAMERecord")?["cname"].as_str().map(folded)
}

/// The records of a set.
fn of_set(set: &RecordSet, owner: &str) -> Vec<NameRecord> {
    let list = |member: &str| elements(set.properties.get(member).unwrap_or(&Json::Null)).to_vec();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    match set.kind.as_str() {
        "A" => list("ARecords")
            .iter()
            .filter_map(|one| one["ipv4Address"].as_str()?.parse().ok().map(NameRecord::A))
            .collect(),
        "AAAA" => list("AAAARecords")
            .iter()
            .filter_map(|one| one["ipv6Address"].as_str()?.parse().ok().map(NameRecord::Aaaa))
            .collect(),
        "CNAME" => {
            let owner = owner.to_owned();
            target(set).into_iter().map(|target| NameRecord::Cname { owner: owner.clone(), target }).collect()
        }
        "TXT" => list("TXTRecords")
            .iter()
            .map(|one| NameRecord::Txt(elements(&one["value"]).iter().map(text).collect()))
            .collect(),
        "CAA" => list("caaRecords")
            .iter()
            .map(|one| NameRecord::Caa {
                flags: one["flags"].as_u64().and_then(|flags| u8::try_from(flags).ok()).unwrap_or_default(),
                tag: text(&one["tag"]),
                value: text(&one["value"]),
            })
            .collect(),
        "SOA" => {
            let soa = set.properties.get("SOARecord").unwrap_or(&Json::Null);
            let serial = soa["serialNumber"].as_u64().and_then(|serial| u32::try_from(serial).ok());
            vec![NameRecord::Soa {
                mname: folded(soa["host"].as_str().unwrap_or_default()),
                rname: folded(soa["email"].as_str().unwrap_or_default()),
                serial: serial.unwrap_or_default(),
            }]
        }
        _ => Vec::new(),
    }
}
