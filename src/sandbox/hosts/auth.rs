//! What stands before an app that has built-in authentication: beside every replica, so on every host of the app.

use serde_json::{Value as Json, json};

use super::edge;
use crate::sandbox::exchange::find;
use crate::sandbox::http::{Reply, Request, Response};
use crate::sandbox::providers::app::auth::{self, Provider};
use crate::sandbox::rules::{Switch, Switches};
use crate::sandbox::state::{App, State};

/// What is answered in the app's stead; `None`: the request goes on to the app.
pub(super) fn guard(state: &State, rules: &Switches, app: &App, request: &Request) -> Option<Reply> {
    let config = state.auth_config(app)?;
    let properties = &config.properties;
    if properties["platform"]["enabled"] != json!(true) {
        return None;
    }
    if let Some(place) = request.path.strip_prefix("/.auth/") {
        return Some(endpoint(app, properties, rules, request, place));
    }
    let validation = &properties["globalValidation"];
    if excluded(&validation["excludedPaths"], rules, &request.path) {
        return None;
    }
    match validation["unauthenticatedClientAction"].as_str() {
        Some("Return401") => Some(refused(401)),
        Some("Return403") => Some(refused(403)),
        Some("RedirectToLoginPage") => Some(match auth::redirected_to(properties) {
            // A client that is no browser could do nothing with a login page.
            Some(provider) if is_browser(request) => login_page(rules, request, &provider),
            _ => refused(401),
        }),
        // Nothing else is said, so that anybody comes in.
        _ => None,
    }
}

/// `/.auth/…`, which is never the app's.
fn endpoint(app: &App, properties: &Json, rules: &Switches, request: &Request, place: &str) -> Reply {
    let place = place.trim_end_matches('/');
    match place {
        "me" => answer(200, Vec::new(), ""),
        "logout" => answer(302, vec![location("/.auth/logout/done".to_owned())], ""),
        "logout/done" => answer(200, Vec::new(), "You have been signed out."),
        _ => {
            let login = place.strip_prefix("login/");
            let (name, callback) = match login.and_then(|rest| rest.strip_suffix("/callback")) {
                Some(name) => (Some(name), true),
                None => (login, false),
            };
            let Some(provider) = name.and_then(|name| auth::named(properties, name)) else {
                return answer(404, Vec::new(), "");
            };
            let missing = auth::secrets_of(provider.value)
                .into_iter()
                .any(|name| !auth::has_secret(app, name) && rules.holds(Switch::LoginNeedsSecret));
            match (missing, callback) {
                (true, _) => answer(500, Vec::new(), ""),
                // Nobody has signed in with the provider.
                (false, true) => refused(401),
                (false, false) => authority(request, &provider),
            }
        }
    }
}

fn login_page(rules: &Switches, request: &Request, provider: &Provider<'_>) -> Reply {
    if rules.holds(Switch::LoginByOwnHost) {
        let from = percent(&request.path);
        let to = format!("/.auth/login/{}?post_login_redirect_uri={from}", provider.path());
        return answer(302, vec![location(to)], "");
    }
    authority(request, provider)
}

/// To the provider, with the address that it sends people back to. A mismatch there shows only once somebody signs in.
fn authority(request: &Request, provider: &Provider<'_>) -> Reply {
    let registration = &provider.value["registration"];
    let text = |member: &str| registration[member].as_str().unwrap_or_default().to_owned();
    if provider.member == "twitter" && !provider.custom {
        // OAuth 1.0a: the address was told when the request token was asked for.
        let to = "https://api.twitter.com/oauth/authenticate?oauth_token=sandbox".to_owned();
        return answer(302, vec![location(to)], "");
    }
    let at = if provider.custom {
        let known = &registration["openIdConnectConfiguration"]["wellKnownOpenIdConfiguration"];
        let known = known.as_str().unwrap_or_default();
        format!("{}/authorize", known.split("/.well-known").next().unwrap_or_default())
    } else {
        match provider.member {
            "azureActiveDirectory" => {
                let issuer = text("openIdIssuer");
                let issuer = issuer.trim_end_matches('/').trim_end_matches("/v2.0");
                format!("{issuer}/oauth2/v2.0/authorize")
            }
            "google" => "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
            "gitHub" => "https://github.com/login/oauth/authorize".to_owned(),
            "apple" => "https://appleid.apple.com/auth/authorize".to_owned(),
            _ => "https://www.facebook.com/dialog/oauth".to_owned(),
        }
    };
    let back = format!("https://{}/.auth/login/{}/callback", request.host, provider.path());
    let client = if provider.member == "facebook" { text("appId") } else { text("clientId") };
    let to =
        format!("{at}?response_type=code&client_id={}&redirect_uri={}", percent(&client), percent(&back));
    answer(302, vec![location(to)], "")
}

/// Whether a path is let through: named in full, or below one that ends in `/*`.
fn excluded(paths: &Json, rules: &Switches, path: &str) -> bool {
    let prefixed = !rules.holds(Switch::ExcludedPathExact);
    paths.as_array().into_iter().flatten().filter_map(Json::as_str).any(|one| {
        let below = |above: &str| {
            path.strip_prefix(above.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        };
        match one.strip_suffix("/*") {
            Some(above) => below(above),
            None => path == one || (prefixed && below(one)),
        }
    })
}

fn is_browser(request: &Request) -> bool {
    find(&request.headers, "user-agent").is_some_and(|agent| agent.contains("Mozilla/"))
}

fn refused(status: u16) -> Reply {
    edge(
        status,
        if status == 401 { "You do not have permission to view this directory or page." } else { "" },
    )
}

fn location(to: String) -> (String, String) {
    ("location".to_owned(), to)
}

fn answer(status: u16, headers: Vec<(String, String)>, body: &str) -> Reply {
    Reply::Answer(Response { status, headers, body: body.as_bytes().to_vec() })
}

fn percent(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
