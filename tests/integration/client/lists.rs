//! Lists: every page, no page twice, never to another host.

use acarecipe::azure::{ArmErrorKind, ArmRequest};

use super::script::{Act, VERSION, World, answer, in_minutes, ok};

const PATH: &str = "/subscriptions/s/providers/Microsoft.KeyVault/vaults";

fn page(elements: &str, next: Option<&str>) -> Act {
    let next = next.map(|next| format!(r#","nextLink":"{next}""#)).unwrap_or_default();
    ok(&format!(r#"{{"value":[{elements}]{next}}}"#))
}

fn link(page: &str) -> String {
    format!("https://management.azure.com{PATH}?api-version={VERSION}&$skiptoken={page}")
}

fn request() -> ArmRequest {
    ArmRequest::get(PATH, VERSION)
}

#[tokio::test]
async fn all_pages_in_order() {
    let world = World::new([
        page("1,2", Some(&link("a"))),
        answer(429, ""),
        page("", Some(&link("b"))),
        page("3", Some("")),
    ]);
    let elements = world.client.list(&request(), in_minutes(5)).await.unwrap();
    assert_eq!(elements, [1, 2, 3]);
    assert!(world.finished());
    assert_eq!(world.seen()[3].url, link("b"));

    let world = World::new([ok(r#"{"value":[1],"nextLink":null}"#)]);
    assert_eq!(world.client.list(&request(), in_minutes(5)).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    for foreign in [
        "https://evil.example/next",
        "http://management.azure.com/next",
        "https://management.azure.com:8443/next",
        "https://management.azure.com.evil.example/next",
        "https://management.azure.com@evil.example/next",
        "https://user:word@management.azure.com/next",
        "//evil.example/next",
        "\\\\\\\\evil.example/next",
        "https://manаgement.azure.com/next",
        "javascript:alert(1)",
    ] {
        let world = World::new([page("1", Some(foreign))]);
        let error = world.client.list(&request(), in_minutes(5)).await.unwrap_err();
        assert!(
            matches!(error.kind(), ArmErrorKind::ForeignHost { link: "nextLink", .. }),
            "{foreign}: {error}"
        );
        assert_eq!(world.seen().len(), 1, "{foreign}");
    }
}

#[tokio::test]
async fn a_list_that_does_not_end_is_left() {
    let world =
        World::new([page("1", Some(&link("a"))), page("2", Some(&link("b"))), page("3", Some(&link("a")))]);
    let error = world.client.list(&request(), in_minutes(5)).await.unwrap_err();
    assert!(matches!(error.kind(), ArmErrorKind::Endless { .. }), "{error}");

    let pages = (0..600).map(|number| page("1", Some(&link(&number.to_string()))));
    let world = World::new(pages);
    let error = world.client.list(&request(), in_minutes(5)).await.unwrap_err();
    assert!(error.to_string().contains("more than 500 pages"), "{error}");
    assert_eq!(world.seen().len(), 500);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error() {
    for body in ["{}", "[]", r#"{"value":{}}"#, "null", r#"{"value":null}"#] {
        let error = World::new([ok(body)]).client.list(&request(), in_minutes(5)).await.unwrap_err();
        assert!(matches!(error.kind(), ArmErrorKind::BadBody { .. }), "{body}: {error}");
    }
}
