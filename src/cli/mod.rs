//! The command line: one file per command. A command puts the layers together and says how it ended;
//! everything people see goes through [`crate::render`].

mod apply;
mod arguments;
mod catalogue;
mod context;
mod health;
mod judge;
mod lint;
mod plan;
mod recipes;
mod sandbox;
mod sandbox_run;
mod signals;
mod surroundings;
mod target;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diagnostic::Diagnostic;
use crate::render::Screen;
use crate::report::{Ending, Report};

/// Integration recipes for Azure Container Apps: checked, planned, applied, waited for, verified.
///
/// Each recipe is one integration page made one command. A run changes only what its recipes declare,
/// applies again with no write, waits until the app is really healthy, and says what failed and why.
///
/// Try it with nothing but this program: every command takes --sandbox, an Azure inside the process.
#[derive(Debug, Parser)]
#[command(
    name = "acarecipe",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:\n  acarecipe apply managed-identity --sandbox\n  acarecipe check key-vault-reference -g my-group -n my-app -p key_vault=my-vault -p secrets.DB_PASSWORD=db-password\n  acarecipe apply managed-identity --yes -o json\n  acarecipe verify\n\nExit codes: 0 ok, 1 failed, 2 usage or recipe error, 3 prerequisites or inputs missing,\n4 verification failed, 5 changes found (plan --exit-code), 130/143 interrupted"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    output: arguments::Output,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the recipes
    #[command(after_help = "Examples:\n  acarecipe list\n  acarecipe list --for security -o json")]
    List(catalogue::List),
    /// Show one recipe in full: inputs, prerequisites, steps, rights, outputs
    #[command(
        after_help = "Examples:\n  acarecipe show managed-identity\n  acarecipe show key-vault-reference --page"
    )]
    Show(catalogue::Show),
    /// Draw the dependency map of the catalogue
    #[command(after_help = "Examples:\n  acarecipe graph\n  acarecipe graph --format mermaid")]
    Graph(catalogue::GraphArgs),
    /// Check the prerequisites of recipes, and whether the caller may do what they plan
    #[command(
        after_help = "Examples:\n  acarecipe check managed-identity\n  acarecipe check key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password"
    )]
    Check(judge::Check),
    /// Show what applying recipes would change, property by property, and what follows from it
    #[command(
        after_help = "Examples:\n  acarecipe plan managed-identity\n  acarecipe plan managed-identity --exit-code -o json"
    )]
    Plan(plan::PlanArgs),
    /// Apply recipes: check, plan, confirm, write, wait, verify
    #[command(
        after_help = "Examples:\n  acarecipe apply managed-identity --sandbox\n  acarecipe apply managed-identity -p identity=create --yes\n  acarecipe apply key-vault-reference -p key_vault=my-vault -p secrets.DB_PASSWORD=db-password"
    )]
    Apply(apply::Apply),
    /// Verify recipes on the live app; without a recipe: the app's own health
    #[command(
        after_help = "Examples:\n  acarecipe verify\n  acarecipe verify managed-identity --strict -o json"
    )]
    Verify(judge::Verify),
    /// Check recipe files and show every mistake with file, line and caret
    #[command(after_help = "Examples:\n  acarecipe lint recipes/managed-identity/recipe.yaml")]
    Lint(lint::Lint),
    /// Print the JSON Schema of recipe files (or of the project file) for editors
    #[command(
        after_help = "Examples:\n  acarecipe schema > recipe.schema.json\n  acarecipe schema --project"
    )]
    Schema(lint::Schema),
    /// The Azure inside: serve it to other clients, look at it, start anew
    #[command(
        subcommand,
        after_help = "Examples:\n  acarecipe sandbox show\n  acarecipe sandbox serve --https\n  acarecipe sandbox rules"
    )]
    Sandbox(sandbox::Sandbox),
}

/// Parses the process's arguments, runs the command, and gives its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed pipe is no error.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let screen = cli.output.screen();
    cli.output.trace();
    let ending = run(cli.command, &cli.output, &screen);
    ExitCode::from(ending.code())
}

fn run(command: Command, output: &arguments::Output, screen: &Screen) -> Ending {
    match command {
        Command::List(command) => command.run(screen),
        Command::Show(command) => command.run(screen),
        Command::Graph(command) => command.run(screen),
        Command::Lint(command) => command.run(screen),
        Command::Schema(command) => command.run(screen),
        Command::Check(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Plan(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Apply(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Verify(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Sandbox(command) => with_runtime(screen, |screen| command.run(screen)),
    }
}

/// Runs what needs to wait. The runtime is built here and not for commands that only read recipes.
fn with_runtime<'s, F>(screen: &'s Screen, command: impl FnOnce(&'s Screen) -> F) -> Ending
where
    F: Future<Output = Ending> + 's,
{
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let ending = runtime.block_on(command(screen));
            // A request that nobody waits for any more must not hold up the end.
            runtime.shutdown_background();
            ending
        }
        Err(error) => {
            screen.status(&format!("error: no runtime: {error}\n"));
            Ending::Failed
        }
    }
}

/// Ends a command with findings: to stderr for people, in the report for machines.
fn refuse(
    screen: &Screen,
    command: &'static str,
    sandbox: bool,
    found: &[Diagnostic],
    ending: Ending,
) -> Ending {
    screen.diagnostics(found);
    let mut report = Report::new(command, sandbox);
    report.diagnose(found);
    report.end(ending);
    screen.report(&report);
    ending
}
