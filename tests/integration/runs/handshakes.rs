//! Checks of the app that judge the handshake: who answers, until when, and whom the ingress turns away.

use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::seed::variant::domains::{no_record, record};
use acarecipe::sandbox::state::State;
use acarecipe::sandbox::{Service, Switches, seed};
use serde_json::json;

use super::super::support::world::World;

const OWN: &str = "https://${app.properties.configuration.ingress.fqdn}/";
const DOMAIN: &str = "happyfield-12345678.westeurope.azurecontainerapps.io";

/// A certificate that nobody knows, and its key.
fn identity() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["client.example".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn recipe(url: &str, rest: &str) -> String {
    format!(
        "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\ninputs: {{ cert: {{}}, key: {{ secret: true, env: [KEY] }} }}\nverify: [{{ name: own, http: {{ url: \"{url}\"{rest} }} }}]\n"
    )
}

/// What the check comes to with this certificate at hand, and what the world saw.
fn checked_at(url: &str, rest: &str, change: impl FnOnce(&mut State)) -> (Finding, World, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("asks")).unwrap();
    std::fs::write(folder.path().join("asks/recipe.yaml"), recipe(url, rest)).unwrap();
    let mut world = World::new().edited(change);
    let (certificate, key) = identity();
    world.folders = vec![folder.path().to_owned()];
    world.variables.insert("KEY".to_owned(), key.clone());
    let parameter = format!("asks.cert={certificate}");
    let found = world.verify(&["asks"], &[&parameter]);
    let own = found.into_iter().find(|one| one.name == "own").expect("the check is judged");
    (own, world, key)
}

fn checked(rest: &str, change: impl FnOnce(&mut State)) -> (Status, String) {
    let (found, ..) = checked_at(OWN, rest, change);
    (found.status, found.detail.unwrap_or_default())
}

/// What `expect: refused` comes to, and other checks at the same address, with an assumption turned round: the first of
/// `rests` belongs to a request that is to be refused.
fn checked_under(flip: &str, rests: &[&str], change: impl FnOnce(&mut State)) -> Vec<(Status, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("asks")).unwrap();
    let checks: Vec<String> = rests
        .iter()
        .enumerate()
        .map(|(at, rest)| {
            let expect = if at == 0 { ", expect: refused" } else { "" };
            format!("{{ name: own{at}, http: {{ url: \"{OWN}\"{rest}{expect} }} }}")
        })
        .collect();
    let head = recipe(OWN, "");
    let head = head.lines().filter(|line| !line.starts_with("verify")).collect::<Vec<_>>().join("\n");
    let text = format!("{head}\nverify: [{}]\n", checks.join(", "));
    std::fs::write(folder.path().join("asks/recipe.yaml"), text).unwrap();
    let mut world = World::with(Switches::flip(flip).unwrap(), Vec::new()).edited(change);
    let (certificate, key) = identity();
    world.folders = vec![folder.path().to_owned()];
    world.variables.insert("KEY".to_owned(), key);
    let found = world.verify(&["asks"], &[&format!("asks.cert={certificate}")]);
    let named = |at: usize| found.iter().find(|one| one.name == format!("own{at}")).expect("it is judged");
    (0..rests.len()).map(|at| (named(at).status, named(at).detail.clone().unwrap_or_default())).collect()
}

fn mode(word: &'static str) -> impl FnOnce(&mut State) {
    move |state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["clientCertificateMode"] = json!(word);
    }
}

fn bound(binding: &'static str, certificate: &'static str) -> impl FnOnce(&mut State) {
    move |state| {
        let app = state.app_mut(seed::APP).unwrap();
        let domain =
            json!({ "name": "www.contoso.example", "bindingType": binding, "certificateId": certificate });
        app.model["properties"]["configuration"]["ingress"]["customDomains"] = json!([domain]);
        record(state, "www.contoso.example", "A", "20.61.0.2");
    }
}

const SHOWN: &str = ", client_certificate: \"${inputs.cert}\", client_key: \"${inputs.key}\"";

#[test]
fn the_certificate_is_good_for_a_name_and_for_long_enough() {
    for (rest, status, words) in [
        (format!(", tls_name: ca-demo.{DOMAIN}"), Status::Passed, "200"),
        (format!(", tls_name: CA-Demo.{DOMAIN}., min_days: 100"), Status::Passed, "200"),
        (", tls_name: www.contoso.example".to_owned(), Status::Failed, "which is not good for www.contoso.example"),
        (", min_days: 180".to_owned(), Status::Passed, "200"),
        (", min_days: 181".to_owned(), Status::Failed, "good for 180 more days"),
        (
            ", body: \"${it.tls.days == `180` && contains(it.tls.issuer, 'Microsoft') && length(it.tls.names) == `1` && it.tls.not_after}\"".to_owned(),
            Status::Passed,
            "200",
        ),
    ] {
        let (came, detail) = checked(&rest, |_| {});
        assert_eq!(came, status, "{rest}: {detail}");
        assert!(detail.contains(words), "{rest}: {detail}");
    }
    // An answer whatever its status, for checks of the handshake alone.
    let broken =
        |state: &mut State| answers::app_answers(state, &Script { status: Some(500), ..Script::default() });
    assert_eq!(checked(", status: [\"100-599\"], min_days: 1", broken).0, Status::Passed);
}

