//! Arguments that several commands share.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use crate::azure::dns::name_server;
use crate::azure::network::{Network, NetworkError};
use crate::azure::probe::{ProbeNetwork, Resolve};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::Expression;
use crate::recipe::parse_duration;
use crate::render::{Colour, Format, Screen};

/// What output looks like.
#[derive(Clone, Debug, Args)]
pub(super) struct Output {
    /// What results look like
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_enum,
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    format: Option<Format>,
    /// A JMESPath query over the JSON document; prints its result as JSON
    #[arg(long, global = true, value_name = "JMESPATH", help_heading = "Output")]
    query: Option<String>,
    /// Show every request on stderr; twice: what this program does, too
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub(super) verbose: u8,
    /// Print results and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    #[arg(
        help = "When to colour (NO_COLOR is honoured)",
        long = "color",
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    colour: Colour,
    /// Never ask
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) no_input: bool,
}

impl Output {
    /// Whether there is nobody to ask: standard input is no terminal, or that was said.
    pub(super) fn nobody_answers(&self) -> bool {
        self.no_input || !std::io::stdin().is_terminal()
    }

    /// Where output goes.
    ///
    /// # Errors
    /// A query that is not JMESPath.
    pub(super) fn screen(&self) -> Result<Screen, Box<Diagnostic>> {
        // A query asks for data: without -o it means JSON.
        let default = if self.query.is_some() { Format::Json } else { Format::Text };
        let format = self.format.unwrap_or(default);
        let watched = self.verbose < 2;
        let screen = Screen::new(format, self.quiet, self.colour).watched_by_a_person(watched);
        let Some(text) = &self.query else { return Ok(screen) };
        if format == Format::Text {
            let found = Diagnostic::error(codes::USAGE, "--query works on JSON, but -o text was given")
                .fix("leave out -o text");
            return Err(Box::new(found));
        }
        match Expression::query(text) {
            Ok(query) => Ok(screen.with_query(query)),
            Err(error) => {
                let found = Diagnostic::error(codes::USAGE, format!("--query: {}", error.message))
                    .note(format!("the query is `{text}`"));
                Err(Box::new(match error.help {
                    Some(help) => found.fix(help),
                    None => found,
                }))
            }
        }
    }

    /// Installs tracing when asked for it twice. Only events of this program get through: what the
    /// libraries below log may hold what a server sent, and that may be a token echoed back.
    pub(super) fn trace(&self) {
        if self.verbose < 2 {
            return;
        }
        let level = if self.verbose > 2 { LevelFilter::TRACE } else { LevelFilter::DEBUG };
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(|| crate::render::Trace)
            .with_ansi(self.colours())
            .with_filter(ours);
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    }

    fn colours(&self) -> bool {
        Screen::new(Format::Text, false, self.colour).stderr_coloured()
    }
}

/// What every command on an app takes.
#[derive(Clone, Debug, Args)]
pub(super) struct OnApp {
    #[command(flatten)]
    pub(super) recipes: Recipes,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) sandbox: SandboxRun,
    #[command(flatten)]
    pub(super) waiting: Waiting,
    #[command(flatten)]
    pub(super) probing: Probing,
}

/// Which recipes, with which inputs.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Recipes {
    /// RECIPE or RECIPE=ALIAS (acarecipe list); without one those of the project file
    #[arg(value_name = "RECIPE")]
    pub(super) named: Vec<String>,
    /// An input: [recipe.]name[.key]=value; a list or map as JSON or key by key; @FILE, @- and @env:NAME read it
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(super) parameters: Vec<String>,
    /// A folder of further recipes (each in a folder with recipe.yaml)
    #[arg(long = "recipes", value_name = "DIR")]
    pub(super) folders: Vec<PathBuf>,
    /// Let a recipe of --recipes take the place of a built-in one
    #[arg(long)]
    pub(super) allow_override: bool,
}

