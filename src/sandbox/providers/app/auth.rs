//! `containerApps/authConfigs`: who is let in to an app. They are written whole, and hold the names of the app's
//! secrets, never a value. What they come to when somebody asks the app is in `hosts/auth.rs`.

use serde_json::{Value as Json, json};

use super::{schema, write};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::providers::resources;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, AuthConfig, elements, fold, last, stamp};

const KIND: &str = "Microsoft.App/containerApps/authConfigs";

/// Members of `identityProviders` with what people may call them in `redirectToProvider` and after `/.auth/login/`.
pub(in crate::sandbox) const PROVIDERS: &[(&str, &[&str])] = &[
    ("azureActiveDirectory", &["aad"]),
    ("apple", &[]),
    ("facebook", &[]),
    ("gitHub", &[]),
    ("google", &[]),
    ("twitter", &["x"]),
    ("azureStaticWebApps", &[]),
];

/// Enumerations that are closed.
const WORDS: &[(&str, &[&str])] = &[
    (
        "/globalValidation/unauthenticatedClientAction",
        &["RedirectToLoginPage", "AllowAnonymous", "Return401", "Return403"],
    ),
    ("/login/cookieExpiration/convention", &["FixedTime", "IdentityProviderDerived"]),
    ("/httpSettings/forwardProxy/convention", &["NoProxy", "Standard", "Custom"]),
];

pub(super) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/read"), &address.target())?;
    let app = fold(&write::existing(context, address)?.id);
    if address.is_resource() {
        let config = context.state.auth_configs.get(&fold(&address.target()));
        let config =
            config.ok_or_else(|| errors::resource_not_found(KIND, address.name(1), last(&address.scope)))?;
        return Ok(Answer::new(200, body(config, context.rules)));
    }
    let within = format!("{app}/authconfigs/");
    let found = context
        .state
        .auth_configs
        .iter()
        .filter(|(id, _)| id.starts_with(&within))
        .map(|(_, config)| body(config, context.rules))
        .collect();
    context.page(found)
}

/// As it is shown: flags that were never set come back as `false`.
fn body(config: &AuthConfig, rules: &Switches) -> Json {
    let mut properties = config.properties.clone();
    let mut flag = |object: &str, member: &str| {
        if let Some(members) = properties.pointer_mut(object).and_then(Json::as_object_mut) {
            members.entry(member).or_insert(json!(false));
        }
    };
    flag("/login", "preserveUrlFragmentsForLogins");
    flag("/identityProviders/azureActiveDirectory", "isAutoProvisioned");
    if rules.holds(Switch::EmptyAuthListsLeftOut) {
        without_empty_lists(&mut properties);
    }
    let mut body = json!({
        "id": config.id,
        "name": config.name(),
        "type": "Microsoft.App/containerapps/authconfigs",
        "properties": properties,
    });
    if let Some(created) = config.created {
        body["systemData"] = json!({ "createdAt": stamp(created) });
    }
    body
}

fn without_empty_lists(value: &mut Json) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| member.as_array().is_none_or(|list| !list.is_empty()));
        members.values_mut().for_each(without_empty_lists);
    }
}

/// `PUT`: the whole of it.
pub(super) fn put(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/write"), &target)?;
    context.unlocked(&target)?;
    resources::registered(context, "Microsoft.App")?;
    let app = write::existing(context, address)?.clone();
    let sent = context.object()?;
    let properties = schema::without_nulls(&sent["properties"]);
    let properties = if properties.is_object() { properties } else { json!({}) };
    let name = address.name(1);
    if name != "current" && !context.rules.holds(Switch::OtherAuthNameKept) {
        return Err(invalid(&format!("the name '{name}' is not 'current'")));
    }
    words(&properties)?;
    providers(context, &properties)?;
    token_store(&properties)?;
    secrets(&app, &properties)?;
    let before = context.state.auth_configs.get(&fold(&target));
    let created = before.map_or(Some(context.now), |before| before.created);
    let config = AuthConfig { id: format!("{}/authconfigs/{name}", app.id), properties, created };
    let answer = body(&config, context.rules);
    context.compliant(&target, &answer)?;
    context.state.auth_configs.insert(fold(&config.id), config);
    Ok(Answer::new(200, answer))
}

pub(super) fn delete(context: &mut Context<'_>, address: &Address) -> Handled {
    let target = address.target();
    context.require(&format!("{KIND}/delete"), &target)?;
    context.unlocked(&target)?;
    write::existing(context, address)?;
    let gone = context.state.auth_configs.remove(&fold(&target)).is_some();
    Ok(Answer::empty(if gone { 200 } else { 204 }))
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(400, "AuthConfigInvalidRequest", format!("AuthConfig is invalid with detail '{why}'."))
}

fn words(properties: &Json) -> Result<(), Refusal> {
    for (place, known) in WORDS {
        if let Some(word) = properties.pointer(place).and_then(Json::as_str)
            && !known.contains(&word)
        {
            return Err(errors::invalid_content(format!(
                "The request content was invalid: '{word}' is no value of properties{}; it is one of {}.",
                place.replace('/', "."),
                known.join(", ")
            )));
        }
    }
    Ok(())
}

