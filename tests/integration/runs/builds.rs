//! `image_build`: what is built, when nothing is, and what is said when it does not work.

use std::path::Path;
use std::sync::Arc;

use acarecipe::clock::Clock as _;
use acarecipe::execute::{Event, Executor, Failure, Hook, WriteEnd, WriteRecord};
use acarecipe::plan::Status;
use acarecipe::sandbox::roles::REPOSITORY_WRITER;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::Tasks;
use acarecipe::sandbox::{Exchange, Service, Switches};
use base64::Engine as _;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::super::support::world::{Run, START, World, failed};
use super::{app, works_and_stays};

const RECIPE: &[&str] = &["container-registry"];
const BUILDER: &[&str] = &["builder"];

const DOCKERFILE: &str = "FROM python:3.13-slim\nCOPY app.py .\nEXPOSE 8000\nCMD [\"python\", \"app.py\"]\n";

/// A recipe that only builds, with all that a build can be told.
const BUILDER_YAML: &str = "
name: builder
title: builds
category: test
complexity: low
inputs:
  acr_name: { default: acrdemo }
  context: { type: path, required: true }
  dockerfile: { default: Dockerfile }
  tags: { type: list, items: string, default: [] }
  platform: { default: linux/amd64 }
  args: { type: map, values: string, default: {} }
  test: { type: list, items: string, default: [] }
existing:
  registry: { type: Microsoft.ContainerRegistry/registries, name: \"${inputs.acr_name}\", search: subscription }
steps:
  - id: built
    why: an image
    image_build:
      registry: \"${registry}\"
      context: \"${inputs.context}\"
      dockerfile: \"${inputs.dockerfile}\"
      repository: team/made
      tags: \"${inputs.tags}\"
      platform: \"${inputs.platform}\"
      args: \"${inputs.args}\"
      test: \"${inputs.test}\"
outputs: { image: \"${steps.built.image}\", tag: \"${steps.built.tag}\" }
";

/// A folder with an app.
fn sources() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE).unwrap();
    std::fs::write(folder.path().join("app.py"), "print('hello')\n").unwrap();
    folder
}

fn parameter(input: &str, path: &Path) -> String {
    format!("{input}={}", path.display())
}

/// A world with the recipe `builder`.
fn builder() -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("builder")).unwrap();
    std::fs::write(folder.path().join("builder/recipe.yaml"), BUILDER_YAML).unwrap();
    let mut world = World::new();
    world.folders.push(folder.path().to_owned());
    (world, folder)
}

fn tasks(world: &World, change: impl FnOnce(&mut Tasks)) {
    world.sandbox.edit(|state| change(&mut state.registry_mut(seed::REGISTRY).unwrap().tasks));
}

fn posts(world: &World, action: &str) -> Vec<Exchange> {
    let all = world.sandbox.exchanges().into_iter();
    all.filter(|one| one.method == "POST" && one.path.ends_with(&format!("/{action}"))).collect()
}

fn uploads(world: &World) -> usize {
    world
        .sandbox
        .exchanges()
        .iter()
        .filter(|one| one.service == Service::Storage && one.method == "PUT")
        .count()
}

fn built(world: &World) -> usize {
    posts(world, "scheduleRun").iter().filter(|one| one.status == Some(200)).count()
}

fn image(world: &World) -> String {
    app(world).template()["containers"][0]["image"].as_str().unwrap().to_owned()
}

/// The diagnostic of a run that failed, as text.
#[track_caller]
fn told(run: &Run) -> (String, String) {
    let Err(failure) = &run.end else { panic!("the run worked") };
    let diagnostic = failure.diagnostic().unwrap();
    (diagnostic.code.0.to_owned(), format!("{diagnostic:#?}"))
}

