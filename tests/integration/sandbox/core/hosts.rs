//! The hosts of apps: who answers for which name, and what.

use std::time::Duration;

use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::state::{Fate, State};
use acarecipe::sandbox::{Service, edit, seed};
use seed::variant::answers::{self, Script};
use seed::variant::{pinned, stopped};
use serde_json::{Value as Json, json};

use super::{World, image};

/// The seeded environment's domain.
pub(super) const DOMAIN: &str = "happyfield-12345678.westeurope.azurecontainerapps.io";

/// A request to the host `label` below the domain, as anybody may send it.
pub(super) fn ask(world: &World, label: &str, path: &str) -> Reply {
    world.sandbox.handle(&Request {
        method: "GET".to_owned(),
        host: format!("{label}.{DOMAIN}"),
        path: path.to_owned(),
        ..Request::default()
    })
}

/// The status that a host answers at `/`.
pub(super) fn status(world: &World, label: &str) -> u16 {
    match ask(world, label, "/") {
        Reply::Answer(response) | Reply::Late { response, .. } => response.status,
        other => panic!("{other:?}"),
    }
}

/// The revision that answered.
fn answered_by(world: &World, label: &str) -> String {
    let Reply::Answer(response) = ask(world, label, "/") else { panic!() };
    let body: Json = serde_json::from_slice(&response.body).unwrap();
    body["revision"].as_str().unwrap().to_owned()
}

fn newest(world: &World) -> String {
    world.sandbox.state().app(seed::APP).unwrap().latest().unwrap().name.clone()
}

#[test]
fn an_app_answers_at_its_own_host_and_needs_no_token() {
    let world = World::new();
    assert_eq!(world.app()["properties"]["configuration"]["ingress"]["fqdn"], format!("ca-demo.{DOMAIN}"));
    assert_eq!(answered_by(&world, "ca-demo"), newest(&world));
    assert_eq!(answered_by(&world, "CA-Demo"), newest(&world));
    let statuses = |path| match ask(&world, "ca-demo", path) {
        Reply::Answer(response) => response.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(["/health", "/", "/other"].map(statuses), [200, 200, 404]);
    let exchange = world.sandbox.exchanges().pop().unwrap();
    assert_eq!((exchange.service, exchange.is_write(), exchange.caller), (Service::App, false, None));
}

#[test]
fn names_that_are_no_apps_are_told_from_those_that_are() {
    let world = World::new();
    let revision = newest(&world);
    for (host, app) in [
        (format!("ca-demo.{DOMAIN}"), true),
        (format!("ca-demo.{DOMAIN}:443"), true),
        (format!("{revision}.{DOMAIN}"), true),
        (format!("ca-demo---next.{DOMAIN}"), true),
        (format!("ca-demo.internal.{DOMAIN}"), true),
        (format!("ca-demo-x.{DOMAIN}"), false),
        (format!("ca-dem.{DOMAIN}"), false),
        (format!("x.ca-demo.{DOMAIN}"), false),
        (format!("ca-demo.{DOMAIN}.evil.example"), false),
        (DOMAIN.to_owned(), false),
        ("management.azure.com".to_owned(), false),
        ("127.0.0.1:1".to_owned(), false),
        ("ca-demo".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(world.sandbox.is_app(&host), app, "{host}");
    }
    assert!(
        world.sandbox.resolves(&format!("whatever.{DOMAIN}")),
        "the edge has every name below its domain"
    );
    assert!(!world.sandbox.resolves("evil.example") && !world.sandbox.resolves("management.azure.com"));
    assert!(!world.sandbox.resolves(&format!("ca-demo.internal.{DOMAIN}")));
    world.edit(|state| {
        let environment = state.environments.values_mut().next().unwrap();
        environment.properties["vnetConfiguration"] = json!({ "internal": true });
    });
    assert!(!world.sandbox.resolves(&format!("ca-demo.{DOMAIN}")), "an environment within a network");
}

#[test]
fn where_there_is_no_app_the_edge_says_so() {
    for change in [stopped, answers::ingress_internal, answers::no_ingress] {
        let world = World::new();
        world.edit(change);
        assert_eq!(status(&world, "ca-demo"), 404);
    }
    let world = World::new();
    assert_eq!(status(&world, "no-such-app"), 404);
    assert_eq!(status(&world, "ca-demo---next"), 404, "no label");
    assert_eq!(status(&world, "ca-demo--gone"), 404, "no revision");
    let revision = newest(&world);
    assert_eq!(status(&world, &revision), 200);
    world.edit(|state| state.app_mut(seed::APP).unwrap().revisions[0].active = false);
    assert_eq!(status(&world, &revision), 404, "deactivated");
}

#[test]
fn traffic_is_split_by_weight_and_each_revision_has_a_host_of_its_own() {
    for weight in [0, 1, 10, 50, 99, 100] {
        let world = World::new();
        world.edit(|state| pinned(state, weight));
        let newest = newest(&world);
        let old = (0..100).filter(|_| answered_by(&world, "ca-demo") != newest).count();
        assert_eq!(old, usize::try_from(weight).unwrap(), "over 100 requests");
        let old = (0..50).filter(|_| answered_by(&world, "ca-demo") != newest).count();
        assert!(old.abs_diff(usize::try_from(weight / 2).unwrap()) <= 2, "and evenly: {weight} {old}");
        assert_eq!(answered_by(&world, &newest), newest);
        assert_eq!(answered_by(&world, "ca-demo--older00"), "ca-demo--older00");
    }
}

#[test]
fn a_label_leads_to_its_revision_whatever_its_weight() {
    let world = World::new();
    world.edit(|state| {
        pinned(state, 0);
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["traffic"][0]["label"] = json!("before");
    });
    assert_eq!(answered_by(&world, "ca-demo---before"), "ca-demo--older00");
    assert_eq!(status(&world, "ca-demo---after"), 404);
    world.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["activeRevisionsMode"] = json!("Single");
    });
    assert_eq!(status(&world, "ca-demo---before"), 404, "labels are for several revisions");
}

