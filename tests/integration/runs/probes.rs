//! Checks that ask the app: what they come to, how long they ask, and whom they never ask.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use acarecipe::azure::probe::{ProbeAnswer, ProbeError, ProbeRequest, Prober};
use acarecipe::cli::SandboxHosts;
use acarecipe::clock::{Clock as _, VirtualClock};
use acarecipe::diagnostic::codes;
use acarecipe::execute::Event;
use acarecipe::facts::Facts;
use acarecipe::plan::{Finding, Gate, Status};
use acarecipe::recipe::{Catalogue, Origin, load, read_source};
use acarecipe::sandbox::seed::variant;
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::state::State;
use acarecipe::sandbox::{Exchange, Sandbox, Service, Switches, seed};
use acarecipe::value::Value;
use acarecipe::verify;
use serde_json::json;
use time::OffsetDateTime;

use super::super::support::world::{START, World, failed};

const DOMAIN: &str = "happyfield-12345678.westeurope.azurecontainerapps.io";
type Change = fn(&mut State);

const OWN: &str = "https://${app.properties.configuration.ingress.fqdn}";

/// A world with the recipe `asks`, whose `verify` is this.
fn asking(verify: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), verify);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    (world, folder)
}

fn write(folder: &Path, rest: &str) {
    std::fs::create_dir_all(folder.join("asks")).unwrap();
    let head = "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\n";
    std::fs::write(folder.join("asks/recipe.yaml"), format!("{head}{rest}")).unwrap();
}

/// What the one check comes to.
fn finding(world: &World) -> Finding {
    let findings = world.verify(&["asks"], &[]);
    let mut own = findings.into_iter().filter(|finding| finding.instance.as_deref() == Some("asks"));
    let one = own.next().expect("the check is judged");
    assert!(own.next().is_none(), "only one");
    one
}

fn outcome(verify: &str, change: impl FnOnce(&mut State)) -> (Status, String, World) {
    let (world, _folder) = asking(verify);
    let world = world.edited(change);
    let found = finding(&world);
    (found.status, found.detail.unwrap_or_default(), world)
}

fn asked(world: &World) -> Vec<Exchange> {
    world.sandbox.exchanges().into_iter().filter(|one| one.service == Service::App).collect()
}

fn health(rest: &str) -> String {
    format!("verify: [{{ name: the app answers, http: {{ url: \"{OWN}/health\"{rest} }} }}]\n")
}

fn status(status: u16) -> impl FnOnce(&mut State) {
    move |state| answers::app_answers(state, &Script { status: Some(status), ..Script::default() })
}

#[test]
fn an_answer_is_judged_by_status_time_and_body() {
    let (status_, detail, world) = outcome(&health(""), |_| {});
    assert_eq!((status_, detail.as_str()), (Status::Passed, "200 (0 ms)"));
    assert_eq!(asked(&world).len(), 1);
    let (status_, detail, _) = outcome(&health(""), status(500));
    assert_eq!(status_, Status::Failed);
    assert_eq!(
        detail,
        format!(
            "https://ca-demo.{DOMAIN}/health answered 500, not 200-399: {{\"status\":\"failing\",\"revision\":\"ca-demo--first01\"}}"
        )
    );
    for (rest, holds) in [
        (", status: [500]", true),
        (", status: [200, \"500-599\"]", true),
        (", status: \"${[`500`]}\"", true),
        (", status: [503]", false),
        (", status: [500], body: \"${it.json.status == 'failing' && it.status == `500`}\"", true),
        (", status: [500], body: \"${contains(it.body, 'failing') && it.elapsed < `1000`}\"", true),
        (", status: [500], body: \"${it.headers.\\\"content-type\\\" == 'application/json'}\"", true),
        (", status: [500], body: \"${it.json.status == 'ok'}\"", false),
        (", status: [500], body: \"${it.json.nothing}\"", false),
        (", status: [500], body: \"${length(it.status) > `0`}\"", false),
    ] {
        let (came, detail, _) = outcome(&health(rest), status(500));
        assert_eq!(came == Status::Passed, holds, "{rest}: {detail}");
    }
    let slow = |state: &mut State| answers::app_answers(state, &Script { slow: 3000, ..Script::default() });
    assert_eq!(outcome(&health(""), slow).1, "200 (3000 ms)");
    let (came, detail, _) = outcome(&health(", max_time: 2s"), slow);
    assert_eq!(came, Status::Failed);
    assert!(detail.contains("no answer from ca-demo.") && detail.ends_with("within 2000 ms"), "{detail}");
}

