//! A registry's own API: the three requests, and what a hostile one gets of the caller's tokens.

use std::sync::Arc;

use acarecipe::azure::{Cloud, CustomEndpoint, Endpoint, Manifest, ResourceId};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use time::macros::datetime;

use super::script::{Act, START, World, answer, in_minutes, ok};

const REGISTRY: &str =
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/AcrDemo";
const HOST: &str = "https://acrdemo.azurecr.io";
const DIGEST: &str = "sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
const REFRESH: &str = r#"{"refresh_token":"a-refresh-token-of-the-registry"}"#;
const ACCESS: &str = r#"{"access_token":"an-access-token-of-the-registry"}"#;
/// Nothing that is told may hold any of these.
const TOKENS: [&str; 3] =
    ["sandbox-owner", "a-refresh-token-of-the-registry", "an-access-token-of-the-registry"];

fn found(digest: &str) -> Act {
    answer(200, "").with("docker-content-digest", digest)
}

fn refused(status: u16, code: &str, message: &str) -> Act {
    let body = serde_json::json!({ "errors": [{ "code": code, "message": message, "detail": null }] });
    answer(status, &body.to_string())
}

async fn ask_for(world: &World, registry: &str, repository: &str, reference: &str) -> Manifest {
    let registry = ResourceId::parse(registry).unwrap();
    world.client.manifest(&registry, repository, reference, in_minutes(10)).await
}

async fn ask(world: &World) -> Manifest {
    ask_for(world, REGISTRY, "team/app", "v1").await
}

/// Why it was refused; no token is in it, and no control character.
#[track_caller]
fn reason(answer: Manifest) -> String {
    let Manifest::Refused { reason } = answer else { panic!("{answer:?}") };
    fit_to_be_shown(reason)
}

/// What came instead of an answer, as fit to be shown as a refusal.
#[track_caller]
fn fault(answer: Manifest) -> String {
    let Manifest::Failed { reason } = answer else { panic!("{answer:?}") };
    fit_to_be_shown(reason)
}

#[track_caller]
fn fit_to_be_shown(reason: String) -> String {
    assert!(TOKENS.iter().all(|token| !reason.contains(token)), "{reason}");
    assert!(!reason.contains(char::is_control), "{reason:?}");
    reason
}

/// Every request went to the registry that the resource's name gives, and nowhere else.
#[track_caller]
fn only_there(world: &World) {
    for seen in world.seen() {
        assert!(seen.url.starts_with(&format!("{HOST}/")), "{}", seen.url);
    }
}

#[tokio::test]
async fn a_tag_is_resolved_in_three_requests() {
    let world = World::new([ok(REFRESH), ok(ACCESS), found(DIGEST)]);
    assert_eq!(ask(&world).await, Manifest::Found { digest: DIGEST.to_owned() });
    only_there(&world);
    let seen = world.seen();
    assert_eq!(seen[0].url, format!("{HOST}/oauth2/exchange"));
    assert_eq!(seen[0].body, "grant_type=access_token&service=acrdemo.azurecr.io&access_token=sandbox-owner");
    assert_eq!(seen[1].url, format!("{HOST}/oauth2/token"));
    assert_eq!(
        seen[1].body,
        "grant_type=refresh_token&service=acrdemo.azurecr.io&scope=repository%3Ateam%2Fapp%3Apull\
         &refresh_token=a-refresh-token-of-the-registry"
    );
    assert_eq!(
        (seen[2].method.as_str(), seen[2].url.as_str()),
        ("HEAD", "https://acrdemo.azurecr.io/v2/team/app/manifests/v1")
    );
    assert_eq!(seen[2].header("authorization"), Some("Bearer an-access-token-of-the-registry"));
    let accept = seen[2].header("accept").unwrap();
    for kind in
        ["oci.image.index.v1", "oci.image.manifest.v1", "manifest.list.v2", "docker.distribution.manifest.v2"]
    {
        assert!(accept.contains(kind), "{accept}");
    }
    // The caller's token is in the one body and in no header.
    for (index, one) in seen.iter().enumerate() {
        let headers = format!("{:?}", one.headers);
        assert!(!headers.contains("sandbox-owner"), "{index}: {headers}");
        assert_eq!(one.body.contains("sandbox-owner"), index == 0);
    }
    // Events name paths; tokens stand in none.
    let events = format!("{:?}", world.events());
    assert!(TOKENS.iter().all(|token| !events.contains(token)), "{events}");
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_registry_s_own_words() {
    for code in ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"] {
        let world = World::new([ok(REFRESH), ok(ACCESS), answer(404, ""), refused(404, code, "no")]);
        assert_eq!(ask(&world).await, Manifest::Absent { code: code.to_owned() });
        assert_eq!(world.seen()[3].method, "GET");
    }
    // A proxy's page is no word of the registry.
    let world =
        World::new([ok(REFRESH), ok(ACCESS), answer(404, ""), answer(404, "<html><title>Nope</title>")]);
    assert!(reason(ask(&world).await).contains("Nope"));
    // A 404 to a token is not about the image.
    let world = World::new([answer(404, "")]);
    assert!(reason(ask(&world).await).contains("404"));
}