#[test]
fn what_a_folder_holds_is_built_and_run_by_its_digest() {
    let (world, sources) = (World::new(), sources());
    let build = parameter("container-registry.build", sources.path());
    let run = works_and_stays(&world, RECIPE, &[&build]);
    assert_eq!((uploads(&world), built(&world)), (1, 1), "applied twice, built once");
    assert_eq!(run.applied.revisions.len(), 1);
    let state = world.sandbox.state();
    let repository = &state.registry(seed::REGISTRY).unwrap().repositories[seed::APP];
    let (tag, digest) = repository.tags.iter().next().unwrap();
    assert!(tag.starts_with("ctx-") && tag.len() == 20, "{tag}");
    assert_eq!(image(&world), format!("acrdemo.azurecr.io/{}@{digest}", seed::APP));
    let events = world.seen.events.lock().unwrap().clone();
    let lines: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Log { line } => Some(line.clone()),
            _ => None,
        })
        .collect();
    assert!(lines.iter().any(|line| line.starts_with("Step 1/4 : FROM python")), "{lines:#?}");
    assert!(lines.last().unwrap().contains("was successful"), "the log is read to its end: {lines:#?}");
    let first = events.iter().position(|event| matches!(event, Event::Log { .. })).unwrap();
    let last_run = events.iter().rposition(|event| matches!(event, Event::Run { .. })).unwrap();
    assert!(first < last_run, "lines come while the run is on");
}

#[test]
fn the_role_is_given_before_the_build_so_that_it_ages_meanwhile() {
    let (world, sources) = (World::new(), sources());
    world.apply(RECIPE, &[&parameter("container-registry.build", sources.path())]).ok();
    let sent: Vec<String> = world.sandbox.exchanges().iter().map(|one| one.path.clone()).collect();
    let at = |part: &str| sent.iter().position(|path| path.contains(part)).unwrap();
    let assigned = world
        .sandbox
        .exchanges()
        .iter()
        .position(|one| one.method == "PUT" && one.path.contains("roleAssignments"))
        .unwrap();
    let over = world.sandbox.exchanges().iter().rposition(|one| one.path.contains("/runs/cb1")).unwrap();
    assert!(assigned < over && at("scheduleRun") < over);
}

#[test]
fn a_changed_folder_is_another_image_and_a_changed_mtime_is_none() {
    let (world, sources) = (World::new(), sources());
    let build = parameter("container-registry.build", sources.path());
    world.apply(RECIPE, &[&build]).ok();
    let first = image(&world);
    // The same content, written again.
    std::fs::write(sources.path().join("app.py"), "print('hello')\n").unwrap();
    assert!(world.plan(RECIPE, &[&build]).unwrap().plan.writes.is_empty());
    std::fs::write(sources.path().join("app.py"), "print('bye')\n").unwrap();
    let planned = world.plan(RECIPE, &[&build]).unwrap().plan;
    assert_eq!(planned.writes.len(), 2, "the build, and the app");
    world.apply(RECIPE, &[&build]).ok();
    assert_ne!(image(&world), first);
    assert_eq!(built(&world), 2);
    // Back again: the first one is still there, and nothing is built.
    std::fs::write(sources.path().join("app.py"), "print('hello')\n").unwrap();
    world.apply(RECIPE, &[&build]).ok();
    assert_eq!((image(&world), built(&world)), (first, 2));
}

#[test]
fn everything_that_an_image_depends_on_is_in_its_tag() {
    let (world, _folder) = builder();
    let sources = sources();
    std::fs::write(sources.path().join("web.Dockerfile"), DOCKERFILE).unwrap();
    let context = parameter("builder.context", sources.path());
    let tag = |more: &[&str]| {
        let mut parameters = vec![context.as_str()];
        parameters.extend(more);
        let plan = world.plan(BUILDER, &parameters).unwrap().plan;
        assert!(plan.problems.is_empty(), "{:#?}", plan.problems);
        plan.outputs["builder"]["tag"].as_str().unwrap().to_owned()
    };
    let plain = tag(&[]);
    assert_eq!(plain, tag(&["builder.tags=v1,v2"]), "where it goes is no part of it");
    let others = [
        tag(&["builder.args.A=1"]),
        tag(&["builder.args.A=2"]),
        tag(&["builder.args.A1="]),
        tag(&["builder.platform=linux/arm64"]),
        tag(&["builder.dockerfile=web.Dockerfile"]),
        tag(&["builder.test=python,-V"]),
        tag(&["builder.test=python"]),
        // A test is no argument of its name: else it would count as passed.
        tag(&["builder.args.test=true"]),
        tag(&["builder.test=test,true"]),
        tag(&["builder.test=true"]),
        tag(&["builder.args.test=a", "builder.test=true"]),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, plain);
        assert!(!others[index + 1..].contains(other), "{others:?}");
    }
}

