//! `sandbox`: the Azure inside, served, shown, started anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use time::OffsetDateTime;

use super::arguments::duration;
use super::refuse;
use super::sandbox_run::{faults, open_file, switches, unusable};
use crate::diagnostic::{Diagnostic, codes};
use crate::render::{self, Screen};
use crate::report::{Ending, Report};
use crate::sandbox::edit::VARIANTS;
use crate::sandbox::rules::Standing;
use crate::sandbox::serve::{ServeOptions, interrupted, serve};
use crate::sandbox::statefile::{Saved, default_path, read};
use crate::sandbox::{Delays, Options, Sandbox as Azure, State, seed};

/// What to do with the sandbox.
#[derive(Debug, Subcommand)]
pub(super) enum Sandbox {
    /// Serve it on 127.0.0.1 for az, SDKs and curl, until interrupted
    #[command(
        after_help = "Examples:\n  acarecipe sandbox serve\n  acarecipe sandbox serve --https --port 8443\n  acarecipe sandbox serve --fault \"match=PATCH:/containerApps/ status=429 retry-after=2\""
    )]
    Serve(Box<Serve>),
    /// Show what is in it, as JSON
    #[command(
        after_help = "Examples:\n  acarecipe sandbox show\n  acarecipe sandbox show --query 'apps[].name'"
    )]
    Show(Place),
    /// Put it back to how it was seeded
    #[command(
        after_help = "Examples:\n  acarecipe sandbox reset\n  acarecipe sandbox reset --state ./sandbox.json"
    )]
    Reset(Place),
    /// List every behaviour of Azure it plays, with its source, confirmed or assumed
    #[command(
        after_help = "Examples:\n  acarecipe sandbox rules\n  acarecipe sandbox rules --query \"[?standing=='assumed'].id\""
    )]
    Rules,
    /// List what tests.yaml can name: callers, and variants of the seeded state with what they take
    #[command(
        after_help = "Examples:\n  acarecipe sandbox variants\n  acarecipe sandbox variants --query \"variants[].name\""
    )]
    Variants,
}

/// Where its state is kept.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The state file [default: in the user's state folder]
    #[arg(long = "state", value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Arguments of `sandbox serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Serve https with a certificate authority made for this run
    #[arg(long)]
    https: bool,
    /// Where the authority's certificate is written
    #[arg(long, value_name = "FILE", requires = "https")]
    ca_file: Option<PathBuf>,
    /// Keep the state in this file; without it the server starts fresh and forgets
    #[arg(long = "state", value_name = "FILE")]
    file: Option<PathBuf>,
    /// How long a write takes
    #[arg(long, value_parser = duration, default_value = "0s", value_name = "DURATION")]
    operation_delay: Duration,
    /// How long a revision takes
    #[arg(long, value_parser = duration, default_value = "0s", value_name = "DURATION")]
    revision_delay: Duration,
    /// How long a role assignment takes to be in force
    #[arg(long, value_parser = duration, default_value = "0s", value_name = "DURATION")]
    role_delay: Duration,
    /// How long a new principal takes to be known
    #[arg(long, value_parser = duration, default_value = "0s", value_name = "DURATION")]
    principal_delay: Duration,
    /// What Retry-After says, in milliseconds
    #[arg(long, default_value_t = 20, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    retry_after_ms: u64,
    /// Turn an assumption round (acarecipe sandbox rules)
    #[arg(long = "flip", value_name = "RULE")]
    flips: Vec<String>,
    /// Let something go wrong
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<String>,
    /// Say on stdout when the answer to this request has been sent
    #[arg(long, value_name = "NUMBER")]
    announce: Option<u64>,
}

impl Sandbox {
    pub(super) async fn run(self, screen: &Screen) -> Ending {
        match self {
            Sandbox::Serve(serve) => serve.run(screen).await,
            Sandbox::Show(place) => show(place, screen),
            Sandbox::Reset(place) => reset(place, screen),
            Sandbox::Rules => rules(screen),
            Sandbox::Variants => variants(screen),
        }
    }
}

fn show(place: Place, screen: &Screen) -> Ending {
    let path = match place.file.map_or_else(default_path, Ok) {
        Ok(path) => path,
        Err(error) => return refuse(screen, "sandbox show", true, &[*unusable(&error)], Ending::Failed),
    };
    let state = match read::<State>(&path) {
        Ok(Some(state)) => state,
        Ok(None) => seed::state(OffsetDateTime::now_utc()),
        Err(error) => return refuse(screen, "sandbox show", true, &[*unusable(&error)], Ending::Failed),
    };
    match serde_json::to_value(&state) {
        Ok(json) => {
            screen.document(json);
            Ending::Ok
        }
        Err(error) => {
            let found = Diagnostic::error(codes::SANDBOX_STATE, error.to_string());
            refuse(screen, "sandbox show", true, &[found], Ending::Failed)
        }
    }
}