#[test]
fn a_revision_that_is_not_ready_is_503_at_its_own_host_and_gets_no_traffic() {
    let world = World::new();
    let old = newest(&world);
    world.patch(&image(seed::IMAGE_OTHER_PORT)).ok(202);
    let new = newest(&world);
    assert_ne!(old, new);
    assert_eq!((status(&world, &new), answered_by(&world, "ca-demo")), (503, old.clone()));
    world.pass(600);
    assert_eq!(status(&world, &new), 503, "nobody listens on the target port");
    assert_eq!(answered_by(&world, "ca-demo"), old);
    let world = World::new();
    world.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.latest_ready = None;
        app.revisions[0].fate = Fate::Unhealthy("it ends".to_owned());
    });
    assert_eq!(status(&world, "ca-demo"), 503);
}

#[test]
fn what_a_revision_answers_is_scripted_for_it_or_for_its_image() {
    let script = |script: Script| move |state: &mut State| answers::app_answers(state, &script);
    let world = World::new();
    world.edit(script(Script { status: Some(418), ..Script::default() }));
    assert_eq!(status(&world, "ca-demo"), 418);
    world.edit(script(Script {
        path: Some("/".to_owned()),
        body: Some("hello".to_owned()),
        slow: 1500,
        ..Script::default()
    }));
    let Reply::Late { response, after } = ask(&world, "ca-demo", "/") else { panic!() };
    assert_eq!(
        (response.status, response.body.as_slice(), after),
        (200, &b"hello"[..], Duration::from_millis(1500))
    );
    let world = World::new();
    world.edit(script(Script { after: Some(3), ..Script::default() }));
    let statuses: Vec<u16> = (0..5).map(|_| status(&world, "ca-demo")).collect();
    assert_eq!(statuses, [200, 200, 200, 500, 500]);
    let world = World::new();
    world.edit(answers::app_silent);
    assert_eq!(ask(&world, "ca-demo", "/"), Reply::Silence);

    // An image that does not behave, beside one that does.
    let world = World::new();
    let bad = "ghcr.io/acarecipe/bad:2.0";
    world.edit(|state| {
        answers::image_answers(state, bad, &Script { status: Some(500), ..Script::default() }).unwrap();
    });
    assert_eq!(status(&world, "ca-demo"), 200);
    world.patched(&image(bad));
    assert_eq!(world.newest()["healthState"], "Healthy", "no probe of the platform looks at the path");
    assert_eq!(status(&world, "ca-demo"), 500);
    let world = World::new();
    let of_registry = |state: &mut State, tag: &str| {
        let reference = format!("acrdemo.azurecr.io/python-demo:{tag}");
        answers::image_answers(state, &reference, &Script { status: Some(500), ..Script::default() })
    };
    world.edit(|state| of_registry(state, "1.0")).unwrap();
    assert!(world.edit(|state| of_registry(state, "9.9")).is_err());
    let state = world.sandbox.state();
    let manifests = &state.registry("acrdemo").unwrap().repositories["python-demo"].manifests;
    assert_eq!(manifests.values().filter(|manifest| manifest.answers.is_some()).count(), 1);
}