#[test]
fn arguments_platform_and_tags_are_typed_in_the_request() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    let parameters = [
        context.as_str(),
        "builder.args.WITH=a 'quoted' $(word)",
        "builder.tags=v1,latest",
        "builder.platform=linux/arm64",
    ];
    works_and_stays(&world, BUILDER, &parameters);
    let posts = posts(&world, "scheduleRun");
    assert_eq!(posts.len(), 1);
    let body = posts[0].request_body.as_ref().unwrap();
    assert_eq!(body["type"], "DockerBuildRequest");
    assert_eq!(body["arguments"][0]["value"], "a 'quoted' $(word)");
    assert_eq!(body["platform"]["architecture"], "arm");
    assert_eq!(body["platform"]["variant"], "v8");
    let state = world.sandbox.state();
    let tags = &state.registry(seed::REGISTRY).unwrap().repositories["team/made"].tags;
    assert!(tags.contains_key("v1") && tags.contains_key("latest") && tags.len() == 3, "{tags:?}");
}

fn digest_of(world: &World, tag: &str) -> Option<String> {
    world.sandbox.state().registry(seed::REGISTRY).unwrap().repositories["team/made"].tags.get(tag).cloned()
}

#[test]
fn a_further_tag_is_given_to_the_image_that_is_there_and_nothing_is_built() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    works_and_stays(&world, BUILDER, &[&context, "builder.tags=commit1"]);
    let first = digest_of(&world, "commit1").unwrap();
    let run = works_and_stays(&world, BUILDER, &[&context, "builder.tags=commit2,v1"]);
    assert_eq!(run.planned.plan.writes.len(), 1);
    assert_eq!((uploads(&world), built(&world)), (1, 1));
    assert_eq!(digest_of(&world, "commit2").as_ref(), Some(&first));
    assert_eq!(digest_of(&world, "v1").as_ref(), Some(&first));
    assert_eq!(digest_of(&world, "commit1").as_ref(), Some(&first), "others stay");
    // Only the registry is told, and with a token of its own.
    let puts: Vec<Exchange> = world
        .sandbox
        .exchanges()
        .into_iter()
        .filter(|one| one.service == Service::Registry && one.method == "PUT")
        .collect();
    assert_eq!(puts.len(), 2);
    assert!(puts.iter().all(|one| one.status == Some(201)), "{puts:#?}");
}

#[test]
fn the_app_runs_the_same_image_whatever_further_tag_a_pipeline_gives() {
    let (world, sources) = (World::new(), sources());
    let build = parameter("container-registry.build", sources.path());
    world.apply(RECIPE, &[&build, "container-registry.image_tag=commit1"]).ok();
    let before = image(&world);
    let run = world.apply(RECIPE, &[&build, "container-registry.image_tag=commit2"]);
    run.ok();
    assert_eq!((image(&world), built(&world)), (before, 1));
    assert!(run.applied.revisions.is_empty(), "{:#?}", run.applied);
}

#[test]
fn a_further_tag_that_stands_for_another_image_is_moved() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    let parameters = [context.as_str(), "builder.tags=latest"];
    world.apply(BUILDER, &parameters).ok();
    let first = digest_of(&world, "latest").unwrap();
    std::fs::write(sources.path().join("app.py"), "print('bye')\n").unwrap();
    world.apply(BUILDER, &parameters).ok();
    assert_ne!(digest_of(&world, "latest").unwrap(), first);
    // Back again: the tag goes back with it, and nothing is built.
    std::fs::write(sources.path().join("app.py"), "print('hello')\n").unwrap();
    works_and_stays(&world, BUILDER, &parameters);
    assert_eq!((digest_of(&world, "latest").unwrap(), built(&world)), (first, 2));
}

#[test]
fn a_registry_that_cannot_be_asked_keeps_its_tags_and_a_warning_says_so() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    world.sandbox.edit(|state| {
        variant::network_closed(state, seed::REGISTRY, true);
        let registry = state.registry_mut(seed::REGISTRY).unwrap();
        registry.properties["networkRuleBypassAllowedForTasks"] = serde_json::json!(true);
    });
    let tagged = [context.as_str(), "builder.tags=latest"];
    works_and_stays(&world, BUILDER, &tagged);
    let warnings = |parameters: &[&str]| {
        let plan = world.plan(BUILDER, parameters).unwrap().plan;
        assert!(plan.writes.is_empty(), "{:#?}", plan.writes);
        let warned = plan.prerequisites.iter().filter(|one| one.status == Status::Warning);
        warned.map(|one| format!("{one:?}")).collect::<Vec<_>>().join("\n")
    };
    assert!(!warnings(&tagged).contains("left as it is"), "the run that made it says that it has it");
    let told = warnings(&[&context, "builder.tags=commit2"]);
    assert!(told.contains("commit2 is left as it is") && told.contains("az acr import"), "{told}");
    // By what runs made, a tag of another image is not in place either.
    std::fs::write(sources.path().join("app.py"), "print('bye')\n").unwrap();
    world.apply(BUILDER, &tagged).ok();
    std::fs::write(sources.path().join("app.py"), "print('hello')\n").unwrap();
    assert!(warnings(&tagged).contains("latest is left as it is"));
}