#[test]
fn a_custom_domain_shows_the_certificate_that_is_bound_to_it() {
    let at =
        |change| checked_at("https://${'www.contoso.example'}/", ", tls_name: www.contoso.example", change).0;
    let (found, ..) = checked_at("https://${'www.contoso.example'}/", "", bound("Disabled", ""));
    assert_eq!(found.status, Status::Failed);
    assert!(found.detail.unwrap().contains("TLS with www.contoso.example failed"));
    let found = at(bound("SniEnabled", "/nowhere"));
    assert_eq!(found.status, Status::Passed, "{found:?}");
}

#[test]
fn a_custom_domain_is_the_apps_only_where_its_name_leads_there() {
    let at = |change: fn(&mut State)| {
        let both = move |state: &mut State| {
            bound("SniEnabled", "/nowhere")(state);
            change(state);
        };
        let (found, world, _) = checked_at("https://${'www.contoso.example'}/", "", both);
        let asked = world.sandbox.exchanges().iter().filter(|one| one.service == Service::App).count();
        (found.status, found.detail.unwrap_or_default(), asked)
    };
    assert_eq!(at(|_| {}).0, Status::Passed);
    let (status, detail, asked) = at(|state| record(state, "www.contoso.example", "A", "192.0.2.1"));
    assert_eq!((status, asked), (Status::Failed, 0), "{detail}");
    assert!(detail.contains("was refused"), "{detail}");
    let (status, detail, asked) = at(|state| no_record(state, "www.contoso.example", "A"));
    assert_eq!((status, asked), (Status::CouldNotCheck, 0), "{detail}");
    assert!(detail.contains("does not resolve"), "{detail}");
    // By way of another name it does.
    let (status, detail, _) = at(|state| {
        no_record(state, "www.contoso.example", "A");
        record(state, "www.contoso.example", "CNAME", "old.contoso.example");
        record(state, "old.contoso.example", "CNAME", &format!("ca-demo.{DOMAIN}"));
    });
    assert_eq!(status, Status::Passed, "{detail}");
    // With the transport tcp the edge has no HTTP for it.
    let (status, detail, _) = at(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["transport"] = json!("Tcp");
    });
    assert_eq!(status, Status::Failed, "{detail}");
}