/// Who is asked for a login must be there.
fn providers(context: &Context<'_>, properties: &Json) -> Result<(), Refusal> {
    if let Some(members) = properties["identityProviders"].as_object()
        && let Some(other) =
            members.keys().find(|key| *key != CUSTOM && !PROVIDERS.iter().any(|(known, _)| known == key))
    {
        return Err(errors::invalid_content(format!(
            "The request content was invalid: properties.identityProviders.{other} is not known."
        )));
    }
    let validation = &properties["globalValidation"];
    if validation["unauthenticatedClientAction"] != "RedirectToLoginPage"
        || !context.rules.holds(Switch::LoginPageNeedsProvider)
    {
        return Ok(());
    }
    match redirected_to(properties) {
        Some(_) => Ok(()),
        None => Err(invalid(&match validation["redirectToProvider"].as_str() {
            Some(name) => format!("The provider '{name}' in redirectToProvider is not configured"),
            None => "unauthenticatedClientAction RedirectToLoginPage needs an identity provider".to_owned(),
        })),
    }
}

const CUSTOM: &str = "customOpenIdConnectProviders";

/// An identity provider that is set up: its member, its name after `/.auth/login/`, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub(in crate::sandbox) struct Provider<'a> {
    /// `azureActiveDirectory`, or the name of an `OpenID` Connect provider.
    pub(in crate::sandbox) member: &'a str,
    /// What is configured.
    pub(in crate::sandbox) value: &'a Json,
    /// Whether it is an `OpenID` Connect provider with a name of its own.
    pub(in crate::sandbox) custom: bool,
}

impl Provider<'_> {
    /// Whether people may mean it by a name.
    fn is(&self, name: &str) -> bool {
        let others = PROVIDERS.iter().find(|(member, _)| !self.custom && *member == self.member);
        self.member.eq_ignore_ascii_case(name)
            || others.is_some_and(|(_, others)| others.iter().any(|other| other.eq_ignore_ascii_case(name)))
    }

    /// Its name after `/.auth/login/`.
    pub(in crate::sandbox) fn path(&self) -> String {
        if self.member == "azureActiveDirectory" {
            "aad".to_owned()
        } else {
            self.member.to_ascii_lowercase()
        }
    }
}

/// Every identity provider that is set up and not switched off.
fn all(properties: &Json) -> Vec<Provider<'_>> {
    let providers = &properties["identityProviders"];
    let known =
        PROVIDERS.iter().map(|(member, _)| Provider { member, value: &providers[*member], custom: false });
    let custom = providers[CUSTOM].as_object().into_iter().flatten().map(|(member, value)| Provider {
        member: member.as_str(),
        value,
        custom: true,
    });
    known
        .chain(custom)
        .filter(|one| one.value["registration"].is_object() && one.value["enabled"] != json!(false))
        .collect()
}

/// The provider that people call so.
pub(in crate::sandbox) fn named<'a>(properties: &'a Json, name: &str) -> Option<Provider<'a>> {
    all(properties).into_iter().find(|one| one.is(name))
}

/// Where anonymous requests are led: the one that is named, else the only one.
pub(in crate::sandbox) fn redirected_to(properties: &Json) -> Option<Provider<'_>> {
    match properties["globalValidation"]["redirectToProvider"].as_str().filter(|name| !name.is_empty()) {
        Some(name) => named(properties, name),
        None => match all(properties)[..] {
            [only] => Some(only),
            _ => None,
        },
    }
}

fn token_store(properties: &Json) -> Result<(), Refusal> {
    let store = &properties["login"]["tokenStore"];
    let setting = store["azureBlobStorage"]["sasUrlSettingName"].as_str().unwrap_or_default();
    if store["enabled"] == json!(true) && setting.is_empty() {
        return Err(invalid("SasUrlSettingName should be provided when the token store is enabled"));
    }
    Ok(())
}

/// The secrets of the app that a config names.
pub(in crate::sandbox) fn secrets_of(properties: &Json) -> Vec<&str> {
    let mut found = Vec::new();
    note(properties, &mut found);
    found
}

fn note<'a>(value: &'a Json, found: &mut Vec<&'a str>) {
    for (key, member) in value.as_object().into_iter().flatten() {
        let holds = key.ends_with("SettingName") || key.ends_with("SecretName");
        match member.as_str() {
            Some(name) if holds && !name.is_empty() => found.push(name),
            _ => note(member, found),
        }
    }
}

/// Whether an app has a secret.
pub(in crate::sandbox) fn has_secret(app: &App, name: &str) -> bool {
    elements(&app.configuration()["secrets"]).iter().any(|secret| secret["name"] == name)
}

fn secrets(app: &App, properties: &Json) -> Result<(), Refusal> {
    match secrets_of(properties).into_iter().find(|name| !has_secret(app, name)) {
        Some(name) => Err(Refusal::new(
            400,
            "AuthConfigSecretRefNotFound",
            format!(
                "Secret with name '{name}' is not found in configuration of container app '{}'.",
                app.name()
            ),
        )),
        None => Ok(()),
    }
}