#[test]
fn why_no_answer_came_is_told() {
    let cases: [(Change, Status, &str); 6] = [
        (answers::app_crashes, Status::Failed, "answered 503, not 200-399: upstream connect error"),
        (answers::app_silent, Status::Failed, "within 30000 ms"),
        (variant::stopped, Status::Failed, "This Container App is stopped or does not exist."),
        (answers::ingress_internal, Status::CouldNotCheck, "the app's ingress is internal"),
        (answers::no_ingress, Status::CouldNotCheck, "there is no address to ask"),
        (environment_internal, Status::CouldNotCheck, "the environment is internal"),
    ];
    for (change, status, words) in cases {
        let (came, detail, _) = outcome(&health(""), change);
        assert_eq!(came, status, "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    let flipped = |switch: &str, change: Change| {
        let (mut world, folder) = asking(&health(""));
        world =
            World { folders: world.folders.clone(), ..World::with(Switches::flip(switch).unwrap(), vec![]) };
        let found = finding(&world.edited(change));
        drop(folder);
        (found.status, found.detail.unwrap())
    };
    let (came, detail) = flipped("edge-answers-for-crash", answers::app_crashes);
    assert_eq!(came, Status::Failed);
    assert!(detail.contains("the connection was closed without an answer"), "{detail}");
    // An internal name that resolves all the same: the edge's 404 is no answer of the app.
    let (came, detail) = flipped("internal-name-unresolved", answers::ingress_internal);
    assert_eq!(came, Status::CouldNotCheck, "{detail}");
    assert!(detail.contains("internal") && detail.contains("answered 404"), "{detail}");
}

fn environment_internal(state: &mut State) {
    let environment = state.environments.values_mut().next().unwrap();
    environment.properties["vnetConfiguration"] = json!({ "internal": true });
}

#[test]
fn what_could_not_be_checked_fails_only_a_strict_verification() {
    let (world, _folder) = asking(&health(""));
    let world = world.edited(answers::ingress_internal);
    let findings = world.verify(&["asks"], &[]);
    assert!(verify::holds(&findings, false) && !verify::holds(&findings, true));
    let (world, _folder) = asking(&health(""));
    let findings = world.edited(status(500)).verify(&["asks"], &[]);
    assert!(!verify::holds(&findings, false));
    let (world, _folder) = asking(&health("").replace("name:", "severity: warning, name:"));
    let findings = world.edited(status(500)).verify(&["asks"], &[]);
    assert!(verify::holds(&findings, true), "a warning fails nothing");
}

#[test]
fn the_answer_of_a_server_is_shown_without_control_characters_and_not_in_full() {
    let body = format!("\u{1b}[31mred\u{7}\n\n  two\tthree {}", "x".repeat(500));
    let (_, detail, _) = outcome(&health(", status: [200]"), |state| {
        let script = Script {
            status: Some(502),
            path: Some("/health".to_owned()),
            body: Some(body),
            ..Script::default()
        };
        answers::app_answers(state, &script);
    });
    assert!(!detail.contains(|c: char| c.is_control()), "{detail:?}");
    let told = detail.split_once("not 200: ").unwrap().1;
    assert!(told.contains("red") && told.contains("two three xxx") && told.ends_with("x…"), "{told}");
    assert_eq!(told.chars().count(), 201);
}

#[test]
fn within_asks_again_with_growing_pauses_until_it_holds() {
    let text = health("").replace("} }]", "}, within: 2m }]");
    // The revision that is asked fails until the clock has passed a minute.
    let (world, _folder) = asking(&text);
    let world = world.edited(status(503));
    let recovering = Recovering {
        hosts: SandboxHosts::new(Arc::new(world.sandbox.clone()), Arc::clone(&world.clock) as _),
        sandbox: world.sandbox.clone(),
        clock: Arc::clone(&world.clock),
        at: START + Duration::from_secs(60),
    };
    let world = World { prober: Some(Arc::new(recovering)), ..world };
    let found = &finding(&world);
    assert_eq!(found.status, Status::Passed, "{found:?}");
    assert!(found.detail.as_deref().unwrap().contains("asked"), "{found:?}");
    let passed = world.clock.now() - START;
    assert!(passed >= Duration::from_secs(60) && passed < Duration::from_secs(75), "{passed}");
    // 1 + 2 + 4 + 8 + 10 + 10 + … seconds.
    let times = asked(&world).len();
    assert!((7..=11).contains(&times), "{times}");
    let waits = world
        .seen
        .events
        .lock()
        .unwrap()
        .iter()
        .filter(|event| matches!(event, Event::Probing { .. }))
        .count();
    assert_eq!(waits, times - 1, "each wait is told");
}

#[test]
fn within_ends_when_its_time_is_over() {
    let text = health("").replace("} }]", "}, within: 90s }]");
    let (came, detail, world) = outcome(&text, status(503));
    assert_eq!(came, Status::Failed);
    assert!(detail.contains("answered 503") && detail.contains("in 90 s)"), "{detail}");
    assert_eq!(world.clock.now() - START, time::Duration::seconds(90), "and looks once more at its end");
    // The run's own deadline is shorter.
    let (mut world, _folder) = asking(&text);
    world.timeout = Duration::from_secs(20);
    let world = world.edited(status(503));
    assert_eq!(finding(&world).status, Status::Failed);
    assert!(world.clock.now() - START <= time::Duration::seconds(25));
    // Nothing to wait for: no name will make an internal app answer here.
    let (came, _, world) = outcome(&text, answers::ingress_internal);
    assert_eq!((came, world.clock.now()), (Status::CouldNotCheck, START));
}

#[test]
fn successes_are_counted_in_a_row() {
    let three = health("").replace("} }]", "}, successes: 3 }]");
    let (came, detail, world) = outcome(&three, |_| {});
    assert_eq!((came, detail.as_str()), (Status::Passed, "3 times in a row, last 200 (0 ms)"));
    assert_eq!(asked(&world).len(), 3);
    // Two good answers, then none: without time to wait that is the end.
    let after = |after| {
        move |state: &mut State| {
            answers::app_answers(state, &Script { after: Some(after), ..Script::default() });
        }
    };
    let (came, detail, world) = outcome(&three, after(2));
    assert_eq!((came, asked(&world).len()), (Status::Failed, 3), "{detail}");
    let (came, _, world) = outcome(&three, after(3));
    assert_eq!((came, asked(&world).len()), (Status::Passed, 3));
    let (came, _, world) = outcome(&three.replace("successes", "within: 30s, successes"), after(2));
    assert_eq!(came, Status::Failed);
    assert!(asked(&world).len() > 4 && world.clock.now() - START == time::Duration::seconds(30));
    let (came, _, _) = outcome(&three.replace("successes: 3", "successes: \"${length('abcd')}\""), after(3));
    assert_eq!(came, Status::Failed, "an expression gives the number");
}

#[test]
fn nothing_is_asked_while_a_run_is_planned_or_written() {
    let steps = "steps: [{ id: tag, why: a tag, container_app: { tags: { team: blue } } }]\n";
    let (world, _folder) = asking(&format!("{}{steps}", health("")));
    let planned = world.plan(&["asks"], &[]).unwrap();
    assert!(planned.plan.asks_app && planned.plan.verifications.is_empty() && planned.plan.probes.is_empty());
    assert_eq!(asked(&world).len(), 0);
    let run = world.apply(&["asks"], &[]);
    assert!(failed(&run.findings()).is_empty(), "{:?}", run.findings());
    let asked = asked(&world);
    assert_eq!(asked.len(), 1, "once, after the write");
    let last_write = world.sandbox.exchanges().iter().rfind(|one| one.is_write()).unwrap().number;
    assert!(asked[0].number > last_write);
    super::described(&world);
    // Of a recipe without such a check nothing is ever asked.
    let world = World::new();
    world.apply(super::IDENTITY, &[]);
    world.verify(super::IDENTITY, &[]);
    assert!(world.sandbox.exchanges().iter().all(|one| one.service != Service::App));
}

#[test]
fn a_prerequisite_may_ask_the_app_and_stops_the_run() {
    let text = health("")
        .replace("verify", "prerequisites")
        .replace("name: the", "otherwise: it does not answer, name: the");
    let steps = "steps: [{ id: tag, why: a tag, container_app: { tags: { team: blue } } }]\n";
    let (world, _folder) = asking(&format!("{text}{steps}"));
    let world = world.edited(status(500));
    let planned = super::blocked(&world, &["asks"], &[]);
    let found = super::only_failed(&planned);
    assert!(
        found.detail.as_deref().unwrap().starts_with("it does not answer: https://ca-demo."),
        "{found:?}"
    );
    let never = text.replace("name: the", "when: \"${inputs.never}\", name: the");
    let inputs = "inputs: { never: { type: boolean, default: false, description: x } }\n";
    let (world, _folder) = asking(&format!("{inputs}{never}{steps}"));
    world.apply(&["asks"], &[]);
    assert_eq!(asked(&world).len(), 0, "not under a condition that does not hold");
}

#[test]
fn redirects_are_followed_to_the_apps_own_hosts_only() {
    let to = |location: &str| {
        let location = location.to_owned();
        move |state: &mut State| {
            let script = Script {
                status: Some(302),
                path: Some("/health".to_owned()),
                location: Some(location),
                ..Script::default()
            };
            answers::app_answers(state, &script);
        }
    };
    let (came, detail, world) = outcome(&health(""), to("/"));
    assert_eq!((came, detail.as_str(), asked(&world).len()), (Status::Passed, "302 (0 ms)", 1));
    let follow = health(", status: [200], follow_redirects: true");
    let (came, _, world) = outcome(&follow, to("/"));
    assert_eq!((came, asked(&world).len()), (Status::Passed, 2));
    let revision = format!("https://ca-demo--first01.{DOMAIN}/");
    let (came, _, world) = outcome(&follow, to(&revision));
    assert_eq!((came, asked(&world).len()), (Status::Passed, 2));
    for location in [
        "https://evil.example/",
        "//evil.example/health",
        "http://ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io/",
        "https://ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io:8443/",
        "https://user@ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io/",
        "https://other.happyfield-12345678.westeurope.azurecontainerapps.io/",
        "https://169.254.169.254/metadata",
    ] {
        let (came, detail, world) = outcome(&follow, to(location));
        assert_eq!((came, asked(&world).len()), (Status::Failed, 1), "{location}");
        assert!(detail.contains("it is not followed"), "{detail}");
    }
    let (came, detail, world) = outcome(&follow, to("/health"));
    assert_eq!((came, asked(&world).len()), (Status::Failed, 1));
    assert!(detail.contains("where it has been already"), "{detail}");
    let on_and_on = |state: &mut State| {
        for step in ["/health", "/1", "/2", "/3", "/4", "/5", "/6"].windows(2) {
            let script = Script {
                status: Some(307),
                path: Some(step[0].to_owned()),
                location: Some(step[1].to_owned()),
                ..Script::default()
            };
            answers::app_answers(state, &script);
        }
    };
    let (came, detail, world) = outcome(&follow, on_and_on);
    assert_eq!((came, asked(&world).len()), (Status::Failed, 6), "{detail}");
}

#[test]
fn no_host_is_reached_but_the_apps_own() {
    let own = ["ca-demo", "ca-demo--first01", "ca-demo---next", "ca-demo.internal"];
    let domains = [DOMAIN, "example.com", "westeurope.azurecontainerapps.io", "happyfield-12345678.evil.io"];
    let labels = [
        "ca-demo",
        "ca-demo--first01",
        "ca-demo---next",
        "ca-demo.internal",
        "ca-demo-x",
        "ca-dem",
        "other",
        "ca-demo--",
        "ca-demo---",
        "x.ca-demo",
        "xca-demo",
        "",
    ];
    let mut hosts: Vec<(String, bool)> = Vec::new();
    for domain in domains {
        for label in labels {
            hosts.push((format!("{label}.{domain}"), domain == DOMAIN && own.contains(&label)));
        }
    }
    for host in
        ["127.0.0.1", "[::1]", "localhost", "management.azure.com", "acrdemo.azurecr.io", "bound.example"]
    {
        hosts.push((host.to_owned(), host == "bound.example"));
    }
    hosts.push((format!("CA-DEMO.{}", DOMAIN.to_uppercase()), true));
    for part in
        [format!("user@ca-demo.{DOMAIN}"), format!("u:p@ca-demo.{DOMAIN}"), format!("ca-demo.{DOMAIN}:8443")]
    {
        hosts.push((part, false));
    }
    for (host, allowed) in hosts {
        for url in [format!("https://{host}/health"), format!("https://{host}"), format!("https://{host}./")]
        {
            let inputs = format!("inputs: {{ url: {{ default: \"{url}\", description: x }} }}\n");
            let verify = "verify: [{ http: { url: \"${inputs.url}\" } }]\n";
            let (world, _folder) = asking(&format!("{inputs}{verify}"));
            let world = world.edited(bind);
            let findings = world.verify(&["asks"], &[]);
            let reached: Vec<String> = asked(&world).into_iter().map(|one| one.host).collect();
            let dotted = url.ends_with("./");
            assert!(
                reached.iter().all(|one| allowed && !dotted && *one == host.to_ascii_lowercase()),
                "{url}: {reached:?}"
            );
            let only_azure = world.sandbox.exchanges().iter().all(|one| {
                one.service == Service::ResourceManager || (allowed && one.service == Service::App)
            });
            assert!(only_azure, "{url}");
            if !allowed || dotted {
                let told = findings.iter().any(|found| found.status == Status::Failed);
                assert!(told, "{url} is refused, and that is told: {findings:#?}");
            }
        }
    }
}

fn bind(state: &mut State) {
    let app = state.app_mut(seed::APP).unwrap();
    app.model["properties"]["configuration"]["ingress"]["customDomains"] =
        json!([{ "name": "bound.example", "bindingType": "SniEnabled" }]);
}

#[test]
fn a_foreign_address_is_told_by_the_plan_before_anything_is_written() {
    let inputs = "inputs: { host: { default: evil.example, description: x } }\n";
    let verify = "verify: [{ http: { url: \"https://${inputs.host}/health\" } }]\n";
    let steps = "steps: [{ id: tag, why: a tag, container_app: { tags: { team: blue } } }]\n";
    let (world, _folder) = asking(&format!("{inputs}{verify}{steps}"));
    let planned = super::blocked(&world, &["asks"], &[]);
    assert_eq!(planned.plan.problems[0].code.0, "foreign-host");
    assert!(planned.plan.problems[0].message.contains("evil.example"));
}

#[test]
fn gates_are_judged_with_roots_of_their_own() {
    let gates = "
verify:
  - name: the candidate
    for_each: \"${inputs.paths}\"
    http: { url: \"${candidate.url}${each.value}\", status: [200], body: \"${it.json.revision == candidate.name}\" }
    successes: 2
    within: 5s
inputs: { paths: { type: list, default: [/, /health], description: x } }
";
    let plain = "inputs: { paths: { type: list, default: [/, /health], description: x } }\n";
    let judged = |change: Change, name: &str| {
        let (world, folder) = asking(plain);
        let world = world.edited(change);
        write(folder.path(), gates);
        let source = read_source(&folder.path().join("asks/recipe.yaml")).unwrap();
        let recipe = load(&source, Origin::Folder(folder.path().to_owned())).expect("it is well formed");
        write(folder.path(), plain);
        let selection = world.selection(&["asks"], &[]);
        let candidate = json!({ "url": format!("https://{name}.{DOMAIN}"), "name": name });
        let roots = [("candidate", Value::from(candidate))];
        let gate = Gate { instance: "asks", checks: &recipe.verify, roots: &roots };
        let (executor, target) = (world.executor(), world.target());
        let mut facts = Facts::default();
        let end = World::block_on(executor.gate(&mut facts, &selection, &target, &gate)).unwrap();
        assert!(end.missing.is_empty() && end.problems.is_empty(), "{:?}", end.problems);
        (end.findings, world)
    };
    let (findings, world) = judged(|_| {}, "ca-demo--first01");
    assert!(findings.iter().all(|one| one.status == Status::Passed), "{findings:#?}");
    assert_eq!((findings.len(), asked(&world).len()), (2, 4), "each path twice");
    // One path fails: the other is not asked more often than it has to be.
    let bad = |state: &mut State| {
        let script = Script { status: Some(500), path: Some("/health".to_owned()), ..Script::default() };
        answers::app_answers(state, &script);
    };
    let (findings, world) = judged(bad, "ca-demo--first01");
    let statuses: Vec<Status> = findings.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Status::Passed, Status::Failed]);
    let at = |path: &str| asked(&world).iter().filter(|one| one.path == path).count();
    assert_eq!(at("/"), 2);
    assert!(at("/health") > 2);
    // The body tells that another revision answered.
    let (findings, _) = judged(|_| {}, "ca-demo");
    assert!(findings.iter().all(|one| one.status == Status::Failed), "{findings:#?}");
}

