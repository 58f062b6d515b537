//! Whole runs: planned, applied, verified against the sandbox.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod action_ends;
mod actions;
mod apps;
mod asked;
mod azure_sql;
mod builds;
mod callers;
mod conflicts;
mod cosmos;
mod counts;
mod dapr;
mod domains;
mod drift;
mod failed_operation;
mod found;
mod generated;
mod handshakes;
mod hidden;
mod instances;
mod inverse;
mod merging;
mod names;
mod odd_names;
mod permissions;
mod probes;
mod properties;
mod questions;
mod redis;
mod refusals;
mod registries;
mod removals;
mod required;
mod resuming;
mod rollouts;
mod rollouts_beside;
mod rollouts_judged;
mod saved;
mod secrecy;
mod secrets;
mod sql;
mod storage;
mod stored;
mod strangers;
mod switches;
mod target;
mod together;
mod trouble;
mod undo;
mod undo_revisions;
mod vaults;
mod volumes;
mod waits;

use acarecipe::diagnostic::{Code, Diagnostic};
use acarecipe::execute::{Failure, Observed};
use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::state::App;
use acarecipe::sandbox::{Exchange, seed};
use seed::variant;
use serde_json::Value as Json;

use super::support::schema;
use super::support::world::{Run, World, failed};

/// managed-identity alone.
const IDENTITY: &[&str] = &["managed-identity"];
/// key-vault-reference, and managed-identity because it requires it.
const BOTH: &[&str] = &["key-vault-reference"];
/// One secret for it.
const SECRET: &str = "secrets.DB_PASSWORD=db-password";
/// The identity that is there already, for it.
const EXISTING: &str = "managed-identity.identity=id-demo";

/// What every recipe of a test has, with `NAME` for its name.
const HEAD: &str = "name: NAME\ntitle: NAME\ncategory: test\ncomplexity: low\n";

/// A folder of recipes, each its name and what stands below [`HEAD`].
fn folder(recipes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, body) in recipes {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        let text = HEAD.replace("NAME", name) + body;
        std::fs::write(folder.path().join(name).join("recipe.yaml"), text).unwrap();
    }
    folder
}

/// The same world, called by somebody who may do everything but this.
fn without(world: World, action: &str) -> World {
    world.called_by("reader").edited(|state| {
        let role = variant::custom_role(state, "All but one", &["*"], &[action]);
        variant::caller_with(state, "reader", &[(&seed::subscription_id(), role.as_str())], None);
    })
}

/// The app as the store has it.
fn app(world: &World) -> App {
    world.sandbox.state().app(seed::APP).unwrap().clone()
}

/// The variable `name` of the app's container `container`.
fn variable(app: &App, container: &str, name: &str) -> Json {
    let containers = app.template()["containers"].as_array().unwrap();
    let own = containers.iter().find(|one| one["name"] == container).unwrap();
    let variables = own["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    variables.iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
}

/// The secret `name` as the store has it.
fn secret(app: &App, name: &str) -> Json {
    let secrets = app.configuration()["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    secrets.iter().find(|one| one["name"] == name).cloned().unwrap_or_default()
}

/// How often values of secrets were asked for.
fn secrets_listed(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|exchange| exchange.path.ends_with("/listSecrets")).count()
}

/// Everything that was sent and answered is as Microsoft's schemas describe it; how many exchanges
/// were looked at (0 where the schemas are absent).
#[track_caller]
fn described(world: &World) -> usize {
    match schema::check(&world.sandbox.exchanges()) {
        Ok(checked) => checked,
        Err(problems) => panic!("{}", problems.join("\n")),
    }
}

/// What stands in the way of a run that must not begin.
#[track_caller]
fn blocked(world: &World, recipes: &[&str], parameters: &[&str]) -> Box<Observed> {
    let from = world.count();
    let planned = match world.try_apply(recipes, parameters) {
        Ok(run) => panic!("nothing stood in the way of {:#?}", run.applied.writes),
        Err(planned) => planned,
    };
    assert!(
        world.exchanges_since(from).iter().all(|exchange| !exchange.is_write()),
        "only reads before the first write"
    );
    planned
}

/// The one prerequisite that failed.
#[track_caller]
fn only_failed(planned: &Observed) -> &Finding {
    let failed = failed(&planned.plan.prerequisites);
    let problems = &planned.plan.problems;
    assert!(failed.len() == 1 && problems.is_empty(), "{failed:#?} {problems:#?}");
    failed[0]
}

/// The finding with this code (and, of several, the first), which must be there.
#[track_caller]
fn of_code(findings: &[Finding], code: Code) -> &Finding {
    findings
        .iter()
        .find(|finding| finding.code == code)
        .unwrap_or_else(|| panic!("no {code:?} in {findings:#?}"))
}

/// Everything a finding says, for the deciding words.
fn text(finding: &Finding) -> String {
    format!(
        "{}; {}; {}",
        finding.name,
        finding.detail.as_deref().unwrap_or(""),
        finding.fix.as_deref().unwrap_or("")
    )
}

/// Why a run failed that must fail, with everything that is said of it.
#[track_caller]
fn failure(run: &Run) -> (&Failure, &Diagnostic, String) {
    let Err(failure) = &run.end else { panic!("the run worked") };
    let diagnostic = failure.diagnostic().unwrap();
    let said = format!(
        "{}; {}; {}; {}",
        diagnostic.message,
        diagnostic.notes.join("; "),
        diagnostic.fix.as_deref().unwrap_or(""),
        diagnostic.docs.as_deref().unwrap_or("")
    );
    (failure, diagnostic, said)
}

/// The run worked, its verification too, and doing it again writes nothing.
#[track_caller]
fn works_and_stays(world: &World, recipes: &[&str], parameters: &[&str]) -> Run {
    let run = world.apply(recipes, parameters);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    let again = world.plan(recipes, parameters).unwrap();
    assert!(!again.plan.blocked(), "{:#?}", failed(&again.plan.prerequisites));
    assert!(again.plan.writes.is_empty(), "a second run would write {:#?}", again.plan.writes);
    let found = world.verify(recipes, parameters);
    // A write that makes no revision, such as a domain's, leaves it open which values the replicas have.
    let open = |finding: &Finding| finding.name.contains(" runs with the present value of the secret ");
    assert!(
        found.iter().all(|finding| match finding.status {
            Status::Failed => false,
            Status::CouldNotCheck => open(finding),
            _ => true,
        }),
        "{found:#?}"
    );
    run
}

/// Somebody else changes the app, by a request of their own.
#[track_caller]
fn somebody_patches(world: &World, body: &Json) {
    let reply = world.sandbox.handle(&Request {
        method: "PATCH".to_owned(),
        host: "management.azure.com".to_owned(),
        path: seed::app_id(),
        query: vec![("api-version".to_owned(), "2025-07-01".to_owned())],
        headers: vec![("authorization".to_owned(), "Bearer sandbox-owner".to_owned())],
        body: body.to_string().into_bytes(),
    });
    assert!(matches!(&reply, Reply::Answer(response) if response.status == 202), "{reply:?}");
}
