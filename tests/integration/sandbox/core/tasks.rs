//! Registry tasks: uploads by link, runs that take their time, logs that grow.

use acarecipe::sandbox::http::{Reply, Request, Response};
use acarecipe::sandbox::roles::REPOSITORY_WRITER;
use acarecipe::sandbox::seed;
use base64::Engine as _;
use serde_json::{Value as Json, json};
use url::Url;

use super::{Got, START, World};
use crate::support::schema;

/// A Dockerfile of which nothing is missing.
pub(super) const DOCKERFILE: &str =
    "FROM python:3.13-slim\nCOPY app.py .\nEXPOSE 8080\nCMD [\"python\", \"app.py\"]\n";

/// An archive with a Dockerfile and `app.py`, not compressed.
pub(super) fn archive(dockerfile: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in [("Dockerfile", dockerfile), ("app.py", "print()")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A request to what a link leads to.
fn follow(world: &World, method: &str, link: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let url = Url::parse(link).unwrap();
    let reply = world.sandbox.handle(&Request {
        method: method.to_owned(),
        host: url.host_str().unwrap().to_owned(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_vec(),
    });
    match reply {
        Reply::Answer(response) => response,
        other => panic!("no answer but {other:?}"),
    }
}

fn put(world: &World, link: &str, body: &[u8]) -> u16 {
    let length = body.len().to_string();
    follow(world, "PUT", link, &[("x-ms-blob-type", "BlockBlob"), ("content-length", &length)], body).status
}

fn place(world: &World, registry: &str) -> (String, String) {
    let path = format!("{}/listBuildSourceUploadUrl", seed::registry_id(registry));
    let place = world.send("POST", &path, None).ok(200);
    let text = |name: &str| place[name].as_str().unwrap().to_owned();
    (text("uploadUrl"), text("relativePath"))
}

fn build(source: &str) -> Json {
    json!({
        "type": "DockerBuildRequest",
        "imageNames": ["made:1"],
        "isPushEnabled": true,
        "dockerFilePath": "Dockerfile",
        "platform": { "os": "Linux", "architecture": "amd64" },
        "sourceLocation": source,
    })
}

/// Sends an archive and starts a build of it.
pub(super) fn scheduled(world: &World, registry: &str, archive: &[u8]) -> Got {
    let (link, source) = place(world, registry);
    assert_eq!(put(world, &link, archive), 201);
    world.send("POST", &format!("{}/scheduleRun", seed::registry_id(registry)), Some(&build(&source)))
}

/// The log of a run as far as it is written.
fn log(world: &World, run: &Json, from: usize) -> Response {
    let link = world.send("POST", &format!("{}/listLogSasUrl", run["id"].as_str().unwrap()), None).ok(200);
    let range = format!("bytes={from}-");
    follow(world, "GET", link["logLink"].as_str().unwrap(), &[("x-ms-range", &range)], &[])
}

fn ended(world: &World, archive: &[u8]) -> (String, String) {
    let run = scheduled(world, seed::REGISTRY, archive).ok(200);
    world.settle();
    let status = world.get(run["id"].as_str().unwrap()).ok(200)["properties"]["status"].clone();
    (status.as_str().unwrap().to_owned(), String::from_utf8(log(world, &run, 0).body).unwrap())
}

#[test]
fn a_run_takes_its_time_and_pushes_an_image_that_listens_where_its_dockerfile_says() {
    let world = World::new();
    let run = scheduled(&world, seed::REGISTRY, &archive(DOCKERFILE)).ok(200);
    let id = run["id"].as_str().unwrap().to_owned();
    assert_eq!(run["properties"]["status"], "Queued");
    assert_eq!(log(&world, &run, 0).status, 404, "nothing is written before it begins");
    world.pass(10);
    assert_eq!(world.get(&id).ok(200)["properties"]["status"], "Running");
    let early = log(&world, &run, 0).body.len();
    world.pass(10);
    let later = log(&world, &run, early);
    assert_eq!(later.status, 206);
    assert!(!later.body.is_empty(), "the log grows");
    assert!(world.sandbox.state().registry(seed::REGISTRY).unwrap().find("made", "1").is_none());
    world.settle();
    let over = world.get(&id).ok(200);
    assert_eq!(over["properties"]["status"], "Succeeded");
    let image = &over["properties"]["outputImages"][0];
    assert_eq!((&image["repository"], &image["tag"]), (&json!("made"), &json!("1")));
    let state = world.sandbox.state();
    let (digest, manifest) = state.registry(seed::REGISTRY).unwrap().find("made", "1").unwrap();
    assert_eq!(image["digest"], digest);
    assert_eq!(manifest.listens, Some(8080));
    let whole = log(&world, &run, 0).body.len();
    assert_eq!(log(&world, &run, whole).status, 416, "at its end there is no more");
    if schema::specs().is_some() {
        assert!(schema::check(&world.sandbox.exchanges()).unwrap() > 5);
    }
}

#[test]
fn of_the_same_things_the_same_digest_is_made() {
    let made = |text: &str| {
        let world = World::new();
        scheduled(&world, seed::REGISTRY, &archive(text)).ok(200);
        world.settle();
        world.sandbox.state().registry(seed::REGISTRY).unwrap().find("made", "1").unwrap().0.to_owned()
    };
    assert_eq!(made(DOCKERFILE), made(DOCKERFILE));
    assert_ne!(made(DOCKERFILE), made("FROM python:3.14\n"));
}

#[test]
fn what_cannot_be_built_fails_in_the_words_of_the_builder() {
    for (text, words) in [
        ("FROM scratch\nCOPY missing.txt .\n", "COPY failed: file not found in build context"),
        ("FROM scratch\nRUN exit 1\n", "returned a non-zero code: 1"),
        ("RUN pip install flask\n", "no build stage in current context"),
    ] {
        let (status, log) = ended(&World::new(), &archive(text));
        assert_eq!(status, "Failed", "{text}");
        assert!(log.contains(words), "{log}");
    }
    for (bytes, words) in [
        (b"this is no archive".to_vec(), "failed to download source code"),
        (tar::Builder::new(Vec::new()).into_inner().unwrap(), "failed to download source code"),
    ] {
        let (status, log) = ended(&World::new(), &bytes);
        assert_eq!(status, "Failed");
        assert!(log.contains(words), "{log}");
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    tar.append_data(&mut header, "app.py", &b"x\n"[..]).unwrap();
    let (status, log) = ended(&World::new(), &tar.into_inner().unwrap());
    assert_eq!(status, "Failed");
    assert!(log.contains("unable to evaluate symlinks in Dockerfile path"), "{log}");
}

fn tested(world: &World, command: &str, entry: &str) -> (String, String) {
    let (link, source) = place(world, seed::REGISTRY);
    assert_eq!(put(world, &link, &archive(DOCKERFILE)), 201);
    let task = format!(
        "version: v1.1.0\nsteps:\n  - id: build\n    build: \"-t $Registry/made:1 --build-arg 'A=b c' -f 'Dockerfile' .\"\n  - id: test\n    cmd: \"$Registry/made:1 {command}\"\n    entryPoint: {entry}\n  - id: push\n    push: [\"$Registry/made:1\"]\n"
    );
    let body = json!({
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64::engine::general_purpose::STANDARD.encode(task),
        "platform": { "os": "Linux", "architecture": "amd64" },
        "sourceLocation": source,
    });
    let run = world.send("POST", &format!("{}/scheduleRun", seed::registry_id(seed::REGISTRY)), Some(&body));
    let run = run.ok(200);
    world.settle();
    let status = world.get(run["id"].as_str().unwrap()).ok(200)["properties"]["status"].clone();
    (status.as_str().unwrap().to_owned(), String::from_utf8(log(world, &run, 0).body).unwrap())
}

#[test]
fn a_test_is_only_pretended_and_a_failing_one_keeps_the_image_out() {
    let world = World::new();
    let (status, log) = tested(&world, "-c 'import psycopg2, numpy'", "python");
    assert_eq!(status, "Succeeded");
    assert!(log.contains("simulated") && log.contains("python -c import psycopg2, numpy"), "{log}");

    let world = World::new();
    world.edit(|state| {
        let tasks = &mut state.registry_mut(seed::REGISTRY).unwrap().tasks;
        tasks.broken_imports.insert("psycopg2".to_owned(), "libpq.so.5: cannot open".to_owned());
    });
    let (status, log) = tested(&world, "-c 'import psycopg2, numpy'", "python");
    assert_eq!(status, "Failed");
    assert!(log.contains("libpq.so.5"), "{log}");
    assert!(world.sandbox.state().registry(seed::REGISTRY).unwrap().find("made", "1").is_none());
}

#[test]
fn links_open_one_thing_for_a_while() {
    let world = World::new();
    let (link, _) = place(&world, seed::REGISTRY);
    let other = link.replace("sig=", "sig=0");
    assert_eq!(put(&world, &other, b"x"), 403);
    assert_eq!(follow(&world, "GET", &link, &[], &[]).status, 403);
    assert_eq!(follow(&world, "PUT", &link, &[("content-length", "1")], b"x").status, 400, "no blob type");
    assert_eq!(follow(&world, "PUT", &link, &[("x-ms-blob-type", "BlockBlob")], b"x").status, 411);
    world.pass(3601);
    assert_eq!(put(&world, &link, b"x"), 403);
}

#[test]
fn who_may_not_is_refused_and_a_subscription_without_tasks_always() {
    let world = World::new();
    let registry = seed::registry_id(seed::REGISTRY);
    for action in ["listBuildSourceUploadUrl", "scheduleRun"] {
        let path = format!("{registry}/{action}");
        world.by("reader").send("POST", &path, Some(&build("x"))).refused(403, "AuthorizationFailed");
    }
    world.by("app-scoped").get(&format!("{registry}/runs")).refused(403, "AuthorizationFailed");
    world.by("reader").get(&format!("{registry}/runs")).ok(200);
    world.edit(|state| state.registry_mut(seed::REGISTRY).unwrap().tasks.forbidden = true);
    world
        .send("POST", &format!("{registry}/scheduleRun"), Some(&build("x")))
        .refused(400, "TasksOperationsNotAllowed");
}

#[test]
fn where_roles_are_given_for_repositories_a_run_pushes_as_its_caller() {
    for (as_caller, role, end) in
        [(false, true, "Failed"), (true, false, "Failed"), (true, true, "Succeeded")]
    {
        let world = World::new();
        if role {
            let owner = world.sandbox.state().callers["owner"].principal.clone();
            let scope = seed::registry_id(seed::ABAC_REGISTRY);
            let long_ago = START - time::Duration::DAY;
            world.edit(|state| seed::assign_role(state, &scope, REPOSITORY_WRITER, &owner, long_ago));
        }
        let (link, source) = place(&world, seed::ABAC_REGISTRY);
        assert_eq!(put(&world, &link, &archive(DOCKERFILE)), 201);
        let mut body = build(&source);
        let mut path = format!("{}/scheduleRun", seed::registry_id(seed::ABAC_REGISTRY));
        if as_caller {
            body["credentials"] = json!({ "sourceRegistry": { "identity": "[caller]" } });
            path.push_str("?api-version=2025-03-01-preview");
        }
        let run = world.send("POST", &path, Some(&body)).ok(200);
        world.settle();
        let status = &world.get(run["id"].as_str().unwrap()).ok(200)["properties"]["status"];
        assert_eq!(status, end, "as caller {as_caller}, role {role}");
    }
}
