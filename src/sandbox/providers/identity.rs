//! `Microsoft.ManagedIdentity`: user-assigned identities, and the view of a resource's
//! system-assigned one.

use serde_json::{Value as Json, json};

use super::resources;
use crate::sandbox::errors::Refusal;
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{FederatedCredential, Identity, State, fold, group_of, last};

const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

pub(in crate::sandbox) fn route(context: &mut Context<'_>, address: &Address) -> Handled {
    match (address.kind().as_str(), context.method, address.is_resource()) {
        ("userassignedidentities", "GET", false) => list(context, address),
        ("userassignedidentities", "GET", true) => {
            context.require(&format!("{KIND}/read"), &address.target())?;
            let identity = resources::named(context, address, KIND, &context.state.identities)?;
            Ok(Answer::new(200, body(context.state, identity)))
        }
        ("userassignedidentities", "PUT", true) => put(context, address),
        ("userassignedidentities", "DELETE", true) => delete(context, address),
        ("userassignedidentities/federatedidentitycredentials", "GET", false) => federated(context, address),
        ("identities", "GET", true) => system(context, address),
        _ => Err(router::no_operation(context, address)),
    }
}

fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    let found = resources::listed(context, address, KIND, &context.state.identities)?;
    context.page(found.map(|identity| body(context.state, identity)).collect())
}

fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.ManagedIdentity")?;
    let group = resources::existing_group(context, &address.scope)?;
    let sent = context.object()?;
    let Some(location) = sent["location"].as_str().map(str::to_owned) else {
        return Err(Refusal::new(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    context.compliant(&target, &sent)?;
    let tags = sent["tags"].as_object().cloned().unwrap_or_default();
    let (status, identity) = match context.state.identity(&target).cloned() {
        Some(identity) if !identity.location.eq_ignore_ascii_case(&location) => {
            return Err(Refusal::new(
                409,
                "InvalidResourceLocation",
                format!(
                    "The resource '{}' already exists in location '{}' in resource group '{}'. A resource \
                     with the same name cannot be created in location '{location}'.",
                    address.name(0),
                    identity.location,
                    group_of(&target)
                ),
            ));
        }
        Some(identity) => (200, Identity { tags, ..identity }),
        None => {
            let known_from = context.now + context.delays.principal;
            let (principal_id, client_id) = context.state.new_principal(known_from);
            let id = format!("{group}/providers/{KIND}/{}", address.name(0));
            (201, Identity { id, location, tags, principal_id, client_id, federated: Vec::new() })
        }
    };
    let answer = body(context.state, &identity);
    context.state.identities.insert(fold(&target), identity);
    Ok(Answer::new(status, answer))
}

fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    resources::existing_group(context, &address.scope)?;
    match context.state.identities.remove(&fold(&target)) {
        Some(identity) => {
            // Role assignments stay, orphaned, with the old principal.
            context.state.principals.remove(&identity.principal_id);
            Ok(Answer::empty(200))
        }
        None => Ok(Answer::empty(204)),
    }
}

/// Who signs in as the identity from outside Azure. Only read here: no recipe makes one.
fn federated(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/federatedIdentityCredentials/read"), &address.target())?;
    let identity = resources::named(context, address, KIND, &context.state.identities)?;
    let one = |credential: &FederatedCredential| {
        let name = &credential.name;
        json!({
            "id": format!("{}/federatedIdentityCredentials/{name}", identity.id),
            "name": name,
            "type": format!("{KIND}/federatedIdentityCredentials"),
            "properties": {
                "issuer": credential.issuer,
                "subject": credential.subject,
                "audiences": ["api://AzureADTokenExchange"],
            },
        })
    };
    context.page(identity.federated.iter().map(one).collect())
}

fn body(state: &State, identity: &Identity) -> Json {
    json!({
        "id": identity.id,
        "name": last(&identity.id),
        "type": KIND,
        "location": identity.location,
        "tags": identity.tags,
        "properties": {
            "tenantId": state.tenant,
            "principalId": identity.principal_id,
            "clientId": identity.client_id,
        },
    })
}

fn system(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require("Microsoft.ManagedIdentity/identities/read", &address.target())?;
    let app = context.state.apps.get(&fold(&address.scope));
    let system = app.and_then(|app| app.identity.system.as_ref().map(|system| (app, system)));
    let Some((app, system)) = system.filter(|_| address.name(0).eq_ignore_ascii_case("default")) else {
        return Err(Refusal::new(
            404,
            "ResourceNotFound",
            format!("No system-assigned identity was found for '{}'.", address.scope),
        ));
    };
    let answer = json!({
        "id": format!("{}/providers/Microsoft.ManagedIdentity/identities/default", app.id),
        "name": "default",
        "type": "Microsoft.ManagedIdentity/identities",
        "location": app.model["location"],
        "properties": {
            "tenantId": context.state.tenant,
            "principalId": system.principal_id,
            "clientId": system.client_id,
        },
    });
    Ok(Answer::new(200, answer))
}
