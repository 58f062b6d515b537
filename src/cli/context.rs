//! Everything a command needs to work on an app: target, recipes, caller, executor.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::journal::Journals;
use super::sandbox_run::SandboxRun;
use super::{arguments, recipes, target};
use crate::azure::az_profile::AzProfile;
use crate::azure::credentials::{self, Env as _, Parts, ProcessEnv, SelectError};
use crate::azure::dns::{NetworkResolver, Resolver};
use crate::azure::network::Network;
use crate::azure::probe::{NetworkProber, Prober};
use crate::azure::{ArmClient, ClientSettings, CustomEndpoint, Endpoint, EndpointError};
use crate::clock::{Clock, SystemClock};
use crate::diagnostic::Diagnostic;
use crate::execute::{Event, Executor, Interrupt, NoHook, Observer, Turns};
use crate::plan::{Selection, Target};
use crate::recipe;
use crate::render::{Progress, Screen};
use crate::report::{Ending, InstanceReport, Report, TargetReport};

/// What every command on an app takes.
pub(super) struct Flags<'f> {
    pub(super) command: &'static str,
    pub(super) on: &'f arguments::OnApp,
    pub(super) verbose: bool,
    /// What a run without any recipe means.
    pub(super) recipes: Named,
}

/// Which recipes a command's run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Those named, else those of the project file; one at least.
    Needed,
    /// The same; none means the app itself.
    OrApp,
    /// None: the app itself, whatever the project file has.
    Never,
    /// One that is made in memory, for what works on this.
    Made(recipe::Target),
}

/// Everything a command needs.
pub(super) struct Context {
    pub(super) target: Target,
    pub(super) target_report: TargetReport,
    pub(super) selection: Selection,
    pub(super) asked: Vec<String>,
    pub(super) executor: Executor,
    pub(super) progress: Arc<Progress>,
    pub(super) interrupt: Interrupt,
    pub(super) sandbox: Option<Arc<SandboxRun>>,
    /// The runs of one command share them.
    pub(super) journals: Arc<Journals>,
}

/// What a context is made of.
pub(super) struct ContextParts {
    pub(super) resolved: target::Resolved,
    pub(super) selection: Selection,
    /// The recipes asked for, by name.
    pub(super) asked: Vec<String>,
    pub(super) endpoint: Endpoint,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sandbox: Option<SandboxRun>,
    /// Who carries requests to the app; `None`: the sandbox, or the network as it is.
    pub(super) prober: Option<Arc<dyn Prober>>,
    /// Who answers for names; `None`: the sandbox, or the system's resolver.
    pub(super) resolver: Option<Arc<dyn Resolver>>,
    pub(super) waiting: arguments::Waiting,
    pub(super) verbose: bool,
    /// Where relative paths of local files begin; empty: where the command runs.
    pub(super) folder: PathBuf,
}

/// What was found wrong before anything was asked of Azure.
pub(super) struct Refused {
    pub(super) found: Vec<Diagnostic>,
    pub(super) ending: Ending,
}

