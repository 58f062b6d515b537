//! Custom domains: which host names an app may have, what they are bound to, and what DNS says of them.

pub(super) mod certificates;
mod file;
pub(in crate::sandbox) mod managed;
pub(in crate::sandbox) mod names;

use serde_json::{Value as Json, json};

use self::names::View;
use super::{KIND, render, revisions, write};
use crate::sandbox::errors::Refusal;
use crate::sandbox::exchange::find;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{App, Environment, elements, fold};

/// Judges the custom domains of an app as it is to be. What is there already is not proved again.
pub(super) fn check(
    context: &Context<'_>,
    id: &str,
    before: Option<&App>,
    model: &Json,
) -> Result<(), Refusal> {
    let entries = elements(&model["properties"]["configuration"]["ingress"]["customDomains"]);
    let environment = model["properties"]["environmentId"].as_str().unwrap_or_default();
    let Some(environment) = context.state.environments.get(&fold(environment)) else { return Ok(()) };
    let mut seen: Vec<String> = Vec::new();
    for entry in entries {
        let host = entry["name"].as_str().unwrap_or_default().to_ascii_lowercase();
        if !is_host(&host) {
            return Err(domain(&format!("'{host}' is not a host name")));
        }
        if seen.contains(&host) {
            return Err(domain(&format!("the host name '{host}' is given twice")));
        }
        let had = before.is_some_and(|app| {
            let same = |one: &Json| one["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&host));
            app.custom_domains().iter().any(same)
        });
        if !had {
            admitted(context, id, environment, &host)?;
        }
        bound(context, environment, &host, entry)?;
        seen.push(host);
    }
    Ok(())
}

fn domain(why: &str) -> Refusal {
    revisions::invalid_field("configuration.ingress.customDomains", why)
}

fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

/// Whether a host name may come to the app: nobody else in the environment has it, it is not the environment's own,
/// and its owner says so in DNS.
fn admitted(context: &Context<'_>, id: &str, environment: &Environment, host: &str) -> Result<(), Refusal> {
    if of_environment(environment, host) {
        return Err(Refusal::new(
            400,
            "InvalidCustomHostName",
            format!("The custom host name '{host}' is below the environment's own DNS suffix."),
        ));
    }
    if let Some((other, _)) =
        context.state.holder(&environment.id, host).filter(|(app, _)| fold(&app.id) != fold(id))
    {
        return Err(Refusal::new(
            400,
            "CustomDomainConflictOnEnvironment",
            format!("The custom domain {host} is already in use by {}.", other.id),
        ));
    }
    let proof = names::verification_id(id);
    if !proved(view(context), host, &proof) {
        return Err(Refusal::new(
            400,
            "InvalidCustomHostNameValidation",
            format!("A TXT record pointing from {} to {proof} was not found.", names::proof_of(host)),
        ));
    }
    Ok(())
}

/// Whether a name is below one of the environment's own domains.
fn of_environment(environment: &Environment, host: &str) -> bool {
    let suffixes = [
        environment.properties["defaultDomain"].as_str(),
        environment.properties["customDomainConfiguration"]["dnsSuffix"].as_str(),
    ];
    suffixes.into_iter().flatten().filter(|suffix| !suffix.is_empty()).any(|suffix| {
        let suffix = suffix.to_ascii_lowercase();
        host == suffix || host.strip_suffix(&suffix).is_some_and(|rest| rest.ends_with('.'))
    })
}

fn view<'a>(context: &'a Context<'_>) -> View<'a> {
    View::new(context.state, context.rules, context.now)
}

fn proved(view: View<'_>, host: &str, proof: &str) -> bool {
    view.records(&names::proof_of(host), "TXT").iter().any(|text| text.eq_ignore_ascii_case(proof))
}

/// Whether the certificate of an entry is there, is ready and fits.
fn bound(context: &Context<'_>, environment: &Environment, host: &str, entry: &Json) -> Result<(), Refusal> {
    let sni = entry["bindingType"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("SniEnabled"));
    let Some(id) = entry["certificateId"].as_str().filter(|id| !id.is_empty()) else {
        if sni && context.rules.holds(Switch::SniNeedsCertificate) {
            return Err(domain(&format!("'{host}': SniEnabled needs a certificateId")));
        }
        return Ok(());
    };
    let mismatch = || {
        Err(Refusal::new(
            400,
            "CertificateHostNameMismatch",
            format!("The certificate '{id}' is not for the host name '{host}'."),
        ))
    };
    let missing = || Refusal::new(400, "CertificateNotFound", format!("Certificate '{id}' doesn't exist"));
    if !fold(id).starts_with(&format!("{}/", fold(&environment.id))) {
        return Err(missing());
    }
    if let Some(managed) = context.state.managed_certificates.get(&fold(id)) {
        if managed.provisioning_state != "Succeeded" {
            return Err(Refusal::new(
                400,
                "CertificateNotInSucceededState",
                format!("Certificate '{id}' is not in succeeded provisioning state."),
            ));
        }
        let fits = managed.subject.eq_ignore_ascii_case(host);
        return if fits || !context.rules.holds(Switch::CertificateMustCover) { Ok(()) } else { mismatch() };
    }
    let own = context.state.certificates.get(&fold(id)).ok_or_else(missing)?;
    if own.content.covers(host) || !context.rules.holds(Switch::CertificateMustCover) {
        Ok(())
    } else {
        mismatch()
    }
}

/// `POST listCustomHostNameAnalysis`.
pub(super) fn analysis(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/listCustomHostNameAnalysis/action"), &target)?;
    let app = write::existing(context, address)?;
    let Some(host) = find(context.query, "customHostname").filter(|host| !host.is_empty()) else {
        return Err(Refusal::new(400, "InvalidParameter", "The query parameter customHostname is required."));
    };
    let host = host.to_ascii_lowercase();
    let environment = app.model["properties"]["environmentId"].as_str().unwrap_or_default();
    let proof = names::verification_id(&app.id);
    let passed = proved(view(context), &host, &proof);
    let holder = context.state.holder(environment, &host).map(|(app, _)| app.id.clone());
    let of_others = holder.as_ref().filter(|id| **id != app.id);
    let conflict = context
        .state
        .environments
        .get(&fold(environment))
        .is_some_and(|environment| of_environment(environment, &host));
    let found = |name: &str, kind: &str| json!(view(context).records(name, kind));
    let mut body = json!({
        "hostName": host,
        "isHostnameAlreadyVerified": holder.as_ref() == Some(&app.id),
        "customDomainVerificationTest": if passed { "Passed" } else { "Failed" },
        "hasConflictOnManagedEnvironment": of_others.is_some(),
        "conflictWithEnvironmentCustomDomain": conflict,
        "conflictingContainerAppResourceId": of_others.cloned().unwrap_or_default(),
        "cNameRecords": found(&host, "CNAME"),
        "txtRecords": found(&host, "TXT"),
        "aRecords": found(&host, "A"),
        "alternateCNameRecords": found(&names::proof_of(&host), "CNAME"),
        "alternateTxtRecords": found(&names::proof_of(&host), "TXT"),
    });
    if !passed {
        body["customDomainVerificationFailureInfo"] = json!({
            "code": "InvalidCustomHostNameValidation",
            "message": format!("A TXT record pointing from {} to {proof} was not found.", names::proof_of(&host)),
        });
    }
    if context.api_version < "2025-01-01"
        && let Some(members) = body.as_object_mut()
    {
        members.shift_remove("conflictWithEnvironmentCustomDomain");
    }
    Ok(Answer::new(200, body))
}

/// Why an order of a managed certificate is not fulfilled yet, if it is not.
pub(in crate::sandbox) fn hindrance(
    view: View<'_>,
    environment: &str,
    host: &str,
    validation: &str,
) -> Option<String> {
    let View { state, rules, .. } = view;
    let Some((app, _)) = state.holder(environment, host) else {
        return Some("the host name is no custom domain of an app in the environment".to_owned());
    };
    let ingress = &app.configuration()["ingress"];
    if !ingress.is_object() || ingress["external"] != json!(true) || app.stopped || app.is_tcp() {
        return Some(format!("http://{host} does not answer"));
    }
    if state
        .environments
        .get(&fold(environment))
        .is_some_and(|one| one.properties["vnetConfiguration"]["internal"] == json!(true))
    {
        return Some(format!("http://{host} is not reachable from the internet"));
    }
    if !names::issuer_allowed(view, host) {
        return Some("CAA records do not allow digicert.com".to_owned());
    }
    match validation.to_ascii_uppercase().as_str() {
        "CNAME" => (!to_app(view, app, host)).then(|| names::no_cname(host)),
        "HTTP" => {
            let ip = state
                .environments
                .get(&fold(environment))
                .and_then(|one| one.properties["staticIp"].as_str());
            if !view.records(host, "A").iter().any(|have| Some(have.as_str()) == ip)
                && !to_app(view, app, host)
            {
                return Some(format!("no A record of {host} leads to the environment"));
            }
            let redirects = ingress["allowInsecure"] != json!(true);
            (redirects && !rules.holds(Switch::ValidationFollowsRedirect))
                .then(|| format!("http://{host} answers with a redirect"))
        }
        // No page says what would make it end.
        _ => Some("the TXT record for the validation token was not found".to_owned()),
    }
}

/// Whether a name has a CNAME record with the app's own name, and nothing in between.
fn to_app(view: View<'_>, app: &App, host: &str) -> bool {
    let own = render::fqdn(view.state, app, app.name());
    view.records(host, "CNAME")
        .iter()
        .any(|have| own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(have)))
}

/// The same for whichever app of the environment has the host name.
fn points_to_its_app(view: View<'_>, environment: &str, host: &str) -> bool {
    view.state.holder(environment, host).is_some_and(|(app, _)| to_app(view, app, host))
}
