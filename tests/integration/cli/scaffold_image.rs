//! `scaffold --requirements`: a Dockerfile that gives a project what its native packages need, and that no analysis
//! finds anything wrong with.

use std::collections::BTreeMap;

use acarecipe::dockerfile::Dockerfile;
use acarecipe::dockerfile::rules::{Asked, Entry, Requirement, judge as judge_dockerfile};
use acarecipe::recipe::Catalogue;
use acarecipe::requirements::{
    Environment, Family, Requirements, Scaffold, Stages, Table, from_files, judge, read,
};

use super::place::Place;

static TABLE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(|| {
    let catalogue = Catalogue::built_in().unwrap();
    Table::read(&catalogue.get("native-dependencies").unwrap().data["packages"].value).unwrap()
});

fn requirements(text: &str) -> Requirements {
    let files = std::iter::once(("requirements.txt".to_owned(), text.as_bytes().to_vec())).collect();
    read("requirements.txt", &[], from_files(&files)).unwrap()
}

/// Every finding of both analyses on a Dockerfile that is written for these requirements.
fn found(text: &str, family: Family, python: u32) -> Vec<String> {
    let requirements = requirements(text);
    let table = &*TABLE;
    let scaffold = Scaffold {
        requirements: &requirements,
        table,
        environment: Environment { family: Some(family), python: Some(python), ..Environment::default() },
        files: &["app.py".to_owned()],
        folders: &[],
        only_binary: false,
        port: 8000,
    };
    let written = scaffold.dockerfile();
    let model = Dockerfile::parse(&written);
    assert!(model.mistakes.is_empty(), "{:?}\n{written}", model.mistakes);
    let stages = Stages::of(&model, "Dockerfile").unwrap();
    assert_eq!(stages.installed_in(), scaffold.environment(), "{written}");
    let needs = judge(&requirements, table, &stages.installed_in());
    let mut all: Vec<String> = stages
        .judge(&needs, &stages.installed_in())
        .iter()
        .map(|one| format!("{} {}: {}", one.rule, one.place.at(), one.message))
        .collect();
    let entry = |path: &str| Entry { path: path.to_owned(), folder: false };
    let context = [entry("app.py"), entry("requirements.txt"), entry("Dockerfile"), entry(".dockerignore")];
    let installed = requirements.packages.iter().map(|one| Requirement {
        name: one.name.clone(),
        file: one.place.file.clone(),
        line: one.place.line,
        pinned: one.pinned(),
        hashed: one.hashes > 0,
    });
    let source = "import os\nfrom flask import Flask\n\napp = Flask(__name__)\n\n@app.get('/health')\ndef health():\n    return 'ok'\n\napp.run(host='0.0.0.0', port=int(os.environ['PORT']))\n";
    let asked = Asked {
        dockerfile: &model,
        file: "Dockerfile",
        folder: "",
        ignore: true,
        context: Some(&context),
        sent: Some(&context[..2]),
        requirements: BTreeMap::from([("requirements.txt".to_owned(), installed.collect())]),
        sources: Some(vec![source.to_owned()]),
        port: Some(8000),
        health: Some("/health"),
    };
    all.extend(
        judge_dockerfile(&asked, &[])
            .findings
            .iter()
            // Of the file that somebody else wrote.
            .filter(|one| !one.rule.starts_with("requirements-"))
            .map(|one| format!("{} {}: {}\n{written}", one.rule, one.at(), one.message)),
    );
    all
}

const FAMILIES: [Family; 2] = [Family::Debian, Family::Alpine];

/// Each package of the table alone and with each server, on each distribution and Python: nothing is found.
#[test]
fn for_every_native_package_a_dockerfile_that_nothing_is_found_in() {
    let names: Vec<&str> = TABLE.names().collect();
    assert!(names.len() >= 30, "{names:?}");
    for family in FAMILIES {
        for python in [11, 14, 19] {
            for name in &names {
                for server in ["gunicorn", "six"] {
                    assert_eq!(
                        found(&format!("{name}\n{server}\n"), family, python),
                        [""; 0],
                        "{name} {python}"
                    );
                }
                assert_eq!(found(&format!("--no-binary :all:\n{name}\n"), family, python), [""; 0], "{name}");
            }
            assert_eq!(found(&names.join("\n"), family, python), [""; 0], "all of them");
        }
    }
}

/// The samples' own requirements files, as they are.
#[test]
fn for_the_requirements_of_every_sample() {
    let recipes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut looked = 0;
    for entry in std::fs::read_dir(recipes).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path().join("app/requirements.txt")) else {
            continue;
        };
        let read = requirements(&text);
        assert!(read.findings.is_empty(), "{:?}", read.findings);
        assert!(read.packages.len() >= 5 && read.packages.iter().all(|one| one.pinned() && one.hashes > 0));
        for family in FAMILIES {
            assert_eq!(found(&text, family, 13), [""; 0]);
        }
        looked += 1;
    }
    assert!(looked >= 9, "{looked}");
}