#[test]
fn who_may_not_push_is_told_so_before_and_by_the_registry() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    world.apply(BUILDER, &[&context]).ok();
    let world = world.called_by("reader");
    let planned = world.try_apply(BUILDER, &[&context, "builder.tags=v2"]).err().unwrap();
    let told = format!("{:#?}", failed(&planned.plan.prerequisites));
    assert!(told.contains("registries/push/write") && !told.contains("scheduleRun"), "{told}");
    // A refusal of the registry itself.
    let world = world.called_by("owner");
    world.sandbox.set_faults(vec!["match=PUT:/manifests/ status=403".parse().unwrap()]);
    let (code, text) = self::told(&world.apply(BUILDER, &[&context, "builder.tags=v2"]));
    assert_eq!(code, "image-build");
    assert!(text.contains("the tag v2") && text.contains("AcrPush"), "{text}");
    assert_eq!(built(&world), 1);
}

/// The task that was sent.
fn task(world: &World) -> String {
    let posts = posts(world, "scheduleRun");
    let body = posts.last().unwrap().request_body.clone().unwrap();
    assert_eq!(body["type"], "EncodedTaskRunRequest");
    let content = body["encodedTaskContent"].as_str().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(content).unwrap()).unwrap()
}

#[test]
fn a_test_runs_in_the_image_before_it_is_pushed_and_quotes_keep_their_place() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    let nasty = "import a; print(\"x: 'y'\") # - id: evil";
    let test = format!("builder.test={}", serde_json::json!(["python", "-c", nasty]));
    let parameters = [context.as_str(), &test, "builder.args.A=it's: \"b\" && rm -rf / ; x"];
    works_and_stays(&world, BUILDER, &parameters);
    let task = task(&world);
    let read: Json = serde_saphyr::from_str(&task).unwrap();
    let ids: Vec<&str> =
        read["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["build", "test", "push"], "{task}");
    assert_eq!(read["steps"][1]["entryPoint"], "python");
    assert_eq!(read["steps"][1]["disableWorkingDirectoryOverride"], true);
    // The shell gives the words back as they were.
    for (line, words) in [
        (read["steps"][1]["cmd"].as_str().unwrap(), vec!["-c", nasty]),
        (
            read["steps"][0]["build"].as_str().unwrap(),
            vec!["A=it's: \"b\" && rm -rf / ; x", "Dockerfile", "."],
        ),
    ] {
        let out = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("for word in {}; do printf '%s\\n' \"$word\"; done", line.replace("$Registry", "r")),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        for word in words {
            assert!(text.lines().any(|line| line == word), "{word} in {text}");
        }
    }
    let log = world.seen.events.lock().unwrap().clone();
    let simulated = |event: &Event| matches!(event, Event::Log { line } if line.contains("simulated") && line.contains("python -c"));
    assert!(log.iter().any(simulated), "that nothing is run is said");
}

#[test]
fn what_the_language_of_tasks_would_read_into_a_test_is_refused() {
    let (world, _folder) = builder();
    let sources = sources();
    let context = parameter("builder.context", sources.path());
    for bad in ["$Registry", "{{.Run.ID}}", "`id`", "a\\nb"] {
        let test = format!("builder.test={}", serde_json::json!(["python", bad]));
        let plan = world.plan(BUILDER, &[&context, &test]).unwrap().plan;
        assert!(plan.problems.iter().any(|one| one.code.0 == "bad-value"), "{bad}: {:#?}", plan.problems);
    }
    let plan = world.plan(BUILDER, &[&context, "builder.test=sh -c x"]).unwrap().plan;
    assert!(!plan.problems.is_empty());
    for bad in ["builder.platform=linux/mips", "builder.tags=a b", "builder.args.A-B=1"] {
        let plan = world.plan(BUILDER, &[&context, bad]).unwrap().plan;
        assert!(plan.problems.iter().any(|one| one.code.0 == "bad-value"), "{bad}");
    }
}