fn reset(place: Place, screen: &Screen) -> Ending {
    let done = open_file(place.file).and_then(|file| {
        file.reset().map_err(|error| unusable(&error))?;
        forget_runs(file.path())?;
        Ok(file.path().display().to_string())
    });
    match done {
        Ok(path) => {
            screen.text(&format!("The sandbox is as it was seeded ({path}).\n"));
            screen.report(&Report::new("sandbox reset", true));
            Ending::Ok
        }
        Err(found) => refuse(screen, "sandbox reset", true, &[*found], Ending::Failed),
    }
}

/// Removes the journals of what was done in the sandbox: what they speak of is gone.
fn forget_runs(state: &std::path::Path) -> Result<(), Box<Diagnostic>> {
    let folder = super::journal::beside(state);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Box::new(Diagnostic::error(
            codes::SANDBOX_STATE,
            format!("could not remove {}: {error}", folder.display()),
        ))),
        _ => Ok(()),
    }
}

fn rules(screen: &Screen) -> Ending {
    if screen.for_machines() {
        let list: Vec<_> = crate::sandbox::rules()
            .map(|rule| {
                let assumed = matches!(rule.standing, Standing::Assumed { .. });
                json!({ "id": rule.id, "fact": rule.fact, "source": rule.source, "standing": if assumed { "assumed" } else { "confirmed" } })
            })
            .collect();
        screen.document(json!(list));
    } else {
        screen.text(&render::rules(crate::sandbox::rules()));
    }
    Ending::Ok
}

fn variants(screen: &Screen) -> Ending {
    if screen.for_machines() {
        let callers: Vec<_> =
            seed::CALLERS.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
        let variants: Vec<_> = VARIANTS
            .iter()
            .map(|one| {
                let takes =
                    one.takes.iter().map(|takes| json!({ "name": takes.name, "optional": takes.optional }));
                json!({ "name": one.name, "about": one.about, "takes": takes.collect::<Vec<_>>() })
            })
            .collect();
        screen.document(json!({ "callers": callers, "variants": variants }));
    } else {
        screen.text(&render::variants(seed::CALLERS, VARIANTS));
    }
    Ending::Ok
}

impl Serve {
    async fn run(self, screen: &Screen) -> Ending {
        let mut problems = Vec::new();
        let (rules, faults) = (switches(&self.flips, &mut problems), faults(&self.faults, &mut problems));
        if !problems.is_empty() {
            return refuse(screen, "sandbox serve", true, &problems, Ending::Usage);
        }
        let options = Options {
            rules,
            faults,
            delays: Delays {
                operation: self.operation_delay,
                revision: self.revision_delay,
                role: self.role_delay,
                principal: self.principal_delay,
                retry_after: Duration::from_millis(self.retry_after_ms),
            },
            ..Options::new(Arc::new(OffsetDateTime::now_utc))
        };
        let serve_options = ServeOptions {
            port: self.port,
            https: self.https,
            ca_file: self.ca_file,
            announce: self.announce,
            ..ServeOptions::default()
        };
        let mut out = std::io::stdout();
        let served = match self.file {
            None => serve(Azure::new(options), serve_options, &mut out, interrupted()).await,
            Some(path) => {
                let opened = open_file(Some(path)).and_then(|file| {
                    let state = file.load::<State>().map_err(|error| unusable(&error))?;
                    Ok((file, state))
                });
                let (file, state) = match opened {
                    Ok(opened) => opened,
                    Err(found) => return refuse(screen, "sandbox serve", true, &[*found], Ending::Failed),
                };
                let azure = match state {
                    Some(state) => Azure::from_state(state, options),
                    None => Azure::new(options),
                };
                serve(Arc::new(Saved::new(azure, file)), serve_options, &mut out, interrupted()).await
            }
        };
        match served {
            Ok(_) => Ending::Ok,
            Err(error) => {
                let found =
                    Diagnostic::error(codes::SANDBOX_SERVE, format!("{:#}", anyhow::Error::from(error)));
                refuse(screen, "sandbox serve", true, &[found], Ending::Failed)
            }
        }
    }
}
