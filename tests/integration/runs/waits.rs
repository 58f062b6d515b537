//! `wait`: something is looked at until it is as it is to be. Played with a share that somebody else registers in the
//! environment while the run is on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acarecipe::clock::Clock;
use acarecipe::diagnostic::codes;
use acarecipe::execute::{Applied, Event, Executor, Interrupt, Observer};
use acarecipe::report::PlanReport;
use acarecipe::sandbox::Sandbox;
use acarecipe::sandbox::state::EnvironmentStorage;
use time::Duration;

use super::*;

/// Two tags of the app, and the share between them.
const BETWEEN: &str = "
inputs:
  share: { default: files, description: The share. }
steps:
  - id: first
    why: the app says that it wants the share
    container_app: { tags: { wants: \"${inputs.share}\" } }
  - id: there
    why: the environment knows the share
    after: [first]
    timeout: 5m
    wait:
      for: { type: Microsoft.App/managedEnvironments/storages, parent: \"${environment}\", name: \"${inputs.share}\" }
      until: \"${it.properties.azureFile.accessMode == 'ReadWrite'}\"
      fails_when: \"${it.properties.azureFile.accessMode == 'ReadOnly'}\"
      reason: \"${if(it, join('', ['it is ', it.properties.azureFile.accessMode]), 'nobody has registered it')}\"
  - id: second
    why: the app says that it has the share
    after: [there]
    container_app: { tags: { has: \"${steps.there.name}\" } }
";

const WAITS: &[&str] = &["waits"];

fn world_of(body: &str) -> (tempfile::TempDir, World) {
    let folder = folder(&[("waits", body)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    (folder, world)
}

fn registered(sandbox: &Sandbox, mode: &str) {
    sandbox.edit(|state| {
        state.add_environment_storage(EnvironmentStorage {
            id: seed::environment_storage_id("files"),
            properties: serde_json::json!({
                "azureFile": { "accountName": "a", "shareName": "files", "accessMode": mode },
            }),
            key: None,
            key_reaches: None,
        });
    });
}

/// Registers the share in this mode at the `nth` look, if there is a mode; stops the run there, if asked to.
struct Somebody {
    sandbox: Sandbox,
    mode: Option<&'static str>,
    nth: usize,
    looks: AtomicUsize,
    stops: Option<Interrupt>,
}

impl Observer for Somebody {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Awaiting { .. })
            && self.looks.fetch_add(1, Ordering::SeqCst) + 1 == self.nth
        {
            if let Some(mode) = self.mode {
                registered(&self.sandbox, mode);
            }
            if let Some(interrupt) = &self.stops {
                interrupt.request();
            }
        }
    }
}

struct Waited {
    end: Result<Observed, Failure>,
    applied: Applied,
    looks: usize,
}

fn apply(world: &World, mode: Option<&'static str>, nth: usize, stops: bool) -> Waited {
    let interrupt = Interrupt::default();
    let somebody = Arc::new(Somebody {
        sandbox: world.sandbox.clone(),
        mode,
        nth,
        looks: AtomicUsize::new(0),
        stops: stops.then(|| interrupt.clone()),
    });
    let executor = Executor { observer: Arc::clone(&somebody) as _, interrupt, ..world.executor() };
    let (selection, target) = (world.selection(WAITS, &[]), world.target());
    let done = std::sync::Mutex::default();
    let end = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        assert!(
            !planned.plan.blocked(),
            "{:#?} {:#?}",
            planned.plan.problems,
            failed(&planned.plan.prerequisites)
        );
        executor.apply(&planned.plan, planned.facts, &selection, &target, &done).await
    });
    Waited { end, applied: done.into_inner().unwrap(), looks: somebody.looks.load(Ordering::SeqCst) }
}

fn tags(world: &World) -> (Json, Json) {
    let tags = app(world).model["tags"].clone();
    (tags["wants"].clone(), tags["has"].clone())
}

#[test]
fn what_comes_after_it_is_done_once_it_is_there() {
    let (_folder, world) = world_of(BETWEEN);
    let start = world.clock.now();
    let waited = apply(&world, Some("ReadWrite"), 3, false);
    waited.end.unwrap();
    assert_eq!(
        (waited.applied.writes.len(), waited.looks),
        (2, 3),
        "a wait is no write: {:#?}",
        waited.applied
    );
    assert_eq!(tags(&world), ("files".into(), "files".into()));
    assert!(world.clock.now() - start < Duration::minutes(3));
    // The second run waits for nothing and writes nothing.
    let before = (world.clock.now(), world.count());
    let run = works_and_stays(&world, WAITS, &[]);
    assert!(run.applied.writes.is_empty());
    assert_eq!(world.clock.now(), before.0);
    assert!(world.exchanges_since(before.1).iter().all(|one| !one.is_write()));
    described(&world);
}

#[test]
fn the_plan_says_what_is_waited_for_and_counts_only_writes() {
    let (_folder, world) = world_of(BETWEEN);
    let plan = world.plan(WAITS, &[]).unwrap().plan;
    let report = PlanReport::new(&plan, Vec::new());
    assert_eq!((report.writes.len(), report.waits.len()), (2, 1));
    let told = acarecipe::render::plan(&report, true);
    assert!(told.contains("2 writes") && told.contains("waits for") && told.contains("files"), "{told}");
    assert!(plan.rights.iter().flat_map(|scope| &scope.rights).all(|right| !right.why.contains("wait")));
}

#[test]
fn one_that_will_never_be_ends_the_run_with_the_reason() {
    let (_folder, world) = world_of(BETWEEN);
    let start = world.clock.now();
    let waited = apply(&world, Some("ReadOnly"), 2, false);
    let Err(Failure::Azure(diagnostic)) = waited.end else { panic!("{:?}", waited.end) };
    assert_eq!(diagnostic.code, codes::WAIT_FAILED);
    let said = format!("{diagnostic:?}");
    assert!(said.contains("it is ReadOnly") && said.contains("/storages/files"), "{said}");
    assert!(world.clock.now() - start < Duration::minutes(2), "it does not wait for the rest of the time");
    assert_eq!(waited.applied.writes.len(), 1, "what comes after it is not done");
    assert_eq!(tags(&world).1, Json::Null);
}

#[test]
fn when_the_time_is_over_it_says_what_stands_in_the_way() {
    let (_folder, world) = world_of(BETWEEN);
    let start = world.clock.now();
    let waited = apply(&world, None, 0, false);
    let Err(Failure::Deadline(diagnostic)) = waited.end else { panic!("{:?}", waited.end) };
    let said = format!("{diagnostic:?}");
    assert!(said.contains("nobody has registered it") && said.contains("/storages/files"), "{said}");
    assert!(said.contains("run the same command again"), "{said}");
    let took = world.clock.now() - start;
    assert!(took >= Duration::minutes(5) && took < Duration::minutes(7), "the step's own time: {took}");
    // The next run goes on from there: it waits, without a write before.
    let waited = apply(&world, Some("ReadWrite"), 2, false);
    waited.end.unwrap();
    assert_eq!(waited.applied.writes.len(), 1);
}

#[test]
fn a_verification_does_not_wait() {
    let (_folder, world) = world_of(BETWEEN);
    apply(&world, Some("ReadWrite"), 1, false).end.unwrap();
    world.sandbox.edit(|state| state.environment_storages.retain(|id, _| !id.ends_with("/files")));
    let start = world.clock.now();
    let found = world.verify(WAITS, &[]);
    assert_eq!(world.clock.now(), start);
    let told = found.iter().find(|one| one.name == "the environment knows the share").unwrap();
    assert_eq!(told.status, Status::Failed);
    assert!(text(told).contains("nobody has registered it"), "{told:#?}");
}

#[test]
fn a_run_that_is_stopped_while_it_waits_goes_on_from_there() {
    let (_folder, world) = world_of(BETWEEN);
    let waited = apply(&world, None, 2, true);
    assert!(matches!(waited.end, Err(Failure::Interrupted)), "{:?}", waited.end);
    assert_eq!(waited.applied.writes.len(), 1);
    let waited = apply(&world, Some("ReadWrite"), 1, false);
    waited.end.unwrap();
    assert_eq!((waited.applied.writes.len(), tags(&world).1), (1, "files".into()));
}

/// Looks that fail in passing are made again; nothing is written twice for it.
#[test]
fn a_look_that_fails_in_passing_is_made_again() {
    for fault in
        ["status=500 times=2", "status=429 retry-after=5", "reset-after", "truncated-body", "silence-before"]
    {
        let (_folder, world) = world_of(BETWEEN);
        let fault = format!("match=GET:/storages/files nth=4 {fault}");
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let waited = apply(&world, Some("ReadWrite"), 4, false);
        waited.end.unwrap();
        assert_eq!(waited.applied.writes.len(), 2, "{fault}");
    }
}

/// What has no name is not waited for: the step that would have made it was skipped.
#[test]
fn what_has_no_name_is_not_waited_for() {
    let body = BETWEEN.replace("{ default: files, description: The share. }", "{ description: The share. }");
    let body = body
        .replace("has: \"${steps.there.name}\"", "has: nothing")
        .replace("wants: \"${inputs.share}\"", "wants: it");
    let (_folder, world) = world_of(&body);
    let run = works_and_stays(&world, WAITS, &[]);
    assert_eq!(run.applied.writes.len(), 1, "both tags in one write");
}

/// The wait is for what an action made: the name is known once that was sent.
#[test]
fn an_action_and_what_it_began_in_one_run() {
    const STARTED: &str = "
steps:
  - id: start
    why: the app runs
    when: \"${app.properties.runningStatus == 'Stopped'}\"
    retry: never
    action: { resource: \"${app}\", name: start }
  - id: healthy
    why: the newest revision is healthy
    timeout: 10m
    wait:
      for: { type: Microsoft.App/containerApps/revisions, parent: \"${app}\", name: \"${steps.start.properties.latestRevisionName}\" }
      until: \"${it.properties.healthState == 'Healthy'}\"
      reason: \"${it.properties.healthState}\"
  - id: tag
    why: the app says which
    after: [healthy]
    container_app: { tags: { runs: \"yes\" } }
";
    let (_folder, world) = world_of(STARTED);
    let world = world.edited(variant::stopped);
    let plan = world.plan(WAITS, &[]).unwrap().plan;
    let told = acarecipe::render::plan(&PlanReport::new(&plan, Vec::new()), true);
    assert!(told.contains("2 writes") && told.contains("waits for revision (known after apply)"), "{told}");
    let run = works_and_stays(&world, WAITS, &[]);
    assert_eq!(run.applied.writes.len(), 2);
    let verbs: Vec<String> =
        world.sandbox.exchanges().iter().filter(|one| one.is_write()).map(|one| one.method.clone()).collect();
    assert_eq!(verbs, ["POST", "PATCH"]);
}

/// Who may not see it cannot tell, which is no failure of a verification and no reason to write.
#[test]
fn what_may_not_be_seen_could_not_be_checked() {
    let (_folder, world) = world_of(BETWEEN);
    apply(&world, Some("ReadWrite"), 1, false).end.unwrap();
    let world = without(world, "Microsoft.App/managedEnvironments/storages/read");
    let found = world.verify(WAITS, &[]);
    let told = found.iter().find(|one| one.name == "the environment knows the share").unwrap();
    assert_eq!(told.status, Status::CouldNotCheck, "{told:#?}");
}

/// A record that somebody sets meanwhile: each look asks the name anew.
#[test]
fn a_record_that_somebody_sets_is_waited_for() {
    const NAMED: &str = "
steps:
  - id: named
    why: the record is there
    timeout: 10m
    wait:
      for: { dns: { name: asuid.www.contoso.example, type: TXT } }
      until: \"${contains(it.records, 'abc')}\"
      reason: \"it is ${to_string(it.records)}\"
  - id: tag
    why: the app says so
    after: [named]
    container_app: { tags: { named: \"yes\" } }
";
    let (_folder, world) = world_of(NAMED);
    let waited = apply(&world, None, 0, false);
    let Err(Failure::Deadline(diagnostic)) = waited.end else { panic!("{:?}", waited.end) };
    assert!(format!("{diagnostic:?}").contains("asuid.www.contoso.example"), "{diagnostic:?}");
    assert!(waited.applied.writes.is_empty());
    let made = world.clock.now() - Duration::DAY;
    world.sandbox.edit(|state| seed::dns_record(state, "TXT", "asuid.www", &["abc"], made));
    let run = works_and_stays(&world, WAITS, &[]);
    assert_eq!(run.applied.writes.len(), 1);
}

/// An identity beside the wait, which comes after nothing.
fn beside() -> String {
    let first = BETWEEN.find("  - id: first").unwrap();
    let there = BETWEEN.find("  - id: there").unwrap();
    let identity = "  - id: identity
    why: there is an identity
    resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-waits, body: { location: \"${target.location}\" } }
";
    format!("{}{identity}{}", &BETWEEN[..first], BETWEEN[there..].replace("    after: [first]\n", ""))
}

/// What can be written is not held up by what is waited for.
#[test]
fn what_can_be_written_is_written_before_the_run_waits() {
    let (_folder, world) = world_of(&beside());
    let waited = apply(&world, None, 1, true);
    assert!(matches!(waited.end, Err(Failure::Interrupted)), "{:?}", waited.end);
    assert_eq!(waited.applied.writes.len(), 1, "the identity");
}

/// Looks that fail for minutes are no end of the wait, which tells that it cannot see.
#[test]
fn looks_that_fail_for_minutes_are_made_again_until_the_time_is_over() {
    let (_folder, world) = world_of(BETWEEN);
    world.sandbox.set_faults(vec!["match=GET:/storages/files nth=2 status=500 times=24".parse().unwrap()]);
    let waited = apply(&world, Some("ReadWrite"), 2, false);
    waited.end.unwrap();
    assert_eq!(waited.applied.writes.len(), 2);
    // For ever: the step's own time, and what the last look failed by.
    let (_folder, world) = world_of(BETWEEN);
    let start = world.clock.now();
    world.sandbox.set_faults(vec!["match=GET:/storages/files nth=2 status=500 times=9999".parse().unwrap()]);
    let waited = apply(&world, Some("ReadWrite"), 2, false);
    let Err(Failure::Deadline(diagnostic)) = waited.end else { panic!("{:?}", waited.end) };
    let said = format!("{diagnostic:?}");
    assert!(said.contains("the last look failed") && said.contains("500"), "{said}");
    let took = world.clock.now() - start;
    assert!(took >= Duration::minutes(5) && took < Duration::minutes(7), "{took}");
}

/// What is waited for is often told by something else than what the wait is about.
#[test]
fn each_look_sees_all_that_it_is_judged_by() {
    let body = BETWEEN
        .replace("steps:\n", "existing:\n  shares: { type: Microsoft.App/managedEnvironments/storages, parent: \"${environment}\", list: true }\nsteps:\n")
        .replace("for: { type: Microsoft.App/managedEnvironments/storages, parent: \"${environment}\", name: \"${inputs.share}\" }", "for: { type: Microsoft.App/managedEnvironments, name: \"${environment.name}\" }")
        .replace("until: \"${it.properties.azureFile.accessMode == 'ReadWrite'}\"", "until: \"${contains(shares[].name, inputs.share)}\"")
        .replace("      fails_when: \"${it.properties.azureFile.accessMode == 'ReadOnly'}\"\n", "")
        .replace("steps.there.name", "inputs.share");
    let (_folder, world) = world_of(&body);
    let start = world.clock.now();
    let waited = apply(&world, Some("ReadWrite"), 3, false);
    waited.end.unwrap();
    assert_eq!((waited.applied.writes.len(), waited.looks), (2, 3));
    assert!(world.clock.now() - start < Duration::minutes(3));
}

/// A wait for what a POST answers.
const ASKING: &str = "
steps:
  - id: first
    why: the app says that it wants the name
    container_app: { tags: { wants: files } }
  - id: free
    why: the name is taken
    after: [first]
    timeout: 10m
    wait:
      for:
        action:
          resource: \"${environment}\"
          name: checkNameAvailability
          body: { name: files, type: Microsoft.App/managedEnvironments/storages }
      until: \"${!(it.nameAvailable)}\"
      reason: still free
";

#[test]
fn a_question_that_is_refused_ends_the_wait_with_the_reason() {
    let (_folder, world) = world_of(ASKING);
    let waited = apply(&world, Some("ReadWrite"), 2, false);
    waited.end.unwrap();
    for status in ["403", "400"] {
        let (_folder, world) = world_of(ASKING);
        let start = world.clock.now();
        let fault = format!("match=POST:/checkNameAvailability nth=2 status={status} times=99");
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let waited = apply(&world, None, 0, false);
        let Err(failure) = waited.end else { panic!("{status}: what was refused is no answer") };
        let said = format!("{failure:?}");
        assert!(said.contains("cannot be told") && !said.contains("still free"), "{said}");
        assert!(said.contains("Encountered internal server error"), "the reason: {said}");
        assert!(world.clock.now() - start < Duration::minutes(2), "{status}");
        // Whoever verifies is told the same.
        let found = world.verify(WAITS, &[]);
        let told = found.iter().find(|one| one.name == "the name is taken").unwrap();
        assert_eq!(told.status, Status::CouldNotCheck, "{told:#?}");
    }
    // A recipe may say itself what a refusal means.
    let body = ASKING.replace("${!(it.nameAvailable)}", "${it.refused || !(it.nameAvailable)}");
    let (_folder, world) = world_of(&body);
    world.sandbox.set_faults(vec!["match=POST:/checkNameAvailability status=403 times=99".parse().unwrap()]);
    apply(&world, None, 0, false).end.unwrap();
}