#[test]
fn a_failing_test_is_told_and_nothing_is_pushed() {
    let (world, _folder) = builder();
    let sources = sources();
    tasks(&world, |tasks| {
        tasks.broken_imports.insert("psycopg2".to_owned(), "libpq.so.5: cannot open".to_owned());
    });
    let context = parameter("builder.context", sources.path());
    let test = r#"builder.test=["python","-c","import psycopg2"]"#;
    let run = world.apply(BUILDER, &[&context, test]);
    let (code, text) = told(&run);
    assert_eq!(code, "image-test");
    assert!(text.contains("nothing was pushed") && text.contains("libpq.so.5"), "{text}");
    assert!(!world.sandbox.state().registry(seed::REGISTRY).unwrap().repositories.contains_key("team/made"));
    // Mended, the same command builds anew.
    tasks(&world, |tasks| tasks.broken_imports.clear());
    world.apply(BUILDER, &[&context, test]).ok();
}

#[test]
fn a_failing_step_is_named_with_its_last_lines_and_the_app_is_left() {
    let (world, sources) = (World::new(), sources());
    std::fs::write(sources.path().join("Dockerfile"), format!("{DOCKERFILE}RUN exit 1\n")).unwrap();
    let run = world.apply(RECIPE, &[&parameter("container-registry.build", sources.path())]);
    let (code, text) = told(&run);
    assert_eq!(code, "image-build");
    assert!(text.contains("Step 5/5 : RUN exit 1") && text.contains("non-zero code: 1"), "{text}");
    assert!(text.contains("az acr task logs --registry acrdemo --run-id cb1"), "{text}");
    assert_eq!(image(&world), seed::IMAGE);
    // A log may come from anybody: no pipeline obeys it.
    tasks(&world, |tasks| tasks.broken_step = Some("pip".to_owned()));
    std::fs::write(
        sources.path().join("Dockerfile"),
        "FROM x\nRUN pip ##vso[task.setvariable variable=a]b \u{1b}[31m\n",
    )
    .unwrap();
    let run = world.apply(RECIPE, &[&parameter("container-registry.build", sources.path())]);
    let (_, text) = told(&run);
    let events = format!("{:?}", world.seen.events.lock().unwrap());
    for text in [text, events] {
        assert!(!text.contains("##vso[") && !text.contains('\u{1b}') && !text.contains("\\u{1b}"), "{text}");
    }
}

#[test]
fn what_keeps_a_registry_from_building_is_explained() {
    let sources = sources();
    let build = parameter("container-registry.build", sources.path());
    let world = World::new();
    tasks(&world, |tasks| tasks.forbidden = true);
    let (code, text) = told(&world.apply(RECIPE, &[&build]));
    assert_eq!(code, "image-build");
    assert!(text.contains("TasksOperationsNotAllowed") && text.contains("docker build"), "{text}");
    assert_eq!(posts(&world, "scheduleRun").len(), 1, "asking again changes nothing");

    let world = World::new();
    tasks(&world, |tasks| tasks.full = true);
    let (code, text) = told(&world.apply(RECIPE, &[&build]));
    assert_eq!(code, "image-build");
    assert!(text.contains("no more runs") && text.contains("list-runs"), "{text}");

    // Closed to its own tasks: told before anything is sent.
    let world = World::new();
    world.sandbox.edit(|state| variant::network_closed(state, seed::REGISTRY, true));
    let planned = world.try_apply(RECIPE, &[&build]).err().unwrap();
    let told = failed(&planned.plan.prerequisites);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].fix.as_ref().unwrap().contains("networkRuleBypassAllowedForTasks=true"));
    assert_eq!(uploads(&world), 0);
}

