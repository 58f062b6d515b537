//! A sandbox, a clock that only waiting moves, and the library's own way through a run: what most
//! tests of planning, applying and verifying start from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::azure::probe::Prober;
use acarecipe::azure::{ArmClient, Budget, ClientEvent, ClientSettings, Cloud, Endpoint};
use acarecipe::cli::{SandboxDatabases, SandboxHosts, SandboxNames};
use acarecipe::clock::{Clock, VirtualClock};
use acarecipe::execute::{
    Applied, Event, Executor, Failure, Hook, Interrupt, Observed, Observer, Turns, WriteEnd, WriteRecord,
};
use acarecipe::plan::{self, Finding, Selection, Status, Target};
use acarecipe::recipe::{Asked, Catalogue, Outside, bind};
use acarecipe::sandbox::transport::InProcess;
use acarecipe::sandbox::{Exchange, Fault, Handler, Options, Sandbox, State, Switches, seed};
use acarecipe::verify;
use time::OffsetDateTime;
use time::macros::datetime;

/// Where every world's clock starts.
pub const START: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// An Azure with one caller in front of it.
pub struct World {
    pub sandbox: Sandbox,
    pub clock: Arc<VirtualClock>,
    pub caller: String,
    pub variables: BTreeMap<String, String>,
    pub container: Option<String>,
    pub timeout: Duration,
    pub role_wait: Option<Duration>,
    /// Folders of recipes beside the built-in ones.
    pub folders: Vec<PathBuf>,
    pub seen: Arc<Seen>,
    /// Who carries requests to the app in the place of the sandbox.
    pub prober: Option<Arc<dyn Prober>>,
    /// Who stands between the client and the sandbox.
    pub between: Option<Arc<dyn Handler>>,
    /// How many requests its client sends.
    pub budget: Budget,
}

/// What the executor told and what its hook saw.
#[derive(Default)]
pub struct Seen {
    pub events: Mutex<Vec<Event>>,
    pub writes: Mutex<Vec<(WriteRecord, Option<WriteEnd>)>>,
}

impl Observer for Seen {
    fn event(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
    }
}

impl Hook for Seen {
    fn before(&self, write: &WriteRecord) -> Result<(), String> {
        self.writes.lock().unwrap().push((write.clone(), None));
        Ok(())
    }

    fn after(&self, write: &WriteRecord, end: &WriteEnd) {
        let mut writes = self.writes.lock().unwrap();
        let slot = writes.iter_mut().rfind(|(have, end)| have == write && end.is_none());
        slot.expect("every write is announced before it happens").1 = Some(end.clone());
    }
}

/// How an apply ended.
pub struct Run {
    /// The plan it started from.
    pub planned: Observed,
    /// What it did.
    pub applied: Applied,
    /// The state it ended in, or why it stopped.
    pub end: Result<Observed, Failure>,
}

impl Run {
    /// The state at the end of a run that worked.
    #[track_caller]
    pub fn ok(&self) -> &Observed {
        match &self.end {
            Ok(observed) => observed,
            Err(failure) => panic!("the run failed: {failure:?}"),
        }
    }

    /// What the verification finds after a run that worked.
    #[track_caller]
    pub fn findings(&self) -> Vec<Finding> {
        verify::findings(&self.ok().plan, true)
    }
}

impl World {
    /// The seeded Azure, called by its owner.
    pub fn new() -> World {
        World::with(Switches::default(), Vec::new())
    }

    /// The seeded Azure with assumptions turned round and things going wrong.
    pub fn with(rules: Switches, faults: Vec<Fault>) -> World {
        let clock = Arc::new(VirtualClock::new(START));
        let time = Arc::clone(&clock);
        let options = Options { rules, faults, ..Options::new(Arc::new(move || time.now())) };
        World {
            sandbox: Sandbox::new(options),
            clock,
            caller: "owner".to_owned(),
            variables: BTreeMap::from([
                ("KEY_VAULT_NAME".to_owned(), "kv-demo".to_owned()),
                ("ACR_NAME".to_owned(), "acrdemo".to_owned()),
                ("REDIS_NAME".to_owned(), "redis-demo".to_owned()),
            ]),
            container: None,
            timeout: Duration::from_secs(30 * 60),
            role_wait: None,
            folders: Vec::new(),
            seen: Arc::default(),
            prober: None,
            between: None,
            budget: Budget::below_azure(),
        }
    }

    /// The same world, changed behind everybody's back.
    pub fn edited(self, change: impl FnOnce(&mut State)) -> World {
        self.sandbox.edit(change);
        self
    }

    /// The same world, called by somebody else.
    pub fn called_by(mut self, caller: &str) -> World {
        caller.clone_into(&mut self.caller);
        self
    }

    /// What the run works on.
    pub fn target(&self) -> Target {
        let cloud = Cloud::public();
        Target {
            cloud: plan::Cloud {
                name: cloud.name.to_owned(),
                authority: cloud.authority.to_owned(),
                suffixes: cloud.suffixes.confirmed(),
            },
            tenant: Some(seed::TENANT.to_owned()),
            subscription: seed::SUBSCRIPTION.to_owned(),
            resource_group: "rg-demo".to_owned(),
            app: "ca-demo".to_owned(),
            environment: None,
            location: None,
            container: self.container.clone(),
        }
    }

    /// The recipes named (`recipe` or `recipe=alias`), with these parameters (`-p`).
    pub fn selection(&self, recipes: &[&str], parameters: &[&str]) -> Selection {
        let catalogue = Catalogue::load(&self.folders, false).unwrap_or_else(|found| panic!("{found:#?}"));
        let asked: Vec<Asked> =
            recipes.iter().map(|text| Asked::parse(text).expect("a recipe, or recipe=alias")).collect();
        let instances = catalogue.instances(&asked).expect("the recipes are there");
        let parameters: Vec<String> = parameters.iter().map(|text| (*text).to_owned()).collect();
        let inputs = bind(&instances, &parameters, self).expect("the inputs bind");
        Selection { instances, inputs }
    }

