//! Built-in authentication: what the control plane takes, and who gets past it to the app.

use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::state::State;
use acarecipe::sandbox::{edit, seed};
use seed::variant;
use serde_json::{Value as Json, json};

use super::hosts::DOMAIN;
use super::{World, secrets_body};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64)";
pub(super) const CLIENT: &str = "55555555-5555-4555-8555-555555555555";

pub(super) fn current() -> String {
    format!("{}/authConfigs/current", seed::app_id())
}

/// Sign-in by Entra ID with the secret `client-secret`, and this action for everybody else.
pub(super) fn entra(action: &str) -> Json {
    json!({ "properties": {
        "platform": { "enabled": true },
        "globalValidation": { "unauthenticatedClientAction": action, "redirectToProvider": "azureactivedirectory" },
        "identityProviders": { "azureActiveDirectory": { "enabled": true, "registration": {
            "clientId": CLIENT,
            "clientSecretSettingName": "client-secret",
            "openIdIssuer": format!("https://login.microsoftonline.com/{}/v2.0", seed::TENANT),
        } } },
    } })
}

fn secret(state: &mut State) {
    let has = |state: &State| state.app(seed::APP).unwrap().secret_values().contains_key("client-secret");
    if !has(state) {
        variant::plain_secret(state, "client-secret", "sandbox-client-secret");
    }
}

/// A world whose app asks people to sign in by Entra ID.
pub(super) fn guarded(world: &World, body: &Json) -> Json {
    world.edit(secret);
    world.send("PUT", &current(), Some(body)).ok(200)
}

/// Status and location of what a host answers.
pub(super) fn ask(world: &World, path: &str, agent: &str) -> (u16, String) {
    let reply = world.sandbox.handle(&Request {
        method: "GET".to_owned(),
        host: format!("ca-demo.{DOMAIN}"),
        path: path.to_owned(),
        headers: vec![("user-agent".to_owned(), agent.to_owned())],
        ..Request::default()
    });
    let Reply::Answer(response) = reply else { panic!("{reply:?}") };
    let location = response.headers.iter().find(|(name, _)| name == "location");
    (response.status, location.map(|(_, value)| value.clone()).unwrap_or_default())
}

#[test]
fn it_is_written_whole_and_read_back_with_the_flags_of_the_service() {
    let world = World::new();
    world.get(&current()).refused(404, "ResourceNotFound");
    let mut body = entra("RedirectToLoginPage");
    body["properties"]["globalValidation"]["excludedPaths"] = json!(["/health"]);
    body["properties"]["login"] = json!({ "nonce": { "validateNonce": true } });
    let put = guarded(&world, &body);
    let got = world.get(&current()).ok(200);
    assert_eq!(got, put);
    assert_eq!(
        (&got["name"], &got["type"]),
        (&json!("current"), &json!("Microsoft.App/containerapps/authconfigs"))
    );
    assert!(got["id"].as_str().unwrap().ends_with("/containerApps/ca-demo/authconfigs/current"), "{got:#}");
    let entra_id = &got["properties"]["identityProviders"]["azureActiveDirectory"];
    assert_eq!(entra_id["isAutoProvisioned"], false);
    assert_eq!(got["properties"]["login"]["preserveUrlFragmentsForLogins"], false);
    let all = world.get(&format!("{}/authConfigs", seed::app_id())).ok(200);
    assert_eq!(all["value"], json!([got]));
    // What is left out is gone.
    let put = world.send("PUT", &current(), Some(&entra("Return401"))).ok(200);
    assert!(put["properties"]["globalValidation"]["excludedPaths"].is_null());
    assert!(put["properties"]["login"].is_null());
    world.send("PATCH", &current(), Some(&entra("Return403"))).refused(405, "MethodNotAllowed");
    assert_eq!(world.send("DELETE", &current(), None).status, 200);
    assert_eq!(world.send("DELETE", &current(), None).status, 204);
}

