//! `Microsoft.Network`: public DNS zones and their record sets.

mod records;

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{DnsZone, fold};

const KIND: &str = "Microsoft.Network/dnsZones";

/// As answers spell it (MicrosoftDocs/azure-docs#114848 shows an id).
const ANSWERED: &str = "Microsoft.Network/dnszones";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.types.len(), context.method, address.is_resource()) {
        (1, "GET", false) => list(context, address),
        (1, "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            Ok(Answer::new(200, body(existing(context, address)?)))
        }
        (1, "PUT", true) => put(context, address),
        (2, ..) => records::route(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

/// The zone that `address` names, or that has what it names.
fn existing<'a>(context: &'a Context<'_>, address: &Address) -> Result<&'a DnsZone, Refusal> {
    resources::named(context, address, KIND, &context.state.dns_zones)
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.dns_zones)?;
    context.page(found.map(body).collect())
}

/// A new zone, to which nobody leads yet; of one that is there only the tags change.
fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.Network")?;
    let group = resources::existing_group(context, &address.scope)?;
    let sent = context.object()?;
    if !sent["location"].as_str().is_some_and(|location| location.eq_ignore_ascii_case("global")) {
        return Err(Refusal::new(
            400,
            "LocationNotAvailableForResourceType",
            "The provided location is not available for resource type 'Microsoft.Network/dnsZones'. List of \
             available regions for the resource type is 'global'.",
        ));
    }
    context.compliant(&target, &sent)?;
    let id = format!("{group}/providers/{ANSWERED}/{}", address.name(0));
    let (status, mut zone) = context
        .state
        .dns_zones
        .get(&fold(&target))
        .map_or_else(|| (201, DnsZone::new(&id, 5, context.now)), |zone| (200, zone.clone()));
    records::precondition(context, (status == 200).then_some(zone.etag.as_str()))?;
    zone.tags = sent["tags"].as_object().cloned().unwrap_or_default();
    zone.etag = context.state.new_guid("etag");
    let answer = body(&zone);
    context.state.add_zone(zone);
    Ok(Answer::new(status, answer))
}

fn body(zone: &DnsZone) -> Json {
    json!({
        "id": zone.id,
        "name": zone.name(),
        "type": ANSWERED,
        "etag": zone.etag,
        "location": "global",
        "tags": zone.tags,
        "properties": {
            "maxNumberOfRecordSets": 10_000,
            "nameServers": zone.name_servers(),
            "numberOfRecordSets": zone.records.len(),
            "zoneType": "Public",
        },
    })
}
