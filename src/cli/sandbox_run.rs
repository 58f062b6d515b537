//! A run against the Azure inside: its state file, its clock, its faults.

use std::path::PathBuf;
use std::sync::Arc;

use time::OffsetDateTime;

use super::arguments;
use super::databases::SandboxDatabases;
use super::hosts::SandboxHosts;
use super::names::SandboxNames;
use crate::azure::Endpoint;
use crate::azure::dns::Resolver;
use crate::azure::probe::Prober;
use crate::azure::sql::SqlServer;
use crate::clock::{Clock, VirtualClock};
use crate::diagnostic::{Diagnostic, codes};
use crate::sandbox::seed::CALLERS;
use crate::sandbox::statefile::{Saved, StateFile, StateFileError, default_path};
use crate::sandbox::transport::InProcess;
use crate::sandbox::{Fault, Handler, Options, Sandbox, State, Switches};

/// A sandbox for one run. One with a file is saved after every write and once more at the end.
pub(super) struct SandboxRun {
    azure: Arc<dyn Handler>,
    saved: Option<Arc<Saved<Sandbox>>>,
    /// Only sleeping moves it, so that a run in the sandbox waits for nothing.
    pub(super) clock: Arc<dyn Clock>,
    caller: String,
    /// The caller's object id.
    principal: Option<String>,
    /// The state file.
    path: Option<PathBuf>,
}

impl SandboxRun {
    /// Opens the sandbox that the flags describe.
    ///
    /// # Errors
    /// An unknown caller, rule or fault; a state file that cannot be used.
    pub(super) fn open(flags: &arguments::SandboxRun) -> Result<SandboxRun, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let callers: Vec<&str> = CALLERS.iter().map(|(name, _)| *name).collect();
        if !callers.contains(&flags.sandbox_caller.as_str()) {
            problems.push(
                Diagnostic::error(
                    codes::SANDBOX_OPTION,
                    format!("the sandbox has no caller `{}`", flags.sandbox_caller),
                )
                .fix(format!("the callers are {}", callers.join(", "))),
            );
        }
        let (rules, faults) = (switches(&flags.flips, &mut problems), faults(&flags.faults, &mut problems));
        let file = open_file(flags.sandbox_state.clone()).map_err(|problem| problems.push(*problem)).ok();
        let state = file.as_ref().and_then(|file| {
            file.load::<State>().map_err(|error| problems.push(*unusable(&error))).ok().flatten()
        });
        let Some(file) = file.filter(|_| problems.is_empty()) else { return Err(problems) };
        // Time goes on from where the last run left it, which may be ahead of the machine's.
        let now = OffsetDateTime::now_utc();
        let start = state.as_ref().and_then(|state| state.moment).map_or(now, |moment| moment.max(now));
        let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new(start));
        let time = Arc::clone(&clock);
        let options = Options { rules, faults, ..Options::new(Arc::new(move || time.now())) };
        let sandbox = match state {
            Some(state) => Sandbox::from_state(state, options),
            None => Sandbox::new(options),
        };
        let principal = principal(&sandbox, &flags.sandbox_caller);
        let path = Some(file.path().to_owned());
        let saved = Arc::new(Saved::new(sandbox, file));
        let azure = Arc::clone(&saved) as Arc<dyn Handler>;
        Ok(SandboxRun {
            azure,
            saved: Some(saved),
            clock,
            caller: flags.sandbox_caller.clone(),
            principal,
            path,
        })
    }

    /// A run on `sandbox`, of which no file is kept.
    pub(super) fn unsaved(sandbox: Sandbox, clock: Arc<dyn Clock>, caller: &str) -> SandboxRun {
        let principal = principal(&sandbox, caller);
        SandboxRun {
            azure: Arc::new(sandbox),
            saved: None,
            clock,
            caller: caller.to_owned(),
            principal,
            path: None,
        }
    }

    /// Where its state is kept.
    pub(super) fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }

    /// The endpoint that leads to it.
    pub(super) fn endpoint(&self) -> Endpoint {
        let transport = azure_core::http::Transport::new(Arc::new(InProcess::new(Arc::clone(&self.azure))));
        let endpoint = Endpoint::sandbox(transport, &self.caller);
        match &self.principal {
            Some(principal) => endpoint.as_principal(principal),
            None => endpoint,
        }
    }

    /// Its databases.
    pub(super) fn databases(&self) -> Arc<dyn SqlServer> {
        Arc::new(SandboxDatabases::new(Arc::clone(&self.azure)))
    }

    /// Its apps.
    pub(super) fn hosts(&self) -> Arc<dyn Prober> {
        Arc::new(SandboxHosts::new(Arc::clone(&self.azure), Arc::clone(&self.clock)))
    }

    /// Its names.
    pub(super) fn names(&self) -> Arc<dyn Resolver> {
        Arc::new(SandboxNames::new(Arc::clone(&self.azure)))
    }

    /// Keeps what time has made of it since the last write.
    pub(super) fn save(&self) -> Result<(), Box<Diagnostic>> {
        self.saved.as_ref().map_or(Ok(()), |saved| saved.save().map_err(|error| unusable(&error)))
    }
}

/// The object id of a caller's principal.
fn principal(sandbox: &Sandbox, caller: &str) -> Option<String> {
    sandbox.state().callers.get(caller).map(|caller| caller.principal.clone())
}

/// The rules turned round.
pub(super) fn switches(names: &[String], problems: &mut Vec<Diagnostic>) -> Switches {
    names.iter().fold(Switches::default(), |switches, name| match switches.clone().and_flip(name) {
        Ok(more) => more,
        Err(error) => {
            problems.push(
                Diagnostic::error(codes::SANDBOX_OPTION, error.to_string()).fix("acarecipe sandbox rules"),
            );
            switches
        }
    })
}

/// The faults asked for.
pub(super) fn faults(texts: &[String], problems: &mut Vec<Diagnostic>) -> Vec<Fault> {
    texts
        .iter()
        .filter_map(|text| {
            text.parse::<Fault>()
                .map_err(|error| problems.push(Diagnostic::error(codes::SANDBOX_OPTION, error.to_string())))
                .ok()
        })
        .collect()
}

/// Where the sandbox's state is; `None`: there is no place for it.
pub(super) fn state_path(flags: &arguments::SandboxRun) -> Option<PathBuf> {
    flags.sandbox_state.clone().or_else(|| default_path().ok())
}

/// The state file, by default in the user's state folder.
pub(super) fn open_file(path: Option<PathBuf>) -> Result<StateFile, Box<Diagnostic>> {
    let path = path.map_or_else(default_path, Ok).map_err(|error| unusable(&error))?;
    StateFile::open(&path).map_err(|error| unusable(&error))
}

/// A state file that cannot be used, with its causes.
pub(super) fn unusable(error: &StateFileError) -> Box<Diagnostic> {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Box::new(
        Diagnostic::error(codes::SANDBOX_STATE, text)
            .fix("acarecipe sandbox reset, or --sandbox-state with another file"),
    )
}