#[test]
fn a_gate_that_cannot_be_judged_has_not_passed() {
    let plain = "inputs: { paths: { type: list, default: [/], description: x } }\n";
    let (world, folder) = asking(plain);
    write(folder.path(), "verify: [{ http: { url: \"https://${candidate.host}/\" } }]\n");
    let source = read_source(&folder.path().join("asks/recipe.yaml")).unwrap();
    let recipe = load(&source, Origin::Folder(folder.path().to_owned())).expect("it is well formed");
    write(folder.path(), plain);
    let (selection, target) = (world.selection(&["asks"], &[]), world.target());
    let roots = [("candidate", Value::from(json!({ "host": "evil.example" })))];
    let gate = Gate { instance: "asks", checks: &recipe.verify, roots: &roots };
    let end =
        World::block_on(world.executor().gate(&mut Facts::default(), &selection, &target, &gate)).unwrap();
    let statuses: Vec<Status> = end.findings.iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Status::Failed], "{:#?}", end.findings);
    assert_eq!(asked(&world).len(), 0);
}

#[test]
fn no_more_of_a_body_is_read_than_is_bounded() {
    let long = Script {
        status: Some(200),
        path: Some("/health".to_owned()),
        body: Some("x".repeat(200_000)),
        ..Script::default()
    };
    let check = health(", body: \"${length(it.body) == `65536`}\"");
    let (came, detail, _) = outcome(&check, |state| answers::app_answers(state, &long));
    assert_eq!(came, Status::Passed, "{detail}");
}

