//! What a rollout takes for a failure of its candidate, and what for its own not knowing; and that nothing ends,
//! or is cleared away, before what has all of the traffic was judged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use acarecipe::azure::probe::{ProbeAnswer, ProbeError, ProbeRequest, Prober};
use acarecipe::cli::SandboxHosts;
use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes;
use acarecipe::execute::{Applied, Event, Executor, Failure, Observed, Observer};
use acarecipe::plan::Traffic;
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::state::Fate;
use acarecipe::sandbox::{Sandbox, State, Switches, seed};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::super::support::world::{Run, World, writes};
use super::app;

const RECIPE: &[&str] = &["revision-validation"];
const IMAGE: &str = "revision-validation.image=ghcr.io/acarecipe/python-demo:2.0";
const FIRST: &str = "ca-demo--first01";
const SHORT: &[&str] = &[IMAGE, "revision-validation.bake=30s"];
const NOT_KEPT: &[&str] = &[IMAGE, "revision-validation.bake=30s", "revision-validation.keep_old=false"];

fn traffic(world: &World) -> Json {
    app(world).configuration()["ingress"]["traffic"].clone()
}

fn newest(world: &World) -> (String, bool) {
    let app = app(world);
    let newest = app.revisions.last().unwrap();
    (newest.name.clone(), newest.active)
}

fn first_is_active(world: &World) -> bool {
    app(world).revisions.iter().any(|one| one.name == FIRST && one.active)
}

fn fails(state: &mut State) {
    answers::app_answers(state, &Script { status: Some(500), ..Script::default() });
}

fn notes(failure: &Failure) -> String {
    failure.diagnostic().map(|told| told.notes.join("\n")).unwrap_or_default()
}

/// Plans and applies under an observer of the test's own.
fn watched(world: &World, parameters: &[&str], watch: impl Fn(&Executor) -> Arc<dyn Observer>) -> Run {
    let (selection, target) = (world.selection(RECIPE, parameters), world.target());
    let executor = world.executor();
    let executor = Executor { observer: watch(&executor), ..executor };
    let done = Mutex::new(Applied::default());
    let work = async {
        let planned: Observed = executor.observe_idle(&selection, &target, true).await.unwrap();
        let end = executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await;
        (planned, end)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (planned, end) = runtime.block_on(work);
    Run { planned, applied: done.into_inner().unwrap(), end }
}

/// Changes Azure once, when the candidate's share has begun to stand at `weight`.
struct At<F> {
    weight: u32,
    sandbox: Sandbox,
    change: F,
    since: Mutex<Option<OffsetDateTime>>,
    clock: Arc<acarecipe::clock::VirtualClock>,
}

impl<F: Fn(&mut State) + Send + Sync> Observer for At<F> {
    fn event(&self, event: &Event) {
        let mut since = self.since.lock().unwrap();
        if matches!(event, Event::Baking { weight, .. } if *weight == self.weight) && since.is_none() {
            *since = Some(self.clock.now());
            self.sandbox.edit(|state| (self.change)(state));
        }
    }
}

fn at<F: Fn(&mut State) + Send + Sync + 'static>(world: &World, weight: u32, change: F) -> Arc<At<F>> {
    let (sandbox, clock) = (world.sandbox.clone(), Arc::clone(&world.clock));
    Arc::new(At { weight, sandbox, change, since: Mutex::new(None), clock })
}

/// Stops the run when the candidate stands at 100 %, before that is judged.
struct Stopping(acarecipe::execute::Interrupt);

impl Observer for Stopping {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Baking { weight: 100, .. }) {
            self.0.request();
        }
    }
}

fn stopped_at_the_end(parameters: &[&str]) -> World {
    let world = World::new();
    let run = watched(&world, parameters, |executor| Arc::new(Stopping(executor.interrupt.clone())));
    assert!(matches!(run.end, Err(Failure::Interrupted)), "{:?}", run.end);
    assert_eq!(traffic(&world)[0]["weight"], 100);
    world
}

#[test]
fn one_refused_read_is_no_failure_of_the_candidate() {
    let whole = World::new();
    whole.apply(RECIPE, SHORT).ok();
    let requests = whole.count();
    let planned = World::new();
    planned.plan(RECIPE, SHORT).unwrap();
    for number in ((planned.count() + 1)..requests).step_by(13) {
        let world =
            World::with(Switches::default(), vec![format!("request={number} status=403").parse().unwrap()]);
        let run = world.apply(RECIPE, SHORT);
        assert!(
            !matches!(run.end, Err(Failure::RolledBack(_) | Failure::NotPutBack(_))),
            "{number}: {:?}",
            run.end
        );
        assert!(newest(&world).1, "{number}");
        world.apply(RECIPE, SHORT).ok();
        assert_eq!(traffic(&world), traffic(&whole), "{number}");
    }
}

/// Has no way to any host while it is away.
struct Away {
    hosts: SandboxHosts,
    away: Arc<std::sync::atomic::AtomicBool>,
}

