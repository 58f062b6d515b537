//! The command line: one file per command. A command puts the layers together and says how it ended;
//! everything people see goes through [`crate::render`].

mod apply;
mod arguments;
mod catalogue;
mod context;
mod databases;
mod earlier;
mod fleet;
mod graph;
mod health;
mod hosts;
mod journal;
mod judge;
mod lint;
mod many;
mod names;
mod plan;
mod recipes;
mod rollback;
mod runs;
mod sandbox;
mod sandbox_run;
mod saved;
mod scaffold;
mod signals;
mod surroundings;
mod target;
mod test;
mod undo;

pub use databases::SandboxDatabases;
pub use hosts::SandboxHosts;
pub use names::SandboxNames;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diagnostic::{Diagnostic, codes};
use crate::render::{Colour, Format, Screen};
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
    after_help = "Examples:\n  acarecipe apply managed-identity --sandbox\n  acarecipe apply managed-identity --plan identity.plan.json\n  acarecipe plan managed-identity -g my-group -n my-app\n  acarecipe apply managed-identity --yes -o json\n  acarecipe verify\n\nExit codes: 0 ok, 1 failed, 2 usage or recipe error, 3 prerequisites or inputs missing,\n4 verification failed, 5 changes found (plan --exit-code), 6 rolled back, 130/143 interrupted"
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
    /// Draw the dependency map of the catalogue; --live: what of it is in place on an app
    #[command(
        after_help = "Examples:\n  acarecipe graph\n  acarecipe graph --format mermaid\n  acarecipe graph --live -g my-group -n my-app"
    )]
    Graph(graph::GraphArgs),
    /// Write the sample app of a recipe (Python, with Dockerfile and tests) into a folder
    #[command(
        after_help = "Examples:\n  acarecipe scaffold managed-identity\n  acarecipe scaffold managed-identity src/api --force\n\nFiles that are the same are left alone; others are replaced only with --force."
    )]
    Scaffold(scaffold::Scaffold),
    /// Check the prerequisites of recipes, and whether the caller may do what they plan
    #[command(
        after_help = "Examples:\n  acarecipe check managed-identity\n  acarecipe check key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password"
    )]
    Check(judge::Check),
    /// Show what applying recipes would change, property by property, and what follows from it
    #[command(
        after_help = "Examples:\n  acarecipe plan managed-identity\n  acarecipe plan managed-identity --exit-code -o json\n  acarecipe plan managed-identity --out identity.plan.json"
    )]
    Plan(plan::PlanArgs),
    /// Apply recipes: check, plan, confirm, write, wait, verify
    #[command(
        after_help = "Examples:\n  acarecipe apply managed-identity --sandbox\n  acarecipe apply managed-identity --plan identity.plan.json\n  acarecipe apply managed-identity -p identity=create --yes\n  acarecipe apply managed-identity --yes --on-failure rollback\n  acarecipe apply key-vault-reference -p key_vault=my-vault -p secrets.DB_PASSWORD=db-password\n  acarecipe apply key-vault-reference=b -p b.key_vault=my-vault -p b.secrets.TOKEN=token"
    )]
    Apply(apply::Apply),
    /// Put back what a run changed: exactly that, and only what nobody changed since
    #[command(
        after_help = "Examples:\n  acarecipe undo --sandbox\n  acarecipe undo 20261126T083000Z-3f9a1c --yes\n  acarecipe undo -g my-group -n my-app --yes -o json\n\nWhat a run created is deleted, what it found in place stays. What somebody changed since is named, and nothing is\nwritten (exit 3); --force puts it back all the same. What cannot be put back is told, and the rest is done.\n\nExit codes: 0 ok, 1 failed, 2 usage, 3 something stands in the way, or there is no such run, 4 verification failed,\n130/143 interrupted"
    )]
    Undo(undo::Undo),
    /// Verify recipes on the live app; without a recipe: the app's own health
    #[command(
        after_help = "Examples:\n  acarecipe verify\n  acarecipe verify managed-identity --strict -o json\n  acarecipe verify --all-apps -g my-group -o tsv"
    )]
    Verify(judge::Verify),
    /// List the runs in the journal, newest first; show: one of them in full
    #[command(
        after_help = "Examples:\n  acarecipe runs\n  acarecipe runs --sandbox -o json\n  acarecipe runs show"
    )]
    Runs(runs::Runs),
    /// Check recipe files and show every mistake with file, line and caret
    #[command(after_help = "Examples:\n  acarecipe lint recipes/managed-identity/recipe.yaml")]
    Lint(lint::Lint),
    /// Run the cases of recipes (tests.yaml) in the sandbox: no Azure, variable or network
    #[command(
        after_help = "Examples:\n  acarecipe test recipes/managed-identity\n  acarecipe test my-recipe --case drift -v\n  acarecipe test recipes/* --switches\n\nThe form of tests.yaml: acarecipe schema --tests. What it can name: acarecipe sandbox variants.\nAn apply that ended ok is applied again, which must write nothing, and verified.\n\nExit codes: 0 every case passed, 1 a case failed, 2 a file is wrong or no case was chosen"
    )]
    Test(test::Test),
    /// Print the JSON Schema of recipe files (or of project or tests files) for editors
    #[command(
        after_help = "Examples:\n  acarecipe schema > recipe.schema.json\n  acarecipe schema --project\n  acarecipe schema --tests"
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
    crate::render::tell_panics();
    let ending = match Cli::try_parse() {
        Ok(cli) => match cli.output.screen() {
            Ok(screen) => {
                cli.output.trace();
                // What goes wrong in the program itself is an end as any other, also for machines.
                let run = AssertUnwindSafe(|| run(cli.command, &cli.output, &screen));
                catch_unwind(run).unwrap_or_else(|_| broken(&screen, asked_command(), asked_sandbox()))
            }
            Err(found) => refuse(&fallback(), asked_command(), asked_sandbox(), &[*found], Ending::Usage),
        },
        Err(error) => not_parsed(&error),
    };
    ExitCode::from(ending.code())
}