#[test]
fn what_others_keep_in_a_variable_goes_into_no_request() {
    for http in [
        "url: \"OWN/${app.properties.template.containers[0].env[0].value}\"",
        "url: \"OWN/\", headers: { X-Level: \"${app.properties.template.containers[0].env[0].value}\" }",
    ] {
        let (world, folder) = asking(&format!("verify: [{{ http: {{ {} }} }}]\n", http.replace("OWN", OWN)));
        let mistakes = Catalogue::load(&[folder.path().to_owned()], false).unwrap_err();
        assert!(mistakes.iter().any(|one| one.code == codes::SECRET_EXAMINED), "{mistakes:#?}");
        assert_eq!(asked(&world).len(), 0, "{http}");
    }
}

#[test]
fn each_end_says_what_to_do_unless_the_check_does() {
    for (rest, change, words) in [
        (
            "",
            (|state| status(500)(state)) as Change,
            "az containerapp logs show --name ca-demo --resource-group rg-demo --tail 50",
        ),
        (", fix: az version", |state| status(500)(state), "az version"),
        ("", answers::ingress_internal, "--resolve ca-demo.internal."),
    ] {
        let (world, _folder) = asking(&health("").replace("} }]", &format!("}}{rest} }}]")));
        let found = finding(&world.edited(change));
        assert!(found.fix.as_deref().unwrap_or_default().contains(words), "{found:?}");
    }
}