impl Context {
    /// Puts everything together. Sends nothing to Azure Resource Manager.
    ///
    /// # Errors
    /// Every mistake in arguments, variables, recipes and inputs at once.
    pub(super) fn open(flags: &Flags<'_>, screen: &Screen) -> Result<Context, Refused> {
        let sandboxed = flags.on.sandbox.sandbox;
        let mut found = Vec::new();
        let project = recipes::project(sandboxed).unwrap_or_else(|mistakes| {
            found.extend(mistakes);
            None
        });
        let entries = project.as_ref().filter(|_| !matches!(flags.recipes, Named::Never | Named::Made(_)));
        let asked =
            recipes::asked(&flags.on.recipes, entries).map_err(|mistakes| found.extend(mistakes)).ok();
        if asked.as_ref().is_some_and(Vec::is_empty) && flags.recipes == Named::Needed {
            found.push(
                Diagnostic::error(crate::diagnostic::codes::NO_RECIPE, "no recipe is named")
                    .fix(format!("acarecipe {} managed-identity; acarecipe list shows all", flags.command)),
            );
        }
        let env = ProcessEnv;
        let az = if sandboxed { None } else { read_profile(env, &mut found) };
        let selection = asked.as_ref().and_then(|asked| {
            recipes::selection(&flags.on.recipes, asked, project.as_ref(), sandboxed)
                .map_err(|mistakes| found.extend(mistakes))
                .ok()
        });
        // What is wrong with inputs must not have an app asked for that nobody needs.
        let wanted = match (&selection, &asked) {
            (Some(selection), _) => recipe::Target::of_run(&selection.instances),
            (None, Some(asked)) => recipes::wanted(&flags.on.recipes, asked),
            (None, None) => recipe::Target::App,
        };
        let wanted = match flags.recipes {
            Named::Made(target) => target,
            _ => wanted,
        };
        let resolved = target::resolve(&flags.on.target, project.as_ref(), az.as_ref(), sandboxed, wanted)
            .map_err(|mistakes| found.extend(mistakes))
            .ok();
        let prober = probing(flags).map_err(|mistakes| found.extend(mistakes)).ok().flatten();
        let resolver = resolving(flags).map_err(|mistakes| found.extend(mistakes)).ok().flatten();
        let (Some(resolved), Some(selection)) = (resolved, selection) else { return Err(refused(found)) };
        let asked = asked.unwrap_or_default();
        if !found.is_empty() {
            return Err(refused(found));
        }
        let sandbox =
            if sandboxed { Some(SandboxRun::open(&flags.on.sandbox).map_err(refused)?) } else { None };
        let (endpoint, clock) = match &sandbox {
            Some(run) => (run.endpoint(), Arc::clone(&run.clock)),
            None => {
                (real_endpoint(flags, &resolved, az.as_ref(), env)?, Arc::new(SystemClock) as Arc<dyn Clock>)
            }
        };
        let asked = asked.into_iter().map(|asked| asked.recipe).collect();
        let (verbose, waiting) = (flags.verbose, flags.on.waiting.clone());
        Ok(Context::of(
            ContextParts {
                resolved,
                selection,
                asked,
                endpoint,
                clock,
                sandbox,
                prober,
                resolver,
                waiting,
                verbose,
                folder: PathBuf::new(),
            },
            screen,
        ))
    }

    /// The context that is made of these parts.
    pub(super) fn of(parts: ContextParts, screen: &Screen) -> Context {
        let ContextParts {
            resolved,
            selection,
            asked,
            endpoint,
            clock,
            sandbox,
            prober,
            resolver,
            waiting,
            verbose,
            folder,
        } = parts;
        let progress = Arc::new(Progress::new(screen, verbose));
        let events = Arc::clone(&progress);
        let mut settings = ClientSettings::new(endpoint, Arc::clone(&clock));
        settings.sql = sandbox.as_ref().map(SandboxRun::databases);
        settings.prober = prober.or_else(|| sandbox.as_ref().map(SandboxRun::hosts));
        settings.resolver = resolver.or_else(|| sandbox.as_ref().map(SandboxRun::names));
        settings.events = Arc::new(move |event| events.event(&Event::Client(event)));
        if sandbox.is_none() {
            let network = network();
            settings.ca_file = network.ca_file;
            settings.limits.connect = network.connect;
            if let Some(limit) = test_limit() {
                settings.limits.per_try = settings.limits.per_try.min(limit);
            }
        }
        let interrupt = Interrupt::default();
        let executor = Executor {
            client: ArmClient::new(settings),
            deadline: clock.now() + waiting.timeout,
            clock,
            observer: Arc::clone(&progress) as Arc<dyn Observer>,
            hook: Arc::new(NoHook),
            interrupt: interrupt.clone(),
            role_wait: waiting.role_wait,
            renew: false,
            folder,
            probing: false,
            retry: false,
            turns: Turns::default(),
            so_far: Arc::default(),
            sent: Arc::default(),
        };
        let target_report = TargetReport {
            cloud: resolved.cloud.name.to_owned(),
            tenant: resolved.target.tenant.clone(),
            subscription: resolved.target.subscription.clone(),
            subscription_from: resolved.subscription_from,
            resource_group: resolved.target.resource_group.clone(),
            app: resolved.target.has_app().then(|| resolved.target.app.clone()),
            environment: resolved.target.environment_id().map(|id| id.name().to_owned()),
            caller: None,
        };
        let (target, sandbox) = (resolved.target, sandbox.map(Arc::new));
        Context {
            target,
            target_report,
            selection,
            asked,
            executor,
            progress,
            interrupt,
            sandbox,
            journals: Arc::default(),
        }
    }