#[async_trait::async_trait]
impl Prober for Away {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        if self.away.load(std::sync::atomic::Ordering::SeqCst) {
            let host = request.url.host_str().unwrap_or_default().to_owned();
            return Err(ProbeError::Name { host, reason: "no name server answers".to_owned() });
        }
        self.hosts.probe(request).await
    }
}

#[test]
fn a_gate_that_could_not_be_asked_takes_nothing_back() {
    let mut world = World::new();
    let away = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let hosts = SandboxHosts::new(Arc::new(world.sandbox.clone()), Arc::clone(&world.clock) as _);
    world.prober = Some(Arc::new(Away { hosts, away: Arc::clone(&away) }));
    let run = world.apply(RECIPE, SHORT);
    let Err(failure @ Failure::Azure(told)) = &run.end else { panic!("{:?}", run.end) };
    assert_eq!(told.code, codes::GATE);
    let notes = notes(failure);
    assert!(notes.contains("goes on from there"), "{notes}");
    assert_eq!(notes.matches("the traffic stands: ca-demo--first01 100 %").count(), 1, "{notes}");
    assert!(newest(&world).1, "nothing is taken back");
    away.store(false, std::sync::atomic::Ordering::SeqCst);
    let run = world.apply(RECIPE, SHORT);
    run.ok();
    assert_eq!(run.applied.writes.len(), 3, "from the label on: {:?}", run.applied.writes);
}

/// Has no way to any host for 45 s, from the first request on.
struct AwayAtFirst {
    hosts: SandboxHosts,
    clock: Arc<acarecipe::clock::VirtualClock>,
    first: Mutex<Option<OffsetDateTime>>,
}

#[async_trait::async_trait]
impl Prober for AwayAtFirst {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        let now = self.clock.now();
        let first = *self.first.lock().unwrap().get_or_insert(now);
        if now - first < Duration::from_secs(45) {
            let host = request.url.host_str().unwrap_or_default().to_owned();
            return Err(ProbeError::Name { host, reason: "no name server answers".to_owned() });
        }
        self.hosts.probe(request).await
    }
}

#[test]
fn a_gate_that_could_not_be_asked_is_asked_again_for_a_while() {
    let mut world = World::new();
    let hosts = SandboxHosts::new(Arc::new(world.sandbox.clone()), Arc::clone(&world.clock) as _);
    let clock = Arc::clone(&world.clock);
    world.prober = Some(Arc::new(AwayAtFirst { hosts, clock, first: Mutex::default() }));
    world.apply(RECIPE, SHORT).ok();
}

#[test]
fn what_has_all_of_the_traffic_is_judged_before_the_way_back_is_cleared_away() {
    for parameters in [SHORT, NOT_KEPT] {
        // It is well: nothing is taken back, and with `keep_old` nothing is written.
        let world = stopped_at_the_end(parameters);
        let run = world.apply(RECIPE, parameters);
        run.ok();
        assert_eq!(run.applied.writes.len(), usize::from(parameters == NOT_KEPT));
        assert_eq!(first_is_active(&world), parameters == SHORT);
        let again = world.apply(RECIPE, parameters);
        again.ok();
        assert_eq!(again.applied.writes.len(), 0);

        // It is ill: the traffic goes back, and the same change is refused.
        let world = stopped_at_the_end(parameters).edited(fails);
        let run = world.apply(RECIPE, parameters);
        let Err(Failure::RolledBack(told)) = &run.end else { panic!("{:?}", run.end) };
        assert_eq!(told.code, codes::GATE);
        assert_eq!(traffic(&world), json!([{ "revisionName": FIRST, "weight": 100 }]));
        assert!(first_is_active(&world) && !newest(&world).1);
        assert!(world.try_apply(RECIPE, parameters).is_err(), "refused as failed before");
    }
}

#[test]
fn an_operation_to_100_that_failed_is_mended_and_judged_by_the_next_run() {
    for ill in [false, true] {
        let faults = vec!["match=PATCH:/containerApps/ nth=6 operation-fails".parse().unwrap()];
        let world = World::with(Switches::default(), faults);
        let run = world.apply(RECIPE, SHORT);
        let Err(failure @ Failure::Azure(_)) = &run.end else { panic!("{:?}", run.end) };
        let told = notes(failure);
        assert!(told.contains("the traffic stands: ") && told.contains("100 % (canary)"), "{told}");
        assert!(!told.contains("pulled"), "a write of weights pulls nothing: {told}");
        if ill {
            world.sandbox.edit(fails);
        }
        let run = world.apply(RECIPE, SHORT);
        if ill {
            assert!(matches!(run.end, Err(Failure::RolledBack(_))), "{:?}", run.end);
            assert_eq!(traffic(&world), json!([{ "revisionName": FIRST, "weight": 100 }]));
        } else {
            assert!(
                super::super::support::world::failed(&run.findings()).is_empty(),
                "{:#?}",
                run.findings()
            );
            assert_eq!(run.applied.writes.len(), 1);
            assert_eq!(world.apply(RECIPE, SHORT).applied.writes.len(), 0);
        }
    }
}