#[test]
fn a_row_that_breaks_begins_anew() {
    let two = health("").replace("} }]", "}, successes: 2, within: 40s }]");
    for (answers, status) in [(&[200, 500][..], Status::Failed), (&[200, 500, 200, 200][..], Status::Passed)]
    {
        let (world, _folder) = asking(&two);
        let prober = Arc::new(Turns { answers: answers.to_vec(), asked: AtomicUsize::new(0) });
        let world = World { prober: Some(prober), ..world };
        let found = finding(&world);
        assert_eq!(found.status, status, "{answers:?}: {found:?}");
    }
}

/// Answers with these statuses in turn, again and again.
struct Turns {
    answers: Vec<u16>,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Prober for Turns {
    async fn probe(&self, _: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed) % self.answers.len();
        Ok(ProbeAnswer { status: self.answers[turn], ..ProbeAnswer::default() })
    }
}

#[test]
fn an_answer_from_before_is_no_verification() {
    // The same request is a prerequisite, and it was asked while the app was still well.
    let check = format!("http: {{ url: \"{OWN}/health\" }}");
    let (world, _folder) = asking(&format!(
        "prerequisites: [{{ otherwise: it is down, {check} }}]\nverify: [{{ name: the app answers, {check}, successes: 2 }}]\n"
    ));
    let (selection, target, executor) = (world.selection(&["asks"], &[]), world.target(), world.executor());
    let observed = World::block_on(executor.observe(&selection, &target, false)).unwrap();
    assert_eq!(asked(&world).len(), 1, "the prerequisite");
    let world = world.edited(status(500));
    let observed = World::block_on(executor.observe_probed(observed, &selection, &target)).unwrap();
    let own = observed.plan.verifications.iter().find(|one| one.name == "the app answers").unwrap();
    assert_eq!(own.status, Status::Failed, "{own:?}");
    assert_eq!(asked(&world).len(), 2);
    // Nor does it count among the successes.
    let world =
        world.edited(|state| state.app_mut(seed::APP).unwrap().revisions.last_mut().unwrap().answers = None);
    let observed = World::block_on(executor.observe_probed(observed, &selection, &target)).unwrap();
    assert_eq!(observed.plan.verifications[0].status, Status::Passed);
    assert_eq!(asked(&world).len(), 4);
}

