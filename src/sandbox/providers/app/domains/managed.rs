//! `managedEnvironments/managedCertificates`: ordered for a host name that an app has, issued when DNS and ingress
//! let the authority see that the name is theirs, pending as long as they do not.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;

use super::names::View;
use super::{hindrance, names, points_to_its_app};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::app::storages::environment;
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{ManagedCertificate, OperationKind, State, fold, last};

const KIND: &str = "Microsoft.App/managedEnvironments/managedCertificates";

/// Where the status of an order is asked for, below the subscription and location.
pub(in crate::sandbox) const STATUSES: &str = "managedCertificateOperationStatuses";

/// After how many times [`crate::sandbox::Delays::operation`] a certificate is there: 5 minutes by its usual 20 s.
const ISSUED_AFTER: u32 = 15;

/// How long an order that cannot be fulfilled is tried.
const TRIED: time::Duration = time::Duration::minutes(30);

pub(in crate::sandbox::providers::app) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/read"), &address.target())?;
    let environment = environment(context, address)?.id.clone();
    let plain = context.rules.holds(Switch::SubjectWithoutCn);
    if address.is_resource() {
        let one = context.state.managed_certificates.get(&fold(&address.target()));
        return Ok(Answer::new(200, one.ok_or_else(|| not_found(address))?.body(plain)));
    }
    let within = format!("{}/", fold(&environment));
    let all = context.state.managed_certificates.iter().filter(|(id, _)| id.starts_with(&within));
    let found = all.map(|(_, one)| one.body(plain)).collect();
    context.page(found)
}

fn not_found(address: &Address) -> Refusal {
    errors::resource_not_found(
        KIND,
        &format!("{}/{}", address.name(0), address.name(1)),
        last(&address.scope),
    )
}

fn refused(code: &str, message: String) -> Refusal {
    Refusal::new(400, code, message)
}

/// `PUT`: an order, or one that failed again.
pub(in crate::sandbox::providers::app) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let (environment, region) = {
        let environment = environment(context, address)?;
        (environment.id.clone(), environment.location.clone())
    };
    let sent = context.object()?;
    known(&sent, &["subjectName", "domainControlValidation"])?;
    let Some(location) = sent["location"].as_str() else {
        return Err(refused(
            "LocationRequired",
            "The location property is required for this definition.".into(),
        ));
    };
    let host = sent["properties"]["subjectName"].as_str().unwrap_or_default().to_ascii_lowercase();
    let validation = sent["properties"]["domainControlValidation"].as_str().unwrap_or("HTTP").to_owned();
    if host.is_empty() {
        return Err(errors::invalid_content(
            "The request content was invalid: properties.subjectName is required.",
        ));
    }
    let before = context.state.managed_certificates.get(&fold(&target)).cloned();
    if context.state.holder(&environment, &host).is_none() {
        return Err(refused(
            "RequireCustomHostnameInEnvironment",
            format!(
                "Creating managed certificate requires hostname '{host}' added as a custom hostname to a \
                 container app or route in environment '{}'",
                last(&environment)
            ),
        ));
    }
    let within = format!("{}/", fold(&environment));
    let other = context.state.managed_certificates.iter().find(|(id, one)| {
        id.starts_with(&within) && **id != fold(&target) && one.subject.eq_ignore_ascii_case(&host)
    });
    if let Some((_, other)) = other {
        return Err(refused(
            "DuplicateManagedCertificateInEnvironment",
            format!(
                "Another managed certificate with subject name '{host}' and certificate name '{}' available in \
                 environment '{}'.",
                last(&other.id),
                last(&environment)
            ),
        ));
    }
    if validation.eq_ignore_ascii_case("CNAME")
        && context.rules.holds(Switch::CnameCheckedAtOnce)
        && !points_to_its_app(View::new(context.state, context.rules, context.now), &environment, &host)
    {
        return Err(refused("InvalidCustomHostNameValidation", names::no_cname(&host)));
    }
    let same = before.as_ref().is_some_and(|one| {
        one.subject.eq_ignore_ascii_case(&host) && one.validation.eq_ignore_ascii_case(&validation)
    });
    if let Some(before) = &before
        && same
        && matches!(before.provisioning_state.as_str(), "Succeeded" | "Pending")
    {
        return Ok(Answer::new(200, before.body(context.rules.holds(Switch::SubjectWithoutCn))));
    }
    order(context, &target, before, &sent, (environment, region), (host, validation, location))
}