#[test]
fn what_was_rolled_out_days_ago_is_not_taken_back_by_a_run_without_changes() {
    for (hours, taken_back) in [(23, true), (25, false)] {
        let world = World::new();
        world.apply(RECIPE, SHORT).ok();
        World::block_on(world.clock.sleep(Duration::from_secs(hours * 3600)));
        world.sandbox.edit(fails);
        let run = world.apply(RECIPE, SHORT);
        assert!(run.applied.writes.is_empty() != taken_back, "{hours}: {:?}", run.applied.writes);
        assert_eq!(traffic(&world)[0]["revisionName"] == FIRST, taken_back, "{hours}");
    }
}

#[test]
fn a_name_that_the_run_itself_renewed_is_no_change_of_somebody_else() {
    let rules = Switches::flip("resent-template-runs").unwrap();
    let world =
        World::with(rules, vec!["match=PATCH:/containerApps/ nth=2 operation-fails".parse().unwrap()]);
    assert!(world.apply(RECIPE, SHORT).end.is_err());
    let run = world.apply(RECIPE, SHORT);
    run.ok();
    assert_eq!(traffic(&world)[0]["weight"], 100);
    assert_eq!(world.apply(RECIPE, SHORT).applied.writes.len(), 0);
}

#[test]
fn a_candidate_that_falls_ill_with_traffic_has_failed_within_a_minute() {
    let world = World::new();
    let watch = at(&world, 10, |state| {
        let newest = state.app_mut(seed::APP).unwrap().revisions.last_mut().unwrap();
        newest.fate = Fate::Unhealthy("its probe fails".to_owned());
    });
    let parameters = &[IMAGE, "revision-validation.bake=10m"];
    let run = watched(&world, parameters, |_| Arc::clone(&watch) as _);
    assert!(matches!(run.end, Err(Failure::RolledBack(_))), "{:?}", run.end);
    let took = world.clock.now() - watch.since.lock().unwrap().unwrap();
    assert!(took < Duration::from_secs(100), "{took}");
}

#[test]
fn the_health_of_another_revision_is_not_taken_for_the_candidate_s() {
    let world = World::new();
    let watch = at(&world, 10, |state| {
        state.app_mut(seed::APP).unwrap().revisions.last_mut().unwrap().active = false;
    });
    let run = watched(&world, &[IMAGE, "revision-validation.paths=[]"], |_| Arc::clone(&watch) as _);
    let Err(Failure::RolledBack(told)) = &run.end else { panic!("{:?}", run.end) };
    assert!(told.message.contains("is not active any more"), "{}", told.message);
    assert_eq!(traffic(&world), json!([{ "revisionName": FIRST, "weight": 100 }]));
}

#[test]
fn a_time_that_cannot_hold_the_shares_is_told_before_the_first_write() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(110);
    let planned = world.plan(RECIPE, SHORT).unwrap();
    let told = world.executor().too_short(&planned.plan).expect("three times 30 s and six writes");
    assert_eq!(told.code, codes::DEADLINE);
    assert!(told.fix.unwrap().contains("--timeout"));
    world.timeout = Duration::from_secs(200);
    assert!(world.executor().too_short(&planned.plan).is_none());
    assert!(writes(&world.sandbox.exchanges()).is_empty());
}

#[test]
fn the_operation_of_a_weight_that_does_not_end_in_time_is_a_deadline() {
    let faults = vec!["match=PATCH:/containerApps/ nth=4 operation-hangs".parse().unwrap()];
    let world = World::with(Switches::default(), faults);
    let run = world.apply(RECIPE, SHORT);
    let Err(failure @ Failure::Deadline(told)) = &run.end else { panic!("{:?}", run.end) };
    assert_eq!(told.code, codes::DEADLINE);
    assert!(told.fix.is_some());
    let notes = notes(failure);
    let stands = format!("the traffic stands: {}", Traffic::of(&traffic_of(&world)));
    assert_eq!(notes.matches(&stands).count(), 1, "{notes}");
}

fn traffic_of(world: &World) -> acarecipe::value::Value {
    acarecipe::value::Value::from(app(world).model)
}

/// Answers 404 under a label for a while after it was given.
struct Slow {
    hosts: SandboxHosts,
    clock: Arc<acarecipe::clock::VirtualClock>,
    first: Mutex<Option<OffsetDateTime>>,
}

#[async_trait::async_trait]
impl Prober for Slow {
    async fn probe(&self, request: &ProbeRequest) -> Result<ProbeAnswer, ProbeError> {
        let now = self.clock.now();
        let first = *self.first.lock().unwrap().get_or_insert(now);
        if now - first < Duration::from_secs(15) {
            return Ok(ProbeAnswer { status: 404, ..ProbeAnswer::default() });
        }
        self.hosts.probe(request).await
    }
}

#[test]
fn a_label_may_take_a_moment_until_it_answers() {
    let mut world = World::new();
    let hosts = SandboxHosts::new(Arc::new(world.sandbox.clone()), Arc::clone(&world.clock) as _);
    world.prober = Some(Arc::new(Slow { hosts, clock: Arc::clone(&world.clock), first: Mutex::default() }));
    world.apply(RECIPE, &[IMAGE, "revision-validation.within=0s"]).ok();
}
