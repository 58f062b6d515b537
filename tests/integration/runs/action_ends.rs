//! What an action began, and how it ends: what failed, what nobody can tell the end of, and an answer that lacks what
//! comes after it end the run, and nothing of it is left out in silence. Played with a job.

use acarecipe::clock::Clock;
use acarecipe::diagnostic::codes;
use acarecipe::report::PlanReport;
use acarecipe::sandbox::Switches;

use super::*;

/// The job is started, its execution waited for, and the app says that it ran.
const STARTED: &str = "
existing:
  job: { type: Microsoft.App/jobs, name: nightly }
  runs: { type: Microsoft.App/jobs/executions, parent: \"${job.id}\", list: true }
steps:
  - id: start
    why: the job runs
    when: \"${length(runs) == `0`}\"
    retry: never
    action: { resource: \"${job.id}\", name: start }
  - id: done
    why: it went well
    timeout: 10m
    wait:
      for: { type: Microsoft.App/jobs/executions, parent: \"${job.id}\", name: \"${steps.start.name}\" }
      until: \"${it.properties.status == 'Succeeded'}\"
      fails_when: \"${it.properties.status == 'Failed'}\"
  - id: tag
    why: the app says so
    after: [done]
    container_app: { tags: { ran: \"yes\" } }
";

/// The app is stopped.
const STOPPED: &str = "
steps:
  - id: stop
    why: the app stands
    when: \"${app.properties.runningStatus == 'Running'}\"
    retry: { error_matches: [\".\"] }
    action: { resource: \"${app}\", name: stop }
  - id: tag
    why: the app says so
    after: [stop]
    container_app: { tags: { stands: \"yes\" } }
verify:
  - { that: \"${app.properties.runningStatus == 'Stopped'}\", name: it stands, otherwise: it does not }
";

const ENDS: &[&str] = &["ends"];

fn world_with(body: &str, switches: Switches, faults: &[&str]) -> (tempfile::TempDir, World) {
    let folder = folder(&[("ends", body)]);
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let mut world = World::with(switches, faults);
    world.folders = vec![folder.path().to_owned()];
    let made = world.clock.now() - time::Duration::DAY;
    let world = world.edited(|state| seed::jobs::job(state, "nightly", seed::IMAGE_SIDECAR, made));
    (folder, world)
}

fn world_of(body: &str, faults: &[&str]) -> (tempfile::TempDir, World) {
    world_with(body, Switches::default(), faults)
}

fn sent(world: &World, action: &str) -> usize {
    let end = format!("/{action}");
    world.sandbox.exchanges().iter().filter(|one| one.method == "POST" && one.path.ends_with(&end)).count()
}

/// As `retry` says in both ways.
fn both_ways(body: &str) -> [String; 2] {
    let never = "    retry: never\n";
    let [line] = [body.lines().find(|line| line.contains("retry:")).unwrap()];
    let without = body.replace(&format!("{line}\n"), "");
    [body.replace(&format!("{line}\n"), never), without]
}

#[test]
fn an_execution_is_waited_for_by_the_name_that_its_start_answered() {
    let mut jobs = vec![Switches::default()];
    for switch in ["job-start-location-only", "job-start-accepted"] {
        jobs.push(Switches::flip(switch).unwrap());
    }
    for switches in jobs {
        let (_folder, world) = world_with(STARTED, switches, &[]);
        let run = works_and_stays(&world, ENDS, &[]);
        assert_eq!((run.applied.writes.len(), sent(&world, "start")), (2, 1));
        let looked = |one: &Exchange| one.path.contains("/jobs/nightly/executions/");
        assert!(world.sandbox.exchanges().iter().any(looked), "its end was waited for");
        described(&world);
    }
}

/// With and without `retry: never`, and whichever address tells the state: nothing after it is done, it is sent once,
/// and the run says how to look.
#[test]
fn an_end_that_nobody_tells_ends_the_run() {
    let switches = [Switches::default(), Switches::flip("job-start-location-only").unwrap()];
    for (body, switches) in both_ways(STARTED).iter().zip(&switches) {
        for fault in [
            "match=POST:/start operation-url=404",
            "match=POST:/start operation-url=403",
            "match=POST:/start operation-hangs",
            "match=POST:/start foreign-location",
            "match=POST:/start reset-after",
            "match=GET:/locations/ status=500 times=90",
            "match=GET:/locations/ status=400 times=90",
            "match=GET:/locations/ truncated-body times=90",
        ] {
            let (_folder, world) = world_with(body, switches.clone(), &[fault]);
            let run = world.apply(ENDS, &[]);
            assert!(run.end.is_err(), "{fault}: {:#?}", run.applied);
            let (_, _, said) = failure(&run);
            assert!(said.contains("az containerapp job execution list"), "{fault}: {said}");
            assert!(said.contains("sent again"), "{fault}: {said}");
            assert_eq!(sent(&world, "start"), 1, "{fault}");
            assert_eq!(app(&world).model["tags"]["ran"], Json::Null, "{fault}");
            // What is there decides the next time.
            world.sandbox.set_faults(Vec::new());
            World::block_on(world.clock.sleep(std::time::Duration::from_secs(600)));
            world.apply(ENDS, &[]).ok();
            assert_eq!(sent(&world, "start"), 1, "{fault}");
        }
    }
}

#[test]
fn what_failed_is_not_done() {
    let switches = [Switches::default(), Switches::flip("job-start-location-only").unwrap()];
    for (body, switches) in
        both_ways(STARTED).iter().flat_map(|body| switches.iter().map(move |one| (body, one)))
    {
        let (_folder, world) = world_with(body, switches.clone(), &["match=POST:/start operation-fails"]);
        let run = world.apply(ENDS, &[]);
        let (_, _, said) = failure(&run);
        assert!(said.contains("Operation expired") && said.contains("what it began failed"), "{said}");
        assert_eq!(sent(&world, "start"), 1);
        assert_eq!(app(&world).model["tags"]["ran"], Json::Null);
    }
    for body in [STOPPED].into_iter().map(str::to_owned).chain(both_ways(STOPPED)) {
        let (_folder, world) = world_of(&body, &["match=POST:/stop operation-fails"]);
        let run = world.apply(ENDS, &[]);
        let (_, _, said) = failure(&run);
        assert!(said.contains("what it began failed"), "{said}");
        assert_eq!(sent(&world, "stop"), 1);
        assert_eq!(app(&world).model["tags"]["stands"], Json::Null);
    }
}

/// The resource tells where nothing of the answer is needed.
#[test]
fn where_the_address_refuses_the_resource_tells() {
    for fault in ["match=POST:/stop operation-url=404", "match=POST:/stop operation-url=403"] {
        let (_folder, world) = world_of(STOPPED, &[fault]);
        let run = world.apply(ENDS, &[]);
        let told = run.findings().into_iter().find(|one| one.name == "it stands").unwrap();
        assert_eq!(told.status, Status::Passed, "{fault}: {told:#?}");
        run.ok();
        assert_eq!((run.applied.writes.len(), sent(&world, "stop")), (2, 1), "{fault}");
    }
}

/// A restart answers nothing: what waits for something of it cannot.
#[test]
fn an_answer_without_what_is_waited_for_ends_the_run() {
    let body = "
steps:
  - id: web
    why: the app has the color
    container_app: { tags: { color: blue } }
  - id: again
    why: the replicas take it up
    triggered_by: [web]
    action: { resource: \"${app.id}/revisions/${app.properties.latestRevisionName}\", name: restart }
  - id: healthy
    why: it is healthy again
    wait:
      for: { type: Microsoft.App/containerApps/revisions, parent: \"${app}\", name: \"${steps.again.name}\" }
      until: \"${it.properties.healthState == 'Healthy'}\"
";
    let (_folder, world) = world_of(body, &[]);
    let run = world.apply(ENDS, &[]);
    let (_, diagnostic, said) = failure(&run);
    assert_eq!(diagnostic.code, codes::UNANSWERED, "{said}");
    assert!(
        said.contains("does not say what to wait for") && said.contains("az containerapp replica list"),
        "{said}"
    );
    assert_eq!(sent(&world, "restart"), 1);
    // In the next run it is not due, and there is nothing to wait for.
    world.apply(ENDS, &[]).ok();
    assert_eq!(sent(&world, "restart"), 1);
}

const RESTART: &str =
    "    action: { resource: \"${app.id}/revisions/${app.properties.latestRevisionName}\", name: restart }\n";

/// `never` holds for the one request if one of those who want it says so, in one recipe or in two.
#[test]
fn what_one_of_two_says_is_never_to_be_sent_again_is_sent_once() {
    let web = "steps:\n  - id: web\n    why: w\n    container_app: { tags: { color: blue } }\n";
    let plain = format!("  - id: a\n    why: a\n    triggered_by: [web]\n{RESTART}");
    let never = format!("  - id: b\n    why: b\n    triggered_by: [web]\n    retry: never\n{RESTART}");
    let recipes = |one: &str, two: &str| folder(&[("one", one), ("two", two)]);
    let apart = recipes(&format!("{web}{plain}"), &format!("{web}{never}"));
    let first = recipes(&format!("{web}{plain}{never}"), &format!("{web}{never}"));
    let last = recipes(&format!("{web}{never}{plain}"), &format!("{web}{plain}"));
    for (folder, names) in
        [(&apart, &["one", "two"][..]), (&apart, &["two", "one"]), (&first, &["one"]), (&last, &["one"])]
    {
        let fault = "match=POST:/restart reset-after times=9".parse().unwrap();
        let mut world = World::with(Switches::default(), vec![fault]);
        world.folders = vec![folder.path().to_owned()];
        let plan = world.plan(names, &[]).unwrap().plan;
        let told = acarecipe::render::plan(&PlanReport::new(&plan, Vec::new()), true);
        assert!(told.contains("if its answer is lost, the run stops"), "{told}");
        let run = world.apply(names, &[]);
        let (_, diagnostic, said) = failure(&run);
        assert_eq!(diagnostic.code, codes::UNANSWERED, "{said}");
        assert_eq!(sent(&world, "restart"), 1, "{names:?}");
    }
}

/// An execution of something else than the job says.
const INSTEAD: &str = "
existing:
  job: { type: Microsoft.App/jobs, name: nightly }
  runs: { type: Microsoft.App/jobs/executions, parent: \"${job.id}\", list: true }
steps:
  - id: start
    why: the job runs
    when: \"${length(runs) == `0`}\"
    action:
      resource: \"${job.id}\"
      name: start
      body:
        containers:
          - name: nightly
            image: \"ghcr.io/acarecipe/${job.tags.team}:1.0\"
            command: [sh, -c, \"echo \\e[2Jdone\"]
            env: [{ name: TOKEN, secretRef: token }]
            resources: { cpu: 0.5, memory: 1Gi }
";

#[test]
fn what_is_sent_with_it_is_shown_leaf_by_leaf() {
    let (_folder, world) = world_of(INSTEAD, &[]);
    let plan = world.plan(ENDS, &[]).unwrap().plan;
    let report = PlanReport::new(&plan, Vec::new());
    let told = acarecipe::render::plan(&report, true);
    for words in [
        "image",
        "ghcr.io/acarecipe/night:1.0",
        "\"sh\"",
        "secretRef",
        "\"token\"",
        "decides what comes of it",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("what the job says") && !told.contains("\u{1b}[2J"), "{told}");
    let json = serde_json::to_value(&report).unwrap();
    let changes = json["writes"][0]["changes"].as_array().unwrap();
    let image = changes.iter().find(|one| one["path"].as_str().unwrap().ends_with("image")).unwrap();
    assert_eq!(image["path"], "body.containers[0].image");
    assert_eq!(image["after"], "ghcr.io/acarecipe/night:1.0");
    let run = world.apply(ENDS, &[]);
    run.ok();
    assert_eq!(sent(&world, "start"), 1);
    described(&world);
}

/// Somebody changes what it is made of after the plan was shown.
#[test]
fn what_is_sent_with_it_is_approved_as_shown() {
    let (_folder, world) = world_of(INSTEAD, &[]);
    let (selection, target) = (world.selection(ENDS, &[]), world.target());
    let executor = world.executor();
    let end = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        assert!(!planned.plan.blocked());
        world.sandbox.edit(|state| {
            state.job_mut("nightly").unwrap().model["tags"]["team"] = "evil".into();
        });
        let done = std::sync::Mutex::default();
        executor.apply(&planned.plan, planned.facts, &selection, &target, &done).await
    });
    let Err(Failure::Changed(diagnostic)) = end else { panic!("{end:?}") };
    assert!(diagnostic.message.contains("body"), "{diagnostic:?}");
    assert_eq!(sent(&world, "start"), 0);
}