/// Which app, in which cloud, as whom.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Target {
    #[arg(help = "Resource group [$RG]", short = 'g', long, value_name = "NAME", help_heading = "Target")]
    pub(super) resource_group: Option<String>,
    #[arg(
        help = "Container app [$APP_NAME]; given several times: each of them",
        short,
        long,
        value_name = "NAME",
        help_heading = "Target"
    )]
    pub(super) name: Vec<String>,
    /// Every app of the resource group; of the subscription, when no group is given
    #[arg(long, conflicts_with = "name", help_heading = "Target")]
    pub(super) all_apps: bool,
    /// Container of the app (of each, where there are several apps); needed when it has several
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    pub(super) container: Option<String>,
    #[arg(
        help = "Container Apps environment [$ENVIRONMENT_NAME; default: the app's]",
        long,
        value_name = "NAME",
        help_heading = "Target"
    )]
    pub(super) environment: Option<String>,
    #[arg(
        help = "Region for new resources [$LOCATION; default: the app's]",
        long,
        value_name = "REGION",
        help_heading = "Target"
    )]
    pub(super) location: Option<String>,
    #[arg(
        help = "Subscription [$AZURE_SUBSCRIPTION_ID; default: the one az has selected]",
        long,
        value_name = "ID",
        help_heading = "Target"
    )]
    pub(super) subscription: Option<String>,
    #[arg(
        help = "AzureCloud, AzureUSGovernment or AzureChinaCloud [default: the one az has selected]",
        long,
        value_name = "NAME",
        help_heading = "Target"
    )]
    pub(super) cloud: Option<String>,
    #[arg(
        help = "Another endpoint than the cloud's [$ACARECIPE_ARM_ENDPOINT]",
        long,
        value_name = "URL",
        help_heading = "Target"
    )]
    pub(super) arm_endpoint: Option<String>,
    /// Let tokens go to this host, which must be the endpoint's
    #[arg(long, value_name = "HOST", help_heading = "Target")]
    pub(super) trust_endpoint: Option<String>,
}

impl Target {
    /// The apps that are named, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in &self.name {
            if !names.iter().any(|have| have.eq_ignore_ascii_case(name)) {
                names.push(name.clone());
            }
        }
        names
    }

    /// Whether a command works on several apps.
    pub(super) fn several(&self) -> bool {
        self.all_apps || self.names().len() > 1
    }
}

/// The refusal of a flag that is `given` and means one app, where several are named.
pub(super) fn one_app(target: &Target, given: bool, flag: &str) -> Option<Diagnostic> {
    (given && target.several()).then(|| {
        Diagnostic::error(codes::USAGE, format!("{flag} is about one app, and several are named"))
            .fix("name one app with -n")
    })
}

/// The Azure inside the process.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SandboxRun {
    /// Use the Azure inside this program: no subscription, network or credential
    #[arg(long, conflicts_with_all = ["arm_endpoint", "trust_endpoint", "cloud"], help_heading = "Sandbox")]
    pub(super) sandbox: bool,
    /// Who calls: owner, contributor, group-scoped, app-scoped or reader
    #[arg(
        long,
        value_name = "CALLER",
        default_value = "owner",
        requires = "sandbox",
        help_heading = "Sandbox"
    )]
    pub(super) sandbox_caller: String,
    /// Where the sandbox keeps its state
    #[arg(long, value_name = "FILE", requires = "sandbox", help_heading = "Sandbox")]
    pub(super) sandbox_state: Option<PathBuf>,
    /// Turn an assumption about Azure round (acarecipe sandbox rules)
    #[arg(long = "sandbox-flip", value_name = "RULE", requires = "sandbox", help_heading = "Sandbox")]
    pub(super) flips: Vec<String>,
    /// Let something go wrong, such as "match=PATCH:/containerApps/ status=429 retry-after=2"
    #[arg(long = "sandbox-fault", value_name = "FAULT", requires = "sandbox", help_heading = "Sandbox")]
    pub(super) faults: Vec<String>,
}

/// Where a run is recorded.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Journal {
    #[arg(
        help = "The folder of journals and locks [$ACARECIPE_STATE_DIR; default: in the user's state folder; in the sandbox: beside its state]",
        long,
        value_name = "DIR",
        help_heading = "Journal"
    )]
    pub(super) state_dir: Option<PathBuf>,
    /// Write the journal of the run to this file too, which must not be there yet
    #[arg(long, value_name = "FILE", help_heading = "Journal")]
    pub(super) journal: Option<PathBuf>,
}

