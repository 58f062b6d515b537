//! Whether a Dockerfile gives native packages what they need, over Dockerfiles that do and that do not.

use acarecipe::dockerfile::Dockerfile;
use acarecipe::requirements::{Stages, judge};

use super::judged::table;
use super::read_text;

/// `severity rule line: package or message`, one a finding, for these requirements.
fn judged(requirements: &str, dockerfile: &str) -> Vec<String> {
    let model = Dockerfile::parse(dockerfile);
    assert!(model.mistakes.is_empty(), "{:?}", model.mistakes);
    let stages = Stages::of(&model, "Dockerfile").unwrap();
    let environment = stages.installed_in();
    let needs = judge(&read_text(requirements), &table(), &environment);
    let found = stages.judge(&needs, &environment);
    for finding in &found {
        assert!(!finding.message.is_empty() && !finding.fix.is_empty() && finding.place.file == "Dockerfile");
    }
    found.iter().map(|one| format!("{} {} {}", one.severity.name(), one.rule, one.place.line)).collect()
}

const GOOD: &str = "FROM python:3.13-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev
RUN python -m venv /venv
COPY requirements.txt .
RUN /venv/bin/pip install -r requirements.txt
FROM python:3.13-slim-trixie
RUN apt-get update && apt-get install -y libpq5
COPY --from=build /venv /venv
";

/// [`GOOD`] with one thing in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to)
}

#[test]
fn two_stages_with_what_each_needs() {
    assert_eq!(judged("psycopg2", GOOD), [""; 0]);
    // What needs nothing may be installed anywhere.
    assert_eq!(judged("flask", "FROM python:3.13-slim\nRUN pip install -r requirements.txt\n"), [""; 0]);
    assert_eq!(
        judged("cryptography", "FROM python:3.13-slim\nRUN pip install -r requirements.txt\n"),
        [""; 0]
    );
}

#[test]
fn what_the_builder_lacks() {
    assert_eq!(judged("psycopg2", &with("gcc libpq-dev", "gcc")), ["error native-build-package 5"]);
    assert_eq!(
        judged(
            "psycopg2",
            &with("RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev\n", "")
        ),
        ["error native-build-package 4", "error native-build-package 4"]
    );
    // What would do as well: a package that brings it, and one with a version.
    assert_eq!(judged("psycopg2", &with("gcc libpq-dev", "build-essential libpq-dev=17.*")), [""; 0]);
    // Installed after pip has run is too late, and in another stage it is not there.
    let late = with(
        "RUN /venv/bin/pip install -r requirements.txt\n",
        "RUN /venv/bin/pip install -r requirements.txt\nRUN apt-get install -y cargo\n",
    );
    assert_eq!(
        judged("cryptography<3", &late),
        ["error native-build-package 5", "error native-runtime-package 7"]
    );
}

#[test]
fn what_the_last_stage_lacks() {
    assert_eq!(
        judged("psycopg2", &with("RUN apt-get update && apt-get install -y libpq5\n", "")),
        ["error native-runtime-package 6"]
    );
    // A package with headers brings the library too.
    assert_eq!(judged("psycopg2", &with("-y libpq5", "-y libpq-dev")), [""; 0]);
    // The most common mistake: a wheel that loads a library of the system.
    assert_eq!(judged("opencv-python", GOOD), ["error native-runtime-package 6"]);
    assert_eq!(judged("opencv-python", &with("-y libpq5", "-y libgl1")), [""; 0]);
}

#[test]
fn one_stage_and_full_images() {
    let one = "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc libpq-dev && pip install -r requirements.txt && apt-get purge -y gcc libpq-dev\n";
    // libpq-dev is gone afterwards, and with it what would bring libpq5.
    assert_eq!(judged("psycopg2", one), ["error native-runtime-package 1"]);
    assert_eq!(judged("psycopg2", "FROM python:3.13\nRUN pip install psycopg2\n"), [""; 0]);
    assert_eq!(
        judged("cryptography<3", "FROM python:3.13\nRUN pip install -r requirements.txt\n"),
        ["error native-build-package 2", "error native-runtime-package 1"]
    );
}