/// What a gate with the recipe's own `verify` comes to, on no facts.
fn gated(text: &str) -> (Result<Vec<Finding>, String>, World) {
    let (world, folder) = asking(text);
    let source = read_source(&folder.path().join("asks/recipe.yaml")).unwrap();
    let recipe = load(&source, Origin::Folder(folder.path().to_owned())).expect("it is well formed");
    let selection = world.selection(&["asks"], &[]);
    let gate = Gate { instance: "asks", checks: &recipe.verify, roots: &[] };
    let (executor, target) = (world.executor(), world.target());
    let end = World::block_on(executor.gate(&mut Facts::default(), &selection, &target, &gate));
    (end.map(|judged| judged.findings).map_err(|failure| format!("{failure:?}")), world)
}

#[test]
fn a_gate_that_misses_something_has_not_passed() {
    // Each look-up needs the answer of the one before it: more rounds than are made.
    let mut chain =
        "existing:\n  r0: { type: Microsoft.KeyVault/vaults, name: v0, optional: true }\n".to_owned();
    for (number, before) in (1..40).zip(0..) {
        use std::fmt::Write as _;
        let name = format!("${{if(r{before}.id, 'x', 'v{number}')}}");
        let _ = writeln!(
            chain,
            "  r{number}: {{ type: Microsoft.KeyVault/vaults, name: \"{name}\", optional: true }}"
        );
    }
    for check in [
        "that: \"${if(r39.id, `false`, `true`)}\"".to_owned(),
        format!("http: {{ url: \"{OWN}/${{if(r39.id, 'a', '')}}\" }}"),
    ] {
        let (end, world) = gated(&format!("{chain}verify: [{{ name: n, {check} }}]\n"));
        let why = end.expect_err("what it has to know is still missing");
        assert!(why.contains("finding out what the checks have to know"), "{why}");
        assert!(asked(&world).is_empty());
    }
    // What only a step tells that has not been made.
    let step = "steps: [{ id: made, why: w, resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-new, body: { location: westeurope } } }]\n";
    let later = "${steps.made.properties.principalId}";
    for check in [
        format!("that: \"{later}\""),
        format!("http: {{ url: \"{OWN}/{later}\" }}"),
        format!("http: {{ url: \"{OWN}/\", headers: {{ X-Id: \"{later}\" }} }}"),
    ] {
        let (end, world) = gated(&format!("{step}verify: [{{ name: n, {check} }}]\n"));
        let findings = end.unwrap();
        let statuses: Vec<Status> = findings.iter().map(|one| one.status).collect();
        assert_eq!(statuses, [Status::CouldNotCheck], "{check}: {findings:#?}");
        assert!(asked(&world).is_empty());
    }
    let (end, _) =
        gated("verify: [{ name: n, when: \"${if(app.id, `false`, `true`)}\", that: \"${app.nothing}\" }]\n");
    assert!(end.unwrap().is_empty(), "a check that does not apply is none");
}

#[test]
fn a_check_whose_address_stays_unknown_is_told() {
    let step = "steps: [{ id: made, why: w, resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-new, body: { location: westeurope } } }]\n";
    let url = format!("{OWN}/${{steps.made.properties.principalId}}");
    let (world, _folder) = asking(&format!("{step}verify: [{{ name: n, http: {{ url: \"{url}\" }} }}]\n"));
    let findings = world.verify(&["asks"], &[]);
    let own = findings.iter().find(|one| one.name == "n").expect("it is told");
    assert_eq!(own.status, Status::CouldNotCheck);
    assert!(asked(&world).is_empty());
}

/// Answers everything in one way, and says of hosts that they were placed.
struct Fixed(Result<ProbeAnswer, ProbeError>, bool);

#[async_trait::async_trait]
impl Prober for Fixed {
    async fn probe(&self, _request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        self.0.clone()
    }

    fn placed(&self, _host: &str) -> bool {
        self.1
    }
}

