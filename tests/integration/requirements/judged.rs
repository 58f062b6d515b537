//! Which native packages are built, and what of the system they need, over a table made for it.

use acarecipe::requirements::{Environment, Needs, Severity, Table, judge};

use super::{read_all, read_text};

pub(super) fn table() -> Table {
    Table::read(&serde_json::json!({
        "images": {
            "debian": {
                "full": ["gcc", "libpq-dev"],
                "includes": { "build-essential": ["g++", "make"], "g++": ["gcc"], "libpq-dev": ["libpq5"] },
            },
            "alpine": { "includes": { "build-base": ["gcc", "musl-dev"] } },
        },
        "packages": {
            "psycopg2": {
                "import": "psycopg2",
                "build": { "debian": ["gcc", "libpq-dev"], "alpine": ["gcc", "musl-dev", "libpq-dev | postgresql-dev"] },
                "runtime": { "debian": ["libpq5"], "alpine": ["libpq"] },
            },
            "psycopg2-binary": {
                "import": "psycopg2",
                "build": { "debian": ["gcc", "libpq-dev"] },
                "wheels": { "python": { "3.9": "2.9.1", "3.13": "2.9.10" }, "musllinux": "2.9.6" },
                "advice": "for trying out",
            },
            "cryptography": {
                "import": "cryptography.hazmat.bindings._rust",
                "build": { "debian": ["gcc", "cargo"] },
                "runtime": { "debian": ["libssl3 | libssl3t64"] },
                "wheels": { "python": { "3.7+": "3.4" }, "musllinux": "35", "aarch64": "3.4.1" },
            },
            "opencv-python": {
                "import": "cv2",
                "always": { "debian": ["libgl1"] },
                "wheels": { "python": { "3.7+": "4.5.5" } },
            },
            "psycopg": {
                "import": "psycopg",
                "pure": true,
                "always": { "debian": ["libpq5"] },
                "extras": { "c": "psycopg2", "binary": "psycopg2-binary" },
                "satisfied_by": ["psycopg2"],
            },
        },
    }))
    .unwrap()
}

fn needs(text: &str, image: &str) -> Needs {
    judge(&read_text(text), &table(), &Environment::of_image(image))
}

/// `name wheel|build|build? : build packages : runtime packages`.
fn brief(needs: &Needs) -> Vec<String> {
    let one = |native: &acarecipe::requirements::Native| {
        let kind = if native.wheel { "wheel" } else { "build" };
        let sure = if native.certain { "" } else { "?" };
        format!("{} {kind}{sure}: {}: {}", native.name, native.build.join(" "), native.runtime.join(" "))
    };
    needs.native.iter().map(one).collect()
}

fn one(text: &str, image: &str) -> String {
    let all = brief(&needs(text, image));
    assert_eq!(all.len(), 1, "{text} {image}: {all:?}");
    all[0].clone()
}

#[test]
fn what_has_no_wheels_is_built() {
    assert_eq!(one("psycopg2==2.9.10", "python:3.13-slim"), "psycopg2 build: gcc libpq-dev: libpq5");
    assert_eq!(one("psycopg2", "python:3.13-alpine"), "psycopg2 build: gcc musl-dev libpq-dev: libpq");
}

#[test]
fn a_wheel_counts_from_its_version_on() {
    for (text, wheel) in [
        ("psycopg2-binary", true),
        ("psycopg2-binary==2.9.10", true),
        ("psycopg2-binary==2.9.9", false),
        ("psycopg2-binary>=2.8", true),
        ("psycopg2-binary~=2.9.1", true),
        ("psycopg2-binary<2.9.10", false),
        ("psycopg2-binary<=2.9.10", true),
        ("psycopg2-binary>2.9.10,<2.10", true),
        ("psycopg2-binary==2.9.*", true),
        ("psycopg2-binary==2.8.*", false),
        ("psycopg2-binary>=2.9,!=2.9.10,<=2.9.10", false),
        ("psycopg2-binary===2.9.9", false),
    ] {
        let got = one(text, "python:3.13-slim");
        assert_eq!(got.contains("wheel"), wheel, "{text}: {got}");
    }
    // The row of the Python counts, and what is asked for twice counts together.
    assert!(one("psycopg2-binary==2.9.9", "python:3.9-slim").contains("wheel"));
    let read = read_all(&[("r.txt", "-c c.txt\npsycopg2-binary"), ("c.txt", "psycopg2-binary<2.9.10")]);
    let got = judge(&read, &table(), &Environment::of_image("python:3.13-slim"));
    assert_eq!(brief(&got), ["psycopg2-binary build: gcc libpq-dev: "]);
    assert_eq!(got.native[0].place.at(), "r.txt:2");
}

