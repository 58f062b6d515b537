//! `action` with an effect: due by what is there or because a step wrote, planned, approved and sent once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acarecipe::diagnostic::codes;
use acarecipe::execute::{Executor, Hook, Interrupt, WriteEnd, WriteRecord};
use acarecipe::report::PlanReport;
use acarecipe::sandbox::Switches;

use super::*;

/// The newest revision is restarted when the color was written.
const COLOR: &str = "
inputs:
  color: { default: blue, description: The color. }
steps:
  - id: web
    why: the app has the color
    container_app: { tags: { color: \"${inputs.color}\" } }
  - id: again
    why: the replicas take it up
    triggered_by: [web]
    retry: never
    action: { resource: \"${app.id}/revisions/${app.properties.latestRevisionName}\", name: restart }
";

/// The app is started when it is stopped.
const STARTED: &str = "
steps:
  - id: start
    why: the app runs
    when: \"${app.properties.runningStatus == 'Stopped'}\"
    retry: never
    action: { resource: \"${app}\", name: start }
verify:
  - { that: \"${app.properties.runningStatus == 'Running'}\", name: it runs, otherwise: it does not }
outputs:
  answer: \"${steps.start.properties.latestRevisionName}\"
";

fn world_of(body: &str, faults: &[&str]) -> (tempfile::TempDir, World) {
    let folder = folder(&[("acts", body)]);
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let mut world = World::with(Switches::default(), faults);
    world.folders = vec![folder.path().to_owned()];
    (folder, world)
}

const ACTS: &[&str] = &["acts"];

/// How often the sandbox saw this action, whatever came of it.
fn seen(exchanges: &[Exchange], action: &str) -> usize {
    exchanges.iter().filter(|one| one.method == "POST" && one.path.ends_with(&format!("/{action}"))).count()
}

#[test]
fn it_is_sent_once_after_the_step_that_triggers_it_and_never_without() {
    let (_folder, world) = world_of(COLOR, &[]);
    let run = works_and_stays(&world, ACTS, &[]);
    let sent: Vec<String> = world
        .sandbox
        .exchanges()
        .iter()
        .filter(|one| one.is_write())
        .map(|one| format!("{} {}", one.method, one.path.rsplit('/').next().unwrap()))
        .collect();
    assert_eq!(sent, ["PATCH ca-demo", "POST restart"]);
    let done: Vec<&str> = run.applied.writes.iter().map(|done| done.what.as_str()).collect();
    assert_eq!(done.len(), 2);
    assert!(done[1].starts_with("restart the revision ca-demo--"), "{done:?}");
    let from = world.count();
    world.apply(ACTS, &[]).ok();
    assert!(world.exchanges_since(from).iter().all(|one| !one.is_write()), "the second run writes nothing");
    let run = world.apply(ACTS, &["color=red"]);
    run.ok();
    assert_eq!((run.applied.writes.len(), seen(&world.exchanges_since(from), "restart")), (2, 1));
    described(&world);
}

#[test]
fn the_plan_says_what_is_sent_why_and_what_follows() {
    let (_folder, world) = world_of(COLOR, &[]);
    let plan = world.plan(ACTS, &[]).unwrap().plan;
    let report = PlanReport::new(&plan, Vec::new());
    assert_eq!(report.writes.len(), 2);
    let told = acarecipe::render::plan(&report, true);
    for words in [
        "2 writes",
        "restart the revision ca-demo--",
        "will be sent",
        "the replicas take it up",
        "replaced one after the other",
        "because this run writes acts.web",
        "sent once",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(seen(&world.sandbox.exchanges(), "restart"), 0);
}

#[test]
fn by_what_is_there_it_is_due_until_it_is_done() {
    let (_folder, world) = world_of(STARTED, &[]);
    let world = world.edited(variant::stopped);
    let found = world.verify(ACTS, &[]);
    assert!(failed(&found).iter().any(|one| one.name == "the app runs"), "{found:#?}");
    let run = works_and_stays(&world, ACTS, &[]);
    assert_eq!((run.applied.writes.len(), seen(&world.sandbox.exchanges(), "start")), (1, 1));
    // What stands at `Location` in the end is its answer.
    let answer = run.ok().plan.outputs["acts"]["answer"].clone();
    assert_eq!(answer.as_str(), app(&world).latest().map(|revision| revision.name.as_str()));
    assert!(run.planned.plan.outputs["acts"]["answer"].is_unknown());
    described(&world);
}

/// In one run it is sent once, whatever `when` says afterwards; the next run decides by what is there.
#[test]
fn a_condition_that_still_holds_does_not_send_it_twice_in_one_run() {
    let body = STARTED.replace("'Stopped'", "'Running'");
    let (_folder, world) = world_of(&body, &[]);
    let run = world.apply(ACTS, &[]);
    let end = run.ok();
    assert_eq!((run.applied.writes.len(), seen(&world.sandbox.exchanges(), "start")), (1, 1));
    let told = run.findings().into_iter().find(|one| one.name == "the app runs").unwrap();
    assert_eq!(told.status, Status::Passed, "what was sent in this run is done: {told:#?}");
    assert!(!end.plan.has_changes());
    world.apply(ACTS, &[]).ok();
    assert_eq!(seen(&world.sandbox.exchanges(), "start"), 2);
}

/// Nobody knows whether Azure took it: it is not sent again, and the run says how to look.
#[test]
fn with_retry_never_the_sandbox_sees_it_once_whatever_becomes_of_the_answer() {
    for (body, action, look) in
        [(COLOR, "restart", "az containerapp replica list"), (STARTED, "start", "az containerapp show")]
    {
        for fault in [
            "reset-after",
            "reset-before",
            "silence-after",
            "silence-before",
            "status=500",
            "status=503",
            "truncated-body",
        ] {
            let (_folder, world) = world_of(body, &[&format!("match=POST:/{action} {fault} times=9")]);
            let world = if action == "start" { world.edited(variant::stopped) } else { world };
            let run = world.apply(ACTS, &[]);
            let (_, diagnostic, said) = failure(&run);
            assert_eq!(diagnostic.code, codes::UNANSWERED, "{fault}: {said}");
            assert!(said.contains(look) && said.contains("run again"), "{fault}: {said}");
            assert_eq!(seen(&world.sandbox.exchanges(), action), 1, "{fault}");
            assert_eq!(run.applied.unanswered.len(), 1, "{fault}");
            // The second run decides by what is there: a trigger that is in place triggers nothing, and what is started
            // is not started again.
            world.sandbox.set_faults(Vec::new());
            let took = matches!(fault, "reset-after" | "silence-after" | "truncated-body");
            world.apply(ACTS, &[]).ok();
            let more = usize::from(action == "start" && !took);
            assert_eq!(seen(&world.sandbox.exchanges(), action), 1 + more, "{fault}");
        }
    }
}

/// A refusal that Azure did not take it is none of that.
#[test]
fn what_azure_did_not_take_is_sent_again() {
    for fault in ["status=429 retry-after=3", "status=429 times=3"] {
        let (_folder, world) = world_of(COLOR, &[&format!("match=POST:/restart {fault}")]);
        let run = works_and_stays(&world, ACTS, &[]);
        assert_eq!(run.applied.writes.len(), 2, "{fault}");
        let taken = world
            .sandbox
            .exchanges()
            .iter()
            .filter(|one| one.path.ends_with("/restart") && one.status == Some(200))
            .count();
        assert_eq!(taken, 1, "{fault}");
    }
}

/// Without `never` it is sent again if it is still due.
#[test]
fn without_never_it_is_sent_again_only_while_it_is_due() {
    let never = "    retry: never\n";
    for (fault, times) in [("reset-before", 2), ("status=500", 2), ("reset-after", 1)] {
        let (_folder, world) =
            world_of(&STARTED.replace(never, ""), &[&format!("match=POST:/start {fault}")]);
        let world = world.edited(variant::stopped);
        let run = works_and_stays(&world, ACTS, &[]);
        assert_eq!(seen(&world.sandbox.exchanges(), "start"), times, "{fault}");
        assert_eq!(run.applied.writes.len(), 1, "{fault}");
    }
    let (_folder, world) = world_of(&COLOR.replace(never, ""), &["match=POST:/restart reset-after"]);
    works_and_stays(&world, ACTS, &[]);
    assert_eq!(seen(&world.sandbox.exchanges(), "restart"), 2, "whether it restarted, nothing tells");
}

/// Stops the run once this many writes were answered.
struct Stopping(Interrupt, AtomicUsize);

impl Hook for Stopping {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        Ok(())
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {
        if self.1.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.request();
        }
    }
}

fn stopped_after(world: &World, writes: usize) {
    let interrupt = Interrupt::default();
    let hook = Arc::new(Stopping(interrupt.clone(), AtomicUsize::new(writes)));
    let executor = Executor { hook, interrupt, ..world.executor() };
    let (selection, target) = (world.selection(ACTS, &[]), world.target());
    let ended = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        let done = std::sync::Mutex::default();
        executor.apply(&planned.plan, planned.facts, &selection, &target, &done).await
    });
    assert!(matches!(ended, Err(Failure::Interrupted)), "{ended:?}");
}

/// What the reference says of a run that is killed between the two: nothing remembers that the action was due.
#[test]
fn a_run_that_is_stopped_after_the_trigger_is_not_made_up_for_but_by_what_is_there() {
    let (_folder, world) = world_of(COLOR, &[]);
    stopped_after(&world, 1);
    assert_eq!(seen(&world.sandbox.exchanges(), "restart"), 0);
    works_and_stays(&world, ACTS, &[]);
    assert_eq!(seen(&world.sandbox.exchanges(), "restart"), 0);
    // While it is on, what was begun goes on, and is not begun again.
    let (_folder, world) = world_of(STARTED, &[]);
    let world = world.edited(variant::stopped);
    stopped_after(&world, 1);
    works_and_stays(&world, ACTS, &[]);
    assert_eq!(seen(&world.sandbox.exchanges(), "start"), 1);
}

#[test]
fn without_the_right_or_with_a_lock_nothing_is_written() {
    let (_folder, world) = world_of(COLOR, &[]);
    let world = without(world, "Microsoft.App/containerApps/revisions/restart/action");
    let planned = blocked(&world, ACTS, &[]);
    let said = text(only_failed(&planned));
    assert!(said.contains("Microsoft.App/containerApps/revisions/restart/action on"), "{said}");
    assert!(said.contains("az role assignment create"), "{said}");
}

/// It is of the app's revision, of which the app's own write comes first, though nothing says so.
#[test]
fn it_comes_after_what_the_run_writes_to_the_resource() {
    let body = COLOR.replace("triggered_by: [web]", "when: \"${inputs.color}\"");
    let (_folder, world) = world_of(&body, &[]);
    world.apply(ACTS, &[]).ok();
    let exchanges = world.sandbox.exchanges();
    let at = |method: &str| exchanges.iter().position(|one| one.method == method).unwrap();
    let between = &exchanges[at("PATCH")..at("POST")];
    assert!(between.iter().any(|one| one.path.contains("containerappOperation")), "once that is done");
}

/// Two recipes that want the same have it sent once.
#[test]
fn two_that_want_the_same_sent_have_it_sent_once() {
    let (_folder, world) = world_of(STARTED, &[]);
    let world = world.edited(variant::stopped);
    let run = world.apply(&["acts=one", "acts=two"], &[]);
    let end = run.ok();
    assert_eq!((run.applied.writes.len(), seen(&world.sandbox.exchanges(), "start")), (1, 1));
    assert_eq!(end.plan.outputs["one"]["answer"], end.plan.outputs["two"]["answer"]);
    assert!(!end.plan.outputs["one"]["answer"].is_null());
}

#[test]
fn what_cannot_be_sent_to_a_resource_is_a_mistake() {
    for (from, to, code) in [
        ("resource: \"${app}\"", "resource: \"${environment}\"", codes::UNKNOWN_TYPE),
        ("resource: \"${app}\"", "resource: \"${app.properties.nothing}\"", codes::DOES_NOT_FIT),
        ("name: start", "name: restart", codes::UNKNOWN_TYPE),
    ] {
        let (_folder, world) = world_of(&STARTED.replace(from, to), &[]);
        let world = world.edited(variant::stopped);
        let planned = blocked(&world, ACTS, &[]);
        assert_eq!(planned.plan.problems[0].code, code, "{to}");
    }
}
