//! Locks that refuse a planned write.

use super::engine::Engine;
use super::finding::{Finding, Status};
use super::quote;
use crate::azure::ResourceId;
use crate::diagnostic::codes;
use crate::facts::{Fact, Read};
use crate::value::Value;

/// The lock that would refuse a write on `scope`: a read-only one, and where something of `removed` is deleted there, one
/// that only forbids deleting as well. It keeps role assignments from being deleted, too
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>). Whether the list of a resource holds the locks of its group is not stated, so both are asked for; each
/// lock's own id says what it covers.
pub(super) fn finding(engine: &Engine<'_>, scope: &ResourceId, removed: &[&ResourceId]) -> Option<Finding> {
    let deletes = removed.iter().any(|id| *id == scope || id.parent().as_ref() == Some(scope));
    let group = scope
        .subscription()
        .zip(scope.resource_group())
        .map(|(subscription, group)| ResourceId::group(subscription, group))
        .filter(|group| group != scope);
    let mut refused = None;
    for asked in std::iter::once(scope).chain(group.as_ref()) {
        let kind = "Microsoft.Authorization/locks";
        let read = Read::many(&format!("{asked}/providers/{kind}"), kind, &engine.version(kind));
        match engine.asked.ask(&read) {
            Some(Fact::Found(list)) => {
                let found = list
                    .as_list()
                    .unwrap_or_default()
                    .iter()
                    .find(|lock| forbids(lock, deletes) && covers(lock, scope));
                if let Some(lock) = found {
                    return Some(locked(lock, scope));
                }
            }
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => refused = Some(message.clone()),
            Some(Fact::Absent { .. }) | None => {}
        }
    }
    refused.map(|message| {
        Finding::new(Status::CouldNotCheck, codes::LOCKED, format!("{} is not locked", scope.name()))
            .detail(message)
    })
}

fn forbids(lock: &Value, deletes: bool) -> bool {
    lock.text_at(&["properties", "level"]).is_some_and(|level| {
        level.eq_ignore_ascii_case("ReadOnly") || (deletes && level.eq_ignore_ascii_case("CanNotDelete"))
    })
}

fn covers(lock: &Value, scope: &ResourceId) -> bool {
    let holder = lock.text_at(&["id"]).and_then(|id| {
        let at = id.to_ascii_lowercase().find("/providers/microsoft.authorization/locks")?;
        ResourceId::parse(id.get(..at)?)
    });
    holder.is_none_or(|holder| scope.within(&holder))
}

fn locked(lock: &Value, scope: &ResourceId) -> Finding {
    let name = lock.text_at(&["name"]).unwrap_or("a lock");
    let id = lock.text_at(&["id"]).unwrap_or_default();
    let detail = if forbids(lock, false) {
        format!("the read-only lock {name} refuses every write")
    } else {
        format!("the lock {name} forbids deleting")
    };
    Finding::failed(codes::LOCKED, format!("{} is not locked", scope.name()))
        .detail(detail)
        .fix(format!("az lock delete --ids {}", quote(id)))
        .docs("https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources")
}