#[test]
fn what_is_not_there_is_refused() {
    let world = World::new();
    let refused = |body: &Json, code: &str, word: &str| {
        let got = world.send("PUT", &current(), Some(body)).refused(400, code);
        assert!(got.message().contains(word), "{}", got.message());
    };
    refused(&entra("RedirectToLoginPage"), "AuthConfigSecretRefNotFound", "'client-secret'");
    world.edit(secret);
    let changed = |change: &dyn Fn(&mut Json)| {
        let mut body = entra("RedirectToLoginPage");
        change(&mut body["properties"]);
        body
    };
    let redirect = changed(&|all| all["globalValidation"]["redirectToProvider"] = json!("google"));
    refused(&redirect, "AuthConfigInvalidRequest", "'google'");
    let off = changed(&|all| all["identityProviders"]["azureActiveDirectory"]["enabled"] = json!(false));
    refused(&off, "AuthConfigInvalidRequest", "azureactivedirectory");
    let nobody = changed(&|all| {
        all["identityProviders"] = json!({});
        all["globalValidation"]["redirectToProvider"] = Json::Null;
    });
    refused(&nobody, "AuthConfigInvalidRequest", "needs an identity provider");
    let strange = changed(&|all| all["identityProviders"]["myspace"] = json!({ "registration": {} }));
    refused(&strange, "InvalidRequestContent", "myspace");
    let word = changed(&|all| all["globalValidation"]["unauthenticatedClientAction"] = json!("Return418"));
    refused(&word, "InvalidRequestContent", "Return418");
    let store = changed(&|all| all["login"] = json!({ "tokenStore": { "enabled": true } }));
    refused(&store, "AuthConfigInvalidRequest", "SasUrlSettingName");
    let sas = changed(&|all| {
        all["login"] =
            json!({ "tokenStore": { "enabled": true, "azureBlobStorage": { "sasUrlSettingName": "sas" } } });
    });
    refused(&sas, "AuthConfigSecretRefNotFound", "'sas'");
    let elsewhere = format!("{}-x/authConfigs/current", seed::app_id());
    world.send("PUT", &elsewhere, Some(&entra("Return401"))).refused(404, "ResourceNotFound");
    for (caller, status) in [("app-scoped", 200), ("contributor", 200), ("reader", 403)] {
        let got = world.by(caller).send("PUT", &current(), Some(&entra("Return401")));
        assert_eq!(got.status, status, "{caller}");
    }
}

#[test]
fn only_current_counts() {
    let world = World::new();
    world.edit(secret);
    let other = format!("{}/authConfigs/other", seed::app_id());
    world.send("PUT", &other, Some(&entra("Return401"))).ok(200);
    assert_eq!(ask(&world, "/", BROWSER).0, 200);
}

#[test]
fn who_has_not_signed_in_is_led_to_the_login_refused_or_let_in() {
    let world = World::new();
    guarded(&world, &entra("RedirectToLoginPage"));
    let login = "/.auth/login/aad?post_login_redirect_uri=%2Forders";
    assert_eq!(ask(&world, "/orders", BROWSER), (302, login.to_owned()));
    assert_eq!(ask(&world, "/orders", "curl/8.5.0"), (401, String::new()));
    let (status, location) = ask(&world, "/.auth/login/aad", "curl/8.5.0");
    let start = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/authorize?", seed::TENANT);
    let back = format!("redirect_uri=https%3A%2F%2Fca-demo.{DOMAIN}%2F.auth%2Flogin%2Faad%2Fcallback");
    assert!(status == 302 && location.starts_with(&start) && location.contains(&back), "{location}");
    assert!(location.contains(&format!("client_id={CLIENT}")), "{location}");
    let at = |path: &str| ask(&world, path, BROWSER).0;
    assert_eq!(
        [at("/.auth/login/aad/callback"), at("/.auth/login/google"), at("/.auth/other")],
        [401, 404, 404]
    );
    assert_eq!([at("/.auth/me"), at("/.auth/logout"), at("/.auth/logout/done")], [200, 302, 200]);
    for (action, status) in [("Return401", 401), ("Return403", 403), ("AllowAnonymous", 200)] {
        guarded(&world, &entra(action));
        assert_eq!((ask(&world, "/", BROWSER).0, ask(&world, "/", "curl").0), (status, status), "{action}");
    }
    let mut off = entra("Return401");
    off["properties"]["platform"]["enabled"] = json!(false);
    guarded(&world, &off);
    assert_eq!((at("/"), at("/.auth/me")), (200, 404), "the app's own");
}

