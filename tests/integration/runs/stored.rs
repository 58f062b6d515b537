//! Secrets with a value of the caller's: compared with what is stored, and never sent for nothing. And an auth config
//! that several steps write.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::plan::{Finding, Plan, Status};
use acarecipe::render;
use acarecipe::report::PlanReport;
use acarecipe::sandbox::Fault;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::value::Redacted;
use acarecipe::verify::{self, Standing};
use serde_json::json;

use super::super::support::world::{World, writes};
use super::{app, described, folder, secret, secrets_listed, text, without, works_and_stays};

/// Gives the app a secret, and somebody else a variable.
const SECRET: &str = "
inputs: { password: { secret: true, env: [PASSWORD] }, other: { default: '' } }
steps:
  - id: secret
    container_app: { configuration: { secrets: [{ name: db, value: \"${inputs.password}\" }] } }
  - id: second
    when: \"${inputs.other}\"
    container_app: { configuration: { secrets: [{ name: other, value: \"${inputs.other}\" }] } }
";

/// Sets a variable.
const VARIABLE: &str = "
steps:
  - id: variable
    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: X, value: y }] }] } }
";

/// Two steps that each say a part of one auth config.
const AUTH: &str = "
inputs: { action: { default: Return401 } }
steps:
  - id: rule
    resource:
      type: Microsoft.App/containerApps/authConfigs
      parent: \"${app}\"
      name: current
      body: { properties: { platform: { enabled: true }, globalValidation: { unauthenticatedClientAction: \"${inputs.action}\" } } }
  - id: provider
    resource:
      type: Microsoft.App/containerApps/authConfigs
      parent: \"${app}\"
      name: current
      body: { properties: { identityProviders: { google: { enabled: true, registration: { clientId: client } } } } }
";

fn world(password: &str) -> (World, tempfile::TempDir) {
    let folder = folder(&[("secret", SECRET), ("auth", AUTH), ("variable", VARIABLE)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world.timeout = Duration::from_secs(5 * 60);
    world.variables.insert("PASSWORD".to_owned(), password.to_owned());
    (world, folder)
}

fn restarts(world: &World, from: usize) -> usize {
    world.exchanges_since(from).iter().filter(|one| one.path.ends_with("/restart")).count()
}

fn told(findings: &[Finding]) -> Vec<String> {
    let open = findings.iter().filter(|one| one.status == Status::CouldNotCheck);
    open.map(|one| format!("{}: {}", one.name, text(one))).collect()
}

/// What a verification could not check.
fn verified(plan: &Plan) -> Vec<String> {
    told(&verify::findings(plan, true))
}

#[test]
fn a_value_that_is_given_again_writes_nothing_and_another_one_is_written_once() {
    let (mut world, _folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    assert_eq!(secret(&app(&world), "db")["value"], "first-value-4711");
    // Something runs with it now, so that another value restarts that.
    let world_before = world.count();
    world.sandbox.edit(|state| variant::variable(state, json!({ "name": "DB", "secretRef": "db" })));
    world.variables.insert("PASSWORD".to_owned(), "second-value-4711".to_owned());
    let run = works_and_stays(&world, &["secret"], &[]);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (1, 0));
    assert_eq!(secret(&app(&world), "db")["value"], "second-value-4711");
    assert_eq!(restarts(&world, world_before), 1);
    assert_eq!(app(&world).latest().unwrap().secrets["db"], "second-value-4711");
    let seen = format!(
        "{:?} {:?}",
        world.seen.events.lock().unwrap(),
        Redacted(&run.ok().plan.resources[0].merged).to_json()
    );
    assert!(!seen.contains("second-value") && !seen.contains("first-value-4711"), "{seen}");
    described(&world);
}

/// An app that runs with the secret, whose next value was written, while its restart was refused.
fn half_way(password: &str) -> (World, tempfile::TempDir) {
    let (mut world, folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    world.sandbox.edit(|state| variant::variable(state, json!({ "name": "DB", "secretRef": "db" })));
    world.variables.insert("PASSWORD".to_owned(), password.to_owned());
    World::block_on(world.clock.sleep(Duration::from_secs(3600)));
    (world, folder)
}

#[test]
fn a_restart_that_a_run_did_not_come_to_is_told_by_the_next_one() {
    let (world, _folder) = half_way("second-value-4711");
    world.sandbox.set_faults(vec!["match=POST:/restart status=400 times=9".parse::<Fault>().unwrap()]);
    let run = world.apply(&["secret"], &[]);
    assert!(run.end.is_err());
    assert_eq!(secret(&app(&world), "db")["value"], "second-value-4711");
    assert_eq!(app(&world).latest().unwrap().secrets["db"], "first-value-4711");

    world.sandbox.set_faults(Vec::new());
    let from = world.count();
    let run = world.apply(&["secret"], &[]);
    assert!(run.applied.writes.is_empty() && restarts(&world, from) == 0, "never on suspicion");
    let seen = verified(&run.ok().plan);
    let newest = app(&world).latest().unwrap().name.clone();
    let fix = format!(
        "az containerapp revision restart --resource-group rg-demo --name ca-demo --revision {newest}"
    );
    assert!(seen.len() == 1 && seen[0].contains("secret db") && seen[0].contains(&fix), "{seen:#?}");
    assert!(!verify::holds(&verify::findings(&run.ok().plan, true), true), "--strict fails it");
    let lists = world.exchanges_since(from);
    assert!(lists.iter().any(|one| one.path.ends_with("/replicas")), "{lists:#?}");

    // What it says is all that it takes.
    let reply = world.sandbox.handle(&Request {
        method: "POST".to_owned(),
        host: "management.azure.com".to_owned(),
        path: format!("{}/revisions/{newest}/restart", seed::app_id()),
        query: vec![("api-version".to_owned(), "2025-07-01".to_owned())],
        headers: vec![("authorization".to_owned(), "Bearer sandbox-owner".to_owned())],
        body: Vec::new(),
    });
    assert!(matches!(&reply, Reply::Answer(response) if response.status == 200), "{reply:?}");
    let planned = world.plan(&["secret"], &[]).unwrap();
    assert_eq!(verified(&planned.plan), Vec::<String>::new());
    described(&world);
}

#[test]
fn a_restart_that_a_run_came_to_leaves_no_doubt() {
    let (world, _folder) = half_way("second-value-4711");
    let run = world.apply(&["secret"], &[]);
    assert_eq!((run.applied.writes.len(), verified(&run.ok().plan)), (1, Vec::new()));
    // A run of its own finds the same.
    assert_eq!(verified(&world.plan(&["secret"], &[]).unwrap().plan), Vec::<String>::new());
}

#[test]
fn replicas_that_may_not_be_listed_are_no_proof() {
    let (world, _folder) = half_way("first-value-4711");
    let world = without(world, "Microsoft.App/containerApps/revisions/replicas/read");
    let seen = verified(&world.plan(&["secret"], &[]).unwrap().plan);
    assert!(seen.len() == 1 && seen[0].contains("could not be read"), "{seen:#?}");
}

#[test]
fn what_runs_without_the_secret_is_not_doubted() {
    let (world, _folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    let from = world.count();
    assert_eq!(verified(&world.plan(&["secret"], &[]).unwrap().plan), Vec::<String>::new());
    let sent = world.exchanges_since(from);
    assert!(!sent.iter().any(|one| one.path.ends_with("/replicas")), "nothing asks for them");
}

#[test]
fn what_is_in_place_goes_along_only_when_the_list_is_sent_anyway() {
    let (world, _folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    let from = world.count();
    let run = works_and_stays(&world, &["secret"], &["secret.other=plain"]);
    assert_eq!(run.applied.writes.len(), 1);
    let app = app(&world);
    assert_eq!(
        (&secret(&app, "db")["value"], &secret(&app, "other")["value"]),
        (&json!("first-value-4711"), &json!("plain"))
    );
    let sent = world.exchanges_since(from);
    let patch = sent.iter().find(|one| one.method == "PATCH").unwrap().request_body.clone().unwrap();
    assert_eq!(patch["properties"]["configuration"]["secrets"].as_array().unwrap().len(), 2);
    assert!(patch["properties"]["template"].is_null());
    described(&world);
}

#[test]
fn what_is_in_place_is_no_reason_to_send_the_list() {
    let (world, _folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    let from = world.count();
    works_and_stays(&world, &["secret", "variable"], &[]);
    let sent = world.exchanges_since(from);
    let patch = sent.iter().find(|one| one.method == "PATCH").unwrap().request_body.clone().unwrap();
    assert!(patch["properties"]["template"].is_object());
    assert!(patch["properties"]["configuration"]["secrets"].is_null());
    described(&world);
}

#[test]
fn a_value_that_may_not_be_compared_is_kept_and_that_is_told() {
    let (mut world, _folder) = world("first-value-4711");
    works_and_stays(&world, &["secret"], &[]);
    world.variables.insert("PASSWORD".to_owned(), "second-value-4711".to_owned());
    let world = without(world, "Microsoft.App/containerApps/listSecrets/action");
    let from = world.count();
    let planned = world.plan(&["secret"], &[]).unwrap();
    assert!(planned.plan.writes.is_empty(), "{:#?}", planned.plan.writes);
    let open = told(&planned.plan.prerequisites);
    assert!(open.len() == 1 && open[0].contains("the secret db of ca-demo"), "{open:#?}");
    assert!(open[0].contains("az role assignment create") && open[0].contains("kept"), "{open:#?}");
    assert_eq!(secrets_listed(&world.exchanges_since(from)), 1);
    assert!(!format!("{:?}", planned.plan.prerequisites).contains("second-value"));
    // It is neither in place nor a change.
    let seen = verified(&planned.plan);
    assert!(
        seen.len() == 1 && seen[0].starts_with("secret: secret") && seen[0].contains("kept"),
        "{seen:#?}"
    );
    let passed = |one: &Finding| one.status == Status::Passed && one.name == "secret: secret";
    assert!(!verify::findings(&planned.plan, true).iter().any(passed));
    let shown = render::plan(&PlanReport::new(&planned.plan, Vec::new()), true);
    assert!(!shown.contains("in place") && shown.contains("the secret db of ca-demo"), "{shown}");
    let standing = verify::standing(&planned.plan, &["secret".to_owned()]);
    assert!(matches!(&standing, Standing::Unknown(why) if why.contains("kept")), "{standing:?}");
    // Where there is none yet nothing has to be compared.
    let (world, _folder) = self::world("first-value-4711");
    let world = without(world, "Microsoft.App/containerApps/listSecrets/action");
    let run = world.apply(&["secret"], &[]);
    assert_eq!(run.applied.writes.len(), 1);
    assert_eq!(secret(&app(&world), "db")["value"], "first-value-4711");
}

#[test]
fn steps_that_write_one_auth_config_write_it_once_and_keep_what_others_set() {
    let (world, _folder) = world("first-value-4711");
    let world = world.edited(|state| variant::auth_config(state, "github", "AllowAnonymous").unwrap());
    let run = works_and_stays(&world, &["auth"], &[]);
    let id = format!("{}/authConfigs/current", seed::app_id());
    assert_eq!(writes(&world.sandbox.exchanges()), [("PUT".to_owned(), id)]);
    assert_eq!(run.applied.writes.len(), 1);
    let state = world.sandbox.state();
    let properties = &state.auth_config(state.app(seed::APP).unwrap()).unwrap().properties;
    assert_eq!(properties["globalValidation"]["unauthenticatedClientAction"], "Return401");
    assert_eq!(properties["globalValidation"]["redirectToProvider"], "gitHub");
    assert_eq!(properties["identityProviders"]["gitHub"]["login"]["scopes"], json!(["read:user"]));
    assert_eq!(properties["identityProviders"]["google"]["registration"]["clientId"], "client");
    assert_eq!(properties["login"]["cookieExpiration"]["timeToExpiration"], "04:00:00");
    assert_eq!(properties["platform"]["runtimeVersion"], "~2");
    described(&world);
}
