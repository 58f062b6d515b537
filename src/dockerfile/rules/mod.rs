//! What is wrong with a Dockerfile for a Python app on Container Apps. A rule is kept only where it is right nearly
//! always: one that cries wolf makes people accept all of them.
//!
//! Each has a name that is never renamed, by which a caller accepts what it finds ([`RULES`]), and a file with the
//! question it answers: what the image is made of (`image`), what is in it that should not be (`secrets`,
//! `packages`), what runs (`process`), and what the build context gives (`context`).

mod context;
mod image;
mod listening;
mod packages;
mod process;
mod secrets;

use std::collections::BTreeMap;

use super::{Dockerfile, Place};

pub use listening::{Listening, Port};
pub use secrets::is_secret;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The image cannot be built, does not run, or gives away what it must not.
    Error,
    /// It runs, but not as it should.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// As recipes read it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which is never renamed.
    pub id: &'static str,
    /// How much its findings matter.
    pub severity: Severity,
    /// The page that says why.
    pub docs: &'static str,
}

const REFERENCE: &str = "https://docs.docker.com/reference/dockerfile/";
const PRACTICES: &str = "https://docs.docker.com/build/building/best-practices/";
const CONTEXT: &str = "https://docs.docker.com/build/concepts/context/#dockerignore-files";
const SECRETS: &str = "https://docs.docker.com/build/building/secrets/";
const INGRESS: &str = "https://learn.microsoft.com/azure/container-apps/ingress-overview";
const PROBES: &str = "https://learn.microsoft.com/azure/container-apps/health-probes";
const LIFECYCLE: &str =
    "https://learn.microsoft.com/azure/container-apps/application-lifecycle-management#shutdown";
const PIP: &str = "https://pip.pypa.io/en/stable/topics/secure-installs/";

/// Every rule, in the order of the alphabet.
pub static RULES: &[Rule] = &[
    rule("apt-lists", Severity::Info, "https://docs.docker.com/build/building/best-practices/#apt-get"),
    rule(
        "base-moves",
        Severity::Warning,
        "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
    ),
    rule(
        "base-unpinned",
        Severity::Error,
        "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
    ),
    rule("build-tools", Severity::Warning, "https://docs.docker.com/build/building/multi-stage/"),
    rule("cache-order", Severity::Info, "https://docs.docker.com/build/cache/optimize/#order-your-layers"),
    rule("dockerignore", Severity::Warning, CONTEXT),
    rule("environment-copied", Severity::Error, CONTEXT),
    rule("health-route", Severity::Warning, PROBES),
    rule("healthcheck", Severity::Info, PROBES),
    rule("localhost", Severity::Error, INGRESS),
    rule("missing", Severity::Error, REFERENCE),
    rule("no-command", Severity::Error, "https://docs.docker.com/reference/dockerfile/#cmd"),
    rule("packages-unpinned", Severity::Warning, PIP),
    rule("pip-cache", Severity::Info, "https://pip.pypa.io/en/stable/topics/caching/"),
    rule("port", Severity::Error, INGRESS),
    rule("port-exposed", Severity::Info, "https://docs.docker.com/reference/dockerfile/#expose"),
    rule("port-privileged", Severity::Warning, INGRESS),
    rule("port-unknown", Severity::Info, INGRESS),
    rule("requirements-unhashed", Severity::Info, PIP),
    rule("requirements-unpinned", Severity::Warning, PIP),
    rule("root-user", Severity::Error, "https://docs.docker.com/build/building/best-practices/#user"),
    rule("secret-copied", Severity::Error, SECRETS),
    rule("secret-in-argument", Severity::Warning, SECRETS),
    rule("secret-in-context", Severity::Error, CONTEXT),
    rule("secret-in-environment", Severity::Error, SECRETS),
    rule("shell-form", Severity::Warning, LIFECYCLE),
    rule("syntax", Severity::Error, REFERENCE),
    rule("unknown-rule", Severity::Error, PRACTICES),
    rule(
        "variable-in-exec-form",
        Severity::Error,
        "https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
    ),
];

/// Rules whose findings cannot be accepted: without a Dockerfile nothing can be built.
const NOT_ACCEPTED: &[&str] = &["missing", "syntax", "unknown-rule"];

const fn rule(id: &'static str, severity: Severity, docs: &'static str) -> Rule {
    Rule { id, severity, docs }
}

/// What is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is so, and why that matters. Never the value of anything.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// The page that says why.
    pub docs: &'static str,
    /// The file, as the caller would name it.
    pub file: String,
    /// Where in it; without a place it is the file as a whole.
    pub place: Option<Place>,
}

impl Finding {
    /// `file:line:column`, or the file.
    pub fn at(&self) -> String {
        match self.place {
            Some(place) => format!("{}:{}:{}", self.file, place.line, place.column),
            None => self.file.clone(),
        }
    }
}

/// What lies in a build context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path, with slashes.
    pub path: String,
    /// Whether it is a folder.
    pub folder: bool,
}