#[test]
fn alpine_has_names_of_its_own() {
    let alpine = "FROM python:3.13-alpine AS build
RUN apk add --no-cache --virtual .build build-base postgresql-dev
RUN pip install --prefix=/install -r requirements.txt && apk del .build
FROM python:3.13-alpine
RUN apk add --no-cache libpq
COPY --from=build /install /usr/local
";
    assert_eq!(judged("psycopg2", alpine), [""; 0]);
    assert_eq!(judged("psycopg2", &alpine.replace("libpq\n", "bash\n")), ["error native-runtime-package 4"]);
    // One stage that adds its libraries under a name and removes them by it.
    let one = "FROM python:3.13-alpine\nRUN apk add -t .build build-base libpq-dev && pip install -r requirements.txt && apk del .build\n";
    assert_eq!(judged("psycopg2", one), ["error native-runtime-package 1"]);
}

#[test]
fn stages_that_do_not_fit_together() {
    let mixed = with("FROM python:3.13-slim-trixie\n", "FROM python:3.13-alpine\n");
    // Debian's names are asked for, because that is where packages are installed.
    assert_eq!(judged("cryptography", &mixed), ["error native-other-library 5"]);
    let older = with("FROM python:3.13-slim-trixie\n", "FROM python:3.12-slim-trixie\n");
    assert_eq!(judged("cryptography", &older), ["error native-other-python 5"]);
    let release = with("FROM python:3.13-slim-trixie\n", "FROM python:3.13-slim-bookworm\n");
    assert_eq!(judged("psycopg2", &release), ["warning native-other-release 5"]);
    // A wheel brings what it needs of the release.
    assert_eq!(judged("cryptography", &release), [""; 0]);
}

#[test]
fn what_is_installed_must_be_copied() {
    for (copy, fits) in [
        ("COPY --from=build /venv /venv", true),
        ("COPY --from=0 /venv/ /venv", true),
        ("COPY --from=build / /", true),
        ("COPY --from=build /venv/lib /venv/lib", true),
        ("COPY --from=build /app /app", false),
        ("COPY --from=build /venvs /venv", false),
        ("COPY venv /venv", false),
        ("COPY --from=python:3.13 /venv /venv", false),
    ] {
        let found = judged("psycopg2", &with("COPY --from=build /venv /venv", copy));
        assert_eq!(
            found.iter().any(|one| one.starts_with("error native-not-copied 5")),
            !fits,
            "{copy}: {found:?}"
        );
    }
    let user = "FROM python:3.13-slim AS build\nRUN pip install --user -r requirements.txt\nFROM python:3.13-slim\nCOPY --from=build /root/.local /root/.local\n";
    assert_eq!(judged("cryptography", user), [""; 0]);
    let global = "FROM python:3.13-slim AS build\nRUN pip install -r requirements.txt\nFROM python:3.13-slim\nCOPY --from=build /usr/local/lib/python3.13/site-packages /usr/local/lib/python3.13/site-packages\n";
    assert_eq!(judged("cryptography", global), [""; 0]);
    let wheels = "FROM python:3.13-slim AS build\nRUN pip wheel -w /wheels -r requirements.txt\nFROM python:3.13-slim\nCOPY --from=build /wheels /wheels\nRUN pip install --no-index --find-links=/wheels -r requirements.txt\n";
    assert_eq!(judged("cryptography", wheels), [""; 0]);
    // Built where there is nothing to build with; the other stage only unpacks.
    assert_eq!(
        judged("cryptography<3", wheels).iter().filter(|one| one.contains("build-package 2")).count(),
        2
    );
}

