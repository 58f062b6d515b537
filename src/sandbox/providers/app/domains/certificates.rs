//! `managedEnvironments/certificates`: brought along as a file, or fetched from a vault by the environment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};

use super::file::{self, Unfit};
use super::managed::{known, unbound};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::app::storages::environment;
use crate::sandbox::providers::{keyvault, resources};
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{Certificate, Environment, fold, last};

const KIND: &str = "Microsoft.App/managedEnvironments/certificates";

pub(in crate::sandbox::providers::app) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/read"), &address.target())?;
    let environment = environment(context, address)?.id.clone();
    let body = |one: &Certificate| one.body(context.now, context.api_version);
    if address.is_resource() {
        let one = context.state.certificates.get(&fold(&address.target()));
        return Ok(Answer::new(200, body(one.ok_or_else(|| not_found(address))?)));
    }
    let within = format!("{}/", fold(&environment));
    let all = context.state.certificates.iter().filter(|(id, _)| id.starts_with(&within));
    let found = all.map(|(_, one)| body(one)).collect();
    context.page(found)
}

fn not_found(address: &Address) -> Refusal {
    errors::resource_not_found(
        KIND,
        &format!("{}/{}", address.name(0), address.name(1)),
        last(&address.scope),
    )
}

/// `PUT`: the whole of it.
pub(in crate::sandbox::providers::app) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let environment = environment(context, address)?.clone();
    let sent = context.object()?;
    let referring = context.api_version >= "2025-01-01";
    let mut properties = vec!["value", "password"];
    if referring {
        properties.push("certificateKeyVaultProperties");
    }
    known(&sent, &properties)?;
    let Some(location) = sent["location"].as_str() else {
        return Err(Refusal::new(
            400,
            "LocationRequired",
            "The location property is required for this definition.",
        ));
    };
    let name = address.name(1);
    let reference = Some(&sent["properties"]["certificateKeyVaultProperties"]).filter(|one| one.is_object());
    let password = sent["properties"]["password"].as_str().unwrap_or_default();
    let bytes = match (reference, sent["properties"]["value"].as_str()) {
        (Some(reference), None) => from_vault(context, &environment, reference)?,
        (None, Some(value)) => STANDARD.decode(value).map_err(|_| invalid(name))?,
        _ => {
            return Err(errors::invalid_content(
                "The request content was invalid: a certificate needs value or certificateKeyVaultProperties.",
            ));
        }
    };
    let content = match file::read(&bytes, password) {
        Ok((content, in_order)) if in_order || !context.rules.holds(Switch::ChainOrderChecked) => content,
        Ok(_) | Err(Unfit::Unreadable) => return Err(invalid(name)),
        Err(Unfit::Keys) => {
            return Err(Refusal::new(
                400,
                "CertificateMustContainOnePrivateKey",
                "Certificate must contain one private key.",
            ));
        }
    };
    let before = context.state.certificates.get(&fold(&target));
    let replaces = before.is_some_and(|before| before.content.thumbprint != content.thumbprint);
    if replaces && !context.rules.holds(Switch::CertificateReplaced) {
        return Err(Refusal::new(
            400,
            "CertificateUpdateNotSupported",
            format!("The certificate {name} cannot be replaced by another one."),
        ));
    }
    let certificate = Certificate {
        id: before.map_or_else(|| format!("{}/certificates/{name}", environment.id), |one| one.id.clone()),
        location: location.to_owned(),
        tags: sent["tags"].as_object().cloned().unwrap_or_else(Map::new),
        key_vault: reference.cloned(),
        content,
    };
    let body = certificate.body(context.now, context.api_version);
    context.compliant(&target, &body)?;
    context.state.add_certificate(certificate);
    Ok(Answer::new(200, body))
}

fn invalid(name: &str) -> Refusal {
    let message = format!("The certificate {name} is invalid or password is incorrect.");
    Refusal::new(400, "InvalidCertificate", message)
}

/// What is in the vault, as the environment's identity gets it: a PFX in base64, or PEM.
fn from_vault(
    context: &Context<'_>,
    environment: &Environment,
    reference: &Json,
) -> Result<Vec<u8>, Refusal> {
    let identity = reference["identity"].as_str().unwrap_or_default();
    let url = reference["keyVaultUrl"].as_str().unwrap_or_default();
    let fetched = match context.state.principal_of(&environment.identity, identity) {
        Some(principal) => keyvault::fetch(context.state, context.now, context.rules, &principal, url),
        None => Err("the environment does not have the identity"),
    };
    let text = fetched.map_err(|why| {
        Refusal::new(
            400,
            "CertificateKeyVaultFetchFailed",
            format!("Unable to get the certificate {url} using Managed identity {identity}: {why}."),
        )
    })?;
    Ok(STANDARD.decode(text.trim()).unwrap_or_else(|_| text.into_bytes()))
}

/// `PATCH`: tags.
pub(in crate::sandbox::providers::app) fn patch(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    environment(context, address)?;
    let sent = context.object()?;
    let (now, version) = (context.now, context.api_version);
    let one = context.state.certificates.get_mut(&fold(&target)).ok_or_else(|| not_found(address))?;
    if let Some(tags) = sent["tags"].as_object() {
        one.tags.clone_from(tags);
    }
    Ok(Answer::new(200, one.body(now, version)))
}

/// `DELETE`: not while a host name is bound to it.
pub(in crate::sandbox::providers::app) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    environment(context, address)?;
    if !context.state.certificates.contains_key(&fold(&target)) {
        return Ok(Answer::empty(204));
    }
    unbound(context.state, &target)?;
    context.state.certificates.remove(&fold(&target));
    Ok(Answer::empty(200))
}