fn answering(verify: &str, change: Change, prober: impl Prober + 'static) -> (Status, String, World) {
    let (world, _folder) = asking(verify);
    let world = World { prober: Some(Arc::new(prober)), ..world.edited(change) };
    let found = finding(&world);
    (found.status, found.detail.unwrap_or_default(), world)
}

fn page(status: u16, kind: &str, body: &str) -> ProbeAnswer {
    let headers = std::iter::once(("content-type".to_owned(), kind.to_owned())).collect();
    ProbeAnswer { status, headers, body: body.as_bytes().to_vec(), ..ProbeAnswer::default() }
}

/// An app that has one page, its root.
struct Root;

#[async_trait::async_trait]
impl Prober for Root {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        Ok(page(if request.url.path() == "/" { 200 } else { 404 }, "text/plain", ""))
    }
}

#[test]
fn an_internal_app_is_waited_for_and_its_own_answers_count() {
    let timeout = || ProbeError::Timeout { host: "h".to_owned(), limit: Duration::from_secs(1) };
    let patient = health("").replace("} }]", "}, within: 60s }]");
    // From inside a container that has scaled to zero looks the same at first.
    let (came, _, world) = answering(&patient, answers::ingress_internal, Fixed(Err(timeout()), false));
    assert_eq!((came, world.clock.now() - START), (Status::CouldNotCheck, time::Duration::seconds(60)));
    // Whoever says where the host is can reach it.
    let missing = || Ok(page(404, "text/plain", "no such page"));
    for (placed, status) in [(false, Status::CouldNotCheck), (true, Status::Failed)] {
        for answer in [missing(), Err(timeout())] {
            let (came, detail, _) = answering(&health(""), answers::ingress_internal, Fixed(answer, placed));
            assert_eq!(came, status, "{detail}");
        }
    }
    // Its other answers show that it is reached: this 404 is its own.
    let both = format!(
        "verify: [{{ name: a, http: {{ url: \"{OWN}/\" }} }}, {{ name: b, http: {{ url: \"{OWN}/health\" }} }}]\n"
    );
    let (world, _folder) = asking(&both);
    let world = World { prober: Some(Arc::new(Root)), ..world.edited(answers::ingress_internal) };
    let findings = world.verify(&["asks"], &[]);
    assert_eq!(findings.iter().find(|one| one.name == "b").unwrap().status, Status::Failed);
}

#[test]
fn a_403_of_a_guarded_ingress_is_no_answer_of_the_app() {
    let only: Change = |state| {
        let rule = json!({ "name": "office", "action": "Allow", "ipAddressRange": "203.0.113.0/24" });
        ingress(state)["ipSecurityRestrictions"] = json!([rule]);
    };
    let certificate: Change = |state| ingress(state)["clientCertificateMode"] = json!("require");
    for (change, words) in [(only, "only some addresses"), (certificate, "client certificate")] {
        let (came, detail, _) =
            answering(&health(""), change, Fixed(Ok(page(403, "text/plain", "denied")), false));
        assert_eq!(came, Status::CouldNotCheck);
        assert!(detail.contains(words), "{detail}");
        let (came, _, _) = answering(&health(""), change, Fixed(Ok(page(404, "text/plain", "")), false));
        assert_eq!(came, Status::Failed, "404 is the app's");
    }
    let (came, ..) = answering(&health(""), |_| {}, Fixed(Ok(page(403, "text/plain", "denied")), false));
    assert_eq!(came, Status::Failed);
    let alert = |reason: &str| ProbeError::Alert { host: "h".to_owned(), reason: reason.to_owned() };
    for (reason, refused, answered) in [
        ("CertificateRequired", Status::Passed, Status::CouldNotCheck),
        ("HandshakeFailure", Status::Passed, Status::Failed),
        // Of a server that does not know the name, or is broken.
        ("UnrecognizedName", Status::CouldNotCheck, Status::Failed),
        ("InternalError", Status::CouldNotCheck, Status::Failed),
    ] {
        let (came, ..) = answering(&health(""), |_| {}, Fixed(Err(alert(reason)), false));
        assert_eq!(came, answered, "{reason}");
        let (came, ..) = answering(&health(", expect: refused"), |_| {}, Fixed(Err(alert(reason)), false));
        assert_eq!(came, refused, "{reason}");
    }
}

fn ingress(state: &mut State) -> &mut serde_json::Value {
    &mut state.app_mut(seed::APP).unwrap().model["properties"]["configuration"]["ingress"]
}