#[test]
fn a_stage_made_from_another_has_what_that_has() {
    let based = "ARG BASE=python:3.13-slim\nFROM ${BASE} AS base\nRUN apt-get install -y libpq5\nFROM base AS build\nRUN apt-get install -y gcc libpq-dev && python -m venv /venv && /venv/bin/pip install -r requirements.txt\nFROM base\nCOPY --from=build /venv /venv\n";
    assert_eq!(judged("psycopg2", based), [""; 0]);
    let mounted = "FROM python:3.13-slim AS build\nRUN apt-get install -y gcc libpq-dev && pip wheel -r requirements.txt\nFROM python:3.13-slim\nRUN --mount=type=bind,from=build,source=/,target=/w apt-get install -y libpq5 && pip install /w/*.whl\n";
    assert_eq!(judged("psycopg2", mounted), [""; 0]);
}

#[test]
fn what_cannot_be_seen_is_a_warning() {
    let private = with("FROM python:3.13-slim-trixie", "FROM team.azurecr.io/python-base:7")
        .replace("gcc libpq-dev", "gcc")
        .replace("-y libpq5", "-y curl");
    assert_eq!(
        judged("psycopg2", &private),
        ["warning native-build-package 5", "warning native-runtime-package 6"]
    );
    let variable = with("gcc libpq-dev", "gcc $EXTRA");
    assert_eq!(judged("psycopg2", &variable), ["warning native-build-package 5"]);
    let known = with(
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev",
        "ARG EXTRA=\"gcc libpq-dev\"\nRUN apt-get install -y $EXTRA",
    );
    assert_eq!(judged("psycopg2", &known), [""; 0]);
    assert_eq!(
        judged("psycopg2", "FROM python:3.13-slim\nRUN make install\n"),
        ["warning native-install-unseen 1"]
    );
    assert_eq!(judged("psycopg2", "FROM python:3.13-slim\nRUN uv sync\n").len(), 3);
    // A Python newer than the table: perhaps there is a wheel.
    assert_eq!(
        judged("psycopg2-binary", "FROM python:3.15-slim\nRUN pip install -r requirements.txt\n"),
        ["warning native-build-package 2", "warning native-build-package 2"]
    );
}

/// Of a base image that nobody knows here a finding says what could not be told, and names no command of another one.
#[test]
fn another_distribution_is_not_told_to_use_apt() {
    let model = Dockerfile::parse(
        "FROM mcr.microsoft.com/azurelinux/base/python:3.12\nRUN tdnf install -y gcc\nRUN pip install -r requirements.txt\n",
    );
    let stages = Stages::of(&model, "Dockerfile").unwrap();
    let environment = stages.installed_in();
    let all = stages.judge(&judge(&read_text("psycopg2"), &table(), &environment), &environment);
    assert_eq!(all.len(), 3);
    for one in &all {
        assert_eq!(one.severity.name(), "warning");
        assert!(one.message.contains("azurelinux/base/python:3.12 has already is not known here"), "{one:?}");
        assert!(!one.fix.contains("apt") && one.fix.contains("on Debian it is called"), "{one:?}");
    }
}

#[test]
fn what_is_no_dockerfile_is_found() {
    let unread = |text: &str| {
        let model = Dockerfile::parse(text);
        let found = Stages::unread(&model, "Dockerfile");
        assert!(found.iter().all(|one| one.rule == "dockerfile-syntax" && one.severity.name() == "error"));
        found.into_iter().map(|one| format!("{} {}", one.place.at(), one.message)).collect::<Vec<_>>()
    };
    assert_eq!(unread(GOOD), [""; 0]);
    assert_eq!(
        unread("FROM a\nRUNN x\n"),
        ["Dockerfile:2 this line begins with no instruction of a Dockerfile"]
    );
    for none in [String::new(), "this is no Dockerfile\n".to_owned(), "#".repeat(300 * 1024)] {
        let found = unread(&none);
        assert!(!found.is_empty() && found.iter().all(|one| one.contains("nothing of the image is judged")));
    }
}