/// A package that a requirements file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The package.
    pub name: String,
    /// The file, as the caller would name it.
    pub file: String,
    /// The line.
    pub line: usize,
    /// Whether only one version fits.
    pub pinned: bool,
    /// Whether it stands with a hash.
    pub hashed: bool,
}

/// What is looked at, and what is known around it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The Dockerfile.
    pub dockerfile: &'a Dockerfile,
    /// Its name, as the caller would write it.
    pub file: &'a str,
    /// What the name of a file in the context begins with, as the caller would write it; empty or with a slash.
    pub folder: &'a str,
    /// Whether there is a `.dockerignore`.
    pub ignore: bool,
    /// What is in the build context; `None`: it is not known.
    pub context: Option<&'a [Entry]>,
    /// What of it `.dockerignore` lets through; `None`: it is not known.
    pub sent: Option<&'a [Entry]>,
    /// The requirements files that are installed, by the word that `pip -r` has.
    pub requirements: BTreeMap<String, Vec<Requirement>>,
    /// The texts of the Python files; `None`: they are not all known.
    pub sources: Option<Vec<String>>,
    /// The port that requests come to.
    pub port: Option<u16>,
    /// The path that probes ask for.
    pub health: Option<&'a str>,
}

/// What was found, and what of it was accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Findings, by severity and place.
    pub findings: Vec<Finding>,
    /// The rules whose findings were accepted.
    pub accepted: Vec<&'static str>,
}

/// Everything that is wrong, without what `accept` names; a name there that is no rule's is an error.
pub fn judge(asked: &Asked<'_>, accept: &[String]) -> Found {
    let mut findings = Findings { asked, all: Vec::new() };
    for mistake in &asked.dockerfile.mistakes {
        findings.push("syntax", mistake.place, mistake.message.clone(), "write it as the reference says");
    }
    image::check(asked, &mut findings);
    packages::check(asked, &mut findings);
    secrets::check(asked, &mut findings);
    process::check(asked, &mut findings);
    context::check(asked, &mut findings);
    accepted(findings.all, accept, asked.file)
}

/// That there is no Dockerfile, or that it cannot be read.
pub fn missing(file: &str, why: &str, accept: &[String]) -> Found {
    let finding = Finding {
        rule: "missing",
        severity: Severity::Error,
        message: why.to_owned(),
        fix: "acarecipe scaffold custom-container writes an app with one".to_owned(),
        docs: docs("missing"),
        file: file.to_owned(),
        place: None,
    };
    accepted(vec![finding], accept, file)
}

/// Whether a rule's findings can be accepted.
pub fn acceptable(rule: &str) -> bool {
    !NOT_ACCEPTED.contains(&rule)
}

/// Where the program of the image listens; `None`: it is none that is known.
pub fn listening(asked: &Asked<'_>) -> Option<Listening> {
    process::listening(asked, asked.dockerfile.last()?)
}

fn accepted(all: Vec<Finding>, accept: &[String], file: &str) -> Found {
    let mut found = Found::default();
    let takes = |rule: &str| accept.iter().any(|name| name == rule) && acceptable(rule);
    for finding in all {
        if takes(finding.rule) {
            if !found.accepted.contains(&finding.rule) {
                found.accepted.push(finding.rule);
            }
        } else {
            found.findings.push(finding);
        }
    }
    let known: Vec<&str> = RULES.iter().map(|rule| rule.id).filter(|id| acceptable(id)).collect();
    for name in accept.iter().filter(|name| !known.contains(&name.as_str())) {
        let shown: String = name.chars().take(60).collect();
        found.findings.push(Finding {
            rule: "unknown-rule",
            severity: Severity::Error,
            message: format!("`{shown}` cannot be accepted: it is none of {}", known.join(", ")),
            fix: "accept one of these, or leave it out".to_owned(),
            docs: docs("unknown-rule"),
            file: file.to_owned(),
            place: None,
        });
    }
    found.findings.sort_by(|a, b| (a.severity, &a.file, a.place).cmp(&(b.severity, &b.file, b.place)));
    found
}

fn docs(id: &str) -> &'static str {
    RULES.iter().find(|rule| rule.id == id).map_or(PRACTICES, |rule| rule.docs)
}

/// Findings as the rules add them.
struct Findings<'a> {
    asked: &'a Asked<'a>,
    all: Vec<Finding>,
}

impl Findings<'_> {
    /// A finding in the Dockerfile.
    fn push(&mut self, rule: &'static str, place: Place, message: impl Into<String>, fix: impl Into<String>) {
        self.add(rule, self.asked.file.to_owned(), Some(place), message.into(), fix.into());
    }

    /// A finding in another file of the context, or about one as a whole.
    fn elsewhere(
        &mut self,
        rule: &'static str,
        file: &str,
        place: Option<Place>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(rule, format!("{}{file}", self.asked.folder), place, message.into(), fix.into());
    }

    fn add(&mut self, rule: &'static str, file: String, place: Option<Place>, message: String, fix: String) {
        let severity =
            RULES.iter().find(|known| known.id == rule).map_or(Severity::Error, |known| known.severity);
        self.all.push(Finding { rule, severity, message, fix, docs: docs(rule), file, place });
    }
}