#[test]
fn rights_that_are_missing_are_told_with_the_smallest_role() {
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let (world, _folder) = builder();
    let world = world.called_by("reader");
    let planned = world.try_apply(BUILDER, &[&build]).err().unwrap();
    let told = failed(&planned.plan.prerequisites);
    let told = format!("{told:#?}");
    for part in [
        "scheduleRun/action",
        "listBuildSourceUploadUrl/action",
        "listLogSasUrl/action",
        "Container Registry Tasks Contributor",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(uploads(&world), 0);
    // A contributor may.
    let (world, _folder) = builder();
    works_and_stays(&world.called_by("contributor"), BUILDER, &[&build]);
}

#[test]
fn behind_a_firewall_the_runs_tell_what_was_built() {
    let sources = sources();
    let build = parameter("container-registry.build", sources.path());
    for flip in [None, Some("images-named-at-end")] {
        let world =
            flip.map_or_else(World::new, |flip| World::with(Switches::flip(flip).unwrap(), Vec::new()));
        world.sandbox.edit(|state| {
            variant::network_closed(state, seed::REGISTRY, true);
            let registry = state.registry_mut(seed::REGISTRY).unwrap();
            registry.properties["networkRuleBypassAllowedForTasks"] = serde_json::json!(true);
        });
        let run = world.apply(RECIPE, &[&build]);
        run.ok();
        let again = world.plan(RECIPE, &[&build]).unwrap().plan;
        assert!(again.writes.is_empty(), "{:#?}", again.writes);
        assert_eq!((uploads(&world), built(&world)), (1, 1));
        assert!(image(&world).contains("@sha256:"));
    }
}

#[test]
fn where_roles_are_given_for_repositories_the_run_signs_in_as_the_caller() {
    let (world, _folder) = builder();
    let sources = sources();
    let owner = world.sandbox.state().callers["owner"].principal.clone();
    world.sandbox.edit(|state| {
        let scope = seed::registry_id(seed::ABAC_REGISTRY);
        seed::assign_role(state, &scope, REPOSITORY_WRITER, &owner, START - time::Duration::DAY);
    });
    let context = parameter("builder.context", sources.path());
    let run = world.apply(BUILDER, &[&context, "builder.acr_name=acrabac"]);
    run.ok();
    let warned = run.planned.plan.prerequisites.iter().find(|one| one.status == Status::Warning).unwrap();
    assert!(warned.detail.as_ref().unwrap().contains("Container Registry Repository Writer"));
    let post = &posts(&world, "scheduleRun")[0];
    assert_eq!(post.request_body.as_ref().unwrap()["credentials"]["sourceRegistry"]["identity"], "[caller]");
    assert!(world.plan(BUILDER, &[&context, "builder.acr_name=acrabac"]).unwrap().plan.writes.is_empty());
}

#[test]
fn a_run_that_is_on_is_waited_for_and_none_is_started_twice() {
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    // A run names its images late, or at once.
    for flip in [None, Some("images-named-at-end")] {
        let (mut world, _folder) = builder();
        if let Some(flip) = flip {
            let folders = world.folders.clone();
            world = World::with(Switches::flip(flip).unwrap(), Vec::new());
            world.folders = folders;
        }
        // The answer to the request that started it is lost.
        world.sandbox.set_faults(vec!["match=POST:/scheduleRun reset-after".parse().unwrap()]);
        world.apply(BUILDER, &[&build]).ok();
        assert_eq!(posts(&world, "scheduleRun").len(), 1, "{flip:?}");
        assert_eq!(world.sandbox.state().registry(seed::REGISTRY).unwrap().tasks.runs.len(), 1);
    }
}

/// Somebody asks to stop once a build was started.
struct Stopping(acarecipe::execute::Interrupt);

impl Hook for Stopping {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        Ok(())
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {
        self.0.request();
    }
}

/// A run that somebody else started a while ago; it is over after `lasts`, and fails.
fn of_somebody_else(world: &World, lasts: time::Duration) {
    let now = world.clock.now();
    tasks(world, |tasks| {
        tasks.runs.push(acarecipe::sandbox::state::TaskRun {
            id: "cb1".to_owned(),
            kind: "QuickBuild".to_owned(),
            platform: serde_json::json!({ "os": "Linux", "architecture": "amd64" }),
            created: now - time::Duration::minutes(1),
            starts: now - time::Duration::minutes(1),
            ends: now + lasts,
            images: vec![("theirs".to_owned(), "v1".to_owned())],
            digest: format!("sha256:{}", "a".repeat(64)),
            listens: None,
            log: vec!["a line of somebody else".to_owned(); 40],
            end: "Failed".to_owned(),
            error: None,
            key: "k".repeat(64),
            pushed: false,
        });
    });
}

#[test]
fn a_run_of_somebody_else_is_neither_waited_for_nor_taken_for_ours() {
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let (world, _folder) = builder();
    of_somebody_else(&world, time::Duration::hours(1));
    world.apply(BUILDER, &[&build]).ok();
    assert!(world.clock.now() < START + time::Duration::minutes(5), "{}", world.clock.now());
    // Nor when our own has to be found among those that are on.
    std::fs::write(sources.path().join("app.py"), "print('bye')\n").unwrap();
    world.sandbox.set_faults(vec!["match=POST:/scheduleRun reset-after".parse().unwrap()]);
    world.apply(BUILDER, &[&build]).ok();
    assert_eq!(posts(&world, "scheduleRun").len(), 2);
    assert!(world.clock.now() < START + time::Duration::minutes(10), "{}", world.clock.now());
    let events = format!("{:?}", world.seen.events.lock().unwrap());
    assert!(!events.contains("somebody else"), "its log is not shown");
}

#[test]
fn an_upload_that_hangs_is_tried_again_and_says_that_it_is_at_it() {
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let (world, _folder) = builder();
    world.sandbox.set_faults(vec!["match=PUT:/source/ silence-before".parse().unwrap()]);
    world.apply(BUILDER, &[&build]).ok();
    assert_eq!(built(&world), 1);
    assert!(world.clock.now() < START + time::Duration::minutes(5), "{}", world.clock.now());
    let events = world.seen.events.lock().unwrap().clone();
    assert!(events.iter().any(|event| matches!(event, Event::Sending { .. })));
}

#[test]
fn stopped_while_a_run_is_on_the_next_apply_joins_it_if_it_names_the_image() {
    let (mut world, _folder) = builder();
    let folders = world.folders.clone();
    world = World::with(Switches::flip("images-named-at-end").unwrap(), Vec::new());
    world.folders = folders;
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let interrupt = acarecipe::execute::Interrupt::default();
    let hook = Arc::new(Stopping(interrupt.clone()));
    let executor = Executor { hook, interrupt, ..world.executor() };
    let (selection, target) = (world.selection(BUILDER, &[&build]), world.target());
    let ended = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        let done = std::sync::Mutex::default();
        executor.apply(&planned.plan, planned.facts, &selection, &target, &done).await
    });
    assert!(matches!(ended, Err(Failure::Interrupted)));
    world.apply(BUILDER, &[&build]).ok();
    assert_eq!((uploads(&world), built(&world)), (1, 1), "the run of the first command was taken over");
}