#[test]
fn installs_in_other_words_are_seen() {
    let lacks =
        ["error native-build-package 2", "error native-build-package 2", "error native-runtime-package 1"];
    for run in [
        "uv pip sync requirements.txt",
        "bash -c \"pip install -r requirements.txt\"",
        "[\"/bin/sh\", \"-ec\", \"pip install -r requirements.txt\"]",
        "bash -o pipefail -c 'true | pip install -r requirements.txt'",
        "pip install /src",
    ] {
        assert_eq!(judged("psycopg2", &format!("FROM python:3.13-slim\nRUN {run}\n")), lacks, "{run}");
    }
    for offline in ["pip install /w/*.whl", "pip install /w/*"] {
        let found = judged("psycopg2", &format!("FROM python:3.13-slim\nRUN {offline}\n"));
        assert_eq!(found, ["warning native-install-unseen 1"], "{offline}");
    }
    // Each mount counts, not the first only.
    let mounts = "FROM python:3.13-slim AS build\nRUN apt-get install -y gcc libpq-dev && pip wheel -w /w -r requirements.txt\nFROM ghcr.io/astral-sh/uv AS uv\nFROM python:3.13-slim\nRUN apt-get install -y libpq5\nRUN --mount=from=uv,target=/uv --mount=from=build,source=/w,target=/w pip install /w/*.whl\n";
    assert_eq!(judged("psycopg2", mounts), [""; 0]);
}

#[test]
fn a_copy_has_the_variables_of_its_own_stage() {
    let copied = with("FROM python:3.13-slim-trixie\n", "FROM python:3.13-slim-trixie\nARG V=/venv\n")
        .replace("COPY --from=build /venv /venv", "COPY --from=build ${V} /venv");
    let elsewhere =
        copied.replace("V=/venv", "V=/other").replace("RUN python -m", "ENV V=/venv\nRUN python -m");
    assert_eq!(judged("psycopg2", &copied), [""; 0]);
    assert_eq!(judged("psycopg2", &elsewhere), ["error native-not-copied 6"]);
}

#[test]
fn findings_say_who_needs_what_and_how_to_give_it() {
    let model = Dockerfile::parse("FROM python:3.13-alpine\nRUN pip install -r requirements.txt\n");
    let stages = Stages::of(&model, "deploy/Dockerfile").unwrap();
    let needs = judge(&read_text("six\npsycopg2==2.9.10"), &table(), &stages.installed_in());
    let found = stages.judge(&needs, &stages.installed_in());
    assert_eq!(found[1].message, "psycopg2 (requirements.txt:2) needs libpq-dev to be built here");
    assert_eq!(found[1].fix, "RUN apk add --no-cache libpq-dev");
    assert_eq!(found[1].place.at(), "deploy/Dockerfile:2");
    let last = found.last().unwrap();
    assert_eq!(
        last.message,
        "psycopg2 (requirements.txt:2) needs libpq to run, which the image's last stage does not have"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever stands in a Dockerfile, it is judged.
    #[test]
    fn anything_like_a_dockerfile(
        lines in proptest::collection::vec(
            proptest::sample::select(vec![
                "FROM python:3.13-slim AS a", "FROM a", "FROM ${X}", "FROM scratch AS 1", "FROM a AS a",
                "RUN pip install -r r.txt", "RUN apk del gcc && apk add -t", "RUN apt-get install -y gcc=",
                "RUN python -m venv", "RUN pip install --prefix", "RUN pip install --target=", "COPY --from=a / /",
                "COPY --from=9 x y", "RUN --mount=from=a,type=bind uv venv", "COPY --from= a b", "ENV A=$A", "RUN",
                "RUN xargs apt-get install < x", "RUN poetry install", "ONBUILD RUN pip install x", "RUN pip wheel",
            ]),
            0..14,
        )
    ) {
        let model = Dockerfile::parse(&lines.join("\n"));
        if let Some(stages) = Stages::of(&model, "Dockerfile") {
            let needs = judge(&read_text("psycopg2\nopencv-python"), &table(), &stages.installed_in());
            stages.judge(&needs, &stages.installed_in());
        }
    }
}