    /// An executor on this world.
    pub fn executor(&self) -> Executor {
        let sandbox = || Arc::new(self.sandbox.clone()) as Arc<dyn Handler>;
        let azure = self.between.clone().unwrap_or_else(sandbox);
        let transport = azure_core::http::Transport::new(Arc::new(InProcess::new(Arc::clone(&azure))));
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let endpoint = Endpoint::sandbox(transport, &self.caller)
            .as_principal(&self.sandbox.state().callers[&self.caller].principal);
        let mut settings = ClientSettings::new(endpoint, Arc::clone(&clock));
        settings.sql = Some(Arc::new(SandboxDatabases::new(Arc::clone(&azure))));
        settings.budget = self.budget.clone();
        let hosts = || Arc::new(SandboxHosts::new(Arc::clone(&azure), Arc::clone(&clock))) as Arc<dyn Prober>;
        settings.prober = Some(self.prober.clone().unwrap_or_else(hosts));
        settings.resolver = Some(Arc::new(SandboxNames::new(Arc::clone(&azure))));
        let seen = Arc::clone(&self.seen);
        settings.events = Arc::new(move |event: ClientEvent| seen.event(&Event::Client(event)));
        Executor {
            client: ArmClient::new(settings),
            deadline: clock.now() + self.timeout,
            clock,
            observer: Arc::clone(&self.seen) as _,
            hook: Arc::clone(&self.seen) as _,
            interrupt: Interrupt::default(),
            role_wait: self.role_wait,
            renew: false,
            folder: std::path::PathBuf::new(),
            probing: false,
            retry: false,
            turns: Turns::default(),
            so_far: Arc::default(),
            sent: Arc::default(),
        }
    }

    /// The plan, with rights.
    pub fn plan(&self, recipes: &[&str], parameters: &[&str]) -> Result<Observed, Failure> {
        let (selection, target) = (self.selection(recipes, parameters), self.target());
        Self::block_on(self.executor().observe_idle(&selection, &target, true))
    }

    /// The plan of a selection made elsewhere, with rights.
    pub fn plan_of(&self, selection: &Selection) -> Result<Observed, Failure> {
        Self::block_on(self.executor().observe_idle(selection, &self.target(), true))
    }

    /// A whole run: plan, apply, look again. Nothing may stand in the way.
    #[track_caller]
    pub fn apply(&self, recipes: &[&str], parameters: &[&str]) -> Run {
        self.try_apply(recipes, parameters).unwrap_or_else(|planned| {
            let plan = planned.plan;
            panic!("blocked: {:#?} {:#?}", plan.problems, failed(&plan.prerequisites))
        })
    }

    /// A whole run: plan, apply, look again; or the plan, when something stands in its way.
    pub fn try_apply(&self, recipes: &[&str], parameters: &[&str]) -> Result<Run, Box<Observed>> {
        self.try_apply_of(&self.selection(recipes, parameters))
    }

    /// As [`World::try_apply`], of a selection made elsewhere.
    pub fn try_apply_of(&self, selection: &Selection) -> Result<Run, Box<Observed>> {
        let (selection, target) = (selection.clone(), self.target());
        let executor = self.executor();
        Self::block_on(async {
            let planned =
                executor.observe_idle(&selection, &target, true).await.expect("the plan can be made");
            if planned.plan.blocked() {
                return Err(Box::new(planned));
            }
            let done = Mutex::new(Applied::default());
            let applied =
                executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await;
            let end = match applied {
                Ok(_) => match executor.observe_after(&selection, &target).await {
                    Ok(after) => executor.observe_probed(after, &selection, &target).await,
                    Err(failure) => Err(failure),
                },
                Err(failure) => Err(failure),
            };
            Ok(Run { planned, applied: done.into_inner().unwrap(), end })
        })
    }

    /// What `verify` finds.
    pub fn verify(&self, recipes: &[&str], parameters: &[&str]) -> Vec<Finding> {
        let (selection, target) = (self.selection(recipes, parameters), self.target());
        let executor = self.executor();
        let observed = Self::block_on(async {
            let observed = executor.observe(&selection, &target, false).await?;
            let ready = executor.observe_ready(observed, &selection, &target, false).await?;
            executor.observe_probed(ready, &selection, &target).await
        });
        verify::findings(&observed.expect("the app can be read").plan, true)
    }

    /// Exchanges since `from` (a count taken before).
    pub fn exchanges_since(&self, from: usize) -> Vec<Exchange> {
        self.sandbox.exchanges().split_off(from)
    }

    /// Requests so far.
    pub fn count(&self) -> usize {
        self.sandbox.exchanges().len()
    }

    pub fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }
}

impl Outside for World {
    fn input_variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Only what is named in full.
    fn file(&self, path: &str) -> Result<String, String> {
        if !path.starts_with('/') {
            return Err(format!("no file {path} here"));
        }
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn standard_input(&self) -> Result<String, String> {
        Err("no standard input here".to_owned())
    }
}

/// The findings that failed.
pub fn failed(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.status == Status::Failed).collect()
}

/// Accepted writes among exchanges: `(method, path)`.
pub fn writes(exchanges: &[Exchange]) -> Vec<(String, String)> {
    exchanges
        .iter()
        .filter(|exchange| matches!(exchange.method.as_str(), "PUT" | "PATCH" | "DELETE"))
        .filter(|exchange| exchange.status.is_some_and(|status| status < 300))
        .map(|exchange| (exchange.method.clone(), exchange.path.clone()))
        .collect()
}
