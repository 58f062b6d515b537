//! `role_assignment`: a role for a principal, found under another name or at a wider scope.

use std::time::Duration;

use indexmap::IndexMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::{Grant, Outcome};
use crate::azure::ResourceId;
use crate::azure::types::ResourceType;
use crate::facts::Read;
use crate::merge::Owned;
use crate::value::{Data, Path, Value};

/// A role definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name for people.
    pub name: String,
    /// Its GUID, the same in every subscription for built-in roles.
    pub guid: String,
}

/// What a step asks for.
#[derive(Clone, Debug)]
pub struct RoleRequest {
    /// Which role.
    pub role: Role,
    /// The principal's object id; may be unknown.
    pub principal: Value,
    /// On what.
    pub scope: ResourceId,
    /// See [`Grant::settle`].
    pub settle: Duration,
}

/// The read that shows every assignment of `principal` that applies at `scope`.
///
/// The filter `principalId eq` answers with assignments at, above and below the scope
/// (<https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest>).
pub fn role_assignments_read(scope: &ResourceId, principal: &str, api_version: &str) -> Read {
    Read::many(
        &format!("{scope}/providers/Microsoft.Authorization/roleAssignments"),
        "Microsoft.Authorization/roleAssignments",
        api_version,
    )
    .with("$filter", format!("principalId eq '{}'", principal.replace('\'', "''")))
}

/// Whether an assignment at `granted` holds for `scope`. The root and management groups, which are
/// not resource ids of ours, stand above everything that a filtered read returns.
pub fn scope_covers(granted: &str, scope: &ResourceId) -> bool {
    granted == "/"
        || granted.to_ascii_lowercase().starts_with("/providers/microsoft.management/managementgroups/")
        || ResourceId::parse(granted).is_some_and(|granted| scope.within(&granted))
}

/// The outcome: `assignments` is the answer to [`role_assignments_read`], null while the principal
/// does not exist (then it has none).
pub fn role_assignment(kind: &'static ResourceType, request: &RoleRequest, assignments: &Value) -> Outcome {
    let matches = |assignment: &&Value| {
        let guid = assignment
            .text_at(&["properties", "roleDefinitionId"])
            .and_then(|id| id.rsplit('/').next())
            .unwrap_or_default();
        let principal = assignment.text_at(&["properties", "principalId"]);
        guid.eq_ignore_ascii_case(&request.role.guid)
            && principal
                .zip(request.principal.as_str())
                .is_some_and(|(have, want)| have.eq_ignore_ascii_case(want))
            && assignment
                .text_at(&["properties", "scope"])
                .is_some_and(|granted| scope_covers(granted, &request.scope))
    };
    let is_conditional = |assignment: &&Value| assignment.text_at(&["properties", "condition"]).is_some();
    let all = assignments.as_list().unwrap_or_default();
    let found = all.iter().filter(matches).find(|one| !is_conditional(one));
    // Under a condition it may not hold for what is needed, and stands in the way of a second one.
    let conditional = all.iter().filter(matches).find(|one| {
        is_conditional(one)
            && one
                .text_at(&["properties", "scope"])
                .and_then(ResourceId::parse)
                .is_some_and(|granted| granted == request.scope)
    });
    let wanted = body(request);
    let grant = Grant {
        role: request.role.name.clone(),
        role_guid: request.role.guid.clone(),
        principal: request.principal.clone(),
        scope: request.scope.clone(),
        created_on: found
            .and_then(|assignment| assignment.text_at(&["properties", "createdOn"]))
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()),
        found_as: found
            .and_then(|assignment| assignment.text_at(&["properties", "scope"]))
            .map(str::to_owned),
        settle: request.settle,
        conditional: conditional.and_then(|one| one.text_at(&["id"])).map(str::to_owned),
    };
    let id = found
        .and_then(|assignment| assignment.text_at(&["id"]))
        .and_then(ResourceId::parse)
        .or_else(|| name(request).map(|name| request.scope.provider(kind.name, &name)));
    let owned = Owned {
        path: Path::root().key("properties"),
        live: found.cloned().unwrap_or_else(Value::null),
        wanted: wanted.clone(),
        in_place: found.is_some(),
        default: false,
    };
    let live = found.cloned().unwrap_or_else(Value::null);
    Outcome {
        resource: id,
        owned: vec![owned],
        result: found.cloned().unwrap_or_else(|| wanted.clone()),
        grant: Some(grant),
        ..Outcome::of(kind, live, wanted)
    }
}

/// Assignment names are unique in the tenant: derived from scope, principal and role, so that two
/// runs (also on two machines) agree on one. `None` while the principal is not known.
fn name(request: &RoleRequest) -> Option<String> {
    let principal = request.principal.as_str()?;
    let text = format!("{}|{}|{}", request.scope.folded(), principal, request.role.guid).to_ascii_lowercase();
    Some(Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string())
}

fn body(request: &RoleRequest) -> Value {
    // A management group has no subscription; built-in definitions stand at the root too.
    let above = request.scope.subscription().map_or_else(String::new, |id| format!("/subscriptions/{id}"));
    let definition =
        format!("{above}/providers/Microsoft.Authorization/roleDefinitions/{}", request.role.guid);
    let properties = IndexMap::from([
        ("roleDefinitionId".to_owned(), Value::from(definition)),
        ("principalId".to_owned(), request.principal.clone()),
        // Keeps a principal that the directory does not know everywhere yet from being refused
        // (PrincipalNotFound, https://learn.microsoft.com/azure/role-based-access-control/troubleshooting).
        ("principalType".to_owned(), Value::from("ServicePrincipal")),
    ]);
    Value::new(Data::Map(IndexMap::from([("properties".to_owned(), Value::new(Data::Map(properties)))])))
}