#[test]
fn an_alert_or_a_refusal_is_one_and_silence_is_not() {
    let status = |status: u16| {
        move |state: &mut State| {
            answers::app_answers(state, &Script { status: Some(status), ..Script::default() });
        }
    };
    let refused = ", expect: refused";
    let (came, detail) = checked(refused, mode("require"));
    assert_eq!(came, Status::Passed, "{detail}");
    assert!(detail.contains("CertificateRequired"), "{detail}");
    // An app says 401 and 403 as well: of itself that proves nothing.
    for code in [401, 403] {
        for word in ["ignore", "accept"] {
            let (came, detail) = checked(refused, |state| {
                mode(word)(state);
                status(code)(state);
            });
            assert_eq!(came, Status::CouldNotCheck, "{word} {detail}");
            assert!(detail.contains("its ingress requires no client certificate"), "{word} {detail}");
        }
    }
    let stopped = |state: &mut State| {
        mode("ignore")(state);
        seed::variant::stopped(state);
    };
    for flip in ["edge-says-404", "client-certificate-refused-by-alert"] {
        let (came, detail) = checked_under(flip, &[""], stopped).remove(0);
        assert_ne!(came, Status::Passed, "{flip}: {detail}");
    }
    for (change, words) in [
        (Box::new(mode("accept")) as Box<dyn FnOnce(&mut State)>, "answered 200, it did not refuse"),
        (Box::new(mode("ignore")), "answered 200, it did not refuse"),
        (Box::new(status(500)), "answered 500, it did not refuse"),
        (Box::new(status(404)), "answered 404, it did not refuse"),
    ] {
        let (came, detail) = checked(refused, change);
        assert_eq!(came, Status::Failed, "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    for change in
        [Box::new(answers::app_silent) as Box<dyn FnOnce(&mut State)>, Box::new(answers::ingress_internal)]
    {
        let (came, detail) = checked(refused, change);
        assert_eq!(came, Status::CouldNotCheck, "{detail}");
    }
}

/// Where the edge refuses with 403 as an app does.
#[test]
fn a_refusal_by_answer_counts_where_one_is_required_and_the_certificate_is_answered() {
    let flip = "client-certificate-refused-by-alert";
    let script = |status: Option<u16>| {
        move |state: &mut State| {
            mode("Require")(state);
            answers::app_answers(state, &Script { status, ..Script::default() });
        }
    };
    let alone = checked_under(flip, &[""], script(None)).remove(0);
    assert_eq!(alone, (Status::Passed, "refused with 403".to_owned()));
    let both = checked_under(flip, &["", SHOWN], script(None));
    assert_eq!(both[0], (Status::Passed, "refused with 403".to_owned()), "{both:?}");
    for code in [401, 403] {
        let both = checked_under(flip, &["", SHOWN], script(Some(code)));
        assert_eq!(both[0].0, Status::CouldNotCheck, "{both:?}");
        assert!(both[0].1.contains("with a certificate it does not answer either"), "{both:?}");
        // It is no refusal that the certificate meets another mistake of the app.
        assert_eq!(both[1].0, Status::Failed, "{both:?}");
    }
    assert_eq!(checked_under(flip, &["", SHOWN], script(Some(500)))[0].0, Status::Passed);
    // Where the edge lets through what it says it does not.
    let flip = "client-certificate-required-everywhere";
    let (came, detail) = checked_under(flip, &[""], script(None)).remove(0);
    assert_eq!(came, Status::Failed, "{detail}");
    assert!(detail.contains("answered 200, it did not refuse"), "{detail}");
}

#[test]
fn a_client_certificate_is_shown_and_its_key_nowhere() {
    for (word, forwarded) in [("require", true), ("accept", true), ("ignore", false)] {
        let (found, world, key) = checked_at(OWN, SHOWN, mode(word));
        assert_eq!(found.status, Status::Passed, "{word}: {found:?}");
        let asked: Vec<_> =
            world.sandbox.exchanges().into_iter().filter(|one| one.service == Service::App).collect();
        let has = asked[0].header_names.iter().any(|name| name == "x-forwarded-client-cert");
        assert_eq!(has, forwarded, "{word}");
        let inside = key.lines().nth(1).unwrap();
        let seen = format!("{:?} {found:?}", world.seen.events.lock().unwrap());
        assert!(!seen.contains(inside), "the key is told");
    }
    // Without one the ingress turns it away, which a check without a certificate cannot judge.
    let (came, detail) = checked("", mode("require"));
    assert_eq!(came, Status::CouldNotCheck, "{detail}");
    // The app's own answer to the one that was shown.
    let refuses = |state: &mut State| {
        mode("require")(state);
        answers::app_answers(state, &Script { status: Some(403), ..Script::default() });
    };
    assert_eq!(checked(SHOWN, refuses).0, Status::Failed);
    assert_eq!(checked(&format!("{SHOWN}, expect: refused"), refuses).0, Status::Passed);
}

#[test]
fn what_is_no_certificate_is_a_mistake_and_no_request() {
    for rest in [
        ", client_certificate: \"${inputs.cert}\"",
        ", client_key: \"${inputs.key}\"",
        ", client_certificate: \"${'hunter2'}\", client_key: \"${inputs.key}\"",
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("asks")).unwrap();
        std::fs::write(folder.path().join("asks/recipe.yaml"), recipe(OWN, rest)).unwrap();
        let mut world = World::new();
        let (certificate, key) = identity();
        world.folders = vec![folder.path().to_owned()];
        world.variables.insert("KEY".to_owned(), key);
        let observed = world.plan(&["asks"], &[&format!("asks.cert={certificate}")]).unwrap();
        let told: Vec<&str> = observed.plan.problems.iter().map(|one| one.message.as_str()).collect();
        let told = told.join("; ");
        assert!(told.contains("client") && !told.contains("hunter2"), "{rest}: {told}");
        let asked = world.sandbox.exchanges().into_iter().filter(|one| one.service == Service::App).count();
        assert_eq!(asked, 0, "{rest}");
    }
}

/// The key may go into the handshake and nowhere else.
#[test]
fn a_secret_is_a_client_key_and_no_other_part_of_a_request() {
    let codes = |rest: &str| {
        let source = acarecipe::diagnostic::Source { name: "r".to_owned(), text: recipe(OWN, rest) };
        match acarecipe::recipe::load(&std::sync::Arc::new(source), acarecipe::recipe::Origin::BuiltIn) {
            Ok(recipe) => {
                let catalogue = acarecipe::recipe::Catalogue::default();
                let found = acarecipe::recipe::validate(&recipe, &catalogue);
                found.into_iter().map(|one| one.code.0).collect::<Vec<_>>()
            }
            Err(found) => found.into_iter().map(|one| one.code.0).collect(),
        }
    };
    assert_eq!(codes(SHOWN), Vec::<&str>::new());
    for rest in [
        ", client_certificate: \"${inputs.key}\", client_key: \"${inputs.key}\"",
        ", headers: { x-key: \"${inputs.key}\" }",
        ", tls_name: \"${inputs.key}\"",
    ] {
        assert!(codes(rest).contains(&"secret-misplaced"), "{rest}");
    }
}
