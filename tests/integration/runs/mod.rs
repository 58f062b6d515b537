//! Whole runs: planned, applied, verified against the sandbox.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod counts;

use acarecipe::sandbox::state::App;
use acarecipe::sandbox::{Exchange, seed};
use serde_json::Value as Json;

use super::support::schema;
use super::support::world::World;

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