#[test]
fn the_sample_has_the_dockerfile_that_is_written_for_it() {
    let app = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/native-dependencies/app");
    let place = Place::new();
    for name in ["app.py", "test_app.py", "requirements.in", "requirements.txt"] {
        place.write(&format!("mine/{name}"), std::fs::read(app.join(name)).unwrap());
    }
    let done = place
        .line("scaffold native-dependencies --requirements mine/requirements.txt --only-binary -o json")
        .code(0);
    assert_eq!(done.json()["scaffold"]["folder"], "mine");
    for name in ["Dockerfile", ".dockerignore"] {
        let written = std::fs::read_to_string(place.work().join("mine").join(name)).unwrap();
        assert_eq!(written, std::fs::read_to_string(app.join(name)).unwrap(), "{name}");
    }
    // Again, nothing is to be written; something else in its place is not replaced unasked, but with --force.
    let again =
        place.line("scaffold native-dependencies --requirements mine/requirements.txt --only-binary").code(0);
    assert!(again.stdout.contains("unchanged"), "{}", again.stdout);
    place.write("mine/Dockerfile", "FROM scratch\n");
    place.write("mine/.dockerignore", "own\n");
    let refused =
        place.line("scaffold native-dependencies --requirements mine/requirements.txt --base alpine").code(2);
    assert!(
        refused.stderr.contains("--requirements mine/requirements.txt --base alpine --force"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(place.work().join("mine/Dockerfile")).unwrap(), "FROM scratch\n");
    let _ = place
        .line("scaffold native-dependencies --requirements mine/requirements.txt --base alpine --python 3.12 --port 5000 --force")
        .code(0);
    let written = std::fs::read_to_string(place.work().join("mine/Dockerfile")).unwrap();
    assert!(
        written.contains("FROM python:3.12-alpine3.22\n") && written.contains("EXPOSE 5000"),
        "{written}"
    );
    // A .dockerignore that is there is its owner's.
    assert_eq!(std::fs::read_to_string(place.work().join("mine/.dockerignore")).unwrap(), "own\n");
}

#[test]
fn what_is_copied_is_what_belongs_to_the_app() {
    let place = Place::new();
    place.write("requirements/base.txt", "flask\n");
    place.write("requirements/prod.txt", "-r base.txt\npsycopg2\nuvicorn\nstarlette\n");
    for file in [
        "main.py",
        "util.py",
        "test_main.py",
        "conftest.py",
        "shop/__init__.py",
        "tests/__init__.py",
        ".env",
        "notes/x.md",
    ] {
        place.write(file, "");
    }
    let _ = place.line("scaffold native-dependencies . --requirements requirements/prod.txt").code(0);
    let written = std::fs::read_to_string(place.work().join("Dockerfile")).unwrap();
    for line in [
        "    && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \\\n",
        "COPY requirements/prod.txt requirements/\nCOPY requirements/base.txt requirements/\n",
        "-r requirements/prod.txt\n",
        "COPY main.py util.py ./\nCOPY shop shop\n",
    ] {
        assert!(written.contains(line), "{line}\n{written}");
    }
    let ignore = std::fs::read_to_string(place.work().join(".dockerignore")).unwrap();
    assert_eq!(
        ignore,
        "# Nothing but what the Dockerfile copies.\n*\n!requirements/prod.txt\n!requirements/base.txt\n!main.py\n!util.py\n!shop\n**/__pycache__\n"
    );
}

#[test]
fn what_no_dockerfile_can_install_is_told_and_nothing_written() {
    let place = Place::new();
    let refused = |text: &str, flags: &str, says: &str| {
        place.write("requirements.txt", text);
        let outcome = place
            .line(&format!("scaffold native-dependencies --requirements requirements.txt {flags}"))
            .code(2);
        assert!(outcome.stderr.contains(says), "{says}\n{}", outcome.stderr);
        assert!(!place.work().join("Dockerfile").exists());
    };
    refused("flask=3\n", "", "requirements.txt:1: this is no requirement");
    refused("flask\n-r gone.txt\n", "", "requirements.txt:2: there is no gone.txt");
    refused("-e .\n", "", "requirements.txt:1");
    refused("./wheels/x-1-py3-none-any.whl\n", "", "requirements.txt:1");
    refused("torch\n", "--base alpine", "torch is published as wheels only");
    refused("psycopg2\n", "--only-binary", "--only-binary allows psycopg2");
    refused("flask\n", "--python 2.7", "--python takes a version");
    refused("-i https://u:hunter2@pypi.example/simple\nflask\n", "", "a credential for pypi.example");
    let outcome = place.line("scaffold native-dependencies --requirements none/requirements.txt").code(2);
    assert!(outcome.stderr.contains("none/requirements.txt"), "{}", outcome.stderr);
    place.write("pyproject.toml", "[project]\nname = 'x'\n");
    let outcome = place.line("scaffold native-dependencies --requirements pyproject.toml").code(2);
    assert!(outcome.stderr.contains("uv pip compile"), "{}", outcome.stderr);
    let outcome = place.line("scaffold storage --requirements requirements.txt").code(2);
    assert!(outcome.stderr.contains("reads no requirements"), "{}", outcome.stderr);
    let _ = place.line("scaffold native-dependencies --python 3.12").code(2);
}