#[test]
fn a_folder_that_changes_after_the_plan_is_not_sent() {
    let (world, _folder) = builder();
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let (selection, target, executor) =
        (world.selection(BUILDER, &[&build]), world.target(), world.executor());
    let ended = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await.unwrap();
        std::fs::write(sources.path().join("app.py"), "print('other')\n").unwrap();
        let done = std::sync::Mutex::default();
        executor.apply(&planned.plan, planned.facts, &selection, &target, &done).await
    });
    let Err(Failure::Changed(diagnostic)) = ended else { panic!("{ended:?}") };
    assert_eq!(diagnostic.code.0, "changed-meanwhile");
    assert_eq!((uploads(&world), built(&world)), (0, 0));
}

#[test]
fn what_cannot_be_sent_is_told_before_anything_is() {
    let world = World::new();
    let empty = tempfile::tempdir().unwrap();
    let planned =
        world.try_apply(RECIPE, &[&parameter("container-registry.build", empty.path())]).err().unwrap();
    let told = failed(&planned.plan.prerequisites);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0].code.0, "context");
    assert!(told[0].detail.as_ref().unwrap().contains("no Dockerfile"));
}

#[test]
fn a_run_that_is_never_over_ends_at_the_deadline_and_says_that_it_goes_on() {
    let (mut world, _folder) = builder();
    world.timeout = std::time::Duration::from_secs(20);
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    let run = world.apply(BUILDER, &[&build]);
    let (code, text) = told(&run);
    assert_eq!(code, "deadline");
    assert!(text.contains("run cb1 of acrdemo goes on"), "{text}");
    assert!(world.clock.now() <= START + time::Duration::seconds(60));
    world.timeout = std::time::Duration::from_secs(600);
    // Once it is over, what it made is taken.
    World::block_on(world.clock.sleep(std::time::Duration::from_secs(600)));
    assert!(world.plan(BUILDER, &[&build]).unwrap().plan.writes.is_empty());
    assert_eq!(built(&world), 1);
}

