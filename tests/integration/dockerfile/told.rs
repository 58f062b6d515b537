//! What a person and a program are told of a Dockerfile: by `custom-container`, over files as they lie there.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::place::Place;

const LINE: &str =
    "check custom-container --sandbox -p custom-container.acr_name=acrdemo -p custom-container.context=app";

/// A place with a folder `app` that holds these files.
fn with(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    for (name, text) in files {
        let path = place.work().join("app").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    place
}

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/custom-container/app");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The judgements of the Dockerfile that did not pass: name, status, place.
fn findings(place: &Place, line: &str, code: i32) -> Vec<(String, String, Value)> {
    let report = place.line(&format!("{line} -o json")).code(code).json();
    let all = report["prerequisites"].as_array().unwrap().iter();
    all.filter(|one| one["name"].as_str().unwrap().contains("Dockerfile") && one["status"] != "passed")
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            (text("name"), text("status"), one["at"].clone())
        })
        .collect()
}

fn told(rule: &str, status: &str, at: &str) -> (String, String, Value) {
    (format!("the Dockerfile: {rule}"), status.to_owned(), json!(at))
}

#[test]
fn a_finding_is_told_with_its_place_a_reason_and_a_way_out() {
    let place = with(&[
        (
            "Dockerfile",
            "FROM python:latest\nENV DB_PASSWORD=hunter2\nCOPY app.py .\nCMD gunicorn -b 127.0.0.1:5000 app:app\n",
        ),
        ("app.py", "import flask\n"),
        (".dockerignore", "*\n!app.py\n"),
    ]);
    let outcome = place.line(LINE).code(3);
    let text = outcome.scrubbed();
    let start = text.find("  ✗ custom-container: the Dockerfile: base-unpinned").unwrap();
    let end = text.find("  ✓ custom-container: the app has ingress").unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    for words in ["app/Dockerfile:1:6", "accept=root-user", "whoever can pull it reads it", "5000", "SIGTERM"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    insta::assert_snapshot!(&text[start..end], @r##"
    ✗ custom-container: the Dockerfile: base-unpinned
        the base python:latest is whatever is newest when it is built, so that a build of the same files may give another image. To mend it: name a version: FROM python:VERSION. (https://docs.docker.com/build/building/best-practices/#pin-base-image-versions)
        at: app/Dockerfile:1:6
        fix: acarecipe check custom-container -p custom-container.accept=base-unpinned
    ✗ custom-container: the Dockerfile: secret-in-environment
        DB_PASSWORD is set in the image, where whoever can pull it reads it. To mend it: take it out; set it as a secret of the container app: acarecipe show key-vault-reference. (https://docs.docker.com/build/building/secrets/)
        at: app/Dockerfile:2:5
        fix: acarecipe check custom-container -p custom-container.accept=secret-in-environment
    ✗ custom-container: the Dockerfile: root-user
        there is no USER, so that the app runs as root: who breaks into it owns the container. To mend it: before CMD: USER 10001:10001. (https://docs.docker.com/build/building/best-practices/#user)
        at: app/Dockerfile:4:1
        fix: acarecipe check custom-container -p custom-container.accept=root-user
    ✗ custom-container: the Dockerfile: localhost
        the app listens on 127.0.0.1, where no request from outside of the container arrives (gunicorn -b). To mend it: listen on all addresses: gunicorn --bind=0.0.0.0:8000, uvicorn --host=0.0.0.0. (https://learn.microsoft.com/azure/container-apps/ingress-overview)
        at: app/Dockerfile:4:1
        fix: acarecipe check custom-container -p custom-container.accept=localhost
    ✗ custom-container: the Dockerfile: port
        the app listens on 5000 (gunicorn -b), but requests come to the target port 8000. To mend it: listen on 8000, or set target_port to 5000. (https://learn.microsoft.com/azure/container-apps/ingress-overview)
        at: app/Dockerfile:4:1
        fix: acarecipe check custom-container -p custom-container.accept=port
    ! custom-container: the Dockerfile: health-route
        no Python file has the route /health, which the probes ask for. To mend it: @app.get("/health"), or set health_path to the route it has. (https://learn.microsoft.com/azure/container-apps/health-probes)
        at: app/Dockerfile:1:1
        fix: acarecipe check custom-container -p custom-container.accept=health-route
    ! custom-container: the Dockerfile: shell-form
        a shell is the first process and does not pass SIGTERM on, so that the app is killed in the middle of requests when a replica ends. To mend it: CMD ["program", "word"], or CMD exec program …. (https://learn.microsoft.com/azure/container-apps/application-lifecycle-management#shutdown)
        at: app/Dockerfile:4:1
        fix: acarecipe check custom-container -p custom-container.accept=shell-form
    "##);
    assert_eq!(
        findings(&place, LINE, 3),
        [
            told("base-unpinned", "failed", "app/Dockerfile:1:6"),
            told("secret-in-environment", "failed", "app/Dockerfile:2:5"),
            told("root-user", "failed", "app/Dockerfile:4:1"),
            told("localhost", "failed", "app/Dockerfile:4:1"),
            told("port", "failed", "app/Dockerfile:4:1"),
            told("health-route", "warning", "app/Dockerfile:1:1"),
            told("shell-form", "warning", "app/Dockerfile:4:1"),
        ]
    );
}

#[test]
fn the_sample_has_no_finding_at_all() {
    let names = ["Dockerfile", ".dockerignore", "app.py", "requirements.txt"];
    let texts: Vec<(&str, String)> = names.iter().map(|name| (*name, sample(name))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let place = with(&files);
    // What a laptop has beside it is left out by the sample's .dockerignore.
    fs::create_dir_all(place.work().join("app/.git")).unwrap();
    fs::write(place.work().join("app/.env"), "TOKEN=x").unwrap();
    assert_eq!(findings(&place, LINE, 0), []);
    // The same without one.
    fs::remove_file(place.work().join("app/.dockerignore")).unwrap();
    assert_eq!(
        findings(&place, LINE, 3),
        [
            told("secret-in-context", "failed", "app/.env"),
            told("dockerignore", "warning", "app/.dockerignore"),
        ]
    );
    // BuildKit's, beside the Dockerfile, counts before the folder's.
    fs::write(place.work().join("app/.dockerignore"), "*\n!app.py\n").unwrap();
    fs::write(place.work().join("app/Dockerfile.dockerignore"), ".env\n").unwrap();
    assert_eq!(findings(&place, LINE, 0), [told("dockerignore", "warning", "app/.git")]);
}

#[test]
fn requirements_are_read_where_pip_finds_them() {
    let place = with(&[
        ("Dockerfile", &sample("Dockerfile")),
        (".dockerignore", &sample(".dockerignore")),
        ("app.py", &sample("app.py")),
        ("requirements.txt", "-r base.txt\ngunicorn==23.0.0\n"),
        ("base.txt", "# a comment\nflask>=3\n"),
    ]);
    assert_eq!(findings(&place, LINE, 0), [told("requirements-unpinned", "warning", "app/base.txt:2:1")]);
}

#[test]
fn what_is_accepted_is_not_told_again() {
    let place = with(&[
        ("Dockerfile", "FROM python:3.13-slim\nENV PORT=8000\nCMD [\"gunicorn\", \"app:app\"]\n"),
        (".dockerignore", "*\n"),
    ]);
    assert_eq!(findings(&place, LINE, 3), [told("root-user", "failed", "app/Dockerfile:3:1")]);
    let accepted = format!("{LINE} -p custom-container.accept=root-user");
    assert_eq!(findings(&place, &accepted, 0), []);
    let unknown = format!("{LINE} -p custom-container.accept=root-user,rootuser");
    assert_eq!(findings(&place, &unknown, 3), [told("unknown-rule", "failed", "app/Dockerfile")]);
}

#[test]
fn without_a_dockerfile_it_says_how_to_begin() {
    let place = with(&[("app.py", "")]);
    let text = place.line(LINE).code(3).scrubbed();
    assert!(text.contains("fix: acarecipe scaffold custom-container app"), "{text}");
    assert_eq!(findings(&place, LINE, 3)[0].2, json!("app/Dockerfile"));
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_context_is_not_read() {
    let place = with(&[("app.py", "")]);
    fs::write(place.work().join("outside"), "FROM secret-base:latest\nRUN token\n").unwrap();
    std::os::unix::fs::symlink("../outside", place.work().join("app/Dockerfile")).unwrap();
    let outcome = place.line(LINE).code(3);
    assert!(outcome.stdout.contains("leads out of the folder"), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("secret-base"), "{}", outcome.stdout);
    let outside = format!("{LINE} -p custom-container.dockerfile=../outside");
    let outcome = place.line(&outside).code(3);
    assert!(!outcome.stdout.contains("secret-base"), "{}", outcome.stdout);
}

#[test]
fn what_a_dockerfile_says_cannot_steer_a_terminal() {
    let place =
        with(&[("Dockerfile", "FROM a\u{1b}[2Jb\nUSER 1\nFOO\u{1b}]0;x\u{7} y\n"), (".dockerignore", "*\n")]);
    let outcome = place.line(LINE).code(3);
    assert!(
        outcome.stdout.contains("base-unpinned") && !outcome.stdout.contains('\u{1b}'),
        "{}",
        outcome.stdout
    );
}