#[test]
fn pages_and_secrets_in_an_answer_are_not_repeated() {
    let trace = "<html>Traceback: Server=db;Password=hunter2</html>";
    for kind in ["text/html; charset=utf-8", "", "application/octet-stream"] {
        let (_, detail, _) = answering(&health(""), |_| {}, Fixed(Ok(page(500, kind, trace)), false));
        assert!(detail.ends_with("answered 500, not 200-399"), "{kind}: {detail}");
    }
    for kind in ["text/plain", "Application/JSON; charset=utf-8", "application/problem+json"] {
        let (_, detail, _) = answering(&health(""), |_| {}, Fixed(Ok(page(500, kind, "broken")), false));
        assert!(detail.ends_with(": broken"), "{kind}: {detail}");
    }
    // What stands in the app's variables, what the caller gave, and what looks like a token.
    let inputs = "inputs: { key: { secret: true, env: [ASKS_KEY], description: x } }\n";
    let (mut world, _folder) = asking(&format!("{inputs}{}", health("")));
    world.variables.insert("ASKS_KEY".to_owned(), "kept \"close\"".to_owned());
    let world = world.edited(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["template"]["containers"][0]["env"] =
            json!([{ "name": "DB", "value": "Server=db;Password=hunter2" }]);
    });
    let body = json!({ "db": "Server=db;Password=hunter2", "key": "kept \"close\"", "left": "seen" });
    let body = format!("{body} Bearer abcdefgh12345678");
    let prober = Fixed(Ok(page(500, "application/json", &body)), false);
    let found = finding(&World { prober: Some(Arc::new(prober)), ..world });
    let detail = found.detail.unwrap();
    for secret in ["hunter2", "kept", "abcdefgh12345678"] {
        assert!(!detail.contains(secret), "{detail}");
    }
    assert!(detail.contains("seen") && detail.matches("(hidden)").count() == 2, "{detail}");
}

#[test]
fn of_a_redirect_only_the_place_is_told() {
    let follow = health(", follow_redirects: true, status: [200]");
    let to = |location: &str| {
        let headers = std::iter::once(("location".to_owned(), location.to_owned())).collect();
        let answer = ProbeAnswer { status: 302, headers, ..ProbeAnswer::default() };
        answering(&follow, |_| {}, Fixed(Ok(answer), false)).1
    };
    let detail = to("https://login.example/authorize?state=st4te&code=c0de#frag");
    assert!(detail.contains("redirects to https://login.example/authorize, which is not one of"), "{detail}");
    assert!(!detail.contains("st4te") && !detail.contains("c0de") && !detail.contains("frag"), "{detail}");
    let detail = to(&format!("https://login.example/{}", "a".repeat(5000)));
    assert!(detail.len() < 500 && detail.contains('…'), "{detail}");
    let own = format!("ca-demo.{DOMAIN}");
    assert!(to(&format!("http://{own}/")).contains("which is not https: it is not followed"));
    assert!(to(&format!("https://{own}:8443/")).contains("which names a port"));
    assert!(to("https://[").contains("what is no address"));
    // Of its own hosts, too: the second answer names the first's address without what it was given.
    let detail = to(&format!("https://{own}/signed-in?code=c0de"));
    assert!(detail.contains("/signed-in") && !detail.contains("c0de"), "{detail}");
}

#[test]
fn an_answer_that_is_read_in_part_says_so() {
    let body = ", body: \"${it.json.status == 'ok'}\"";
    let long = format!("{{\"status\":\"ok\",\"more\":\"{}\"}}", "x".repeat(70_000));
    let (came, detail, _) = outcome(&health(body), |state| {
        let script = Script { path: Some("/health".to_owned()), body: Some(long), ..Script::default() };
        answers::app_answers(state, &script);
    });
    assert_eq!(came, Status::Failed);
    assert!(detail.contains("of the first 64 KiB of the answer"), "{detail}");
    let (_, detail, _) = outcome(&health(&body.replace("'ok'", "'well'")), |_| {});
    assert!(!detail.contains("KiB"), "{detail}");
}

#[test]
fn what_an_app_or_azure_says_starts_no_command_of_a_pipeline() {
    let body = "::error::no ##vso[task.setvariable variable=X]y ##[group]z";
    let (world, _folder) = asking(&health(""));
    let prober = Fixed(Ok(page(500, "text/plain", body)), false);
    let found = finding(&World { prober: Some(Arc::new(prober)), ..world });
    assert_eq!(found.status, Status::Failed);
    assert!(found.detail.as_deref().unwrap().contains("##vso[task"), "what is kept is exact");
    let (screen, kept) = acarecipe::render::Screen::keeping();
    let checks = [acarecipe::report::Check::new(&found, false)];
    screen.text(&acarecipe::render::checks("Verification", &checks, &[]));
    // As an error of ARM is told.
    let told = acarecipe::diagnostic::Diagnostic::error(acarecipe::diagnostic::codes::GATE, body).note(body);
    screen.diagnostics(&[told]);
    screen.status(&format!("  {body}\n"));
    let text = kept.lock().unwrap().text.clone();
    assert!(text.matches("vso [task.setvariable").count() == 4, "{text}");
    assert!(!text.contains("##vso[") && !text.contains("##["), "{text}");
    assert!(text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
}

/// The app fails until a moment has come.
struct Recovering {
    hosts: SandboxHosts,
    sandbox: Sandbox,
    clock: Arc<VirtualClock>,
    at: OffsetDateTime,
}

#[async_trait::async_trait]
impl Prober for Recovering {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        if self.clock.now() >= self.at {
            self.sandbox.edit(|state| {
                state.app_mut(seed::APP).unwrap().revisions.last_mut().unwrap().answers = None;
            });
        }
        self.hosts.probe(request).await
    }
}