fn order(
    context: &mut Context<'_>,
    target: &str,
    before: Option<ManagedCertificate>,
    sent: &Json,
    (environment, region): (String, String),
    (subject, validation, location): (String, String, &str),
) -> Handled {
    let id =
        before.map_or_else(|| format!("{environment}/managedCertificates/{}", last(target)), |one| one.id);
    let token = context.state.new_guid("validation").replace('-', "");
    let certificate = ManagedCertificate {
        id: id.clone(),
        location: location.to_owned(),
        tags: sent["tags"].as_object().cloned().unwrap_or_else(Map::new),
        subject,
        validation,
        provisioning_state: "Pending".to_owned(),
        error: None,
        token,
        ordered: context.now,
        due: context.now + context.delays.operation * ISSUED_AFTER,
    };
    let body = certificate.body(context.rules.holds(Switch::SubjectWithoutCn));
    context.compliant(target, &body)?;
    context.state.add_managed_certificate(certificate);
    let operation = context.begin(&id, OperationKind::Write, None, None, None);
    let subscription = operation.resource.split('/').nth(2).unwrap_or_default();
    let url = format!(
        "{}/subscriptions/{subscription}/providers/Microsoft.App/locations/{}/{STATUSES}/{}?api-version={}",
        context.origin,
        region.replace(' ', "").to_ascii_lowercase(),
        operation.id,
        context.api_version
    );
    let (name, value) = context.delays.retry_header();
    Ok(Answer::new(201, body).with("azure-asyncoperation", url).with(&name, value))
}

/// A body without properties that the type does not have.
pub(super) fn known(sent: &Json, properties: &[&str]) -> Result<(), Refusal> {
    let strange = |path: String| {
        errors::invalid_content(format!(
            "The request content was invalid: the property '{path}' is not known."
        ))
    };
    let top = ["id", "name", "type", "location", "tags", "properties", "systemData"];
    for (name, value) in sent.as_object().into_iter().flatten() {
        if !top.contains(&name.as_str()) && !value.is_null() {
            return Err(strange(name.clone()));
        }
    }
    for (name, value) in sent["properties"].as_object().into_iter().flatten() {
        let read_only = [
            "provisioningState",
            "error",
            "validationToken",
            "subjectAlternativeNames",
            "issuer",
            "issueDate",
            "expirationDate",
            "thumbprint",
            "valid",
            "publicKeyHash",
            "deploymentErrors",
            "subjectName",
        ];
        if !value.is_null() && !properties.contains(&name.as_str()) && !read_only.contains(&name.as_str()) {
            return Err(strange(format!("properties.{name}")));
        }
    }
    Ok(())
}

/// `PATCH`: tags.
pub(in crate::sandbox::providers::app) fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    environment(context, address)?;
    let sent = context.object()?;
    let plain = context.rules.holds(Switch::SubjectWithoutCn);
    let one = context.state.managed_certificates.get_mut(&fold(&target)).ok_or_else(|| not_found(address))?;
    if let Some(tags) = sent["tags"].as_object() {
        one.tags.clone_from(tags);
    }
    Ok(Answer::new(200, one.body(plain)))
}

/// `DELETE`: not while a host name is bound to it.
pub(in crate::sandbox::providers::app) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    environment(context, address)?;
    if !context.state.managed_certificates.contains_key(&fold(&target)) {
        return Ok(Answer::empty(204));
    }
    unbound(context.state, &target)?;
    context.state.managed_certificates.remove(&fold(&target));
    Ok(Answer::empty(200))
}

/// Refuses when a host name is bound to the certificate.
pub(super) fn unbound(state: &State, id: &str) -> Result<(), Refusal> {
    let bound = state.bound_to(id);
    if bound.is_empty() {
        return Ok(());
    }
    Err(refused(
        "CertificateInUse",
        format!("Certificate '{}' is used by existing custom domains {}.", last(id), bound.join(", ")),
    ))
}

/// Lets the orders end that can at `now`.
pub(in crate::sandbox) fn settle(state: &mut State, now: OffsetDateTime, rules: &Switches) {
    let pending: Vec<String> = state
        .managed_certificates
        .iter()
        .filter(|(_, one)| one.provisioning_state == "Pending" && one.due <= now)
        .map(|(id, _)| id.clone())
        .collect();
    for id in pending {
        let Some(one) = state.managed_certificates.get(&id) else { continue };
        let environment = one.id.split("/managedCertificates/").next().unwrap_or_default();
        let why = hindrance(View::new(state, rules, now), environment, &one.subject, &one.validation);
        let failed = match why {
            None => None,
            Some(why) if !rules.holds(Switch::OrderStaysPending) && now >= one.ordered + TRIED => Some(why),
            Some(_) => continue,
        };
        let Some(one) = state.managed_certificates.get_mut(&id) else { continue };
        if failed.is_some() { "Failed" } else { "Succeeded" }.clone_into(&mut one.provisioning_state);
        one.error.clone_from(&failed);
        for operation in state.operations.values_mut().filter(|one| !one.ended && fold(&one.resource) == id) {
            operation.ended = true;
            operation.due = Some(now);
            operation.failure = failed
                .as_ref()
                .map(|why| (400, json!({ "code": "CertificateProvisioningFailed", "message": why })));
        }
    }
}
