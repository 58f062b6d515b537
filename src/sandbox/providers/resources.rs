//! `Microsoft.Resources`: subscriptions, provider registrations, resource groups.

use serde_json::{Value as Json, json};

use super::{
    PROVIDERS, REGISTRATIONS, RESOURCES, SUBSCRIPTIONS, invalid_version, provider as known_provider,
};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::router::{self, Address, Answer, Context, Handled};
use crate::sandbox::state::{Group, State, Subscription, Table, fold, last};

/// Requests whose path has no provider in it.
pub(in crate::sandbox) fn route(context: &mut Context<'_>) -> Handled {
    let segments: Vec<String> =
        context.path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let words: Vec<&str> = lower.iter().map(String::as_str).collect();
    let name = |index: usize| segments.get(index).cloned().unwrap_or_default();
    let version = context.api_version;
    let supported = if words.len() > 2 { RESOURCES } else { SUBSCRIPTIONS };
    if matches!(words.first(), Some(&"subscriptions")) && !supported.contains(&version) {
        return Err(invalid_version(version, supported));
    }
    router::existing_subscription(context, context.path)?;
    match (context.method, words.as_slice()) {
        ("GET", ["subscriptions"]) => {
            let subscriptions = context
                .state
                .subscriptions
                .iter()
                .filter(|subscription| visible(context, &subscription.id))
                .map(|subscription| subscription_body(context.state, subscription))
                .collect();
            let mut answer = context.page(subscriptions)?;
            // The only list whose published schema requires nextLink.
            if let Some(body) = &mut answer.body {
                default_link(body);
            }
            Ok(answer)
        }
        ("GET", ["subscriptions", _]) => {
            let id = name(1);
            if !visible(context, &id) {
                context.require("Microsoft.Resources/subscriptions/read", context.path)?;
            }
            let subscription = context
                .state
                .subscriptions
                .iter()
                .find(|subscription| subscription.id.eq_ignore_ascii_case(&id))
                .ok_or_else(|| errors::subscription_not_found(&id))?;
            Ok(Answer::new(200, subscription_body(context.state, subscription)))
        }
        ("GET", ["subscriptions", _, "providers"]) => {
            let scope = format!("/subscriptions/{}", name(1));
            context.require("Microsoft.Resources/subscriptions/providers/read", &scope)?;
            let providers = PROVIDERS
                .iter()
                .map(|provider| provider_body(context.state, &scope, provider.namespace))
                .collect();
            context.page(providers)
        }
        ("GET", ["subscriptions", _, "resourcegroups"]) => {
            let scope = format!("/subscriptions/{}", name(1));
            let readable = context
                .state
                .groups
                .values()
                .filter(|group| fold(&group.id).starts_with(&fold(&scope)))
                .filter(|group| {
                    context.allowed("Microsoft.Resources/subscriptions/resourceGroups/read", &group.id)
                })
                .map(group_body)
                .collect();
            context.page(readable)
        }
        (method, ["subscriptions", _, "resourcegroups", _]) => group(context, method, &name(1), &name(3)),
        _ => Err(Refusal::new(404, "NotFound", format!("The path '{}' leads nowhere.", context.path))),
    }
}

fn default_link(body: &mut Json) {
    if body.get("nextLink").is_none() {
        body["nextLink"] = json!("");
    }
}

fn visible(context: &Context<'_>, id: &str) -> bool {
    let scope = format!("/subscriptions/{id}");
    context.allowed("Microsoft.Resources/subscriptions/read", &scope)
        || router::seen_from_below(context, &scope)
}

fn subscription_body(state: &State, subscription: &Subscription) -> Json {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": state.tenant,
        "displayName": subscription.name,
        "state": subscription.state,
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

/// `GET` of a provider's registration.
pub(in crate::sandbox) fn provider(context: &mut Context<'_>, scope: &str, namespace: &str) -> Handled {
    if !REGISTRATIONS.contains(&context.api_version) {
        return Err(invalid_version(context.api_version, REGISTRATIONS));
    }
    router::existing_subscription(context, scope)?;
    if context.method != "GET" {
        return Err(Refusal::new(405, "MethodNotAllowed", "Providers can only be read and registered here."));
    }
    context.require("Microsoft.Resources/subscriptions/providers/read", scope)?;
    let namespace = existing_provider(namespace)?;
    Ok(Answer::new(200, provider_body(context.state, scope, namespace)))
}

/// `POST …/register`: registers the provider in the subscription, at once.
pub(in crate::sandbox) fn register(context: &mut Context<'_>, address: &Address) -> Handled {
    if !REGISTRATIONS.contains(&context.api_version) {
        return Err(invalid_version(context.api_version, REGISTRATIONS));
    }
    router::existing_subscription(context, &address.scope)?;
    if context.method != "POST" {
        return Err(router::no_operation(context, address));
    }
    let namespace = existing_provider(&address.namespace)?;
    context.require(&format!("{namespace}/register/action"), &address.scope)?;
    context.unlocked(&address.scope)?;
    context.state.providers.retain(|name, _| !name.eq_ignore_ascii_case(namespace));
    context.state.providers.insert(namespace.to_owned(), "Registered".to_owned());
    Ok(Answer::new(200, provider_body(context.state, &address.scope, namespace)))
}

/// The namespace in its own spelling.
fn existing_provider(namespace: &str) -> Result<&'static str, Refusal> {
    known_provider(namespace).map(|provider| provider.namespace).ok_or_else(|| {
        Refusal::new(
            404,
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        )
    })
}