#[tokio::test]
async fn refusals_are_told_and_not_repeated() {
    let cases = [
        (vec![refused(401, "UNAUTHORIZED", "authentication required")], "UNAUTHORIZED"),
        (vec![refused(403, "DENIED", "client with IP '1.2.3.4' is not allowed access")], "1.2.3.4"),
        (vec![ok(REFRESH), refused(401, "UNAUTHORIZED", "no pull")], "UNAUTHORIZED"),
        (vec![ok(REFRESH), ok(ACCESS), answer(401, "")], "401"),
        (vec![ok(REFRESH), ok(ACCESS), answer(403, "")], "403"),
    ];
    for (acts, said) in cases {
        let world = World::new(acts);
        let reason = reason(ask(&world).await);
        assert!(reason.contains(said) && reason.contains("acrdemo.azurecr.io"), "{reason}");
        assert!(world.finished());
        only_there(&world);
    }
}

#[tokio::test]
async fn what_passes_is_repeated_within_a_minute() {
    let world = World::new([
        answer(503, ""),
        ok(REFRESH),
        Act::Reset,
        ok(ACCESS),
        answer(429, "").with("retry-after", "7"),
        found(DIGEST),
    ]);
    assert_eq!(ask(&world).await, Manifest::Found { digest: DIGEST.to_owned() });
    assert_eq!(world.times(), [0, 1, 1, 2, 2, 9]);

    // A network that swallows one answer, or all of them: a minute, not the run.
    let world = World::new([Act::Silence, ok(REFRESH), ok(ACCESS), found(DIGEST)]);
    assert_eq!(ask(&world).await, Manifest::Found { digest: DIGEST.to_owned() });
    for act in [Act::Silence, Act::Stalls("{")] {
        let world = World::new(vec![act; 4]);
        reason(ask(&world).await);
        assert!(world.elapsed() <= 60, "{}", world.elapsed());
    }
    // One that is busy is there, and will say it later.
    let world = World::new(vec![answer(429, "").with("retry-after", "3600"); 4]);
    fault(ask(&world).await);
    assert!(world.elapsed() <= 60, "{}", world.elapsed());
    // Nor more than the run has.
    let world = World::new([]);
    let registry = ResourceId::parse(REGISTRY).unwrap();
    reason(world.client.manifest(&registry, "app", "v1", START).await);
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn a_realm_and_a_redirect_to_another_host_get_nothing() {
    let realm = r#"Bearer realm="https://evil.example/oauth2/token",service="evil.example",scope="x""#;
    let challenged = |act: Act| act.with("www-authenticate", realm);
    let redirect = |status| answer(status, "").with("location", "https://evil.example/oauth2/exchange");
    let cases = vec![
        vec![challenged(refused(401, "UNAUTHORIZED", "no"))],
        vec![ok(REFRESH), challenged(refused(401, "UNAUTHORIZED", "no"))],
        vec![ok(REFRESH), ok(ACCESS), challenged(answer(401, ""))],
        vec![redirect(301)],
        vec![redirect(307)],
        vec![ok(REFRESH), redirect(308)],
        vec![ok(REFRESH), ok(ACCESS), redirect(307)],
    ];
    for acts in cases {
        let world = World::new(acts.clone());
        reason(ask(&world).await);
        assert!(world.finished(), "{acts:?}");
        only_there(&world);
    }
}

#[tokio::test]
async fn answers_that_are_none_are_no_refusal() {
    let long = "x".repeat(40 * 1024);
    let cases = [
        vec![ok(""); 3],
        vec![ok("<html>"); 3],
        vec![ok("[]")],
        vec![ok("{}")],
        vec![ok(r#"{"refresh_token":""}"#)],
        vec![ok(r#"{"refresh_token":7}"#)],
        vec![ok(r#"{"refresh_token":"a b"}"#)],
        vec![ok("{\"refresh_token\":\"a\\r\\nx-evil: 1\"}")],
        vec![ok(&format!(r#"{{"refresh_token":"{long}"}}"#))],
        vec![Act::Endless],
        vec![ok(REFRESH), Act::Endless],
        vec![ok(REFRESH), ok(ACCESS), Act::Endless],
        vec![ok(REFRESH), ok(ACCESS), answer(200, "")],
        vec![ok(REFRESH), ok(ACCESS), found("latest")],
        vec![ok(REFRESH), ok(ACCESS), found("sha256:0a1b")],
        vec![ok(REFRESH), ok(ACCESS), found("sha256:../../../../etc/passwd")],
        vec![ok(REFRESH), ok(ACCESS), found(&DIGEST.to_uppercase())],
    ];
    for acts in cases {
        let world = World::new(acts.clone());
        fault(ask(&world).await);
        only_there(&world);
    }
    // Asked by digest, the answer is that digest.
    let other = DIGEST.replace('0', "f");
    let world = World::new([ok(REFRESH), ok(ACCESS), found(&other)]);
    fault(ask_for(&world, REGISTRY, "app", DIGEST).await);
    let world = World::new([ok(REFRESH), ok(ACCESS), found(DIGEST)]);
    assert_eq!(ask_for(&world, REGISTRY, "app", DIGEST).await, Manifest::Found { digest: DIGEST.to_owned() });
}

#[tokio::test]
async fn what_a_registry_says_is_shown_without_tokens_and_control_characters() {
    let echo = "\u{1b}[31m sandbox-owner a-refresh-token-of-the-registry\r\n an-access-token-of-the-registry \u{202e}x";
    let world = World::new([ok(REFRESH), ok(ACCESS), refused(403, "DENIED\u{7}", echo)]);
    let said = reason(ask(&world).await);
    assert!(said.contains("(token)"), "{said}");
    assert!(!said.contains('\u{202e}'), "{said:?}");
}

#[tokio::test]
async fn names_that_would_leave_their_place_are_asked_of_nobody() {
    let cases = [
        ("app/../../oauth2", "v1"),
        ("App", "v1"),
        ("app?x=1", "v1"),
        ("app#x", "v1"),
        ("", "v1"),
        ("app", ""),
        ("app", ".."),
        ("app", "v1/../x"),
        ("app", "v1?x"),
        ("app", "sha256:0a"),
        ("app", "v1\n"),
        ("@evil.example/app", "v1"),
    ];
    for (repository, reference) in cases {
        let world = World::new([]);
        reason(ask_for(&world, REGISTRY, repository, reference).await);
        assert!(world.seen().is_empty(), "{repository} {reference}");
    }
    // The host is made of the name: one that is no registry's name makes none.
    for name in ["evil.example%2f", "a.b", "acr-demo", "abcd", "evil@x"] {
        let Some(registry) = ResourceId::parse(&REGISTRY.replace("AcrDemo", name)) else { continue };
        let world = World::new([]);
        reason(world.client.manifest(&registry, "app", "v1", in_minutes(1)).await);
        assert!(world.seen().is_empty(), "{name}");
    }
    let vault = REGISTRY.replace("Microsoft.ContainerRegistry/registries", "Microsoft.KeyVault/vaults");
    let world = World::new([]);
    reason(ask_for(&world, &vault, "app", "v1").await);
    assert!(world.seen().is_empty());
}

#[tokio::test]
async fn at_an_endpoint_of_the_caller_s_nothing_is_sent() {
    for url in ["http://127.0.0.1:1", "https://arm.example"] {
        let endpoint = |transport| {
            let custom = CustomEndpoint::parse(url, None).unwrap();
            custom.with_token(Cloud::public(), Secret::new("sandbox-owner")).unwrap().carried_by(transport)
        };
        let world = World::with([], endpoint, |_| {});
        assert!(reason(ask(&world).await).contains("endpoint of your own"));
        assert!(world.seen().is_empty());
    }
}

/// Gives tokens named after their scope.
#[derive(Debug)]
struct Scoped;

#[async_trait::async_trait]
impl TokenCredential for Scoped {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(
            Secret::new(format!("token-for-{}", scopes.join("-"))),
            datetime!(2027-01-01 0:00 UTC),
        ))
    }
}

#[tokio::test]
async fn the_cloud_decides_host_and_scope() {
    let expected = [
        ("AzureCloud", "acrdemo.azurecr.io", "https://containerregistry.azure.net/.default"),
        ("AzureUSGovernment", "acrdemo.azurecr.us", "https://management.usgovcloudapi.net/.default"),
        ("AzureChinaCloud", "acrdemo.azurecr.cn", "https://management.chinacloudapi.cn/.default"),
    ];
    for (cloud, host, scope) in expected {
        let cloud = Cloud::named(cloud).unwrap();
        let endpoint = |transport| Endpoint::for_cloud(cloud, Arc::new(Scoped)).carried_by(transport);
        let world = World::with([ok(REFRESH), ok(ACCESS), found(DIGEST)], endpoint, |_| {});
        assert_eq!(ask(&world).await, Manifest::Found { digest: DIGEST.to_owned() });
        let seen = world.seen();
        assert!(seen.iter().all(|one| one.url.starts_with(&format!("https://{host}/"))), "{seen:?}");
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(seen[0].body.as_bytes()).into_owned().collect();
        assert!(form.contains(&("service".to_owned(), host.to_owned())), "{form:?}");
        assert!(form.contains(&("access_token".to_owned(), format!("token-for-{scope}"))), "{form:?}");
    }
}