/// How long things may take.
#[derive(Clone, Debug, Args)]
pub(super) struct Waiting {
    /// When waiting ends, such as 90s or 20m; for each of several apps from its own beginning
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// How old a role assignment must be before a write relies on it [default: as the recipe says, 2m]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) role_wait: Option<Duration>,
}

/// How the app is reached by what is checked of its answers.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Probing {
    #[arg(
        help = "Reach HOST at ADDRESS when a check asks the app, as in curl (one ADDRESS, IPv6 in brackets, PORT 443; without effect behind a proxy); ADDRESS may carry a port of its own (127.0.0.1:8443)",
        long,
        value_name = "HOST:PORT:ADDRESS",
        conflicts_with = "sandbox",
        help_heading = "Checks of the app"
    )]
    pub(super) resolve: Vec<String>,
    #[arg(
        help = "Trust these certificate authorities (PEM), and no others, when a check asks the app, as in curl",
        long,
        value_name = "FILE",
        conflicts_with = "sandbox",
        help_heading = "Checks of the app"
    )]
    pub(super) cacert: Option<PathBuf>,
    #[arg(
        help = "Ask this name server instead of the system's (a literal address, IPv6 in brackets when it has a port; may be given several times): private zones, or an authoritative server before caches expire",
        long,
        value_name = "ADDRESS[:PORT]",
        conflicts_with = "sandbox",
        help_heading = "Checks of the app"
    )]
    pub(super) resolver: Vec<String>,
}

impl Probing {
    /// The name servers that are asked; none: those of the system.
    ///
    /// # Errors
    /// Every value that cannot be meant.
    pub(super) fn name_servers(&self) -> Result<Vec<SocketAddr>, Vec<Diagnostic>> {
        let mut found = Vec::new();
        let mut servers = Vec::new();
        for text in &self.resolver {
            match name_server(text) {
                Ok(server) => servers.push(server),
                Err(error) => {
                    let message = format!("--resolver {}: {error}", crate::value::strip_control(text));
                    let fix = "--resolver ADDRESS[:PORT], such as 10.0.0.4";
                    found.push(Diagnostic::error(codes::RESOLVE, message).fix(fix));
                }
            }
        }
        if found.is_empty() { Ok(servers) } else { Err(found) }
    }

    /// The network as checks of the app use it.
    ///
    /// # Errors
    /// Every value that cannot be meant.
    pub(super) fn network(&self, network: &Network) -> Result<ProbeNetwork, Vec<Diagnostic>> {
        let mut found = Vec::new();
        let mut resolve: Vec<Resolve> = Vec::new();
        for text in &self.resolve {
            match text.parse::<Resolve>() {
                Ok(one) => resolve.push(one),
                Err(error) => {
                    let text = crate::value::strip_control(text);
                    let error = crate::value::strip_control(&error.to_string());
                    let message = format!("--resolve {text}: {error}");
                    found.push(Diagnostic::error(codes::RESOLVE, message).fix("--resolve HOST:443:ADDRESS"));
                }
            }
        }
        let only = self.cacert.is_some();
        let ca_file = self.cacert.clone().or_else(|| network.ca_file.clone());
        let network = ProbeNetwork { network: Network { ca_file, ..network.clone() }, only, resolve };
        if let (true, Err(NetworkError::CaFile { path, reason })) = (only, network.check()) {
            let message = format!("--cacert: cannot read certificate authorities from {path}: {reason}");
            found.push(
                Diagnostic::error(codes::RESOLVE, message)
                    .fix("--cacert FILE, a PEM file with the certificates of the authorities"),
            );
        }
        if found.is_empty() { Ok(network) } else { Err(found) }
    }
}

/// The longest wait that can be asked for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A duration as people write it, at most a week.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if duration > LONGEST => Err("the longest is 168h (a week)".to_owned()),
        Some(duration) => Ok(duration),
        None => Err("write 90s, 20m or 1h30m".to_owned()),
    }
}