    /// Finds out who is calling, and shows the one line every run starts with.
    ///
    /// # Errors
    /// No token can be had.
    pub(super) async fn introduce(&mut self, screen: &Screen) -> Result<(), Box<Diagnostic>> {
        let caller = self.executor.client.caller().await;
        let failure = match caller {
            Ok(caller) => {
                if self.target_report.tenant.is_none() {
                    self.target_report.tenant.clone_from(&caller.tenant_id);
                }
                self.target_report.caller = Some(caller.to_string());
                None
            }
            Err(error) => Some(Box::new(error.to_diagnostic())),
        };
        screen.text(&crate::render::header(&self.target_report, self.sandbox.is_some()));
        failure.map_or(Ok(()), Err)
    }

    /// The context of another run of the same command, told to `screen`, that may take `timeout` from now on: everything
    /// of this one's but what a run has for itself.
    pub(super) fn apart(&self, screen: &Screen, timeout: Duration) -> Context {
        let progress = Arc::new(self.progress.within(screen));
        let events = Arc::clone(&progress);
        let client = self.executor.client.apart();
        let client = client.telling(Arc::new(move |event| events.event(&Event::Client(event))));
        let executor = Executor {
            client,
            deadline: self.executor.clock.now() + timeout,
            observer: Arc::clone(&progress) as Arc<dyn Observer>,
            so_far: Arc::default(),
            sent: Arc::default(),
            ..self.executor.clone()
        };
        Context {
            target: self.target.clone(),
            target_report: self.target_report.clone(),
            selection: self.selection.clone(),
            asked: self.asked.clone(),
            executor,
            progress,
            interrupt: self.interrupt.clone(),
            sandbox: self.sandbox.clone(),
            journals: Arc::clone(&self.journals),
        }
    }

    /// An empty report of this run.
    pub(super) fn report(&self, command: &'static str) -> Report {
        let mut report = Report::new(command, self.sandbox.is_some());
        report.target = Some(self.target_report.clone());
        report.recipes.clone_from(&self.asked);
        report.instances = self.selection.instances.iter().map(InstanceReport::from).collect();
        report.correlation_id = Some(self.executor.client.correlation_id().to_string());
        report
    }

    /// Closes the run: the sandbox keeps its state; counts, ending and report are told.
    pub(super) fn close(&self, screen: &Screen, mut report: Report, ending: Ending) -> Ending {
        self.progress.clear();
        let mut ending = ending;
        if let Some(sandbox) = &self.sandbox
            && let Err(problem) = sandbox.save()
        {
            report.diagnose([&*problem]);
            screen.diagnostics(&[*problem]);
            ending = if ending == Ending::Ok { Ending::Failed } else { ending };
        }
        let parts = report.apps.iter().flatten().chain(report.rollback.as_deref());
        let parts: u64 = parts.map(|part| part.counts.requests).sum();
        report.counts.requests += self.progress.requests() + parts;
        report.end(ending);
        screen.text(&crate::render::action_required(&report));
        if !screen.is_within() {
            screen.text(&crate::render::ending(&report));
        }
        screen.report(&report);
        ending
    }
}

