//! What is found in Dockerfiles: in those of the samples nothing that matters, in those that are wrong on purpose
//! exactly what the table beside them says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use acarecipe::dockerfile::Dockerfile;
use acarecipe::dockerfile::rules::{
    Asked, Entry, Finding, Found, RULES, Requirement, Severity, judge, missing,
};

/// As a sample has it, but for what a test changes.
fn asked<'a>(dockerfile: &'a Dockerfile, file: &'a str) -> Asked<'a> {
    Asked {
        dockerfile,
        file,
        folder: "",
        ignore: true,
        context: Some(&[]),
        sent: Some(&[]),
        requirements: BTreeMap::new(),
        sources: Some(vec!["@app.get(\"/health\")".to_owned()]),
        port: Some(8000),
        health: Some("/health"),
    }
}

fn rules(found: &Found) -> Vec<&'static str> {
    found.findings.iter().map(|finding| finding.rule).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dockerfiles")
}

fn shown(finding: &Finding) -> String {
    format!("{} {} {}", finding.at(), finding.severity.name(), finding.rule)
}

#[test]
fn dockerfiles_that_are_wrong_on_purpose_give_exactly_what_the_table_says() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "Dockerfile"));
    files.sort();
    assert!(files.len() > 25);
    let mut told = Vec::new();
    let mut fired = BTreeSet::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = Dockerfile::parse(&text);
        let found = judge(&asked(&file, name), &[]);
        for finding in &found.findings {
            fired.insert(finding.rule);
            // A reason, not only what is seen; a way out; a page.
            assert!(finding.message.len() > 15 && finding.fix.len() > 8, "{finding:?}");
            assert!(finding.docs.starts_with("https://"), "{finding:?}");
            // What is set is never repeated.
            assert!(
                !finding.message.contains("hunter2") && !finding.message.contains("s3cr3t"),
                "{finding:?}"
            );
        }
        told.extend(found.findings.iter().map(shown));
        if name.starts_with("good-") {
            assert_eq!(found.findings, [], "{name}");
        }
    }
    let table = fs::read_to_string(folder().join("expected.txt")).unwrap();
    let expected: Vec<&str> =
        table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(told, expected, "\n{}", told.join("\n"));
    // Those that need more than the Dockerfile have tests of their own below.
    let others = [
        "dockerignore",
        "health-route",
        "missing",
        "requirements-unhashed",
        "requirements-unpinned",
        "secret-in-context",
        "unknown-rule",
    ];
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    let seen: BTreeSet<&str> = fired.into_iter().chain(others).collect();
    assert_eq!(seen, all);
}

#[test]
fn rules_have_names_in_order_and_a_page() {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    assert!(RULES.iter().all(|rule| rule.docs.starts_with("https://")));
}

#[test]
fn the_samples_have_neither_errors_nor_warnings() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut seen = 0;
    for entry in fs::read_dir(recipes).unwrap() {
        let app = entry.unwrap().path().join("app");
        let Ok(text) = fs::read_to_string(app.join("Dockerfile")) else { continue };
        seen += 1;
        let file = Dockerfile::parse(&text);
        let found = judge(&asked(&file, "Dockerfile"), &[]);
        let bad: Vec<String> =
            found.findings.iter().filter(|one| one.severity != Severity::Info).map(shown).collect();
        assert_eq!(bad, [""; 0], "{}", app.display());
    }
    assert!(seen >= 8);
}

const GOOD: &str = "FROM python:3.13-slim\nCOPY requirements.txt .\n\
    RUN pip install --no-cache-dir -r requirements.txt\nUSER 1000\nENV PORT=8000\nCMD [\"gunicorn\", \"app:app\"]\n";

#[test]
fn requirements_are_looked_into_where_they_are_installed() {
    let file = Dockerfile::parse(GOOD);
    let one = |name: &str, line, pinned, hashed| Requirement {
        name: name.to_owned(),
        file: "requirements.txt".to_owned(),
        line,
        pinned,
        hashed,
    };
    let with = |all: Vec<Requirement>| {
        let requirements = BTreeMap::from([("requirements.txt".to_owned(), all)]);
        judge(&Asked { requirements, folder: "app/", ..asked(&file, "app/Dockerfile") }, &[])
    };
    assert_eq!(rules(&with(vec![one("flask", 1, true, true)])), [""; 0]);
    let loose =
        with(vec![one("a", 1, true, false), one("flask", 3, false, false), one("jinja2", 4, false, true)]);
    assert_eq!(rules(&loose), ["requirements-unpinned"]);
    assert_eq!(loose.findings[0].at(), "app/requirements.txt:3:1");
    assert!(loose.findings[0].message.starts_with("flask, jinja2 may be"), "{:?}", loose.findings);
    let unhashed = with(vec![one("a", 1, true, true), one("flask", 2, true, false)]);
    assert_eq!(rules(&unhashed), ["requirements-unhashed"]);
    assert_eq!(unhashed.findings[0].severity, Severity::Info);
}