#[test]
fn excluded_paths_go_through_to_the_app() {
    let world = World::new();
    let mut body = entra("Return401");
    body["properties"]["globalValidation"]["excludedPaths"] = json!(["/health", "/static/*"]);
    guarded(&world, &body);
    let at = |path: &str| ask(&world, path, BROWSER).0;
    assert_eq!([at("/health"), at("/static/app.js")], [200, 404], "as the app has it");
    assert_eq!([at("/healthy"), at("/health/deep"), at("/static"), at("/")], [401, 401, 401, 401]);
}

#[test]
fn every_provider_has_its_login() {
    let world = World::new();
    world.edit(secret);
    let plain =
        json!({ "registration": { "clientId": "client", "clientSecretSettingName": "client-secret" } });
    let mut body = entra("AllowAnonymous");
    let providers = &mut body["properties"]["identityProviders"];
    for name in ["google", "gitHub", "apple"] {
        providers[name] = plain.clone();
    }
    providers["facebook"] =
        json!({ "registration": { "appId": "client", "appSecretSettingName": "client-secret" } });
    providers["twitter"] =
        json!({ "registration": { "consumerKey": "key", "consumerSecretSettingName": "client-secret" } });
    providers["customOpenIdConnectProviders"] = json!({ "contoso": { "registration": {
        "clientId": "client",
        "clientCredential": { "method": "ClientSecretPost", "clientSecretSettingName": "client-secret" },
        "openIdConnectConfiguration": { "wellKnownOpenIdConfiguration": "https://id.contoso.com/.well-known/openid-configuration" },
    } } });
    guarded(&world, &body);
    for (name, start) in [
        ("google", "https://accounts.google.com/"),
        ("github", "https://github.com/login/oauth/authorize?"),
        ("apple", "https://appleid.apple.com/"),
        ("facebook", "https://www.facebook.com/"),
        ("x", "https://api.twitter.com/"),
        ("twitter", "https://api.twitter.com/"),
        ("contoso", "https://id.contoso.com/authorize?"),
    ] {
        let (status, location) = ask(&world, &format!("/.auth/login/{name}"), BROWSER);
        assert!(status == 302 && location.starts_with(start), "{name}: {status} {location}");
    }
    // Several, and none is named: nobody can be led anywhere.
    body["properties"]["globalValidation"] = json!({ "unauthenticatedClientAction": "RedirectToLoginPage" });
    world.send("PUT", &current(), Some(&body)).refused(400, "AuthConfigInvalidRequest");
}

#[test]
fn without_its_secret_nobody_signs_in() {
    let world = World::new();
    guarded(&world, &entra("RedirectToLoginPage"));
    world.patched(&secrets_body(&json!([])));
    assert_eq!(ask(&world, "/", BROWSER).0, 302);
    assert_eq!(ask(&world, "/.auth/login/aad", BROWSER).0, 500);
}

#[test]
fn it_stands_before_every_revision_and_goes_with_its_app() {
    let world = World::new();
    guarded(&world, &entra("Return401"));
    let label = world.sandbox.state().app(seed::APP).unwrap().latest().unwrap().name.clone();
    assert_eq!(super::hosts::status(&world, &label), 401);
    world.edit(variant::stopped);
    assert_eq!(super::hosts::status(&world, "ca-demo"), 404, "what is not there asks nobody to sign in");
    let other = World::new();
    guarded(&other, &entra("Return401"));
    other.send("DELETE", &seed::app_id(), None);
    other.settle();
    other.get(&seed::app_id()).refused(404, "ResourceNotFound");
    assert!(other.sandbox.state().auth_configs.is_empty());
}

#[test]
fn one_that_others_set_up_is_a_variant() {
    let world = World::new();
    let named = |provider: &str| {
        let given = json!({ "provider": provider });
        world.edit(|state| edit::variant("auth-config").unwrap().apply(state, given.as_object().unwrap()))
    };
    named("github").unwrap();
    let got = world.get(&current()).ok(200);
    assert_eq!(
        got["properties"]["identityProviders"]["gitHub"]["registration"]["clientId"],
        "somebody-elses-client"
    );
    assert_eq!(ask(&world, "/", BROWSER).1, "/.auth/login/github?post_login_redirect_uri=%2F");
    assert!(named("myspace").unwrap_err().to_string().contains("github"));
}
