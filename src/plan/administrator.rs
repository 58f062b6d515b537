//! What somebody types who may give roles: whole command lines, nothing left to fill in that is known.

use super::quote;
use crate::azure::whoami::CallerKind;
use crate::azure::{Caller, ResourceId, roles};
use crate::steps::Grant;

/// The lines that give the caller the smallest built-in roles for `actions` at `scope`.
pub fn role_lines(caller: Option<&Caller>, actions: &[&str], scope: &ResourceId) -> Vec<String> {
    let who = assignee(caller);
    roles::covering(actions)
        .iter()
        .map(|role| {
            format!(
                "az role assignment create {who} --role {} --scope {}",
                quote(role.name),
                quote(scope.as_str())
            )
        })
        .collect()
}

/// The caller as az takes it. The object id and type spare az a look into the directory, which an
/// administrator of resources may not be allowed.
fn assignee(caller: Option<&Caller>) -> String {
    let kind = match caller.map(|caller| caller.kind) {
        Some(CallerKind::User | CallerKind::Sandbox) => " --assignee-principal-type User",
        Some(CallerKind::ServicePrincipal | CallerKind::ManagedIdentity) => {
            " --assignee-principal-type ServicePrincipal"
        }
        Some(CallerKind::Unknown) | None => "",
    };
    match caller {
        Some(Caller { object_id: Some(id), .. }) => format!("--assignee-object-id {}{kind}", quote(id)),
        Some(Caller { kind: CallerKind::User | CallerKind::ServicePrincipal, name, .. }) => {
            format!("--assignee {}", quote(name))
        }
        _ => "--assignee '<object id of the caller>'".to_owned(),
    }
}

/// The line that does what the caller may not: give the role itself. `None` while its principal is not
/// there yet.
pub fn grant_line(grant: &Grant) -> Option<String> {
    let principal = grant.principal.as_str()?;
    Some(format!(
        "az role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal --role {} --scope {}",
        quote(principal),
        quote(&grant.role),
        quote(grant.scope.as_str())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_named_as_well_as_the_token_says() {
        let caller = |kind, id: Option<&str>| Caller {
            kind,
            name: "ada@contoso.com".to_owned(),
            object_id: id.map(str::to_owned),
            tenant_id: None,
        };
        for (who, expected) in [
            (
                Some(caller(CallerKind::User, Some("o"))),
                "--assignee-object-id o --assignee-principal-type User",
            ),
            (
                Some(caller(CallerKind::ManagedIdentity, Some("o"))),
                "--assignee-object-id o --assignee-principal-type ServicePrincipal",
            ),
            (
                Some(caller(CallerKind::ServicePrincipal, Some("o"))),
                "--assignee-object-id o --assignee-principal-type ServicePrincipal",
            ),
            (Some(caller(CallerKind::Unknown, Some("o"))), "--assignee-object-id o"),
            (Some(caller(CallerKind::User, None)), "--assignee ada@contoso.com"),
            (Some(caller(CallerKind::Unknown, None)), "--assignee '<object id of the caller>'"),
            (None, "--assignee '<object id of the caller>'"),
        ] {
            assert_eq!(assignee(who.as_ref()), expected);
        }
    }
}
