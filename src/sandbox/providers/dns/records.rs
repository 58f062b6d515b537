//! Record sets: replaced as a whole by PUT, guarded by etags, and never beside a CNAME.

use serde_json::{Map, Value as Json, json};

use super::{ANSWERED, KIND, existing};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::exchange::find;
use crate::sandbox::providers::resources;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{DnsZone, RecordSet, dns_key, fold, member_of};

/// The types in the spelling of addresses.
const KINDS: [&str; 7] = ["A", "AAAA", "CAA", "CNAME", "NS", "SOA", "TXT"];

/// The longest part of a text.
const MAX_PART: usize = 255;

pub(super) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    let asked = address.types.get(1).map_or("", String::as_str);
    let all = asked.eq_ignore_ascii_case("recordsets") || asked.eq_ignore_ascii_case("all");
    let kind = KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(asked));
    match (context.method, address.is_resource(), kind) {
        ("GET", false, kind) if all || kind.is_some() => list(context, address, kind),
        ("GET", true, Some(kind)) => {
            context.require(&format!("{KIND}/{kind}/read"), &address.target())?;
            let zone = existing(context, address)?;
            let set = zone.record_set(kind, address.name(1)).ok_or_else(|| not_found(address))?;
            Ok(Answer::new(200, body(zone, set)))
        }
        ("PUT" | "PATCH", true, Some(kind)) => put(context, address, kind),
        ("DELETE", true, Some(kind)) => delete(context, address, kind),
        _ => Err(router::no_operation(context, address)),
    }
}

fn not_found(address: &Address) -> Refusal {
    Refusal::new(
        404,
        "NotFound",
        format!("The resource record '{}' does not exist in resource group '{}'.", address.name(1), {
            address.scope.rsplit('/').next().unwrap_or_default()
        }),
    )
}

fn list(context: &mut Context<'_>, address: &Address, kind: Option<&str>) -> Handled {
    let what = kind.map_or_else(|| "recordsets".to_owned(), str::to_owned);
    context.require(&format!("{KIND}/{what}/read"), &address.target())?;
    let zone = existing(context, address)?;
    let wanted = |set: &&RecordSet| kind.is_none_or(|kind| set.kind == kind);
    let found = zone.records.values().filter(wanted).map(|set| body(zone, set)).collect();
    context.page(found)
}

/// `If-Match` and `If-None-Match` against the etag of what is there.
pub(super) fn precondition(context: &Context<'_>, etag: Option<&str>) -> Result<(), Refusal> {
    let failed = |header: &str, value: &str, end: &str| {
        let message = format!("The condition '{value}' in the {header} header was {end}.");
        Err(Refusal::new(412, "PreconditionFailed", message))
    };
    if let Some(value) = find(context.headers, "if-none-match")
        && etag.is_some_and(|etag| value == "*" || value == etag)
    {
        // Its words, "was satisfied" among them: MSOpenTech/azure-xplat-cli#170.
        return failed("If-None-Match", value, "satisfied");
    }
    if let Some(value) = find(context.headers, "if-match")
        && etag.is_none_or(|etag| value != "*" && value != etag)
    {
        return failed("If-Match", value, "not satisfied");
    }
    Ok(())
}

fn put(context: &mut Context<'_>, address: &Address, kind: &str) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/{kind}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Network")?;
    let sent = context.object()?;
    context.compliant(&target, &sent)?;
    let zone = existing(context, address)?;
    let name = address.name(1);
    let before = zone.record_set(kind, name).cloned();
    precondition(context, before.as_ref().map(|set| set.etag.as_str()))?;
    let patch = context.method == "PATCH";
    if patch && before.is_none() {
        return Err(not_found(address));
    }
    let mut properties = if patch {
        before.as_ref().map(|set| set.properties.clone()).unwrap_or_default()
    } else {
        Map::new()
    };
    let member = member_of(kind).unwrap_or_default();
    for (key, value) in sent["properties"].as_object().into_iter().flatten() {
        // What Azure tells is passed over; other types' records are none of this set's.
        if [member, "TTL", "metadata", "targetResource"].contains(&key.as_str()) && !value.is_null() {
            properties.insert(key.clone(), value.clone());
        }
    }
    checked(zone, kind, name, &properties, before.is_some())?;
    alias(context.rules, kind, &mut properties)?;
    let (id, now) = (fold(&zone.id), context.now);
    let etag = context.state.new_guid("etag");
    let status = if before.is_some() { 200 } else { 201 };
    let Some(zone) = context.state.dns_zones.get_mut(&id) else { return Err(not_found(address)) };
    zone.put(kind, name, &Json::Object(properties), now, &etag);
    let set = zone.record_set(kind, name).ok_or_else(|| not_found(address))?;
    Ok(Answer::new(status, body(zone, set)))
}