#[test]
fn machine_and_library_have_wheels_of_their_own() {
    let arm = |text: &str, image: &str| {
        let image = Environment::of_image(image).on("linux/arm64");
        brief(&judge(&read_text(text), &table(), &image))[0].contains("wheel")
    };
    assert!(one("cryptography==3.4", "python:3.13-slim").contains("wheel"));
    assert!(!arm("cryptography==3.4", "python:3.13-slim"));
    assert!(arm("cryptography==3.4.1", "python:3.13-slim"));
    assert!(!one("cryptography==34", "python:3.13-alpine").contains("wheel"));
    assert!(one("cryptography==35", "python:3.13-alpine").contains("wheel"));
    assert!(!arm("cryptography==35", "python:3.13-alpine"));
    assert!(!one("opencv-python", "python:3.13-alpine").contains("wheel"));
    assert!(one("psycopg2-binary==2.9.10", "python:3.13-alpine").contains("wheel"));
}

#[test]
fn a_python_that_the_table_does_not_know_is_not_certain() {
    assert_eq!(one("psycopg2-binary", "python:3.14-slim"), "psycopg2-binary build?: gcc libpq-dev: ");
    // Nor is one between two rows or before them; the stable ABI goes on.
    assert_eq!(one("psycopg2-binary", "python:3.11-slim"), "psycopg2-binary build?: gcc libpq-dev: ");
    assert_eq!(one("psycopg2-binary", "python:3.8-slim"), "psycopg2-binary build?: gcc libpq-dev: ");
    assert_eq!(one("cryptography", "python:3.20-slim"), "cryptography wheel: : ");
    // No Python at all: only what holds for each of them is certain.
    assert_eq!(one("psycopg2-binary", "debian:12"), "psycopg2-binary wheel: : ");
    assert_eq!(one("psycopg2-binary==2.9.9", "debian:12"), "psycopg2-binary build?: gcc libpq-dev: ");
}

#[test]
fn options_and_places_decide_before_the_table() {
    for (text, wheel) in [
        ("--no-binary :all:\ncryptography", false),
        ("--no-binary cryptography\ncryptography", false),
        ("--no-binary :all:\n--only-binary cryptography\ncryptography", true),
        ("--only-binary :all:\n--no-binary :all:\ncryptography", false),
        ("cryptography @ git+https://github.com/pyca/cryptography", false),
        ("cryptography @ https://e.example/cryptography-44.0.0.tar.gz", false),
        ("./cryptography-1.0-cp37-abi3-manylinux_2_28_x86_64.whl", true),
    ] {
        assert_eq!(one(text, "python:3.13-slim").contains("wheel"), wheel, "{text}");
    }
    let got = needs("--only-binary :all:\npsycopg2\ncryptography\n", "python:3.13-slim");
    let told: Vec<_> = got.findings.iter().map(|one| (one.rule, one.severity, one.place.line)).collect();
    assert_eq!(told, [("native-only-binary", Severity::Error, 2)]);
}

#[test]
fn what_is_not_installed_needs_nothing() {
    assert_eq!(brief(&needs("psycopg2 ; sys_platform == 'win32'\nflask", "python:3.13")), [""; 0]);
    assert_eq!(brief(&needs("psycopg2 ; python_version < '3.9'", "python:3.13")), [""; 0]);
    let constraint = read_all(&[("r.txt", "-c c.txt"), ("c.txt", "psycopg2")]);
    assert!(judge(&constraint, &table(), &Environment::of_image("python:3.13")).native.is_empty());
    // What may be installed counts.
    assert_eq!(brief(&needs("psycopg2 ; python_full_version > '3.13.2'", "python:3.13")).len(), 1);
}

#[test]
fn extras_stand_for_the_packages_that_they_bring() {
    assert_eq!(brief(&needs("psycopg==3.2.3", "python:3.13-slim")), ["psycopg wheel: : libpq5"]);
    assert_eq!(brief(&needs("psycopg[binary]", "python:3.13-slim")), ["psycopg2-binary wheel: : "]);
    assert_eq!(brief(&needs("psycopg[c]", "python:3.13-slim")), ["psycopg2 build: gcc libpq-dev: libpq5"]);
    // As a lock file has it: the extra's package on a line of its own.
    assert_eq!(
        brief(&needs("psycopg\npsycopg2", "python:3.13-slim")),
        ["psycopg2 build: gcc libpq-dev: libpq5"]
    );
}

#[test]
fn each_system_package_is_needed_once_and_by_whom() {
    let got = needs("psycopg2\ncryptography<3\nopencv-python", "python:3.13-slim");
    let told = |needed: &[acarecipe::requirements::Needed]| -> Vec<String> {
        needed
            .iter()
            .map(|one| {
                format!("{} ({}) by {} full={}", one.package, one.any.join(","), one.by.join(","), one.full)
            })
            .collect()
    };
    assert_eq!(
        told(&got.build),
        [
            "cargo (cargo) by cryptography full=false",
            "gcc (gcc,g++,build-essential) by psycopg2,cryptography full=true",
            "libpq-dev (libpq-dev) by psycopg2 full=true",
        ]
    );
    assert_eq!(
        told(&got.runtime),
        [
            "libgl1 (libgl1) by opencv-python full=false",
            "libpq5 (libpq5,libpq-dev) by psycopg2 full=true",
            "libssl3 (libssl3,libssl3t64) by cryptography full=false",
        ]
    );
    let advice = needs("psycopg2-binary", "python:3.13");
    assert_eq!(advice.findings[0].rule, "native-advice");
    assert_eq!(advice.findings[0].severity, Severity::Info);
}