/// Help and version on stdout are what was asked for; anything else is a mistake, which a machine is
/// told in JSON if it asked for that.
fn not_parsed(error: &clap::Error) -> Ending {
    if !error.use_stderr() {
        // A closed pipe is no error.
        let _ = error.print();
        return Ending::Ok;
    }
    let screen = fallback();
    screen.usage(error, std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()));
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default();
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let mut report = Report::new(asked_command(), asked_sandbox());
    report.diagnose([&Diagnostic::error(codes::USAGE, message).fix("acarecipe --help")]);
    report.end(Ending::Usage);
    screen.report(&report);
    Ending::Usage
}

/// The end of a command that broke on a mistake of this program, which has been told already.
fn broken(screen: &Screen, command: &'static str, sandbox: bool) -> Ending {
    let mut report = Report::new(command, sandbox);
    let message = "a mistake of this program stopped it; what it had done stands";
    report.diagnose([&Diagnostic::error(codes::INTERNAL, message)]);
    report.end(Ending::Failed);
    screen.report(&report);
    Ending::Failed
}

/// The screen of a command line that could not be parsed: JSON if it can be seen that it was wanted.
fn fallback() -> Screen {
    let arguments: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let json = arguments.iter().any(|one| matches!(one.as_str(), "-ojson" | "-o=json" | "--output=json"))
        || arguments
            .windows(2)
            .any(|pair| matches!(pair[0].as_str(), "-o" | "--output") && pair[1] == "json")
        || arguments.iter().any(|one| one == "--query" || one.starts_with("--query="));
    Screen::new(if json { Format::Json } else { Format::Text }, false, Colour::Auto)
}

/// Every command, for naming one whose arguments could not be parsed.
const COMMANDS: [&str; 14] = [
    "list", "show", "graph", "scaffold", "check", "plan", "apply", "undo", "verify", "runs", "lint", "test",
    "schema", "sandbox",
];

/// The first argument that is a command's name.
fn asked_command() -> &'static str {
    std::env::args_os()
        .find_map(|argument| COMMANDS.into_iter().find(|command| argument.to_str() == Some(command)))
        .unwrap_or("acarecipe")
}

/// Whether the command line names the sandbox.
fn asked_sandbox() -> bool {
    matches!(asked_command(), "sandbox" | "test")
        || std::env::args_os().any(|argument| argument == "--sandbox")
}

fn run(command: Command, output: &arguments::Output, screen: &Screen) -> Ending {
    match command {
        Command::List(command) => command.run(screen),
        Command::Show(command) => command.run(screen),
        Command::Scaffold(command) => command.run(screen),
        Command::Runs(command) => command.run(screen),
        Command::Lint(command) => command.run(screen),
        Command::Schema(command) => command.run(screen),
        Command::Graph(command) if !command.live() => command.draw(screen),
        Command::Graph(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Check(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Plan(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Apply(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Undo(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Verify(command) => with_runtime(screen, |screen| command.run(output, screen)),
        Command::Test(command) => with_runtime(screen, |screen| command.run(output, screen)),
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
    screen.status(&crate::render::refusal(&report));
    screen.report(&report);
    ending
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{COMMANDS, Cli};

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_examples() {
        let mut cli = Cli::command();
        cli.clone().debug_assert();
        let names: Vec<_> = cli.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert_eq!(names, COMMANDS);
        cli.build();
        let mut open: Vec<clap::Command> = vec![cli];
        while let Some(mut command) = open.pop() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:\n  acarecipe "), "{} has no examples", command.get_name());
            open.extend(command.get_subcommands().cloned());
        }
    }
}