#[test]
fn links_are_in_nothing_that_anybody_is_told() {
    let (world, _folder) = builder();
    let sources = sources();
    let build = parameter("builder.context", sources.path());
    for fault in
        ["match=PUT:/source/ reset-before", "match=PUT:/source/ status=500", "match=GET:/logs/ status=500"]
    {
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        std::fs::write(sources.path().join("app.py"), fault).unwrap();
        let run = world.apply(BUILDER, &[&build]);
        let state = world.sandbox.state();
        let tasks = &state.registry(seed::REGISTRY).unwrap().tasks;
        let keys: Vec<&String> =
            tasks.uploads.iter().map(|one| &one.key).chain(tasks.runs.iter().map(|one| &one.key)).collect();
        assert!(!keys.is_empty());
        let told = format!(
            "{:?} {:?} {:?} {:?}",
            world.seen.events.lock().unwrap(),
            world.seen.writes.lock().unwrap(),
            run.applied,
            run.end.as_ref().err()
        );
        for key in keys {
            assert!(!told.contains(key.as_str()), "{fault}");
        }
        assert!(!told.contains("sig="), "{fault}");
    }
    // No token goes to the storage, and each upload is a group of requests of its own.
    let storage: Vec<Exchange> =
        world.sandbox.exchanges().into_iter().filter(|one| one.service == Service::Storage).collect();
    assert!(storage.len() > 3);
    assert!(storage.iter().all(|one| one.caller.is_none()));
    let ids: std::collections::BTreeSet<Option<String>> = posts(&world, "listBuildSourceUploadUrl")
        .iter()
        .map(|one| one.header("x-ms-correlation-request-id").map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), posts(&world, "listBuildSourceUploadUrl").len(), "{ids:?}");
}

#[test]
fn a_recipe_sends_no_folder_that_the_caller_did_not_name() {
    let world = |yaml: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("builder/image")).unwrap();
        std::fs::write(folder.path().join("builder/image/Dockerfile"), "FROM x\n").unwrap();
        std::fs::write(folder.path().join("builder/recipe.yaml"), yaml).unwrap();
        let mut world = World::new();
        world.folders.push(folder.path().to_owned());
        (world, folder)
    };
    let context = "context: \"${inputs.context}\"";
    // Written out, it lies beneath the recipe's folder.
    let own = BUILDER_YAML.replace(context, "context: image").replace("required: true", "default: .");
    let (world_of_own, _folder) = world(&own);
    let plan = world_of_own.plan(BUILDER, &[]).unwrap().plan;
    assert_eq!(plan.writes.len(), 1, "{:#?} {:#?}", plan.problems, failed(&plan.prerequisites));
    // Refused when it is loaded: out of it, put together, or an input of another type.
    for bad in [
        "context: ../../secrets",
        "context: /etc",
        "context: \"${inputs.dockerfile}\"",
        "context: \"${inputs.context}/x\"",
    ] {
        let (bad_world, _folder) = world(&BUILDER_YAML.replace(context, bad));
        let loaded = acarecipe::recipe::Catalogue::load(&bad_world.folders, false);
        assert!(loaded.is_err(), "{bad}");
    }
    // A default leads nowhere else than where the command runs.
    let default = BUILDER_YAML
        .replace("context: { type: path, required: true }", "context: { type: path, default: ../.. }");
    let (bad_world, _folder) = world(&default);
    assert!(acarecipe::recipe::Catalogue::load(&bad_world.folders, false).is_err());
    // Nor one that is put together.
    let made = BUILDER_YAML.replace(
        "context: { type: path, required: true }",
        "context: { type: path, default: \"${join('', ['/', 'etc'])}\" }",
    );
    let (bad_world, _folder) = world(&made);
    assert!(acarecipe::recipe::Catalogue::load(&bad_world.folders, false).is_err());
    // No secret into an argument.
    let secret = BUILDER_YAML
        .replace("  dockerfile: {", "  key: { secret: true, required: true }\n  dockerfile: {")
        .replace("args: \"${inputs.args}\"", "args: { KEY: \"${inputs.key}\" }");
    let (bad_world, _folder) = world(&secret);
    let found = acarecipe::recipe::Catalogue::load(&bad_world.folders, false).unwrap_err();
    assert!(found.iter().any(|one| one.code.0 == "secret-misplaced"), "{found:#?}");
}