fn refused(found: Vec<Diagnostic>) -> Refused {
    let ending = if recipes::only_missing(&found) { Ending::PrerequisitesMissing } else { Ending::Usage };
    Refused { found, ending }
}

fn read_profile(env: ProcessEnv, found: &mut Vec<Diagnostic>) -> Option<AzProfile> {
    match AzProfile::read(&env) {
        Ok(profile) => profile,
        Err(error) => {
            found.push(error.to_diagnostic());
            None
        }
    }
}

fn real_endpoint(
    flags: &Flags<'_>,
    resolved: &target::Resolved,
    az: Option<&AzProfile>,
    env: ProcessEnv,
) -> Result<Endpoint, Refused> {
    let usage = |diagnostic: Diagnostic| Refused { found: vec![diagnostic], ending: Ending::Usage };
    let named = flags
        .on
        .target
        .arm_endpoint
        .clone()
        .or_else(|| std::env::var("ACARECIPE_ARM_ENDPOINT").ok().filter(|value| !value.is_empty()));
    let trusted = flags.on.target.trust_endpoint.as_deref();
    let custom = match named {
        Some(url) => CustomEndpoint::parse(&url, trusted).map(Some),
        None => trusted.map_or(Ok(None), |trusted| {
            Err(EndpointError::NothingToTrust { trusted: crate::value::strip_control(trusted) })
        }),
    };
    let custom = custom.map_err(|error| {
        usage(Diagnostic::error(crate::diagnostic::codes::AZURE_ENDPOINT, error.to_string()))
    })?;
    let selected = credentials::select(&env).map_err(|error| {
        let missing = matches!(error, SelectError::Missing { .. } | SelectError::Nothing);
        let found = vec![credentials::CredentialError::from(error).to_diagnostic()];
        Refused { found, ending: if missing { Ending::PrerequisitesMissing } else { Ending::Usage } }
    })?;
    let mut parts = Parts::new(resolved.cloud, &env);
    parts.tenant.clone_from(&resolved.target.tenant);
    parts.az_cloud = az.map(|az| az.cloud.clone());
    parts.network = network();
    parts.network.check(&env).map_err(|error| usage(error.to_diagnostic()))?;
    credentials::open(&selected, custom, &parts).map_err(|error| usage(error.to_diagnostic()))
}

/// Who carries requests to the app. In the sandbox it is the sandbox.
fn probing(flags: &Flags<'_>) -> Result<Option<Arc<dyn Prober>>, Vec<Diagnostic>> {
    if flags.on.sandbox.sandbox {
        return Ok(None);
    }
    Ok(Some(Arc::new(NetworkProber::new(flags.on.probing.network(&network())?))))
}

/// Who answers for names. In the sandbox it is the sandbox.
fn resolving(flags: &Flags<'_>) -> Result<Option<Arc<dyn Resolver>>, Vec<Diagnostic>> {
    if flags.on.sandbox.sandbox {
        return Ok(None);
    }
    let servers = flags.on.probing.name_servers()?;
    Ok(Some(Arc::new(NetworkResolver::new(servers, test_limit()))))
}

/// How Azure and the authorities are reached.
fn network() -> Network {
    let standard = Network::default();
    Network {
        // Half of it, so that a proxy that says nothing is told from a server that does.
        connect: test_limit().map_or(standard.connect, |limit| standard.connect.min(limit / 2)),
        ca_file: ProcessEnv.var("SSL_CERT_FILE").map(PathBuf::from),
        ..standard
    }
}

/// A shorter limit for one try, for tests against a server that falls silent.
fn test_limit() -> Option<Duration> {
    let text = std::env::var("ACARECIPE_TRY_TIMEOUT_MS").ok()?;
    text.parse().ok().map(Duration::from_millis)
}