fn provider_body(state: &State, scope: &str, namespace: &str) -> Json {
    let types: Vec<Json> = known_provider(namespace)
        .map(|provider| provider.types)
        .unwrap_or_default()
        .iter()
        .map(|(name, versions)| {
            json!({
                "resourceType": name,
                "locations": ["West Europe", "North Europe"],
                "apiVersions": versions,
                "capabilities": "None",
            })
        })
        .collect();
    json!({
        "id": format!("{scope}/providers/{namespace}"),
        "namespace": namespace,
        "registrationPolicy": "RegistrationRequired",
        "registrationState": registration(state, namespace),
        "resourceTypes": types,
    })
}

fn registration<'a>(state: &'a State, namespace: &str) -> &'a str {
    state
        .providers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(namespace))
        .map_or("NotRegistered", |(_, registration)| registration.as_str())
}

/// Refuses a write to a provider that is not registered.
pub(in crate::sandbox) fn registered(context: &Context<'_>, namespace: &str) -> Result<(), Refusal> {
    if registration(context.state, namespace).eq_ignore_ascii_case("Registered") {
        return Ok(());
    }
    Err(Refusal::new(
        409,
        "MissingSubscriptionRegistration",
        format!(
            "The subscription is not registered to use namespace '{namespace}'. See \
             https://aka.ms/rps-not-found for how to register subscriptions."
        ),
    ))
}

fn group(context: &mut Context<'_>, method: &str, subscription: &str, name: &str) -> Handled {
    let id = format!("/subscriptions/{subscription}/resourceGroups/{name}");
    match method {
        "GET" => {
            context.require("Microsoft.Resources/subscriptions/resourceGroups/read", &id)?;
            let group = context.state.groups.get(&fold(&id)).ok_or_else(|| errors::group_not_found(name))?;
            Ok(Answer::new(200, group_body(group)))
        }
        "PUT" => {
            context.require("Microsoft.Resources/subscriptions/resourceGroups/write", &id)?;
            context.unlocked(&id)?;
            let body = context.object()?;
            let Some(location) = body["location"].as_str() else {
                return Err(Refusal::new(
                    400,
                    "LocationRequired",
                    "The location property is required for this definition.",
                ));
            };
            let existing = context.state.groups.get(&fold(&id));
            if let Some(group) = existing.filter(|group| !group.location.eq_ignore_ascii_case(location)) {
                return Err(Refusal::new(
                    409,
                    "InvalidResourceGroupLocation",
                    format!(
                        "Invalid resource group location '{location}'. The Resource group already exists in \
                         location '{}'.",
                        group.location
                    ),
                ));
            }
            let status = if existing.is_some() { 200 } else { 201 };
            let group = Group {
                id: existing.map_or(id.clone(), |group| group.id.clone()),
                location: location.to_owned(),
                tags: body["tags"].as_object().cloned().unwrap_or_default(),
            };
            let answer = group_body(&group);
            context.state.groups.insert(fold(&id), group);
            Ok(Answer::new(status, answer))
        }
        _ => Err(Refusal::new(
            405,
            "MethodNotAllowed",
            format!("Resource groups do not take '{method}' here."),
        )),
    }
}

fn group_body(group: &Group) -> Json {
    json!({
        "id": group.id,
        "name": group.id.rsplit('/').next(),
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": { "provisioningState": "Succeeded" },
    })
}

/// The group that `scope` names, which must be there: its own spelling of its id.
pub(in crate::sandbox) fn existing_group(context: &Context<'_>, scope: &str) -> Result<String, Refusal> {
    context
        .state
        .groups
        .get(&fold(scope))
        .map(|group| group.id.clone())
        .ok_or_else(|| errors::group_not_found(scope.rsplit('/').next().unwrap_or_default()))
}

/// The resource of `table` that `address` names, or that it stands below; in a group that is there.
pub(in crate::sandbox) fn named<'a, T>(
    context: &'a Context<'_>,
    address: &Address,
    kind: &str,
    table: &'a Table<T>,
) -> Result<&'a T, Refusal> {
    existing_group(context, &address.scope)?;
    let found = table.get(&fold(&address.id(1)));
    found.ok_or_else(|| errors::resource_not_found(kind, address.name(0), last(&address.scope)))
}

/// Everything of `table` in the group or subscription that is listed, for a caller who may read it there.
pub(in crate::sandbox) fn listed<'a, T>(
    context: &Context<'_>,
    address: &Address,
    kind: &str,
    table: &'a Table<T>,
) -> Result<impl Iterator<Item = &'a T> + use<'a, T>, Refusal> {
    context.require(&format!("{kind}/read"), &address.scope)?;
    if is_group(&address.scope) {
        existing_group(context, &address.scope)?;
    }
    let within = format!("{}/", fold(&address.scope));
    Ok(table.iter().filter(move |(id, _)| id.starts_with(&within)).map(|(_, one)| one))
}

/// Whether `scope` is a resource group and not a subscription.
pub(in crate::sandbox) fn is_group(scope: &str) -> bool {
    fold(scope).contains("/resourcegroups/")
}