/// One hash asks for all of them, as pip does; but what is not installed here needs none.
#[test]
fn hashes_are_asked_of_what_is_installed() {
    let of = |text: &str| -> Vec<String> {
        let found = needs(text, "python:3.13-slim").findings;
        found.iter().map(|one| format!("{} {} {}", one.severity.name(), one.rule, one.place.line)).collect()
    };
    assert_eq!(of("foo==1\nbar==1"), [""; 0]);
    assert_eq!(of("foo==1 --hash=sha256:aa\nbar==1"), ["error requirement-without-hash 2"]);
    assert_eq!(of("--require-hashes\nbar==1"), ["error requirement-without-hash 2"]);
    assert_eq!(of("foo==1 --hash=sha256:aa\nbar==1 ; sys_platform == 'win32'"), [""; 0]);
    assert_eq!(of("foo==1 ; sys_platform == 'win32' --hash=sha256:aa\nbar==1"), [""; 0]);
    // A marker that the name of the image does not settle.
    assert_eq!(
        of("foo==1 --hash=sha256:aa\nbar==1 ; python_full_version >= '3.13.2'"),
        ["warning requirement-without-hash 2"]
    );
}

#[test]
fn the_name_of_an_image_says_what_it_is() {
    let of = |image: &str| {
        let found = Environment::of_image(image);
        format!("{:?} {:?} {:?} {}", found.python, found.family, found.release, found.full)
    };
    assert_eq!(of("python:3.13-slim-bookworm"), "Some(13) Some(Debian) Some(\"bookworm\") false");
    assert_eq!(of("docker.io/library/python:3.12.4"), "Some(12) Some(Debian) None true");
    assert_eq!(of("python:3.14-rc-alpine3.20@sha256:ab"), "Some(14) Some(Alpine) None false");
    assert_eq!(of("mcr.microsoft.com/devcontainers/python:3.12"), "Some(12) Some(Debian) None true");
    assert_eq!(of("public.ecr.aws/docker/library/python:3.12-slim"), "Some(12) Some(Debian) None false");
    // The same last name, and yet neither Debian nor a compiler.
    assert_eq!(of("mcr.microsoft.com/azurelinux/base/python:3.12"), "Some(12) None None false");
    assert_eq!(of("cgr.dev/chainguard/python:latest-dev"), "None None None false");
    assert_eq!(of("public.ecr.aws/lambda/python:3.12"), "Some(12) None None false");
    assert_eq!(of("localhost:5000/python:3.13-slim"), "Some(13) None None false");
    assert_eq!(of("team.example/base:3.13-bookworm"), "None Some(Debian) Some(\"bookworm\") false");
    assert_eq!(of("alpine:3.20"), "None Some(Alpine) None false");
    assert_eq!(of("ubuntu:noble"), "None Some(Debian) Some(\"noble\") false");
    assert_eq!(of("myregistry.azurecr.io/base:1"), "None None None false");
    assert_eq!(of("scratch"), "None None None false");
}

#[test]
fn a_table_says_what_is_wrong_with_it() {
    let of = |json: serde_json::Value| Table::read(&json).unwrap_err().to_string();
    assert_eq!(of(serde_json::json!([])), "the table: is no map");
    assert_eq!(of(serde_json::json!({ "pakages": {} })), "pakages: is no part of a table of packages");
    let row = |row: serde_json::Value| of(serde_json::json!({ "packages": { "x": row } }));
    assert_eq!(row(serde_json::json!({})), "packages.x: has no `import`");
    assert_eq!(
        row(serde_json::json!({ "import": "os; print(1)" })),
        "packages.x.import: is not in the form that stands here"
    );
    assert_eq!(
        row(serde_json::json!({ "import": "x", "build": { "debian": ["gcc && curl"] } })),
        "packages.x.build.debian: holds what is no name of a system package"
    );
    assert_eq!(
        row(serde_json::json!({ "import": "x", "build": { "fedora": [] } })),
        "packages.x.build.fedora: has a family that is neither `debian` nor `alpine`"
    );
    assert_eq!(
        row(serde_json::json!({ "import": "x", "wheels": { "python": { "3.9": 1.2 } } })),
        "packages.x.wheels.python.3.9: is no text; a version stands in quotes"
    );
    assert_eq!(row(serde_json::json!({ "import": "x", "wheels": {} })), "packages.x.wheels: has no `python`");
    assert_eq!(
        row(serde_json::json!({ "import": "x", "extras": { "a": "y" } })),
        "packages.x.extras: there is no package y"
    );
    assert_eq!(
        of(serde_json::json!({ "packages": { "My_X": {} } })),
        "packages.My_X: is not written as package indexes compare names"
    );
}