#[test]
fn cases_script_answers_in_words() {
    let given = |json: Json| json.as_object().unwrap().clone();
    let apply = |world: &World, name: &str, with: Json| {
        world.edit(|state| edit::variant(name).unwrap().apply(state, &given(with)))
    };
    let world = World::new();
    apply(&world, "app-answers", json!({ "status": 503 })).unwrap();
    assert_eq!(status(&world, "ca-demo"), 503);
    apply(&world, "app-answers", json!({ "path": "/", "status": 301, "location": "/x" })).unwrap();
    assert_eq!(status(&world, "ca-demo"), 301);
    world
        .edit(|state| edit::merge(state, "apps[ca-demo].revisions[0]", &json!({ "answers": null })))
        .unwrap();
    assert_eq!(status(&world, "ca-demo"), 200);
    world
        .edit(|state| {
            edit::merge(state, "apps[ca-demo].revisions[0]", &json!({ "answers": { "status": 418 } }))
        })
        .unwrap();
    assert_eq!(status(&world, "ca-demo"), 418);
    let image = "ghcr.io/acarecipe/python-demo:1.0";
    world
        .edit(|state| edit::merge(state, "apps[ca-demo].revisions[0]", &json!({ "answers": null })))
        .unwrap();
    apply(&world, "image-answers", json!({ "image": image, "after": 0 })).unwrap();
    assert_eq!(status(&world, "ca-demo"), 500);
    for (name, with) in [
        ("app-crashes", json!({})),
        ("app-silent", json!({})),
        ("ingress-internal", json!({})),
        ("no-ingress", json!({})),
    ] {
        apply(&World::new(), name, with).unwrap();
    }
    for wrong in [json!({}), json!({ "status": 99 }), json!({ "status": "500" }), json!({ "body": "x" })] {
        assert!(apply(&World::new(), "app-answers", wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn an_internal_environment_is_closed_under_every_name() {
    let world = World::new();
    let domain = "happyfield-12345678.westeurope.azurecontainerapps.io";
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["customDomains"] =
            json!([{ "name": "bound.example", "bindingType": "SniEnabled" }]);
    });
    assert!(
        world.sandbox.resolves("bound.example") && world.sandbox.resolves(&format!("ca-demo.{domain}:443"))
    );
    assert!(!world.sandbox.resolves(&format!("evil{domain}")));
    let at = |host: &str| {
        let request = Request {
            method: "GET".to_owned(),
            host: host.to_owned(),
            path: "/".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        match world.sandbox.handle(&request) {
            Reply::Answer(response) => response.status,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at("bound.example"), 200);
    world.sandbox.edit(|state| {
        let environment = state.environments.values_mut().next().unwrap();
        environment.properties["vnetConfiguration"] = json!({ "internal": true });
    });
    assert_eq!(at("bound.example"), 404);
    for host in ["bound.example".to_owned(), format!("ca-demo.{domain}"), format!("none.{domain}")] {
        assert!(!world.sandbox.resolves(&host), "{host}");
    }
}