#[test]
fn what_is_sent_is_looked_at() {
    let file = Dockerfile::parse(GOOD);
    let entry = |path: &str, folder| Entry { path: path.to_owned(), folder };
    let entries = [
        entry(".env", false),
        entry(".env.example", false),
        entry(".git", true),
        entry("src/__pycache__", true),
        entry("src/lib/__pycache__", true),
        entry(".venv", true),
        entry("app.py", false),
        entry("certs/ca.pem", false),
        entry("certs/tls.key", false),
    ];
    let found = judge(&Asked { sent: Some(&entries), ..asked(&file, "Dockerfile") }, &[]);
    let told: Vec<String> = found.findings.iter().map(shown).collect();
    assert_eq!(
        told,
        [
            ".env error secret-in-context",
            "certs/tls.key error secret-in-context",
            ".git warning dockerignore",
            ".venv warning dockerignore",
            "src/__pycache__ warning dockerignore",
        ]
    );
    assert_eq!(found.findings[2].fix, "echo '**/.git' >> .dockerignore");
    // A name that ends a quote makes no other command.
    let name = [entry("a'; id;'.pem", false), entry("x'y/.env", false), entry("it's.key", false)];
    let found = judge(&Asked { sent: Some(&name), ..asked(&file, "Dockerfile") }, &[]);
    let fixes: Vec<&str> = found.findings.iter().map(|one| one.fix.as_str()).collect();
    assert!(fixes.contains(&r"echo '**/it'\''s.key' >> .dockerignore"), "{fixes:?}");
    // Without a .dockerignore that is what is told, and what is secret.
    let found = judge(&Asked { ignore: false, sent: Some(&entries), ..asked(&file, "Dockerfile") }, &[]);
    assert_eq!(rules(&found), ["secret-in-context", "secret-in-context", "dockerignore"]);
    // What is not known is not judged.
    let found = judge(&Asked { sent: None, ..asked(&file, "Dockerfile") }, &[]);
    assert_eq!(found, Found::default());
}

#[test]
fn the_route_of_the_probes_is_searched_in_the_sources() {
    let file = Dockerfile::parse(GOOD);
    let with = |health: &str, sources: Option<&[&str]>| {
        let sources = sources.map(|sources| sources.iter().map(|&text| text.to_owned()).collect());
        let asked = Asked { sources, health: Some(health), ..asked(&file, "Dockerfile") };
        rules(&judge(&asked, &[]))
    };
    assert_eq!(with("/health", Some(&["@app.get(\"/healthz\")"])), ["health-route"]);
    for text in ["@app.route('/health')", "path('x'), Route(\"/health/\", f)", "HEALTH = '/health'"] {
        assert_eq!(with("/health", Some(&["import os", text])), [""; 0], "{text}");
    }
    assert_eq!(with("/", Some(&["import os"])), [""; 0]);
    assert_eq!(with("/health", Some(&[])), [""; 0]);
    assert_eq!(with("/health", None), [""; 0]);
}

#[test]
fn a_configuration_of_gunicorn_may_say_anything() {
    let file = Dockerfile::parse("FROM python:3.13-slim\nUSER 1\nCMD [\"gunicorn\", \"app:app\"]\n");
    let conf = [Entry { path: "gunicorn.conf.py".to_owned(), folder: false }];
    let found = |context, port| rules(&judge(&Asked { context, port, ..asked(&file, "Dockerfile") }, &[]));
    assert_eq!(found(Some(&[][..]), Some(8000)), ["localhost"]);
    assert_eq!(found(Some(&conf[..]), Some(8000)), ["port-unknown"]);
    assert_eq!(found(None, None), [""; 0]);
}

#[test]
fn what_is_accepted_is_left_out_and_a_name_that_is_no_rules_is_told() {
    let file = Dockerfile::parse("FROM python\nENV PORT=8000\nCMD gunicorn app:app\n");
    let judged = |accept: &[&str]| {
        let accept: Vec<String> = accept.iter().map(|&name| name.to_owned()).collect();
        judge(&asked(&file, "Dockerfile"), &accept)
    };
    assert_eq!(rules(&judged(&[])), ["base-unpinned", "root-user", "shell-form"]);
    let found = judged(&["root-user", "shell-form", "port"]);
    assert_eq!((rules(&found), found.accepted), (vec!["base-unpinned"], vec!["root-user", "shell-form"]));
    let found = judged(&["root_user", "base-unpinned", "shell-form"]);
    assert_eq!(rules(&found), ["unknown-rule", "root-user"]);
    let message = &found.findings[0].message;
    assert!(message.contains("`root_user`") && message.contains("root-user, "), "{message}");
    // Without a Dockerfile there is nothing to accept.
    let accept = ["missing".to_owned()];
    let found = missing("Dockerfile", "there is no such file, and an image is built from one", &accept);
    assert_eq!(rules(&found), ["missing", "unknown-rule"]);
    assert!(found.findings[0].fix.starts_with("acarecipe scaffold custom-container"));
}