/// What a record set must be.
fn checked(
    zone: &DnsZone,
    kind: &str,
    name: &str,
    properties: &Map<String, Json>,
    there: bool,
) -> Result<(), Refusal> {
    let bad = |message: String| Err(Refusal::new(400, "BadRequest", message));
    let apex = name == "@";
    if matches!(kind, "SOA" | "NS") && !there && (kind == "SOA" || apex) {
        return bad(format!("Record sets of type '{kind}' cannot be created: they come with the zone."));
    }
    if kind == "CNAME" && apex {
        return bad("A CNAME record set cannot stand at the zone apex ('@').".to_owned());
    }
    let ttl = properties.get("TTL").and_then(Json::as_u64);
    if !ttl.is_some_and(|ttl| (1..=2_147_483_647).contains(&ttl)) {
        return bad("The TTL of a record set is a number of seconds from 1 to 2147483647.".to_owned());
    }
    let beside = |other: &RecordSet| other.name.eq_ignore_ascii_case(name) && other.kind != kind;
    let mut others = zone.records.values().filter(|other| beside(other));
    // In these words: rcl-letsencrypt-auto-ssl/Lets-Encrypt-Auto#26, kubernetes-sigs/external-dns#5358.
    let conflict = |message: String| Err(Refusal::new(409, "Conflict", message));
    if kind == "CNAME" && others.next().is_some() {
        return conflict(
            "The CNAME record could not be created because another record with the same name already exists in this \
             zone."
                .to_owned(),
        );
    }
    if others.any(|other| other.kind == "CNAME") {
        return conflict(format!(
            "The {kind} record could not be created because a CNAME record with the same name already exists in this \
             zone."
        ));
    }
    let list = |member: &str| properties.get(member).and_then(Json::as_array).cloned().unwrap_or_default();
    match kind {
        "CNAME" if !is_alias(properties) => {
            let target = properties.get("CNAMERecord").and_then(|record| record["cname"].as_str());
            let target = target.unwrap_or_default();
            // In these words: kubernetes-sigs/external-dns#4855.
            if !is_name(target) {
                return bad(format!("The domain name '{target}' is invalid."));
            }
        }
        "A" => {
            for one in list("ARecords") {
                let text = one["ipv4Address"].as_str().unwrap_or_default();
                if text.parse::<std::net::Ipv4Addr>().is_err() {
                    return bad(format!("The IPv4 address '{text}' is invalid."));
                }
            }
        }
        "AAAA" => {
            for one in list("AAAARecords") {
                let text = one["ipv6Address"].as_str().unwrap_or_default();
                if text.parse::<std::net::Ipv6Addr>().is_err() {
                    return bad(format!("The IPv6 address '{text}' is invalid."));
                }
            }
        }
        "TXT" => {
            for one in list("TXTRecords") {
                let parts = one["value"].as_array().cloned().unwrap_or_default();
                let fits = |part: &Json| part.as_str().is_some_and(|part| part.len() <= MAX_PART);
                if parts.is_empty() || !parts.iter().all(fits) {
                    return bad(format!("A TXT record has parts of at most {MAX_PART} characters."));
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A record set is an alias of a resource, or has records.
fn alias(rules: &Switches, kind: &str, properties: &mut Map<String, Json>) -> Result<(), Refusal> {
    let member = member_of(kind).unwrap_or_default();
    let records = properties.get(member).is_some_and(|records| match records {
        Json::Array(list) => !list.is_empty(),
        other => !other.is_null(),
    });
    if !is_alias(properties) || !records {
        return Ok(());
    }
    if rules.holds(Switch::AliasExcludesRecords) {
        let message =
            format!("The record set has a targetResource and {member}, of which it can have only one.");
        return Err(Refusal::new(400, "BadRequest", message));
    }
    properties.shift_remove(member);
    Ok(())
}

fn is_alias(properties: &Map<String, Json>) -> bool {
    properties
        .get("targetResource")
        .is_some_and(|target| target["id"].as_str().is_some_and(|id| !id.is_empty()))
}

fn is_name(text: &str) -> bool {
    let text = text.trim_end_matches('.');
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn delete(context: &mut Context<'_>, address: &Address, kind: &str) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/{kind}/delete"), &target)?;
    context.unlocked(&target)?;
    let zone = existing(context, address)?;
    let name = address.name(1);
    let set = zone.record_set(kind, name);
    precondition(context, set.map(|set| set.etag.as_str()))?;
    if set.is_none() {
        return Ok(Answer::empty(204));
    }
    if matches!(kind, "SOA" | "NS") && name == "@" {
        return Err(errors::invalid_content(format!("The record set of type '{kind}' belongs to the zone.")));
    }
    let id = fold(&zone.id);
    if let Some(zone) = context.state.dns_zones.get_mut(&id) {
        zone.records.remove(&dns_key(kind, name));
    }
    Ok(Answer::empty(200))
}

fn body(zone: &DnsZone, set: &RecordSet) -> Json {
    let name = if set.name == "@" { String::new() } else { format!("{}.", set.name) };
    let mut properties = set.properties.clone();
    properties.insert("fqdn".to_owned(), json!(format!("{name}{}.", zone.name())));
    properties.insert("provisioningState".to_owned(), json!("Succeeded"));
    // An empty one is told, too.
    properties.entry("targetResource").or_insert_with(|| json!({}));
    json!({
        "id": format!("{}/{}/{}", zone.id, set.kind, set.name),
        "name": set.name,
        "type": format!("{ANSWERED}/{}", set.kind),
        "etag": set.etag,
        "properties": properties,
    })
}
